"""Programs as free MPS that reads back to the same bits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.errors import InputError
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.program_text import INFINITE, LONGEST_NAME, exact, rounded, shown

UNNAMED = "* rows and columns have no names: R1, R2, ... and C1, C2, ... stand for them"
"""First line of what :func:`mps_lines` writes of a program without names, so that it reads back without."""


def mps_lines(program: LinearProgram) -> Iterator[str]:
    """Write free MPS that :func:`~gavel_opt.model.mps_reader.read_mps` reads back to the same bits.

    Raises
    ------
    InputError
        For what MPS cannot express: figures that are not finite, bounds that cross or are 1e20 and
        beyond, names with blanks and the like.
    """
    m, n = program.shape
    _require_expressible(program)
    named = bool(program.row_names) or bool(program.col_names)
    if not named:
        yield UNNAMED
        rows, columns = [f"R{i + 1}" for i in range(m)], [f"C{j + 1}" for j in range(n)]
    else:
        rows = _writable("row", program.row_names, m)
        columns = _writable("column", program.col_names, n)
    objective = _other_name("OBJ", rows)
    yield f"NAME {program.name}".rstrip(" ")
    if program.maximize:
        yield from ("OBJSENSE", "    MAX")
    yield from ("ROWS", f" N {objective}")
    sides = [
        _sides(low, high)
        for low, high in zip(program.row_lower.tolist(), program.row_upper.tolist(), strict=True)
    ]
    yield from (f" {kind} {row}" for (kind, _, _), row in zip(sides, rows, strict=True))
    yield "COLUMNS"
    a, costs = program.a, program.c.tolist()
    starts, entry_row, entry = a.indptr.tolist(), a.indices.tolist(), a.data.tolist()
    for j, column in enumerate(columns):
        if costs[j] or math.copysign(1.0, costs[j]) < 0.0 or starts[j] == starts[j + 1]:
            yield f" {column} {objective} {costs[j]!r}"
        for k in range(starts[j], starts[j + 1]):
            yield f" {column} {rows[entry_row[k]]} {entry[k]!r}"
    yield "RHS"
    name = _other_name("RHS", rows)
    if program.offset or math.copysign(1.0, program.offset) < 0.0:
        yield f" {name} {objective} {-float(program.offset)!r}"
    for (_, side, _), row in zip(sides, rows, strict=True):
        if side != "0.0":
            yield f" {name} {row} {side}"
    yield "RANGES"
    yield from (
        f" {name} {row} {span}" for (_, _, span), row in zip(sides, rows, strict=True) if span
    )
    yield "BOUNDS"
    name = _other_name("BOUNDS", columns)
    bounds = zip(columns, program.col_lower.tolist(), program.col_upper.tolist(), strict=True)
    for column, low, high in bounds:
        yield from _bound_lines(name, column, low, high)
    yield "ENDATA"


def _require_expressible(program: LinearProgram) -> None:
    figures: list[tuple[str, Floats]] = [
        ("objective coefficient", program.c),
        ("coefficient", program.a.data),
        ("offset", np.array([program.offset])),
    ]
    for what, values in figures:
        if not np.isfinite(values).all():
            raise _inexpressible(f"a {what} that is not finite")
    for what, low, high in (
        ("row", program.row_lower, program.row_upper),
        ("column", program.col_lower, program.col_upper),
    ):
        if not (low <= high).all() or (low == np.inf).any() or (high == -np.inf).any():
            raise _inexpressible(f"bounds of a {what} that cross")
        for bound in (low, high):
            if (np.isfinite(bound) & (np.abs(bound) >= INFINITE)).any():
                raise _inexpressible(f"a bound of a {what} of {INFINITE:g} or more")
    name = program.name
    if name != name.strip(" \t") or not _is_plain(name.replace(" ", "x") or "x"):
        raise _inexpressible(f"the name {shown(name)}")


def _inexpressible(what: str) -> InputError:
    return InputError(f"{what} cannot be written as MPS; write the program as .npz")


def _is_plain(name: str) -> bool:
    """Whether a name reads back as it is: one word, no control character, valid Unicode."""
    if not 0 < len(name) <= LONGEST_NAME or name[0] == "$":
        return False
    if not name.isascii():
        try:
            name.encode()
        except UnicodeEncodeError:
            return False
    return not any(s in " \t\u2028\u2029" or s < " " or "\x7f" <= s <= "\x9f" for s in name)


def _writable(what: str, names: Sequence[str], count: int) -> list[str]:
    if len(names) != count:
        raise _inexpressible(f"a program with {len(names)} names for {count} {what}s")
    for name in names:
        if not _is_plain(name):
            raise _inexpressible(f"the {what} name {shown(name)}")
    if len(set(names)) != count:
        raise _inexpressible(f"a {what} name that stands twice")
    return list(names)


def _other_name(name: str, taken: Sequence[str]) -> str:
    """A name that is not taken."""
    known = set(taken)
    while name in known:
        name += "_"
    return name


def _sides(low: float, high: float) -> tuple[str, str, str]:
    """Type, right-hand side and range of a row; the range is blank where there is none."""
    if math.isinf(low):
        if math.isinf(high):
            return "G", "-inf", ""
        return "L", repr(high), ""
    if math.isinf(high):
        return "G", repr(low), ""
    if low == high:
        if math.copysign(1.0, low) == math.copysign(1.0, high):
            return "E", repr(low), ""
        return ("G" if math.copysign(1.0, low) < 0.0 else "L"), "-0.0", "0.0"
    # From the smaller side, so that the range needs few digits more than a float has.
    if abs(low) <= abs(high):
        return "G", repr(low), _span(low, high, 1)
    return "L", repr(high), _span(high, low, -1)


def _span(side: float, other: float, sign: int) -> str:
    """Shortest decimal that added to ``side`` (or taken from it) gives ``other`` when rounded once."""
    base = exact(repr(side))  # the reader adds what is written, not the float that it becomes
    span = abs(exact(other) - base)
    word = repr(rounded(span))
    digits = 17
    while rounded(base + sign * exact(word)) != other:
        digits += 4
        with localcontext(prec=digits):
            word = str(Decimal(span.numerator) / Decimal(span.denominator))
    return word


def _bound_lines(name: str, column: str, low: float, high: float) -> Iterator[str]:
    if low == high and math.copysign(1.0, low) == math.copysign(1.0, high):
        yield f" FX {name} {column} {low!r}"
        return
    if math.isinf(low) and math.isinf(high):
        yield f" FR {name} {column}"
        return
    if math.isinf(low):
        yield f" MI {name} {column}"
    elif low or math.copysign(1.0, low) < 0.0:
        yield f" LO {name} {column} {low!r}"
    if not math.isinf(high):
        yield f" UP {name} {column} {high!r}"
