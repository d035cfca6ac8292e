"""AlloX's choice in one compiled pass: who runs goes on, and free workers get the first jobs of their lines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.assignment import Lines, assign
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.records import by_reference

STANDSTILL = 1e-10
"""Throughput that stands for 0, so that costs stay finite."""


class Placed(NamedTuple):
    """Jobs that run, ascending, with room for more.

    Attributes
    ----------
    size
        How many, shape ``(1,)``.
    job, kind
        Job numbers, and the worker type that each has, shape ``(room,)``.
    """

    size: Ints
    job: Ints
    kind: Ints


@by_reference
class Placing(NamedTuple):
    """What there is to do.

    Attributes
    ----------
    jobs
        The jobs; get their shares.
    alone, workers
        Throughputs by key, shape ``(keys, J)``, and workers of each type, shape ``(J,)``.
    considered
        Part of the waiting jobs, the oldest, that is considered, shape ``(1,)``.
    placed
        Jobs that run.
    lines
        Room for the lines.
    wanted
        Columns that the lines were found to need, shape ``(1,)``.
    """

    jobs: JobColumns
    alone: Floats
    workers: Ints
    considered: Floats
    placed: Placed
    lines: Lines
    wanted: Ints


@compiled
def place_in_lines(task: Placing) -> int:
    """Give every job that runs its worker type; 0, and nothing is changed, where one needs several workers or room lacks."""
    jobs, placed = task.jobs, task.placed
    size, types = jobs.size[0], task.workers.size
    for job in range(size):
        if jobs.scale_factor[job] != 1:
            return 0
    kind_of, free = np.full(size, -1), task.workers.copy()
    _go_on(task, free, kind_of)
    waiting = np.empty(size, np.int64)
    left = 0
    for job in range(size):
        if kind_of[job] < 0:
            _stand_in_line(waiting, left, job, jobs.age)
            left += 1
    many = 0
    for j in range(types):
        many += free[j]
    left = min(left, max(int(task.considered[0] * left), many))
    if left > 0 and many > 0 and not _place(task, waiting, left, free, many, kind_of):
        return 0
    placed.size[0] = 0
    for job in range(size):
        for j in range(types):
            jobs.shares[job, j] = 0.0
        if kind_of[job] >= 0:
            jobs.shares[job, kind_of[job]] = 1.0
            placed.job[placed.size[0]], placed.kind[placed.size[0]] = jobs.job[job], kind_of[job]
            placed.size[0] += 1
    return 1


@compiled
def _go_on(task: Placing, free: Ints, kind_of: Ints) -> None:
    """Give jobs that ran their worker types, of which some workers may be gone; job numbers ascend, then and now."""
    placed = task.placed
    then = 0
    for now in range(kind_of.size):
        while then < placed.size[0] and placed.job[then] < task.jobs.job[now]:
            then += 1
        if then < placed.size[0] and placed.job[then] == task.jobs.job[now]:
            kind = placed.kind[then]
            if 0 <= kind < free.size and free[kind] > 0:
                kind_of[now] = kind
                free[kind] -= 1


@compiled
def _stand_in_line(waiting: Ints, left: int, job: int, age: Floats) -> None:
    """Put a job behind all that are as old; they nearly always come in this order."""
    place = left
    while place > 0 and age[waiting[place - 1]] < age[job]:
        waiting[place] = waiting[place - 1]
        place -= 1
    waiting[place] = job


@compiled
def _place(task: Placing, waiting: Ints, left: int, free: Ints, many: int, kind_of: Ints) -> bool:
    """Place the first jobs of the lines in the assignment with the least total delay; False if room lacks.

    The full problem has as many places a worker as there are jobs, of which few are used. Columns stand place
    by place, and scipy grows shortest augmenting paths over them: a column it never reaches has no influence
    on any step. Later places of a worker cost every job more, so if the last place we keep stays
    empty everywhere, none behind it can have been reached, and leaving those out gave the same
    assignment, ties included. Otherwise the number of places is doubled.
    """
    jobs, lines, types = task.jobs, task.lines, free.size
    for k in range(left):
        job = waiting[k]
        lines.age[k] = jobs.age[job]
        steps = max(jobs.steps_left[job], 0.0)
        for j in range(types):
            rate = task.alone[jobs.key[job], j]
            lines.time[k, j] = steps / (STANDSTILL if rate == 0.0 else rate)
    places = min(left, 3 * ((left + many - 1) // many) + 2)
    while True:
        if places * many > len(lines.column):
            task.wanted[0] = places * many
            return False
        assign(lines, left, free, places)
        last = 0
        for k in range(left):
            last = max(last, lines.job[k].column // many)
        if places == left or last < places - 1:
            break
        places = min(left, 2 * places)
    # the largest place of a line is the first to run
    deepest = np.full(many, -1)
    for k in range(left):
        line, place = lines.job[k].column % many, lines.job[k].column // many
        deepest[line] = max(deepest[line], place)
    for k in range(left):
        column = lines.job[k].column
        if deepest[column % many] == column // many:
            kind_of[waiting[k]] = lines.column[column].kind % types
    return True
