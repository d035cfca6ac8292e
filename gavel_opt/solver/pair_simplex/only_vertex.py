r"""The vertex of a basis to the last digits, and whether it is the only optimum.

Where all basic variables are positive, every other column costs something and every other row has a price, there is no
other optimum, no other basis and no other prices. So shares, duals and proof are worked out anew from that basis
alone, its columns in order, and their bits do not depend on the way there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.dense import copy_into
from gavel_opt.kernels.gap import LEVEL_SIZE, relative_gap
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.pair_simplex.columns import SAME, Columns, costs_at, entries_of
from gavel_opt.solver.pair_simplex.dual_simplex import NOTHING, OUT, Tableau, is_equality
from gavel_opt.solver.records import Found
from gavel_opt.solver.settings import SETTINGS

CLEAR = 1e-11
"""Costs and prices above this part of a job's share of the objective are positive."""
PAYS = 1e-2
"""Part of it that a cost or price may be below zero: beyond, it is of a basis near the optimum, and where others nearly tie says nothing of it."""
NEITHER, ONLY, ONE_OF_MANY, WRONG = range(4)
"""No proof that prices are the only ones; the only optimum; one of several, at the only prices; no optimum."""
SLIP = 1e-9
"""Basic variables further below nothing tell that a basis is no optimum: its inverse had lost its digits."""
REFINED = 2
"""Times that a solution is refined."""


class Square(NamedTuple):
    """The equations of a basis: t first, then its columns in order, in the rows without a slack.

    Attributes
    ----------
    column, row
        Columns beside t, ``(K - 1,)``, and rows, ``(K,)``.
    matrix, factor
        The equations, and their factors, ``(K, K)``.
    order
        Which row of the equations each row of the factor is.
    """

    column: Ints
    row: Ints
    matrix: Floats
    factor: Floats
    order: Ints


@compiled
def vertex_of(columns: Columns, at: Tableau, found: Found) -> int:
    """Work out the optimum of an optimal basis, and whether it is the only one.

    ``found`` gets shares, duals and proof; ``y`` and ``cost`` of ``at`` become those of the basis.
    """
    square = _square(columns, at)
    if square.row.size == 0:
        return NEITHER
    if not _factor(square):
        return WRONG
    values, right = np.empty(square.row.size), np.empty(square.row.size)
    for n in range(right.size):
        right[n] = columns.limit[square.row[n]]
    _solve(square, right, values)
    prices = np.zeros(right.size)
    right[:] = 0.0
    right[0] = 1.0
    _solve_transposed(square, right, prices)
    at.y[:] = 0.0
    for n in range(right.size):
        at.y[square.row[n]] = prices[n]
    costs_at(columns, at.y, at.cost)
    left = np.empty(columns.limit.size)
    _rows_left(columns, square, values, left)
    outcome = _compare(columns, at, values, left)
    if outcome in (NEITHER, WRONG):
        return outcome
    take_prices(columns, at, found)
    _take(columns, square, values, found)
    summary = found.summary
    summary[2] = _violation(columns, values, left)
    return outcome if max(summary[2], summary[3], summary[4]) <= SETTINGS.proved else NEITHER


@compiled
def _square(columns: Columns, at: Tableau) -> Square:
    """The equations; without a row if the basis has a slack that should be zero, or is none."""
    groups, rows, inside = columns.jobs.size, columns.limit.size, at.inside
    many, tight = 0, 0
    for c in range(inside.size - 1):
        many += inside[c]
    for k in range(rows):
        tight += at.slack[k] == OUT
    size = tight if inside[inside.size - 1] == 1 and tight == many + 1 else 0
    square = Square(
        np.empty(max(size - 1, 0), np.int64),
        np.empty(size, np.int64),
        np.zeros((size, size)),
        np.empty((size, size)),
        np.empty(size, np.int64),
    )
    if size == 0:
        return square
    place, n = np.full(rows, -1, np.int64), 0
    for k in range(rows):
        if at.slack[k] == OUT:
            square.row[n], place[k] = k, n
            if k < groups:
                square.matrix[n, 0] = columns.rise[k]
            n += 1
    entry, value, n = np.empty(5, np.int64), np.empty(5), 0
    for c in range(inside.size - 1):
        if inside[c] == 1:
            for e in range(entries_of(columns, c, entry, value)):
                if place[entry[e]] >= 0:
                    square.matrix[place[entry[e]], n + 1] = value[e]
            square.column[n] = c
            n += 1
    return square


