"""A file that a command is to write, where none of somebody else's may be lost."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from gavel_opt import InputError


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add the flag that lets :func:`new_file` give a file that is there."""
    parser.add_argument("--force", action="store_true", help="write over a file that is there")


def new_file(
    text: str, flag: str, force: bool, ours: Callable[[Path], bool] = lambda path: False
) -> Path:
    """Check that a file can be written, and that none is there.

    Parameters
    ----------
    text, flag
        Its name, and the flag that gave it.
    force
        Whether one that is there may be written over.
    ours
        Says of one that is there whether it may be written over in any case, as we wrote it.

    Raises
    ------
    InputError
        If it cannot be written, or is there.
    """
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"{flag}: cannot write {path}: expected a file in a folder that exists")
    if path.exists() and not force and not ours(path):
        raise InputError(
            f"{flag}: {path} is there; choose another name, or --force to write over it"
        )
    return path
