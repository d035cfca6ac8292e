"""A basis as a product of sparse triangular factors, and of what has entered it since.

Columns of a program with pairs have five entries at most, so factors of 1,000 rows have some 4,000 entries where the inverse has most of a
million. What enters is kept as it is in terms of the basis (product form) until the basis is factored anew
(:mod:`~gavel_opt.solver.pair_simplex.markowitz`). Four right-hand sides are solved for at once: going through the factors takes longer than the arithmetic.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.pair_simplex.columns import Columns, T, entries_of, slack_of

WIDE = 4
"""Right-hand sides at once."""
KEPT = 40
"""What enters at most until the basis is factored anew."""
ENTRIES = 60
"""Entries of each factor at most, for each row."""
_STRETCH = 1024
"""Places for which all that has entered is gone through at once: what is near the processor."""


class Factors(NamedTuple):
    """Factors of a basis of R rows, step by step, and E things that have entered since.

    Attributes
    ----------
    row, place, pivot
        Of each step: its row, its place in the basis, and one over the pivot, ``(R,)``.
    lower, lower_row, lower_value
        What a step takes from other rows: from ``lower[s]`` up to ``lower[s + 1]``.
    upper, upper_place, upper_value
        Entries of a step's row in places of later steps.
    left, entered
        Place that each took, and what it was in terms of the basis, ``(E,)``, ``(E, R)``.
    many
        How many have entered, ``(1,)``.
    work, by_place
        Right-hand sides by row, and solutions by place, ``(R, WIDE)``.
    """

    row: Ints
    place: Ints
    pivot: Floats
    lower: Ints
    lower_row: Ints
    lower_value: Floats
    upper: Ints
    upper_place: Ints
    upper_value: Floats
    left: Ints
    entered: Floats
    many: Ints
    work: Floats
    by_place: Floats


@compiled
def room_for_factors(rows: int) -> Factors:
    """Room for a basis of so many rows."""
    entries = ENTRIES * rows
    return Factors(
        np.zeros(rows, np.int64),
        np.zeros(rows, np.int64),
        np.zeros(rows),
        np.zeros(rows + 1, np.int64),
        np.zeros(entries, np.int64),
        np.zeros(entries),
        np.zeros(rows + 1, np.int64),
        np.zeros(entries, np.int64),
        np.zeros(entries),
        np.zeros(KEPT, np.int64),
        np.zeros((KEPT, rows)),
        np.zeros(1, np.int64),
        np.zeros((rows, WIDE)),
        np.zeros((rows, WIDE)),
    )


@compiled
def put_column(columns: Columns, variable: int, factors: Factors, wide: int) -> None:
    """Make a variable's column one of the right-hand sides; all of ``work`` is zero before the first."""
    rows, values = np.empty(5, np.int64), np.empty(5)
    if variable == T:
        for g in range(columns.jobs.size):
            factors.work[g, wide] = columns.rise[g]
    elif variable < T:
        factors.work[slack_of(variable), wide] = 1.0
    else:
        for n in range(entries_of(columns, variable, rows, values)):
            factors.work[rows[n], wide] = values[n]


@compiled
def solve_wide(factors: Factors, found: Floats, which: Ints, nobody: int) -> None:
    """Express the right-hand sides in terms of the basis, ``(WIDE, R)``, but for those that are nobody's; all are zero after it."""
    _through_lower(factors)
    _through_upper(factors)
    by_place = factors.by_place
    for wide in range(WIDE):
        if which[wide] != nobody:
            for place in range(factors.row.size):
                found[wide, place] = by_place[place, wide]
    _bring_in_all(factors, found, which, nobody)


@compiled
def _through_lower(factors: Factors) -> None:
    """Take the lower factor out of the right-hand sides; the four are written out, so that they stay in registers."""
    work = factors.work
    for step in range(factors.row.size):
        first, end, row = factors.lower[step], factors.lower[step + 1], factors.row[step]
        one, two, three, four = work[row, 0], work[row, 1], work[row, 2], work[row, 3]
        if first == end or (one == 0.0 and two == 0.0 and three == 0.0 and four == 0.0):
            continue
        for n in range(first, end):
            other, times = factors.lower_row[n], factors.lower_value[n]
            work[other, 0] -= times * one
            work[other, 1] -= times * two
            work[other, 2] -= times * three
            work[other, 3] -= times * four


@compiled
def _through_upper(factors: Factors) -> None:
    """And the upper one: into solutions by place. The right-hand sides are zero after it."""
    work, by_place = factors.work, factors.by_place
    for step in range(factors.row.size - 1, -1, -1):
        row, place, pivot = factors.row[step], factors.place[step], factors.pivot[step]
        one, two, three, four = work[row, 0], work[row, 1], work[row, 2], work[row, 3]
        for n in range(factors.upper[step], factors.upper[step + 1]):
            other, times = factors.upper_place[n], factors.upper_value[n]
            one -= times * by_place[other, 0]
            two -= times * by_place[other, 1]
            three -= times * by_place[other, 2]
            four -= times * by_place[other, 3]
        by_place[place, 0], by_place[place, 1] = one * pivot, two * pivot
        by_place[place, 2], by_place[place, 3] = three * pivot, four * pivot
        work[row, 0] = work[row, 1] = work[row, 2] = work[row, 3] = 0.0