@compiled
def _factor(square: Square) -> bool:
    """Factor by rows, the largest coefficient of a column first; False if it is singular."""
    a, order = square.factor, square.order
    size = order.size
    for i in range(size):
        copy_into(a[i], square.matrix[i])
    for k in range(size):
        order[k] = k
    for k in range(size):
        pivot = k
        for i in range(k + 1, size):
            if abs(a[i, k]) > abs(a[pivot, k]):
                pivot = i
        if not abs(a[pivot, k]) > 0.0:
            return False
        if pivot != k:
            order[k], order[pivot] = order[pivot], order[k]
            for c in range(size):
                a[k, c], a[pivot, c] = a[pivot, c], a[k, c]
        inverse = 1.0 / a[k, k]
        for i in range(k + 1, size):
            if a[i, k] != 0.0:
                times = a[i, k] * inverse
                a[i, k] = times
                for c in range(k + 1, size):
                    a[i, c] -= times * a[k, c]
    return True


@compiled
def _solve(square: Square, right: Floats, values: Floats) -> None:
    """Solve the equations for a right-hand side."""
    a, m, size = square.factor, square.matrix, right.size
    left = right.copy()
    values[:] = 0.0
    z = np.empty(size)
    for _ in range(REFINED + 1):
        for i in range(size):
            total = left[square.order[i]]
            for k in range(i):
                total -= a[i, k] * z[k]
            z[i] = total
        for i in range(size - 1, -1, -1):
            total = z[i]
            for k in range(i + 1, size):
                total -= a[i, k] * z[k]
            z[i] = total / a[i, i]
        for i in range(size):
            values[i] += z[i]
        for i in range(size):
            total = right[i]
            for k in range(size):
                total -= m[i, k] * values[k]
            left[i] = total


@compiled
def _solve_transposed(square: Square, right: Floats, values: Floats) -> None:
    """Solve the equations' transpose."""
    a, m, size = square.factor, square.matrix, right.size
    left, z = right.copy(), np.empty(size)
    values[:] = 0.0
    for _ in range(REFINED + 1):
        for i in range(size):
            z[i] = left[i]
        for i in range(size):
            z[i] /= a[i, i]
            for k in range(i + 1, size):
                z[k] -= a[i, k] * z[i]
        for i in range(size - 1, -1, -1):
            for k in range(i):
                z[k] -= a[i, k] * z[i]
        for i in range(size):
            values[square.order[i]] += z[i]
        for i in range(size):
            left[i] = right[i]
        for k in range(size):
            for i in range(size):
                left[i] -= m[k, i] * values[k]


@compiled
def _rows_left(columns: Columns, square: Square, values: Floats, left: Floats) -> None:
    """What is left of each row's limit."""
    for k in range(left.size):
        left[k] = columns.limit[k]
    for i in range(columns.jobs.size):
        left[i] -= columns.rise[i] * values[0]
    entry, value = np.empty(5, np.int64), np.empty(5)
    for n in range(square.column.size):
        for e in range(entries_of(columns, square.column[n], entry, value)):
            left[entry[e]] -= value[e] * values[n + 1]


@compiled
def _compare(columns: Columns, at: Tableau, values: Floats, left: Floats) -> int:
    """Whether other points are as good, or other prices."""
    clear = clear_of(columns)
    outcome = ONLY
    for n in range(1, values.size):
        if values[n] < -SLIP:
            return WRONG
        if not values[n] > NOTHING:
            outcome = ONE_OF_MANY
    for k in range(left.size):
        if at.slack[k] == OUT:
            if is_equality(columns, k):
                continue
            if at.y[k] < -clear:
                return WRONG
            if at.y[k] < -PAYS * clear:
                return NEITHER
            if at.y[k] <= clear:
                outcome = ONE_OF_MANY
        elif left[k] < -SLIP:
            return WRONG
        elif not left[k] > NOTHING:
            outcome = ONE_OF_MANY
    for c in range(at.cost.size):
        if at.inside[c] == 0 and on_face(columns, at, c, clear):
            if at.cost[c] < -clear:
                return WRONG
            if at.cost[c] < -PAYS * clear:
                return NEITHER
            outcome = ONE_OF_MANY
    if outcome == ONLY or _workers_are_short(columns, at, clear):
        return outcome
    return NEITHER


@compiled
def _workers_are_short(columns: Columns, at: Tableau, least: float) -> bool:
    """Whether some type has a price; if none has and there is room, one job sets the level, which is for others."""
    dearest = 0.0
    for j in range(columns.workers.size):
        dearest = max(dearest, at.y[2 * columns.jobs.size + j])
    return dearest > least


@compiled
def clear_of(columns: Columns) -> float:
    """What is clearly not zero among costs and prices."""
    jobs = 0.0
    for i in range(columns.jobs.size):
        jobs += columns.jobs[i]
    return CLEAR / jobs


