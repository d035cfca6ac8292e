"""Programs spelled in every way that the rules of ``docs/file-formats.md`` allow read as what they mean.

A program is drawn, then written down by a speller who knows what each line means: names that are words
of the format, numbers in all forms, sets named, unnamed or named like rows, remarks, free rows, senses
on one line or two. ``GAVEL_OPT_SPELLINGS=20000 pytest tests/engines/test_spellings.py`` draws more.
"""

import math
import os
from fractions import Fraction
from random import Random

import pytest

from gavel_opt.model.files import read_program

SPELLINGS = int(os.environ.get("GAVEL_OPT_SPELLINGS", "400"))
INF = math.inf
WORDS = (
    *("RHS", "RANGES", "BOUNDS", "NAME", "OBJSENSE", "ROWS", "COLUMNS", "ENDATA", "QSECTION"),
    *("MAX", "MIN", "UP", "LO", "FX", "FR", "MI", "PL", "BV", "N", "E", "L", "G", "MARKER"),
    *("x", "y", "z", "OBJ", "cost", "a$b", "x*", "c_1", "X(1,2)", "é", "x#", "BND", "R1", "C1"),
)
LP_WORDS = (
    *("x", "y", "z", "e1x", "E9", "x1", "rhs", "obj", "maxi", "frees", "ends", "st_", "x(1,2)"),
    *("_a", "a.b", "x#2", "min2", "infx", "é", "g[3]", "b|c", "x~", "bounds_"),
)
FIGURES = ("0", "1", "2", "5", "0.1", "0.3", "12.5", "1234.5678901", "1e-10", "3e17", "7e-300")


class Spelled:
    """A drawn program: what is meant, in exact decimals, by names."""

    longest = 400

    def __init__(self, chance, words):
        self.chance = chance
        names = chance.sample(words, len(words))
        self.rows = names[: chance.randint(1, 4)]
        again = chance.sample(words, len(words))  # a column may have the name of a row
        self.columns = again[: chance.randint(1, 4)]
        self.objective = names[len(self.rows)]
        self.others = names[len(self.rows) + 1 :]
        self.maximize = chance.random() < 0.5
        self.kinds = [chance.choice("ELG") for _ in self.rows]
        self.entries = {
            (row, column): self.figure()
            for column in self.columns
            for row in self.rows
            if chance.random() < 0.6
        }
        self.costs = {c: self.figure() for c in self.columns if chance.random() < 0.7}
        self.sides = {row: self.figure() for row in self.rows if chance.random() < 0.7}
        self.offset = self.figure() if chance.random() < 0.3 else None
        self.bounds = {column: (Fraction(0), None) for column in self.columns}

    def figure(self):
        sign = "-" if self.chance.random() < 0.4 else ""
        return Fraction(sign + self.chance.choice(FIGURES))

    def number(self, value, letters="eE"):
        """One of the many ways to write a figure that a decimal of few digits states."""
        while len(word := self.spelled_number(value, letters)) > self.longest:
            pass
        return word

    def spelled_number(self, value, letters):
        """One that may be longer than its field."""
        chance = self.chance
        sign = "-" if value < 0 else chance.choice(("", "", "+"))
        digits, exponent = abs(value), 0
        while digits and digits.denominator != 1:
            digits, exponent = digits * 10, exponent - 1
        while digits and digits % 10 == 0:
            digits, exponent = digits / 10, exponent + 1
        whole = str(digits.numerator)
        shift = chance.randint(0, len(whole))
        if shift and chance.random() < 0.5:
            whole, exponent = whole[:-shift] + "." + whole[-shift:], exponent + shift
        elif chance.random() < 0.3:
            whole += chance.choice((".", ".0", ".000"))
        if whole[0] == "." and chance.random() < 0.5:
            whole = "0" + whole
        if exponent == 0 and chance.random() < 0.8:
            return sign + whole
        plus = chance.choice(("", "+", "0")) if exponent >= 0 else ""
        return f"{sign}{whole}{chance.choice(letters)}{plus}{exponent}"

    def sides_of(self, row, kind):
        """Lower and upper bound of a row without a range; None for none."""
        side = self.sides.get(row, Fraction(0))
        return (None if kind == "L" else side), (None if kind == "G" else side)

    def assert_read(self, path):
        """Assert that a program is the one that was drawn."""
        program = read_program(path)
        assert program.maximize == self.maximize
        assert program.offset == float(self.offset or 0)
        assert program.row_names == tuple(self.rows)
        assert sorted(program.col_names) == sorted(self.columns)
        for place, (row, kind) in enumerate(zip(self.rows, self.kinds, strict=True)):
            low, high = self.low_and_high(row, kind)
            assert program.row_lower[place] == (-INF if low is None else float(low)), row
            assert program.row_upper[place] == (INF if high is None else float(high)), row
        for place, column in enumerate(program.col_names):
            assert program.c[place] == float(self.costs.get(column, 0)), column
            for at, row in enumerate(self.rows):
                entry = float(self.entries.get((row, column), 0))
                assert program.a[at, place] == entry, (row, column)
            low, high = self.bounds[column]
            assert program.col_lower[place] == (-INF if low is None else float(low)), column
            assert program.col_upper[place] == (INF if high is None else float(high)), column


