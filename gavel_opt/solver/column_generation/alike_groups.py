r"""Prices of a packed sum in which most groups are alike but for their floors: those of a program of pools.

Groups of one kind run equally fast, alone and beside any other, and earn the same. A *pool* is some of them, all with a
floor or all without: as many jobs as they have, whose mean level is the mean of their floors. Any allocation of the
groups, summed over pools, is one of theirs, so the pools' optimum is a bound; and it is the groups', at the pools'
prices, if what a pool gets can be handed out such that each job has its floor within its time. If every job gets the pool's mix
of shares, a job that needs :math:`s` takes the time :math:`s T / L`, where :math:`T` is the time of the pool and :math:`L` its
level, both of the mean job. Those that would need all of their time become a pool of their own, and the question
is asked again.

Nothing rests on it: the centre of the face of these prices is proven with them over the whole program, or it is no answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.model.allocation_program import AllocationProgram, Blocks, PairBlocks
from gavel_opt.solver.column_generation.pair_pricing import Prices
from gavel_opt.solver.column_generation.rounds_of_pricing import (
    Vertex,
    complementary_prices,
    generate,
    vertex,
)
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram

FROM, TIMES_AS_FEW = 1000, 4
"""Groups, and groups for each pool, from which on pools are asked: with fewer a start from the last program is as short."""
_ROUNDS = 12
_TIGHT = 1e-7
"""Time that must be left of a job's for a limit to count as not tight."""
_MOST = 0.5
"""Part of a pool of which a job would have to be beside itself."""


class _Pools(NamedTuple):
    """Pools of groups: which is in which, a first and a last one of each, and how many jobs there are in each."""

    of_group: Ints
    first: Ints
    last: Ints
    jobs: Floats

    @classmethod
    def of(cls, label: Ints, count: Floats) -> _Pools:
        """Groups of equal ``label``."""
        _, first, of_group = np.unique(label, return_index=True, return_inverse=True)
        last = np.zeros(first.size, dtype=np.int64)
        last[of_group] = np.arange(label.size)
        return cls(of_group, first, last, np.bincount(of_group, count).astype(np.float64))


def prices_of_alike(program: AllocationProgram, scaled: ScaledProgram) -> Prices | None:
    """Optimal prices, none of them 0 that need not be; None where groups are not alike or pools do not tell.

    Parameters
    ----------
    program, scaled
        A program with pairs and rewards and without a level, as it is and scaled.
    """
    blocks = program.blocks
    best = blocks.rate.max(axis=1)
    kind, count = blocks.kind, scaled.count
    if kind is None or blocks.groups < FROM or not best.min() > 0.0:
        return None
    if program.reward is None or scaled.has_level:
        return None
    floored = program.floor > -np.inf
    need = np.where(floored, program.floor, 0.0) / best
    label = np.unique(2 * kind + floored, return_inverse=True)[1]
    for _ in range(_ROUNDS):
        pools = _Pools.of(label, count)
        if TIMES_AS_FEW * pools.first.size > blocks.groups:
            return None
        pooled = ScaledProgram.of(_program_of(program, scaled, pools, need))
        found = _optimum_of(pooled)
        if found is None:
            return None
        leaves = _leaving(pools, pooled, found, need, count)
        if not leaves.any():
            return _prices_of_groups(scaled, pools, best, pooled, found)
        label = np.unique(2 * pools.of_group + leaves, return_inverse=True)[1]
    return None


def _program_of(
    program: AllocationProgram, scaled: ScaledProgram, pools: _Pools, need: Floats
) -> AllocationProgram:
    """The program of pools, with levels in units of what their jobs do alone at their fastest."""
    blocks, reward = program.blocks, program.reward
    pairs, groups = blocks.pairs, blocks.groups
    assert pairs is not None
    assert reward is not None
    of_group, first, last, jobs = pools
    best = blocks.rate.max(axis=1)
    one, two = np.triu_indices(first.size)
    member = np.stack([first[one], np.where(one == two, last[two], first[two])], axis=1)
    number = scaled.pair_numbers(np.sort(member, axis=1))
    there = number >= 0
    one, two, member, number = one[there], two[there], member[there], number[there]
    side = (pairs.member[number, 0] != member[:, 0]).astype(np.int64)
    sides = np.stack([side, 1 - side], axis=1)
    floor = np.bincount(of_group, blocks.count * need) / jobs
    both = np.stack([one, two], axis=1)
    return AllocationProgram(
        Blocks(
            blocks.rate[first] / best[first, None],
            np.bincount(of_group, blocks.use).astype(np.float64),
            jobs.astype(np.int64),
            blocks.workers,
            pairs=PairBlocks(
                both,
                pairs.rate[number[:, None], sides] / best[member][:, :, None],
                1.0 / jobs[both],
                pairs.use[number],
            ),
        ),
        slope=np.zeros(first.size),
        floor=np.where(program.floor[first] > -np.inf, floor, -np.inf),
        reward=np.concatenate([reward[first], reward[groups + number]]),
    )


def _optimum_of(pooled: ScaledProgram) -> Vertex | None:
    generated = generate(pooled, None)
    return None if generated is None else vertex(pooled, generated[0])


def _leaving(
    pools: _Pools, pooled: ScaledProgram, found: Vertex, need: Floats, count: Floats
) -> Bools:
    """Groups that would need all of their time, or more than all others in their pool, if the pool's mix were theirs."""
    levels, time, _ = pooled.taken(found.alone, found.column, found.pair)
    level = np.divide(levels, pooled.scale, out=np.zeros(time.size), where=pooled.scale > 0.0)
    least = np.full(time.size, np.inf)
    np.minimum.at(least, pools.of_group, need)
    mixed = np.bincount(pools.of_group, need > least[pools.of_group] * (1.0 + _TIGHT)) > 0.0
    takes = (
        need * np.divide(time, level, out=np.zeros(time.size), where=level > 0.0)[pools.of_group]
    )
    total = np.bincount(pools.of_group, count * need)[pools.of_group]
    leaves: Bools = mixed[pools.of_group] & ((takes >= 1.0 - _TIGHT) | (need >= _MOST * total))
    return leaves


def _prices_of_groups(
    scaled: ScaledProgram, pools: _Pools, best: Floats, pooled: ScaledProgram, found: Vertex
) -> Prices:
    prices = complementary_prices(pooled, found)
    part = scaled.count / pools.jobs[pools.of_group] * (scaled.worth / pooled.worth)
    level = (prices.level * pooled.scale)[pools.of_group] * part / best
    return Prices(
        np.divide(level, scaled.scale, out=np.zeros(level.size), where=scaled.scale > 0.0),
        prices.time[pools.of_group] * part,
        prices.workers * (scaled.worth / pooled.worth),
    )
