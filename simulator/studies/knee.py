"""Knees: the highest job rate that a policy sustains, from one or two long queues per seed.

The pace of a long queue is the knee (:mod:`simulator.runs.saturation.long_queue`). A policy that matches jobs to
workers gets better as it has more to choose from, so a first measurement has a queue of many jobs per
worker. If its pace is next to the bound, which no policy can pass, that is the answer: whatever the mix of
jobs, nothing is wasted. If it is not so near, or many jobs have had no turn yet, the same queue goes on until it has
settled; a shorter one would be worse matched. A policy that wastes some does so whatever the length of its queue, but its pace
depends on the mix, which a short queue turns over sooner: so a second, shorter queue starts with the mix
that the first was drifting to, jobs arrive at the pace of the first, and it goes on until the pace is known
well enough. Where its mix drifts far again another follows: jobs that fit on few servers may be left behind
until there are hardly any others (not so where jobs are matched to workers, which is worse done with only
jobs of one kind).

All policies of a seed see the same jobs in the same rhythm (common random numbers), so that they can be
compared seed by seed. Each measurement is a piece of work of its own, kept in the output folder as it comes: the
same command goes on where it stopped, and several machines can share one plan.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from gavel_opt import GavelError
from gavel_opt.kernels.jit import clock
from simulator.files.whole_files import write_atomically
from simulator.process.timeout_watch import watched
from simulator.runs.output.recording import unsolved_kept
from simulator.runs.saturation.bounds import Bound, highest_rate, packs
from simulator.runs.saturation.long_queue import (
    ANOTHER_MIX,
    WASTES,
    LongQueue,
    Pace,
    demand_of,
    settled_demand,
    times_as_few,
)
from simulator.settings.config import RunConfig
from simulator.studies.batches.batch import Batch, Task, file_name, told_apart
from simulator.studies.executors import Payload

LONG = 8.0
"""Workers that the first queue asks for, per worker."""

LONGER = {"max_sum_throughput_normalized_by_cost_packed_SLOs": 10.0}
"""The same under policies with which one of pairs is worked off too slowly: on 36:36:36 one of 5 does 0.986 of what one of 20 does."""

FIRST_HOURS, FIRST_TURNOVERS = 60.0, 0.5
"""Length of the first measurement at most; a turnover is the time in which as many jobs arrive as wait."""

AT_ITS_BEST = 0.97
"""Part of the bound from which on a first measurement is the answer."""

LEFT_OUT = 0.2
"""Part of the jobs that may get no turn in the first measurement if that is to be the answer: a policy that
picks the jobs that suit it (most throughput, say) has yet to come to the others."""

TURNOVERS, LONGER_TURNOVERS, MOST_TURNOVERS = 3.0, 1.0, 6.0
"""Least length of the second, that of longer queues, which change little as they turn over, and the largest, on clusters of the usual
number of workers."""

ENOUGH = 0.008
"""Standard error, as a part of the pace, at which the second measurement ends."""

OVERFULL, MOST_OVERFULL = 1.01, 0.05
"""By how much more jobs arrive in the second measurement than the queue works off, and how much more again
where that is not well known."""

MOST_MIXES = 4
"""Second queues at most, each with the mix that the one before drifted to."""

STRETCHES, SETTLING = 8, 1
"""Stretches in the least length of the second measurement, and those left out while it settles."""

SHARED_STRETCHES, SHARED_SETTLING = 16, 6
"""The same where jobs on one worker each share workers: for two turnovers such a queue is worked off too slowly."""


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
    cpu_seconds
        What measuring took, all seeds.
    """

    policy: str
    bound: Bound
    by_seed: dict[int, Pace] = field(default_factory=dict)
    cpu_seconds: float = 0.0

    def __repr__(self) -> str:
        """One line: the bound alone would fill a screen."""
        if not self.by_seed:
            return (
                f"<Knee of {self.policy}: not measured, bound {self.bound.rate:.4g} jobs per hour>"
            )
        low, high = self.interval()
        return (
            f"<Knee of {self.policy}: {self.mean:.4g} jobs per hour (95 % interval {low:.4g} to {high:.4g}, "
            f"seeds {', '.join(map(str, sorted(self.by_seed)))}), bound {self.bound.rate:.4g}>"
        )

    @property
    def values(self) -> list[float]:
        """Jobs per hour, in order of seed."""
        return [pace.rate for _, pace in sorted(self.by_seed.items())]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return math.fsum(self.values) / len(self.values)

    @property
    def either_way(self) -> float:
        """Jobs per hour by which the mean over seeds may be off, with 95 % probability (Student's t).

        No less than the measurements themselves allow; from one seed, theirs alone.
        """
        from scipy.special import ndtri, stdtrit

        n, mean = len(self.values), self.mean
        errors = math.fsum(pace.error**2 for pace in self.by_seed.values())
        half = float(ndtri(0.975)) * math.sqrt(errors) / n
        if n > 1:
            variance = math.fsum((value - mean) ** 2 for value in self.values) / (n - 1)
            seeds = float(stdtrit(n - 1, 0.975)) * math.sqrt(variance / n)
            half = max(half, seeds)
        return half

    def interval(self) -> tuple[float, float]:
        """Mean over seeds, :attr:`either_way`, as far as a knee can be: from nothing up to the bound."""
        low, high = self.mean - self.either_way, self.mean + self.either_way
        return max(0.0, low), min(high, max(self.bound.rate, self.mean))


