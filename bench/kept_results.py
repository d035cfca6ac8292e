"""Results kept in one JSON file to which several processes may add."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Nobody else changes a file meanwhile: for reading it, adding to it and writing it anew.

    The lock is on its folder, so that nothing is left behind and the file may be replaced.
    """
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
