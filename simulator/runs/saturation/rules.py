"""Is a run saturated? Verdicts on simulated time, and the rules that are pure functions of the series.

The default rule is not one of them: it measures besides (:mod:`simulator.runs.saturation.judge`). No rule looks at a clock on the wall, so the same run gets the same verdict on every machine. All
rules look at every job, not only at the measured ones: while a run warms up, none of its measured
jobs has completed (see ``docs/saturation.md``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from gavel_opt.arrays import Floats, Ints
from simulator.world.units import HOUR

Finding = Literal["saturated", "sustained", "converged", "undecided", "unjudged", "not applicable"]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What the rules look at: one entry a round, and one a job that has arrived.

    Attributes
    ----------
    time
        Simulated seconds at the start of each round, shape ``(R,)``.
    active
        Jobs in the system, running or waiting, shape ``(R,)``.
    arrived, completed
        Jobs so far, shape ``(R,)``.
    utilization
        Share of the workers that were busy in the round, from 0 to 1, shape ``(R,)``.
    arrival, finish
        Seconds, by job in order of arrival, shape ``(n,)``; NaN for jobs not finished.
    arrival_rate
        Jobs per second that the workload offers in the long run.
    window
        First measured job and one past the last.
    """

    time: Floats
    active: Ints
    arrived: Ints
    completed: Ints
    utilization: Floats
    arrival: Floats
    finish: Floats
    arrival_rate: float
    window: tuple[int, int]

    @property
    def now(self) -> float:
        """Simulated seconds at the last round."""
        return float(self.time[-1]) if self.time.size else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule found, and the figures it rests on.

    Attributes
    ----------
    rule
        Name of the rule.
    finding
        ``saturated`` and ``converged`` stop a run; the others do not. ``undecided`` is a rate that was weighed
        and may be either, ``unjudged`` one at which there was nothing to weigh.
    reason
        One sentence with the figures that decided.
    figures
        Everything that was compared, by name.
    time
        Simulated seconds at which it was found.
    """

    rule: str
    finding: Finding
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)
    time: float = 0.0

    @property
    def stops(self) -> bool:
        """Whether a run ends on it."""
        return self.finding in ("saturated", "converged")


Parameters: TypeAlias = Mapping[str, float]
Rule: TypeAlias = Callable[[Series, Parameters], Verdict]


def completion_rate(series: Series, parameters: Parameters) -> Verdict:
    """Compare completions with arrivals while the cluster is full.

    The run is saturated once, after at least ``hours`` simulated hours and ``jobs`` completed jobs,
    utilization over ``window`` hours reaches ``utilization`` while completions per hour over the
    same hours are below ``ratio`` times the arrival rate; with ``rate`` above 0, while completions
    per hour since the start are below that number instead.
    """
    name = "completion-rate"
    time = series.time
    if time.size < 2:
        return Verdict(name, "undecided", "too early to tell", {}, series.now)
    window = parameters["window"] * HOUR
    first = np.searchsorted(time, time - window)
    busy = np.concatenate([[0.0], np.cumsum(series.utilization[:-1] * np.diff(time))])
    span = np.maximum(time - time[first], 1e-9)
    utilization = (busy - busy[first]) / span
    absolute = parameters["rate"] > 0
    arrivals = series.arrival_rate * HOUR
    if absolute:
        per_hour = series.completed / np.maximum(time, 1e-9) * HOUR
        bound = parameters["rate"]
    else:
        per_hour = (series.completed - series.completed[first]) / span * HOUR
        bound = parameters["ratio"] * arrivals
    late = (time >= max(parameters["hours"] * HOUR, window)) & (
        series.completed >= parameters["jobs"]
    )
    full = utilization >= parameters["utilization"]
    fires = np.flatnonzero(late & full & (per_hour < bound))
    place = int(fires[0]) if fires.size else -1
    figures = {
        "hours": float(time[place]) / HOUR,
        "completed": float(series.completed[place]),
        "utilization": float(utilization[place]),
        "completions_per_hour": float(per_hour[place]),
        "arrivals_per_hour": arrivals,
        "bound_per_hour": bound,
    }
    said = (
        f"{per_hour[place]:.2f} completions per hour against {arrivals:.2f} arrivals, at "
        f"{utilization[place]:.1%} utilization"
    )
    if fires.size:
        return Verdict(name, "saturated", said, figures, float(time[place]))
    if not late[-1]:
        return Verdict(name, "undecided", "too early to tell", figures, series.now)
    return Verdict(name, "sustained", said, figures, series.now)


def jct_growth(series: Series, parameters: Parameters) -> Verdict:
    """Compare mean completion times in consecutive windows of completed jobs.

    Jobs count in order of completion, ``jobs`` to a window; the first ``skip`` windows, in which
    only short jobs can have completed, do not count. ``windows`` consecutive ratios above
    ``growth`` mean saturated; as many below ``steady``, converged upon a mean (which does not stop
    the run: steady is not the same as measured).
    """
    name = "jct-growth"
    now = series.now
    done = np.flatnonzero(np.isfinite(series.finish))
    order = done[np.argsort(series.finish[done], kind="stable")]
    size, needed = int(parameters["jobs"]), int(parameters["windows"])
    count = order.size // size
    if count < needed + 1 + int(parameters["skip"]):
        return Verdict(name, "undecided", "too early to tell", {"windows": float(count)}, now)
    jct = (series.finish - series.arrival)[order[: count * size]].reshape(count, size).mean(axis=1)
    ratios = jct[-needed:] / jct[-needed - 1 : -1]
    figures = {"windows": float(count), "mean_jct": float(jct[-1])}
    figures |= {f"ratio_{place + 1}": float(ratio) for place, ratio in enumerate(ratios)}
    listed = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    if (ratios > parameters["growth"]).all():
        reason = f"mean completion time grew by {listed} from window to window"
        return Verdict(name, "saturated", reason, figures, now)
    if (ratios < parameters["steady"]).all():
        return Verdict(
            name, "sustained", f"mean completion time is steady ({listed})", figures, now
        )
    return Verdict(name, "undecided", f"ratios of mean completion time: {listed}", figures, now)


def convergence(series: Series, parameters: Parameters) -> Verdict:
    """Stop early once the mean is known well enough.

    Takes the measured jobs in order of arrival up to the first that is not finished (a later one
    that is would bias the mean towards short jobs), cuts them into ``batches`` and reads the
    confidence interval off the batch means, which respects that neighbours resemble each other.
    Batches must be long enough to be nearly uncorrelated: their lag-1 autocorrelation must be
    below the bound that chance alone would explain.
    """
    name = "convergence"
    now = series.now
    start, end = series.window
    finish = series.finish[start:end]
    open_jobs = np.flatnonzero(~np.isfinite(finish))
    clean = int(open_jobs[0]) if open_jobs.size else finish.size
    batches = int(parameters["batches"])
    size = clean // batches
    if size < int(parameters["jobs"]):
        return Verdict(name, "undecided", "too early to tell", {"jobs": float(clean)}, now)
    jct = (finish - series.arrival[start:end])[clean - size * batches : clean]
    mean, half, correlation = batch_means(jct, batches, parameters["confidence"])
    figures = {
        "jobs": float(jct.size),
        "mean_jct": mean,
        "lower": mean - half,
        "upper": mean + half,
        "confidence": parameters["confidence"],
        "batch_autocorrelation": correlation,
    }
    if abs(correlation) > 2.0 / math.sqrt(batches):
        return Verdict(name, "undecided", "batches are still correlated", figures, now)
    if half <= parameters["width"] * mean:
        reason = (
            f"mean completion time {mean:,.0f} s +/- {half:,.0f} s "
            f"({parameters['confidence']:.0%}, {jct.size} jobs)"
        )
        return Verdict(name, "converged", reason, figures, now)
    reason = f"the interval is +/- {half / mean:.1%}, wider than {parameters['width']:.1%}"
    return Verdict(name, "undecided", reason, figures, now)


def batch_means(values: Floats, batches: int, confidence: float) -> tuple[float, float, float]:
    """Mean, half width of its confidence interval, and lag-1 autocorrelation of the batch means.

    Parameters
    ----------
    values
        A stationary series, shape ``(n,)`` with n a multiple of ``batches``.
    batches
        How many batches; at least 2.
    confidence
        Such as 0.95.
    """
    from scipy.special import stdtrit

    means = values.reshape(batches, -1).mean(axis=1)
    mean = float(means.mean())
    spread = means - mean
    variance = float((spread**2).sum() / (batches - 1))
    half = float(stdtrit(batches - 1, 0.5 + confidence / 2)) * math.sqrt(variance / batches)
    energy = float((spread**2).sum())
    correlation = float((spread[1:] * spread[:-1]).sum() / energy) if energy > 0 else 0.0
    return mean, half, correlation


RULES: dict[str, Rule] = {
    "completion-rate": completion_rate,
    "jct-growth": jct_growth,
    "convergence": convergence,
}
"""Rules on the series by name."""


def judge(series: Series, setting: tuple[str, Parameters]) -> Verdict:
    """Apply a rule on the series as :func:`~simulator.settings.saturation_rule.parse_rule` gives it."""
    name, parameters = setting
    return RULES[name](series, parameters)
