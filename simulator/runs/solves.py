"""What each recomputation of the allocation cost, and how good its answers were."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np

from gavel_opt import Allocation, Certificate, ClusterState, Driver
from gavel_opt.kernels.jit import clock
from simulator.runs.columns import Columns

_FIELDS = {
    "round": np.int64,
    "time": np.float64,
    "programs": np.int64,
    "cache_hits": np.int64,
    "fallbacks": np.int64,
    "primal_residual": np.float64,
    "dual_residual": np.float64,
    "relative_gap": np.float64,
    "seconds": np.float64,
}
_NOTHING_SOLVED = (math.nan, math.nan, math.nan)


class Solves:
    """One entry a recomputation with jobs.

    Attributes
    ----------
    seconds
        Wall clock of all calls of the policy by this process.
    """

    def __init__(self) -> None:
        # One row of figures after the other: counts are exact in them.
        self._rows = array("d")
        self._decided: list[np.ndarray] = []
        """Behind these rows, as they come from the rounds: rows are made of them all at once."""
        self._refused: dict[int, str] = {}
        self.seconds = 0.0

    def watch(self, driver: Driver, state: ClusterState, number: int, time: float) -> Allocation:
        """Compute an allocation before round ``number``, and keep what it took."""
        # Straight on, attribute by attribute: a run has thousands of these, of 20 microseconds each.
        self._make_rows()
        tally = driver.tally
        programs, hits, fallbacks = tally.programs, tally.cache_hits, tally.fallbacks
        worst = tally.max_primal_residual, tally.max_dual_residual, tally.max_relative_gap
        tally.max_primal_residual = tally.max_dual_residual = tally.max_relative_gap = 0.0
        refusals = tally.refusals.copy() if tally.refusals else {}
        started = clock()
        try:
            found = driver.allocate(state)
        finally:
            seconds = clock() - started
            self.seconds += seconds
            mine = tally.max_primal_residual, tally.max_dual_residual, tally.max_relative_gap
            tally.worst(Certificate(*worst))
        solved = tally.programs - programs
        if tally.fallbacks != fallbacks:
            self._refused[len(self._rows) // len(_FIELDS)] = "; ".join(
                reason
                for reason, count in tally.refusals.items()
                if count > refusals.get(reason, 0)
            )
        counted = (number, time, solved, tally.cache_hits - hits, tally.fallbacks - fallbacks)
        self._rows.extend((*counted, *(mine if solved else _NOTHING_SOLVED), seconds))
        return found

    def add(self, decisions: np.ndarray, seconds: float) -> None:
        """Keep what was decided within the rounds (:data:`simulator.mechanism.records.DECISION`), and the seconds of all."""
        self._decided.append(decisions.copy())
        self.seconds += seconds

    def _make_rows(self) -> None:
        if not self._decided:
            return
        decisions = np.concatenate(self._decided)
        self._decided.clear()
        rows = np.zeros((decisions.size, len(_FIELDS)))
        for place, name in enumerate(_FIELDS):
            if name not in ("cache_hits", "fallbacks"):
                rows[:, place] = decisions[name]
        self._rows.frombytes(rows.tobytes())

    def columns(self) -> Columns:
        """Return what was kept; residuals are NaN where no program was solved."""
        found = self._arrays()
        longest = max([1, *map(len, self._refused.values())])
        refused = np.full(found["time"].size, "", dtype=f"<U{longest}")
        for place, text in self._refused.items():
            refused[place] = text
        return {**found, "refused": refused}

    def snapshot(self) -> dict[str, Any]:
        """What was kept, for a checkpoint."""
        return {**self._arrays(), "refused": [list(one) for one in self._refused.items()]}

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        rows = np.empty((memory["time"].size, len(_FIELDS)))
        for place, (name, dtype) in enumerate(_FIELDS.items()):
            kept = memory[name]
            if kept.dtype != dtype or kept.shape != rows.shape[:1]:
                raise ValueError(f"solves: {name} has {kept.shape} of {kept.dtype}")
            rows[:, place] = kept
        self._rows = array("d", rows.tobytes())
        self._decided.clear()
        self._refused = {int(place): str(text) for place, text in memory["refused"]}

    def _arrays(self) -> Columns:
        self._make_rows()
        rows = np.array(self._rows).reshape(-1, len(_FIELDS))
        columns = {
            name: rows[:, place].astype(dtype)
            for place, (name, dtype) in enumerate(_FIELDS.items())
        }
        return {"allocation": np.arange(len(rows)), **columns}
