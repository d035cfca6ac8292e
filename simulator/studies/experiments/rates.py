"""Mean job completion time against the rate at which jobs arrive: figures 9, 10, 11, 15 and 16."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.runs.config import RunConfig
from simulator.runs.options import check_engine
from simulator.studies.batch import Batch, Task, file_name
from simulator.studies.executors import Work
from simulator.studies.experiments.experiment import Choices, chosen, nearest_values
from simulator.studies.experiments.paper import PaperCurve, paper_curve
from simulator.studies.experiments.simulate import Point, point, simulate
from simulator.studies.experiments.tables import markdown, seconds, write_csv, write_text

HOUR = 3600.0

PAPER_CLUSTER = {"v100": 36, "p100": 36, "k80": 36}
SMALL_CLUSTER = {"v100": 4, "p100": 4, "k80": 4}

PACKED_COST = 12.0
"""How much longer a run with space sharing takes than one without; for the order of runs only."""

PATIENCE, LEAST_PATIENCE = 10.0, 10_000.0
"""Simulated time after which a run is given up: so many times what the measured jobs take to arrive, or so
many hours. Beyond the knee a job may wait for ever (of runs that end, the slowest takes 4.7 times as long)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve: a policy and its settings over all rates.

    Attributes
    ----------
    name
        Unique in the figure; names files and columns.
    label
        As in the paper's legend.
    policy
        The policy.
    settings
        Fields of :class:`RunConfig` besides those of the figure.
    optional
        Runs only when asked for by name: the paper's curve could not be read.
    rates
        Where an optional curve has points, without a published one to take them from.
    """

    name: str
    label: str
    policy: str
    settings: dict[str, Any] = field(default_factory=dict)
    optional: bool = False
    rates: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """One set of axes: curves of ours by the paper's name of them.

    Attributes
    ----------
    figure
        Key of the published curves.
    title
        Above the axes.
    curves
        Name of our curve to the name of the published one.
    """

    figure: str
    title: str
    curves: dict[str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """A headline of the paper: how many times longer jobs take on one curve than on another."""

    text: str
    slower: str
    faster: str
    rate: float
    published: float


@dataclass(frozen=True, slots=True)
class RateExperiment:
    """Mean JCT by job rate, for several curves.

    Attributes
    ----------
    figure, title
        Number and one line.
    cluster, settings
        Fields of :class:`RunConfig` for all curves.
    curves, panels, claims
        What is run, drawn, and said.
    highest
        End of the vertical axis in hours.
    """

    figure: str
    title: str
    cluster: dict[str, int]
    curves: tuple[Curve, ...]
    panels: tuple[Panel, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    highest: float = 100.0
    one_at_a_time: bool = False

    @property
    def names(self) -> Collection[str]:
        """Policies and curves that it knows."""
        return {name for curve in self.curves for name in (curve.name, curve.policy)}

    @property
    def work(self) -> Work:
        """Simulate."""
        return simulate

    def published(self, curve: str) -> PaperCurve | None:
        """Return the paper's curve of the same name."""
        for panel in self.panels:
            if curve in panel.curves:
                return paper_curve(panel.figure, panel.curves[curve])
        return None

    def curves_of(self, choices: Choices) -> list[Curve]:
        """Return the curves that are to be run."""
        names = [(curve.name, curve.policy) for curve in self.curves]
        default = [curve.name for curve in self.curves if not curve.optional]
        wanted = chosen(choices.policies, names, default)
        return [curve for curve in self.curves if curve.name in wanted]

    def rates_of(self, curve: Curve, choices: Choices) -> list[float]:
        """Return the rates at which a curve is to be run."""
        published = self.published(curve.name)
        own = list(curve.rates if published is None else published.x)
        if choices.at is None:
            return own
        return [rate for rate in nearest_values(choices.at, self.all_rates()) if rate in own]

    def all_rates(self) -> list[float]:
        """Return every rate of the figure, ascending."""
        rates = {rate for curve in self.curves for rate in self.rates_of(curve, Choices())}
        return sorted(rates)

    def task_name(self, curve: Curve, rate: float, seed: int) -> str:
        """Return the name of one run."""
        return file_name([("", curve.name), ("rate", f"{rate:g}"), ("seed", seed)])

    def tasks(self, choices: Choices) -> list[Task]:
        """Return one run for each curve, rate and seed, the longest first."""
        engine = check_engine(choices.engine)
        sized: list[tuple[float, Task]] = []
        for curve in self.curves_of(choices):
            published = self.published(curve.name)
            for rate in self.rates_of(curve, choices):
                jct = (published.at(rate) if published else None) or rate
                cost = jct * (PACKED_COST if "packed" in curve.policy else 1.0)
                for seed in choices.seeds:
                    config = RunConfig(
                        policy=curve.policy,
                        cluster=dict(self.cluster),
                        engine=engine,
                        tie_break=choices.tie_break,
                        seed=seed,
                        interarrival=HOUR / rate,
                        window=choices.window,
                        max_simulated_hours=max(
                            PATIENCE * choices.window[1] / rate, LEAST_PATIENCE
                        ),
                        timeout=choices.timeout,
                        **(self.settings | curve.settings),
                    )
                    name = self.task_name(curve, rate, seed)
                    sized.append((-cost, Task(name, {"config": config.to_json()})))
        return [task for _, task in sorted(sized, key=lambda one: (one[0], one[1].name))]

    def points(self, curve: Curve, choices: Choices, batch: Batch) -> dict[float, Point]:
        """Return the points of a curve by rate."""
        return {
            rate: point(
                batch,
                [self.task_name(curve, rate, seed) for seed in choices.seeds],
                "average_jct",
                HOUR,
            )
            for rate in self.rates_of(curve, choices)
        }

    def write(self, folder: Path, choices: Choices, batch: Batch) -> str:
        """Write ``points.csv``, ``jct.md`` and ``times.md``; return them for the terminal."""
        curves = self.curves_of(choices)
        points = {curve.name: self.points(curve, choices, batch) for curve in curves}
        rows: list[dict[str, Any]] = []
        for curve in curves:
            published = self.published(curve.name)
            for rate, one in points[curve.name].items():
                paper = published.at(rate) if published else None
                row: dict[str, Any] = {"curve": curve.name, "policy": curve.policy, "rate": rate}
                row |= {
                    f"seed_{seed}": value
                    for seed, value in zip(choices.seeds, one.values, strict=True)
                }
                row |= {"mean_jct_hours": one.mean, "paper_hours": paper, "state": one.state}
                rows.append(row | {"cpu_seconds": round(one.cpu_seconds, 3)})
        write_csv(folder / "points.csv", rows)
        text = self._table(curves, points, choices)
        said = self._claims(points)
        if said:
            text += "\n" + "\n".join(said) + "\n"
        write_text(folder / "jct.md", f"# {self.title}\n\n{text}")
        times = self._times(curves, points, batch)
        write_text(folder / "times.md", f"# CPU time, figure {self.figure}\n\n{times}")
        return f"{text}\n{times}"

    def _table(
        self, curves: list[Curve], points: dict[str, dict[float, Point]], choices: Choices
    ) -> str:
        header = ["jobs/hr"]
        for curve in curves:
            header += [curve.label, "paper"]
        rows = []
        for rate in sorted({rate for curve in curves for rate in points[curve.name]}):
            row = [f"{rate:g}"]
            for curve in curves:
                one = points[curve.name].get(rate)
                published = self.published(curve.name)
                paper = published.at(rate) if published else None
                mean = one.mean if one else None
                row.append("" if one is None else one.state if mean is None else f"{mean:.2f}")
                row.append("" if paper is None or one is None else f"{paper:.2f}")
            rows.append(row)
        seeds = choices.named_seeds
        start, end = choices.window
        return f"Mean JCT in hours of jobs {start} to {end}, {seeds}.\n\n" + markdown(header, rows)

    def _claims(self, points: dict[str, dict[float, Point]]) -> list[str]:
        said = []
        for claim in self.claims:
            slow = points.get(claim.slower, {}).get(claim.rate)
            fast = points.get(claim.faster, {}).get(claim.rate)
            if slow and fast and slow.mean and fast.mean:
                ratio = slow.mean / fast.mean
                said.append(f"- {claim.text}: {ratio:.2f}x here, {claim.published:g}x published")
        return said

    def _times(
        self, curves: list[Curve], points: dict[str, dict[float, Point]], batch: Batch
    ) -> str:
        rows = []
        total, count = 0.0, 0
        for curve in curves:
            spent = [one.cpu_seconds for one in points[curve.name].values()]
            if not spent:
                continue
            runs = sum(len(one.values) for one in points[curve.name].values())
            slowest = max(points[curve.name].items(), key=lambda item: item[1].cpu_seconds)
            rows.append(
                [
                    curve.label,
                    str(runs),
                    seconds(sum(spent)),
                    seconds(sum(spent) / runs),
                    f"{seconds(slowest[1].cpu_seconds / len(slowest[1].values))} at {slowest[0]:g}",
                ]
            )
            total, count = total + sum(spent), count + runs
        rows.append(["all", str(count), seconds(total), seconds(total / max(count, 1)), ""])
        header = ["curve", "runs", "CPU seconds", "a run", "slowest point, a run"]
        return f"CPU seconds by curve.\n\n{markdown(header, rows)}"

    def plot(self, folder: Path, choices: Choices, batch: Batch) -> list[Path]:
        """Draw ``figure-N.png`` and ``.svg``: our points on the paper's curves."""
        from simulator.studies.plots import Axes, Line, draw

        curves = self.curves_of(choices)
        panels = []
        for panel in self.panels:
            lines = []
            for curve in curves:
                if curve.name not in panel.curves:
                    continue
                points = self.points(curve, choices, batch)
                whole = {rate: one for rate, one in points.items() if one.mean is not None}
                published = paper_curve(panel.figure, panel.curves[curve.name])
                lines.append(
                    Line(
                        name=curve.name,
                        label=curve.label,
                        x=tuple(whole),
                        y=tuple(one.mean or 0.0 for one in whole.values()),
                        spread=tuple(
                            (min(v for v in one.values if v), max(v for v in one.values if v))
                            for one in whole.values()
                        ),
                        open_ended=tuple(
                            rate
                            for rate, one in points.items()
                            if one.state in ("saturated", "horizon", "timeout", "partial")
                        ),
                        published=None if published is None else (published.x, published.y),
                    )
                )
            panels.append(
                Axes(
                    title=panel.title,
                    x_label="input job rate (jobs/hr)",
                    y_label="mean JCT (hours)",
                    lines=tuple(lines),
                    x_limits=(0.0, None),
                    y_limits=(0.0, self.highest),
                )
            )
        note = f"jobs {choices.window[0]}–{choices.window[1]}, {choices.named_seeds}"
        return draw(folder / f"figure-{self.figure}", self.title, note, panels)


