"""Knees: the highest job rate that a policy sustains, from one or two long queues per seed.

The pace of a long queue is the knee (:mod:`simulator.runs.long_queue`). A first, short measurement
gives it within a few percent; a second one has jobs arrive at just that rate, so that the queue stays
as it is for as long as its mix of jobs takes to settle.

All policies of a seed see the same jobs in the same rhythm (common random numbers), so that they can be
compared seed by seed. Knees are kept in the output folder; the same command goes on where it stopped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gavel_opt import GavelError, InputError
from simulator.runs.bounds import Bound, highest_rate, packs
from simulator.runs.config import RunConfig
from simulator.runs.files import write_atomically
from simulator.runs.long_queue import DEMANDS, LongQueue, Pace

FIRST_TURNOVERS = 0.5
"""Length of the first measurement: hours in which half as many jobs arrive as the queue has."""

TURNOVERS = 6.0
"""Length of the second; its first part is left out, while the mix of jobs settles."""

DEMAND, OVERFULL = 8.0, 1.01
"""Workers that the queue asks for, per worker; by how much more jobs arrive than it works off at first."""

STRETCHES, SETTLING = 8, 3
"""Stretches of the second measurement, and those left out."""


@dataclass(slots=True)
class Knee:
    """The knee of one policy.

    Attributes
    ----------
    policy
        Its name.
    bound
        What no policy could go beyond.
    by_seed
        Seed to the pace of a long queue.
    """

    policy: str
    bound: Bound
    by_seed: dict[int, Pace] = field(default_factory=dict)

    @property
    def values(self) -> list[float]:
        """Jobs per hour, in order of seed."""
        return [pace.rate for _, pace in sorted(self.by_seed.items())]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return math.fsum(self.values) / len(self.values)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Confidence interval of the mean over seeds (Student's t).

        No narrower than the measurements themselves allow; from one seed, theirs alone.
        """
        from scipy.special import ndtri, stdtrit

        n, mean = len(self.values), self.mean
        errors = math.fsum(pace.error**2 for pace in self.by_seed.values())
        half = float(ndtri(0.5 + confidence / 2)) * math.sqrt(errors) / n
        if n > 1:
            variance = math.fsum((value - mean) ** 2 for value in self.values) / (n - 1)
            seeds = float(stdtrit(n - 1, 0.5 + confidence / 2)) * math.sqrt(variance / n)
            half = max(half, seeds)
        return mean - half, mean + half


def knee_of(config: RunConfig, bound: Bound) -> Pace:
    """Measure the knee of one policy and seed.

    Parameters
    ----------
    config
        Policy, cluster, workload and seed; its rate does not matter.
    bound
        What no policy could go beyond (:func:`simulator.runs.bounds.highest_rate`).

    Raises
    ------
    gavel_opt.GavelError
        From the policy and its engines.
    """
    demand = DEMANDS.get(config.policy, DEMAND)
    hours = 60.0
    first = LongQueue(config, bound, hours, demand)
    for _ in range(2):
        first.go_on(min(hours, first.turnover * FIRST_TURNOVERS) / 2)
    guess = min(first.pace(1).rate, bound.rate)
    hours = first.turnover * bound.rate / guess * TURNOVERS
    queue = LongQueue(config, bound, hours, demand, OVERFULL * guess, first.settled_mix(1))
    for _ in range(STRETCHES):
        queue.go_on(hours / STRETCHES)
    return queue.pace(SETTLING)


def knees(
    configs: dict[str, RunConfig],
    seeds: Sequence[int],
    folder: Path | None = None,
    announce: Callable[[str, int, Pace], None] = lambda policy, seed, pace: None,
) -> list[Knee]:
    """Measure the knees of several policies on several seeds.

    Parameters
    ----------
    configs
        Policy to its run.
    seeds
        Seeds.
    folder
        Keeps what has been measured, if given.
    announce
        Called with what is measured anew.

    Raises
    ------
    InputError
        If the folder holds something else.
    gavel_opt.GavelError
        From the policies and their engines.
    """
    store = _Store(folder)
    found = []
    for policy, config in configs.items():
        knee = Knee(policy, highest_rate(config, packs(config)))
        for seed in seeds:
            seeded = replace(config, seed=seed)
            pace = store.find(seeded)
            if pace is None:
                try:
                    pace = knee_of(seeded, knee.bound)
                except InputError:
                    raise
                except GavelError as wrong:
                    raise type(wrong)(f"{policy}, seed {seed}: {wrong}") from wrong
                store.keep(seeded, pace)
                announce(policy, seed, pace)
            knee.by_seed[seed] = pace
        found.append(knee)
    if folder is not None:
        text = json.dumps([as_json(knee) for knee in found], indent=2) + "\n"
        write_atomically(folder / "knee.json", text.encode())
    return found


class _Store:
    """Paces measured so far, by run; kept in the output folder if there is one."""

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / "paces.json"
        self._paces: dict[str, dict[str, Any]] = {}
        if self._path is not None and self._path.exists():
            try:
                self._paces = json.loads(self._path.read_text())
            except (OSError, ValueError) as wrong:
                raise InputError(f"--output: cannot read {self._path}: {wrong}") from None

    def find(self, config: RunConfig) -> Pace | None:
        """What was measured of a run."""
        found = self._paces.get(_key(config))
        return None if found is None else Pace(**found)

    def keep(self, config: RunConfig, pace: Pace) -> None:
        """Keep what was measured of a run."""
        self._paces[_key(config)] = asdict(pace)
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, (json.dumps(self._paces, indent=1) + "\n").encode())


