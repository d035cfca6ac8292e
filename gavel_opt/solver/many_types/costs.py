"""What columns cost at prices, all of them, compiled: which to look at, and whether a face is one."""

from __future__ import annotations

import math
from typing import NamedTuple

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.jit import compiled

FASTER = 1e-12
"""Types faster by less than this part are as fast."""


class Duals(NamedTuple):
    """Prices ``(J,)``, and duals of levels and of times ``(G,)``."""

    price: Floats
    level: Floats
    time: Floats


@compiled
def costs(rate: Floats, use: Floats, duals: Duals, into: Floats) -> None:
    """What columns cost beyond what they earn, as a part of both."""
    price, level, time = duals
    for i in range(rate.shape[0]):
        lam, q, many = level[i], time[i], use[i]
        for j in range(price.size):
            dear, earns = many * price[j], lam * rate[i, j]
            into[i, j] = (dear + q - earns) / (dear + earns + 1e-300)


@compiled
def least_of_each(cost: Floats, at: Ints) -> None:
    """The columns that cost least, as many of each job as ``at`` has room for, ascending."""
    few = at.shape[1]
    for i in range(cost.shape[0]):
        own, place = cost[i], at[i]
        for j in range(cost.shape[1]):
            if j >= few and not own[j] < own[place[few - 1]]:
                continue
            k = min(j, few - 1)
            while k > 0 and own[j] < own[place[k - 1]]:
                place[k] = place[k - 1]
                k -= 1
            place[k] = j
        for m in range(1, few):
            j, k = place[m], m
            while k > 0 and place[k - 1] > j:
                place[k] = place[k - 1]
                k -= 1
            place[k] = j


@compiled
def cheapest_mixes(rate: Floats, use: Floats, need: Floats, duals: Duals) -> None:
    """What a unit of each job's level costs at the prices, and a unit of its time: into the duals."""
    price, level, time = duals
    for i in range(rate.shape[0]):
        best, lam = _steepest(rate[i], price, 0.0, 0.0)
        q, reach, cost = 0.0, rate[i, best], price[best]
        while need[i] > reach:
            best, least = _steepest(rate[i], price, reach, cost)
            if not math.isfinite(least):
                break
            lam = max(least, 0.0)
            q = max(lam * reach - cost, 0.0)
            reach, cost = rate[i, best], price[best]
        level[i], time[i] = lam * use[i], q * use[i]


@compiled
def _steepest(rate: Floats, price: Floats, reach: float, cost: float) -> tuple[int, float]:
    """The faster type to which the price rises least, and by how much a unit."""
    best, least = 0, math.inf
    for j in range(rate.size):
        faster = rate[j] - reach
        if faster > FASTER * reach:
            rise = (price[j] - cost) / faster
            if rise < least:
                best, least = j, rise
    return best, least


@compiled
def is_face(on: Bools, rate: Floats, use: Floats, duals: Duals, apart: tuple[float, float]) -> bool:
    """Whether columns on a face cost nothing, and all others that run cost something, beyond doubt."""
    price, level, time = duals
    tied, some = apart
    good = True
    for i in range(rate.shape[0]):
        lam, q, many = level[i], time[i], use[i]
        for j in range(price.size):
            dear, earns = many * price[j], lam * rate[i, j]
            cost, size = dear - earns - q, dear + earns
            if on[i, j]:
                good &= abs(cost) <= tied * (size + abs(q))
            else:
                good &= (rate[i, j] <= 0.0) | (cost > some * (size + abs(q)))
    return good
