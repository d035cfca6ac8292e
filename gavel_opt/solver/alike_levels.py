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

from gavel_opt.arrays import Floats
from gavel_opt.model.allocation_program import AllocationProgram, Blocks
from gavel_opt.solver.column_generation.handed_out import mark_rifts
from gavel_opt.solver.column_generation.pair_pricing import Prices
from gavel_opt.solver.column_generation.pools_of_groups import (
    GroupPools,
    blocks_of_pools,
    prices_of_groups,
)
from gavel_opt.solver.column_generation.restricted_master import Basis
from gavel_opt.solver.column_generation.rounds_of_pricing import Vertex, vertex
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram
from gavel_opt.solver.shares_of_pools import (
    Given,
    Shares,
    given_to_pools,
    pools_of,
    sizes_of,
)
from gavel_opt.solver.water_filling_pairs import basis_of_first

FROM, TIMES_AS_FEW = 48, 2
"""Groups, and groups for each pool, from which on pools are asked."""
_ROUNDS = 16


class AlikeLevels(NamedTuple):
    """What pools say.

    Attributes
    ----------
    pooled
        The program of pools, scaled.
    found
        An optimal vertex of it.
    given
        What pools get there, to be handed out.
    prices
        Optimal prices of the groups, none of them 0 that need not be.
    """

    pooled: ScaledProgram
    found: Vertex
    given: Given
    prices: Prices


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
    need, size = program.slope / best, sizes_of(blocks)
    order = np.lexsort((need, kind))
    begins = np.diff(kind[order], prepend=-1) != 0
    for _ in range(_ROUNDS):
        if TIMES_AS_FEW * int(begins.sum()) > blocks.groups:
            return None
        pools = pools_of(order, begins, size, blocks.use)
        of_pools = _program_of(blocks, scaled, pools, (size * need)[order])
        pooled, basis = ScaledProgram.of(of_pools), basis_of_first(of_pools)
        found = None if basis is None else vertex(pooled, Basis.known(basis))
        if found is None:
            return None
        want = need * (found.level * pooled.unit)
        shares = Shares(found.alone, found.column, found.pair)
        given = given_to_pools((scaled, pooled), (pools, order, size), want, shares)
        if mark_rifts(given.mixes, begins) == 0:
            prices = prices_of_groups(program, scaled, pools, size, (pooled, found))
            return AlikeLevels(pooled, found, given, prices)
    return None


def _program_of(
    blocks: Blocks, scaled: ScaledProgram, pools: GroupPools, needs: Floats
) -> AllocationProgram:
    """The program of pools; ``needs`` are of all jobs of each group, in the pools' order."""
    many = np.bincount(pools.of_group)
    slope = np.add.reduceat(needs, np.cumsum(many) - many) / pools.jobs
    of_pools, _ = blocks_of_pools(blocks, scaled, pools)
    return AllocationProgram(of_pools, slope, np.zeros(slope.size))