class Mps(Spelled):
    """How MPS files may be written."""

    def __init__(self, chance):
        super().__init__(chance, WORDS)
        self.fixed = chance.random() < 0.3
        self.longest = 14 if self.fixed else 400
        self.ignored = self.others[:1] if chance.random() < 0.4 else []
        names = (*self.rows, *self.columns, *self.others)
        self.sets = {s: chance.choice(("", *names[:9])) for s in ("RHS", "RANGES", "BOUNDS")}
        self.ranges = {
            row: self.figure() for row in self.rows if chance.random() < 0.4
        }  # of rows that have a right-hand side or none

    def line(self, kind, *words):
        """A line of data: of words, or of fields."""
        chance = self.chance
        if self.fixed:
            text = f" {kind:2} {words[0]:8}"
            for place, word in enumerate(words[1:]):
                text = text.ljust((14, 24, 39, 49)[place]) + word
            return text.rstrip() + self.remark()
        gap = [chance.choice((" ", "  ", "\t", " \t ")) for _ in range(7)]
        words = [word for word in (kind, *words) if word]
        return "".join(g + w for g, w in zip(gap, words, strict=False)) + self.remark()

    def remark(self):
        return self.chance.choice(("", "", "", " ", "  $", " $ a remark 5", "  $x 1 2"))

    def pairs(self, section, values):
        """Lines of rows and numbers, one or two to a line."""
        left = list(values.items())
        self.chance.shuffle(left)
        name, lines = self.sets[section], []
        while left:
            taken, left = (
                (left[:2], left[2:]) if self.chance.random() < 0.5 else (left[:1], left[1:])
            )
            words = [word for row, value in taken for word in (row, self.number(value, "eEdD"))]
            lines.append(self.line("", name, *words))
        return lines

    def bound_lines(self):
        chance, lines = self.chance, []
        name = self.sets["BOUNDS"]
        for column in self.columns:
            value, other = sorted((self.figure(), self.figure()))
            kind = chance.choice(("", "UP", "LO", "FX", "MI", "PL", "FR", "BV", "LOUP", "MIUP"))
            number = {"UP": other, "LO": value, "FX": value}.get(kind[:2])
            low, high = {
                "": (0, None),
                "UP": (0 if other >= 0 else None, other),
                "LO": (value, None),
                "FX": (value, value),
                "MI": (None, None),
                "PL": (0, None),
                "FR": (None, None),
                "BV": (0, 1),
                "LOUP": (value, other),
                "MIUP": (None, other),
            }[kind]
            self.bounds[column] = low, high
            for part in (kind[:2], kind[2:]):
                if part:
                    last = other if part == "UP" else number
                    words = [] if last is None else [self.number(last, "eEdD")]
                    if chance.random() < 0.1 and not self.fixed:
                        part = part.lower()
                    lines.append(self.line(part, name, column, *words))
        chance.shuffle(lines)
        return lines

    def write(self):
        chance = self.chance
        lines = []
        sense = chance.choice(("MAX", "MAXIMIZE", "max")) if self.maximize else "MIN"
        said = self.maximize or chance.random() < 0.5
        if chance.random() < 0.8:
            lines.append("NAME" + chance.choice(("", " x", "  two words", " $ 5")))
        if said:
            lines += chance.choice(
                ([f"OBJSENSE {sense}{self.remark()}"], ["OBJSENSE", f"    {sense}{self.remark()}"])
            )
        free_rows = [self.objective, *self.ignored]
        rows = [("N", self.objective), *zip(self.kinds, self.rows, strict=True)]
        for row in self.ignored:
            rows.insert(chance.randint(1, len(rows)), ("N", row))
        if chance.random() < 0.5:  # the objective need not stand first
            rows.insert(chance.randint(0, 1), rows.pop(0))
        objective = next(name for kind, name in rows if kind == "N")
        if objective != self.objective:
            free_rows.reverse()
        lines += ["ROWS", *(self.line(kind, name) for kind, name in rows), "COLUMNS"]
        for column in self.columns:
            values = {row: v for (row, c), v in self.entries.items() if c == column}
            if column in self.costs:
                values[free_rows[0]] = self.costs[column]
            if self.ignored and chance.random() < 0.5:
                values[free_rows[1]] = self.figure()
            if not values:
                values[free_rows[0]] = Fraction(0)
            words = list(values.items())
            chance.shuffle(words)
            while words:
                count = chance.randint(1, 2)
                taken, words = words[:count], words[count:]
                flat = [w for row, v in taken for w in (row, self.number(v, "eEdD"))]
                lines.append(self.line("", column, *flat))
        sides = dict(self.sides)
        if self.offset is not None:
            sides[free_rows[0]] = -self.offset
        if self.ignored and chance.random() < 0.5:
            sides[free_rows[1]] = self.figure()
        parts = [
            ["RHS", *self.pairs("RHS", sides)],
            ["RANGES", *self.pairs("RANGES", self.ranges)],
            ["BOUNDS", *self.bound_lines()],
        ]
        parts = [part for part in parts if len(part) > 1 or chance.random() < 0.5]
        chance.shuffle(parts)
        lines += [line for part in parts for line in part]
        lines.append("ENDATA")
        for _ in range(chance.randint(0, 3)):
            at = chance.randint(0, len(lines))
            lines.insert(at, chance.choice(("* a remark", "*", "", "   ", "  $ remark", "*ROWS")))
        end = chance.choice(("\n", "\r\n"))
        return chance.choice(("", "\ufeff")) + end.join(lines) + chance.choice(("", end))

    def low_and_high(self, row, kind):
        low, high = self.sides_of(row, kind)
        if (span := self.ranges.get(row)) is None:
            return low, high
        side = high if low is None else low
        down = kind == "L" or (kind == "E" and span < 0)
        return (side - abs(span), side) if down else (side, side + abs(span))


