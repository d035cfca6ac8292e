"""Nothing is gained or lost: what the tables and the summary say, recomputed from who ran where.

Times, costs and busy time follow the reference's accounting: what a round is charged begins at the
end of the round before it in which somebody ran, so an idle gap counts into the next one; the
summary's ``utilization_without_gaps`` and ``cost_without_gaps`` begin it with the round.
"""

from __future__ import annotations

import json
import math
import os
import random
from collections import defaultdict

import numpy as np
import pytest

from gavel_opt import InputError
from gavel_opt.policies import POLICIES, make_policy
from simulator.runs.output.summary_text import known
from simulator.runs.runner import execute
from simulator.settings.options import make_config
from simulator.world.cluster import make_cluster
from simulator.world.job_types import JOB_TYPES
from simulator.world.prices import load_prices
from simulator.world.throughputs import load_throughputs

EACH = int(os.environ.get("GAVEL_CONSERVATION", "1"))
"""Random settings a policy."""

QUICK = ("isolated", "gandiva", "fifo_perf", "max_min_fairness_perf", "finish_time_fairness_packed")
"""Policies of the default tests; the others are slow."""


@pytest.fixture(scope="module")
def twelve_types(tmp_path_factory):
    """A table of twelve worker types, each some times as fast as the V100."""
    table, draw = load_throughputs(), random.Random(12)
    column = table.worker_types.index("v100")
    names = [f"('{name}', 1)" for name in JOB_TYPES]
    rows = [table.row(name, 1) for name in JOB_TYPES]
    content = {}
    for worker_type in ("v100", *(f"T{place:02}" for place in range(11))):
        factor = 1.0 if worker_type == "v100" else draw.uniform(0.2, 4.0)
        content[worker_type] = {
            name: {"null": factor * table.alone[row, column]}
            | {
                other: (factor * table.paired[row, beside, :, column]).tolist()
                for other, beside in zip(names, rows, strict=True)
            }
            for name, row in zip(names, rows, strict=True)
        }
    path = tmp_path_factory.mktemp("table") / "twelve.json"
    path.write_text(json.dumps(content))
    rows = [f"{name},{draw.uniform(0.1, 4.0)}" for name in content]
    path.with_suffix(".csv").write_text("\n".join(["worker_type,dollars_per_hour", *rows]))
    return path


def random_settings(policy, draw, twelve_types):
    """Settings of a small run."""
    single = make_policy(policy, 0).traits.single_gpu_only
    kind = draw.choice(["one worker", "one type", "odd servers", "twelve", "three"])
    given = {"seed": draw.randrange(1000), "round_seconds": draw.choice([360, 123, 77, 1001])}
    given["multi_priority"] = draw.random() < 0.5
    given["slos"] = draw.random() < 0.5
    if kind == "one worker":
        given |= {"cluster": "v100=1", "fixed_duration": 1500.0}
    elif kind == "one type":
        given |= {"cluster": "p100=9", "multi_gpu": not single}
    elif kind == "odd servers":
        given |= {"cluster": "v100=9,p100=10,k80=8", "gpus_per_server": "v100=3,p100=5"}
        given["multi_gpu"] = not single
    elif kind == "twelve":
        given |= {"throughputs": twelve_types, "prices": twelve_types.with_suffix(".csv")}
        given["cluster"] = (
            ",".join(f"T{place:02}={1 + place % 3}" for place in range(11)) + ",v100=1"
        )
    else:
        given |= {"cluster": "3:4:8", "multi_gpu": not single}
    if "water_filling" in policy and draw.random() < 0.7:
        given["entities"] = "1:2:1,fairness"
    if policy == "max_min_fairness_strategy_proof":
        given["engine"] = "cvxpy-rebuild"
    if draw.random() < 0.5:
        given["jobs"] = 12
    else:
        given |= {"interarrival": draw.choice([3600.0, 40_000.0]), "window": (2, 12)}
        # Some clusters are too small for what comes: then jobs of the window may never be done.
        given |= {"saturation": "off", "max_simulated_hours": 150.0}
    return given


