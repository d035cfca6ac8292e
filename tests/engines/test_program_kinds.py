"""Files that readers understand differently: read by our rules, or refused with file and line."""

import math
import textwrap

import pytest

from gavel_opt.errors import InputError
from gavel_opt.model.files import read_with_notes
from gavel_opt.solving import solve

SMALL = """\
    NAME s
    ROWS
     N cost
     G R1
     L R2
    COLUMNS
     x cost 2 R1 1
     x R2 1
    RHS
     RHS R1 4
     RHS R2 50
    BOUNDS
     UP BND x 100
    ENDATA
    """


def small(old="", new=""):
    assert not old or SMALL.count(old) == 1, old
    return SMALL.replace(old, new)


@pytest.fixture
def read(tmp_path):
    def read(text, name="p.mps"):
        content = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
        (tmp_path / name).write_bytes(content)
        return read_with_notes(tmp_path / name)

    return read


RIGHT = {
    "plain": (small(), 8),
    "sense on one line": (small("ROWS\n", "OBJSENSE MAXIMIZE\n    ROWS\n"), 100),
    "sense on one line, remark": (small("ROWS\n", "OBJSENSE  max $ most\n    ROWS\n"), 100),
    "sense, remark": (small("ROWS\n", "OBJSENSE\n     MAX $ most\n    ROWS\n"), 100),
    "sense at the end": (small("ENDATA", "OBJSENSE\n     MAX\n    ENDATA"), 100),
    "remark behind a row": (small(" G R1\n", " G R1 $ the first\n"), 8),
    "remark as a word": (small(" G R1\n", " G R1 $R9\n"), 8),
    "bare dollar": (small(" G R1\n", " G R1 $\n"), 8),
    "remark behind a section": (small("COLUMNS\n", "COLUMNS $ all of them\n"), 8),
    "remark on a line of its own": (small("COLUMNS\n", "COLUMNS\n     $ all of them\n"), 8),
    "remark behind a bound": (small("x 100\n", "x 100 $ 5\n"), 8),
    "remark behind one pair": (small("x R2 1\n", "x R2 1 $ R1 7\n"), 8),
    "several free rows": (small(" G R1\n", " N other\n     G R1\n     N third\n"), 8),
    "right side of a second free row": (
        small(" G R1\n", " N other\n     G R1\n").replace("RHS R1 4", "RHS R1 4 other 40"),
        8,
    ),
    "entries of a second free row": (
        small(" G R1\n", " N other\n     G R1\n").replace("x R2 1", "x R2 1 other 7"),
        8,
    ),
    "constant of the objective": (small("RHS R1 4", "RHS R1 4 cost -3"), 11),
    "negative range of a row": (small("BOUNDS\n", "RANGES\n     RNG R1 -3\n    BOUNDS\n"), 8),
    "negative bound": (small("UP BND x 100", "LO BND x -5\n     UP BND x 100"), 8),
    "infinite bounds": (small("UP BND x 100", "UP BND x 1e30\n     LO BND x -Infinity"), 8),
    "Fortran's exponents": (small("cost 2", "cost 0.2D+1"), 8),
    "tabs": (small().replace(" x cost", " \tx\tcost"), 8),
    "after the end": (small() + "    whatever\n", 8),
    "byte order mark": ("\ufeff" + textwrap.dedent(small()), 8),
    "carriage returns": (textwrap.dedent(small()).replace("\n", "\r\n"), 8),
    "no last line end": (textwrap.dedent(small()).rstrip("\n"), 8),
    "the end of old": (textwrap.dedent(small()) + "\x1a", 8),
}
for word in ("RHS", "BOUNDS", "NAME", "OBJSENSE", "QSECTION", "ROWS", "ENDATA", "MARKER", "RANGES"):
    RIGHT[f"row {word}"] = (small().replace("R1", word), 8)
    RIGHT[f"column {word}"] = (
        small().replace(" x ", f" {word} "),
        8,
    )
    RIGHT[f"sets {word}"] = (
        small("BOUNDS\n", "RANGES\n     RHS R1 3\n    BOUNDS\n")
        .replace("RHS R", f"{word} R")
        .replace("BND", word),
        8,
    )
    RIGHT[f"objective {word}"] = (small().replace("cost", word), 8)
for word in ("R1", "x", "cost", "4"):
    RIGHT[f"sets as others: {word}"] = (
        small().replace("RHS R", f"{word} R").replace("BND", word),
        8,
    )


