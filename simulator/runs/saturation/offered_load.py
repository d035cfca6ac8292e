"""What a workload offers in the long run: exact means of the distributions that jobs are drawn from.

Capacity is compared with this, not with the jobs that happened to be drawn: durations are so uneven
(their standard deviation is 1.9 times their mean) that the mean of the first thousand jobs is off by
6 %. For a trace, what its jobs bring is all there is to know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.settings.config import RunConfig
from simulator.world.job_types import DISTRIBUTED, JOB_TYPES
from simulator.world.throughputs import Key

SCALE_FACTOR_SHARES = {1: 0.70, 2: 0.10, 4: 0.15, 8: 0.05}
"""Share of the jobs of a multi-GPU workload by scale factor."""

LONG_SHARE = 0.2
"""Share of the jobs that take 10^3 to 10^4 minutes; the others take 10^1.5 to 10^3."""


def mean_duration(fixed: float | None) -> float:
    """Mean duration of a drawn job in seconds on the reference worker type.

    The mean of ``10**u`` with ``u`` uniform on ``[a, b]`` is ``(10**b - 10**a) / ((b - a) ln 10)``.
    """
    if fixed is not None:
        return fixed
    long = _mean_power(3.0, 4.0)
    short = _mean_power(1.5, 3.0)
    return 60.0 * (LONG_SHARE * long + (1.0 - LONG_SHARE) * short)


def _mean_power(low: float, high: float) -> float:
    return float(10.0**high - 10.0**low) / ((high - low) * math.log(10.0))


def job_shares(config: RunConfig, keys: tuple[Key, ...]) -> NDArray[np.float64]:
    """Share of the drawn jobs that are of each key, shape ``(K,)``; it sums to 1."""
    share = np.zeros(len(keys))
    scales = SCALE_FACTOR_SHARES if config.multi_gpu else {1: 1.0}
    distributed = sum(DISTRIBUTED)
    place = {name: index for index, name in enumerate(JOB_TYPES)}
    for row, (name, scale) in enumerate(keys):
        if name not in place or scale not in scales:
            continue
        if scale == 1:
            share[row] = scales[1] / len(JOB_TYPES)
        elif DISTRIBUTED[place[name]]:
            share[row] = scales[scale] / distributed
    return share


def offered_work(config: RunConfig, keys: tuple[Key, ...]) -> NDArray[np.float64]:
    """Work that arrives per second, by job key, in reference worker-seconds; shape ``(K,)``.

    A job of scale factor s and duration d is s d reference worker-seconds of work. Zeros for
    workloads that are not drawn or do not go on.
    """
    if not config.interarrival:
        return np.zeros(len(keys))
    scale = np.array([scale for _, scale in keys], dtype=np.float64)
    per_second = mean_duration(config.fixed_duration) / config.interarrival
    return job_shares(config, keys) * scale * per_second


def trace_work(
    jobs: Mapping[str, NDArray[Any]], speed: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Work of known jobs by key and the seconds over which they arrive.

    Parameters
    ----------
    jobs
        Columns ``arrival``, ``key``, ``scale_factor`` and ``steps``, in order of arrival.
    speed
        Steps per second by which work is counted, by job key, shape ``(K,)``.

    Returns
    -------
    work
        Worker-seconds at that speed in all, shape ``(K,)``.
    span
        Seconds from the first arrival to the last; 0 if they arrive together.
    """
    work = np.zeros(speed.size)
    key, arrival = jobs["key"], jobs["arrival"]
    np.add.at(work, key, jobs["scale_factor"] * jobs["steps"] / speed[key])
    return work, float(arrival[-1] - arrival[0]) if arrival.size else 0.0
