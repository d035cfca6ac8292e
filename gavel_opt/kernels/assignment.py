r"""Jobs to places in the lines of workers, of which those of one type are alike.

The assignment with the least total cost, where a place ``k`` from the end of a line costs ``k`` times the
job's time on that type. What comes out is what ``scipy.optimize.linear_sum_assignment`` finds for the
matrix with a column for each worker and place, ties and rounding included: the same method, in the same
order of operations (shortest augmenting paths; Crouse, "On implementing 2D rectangular assignment
algorithms", 2016). Columns of one type and place, a *kind*, have the same costs, so those with the same price as
well are one *group* as long as a search has reached none of them.

A step of a search looks at a few kinds and not at all of them. Prices rise from place to place by no more than the times
of the jobs that stand at the one and no less than those of the jobs at the next. So from where a job would stand
in line by its time it is ever further to other places, and each is nearer by way of a job that stands between.
That holds by more than rounding can change as long as slopes differ by :data:`TOLERATED`; where they do not, as
with jobs alike, all such places are looked at. What it rests on is checked after each search; if rounding
ever gets that large, all is done again with every place looked at. Of jobs alike to the last bit, one is enough,
unless another is reached sooner or is worth more, be it by a last digit. The groups of a kind are left out together where the
one with the highest price comes no nearer than the furthest is.

A search numbers the columns that it has not reached from the last to the first; a column that it
reaches is replaced in that order by the one at the end. Of columns at the same distance it takes the free
one that comes last, else the one that comes first.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.groups import sorted_rows
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.records import aligned_zeros, record

TOLERATED = 1e-11
"""Difference between slopes that decides, beside the largest cost: thousands of times what rounding does to one sum."""

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
STATE = record(
    tolerance="f8",  # seconds by which slopes have to differ, infinite if rounding got out of hand
    rounded="f8",  # what rounding may come to for that
    enough="f8",  # distance of the nearest free column: what is further is not reached
    least="f8",  # distance of the groups that are listed as nearest
    listed="i8",  # how many those are, and
    filled="i8",  # how many of them have columns left; 0 also if others may be as near
    columns="i8",
    places="i8",  # in each line
    heap="i4",  # kinds in it
    sound="?",  # whether rounding stayed small
)


_CHANGED = -2
"""For its place in the heap: a kind whose slopes are to be noted."""


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
        Columns that the search has reached, and groups that are nearest.
    heap
        Kinds that have a distance and columns not reached, the nearest first.
    equal
        Places in the heap, of kinds that are as near as the first.
    around
        By job and type the place about which the job was looked for last, shape ``(m, J)``.
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
    heap: Ints
    equal: Ints
    around: Ints
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
            np.empty(jobs * types + columns, np.int64),
            np.empty(jobs * types, np.int64),
            np.empty(jobs * types, np.int64),
            np.empty((jobs, types), np.int64),
            np.zeros(1, STATE),
        )


@compiled
def assign(lines: Lines, jobs: int, workers: Ints, places: int) -> None:
    """Give each of the first ``jobs`` a column (``job.column``) of ``workers``, ``(J,)``, with so many places each."""
    state, largest = lines.state[0], 0.0
    for job in range(jobs):
        for j in range(workers.size):
            if workers[j] > 0:
                largest = max(largest, jobs * lines.time[job, j] + lines.age[job])
    state.tolerance = TOLERATED * largest
    _find_twins(lines, jobs)
    if not _fill(lines, jobs, workers, places):
        state.tolerance = math.inf
        _fill(lines, jobs, workers, places)


@compiled
def _find_twins(lines: Lines, jobs: int) -> None:
    """Note which jobs are alike to the last bit; of equal times, those of equal age follow each other if ages descend."""
    time, age, order = lines.time, lines.age, sorted_rows(lines.time[:jobs])
    first = order[0]
    lines.job[first].twin = -1
    for at in range(1, jobs):
        job = order[at]
        same = age[job] == age[first]
        for j in range(time.shape[1]):
            same = same and time[job, j] == time[first, j]
        first = first if same else job
        lines.job[job].twin = -1
        if same:
            lines.job[first].twin = lines.job[job].twin = first


@compiled
def _fill(lines: Lines, jobs: int, workers: Ints, places: int) -> bool:
    """Give each job a column; False where rounding may have had a search leave out what it should have looked at."""
    state = lines.state[0]
    state.rounded, state.sound = state.tolerance / 16.0, True
    _empty(lines, jobs, workers, places)
    for job in range(jobs):
        many = _search(lines, job)
        if state.sound:
            _augment(lines, job, many)
            _put_in_order(lines, many)
        if not state.sound:
            return False
    return True


@compiled
def _empty(lines: Lines, jobs: int, workers: Ints, places: int) -> None:
    """Lines without a job."""
    column, group, kind, state = lines.column, lines.group, lines.kind, lines.state[0]
    types, g = workers.size, 0
    lines.begins[0] = 0
    for j in range(types):
        lines.begins[j + 1] = lines.begins[j] + workers[j]
    many = lines.begins[types]
    for k in range(places * types):
        j, one = k // places, kind[k]
        one.type, one.place = j, k - j * places
        one.first, one.begin, one.behind = g, g, g
        one.taken, one.left, one.heap = 0, workers[j], -1
        one.price, one.highest, one.slope = 0.0, 0.0, 0.0
        one.distance, one.furthest = math.inf, math.inf
        lines.span[k].shortest, lines.span[k].longest = math.inf, 0.0
        group[g].price, group[g].distance = 0.0, math.inf
        first = one.place * many + lines.begins[j]
        group[g].first = first if workers[j] > 0 else -1
        for c in range(first, first + workers[j]):
            column[c].price, column[c].job = 0.0, -1
            column[c].kind, column[c].group = k, g
            column[c].before = c - 1 if c > first else -1
            column[c].after = c + 1 if c < first + workers[j] - 1 else -1
        g += workers[j] + 1
    c = places * many
    for rank in range(c):
        column[rank].rank = c - 1 - rank
        lines.order[rank] = c - 1 - rank
    for job in range(jobs):
        lines.job[job].dual, lines.job[job].column, lines.look[job].search = 0.0, -1, -1
        for j in range(types):
            lines.around[job, j] = 0
    state.columns, state.places, state.heap = c, places, 0


@compiled
def _search(lines: Lines, job: int) -> int:
    """Shortest path from a job to a free column; the number of columns reached, that one last."""
    column, group, order = lines.column, lines.group, lines.order
    columns = lines.state[0].columns
    lines.state[0].enough, lines.state[0].least, lines.state[0].filled = math.inf, -math.inf, 0
    distance, at, many = 0.0, job, 0
    while True:
        if lines.job[at].twin < 0 or not _is_known(lines, job, at, distance):
            _look(lines, at, distance)
        if lines.state[0].heap == 0:
            lines.state[0].sound = False
            return many
        if lines.state[0].filled == 0:
            _list_nearest(lines)
        c = _chosen(lines)
        g = column[c].group
        distance = group[g].distance
        column[c].distance, column[c].source = distance, group[g].source
        _unlink(lines, c)
        _leave(lines, column[c].kind, g)
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
def _is_known(lines: Lines, search: int, job: int, so_far: float) -> bool:
    """Whether every distance is as far by way of a twin that this search has looked at; notes the job otherwise.

    The same numbers are added and subtracted in the same order, and rounding leaves larger sums as large.
    """
    one, look = lines.job[job], lines.look[lines.job[job].twin]
    if look.search == search and so_far >= look.distance and one.dual <= look.dual:
        return True
    look.search, look.distance, look.dual = search, so_far, one.dual
    return False


@compiled
def _look(lines: Lines, job: int, so_far: float) -> None:
    """Shorten distances by way of a job, of each type at the places about where it would stand in line.

    Further off on either side the distance by way of it only rises, by more than rounding; what is
    there is nearer by way of a job that stands between, or further than a column between. Behind the first
    place of a type that nobody has, every place is further, or as far by rounding.
    """
    kind, types, close = lines.kind, lines.time.shape[1], lines.state[0].tolerance
    places = lines.state[0].places
    for j in range(types):
        if lines.begins[j + 1] == lines.begins[j]:
            continue
        first, last = j * places, (j + 1) * places - 1
        seconds, k = lines.time[job, j], first + lines.around[job, j]
        while k < last and kind[k].slope - seconds > close:
            k += 1
        while k > first and kind[k - 1].slope - seconds <= close:
            k -= 1
        lines.around[job, j] = k - first
        k = max(k - 1, first)
        bound = _shorten(lines, k, job, so_far)
        while k < last:
            length = _shorten(lines, k + 1, job, so_far)
            if seconds - kind[k].slope > close or (kind[k].taken == 0 and length > bound):
                break
            k, bound = k + 1, length


@compiled
def _shorten(lines: Lines, k: int, job: int, so_far: float) -> float:
    """Shorten the distances of a kind's groups by way of a job; the length of the way without the price."""
    group, kind, state = lines.group, lines.kind[k], lines.state[0]
    cost = _cost(lines, k, job)
    length: float = so_far + cost - lines.job[job].dual
    if length - kind.price < so_far - state.rounded:
        state.sound = False
    if length - kind.highest >= kind.furthest:
        return length
    if kind.left == 0 or length - kind.price > state.enough + state.rounded:
        return length
    nearest, furthest = kind.distance, 0.0
    for g in range(kind.begin, kind.behind + 1):
        one = group[g]
        if one.first < 0:
            continue
        distance = length - one.price
        if distance < one.distance:
            one.distance = distance
            one.source = job
            nearest = min(nearest, distance)
            if distance <= state.least:
                state.filled = 0
            if g == kind.first:
                state.enough = min(state.enough, distance)
        furthest = max(furthest, one.distance)
    kind.furthest = furthest
    if nearest < kind.distance:
        kind.distance = nearest
        if kind.heap < 0:
            kind.heap = state.heap
            state.heap += 1
        _rise(lines, k)
    return length


