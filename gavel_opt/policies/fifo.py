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
from typing import Any, Literal

import numpy as np

from gavel_opt.arrays import Ints
from gavel_opt.model.allocation_program import Allocation
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.policies.packing import normalised_side
from gavel_opt.policies.policy import Policy, Traits

PACKING_THRESHOLD = 1.5
"""Of the reference."""


class Fifo(Policy):
    """First in, first out.

    Parameters
    ----------
    name
        The policy's name.
    mode
        ``"plain"``, ``"perf"`` or ``"packed"``.
    packing_threshold
        Two jobs share workers only if their normalised throughputs sum to more.
    seed
        Seed of the draws of the plain mode.
    """

    def __init__(
        self,
        name: str,
        mode: Literal["plain", "perf", "packed"],
        packing_threshold: float = PACKING_THRESHOLD,
        seed: int = 0,
    ) -> None:
        self.name = name
        self.mode = mode
        self.traits = Traits(
            packing=mode == "packed",
            shuffles=mode == "plain",
            skips_zero_priority=True,
            by_arrival=True,
        )
        self._threshold = packing_threshold
        self._random = random.Random(seed)
        self._type_of: dict[int, int] = {}
        self._workers: Ints | None = None

    def shares(self, state: ClusterState) -> Allocation:
        """Return each running job's worker type as a 0/1 allocation.

        A state without jobs is allowed and matters: the plain mode forgets the jobs that completed.
        """
        queue = _Queue(state)
        if self.mode == "plain":
            type_of = self._type_of
            before = self._workers
            if before is not None and not np.array_equal(state.workers, before):
                _leave_what_is_gone(state, type_of)
            self._workers = np.array(state.workers)
            free = self._replace_completed(queue, type_of)
            self._fill(queue, type_of, free)
        else:
            type_of = {}
            self._fill(queue, type_of, state.workers.tolist())
        placed = np.fromiter(type_of, np.int64, len(type_of))
        kind = np.fromiter(type_of.values(), np.int64, len(type_of))
        index = np.searchsorted(state.job, placed)
        partner = np.full(index.size, -1)
        if self.mode == "packed":
            partner = _pack(queue, state, index, kind, self._threshold)

        x = np.zeros((state.job.size, state.workers.size))
        alone = partner < 0
        x[index[alone], kind[alone]] = 1.0
        pair = state.job[np.stack([index[~alone], partner[~alone]], axis=1)]
        pair_x = np.zeros((pair.shape[0], state.workers.size))
        pair_x[np.arange(pair.shape[0]), kind[~alone]] = 1.0
        return Allocation(state.job, x, np.sort(pair, axis=1), pair_x)

    def _replace_completed(self, queue: _Queue, type_of: dict[int, int]) -> list[int]:
        """Give the type of each completed job to the head of the queue; return free workers.

        As in the reference, jobs with larger numbers do not count as running yet at that moment.
        """
        queue.skip(type_of)
        free: list[int] = queue.state.workers.tolist()
        for job in sorted(type_of):
            kind = type_of[job]
            running = queue.index.get(job)
            if running is not None:
                free[kind] -= queue.scale[running]
                continue
            if queue:
                head = queue.head()
                if queue.scale[head] <= free[kind] and queue.runs(head, kind):
                    queue.pop()
                    type_of[queue.job[head]] = kind
                    free[kind] -= queue.scale[head]
            del type_of[job]
        return free

    def _fill(self, queue: _Queue, type_of: dict[int, int], free: list[int]) -> None:
        """Take jobs off the queue until one fits nowhere."""
        kinds = [kind for kind, workers in enumerate(free) if workers > 0]
        while queue and kinds:
            head = queue.pop()
            scale = queue.scale[head]
            fits = [place for place, kind in enumerate(kinds) if free[kind] >= scale]
            if not fits:
                break
            if self.mode == "plain":
                # The reference draws a type and then uses the last one that has any worker free;
                # when that is full, the drawn one goes off the list.
                drawn = fits[self._random.randrange(len(fits))]
                kind = kinds[-1]
            else:
                drawn = max(fits, key=lambda place: (queue.rate[head][kinds[place]], -place))
                kind = kinds[drawn]
            if queue.runs(head, kind):
                type_of[queue.job[head]] = kind
                free[kind] -= scale
                if free[kind] == 0:
                    kinds.pop(drawn)

    def snapshot(self) -> dict[str, Any]:
        """Return the worker type of each running job and the state of the random stream."""
        return {
            "type_of": [[job, kind] for job, kind in self._type_of.items()],
            "random": random_state(self._random),
        }

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        self._type_of = {int(job): int(kind) for job, kind in memory["type_of"]}
        set_random_state(self._random, memory["random"])


def _leave_what_is_gone(state: ClusterState, type_of: dict[int, int]) -> None:
    """Let the latest jobs lose their places on types that have fewer workers now."""
    free: list[int] = state.workers.tolist()
    scale = dict(zip(state.job.tolist(), state.scale_factor.tolist(), strict=True))
    for job in sorted(type_of):
        if job in scale and free[type_of[job]] < scale[job]:
            del type_of[job]
        else:
            free[type_of[job]] -= scale.get(job, 0)


class _Queue:
    """Waiting jobs in order of arrival, as indices into the state; materialised as it is used."""

    def __init__(self, state: ClusterState) -> None:
        self.state = state
        self.job: list[int] = state.job.tolist()
        self.scale: list[int] = state.scale_factor.tolist()
        self.rate = _Rows(state)
        self.index: dict[int, int] = {}
        self._waiting: Ints = np.arange(state.job.size)
        self._next = 0

    def skip(self, running: dict[int, int]) -> None:
        """Leave out the jobs that run already, and remember where they are in the state."""
        jobs = np.fromiter(running, np.int64, len(running))
        place = np.searchsorted(self.state.job, jobs)
        active = place < self.state.job.size
        active[active] = self.state.job[place[active]] == jobs[active]
        self.index = dict(zip(jobs[active].tolist(), place[active].tolist(), strict=True))
        waiting = np.ones(self.state.job.size, dtype=bool)
        waiting[place[active]] = False
        self._waiting = np.flatnonzero(waiting)

    def __bool__(self) -> bool:
        return self._next < self._waiting.size

    def head(self) -> int:
        return int(self._waiting[self._next])

    def pop(self) -> int:
        self._next += 1
        return int(self._waiting[self._next - 1])

    def runs(self, index: int, kind: int) -> bool:
        return self.rate[index][kind] > 0.0


class _Rows:
    """Rows of throughputs as lists, by index of the job, made when asked for."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state

    def __getitem__(self, index: int) -> list[float]:
        row: list[float] = self._state.throughputs.alone[self._state.key[index]].tolist()
        return row


def _pack(queue: _Queue, state: ClusterState, index: Ints, kind: Ints, threshold: float) -> Ints:
    """Partner of each placed job (index into the state), or -1."""
    partner = np.full(index.size, -1)
    table = state.throughputs
    if table.paired is None or not queue or not index.size:
        return partner
    key, scale = state.key, state.scale_factor
    while queue:
        head = queue.pop()
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
