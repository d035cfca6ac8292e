"""The certificate of an allocation program without pairs, straight from its tables, and of a product program; compiled.

The first has the same numbers as :mod:`gavel_opt.model.certificate` gives for the lowered program.
"""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.arrays import Floats, Ints
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
    clean, level = np.empty(x.shape), np.empty(x.shape[0])
    has_level, t_raw, primal, objective, worth, largest, reach = _shares(program, x, clean, level)
    t = t_raw if has_level else 0.0
    if has_level:
        worth, objective, largest = worth + t, objective + t, max(largest, 1.0)
        reach = max(reach, abs(t))
    unit = min(1.0, largest) if largest > 0.0 else 1.0
    primal = max(primal, _broken_rows(program, clean, level, t))
    duals = level_dual, price, time_dual
    dual, weight, residual = _bound(program, clean, duals, unit, reach)
    slack = weight - 1.0 if has_level else 0.0
    if slack != 0.0:
        residual = max(residual, abs(slack) / (1.0 + unit + weight))
        dual += slack * (t - (reach if slack > 0.0 else -reach))
    gap = relative_gap(worth, -dual, unit)
    if not _all_numbers(x, duals):  # comparisons above may have lost it
        primal = residual = gap = np.inf
    return t_raw if has_level else np.nan, objective, primal, residual, gap


@compiled
def _shares(
    program: BlockTables, x: Floats, clean: Floats, level: Floats
) -> tuple[bool, float, float, float, float, float, float]:
    """What the shares are worth; those that are not negative, and the groups' levels at them.

    Returns
    -------
    Whether there is a level, and the least; the most negative share; the objective of the rewards, and without
    negative shares; the largest reward; the largest share, or 1.
    """
    rate, _, _, slope, floor, reward = program
    groups, types = rate.shape
    rewarded = reward.shape[0] > 0
    primal, t_raw, has_level, reach = 0.0, np.inf, False, 1.0
    worth, objective, largest = 0.0, 0.0, 0.0
    for g in range(groups):
        earned, earned_raw = 0.0, 0.0
        for j in range(types):
            value = x[g, j]
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
    return has_level, t_raw, primal, objective, worth, largest, reach


@compiled
def _broken_rows(program: BlockTables, clean: Floats, level: Floats, t: float) -> float:
    """By how much rows are broken at most: capacities, times, levels."""
    rate, use, workers, slope, floor, _ = program
    groups, types = rate.shape
    primal, all_used = 0.0, 0.0
    for g in range(groups):
        all_used += use[g]
    for j in range(types):
        used = 0.0
        for g in range(groups):
            used += use[g] * clean[g, j]
        over = used - workers[j]
        if over > 0.0:
            primal = max(primal, over / (min(1.0, all_used) + workers[j] + used + TINY))
    for g in range(groups):
        rates, spent = slope[g], 0.0
        for j in range(types):
            rates += rate[g, j]
            spent += clean[g, j]
        if spent > 1.0:
            primal = max(primal, (spent - 1.0) / (2.0 + spent))
        if floor[g] > -np.inf:
            short = floor[g] + slope[g] * t - level[g]
            if short > 0.0:
                scale = min(1.0, rates) + abs(floor[g]) + level[g] + slope[g] * abs(t) + TINY
                primal = max(primal, short / scale)
    return primal


@compiled
def _bound(
    program: BlockTables,
    clean: Floats,
    duals: tuple[Floats, Floats, Floats],
    unit: float,
    reach: float,
) -> tuple[float, float, float]:
    """The bound that the duals give, but for that of the level's column; the levels' weight; the dual residual."""
    rate, use, workers, slope, floor, reward = program
    level_dual, price, time_dual = duals
    groups, types = rate.shape
    rewarded = reward.shape[0] > 0
    dual, weight, residual = 0.0, 0.0, 0.0
    for j in range(types):
        dual -= max(price[j], 0.0) * workers[j]
    for g in range(groups):
        time, mu = max(time_dual[g], 0.0), 0.0
        if floor[g] > -np.inf:
            mu = max(level_dual[g], 0.0)
            dual += mu * floor[g]
            weight += mu * slope[g]
        dual -= time
        for j in range(types):
            gain, cost = mu * rate[g, j], use[g] * max(price[j], 0.0) + time
            reduced = cost - gain
            size = unit + gain + cost
            if rewarded:
                reduced -= reward[g, j]
                size += abs(reward[g, j])
            if reduced < 0.0:
                residual = max(residual, -reduced / size)
                dual += reduced * (clean[g, j] + reach)
    return dual, weight, residual


@compiled
def _all_numbers(x: Floats, duals: tuple[Floats, Floats, Floats]) -> bool:
    """Whether shares and duals are finite."""
    level_dual, price, time_dual = duals
    groups, types = x.shape
    for j in range(types):
        if not np.isfinite(price[j]):
            return False
    for g in range(groups):
        if not np.isfinite(level_dual[g] + time_dual[g]):
            return False
        for j in range(types):
            if not np.isfinite(x[g, j]):
                return False
    return True


# the largest product of levels ----------------------------------------------------------------


@compiled
def certify_product(
    blocks: tuple[Floats, Floats, Ints, Floats],
    x: Floats,
    price: Floats,
    time: Floats,
    unit: Floats,
) -> tuple[float, float, float]:
    r"""Objective, primal residual and gap; infinite where something is not a number.

    For prices :math:`\lambda` of workers and :math:`\tau` of time, scaled to
    :math:`\lambda^T N + \sum_g \tau_g = \sum_g n_g`, a unit of level costs at least
    :math:`\mu_g = \min_j (\lambda_j\, \text{use}_g + \tau_g) / \text{rate}_{gj}`, so

    .. math:: \sum_g n_g \log \text{level}_g \le \sum_g n_g \log \frac{n_g}{\mu_g}

    for every allocation. What is missing to it, per job, is the gap.

    Parameters
    ----------
    blocks
        Rate, use, count and workers.
    x, price, time
        Shares, and prices of workers and of each group's time, up to a common factor.
    unit
        Gets what a unit of each group's level costs at least, shape ``(G,)``.
    """
    rate, use, count, workers = blocks
    groups, types = rate.shape
    budget, jobs, primal = 0.0, 0.0, 0.0
    for j in range(types):
        used = 0.0
        for g in range(groups):
            used += use[g] * x[g, j]
        primal = max(primal, (used - workers[j]) / (1.0 + used + workers[j]))
        budget += max(price[j], 0.0) * workers[j]
    for g in range(groups):
        budget += max(time[g], 0.0)
        jobs += count[g]
    factor = jobs / budget if budget > 0.0 else np.inf
    objective, bound, good = 0.0, 0.0, math.isfinite(factor)
    for g in range(groups):
        level, spent, least = 0.0, 0.0, np.inf
        for j in range(types):
            level += rate[g, j] * x[g, j]
            spent += x[g, j]
            primal = max(primal, -x[g, j])
            if rate[g, j] > 0.0:
                cost = factor * (max(price[j], 0.0) * use[g] + max(time[g], 0.0))
                least = min(least, cost / max(rate[g, j], TINY))
        primal = max(primal, (spent - 1.0) / (2.0 + spent))
        unit[g] = least
        good = good and 0.0 < level < np.inf and 0.0 < least < np.inf and math.isfinite(spent)
        if good:
            objective += count[g] * math.log(level)
            bound += count[g] * math.log(count[g] / least)
    if not (good and math.isfinite(primal)):
        return -np.inf, np.inf, np.inf
    return objective, primal, abs(bound - objective) / jobs