@compiled
def on_face(columns: Columns, at: Tableau, c: int, clear: float) -> bool:
    """Whether a column costs nothing and may be positive: a pair that runs nowhere may idle where that takes nothing."""
    n, groups = c // columns.workers.size, columns.jobs.size
    used = columns.runs[n, c % columns.workers.size] == 1
    if not used and n >= groups:
        two = columns.two[n] if columns.two[n] < groups else columns.one[n]
        used = columns.full[columns.one[n]] == 0 and columns.full[two] == 0
    return bool(used and at.cost[c] <= clear)


@compiled
def take_prices(columns: Columns, at: Tableau, found: Found) -> None:
    """Take duals and level from prices, with what the two leave open."""
    groups, y, summary = columns.jobs.size, at.y, found.summary
    level = 0.0
    for k in range(columns.limit.size):
        level += columns.limit[k] * y[k]
    summary[0] = summary[1] = level * columns.unit
    summary[3], bound = _bound(columns, y, at.cost)
    summary[4] = relative_gap(level, bound, LEVEL_SIZE)
    for i in range(groups):
        found.level_dual[i] = columns.jobs[i] * max(y[i], 0.0) / columns.slope[i]
    for j in range(columns.workers.size):
        found.capacity_dual[j] = max(y[2 * groups + j], 0.0) * columns.unit
    _price_full_groups(columns, at, found.level_dual)


@compiled
def _price_full_groups(columns: Columns, at: Tableau, price: Floats) -> None:
    """Prices of the levels of full groups at which neither their time nor a column in which they are slower costs less than nothing."""
    groups, types, level = columns.jobs.size, columns.workers.size, np.zeros(columns.jobs.size)
    many = 0
    for i in range(groups):
        if columns.full[i] == 1:
            many += 1
            level[i] = max(-at.y[groups + i], 0.0)
    if many == 0:
        return
    for c in range(at.cost.size):
        n, j = c // types, c % types
        if columns.runs[n, j] == 0 and at.cost[c] < 0.0:
            if columns.lag[n, j] > SAME:
                one = columns.one[n]
                level[one] = max(level[one], -at.cost[c] / columns.lag[n, j])
            if columns.lag_two[n, j] > SAME:
                two = columns.two[n]
                level[two] = max(level[two], -at.cost[c] / columns.lag_two[n, j])
    for i in range(groups):
        if columns.full[i] == 1:
            price[i] = columns.jobs[i] * level[i] * columns.unit / columns.slope[i]


@compiled
def _take(columns: Columns, square: Square, values: Floats, found: Found) -> None:
    """Take level and shares as the program has them, and what the level leaves open."""
    groups, types = columns.jobs.size, columns.workers.size
    summary = found.summary
    bound = summary[1] / columns.unit
    summary[4] = max(summary[4], relative_gap(values[0], bound, LEVEL_SIZE))
    summary[0] = summary[1] = values[0] * columns.unit
    found.x[:] = 0.0
    for n in range(square.column.size):
        m, j = square.column[n] // types, square.column[n] % types
        jobs = columns.jobs[m] if m < groups else 1.0
        found.x[m, j] = values[n + 1] / jobs


@compiled
def _violation(columns: Columns, values: Floats, left: Floats) -> float:
    """The largest violation of a row or a sign, relative as in all certificates."""
    groups, types, worst = columns.jobs.size, columns.workers.size, 0.0
    for n in range(1, values.size):
        worst = max(worst, -values[n])
    for i in range(groups):
        jobs = columns.jobs[i]
        if columns.full[i] == 1:
            worst = max(worst, abs(left[groups + i]) / jobs)
            continue
        floor = -columns.limit[i] / jobs
        level = left[i] / jobs + floor + values[0]
        worst = max(worst, -left[i] / jobs / (abs(floor) + abs(level) + 1e-9))
        worst = max(worst, -left[groups + i] / jobs)
    for j in range(types):
        worst = max(worst, -left[2 * groups + j] / columns.workers[j])
    return worst


@compiled
def _bound(columns: Columns, y: Floats, cost: Floats) -> tuple[float, float]:
    """What is missing of a level's price in all, and the bound of prices with time made dear enough."""
    groups, types, pull, bound = columns.jobs.size, columns.workers.size, 0.0, 0.0
    for i in range(groups):
        pull += columns.rise[i] * max(y[i], 0.0)
    for k in range(columns.limit.size):
        bound += columns.limit[k] * (y[k] if is_equality(columns, k) else max(y[k], 0.0))
    for n in range(columns.one.size):
        short = 0.0
        for j in range(types):
            if columns.runs[n, j] == 1:
                short = min(short, cost[n * types + j])
        bound -= columns.jobs[columns.one[n]] * short / columns.time[n]
    return abs(1.0 - pull), bound
