r"""The dual simplex method in the columns of a program with pairs.

Prices y stay those of a dual solution (no column costs less than nothing); a pivot takes out a basic variable that
is negative, the one furthest from its edge, and takes in the column that first would cost less than nothing as
prices move. A slack may be in the basis although its row has a price: then it must be zero, above or below. So the method
starts from any prices, with or without a basis that goes with them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.pair_simplex.columns import Columns, T, costs_at, entries_of, slack_of

NOTHING = 1e-11
"""Basic variables up to this are zero."""
PIVOT = 1e-9
"""Coefficients up to this are zero where a variable is sought that enters."""
ALIKE = 1e-12
"""Ratios this near, beside the largest price, are one: the larger coefficient decides."""
DUST = 1e-14
"""What is left of a coefficient that should be zero."""
NONE = -(2**62)
"""No variable."""
OUT, FREE, HELD = range(3)
"""A row's slack: out of the basis; in it, and at least zero; in it, and zero in the end."""


class Tableau(NamedTuple):
    """Where the method stands. Vectors over rows that stand for prices have 2 R places, as in ``Columns``.

    Attributes
    ----------
    inverse
        Of the basis, ``(R, R)``.
    basic, value
        The variable in each place of the basis, and its value, ``(R,)``.
    slack
        OUT, FREE or HELD, of each row.
    inside
        Whether each column is in the basis, ``(C J,)``; at the end, whether t is.
    y, row
        Prices, and the row of the inverse along which they move, ``(2 R,)``.
    cost, change
        Of each column, and what it changes by along the row, ``(C J,)``.
    entering, places
        The column that enters in terms of the basis, ``(R,)``; places that are not zero.
    """

    inverse: Floats
    basic: Ints
    value: Floats
    slack: Ints
    inside: Ints
    y: Floats
    row: Floats
    cost: Floats
    change: Floats
    entering: Floats
    places: Ints


@compiled
def tableau_for(columns: Columns) -> Tableau:
    """Room for a program."""
    rows, many = columns.limit.size, columns.one.size * columns.workers.size
    return Tableau(
        np.zeros((rows, rows)),
        np.zeros(rows, np.int64),
        np.zeros(rows),
        np.zeros(rows, np.int64),
        np.zeros(many + 1, np.int64),
        np.zeros(2 * rows),
        np.zeros(2 * rows),
        np.zeros(many),
        np.zeros(many),
        np.zeros(rows),
        np.zeros(rows, np.int64),
    )


@compiled
def pivot_to_optimum(columns: Columns, at: Tableau, limit: int) -> int:
    """Pivot until the basis is optimal; how often, or -1 where that comes to no end."""
    y, row, cost, change = at.y, at.row, at.cost, at.change
    for pivots in range(limit):
        place = _leaving(at)
        if place < 0:
            return pivots
        sign = 1.0 if at.value[place] < 0.0 else -1.0
        for k in range(at.basic.size):
            row[k] = sign * at.inverse[place, k]
        costs_at(columns, row, change)
        entering, step = _entering(columns, at)
        held = -1
        if sign < 0.0:  # only what is held is above zero and leaves
            held = slack_of(at.basic[place])
            if y[held] <= step and not is_equality(columns, held):
                step = y[held]
            else:
                held = -1
        if held < 0 and entering == NONE:
            return -1
        for k in range(at.basic.size):
            if at.slack[k] != FREE or at.basic[place] == slack_of(k):
                y[k] += step * row[k]
        for c in range(cost.size):
            cost[c] += step * change[c]
        if held >= 0:
            y[held], at.slack[held] = 0.0, FREE
        else:
            express(columns, at, entering)
            exchange(at, place, entering)
    return -1


@compiled
def is_equality(columns: Columns, row: int) -> bool:
    """Whether a row has no slack: the time of a group that is full."""
    groups = columns.jobs.size
    return bool(groups <= row < 2 * groups and columns.full[row - groups] == 1)


