r"""Finish-time fairness as a short sequence of level programs, for engines that take only those.

At a ratio :math:`\rho` the jobs need the levels
:math:`F_g(\rho) = \text{steps}_g / (\rho\, \text{isolated}_g - \text{age}_g)`. The level program

.. math::

    \max\ t \quad\text{s.t.}\quad \text{level}_g(x) \ge F_g(\rho)\, t

has :math:`t = 1` exactly at the smallest ratio. Its multipliers :math:`\lambda` bound every
feasible ratio: :math:`\sum_g \lambda_g F_g(\rho) \le t(\rho_0)`, where the left side falls with
:math:`\rho`. The root of the equality is a Newton step that uses the curves themselves, from below;
the allocation's own ratio bounds from above, and the two meet after 2 to 4 programs.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.model.allocation_program import (
    AllocationProgram,
    Answer,
    FinishTimeProgram,
    best_rates,
)

_MET = 1e-12
"""Bounds this close together, relatively, have met."""

_MOST = 50
"""Programs after which the better bound is taken as it is; its certificate will tell."""


def finish_time_by_levels(
    program: FinishTimeProgram,
) -> Generator[AllocationProgram, Answer, Answer]:
    """Yield level programs, receive their answers, return the answer of the whole.

    Parameters
    ----------
    program
        The finish-time program, with or without pairs.

    Returns
    -------
    Answer
        Objective and level are the ratio that its allocation reaches.
    """
    low = _least_ratio(program)
    high = np.inf
    ratio = _even_split(program)
    best: Answer | None = None
    for _ in range(_MOST):
        answer = yield level_program(program, ratio)
        reached = _ratio(program, program.blocks.levels(answer.x))
        if best is None or reached < high:
            high = min(high, reached)
            best = Answer(answer.x, high, high, answer.level_dual, answer.capacity_dual)
        bound = _root(program, answer, low, ratio)
        low = max(low, bound)
        if high - low <= _MET * high or abs(answer.level - 1.0) <= _MET:
            break
        following = low if bound == low else 0.5 * (low + high)
        if not answer.level_dual.any():
            following = high
        if following == ratio or not np.isfinite(following):
            break
        if not np.all(following * program.isolated > program.age):
            following = 0.5 * (low + high)
        ratio = following
    assert best is not None
    return best


def level_program(program: FinishTimeProgram, ratio: float) -> AllocationProgram:
    """How many times over the levels that ``ratio`` needs can be had at once.

    Its optimum is 1 at the smallest ratio, so there it is a linear program that proves the ratio.
    """
    slope = program.steps / (ratio * program.isolated - program.age)
    return AllocationProgram(
        program.blocks, slope, np.zeros_like(slope), gain=program.gain, probe=True
    )


def _least_ratio(program: FinishTimeProgram) -> float:
    """Ratio of the job that is worst off even if it had the cluster to itself.

    Below it a job would need more than its best level, which keeps the levels asked for bounded.
    """
    return _ratio(program, best_rates(program.blocks))


def _even_split(program: FinishTimeProgram) -> float:
    """Ratio of an even split of the cluster: feasible, so not below the smallest."""
    blocks = program.blocks
    share = blocks.workers / max(float(blocks.use.sum()), float(blocks.workers.sum()))
    return _ratio(program, blocks.rate @ share)


def _ratio(program: FinishTimeProgram, level: Floats) -> float:
    with np.errstate(divide="ignore"):
        left = np.where(level > 0.0, program.steps / level, np.inf)
    return float(((program.age + left) / program.isolated).max())


def _root(program: FinishTimeProgram, answer: Answer, low: float, ratio: float) -> float:
    """Ratio at which the multipliers' bound on the level falls to 1; ``low`` without multipliers."""
    held = answer.level_dual > 0.0
    if not held.any():
        return low
    weight = answer.level_dual[held] * program.steps[held]
    isolated, age = program.isolated[held], program.age[held]
    total = float((weight / (ratio * isolated - age)).sum()) * answer.level

    # Newton's method from the left of a falling convex function climbs to its root and stays left
    left = float((age / isolated + weight / (isolated * total)).max())
    with np.errstate(divide="ignore", invalid="ignore"):  # at a pole no step is better than none
        for _ in range(100):
            room = left * isolated - age
            value = float((weight / room).sum()) - total
            step = value / float((weight * isolated / (room * room)).sum())
            if not step > 1e-16 * left:
                break
            left += step
    return left


__all__ = ["finish_time_by_levels", "level_program"]
