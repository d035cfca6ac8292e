"""Sparse triangular factors of a basis.

Pivots are chosen after Markowitz (1957): of a few columns with the fewest entries that which makes fewest new ones, if it is no less
than a tenth of the largest of its column; columns and rows with one entry before them. The column of t, which has an entry in
each row of a level, goes through all steps as a dense vector. What is left is dense in the end
(:mod:`~gavel_opt.solver.pair_simplex.dense_tail`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled, compiled_apart
from gavel_opt.solver.pair_simplex.columns import Columns, T, entries_of, slack_of
from gavel_opt.solver.pair_simplex.dense_tail import MOST, factor_tail
from gavel_opt.solver.pair_simplex.factored_basis import ENTRIES, Factors

_STABLE = 0.1
"""A pivot is this part of the largest entry of its column at least."""
_LOOK = 4
"""Columns among which a pivot is chosen."""
_DENSE = 0.2
"""Part of the entries of what is left, from which on it is dense."""
_SINGULAR = 1e-12
"""Pivots up to this part of the largest entry of the column are none."""


class Active(NamedTuple):
    """What is still to be factored: by columns with values, by rows as a pattern.

    Attributes
    ----------
    row, value, begin, many, room
        Entries of the column in each place, ``many`` from ``begin`` on, with room for more.
    place, row_begin, row_many, row_room, here
        Places in which each row has entries, past ones too, and how many are left.
    done_row, done
        Rows and places of steps that are done, ``(R,)``.
    at
        Where a column has an entry in each row, -1 for none, ``(R,)``.
    head, after, before
        Places by how many entries they have, as lists, ``(R + 2,)``, ``(R,)``.
    single
        Rows that had one entry left when that was looked at, ``(2 R,)``.
    size
        The largest entry of each column of the basis, ``(R,)``.
    dense
        What is left of the column of t, which is the last to be a pivot, ``(R,)``.
    end
        Up to where entries reach, by columns and by rows, how many rows are in ``single``, and how many entries are left, ``(4,)``.
    """

    row: Ints
    value: Floats
    begin: Ints
    many: Ints
    room: Ints
    place: Ints
    row_begin: Ints
    row_many: Ints
    row_room: Ints
    here: Ints
    done_row: Ints
    done: Ints
    at: Ints
    head: Ints
    after: Ints
    before: Ints
    single: Ints
    size: Floats
    dense: Floats
    end: Ints


@compiled
def room_to_factor(rows: int) -> Active:
    """Room for a basis of so many rows."""
    entries = 4 * ENTRIES * rows
    return Active(
        np.zeros(entries, np.int64),
        np.zeros(entries),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.int64),
        np.zeros(entries, np.int64),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.int64),
        np.full(rows, -1),
        np.full(rows + 2, -1),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.int64),
        np.zeros(2 * rows, np.int64),
        np.zeros(rows),
        np.zeros(rows),
        np.zeros(4, np.int64),
    )


@compiled_apart
def factorise(columns: Columns, basic: Ints, factors: Factors, active: Active) -> bool:
    """Factor the basis with these variables in its places; False where it is singular, or its factors have too many entries."""
    rows = basic.size
    factors.many[0] = factors.lower[0] = factors.upper[0] = 0
    dense = _fill_in(columns, basic, active)
    for step in range(rows):
        if _is_dense(active, rows - step):
            factors.many[1] = step
            return _factor_tail(factors, active, step, dense)
        place, row, pivot = _next_pivot(active)
        full = factors.lower[step] + rows > factors.lower_row.size
        full = full or factors.upper[step] + rows > factors.upper_place.size
        if abs(pivot) <= _SINGULAR * active.size[place] or full:
            return False
        active.done[place] = active.done_row[row] = 1
        active.end[3] -= active.many[place]
        factors.row[step], factors.place[step], factors.pivot[step] = row, place, 1.0 / pivot
        _keep_lower(factors, active, step)
        if not _keep_upper(factors, active, step, dense):
            return False
    factors.many[1] = rows
    return True


@compiled
def _is_dense(active: Active, left: int) -> bool:
    """Whether what is left, of so many rows, has few zeros; in the end it is t alone."""
    return bool(left <= MOST and active.end[3] >= _DENSE * left * (left - 1))


@compiled
def _factor_tail(factors: Factors, active: Active, step: int, dense: int) -> bool:
    """Factor what is left as a dense matrix, with t as the last column; False where it is singular."""
    a, many, rows = factors.tail.by_row, step, active.done.size
    for row in range(rows):
        if active.done_row[row] == 0:
            factors.row[many], active.at[row] = row, many - step
            many += 1
    size, last = np.zeros(rows - step), step
    for i in range(rows - step):
        for j in range(rows - step):
            a[i, j] = 0.0
    for place in range(rows):
        if active.done[place] == 0 and place != dense:
            for n in range(active.begin[place], active.begin[place] + active.many[place]):
                a[active.at[active.row[n]], last - step] = active.value[n]
            factors.place[last], size[last - step] = place, active.size[place]
            last += 1
    if dense >= 0:
        factors.place[last], size[last - step] = dense, active.size[dense]
    for i in range(step, rows):
        active.at[factors.row[i]] = -1
        if dense >= 0:
            a[i - step, last - step] = active.dense[factors.row[i]]
    return factor_tail(factors.tail, factors.row[step:], factors.pivot[step:], size, _SINGULAR)


@compiled
def _keep_lower(factors: Factors, active: Active, step: int) -> None:
    """What a step takes from other rows."""
    place, row, end = factors.place[step], factors.row[step], factors.lower[step]
    begin = active.begin[place]
    for n in range(begin, begin + active.many[place]):
        if active.row[n] != row:
            factors.lower_row[end] = active.row[n]
            factors.lower_value[end] = active.value[n] * factors.pivot[step]
            end += 1
            _lose_one(active, active.row[n])
    factors.lower[step + 1] = end


@compiled
def _keep_upper(factors: Factors, active: Active, step: int, dense: int) -> bool:
    """A step's row, and what the step changes in the other columns; False where there is no room for what is new."""
    row, end = factors.row[step], factors.upper[step]
    begin, low, high = active.row_begin[row], factors.lower[step], factors.lower[step + 1]
    for n in range(begin, begin + active.row_many[row]):
        place = active.place[n]
        if active.done[place] == 1:
            continue
        times = _take_out(active, place, row)
        factors.upper_place[end], factors.upper_value[end] = place, times
        end += 1
        if low < high and not _eliminate(active, place, factors, step, times):
            return False
    times = active.dense[row]
    if times != 0.0 and factors.place[step] != dense:
        factors.upper_place[end], factors.upper_value[end] = dense, times
        end += 1
        for n in range(low, high):
            active.dense[factors.lower_row[n]] -= factors.lower_value[n] * times
    factors.upper[step + 1] = end
    return True


