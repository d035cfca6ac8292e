r"""What each group does at given prices, once it is known on which types it runs.

A job that has time left spends 1 on its types, which all give as much for it. A job without has one type, or its level is

.. math:: v = \frac{r_a - r_b}{k (p_a - p_b)}

for any two of its types. What is then still free is how a group splits its time where it runs on more types than that;
for each such split there is a condition on prices alone, linear in them. So prices and splits are found by Newton's
method in no more than two unknowns for each worker type, whatever the number of groups.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.largest_product.market import Market

ALL_TIME, ONE_TYPE = 1, 2
INDEPENDENT = 1e-11
"""Part of a condition on prices that must be its own."""
DEPENDENT, CONTRADICTS = 1e-12, 1e-7
"""Pivots of equations, the largest coefficient of each being 1, that are rounding; and what may be left of their right
sides while others are not met yet."""
MOST_TURNS = 30
SMALL = 1e-9
"""The step after one that moves nothing by more than this part of itself would move nothing at all."""
NEARER = 0.2
"""Part of itself that a price keeps in one step."""


class Face(NamedTuple):
    """Which shares may be positive, and what else is not zero.

    Attributes
    ----------
    runs
        1 for types on which a group runs, shape ``(G, J)``.
    busy
        1 for groups whose time has a price, shape ``(G,)``.
    paid
        1 for types whose workers have a price, shape ``(J,)``.
    """

    runs: Ints
    busy: Ints
    paid: Ints


class Choices(NamedTuple):
    """How each group's shares follow from prices.

    Attributes
    ----------
    kind
        0 for groups with time left, ``ALL_TIME`` for those that mix two types, ``ONE_TYPE`` for those whose level is a
        rate, shape ``(G,)``.
    main, other
        Type whose share makes up for the others', and the second for those that mix, shape ``(G,)``.
    split
        Group and type of each split, shape ``(J, 2)``.
    splits
        How many there are, and how many others change nothing but shares, shape ``(2,)``.
    own
        Conditions of the splits made orthogonal, shape ``(J, J)``.
    equations, rhs
        Of Newton's method, shapes ``(2 J, 2 J)`` and ``(2 J,)``.
    """

    kind: Ints
    main: Ints
    other: Ints
    split: Ints
    splits: Ints
    own: Floats
    equations: Floats
    rhs: Floats


@compiled
def room_for_choices(groups: int, types: int) -> Choices:
    """Choices of nobody."""
    return Choices(
        np.zeros(groups, np.int64),
        np.zeros(groups, np.int64),
        np.zeros(groups, np.int64),
        np.zeros((types, 2), np.int64),
        np.zeros(2, np.int64),
        np.zeros((types, types)),
        np.zeros((2 * types, 2 * types)),
        np.zeros(2 * types),
    )


@compiled
def choose_types(market: Market, face: Face, x: Floats, choices: Choices) -> bool:
    """Sort groups by what they do, and find splits whose conditions are independent; False if a group runs nowhere."""
    groups, types = market.rate.shape
    choices.splits[0] = choices.splits[1] = 0
    for g in range(groups):
        main = -1
        for j in range(types):
            if face.runs[g, j] and (main < 0 or x[g, j] > x[g, main]):
                main = j
        if main < 0:
            return False
        choices.main[g], choices.other[g], choices.kind[g] = main, main, 0
        if face.busy[g]:
            _mix(market, face, x, choices, g)
        for j in range(types):
            if face.runs[g, j] and j != main and j != choices.other[g]:
                _add_split(market, face, choices, g, j)
    return True


@compiled
def _mix(market: Market, face: Face, x: Floats, choices: Choices, g: int) -> None:
    """The two types whose mix decides the level of a group without time left."""
    rate, main, most = market.rate[g], choices.main[g], 0.0
    choices.kind[g] = ONE_TYPE
    for j in range(market.workers.size):
        if face.runs[g, j] and rate[j] != rate[main]:
            weight = abs(rate[j] - rate[main]) * max(x[g, j], 1e-300)
            if weight > most:
                most, choices.other[g], choices.kind[g] = weight, j, ALL_TIME


@compiled
def _condition(market: Market, choices: Choices, g: int, j: int, row: Floats) -> None:
    """The condition on prices that goes with a split, over the largest of its coefficients."""
    rate, main, other, kind = market.rate[g], choices.main[g], choices.other[g], choices.kind[g]
    for i in range(market.workers.size):
        row[i] = 0.0
    if kind == ALL_TIME:
        near, far = rate[j] - rate[other], rate[main] - rate[other]
        row[main] += near
        row[j] -= far
        row[other] += far - near
    elif kind == ONE_TYPE:
        row[main], row[j] = 1.0, -1.0
    else:
        row[main], row[j] = rate[j], -rate[main]
    most = 0.0
    for i in range(market.workers.size):
        most = max(most, abs(row[i]))
    if most > 0.0:
        for i in range(market.workers.size):
            row[i] /= most


@compiled
def _add_split(market: Market, face: Face, choices: Choices, g: int, j: int) -> None:
    """Take a split whose condition says something of its own of the prices that are not zero."""
    types, many = market.workers.size, choices.splits[0]
    choices.splits[1] += 1
    if many >= types:
        return
    row = choices.own[many]
    _condition(market, choices, g, j, row)
    whole = 0.0
    for i in range(types):
        if not face.paid[i]:
            row[i] = 0.0
        whole += row[i] * row[i]
    for _ in range(2):  # once more, for what rounding has left
        for k in range(many):
            before, product = choices.own[k], 0.0
            for i in range(types):
                product += before[i] * row[i]
            for i in range(types):
                row[i] -= product * before[i]
    rest = 0.0
    for i in range(types):
        rest += row[i] * row[i]
    if not rest > INDEPENDENT * INDEPENDENT * whole:
        return
    length = math.sqrt(rest)
    for i in range(types):
        row[i] /= length
    choices.split[many, 0], choices.split[many, 1] = g, j
    choices.splits[0] += 1
    choices.splits[1] -= 1


# Newton's method -----------------------------------------------------------------------------


@compiled
def settle(market: Market, face: Face, choices: Choices, x: Floats, price: Floats) -> bool:
    """Find prices and splits at which what is paid for is used up; False if that does not come to an end."""
    types, splits = market.workers.size, choices.splits[0]
    unknown, size = np.zeros(types, np.int64), 0
    for j in range(types):
        if face.paid[j]:
            unknown[size] = j
            size += 1
        else:
            price[j] = 0.0
    paid = size
    size += splits
    row = np.empty(types)
    for _ in range(MOST_TURNS):
        if not _demand(market, face, choices, x, price):
            return False
        a, b = choices.equations, choices.rhs
        _write(market, choices, x, (unknown, paid), price, row)
        if not _eliminate(a, b, size):
            return False
        part = 1.0
        for n in range(paid):
            value = price[unknown[n]]
            if value + part * b[n] < NEARER * value:
                part = (NEARER - 1.0) * value / b[n]
        largest = 0.0
        for n in range(paid):
            largest = max(largest, abs(b[n]) / price[unknown[n]])
            price[unknown[n]] += part * b[n]
        for n in range(splits):
            g, j = choices.split[n, 0], choices.split[n, 1]
            largest = max(largest, abs(b[paid + n]))
            x[g, j] += part * b[paid + n]
        if not largest < np.inf:
            return False
        if largest <= SMALL:
            return _demand(market, face, choices, x, price)
    return False


@compiled
def _demand(market: Market, face: Face, choices: Choices, x: Floats, price: Floats) -> bool:
    """Shares of the types that make up for the others; False where prices allow none."""
    groups, types = market.rate.shape
    for g in range(groups):
        rate, kind, main, other = market.rate[g], choices.kind[g], choices.main[g], choices.other[g]
        spent, used, gained = 0.0, 0.0, 0.0
        for j in range(types):
            if j != main and j != other:
                spent += price[j] * x[g, j]
                used += x[g, j]
                gained += rate[j] * x[g, j]
        if kind == ONE_TYPE:
            x[g, main] = 1.0 - used
        elif kind == ALL_TIME:
            dearer = price[main] - price[other]
            level = (
                (rate[main] - rate[other]) / (market.scale[g] * dearer) if dearer != 0.0 else -1.0
            )
            if not level > 0.0:
                return False
            rest = 1.0 - used
            x[g, main] = (level - gained - rate[other] * rest) / (rate[main] - rate[other])
            x[g, other] = rest - x[g, main]
        else:
            if not price[main] > 0.0:
                return False
            x[g, main] = (1.0 / market.scale[g] - spent) / price[main]
    return True


@compiled
def _write(
    market: Market,
    choices: Choices,
    x: Floats,
    which: tuple[Ints, int],
    price: Floats,
    row: Floats,
) -> None:
    """Equations of a step: what is used of what is paid for, then conditions of the splits."""
    groups, types = market.rate.shape
    unknown, paid = which
    splits, a, b = choices.splits[0], choices.equations, choices.rhs
    change = choices.own  # no longer needed: what is used by type, by price
    used = np.zeros(types)
    for j in range(types):
        for i in range(types):
            change[j, i] = 0.0
    for g in range(groups):
        main, other, kind = choices.main[g], choices.other[g], choices.kind[g]
        workers = market.jobs[g] * market.scale[g]
        for j in range(types):
            used[j] += workers * x[g, j]
        if kind == ALL_TIME:
            dearer = price[main] - price[other]
            slope = workers / (market.scale[g] * dearer * dearer)
            change[main, main] -= slope
            change[main, other] += slope
            change[other, main] += slope
            change[other, other] -= slope
        elif kind == 0:
            for j in range(types):
                if x[g, j] != 0.0:
                    change[main, j] -= workers * x[g, j] / price[main]
    for n in range(paid):
        j = unknown[n]
        b[n] = market.workers[j] - used[j]
        for m in range(paid):
            a[n, m] = change[j, unknown[m]]
        for m in range(splits):
            a[n, paid + m] = 0.0
    for m in range(splits):
        g, j = choices.split[m, 0], choices.split[m, 1]
        main, other, kind = choices.main[g], choices.other[g], choices.kind[g]
        workers = market.jobs[g] * market.scale[g]
        to_main, to_other = -1.0, 0.0
        if kind == 0:
            to_main = -price[j] / price[main]
        elif kind == ALL_TIME:
            rates = market.rate[g, main] - market.rate[g, other]
            to_main = -(market.rate[g, j] - market.rate[g, other]) / rates
            to_other = -1.0 - to_main
        _condition(market, choices, g, j, row)
        missing = 0.0
        for i in range(types):
            missing += row[i] * price[i]
        b[paid + m] = -missing
        for n in range(paid):
            i = unknown[n]
            if i == j:
                a[n, paid + m] += workers
            if i == main:
                a[n, paid + m] += workers * to_main
            if kind == ALL_TIME and i == other:
                a[n, paid + m] += workers * to_other
            a[paid + m, n] = row[i]
        for n in range(splits):
            a[paid + m, paid + n] = 0.0


@compiled
def _largest(a: Floats, begin: int, size: int) -> tuple[int, int]:
    """Row and column of the largest coefficient from a step on."""
    row, column = begin, begin
    for m in range(begin, size):
        for k in range(begin, size):
            if abs(a[m, k]) > abs(a[row, column]):
                row, column = m, k
    return row, column


@compiled
def _eliminate(a: Floats, b: Floats, size: int) -> bool:
    """Solve by elimination with scaled rows and largest pivots; ``b`` becomes the solution.

    Where several prices are right, rows depend on each other, and what they leave open is not changed. False if they
    contradict each other.
    """
    order = np.arange(size)
    for n in range(size):
        most = 0.0
        for m in range(size):
            most = max(most, abs(a[n, m]))
        if most > 0.0:
            for m in range(size):
                a[n, m] /= most
            b[n] /= most
    rank = size
    for n in range(size):
        row, column = _largest(a, n, size)
        if not abs(a[row, column]) > DEPENDENT:
            rank = n
            break
        b[n], b[row] = b[row], b[n]
        order[n], order[column] = order[column], order[n]
        for m in range(size):
            a[n, m], a[row, m] = a[row, m], a[n, m]
        for m in range(size):
            a[m, n], a[m, column] = a[m, column], a[m, n]
        for m in range(n + 1, size):
            times = a[m, n] / a[n, n]
            if times != 0.0:
                for k in range(n + 1, size):
                    a[m, k] -= times * a[n, k]
                b[m] -= times * b[n]
    for n in range(rank, size):
        if not abs(b[n]) <= CONTRADICTS:
            return False
    for n in range(rank - 1, -1, -1):
        for m in range(n + 1, rank):
            b[n] -= a[n, m] * b[m]
        b[n] /= a[n, n]
    step = np.zeros(size)
    for n in range(rank):
        step[order[n]] = b[n]
    for n in range(size):
        b[n] = step[n]
    return True