_MULTI = {"multi_gpu": True}

FIGURE_9 = RateExperiment(
    figure="9",
    title="Figure 9: max-min fairness (LAS), single-GPU jobs",
    cluster=PAPER_CLUSTER,
    curves=(
        Curve("max_min_fairness", "LAS", "max_min_fairness"),
        Curve("gandiva", "Gandiva", "gandiva"),
        Curve("allox", "AlloX", "allox"),
        Curve("max_min_fairness_perf", "Gavel", "max_min_fairness_perf"),
        Curve("max_min_fairness_packed", "Gavel with space sharing", "max_min_fairness_packed"),
    ),
    panels=(
        Panel(
            "9",
            "",
            {
                name: name
                for name in (
                    "max_min_fairness",
                    "gandiva",
                    "allox",
                    "max_min_fairness_perf",
                    "max_min_fairness_packed",
                )
            },
        ),
    ),
    claims=(
        Claim(
            "LAS against Gavel at 5.6 jobs/hr",
            "max_min_fairness",
            "max_min_fairness_perf",
            5.6,
            3.5,
        ),
    ),
)

FIGURE_10 = RateExperiment(
    figure="10",
    title="Figure 10: max-min fairness (LAS), multi-GPU jobs",
    cluster=PAPER_CLUSTER,
    settings=_MULTI,
    curves=(
        Curve(
            "max_min_fairness",
            "LAS",
            "max_min_fairness",
            optional=True,
            rates=tuple(round(0.2 * step, 1) for step in range(1, 14)),
        ),
        Curve("gandiva", "Gandiva", "gandiva"),
        Curve("max_min_fairness_perf", "Gavel", "max_min_fairness_perf"),
        Curve("max_min_fairness_packed", "Gavel with space sharing", "max_min_fairness_packed"),
    ),
    panels=(
        Panel(
            "10",
            "",
            {
                name: name
                for name in (
                    "max_min_fairness",
                    "gandiva",
                    "max_min_fairness_perf",
                    "max_min_fairness_packed",
                )
            },
        ),
    ),
    claims=(
        Claim(
            "LAS against Gavel at 2.6 jobs/hr",
            "max_min_fairness",
            "max_min_fairness_perf",
            2.6,
            2.2,
        ),
    ),
)