@pytest.mark.parametrize("kind", RIGHT)
def test_kinds_with_a_right_answer(read, kind):
    text, right = RIGHT[kind]
    program, _ = read(text)
    assert solve(program).objective == pytest.approx(right, rel=1e-12)


FIXED = """\
    NAME          FX
    ROWS
     N  MY COST
     G  ROW ONE
    COLUMNS
        COL 1     MY COST            2.5
        COL 1     ROW ONE            1.0
    RHS
        RHS       ROW ONE            1.0
    ENDATA
    """
FIXED_RIGHT = {
    "plain": ("", "", 2.5),
    "long exponent": ("           2.5", "  1.2345678901e3", 1234.5678901),
    "thirteen digits": ("           2.5", "  1234567890123", 1234567890123),
    "twenty digits": ("           2.5", "  12345678901234567890", 12345678901234567890.0),
    "blank column": ("    COL 1     ROW ONE", "              ROW ONE", 2.5),
    "blank set": ("    RHS       ROW ONE", "              ROW ONE", 2.5),
    "remark": ("           2.5", "  2.5  $ a remark", 2.5),
    "remark behind a name": (" G  ROW ONE\n", " G  ROW ONE   $ R9\n", 2.5),
    "second pair": (
        "    COL 1     MY COST            2.5\n        COL 1     ROW ONE            1.0",
        "    COL 1     MY COST            2.5   ROW ONE            1.0",
        2.5,
    ),
}
FIXED_WRONG = {
    "number before its field": ("MY COST            2.5", "MY COST 12345.0", "column 23"),
    "word in a gap": ("MY COST            2.5", "MY COST  5         2.5", "column 24"),
    "two words in a field": ("MY COST            2.5", "MY COST   5    2.5", "where a fixed line"),
    "behind the last field": (
        "MY COST            2.5",
        "MY COST            2.5   ROW ONE            1.0  more",
        "'more'",
    ),
    "name too long": ("COL 1     ROW ONE", "COL 12345 ROW ONE", "column 13"),
    "runs into the next field": (
        "MY COST            2.5",
        "MY COST   1234567890123456789 1.0",
        "runs into",
    ),
    "tab": ("    COL 1     ROW ONE", "\tCOL 1     ROW ONE", "tab"),
    "number without a row": ("MY COST            2.5", "                   2.5", "without"),
}


@pytest.mark.parametrize("kind", FIXED_RIGHT)
def test_fixed_fields(read, kind):
    old, new, right = FIXED_RIGHT[kind]
    assert not old or FIXED.count(old) == 1
    program, _ = read(FIXED.replace(old, new) if old else FIXED)
    assert solve(program).objective == pytest.approx(right, rel=1e-15)
    assert program.col_names == ("COL 1",)


@pytest.mark.parametrize("kind", FIXED_WRONG)
def test_fixed_lines_that_stand_elsewhere_are_refused(read, kind):
    old, new, says = FIXED_WRONG[kind]
    assert FIXED.count(old) == 1
    with pytest.raises(InputError, match=r"p\.mps, line [67]: ") as caught:
        read(FIXED.replace(old, new))
    assert says in str(caught.value)


WRONG = {
    "two senses": (small("ROWS\n", "OBJSENSE MAX\n     MIN\n    ROWS\n"), "second objective"),
    "no sense": (small("ROWS\n", "OBJSENSE\n    ROWS\n"), "names no sense"),
    "another sense": (small("ROWS\n", "OBJSENSE MAXIMAL\n    ROWS\n"), "write MAX or MIN"),
    "data in column 1": (textwrap.dedent(small()).replace(" x R2", "x R2"), "'x' is no section"),
    "words behind a section": (small("COLUMNS\n", "COLUMNS x R1 1\n"), "nothing may"),
    "name with a dollar": (small("x R2 1", "x R2 1\n     $y cost 1 R1 1"), "begins a remark"),
    "number and column": (
        small("UP BND x 100", "FR x 7").replace("RHS\n     RHS", " 7 cost 1\n    RHS\n     RHS"),
        "name both",
    ),
    "unbalanced markers": (small("COLUMNS\n", "COLUMNS\n     M 'MARKER' 'INTEND'\n"), "marker"),
    "sets marker": (small("COLUMNS\n", "COLUMNS\n     M 'MARKER' 'SOSORG'\n"), "marker"),
    "quadratic": (small("ENDATA", "QUADOBJ\n     x x 1\n    ENDATA"), "beyond linear"),
    "semi-continuous": (small("UP BND", "SC BND"), "semi-continuous"),
    "equal to infinity": (small(" G R1", " E R1").replace("R1 4", "R1 inf"), "equal to infinity"),
    "infinite coefficient": (small("cost 2", "cost 1e400"), "finite"),
    "too small": (small("cost 2", "cost 1e-400"), "too small"),
    "control character": (small("cost 2", "cost\x07 2"), "U+0007"),
    "digits of a script": (small("cost 2", "cost ٣"), "is not a number"),
    "many digits": (small("cost 2", f"cost {'9' * 5000}"), "5000 characters"),
    "long name": (small().replace("R2", "R" * 300), "300 characters"),
    "UTF-16": ("", "UTF-16"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_kinds_that_are_refused(read, tmp_path, kind):
    text, says = WRONG[kind]
    if kind == "UTF-16":
        text = textwrap.dedent(small()).encode("utf-16")
    with pytest.raises(InputError) as caught:
        read(text)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "p.mps"))
    assert says in message
    assert message.isprintable()
    assert len(message) < 400


