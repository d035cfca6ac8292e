"""A run of a study that may take longer than its process lives: a checkpoint, and on from there.

A batch system ends a task at its time limit, whatever it is at. So a run writes its state down every
few minutes, and once more when its process is asked to end; whoever takes the run over goes on from
there, to the same bits. Runs of seconds never get to write one.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from gavel_opt import POLICIES, InputError
from simulator.runs.checkpoint import Checkpoint, load
from simulator.runs.output.results import RunResult
from simulator.runs.runner import Checkpointing, execute
from simulator.settings.config import RunConfig
from simulator.studies.executors import Payload

EVERY = 300.0
"""Seconds of wall clock between two checkpoints."""

PLACE = "checkpoint"
"""Key of a payload: the file for checkpoints."""


def simulate_for_long(payload: Payload) -> RunResult:
    """Simulate the run of a payload's ``config``, from its checkpoint if there is one."""
    config = RunConfig.from_json(payload["config"])
    place = payload.get(PLACE)
    if place is None or config.policy not in POLICIES:  # a user's policy may hold what no file can
        return execute(config)
    path = Path(place)
    plan = Checkpointing(path, seconds=EVERY, rescues=False)
    return execute(config, checkpointing=plan, resume=_found(path))


def forget_checkpoint(path: Path) -> None:
    """Remove the checkpoint of a run that is done, and the folder of the last one."""
    with contextlib.suppress(OSError):
        path.unlink()
    with contextlib.suppress(OSError):
        path.parent.rmdir()


def _found(path: Path) -> Checkpoint | None:
    """Return a checkpoint if there is one that is whole; a damaged one costs time, not the run."""
    if not path.exists():
        return None
    try:
        return load(path, "checkpoint")
    except InputError:
        return None