def knee_of(config: RunConfig, bound: Bound) -> Pace:
    """Measure the knee of one policy and seed.

    Parameters
    ----------
    config
        Policy, cluster, workload and seed; its rate does not matter.
    bound
        What no policy could go beyond (:func:`simulator.runs.saturation.bounds.highest_rate`).

    Raises
    ------
    gavel_opt.GavelError
        From the policy and its engines, and after the config's ``timeout``.
    """
    late = clock() + config.timeout
    with watched(config.timeout, lambda: late - clock()):
        return _pace_by(late, config, bound)


def _pace_by(late: float, config: RunConfig, bound: Bound) -> Pace:

    def go_on(queue: LongQueue, hours: float) -> None:
        if clock() >= late:
            raise GavelError(f"its pace was not known after {config.timeout:g} s (--timeout)")
        queue.go_on(hours)

    long = LONGER.get(config.policy, demand_of(config.policy, LONG))
    turnovers = long * float(bound.workers.sum()) / bound.rate  # at least
    first = LongQueue(config, bound, FIRST_HOURS + TURNOVERS * turnovers, long)
    hours = min(FIRST_HOURS, first.turnover * FIRST_TURNOVERS)
    for _ in range(4):
        go_on(first, hours / 4)
    pace = first.pace(1)
    picks = first.left_out() > LEFT_OUT
    if pace.rate - pace.error >= AT_ITS_BEST * bound.rate and not picks:
        return pace
    if pace.rate >= WASTES * bound.rate:
        # Jobs are matched to workers, for which there must be many: so the same queue goes on until it has settled.
        length = LONGER_TURNOVERS if config.policy in LONGER else TURNOVERS
        for _ in range(STRETCHES):
            go_on(first, length * first.turnover / STRETCHES)
        settled = first.pace(4 + math.ceil(STRETCHES / TURNOVERS))
        picks = first.left_out() > LEFT_OUT
        if not picks or bound.space_sharing:  # of two jobs a worker a shorter one has not enough
            return settled
    most = MOST_TURNOVERS * times_as_few(float(bound.workers.sum()))
    demand = min(long, settled_demand(bound))
    # one that is served in order has the jobs that come
    mix = None if first.in_order else first.settled_mix(SETTLING)
    drifts = pace.rate < WASTES * bound.rate and not picks and not first.in_order
    least, settling = STRETCHES, SETTLING
    if bound.space_sharing and not config.multi_gpu:
        least, settling = SHARED_STRETCHES, SHARED_SETTLING
    for _ in range(MOST_MIXES):
        guess = min(pace.rate, bound.rate)
        turnover = first.turnover * bound.rate / guess * demand / long
        # A queue that runs dry says nothing, one that grows somewhat does no harm.
        arrivals = guess * OVERFULL + min(2.0 * pace.error, MOST_OVERFULL * guess)
        queue = LongQueue(config, bound, most * turnover, demand, arrivals, mix)
        pace = _settled_pace(queue, partial(go_on, queue), turnover, (least, most), settling, picks)
        drift = queue.settled_mix(SETTLING)
        if not drifts or float(drift.max()) <= ANOTHER_MIX:
            break
        mix = drift if mix is None else mix * drift
    return pace


def _settled_pace(
    queue: LongQueue,
    go_on: Callable[[float], None],
    turnover: float,
    limits: tuple[int, float],
    settling: int,
    picks: bool,
) -> Pace:
    """Measure a queue, after so many stretches, until its pace is known well enough.

    For so many stretches at least and so many turnovers at most, as the limits say.
    """
    stretch = TURNOVERS * turnover / STRETCHES
    least, most = limits
    while True:
        go_on(stretch)
        done = len(queue.rates)
        if done >= least:
            pace = queue.pace(settling)
            known = pace.error <= ENOUGH * pace.rate and not picks
            if known or done * stretch >= most * turnover:
                return pace


