"""LP files (the format of CPLEX), read by the rules of ``docs/file-formats.md`` and by no other."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from gavel_opt.errors import counted
from gavel_opt.model.program_text import Parts, Read, Text, exact, no_bound, rounded, shown

_SECTIONS = {
    **dict.fromkeys(("maximize", "maximise", "maximum", "max"), "maximize"),
    **dict.fromkeys(("minimize", "minimise", "minimum", "min"), "minimize"),
    **dict.fromkeys(("subject to", "such that", "st", "s.t.", "st."), "subject to"),
    **dict.fromkeys(("bounds", "bound"), "bounds"),
    **dict.fromkeys(("generals", "general", "gen", "integers", "integer", "int"), "generals"),
    **dict.fromkeys(("binaries", "binary", "bin"), "binaries"),
    **dict.fromkeys(("semi-continuous", "semis", "semi", "semi-integer"), "semi-continuous"),
    "end": "end",
}
_BEYOND = {
    **dict.fromkeys(("sos", "sos1", "sos2"), "special ordered sets"),
    **dict.fromkeys(("lazy constraints", "user cuts"), "lazy rows and cuts"),
    **dict.fromkeys(
        ("general constraints", "gencons", "pwlobj", "scenario"), "general constraints"
    ),
}
_TWO_WORDS = frozenset(word for word in (*_SECTIONS, *_BEYOND) if " " in word)
_RESERVED = frozenset((*_SECTIONS, *_BEYOND, "free", "inf", "infinity", "nan"))
"""Words that are no names of columns, since a line that begins with one would be read otherwise."""

_NAME = re.compile(
    r"[^\W\d][\w.\[\](),;!\"#$%&?@'`{}~|]*|[!\"#$%&?@'`{}~|][\w.\[\](),;!\"#$%&?@'`{}~|]*"
)
_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_OPERATOR = re.compile(r"<=|=<|>=|=>|->|<|>|=|[+\-:\[\]^*/()]")
_RELATIONS = {"<=": -1, "=<": -1, "<": -1, ">=": 1, "=>": 1, ">": 1, "=": 0}


class _Token(NamedTuple):
    """A word of the file: ``kind`` is ``name``, ``number`` or the operator itself."""

    kind: str
    word: str
    line: int


class _Sum(NamedTuple):
    """A sum of columns and a constant."""

    terms: dict[str, float]
    constant: Fraction
    numbers: int
    infinite: float


def read_lp(path: str, content: str) -> Read:
    """Read an LP file.

    Raises
    ------
    InputError
        Naming file and line.
    """
    return _Reader(Text(path, content)).read()


class _Reader:
    def __init__(self, text: Text) -> None:
        self.text = text
        self.parts = Parts()
        self.tokens: list[_Token] = []
        self.at = 0
        self.section = ""
        self.maximize = False
        self.offset = 0.0
        self.bounded: tuple[set[int], set[int]] = set(), set()
        self.integers: set[int] = set()
        self.labels: set[str] = set()
        self.pending: list[tuple[str, _Sum, float, float]] = []
        self.notes: list[str] = []

    def read(self) -> Read:
        """Read section after section: a section's lines are gathered, then parsed."""
        text = self.text
        seen: set[str] = set()
        start = 0
        for line in text.lines():
            line = line.partition("\\")[0].strip(" \t")
            if not line:
                continue
            if self.section == "end":
                self.notes.append(f"what stands after End (line {text.number}) is not read")
                break
            section, rest = self._opens(line)
            if not section:
                if not self.section:
                    text.wrong(
                        f"{shown((line.split() or [line])[0])} stands before the objective; an LP file begins"
                        " with Minimize or Maximize"
                    )
                self._tokenize(line)
                continue
            here = text.number
            self._close()
            text.number = here
            if section in seen or (
                section in ("minimize", "maximize") and seen & {"minimize", "maximize"}
            ):
                text.wrong(f"section {section.title()} stands twice")
            self._require_order(section, seen)
            seen.add(section)
            self.section = section
            if rest:
                if section not in ("minimize", "maximize", "subject to"):
                    text.wrong(f"{shown(rest.split()[0])} stands behind {section.title()}")
                self._tokenize(rest)
            start = start or here
        self._close()
        if not seen:
            text.cut_off("holds no program: it has no Minimize or Maximize")
        for needed in ("subject to", "end"):
            if needed not in seen:
                text.cut_off(f"has no section {needed.title()}; is the file cut off?")
        if not self.parts.columns:
            text.cut_off("has no column")
        if self.integers:
            self.notes.insert(
                0, f"{counted(len(self.integers), 'integer column')} taken as continuous"
            )
        return Read(self.parts.program(self.maximize, self.offset, "", named=True), self.notes)

    # Lines ------------------------------------------------------------------------------------

    def _opens(self, line: str) -> tuple[str, str]:
        """The section that a line opens and what stands behind; blank if it opens none."""
        words = line.lower().split(None, 2) or [
            line
        ]  # a line of signs that only Python calls blank
        first = words[0]
        count = 1
        if len(words) > 1 and f"{words[0]} {words[1]}" in _TWO_WORDS:
            first, count = f"{words[0]} {words[1]}", 2
        rest = line.split(None, count)[count:]
        behind = rest[0] if rest else ""
        if first.endswith(":") or behind.startswith(":"):
            return "", ""  # a row with the name of a section
        if first in _BEYOND:
            self.text.wrong(f"{shown(first)}: {_BEYOND[first]} are beyond linear programs")
        return _SECTIONS.get(first, ""), behind

    def _require_order(self, section: str, seen: set[str]) -> None:
        if section in ("minimize", "maximize"):
            self.maximize = section == "maximize"
        elif not seen & {"minimize", "maximize"}:
            self.text.wrong(f"section {section.title()} stands before the objective")
        elif section not in ("subject to", "end") and "subject to" not in seen:
            self.text.wrong(f"section {section.title()} stands before Subject To")

    def _tokenize(self, line: str) -> None:
        text, at, number = self.text, 0, self.text.number
        end = len(line)
        previous = ""
        while at < end:
            sign = line[at]
            if sign in " \t":
                at, previous = at + 1, ""
                continue
            found = _NUMBER.match(line, at)
            kind = "number"
            if not found:
                found, kind = _NAME.match(line, at), "name"
            if not found:
                found, kind = _OPERATOR.match(line, at), "operator"
            if not found:
                text.wrong(f"{shown(sign)} is no part of an LP file")
            word = found[0]
            if kind == "name":
                if previous == "number" and (
                    word[0] in "eE" or "e" in self.tokens[-1].word.lower()
                ):
                    text.wrong(
                        f"{shown(self.tokens[-1].word + word)}: put a blank between number and name"
                    )
                self._check_name(word)
            elif kind == "number" and previous in ("name", "number"):
                text.wrong(f"{shown(self.tokens[-1].word + word)} is no number and no name")
            elif kind == "operator":
                if word in "[]^*/()" or word == "->":
                    beyond = (
                        "indicators" if word == "->" else "quadratic parts, products, quotients"
                    )
                    text.wrong(
                        f"{word!r}: {beyond} are beyond linear programs as they are read here"
                    )
                kind = word
            self.tokens.append(_Token(kind, word, number))
            at, previous = found.end(), kind

    def _check_name(self, word: str) -> None:
        text = self.text
        text.name(word)
        depth = 0
        for sign in word:
            depth += (sign in "([{") - (sign in ")]}")
            if depth < 0:
                break
        if depth or word[-1] in ",;":
            text.wrong(f"{shown(word)} is no name: brackets must close, and , and ; do not end one")

    # Sections ---------------------------------------------------------------------------------

    def _close(self) -> None:
        """Parse what the open section holds."""
        if self.section:
            parse: dict[str, Callable[[], None]] = {
                "maximize": self._objective,
                "minimize": self._objective,
                "subject to": self._rows,
                "bounds": self._bounds,
                "generals": self._generals,
                "binaries": self._binaries,
                "semi-continuous": self._semi_continuous,
            }
            if self.section in parse:
                self.at = 0
                parse[self.section]()
            self.tokens.clear()

    def _peek(self, ahead: int = 0) -> _Token | None:
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else None

    def _next(self) -> _Token | None:
        token = self._peek()
        if token is not None:
            self.at += 1
            self.text.number = token.line
        return token

    def _label(self) -> str:
        token, colon = self._peek(), self._peek(1)
        if token is not None and colon is not None and colon.kind == ":":
            if token.kind != "name":
                self.text.number = token.line
                self.text.wrong(f"{shown(token.word)} is no name")
            self.at += 2
            self.text.number = token.line
            return token.word
        return ""

    def _objective(self) -> None:
        text = self.text
        self._label()
        total = self._sum()
        token = self._next()
        if token is not None:
            text.wrong(f"{shown(token.word)} does not belong into the objective")
        if total.infinite:
            text.wrong("the constant of the objective must be finite")
        for name, value in total.terms.items():
            self.parts.costs[self._column(name)] = value
        if total.numbers:
            self.offset = rounded(total.constant)

    def _rows(self) -> None:
        while self._peek() is not None:
            before = self.tokens[self.at - 1].line if self.at else 0
            token = self._peek()
            assert token is not None
            label = self._label()
            if before == token.line:
                self.text.number = token.line
                self.text.wrong(
                    f"{shown(token.word)} stands behind the right-hand side; columns stand on the"
                    " left, and each row begins on a line of its own"
                )
            self._row(label)
        names = {name for name, *_ in self.pending if name}
        for place, (name, total, low, high) in enumerate(self.pending, 1):
            if not name:
                name = f"R{place}"
                while name in names:
                    name += "_"
                names.add(name)
            row = self.parts.add_row(name, low, high)
            for column, value in total.terms.items():
                self.parts.add_entry(row, self._column(column), value)
        self.pending.clear()

    def _row(self, label: str) -> None:
        """``sum relation sum``, or ``number relation sum relation number``."""
        text = self.text
        if label:
            if label in self.labels:
                text.wrong(f"row {shown(label)} stands twice")
            self.labels.add(label)
        left = self._sum()
        if not label and left.numbers + len(left.terms) == 0:
            text.wrong("a row has nothing before its relation")
        relation = self._relation()
        right = self._sum(only_number=bool(left.terms))
        if right.numbers + len(right.terms) == 0:
            text.wrong("a row has nothing behind its relation")
        token = self._peek()
        if not left.terms and token is not None and token.kind in _RELATIONS:
            again = self._relation()
            last = self._sum(only_number=True)
            if again != relation or not relation:
                text.wrong("a row between two numbers has <= twice or >= twice")
            least, most = (left, last) if relation < 0 else (last, left)
            self._add_row(label, right, _minus(least, right), _minus(most, right))
            return
        if left.terms:
            total, bound = left, _minus(right, left)
        else:
            total, bound, relation = right, _minus(left, right), -relation
        low = bound if relation >= 0 else -math.inf
        high = bound if relation <= 0 else math.inf
        if not relation and math.isinf(bound):
            text.wrong("a row cannot be equal to infinity")
        self._add_row(label, total, low, high)

    def _add_row(self, label: str, total: _Sum, low: float, high: float) -> None:
        if total.infinite:
            self.text.wrong("infinity stands among the columns of a row")
        self.pending.append((label, total, low, high))

    def _relation(self) -> int:
        token = self._next()
        if token is None or token.kind not in _RELATIONS:
            what = "the section ends" if token is None else f"{shown(token.word)} stands"
            self.text.wrong(f"{what} where <=, >= or = was expected")
        return _RELATIONS[token.kind]

    def _sum(self, only_number: bool = False) -> _Sum:
        """Terms with a sign between them; the first may have none."""
        text = self.text
        terms: dict[str, float] = {}
        constant, numbers, infinite = Fraction(0), 0, 0.0
        first = True
        while (token := self._peek()) is not None:
            sign, signs = 1.0, 0
            while token is not None and token.kind in "+-":
                sign, signs = (-sign if token.kind == "-" else sign), signs + 1
                self._next()
                token = self._peek()
            if token is None or token.kind not in ("number", "name"):
                if signs:
                    text.wrong("a sign without a number or a column")
                break
            if not signs and not first:
                break
            following = self._peek(1)
            # A word before a colon begins the next row.
            if token.kind == "name" and following is not None and following.kind == ":":
                if signs:
                    text.wrong("a sign without a number or a column")
                break
            self._next()
            word, value = "1", 1.0
            if token.kind == "number" or token.word.lower() in ("inf", "infinity"):
                word, value = token.word, text.number_in(token.word)
                follows = following is not None and following.kind == "name" and not only_number
                if not follows or following is None or self._begins_row(token, following):
                    if math.isinf(no_bound(value)):
                        infinite += sign * math.inf
                    else:
                        constant += Fraction(int(sign)) * exact(word)
                    numbers += 1
                    first = False
                    if only_number:
                        break
                    continue
                name = following.word
                self._next()
            else:
                name = token.word
            if only_number:
                text.wrong(
                    f"{shown(name)} stands on the right; bring columns to the left of the relation"
                )
            self._check_column(name)
            if name in terms:
                text.wrong(f"column {shown(name)} stands twice in one sum; add its coefficients")
            if math.isinf(value):
                text.wrong("a coefficient must be finite")
            terms[name] = sign * value
            first = False
        return _Sum(terms, constant, numbers, infinite)

    def _begins_row(self, number: _Token, name: _Token) -> bool:
        """Whether a name behind a number is the label of the next row."""
        colon = self._peek(1)
        return number.line != name.line and colon is not None and colon.kind == ":"

    def _check_column(self, name: str) -> None:
        if name.lower() in _RESERVED:
            self.text.wrong(
                f"column {shown(name)} has the name of a section; write the program as MPS"
            )

    def _column(self, name: str) -> int:
        column = self.parts.columns.get(name, -1)
        return column if column >= 0 else self.parts.add_column(name)

    def _known(self, token: _Token) -> int:
        column = self.parts.columns.get(token.word, -1)
        if column < 0:
            self.text.unknown("column", token.word, self.parts.columns)
        return column

    # Bounds -----------------------------------------------------------------------------------

    def _bounds(self) -> None:
        text = self.text
        start = 0
        for at in range(1, len(self.tokens) + 1):
            if at == len(self.tokens) or self.tokens[at].line != self.tokens[start].line:
                text.number = self.tokens[start].line
                self._bound(self.tokens[start:at])
                start = at
        for name, column in self.parts.columns.items():
            if self.parts.col_upper[column] < 0.0 and column not in self.bounded[0]:
                text.cut_off(
                    f"column {shown(name)} has a negative upper bound and no lower one, which"
                    " readers take for 0 or for none; write both"
                )

    def _bound(self, tokens: list[_Token]) -> None:
        """A line: ``x free``, ``x <= 4``, ``4 >= x``, ``0 <= x <= 4``."""
        text = self.text
        if len(tokens) == 2 and tokens[0].kind == "name" and tokens[1].word.lower() == "free":
            column = self._known(tokens[0])
            self._set(0, column, -math.inf)
            self._set(1, column, math.inf)
            return
        sides: list[float | _Token] = []
        relations: list[int] = []
        at = 0
        while at < len(tokens):
            sign, token = 1.0, tokens[at]
            while token.kind in "+-" and at + 1 < len(tokens):
                sign = -sign if token.kind == "-" else sign
                at += 1
                token = tokens[at]
            if token.kind == "number" or token.word.lower() in ("inf", "infinity"):
                sides.append(no_bound(sign * text.number_in(token.word)))
            elif token.kind == "name" and sign > 0.0 and tokens[at - 1].kind != "+":
                sides.append(token)
            else:
                break
            at += 1
            if at == len(tokens):
                break
            if tokens[at].kind not in _RELATIONS:
                break
            relations.append(_RELATIONS[tokens[at].kind])
            at += 1
        names = [side for side in sides if isinstance(side, _Token)]
        if (
            at < len(tokens)
            or len(names) != 1
            or len(sides) not in (2, 3)
            or len(relations) != len(sides) - 1
        ):
            text.wrong(
                "a bound is a line such as x <= 4, -1 <= x <= 4, x = 3 or x free; no coefficients"
            )
        if len(sides) == 3 and (
            relations[0] != relations[1] or not relations[0] or sides[1] is not names[0]
        ):
            text.wrong("a bound on both sides has <= twice or >= twice, and the column between")
        column = self._known(names[0])
        middle = sides.index(names[0])
        for place, side in enumerate(sides):
            if isinstance(side, _Token):
                continue
            relation = relations[place] if place < middle else -relations[place - 1]
            # Now it reads "side relation column".
            if relation <= 0:
                self._set(0, column, side)
            if relation >= 0:
                self._set(1, column, side)
            if not relation and math.isinf(side):
                text.wrong("a column cannot be fixed at infinity")

    def _set(self, side: int, column: int, value: float) -> None:
        if column in self.bounded[side]:
            name = list(self.parts.columns)[column]
            self.text.wrong(f"column {shown(name)} has two {('lower', 'upper')[side]} bounds")
        self.bounded[side].add(column)
        (self.parts.col_lower, self.parts.col_upper)[side][column] = value

    def _generals(self) -> None:
        self._listed()

    def _binaries(self) -> None:
        parts = self.parts
        for column in self._listed():
            low, high = (
                bound if column in given else default
                for bound, given, default in zip(
                    (parts.col_lower[column], parts.col_upper[column]),
                    self.bounded,
                    (0.0, 1.0),
                    strict=True,
                )
            )
            if low < 0.0 or high > 1.0:
                name = list(parts.columns)[column]
                self.text.wrong(f"column {shown(name)} is binary and has bounds beyond 0 and 1")
            parts.col_lower[column], parts.col_upper[column] = low, high
            self.bounded[0].add(column)
            self.bounded[1].add(column)

    def _semi_continuous(self) -> None:
        """HiGHS writes the section with nothing in it."""
        token = self._next()
        if token is not None:
            self.text.wrong(
                f"{shown(token.word)} is semi-continuous, which is beyond linear programs"
            )

    def _listed(self) -> list[int]:
        """The columns of a section that lists some."""
        columns = []
        while (token := self._next()) is not None:
            if token.kind != "name":
                self.text.wrong(f"{shown(token.word)} is no name of a column")
            columns.append(self._known(token))
        self.integers.update(columns)
        return columns


def _minus(one: _Sum, other: _Sum) -> float:
    """A bound less the constant that stands beside the columns, exact and rounded once."""
    if one.infinite:
        return one.infinite
    return no_bound(rounded(one.constant - other.constant))
