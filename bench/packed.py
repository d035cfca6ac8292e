"""Packed programs whose jobs all differ: first and next recomputations, and memory, by engine.

    python -m bench report --only packed         # all families, 64 to 2,048 jobs, into the tables
    python -m bench.packed --family max-min --jobs 256 512 --engine structured highs    # only printed

Each cell is a process of its own with a time limit. Jobs are drawn like those of ``every job different``
(:mod:`bench.states`) and every two of them have co-located throughputs of their own, up to 10 % off the
measured ones of their types. Next recomputations: two jobs have left, as many have come, the others are
further on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.memory import peak
from bench.records import Record
from bench.states import WORKER_TYPES, Drawn
from gavel_opt import ClusterState, Driver, ThroughputTable, make_policy
from gavel_opt.errors import GavelError
from simulator.world.throughputs import load_throughputs

FAMILIES = {
    "max-min": ("max_min_fairness_packed", "distinct"),
    "max-min, GPUs for all": ("max_min_fairness_packed", "uncontended"),
    "water filling": ("max_min_fairness_water_filling_packed", "distinct"),
    "finish-time": ("finish_time_fairness_packed", "distinct"),
    "makespan": ("min_total_duration_packed", "distinct"),
    "cost with deadlines": ("max_sum_throughput_normalized_by_cost_packed_SLOs", "distinct"),
}
"""Name to policy and kind of states."""
JOBS = (64, 128, 256, 512, 1024, 2048)
ROUNDS = 5
"""Next recomputations that are measured."""
NOISE = 0.1
CHANGING = 2
"""Jobs that leave, and come, between two recomputations."""


def states(kind: str, jobs: int, seed: int = 0) -> Iterator[ClusterState]:
    """Successive states in which no two jobs, and no two pairs, are alike."""
    rng = np.random.default_rng(seed)
    everybody = jobs + CHANGING * (ROUNDS + 1)
    state = Drawn(kind, everybody, seed).now
    measured = load_throughputs().table(WORKER_TYPES)
    assert measured.paired is not None
    own = _types(kind, everybody, seed)
    alone = measured.alone[own] * rng.uniform(1 - NOISE, 1 + NOISE, (own.size, len(WORKER_TYPES)))
    beside = measured.paired[np.ix_(own, own)][:, :, 0]
    beside *= rng.uniform(1 - NOISE, 1 + NOISE, beside.shape)
    paired = np.stack([beside, beside.transpose(1, 0, 2)], axis=2)
    state = replace(
        state,
        throughputs=ThroughputTable(alone, paired, measured.reference),
        key=np.arange(everybody),
        deadline=rng.uniform(0.3, 8.0, everybody) * state.steps_left / alone.max(axis=1),
    )
    there = np.zeros(everybody, dtype=bool)
    there[:jobs] = True
    while True:
        yield _those(state, there)
        there[rng.choice(np.flatnonzero(there), CHANGING, replace=False)] = False
        there[jobs : jobs + CHANGING] = True
        jobs += CHANGING
        steps = state.steps_left * rng.uniform(0.97, 1.0, everybody)
        state = replace(state, steps_left=steps, age=state.age + 1800.0)


def _types(kind: str, jobs: int, seed: int) -> np.ndarray:
    """Row of each job's type in the measured table."""
    drawn = Drawn(kind, jobs, seed)
    rows: np.ndarray = drawn.pool.key[np.arange(jobs) % drawn.pool.size]
    return rows


def _those(state: ClusterState, there: np.ndarray) -> ClusterState:
    names = ("job", "key", "scale_factor", "weight", "steps_left", "age", "deadline")
    return replace(state, **{name: getattr(state, name)[there] for name in names})


def measure(family: str, jobs: int, engine: str, tie_break: str) -> dict[str, object]:
    """Figures of one cell: CPU seconds, peak MiB, programs, answers refused."""
    policy, kind = FAMILIES[family]
    for few in (24, 60, 200):  # reads compiled code back, and loads what pricing needs
        Driver(make_policy(policy), engine, tie_break=tie_break).allocate(next(states(kind, few)))
    walk = states(kind, jobs)
    state = next(walk)
    driver = Driver(make_policy(policy), engine, tie_break=tie_break)
    spent = []
    for _ in range(ROUNDS + 1):
        started = time.process_time()
        driver.allocate(state)
        spent.append(time.process_time() - started)
        print(json.dumps(_figures(driver, spent)), flush=True)
        state = next(walk)
    return _figures(driver, spent)


def _figures(driver: Driver, spent: list[float]) -> dict[str, object]:
    tally = driver.tally
    return {
        "first": spent[0],
        "next": spent[1:],
        "megabytes": peak(),
        "programs": tally.programs / len(spent),
        "refused": tally.fallbacks,
        "gap": max(tally.max_relative_gap, tally.max_primal_residual, tally.max_dual_residual),
    }


def cell(family: str, jobs: int, engine: str, tie_break: str, limit: float) -> dict[str, Any]:
    """Measure in a process of its own; of one that takes too long, what it got done."""
    command = [sys.executable, "-m", "bench.packed", "--one", family, str(jobs), engine, tie_break]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=limit,
            cwd=Path(__file__).parent.parent,
        )
        out, failed = done.stdout, done.stderr if done.returncode else ""
    except subprocess.TimeoutExpired as late:
        out = late.stdout.decode() if isinstance(late.stdout, bytes) else (late.stdout or "")
        failed = f"over {limit:.0f} s"
    lines = out.strip().splitlines()
    figures: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    if failed:
        figures["failed"] = failed.strip().splitlines()[-1]
    return figures


ENGINES = {"max-min": ("structured", "highs"), "water filling": ("structured", "highs")}
"""Engines measured by family; the others are ``structured`` alone."""
HIGHS_MOST = 256
"""Jobs beyond which HiGHS is not asked: its programs have a column a pair."""
LIMIT = 180.0
"""Seconds of wall clock for a cell; of one that takes longer, what it got done counts."""


def records(family: str) -> Iterator[Record]:
    """Measure a family cell by cell, smallest first."""
    for jobs in JOBS:
        for engine in ENGINES.get(family, ("structured",)):
            if engine == "structured" or jobs <= HIGHS_MOST:
                yield record(family, jobs, engine, cell(family, jobs, engine, "canonical", LIMIT))


def record(family: str, jobs: int, engine: str, figures: dict[str, Any]) -> Record:
    """One cell as it is kept."""
    later = figures.pop("next", [])
    found: Record = {"suite": "packed", "spec": family, "jobs": jobs, "label": engine, **figures}
    if later:
        found |= {
            "median": statistics.median(later),
            "mean": statistics.fmean(later),
            "worst": max(later),
        }
    return found


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    parser.add_argument("--jobs", nargs="+", type=int, default=list(JOBS))
    parser.add_argument("--engine", nargs="+", default=["structured"])
    parser.add_argument("--tie-break", default="canonical")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for a cell")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        family, jobs, engine, tie_break = given.one
        try:
            measure(family, int(jobs), engine, tie_break)
        except GavelError as failed:
            sys.exit(str(failed))
        return
    from bench.tables import packed

    for family in given.family:
        for jobs in given.jobs:
            for engine in given.engine:
                figures = cell(family, jobs, engine, given.tie_break, given.limit)
                head = jobs == given.jobs[0] and engine == given.engine[0]
                lines = packed([record(family, jobs, engine, figures)]).splitlines()
                print("\n".join(lines if head else lines[2:]), flush=True)


if __name__ == "__main__":
    _main()
