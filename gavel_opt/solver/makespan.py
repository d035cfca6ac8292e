"""Minimum total duration from the jobs to their shares in one compiled call.

By the functions that do it step by step, and so with the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.groups import all_differ, group_rows
from gavel_opt.kernels.input_checks import all_finite, are_ordinary
from gavel_opt.kernels.isolation import makespan_rows
from gavel_opt.kernels.jit import compiled, compiled_apart
from gavel_opt.solver.one_step import (
    JobDetails,
    columns_in_use,
    solve_and_hand_out,
)
from gavel_opt.solver.prices.cheapest_mix import Given
from gavel_opt.solver.task import Into, Task


@compiled_apart
def makespan_shares_of(
    columns: JobDetails,
    rates: tuple[Floats, Ints],
    given: np.ndarray[Any, Any],
    start: Floats,
    into: Into,
) -> int:
    """Group the jobs, make the program of minimum total duration, solve it and hand out the shares.

    Returns 0 unless that gave a proven optimum; it gives none where anything is odd, or a job has no steps left.

    Parameters
    ----------
    columns, rates, given, start
        As for :func:`gavel_opt.solver.finish_time.finish_time_shares_of`.
    """
    _, key, scale, weight, age, steps = columns
    alone, workers = rates
    terms, size, types = given[0], key.size, workers.size
    if not size == scale.size == weight.size == age.size == steps.size:
        return 0
    if size == 0 or alone.shape[1] != types:
        return 0
    if not are_ordinary(key[:0], (key, scale, weight, steps, age), (alone.shape[0], terms.widest)):
        return 0
    for job in range(size):
        if not steps[job] > 0.0:
            return 0
    of_job, first, count = _groups_of(steps, key, scale, alone.shape[0])
    groups = first.size
    rate, _, _ = makespan_rows(alone, key, scale, workers, first, terms.reference, steps)
    nobody, none = np.empty((0, types)), np.empty(0)
    if not all_finite(rate, nobody, none, none, none, none, none):
        return 0
    use = np.empty(groups)
    for group in range(groups):
        use[group] = count[group] * scale[first[group]]
    slope, floor = np.ones(groups), np.zeros(groups)
    available = workers.astype(np.float64)
    program = Given(rate, use, count, available, slope, floor, none, none, none)
    return int(solve_and_hand_out(program, of_job, given, start, into))


@compiled
def _groups_of(steps: Floats, key: Ints, scale: Ints, rows: int) -> tuple[Ints, Ints, Ints]:
    """Group of each job, first job and size of each group; jobs in order where no two are alike."""
    size = steps.size
    if not all_differ(steps.view(np.uint64)):
        begin = np.zeros(rows + 1, np.int64)
        for job in range(size):
            begin[key[job] + 1] += 1
        for row in range(rows):
            begin[row + 1] += begin[row]
        by_key, table = np.empty(size, np.int64), np.empty((size, 3))
        for job in range(size):  # in order of their keys, which is most of what is to be sorted
            at = begin[key[job]]
            begin[key[job]] += 1
            by_key[at] = job
            table[at, 0], table[at, 1], table[at, 2] = key[job], scale[job], steps[job]
        of_row, first, count, _ = group_rows(table)
        if first.size < size:
            of_job = np.empty(size, np.int64)
            for at in range(size):
                of_job[by_key[at]] = of_row[at]
            for group in range(first.size):
                first[group] = by_key[first[group]]
            return of_job, first, count
    return np.arange(size), np.arange(size), np.ones(size, np.int64)


@compiled
def makespan_shares(task: Task) -> int:
    """The same for jobs that come and go."""
    rates, into = (task.alone, task.workers), Into(task.jobs.shares, task.jobs.proof)
    columns = columns_in_use(task.jobs)
    return int(makespan_shares_of(columns, rates, task.terms, task.start, into))
