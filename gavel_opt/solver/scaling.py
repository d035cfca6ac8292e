"""From a program's own numbers to the tables, scaled; and where to start."""

from __future__ import annotations

import math

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.idle_pairs import pairs_of_jobs
from gavel_opt.solver.predictor_corrector import bend_rows
from gavel_opt.solver.tables import (
    AGE,
    BEND,
    CURVED,
    FACE,
    FACE_S,
    FACE_U,
    FACE_V,
    FIRST_LAM,
    FIRST_P,
    FIRST_Q,
    FIRST_W,
    FLOOR,
    ISOLATED,
    JOB_ROWS,
    JOBS,
    LAM,
    REWARD,
    SCALE,
    SLOPE,
    T_REWARD,
    UNIT,
    W_S,
    W_U,
    W_V,
    WORKERS,
    WORTH,
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
def fill(
    c: Floats,
    g: Floats,
    t: Floats,
    k: Floats,
    own_rate: Floats,
    own_use: Floats,
    own_member: Ints,
    own_pair_rate: Floats,
    own_pair_time: Floats,
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
) -> None:
    """Fill the tables: level rows times ``SCALE``, t divided by ``UNIT``, objective times ``WORTH``.

    A level row is divided by its slope (or by the largest rate, where it has none), t by the level
    that an even split would give, the objective by its own size: most numbers are near 1. A group
    without a level row gets one that says ``0 >= -1``.
    """
    groups, types = rate.shape
    pairs = pair_use.size
    curved = age.size > 0
    rewarded = reward.size > 0
    has_level = curved
    demand, supply = 0.0, 0.0
    for j in range(types):
        supply += workers[j]
    for i in range(groups):
        demand += use[i]
        own_use[i] = use[i]
        g[JOBS, i] = count[i]
        g[W_S, i] = g[W_U, i] = JOB_ROWS * count[i]
        if curved:
            g[SCALE, i] = 1.0 / steps[i]
        elif slope[i] > 0.0:
            g[SCALE, i] = 1.0 / slope[i]
            has_level = True
    # mean over demand of the level of an even split, harmonic: slow jobs are what levels hang on
    rated, inverse = 0.0, 0.0
    for i in range(groups):
        level = 0.0
        for j in range(types):
            level += g[SCALE, i] * rate[i, j] * workers[j] / max(demand, supply)
        if level > 0.0:
            rated += use[i]
            inverse += use[i] / level
    unit = rated / inverse if rated > 0.0 else 1.0
    worth = 1.0 / unit
    if curved:
        worth = 1.0
    elif rewarded and not has_level:
        best = 0.0
        for j in range(types):
            most = 0.0
            for m in range(groups + pairs):
                if m < groups:
                    most = max(most, reward[m, j] * count[m] / use[m])
                else:
                    most = max(most, reward[m, j] / pair_use[m - groups])
            best += most * min(workers[j], demand)
        worth = 1.0 / best if best > 0.0 else 1.0
    k[UNIT], k[WORTH] = unit, worth
    k[CURVED] = 1.0 if curved else 0.0
    k[T_REWARD] = 1.0 if has_level else 0.0
    for j in range(types):
        t[WORKERS, j] = workers[j]
        t[W_V, j] = 1.0
    for i in range(groups):
        row = curved or slope[i] > 0.0 or floor[i] > -math.inf
        if row and g[SCALE, i] == 0.0:
            most = 0.0
            for j in range(types):
                most = max(most, rate[i, j])
            g[SCALE, i] = unit / most if most > 0.0 else unit
        g[SCALE, i] /= unit
        if curved:
            g[AGE, i], g[ISOLATED, i] = age[i] * unit, isolated[i] * unit
            g[SLOPE, i] = 1.0
        elif row:
            g[SLOPE, i] = slope[i] * g[SCALE, i] * unit
            g[FLOOR, i] = floor[i] * g[SCALE, i]
        else:
            g[SCALE, i] = 0.0
            g[FLOOR, i] = -1.0
        for j in range(types):
            own_rate[i, j] = rate[i, j] * g[SCALE, i]
            if rewarded:
                c[REWARD, i, j] = reward[i, j] * count[i] * worth
            # a type that neither helps the level nor pays is never used
            if own_rate[i, j] > 0.0 or c[REWARD, i, j] > 0.0:
                c[W, i, j] = count[i]
    for i in range(pairs):
        one, two, m = member[i, 0], member[i, 1], groups + i
        own_member[i, 0], own_member[i, 1] = one, two
        own_use[m] = pair_use[i]
        own_pair_time[0, i], own_pair_time[1, i] = pair_share[i, 0], pair_share[i, 1]
        stands_for = pairs_of_jobs(g, one, two)
        if one == two:
            own_pair_time[0, i] += own_pair_time[1, i]
            own_pair_time[1, i] = 0.0
        for j in range(types):
            first = pair_share[i, 0] * pair_rate[i, 0, j] * g[SCALE, one]
            second = pair_share[i, 1] * pair_rate[i, 1, j] * g[SCALE, two]
            if rewarded:
                c[REWARD, m, j] = reward[m, j] * worth
            if first > 0.0 or second > 0.0 or c[REWARD, m, j] > 0.0:
                c[W, m, j] = stands_for
            own_pair_rate[0, i, j], own_pair_rate[1, i, j] = first, second
            if one == two:
                own_pair_rate[0, i, j], own_pair_rate[1, i, j] = first + second, 0.0


@compiled
def start(
    c: Floats,
    g: Floats,
    t: Floats,
    k: Floats,
    rate: Floats,
    use: Floats,
    member: Ints,
    pair_rate: Floats,
    pair_time: Floats,
) -> None:
    """Start inside all bounds, where no variable is near zero against its weight."""
    groups, types = rate.shape
    curved = k[CURVED] > 0.0
    demand, jobs, supply = 0.0, 0.0, 0.0
    for i in range(groups):
        demand += use[i]
        jobs += g[JOBS, i]
        g[U, i] = 1.0
    for j in range(types):
        supply += t[WORKERS, j]
    part = (0.9 if member.shape[0] == 0 else 0.45) / max(demand, supply)
    for j in range(types):
        share = part * t[WORKERS, j]
        left = t[WORKERS, j]
        for i in range(groups):
            if c[W, i, j] > 0.0:
                c[X, i, j] = share
                g[S, i] += rate[i, j] * share
                g[U, i] -= share
                left -= use[i] * share
        for i in range(member.shape[0]):
            m = groups + i
            if c[W, m, j] > 0.0:
                y = share * c[W, m, j] / jobs
                c[X, m, j] = y
                for side in range(2):
                    g[S, member[i, side]] += pair_rate[side, i, j] * y
                    g[U, member[i, side]] -= pair_time[side, i] * y
                left -= use[m] * y
        t[V, j] = left
    # S holds the levels; find t below all of them
    ahead, sloped = 0.3, 0.0
    if curved:
        worst = 0.0
        for i in range(groups):
            worst = max(worst, (g[AGE, i] + 1.5 / g[S, i]) / g[ISOLATED, i])
        k[T] = -worst
        bend_rows(g, k)
    else:
        k[T] = math.inf
        for i in range(groups):
            if g[SLOPE, i] > 0.0:
                k[T] = min(k[T], (g[S, i] - g[FLOOR, i]) / g[SLOPE, i] - ahead)
        if k[T] == math.inf:
            k[T] = 0.0
    for i in range(groups):
        sloped += g[JOBS, i] * g[SLOPE, i]
    size = 0.0
    for i in range(groups):
        g[S, i] -= g[FLOOR, i]
        if not curved:
            g[S, i] = max(g[S, i] - g[SLOPE, i] * k[T], ahead if g[SLOPE, i] == 0.0 else 0.0)
        g[LAM, i] = g[JOBS, i] / (sloped if sloped > 0.0 else jobs)
        size += g[LAM, i] * g[FLOOR, i]
    if not curved:
        size = 1.0
    for j in range(types):
        t[P, j] = 0.5 * size / supply if supply > 0.0 else 1.0
    for i in range(groups):
        q = 0.0
        for j in range(types):
            q = max(q, rate[i, j] * g[LAM, i] + c[REWARD, i, j] - use[i] * t[P, j])
        g[Q, i] = q + 0.5 * size * g[JOBS, i] / jobs
        for j in range(types):
            if c[W, i, j] > 0.0:
                z = use[i] * t[P, j] + g[Q, i] - rate[i, j] * g[LAM, i] - c[REWARD, i, j]
                c[Z, i, j] = z
    for i in range(member.shape[0]):
        one, two, m = member[i, 0], member[i, 1], groups + i
        cost = pair_time[0, i] * g[Q, one] + pair_time[1, i] * g[Q, two]
        for j in range(types):
            if c[W, m, j] > 0.0:
                z = use[m] * t[P, j] + cost - c[REWARD, m, j]
                z -= pair_rate[0, i, j] * g[LAM, one] + pair_rate[1, i, j] * g[LAM, two]
                c[Z, m, j] = max(z, 0.3 * size * c[W, m, j] / (jobs * jobs))


@compiled
def stand_at(
    c: Floats,
    g: Floats,
    t: Floats,
    k: Floats,
    rate: Floats,
    use: Floats,
    x: Floats,
    level: float,
    level_dual: Floats,
) -> None:
    """Put a centre into the tables: ``x`` at ``level``, pinned by the groups with a dual."""
    groups, types = rate.shape
    curved = k[CURVED] > 0.0
    k[T] = -level if curved else level / k[UNIT]
    bend_rows(g, k)
    for j in range(types):
        t[V, j] = t[WORKERS, j]
    for i in range(groups):
        s, u = -g[FLOOR, i] - (0.0 if curved else g[SLOPE, i] * k[T]), 1.0
        for j in range(types):
            c[X, i, j] = x[i, j]
            c[FACE, i, j] = c[W, i, j] if x[i, j] > 0.0 else 0.0
            s += rate[i, j] * x[i, j]
            u -= x[i, j]
            t[V, j] -= use[i] * x[i, j]
        pinned = level_dual[i] > 0.0
        g[LAM, i] = level_dual[i] * k[WORTH] / g[SCALE, i] if pinned else 0.0
        g[Q, i] = 0.0
        g[S, i], g[U, i] = (0.0, 0.0) if pinned else (s, u)
        g[FACE_S, i] = 0.0 if pinned else g[W_S, i]
        g[FACE_U, i] = 0.0 if pinned else g[W_U, i]
    for j in range(types):
        t[P, j] = 0.0
        t[FACE_V, j] = t[W_V, j]


@compiled
def enter_face(
    c: Floats,
    g: Floats,
    t: Floats,
    k: Floats,
    rate: Floats,
    member: Ints,
    pair_rate: Floats,
    gain: Floats,
) -> bool:
    """Make the face a program of its own: t at its value, the levels' total worth as objective.

    It starts at the face's centre, with duals that centre it for a gap of the order of the
    objective. Returns whether there is anything to gain.
    """
    groups, types = rate.shape
    most, jobs = 0.0, 0.0
    for i in range(groups):
        jobs += g[JOBS, i]
        if k[CURVED] == 0.0:
            g[FLOOR, i] += g[SLOPE, i] * k[T]
        g[SLOPE, i] = 0.0
        g[BEND, i] = 0.0
        for j in range(types):
            worth = g[JOBS, i] * gain[i] * rate[i, j] / g[SCALE, i] if g[SCALE, i] > 0.0 else 0.0
            c[REWARD, i, j] = worth
            most += worth * c[X, i, j]
    for i in range(member.shape[0]):
        for j in range(types):
            worth = 0.0
            for side in range(2):
                h = member[i, side]
                if g[SCALE, h] > 0.0:
                    worth += g[JOBS, h] * gain[h] * pair_rate[side, i, j] / g[SCALE, h]
            c[REWARD, groups + i, j] = worth
            most += worth * c[X, groups + i, j]
    if not most > 0.0:
        return False
    k[T], k[T_REWARD], k[CURVED] = 0.0, 0.0, 0.0
    mu = 1.0 / max(jobs, 1.0)
    for m in range(c.shape[1]):
        for j in range(types):
            c[REWARD, m, j] /= most
            w = c[FACE, m, j]
            c[FIRST_W, m, j] = c[W, m, j]
            c[W, m, j] = w
            c[Z, m, j] = mu * w / c[X, m, j] if w > 0.0 else 0.0
    for i in range(groups):
        g[FIRST_LAM, i], g[FIRST_Q, i] = g[LAM, i], g[Q, i]
        w = g[FACE_S, i]
        g[W_S, i] = w
        g[LAM, i] = mu * w / g[S, i] if w > 0.0 else 0.0
        w = g[FACE_U, i]
        g[W_U, i] = w
        g[Q, i] = mu * w / g[U, i] if w > 0.0 else 0.0
    for j in range(types):
        t[FIRST_P, j] = t[P, j]
        w = t[FACE_V, j]
        t[W_V, j] = w
        t[P, j] = mu * w / t[V, j] if w > 0.0 else 0.0
    return True
