r"""Levels of a packed program in which many groups are alike but for what they need: by pools that need as much on the average.

Groups of one kind run equally fast, alone and beside any other. A *pool* is some of them: as many jobs as they have, whose mean
level is the mean of what they need. Any allocation of the groups, summed over pools, is one of theirs, so the pools'
level is a bound; and it is the groups' if what a pool gets can be handed out (:mod:`~gavel_opt.solver.column_generation.handed_out`). Where it
cannot, since some need more than others in the same time, pools are cut in two, and the question is asked again. A kind has as
many pools in the end as there are prices of its jobs' time and levels, some two, however many its jobs are.

Nothing rests on it: prices are proven, over the whole program, with the groups' own shares, or they are no answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.model.allocation_program import AllocationProgram, Blocks
from gavel_opt.solver.column_generation.handed_out import (
    Mixes,
    hand_out,
    mark_rifts,
    side_by_side,
)
from gavel_opt.solver.column_generation.pair_pricing import Prices
from gavel_opt.solver.column_generation.pools_of_groups import (
    GroupPools,
    blocks_of_pools,
    prices_of_groups,
)
from gavel_opt.solver.column_generation.restricted_master import Basis
from gavel_opt.solver.column_generation.rounds_of_pricing import NOTHING, Vertex, vertex
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram
from gavel_opt.solver.water_filling_pairs import basis_of_first

FROM, TIMES_AS_FEW = 48, 2
"""Groups, and groups for each pool, from which on pools are asked."""
_ROUNDS = 16
_ALIKE = 1e-11
"""Rates of a pool this near are one."""
_IDLE = 0.5, 0.05, 0.0
"""Parts of what a pool's jobs idle that each of them is left, if it can be."""


class Shares(NamedTuple):
    """Shares of groups alone, shape ``(G, J)``, and of pairs' columns, with their numbers."""

    alone: Floats
    column: Ints
    pair: Floats


class AlikeLevels(NamedTuple):
    """What pools say.

    Attributes
    ----------
    scaled, pooled
        The programs of groups and of pools, scaled.
    pools, order, size
        The pools; the groups, by pool and by what they need; jobs of each group.
    found
        An optimal vertex of the pools.
    mixes
        What is wanted, and what there is, of groups in that order.
    parts
        What each rate is made of.
    prices
        Optimal prices of the groups, none of them 0 that need not be.
    """

    scaled: ScaledProgram
    pooled: ScaledProgram
    pools: GroupPools
    order: Ints
    size: Floats
    found: Vertex
    mixes: Mixes
    parts: _Parts
    prices: Prices


class _Parts(NamedTuple):
    """Times of pools' jobs in columns: which rate of the pools' mixes, column of the pools (alone first, -1 idle), side, and mass."""

    rate: Ints
    column: Ints
    side: Ints
    mass: Floats


def levels_of_alike(program: AllocationProgram, scaled: ScaledProgram) -> AlikeLevels | None:
    """Ask pools; None where groups are not alike or pools do not tell.

    Parameters
    ----------
    program, scaled
        A program with pairs, without rewards, in which levels rise from nothing, as it is and scaled.
    """
    blocks, kind = program.blocks, program.blocks.kind
    best = blocks.rate.max(axis=1)
    if kind is None or blocks.groups < FROM or program.reward is not None:
        return None
    if not (best.min() > 0.0 and program.slope.min() > 0.0 and (program.floor == 0.0).all()):
        return None
    need, size = program.slope / best, _sizes(blocks)
    order = np.lexsort((need, kind))
    begins = np.diff(kind[order], prepend=-1) != 0
    for _ in range(_ROUNDS):
        if TIMES_AS_FEW * int(begins.sum()) > blocks.groups:
            return None
        pools = _pools_of(order, begins, size, blocks.use)
        of_pools = _program_of(blocks, scaled, pools, (size * need)[order])
        pooled, basis = ScaledProgram.of(of_pools), basis_of_first(of_pools)
        found = None if basis is None else vertex(pooled, Basis.known(basis))
        if found is None:
            return None
        begin = np.append(np.flatnonzero(begins), order.size)
        want = need[order] * (found.level * pooled.unit)
        mixes, parts = _mixes_of(pooled, pools, found, (begin, want, size[order]))
        if mark_rifts(mixes, begins) == 0:
            prices = prices_of_groups(program, scaled, pools, size, (pooled, found))
            return AlikeLevels(scaled, pooled, pools, order, size, found, mixes, parts, prices)
    return None


def _sizes(blocks: Blocks) -> Floats:
    """Jobs of each group, in part too: what a pair takes of their time says how many they are."""
    size, pairs = np.ones(blocks.groups), blocks.pairs
    assert pairs is not None
    for side in (0, 1):
        size[pairs.member[:, side]] = 1.0 / pairs.share[:, side]
    return size


def _pools_of(order: Ints, begins: Bools, size: Floats, use: Floats) -> GroupPools:
    """Pools of groups that follow each other in an order."""
    begin = np.flatnonzero(begins)
    of_group = np.empty(order.size, dtype=np.int64)
    of_group[order] = np.cumsum(begins) - 1
    last = order[np.append(begin[1:], order.size) - 1]
    # in that order whoever comes first, so that sums are the same
    jobs, use = np.add.reduceat(size[order], begin), np.add.reduceat(use[order], begin)
    return GroupPools(of_group, order[begin], last, jobs, use)


