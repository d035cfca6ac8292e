from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
from noise import without_progress

import simulator

SMALL = ["--cluster", "4:4:4", "--jobs", "8", "--engine", "highs", "--tie-break", "none"]


def _sweep(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simulator", "sweep", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def _jct(folder: Path) -> dict[str, dict[str, float]]:
    return {
        path.parent.name: json.loads(path.read_text())["jct"]
        for path in sorted(folder.glob("*/summary.json"))
    }


def test_results_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    runs = ["--policy", "gandiva", "fifo", "max_min_fairness_perf", "--seed", "0", "1", *SMALL]
    one = _sweep(*runs, "--output", str(tmp_path / "one"), "--processes", "1")
    two = _sweep(*runs, "--output", str(tmp_path / "two"), "--processes", "2")
    assert (one.returncode, without_progress(one.stderr)) == (0, "")
    assert two.returncode == 0
    table = (tmp_path / "one" / "summary.csv").read_bytes()
    assert table == (tmp_path / "two" / "summary.csv").read_bytes()
    assert _jct(tmp_path / "one") == _jct(tmp_path / "two")
    rows = list(csv.DictReader(table.decode().splitlines()))
    assert [row["run"] for row in rows] == [
        f"{policy},seed={seed}"
        for policy in ("gandiva", "fifo", "max_min_fairness_perf")
        for seed in (0, 1)
    ]
    assert len({row["average_jct"] for row in rows}) == len(rows)
    columns = pyarrow.parquet.read_table(tmp_path / "one" / "summary.parquet").to_pydict()
    assert columns["average_jct"] == [float(row["average_jct"]) for row in rows]
    assert not (tmp_path / "one" / ".unfinished").exists()


def test_a_sweep_goes_on_where_it_stopped(tmp_path: Path) -> None:
    output = tmp_path / "sweep"
    runs = ["--policy", "isolated", "fifo", *SMALL, "--output", str(output), "--processes", "1"]
    assert _sweep(*runs, "--seed", "0").returncode == 0
    first = (output / "isolated" / "summary.json").stat().st_mtime_ns
    again = _sweep(*runs, "--seed", "0")
    assert again.returncode == 0
    assert "(2 of them before)" in again.stdout
    assert (output / "isolated" / "summary.json").stat().st_mtime_ns == first
    table = (output / "summary.csv").read_bytes()
    shutil.rmtree(output / "fifo")
    third = _sweep(*runs, "--seed", "0")
    assert "(1 of them before)" in third.stdout
    assert (output / "summary.csv").read_bytes() == table


def test_one_failure_does_not_lose_the_others(tmp_path: Path) -> None:
    broken = tmp_path / "broken.trace"
    broken.write_text("not\ta trace\n")
    settings = tmp_path / "sweep.toml"
    settings.write_text(
        'cluster = "4:4:4"\nengine = "highs"\n[[case]]\npolicy = ["isolated", "fifo"]\njobs = 6\n'
        f'[[case]]\npolicy = "isolated"\ntrace = "{broken}"\n'
    )
    output = tmp_path / "sweep"
    done = _sweep(str(settings), "--output", str(output), "--processes", "1")
    assert done.returncode == 3
    assert "2 of 3 runs done" in done.stdout
    assert "broken.trace" in done.stderr
    assert "Traceback" not in done.stderr
    rows = list(csv.DictReader((output / "summary.csv").read_text().splitlines()))
    assert [row["status"] for row in rows] == ["completed", "completed", ""]
    assert "broken.trace" in rows[2]["error"]


def test_other_settings_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    output = str(tmp_path / "sweep")
    runs = ["--policy", "isolated", *SMALL, "--output", output, "--processes", "1"]
    assert _sweep(*runs).returncode == 0
    kept = (tmp_path / "sweep" / "isolated" / "summary.json").read_bytes()
    other = _sweep(*runs, "--seed", "3")
    assert other.returncode == 2
    assert "seed: 0 there, 3 here" in other.stderr
    assert other.stderr.count("\n") == 1
    assert (tmp_path / "sweep" / "isolated" / "summary.json").read_bytes() == kept


def test_a_later_plan_is_added_to_the_tables(tmp_path: Path) -> None:
    output = tmp_path / "sweep"
    given = [*SMALL, "--output", str(output), "--processes", "1"]
    assert _sweep("--policy", "fifo", "--seed", "0-1", *given).returncode == 0
    more = _sweep("--policy", "fifo", "--seed", "2-3", *given)
    assert "2 of 2 runs done" in more.stdout
    assert "summary.csv, with 2 runs of earlier commands" in more.stdout
    # seed 0 is there under another name by now, and once in the table
    other = _sweep("--policy", "fifo,isolated", "--seed", "0", *given)
    assert "summary.csv, with 3 runs of earlier commands" in other.stdout
    for again in (other, _sweep("collect", str(output))):
        assert again.returncode == 0
        rows = list(csv.DictReader((output / "summary.csv").read_text().splitlines()))
        assert sorted((row["policy"], row["seed"]) for row in rows) == [
            *(("fifo", str(seed)) for seed in range(4)),
            ("isolated", "0"),
        ]
    found = simulator.sweep("fifo", cluster="4:4:4", jobs=8, engine="highs", tie_break="none",
                            seed=[2, 3], output=output, processes=1)  # fmt: skip
    assert [row["seed"] for row in found] == [2, 3]


def test_a_dry_run_lists_and_writes_nothing(tmp_path: Path) -> None:
    output = tmp_path / "sweep"
    listed = _sweep(
        "--policy",
        "fifo",
        "--rate",
        "4",
        "5",
        "--window",
        "2:4",
        "--dry-run",
        "--output",
        str(output),
    )
    assert listed.stdout.split() == ["rate=4", "rate=5"]
    assert not output.exists()


def test_bad_input_is_one_line_and_writes_nothing(tmp_path: Path) -> None:
    for words, said in (
        (["--policy", "fif", "--jobs", "4"], "did you mean fifo"),
        (["--policy", "fifo"], "no workload"),
        (["--policy", "fifo", "--jobs", "4", "x"], "--jobs"),
        (["none.toml"], "none.toml: cannot read it"),
        (["none.toml", "--jobs", "4"], "--jobs: cannot be combined with a file"),
        (["--policy", "fifo", "--jobs", "4", "--sed", "1"], "did you mean --seed"),
    ):
        output = tmp_path / "sweep"
        wrong = _sweep(*words, "--output", str(output))
        assert wrong.returncode == 2, words
        assert said in wrong.stderr, words
        assert without_progress(wrong.stderr).count("\n") == 1, words
        assert not output.exists()


def test_a_partial_mean_is_no_mean_in_the_table(tmp_path: Path) -> None:
    output = tmp_path / "sweep"
    words = ["--policy", "isolated", "--cluster", "4:4:4", "--jobs", "8", "--seed", "0-1"]
    limit = ["--max-simulated-hours", "2,900", "--processes", "1", "--output", str(output)]
    assert _sweep(*words, *limit).returncode == 0
    rows = list(csv.DictReader((output / "summary.csv").read_text().splitlines()))
    assert [row["status"] for row in rows] == ["horizon", "completed"] * 2
    for row in rows:
        whole = row["status"] == "completed"
        assert bool(row["average_jct"]) == whole
        assert bool(row["average_jct_at_least"]) != whole
        assert ("measured jobs have not completed" in row["average_jct_reason"]) != whole
        assert row["simulated_time"]
        for total in ("makespan", "cost"):
            assert bool(row[total]) == whole, total
        assert bool(row["cost_so_far"]) != whole
        assert row["utilization"]
    columns = pyarrow.parquet.read_table(output / "summary.parquet").to_pydict()
    assert [mean is None for mean in columns["average_jct"]] == [True, False] * 2
