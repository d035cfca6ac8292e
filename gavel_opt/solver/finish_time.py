"""Finish-time fairness from the times of the jobs to their shares in one compiled call.

Where no two jobs are alike its program has a group for each job: screening, solution and spreading one after
the other, by the functions that do them step by step, and so with the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gavel_opt.arrays import Floats, Ints, plain_array
from gavel_opt.kernels.finite import all_finite
from gavel_opt.kernels.groups import all_differ, clipped_shares
from gavel_opt.kernels.jit import compiled
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.solution import Certificate
from gavel_opt.solver.hull import Given
from gavel_opt.solver.one_step import proven_shares
from gavel_opt.solver.optimum import PROVED, Memory
from gavel_opt.solver.records import Found
from gavel_opt.solver.shortcuts import NONE, solve_direct


def finish_time_optimum(
    state: ClusterState, speed: Floats, isolated: Floats, tie_break: str, memory: Memory
) -> tuple[Floats, Certificate] | None:
    """Solve finish-time fairness over the jobs of a state; None if its program must be made for that.

    Parameters
    ----------
    speed, isolated
        Steps per second of each job, shape ``(n, J)``; seconds under isolation in all, shape ``(n,)``.

    Returns
    -------
    shares, certificate
        Shares of shape ``(n, J)``; and what proves them.
    """
    types = state.workers.size
    given: tuple[Any, ...] = (
        speed,
        plain_array(state.scale_factor),
        plain_array(state.workers),
        (plain_array(state.age), plain_array(state.steps_left), isolated),
        memory.for_types(types),
    )
    found = proven_shares(finish_time_shares, given, types, tie_break)
    return found if found is not None and found[1].within(PROVED) else None


@compiled
def finish_time_shares(
    speed: Floats,
    scale: Ints,
    workers: Ints,
    times: tuple[Floats, Floats, Floats],
    start: Floats,
) -> tuple[int, Floats, Floats]:
    """Make the program of finish-time fairness with a group for each job, solve it and hand out the shares.

    Parameters
    ----------
    speed, scale
        Steps per second, shape ``(n, J)``, and scale factor of each job.
    workers
        Of each type, shape ``(J,)``.
    times
        Age, steps left, and seconds under isolation of each job.
    start
        As for :func:`~gavel_opt.solver.shortcuts.solve_direct`.

    Returns
    -------
    outcome
        Of ``solve_direct``. Nothing else is to be used unless that is an optimum; it is none where two
        jobs have equal steps left, one has none left, or a value is not finite.
    shares, summary
        As for :func:`gavel_opt.solver.max_min.fair_shares`.
    """
    jobs, types = speed.shape
    age, steps, isolated = times
    summary = np.empty(6)
    nobody, none = np.empty((0, types)), np.empty(0)
    for job in range(jobs):
        if not steps[job] > 0.0:
            return NONE, nobody, summary
    if not all_finite(speed, nobody, age, steps, isolated, none, none):
        return NONE, nobody, summary
    if not all_differ(steps.view(np.uint64)):
        return NONE, nobody, summary
    x, level_dual, price = np.empty((jobs, types)), np.empty(jobs), np.empty(types)
    counts, use = np.ones(jobs, np.int64), scale.astype(np.float64)
    given = Given(speed, use, counts, workers.astype(np.float64), none, none, age, steps, isolated)
    outcome = solve_direct(given, start, Found(x, level_dual, price, summary))
    return outcome, clipped_shares(x, np.arange(jobs)), summary
