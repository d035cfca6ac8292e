"""Hierarchical fairness over time: the setup of the paper's figures 12 and 13 (section 7.3).

3 GPUs of each type; 18 jobs of random types arrive one every 4 time steps; the first 6 belong to an
entity of weight 1, the next 6 to one of weight 2, the last 6 to one of weight 3. Within an entity jobs
share fairly, every second one with weight 2, or in order of arrival.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from gavel_opt import ClusterState, Driver, InputError, make_policy
from simulator.runs.output.recording import unsolved_kept
from simulator.settings.options import check_engine
from simulator.studies.batches.batch import Batch, Task, file_name
from simulator.studies.executors import Payload
from simulator.studies.experiments.comparison import Claim, Comparison
from simulator.studies.experiments.experiment import Choices, OfFixedPolicies
from simulator.studies.experiments.paper import paper_curve
from simulator.studies.tables import markdown, write_csv, write_text
from simulator.world.job_types import JOB_TYPES
from simulator.world.throughputs import load_throughputs

JOBS = 18
STEPS = 72
STEPS_PER_JOB = STEPS // JOBS
ENTITY_WEIGHTS = (1.0, 2.0, 3.0)
_TYPES = ("k80", "p100", "v100")

AGNOSTIC, AWARE = "max_min_fairness_water_filling", "max_min_fairness_water_filling_perf"

LABELS = {AGNOSTIC: "heterogeneity-agnostic", AWARE: "Gavel"}

DIFFERS = (
    "ours is the exact lexicographic optimum; the reference stops rising jobs together with the first "
    "that is stuck, and a lower total is no worse: levels are what is optimised"
)


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """What figure 12 shows.

    Attributes
    ----------
    throughput
        Throughput of each job at each time step, divided by that of an equal share of the cluster;
        0 before the job arrives. Shape ``(steps, jobs)``.
    """

    throughput: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Total effective throughput by time step, shape ``(steps,)``."""
        total: np.ndarray = self.throughput.sum(axis=1)
        return total


def hierarchical_fairness(
    aware: bool = True,
    within: Literal["fairness", "fifo"] = "fairness",
    engine: str = "auto",
    tie_break: str = "canonical",
) -> Hierarchy:
    """Run figure 12.

    Parameters
    ----------
    aware
        Whether the policy knows how fast jobs are on which GPUs.
    within
        How jobs share within an entity.
    engine, tie_break
        Who solves, and which optimum is taken.
    """
    policy = make_policy(
        "max_min_fairness_water_filling" + ("_perf" if aware else ""),
        entities={"weights": list(ENTITY_WEIGHTS), "within": within},
    )
    driver = Driver(policy, engine, tie_break=tie_break)
    result = np.zeros((STEPS, JOBS))
    for present in range(1, JOBS + 1):
        state = cluster_with(present, within)
        share = state.workers / state.workers.sum()
        rate = state.throughputs.alone[state.key]
        x = driver.allocate(state).x
        first = STEPS_PER_JOB * (present - 1)
        result[first : first + STEPS_PER_JOB, :present] = (rate * x).sum(axis=1) / (rate @ share)
    return Hierarchy(result)


def cluster_with(present: int, within: str) -> ClusterState:
    """Build the state with the first ``present`` jobs."""
    measurements = load_throughputs()
    draws = random.Random(0)
    names = [draws.choice(JOB_TYPES) for _ in range(present)]
    job = np.arange(present)
    return ClusterState(
        worker_types=_TYPES,
        workers=np.full(3, 3),
        throughputs=measurements.table(_TYPES),
        job=job,
        key=np.array([measurements.row(name, 1) for name in names]),
        scale_factor=np.ones(present, dtype=np.int64),
        weight=1.0 + np.where(within == "fifo", 0.0, job % 2),
        steps_left=np.ones(present),
        age=np.zeros(present),
        entity=job // (JOBS // len(ENTITY_WEIGHTS)),
    )


def allocate(payload: Payload) -> dict[str, Any]:
    """Compute the allocations of all time steps under one policy; the work of a figure."""
    with unsolved_kept():
        found = hierarchical_fairness(
            aware=payload["policy"] == AWARE,
            within=payload["within"],
            engine=payload["engine"],
            tie_break=payload["tie_break"],
        )
    steps = found.throughput[::STEPS_PER_JOB]
    return {"effective_throughput": [step[: n + 1].tolist() for n, step in enumerate(steps)]}


