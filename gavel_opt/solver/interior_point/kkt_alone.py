r"""The normal equations :math:`A D A^T`, factored and solved, without pairs.

A group's variables meet the rest of the program only in the prices of the worker types and in t, so
its two rows (level, time) are eliminated in closed form and J equations in the prices are left. With
``M`` the matrix of a group's two rows and ``c_j = (-rate_j, 1)`` its column of type j, a group keeps

.. math::

    (e_j, f_j) = M^{-1} c_j, \qquad
    \text{free}_{ij} = d_i [i = j] - d_i d_j\, c_i^T M^{-1} c_j .

With three worker types each is written as a sum of terms that do not cancel, however far apart the
diagonals are; this is what lets the method run to the last digit. With two the second stands for a third
that nobody can use: its diagonal there is 0. With any other number two of the
group's columns, slacks among them, become its basis B, those of the largest determinant when
weighted; a column is ``y = B^{-1} c`` in it. Then with :math:`K = Y D Y^T`, ``M = B K B'``,

.. math::

    \text{free}_{ij} = d_i [i = j] - d_i d_j\, y_i^T K^{-1} y_j ,

and as no weighted y is long, nothing cancels but the diagonals of basic columns, which have a sum of their
own. That takes J numbers a group, and in the equations for prices J^2 operations.

Where both slacks of a group are held at zero and its columns are equally fast, its rows say the same of x.
If the level counts there, that group decides t (``bottleneck``): its time is full, so its level and with it t
are known.
"""

from __future__ import annotations

from typing import Any

from gavel_opt.arrays import Floats
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
    scalar.theta, scalar.bottleneck = 0.0, -1
    for i in range(len(groups)):
        scalar.theta += groups[i].bend
    for j in range(len(types)):
        types[j].pull = 0.0
    if by_formula(len(types)):
        _eliminate_few(tables, system)
    else:
        for i in range(len(groups)):
            _eliminate(i, tables, system)
    theta = scalar.theta
    for j in range(len(types)):
        schur[j, j] += rows[2 * len(groups) + j].ratio
        if theta > 0.0 and scalar.bottleneck < 0:
            for m in range(j + 1):
                schur[j, m] += types[j].pull * types[m].pull / theta
    cholesky(schur, len(types), scalar.loose)


@compiled
def by_formula(types: int) -> bool:
    """Whether groups are eliminated by formula: with two and three worker types."""
    return types in (2, 3)


@compiled
def _eliminate_few(tables: Tables, system: System) -> None:
    """All groups with two or three worker types: by formula, those with dependent rows one by one."""
    schur, types, part = system.schur, tables.types, system.part
    part[:] = 0.0
    i = 0
    while True:
        i = _eliminate_by_formula(i, tables, system)
        if i == len(tables.groups):
            break
        _eliminate_dependent(i, tables, system)
        i += 1
    place = 0
    for j in range(len(types)):
        types[j].pull += part[6 + j]
        for m in range(j + 1):
            schur[j, m] += part[place]
            place += 1


@compiled
def _eliminate_by_formula(i: int, tables: Tables, system: System) -> int:
    """Eliminate groups from the ``i``-th on; the first that has dependent rows.

    The lower half of their equations for prices and the coefficients of t are added up in ``part``.
    """
    columns, cells, combinations, groups, types, rows, scalars = tables
    own, part, scalar, width = system.own, system.part, scalars[0], len(types)
    last = width - 1
    while i < len(groups):
        group, w = groups[i], combinations[i].use
        n = width * i
        r0, r1, r2 = columns[n].rate, columns[n + 1].rate, columns[n + last].rate
        d0, d1 = cells[n].ratio, cells[n + 1].ratio
        d2 = cells[n + 2].ratio if width == 3 else 0.0
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
def _eliminate_dependent(i: int, tables: Tables, system: System) -> None:
    """Eliminate a group with two or three worker types of which one row says what both say."""
    types, rows, group, scalar = tables.types, tables.rows, tables.groups[i], tables.scalars[0]
    own, schur, w = system.own[i], system.schur, tables.combinations[i].use
    width, first = len(types), len(types) * i
    own[:] = 0.0
    level = _level_row_counts(i, tables)
    slack = rows[2 * i].ratio if level else rows[2 * i + 1].ratio
    whole = slack
    for j in range(width):
        r = tables.columns[first + j].rate if level else 1.0
        whole += r * r * tables.cells[first + j].ratio
    inverse = 1.0 / whole if whole > 0.0 else 0.0
    group.level_level = inverse if level else 0.0
    group.level_time = 0.0
    group.time_time = 0.0 if level else inverse
    scalar.theta += group.slope * group.slope * group.level_level
    for j in range(width):
        rj = tables.columns[first + j].rate if level else 1.0
        d, others = tables.cells[first + j].ratio, 0.0
        own[j] = -rj * inverse if level else 0.0
        own[3 + j] = 0.0 if level else inverse
        for m in range(width):
            rm, dm = tables.columns[first + m].rate if level else 1.0, tables.cells[first + m].ratio
            if m != j:
                others += rm * rm * dm
                own[6 + 3 * j + m] = -d * dm * (rj * rm) * inverse
        own[6 + 4 * j] = d * (slack + others) * inverse
        types[j].pull += w * group.slope * d * own[j]
        for m in range(j + 1):
            schur[j, m] += w * w * own[6 + 3 * j + m]


