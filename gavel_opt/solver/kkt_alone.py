r"""The normal equations :math:`A D A^T`, factored and solved, without pairs.

A group's variables meet the rest of the program only in the prices of the worker types and in t, so
its two rows (level, time) are eliminated in closed form and J equations in the prices are left. With
``M`` the matrix of a group's two rows and ``c_j = (-rate_j, 1)`` its column of type j, a group keeps

.. math::

    (e_j, f_j) = M^{-1} c_j, \qquad
    \text{free}_{ij} = d_i [i = j] - d_i d_j\, c_i^T M^{-1} c_j .

Each is written as a sum of terms that do not cancel, however far apart the diagonals are; this is
what lets the method run to the last digit. Where both slacks of a group are held at zero and its
columns are equally fast, its rows say the same of x. If the level counts there, that group pins t down
(``PIN``): its time is full, so its level and with it t are known.
"""

from __future__ import annotations

from typing import Any

from gavel_opt.kernels.dense import cholesky, cholesky_solve
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.records import System, Tables

SAME = 1e-28
"""A determinant smaller than this part of its diagonal's product is zero."""


# factors -------------------------------------------------------------------------------------


@compiled
def factor_groups(tables: Tables, system: System) -> None:
    """Eliminate all groups and factor the equations in the prices."""
    groups, types, rows, scalar = tables.groups, tables.types, tables.rows, tables.scalars[0]
    schur = system.schur
    schur[:, :] = 0.0
    scalar.theta, scalar.pin = 0.0, -1
    for i in range(len(groups)):
        scalar.theta += groups[i].bend
    for j in range(len(types)):
        types[j].pull = 0.0
    if len(types) == 3:
        _eliminate_threes(tables, system)
    else:
        for i in range(len(groups)):
            _eliminate(i, tables, system)
    theta = scalar.theta
    for j in range(len(types)):
        schur[j, j] += rows[2 * len(groups) + j].ratio
        if theta > 0.0 and scalar.pin < 0:
            for m in range(j + 1):
                schur[j, m] += types[j].pull * types[m].pull / theta
    cholesky(schur, len(types), scalar.loose)


@compiled
def _eliminate_threes(tables: Tables, system: System) -> None:
    """All groups with three worker types: by formula, those with dependent rows one by one."""
    schur, types, part = system.schur, tables.types, system.part
    part[:] = 0.0
    i = 0
    while True:
        i = _eliminate_by_formula(i, tables, system)
        if i == len(tables.groups):
            break
        _eliminate(i, tables, system)
        i += 1
    place = 0
    for j in range(3):
        for m in range(j + 1):
            schur[j, m] += part[place]
            place += 1
    for j in range(3):
        types[j].pull += part[6 + j]


