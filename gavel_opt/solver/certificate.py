r"""The certificate, computed from the program and the answer alone.

The duals are made feasible on the spot (negative ones cut off, time duals raised until no reduced
cost is negative), so their value bounds the optimum from above by weak duality, whatever the way
they were found; the gap is then an upper bound of the relative error of the objective. For
finish-time fairness the bound is that of the level program at the answer's own ratio, whose optimum
is 1 there; its relative error is not smaller than that of the ratio.
"""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.predictor_corrector import bend_rows
from gavel_opt.solver.tables import (
    CURVED,
    FACE,
    FIRST_LAM,
    FIRST_P,
    FIRST_Q,
    FIRST_W,
    FLOOR,
    JOBS,
    LAM,
    REWARD,
    SLOPE,
    T_REWARD,
    W_S,
    W_U,
    W_V,
    WORKERS,
    P,
    Q,
    T,
    W,
    X,
)

CLEAR = 1e-11
"""Reduced costs above this part of a job's share of the objective are positive."""

MULTIPLES = 8
"""How many powers of ten of the first program's duals are tried, from 1."""


@compiled
def prove(
    c: Floats,
    g: Floats,
    t: Floats,
    k: Floats,
    rate: Floats,
    use: Floats,
    member: Ints,
    pair_rate: Floats,
    pair_time: Floats,
) -> tuple[float, float, float, bool]:
    """Primal residual, dual residual and gap, all relative, and whether the face is proved too.

    The face is right if whatever it holds at zero costs something: then it is zero in all optima.
    """
    groups, types = rate.shape
    bend_rows(g, k)
    primal, dual = 0.0, 0.0
    value = k[T_REWARD] * k[T]
    tilt = k[T] if k[CURVED] == 0.0 else 0.0
    level, time, used = np.zeros(groups), np.zeros(groups), np.zeros(types)
    lam, q, p = np.empty(groups), np.empty(groups), np.empty(types)
    jobs = 0.0
    for i in range(groups):
        jobs += g[JOBS, i]
        for j in range(types):
            x = c[X, i, j]
            primal = max(primal, -x)
            value += c[REWARD, i, j] * x
            used[j] += use[i] * x
            level[i] += rate[i, j] * x
            time[i] += x
    for i in range(member.shape[0]):
        one, two, m = member[i, 0], member[i, 1], groups + i
        for j in range(types):
            x = c[X, m, j]
            primal = max(primal, -x)
            value += c[REWARD, m, j] * x
            used[j] += use[m] * x
            level[one] += pair_rate[0, i, j] * x
            level[two] += pair_rate[1, i, j] * x
            time[one] += pair_time[0, i] * x
            time[two] += pair_time[1, i] * x
    bound, pull = 0.0, 0.0
    for i in range(groups):
        need = g[FLOOR, i] + g[SLOPE, i] * tilt
        size = abs(g[FLOOR, i]) + abs(level[i]) + 1e-9
        primal = max(primal, (need - level[i]) / size, time[i] - 1.0)
        # a slack held at zero makes its row an equality, and the row's dual free
        lam[i] = max(g[LAM, i], 0.0) if g[W_S, i] > 0.0 else g[LAM, i]
        q[i] = max(g[Q, i], 0.0) if g[W_U, i] > 0.0 else g[Q, i]
        pull += lam[i] * (g[FLOOR, i] if k[CURVED] > 0.0 else g[SLOPE, i])
    for j in range(types):
        primal = max(primal, (used[j] - t[WORKERS, j]) / max(t[WORKERS, j], 1e-9))
        p[j] = max(t[P, j], 0.0) if t[W_V, j] > 0.0 else t[P, j]
        bound += t[WORKERS, j] * p[j]
    clear = True
    least = CLEAR * max(abs(value), 1e-300) / max(jobs, 1.0)
    for i in range(groups):
        short = 0.0
        for j in range(types):
            if c[W, i, j] > 0.0:
                cost = use[i] * p[j] + q[i] - rate[i, j] * lam[i] - c[REWARD, i, j]
                short = min(short, cost)
                clear = clear and (c[FACE, i, j] > 0.0 or cost > least * c[W, i, j])
        q[i] -= short
    for i in range(member.shape[0]):
        one, two, m = member[i, 0], member[i, 1], groups + i
        short = 0.0
        for j in range(types):
            if c[W, m, j] > 0.0:
                cost = use[m] * p[j] + pair_time[0, i] * q[one] + pair_time[1, i] * q[two]
                cost -= pair_rate[0, i, j] * lam[one] + pair_rate[1, i, j] * lam[two]
                cost -= c[REWARD, m, j]
                short = min(short, cost)
        q[one] -= short / pair_time[0, i]
    for i in range(groups):
        bound += q[i]
        if k[CURVED] == 0.0:
            bound -= lam[i] * g[FLOOR, i]
    if k[CURVED] > 0.0:
        value = 1.0
        bound = bound / pull if pull > 0.0 else math.inf
    elif k[T_REWARD] > 0.0:
        dual = abs(1.0 - pull)
    # an even split has the level 1 here: errors count against it where t itself is smaller
    gap = abs(bound - value) / (0.1 + abs(bound) + abs(value))
    if not (math.isfinite(primal) and math.isfinite(dual) and math.isfinite(gap)):
        return math.inf, math.inf, math.inf, False
    return primal, dual, gap, clear


@compiled
def prove_among_all(
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
    """Prove the face's best point the best of all points with the levels reached.

    Whatever costs something in the first program is zero on the face, and its duals, taken often enough, keep
    it there: added to the face's own they are duals of the second program without the face.

    Returns
    -------
    primal, dual, gap
        As :func:`prove` gives them, of the multiple that proves best.
    """
    all_c, all_g, all_t = c.copy(), g.copy(), t.copy()
    all_c[W] = c[FIRST_W]
    all_g[W_S : W_U + 1] = 1.0
    all_t[W_V] = 1.0
    best = math.inf, math.inf, math.inf
    times = 1.0
    for _ in range(MULTIPLES):
        all_g[LAM] = g[LAM] + times * g[FIRST_LAM]
        all_g[Q] = g[Q] + times * g[FIRST_Q]
        all_t[P] = t[P] + times * t[FIRST_P]
        primal, dual, gap, _ = prove(
            all_c, all_g, all_t, k, rate, use, member, pair_rate, pair_time
        )
        if max(primal, dual, gap) < max(best[0], best[1], best[2]):
            best = primal, dual, gap
        times *= 10.0
    return best
