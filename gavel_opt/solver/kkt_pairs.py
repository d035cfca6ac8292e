r"""The normal equations with pairs: groups meet in them, so :math:`A D A^T` is factored as a whole.

2 G + J rows: a level and a time row for each group, then a row for each worker type. The Cholesky
factorisation is by rows of the upper triangle and skips zeros, so groups that no pair joins (unequal
scale factors) cost nothing to each other. The level row of the tightest group comes last: without t its
rows alone may be dependent, and last it is solved together with t.
"""

from __future__ import annotations

import math

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.tables import (
    BEND,
    D_LAM,
    D_P,
    D_Q,
    D_S,
    D_T,
    D_U,
    D_V,
    DIAG_S,
    DIAG_U,
    DIAG_V,
    DX,
    DZ,
    H_S,
    H_U,
    H_V,
    LOOSE,
    PIN,
    R_LEVEL,
    R_T,
    R_TIME,
    R_USE,
    RD,
    SLOPE,
    THETA,
    D,
    H,
)

SEEN = 1e-9
"""Coefficients of t above this are not zero."""


@compiled
def factor_pairs(
    c: Floats,
    g: Floats,
    t: Floats,
    k: Floats,
    rate: Floats,
    use: Floats,
    member: Ints,
    pair_rate: Floats,
    pair_time: Floats,
    place: Ints,
    a: Floats,
    y: Floats,
) -> None:
    """Assemble and factor; ``place`` says where each row went, row 1 of ``y`` serves t."""
    groups, types = rate.shape
    n = a.shape[0]
    for i in range(n):
        for j in range(i, n):
            a[i, j] = 0.0
    # own columns of the groups, at first in order: level, time of each group, then types
    for i in range(groups):
        m11, m12, m22 = g[DIAG_S, i], 0.0, g[DIAG_U, i]
        for j in range(types):
            r, d = rate[i, j], c[D, i, j]
            m11 += r * r * d
            m12 += r * d
            m22 += d
        y[0, 2 * i], y[0, 2 * i + 1], y[1, 2 * i] = m11, m22, m12
    for i in range(member.shape[0]):
        for side in range(2):
            h, tau = member[i, side], pair_time[side, i]
            for j in range(types):
                r, d = pair_rate[side, i, j], c[D, groups + i, j]
                y[0, 2 * h] += r * r * d
                y[0, 2 * h + 1] += tau * tau * d
                y[1, 2 * h] += r * tau * d
    last, tightest = -1, math.inf
    for i in range(groups):
        both = y[0, 2 * i] * y[0, 2 * i + 1]
        if g[SLOPE, i] > 0.0:
            left = 1.0 - y[1, 2 * i] * y[1, 2 * i] / both if both > 0.0 else 0.0
            if left < tightest:
                last, tightest = i, left
    at = 0
    for i in range(2 * groups + types):
        if last < 0 or i != 2 * last:
            place[i] = at
            at += 1
    if last >= 0:
        place[2 * last] = n - 1
    for i in range(groups):
        level, time, w = place[2 * i], place[2 * i + 1], use[i]
        a[level, level] += g[DIAG_S, i]
        a[time, time] += g[DIAG_U, i]
        low, high = min(level, time), max(level, time)
        for j in range(types):
            r, d = rate[i, j], c[D, i, j]
            if d == 0.0:
                continue
            column = place[2 * groups + j]
            a[level, level] += r * r * d
            a[low, high] -= r * d
            a[time, time] += d
            a[min(level, column), max(level, column)] -= r * w * d
            a[time, column] += w * d
            a[column, column] += w * w * d
    for i in range(member.shape[0]):
        one, two, w = member[i, 0], member[i, 1], use[groups + i]
        level1, time1 = place[2 * one], place[2 * one + 1]
        level2, time2 = place[2 * two], place[2 * two + 1]
        tau1, tau2 = pair_time[0, i], pair_time[1, i]
        for j in range(types):
            d = c[D, groups + i, j]
            if d == 0.0:
                continue
            r1, r2 = pair_rate[0, i, j], pair_rate[1, i, j]
            column = place[2 * groups + j]
            a[level1, level1] += r1 * r1 * d
            a[min(level1, time1), max(level1, time1)] -= r1 * tau1 * d
            a[time1, time1] += tau1 * tau1 * d
            a[min(level1, column), max(level1, column)] -= r1 * w * d
            a[time1, column] += tau1 * w * d
            a[column, column] += w * w * d
            if one != two:
                a[level2, level2] += r2 * r2 * d
                a[min(level2, time2), max(level2, time2)] -= r2 * tau2 * d
                a[time2, time2] += tau2 * tau2 * d
                a[min(level2, column), max(level2, column)] -= r2 * w * d
                a[time2, column] += tau2 * w * d
                a[min(level1, level2), max(level1, level2)] += r1 * r2 * d
                a[min(level1, time2), max(level1, time2)] -= r1 * tau2 * d
                a[min(time1, level2), max(time1, level2)] -= tau1 * r2 * d
                a[min(time1, time2), max(time1, time2)] += tau1 * tau2 * d
    for j in range(types):
        column = place[2 * groups + j]
        a[column, column] += t[DIAG_V, j]
    for i in range(n):
        y[2, i] = a[i, i]
    bend = 0.0
    for i in range(n):
        y[1, i] = 0.0
    for i in range(groups):
        y[1, place[2 * i]] = g[SLOPE, i]
        bend += g[BEND, i]
    # the last row is left as it comes out: with t it makes a pivot of two rows; so does an earlier
    # row that depends on those before it but not in t (PIN), and then t is known from there on
    k[PIN] = -1.0
    i, end = 0, n - 1 if last >= 0 else n
    while i < end:
        pivot = a[i, i]
        if pivot <= k[LOOSE] * y[2, i] or pivot <= 0.0:
            for j in range(i, n):
                a[i, j] = 0.0
            if k[PIN] < 0.0 and abs(y[1, i]) > SEEN:
                k[PIN] = float(i)
                k[THETA] = bend
                end = n
                for j in range(i, n):
                    y[3, j] = y[1, j]
            if k[PIN] < 0.0:
                y[1, i] = 0.0
            i += 1
            continue
        root = math.sqrt(pivot)
        a[i, i] = root
        inverse = 1.0 / root
        for j in range(i + 1, n):
            a[i, j] *= inverse
        for r in range(i + 1, n):
            times = a[i, r]
            if times != 0.0:
                for j in range(r, n):
                    a[r, j] -= times * a[i, j]
        if k[PIN] < 0.0:
            y[1, i] *= inverse
            value = y[1, i]
            if value != 0.0:
                bend += value * value
                for j in range(i + 1, n):
                    y[1, j] -= a[i, j] * value
        i += 1
    if k[PIN] < 0.0:
        k[THETA] = bend
        if last >= 0 and a[n - 1, n - 1] <= k[LOOSE] * y[2, n - 1]:
            a[n - 1, n - 1] = 0.0


