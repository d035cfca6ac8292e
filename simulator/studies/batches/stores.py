"""Where results of many runs are kept: one file a run, each there in whole or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from gavel_opt import InputError
from simulator.files.whole_files import write_atomically
from simulator.studies.batches.carry_out import Kept, Store
from simulator.studies.batches.identity import identity_of_work, made_otherwise
from simulator.studies.batches.retries import patiently
from simulator.studies.executors import Payload
from simulator.world.untrusted_text import DAMAGED, read_json

_LIMITS = ("timeout", "max_simulated_hours")
"""Settings that end a run without changing what comes before."""


class PointStore(Store):
    """Results in a folder, one JSON file a task.

    A file holds the task's ``payload`` and ``identity``, its ``result``, ``cpu_seconds`` and
    ``wall_seconds``, and a checksum of these. One that was changed since is refused; one whose payload or
    identity differs is another task's result, which is an error and is left alone; but a run that ran out of
    wall clock is run again if it may now take another time.
    """

    def path(self, name: str) -> Path:
        """Return where a task's result is kept."""
        return self.folder / f"{name}.json"

    def identity(self, payload: Payload) -> str:
        """Return what decides a task's result, as a hash."""
        return identity_of_work(payload)

    def load(self, name: str, payload: Payload) -> Kept | None:
        """Return what was kept of a task, or None.

        Raises
        ------
        InputError
            If the folder holds a result of the same name from other settings.
        """
        path = self.path(name)
        try:
            kept = patiently(lambda: read_point(path))
        except FileNotFoundError:
            return None
        except DAMAGED as wrong:
            raise InputError(
                f"{self.flag}: cannot read {path} ({wrong}); remove it to run that point again"
            ) from None
        ours = json.loads(json.dumps(payload))
        theirs = kept.get("payload")
        stale = isinstance(theirs, dict) and kept.get("identity", "") not in (
            "",
            self.identity(theirs),
        )
        patience = [_without_limits(one) for one in (theirs, ours)]
        if patience[0] != patience[1] and kept["result"].get("status") in ("timeout", "horizon"):
            return None  # one that ended by itself stands, whatever the limits
        if (
            theirs != ours and not stale
        ):  # another version's settings may differ where nobody gave any
            raise InputError(
                f"{self.flag}: {path} holds a run with other settings"
                f"{difference(theirs, ours)}; choose another folder"
            )
        if stale:
            settings = ours.get("config") or ours.get("knee") or {}
            raise InputError(
                f"{self.flag}: {path} {made_otherwise(settings)}; choose another folder, or remove the "
                "file to run it again"
            )
        return kept

    def adopt(self, name: str, payload: Payload, found: Path) -> Kept | None:
        """Take over a finished task's file from another folder, if it is this task's."""
        try:
            kept = read_point(found)
            if kept["payload"] != json.loads(json.dumps(payload)):
                return None
            cpu, wall = float(kept["cpu_seconds"]), float(kept["wall_seconds"])
            return self.keep(name, payload, kept["result"], cpu, wall)
        except DAMAGED:
            return None

    def keep(
        self, name: str, payload: Payload, value: dict[str, Any], cpu: float, wall: float
    ) -> Kept:
        """Write a result down and return what was written."""
        kept = {
            "payload": payload,
            "identity": self.identity(payload),
            "result": value,
            "cpu_seconds": round(cpu, 4),
            "wall_seconds": round(wall, 4),
        }
        checksum = _checksum(json.loads(json.dumps(kept, allow_nan=False)))
        text = json.dumps(kept | {"checksum": checksum}, indent=1) + "\n"
        self.folder.mkdir(parents=True, exist_ok=True)
        patiently(lambda: write_atomically(self.path(name), text.encode()))
        return kept


def read_point(path: Path, sealed: bool = True) -> Kept:
    """Read what :meth:`PointStore.keep` wrote.

    Parameters
    ----------
    path
        The file.
    sealed
        Whether it must have a checksum; earlier versions wrote none.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is none, or was changed since.
    """
    kept = read_json(path)
    if not isinstance(kept, dict) or not isinstance(kept.get("result"), dict):
        raise ValueError("not the result of a run")
    checksum = kept.pop("checksum", None)
    if checksum != _checksum(kept) and (sealed or checksum is not None):
        raise ValueError("it was changed since it was written, or an earlier version wrote it")
    return kept


def _checksum(kept: Kept) -> str:
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def difference(theirs: Any, ours: dict[str, Any]) -> str:
    """Name the first setting that differs, in brackets; nothing if there is none."""
    if not isinstance(theirs, dict):
        return ""
    for key in sorted(theirs.keys() | ours.keys()):
        there, here = theirs.get(key), ours.get(key)
        if isinstance(there, dict) and isinstance(here, dict):
            deeper = difference(there, here)
            if deeper:
                return deeper
        elif there != here:
            return f" ({key}: {there!r} there, {here!r} here)"
    return ""


def _without_limits(payload: Any) -> dict[str, Any]:
    """Take the limits on wall clock and on simulated time out of a payload, and return them."""
    kept = payload if isinstance(payload, dict) else {}
    config = kept.get("config", kept.get("knee"))
    return {name: config.pop(name, None) for name in _LIMITS} if isinstance(config, dict) else {}
