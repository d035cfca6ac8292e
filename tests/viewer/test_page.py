"""The page in a real browser: every tab, charts, playback, jobs, comparison, results, and the one-file export."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.cli import main
from simulator.studies.batches import stores
from simulator.studies.pictures.styles import styles
from simulator.viewer.explanation import Explainer
from simulator.viewer.run_folder import read_run
from simulator.viewer.segments import Segments, read_segments
from simulator.viewer.study_folder import find_studies
from simulator.viewer.waits import REASONS, WAITED, waits
from tests.viewer.browser import PHONE, go, needs_browser, page_of, rgb, served
from tests.viewer.conftest import record

needs_browser()

AXE = Path(__file__).parent / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
READY = {
    "Metrics": ".uplot canvas",
    "Cluster": ".grid canvas",
    "Jobs": ".jobtable .row:not(.head)",
    "Engines": ".bar",
    "Compare": ".scatter canvas",
}


@pytest.fixture(scope="module")
def two(browser: Any, runs: Path) -> Iterator[Any]:
    """A page with two runs open."""
    with served([runs / "gavel", runs / "las"]) as server, page_of(browser, server.address) as page:
        yield page


def test_every_tab_draws(two: Any) -> None:
    for tab, ready in READY.items():
        go(two, tab, ready)


def test_any_metric_over_any_other(two: Any) -> None:
    go(two, "Metrics", READY["Metrics"])
    two.select_option(".choose select", "active")
    two.wait_for_selector(".scatter canvas")
    two.check("[data-metric=queued]")
    assert "jobs waiting" in two.inner_text(".charts")
    two.select_option(".choose select", "hours")
    two.wait_for_selector(".uplot canvas")
    for metric in ("slots_8", "leases", "moving_jct", "rounds/queued_scale_8", "utilization_v100"):
        two.check(f"[data-metric='{metric}']")
    two.locator(".uplot").nth(4).wait_for()  # charts are drawn anew in the next frame


def test_a_time_in_which_nobody_is_there_is_no_slope(browser: Any, tmp_path: Path) -> None:
    trace = tmp_path / "gap.trace"
    row = "A3C\t-\t-\t-\t0\t9000\t1\t1.0\t-1\t{}\n"
    trace.write_text(row.format(0) + row.format(400_000))
    folder = record(tmp_path / "gap", policy="isolated", trace=str(trace), multi_gpu=False)
    with served([folder]) as server, page_of(browser, server.address) as page:
        go(page, "Metrics", READY["Metrics"])
        # heights, from the top, at which the middle of the first chart is blue: of jobs in the system
        blue = page.evaluate(
            "() => { const one = document.querySelector('.charts .uplot canvas');"
            " const data = one.getContext('2d').getImageData(one.width / 2, 0, 1, one.height).data;"
            " const rows = [...Array(one.height).keys()];"
            " return rows.filter(y => data[4 * y] < 90 && data[4 * y + 2] > 130).map(y => y / one.height); }"
        )
        assert blue
        assert min(blue) > 0.6  # nobody, and not half a job


def test_values_under_the_pointer_are_exact_and_zooming_is_shared(two: Any, runs: Path) -> None:
    go(two, "Metrics", READY["Metrics"])
    two.select_option(".choose select", "round")
    two.wait_for_selector(".uplot .u-over")
    chart = two.locator(".uplot .u-over").first
    wide = chart.bounding_box()["width"]
    chart.hover(position={"x": wide / 2, "y": 90})
    values = two.locator(".u-legend").first.locator(".u-value")
    number = int(values.nth(0).inner_text().replace(",", ""))
    active = read_run(runs / "gavel").tables["rounds"]["active"]
    assert values.nth(1).inner_text() == f"{active[number]:,}"
    before = two.locator(".u-legend").nth(1).inner_text()
    two.locator(".chart").first.focus()
    for _ in range(4):
        two.keyboard.press("+")
    chart.hover(position={"x": wide / 4, "y": 90})
    assert two.locator(".u-legend").nth(1).inner_text() != before
    two.keyboard.press("0")
    two.select_option(".choose select", "hours")


def test_the_cluster_plays_and_steps_by_keyboard(two: Any) -> None:
    go(two, "Cluster", READY["Cluster"])
    two.wait_for_function("() => document.querySelector('.when').textContent.startsWith('round')")
    two.focus(".cluster")
    two.keyboard.press("Home")
    assert two.inner_text(".when").startswith("round 0 ")
    two.keyboard.press("ArrowRight")
    assert two.inner_text(".when").startswith("round 1 ")
    two.keyboard.press("Shift+ArrowRight")
    assert two.inner_text(".when").startswith("round 11 ")
    two.keyboard.press(" ")
    two.wait_for_function("() => Number(document.querySelector('.playback input').value) > 14")
    two.keyboard.press(" ")
    stopped = two.inner_text(".when")
    two.wait_for_timeout(150)
    assert two.inner_text(".when") == stopped
    two.keyboard.press("End")
    said = two.inner_text(".when")
    assert said.split(" ")[1] == f"{int(said.split(' ')[3].replace(',', '')) - 1:,}"
    assert two.locator(".grid canvas").count() == 2


def test_a_gpu_tells_its_job(two: Any, runs: Path) -> None:
    go(two, "Cluster", READY["Cluster"])
    run = read_run(runs / "gavel")
    number = int(np.argmax(run.tables["rounds"]["utilization"]))
    two.evaluate(
        "round => { const one = document.querySelector('.playback input');"
        " one.value = round; one.dispatchEvent(new Event('input')); }",
        number,
    )
    two.locator(".grid canvas").first.click(position={"x": 10, "y": 30})
    said = two.locator(".about").first.inner_text()
    assert said.startswith("GPU 0 (k80)")
    if "job" in said:
        two.locator(".about button").first.click()
        two.wait_for_selector(".life .why", state="attached")


def test_jobs_are_sorted_filtered_and_explained(two: Any, runs: Path) -> None:
    go(two, "Jobs", READY["Jobs"])
    jobs = read_run(runs / "gavel").tables["jobs"]
    two.click("[role=columnheader]:has-text('JCT') button")
    two.click("[role=columnheader]:has-text('JCT') button")
    first = two.locator(".jobtable .rows .row").first.inner_text().split("\n")[0]
    assert int(first.replace(",", "")) == int(np.nanargmax(jobs["jct"]))
    two.fill("input[type=search]", "LM")
    count = sum("LM" in name for name in jobs["type"].tolist())
    assert f"{count} of {jobs['job'].size} jobs" in two.inner_text("#content")
    two.fill("input[type=search]", "15")
    two.focus(".jobtable .body")
    two.keyboard.press("Enter")
    two.wait_for_selector(".life form")
    two.fill(".life input[name=round]", "60")
    two.click(".life button[type=submit]")
    two.wait_for_selector(".why .answer", timeout=30_000)
    assert main(["explain", str(runs / "gavel"), "--job", "15", "--round", "60"]) == 0
    assert two.inner_text(".why .answer").startswith("Job 15 ")


def test_a_run_is_simulated_again_for_what_was_not_recorded(
    browser: Any, runs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(runs / "gavel", folder)
    (folder / "placements.parquet").unlink()
    with served([folder]) as server, page_of(browser, server.address) as page:
        page.click("#tab-Cluster")
        page.click(".again button")
        page.wait_for_selector(READY["Cluster"], timeout=30_000)
        go(page, "Jobs", READY["Jobs"])
        page.click(".jobtable .row:not(.head) >> nth=12")
        page.wait_for_selector(".life .chart canvas")
        assert "the line in it the job's share" in page.inner_text(".life")
        wide = page.locator(".life .chart canvas").bounding_box()["width"]
        page.locator(".life .chart canvas").hover(position={"x": wide / 2, "y": 20})
        assert "; share " in page.inner_text(".life .chart .under")


def test_certificates_and_fallbacks_are_drawn_over_time(two: Any) -> None:
    go(two, "Engines", READY["Engines"])
    for name in ("primal residual", "dual residual", "relative gap", "fallbacks", "seconds"):
        assert two.locator(f"h3:has-text('{name} by allocation')").count() == 2
    assert two.locator(".uplot").count() == 10


def test_where_no_program_was_solved_there_is_no_engine(browser: Any, tmp_path: Path) -> None:
    folder = record(tmp_path / "queue", policy="fifo_perf", jobs=4, fixed_duration=3600.0)
    with served([folder]) as server, page_of(browser, server.address) as page:
        go(page, "Engines", READY["Engines"])
        said = page.inner_text("#content")
        assert said.startswith("no program was solved")
        assert "structured" not in said
        assert "residual" not in said
        assert page.locator(".uplot").count() == 1  # seconds of the policy


def test_two_runs_are_compared(two: Any, runs: Path) -> None:
    go(two, "Compare", READY["Compare"])
    said = two.inner_text("#content")
    one, other = (read_run(runs / name).tables["jobs"] for name in ("gavel", "las"))
    measured = one["measured"][:30]
    later = (other["jct"][:30] - one["jct"][:30])[measured]
    assert f"{np.nansum(later < 0):.0f}\n" in said
    sides = [read_segments(read_run(runs / name).tables["placements"]) for name in ("gavel", "las")]
    parted = next(
        number for number in range(10_000) if _there(sides[0], number) != _there(sides[1], number)
    )
    assert f"round {parted}\n" in said
    assert "95% interval" in said


def test_runs_of_other_windows_have_nothing_to_compare(browser: Any, tmp_path: Path) -> None:
    continuous = {"policy": "fifo", "rate": 4.0, "seed": 1, "fixed_duration": 3600.0}
    early = record(tmp_path / "early", window=(0, 4), **continuous)
    late = record(tmp_path / "late", window=(20, 24), **continuous)
    with served([late, early]) as server, page_of(browser, server.address) as page:
        go(page, "Compare", "#content .note")
        said = page.inner_text("#content")
        assert "no measured job of late is done in early" in said
        assert "They part in round" in said
        assert page.locator("#content canvas").count() == 0


def test_a_tab_opened_while_runs_are_read_is_drawn_once(runs: Path, browser: Any) -> None:
    """Who was first there must not draw the tab again, from runs read a second time."""
    with served([runs / "gavel", runs / "las"]) as server:
        page = browser.new_page()
        asked: list[str] = []
        held: list[Any] = []
        page.route("**/overview*", lambda route: held.append(route))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(server.address)
        page.click("#tab-Compare")
        page.wait_for_function("document.getElementById('tab-Compare').ariaSelected === 'true'")
        page.evaluate(
            "window.drawn = 0;"
            "new MutationObserver((all) => { for (const one of all) window.drawn += one.addedNodes.length; })"
            ".observe(document.getElementById('content'), {childList: true});"
        )
        for route in held:
            route.continue_()
        page.wait_for_selector(READY["Compare"])
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.drawn") == 1
        assert len([url for url in asked if "/overview" in url]) == 2
        page.close()


def _there(segments: Segments, number: int) -> set[tuple[int, int, int]]:
    here = (segments.first <= number) & (number <= segments.last)
    columns = (segments.worker[here], segments.job[here], segments.partner[here])
    return set(zip(*(column.tolist() for column in columns), strict=True))


def serious(page: Any) -> list[Any]:
    """What axe finds on a page that keeps somebody from using it."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        (one["id"], [node["target"] for node in one["nodes"]][:4], one["help"])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (npm ci)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(two: Any, scheme: str) -> None:
    two.emulate_media(color_scheme=scheme)
    for tab, ready in READY.items():
        go(two, tab, ready)
        assert serious(two) == [], tab
    two.emulate_media(color_scheme="light")


