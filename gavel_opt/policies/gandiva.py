"""Gandiva: random pairs of jobs, kept while they pay (baseline of the paper, section 7.1).

While all jobs fit into the cluster, every job gets an equal share alone. Otherwise jobs without a
partner are paired at random, and the cluster is split evenly over pairs and remaining single jobs. A
pair is given up when one of its jobs completes or its normalised throughputs, summed over both jobs
and all worker types, fall below 1. No linear program; equal to the reference to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gavel_opt.arrays import Bools, Ints, plain_array
from gavel_opt.kernels.random_pairs import Pairing, Partners, share_in_pairs
from gavel_opt.kernels.random_streams import stream
from gavel_opt.model.cluster_state import StandingState, ThroughputTable
from gavel_opt.policies.one_kernel import SharesInColumns, remembered_stream, stream_memory
from gavel_opt.policies.packing import normalised_side
from gavel_opt.policies.policy import Traits


class Gandiva(SharesInColumns):
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
        self._partners = _partners(0, stream(seed))

    def kernel_and_task(self, state: StandingState) -> tuple[Callable[[Pairing], int], Pairing]:
        """The kernel that pairs jobs, and what it is handed."""
        pairs = len(state.jobs.key) // 2
        if len(self._partners.job) < pairs:
            self._remember(self._paired(), self._partners.stream, room=2 * pairs)
        pays = _pays(state.throughputs)
        return share_in_pairs, Pairing(
            state.jobs, state.pairs, plain_array(state.workers), pays, self._partners
        )

    def _paired(self) -> Ints:
        paired: Ints = self._partners.job[: self._partners.size[0]]
        return paired

    def _remember(self, paired: Ints, words: Ints, room: int) -> None:
        self.forget_calls()
        self._partners = _partners(max(room, len(paired)), words)
        self._partners.size[0] = len(paired)
        self._partners.job[: len(paired)] = paired

    def snapshot(self) -> dict[str, Any]:
        """Return the partners and the state of the random stream."""
        return {
            "partner": [[a, b] for pair in self._paired().tolist() for a, b in (pair, pair[::-1])],
            "random": stream_memory(self._partners.stream),
        }

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        paired = [(int(a), int(b)) for a, b in memory["partner"] if a < b]
        words = remembered_stream(memory["random"])
        self._remember(np.array(paired, dtype=np.int64).reshape(-1, 2), words, 0)


def _partners(room: int, words: Ints) -> Partners:
    return Partners(np.zeros(1, np.int64), np.zeros((room, 2), np.int64), words)


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
