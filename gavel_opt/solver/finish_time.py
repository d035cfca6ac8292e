"""Finish-time fairness from the times of the jobs to their shares in one compiled call.

Where no two jobs are alike its program has a group for each job: screening, solution and spreading one after
the other, by the functions that do them step by step, and so with the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.groups import all_differ
from gavel_opt.kernels.input_checks import all_finite, are_ordinary
from gavel_opt.kernels.isolation import finish_times
from gavel_opt.kernels.jit import compiled, compiled_apart
from gavel_opt.kernels.job_columns import PastColumns
from gavel_opt.solver.one_step import (
    JobDetails,
    columns_in_use,
    solve_and_hand_out,
)
from gavel_opt.solver.prices.cheapest_mix import Given
from gavel_opt.solver.task import Into, Task


@compiled_apart
def finish_time_shares_of(
    columns: JobDetails,
    rates: tuple[Floats, Ints],
    given: np.ndarray[Any, Any],
    start: Floats,
    into: Into,
    past: PastColumns,
) -> int:
    """Make the program of finish-time fairness with a group for each job, solve it and hand out the shares.

    Returns 0 unless that gave a proven optimum; it gives none where anything is odd, two jobs are alike, or one has
    no steps left. The past is brought up to date unless anything is odd; doing so twice is as doing so once.

    Parameters
    ----------
    columns
        Number, key, scale factor, weight, age and steps left of each job.
    rates, given, start
        As for :func:`gavel_opt.solver.max_min.fair_shares_of`.
    past
        What is remembered, with room for all jobs.
    """
    number, key, scale, weight, age, steps = columns
    alone, workers = rates
    terms, size, types = given[0], number.size, workers.size
    if not size == key.size == scale.size == weight.size == age.size == steps.size:
        return 0
    if size == 0 or past.job.size < size or alone.shape[1] != types:
        return 0
    if not are_ordinary(key[:0], (key, scale, weight, steps, age), (alone.shape[0], terms.widest)):
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
    if not (all_differ(steps.view(np.uint64)) or _all_differ(key, scale, age, time, steps)):
        return 0
    counts, use, supply = (
        np.ones(size, np.int64),
        scale.astype(np.float64),
        workers.astype(np.float64),
    )
    program = Given(speed, use, counts, supply, none, none, age, steps, isolated)
    return int(solve_and_hand_out(program, np.arange(size), given, start, into))


@compiled
def _all_differ(key: Ints, scale: Ints, age: Floats, time: Floats, steps: Floats) -> bool:
    """Whether no two jobs are alike; seldom False where that is so."""
    ages, times, left = age.view(np.uint64), time.view(np.uint64), steps.view(np.uint64)
    mixed = np.empty(key.size, np.uint64)
    for job in range(key.size):
        word = left[job]
        for other in (np.uint64(key[job]), np.uint64(scale[job]), ages[job], times[job]):
            word = (word ^ (word >> np.uint64(29)) ^ other) * np.uint64(0x9E3779B97F4A7C15)
        mixed[job] = word ^ (word >> np.uint64(31))
    return bool(all_differ(mixed))


@compiled
def finish_time_shares(task: Task) -> int:
    """The same for jobs that come and go."""
    jobs, then = task.jobs, task.past
    past = PastColumns(then.size, then.job, then.steps, then.alone, then.time)
    rates, into = (task.alone, task.workers), Into(jobs.shares, jobs.proof)
    columns = columns_in_use(jobs)
    return int(finish_time_shares_of(columns, rates, task.terms, task.start, into, past))
