"""What a folder holds, so that no command writes its results among those of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from gavel_opt import InputError

FolderKind = Literal["run", "sweep", "figure", "knee", "what-if"]

_SIGNS: Mapping[FolderKind, Sequence[str]] = {
    "sweep": ("sweep.json",),
    "knee": ("paces/*.json", "paces.json", "knee.json"),
    "what-if": ("points/base,seed=*.json",),
    "figure": ("points.csv", "points/*=*.json", "figure-*/points", "report.md"),
    "run": ("summary.json", "rounds.parquet", "jobs.parquet", "checkpoint.npz"),
}
"""Files by which a folder's kind is known, the surest first: the points of a what-if are named as a figure's."""

_NAMES: Mapping[FolderKind, str] = {
    "run": "a run",
    "sweep": "a sweep",
    "figure": "a figure",
    "knee": "knees",
    "what-if": "a what-if",
}


def kind_of(folder: Path) -> FolderKind | None:
    """Return what a folder holds; None if it is not there, or holds none of ours."""
    for kind, signs in _SIGNS.items():
        if any(True for sign in signs for _ in folder.glob(sign)):
            return kind
    return None


def check_kind(folder: Path, kind: FolderKind) -> None:
    """Refuse a folder that holds results of another command.

    Raises
    ------
    InputError
        Saying what it holds.
    """
    found = kind_of(folder)
    if found is not None and found != kind:
        raise InputError(
            f"--output: {folder} holds {_NAMES[found]}, and {_NAMES[kind]} would be written among it; "
            "choose another folder"
        )
