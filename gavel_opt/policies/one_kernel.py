"""Policies without programs that are one kernel: asked in plain Python, or from within compiled rounds."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from gavel_opt.arrays import Ints
from gavel_opt.errors import GavelError
from gavel_opt.kernels.arguments import Call
from gavel_opt.kernels.jit import make_ready
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.job_lines import Placed
from gavel_opt.kernels.pair_columns import NO_PAIRS, PairColumns
from gavel_opt.kernels.random_streams import words_of
from gavel_opt.model.allocation_program import Allocation
from gavel_opt.model.cluster_state import ClusterState, StandingState
from gavel_opt.policies.outside import has_methods_of_its_own
from gavel_opt.policies.policy import Policy


class SharesInColumns(Policy):
    """A policy whose shares, and those of its pairs, a kernel leaves in columns.

    Whoever derives from it says which kernel that is, and what it is handed. What is remembered stands in arrays
    that stay where they are as long as there is room, so that all calls share it.

    Attributes
    ----------
    long_from
        Jobs from which on a single call is too long to be interpreted.
    saves
        As of :class:`~gavel_opt.kernels.arguments.Call`, where single calls are of another kernel.
    """

    long_from = 2**62
    saves = 0.0

    _own: tuple[StandingState, Call] | None = None
    _workers = b""
    _others: tuple[StandingState, Call] | None = None

    def kernel_and_task(self, state: StandingState) -> tuple[Callable[[Any], int], Any]:
        """The kernel, and its one argument for the jobs of a state: a named tuple by reference."""
        raise NotImplementedError

    def make_room(self, state: ClusterState) -> None:
        """Have room for a state that the kernel gives 0 for, or raise what is wrong with it."""
        raise GavelError(f"policy {self.name!r} cannot take this state")

    def forget_calls(self) -> None:
        """Have calls made anew: what is remembered stands somewhere else from now on."""
        self._own = self._others = None

    def __getstate__(self) -> dict[str, Any]:
        # a copy's arrays are others
        return self.__dict__ | {"_own": None, "_others": None}

    def standing_call(self, state: StandingState) -> Call | None:
        """What leaves shares in the columns of a state whenever it is called; one for as long as it asks for one state."""
        if self._others is None or self._others[0] is not state:
            state.jobs.proof[:] = np.nan  # there is no program
            call = Call(*self.kernel_and_task(state), saves=self.saves)
            self._others = state, call
        return self._others[1]

    def shares(self, state: ClusterState) -> Allocation:
        """Return the shares of single jobs and pairs."""
        jobs = state.job.size
        standing, call = self._columns(state)
        for name in _SEEN:
            getattr(standing.jobs, name)[:jobs] = getattr(state, name)
        standing.jobs.size[0] = jobs
        if jobs >= self.long_from:
            make_ready(call.kernel, (call.given,))
        if not call():
            self.make_room(state)
            return self.shares(state)
        x, pairs = standing.jobs.shares[:jobs].copy(), standing.pairs
        if not pairs.size[0]:
            return Allocation(state.job, x)
        many = slice(0, int(pairs.size[0]))
        return Allocation(state.job, x, pairs.job[many].copy(), pairs.shares[many].copy())

    def _columns(self, state: ClusterState) -> tuple[StandingState, Call]:
        """Columns with room for the jobs of a state, and the call for them."""
        if self._own is not None:
            standing, _ = self._own
            if (
                standing.throughputs is state.throughputs
                and len(standing.jobs.key) >= state.job.size
                and state.workers.tobytes() == self._workers
            ):
                return self._own
        room, types = max(64, 2 * state.job.size), state.workers.size
        pairs = PairColumns.with_room(room // 2, types) if self.traits.packing else NO_PAIRS
        columns = JobColumns.with_room(room, types)
        workers = np.array(state.workers, dtype=np.int64)
        standing = StandingState(columns, state.throughputs, workers, pairs)
        call = Call(*self.kernel_and_task(standing))
        self._own, self._workers = (standing, call), state.workers.tobytes()
        return self._own


class KeepsTypes(SharesInColumns):
    """A policy whose jobs keep their worker types until they are done."""

    def __init__(self) -> None:
        self._placed = _placed(0)

    def _room_for(self, jobs: int) -> Placed:
        """What is remembered, with room for so many jobs."""
        if len(self._placed.job) < jobs:
            many = int(self._placed.size[0])
            self._remember(2 * jobs, self._placed.job[:many], self._placed.kind[:many])
        return self._placed

    def _remember(self, room: int, job: Ints, kind: Ints) -> None:
        self.forget_calls()
        many = job.size
        self._placed = _placed(max(room, many))
        self._placed.size[0] = many
        self._placed.job[:many], self._placed.kind[:many] = job, kind

    def snapshot(self) -> dict[str, Any]:
        """Return the worker type of each running job."""
        placed, many = self._placed, int(self._placed.size[0])
        return {"type_of": np.stack([placed.job[:many], placed.kind[:many]], axis=1).tolist()}

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        jobs = sorted((int(job), int(kind)) for job, kind in memory["type_of"])
        self._remember(0, *np.array(jobs, dtype=np.int64).reshape(-1, 2).T)


def _placed(room: int) -> Placed:
    return Placed(np.zeros(1, np.int64), np.zeros(room, np.int64), np.zeros(room, np.int64))


def stream_memory(words: Ints) -> list[Any]:
    """A random stream as JSON values, as ``random.Random.getstate`` has it."""
    return [random.Random.VERSION, words.tolist(), None]


def remembered_stream(memory: list[Any]) -> Ints:
    """Take back what :func:`stream_memory` gave."""
    version, words, _ = memory
    checked = random.Random()
    checked.setstate((version, tuple(words), None))
    return words_of(checked)


AROUND = 1e-4
"""CPU seconds that a single call from rounds takes, as long as it is not made within them."""

_SEEN = ("job", "key", "scale_factor", "weight", "steps_left", "age")


def known_call(policy: Policy, state: StandingState) -> Call | None:
    """The call of a policy that does what its class here says; None for any other.

    As for :func:`gavel_opt.policies.max_min.known_variant`.
    """
    if not isinstance(policy, SharesInColumns) or has_methods_of_its_own(policy):
        return None
    kind, here = type(policy), __name__.rpartition(".")[0]
    ours = kind.__module__.startswith(here) and kind.shares.__module__.startswith(here)
    return policy.standing_call(state) if ours else None
