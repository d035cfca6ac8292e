"""Simulations for the mechanism's benchmarks: any number of jobs, and clusters beyond the paper's."""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path

from gavel_opt import Allocation, ClusterState
from simulator.runs.config import RunConfig
from simulator.runs.simulation import Simulation
from simulator.world.throughputs import load_throughputs

DAYS = 24 * 3600.0

SERVERS = {
    "v100": (2400, 8),
    "v100-of4": (800, 4),
    "v100-of2": (300, 2),
    "p100": (1200, 4),
    "p100-of2": (600, 2),
    "p100-of1": (100, 1),
    "k80": (512, 8),
    "k80-of4": (300, 4),
}
"""Worker type to GPUs and GPUs a server: 6,212 in all. A job that spans servers is a fifth slower."""
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
    """1,700 jobs at once on 6,212 GPUs in servers of 1, 2, 4 and 8."""
    path = folder / "throughputs.csv"
    base = load_throughputs()
    types = sorted(SERVERS)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        header = ["scale_factor", "job", "beside"]
        rows.writerow([*header, *(c for t in types for c in (t, f"{t}_beside"))])
        for row, (job, scale) in enumerate(base.keys):
            speeds: list[object] = []
            for name in types:
                speed = base.alone[row, base.worker_types.index(name.partition("-")[0])]
                speeds += [speed * (SPANNING if scale > SERVERS[name][1] else 1.0), ""]
            rows.writerow([scale, job, "", *speeds])
    return RunConfig(
        policy=policy,
        cluster={name: gpus for name, (gpus, _) in SERVERS.items()},
        gpus_per_server={name: size for name, (_, size) in SERVERS.items()},
        throughputs=path,
        jobs=1700,
        multi_gpu=True,
    )


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
        active = simulation.series.active[before : simulation.rounds]
        return Spent(
            mechanism=total - spent,
            allocate=spent,
            rounds=simulation.rounds - before,
            allocations=simulation.allocations - allocations,
            job_rounds=int(active.sum()),
        )
