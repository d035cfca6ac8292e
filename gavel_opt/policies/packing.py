r"""Pairs of jobs that share workers (space sharing, section 3.1 of the paper).

With groups of identical jobs, all pairs of a job of one group and a job of another behave alike and
are one pair of groups. All pairs of equal scale factors are in the program, as in the reference's, even
those that run nowhere: these change the centre of the optima (:mod:`gavel_opt.solver.interior_point.idle_pairs`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.errors import InputError
from gavel_opt.kernels.pair_columns import pair_rows
from gavel_opt.model.allocation_program import Blocks, PairBlocks
from gavel_opt.model.cluster_state import ClusterState, ThroughputTable
from gavel_opt.model.groups import Groups
from gavel_opt.model.pools import Pools
from gavel_opt.policies.variants import measured


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
        Whether pairs that help nowhere count as if they ran nowhere.

    Raises
    ------
    InputError
        If no co-located throughputs are known.
    """
    paired = co_located(state.throughputs)
    size = groups.size if isinstance(groups, Pools) else groups.count.astype(np.float64)
    member, rate, share, use = pair_rows(
        state.throughputs.alone,
        paired,
        state.key[groups.first],
        state.scale_factor[groups.first],
        size,
        factor,
        merge,
    )
    return PairBlocks(member, rate, share, use)


def pooled_blocks(state: ClusterState, pools: Pools, factor: Floats) -> tuple[Blocks, PairBlocks]:
    """Blocks of pools, and their pairs, which are among them.

    ``factor`` is what turns steps per second into the level of each pool's largest job, shape ``(G,)``.
    """
    first, pairs = pools.first, pair_blocks(state, pools, factor, merge=True)
    blocks = Blocks(
        measured(state, first) * factor[:, None],
        pools.size * state.scale_factor[first],
        np.ones_like(first),
        state.workers.astype(np.float64),
        pairs=pairs,
        key=state.job[first],
    )
    return blocks, pairs


def unmerged_rates(
    state: ClusterState, groups: Groups, throughput: Floats, scale: Floats, equal: Floats
) -> tuple[Floats, PairBlocks]:
    """Level coefficients of jobs and of their pairs where no jobs are merged: the reference's bits.

    Parameters
    ----------
    state, groups
        The jobs, each its own group.
    throughput
        Of each job alone, shape ``(n, J)``.
    scale, equal
        What it is multiplied by and what it is divided by, besides the job's weight, shape ``(n,)``.
    """
    weight = state.weight[groups.first]
    raw = pair_blocks(state, groups, np.ones_like(weight), merge=False)

    def of(speed: Floats, jobs: Ints) -> Floats:
        # the reference keeps packed throughputs in single precision and divides by the weight there
        rounded = speed.astype(np.float32) / weight[jobs][..., None].astype(np.float32)
        exact: Floats = rounded.astype(np.float64)
        return exact * scale[jobs][..., None] / equal[jobs][..., None]

    return of(throughput, groups.first), replace(raw, rate=of(raw.rate, raw.member))


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
