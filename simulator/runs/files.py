"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

_unfinished: set[Path] = set()


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` beside ``path`` and move it there in one step.

    A reader, or a run killed half-way, sees the file before or the new one, never a part.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    _unfinished.add(beside)
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
        _unfinished.discard(beside)


def remove_unfinished() -> None:
    """Remove what is half-written, in a process that ends without unwinding."""
    for beside in tuple(_unfinished):
        beside.unlink(missing_ok=True)
