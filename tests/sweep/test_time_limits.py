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


def test_a_folder_of_any_name_is_quoted_as_sbatch_reads_it(tmp_path: Path) -> None:
    """As Slurm 22.05 took it; with a backslash before the blank it refused the script."""
    script = ArrayJob(["gavel-sim"], tmp_path / 'it\'s a "d" #1', 1).script()
    assert f'#SBATCH --output="{tmp_path}/it\'s a \\"d\\" #1/slurm/%A_%a.out"\n' in script
    for name in ("a%b", "a\\b", "a\nb"):
        with pytest.raises(InputError, match="Slurm cannot write into"):
            ArrayJob(["gavel-sim"], tmp_path / name, 1).script()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--array=0-99", "each of the 4 tasks has a share of the runs"),
        ("-a 0,2", "each of the 4 tasks"),
        ("-a0-2", "each of the 4 tasks"),
        ("partition=short", "no option of sbatch"),
        ("--comment=a\nrm", "no option of sbatch"),
    ],
)
def test_options_under_which_tasks_would_be_missing_are_refused(
    option: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        ArrayJob(["gavel-sim"], tmp_path, 4, options=[option]).script()


@pytest.mark.parametrize(
    "option", ["--array=0-3%2", "-a 0-3", "--account=a", "-A b", "--array-x=1"]
)
def test_other_options_are_handed_on(option: str, tmp_path: Path) -> None:
    script = ArrayJob(["gavel-sim"], tmp_path, 4, options=[option]).script()
    assert f"#SBATCH {option}\n" in script
    assert list(tmp_path.iterdir()) == []


def test_values_of_options_of_sbatch_stay_in_one_piece(tmp_path: Path) -> None:
    given = ['--comment=it\'s "ours"', "--comment='two words'", "--partition=short", "-p short"]
    script = ArrayJob(["gavel-sim"], tmp_path, 2, options=given).script()
    lines = [line.removeprefix("#SBATCH ") for line in script.splitlines() if "#SBATCH" in line]
    assert lines[-4:] == ['--comment="it\'s \\"ours\\""', *given[1:]]
