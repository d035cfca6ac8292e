r"""The normal equations with pairs: groups meet in them, so :math:`A D A^T` is factored as a whole.

2 G + J rows: a level and a time row for each group, then a row for each worker type. The Cholesky
factorisation is by rows of the upper triangle and skips zeros, so groups that no pair joins (unequal
scale factors) cost nothing to each other. The level row of the tightest group comes last: without t its
rows alone may be dependent, and last it is solved together with t.
"""

from __future__ import annotations

import math

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.dense import backward_row, copy_into, eliminate_row, forward_rows
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.records import System, Tables

SEEN = 1e-9
"""Coefficients of t above this are not zero."""
B, OF_T, DIAGONAL, OF_T_AT_BOTTLENECK = range(4)
"""The vectors: right-hand sides, coefficients of t, diagonals, coefficients of t in the row that gives t."""


# factors -------------------------------------------------------------------------------------


@compiled
def factor_pairs(tables: Tables, system: System) -> None:
    """Assemble and factor."""
    last = _order(tables, system)
    _assemble(tables, system)
    _factor(last, tables, system)


@compiled
def _order(tables: Tables, system: System) -> int:
    """Say where each row goes: as they stand, but the level row of the tightest group last.

    Returns that group, or -1 if no level counts.
    """
    n = system.matrix.shape[0]
    last = _tightest(tables, system.vectors)
    at = 0
    for i in range(n):
        if last < 0 or i != 2 * last:
            system.place[i] = at
            at += 1
    if last >= 0:
        system.place[2 * last] = n - 1
    return last


@compiled
def _tightest(tables: Tables, vectors: Floats) -> int:
    """The group, among those whose level counts, whose two rows are nearest to saying the same."""
    columns, cells, combinations, groups, types, rows, _ = tables
    own, cross, width = vectors[0], vectors[1], len(types)
    for i in range(len(groups)):
        m11, m12, m22 = rows[2 * i].ratio, 0.0, rows[2 * i + 1].ratio
        for j in range(width):
            r, d = columns[i * width + j].rate, cells[i * width + j].ratio
            m11 += r * r * d
            m12 += r * d
            m22 += d
        own[2 * i], own[2 * i + 1], cross[2 * i] = m11, m22, m12
    for m in range(len(groups), len(combinations)):
        pair = combinations[m]
        one, two = 2 * pair.one, 2 * pair.two
        for j in range(width):
            column, d = columns[m * width + j], cells[m * width + j].ratio
            own[one] += column.rate * column.rate * d
            own[one + 1] += pair.time * pair.time * d
            cross[one] += column.rate * pair.time * d
            own[two] += column.rate_two * column.rate_two * d
            own[two + 1] += pair.time_two * pair.time_two * d
            cross[two] += column.rate_two * pair.time_two * d
    last, tightest = -1, math.inf
    for i in range(len(groups)):
        both = own[2 * i] * own[2 * i + 1]
        if groups[i].slope > 0.0:
            left = 1.0 - cross[2 * i] * cross[2 * i] / both if both > 0.0 else 0.0
            if left < tightest:
                last, tightest = i, left
    return last


@compiled
def _assemble(tables: Tables, system: System) -> None:
    """The upper half of A D A', its diagonal, and the coefficients of t."""
    groups, rows = tables.groups, tables.rows
    a, place, n = system.matrix, system.place, system.matrix.shape[0]
    for i in range(n):
        a[i, i:] = 0.0
    for i in range(2 * len(groups)):
        a[place[i], place[i]] += rows[i].ratio
    _add_groups(tables, a, place)
    _add_pairs(tables, a, place)
    for i in range(2 * len(groups), n):
        a[place[i], place[i]] += rows[i].ratio
    for i in range(n):
        system.vectors[DIAGONAL, i] = a[i, i]
        system.vectors[OF_T, i] = 0.0
    for i in range(len(groups)):
        system.vectors[OF_T, place[2 * i]] = groups[i].slope


@compiled
def _add_groups(tables: Tables, a: Floats, place: Ints) -> None:
    """Columns of groups: -rate in the level row, 1 in that of time, their use in the capacity's."""
    columns, cells, combinations, groups, types, _, _ = tables
    width, capacity = len(types), 2 * len(groups)
    for i in range(len(groups)):
        level, time, w = place[2 * i], place[2 * i + 1], combinations[i].use
        low, high = min(level, time), max(level, time)
        for j in range(width):
            r, d = columns[i * width + j].rate, cells[i * width + j].ratio
            if d == 0.0:
                continue
            column = place[capacity + j]
            a[level, level] += r * r * d
            a[low, high] -= r * d
            a[time, time] += d
            a[min(level, column), max(level, column)] -= r * w * d
            a[time, column] += w * d
            a[column, column] += w * w * d


