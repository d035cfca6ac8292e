"""Pools of groups of one kind, which run equally fast alone and beside any other: their program, and what its prices say of groups."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.model.allocation_program import AllocationProgram, Blocks, PairBlocks
from gavel_opt.solver.column_generation.pair_pricing import Prices
from gavel_opt.solver.column_generation.rounds_of_pricing import (
    Vertex,
    complementary_prices,
)
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram


class GroupPools(NamedTuple):
    """Pools of groups.

    Attributes
    ----------
    of_group
        Pool of each group, shape ``(G,)``.
    first, last
        A first and a last group of each, shape ``(P,)``.
    jobs, use
        How many jobs there are in each, and workers that they take, shape ``(P,)``.
    """

    of_group: Ints
    first: Ints
    last: Ints
    jobs: Floats
    use: Floats


def blocks_of_pools(
    blocks: Blocks, scaled: ScaledProgram, pools: GroupPools
) -> tuple[Blocks, Ints]:
    """Pools as groups, with levels in units of what their jobs do alone at their fastest; which of the groups' pairs theirs are."""
    pairs = blocks.pairs
    assert pairs is not None
    _, first, last, jobs, use = pools
    best = blocks.rate.max(axis=1)
    one, two = np.triu_indices(first.size)
    member = np.stack([first[one], np.where(one == two, last[two], first[two])], axis=1)
    number = scaled.pair_numbers(np.sort(member, axis=1))
    there = number >= 0
    member, number = member[there], number[there]
    side = (pairs.member[number, 0] != member[:, 0]).astype(np.int64)
    sides = np.stack([side, 1 - side], axis=1)
    both = np.stack([one[there], two[there]], axis=1)
    of_pools = Blocks(
        blocks.rate[first] / best[first, None],
        use,
        np.maximum(jobs, 1.0).astype(np.int64),
        blocks.workers,
        pairs=PairBlocks(
            both,
            pairs.rate[number[:, None], sides] / best[member][:, :, None],
            1.0 / jobs[both],
            pairs.use[number],
        ),
    )
    return of_pools, number


def prices_of_groups(
    program: AllocationProgram,
    scaled: ScaledProgram,
    pools: GroupPools,
    size: Floats,
    pooled: tuple[ScaledProgram, Vertex],
) -> Prices:
    """What a vertex of the pools' program says of the groups, of so many jobs; none of it 0 that need not be."""
    of_pools, found = pooled
    prices = complementary_prices(of_pools, found)
    part = size / pools.jobs[pools.of_group] * (scaled.worth / of_pools.worth)
    level = (prices.level * of_pools.scale)[pools.of_group] * part
    level /= program.blocks.rate.max(axis=1)
    return Prices(
        np.divide(level, scaled.scale, out=np.zeros(level.size), where=scaled.scale > 0.0),
        prices.time[pools.of_group] * part,
        prices.workers * (scaled.worth / of_pools.worth),
    )
