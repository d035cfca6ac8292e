"""The Results tab: which runs a point is made of, and what its chart shows of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from simulator.cli import main
from simulator.studies.batches import stores
from simulator.studies.pictures.styles import styles_apart
from simulator.viewer.study_folder import find_studies
from tests.viewer.browser import needs_browser, page_of, rgb, served

needs_browser()

SEEDS = 5


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep over two numbers of jobs."""
    folder = tmp_path_factory.mktemp("planned") / "sweep"
    words = ["--policy", "gandiva", "--cluster", "2:2:2", "--jobs", "2,3", "--seed", "0-4"]
    assert main(["sweep", *words, "--processes", "1", "--output", str(folder)]) == 0
    return folder


def edit(folder: Path, **values: Any) -> None:
    file = folder / "summary.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def saturate(folder: Path) -> None:
    edit(folder, status="saturated", partial=True, average_jct=None)


def run_of(sweep: Path, jobs: int, seed: int) -> Path:
    return sweep / f"jobs={jobs},seed={seed}"


@pytest.fixture
def sweep(planned: Path, tmp_path: Path) -> Path:
    """The same, with two seeds of 2 jobs saturated, and two of 3 jobs not there yet."""
    folder = tmp_path / "sweep"
    shutil.copytree(planned, folder)
    for seed in (3, 4):
        saturate(run_of(folder, 2, seed))
        shutil.rmtree(run_of(folder, 3, seed))
    return folder


def points(page: Any) -> list[str]:
    page.wait_for_selector(".study .point")
    labels = page.locator(".study .point").evaluate_all(
        "points => points.map(point => point.getAttribute('aria-label'))"
    )
    return [label.split(": ", 1)[1] for label in labels]


def mean(sweep: Path, jobs: int, seeds: range) -> str:
    values = [
        json.loads((run_of(sweep, jobs, seed) / "summary.json").read_text())["average_jct"]
        for seed in seeds
    ]
    return f"{sum(values) / len(values) / 3600:.2f}"


def test_a_point_has_all_of_its_seeds_or_says_which(browser: Any, sweep: Path) -> None:
    with served([sweep]) as server, page_of(browser, server.address) as page:
        first, second = points(page)
        assert first == "no value, 3 of 5 seeds completed (2 saturated)"
        assert second.startswith(f"{mean(sweep, 3, range(3))} (")
        assert second.endswith("), 3 of 5 seeds completed (2 waiting)")
        assert page.locator(".study .point .mark.hollow").count() == 2
        assert "not all seeds completed (3 of 5 seeds)" in page.inner_text(".legend")
        assert "8 of 10 runs done." in page.inner_text("#content")
        # and no line: both points lack seeds
        lines = page.locator(".study svg > path").evaluate_all(
            "paths => paths.map(path => path.getAttribute('d'))"
        )
        assert lines == [""]
        page.locator(".study .point").nth(1).press("Enter")
        assert page.locator(".behind button.action").count() == 3
        assert "no place along" not in page.inner_text("#content")
        page.select_option("select:has(option[value=round_seconds])", "rate")
        assert "10 of these have no place along jobs per hour" in page.inner_text("#content")


