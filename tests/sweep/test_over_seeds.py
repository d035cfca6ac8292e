"""A sweep's table and picture over seeds."""

from __future__ import annotations

import csv
import shutil
import statistics
from pathlib import Path

import pytest
from scipy import stats

from simulator.cli import main
from simulator.studies.batches.batch import Batch
from simulator.studies.sweeps.over_seeds import OverSeeds, as_text, over_seeds, write_over_seeds
from simulator.studies.sweeps.sweep_folder import read_plan
from simulator.studies.sweeps.sweep_plot import draw_sweep, picture_of

WORDS = ["--policy", "gandiva,fifo", "--cluster", "2:2:2", "--jobs", "2,3", "--seed", "0-2"]


def table(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "over_seeds.csv").read_text().splitlines()))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("over") / "sweep"
    assert main(["sweep", *WORDS, "--processes", "1", "--output", str(folder)]) == 0
    return folder


def test_a_row_is_the_mean_of_its_seeds_with_students_interval(sweep: Path) -> None:
    runs = list(csv.DictReader((sweep / "summary.csv").read_text().splitlines()))
    rows = table(sweep)
    assert [(row["policy"], row["jobs"]) for row in rows] == [
        (policy, jobs) for policy in ("gandiva", "fifo") for jobs in "23"
    ]
    for row in rows:
        same = [one for one in runs if all(one[name] == row[name] for name in ("policy", "jobs"))]
        values = [float(one["average_jct"]) for one in same]
        assert (row["seeds"], row["completed"], row["others"]) == ("3", "3", "")
        assert row["completed_jobs"] == str(3 * int(row["jobs"]))
        assert float(row["average_jct"]) == pytest.approx(statistics.mean(values), rel=1e-14)
        low, high = stats.t.interval(0.95, 2, statistics.mean(values), stats.sem(values))
        assert float(row["average_jct_low"]) == pytest.approx(max(0.0, low), rel=1e-9)
        assert float(row["average_jct_high"]) == pytest.approx(high, rel=1e-9)


def test_no_mean_unless_all_seeds_completed(sweep: Path) -> None:
    plan = read_plan(sweep)
    whole = {"result": {"status": "completed", "average_jct": 3600.0, "jobs.completed": 600}}
    slow = {"result": {"status": "completed", "average_jct": 7200.0, "jobs.completed": 599}}
    cut = {"result": {"status": "saturated", "average_jct": None}}
    lacking = {"result": {"status": "completed", "average_jct": None}}
    kept = [whole, whole, cut, whole, slow, whole, whole, lacking]
    batch = Batch(done={one.name: found for one, found in zip(plan, kept, strict=False)})
    batch.failed[plan[8].name] = "broken"
    rows = over_seeds(plan, batch)
    assert [(row.mean, row.interval) for row in rows] == [
        *[(None, None), (4800.0, (0.0, pytest.approx(9963.2, abs=0.1))), (None, None), (None, None)]
    ]
    assert [row.why for row in rows] == [
        *["1 saturated", "", "1 without all jobs, 1 failed", "3 not run"]
    ]
    said = as_text(rows).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[2:-1]] for line in said]
    assert cells[2] == ["2", "", "", "", "2 of 3 (1 saturated)"]
    assert cells[3] == ["3", "1.33", "1,799", "0.00 to 2.77", "3 of 3"]


