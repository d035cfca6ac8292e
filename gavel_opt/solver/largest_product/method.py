r"""The largest product of levels: an inner path to its face, the exact point there, and its proof.

Levels are the only ones, shares need not be: those returned are the canonical centre, or where an answer is given that
this one is near (:class:`~gavel_opt.model.allocation_program.ProductProgram`), any. An answer depends on its program
alone, that other answer included.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.certificate import certify_product
from gavel_opt.kernels.jit import compiled, compiled_apart
from gavel_opt.solver.largest_product.choices import room_for_choices
from gavel_opt.solver.largest_product.face import (
    all_run,
    face_of,
    face_within,
    room_for_face,
    settle_centre,
    settle_face,
)
from gavel_opt.solver.largest_product.market import market_of, room_for_point
from gavel_opt.solver.largest_product.path import follow, start_of_path

GOALS = (1e-10, 1e-12, 1e-14)
"""The mu at which the face is tried, one after the other."""


@compiled_apart
def proven_product(
    blocks: tuple[Floats, Floats, Ints, Floats],
    near: tuple[Floats, Floats],
    found: tuple[Floats, Floats, Floats, Floats],
) -> tuple[float, float, float]:
    """Find the largest product of levels and prove it: objective, primal residual and gap.

    Parameters
    ----------
    blocks
        Rate, use, count and workers of the program's blocks.
    near
        Shares and prices of workers of a like program's answer, shapes ``(G, J)`` and ``(J,)``; empty for none.
    found
        Room for shares ``(G, J)``, prices of workers ``(J,)``, of each group's time and of a unit of its level, ``(G,)``.
    """
    count = blocks[2]
    x, price, time, unit = found
    _find(blocks, near, (x, price, time))
    for g in range(count.size):
        time[g] *= count[g]
    return certify_product(blocks, x, price, time, unit)


@compiled
def _find(
    blocks: tuple[Floats, Floats, Ints, Floats],
    near: tuple[Floats, Floats],
    found: tuple[Floats, Floats, Floats],
) -> bool:
    """Whether all conditions hold to rounding; if not, what is found is a point of the path, or nothing.

    The time priced is that of one job of each group.
    """
    rate, use, count, workers = blocks
    market = market_of(rate, use, count, workers)
    groups, types = market.rate.shape
    x, price, time = found
    if groups == 0:
        for g in range(time.size):
            time[g] = np.nan
        return False
    face, choices = room_for_face(groups, types), room_for_choices(groups, types)
    if near[1].size == types and near[0].shape[0] == groups:
        for j in range(types):
            price[j] = near[1][j]
            for g in range(groups):
                x[g, j] = near[0][g, j]
        face_of(market, x, price, face)
        if settle_face(market, face, choices, x, price, time):
            return True
    point = room_for_point(groups, types)
    start_of_path(market, point)
    for goal in GOALS:
        reached = follow(market, point, goal)
        if not reached <= goal:
            break
        for j in range(types):
            price[j] = point.price[j]
            for g in range(groups):
                x[g, j] = point.x[g, j]
        face_within(market, point, face)
        if not settle_face(market, face, choices, x, price, time):
            continue
        if goal == GOALS[-1] or all_run(market, face, x, price, time):
            settle_centre(market, face, choices, x, price, time)
            return True
    for j in range(types):
        price[j] = point.price[j]
        for g in range(groups):
            x[g, j], time[g] = point.x[g, j], point.time[g]
    return False
