"""Measured throughputs: the tables that ship with the package, and the users' own.

Three formats are read: ours (CSV, described in ``simulator/data/SOURCES.md``), Gavel's JSON, and TOML
(:mod:`simulator.world.throughput_toml`).
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gavel_opt import InputError, ThroughputTable
from simulator.world.job_types import JOB_TYPES
from simulator.world.names import meant, nearest
from simulator.world.reading import (
    LARGEST,
    csv_rows,
    is_number,
    number,
    parse_json,
    read_text,
    shown,
    whole_number,
)

DATA = Path(__file__).parents[1] / "data"
REFERENCE_TYPE = "v100"
"""Worker type whose speed turns a drawn job's duration into steps, a trace's steps into the duration
that its deadline is a multiple of, and which the policies that know one speed a job take it from."""

MOST_PAIRS = 10_000_000
"""Entries of a table of pairs, two speeds each: 160 MB."""

SPEED = f"steps per second, not negative, {LARGEST:g} at most"

MOST_SCALE = 1_000_000
"""Largest scale factor that a table may have."""

Key = tuple[str, int]
"""Job type and scale factor."""


@dataclass(frozen=True, slots=True, eq=False)
class Measurements:
    """Throughputs of job keys on worker types.

    Attributes
    ----------
    source
        File they come from, for messages.
    worker_types
        Alphabetical, J of them.
    keys
        (job type, scale factor) of each row: by scale factor, then in the order of the paper's
        job types, others after them by name.
    alone
        Steps per second, shape ``(K, J)``; NaN where nothing was measured.
    paired
        ``paired[a, b, 0, j]`` is the speed of ``a`` beside ``b``, ``paired[a, b, 1, j]`` that of
        ``b``; 0 where they cannot run together. Shape ``(K, K, 2, J)``.
    """

    source: str
    worker_types: tuple[str, ...]
    keys: tuple[Key, ...]
    alone: np.ndarray
    paired: np.ndarray

    def row(self, job_type: str, scale_factor: int) -> int:
        """Row of a job key, or -1."""
        return _rows(self.keys).get((job_type, scale_factor), -1)

    def require(self, wanted: Iterable[Key], worker_types: Iterable[str]) -> None:
        """Check that every wanted key was measured on every wanted worker type.

        Raises
        ------
        InputError
            Naming the first row that is missing.
        """
        known = set(self.worker_types)
        columns = []
        for worker_type in worker_types:
            if worker_type not in known:
                raise InputError(
                    f"{self.source}: no throughputs on worker type {worker_type!r}"
                    f"{nearest(worker_type, known)}"
                )
            columns.append(self.worker_types.index(worker_type))
        wanted = list(wanted)
        rows = [self.row(*key) for key in wanted]
        if min(rows, default=0) >= 0 and not np.isnan(self.alone[np.ix_(rows, columns)]).any():
            return
        for (job_type, scale_factor), row in zip(wanted, rows, strict=True):
            if row < 0:
                names = {name for name, _ in self.keys}
                hint = (
                    "" if job_type in names else nearest(job_type, names)
                ) or "; add it to the table"
                raise InputError(
                    f"{self.source}: no throughputs for job type {job_type!r} "
                    f"with scale factor {scale_factor}{hint}"
                )
            for column in columns:
                if math.isnan(self.alone[row, column]):
                    raise InputError(
                        f"{self.source}: no throughput for job type {job_type!r} with scale factor "
                        f"{scale_factor} on {self.worker_types[column]!r}; add it to the table"
                    )

    def table(self, worker_types: Sequence[str]) -> ThroughputTable:
        """Table of some worker types (alphabetical) as policies see it."""
        columns = [self.worker_types.index(name) for name in worker_types]
        alone = np.nan_to_num(np.ascontiguousarray(self.alone[:, columns]))
        known = meant(REFERENCE_TYPE, worker_types)
        if known is not None:
            reference = list(worker_types).index(known)
        else:
            reference = int(np.argmax(alone.mean(axis=0)))
        return ThroughputTable(
            alone, np.ascontiguousarray(self.paired[:, :, :, columns]), reference
        )

    def extended(self, unmeasured: Iterable[Key]) -> Measurements:
        """Add keys at their job type's speed with scale factor 1, never beside another job."""
        keys = _order({*self.keys, *unmeasured})
        rows = _rows(self.keys)
        old = np.array([rows.get(key, -1) for key in keys])
        alone = self.alone[[rows.get(key, rows.get((key[0], 1), 0)) for key in keys]]
        paired = self.paired[old][:, old]
        paired[old < 0] = 0.0
        paired[:, old < 0] = 0.0
        return Measurements(self.source, self.worker_types, keys, alone, paired)

    def reference_speed(self, reader: str) -> np.ndarray:
        """Steps per second on the reference worker type, shape ``(K,)``.

        Parameters
        ----------
        reader
            What needs it, for the message.

        Raises
        ------
        InputError
            If the table does not have the type.
        """
        speed = self.speed_if_known()
        if speed is None:
            raise InputError(
                f"{self.source}: no throughputs on worker type {REFERENCE_TYPE!r}, which {reader}; "
                "add them to the table"
            )
        return speed

    def speed_if_known(self) -> np.ndarray | None:
        """The same, or None where the table does not have the type."""
        known = meant(REFERENCE_TYPE, self.worker_types)
        return None if known is None else self.alone[:, self.worker_types.index(known)]