@compiled
def _forward(a: Floats, y: Floats, begin: int, end: int) -> None:
    n = y.size
    for i in range(begin, end):
        if a[i, i] > 0.0:
            y[i] /= a[i, i]
            value = y[i]
            if value != 0.0:
                for j in range(i + 1, n):
                    y[j] -= a[i, j] * value
        else:
            y[i] = 0.0


@compiled
def solve_pairs(
    c: Floats,
    g: Floats,
    t: Floats,
    k: Floats,
    rate: Floats,
    use: Floats,
    member: Ints,
    pair_rate: Floats,
    pair_time: Floats,
    place: Ints,
    a: Floats,
    y: Floats,
) -> None:
    """Solve; rows as in :func:`gavel_opt.solver.kkt_alone.solve_groups`."""
    groups, types = rate.shape
    n = a.shape[0]
    b = y[0]
    for i in range(groups):
        b[place[2 * i]] = g[DIAG_S, i] * g[H_S, i] - g[R_LEVEL, i]
        b[place[2 * i + 1]] = g[DIAG_U, i] * g[H_U, i] - g[R_TIME, i]
    for j in range(types):
        b[place[2 * groups + j]] = t[DIAG_V, j] * t[H_V, j] - t[R_USE, j]
    for i in range(groups):
        for j in range(types):
            dh = c[D, i, j] * c[H, i, j]
            b[place[2 * i]] -= rate[i, j] * dh
            b[place[2 * i + 1]] += dh
            b[place[2 * groups + j]] += use[i] * dh
    for i in range(member.shape[0]):
        for j in range(types):
            dh = c[D, groups + i, j] * c[H, groups + i, j]
            if dh == 0.0:
                continue
            for side in range(2):
                h = member[i, side]
                b[place[2 * h]] -= pair_rate[side, i, j] * dh
                b[place[2 * h + 1]] += pair_time[side, i] * dh
            b[place[2 * groups + j]] += use[groups + i] * dh
    # t's row has a pivot exactly where a level counts; the last row shares it
    theta, dt, rest, sloped = k[THETA], 0.0, 0.0, False
    for i in range(groups):
        sloped = sloped or g[SLOPE, i] > 0.0
    pin = int(k[PIN])
    end = n
    if pin >= 0:
        # (0, -slope; slope, theta) (y, dt) = (b, rest)
        _forward(a, b, 0, pin)
        rest = k[R_T]
        for i in range(pin):
            rest -= y[1, i] * b[i]
        dt = -b[pin] / y[3, pin]
        for i in range(n):
            b[i] += (y[1, i] if i < pin else y[3, i]) * dt
        _forward(a, b, pin + 1, n)
    elif sloped:
        end = n - 1
        _forward(a, b, 0, end)
        rest = k[R_T]
        for i in range(end):
            rest -= y[1, i] * b[i]
        # (pivot, -slope; slope, theta) (y, dt) = (b, rest)
        pivot, slope = a[n - 1, n - 1], y[1, n - 1]
        det = pivot * theta + slope * slope
        if det > 0.0:
            last = b[n - 1]
            b[n - 1] = (last * theta + slope * rest) / det
            dt = (pivot * rest - slope * last) / det
        else:
            b[n - 1] = 0.0
        for i in range(end):
            b[i] += y[1, i] * dt
    else:
        _forward(a, b, 0, n)
    for i in range(end - 1, -1, -1):
        if a[i, i] > 0.0:
            value = b[i]
            for j in range(i + 1, n):
                value -= a[i, j] * b[j]
            b[i] = value / a[i, i]
        elif i == pin:
            value = rest - theta * dt
            for j in range(i + 1, n):
                value -= y[3, j] * b[j]
            b[i] = value / y[3, i]
        else:
            b[i] = 0.0
    k[D_T] = dt
    for j in range(types):
        t[D_P, j] = b[place[2 * groups + j]]
        t[D_V, j] = t[DIAG_V, j] * (t[H_V, j] - t[D_P, j])
    for i in range(groups):
        lam, q = b[place[2 * i]], b[place[2 * i + 1]]
        g[D_LAM, i] = lam
        g[D_Q, i] = q
        g[D_S, i] = g[R_LEVEL, i] - g[SLOPE, i] * dt
        g[D_U, i] = g[R_TIME, i]
        for j in range(types):
            price = use[i] * t[D_P, j] + q - rate[i, j] * lam
            x = c[D, i, j] * (c[H, i, j] - price)
            c[DX, i, j] = x
            c[DZ, i, j] = price + c[RD, i, j]
            g[D_S, i] += rate[i, j] * x
            g[D_U, i] -= x
    for i in range(member.shape[0]):
        one, two, m = member[i, 0], member[i, 1], groups + i
        time = pair_time[0, i] * g[D_Q, one] + pair_time[1, i] * g[D_Q, two]
        for j in range(types):
            price = use[m] * t[D_P, j] + time
            price -= pair_rate[0, i, j] * g[D_LAM, one] + pair_rate[1, i, j] * g[D_LAM, two]
            x = c[D, m, j] * (c[H, m, j] - price)
            c[DX, m, j] = x
            c[DZ, m, j] = price + c[RD, m, j]
            g[D_S, one] += pair_rate[0, i, j] * x
            g[D_S, two] += pair_rate[1, i, j] * x
            g[D_U, one] -= pair_time[0, i] * x
            g[D_U, two] -= pair_time[1, i] * x
    # a slack that is far from zero follows from its row, one near zero from its dual
    for i in range(groups):
        if g[DIAG_S, i] <= 1.0:
            g[D_S, i] = g[DIAG_S, i] * (g[H_S, i] - g[D_LAM, i])
        if g[DIAG_U, i] <= 1.0:
            g[D_U, i] = g[DIAG_U, i] * (g[H_U, i] - g[D_Q, i])
