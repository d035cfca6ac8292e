"""Weighs a job rate against the pace of a long queue: what is found, and how sure that is.

A load is a rate as a part of a pace. It is *saturated* if it is beyond 1 by more than the rule's margin and so many
standard errors, *sustained* if it is as many errors below 1, and *undecided* in between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simulator.runs.saturation.bounds import Bound
from simulator.runs.saturation.long_queue import Pace
from simulator.runs.saturation.rules import Finding, Parameters, Verdict
from simulator.settings.saturation_rule import DEFAULT_RULE

AGREE = 2.5
"""Standard errors within which the run's own pace and that of a long queue are two measurements of one thing."""

EARLY = 0.006
"""Part of a pace to which it is known at best before it has been measured to the end: few stretches may be alike by
chance."""

AT_ITS_BEST = 0.97
"""Part of the bound from which on no better is told of it either. There each job costs its price, so that its luck says nothing of the
error, and the stretches of one queue have most jobs in common: such paces are 0.2 to 0.4 % apart over seeds, and up to 1 %
below that of a longer queue. What is stopped is not said so: the margin is there for that."""


def finding_of(rate: float, pace: Pace, parameters: Parameters) -> Finding:
    """What :func:`weigh` finds."""
    load, error = load_of(rate, pace)
    doubt = parameters["errors"] * error
    if load - doubt > 1.0 + parameters["margin"]:
        return "saturated"
    return "sustained" if load + doubt < 1.0 else "undecided"


def load_of(rate: float, pace: Pace) -> tuple[float, float]:
    """A rate as a part of a pace, and the standard error of that."""
    return rate / pace.rate, rate * pace.error / pace.rate**2


def may_be_saturated(rate: float, pace: Pace, parameters: Parameters) -> bool:
    """Whether a pace known better could still show that a rate is beyond it by the margin."""
    load, error = load_of(rate, pace)
    return load + parameters["errors"] * error > 1.0 + parameters["margin"]


def known_to(pace: Pace, part: float) -> Pace:
    """A pace that is not known better than to a part of it."""
    return replace(pace, error=max(pace.error, part * pace.rate))


def pooled(paces: Sequence[Pace]) -> Pace:
    """Take several long queues of other jobs as one, by their hours.

    Not by their errors: those that are told too small, of a short measurement, would count most.
    """
    hours = np.array([pace.hours for pace in paces])
    part = hours / hours.sum()
    rate = float(part @ np.array([pace.rate for pace in paces]))
    error = float(np.linalg.norm(part * np.array([pace.error for pace in paces])))
    jobs = math.fsum(pace.jobs for pace in paces)
    return Pace(rate, error, float(hours.sum()), paces[-1].queue, jobs)


def together(queue: Pace, own: Pace) -> Pace:
    """Take the pace of a long queue and that of a run itself together, where they agree.

    Under a policy that gets better as the queue grows the run is slower, which must not count
    against it: they are then not two measurements of one thing, and the queue's alone stands.
    """
    if abs(own.rate - queue.rate) > AGREE * math.hypot(own.error, queue.error):
        return queue
    weight = queue.error**2 / (queue.error**2 + own.error**2)
    return replace(
        queue,
        rate=weight * own.rate + (1.0 - weight) * queue.rate,
        error=math.sqrt(weight) * own.error,
    )


def weigh(rate: float, pace: Pace, bound: Bound, parameters: Parameters) -> Verdict:
    """Verdict on a rate, given the pace at which a long queue is worked off.

    Saturated if the rate is beyond the pace by more than ``margin`` and ``errors`` standard errors,
    sustained if it is that many errors below the pace; undecided in between.

    Parameters
    ----------
    rate
        Jobs per hour that arrive.
    pace
        What was measured.
    bound
        What no policy could go beyond; for the figures.
    parameters
        Of the rule.
    """
    load, error = load_of(rate, pace)
    finding, limit = finding_of(rate, pace, parameters), 1.0 + parameters["margin"]
    told = pace
    if finding != "saturated" and pace.rate >= AT_ITS_BEST * bound.rate:
        told = known_to(pace, EARLY)
    figures = {
        "rate": rate,
        "pace": pace.rate,
        "standard_error": told.error,
        "load": load,
        "measured_hours": pace.hours,
        "measured_queue": float(pace.queue),
        "bound": bound.rate,
    }
    reason = (
        f"{rate:.4g} jobs arrive per hour; with a long queue ({pace.queue:,} jobs) the policy works "
        f"off {pace.rate:.4g} +/- {1.96 * told.error:.2g} (95% sure)"
    )
    if finding == "saturated":
        sure = (load - limit) / error
        many = f"{load - 1.0:.1%} too many" if load < 2.0 else f"{load:.3g} times as many"
        reason += (
            f": {many} arrive, and the queue grows for good "
            f"({sure:.0f} standard errors beyond what chance and a margin of {limit - 1.0:.1%} explain)"
        )
    elif finding == "sustained":
        reason += f", so it keeps up, with {1.0 - load:.1%} to spare"
    else:
        reason += (
            ": too close to call; if the queue grows for good, the mean of more jobs is longer"
        )
    return Verdict(DEFAULT_RULE, finding, reason, figures)


def beyond(rate: float, bound: Bound) -> Verdict:
    """Verdict on a rate that no policy can sustain."""
    shares = sorted(zip(bound.shares, bound.worker_types, strict=True), reverse=True)
    scarce = ", ".join(f"{name} {share:.0%}" for share, name in shares if share > 0.005)
    how = "even if jobs share workers" if bound.space_sharing else "one job at a time on a worker"
    reason = (
        f"no policy could sustain this: {rate:.4g} jobs arrive per hour, and the workers are enough "
        f"for {bound.rate:.4g} at most, {how} (proved by a linear program; what limits it: {scarce})"
    )
    figures = {"rate": rate, "bound": bound.rate}
    return Verdict(DEFAULT_RULE, "saturated", reason, figures)
