"""Jobs in order of arrival: drawn from random streams, or read from a trace.

The streams are Python's, one per concern, derived from the run's seed exactly as the reference
derives them (``mechanism.md``, random streams), so that a seed means the same jobs here and there.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from gavel_opt import InputError
from gavel_opt.kernels.random_streams import stream
from simulator.world.job_types import DISTRIBUTED, JOB_TYPES, SCALE_FACTORS, WORKLOADS
from simulator.world.jobs import Jobs
from simulator.world.sampling import KIND, RULES, Sampling, draw_jobs
from simulator.world.throughputs import REFERENCE_TYPE, Measurements


class Workload(Protocol):
    """Where jobs come from.

    Attributes
    ----------
    jobs
        The jobs known so far.
    limit
        How many there will ever be; None if they keep coming.
    """

    jobs: Jobs
    limit: int | None

    def extend(self, count: int) -> None:
        """Make at least ``count`` more jobs known, or all that there are."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """Everything that changes, as JSON values and arrays."""
        ...

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        ...


@dataclass(frozen=True, slots=True)
class DrawSettings:
    """How jobs are drawn.

    Attributes
    ----------
    seed
        Of all streams.
    interarrival
        Mean seconds between arrivals; 0 puts every job at time 0.
    limit
        Number of jobs, or None.
    multi_gpu, multi_priority
        Whether jobs may need several workers, whether a fifth of them has weight 5.
    fixed_duration
        Seconds on the reference type for every job, or None.
    slos
        Whether jobs draw a deadline.
    entities
        How many entities the jobs belong to, in turn as they arrive.
    workload
        In which order job types are drawn from: one of :data:`simulator.world.job_types.WORKLOADS`.
    """

    seed: int
    interarrival: float
    limit: int | None = None
    multi_gpu: bool = False
    multi_priority: bool = False
    fixed_duration: float | None = None
    slos: bool = False
    entities: int = 1
    workload: str = "artifact"


_STREAMS = slice(2, None)
"""Of what jobs are drawn from."""


class DrawnWorkload:
    """Jobs drawn from the paper's distributions, arrivals a Poisson process.

    Raises
    ------
    InputError
        If a job type that may be drawn has no throughput on the reference type.
    """

    def __init__(self, settings: DrawSettings, measurements: Measurements) -> None:
        self.settings = settings
        self.jobs = Jobs()
        self.limit = settings.limit
        kinds = _kinds(measurements, settings.workload, settings.multi_gpu)
        fixed = settings.fixed_duration
        rules = np.zeros(1, RULES)
        rules["base"] = 10.0
        rules["interarrival"] = settings.interarrival
        rules["duration"] = math.nan if fixed is None else fixed
        for name in ("entities", "multi_gpu", "multi_priority", "slos"):
            rules[name] = getattr(settings, name)
        streams = (stream(settings.seed + offset) for offset in (2, 3, 6))
        self._sampling = Sampling(rules, kinds, *streams)

    def rows(self) -> list[int]:
        """Rows of the throughput table that jobs may be drawn from."""
        keys = self._sampling.kinds["key"]
        return sorted(set(keys[keys >= 0].tolist()))

    def extend(self, count: int) -> None:
        """Draw ``count`` more jobs, up to the limit."""
        if self.limit is not None:
            count = min(count, self.limit - self.jobs.size)
        if count <= 0:
            return
        draw_jobs(self._sampling, self.jobs.add(count))

    def queue_up(
        self, key: np.ndarray, scale_factor: np.ndarray, steps: np.ndarray, duration: np.ndarray
    ) -> None:
        """Have a queue of such jobs there at time 0; the drawn jobs after them arrive one by one.

        The first jobs drawn become these, and keep their weights, deadlines and entities. At least as
        many must have been drawn, and none taken notice of by anybody.
        """
        jobs, count = self.jobs, key.size
        jobs.key[:count], jobs.scale_factor[:count] = key, scale_factor
        jobs.steps[:count], jobs.duration[:count] = steps, duration
        start = float(jobs.arrival[count - 1])
        jobs.arrival[:] = np.maximum(jobs.arrival - start, 0.0)
        self._sampling.rules["arrival"] -= start

    def snapshot(self) -> dict[str, Any]:
        """Jobs and states of the streams."""
        return {
            "jobs": self.jobs.snapshot(),
            "next_arrival": float(self._sampling.rules["arrival"][0]),
            "streams": [words.astype(np.uint32) for words in self._sampling[_STREAMS]],
        }

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        self.jobs.restore(memory["jobs"])
        self._sampling.rules["number"] = self.jobs.size
        self._sampling.rules["arrival"] = float(memory["next_arrival"])
        for words, other in zip(self._sampling[_STREAMS], memory["streams"], strict=True):
            if not 0 <= int(other[-1]) < len(other):
                raise ValueError(f"a stream of random numbers stands at {int(other[-1])}")
            words[:] = other


@functools.lru_cache(maxsize=4)
def _kinds(measurements: Measurements, workload: str, multi_gpu: bool) -> np.ndarray:
    """KIND of each job type that may be drawn, by scale factor."""
    speed = measurements.reference_speed("turns the duration of a drawn job into steps")
    kinds = np.zeros((len(JOB_TYPES), max(SCALE_FACTORS) + 1), KIND)
    kinds["key"] = -1
    for scale in SCALE_FACTORS if multi_gpu else (1,):
        for place, kind in enumerate(WORKLOADS[workload]):
            name = JOB_TYPES[kind]
            if scale == 1 or DISTRIBUTED[kind]:
                row = measurements.row(name, scale)
                if row < 0 or not speed[row] > 0:
                    raise InputError(
                        f"{measurements.source}: no throughput for job type {name!r} with "
                        f"scale factor {scale} on {REFERENCE_TYPE}, the reference type; drawn jobs need "
                        "it (--trace brings jobs of your own)"
                    )
                kinds[place, scale] = row, speed[row]
    return kinds


class FixedWorkload:
    """Jobs that are all known from the start, as from a trace."""

    def __init__(self, jobs: Mapping[str, ArrayLike] | np.ndarray) -> None:
        self.jobs = Jobs()
        self.jobs.append(jobs)
        self.limit: int | None = self.jobs.size

    def extend(self, count: int) -> None:
        """Nothing more to come."""

    def snapshot(self) -> dict[str, Any]:
        """Nothing changes."""
        return {}

    def restore(self, memory: dict[str, Any]) -> None:
        """Nothing changes."""
