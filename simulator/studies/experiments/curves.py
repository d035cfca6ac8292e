"""Curves over one axis: mean JCT by job rate (figures 9, 10, 11, 15, 16), makespan by jobs, and users' own.

What is run stands in a TOML file (``definitions/``; :mod:`simulator.studies.experiments.definition`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from gavel_opt import InputError
from simulator.settings.config import RunConfig
from simulator.settings.options import make_config
from simulator.settings.values import COUNT, POSITIVE
from simulator.studies.batches.batch import Batch, Task, file_name, told_apart
from simulator.studies.executors import Work
from simulator.studies.experiments.comparison import Claim, Comparison, compared
from simulator.studies.experiments.experiment import Choices, chosen, nearest_values
from simulator.studies.experiments.paper import PaperCurve, paper_curve
from simulator.studies.experiments.simulate import Point, point, simulate
from simulator.studies.tables import exact, markdown, seconds, write_csv, write_text
from simulator.world.units import HOUR

PACKED_COST = 12.0
"""How much longer a run with space sharing takes than one without; for the order of runs only."""

PATIENCE, LEAST_PATIENCE = 6.0, 10_000.0
"""Simulated time after which a run is given up: so many times what the measured jobs take to arrive, or so
many hours. Beyond the knee a job may wait for ever (of runs that end, the slowest takes 4.9 times as long)."""

NOTES = {
    " jobs)": "A count stands where measured jobs have no completion time: dropped after five failed "
    "attempts, as in the reference, or without an end when the run was.",
    " undecided)": "Of runs that count as undecided the mean may be of a queue that grows: whether the "
    "policy sustains the rate could not be told.",
    "horizon": "`horizon`: given up on a seed or more, with jobs that wait without an end; no mean is "
    "shown, which would be too low.",
}
"""What is said under a table that has these words."""

QUICK_WINDOW = (400, 500)
"""Jobs that a quick look measures."""

Axis = Literal["rate", "jobs"]

OF_ALL_JOBS = ("cost", "makespan")
"""Measures of everything that ran, and not of the measured jobs alone."""

IN_UNIT = re.compile(r" \((hours|dollars)\)")
"""A unit in a label of :data:`MEASURES`."""

AXES: dict[Axis, tuple[str, str]] = {
    "rate": ("jobs/hr", "input job rate (jobs/hr)"),
    "jobs": ("jobs", "jobs"),
}
"""Axis to its heading in tables and its label in pictures."""

MEASURES: dict[str, tuple[str, float, str]] = {
    "average_jct": ("mean JCT (hours)", HOUR, ".2f"),
    "average_jct_low": ("mean JCT (hours)", HOUR, ".2f"),
    "average_jct_high": ("mean JCT (hours)", HOUR, ".2f"),
    "makespan": ("makespan (hours)", HOUR, ".1f"),
    "cost": ("cost (dollars)", 1.0, ",.0f"),
    "slo_violation_rate": ("jobs beyond their deadline (%)", 0.01, ".1f"),
    "average_finish_time_fairness": ("mean finish-time fairness ratio", 1.0, ".2f"),
}
"""What a curve may show, by its name in a result: label, the unit that it is divided by, digits."""


OTHER_WINDOW = "Other jobs are measured than in the paper, whose values are therefore not shown."


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve: a policy and its settings over all points.

    Attributes
    ----------
    name
        Unique in the figure; names columns.
    label
        As in the paper's legend.
    policy
        The policy.
    measure
        One of :data:`MEASURES`.
    settings
        Settings of the run besides those of the figure, by their words in sweep files.
    optional
        Runs only when asked for by name.
    at
        Where it has points, if no published curve says so.
    runs
        Name that its runs are kept under: curves that show other measures of the same runs share it.
    """

    name: str
    label: str
    policy: str
    measure: str = "average_jct"
    settings: dict[str, Any] = field(default_factory=dict)
    optional: bool = False
    at: tuple[float, ...] = ()
    runs: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One set of axes: curves of ours by the paper's name of them.

    Attributes
    ----------
    published
        Key of the published curves; empty if there are none.
    title
        Above the axes.
    curves
        Name of our curve to the name of the published one.
    """

    published: str
    title: str
    curves: dict[str, str]


@dataclass(frozen=True, slots=True)
class CurveExperiment:
    """One measure by one axis, for several curves.

    Attributes
    ----------
    figure, title
        Number or name, and one line.
    axis
        What the points differ in: the job rate, or the number of jobs that are there at the start.
    settings
        Settings of all runs, by their words in sweep files.
    curves, panels, claims
        What is run, drawn, and said.
    highest
        End of the vertical axis; None leaves it open.
    patience
        Runs at a rate are given up after so many times what their measured jobs take to arrive.
    differs
        Where ours is another curve than the published one, and why: sentences for the report.
    """

    figure: str
    title: str
    curves: tuple[Curve, ...]
    panels: tuple[Panel, ...]
    axis: Axis = "rate"
    settings: dict[str, Any] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    highest: float | None = None
    patience: float = PATIENCE
    one_at_a_time: bool = False
    differs: tuple[str, ...] = ()

    @property
    def names(self) -> Collection[str]:
        """Policies and curves that it knows."""
        return {name for curve in self.curves for name in (curve.name, curve.policy)}

    def with_own(self, policies: Mapping[str, dict[str, Any]]) -> CurveExperiment:
        """Return the experiment with a curve for each policy of the user's, at all of its points."""
        if not policies:
            return self
        own = tuple(
            Curve(
                policy,
                policy.rpartition(":")[2],
                policy,
                self.measure,
                {"set": settings} if settings else {},
                optional=True,
                at=tuple(self.all_points()),
            )
            for policy, settings in policies.items()
        )
        names = {curve.name: curve.name for curve in own}
        panels = tuple(replace(panel, curves=panel.curves | names) for panel in self.panels)
        return replace(self, curves=self.curves + own, panels=panels)

    @property
    def work(self) -> Work:
        """Simulate."""
        return simulate

    @property
    def measure(self) -> str:
        """What its curves show; the first one's where they differ."""
        return self.curves[0].measure

    def published(self, curve: str) -> PaperCurve | None:
        """Return the paper's curve of the same name."""
        for panel in self.panels:
            if curve in panel.curves:
                return paper_curve(panel.published, panel.curves[curve])
        return None

    def curves_of(self, choices: Choices) -> list[Curve]:
        """Return the curves that are to be run."""
        default = [curve.name for curve in self.curves if not curve.optional]
        usual = {curve.policy for curve in self.curves if not curve.optional}
        # A variant of a curve that runs anyway is asked for by its own name, not by its policy.
        names = [
            (one.name, one.name if one.optional and one.policy in usual else one.policy)
            for one in self.curves
        ]
        wanted = chosen(choices.policies, names, default)
        return [curve for curve in self.curves if curve.name in wanted]

    def points_of(self, curve: Curve, choices: Choices) -> list[float]:
        """Return the points of the axis at which a curve is to be run."""
        own = self._own_points(curve)
        if choices.at is None:
            return own
        if not own:
            return sorted(set(choices.at))
        if not all(map(self._own_points, self.curves_of(choices))):
            return [x for x in own if x in choices.at]  # others may be anywhere
        there = {x for one in self.curves_of(choices) for x in self.points_of(one, Choices())}
        nearest_values(choices.at, self.all_points())
        wanted = nearest_values(choices.at, sorted(there), whose="the curves that were chosen")
        return [x for x in wanted if x in own]

    def _own_points(self, curve: Curve) -> list[float]:
        """Return the points of a curve's definition, or of the published curve; none if neither says."""
        published = self.published(curve.name)
        return list(curve.at or (() if published is None else published.x))

    def _require_points(self, choices: Choices) -> None:
        """Refuse curves that are nowhere, and points that their axis cannot have."""
        for curve in self.curves_of(choices):
            if self._own_points(curve):
                continue
            if choices.at is None:
                raise InputError(
                    f"curve {curve.name}: at: where are its points? No published curve says; give it an "
                    "at in the file, or --at"
                )
            for x in choices.at:
                whole = self.axis == "jobs" and x.is_integer()
                (COUNT if self.axis == "jobs" else POSITIVE).read(int(x) if whole else x, "--at")

    def all_points(self) -> list[float]:
        """Return every point of the axis, ascending."""
        return sorted({x for curve in self.curves for x in self.points_of(curve, Choices())})

    def task_name(self, curve: Curve, x: float, seed: int) -> str:
        """Return the name of one run."""
        names = told_apart(one.runs or one.name for one in self.curves)
        own = names[curve.runs or curve.name]
        return file_name([("", own), (self.axis, exact(x)), ("seed", seed)])

    def config(self, curve: Curve, x: float, seed: int, choices: Choices) -> RunConfig:
        """Return one run."""
        settings: dict[str, Any] = {"policy": curve.policy, "saturation": "off"}
        if self.axis == "rate":
            patience = max(self.patience * choices.window[1] / x, LEAST_PATIENCE)
            settings["max-simulated-hours"] = patience
        settings |= self.settings | curve.settings
        settings |= {"engine": choices.engine, "tie-break": choices.tie_break, "seed": seed}
        settings["timeout"] = choices.timeout
        if self.axis == "jobs":
            settings["jobs"] = int(x)
        else:
            settings |= {"interarrival": HOUR / x, "window": choices.window}
        return make_config(**settings)

    def tasks(self, choices: Choices) -> list[Task]:
        """Return one run for each curve, point and seed, the longest first."""
        if self.axis == "jobs" and choices.window != Choices().window:
            raise InputError("--window: has no meaning here, where all jobs are measured")
        self._require_points(choices)
        sized: dict[str, tuple[float, Task]] = {}
        for curve in self.curves_of(choices):
            published = self.published(curve.name)
            for x in self.points_of(curve, choices):
                weight = (published.at(x) if published and self.axis == "rate" else None) or x
                cost = weight * (PACKED_COST if "packed" in curve.policy else 1.0)
                for seed in choices.seeds:
                    name = self.task_name(curve, x, seed)
                    config = self.config(curve, x, seed, choices)
                    sized[name] = (-cost, Task(name, {"config": config.to_json()}))
        return [task for _, task in sorted(sized.values(), key=lambda one: (one[0], one[1].name))]

    def points(self, curve: Curve, choices: Choices, batch: Batch) -> dict[float, Point]:
        """Return the points of a curve by place on the axis."""
        _, unit, _ = MEASURES[curve.measure]
        return {
            x: point(
                batch,
                [self.task_name(curve, x, seed) for seed in choices.seeds],
                curve.measure,
                unit,
            )
            for x in self.points_of(curve, choices)
        }

    def write(self, folder: Path, choices: Choices, batch: Batch) -> str:
        """Write ``points.csv``, ``times.md`` and the table; return both for the terminal."""
        curves = self.curves_of(choices)
        points = {curve.name: self.points(curve, choices, batch) for curve in curves}
        write_csv(folder / "points.csv", self._rows(curves, points, choices))
        text = self._table(curves, points, choices)
        said = [f"- {one}" for one in self.compare(choices, batch) if one.ours is not None]
        if self._of_other_jobs(choices):
            said = [OTHER_WINDOW]
        if said:
            text += "\n" + "\n".join(said) + "\n"
        write_text(folder / self.table_file, f"# {self.title}\n\n{text}")
        times = _times(curves, points)
        write_text(folder / "times.md", f"# CPU time, figure {self.figure}\n\n{times}")
        return f"{text}\n{times}"

    def _of_other_jobs(self, choices: Choices) -> bool:
        """Whether there are published curves, of other jobs than these."""
        return not choices.as_published and any(panel.published for panel in self.panels)

    @property
    def table_file(self) -> str:
        """Name of the file of the table."""
        return "makespan.md" if self.measure == "makespan" else "jct.md"

    def _rows(
        self, curves: list[Curve], points: dict[str, dict[float, Point]], choices: Choices
    ) -> list[dict[str, Any]]:
        rows = []
        for curve in curves:
            published = self.published(curve.name)
            for x, one in points[curve.name].items():
                row: dict[str, Any] = {"curve": curve.name, "policy": curve.policy, self.axis: x}
                row |= {
                    f"seed_{seed}": value
                    for seed, value in zip(choices.seeds, one.values, strict=True)
                }
                paper = published.at(x) if published and choices.as_published else None
                row |= {self._column(curve): one.mean, self._paper_column(curve): paper}
                row |= {"state": one.state, "completed": one.completed, "measured": one.measured}
                if any(found.undecided for line in points.values() for found in line.values()):
                    row |= {"undecided": one.undecided}
                rows.append(row | {"cpu_seconds": round(one.cpu_seconds, 3)})
        return rows

    @staticmethod
    def _column(curve: Curve) -> str:
        _, unit, _ = MEASURES[curve.measure]
        hours = unit == HOUR
        name = curve.measure.replace("average_jct", "mean_jct")
        if curve.measure == "slo_violation_rate":
            return "slo_violations_percent"
        return f"{name.removesuffix('_low').removesuffix('_high')}_hours" if hours else name

    @staticmethod
    def _paper_column(curve: Curve) -> str:
        return "paper_hours" if MEASURES[curve.measure][1] == HOUR else "paper"

    def _table(
        self, curves: list[Curve], points: dict[str, dict[float, Point]], choices: Choices
    ) -> str:
        header = [AXES[self.axis][0]]
        for curve in curves:
            header.append(self._label(curve, curves))
            if choices.as_published and self.published(curve.name):
                header.append("paper")
        rows = []
        for x in sorted({x for curve in curves for x in points[curve.name]}):
            row = [exact(x)]
            for curve in curves:
                one = points[curve.name].get(x)
                digits = MEASURES[curve.measure][2]
                row.append("" if one is None else one.text(digits))
                published = self.published(curve.name)
                if choices.as_published and published is not None:
                    paper = published.at(x)
                    row.append("" if paper is None or one is None else f"{paper:{digits}}")
            rows.append(row)
        text = f"{self._heading(curves, choices)}\n\n{markdown(header, rows)}"
        notes = [note for word, note in NOTES.items() if word in text]
        return text + "".join(f"\n{note}\n" for note in notes)

    @staticmethod
    def _label(curve: Curve, others: Sequence[Curve]) -> str:
        """Return what a curve is called, with what it shows where not all of them show the same."""
        shown = [MEASURES[one.measure][0] for one in others]
        what = MEASURES[curve.measure][0]
        return curve.label if len(set(shown)) < 2 else f"{curve.label}: {what}"

    def _heading(self, curves: Sequence[Curve], choices: Choices) -> str:
        seeds = choices.named_seeds
        shown = dict.fromkeys(
            IN_UNIT.sub(r" in \1", MEASURES[curve.measure][0]) for curve in curves
        )
        of_all = any(curve.measure in OF_ALL_JOBS for curve in curves)
        what = " and ".join(shown)
        what = f"{what[0].upper()}{what[1:]}"
        if self.axis == "jobs":
            return f"{what}, {seeds}."
        start, end = choices.window
        whole = f"all {end - start:,} of each seed unless a count says otherwise"
        said = f"{what} of jobs {start} to {end - 1} ({whole}), {seeds}."
        if of_all:
            said += " Cost and makespan are those of all jobs until these were done."
        return said

    def compare(self, choices: Choices, batch: Batch) -> list[Comparison]:
        """Set the paper's headlines beside what came out, with the spread over common seeds."""
        known = {curve.name: curve for curve in self.curves}
        return [
            compared(
                claim,
                *(
                    self.points(known[name], choices, batch).get(claim.at)
                    for name in (claim.slower, claim.faster)
                ),
            )
            for claim in self.claims
        ]

    def quick(self, choices: Choices) -> Choices:
        """One seed, a fifth of the points and those of the claims; fewer and earlier jobs measured."""
        points = self.all_points()
        if not all(map(self._own_points, self.curves_of(choices))):
            points = sorted(set(choices.at or ()))
        if not points:
            return choices  # curves that are nowhere are refused
        wanted = {*points[:: -(-len(points) // 5)], *(claim.at for claim in self.claims)}
        at = tuple(x for x in points if x in wanted)
        if self.axis == "jobs":
            return replace(choices, seeds=choices.seeds[:1], at=at)
        return replace(choices, seeds=choices.seeds[:1], at=at, window=QUICK_WINDOW)

    def plot(self, folder: Path, choices: Choices, batch: Batch) -> list[Path]:
        """Draw ``figure-N.png``, ``.svg`` and ``.pdf``: our points on the paper's curves."""
        from simulator.studies.pictures.plots import Axes, Line, draw

        curves = self.curves_of(choices)
        panels = []
        for panel in self.panels:
            lines = []
            shown = [curve for curve in curves if curve.name in panel.curves]
            for curve in shown:
                points = self.points(curve, choices, batch)
                whole = {x: one for x, one in points.items() if one.mean is not None}
                endings = ("saturated", "horizon", "timeout", "partial")
                cut = {x: one.state for x, one in points.items() if one.state in endings}
                published = paper_curve(panel.published, panel.curves[curve.name])
                lines.append(
                    Line(
                        name=curve.name,
                        label=self._label(curve, shown),
                        x=tuple(whole),
                        y=tuple(one.mean or 0.0 for one in whole.values()),
                        spread=tuple(
                            (min(found), max(found))
                            for one in whole.values()
                            if (found := [v for v in one.values if v is not None])
                        ),
                        open_ended=tuple(cut),
                        endings=tuple(cut.values()),
                        undecided=tuple(x for x, one in whole.items() if one.undecided),
                        published=None
                        if published is None or not choices.as_published
                        else (published.x, published.y),
                    )
                )
            panels.append(
                Axes(
                    title=panel.title,
                    x_label=AXES[self.axis][1],
                    y_label=", ".join(dict.fromkeys(MEASURES[curve.measure][0] for curve in shown)),
                    lines=tuple(lines),
                    x_limits=_limits(
                        [x for line in lines for x in (*line.x, *line.open_ended)], choices
                    ),
                    y_limits=(0.0, self.highest),
                )
            )
        window = (
            f"jobs {choices.window[0]}–{choices.window[1] - 1}, " if self.axis == "rate" else ""
        )
        note = f"{window}{choices.named_seeds}"
        if self._of_other_jobs(choices):
            note += f". {OTHER_WINDOW}"
        return draw(folder / f"figure-{self.figure}", self.title, note, panels)


def _times(curves: list[Curve], points: dict[str, dict[float, Point]]) -> str:
    rows = []
    total, count = 0.0, 0
    counted: set[tuple[str, float]] = set()  # curves may be measures of the same runs
    for curve in curves:
        kept = curve.runs or curve.name
        own = {x: one for x, one in points[curve.name].items() if (kept, x) not in counted}
        if not own:
            continue
        counted |= {(kept, x) for x in own}
        spent = math.fsum(one.cpu_seconds for one in own.values())
        runs = sum(len(one.values) for one in own.values())
        slowest = max(own.items(), key=lambda item: item[1].cpu_seconds)
        rows.append(
            [
                curve.label,
                str(runs),
                seconds(spent),
                seconds(spent / runs),
                f"{seconds(slowest[1].cpu_seconds / len(slowest[1].values))} at {exact(slowest[0])}",
            ]
        )
        total, count = total + spent, count + runs
    rows.append(["all", str(count), seconds(total), seconds(total / max(count, 1)), ""])
    header = ["curve", "runs", "CPU seconds", "a run", "slowest point, a run"]
    return f"CPU seconds by curve.\n\n{markdown(header, rows)}"


def _limits(reached: Sequence[float], choices: Choices) -> tuple[float, float | None]:
    """Where the horizontal axis begins and ends: at 0 with all points, around them where some were chosen."""
    if choices.at is None or len(set(reached)) < 2:
        return 0.0, None
    room = 0.06 * (max(reached) - min(reached))
    return min(reached) - room, max(reached) + room