def recompute(config, result):
    """What follows from the placements alone; asserts what each round must keep to."""
    measurements = load_throughputs(config.throughputs)
    cluster = make_cluster(config.cluster, config.gpus_per_server, measurements.worker_types)
    prices = load_prices(config.prices, cluster.worker_types)
    table = measurements.table(cluster.worker_types)
    type_of = np.repeat(np.arange(len(cluster.workers)), cluster.workers)
    jobs, rounds, placed = result.jobs, result.rounds, result.placements
    scale = jobs["scale_factor"].tolist()
    key = [
        measurements.row(str(name), size) for name, size in zip(jobs["type"], scale, strict=True)
    ]
    left = jobs["steps"].astype(np.float64).tolist()
    finish = [math.nan] * len(left)
    cost = [0.0] * len(left)
    plain_cost = 0.0
    busy, plain = np.zeros(cluster.total), np.zeros(cluster.total)
    by_round = defaultdict(lambda: defaultdict(list))
    names = ("first_round", "last_round", "job", "partner", "worker")
    for first, last, job, partner, worker in zip(*(placed[n].tolist() for n in names), strict=True):
        for number in range(first, last + 1):
            by_round[number][job, partner].append(worker)
    before = 0.0
    ends = [*rounds["time"].tolist()[1:], result.summary["makespan"]]
    for number in sorted(by_round):
        now, entries = float(rounds["time"][number]), by_round[number]
        workers = [worker for own in entries.values() for worker in own]
        assert len(set(workers)) == len(workers), "a worker twice in a round"
        runs = [job for pair in entries for job in pair if job >= 0]
        assert len(set(runs)) == len(runs), "a job twice in a round"
        for j, size in enumerate(cluster.workers.tolist()):
            used = int((type_of[workers] == j).sum())
            name = f"utilization_{cluster.worker_types[j]}"
            if name in rounds:
                assert rounds[name][number] == used / size
        assert rounds["utilization"][number] == len(workers) / cluster.total
        latest = now
        for (job, partner), own in entries.items():
            members = [job] if partner < 0 else [job, partner]
            (kind,) = set(type_of[own].tolist())
            done = []
            end = now
            for place, member in enumerate(members):
                assert len(own) == scale[member], "not the workers that it needs"
                assert jobs["arrival"][member] <= now, "before its arrival"
                assert math.isnan(finish[member]), "after its end"
                speed = table.alone[key[member], kind]
                if partner >= 0:
                    speed = table.paired[key[job], key[partner], place, kind]
                steps = min(math.floor(speed * config.round_seconds), left[member])
                done.append(steps)
                if speed > 0:
                    end = max(end, now + steps / speed)
            latest = max(latest, end)
            spent = end - before
            if spent <= 0 or any(s <= 0 or (len(own) > 1 and s < len(own)) for s in done):
                continue  # an attempt that fails costs nothing
            if number == max(by_round) and end > result.summary["makespan"]:
                continue  # still on its way
            busy[own] += spent
            plain[own] += end - now
            for member, steps in zip(members, done, strict=True):
                cost[member] += prices[kind] * spent / 3600.0 * len(own)
                plain_cost += prices[kind] * (end - now) / 3600.0 * len(own)
                left[member] -= steps
                if left[member] <= 0:
                    finish[member] = end
        before = latest
        assert latest <= ends[number] or number == max(by_round)
    return np.array(finish), np.array(left), np.array(cost), busy, plain, plain_cost


@pytest.mark.parametrize(
    "policy",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in sorted(POLICIES)
    ],
)
def test_tables_and_summary_follow_from_the_placements(policy, twelve_types):
    draw = random.Random(policy)
    for _ in range(EACH):
        settings = random_settings(policy, draw, twelve_types)
        config = make_config(policy=policy, **settings)
        try:
            result = execute(config, record=("placements",))
        except InputError as wrong:
            assert "fits on no worker type" in str(wrong)  # noqa: PT017
            continue
        finish, left, cost, busy, plain, plain_cost = recompute(config, result)
        jobs, summary = result.jobs, result.summary
        np.testing.assert_array_equal(jobs["finish"], finish, err_msg=str(settings))
        np.testing.assert_array_equal(left[~np.isnan(finish)], 0.0)
        assert (left[np.isnan(finish)] > 0).all()
        np.testing.assert_allclose(jobs["cost"], cost, rtol=1e-9, atol=1e-9)
        total, plain_total = (known(summary, name)[0] for name in ("cost", "cost_without_gaps"))
        np.testing.assert_allclose(total, cost.sum(), rtol=1e-9)
        np.testing.assert_allclose(
            summary["utilization"], (busy / summary["makespan"]).mean(), rtol=1e-9
        )
        np.testing.assert_allclose(
            summary["utilization_without_gaps"], (plain / summary["makespan"]).mean(), rtol=1e-9
        )
        if plain_total is None:
            assert make_policy(policy, 0).traits.packing
        else:
            np.testing.assert_allclose(plain_total, plain_cost, rtol=1e-9)
        measured = jobs["measured"]
        if summary["partial"]:
            continue
        np.testing.assert_allclose(
            summary["average_jct"], (finish - jobs["arrival"])[measured].mean(), rtol=1e-12
        )


@pytest.mark.parametrize("policy", ["isolated", "max_min_fairness_perf", "gandiva"])
def test_ideal_runs_keep_to_what_the_workers_can_do(policy):
    config = make_config(policy=policy, cluster="3:4:8", jobs=15, ideal=True, seed=3)
    result = execute(config)
    measurements = load_throughputs()
    table = measurements.table(("k80", "p100", "v100")).alone
    jobs = result.jobs
    fastest = np.array([table[measurements.row(str(name), 1)].max() for name in jobs["type"]])
    assert np.isfinite(jobs["finish"]).all()
    assert (jobs["finish"] - jobs["arrival"] >= jobs["steps"] / fastest * (1 - 1e-9)).all()
    assert 0 < result.summary["utilization"] <= 1 + 1e-9
