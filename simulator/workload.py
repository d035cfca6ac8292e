"""Jobs in order of arrival: drawn from random streams, or read from a trace.

The streams are Python's, one per concern, derived from the run's seed exactly as the reference
derives them (``mechanism.md``, random streams), so that a seed means the same jobs here and there.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gavel_opt import InputError
from simulator.job_types import DISTRIBUTED, JOB_TYPES, SCALE_FACTORS
from simulator.throughputs import Measurements

_FIELDS: dict[str, type[np.generic]] = {
    "arrival": np.float64,
    "key": np.int64,
    "scale_factor": np.int64,
    "weight": np.float64,
    "steps": np.float64,
    "duration": np.float64,
    "slo": np.float64,
    "entity": np.int64,
}


class Jobs:
    """Jobs known so far, as growing arrays; job numbers are their indices.

    Attributes
    ----------
    size
        How many jobs are known.
    arrival, steps, duration, weight
        Seconds, steps to run, seconds alone on the reference type (NaN if unknown), priority.
    key, scale_factor
        Row in the throughput table, workers at once.
    slo
        Deadline as a multiple of the duration, counted from admission; NaN without one.
    entity
        Entity (organisation) of the job.
    """

    def __init__(self) -> None:
        self.size = 0
        self._columns = {name: np.empty(64, dtype) for name, dtype in _FIELDS.items()}

    def append(self, rows: list[tuple[float, ...]]) -> None:
        """Add jobs, each a tuple in the order of the attributes arrival ... entity."""
        needed = self.size + len(rows)
        for place, name in enumerate(_FIELDS):
            column = self._columns[name]
            if needed > column.size:
                column = np.resize(column, max(needed, 2 * column.size))
                self._columns[name] = column
            column[self.size : needed] = [row[place] for row in rows]
        self.size = needed

    def __getattr__(self, name: str) -> np.ndarray:
        if name in _FIELDS:
            column: np.ndarray = self._columns[name][: self.size]
            return column
        raise AttributeError(name)

    def snapshot(self) -> dict[str, Any]:
        """Columns, for a checkpoint."""
        return {name: self._columns[name][: self.size].copy() for name in _FIELDS}

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        self._columns = {
            name: np.array(memory[name], dtype=dtype) for name, dtype in _FIELDS.items()
        }
        self.size = int(self._columns["arrival"].size)


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
    """

    seed: int
    interarrival: float
    limit: int | None = None
    multi_gpu: bool = False
    multi_priority: bool = False
    fixed_duration: float | None = None
    slos: bool = False
    entities: int = 1


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
        speed = measurements.reference_speed()
        scales = SCALE_FACTORS if settings.multi_gpu else (1,)
        self._row = {}
        for scale in scales:
            for place, name in enumerate(JOB_TYPES):
                if scale == 1 or DISTRIBUTED[place]:
                    row = measurements.row(name, scale)
                    if row < 0 or not speed[row] > 0:
                        raise InputError(
                            f"{measurements.source}: no throughput for job type {name!r} with "
                            f"scale factor {scale} on the reference type; drawn jobs need it"
                        )
                    self._row[place, scale] = (row, float(speed[row]))
        self._draws = random.Random(settings.seed + 2)
        self._gaps = random.Random(settings.seed + 3)
        self._deadlines = random.Random(settings.seed + 6)
        self._next_arrival = 0.0

    def rows(self) -> list[int]:
        """Rows of the throughput table that jobs may be drawn from."""
        return sorted({row for row, _ in self._row.values()})

    def extend(self, count: int) -> None:
        """Draw ``count`` more jobs, up to the limit."""
        if self.limit is not None:
            count = min(count, self.limit - self.jobs.size)
        if count > 0:
            first = self.jobs.size
            self.jobs.append([self._draw(first + place) for place in range(count)])

    def _draw(self, number: int) -> tuple[float, ...]:
        settings, draws = self.settings, self._draws
        scale = _scale_factor(draws.random())
        duration = settings.fixed_duration or _duration(draws)
        if not settings.multi_gpu:
            scale = 1
        place = draws.choice(_PLACES)
        while scale > 1 and not DISTRIBUTED[place]:
            place = draws.choice(_PLACES)
        row, speed = self._row[place, scale]
        weight = 1.0
        if settings.multi_priority and draws.random() <= 0.2:
            weight = 5.0
        slo = _slo(self._deadlines.random()) if settings.slos else math.nan
        entity = number % settings.entities
        arrival = self._next_arrival
        if settings.interarrival > 0:
            # The reference divides by a rate; multiplying by the mean differs in the last bit.
            rate = 1.0 / settings.interarrival
            self._next_arrival = -math.log(1.0 - self._gaps.random()) / rate + arrival
        return (arrival, row, scale, weight, duration * speed, duration, slo, entity)

    def snapshot(self) -> dict[str, Any]:
        """Jobs and states of the streams."""
        return {
            "jobs": self.jobs.snapshot(),
            "next_arrival": self._next_arrival,
            "streams": [
                np.array(stream.getstate()[1], dtype=np.uint32)
                for stream in (self._draws, self._gaps, self._deadlines)
            ],
        }

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        self.jobs.restore(memory["jobs"])
        self._next_arrival = float(memory["next_arrival"])
        for stream, state in zip(
            (self._draws, self._gaps, self._deadlines), memory["streams"], strict=True
        ):
            stream.setstate((3, tuple(int(word) for word in state), None))


_PLACES = range(len(JOB_TYPES))


def _scale_factor(draw: float) -> int:
    """Workers of a job: 70% one, 10% two, 15% four, 5% eight (both ends of 0.7-0.8 count)."""
    if 0.7 <= draw <= 0.8:
        return 2
    if 0.8 <= draw <= 0.95:
        return 4
    return 8 if draw >= 0.95 else 1


def _duration(draws: random.Random) -> float:
    """Seconds: a fifth of the jobs 10^3 to 10^4 minutes, the others 10^1.5 to 10^3."""
    if draws.random() >= 0.8:
        return float(60 * (10 ** draws.uniform(3, 4)))
    return float(60 * (10 ** draws.uniform(1.5, 3)))


def _slo(draw: float) -> float:
    """Deadline as a multiple of the duration."""
    if draw < 0.33:
        return 1.2
    return 2.0 if draw < 0.67 else 10.0


class FixedWorkload:
    """Jobs that are all known from the start, as from a trace."""

    def __init__(self, rows: list[tuple[float, ...]]) -> None:
        self.jobs = Jobs()
        self.jobs.append(rows)
        self.limit: int | None = len(rows)

    def extend(self, count: int) -> None:
        """Nothing more to come."""

    def snapshot(self) -> dict[str, Any]:
        """Nothing changes."""
        return {}

    def restore(self, memory: dict[str, Any]) -> None:
        """Nothing changes."""
