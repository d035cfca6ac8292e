r"""Jobs to places in the lines of workers, of which those of one type are alike.

The assignment with the least total cost, where a place ``k`` from the end of a line costs ``k`` times the
job's time on that type. What comes out is what ``scipy.optimize.linear_sum_assignment`` finds for the
matrix with a column for each worker and place, ties and rounding included: the same method, in the same
order of operations (shortest augmenting paths; Crouse, "On implementing 2D rectangular assignment
algorithms", 2016). Columns of one type and place have the same costs, so those with the same price as well
are one *group* as long as a search has reached none of them: a step of a search costs a few dozen
groups in place of thousands of columns.

A search numbers the columns that it has not reached from the last to the first; a column that it
reaches is replaced in that order by the one at the end. Of columns at the same distance it takes the free
one that comes last, else the one that comes first.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.records import record

COLUMN = record(
    price="f8",
    distance="f8",  # when the search reached it
    job="i8",  # that has it, or -1
    source="i8",  # job from which the search reached it
    kind="i8",  # place times types, plus type
    group="i8",
    before="i8",  # in its group, or -1
    after="i8",
    rank="i8",  # among the columns not reached
)
GROUP = record(
    price="f8",
    distance="f8",
    source="i8",
    first="i8",  # column, or -1
    next="i8",  # group of the same kind, or -1
    free="?",
)
KIND = record(
    first="i8",  # group: that of the free columns
    taken="i8",  # columns that have a job
    price="f8",  # no column of it has a higher one
    distance="f8",  # none of its columns not reached is nearer
)
JOB = record(dual="f8", column="i8")
STATE = record(
    enough="f8",  # distance of the nearest free column
    columns="i8",
    places="i8",  # in each line
    groups="i8",  # that are or were in use
    spare="i8",  # group that is not in use, or -1; others follow
)


class Lines(NamedTuple):
    """What searches work on.

    Attributes
    ----------
    time
        Seconds by job and worker type, shape ``(m, J)``.
    age
        Cost of a job wherever it goes, shape ``(m,)``.
    column, group, kind, job
        Records of those; they are as many as :data:`STATE` says, and there is room for more.
    order
        Columns not reached, by rank.
    reached, nearest
        Columns that the search has reached, and groups that are nearest.
    deepest
        Of each type, the last place that the search has looked at.
    state
        One record.
    """

    time: Floats
    age: Floats
    column: Any
    group: Any
    kind: Any
    job: Any
    order: Ints
    reached: Ints
    nearest: Ints
    deepest: Ints
    state: Any

    @classmethod
    def with_room(cls, jobs: int, types: int, columns: int) -> Lines:
        """Lines for so many jobs, which have no more places than there are jobs."""
        return cls(
            np.empty((jobs, types)),
            np.empty(jobs),
            np.zeros(columns, COLUMN),
            # each column may leave an empty group and have a new one
            np.zeros(jobs * types + 2 * columns, GROUP),
            np.zeros(jobs * types, KIND),
            np.zeros(jobs, JOB),
            np.empty(columns, np.int64),
            np.empty(columns, np.int64),
            np.empty(jobs * types + 2 * columns, np.int64),
            np.empty(types, np.int64),
            np.zeros(1, STATE),
        )


@compiled
def assign(lines: Lines, jobs: int, workers: Ints, places: int) -> None:
    """Give each of the first ``jobs`` a column (``job.column``) of ``workers``, ``(J,)``, with so many places each."""
    _empty(lines, jobs, workers, places)
    for job in range(jobs):
        _augment(lines, job, _search(lines, job))


@compiled
def _empty(lines: Lines, jobs: int, workers: Ints, places: int) -> None:
    """Lines without a job."""
    column, group, kind, state = lines.column, lines.group, lines.kind, lines.state[0]
    types = workers.size
    c = 0
    for k in range(places * types):
        many = workers[k % types]
        kind[k].first, kind[k].taken, kind[k].price = k, 0, 0.0
        group[k].first, group[k].next, group[k].free = (c if many > 0 else -1), -1, True
        group[k].price = 0.0
        for place in range(many):
            column[c].price, column[c].job = 0.0, -1
            column[c].kind = column[c].group = k
            column[c].before = c - 1 if place > 0 else -1
            column[c].after = c + 1 if place < many - 1 else -1
            c += 1
    for rank in range(c):
        column[rank].rank = c - 1 - rank
        lines.order[rank] = c - 1 - rank
    for job in range(jobs):
        lines.job[job].dual, lines.job[job].column = 0.0, -1
    state.columns, state.places, state.groups, state.spare = c, places, places * types, -1


@compiled
def _search(lines: Lines, job: int) -> int:
    """Shortest path from a job to a free column; the number of columns reached, that one last."""
    column, group, order = lines.column, lines.group, lines.order
    for g in range(lines.state[0].groups):
        group[g].distance = math.inf
    columns = lines.state[0].columns
    for k in range(lines.state[0].places * lines.deepest.size):
        lines.kind[k].distance = math.inf
    for j in range(lines.deepest.size):
        lines.deepest[j] = 0
    lines.state[0].enough = math.inf
    distance, at, many = 0.0, job, 0
    while True:
        nearest = _look(lines, at, distance)
        c = _chosen(lines, nearest)
        g = column[c].group
        distance = group[g].distance
        column[c].distance, column[c].source = distance, group[g].source
        _unlink(lines, c)
        last = order[columns - 1 - many]
        rank = column[c].rank
        order[rank] = last
        column[last].rank = rank
        lines.reached[many] = c
        many += 1
        at = column[c].job
        if at < 0:
            return many


@compiled
def _look(lines: Lines, job: int, so_far: float) -> int:
    """Shorten the distances of groups by way of a job; how many are nearest.

    What is beyond the nearest free column is never reached. Behind the first place of a type that nobody
    has, every place is further, or as far by rounding.
    """
    kind = lines.kind
    types = lines.time.shape[1]
    places = lines.state[0].places
    dual, age = lines.job[job].dual, lines.age[job]
    enough = lines.state[0].enough
    for j in range(types):
        seconds, bound = lines.time[job, j], math.inf
        for k in range(places):
            one = kind[k * types + j]
            length = so_far + ((k + 1) * seconds + age) - dual
            if length > bound and k > lines.deepest[j]:
                break
            lines.deepest[j] = max(lines.deepest[j], k)
            if one.taken == 0:
                bound = min(bound, length)
            if length - one.price <= enough:
                enough = _shorten(lines, one, job, length, enough)
    lines.state[0].enough = enough
    least, many = math.inf, 0
    for j in range(types):
        for k in range(lines.deepest[j] + 1):
            one = kind[k * types + j]
            if one.distance <= least and one.distance <= enough:
                least, many = _nearer(lines, one, least, many)
    return many


@compiled
def _shorten(lines: Lines, kind: Any, job: int, length: float, enough: float) -> float:
    """Shorten the distances of a kind's groups; the distance of the nearest free column from then on."""
    group = lines.group
    g = kind.first
    while g >= 0:
        one = group[g]
        distance = length - one.price
        if distance < one.distance and one.first >= 0:
            one.distance = distance
            one.source = job
            kind.distance = min(kind.distance, distance)
            if one.free:
                enough = min(enough, distance)
        g = one.next
    return enough


