r"""The canonical centre of all shares that have the optimal levels, where there are several.

It maximises, at those levels and with used up what has a price, the sum of :math:`w \log` over what is not zero: shares
and workers left over with weight 1, time left with weight :data:`~gavel_opt.solver.largest_product.path.SLACK`, times
the number of jobs. Newton's method for that has the equations of a step of the path with d the squares of the variables.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.dense import cholesky, cholesky_solve
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.largest_product.block_elimination import (
    Equations,
    eliminate,
    room_for_equations,
)
from gavel_opt.solver.largest_product.choices import ONE_TYPE, Choices, Face
from gavel_opt.solver.largest_product.market import Market, Point, room_for_point
from gavel_opt.solver.largest_product.path import SLACK
from gavel_opt.solver.settings import SETTINGS

NOTHING = 1e-13
"""Parts below this are rounding."""


@compiled
def move_to_centre(market: Market, face: Face, choices: Choices, x: Floats) -> None:
    """Move shares of an optimum that are not zero to the centre of all that have its levels."""
    groups, types = market.rate.shape
    point = room_for_point(groups, types)
    equations = room_for_equations(groups, types)
    dx = np.empty((groups, types))
    for _ in range(SETTINGS.limit):
        _weigh(market, face, choices, x, point)
        eliminate(market, point, equations)
        cholesky(equations.matrix, types, SETTINGS.face_loose)
        _direction(market, point, equations, dx)
        steepest, largest = _reach(market, point, dx)
        if not largest < np.inf:
            return
        part = min(1.0, SETTINGS.newton_back / max(steepest, 1e-9))
        for g in range(groups):
            for j in range(types):
                x[g, j] += part * dx[g, j]
        if largest <= SETTINGS.steady:
            return


@compiled
def _direction(market: Market, point: Point, equations: Equations, dx: Floats) -> None:
    """Newton's step."""
    groups, types = market.rate.shape
    price = point.free.copy()
    for g in range(groups):
        rate, d, corner = market.rate[g], equations.ratio[g], equations.corner[g]
        response, a, b = equations.response[g], 0.0, 0.0
        if point.left[g] > 0.0:  # what is left of its time pulls at it
            a = corner[2] * point.left[g] / corner[3]
            b = -corner[0] * point.left[g] / corner[3]
        for j in range(types):
            value = d[j] * (rate[j] * a + b)
            for i in range(types):
                value += response[j, i] * point.z[g, i]
            dx[g, j] = value
            price[j] += market.jobs[g] * market.scale[g] * value
    cholesky_solve(equations.matrix, price)
    for g in range(groups):
        response = equations.response[g]
        for j in range(types):
            for i in range(types):
                dx[g, j] -= response[j, i] * market.scale[g] * price[i]


@compiled
def _reach(market: Market, point: Point, dx: Floats) -> tuple[float, float]:
    """Largest part of itself by which anything falls, and by which a share changes; infinite if something is no number."""
    groups, types = market.rate.shape
    used, total, steepest, largest = np.zeros(types), 0.0, 0.0, 0.0
    for g in range(groups):
        less = 0.0
        for j in range(types):
            less += dx[g, j]
            used[j] += market.jobs[g] * market.scale[g] * dx[g, j]
            if point.x[g, j] > 0.0:
                steepest = max(steepest, -dx[g, j] / point.x[g, j])
                largest = max(largest, abs(dx[g, j]) / point.x[g, j])
        total += less
        if point.left[g] > 0.0:
            steepest = max(steepest, less / point.left[g])
    for j in range(types):
        if point.free[j] > 0.0:
            steepest = max(steepest, used[j] / point.free[j])
    return steepest, largest if np.isfinite(total) else np.inf


@compiled
def _weigh(market: Market, face: Face, choices: Choices, x: Floats, point: Point) -> None:
    """Variables over their derivatives, as the equations of a step have them."""
    groups, types = market.rate.shape
    for g in range(groups):
        left = 1.0
        for j in range(types):
            left -= x[g, j]
            point.x[g, j] = x[g, j]
            point.z[g, j] = 1.0 / x[g, j] if x[g, j] > 0.0 else 1.0
        # levels are kept; so they are by time alone where all types give as much
        point.level[g] = 1.0 if choices.kind[g] == ONE_TYPE else 0.0
        point.worth[g] = 1.0
        none = face.busy[g] or left <= NOTHING
        point.left[g] = 0.0 if none else left
        point.time[g] = 1.0 if none else SLACK / left
    for j in range(types):
        free = market.workers[j]
        for g in range(groups):
            free -= market.jobs[g] * market.scale[g] * x[g, j]
        none = face.paid[j] or free <= NOTHING * market.workers[j]
        point.free[j] = 0.0 if none else free
        point.price[j] = 1.0 if none else 1.0 / free
