"""A run that outlives its process goes on where it was, to the same bits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.runs.runner import execute
from simulator.settings.options import make_config
from simulator.studies.batches import long_runs
from simulator.studies.batches.carry_out import CHECKPOINTS
from simulator.studies.executors.local import PATIENCE_VARIABLE

POLICY = "max_min_fairness_packed"
LONG = ["--policy", POLICY, "--cluster", "12:12:12", "--rate", "1.2", "--window", "2700:10800"]
"""Ten seconds on a quiet machine."""


def told_to_end(folder: Path, after: float) -> Path:
    """A sweep of one long run that is told to end so many seconds after it claimed the run; its checkpoints."""
    words = [sys.executable, "-m", "simulator", "sweep", *LONG, "--saturation", "off"]
    words += ["--processes", "1", "--output", str(folder)]
    first = subprocess.Popen(words, env=os.environ | {PATIENCE_VARIABLE: "30"})
    claim = folder / ".claims" / f"{POLICY}.claim"
    until = time.monotonic() + 60
    while not claim.exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(after)
    first.send_signal(signal.SIGTERM)
    first.wait(timeout=40)
    assert first.returncode == 128 + signal.SIGTERM
    assert not claim.exists()
    return folder / CHECKPOINTS


def test_a_sweep_that_is_told_to_end_goes_on_inside_a_run(tmp_path: Path) -> None:
    for after in (2.0, 8.0, 32.0):  # on a busy machine the run has not begun yet
        checkpoints = told_to_end(tmp_path / f"{after:g}", after)
        if checkpoints.exists():
            break
    (checkpoint,) = checkpoints.iterdir()
    kept = long_runs.load(checkpoint, "test")
    assert kept.config.policy == POLICY
    assert kept.runner["spent"] > 0


def test_what_a_run_goes_on_to_is_what_it_is_in_one_go(tmp_path: Path) -> None:
    config = make_config(
        policy="gandiva", cluster="4:4:4", rate=0.5, window=(200, 300), saturation="off"
    )
    whole = execute(config)
    path = tmp_path / "run.npz"
    plan = long_runs.Checkpointing(path, rounds=200, rescues=False)
    partial = make_config(
        policy="gandiva",
        cluster="4:4:4",
        rate=0.5,
        window=(200, 300),
        saturation="off",
        max_simulated_hours=200,
    )
    assert execute(partial, checkpointing=plan).status == "horizon"
    assert path.exists()
    payload = {"config": config.to_json(), "checkpoint": str(path)}
    again = long_runs.simulate_for_long(payload)
    assert again.jct == whole.jct
    assert again.summary["rounds"] == whole.summary["rounds"]
    path.write_bytes(path.read_bytes()[:-9])
    assert long_runs.simulate_for_long(payload).jct == whole.jct  # from the start
    long_runs.forget_checkpoint(path)
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "PK"])
def test_a_damaged_checkpoint_is_left_aside(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.npz"
    path.write_text(text)
    config = make_config(policy="isolated", cluster="4:4:4", jobs=3)
    payload = {"config": config.to_json(), "checkpoint": str(path)}
    assert long_runs.simulate_for_long(payload).status == "completed"