@compiled
def _add_pairs(tables: Tables, a: Floats, place: Ints) -> None:
    """Columns of pairs: the same for both groups; those of a group with itself have one."""
    columns, cells, combinations, groups, types, _, _ = tables
    width, capacity = len(types), 2 * len(groups)
    for m in range(len(groups), len(combinations)):
        pair = combinations[m]
        level1, time1 = place[2 * pair.one], place[2 * pair.one + 1]
        level2, time2 = place[2 * pair.two], place[2 * pair.two + 1]
        tau1, tau2, w = pair.time, pair.time_two, pair.use
        for j in range(width):
            d = cells[m * width + j].ratio
            if d == 0.0:
                continue
            r1, r2 = columns[m * width + j].rate, columns[m * width + j].rate_two
            column = place[capacity + j]
            a[level1, level1] += r1 * r1 * d
            a[min(level1, time1), max(level1, time1)] -= r1 * tau1 * d
            a[time1, time1] += tau1 * tau1 * d
            a[min(level1, column), max(level1, column)] -= r1 * w * d
            a[time1, column] += tau1 * w * d
            a[column, column] += w * w * d
            if pair.one != pair.two:
                a[level2, level2] += r2 * r2 * d
                a[min(level2, time2), max(level2, time2)] -= r2 * tau2 * d
                a[time2, time2] += tau2 * tau2 * d
                a[min(level2, column), max(level2, column)] -= r2 * w * d
                a[time2, column] += tau2 * w * d
                a[min(level1, level2), max(level1, level2)] += r1 * r2 * d
                a[min(level1, time2), max(level1, time2)] -= r1 * tau2 * d
                a[min(time1, level2), max(time1, level2)] -= tau1 * r2 * d
                a[min(time1, time2), max(time1, time2)] += tau1 * tau2 * d


@compiled
def _factor(last: int, tables: Tables, system: System) -> None:
    """Factor, with t's row and column around the others.

    The last row is left as it comes out: with t it makes a pivot of two rows. So does an earlier row
    that depends on those before it but not in t (``bottleneck``), and then t is known from there on.
    """
    a, scalar = system.matrix, tables.scalars[0]
    of_t, diagonal, n = system.vectors[OF_T], system.vectors[DIAGONAL], system.matrix.shape[0]
    theta = 0.0
    for i in range(len(tables.groups)):
        theta += tables.groups[i].bend
    scalar.bottleneck = -1
    i, end = 0, n - 1 if last >= 0 else n
    while i < end:
        if not (a[i, i] <= scalar.loose * diagonal[i] or a[i, i] <= 0.0):
            inverse = eliminate_row(a, i)
            if scalar.bottleneck < 0:
                theta += _eliminate_t(a, of_t, i, inverse)
        else:
            a[i, i:] = 0.0
            if scalar.bottleneck < 0 and abs(of_t[i]) > SEEN:
                scalar.bottleneck, scalar.theta, end = i, theta, n
                copy_into(system.vectors[OF_T_AT_BOTTLENECK], of_t)
            if scalar.bottleneck < 0:
                of_t[i] = 0.0
        i += 1
    if scalar.bottleneck < 0:
        scalar.theta = theta
        if last >= 0 and a[n - 1, n - 1] <= scalar.loose * diagonal[n - 1]:
            a[n - 1, n - 1] = 0.0


@compiled
def _eliminate_t(a: Floats, of_t: Floats, i: int, inverse: float) -> float:
    """The same step on t's column; what it adds to t's pivot."""
    of_t[i] *= inverse
    value = of_t[i]
    if value != 0.0:
        for j in range(i + 1, of_t.size):
            of_t[j] -= a[i, j] * value
    return float(value * value)


# solutions -----------------------------------------------------------------------------------


@compiled
def solve_pairs(tables: Tables, system: System) -> None:
    """Solve for all rows' duals and t, then for the steps of shares and slacks."""
    _right_hand_sides(tables, system)
    tables.scalars[0].dt = _solve_with_t(tables, system)
    _steps_of_groups(tables, system)
    _steps_of_pairs(tables)
    # a slack that is far from zero follows from its row, one near zero from its dual
    for i in range(2 * len(tables.groups)):
        row = tables.rows[i]
        if row.ratio <= 1.0:
            row.dx = row.ratio * (row.rhs - row.dz)


@compiled
def _right_hand_sides(tables: Tables, system: System) -> None:
    columns, cells, combinations, groups, types, rows, _ = tables
    b, place, width, capacity = system.vectors[B], system.place, len(types), 2 * len(groups)
    for i in range(len(rows)):
        row = rows[i]
        b[place[i]] = row.ratio * row.rhs - row.primal_residual
    for i in range(len(groups)):
        for j in range(width):
            cell = cells[i * width + j]
            dh = cell.ratio * cell.rhs
            b[place[2 * i]] -= columns[i * width + j].rate * dh
            b[place[2 * i + 1]] += dh
            b[place[capacity + j]] += combinations[i].use * dh
    for m in range(len(groups), len(combinations)):
        pair = combinations[m]
        for j in range(width):
            column, cell = columns[m * width + j], cells[m * width + j]
            dh = cell.ratio * cell.rhs
            if dh == 0.0:
                continue
            b[place[2 * pair.one]] -= column.rate * dh
            b[place[2 * pair.one + 1]] += pair.time * dh
            b[place[2 * pair.two]] -= column.rate_two * dh
            b[place[2 * pair.two + 1]] += pair.time_two * dh
            b[place[capacity + j]] += pair.use * dh