@compiled
def _cost(lines: Lines, k: int, job: int) -> float:
    """What a place of a type costs with a job."""
    kind = lines.kind[k]
    cost: float = (kind.place + 1) * lines.time[job, kind.type] + lines.age[job]
    return cost


@compiled
def _rise(lines: Lines, k: int) -> None:
    """Let a kind that is nearer now rise in the heap."""
    kind, heap = lines.kind, lines.heap
    at, distance = kind[k].heap, kind[k].distance
    while at > 0:
        above = (at - 1) >> 1
        other = heap[above]
        if kind[other].distance <= distance:
            break
        heap[at], kind[other].heap = other, at
        at = above
    heap[at], kind[k].heap = k, at


@compiled
def _sink(lines: Lines, k: int) -> None:
    """Let a kind that is further now sink in the heap."""
    kind, heap, many = lines.kind, lines.heap, lines.state[0].heap
    at, distance = kind[k].heap, kind[k].distance
    while 2 * at + 1 < many:
        below = 2 * at + 1
        if below + 1 < many and kind[heap[below + 1]].distance < kind[heap[below]].distance:
            below += 1
        other = heap[below]
        if kind[other].distance >= distance:
            break
        heap[at], kind[other].heap = other, at
        at = below
    heap[at], kind[k].heap = k, at


