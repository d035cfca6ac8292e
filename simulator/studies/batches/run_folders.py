"""A sweep's results: a run folder each, with its tables, there in whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

from gavel_opt import InputError
from simulator.runs.output.results import RunResult
from simulator.runs.output.summary_text import is_whole
from simulator.studies.batches.carry_out import CLAIMS, Kept, Store
from simulator.studies.batches.claims import Claims
from simulator.studies.batches.identity import code_version, made_otherwise
from simulator.studies.batches.retries import patiently
from simulator.studies.executors import Payload
from simulator.world.untrusted_text import DAMAGED, LARGEST, is_number, read_json

UNFINISHED = ".unfinished"
"""Folder, within the sweep's, of runs on their way; a run moves out of it when it is whole."""

TABLES = ("summary.json", "jobs.parquet", "rounds.parquet")
"""Files of a run's folder; the summary last is what makes it whole."""

RESULTS = (
    "status",
    "average_jct",
    "average_jct_partial",
    "average_jct_at_least",
    "average_jct_reason",
    "jct_percentiles.p50",
    "jct_percentiles.p90",
    "jct_percentiles.p99",
    "jct_percentiles.max",
    "finish_time_fairness_percentiles.p50",
    "finish_time_fairness_percentiles.p99",
    "finish_time_fairness_percentiles.max",
    "jobs.measured",
    "jobs.completed",
    "jobs.missing",
    "jobs.dropped",
    "simulated_time",
    "makespan",
    "utilization",
    "rounds",
    "allocations",
    "lease_extensions",
    "lease_extension_opportunities",
    "cost",
    "cost_so_far",
    "cost_of_priced_types",
    "types_without_price",
    "slo_violations",
    "slo_violations_so_far",
    "saturation.verdict",
    "saturation.reason",
    "solved_by",
    "solve.programs",
    "solve.fallbacks",
    "solve.max_relative_gap",
)
"""What of a summary goes into a sweep's table, by its name there; a dot goes into an object."""


_TEXTS = frozenset(
    (
        *("status", "engine", "average_jct_reason", "types_without_price"),
        *("saturation.verdict", "saturation.reason"),
    )
)
"""Those of them that are words; the others are figures."""


def results_of(summary: dict[str, Any]) -> dict[str, Any]:
    """A run's row of results; a run that was cut off has no makespan, only a time at which it was."""
    found = {name: _at(summary, name) for name in RESULTS}
    # The table's engine is the setting, which may be auto.
    solved = _at(summary, "solve.programs") != 0
    found["solved_by"] = _at(summary, "engine") if solved else "none"
    if not is_whole(summary):
        found["makespan"] = None
    return found


def _at(summary: dict[str, Any], name: str) -> Any:
    found: Any = summary
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    fits = isinstance(found, str) if name in _TEXTS else is_number(found)
    if found is not None and (not fits or (isinstance(found, int) and abs(found) > LARGEST)):
        raise ValueError(f"{name} is none of a run")
    return found


class RunFolders(Store):
    """Run folders within one folder, by name."""

    def identity(self, payload: Payload) -> str:
        """Return the run's identity, which its payload has."""
        return str(payload["identity"])

    def load(self, name: str, payload: Payload) -> Kept | None:
        """Return what a run gave, or None; only whole runs are in their place.

        Raises
        ------
        InputError
            If there is a folder of that name which is not this run's.
        """
        folder = self.folder / name
        if not patiently(folder.exists):
            return None
        try:
            summary = patiently(lambda: read_json(folder / "summary.json"), half_written=True)
            theirs = dict(summary["config"])
            kept = {"result": results_of(summary), "time": dict(summary["time"])}
        except DAMAGED:
            raise InputError(
                f"{self.flag}: {folder} is not a run's folder; remove it or choose another "
                f"{self.flag}"
            ) from None
        if summary.get("identity") != payload["identity"]:
            self._check_same(folder, theirs, summary, payload)
        return kept

    def adopt(self, name: str, payload: Payload, found: Path) -> Kept | None:
        """Take over the folder of a finished run from elsewhere, if its tables are whole."""
        if not all((found / one).exists() for one in TABLES):
            return None
        on_its_way = self._on_its_way(name)
        try:
            on_its_way.mkdir(parents=True)
            for one in TABLES:
                shutil.copy2(found / one, on_its_way / one)
            os.rename(on_its_way, self.folder / name)
        except OSError:
            shutil.rmtree(on_its_way, ignore_errors=True)
        return self.load(name, payload)

    def _on_its_way(self, name: str) -> Path:
        return self.folder / UNFINISHED / f"{name}.{uuid.uuid4().hex[:8]}"

    def _check_same(
        self, folder: Path, theirs: dict[str, Any], summary: dict[str, Any], payload: Payload
    ) -> None:
        """Say what makes a folder another run's."""
        ours = json.loads(json.dumps(payload["config"]))
        for name in ours:
            if theirs.get(name) != ours[name]:
                raise InputError(
                    f"{self.flag}: {folder} holds a run with other settings ({name}: "
                    f"{theirs.get(name)!r} there, {ours[name]!r} here); choose another {self.flag}"
                )
        if summary.get("identity") is None:
            return  # of a version that wrote none: its settings are all there is to go by
        raise InputError(
            f"{self.flag}: {folder} {made_otherwise(ours, summary.get('code'))}; choose another "
            f"{self.flag}, or remove the folder to run it again"
        )

    def keep(self, name: str, payload: Payload, value: RunResult, cpu: float, wall: float) -> Kept:
        """Write a run's folder: made beside the others, moved into place in one step."""
        value.summary["time"].setdefault("cpu", cpu)
        value.summary["identity"] = payload["identity"]
        value.summary["code"] = code_version()
        on_its_way = self._on_its_way(name)
        patiently(lambda: value.write(on_its_way))
        try:
            patiently(lambda: os.rename(on_its_way, self.folder / name))
        except OSError:
            # Somebody who took this run over was faster; both have the same bits.
            shutil.rmtree(on_its_way, ignore_errors=True)
            if not (self.folder / name / "summary.json").exists():
                raise
        kept = self.load(name, payload)
        if kept is None:
            raise InputError(f"{self.flag}: {self.folder / name} went away while the sweep ran")
        return kept


def simulate(payload: Payload) -> RunResult:
    """Carry out one run of a sweep."""
    from simulator.studies.batches.long_runs import simulate_for_long

    return simulate_for_long(payload)


def payload_of(settings: dict[str, Any], identity: str) -> Payload:
    """Return what a run of a sweep needs in any process."""
    return {"config": settings, "identity": identity}


def tidy(folder: Path) -> None:
    """Remove what processes that are gone left behind: half-made folders, claims of finished runs."""
    claims = Claims(folder / CLAIMS)
    for left in (folder / UNFINISHED).glob("*"):
        holder = claims.holder(left.name.rpartition(".")[0])
        if holder is None or not holder.alive(claims.lease):
            shutil.rmtree(left, ignore_errors=True)
    with contextlib.suppress(OSError):
        (folder / UNFINISHED).rmdir()
    claims.tidy(lambda name: (folder / name / "summary.json").exists())
