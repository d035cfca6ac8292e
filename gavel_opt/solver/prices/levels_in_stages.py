r"""Water filling without space sharing: all levels, and the shares that reach them, by prices of worker types alone.

All jobs rise together. Workers stop some of them where a set of types has a price (:mod:`~gavel_opt.solver.prices.markets`):
those whose levels pay for these types. They use all of them, besides what they have of types that cost nothing, and nobody else
has anything of the types with a price (complementary slackness). So what is left is the same question over fewer types, with the
workers that those who were stopped leave, and there are no more *stages* than types:

1. Who is at the limit runs all of the time where it is fastest. If that fits for all, these are the levels.
2. Else the type that is first full if all run where they are fastest has a price. If the next stage is then lower than
   this one, its types were full before: the two are one stage, all of whose types have a price. A type that loses its price
   in the search is free again.

Shares follow from the stages: on the priced types as :mod:`~gavel_opt.solver.prices.recovery` says, the rest of the time on the
best free type. Whatever leaves doubt (ties that hang together, heights that are the same) is no answer: programs are asked then,
one by one (:mod:`gavel_opt.policies.water_filling`).

Types that are a job's fastest alike count as one (:mod:`~gavel_opt.solver.prices.types_as_one`). If the levels can be had of the types as they
are, they are theirs, too, and the shares are the centre of all that reach them (:mod:`~gavel_opt.solver.prices.shares_of_levels`); where
that leaves doubt a program is asked for them.

The prices of the first stage, or a job that runs
all of the time on its fastest type, prove that no larger part of all levels can be had.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.block_tables import BlockTables
from gavel_opt.kernels.certificate import certify_allocation
from gavel_opt.kernels.dense import copy_into
from gavel_opt.kernels.jit import compiled, compiled_apart
from gavel_opt.kernels.max_min_rows import MARKED, SAME
from gavel_opt.solver.prices.cheapest_mix import Given, mean_prices
from gavel_opt.solver.prices.markets import (
    ROUNDING,
    USED_UP,
    Columns,
    Market,
    Standing,
    Stop,
    market_of,
    stop_of,
    two_fastest,
)
from gavel_opt.solver.prices.price_search import OPTIMAL, SLACK
from gavel_opt.solver.prices.recovery import APART, PROVED
from gavel_opt.solver.prices.shares_of_levels import (
    CENTRED,
    SHORT_OF_SOME,
    Known,
    shares_of_levels,
)
from gavel_opt.solver.prices.shortcuts import PRICED, solve_direct
from gavel_opt.solver.prices.types_as_one import (
    DEARER,
    TURNED,
    Ends,
    are_dearer,
    as_dear,
    in_order,
    put_together,
    taken_apart,
    types_apart,
    types_as_one,
)
from gavel_opt.solver.records import Found

SHORT, FEW_TYPES = 1.5, 6
"""If jobs take so many times the workers that there are, of so many types at most, all begin with a price."""
PATIENCE = 4
"""Turns for each type after which prices are not found so."""
TURNS = 160
"""Times that types are taken apart or put together at most, times types: with many each takes long."""
HALVINGS = 30
"""Of the heights between those at which all types have room, and some do not."""


class Levels(NamedTuple):
    """Levels, and what proves them.

    Attributes
    ----------
    level
        Of each group, shape ``(G,)``.
    x
        Shares, ``(G, J)``.
    level_dual, capacity_dual
        Multipliers of the program that asks for all of these levels at once, ``(G,)`` and ``(J,)``.
    proof
        Its primal residual, dual residual and relative gap, ``(3,)``.
    tied
        Two types on which somebody may be alike whose levels are told, and who runs where is not; -1 if there are none, ``(2,)``.
    """

    level: Floats
    x: Floats
    level_dual: Floats
    capacity_dual: Floats
    proof: Floats
    tied: Ints


@compiled
def no_levels(groups: int, types: int) -> Levels:
    """Room for an answer."""
    return Levels(
        np.zeros(groups),
        np.zeros((groups, types)),
        np.zeros(groups),
        np.zeros(types),
        np.zeros(3),
        np.full(2, -1, np.int64),
    )


class Stages(NamedTuple):
    """Where each stage begins, and what it comes to; one more than there can be.

    Attributes
    ----------
    rises, is_open, supply
        As in :class:`Standing`, shapes ``(J + 2, G)``, ``(J + 2, J)`` and ``(J + 2, J)``.
    priced, price
        Types with a price in the stage, and what they have, 0 if nobody pays it, ``(J + 2, J)``.
    height
        At which it stops, ``(J + 2,)``.
    """

    rises: Bools
    is_open: Bools
    supply: Floats
    priced: Bools
    price: Floats
    height: Floats


FAILED, DONE, AGAIN, NEXT = range(4)
"""What a stage comes to: doubt; all levels; other types have a price, in it or in the one before; it stops some."""


NOTHING, LEVELS, SHARES = range(3)
"""What was found for certain."""


@compiled_apart
def levels_in_stages(columns: Columns, found: Levels) -> int:
    """Find all levels, and the shares that reach them, which are the only ones or their centre.

    Parameters
    ----------
    columns
        The groups.
    found
        Gets the answer.

    Returns
    -------
    found
        NOTHING if that leaves doubt, LEVELS, or SHARES with LEVELS.
    """
    parts, types = types_as_one(types_apart(columns)), columns.workers.size
    ends = Ends(np.ones(types, np.bool_), np.zeros(types, np.int64), np.zeros(types))
    if parts.columns.workers.size == types:
        if _go_through(columns, found, ends):
            _settle(columns, found)
            return SHARES if _prove(columns, found) else NOTHING
        if found.tied[0] < 0:
            return SHARES if all_stop_at_first(columns, np.zeros(types + 1), found) else NOTHING
        parts = put_together(columns, parts, found.tied[1], found.tied[0])
    known, short, first = NOTHING, np.zeros(types, np.bool_), parts.columns.workers.size
    for _ in range(TURNS // types):
        reduced, took = in_order(parts)
        levels = no_levels(*reduced.rate.shape)
        if not _go_through(reduced, levels, ends):
            if known == LEVELS or levels.tied[0] < 0:
                break
            parts = put_together(columns, parts, levels.tied[1], levels.tied[0])
            continue
        turn, one, other = are_dearer(parts, took, ends)
        if turn == TURNED:
            continue
        if turn == DEARER:
            face = Known(parts.place, reduced.rate, levels.x, levels.level, ends.is_free)
            outcome = shares_of_levels(columns, face, found.x, short)
            if outcome == SHORT_OF_SOME and known == NOTHING:
                parts = taken_apart(columns, parts, short)
                continue
            if outcome == SHORT_OF_SOME:
                break
            known = LEVELS
            _take(levels, parts.place, found)
            one, other = as_dear(took, ends)
            if one < 0:
                _settle(columns, found)
                return SHARES if outcome == CENTRED and _prove(columns, found) else LEVELS
        elif known == LEVELS or (first == 1 and parts.columns.workers.size == 2):
            break  # it would begin again
        parts = put_together(columns, parts, one, other)
    return known


@compiled
def _take(levels: Levels, place: Ints, found: Levels) -> None:
    """Take levels and multipliers, those of a part for all of its types."""
    copy_into(found.level, levels.level)
    copy_into(found.level_dual, levels.level_dual)
    for j in range(place.size):
        found.capacity_dual[j] = levels.capacity_dual[place[j]]


@compiled
def _go_through(columns: Columns, found: Levels, ends: Ends) -> bool:
    """Go through the stages; whether all are certain, and how types end."""
    groups, types = columns.rate.shape
    stages = Stages(
        np.zeros((types + 2, groups), np.bool_),
        np.zeros((types + 2, types), np.bool_),
        np.zeros((types + 2, types)),
        np.zeros((types + 2, types), np.bool_),
        np.zeros((types + 2, types)),
        np.zeros(types + 2),
    )
    for j in range(types):
        stages.is_open[0, j], stages.supply[0, j] = True, columns.workers[j]
        for g in range(groups):
            stages.rises[0, g] |= columns.rate[g, j] > 0.0
    found.level[:] = 0.0
    found.x[:, :] = 0.0
    stage = 0
    for _ in range(PATIENCE * (types + 2)):
        outcome = _carry_out(columns, stages, stage, found)
        if outcome == DONE:
            _keep_ends(stages, stage, ends)
            return True
        if outcome == FAILED:
            return False
        if outcome == NEXT:
            stage += 1
            stages.priced[stage, :] = False
        elif not _any(stages.priced[stage]):
            stage -= 1
        if stage > types:
            return False
    return False


@compiled
def _keep_ends(stages: Stages, last: int, ends: Ends) -> None:
    """Keep when types were stopped, and at what price."""
    for j in range(stages.supply.shape[1]):
        ends.is_free[j] = stages.is_open[last, j]
        for stage in range(last):
            if stages.is_open[stage, j] and not stages.is_open[stage + 1, j]:
                ends.stage[j], ends.price[j] = stage, stages.price[stage, j]


@compiled
def _carry_out(columns: Columns, stages: Stages, stage: int, found: Levels) -> int:
    """Find where a stage stops, and set out the next; what it comes to."""
    now = _copied(stages, stage)
    priced, before = stages.priced[stage], stages.priced[max(stage - 1, 0)]
    low = stages.height[stage - 1] if stage > 0 else 0.0
    if not _any(now.rises):
        return DONE
    high, full = _first_full(columns, now)
    if full < 0:
        return DONE if _pin(columns, now, high, found) else FAILED
    if not _any(priced):
        priced[full] = True
        if stage == 0 and priced.size <= FEW_TYPES and crowd(columns) > SHORT:
            priced[:] = True
    market = market_of(columns, now, priced)
    if market.job.size == 0:
        return FAILED
    price = mean_prices(market.rate, market.use, market.top)
    outcome, height, stop = stop_of(market, price, low, high)
    if outcome == SLACK:
        return _without_cheapest(priced, price, market)
    if outcome == USED_UP:
        for n in range(price.size):
            priced[market.types[n]] = price[n] == 0.0
        return AGAIN
    if outcome != OPTIMAL or (_any(stop.pays) and abs(height - low) <= APART * low):
        return FAILED
    if height < low * (1.0 - APART):
        for j in range(priced.size):
            before[j] |= priced[j]
        priced[:] = False
        return AGAIN
    stages.height[stage] = height
    if not (
        _pin(columns, now, height, found) and _stop(columns, now, (market, stop, height), found)
    ):
        return FAILED
    if stage == 0:
        _keep_prices(market, stop, found)
    for n in range(market.types.size):
        stages.price[stage, market.types[n]] = stop.price[n] if _any(stop.pays) else 0.0
    for j in range(priced.size):
        if priced[j]:
            now.is_open[j] = False
    return AGAIN if _overdrawn(columns, now, priced) else NEXT


@compiled
def crowd(columns: Columns) -> float:
    """How many times the workers that there are all jobs would take."""
    use, supply = 0.0, 0.0
    for g in range(columns.use.size):
        use += columns.use[g]
    for j in range(columns.workers.size):
        supply += columns.workers[j]
    return use / supply


@compiled
def _any(of: Bools) -> bool:
    some = False
    for n in range(of.size):
        some = some or of[n]
    return some


@compiled
def _copied(stages: Stages, stage: int) -> Standing:
    """Where the stage begins, as where the next one does, to be changed."""
    for g in range(stages.rises.shape[1]):
        stages.rises[stage + 1, g] = stages.rises[stage, g]
    for j in range(stages.supply.shape[1]):
        stages.is_open[stage + 1, j] = stages.is_open[stage, j]
        stages.supply[stage + 1, j] = stages.supply[stage, j]
    return Standing(stages.rises[stage + 1], stages.is_open[stage + 1], stages.supply[stage + 1])


@compiled
def _pin(columns: Columns, now: Standing, height: float, found: Levels) -> bool:
    """Let those whose limits a height reaches run all of the time where they are fastest; whether that is one place."""
    for g in range(now.rises.size):
        if not now.rises[g]:
            continue
        at, best, second = two_fastest(columns.rate[g], now.is_open)
        if best <= height:
            if not second < best * (1.0 - APART):
                _keep_tie(columns.rate[g], now.is_open, best, found)
                return False
            found.x[g, :] = 0.0
            found.x[g, at], found.level[g] = 1.0, best
            now.supply[at] -= columns.use[g]
            now.rises[g] = False
    return True


@compiled
def _keep_tie(rate: Floats, is_open: Bools, best: float, found: Levels) -> None:
    """Keep two types on which a job is as fast."""
    many = 0
    for j in range(rate.size):
        if many < 2 and is_open[j] and rate[j] > 0.0 and rate[j] >= best * (1.0 - APART):
            found.tied[many] = j
            many += 1
    if many < 2:
        found.tied[:] = -1


@compiled
def _overdrawn(columns: Columns, now: Standing, priced: Bools) -> bool:
    """Whether some open types lack workers: then these are ``priced``, too."""
    short = False
    for j in range(priced.size):
        if now.is_open[j] and now.supply[j] < -ROUNDING * columns.workers[j]:
            priced[j] = short = True
    return short


@compiled
def _first_full(columns: Columns, now: Standing) -> tuple[float, int]:
    """The highest limit, and the type that is first full if all run as little as they can where they are fastest; -1 if none is."""
    types = columns.workers.size
    groups = now.rises.size
    at, best, second = np.full(groups, -1, np.int64), np.zeros(groups), np.zeros(groups)
    high = 0.0
    for g in range(groups):
        if now.rises[g]:
            at[g], best[g], second[g] = two_fastest(columns.rate[g], now.is_open)
            high = max(high, best[g])
    need = np.zeros(types)
    fastest = Fastest(at, best, second)
    full = _fullest(columns, now, fastest, high, need)
    if full < 0:
        return high, full
    fits, lacks = 0.0, high
    for _ in range(HALVINGS):
        middle = 0.5 * (fits + lacks)
        short = _fullest(columns, now, fastest, middle, need)
        if short < 0:
            fits = middle
        else:
            lacks, full = middle, short
    return high, full


class Fastest(NamedTuple):
    """The fastest open type of each job, its speed, and that of the next, shape ``(G,)``."""

    at: Ints
    best: Floats
    second: Floats


@compiled
def _fullest(columns: Columns, now: Standing, fastest: Fastest, height: float, need: Floats) -> int:
    """The type that lacks the largest part of its workers at a height; -1 if none does."""
    need[:] = 0.0
    for g in range(fastest.at.size):
        at, best, second = fastest.at[g], fastest.best[g], fastest.second[g]
        if at >= 0 and height > second:
            part = (height - second) / (best - second) if height < best else 1.0
            need[at] += columns.use[g] * part
    short, most = -1, 0.0
    for j in range(need.size):
        over = need[j] - now.supply[j]
        if over > ROUNDING * columns.workers[j] and over > most * columns.workers[j]:
            short, most = j, over / columns.workers[j]
    return short


@compiled
def _without_cheapest(priced: Bools, price: Floats, market: Market) -> int:
    """Take the price from the type whose workers are worth least; AGAIN, or FAILED if it is the only one."""
    least = 0
    for n in range(1, price.size):
        if price[n] * market.workers[n] < price[least] * market.workers[least]:
            least = n
    priced[market.types[least]] = False
    return AGAIN if price.size > 1 else FAILED


@compiled
def _stop(columns: Columns, now: Standing, of: tuple[Market, Stop, float], found: Levels) -> bool:
    """Stop those who pay, with the rest of their time on the best free type; whether there is one, and nothing is left that has a price."""
    market, stop, height = of
    for s in range(market.job.size):
        g = market.job[s]
        if not stop.pays[s]:
            continue
        found.x[g, :] = 0.0
        rest = 1.0
        for n in range(market.types.size):
            found.x[g, market.types[n]] = stop.x[s, n]
            now.supply[market.types[n]] -= market.use[s] * stop.x[s, n]
            rest -= stop.x[s, n]
        if market.free[s] > 0.0:
            if market.at_free[s] < 0:
                is_free = now.is_open.copy()
                for n in range(market.types.size):
                    is_free[market.types[n]] = False
                _keep_tie(columns.rate[g], is_free, market.free[s], found)
                return False
            found.x[g, market.at_free[s]] = max(rest, 0.0)
            now.supply[market.at_free[s]] -= market.use[s] * rest
        found.level[g] = height
        now.rises[g] = False
    for n in range(market.types.size):
        if abs(now.supply[market.types[n]]) > APART * market.size[n]:
            return False
    return True


@compiled
def _keep_prices(market: Market, stop: Stop, found: Levels) -> None:
    """Keep the multipliers of a stage."""
    found.level_dual[:] = 0.0
    found.capacity_dual[:] = 0.0
    for s in range(market.job.size):
        found.level_dual[market.job[s]] = stop.cost[s]
    for n in range(market.types.size):
        found.capacity_dual[market.types[n]] = stop.price[n]


@compiled
def _prove(columns: Columns, found: Levels) -> bool:
    """Prove that all levels can be had, and no larger part of them."""
    if not _multipliers(columns, found):
        return False
    groups, types = columns.rate.shape
    time, none = np.zeros(groups), np.zeros(groups)
    for g in range(groups):
        for j in range(types):
            paid = columns.use[g] * found.capacity_dual[j]
            time[g] = max(time[g], found.level_dual[g] * columns.rate[g, j] - paid)
    program = BlockTables(
        columns.rate, columns.use, columns.workers, found.level, none, np.empty((0, types))
    )
    proof = certify_allocation(program, found.x, found.level_dual, found.capacity_dual, time)
    for k in range(3):
        found.proof[k] = proof[2 + k]
    return bool(max(found.proof[0], found.proof[1], found.proof[2]) <= PROVED)


@compiled
def all_stop_at_first(columns: Columns, start: Floats, found: Levels) -> bool:
    """Whether all types have a price where workers first stop somebody, and everybody pays: then find levels and shares, and prove them.

    From the last prices, ``start`` as of :func:`~gavel_opt.solver.prices.shortcuts.solve_direct`, that is soon known.
    """
    groups = columns.use.size
    room = Found(found.x, found.level_dual, found.capacity_dual, np.empty(6))
    if solve_direct(_all_alike(columns), start, room) != PRICED:
        return False
    limit, dearest = np.empty(groups), 0.0
    everywhere = np.ones(columns.workers.size, np.bool_)
    for g in range(groups):
        _, limit[g], _ = two_fastest(columns.rate[g], everywhere)
        found.level[g] = min(room.summary[1], limit[g])
        dearest = max(dearest, room.level_dual[g] * limit[g] / columns.use[g])
    for g in range(groups):
        pays = room.level_dual[g] * limit[g] / columns.use[g] >= MARKED * dearest
        if not (pays or found.level[g] >= limit[g] * (1.0 - SAME)):
            return False
    return dearest > 0.0 and _prove(columns, found)


@compiled
def _all_alike(columns: Columns) -> Given:
    """The program in which all rise alike."""
    groups, none = columns.use.size, np.empty(0)
    rate, use, counts, workers = columns
    return Given(rate, use, counts, workers, np.ones(groups), np.zeros(groups), none, none, none)


@compiled
def _settle(columns: Columns, found: Levels) -> None:
    """Where all types and levels have a price, let its bits be those of the program in which all rise alike, whoever found it."""
    groups, types = columns.rate.shape
    start = np.empty(types + 1)
    for g in range(groups):
        if not found.level_dual[g] > 0.0:
            return
    for j in range(types):
        if not found.capacity_dual[j] > 0.0:
            return
        start[j] = found.capacity_dual[j]
    start[types] = found.level[0]
    room = Found(np.empty((groups, types)), np.empty(groups), np.empty(types), np.empty(6))
    if solve_direct(_all_alike(columns), start, room) == PRICED:
        copy_into(found.level_dual, room.level_dual)
        copy_into(found.capacity_dual, room.capacity_dual)


@compiled
def _multipliers(columns: Columns, found: Levels) -> bool:
    """Make the multipliers those of the program that asks for all levels; whether there are such."""
    groups, types = columns.rate.shape
    everywhere = np.ones(types, np.bool_)
    for g in range(groups):
        _, limit, _ = two_fastest(columns.rate[g], everywhere)
        if found.level[g] > 0.0 and found.level[g] == limit:
            found.level_dual[:] = 0.0
            found.capacity_dual[:] = 0.0
            found.level_dual[g] = 1.0 / found.level[g]
            return True
    worth = 0.0
    for g in range(groups):
        worth += found.level_dual[g] * found.level[g]
    if not worth > 0.0:
        return False
    for g in range(groups):
        found.level_dual[g] /= worth
    for j in range(types):
        found.capacity_dual[j] /= worth
    return True