@dataclass(frozen=True, slots=True)
class Sought:
    """The knees that are asked for, as a plan of pieces that any process can carry out.

    Attributes
    ----------
    configs
        Policy to its run.
    seeds
        Seeds.
    """

    configs: dict[str, RunConfig]
    seeds: Sequence[int]

    def tasks(self) -> list[Task]:
        """Return one piece of work for each policy and seed."""
        names = self._names()
        return [
            Task(names[policy, seed], {"knee": replace(config, seed=seed).to_json()})
            for policy, config in self.configs.items()
            for seed in self.seeds
        ]

    def _names(self) -> dict[tuple[str, int], str]:
        apart = told_apart(self.configs)
        return {
            (policy, seed): file_name([("", name), ("seed", seed)])
            for policy, name in apart.items()
            for seed in self.seeds
        }

    def knees(self, batch: Batch) -> list[Knee]:
        """Make the knees of what came out, of those policies of which every seed is there."""
        found, names = [], self._names()
        for policy, config in self.configs.items():
            kept = {seed: batch.done.get(names[policy, seed]) for seed in self.seeds}
            if all(kept.values()):
                knee = Knee(policy, highest_rate(config, packs(config)))
                for seed, one in kept.items():
                    assert one is not None
                    knee.by_seed[seed] = Pace(**one["result"])
                    knee.cpu_seconds += one["cpu_seconds"]
                found.append(knee)
        return found


def measure(payload: Payload) -> dict[str, Any]:
    """Measure the knee of one policy and seed; the work of a piece of the plan."""
    config = RunConfig.from_json(payload["knee"])
    with unsolved_kept():
        return asdict(knee_of(config, highest_rate(config, packs(config))))


def write(found: Sequence[Knee], folder: Path) -> None:
    """Write ``knee.json`` into a folder."""
    text = json.dumps([as_json(knee) for knee in found], indent=2) + "\n"
    write_atomically(folder / "knee.json", text.encode())


def as_json(knee: Knee) -> dict[str, Any]:
    """One policy's knee as JSON values."""
    return {
        "policy": knee.policy,
        "knee": knee.mean,
        "interval": list(knee.interval()),
        "confidence": 0.95,
        "bound": knee.bound.rate,
        "cpu_seconds": round(knee.cpu_seconds, 3),
        "by_seed": {str(seed): asdict(pace) for seed, pace in knee.by_seed.items()},
    }


def as_text(found: Sequence[Knee]) -> str:
    """Table of the knees, the highest first, with their bounds and how much load each sustains."""
    width = max(len(knee.policy) for knee in found)
    least = min(knee.mean for knee in found)
    digits = _digits(found)
    lines = [
        f"  {'policy':<{width}}  {'jobs/hr':>8}  {'95% interval':>14}  {'bound':>6}  {'load':>6}"
    ]
    for knee in sorted(found, key=lambda knee: -knee.mean):
        low, high = knee.interval()
        lines.append(
            f"  {knee.policy:<{width}}  {knee.mean:>8.{digits}f}  "
            f"{f'{low:.{digits}f} - {high:.{digits}f}':>14}  "
            f"{knee.bound.rate:>6.{digits}f}  {knee.mean / least:>5.2f}x"
        )
    return "\n".join([*lines, *_caution(found)])


def _caution(found: Sequence[Knee]) -> list[str]:
    """What to know of intervals from few seeds, nothing where there are enough."""
    if any(len(knee.by_seed) == 1 for knee in found):
        return ["  one seed: the intervals leave out how far seeds are apart"]
    wide = [knee.policy for knee in found if knee.either_way > _WIDE * knee.mean]
    if not wide:
        return []
    more = f"--seed 0-{2 * max(len(knee.by_seed) for knee in found) - 1}"
    which = ", ".join(wide) if len(wide) <= _NAMED else f"{len(wide)} of the policies"
    return [f"  too few seeds to know {which} to {_WIDE:.0%}; more of them help, as in {more}"]


_WIDE, _NAMED = 0.1, 3
"""Part of a knee that is a wide interval to either side, and policies with one that are named."""


def _digits(found: Sequence[Knee]) -> int:
    """Decimals of rates beside each other: two, or as many as show three digits of the lowest."""
    return _decimals(min(knee.mean for knee in found), 2)


