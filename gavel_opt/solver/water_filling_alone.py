"""Water filling of groups that share nothing but worker types: all levels at once, and the shares that reach them."""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, plain_array
from gavel_opt.kernels.jit import look_for_code, make_ready
from gavel_opt.model.allocation_program import AllocationProgram, KnownShares
from gavel_opt.solver.prices.levels_in_stages import (
    NOTHING,
    SHARES,
    levels_in_stages,
    no_levels,
)
from gavel_opt.solver.prices.markets import Columns
from gavel_opt.solver.settings import MANY_TYPES

_INTERPRETED = 100
"""Shares up to which it is not worth waiting for compiled code."""


def levels_by_prices(program: AllocationProgram) -> tuple[Floats, KnownShares | None] | None:
    """Find the levels of all groups, which rise alike, by a method that the program's engine has no part in.

    Parameters
    ----------
    program
        Without pairs; its slopes and floors are not looked at.

    Returns
    -------
    level
        Shape ``(G,)``.
    shares
        Optimal for the program that asks for these levels with slopes as large; None where types are as fast for everybody.
        None in all where that is not certain.
    """
    blocks = program.blocks
    groups, types = blocks.rate.shape
    if not 0 < types <= MANY_TYPES or not groups or not (blocks.workers > 0.0).all():
        return None
    shared = blocks.rate, blocks.use, blocks.count, blocks.workers.astype(np.float64)
    task = Columns._make(map(plain_array, shared)), no_levels(groups, types)
    if groups * types > _INTERPRETED:
        make_ready(levels_in_stages, task)
    else:
        look_for_code(levels_in_stages)
    outcome, found = levels_in_stages(*task), task[1]
    if outcome == NOTHING:
        return None
    known = KnownShares(found.x, found.level_dual, found.capacity_dual)
    return found.level, known if outcome == SHARES else None
