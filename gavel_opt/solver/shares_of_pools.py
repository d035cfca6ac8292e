"""Shares of groups from what pools of them get: each group's time at each rate, then beside whom."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.model.allocation_program import Blocks
from gavel_opt.solver.column_generation.handed_out import Mixes, hand_out, side_by_side
from gavel_opt.solver.column_generation.pools_of_groups import GroupPools
from gavel_opt.solver.column_generation.rounds_of_pricing import NOTHING
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram

_ALIKE = 1e-11
"""Rates of a pool this near are one."""
_IDLE = 0.5, 0.05, 0.0
"""Parts of what a pool's jobs idle that each of them is left, if it can be."""

_MIXED = 0.25, 0.5, 0.75
"""Parts of another order in which groups are handed out what they get."""


class Shares(NamedTuple):
    """Shares of groups alone, shape ``(G, J)``, and of pairs' columns, with their numbers."""

    alone: Floats
    column: Ints
    pair: Floats


class Parts(NamedTuple):
    """Times of pools' jobs in columns: which rate of the pools' mixes, column of the pools (alone first, -1 idle), side, and mass."""

    rate: Ints
    column: Ints
    side: Ints
    mass: Floats


class Given(NamedTuple):
    """What pools get, to be handed out.

    Attributes
    ----------
    scaled, pooled
        The programs of groups and of pools, scaled.
    pools, order, size
        The pools; the groups, by pool and by what they need; jobs of each group.
    mixes
        What is wanted, and what there is, of groups in that order.
    parts
        What each rate is made of.
    """

    scaled: ScaledProgram
    pooled: ScaledProgram
    pools: GroupPools
    order: Ints
    size: Floats
    mixes: Mixes
    parts: Parts


def sizes_of(blocks: Blocks) -> Floats:
    """Jobs of each group, in part too: what a pair takes of their time says how many they are."""
    size, pairs = np.ones(blocks.groups), blocks.pairs
    assert pairs is not None
    for side in (0, 1):
        size[pairs.member[:, side]] = 1.0 / pairs.share[:, side]
    return size


def pools_of(order: Ints, begins: Bools, size: Floats, use: Floats) -> GroupPools:
    """Pools of groups that follow each other in an order."""
    begin = np.flatnonzero(begins)
    of_group = np.empty(order.size, dtype=np.int64)
    of_group[order] = np.cumsum(begins) - 1
    last = order[np.append(begin[1:], order.size) - 1]
    # in that order whoever comes first, so that sums are the same
    jobs, use = np.add.reduceat(size[order], begin), np.add.reduceat(use[order], begin)
    return GroupPools(of_group, order[begin], last, jobs, use)


def given_to_pools(
    programs: tuple[ScaledProgram, ScaledProgram],
    groups: tuple[GroupPools, Ints, Floats],
    need: Floats,
    shares: Shares,
) -> Given:
    """What the time of each pool is made of.

    Parameters
    ----------
    programs
        Of groups and of pools.
    groups
        Their pools, their order, by pool and in it by need, and jobs of each.
    need
        What each group is to get, in parts of what it does at its fastest.
    shares
        What the pools get.
    """
    pooled, (pools, order, size) = programs[1], groups
    begin = np.append(np.flatnonzero(np.diff(pools.of_group[order], prepend=-1)), order.size)
    jobs, types, pairs = pools.jobs, pooled.rate.shape[1], pooled.pairs
    pool, kind = np.nonzero(shares.alone > NOTHING)
    used = shares.pair > NOTHING
    pair, pair_kind = np.divmod(shares.column[used], types)
    column = jobs.size * types + shares.column[used]
    everyone, none = np.arange(jobs.size), np.zeros(jobs.size)
    member, rate = pairs.member[pair], pairs.rate[pair, :, pair_kind]
    of_pool = np.concatenate([pool, member[:, 0], member[:, 1], everyone])
    alone = shares.alone[pool, kind] * jobs[pool]
    mass = np.concatenate([alone, shares.pair[used], shares.pair[used], none])
    mass[-jobs.size :] = np.maximum(jobs - np.bincount(of_pool, mass), 0.0)
    rates = np.concatenate([pooled.speed[pool, kind], rate[:, 0], rate[:, 1], none])
    columns = np.concatenate([pool * types + kind, column, column, np.full(jobs.size, -1)])
    side = np.concatenate([0 * pool, 0 * pair, 0 * pair + 1, 0 * everyone])
    by_rate = np.lexsort((rates, of_pool))
    of_pool, rates, mass = of_pool[by_rate], rates[by_rate], mass[by_rate]
    other = (np.diff(of_pool, prepend=-1) != 0) | (np.diff(rates, prepend=-1.0) > _ALIKE)
    at = np.flatnonzero(other)
    start = np.append(np.flatnonzero(np.diff(of_pool[at], prepend=-1)), at.size)
    mixes = Mixes(begin, need[order], size[order], start, rates[at], np.add.reduceat(mass, at))
    parts = Parts(np.cumsum(other) - 1, columns[by_rate], side[by_rate], mass)
    return Given(*programs, pools, order, size, mixes, parts)


