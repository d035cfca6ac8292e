"""Traces: one job a line, columns separated by tabs, in Gavel's two layouts or with entities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gavel_opt import InputError
from simulator.world.names import nearest
from simulator.world.throughputs import Key, Measurements
from simulator.world.workload import Jobs

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
    rows
        For :class:`simulator.world.workload.FixedWorkload`. Durations are steps at the reference type's
        speed, NaN where the table does not have it: only deadlines need them.
    measurements
        What the rows' keys point into: in the older layout, a scale factor that was never measured
        runs at the job type's speed on one worker, and is not packed.
    """

    rows: list[tuple[float, ...]]
    measurements: Measurements


def read_trace(path: Path, measurements: Measurements) -> Trace:
    """Read a trace.

    Raises
    ------
    InputError
        Naming file and line, what was found there and what was expected.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--trace: cannot read {path}: {error}") from None
    names = {name for name, _ in measurements.keys}
    jobs: list[tuple[float, str, int, float, float, float, int]] = []
    unmeasured: set[Key] = set()
    before = 0.0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        fields = line.split("\t")
        if len(fields) not in LAYOUTS:
            raise InputError(
                f"{where}: expected 10 columns separated by tabs ({', '.join(LAYOUTS[10])}), an "
                f"11th for the entity, or 7 ({', '.join(LAYOUTS[7])}), found {len(fields)}"
            )
        value = dict(zip(LAYOUTS[len(fields)], (f.strip() for f in fields), strict=True))
        steps = _number(value, "steps", where, least=0.0)  # drawn jobs have parts of a step
        scale = int(_number(value, "scale factor", where, least=1.0, whole=True))
        weight = _number(value, "priority", where, least=0.0) if "priority" in value else 1.0
        slo = _number(value, "SLO", where) if "SLO" in value else -1.0
        arrival = _number(value, "arrival", where, least=0.0)
        entity = int(_number(value, "entity", where, least=0.0, whole=True, missing="0"))
        if steps <= 0 or weight <= 0:
            what = "steps" if steps <= 0 else "priority"
            raise InputError(f"{where}: expected {what} above 0, found {value[what]!r}")
        if arrival < before:
            raise InputError(
                f"{where}: expected arrivals in ascending order, found {value['arrival']} after "
                f"{before:g}"
            )
        before = arrival
        name = value["job type"]
        if name not in names:
            raise InputError(f"{where}: unknown job type {name!r}{nearest(name, names)}")
        if measurements.row(name, scale) < 0:
            scales = sorted(s for n, s in measurements.keys if n == name)
            if len(fields) != _OLD or 1 not in scales:
                raise InputError(
                    f"{where}: no throughputs for {name!r} with scale factor {scale}; "
                    f"there are some for {', '.join(map(str, scales))}"
                )
            unmeasured.add((name, scale))
        jobs.append((arrival, name, scale, weight, steps, slo if slo > 0 else math.nan, entity))
    if not jobs:
        raise InputError(f"{path}: no jobs; expected one a line")
    if unmeasured:
        measurements = measurements.extended(unmeasured)
    if any(slo > 0 for *_, slo, _ in jobs):
        speed = measurements.reference_speed(f"the deadlines in {path} are multiples of a time on")
    else:
        known = measurements.speed_if_known()
        speed = np.full(len(measurements.keys), math.nan) if known is None else known
    rows: list[tuple[float, ...]] = []
    for arrival, name, scale, weight, steps, slo, entity in jobs:
        row = measurements.row(name, scale)
        duration = steps / float(speed[row]) if speed[row] > 0 else math.nan
        rows.append((arrival, row, scale, weight, steps, duration, slo, entity))
    return Trace(rows, measurements)


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
) -> float:
    text = value.get(name, missing)
    kind = "a whole number" if whole else "a number"
    try:
        number = float(int(text)) if whole else float(text)
    except ValueError:
        raise InputError(f"{where}: expected {kind} as {name}, found {text!r}") from None
    if not math.isfinite(number) or number < least:
        raise InputError(f"{where}: expected {name} of {least:g} or more, found {text!r}")
    return number
