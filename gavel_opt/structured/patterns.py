r"""How one job reaches its level most cheaply, at given prices of the worker types.

A job's ways to spend its time are points: idle :math:`(0, 0)`, and its rate and the price of a worker
for each type, :math:`(r_j, p_j)`. Mixing points by parts of its time, it reaches the level :math:`l` on
the lower convex hull of its points, on one edge: between idle and a type, or between two types with no
time left. Points are numbered from 0, which is idle; type j is point j + 1.
"""

from __future__ import annotations

import math

from gavel_opt.arrays import Floats
from gavel_opt.compiled import compiled

Curve = tuple[Floats, Floats, Floats, Floats, Floats]
"""Slope, floor (empty where levels are curved), age, steps, isolated (empty where they are not)."""

ROUND = 1.0 + 1e-12
"""The level of a job that needs all of its time may be rounded up."""


@compiled
def highest(i: int, rate: Floats, curve: Curve) -> float:
    """The t at which job i needs all of its time on its fastest type."""
    slope, floor, age, steps, isolated = curve
    fastest = 0.0
    for j in range(rate.shape[1]):
        fastest = max(fastest, rate[i, j])
    if age.size > 0:
        return -(age[i] + steps[i] / fastest) / isolated[i] if fastest > 0.0 else -math.inf
    if slope[i] > 0.0:
        return (fastest - floor[i]) / slope[i]
    return math.inf if floor[i] <= fastest else -math.inf


@compiled
def line(i: int, t: float, curve: Curve) -> tuple[float, float]:
    """Offset and slope of the line that touches job i's needed level at t."""
    slope, floor, age, steps, isolated = curve
    if age.size > 0:
        part = 1.0 / (-t * isolated[i] - age[i])
        level = steps[i] * part
        pull = level * isolated[i] * part
        return level - pull * t, pull
    return floor[i], slope[i]


@compiled
def need(i: int, t: float, curve: Curve) -> float:
    """The level that job i needs at t; -inf if it needs none."""
    slope, floor, age, steps, isolated = curve
    if age.size > 0:
        return steps[i] / (-t * isolated[i] - age[i])
    return floor[i] + slope[i] * t if slope[i] > 0.0 else floor[i]


@compiled
def edge(i: int, rate: Floats, price: Floats, level: float) -> tuple[int, int]:
    """Points (left, right) of the edge on which job i reaches a level > 0; right is 0 if none does."""
    types = rate.shape[1]
    a, ra, pa = 0, 0.0, 0.0
    while True:
        b, rb, pb = 0, 0.0, 0.0
        for j in range(types):
            r = rate[i, j]
            if r > ra and (b == 0 or (price[j] - pa) * (rb - ra) < (pb - pa) * (r - ra)):
                b, rb, pb = j + 1, r, price[j]
        if b == 0 or level <= rb * ROUND:
            return a, b
        a, ra, pa = b, rb, pb


@compiled
def shortfall(rate: Floats, use: Floats, workers: Floats, curve: Curve, price: Floats, t: float) -> float:
    """What the levels at t cost at these prices beyond all that the workers are worth, relative.

    Positive: no allocation reaches t.
    """
    cost, worth = 0.0, 0.0
    for j in range(workers.size):
        worth += workers[j] * price[j]
    for i in range(rate.shape[0]):
        level = need(i, t, curve)
        if level > 0.0:
            a, b = edge(i, rate, price, level)
            if b > 0:
                ra, pa = 0.0, 0.0
                if a > 0:
                    ra, pa = rate[i, a - 1], price[a - 1]
                part = (level - ra) / (rate[i, b - 1] - ra)
                cost += use[i] * (pa + (price[b - 1] - pa) * part)
    return (cost - worth) / worth