@functools.lru_cache(maxsize=8)
def _rows(keys: tuple[Key, ...]) -> dict[Key, int]:
    return {key: row for row, key in enumerate(keys)}


def load_throughputs(path: Path | None = None) -> Measurements:
    """Load a throughput table.

    Parameters
    ----------
    path
        A table in our CSV, in Gavel's JSON or in TOML (by its suffix), or one of :data:`PRESETS`;
        None for Gavel's simulation table, which ships with the package.

    Raises
    ------
    InputError
        If the file cannot be read or an entry is wrong; the message names file and line.
    """
    if path is None:
        return _shipped()
    path = preset_file(path)
    text = read_text(path, "--throughputs")
    if path.suffix == ".toml":
        from simulator.world.throughput_toml import parse_toml

        return parse_toml(str(path), text)
    return _parse_json(str(path), text) if path.suffix == ".json" else _parse(str(path), text)


_UNCONSOLIDATED = "_unconsolidated"
"""What the names of the columns for workers spread over servers end in, in Gavel's JSON."""


def load_unconsolidated(path: Path | None = None) -> Measurements:
    """Load throughputs of jobs whose workers are spread over servers.

    The mechanism, as Gavel's simulator, places by the consolidated table alone and reads none of it.

    Parameters
    ----------
    path
        A table in Gavel's JSON; None for Gavel's simulation table, which ships with the package.

    Raises
    ------
    InputError
        If the file has none.
    """
    if path is None:
        shipped = DATA / "simulation_throughputs_unconsolidated.csv"
        return _parse(shipped.name, shipped.read_text(encoding="utf-8"))
    if path.suffix != ".json":
        raise InputError(f"{path}: only Gavel's JSON holds throughputs of spread workers")
    return _parse_json(str(path), read_text(path, "--throughputs"), unconsolidated=True)


PRESETS = ("@newer", "@a100", "@h100", "@b200", "@t4", "@a10", "@l4")
"""Names of the table that ships with newer worker types beside Gavel's: all of them name it."""


def preset_file(path: str | Path) -> Path:
    """Return the file that a preset stands for; a path that is none as it is.

    Raises
    ------
    InputError
        For an unknown preset.
    """
    name = str(path)
    if name.casefold() in PRESETS:
        return DATA / "newer.toml"
    if name.startswith("@") and not Path(path).exists():
        raise InputError(f"--throughputs: unknown preset {shown(name)}{nearest(name, PRESETS)}")
    return Path(path)


@functools.lru_cache(maxsize=1)
def _shipped() -> Measurements:
    path = DATA / "simulation_throughputs.csv"
    return _parse(path.name, path.read_text(encoding="utf-8"))


def _order(keys: Iterable[Key]) -> tuple[Key, ...]:
    place = {name: index for index, name in enumerate(JOB_TYPES)}
    return tuple(sorted(keys, key=lambda k: (k[1], place.get(k[0], len(place)), k[0])))


class TableBuilder:
    """Collects entries and lays them out as arrays."""

    def __init__(self) -> None:
        self.alone: dict[Key, dict[str, float]] = {}
        self.paired: dict[tuple[Key, Key], dict[str, tuple[float, float]]] = {}

    def build(self, source: str, worker_types: Iterable[str]) -> Measurements:
        """Lay out what was collected, worker types in alphabetical order."""
        types = tuple(sorted(worker_types))
        if any(not name.strip() for name in types):
            raise InputError(f"{source}: a worker type has no name")
        keys = _order(self.alone)
        if len(keys) ** 2 * len(types) > MOST_PAIRS:
            raise InputError(
                f"{source}: {len(keys):,} job types and scale factors on {len(types):,} worker "
                f"types are more than a table of pairs can hold ({MOST_PAIRS:,} entries)"
            )
        rows = _rows(keys)
        alone = np.full((len(keys), len(types)), np.nan)
        paired = np.zeros((len(keys), len(keys), 2, len(types)))
        column = {name: j for j, name in enumerate(types)}
        for key, speeds in self.alone.items():
            for name, speed in speeds.items():
                alone[rows[key], column[name]] = speed
        for (a, b), both in self.paired.items():
            for name, speed_pair in both.items():
                paired[rows[a], rows[b], :, column[name]] = speed_pair
        return Measurements(source, types, keys, alone, paired)


