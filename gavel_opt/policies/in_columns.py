"""Policies without programs that are one kernel: asked in plain Python, or from within compiled rounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gavel_opt.errors import GavelError
from gavel_opt.kernels.arguments import Call
from gavel_opt.kernels.jit import make_ready
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.pair_columns import NO_PAIRS, PairColumns
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
    """

    long_from = 2**62

    def __init__(self) -> None:
        self._own: tuple[StandingState, Call] | None = None
        self._others: tuple[StandingState, Call] | None = None

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

    def standing_call(self, state: StandingState) -> Call:
        """What leaves shares in the columns of a state whenever it is called; one for as long as it asks for one state."""
        if self._others is None or self._others[0] is not state:
            state.jobs.proof[:] = np.nan  # there is no program
            call = Call(*self.kernel_and_task(state))
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
                and np.array_equal(standing.workers, state.workers)
            ):
                return self._own
        room, types = max(64, 2 * state.job.size), state.workers.size
        pairs = PairColumns.with_room(room // 2, types) if self.traits.packing else NO_PAIRS
        columns = JobColumns.with_room(room, types)
        workers = np.array(state.workers, dtype=np.int64)
        standing = StandingState(columns, state.throughputs, workers, pairs)
        call = Call(*self.kernel_and_task(standing))
        self._own = standing, call
        return self._own


_SEEN = ("job", "key", "scale_factor", "weight", "steps_left", "age")
_SHARES = SharesInColumns.shares


def known_call(policy: Policy, state: StandingState) -> Call | None:
    """The call of a policy that does what its class here says; None for any other.

    As for :func:`gavel_opt.policies.max_min.known_variant`.
    """
    if not isinstance(policy, SharesInColumns) or has_methods_of_its_own(policy):
        return None
    kind = type(policy)
    ours = kind.__module__.startswith(__name__.rpartition(".")[0])
    return policy.standing_call(state) if ours and kind.shares is _SHARES else None
