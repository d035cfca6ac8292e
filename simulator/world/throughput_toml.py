"""Throughputs in TOML: measured ones, and worker types and models relative to known ones."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavel_opt import InputError
from simulator.world.names import nearest
from simulator.world.throughputs import (
    MOST_SCALE,
    PRESETS,
    SPEED,
    Key,
    Measurements,
    TableBuilder,
    load_throughputs,
    preset_file,
    refuse_two_speeds,
)
from simulator.world.untrusted_text import LARGEST, is_number, read_text, shown

_BATCH = re.compile(r" \(batch size .*\)$")
_OF_TYPE = {"relative_to", "factor", "factors", "source"}
_OF_ROW = {"job_type", "scale_factor", "beside", "source"}
_ROW = re.compile(r"\s*\[\[\s*throughputs\s*\]\]")
NO_PAIRS, RATIO = "none", "ratio"


@dataclass(frozen=True, slots=True)
class Derived:
    """A worker type or a model that is given relative to another.

    Attributes
    ----------
    name, relative_to
        Worker types, or job types.
    factor
        Its speed by that of the other.
    factors
        Family of models (the name without the batch size) to a factor of its own.
    source
        Where the figures come from.
    """

    name: str
    relative_to: str
    factor: float
    factors: Mapping[str, float]
    source: str

    def of(self, job_type: str) -> float:
        """Factor of a job type: its own, its family's, or that of the rest."""
        family = _BATCH.sub("", job_type)
        return self.factors.get(job_type, self.factors.get(family, self.factor))


def parse_toml(source: str, text: str) -> Measurements:
    """Read a table; see ``docs/bring-your-gpus.md``.

    Raises
    ------
    InputError
        Naming the file and the entry that is wrong.
    """
    content = _content(source, text)
    table = TableBuilder()
    types: list[str] = []
    base = _base(source, content)
    if base is not None:
        _copy(table, base)
        types += base.worker_types
    rows = _rows(source, content, text)
    _refuse_repeated(rows)
    for row in rows:
        _add_row(table, row, types)
    pairs = content.get("colocation", NO_PAIRS)
    if pairs not in (NO_PAIRS, RATIO):
        raise InputError(f'{source}: colocation: expected "none" or "ratio", found {shown(pairs)}')
    for model in derived(source, content, "models"):
        _add_model(source, table, model)
    for one in derived(source, content, "worker_types"):
        if one.name in types:
            raise InputError(
                f"{source}: worker_types.{one.name}: there is one of this name already"
            )
        if one.relative_to not in types:
            raise InputError(
                f"{source}: worker_types.{one.name}: relative_to: unknown worker type "
                f"{shown(one.relative_to)}{nearest(one.relative_to, types)} (those it is relative to "
                "stand before it)"
            )
        _refuse_unknown_factors(source, one, [job_type for job_type, _ in table.alone])
        _add_type(table, one, pairs == RATIO)
        types.append(one.name)
    if not table.alone:
        raise InputError(f"{source}: no job types; expected a base or [[throughputs]]")
    _refuse_other_case(source, types)
    return table.build(source, types)


def _refuse_other_case(source: str, types: Iterable[str]) -> None:
    """Refuse what is most likely a slip: a row for V100 would leave the speeds on the base's v100 as they were."""
    alike: dict[str, str] = {}
    for name in types:
        other = alike.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(
                f"{source}: worker types {shown(other)} and {shown(name)} differ in case alone; write "
                "one of them throughout"
            )


def _refuse_unknown_factors(source: str, one: Derived, job_types: Iterable[str]) -> None:
    """A factor must be of a job type or family that is there: a slip would leave it without effect."""
    known = sorted(
        {name for job_type in job_types for name in (job_type, _BATCH.sub("", job_type))}
    )
    for name in one.factors:
        if name not in known:
            raise InputError(
                f"{source}: worker_types.{one.name}: factors: unknown family or job type "
                f"{shown(name)}{nearest(name, known)}"
            )


def derived_of(source: str, text: str) -> list[Derived]:
    """Return what a table derives: what its base does, then worker types, then models."""
    content = _content(source, text)
    found = [*derived(source, content, "worker_types"), *derived(source, content, "models")]
    base = content.get("base")
    if isinstance(base, str) and base in PRESETS:
        path = preset_file(base)
        found = derived_of(str(path), read_text(path)) + found
    return found


