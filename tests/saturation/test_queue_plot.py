"""The picture of a run's queue and the line fitted to it."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

import simulator
from simulator.cli import main
from simulator.studies.pictures.queue_plot import fitted_growth, plot_queue


def test_growth_of_a_line_is_its_slope():
    time = np.arange(0.0, 400 * 3600.0, 360.0)
    growth = fitted_growth(time, 20.0 + 0.25 * time / 3600.0)
    assert growth is not None
    assert growth.per_hour == pytest.approx(0.25)
    assert growth.start == pytest.approx(20.0 + 0.25 * growth.since)
    assert growth.end == pytest.approx(20.0 + 0.25 * growth.until)


def test_only_the_second_half_counts():
    time = np.arange(0.0, 100 * 3600.0, 360.0)
    active = np.minimum(time / 3600.0, 50.0)
    growth = fitted_growth(time, active)
    assert growth is not None
    assert growth.per_hour == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("rounds", [0, 2])
def test_nothing_is_fitted_to_nothing(rounds):
    assert fitted_growth(np.arange(rounds) * 360.0, np.ones(rounds)) is None


def test_picture_is_drawn_even_of_a_run_that_was_not_started(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    words = ["run", "--policy", "isolated", "--cluster", "6:6:6", "--window", "400:500"]
    for rate in ("0.5", "9"):
        path = tmp_path / f"{rate}.png"
        assert main([*words, "--rate", rate, "--plot-queue", str(path)]) == 0
        assert path.stat().st_size > 5000
        assert f"queue drawn {path}" in capsys.readouterr().out


def test_a_time_in_which_nobody_is_there_is_no_slope(tmp_path):
    pytest.importorskip("matplotlib")
    trace = tmp_path / "gap.trace"
    row = "A3C\t-\t-\t-\t0\t9000\t1\t1.0\t-1\t{}\n"
    trace.write_text(row.format(0) + row.format(400_000) + row.format(400_010))
    result = simulator.run(policy="isolated", cluster="2:2:2", trace=str(trace))
    kept = []
    with mock.patch("matplotlib.figure.Figure.savefig", lambda self, *_, **__: kept.append(self)):
        plot_queue(result, tmp_path / "queue.png")
    for axes in (kept[0].axes[0], result.plot.rounds("utilization")):
        assert axes.lines[0].get_drawstyle() == "steps-post"
    (fitted,) = [
        str(line.get_label()) for line in kept[0].axes[0].lines if "fitted" in line.get_label()
    ]
    assert not fitted.endswith(": -0.00 jobs per hour")


def test_a_run_that_arithmetic_stopped_has_no_empty_axes(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "queue.svg"
    words = ["run", "--policy", "isolated", "--cluster", "6:6:6", "--window", "400:500"]
    with mock.patch.dict("matplotlib.rcParams", {"svg.fonttype": "none"}):
        assert main([*words, "--rate", "9", "--plot-queue", str(path)]) == 0
    said = path.read_text()
    assert "stopped before its first round" in said
    assert "arriving less what any policy could do: +8.03 jobs per hour" in said


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("queue.gif", "--plot-queue: 'queue.gif' does not end in .png, .svg or .pdf"),
        ("no/such/queue.png", "--plot-queue: cannot write no/such/queue.png"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_said_before_the_run(file, said, capsys):
    words = ["run", "--policy", "isolated", "--cluster", "6:6:6", "--jobs", "3"]
    assert main([*words, "--plot-queue", file]) == 2
    assert said in capsys.readouterr().err
