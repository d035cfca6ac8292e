"""One simulation as a piece of work, and how the results of several seeds become one point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.runs.output.job_metrics import missed_deadlines
from simulator.runs.output.results import RunResult
from simulator.settings.config import RunConfig
from simulator.studies.batches.batch import Batch
from simulator.studies.executors import Payload

_LEFT_OUT = ("jct", "config", "command")
"""Parts of a summary that a point does not keep: long, or in the payload already."""


def simulate(payload: Payload) -> dict[str, Any]:
    """Run one simulation and return its summary without the jobs."""
    from simulator.studies.batches.long_runs import simulate_for_long

    config = RunConfig.from_json(payload["config"])
    result = simulate_for_long(payload)
    found = {name: value for name, value in result.summary.items() if name not in _LEFT_OUT}
    return found | _derived(config, result)


def _derived(config: RunConfig, result: RunResult) -> dict[str, Any]:
    """Measures that a summary does not have: by class of priority, of deadlines."""
    found: dict[str, Any] = {}
    jobs = result.jobs
    whole = result.status == "completed" and not result.summary["jobs"]["missing"]
    if config.multi_priority:
        for name, chosen in (("low", jobs["weight"] <= 1.0), ("high", jobs["weight"] > 1.0)):
            jct = jobs["jct"][chosen & jobs["measured"] & ~jobs["dropped"]]
            found[f"average_jct_{name}"] = float(jct.mean()) if whole and jct.size else None
    due = jobs["measured"] & np.isfinite(jobs["deadline"])
    if whole and due.any():
        late = missed_deadlines(jobs, result.summary["simulated_time"])
        found["slo_violation_rate"] = float(late[due].mean())
    if whole and "finish_time_fairness" in jobs:
        ratios = jobs["finish_time_fairness"][jobs["measured"] & ~jobs["dropped"]]
        found["average_finish_time_fairness"] = float(ratios.mean())
    return found


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve: what its seeds gave.

    Attributes
    ----------
    values
        By seed; None where a run did not finish all of its jobs.
    state
        ``completed`` if every seed did, else how the first that did not ended (``saturated``,
        ``horizon``, ``timeout``, ``partial``, ``failed``) or ``not run``.
    cpu_seconds
        Of all seeds.
    completed, measured
        Measured jobs that completed, and all, over all seeds that were run.
    undecided
        Of how many completed runs it is undecided whether their rate can be sustained.
    """

    values: tuple[float | None, ...]
    state: str
    cpu_seconds: float
    completed: int = 0
    measured: int = 0
    undecided: int = 0

    def text(self, digits: str = ".2f") -> str:
        """Write the mean, or why there is none; and how many measured jobs completed, where not all did."""
        said = self.state if self.mean is None else f"{self.mean:{digits}}"
        if self.completed < self.measured:
            said += f" ({self.completed:,} of {self.measured:,} jobs)"
        if self.undecided and self.mean is not None:
            said += f" ({self.undecided} of {len(self.values)} undecided)"
        return said

    @property
    def mean(self) -> float | None:
        """Mean over seeds; None unless all are whole: a partial mean is no result."""
        whole = [value for value in self.values if value is not None]
        if self.state != "completed" or not whole:
            return None
        return math.fsum(whole) / len(whole)


def point(batch: Batch, names: Sequence[str], measure: str, unit: float) -> Point:
    """Make one point of the runs of several seeds.

    Parameters
    ----------
    batch
        All results.
    names
        Tasks of the point, one a seed.
    measure
        Which number of the summary, e.g. ``average_jct``.
    unit
        The number is divided by it.
    """
    values: list[float | None] = []
    state, cpu = "completed", 0.0
    completed = measured = undecided = 0
    for name in names:
        ending, value = "not run", None
        if name in batch.failed:
            ending = "failed"
        elif name in batch.done:
            kept = batch.done[name]
            cpu += kept["cpu_seconds"]
            ending, value = kept["result"]["status"], kept["result"].get(measure)
            counts = kept["result"].get("jobs") or {}
            verdict = (kept["result"].get("saturation") or {}).get("verdict")
            undecided += ending == "completed" and verdict == "undecided"
            if ending == "completed" and counts.get("missing") == 0 and counts.get("dropped"):
                # Jobs that fail five times are dropped without a completion time, as in the
                # reference, whose means are of the others; the count stands beside the mean.
                value = kept["result"].get(f"{measure}_partial", value)
            elif ending == "completed" and kept["result"].get("partial"):
                ending = "partial"
            completed += int(counts.get("completed") or 0)
            measured += int(counts.get("measured") or 0)
        whole = ending == "completed" and value is not None
        values.append(value / unit if whole and value is not None else None)
        if not whole and state == "completed":
            state = ending if ending != "completed" else "partial"
    return Point(tuple(values), state, cpu, completed, measured, undecided)
