"""From the jobs to their shares in one compiled call: what max-min and finish-time fairness have in common.

The call takes a :class:`Task`. A simulation has one made of the columns in which its own compiled code keeps
its jobs, and has it carried out from there again and again (:class:`gavel_opt.kernels.arguments.Call`). A state
from elsewhere is copied into one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gavel_opt.arrays import Floats, Ints, plain_array
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.job_columns import NO_PAST, JobColumns, PastColumns
from gavel_opt.model.cluster_state import ClusterState, StandingState, ThroughputTable
from gavel_opt.model.solution import Certificate
from gavel_opt.solver.memory import Memory
from gavel_opt.solver.prices.shortcuts import BOTTLENECK, PRICED
from gavel_opt.solver.settings import MANY_TYPES
from gavel_opt.solver.task import TERMS, Task

_FEW = 4096
"""Up to so many jobs, and rows of throughputs, are copied into a task that stays: its arrays have been looked
at once and for all. More are left where they are."""


Terms = tuple[int, int, float, bool, bool]
"""Values of TERMS."""


def max_min_terms(widest: int, plain: bool, tie_break: str, tolerance: float) -> Terms:
    """Terms of max-min fairness."""
    return widest, -1, tolerance, plain, tie_break == "efficient"


def finish_time_terms(
    widest: int, plain: bool, table: ThroughputTable, tie_break: str, tolerance: float
) -> Terms:
    """Terms of finish-time fairness, whose plain variant takes the reference's throughputs for all."""
    return widest, table.reference if plain else -1, tolerance, False, tie_break == "efficient"


def standing_task(state: StandingState, past: PastColumns, terms: Terms, memory: Memory) -> Task:
    """A task with the jobs that are there when it is carried out."""
    alone, workers = plain_array(state.throughputs.alone), plain_array(state.workers)
    start = memory.for_types(workers.size)
    return Task(state.jobs, alone, workers, np.array([terms], TERMS), start, past)


def filled_task(
    state: ClusterState, past: PastColumns, terms: Terms, memory: Memory
) -> Task | None:
    """A task with the jobs of a state, to be used before the next one is asked for.

    None if columns are not as long as each other, or hold what they should not.
    """
    given = {"key": state.key, "scale_factor": state.scale_factor, "weight": state.weight}
    if past is not NO_PAST:
        given |= {"job": state.job, "steps_left": state.steps_left, "age": state.age}
    jobs, table = state.key.size, state.throughputs
    for name, column in given.items():
        if column.size != jobs or column.dtype.kind not in ("fiu" if name in _REAL else "iu"):
            return None
    if jobs > _FEW or len(table.alone) > _FEW:
        columns = JobColumns.with_room(0, state.workers.size)._replace(
            shares=np.empty((jobs, state.workers.size)),
            **{
                name: plain_array(column.astype(float if name in _REAL else np.int64, copy=False))
                for name, column in given.items()
            },
        )
        task = standing_task(StandingState(columns, table, state.workers), past, terms, memory)
    else:
        task = _kept_task(state, past, memory)
        for name, column in given.items():
            getattr(task.jobs, name)[:jobs] = column
        task.alone[:], task.workers[:] = table.alone, state.workers
        task.terms[0] = terms
    task.jobs.size[0] = jobs
    return task


_REAL = ("weight", "steps_left", "age")


def _kept_task(state: ClusterState, past: PastColumns, memory: Memory) -> Task:
    """The task of before, or a new one where that has no room."""
    task, jobs, types = memory.task, state.key.size, state.workers.size
    alone, start = state.throughputs.alone, memory.for_types(types)
    fits = task is not None and task.start is start and task.alone.shape == alone.shape
    if task is not None and fits and task.past is past and len(task.jobs.key) >= jobs:
        return task
    columns = JobColumns.with_room(max(64, 2 * jobs), types)
    terms = np.zeros(1, TERMS)
    room = np.empty(alone.shape), np.empty(types, np.int64)
    memory.task = task = Task(columns, *room, terms, start, past)
    return task


def carry_out(kernel: Callable[[Task], int], task: Task) -> tuple[Floats, Certificate] | None:
    """Have a kernel make a program of the jobs, solve it and hand out the shares.

    Returns
    -------
    shares, certificate
        Shares of shape ``(n, J)``, and what proves them; None where the program must be made for that.
    """
    if task.workers.size > MANY_TYPES:
        return None  # which method they take is known once there are groups
    if not kernel(task):
        return None
    shares, jobs = task.jobs.shares, int(task.jobs.size[0])
    return shares[:jobs].copy() if jobs <= _FEW else shares, Certificate(
        *task.jobs.proof[:3].tolist()
    )


@compiled
def hand_out(outcome: int, x: Floats, of_job: Ints, summary: Floats, task: Task) -> int:
    """Give each job its row of ``x``, shape ``(G, J)``, within [0, 1]; 0 if that is not what is wanted.

    Parameters
    ----------
    outcome, summary
        Of :func:`~gavel_opt.solver.prices.shortcuts.solve_direct`.
    of_job
        Row of each job.
    """
    terms = task.terms[0]
    # the efficient optimum of a program whose level one job decides is found from its blocks
    if outcome != PRICED and (outcome != BOTTLENECK or terms.efficient):
        return 0
    proof, shares = task.jobs.proof, task.jobs.shares
    proof[3] = 1.0
    for k in range(3):
        proof[k] = summary[2 + k]
        if not proof[k] <= terms.tolerance:
            return 0
    for job in range(of_job.size):
        for j in range(x.shape[1]):
            shares[job, j] = min(max(x[of_job[job], j], 0.0), 1.0)
    return 1
