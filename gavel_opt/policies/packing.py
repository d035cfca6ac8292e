r"""Pairs of jobs that share workers (space sharing, section 3.1 of the paper).

With groups of identical jobs, all pairs of a job of one group and a job of another behave alike and
are one pair of groups. A pair :math:`(a, b)` can only help on some worker type :math:`j` if

.. math::

    \frac{\text{throughput}_{aj}^{(ab)}}{\text{throughput}_{aj}}
    + \frac{\text{throughput}_{bj}^{(ab)}}{\text{throughput}_{bj}} > 1 :

otherwise running the two in turns on the same workers gives both of them at least as much. Pairs that
help nowhere are left out where jobs are merged; that changes no optimum value.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.allocation import PairBlocks
from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.errors import InputError
from gavel_opt.policies.pools import Pools
from gavel_opt.state import ClusterState, ThroughputTable
from gavel_opt.symmetry import Groups


def pair_blocks(
    state: ClusterState, groups: Groups | Pools, factor: Floats, merge: bool
) -> PairBlocks:
    """All pairs of groups with equal scale factors.

    Parameters
    ----------
    state, groups
        The jobs and their groups, or pools.
    factor
        What turns steps per second into the level of each group, shape ``(G,)``.
    merge
        Whether pairs that cannot help are left out. Without it they stand in the reference's order:
        by the smaller job number, then by the larger.

    Raises
    ------
    InputError
        If no co-located throughputs are known.
    """
    paired = co_located(state.throughputs)
    key = state.key[groups.first]
    scale = state.scale_factor[groups.first]
    size = groups.size if isinstance(groups, Pools) else groups.count.astype(np.float64)
    a, b = candidate_pairs(state, groups.first, size, merge)
    rate = paired[key[a], key[b]] * np.stack([factor[a], factor[b]], axis=1)[:, :, None]
    return PairBlocks(
        member=np.stack([a, b], axis=1),
        rate=rate,
        share=1.0 / np.stack([size[a], size[b]], axis=1),
        use=scale[a].astype(np.float64),
    )


def single_precision(throughput: Floats, weight: Floats) -> Floats:
    """Throughputs per weight, rounded as the reference rounds them for packed policies.

    It keeps them in single precision and divides there. Only programs without merged jobs, which are
    to give the reference's bits, follow it.
    """
    rounded: Floats = (throughput.astype(np.float32) / weight.astype(np.float32)).astype(np.float64)
    return rounded


def candidate_pairs(
    state: ClusterState, first: Ints, size: Floats, merge: bool
) -> tuple[Ints, Ints]:
    """Index of the first and of the second group of every pair worth a column."""
    key = state.key[first]
    scale = state.scale_factor[first]
    allowed = scale[:, None] == scale[None, :]
    allowed &= np.tri(key.size, dtype=bool).T
    np.fill_diagonal(allowed, allowed.diagonal() & (size >= 2))
    a, b = np.nonzero(allowed)
    return a, b


def helpful(table: ThroughputTable, keys: Ints) -> Bools:
    """Whether two of ``keys`` together do more than in turns on some worker type."""
    paired = co_located(table)[np.ix_(keys, keys)]
    gain = np.zeros(paired.shape[:2] + paired.shape[3:])
    for side in (0, 1):
        alone = np.expand_dims(table.alone[keys], 1 - side)
        gain += normalised_side(paired[:, :, side], np.broadcast_to(alone, gain.shape))
    more: Bools = np.any(gain > 1.0, axis=2)
    return more


def normalised_side(paired: Floats, alone: Floats) -> Floats:
    """``paired / alone``, 0 where the pair does not run."""
    ratio: Floats = np.divide(
        paired, alone, out=np.zeros_like(paired), where=(paired > 0.0) & (alone > 0.0)
    )
    return ratio


def co_located(table: ThroughputTable) -> Floats:
    """Return the co-located throughputs.

    Raises
    ------
    InputError
        If the table has none.
    """
    if table.paired is None:
        raise InputError(
            "packed policies need co-located throughputs, but the throughput table has none; "
            "choose the policy's '_perf' variant or another --throughputs"
        )
    return table.paired
