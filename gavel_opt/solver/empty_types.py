"""Worker types without workers, which no method here may meet: their rows leave no interior, and no price is too high.

A state leaves them out, but for the type whose throughput plain policies take for all
(:mod:`gavel_opt.model.odd_states`), and a policy of one's own may make programs of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.model.allocation_program import (
    AllocationProgram,
    Answer,
    Blocks,
    FinishTimeProgram,
    PairBlocks,
    ProductProgram,
)

P = TypeVar("P", bound=AllocationProgram | FinishTimeProgram | ProductProgram)


def served_part(program: P) -> tuple[P, Ints] | None:
    """The program of the types that have workers, and which these are; None if that is all or none of them."""
    blocks = program.blocks
    served = np.flatnonzero(blocks.workers > 0.0)
    if served.size in (0, blocks.types):
        return None
    pairs = blocks.pairs
    if pairs is not None:
        pairs = replace(pairs, rate=pairs.rate[:, :, served])
    part = replace(blocks, rate=blocks.rate[:, served], workers=blocks.workers[served], pairs=pairs)
    if isinstance(program, ProductProgram):
        near = (
            None if program.near is None else (program.near[0][:, served], program.near[1][served])
        )
        return replace(program, blocks=part, near=near), served
    if isinstance(program, AllocationProgram) and program.reward is not None:
        return replace(program, blocks=part, reward=program.reward[:, served]), served
    return replace(program, blocks=part), served


def widened(
    program: AllocationProgram | FinishTimeProgram | ProductProgram, answer: Answer, served: Ints
) -> Answer:
    """The answer to the whole program: no shares of the other types, at prices that nobody would pay."""
    blocks = program.blocks
    x = np.zeros((blocks.combinations, blocks.types))
    x[:, served] = answer.x
    reward = program.reward if isinstance(program, AllocationProgram) else None
    price = _most_paid(blocks, answer.level_dual, reward)
    price[served] = answer.capacity_dual
    return replace(answer, x=x, capacity_dual=price)


def _most_paid(blocks: Blocks, level_dual: Floats, reward: Floats | None) -> Floats:
    """What a worker of each type is worth to whoever would pay most for it, shape ``(J,)``."""
    earned = level_dual[:, None] * blocks.rate
    if reward is not None:
        earned = earned + reward[: blocks.groups] * blocks.count[:, None]
    most: Floats = (earned / blocks.use[:, None]).max(axis=0)
    if blocks.pairs is None or not blocks.pairs.use.size:
        return most
    both = _earned_together(blocks.pairs, level_dual)
    if reward is not None:
        both = both + reward[blocks.groups :]
    together: Floats = np.maximum(most, (both / blocks.pairs.use[:, None]).max(axis=0))
    return together


def _earned_together(pairs: PairBlocks, level_dual: Floats) -> Floats:
    worth = pairs.share * level_dual[pairs.member]
    both: Floats = (worth[:, :, None] * pairs.rate).sum(axis=1)
    return both
