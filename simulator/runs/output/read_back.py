"""Reads a run folder back: what is in it is checked before anything is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np

from gavel_opt import InputError
from simulator.runs.columns import Columns
from simulator.settings.config import RunConfig
from simulator.world.json_shape import misfit, unprintable
from simulator.world.untrusted_text import MEGABYTE, parse_json, read_text, shown

MOST_PROMISED = 256 * MEGABYTE
"""Bytes that a small file of a table may promise to hold."""

MOST_RATIO = 200
"""How many times its own size a larger one may."""

_TABLES = {
    "jobs": {"job": "iu", "finish": "f"},
    "rounds": {"round": "iu", "time": "f"},
    "placements": {
        **{"worker": "iu", "job": "iu", "partner": "iu"},
        **{"first_round": "iu", "last_round": "iu"},
    },
    "allocations": {"allocation": "iu", "round": "iu", "job": "iu", "partner": "iu", "share": "f"},
    "solves": {"allocation": "iu", "round": "iu", "time": "f", "fallbacks": "iu"},
}
"""Columns that are read of each table, and the kinds of numbers that they hold."""


_FIGURE = {"type": ["number", "null"]}
_COUNT = {"type": "integer", "minimum": 0}
_SUMMARY = {
    "type": "object",
    "required": ["status", "average_jct", "config"],
    "properties": {
        "status": {"type": "string"},
        "average_jct": _FIGURE,
        "config": RunConfig.schema(),
        **dict.fromkeys(("makespan", "utilization", "cost"), _FIGURE),
        "simulated_time": {"type": "number"},
        **dict.fromkeys(("rounds", "allocations"), _COUNT),
        "partial": {"type": "boolean"},
        "jobs": {"type": "object", "additionalProperties": {"type": ["integer", "null"]}},
        "solve": {"type": "object", "properties": {"fallbacks": {"type": "integer"}}},
        "saturation": {"type": ["object", "null"]},
    },
}
"""What is read of a summary."""


def read_summary(folder: Path) -> dict[str, Any]:
    """Read ``summary.json``.

    Raises
    ------
    InputError
        If the folder holds no finished run.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such run folder")
    path = folder / "summary.json"
    if not path.exists():
        raise InputError(f"{folder}: not a finished run: {path.name} is missing")
    summary = parse_json(read_text(path), str(path))
    wrong = misfit(summary, _SUMMARY, "summary")
    if wrong:
        raise InputError(f"{path}: {wrong}")
    text = unprintable(summary)
    if text:
        raise InputError(f"{path}: holds a text that no run writes: {shown(text)}")
    return cast("dict[str, Any]", summary)


def read_table(folder: Path, name: str) -> Columns:
    """Read one of a run's tables: ``jobs``, ``rounds``, ``placements``, ``allocations`` or ``solves``.

    Raises
    ------
    InputError
        If it is missing, damaged, or not as a run writes it.
    """
    from pyarrow import ArrowException
    from pyarrow import parquet as files

    path = folder / f"{name}.parquet"
    try:
        promised = files.read_metadata(path)
        # A column of text has at least the lengths of its words; others have eight bytes at most.
        size = promised.num_rows * promised.num_columns * 8
        if size > max(MOST_PROMISED, MOST_RATIO * path.stat().st_size):
            raise InputError(f"{path}: promises {promised.num_rows:,} rows, too many for its size")
        table = files.read_table(path)
        table.validate(full=True)
        columns: Columns = {
            column: table[column].to_numpy(zero_copy_only=False) for column in table.column_names
        }
    except FileNotFoundError:
        raise InputError(f"{folder}: not a finished run: {path.name} is missing") from None
    except (OSError, ValueError, TypeError, LookupError, MemoryError, ArrowException) as wrong:
        raise InputError(f"{path}: cannot read it: {shown(wrong, 200)}") from None
    for column, kinds in _TABLES[name].items():
        if column not in columns:
            raise InputError(f"{path}: column {column} is missing")
        if columns[column].dtype.kind not in kinds:
            raise InputError(f"{path}: column {column} holds no numbers, or not in every row")
    first = next(iter(_TABLES[name]))
    if name in ("jobs", "rounds") and not np.array_equal(
        columns[first], np.arange(columns[first].size)
    ):
        raise InputError(f"{path}: column {first} does not number the rows from 0")
    return columns