def test_what_is_left_out_is_noted(read, tmp_path):
    text = small(
        "x R2 1\n", "x R2 1\n     M 'MARKER' 'INTORG'\n     y R2 1\n     M 'MARKER' 'INTEND'\n"
    )
    program, notes = read(text + "    more\n")
    assert notes == [
        f"{tmp_path}/p.mps: 1 integer column taken as continuous; 1 of them without bounds,"
        " from 0 to 1",
        f"{tmp_path}/p.mps: what stands after ENDATA (line 18) is not read",
    ]
    assert program.col_upper.tolist() == [100.0, 1.0]


def test_coefficients_of_any_size_are_read(read):
    for word in ("1e-10", "1e-300", "5e-324", "1e300", "1.7976931348623157e308"):
        program, _ = read(small().replace("x R2 1", f"x R2 {word}"))
        assert program.a.toarray()[1, 0] == float(word)


LP_RIGHT = {
    "plain": ("min\n obj: 2 x\nst\n c: x >= 4\nend", 8),
    "constant on the left": ("Minimize\n cost: 2 a\nSubject To\n need: a - 5 >= 1\nEnd\n", 12),
    "constant in the middle": ("min\n 2 a\nst\n 7 <= a + 3 <= 9\nend", 8),
    "constant before": ("min\n 2 a\nst\n 4 <= a\nend", 8),
    "nothing but constants": ("min\n obj: x\nst\n c1: 3 >= 1\n c2: x >= 2\nend", 2),
    "constant of the objective": ("min\n x + 3 - 1\nst\n x >= 2\nend", 4),
    "byte order mark": ("\ufeffmax\n obj: x\nst\n c: x <= 4\nend", 4),
    "rows over lines": ("max\n x\n + y\nst\n x\n + 2 y\n <=\n 4\nx + y <= 3\nend", 3),
    "no blanks": ("max\n3x+2y\nst\nc:x+y<=4\nx<=3\nend", 11),
    "signs": ("max\n - - x\nst\n + x <= + 4\nend", 4),
    "rows called as sections": ("max\n x\nst\n end: x <= 4\n free: x <= 3\n st: x <= 2\nend", 2),
    "bounds": (
        "min\n x + y + z\nst\n x + y + z >= -100\nbounds\n x >= -2\n-3<=y<=5\n 4>=z>=1\nend",
        -4,
    ),
    "free column": ("min\n x\nst\n x >= -7\nbounds\n x free\nend", -7),
    "infinite bounds": ("min\n x\nst\n x >= -7\nbounds\n -inf <= x <= 1e30\nend", -7),
    "fixed column": ("min\n x\nst\n x >= -7\nbounds\n x = 3\nend", 3),
    "binaries and generals": ("max\n x + y\nst\n x + y <= 7.5\nbinary\n x\ngeneral\n y\nend", 7.5),
    "after the end": ("min\n x\nst\n x >= 2\nend\nx >= 7", 2),
    "fixed binary": ("max\n x\nst\n x <= 7\nbounds\n x = 0\nbin\n x\nend", 0),
    "nothing semi-continuous": ("max\n x\nst\n x <= 7\ngen\nsemi\nend", 7),
    "capitals": (
        "MAXIMIZE\n x\nSUBJECT TO\n x <= 1E1\nBOUNDS\n X <= 3\nEND".replace(" X", " x"),
        3,
    ),
    "tiny": ("min\n obj: x\nst\n c: 0.0000000001 x >= 1\nend", 1e10),
}
LP_WRONG = {
    "empty": ("", "holds no program"),
    "header only": ("Minimize\nEnd\n", "no section Subject To"),
    "cut off": ("min\n x\nst\n x >= 2\n", "no section End"),
    "column on the right": ("min\n x\nst\n x >= 2 y\nend", "line 4: 'y' stands behind"),
    "constants on the right": ("min\n x\nst\n x >= 2 + 3\nend", "line 4: '+' stands behind"),
    "columns on both sides": ("min\n x\nst\n x >= y\nend", "'y' stands on the right"),
    "quadratic": ("min\n x + [ x^2 ] / 2\nst\n x >= 1\nend", "quadratic"),
    "product": ("min\n 2 x * y\nst\n x >= 1\nend", "quadratic"),
    "quotient": ("min\n x/2\nst\n x >= 1\nend", "quadratic"),
    "brackets": ("min\n 2 (x + y)\nst\n x >= 1\nend", "line 2"),
    "column twice": ("min\n x\nst\n x + x >= 1\nend", "stands twice"),
    "no sign": ("min\n x y\nst\n x >= 1\nend", "does not belong"),
    "semicolons": ("min\n x;\nst\n x >= 1;\nend", "is no name"),
    "lp_solve": ("max: 3x+2y;\nc1: x <= 3;\n", "begins with Minimize"),
    "number and e": ("min\n 2e + x\nst\n x >= 1\nend", "put a blank"),
    "semi-continuous": ("min\n x\nst\n x >= 1\nsemi-continuous\n x\nend", "beyond linear"),
    "sets": ("min\n x\nst\n x >= 1\nsos\n s: x:1\nend", "beyond linear"),
    "indicator": ("min\n x\nst\n x = 1 -> y >= 1\nend", "indicators"),
    "column called as a section": ("min\n x + end\nst\n x >= 1\nend", "name of a section"),
    "unknown column in bounds": (
        "min\n x\nst\n x >= 1\nbounds\n y <= 4\nend",
        "unknown column 'y'",
    ),
    "coefficient in bounds": ("min\n x\nst\n x >= 1\nbounds\n 2 x <= 4\nend", "a bound is a line"),
    "two bounds": ("min\n x\nst\n x >= 1\nbounds\n x <= 4\n x <= 5\nend", "two upper bounds"),
    "negative upper bound": ("min\n x\nst\n x >= -9\nbounds\n x <= -4\nend", "write both"),
    "mixed row": ("min\n x\nst\n 1 <= x >= 0\nend", "twice"),
    "bounds of a binary": ("min\n x\nst\n x >= 1\nbounds\n x <= 4\nbin\n x\nend", "binary"),
    "no relation": ("min\n x\nst\n x + y\nend", "was expected"),
    "sections twice": ("min\n x\nst\n x >= 1\nst\n x >= 2\nend", "stands twice"),
    "a word too many": ("min\n x\nst\n x >= 1\nend x", "stands behind End"),
    "not a number": ("min\n x\nst\n x >= nan\nend", "line 4"),
    "many digits": (f"min\n x\nst\n x >= {'7' * 5000}\nend", "5000 characters"),
}


