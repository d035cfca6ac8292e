r"""Equations of a step, everything but the prices of worker types eliminated group by group.

With :math:`d_j = x_j / z_j`, a group's shares, worth and price of time are those of the matrix

.. math::

    S = D - D R B^{-1} R^T D, \qquad R = (r, 1), \qquad B = R^T D R + \mathrm{diag}(v / m, s / \tau),

in which differences of large numbers would lose what is small. All entries are written as sums of what is positive
instead, by the lemma for determinants: :math:`S_{ii} = d_i \det B_{-i} / \det B` without column i.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.largest_product.market import Market, Point


class Equations(NamedTuple):
    """Of a step, at a point.

    Attributes
    ----------
    ratio
        The d, shape ``(G, J)``.
    response
        The S of each group, shape ``(G, J, J)``.
    corner
        Of each group's B: its two diagonal entries, the other one, and its determinant, shape ``(G, 4)``.
    matrix
        Of the prices, shape ``(J, J)``.
    """

    ratio: Floats
    response: Floats
    corner: Floats
    matrix: Floats


@compiled
def room_for_equations(groups: int, types: int) -> Equations:
    """Equations of zeros."""
    return Equations(
        np.zeros((groups, types)),
        np.zeros((groups, types, types)),
        np.zeros((groups, 4)),
        np.zeros((types, types)),
    )


@compiled
def eliminate(market: Market, point: Point, equations: Equations) -> None:
    """Fill in the equations at a point."""
    groups, types = market.rate.shape
    matrix = equations.matrix
    for j in range(types):
        for i in range(types):
            matrix[j, i] = 0.0
        matrix[j, j] = point.free[j] / point.price[j]
    for g in range(groups):
        _respond(market, point, equations, g)
        response, workers = (
            equations.response[g],
            market.jobs[g] * market.scale[g] * market.scale[g],
        )
        for j in range(types):
            for i in range(types):
                matrix[j, i] += workers * response[j, i]


@compiled
def _respond(market: Market, point: Point, equations: Equations, g: int) -> None:
    """How a group's shares change with its prices."""
    rate, d, types = market.rate[g], equations.ratio[g], market.workers.size
    bend, slack = point.level[g] / point.worth[g], point.left[g] / point.time[g]
    whole, mixed, square, spread = 0.0, 0.0, 0.0, 0.0
    for j in range(types):
        d[j] = point.x[g, j] / point.z[g, j]
        whole += d[j]
        mixed += d[j] * rate[j]
        square += d[j] * rate[j] * rate[j]
        for i in range(j):
            spread += d[i] * d[j] * (rate[i] - rate[j]) * (rate[i] - rate[j])
    determinant = bend * slack + bend * whole + slack * square + spread
    corner = equations.corner[g]
    corner[0], corner[1], corner[2], corner[3] = (
        square + bend,
        whole + slack,
        mixed,
        determinant,
    )
    response = equations.response[g]
    for i in range(types):
        without = _determinant_without(rate, d, bend, slack, i)
        response[i, i] = d[i] * (without / determinant)
        for j in range(i):
            both = slack * rate[i] * rate[j] + bend
            for k in range(types):
                both += d[k] * (rate[k] - rate[i]) * (rate[k] - rate[j])
            response[i, j] = response[j, i] = -d[i] * (d[j] * (both / determinant))


@compiled
def _determinant_without(rate: Floats, d: Floats, bend: float, slack: float, i: int) -> float:
    """That of B without column i."""
    whole, square, spread = 0.0, 0.0, 0.0
    for j in range(rate.size):
        if j == i:
            continue
        whole += d[j]
        square += d[j] * rate[j] * rate[j]
        for k in range(j):
            if k != i:
                spread += d[j] * d[k] * (rate[j] - rate[k]) * (rate[j] - rate[k])
    return bend * slack + bend * whole + slack * square + spread
