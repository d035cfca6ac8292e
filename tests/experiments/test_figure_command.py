from __future__ import annotations

import csv
import json
import os
import signal
import time
from pathlib import Path

import pytest
from noise import without_progress

from simulator.cli import figure, main
from simulator.studies.experiments.hierarchy import hierarchical_fairness
from tests.cli.sim import gavel_sim, start_gavel_sim

QUICK = [
    *("9", "--seeds", "0", "1", "--at", "4", "--jobs-window", "10:20"),
    *("--policies", "allox", "gandiva", "--processes", "1"),
]


def test_a_figure_from_the_command_line(tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = gavel_sim("figure", *QUICK, "--output", str(output))
    assert (done.returncode, without_progress(done.stderr)) == (0, "")
    assert sorted(path.name for path in output.iterdir()) == [
        *("figure-9.pdf", "figure-9.png", "figure-9.svg", "jct.md", "points"),
        "points.csv",
        *("times.csv", "times.md"),
    ]
    assert sorted(path.name for path in (output / "points").iterdir()) == [
        f"{policy},rate=4,seed={seed}.json" for policy in ("allox", "gandiva") for seed in (0, 1)
    ]
    times = list(csv.DictReader((output / "times.csv").read_text().splitlines()))
    assert [row["run"] for row in times][-1] == "total"
    parts = [float(row["cpu_seconds"]) for row in times]
    assert parts[-1] == pytest.approx(sum(parts[:-1]), abs=1e-3)
    assert min(parts) > 0
    points = {path: path.stat().st_mtime_ns for path in (output / "points").iterdir()}
    again = gavel_sim("figure", *QUICK, "--output", str(output))
    assert "4 of 4 runs done, 0 of them now" in again.stdout
    assert points == {path: path.stat().st_mtime_ns for path in (output / "points").iterdir()}


def test_without_what_draws_it_is_said_before_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    with monkeypatch.context() as without:
        without.setattr("importlib.util.find_spec", lambda name: None)
        assert main(["figure", *QUICK, "--output", str(output)]) == 0
    said = capsys.readouterr()
    assert "no plots without matplotlib: pip install 'gavel-opt[plots]'" in said.err.splitlines()[0]
    assert not list(output.glob("figure-9.*"))
    assert main(["figure", *QUICK, "--output", str(output)]) == 0
    assert "0 of them now" in capsys.readouterr().out
    assert (output / "figure-9.png").exists()


def test_figures_with_commas_and_ranges() -> None:
    words = ("--at", "2", "--seed", "0", "--policy", "gandiva", "--dry-run")
    listed = [
        gavel_sim("figure", *given, *words).stdout for given in (("9", "10"), ("9,10",), ("9-10",))
    ]
    assert set(listed) == {listed[0]}
    assert listed[0].count("gandiva") == 2
    assert "unknown figure '21-30'" in gavel_sim("figure", "21-30", *words).stderr


def test_several_figures_get_a_folder_each_and_one_table_of_times(tmp_path: Path) -> None:
    output = tmp_path / "out"
    words = ("--seeds", "0", "--at", "2", "--jobs-window", "10:20", "--processes", "1")
    for figures, policies, said in (
        (("9", "12"), ("gandiva",), "figure 12 has none of gandiva"),
        (("9", "11"), ("gandiva", "themis"), "unknown policy of this figure (--policy) 'themis'"),
    ):
        wrong = gavel_sim(
            "figure", *figures, *words, "--policies", *policies, "--output", str(output)
        )
        assert wrong.returncode == 2
        assert said in wrong.stderr
        assert without_progress(wrong.stderr).count("\n") == 1
        assert not output.exists()
    done = gavel_sim(
        "figure",
        *("9", "11", *words, "--output", str(output)),
        *("--policies", "gandiva", "finish_time_fairness_perf"),
    )
    assert (done.returncode, without_progress(done.stderr)) == (0, "")
    assert sorted(path.name for path in output.iterdir()) == [
        *("figure-11", "figure-9", "report.html", "report.md", "times.md"),
    ]
    page = (output / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "<script" not in page
    assert 'href="' not in page
    assert "## Headlines" in (output / "report.md").read_text()
    assert (output / "figure-9" / "points" / "gandiva,rate=2,seed=0.json").exists()
    table = (output / "times.md").read_text()
    rows = [[cell.strip() for cell in row.split("|")[1:4]] for row in table.splitlines()[4:]]
    rows = [row for row in rows if not row[0].startswith("compiled code")]  # where there was any
    assert rows == [
        ["9", "gandiva", "1"],
        ["11", "finish_time_fairness_perf", "1"],
        ["all", "", "2"],
    ]
    assert "Wall clock of this command" in done.stdout


def test_a_picture_that_cannot_be_written_ends_the_command_in_one_line(tmp_path: Path) -> None:
    output = tmp_path / "out"
    (output / "figure-12" / "figure-12.svg").mkdir(parents=True)
    words = ("12", "13", "--processes", "1", "--output", str(output))
    done = gavel_sim("figure", *words)
    assert done.returncode == 3
    said = without_progress(done.stderr)
    assert said.count("\n") == 1
    assert f"{output / 'figure-12'} could not be drawn: " in said
    assert (output / "figure-12" / "figure-12.png").exists()
    assert not (output / "report.html").exists()
    (output / "figure-12" / "figure-12.svg").rmdir()
    again = gavel_sim("figure", *words)
    assert (again.returncode, again.stdout.count("2 of 2 runs done, 0 of them now")) == (0, 2)
    assert (output / "report.html").exists()


def test_where_time_is_measured_nothing_is_drawn_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(figure, "_carry_out", lambda plan, *_: said.append(plan.experiment.figure))
    monkeypatch.setattr(figure.Drawings, "wait", lambda _: said.append("drawn"))
    assert main(["figure", "13", "14", "12", "--output", str(tmp_path / "out")]) == 0
    assert said == ["drawn", "14", "13", "12", "drawn"]


def test_a_killed_figure_keeps_what_it_had(tmp_path: Path) -> None:
    output = tmp_path / "out"
    words = (
        *("9", "--seeds", *map(str, range(12)), "--at", "4", "--jobs-window", "10:40"),
        *("--policies", "allox", "--processes", "1", "--output", str(output)),
    )
    process = start_gavel_sim("figure", *words)
    points = output / "points"
    for _ in range(6000):
        if points.is_dir() and len(list(points.glob("*.json"))) >= 2:
            break
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = len(list(points.glob("*.json")))
    assert kept >= 2
    for path in points.glob("*.json"):
        assert json.loads(path.read_text())["result"]["status"] == "completed"
    done = gavel_sim("figure", *words)
    assert done.returncode == 0
    assert f"12 of 12 runs done, {12 - kept} of them now" in done.stdout


def test_bad_input_is_one_line_and_writes_nothing(tmp_path: Path) -> None:
    output = tmp_path / "out"
    for words, said in (
        (["17"], "unknown figure '17'"),
        (["9", "--at", "4.1"], "4.1 is not a point"),
        (["9", "--policies", "aloxx"], "did you mean allox"),
        (["9", "--seeds", "-1"], "--seed: '-1' is not"),
        (["9", "--tie-break", "canonic"], "did you mean canonical"),
        (["9", "--json"], "--json: goes with --dry-run; for a program"),
        ([], "which figure?"),
    ):
        wrong = gavel_sim("figure", *words, "--output", str(output))
        assert wrong.returncode == 2, words
        assert said in wrong.stderr, words
        assert without_progress(wrong.stderr).count("\n") == 1, words
        assert not output.exists()


@pytest.mark.parametrize("tie_break", ["none"])
def test_figure_12_ends_where_the_paper_ends(tie_break: str) -> None:
    found = hierarchical_fairness(aware=True, engine="highs", tie_break=tie_break)
    assert found.total[0] == pytest.approx(1.72, abs=1e-3)
    assert found.total[-1] == pytest.approx(10.459, abs=1e-3)
    assert found.throughput.shape == (72, 18)


def test_figure_13_starts_as_published() -> None:
    found = hierarchical_fairness(aware=True, within="fifo", engine="highs", tie_break="none")
    assert found.total[:24:4] == pytest.approx([1.72, 3.041, 4.39, 5.863, 7.554, 8.8], abs=1e-3)
