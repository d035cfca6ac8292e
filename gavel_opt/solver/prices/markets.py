r"""Some worker types for which jobs compete, while the others are there for everybody: the step of water filling by prices.

All jobs of a stage rise together, each until its own limit, :math:`F_i(h) = \min(h, l_i)` at height h. Types without a price are
*free*: what a job reaches on the best of them, :math:`f_i`, it has for nothing, so that only :math:`F_i(h) - f_i` is to be had of
the others, at speeds :math:`r_{ij} - f_i`. What is left is the program of :mod:`~gavel_opt.solver.prices.price_search`, over
the types with a price alone, whose point of idling is now the time on the best free type.

Jobs at their limits need all of their time on their fastest type, so they are taken out, with what they use. Who is, is
found by Newton's method from above: at any prices the height is bounded by

.. math:: \sum_i k_i C_i(F_i(h) - f_i; p) \le p N ,

and from the largest such h on down, those at their limits are held there while a search finds prices at which less can be had.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.dense import copy_into
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.prices.cheapest_mix import (
    FIRST,
    SECOND,
    THIRD,
    TOP,
    Problem,
    edge,
    mean_prices,
)
from gavel_opt.solver.prices.price_search import (
    AROUND,
    LOST,
    MANY,
    OPTIMAL,
    SAMPLE,
    SLACK,
    WIDEST,
    Region,
    Sample,
    WorkingBasis,
    guess,
    search,
)
from gavel_opt.solver.prices.recovery import (
    APART,
    PROVED,
    Basis,
    answer,
    eliminate_largest,
    tied_jobs,
    ties_of,
)

USED_UP, LOWER = 4, 5
"""Outcomes beside those of the price search: those at their limits use up the types whose price is 0 then, and nobody pays for
others; the height is below some limits that it was thought to reach."""
TURNS = 40
"""Of Newton's method from above."""
ROUNDING = 1e-12
"""Part of a type's workers that may be left or missing by rounding."""
CLOSE = 1e-13
"""A height is found once what it costs is so near to what there is."""
BISECTIONS = 200
"""Of what lies between a height that can be paid and one that cannot."""


class Columns(NamedTuple):
    """The groups: rate, use, counts and workers of a program's blocks (:class:`~gavel_opt.model.allocation_program.Blocks`)."""

    rate: Floats
    use: Floats
    counts: Ints
    workers: Floats


class Standing(NamedTuple):
    """Where a stage begins.

    Attributes
    ----------
    rises
        Jobs that are not stopped yet, shape ``(G,)``.
    is_open
        Types that had no price yet, ``(J,)``.
    supply
        Workers left of each type, ``(J,)``.
    """

    rises: Bools
    is_open: Bools
    supply: Floats


class Market(NamedTuple):
    """What is to be had of the types with a price.

    Attributes
    ----------
    job
        Jobs that are faster on one of them than on every free type, shape ``(m,)``.
    rate
        By how much, 0 where they are not, ``(m, P)``.
    free, at_free
        What each reaches on the free types, and on which of them; -1 if that is not one alone, ``(m,)``.
    limit, top, fastest
        What each reaches on its fastest type with a price, by how much that is more, and which it is, ``(m,)``.
    use, counts
        Workers each takes, and how many jobs it is, ``(m,)``.
    types, workers, size
        The types with a price, what there is of them, and was in the beginning, ``(P,)``.
    """

    job: Ints
    rate: Floats
    free: Floats
    at_free: Ints
    limit: Floats
    top: Floats
    fastest: Ints
    use: Floats
    counts: Ints
    types: Ints
    workers: Floats
    size: Floats


class Stop(NamedTuple):
    """Where the market stops those who compete.

    Attributes
    ----------
    full
        Whether a job of the market is at its limit, ``(m,)``.
    pays
        Whether it is stopped by prices, ``(m,)``.
    x
        Shares on the types with a price of those that are, ``(m, P)``.
    price
        Of the types, ``(P,)``; the cost of a unit of height to those who pay is 1 in all.
    cost
        Of each job's level, ``(m,)``.
    """

    full: Bools
    pays: Bools
    x: Floats
    price: Floats
    cost: Floats


