"""Tables of text with a header, row by row, and what their fields say."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from gavel_opt import InputError
from simulator.world.untrusted_text import LARGEST, number, read_lines, shown

_MISSING = frozenset({"", "nan", "none", "null", "na", "n/a", "unknown"})

_DATE_AND_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*")
_SINCE_1970 = re.compile(r"[0-9]{9,10}")

Row = dict[str, str]


def lines(path: Path, delimiter: str = ",") -> Iterator[tuple[str, list[str]]]:
    """Yield the fields of every line that is not empty, with ``FILE:LINE``."""
    for place, line in read_lines(path, "import"):
        if not line.strip():
            continue
        where = f"{path}:{place}"
        try:
            # sacct quotes nothing: a quote in a job's name is one.
            quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "|" else csv.QUOTE_MINIMAL
            fields = next(csv.reader([line], delimiter=delimiter, quoting=quoting))
        except csv.Error as wrong:
            raise InputError(f"{where}: not CSV: {wrong}") from None
        yield where, [field.strip() for field in fields]


def is_cut_off(path: Path) -> bool:
    """Whether the last line of a table has no end, as what writes logs always gives it one."""
    with path.open("rb") as file:
        if file.read(1) in (b"", b"[", b"{"):
            return False  # JSON tells by itself whether it is whole
        file.seek(-1, os.SEEK_END)
        return file.read(1) not in b"\r\n"


def first_line(path: Path, delimiter: str = ",") -> list[str]:
    """Return the fields of the first line.

    Raises
    ------
    InputError
        If there is none.
    """
    for _, fields in lines(path, delimiter):
        return fields
    raise InputError(f"{path}: empty; expected a table")


def rows(
    path: Path, delimiter: str = ",", columns: Sequence[str] | None = None
) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a table by the names of its columns.

    Parameters
    ----------
    path
        The file.
    delimiter
        Between fields.
    columns
        Names, for a file without a header; a line that has them, in whatever order, is one.

    Raises
    ------
    InputError
        For a column that stands twice, and a row of more or fewer fields than there are columns.
    """
    for where, fields in lines(path, delimiter):
        if columns is None or (fields[0] in columns and sorted(fields) == sorted(columns)):
            columns = fields
            twice = next((name for name, n in Counter(columns).items() if name and n > 1), "")
            if twice:
                raise InputError(f"{where}: column {shown(twice)} stands twice; keep one")
            continue
        if len(fields) != len(columns):
            raise InputError(f"{where}: expected {len(columns)} columns, found {len(fields)}")
        yield where, dict(zip(columns, fields, strict=True))


def require(path: Path, header: Sequence[str], needed: Sequence[str], submission: str) -> None:
    """Check the header of a table of jobs.

    Raises
    ------
    InputError
        If a column is missing; without the one of submission times nothing can be made of it.
    """
    if submission not in header:
        raise InputError(
            f"{path}:1: no column {submission!r}: without submission times there is no telling when "
            "jobs arrive, so no trace can be made of it"
        )
    for name in needed:
        if name not in header:
            raise InputError(
                f"{path}:1: no column {name!r}; expected {', '.join([submission, *needed])}, found "
                f"{shown(', '.join(header), 120)}"
            )


def given(row: Row, column: str) -> str:
    """Return what a field says; empty where it says that nothing is known."""
    text = row.get(column, "")
    return "" if text.casefold() in _MISSING else text


def number_of(row: Row, column: str, where: str) -> float | None:
    """Return a number of 0 or more, None where it is missing."""
    text = given(row, column)
    if not text:
        return None
    found = number(text)
    if found is None or not 0 <= found <= LARGEST:
        raise InputError(
            f"{where}: expected a number of 0 or more as {column}, found {shown(text)}"
        )
    return found


def time_of(row: Row, column: str, where: str) -> float | None:
    """Return a date and time as seconds since 1970, None where it is missing."""
    text = given(row, column)
    return seconds_of(text, column, where) if text else None


def seconds_of(text: str, name: str, where: str) -> float:
    """Read a date and time as ISO 8601 has it, or seconds since 1970; without a zone it is UTC."""
    if _SINCE_1970.fullmatch(text):
        return float(text)
    try:
        if not _DATE_AND_TIME.fullmatch(text):  # a day has no time, and 1503031792000 is no year
            raise ValueError
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found.timestamp()
    except (ValueError, OverflowError):
        raise InputError(
            f"{where}: expected a date and time such as 2020-06-09 18:41:01 as {name}, found "
            f"{shown(text)}"
        ) from None


def between(start: float | None, end: float | None) -> float | None:
    """Seconds between two times, None where one is missing."""
    return None if start is None or end is None else end - start