@compiled
def _eliminate_by_formula(i: int, tables: Tables, system: System) -> int:
    """Eliminate groups from the ``i``-th on; the first that has dependent rows.

    The lower half of their equations for prices and the coefficients of t are added up in ``part``.
    """
    columns, cells, combinations, groups, _, rows, scalars = tables
    own, part, scalar = system.own, system.part, scalars[0]
    while i < len(groups):
        group, w = groups[i], combinations[i].use
        r0, r1, r2 = columns[3 * i].rate, columns[3 * i + 1].rate, columns[3 * i + 2].rate
        d0, d1, d2 = cells[3 * i].ratio, cells[3 * i + 1].ratio, cells[3 * i + 2].ratio
        ds, du = rows[2 * i].ratio, rows[2 * i + 1].ratio
        r01, r02, r12 = r0 - r1, r0 - r2, r1 - r2
        p01, p02, p12 = r01 * r01 * d0 * d1, r02 * r02 * d0 * d2, r12 * r12 * d1 * d2
        l0, l1, l2 = r0 * r0 * d0, r1 * r1 * d1, r2 * r2 * d2
        level = l0 + l1 + l2
        m11, m22 = ds + level, du + d0 + d1 + d2
        det = ds * m22 + du * level + p01 + p02 + p12
        if not det > SAME * m11 * m22:
            break
        inverse = 1.0 / det
        group.level_level = m22 * inverse
        group.level_time = (r0 * d0 + r1 * d1 + r2 * d2) * inverse
        group.time_time = m11 * inverse
        e0 = (-r0 * du - r01 * d1 - r02 * d2) * inverse
        e1 = (-r1 * du + r01 * d0 - r12 * d2) * inverse
        e2 = (-r2 * du + r02 * d0 + r12 * d1) * inverse
        own[i, 0], own[i, 1], own[i, 2] = e0, e1, e2
        own[i, 3] = (ds - r1 * r01 * d1 - r2 * r02 * d2) * inverse
        own[i, 4] = (ds + r0 * r01 * d0 - r2 * r12 * d2) * inverse
        own[i, 5] = (ds + r0 * r02 * d0 + r1 * r12 * d1) * inverse
        f00 = d0 * (ds * (du + d1 + d2) + du * (l1 + l2) + p12) * inverse
        f11 = d1 * (ds * (du + d0 + d2) + du * (l0 + l2) + p02) * inverse
        f22 = d2 * (ds * (du + d0 + d1) + du * (l0 + l1) + p01) * inverse
        f10 = -d0 * d1 * (r0 * r1 * du + ds + r02 * r12 * d2) * inverse
        f20 = -d0 * d2 * (r0 * r2 * du + ds - r01 * r12 * d1) * inverse
        f21 = -d1 * d2 * (r1 * r2 * du + ds + r01 * r02 * d0) * inverse
        own[i, 6], own[i, 7], own[i, 8] = f00, f10, f20
        own[i, 9], own[i, 10], own[i, 11] = f10, f11, f21
        own[i, 12], own[i, 13], own[i, 14] = f20, f21, f22
        scalar.theta += group.slope * group.slope * m22 * inverse
        push = w * group.slope
        part[6] += push * d0 * e0
        part[7] += push * d1 * e1
        part[8] += push * d2 * e2
        w *= w
        part[0] += w * f00
        part[1] += w * f10
        part[2] += w * f11
        part[3] += w * f20
        part[4] += w * f21
        part[5] += w * f22
        i += 1
    return i


@compiled
def _eliminate(i: int, tables: Tables, system: System) -> None:
    """Eliminate one group with any number of worker types, dependent rows included."""
    types, group, w = tables.types, tables.groups[i], tables.combinations[i].use
    own, schur, width = system.own, system.schur, len(types)
    which, inverse = _invert_rows(i, tables)
    tables.scalars[0].theta += group.slope * group.slope * group.level_level
    for j in range(width):
        e, f, left = _own_column(i, j, which, tables)
        d = tables.cells[i * width + j].ratio
        own[i, j] = e * inverse
        own[i, width + j] = f * inverse
        own[i, 2 * width + j * width + j] = d * left * inverse
        for m in range(j):
            value = -d * tables.cells[i * width + m].ratio
            value = value * _own_cross(i, j, m, which, tables) * inverse
            own[i, 2 * width + j * width + m] = value
            own[i, 2 * width + m * width + j] = value
    for j in range(width):
        types[j].pull += w * group.slope * tables.cells[i * width + j].ratio * own[i, j]
        for m in range(j + 1):
            schur[j, m] += w * w * own[i, 2 * width + j * width + m]


BOTH, LEVEL, TIME = range(3)
"""Which of a group's rows say all that both say."""


@compiled
def _invert_rows(i: int, tables: Tables) -> tuple[int, float]:
    """Invert the matrix of a group's two rows; which rows count, and one over their determinant."""
    columns, cells, _, groups, types, rows, scalars = tables
    group, scalar, width = groups[i], scalars[0], len(types)
    ds, du = rows[2 * i].ratio, rows[2 * i + 1].ratio
    m11, m12, m22, apart = ds, 0.0, du, 0.0
    for j in range(width):
        r, d = columns[i * width + j].rate, cells[i * width + j].ratio
        m11 += r * r * d
        m12 += r * d
        m22 += d
        for m in range(j):
            between = columns[i * width + m].rate - r
            apart += between * between * d * cells[i * width + m].ratio
    det = ds * m22 + du * (m11 - ds) + apart
    group.level_level = group.level_time = group.time_time = 0.0
    if det > SAME * m11 * m22:
        inverse = 1.0 / det
        group.level_level, group.level_time = m22 * inverse, m12 * inverse
        group.time_time = m11 * inverse
        return BOTH, inverse
    if m11 > 0.0 and not group.slope > 0.0:
        # the time row repeats the level row
        inverse = 1.0 / m11
        group.level_level = inverse
        return LEVEL, inverse
    if group.slope > 0.0 and scalar.pin < 0:
        scalar.pin = i
    inverse = 1.0 / m22 if m22 > 0.0 else 0.0
    group.time_time = inverse
    return TIME, inverse