def _decimals(rate: float, least: int) -> int:
    """Decimals that show three digits of a rate, and so many at least."""
    return max(least, 2 - math.floor(math.log10(rate))) if rate > 0.0 else least


def bound_as_json(bound: Bound, of_trace: bool) -> dict[str, Any]:
    """A bound and its prices as JSON values; of a trace also the load that it offers, all and by worker type."""
    columns = (bound.workers, bound.use, bound.shares, bound.prices)
    names = ("workers", "in_use", "share", "price")
    types = {
        name: {key: float(column[place]) for key, column in zip(names, columns, strict=True)}
        for place, name in enumerate(bound.worker_types)
    }
    found = {"bound": bound.rate, "space_sharing": bound.space_sharing, "worker_types": types}
    if of_trace:
        found["offered_load"] = 1.0 / bound.rate
        for one in types.values():
            one["offered_load"] = one["in_use"] / bound.rate
    return found


def bound_as_text(bound: Bound, of_trace: bool) -> str:
    """A bound and its prices, a line a worker type.

    For a trace the load is said, which is what its jobs ask for over what there is: at the bound, the
    load of the bottleneck is 1, and the trace is 1 / bound times that.
    """
    how = "jobs may share workers" if bound.space_sharing else "one job at a time on a worker"
    if of_trace:
        load = 1.0 / bound.rate
        verdict = "more than any policy can do" if load > 1.0 else "so it can be done"
        part = f"{load:.1%} of" if load < _MANY_TIMES else f"{load:,.1f} times"
        lines = [f"  the trace offers {part} what the cluster can do at best, {verdict} ({how})"]
    else:
        load = 1.0
        rate = f"{bound.rate:,.{_decimals(bound.rate, 3)}f}"
        lines = [f"  no policy can go beyond {rate} jobs per hour ({how})"]
    title = "offered load" if of_trace else "in use"
    width = max(10, *(len(name) + 1 for name in bound.worker_types))
    lines.append(
        f"  {'type':<{width}}{'workers':>8}{title:>14}{'share of limit':>16}{'one more':>10}"
    )
    scarcest = float((bound.prices * (bound.workers > 0)).max())
    for place, name in enumerate(bound.worker_types):
        price = bound.prices[place]
        mark = "  bottleneck" if price == scarcest else ""
        lines.append(
            f"  {name:<{width}}{bound.workers[place]:>8.0f}{load * bound.use[place]:>14.0%}"
            f"{bound.shares[place]:>16.1%}{price / bound.rate:>+10.2%}{mark}"
        )
    return "\n".join(lines)


_MANY_TIMES = 10.0
"""Load from which on it is told in times what there is."""


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

    from simulator.studies.pictures.styles import INK, plain, styles_apart

    ordered = sorted(found, key=lambda knee: knee.mean)
    paint = styles_apart(list(dict.fromkeys(knee.policy for knee in ordered)))
    digits = _digits(ordered)
    figure = Figure(figsize=(7.6, 2.2 + 0.45 * len(ordered)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, knee in enumerate(ordered):
        colour, marker = paint[knee.policy]
        (band,) = axes.plot(knee.interval(), (place, place), color=colour, linewidth=6, alpha=0.3)
        band.set_solid_capstyle("butt")  # not beyond its ends
        axes.plot(knee.values, [place] * len(knee.values), "|", color=colour, markersize=9)
        axes.plot(knee.mean, place, marker, color=colour)
        axes.plot([knee.bound.rate] * 2, (place - 0.35, place + 0.35), color=INK, linewidth=1.5)
        axes.annotate(
            f"{knee.mean:.{digits}f}",
            (knee.mean, place),
            (-6, 7),
            textcoords="offset points",
            ha="right",
        )
    axes.set_yticks(range(len(ordered)), [plain(knee.policy) for knee in ordered])
    axes.set_ylim(-0.6, len(ordered) - 0.3)
    lowest = min(knee.interval()[0] for knee in ordered)
    highest = max(max(knee.bound.rate, *knee.values) for knee in ordered)
    # From nothing on unless that leaves most of the picture empty.
    begins = 0.95 * lowest - 0.1 * (highest - lowest) if lowest > highest / 2 else 0.0
    axes.set_xlim(begins, highest + 0.05 * (highest - begins))
    axes.set_xlabel("jobs per hour (band: 95%, ticks: seeds, black: bound)", loc="right")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(plain(title), x=0.012, ha="left", fontweight="bold", fontsize=10)
    files = [path, path.with_suffix(".png")]
    for file in files:
        figure.savefig(file, dpi=160)
    return files
