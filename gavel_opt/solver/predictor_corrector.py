r"""Steps of the primal-dual interior point method (Mehrotra's predictor and corrector).

It follows the central path :math:`x_i z_i = \mu w_i`, where the weight of a variable is the number of
jobs that it stands for.
"""

from __future__ import annotations

import math

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.tables import (
    AGE,
    BEND,
    CURVED,
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
    FLOOR,
    H_S,
    H_U,
    H_V,
    INV_LAM,
    INV_P,
    INV_Q,
    INV_S,
    INV_U,
    INV_V,
    INV_X,
    INV_Z,
    ISOLATED,
    LAM,
    R_LEVEL,
    R_T,
    R_TIME,
    R_USE,
    RD,
    REWARD,
    SLOPE,
    T_REWARD,
    W_S,
    W_U,
    W_V,
    WORKERS,
    D,
    H,
    P,
    Q,
    S,
    T,
    U,
    V,
    W,
    X,
    Z,
)


@compiled
def bend_rows(g: Floats, k: Floats) -> None:
    """Put value and first two derivatives (times the dual) of F at t into the table, if curved."""
    if k[CURVED] > 0.0:
        for i in range(g.shape[1]):
            f = 1.0 / (-k[T] * g[ISOLATED, i] - g[AGE, i])
            g[FLOOR, i] = f
            g[SLOPE, i] = g[ISOLATED, i] * f * f
            g[BEND, i] = max(g[LAM, i], 0.0) * 2.0 * f * f * f * g[ISOLATED, i] ** 2


@compiled
def residuals(
    c: Floats,
    g: Floats,
    t: Floats,
    k: Floats,
    rate: Floats,
    use: Floats,
    member: Ints,
    pair_rate: Floats,
    pair_time: Floats,
) -> tuple[float, float, float]:
    """What is missing in each constraint; returns gap, largest residual, size of the objective."""
    bend_rows(g, k)
    groups, types = rate.shape
    tilt = k[T] if k[CURVED] == 0.0 else 0.0
    gap, worst = 0.0, 0.0
    value = abs(k[T_REWARD] * k[T])
    rt = k[T_REWARD]
    for j in range(types):
        t[R_USE, j] = t[WORKERS, j] - t[V, j]
        gap += t[V, j] * t[P, j]
    for i in range(groups):
        lam, q, w = g[LAM, i], g[Q, i], use[i]
        level = -g[FLOOR, i] - g[S, i] - g[SLOPE, i] * tilt
        time = 1.0 - g[U, i]
        rt -= g[SLOPE, i] * lam
        gap += g[S, i] * lam + g[U, i] * q
        for j in range(types):
            x, z, r = c[X, i, j], c[Z, i, j], rate[i, j]
            level += r * x
            time -= x
            t[R_USE, j] -= w * x
            missing = w * t[P, j] + q - r * lam - c[REWARD, i, j] - z
            if c[W, i, j] == 0.0:
                missing = 0.0
            c[RD, i, j] = missing
            worst = max(worst, abs(missing))
            value += abs(c[REWARD, i, j] * x)
            gap += x * z
        g[R_LEVEL, i] = level
        g[R_TIME, i] = time
    for i in range(member.shape[0]):
        one, two, m = member[i, 0], member[i, 1], groups + i
        cost = pair_time[0, i] * g[Q, one] + pair_time[1, i] * g[Q, two]
        for j in range(types):
            x, z = c[X, m, j], c[Z, m, j]
            g[R_LEVEL, one] += pair_rate[0, i, j] * x
            g[R_LEVEL, two] += pair_rate[1, i, j] * x
            g[R_TIME, one] -= pair_time[0, i] * x
            g[R_TIME, two] -= pair_time[1, i] * x
            t[R_USE, j] -= use[m] * x
            missing = use[m] * t[P, j] + cost - c[REWARD, m, j] - z
            missing -= pair_rate[0, i, j] * g[LAM, one] + pair_rate[1, i, j] * g[LAM, two]
            if c[W, m, j] == 0.0:
                missing = 0.0
            c[RD, m, j] = missing
            worst = max(worst, abs(missing))
            value += abs(c[REWARD, m, j] * x)
            gap += x * z
    for i in range(groups):
        worst = max(worst, abs(g[R_LEVEL, i]) / (1.0 + abs(g[FLOOR, i])), abs(g[R_TIME, i]))
    for j in range(types):
        worst = max(worst, abs(t[R_USE, j]) / (1.0 + t[WORKERS, j]))
    k[R_T] = rt
    return gap, max(worst, abs(rt)), value


@compiled
def predict(c: Floats, g: Floats, t: Floats) -> None:
    """Diagonals at the point, and right-hand sides that aim at a gap of zero.

    The INV rows take the inverses of all variables, 0 for those held at zero: divisions are what
    an iteration costs most.
    """
    for m in range(c.shape[1]):
        for j in range(c.shape[2]):
            x, z = c[X, m, j], c[Z, m, j]
            on = c[W, m, j] > 0.0
            c[INV_X, m, j] = 1.0 / x if on else 0.0
            c[INV_Z, m, j] = 1.0 / z if on else 0.0
            c[D, m, j] = x * c[INV_Z, m, j]
            c[H, m, j] = -z - c[RD, m, j]
    for i in range(g.shape[1]):
        s, u, lam, q = g[S, i], g[U, i], g[LAM, i], g[Q, i]
        on = g[W_S, i] > 0.0
        g[INV_S, i] = 1.0 / s if on else 0.0
        g[INV_LAM, i] = 1.0 / lam if on else 0.0
        on = g[W_U, i] > 0.0
        g[INV_U, i] = 1.0 / u if on else 0.0
        g[INV_Q, i] = 1.0 / q if on else 0.0
        g[DIAG_S, i] = s * g[INV_LAM, i]
        g[DIAG_U, i] = u * g[INV_Q, i]
        g[H_S, i] = -lam
        g[H_U, i] = -q
    for j in range(t.shape[1]):
        on = t[W_V, j] > 0.0
        t[INV_V, j] = 1.0 / t[V, j] if on else 0.0
        t[INV_P, j] = 1.0 / t[P, j] if on else 0.0
        t[DIAG_V, j] = t[V, j] * t[INV_P, j]
        t[H_V, j] = -t[P, j]