@compiled
def _own_column(i: int, j: int, which: int, tables: Tables) -> tuple[float, float, float]:
    """``e_j``, ``f_j`` and ``free_jj / d_j``, times the determinant."""
    columns, cells, width = tables.columns, tables.cells, len(tables.types)
    ds, du = tables.rows[2 * i].ratio, tables.rows[2 * i + 1].ratio
    rj = columns[i * width + j].rate
    e, f = -rj * du, ds
    time, level, apart = 0.0, 0.0, 0.0
    for m in range(width):
        if m == j:
            continue
        rm, dm = columns[i * width + m].rate, cells[i * width + m].ratio
        e += (rm - rj) * dm
        f += rm * (rm - rj) * dm
        time += dm
        level += rm * rm * dm
        for n in range(m):
            if n != j:
                between = columns[i * width + n].rate - rm
                apart += between * between * dm * cells[i * width + n].ratio
    if which == BOTH:
        return e, f, ds * (du + time) + du * level + apart
    if which == LEVEL:
        return -rj, 0.0, ds + level
    return 0.0, 1.0, du + time


@compiled
def _own_cross(i: int, j: int, m: int, which: int, tables: Tables) -> float:
    """``-free_jm / (d_j d_m)``, times the determinant."""
    columns, cells, width = tables.columns, tables.cells, len(tables.types)
    rj, rm = columns[i * width + j].rate, columns[i * width + m].rate
    if which == LEVEL:
        return float(rj * rm)
    if which == TIME:
        return 1.0
    cross = rj * rm * tables.rows[2 * i + 1].ratio + tables.rows[2 * i].ratio
    for n in range(width):
        rn = columns[i * width + n].rate
        cross += (rn - rj) * (rn - rm) * cells[i * width + n].ratio
    return float(cross)


# solutions -----------------------------------------------------------------------------------


@compiled
def solve_groups(tables: Tables, system: System) -> None:
    """Prices first, then t, then each group on its own, every sum in the form that cancels least."""
    groups, types, rows, scalar = tables.groups, tables.types, tables.rows, tables.scalars[0]
    price = system.price
    for j in range(len(types)):
        row = rows[2 * len(groups) + j]
        price[j] = row.ratio * row.rhs - row.primal_residual
    rest = _groups_at_no_price(tables, system)
    scalar.dt = _solve_for_prices(rest, tables, system)
    for j in range(len(types)):
        row = rows[2 * len(groups) + j]
        row.dz = price[j]
        row.dx = row.ratio * (row.rhs - price[j])
    if len(types) == 3:
        _steps_of_threes(tables, system)
    else:
        _steps(tables, system)
    if scalar.pin >= 0:
        _pinning_dual(tables)


@compiled
def _groups_at_no_price(tables: Tables, system: System) -> float:
    """Add to the equations for prices what groups do at prices of zero; what that leaves of t's."""
    _, cells, combinations, groups, types, rows, scalars = tables
    own, price, width = system.own, system.price, len(types)
    rest = scalars[0].t_residual
    if width == 3:
        return _threes_at_no_price(tables, system)
    for i in range(len(groups)):
        group, level, time, w = groups[i], rows[2 * i], rows[2 * i + 1], combinations[i].use
        b1 = level.ratio * level.rhs - level.primal_residual
        b2 = time.ratio * time.rhs - time.primal_residual
        lam = group.level_level * b1 + group.level_time * b2
        for j in range(width):
            cell = cells[i * width + j]
            lam += own[i, j] * cell.ratio * cell.rhs
            part = -cell.ratio * (own[i, j] * b1 + own[i, width + j] * b2)
            for m in range(width):
                part += own[i, 2 * width + j * width + m] * cells[i * width + m].rhs
            price[j] += w * part
        rest -= group.slope * lam
    return float(rest)


