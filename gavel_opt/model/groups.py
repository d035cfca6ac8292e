"""Identical jobs become one group, and back.

Jobs with the same key, weight and whatever else a policy's program depends on are interchangeable:
averaging an optimal allocation over them gives an optimal allocation in which they are equal, so
one group with a count stands for them exactly (convexity of the optimal set). Pairs of jobs become
pairs of groups, and a pair of groups is spread back over few job pairs, deterministically.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.groups import clipped_shares, group_rows
from gavel_opt.kernels.spreading import spread_over_jobs
from gavel_opt.model.allocation_program import (
    Allocation,
    AllocationProgram,
    Answer,
    Blocks,
    FinishTimeProgram,
    PairBlocks,
    Program,
)

_OWN = 0.9
"""Groups for each job from which on they are called by their first jobs."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Jobs sorted into groups.

    Attributes
    ----------
    first
        Index of each group's first job, shape ``(G,)``.
    count
        Jobs in each group, shape ``(G,)``.
    of_job
        Group of each job, shape ``(n,)``; None if every job is its own group, in job order.
    mark
        What the jobs of a group have in common as one number, shape ``(G,)``; None if every job
        is its own group, or in the rare case that two groups have the same number.
    """

    first: Ints
    count: Ints
    of_job: Ints | None
    mark: Ints | None = None

    @property
    def merged(self) -> bool:
        """Whether groups may have several jobs; if not, each is its own, in job order."""
        return self.of_job is not None

    def keys(self, job: Ints) -> Ints | None:
        """A number for each group that it keeps from program to program (``Blocks.key``).

        Where nearly every job is a group of its own, groups may have been told apart by their places alone, which
        are others' in the next program: so they are called by the numbers of their first jobs.
        """
        if self.of_job is None:
            return job
        own = self.first.size >= _OWN * job.size
        return job[self.first] if own else self.mark

    def spread(self, job: Ints, answer: Answer, pairs: PairBlocks | None = None) -> Allocation:
        """Give every job its group's share (clipped to [0, 1], as the reference clips)."""
        groups = self.first.size
        of_job = self.first if self.of_job is None else self.of_job
        single = clipped_shares(np.ascontiguousarray(answer.x), of_job)
        if pairs is None:
            return Allocation(job, single)
        pair, pair_x = spread_pairs(self, job, pairs, np.maximum(answer.x[groups:], 0.0))
        return Allocation(job, single, pair, pair_x)


def group_jobs(merge: bool, *columns: np.ndarray) -> Groups:
    """Group jobs whose values agree in all ``columns``, groups in ascending order of the values.

    With ``merge`` False every job is its own group, in order.
    """
    n = columns[0].size
    if not merge:
        return Groups(np.arange(n), np.ones(n, dtype=np.int64), None)
    rows = np.empty((n, len(columns)))
    for c, column in enumerate(columns):
        rows[:, c] = column
    of_job, first, count, mark = group_rows(rows)
    return Groups(first, count, of_job, mark if mark.size else None)


def expand(program: Program) -> Program:
    """Write the program with every job on its own, in order of job number.

    For engines that do not want groups: the same optimum value, at the reference's size.
    """
    blocks = program.blocks
    of_job = blocks.of_job
    if of_job is None:
        return program
    full = Blocks(
        rate=blocks.rate[of_job],
        use=(blocks.use / blocks.count)[of_job],
        count=np.ones(of_job.size, dtype=np.int64),
        workers=blocks.workers,
        pairs=None if blocks.pairs is None else _expand_pairs(blocks.pairs, of_job),
    )
    if isinstance(program, FinishTimeProgram):
        return FinishTimeProgram(
            full, program.age[of_job], program.steps[of_job], program.isolated[of_job]
        )
    reward = program.reward
    if reward is not None:
        pair_reward = reward[blocks.groups :]
        if blocks.pairs is not None:
            pair_reward = pair_reward[_pair_of_jobs(blocks.pairs, of_job)[0]]
        reward = np.concatenate([reward[: blocks.groups][of_job], pair_reward])
    limits = program.limits
    if limits is not None:
        coefficient = limits.coefficient
        of_pairs = coefficient[:, blocks.groups :]
        if blocks.pairs is not None:
            of_pairs = of_pairs[:, _pair_of_jobs(blocks.pairs, of_job)[0]]
        of_jobs = coefficient[:, : blocks.groups][:, of_job]
        limits = replace(limits, coefficient=np.concatenate([of_jobs, of_pairs], axis=1))
    return AllocationProgram(
        full, program.slope[of_job], program.floor[of_job], reward, limits=limits
    )


def _pair_of_jobs(pairs: PairBlocks, of_job: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """All job pairs (i < j) that a pair of groups stands for: its index, i, j, and side of i."""
    groups = int(of_job.max()) + 1
    index = np.full((groups, groups), -1)
    side = np.zeros((groups, groups), dtype=np.int64)
    a, b = pairs.member.T
    index[b, a] = index[a, b] = np.arange(a.size)
    side[b, a] = 1
    side[a, a] = 0
    i, j = np.triu_indices(of_job.size, 1)
    which = index[of_job[i], of_job[j]]
    keep = which >= 0
    i, j, which = i[keep], j[keep], which[keep]
    return which, i, j, side[of_job[i], of_job[j]]


def _expand_pairs(pairs: PairBlocks, of_job: Ints) -> PairBlocks:
    which, i, j, side = _pair_of_jobs(pairs, of_job)
    sides = np.stack([side, 1 - side], axis=1)
    return PairBlocks(
        member=np.stack([i, j], axis=1),
        rate=pairs.rate[which[:, None], sides],
        share=np.ones((which.size, 2)),
        use=pairs.use[which],
    )


def spread_pairs(groups: Groups, job: Ints, pairs: PairBlocks, y: Floats) -> tuple[Ints, Floats]:
    """Spread each group pair's time over job pairs: few of them, equal totals for every job.

    Returns
    -------
    pair, pair_x
        Job numbers, the smaller first, shape ``(Q, 2)``, and their shares, shape ``(Q, J)``.
    """
    if groups.of_job is None:
        used = np.flatnonzero(y.any(axis=1))
        return np.sort(job[pairs.member[used]], axis=1), y[used]
    pair, pair_x = spread_over_jobs(groups.of_job, groups.count, pairs.member, y)
    return job[pair], pair_x


__all__ = ["Groups", "expand", "group_jobs", "spread_pairs"]
