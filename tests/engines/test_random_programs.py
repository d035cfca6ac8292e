"""Drawn programs of every kind: statuses and objectives against exact rational arithmetic and scipy.

``GAVEL_OPT_EXAMPLES`` sets how many for each engine and spread; the slow tests draw thousands.
"""

import os

import numpy as np
import pytest
from exact import solve_exactly
from installed import make
from scipy import optimize, sparse

from gavel_opt import solve
from gavel_opt.engines.protocol import Options
from gavel_opt.engines.registry import BUILT_IN
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.rays import farkas_ray, improving_ray
from gavel_opt.model.solution import Status

ENGINES = [name for name, entry in BUILT_IN.items() if "linear" in entry.can]
FEW, MANY = 25, int(os.environ.get("GAVEL_OPT_EXAMPLES", "1000"))
DRAWN = pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
KINDS = ("bounded", "free", "equalities", "degenerate", "narrow", "empty")


def drawn(draws, kind, spread):
    """A program of whole numbers, so that ties are likely, scaled by powers of two, so that they stay exact."""
    m, n = draws.integers(1, 5), draws.integers(1, 5)
    a = draws.integers(-3, 4, (m, n)) * (draws.random((m, n)) < 0.8).astype(float)
    low = draws.integers(-4, 5, m).astype(float)
    high = low + draws.integers(0, 5, m)
    low[draws.random(m) < 0.4] = -np.inf
    high[draws.random(m) < 0.4] = np.inf
    left = draws.integers(-4, 5, n).astype(float)
    right = left + draws.integers(0, 6, n)
    right[draws.random(n) < 0.4] = np.inf
    if kind == "free":
        left[:], right[:] = -np.inf, np.inf
    elif kind == "equalities":
        low = high = draws.integers(-3, 4, m).astype(float)
        left[:], right[:] = np.where(draws.random(n) < 0.5, 0.0, -np.inf), np.inf
    elif kind == "degenerate":
        low, high = np.where(np.isinf(low), low, 0.0), np.where(np.isinf(high), high, 0.0)
        left[:], right[:] = 0.0, np.where(draws.random(n) < 0.5, np.inf, 1.0)
    elif kind == "narrow":
        right = left.copy()
        right[0] += 1.0
    elif kind == "empty":
        a[:] = 0.0
    c = draws.integers(-4, 5, n) * (draws.random(n) < 0.8).astype(float)
    row = 2.0 ** draws.integers(-spread, spread + 1, m) if spread else np.ones(m)
    column = 2.0 ** draws.integers(-spread, spread + 1, n) if spread else np.ones(n)
    return LinearProgram.build(
        c * column,
        row[:, None] * a * column,
        low * row,
        high * row,
        left / column,
        right / column,
        maximize=bool(draws.random() < 0.5),
    )


def check_proof(program, solution):
    """What is proven is proven: the rays do what they should, in plain numpy."""
    if solution.proof == "Farkas ray":
        assert farkas_ray(program, solution.ray) is not None
    if solution.proof == "point and ray":
        assert improving_ray(program, solution.ray) is not None
        at = program.a @ solution.point
        size = abs(program.a) @ np.abs(solution.point) + 1.0
        assert (at >= program.row_lower - 1e-6 * size).all()
        assert (at <= program.row_upper + 1e-6 * size).all()


@DRAWN
@pytest.mark.parametrize("spread", [0, 10, 40])
@pytest.mark.parametrize("name", ENGINES)
def test_against_exact_arithmetic(name, spread, count):
    """No engine's proven status or objective is wrong; without scales each has an answer."""
    engine = make(name)
    draws = np.random.default_rng(7 + spread)
    unproven = 0
    for place in range(count):
        program = drawn(draws, KINDS[place % len(KINDS)], spread)
        status, objective = solve_exactly(program)
        solution = solve(program, engine, Options(time_limit=20.0))
        if not solution.proof:
            unproven += 1
            assert spread or name in ("ortools-pdlp", "clarabel", "scs"), (place, solution)
            continue
        assert solution.status is status, (place, solution)
        check_proof(program, solution)
        if status is Status.OPTIMAL:
            scale = float(np.abs(program.c * np.nan_to_num(solution.x)).sum())
            floor = min(1.0, float(np.abs(program.c).max(initial=0.0)) or 1.0)
            error = abs(solution.objective - float(objective))
            assert error <= 5e-6 * (abs(float(objective)) + scale + floor), (place, solution)
    assert unproven <= count // 5


NEXT_TO_NOTHING = {
    "in a row that holds without it": (([1, 1], [[0, 1], [1, 0]], [1, 2], np.inf), (0, 0), 3),
    "in a row that holds at most": (([-1, -1], [[0, 1], [1, 0]], -np.inf, [4, 10]), (0, 0), -14),
    "in both columns": (([2, 1], [[0, 1], [1, 0]], [4, 1], np.inf), (0, 0), 6),
    "beside ordinary ones": (([-1, 0], [[1, 0], [0, 1]], -np.inf, [4, 1]), (0, 1), -4),
}


@pytest.mark.parametrize("tiny", [1e-10, 1e-14, 1e-20, 1e-30])
@pytest.mark.parametrize("kind", NEXT_TO_NOTHING)
@pytest.mark.parametrize("name", ["highs", "ortools", "ecos", "pulp"])
def test_coefficients_that_are_nothing_beside_others(name, kind, tiny):
    """They must not spoil the scale of the others."""
    engine = make(name)
    (c, a, low, high), where, right = NEXT_TO_NOTHING[kind]
    a = np.array(a, dtype=float)
    a[where] = tiny
    solution = solve(LinearProgram.build(np.array(c, dtype=float), a, low, high), engine)
    assert solution.proof == "certificate"
    assert solution.objective == pytest.approx(right, rel=1e-6)


@DRAWN
def test_against_scipy(count):
    """Larger ones, where exact arithmetic takes too long."""
    draws = np.random.default_rng(3)
    statuses = {0: Status.OPTIMAL, 2: Status.INFEASIBLE, 3: Status.UNBOUNDED}
    seen = set()
    for _ in range(count):
        m, n = draws.integers(5, 40, 2)
        a = sparse.random(m, n, 0.3, random_state=draws, data_rvs=draws.standard_normal).tocsc()
        program = LinearProgram.build(
            draws.standard_normal(n),
            a,
            -np.inf,
            draws.standard_normal(m) + draws.choice([0.0, 1.0, 5.0]),
            np.where(draws.random(n) < draws.choice([0.0, 0.1]), -np.inf, 0.0),
            np.where(draws.random(n) < draws.choice([0.0, 1.0]), 3.0, np.inf),
        )
        bounds = np.column_stack([program.col_lower, program.col_upper])
        other = optimize.linprog(program.c, A_ub=a, b_ub=program.row_upper, bounds=bounds)
        solution = solve(program, "highs")
        if other.status in statuses:
            assert solution.status is statuses[other.status]
            assert solution.proof
            seen.add(solution.status)
        if other.status == 0:
            assert solution.objective == pytest.approx(other.fun, rel=1e-7, abs=1e-7)
    assert len(seen) == 3
