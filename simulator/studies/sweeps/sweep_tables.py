"""The tables of a sweep: what its runs gave, and what they took."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gavel_opt import InputError
from simulator.files.whole_files import write_atomically
from simulator.settings.config import SETTINGS, RunConfig, find_setting
from simulator.studies.batches.batch import Batch
from simulator.studies.batches.identity import IRRELEVANT
from simulator.studies.batches.run_folders import RESULTS
from simulator.studies.sweeps.over_seeds import OverSeeds, over_seeds, write_over_seeds
from simulator.studies.sweeps.sweep_folder import PlanEntry
from simulator.studies.tables import csv_of
from simulator.world.units import HOUR
from simulator.world.untrusted_text import CHANGED


def write_tables(folder: Path, plan: Sequence[PlanEntry], batch: Batch) -> list[OverSeeds]:
    """Write ``summary.csv``, ``summary.parquet`` and ``times.csv``, runs in the plan's order, and ``over_seeds.csv``.

    A row has the settings that differ, as they were written, what came of the run, and then all
    other settings. Returns the rows of the last.
    """
    from simulator.runs.output.arrow_tables import parquet

    settings = list(dict.fromkeys(name for one in plan for name in one.settings))
    rows: list[dict[str, Any]] = []
    times: list[dict[str, Any]] = []
    for one in plan:
        row: dict[str, Any] = {"run": one.name}
        row |= {name: one.settings.get(name) for name in settings}
        found = batch.done.get(one.name)
        row |= dict.fromkeys(RESULTS) if found is None else found["result"]
        row["error"] = batch.failed.get(one.name)
        row |= {name: value for name, value in as_configured(one).items() if name not in settings}
        rows.append(row)
        if found is not None:
            times.append({"run": one.name} | found["time"])
    write_atomically(folder / "summary.csv", csv_of(rows))
    for row in rows:
        row |= {name: number_of(name, row[name]) for name in settings}
    columns: dict[str, Any] = {name: _column([row[name] for row in rows]) for name in rows[0]}
    write_atomically(folder / "summary.parquet", parquet(columns))
    write_atomically(folder / "times.csv", csv_of(times))
    means = over_seeds(plan, batch)
    write_over_seeds(folder, means)
    return means


def side_by_side(plan: Sequence[PlanEntry], batch: Batch) -> list[PlanEntry]:
    """Runs of several plans as if one had made them, in order.

    All have a value for each setting that differs within one of the plans or between two, and a run that
    two plans have under different names is there once: the first, or the first that is done.
    """
    chosen: dict[str, PlanEntry] = {}
    for one in plan:
        before = chosen.setdefault(one.identity, one)
        if before.name not in batch.done and one.name in batch.done:
            chosen[one.identity] = one
    names = list(dict.fromkeys(name for one in plan for name in one.settings))
    between = _differing(list(chosen.values()), {_word(name) for name in names})
    names = [name for name in between if name == "policy"] + names
    names += [name for name in between if name != "policy"]
    found = []
    for one in chosen.values():
        configured = _with_rate(one) if len(one.settings) < len(names) else {}
        values = {name: one.settings.get(name, configured.get(_word(name))) for name in names}
        found.append(replace(one, settings=values))
    return found


def _differing(plan: Sequence[PlanEntry], named: set[str]) -> list[str]:
    """Settings in which runs differ, by the names of their flags, besides those that are named."""
    if not named.isdisjoint(_ARRIVALS):
        named = named.union(_ARRIVALS)
    found = []
    for name, setting in SETTINGS.items():
        # the rule of saturation has a default of its own where jobs keep arriving
        beside = ("interarrival",) if name == "saturation" else ()
        values: dict[str, set[str]] = {}
        for one in plan:
            kind = str([one.config.get(other) is None for other in beside])
            values.setdefault(kind, set()).add(json.dumps(one.config.get(name), sort_keys=True))
        if any(len(of_kind) > 1 for of_kind in values.values()) and name not in IRRELEVANT:
            word = "rate" if name == "interarrival" else setting.word
            found += [word] if word not in named else []
    return found


_ARRIVALS = ("rate", "interarrival")
"""Two ways to say how often jobs arrive."""


def _with_rate(one: PlanEntry) -> dict[str, Any]:
    """Every setting as configured, and the rate where jobs keep arriving."""
    configured = as_configured(one)
    between = configured["interarrival"]
    return configured | {"rate": None if between is None else f"{round(HOUR / between, 9):.12g}"}


def _word(name: str) -> str:
    setting = find_setting(name)
    return name if setting is None else setting.word


def number_of(name: str, value: Any) -> Any:
    """A setting that is a number as one, so that a frame sorts and draws it; others as written."""
    setting = find_setting(name)
    if setting is None or not isinstance(value, str):
        return value
    if setting.kind.schema.get("type") not in ("integer", "number"):
        return value
    found = setting.read(value, name)
    return found if math.isfinite(found) else value


def as_configured(one: PlanEntry) -> dict[str, Any]:
    """Every setting of a run by the name of its flag, as text where it is no number."""
    try:
        return _in_words(RunConfig.from_json(one.config))
    except CHANGED as wrong:
        raise InputError(
            f"the plan's settings of run {one.name} cannot be read ({wrong})"
        ) from None


def _in_words(config: RunConfig) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        value = getattr(config, name)
        if setting.off:
            value = not value
        plain = value is None or isinstance(value, bool | int | float | str)
        found[setting.word] = value if plain else setting.kind.write(value)
        if value == float("inf"):
            found[setting.word] = None
    return found


def _column(values: list[Any]) -> list[Any]:
    """One kind of value in a column: text where settings mix numbers and text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and float in kinds:
        return [None if value is None else float(value) for value in values]
    return values if len(kinds) < 2 else [None if value is None else str(value) for value in values]