@compiled
def _level_row_counts(i: int, tables: Tables) -> bool:
    """Of dependent rows, whether the time row repeats the level row; else the group may decide t."""
    group, width, whole = tables.groups[i], len(tables.types), tables.rows[2 * i].ratio
    for j in range(width):
        r = tables.columns[i * width + j].rate
        whole += r * r * tables.cells[i * width + j].ratio
    if whole > 0.0 and not group.slope > 0.0:
        return True
    if group.slope > 0.0 and tables.scalars[0].bottleneck < 0:
        tables.scalars[0].bottleneck = i
    return False


# any number of worker types ------------------------------------------------------------------


@compiled
def _eliminate(i: int, tables: Tables, system: System) -> None:
    """Eliminate one group with any number of worker types, dependent rows included: by a basis."""
    types, basis, scalar = tables.types, tables.groups[i], tables.scalars[0]
    schur, w, width = system.schur, tables.combinations[i].use, len(types)
    y, y_two, d = _coordinates(i, tables, system)
    one, two = basis.one, basis.two
    # how the multiplier of the level row depends on its right-hand side, by basic column
    pull = basis.inner * basis.one_level + basis.inner_cross * basis.two_level
    pull_two = basis.inner_cross * basis.one_level + basis.inner_two * basis.two_level
    level_level = basis.one_level * pull + basis.two_level * pull_two
    scalar.theta += basis.slope * basis.slope * level_level
    for j in range(width):
        if d[j] == 0.0:
            continue
        types[j].pull += w * basis.slope * d[j] * (pull * y[j] + pull_two * y_two[j])
        k = basis.inner * y[j] + basis.inner_cross * y_two[j]
        k_two = basis.inner_cross * y[j] + basis.inner_two * y_two[j]
        free = d[j] * (1.0 - d[j] * (k * y[j] + k_two * y_two[j]))
        if j == one:
            free = basis.free_one
        elif j == two:
            free = basis.free_two
        schur[j, j] += w * w * free
        k *= w * w * d[j]
        k_two *= w * w * d[j]
        for m in range(j):
            schur[j, m] -= (k * y[m] + k_two * y_two[m]) * d[m]


@compiled
def _coordinates(i: int, tables: Tables, system: System) -> tuple[Floats, Floats, Floats]:
    """Choose a group's basis; each column (shares, level slack, time slack) in it, and its ratio."""
    basis, width = tables.groups[i], len(tables.types)
    n = width + 2
    own = system.own[i]
    y, y_two, d = own[:n], own[n : 2 * n], own[2 * n : 3 * n]
    _columns_of(i, tables, y, y_two)
    d[width], d[width + 1] = tables.rows[2 * i].ratio, tables.rows[2 * i + 1].ratio
    for j in range(width):
        d[j] = tables.cells[i * width + j].ratio
    level, time = 0.0, 0.0
    for m in range(n):
        level += y[m] * y[m] * d[m]
        time += y_two[m] * d[m]
    one, two, best = _largest_basis(basis.one, y, y_two, d)
    if not best > SAME * level * time:
        one, two, best = _largest_basis(_longest(y, y_two, d, level, time), y, y_two, d)
    a, a_two, b, b_two = y[one], y_two[one], y[two], y_two[two]
    apart = a * b_two - a_two * b
    if apart != 0.0:
        basis.one, basis.two, inverse = one, two, 1.0 / apart
        basis.one_level, basis.one_time = b_two * inverse, -b * inverse
        basis.two_level, basis.two_time = -a_two * inverse, a * inverse
        for m in range(n):
            c, c_two = y[m], y_two[m]
            y[m] = (c * b_two - c_two * b) * inverse
            y_two[m] = (a * c_two - a_two * c) * inverse
        y[one] = y_two[two] = 1.0
        if apart * apart * _invert_inner(basis, y, y_two, d) > SAME * level * time:
            return y, y_two, d
        _columns_of(i, tables, y, y_two)
    _one_row(basis, y, y_two, d, _level_row_counts(i, tables))
    return y, y_two, d