@compiled
def _after(factors: Factors, found: Floats, times: Floats, place: int, many: int) -> float:
    """What is in a place once so many have entered, so many times."""
    value = found[place]
    for kept in range(many):
        if factors.left[kept] == place:
            value = times[kept]
        else:
            value -= times[kept] * factors.entered[kept, place]
    return float(value)


@compiled
def _take_entered(factors: Factors, found: Floats, times: Floats, begin: int, end: int) -> None:
    """Take what has entered so many times from a stretch of places."""
    entered, many = factors.entered, factors.many[0]
    for kept in range(0, many - 3, 4):
        first, second = times[kept], times[kept + 1]
        third, fourth = times[kept + 2], times[kept + 3]
        if first == 0.0 and second == 0.0 and third == 0.0 and fourth == 0.0:
            continue
        for i in range(begin, end):
            value = found[i] - first * entered[kept, i]
            value -= second * entered[kept + 1, i]
            value -= third * entered[kept + 2, i]
            found[i] = value - fourth * entered[kept + 3, i]
    for kept in range(many - many % 4, many):
        for i in range(begin, end):
            found[i] -= times[kept] * entered[kept, i]


@compiled
def _bring_in_all(factors: Factors, found: Floats, which: Ints, nobody: int) -> None:
    """:func:`bring_in` of all that has entered, one after the other, with the same bits: first how often, then stretch by stretch."""
    left, entered, many = factors.left, factors.entered, factors.many[0]
    rows, times = factors.row.size, np.zeros((WIDE, many))
    for wide in range(WIDE):
        if which[wide] != nobody:
            for kept in range(many):
                value = _after(factors, found[wide], times[wide], left[kept], kept)
                times[wide, kept] = value / entered[kept, left[kept]]
    for begin in range(0, rows, _STRETCH):
        end = min(begin + _STRETCH, rows)
        for wide in range(WIDE):
            if which[wide] != nobody:
                _take_entered(factors, found[wide], times[wide], begin, end)
    for wide in range(WIDE):
        if which[wide] != nobody:
            for kept in range(many):
                place = left[kept]
                found[wide, place] = _after(factors, found[wide], times[wide], place, many)


@compiled
def solve_alone(factors: Factors, right: Floats, found: Floats) -> None:
    """Fill in what one right-hand side is in terms of the basis, before anything has entered since it was factored."""
    work = factors.work
    for row in range(right.size):
        work[row, 0] = right[row]
    for step in range(right.size):
        value = work[factors.row[step], 0]
        for n in range(factors.lower[step], factors.lower[step + 1]):
            work[factors.lower_row[n], 0] -= factors.lower_value[n] * value
    for step in range(right.size - 1, -1, -1):
        value = work[factors.row[step], 0]
        for n in range(factors.upper[step], factors.upper[step + 1]):
            value -= factors.upper_value[n] * found[factors.upper_place[n]]
        found[factors.place[step]] = value * factors.pivot[step]
        work[factors.row[step], 0] = 0.0


@compiled
def bring_in(found: Floats, entered: Floats, place: int) -> None:
    """Express in terms of the next basis what is in terms of the one before something entered at a place."""
    value = found[place] / entered[place]
    if value != 0.0:
        for i in range(entered.size):
            found[i] -= value * entered[i]
        found[place] = value


@compiled
def read_row(factors: Factors, place: int, part: Floats, y: Floats) -> None:
    """Fill in a row of the inverse, the first R of ``y``; ``part`` is room for R numbers, zero before and after."""
    _through_entered(factors, place, part)
    for step in range(factors.row.size):
        value = part[factors.place[step]] * factors.pivot[step]
        part[factors.place[step]] = 0.0
        y[factors.row[step]] = value
        if value != 0.0:
            for n in range(factors.upper[step], factors.upper[step + 1]):
                part[factors.upper_place[n]] -= factors.upper_value[n] * value
    for step in range(factors.row.size - 1, -1, -1):
        total = y[factors.row[step]]
        for n in range(factors.lower[step], factors.lower[step + 1]):
            total -= factors.lower_value[n] * y[factors.lower_row[n]]
        y[factors.row[step]] = total


@compiled
def _through_entered(factors: Factors, place: int, part: Floats) -> None:
    """A unit row, in terms of the basis that was factored: it has entries where something has entered, and its own."""
    part[place] = 1.0
    left, many = factors.left, factors.many[0]
    seen, places = 1, np.empty(many + 1, np.int64)
    places[0] = place
    for kept in range(many - 1, -1, -1):
        entered, at = factors.entered[kept], left[kept]
        total, known = part[at], False
        for n in range(seen):
            if places[n] != at:
                total -= entered[places[n]] * part[places[n]]
            else:
                known = True
        part[at] = total / entered[at]
        if not known:
            places[seen] = at
            seen += 1