@compiled
def _nearer(lines: Lines, kind: Any, least: float, many: int) -> tuple[float, int]:
    """Go on with the list of the nearest groups; correct how near a kind is."""
    group, nearest = lines.group, lines.nearest
    kind.distance = math.inf
    g = kind.first
    while g >= 0:
        one = group[g]
        if one.first >= 0:
            kind.distance = min(kind.distance, one.distance)
            if one.distance < least:
                least, many = one.distance, 0
            if one.distance == least:
                nearest[many] = g
                many += 1
        g = one.next
    return least, many


@compiled
def _chosen(lines: Lines, nearest: int) -> int:
    """Of the columns in the nearest groups, the free one that comes last, else the one that comes first."""
    column, group = lines.column, lines.group
    free, latest = -1, -1
    first, earliest = -1, lines.state[0].columns
    for n in range(nearest):
        g = lines.nearest[n]
        c = group[g].first
        while c >= 0:
            rank = column[c].rank
            if group[g].free and rank > latest:
                free, latest = c, rank
            if rank < earliest:
                first, earliest = c, rank
            c = column[c].after
    return free if free >= 0 else first


@compiled
def _augment(lines: Lines, job: int, many: int) -> None:
    """Change prices, assignment and groups by what a search has found, and put the order back."""
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
    lines.kind[column[c].kind].taken += 1
    while True:
        source = column[c].source
        column[c].job = source
        freed = jobs[source].column
        jobs[source].column = c
        c = freed
        if source == job:
            break
    for m in range(many):
        _link(lines, reached[m])
        lines.kind[column[reached[m]].kind].price = math.inf
    for m in range(many):
        kind = lines.kind[column[reached[m]].kind]
        if kind.price == math.inf:
            _tidy(lines, kind)


@compiled
def _unlink(lines: Lines, c: int) -> None:
    """Take a column out of its group."""
    column = lines.column
    before, after = column[c].before, column[c].after
    if before >= 0:
        column[before].after = after
    else:
        lines.group[column[c].group].first = after
    if after >= 0:
        column[after].before = before


@compiled
def _link(lines: Lines, c: int) -> None:
    """Put a column that has a job into the group of its price, and that group before all others."""
    column, group, state = lines.column, lines.group, lines.state[0]
    price, last = column[c].price, lines.kind[column[c].kind].first
    free, found = last, group[last].next
    while found >= 0 and group[found].price != price:
        last, found = found, group[found].next
    if found >= 0:
        group[last].next = group[found].next
    elif state.spare >= 0:
        found, state.spare = state.spare, group[state.spare].next
    else:
        found, state.groups = state.groups, state.groups + 1
        group[found].first, group[found].free = -1, False
    group[found].next, group[free].next = group[free].next, found
    group[found].price = price
    after = group[found].first
    column[c].group, column[c].before, column[c].after = found, -1, after
    if after >= 0:
        column[after].before = c
    group[found].first = c


@compiled
def _tidy(lines: Lines, kind: Any) -> None:
    """Put empty groups aside, and note the highest price."""
    group, state = lines.group, lines.state[0]
    kind.price = 0.0 if group[kind.first].first >= 0 else -math.inf
    last, g = kind.first, group[kind.first].next
    while g >= 0:
        following = group[g].next
        if group[g].first >= 0:
            kind.price = max(kind.price, group[g].price)
            last = g
        else:
            group[last].next = following
            group[g].next, state.spare = state.spare, g
        g = following