@compiled
def _fill_in(columns: Columns, basic: Ints, active: Active) -> int:
    """Columns of the basis, and the pattern of its rows; the place of t, -1 where it is not in the basis."""
    rows, values, groups, dense = np.empty(5, np.int64), np.empty(5), columns.jobs.size, -1
    active.dense[:] = 0.0
    active.size[:] = 0.0
    active.here[:] = 0
    active.done[:] = 0
    active.done_row[:] = 0
    active.head[:] = -1
    active.end[:] = 0
    for place in range(basic.size):
        active.begin[place] = active.end[0]
        if basic[place] == T:
            dense = place
            for g in range(groups):
                active.dense[g] = columns.rise[g]
                active.size[place] = max(active.size[place], columns.rise[g])
        elif basic[place] < T:
            _put_entry(active, slack_of(basic[place]), 1.0)
        else:
            for n in range(entries_of(columns, basic[place], rows, values)):
                if values[n] != 0.0:
                    _put_entry(active, rows[n], values[n])
        for n in range(active.begin[place], active.end[0]):
            active.size[place] = max(active.size[place], abs(active.value[n]))
        active.many[place] = active.end[0] - active.begin[place]
        active.room[place] = active.many[place]
        if place != dense:
            _join_list(active, place)
    for row in range(basic.size):
        active.row_begin[row], active.row_room[row] = active.end[1], active.here[row]
        active.row_many[row] = 0
        active.end[1] += active.here[row]
        if active.here[row] == 1:
            active.single[active.end[2]] = row
            active.end[2] += 1
    for place in range(basic.size):
        for n in range(active.begin[place], active.begin[place] + active.many[place]):
            row = active.row[n]
            active.place[active.row_begin[row] + active.row_many[row]] = place
            active.row_many[row] += 1
    return dense


@compiled
def _put_entry(active: Active, row: int, value: float) -> None:
    active.row[active.end[0]], active.value[active.end[0]] = row, value
    active.end[0] += 1
    active.end[3] += 1
    active.here[row] += 1


@compiled
def _join_list(active: Active, place: int) -> None:
    """Put a place into the list of those with as many entries."""
    many = active.many[place]
    active.before[place], active.after[place] = -1, active.head[many]
    if active.head[many] >= 0:
        active.before[active.head[many]] = place
    active.head[many] = place


@compiled
def _leave_list(active: Active, place: int) -> None:
    """Take a place out of its list."""
    before, after = active.before[place], active.after[place]
    if before >= 0:
        active.after[before] = after
    else:
        active.head[active.many[place]] = after
    if after >= 0:
        active.before[after] = before


@compiled
def _lose_one(active: Active, row: int) -> None:
    """Count one entry less in a row."""
    active.here[row] -= 1
    if active.here[row] == 1 and active.end[2] < active.single.size:
        active.single[active.end[2]] = row
        active.end[2] += 1


