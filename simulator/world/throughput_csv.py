"""Throughputs in our CSV (``simulator/data/SOURCES.md``), read."""

from __future__ import annotations

from gavel_opt import InputError
from simulator.world.throughputs import (
    MOST_SCALE,
    SPEED,
    Key,
    Measurements,
    TableBuilder,
    refuse_two_speeds,
)
from simulator.world.untrusted_text import LARGEST, csv_rows, number, shown, whole_number


def parse_csv(source: str, text: str) -> Measurements:
    """Parse a table.

    Raises
    ------
    InputError
        Naming file and line.
    """
    rows = csv_rows(source, text)
    _, header = next(rows, (1, []))
    types = header[3::2]
    expected = ["scale_factor", "job", "beside", *(c for t in types for c in (t, f"{t}_beside"))]
    if header != expected or not types or len(set(types)) < len(types):
        raise InputError(
            f"{source}:1: expected the header scale_factor,job,beside, then two columns for each "
            "worker type: NAME,NAME_beside"
        )
    builder = TableBuilder()
    pairs: list[tuple[int, Key, Key]] = []
    for line, fields in rows:
        where = f"{source}:{line}"
        if not fields:
            continue
        if len(fields) != len(header):
            raise InputError(f"{where}: expected {len(header)} columns, found {len(fields)}")
        scale_text, job, beside = fields[:3]
        scale = whole_number(scale_text, 1, MOST_SCALE)
        if scale is None:
            raise InputError(
                f"{where}: expected a scale factor of 1 or more, found {shown(scale_text)}"
            )
        if not job:
            raise InputError(f"{where}: expected a job type in column 2")
        a = (job, scale)
        if not beside:
            stray = next((text for text in fields[4::2] if text), "")
            if stray:
                raise InputError(
                    f"{where}: {shown(stray)} stands in a column for the job beside, and there is none"
                )
            if a in builder.alone:
                raise InputError(f"{where}: a second row for {shown(job)} with scale factor {a[1]}")
            builder.alone[a] = {
                name: _speed(fields[3 + 2 * j], where)
                for j, name in enumerate(types)
                if fields[3 + 2 * j]
            }
            continue
        b = (beside, a[1])
        if (a, b) in builder.paired:
            raise InputError(f"{where}: a second row for {shown(job)} beside {shown(beside)}")
        pairs.append((line, a, b))
        both = {
            name: (_speed(fields[3 + 2 * j], where), _speed(fields[4 + 2 * j], where))
            for j, name in enumerate(types)
            if fields[3 + 2 * j] or fields[4 + 2 * j]
        }
        refuse_two_speeds(where, a, b, both)
        builder.paired[a, b] = both
        builder.paired[b, a] = {name: (second, first) for name, (first, second) in both.items()}
    for line, a, b in pairs:
        for key in (a, b):
            if key not in builder.alone:
                raise InputError(
                    f"{source}:{line}: {shown(key[0])} with scale factor {key[1]} has no row of its own "
                    "(one with an empty column beside)"
                )
    if not builder.alone:
        raise InputError(f"{source}: no rows; expected at least one job type")
    return builder.build(source, types)


def _speed(text: str, where: str) -> float:
    speed = number(text.strip())
    if speed is None:
        raise InputError(f"{where}: expected steps per second, found {shown(text)}")
    if not 0 <= speed <= LARGEST:
        raise InputError(f"{where}: expected {SPEED}, found {shown(text)}")
    return speed
