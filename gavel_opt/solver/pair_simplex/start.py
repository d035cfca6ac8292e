r"""Where the dual simplex method starts: prices of jobs and types from the last program, with its basis as far as it goes.

Prices of a job change by one factor when jobs come or leave (:mod:`gavel_opt.solver.pair_simplex.columns`). A group
that is new gets the largest price at which none of its columns costs less than nothing. Without a program of before, types
cost what their workers do of each job on average, and jobs half of what is best for one alone, so no pair pays.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.pair_simplex.columns import Columns, T, costs_at, slack_of
from gavel_opt.solver.pair_simplex.dual_simplex import FREE, HELD, Tableau, exchange, express

BELOW = 1e-11
"""Columns may cost less than nothing by this part of the largest price of a type."""
CHEAP = 1e-10
"""Columns of a start cost nothing, but for this part of the largest price of a type."""
SURE = 1e-6
"""Coefficients up to this are no pivots of a start."""


class Kept(NamedTuple):
    """Prices and basis of the last program.

    Attributes
    ----------
    size
        Groups and columns that there are, 0 for none, ``(2,)``.
    key
        Numbers by which groups are known, ``(room,)``.
    level, time
        Prices of a job's level and time, ``(room,)``; those of time as many times as large as levels are, as workers'.
    workers
        Prices of workers, ``(J,)``.
    member, kind
        Of columns in the basis: places of both groups, -1 for nobody; and the type, ``(2 room + J, 2)`` and ``(2 room + J,)``.
    """

    size: Ints
    key: Ints
    level: Floats
    time: Floats
    workers: Floats
    member: Ints
    kind: Ints


def kept_with_room(groups: int, types: int) -> Kept:
    """Room for programs of so many groups."""
    many = 2 * groups + types
    return Kept(
        np.zeros(2, np.int64),
        np.zeros(groups, np.int64),
        np.zeros(groups),
        np.zeros(groups),
        np.zeros(types),
        np.zeros((many, 2), np.int64),
        np.zeros(many, np.int64),
    )


@compiled
def start_from(columns: Columns, key: Ints, kept: Kept, at: Tableau) -> bool:
    """Start from the last program; False where its prices are none of this one."""
    groups = columns.jobs.size
    if kept.size[0] == 0 or key.size != groups:
        return False
    now = np.full(kept.size[0], -1, np.int64)
    if not _carry_prices(columns, key, kept, at.y, now):
        return False
    _stand(columns, at)
    if not _dual_feasible(columns, at):
        return False
    _carry_basis(columns, kept, now, at)
    return True


@compiled
def start_from_nothing(columns: Columns, at: Tableau) -> None:
    """Start from prices that any program has."""
    groups, types, y = columns.jobs.size, columns.workers.size, at.y
    y[:] = 0.0
    for j in range(types):
        total, jobs = 0.0, 0.0
        for i in range(groups):
            total += columns.jobs[i] * columns.rate[i, j] / columns.use[i]
            jobs += columns.jobs[i]
        y[2 * groups + j] = max(total / jobs, 1e-3)
    for i in range(groups):
        least = math.inf
        for j in range(types):
            if columns.runs[i, j]:
                least = min(least, columns.use[i] * y[2 * groups + j] / columns.rate[i, j])
        y[i] = least
    most = 1.0
    for n in range(groups, columns.one.size):
        for j in range(types):
            pull = (
                columns.rate[n, j] * y[columns.one[n]] + columns.rate_two[n, j] * y[columns.two[n]]
            )
            most = max(most, pull / (columns.use[n] * y[2 * groups + j]))
    for i in range(groups):
        y[i] /= most
    _normalise(columns, y)
    _stand(columns, at)


@compiled
def _normalise(columns: Columns, y: Floats) -> bool:
    """Have all jobs' prices of a level add up to 1; False if they are nothing."""
    groups, total = columns.jobs.size, 0.0
    for i in range(groups):
        total += columns.jobs[i] * y[i]
    if not total > 0.0:
        return False
    for k in range(columns.limit.size):
        y[k] /= total
    return True


@compiled
def _carry_prices(columns: Columns, key: Ints, kept: Kept, y: Floats, now: Ints) -> bool:
    """Fill in prices, and where each group of the last program stands now; False if that gives none."""
    groups, then = columns.jobs.size, now.size
    y[:] = 0.0
    for j in range(columns.workers.size):
        y[2 * groups + j] = kept.workers[j] / columns.unit
    new = np.zeros(groups, np.int64)
    place = 0
    for i in range(groups):
        # mostly they come in the same order
        looks = 0
        while looks < then and kept.key[place] != key[i]:
            place = place + 1 if place + 1 < then else 0
            looks += 1
        if looks < then:
            y[i], y[groups + i], now[place] = kept.level[place], kept.time[place] / columns.unit, i
        else:
            new[i] = 1
    for i in range(groups):
        if new[i] == 1:
            y[i] = _largest_price(columns, i, new, y)
            new[i] = 0
            if not y[i] >= 0.0:
                return False
    return bool(_normalise(columns, y))


