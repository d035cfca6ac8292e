"""Pairs that share workers, as compiled code takes them: pairs of jobs in columns with room for more, and all pairs of groups."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled

POOLED_FROM = 97
"""Groups from which on jobs of one type and several weights are pooled under max-min fairness (:mod:`gavel_opt.model.pools`):
pools may take several programs, and fewer groups have a method that takes none."""


class PairColumns(NamedTuple):
    """Pairs in arrays that stay where they are.

    Attributes
    ----------
    size
        How many there are, shape ``(1,)``; they have the first rows of the other columns.
    job
        Job numbers, the earlier job first, shape ``(room, 2)``.
    shares
        Of each pair, shape ``(room, J)``.
    """

    size: Ints
    job: Ints
    shares: Floats

    @classmethod
    def with_room(cls, pairs: int, types: int) -> PairColumns:
        """Columns without a pair."""
        job, shares = np.zeros((pairs, 2), np.int64), np.zeros((pairs, types))
        return cls(np.zeros(1, np.int64), job, shares)


NO_PAIRS = PairColumns.with_room(0, 0)
"""Where none can be."""


@compiled
def pair_rows(
    alone: Floats,
    paired: Floats,
    key: Ints,
    scale: Ints,
    size: Floats,
    factor: Floats,
    merge: bool,
) -> tuple[Ints, Floats, Floats, Floats]:
    r"""All pairs of groups with equal scale factors, by the first group, then by the second.

    A pair :math:`(a, b)` can only help on some worker type :math:`j` if

    .. math::

        \frac{\text{throughput}_{aj}^{(ab)}}{\text{throughput}_{aj}}
        + \frac{\text{throughput}_{bj}^{(ab)}}{\text{throughput}_{bj}} > 1 :

    otherwise running the two in turns on the same workers gives both of them at least as much. Where a job runs
    beside another and not alone, the pair helps.

    Parameters
    ----------
    alone, paired
        Steps per second, shapes ``(keys, J)`` and ``(keys, keys, 2, J)``.
    key, scale, size
        Of each group, shape ``(G,)``; a group is paired with itself from a size of two.
    factor
        What turns steps per second into the level of each group, shape ``(G,)``.
    merge
        Whether pairs that help nowhere get rates of zero.

    Returns
    -------
    member, rate, share, use
        As in :class:`gavel_opt.model.allocation_program.PairBlocks`.
    """
    groups, types = key.size, alone.shape[1]
    pairs = 0
    for a in range(groups):
        for b in range(a, groups):
            if scale[a] == scale[b] and (a < b or size[a] >= 2.0):
                pairs += 1
    member, rate = np.empty((pairs, 2), np.int64), np.zeros((pairs, 2, types))
    share, use = np.empty((pairs, 2)), np.empty(pairs)
    p = 0
    for a in range(groups):
        for b in range(a, groups):
            if scale[a] != scale[b] or (a == b and size[a] < 2.0):
                continue
            member[p, 0], member[p, 1] = a, b
            share[p, 0], share[p, 1] = 1.0 / size[a], 1.0 / size[b]
            use[p] = scale[a]
            helps = not merge
            for j in range(types):
                sum_of_parts = 0.0
                for side in range(2):
                    solo = alone[key[member[p, side]], j]
                    beside = paired[key[a], key[b], side, j]
                    if beside > 0.0:  # who does not run there alone cannot take turns there
                        sum_of_parts += beside / solo if solo > 0.0 else np.inf
                helps = helps or sum_of_parts > 1.0
            if helps:
                for j in range(types):
                    rate[p, 0, j] = paired[key[a], key[b], 0, j] * factor[a]
                    rate[p, 1, j] = paired[key[a], key[b], 1, j] * factor[b]
            p += 1
    return member, rate, share, use