def _program_of(
    blocks: Blocks, scaled: ScaledProgram, pools: GroupPools, needs: Floats
) -> AllocationProgram:
    """The program of pools; ``needs`` are of all jobs of each group, in the pools' order."""
    many = np.bincount(pools.of_group)
    slope = np.add.reduceat(needs, np.cumsum(many) - many) / pools.jobs
    of_pools, _ = blocks_of_pools(blocks, scaled, pools)
    return AllocationProgram(of_pools, slope, np.zeros(slope.size))


def _mixes_of(
    pooled: ScaledProgram,
    pools: GroupPools,
    found: Vertex,
    groups: tuple[Ints, Floats, Floats],
) -> tuple[Mixes, _Parts]:
    """What the time of each pool is made of."""
    jobs, types, pairs = pools.jobs, pooled.rate.shape[1], pooled.pairs
    pool, kind = np.nonzero(found.alone > NOTHING)
    used = found.pair > NOTHING
    pair, pair_kind = np.divmod(found.column[used], types)
    column = jobs.size * types + found.column[used]
    everyone, none = np.arange(jobs.size), np.zeros(jobs.size)
    member, rate = pairs.member[pair], pairs.rate[pair, :, pair_kind]
    of_pool = np.concatenate([pool, member[:, 0], member[:, 1], everyone])
    alone = found.alone[pool, kind] * jobs[pool]
    mass = np.concatenate([alone, found.pair[used], found.pair[used], none])
    mass[-jobs.size :] = np.maximum(jobs - np.bincount(of_pool, mass), 0.0)
    rates = np.concatenate([pooled.speed[pool, kind], rate[:, 0], rate[:, 1], none])
    columns = np.concatenate([pool * types + kind, column, column, np.full(jobs.size, -1)])
    side = np.concatenate([0 * pool, 0 * pair, 0 * pair + 1, 0 * everyone])
    by_rate = np.lexsort((rates, of_pool))
    of_pool, rates, mass = of_pool[by_rate], rates[by_rate], mass[by_rate]
    other = (np.diff(of_pool, prepend=-1) != 0) | (np.diff(rates, prepend=-1.0) > _ALIKE)
    at = np.flatnonzero(other)
    start = np.append(np.flatnonzero(np.diff(of_pool[at], prepend=-1)), at.size)
    mixes = Mixes(*groups, start, rates[at], np.add.reduceat(mass, at))
    return mixes, _Parts(np.cumsum(other) - 1, columns[by_rate], side[by_rate], mass)


def shares_of_groups(alike: AlikeLevels, idle: Bools) -> Shares | None:
    """Hand out what pools get; None where it cannot be.

    ``idle`` are groups that are left some of their time if their pool idles.
    """
    mixes, pieces = alike.mixes, []
    for p in range(alike.pools.first.size):
        given = _given(mixes, p, idle[alike.order])
        if given is None:
            return None
        group, rate = np.nonzero(given)
        pieces.append((mixes.begin[p] + group, mixes.start[p] + rate, given[group, rate]))
    group, rate, mass = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return _in_columns(alike, alike.order[group], rate, mass)


def _given(mixes: Mixes, pool: int, idle: Bools) -> Floats | None:
    """What each group of a pool is given at each rate, shape ``(groups, rates)``."""
    groups = slice(mixes.begin[pool], mixes.begin[pool + 1])
    rates = slice(mixes.start[pool], mixes.start[pool + 1])
    want, size, idle = mixes.want[groups], mixes.size[groups], idle[groups]
    rate, mass = mixes.rate[rates], mixes.mass[rates]
    jobs = float(size[idle].sum())
    idles = float(mass[0]) / jobs if rate[0] == 0.0 and jobs > 0.0 else 0.0
    for part in _IDLE:
        rests = np.where(idle, np.minimum(part * idles, part * (1.0 - want / rate[-1])), 0.0)
        rests, left = np.maximum(rests, 0.0), mass.copy()
        left[0] -= rests @ size
        given = np.zeros((want.size, rate.size))
        works = 1.0 - rests
        if hand_out(want / works, size * works, rate, left, given):
            return given
    return None


def _in_columns(alike: AlikeLevels, group: Ints, rate: Ints, mass: Floats) -> Shares | None:
    """Shares of groups that are given masses at rates, of each in all columns that it is made of."""
    parts, scaled, types = alike.parts, alike.scaled, alike.scaled.rate.shape[1]
    many, of_rate = np.bincount(parts.rate), np.bincount(parts.rate, parts.mass)
    each = many[rate]
    part = np.repeat((np.cumsum(many) - many)[rate] - np.cumsum(each) + each, each)
    part += np.arange(part.size)
    there = np.maximum(of_rate, np.finfo(float).tiny)[rate]
    group, mass = np.repeat(group, each), np.repeat(mass / there, each) * parts.mass[part]
    column, side = parts.column[part], parts.side[part]
    alone, singles = np.zeros((scaled.rate.shape[0], types)), alike.pools.first.size * types
    single = (column >= 0) & (column < singles)
    np.add.at(alone, (group[single], column[single] % types), mass[single])
    alone /= alike.size[:, None]
    paired = np.flatnonzero(column >= singles)
    paired = paired[np.lexsort((group[paired], column[paired]))]
    group, column, side, mass = group[paired], column[paired], side[paired], mass[paired]
    # of a pool beside itself one half runs beside the other
    member = alike.pooled.pairs.member[(column - singles) // types]
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
    if (number < 0).any() or (first[i] != second[k]).any():
        return None
    columns, place = np.unique(number * types + first[i] % types, return_inverse=True)
    return Shares(alone, columns, np.bincount(place, pair, columns.size).astype(np.float64))