FIGURE_11 = RateExperiment(
    figure="11",
    title="Figure 11: finish-time fairness, multi-GPU jobs",
    cluster=PAPER_CLUSTER,
    settings=_MULTI,
    curves=(
        Curve("finish_time_fairness", "FTF", "finish_time_fairness"),
        Curve("finish_time_fairness_perf", "Gavel", "finish_time_fairness_perf"),
    ),
    panels=(
        Panel(
            "11",
            "",
            {name: name for name in ("finish_time_fairness", "finish_time_fairness_perf")},
        ),
    ),
    claims=(
        Claim(
            "FTF against Gavel at 2.6 jobs/hr (the text says 3x, the curve 2.17x)",
            "finish_time_fairness",
            "finish_time_fairness_perf",
            2.6,
            2.17,
        ),
    ),
)

FIGURE_15 = RateExperiment(
    figure="15",
    title="Figure 15: length of a round, and rounds against ideal execution",
    cluster=PAPER_CLUSTER,
    curves=(
        *(
            Curve(str(length), f"{length} s", "max_min_fairness_perf", {"round_seconds": length})
            for length in (360, 720, 1440, 2880)
        ),
        Curve("ideal", "ideal", "max_min_fairness_perf", {"ideal": True}),
    ),
    panels=(
        Panel(
            "15a",
            "(a) length of a round",
            {str(length): str(length) for length in (360, 720, 1440, 2880)},
        ),
        Panel(
            "15b", "(b) rounds of 360 s and ideal execution", {"360": "rounds", "ideal": "ideal"}
        ),
    ),
)

FIGURE_16 = RateExperiment(
    figure="16",
    title="Figure 16: space sharing with measured and with estimated throughputs, 4:4:4",
    cluster=SMALL_CLUSTER,
    curves=(
        Curve("not_packed", "Gavel", "max_min_fairness_perf"),
        Curve("measured", "with space sharing, measured", "max_min_fairness_packed"),
        Curve(
            "estimated",
            "with space sharing, estimated",
            "max_min_fairness_packed",
            {"profiling_percentage": 0.2, "reference_models": 16},
        ),
    ),
    panels=(
        Panel(
            "16",
            "",
            {name: name for name in ("not_packed", "measured", "estimated")},
        ),
    ),
    highest=60.0,
)