@compiled
def _leave(lines: Lines, k: int, emptied: int) -> None:
    """Have one column less of a kind, taken out of a group, that the search may still reach."""
    group, kind, state = lines.group, lines.kind[k], lines.state[0]
    kind.left -= 1
    if group[emptied].first < 0:
        state.filled -= 1
    elif kind.left > 0:
        return
    nearest = math.inf
    for g in range(kind.begin, kind.behind + 1):
        if group[g].first >= 0:
            nearest = min(nearest, group[g].distance)
    kind.distance = nearest
    if kind.left > 0:
        _sink(lines, k)
        return
    state.heap -= 1
    last, at = lines.heap[state.heap], kind.heap
    kind.heap = -1
    if last != k:
        lines.heap[at], lines.kind[last].heap = last, at
        _rise(lines, last)
        _sink(lines, last)


@compiled
def _list_nearest(lines: Lines) -> None:
    """List the nearest groups."""
    group, kind, heap, equal = lines.group, lines.kind, lines.heap, lines.equal
    least, many, seen, known = kind[heap[0]].distance, 0, 0, 1
    equal[0] = 0
    while seen < known:
        at = equal[seen]
        seen += 1
        one = kind[heap[at]]
        for g in range(one.begin, one.behind + 1):
            if group[g].distance == least and group[g].first >= 0:
                lines.nearest[many] = g
                many += 1
        for below in range(2 * at + 1, min(2 * at + 3, lines.state[0].heap)):
            if kind[heap[below]].distance == least:
                equal[known] = below
                known += 1
    state = lines.state[0]
    state.least, state.listed, state.filled = least, many, many


