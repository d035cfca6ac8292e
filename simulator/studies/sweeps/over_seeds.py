"""What a sweep gave over its seeds: a row for each combination of its other settings."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.runs.output.summary_text import MISSED, is_undecided
from simulator.studies.batches.batch import Batch
from simulator.studies.intervals import mean_and_half
from simulator.studies.sweeps.sweep_folder import PlanEntry
from simulator.studies.tables import markdown, write_csv
from simulator.world.units import HOUR

OVER_SEEDS = "over_seeds.csv"
"""File, within the sweep's folder, of the table."""

MOST_ROWS = 30
"""Of the table that is printed."""


@dataclass(frozen=True, slots=True)
class OverSeeds:
    """Runs that differ in nothing but their seed.

    Attributes
    ----------
    policy
        Of all of them.
    settings
        Those that differ within the sweep, as they were written, without policy and seed.
    values
        Mean JCT in seconds by seed, of the runs of which all measured jobs completed.
    missed
        Jobs beyond their deadlines by seed, of the same runs; empty where there are no deadlines.
    others
        How each of the other runs ended: ``saturated``, ``failed``, ``not run``, ...
    undecided
        Of how many of those with a value it is undecided whether their rate can be sustained.
    jobs
        Measured jobs that completed, over all of those with a value.
    """

    policy: str
    settings: dict[str, Any]
    values: tuple[float, ...]
    missed: tuple[int, ...]
    others: tuple[str, ...]
    undecided: int = 0
    jobs: int = 0

    @property
    def seeds(self) -> int:
        """Runs in all."""
        return len(self.values) + len(self.others)

    @property
    def mean(self) -> float | None:
        """Mean over seeds in seconds; None unless all completed: those that did not are the slow ones."""
        return None if self.others else math.fsum(self.values) / len(self.values)

    @property
    def mean_missed(self) -> float | None:
        """Mean of the missed deadlines over seeds; None like the mean, and where there are none to miss."""
        return None if self.others or not self.missed else math.fsum(self.missed) / len(self.missed)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Student's interval of the mean at 95 %; None without a mean, or if all seeds gave the same.

        Without its part below 0, where no mean can be.
        """
        if self.others or len(set(self.values)) < 2:  # one, or nothing is drawn, as of a trace
            return None
        mean, half = mean_and_half(self.values)
        return max(0.0, mean - half), mean + half

    @property
    def why(self) -> str:
        """How the runs without a value ended, with counts."""
        return ", ".join(f"{self.others.count(one)} {one}" for one in dict.fromkeys(self.others))

    @property
    def completed(self) -> str:
        """How many runs have a value, of how many, and what is to be said of them and of the others."""
        doubts = f"{self.undecided} undecided" if self.undecided else ""
        said = ", ".join(filter(None, (self.why, doubts)))
        return f"{len(self.values)} of {self.seeds}{f' ({said})' if said else ''}"


def over_seeds(plan: Sequence[PlanEntry], batch: Batch) -> list[OverSeeds]:
    """Put together the runs of a plan that differ only in their seed, in the plan's order."""
    groups: dict[str, list[PlanEntry]] = {}
    for one in plan:
        rest = {name: value for name, value in one.config.items() if name != "seed"}
        groups.setdefault(json.dumps(rest, sort_keys=True), []).append(one)
    return [_together(group, batch) for group in groups.values()]


def _together(group: Sequence[PlanEntry], batch: Batch) -> OverSeeds:
    values: list[float] = []
    missed: list[int] = []
    others: list[str] = []
    undecided = jobs = 0
    for one in group:
        if one.name not in batch.done:
            others.append("failed" if one.name in batch.failed else "not run")
            continue
        result = batch.done[one.name]["result"]
        if result["status"] == "completed" and result["average_jct"] is not None:
            values.append(float(result["average_jct"]))
            if result.get(MISSED) is not None:
                missed.append(int(result[MISSED]))
            undecided += is_undecided(result)
            jobs += int(result["jobs.completed"])
        else:
            ended = str(result["status"])
            others.append("without all jobs" if ended == "completed" else ended)
    settings = {
        name: value for name, value in group[0].settings.items() if name not in ("policy", "seed")
    }
    policy = str(group[0].config["policy"])
    found = tuple(values), tuple(missed), tuple(others)
    return OverSeeds(policy, settings, *found, undecided, jobs)


def write_over_seeds(folder: Path, rows: Sequence[OverSeeds]) -> None:
    """Write ``over_seeds.csv``; times are seconds, as in ``summary.csv``.

    With a column of missed deadlines where a run has any to miss.
    """
    table = []
    names = names_of(rows)
    for row in rows:
        low, high = row.interval or (None, None)
        found: dict[str, Any] = {"policy": row.policy}
        found |= {name: row.settings.get(name) for name in names}
        found |= {"seeds": row.seeds, "completed": len(row.values)}
        found |= {"completed_jobs": row.jobs, "average_jct": row.mean}
        found |= {"average_jct_low": low, "average_jct_high": high, "others": row.why or None}
        if any(one.missed for one in rows):
            found[MISSED] = row.mean_missed
        found |= {"undecided": row.undecided}
        table.append(found)
    write_csv(folder / OVER_SEEDS, table)


def as_text(rows: Sequence[OverSeeds]) -> str:
    """Lay the table out for the terminal, in hours."""
    names = names_of(rows)
    columns: dict[str, list[str]] = {"policy": [row.policy for row in rows]}
    for name in names:
        found = [row.settings.get(name) for row in rows]
        columns[name] = ["" if value is None else str(value) for value in found]
    columns["mean JCT (hours)"] = [
        "" if row.mean is None else f"{row.mean / HOUR:.2f}" for row in rows
    ]
    columns["completed jobs"] = ["" if row.mean is None else f"{row.jobs:,}" for row in rows]
    if any(row.interval for row in rows):
        columns["95 % interval"] = [_interval(row.interval) for row in rows]
    if any(row.missed for row in rows):
        columns["missed deadlines"] = [
            "" if row.mean_missed is None else f"{row.mean_missed:,.4g}" for row in rows
        ]
    columns["seeds completed"] = [row.completed for row in rows]
    return markdown(list(columns), [list(cells) for cells in zip(*columns.values(), strict=True)])


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0] / HOUR:.2f} to {interval[1] / HOUR:.2f}"


def nothing_is_drawn(rows: Sequence[OverSeeds]) -> bool:
    """Whether several seeds gave the same everywhere."""
    several = [row.values for row in rows if len(row.values) > 1]
    return bool(several) and all(len(set(values)) < 2 for values in several)


def names_of(rows: Sequence[OverSeeds]) -> list[str]:
    """Names of the settings that differ, besides policy and seed."""
    return list(dict.fromkeys(name for row in rows for name in row.settings))
