r"""Certificates of answers in blocks from engines that are not ours, made from the answer alone.

An engine from outside fills in a certificate of its own, which is a claim. What its answer holds is
enough for a proof: the allocation, the prices of workers :math:`\lambda` and the multipliers of the
levels :math:`\mu`. The prices of time that fit them best are

.. math:: \tau_g = \max\bigl(0, \max_j\ \mu_g\, \text{rate}_{gj} + \text{reward}_{gj}
    - \lambda_j\, \text{use}_g\bigr),

raised where a pair would still earn more than it costs.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.model.allocation_program import (
    AllocationProgram,
    Answer,
    Blocks,
    FinishTimeProgram,
    ProductProgram,
    Program,
)
from gavel_opt.model.answers import allocation_answer, finish_time_answer, product_answer
from gavel_opt.model.solution import Certificate


def recertify(
    program: Program | ProductProgram, answer: Answer
) -> tuple[Answer, Certificate] | None:
    """Make the answer and its certificate anew; None where what it holds has the wrong shape.

    Parameters
    ----------
    program
        The program, without rows of its own.
    answer
        Its ``x``, ``level_dual`` and ``capacity_dual`` are read; the objective and the level are
        computed from ``x``.
    """
    blocks = program.blocks
    x = _numbers(answer.x, (blocks.combinations, blocks.types))
    level_dual = _numbers(answer.level_dual, (blocks.groups,))
    price = _numbers(answer.capacity_dual, (blocks.types,))
    if x is None or level_dual is None or price is None:
        return None
    level_dual, price = np.maximum(level_dual, 0.0), np.maximum(price, 0.0)
    reward = program.reward if isinstance(program, AllocationProgram) else None
    time = time_prices(blocks, level_dual, price, reward)
    if isinstance(program, AllocationProgram):
        return allocation_answer(program, x, level_dual, price, time)
    if isinstance(program, FinishTimeProgram):
        ratio_dual = level_dual * program.isolated * blocks.levels(x) ** 2 / program.steps
        return finish_time_answer(program, x, ratio_dual, price, time)
    return product_answer(program, x, price, time)


def _numbers(values: object, shape: tuple[int, ...]) -> Floats | None:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return array if array.shape == shape and np.isfinite(array).all() else None


def time_prices(blocks: Blocks, level_dual: Floats, price: Floats, reward: Floats | None) -> Floats:
    """Least prices of time, shape ``(G,)``, at which nothing earns more than it costs."""
    groups = blocks.groups
    earned = level_dual[:, None] * blocks.rate - price * blocks.use[:, None]
    if reward is not None:
        earned = earned + reward[:groups] * blocks.count[:, None]
    time: Floats = np.maximum(earned.max(axis=1), 0.0)
    if blocks.pairs is None:
        return time
    pairs = blocks.pairs
    both = (pairs.share[:, :, None] * level_dual[pairs.member][:, :, None] * pairs.rate).sum(axis=1)
    both -= price * pairs.use[:, None]
    if reward is not None:
        both += reward[groups:]
    first, second = pairs.member.T
    missing = both.max(axis=1) - pairs.share[:, 0] * time[first] - pairs.share[:, 1] * time[second]
    raised = time.copy()
    np.maximum.at(raised, first, time[first] + np.maximum(missing, 0.0) / pairs.share[:, 0])
    return raised
