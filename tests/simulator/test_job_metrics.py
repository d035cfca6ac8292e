"""Columns that papers need: isolation, starts, preemptions, time by type, shares, the trace."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from pyarrow import parquet

import simulator
from simulator.cli import main
from simulator.runs.columns import ABOUT, about
from simulator.runs.output.job_metrics import isolation, missed_deadlines, presence
from simulator.world.prices import load_prices

RUN = ("run", "--policy", "max_min_fairness_packed", "--cluster", "3:2:4", "--jobs", "14")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    record = ("--record", "placements,allocations", "--record", "trace")
    assert main([*RUN, *record, "--output", str(folder)]) == 0
    return folder


def columns(folder, name):
    table = parquet.read_table(folder / f"{name}.parquet")
    return {column: table[column].to_numpy(zero_copy_only=False) for column in table.column_names}


def test_alone_on_an_equal_share_everybody_has_a_ratio_of_one():
    """Exact fractions of the isolated shares: what the ratio compares with is what happens."""
    result = simulator.run(
        policy="isolated", cluster="2:3:4", rate=0.2, window=(0, 12), ideal=True, timeout=20
    )
    ratio = result.jobs["finish_time_fairness"][result.jobs["measured"]]
    # shares are computed anew some time after a job has come or left, not at once
    assert np.isclose(ratio, 1.0, rtol=1e-9).sum() >= 9
    np.testing.assert_allclose(ratio, 1.0, rtol=0.1)
    worst = result.summary["finish_time_fairness_percentiles"]["max"]
    assert worst == pytest.approx(ratio.max())


def test_isolation_by_hand():
    """Job 0 alone for 10 s, then two jobs for 20 s, on 1 + 1 workers of speeds 2 and 4."""
    jobs = {
        "arrival": np.array([0.0, 10.0, 30.0]),
        "finish": np.array([30.0, np.nan, np.nan]),
        "steps": np.array([60.0, 1.0, 1.0]),
        "scale_factor": np.array([1, 2, 1]),
    }
    found = isolation(jobs, np.array([[2.0, 4.0]] * 3), np.array([1, 1]))
    # alone the mix gives 3 steps/s (at most a whole worker's time), two jobs get a worker each
    assert found["finish_time_fairness"][0] == pytest.approx(30 * 3 / 60)
    assert found["isolated_time"][0] == pytest.approx(20.0)
    assert math.isnan(found["isolated_time"][1])
    jobs["scale_factor"] = np.array([2, 2, 1])
    found = isolation(jobs, np.array([[2.0, 4.0]] * 3), np.array([1, 1]))
    # two workers at once: all of the cluster alone, half of it beside another job
    assert found["finish_time_fairness"][0] == pytest.approx((10 * 3 + 20 * 1.5) / 60)


def test_presence_by_hand():
    jobs = {
        "job": np.arange(3),
        "finish": np.array([250.0, np.nan, np.nan]),
        "dropped": np.zeros(3, dtype=bool),
    }
    rounds = {"time": np.array([0.0, 100.0, 200.0, 300.0])}
    rows = [(0, 0, 0, 0, -1), (1, 0, 0, 0, -1), (1, 2, 2, 0, 1)]
    names = ("worker", "first_round", "last_round", "job", "partner")
    placements = dict(zip(names, np.array(rows).T, strict=True))
    found = presence(jobs, rounds, placements, np.array([0, 1]), ["k80", "v100"])
    assert found["first_start"][:2].tolist() == [0.0, 200.0]
    assert math.isnan(found["first_start"][2])
    assert found["preemptions"].tolist() == [1, 1, 0]  # job 1 was left out of the last round
    assert found["time_k80"].tolist() == [100.0, 0.0, 0.0]
    assert found["time_v100"].tolist() == [150.0, 100.0, 0.0]


def test_worker_time_is_what_was_paid_for(tmp_path):
    words = ("run", "--policy", "max_min_fairness_perf", "--cluster", "8:4:4", "--jobs", "14")
    output = ("--record", "placements", "--output", str(tmp_path))
    assert main([*words, "--multi-gpu", "--round", "60", *output]) == 0
    jobs = columns(tmp_path, "jobs")
    assert (jobs["first_start"] >= jobs["arrival"]).all()
    assert (jobs["finish"] > jobs["first_start"]).all()
    prices = load_prices(None, ("k80", "p100", "v100"))
    paid = sum(
        jobs[f"time_{name}"] / 3600 * price
        for name, price in zip(("k80", "p100", "v100"), prices, strict=True)
    )
    np.testing.assert_allclose(paid, jobs["cost"], rtol=0.02)


def test_shares_over_time(folder):
    found = columns(folder, "allocations")
    summary = json.loads((folder / "summary.json").read_text())
    assert found["allocation"].max() + 1 <= summary["allocations"]
    assert ((found["share"] > 0) & (found["share"] <= 1 + 1e-9)).all()
    assert (found["partner"] >= 0).any()
    first = found["allocation"] == 0
    assert set(found["job"][first].tolist()) | set(found["partner"][first].tolist()) >= set(
        range(14)
    )
    assert (np.diff(found["time"]) >= 0).all()


def test_every_column_has_its_unit(folder):
    for name in ("jobs", "rounds", "placements", "allocations"):
        schema = parquet.read_schema(folder / f"{name}.parquet")
        for field in schema:
            unit, text = about(name, field.name) or ("", "")
            assert text, f"{name}.{field.name} is not explained"
            assert field.metadata == {b"unit": unit.encode(), b"description": text.encode()}
        stars = {column.rstrip("*") for column in ABOUT[name] if column.endswith("*")}
        plain = {column for column in ABOUT[name] if not column.endswith("*")}
        there = {column for column in schema.names if not column.startswith(tuple(stars))}
        assert there | {"utilization"} >= plain


def test_a_recorded_trace_gives_the_same_run(folder, tmp_path, capsys):
    words = [*RUN[:-2], "--trace", str(folder / "workload.trace"), "--output", str(tmp_path / "b")]
    assert main(words) == 0
    assert main(["compare", str(folder), str(tmp_path / "b"), "--json"]) == 0
    with pytest.raises(simulator.InputError, match="cannot read exampl"):
        simulator.run(policy="fifo", trace="exampl")


def test_the_trace_that_ships_is_found_by_name():
    result = simulator.run(policy="isolated", cluster="8:16:24", trace="example")
    assert str(result.config.trace) == "example"  # wherever it is taken up again
    assert "--trace example" in result.summary["command"]
    assert result.jobs["job"].size == 60


def test_the_summary_is_short(folder):
    lines = (folder / "summary.json").read_text().splitlines()
    assert len(lines) < 130
    assert lines[-2].startswith('  "jct": {"0": ')


def test_the_distribution_of_the_ratio_can_be_drawn():
    pytest.importorskip("matplotlib")
    result = simulator.run(policy="fifo", cluster="3:2:4", jobs=9)
    axes = result.plot.finish_time_fairness()
    x, share = axes.lines[0].get_data()
    np.testing.assert_array_equal(x[1:], np.sort(result.jobs["finish_time_fairness"]))
    assert share[-1] == 1.0
    assert result.plot.jct().get_xlabel() == "JCT (hours)"


def test_a_job_that_ends_at_its_deadline_is_on_time():
    """Exact fractions of time end jobs at their deadlines, to within rounding: seeds 0 to 2 gave 3, 4 and 9 late ones."""
    policy = "max_sum_throughput_normalized_by_cost_perf_SLOs"
    result = simulator.run(policy=policy, cluster="8:8:8", jobs=24, seed=0, ideal=True)
    jobs = result.jobs
    assert (jobs["finish"] > jobs["deadline"]).any()
    assert (jobs["finish"] < jobs["deadline"] + 1.0).all()
    assert result.summary["slo_violations"] == 0
    some = {
        "finish": np.array([6.5, 7.5, math.nan, 9.0]),
        "deadline": np.array([6.0, 6, 6, math.nan]),
    }
    assert missed_deadlines(some, 6.9).tolist() == [False, True, False, False]
    assert missed_deadlines(some, 7.1).tolist() == [False, True, True, False]
