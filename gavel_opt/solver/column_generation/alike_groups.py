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

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.model.allocation_program import AllocationProgram
from gavel_opt.solver.column_generation.pair_pricing import Prices
from gavel_opt.solver.column_generation.pools_of_groups import (
    GroupPools,
    blocks_of_pools,
    prices_of_groups,
)
from gavel_opt.solver.column_generation.rounds_of_pricing import Vertex, generate, vertex
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram

FROM, TIMES_AS_FEW = 1000, 4
"""Groups, and groups for each pool, from which on pools are asked: with fewer a start from the last program is as short."""
_ROUNDS = 12
_TIGHT = 1e-7
"""Time that must be left of a job's for a limit to count as not tight."""
_MOST = 0.5
"""Part of a pool of which a job would have to be beside itself."""


def _pools_of(label: Ints, count: Floats, use: Floats) -> GroupPools:
    """Groups of equal ``label``."""
    _, first, of_group = np.unique(label, return_index=True, return_inverse=True)
    last = np.zeros(first.size, dtype=np.int64)
    last[of_group] = np.arange(label.size)
    jobs, use = (np.bincount(of_group, part).astype(np.float64) for part in (count, use))
    return GroupPools(of_group, first, last, jobs, use)


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
        pools = _pools_of(label, count, blocks.use)
        if TIMES_AS_FEW * pools.first.size > blocks.groups:
            return None
        pooled = ScaledProgram.of(_program_of(program, scaled, pools, need))
        generated = generate(pooled, None)
        found = None if generated is None else vertex(pooled, generated[0])
        if found is None:
            return None
        leaves = _leaving(pools, pooled, found, need, count)
        if not leaves.any():
            return prices_of_groups(program, scaled, pools, count, (pooled, found))
        label = np.unique(2 * pools.of_group + leaves, return_inverse=True)[1]
    return None


def _program_of(
    program: AllocationProgram, scaled: ScaledProgram, pools: GroupPools, need: Floats
) -> AllocationProgram:
    blocks, reward, first = program.blocks, program.reward, pools.first
    assert reward is not None
    floor = np.bincount(pools.of_group, blocks.count * need) / pools.jobs
    of_pools, number = blocks_of_pools(blocks, scaled, pools)
    return AllocationProgram(
        of_pools,
        slope=np.zeros(first.size),
        floor=np.where(program.floor[first] > -np.inf, floor, -np.inf),
        reward=np.concatenate([reward[first], reward[blocks.groups + number]]),
    )


def _leaving(
    pools: GroupPools, pooled: ScaledProgram, found: Vertex, need: Floats, count: Floats
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