def _speed(text: str, where: str) -> float:
    speed = number(text.strip())
    if speed is None:
        raise InputError(f"{where}: expected steps per second, found {shown(text)}")
    if not 0 <= speed <= LARGEST:
        raise InputError(f"{where}: expected {SPEED}, found {shown(text)}")
    return speed


def _refuse_halves(source: str, builder: TableBuilder) -> None:
    """Refuse a pair that has speeds from one side only."""
    for (a, b), speeds in builder.paired.items():
        refuse_two_speeds(source, a, b, speeds)
        missing = [name for name in speeds if name not in builder.paired.get((b, a), ())]
        if missing:
            raise InputError(
                f"{source}: {shown(a[0])} beside {shown(b[0])} with scale factor {a[1]} has speeds on "
                f"{missing[0]!r} that are missing from the other side, {shown(b[0])} beside "
                f"{shown(a[0])}; add them there"
            )


def refuse_two_speeds(where: str, a: Key, b: Key, speeds: dict[str, tuple[float, float]]) -> None:
    """Refuse two speeds of a job beside its like.

    Raises
    ------
    InputError
        Naming the worker type.
    """
    for name, (first, second) in speeds.items():
        if a == b and first != second:
            raise InputError(
                f"{where}: {shown(a[0])} beside itself has two speeds on {name!r}; expected the same twice"
            )


def _parse(source: str, text: str) -> Measurements:
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


_GAVEL_KEY = re.compile(r"\('(.*)', ([1-9][0-9]{0,5})\)")


def _gavel_key(text: str) -> Key | None:
    match = _GAVEL_KEY.fullmatch(text)
    return None if match is None else (match.group(1), int(match.group(2)))


def _line_of(text: str, *path: str) -> int:
    """Line of a nested entry of a JSON text: each name found after the one before."""
    position = 0
    for depth, name in enumerate(path):
        opens = r"\{" if depth < min(2, len(path) - 1) else ""
        found = re.compile(re.escape(json.dumps(name)) + r"\s*:\s*" + opens).search(text, position)
        if found is None:
            break
        position = found.start() if depth == len(path) - 1 else found.end()
    return text.count("\n", 0, position) + 1


def _parse_json(source: str, text: str, unconsolidated: bool = False) -> Measurements:
    content = parse_json(text, source)

    def wrong(expected: str, *path: str) -> InputError:
        names = " ".join(shown(name)[1:-1] for name in path)
        return InputError(f"{source}:{_line_of(text, *path)}: {names}: expected {expected}")

    if not isinstance(content, dict) or not content:
        raise InputError(f"{source}:1: expected an object from worker type to its throughputs")
    builder = TableBuilder()
    # Gavel's tables hold a second set for workers spread over servers; its simulator reads none.
    columns = [name for name in content if name.endswith(_UNCONSOLIDATED) == unconsolidated]
    if not columns:
        which = f" whose name ends in {_UNCONSOLIDATED}" if unconsolidated else ""
        raise InputError(f"{source}:1: expected at least one worker type{which}")
    types = [column.removesuffix(_UNCONSOLIDATED) for column in columns]
    for worker_type, column in zip(types, columns, strict=True):
        jobs = content[column]
        if not isinstance(jobs, dict):
            raise wrong("an object from job key to its throughputs", column)
        for name, entries in jobs.items():
            a = _gavel_key(name)
            if a is None:
                raise wrong("a job key like \"('A3C', 1)\"", column, name)
            if not isinstance(entries, dict) or "null" not in entries:
                raise wrong('an object with the entry "null", the job alone', column, name)
            for other, value in entries.items():
                path = (column, name, other)
                numbers = [value] if other == "null" else value
                if not isinstance(numbers, list) or len(numbers) != (1 if other == "null" else 2):
                    raise wrong("two numbers, this job's steps per second and the other's", *path)
                if not all(is_number(v) and 0 <= v <= LARGEST for v in numbers):
                    raise wrong(SPEED, *path)
                if other == "null":
                    builder.alone.setdefault(a, {})[worker_type] = float(value)
                    continue
                b = _gavel_key(other)
                if b is None:
                    raise wrong('"null" or a job key like "(\'A3C\', 1)"', *path)
                if b[1] == a[1]:
                    if other not in jobs:
                        raise wrong(f"an entry of its own for {other} on {column}", *path)
                    builder.paired.setdefault((a, b), {})[worker_type] = (
                        float(value[0]),
                        float(value[1]),
                    )
    if not builder.alone:
        raise InputError(f"{source}: no job types; expected at least one")
    _refuse_halves(source, builder)
    return builder.build(source, types)