class Lp(Spelled):
    """How LP files may be written."""

    def __init__(self, chance):
        super().__init__(chance, LP_WORDS)
        for row in self.rows:  # a row without a column is no row of an LP file
            if not any((row, column) in self.entries for column in self.columns):
                self.entries[row, chance.choice(self.columns)] = self.figure()
        used = {c for _, c in self.entries} | set(self.costs)
        self.costs |= {c: Fraction(0) for c in self.columns if c not in used}
        self.spans = {}

    def space(self, least=""):
        return self.chance.choice((least, " ", "  ", "\t"))

    def unsigned(self, value):
        return self.number(abs(value)).lstrip("+")

    def sum(self, values, constant=Fraction(0), breaks=True):
        """Terms, and a constant among them."""
        chance = self.chance
        terms = [(value, name) for name, value in values.items()]
        while constant:
            part = chance.choice((constant, Fraction(1)))
            terms.append((part, ""))
            constant -= part if part == constant else 1
            if len(terms) > 12:
                terms.append((constant, ""))
                break
        chance.shuffle(terms)
        text = ""
        for place, (value, name) in enumerate(terms):
            sign = "-" if value < 0 else ("+" if place else chance.choice(("", "+")))
            if chance.random() < 0.05:
                sign = {"-": "+ -", "+": "- -", "": "- -"}[sign]
            one = name and abs(value) == 1 and chance.random() < 0.5
            figure = "" if one else self.unsigned(value)
            gap = self.space(" ") if figure and name else ""
            new = "\n" if breaks and place and chance.random() < 0.15 else self.space()
            text += new + sign + self.space() + figure + gap + name
        return text

    def relation(self, kind):
        return (
            self.space()
            + self.chance.choice(
                {"L": ("<", "<=", "=<"), "G": (">", ">=", "=>"), "E": ("=",)}[kind]
            )
            + self.space()
        )

    def row(self, row, kind):
        chance = self.chance
        values = {c: v for (r, c), v in self.entries.items() if r == row}
        side = self.sides.get(row, Fraction(0))
        label = f"{row}{self.space()}:{self.space()}"
        turned = {"L": "G", "G": "L", "E": "E"}[kind]
        shift = self.figure() if chance.random() < 0.3 else Fraction(0)
        if kind != "E" and chance.random() < 0.3:
            other = self.figure()
            low, high = sorted((side, other))
            self.spans[row] = low, high
            text = self.sum(values, shift)
            if chance.random() < 0.5:
                return (
                    label
                    + self.number(low + shift)
                    + self.relation("L")
                    + text
                    + (self.relation("L") + self.number(high + shift))
                )
            return (
                label
                + self.number(high + shift)
                + self.relation("G")
                + text
                + (self.relation("G") + self.number(low + shift))
            )
        if chance.random() < 0.3:
            return (
                label + self.number(side + shift) + self.relation(turned) + self.sum(values, shift)
            )
        return label + self.sum(values, shift) + self.relation(kind) + self.number(side + shift)

    def bound_lines(self):
        chance, lines = self.chance, []
        for column in self.columns:
            low, high = sorted((self.figure(), self.figure()))
            kind = chance.choice(("", "LO", "UP", "FX", "FR", "MI", "PL", "BOTH"))
            if kind == "UP" and high < 0:
                kind = "BOTH"
            infinity = chance.choice(("inf", "Infinity", "INF", "1e20", "1E30"))
            less, more = self.relation("L"), self.relation("G")
            new = {
                "": [],
                "LO": [f"{column}{more}{self.number(low)}", f"{self.number(low)}{less}{column}"],
                "UP": [f"{column}{less}{self.number(high)}", f"{self.number(high)}{more}{column}"],
                "FX": [f"{column}{self.relation('E')}{self.number(low)}"],
                "FR": [f"{column} {chance.choice(('free', 'FREE'))}", f"-{infinity}{less}{column}"],
                "MI": [f"-{infinity}{less}{column}{self.relation('L')}{self.number(high)}"],
                "PL": [
                    f"{column}{less}{infinity}",
                    f"{self.number(low)}{less}{column}<=+{infinity}",
                ],
                "BOTH": [
                    f"{self.number(low)}{less}{column}{self.relation('L')}{self.number(high)}",
                    f"{self.number(high)}{more}{column}{self.relation('G')}{self.number(low)}",
                ],
            }[kind]
            if not new:
                continue
            line = chance.choice(new)
            lines.append(line)
            zero_based = kind == "PL" and line is new[0]
            self.bounds[column] = {
                "LO": (low, None),
                "UP": (0, high),
                "FX": (low, low),
                "FR": (None, None),
                "MI": (None, high),
                "PL": (0 if zero_based else low, None),
                "BOTH": (low, high),
            }[kind]
        return lines

    def write(self):
        chance = self.chance
        word = ("Maximize", "MAX", "maximum") if self.maximize else ("Minimize", "min", "MINIMISE")
        label = chance.choice(("", "obj:", "st:", "bounds :"))
        gap = chance.choice(("\n", " "))
        objective = label + self.sum(self.costs, self.offset or Fraction(0))
        text = chance.choice(word) + gap + objective + "\n"
        begin = chance.choice(("Subject To", "st", "s.t.", "ST.", "such that", "subject  to"))
        text += begin + chance.choice(("\n", " "))
        text += "\n".join(self.row(r, k) for r, k in zip(self.rows, self.kinds, strict=True)) + "\n"
        bounds = self.bound_lines()
        if bounds or chance.random() < 0.5:
            text += "\n".join([chance.choice(("Bounds", "BOUND", "bounds")), *bounds]) + "\n"
        text += chance.choice(("End", "END", "end")) + "\n"
        lines = text.split("\n")
        for place, line in enumerate(lines):
            if chance.random() < 0.1:
                lines[place] = line + chance.choice((" \\ remark", "\\x >= 1", " \t"))
            if chance.random() < 0.1:
                lines[place] = line + "\n" + chance.choice(("", "  ", "\\ End", "\\"))
        return chance.choice(("", "\ufeff")) + chance.choice(("\n", "\r\n")).join(lines)

    def low_and_high(self, row, kind):
        return self.spans.get(row, self.sides_of(row, kind))


@pytest.mark.parametrize("kind", [Mps, Lp])
def test_what_is_meant_is_read(tmp_path, kind):
    path = tmp_path / f"p.{kind.__name__.lower()}"
    for seed in range(SPELLINGS):
        spelled = kind(Random(seed))
        content = spelled.write()
        path.write_text(content, newline="")
        try:
            spelled.assert_read(path)
        except Exception as wrong:  # whatever it is, with the file that it is about
            raise AssertionError(f"seed {seed}: {wrong}\n{content}") from wrong
