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
    work, by_place = factors.work, factors.by_place
    for step in range(factors.row.size):
        first, end = factors.lower[step], factors.lower[step + 1]
        if first < end:
            row = factors.row[step]
            for n in range(first, end):
                _take_row(work, factors.lower_row[n], factors.lower_value[n], work, row)
    for step in range(factors.row.size - 1, -1, -1):
        row, place, pivot = factors.row[step], factors.place[step], factors.pivot[step]
        for n in range(factors.upper[step], factors.upper[step + 1]):
            _take_row(work, row, factors.upper_value[n], by_place, factors.upper_place[n])
        for wide in range(WIDE):
            by_place[place, wide] = work[row, wide] * pivot
        for wide in range(WIDE):
            work[row, wide] = 0.0
    for wide in range(WIDE):
        if which[wide] != nobody:
            for place in range(factors.row.size):
                found[wide, place] = by_place[place, wide]
            for kept in range(factors.many[0]):
                bring_in(found[wide], factors.entered[kept], factors.left[kept])


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
def _take_row(target: Floats, row: int, times: float, source: Floats, other: int) -> None:
    """Take a row so many times from another."""
    for w in range(WIDE):
        target[row, w] -= times * source[other, w]


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
