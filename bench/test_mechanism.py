"""The simulator's rounds: cost per active job and round, memory, and clusters beyond the paper's."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bench import clusters, memory
from bench.clusters import Spent, Stretch
from simulator.runs.runner import execute

slow = pytest.mark.slow
JOBS = (100, pytest.param(1000, marks=slow), pytest.param(10_000, marks=slow))
JOBS = (*JOBS, pytest.param(100_000, marks=slow))
WORK = 1_000_000
"""Jobs times rounds of one measured stretch, about."""


def _sane(stretch: Stretch) -> None:
    """Nobody runs twice, and what has been done is what workers were busy for."""
    simulation = stretch.simulation
    jobs, cluster = simulation.jobs, simulation.cluster
    assert jobs["busy"].sum() <= cluster.total * simulation.time * (1.0 + 1e-9)
    last = simulation.series
    assert last["utilization"][-1] > 0.2
    assert (last["active"] == last["running"] + last["queued"]).all()
    triples = simulation.mechanism.placements()
    assert len({worker for _, _, worker in triples}) == len(triples) <= cluster.total


@pytest.mark.parametrize("jobs", JOBS)
@pytest.mark.parametrize("kind", ["steady", "live"])
def test_rounds(kind: str, jobs: int, benchmark: Any) -> None:
    stretch = Stretch(getattr(clusters, kind)(jobs))
    stretch.run(12)
    rounds = max(10, WORK // jobs) if benchmark.enabled else 5
    if kind == "live":
        rounds = min(rounds, 60)
    spent: list[Spent] = []
    repeats = 3 if benchmark.enabled else 1
    benchmark.pedantic(lambda: spent.append(stretch.run(rounds)), rounds=repeats)
    _sane(stretch)
    each = sorted(s.mechanism / s.job_rounds for s in spent)
    benchmark.extra_info.update(
        suite="mechanism",
        kind=kind,
        jobs=jobs,
        gpus=stretch.simulation.cluster.total,
        per_job_round=each[len(each) // 2],
        per_round=sum(s.mechanism for s in spent) / sum(s.rounds for s in spent),
    )


@slow
@pytest.mark.parametrize("policy", ["max_min_fairness_perf", "finish_time_fairness_perf"])
@pytest.mark.parametrize("name", ["many_servers", "hundred_thousand"])
def test_beyond_the_paper(name: str, policy: str, tmp_path: Path, benchmark: Any) -> None:
    stretch = Stretch(getattr(clusters, name)(policy, tmp_path))
    stretch.run(6)
    spent: list[Spent] = []
    benchmark.pedantic(lambda: spent.append(stretch.run(30)), rounds=1)
    _sane(stretch)
    simulation, (only,) = stretch.simulation, spent
    driver = simulation.driver
    assert driver is not None
    assert driver.tally.max_relative_gap <= 1e-6
    benchmark.extra_info.update(
        suite="scale",
        name=name,
        policy=policy,
        gpus=simulation.cluster.total,
        types=len(simulation.cluster.worker_types),
        active=simulation.active,
        fallbacks=driver.tally.fallbacks,
        **asdict(only),
    )


@slow
@pytest.mark.parametrize("policy", ["max_min_fairness_perf", "finish_time_fairness_perf"])
def test_whole_run_beyond_the_paper(policy: str, tmp_path: Path, benchmark: Any) -> None:
    config = clusters.busy_servers(policy, tmp_path)
    result = benchmark.pedantic(lambda: execute(config), rounds=1, warmup_rounds=1)
    assert result.status == "completed"
    assert len(result.jct) >= 4999  # the mechanism drops a job that fails five times
    benchmark.extra_info.update(
        suite="large runs",
        policy=policy,
        rounds=result.summary["rounds"],
        allocations=result.summary["allocations"],
        active=int(result.rounds["active"].max()),
        time=result.summary["time"],
    )


@slow
@pytest.mark.parametrize(
    ("what", "jobs"),
    [
        ("nothing", 0),
        ("simulation", 100),
        ("simulation", 1000),
        ("simulation", 10_000),
        ("simulation", 100_000),
        ("contended", 1_000_000),
        ("distinct", 1_000_000),
    ],
)
def test_memory(what: str, jobs: int, benchmark: Any) -> None:
    found = benchmark.pedantic(lambda: memory.measure(what, jobs), rounds=1)
    benchmark.extra_info.update(suite="memory", what=what, jobs=jobs, megabytes=found["megabytes"])
    # The table says what is above 1 GiB; this bounds what a mistake could cost.
    assert 0.0 < found["megabytes"] <= 2048.0
