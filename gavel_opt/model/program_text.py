"""What the readers of MPS and LP files share: lines, numbers, complaints with file and line."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, NoReturn

import numpy as np
import scipy

from gavel_opt.errors import InputError
from gavel_opt.model.linear_program import LinearProgram

INFINITE = 1e20
"""Bounds of this size and beyond are none."""

LONGEST_NAME = 255
LONGEST_NUMBER = 400
_SHOWN = 40
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?", re.ASCII)
_INFINITY = re.compile(r"[+-]?inf(?:inity)?", re.ASCII | re.IGNORECASE)
# C0 and C1 control characters but tab; line ends are gone by then.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def shown(word: str) -> str:
    """Quote a word of a file for a message: short, and without control characters."""
    return repr(word if len(word) <= _SHOWN else f"{word[: _SHOWN - 3]}...")


class Read(NamedTuple):
    """A program, and what the user should know about how it was read."""

    program: LinearProgram
    notes: list[str]


@dataclass(slots=True)
class Text:
    """The lines of a file, and where the reader is.

    Attributes
    ----------
    path
        For messages.
    content
        The text, decoded; lines end with a line feed, with or without a carriage return.
    number
        Line that was given last, from 1.
    """

    path: str
    content: str
    number: int = 0

    def lines(self) -> Iterator[str]:
        """Every line without its end.

        Raises
        ------
        InputError
            For a control character.
        """
        start, size = 0, len(self.content)
        while start < size:
            end = self.content.find("\n", start)
            end = size if end < 0 else end
            line = self.content[start:end]
            start = end + 1
            self.number += 1
            line = line.removesuffix("\r")
            found = _CONTROL.search(line)
            if found:
                # Editors of old mark the end of a file so.
                if found[0] == "\x1a" and not self.content[start:].strip("\x1a\r\n\t "):
                    line = line.rstrip("\x1a")
                    found = _CONTROL.search(line)
                if found:
                    self.wrong(f"holds the control character U+{ord(found[0]):04X}")
            yield line

    def wrong(self, what: str) -> NoReturn:
        """Refuse the file for what stands in the present line."""
        raise InputError(f"{self.path}, line {self.number}: {what}")

    def cut_off(self, what: str) -> NoReturn:
        """Refuse the file for what does not stand in it."""
        raise InputError(f"{self.path}: {what}")

    def number_in(self, word: str) -> float:
        """Read a number, infinite where the text says so or no float is as large.

        Fortran's exponent letter D is read, too. A number that is too small for a float is refused:
        it would become zero.
        """
        if len(word) > LONGEST_NUMBER:
            self.wrong(f"a number of {len(word)} characters; at most {LONGEST_NUMBER} are read")
        if _NUMBER.fullmatch(word):
            value = float(word.replace("D", "e").replace("d", "e"))
            if value == 0.0 and re.search("[1-9]", re.split("[eEdD]", word)[0]):
                self.wrong(f"{shown(word)} is too small for a floating-point number")
            return value
        if _INFINITY.fullmatch(word):
            return -math.inf if word[0] == "-" else math.inf
        if word.lower().lstrip("+-") == "nan":
            self.wrong("NaN is not a number")
        self.wrong(f"{shown(word)} is not a number")

    def finite(self, word: str, what: str = "a coefficient") -> float:
        """Read a number that must be finite."""
        value = self.number_in(word)
        if math.isinf(value):
            self.wrong(f"{what} must be finite, and {shown(word)} is not")
        return value

    def bound(self, word: str) -> float:
        """Read a bound: what is 1e20 and beyond is infinite."""
        return no_bound(self.number_in(word))

    def name(self, word: str) -> str:
        """Take a word for a name, which has a largest length."""
        if len(word) > LONGEST_NAME:
            self.wrong(f"a name of {len(word)} characters; at most {LONGEST_NAME} are read")
        return word

    def unknown(self, what: str, name: str, known: Collection[str]) -> NoReturn:
        """Refuse a name that was not declared, with those that look like it."""
        hint = ""
        if len(known) <= 200 and len(name) <= _SHOWN:
            short = [k for k in known if len(k) <= _SHOWN]
            near = difflib.get_close_matches(name, sorted(short), n=3, cutoff=0.5)
            near = [k if k.isprintable() else shown(k) for k in near]
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
        self.wrong(f"unknown {what} {shown(name)}{hint}")


def looks_like_a_number(word: str) -> bool:
    """Whether a word would be read as a number."""
    return bool(_NUMBER.fullmatch(word) or _INFINITY.fullmatch(word))


def no_bound(value: float) -> float:
    """Make a bound of 1e20 and beyond infinite."""
    return math.copysign(math.inf, value) if abs(value) >= INFINITE else value


def exact(value: float | str) -> Fraction:
    """The number that a float, or a word of a file, stands for."""
    if isinstance(value, str):
        value = value.replace("D", "e").replace("d", "e")
        if not float(value):
            return Fraction(0)  # whatever its exponent
    return Fraction(value)


def rounded(value: Fraction) -> float:
    """The float that is nearest, infinite where there is none."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


@dataclass(slots=True)
class Parts:
    """A program while it is read, in the order of its file.

    Entries are ``(row, column, value)``, each place once.
    """

    rows: dict[str, int] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    costs: list[float] = field(default_factory=list)
    entry_row: list[int] = field(default_factory=list)
    entry_column: list[int] = field(default_factory=list)
    entry_value: list[float] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)
    col_lower: list[float] = field(default_factory=list)
    col_upper: list[float] = field(default_factory=list)

    def add_row(self, name: str, lower: float, upper: float) -> int:
        """Add a row and return its number."""
        row = self.rows[name] = len(self.rows)
        self.row_lower.append(lower)
        self.row_upper.append(upper)
        return row

    def add_column(self, name: str) -> int:
        """Add a column from 0 to infinity, without cost, and return its number."""
        column = self.columns[name] = len(self.columns)
        self.costs.append(0.0)
        self.col_lower.append(0.0)
        self.col_upper.append(math.inf)
        return column

    def add_entry(self, row: int, column: int, value: float) -> None:
        """Add a coefficient."""
        self.entry_row.append(row)
        self.entry_column.append(column)
        self.entry_value.append(value)

    def program(self, maximize: bool, offset: float, name: str, named: bool) -> LinearProgram:
        """Put the parts together; names are left out unless ``named``."""
        shape = len(self.rows), len(self.columns)
        row = np.array(self.entry_row, dtype=np.int32)
        column = np.array(self.entry_column, dtype=np.int32)
        order = np.lexsort((row, column))
        indptr = np.zeros(shape[1] + 1, dtype=np.int32)
        np.cumsum(np.bincount(column, minlength=shape[1]), out=indptr[1:])
        data = np.array(self.entry_value, dtype=np.float64)[order]
        matrix = scipy.sparse.csc_array((data, row[order], indptr), shape=shape)
        matrix.has_sorted_indices = matrix.has_canonical_format = True
        return LinearProgram.build(
            np.array(self.costs, dtype=np.float64),
            matrix,
            np.array(self.row_lower, dtype=np.float64),
            np.array(self.row_upper, dtype=np.float64),
            np.array(self.col_lower, dtype=np.float64),
            np.array(self.col_upper, dtype=np.float64),
            maximize=maximize,
            offset=offset,
            name=name,
            row_names=tuple(self.rows) if named else (),
            col_names=tuple(self.columns) if named else (),
        )
