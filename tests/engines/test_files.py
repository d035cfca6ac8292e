"""Files in and out: every kind of row and bound, both formats, and what is wrong with a broken file."""

import bz2
import gzip
import lzma
import math
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from gavel_opt.errors import InputError
from gavel_opt.model.files import find_programs, read_program, read_with_notes, write_program
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.solving import solve
from gavel_opt.testing import KNOWN

INF = math.inf

ALL_KINDS = """\
NAME          KINDS
ROWS
 N  COST
 L  AT_MOST
 G  AT_LEAST
 E  EXACTLY
 E  BELOW
 N  UNUSED
COLUMNS
    ONE       COST               1.0   AT_MOST            1.0
    ONE       AT_LEAST           1.0
    TWO       COST               4.0   AT_MOST            1.0
    TWO       EXACTLY           -1.0
    THREE     COST               9.0   AT_LEAST           1.0
    THREE     EXACTLY            1.0   BELOW              1.0
    FOUR      COST               1.0   BELOW              1.0
    FIVE      COST               1.0   BELOW              1.0
    FIVE      UNUSED             1.0
    SIX       COST                 1   BELOW                1
    SEVEN     COST                 1   BELOW                1
    EIGHT     COST                 1   BELOW                1
RHS
    RHS1      COST             -11.5   AT_MOST            4.0
    RHS1      AT_LEAST             1   EXACTLY            7.0
RANGES
    RNG       AT_MOST            2.5   AT_LEAST           3.5
    RNG       EXACTLY              2   BELOW               -3
BOUNDS
 UP BND1      ONE                4.0
 LO BND1      TWO                 -1
 UP BND1      TWO                1.0
 MI BND1      THREE
 UP BND1      FOUR                -2
 FR BND1      FIVE
 FX BND1      SIX               3.25
 BV BND1      SEVEN
 PL BND1      EIGHT
ENDATA
"""

FREE = """\
NAME free
OBJSENSE
    MAX
ROWS
 N cost
 L a_row_with_a_long_name
 G r2
COLUMNS
 x1 cost 1.0 a_row_with_a_long_name 1
 x1 r2 2
 x2 cost 2 a_row_with_a_long_name 1
RHS
 RHS cost 5 a_row_with_a_long_name 10
 RHS r2 -1
BOUNDS
 UP BND x2 -3
ENDATA
"""

