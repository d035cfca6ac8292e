r"""Pairs of jobs that share workers (space sharing, section 3.1 of the paper).

With groups of identical jobs, all pairs of a job of one group and a job of another behave alike and
are one pair of groups. All pairs of equal scale factors are in the program, as in the reference's, even
those that run nowhere: these change the centre of the optima (:mod:`gavel_opt.solver.interior_point.idle_pairs`).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.errors import InputError
from gavel_opt.kernels.pair_columns import pair_rows
from gavel_opt.model.allocation_program import (
    Allocation,
    AllocationProgram,
    Answer,
    Blocks,
    PairBlocks,
)
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
        kind=kinds_of(state, first),
    )
    return blocks, pairs


def kinds_of(state: ClusterState, index: Ints) -> Ints:
    """What tells jobs apart that cannot be in one pool: key and scale factor, as one number each, of the jobs at ``index``."""
    both = np.stack([state.key[index], state.scale_factor[index]])
    kinds: Ints = np.unique(both, axis=1, return_inverse=True)[1].ravel()
    return kinds


class Pooled(NamedTuple):
    """Pools, their program and its answer."""

    pools: Pools
    program: AllocationProgram
    answer: Answer

    def spread(self, state: ClusterState, answer: Answer | None = None) -> Allocation:
        """Give every job its part of this answer, or of another to the same program."""
        pairs = self.program.blocks.pairs
        assert pairs is not None
        return self.pools.spread(state.job, (answer or self.answer).x, pairs)


def ask_pools(
    state: ClusterState,
    need: Floats,
    solo: Floats,
    apart: Bools,
    unit: float = 1.0,
    probe: bool = False,
) -> Generator[AllocationProgram, Answer, Pooled]:
    """Yield the programs of jobs pooled by their kind; those that would need all of the time leave their pool.

    Parameters
    ----------
    state
        The jobs.
    need
        Steps per second that a level of 1 takes, times ``unit``, shape ``(n,)``.
    solo
        Steps per second under isolation, by which the total worth counts what jobs get, shape ``(n,)``.
    apart
        Jobs that are by themselves, shape ``(n,)``; who leaves a pool is marked here, for the next call.
    probe
        Whether levels and prices are all that is wanted.
    """
    kinds = kinds_of(state, np.arange(need.size))
    while True:
        pools = Pools.of(kinds, need, apart)
        first = pools.first
        factor = unit / need[first]
        blocks, pairs = pooled_blocks(state, pools, factor)
        program = AllocationProgram(
            blocks,
            slope=np.ones(first.size),
            floor=np.zeros(first.size),
            gain=pools.size / (solo[first] * factor),
            probe=probe,
            splits=pools.mixed,
        )
        answer = yield program
        leave = pools.limited(answer.x, pairs)
        if not leave.any():
            return Pooled(pools, program, answer)
        apart |= leave


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
        paired, alone, out=np.zeros(paired.shape), where=(paired > 0.0) & (alone > 0.0)
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
