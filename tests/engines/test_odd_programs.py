"""Small programs of every odd kind: all engines agree with HiGHS, and none crashes."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from installed import make
from scipy.sparse import csc_array, csr_array

from gavel_opt import Driver, InputError, make_policy, solve, write_program
from gavel_opt.engines.protocol import Options
from gavel_opt.engines.registry import BUILT_IN, make_engine
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Status

ENGINES = [name for name, entry in BUILT_IN.items() if "linear" in entry.can]
FREE = (-np.inf, np.inf)


def program(c, a, low, high, maximize=False):
    return LinearProgram.build(c, a, low, high, *FREE, maximize=maximize)


# ECOS crashes the process on a cone matrix without entries, and wants a cone.
WITHOUT_CONES = [
    (
        program([3.0], [[0], [1], [0], [0]], [0, -2, -1, -2], [np.inf, -2, 1, 1], maximize=True),
        -6.0,
    ),
    (program([1.0, 2.0], [[1.0, 2.0]], 3.0, 3.0), 3.0),
    (program([1.0, 1.0], [[1.0, 2.0]], 3.0, 3.0), Status.UNBOUNDED),
    (program([1.0, 0.0], [[1.0, 2.0]], *FREE), Status.UNBOUNDED),
    (program([0.0, 0.0], [[1.0, 2.0], [0, 0]], [-np.inf, -1.0], [np.inf, 1.0]), 0.0),
    (program([1.0, 1.0], [[1, 1], [1, -1]], [2.0, 0.0], [2.0, 0.0]), 2.0),
    (program([1.0, 1.0], [[1, 1], [1, -1], [1, 0]], [2.0, 0.0, 1.0], [2.0, 0.0, 1.0]), 2.0),
    (
        program([1.0, 1.0], [[1, 1], [1, -1], [1, 0]], [2.0, 0.0, 2.0], [2.0, 0.0, 2.0]),
        Status.INFEASIBLE,
    ),
]


@pytest.mark.parametrize("place", range(len(WITHOUT_CONES)))
@pytest.mark.parametrize("name", ENGINES)
def test_nothing_but_equalities_and_free_columns(name, place):
    case, expected = WITHOUT_CONES[place]
    solution = solve(case, make(name))
    if isinstance(expected, Status):
        assert solution.status is expected
    else:
        assert solution.objective == pytest.approx(expected, abs=1e-6)


def drawn(draws):
    """Whole numbers make ties and dependent rows likely."""
    while True:
        m, n = draws.integers(1, 8, 2)
        a = draws.integers(-3, 4, (m, n)) * (draws.random((m, n)) < 0.7).astype(float)
        if a.any():
            break
    low = draws.integers(-4, 5, m).astype(float)
    high = low + draws.integers(0, 5, m)
    col_low = draws.integers(-4, 5, n).astype(float)
    col_high = col_low + draws.integers(0, 5, n)
    low[draws.random(m) < 0.4] = -np.inf
    high[draws.random(m) < 0.4] = np.inf
    col_low[draws.random(n) < 0.3] = -np.inf
    col_high[draws.random(n) < 0.4] = np.inf
    c = draws.integers(-4, 5, n) * (draws.random(n) < 0.8).astype(float)
    return LinearProgram.build(
        c, a, low, high, col_low, col_high, maximize=bool(draws.random() < 0.5)
    )


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "highs"])
def test_drawn_programs(name):
    """One engine object for all of them, so that persistent models meet strangers."""
    engine, exact = make(name), make_engine("highs")
    draws = np.random.default_rng(17)
    optimal = 0
    for place in range(40 if name.startswith("cvxpy") else 120):
        case = drawn(draws)
        expected = solve(case, exact)
        solution = solve(case, engine, Options(time_limit=30.0))
        if solution.status is Status.ITERATION_LIMIT and name == "ortools-pdlp":
            continue  # a first-order method may not see that there is no point
        assert solution.status is expected.status, place
        if expected.x is not None:
            optimal += 1
            assert solution.objective == pytest.approx(expected.objective, rel=1e-6, abs=1e-6)
    assert optimal >= 8


SMALLEST = [1e-30, 1e-100]


@pytest.mark.parametrize("k", SMALLEST)
@pytest.mark.parametrize("name", ["highs", "ortools", "pulp"])
def test_coefficients_that_solvers_drop(name, k):
    """A scaled row, scaled costs, a coefficient beside one that is not scaled, and one that all depends on."""
    no = np.inf
    programs = {
        3.5: LinearProgram.build([1.0, 0.5], [[k, k], [1, 0]], -no, [4 * k, 3.0], maximize=True),
        k: LinearProgram.build([k, 2 * k], [[1.0, 1.0]], 1.0, no),
        1.0: LinearProgram.build([1.0, 1.0], [[k, 1.0]], 1.0, no),
        0.5 / k: LinearProgram.build([1.0, 0.0], [[k, 1.0], [0.0, 1.0]], [1.0, -no], [no, 0.5]),
    }
    for expected, program in programs.items():
        solution = solve(program, make(name))
        assert solution.status is Status.OPTIMAL
        assert solution.objective == pytest.approx(expected, rel=1e-6)


A = [[1.0, 1.0], [1.0, 3.0]]
KNOWN = {"c": [3, 2], "a": A, "row_lower": -np.inf, "row_upper": [4, 6], "col_upper": [3, np.inf]}
"""At most 11, at (3, 1)."""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"c": np.array([3, 2 + 1j])}, "found complex128"),  # whose imaginary part was dropped
        ({"a": csc_array(np.array(A) * 1j)}, "of complex128"),
        ({"a": np.ma.masked_array(A, mask=[[0, 0], [0, 1]])}, "some are masked"),
        ({"row_upper": np.ma.masked_array([4, 6], mask=[0, 1])}, "row_upper is no array"),
        ({"c": np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")}, "found datetime64"),
        ({"maximize": "no"}, "maximize is 'no', expected true or false"),  # it was maximised
        ({"offset": np.array([1.0, 2.0])}, "a program is of real numbers"),
        ({"offset": None}, "a program is of real numbers"),
        ({"row_names": ("a",)}, "row_names are 1 for 2"),
        ({"col_names": "xy"}, "col_names are 'xy', expected a list of texts"),
        ({"name": 5}, "name is 5, expected text"),
    ],
)
def test_what_would_be_another_program_is_refused(changes, said):
    with pytest.raises(InputError, match=said):
        LinearProgram.build(**{**KNOWN, "maximize": True, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"row_upper": np.array([4.0])}, r"row_upper is of shape \(1,\)"),  # it was taken for both
        ({"col_upper": np.array([3.0])}, r"col_upper is of shape \(1,\)"),
        ({"c": [3, 2]}, "c is no array"),
        ({"a": csr_array([[1.0, 2.0], [0.0, 3.0]])}, "a is no csc_array"),  # it was read by columns
        ({"a": np.array(A)}, "a is no csc_array"),
    ],
)
@pytest.mark.parametrize("engine", ["highs", "ecos"])
def test_a_program_put_together_by_hand(changes, said, engine):
    good = LinearProgram.build(**KNOWN, maximize=True)
    with pytest.raises(InputError, match=said):
        solve(replace(good, **changes), make(engine))


def test_a_program_stays_what_it_was():
    c, a, upper = np.array([3.0, 2.0]), csc_array(A), np.array([4.0, 6.0])
    made = LinearProgram.build(c, a, -np.inf, upper, 0.0, [3.0, np.inf], maximize=True)
    c[:], a.data[:], upper[:] = 100.0, 7.0, 1.0
    assert solve(made).objective == 11.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"engine": type(make_engine("highs"))}, "is no engine"),
        ({"options": {"time_limit": 1}}, "are no gavel_opt.Options"),
        ({"tolerance": -1.0}, "is not a number of 0 or more"),
        ({"tolerance": "1e-6"}, "is not a number of 0 or more"),
    ],
)
def test_wrong_words_to_solve(words, said):
    with pytest.raises(InputError, match=said):
        solve(LinearProgram.build(**KNOWN), **words)


def test_wrong_words_to_write(tmp_path):
    with pytest.raises(InputError, match="is no LinearProgram"):
        write_program([1], tmp_path / "a.mps")
    with pytest.raises(InputError, match="is not the name of a file"):
        write_program(LinearProgram.build(**KNOWN), None)
    assert not list(tmp_path.iterdir())


def test_threads_take_turns_on_an_engine():
    """It ended the process: two of them changed the model that HiGHS keeps."""
    script = """
