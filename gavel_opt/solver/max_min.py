"""Max-min fairness from the jobs to their shares in one compiled call.

What grouping, program, solution and spreading do one after the other (:mod:`gavel_opt.kernels.groups`,
:mod:`gavel_opt.kernels.max_min_rows`, :mod:`~gavel_opt.solver.prices.shortcuts`), by the same functions and so with the same
bits. In a simulation a solve takes 10 microseconds; going back and forth between Python and compiled code
for each of these steps would cost three times that.
"""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.groups import group_keys
from gavel_opt.kernels.input_checks import all_finite
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.job_columns import NO_PAST
from gavel_opt.kernels.max_min_rows import fairness_rows
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.solution import Certificate
from gavel_opt.solver.memory import Memory
from gavel_opt.solver.one_step import carry_out, filled_task, hand_out, max_min_terms
from gavel_opt.solver.prices.cheapest_mix import Given
from gavel_opt.solver.prices.shortcuts import solve_direct
from gavel_opt.solver.records import Found
from gavel_opt.solver.task import Task


def max_min_optimum(
    state: ClusterState, plain: bool, widest: int, tie_break: str, memory: Memory
) -> tuple[Floats, Certificate] | None:
    """Solve max-min fairness over the jobs of a state; None if its program must be made for that.

    Returns
    -------
    shares, certificate
        Shares of shape ``(n, J)``; and what proves them.
    """
    task = filled_task(state, NO_PAST, max_min_terms(widest, plain, tie_break, math.inf), memory)
    return None if task is None else carry_out(fair_shares, task)


@compiled
def fair_shares(task: Task) -> int:
    """Group the jobs, make the program, solve it and hand out the shares.

    Returns 0, and has done nothing, unless that gave a proven optimum, or where :func:`fairness_given` has no
    program.
    """
    of_job, _, given = fairness_given(task)
    groups, types = given.rate.shape
    if groups == 0:
        return 0
    x, level_dual, price = np.empty((groups, types)), np.empty(groups), np.empty(types)
    summary = np.empty(6)
    outcome = solve_direct(given, task.start, Found(x, level_dual, price, summary))
    return int(hand_out(outcome, x, of_job, summary, task))


@compiled
def fairness_given(task: Task) -> tuple[Ints, Ints, Given]:
    """Group the jobs and make the program of max-min fairness: group of each job, first job of each group, program.

    There are no groups where they cannot be found by key, a job has no weight or its scale factor is not
    positive or too large, or the throughputs are not what they should be.
    """
    jobs, terms, alone, workers = task.jobs, task.terms[0], task.alone, task.workers
    size, types, rows = jobs.size[0], workers.size, alone.shape[0]
    key, scale, weight = jobs.key[:size], jobs.scale_factor[:size], jobs.weight[:size]
    none, nobody, no_job = np.empty(0), np.empty((0, types)), np.empty(0, np.int64)
    nothing = Given(nobody, none, no_job, none, none, none, none, none, none)
    for job in range(size):
        if not (0 <= key[job] < rows and 0 < scale[job] <= terms.widest and weight[job] > 0.0):
            return no_job, no_job, nothing
    kind = scale if terms.plain else key
    most = rows
    if terms.plain:
        most = 0
        for job in range(size):
            most = max(most, kind[job] + 1)
    of_job, first, count, _ = group_keys(kind, scale, weight, most)
    if first.size == 0:
        return no_job, no_job, nothing
    rate, use, slope, floor, _ = fairness_rows(
        alone, key, scale, weight, workers, first, count, bool(terms.plain)
    )
    if not all_finite(rate, nobody, none, none, none, none, none):
        return no_job, no_job, nothing
    available = workers.astype(np.float64)
    return of_job, first, Given(rate, use, count, available, slope, floor, none, none, none)
