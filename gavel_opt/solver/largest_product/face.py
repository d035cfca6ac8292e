"""Which shares may be positive and what has a price, mended until all conditions of the optimum hold.

From a point nearby, an inner one or the optimum of a program much like this one. At the prices that belong to a face
(:mod:`~gavel_opt.solver.largest_product.choices`) whoever breaks a condition changes sides: a negative share is given up,
a type that is worth more than it costs is taken on, a job with a negative price of time has time left, and so on.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.largest_product.centre import move_to_centre
from gavel_opt.solver.largest_product.choices import (
    Choices,
    Face,
    choose_types,
    settle,
)
from gavel_opt.solver.largest_product.market import Market, Point

NOTHING = 1e-12
"""Shares, and parts of what a job spends, below this are rounding."""
EXACT = 1e-11
"""Conditions hold to this part of what they are about."""
MENDED = 12
"""Faces that are tried from one point."""
FIRST_PRICE = 1e-3
"""Part of what a worker type would cost if all was spent on it, with which a type begins to have a price."""


@compiled
def room_for_face(groups: int, types: int) -> Face:
    """A face on which nobody runs."""
    return Face(
        np.zeros((groups, types), np.int64), np.zeros(groups, np.int64), np.zeros(types, np.int64)
    )


@compiled
def face_within(market: Market, point: Point, face: Face) -> None:
    """The face that an inner point near the end of its path belongs to: of each pair of products the larger is not zero."""
    groups, types = market.rate.shape
    for j in range(types):
        face.paid[j] = point.price[j] * market.workers[j] > point.free[j] / market.workers[j]
    for g in range(groups):
        face.busy[g] = point.time[g] > point.left[g]
        for j in range(types):
            face.runs[g, j] = point.x[g, j] > point.z[g, j]


@compiled
def face_of(market: Market, x: Floats, price: Floats, face: Face) -> None:
    """The face that an optimum is on; zeros are exact there."""
    groups, types = market.rate.shape
    for j in range(types):
        face.paid[j] = price[j] > 0.0
    for g in range(groups):
        spent = 0.0
        for j in range(types):
            face.runs[g, j] = x[g, j] > 0.0
            spent += market.scale[g] * price[j] * x[g, j]
        face.busy[g] = spent < 1.0 - NOTHING


@compiled
def settle_face(
    market: Market, face: Face, choices: Choices, x: Floats, price: Floats, time: Floats
) -> bool:
    """Find the optimum near a point, which it becomes, with the prices of time; False if that is not found.

    What is not on the face becomes exactly zero.
    """
    groups, types = market.rate.shape
    for _ in range(MENDED):
        for g in range(groups):
            for j in range(types):
                if not face.runs[g, j]:
                    x[g, j] = 0.0
        if not choose_types(market, face, x, choices):
            return False
        if not settle(market, face, choices, x, price):
            return False
        if not _mend(market, face, x, price, time):
            return _holds(market, face, x, price, time)
    return False


@compiled
def all_run(market: Market, face: Face, x: Floats, price: Floats, time: Floats) -> bool:
    """Whether each group runs on all types that cost what they give: in the centre of all optimal shares it does."""
    groups, types = market.rate.shape
    for g in range(groups):
        level = 0.0
        for j in range(types):
            level += market.rate[g, j] * x[g, j]
        for j in range(types):
            gain, cost = market.rate[g, j] / level, market.scale[g] * price[j] + time[g]
            if not x[g, j] > 0.0 and gain >= cost * (1.0 - EXACT):
                return False
    return True


@compiled
def settle_centre(
    market: Market, face: Face, choices: Choices, x: Floats, price: Floats, time: Floats
) -> None:
    """Go from an optimum on a face to the centre of all that have its levels."""
    if choices.splits[1] == 0:
        return
    groups, types = market.rate.shape
    before, prices = x.copy(), price.copy()
    for g in range(groups):
        for j in range(types):
            face.runs[g, j] = x[g, j] > 0.0
    move_to_centre(market, face, choices, x)
    settled = settle(market, face, choices, x, price)
    if not (settled and _holds(market, face, x, price, time)):
        for j in range(types):
            price[j] = prices[j]
            for g in range(groups):
                x[g, j] = before[g, j]


@compiled
def _holds(market: Market, face: Face, x: Floats, price: Floats, time: Floats) -> bool:
    """Whether what is paid for is used up, and types on which a group runs cost what they give; shares are not negative then."""
    groups, types = market.rate.shape
    for g in range(groups):
        for j in range(types):
            if x[g, j] < -NOTHING:
                return False
            x[g, j] = max(x[g, j], 0.0)
    for j in range(types):
        used = 0.0
        for g in range(groups):
            used += market.jobs[g] * market.scale[g] * x[g, j]
        if face.paid[j] and not abs(used - market.workers[j]) <= EXACT * market.workers[j]:
            return False
    for g in range(groups):
        level, spent = 0.0, 0.0
        for j in range(types):
            level += market.rate[g, j] * x[g, j]
            spent += x[g, j]
        if face.busy[g] and not abs(spent - 1.0) <= EXACT:
            return False
        for j in range(types):
            gain, cost = market.rate[g, j] / level, market.scale[g] * price[j] + time[g]
            if face.runs[g, j] and not abs(gain - cost) <= EXACT * (gain + cost):
                return False
    return True


@compiled
def _mend(market: Market, face: Face, x: Floats, price: Floats, time: Floats) -> bool:
    """Change sides where a condition is broken; whether any was."""
    groups, types = market.rate.shape
    broken = False
    spent, jobs = 0.0, 0.0
    for g in range(groups):
        broken = _mend_group(market, face, x, (price, time), g) or broken
        jobs += market.jobs[g]
    for j in range(types):
        used = 0.0
        for g in range(groups):
            used += market.jobs[g] * market.scale[g] * x[g, j]
        spent = price[j] * market.workers[j]
        if face.paid[j]:
            if spent < NOTHING:
                face.paid[j], broken = 0, True
        elif used > market.workers[j] * (1.0 + NOTHING):
            face.paid[j], broken = 1, True
            price[j] = FIRST_PRICE * jobs / market.workers[j]
    return broken


@compiled
def _mend_group(
    market: Market, face: Face, x: Floats, prices: tuple[Floats, Floats], g: int
) -> bool:
    """The same of a group's own conditions, and its price of time."""
    price, time = prices
    types, rate, scale = market.workers.size, market.rate[g], market.scale[g]
    level, used, main, broken = 0.0, 0.0, -1, False
    for j in range(types):
        level += rate[j] * x[g, j]
        used += x[g, j]
        if face.runs[g, j] and (main < 0 or x[g, j] > x[g, main]):
            main = j
    if not level > 0.0:
        level = 1e-300
    time[g] = 0.0
    if face.busy[g]:
        time[g] = rate[main] / level - scale * price[main]
        if time[g] < -NOTHING:
            face.busy[g], broken = 0, True
        time[g] = max(time[g], 0.0)
    elif used > 1.0 + NOTHING:
        face.busy[g], broken = 1, True
    for j in range(types):
        if face.runs[g, j]:
            if x[g, j] < -NOTHING:
                face.runs[g, j], broken = 0, True
        else:
            gain, cost = rate[j] / level, scale * price[j] + time[g]
            if gain > cost + 10.0 * NOTHING * (1.0 + gain):
                face.runs[g, j], broken = 1, True
    return broken
