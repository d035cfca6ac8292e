"""Measured throughputs: the tables that ship with the package, and the users' own.

Three formats are read: ours (:mod:`simulator.world.throughput_csv`), Gavel's JSON
(:mod:`simulator.world.throughput_json`), and TOML (:mod:`simulator.world.throughput_toml`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gavel_opt import InputError, ThroughputTable
from simulator.world.job_types import JOB_TYPES
from simulator.world.names import meant, nearest
from simulator.world.untrusted_text import (
    LARGEST,
    read_text,
    shown,
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
                        f"{scale_factor} on {self.worker_types[column]!r}; add it to the table, as 0 if it "
                        "cannot run there"
                    )

    def table(self, worker_types: Sequence[str]) -> ThroughputTable:
        """Table of some worker types (alphabetical) as policies see it.

        Without the reference type among them, the fastest of them on average stands for it.
        """
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
    # each format is read by a module that knows what a table is, which is here
    if path.suffix == ".toml":
        from simulator.world.throughput_toml import parse_toml

        return parse_toml(str(path), text)
    if path.suffix == ".json":
        from simulator.world.throughput_json import parse_gavel_json

        return parse_gavel_json(str(path), text)
    return _csv(str(path), text)


def _csv(source: str, text: str) -> Measurements:
    from simulator.world.throughput_csv import parse_csv

    return parse_csv(source, text)


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
        return _csv(shipped.name, shipped.read_text(encoding="utf-8"))
    if path.suffix != ".json":
        raise InputError(f"{path}: only Gavel's JSON holds throughputs of spread workers")
    from simulator.world.throughput_json import parse_gavel_json

    return parse_gavel_json(str(path), read_text(path, "--throughputs"), unconsolidated=True)


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
    return _csv(path.name, path.read_text(encoding="utf-8"))


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
        _check_names(source, types)
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


UNCONSOLIDATED = "_unconsolidated"
"""End of the columns that Gavel's tables have for workers spread over servers."""


def _check_names(source: str, types: Sequence[str]) -> None:
    """Refuse names that ``--cluster``, or a file that the table is written to, has no place for."""
    for name in types:
        if not name.strip():
            raise InputError(f"{source}: a worker type has no name")
        if name != name.strip() or not name.isprintable() or set(name) & set(",="):
            raise InputError(
                f"{source}: worker type {shown(name)}: a name has no comma, no = and no blanks around it"
            )
        if name[0] in "@-":
            raise InputError(
                f"{source}: worker type {shown(name)}: a name begins with no {name[0]}"
            )
        if name.endswith(UNCONSOLIDATED):
            raise InputError(
                f"{source}: worker type {shown(name)}: names that end in {UNCONSOLIDATED} are those of "
                "workers spread over servers, which a file of their own has (--unconsolidated)"
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
