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

import math

from gavel_opt.arrays import Floats
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
    I11,
    I12,
    I22,
    LOOSE,
    PIN,
    R_LEVEL,
    R_T,
    R_TIME,
    R_USE,
    RD,
    SLOPE,
    TAU,
    THETA,
    D,
    H,
)

SAME = 1e-28
"""A determinant smaller than this part of its diagonal's product is zero."""


@compiled
def factor_groups(
    c: Floats,
    g: Floats,
    t: Floats,
    k: Floats,
    rate: Floats,
    use: Floats,
    own: Floats,
    schur: Floats,
) -> None:
    """Eliminate all groups and factor the equations in the prices."""
    groups, types = rate.shape
    theta = 0.0
    for i in range(groups):
        theta += g[BEND, i]
    k[PIN] = -1.0
    for j in range(types):
        t[TAU, j] = 0.0
        for i in range(types):
            schur[i, j] = 0.0
    s00 = s10 = s11 = s20 = s21 = s22 = 0.0
    tau0 = tau1 = tau2 = 0.0
    three = types == 3
    for i in range(groups):
        slope, w = g[SLOPE, i], use[i]
        if three:
            r0, r1, r2 = rate[i, 0], rate[i, 1], rate[i, 2]
            d0, d1, d2 = c[D, i, 0], c[D, i, 1], c[D, i, 2]
            ds, du = g[DIAG_S, i], g[DIAG_U, i]
            r01, r02, r12 = r0 - r1, r0 - r2, r1 - r2
            p01, p02, p12 = r01 * r01 * d0 * d1, r02 * r02 * d0 * d2, r12 * r12 * d1 * d2
            l0, l1, l2 = r0 * r0 * d0, r1 * r1 * d1, r2 * r2 * d2
            level = l0 + l1 + l2
            m11, m22 = ds + level, du + d0 + d1 + d2
            det = ds * m22 + du * level + p01 + p02 + p12
            if det > SAME * m11 * m22:
                inverse = 1.0 / det
                g[I11, i] = m22 * inverse
                g[I12, i] = (r0 * d0 + r1 * d1 + r2 * d2) * inverse
                g[I22, i] = m11 * inverse
                e0 = (-r0 * du - r01 * d1 - r02 * d2) * inverse
                e1 = (-r1 * du + r01 * d0 - r12 * d2) * inverse
                e2 = (-r2 * du + r02 * d0 + r12 * d1) * inverse
                own[i, 0] = e0
                own[i, 1] = e1
                own[i, 2] = e2
                own[i, 3] = (ds - r1 * r01 * d1 - r2 * r02 * d2) * inverse
                own[i, 4] = (ds + r0 * r01 * d0 - r2 * r12 * d2) * inverse
                own[i, 5] = (ds + r0 * r02 * d0 + r1 * r12 * d1) * inverse
                f00 = d0 * (ds * (du + d1 + d2) + du * (l1 + l2) + p12) * inverse
                f11 = d1 * (ds * (du + d0 + d2) + du * (l0 + l2) + p02) * inverse
                f22 = d2 * (ds * (du + d0 + d1) + du * (l0 + l1) + p01) * inverse
                f10 = -d0 * d1 * (r0 * r1 * du + ds + r02 * r12 * d2) * inverse
                f20 = -d0 * d2 * (r0 * r2 * du + ds - r01 * r12 * d1) * inverse
                f21 = -d1 * d2 * (r1 * r2 * du + ds + r01 * r02 * d0) * inverse
                own[i, 6] = f00
                own[i, 7] = f10
                own[i, 8] = f20
                own[i, 9] = f10
                own[i, 10] = f11
                own[i, 11] = f21
                own[i, 12] = f20
                own[i, 13] = f21
                own[i, 14] = f22
                theta += slope * slope * m22 * inverse
                push = w * slope
                tau0 += push * d0 * e0
                tau1 += push * d1 * e1
                tau2 += push * d2 * e2
                w *= w
                s00 += w * f00
                s10 += w * f10
                s11 += w * f11
                s20 += w * f20
                s21 += w * f21
                s22 += w * f22
                continue
        _eliminate(i, c, g, k, rate, own)
        theta += slope * slope * g[I11, i]
        for j in range(types):
            t[TAU, j] += w * slope * c[D, i, j] * own[i, j]
            for m in range(j + 1):
                schur[j, m] += w * w * own[i, 2 * types + j * types + m]
    if three:
        schur[0, 0] += s00
        schur[1, 0] += s10
        schur[1, 1] += s11
        schur[2, 0] += s20
        schur[2, 1] += s21
        schur[2, 2] += s22
        t[TAU, 0] += tau0
        t[TAU, 1] += tau1
        t[TAU, 2] += tau2
    k[THETA] = theta
    for j in range(types):
        schur[j, j] += t[DIAG_V, j]
        if theta > 0.0 and k[PIN] < 0.0:
            for m in range(j + 1):
                schur[j, m] += t[TAU, j] * t[TAU, m] / theta
    for j in range(types):
        full = schur[j, j]
        for m in range(j + 1):
            value = schur[j, m]
            for n in range(m):
                value -= schur[j, n] * schur[m, n]
            if m == j:
                schur[j, j] = math.sqrt(value) if value > k[LOOSE] * full else 0.0
            else:
                schur[j, m] = value / schur[m, m] if schur[m, m] > 0.0 else 0.0


