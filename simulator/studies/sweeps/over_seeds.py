"""What a sweep gave over its seeds: a row for each combination of its other settings."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    others
        How each of the other runs ended: ``saturated``, ``failed``, ``not run``, ...
    """

    policy: str
    settings: dict[str, Any]
    values: tuple[float, ...]
    others: tuple[str, ...]

    @property
    def seeds(self) -> int:
        """Runs in all."""
        return len(self.values) + len(self.others)

    @property
    def mean(self) -> float | None:
        """Mean over seeds in seconds; None unless all completed: those that did not are the slow ones."""
        return None if self.others else math.fsum(self.values) / len(self.values)

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


def over_seeds(plan: Sequence[PlanEntry], batch: Batch) -> list[OverSeeds]:
    """Put together the runs of a plan that differ only in their seed, in the plan's order."""
    groups: dict[str, list[PlanEntry]] = {}
    for one in plan:
        rest = {name: value for name, value in one.config.items() if name != "seed"}
        groups.setdefault(json.dumps(rest, sort_keys=True), []).append(one)
    return [_together(group, batch) for group in groups.values()]


def _together(group: Sequence[PlanEntry], batch: Batch) -> OverSeeds:
    values: list[float] = []
    others: list[str] = []
    for one in group:
        if one.name not in batch.done:
            others.append("failed" if one.name in batch.failed else "not run")
            continue
        result = batch.done[one.name]["result"]
        if result["status"] == "completed" and result["average_jct"] is not None:
            values.append(float(result["average_jct"]))
        else:
            ended = str(result["status"])
            others.append("without all jobs" if ended == "completed" else ended)
    settings = {
        name: value for name, value in group[0].settings.items() if name not in ("policy", "seed")
    }
    return OverSeeds(str(group[0].config["policy"]), settings, tuple(values), tuple(others))


def write_over_seeds(folder: Path, rows: Sequence[OverSeeds]) -> None:
    """Write ``over_seeds.csv``; times are seconds, as in ``summary.csv``."""
    table = []
    names = names_of(rows)
    for row in rows:
        low, high = row.interval or (None, None)
        found: dict[str, Any] = {"policy": row.policy}
        found |= {name: row.settings.get(name) for name in names}
        found |= {"seeds": row.seeds, "completed": len(row.values), "average_jct": row.mean}
        found |= {"average_jct_low": low, "average_jct_high": high, "others": row.why or None}
        table.append(found)
    write_csv(folder / OVER_SEEDS, table)


def as_text(rows: Sequence[OverSeeds]) -> str:
    """Lay the table out for the terminal, in hours."""
    names = names_of(rows)
    cells = []
    for row in rows:
        mean = "" if row.mean is None else f"{row.mean / HOUR:.2f}"
        interval = ""
        if row.interval is not None:
            interval = f"{row.interval[0] / HOUR:.2f} to {row.interval[1] / HOUR:.2f}"
        seeds = f"{len(row.values)} of {row.seeds}{f' ({row.why})' if row.why else ''}"
        found = [row.settings.get(name) for name in names]
        written = ["" if value is None else str(value) for value in found]
        cells.append([row.policy, *written, mean, interval, seeds])
    header = ["policy", *names, "mean JCT (hours)", "95 % interval", "seeds completed"]
    return markdown(header, cells)


def nothing_is_drawn(rows: Sequence[OverSeeds]) -> bool:
    """Whether several seeds gave the same everywhere."""
    several = [row.values for row in rows if len(row.values) > 1]
    return bool(several) and all(len(set(values)) < 2 for values in several)


def names_of(rows: Sequence[OverSeeds]) -> list[str]:
    """Names of the settings that differ, besides policy and seed."""
    return list(dict.fromkeys(name for row in rows for name in row.settings))
