"""What each recomputation of the allocation cost, and how good its answers were."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from gavel_opt import Allocation, ClusterState, Driver
from simulator.runs.columns import Columns

_COUNTED = ("programs", "cache_hits", "fallbacks")
_WORST = ("primal_residual", "dual_residual", "relative_gap")
_SPENT = ("build", "translate", "solve", "read", "tie_break", "certify")

_WHOLE = ("allocation", "round", *_COUNTED)
_REAL = ("time", *_WORST, "seconds")
_ORDER = ("allocation", "round", "time", *_COUNTED, *_WORST, "seconds", "refused")


class Solves:
    """One entry a recomputation with jobs."""

    def __init__(self) -> None:
        self._columns: dict[str, array[Any]] = {name: array("q") for name in _WHOLE}
        self._columns |= {name: array("d") for name in _REAL}
        self._refused: dict[int, str] = {}

    def watch(self, driver: Driver, state: ClusterState, number: int, time: float) -> Allocation:
        """Compute an allocation before round ``number``, and keep what it took."""
        tally = driver.tally
        counts = [getattr(tally, name) for name in _COUNTED]
        spent = sum(getattr(tally, name) for name in _SPENT)
        refusals = dict(tally.refusals)
        worst = [getattr(tally, f"max_{name}") for name in _WORST]
        for name in _WORST:
            setattr(tally, f"max_{name}", 0.0)
        try:
            found = driver.allocate(state)
            mine = [getattr(tally, f"max_{name}") for name in _WORST]
        finally:
            for name, before in zip(_WORST, worst, strict=True):
                setattr(tally, f"max_{name}", max(before, getattr(tally, f"max_{name}")))
        values: dict[str, Any] = {"allocation": len(self._columns["time"]), "round": number}
        for name, before in zip(_COUNTED, counts, strict=True):
            values[name] = getattr(tally, name) - before
        solved = values["programs"] > 0
        values |= {n: size if solved else np.nan for n, size in zip(_WORST, mine, strict=True)}
        values |= {"time": time, "seconds": sum(getattr(tally, n) for n in _SPENT) - spent}
        if tally.refusals != refusals:
            self._refused[len(self._columns["time"])] = "; ".join(
                reason
                for reason, count in tally.refusals.items()
                if count > refusals.get(reason, 0)
            )
        for name, column in self._columns.items():
            column.append(values[name])
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
