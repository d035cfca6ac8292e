r"""Answers and their proofs for engines that take blocks as they are.

For an allocation program the proof is that of the lowered program. For finish-time fairness it is a
bound on :math:`\rho`: with prices :math:`\lambda_j` of workers, :math:`\tau_g` of time and
:math:`\mu_g` of levels that satisfy

.. math::

    \mu_g\, \text{rate}_{gj} \le \lambda_j\, \text{use}_g + \tau_g
    \quad\text{(and the same for pairs)}

no allocation has :math:`\sum_g \mu_g\, \text{level}_g` above :math:`B = \lambda^T N + \sum_g \tau_g`.
A ratio :math:`\rho` needs levels of :math:`\text{steps}_g / (\rho\, \text{isolated}_g -
\text{age}_g)`, so every :math:`\rho` at which these cost more than :math:`B` is out of reach.
"""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.arrays import Floats, plain_array
from gavel_opt.kernels.block_tables import BlockTables
from gavel_opt.model.allocation_program import (
    AllocationProgram,
    Answer,
    Blocks,
    FinishTimeProgram,
    ProductProgram,
)
from gavel_opt.model.certificate import certify
from gavel_opt.model.lowering import lower, rated_groups
from gavel_opt.model.solution import Certificate


def allocation_answer(
    program: AllocationProgram,
    x: Floats,
    level_dual: Floats,
    capacity_dual: Floats,
    time_dual: Floats,
) -> tuple[Answer, Certificate]:
    """Make the answer of an allocation program, with the level that ``x`` has, and prove it.

    Parameters
    ----------
    program
        The program.
    x
        Allocation of groups and pairs, shape ``(G + P, J)``.
    level_dual, capacity_dual, time_dual
        Multipliers of level rows, worker types and time sums, not negative; ``level_dual`` has
        shape ``(G,)`` and is zero where there is no row.
    """
    prices = np.maximum(level_dual, 0.0), np.maximum(capacity_dual, 0.0)
    blocks = program.blocks
    if blocks.pairs is None:
        return _without_pairs(program, x, (level_dual, capacity_dual, time_dual), prices)
    t = float("nan")
    if program.has_level:
        sloped = np.flatnonzero(program.slope > 0.0)
        above = blocks.levels(x)[sloped] - program.floor[sloped]
        t = float((above / program.slope[sloped]).min())
    flat = x.ravel(order="F")
    if program.has_level:
        flat = np.concatenate([[t], flat])
    general = lower(program)
    row_dual = np.concatenate([-level_dual[rated_groups(program)], capacity_dual, time_dual])
    certificate = certify(general, flat, row_dual)
    return Answer(x, general.objective(flat), t, *prices), certificate


def _without_pairs(
    program: AllocationProgram,
    x: Floats,
    duals: tuple[Floats, Floats, Floats],
    prices: tuple[Floats, Floats],
) -> tuple[Answer, Certificate]:
    # Compiled, so it is loaded only where allocation programs are solved.
    from gavel_opt.kernels.certificate import certify_allocation

    given = [np.ascontiguousarray(table, dtype=np.float64) for table in (x, *duals)]
    proof = certify_allocation(tables(program), *given)
    return Answer(x, proof[1], proof[0], *prices), certificate_of(proof)


def tables(program: AllocationProgram) -> BlockTables:
    """What an allocation program without pairs is made of, as compiled functions take it."""
    blocks, reward = program.blocks, program.reward
    worth = np.empty((0, blocks.types)) if reward is None else reward * blocks.count[:, None]
    return BlockTables(
        np.ascontiguousarray(blocks.rate, dtype=np.float64),
        np.ascontiguousarray(blocks.use, dtype=np.float64),
        np.ascontiguousarray(blocks.workers, dtype=np.float64),
        np.ascontiguousarray(program.slope, dtype=np.float64),
        np.ascontiguousarray(program.floor, dtype=np.float64),
        np.ascontiguousarray(worth, dtype=np.float64),
    )


def certificate_of(proof: tuple[float, float, float, float, float]) -> Certificate:
    """What ``certify_allocation`` gave as a certificate, which fails where a part is not a number."""
    _, _, primal, dual, gap = proof
    return Certificate(
        primal if math.isfinite(primal) else math.inf,
        dual if math.isfinite(dual) else math.inf,
        gap if math.isfinite(gap) else math.inf,
    )


