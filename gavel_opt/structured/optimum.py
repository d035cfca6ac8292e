"""The optimum of an allocation program, as the rest of the package sees it."""

from __future__ import annotations

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
from gavel_opt.structured.solve import solve_program

PROVED = 1e-9
"""Certificates beyond it are no answers."""

_NONE = np.empty(0)
_NO_MEMBER = np.empty((0, 2), dtype=np.int64)
_NO_SHARE = np.empty((0, 2))


def optimum(program: Program, tie_break: str) -> tuple[Answer, Certificate, int]:
    """Solve ``program`` for its canonical or its efficient optimum.

    Parameters
    ----------
    program
        Any allocation or finish-time program.
    tie_break
        ``"efficient"``; anything else gives the canonical optimum, and so does a probe.

    Returns
    -------
    answer, certificate, iterations
        To be used only if the certificate is good enough.
    """
    blocks = program.blocks
    types = blocks.types
    pairs = blocks.pairs
    none = np.empty((0, types))
    if pairs is None:
        pairs = PairBlocks(_NO_MEMBER, np.empty((0, 2, types)), _NO_SHARE, _NONE)
    if isinstance(program, FinishTimeProgram):
        kind = _NONE, _NONE, none
        curve = program.age, program.steps, program.isolated
    else:
        reward = none if program.reward is None else program.reward
        kind = program.slope, program.floor, reward
        curve = _NONE, _NONE, _NONE
    probe = isinstance(program, AllocationProgram) and program.probe
    gain = gain_of(program) if tie_break == "efficient" and not probe else _NONE
    given = (
        blocks.rate,
        *kind,
        blocks.use,
        blocks.count,
        blocks.workers,
        pairs.member,
        pairs.rate,
        pairs.share,
        pairs.use,
        *curve,
        gain,
    )
    x, level_dual, capacity_dual, summary = solve_program(*map(_plain, given))
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
