"""The job logs that Helios and Acme share: CSV with a row a job, by Slurm's words for its end."""

from __future__ import annotations

from pathlib import Path

from simulator.importers.base import COMPLETED, FAILED, KILLED, NAIVE_TIMES, Imported
from simulator.importers.tables import first_line, given, number_of, require, rows, time_of

ENDS = {"COMPLETED": COMPLETED, "CANCELLED": KILLED}
UNENDED = frozenset(
    {"RUNNING", "PENDING", "REQUEUED", "RESIZING", "SUSPENDED", "CONFIGURING", "COMPLETING"}
)
NEEDED = ("job_id", "gpu_num", "state", "duration")


def end_of(state: str) -> str | None:
    """Return how a job ended by Slurm's word (``CANCELLED by 1000``), None if it had not."""
    word = (state.upper().split() or [""])[0].rstrip("+")
    return None if word in UNENDED or not word else ENDS.get(word, FAILED)


def read_log(path: Path, gpu_type: str) -> Imported:
    """Read a log; ``gpu_type`` is what all of its GPUs are, empty if nobody says."""
    require(path, first_line(path), NEEDED, "submit_time")
    read = Imported(assumed=[NAIVE_TIMES])
    for where, row in rows(path):
        read.add(
            given(row, "job_id"),
            time_of(row, "submit_time", where),
            number_of(row, "duration", where),
            number_of(row, "gpu_num", where) or 0,
            gpu_type,
            end_of(row["state"]),
        )
    return read
