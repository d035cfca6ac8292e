"""Gandiva: random pairs of jobs, kept while they pay (baseline of the paper, section 7.1).

While all jobs fit into the cluster, every job gets an equal share alone. Otherwise jobs without a
partner are paired at random, and the cluster is split evenly over pairs and remaining single jobs. A
pair is given up when one of its jobs completes or its normalised throughputs, summed over both jobs
and all worker types, fall below 1. No linear program; equal to the reference to the last bit.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.model.allocation_program import Allocation
from gavel_opt.model.cluster_state import ClusterState, ThroughputTable
from gavel_opt.policies.fifo import random_state, set_random_state
from gavel_opt.policies.packing import normalised_side
from gavel_opt.policies.policy import Policy, Traits


class Gandiva(Policy):
    """Random packing, kept while it pays.

    Parameters
    ----------
    name
        The policy's name.
    seed
        Seed of the random pairing.
    """

    traits = Traits(packing=True, by_arrival=True)

    def __init__(self, name: str, seed: int = 0) -> None:
        self.name = name
        self._random = random.Random(seed)
        self._pairs = np.empty((0, 2), dtype=np.int64)
        """Job numbers, the earlier job first."""
        self._table: ThroughputTable | None = None
        self._pays: Bools = np.empty((0, 0), dtype=bool)

    def shares(self, state: ClusterState) -> Allocation:
        """Return the shares of single jobs and pairs."""
        types = state.workers.size
        if state.job.size == 0:
            return Allocation(state.job, np.zeros((0, types)))
        pairs = self._still_paired(state)
        if state.scale_factor.sum() <= state.workers.sum():
            x = _even_split(state.workers, state.scale_factor, state.job.size)
            return Allocation(state.job, x)
        x = np.zeros((state.job.size, types))
        single, pairs = self._draw(state, pairs)
        combinations = single.size + pairs.shape[0]
        x[single] = _even_split(state.workers, state.scale_factor[single], combinations)
        shared = _even_split(state.workers, state.scale_factor[pairs[:, 0]], combinations)
        return Allocation(state.job, x, state.job[pairs], shared)

    def _still_paired(self, state: ClusterState) -> Ints:
        """Give up pairs that lost a job or do not pay; where in the state the others are, shape ``(P, 2)``."""
        if state.throughputs is not self._table:
            self._table = state.throughputs
            self._pays = _pays(state.throughputs)
        if not self._pairs.size:
            return self._pairs
        place = np.searchsorted(state.job, self._pairs)
        place[place == state.job.size] = 0
        there = (state.job[place] == self._pairs).all(axis=1)
        key = state.key[place]
        kept = there & self._pays[key[:, 0], key[:, 1]]
        self._pairs = self._pairs[kept]
        still: Ints = place[kept]
        return still

    def _draw(self, state: ClusterState, pairs: Ints) -> tuple[Ints, Ints]:
        """Pair jobs without a partner at random; those that stay single, ascending, and all pairs, in order."""
        alone = np.ones(state.job.size, dtype=bool)
        alone[pairs] = False
        free = np.flatnonzero(alone)
        waiting, scale = free.tolist(), state.scale_factor[free].tolist()
        drawn: list[tuple[int, int]] = []
        for _ in range(len(waiting)):
            if len(waiting) < 2:
                break
            i, j = two_below(len(waiting), self._random.getrandbits)
            if scale[i] != scale[j]:
                continue
            drawn.append((min(waiting[i], waiting[j]), max(waiting[i], waiting[j])))
            for place in (max(i, j), min(i, j)):
                del waiting[place], scale[place]
        pairs = np.concatenate([pairs, np.array(drawn, dtype=np.int64).reshape(-1, 2)])
        self._pairs = state.job[pairs]
        return np.array(waiting, dtype=np.int64), pairs[np.argsort(pairs[:, 0])]

    def snapshot(self) -> dict[str, Any]:
        """Return the partners and the state of the random stream."""
        return {
            "partner": [[a, b] for pair in self._pairs.tolist() for a, b in (pair, pair[::-1])],
            "random": random_state(self._random),
        }

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        pairs = [(int(a), int(b)) for a, b in memory["partner"] if a < b]
        self._pairs = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        set_random_state(self._random, memory["random"])


_POOLED = 21
"""Up to so many numbers ``random.sample`` draws from a list, from which it takes what is drawn."""


def two_below(n: int, bits: Callable[[int], int]) -> tuple[int, int]:
    """Two different numbers below ``n``, with the bits that ``random.sample(range(n), 2)`` draws.

    The reference calls that for every two jobs that it tries, hundreds of thousands of times a run; three
    quarters of its time are checks of what it is given.
    """
    size = n.bit_length()
    one = bits(size)
    while one >= n:
        one = bits(size)
    if n > _POOLED:
        other = bits(size)
        while other >= n or other == one:
            other = bits(size)
        return one, other
    last = n - 1
    size = last.bit_length()
    other = bits(size)
    while other >= last:
        other = bits(size)
    return one, last if other == one else other


def _even_split(workers: Ints, scale_factor: Ints, combinations: int) -> Floats:
    """``workers / combinations / scale_factor``, each row divided by ``max(1, its sum)``."""
    share = (workers / combinations) / scale_factor[:, None]
    split: Floats = share / np.maximum(share.sum(axis=1), 1.0)[:, None]
    return split


def _pays(table: ThroughputTable) -> Bools:
    """Whether a pair of keys (the earlier job's first) is worth keeping, ``(keys, keys)``."""
    keys = table.alone.shape[0]
    if table.paired is None:
        return np.zeros((keys, keys), dtype=bool)
    total = np.zeros((keys, keys))
    for j in range(table.alone.shape[1]):  # one after the other: the reference's order of sums
        total = total + normalised_side(table.paired[:, :, 0, j], table.alone[:, None, j])
        total = total + normalised_side(table.paired[:, :, 1, j], table.alone[None, :, j])
    runs: Bools = np.all(table.paired > 0.0, axis=(2, 3))
    return np.logical_and(runs, total >= 1.0)
