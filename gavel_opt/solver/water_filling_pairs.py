"""Water filling of groups that may share workers: all levels at once, and a basis at which they are reached."""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, plain_array
from gavel_opt.kernels.jit import make_ready
from gavel_opt.model.allocation_program import AllocationProgram, KnownBasis
from gavel_opt.solver.pair_simplex.levels_in_order import Ordered, levels_in_order
from gavel_opt.solver.prices.bottleneck_pairs import Pairs
from gavel_opt.solver.prices.cheapest_mix import Given

ORDERED = range(48, 2305)
"""Groups for which levels are found so: each pivot takes the square of their number."""


def ordered_levels(program: AllocationProgram) -> tuple[Floats, KnownBasis] | None:
    """Find the levels of all groups, which rise alike, by a method that the program's engine has no part in.

    Parameters
    ----------
    program
        With pairs; its slopes and floors are not looked at.

    Returns
    -------
    level
        Shape ``(G,)``.
    basis
        Optimal for the program that asks for these levels with slopes as large. What is proven at it is that they are reached.
    """
    blocks, pairs = program.blocks, program.blocks.pairs
    groups, types = blocks.rate.shape
    if pairs is None or groups not in ORDERED:
        return None
    none = np.empty(0)
    shared = blocks.rate, blocks.use, blocks.count, blocks.workers
    given = Given._make(map(plain_array, (*shared, np.ones(groups), np.zeros(groups), *[none] * 3)))
    of_pairs = Pairs._make(map(plain_array, (pairs.member, pairs.rate, pairs.share, pairs.use)))
    found = Ordered(
        np.zeros(groups),
        np.zeros(blocks.combinations * types, np.int64),
        np.zeros(2 * groups + types, np.int64),
        np.zeros(2, np.int64),
    )
    task = given, of_pairs, found
    make_ready(levels_in_order, task)
    if not levels_in_order(*task):
        return None
    inside, slack = found.inside.reshape(-1, types) == 1, found.slack == 1
    surplus, time, workers = np.split(slack, [groups, 2 * groups])
    return found.level, KnownBasis(inside[:groups], inside[groups:], surplus, time, workers)
