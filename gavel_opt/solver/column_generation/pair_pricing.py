r"""Passes over all pairs of jobs: which of them would pay at given prices, and which cost nothing.

A pair's column on a worker type takes workers, takes time of both jobs and adds to both levels, so at
prices :math:`p` of workers, :math:`q` of time and :math:`\lambda` of levels its reduced cost is

.. math:: k\,p_j + s_a q_a + s_b q_b - s_a r_{aj} \lambda_a - s_b r_{bj} \lambda_b - w_j .

Nothing is kept for a pair: a program of two million pairs needs no more memory than its rates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.dense import put_among_least
from gavel_opt.kernels.jit import compiled

EACH = 3
"""Columns of pairs that each group may add to a program in a round."""


class PairColumns(NamedTuple):
    """Pairs as they stand in a program, and what scales them.

    Attributes
    ----------
    member, rate, share, use
        As in :class:`gavel_opt.model.allocation_program.PairBlocks`.
    reward
        Objective of a unit, shape ``(P, J)``, scaled; ``(0, J)`` where there is none.
    scale
        What the rate of a group is multiplied by, shape ``(G,)``.
    """

    member: Ints
    rate: Floats
    share: Floats
    use: Floats
    reward: Floats
    scale: Floats


class Prices(NamedTuple):
    """Duals: of levels, shape ``(G,)``, of time, ``(G,)``, of workers, ``(J,)``."""

    level: Floats
    time: Floats
    workers: Floats


@compiled
def reduced_cost(pairs: PairColumns, prices: Prices, pull: Floats, i: int, j: int) -> float:
    """What a pair costs on a type beyond what its levels earn; ``pull`` is the scaled price of levels."""
    one, two = pairs.member[i, 0], pairs.member[i, 1]
    share, other = pairs.share[i, 0], pairs.share[i, 1]
    time = share * prices.time[one] + other * prices.time[two]
    earned = pairs.rate[i, 0, j] * (share * pull[one]) + pairs.rate[i, 1, j] * (other * pull[two])
    return float(pairs.use[i] * prices.workers[j] + time - earned)


@compiled
def pair_entries(pairs: PairColumns, column: Ints) -> tuple[Ints, Floats]:
    """Rows and coefficients of columns, both of shape ``(columns, 5)``; a row may be there twice.

    Levels of both, times of both, capacity; a group with itself has all of it in its first row.
    """
    groups, types = pairs.scale.size, pairs.rate.shape[2]
    row, value = np.empty((column.size, 5), np.int64), np.empty((column.size, 5))
    for place in range(column.size):
        i, j = column[place] // types, column[place] % types
        for side in range(2):
            member, share = pairs.member[i, side], pairs.share[i, side]
            row[place, side], row[place, 2 + side] = member, groups + member
            value[place, side] = share * pairs.rate[i, side, j] * pairs.scale[member]
            value[place, 2 + side] = share
        row[place, 4], value[place, 4] = 2 * groups + j, pairs.use[i]
        if pairs.member[i, 0] == pairs.member[i, 1]:
            for first in range(0, 4, 2):
                value[place, first] += value[place, first + 1]
                value[place, first + 1] = 0.0
    return row, value


@compiled
def paying_columns(
    pairs: PairColumns, prices: Prices, most: int, least: float
) -> tuple[Ints, Floats]:
    """The columns that pay best: for each group those ``most`` of its own with the lowest reduced cost.

    Parameters
    ----------
    pairs, prices
        The program's pairs, and the prices to go by.
    most
        Columns for each group, at most.
    least
        Reduced costs that are not below its negative do not pay.

    Returns
    -------
    column, cost
        Numbers ``pair * J + type``, shape ``(groups, most)``, -1 for none, and their reduced costs.
    """
    groups, types = pairs.scale.size, pairs.rate.shape[2]
    column = np.full((groups, most), -1, np.int64)
    cost = np.full((groups, most), -least)
    highest = np.full(groups, -least)
    pull = pairs.scale * prices.level
    rewarded = pairs.reward.shape[0] > 0
    for i in range(pairs.use.size):
        one, two = pairs.member[i, 0], pairs.member[i, 1]
        if not rewarded and pull[one] == 0.0 and pull[two] == 0.0:  # it earns nothing
            continue
        for j in range(types):
            reduced = reduced_cost(pairs, prices, pull, i, j)
            if rewarded:
                reduced -= pairs.reward[i, j]
            if reduced < highest[one]:
                highest[one] = put_among_least(column[one], cost[one], i * types + j, reduced)
            if reduced < highest[two] and one != two:
                highest[two] = put_among_least(column[two], cost[two], i * types + j, reduced)
    return column, cost


@compiled
def cheap_columns(pairs: PairColumns, prices: Prices, most: float) -> tuple[Ints, Floats]:
    """All columns that help (a level or the objective) with a reduced cost of ``most`` or less.

    Returns
    -------
    column, cost
        Numbers ``pair * J + type``, ascending, and their reduced costs.
    """
    types = pairs.rate.shape[2]
    pull = pairs.scale * prices.level
    rewarded = pairs.reward.shape[0] > 0
    room, found = 1024, 0
    column, cost = np.empty(room, np.int64), np.empty(room)
    for i in range(pairs.use.size):
        one, two = pairs.member[i, 0], pairs.member[i, 1]
        if not rewarded and pairs.scale[one] == 0.0 and pairs.scale[two] == 0.0:  # it does not help
            continue
        for j in range(types):
            reduced = reduced_cost(pairs, prices, pull, i, j)
            helps = (
                pairs.rate[i, 0, j] * pairs.scale[one] > 0.0
                or pairs.rate[i, 1, j] * pairs.scale[two] > 0.0
            )
            if rewarded:
                reduced -= pairs.reward[i, j]
                helps = helps or pairs.reward[i, j] > 0.0
            if reduced <= most and helps:
                if found == room:
                    column = np.concatenate((column, np.empty(room, np.int64)))
                    cost = np.concatenate((cost, np.empty(room)))
                    room *= 2
                column[found], cost[found] = i * types + j, reduced
                found += 1
    return column[:found].copy(), cost[:found].copy()


@compiled
def raise_time_prices(pairs: PairColumns, prices: Prices) -> None:
    """Raise the prices of time, in place, until no pair has a negative reduced cost: a dual solution."""
    types = pairs.rate.shape[2]
    pull = pairs.scale * prices.level
    rewarded = pairs.reward.shape[0] > 0
    for i in range(pairs.use.size):
        one, two = pairs.member[i, 0], pairs.member[i, 1]
        if not rewarded and pull[one] == 0.0 and pull[two] == 0.0:
            continue
        short = 0.0
        for j in range(types):
            reduced = reduced_cost(pairs, prices, pull, i, j)
            if rewarded:
                reduced -= pairs.reward[i, j]
            short = min(short, reduced)
        if short < 0.0:
            share, other = pairs.share[i, 0], pairs.share[i, 1]
            prices.time[one] -= short / (share + other if one == two else share)


@compiled
def room_to_idle(pairs: PairColumns, time_left: Floats, workers_left: Floats) -> bool:
    """Whether a pair that earns nothing on a type could run there all the same, in some optimum."""
    rewarded = pairs.reward.shape[0] > 0
    for j in range(workers_left.size):
        if not workers_left[j] > 0.0:
            continue
        for i in range(pairs.use.size):
            one, two = pairs.member[i, 0], pairs.member[i, 1]
            idle = pairs.rate[i, 0, j] == 0.0 and pairs.rate[i, 1, j] == 0.0
            if rewarded:
                idle = idle and pairs.reward[i, j] <= 0.0
            if idle and time_left[one] > 0.0 and time_left[two] > 0.0:
                return True
    return False


@compiled
def longest_step(pairs: PairColumns, prices: Prices, step: Prices, least: float) -> float:
    """How far prices can go along a step until a pair's column that helps costs less than nothing.

    Parameters
    ----------
    pairs, prices, step
        The pairs, the prices that no pair pays at, and where they go.
    least
        Costs that fall by no more than this do not fall.
    """
    types = pairs.rate.shape[2]
    rewarded = pairs.reward.shape[0] > 0
    pull, pulled = pairs.scale * prices.level, pairs.scale * step.level
    longest = np.inf
    for i in range(pairs.use.size):
        one, two = pairs.member[i, 0], pairs.member[i, 1]
        for j in range(types):
            reward = pairs.reward[i, j] if rewarded else 0.0
            helps = (
                pairs.rate[i, 0, j] * pairs.scale[one] > 0.0
                or pairs.rate[i, 1, j] * pairs.scale[two] > 0.0
                or reward > 0.0
            )
            if not helps:
                continue
            change = reduced_cost(pairs, step, pulled, i, j)
            if change < -least:
                cost = reduced_cost(pairs, prices, pull, i, j) - reward
                longest = min(longest, max(cost, 0.0) / -change)
    return longest
