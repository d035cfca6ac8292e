"""Jobs of few lengths to places in lines, where each step of a search looks at all columns, many at a time.

Of jobs with the same times most places are as near as each other but for rounding. These are scipy's steps on columns that
stand in a row, so that a processor looks at several at once: first whether any comes nearer at all, which one step in ten finds.
Left out are columns behind the first places of a type that have a free worker and one place more. They are no
nearer than that place more, and where it is as near as the free column that a search ends at, jobs are to be assigned otherwise.
"""

from __future__ import annotations

import math

from gavel_opt.arrays import Floats, Ints
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

_BLOCK = 128
"""Columns that are looked at at once."""
_FEW = 32
"""Columns whose distances are shortened at once."""


@compiled
def assign_at_all_columns(lines: Lines, jobs: int, workers: Ints, places: int) -> bool:
    """Give each job a column; False where rounding may have hidden that another is as near."""
    empty_lines(lines, jobs, workers, places)
    for j in range(workers.size):
        lines.row[j].taken = 0
    for job in range(jobs):
        many = _search(lines, job)
        if many == 0 or not _is_nearest(lines, lines.reached[many - 1]):
            return False
        augment(lines, job, many)
        lines.row[lines.column[lines.reached[many - 1]].kind // places].taken += 1
    return True


@compiled
def _first_free(lines: Lines, j: int) -> int:
    """The first place of a type where a worker is free."""
    return int(lines.row[j].taken // (lines.begins[j + 1] - lines.begins[j]))


@compiled
def _stand_in_row(lines: Lines, job: int) -> None:
    """Have all columns that may be reached stand in a row, type by type and place by place, as far as they are from a job."""
    column, begins, state = lines.column, lines.begins, lines.state[0]
    p, types = 0, len(lines.row)
    for j in range(types):
        row, many = lines.row[j], begins[j + 1] - begins[j]
        row.begin = p
        places = min(_first_free(lines, j) + 2, state.places) if many > 0 else 0
        for place in range(places):
            first = place * begins[types] + begins[j]
            for c in range(first, first + many):
                lines.which[p], lines.where[c], lines.source[p] = c, p, job
                lines.number[p], lines.price[p] = place + 1.0, column[c].price
                p += 1
        row.end = p
        seconds, age, number, price = lines.time[job, j], lines.age[job], lines.number, lines.price
        for q in range(row.begin, p):
            lines.distance[q] = number[q] * seconds + age - price[q]


@compiled
def _search(lines: Lines, job: int) -> int:
    """Shortest path from a job to a free column; the number of columns reached, that one last, 0 if all are out of reach."""
    column, state = lines.column, lines.state[0]
    state.least, state.listed = -math.inf, 0
    _stand_in_row(lines, job)
    is_known(lines, job, job, 0.0)
    many = 0
    while True:
        if state.listed == 0:
            _list_nearest(lines)
            if state.least == math.inf:
                return 0
        c = chosen(lines)
        p, so_far = lines.where[c], state.least
        column[c].distance, column[c].source = so_far, lines.source[p]
        _leave_row(lines, p)
        reach(lines, c, many)
        many += 1
        at = column[c].job
        if at < 0:
            return many
        if not is_known(lines, job, at, so_far):
            for j in range(len(lines.row)):
                _look(lines, j, at, so_far)


@compiled
def _look(lines: Lines, j: int, job: int, so_far: float) -> None:
    """Shorten distances of a type's columns by way of a job."""
    number, price, distance = lines.number, lines.price, lines.distance
    seconds, age, dual = lines.time[job, j], lines.age[job], lines.job[job].dual
    p, end = lines.row[j].begin, lines.row[j].end
    while p < end:
        behind, nearer = min(p + _BLOCK, end), 0
        for q in range(p, behind):
            length = so_far + (number[q] * seconds + age) - dual - price[q]
            nearer += int(length < distance[q])
        if nearer > 0:
            for begin in range(p, behind, _FEW):
                _shorten(lines, j, begin, min(begin + _FEW, behind), job, so_far)
        p = behind


@compiled
def _shorten(lines: Lines, j: int, begin: int, behind: int, job: int, so_far: float) -> None:
    """Shorten distances of some columns of a type by way of a job; each loop is such that a processor takes several at once."""
    number, price, distance, source = lines.number, lines.price, lines.distance, lines.source
    seconds, age, dual, shorter = (
        lines.time[job, j],
        lines.age[job],
        lines.job[job].dual,
        lines.shorter,
    )
    other = lines.other
    state, changed, nearest = lines.state[0], 0, 0
    for q in range(begin, behind):
        length = so_far + (number[q] * seconds + age) - dual - price[q]
        shorter[q] = min(length, distance[q])
        changed += int(length < distance[q])
    if changed == 0:
        return
    for q in range(begin, behind):
        is_shorter = shorter[q] < distance[q]
        other[q] = job if is_shorter else source[q]
        nearest += int(is_shorter & (shorter[q] <= state.least))
    for q in range(begin, behind):
        distance[q], source[q] = shorter[q], other[q]
    if nearest > 0:
        for q in range(begin, behind):
            if source[q] == job and distance[q] <= state.least:
                if distance[q] < state.least:
                    state.least, state.listed = distance[q], 0
                put_on_list(lines, lines.which[q])


@compiled
def _list_nearest(lines: Lines) -> None:
    """List the nearest columns."""
    state, least = lines.state[0], math.inf
    for j in range(len(lines.row)):
        least = min(least, _least(lines.distance[lines.row[j].begin : lines.row[j].end]))
    state.least = least
    for j in range(len(lines.row)):
        for begin in range(lines.row[j].begin, lines.row[j].end, _FEW):
            _list_equal(lines, begin, min(begin + _FEW, lines.row[j].end), least)


@compiled
def _list_equal(lines: Lines, begin: int, behind: int, least: float) -> None:
    """List the columns of some at this distance."""
    distance, equal = lines.distance, 0
    for q in range(begin, behind):
        equal += int(distance[q] == least)
    if equal > 0:
        for q in range(begin, behind):
            if distance[q] == least:
                put_on_list(lines, lines.which[q])


@compiled
def _least(values: Floats) -> float:
    """The least, by four at a time that do not wait for each other."""
    a = b = c = d = math.inf
    fours = values.size // 4 * 4
    for q in range(0, fours, 4):
        a, b = min(a, values[q]), min(b, values[q + 1])
        c, d = min(c, values[q + 2]), min(d, values[q + 3])
    for q in range(fours, values.size):
        a = min(a, values[q])
    return min(min(a, b), min(c, d))


@compiled
def _leave_row(lines: Lines, p: int) -> None:
    """Have the last column of a type stand where one stood that the search has reached."""
    j = 0
    while j < len(lines.row) - 1 and p >= lines.row[j + 1].begin:
        j += 1
    row = lines.row[j]
    row.end -= 1
    last = lines.which[row.end]
    lines.which[p], lines.where[last] = last, p
    lines.number[p], lines.price[p] = lines.number[row.end], lines.price[row.end]
    lines.distance[p], lines.source[p] = lines.distance[row.end], lines.source[row.end]


@compiled
def _is_nearest(lines: Lines, free: int) -> bool:
    """Whether no column that was left out can have been as near as the free one that a search has reached."""
    state, all_columns = lines.state[0], lines.begins[len(lines.row)]
    for j in range(len(lines.row)):
        if lines.begins[j + 1] == lines.begins[j]:
            continue
        place = _first_free(lines, j) + 1
        if place < state.places:
            c = place * all_columns + lines.begins[j]
            if free // all_columns == place and lines.column[free].kind // state.places == j:
                return False
            if lines.distance[lines.where[c]] <= lines.column[free].distance:
                return False
    return True
