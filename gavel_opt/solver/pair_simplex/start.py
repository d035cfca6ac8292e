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
from gavel_opt.solver.pair_simplex.dual_simplex import (
    FREE,
    HELD,
    Tableau,
    exchange,
    express,
    is_equality,
)

BELOW = 1e-11
"""Columns may cost less than nothing by this part of the largest price of a type."""
CHEAP = 1e-10
"""Columns of a start cost nothing, but for this part of the largest price of a type."""
HALF = 0.5
"""Prices are of no use if time has to cost more by this, beside a level of about 1."""
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
    full
        Whether each group was full, and had a price of time for one of its level, ``(room,)``.
    workers
        Prices of workers, ``(J,)``.
    member, kind
        Of columns in the basis: places of both groups, -1 for nobody; and the type, ``(2 room + J, 2)`` and ``(2 room + J,)``.
    """

    size: Ints
    key: Ints
    level: Floats
    time: Floats
    full: Ints
    workers: Floats
    member: Ints
    kind: Ints


@compiled
def kept_with_room(groups: int, types: int) -> Kept:
    """Room for programs of so many groups."""
    many = 2 * groups + types
    return Kept(
        np.zeros(2, np.int64),
        np.zeros(groups, np.int64),
        np.zeros(groups),
        np.zeros(groups),
        np.zeros(groups, np.int64),
        np.zeros(types),
        np.zeros((many, 2), np.int64),
        np.zeros(many, np.int64),
    )


def copy_kept(one: Kept, other: Kept) -> None:
    """Copy what there is of a program to where there is room for it, or nothing where there is not."""
    groups, many = one.size
    other.size[0] = 0
    if groups <= other.key.size:
        for part, to in zip(one[1:5], other[1:5], strict=True):
            to[:groups] = part[:groups]
        other.workers[:] = one.workers
        other.member[:many], other.kind[:many] = one.member[:many], one.kind[:many]
        other.size[:] = one.size


@compiled
def start_from(columns: Columns, key: Ints, kept: Kept, at: Tableau) -> bool:
    """Start from the last program; False where its prices are none of this one."""
    groups = columns.jobs.size
    if kept.size[0] == 0 or key.size != groups:
        return False
    now = np.full(kept.size[0], -1, np.int64)
    if not (_carry_prices(columns, key, kept, at.y, now) and _raise_time(columns, at.y)):
        return False
    _stand(columns, at)
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
        if columns.full[i] == 1:
            continue
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
        total += columns.rise[i] * y[i]
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
        known = looks < then and (kept.full[place] == 0 or columns.full[i] == 1)
        if looks < then:
            now[place] = i
        if not known:
            new[i] = 1
            continue
        use = columns.use[i] / columns.unit
        y[groups + i] = kept.time[place] * use
        if columns.full[i] == 1:
            y[groups + i] -= kept.level[place] * use
        else:
            y[i] = kept.level[place] * use / _fastest(columns, i)
    for i in range(groups):
        if new[i] == 1:
            _price_newcomer(columns, i, new, y)
            new[i] = 0
    return bool(_normalise(columns, y))


@compiled
def _fastest(columns: Columns, i: int) -> float:
    """The largest rate of a group alone."""
    fastest = 0.0
    for j in range(columns.workers.size):
        fastest = max(fastest, columns.rate[i, j])
    return fastest


@compiled
def _price_newcomer(columns: Columns, i: int, new: Ints, y: Floats) -> None:
    """Give a group the least price of time at which it costs nothing to run, and then the largest one of a level."""
    groups, full = columns.jobs.size, columns.full[i] == 1
    time, level = -math.inf if full else 0.0, math.inf
    for turn in range(1 if full else 2):
        for n in range(columns.one.size):
            one, two = columns.one[n], columns.two[n]
            if one != i and two != i:
                continue
            other = two if one == i else one
            beside = other < groups and other != i
            if beside and new[other] == 1:
                continue
            part = columns.time[n] if one == i else columns.time_two[n]
            for j in range(columns.workers.size):
                own, their = columns.rate[n, j], columns.rate_two[n, j]
                if one != i:
                    own, their = their, own
                left = columns.use[n] * y[2 * groups + j]
                if beside:
                    others = columns.time_two[n] if one == i else columns.time[n]
                    left += others * y[groups + other] - their * y[other]
                if turn == 0 and columns.runs[n, j] == 1:
                    time = max(time, -left / part)
                elif turn == 1 and own > 0.0:
                    level = min(level, (left + part * time) / own)
    y[groups + i] = time
    if not full:
        y[i] = max(level, 0.0)


@compiled
def _stand(columns: Columns, at: Tableau) -> None:
    """Stand at the basis of slacks: held in the rows that have a price."""
    at.inverse[:, :] = 0.0
    at.inside[:] = 0
    for k in range(columns.limit.size):
        at.inverse[k, k] = 1.0
        at.basic[k] = slack_of(k)
        at.value[k] = columns.limit[k]
        at.slack[k] = HELD if at.y[k] > 0.0 or is_equality(columns, k) else FREE
    costs_at(columns, at.y, at.cost)


@compiled
def _raise_time(columns: Columns, y: Floats) -> bool:
    """Raise prices of time until no column costs less than nothing; False if that is as much as half of all."""
    groups, types, dearest, total = columns.jobs.size, columns.workers.size, 0.0, 0.0
    for j in range(types):
        dearest = max(dearest, y[2 * groups + j])
    for n in range(columns.one.size):
        one, two = columns.one[n], columns.two[n]
        pull, pull_two = y[one], y[two]
        time = columns.time[n] * y[groups + one] + columns.time_two[n] * y[groups + two]
        short = 0.0
        for j in range(types):
            if columns.runs[n, j] == 1:
                cost = time + columns.use[n] * y[2 * groups + j]
                cost -= columns.rate[n, j] * pull + columns.rate_two[n, j] * pull_two
                short = max(short, -cost)
        if short > BELOW * dearest:
            y[groups + one] += short / columns.time[n]
            total += columns.jobs[one] * short / columns.time[n]
    return total <= HALF


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
        types = columns.workers.size
        if columns.runs[variable // types, variable % types] == 0:
            return
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
        kept.key[i] = key[i]
        use = columns.use[i] / columns.unit
        kept.level[i] = max(at.y[i], 0.0) * _fastest(columns, i) / use
        kept.full[i] = columns.full[i]
        if columns.full[i] == 1:
            kept.level[i] = max(-at.y[groups + i], 0.0) / use
        kept.time[i] = max(at.y[groups + i], 0.0) / use
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
