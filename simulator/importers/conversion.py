"""From jobs as their cluster ran them to a trace: job types, steps, worker types."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simulator.importers.base import Imported, SourceJob
from simulator.world.jobs import Jobs
from simulator.world.names import meant
from simulator.world.throughputs import PRESETS, Measurements
from simulator.world.trace import write_trace
from simulator.world.untrusted_text import LARGEST

DAY = 86400.0

_MODEL = re.compile(r"[a-z]+[0-9]+")


@dataclass(slots=True)
class Names:
    """Worker types by the names that a source has for its GPUs.

    Attributes
    ----------
    known
        Worker types of the table of throughputs.
    otherwise
        Worker type of GPUs without a name, or with one that the table does not have.
    given
        What the user said: name in the source to worker type.
    taken
        Name in the source to worker type, for those that the table did not have.
    used
        Which of those that the user said were met.
    """

    known: tuple[str, ...]
    otherwise: str
    given: Mapping[str, str] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def of(self, name: str) -> str:
        """Return the worker type: ``V100M32`` and ``Tesla-V100-SXM2`` are ``v100``."""
        said = meant(name, self.given)
        if said is not None:
            self.used.add(said)
            return self.given[said]
        for part in (name, *_MODEL.findall(name.casefold())):
            found = meant(part, self.known)
            if found is not None:
                return found
        if name:
            self.taken[name] = self.otherwise
        return self.otherwise

    def newer(self, name: str) -> str | None:
        """Return the worker type of a name in the table of newer ones that ships, if it is there."""
        parts = (name.casefold(), *_MODEL.findall(name.casefold()))
        return next((part for part in parts if f"@{part}" in PRESETS), None)


@dataclass(slots=True)
class Converted:
    """A trace, and what it offers.

    Attributes
    ----------
    text
        The trace.
    jobs, gpu_seconds
        By worker type on which they ran.
    by_day
        GPU seconds of the jobs that arrive on a day, by worker type and day.
    cluster
        Workers by type; empty if unknown.
    span
        Seconds from the first arrival to the last.
    named
        Jobs by the name that the source has for their GPUs; empty where it says none.
    rounded, fractions, larger
        Jobs whose GPUs are no scale factor of the table, are part of one, are more than its largest.
    dropped
        Reason to count.
    """

    text: str
    jobs: Counter[str]
    gpu_seconds: dict[str, float]
    by_day: dict[tuple[str, int], float]
    cluster: dict[str, int]
    span: float
    named: Counter[str]
    rounded: int
    fractions: int
    larger: int
    dropped: Counter[str]


def convert(read: Imported, measurements: Measurements, names: Names) -> Converted:
    """Make a trace of what was read.

    A job's type is drawn by a hash of its name from those with throughputs for its scale factor on
    its worker type. Its scale factor is the least in the table that is enough, else the largest;
    its GPU time stays what it was, so its duration is ``seconds * gpus / scale factor``, and its
    steps are the duration times its speed there.
    """
    jobs = read.in_order()
    fits = _fits(measurements)
    scales = sorted({scale for _, scale in measurements.keys})
    made = Converted(
        "",
        Counter(),
        defaultdict(float),
        defaultdict(float),
        {},
        0.0,
        Counter(),
        0,
        0,
        0,
        Counter(read.dropped),
    )
    columns: dict[str, list[float]] = {name: [] for name in ("arrival", "steps", "key", "scale")}
    kept: list[SourceJob] = []
    for job in jobs:
        worker_type = names.of(job.gpu_type)
        scale = next((one for one in scales if one >= job.gpus), scales[-1])
        rows = fits.get((scale, worker_type), [])
        if not rows:
            made.dropped[f"no job type with throughputs on {scale} {worker_type}"] += 1
            continue
        row = rows[_hash(job.name) % len(rows)]
        speed = measurements.alone[row, measurements.worker_types.index(worker_type)]
        gpu_seconds = job.seconds * job.gpus
        steps = max(1.0, float(round(gpu_seconds / scale * float(speed))))
        if steps > LARGEST:
            made.dropped["more steps than a trace can hold"] += 1
            continue
        kept.append(job)
        made.fractions += job.gpus < 1
        made.larger += job.gpus > scale
        made.rounded += 1 <= job.gpus < scale
        made.named[job.gpu_type] += 1
        made.jobs[worker_type] += 1
        made.gpu_seconds[worker_type] += gpu_seconds
        arrival = job.submitted - kept[0].submitted
        made.by_day[worker_type, int(arrival // DAY)] += gpu_seconds
        columns["arrival"].append(arrival)
        columns["steps"].append(steps)
        columns["key"].append(row)
        columns["scale"].append(scale)
    if kept:
        made.span = kept[-1].submitted - kept[0].submitted
        made.text = write_trace(_jobs(columns), len(kept), measurements)
    for name, count in read.cluster.items():
        worker_type = names.of(name)
        made.cluster[worker_type] = made.cluster.get(worker_type, 0) + count
    return made


def _fits(measurements: Measurements) -> dict[tuple[int, str], list[int]]:
    """Rows with a speed above 0, by scale factor and worker type."""
    found: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row, (_, scale) in enumerate(measurements.keys):
        for column, worker_type in enumerate(measurements.worker_types):
            if measurements.alone[row, column] > 0:
                found[scale, worker_type].append(row)
    return found


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def _jobs(columns: Mapping[str, list[float]]) -> Jobs:
    count = len(columns["key"])
    jobs = Jobs()
    jobs.append(
        {
            "arrival": columns["arrival"],
            "steps": columns["steps"],
            "key": columns["key"],
            "scale_factor": columns["scale"],
            "duration": np.full(count, np.nan),
            "weight": np.ones(count),
            "slo": np.full(count, np.nan),
            "entity": np.zeros(count),
        }
    )
    return jobs