@compiled
def _threes_at_no_price(tables: Tables, system: System) -> float:
    """The same with three worker types."""
    _, cells, combinations, groups, _, rows, scalars = tables
    own, price = system.own, system.price
    rest = scalars[0].t_residual
    part0 = part1 = part2 = 0.0
    for i in range(len(groups)):
        group, level, time, w = groups[i], rows[2 * i], rows[2 * i + 1], combinations[i].use
        c0, c1, c2 = cells[3 * i], cells[3 * i + 1], cells[3 * i + 2]
        b1 = level.ratio * level.rhs - level.primal_residual
        b2 = time.ratio * time.rhs - time.primal_residual
        lam = group.level_level * b1 + group.level_time * b2
        d0, d1, d2 = c0.ratio, c1.ratio, c2.ratio
        h0, h1, h2 = c0.rhs, c1.rhs, c2.rhs
        e0, e1, e2 = own[i, 0] * d0, own[i, 1] * d1, own[i, 2] * d2
        f10, f20, f21 = own[i, 7], own[i, 8], own[i, 11]
        lam += e0 * h0 + e1 * h1 + e2 * h2
        part0 += w * (own[i, 6] * h0 + f10 * h1 + f20 * h2 - (e0 * b1 + d0 * own[i, 3] * b2))
        part1 += w * (f10 * h0 + own[i, 10] * h1 + f21 * h2 - (e1 * b1 + d1 * own[i, 4] * b2))
        part2 += w * (f20 * h0 + f21 * h1 + own[i, 14] * h2 - (e2 * b1 + d2 * own[i, 5] * b2))
        rest -= group.slope * lam
    price[0] += part0
    price[1] += part1
    price[2] += part2
    return float(rest)


@compiled
def _solve_for_prices(rest: float, tables: Tables, system: System) -> float:
    """Prices, in place of their right-hand sides, and the step of t, which is returned.

    t's equation is ``theta dt - pull' p = rest``; it is eliminated first, or known from the group that
    pins it.
    """
    types, scalar, price = tables.types, tables.scalars[0], system.price
    theta, pin, dt = scalar.theta, scalar.pin, 0.0
    if pin >= 0:
        fast = _fastest_on(pin, tables)
        level, time = tables.rows[2 * pin], tables.rows[2 * pin + 1]
        dt = (fast * time.primal_residual + level.primal_residual) / tables.groups[pin].slope
        for j in range(len(types)):
            price[j] -= types[j].pull * dt
    elif theta > 0.0:
        for j in range(len(types)):
            price[j] -= types[j].pull * rest / theta
    cholesky_solve(system.schur, price)
    if pin < 0 and theta > 0.0:
        for j in range(len(types)):
            rest += types[j].pull * price[j]
        dt = rest / theta
    return dt


@compiled
def _fastest_on(i: int, tables: Tables) -> float:
    """Rate of a group whose columns that are not zero are equally fast."""
    fast, width = 0.0, len(tables.types)
    for j in range(width):
        if tables.cells[i * width + j].ratio > 0.0:
            fast = tables.columns[i * width + j].rate
    return fast