@compiled
def correct(c: Floats, g: Floats, t: Floats, mu: float, second: float) -> None:
    """Right-hand sides that aim at ``mu`` and make up for the predictor's second-order error."""
    for m in range(c.shape[1]):
        for j in range(c.shape[2]):
            extra = mu * c[W, m, j] - second * c[DX, m, j] * c[DZ, m, j]
            c[H, m, j] = extra * c[INV_X, m, j] - c[Z, m, j] - c[RD, m, j]
    for i in range(g.shape[1]):
        extra = mu * g[W_S, i] - second * g[D_S, i] * g[D_LAM, i]
        g[H_S, i] = extra * g[INV_S, i] - g[LAM, i]
        extra = mu * g[W_U, i] - second * g[D_U, i] * g[D_Q, i]
        g[H_U, i] = extra * g[INV_U, i] - g[Q, i]
    for j in range(t.shape[1]):
        extra = mu * t[W_V, j] - second * t[D_V, j] * t[D_P, j]
        t[H_V, j] = extra * t[INV_V, j] - t[P, j]


@compiled
def longest(c: Floats, g: Floats, t: Floats, k: Floats) -> tuple[float, float]:
    """How far the step can go before a primal, a dual variable turns negative."""
    primal, dual = 1e-3, 1e-3  # inverses: nothing needs steps longer than 1,000
    for m in range(c.shape[1]):
        for j in range(c.shape[2]):
            primal = max(primal, -c[DX, m, j] * c[INV_X, m, j])
            dual = max(dual, -c[DZ, m, j] * c[INV_Z, m, j])
    for i in range(g.shape[1]):
        primal = max(primal, -g[D_S, i] * g[INV_S, i], -g[D_U, i] * g[INV_U, i])
        dual = max(dual, -g[D_LAM, i] * g[INV_LAM, i], -g[D_Q, i] * g[INV_Q, i])
    for j in range(t.shape[1]):
        primal = max(primal, -t[D_V, j] * t[INV_V, j])
        dual = max(dual, -t[D_P, j] * t[INV_P, j])
    if k[CURVED] > 0.0:
        for i in range(g.shape[1]):
            room = -k[T] * g[ISOLATED, i] - g[AGE, i]
            primal = max(primal, k[D_T] * g[ISOLATED, i] / (0.9 * room))
    return 1.0 / primal, 1.0 / dual


@compiled
def gap_after(c: Floats, g: Floats, t: Floats, primal: float, dual: float) -> float:
    """Gap after steps of these lengths."""
    gap = 0.0
    for m in range(c.shape[1]):
        for j in range(c.shape[2]):
            if c[W, m, j] > 0.0:
                gap += (c[X, m, j] + primal * c[DX, m, j]) * (c[Z, m, j] + dual * c[DZ, m, j])
    for i in range(g.shape[1]):
        if g[W_S, i] > 0.0:
            gap += (g[S, i] + primal * g[D_S, i]) * (g[LAM, i] + dual * g[D_LAM, i])
        if g[W_U, i] > 0.0:
            gap += (g[U, i] + primal * g[D_U, i]) * (g[Q, i] + dual * g[D_Q, i])
    for j in range(t.shape[1]):
        if t[W_V, j] > 0.0:
            gap += (t[V, j] + primal * t[D_V, j]) * (t[P, j] + dual * t[D_P, j])
    return max(gap, 0.0)


@compiled
def move(c: Floats, g: Floats, t: Floats, k: Floats, primal: float, dual: float) -> None:
    """Take the step; the D rows become the changes, for :func:`restrict`."""
    for m in range(c.shape[1]):
        for j in range(c.shape[2]):
            if c[W, m, j] > 0.0:
                c[DX, m, j] *= primal
                c[DZ, m, j] *= dual
                c[X, m, j] += c[DX, m, j]
                c[Z, m, j] += c[DZ, m, j]
    for i in range(g.shape[1]):
        for row in range(2):
            g[D_S + row, i] *= primal
            g[D_LAM + row, i] *= dual
            if g[W_S + row, i] > 0.0:
                g[S + row, i] += g[D_S + row, i]
            g[LAM + row, i] += g[D_LAM + row, i]
    for j in range(t.shape[1]):
        t[D_V, j] *= primal
        t[D_P, j] *= dual
        if t[W_V, j] > 0.0:
            t[V, j] += t[D_V, j]
        t[P, j] += t[D_P, j]
    k[T] += primal * k[D_T]


@compiled
def total_weight(c: Floats, g: Floats, t: Floats) -> float:
    """Sum of all weights: what the gap is divided by to give mu."""
    total = 0.0
    for m in range(c.shape[1]):
        for j in range(c.shape[2]):
            total += c[W, m, j]
    for i in range(g.shape[1]):
        total += g[W_S, i] + g[W_U, i]
    for j in range(t.shape[1]):
        total += t[W_V, j]
    return total if total > 0.0 and math.isfinite(total) else 1.0
