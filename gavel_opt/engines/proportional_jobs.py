r"""Groups that run equally fast and differ in how much of it they need: a smaller program for them.

Where groups :math:`a` of one kind have the rates :math:`\sigma_a r_j` and must reach the levels
:math:`s_a t`, each needs :math:`n_a = s_a / \sigma_a` of the common rate. Together they are a *pool*,
which is like one group as large as its largest: that one gets :math:`x`, the others get
:math:`x\, n_a / \max n`, and all use :math:`U = \sum_a u_a n_a / \max n` times the workers. Any allocation of
the groups, summed over a pool with weights :math:`u_a / U`, is one of the pool's but for its
time, so an optimum in which no price is on the time of a pool of different groups is that of the whole
program. Where there is such a price, the pool's larger groups leave it, and the question is asked
again. The proof is always that of the whole program.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.engines.persistent_blocks import keys_of
from gavel_opt.kernels.jit import compiled
from gavel_opt.model.allocation_program import AllocationProgram, Answer, Blocks
from gavel_opt.model.answers import allocation_answer
from gavel_opt.model.solution import Certificate

_FROM, _WORTH = 100, 0.75
"""Groups from which, and pools as a part of them up to which, the smaller program is worth it."""

_POOL_KEYS = 1 << 40
"""Keys of pools start here, beyond those of jobs."""

_FREE = 1e-12
"""Part of what a pool pays that a price on its time may be, by rounding."""


@dataclass(frozen=True, slots=True)
class ProportionalGroups:
    """Which groups are together.

    Attributes
    ----------
    of_group
        Pool of each group, shape ``(G,)``.
    first
        Largest group of each pool, shape ``(P,)``.
    part
        What each group needs of what the largest of its pool needs, shape ``(G,)``.
    weight
        What the pool's price of levels is for each group, shape ``(G,)``.
    mixed
        Pools of more than one group.
    program
        The program of the pools.
    """

    of_group: Ints
    first: Ints
    part: Floats
    weight: Floats
    mixed: Bools
    program: AllocationProgram

    @classmethod
    def of(cls, program: AllocationProgram, apart: Bools) -> ProportionalGroups | None:
        """Pool all groups but those that stay ``apart``; None if that is not possible or not worth it."""
        blocks, kind = program.blocks, program.blocks.kind
        if (
            kind is None
            or blocks.groups < _FROM
            or program.reward is not None
            or not program.slope.all()
            or program.floor.any()
        ):
            return None
        of_group, first, part, weight, use = _pooled(
            kind, apart, np.ascontiguousarray(blocks.rate), blocks.use, program.slope
        )
        if not 0 < first.size <= _WORTH * blocks.groups:
            return None
        size = np.bincount(of_group)
        keys = np.where(apart[first], keys_of(program)[first], _POOL_KEYS + kind[first])
        pooled = AllocationProgram(
            Blocks(blocks.rate[first], use, np.ones_like(first), blocks.workers, key=keys),
            program.slope[first],
            program.floor[first],
        )
        return cls(of_group, first, part, weight, size > 1, pooled)

    def spread(self, program: AllocationProgram, answer: Answer) -> tuple[Answer, Certificate]:
        """Give every group its part, and prove the whole."""
        blocks = program.blocks
        x = answer.x[self.of_group] * self.part[:, None]
        level_dual = answer.level_dual[self.of_group] * self.weight
        earned = level_dual[:, None] * blocks.rate - answer.capacity_dual * blocks.use[:, None]
        time_dual = np.maximum(earned.max(axis=1), 0.0)
        return allocation_answer(program, x, level_dual, answer.capacity_dual, time_dual)

    def limited(self, answer: Answer) -> Bools:
        """Groups that must leave their pool, since there is a price on its time."""
        blocks = self.program.blocks
        earned = answer.level_dual[:, None] * blocks.rate
        price = (earned - answer.capacity_dual * blocks.use[:, None]).max(axis=1)
        limited = np.logical_and(self.mixed, price > _FREE * earned.max(axis=1))
        leave: Bools = limited[self.of_group] & (self.part > 0.5)
        return leave


@compiled
def _pooled(
    kind: Ints, apart: Bools, rate: Floats, use: Floats, slope: Floats
) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    """Pools, their largest groups, and the groups' parts in them; no pools if a rate is missing."""
    groups = kind.size
    kinds = 0
    for g in range(groups):
        kinds = max(kinds, kind[g] + 1)
    pool_of = np.full(kinds, -1, np.int64)
    of_group, first = np.empty(groups, np.int64), np.empty(groups, np.int64)
    fastest = np.empty(groups, np.int64)
    pools = 0
    for g in range(groups):
        p = -1 if apart[g] else pool_of[kind[g]]
        if p < 0:
            p, pools = pools, pools + 1
            first[p], fastest[p] = g, np.argmax(rate[g])
            if not apart[g]:
                pool_of[kind[g]] = p
        of_group[g] = p
        j = fastest[p]
        if not rate[g, j] > 0.0:
            return of_group, first[:0], use, use, use
        if slope[g] / rate[g, j] > slope[first[p]] / rate[first[p], j]:
            first[p] = g
    part, weight, total = np.empty(groups), np.empty(groups), np.zeros(pools)
    for g in range(groups):
        f, j = first[of_group[g]], fastest[of_group[g]]
        part[g] = (slope[g] / rate[g, j]) / (slope[f] / rate[f, j]) if g != f else 1.0
        total[of_group[g]] += use[g] * part[g]
    for g in range(groups):
        p = of_group[g]
        weight[g] = use[g] / total[p] * (rate[first[p], fastest[p]] / rate[g, fastest[p]])
    return of_group, first[:pools].copy(), part, weight, total
