"""What ``--record`` keeps besides the tables: every allocation as columns; and the program that nobody could solve."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gavel_opt import Allocation, InputError, LinearProgram, SolveFailed, write_program
from simulator.runs.columns import Columns

NOTHING_RECORDED = "no program to record: no linear program was solved"

UNSOLVED = "unsolved.npz"
"""File of a run folder: the program at which the run stopped, since no engine could solve it."""


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


@contextlib.contextmanager
def unsolved_kept() -> Iterator[None]:
    """Keep the program at which what is done within fails."""
    try:
        yield
    except SolveFailed as failed:
        raise keep_unsolved(failed, None) from None


class Allocations:
    """Every allocation that was computed: one entry for each share above 0."""

    def __init__(self) -> None:
        self._columns = {name: array("q") for name in ("allocation", "round", "job", "partner")}
        self._columns["type"] = array("q")
        self._time, self._share = array("d"), array("d")
        self._count = 0

    def __call__(self, number: int, time: float, allocation: Allocation) -> None:
        """Record one allocation, made before round ``number``."""
        alone = [(job, -1) for job in allocation.job.tolist()]
        pairs = [(first, second) for first, second in allocation.pair.tolist()]
        for owners, shares in ((alone, allocation.x), (pairs, allocation.pair_x)):
            for row, kind in zip(*(ends.tolist() for ends in np.nonzero(shares > 0)), strict=True):
                job, partner = owners[row]
                entry = {"allocation": self._count, "round": number, "job": job}
                for name, value in (entry | {"partner": partner, "type": kind}).items():
                    self._columns[name].append(value)
                self._time.append(time)
                self._share.append(float(shares[row, kind]))
        self._count += 1

    def columns(self, types: Sequence[str]) -> Columns:
        """Return what was recorded, worker types by name."""
        found = {name: np.array(values, dtype=np.int64) for name, values in self._columns.items()}
        kinds = np.array(types, dtype=np.str_)[found.pop("type")]
        order = ("allocation", "round", "time", "job", "partner", "worker_type", "share")
        every = found | {
            "time": np.array(self._time, dtype=np.float64),
            "worker_type": kinds,
            "share": np.array(self._share, dtype=np.float64),
        }
        return {name: every[name] for name in order}

    def snapshot(self) -> Columns:
        """What was recorded, for a checkpoint."""
        whole = {name: np.array(values, dtype=np.int64) for name, values in self._columns.items()}
        return whole | {
            "time": np.array(self._time, dtype=np.float64),
            "share": np.array(self._share, dtype=np.float64),
            "count": np.array([self._count], dtype=np.int64),
        }

    def restore(self, memory: Columns) -> None:
        """Take back what :meth:`snapshot` gave."""
        for name in self._columns:
            self._columns[name] = array("q", np.asarray(memory[name], dtype=np.int64).tobytes())
        self._time = array("d", np.asarray(memory["time"], dtype=np.float64).tobytes())
        self._share = array("d", np.asarray(memory["share"], dtype=np.float64).tobytes())
        self._count = int(memory["count"][0])
