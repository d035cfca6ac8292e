"""Water filling of groups that may share workers: all levels at once, and a basis at which they are reached."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gavel_opt.arrays import Floats, Ints, plain_array
from gavel_opt.kernels.jit import look_for_code, make_ready
from gavel_opt.model.allocation_program import AllocationProgram, Blocks, KnownBasis, best_rates
from gavel_opt.solver.pair_simplex.levels_in_order import Lines, Ordered, levels_in_order
from gavel_opt.solver.prices.bottleneck_pairs import Pairs
from gavel_opt.solver.prices.cheapest_mix import Given

ORDERED = range(2, 4097)
"""Groups for which levels are found so: pivots and passes over all pairs are more than in proportion to their number."""

_VERTEX_FROM = 48
"""Groups from which on a basis is given; shares of fewer are in the midst of all that reach the levels."""

_INTERPRETED = 20
"""Groups up to which it is not worth waiting for compiled code."""


def ordered_levels(
    program: AllocationProgram, lines: tuple[Ints, Ints, Floats, Floats] | None = None
) -> tuple[Floats, KnownBasis | None] | None:
    """Find the levels of all groups by a method that the program's engine has no part in.

    Parameters
    ----------
    program
        With pairs; its slopes and floors are not looked at.
    lines
        How levels rise (:class:`~gavel_opt.solver.pair_simplex.levels_in_order.Lines`): entity, from 0, place and cost of each
        group, and the entities' weights. All alike without it.

    Returns
    -------
    level
        Shape ``(G,)``.
    basis
        Optimal for the program that asks for these levels with slopes as large, which proves that they are reached. None for few
        groups.
    """
    found = _in_order(program.blocks, lines, program.blocks.groups)
    if found is None:
        return None
    return found.level, _basis_of(found) if found.level.size >= _VERTEX_FROM else None


def basis_of_first(program: AllocationProgram) -> KnownBasis | None:
    """An optimal basis of a program with pairs, without rewards, in which levels rise from nothing; None where there is none so."""
    blocks, pairs, slope = program.blocks, program.blocks.pairs, program.slope
    if pairs is None:
        return None
    of_pairs = replace(pairs, rate=pairs.rate / slope[pairs.member][:, :, None])
    found = _in_order(replace(blocks, rate=blocks.rate / slope[:, None], pairs=of_pairs), None, 1)
    return None if found is None else _basis_of(found)


def _in_order(
    blocks: Blocks, lines: tuple[Ints, Ints, Floats, Floats] | None, stops: int
) -> Ordered | None:
    """Go along the path up to so many stops; None where that is not the way."""
    pairs, (groups, types) = blocks.pairs, blocks.rate.shape
    if pairs is None or groups not in ORDERED:
        return None
    none = np.empty(0)
    shared = blocks.rate, blocks.use, blocks.count, blocks.workers
    given = Given._make(
        map(plain_array, (*shared, best_rates(blocks), np.zeros(groups), *[none] * 3))
    )
    of_pairs = Pairs._make(map(plain_array, (pairs.member, pairs.rate, pairs.share, pairs.use)))
    if lines is None:
        nobody = np.zeros(groups, np.int64)
        lines = nobody, nobody, np.ones(groups), np.ones(1)
    found = Ordered(
        np.zeros(groups),
        np.zeros(blocks.combinations * types, np.int64),
        np.zeros(2 * groups + types, np.int64),
        np.zeros(4, np.int64),
    )
    task = given, of_pairs, Lines._make(map(plain_array, lines)), stops, found
    if groups > _INTERPRETED:
        make_ready(levels_in_order, task)
    else:
        look_for_code(levels_in_order)
    return found if levels_in_order(*task) else None


def _basis_of(found: Ordered) -> KnownBasis:
    groups = found.level.size
    types = found.slack.size - 2 * groups
    inside, slack = found.inside.reshape(-1, types) == 1, found.slack == 1
    surplus, time, workers = np.split(slack, [groups, 2 * groups])
    return KnownBasis(inside[:groups], inside[groups:], surplus, time, workers)
