"""When jobs started, how often they left, and their worker time, from the segments, compiled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.records import record

STAY = record(
    first="i4",  # first round in which it ran, -1 for none
    until="i4",  # last round so far
    left="i4",  # how often it had left its workers when it ran again
)


class Stretches(NamedTuple):
    """Segments in the order of first rounds, shape ``(n,)`` each."""

    job: np.ndarray
    partner: np.ndarray
    worker: np.ndarray
    first: np.ndarray
    last: np.ndarray


class Clocks(NamedTuple):
    """When rounds start and end, when jobs are done (NaN: are not), and each worker's type."""

    start: np.ndarray
    end: np.ndarray
    finish: np.ndarray
    kind: np.ndarray


@compiled
def follow_jobs(segments: Stretches, stays: np.ndarray) -> None:
    """Go on with the STAY of each job."""
    for k in range(len(segments.job)):
        _follow(stays[segments.job[k]], segments.first[k], segments.last[k])
        if segments.partner[k] >= 0:
            _follow(stays[segments.partner[k]], segments.first[k], segments.last[k])


@compiled
def _follow(stay: Any, first: int, last: int) -> None:
    if stay.first < 0:
        stay.first = first
    elif first > stay.until + 1:
        stay.left += 1
    stay.until = max(stay.until, last)


@compiled
def add_times(partners: bool, segments: Stretches, clocks: Clocks, times: np.ndarray) -> None:
    """Add what segments give to jobs, or to those beside them, to ``times``, shape ``(J, jobs)``."""
    for k in range(len(segments.job)):
        job = segments.partner[k] if partners else segments.job[k]
        if job >= 0:
            until = clocks.end[segments.last[k]]
            if clocks.finish[job] < until:
                until = clocks.finish[job]
            seconds = until - clocks.start[segments.first[k]]
            if seconds > 0:
                times[clocks.kind[segments.worker[k]], job] += seconds