@compiled
def _columns_of(i: int, tables: Tables, level: Floats, time: Floats) -> None:
    """A group's columns in its level row and its time row."""
    width = len(tables.types)
    for j in range(width):
        level[j], time[j] = -tables.columns[i * width + j].rate, 1.0
    level[width], time[width] = 1.0, 0.0
    level[width + 1], time[width + 1] = 0.0, 1.0


@compiled
def _longest(level: Floats, time: Floats, d: Floats, level_size: float, time_size: float) -> int:
    """The column that is the longest when weighted by its ratio, its rows by all of theirs."""
    one, most = 0, -1.0
    by_level = 1.0 / level_size if level_size > 0.0 else 0.0
    by_time = 1.0 / time_size if time_size > 0.0 else 0.0
    for m in range(d.size):
        size = d[m] * (level[m] * level[m] * by_level + time[m] * time[m] * by_time)
        if size > most:
            one, most = m, size
    return one


@compiled
def _largest_basis(one: int, level: Floats, time: Floats, d: Floats) -> tuple[int, int, float]:
    """Two columns of the largest determinant, all weighted by their ratios (half of it at least); its square.

    They are sought from column ``one`` on. In their coordinates no other column is long, so nothing cancels.
    """
    two, best = _partner(one, level, time, d)
    for _ in range(d.size):
        other, better = _partner(two, level, time, d)
        if not better > 2.0 * best:
            break
        one, two, best = two, other, better
    return one, two, best


@compiled
def _partner(one: int, level: Floats, time: Floats, d: Floats) -> tuple[int, float]:
    """The column that makes the largest determinant with one, and its square, weighted."""
    two, most = one, -1.0
    for m in range(d.size):
        apart = level[one] * time[m] - time[one] * level[m]
        size = d[m] * (apart * apart) * d[one]
        if size > most:
            two, most = m, size
    return two, most


@compiled
def _invert_inner(basis: Any, y: Floats, y_two: Floats, d: Floats) -> float:
    """Invert ``Y D Y'``, as large as the basic columns and all others make it; its determinant."""
    d_one, d_two = d[basis.one], d[basis.two]
    rest = rest_cross = rest_two = 0.0
    for m in range(d.size):
        if m not in (basis.one, basis.two):
            rest += y[m] * y[m] * d[m]
            rest_cross += y[m] * y_two[m] * d[m]
            rest_two += y_two[m] * y_two[m] * d[m]
    whole, whole_two = d_one + rest, d_two + rest_two
    others = max(rest * rest_two - rest_cross * rest_cross, 0.0)
    det = d_one * whole_two + d_two * rest + others
    if det > 0.0:
        basis.inner, basis.inner_cross = whole_two / det, -rest_cross / det
        basis.inner_two = whole / det
        basis.free_one = d_one * ((d_two * rest + others) / det)
        basis.free_two = d_two * ((d_one * rest_two + others) / det)
    return float(det)


@compiled
def _one_row(basis: Any, y: Floats, y_two: Floats, d: Floats, level: bool) -> None:
    """The basis of a group of which one row counts, ``level`` or time: one column."""
    one, most = 0, -1.0
    for m in range(d.size):
        c = y[m] if level else y_two[m]
        if d[m] * (c * c) > most:
            one, most = m, d[m] * (c * c)
    basis.one, basis.two = one, -1
    basis.one_level = basis.one_time = basis.two_level = basis.two_time = 0.0
    basis.inner = basis.inner_cross = basis.inner_two = basis.free_one = basis.free_two = 0.0
    pivot = y[one] if level else y_two[one]
    rest = 0.0
    for m in range(d.size):
        c = y[m] if level else y_two[m]
        y[m], y_two[m] = c / pivot if most > 0.0 else 0.0, 0.0
        if m != one:
            rest += y[m] * y[m] * d[m]
    if most > 0.0:
        if level:
            basis.one_level = 1.0 / pivot
        else:
            basis.one_time = 1.0 / pivot
        basis.inner = 1.0 / (d[one] + rest)
        basis.free_one = d[one] * (rest * basis.inner)


