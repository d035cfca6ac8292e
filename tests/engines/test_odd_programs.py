"""Small programs of every odd kind: all engines agree with HiGHS, and none crashes."""

import numpy as np
import pytest
from installed import make

from gavel_opt import solve
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