@compiled
def _chosen(lines: Lines) -> int:
    """Of the columns in the nearest groups, the free one that comes last, else the one that comes first."""
    column, group = lines.column, lines.group
    free, latest = -1, -1
    first, earliest = -1, lines.state[0].columns
    for n in range(lines.state[0].listed):
        c = group[lines.nearest[n]].first
        is_free = c >= 0 and column[c].job < 0
        while c >= 0:
            rank = column[c].rank
            if is_free and rank > latest:
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
    kind = lines.kind[column[c].kind]
    kind.taken += 1
    if kind.taken == _workers(lines, column[c].kind):
        kind.begin += 1
    while True:
        source = column[c].source
        column[c].job = source
        freed = jobs[source].column
        jobs[source].column = c
        c = freed
        if source == job:
            break


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
def _put_in_order(lines: Lines, many: int) -> None:
    """Put columns that were reached into their groups, let the search be forgotten, and note what it changed."""
    column, kind, state = lines.column, lines.kind, lines.state[0]
    for m in range(many):
        _link(lines, lines.reached[m])
    for at in range(state.heap):
        _forget(lines, lines.heap[at])
    state.heap = 0
    for m in range(many):
        k = column[lines.reached[m]].kind
        if kind[k].heap != _CHANGED:
            _forget(lines, k)
            _note(lines, k)
            kind[k].heap = _CHANGED
    for m in range(many):
        k = column[lines.reached[m]].kind
        if kind[k].heap == _CHANGED:
            kind[k].heap = -1
            if kind[k].place > 0:
                _note_slope(lines, k - 1)
            if kind[k].place < state.places - 1:
                _note_slope(lines, k)


@compiled
def _link(lines: Lines, c: int) -> None:
    """Put a column that has a job into the group of its price."""
    column, group = lines.column, lines.group
    price, kind = column[c].price, lines.kind[column[c].kind]
    found = -1
    for g in range(kind.first + 1, kind.behind + 1):
        if group[g].price == price:
            found = g
            break
        if group[g].first < 0:
            found = g
    if found < 0:
        kind.behind += 1
        found = kind.behind
        group[found].first, group[found].distance = -1, math.inf
    group[found].price = price
    after = group[found].first
    column[c].group, column[c].before, column[c].after = found, -1, after
    if after >= 0:
        column[after].before = c
    group[found].first = c


@compiled
def _forget(lines: Lines, k: int) -> None:
    """Let a kind that a search came near be as far as can be."""
    kind = lines.kind[k]
    kind.distance, kind.left, kind.heap = math.inf, _workers(lines, k), -1
    kind.furthest = math.inf
    for g in range(kind.begin, kind.behind + 1):
        lines.group[g].distance = math.inf


@compiled
def _workers(lines: Lines, k: int) -> int:
    """Columns of a kind."""
    j = lines.kind[k].type
    return int(lines.begins[j + 1] - lines.begins[j])


@compiled
def _note(lines: Lines, k: int) -> None:
    """Note price and times of a kind: a job costs what it and its column are worth, and columns are worth the same."""
    column, kind, span, state = lines.column, lines.kind[k], lines.span[k], lines.state[0]
    j, many, all_columns = kind.type, _workers(lines, k), lines.begins[lines.time.shape[1]]
    first = kind.place * all_columns + lines.begins[j]
    while kind.behind > kind.first and lines.group[kind.behind].first < 0:
        kind.behind -= 1  # nor are those behind in use
    span.shortest, span.longest = math.inf, 0.0
    kind.price = column[first].price
    kind.highest = kind.price
    for c in range(first, first + many):
        kind.highest = max(kind.highest, column[c].price)
        price, job = column[c].price, column[c].job
        off = abs(price - kind.price)
        if job >= 0:
            seconds = lines.time[job, j]
            span.shortest, span.longest = min(span.shortest, seconds), max(span.longest, seconds)
            off = max(off, abs(_cost(lines, k, job) - lines.job[job].dual - price))
        if off > state.rounded:
            state.sound = False


@compiled
def _note_slope(lines: Lines, k: int) -> None:
    """Note how much more the next place is worth: at most the time of whoever stands here, at least that of whoever stands there."""
    state, slope = lines.state[0], lines.kind[k + 1].price - lines.kind[k].price
    lines.kind[k].slope = slope
    if (
        slope > lines.span[k].shortest + state.rounded
        or slope < lines.span[k + 1].longest - state.rounded
    ):
        state.sound = False