def _key(config: RunConfig) -> str:
    """Name of a run by everything that its knee depends on."""
    return json.dumps(replace(config, interarrival=1.0).to_json(), sort_keys=True)


def as_json(knee: Knee) -> dict[str, Any]:
    """One policy's knee as JSON values."""
    return {
        "policy": knee.policy,
        "knee": knee.mean,
        "interval": list(knee.interval()),
        "confidence": 0.95,
        "bound": knee.bound.rate,
        "by_seed": {str(seed): asdict(pace) for seed, pace in knee.by_seed.items()},
    }


def as_text(found: Sequence[Knee]) -> str:
    """Table of the knees, the highest first, with their bounds and how much load each sustains."""
    width = max(len(knee.policy) for knee in found)
    least = min(knee.mean for knee in found)
    lines = [
        f"  {'policy':<{width}}  {'jobs/hr':>8}  {'95% interval':>14}  {'bound':>6}  {'load':>6}"
    ]
    for knee in sorted(found, key=lambda knee: -knee.mean):
        low, high = knee.interval()
        lines.append(
            f"  {knee.policy:<{width}}  {knee.mean:>8.2f}  {f'{low:.2f} - {high:.2f}':>14}  "
            f"{knee.bound.rate:>6.2f}  {knee.mean / least:>5.2f}x"
        )
    return "\n".join(lines)


def bound_as_json(bound: Bound) -> dict[str, Any]:
    """A bound and its prices as JSON values."""
    columns = (bound.workers, bound.use, bound.shares, bound.prices)
    names = ("workers", "in_use", "share", "price")
    types = {
        name: {key: float(column[place]) for key, column in zip(names, columns, strict=True)}
        for place, name in enumerate(bound.worker_types)
    }
    return {"bound": bound.rate, "space_sharing": bound.space_sharing, "worker_types": types}


def bound_as_text(bound: Bound, of_trace: bool) -> str:
    """A bound and its prices, a line a worker type.

    For a trace the load is said, which is what its jobs ask for over what there is: at the bound, the
    load of the bottleneck is 1, and the trace is 1 / bound times that.
    """
    how = "jobs may share workers" if bound.space_sharing else "one job at a time on a worker"
    if of_trace:
        load = 1.0 / bound.rate
        verdict = "more than any policy can do" if load > 1.0 else "so it can be done"
        lines = [
            f"  the trace offers {load:.0%} of what the cluster can do at best, {verdict} ({how})"
        ]
    else:
        load = 1.0
        lines = [f"  no policy can go beyond {bound.rate:.3f} jobs per hour ({how})"]
    title = "offered load" if of_trace else "in use"
    lines.append(f"  {'type':<10}{'workers':>8}{title:>14}{'share of limit':>16}{'one more':>10}")
    scarcest = float((bound.prices * (bound.workers > 0)).max())
    for place, name in enumerate(bound.worker_types):
        price = bound.prices[place]
        mark = "  bottleneck" if price == scarcest else ""
        lines.append(
            f"  {name:<10}{bound.workers[place]:>8.0f}{load * bound.use[place]:>14.0%}"
            f"{bound.shares[place]:>16.1%}{price / bound.rate:>+10.2%}{mark}"
        )
    return "\n".join(lines)


def plot(found: Sequence[Knee], path: Path, title: str) -> list[Path]:
    """Draw the knees, one line a policy, with intervals, the seeds' own and the bounds, as SVG and PNG.

    Parameters
    ----------
    found
        The knees, in any order.
    path
        The SVG file; the PNG stands beside it.
    title
        Above the axes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from simulator.studies.plots import styles

    ordered = sorted(found, key=lambda knee: knee.mean)
    paint = styles([knee.policy for knee in ordered])
    figure = Figure(figsize=(7.6, 2.2 + 0.45 * len(ordered)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    ink = "#22262b"
    for place, knee in enumerate(ordered):
        colour, marker = paint[knee.policy]
        axes.plot(knee.interval(), (place, place), color=colour, linewidth=6, alpha=0.3)
        axes.plot(knee.values, [place] * len(knee.values), "|", color=colour, markersize=9)
        axes.plot(knee.mean, place, marker, color=colour)
        axes.plot([knee.bound.rate] * 2, (place - 0.35, place + 0.35), color=ink, linewidth=1.5)
        axes.annotate(
            f"{knee.mean:.2f}", (knee.mean, place), (-6, 7), textcoords="offset points", ha="right"
        )
    axes.set_yticks(range(len(ordered)), [knee.policy for knee in ordered])
    axes.set_ylim(-0.6, len(ordered) - 0.3)
    axes.set_xlim(0.0, 1.05 * max(knee.bound.rate for knee in ordered))
    axes.set_xlabel("jobs per hour (band: 95%, ticks: seeds, black: bound)")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, x=0.012, ha="left", fontweight="bold", fontsize=10)
    files = [path, path.with_suffix(".png")]
    for file in files:
        figure.savefig(file, dpi=160)
    return files
