"""MPS files, fixed and free, read by the rules of ``docs/file-formats.md`` and by no other.

One reader for both formats: lines are split into words (free) or into fields (fixed), and what they
mean is the same. A file is free if all of it reads so; what does not, because a name holds a blank or
is left out, is read by its columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gavel_opt.errors import InputError, counted
from gavel_opt.model.mps_writer import UNNAMED
from gavel_opt.model.program_text import (
    Parts,
    Read,
    Text,
    exact,
    looks_like_a_number,
    no_bound,
    rounded,
    shown,
)

_BEYOND = frozenset(
    [
        "QUADOBJ",
        "QMATRIX",
        "QSECTION",
        "QCMATRIX",
        "CSECTION",
        "SOS",
        "SOS1",
        "SOS2",
        "SETS",
        "INDICATORS",
        "GENCONS",
        "PWLOBJ",
        "PWLNAM",
        "PWLCON",
        "LAZYCONS",
        "USERCUTS",
    ]
)
_SENSES = {"MAX": True, "MAXIMIZE": True, "MIN": False, "MINIMIZE": False}
_WITH_VALUE = ("UP", "LO", "FX", "LI", "UI")
_WITHOUT_VALUE = ("FR", "MI", "PL", "BV")
_SETS_LOWER = frozenset(("LO", "LI", "MI", "FX", "FR", "BV"))
_SETS_UPPER = frozenset(("UP", "UI", "PL", "FX", "FR", "BV"))
_INTEGER = frozenset(("BV", "LI", "UI"))

# Where the fields of a fixed line begin and end: type, name, name, number, name, number.
_NAMES = ((1, 3), (4, 12), (14, 22), (39, 47))
_NUMBERS = ((24, 36), (49, 61))

Pairs = list[tuple[str, str]]


def read_mps(path: str, content: str) -> Read:
    """Read an MPS file.

    Raises
    ------
    InputError
        Naming file and line.
    """
    free = _Reader(Text(path, content), fixed=False)
    try:
        return free.read()
    except InputError as wrong:
        fixed = _Reader(Text(path, content), fixed=True)
        try:
            return fixed.read()
        except InputError as other:
            # The format in which more of the file makes sense is the one that was meant.
            raise (other if fixed.text.number > free.text.number else wrong) from None


class _Reader:
    def __init__(self, text: Text, fixed: bool) -> None:
        self.text = text
        self.fixed = fixed
        self.parts = Parts()
        self.kind: list[str] = []
        self.objective = ""
        self.ignored: set[str] = set()
        self.name = ""
        self.maximize: bool | None = None
        self.column = -1
        self.in_column: set[str] = set()
        self.in_integers = False
        self.integers: set[int] = set()
        self.bounded: tuple[set[int], set[int]] = set(), set()
        self.negative: set[int] = set()
        self.set_name: dict[str, str] = {}
        self.given: dict[str, dict[str, tuple[str, int]]] = {"RHS": {}, "RANGES": {}}
        self.notes: list[str] = []

    def read(self) -> Read:
        text = self.text
        section = ""
        seen: set[str] = set()
        unnamed = False
        for line in text.lines():
            if line[:1] == "*":
                unnamed |= text.number == 1 and line.rstrip() == UNNAMED
                continue
            if not line.strip(" \t"):
                continue
            if section == "ENDATA":
                self.notes.append(f"what stands after ENDATA (line {text.number}) is not read")
                break
            if line[0] in " \t":
                self._data(section, line)
                continue
            section = self._header(line)
            if section in seen:
                text.wrong(f"section {section} stands twice")
            seen.add(section)
        for needed in ("ROWS", "COLUMNS", "ENDATA"):
            if needed not in seen:
                cut = "ends without ENDATA; is the file cut off?" if needed == "ENDATA" else ""
                text.cut_off(cut or f"has no section {needed}")
        if not self.objective:
            text.cut_off("has no objective (a row of type N)")
        if "OBJSENSE" in seen and self.maximize is None:
            text.cut_off("section OBJSENSE names no sense; write MAX or MIN")
        self._finish_columns()
        self._finish_rows()
        offset = self._offset()
        program = self.parts.program(bool(self.maximize), offset, self.name, not unnamed)
        return Read(program, self.notes)

    # Lines ------------------------------------------------------------------------------------

    def _header(self, line: str) -> str:
        word, _, rest = line.replace("\t", " ").partition(" ")
        if word == "NAME":
            self.name = self.text.name(rest.strip(" "))
            return word
        if word in _BEYOND:
            self.text.wrong(f"section {word} is beyond linear programs")
        if word != "OBJSENSE" and word not in _SECTIONS:
            self.text.wrong(
                f"{shown(word)} is no section of an MPS file (a line of data begins with a blank)"
            )
        words = self._words(rest)
        if word == "OBJSENSE" and words:
            self._sense(words)
        elif words:
            self.text.wrong(f"{shown(words[0])} stands behind {word}; nothing may")
        return word

    def _data(self, section: str, line: str) -> None:
        words = self._words(line)
        if not words:
            return
        if section not in _SECTIONS and section != "OBJSENSE":
            self.text.wrong(f"{shown(words[0])} stands in no section")
        if section == "OBJSENSE":
            self._sense(words)
        elif section == "COLUMNS" and _is_marker(words):
            self._marker(words)
        elif self.fixed:
            self._fixed(section, self._fields(line))
        else:
            self._free(section, words)

    def _words(self, line: str) -> list[str]:
        """Words of a line up to the first that begins with a dollar sign: that begins a remark."""
        words = [word for word in line.replace("\t", " ").split(" ") if word]
        for place, word in enumerate(words):
            if word[0] == "$":
                if place == 0 and any(map(looks_like_a_number, words[1:3])):
                    self.text.wrong(
                        f"{shown(word)} begins a remark, and the line looks like data;"
                        " a name may not begin with $"
                    )
                return words[:place]
        return words

    def _free(self, section: str, words: list[str]) -> None:
        text, count = self.text, len(words)
        if section == "ROWS":
            if count != 2:
                text.wrong("a row is its type and its name")
            self._row(*words)
        elif section == "COLUMNS":
            if count not in (3, 5):
                text.wrong("an entry is a column, then a row and a number, once or twice")
            self._entries(words[0], _pairs(words[1:]))
        elif section in ("RHS", "RANGES"):
            named = count % 2
            if count - named not in (2, 4):
                text.wrong(f"{section} is a row and a number, once or twice, after a set's name")
            self._vector(section, words[0] if named else "", _pairs(words[named:]))
        else:
            self._free_bound(words)

    def _free_bound(self, words: list[str]) -> None:
        text, count, columns = self.text, len(words), self.parts.columns
        kind = self._bound_type(words[0])
        if kind in _WITH_VALUE:
            if count not in (3, 4):
                text.wrong(f"a bound {kind} is a set's name, a column and a number")
            self._bound(kind, words[1] if count == 4 else "", words[-2], words[-1])
            return
        if not 2 <= count <= 4:
            text.wrong(f"a bound {kind} is a set's name and a column")
        # A number may follow and is ignored, as everywhere.
        named = count == 4 or (count == 3 and words[2] in columns)
        if named and count == 3 and words[1] in columns and looks_like_a_number(words[2]):
            text.wrong(
                f"{shown(words[1])} may be the set and {shown(words[2])} the column, or the"
                " column and a number; name both"
            )
        if not named and count == 3 and not looks_like_a_number(words[2]):
            text.unknown("column", words[2], columns)
        if count == 4:
            text.number_in(words[3])
        self._bound(kind, words[1] if named else "", words[1 + named], "0")

    def _fields(self, line: str) -> list[str]:
        """The six fields of a fixed line, blank where there is none."""
        text = self.text
        if "\t" in line:
            text.wrong("a fixed file is read by its columns, so it may hold no tab")
        remark = line.find(" $")
        line = (line if remark < 0 else line[:remark]).rstrip(" ")
        fields = [""] * 6
        taken = list(_NAMES)
        for place, (start, end) in zip((0, 1, 2, 4), _NAMES, strict=True):
            fields[place] = line[start:end].strip(" ")
        for place, (start, end) in zip((3, 5), _NUMBERS, strict=True):
            first = next((i for i in range(start, end) if line[i : i + 1].strip()), -1)
            if first < 0:
                continue
            last = line.find(" ", first)
            if last < 0:
                last = len(line)
                # A long number may run on as far as nothing follows.
                fields[place + 1 :] = [""] * (5 - place)
            elif last > _NAMES[3][0] and place == 3:
                text.wrong(f"{shown(line[first:last])} runs into the field behind it")
            fields[place] = line[first:last]
            taken.append((first, last))
        for at, sign in enumerate(line):
            if sign != " " and not any(start <= at < end for start, end in taken):
                text.wrong(
                    f"{shown(line[at:].split(' ')[0])} stands at column {at + 1}, where a fixed"
                    " line has no field"
                )
        return fields

    def _fixed(self, section: str, fields: list[str]) -> None:
        text = self.text
        kind, first, second, value, third, other = fields
        used = {"ROWS": 2, "BOUNDS": 4}.get(section, 6)
        if any(fields[used:]) or (section in ("COLUMNS", "RHS", "RANGES") and kind):
            text.wrong(f"a field is filled that {section} does not have")
        if section == "ROWS":
            if not kind or not first:
                text.wrong("a row is its type and its name")
            self._row(kind, first)
        elif section == "BOUNDS":
            kind = self._bound_type(kind)
            if kind in _WITH_VALUE and not value:
                text.wrong(f"a bound {kind} has a number in columns 25 to 36")
            if value:
                text.number_in(value)
            self._bound(kind, first, second, value if kind in _WITH_VALUE else "0")
        else:
            pairs = [(second, value)]
            if third or other:
                pairs.append((third, other))
            if not all(row and number for row, number in pairs):
                text.wrong("a row without a number, or a number without a row")
            if section == "COLUMNS":
                if not first and self.column < 0:
                    text.wrong("the first column has no name")
                self._entries(first or list(self.parts.columns)[-1], pairs)
            else:
                self._vector(section, first, pairs)

    # What the lines mean ----------------------------------------------------------------------

    def _sense(self, words: list[str]) -> None:
        sense = words[0].upper()
        if sense not in _SENSES or len(words) > 1:
            self.text.wrong(f"objective sense {shown(' '.join(words))}; write MAX or MIN")
        if self.maximize is not None:
            self.text.wrong("a second objective sense")
        self.maximize = _SENSES[sense]

    def _row(self, kind: str, name: str) -> None:
        text, kind = self.text, kind.upper()
        if kind not in ("N", "E", "L", "G"):
            text.wrong(f"row type {shown(kind)}; one of N, E, L, G was expected")
        if name in self.parts.rows or name in self.ignored or name == self.objective:
            text.wrong(f"row {shown(name)} stands twice")
        text.name(name)
        if kind != "N":
            self.parts.add_row(name, 0.0, 0.0)
            self.kind.append(kind)
        elif self.objective:
            self.ignored.add(name)
        else:
            self.objective = name

    def _marker(self, words: list[str]) -> None:
        kind = words[2]
        if len(words) > 3 or kind not in ("'INTORG'", "'INTEND'"):
            self.text.wrong(f"marker {shown(' '.join(words[2:]))}; 'INTORG' or 'INTEND' is read")
        if self.in_integers == (kind == "'INTORG'"):
            self.text.wrong(f"marker {kind} where integer columns have {_BEGUN[self.in_integers]}")
        self.in_integers = kind == "'INTORG'"

    def _entries(self, name: str, pairs: Pairs) -> None:
        text, parts = self.text, self.parts
        column = parts.columns.get(name, -1)
        if column < 0:
            column = parts.add_column(text.name(name))
            self.in_column.clear()
            if self.in_integers:
                self.integers.add(column)
        elif column != self.column:
            text.wrong(f"column {shown(name)} stands in two places")
        self.column = column
        for row, word in pairs:
            place = self._known_row(row)
            if row in self.in_column:
                text.wrong(f"column {shown(name)} has two entries in row {shown(row)}")
            self.in_column.add(row)
            value = text.finite(word)
            if row == self.objective:
                parts.costs[column] = value
            elif place >= 0:
                parts.add_entry(place, column, value)

    def _vector(self, section: str, name: str, pairs: Pairs) -> None:
        text = self.text
        self._one_set(section, name)
        for row, word in pairs:
            place = self._known_row(row)
            if row in self.given[section]:
                text.wrong(f"row {shown(row)} has two values in {section}")
            if section == "RANGES" and place < 0:
                text.wrong(f"row {shown(row)} is of type N and takes no range")
            text.number_in(word)
            self.given[section][row] = word, text.number

    def _bound_type(self, word: str) -> str:
        kind = word.upper()
        if kind in ("SC", "SI", "SV"):
            self.text.wrong(f"bound type {kind} (semi-continuous) is beyond linear programs")
        if kind not in _WITH_VALUE + _WITHOUT_VALUE:
            known = ", ".join(_WITH_VALUE + _WITHOUT_VALUE)
            self.text.wrong(f"bound type {shown(word)}; one of {known} was expected")
        return kind

    def _bound(self, kind: str, set_name: str, name: str, word: str) -> None:
        text, parts = self.text, self.parts
        self._one_set("BOUNDS", set_name)
        value = text.bound(word)
        column = parts.columns.get(name, -1)
        if column < 0:
            text.unknown("column", name, parts.columns)
        if kind == "FX" and math.isinf(value):
            text.wrong("a column cannot be fixed at infinity")
        if kind == "FR":
            low, high = -math.inf, math.inf
        elif kind == "BV":
            low, high = 0.0, 1.0
        else:
            low = -math.inf if kind == "MI" else value
            high = math.inf if kind == "PL" else value
        sides = (
            (kind in _SETS_LOWER, low, parts.col_lower),
            (
                kind in _SETS_UPPER,
                high,
                parts.col_upper,
            ),
        )
        for (sets, bound, values), given, side in zip(
            sides, self.bounded, ("lower", "upper"), strict=True
        ):
            if sets:
                if column in given:
                    text.wrong(f"column {shown(name)} has two {side} bounds")
                given.add(column)
                values[column] = bound
        if kind in _INTEGER:
            self.integers.add(column)
        if kind in ("UP", "UI") and value < 0.0:
            self.negative.add(column)

    def _one_set(self, section: str, name: str) -> None:
        if name:
            first = self.set_name.setdefault(section, self.text.name(name))
            if name != first:
                self.text.wrong(
                    f"a second set {shown(name)} in {section} after {shown(first)}; keep one"
                )

    def _known_row(self, name: str) -> int:
        """Number of a row, or -1 for one of type N."""
        place = self.parts.rows.get(name, -1)
        if place < 0 and name != self.objective and name not in self.ignored:
            self.text.unknown("row", name, [*self.parts.rows, self.objective, *self.ignored])
        return place

    # When all has been read -------------------------------------------------------------------

    def _finish_columns(self) -> None:
        parts = self.parts
        given_lower, given_upper = self.bounded
        downwards = self.negative - given_lower
        for column in downwards:
            parts.col_lower[column] = -math.inf
        if downwards:
            self.notes.append(
                f"{counted(len(downwards), 'column')} with a negative upper bound and no lower one taken to go down "
                "without end; some readers keep 0"
            )
        bare = self.integers - given_lower - given_upper
        for column in bare:
            parts.col_upper[column] = 1.0
        if self.integers:
            between = f"; {len(bare)} of them without bounds, from 0 to 1" if bare else ""
            self.notes.insert(
                0, f"{counted(len(self.integers), 'integer column')} taken as continuous{between}"
            )

    def _finish_rows(self) -> None:
        text, parts = self.text, self.parts
        sides, ranges = self.given["RHS"], self.given["RANGES"]
        for place, (name, kind) in enumerate(zip(parts.rows, self.kind, strict=True)):
            word, line = sides.get(name, ("0", 0))
            side = text.bound(word)
            low = side if kind != "L" else -math.inf
            high = side if kind != "G" else math.inf
            if name in ranges:
                span, line = ranges[name]
                text.number = line
                if math.isinf(side):
                    text.wrong(f"row {shown(name)} has a range and an infinite right-hand side")
                low, high = _ranged(kind, word, side, span, text.number_in(span))
            elif kind == "E" and math.isinf(side):
                text.number = line
                text.wrong(f"row {shown(name)} cannot be equal to infinity")
            parts.row_lower[place], parts.row_upper[place] = low, high

    def _offset(self) -> float:
        word, line = self.given["RHS"].get(self.objective, ("", 0))
        if not word:
            return 0.0
        self.text.number = line
        return -self.text.finite(word, "the constant of the objective")


_SECTIONS = frozenset(("ROWS", "COLUMNS", "RHS", "RANGES", "BOUNDS", "ENDATA"))
_BEGUN = {True: "begun already", False: "not begun"}


def _is_marker(words: Sequence[str]) -> bool:
    """Whether a line marks integer columns; a row may be called 'MARKER', too."""
    return len(words) > 2 and words[1] == "'MARKER'" and not looks_like_a_number(words[2])


def _pairs(words: Sequence[str]) -> Pairs:
    return list(zip(words[::2], words[1::2], strict=True))


def _ranged(kind: str, word: str, side: float, span: str, width: float) -> tuple[float, float]:
    """Bounds of a row with a range: the sum is exact and rounded once."""
    down = kind == "L" or (kind == "E" and width < 0.0)
    if math.isinf(width):
        return (-math.inf, side) if down else (side, math.inf)
    size = abs(exact(span))
    other = no_bound(rounded(exact(word) - size if down else exact(word) + size))
    return (other, side) if down else (side, other)