@compiled
def _eliminate(i: int, c: Floats, g: Floats, k: Floats, rate: Floats, own: Floats) -> None:
    """Eliminate one group with any number of worker types, dependent rows included."""
    types = rate.shape[1]
    ds, du = g[DIAG_S, i], g[DIAG_U, i]
    m11, m12, m22, apart = ds, 0.0, du, 0.0
    for j in range(types):
        r, d = rate[i, j], c[D, i, j]
        m11 += r * r * d
        m12 += r * d
        m22 += d
        for m in range(j):
            between = rate[i, m] - r
            apart += between * between * d * c[D, i, m]
    det = ds * m22 + du * (m11 - ds) + apart
    whole = det > SAME * m11 * m22
    by_level = m11 > 0.0
    if not whole and g[SLOPE, i] > 0.0:
        by_level = False
        if k[PIN] < 0.0:
            k[PIN] = float(i)
    if whole:
        inverse = 1.0 / det
        g[I11, i], g[I12, i], g[I22, i] = m22 * inverse, m12 * inverse, m11 * inverse
    elif by_level:
        # the time row repeats the level row
        inverse = 1.0 / m11
        g[I11, i], g[I12, i], g[I22, i] = inverse, 0.0, 0.0
    else:
        inverse = 1.0 / m22 if m22 > 0.0 else 0.0
        g[I11, i], g[I12, i], g[I22, i] = 0.0, 0.0, inverse
    for j in range(types):
        rj, dj = rate[i, j], c[D, i, j]
        e, f = -rj * du, ds
        time, level, apart = 0.0, 0.0, 0.0
        for m in range(types):
            if m == j:
                continue
            rm, dm = rate[i, m], c[D, i, m]
            e += (rm - rj) * dm
            f += rm * (rm - rj) * dm
            time += dm
            level += rm * rm * dm
            for n in range(m):
                if n != j:
                    between = rate[i, n] - rm
                    apart += between * between * dm * c[D, i, n]
        if whole:
            left = ds * (du + time) + du * level + apart
        elif by_level:
            e, f, left = -rj, 0.0, ds + level
        else:
            e, f, left = 0.0, 1.0, du + time
        own[i, j] = e * inverse
        own[i, types + j] = f * inverse
        own[i, 2 * types + j * types + j] = dj * left * inverse
        for m in range(j):
            rm = rate[i, m]
            if whole:
                cross = rj * rm * du + ds
                for n in range(types):
                    cross += (rate[i, n] - rj) * (rate[i, n] - rm) * c[D, i, n]
            elif by_level:
                cross = rj * rm
            else:
                cross = 1.0
            value = -dj * c[D, i, m] * cross * inverse
            own[i, 2 * types + j * types + m] = value
            own[i, 2 * types + m * types + j] = value