def test_a_completed_run_whose_verdict_is_undecided_is_not_taken_for_a_sustained_one(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the terminal's table, in the file and in the picture, where others have no sign."""
    plan = read_plan(sweep)
    verdicts = ["sustained", "undecided", "undecided", "unjudged", "sustained", "off"]
    found = [
        {
            "status": "completed",
            "average_jct": 3600.0 + place,
            "saturation.verdict": verdict,
            "jobs.completed": 1,
        }
        for place, verdict in enumerate(verdicts)
    ]
    kept = {one.name: {"result": result} for one, result in zip(plan, found, strict=False)}
    rows = over_seeds(plan, Batch(done=kept))[:2]
    assert [row.completed for row in rows] == ["3 of 3 (2 undecided)", "3 of 3"]
    write_over_seeds(tmp_path, rows)
    assert [row["undecided"] for row in table(tmp_path)] == ["2", "0"]
    pytest.importorskip("matplotlib")
    from simulator.studies.pictures import plots

    lines: list[plots.Line] = []
    draw = plots.draw
    monkeypatch.setattr(
        plots, "draw", lambda *given: lines.extend(given[3][0].lines) or draw(*given)
    )
    picture = picture_of(rows)
    assert picture is not None
    files = draw_sweep(tmp_path, picture)
    assert [line.undecided for line in lines] == [(2.0,)]
    said = next(file for file in files if file.suffix == ".svg").read_text()
    assert "completed, but may be beyond the knee" in said


def test_no_interval_where_every_seed_gave_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The jobs of a trace are the same whatever the seed: that says nothing about chance."""
    words = ["--policy", "fifo_perf", "--cluster", "2:2:2", "--trace", "example", "--seed", "0-2"]
    assert main(["sweep", *words, "--processes", "1", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "no intervals: every seed gave the same, since nothing is drawn\n" in said
    (row,) = table(tmp_path)
    assert row["average_jct"]
    assert row["average_jct_low"] == row["average_jct_high"] == ""


def test_missed_deadlines_have_a_column_where_there_are_any(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a policy with deadlines they are the point; means over seeds, as of what-if."""
    policies = "max_sum_throughput_normalized_by_cost_perf_SLOs"
    words = ["--policy", policies, "--cluster", "2:2:2", "--jobs", "12", "--slos", "--seed", "0-1"]
    assert main(["sweep", *words, "--processes", "1", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    with (tmp_path / "summary.csv").open() as file:
        missed = [int(one["slo_violations"]) for one in csv.DictReader(file)]
    assert sum(missed) > 0
    (row,) = table(tmp_path)
    assert float(row["slo_violations"]) == sum(missed) / len(missed)
    assert "| missed deadlines |" in said
    assert f" {sum(missed) / len(missed):,.4g} |" in said


def test_collect_leaves_out_the_mean_of_what_is_not_done(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(sweep, folder)
    shutil.rmtree(folder / "fifo,jobs=3,seed=1")
    assert main(["sweep", "collect", str(folder)]) == 1
    said = capsys.readouterr().out
    assert "2 of 3 (1 not run)" in said
    assert [row["average_jct"] != "" for row in table(folder)] == [True, True, True, False]


def row(policy: str, mean: float | None, **settings: object) -> OverSeeds:
    values = () if mean is None else (mean,)
    return OverSeeds(policy, settings, values, (), () if mean else ("failed",))


def test_the_axis_is_a_number_that_differs_the_rate_before_others() -> None:
    rows = [
        row(policy, 1.0, **{"multi-gpu": multi, "round-seconds": size, "rate": rate})
        for policy in ("gandiva", "fifo")
        for multi in (True, False)
        for size in ("360", "720")
        for rate in ("4", "4.5")
    ]
    picture = picture_of(rows)
    assert picture is not None
    assert picture.axis == "rate"
    assert len(picture.lines) == 8
    assert next(iter(picture.lines)) == "gandiva, multi-gpu True, round-seconds 360"
    assert [x for x, _ in picture.lines["fifo, multi-gpu False, round-seconds 720"]] == [4.0, 4.5]
    given = [row("a.py:A", 1.0, set="x=1", jobs=n) for n in "12"]
    given += [row("fifo", 1.0, set=None, jobs=n) for n in "12"]
    picture = picture_of(given)
    assert picture is not None
    assert list(picture.lines) == ["a.py:A, set x=1", "fifo"]
    assert picture_of([row("gandiva", 1.0), row("fifo", 2.0)]) is None
    assert (
        picture_of([row("fifo", 1.0, cluster="1:1:1"), row("fifo", 1.0, cluster="2:1:1")]) is None
    )
    assert picture_of([row("fifo", None, rate=4), row("fifo", None, rate=5)]) is None


def test_the_picture_has_the_points_of_the_table(sweep: Path) -> None:
    pytest.importorskip("matplotlib")
    said = (sweep / "over_seeds.svg").read_text()
    for words in ("mean JCT (hours)", "sweep: mean JCT by jobs", "gandiva", "fifo", "band: "):
        assert words in said
    assert {file.suffix for file in sweep.glob("over_seeds.*")} == {".csv", ".png", ".svg", ".pdf"}


def test_a_sweep_without_matplotlib_says_so(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(sweep, folder)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["sweep", "collect", str(folder)]) == 0
    assert "no plot: needs matplotlib" in capsys.readouterr().err
    assert [file.name for file in folder.glob("over_seeds.*")] == ["over_seeds.csv"]


def test_a_table_of_somebody_elses_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "over_seeds.csv").write_text("mine")
    assert main(["sweep", *WORDS, "--output", str(tmp_path)]) == 2
    assert "was not written by gavel-sim" in capsys.readouterr().err
    assert (tmp_path / "over_seeds.csv").read_text() == "mine"