import threading
import numpy as np
from gavel_opt import LinearProgram, make_engine, solve

draws = np.random.default_rng(0)
programs = [
    LinearProgram.build(draws.random(n) + 0.1, draws.random((n, n)), draws.random(n), np.inf)
    for n in (5, 9, 30, 40)
]
engine, wanted = make_engine("highs"), [solve(one).objective for one in programs]

def work(first):
    for k in range(first, first + 25):
        assert abs(solve(programs[k % 4], engine).objective / wanted[k % 4] - 1.0) < 1e-9

threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
raised = []
threading.excepthook = lambda found: raised.append(found.exc_value)
for one in threads:
    one.start()
for one in threads:
    one.join()
print("wrong:", raised)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "wrong: []\n"), done.stderr


class NoCapability:
    name = "mine"

    def solve(self, program, options=None):
        raise AssertionError


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"policy": "fifo"}, "policy: 'fifo' is no policy; gavel_opt.make_policy"),
        ({"engine": NoCapability()}, "a NoCapability without a name or gavel_opt.Capability"),
        ({"engine": type(make_engine("highs"))}, "is no engine"),
        ({"options": {"time_limit": 1}}, "are no gavel_opt.Options"),
        ({"tolerance": float("nan")}, "is not a number of 0 or more"),
        ({"fallback": "highs"}, "fallback: 'highs' is no list of engines"),  # it was h, i, g, h, s
    ],
)
def test_wrong_words_to_a_driver(words, said):
    with pytest.raises(InputError, match=said):
        Driver(**{"policy": make_policy("fifo"), **words})
