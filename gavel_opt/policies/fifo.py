"""First in, first out (section 4.2 of the paper).

Jobs are taken in order of arrival, each onto workers of one type, until one does not fit. No linear
program: the answer is a 0/1 allocation that equals the reference's to the last bit, quirks included.

* ``plain`` keeps a job on its type until it completes and takes a random type for a new one;
* ``perf`` starts over at each recomputation and takes the type on which the job runs fastest;
* ``packed`` is ``perf``, and then puts waiting jobs beside running ones, each beside the partner with
  the largest sum of normalised throughputs, as long as that exceeds 1.5.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from gavel_opt.arrays import Ints, plain_array, whole
from gavel_opt.errors import InputError
from gavel_opt.kernels.jit import make_ready
from gavel_opt.kernels.job_lines import Ordering, Queue, place_columns_in_order, place_in_order
from gavel_opt.kernels.random_streams import stream
from gavel_opt.model.allocation_program import Allocation
from gavel_opt.model.cluster_state import ClusterState, StandingState
from gavel_opt.policies.one_kernel import AROUND, KeepsTypes, remembered_stream, stream_memory
from gavel_opt.policies.packing import normalised_side
from gavel_opt.policies.policy import Traits

PACKING_THRESHOLD = 1.5
"""Of the reference."""


class Fifo(KeepsTypes):
    """First in, first out.

    A state without jobs matters: the plain mode forgets the jobs that completed.

    Parameters
    ----------
    name
        The policy's name.
    mode
        ``"plain"`` or ``"perf"``.
    seed
        Seed of the draws of the plain mode.
    """

    long_from = 64
    saves = AROUND

    def __init__(self, name: str, mode: Literal["plain", "perf"], seed: int = 0) -> None:
        super().__init__()
        if mode not in ("plain", "perf"):
            raise InputError(f"mode is {mode!r}, expected 'plain' or 'perf'")
        self.name = name
        self.traits = Traits(shuffles=mode == "plain", skips_zero_priority=True, by_arrival=True)
        self._keeps = np.array([mode == "plain"])
        self._before = np.full(0, -1)
        self._stream = stream(seed)
        self._behind = np.zeros(1, np.int64)

    def kernel_and_task(self, state: StandingState) -> tuple[Callable[[Ordering], int], Ordering]:
        """The kernel that places jobs, and what it is handed."""
        workers = plain_array(state.workers)
        alone = plain_array(np.asarray(state.throughputs.alone, dtype=np.float64))
        queue = self._queue(len(state.jobs.key), workers.size)
        return place_in_order, Ordering(state.jobs, alone, workers, queue)

    def _queue(self, jobs: int, types: int) -> Queue:
        """What is remembered, with room for so many jobs."""
        if self._before.size != types:
            unknown = 0 if self._before.size else -1
            self.forget_calls()
            self._before = np.full(types, unknown)
        placed = self._room_for(jobs)
        return Queue(self._keeps, placed, self._before, self._stream, self._behind)

    def shares(self, state: ClusterState) -> Allocation:
        """Return the worker type of each running job as a 0/1 allocation."""
        shares = np.empty((state.job.size, state.workers.size))
        columns = whole(state.job), whole(state.key), whole(state.scale_factor)
        table = np.asarray(state.throughputs.alone, dtype=np.float64), whole(state.workers)
        given = columns, table, self._queue(*shares.shape), shares
        if len(shares) >= self.long_from:
            make_ready(place_columns_in_order, given)
        place_columns_in_order(*given)
        return Allocation(state.job, shares)

    def snapshot(self) -> dict[str, Any]:
        """Return the worker type of each running job and the state of the random stream."""
        return super().snapshot() | {"random": stream_memory(self._stream)}

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        words = remembered_stream(memory["random"])
        super().restore(memory)
        self._stream = words


class PackedFifo(Fifo):
    """First in, first out, and then waiting jobs beside running ones.

    Parameters
    ----------
    name
        The policy's name.
    packing_threshold
        Two jobs share workers only if their normalised throughputs sum to more.
    """

    def __init__(
        self, name: str, packing_threshold: float = PACKING_THRESHOLD, seed: int = 0
    ) -> None:
        super().__init__(name, "perf", seed)
        self.traits = Traits(packing=True, skips_zero_priority=True, by_arrival=True)
        self._threshold = packing_threshold

    def standing_call(self, state: StandingState) -> None:
        """None: pairs are made in plain Python."""

    def shares(self, state: ClusterState) -> Allocation:
        """Return the worker type of each running job and pair as a 0/1 allocation."""
        x = super().shares(state).x
        index, kind = np.nonzero(x)
        waiting = range(int(self._behind[0]), state.job.size)
        partner = _pack(waiting, state, index, kind, self._threshold)
        paired = partner >= 0
        x[index[paired]] = 0.0
        pair = state.job[np.stack([index[paired], partner[paired]], axis=1)]
        pair_x = np.zeros((pair.shape[0], state.workers.size))
        pair_x[np.arange(pair.shape[0]), kind[paired]] = 1.0
        return Allocation(state.job, x, np.sort(pair, axis=1), pair_x)


def _pack(waiting: range, state: ClusterState, index: Ints, kind: Ints, threshold: float) -> Ints:
    """Partner of each placed job (index into the state), or -1."""
    partner = np.full(index.size, -1)
    table = state.throughputs
    if table.paired is None or not index.size:
        return partner
    key, scale = state.key, state.scale_factor
    for head in waiting:
        together = table.paired[key[index], key[head], :, kind]
        gain = normalised_side(together[:, 0], table.alone[key[index], kind])
        gain = gain + normalised_side(together[:, 1], table.alone[key[head], kind])
        gain[(partner >= 0) | (scale[index] != scale[head])] = 0.0
        best = int(np.argmax(gain))
        if gain[best] <= threshold:
            break
        partner[best] = head
    return partner


def random_state(stream: random.Random) -> list[Any]:
    """State of a random stream as JSON values."""
    version, words, gauss = stream.getstate()
    return [version, list(words), gauss]


def set_random_state(stream: random.Random, state: list[Any]) -> None:
    """Take back what :func:`random_state` gave."""
    version, words, gauss = state
    stream.setstate((version, tuple(words), gauss))