@compiled
def two_fastest(rate: Floats, is_open: Bools) -> tuple[int, float, float]:
    """The fastest open type of a job, -1 if there is none, its speed, and that of the next."""
    at, best, second = -1, 0.0, 0.0
    for j in range(rate.size):
        if is_open[j] and rate[j] > second:
            if rate[j] > best:
                at, best, second = j, rate[j], best
            else:
                second = rate[j]
    return at, best, second


@compiled
def market_of(columns: Columns, now: Standing, priced: Bools) -> Market:
    """The market of the ``priced`` types; the other open ones are free."""
    groups, types = columns.rate.shape
    kinds, place, many = np.empty(types, np.int64), np.empty(types, np.int64), 0
    is_free = np.empty(types, np.bool_)
    for j in range(types):
        is_free[j] = now.is_open[j] and not priced[j]
        if priced[j]:
            kinds[many], place[j] = j, many
            many += 1
    kinds = kinds[:many]
    job, found = np.empty(groups, np.int64), 0
    free, at_free = np.empty(groups), np.empty(groups, np.int64)
    limit, top, fastest = np.empty(groups), np.empty(groups), np.empty(groups, np.int64)
    for g in range(groups):
        if not now.rises[g]:
            continue
        at, best, _ = two_fastest(columns.rate[g], priced)
        on, for_nothing, second = two_fastest(columns.rate[g], is_free)
        if best > for_nothing:
            job[found], free[found] = g, for_nothing
            at_free[found] = on if second < for_nothing * (1.0 - APART) else -1
            limit[found], top[found], fastest[found] = best, best - for_nothing, place[at]
            found += 1
    job, free = job[:found], free[:found]
    rate = np.zeros((found, many))
    for s in range(found):
        for n in range(many):
            rate[s, n] = max(columns.rate[job[s], kinds[n]] - free[s], 0.0)
    return Market(
        job,
        rate,
        free,
        at_free[:found],
        limit[:found],
        top[:found],
        fastest[:found],
        columns.use[job],
        columns.counts[job],
        kinds,
        now.supply[kinds],
        columns.workers[kinds],
    )


@compiled
def cost_of(market: Market, price: Floats, height: float) -> tuple[float, float]:
    """What a height costs at these prices, and what a little more would."""
    rate, free, top = market.rate, market.free, market.top
    types = price.size
    cost, slope = 0.0, 0.0
    for s in range(free.size):
        level = height - free[s]
        if not level > 0.0:
            continue
        full = level >= top[s]
        if full:
            cost += market.use[s] * price[market.fastest[s]]
            continue
        rb, pb = 0.0, 1.0
        for j in range(types):
            if price[j] * rb < pb * rate[s, j]:
                rb, pb = rate[s, j], price[j]
        if level <= rb:
            part = market.use[s] * pb / rb
            cost += part * level
            slope += part
            continue
        a, b = edge(s, rate, price, level)
        ra, pa = rate[s, a - 1], price[a - 1]
        part = market.use[s] * (price[b - 1] - pa) / (rate[s, b - 1] - ra)
        cost += market.use[s] * pa + part * (level - ra)
        slope += part
    return cost, slope


@compiled
def height_at(market: Market, price: Floats, high: float) -> float:
    """The largest height up to ``high`` that does not cost more than all workers at these prices."""
    low, worth = 0.0, 0.0
    for j in range(price.size):
        worth += price[j] * market.workers[j]
    cost, slope = cost_of(market, price, high)
    if cost <= worth:
        return high
    height = high
    for _ in range(BISECTIONS):
        before = height
        height = before - (cost - worth) / slope if slope > 0.0 else math.nan
        if not low < height < high:
            height = low + 0.5 * (high - low)
        if not low < height < high:
            break
        cost, slope = cost_of(market, price, height)
        if abs(cost - worth) <= CLOSE * worth:
            return height
        if cost <= worth:
            low = height
        else:
            high = height
    return high


