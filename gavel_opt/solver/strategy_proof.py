"""Strategy-proof fairness from the jobs to their shares in one compiled call.

What :mod:`gavel_opt.policies.strategy_proof` does with programs, by the same functions and so with the same bits: the
largest product of levels of all jobs, then one without a job of each group, near the first one's answer.
"""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.groups import group_keys
from gavel_opt.kernels.input_checks import all_finite
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.max_min_rows import fairness_rows
from gavel_opt.solver.largest_product.method import proven_product
from gavel_opt.solver.max_min import columns_of
from gavel_opt.solver.task import Task

Blocks = tuple[Floats, Floats, Ints, Floats]
"""Rate, use, count and workers."""


@compiled
def strategy_proof_shares(task: Task) -> int:
    """Group the jobs, solve all programs and hand out the shares; 0 unless each has a proven optimum."""
    of_job, blocks = _blocks_of(task)
    rate = blocks[0]
    groups, types = rate.shape
    if groups == 0:
        return 0
    proof, shares, tolerance = task.jobs.proof, task.jobs.shares, task.terms[0].tolerance
    for k in range(proof.size):
        proof[k] = 0.0
    nowhere = np.empty((0, types)), np.empty(0)
    x, price = np.zeros((groups, types)), np.zeros(types)
    found = x, price, np.zeros(groups), np.zeros(groups)
    if not _note(proof, tolerance, proven_product(blocks, nowhere, found)):
        return 0
    level, kept = levels_of(rate, x), np.ones(groups)
    for group in range(groups):
        part, near, before = _without(blocks, x, level, group)
        rest = before.size
        if rest == 0:
            continue
        other = np.zeros((rest, types)), np.zeros(types), np.zeros(rest), np.zeros(rest)
        if not _note(proof, tolerance, proven_product(part, (near, price), other)):
            return 0
        kept[group] = kept_part(part[2], before, levels_of(part[0], other[0]))
    for job in range(of_job.size):
        group = of_job[job]
        for j in range(types):
            shares[job, j] = min(max(x[group, j] * kept[group], 0.0), 1.0)
    return 1


@compiled
def _note(proof: Floats, tolerance: float, found: tuple[float, float, float]) -> bool:
    """Count a program, and keep the largest residual and gap; whether both are good enough."""
    _, primal, gap = found
    proof[0], proof[2] = max(proof[0], primal), max(proof[2], gap)
    proof[3] += 1.0
    return primal <= tolerance and gap <= tolerance


@compiled
def _blocks_of(task: Task) -> tuple[Ints, Blocks]:
    """Group of each job, and the blocks of the groups; there are none where anything is odd."""
    key, scale, weight = columns_of(task)
    alone, workers, terms = task.alone, task.workers, task.terms[0]
    size, types = key.size, workers.size
    available = workers.astype(np.float64)
    none, no_job, nobody = np.empty(0), np.empty(0, np.int64), np.empty((0, types))
    nothing = nobody, none, no_job, available
    good = size > 0
    for job in range(size):
        good &= (key[job] >= 0) & (key[job] < alone.shape[0]) & (weight[job] > 0.0)
        good &= (scale[job] > 0) & (scale[job] <= terms.widest)
    if not good:
        return no_job, nothing
    of_job, first, count, _ = group_keys(key, scale, np.ones(size), alone.shape[0])
    if first.size == 0:
        return no_job, nothing
    if first.size == size:  # no two are alike: in order of job number, as the policy has them
        of_job, first, count = np.arange(size), np.arange(size), np.ones(size, np.int64)
    rate, use, _, _, _ = fairness_rows(alone, key, scale, weight, workers, first, count, False)
    if not all_finite(rate, nobody, none, none, none, none, none):
        return no_job, nothing
    return of_job, (rate, use, count, available)


@compiled
def _without(blocks: Blocks, x: Floats, level: Floats, group: int) -> tuple[Blocks, Floats, Floats]:
    """The blocks without a job of a group, and shares and levels of the groups that are left with that job there."""
    rate, use, count, workers = blocks
    groups, types = rate.shape
    rest = groups - 1 if count[group] == 1 else groups
    rates, near, before = np.empty((rest, types)), np.empty((rest, types)), np.empty(rest)
    uses, counts = np.empty(rest), np.empty(rest, np.int64)
    at = 0
    for g in range(groups):
        left = count[g] - 1 if g == group else count[g]
        if left > 0:
            uses[at], counts[at], before[at] = use[g] / count[g] * left, left, level[g]
            for j in range(types):
                rates[at, j], near[at, j] = rate[g, j], x[g, j]
            at += 1
    return (rates, uses, counts, workers), near, before


# what a job keeps -----------------------------------------------------------------------------


@compiled
def levels_of(rate: Floats, x: Floats) -> Floats:
    """Level of each group, shape ``(G,)``, at shares ``(G, J)``."""
    groups, types = rate.shape
    level = np.zeros(groups)
    for g in range(groups):
        for j in range(types):
            level[g] += rate[g, j] * x[g, j]
    return level


@compiled
def kept_part(count: Ints, level: Floats, without: Floats) -> float:
    """What a job keeps: the product of the others' levels over what that would be without it, 1 at most.

    Parameters
    ----------
    count
        Other jobs of each group, shape ``(G,)``.
    level, without
        Levels with the job and without it, shape ``(G,)``.
    """
    total = 0.0
    for g in range(count.size):
        total += count[g] * math.log(level[g] / without[g])
    return min(1.0, math.exp(total))
