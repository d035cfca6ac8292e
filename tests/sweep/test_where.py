"""Who carries out a plan: shards, two commands at once, status, and the script for Slurm."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from noise import without_progress

from simulator.studies.sweeps.sweep_folder import PLAN
from tests.cli.sim import completion_times, gavel_sim, start_gavel_sim

SMALL = ["--policy", "fifo", "fifo_perf", "--cluster", "4:4:4", "--jobs", "8"]


def test_shards_make_up_the_sweep_and_collect_its_tables(tmp_path: Path) -> None:
    runs = ["sweep", *SMALL, "--seed", "0-2"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert gavel_sim(*runs, "--output", str(whole)).returncode == 0
    for shard in ("0/2", "1/2"):
        if shard == "1/2":
            found = gavel_sim("sweep", "status", str(parts), "--json")
            assert found.returncode == 1
            standing = json.loads(found.stdout)
            assert (standing["done"], len(standing["waiting"])) == (3, 3)
            incomplete = gavel_sim("sweep", "collect", str(parts))
            assert (incomplete.returncode, "3 of 6 runs done" in incomplete.stdout) == (1, True)
        done = gavel_sim(*runs, "--output", str(parts), "--shard", shard, "--processes", "1")
        assert (done.returncode, without_progress(done.stderr)) == (0, "")
        assert "3 of 3 runs done" in done.stdout
    assert gavel_sim("sweep", "collect", str(parts)).returncode == 0
    assert (parts / "summary.csv").read_bytes() == (whole / "summary.csv").read_bytes()
    assert completion_times(parts) == completion_times(whole)
    assert "6 of 6 runs done, 0 running" in gavel_sim("sweep", "status", str(parts)).stdout
    assert not [path for path in parts.iterdir() if path.name.startswith(".")]


def test_two_sweeps_into_one_folder_do_every_run_once(tmp_path: Path) -> None:
    output = tmp_path / "sweep"
    runs = ["sweep", *SMALL, "--seed", "0-5", "--output", str(output), "--processes", "1"]
    both = [start_gavel_sim(*runs) for _ in range(2)]
    said = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert all("12 of 12 runs done" in out for out, _ in said)
    # A run that was done twice would have left its second folder behind or replaced the first.
    assert len(completion_times(output)) == 12
    assert not (output / ".unfinished").exists()
    assert not (output / ".claims").exists()


def test_what_failed_is_told_with_the_command_and_run_again_alone(tmp_path: Path) -> None:
    output = tmp_path / "sweep"
    # AlloX takes jobs on one worker only: one of the two runs is refused when it starts.
    runs = ["sweep", "--policy", "allox", "fifo", "--jobs", "40", "--multi-gpu"]
    runs += ["--output", str(output)]
    failed = gavel_sim(*runs)
    assert failed.returncode == 3
    found = gavel_sim("sweep", "status", str(output))
    assert "1 failed" in found.stdout
    assert "alone: gavel-sim run --policy allox" in found.stdout
    before = (output / "fifo" / "summary.json").stat().st_mtime_ns
    again = gavel_sim(*runs, "--retry-failed")
    assert again.returncode == 3
    assert "0 of 1 runs done" in again.stdout
    assert (output / "fifo" / "summary.json").stat().st_mtime_ns == before


def test_a_run_of_a_changed_trace_is_not_taken_for_done(tmp_path: Path) -> None:
    trace = tmp_path / "a.trace"
    line = "A3C\tpython3 x\t.\t--n\t0\t1000\t1\t1\t-1\t0\n"
    trace.write_text(line)
    runs = ["sweep", "--policy", "fifo", "--trace", str(trace), "--output", str(tmp_path / "s")]
    assert gavel_sim(*runs).returncode == 0
    trace.write_text(line.replace("1000", "2000"))
    plan = (tmp_path / "s" / PLAN).read_bytes()
    refused = gavel_sim(*runs, "--seed", "0", "1")
    assert refused.returncode == 2
    assert (tmp_path / "s" / PLAN).read_bytes() == plan  # what is refused is not in the tables
    assert f"have changed since (--trace {trace})" in refused.stderr


def test_a_changed_policy_of_the_users_own_is_named(tmp_path: Path) -> None:
    policy = tmp_path / "mine.py"
    example = Path(__file__).parents[2] / "docs/example_policies/shortest_remaining.py"
    policy.write_text(example.read_text())
    name = f"{policy}:ShortestRemaining"
    runs = ["sweep", "--policy", name, "--cluster", "2:2:2", "--jobs", "3"]
    runs += ["--output", str(tmp_path / "s")]
    assert gavel_sim(*runs).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"mine.py", "s"}  # and nothing beside
    policy.write_text(example.read_text() + "# another\n")
    refused = gavel_sim(*runs)
    assert refused.returncode == 2
    assert f"have changed since (--policy {name})" in refused.stderr


def test_the_script_for_slurm_is_plain_and_runs_the_same_command(tmp_path: Path) -> None:
    runs = ["sweep", *SMALL, "--seed", "0-5", "--output", str(tmp_path / "s"), "--executor"]
    shown = gavel_sim(*runs, "slurm", "--tasks", "3", "--sbatch=--partition=low", "--print-script")
    assert shown.returncode == 0
    assert "#SBATCH --array=0-2\n" in shown.stdout
    assert "#SBATCH --partition=low\n" in shown.stdout
    assert "#SBATCH --requeue\n" in shown.stdout
    assert '--shard "$SLURM_ARRAY_TASK_ID/3"' in shown.stdout
    assert "--executor" not in shown.stdout
    assert not (tmp_path / "s").exists()
    bash = shutil.which("bash")
    if bash is not None:
        checked = subprocess.run([bash, "-n"], input=shown.stdout, text=True, check=False)
        assert checked.returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep", "status", "none"], "none: there is no such folder"),
        (["sweep", "status"], "expected one folder"),
        (["sweep", *SMALL, "--shard", "2/2"], "shards of 2 are 0/2 to 1/2"),
        (["sweep", *SMALL, "--ray-address", "auto"], "--executor ray has"),
        (["sweep", *SMALL, "--print-script"], "--print-script: --executor local has no use for it"),
        (
            ["knee", "--policy", "fifo", "--tasks", "2"],
            "--tasks: --executor local has no use for it",
        ),
        (
            ["sweep", *SMALL, "--executor", "slurm", "--print-script", "--ray-address", "auto"],
            "--ray-address: --executor slurm has no use for it",
        ),
    ],
)
def test_mistakes_are_answered_in_a_line(tmp_path: Path, words: list[str], said: str) -> None:
    done = gavel_sim(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
