"""What a run tells the program that drives it: typed events, every so many rounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from gavel_opt import InputError
from simulator.runs.simulation import Simulation


@dataclass(frozen=True, slots=True)
class Arrival:
    """A job has come; ``time`` in simulated seconds, as everywhere here."""

    job: int
    time: float


@dataclass(frozen=True, slots=True)
class Completion:
    """A job is done; ``jct`` in seconds."""

    job: int
    time: float
    jct: float


@dataclass(frozen=True, slots=True)
class Recomputation:
    """The allocation was computed anew; how often so far."""

    time: float
    allocations: int


@dataclass(frozen=True, slots=True)
class Round:
    """How things stand after a round: jobs in the system, in all so far, and the part of workers in use."""

    time: float
    rounds: int
    active: int
    arrived: int
    completed: int
    utilization: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A saturation rule has found something that ends the run."""

    time: float
    finding: str
    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """The run has ended, as ``status`` in its summary says."""

    time: float
    rounds: int
    status: str


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
        for job in range(self._arrived, arrived):
            tell(Arrival(job, float(arrival[job])))
        self._arrived = arrived
        finish = simulation.mechanism.results().finish
        done = np.isfinite(finish)
        before = np.zeros(done.size, dtype=bool)
        before[: self._done.size] = self._done
        new = np.flatnonzero(done & ~before)
        for job in new[np.argsort(finish[new], kind="stable")].tolist():
            tell(Completion(job, float(finish[job]), float(finish[job] - arrival[job])))
        self._done = done
        if simulation.allocations > self._allocations:
            self._allocations = simulation.allocations
            tell(Recomputation(simulation.time, simulation.allocations))
        tell(
            Round(
                simulation.time,
                simulation.rounds,
                simulation.active,
                arrived,
                simulation.completed,
                float(simulation.latest["utilization"]),
            )
        )
