"""What a run tells the program that drives it: typed events, every so many rounds."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

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
"""Make events of tuples without a call of Python."""

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
        if not callable(listener):
            raise InputError(
                f"on_round: {listener!r} is nothing that could be called with an event"
            )
        self._tell = listener
        self._every = every
        self._rounds = -1
        self._arrived = self._completed = self._allocations = 0
        self._open = np.zeros(0, dtype=np.int64)
        """Jobs that have been told of as arrived and not as done."""

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
        mechanism, tell = simulation.mechanism, self._tell
        rounds = mechanism.rounds
        if rounds == self._rounds:
            return
        self._rounds = rounds
        arrived, completed = mechanism.arrived, mechanism.completed
        if arrived > self._arrived:
            self._tell_arrivals(simulation.workload.jobs.arrival[self._arrived : arrived])
        if completed > self._completed:
            self._tell_completions(simulation.workload.jobs.arrival, mechanism.finish())
            self._completed = completed
        if simulation.allocations > self._allocations:
            self._allocations = simulation.allocations
            tell(Recomputation(mechanism.time, self._allocations))
        use = mechanism.latest_utilization()
        tell(Round(mechanism.time, rounds, mechanism.active, arrived, completed, use))

    def _tell_arrivals(self, arrival: NDArray[np.float64]) -> None:
        first, self._arrived = self._arrived, self._arrived + arrival.size
        _each(self._tell, _ARRIVAL, range(first, self._arrived), arrival.tolist())
        self._open = np.concatenate([self._open, np.arange(first, self._arrived)])

    def _tell_completions(self, arrival: NDArray[np.float64], finish: NDArray[np.float64]) -> None:
        at = finish[self._open]
        done = np.isfinite(at)  # those that were dropped are not
        new, at = self._open[done], at[done]
        self._open = self._open[~done]
        if new.size > 1:
            order = at.argsort(kind="stable")
            new, at = new[order], at[order]
        _each(self._tell, _COMPLETION, new.tolist(), at.tolist(), (at - arrival[new]).tolist())


def _each(tell: Listener, made: Callable[..., Event], *columns: Iterable[float]) -> None:
    """Tell of one event a row; there are two for every job, so without a step of Python for each."""
    deque(map(tell, map(made, zip(*columns, strict=True))), maxlen=0)