@dataclass(frozen=True, slots=True)
class HierarchyFigure(OfFixedPolicies):
    """Effective throughputs by time step under entities that share in one way."""

    figure: str
    title: str
    within: Literal["fairness", "fifo"]
    one_at_a_time: bool = False
    names: ClassVar[Collection[str]] = LABELS
    work = staticmethod(allocate)

    def tasks(self, choices: Choices) -> list[Task]:
        """Return one task for each policy."""
        if choices.at is not None:
            raise InputError(
                f"--at: has no meaning for figure {self.figure}, which runs as a whole"
            )
        if choices.window != Choices().window:
            raise InputError(f"--window: has no meaning for figure {self.figure}")
        engine = check_engine(choices.engine)
        return [
            Task(
                file_name([("", policy)]),
                {
                    "policy": policy,
                    "within": self.within,
                    "engine": engine,
                    "tie_break": choices.tie_break,
                },
            )
            for policy in self._policies(choices)
        ]

    def write(self, folder: Path, choices: Choices, batch: Batch) -> str:
        """Write ``steps.csv`` (one row a job and step) and ``totals.md``; return the table."""
        totals = self._totals(choices, batch)
        rows: list[dict[str, Any]] = []
        for policy in totals:
            for place, step in enumerate(self._steps(policy, batch)):
                rows += [
                    {
                        "policy": policy,
                        "jobs": place + 1,
                        "time_step": STEPS_PER_JOB * place + 1,
                        "job": job,
                        "entity": job // (JOBS // len(ENTITY_WEIGHTS)),
                        "effective_throughput": value,
                    }
                    for job, value in enumerate(step)
                ]
        write_csv(folder / "steps.csv", rows)
        header = ["jobs"]
        for policy in totals:
            header += [LABELS[policy], "paper"]
        lines = []
        for jobs in range(1, JOBS + 1):
            line = [str(jobs)]
            for policy, total in totals.items():
                published = paper_curve(self.figure, policy)
                paper = published.at(float(jobs)) if published else None
                line += [f"{total[jobs - 1]:.3f}", "" if paper is None else f"{paper:.3f}"]
            lines.append(line)
        text = f"Total effective throughput by number of jobs.\n\n{markdown(header, lines)}"
        write_text(folder / "totals.md", f"# {self.title}\n\n{text}")
        return text

    def plot(self, folder: Path, choices: Choices, batch: Batch) -> list[Path]:
        """Draw totals beside the paper's, and the share of each job."""
        from simulator.studies.pictures.plots import Axes, Line, Shares, draw

        totals = self._totals(choices, batch)
        lines = []
        for policy, total in totals.items():
            published = paper_curve(self.figure, policy)
            lines.append(
                Line(
                    name=policy,
                    label=LABELS[policy],
                    x=_time(range(JOBS)),
                    y=tuple(value for value in total for _ in range(2)),
                    published=None
                    if published is None
                    else (_time(range(JOBS)), tuple(v for v in published.y for _ in range(2))),
                    markers=False,
                )
            )
        panels: list[Axes | Shares] = [
            Axes(
                title="total effective throughput",
                x_label="time step",
                y_label="",
                lines=tuple(lines),
                y_limits=(0.0, None),
            )
        ]
        for policy in totals:
            steps = self._steps(policy, batch)
            panels.append(
                Shares(
                    title=f"{LABELS[policy]}: share of each job",
                    x_label="time step",
                    x=_time(range(JOBS)),
                    layers=tuple(
                        tuple(
                            step[job] / sum(step) if job < len(step) else 0.0
                            for step in steps
                            for _ in range(2)
                        )
                        for job in range(JOBS)
                    ),
                    group=tuple(job // (JOBS // len(ENTITY_WEIGHTS)) for job in range(JOBS)),
                    labels=tuple(
                        f"entity {place}, weight {weight:g}"
                        for place, weight in enumerate(ENTITY_WEIGHTS)
                    ),
                )
            )
        note = "3 V100, 3 P100, 3 K80; a job more every 4 time steps"
        return draw(folder / f"figure-{self.figure}", self.title, note, panels)

    def compare(self, choices: Choices, batch: Batch) -> list[Comparison]:
        """Set the totals of all 18 jobs beside the published ones."""
        totals = self._totals(choices, batch)
        found = []
        for policy in self._policies(choices):
            published = paper_curve(self.figure, policy)
            value = published.at(float(JOBS)) if published else None
            if value is None:
                continue
            claim = Claim(
                f"total effective throughput of {JOBS} jobs, {LABELS[policy]}",
                policy,
                "",
                float(JOBS),
                value,
                "",
                DIFFERS,
            )
            ours = totals[policy][-1] if policy in totals else None
            found.append(Comparison(claim, ours, None))
        return found

    def quick(self, choices: Choices) -> Choices:
        """It takes a second as it is."""
        return choices

    def _steps(self, policy: str, batch: Batch) -> list[list[float]]:
        steps: list[list[float]] = batch.done[policy]["result"]["effective_throughput"]
        return steps

    def _totals(self, choices: Choices, batch: Batch) -> dict[str, list[float]]:
        return {
            policy: [sum(step) for step in self._steps(policy, batch)]
            for policy in self._policies(choices)
            if policy in batch.done
        }


def _time(places: range) -> tuple[float, ...]:
    """First and last time step of each number of jobs, so that lines are steps."""
    return tuple(
        float(edge)
        for place in places
        for edge in (STEPS_PER_JOB * place + 1, STEPS_PER_JOB * (place + 1) + 1)
    )


FIGURE_12 = HierarchyFigure(
    "12", "Figure 12: fairness between entities, and within each by the jobs' weights", "fairness"
)
FIGURE_13 = HierarchyFigure(
    "13", "Figure 13: fairness between entities, first in first out within each", "fifo"
)
