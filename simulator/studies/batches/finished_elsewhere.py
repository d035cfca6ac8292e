"""Finished runs wherever they were made: folders of runs, sweeps and figures, looked up by identity.

Two runs of one identity give the same bits (:mod:`simulator.studies.batches.identity`), so one that is done
in any folder need not be carried out again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from gavel_opt import InputError
from simulator.world.untrusted_text import DAMAGED, read_json

SUMMARY = "summary.json"

ENDED_EARLY = ("timeout", "cancelled")
"""Ends of a run that depend on the machine, or on who sat before it: no result of its settings."""


def finished_in(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Find the finished runs in some folders and all below them.

    Parameters
    ----------
    folders
        Of runs, sweeps, figures or knees.

    Returns
    -------
    dict
        Identity to places: the folder of a run, or the file of a figure's point.

    Raises
    ------
    InputError
        If one of them is no folder.
    """
    found: dict[str, list[Path]] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"--reuse: {folder}: there is no such folder")
        for path in _candidates(folder):
            identity = _identity(path)
            if identity is not None:
                found.setdefault(identity, []).append(path.parent if path.name == SUMMARY else path)
    return found


def _candidates(folder: Path) -> Iterator[Path]:
    for place, below, files in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        if SUMMARY in files:
            yield Path(place) / SUMMARY
            below.clear()
        elif Path(place).name in ("points", "paces"):
            yield from (Path(place) / name for name in sorted(files) if name.endswith(".json"))


def _identity(path: Path) -> str | None:
    """Return the identity of a finished run, if the file is one's."""
    try:
        content = read_json(path)
        result = content if path.name == SUMMARY else content["result"]
        if result.get("status") in ENDED_EARLY or content.get("forked_from") is not None:
            return None
        identity = content.get("identity")
    except DAMAGED:
        return None
    return identity if isinstance(identity, str) else None
