"""The certificate of an allocation program without pairs, straight from its tables, compiled.

The same numbers as :mod:`gavel_opt.model.certificate` gives for the lowered program.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.block_tables import BlockTables
from gavel_opt.kernels.gap import relative_gap
from gavel_opt.kernels.jit import compiled

TINY = float(np.finfo(np.float64).tiny)


@compiled
def certify_allocation(
    program: BlockTables, x: Floats, level_dual: Floats, price: Floats, time_dual: Floats
) -> tuple[float, float, float, float, float]:
    """Level, objective, primal residual, dual residual and relative gap.

    The level is the largest that ``x`` allows, NaN if no slope is positive.
    """
    rate, use, workers, slope, floor, reward = program
    groups, types = rate.shape
    rewarded = reward.shape[0] > 0
    clean = np.empty((groups, types))
    level = np.empty(groups)
    primal, t, t_raw, has_level, reach, odd = 0.0, np.inf, np.inf, False, 1.0, False
    worth, objective, largest = 0.0, 0.0, 0.0
    for g in range(groups):
        earned, earned_raw = 0.0, 0.0
        for j in range(types):
            value = x[g, j]
            odd |= not np.isfinite(value)
            clean[g, j] = max(value, 0.0)
            primal = max(primal, -value)
            reach = max(reach, clean[g, j])
            earned += rate[g, j] * clean[g, j]
            earned_raw += rate[g, j] * value
            if rewarded:
                worth += reward[g, j] * clean[g, j]
                objective += reward[g, j] * value
                largest = max(largest, abs(reward[g, j]))
        level[g] = earned
        if slope[g] > 0.0:
            has_level = True
            t_raw = min(t_raw, (earned_raw - floor[g]) / slope[g])
        odd |= not np.isfinite(level_dual[g] + time_dual[g])
    t = t_raw if has_level else 0.0
    if has_level:
        worth, objective, largest = worth + t, objective + t, max(largest, 1.0)
        reach = max(reach, abs(t))
    unit = min(1.0, largest) if largest > 0.0 else 1.0

    weight, dual = 0.0, 0.0
    mu, lam = np.zeros(groups), np.zeros(types)
    all_used = 0.0
    for g in range(groups):
        all_used += use[g]
    for j in range(types):
        odd |= not np.isfinite(price[j])
        lam[j] = max(price[j], 0.0)
        dual -= lam[j] * workers[j]
        used = 0.0
        for g in range(groups):
            used += use[g] * clean[g, j]
        over = used - workers[j]
        if over > 0.0:
            primal = max(primal, over / (min(1.0, all_used) + workers[j] + used + TINY))
    residual = 0.0
    for g in range(groups):
        time, rates, spent = max(time_dual[g], 0.0), slope[g], 0.0
        for j in range(types):
            rates += rate[g, j]
            spent += clean[g, j]
        if spent > 1.0:
            primal = max(primal, (spent - 1.0) / (2.0 + spent))
        if floor[g] > -np.inf:
            mu[g] = max(level_dual[g], 0.0)
            dual += mu[g] * floor[g]
            weight += mu[g] * slope[g]
            short = floor[g] + slope[g] * t - level[g]
            if short > 0.0:
                scale = min(1.0, rates) + abs(floor[g]) + level[g] + slope[g] * abs(t) + TINY
                primal = max(primal, short / scale)
        dual -= time
        for j in range(types):
            gain, cost = mu[g] * rate[g, j], use[g] * lam[j] + time
            reduced = cost - gain
            size = unit + gain + cost
            if rewarded:
                reduced -= reward[g, j]
                size += abs(reward[g, j])
            if reduced < 0.0:
                residual = max(residual, -reduced / size)
                dual += reduced * (clean[g, j] + reach)
    slack = weight - 1.0 if has_level else 0.0
    if slack != 0.0:
        residual = max(residual, abs(slack) / (1.0 + unit + weight))
        dual += slack * (t - (reach if slack > 0.0 else -reach))
    gap = relative_gap(worth, -dual, unit)
    if odd:  # comparisons above may have lost it
        primal = residual = gap = np.inf
    return t_raw if has_level else np.nan, objective, primal, residual, gap