def test_a_phone_needs_no_sideways_scrolling(two: Any) -> None:
    two.set_viewport_size(PHONE)
    for tab, ready in READY.items():
        go(two, tab, ready)
        two.wait_for_timeout(80)
        assert two.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], tab
    two.set_viewport_size({"width": 1360, "height": 900})


def test_the_export_works_from_disk_without_a_network(
    browser: Any, runs: Path, tmp_path: Path
) -> None:
    file = tmp_path / "runs.html"
    assert main(["view", str(runs / "gavel"), str(runs / "las"), "--export", str(file)]) == 0
    browser.set_offline(True)
    try:
        with page_of(browser, file.as_uri()) as page:
            for tab, ready in READY.items():
                go(page, tab, ready)
            go(page, "Jobs", READY["Jobs"])
            page.click(".jobtable .row:not(.head) >> nth=2")
            page.click(".life button[type=submit]")
            page.wait_for_selector(".why pre")
            assert "gavel-sim explain" in page.inner_text(".why pre")
    finally:
        browser.set_offline(False)


def test_the_export_knows_why_a_job_waited(browser: Any, runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "packed.html"
    assert main(["view", str(runs / "packed"), "--export", str(file)]) == 0
    run = read_run(runs / "packed")
    found = waits(run)
    seen = {int(reason): place for place, reason in enumerate(found["reason"].tolist())}
    assert {REASONS[reason] for reason in seen} == {"outranked", "did not fit"}
    explainer = Explainer(run.config, run.tables["rounds"])
    with page_of(browser, file.as_uri()) as page:
        go(page, "Jobs", READY["Jobs"])
        for place in seen.values():
            job, number = int(found["job"][place]), int(found["last"][place])
            said = explainer.explain(job, number)
            page.goto(f"{file.as_uri()}#tab=Jobs&runs=r0&job={job}")
            page.reload()
            page.wait_for_selector(".life form")
            page.fill(".life input[name=round]", str(number))
            page.click(".life button[type=submit]")
            page.wait_for_selector(".why .answer")
            answer = page.inner_text(".why .answer")
            assert answer.startswith(f"Job {job} did not run in round {number} (")
            assert answer.endswith(f": {WAITED[said.reason]}.")
            assert "free at the end; had by jobs" in page.inner_text(".why ul")


def test_reasons_of_all_jobs_are_those_of_the_explanations(runs: Path) -> None:
    for name in ("gavel", "packed"):
        run = read_run(runs / name)
        found = waits(run)
        explainer = Explainer(run.config, run.tables["rounds"])
        jobs, time = run.tables["jobs"], run.tables["rounds"]["time"]
        for number in range(0, time.size, 17):
            there = (jobs["arrival"] <= time[number]) & ~(jobs["finish"] <= time[number])
            here = (found["first"] <= number) & (number <= found["last"])
            waited = dict(
                zip(found["job"][here].tolist(), found["reason"][here].tolist(), strict=True)
            )
            for job in np.flatnonzero(there).tolist():
                said = explainer.explain(job, number).reason
                assert said == (REASONS[waited[job]] if job in waited else "ran")


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "'\"`;alert(3)//",
    "\u0000\u001b[31mred\u202e",
    "x" * 5000,
    "--><svg onload=alert(4)>",
]


