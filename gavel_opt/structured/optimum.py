"""The optimum of an allocation program, as the rest of the package sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gavel_opt.allocation import (
    AllocationProgram,
    Answer,
    FinishTimeProgram,
    PairBlocks,
    Program,
)
from gavel_opt.arrays import Floats
from gavel_opt.solution import Certificate
from gavel_opt.structured.direct import DOUBT, PINNED, PRICED, solve_direct
from gavel_opt.structured.solve import solve_program

PROVED = 1e-9
"""Certificates beyond it are no answers."""

_NONE = np.empty(0)
_NO_MEMBER = np.empty((0, 2), dtype=np.int64)
_NO_SHARE = np.empty((0, 2))


@dataclass(slots=True)
class Memory:
    """Where the next search may start; what it finds does not depend on it.

    Attributes
    ----------
    start
        Prices and level of the last program in which all worker types had a price.
    """

    start: Floats = field(default_factory=lambda: np.zeros(1))

    def for_types(self, types: int) -> Floats:
        """Prices and level, zero if there are none for that many worker types."""
        if self.start.size != types + 1:
            self.start = np.zeros(types + 1)
        return self.start


def optimum(
    program: Program, tie_break: str, memory: Memory | None = None
) -> tuple[Answer, Certificate, int]:
    """Solve ``program`` for its canonical or its efficient optimum.

    Parameters
    ----------
    program
        Any allocation or finish-time program.
    tie_break
        ``"efficient"``; anything else gives the canonical optimum, and so does a probe.
    memory
        Where to start, kept from program to program; a matter of cost only.

    Returns
    -------
    answer, certificate, iterations
        To be used only if the certificate is good enough.
    """
    blocks = program.blocks
    types = blocks.types
    pairs = blocks.pairs
    none = np.empty((0, types))
    reward = none
    if isinstance(program, FinishTimeProgram):
        curve = _NONE, _NONE, program.age, program.steps, program.isolated
    else:
        reward = none if program.reward is None else program.reward
        curve = program.slope, program.floor, _NONE, _NONE, _NONE
    shared = tuple(map(_plain, (blocks.rate, blocks.use, blocks.count, blocks.workers)))
    curve = tuple(map(_plain, curve))
    probe = isinstance(program, AllocationProgram) and program.probe
    efficient = tie_break == "efficient" and not probe

    x, summary = np.empty((blocks.groups, types)), np.empty(6)
    level_dual, capacity_dual = np.empty(blocks.groups), np.empty(types)
    direct = pairs is None and reward.size == 0
    start = np.zeros(types + 1) if memory is None else memory.for_types(types)
    found = x, level_dual, capacity_dual, summary
    outcome = solve_direct(*shared, *curve, start, *found) if direct else 0
    # where nothing is slack the efficient optimum is the canonical one: all levels are what they must be
    if outcome == PRICED or (outcome == PINNED and not efficient):
        return _answer(*found)
    pinned = outcome == PINNED

    if pairs is None:
        pairs = PairBlocks(_NO_MEMBER, np.empty((0, 2, types)), _NO_SHARE, _NONE)
    rate, use, count, workers = shared
    slope, floor, age, steps, isolated = curve
    paired = pairs.member, pairs.rate, pairs.share, pairs.use
    gain = gain_of(program) if efficient else _NONE
    others = (reward, *paired, gain)
    reward, member, pair_rate, share, pair_use, gain = map(_plain, others)
    given = rate, slope, floor, reward, use, count, workers, member, pair_rate, share, pair_use
    centre = (x, float(summary[1]), level_dual) if pinned else (none, 0.0, _NONE)
    slow = solve_program(*given, age, steps, isolated, gain, *centre)
    if pinned:
        slow[3][:2] = summary[:2]
        return _answer(slow[0], level_dual, capacity_dual, slow[3])
    if outcome == DOUBT and slow[2].min() > 0.0:
        # it has prices after all: then the search from there has the last word
        start[:types], start[types] = slow[2], slow[3][1]
        if curve[2].size:
            start[types] = -start[types]
        if solve_direct(*shared, *curve, start, *found) == PRICED:
            return _answer(*found)
    return _answer(*slow)


def _answer(
    x: Floats, level_dual: Floats, capacity_dual: Floats, summary: Floats
) -> tuple[Answer, Certificate, int]:
    objective, level, *proof, iterations = summary.tolist()
    answer = Answer(x, objective, level, level_dual, capacity_dual)
    return answer, Certificate(*proof), int(iterations)


def _plain(array: Any) -> Any:
    """Contiguous and writable, as the kernels are compiled for; other kinds would compile anew."""
    flags = array.flags
    return array if flags.carray else array.copy()


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
    if isinstance(program, FinishTimeProgram):
        floor = program.steps / (level * program.isolated - program.age)
    else:
        floor = program.floor + program.slope * level
    reward = blocks.rate * worth[:, None]
    pairs = blocks.pairs
    if pairs is not None:
        jobs = pairs.share * blocks.count[pairs.member] * worth[pairs.member]
        reward = np.concatenate([reward, (jobs[:, :, None] * pairs.rate).sum(axis=1)])
    floor = floor - give * np.where(np.isfinite(floor), np.abs(floor), 0.0)
    return AllocationProgram(blocks, np.zeros(blocks.groups), floor, reward)
