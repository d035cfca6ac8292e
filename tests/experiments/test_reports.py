"""What is written and drawn of a batch, with results made up so that the sums are known."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from simulator.studies.batches.batch import Batch
from simulator.studies.experiments import find
from simulator.studies.experiments.curves import CurveExperiment
from simulator.studies.experiments.experiment import Choices
from simulator.studies.experiments.simulate import point

HOUR = 3600.0


def _result(
    hours: float | None, status: str = "completed", partial: bool = False
) -> dict[str, Any]:
    jct = None if hours is None else hours * HOUR
    result = {"status": status, "average_jct": jct, "partial": partial, "time": {"total": 1.0}}
    return {"result": result, "cpu_seconds": 2.0, "wall_seconds": 2.5}


CHOICES = Choices(policies=("max_min_fairness", "max_min_fairness_perf"), at=(4.0, 5.6))


@pytest.fixture
def batch() -> Batch:
    """LAS: whole at 4, two of three seeds whole at 5.6. Gavel: whole at 4, saturated at 5.6."""
    done = {}
    for seed, hours in enumerate((20.0, 22.0, 27.0)):
        done[f"max_min_fairness,rate=4,seed={seed}"] = _result(hours)
        done[f"max_min_fairness_perf,rate=4,seed={seed}"] = _result(hours / 2)
        done[f"max_min_fairness,rate=5.6,seed={seed}"] = _result(80.0, partial=seed == 1)
        done[f"max_min_fairness_perf,rate=5.6,seed={seed}"] = _result(
            30.0, "saturated" if seed == 2 else "completed"
        )
    return Batch(done)


def test_a_point_is_the_mean_over_whole_seeds_or_nothing(batch: Batch) -> None:
    def at(rate: str) -> Any:
        names = [f"max_min_fairness,rate={rate},seed={seed}" for seed in range(3)]
        return point(batch, names, "average_jct", HOUR)

    assert at("4").mean == pytest.approx(23.0, rel=1e-15)
    assert (at("4").state, at("4").cpu_seconds) == ("completed", 6.0)
    assert at("5.6").mean is None
    assert at("5.6").state == "partial"
    assert at("5.6").values == (80.0, None, 80.0)
    assert at("6").state == "not run"
    batch.failed["max_min_fairness,rate=6,seed=0"] = "why"
    assert at("6").state == "failed"


def test_tables(batch: Batch, tmp_path: Path) -> None:
    shown = find("9").write(tmp_path, CHOICES, batch)
    lines = [line.strip("| ").replace(" ", "").split("|") for line in shown.splitlines()]
    assert ["4", "23.00", "22.92", "11.50", "16.26"] in lines
    assert ["5.6", "partial", "91.29", "saturated", "26.42"] in lines
    assert ["all", "12", "24.0", "2.000"] in lines
    assert "against Gavel" not in shown  # a ratio of points that are not whole is no claim
    rows = list(csv.DictReader((tmp_path / "points.csv").read_text().splitlines()))
    assert [row["mean_jct_hours"] for row in rows] == ["23.0", "", "11.5", ""]
    assert [row["state"] for row in rows] == ["completed", "partial", "completed", "saturated"]
    assert rows[3]["seed_2"] == ""


def test_runs_with_two_measures_are_counted_once(tmp_path: Path) -> None:
    done = {
        f"{policy},rate=2,seed={seed}": _result(30.0)
        for policy in ("finish_time_fairness", "finish_time_fairness_perf")
        for seed in range(3)
    }
    shown = find("11").write(tmp_path, Choices(at=(2.0,)), Batch(done))
    lines = [line.strip("| ").replace(" ", "").split("|") for line in shown.splitlines()]
    assert ["all", "6", "12.0", "2.000"] in lines
    assert not [line for line in lines if line[0] == "FTF,ratio" and len(line) == 5]


def test_words_of_a_table_are_explained_below_it(batch: Batch, tmp_path: Path) -> None:
    assert "horizon" not in find("9").write(tmp_path, CHOICES, batch)
    waiting = batch.done["max_min_fairness,rate=5.6,seed=1"]["result"]
    waiting |= {"status": "horizon", "jobs": {"completed": 999, "measured": 1000}}
    shown = find("9").write(tmp_path, CHOICES, batch)
    assert "| 5.6     | horizon (999 of 1,000 jobs) |" in shown
    assert "`horizon`: given up" in shown
    assert "A count stands where" in shown


def test_a_claim_is_a_ratio_of_whole_points(batch: Batch, tmp_path: Path) -> None:
    for seed in range(3):
        batch.done[f"max_min_fairness,rate=5.6,seed={seed}"] = _result(90.0)
        batch.done[f"max_min_fairness_perf,rate=5.6,seed={seed}"] = _result(30.0)
    shown = find("9").write(tmp_path, CHOICES, batch)
    assert "LAS against Gavel at 5.6 jobs/hr: 3.00x here (3.00 to 3.00), 3.5x published" in shown


def test_only_whole_points_are_drawn(
    batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simulator.studies.pictures import plots

    drawn: list[Any] = []
    monkeypatch.setattr(plots, "draw", lambda stem, title, note, panels: drawn.extend(panels) or [])
    find("9").plot(tmp_path, CHOICES, batch)
    las, gavel = drawn[0].lines
    assert (las.x, las.y, las.open_ended) == ((4.0,), (23.0,), (5.6,))
    assert las.spread == ((20.0, 27.0),)
    assert (gavel.x, gavel.y, gavel.open_ended) == ((4.0,), (11.5,), (5.6,))
    assert las.published[1][-1] == 91.293


def test_figure_15_shows_its_360_second_curve_in_both_panels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simulator.studies.pictures import plots

    drawn: list[Any] = []
    monkeypatch.setattr(plots, "draw", lambda stem, title, note, panels: drawn.extend(panels) or [])
    figure = find("15")
    assert isinstance(figure, CurveExperiment)
    figure.plot(tmp_path, Choices(at=(4.0,)), Batch())
    assert [[line.name for line in panel.lines] for panel in drawn] == [
        ["360", "720", "1440", "2880"],
        ["360", "ideal"],
    ]


def test_pictures_are_written_and_equal_for_equal_data(batch: Batch, tmp_path: Path) -> None:
    figure = find("9")
    first = figure.plot(tmp_path / "a", CHOICES, batch)
    second = figure.plot(tmp_path / "b", CHOICES, batch)
    assert [path.name for path in first] == [
        f"figure-9.{ending}" for ending in ("png", "svg", "pdf")
    ]
    assert first[0].read_bytes().startswith(b"\x89PNG")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    text = first[1].read_text()
    for words in ("mean JCT (hours)", "input job rate (jobs/hr)", "LAS", "no value", "paper"):
        assert words in text


def test_makespan_tables_and_claims(tmp_path: Path) -> None:
    done = {}
    for policy, hours in (("fifo", 600.0), ("gandiva", 360.0), ("min_total_duration_perf", 240.0)):
        kept = _result(None)
        kept["result"]["makespan"] = hours * HOUR
        kept["result"]["average_jct"] = 1.0
        done[f"{policy},jobs=700,seed=0"] = kept
    policies = ("fifo", "gandiva", "min_total_duration_perf")
    choices = Choices(seeds=(0,), policies=policies, at=(700.0,))
    shown = find("makespan").write(tmp_path, choices, Batch(done))
    assert "FIFO against Gavel, 700 jobs: 2.50x here, 2.5x published" in shown
    assert "Gandiva against Gavel, 700 jobs: 1.50x here, 1.4x published" in shown


def test_a_job_that_the_mechanism_drops_is_told_beside_the_mean() -> None:
    kept = _result(None, partial=True)
    kept["result"] |= {
        "average_jct_partial": 30.0 * HOUR,
        "jobs": {"measured": 1000, "completed": 999, "missing": 0, "dropped": 1},
    }
    found = point(Batch({"a": kept}), ["a"], "average_jct", HOUR)
    assert (found.state, found.mean) == ("completed", 30.0)
    assert found.text() == "30.00 (999 of 1,000 jobs)"
    kept["result"]["jobs"] |= {"completed": 998, "missing": 1}
    missing = point(Batch({"a": kept}), ["a"], "average_jct", HOUR)
    assert (missing.mean, missing.text()) == (None, "partial (998 of 1,000 jobs)")
