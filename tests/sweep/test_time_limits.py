"""When a Slurm task is told that its time limit is near."""

from __future__ import annotations

from pathlib import Path

import pytest

from gavel_opt import InputError
from simulator.studies.batches.slurm import ArrayJob, ahead_of_limit


@pytest.mark.parametrize(
    ("option", "seconds"),
    [
        ("--partition=low", 120),
        ("--time=2", 30),
        ("--time 4", 90),
        ("-t3", 60),
        ("-t 2:20", 40),
        ("--time=0:04:00", 90),
        ("--time=1-0", 120),
        ("--time=0-00:02", 30),
        ("--time=24:00:00", 120),
        ("--time=0", 120),  # without a limit
    ],
)
def test_tasks_of_short_limits_hear_later(option: str, seconds: int, tmp_path: Path) -> None:
    options = ["--qos=debug", option]
    assert ahead_of_limit(options) == seconds
    script = ArrayJob(["gavel-sim"], tmp_path, 1, options=options).script()
    assert f"--signal=B:USR1@{seconds}\n" in script


def test_a_limit_of_which_nothing_is_left_is_refused() -> None:
    with pytest.raises(InputError, match="too short"):
        ahead_of_limit(["--time=1"])
