"""AlloX's and FIFO's choices, each in one compiled pass.

In the one who runs goes on, and free workers get the first jobs of their lines; in the other jobs are taken in order of
arrival, each onto one worker type, until one fits nowhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.assignment.assign import assign
from gavel_opt.kernels.assignment.lines import Lines
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.random_streams import next_below
from gavel_opt.kernels.records import by_reference

STANDSTILL = 1e-10
"""Throughput that stands for 0, so that costs stay finite."""
ROUNDED = 1e-15
"""What rounding may change in one step of an assignment, beside the largest cost."""


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
    if many == 1:
        first, kind = _first_in_line(lines, left, free)
        if first >= 0:
            kind_of[waiting[first]] = kind
            return True
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
            kind_of[waiting[k]] = lines.column[column].kind // places
    return True


@compiled
def _first_in_line(lines: Lines, left: int, free: Ints) -> tuple[int, int]:
    """Of the jobs of the only line the shortest, and the line's type; -1 where rounding of the full problem may decide.

    Of a line that all stand in, the optimum is in order of length, whatever their ages. The prices of the full problem
    are sums of as many costs as there are jobs, each rounded.
    """
    kind = 0
    while free[kind] == 0:
        kind += 1
    shortest, second, longest, oldest, first = math.inf, math.inf, 0.0, 0.0, -1
    for k in range(left):
        time = lines.time[k, kind]
        longest, oldest = max(longest, time), max(oldest, lines.age[k])
        if time < shortest:
            shortest, second, first = time, shortest, k
        else:
            second = min(second, time)
    doubt = ROUNDED * left * left * (left * longest + oldest)
    return (first if second - shortest > doubt else -1), kind


# in order of arrival ----------------------------------------------------------------------------


class Queue(NamedTuple):
    """What is remembered of jobs in order of arrival.

    Attributes
    ----------
    keeps
        Whether jobs keep their types and new ones draw theirs, shape ``(1,)``; else all start over, each on its fastest.
    placed
        Jobs that run, of those that keep their types.
    before
        Workers of each type at the last call, shape ``(J,)``; -1 before the first.
    stream
        Random stream, as :func:`gavel_opt.kernels.random_streams.stream` makes it.
    behind
        Place in line behind the last job that was looked at, shape ``(1,)``.
    """

    keeps: Bools
    placed: Placed
    before: Ints
    stream: Ints
    behind: Ints


@by_reference
class Ordering(NamedTuple):
    """What there is to do.

    Attributes
    ----------
    jobs
        The jobs; get their shares.
    alone, workers
        Throughputs by key, shape ``(keys, J)``, and workers of each type, shape ``(J,)``.
    queue
        What is remembered; brought up to date.
    """

    jobs: JobColumns
    alone: Floats
    workers: Ints
    queue: Queue


@compiled
def place_in_order(task: Ordering) -> int:
    """Give every job that runs all time of its worker type; always 1."""
    jobs, placed = task.jobs, task.queue.placed
    size = jobs.size[0]
    kind_of, free, waiting = np.full(size, -1), task.workers.copy(), np.empty(size, np.int64)
    place_of = np.full(placed.size[0], -1)
    if task.queue.keeps[0]:
        _find_places(task, place_of)
        _leave_what_is_gone(task, place_of)
        for row in range(placed.size[0]):
            if place_of[row] >= 0:
                kind_of[place_of[row]] = placed.kind[row]
    left = 0
    for job in range(size):
        if kind_of[job] < 0:
            waiting[left] = job
            left += 1
    head = 0
    if task.queue.keeps[0]:
        head = _replace_completed(task, place_of, waiting[:left], free, kind_of)
    task.queue.behind[0] = _fill(task, head, waiting[:left], free, kind_of)
    placed.size[0] = 0
    for job in range(size):
        for j in range(free.size):
            jobs.shares[job, j] = 0.0
        if kind_of[job] >= 0:
            jobs.shares[job, kind_of[job]] = 1.0
            if task.queue.keeps[0]:
                row = placed.size[0]
                placed.job[row], placed.kind[row] = jobs.job[job], kind_of[job]
                placed.size[0] = row + 1
    return 1


@compiled
def place_columns_in_order(
    columns: tuple[Ints, Ints, Ints], table: tuple[Floats, Ints], queue: Queue, shares: Floats
) -> int:
    """The same for jobs that stand in arrays of their own: numbers, keys and scale factors."""
    (job, key, scale), (alone, workers), unread = columns, table, np.empty(0)
    size = np.full(1, job.size)
    jobs = JobColumns(size, job, key, scale, scale, unread, unread, unread, shares, unread)
    return place_in_order(Ordering(jobs, alone, workers, queue))


@compiled
def _find_places(task: Ordering, place_of: Ints) -> None:
    """Where those that ran stand now, -1 where they are done; job numbers ascend, then and now."""
    placed, kept, now = task.queue.placed, 0, 0
    for row in range(placed.size[0]):
        job, kind = placed.job[row], placed.kind[row]
        if not 0 <= kind < task.workers.size:
            continue
        while now < task.jobs.size[0] and task.jobs.job[now] < job:
            now += 1
        there = now < task.jobs.size[0] and task.jobs.job[now] == job
        placed.job[kept], placed.kind[kept] = job, kind
        place_of[kept] = now if there else -1
        kept += 1
    placed.size[0] = kept


@compiled
def _leave_what_is_gone(task: Ordering, place_of: Ints) -> None:
    """Let the latest jobs lose their places on types that have fewer workers than at the last call."""
    placed, kept, changed = task.queue.placed, 0, False
    for j in range(task.workers.size):
        changed = changed or (task.queue.before[j] >= 0 and task.queue.before[j] != task.workers[j])
        task.queue.before[j] = task.workers[j]
    if not changed:
        return
    free = task.workers.copy()
    for row in range(placed.size[0]):
        place, kind = place_of[row], placed.kind[row]
        scale = task.jobs.scale_factor[place] if place >= 0 else 0
        if place < 0 or free[kind] >= scale:
            free[kind] -= scale
            placed.job[kept], placed.kind[kept], place_of[kept] = placed.job[row], kind, place
            kept += 1
    placed.size[0] = kept


@compiled
def _replace_completed(
    task: Ordering, place_of: Ints, waiting: Ints, free: Ints, kind_of: Ints
) -> int:
    """Give the type of each completed job to the head of the queue; how many were taken off it.

    As in the reference, jobs with larger numbers do not count as running yet at that moment.
    """
    jobs, head = task.jobs, 0
    for row in range(task.queue.placed.size[0]):
        place, kind = place_of[row], task.queue.placed.kind[row]
        if place >= 0:
            free[kind] -= jobs.scale_factor[place]
        elif head < waiting.size:
            job = waiting[head]
            scale = jobs.scale_factor[job]
            if scale <= free[kind] and task.alone[jobs.key[job], kind] > 0.0:
                kind_of[job] = kind
                free[kind] -= scale
                head += 1
    return head


@compiled
def _fill(task: Ordering, head: int, waiting: Ints, free: Ints, kind_of: Ints) -> int:
    """Take jobs off the queue until one fits nowhere; the place behind the last that was taken."""
    jobs, kinds = task.jobs, np.empty(free.size, np.int64)
    some = 0
    for j in range(free.size):
        if free[j] > 0:
            kinds[some] = j
            some += 1
    while head < waiting.size and some > 0:
        job = waiting[head]
        head += 1
        scale, speed = jobs.scale_factor[job], task.alone[jobs.key[job]]
        fits = 0
        for place in range(some):
            fits += int(free[kinds[place]] >= scale)
        if fits == 0:
            break
        if task.queue.keeps[0]:
            # The reference draws a type and then uses the last one that has any worker free;
            # when that is full, the drawn one goes off the list.
            drawn = _fitting(next_below(task.queue.stream, fits), scale, free, kinds)
            kind = kinds[some - 1]
        else:
            drawn = _fastest(scale, speed, free, kinds[:some])
            kind = kinds[drawn]
        if speed[kind] > 0.0:
            kind_of[job] = kind
            free[kind] -= scale
            if free[kind] == 0:
                some -= 1
                for place in range(drawn, some):
                    kinds[place] = kinds[place + 1]
    return head


@compiled
def _fitting(number: int, scale: int, free: Ints, kinds: Ints) -> int:
    """Place of the type of this number among those with enough workers free."""
    place = 0
    while number > 0 or free[kinds[place]] < scale:
        number -= int(free[kinds[place]] >= scale)
        place += 1
    return place


@compiled
def _fastest(scale: int, speed: Floats, free: Ints, kinds: Ints) -> int:
    """Place of the fastest type with enough workers free, the first of equal ones."""
    best = -1
    for place in range(kinds.size):
        enough = free[kinds[place]] >= scale
        if enough and (best < 0 or speed[kinds[place]] > speed[kinds[best]]):
            best = place
    return best