@compiled
def _next_pivot(active: Active) -> tuple[int, int, float]:
    """Place and row of the next pivot, and how large it is; zero where there is none."""
    place = active.head[1]
    row = active.row[active.begin[place]] if place >= 0 else -1
    while place < 0 and active.end[2] > 0:
        active.end[2] -= 1
        row = active.single[active.end[2]]
        if active.done_row[row] == 0 and active.here[row] == 1:
            place = _place_of_single(active, row)
    if place < 0:
        place, row = _cheap_pivot(active)
    if place < 0:
        return 0, 0, 0.0
    _leave_list(active, place)
    n = active.begin[place]
    while active.row[n] != row:
        n += 1
    return place, row, float(active.value[n])


@compiled
def _place_of_single(active: Active, row: int) -> int:
    """The place of a row's only entry; -1 where that is too small to be a pivot."""
    begin, found = active.row_begin[row], -1
    for n in range(begin, begin + active.row_many[row]):
        place = active.place[n]
        if active.done[place] == 0 and _is_stable(active, place, row):
            found = place
    return found


@compiled
def _cheap_pivot(active: Active) -> tuple[int, int]:
    """Of a few columns with the fewest entries the pivot that makes fewest new ones."""
    least, largest, looked = np.inf, 0.0, 0
    place = row = -1
    for many in range(2, active.head.size):
        one = active.head[many]
        while one >= 0:
            begin, top = active.begin[one], 0.0
            for n in range(begin, begin + many):
                top = max(top, abs(active.value[n]))
            for n in range(begin, begin + many):
                size = abs(active.value[n])
                new = float((active.here[active.row[n]] - 1) * (many - 1))
                if size >= _STABLE * top and (new < least or (new == least and size > largest)):
                    least, largest, place, row = new, size, one, active.row[n]
            looked += 1
            if looked == _LOOK:
                return place, row
            one = active.after[one]
        if least <= float((many - 1) ** 2):
            return place, row
    return place, row


@compiled
def _is_stable(active: Active, place: int, row: int) -> bool:
    """Whether a place's entry in a row may be a pivot."""
    top, size, begin = 0.0, 0.0, active.begin[place]
    for n in range(begin, begin + active.many[place]):
        top = max(top, abs(active.value[n]))
        if active.row[n] == row:
            size = abs(active.value[n])
    return size > 0.0 and size >= _STABLE * top


@compiled
def _take_out(active: Active, place: int, row: int) -> float:
    """Take a row's entry out of a column."""
    n, last = active.begin[place], active.begin[place] + active.many[place] - 1
    while active.row[n] != row:
        n += 1
    value = active.value[n]
    active.row[n], active.value[n] = active.row[last], active.value[last]
    _leave_list(active, place)
    active.many[place] -= 1
    active.end[3] -= 1
    _join_list(active, place)
    return float(value)


@compiled
def _eliminate(active: Active, place: int, factors: Factors, step: int, times: float) -> bool:
    """Take the lower part of a step so many times from a column; False where there is no room for what is new."""
    begin, first, end = active.begin[place], factors.lower[step], factors.lower[step + 1]
    for n in range(begin, begin + active.many[place]):
        active.at[active.row[n]] = n
    new = 0
    for m in range(first, end):
        n = active.at[factors.lower_row[m]]
        if n >= 0:
            active.value[n] -= factors.lower_value[m] * times
        else:
            new += 1
    fits = True
    if new > 0:
        _leave_list(active, place)
        fits = _make_room(active, place, new)
        for m in range(first, end):
            row = factors.lower_row[m]
            if fits and active.at[row] < 0:
                n = active.begin[place] + active.many[place]
                active.row[n], active.value[n] = row, -factors.lower_value[m] * times
                active.many[place] += 1
                active.end[3] += 1
                fits = _note_place(active, row, place)
        _join_list(active, place)
    begin = active.begin[place]
    for n in range(begin, begin + active.many[place]):
        active.at[active.row[n]] = -1
    return fits


@compiled
def _make_room(active: Active, place: int, new: int) -> bool:
    """Make room for so many new entries of a column, behind all others if need be; False where there is none."""
    many = active.many[place]
    if many + new <= active.room[place]:
        return True
    room, begin, end = 2 * (many + new), active.begin[place], active.end[0]
    if end + room > active.row.size:
        return False
    for n in range(many):
        active.row[end + n], active.value[end + n] = active.row[begin + n], active.value[begin + n]
    active.begin[place], active.room[place], active.end[0] = end, room, end + room
    return True


@compiled
def _note_place(active: Active, row: int, place: int) -> bool:
    """Note that a row has an entry in one more place; False where there is no room for that."""
    many = active.row_many[row]
    if many == active.row_room[row]:
        room, begin, end = 2 * (many + 1), active.row_begin[row], active.end[1]
        if end + room > active.place.size:
            return False
        for n in range(many):
            active.place[end + n] = active.place[begin + n]
        active.row_begin[row], active.row_room[row], active.end[1] = end, room, end + room
    active.place[active.row_begin[row] + many] = place
    active.row_many[row] += 1
    active.here[row] += 1
    return True