@compiled
def _leaving(at: Tableau) -> int:
    """The place of the variable furthest beyond its edge, as far as the edge is from the basis; -1 for none."""
    furthest, place = 0.0, -1
    for i in range(at.basic.size):
        value, variable = at.value[i], at.basic[i]
        if abs(value) <= NOTHING or variable == T:
            continue
        if value > 0.0 and (variable >= 0 or at.slack[slack_of(variable)] != HELD):
            continue
        size = 0.0
        for k in range(at.basic.size):
            size += at.inverse[i, k] * at.inverse[i, k]
        if value * value > furthest * size:
            furthest, place = value * value / size, i
    return place


@compiled
def _entering(columns: Columns, at: Tableau) -> tuple[int, float]:
    """What first costs nothing as prices move along the row, and how far that is."""
    groups, types, rows = columns.jobs.size, columns.workers.size, columns.limit.size
    of_t = 0.0
    for i in range(groups):
        of_t += columns.rise[i] * at.row[i]
    if at.inside[at.inside.size - 1] == 0 and abs(of_t) > PIVOT:
        return T, 0.0
    first, largest = np.inf, 0.0
    for k in range(rows):
        largest = max(largest, at.y[k])
        if at.slack[k] == OUT and at.row[k] < -PIVOT and not is_equality(columns, k):
            first = min(first, max(at.y[k], 0.0) / -at.row[k])
    for c in range(at.cost.size):
        if at.change[c] < -PIVOT and at.inside[c] == 0 and columns.runs[c // types, c % types]:
            first = min(first, max(at.cost[c], 0.0) / -at.change[c])
    # of those that are next to first, the one with the largest coefficient
    until, best, entering, step = first + ALIKE * largest, 0.0, NONE, np.inf
    for k in range(rows):
        out = at.slack[k] == OUT and not is_equality(columns, k)
        if out and at.row[k] < -PIVOT and -at.row[k] > best:
            ratio = max(at.y[k], 0.0) / -at.row[k]
            if ratio <= until:
                best, entering, step = -at.row[k], slack_of(k), ratio
    for c in range(at.cost.size):
        if -at.change[c] <= max(PIVOT, best) or at.inside[c] == 1:
            continue
        ratio = max(at.cost[c], 0.0) / -at.change[c]
        if ratio <= until and columns.runs[c // types, c % types]:
            best, entering, step = -at.change[c], c, ratio
    return entering, step


@compiled
def express(columns: Columns, at: Tableau, variable: int) -> None:
    """Express a variable's column in terms of the basis."""
    inverse, entering = at.inverse, at.entering
    if variable == T:
        for i in range(entering.size):
            total = 0.0
            for k in range(columns.jobs.size):
                total += inverse[i, k] * columns.rise[k]
            entering[i] = total
        return
    if variable < T:
        row = slack_of(variable)
        for i in range(entering.size):
            entering[i] = inverse[i, row]
        return
    rows, values = np.empty(5, np.int64), np.empty(5)
    many = entries_of(columns, variable, rows, values)
    for i in range(entering.size):
        total = 0.0
        for n in range(many):
            total += inverse[i, rows[n]] * values[n]
        entering[i] = total


@compiled
def exchange(at: Tableau, place: int, variable: int) -> None:
    """Take a variable, expressed in the basis, into it at a place in the place of what is there."""
    inverse, entering, places, value = at.inverse, at.entering, at.places, at.value
    pivot = 1.0 / entering[place]
    many = 0
    for k in range(places.size):
        if abs(inverse[place, k]) > DUST:
            inverse[place, k] *= pivot
            places[many] = k
            many += 1
        else:
            inverse[place, k] = 0.0
    value[place] *= pivot
    for i in range(places.size):
        times = entering[i]
        if i != place and abs(times) > DUST:
            value[i] -= times * value[place]
            if 2 * many > places.size:
                for k in range(places.size):
                    inverse[i, k] -= times * inverse[place, k]
            else:
                for n in range(many):
                    inverse[i, places[n]] -= times * inverse[place, places[n]]
    _mark(at, at.basic[place], 0)
    _mark(at, variable, 1)
    at.basic[place] = variable


@compiled
def _mark(at: Tableau, variable: int, inside: int) -> None:
    """Note that a variable is in the basis, or that it is not."""
    if variable < T:
        at.slack[slack_of(variable)] = FREE if inside == 1 else OUT
        if inside == 1:
            at.y[slack_of(variable)] = 0.0
    elif variable == T:
        at.inside[at.inside.size - 1] = inside
    else:
        at.inside[variable] = inside
