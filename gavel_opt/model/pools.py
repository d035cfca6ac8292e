r"""Pools: jobs that run equally fast and differ only in how much of it they need.

Where job :math:`a` must get :math:`s_a t` for the largest possible :math:`t`, and a pool's jobs share its
time in proportion to :math:`s_a`, the pool is like one job as large as its largest: that one gets
:math:`x`, job :math:`a` gets :math:`x s_a / \max s`, all together use :math:`c = \sum s / \max s` times
the workers. Splitting in proportion loses nothing against treating each job by itself, unless some
job would like more than all of the time, and in a pool that is its largest. So where no pool of
different jobs has its time limit tight, the limit can be left out, what remains is a relaxation of
the program with every job by itself (any of its allocations, summed over a pool, is one of the pool's),
and the optimum is that program's. Where a pool is tight, its larger jobs leave it, and the
question is asked again. A pool's jobs can be paired with each other as long as none needs more than all
the others together; such a one is by itself from the start.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.spreading import NOTHING
from gavel_opt.model.allocation_program import Allocation, PairBlocks, any_type

_ALIKE = 1e-9
"""Jobs whose needs differ by less than this part do not differ."""

_TIGHT = 1e-7
"""Time that must be left for a limit to count as not tight."""


@dataclass(frozen=True, slots=True, eq=False)
class Pools:
    """Jobs in pools.

    Attributes
    ----------
    of_job
        Pool of each job, shape ``(n,)``.
    first
        Index of the largest job of each pool, shape ``(G,)``.
    size
        What each pool amounts to in jobs like its largest, shape ``(G,)``.
    part
        What each job gets of the largest's share, shape ``(n,)``.
    mixed
        Pools whose jobs differ.
    """

    of_job: Ints
    first: Ints
    size: Floats
    part: Floats
    mixed: Bools

    @classmethod
    def of(cls, key: Ints, need: Floats, alone: Bools) -> Pools:
        """Pool jobs by ``key``, those marked ``alone`` each by itself.

        So is one that needs more than all other jobs of its pool: it would have to pair with itself.
        """
        jobs = np.arange(key.size)
        order = np.lexsort((-need, key, alone))
        order = order[: key.size - int(alone.sum())]
        starts = np.flatnonzero(np.diff(key[order], prepend=-1))
        sizes = np.diff(starts, append=order.size)
        alone = alone.copy()
        by_itself = order[starts[sizes == 1]]
        alone[by_itself] = ~(need[by_itself] >= 2.0 * need[by_itself])
        for start, jobs_in in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
            pool = order[start : start + jobs_in]
            rest = np.cumsum(need[pool][::-1])[::-1]
            fits = np.append(rest >= 2.0 * need[pool], True)
            alone[pool[: int(np.argmax(fits))]] = True
        label = np.where(alone, int(key.max()) + 1 + jobs, key)
        order = np.lexsort((-need, label))
        _, of_job = np.unique(label, return_inverse=True)
        starts = np.flatnonzero(np.diff(of_job[order], prepend=-1))
        first = order[starts]
        part = need / need[first][of_job]
        size: Floats = np.bincount(of_job, part).astype(np.float64)
        # no job needs more than its others: less than two jobs, which are no pair, is rounding
        size = np.where(np.bincount(of_job) > 1, np.maximum(size, 2.0), size)
        least = np.minimum.reduceat(need[order], starts)
        return cls(of_job, first, size, part, least < need[first] * (1.0 - _ALIKE))

    def limited(self, x: Floats, pairs: PairBlocks) -> Bools:
        """Jobs that must leave their pool, since its largest job runs all the time, shape ``(n,)``."""
        groups = self.first.size
        time = x[:groups].sum(axis=1)
        for side in (0, 1):
            spent = pairs.share[:, side] * x[groups:].sum(axis=1)
            time += np.bincount(pairs.member[:, side], spent, groups)
        tight = np.logical_and(self.mixed, time > 1.0 - _TIGHT)
        leave: Bools = tight[self.of_job] & (self.part > 0.5)
        return leave

    def spread(self, job: Ints, x: Floats, pairs: PairBlocks) -> Allocation:
        """Give every job its part, of the pool's time alone and of its time in pairs."""
        groups = self.first.size
        x = np.maximum(x, 0.0)
        single = np.minimum(x[:groups][self.of_job] * self.part[:, None], 1.0)
        found: list[tuple[Ints, Ints, Floats]] = []
        used = np.flatnonzero(any_type(x[groups:] > NOTHING))
        sizes = np.bincount(self.of_job)
        one_job, member = sizes == 1, pairs.member[used]
        single_job = one_job[member[:, 0]] & one_job[member[:, 1]]
        if single_job.any():  # most of very many, where jobs all differ
            one, two = self.first[member[single_job]].T
            found.append((one, two, x[groups + used[single_job]]))
        mixed = used[~single_job]
        order = np.argsort(self.of_job, kind="stable")
        starts = np.cumsum(sizes) - sizes
        members = {
            a: order[starts[a] : starts[a] + sizes[a]] for a in np.unique(pairs.member[mixed])
        }
        ends = {
            a: np.cumsum(self.part[jobs]) / self.part[jobs].sum() for a, jobs in members.items()
        }
        for p in mixed:
            a, b = pairs.member[p]
            i, k, part = _beside(ends[a], ends[b]) if a != b else _opposite(ends[a])
            found.append((members[a][i], members[b][k], part[:, None] * x[groups + p]))
        if not found:
            return Allocation(job, single)
        sides = [np.concatenate([entry[side] for entry in found]) for side in (0, 1)]
        pair = np.stack([np.minimum(*sides), np.maximum(*sides)], axis=1)
        shares = np.concatenate([entry[2] for entry in found])
        word = pair[:, 0] * job.size + pair[:, 1]
        if not (word[1:] >= word[:-1]).all():  # they are, where jobs all differ
            in_order = np.argsort(word, kind="stable")
            pair, shares = pair[in_order], shares[in_order]
        return Allocation(job, single, job[pair], shares)


def _beside(first: Floats, second: Floats) -> tuple[Ints, Ints, Floats]:
    """Two rulers with ends of pieces at ``first`` and ``second``, side by side."""
    marks = np.union1d(first[:-1], second[:-1])
    return _pieces(first, second, np.concatenate([[0.0], marks, [1.0]]), 0.0, 1.0)


def _opposite(ends: Floats) -> tuple[Ints, Ints, Floats]:
    """The halves of one ruler, side by side; no piece is longer than a half."""
    inner = ends[:-1]
    marks = np.union1d(inner[inner < 0.5], inner[inner > 0.5] - 0.5)
    return _pieces(ends, ends, np.concatenate([[0.0], marks, [0.5]]), 0.5, 2.0)


def _pieces(
    first: Floats, second: Floats, marks: Floats, offset: float, scale: float
) -> tuple[Ints, Ints, Floats]:
    length = np.diff(marks)
    middle = (marks[:-1] + 0.5 * length)[length > 1e-15]
    i = np.minimum(np.searchsorted(first, middle), first.size - 1)
    k = np.minimum(np.searchsorted(second, middle + offset), second.size - 1)
    return i, k, scale * length[length > 1e-15]
