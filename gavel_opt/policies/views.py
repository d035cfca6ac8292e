"""What the variants of a policy see of the state: groups, throughputs, names of groups."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from gavel_opt.allocation import Blocks, PairBlocks
from gavel_opt.arrays import Floats, Ints
from gavel_opt.state import ClusterState
from gavel_opt.symmetry import Groups, group_jobs

Variant: TypeAlias = Literal["plain", "perf", "packed"]
"""Not aware of performance; aware; aware, and with pairs of jobs."""


def group_alike(merge: bool, *columns: np.ndarray) -> Groups:
    """Group jobs that agree in all ``columns``; jobs in order where no two of them do."""
    groups = group_jobs(merge, *columns)
    if groups.of_job is not None and groups.first.size == groups.of_job.size:
        return group_jobs(False, *columns)
    return groups


def blocks_of(
    state: ClusterState, groups: Groups, rate: Floats, pairs: PairBlocks | None = None
) -> Blocks:
    """Blocks of groups whose levels have the coefficients ``rate``, shape ``(G, J)``."""
    return Blocks(
        rate,
        (groups.count * state.scale_factor[groups.first]).astype(np.float64),
        groups.count,
        state.workers.astype(np.float64),
        pairs=pairs,
        of_job=groups.of_job,
        key=groups.keys(state.job),
    )


def measured(state: ClusterState, index: Ints) -> Floats:
    """Steps per second of the jobs at ``index``, shape ``(G, J)``."""
    rate: Floats = state.throughputs.alone[state.key[index]]
    return rate


def as_if_reference(state: ClusterState, index: Ints) -> Floats:
    """Steps per second if every worker were of the reference type (the V100).

    As in the reference: the plain variants of finish-time fairness and of minimum total duration
    need some throughput, and handing them the measured ones would make them aware of performance.
    """
    column = state.throughputs.alone[state.key[index], state.throughputs.reference]
    return np.repeat(column[:, None], state.workers.size, axis=1)


def solo_throughput(rate: Floats, share: Floats) -> Floats:
    """Throughput of each job alone on its share, shape ``(G,)``."""
    alone: Floats = np.sum(np.multiply(rate, share), axis=1)
    return alone


def best_rates(blocks: Blocks) -> Floats:
    """Largest level that each group could ever have, alone or in a pair, shape ``(G,)``."""
    best: Floats = blocks.rate.max(axis=1)
    if blocks.pairs is not None:
        for side in (0, 1):
            rate = blocks.pairs.rate[:, side].max(axis=1)
            np.maximum.at(best, blocks.pairs.member[:, side], rate)
    return best


def reached(blocks: Blocks, x: Floats) -> Floats:
    """Levels that an answer really reaches: of its nearest point on the way to 0 that is feasible.

    Engines may overstep a limit by their tolerance; what a next program asks for must not.
    """
    x = np.maximum(x, 0.0)
    used, time = blocks.demand(x)
    full = blocks.workers > 0
    over = float(np.max(used[full] / blocks.workers[full], initial=1.0))
    level: Floats = blocks.levels(x) / max(over, float(time.max(initial=1.0)))
    return level
