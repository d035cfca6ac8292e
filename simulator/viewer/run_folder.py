"""A run folder as the viewer reads it: finished, partial, running, stopped, empty or damaged."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gavel_opt import InputError
from simulator.runs.columns import Columns
from simulator.runs.config import RunConfig
from simulator.runs.live import LIVE, RUNNING

State = Literal["finished", "partial", "running", "stopped", "empty", "damaged"]

LIVE_FILE = f"{LIVE}/{RUNNING}"
"""File of a run folder that says that its run is on its way."""

_NEEDED = {
    "jobs": ("job", "type", "scale_factor", "arrival", "finish", "dropped", "measured"),
    "rounds": ("round", "time", "active", "running", "queued", "arrived", "completed"),
}
_PARTIAL = {
    "saturated": "saturated: stopped because jobs arrive faster than they leave",
    "horizon": "stopped at its limit of simulated time",
    "timeout": "stopped by the clock",
    "cancelled": "cancelled by the program that drove it",
}


@dataclass(slots=True, eq=False)
class RunFolder:
    """What a run folder holds.

    Attributes
    ----------
    path
        The folder.
    state, message
        What it is, and one sentence on it where it is not simply finished.
    summary
        As in ``summary.json``; what a running run said of itself otherwise.
    tables
        ``jobs``, ``rounds`` and, if recorded, ``placements`` and ``allocations``, as columns.
    """

    path: Path
    state: State
    message: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, Columns] = field(default_factory=dict)

    @property
    def readable(self) -> bool:
        """Whether there is something to show."""
        return "rounds" in self.tables

    @property
    def config(self) -> RunConfig:
        """What was run."""
        return RunConfig.from_json(self.summary["config"])


def looks_like_a_run(path: Path) -> bool:
    """Whether a folder is a run's rather than a study's."""
    return any((path / name).exists() for name in ("summary.json", LIVE_FILE, "rounds.parquet"))


def read_run(path: Path) -> RunFolder:
    """Read a run folder, whatever its state; never raises for what is in it."""
    if not path.is_dir():
        return RunFolder(path, "damaged", "no such folder")
    if not any(path.iterdir()):
        return RunFolder(path, "empty", "the folder is empty: no run has written into it yet")
    try:
        if (path / LIVE_FILE).exists():
            return _running(path, path / LIVE)
        if (path / "summary.json").exists():
            return _finished(path)
    except _DamagedError as wrong:
        return RunFolder(path, "damaged", str(wrong))
    if looks_like_a_run(path) or (path / "jobs.parquet").exists():
        return RunFolder(
            path, "stopped", "never finished: summary.json, which a run writes last, is missing"
        )
    return RunFolder(path, "empty", "holds no run: there is no summary.json")


class _DamagedError(Exception):
    """Something in a run folder cannot be read; the text names it."""


def _finished(path: Path) -> RunFolder:
    summary = _json(path / "summary.json")
    for name in ("config", "status"):
        if name not in summary:
            raise _DamagedError(f"damaged: summary.json has no {name!r}")
    tables = _tables(path)
    status = summary["status"]
    if status != "completed" or summary.get("partial"):
        reason = _PARTIAL.get(str(status), "some measured jobs are missing")
        return RunFolder(path, "partial", f"partial: {reason}", summary, tables)
    return RunFolder(path, "finished", "", summary, tables)


def _running(path: Path, live: Path) -> RunFolder:
    said = _json(live / RUNNING)
    if "config" not in said:
        raise _DamagedError(f"damaged: {LIVE_FILE} has no 'config'")
    tables = _tables(live)
    if _alive(said.get("process"), said.get("host")):
        return RunFolder(path, "running", "still running: what there is so far", said, tables)
    return RunFolder(
        path, "stopped", "stopped before it finished: what there was by then", said, tables
    )


def _alive(process: Any, host: Any) -> bool:
    """Whether a process of this machine is there; those of others are taken to be."""
    if host != platform.node():
        return True
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, TypeError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as wrong:
        raise _DamagedError(f"damaged: cannot read {path.name}: {wrong}") from None
    if not isinstance(found, dict):
        raise _DamagedError(f"damaged: {path.name} is not an object")
    return found


def _tables(path: Path) -> dict[str, Columns]:
    tables: dict[str, Columns] = {}
    for name in (
        "rounds",
        "jobs",
        "placements",
        "allocations",
    ):  # as live ones are written, backwards
        file = path / f"{name}.parquet"
        if not file.exists():
            if name in _NEEDED:
                raise _DamagedError(f"damaged: {file.name} is missing")
            continue
        tables[name] = _columns(file)
        for column in _NEEDED.get(name, ()):
            if column not in tables[name]:
                raise _DamagedError(f"damaged: {file.name} has no column {column!r}")
    jobs = tables["jobs"]["job"].size
    if not np.array_equal(tables["jobs"]["job"], np.arange(jobs)):
        raise _DamagedError("damaged: jobs.parquet does not hold each job once, in order")
    return tables


def _columns(file: Path) -> Columns:
    from pyarrow import ArrowException
    from pyarrow import parquet as files

    try:
        table = files.read_table(file)
        return {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    except (OSError, ValueError, ArrowException) as wrong:
        first = str(wrong).splitlines()[0] if str(wrong) else type(wrong).__name__
        raise _DamagedError(f"damaged: cannot read {file.name}: {first}") from None


def existing_folder(text: str) -> Path:
    """The folder that a command line names.

    Raises
    ------
    InputError
        If there is none.
    """
    path = Path(text)
    if not path.exists():
        raise InputError(f"{text}: no such folder")
    if not path.is_dir():
        raise InputError(f"{text}: is a file; expected the folder of a run, a sweep or a figure")
    return path
