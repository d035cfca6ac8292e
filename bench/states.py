"""Where cluster states come from: drawn ones of any size, and streams recorded from real runs.

Both are walked forward: ``now`` is a state, ``advance`` goes to the next recomputation, with a few
jobs replaced and the others further on. ``memory`` is what a policy with a memory (finish-time
fairness) would know by then.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bench.clusters import crowded_servers
from gavel_opt import Allocation, ClusterState, ThroughputTable
from simulator.runs.simulation import BETWEEN_RESETS, Simulation
from simulator.settings.config import RunConfig
from simulator.world.job_types import SCALE_FACTORS
from simulator.world.throughputs import load_throughputs
from simulator.world.workload import DrawnWorkload, DrawSettings

WORKER_TYPES = ("k80", "p100", "v100")
DRAWN = 32_768
"""Jobs drawn one by one; larger states repeat them."""
LEAST = 60.0
"""Seconds of work that a job keeps until it is replaced."""


class Source(Protocol):
    """A walk through cluster states."""

    now: ClusterState
    left: int
    """How often it can still be advanced."""

    def advance(self) -> ClusterState: ...
    def memory(self) -> dict[str, Any] | None: ...


@dataclass(frozen=True)
class Kind:
    """How a drawn state looks.

    ``gpus_per_job`` below about 2, the mean scale factor, means contention. ``distinct`` gives each
    job throughputs of its own, up to 10 % off those of its type, so that no two are alike.
    """

    gpus_per_job: float
    multi_gpu: bool = True
    multi_priority: bool = False
    distinct: bool = False


KINDS = {
    "contended": Kind(0.25),
    "uncontended": Kind(3.0),
    "priorities": Kind(0.25, multi_priority=True),
    "single-GPU": Kind(0.25, multi_gpu=False),
    "distinct": Kind(0.25, distinct=True),
}


class Drawn:
    """Jobs drawn from the paper's distributions, some way into their lives.

    Parameters
    ----------
    kind
        One of :data:`KINDS`.
    jobs
        Jobs in the system, the same number at all times.
    seed
        Of everything that is drawn.
    """

    def __init__(self, kind: str, jobs: int, seed: int = 0) -> None:
        self.kind = KINDS[kind]
        self.left = 1 << 30
        self._random = np.random.default_rng(seed)
        self._next = jobs
        measurements = load_throughputs()
        draw = DrawSettings(
            seed, 0.0, multi_gpu=self.kind.multi_gpu, multi_priority=self.kind.multi_priority
        )
        workload = DrawnWorkload(draw, measurements)
        workload.extend(min(max(jobs, 256), DRAWN))
        self.pool = workload.jobs
        table = measurements.table(WORKER_TYPES)
        self._reference = table.reference
        self._speed = table.alone
        rows = np.arange(jobs) % self.pool.size
        key = self.pool.key[rows].copy()
        if self.kind.distinct:
            # As many rows again as will be used up by replacements; then they come round.
            spare = min(jobs, 4096)
            own = np.concatenate([key, self.pool.key[np.arange(spare) % self.pool.size]])
            self._type_of = own
            noise = self._random.uniform(0.9, 1.1, size=(own.size, len(WORKER_TYPES)))
            table = ThroughputTable(table.alone[own] * noise, None, table.reference)
            self._spare = jobs
            key = np.arange(jobs)
            self._speed = table.alone
        steps = self.pool.steps[rows] * self._random.uniform(0.05, 1.0, size=jobs)
        # Every job must fit on some type: one that can run nowhere is left out by the driver.
        least = max(SCALE_FACTORS) if self.kind.multi_gpu else 3
        per_type = max(least, round(self.kind.gpus_per_job * jobs / len(WORKER_TYPES)))
        self.now = ClusterState(
            worker_types=WORKER_TYPES,
            workers=np.full(len(WORKER_TYPES), per_type, dtype=np.int64),
            throughputs=table,
            job=np.arange(jobs),
            key=key,
            scale_factor=self.pool.scale_factor[rows].copy(),
            weight=self.pool.weight[rows].copy(),
            steps_left=steps,
            age=(self.pool.steps[rows] - steps) / self._speed[key, self._reference],
            prices=np.array([0.45, 1.46, 2.48]),
        )

    def advance(self) -> ClusterState:
        """Half an hour later: one to three jobs have left, as many have come."""
        old, draw = self.now, self._random
        n = old.job.size
        going = np.sort(draw.choice(n, size=min(int(draw.integers(1, 4)), n - 1), replace=False))
        stay = np.ones(n, dtype=bool)
        stay[going] = False
        coming = np.arange(self._next, self._next + going.size)
        self._next += going.size
        rows = coming % self.pool.size
        if self.kind.distinct:
            keys = coming % self._type_of.size
            rows = rows % self.pool.size
            # A key of a job still there may come round in very long walks only; alike is fine then.
            scale = self.pool.scale_factor[keys % self.pool.size]
            steps = self.pool.steps[keys % self.pool.size]
        else:
            keys, scale = self.pool.key[rows], self.pool.scale_factor[rows]
            steps = self.pool.steps[rows]
        weight = self.pool.weight[rows]
        speed = self._speed[old.key, self._reference]
        done = speed * BETWEEN_RESETS * draw.uniform(0.0, 0.5, size=n)
        left = np.maximum(old.steps_left - done, np.minimum(old.steps_left, speed * LEAST))
        self.now = ClusterState(
            worker_types=old.worker_types,
            workers=old.workers,
            throughputs=old.throughputs,
            job=np.concatenate([old.job[stay], coming]),
            key=np.concatenate([old.key[stay], keys]),
            scale_factor=np.concatenate([old.scale_factor[stay], scale]),
            weight=np.concatenate([old.weight[stay], weight]),
            steps_left=np.concatenate([left[stay], steps]),
            age=np.concatenate([old.age[stay] + BETWEEN_RESETS, np.zeros(going.size)]),
            prices=old.prices,
        )
        return self.now

    def memory(self) -> dict[str, Any]:
        """Time under isolation: up to half more or less than the job's age."""
        state = self.now
        spread = np.random.default_rng(1).uniform(0.5, 1.5, size=state.job.size)
        alone = isolated_speed(state)
        return {
            "job": state.job,
            "steps": state.steps_left,
            "alone": alone,
            "time": state.age * spread,
        }


