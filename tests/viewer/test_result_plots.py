"""``result.plot`` draws the run's own figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from gavel_opt import InputError
from simulator.runs.output.results import RunResult
from simulator.runs.runner import execute
from simulator.settings.options import make_config
from tests.viewer.conftest import CLUSTER

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def result() -> Iterator[RunResult]:
    matplotlib.use("Agg")
    config = make_config(
        policy="max_min_fairness_perf",
        cluster=CLUSTER,
        multi_gpu=True,
        rate=4.0,
        window=(10, 30),
        fixed_duration=7200.0,
    )
    yield execute(config, record=("placements",))
    matplotlib.pyplot.close("all")


def test_the_distribution_is_that_of_the_measured_jobs(result: RunResult) -> None:
    x, y = result.plot.jct().lines[0].get_data()
    hours = np.sort(list(result.jct.values())) / 3600
    assert np.array_equal(x[1:], hours)
    assert y[-1] == 1.0
    assert result.plot.jct(short=2.0).get_xlim() == (0.0, 2.0)


def test_the_distribution_of_a_run_that_was_cut_off_ends_below_one() -> None:
    cut = execute(make_config(policy="isolated", cluster=CLUSTER, jobs=30, max_simulated_hours=10))
    counts = cut.summary["jobs"]
    assert 0 < counts["completed"] < counts["measured"]
    share = cut.plot.jct().lines[0].get_ydata()
    assert share[-1] == counts["completed"] / counts["measured"]
    dropped = counts | {"missing": counts["missing"] - 1, "dropped": 1}
    for jobs in (counts, dropped):
        one = replace(cut, summary=cut.summary | {"jobs": jobs})
        assert one.plot.jct().get_title().startswith(f"{counts['missing']} measured jobs have not")


def test_rounds_are_drawn_over_hours_with_the_window_marked(result: RunResult) -> None:
    place = result.plot.active()
    assert [line.get_label() for line in place.lines] == ["in the system", "running"]
    assert np.array_equal(place.lines[0].get_ydata(), result.rounds["active"])
    assert len(place.patches) == 2
    assert len(result.plot.utilization().lines) == 3
    with pytest.raises(InputError, match="no column 'nothing'"):
        result.plot.rounds("nothing")


def test_units_stand_beside_the_axis(result: RunResult) -> None:
    assert result.plot.rounds("mean_jct").get_ylabel() == "mean jct (s)"
    assert result.plot.rounds("utilization").get_ylabel() == "utilization"


def test_no_two_of_many_worker_types_look_alike(result: RunResult) -> None:
    """There were eight colours, so the ninth type was drawn as the first."""
    used = {f"utilization_t{number:02}": result.rounds["utilization"] for number in range(20)}
    kept = {name: column for name, column in result.rounds.items() if "utilization_" not in name}
    lines = replace(result, rounds=kept | used).plot.utilization().lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 20
    assert len({line.get_color() for line in lines}) == 20


def test_every_job_of_few_has_a_colour_and_a_name() -> None:
    few = execute(
        make_config(policy="gandiva", cluster="4:4:4", jobs=12, fixed_duration=7200.0),
        record=("placements",),
    )
    assert few.placements is not None
    place = few.plot.placements()
    legend = place.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [f"job {job}" for job in range(12)]
    shown = {patch.get_facecolor() for patch in legend.get_patches()}
    assert len(shown) == 12
    boxes = {tuple(colour) for colour in place.collections[0].get_facecolor()}
    assert boxes == shown


def test_placements_are_boxes(result: RunResult) -> None:
    place = result.plot.placements(0, 50)
    assert place.get_ylim() == (0, 24)
    boxes = place.collections[0].get_paths()
    total = sum(box.get_extents().width * box.get_extents().height for box in boxes)
    time = result.rounds["time"][:52] / 3600
    busy = result.rounds["utilization"][:51] * 24
    assert total == pytest.approx(float((busy * np.diff(time)).sum()), rel=1e-9)
    names = [text.get_text().split("\n")[0] for text in place.get_yticklabels()]
    assert names == ["k80", "p100", "v100"]  # as workers count
    result.placements = None
    with pytest.raises(InputError, match="not recorded"):
        result.plot.placements()
