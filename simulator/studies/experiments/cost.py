"""What policies that know prices save, and what it costs in deadlines (paper, section 7.3, "Cost").

500 jobs, ResNet-50 or A3C at random: the first are cheapest on a V100, the others on a K80. That is so
with the throughputs that the artifact had when it got these policies, in March 2020, which the paper's
figure 1 shows too; with those that it measured anew in May, ResNet-50 is cheapest on a P100. Both are run.

A job lasts half a day to eight days on a V100 and must be done within 1.2, 2 or 10 times that. The paper
does not say how jobs arrive; here one comes every :data:`INTERARRIVAL` seconds on average, so that
every job finds the workers that its policy wants, and gets exact fractions of time (``--ideal``):
rounds give idle workers to whoever is there, whatever they cost, so that in rounds all three policies
cost the same at this load.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

from gavel_opt import InputError
from simulator.settings.config import RunConfig
from simulator.settings.options import make_config
from simulator.settings.values import check_engine
from simulator.studies.batches.batch import Batch, Task, file_name
from simulator.studies.executors import Payload
from simulator.studies.experiments.comparison import Claim, Comparison, compared
from simulator.studies.experiments.experiment import Choices, OfFixedPolicies
from simulator.studies.experiments.simulate import Point, point, simulate
from simulator.studies.tables import markdown, write_csv, write_text
from simulator.world.job_types import JOB_TYPES
from simulator.world.throughputs import DATA, REFERENCE_TYPE, load_throughputs

JOBS = 500
DAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
DEADLINES = (1.2, 2.0, 10.0)
"""Deadlines, as multiples of a job's duration."""

INTERARRIVAL = 6.0 * 3600.0
CLUSTER = "36:36:36"

THROUGHPUT, COST, COST_SLO = (
    "max_sum_throughput_perf",
    "max_sum_throughput_normalized_by_cost_perf",
    "max_sum_throughput_normalized_by_cost_perf_SLOs",
)

LABELS = {
    THROUGHPUT: "most throughput",
    COST: "least cost",
    COST_SLO: "least cost within deadlines",
}

EARLY, LATER = "March 2020", "May 2020"
"""Throughputs by when the artifact had them; the paper's numbers are of the first."""

TABLES = {EARLY: DATA / "early_throughputs.csv", LATER: None}

CLAIMS = (
    Claim("cost, most throughput against least cost", THROUGHPUT, COST, 0.0, 1.4),
    Claim(
        "cost, most throughput against least cost within deadlines", THROUGHPUT, COST_SLO, 0.0, 1.2
    ),
)


def trace_of(seed: int, throughputs: Path | None) -> str:
    """Draw the jobs as a trace of Gavel's ten columns; their steps are by the speed on a V100."""
    draws = random.Random(seed)
    measurements = load_throughputs(throughputs)
    speed = measurements.table((REFERENCE_TYPE,)).alone[:, 0]
    resnets = [name for name in JOB_TYPES if name.startswith("ResNet-50")]
    lines, arrival = [], 0.0
    for _ in range(JOBS):
        name = draws.choice(resnets) if draws.random() < 0.5 else "A3C"
        seconds = 86400.0 * draws.choice(DAYS)
        steps = round(seconds * speed[measurements.row(name, 1)])
        deadline = draws.choice(DEADLINES)
        columns = (name, "train", ".", "--steps", 0, steps, 1, 1, deadline, arrival)
        lines.append("\t".join(map(str, columns)) + "\n")
        arrival += draws.expovariate(1.0) * INTERARRIVAL
    return "".join(lines)


def settings_of(payload: Payload, trace: Path) -> RunConfig:
    """Return one run on a trace."""
    return make_config(
        policy=payload["policy"],
        cluster=CLUSTER,
        engine=payload["engine"],
        tie_break=payload["tie_break"],
        timeout=payload["timeout"] or float("inf"),
        seed=payload["seed"],
        trace=trace,
        throughputs=TABLES[payload["throughputs"]],
        saturation="off",
        ideal=True,
    )


def carry_out(payload: Payload) -> dict[str, Any]:
    """Run one policy on the jobs of one seed; the work of the experiment."""
    with tempfile.TemporaryDirectory(prefix="gavel-sim-") as folder:
        trace = Path(folder) / "cost.trace"
        trace.write_text(trace_of(payload["seed"], TABLES[payload["throughputs"]]))
        return simulate({"config": settings_of(payload, trace).to_json()})


