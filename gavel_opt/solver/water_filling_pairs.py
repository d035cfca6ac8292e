"""Water filling of groups that may share workers: all levels at once, and a basis at which they are reached."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.model.allocation_program import AllocationProgram, Blocks, KnownBasis
from gavel_opt.solver.levels_by_parts.own_limits_first import LevelsMemory, past_own_limits
from gavel_opt.solver.levels_by_parts.path_of_levels import PathOfLevels
from gavel_opt.solver.pair_simplex.levels_in_order import Lines, Ordered

ORDERED = range(2, 4097)
"""Groups for which levels are found so: pivots and passes over all pairs are more than in proportion to their number."""

_VERTEX_FROM = 48
"""Groups from which on a basis is given; shares of fewer are in the midst of all that reach the levels."""


def ordered_levels(
    program: AllocationProgram,
    lines: tuple[Ints, Ints, Floats, Floats] | None = None,
    memory: LevelsMemory | None = None,
) -> tuple[Floats, KnownBasis | None] | None:
    """Find the levels of all groups by a method that the program's engine has no part in.

    Parameters
    ----------
    program
        With pairs; its slopes and floors are not looked at.
    lines
        How levels rise (:class:`~gavel_opt.solver.pair_simplex.levels_in_order.Lines`): entity, from 0, place and cost of each
        group, and the entities' weights. All alike without it.
    memory
        What the last such programs left. The answer does not depend on it.

    Returns
    -------
    level
        Shape ``(G,)``.
    basis
        Optimal for the program that asks for these levels with slopes as large, which proves that they are reached. None for few
        groups.
    """
    path = _path_of(program.blocks, lines)
    if path is None:
        return None
    found = past_own_limits(path, memory) or path.stops(program.blocks.groups)
    if found is None:
        return None
    return found.level, _basis_of(found) if found.level.size >= _VERTEX_FROM else None


def basis_of_first(program: AllocationProgram) -> KnownBasis | None:
    """An optimal basis of a program with pairs, without rewards, in which levels rise from nothing; None where there is none so."""
    blocks, pairs, slope = program.blocks, program.blocks.pairs, program.slope
    if pairs is None:
        return None
    of_pairs = replace(pairs, rate=pairs.rate / slope[pairs.member][:, :, None])
    path = _path_of(replace(blocks, rate=blocks.rate / slope[:, None], pairs=of_pairs), None)
    found = None if path is None else path.stops(1)
    return None if found is None else _basis_of(found)


def _path_of(
    blocks: Blocks, lines: tuple[Ints, Ints, Floats, Floats] | None
) -> PathOfLevels | None:
    """The path of a program; None where that is not the way."""
    if blocks.pairs is None or blocks.groups not in ORDERED:
        return None
    return PathOfLevels.of(blocks, blocks.pairs, None if lines is None else Lines._make(lines))


def _basis_of(found: Ordered) -> KnownBasis:
    groups = found.level.size
    types = found.slack.size - 2 * groups
    inside, slack = found.inside.reshape(-1, types) == 1, found.slack == 1
    surplus, time, workers = np.split(slack, [groups, 2 * groups])
    return KnownBasis(inside[:groups], inside[groups:], surplus, time, workers)
