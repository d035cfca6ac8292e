"""Traces: one job a line, columns separated by tabs, in Gavel's two layouts or with entities."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gavel_opt import InputError
from simulator.world.jobs import Jobs
from simulator.world.names import nearest
from simulator.world.throughputs import Key, Measurements
from simulator.world.untrusted_text import LARGEST, number, read_lines, shown, whole_number

_GAVEL = (
    "job type",
    "command",
    "directory",
    "steps argument",
    "needs data",
    "steps",
    "scale factor",
    "priority",
    "SLO",
    "arrival",
)
LAYOUTS = {
    10: _GAVEL,
    11: (*_GAVEL, "entity"),
    7: ("job type", "command", "steps argument", "needs data", "steps", "arrival", "scale factor"),
}
"""Number of columns to their names; the one of 11 is Gavel's of 10 with the job's entity."""

_OLD = 7
"""Columns of the older layout, which comes from a time when speeds were kept by job type alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A trace as read.

    Attributes
    ----------
    jobs
        For :class:`simulator.world.workload.FixedWorkload`, by column. Durations are steps at the
        reference type's speed, NaN where the table does not have it: only deadlines need them.
    measurements
        What the jobs' keys point into: in the older layout, a scale factor that was never measured
        runs at the job type's speed on one worker, and is not packed.
    """

    jobs: dict[str, np.ndarray]
    measurements: Measurements


EXAMPLE = "example"
"""Stands for the trace that ships with the package."""

SHIPPED = Path(__file__).parent.parent / "data" / "example.trace"


def trace_file(path: str | Path) -> Path:
    """Return the file that a trace is read from: the one that ships for ``example``."""
    path = Path(path)
    return SHIPPED if str(path) == EXAMPLE and not path.exists() else path


def read_trace(path: Path, measurements: Measurements) -> Trace:
    """Read a trace.

    Raises
    ------
    InputError
        Naming file and line, what was found there and what was expected.
    """
    names = {name for name, _ in measurements.keys}
    jobs = {column: array("d") for column in ("arrival", "weight", "steps", "slo")}
    entities, kinds = array("q"), array("q")
    kind_of: dict[Key, int] = {}
    unmeasured: set[Key] = set()
    before = 0.0
    for place, line in read_lines(trace_file(path), "--trace"):
        if not line.strip():
            continue
        where = f"{path}:{place}"
        fields = line.split("\t")
        if len(fields) not in LAYOUTS:
            commas = "; these have commas between them" if line.count(",") >= 6 else ""
            if place == 1:
                commas += " (a trace of a cluster's job log: gavel-sim import)"
            raise InputError(
                f"{where}: expected 10 columns separated by tabs ({', '.join(LAYOUTS[10])}), an "
                f"11th for the entity, or 7 ({', '.join(LAYOUTS[7])}), found {len(fields)}{commas}"
            )
        value = dict(zip(LAYOUTS[len(fields)], (f.strip() for f in fields), strict=True))
        steps = _number(
            value, "steps", where, least=0.0, open_below=True
        )  # drawn jobs have parts of one
        scale = int(_number(value, "scale factor", where, least=1.0, whole=True))
        weight = 1.0
        if "priority" in value:
            weight = _number(value, "priority", where, least=0.0, open_below=True)
        slo = _number(value, "SLO", where) if "SLO" in value else -1.0
        arrival = _number(value, "arrival", where, least=0.0)
        entity = int(_number(value, "entity", where, least=0.0, whole=True, missing="0"))
        if arrival < before:
            raise InputError(
                f"{where}: expected arrivals in ascending order, found {value['arrival']} after "
                f"{before:g}"
            )
        before = arrival
        key = (value["job type"], scale)
        if key not in kind_of:
            if not _measured(key, names, measurements, where, old=len(fields) == _OLD):
                unmeasured.add(key)
            kind_of[key] = len(kind_of)
        elif key in unmeasured and len(fields) != _OLD:
            _measured(key, names, measurements, where, old=False)
        kinds.append(kind_of[key])
        entities.append(entity)
        for column, entry in (("arrival", arrival), ("weight", weight), ("steps", steps)):
            jobs[column].append(entry)
        jobs["slo"].append(slo if slo > 0 else math.nan)
    if not kinds:
        raise InputError(f"{path}: no jobs; expected one a line")
    if unmeasured:
        measurements = measurements.extended(unmeasured)
    columns = {column: np.array(values) for column, values in jobs.items()}
    if np.isfinite(columns["slo"]).any():
        speed = measurements.reference_speed(f"the deadlines in {path} are multiples of a time on")
    else:
        known = measurements.speed_if_known()
        speed = np.full(len(measurements.keys), math.nan) if known is None else known
    kind = np.array(kinds)
    columns["key"] = np.array([measurements.row(*key) for key in kind_of])[kind]
    columns["scale_factor"] = np.array([scale for _, scale in kind_of])[kind]
    columns["entity"] = np.array(entities)
    with np.errstate(divide="ignore"):
        columns["duration"] = (
            columns["steps"] / np.where(speed > 0, speed, math.nan)[columns["key"]]
        )
    return Trace(columns, measurements)


def _measured(key: Key, names: set[str], measurements: Measurements, where: str, old: bool) -> bool:
    """Whether a key is in the table; False if it is not and, in the older layout, need not be."""
    name, scale = key
    if name not in names:
        raise InputError(f"{where}: unknown job type {shown(name)}{nearest(name, names)}")
    if measurements.row(name, scale) >= 0:
        return True
    scales = sorted(s for n, s in measurements.keys if n == name)
    if not old or 1 not in scales:
        raise InputError(
            f"{where}: no throughputs for {name!r} with scale factor {scale}; "
            f"there are some for {', '.join(map(str, scales))}"
        )
    return False


def write_trace(jobs: Jobs, count: int, measurements: Measurements) -> str:
    """Write jobs as a trace that :func:`read_trace` reads to the same steps and arrivals, to the bit.

    Parameters
    ----------
    jobs
        Drawn or read.
    count
        How many of them to write, from the first.
    measurements
        What their keys point into.
    """
    entities = bool((jobs.entity[:count] > 0).any())
    lines = []
    for place in range(count):
        name, scale = measurements.keys[int(jobs.key[place])]
        slo = float(jobs.slo[place])
        fields = [
            *(name, "-", "-", "-", "0"),
            f"{float(jobs.steps[place])!r}".removesuffix(".0"),
            f"{scale}",
            f"{float(jobs.weight[place])!r}",
            "-1" if math.isnan(slo) else f"{slo!r}",
            f"{float(jobs.arrival[place])!r}",
        ]
        lines.append("\t".join([*fields, f"{int(jobs.entity[place])}"] if entities else fields))
    return "\n".join(lines) + "\n"


def _number(
    value: dict[str, str],
    name: str,
    where: str,
    least: float = -math.inf,
    whole: bool = False,
    missing: str = "",
    open_below: bool = False,
) -> float:
    text = value.get(name, missing)
    kind = "a whole number" if whole else "a number"
    found: float | None = whole_number(text) if whole else number(text)
    if found is None:
        most = f" of at most {LARGEST:.0f}" if text.strip("+-").isdecimal() else ""
        raise InputError(f"{where}: expected {kind}{most} as {name}, found {shown(text)}")
    low = found <= least if open_below else found < least
    if low and open_below:
        raise InputError(f"{where}: expected {name} above {least:g}, found {shown(text)}")
    if low or found > LARGEST:
        limit = f"{least:g} or more" if low else f"{LARGEST:g} or less"
        raise InputError(f"{where}: expected {name} of {limit}, found {shown(text)}")
    return float(found)
