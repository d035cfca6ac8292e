"""What ``--record`` keeps besides the tables: programs as files, who ran where as columns."""

from __future__ import annotations

import hashlib
import tempfile
from array import array
from pathlib import Path

import numpy as np

from gavel_opt import InputError, LinearProgram, Solution, SolveFailed, write_program
from simulator.runs.columns import Columns

NOTHING_RECORDED = "no program to record: this policy solves no linear program"

UNSOLVED = "unsolved.npz"
"""File of a run folder: the program at which the run stopped, since no engine could solve it."""


class ProgramFiles:
    """Writes every general program that was solved, for ``gavel-opt check`` and the benchmarks.

    Parameters
    ----------
    folder
        Made when the first program comes; files are numbered in order.
    go_on
        Keep the programs that are there and number on, for a run that is resumed.
    """

    def __init__(self, folder: Path, go_on: bool = False) -> None:
        self.folder = folder
        self.count = len(list(folder.glob("program-*.npz"))) if go_on else 0

    def __call__(self, program: LinearProgram, solution: Solution) -> None:
        """Write one program."""
        if not self.count:
            self.folder.mkdir(parents=True, exist_ok=True)
            for old in self.folder.glob("program-*.npz"):
                old.unlink()
        self.count += 1
        write_program(program, self.folder / f"program-{self.count:06d}.npz")


def keep_unsolved(failed: SolveFailed, folder: Path | None) -> SolveFailed:
    """Write the program that nobody could solve, and say where it is.

    Parameters
    ----------
    failed
        What the driver raised.
    folder
        Run folder; the system's folder for temporary files if there is none.
    """
    program = failed.program
    if not isinstance(program, LinearProgram):
        return failed
    if folder is None:
        content = np.concatenate([program.c, program.a.data, program.row_lower, program.row_upper])
        digest = hashlib.sha256(content.tobytes()).hexdigest()[:12]
        path = Path(tempfile.gettempdir()) / f"gavel-sim-unsolved-{digest}.npz"
    else:
        path = folder / UNSOLVED
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_program(program, path)
    except (InputError, OSError) as wrong:
        return SolveFailed(f"{failed}; the program could not be kept: {wrong}", program)
    return SolveFailed(f"{failed}; gavel-opt check {path} asks all engines", program)


class Placements:
    """Who ran where, one entry a worker that a job (or pair) had in a round."""

    def __init__(self) -> None:
        self._columns = {name: array("q") for name in ("round", "job", "partner", "worker")}

    def __call__(self, number: int, time: float, placed: list[tuple[int, int, int]]) -> None:
        """Record one round."""
        columns = self._columns
        for job, partner, worker in placed:
            columns["round"].append(number)
            columns["job"].append(job)
            columns["partner"].append(partner)
            columns["worker"].append(worker)

    def columns(self) -> Columns:
        """Return what was recorded, partner -1 for a job alone."""
        return {
            name: np.frombuffer(values, dtype=np.int64) if values else np.empty(0, dtype=np.int64)
            for name, values in self._columns.items()
        }

    def snapshot(self) -> Columns:
        """What was recorded, for a checkpoint."""
        return {name: values.copy() for name, values in self.columns().items()}

    def restore(self, memory: Columns) -> None:
        """Take back what :meth:`snapshot` gave."""
        for name, values in memory.items():
            self._columns[name] = array("q", np.asarray(values, dtype=np.int64).tobytes())
