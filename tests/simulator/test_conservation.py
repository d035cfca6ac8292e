"""Nothing is gained or lost: what a run's folder says, recomputed from who ran where (``recomputed.py``)."""

from __future__ import annotations

import json
import os
import random

import numpy as np
import pytest
from recomputed import Folder

import simulator
from gavel_opt import InputError
from gavel_opt.policies import POLICIES, make_policy
from simulator.runs.runner import execute
from simulator.settings.options import make_config
from simulator.world.job_types import JOB_TYPES
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
    if draw.random() < 0.5:
        given["jobs"] = 12
    else:
        given |= {"interarrival": draw.choice([3600.0, 40_000.0]), "window": (2, 12)}
        # Some clusters are too small for what comes: then jobs of the window may never be done.
        given |= {"saturation": "off", "max_simulated_hours": 150.0}
    return given


@pytest.mark.parametrize(
    "policy",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in sorted(POLICIES)
    ],
)
def test_files_follow_from_the_placements(policy, twelve_types, tmp_path):
    """``GAVEL_CONSERVATION`` sets how many settings a policy."""
    draw = random.Random(policy)
    for number in range(EACH):
        settings = random_settings(policy, draw, twelve_types)
        folder = tmp_path / str(number)
        try:
            simulator.run(policy=policy, **settings, output=folder, record="placements")
        except InputError as wrong:
            assert "no worker type" in str(wrong)  # noqa: PT017  # only some settings are refused
            continue
        Folder(folder).check()


def test_a_job_that_was_dropped_is_not_done(tmp_path):
    """Eight workers and three steps: some have none to do, in each of five attempts."""
    name = "ResNet-18 (batch size 16)"
    lines = [f"{name}\t-\t-\t-\t0\t{steps}\t1.0\t-1\t0.0\n" for steps in ("3\t8", "90000\t1")]
    (tmp_path / "two.trace").write_text("".join(lines))
    words = {"policy": "isolated", "cluster": "8:8:8", "trace": tmp_path / "two.trace"}
    simulator.run(**words, output=tmp_path / "out", record="placements")
    run = Folder(tmp_path / "out")
    run.check()
    assert run.dropped == {0}
    assert [row["completed"] for row in run.rounds][-2:] == [0, 1]


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
