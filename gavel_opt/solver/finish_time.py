"""Finish-time fairness from the times of the jobs to their shares in one compiled call.

Where no two jobs are alike its program has a group for each job: screening, solution and spreading one after
the other, by the functions that do them step by step, and so with the same bits.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.groups import all_differ
from gavel_opt.kernels.input_checks import all_finite, are_ordinary
from gavel_opt.kernels.isolation import finish_times
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.job_columns import PastColumns
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.solution import Certificate
from gavel_opt.solver.memory import Memory
from gavel_opt.solver.one_step import carry_out, filled_task, finish_time_terms, hand_out
from gavel_opt.solver.optimum import PROVED
from gavel_opt.solver.prices.cheapest_mix import Given
from gavel_opt.solver.prices.shortcuts import solve_direct
from gavel_opt.solver.records import Found
from gavel_opt.solver.task import Task


def finish_time_optimum(
    state: ClusterState,
    past: PastColumns,
    plain: bool,
    widest: int,
    tie_break: str,
    memory: Memory,
) -> tuple[Floats, Certificate] | None:
    """Solve finish-time fairness over the jobs of a state; None if its program must be made for that.

    Parameters
    ----------
    past
        What the policy remembers; gets what it does from now on.
    plain
        Whether the throughputs of the reference stand for those of all types.
    widest
        Largest scale factor that a job may have.

    Returns
    -------
    shares, certificate
        Shares of shape ``(n, J)``; and what proves them.
    """
    terms = finish_time_terms(widest, plain, state.throughputs, tie_break, PROVED)
    task = filled_task(state, past, terms, memory)
    return None if task is None else carry_out(finish_time_shares, task)


@compiled
def finish_time_shares(task: Task) -> int:
    """Make the program of finish-time fairness with a group for each job, solve it and hand out the shares.

    Returns 0 unless that gave a proven optimum; it gives none where anything is odd, two jobs have equal steps
    left, or one has none left. The past is brought up to date unless anything is odd; doing so twice is as
    doing so once.
    """
    jobs, terms, alone, workers, past = (
        task.jobs,
        task.terms[0],
        task.alone,
        task.workers,
        task.past,
    )
    size, types = jobs.size[0], workers.size
    number, key, scale = jobs.job[:size], jobs.key[:size], jobs.scale_factor[:size]
    age, steps = jobs.age[:size], jobs.steps_left[:size]
    limits = (alone.shape[0], terms.widest)
    if size == 0 or not are_ordinary(key, scale, jobs.weight[:size], steps, age, limits):
        return 0
    if past.job.size < size:
        return 0
    speed, solo, time, isolated = finish_times(
        alone, key, scale, workers, terms.reference, number, steps, past
    )
    past.size[0] = size
    for job in range(size):
        past.job[job], past.steps[job] = number[job], steps[job]
        past.alone[job], past.time[job] = solo[job], time[job]
    for job in range(size):
        if not steps[job] > 0.0:
            return 0
    nobody, none = np.empty((0, types)), np.empty(0)
    if not all_finite(speed, nobody, age, steps, isolated, none, none):
        return 0
    if not all_differ(steps.view(np.uint64)):
        return 0
    x, level_dual, price, summary = (
        np.empty((size, types)),
        np.empty(size),
        np.empty(types),
        np.empty(6),
    )
    counts, use = np.ones(size, np.int64), scale.astype(np.float64)
    given = Given(speed, use, counts, workers.astype(np.float64), none, none, age, steps, isolated)
    outcome = solve_direct(given, task.start, Found(x, level_dual, price, summary))
    return int(hand_out(outcome, x, np.arange(size), summary, task))
