"""Runs of the reference, reproduced to the last bit."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from recorded import HERE, REPLAYS, RUNS, config_of, expected, held_to, run_all
from take_golden import expectation

from simulator.runs.runner import execute

SHARED = Path(os.environ.get("GAVEL_RECORDINGS", HERE.parents[2] / "shared"))
WITHOUT_LP = ("isolated", "fifo", "fifo_perf", "fifo_packed", "gandiva", "allox")


def write_trace(path: Path, run: dict) -> Path:
    """Write a run's trace in the older layout of seven columns."""
    lines = [f"{name}\tcmd\t-n\t1\t{steps}\t{at}\t{size}" for name, steps, at, size in run["trace"]]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("name", [n for n in RUNS if "max_min" not in n])
def test_policies_without_a_program(name, tmp_path):
    run = expected()[name]
    trace = write_trace(tmp_path / "jobs.trace", run) if "trace" in run else None
    held_to(run, config_of(run, trace))


@pytest.mark.parametrize("name", [n for n in RUNS if "max_min" not in n and "trace" not in n])
def test_the_mean_is_the_reference_s_to_the_last_digit(name):
    run = expected()[name]
    assert execute(config_of(run)).average_jct == run["average_jct"]


@pytest.mark.parametrize("name", REPLAYS)
def test_replays(name):
    run = expected()[name]
    held_to(run, config_of(run, replay=HERE / "replays" / f"{name}.json.gz"))


@pytest.mark.parametrize(
    ("name", "average"),
    [
        ("static50-max_min_fairness_perf-s0", 57171.41),
        ("static50-max_min_fairness-s0", 73057.50),
    ],
)
@pytest.mark.parametrize("engine", ["cvxpy-rebuild", "ecos"])
def test_the_two_numbers_that_everybody_knows(name, average, engine):
    pytest.importorskip("ecos")
    if engine == "cvxpy-rebuild":
        pytest.importorskip("cvxpy")
    run = expected()[name]
    held_to(run, config_of(run, engine=engine))
    assert np.mean(list(run["jct"].values())) == pytest.approx(average, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "rate", "jct", "utilization"),
    [("max_min_fairness_perf", 4.0, 61460.62, 0.58168), ("max_min_fairness", 4.0, 85482.74, None)],
)
def test_paper_scale(policy, rate, jct, utilization):
    pytest.importorskip("ecos")
    run = {
        "config": {
            "policy": policy,
            "cluster": {"v100": 36, "p100": 36, "k80": 36},
            "gpus_per_server": {},
            "seed": 0,
            "round_s": 360,
            "multi_gpu": False,
            "multi_priority": False,
            "lam": 3600.0 / rate,
            "window": (4000, 5000),
        }
    }
    simulation, _ = run_all(config_of(run, engine="ecos"))
    assert np.mean(simulation.jobs["jct"][4000:5000]) == pytest.approx(jct, abs=0.005)
    if utilization is not None:
        assert simulation.utilization() == pytest.approx(utilization, abs=5e-6)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(SHARED.glob("golden/*.full.json.gz")), ids=lambda p: p.name)
def test_every_recording(path):
    """All recordings at hand: replayed, and run where the policy has no program."""
    recording = json.loads(gzip.decompress(path.read_bytes()))
    run = json.loads(json.dumps(expectation(recording)))
    trace = SHARED / "traces" / run["config"]["trace"] if "trace" in run["config"] else None
    held_to(run, config_of(run, trace, replay=path))
    if run["config"]["policy"] in WITHOUT_LP:
        held_to(run, config_of(run, trace))