LP = """\
\\ a comment
Maximize
 obj: 3 x + 2 y - z
Subject To
 c1: x + y + z <= 10
 c2: x - y >= -2
 c3: x + 2 z = 3
Bounds
 x <= 4
 y free
 -inf <= z <= 8
End
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="p.mps"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def check_all_kinds(program):
    assert not program.maximize
    assert program.offset == 11.5
    assert program.name == "KINDS"
    sides = zip(program.row_lower, program.row_upper, strict=True)
    assert dict(zip(program.row_names, sides, strict=True)) == {
        "AT_MOST": (1.5, 4.0),
        "AT_LEAST": (1.0, 4.5),
        "EXACTLY": (7.0, 9.0),
        "BELOW": (-3.0, 0.0),
    }
    names = [name.replace(" ", "") for name in program.col_names]
    sides = zip(program.col_lower, program.col_upper, strict=True)
    assert dict(zip(names, sides, strict=True)) == {
        "ONE": (0.0, 4.0),
        "TWO": (-1.0, 1.0),
        "THREE": (-INF, INF),
        "FOUR": (-INF, -2.0),
        "FIVE": (-INF, INF),
        "SIX": (3.25, 3.25),
        "SEVEN": (0.0, 1.0),
        "EIGHT": (0.0, INF),
    }
    assert program.c.tolist() == [1, 4, 9, 1, 1, 1, 1, 1]
    assert program.a.toarray().tolist() == [
        [1, 1, 0, 0, 0, 0, 0, 0],
        [1, 0, 1, 0, 0, 0, 0, 0],
        [0, -1, 1, 0, 0, 0, 0, 0],
        [0, 0, 1, 1, 1, 1, 1, 1],
    ]


def test_every_kind_of_row_and_bound(write):
    program, notes = read_with_notes(write(ALL_KINDS))
    check_all_kinds(program)
    integers, downwards = (note.removeprefix(f"{write(ALL_KINDS)}: ") for note in notes)
    assert integers == "1 integer column taken as continuous"
    assert downwards.startswith(
        "1 column with a negative upper bound and no lower one taken to go down"
    )


def test_fixed_format_with_spaces_in_names(write):
    text = ALL_KINDS.replace("ONE  ", "O NE ").replace("THREE", "T REE")
    program = read_program(write(text))
    assert "O NE" in program.col_names
    assert program.col_names[2] == "T REE"
    other = read_program(write(ALL_KINDS))
    for field in ("row_lower", "row_upper", "col_lower", "col_upper", "c"):
        assert getattr(program, field).tolist() == getattr(other, field).tolist()
    assert (program.a != other.a).nnz == 0
    assert program.offset == 11.5


def test_free_format_and_sense(write):
    program = read_program(write(FREE))
    assert program.maximize
    assert program.offset == -5.0
    assert program.row_names == ("a_row_with_a_long_name", "r2")
    assert program.row_upper.tolist() == [10.0, INF]
    assert program.row_lower.tolist() == [-INF, -1.0]
    # A negative upper bound alone opens the column downwards, which not all readers do.
    (note,) = read_with_notes(write(FREE))[1]
    assert ": 1 column with a negative upper bound and no lower one taken to go down" in note
    assert program.col_lower.tolist() == [0.0, -INF]
    assert program.col_upper.tolist() == [INF, -3.0]


@pytest.mark.parametrize(
    ("sense", "maximize"),
    [
        ("OBJSENSE MAX", True),
        ("OBJSENSE\n    MAXIMIZE", True),
        ("OBJSENSE\n MIN", False),
        ("OBJSENSE MINIMIZE", False),
    ],
)
def test_senses(write, sense, maximize):
    text = FREE.replace("OBJSENSE\n    MAX", sense)
    assert read_program(write(text)).maximize is maximize


def test_negative_ranges(write):
    text = ALL_KINDS.replace("   2.5   AT_LEAST           3.5", "  -2.5   AT_LEAST          -3.5")
    program = read_program(write(text))
    assert program.row_lower[:2].tolist() == [1.5, 1.0]
    assert program.row_upper[:2].tolist() == [4.0, 4.5]


def test_set_names_may_be_left_out(write):
    text = FREE.replace(" RHS cost", " cost").replace(" RHS r2", " r2").replace("UP BND", "UP")
    assert "RHS\n cost 5" in text
    one, other = read_program(write(text)), read_program(write(FREE, "q.mps"))
    assert one.row_lower.tolist() == other.row_lower.tolist()
    assert one.row_upper.tolist() == other.row_upper.tolist()
    assert one.col_upper.tolist() == other.col_upper.tolist()
    assert one.offset == other.offset


def test_comments_blank_lines_and_line_ends(write):
    text = "* a comment\n" + FREE.replace("ROWS", "\n* another\nROWS").replace("\n", "\r\n")
    assert read_program(write(text)).row_names == ("a_row_with_a_long_name", "r2")


def test_lp_format(write):
    program = read_program(write(LP, "p.lp"))
    assert program.maximize
    assert program.col_names == ("x", "y", "z")
    assert program.row_lower.tolist() == [-INF, -2.0, 3.0]
    assert program.row_upper.tolist() == [10.0, INF, 3.0]
    assert program.col_lower.tolist() == [0.0, -INF, -INF]
    assert program.col_upper.tolist() == [4.0, INF, 8.0]
    assert solve(program).status.value == "optimal"


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_compressed(tmp_path, suffix, compress):
    for name, text in (("p.mps", ALL_KINDS), ("p.lp", LP)):
        path = tmp_path / (name + suffix)
        path.write_bytes(compress(text.encode()))
        assert read_program(path).shape[1] in (8, 3)
    check_all_kinds(read_program(tmp_path / f"p.mps{suffix}"))


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_packed_in_pieces(tmp_path, suffix, compress):
    path = tmp_path / f"p.mps{suffix}"
    half = len(ALL_KINDS) // 2
    pieces = [compress(part.encode()) for part in (ALL_KINDS[:half], ALL_KINDS[half:])]
    path.write_bytes(b"".join(pieces))
    check_all_kinds(read_program(path))
    for rest in (b"abc", pieces[1][:20], pieces[1][:-3]):
        path.write_bytes(compress(ALL_KINDS.encode()) + rest)
        with pytest.raises(InputError, match="cannot be read"):
            read_program(path)


def test_exponents_as_fortran_writes_them(tmp_path):
    lines = ("NAME", "ROWS", " N C", " G R", "COLUMNS", " X C -1.0D2 R 1", " Y C 2.5d-1 R 1")
    lines += ("BOUNDS", " UP B X 1.D3", " UP B Y 2D+1", "ENDATA")
    (tmp_path / "d.mps").write_text("\n".join(lines))
    program = read_program(tmp_path / "d.mps")
    assert program.c.tolist() == [-100.0, 0.25]
    assert program.col_upper.tolist() == [1000.0, 20.0]


MISTAKES = [
    ("ROWS\n", "ROWS\n Q  WHAT\n", 3, "row type 'Q'"),
    (" G  AT_LEAST", " G  AT_MOST", 5, "row 'AT_MOST' stands twice"),
    ("TWO       EXACTLY  ", "TWO       EXACLTY  ", 13, "did you mean EXACTLY"),
    ("    TWO       EXACTLY           -1.0", "    TWO  EXACTLY -1.O", 13, "'-1.O' is not a number"),
    ("    ONE       AT_LEAST ", "    ONE       AT_MOST  ", 11, "two entries in row 'AT_MOST'"),
    (
        "    SIX       COST                 1 ",
        "    ONE       COST                 1 ",
        19,
        "two places",
    ),
    ("AT_MOST            4.0", "AT_MOST            4,0", 23, "'4,0' is not a number"),
    ("EXACTLY            7.0", "EXACTLY            nan", 24, "NaN"),
    ("    RHS1      AT_LEAST  ", "    RHS2      AT_LEAST  ", 24, "a second set 'RHS2'"),
    (" FR BND1      FIVE", " XX BND1      FIVE", 34, "bound type 'XX'"),
    (" FR BND1      FIVE", " SC BND1      FIVE  3", 34, "semi-continuous"),
    (" FR BND1      FIVE", " FR BND1      FIFE", 34, "did you mean FIVE"),
    (" FR BND1      FIVE", " FR BND1      FIVE      SIX", 34, "'SIX' is not a number"),
    (" PL BND1      EIGHT", " PL BND1      EIGHT     x", 37, "'x' is not a number"),
    (" UP BND1      FOUR                -2", " UP BND1      FOUR", 33, "'FOUR' is not a number"),
    (" PL BND1      EIGHT", " UP BND1      ONE                5.0", 37, "two upper bounds"),
    ("RANGES\n", "RANGES\n    RNG       COST  1\n", 26, "type N and takes no range"),
    ("RANGES\n", "QUADOBJ\n", 25, "beyond linear"),
    ("RANGES\n", "RAGNES\n", 25, "'RAGNES'"),
    (
        "    ONE       COST               1.0   AT_MOST            1.0",
        "    ONE  COST  inf",
        10,
        "finite",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "says"), MISTAKES, ids=lambda v: str(v)[:30])
def test_mistakes_are_named_with_their_line(write, old, new, line, says):
    assert ALL_KINDS.count(old) == 1
    path = write(ALL_KINDS.replace(old, new))
    with pytest.raises(InputError) as caught:
        read_program(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, line {line}: ")
    assert says in message
    assert "\n" not in message


def test_cut_off_files(write):
    for text in (ALL_KINDS.replace("ENDATA\n", ""), "", "hello\n", "NAME x\n"):
        with pytest.raises(InputError, match=r"p\.mps"):
            read_program(write(text))


def test_lp_mistakes_are_named_with_their_line(write):
    path = write(LP.replace(">= -2", ">= minus"), "p.lp")
    with pytest.raises(InputError) as caught:
        read_program(path)
    assert str(caught.value).startswith(f"{path}, line 6: ")


def test_quadratic_lp_is_refused(write):
    path = write("min\n obj: x + [ x^2 ] / 2\nst\n c1: x >= 1\nend\n", "p.lp")
    with pytest.raises(InputError, match="quadratic"):
        read_program(path)


def test_missing_files_and_other_files(tmp_path, write):
    write(FREE, "afiro.mps")
    with pytest.raises(InputError, match=r"afrio\.mps: no such file; did you mean afiro\.mps"):
        read_program(tmp_path / "afrio.mps")
    with pytest.raises(InputError, match="is a directory"):
        read_program(tmp_path)
    with pytest.raises(InputError, match=r"not a \.mps, \.lp or \.npz"):
        read_program(write("x", "p.txt"))
    with pytest.raises(InputError, match="cannot be read"):
        read_program(write("this is no gzip", "p.mps.gz"))


def test_nothing_is_printed(write, capfd):
    read_program(write(ALL_KINDS))
    read_program(write(LP, "p.lp"))
    with pytest.raises(InputError):
        read_program(write("hello", "q.lp"))
    assert capfd.readouterr() == ("", "")


OPEN = [k for k in KNOWN if k.name not in ("crossed_row", "crossed_column", "wrong_infinity")]


@pytest.mark.parametrize("known", KNOWN, ids=lambda k: k.name)
def test_recorded_programs_keep_every_bit(tmp_path, known):
    program = known.make()
    again = read_program(write_program(program, tmp_path / "p.npz"))
    assert_identical(program, again)


@pytest.mark.parametrize("known", OPEN, ids=lambda k: k.name)
def test_mps_keeps_every_bit(tmp_path, known):
    program = known.make()
    again = read_program(write_program(program, tmp_path / "p.mps"))
    assert_identical(program, again)


WIDE = st.floats(allow_nan=False, allow_infinity=False)
BOUND = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 0.1, 1e-300, -5e-324, INF, -INF, 9.999e19, 1e20]),
    st.floats(-1e19, 1e19),
)
NAME = st.one_of(
    st.sampled_from(
        ["RHS", "BOUNDS", "NAME", "OBJSENSE", "QSECTION", "OBJ", "R1", "C1", "ENDATA", "'MARKER'"]
    ),
    st.sampled_from(
        ["5", "*x", "$x", "a b", "", "MAX", "N", "UP", "1e30", "-inf", "\ufeffx", "\u00a0"]
    ),
    st.text(min_size=1, max_size=6),
)


@st.composite
def programs(draw):
    """Every program that can be built: figures of any size, signed zeros, names of any kind."""
    m, n = draw(st.integers(0, 4)), draw(st.integers(0, 4))

    def bounds(count):
        pairs = [sorted((draw(BOUND), draw(BOUND))) for _ in range(count)]
        return np.array(pairs).reshape(count, 2).T

    places = draw(st.lists(st.booleans(), min_size=m * n, max_size=m * n))
    values = [draw(WIDE) for place in places if place]
    at = np.flatnonzero(places)
    matrix = sparse.csc_array((values, (at // max(n, 1), at % max(n, 1))), shape=(m, n))
    named = draw(st.booleans())
    names = [tuple(draw(st.lists(NAME, min_size=k, max_size=k)) if named else ()) for k in (m, n)]
    return LinearProgram.build(
        np.array([draw(WIDE) for _ in range(n)]).reshape(n),
        matrix,
        *bounds(m),
        *bounds(n),
        maximize=draw(st.booleans()),
        offset=draw(WIDE),
        name=draw(st.one_of(st.just(""), NAME)),
        row_names=names[0],
        col_names=names[1],
    )


@settings(max_examples=int(os.environ.get("GAVEL_OPT_EXAMPLES", "120")), deadline=None)
@given(programs())
def test_reading_is_the_inverse_of_writing_to_the_bit(tmp_path_factory, program):
    folder = tmp_path_factory.mktemp("programs")
    assert_identical(program, read_program(write_program(program, folder / "p.npz")))
    refusal = ""
    try:
        path = write_program(program, folder / "p.mps")
    except InputError as refused:
        refusal = str(refused)
    if refusal:
        assert "cannot be written as MPS; write the program as .npz" in refusal
        assert refusal.isprintable()
        assert [path.name for path in folder.iterdir()] == ["p.npz"]
    else:
        assert_identical(program, read_program(path))


@pytest.mark.parametrize("word", ["RHS", "BOUNDS", "NAME", "OBJSENSE", "QSECTION", "OBJ", "5"])
def test_names_of_sections_are_written(tmp_path, word):
    program = LinearProgram.build(
        [1e-300, 1e300],
        [[1e-300, 1], [1, 1e300]],
        [-1, 0.1],
        [0.3, INF],
        -INF,
        [INF, -1.5],
        row_names=(word, "other"),
        col_names=("x", word),
        name=word,
    )
    assert_identical(program, read_program(write_program(program, tmp_path / "p.mps")))


def test_names_and_keys_survive(tmp_path):
    program = LinearProgram.build(
        [1, 2],
        [[1, 1]],
        0,
        1,
        name="two words",
        row_names=("a row",),
        col_names=("x", "y"),
        row_keys=np.array([64]),
        col_keys=np.array([65, 129]),
    )
    again = read_program(write_program(program, tmp_path / "p.npz"))
    assert (again.name, again.row_names, again.col_names) == ("two words", ("a row",), ("x", "y"))
    assert again.row_keys.tolist() == [64]
    assert again.col_keys.tolist() == [65, 129]
    with pytest.raises(InputError, match=r"\.mps: the row name 'a row' cannot be written as MPS"):
        write_program(program, tmp_path / "p.mps")


def test_recorded_programs_are_the_same_bytes(tmp_path):
    program = KNOWN[0].make()
    one = write_program(program, tmp_path / "a.npz").read_bytes()
    assert one == write_program(program, tmp_path / "b.npz").read_bytes()


def test_broken_recordings(tmp_path, write):
    with pytest.raises(InputError, match="not a recorded program"):
        read_program(write("nothing", "p.npz"))
    whole = write_program(KNOWN[0].make(), tmp_path / "p.npz").read_bytes()
    for keep in (0, 10, len(whole) // 2, len(whole) - 30):
        (tmp_path / "cut.npz").write_bytes(whole[:keep])
        with pytest.raises(InputError, match=r"cut\.npz"):
            read_program(tmp_path / "cut.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(InputError, match="not a recorded program"):
        read_program(tmp_path / "other.npz")
    np.savez(tmp_path / "pickled.npz", about=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="not a recorded program"):
        read_program(tmp_path / "pickled.npz")


def test_what_cannot_be_written(tmp_path):
    program = KNOWN[0].make()
    with pytest.raises(InputError, match=r"as \.npz or \.mps"):
        write_program(program, tmp_path / "p.lp")
    with pytest.raises(InputError, match="cannot be written"):
        write_program(program, tmp_path / "missing" / "p.npz")
    crossed = LinearProgram.build([1], [[1]], 2, 1)
    with pytest.raises(InputError, match="cross"):
        write_program(crossed, tmp_path / "p.mps")
    assert list(tmp_path.iterdir()) == []


def test_directories_stand_for_their_programs(tmp_path, write):
    write(FREE, "b.mps")
    write(LP, "a.lp")
    write("no program", "notes.txt")
    (tmp_path / "deeper").mkdir()
    write_program(KNOWN[0].make(), tmp_path / "deeper" / "c.npz")
    names = [path.name for path in find_programs([tmp_path, tmp_path / "b.mps"])]
    assert names == ["a.lp", "b.mps", "c.npz", "b.mps"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no .* program in this directory"):
        find_programs([tmp_path / "empty"])
    with pytest.raises(InputError, match="no such file"):
        find_programs([tmp_path / "nothing"])


def assert_identical(program, again):
    """Every bit but the keys."""
    for field in ("c", "row_lower", "row_upper", "col_lower", "col_upper"):
        assert getattr(again, field).tobytes() == getattr(program, field).tobytes(), field
    assert again.shape == program.shape
    for field in ("data", "indices", "indptr"):
        assert getattr(again.a, field).tolist() == getattr(program.a, field).tolist()
    assert again.a.data.tobytes() == program.a.data.tobytes()
    assert math.copysign(1.0, again.offset) == math.copysign(1.0, program.offset)
    for field in ("maximize", "offset", "name", "row_names", "col_names"):
        assert getattr(again, field) == getattr(program, field), field


@pytest.mark.parametrize("kind", [int, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("suffix", [".npz", ".mps"])
def test_numbers_of_other_libraries_are_numbers(tmp_path, kind, suffix):
    program = LinearProgram.build([1, 2], [[1, 1]], 0, 1, offset=kind(3), maximize=np.True_)
    again = read_program(write_program(program, tmp_path / f"p{suffix}"))
    assert again.offset == 3.0
    assert again.maximize is True
