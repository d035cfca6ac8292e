"""When a Slurm task is told that its time limit is near."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.studies.slurm import ArrayJob, ahead_of_limit


@pytest.mark.parametrize(
    ("option", "seconds"),
    [
        ("--partition=low", 120),
        ("--time=1", 15),
        ("--time 4", 60),
        ("-t2", 30),
        ("-t 1:20", 20),
        ("--time=0:04:00", 60),
        ("--time=1-0", 120),
        ("--time=0-00:02", 30),
        ("--time=24:00:00", 120),
        ("--time=0", 120),  # without a limit
    ],
)
def test_a_quarter_of_a_short_limit(option: str, seconds: int, tmp_path: Path) -> None:
    options = ["--qos=debug", option]
    assert ahead_of_limit(options) == seconds
    script = ArrayJob(["gavel-sim"], tmp_path, 1, options=options).script()
    assert f"--signal=B:USR1@{seconds}\n" in script