@pytest.mark.parametrize("kind", [kind for kind, case in LP_RIGHT.items() if case])
def test_lp_kinds_with_a_right_answer(read, kind):
    text, right = LP_RIGHT[kind]
    program, _ = read(text, "p.lp")
    assert solve(program).objective == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("kind", LP_WRONG)
def test_lp_kinds_that_are_refused(read, tmp_path, kind):
    text, says = LP_WRONG[kind]
    with pytest.raises(InputError) as caught:
        read(text, "p.lp")
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "p.lp"))
    assert says in message
    assert message.isprintable()
    assert len(message) < 400


def test_lp_names_of_other_writers(read):
    program, _ = read("min\n x[1,2] + y(3) + _z + ñ\nst\n r#1: x[1,2] + y(3) >= 1\nend", "p.lp")
    assert program.col_names == ("x[1,2]", "y(3)", "_z", "ñ")
    assert program.row_names == ("r#1",)


def test_ranges_are_added_exactly_and_rounded_once(read):
    text = small("BOUNDS\n", "RANGES\n     RNG R1 0.2\n    BOUNDS\n").replace("R1 4", "R1 0.1")
    program, _ = read(text)
    assert program.row_upper[0] == 0.3
    assert math.fsum([0.1, 0.2]) != 0.3
