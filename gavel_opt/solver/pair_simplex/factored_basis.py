"""A basis as a product of sparse triangular factors, and of what has entered it since.

Columns of a program with pairs have five entries at most, so factors of 1,000 rows have some 4,000 entries where the inverse has most of a
million. What enters is kept as it is in terms of the basis (product form) until the basis is factored anew
(:mod:`~gavel_opt.solver.pair_simplex.markowitz`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.dense import copy_into
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.pair_simplex.columns import Columns, T, entries_of, slack_of
from gavel_opt.solver.pair_simplex.dense_tail import (
    Tail,
    back_through_tail,
    room_for_tail,
    through_tail,
)

KEPT = 64
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
    again, crossed
        Which one before it took the same place last, -1 for none, ``(E,)``; and in the place of each what all others were, ``(E, E)``.
    tail
        The last steps, whose entries are in no list.
    many
        How many have entered, and how many steps are before the tail, ``(2,)``.
    work
        A right-hand side by row, zero before and after, ``(R,)``.
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
    again: Ints
    crossed: Floats
    tail: Tail
    many: Ints
    work: Floats


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
        np.full(KEPT, -1),
        np.zeros((KEPT, KEPT)),
        room_for_tail(rows),
        np.zeros(2, np.int64),
        np.zeros(rows),
    )


@compiled
def put_column(columns: Columns, variable: int, factors: Factors) -> None:
    """Make a variable's column the right-hand side."""
    rows, values = np.empty(5, np.int64), np.empty(5)
    if variable == T:
        for g in range(columns.jobs.size):
            factors.work[g] = columns.rise[g]
    elif variable < T:
        factors.work[slack_of(variable)] = 1.0
    else:
        for n in range(entries_of(columns, variable, rows, values)):
            factors.work[rows[n]] = values[n]


@compiled
def solve(factors: Factors, found: Floats) -> None:
    """Express the right-hand side in terms of the basis, ``(R,)``; it is zero after it."""
    _through_factors(factors, found)
    _bring_in_all(factors, found)


@compiled
def _through_factors(factors: Factors, found: Floats) -> None:
    work, tail, before = factors.work, factors.tail.work, factors.many[1]
    for step in range(before):
        value = work[factors.row[step]]
        if value != 0.0:
            for n in range(factors.lower[step], factors.lower[step + 1]):
                work[factors.lower_row[n]] -= factors.lower_value[n] * value
    for step in range(before, work.size):
        tail[step - before] = work[factors.row[step]]
        work[factors.row[step]] = 0.0
    through_tail(factors.tail, factors.pivot[before:])
    for step in range(before, work.size):
        found[factors.place[step]] = tail[step - before]
    for step in range(before - 1, -1, -1):
        value = work[factors.row[step]]
        for n in range(factors.upper[step], factors.upper[step + 1]):
            value -= factors.upper_value[n] * found[factors.upper_place[n]]
        found[factors.place[step]] = value * factors.pivot[step]
        work[factors.row[step]] = 0.0


@compiled
def keep(factors: Factors, entering: Floats, place: int) -> int:
    """Note that something enters the basis at a place, in terms of the basis before; how many have, with it."""
    left, entered, crossed, kept = factors.left, factors.entered, factors.crossed, factors.many[0]
    copy_into(entered[kept], entering)
    left[kept], factors.again[kept] = place, -1
    for other in range(kept):
        crossed[kept, other], crossed[other, kept] = entered[other, place], entering[left[other]]
        if left[other] == place:
            factors.again[kept] = other
    factors.many[0] += 1
    return int(kept + 1)


@compiled
def _bring_in_all(factors: Factors, found: Floats) -> None:
    """Express it in terms of what has entered: first how often each has, one after the other, then place by place."""
    left, entered, crossed, many = factors.left, factors.entered, factors.crossed, factors.many[0]
    times = np.empty(many)
    for kept in range(many):
        before = factors.again[kept]
        value = times[before] if before >= 0 else found[left[kept]]
        for other in range(before + 1, kept):
            value -= times[other] * crossed[kept, other]
        times[kept] = value / entered[kept, left[kept]]
    _take_entered(factors, found, times)
    for kept in range(many):
        value = times[kept]
        for other in range(kept + 1, many):
            value -= times[other] * crossed[kept, other]
        found[left[kept]] = value


@compiled
def _take_entered(factors: Factors, found: Floats, times: Floats) -> None:
    """Take what has entered so many times from all places, four at once."""
    entered, many = factors.entered, factors.many[0]
    for kept in range(0, many - 3, 4):
        first, second = times[kept], times[kept + 1]
        third, fourth = times[kept + 2], times[kept + 3]
        if first == 0.0 and second == 0.0 and third == 0.0 and fourth == 0.0:
            continue
        for i in range(found.size):
            value = found[i] - first * entered[kept, i]
            value -= second * entered[kept + 1, i]
            value -= third * entered[kept + 2, i]
            found[i] = value - fourth * entered[kept + 3, i]
    for kept in range(many - many % 4, many):
        for i in range(found.size):
            found[i] -= times[kept] * entered[kept, i]


@compiled
def solve_alone(factors: Factors, right: Floats, found: Floats) -> None:
    """Fill in what a right-hand side is in terms of the basis, before anything has entered since it was factored."""
    copy_into(factors.work, right)
    _through_factors(factors, found)


@compiled
def read_row(factors: Factors, place: int, part: Floats, y: Floats) -> None:
    """Fill in a row of the inverse, the first R of ``y``; ``part`` is room for R numbers, zero before and after."""
    _through_entered(factors, place, part)
    tail, before = factors.tail.work, factors.many[1]
    for step in range(before):
        value = part[factors.place[step]] * factors.pivot[step]
        part[factors.place[step]] = 0.0
        y[factors.row[step]] = value
        if value != 0.0:
            for n in range(factors.upper[step], factors.upper[step + 1]):
                part[factors.upper_place[n]] -= factors.upper_value[n] * value
    for step in range(before, factors.row.size):
        tail[step - before] = part[factors.place[step]]
        part[factors.place[step]] = 0.0
    back_through_tail(factors.tail, factors.pivot[before:])
    for step in range(before, factors.row.size):
        y[factors.row[step]] = tail[step - before]
    for step in range(before - 1, -1, -1):
        total = y[factors.row[step]]
        for n in range(factors.lower[step], factors.lower[step + 1]):
            total -= factors.lower_value[n] * y[factors.lower_row[n]]
        y[factors.row[step]] = total


@compiled
def _through_entered(factors: Factors, place: int, part: Floats) -> None:
    """A unit row, in terms of the basis that was factored: it has entries where something has entered, and its own."""
    part[place] = 1.0
    left, crossed, many = factors.left, factors.crossed, factors.many[0]
    seen, places, whose = 1, np.empty(many + 1, np.int64), np.empty(many + 1, np.int64)
    places[0], whose[0] = place, -1
    for kept in range(many - 1, -1, -1):
        entered, at = factors.entered[kept], left[kept]
        total, known = part[at], False
        for n in range(seen):
            if places[n] == at:
                known = True
            else:
                entry = crossed[whose[n], kept] if n > 0 else entered[place]
                total -= entry * part[places[n]]
        part[at] = total / entered[at]
        if not known:
            places[seen], whose[seen] = at, kept
            seen += 1
