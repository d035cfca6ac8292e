r"""An interior point method for the largest product: Mehrotra's predictor and corrector with a product that stays.

With the level v and the worth m of a unit of it as a pair of variables, all conditions but those of products are linear:

.. math::

    m r_j - k p_j - \tau + z_j = 0, \qquad v = r^T x, \qquad v m = 1, \qquad
    x_j z_j = \mu, \quad s \tau = w \mu, \quad c_j p_j = \mu ,

and where :math:`\mu` ends at zero, :math:`v m` stays at one. Weights are those of the canonical centre (a job's slack w,
all else 1, times the number of jobs), so the path ends in the centre of all optimal shares where there are several.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.dense import cholesky, cholesky_solve
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.largest_product.block_elimination import (
    Equations,
    eliminate,
    room_for_equations,
)
from gavel_opt.solver.largest_product.market import Market, Point, room_for_point
from gavel_opt.solver.settings import SETTINGS

SLACK = SETTINGS.slack_weight
FIRST_MU = 0.3
"""A job spends one in all."""
BACK = 0.995
"""Part of the longest step that is taken."""
SHY, MIDDLE = 0.1, 0.5
"""Steps shorter than the first are taken again, with the second part of mu as aim."""
ASTRAY = 0.1
"""Products of level and worth are no less than this, or no further from one than they were."""
MOST_STEPS = 100


class Step(NamedTuple):
    """Changes of a point, and what products aim at beside those that they have.

    Attributes
    ----------
    change
        Of the point.
    aim
        Of its products; of ``x``, ``left``, ``free`` and ``level``.
    rhs
        Of shares, ``(G, J)``, and of levels and times, ``(G, 2)``.
    prices
        Right-hand side of the prices, then their change, ``(J,)``.
    """

    change: Point
    aim: Point
    rhs: Floats
    corner: Floats
    prices: Floats


@compiled
def start_of_path(market: Market, point: Point) -> None:
    """Begin inside: on half of the workers at most, with time left."""
    groups, types = market.rate.shape
    all_used = 0.0
    for g in range(groups):
        all_used += market.jobs[g] * market.scale[g]
    for j in range(types):
        part = min(1.0 / (types + 1.0), 0.5 * market.workers[j] / all_used)
        point.free[j] = market.workers[j] - all_used * part
        point.price[j] = FIRST_MU / point.free[j]
        for g in range(groups):
            point.x[g, j] = part
            point.z[g, j] = FIRST_MU / part
    for g in range(groups):
        level, left = 0.0, 1.0
        for j in range(types):
            level += market.rate[g, j] * point.x[g, j]
            left -= point.x[g, j]
        point.level[g], point.worth[g] = level, 1.0 / level
        point.left[g], point.time[g] = left, SLACK * FIRST_MU / left


@compiled
def follow(market: Market, point: Point, goal: float) -> float:
    """Follow the path from a point to a mu, or as far as it goes; returns the mu reached, infinite where it is lost."""
    groups, types = market.rate.shape
    equations = room_for_equations(groups, types)
    step = Step(
        room_for_point(groups, types),
        room_for_point(groups, types),
        np.zeros((groups, types)),
        np.zeros((groups, 2)),
        np.zeros(types),
    )
    mu = _mu_of(market, point, step.change, 0.0, 0.0)
    for _ in range(MOST_STEPS):
        if mu <= goal:
            break
        eliminate(market, point, equations)
        cholesky(equations.matrix, types, SETTINGS.path_loose)
        _aim(market, point, step, 0.0, 0.0)
        _solve(market, point, equations, step)
        primal, dual = _longest(point, step.change)
        near = _mu_of(market, point, step.change, min(1.0, primal), min(1.0, dual)) / mu
        _aim(market, point, step, mu * near * near * near, 1.0)
        _solve(market, point, equations, step)
        primal, dual = _longest(point, step.change)
        if min(primal, dual) < SHY:
            _aim(market, point, step, MIDDLE * mu, 0.0)
            _solve(market, point, equations, step)
            primal, dual = _longest(point, step.change)
        primal, dual = _not_astray(
            point, step.change, min(1.0, BACK * primal), min(1.0, BACK * dual)
        )
        _move(point, step.change, primal, dual)
        mu = _mu_of(market, point, step.change, 0.0, 0.0)
        if not np.isfinite(mu):
            return np.inf
    return mu


@compiled
def _mu_of(market: Market, point: Point, change: Point, primal: float, dual: float) -> float:
    """Mean product, by weight, after steps of these lengths."""
    groups, types = market.rate.shape
    gap, weight = 0.0, 0.0
    for j in range(types):
        free = point.free[j] + primal * change.free[j]
        gap += free * (point.price[j] + dual * change.price[j])
        weight += 1.0
    for g in range(groups):
        left = point.left[g] + primal * change.left[g]
        of_job, parts = left * (point.time[g] + dual * change.time[g]), SLACK
        for j in range(types):
            x = point.x[g, j] + primal * change.x[g, j]
            of_job += x * (point.z[g, j] + dual * change.z[g, j])
            parts += 1.0
        gap += market.jobs[g] * of_job
        weight += market.jobs[g] * parts
    return gap / weight


@compiled
def _aim(market: Market, point: Point, step: Step, mu: float, second: float) -> None:
    """Right-hand sides that aim at ``mu``, less the part ``second`` of the last step's second order."""
    groups, types = market.rate.shape
    change, aim = step.change, step.aim
    for j in range(types):
        aim.free[j] = mu - second * change.free[j] * change.price[j]
        aim.free[j] -= point.free[j] * point.price[j]
    for g in range(groups):
        aim.level[g] = 1.0 - second * change.level[g] * change.worth[g]
        aim.level[g] -= point.level[g] * point.worth[g]
        aim.left[g] = SLACK * mu - second * change.left[g] * change.time[g]
        aim.left[g] -= point.left[g] * point.time[g]
        for j in range(types):
            aim.x[g, j] = mu - second * change.x[g, j] * change.z[g, j]
            aim.x[g, j] -= point.x[g, j] * point.z[g, j]


