"""What searches for an assignment of jobs to places in lines work on, and what all of them do alike.

A search (Crouse, "On implementing 2D rectangular assignment algorithms", 2016) numbers the columns that it has not
reached from the last to the first; a column that it reaches is replaced in that order by the one at the end. Of columns
at the same distance it takes the free one that comes last, else the one that comes first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.groups import sorted_rows
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.records import aligned_zeros, record

COLUMN = record(
    price="f8",
    distance="f8",  # when the search reached it
    job="i4",  # that has it, or -1
    source="i4",  # job from which the search reached it
    kind="i4",  # type times places, plus place
    group="i4",
    before="i4",  # in its group, or -1
    after="i4",
    rank="i4",  # among the columns not reached
    listed="i4",  # where it stands in the list of the nearest, if it stands there
)
GROUP = record(
    price="f8",
    distance="f8",
    source="i4",
    first="i4",  # column, or -1
)
KIND = record(
    place="i4",
    type="i4",
    first="i4",  # group: that of the free columns; there is room for as many others as columns
    begin="i4",  # the same, and the next once no column is free
    behind="i4",  # the last group that was ever in use
    taken="i4",  # columns that have a job
    left="i4",  # columns not reached
    heap="i4",  # where it stands in the heap, or -1
    price="f8",  # of its columns, the same but for rounding
    highest="f8",  # of the prices of its columns
    distance="f8",  # of the nearest of its columns not reached
    furthest="f8",  # at least that of each of its groups
    slope="f8",  # price of the next place less its own
)
SPAN = record(shortest="f8", longest="f8")
JOB = record(
    dual="f8",
    column="i4",
    twin="i4",  # first of the jobs of the same times and age, or -1 if there is no other
)
LOOK = record(  # the last at any of some twins; stands where the first of these does
    search="i8",
    distance="f8",
    dual="f8",
)
ROW = record(begin="i8", end="i8", taken="i8")  # a type's columns, and how many of them have a job
STATE = record(
    tolerance="f8",  # seconds by which slopes have to differ, infinite if rounding got out of hand
    rounded="f8",  # what rounding may come to for that
    enough="f8",  # distance of the nearest free column: what is further is not reached
    least="f8",  # distance of the columns that are listed as nearest; minus infinity if others may be nearer
    listed="i8",  # how many those are
    columns="i8",
    places="i8",  # in each line
    heap="i4",  # kinds in it
    sound="?",  # whether rounding stayed small
)


class Lines(NamedTuple):
    """What searches work on.

    Attributes
    ----------
    time
        Seconds by job and worker type, shape ``(m, J)``.
    age
        Cost of a job wherever it goes, shape ``(m,)``.
    column, group, kind, span, job, look
        Records of those; they are as many as :data:`STATE` says, and there is room for more.
    begins
        First worker of each type, and behind the last, shape ``(J + 1,)``.
    order
        Columns not reached, by rank.
    reached, nearest
        Columns that the search has reached, and those that are nearest.
    key
        Of the nearest columns which is taken first, by :func:`key_of`.
    heap
        Kinds that have a distance and columns not reached, the nearest first.
    equal
        Places in the heap, of kinds that are as near as the first.
    around
        By job and type the place about which the job was looked for last, shape ``(m, J)``.
    row
        Records of the types, each with the part of the next that is its.
    number, price, distance, shorter, source, other, which
        Place and one, price, distance and room for a shorter one, the job from which it is and room for another, and number
        of the columns that are looked at.
    where
        By column, where it stands among those.
    state
        One record.
    """

    time: Floats
    age: Floats
    column: Any
    group: Any
    kind: Any
    span: Any
    job: Any
    look: Any
    begins: Ints
    order: Ints
    reached: Ints
    nearest: Ints
    key: Any
    heap: Ints
    equal: Ints
    around: Ints
    row: Any
    number: Floats
    price: Floats
    distance: Floats
    shorter: Floats
    source: Ints
    other: Ints
    which: Ints
    where: Ints
    state: Any

    @classmethod
    def with_room(cls, jobs: int, types: int, columns: int) -> Lines:
        """Lines for so many jobs, which have no more places than there are jobs."""
        return cls(
            np.empty((jobs, types)),
            np.empty(jobs),
            aligned_zeros((columns,), COLUMN),
            aligned_zeros((jobs * types + columns,), GROUP),
            aligned_zeros((jobs * types,), KIND),
            np.zeros(jobs * types, SPAN),
            np.zeros(jobs, JOB),
            np.zeros(jobs, LOOK),
            np.empty(types + 1, np.int64),
            np.empty(columns, np.int64),
            np.empty(columns, np.int64),
            np.empty(columns, np.int64),
            np.empty(columns, np.int32),
            np.empty(jobs * types, np.int64),
            np.empty(jobs * types, np.int64),
            np.empty((jobs, types), np.int64),
            np.zeros(types, ROW),
            np.empty(columns),
            np.empty(columns),
            np.empty(columns),
            np.empty(columns),
            np.empty(columns, np.int64),
            np.empty(columns, np.int64),
            np.empty(columns, np.int64),
            np.empty(columns, np.int64),
            np.zeros(1, STATE),
        )


@compiled
def find_twins(lines: Lines, jobs: int) -> int:
    """Note which jobs are alike to the last bit; how many different times there are.

    Of equal times, those of equal age follow each other if ages descend.
    """
    time, age, order = lines.time, lines.age, sorted_rows(lines.time[:jobs])
    first, lengths = order[0], 1
    lines.job[first].twin = -1
    for at in range(1, jobs):
        job, same = order[at], True
        for j in range(time.shape[1]):
            same = same and time[job, j] == time[first, j]
        lengths += int(not same)
        same = same and age[job] == age[first]
        first = first if same else job
        lines.job[job].twin = -1
        if same:
            lines.job[first].twin = lines.job[job].twin = first
    return lengths


@compiled
def empty_lines(lines: Lines, jobs: int, workers: Ints, places: int) -> None:
    """Lines without a job."""
    column, state, types = lines.column, lines.state[0], workers.size
    lines.begins[0] = 0
    for j in range(types):
        lines.begins[j + 1] = lines.begins[j] + workers[j]
    many, c = lines.begins[types], 0
    state.columns, state.places = places * many, places
    for place in range(places):
        for j in range(types):
            for _ in range(workers[j]):
                one = column[c]
                one.price, one.job, one.kind, one.listed = 0.0, -1, j * places + place, 0
                one.rank = state.columns - 1 - c
                lines.order[one.rank] = c
                c += 1
    for job in range(jobs):
        lines.job[job].dual, lines.job[job].column, lines.look[job].search = 0.0, -1, -1


@compiled
def is_known(lines: Lines, search: int, job: int, so_far: float) -> bool:
    """Whether every distance is as far by way of a twin that this search has looked at; notes the job otherwise.

    The same numbers are added and subtracted in the same order, and rounding leaves larger sums as large.
    """
    one = lines.job[job]
    if one.twin < 0:
        return False
    look = lines.look[one.twin]
    if look.search == search and so_far >= look.distance and one.dual <= look.dual:
        return True
    look.search, look.distance, look.dual = search, so_far, one.dual
    return False


@compiled
def key_of(lines: Lines, c: int) -> int:
    """Of columns as near the one with the least is taken: the free one that comes last, else that which comes first."""
    column = lines.column[c]
    return int(column.rank if column.job >= 0 else -1 - column.rank)


@compiled
def put_on_list(lines: Lines, c: int) -> None:
    """List a column as one of the nearest."""
    at = lines.state[0].listed
    lines.nearest[at], lines.key[at], lines.column[c].listed = c, key_of(lines, c), at
    lines.state[0].listed = at + 1


@compiled
def chosen(lines: Lines) -> int:
    """Of the nearest columns the one to take."""
    key, least = lines.key, lines.key[0]
    for at in range(1, lines.state[0].listed):
        least = min(least, key[at])
    return int(lines.order[least if least >= 0 else -1 - least])


@compiled
def reach(lines: Lines, c: int, many: int) -> None:
    """Note a column, off the list, as reached after so many others; the last in order takes its rank."""
    column, state, order = lines.column, lines.state[0], lines.order
    at = column[c].listed
    state.listed -= 1
    other = lines.nearest[state.listed]
    lines.nearest[at], lines.key[at], column[other].listed = other, lines.key[state.listed], at
    last, rank = order[state.columns - 1 - many], column[c].rank
    order[rank] = last
    column[last].rank = rank
    at = column[last].listed
    if at < state.listed and lines.nearest[at] == last:
        lines.key[at] = key_of(lines, last)
    lines.reached[many] = c


@compiled
def augment(lines: Lines, job: int, many: int) -> None:
    """Change prices and assignment by what a search has found, and put the order back."""
    column, jobs, order, reached = lines.column, lines.job, lines.order, lines.reached
    length, columns = column[reached[many - 1]].distance, lines.state[0].columns
    jobs[job].dual += length
    for m in range(many):
        c = reached[m]
        if column[c].job >= 0:
            jobs[column[c].job].dual += length - column[c].distance
        column[c].price -= length - column[c].distance
    for m in range(many - 1, -1, -1):
        c = reached[m]
        rank = column[c].rank
        last = order[rank]
        column[last].rank = columns - 1 - m
        order[columns - 1 - m] = last
        order[rank] = c
        column[c].rank = rank
    c = reached[many - 1]
    while True:
        source = column[c].source
        column[c].job = source
        freed = jobs[source].column
        jobs[source].column = c
        c = freed
        if source == job:
            break
