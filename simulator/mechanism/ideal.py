"""Ideal mode: every job gets exactly its fraction of time on each worker type, without rounds.

The reference's ideal mode fails at the commit that the recordings come from, so this follows the
paper (section 7.5): between two events, arrivals and completions, each job and pair advances at the
speed of its allocation, whole and broken steps alike, and workers are busy for the time allocated.
The allocation is recomputed under the rounds' own rule, so that the difference to a run in rounds
is the mechanism's alone. An event counts as a round; nobody has a lease.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from simulator.mechanism.events import run_events
from simulator.mechanism.mechanism import Mechanism


class IdealMechanism(Mechanism):
    """The mechanism that no cluster has: fractions of time come out exactly."""

    def placements(self) -> np.ndarray:
        """Nobody stands anywhere: every job is spread over all workers of a type."""
        return np.zeros((0, 3), dtype=np.int64)

    @property
    def _kernel(self) -> Callable[..., int]:
        """What goes through the events."""
        return run_events

    def _take_rows(self, begun: int) -> None:
        """Have the rows of the metrics from one on say what part of the workers was busy."""
        rounds, type_use = (rows[begun:] for rows in self.metrics())
        workers = self._setting.cluster.workers
        total = int(workers.sum())
        rounds["utilization"] = [math.fsum(use) / total for use in type_use.tolist()]
        type_use /= workers