@compiled
def _steps_of_threes(tables: Tables, system: System) -> None:
    """Each group's steps at the prices' and t's, with three worker types."""
    columns, cells, combinations, groups, _, rows, scalars = tables
    own, price, dt = system.own, system.price, scalars[0].dt
    for i in range(len(groups)):
        group, row, row_time, w = groups[i], rows[2 * i], rows[2 * i + 1], combinations[i].use
        c0, c1, c2 = cells[3 * i], cells[3 * i + 1], cells[3 * i + 2]
        r0, r1, r2 = columns[3 * i].rate, columns[3 * i + 1].rate, columns[3 * i + 2].rate
        b1 = row.ratio * row.rhs - row.primal_residual + group.slope * dt
        b2 = row_time.ratio * row_time.rhs - row_time.primal_residual
        lam = group.level_level * b1 + group.level_time * b2
        q = group.level_time * b1 + group.time_time * b2
        d0, d1, d2 = c0.ratio, c1.ratio, c2.ratio
        u0, u1, u2 = w * price[0], w * price[1], w * price[2]
        h0, h1, h2 = c0.rhs - u0, c1.rhs - u1, c2.rhs - u2
        e0, e1, e2 = own[i, 0] * d0, own[i, 1] * d1, own[i, 2] * d2
        q0, q1, q2 = own[i, 3] * d0, own[i, 4] * d1, own[i, 5] * d2
        f10, f20, f21 = own[i, 7], own[i, 8], own[i, 11]
        lam += e0 * h0 + e1 * h1 + e2 * h2
        q += q0 * h0 + q1 * h1 + q2 * h2
        x0 = own[i, 6] * h0 + f10 * h1 + f20 * h2 - (e0 * b1 + q0 * b2)
        x1 = f10 * h0 + own[i, 10] * h1 + f21 * h2 - (e1 * b1 + q1 * b2)
        x2 = f20 * h0 + f21 * h1 + own[i, 14] * h2 - (e2 * b1 + q2 * b2)
        c0.dx, c1.dx, c2.dx = x0, x1, x2
        c0.dz = u0 + q - r0 * lam + c0.dual_residual
        c1.dz = u1 + q - r1 * lam + c1.dual_residual
        c2.dz = u2 + q - r2 * lam + c2.dual_residual
        row.dz, row_time.dz = lam, q
        _slack_steps(row, row_time, r0 * x0 + r1 * x1 + r2 * x2 - group.slope * dt, x0 + x1 + x2)


@compiled
def _steps(tables: Tables, system: System) -> None:
    """Each group's steps at the prices' and t's."""
    columns, cells, combinations, groups, types, rows, scalars = tables
    own, price, dt, width = system.own, system.price, scalars[0].dt, len(types)
    for i in range(len(groups)):
        group, row, row_time, w = groups[i], rows[2 * i], rows[2 * i + 1], combinations[i].use
        b1 = row.ratio * row.rhs - row.primal_residual + group.slope * dt
        b2 = row_time.ratio * row_time.rhs - row_time.primal_residual
        lam = group.level_level * b1 + group.level_time * b2
        q = group.level_time * b1 + group.time_time * b2
        level, time = 0.0, 0.0
        for j in range(width):
            column, cell = columns[i * width + j], cells[i * width + j]
            push = cell.ratio * (cell.rhs - w * price[j])
            lam += own[i, j] * push
            q += own[i, width + j] * push
            x = -cell.ratio * (own[i, j] * b1 + own[i, width + j] * b2)
            for m in range(width):
                h = cells[i * width + m].rhs - w * price[m]
                x += own[i, 2 * width + j * width + m] * h
            cell.dx = x
            level += column.rate * x
            time += x
        for j in range(width):
            column, cell = columns[i * width + j], cells[i * width + j]
            cell.dz = w * price[j] + q - column.rate * lam + cell.dual_residual
        row.dz, row_time.dz = lam, q
        _slack_steps(row, row_time, level - group.slope * dt, time)


@compiled
def _slack_steps(level: Any, time: Any, more: float, taken: float) -> None:
    """A slack that is far from zero follows from its row, one near zero from its dual."""
    if level.ratio > 1.0:
        level.dx = more + level.primal_residual
    else:
        level.dx = level.ratio * (level.rhs - level.dz)
    if time.ratio > 1.0:
        time.dx = time.primal_residual - taken
    else:
        time.dx = time.ratio * (time.rhs - time.dz)


@compiled
def _pinning_dual(tables: Tables) -> None:
    """The dual of the level row that t is known from: what t's own constraint leaves."""
    columns, cells, _, groups, types, rows, scalars = tables
    pin, width = scalars[0].pin, len(types)
    fast, lam = _fastest_on(pin, tables), scalars[0].t_residual
    for i in range(len(groups)):
        lam -= groups[i].slope * rows[2 * i].dz
    lam /= groups[pin].slope
    rows[2 * pin].dz += lam
    rows[2 * pin + 1].dz += fast * lam
    for j in range(width):
        cells[pin * width + j].dz += (fast - columns[pin * width + j].rate) * lam
