"""What a run on its way shows of itself: its tables so far, in a folder within its own.

``DIR/live`` holds ``running.json``, ``jobs.parquet`` and ``rounds.parquet`` while the run goes on; it goes
when the run's own files are written. A run that was killed leaves it behind. Results of an earlier
run in ``DIR`` are not touched until then.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from pathlib import Path

from simulator.files.whole_files import write_atomically
from simulator.runs.output.arrow_tables import parquet
from simulator.runs.output.tables import job_columns, round_columns
from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig

LIVE = "live"
"""The folder, within the run's."""

RUNNING = "running.json"
"""Its file that says who runs what, written last."""

PAUSE = 1.0
"""Seconds before the first time and between two."""

SHARE = 0.02
"""Most of a run's time that is spent on it."""


class LiveFolder:
    """Writes the tables of a run now and then.

    Parameters
    ----------
    folder
        The run's.
    config
        The run.
    """

    def __init__(self, folder: Path, config: RunConfig) -> None:
        self.folder = folder / LIVE
        self.config = config
        self._due = time.monotonic() + PAUSE

    def show(self, simulation: Simulation) -> None:
        """Write what there is, if it is time."""
        started = time.monotonic()
        if started < self._due:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        jobs = job_columns(simulation)
        # Jobs first: a reader that comes in between finds more of them than its rounds know of.
        write_atomically(self.folder / "jobs.parquet", parquet(jobs, "jobs"))
        write_atomically(
            self.folder / "rounds.parquet", parquet(round_columns(simulation, jobs), "rounds")
        )
        said = {
            "process": os.getpid(),
            "host": platform.node(),
            "status": "running",
            "policy": self.config.policy,
            "makespan": simulation.time,
            "rounds": simulation.rounds,
            "config": self.config.to_json(),
        }
        write_atomically(self.folder / RUNNING, (json.dumps(said) + "\n").encode())
        now = time.monotonic()
        self._due = now + max(PAUSE, (now - started) / SHARE)

    def remove(self) -> None:
        """Remove what was written: the run is stopped."""
        remove_live(self.folder.parent)


def remove_live(folder: Path) -> None:
    """Remove what a run showed of itself: it is done, and its own files say it all."""
    for name in (RUNNING, "jobs.parquet", "rounds.parquet"):
        (folder / LIVE / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        (folder / LIVE).rmdir()  # unless something of the user's is there