@dataclass(frozen=True, slots=True)
class CostExperiment(OfFixedPolicies):
    """Cost, deadlines and completion times under policies that know prices."""

    figure: str = "cost"
    title: str = "Cost and deadlines, 500 jobs of ResNet-50 and A3C"
    one_at_a_time: bool = False
    names: ClassVar[Collection[str]] = LABELS
    work = staticmethod(carry_out)

    @staticmethod
    def _name(table: str, policy: str, seed: int) -> str:
        return file_name([("", table), ("", policy), ("seed", seed)])

    def tasks(self, choices: Choices) -> list[Task]:
        """Return one run for each table of throughputs, policy and seed."""
        if choices.at is not None:
            raise InputError("--at: has no meaning for the cost experiment, which runs as a whole")
        if choices.window != Choices().window:
            raise InputError("--window: has no meaning here, where all jobs are measured")
        engine = check_engine(choices.engine)
        timeout = None if choices.timeout == float("inf") else choices.timeout
        return [
            Task(
                self._name(table, policy, seed),
                {
                    "throughputs": table,
                    "policy": policy,
                    "seed": seed,
                    "engine": engine,
                    "tie_break": choices.tie_break,
                    "timeout": timeout,
                },
            )
            for table in TABLES
            for policy in self._policies(choices)
            for seed in choices.seeds
        ]

    def _point(
        self, policy: str, choices: Choices, batch: Batch, measure: str, table: str = EARLY
    ) -> Point:
        unit = 3600.0 if measure == "average_jct" else 0.01 if "rate" in measure else 1.0
        names = [self._name(table, policy, seed) for seed in choices.seeds]
        return point(batch, names, measure, unit)

    def write(self, folder: Path, choices: Choices, batch: Batch) -> str:
        """Write ``points.csv`` and ``cost.md``; return the table."""
        rows: list[dict[str, Any]] = []
        lines = []
        for table, policy in product(TABLES, self._policies(choices)):
            cost, missed, jct = (
                self._point(policy, choices, batch, measure, table)
                for measure in ("cost", "slo_violation_rate", "average_jct")
            )
            dearest = self._point(THROUGHPUT, choices, batch, "cost", table)
            times = compared(Claim("", THROUGHPUT, policy, 0.0, 0.0), dearest, cost).ours
            saved = "" if times is None else f"{times:.2f}x"
            cells = [cost.text(",.0f"), saved, missed.text(".1f"), jct.text()]
            lines.append([table, LABELS[policy], *cells])
            rows.append(
                {
                    "throughputs": table,
                    "policy": policy,
                    "cost_dollars": cost.mean,
                    "slo_violations_percent": missed.mean,
                    "mean_jct_hours": jct.mean,
                    "state": cost.state,
                    "completed": cost.completed,
                    "measured": cost.measured,
                    "cpu_seconds": round(cost.cpu_seconds, 3),
                }
            )
        write_csv(folder / "points.csv", rows)
        header = ["throughputs of", "policy", "cost ($)", "times less"]
        header += ["beyond deadline (%)", "mean JCT (h)"]
        text = f"500 jobs, {choices.named_seeds}.\n\n{markdown(header, lines, words=2)}"
        said = [f"- {one}" for one in self.compare(choices, batch) if one.ours is not None]
        text += "\n" + "\n".join(said) + "\n"
        write_text(folder / "cost.md", f"# {self.title}\n\n{text}")
        return text

    def compare(self, choices: Choices, batch: Batch) -> list[Comparison]:
        """Set the paper's figures beside ours."""
        found = [
            compared(
                claim,
                self._point(claim.slower, choices, batch, "cost"),
                self._point(claim.faster, choices, batch, "cost"),
            )
            for claim in CLAIMS
        ]
        for policy, published in ((COST, 35.0), (COST_SLO, 0.0)):
            missed = self._point(policy, choices, batch, "slo_violation_rate")
            text = f"jobs beyond their deadline, {LABELS[policy]}"
            claim = Claim(text, policy, "", 0.0, published, "%")
            found.append(Comparison(claim, missed.mean, None))
        return found

    def quick(self, choices: Choices) -> Choices:
        """One seed."""
        return replace(choices, seeds=choices.seeds[:1])

    def plot(self, folder: Path, choices: Choices, batch: Batch) -> list[Path]:
        """Draw cost and missed deadlines by policy and seed, with the paper's throughputs."""
        from simulator.studies.pictures.plots import Axes, Line, draw

        panels = []
        for measure, label in (
            ("cost", "cost (dollars)"),
            ("slo_violation_rate", "beyond deadline (%)"),
        ):
            lines = []
            for policy in self._policies(choices):
                values = self._point(policy, choices, batch, measure).values
                seeds = [
                    float(seed)
                    for seed, value in zip(choices.seeds, values, strict=True)
                    if value is not None
                ]
                lines.append(
                    Line(
                        name=policy,
                        label=LABELS[policy],
                        x=tuple(seeds),
                        y=tuple(value for value in values if value is not None),
                    )
                )
            panels.append(
                Axes(
                    title="",
                    x_label="seed",
                    y_label=label,
                    lines=tuple(lines),
                    y_limits=(0.0, None),
                )
            )
        said = f"each seed, with the throughputs of {EARLY}"
        return draw(folder / "figure-cost", self.title, said, panels)


COST_EXPERIMENT = CostExperiment()
