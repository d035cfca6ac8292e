"""Simulations for the mechanism's benchmarks: any number of jobs, and clusters beyond the paper's."""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gavel_opt import Allocation, ClusterState
from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig
from simulator.world.throughputs import load_throughputs

DAYS = 24 * 3600.0

SERVERS = {
    "a10-1": (2, 1),
    "g2-8": (4392, 8),
    "g3-8": (312, 8),
    "p100-1": (3, 1),
    "p100-2": (262, 2),
    "t4-2": (774, 2),
    "t4-4": (68, 4),
    "v100m16-1": (19, 1),
    "v100m16-4": (112, 4),
    "v100m16-8": (64, 8),
    "v100m32-4": (36, 4),
    "v100m32-8": (168, 8),
}
"""Worker type to GPUs and GPUs a server: the 6,212 GPUs of Alibaba's openb cluster (2023), by model and
size of server as its node list has them. A job that spans servers is a fifth slower."""
SPEED = {"a10": 0.9, "g2": 1.2, "g3": 1.8, "p100": None, "t4": 0.4}
"""Times a V100, made up (the list hides what G2 and G3 are); P100 as measured."""
SPANNING = 0.8


def steady(jobs: int) -> RunConfig:
    """Jobs that all stay: nothing but rounds. Four jobs for each GPU."""
    return RunConfig(
        policy="isolated",
        cluster=_split(max(jobs // 4, 12)),
        jobs=jobs,
        multi_gpu=True,
        fixed_duration=100.0 * DAYS,
    )


def live(jobs: int) -> RunConfig:
    """Jobs of all lengths that leave as they finish, under max-min fairness."""
    return RunConfig(
        policy="max_min_fairness_perf",
        cluster=_split(max(jobs // 4, 12)),
        jobs=jobs,
        multi_gpu=True,
    )


def many_servers(policy: str, folder: Path) -> RunConfig:
    """1,700 jobs at once on 6,212 GPUs of 12 types."""
    return RunConfig(policy=policy, jobs=1700, multi_gpu=True, **_servers(folder))


def busy_servers(policy: str, folder: Path, rate: float = 60.0) -> RunConfig:
    """A whole run on the same cluster: 5,000 jobs measured, by default 60 an hour."""
    return RunConfig(
        policy=policy,
        interarrival=3600.0 / rate,
        window=(4000, 9000),
        multi_gpu=True,
        **_servers(folder),
    )


def crowded_servers(policy: str, folder: Path) -> RunConfig:
    """The same at a rate that keeps some 1,700 jobs there."""
    return busy_servers(policy, folder, 140.0)


def _servers(folder: Path) -> dict[str, Any]:
    """Settings of the cluster, with a table of throughputs that is written into a folder."""
    path = folder / "throughputs.csv"
    base = load_throughputs()
    types = sorted([*SERVERS, "v100"])  # which turns durations into steps
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        header = ["scale_factor", "job", "beside"]
        rows.writerow([*header, *(c for t in types for c in (t, f"{t}_beside"))])
        for row, (job, scale) in enumerate(base.keys):
            speeds: list[object] = []
            for name in types:
                times = SPEED.get(name.partition("-")[0], 1.0)
                column = base.worker_types.index("p100" if times is None else "v100")
                spans = SPANNING if scale > SERVERS.get(name, (0, 8))[1] else 1.0
                speeds += [base.alone[row, column] * (times or 1.0) * spans, ""]
            rows.writerow([scale, job, "", *speeds])
    return {
        "cluster": {name: gpus for name, (gpus, _) in SERVERS.items()},
        "gpus_per_server": {name: size for name, (_, size) in SERVERS.items()},
        "throughputs": path,
    }


def hundred_thousand(policy: str, folder: Path) -> RunConfig:
    """50,000 jobs at once on 100,000 GPUs of three types, 8 a server."""
    del folder
    return RunConfig(
        policy=policy,
        cluster={"v100": 33_360, "p100": 33_320, "k80": 33_320},
        gpus_per_server={"v100": 8, "p100": 8, "k80": 8},
        jobs=50_000,
        multi_gpu=True,
    )


def _split(gpus: int) -> dict[str, int]:
    each = gpus // 3
    return {"v100": gpus - 2 * each, "p100": each, "k80": each}


@dataclass
class Spent:
    """What a stretch of a simulation cost: CPU seconds and counts."""

    mechanism: float
    allocate: float
    rounds: int
    allocations: int
    job_rounds: int


class Stretch:
    """A simulation whose policy calls are timed apart from its rounds."""

    def __init__(self, config: RunConfig) -> None:
        self.simulation = Simulation(config)
        self._allocate = 0.0
        driver = self.simulation.driver
        assert driver is not None
        allocate = driver.allocate

        def timed(state: ClusterState) -> Allocation:
            started = time.process_time()
            allocation = allocate(state)
            self._allocate += time.process_time() - started
            return allocation

        driver.allocate = timed  # type: ignore[method-assign]  # watched

    def run(self, rounds: int) -> Spent:
        """Go on for some rounds."""
        simulation = self.simulation
        before, allocations, allocate = simulation.rounds, simulation.allocations, self._allocate
        started = time.process_time()
        simulation.advance(rounds)
        total = time.process_time() - started
        spent = self._allocate - allocate
        active = simulation.series["active"][before : simulation.rounds]
        return Spent(
            mechanism=total - spent,
            allocate=spent,
            rounds=simulation.rounds - before,
            allocations=simulation.allocations - allocations,
            job_rounds=int(active.sum()),
        )
