"""A sweep's folder: its plan, and how far it is, whoever works on it from wherever."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gavel_opt import InputError
from simulator.files.whole_files import write_atomically
from simulator.studies.batches.batch import Failures
from simulator.studies.batches.carry_out import CLAIMS
from simulator.studies.batches.claims import Claims, Holder
from simulator.studies.batches.retries import patiently
from simulator.studies.sweeps.sweep_plan import PlannedRun
from simulator.world.untrusted_text import CONTROL, DAMAGED, read_json, shown

PLAN = "sweep.json"
"""File, within the sweep's folder, of all its runs and the commands that planned them."""

FAILURES = "failures"
"""Folder, within the sweep's, of reasons and tracebacks."""


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """One run of a plan, as it stands in the plan's file.

    Attributes
    ----------
    name, identity
        Folder of the run, and what it is (:mod:`simulator.studies.batches.identity`).
    settings
        Those that differ between the runs, as they were written.
    config
        All settings, as :meth:`simulator.settings.config.RunConfig.to_json` gives them.
    command
        The ``gavel-sim run`` that repeats it.
    """

    name: str
    identity: str
    settings: dict[str, Any]
    config: dict[str, Any]
    command: str


def entries_of(plan: Sequence[PlannedRun]) -> list[PlanEntry]:
    """Make the entries of a plan."""
    from simulator.studies.batches.identity import identity_of

    entries = []
    for one in plan:
        config = one.config.to_json()
        entries.append(
            PlanEntry(
                one.name, identity_of(config), dict(one.settings), config, one.config.command()
            )
        )
    return entries


def write_plan(folder: Path, entries: Sequence[PlanEntry], command: Sequence[str]) -> None:
    """Add runs to the plan of a folder; runs that are in it keep their place."""
    found = read_plan(folder) if (folder / PLAN).exists() else []
    known = {entry.name for entry in found}
    fresh = [entry for entry in entries if entry.name not in known]
    if found and not fresh:
        return
    folder.mkdir(parents=True, exist_ok=True)
    runs = [
        {
            "name": entry.name,
            "identity": entry.identity,
            "settings": entry.settings,
            "config": entry.config,
            "command": entry.command,
        }
        for entry in [*found, *fresh]
    ]
    text = json.dumps({"command": list(command), "runs": runs}, indent=1) + "\n"
    patiently(lambda: write_atomically(folder / PLAN, text.encode()))


def read_plan(folder: Path) -> list[PlanEntry]:
    """Read the plan of a folder.

    Raises
    ------
    InputError
        If there is none, or it cannot be read.
    """
    path = folder / PLAN
    try:
        found = patiently(lambda: read_json(path), half_written=True)
        return [
            PlanEntry(
                _folder_name(run["name"]),
                str(run["identity"]),
                {name: _plain(value) for name, value in dict(run["settings"]).items()},
                dict(run["config"]),
                str(run["command"]),
            )
            for run in found["runs"]
        ]
    except FileNotFoundError:
        raise InputError(f"{folder}: not the folder of a sweep: there is no {PLAN} in it") from None
    except DAMAGED as wrong:
        raise InputError(f"{path}: cannot read the plan of the sweep ({wrong})") from None


def _plain(value: Any) -> Any:
    """Take a setting as it was written, which fits into a cell of a table."""
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError(f"{shown(str(value))} is too large for a setting")
    if value is not None and not isinstance(value, str | int | float):
        raise ValueError(f"{shown(value)} is no value of a setting")
    return value


def _folder_name(name: Any) -> str:
    """Take a run's name, which is that of its folder."""
    if not isinstance(name, str) or not 0 < len(os.fsencode(name)) < 250 or CONTROL.search(name):
        raise ValueError(f"{shown(name)} is no run's name")
    if name in (".", "..") or os.path.basename(name) != name:
        raise ValueError(f"{shown(name)} is not the name of a folder within this one")
    return name


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a sweep is.

    Attributes
    ----------
    done, waiting
        Names of runs.
    running
        Name to who carries it out.
    failed
        Name to the reason.
    seconds
        Wall clock of the runs that are done, those that have it written down.
    """

    done: list[str]
    running: dict[str, Holder]
    failed: dict[str, str]
    waiting: list[str]
    seconds: list[float]

    @property
    def total(self) -> int:
        """Runs in all."""
        return len(self.done) + len(self.running) + len(self.failed) + len(self.waiting)

    @property
    def seconds_left(self) -> float | None:
        """Guess how long the rest takes at the present pace; None if nothing tells."""
        if not self.running or not self.seconds:
            return None
        each = sum(self.seconds) / len(self.seconds)
        return each * (len(self.waiting) + 0.5 * len(self.running)) / len(self.running)


def standing(folder: Path, entries: Sequence[PlanEntry]) -> Standing:
    """Look at every run of a plan."""
    claims = Claims(folder / CLAIMS)
    failures = Failures(folder / FAILURES)
    claimed, failed_names = set(claims.names()), set(failures.names())
    found = Standing([], {}, {}, [], [])
    for entry in entries:
        summary = folder / entry.name / "summary.json"
        if summary.exists():
            found.done.append(entry.name)
            seconds = _seconds(summary)
            if seconds is not None:
                found.seconds.append(seconds)
            continue
        holder = claims.holder(entry.name) if entry.name in claimed else None
        if holder is not None and holder.alive(claims.lease):
            found.running[entry.name] = holder
        elif entry.name in failed_names:
            found.failed[entry.name] = failures.reason(entry.name) or "unknown"
        else:
            found.waiting.append(entry.name)
    return found


def as_text(folder: Path, found: Standing, entries: Sequence[PlanEntry]) -> str:
    """Say how far a sweep is, in lines for a person."""
    lines = [
        f"{folder}: {len(found.done)} of {found.total} runs done, {len(found.running)} running, "
        f"{len(found.failed)} failed, {len(found.waiting)} waiting"
    ]
    left, most = found.seconds_left, 10
    if left is not None:
        lines[0] += f"; about {_duration(left)} left"
    for name, holder in list(found.running.items())[:most]:
        lines.append(f"  running  {name}  on {holder}")
    commands = {entry.name: entry.command for entry in entries}
    for name, reason in list(found.failed.items())[:most]:
        lines.append(f"  failed   {name}: {reason}")
        lines.append(f"           alone: {commands[name]}")
    for what, names in (("running", found.running), ("failed", found.failed)):
        if len(names) > most:
            lines.append(f"  and {len(names) - most} more {what}")
    if found.failed:
        lines.append(
            "  the sweep's own command with --retry-failed runs those again, and only those"
        )
    return "\n".join(lines)


def as_json(found: Standing) -> dict[str, Any]:
    """Say the same in JSON values."""
    return {
        "runs": found.total,
        "done": len(found.done),
        "running": {name: str(holder) for name, holder in found.running.items()},
        "failed": found.failed,
        "waiting": found.waiting,
        "seconds_left": found.seconds_left,
        "at": time.time(),
    }


def _seconds(summary: Path) -> float | None:
    """Wall clock of a finished run, cheaply: status looks at thousands."""
    try:
        return float(patiently(lambda: read_json(summary))["time"]["total"])
    except DAMAGED:
        return None


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