def without_pairs(source: str, text: str, pairs: Mapping[str, int]) -> list[str]:
    """Return the worker types that are to have pairs, but have none as there are none to derive them from.

    Parameters
    ----------
    source, text
        The table.
    pairs
        Worker type to the number of pairs on it.
    """
    content = _content(source, text)
    if content.get("colocation", NO_PAIRS) != RATIO:
        return []
    types = derived(source, content, "worker_types")
    return [one.name for one in types if not pairs[one.relative_to]]


def _content(source: str, text: str) -> dict[str, Any]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise InputError(f"{source}: not TOML: {wrong}") from None
    except RecursionError:
        raise InputError(f"{source}: nested too deeply") from None
    except ValueError as wrong:  # a number of thousands of digits
        raise InputError(f"{source}: {wrong}") from None
    known = {"base", "colocation", "worker_types", "models", "throughputs"}
    for name in content:
        if name not in known:
            raise InputError(f"{source}: unknown entry {shown(name)}{nearest(name, known)}")
    return content


def _base(source: str, content: Mapping[str, Any]) -> Measurements | None:
    name = content.get("base", "gavel")
    if name == "none":
        return None
    if name == "gavel":
        return load_throughputs()
    if isinstance(name, str) and name in PRESETS:
        return load_throughputs(preset_file(name))
    raise InputError(f'{source}: base: expected "gavel", "@newer" or "none", found {shown(name)}')


def derived(source: str, content: Mapping[str, Any], section: str) -> list[Derived]:
    """Read the entries of a section, each checked on its own."""
    entries = content.get(section, {})
    if not isinstance(entries, dict):
        raise InputError(f"{source}: {section}: expected tables such as [{section}.a100]")
    found = []
    for name, entry in entries.items():
        where = f"{source}: {section}.{name}"
        if not isinstance(entry, dict):
            raise InputError(f"{where}: expected a table with {', '.join(sorted(_OF_TYPE))}")
        for key in entry:
            if key not in _OF_TYPE:
                raise InputError(f"{where}: unknown entry {shown(key)}{nearest(key, _OF_TYPE)}")
        for key in ("relative_to", "source"):
            if not isinstance(entry.get(key), str) or not entry[key].strip():
                what = "another's name" if key == "relative_to" else "where the factors come from"
                raise InputError(f'{where}: expected {key} = "...", {what}')
        factors = entry.get("factors", {})
        if not isinstance(factors, dict):
            raise InputError(f"{where}: factors: expected families with numbers")
        given = {
            family: _factor(f"{where}: factors.{family}", value)
            for family, value in factors.items()
        }
        if "factor" not in entry:
            raise InputError(f"{where}: expected factor = ..., how many times as fast it is")
        factor = _factor(f"{where}: factor", entry["factor"])
        found.append(Derived(name, entry["relative_to"], factor, given, entry["source"]))
    return found


def _factor(where: str, value: Any) -> float:
    if not is_number(value) or not 0 < value <= 1e6:
        raise InputError(
            f"{where}: expected a number above 0, at most 1,000,000, found {shown(value)}"
        )
    return float(value)


def _copy(table: TableBuilder, base: Measurements) -> None:
    for i, a in enumerate(base.keys):
        table.alone[a] = {
            name: float(speed)
            for name, speed in zip(base.worker_types, base.alone[i], strict=True)
            if not math.isnan(speed)
        }
    for i, j in np.argwhere(base.paired.any(axis=(2, 3))):
        speeds = base.paired[i, j].T
        table.paired[base.keys[i], base.keys[j]] = {
            name: (float(first), float(second))
            for name, (first, second) in zip(base.worker_types, speeds, strict=True)
        }