def finish_time_answer(
    program: FinishTimeProgram,
    x: Floats,
    ratio_dual: Floats,
    capacity_dual: Floats,
    time_dual: Floats,
) -> tuple[Answer, Certificate]:
    """Make the answer of a finish-time program and prove it by the bound above.

    Parameters
    ----------
    program
        The program.
    x
        Allocation of groups and pairs, shape ``(G + P, J)``.
    ratio_dual
        Multipliers of each group's ratio, shape ``(G,)``.
    capacity_dual, time_dual
        Prices of workers and of time, in units of the ratio.
    """
    blocks = program.blocks
    level = blocks.levels(x)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rho = float(((program.age + program.steps / level) / program.isolated).max())
        level_dual = np.abs(ratio_dual) * program.steps / (program.isolated * level**2)
    if not (np.isfinite(rho) and np.isfinite(level_dual).all() and (level > 0.0).all()):
        nothing = np.zeros(blocks.groups), np.zeros(blocks.types)
        return Answer(x, rho, rho, *nothing), Certificate()
    price = np.maximum(capacity_dual, 0.0)
    time = np.maximum(time_dual, 0.0)
    bound = float(((program.age + program.steps / _most(blocks)) / program.isolated).max())
    # Prices of an interior point are never quite zero; without the smallest the bound may be better.
    for least in (0.0, 1e-5):
        kept_price = np.where(price > least * price.max(), price, 0.0)
        kept_time = np.where(time > least * time.max(), time, 0.0)
        found = _price_bound(program, level_dual, kept_price, kept_time, rho)
        bound = max(bound, found)
    gap = abs(rho - bound) / (1.0 + abs(rho) + abs(bound))
    certificate = Certificate(_violation(blocks, x), 0.0, gap)
    return Answer(x, rho, rho, level_dual, price), certificate


def product_answer(
    program: ProductProgram, x: Floats, capacity_dual: Floats, time_dual: Floats
) -> tuple[Answer, Certificate]:
    """Make the answer of a product program and prove it (:func:`gavel_opt.kernels.certificate.certify_product`).

    Parameters
    ----------
    program
        The program.
    x
        Allocation of groups, shape ``(G, J)``.
    capacity_dual, time_dual
        Prices of workers and of time, up to a common factor.
    """
    # Compiled, so it is loaded only where product programs are solved.
    from gavel_opt.kernels.certificate import certify_product

    blocks, unit = program.blocks, np.empty(program.blocks.groups)
    rate, workers = plain_array(blocks.rate), plain_array(blocks.workers)
    shared = rate, plain_array(blocks.use), plain_array(blocks.count), workers
    prices = plain_array(capacity_dual), plain_array(time_dual)
    objective, primal, gap = certify_product(shared, plain_array(x), *prices, unit)
    answer = Answer(x, objective, math.nan, unit, np.maximum(capacity_dual, 0.0))
    return answer, Certificate(float(primal), 0.0, float(gap))


def _most(blocks: Blocks) -> Floats:
    """Level that each group would have if it had the cluster to itself, at most."""
    most: Floats = blocks.rate.max(axis=1).copy()
    if blocks.pairs is not None:
        for side in (0, 1):
            np.maximum.at(
                most, blocks.pairs.member[:, side], blocks.pairs.rate[:, side].max(axis=1)
            )
    return most


def _price_bound(
    program: FinishTimeProgram, level_dual: Floats, price: Floats, time: Floats, rho: float
) -> float:
    """Bound on the ratio from prices, made consistent with each other first."""
    blocks = program.blocks
    if blocks.pairs is None:
        # The largest multipliers that the prices allow: the best bound there is from them.
        with np.errstate(divide="ignore", invalid="ignore"):
            cost = (price * blocks.use[:, None] + time[:, None]) / blocks.rate
        level_dual = np.where(blocks.rate > 0.0, cost, np.inf).min(axis=1)
    else:
        time = _time_prices(blocks, level_dual, price, time)
    return _ratio_bound(program, level_dual, float(price @ blocks.workers + time.sum()), rho)


def _time_prices(blocks: Blocks, level_dual: Floats, price: Floats, time: Floats) -> Floats:
    """Raise the prices of time until no column earns more than it costs."""
    pairs = blocks.pairs
    assert pairs is not None
    earned = (level_dual[:, None] * blocks.rate - price * blocks.use[:, None]).max(axis=1)
    time = np.maximum(time, earned)
    first, second = pairs.member.T
    earned = (
        (pairs.share[:, :, None] * level_dual[pairs.member][:, :, None] * pairs.rate).sum(axis=1)
        - price * pairs.use[:, None]
    ).max(axis=1)
    missing = earned - pairs.share[:, 0] * time[first] - pairs.share[:, 1] * time[second]
    raised = time.copy()
    np.maximum.at(raised, first, time[first] + missing / pairs.share[:, 0])
    return raised


def _ratio_bound(program: FinishTimeProgram, dual: Floats, budget: float, rho: float) -> float:
    """Largest ratio whose levels cost at least ``budget``, by bisection below ``rho``."""

    def affordable(ratio: float) -> bool:
        slack = ratio * program.isolated - program.age
        if (slack <= 0.0).any():
            return False
        return float((dual * program.steps / slack).sum()) <= budget

    low, high = float((program.age / program.isolated).max()), rho
    for _ in range(60):
        if affordable(high):
            break
        low, high = high, high + (high - low)
    for _ in range(60):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if affordable(middle):
            high = middle
        else:
            low = middle
    return low


def _violation(blocks: Blocks, x: Floats) -> float:
    """Largest relative violation of the shared constraints."""
    used, time = blocks.demand(x)
    over = (used - blocks.workers) / (1.0 + used + blocks.workers)
    late = (time - 1.0) / (2.0 + time)
    return float(max(-x.min(initial=0.0), over.max(initial=0.0), late.max(initial=0.0), 0.0))
