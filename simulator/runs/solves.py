"""What each recomputation of the allocation cost, and how good its answers were."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from gavel_opt import Allocation, ClusterState, Driver, Tally
from simulator.runs.columns import Columns

_COUNTED = ("programs", "cache_hits", "fallbacks")
_WORST = ("primal_residual", "dual_residual", "relative_gap")

_WHOLE = ("allocation", "round", *_COUNTED)
_REAL = ("time", *_WORST, "seconds")
_ORDER = ("allocation", "round", "time", *_COUNTED, *_WORST, "seconds", "refused")


def _spent(tally: Tally) -> float:
    parts = tally.build + tally.translate + tally.solve + tally.read
    return parts + tally.tie_break + tally.certify


class Solves:
    """One entry a recomputation with jobs."""

    def __init__(self) -> None:
        self._columns: dict[str, array[Any]] = {name: array("q") for name in _WHOLE}
        self._columns |= {name: array("d") for name in _REAL}
        self._refused: dict[int, str] = {}

    def watch(self, driver: Driver, state: ClusterState, number: int, time: float) -> Allocation:
        """Compute an allocation before round ``number``, and keep what it took."""
        # Straight on, attribute by attribute: a run has thousands of these, of 30 microseconds each.
        tally, columns = driver.tally, self._columns
        programs, hits, fallbacks = tally.programs, tally.cache_hits, tally.fallbacks
        primal, dual, gap = (
            tally.max_primal_residual,
            tally.max_dual_residual,
            tally.max_relative_gap,
        )
        tally.max_primal_residual = tally.max_dual_residual = tally.max_relative_gap = 0.0
        refusals = tally.refusals.copy() if tally.refusals else {}
        spent = _spent(tally)
        try:
            found = driver.allocate(state)
            mine = (tally.max_primal_residual, tally.max_dual_residual, tally.max_relative_gap)
        finally:
            tally.max_primal_residual = max(primal, tally.max_primal_residual)
            tally.max_dual_residual = max(dual, tally.max_dual_residual)
            tally.max_relative_gap = max(gap, tally.max_relative_gap)
        place = len(columns["time"])
        columns["allocation"].append(place)
        columns["round"].append(number)
        columns["time"].append(time)
        columns["programs"].append(tally.programs - programs)
        columns["cache_hits"].append(tally.cache_hits - hits)
        columns["fallbacks"].append(tally.fallbacks - fallbacks)
        if tally.programs == programs:
            mine = (np.nan, np.nan, np.nan)
        columns["primal_residual"].append(mine[0])
        columns["dual_residual"].append(mine[1])
        columns["relative_gap"].append(mine[2])
        columns["seconds"].append(_spent(tally) - spent)
        if tally.fallbacks != fallbacks:
            self._refused[place] = "; ".join(
                reason
                for reason, count in tally.refusals.items()
                if count > refusals.get(reason, 0)
            )
        return found

    def columns(self) -> Columns:
        """Return what was kept; residuals are NaN where no program was solved."""
        found = self._arrays()
        texts = [self._refused.get(place, "") for place in range(found["time"].size)]
        return {
            name: np.array(texts, dtype=np.str_) if name == "refused" else found[name]
            for name in _ORDER
        }

    def snapshot(self) -> dict[str, Any]:
        """What was kept, for a checkpoint."""
        return {**self._arrays(), "refused": [list(one) for one in self._refused.items()]}

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        count = memory["time"].size
        for name, column in self._columns.items():
            kept = memory[name]
            if kept.dtype != np.dtype(column.typecode) or kept.shape != (count,):
                raise ValueError(f"solves: {name} has {kept.shape} of {kept.dtype}")
            self._columns[name] = array(column.typecode, kept.tobytes())
        self._refused = {int(place): str(text) for place, text in memory["refused"]}

    def _arrays(self) -> Columns:
        return {
            name: np.array(column, dtype=column.typecode) for name, column in self._columns.items()
        }