@compiled
def _solve_with_t(tables: Tables, system: System) -> float:
    """Solve for the duals, in place of right-hand sides; the step of t.

    t's row has a pivot exactly where a level counts. The row that gives t, or else the last one, shares
    it: with ``rest`` what is left of t's row there, the two say ``(pivot, -slope; slope, theta)
    (y, dt) = (b, rest)``, with a pivot of zero where the row gives t.
    """
    a, b, n, scalar = system.matrix, system.vectors[B], system.matrix.shape[0], tables.scalars[0]
    of_t, at_bottleneck, bottleneck = (
        system.vectors[OF_T],
        system.vectors[OF_T_AT_BOTTLENECK],
        scalar.bottleneck,
    )
    dt, rest, end = 0.0, 0.0, n
    if bottleneck >= 0:
        forward_rows(a, b, 0, bottleneck)
        rest = _left_of_t(scalar.t_residual, of_t, b, bottleneck)
        dt = -b[bottleneck] / at_bottleneck[bottleneck]
        for i in range(n):
            b[i] += (of_t[i] if i < bottleneck else at_bottleneck[i]) * dt
        forward_rows(a, b, bottleneck + 1, n)
    elif _has_slope(tables):
        end = n - 1
        forward_rows(a, b, 0, end)
        rest = _left_of_t(scalar.t_residual, of_t, b, end)
        pivot, slope, last = a[end, end], of_t[end], b[end]
        det = pivot * scalar.theta + slope * slope
        b[end] = 0.0
        if det > 0.0:
            b[end] = (last * scalar.theta + slope * rest) / det
            dt = (pivot * rest - slope * last) / det
        for i in range(end):
            b[i] += of_t[i] * dt
    else:
        forward_rows(a, b, 0, n)
    for i in range(end - 1, -1, -1):
        if a[i, i] > 0.0:
            b[i] = backward_row(a[i], b, i, b[i])
        elif i == bottleneck:
            b[i] = backward_row(at_bottleneck, b, i, rest - scalar.theta * dt)
        else:
            b[i] = 0.0
    return float(dt)


@compiled
def _left_of_t(residual: float, of_t: Floats, b: Floats, end: int) -> float:
    """What the rows before ``end`` leave of t's row."""
    for i in range(end):
        residual -= of_t[i] * b[i]
    return residual


@compiled
def _has_slope(tables: Tables) -> bool:
    """Whether any level counts."""
    found = False
    for i in range(len(tables.groups)):
        found = found or tables.groups[i].slope > 0.0
    return found


@compiled
def _steps_of_groups(tables: Tables, system: System) -> None:
    columns, cells, combinations, groups, types, rows, scalars = tables
    b, place, width, capacity = system.vectors[B], system.place, len(types), 2 * len(groups)
    for i in range(len(rows)):
        rows[i].dz = b[place[i]]
    for j in range(width):
        row = rows[capacity + j]
        row.dx = row.ratio * (row.rhs - row.dz)
    for i in range(len(groups)):
        level, time, use = rows[2 * i], rows[2 * i + 1], combinations[i].use
        reached = level.primal_residual - groups[i].slope * scalars[0].dt
        left = time.primal_residual
        for j in range(width):
            column, cell = columns[i * width + j], cells[i * width + j]
            price = use * rows[capacity + j].dz + time.dz - column.rate * level.dz
            cell.dx = cell.ratio * (cell.rhs - price)
            cell.dz = price + cell.dual_residual
            reached += column.rate * cell.dx
            left -= cell.dx
        level.dx, time.dx = reached, left


@compiled
def _steps_of_pairs(tables: Tables) -> None:
    columns, cells, combinations, groups, types, rows, _ = tables
    width, capacity = len(types), 2 * len(groups)
    for m in range(len(groups), len(combinations)):
        pair = combinations[m]
        level, time = rows[2 * pair.one], rows[2 * pair.one + 1]
        level_two, time_two = rows[2 * pair.two], rows[2 * pair.two + 1]
        cost = pair.time * time.dz + pair.time_two * time_two.dz
        for j in range(width):
            column, cell = columns[m * width + j], cells[m * width + j]
            price = pair.use * rows[capacity + j].dz + cost
            price -= column.rate * level.dz + column.rate_two * level_two.dz
            cell.dx = cell.ratio * (cell.rhs - price)
            cell.dz = price + cell.dual_residual
            level.dx += column.rate * cell.dx
            level_two.dx += column.rate_two * cell.dx
            time.dx -= pair.time * cell.dx
            time_two.dx -= pair.time_two * cell.dx
