"""Seconds that one allocation takes, by number of active jobs: figure 14.

The cluster grows with the jobs: a quarter as many workers of each type. Jobs are drawn as in the
simulations. What is timed is the whole policy call: state in, allocation out; once on a driver that
has seen nothing, and then for states in which one job has left and one has come.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gavel_opt import ClusterState, Driver, InputError, make_policy
from gavel_opt.kernels.jit import compiling_at_once
from simulator.runs.output.recording import unsolved_kept
from simulator.settings.options import check_engine
from simulator.studies.batches.batch import Batch, Task, file_name
from simulator.studies.executors import Payload
from simulator.studies.experiments.comparison import Claim, Comparison
from simulator.studies.experiments.experiment import Choices, OfFixedPolicies, nearest_values
from simulator.studies.experiments.paper import paper_curve
from simulator.studies.tables import markdown, write_csv, write_text
from simulator.world.throughputs import load_throughputs
from simulator.world.workload import DrawnWorkload, DrawSettings

ENTITIES = 5
NEXT = 5
"""Later allocations that are timed, for their median."""

WORKER_TYPES = ("k80", "p100", "v100")

POLICIES = {
    "max_min_fairness_perf": ("14a", "Gavel"),
    "max_min_fairness_packed": ("14a", "Gavel with space sharing"),
    "max_min_fairness_water_filling_perf": ("14b", "Gavel, entities"),
    "max_min_fairness_water_filling_packed": ("14b", "Gavel, entities, space sharing"),
}
"""Policy to (panel, label)."""

PUBLISHED = {
    "max_min_fairness_water_filling_perf": "max_min_fairness_water_filling",
}
"""Policy to the name of its published curve, where they differ."""

JOBS = (16, 32, 64, 128, 256, 512, 1024, 2048)
FEWER = {"max_min_fairness_packed": 1024, "max_min_fairness_water_filling_packed": 512}
"""The most jobs that the paper has for a policy, about."""


def state_of(jobs: int, seed: int, entities: bool) -> ClusterState:
    """Draw jobs and put them on a cluster of three workers for four jobs."""
    measurements = load_throughputs(None)
    workload = DrawnWorkload(DrawSettings(seed=seed, interarrival=0.0, limit=jobs), measurements)
    workload.extend(jobs)
    drawn = workload.jobs
    number = np.arange(jobs, dtype=np.int64)
    return ClusterState(
        worker_types=WORKER_TYPES,
        workers=np.full(len(WORKER_TYPES), jobs // 4, dtype=np.int64),
        throughputs=measurements.table(WORKER_TYPES),
        job=number,
        key=np.array(drawn.key),
        scale_factor=np.array(drawn.scale_factor),
        weight=np.array(drawn.weight),
        steps_left=np.array(drawn.steps),
        age=np.zeros(jobs),
        entity=number % ENTITIES if entities else None,
    )


def measure(payload: Payload) -> dict[str, Any]:
    """Time a first allocation and later ones, in CPU seconds."""
    with unsolved_kept():
        return _measure(payload)


def _measure(payload: Payload) -> dict[str, Any]:
    name, jobs, seed = payload["policy"], payload["jobs"], payload["seed"]
    entities = "water_filling" in name
    settings: dict[str, Any] = {}
    if entities:
        weights = [1.0 + place % 3 for place in range(ENTITIES)]
        settings["entities"] = {"weights": weights, "within": "fairness"}
    state = state_of(jobs, seed, entities)
    more = state_of(jobs + NEXT, seed + 1000, entities)

    def fresh() -> Driver:
        policy = make_policy(name, **settings)
        return Driver(policy, payload["engine"], tie_break=payload["tie_break"])

    with compiling_at_once():  # an empty cache would have small sizes interpreted, 40 times slower
        driver = fresh()
        small = state_of(min(jobs, 64), seed, entities)
        driver.allocate(small)
        driver.allocate(_one_replaced(small, more, 0))
    driver = fresh()
    started = time.process_time()
    driver.allocate(state)
    first = time.process_time() - started
    later = []
    for place in range(NEXT):
        state = _one_replaced(state, more, place)
        started = time.process_time()
        driver.allocate(state)
        later.append(time.process_time() - started)
    return {"first": first, "next": statistics.median(later)}


def _one_replaced(state: ClusterState, more: ClusterState, place: int) -> ClusterState:
    """Let the first job leave and a new one come."""

    def moved(name: str) -> Any:
        values, others = getattr(state, name), getattr(more, name)
        return np.append(values[1:], others[-1 - place])

    changed = {name: moved(name) for name in ("key", "scale_factor", "weight", "steps_left", "age")}
    job = np.append(state.job[1:], state.job[-1] + 1)
    entity = None if state.entity is None else np.append(state.entity[1:], job[-1] % ENTITIES)
    return replace(state, job=job, entity=entity, **changed)


@dataclass(frozen=True, slots=True)
class Scaling(OfFixedPolicies):
    """Seconds per allocation by number of jobs."""

    figure: str = "14"
    title: str = "Figure 14: seconds per allocation"
    one_at_a_time: bool = True
    names: ClassVar[Collection[str]] = POLICIES
    work = staticmethod(measure)

    def _jobs(self, policy: str, choices: Choices) -> list[int]:
        wanted = [int(jobs) for jobs in nearest_values(choices.at, JOBS)]
        return [jobs for jobs in wanted if jobs <= FEWER.get(policy, JOBS[-1])]

    @staticmethod
    def _name(policy: str, jobs: int, seed: int) -> str:
        return file_name([("", policy), ("jobs", jobs), ("seed", seed)])

    def tasks(self, choices: Choices) -> list[Task]:
        """Return one task for each policy, number of jobs and seed, the short ones first."""
        if choices.window != Choices().window:
            raise InputError("--window: has no meaning for figure 14")
        engine = check_engine(choices.engine)
        return [
            Task(
                self._name(policy, jobs, seed),
                {
                    "policy": policy,
                    "jobs": jobs,
                    "seed": seed,
                    "engine": engine,
                    "tie_break": choices.tie_break,
                },
            )
            for policy in self._policies(choices)
            for jobs in self._jobs(policy, choices)
            for seed in choices.seeds
        ]

    def _medians(self, policy: str, choices: Choices, batch: Batch, which: str) -> dict[int, float]:
        found: dict[int, float] = {}
        for jobs in self._jobs(policy, choices):
            names = [self._name(policy, jobs, seed) for seed in choices.seeds]
            values = [batch.done[name]["result"][which] for name in names if name in batch.done]
            if len(values) == len(names):
                found[jobs] = statistics.median(values)
        return found

    def write(self, folder: Path, choices: Choices, batch: Batch) -> str:
        """Write ``points.csv`` and ``seconds.md``; return the table."""
        rows: list[dict[str, Any]] = []
        lines = []
        for policy in self._policies(choices):
            panel, label = POLICIES[policy]
            first = self._medians(policy, choices, batch, "first")
            later = self._medians(policy, choices, batch, "next")
            published = paper_curve(panel, PUBLISHED.get(policy, policy))
            for jobs in self._jobs(policy, choices):
                paper = published.at(jobs) if published else None
                if jobs not in first:
                    lines.append([label, str(jobs), "failed", "", "", ""])
                    continue
                times = f"{paper / later[jobs]:.0f}x" if paper and later[jobs] > 0 else ""
                lines.append(
                    [
                        label,
                        str(jobs),
                        f"{first[jobs] * 1e3:.2f}",
                        f"{later[jobs] * 1e3:.2f}",
                        "" if paper is None else f"{paper * 1e3:.0f}",
                        times,
                    ]
                )
                rows.append(
                    {
                        "policy": policy,
                        "jobs": jobs,
                        "first_seconds": first[jobs],
                        "next_seconds": later[jobs],
                        "paper_seconds": paper,
                    }
                )
        write_csv(folder / "points.csv", rows)
        header = ["policy", "jobs", "first (ms)", "next (ms)", "paper (ms)", "paper / next"]
        text = (
            f"CPU milliseconds per allocation, median over {len(choices.seeds)} "
            f"draw{'s' * (len(choices.seeds) > 1)}; the paper's "
            "seconds are wall clock on its machine.\n\n" + markdown(header, lines)
        )
        write_text(folder / "seconds.md", f"# {self.title}\n\n{text}")
        return text

    def compare(self, choices: Choices, batch: Batch) -> list[Comparison]:
        """Set the seconds of the largest states beside the published ones."""
        found = []
        for policy in self._policies(choices):
            panel, label = POLICIES[policy]
            published = paper_curve(panel, PUBLISHED.get(policy, policy))
            later = self._medians(policy, choices, batch, "next")
            if published is None:
                continue
            jobs = max((one for one in later if published.at(one)), default=0)
            shown = jobs or FEWER.get(policy, JOBS[-1])
            claim = Claim(
                f"seconds per allocation, {label}, {shown} jobs",
                policy,
                "",
                float(shown),
                published.at(shown) or 0.0,
                " s",
                "our solver is faster; the paper's are seconds of wall clock on its machine",
            )
            found.append(Comparison(claim, later.get(jobs), None))
        return found

    def quick(self, choices: Choices) -> Choices:
        """Small states, one seed."""
        return replace(choices, seeds=choices.seeds[:1], at=(16.0, 32.0, 64.0))

    def plot(self, folder: Path, choices: Choices, batch: Batch) -> list[Path]:
        """Draw ``figure-14.png`` and ``.svg``, both axes logarithmic."""
        from simulator.studies.pictures.plots import Axes, Line, draw

        panels = []
        for panel, title in (("14a", "(a) max-min fairness"), ("14b", "(b) with entities")):
            lines = []
            for policy in self._policies(choices):
                if POLICIES[policy][0] != panel:
                    continue
                later = self._medians(policy, choices, batch, "next")
                published = paper_curve(panel, PUBLISHED.get(policy, policy))
                lines.append(
                    Line(
                        name=policy,
                        label=POLICIES[policy][1],
                        x=tuple(map(float, later)),
                        y=tuple(later.values()),
                        published=None if published is None else (published.x, published.y),
                    )
                )
            if lines:
                panels.append(
                    Axes(
                        title=title,
                        x_label="active jobs",
                        y_label="seconds per allocation",
                        lines=tuple(lines),
                        logarithmic=True,
                    )
                )
        note = "one job replaced between allocations; cluster grows with the jobs"
        return draw(folder / "figure-14", self.title, note, panels)


FIGURE_14 = Scaling()
