"""What levels are worth beyond the smallest one: the second program of the efficient optimum."""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.model.allocation_program import AllocationProgram, FinishTimeProgram, Program


def gain_of(program: Program) -> Floats:
    """What a unit of each group's level is worth in the efficient optimum, shape ``(G,)``."""
    if program.gain is not None:
        return program.gain
    if isinstance(program, FinishTimeProgram):
        return 1.0 / program.steps
    gain: Floats = np.divide(
        1.0, program.slope, out=np.zeros_like(program.slope), where=program.slope > 0.0
    )
    return gain


_ROUNDED = 2.0**-50
"""Relative rounding of a time that a ratio gives, and of the age of which it is the end."""

_LEAST_ROUNDING = 1e-10
"""What of that is heeded in floors: less is within every tolerance."""


def total_worth(program: Program, level: float, give: float) -> AllocationProgram:
    """The second program of the efficient optimum: largest total worth at the level reached.

    Parameters
    ----------
    program
        A program with a level, or a finish-time program.
    level
        The level, or the ratio, of its optimum.
    give
        Part of the levels needed that may be missing.
    """
    blocks, worth = program.blocks, gain_of(program)
    given_away: Floats | float = give
    if isinstance(program, FinishTimeProgram):
        room = level * program.isolated - program.age
        floor = program.steps / room
        # Of a job that is nearly done the difference is rounding, and its floor is beyond reach by that.
        rounding = _ROUNDED * program.isolated * level / room
        given_away = np.where(rounding > _LEAST_ROUNDING, np.maximum(rounding, give), give)
    else:
        floor = program.floor + program.slope * level
    reward = blocks.rate * worth[:, None]
    pairs = blocks.pairs
    if pairs is not None:
        jobs = pairs.share * blocks.count[pairs.member] * worth[pairs.member]
        reward = np.concatenate([reward, (jobs[:, :, None] * pairs.rate).sum(axis=1)])
    floor = floor - given_away * np.where(np.isfinite(floor), np.abs(floor), 0.0)
    return AllocationProgram(blocks, np.zeros(blocks.groups), floor, reward)