def isolated_speed(state: ClusterState) -> np.ndarray:
    """Steps per second of each job on an even split of the cluster."""
    share = state.workers / state.job.size / state.scale_factor[:, None]
    share = share / np.maximum(share.sum(axis=1), 1.0)[:, None]
    speed: np.ndarray = (state.throughputs.alone[state.key] * share).sum(axis=1)
    return speed


@dataclass
class Stream:
    """States of successive recomputations of a real run, and the policy's memory at the first."""

    states: list[ClusterState]
    start: dict[str, Any] | None
    place: int = field(default=0)

    @property
    def now(self) -> ClusterState:
        return self.states[self.place]

    @property
    def left(self) -> int:
        return len(self.states) - 1 - self.place

    def advance(self) -> ClusterState:
        """The next recomputation of the run."""
        self.place += 1
        return self.states[self.place]

    def memory(self) -> dict[str, Any] | None:
        return self.start


@dataclass(frozen=True)
class Recorded:
    """A run to record; ``config`` makes it for a policy, with files in a folder if it needs any."""

    config: Callable[[str, Path], RunConfig]
    first_job: int = 400
    """Recomputations are recorded from this arrival on."""
    count: int = 64


def _paper(rate: float, multi_gpu: bool) -> Recorded:
    """The paper's cluster, from the middle of the run on."""

    def config(policy: str, folder: Path) -> RunConfig:
        del folder
        return RunConfig(
            policy=policy,
            cluster={"v100": 36, "p100": 36, "k80": 36},
            interarrival=3600.0 / rate,
            window=(400, 656),
            multi_gpu=multi_gpu,
        )

    return Recorded(config)


STREAMS = {
    "stream single-GPU": _paper(5.6, multi_gpu=False),
    "stream multi-GPU": _paper(2.6, multi_gpu=True),
    "stream 6,212 GPUs": Recorded(crowded_servers, 6000, 16),
}
_recorded: dict[tuple[str, str], tuple[list[ClusterState], dict[str, Any] | None]] = {}


def stream(name: str, policy: str) -> Stream:
    """Record a run's recomputations by simulating it (kept for the session)."""
    if (name, policy) not in _recorded:
        _recorded[name, policy] = _record(STREAMS[name], policy)
    states, start = _recorded[name, policy]
    return Stream(list(states), start)


def _record(run: Recorded, policy: str) -> tuple[list[ClusterState], dict[str, Any] | None]:
    with tempfile.TemporaryDirectory() as folder:
        simulation = Simulation(run.config(policy, Path(folder)))
    while simulation.arrived < run.first_job:
        simulation.advance(64)
    driver = simulation.driver
    assert driver is not None
    start = driver.policy.snapshot() or None
    states: list[ClusterState] = []
    allocate = driver.allocate

    def remember(state: ClusterState) -> Allocation:
        states.append(state)
        return allocate(state)

    driver.allocate = remember  # type: ignore[method-assign]  # watched
    while len(states) < run.count:
        simulation.advance(16)
    return states[: run.count], start


def source(kind: str, jobs: int, policy: str) -> Source:
    """A fresh walk: of drawn states, or of a recorded run (``jobs`` is then ignored)."""
    return stream(kind, policy) if kind in STREAMS else Drawn(kind, jobs)