@compiled
def _largest_price(columns: Columns, i: int, new: Ints, y: Floats) -> float:
    """The largest price of a group's level at which none of its columns costs less than nothing."""
    groups, least = columns.jobs.size, math.inf
    for n in range(columns.one.size):
        one, two = columns.one[n], columns.two[n]
        if one != i and two != i:
            continue
        other = two if one == i else one
        beside = other < groups
        if beside and other != i and new[other] == 1:
            continue
        for j in range(columns.workers.size):
            own, their = columns.rate[n, j], columns.rate_two[n, j]
            if one != i:
                own, their = their, own
            if own > 0.0:
                left = columns.use[n] * y[2 * groups + j]
                if beside and other != i:
                    time = columns.time_two[n] if one == i else columns.time[n]
                    left += time * y[groups + other] - their * y[other]
                least = min(least, left / own)
    return least


@compiled
def _stand(columns: Columns, at: Tableau) -> None:
    """Stand at the basis of slacks: held in the rows that have a price."""
    at.inverse[:, :] = 0.0
    at.inside[:] = 0
    for k in range(columns.limit.size):
        at.inverse[k, k] = 1.0
        at.basic[k] = slack_of(k)
        at.value[k] = columns.limit[k]
        at.slack[k] = HELD if at.y[k] > 0.0 else FREE
    costs_at(columns, at.y, at.cost)


@compiled
def _dual_feasible(columns: Columns, at: Tableau) -> bool:
    """Whether no column costs less than nothing."""
    groups, types, dearest = columns.jobs.size, columns.workers.size, 0.0
    for j in range(types):
        dearest = max(dearest, at.y[2 * groups + j])
    for c in range(at.cost.size):
        if at.cost[c] < -BELOW * dearest and columns.runs[c // types, c % types]:
            return False
    return True


@compiled
def _carry_basis(columns: Columns, kept: Kept, now: Ints, at: Tableau) -> None:
    """Take in the columns of the last basis that are there, what new groups are best in, and t."""
    groups, types = columns.jobs.size, columns.workers.size
    number = np.full((groups, groups), -1, np.int64)
    for n in range(groups, columns.one.size):
        two = columns.two[n] if columns.two[n] < groups else columns.one[n]
        number[columns.one[n], two] = n
    known = np.zeros(groups, np.int64)
    for place in range(now.size):
        if now[place] >= 0:
            known[now[place]] = 1
    for m in range(kept.size[1]):
        one, two = now[kept.member[m, 0]], -1
        n = one
        if kept.member[m, 1] >= 0:
            two = now[kept.member[m, 1]]
            n = -1
            if one >= 0 and two >= 0:
                n = number[min(one, two), max(one, two)]
        if n >= 0:
            _take_in(columns, at, n * types + kept.kind[m])
    for i in range(groups):
        if known[i] == 0:
            _take_in(columns, at, _cheapest_of(columns, at, i))
    _take_in(columns, at, T)


@compiled
def _cheapest_of(columns: Columns, at: Tableau, i: int) -> int:
    """The column of a group that costs least."""
    types, cheapest, found = columns.workers.size, math.inf, i * columns.workers.size
    for n in range(columns.one.size):
        if columns.one[n] == i or columns.two[n] == i:
            for j in range(types):
                c = n * types + j
                if columns.runs[n, j] and at.inside[c] == 0 and at.cost[c] < cheapest:
                    cheapest, found = at.cost[c], c
    return found


@compiled
def _take_in(columns: Columns, at: Tableau, variable: int) -> None:
    """Take a variable into the basis in place of a slack that is held, if there is one that it can do without."""
    if variable >= 0:
        dearest = 0.0
        for j in range(columns.workers.size):
            dearest = max(dearest, at.y[2 * columns.jobs.size + j])
        if abs(at.cost[variable]) > CHEAP * dearest:
            return
        at.cost[variable] = 0.0
    express(columns, at, variable)
    largest, place = SURE, -1
    for i in range(at.basic.size):
        held = at.basic[i] < T and at.slack[slack_of(at.basic[i])] == HELD
        if held and abs(at.entering[i]) > largest:
            largest, place = abs(at.entering[i]), i
    if place >= 0:
        exchange(at, place, variable)


@compiled
def keep(columns: Columns, key: Ints, at: Tableau, kept: Kept) -> None:
    """Keep prices and basis for the next program, if there is room."""
    groups, types = columns.jobs.size, columns.workers.size
    kept.size[0] = 0
    if groups > kept.key.size or key.size != groups:
        return
    for i in range(groups):
        kept.key[i], kept.level[i] = key[i], max(at.y[i], 0.0)
        kept.time[i] = max(at.y[groups + i], 0.0) * columns.unit
    for j in range(types):
        kept.workers[j] = max(at.y[2 * groups + j], 0.0) * columns.unit
    many = 0
    for c in range(at.cost.size):
        if at.inside[c] == 1:
            one, two = columns.one[c // types], columns.two[c // types]
            kept.member[many, 0], kept.kind[many] = one, c % types
            kept.member[many, 1] = two if two < groups else -1
            if c // types >= groups and two >= groups:
                kept.member[many, 1] = one
            many += 1
    kept.size[0], kept.size[1] = groups, many