@compiled
def stop_of(market: Market, price: Floats, low: float, high: float) -> tuple[int, float, Stop]:
    """Where workers stop those who compete; an outcome of the price search, how high they stand, and who and why.

    Parameters
    ----------
    market
        The market.
    price
        Where to start; gets the last prices.
    low, high
        The height of the last stop, which matters where nobody pays, and one that cannot be passed.
    """
    many, types = market.rate.shape
    full, pays, x = np.zeros(many, np.bool_), np.zeros(many, np.bool_), np.zeros((many, types))
    stop = Stop(full, pays, x, price, np.zeros(many))
    height, radius = height_at(market, price, high), min(4.0 / math.sqrt(many), WIDEST)
    for turn in range(TURNS):
        left, reached = _take_out_full(market, height, full)
        fits, some = _with_workers(market, left)
        above = _lowest_kept_out(market, full, some)
        outcome, lower = LOST, height
        if fits and some.size == 0:
            # those at their limits use all of it, and nobody else pays
            return OPTIMAL, max(reached, min(low, above)), stop
        if fits and above < height:
            for j in range(types):
                price[j] = 1.0 if left[j] > ROUNDING * market.size[j] else 0.0
            return USED_UP, math.nan, stop
        if fits:
            trial = Trial(height, radius, reached, above, turn == 0)
            outcome, done = _compete(market, left, some, trial, stop)
            if outcome == OPTIMAL:
                return (OPTIMAL if done > reached * (1.0 + APART) else LOST), done, stop
            lower = height_at(market, price, height)
            if outcome == LOWER:
                radius = min(AROUND / many, WIDEST)
            elif lower < height:  # at this height's limits alone: below, all may have a price
                copy_into(price, mean_prices(market.rate, market.use, market.top))
        else:
            for j in range(types):
                lower = min(lower, _height_by_one(market, j, height))
        if not lower < height:
            return (SLACK if outcome == SLACK else LOST), math.nan, stop
        height = lower
    return LOST, math.nan, stop


class Trial(NamedTuple):
    """A height, and what goes with it.

    Attributes
    ----------
    height, radius
        Where the search begins, and how far around it looks.
    reached, above
        The highest limit of those who are there at this height, and the lowest of those kept out.
    is_first
        Whether prices are nobody's yet.
    """

    height: float
    radius: float
    reached: float
    above: float
    is_first: bool


@compiled
def _compete(
    market: Market, left: Floats, some: Ints, trial: Trial, stop: Stop
) -> tuple[int, float]:
    """Search for prices of those who are not at their limits: an outcome, LOWER where others are then; and the height."""
    problem, who = _of_those_below(market, stop.full, some, left)
    basis = WorkingBasis(np.zeros((who.size, 2), np.int64), np.empty(who.size, np.int64))
    start = stop.price[some]
    if trial.is_first and who.size > SAMPLE:
        guess(problem, start, basis)
    region = Region(trial.height, trial.radius, math.inf)
    outcome, t, _, found, _ = search(problem, Sample(0, 1), start, region, basis, MANY)
    if outcome == OPTIMAL and trial.reached < t <= trial.above:
        done = _settle(market, problem, basis, (found, who, some, start), stop)
        return (OPTIMAL if done <= trial.above else LOST), done
    _fill(stop.price, start, some)
    return (LOWER if outcome == OPTIMAL else outcome), t


@compiled
def _height_by_one(market: Market, place: int, high: float) -> float:
    """The largest height that one type has workers for, if all others cost nothing."""
    price = np.zeros(market.workers.size)
    price[place] = 1.0
    return float(height_at(market, price, high))


@compiled
def _take_out_full(market: Market, height: float, full: Bools) -> tuple[Floats, float]:
    """Mark the jobs that a height takes to their limits; workers left, and the highest of these limits."""
    left, reached = market.workers.copy(), 0.0
    for s in range(full.size):
        full[s] = market.limit[s] <= height
        if full[s]:
            left[market.fastest[s]] -= market.use[s]
            reached = max(reached, market.limit[s])
    return left, reached


@compiled
def _with_workers(market: Market, left: Floats) -> tuple[bool, Ints]:
    """Whether no type lacks workers, and which have some left."""
    some, many, fits = np.empty(left.size, np.int64), 0, True
    for j in range(left.size):
        rounding = ROUNDING * market.size[j]
        fits = fits and left[j] >= -rounding
        if left[j] > rounding:
            some[many] = j
            many += 1
    return fits, some[:many]


