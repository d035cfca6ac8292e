"""Text that others wrote: bounded before it is believed, and shown only as far as it can be.

Every reader of the simulator goes through here, so that a file of the wrong kind, size or encoding
is one line, and so is what it held where it stands in a message.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from gavel_opt import InputError

MEGABYTE = 1 << 20

MOST_BYTES = 64 * MEGABYTE
"""Of a file that is read as a whole, decompressed."""

MOST_IN_LINE = 1 << 16
"""Bytes of a line of a file that is read line by line."""

LARGEST = float(1 << 53)
"""Largest whole number that is read, steps and seconds too: beyond, a float64 skips some."""


class ChangedError(InputError, ValueError):
    """JSON of ours that is not as we write it."""


CHANGED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What comes of values of our own JSON that somebody has changed since."""

DAMAGED = (OSError, *CHANGED)
"""The same, of the file too."""

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What no terminal should see of a text; its lines and tabs, and blanks of any language, are none."""

_IN_A_NUMBER = tuple(bytes([sign]) for sign in b"0123456789.")
_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_PACKED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\xfd7": "xz", b"PK": "zip", b"(\xb5": "zstd"}
"""First bytes of packed files, by what packs them."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def shown(text: object, most: int = 60) -> str:
    """Quote what a file held: nothing unprintable, and not all of it if it is long."""
    whole = text if isinstance(text, str) else str(text)
    return repr(whole) if len(whole) <= most else f"{whole[:most]!r}... ({len(whole):,} characters)"


def whole_number(text: str, least: float = -LARGEST, most: float = LARGEST) -> int | None:
    """Read a whole number in decimal digits, or None where it is none or out of range."""
    if not _WHOLE.fullmatch(text):
        return None
    number = int(text)
    return number if least <= number <= most else None


def number(text: str) -> float | None:
    """Read a number in decimal digits, or None where it is none or too large."""
    if len(text) > 400 or not _NUMBER.fullmatch(text):
        return None
    found = float(text)
    return found if abs(found) < float("inf") else None


def is_number(value: Any) -> bool:
    """Whether a value that came from JSON is a number, finite in float64."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e308 if isinstance(value, int) else abs(value) <= 1.7976931348623157e308


def read_text(path: Path, flag: str = "") -> str:
    """Read a text file as a whole: UTF-8, with or without a byte order mark; gzip by its first bytes.

    Parameters
    ----------
    path
        The file.
    flag
        Named in errors, if given.

    Raises
    ------
    InputError
        If it cannot be read, is longer than :data:`MOST_BYTES`, or is no text.
    """
    where = f"{flag}: {path}" if flag else f"{path}"
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
        if content[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(content)) as packed:
                content = packed.read(MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as wrong:
        raise InputError(f"{where}: damaged gzip file ({wrong})") from None
    except OSError as wrong:
        raise InputError(f"{where}: cannot read it: {wrong.strerror or wrong}") from None
    except ValueError:
        raise InputError(f"{flag}: {shown(str(path))} is not the name of a file") from None
    if len(content) > MOST_BYTES:
        raise InputError(f"{where}: longer than {MOST_BYTES // MEGABYTE} MB, which is not expected")
    return _decoded(content, where)


def may_be_cut_off(path: Path) -> bool:
    """Whether a file ends in the middle of its last line, in a number, of which the rest may be missing."""
    try:
        with path.open("rb") as file:
            file.seek(-1, io.SEEK_END)
            return file.read() in _IN_A_NUMBER
    except OSError:  # an empty file has no last byte
        return False


def read_lines(path: Path, flag: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file with their numbers, from 1; never more than one in memory.

    Raises
    ------
    InputError
        If it cannot be read, has a line of more than :data:`MOST_IN_LINE` bytes, or is no text.
    """
    try:
        with open(path, "rb") as file:
            yield from _lines(file, str(path))
    except OSError as wrong:
        raise InputError(f"{flag}: cannot read {path}: {wrong.strerror or wrong}") from None
    except ValueError:
        raise InputError(f"{flag}: {shown(str(path))} is not the name of a file") from None


def _lines(file: IO[bytes], path: str) -> Iterator[tuple[int, str]]:
    place = 0
    while line := file.readline(MOST_IN_LINE + 1):
        place += 1
        if len(line) > MOST_IN_LINE:
            raise InputError(f"{path}:{place}: longer than {MOST_IN_LINE:,} bytes; expected a job")
        yield place, _decoded(line, f"{path}:{place}").rstrip("\r\n")


def _decoded(content: bytes, where: str) -> str:
    encoding = _BOMS.get(content[:2])
    if encoding is not None:
        raise InputError(f"{where}: is {encoding} text (by its byte order mark); save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        packed = _PACKED.get(content[:2])
        so = f" (packed with {packed}? unpack it first)" if packed else ""
        raise InputError(f"{where}: not UTF-8 text at byte {wrong.start}{so}") from None
    if "\0" in text:
        so = " (is it packed? unpack it first)" if content[:2] in _PACKED else ""
        raise InputError(f"{where}: holds a NUL byte; expected text{so}")
    return text


def csv_rows(source: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV text with the number of the line that each ends on.

    Raises
    ------
    InputError
        Where a row is none.
    """
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        for fields in rows:
            yield rows.line_num, fields
    except csv.Error as wrong:
        raise InputError(f"{source}:{rows.line_num}: not CSV: {wrong}") from None


def read_json(path: Path) -> Any:
    """Read a file of JSON that we have written, or somebody has damaged since.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not JSON, or nested deeper than anything of ours, or holds what is no text.
    """
    try:
        content = path.read_bytes()
        found = json.loads(content, parse_constant=_no_figure)
        return of_text(found, b"\\ud" in content.lower())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_figure(word: str) -> None:
    raise ValueError(f"{word}, which nothing of ours writes")


def parse_json(text: str, where: str) -> Any:
    """Parse JSON.

    Raises
    ------
    InputError
        Naming the line where it ends to be JSON.
    """
    try:
        return of_text(json.loads(text, object_pairs_hook=once), "\\ud" in text.lower())
    except json.JSONDecodeError as wrong:
        raise InputError(f"{where}:{wrong.lineno}: not JSON: {wrong.msg}") from None
    except RecursionError:
        raise InputError(f"{where}: nested too deeply") from None
    except ValueError as wrong:  # a number of thousands of digits, a key that is there twice
        raise InputError(f"{where}: {wrong}") from None


def of_text(found: Any, halves: bool) -> Any:
    """Return what JSON holds, if all of it is text.

    Parameters
    ----------
    found
        What was parsed.
    halves
        Whether its text has escapes that may be half a character, which JSON can write and no encoding.

    Raises
    ------
    ValueError
        If one is.
    """
    if halves:
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError as wrong:
            raise ValueError(
                f"\\u{ord(wrong.object[wrong.start]):04x} is half a character"
            ) from None
    return found


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of JSON whose names stand in it once each.

    Raises
    ------
    ValueError
        Naming the first that stands twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} stands twice in one object")
    return found