def test_a_hostile_run_folder_runs_no_script(browser: Any, runs: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    folder = tmp_path / "<b onmouseover=alert(5)>'\"&amp;"
    shutil.copytree(runs / "gavel", folder)
    summary = json.loads((folder / "summary.json").read_text())
    summary["policy"] = HOSTILE[0]
    summary["engine"] = HOSTILE[1]
    summary["status"] = HOSTILE[2]
    summary["versions"]["engine"] = HOSTILE[5]
    summary["config"]["cluster"] = {HOSTILE[0]: 8, "p100": 8, HOSTILE[4]: 8}
    # Control characters in a summary are refused; in a table they are shown.
    summary["solve"]["refusals"] = {name: 1 for name in HOSTILE if name.isprintable()}
    summary["saturation"] = {
        "verdict": HOSTILE[5],
        "reason": HOSTILE[1],
        "figures": {HOSTILE[0]: 1},
    }
    summary["time"][HOSTILE[0]] = 1.0
    (folder / "summary.json").write_text(json.dumps(summary))
    table = parquet.read_table(folder / "jobs.parquet")
    names = [HOSTILE[number % len(HOSTILE)] for number in range(table.num_rows)]
    place = table.column_names.index("type")
    table = table.set_column(place, "type", [names])
    parquet.write_table(table, folder / "jobs.parquet")
    file = tmp_path / "hostile.html"
    assert main(["view", str(folder), str(runs / "las"), "--export", str(file)]) == 0
    with served([folder, runs / "las"]) as server:
        for address in (server.address, file.as_uri()):
            with page_of(browser, address) as page:
                for tab in ("Metrics", "Cluster", "Jobs", "Engines"):
                    go(page, tab, READY[tab])
                page.click(f"#tab-{'Jobs'}")
                page.click(".jobtable .row:not(.head) >> nth=0")
                page.wait_for_selector(".life form")
                assert page.locator("img, b, svg:not(.u-marker), script[src^=x]").count() == 0
                assert "<img src=x" in page.inner_text("#content")


def test_a_sweep_opens_the_run_behind_a_point(browser: Any, runs: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    for name in ("gavel", "las"):
        shutil.copytree(runs / name, sweep / f"{name},seed=1")
    with served([sweep]) as server, page_of(browser, server.address) as page:
        page.wait_for_selector(".study .point")
        assert page.locator(".study .point").count() == 2
        assert not AXE.exists() or serious(page) == []
        page.locator(".study .point").first.press("Enter")
        page.click(".behind button.action")
        page.wait_for_selector(READY["Metrics"])
        assert "gavel,seed=1" in page.inner_text("#content")
        page.click("#tab-Results")
        page.wait_for_selector(".study .point")
        page.locator(".study .point").nth(1).press("Enter")
        page.click(".behind .pairbuttons button:not(.action)")
        page.wait_for_selector(READY["Compare"])


def test_a_figure_simulates_the_run_behind_a_point(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "figure9"
    words = ["--policy", "gandiva", "max_min_fairness_perf", "--at", "4", "--seed", "0"]
    words += ["--window", "5:10", "--processes", "1", "--output", str(folder)]
    assert main(["figure", "9", *words]) == 0
    kept = json.loads((folder / "points/max_min_fairness_perf,rate=4,seed=0.json").read_text())
    with served([folder]) as server, page_of(browser, server.address) as page:
        page.wait_for_selector(".study .point")
        assert page.locator(".study .point").count() == 2
        page.locator(".study .point[aria-label^='Gavel (max_min_fairness_perf),']").press("Enter")
        page.click(".behind button.action")
        page.wait_for_selector(READY["Metrics"], timeout=60_000)
        said = page.inner_text(".summary").replace("\u202f", " ")
        assert "max_min_fairness_perf,rate=4,seed=0" in said
        assert f"{kept['result']['average_jct'] / 3600:.2f} h" in said
        go(page, "Cluster", READY["Cluster"])
        page.click("#tab-Results")
        page.locator(".study .point[aria-label^='Gandiva (gandiva),']").press("Enter")
        page.click(".behind .pairbuttons button:not(.action)")
        page.wait_for_selector(READY["Compare"], timeout=60_000)


def test_the_legend_shows_marks_and_colours_as_pictures_have_them(
    browser: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "figure9"
    names = ("max_min_fairness_perf", "gandiva", "max_min_fairness")
    words = ["--policy", *names, "--at", "4", "--seed", "0", "--window", "5:10"]
    assert main(["figure", "9", *words, "--processes", "1", "--output", str(folder)]) == 0
    file = folder / "points/max_min_fairness,rate=4,seed=0.json"
    kept = json.loads(file.read_text())
    kept["result"] |= {"status": "saturated", "partial": True, "average_jct": None}
    del kept["checksum"]
    file.write_text(json.dumps(kept | {"checksum": stores._checksum(kept)}))
    with served([folder]) as server, page_of(browser, server.address) as page:
        page.wait_for_selector(".study .point")
        entries = page.locator(".legend > span")
        assert [one.split(" (")[0] for one in entries.all_inner_texts()] == [
            *("LAS", "Gandiva", "Gavel"),
            "no value: saturated",
        ]
        for place, (name, corners) in enumerate(
            (("max_min_fairness", 4), ("gandiva", 4), ("max_min_fairness_perf", 24))
        ):
            colour, _ = styles([name])[name]
            drawn = entries.nth(place).locator(".mark")
            assert drawn.evaluate("one => getComputedStyle(one).fill") == rgb(colour)
            assert drawn.get_attribute("d").count("L") == corners - 1
            if name != "max_min_fairness":
                there = page.locator(f".study .point[aria-label*='({name})'] .mark")
                assert there.evaluate("one => getComputedStyle(one).fill") == rgb(colour)
                assert there.get_attribute("d").count("L") == corners - 1
        assert page.locator(".study .point[aria-label*='saturated'] .mark").count() == 1


def test_the_paper_stands_beside_its_own_window_only(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    words = ["--policy", "gandiva", "--at", "4", "--seed", "0", "--window", "5:10"]
    assert main(["figure", "9", *words, "--processes", "1", "--output", str(folder)]) == 0
    (study,) = find_studies(folder)
    assert study.title.startswith("Figure 9: ")
    assert study.published == {}
    for file in folder.glob("figure-9.*"):
        file.unlink()  # as without matplotlib
    (study,) = find_studies(folder)
    assert study.title.startswith("Figure 9: ")
    file = folder / "points/gandiva,rate=4,seed=0.json"
    kept = json.loads(file.read_text())
    kept["payload"]["config"]["window"] = [4000, 5000]
    file.write_text(json.dumps(kept))
    (study,) = find_studies(folder)
    assert set(study.published) >= {"gandiva"}


def test_runs_that_differ_in_any_setting_are_not_averaged(runs: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    for name, given in (("a", 7200.0), ("b", 3600.0), ("c", None)):
        shutil.copytree(runs / "gavel", sweep / name)
        summary = json.loads((sweep / name / "summary.json").read_text())
        summary["config"]["fixed_duration"] = given
        (sweep / name / "summary.json").write_text(json.dumps(summary))
        summary["config"]["max_simulated_hours"] = 1e4  # at another rate, which tells them apart
    shutil.copytree(sweep / "a", sweep / "d")
    summary["config"] |= {"interarrival": 7.0, "max_simulated_hours": 2e4}
    (sweep / "d" / "summary.json").write_text(json.dumps(summary))
    (study,) = find_studies(sweep)
    assert study.to_json()["varied"] == ["fixed_duration"]
    assert [one["fixed_duration"] for one in study.entries] == ["7200.0", "3600.0", "none", "none"]


def test_a_folder_of_everything_shows_all_of_it(runs: Path, tmp_path: Path) -> None:
    words = ["--policy", "gandiva", "--cluster", "2:2:2", "--jobs", "2", "--processes", "1"]
    assert main(["sweep", *words, "--output", str(tmp_path / "sweep")]) == 0
    words += ["--seed", "0", "--against", "v100+1"]
    assert main(["what-if", *words, "--output", str(tmp_path / "more")]) == 0
    shutil.copytree(runs / "gavel", tmp_path / "gavel")
    found = find_studies(tmp_path)
    assert [(one.kind, one.title, len(one.entries)) for one in found] == [
        ("figure", "more: what if", 2),
        ("sweep", "sweep", 1),
        ("sweep", tmp_path.name, 1),
    ]


def test_lines_of_one_policy_do_not_look_alike(browser: Any, runs: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    for engine in ("structured", "highs", "ecos"):
        shutil.copytree(runs / "gavel", sweep / engine)
        summary = json.loads((sweep / engine / "summary.json").read_text())
        (sweep / engine / "summary.json").write_text(json.dumps(summary | {"engine": engine}))
    with served([sweep]) as server, page_of(browser, server.address) as page:
        page.wait_for_selector(".study .point")
        drawn = page.locator(".legend .mark")
        looks = [(one.get_attribute("d"), one.get_attribute("style")) for one in drawn.all()]
        assert len(set(looks)) == 3


@pytest.mark.parametrize("missing", [0, 1])
def test_a_partial_mean_is_no_mean(browser: Any, runs: Path, tmp_path: Path, missing: int) -> None:
    folder = tmp_path / "partial"
    shutil.copytree(runs / "gavel", folder)
    summary = json.loads((folder / "summary.json").read_text())
    summary |= {"status": "horizon", "partial": True, "average_jct_partial": 7200.0}
    summary["average_jct"] = None
    summary["jobs"]["missing"] = missing  # else some were dropped, which may be short ones
    (folder / "summary.json").write_text(json.dumps(summary))
    with served([folder]) as server, page_of(browser, server.address) as page:
        page.wait_for_selector(READY["Metrics"])
        said = page.inner_text(".figure >> nth=0").replace("\u202f", " ").split("\n")
        assert said[:2] == ["mean JCT", "none"]
        assert "over which it is 2.00 h" in said[2]
        assert ("too low" in said[2]) == (missing > 0)


def test_shares_of_completion_times_are_of_all_measured_jobs(two: Any) -> None:
    found = two.evaluate(
        "hours => import('./distribution.js').then(d => d.cumulative(Float64Array.from(hours), 8))",
        [1.0, 2.0],
    )
    assert found["y"] == [0, 1 / 8, 2 / 8]


def test_stretches_that_touch_leave_no_waiting_between_them(two: Any) -> None:
    found = two.evaluate(
        "parts => import('./job_life.js').then(life => life.gaps(parts, 1, 10))",
        [[4, 6], [2, 4], [2, 4], [8, 9]],
    )
    assert found == [[1, 2], [6, 8], [9, 10]]


def test_folders_say_what_they_are(browser: Any, runs: Path, tmp_path: Path) -> None:
    empty, damaged, stopped = (tmp_path / name for name in ("empty", "damaged", "stopped"))
    empty.mkdir()
    shutil.copytree(runs / "gavel", damaged)
    (damaged / "rounds.parquet").write_bytes(b"PAR1 not a table")
    shutil.copytree(runs / "gavel", stopped)
    (stopped / "summary.json").unlink()
    with (
        served([runs / "gavel", empty, damaged, stopped]) as server,
        page_of(browser, server.address) as page,
    ):
        page.wait_for_selector(READY["Metrics"])
        said = page.inner_text("#content")
        assert "empty: the folder is empty" in said
        assert "damaged: damaged: rounds.parquet: cannot read it" in said
        assert "stopped: never finished" in said


def test_an_empty_folder_becomes_a_sweep_that_is_followed(
    browser: Any, runs: Path, tmp_path: Path
) -> None:
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    with served([sweep], follow=True) as server, page_of(browser, server.address) as page:
        assert "the folder is empty" in page.inner_text("#content")
        shutil.copytree(runs / "gavel", sweep / "gavel,seed=1")
        page.wait_for_selector("#tab-Results", timeout=10_000)
        page.click("#tab-Results")
        page.wait_for_selector(".study .point")
        assert page.locator(".study .point").count() == 1
        shutil.copytree(runs / "las", sweep / "las,seed=1")
        page.wait_for_function("() => document.querySelectorAll('.study .point').length === 2")
