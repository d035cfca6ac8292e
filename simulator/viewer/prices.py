"""Which price or limit of an allocation's program made a share what it is.

The program is solved again on HiGHS, whose dual solution gives a price to each worker type and to each
job's own time. In an optimum an hour of a job on a type is worth at most what it costs, and exactly that
where the job has a share: a share of 0 is explained by how much too dear the hour is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gavel_opt import (
    AllocationProgram,
    ClusterState,
    FinishTimeProgram,
    GavelError,
    LinearProgram,
    Solution,
    solve,
)
from gavel_opt.arrays import Floats, Ints
from gavel_opt.model.allocation_program import ProductProgram, Program
from gavel_opt.model.finish_time import level_program
from gavel_opt.model.lowering import lower
from gavel_opt.policies import solves
from simulator.runs.policy_of_run import policy_of
from simulator.runs.simulation import driver_of
from simulator.settings.config import RunConfig

ENGINE = "highs"


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Prices of one recomputation, in units of the program's objective.

    Attributes
    ----------
    job
        Job numbers, shape ``(n,)``.
    worth
        What a unit of the job's time on each type adds, shape ``(n, J)``.
    capacity
        Price of a worker of each type, shape ``(J,)``.
    cost
        What a unit of the job's time takes of the types' capacity, at that price, shape ``(n, J)``.
    own
        Price of the job's own time: positive where all of it is given out, shape ``(n,)``.
    programs
        How many programs the policy solved; the prices are those of the last.
    """

    job: Ints
    worth: Floats
    capacity: Floats
    cost: Floats
    own: Floats
    programs: int

    @property
    def too_dear(self) -> Floats:
        """By how much an hour costs more than it is worth, shape ``(n, J)``; 0 where it has a share."""
        return self.cost + self.own[:, None] - self.worth


def prices_of(config: RunConfig, memory: dict[str, Any], state: ClusterState) -> Prices | None:
    """Solve a recomputation's programs again for their prices.

    Parameters
    ----------
    config
        The run.
    memory
        What the policy remembered before it (``Policy.snapshot``).
    state
        What it saw.

    Returns
    -------
    Prices or None
        None if the policy solves no linear program, or none that has prices.
    """
    policy = policy_of(config)
    if not solves(policy):
        return None
    policy.restore(memory)
    asked: list[tuple[Program | ProductProgram, float]] = []
    driver = driver_of(config, policy)
    try:
        driver.run_programs(
            state, False, lambda program, answer: asked.append((program, answer.level))
        )
    except GavelError:
        return None
    if not asked:
        return None
    last, level = asked[-1]
    if isinstance(last, FinishTimeProgram):
        last = level_program(last, level)
    if not isinstance(last, AllocationProgram):
        return None
    general = lower(last)
    solution = solve(general, ENGINE)
    if solution.row_dual is None:
        return None
    return _read(general, solution, state, len(asked))


def _read(
    program: LinearProgram, solution: Solution, state: ClusterState, programs: int
) -> Prices | None:
    """Prices from a dual solution; the layout is that of ``gavel_opt.model.lowering``."""
    jobs, types = int(state.job.size), len(state.worker_types)
    dual = np.asarray(solution.row_dual)
    levels = dual.size - types - jobs
    columns = program.c.size
    level = columns % types if types > 1 else int(columns > jobs)
    if levels < 0 or (columns - level) % types:
        return None
    combinations = (columns - level) // types
    capacity, own = dual[levels : levels + types], dual[levels + types :]
    matrix = program.a.tocsc()
    worth = program.c - matrix[:levels].T @ dual[:levels] if levels else program.c.copy()
    cost = matrix[levels : levels + types].T @ capacity

    def by_job(values: Floats) -> Floats:
        return values[level:].reshape((combinations, types), order="F")[:jobs]

    return Prices(
        state.job.copy(),
        by_job(np.asarray(worth)),
        np.maximum(capacity, 0.0),
        by_job(np.asarray(cost)),
        np.maximum(own, 0.0),
        programs,
    )