@compiled
def _shares_of(
    i: int, level: float, time: float, price: Floats, tables: Tables, system: System
) -> tuple[float, float]:
    """Steps of a group's shares at these prices, in ``part``; the multipliers of its two rows.

    With ``h`` the right-hand sides less prices, ``g`` those less what the basic columns earn, and ``tau``
    what is missing of the basic columns, all follow: a basic share's step is ``-d tau``, another's
    ``d (g - y' tau)``.
    """
    cells, width, h = tables.cells, len(tables.types), system.part
    basis, w, n = tables.groups[i], tables.combinations[i].use, len(tables.types) + 2
    own, first = system.own[i], width * i
    y, y_two, d = own[:n], own[n : 2 * n], own[2 * n : 3 * n]
    earns = earns_two = 0.0
    if basis.one < width:
        earns = cells[first + basis.one].rhs - w * price[basis.one]
    if 0 <= basis.two < width:
        earns_two = cells[first + basis.two].rhs - w * price[basis.two]
    lacks = basis.one_level * level + basis.one_time * time
    lacks_two = basis.two_level * level + basis.two_time * time
    for j in range(width):
        c, c_two = y[j], y_two[j]
        h[j] = cells[first + j].rhs - w * price[j] - (c * earns + c_two * earns_two)
        lacks += d[j] * c * h[j]
        lacks_two += d[j] * c_two * h[j]
    for m in range(width, n):
        slack = d[m] * (y[m] * earns + y_two[m] * earns_two)
        lacks -= y[m] * slack
        lacks_two -= y_two[m] * slack
    tau = basis.inner * lacks + basis.inner_cross * lacks_two
    tau_two = basis.inner_cross * lacks + basis.inner_two * lacks_two
    for j in range(width):
        h[j] = d[j] * (h[j] - (y[j] * tau + y_two[j] * tau_two))
    earns += tau
    earns_two += tau_two
    lam = basis.one_level * earns + basis.two_level * earns_two
    return float(lam), float(basis.one_time * earns + basis.two_time * earns_two)


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
    if by_formula(len(types)):
        _steps_of_few(tables, system)
    else:
        _steps(tables, system)
    if scalar.bottleneck >= 0:
        _pinning_dual(tables)


@compiled
def _groups_at_no_price(tables: Tables, system: System) -> float:
    """Add to the equations for prices what groups do at prices of zero; what that leaves of t's."""
    _, _, combinations, groups, types, rows, scalars = tables
    price, width = system.price, len(types)
    rest = scalars[0].t_residual
    if by_formula(width):
        return _few_at_no_price(tables, system)
    for i in range(len(groups)):
        level, time, w = rows[2 * i], rows[2 * i + 1], combinations[i].use
        b1 = level.ratio * level.rhs - level.primal_residual
        b2 = time.ratio * time.rhs - time.primal_residual
        lam, _ = _shares_of(i, b1, b2, system.free, tables, system)
        for j in range(width):
            price[j] += w * system.part[j]
        rest -= groups[i].slope * lam
    return float(rest)


@compiled
def _few_at_no_price(tables: Tables, system: System) -> float:
    """The same with two or three worker types."""
    _, cells, combinations, groups, types, rows, scalars = tables
    own, price, width = system.own, system.price, len(types)
    last = width - 1
    rest = scalars[0].t_residual
    part0 = part1 = part2 = 0.0
    for i in range(len(groups)):
        group, level, time, w = groups[i], rows[2 * i], rows[2 * i + 1], combinations[i].use
        n = width * i
        c0, c1, c2 = cells[n], cells[n + 1], cells[n + last]
        b1 = level.ratio * level.rhs - level.primal_residual
        b2 = time.ratio * time.rhs - time.primal_residual
        lam = group.level_level * b1 + group.level_time * b2
        d0, d1, d2 = c0.ratio, c1.ratio, c2.ratio if width == 3 else 0.0
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
    price[last] += part2
    return float(rest)