def _rows(source: str, content: Mapping[str, Any], text: str) -> list[tuple[str, dict[str, Any]]]:
    rows = content.get("throughputs", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{source}: expected rows that begin with [[throughputs]]")
    lines = [n for n, line in enumerate(text.splitlines(), 1) if _ROW.match(line)]
    if len(lines) != len(rows):  # written as inline tables, or quoted in a longer string
        named = [(f"{source}: throughputs, row {n}", row) for n, row in enumerate(rows, 1)]
    else:
        named = [
            (f"{source}:{line}: throughputs, row {n}", row)
            for n, (line, row) in enumerate(zip(lines, rows, strict=True), 1)
        ]
    return sorted(named, key=lambda row: "beside" in row[1])  # jobs alone first


def _refuse_repeated(rows: list[tuple[str, dict[str, Any]]]) -> None:
    """Refuse a speed that two rows give: whichever was meant, the other would be lost."""
    given: dict[tuple[str, ...], str] = {}
    for where, row in rows:
        job, beside = str(row.get("job_type")), row.get("beside")
        both = (job,) if beside is None else tuple(sorted((job, str(beside))))
        for name in row:
            if name in _OF_ROW:
                continue
            key = (*both, str(row.get("scale_factor", 1)), name)
            if key in given:
                what = " beside ".join(shown(one) for one in both)
                first = given[key].rpartition(": ")[0].rpartition(":")[2]
                place = f"line {first}" if first.isdigit() else given[key].rpartition(", ")[2]
                raise InputError(
                    f"{where}: a second speed of {what} with scale factor {shown(key[-2])[1:-1]} on "
                    f"{shown(name)}, after {place}; leave one out"
                )
            given[key] = where


def _add_row(table: TableBuilder, named: tuple[str, dict[str, Any]], types: list[str]) -> None:
    where, row = named
    job, scale, beside = row.get("job_type"), row.get("scale_factor", 1), row.get("beside")
    if not isinstance(job, str) or not job:
        raise InputError(f'{where}: expected job_type = "...", found {shown(job)}')
    if not isinstance(scale, int) or isinstance(scale, bool) or not 1 <= scale <= MOST_SCALE:
        raise InputError(f"{where}: expected a whole number as scale_factor, found {shown(scale)}")
    speeds = {name: value for name, value in row.items() if name not in _OF_ROW}
    if not speeds:
        raise InputError(f"{where}: expected a speed, such as v100 = 12.5")
    types += [name for name in speeds if name not in types]
    a: Key = (job, scale)
    if beside is None:
        for name, speed in speeds.items():
            table.alone.setdefault(a, {})[name] = _speed(f"{where}: {name}", speed)
        return
    if not isinstance(beside, str):
        raise InputError(f'{where}: expected beside = "...", found {shown(beside)}')
    b: Key = (beside, scale)
    for key in (a, b):
        if key not in table.alone:
            raise InputError(f"{where}: {shown(key[0])} with scale factor {scale} has no row alone")
    for name, both in speeds.items():
        if not isinstance(both, list) or len(both) != 2:
            raise InputError(f"{where}: {name}: expected [this job's speed, the other's]")
        first, second = (_speed(f"{where}: {name}", speed) for speed in both)
        refuse_two_speeds(where, a, b, {name: (first, second)})
        table.paired.setdefault((a, b), {})[name] = (first, second)
        table.paired.setdefault((b, a), {})[name] = (second, first)


def _speed(where: str, value: Any) -> float:
    if not is_number(value) or not 0 <= value <= LARGEST:
        raise InputError(f"{where}: expected {SPEED}, found {shown(value)}")
    return float(value)


def _add_model(source: str, table: TableBuilder, model: Derived) -> None:
    """Add a model at all scale factors of another, never beside another job."""
    names = {name for name, _ in table.alone}
    where = f"{source}: models.{model.name}"
    if model.factors:
        raise InputError(f"{where}: factors are of worker types; a model has one factor")
    if model.name in names:
        raise InputError(f"{where}: there is a job type of this name already")
    if model.relative_to not in names:
        raise InputError(
            f"{where}: relative_to: unknown job type {shown(model.relative_to)}"
            f"{nearest(model.relative_to, names)}"
        )
    for (name, scale), speeds in list(table.alone.items()):
        if name == model.relative_to:
            table.alone[model.name, scale] = {t: v * model.factor for t, v in speeds.items()}


def _add_type(table: TableBuilder, one: Derived, with_pairs: bool) -> None:
    """Add a worker type; a pair's speeds are each multiplied by that job's factor, if at all."""
    for (name, _), speeds in table.alone.items():
        if one.relative_to in speeds:
            speeds[one.name] = speeds[one.relative_to] * one.of(name)
    if not with_pairs:
        return
    for (a, b), both in table.paired.items():
        if one.relative_to in both:
            first, second = both[one.relative_to]
            both[one.name] = (first * one.of(a[0]), second * one.of(b[0]))
