"""Max-min fairness from the jobs to their shares in one compiled call.

What grouping, program, solution and spreading do one after the other (:mod:`gavel_opt.kernels.groups`,
:mod:`gavel_opt.kernels.max_min_rows`, :mod:`~gavel_opt.solver.prices.shortcuts`), by the same functions and so with the same
bits. In a simulation a solve takes 10 microseconds; going back and forth between Python and compiled code
for each of these steps would cost three times that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.groups import group_keys
from gavel_opt.kernels.input_checks import all_finite
from gavel_opt.kernels.jit import compiled, compiled_apart
from gavel_opt.kernels.max_min_rows import fairness_rows
from gavel_opt.solver.one_step import solve_and_hand_out
from gavel_opt.solver.prices.cheapest_mix import Given
from gavel_opt.solver.task import Into, Task

Columns = tuple[Ints, Ints, Floats]
"""Key, scale factor and weight of each job."""


@compiled_apart
def fair_shares_of(
    columns: Columns,
    rates: tuple[Floats, Ints],
    given: np.ndarray[Any, Any],
    start: Floats,
    into: Into,
) -> int:
    """Group the jobs, make the program, solve it and hand out the shares.

    Returns 0 unless that gave a proven optimum, or where :func:`fairness_given` has no program.

    Parameters
    ----------
    columns, rates, given
        As for :func:`fairness_given`.
    start
        As for :func:`~gavel_opt.solver.prices.shortcuts.solve_direct`.
    """
    of_job, _, program = fairness_given(columns, rates, given)
    if program.rate.shape[0] == 0:
        return 0
    return int(solve_and_hand_out(program, of_job, given, start, into))


@compiled
def fair_shares(task: Task) -> int:
    """The same for jobs that come and go."""
    rates, into = (task.alone, task.workers), Into(task.jobs.shares, task.jobs.proof)
    return int(fair_shares_of(columns_of(task), rates, task.terms, task.start, into))


@compiled
def columns_of(task: Task) -> Columns:
    """Key, scale factor and weight of the jobs of a task."""
    jobs = task.jobs
    size = jobs.size[0]
    return jobs.key[:size], jobs.scale_factor[:size], jobs.weight[:size]


@compiled
def fairness_given(
    columns: Columns, rates: tuple[Floats, Ints], given: np.ndarray[Any, Any]
) -> tuple[Ints, Ints, Given]:
    """Group the jobs and make the program of max-min fairness: group of each job, first job of each group, program.

    There are no groups where they cannot be found by key, a job has no weight or its scale factor is not positive
    or too large, or columns or throughputs are not what they should be.

    Parameters
    ----------
    columns
        Key, scale factor and weight of each job.
    rates
        Throughputs by key, shape ``(keys, J)``, and workers of each type.
    given
        TERMS, one.
    """
    key, scale, weight = columns
    alone, workers = rates
    terms, size, types, rows = given[0], key.size, workers.size, alone.shape[0]
    none, nobody, no_job = np.empty(0), np.empty((0, types)), np.empty(0, np.int64)
    nothing = Given(nobody, none, no_job, none, none, none, none, none, none)
    if scale.size != size or weight.size != size or alone.shape[1] != types:
        return no_job, no_job, nothing
    widest, good = terms.widest, True
    for job in range(size):  # without a way out, so that several are looked at at once
        good &= (key[job] >= 0) & (key[job] < rows) & (weight[job] > 0.0)
        good &= (scale[job] > 0) & (scale[job] <= widest)
    if not good:
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
