"""The pace of a run itself, taken while its jobs wait: what its work was worth per second, at the prices of the bound."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from simulator.runs.saturation.bounds import Bound
from simulator.runs.saturation.long_queue import DEMAND, Pace
from simulator.runs.simulation import Simulation
from simulator.world.units import HOUR

BATCHES = 6
"""Stretches of the run itself in which its own pace is taken."""

QUEUE, WAITED = 0.25, 0.95
"""Workers that the jobs which wait have to ask for, per worker, and in what part of the rounds between two looks, if
the run's own pace is to count there."""

AUTOCORRELATED = 1.5
"""How much larger the error of the run's own pace is taken than so few stretches, if independent, say."""

_NUMBERS = 4
"""Of a note: worth, seconds, and the two parts of the time."""


def queue_is_long(simulation: Simulation) -> bool:
    """Whether a run itself has a queue as long as that in which the pace is measured."""
    return simulation.active * simulation.mean_scale >= DEMAND * simulation.cluster.total


class OwnPace:
    """Notes of a run, from look to look, and the pace that they tell.

    Attributes
    ----------
    seen
        The notes: worth of the work, seconds, and in what part of the time since the one before some jobs waited, and as
        many as in a long queue.
    """

    def __init__(self) -> None:
        self.seen: list[list[float]] = []
        self._worth = self._offered = np.zeros(0)  # of all jobs known so far, each and up to it
        self._own: dict[int, tuple[float, float, float] | None] = {}  # known from what was seen

    def restore(self, seen: Iterable[Iterable[float]]) -> None:
        """Take back notes."""
        self._own = {}
        self.seen = [[float(value) for value in row] for row in seen]
        if any(len(row) != _NUMBERS for row in self.seen):
            raise ValueError("state.judge.seen is not what was measured")

    def _note(self, simulation: Simulation, bound: Bound) -> None:
        """Note what the run's work has been worth, and in what part of the time since the last note jobs waited.

        Also in what part as many waited as in a long queue.
        """
        value = self.worth_of_work(simulation, bound)
        since = self.seen[-1][1] if self.seen else simulation.time
        waiting = simulation.waiting_since(since) * simulation.mean_scale / simulation.cluster.total
        long = DEMAND - 1.0
        parts = [
            np.count_nonzero(waiting >= least) / max(waiting.size, 1) for least in (QUEUE, long)
        ]
        self.seen.append([value, simulation.time, *parts])

    def worth_of_work(self, simulation: Simulation, bound: Bound) -> float:
        """What all work of the run so far has been worth, at the prices of the bound."""
        jobs = simulation.workload.jobs
        if self._worth.size != jobs.size:  # once: it is looked at often
            self._worth = bound.key_prices[jobs.key] * jobs.duration * jobs.scale_factor
            self._offered = np.cumsum(self._worth)
        number, part = simulation.parts_left()
        return float(self._offered[simulation.arrived - 1] - self._worth[number] @ part)

    def taken(
        self, simulation: Simulation, pace: Pace, bound: Bound, by_itself: bool
    ) -> tuple[Pace, bool] | None:
        """The pace of the run itself, between looks between which jobs waited, and whether it stands alone.

        That is what its work was worth per second. Its error is told from stretches of the run, and taken
        larger, as the same jobs are in several of them. It stands alone where the run's queue was as long
        as one that is measured. Only then is it taken where jobs share workers or are matched to them: with
        more jobs to choose from such a policy could do more.

        Parameters
        ----------
        simulation
            The run, between two rounds.
        pace
            Of a long queue.
        bound
            Whose prices say what work is worth.
        by_itself
            Whether the run's pace may count before its queue is long.
        """
        if by_itself or queue_is_long(simulation):
            self._note(simulation, bound)
        elif not self.seen:
            return None
        own = self._where(3, pace)
        if own is not None:
            return replace(own, queue=simulation.active), True
        if not by_itself:
            return None
        own = self._where(2, pace)
        return None if own is None else (own, False)

    def _where(self, part: int, pace: Pace) -> Pace | None:
        """The run's pace between looks of which this part was large enough; None if those were few."""
        if part not in self._own or self.seen[-1][part] >= WAITED:
            self._own[part] = self._taken_where(part)
        own = self._own[part]
        return None if own is None else replace(pace, rate=own[0], error=own[1], hours=own[2])

    def _taken_where(self, part: int) -> tuple[float, float, float] | None:
        """Rate, error and hours of that pace."""
        seen = np.array(self.seen)
        value, seconds = np.diff(seen[:, :2], axis=0)[seen[1:, part] >= WAITED].T
        if value.size < BATCHES:
            return None
        ends = np.cumsum(seconds)
        batch = ((ends - seconds / 2.0) / ends[-1] * BATCHES).astype(np.int64)
        values, lengths = (np.bincount(batch, each, BATCHES) for each in (value, seconds))
        if not (lengths > 0).all():
            return None
        rate = float(value.sum() / ends[-1])
        apart = float(((values - rate * lengths) ** 2).sum()) * BATCHES / (BATCHES - 1)
        error = AUTOCORRELATED * math.sqrt(apart) / float(ends[-1])
        return rate, error, float(ends[-1]) / HOUR
