"""A look at every line of an MPS file, to name the one that is wrong.

The solver library that reads MPS files skips over what it does not understand: an undeclared row, a
number with a letter in it, a bound of an unknown column. This module refuses such files with their
line, and settles two things on which readers differ: whether the file is fixed or free, and that a
negative upper bound without a lower bound opens the column downwards.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from gavel_opt.errors import InputError, unknown_name

_SECTIONS = ("NAME", "OBJSENSE", "ROWS", "COLUMNS", "RHS", "RANGES", "BOUNDS", "ENDATA")
_NOT_LINEAR = frozenset(
    (
        "QUADOBJ",
        "QMATRIX",
        "QSECTION",
        "QCMATRIX",
        "CSECTION",
        "SOS",
        "SETS",
        "INDICATORS",
        "GENCONS",
    )
)
_WITH_VALUE = ("UP", "LO", "FX", "LI", "UI")
_WITHOUT_VALUE = ("FR", "MI", "PL", "BV")
_SIDES = {
    **dict.fromkeys(("UP", "UI", "PL"), ("upper",)),
    **dict.fromkeys(("LO", "LI", "MI"), ("lower",)),
    **dict.fromkeys(("FX", "FR", "BV"), ("lower", "upper")),
}
_SENSES = ("MAX", "MAXIMIZE", "MIN", "MINIMIZE")
SPACE = "\x1f"
"""Stands for a space in a name of a fixed file that is rewritten as a free one."""

_FIELDS = ((1, 3), (4, 12), (14, 22), (24, 36), (39, 47), (49, 61))


@dataclass(slots=True)
class MpsFacts:
    """What the lines say beyond what the library's reader gives.

    Attributes
    ----------
    fixed
        Fields stand in fixed columns (a name has a space in it).
    name
        Name of the program.
    opened
        Columns with a negative upper bound and no lower bound: their lower bound is -inf.
    integers
        How many columns are declared integer.
    rewritten
        Lines (numbered from 0) to read in another form: where the name of a set is left out, and
        all of a fixed file (the library's readers for the two formats differ).
    """

    fixed: bool = False
    name: str = ""
    opened: list[str] = field(default_factory=list)
    integers: int = 0
    rewritten: dict[int, str] = field(default_factory=dict)


def read_facts(text: str, path: str) -> MpsFacts:
    """Check the lines of an MPS file.

    Raises
    ------
    InputError
        Naming file and line.
    """
    try:
        return _Lines(text, path, fixed=False).read()
    except InputError:
        # Names with spaces look wrong in free format; right in fixed fields, the file is fixed.
        try:
            return _Lines(text, path, fixed=True).read()
        except InputError:
            pass
        raise


class _Lines:
    def __init__(self, text: str, path: str, fixed: bool) -> None:
        self.text = text
        self.path = path
        self.number = 0
        self.rows: dict[str, str] = {}
        self.columns: set[str] = set()
        self.column = ""
        self.in_column: set[str] = set()
        self.in_integers = False
        self.integers: set[str] = set()
        self.has_lower: set[str] = set()
        self.below_zero: dict[str, None] = {}
        self.set_name: dict[str, str] = {}
        self.given: dict[str, set[str]] = {"RHS": set(), "RANGES": set()}
        self.bounded: set[tuple[str, str]] = set()
        self.facts = MpsFacts(fixed=fixed)

    def read(self) -> MpsFacts:
        section = ""
        seen: list[str] = []
        for words, header in self._words():
            if header:
                section = words[0]
                if section in seen:
                    raise self._wrong(f"section {section} stands twice")
                seen.append(section)
                if section == "NAME":
                    self.facts.name = " ".join(words[1:])
                elif section == "OBJSENSE" and len(words) > 1:
                    self._objsense(words[1:])
                elif section == "ENDATA":
                    break
                continue
            if section not in _HANDLERS:
                raise self._wrong(f"{' '.join(words)!r} stands in no section")
            _HANDLERS[section](self, words)
        else:
            raise InputError(f"{self.path}: ends without ENDATA; is the file cut off?")
        for needed in ("ROWS", "COLUMNS"):
            if needed not in seen:
                raise InputError(f"{self.path}: has no section {needed}")
        if "N" not in self.rows.values():
            raise InputError(f"{self.path}: has no objective (a row of type N)")
        self.facts.opened = [name for name in self.below_zero if name not in self.has_lower]
        self.facts.integers = len(self.integers)
        return self.facts

    def _words(self) -> Iterator[tuple[list[str], bool]]:
        """Every line that says something, as words, and whether it opens a section."""
        section = ""
        for number, raw in enumerate(self.text.splitlines(), 1):
            self.number = number
            line = raw.rstrip()
            if not line or line[0] == "*" or not line.strip():
                continue
            first = line.split(None, 1)[0]
            if not line[0].isspace():
                if first in _NOT_LINEAR:
                    raise self._wrong(f"section {first} is beyond linear programs")
                if first in _SECTIONS:
                    section = first
                    yield line.split(), True
                    continue
                if self.facts.fixed or not section:
                    raise self._wrong(f"{first!r} is no section of an MPS file")
            if self.facts.fixed and section not in ("OBJSENSE", "NAME"):
                words = self._fields(line, section)
            else:
                words = line.split()
            for place, word in enumerate(words):
                if word.startswith("$") and place:
                    words = words[:place]
                    break
            yield words, False

    def _fields(self, line: str, section: str) -> list[str]:
        """Words of a fixed line; it is rewritten as a free one."""
        words = [line[a:b].strip() for a, b in _FIELDS]
        while words and not words[-1]:
            words.pop()
        if section not in ("ROWS", "BOUNDS"):
            words = words[1:]
        place = {"RHS": 0, "RANGES": 0, "BOUNDS": 1}.get(section, -1)
        if 0 <= place < len(words) and not words[place]:
            words[place] = section
        free = " ".join(word.replace(" ", SPACE) for word in words)
        self.facts.rewritten[self.number - 1] = f" {free}"
        return words

    def _objsense(self, words: list[str]) -> None:
        if words[0].upper() not in _SENSES:
            raise self._wrong(f"objective sense {words[0]!r}; write MAX or MIN")

    def _row(self, words: list[str]) -> None:
        if len(words) != 2:
            raise self._wrong("a row is its type and its name")
        kind, name = words
        if kind.upper() not in ("N", "E", "L", "G"):
            raise self._wrong(f"row type {kind!r}; one of N, E, L, G was expected")
        if name in self.rows:
            raise self._wrong(f"row {name!r} stands twice")
        self.rows[name] = kind.upper()

    def _entries(self, words: list[str]) -> None:
        if len(words) >= 3 and words[1].strip("'\"") == "MARKER":
            self.in_integers = words[-1].strip("'\"") == "INTORG"
            return
        if len(words) not in (3, 5):
            raise self._wrong("an entry is a column, then a row and a number, once or twice")
        name = words[0]
        if name != self.column:
            if name in self.columns:
                raise self._wrong(f"column {name!r} stands in two places")
            self.columns.add(name)
            self.column = name
            self.in_column.clear()
        if self.in_integers:
            self.integers.add(name)
        for row, value in zip(words[1::2], words[2::2], strict=True):
            self._known_row(row)
            if row in self.in_column:
                raise self._wrong(f"column {name!r} has two entries in row {row!r}")
            self.in_column.add(row)
            self._finite(value)

    def _vector(self, section: str, words: list[str]) -> None:
        if section == "RHS" and self.given["RANGES"]:
            raise self._wrong("RHS must come before RANGES")
        if len(words) % 2:
            self._one_set(section, words[0])
            words = words[1:]
        elif not self.facts.fixed:
            self.facts.rewritten[self.number - 1] = f" {section} {' '.join(words)}"
        if len(words) not in (2, 4):
            raise self._wrong(f"{section} is a row and a number, once or twice, after a set's name")
        for row, value in zip(words[::2], words[1::2], strict=True):
            self._known_row(row)
            if row in self.given[section]:
                raise self._wrong(f"row {row!r} has two values in {section}")
            self.given[section].add(row)
            if section == "RANGES" and self.rows[row] == "N":
                raise self._wrong(f"row {row!r} is of type N and takes no range")
            self._number(value)

    def _rhs(self, words: list[str]) -> None:
        self._vector("RHS", words)

    def _range(self, words: list[str]) -> None:
        self._vector("RANGES", words)

    def _bound(self, words: list[str]) -> None:
        kind = words[0].upper()
        if kind in ("SC", "SI", "SV"):
            raise self._wrong(f"bound type {kind} (semi-continuous) is beyond linear programs")
        if kind not in _WITH_VALUE + _WITHOUT_VALUE:
            known = ", ".join(_WITH_VALUE + _WITHOUT_VALUE)
            raise self._wrong(f"bound type {words[0]!r}; one of {known} was expected")
        value = 0.0
        if kind in _WITH_VALUE:
            if len(words) not in (3, 4):
                raise self._wrong(f"a bound {kind} is a set's name, a column and a number")
            column, value = words[-2], self._number(words[-1])
            named = len(words) == 4
        else:
            # A number may follow and is ignored, as everywhere.
            bare = len(words) == 2 or (len(words) == 3 and words[1] in self.columns)
            named = not bare or (len(words) == 3 and words[2] in self.columns)
            if not 2 <= len(words) <= 4:
                raise self._wrong(f"a bound {kind} is a set's name and a column")
            column = words[2] if named else words[1]
        if named:
            self._one_set("BOUNDS", words[1])
        if column not in self.columns:
            raise self._unknown("column", column, self.columns)
        if not named and not self.facts.fixed:
            rest = [column, words[-1]] if kind in _WITH_VALUE else [column]
            self.facts.rewritten[self.number - 1] = " ".join(["", kind, "BOUNDS", *rest])
        for side in _SIDES[kind]:
            if (column, side) in self.bounded:
                raise self._wrong(f"column {column!r} has two {side} bounds")
            self.bounded.add((column, side))
        if kind in ("BV", "LI", "UI"):
            self.integers.add(column)
        if kind in ("LO", "FX", "MI", "FR", "BV", "LI"):
            self.has_lower.add(column)
        elif kind in ("UP", "UI") and value < 0.0:
            self.below_zero[column] = None

    def _one_set(self, section: str, name: str) -> None:
        first = self.set_name.setdefault(section, name)
        if name != first:
            raise self._wrong(f"a second set {name!r} in {section} after {first!r}; keep one")

    def _known_row(self, name: str) -> None:
        if name not in self.rows:
            raise self._unknown("row", name, self.rows)

    def _number(self, word: str) -> float:
        try:
            # Fortran writes 1.0D3, and the library reads it
            value = float(word.replace("_", "?").replace("D", "e").replace("d", "e"))
        except ValueError:
            raise self._wrong(f"{word!r} is not a number") from None
        if math.isnan(value):
            raise self._wrong("NaN is not a number")
        return value

    def _finite(self, word: str) -> None:
        if math.isinf(self._number(word)):
            raise self._wrong("a coefficient must be finite")

    def _wrong(self, what: str) -> InputError:
        return InputError(f"{self.path}, line {self.number}: {what}")

    def _unknown(self, what: str, name: str, known: Collection[str]) -> InputError:
        hint = str(unknown_name(what, name, known)) if len(known) <= 200 else ""
        return self._wrong(hint or f"unknown {what} {name!r}")


_HANDLERS = {
    "OBJSENSE": _Lines._objsense,
    "ROWS": _Lines._row,
    "COLUMNS": _Lines._entries,
    "RHS": _Lines._rhs,
    "RANGES": _Lines._range,
    "BOUNDS": _Lines._bound,
}
