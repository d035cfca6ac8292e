"""What a run tells the program that drives it: typed events, every so many rounds."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gavel_opt import InputError
from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import clock
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


_OF_ROUND = ("active", "arrived", "completed", "utilization")
"""Of a :class:`Round`, behind its time and number."""

_CODES = {"i": "q", "f": "d"}
"""How :mod:`array` calls whole numbers and floats of eight bytes, by numpy's kind."""

LATE = 0.2
"""Seconds of wall clock for which what happened may wait to be told, about: telling much at once costs half as much."""

PROMPT = 0.05
"""Seconds of wall clock until a run that tells events, or may be cancelled, looks up from its rounds, about."""

Event: TypeAlias = "Arrival | Completion | Recomputation | Round | Verdict | End"
Listener: TypeAlias = Callable[[Event], None]


class Cancel(Protocol):
    """What can be asked whether to stop: a ``threading.Event``."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...


class Events:
    """Tells a listener what happened, every so many rounds and at the end.

    Rounds go on between two calls of :meth:`after`; what was gone through in between is told together.

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
        self._told_at = clock()
        self._rounds = self._arrived = self._allocations = 0
        self._open: Ints = np.zeros(0, dtype=np.int64)
        """Jobs that have been told of as arrived and not as done."""

    def after(self, simulation: Simulation) -> None:
        """Tell of the rounds that have gone by, unless some have only just been told of."""
        if simulation.finished:
            self._tell_all(simulation)
        elif clock() - self._told_at >= LATE:
            self._tell_of(self._ahead(simulation.rounds), simulation)

    def end(self, simulation: Simulation, status: str, finding: str = "", reason: str = "") -> None:
        """Tell of the end, and of what came since the last round told of."""
        self._tell_all(simulation)
        if finding:
            self._tell(Verdict(simulation.time, finding, reason))
        self._tell(End(simulation.time, simulation.rounds, status))

    def _ahead(self, last: int) -> range:
        """Rounds that are to be told of, up to this one."""
        every = self._every
        return range((self._rounds // every + 1) * every, last + 1, every)

    def _tell_all(self, simulation: Simulation) -> None:
        """Tell of the rounds that have gone by, the last one too."""
        last = simulation.rounds
        self._tell_of(self._ahead(last), simulation)
        if self._rounds < last:
            self._tell_of(range(last, last + 1), simulation)

    def _tell_of(self, numbers: range, simulation: Simulation) -> None:
        """Tell of all that is new by the end of each of these rounds, in order."""
        if not numbers:
            return
        self._told_at = clock()
        rounds = simulation.mechanism.metrics()[0][
            numbers.start - 1 : numbers.stop - 1 : numbers.step
        ]
        number = np.arange(numbers.start, numbers.stop, numbers.step)
        time, here = rounds["time"], rounds["arrived"]
        arrived = np.arange(self._arrived, here[-1])
        arrival = simulation.workload.jobs.arrival
        done, finish = self._done(arrived, simulation.mechanism.finish(), time[-1])
        made = simulation.allocations_before(number)
        again = np.diff(made, prepend=self._allocations) > 0
        new = zip(
            np.diff(here, prepend=self._arrived).tolist(),
            np.diff(finish.searchsorted(time, side="right"), prepend=0).tolist(),
            again.tolist(),
            strict=True,
        )
        come = _events(Arrival, arrived, arrival[self._arrived : here[-1]])
        gone = _events(Completion, done, finish, finish - arrival[done])
        recomputed = _events(Recomputation, time[again], made[again])
        gone_by = _events(Round, time, number, *(rounds[name] for name in _OF_ROUND))
        self._rounds, self._arrived, self._allocations = numbers[-1], int(here[-1]), int(made[-1])
        tell = self._tell
        for arrivals, completions, recomputes in new:
            for event in itertools.islice(come, arrivals):
                tell(event)
            for event in itertools.islice(gone, completions):
                tell(event)
            if recomputes:
                tell(next(recomputed))
            tell(next(gone_by))

    def _done(self, arrived: Ints, finish: Floats, time: float) -> tuple[Ints, Floats]:
        """Jobs that have been done since the last time, in order, and when; those that were dropped are not."""
        self._open = np.concatenate([self._open, arrived])
        at = finish[self._open]
        done = at <= time  # not where it is NaN
        new, at = self._open[done], at[done]
        self._open = self._open[~done]
        order = at.argsort(kind="stable")
        return new[order], at[order]


def _events(kind: type[Event], *columns: NDArray[Any]) -> Iterator[Event]:
    """An event a row, each made when its turn comes and without a step of Python, as there are two for every job."""
    listed = (array(_CODES[one.dtype.kind], one.tobytes()) for one in columns)
    # both zips use their tuple again and again, where other ways make one or two for each event
    rows = zip(itertools.repeat(kind), zip(*listed, strict=True), strict=False)
    return itertools.starmap(tuple.__new__, rows)
