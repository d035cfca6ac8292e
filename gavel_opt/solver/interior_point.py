"""One program, one compiled call: scale, follow the path, centre on the face, prove."""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.certificate import prove, prove_among_all
from gavel_opt.solver.idle_pairs import close_idle, open_idle
from gavel_opt.solver.kkt_alone import factor_groups, solve_groups
from gavel_opt.solver.kkt_pairs import factor_pairs, solve_pairs
from gavel_opt.solver.optimal_face import (
    aim_at_centre,
    aim_at_duals,
    restrict,
    swap,
    take_duals,
    towards_centre,
)
from gavel_opt.solver.predictor_corrector import (
    correct,
    gap_after,
    longest,
    move,
    predict,
    residuals,
    total_weight,
)
from gavel_opt.solver.scaling import enter_face, fill, stand_at, start
from gavel_opt.solver.tables import (
    C_ROWS,
    G_ROWS,
    K_ROWS,
    LAM,
    LOOSE,
    REWARD,
    SCALE,
    T_REWARD,
    T_ROWS,
    UNIT,
    WORTH,
    P,
    T,
    W,
    X,
)

FIRST_GOAL = 1e-6
"""Relative gap at which the face is tried first; a proof tells whether it was early enough."""
LAST_GOAL = 1e-13
PROVED = 1e-11
"""A proof this good ends the search."""
ANSWERS = 1e-9
"""Answers without a proof this good are none."""
LIMIT = 60
"""Iterations of the path method between two goals, and of Newton's method for a centre."""
STEADY = 1e-6
"""Newton's method ends once no variable moves by more than this part of itself: the step taken
leaves an error of the order of its square."""
SHY = 0.1
"""Steps shorter than this are taken again towards the middle of the path."""
PATH_LOOSE, FACE_LOOSE = 1e-16, 1e-13
"""Pivots smaller than this part of their diagonal belong to dependent rows: on the path, where no
row quite is, and on the face, where many are."""
BACK = 0.995
"""Part of the longest step that is taken."""


@compiled
def factor(
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
    dense: Floats,
    y: Floats,
    own: Floats,
    schur: Floats,
) -> None:
    """Factor the normal equations, with the structure that there is without pairs or with them."""
    if member.shape[0] > 0:
        factor_pairs(c, g, t, k, rate, use, member, pair_rate, pair_time, place, dense, y)
    else:
        factor_groups(c, g, t, k, rate, use, own, schur)


@compiled
def solve(
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
    dense: Floats,
    y: Floats,
    own: Floats,
    schur: Floats,
) -> None:
    """Solve for a step with the factors of :func:`factor`."""
    if member.shape[0] > 0:
        solve_pairs(c, g, t, k, rate, use, member, pair_rate, pair_time, place, dense, y)
    else:
        solve_groups(c, g, t, k, rate, use, own, schur)


