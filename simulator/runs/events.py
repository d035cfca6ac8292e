"""What a run tells the program that drives it: typed events, every so many rounds."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from gavel_opt import InputError
from simulator.runs.simulation import Simulation


class Arrival(NamedTuple):
    """A job has come; ``time`` in simulated seconds, as everywhere here."""

    job: int
    time: float


class Completion(NamedTuple):
    """A job is done; ``jct`` in seconds."""

    job: int
    time: float
    jct: float


class Recomputation(NamedTuple):
    """The allocation was computed anew; how often so far."""

    time: float
    allocations: int


class Round(NamedTuple):
    """How things stand after a round: jobs in the system, in all so far, and the part of workers in use."""

    time: float
    rounds: int
    active: int
    arrived: int
    completed: int
    utilization: float


class Verdict(NamedTuple):
    """A saturation rule has found something that ends the run."""

    time: float
    finding: str
    reason: str


class End(NamedTuple):
    """The run has ended, as ``status`` in its summary says."""

    time: float
    rounds: int
    status: str


_ARRIVAL = functools.partial(tuple.__new__, Arrival)
_COMPLETION = functools.partial(tuple.__new__, Completion)
"""Make events of tuples without a call of Python; there are two for every job."""

Event: TypeAlias = "Arrival | Completion | Recomputation | Round | Verdict | End"
Listener: TypeAlias = Callable[[Event], None]


class Cancel(Protocol):
    """What can be asked whether to stop: a ``threading.Event``."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...


class Events:
    """Tells a listener what happened, every so many rounds and at the end.

    Parameters
    ----------
    listener
        Called with one event at a time: arrivals, completions and the recomputation since the last round
        that was told of, then the round.
    every
        Rounds from one :class:`Round` to the next.

    Raises
    ------
    gavel_opt.InputError
        If ``every`` is no positive whole number.
    """

    def __init__(self, listener: Listener, every: int = 1) -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise InputError(f"every: {every!r} is not a positive whole number of rounds")
        self._tell = listener
        self._every = every
        self._rounds = -1
        self._arrived = self._allocations = 0
        self._done = np.zeros(0, dtype=bool)

    def ahead(self, rounds: int) -> int:
        """Rounds until the next one that is told of."""
        return self._every - rounds % self._every

    def after(self, simulation: Simulation) -> None:
        """Tell of a round, if it is one of those."""
        if simulation.rounds % self._every == 0 or simulation.finished:
            self._catch_up(simulation)

    def end(self, simulation: Simulation, status: str, finding: str = "", reason: str = "") -> None:
        """Tell of the end, and of what came since the last round told of."""
        self._catch_up(simulation)
        if finding:
            self._tell(Verdict(simulation.time, finding, reason))
        self._tell(End(simulation.time, simulation.rounds, status))

    def _catch_up(self, simulation: Simulation) -> None:
        if simulation.rounds == self._rounds:
            return
        self._rounds = simulation.rounds
        tell, arrived = self._tell, simulation.arrived
        arrival = simulation.workload.jobs.arrival[:arrived]
        new_jobs = range(self._arrived, arrived)
        for event in map(_ARRIVAL, zip(new_jobs, arrival[self._arrived :].tolist(), strict=True)):
            tell(event)
        self._arrived = arrived
        finish = simulation.mechanism.finish()
        done = np.isfinite(finish)
        new = done.copy()
        new[: self._done.size] &= ~self._done
        new = np.flatnonzero(new)
        new = new[np.argsort(finish[new], kind="stable")]
        columns = new, finish[new], finish[new] - arrival[new]
        for done_event in map(_COMPLETION, zip(*(c.tolist() for c in columns), strict=True)):
            tell(done_event)
        self._done = done
        if simulation.allocations > self._allocations:
            self._allocations = simulation.allocations
            tell(Recomputation(simulation.time, simulation.allocations))
        rounds, _ = simulation.mechanism.metrics()
        tell(
            Round(
                simulation.time,
                simulation.rounds,
                simulation.active,
                arrived,
                simulation.completed,
                float(rounds["utilization"][-1]) if rounds.size else 0.0,
            )
        )
