"""Time to finish a batch of multi-GPU jobs that are all there at the start (paper, section 7.3)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gavel_opt import InputError
from simulator.runs.config import RunConfig
from simulator.runs.options import check_engine
from simulator.studies.batch import Batch, Task, file_name
from simulator.studies.executors import Work
from simulator.studies.experiments.experiment import Choices, chosen, nearest_values
from simulator.studies.experiments.paper import paper_curve
from simulator.studies.experiments.rates import HOUR, PACKED_COST, PAPER_CLUSTER
from simulator.studies.experiments.simulate import Point, point, simulate
from simulator.studies.experiments.tables import markdown, seconds, write_csv, write_text

CURVES = {
    "fifo": "FIFO",
    "gandiva": "Gandiva",
    "min_total_duration": "Makespan, heterogeneity-agnostic",
    "min_total_duration_perf": "Gavel",
    "min_total_duration_packed": "Gavel with space sharing",
}
"""Policy to label; the plain policy is not in the paper's figure and runs when asked for."""

JOBS = (100, 200, 300, 400, 500, 600, 700)

CLAIMS = (("fifo", 2.5), ("gandiva", 1.4))
"""How many times longer a policy takes than Gavel, as published, for 700 jobs."""


@dataclass(frozen=True, slots=True)
class Makespan:
    """Makespan by number of jobs."""

    figure: str = "makespan"
    title: str = "Makespan of multi-GPU jobs that are all there at the start, 36:36:36"
    one_at_a_time: bool = False

    @property
    def names(self) -> Collection[str]:
        """Policies that it knows."""
        return CURVES

    @property
    def work(self) -> Work:
        """Simulate."""
        return simulate

    def _curves(self, choices: Choices) -> list[str]:
        default = [policy for policy in CURVES if paper_curve("makespan", policy)]
        return chosen(choices.policies, [(policy, policy) for policy in CURVES], default)

    def _jobs(self, choices: Choices) -> list[int]:
        return [int(jobs) for jobs in nearest_values(choices.at, JOBS)]

    @staticmethod
    def _name(policy: str, jobs: int, seed: int) -> str:
        return file_name([("", policy), ("jobs", jobs), ("seed", seed)])

    def tasks(self, choices: Choices) -> list[Task]:
        """Return one run for each policy, number of jobs and seed, the longest first."""
        if choices.window != Choices().window:
            raise InputError("--window: has no meaning here, where all jobs are measured")
        engine = check_engine(choices.engine)
        sized = []
        for policy in self._curves(choices):
            for jobs in self._jobs(choices):
                for seed in choices.seeds:
                    config = RunConfig(
                        policy=policy,
                        cluster=dict(PAPER_CLUSTER),
                        engine=engine,
                        tie_break=choices.tie_break,
                        seed=seed,
                        jobs=jobs,
                        multi_gpu=True,
                        timeout=choices.timeout,
                    )
                    cost = jobs * (PACKED_COST if "packed" in policy else 1.0)
                    task = Task(self._name(policy, jobs, seed), {"config": config.to_json()})
                    sized.append((-cost, task))
        return [task for _, task in sorted(sized, key=lambda one: (one[0], one[1].name))]

    def _points(self, policy: str, choices: Choices, batch: Batch) -> dict[int, Point]:
        return {
            jobs: point(
                batch,
                [self._name(policy, jobs, seed) for seed in choices.seeds],
                "makespan",
                HOUR,
            )
            for jobs in self._jobs(choices)
        }

    def write(self, folder: Path, choices: Choices, batch: Batch) -> str:
        """Write ``points.csv`` and ``makespan.md``; return the table."""
        policies = self._curves(choices)
        points = {policy: self._points(policy, choices, batch) for policy in policies}
        rows: list[dict[str, Any]] = []
        for policy in policies:
            published = paper_curve("makespan", policy)
            for jobs, one in points[policy].items():
                row: dict[str, Any] = {"policy": policy, "jobs": jobs}
                row |= {
                    f"seed_{seed}": value
                    for seed, value in zip(choices.seeds, one.values, strict=True)
                }
                row["makespan_hours"] = one.mean
                row["paper_hours"] = published.at(jobs) if published else None
                rows.append(row | {"state": one.state, "cpu_seconds": round(one.cpu_seconds, 3)})
        write_csv(folder / "points.csv", rows)
        header = ["jobs"]
        for policy in policies:
            header += [CURVES[policy], "paper"]
        lines = []
        for jobs in self._jobs(choices):
            line = [str(jobs)]
            for policy in policies:
                one = points[policy][jobs]
                published = paper_curve("makespan", policy)
                paper = published.at(jobs) if published else None
                line.append(one.state if one.mean is None else f"{one.mean:.1f}")
                line.append("" if paper is None else f"{paper:.1f}")
            lines.append(line)
        cpu = sum(one.cpu_seconds for per in points.values() for one in per.values())
        text = f"Makespan in hours, {choices.named_seeds}.\n\n{markdown(header, lines)}"
        gavel = points.get("min_total_duration_perf", {}).get(JOBS[-1])
        for policy, ratio in CLAIMS:
            other = points.get(policy, {}).get(JOBS[-1])
            if gavel and other and gavel.mean and other.mean:
                text += (
                    f"\n- {CURVES[policy]} against Gavel, {JOBS[-1]} jobs: "
                    f"{other.mean / gavel.mean:.2f}x here, {ratio:g}x published"
                )
        text += f"\n- CPU seconds in all: {seconds(cpu)}\n"
        write_text(folder / "makespan.md", f"# {self.title}\n\n{text}")
        return text

    def plot(self, folder: Path, choices: Choices, batch: Batch) -> list[Path]:
        """Draw ``figure-makespan.png`` and ``.svg``."""
        from simulator.studies.plots import Axes, Line, draw

        lines = []
        for policy in self._curves(choices):
            points = self._points(policy, choices, batch)
            whole = {jobs: one for jobs, one in points.items() if one.mean is not None}
            published = paper_curve("makespan", policy)
            lines.append(
                Line(
                    name=policy,
                    label=CURVES[policy],
                    x=tuple(map(float, whole)),
                    y=tuple(one.mean or 0.0 for one in whole.values()),
                    spread=tuple(
                        (min(v for v in one.values if v), max(v for v in one.values if v))
                        for one in whole.values()
                    ),
                    published=None if published is None else (published.x, published.y),
                )
            )
        axes = Axes(
            title="",
            x_label="jobs",
            y_label="makespan (hours)",
            lines=tuple(lines),
            y_limits=(0.0, None),
        )
        note = choices.named_seeds
        return draw(folder / "figure-makespan", self.title, note, [axes])


MAKESPAN = Makespan()