@compiled
def _lowest_kept_out(market: Market, full: Bools, some: Ints) -> float:
    """The lowest limit of those who would be faster on a type that has no workers left."""
    lowest = math.inf
    for s in range(full.size):
        best = _fastest_of(market, s, some)
        if not full[s] and best < market.top[s]:
            lowest = min(lowest, market.free[s] + best)
    return lowest


@compiled
def _fastest_of(market: Market, s: int, some: Ints) -> float:
    best = 0.0
    for n in range(some.size):
        best = max(best, market.rate[s, some[n]])
    return best


@compiled
def _fill(price: Floats, start: Floats, some: Ints) -> None:
    """Prices of some types; the others have none."""
    price[:] = 0.0
    for n in range(some.size):
        price[some[n]] = start[n]


@compiled
def _of_those_below(market: Market, full: Bools, some: Ints, left: Floats) -> tuple[Problem, Ints]:
    """The program of the jobs that are not at their limits, over the types that have workers left, and which they are."""
    who, found, cap = np.empty(full.size, np.int64), 0, math.inf
    for s in range(full.size):
        if not full[s] and _fastest_of(market, s, some) > 0.0:
            who[found] = s
            found += 1
    who = who[:found]
    rate, own = np.empty((found, some.size)), np.empty((found, 4))
    for n in range(found):
        s = who[n]
        for m in range(some.size):
            rate[n, m] = market.rate[s, some[m]]
        own[n, FIRST], own[n, SECOND] = 1.0, -market.free[s]
        own[n, THIRD] = 1.0 if market.free[s] > 0.0 else 0.0
        own[n, TOP] = _fastest_of(market, s, some)
        cap = min(cap, market.free[s] + own[n, TOP])
    return Problem(rate, market.use[who], market.counts[who], left[some], own, False, cap), who


@compiled
def _settle(
    market: Market,
    problem: Problem,
    basis: WorkingBasis,
    of: tuple[int, Ints, Ints, Floats],
    stop: Stop,
) -> float:
    """Take the optimum of a basis, ``of`` so many jobs near a change, such jobs and types, and prices; its height, or NaN if
    it is not the only one for sure."""
    found, who, some, price = of
    sure, jobs, points = tied_jobs(problem.rate, price, basis.near[:found], basis.edges)
    if not sure:
        return math.nan
    tied = Basis(basis.edges, jobs, points)
    x, cost, proof = np.zeros(problem.rate.shape), np.zeros(who.size), np.empty(3)
    t = answer(problem, tied, price, cost, x, proof)
    if not (t < problem.cap * (1.0 - APART) and max(proof[0], proof[1], proof[2]) <= PROVED):
        return math.nan
    if not _rest_is_told(problem.rate, tied, market.at_free[who]):
        return math.nan
    for n in range(who.size):
        s = who[n]
        stop.pays[s] = basis.edges[n, 1] > 0
        stop.cost[s] = cost[n]
        for m in range(some.size):
            stop.x[s, some[m]] = x[n, m]
    _fill(stop.price, price, some)
    return t


@compiled
def _rest_is_told(rate: Floats, basis: Basis, at_free: Ints) -> bool:
    """Whether those who mix three types and more take as much of each free type, however they share what there is of the others.

    Their ties span as many dimensions as there are prices but one; with the free types counted in they may not span more.
    """
    types, kinds = rate.shape[1], 0
    for s in range(basis.jobs.size):
        kinds = max(kinds, at_free[basis.jobs[s]] + 1)
    ties = ties_of(rate, basis)
    rows = ties.shape[0]
    if rows < types or kinds == 0:
        return True
    table, row = np.zeros((rows, types + kinds)), 0
    for s in range(basis.jobs.size):
        i = basis.jobs[s]
        low, high = basis.edges[i, 0], basis.edges[i, 1]
        for c in range(1, types + 1):
            if not basis.points[s, c] or c in (low, high):
                continue
            for j in range(types):
                table[row, j] = ties[row, j]
            if low == 0 and at_free[i] >= 0:
                table[row, types + at_free[i]] = rate[i, c - 1] / rate[i, high - 1] - 1.0
            row += 1
    column = np.arange(types + kinds)
    for step in range(types - 1):
        if not eliminate_largest(table, column, step):
            return False
    for n in range(types - 1, rows):
        for j in range(types - 1, types + kinds):
            if abs(table[n, column[j]]) > APART:
                return False
    return True