@compiled
def solve_groups(
    c: Floats,
    g: Floats,
    t: Floats,
    k: Floats,
    rate: Floats,
    use: Floats,
    own: Floats,
    schur: Floats,
) -> None:
    """Prices first, then t, then each group on its own, every sum in the form that cancels least.

    Right-hand sides are the rows H and R of the tables; the steps go to the rows D of them, and
    ``DZ`` takes ``A' dy + RD``.
    """
    groups, types = rate.shape
    for j in range(types):
        t[D_P, j] = t[DIAG_V, j] * t[H_V, j] - t[R_USE, j]
    b4 = k[R_T]
    three = types == 3
    part0 = part1 = part2 = 0.0
    for i in range(groups):
        b1 = g[DIAG_S, i] * g[H_S, i] - g[R_LEVEL, i]
        b2 = g[DIAG_U, i] * g[H_U, i] - g[R_TIME, i]
        lam = g[I11, i] * b1 + g[I12, i] * b2
        w = use[i]
        if three:
            d0, d1, d2 = c[D, i, 0], c[D, i, 1], c[D, i, 2]
            h0, h1, h2 = c[H, i, 0], c[H, i, 1], c[H, i, 2]
            e0, e1, e2 = own[i, 0] * d0, own[i, 1] * d1, own[i, 2] * d2
            f10, f20, f21 = own[i, 7], own[i, 8], own[i, 11]
            lam += e0 * h0 + e1 * h1 + e2 * h2
            part0 += w * (own[i, 6] * h0 + f10 * h1 + f20 * h2 - (e0 * b1 + d0 * own[i, 3] * b2))
            part1 += w * (f10 * h0 + own[i, 10] * h1 + f21 * h2 - (e1 * b1 + d1 * own[i, 4] * b2))
            part2 += w * (f20 * h0 + f21 * h1 + own[i, 14] * h2 - (e2 * b1 + d2 * own[i, 5] * b2))
        else:
            for j in range(types):
                d = c[D, i, j]
                lam += own[i, j] * d * c[H, i, j]
                part = -d * (own[i, j] * b1 + own[i, types + j] * b2)
                for m in range(types):
                    part += own[i, 2 * types + j * types + m] * c[H, i, m]
                t[D_P, j] += w * part
        b4 -= g[SLOPE, i] * lam
    if three:
        t[D_P, 0] += part0
        t[D_P, 1] += part1
        t[D_P, 2] += part2
    theta, dt, pin = k[THETA], 0.0, int(k[PIN])
    fast = 0.0
    if pin >= 0:
        for j in range(types):
            if c[D, pin, j] > 0.0:
                fast = rate[pin, j]
        dt = (fast * g[R_TIME, pin] + g[R_LEVEL, pin]) / g[SLOPE, pin]
        for j in range(types):
            t[D_P, j] -= t[TAU, j] * dt
    elif theta > 0.0:
        for j in range(types):
            t[D_P, j] -= t[TAU, j] * b4 / theta
    for j in range(types):
        value = t[D_P, j]
        for m in range(j):
            value -= schur[j, m] * t[D_P, m]
        t[D_P, j] = value / schur[j, j] if schur[j, j] > 0.0 else 0.0
    for j in range(types - 1, -1, -1):
        value = t[D_P, j]
        for m in range(j + 1, types):
            value -= schur[m, j] * t[D_P, m]
        t[D_P, j] = value / schur[j, j] if schur[j, j] > 0.0 else 0.0
    if pin < 0 and theta > 0.0:
        for j in range(types):
            b4 += t[TAU, j] * t[D_P, j]
        dt = b4 / theta
    k[D_T] = dt
    for j in range(types):
        t[D_V, j] = t[DIAG_V, j] * (t[H_V, j] - t[D_P, j])
    for i in range(groups):
        w, slope = use[i], g[SLOPE, i]
        ds, du, rl, ru = g[DIAG_S, i], g[DIAG_U, i], g[R_LEVEL, i], g[R_TIME, i]
        b1 = ds * g[H_S, i] - rl + slope * dt
        b2 = du * g[H_U, i] - ru
        lam = g[I11, i] * b1 + g[I12, i] * b2
        q = g[I12, i] * b1 + g[I22, i] * b2
        level, time = 0.0, 0.0
        if three:
            d0, d1, d2 = c[D, i, 0], c[D, i, 1], c[D, i, 2]
            u0, u1, u2 = w * t[D_P, 0], w * t[D_P, 1], w * t[D_P, 2]
            h0, h1, h2 = c[H, i, 0] - u0, c[H, i, 1] - u1, c[H, i, 2] - u2
            r0, r1, r2 = rate[i, 0], rate[i, 1], rate[i, 2]
            e0, e1, e2 = own[i, 0] * d0, own[i, 1] * d1, own[i, 2] * d2
            q0, q1, q2 = own[i, 3] * d0, own[i, 4] * d1, own[i, 5] * d2
            f10, f20, f21 = own[i, 7], own[i, 8], own[i, 11]
            lam += e0 * h0 + e1 * h1 + e2 * h2
            q += q0 * h0 + q1 * h1 + q2 * h2
            x0 = own[i, 6] * h0 + f10 * h1 + f20 * h2 - (e0 * b1 + q0 * b2)
            x1 = f10 * h0 + own[i, 10] * h1 + f21 * h2 - (e1 * b1 + q1 * b2)
            x2 = f20 * h0 + f21 * h1 + own[i, 14] * h2 - (e2 * b1 + q2 * b2)
            c[DX, i, 0] = x0
            c[DX, i, 1] = x1
            c[DX, i, 2] = x2
            level = r0 * x0 + r1 * x1 + r2 * x2
            time = x0 + x1 + x2
            c[DZ, i, 0] = u0 + q - r0 * lam + c[RD, i, 0]
            c[DZ, i, 1] = u1 + q - r1 * lam + c[RD, i, 1]
            c[DZ, i, 2] = u2 + q - r2 * lam + c[RD, i, 2]
        else:
            for j in range(types):
                d = c[D, i, j]
                push = d * (c[H, i, j] - w * t[D_P, j])
                lam += own[i, j] * push
                q += own[i, types + j] * push
                x = -d * (own[i, j] * b1 + own[i, types + j] * b2)
                for m in range(types):
                    x += own[i, 2 * types + j * types + m] * (c[H, i, m] - w * t[D_P, m])
                c[DX, i, j] = x
                level += rate[i, j] * x
                time += x
            for j in range(types):
                c[DZ, i, j] = w * t[D_P, j] + q - rate[i, j] * lam + c[RD, i, j]
        g[D_LAM, i] = lam
        g[D_Q, i] = q
        # a slack that is far from zero follows from its row, one near zero from its dual
        g[D_S, i] = level - slope * dt + rl if ds > 1.0 else ds * (g[H_S, i] - lam)
        g[D_U, i] = ru - time if du > 1.0 else du * (g[H_U, i] - q)
    if pin >= 0:
        lam = k[R_T]
        for i in range(groups):
            lam -= g[SLOPE, i] * g[D_LAM, i]
        lam /= g[SLOPE, pin]
        g[D_LAM, pin] += lam
        g[D_Q, pin] += fast * lam
        for j in range(types):
            c[DZ, pin, j] += (fast - rate[pin, j]) * lam