@compiled
def solve_program(
    rate: Floats,
    slope: Floats,
    floor: Floats,
    reward: Floats,
    use: Floats,
    count: Ints,
    workers: Floats,
    member: Ints,
    pair_rate: Floats,
    pair_share: Floats,
    pair_use: Floats,
    age: Floats,
    steps: Floats,
    isolated: Floats,
    gain: Floats,
    running: int,
    centre: Floats,
    level: float,
    pinning: Floats,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Solve one program; empty arrays stand for parts it does not have.

    Parameters
    ----------
    rate, slope, floor, reward, use, count, workers
        As in the blocks and the allocation program. For finish-time fairness ``slope`` and
        ``floor`` are ignored.
    member, pair_rate, pair_share, pair_use
        The pairs, those first that run somewhere.
    age, steps, isolated
        Of finish-time fairness, else empty.
    gain
        What the efficient optimum maximises; empty for the canonical optimum.
    running
        How many pairs run somewhere. The others only idle (:mod:`gavel_opt.solver.idle_pairs`).
    centre, level, pinning
        A canonical optimum that one job pins, its level and level duals, if there is one (else
        empty): the efficient optimum is then sought from there.

    Returns
    -------
    x, level_dual, capacity_dual
        Shapes ``(M, J)``, ``(G,)``, ``(J,)``.
    summary
        Objective, level, primal residual, dual residual, relative gap, iterations; then the proof of the
        second program (:func:`prove_among_all`), NaN where there was none.
    """
    groups, types = rate.shape
    pairs = pair_use.size
    combos = groups + running
    wide, g = np.zeros((C_ROWS, groups + pairs, types)), np.zeros((G_ROWS, groups))
    t, k = np.zeros((T_ROWS, types)), np.zeros(K_ROWS)
    own_rate, own_use = np.zeros((groups, types)), np.empty(groups + pairs)
    own_member = np.empty((pairs, 2), np.int64)
    own_pair_rate, own_pair_time = np.zeros((2, pairs, types)), np.zeros((2, pairs))
    fill(
        wide,
        g,
        t,
        k,
        own_rate,
        own_use,
        own_member,
        own_pair_rate,
        own_pair_time,
        rate,
        slope,
        floor,
        reward,
        use,
        count,
        workers,
        member,
        pair_rate,
        pair_share,
        pair_use,
        age,
        steps,
        isolated,
    )
    own = np.empty((groups, 2 * types + types * types))
    schur = np.zeros((types, types))
    rows = 2 * groups + types if pairs > 0 else 0
    dense, y, place = np.zeros((rows, rows)), np.zeros((4, rows)), np.zeros(rows, np.int64)
    c = np.zeros((C_ROWS, combos, types))
    c[W], c[REWARD] = wide[W, :combos], wide[REWARD, :combos]
    own_pairs = own_member, own_pair_rate, own_pair_time
    run_pairs = (
        own_member[:running],
        np.ascontiguousarray(own_pair_rate[:, :running]),
        np.ascontiguousarray(own_pair_time[:, :running]),
    )
    tables = (c, g, t, k, own_rate, own_use[:combos], *run_pairs)
    work = (*tables, place, dense, y, own, schur)
    centre_tables = (wide, g, t, k, own_rate, own_use, *own_pairs)
    centre_work = (*centre_tables, place, dense, y, own, schur)
    start(*tables)

    x = np.zeros((groups + pairs, types))
    level_dual, capacity_dual = np.zeros(groups), np.zeros(types)
    summary = np.zeros(9)
    summary[1] = math.nan
    summary[6:] = math.nan
    summary[2] = summary[3] = summary[4] = math.inf
    iterations = 0
    given = centre.size > 0
    if given:
        stand_at(c, g, t, k, own_rate, own_use, centre, level, pinning)
        x[:combos] = centre
        summary[2:5] = 0.0
    for stage in range(2):
        if stage == 0 and given:
            continue
        if stage == 1:
            if (
                gain.size == 0
                or k[T_REWARD] == 0.0
                or max(summary[2], summary[3], summary[4]) > ANSWERS
            ):
                break
            # the face of the first stage, with the first stage's duals out of the way
            if not enter_face(c, g, t, k, own_rate, run_pairs[0], run_pairs[1], gain):
                break
        total = total_weight(c, g, t)
        goal = FIRST_GOAL
        best = math.inf
        again = whole = math.inf, math.inf, math.inf
        while True:
            lost = True
            k[LOOSE] = PATH_LOOSE
            for _ in range(LIMIT):
                gap, worst, value = residuals(*tables)
                if not (math.isfinite(gap) and math.isfinite(worst)):
                    break
                if gap <= goal * (1.0 + value) and worst <= goal:
                    lost = False
                    break
                iterations += 1
                predict(c, g, t)
                factor(*work)
                primal, dual = 0.0, 0.0
                for attempt in range(3):
                    # predict; then correct for it; then, if that is shy, make for the middle
                    solve(*work)
                    primal, dual = longest(c, g, t, k)
                    if attempt == 0:
                        ratio = gap_after(c, g, t, min(primal, 1.0), min(dual, 1.0)) / gap
                        correct(c, g, t, ratio * ratio * ratio * gap / total, 1.0)
                    elif attempt == 1 and min(primal, dual) < SHY:
                        correct(c, g, t, 0.3 * gap / total, 0.0)
                    else:
                        break
                move(c, g, t, k, min(BACK * primal, 1.0), min(BACK * dual, 1.0))
            swap(c, g, t, k, False)
            restrict(c, g, t)
            k[LOOSE] = FACE_LOOSE
            idles = open_idle(c, wide, g, t, own_use, *own_pairs)
            here, there = (centre_tables, centre_work) if idles else (tables, work)
            moved, newton = math.inf, 0
            while moved > STEADY and newton < LIMIT:
                newton += 1
                residuals(*here)
                aim_at_centre(here[0], g, t, k)
                factor(*there)
                solve(*there)
                moved = towards_centre(here[0], g, t, k)
                if moved == math.inf:
                    break
            if moved <= STEADY:
                residuals(*here)
                aim_at_duals(here[0], g, t)
                solve(*there)
                take_duals(g, t)
                if idles:
                    close_idle(c, wide, g, t, own_use, *own_pairs)
            else:
                swap(c, g, t, k, True)
            first, second, third, clear = prove(*tables)
            size = max(first, second, third)
            if size <= max(PROVED, best):
                best = min(size, best)
                for m in range(combos):
                    for j in range(types):
                        x[m, j] = c[X, m, j]
                if stage == 0:
                    for i in range(groups):
                        level_dual[i] = g[LAM, i]
                    for j in range(types):
                        capacity_dual[j] = t[P, j]
                    summary[1] = k[T]
                    summary[2], summary[3], summary[4] = first, second, third
                else:
                    again = first, second, third
                    whole = prove_among_all(*tables)
            if (best <= PROVED and clear) or lost or goal <= LAST_GOAL:
                break
            swap(c, g, t, k, True)
            goal *= 0.01
        if stage == 1:
            for i in range(3):
                summary[2 + i] = max(summary[2 + i], again[i])
                summary[6 + i] = whole[i]

    has_level = slope.size == 0
    for i in range(slope.size):
        has_level = has_level or slope[i] > 0.0
    if slope.size == 0:
        summary[1] = -summary[1]
    else:
        summary[1] *= k[UNIT]
    summary[0] = summary[1] if has_level else 0.0
    if not has_level:
        summary[1] = math.nan
    if reward.size > 0:
        for m in range(combos):
            for j in range(types):
                summary[0] += reward[m, j] * x[m, j] * (count[m] if m < groups else 1.0)
    for i in range(groups):
        level_dual[i] *= g[SCALE, i] / k[WORTH]
    for j in range(types):
        capacity_dual[j] /= k[WORTH]
    summary[5] = iterations
    return x, level_dual, capacity_dual, summary
