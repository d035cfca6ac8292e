"""A run folder as the viewer reads it: finished, partial, running, stopped, empty or damaged."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gavel_opt import InputError
from simulator.files.folder_kinds import kind_of
from simulator.files.processes import runs_here
from simulator.runs.checkpoint import NAME, resume_command
from simulator.runs.columns import Columns
from simulator.runs.output.live import LIVE, RUNNING
from simulator.runs.output.read_back import read_summary, read_table
from simulator.runs.output.summary_text import is_whole
from simulator.settings.config import RunConfig
from simulator.world.json_shape import misfit
from simulator.world.untrusted_text import parse_json, read_text

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
        ``jobs``, ``rounds`` and, if recorded, ``placements``, ``allocations`` and ``solves``, as columns.
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
    except InputError as wrong:
        return RunFolder(path, "damaged", f"damaged: {str(wrong).removeprefix(f'{path}/')}")
    if (path / NAME).exists():
        return RunFolder(path, "stopped", f"never finished: {resume_command(path)} goes on with it")
    if looks_like_a_run(path) or (path / "jobs.parquet").exists():
        return RunFolder(
            path, "stopped", "never finished: summary.json, which a run writes last, is missing"
        )
    if kind_of(path) == "knee":
        return RunFolder(path, "empty", "holds knees, which are drawn in its knee.svg and knee.png")
    return RunFolder(path, "empty", "holds no run: there is no summary.json")


def _finished(path: Path) -> RunFolder:
    summary = read_summary(path)
    tables = _tables(path)
    if not is_whole(summary):
        reason = _PARTIAL.get(str(summary["status"]), "some measured jobs are missing")
        return RunFolder(path, "partial", f"partial: {reason}", summary, tables)
    return RunFolder(path, "finished", "", summary, tables)


def _running(path: Path, live: Path) -> RunFolder:
    file = live / RUNNING
    said = parse_json(read_text(file), str(file))
    if not isinstance(said, dict) or misfit(said.get("config"), RunConfig.schema(), "config"):
        raise InputError(f"{file}: not as a run writes it")
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
        return runs_here(int(process))
    except (TypeError, ValueError, OverflowError):
        return False


def _tables(path: Path) -> dict[str, Columns]:
    tables: dict[str, Columns] = {}
    for name in (
        "rounds",
        "jobs",
        "placements",
        "allocations",
        "solves",
    ):  # as live ones are written, backwards
        if name in _NEEDED or (path / f"{name}.parquet").exists():
            tables[name] = read_table(path, name)
        for column in _NEEDED.get(name, ()):
            if column not in tables[name]:
                raise InputError(f"{path / name}.parquet: column {column} is missing")
    return tables


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