def shares_of_groups(given: Given, idle: Bools, tries: int = 1) -> Shares | None:
    """Hand out what pools get; None where it cannot be.

    Parameters
    ----------
    given
        What there is.
    idle
        Groups that are left some of their time if their pool idles.
    tries
        How often it may be handed out otherwise where a group would run beside itself.
    """
    mixes, idle = given.mixes, idle[given.order]
    pools = range(given.pools.first.size)
    masses = [_given(mixes, p, idle, None) for p in pools]
    for _ in range(tries):
        pieces = []
        for p, mass in zip(pools, masses, strict=True):
            if mass is None:
                return None
            group, rate = np.nonzero(mass)
            pieces.append((mixes.begin[p] + group, mixes.start[p] + rate, mass[group, rate]))
        every, rate, length = (np.concatenate(part) for part in zip(*pieces, strict=True))
        shares = _in_columns(given, given.order[every], rate, length)
        if shares is None or isinstance(shares, Shares):
            return shares
        for at in np.flatnonzero(np.isin(given.order, shares)).tolist():
            p = int(given.pools.of_group[given.order[at]])
            place = at - int(mixes.begin[p])
            masses[p] = _with_others(given, p, place, masses[p], idle)
    return None


def _with_others(
    given: Given, pool: int, group: int, mass: Floats | None, idle: Bools
) -> Floats | None:
    """Have others share what a group would run beside itself: mix in an order that has it last, so that nobody has much of that."""
    mixes, parts = given.mixes, given.parts
    types, singles = given.scaled.rate.shape[1], given.pooled.rate.size
    paired = parts.column >= singles
    member = given.pooled.pairs.member[(parts.column[paired] - singles) // types]
    itself = parts.rate[paired][member[:, 0] == member[:, 1]] - mixes.start[pool]
    itself = np.unique(itself[(itself >= 0) & (itself < mixes.start[pool + 1] - mixes.start[pool])])
    rest = np.delete(np.arange(mixes.begin[pool + 1] - mixes.begin[pool]), group)
    if mass is None:
        return None
    best, least = mass, np.inf
    for first in range(rest.size):
        other = _given(mixes, pool, idle, np.append(np.roll(rest, -first), group))
        for part in _MIXED:
            if other is None:
                break
            mixed: Floats = mass + part * (other - mass)
            most = float(mixed[:, itself].sum(axis=1).max())
            if most < least:
                best, least = mixed, most
    return best


def _given(mixes: Mixes, pool: int, idle: Bools, order: Ints | None) -> Floats | None:
    """What each group of a pool is given at each rate, shape ``(groups, rates)``, if they come in an order: None the slowest first."""
    groups = slice(mixes.begin[pool], mixes.begin[pool + 1])
    rates = slice(mixes.start[pool], mixes.start[pool + 1])
    want, size, idle = mixes.want[groups], mixes.size[groups], idle[groups]
    rate, mass = mixes.rate[rates], mixes.mass[rates]
    jobs = float(size[idle].sum())
    idles = float(mass[0]) / jobs if rate[0] == 0.0 and jobs > 0.0 else 0.0
    order = np.arange(want.size) if order is None else order
    for part in _IDLE:
        rests = np.where(idle, np.minimum(part * idles, part * (1.0 - want / rate[-1])), 0.0)
        rests, left = np.maximum(rests, 0.0), mass.copy()
        left[0] -= rests @ size
        given, works = np.zeros((want.size, rate.size)), 1.0 - rests
        if hand_out((want / works)[order], (size * works)[order], rate, left, given):
            return given[np.argsort(order)]
    return None


def _in_columns(given: Given, group: Ints, rate: Ints, mass: Floats) -> Shares | Ints | None:
    """Shares of groups that are given masses at rates, of each in all columns that it is made of; groups that would run beside themselves."""
    parts, scaled, types = given.parts, given.scaled, given.scaled.rate.shape[1]
    many, of_rate = np.bincount(parts.rate), np.bincount(parts.rate, parts.mass)
    each = many[rate]
    part = np.repeat((np.cumsum(many) - many)[rate] - np.cumsum(each) + each, each)
    part += np.arange(part.size)
    there = np.maximum(of_rate, np.finfo(float).tiny)[rate]
    group, mass = np.repeat(group, each), np.repeat(mass / there, each) * parts.mass[part]
    column, side = parts.column[part], parts.side[part]
    alone, singles = np.zeros((scaled.rate.shape[0], types)), given.pools.first.size * types
    single = (column >= 0) & (column < singles)
    np.add.at(alone, (group[single], column[single] % types), mass[single])
    alone /= given.size[:, None]
    paired = np.flatnonzero(column >= singles)
    paired = paired[np.lexsort((group[paired], column[paired]))]
    group, column, side, mass = group[paired], column[paired], side[paired], mass[paired]
    # of a pool beside itself one half runs beside the other
    member = given.pooled.pairs.member[(column - singles) // types]
    itself = member[:, 0] == member[:, 1]
    both, length = np.unique(column[itself], return_inverse=True)[1], mass[itself]
    half = 0.5 * np.bincount(both, length)
    piece, of_half, length = side_by_side(length, np.repeat(half, 2))
    sides = []
    for which in (0, 1):
        mine, own = ~itself & (side == which), of_half % 2 == which
        columns = np.concatenate([column[mine], column[itself][piece[own]]])
        groups = np.concatenate([group[mine], group[itself][piece[own]]])
        by_column = np.argsort(columns, kind="stable")
        masses = np.concatenate([mass[mine], length[own]])[by_column]
        sides.append((groups[by_column], columns[by_column], masses))
    (one, first, of_one), (two, second, of_two) = sides
    i, k, pair = side_by_side(of_one, of_two)
    number = scaled.pair_numbers(np.sort(np.stack([one[i], two[k]], axis=1), axis=1))
    if (first[i] != second[k]).any() or (one[i] != two[k])[number < 0].any():
        return None
    if (number < 0).any():
        return np.unique(one[i][number < 0])
    columns, place = np.unique(number * types + first[i] % types, return_inverse=True)
    return Shares(alone, columns, np.bincount(place, pair, columns.size).astype(np.float64))