def test_a_completed_run_whose_verdict_is_undecided_has_a_sign(
    browser: Any, planned: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(planned, folder)
    edit(run_of(folder, 3, 1), saturation={"verdict": "undecided"})
    edit(run_of(folder, 2, 1), saturation={"verdict": "unjudged"})
    with served([folder]) as server, page_of(browser, server.address) as page:
        first, second = points(page)
        assert first.endswith(", 5 seeds")
        assert second.endswith(", 5 seeds, the verdict on 1 undecided")
        signs = page.locator(".study .point text").all_text_contents()
        assert signs == ["?"]
        assert "may be beyond the knee: the verdict is undecided" in page.inner_text(".legend")
        assert page.locator("td:text-is('completed, undecided')").count() == 1


def test_no_filter_by_status_makes_a_mean_of_survivors(browser: Any, sweep: Path) -> None:
    with served([sweep]) as server, page_of(browser, server.address) as page:
        before = points(page)
        for status in ("saturated", "waiting"):
            page.locator(f"label:has-text('{status}') input").uncheck()
            assert points(page) == before
        assert "8 of 10 runs done, the filter leaves 6" in page.inner_text("#content")
        page.locator("label:has-text('saturated') input").check()
        page.locator("label:has-text('completed') input").uncheck()
        assert points(page) == before[:1]  # a point of which the filter leaves nothing


def test_seeds_that_are_not_chosen_are_not_missing(browser: Any, sweep: Path) -> None:
    with served([sweep]) as server, page_of(browser, server.address) as page:
        points(page)
        for seed in (0, 3, 4):
            page.locator(
                f"fieldset:has(legend:text-is('seed')) label:has-text('{seed} (') input"
            ).uncheck()
        assert [point.split(", ")[-1] for point in points(page)] == ["2 seeds", "2 seeds"]
        assert points(page)[1].startswith(f"{mean(sweep, 3, range(1, 3))} (")
        assert "Means are over the seeds that are chosen." in page.inner_text("#content")
        assert page.locator(".study .mark.hollow").count() == 0


def test_a_figure_lacks_the_seeds_that_its_other_points_have(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "figure9"
    words = ["--policy", "gandiva", "--at", "4", "4.4", "--seed", "0,1", "--window", "2:4"]
    assert main(["figure", "9", *words, "--processes", "1", "--output", str(folder)]) == 0
    next(iter(folder.glob("points/gandiva,rate=4,seed=1.json"))).unlink()
    with served([folder]) as server, page_of(browser, server.address) as page:
        first, second = points(page)
        assert first.endswith("1 of 2 seeds completed (1 not there)")
        assert second.endswith(", 2 seeds")


def test_a_figure_that_was_killed_does_not_pass_for_a_whole_one(tmp_path: Path) -> None:
    folder = tmp_path / "figure9"
    words = ["--policy", "gandiva", "--at", "4", "4.4", "--seed", "0", "--window", "2:4"]
    assert main(["figure", "9", *words, "--processes", "1", "--output", str(folder)]) == 0
    (study,) = find_studies(folder)
    assert not study.notes
    for file in folder.glob("*.*"):
        file.unlink()
    (study,) = find_studies(folder)
    assert [note.partition(",")[0] for note in study.notes] == ["the figure is not finished"]


def test_a_line_averages_over_nothing_but_seeds(browser: Any, planned: Path) -> None:
    with served([planned]) as server, page_of(browser, server.address) as page:
        assert [one.split(", ")[-1] for one in points(page)] == ["5 seeds", "5 seeds"]
        page.get_by_label("Along").select_option("seed")
        found = points(page)
        assert len(found) == 2 * SEEDS
        assert all(one.endswith(", 1 seed") for one in found)
        assert "2 jobs" in page.inner_text(".legend")


def test_a_measure_that_a_run_does_not_have_is_not_drawn(browser: Any, sweep: Path) -> None:
    for folder in sweep.glob("jobs=3,*"):
        edit(folder, cost=None)
    with served([sweep]) as server, page_of(browser, server.address) as page:
        points(page)
        page.get_by_label("Show").select_option("cost")
        assert [one.split(",")[0] for one in points(page)] == ["no value"]


def test_percentiles_are_those_of_summaries(browser: Any, planned: Path) -> None:
    hours = [1.0, 2.0, 4.0, 8.0]
    asked = "([known, total, rank]) => import('./percentile.js').then(p => p.percentile(known, total, rank))"
    with served([planned]) as server, page_of(browser, server.address) as page:
        for known in (hours, [*hours, 9.5], hours[:1]):
            for rank in (0, 50, 90, 99, 100):
                found = page.evaluate(asked, [known, len(known), rank])
                assert found == pytest.approx(float(np.percentile(known, rank)), rel=1e-15)
        assert page.evaluate(asked, [hours, 6, 50]) == 6.0  # two jobs of six have not completed
        assert page.evaluate(asked, [hours, 8, 50]) is None


def test_the_median_of_jobs_is_that_of_the_terminal(browser: Any, runs: Path) -> None:
    summary = json.loads((runs / "packed" / "summary.json").read_text())
    ranks = summary["jct_percentiles"]
    assert summary["jobs"]["measured"] % 2 == 0  # the two in the middle differ
    words = zip(("median", "99th percentile", "longest"), ("p50", "p99", "max"), strict=True)
    said = ", ".join(f"{name} {ranks[rank] / 3600:.2f} h" for name, rank in words)
    with served([runs / "packed"]) as server, page_of(browser, server.address) as page:
        page.click("#tab-Jobs")
        page.wait_for_selector("text=Measured jobs that completed")
        assert said in page.inner_text("#content").replace("\u202f", " ")


def test_the_papers_curve_stays_within_the_plot(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "figure9"
    words = ["--policy", "gandiva", "--at", "4.4", "5.2", "--seed", "0", "--window", "2:4"]
    assert main(["figure", "9", *words, "--processes", "1", "--output", str(folder)]) == 0
    for file in folder.glob("points/*.json"):
        kept = json.loads(file.read_text())
        kept["payload"]["config"]["window"] = [4000, 5000]  # as the paper's
        del kept["checksum"]
        file.write_text(json.dumps(kept | {"checksum": stores._checksum(kept)}))
    with served([folder]) as server, page_of(browser, server.address) as page:
        points(page)
        dashed = page.locator(".study svg > path[stroke-dasharray]")
        assert dashed.count() == 1
        shape = "one => { const {x, width} = one.getBBox(); return [x, x + width]; }"
        (left, right) = dashed.evaluate(shape)
        (least, most) = page.locator(".study .rule").last.evaluate(shape)
        assert least - 0.1 <= left < right <= most + 0.1
        assert right - left > 0.9 * (most - least)  # cut at the edges, not at the points before


def test_lines_have_the_colours_of_the_pictures(browser: Any, runs: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    names = ("finish_time_fairness_perf", "max_min_fairness_perf", "max_sum_throughput_perf")
    for name in names:
        shutil.copytree(runs / "gavel", sweep / name)
        edit(sweep / name, policy=name)
    with served([sweep]) as server, page_of(browser, server.address) as page:
        points(page)
        fills = page.locator(".legend .mark").evaluate_all(
            "marks => marks.map(mark => getComputedStyle(mark).fill)"
        )
    assert fills == [rgb(colour) for colour, _ in styles_apart(names).values()]
    assert len(set(fills)) == 3


def test_a_chart_is_saved_with_title_and_legend(browser: Any, sweep: Path, tmp_path: Path) -> None:
    with served([sweep]) as server, page_of(browser, server.address) as page:
        points(page)
        for kind in ("SVG", "PNG"):
            with page.expect_download() as saved:
                page.click(f"text=Save as {kind}")
            saved.value.save_as(tmp_path / saved.value.suggested_filename)
    drawn = ElementTree.parse(tmp_path / "sweep-mean-JCT-in-hours.svg")
    said = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    for words in ("sweep: mean JCT in hours", "gandiva", "mean JCT in hours", "jobs"):
        assert words in said
    colour, _ = styles_apart(["gandiva"])["gandiva"]
    assert {rgb(colour)} <= {one.get("stroke") for one in drawn.iter()}
    assert not any("var(" in value for one in drawn.iter() for value in one.attrib.values())
    content = (tmp_path / "sweep-mean-JCT-in-hours.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(content) > 5_000


def test_names_in_a_legend_have_the_dashes_of_their_lines(browser: Any, runs: Path) -> None:
    with served([runs / "gavel", runs / "las"]) as server, page_of(browser, server.address) as page:
        page.click("#tab-Jobs")
        page.wait_for_selector(".three .u-legend svg.u-marker")
        marks = page.locator(".three .u-legend >> nth=0").locator("svg.u-marker path")
        dashes = [mark.get_attribute("stroke-dasharray") for mark in marks.all()]
        assert dashes == ["none", "7 4"]
        hues = marks.evaluate_all("marks => marks.map(mark => getComputedStyle(mark).stroke)")
        assert hues == [rgb("#0072b2"), rgb("#d55e00")]


def test_curves_whose_names_have_commas_stay_apart(tmp_path: Path) -> None:
    folder = tmp_path / "figure9"
    words = ["--policy", "gandiva", "--at", "4", "--seed", "0", "--window", "2:4"]
    assert main(["figure", "9", *words, "--processes", "1", "--output", str(folder)]) == 0
    point = folder / "points/gandiva,rate=4,seed=0.json"
    for name in ("Gavel, ours", "Gavel, theirs"):
        shutil.copy(point, folder / f"points/{name},rate=4,seed=0.json")
    (study,) = find_studies(folder)
    curves = {entry["curve"] for entry in study.entries}
    assert curves == {"gandiva", "Gavel, ours", "Gavel, theirs"}