@compiled
def _solve_for_prices(rest: float, tables: Tables, system: System) -> float:
    """Prices, in place of their right-hand sides, and the step of t, which is returned.

    t's equation is ``theta dt - pull' p = rest``; it is eliminated first, or known from the group that
    decides it.
    """
    types, scalar, price = tables.types, tables.scalars[0], system.price
    theta, bottleneck, dt = scalar.theta, scalar.bottleneck, 0.0
    if bottleneck >= 0:
        fast = _fastest_on(bottleneck, tables)
        level, time = tables.rows[2 * bottleneck], tables.rows[2 * bottleneck + 1]
        dt = (fast * time.primal_residual + level.primal_residual) / tables.groups[bottleneck].slope
        for j in range(len(types)):
            price[j] -= types[j].pull * dt
    elif theta > 0.0:
        for j in range(len(types)):
            price[j] -= types[j].pull * rest / theta
    cholesky_solve(system.schur, price)
    if bottleneck < 0 and theta > 0.0:
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
def _steps_of_few(tables: Tables, system: System) -> None:
    """Each group's steps at the prices' and t's, with two or three worker types."""
    columns, cells, combinations, groups, types, rows, scalars = tables
    own, price, dt, width = system.own, system.price, scalars[0].dt, len(types)
    last = width - 1
    for i in range(len(groups)):
        group, row, row_time, w = groups[i], rows[2 * i], rows[2 * i + 1], combinations[i].use
        n = width * i
        c0, c1, c2 = cells[n], cells[n + 1], cells[n + last]
        r0, r1, r2 = columns[n].rate, columns[n + 1].rate, columns[n + last].rate
        b1 = row.ratio * row.rhs - row.primal_residual + group.slope * dt
        b2 = row_time.ratio * row_time.rhs - row_time.primal_residual
        lam = group.level_level * b1 + group.level_time * b2
        q = group.level_time * b1 + group.time_time * b2
        d0, d1, d2 = c0.ratio, c1.ratio, c2.ratio if width == 3 else 0.0
        u0, u1, u2 = w * price[0], w * price[1], w * price[last]
        h0, h1, h2 = c0.rhs - u0, c1.rhs - u1, c2.rhs - u2
        e0, e1, e2 = own[i, 0] * d0, own[i, 1] * d1, own[i, 2] * d2
        q0, q1, q2 = own[i, 3] * d0, own[i, 4] * d1, own[i, 5] * d2
        f10, f20, f21 = own[i, 7], own[i, 8], own[i, 11]
        lam += e0 * h0 + e1 * h1 + e2 * h2
        q += q0 * h0 + q1 * h1 + q2 * h2
        x0 = own[i, 6] * h0 + f10 * h1 + f20 * h2 - (e0 * b1 + q0 * b2)
        x1 = f10 * h0 + own[i, 10] * h1 + f21 * h2 - (e1 * b1 + q1 * b2)
        x2 = f20 * h0 + f21 * h1 + own[i, 14] * h2 - (e2 * b1 + q2 * b2)
        # the third first: of two it is the second itself, whose steps take their place
        c2.dx = x2
        c2.dz = u2 + q - r2 * lam + c2.dual_residual
        c0.dx, c1.dx = x0, x1
        c0.dz = u0 + q - r0 * lam + c0.dual_residual
        c1.dz = u1 + q - r1 * lam + c1.dual_residual
        row.dz, row_time.dz = lam, q
        _slack_steps(row, row_time, r0 * x0 + r1 * x1 + r2 * x2 - group.slope * dt, x0 + x1 + x2)


@compiled
def _steps(tables: Tables, system: System) -> None:
    """Each group's steps at the prices' and t's."""
    columns, cells, combinations, groups, types, rows, scalars = tables
    price, dt, width = system.price, scalars[0].dt, len(types)
    for i in range(len(groups)):
        group, row, row_time, w = groups[i], rows[2 * i], rows[2 * i + 1], combinations[i].use
        b1 = row.ratio * row.rhs - row.primal_residual + group.slope * dt
        b2 = row_time.ratio * row_time.rhs - row_time.primal_residual
        lam, q = _shares_of(i, b1, b2, price, tables, system)
        level, time = 0.0, 0.0
        for j in range(width):
            column, cell, x = columns[i * width + j], cells[i * width + j], system.part[j]
            cell.dx = x
            cell.dz = w * price[j] + q - column.rate * lam + cell.dual_residual
            level += column.rate * x
            time += x
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
    bottleneck, width = scalars[0].bottleneck, len(types)
    fast, lam = _fastest_on(bottleneck, tables), scalars[0].t_residual
    for i in range(len(groups)):
        lam -= groups[i].slope * rows[2 * i].dz
    lam /= groups[bottleneck].slope
    rows[2 * bottleneck].dz += lam
    rows[2 * bottleneck + 1].dz += fast * lam
    for j in range(width):
        cells[bottleneck * width + j].dz += (fast - columns[bottleneck * width + j].rate) * lam
