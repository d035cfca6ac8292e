r"""What one job needs at a level t, and how it gets there most cheaply at given prices.

A job's ways to spend its time are points: idle :math:`(0, 0)`, and its rate and the price of a worker
for each type, :math:`(r_j, p_j)`. Mixing points by parts of its time, it reaches the level :math:`l` on
the lower convex hull of its points, on one edge: between idle and a type, or between two types with no
time left. Points are numbered from 0, which is idle; type j is point j + 1.

What it needs is a table ``own`` of four numbers a job: slope, floor, nothing and its largest rate; or,
where levels are *curved* (finish-time fairness, :math:`t = -\rho`), age, steps, isolated and its largest
rate. Helpers called for each job take numbers, not arrays: arrays would be counted at each call.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled

ROUND = 1.0 + 1e-9
"""The level of a job that needs all of its time may be rounded up; the more so the less it has to do."""
FIRST, SECOND, THIRD, TOP = range(4)


class Problem(NamedTuple):
    """A program without reward and pairs, as the kernels hand it on.

    Attributes
    ----------
    rate, use, counts, workers
        Of the program's blocks.
    own
        What each job needs, shape ``(G, 4)``.
    curved
        Whether levels are those of finish-time fairness.
    cap
        The t beyond which some job would need more than all of its time.
    """

    rate: Floats
    use: Floats
    counts: Ints
    workers: Floats
    own: Floats
    curved: bool
    cap: float


class Given(NamedTuple):
    """A program without reward and pairs, as its blocks and rows have it.

    Attributes
    ----------
    rate, use, counts, workers
        Of the blocks, shapes ``(G, J)``, ``(G,)``, ``(G,)``, ``(J,)``.
    slope, floor
        Level that each group needs, ``(G,)``; empty in finish-time fairness.
    age, steps, isolated
        The same of finish-time fairness, empty in all others.
    """

    rate: Floats
    use: Floats
    counts: Ints
    workers: Floats
    slope: Floats
    floor: Floats
    age: Floats
    steps: Floats
    isolated: Floats


@compiled
def needs_of(given: Given) -> tuple[Floats, float]:
    """The table, and the t beyond which some job would need more than all of its time."""
    rate, _, _, _, slope, floor, age, steps, isolated = given
    groups, types = rate.shape
    curved = age.size > 0
    own = np.empty((groups, 4))
    cap = math.inf
    for i in range(groups):
        top = 0.0
        for j in range(types):
            if rate[i, j] > top:
                top = rate[i, j]
        own[i, TOP] = top
        if curved:
            first, second, third = age[i], steps[i], isolated[i]
        else:
            first, second, third = slope[i], floor[i], 0.0
        own[i, FIRST], own[i, SECOND], own[i, THIRD] = first, second, third
        highest = highest_level(curved, first, second, third, top)
        if not highest >= cap:
            cap = highest
    return own, cap


@compiled
def highest_level(curved: bool, first: float, second: float, third: float, top: float) -> float:
    """The t at which a job needs all of its time on its fastest type."""
    if curved:
        return -(first + second / top) / third if top > 0.0 else -math.inf
    if first > 0.0:
        return (top - second) / first
    return math.inf if second <= top else -math.inf


@compiled
def line(curved: bool, first: float, second: float, third: float, t: float) -> tuple[float, float]:
    """Offset and slope of the line that touches a job's needed level at t."""
    if curved:
        part = 1.0 / (-t * third - first)
        level = second * part
        pull = level * third * part
        return level - pull * t, pull
    return second, first


@compiled
def need(curved: bool, first: float, second: float, third: float, t: float) -> float:
    """The level that a job needs at t; -inf if it needs none."""
    if curved:
        return second / (-t * third - first)
    return second + first * t if first > 0.0 else second


@compiled
def mean_prices(rate: Floats, use: Floats, top: Floats) -> Floats:
    """Prices by the mean speed of a type among jobs, each measured by its fastest."""
    types = rate.shape[1]
    price = np.zeros(types)
    for i in range(rate.shape[0]):
        part = use[i] / top[i] if top[i] > 0.0 else 0.0
        for j in range(types):
            price[j] += part * rate[i, j]
    return price


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
def shortfall(problem: Problem, price: Floats, t: float, enough: float) -> float:
    """What the levels at t cost at these prices beyond all that the workers are worth, relative.

    Positive: no allocation reaches t. Counts no further once it is more than ``enough``.
    """
    rate, use, _, workers, own, curved, _ = problem
    types = workers.size
    cost, worth = 0.0, 0.0
    for j in range(types):
        worth += workers[j] * price[j]
    limit = worth * (1.0 + 2.0 * enough)
    for i in range(rate.shape[0]):
        if cost > limit:
            break
        level = need(curved, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
        if not level > 0.0:
            continue
        rb, pb = 0.0, 1.0
        for j in range(types):
            if price[j] * rb < pb * rate[i, j]:
                rb, pb = rate[i, j], price[j]
        if level <= rb * ROUND:
            cost += use[i] * pb * level / rb
            continue
        a, b = edge(i, rate, price, level)
        if b > 0:
            ra, pa = rate[i, a - 1], price[a - 1]
            part = (level - ra) / (rate[i, b - 1] - ra)
            cost += use[i] * (pa + (price[b - 1] - pa) * part)
    return (cost - worth) / worth