@compiled
def _solve(market: Market, point: Point, equations: Equations, step: Step) -> None:
    """The step, from its aims: prices of workers first."""
    groups, types = market.rate.shape
    change, aim, rhs = step.change, step.aim, step.rhs
    for j in range(types):
        step.prices[j] = -(market.workers[j] - point.free[j] - aim.free[j] / point.price[j])
    for g in range(groups):
        rate, d, corner = market.rate[g], equations.ratio[g], equations.corner[g]
        worth, time = point.worth[g], point.time[g]
        reached, left = 0.0, 1.0 - point.left[g]
        for j in range(types):
            reached += rate[j] * point.x[g, j]
            left -= point.x[g, j]
            missing = worth * rate[j] - market.scale[g] * point.price[j] - time + point.z[g, j]
            rhs[g, j] = missing + aim.x[g, j] / point.x[g, j]
        first = aim.level[g] / worth + point.level[g] - reached
        second = left - aim.left[g] / time
        step.corner[g, 0], step.corner[g, 1] = first, second
        a = (corner[1] * first - corner[2] * second) / corner[3]
        b = (corner[0] * second - corner[2] * first) / corner[3]
        response, workers = equations.response[g], market.jobs[g] * market.scale[g]
        for j in range(types):
            value = d[j] * (rate[j] * a + b)
            for i in range(types):
                value += response[j, i] * rhs[g, i]
            change.x[g, j] = value
            step.prices[j] += workers * (point.x[g, j] + value)
    cholesky_solve(equations.matrix, step.prices)
    for j in range(types):
        change.price[j] = step.prices[j]
        change.free[j] = (aim.free[j] - point.free[j] * step.prices[j]) / point.price[j]
    for g in range(groups):
        _follow_prices(market, point, equations, step, g)


@compiled
def _follow_prices(market: Market, point: Point, equations: Equations, step: Step, g: int) -> None:
    """What a group does as prices change."""
    types, scale, rate = market.workers.size, market.scale[g], market.rate[g]
    change, aim, response, d = step.change, step.aim, equations.response[g], equations.ratio[g]
    more, most = 0.0, 0
    left, level = 1.0 - point.left[g], -point.level[g]
    for j in range(types):
        value = change.x[g, j]
        for i in range(types):
            value -= response[j, i] * scale * step.prices[i]
        change.x[g, j] = value
        change.z[g, j] = (aim.x[g, j] - point.z[g, j] * value) / point.x[g, j]
        level += rate[j] * (point.x[g, j] + value)
        left -= point.x[g, j] + value
        if d[j] > d[most]:
            most = j
    change.level[g], change.left[g] = level, left
    change.worth[g] = (aim.level[g] - point.worth[g] * level) / point.level[g]
    if point.left[g] > point.time[g]:
        change.time[g] = (aim.left[g] - point.time[g] * left) / point.left[g]
    else:  # hardly anything is left: from the share that changes most easily
        more = step.rhs[g, most] - change.x[g, most] / d[most]
        change.time[g] = more + rate[most] * change.worth[g] - scale * step.prices[most]


@compiled
def _longest(point: Point, change: Point) -> tuple[float, float]:
    """How far the step can go before a primal, a dual variable turns negative."""
    groups, types = point.x.shape
    primal, dual = 1e-3, 1e-3
    for j in range(types):
        primal = max(primal, -change.free[j] / point.free[j])
        dual = max(dual, -change.price[j] / point.price[j])
    for g in range(groups):
        primal = max(primal, -change.left[g] / point.left[g], -change.level[g] / point.level[g])
        dual = max(dual, -change.time[g] / point.time[g], -change.worth[g] / point.worth[g])
        for j in range(types):
            primal = max(primal, -change.x[g, j] / point.x[g, j])
            dual = max(dual, -change.z[g, j] / point.z[g, j])
    return 1.0 / primal, 1.0 / dual


@compiled
def _not_astray(point: Point, change: Point, primal: float, dual: float) -> tuple[float, float]:
    """Shorten a step until no product of level and worth is far from one."""
    for g in range(point.level.size):
        least = min(ASTRAY, 0.5 * point.level[g] * point.worth[g])
        for _ in range(60):
            level = point.level[g] + primal * change.level[g]
            if level * (point.worth[g] + dual * change.worth[g]) >= least:
                break
            primal *= 0.8
            dual *= 0.8
    return primal, dual


@compiled
def _move(point: Point, change: Point, primal: float, dual: float) -> None:
    """Take the step."""
    groups, types = point.x.shape
    for j in range(types):
        point.free[j] += primal * change.free[j]
        point.price[j] += dual * change.price[j]
    for g in range(groups):
        point.left[g] += primal * change.left[g]
        point.level[g] += primal * change.level[g]
        point.time[g] += dual * change.time[g]
        point.worth[g] += dual * change.worth[g]
        for j in range(types):
            point.x[g, j] += primal * change.x[g, j]
            point.z[g, j] += dual * change.z[g, j]
