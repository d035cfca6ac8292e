"""Pairs without which the first prices of a next program would be worth nothing.

A job that comes near the level with a partner alone holds all others down without one: that job alone has a price then, and the simplex
method takes thousands of pivots to such a program's optimum, and thousands back. So each that is new, or has lost such partners, brings the
columns with which it reaches the last level at the least cost to the others, by the last prices: a program of two rows, its level and its time.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.solver.column_generation.pair_pricing import Prices
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram

_MOST = 8
"""Columns for each such group: others may want the same partners."""
_PART = 0.1
"""Part of the groups that may be such; where more are, the last prices say little."""
_SAME = 1e-12
"""A column that is cheaper by less than this part of the dearest is not."""


def needed_columns(
    program: ScaledProgram, prices: Prices, level: float, new: Bools, there: Ints
) -> Ints:
    """Columns of pairs with which groups reach a level that are new, or reach it with none of those that are there; their numbers.

    Parameters
    ----------
    program
        The program, with a level.
    prices
        Prices of groups that are not new, and of workers; those of new ones are not looked at.
    level
        The level t that is to be reached.
    new
        Which groups are new, shape ``(G,)``.
    there
        Columns of pairs that are there.
    """
    groups, types = program.rate.shape
    needed = program.floor + program.slope * level
    rows, values = program.entries(there)
    most = program.rate.max(axis=1, initial=0.0)
    np.maximum.at(most, rows[:, :2], _reached(values))
    lacks = (new | (most < needed)) & (program.slope > 0.0)
    if not 0 < lacks.sum() <= _PART * groups:
        return there[:0]
    group, pair = _with_others(program.pairs.member, lacks)
    column = (pair[:, None] * types + np.arange(types)).ravel()
    others = Prices(
        np.where(lacks, 0.0, prices.level), np.where(lacks, 0.0, prices.time), prices.workers
    )
    side = np.repeat((program.pairs.member[pair, 0] != group).astype(np.int64), types)
    values, own = program.entries(column)[1], np.arange(column.size)
    reached = _reached(values)[own, side]
    cost = program.pair_costs(column, others) / values[own, 2 + side]
    starts = types * np.searchsorted(group, np.arange(groups + 1))
    chosen = []
    for one in np.flatnonzero(lacks):
        mine = slice(starts[one], starts[one + 1])
        beyond = _beyond(
            np.concatenate([program.rate[one], reached[mine]]),
            np.concatenate([program.use[one] * prices.workers, cost[mine]]),
            float(needed[one]),
        )
        chosen.append(column[mine][np.argsort(beyond[types:], kind="stable")[:_MOST]])
    return np.unique(np.concatenate(chosen))


def _with_others(member: Ints, lacks: Bools) -> tuple[Ints, Ints]:
    """Groups that lack partners, ascending, and pairs of theirs with those that do not."""
    found = []
    theirs = lacks[member]
    for side in (0, 1):
        pair = np.flatnonzero(theirs[:, side] & ~theirs[:, 1 - side])
        found.append((member[pair, side], pair))
    group, pair = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.argsort(group, kind="stable")
    return group[order], pair[order]


def _reached(values: Floats) -> Floats:
    """What both groups of a column reach in the whole of their time, shape ``(columns, 2)``."""
    level, time = values[:, :2], values[:, 2:4]
    found: Floats = np.divide(level, time, out=np.zeros(level.shape), where=time > 0.0)
    return found


def _beyond(reached: Floats, cost: Floats, needed: float) -> Floats:
    """What ways to spend all of a group's time cost beyond the cheapest mix that reaches what is needed.

    If none does, how much less they reach than the one that reaches most.
    """
    beyond: Floats = reached.max() - reached
    high = int(beyond.argmin())
    if not reached[high] > max(needed, 0.0):
        return beyond
    low = reached.size  # idle
    reached, cost = np.append(reached, 0.0), np.append(cost, 0.0)
    least = _SAME * float(np.abs(cost).max())
    while True:
        price = (cost[high] - cost[low]) / (reached[high] - reached[low])
        beyond = cost - cost[low] - price * (reached - reached[low])
        best = int(beyond.argmin())
        if not beyond[best] < -least or best in (low, high):
            return beyond[:-1]
        if reached[best] > needed:
            high = best
        else:
            low = best
