"""Finished runs are found wherever they were made, by identity."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.cli import main
from simulator.studies.batches.identity import DECIDING, MEASURING

SMALL = ["--policy", "isolated", "fifo", "--cluster", "4:4:4", "--jobs", "6"]


def test_a_sweep_takes_runs_from_other_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "--policy", "fifo", "--cluster", "4:4:4", "--jobs", "6", "--seed", "1"]
    assert main([*run, "--output", str(tmp_path / "made" / "one")]) == 0
    first = ["sweep", *SMALL, "--seed", "0", "--processes", "1"]
    assert main([*first, "--output", str(tmp_path / "made" / "sweep")]) == 0
    capsys.readouterr()
    both = ["sweep", *SMALL, "--seed", "0,1", "--processes", "1", "--output", str(tmp_path / "all")]
    assert main([*both, "--reuse", str(tmp_path / "made")]) == 0
    assert "4 of 4 runs done (3 of them before)" in capsys.readouterr().out
    for made, taken in (("sweep/isolated", "isolated,seed=0"), ("one", "fifo,seed=1")):
        theirs, ours = tmp_path / "made" / made, tmp_path / "all" / taken
        for table in ("summary.json", "jobs.parquet", "rounds.parquet"):
            assert (ours / table).read_bytes() == (theirs / table).read_bytes()


def test_other_settings_other_code_and_runs_cut_short_are_left_where_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = ["sweep", "--policy", "fifo", "--cluster", "4:4:4", "--jobs", "6", "--processes", "1"]
    assert main([*runs, "--seed", "0-2", "--output", str(tmp_path / "made")]) == 0
    for seed, changes in ((0, {"identity": "0" * 16}), (1, {"status": "timeout"})):
        path = tmp_path / "made" / f"seed={seed}" / "summary.json"
        path = path if path.exists() else tmp_path / "made" / f"fifo,seed={seed}" / "summary.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    again = [*runs, "--seed", "0-2", "--output", str(tmp_path / "again"), "--reuse"]
    capsys.readouterr()
    assert main([*again, str(tmp_path / "made")]) == 0
    assert "3 of 3 runs done (1 of them before)" in capsys.readouterr().out
    assert main([*again, str(tmp_path / "none")]) == 2
    assert "none: there is no such folder" in capsys.readouterr().err


def test_a_figure_and_a_knee_take_points_from_other_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["9", "--seed", "0", "--at", "4", "--window", "10:20", "--policy", "gandiva"]
    assert main(["figure", *at, "--processes", "1", "--output", str(tmp_path / "a")]) == 0
    capsys.readouterr()
    again = ["figure", *at, "--output", str(tmp_path / "b"), "--reuse", str(tmp_path / "a")]
    assert main(again) == 0
    assert "1 of 1 runs done, 0 of them now" in capsys.readouterr().out
    knee = ["knee", "--policy", "isolated", "--cluster", "2:2:2", "--processes", "1", "--json"]
    assert main([*knee, "--seed", "0", "--output", str(tmp_path / "k")]) == 0
    theirs = tmp_path / "k" / "paces" / "isolated,seed=0.json"
    shutil.copytree(tmp_path / "k", tmp_path / "deep" / "k")
    more = [*knee, "--seed", "0,1", "--output", str(tmp_path / "k2")]
    assert main([*more, "--reuse", str(tmp_path / "deep")]) == 0
    assert (tmp_path / "k2" / "paces" / theirs.name).read_bytes() == theirs.read_bytes()


def test_shares_of_a_knee_make_the_table_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["knee", "--policy", "isolated", "--cluster", "2:2:2", "--seed", "0,1", "--json"]
    assert main([*words, "--shard", "0/2"]) == 2
    assert "--output: is required" in capsys.readouterr().err
    words += ["--processes", "1"]
    alone = [*words, "--output", str(tmp_path / "alone")]
    assert main([*alone, "--dry-run"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in listed] == ["isolated,seed=0", "isolated,seed=1"]
    assert len({one["identity"] for one in listed}) == 2
    shared = [*words, "--output", str(tmp_path / "shared"), "--shard"]
    assert main([*shared, "0/2"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "1 of 2 measurements are done" in said.err
    assert main([*shared, "1/2"]) == 0
    together = json.loads(capsys.readouterr().out)
    assert main(alone) == 0
    (one,), (other,) = together, json.loads(capsys.readouterr().out)
    assert one["by_seed"] == other["by_seed"]
    assert one["interval"] == other["interval"]


def test_the_script_of_a_knee_for_slurm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["knee", "--policy", "isolated,fifo", "--output", str(tmp_path / "k"), "--executor"]
    assert main([*words, "slurm", "--tasks", "2", "--print-script"]) == 0
    assert '--shard "$SLURM_ARRAY_TASK_ID/2"' in capsys.readouterr().out
    assert not (tmp_path / "k").exists()


def test_every_room_that_a_run_goes_through_is_in_its_identity() -> None:
    script = "import sys, simulator.runs.runner; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout
    for package, parts in DECIDING.items():
        root = Path(__file__).parents[2] / package
        rooms = {name.split(".")[1] for name in loaded.split() if name.startswith(f"{package}.")}
        modules = {path.stem for part in parts if "*" in part for path in root.glob(part)}
        assert rooms - set(parts) - modules <= {"process", "files"}
        assert all((root / part).is_dir() for part in parts if "*" not in part)
    studies = Path(__file__).parents[2] / "simulator/studies"
    assert all(list(studies.glob(part)) for part in MEASURING)
