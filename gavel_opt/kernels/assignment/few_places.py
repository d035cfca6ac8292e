"""Jobs to places in lines where each step of a search looks at a few places only.

Columns of one type and place, a *kind*, have the same costs, so those with the same price as
well are one *group* as long as a search has reached none of them.

A step of a search looks at a few kinds and not at all of them. Prices rise from place to place by no more than the times
of the jobs that stand at the one and no less than those of the jobs at the next. So from where a job would stand
in line by its time it is ever further to other places, and each is nearer by way of a job that stands between.
That holds by more than rounding can change as long as slopes differ by :data:`TOLERATED`; where they do not, as
with jobs alike, all such places are looked at. What it rests on is checked after each search; if rounding
ever gets that large, all is done again with every place looked at. Of jobs alike to the last bit, one is enough,
unless another is reached sooner or is worth more, be it by a last digit. The groups of a kind are left out together where the
one with the highest price comes no nearer than the furthest is.
"""

from __future__ import annotations

import math

from gavel_opt.arrays import Ints
from gavel_opt.kernels.assignment.lines import (
    Lines,
    augment,
    chosen,
    empty_lines,
    is_known,
    put_on_list,
    reach,
)
from gavel_opt.kernels.jit import compiled

TOLERATED = 1e-11
"""Difference between slopes that decides, beside the largest cost: thousands of times what rounding does to one sum."""
_CHANGED = -2
"""For its place in the heap: a kind whose slopes are to be noted."""


@compiled
def assign_at_few_places(lines: Lines, jobs: int, workers: Ints, places: int) -> None:
    """Give each job a column."""
    state, largest = lines.state[0], 0.0
    for job in range(jobs):
        for j in range(workers.size):
            if workers[j] > 0:
                largest = max(largest, jobs * lines.time[job, j] + lines.age[job])
    state.tolerance = TOLERATED * largest
    if not _fill(lines, jobs, workers, places):
        state.tolerance = math.inf
        _fill(lines, jobs, workers, places)


@compiled
def _fill(lines: Lines, jobs: int, workers: Ints, places: int) -> bool:
    """Give each job a column; False where rounding may have had a search leave out what it should have looked at."""
    state = lines.state[0]
    state.rounded, state.sound = state.tolerance / 16.0, True
    _empty(lines, jobs, workers, places)
    for job in range(jobs):
        many = _search(lines, job)
        if state.sound:
            augment(lines, job, many)
            _take(lines, lines.reached[many - 1])
            _put_in_order(lines, many)
        if not state.sound:
            return False
    return True


@compiled
def _empty(lines: Lines, jobs: int, workers: Ints, places: int) -> None:
    """Lines without a job, and groups of columns."""
    column, group, kind, types = lines.column, lines.group, lines.kind, workers.size
    empty_lines(lines, jobs, workers, places)
    g = 0
    for k in range(places * types):
        j, one = k // places, kind[k]
        one.type, one.place = j, k - j * places
        one.first, one.begin, one.behind = g, g, g
        one.taken, one.left, one.heap = 0, workers[j], -1
        one.price, one.highest, one.slope = 0.0, 0.0, 0.0
        one.distance, one.furthest = math.inf, math.inf
        lines.span[k].shortest, lines.span[k].longest = math.inf, 0.0
        group[g].price, group[g].distance = 0.0, math.inf
        first = one.place * lines.begins[types] + lines.begins[j]
        group[g].first = first if workers[j] > 0 else -1
        for c in range(first, first + workers[j]):
            column[c].group = g
            column[c].before = c - 1 if c > first else -1
            column[c].after = c + 1 if c < first + workers[j] - 1 else -1
        g += workers[j] + 1
    for job in range(jobs):
        for j in range(types):
            lines.around[job, j] = 0
    lines.state[0].heap = 0


@compiled
def _search(lines: Lines, job: int) -> int:
    """Shortest path from a job to a free column; the number of columns reached, that one last."""
    column, group, state = lines.column, lines.group, lines.state[0]
    state.enough, state.least, state.listed = math.inf, -math.inf, 0
    distance, at, many = 0.0, job, 0
    while True:
        if not is_known(lines, job, at, distance):
            _look(lines, at, distance)
        if state.heap == 0:
            state.sound = False
            return many
        if state.listed == 0:
            _list_nearest(lines)
        c = chosen(lines)
        g = column[c].group
        distance = group[g].distance
        column[c].distance, column[c].source = distance, group[g].source
        _unlink(lines, c)
        _leave(lines, column[c].kind, g)
        reach(lines, c, many)
        many += 1
        at = column[c].job
        if at < 0:
            return many


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
            if distance < state.least:
                state.least, state.listed = -math.inf, 0
            elif distance == state.least:
                _list_group(lines, g)
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
    if group[emptied].first >= 0 and kind.left > 0:
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
    """List the nearest columns."""
    group, kind, heap, equal, state = (
        lines.group,
        lines.kind,
        lines.heap,
        lines.equal,
        lines.state[0],
    )
    least, seen, known = kind[heap[0]].distance, 0, 1
    state.least, equal[0] = least, 0
    while seen < known:
        at = equal[seen]
        seen += 1
        one = kind[heap[at]]
        for g in range(one.begin, one.behind + 1):
            if group[g].distance == least:
                _list_group(lines, g)
        for below in range(2 * at + 1, min(2 * at + 3, state.heap)):
            if kind[heap[below]].distance == least:
                equal[known] = below
                known += 1


@compiled
def _list_group(lines: Lines, g: int) -> None:
    """List a group's columns as nearest."""
    c = lines.group[g].first
    while c >= 0:
        put_on_list(lines, c)
        c = lines.column[c].after


@compiled
def _take(lines: Lines, c: int) -> None:
    """Note that a column of its kind that was free has a job."""
    kind = lines.kind[lines.column[c].kind]
    kind.taken += 1
    if kind.taken == _workers(lines, lines.column[c].kind):
        kind.begin += 1


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
