"""Programs of a run as files, for ``--record programs``."""

from __future__ import annotations

import contextlib
from pathlib import Path

from gavel_opt import InputError, LinearProgram, Solution, write_program

PROGRAMS = "programs"
"""Folder of a run folder: the programs that were solved, if they were recorded."""


class ProgramFiles:
    """Writes every general program that was solved, for ``gavel-opt check`` and the benchmarks.

    Parameters
    ----------
    folder
        Made when the first program comes; files are numbered in order.
    go_on
        Keep the programs of before the checkpoint and number on, for a run that is resumed where it stands.

    Attributes
    ----------
    count
        Programs written; given back by a checkpoint, after which there may be more that come again.
    """

    def __init__(self, folder: Path, go_on: bool = False) -> None:
        self.folder = folder
        self.count = 0
        self._go_on = go_on
        self._begun = False

    def __call__(self, program: LinearProgram, solution: Solution) -> None:
        """Write one program.

        Raises
        ------
        OSError
            If that is not possible.
        """
        if not self._begun:
            self._begin()
        self.count += 1
        path = self.folder / f"program-{self.count:06d}.npz"
        try:
            write_program(program, path)
        except InputError as wrong:
            if isinstance(wrong.__cause__, OSError):  # the disk is full: nobody gave a wrong name
                raise OSError(wrong.__cause__.errno, wrong.__cause__.strerror, str(path)) from None
            raise

    def _begin(self) -> None:
        self._begun = True
        if not self._go_on:
            self.count = 0
        remove_programs(self.folder, self.count)
        self.folder.mkdir(parents=True, exist_ok=True)


def remove_programs(folder: Path, but: int = 0) -> None:
    """Remove recorded programs but for the first so many, and the folder if it is empty."""
    for path in folder.glob("program-*.npz"):
        number = path.stem.removeprefix("program-")
        if not number.isdecimal() or int(number) > but:
            path.unlink()
    if not but:
        with contextlib.suppress(OSError):
            folder.rmdir()
