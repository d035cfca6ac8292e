"""Rays that prove, and rays that only look so; what solve makes of an engine's word."""

import broken
import numpy as np
import pytest

from gavel_opt.engines.registry import make_engine
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.rays import farkas_ray, improving_ray
from gavel_opt.model.scaling import scaled
from gavel_opt.model.solution import Solution, Status
from gavel_opt.solving import solve

INF = np.inf
NONE = LinearProgram.build([1, 1], [[1, 1], [1, 1]], [3, -INF], [INF, 2], -INF, INF)
NO_BOUND = LinearProgram.build([-1, 0], [[1, -1]], -INF, 5)


def test_right_rays():
    assert farkas_ray(NONE, np.array([1.0, -1.0])).tolist() == [1.0, -1.0]
    assert improving_ray(NO_BOUND, np.array([2.0, 2.0])).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("y", [[1, 1], [-1, 1], [0, 0], [np.nan, -1], [1, -1, 0]])
def test_wrong_multipliers_prove_nothing(y):
    assert farkas_ray(NONE, np.array(y, dtype=float)) is None


@pytest.mark.parametrize("d", [[1, 0], [0, 1], [-1, -1], [0, 0], [np.inf, 1], [1, 1, 1]])
def test_wrong_directions_prove_nothing(d):
    assert improving_ray(NO_BOUND, np.array(d, dtype=float)) is None


def test_rounding_is_cleaned():
    y = np.array([1.0, -1.0 + 1e-8])
    ray = farkas_ray(NONE, y)
    assert ray is not None
    assert ray[0] == pytest.approx(-ray[1], rel=1e-15)
    assert improving_ray(NO_BOUND, np.array([1.0, 1.0 - 1e-8])) is not None


def test_a_small_coefficient_is_no_rounding():
    """1e-10 x >= 1 has a point, far out; a tolerance on the multipliers would prove it away."""
    far = LinearProgram.build([1], [[1e-10]], 1, INF)
    assert farkas_ray(far, np.array([1.0])) is None
    for size in (1e-10, 1e-20, 1e-100):
        far = LinearProgram.build([1], [[size]], 1, INF)
        for engine in ("highs", "pulp", "ortools", "ecos"):
            assert solve(far, engine).objective == pytest.approx(1 / size, rel=1e-6)


@pytest.mark.parametrize("tiny", [1e-10, 1e-13])
def test_tiny_coefficients_count_on_every_engine(tiny):
    program = LinearProgram.build([1, 3], [[tiny, 1], [1, 0]], [tiny * 4, -INF], [INF, 9])
    for name in ("highs", "pulp", "ortools", "ecos", "cvxpy-rebuild", "cvxpy-cached"):
        solution = solve(program, make_engine(name))
        assert solution.status is Status.OPTIMAL, name
        assert solution.proof == "certificate"


def test_scaling_is_exact_and_goes_back():
    draws = np.random.default_rng(1)
    program = LinearProgram.build(
        draws.normal(size=4),
        draws.normal(size=(3, 4)) * 10.0 ** draws.integers(-12, 12, (3, 4)),
        draws.normal(size=3),
        INF,
    )
    change = scaled(program)
    ratio = change.program.a.data / program.a.data
    assert (np.frexp(ratio)[0] == 0.5).all()
    x, y = draws.normal(size=4), draws.normal(size=3)
    assert change.point(change.there(x, y)[0]).tolist() == x.tolist()
    back = change.back(Solution(Status.OPTIMAL, x=x.copy(), row_dual=change.there(x, y)[1]))
    assert back.row_dual.tolist() == y.tolist()


def test_a_word_without_a_proof_says_so(monkeypatch):
    """Where neither the engine nor the second one finds a ray."""
    monkeypatch.setattr("gavel_opt.solving.SECOND", "infeasible")
    monkeypatch.setattr("gavel_opt.solving.make_engine", lambda name: broken.Infeasible())
    solution = solve(NONE, broken.Infeasible())
    assert solution.status is Status.INFEASIBLE
    assert not solution.proof


@pytest.mark.parametrize("name", ["highs", "ecos", "ortools", "ortools-pdlp", "pulp"])
def test_the_verdicts_of_engines_are_proven(name):
    assert solve(NONE, name).proof == "Farkas ray"
    unbounded = solve(NO_BOUND, name)
    assert unbounded.proof == "point and ray"
    assert unbounded.point.shape == unbounded.ray.shape == (2,)


FAR_APART = {
    "a cost of 2e-8 that no row pays for, beside one of 3e5": (
        Status.UNBOUNDED,
        ([2**-25, 2.0**18, 2**-15], [[0, 0, 2**-26]], 0, 0, 0, [INF, 2**-16, INF], True),
    ),
    "a cost of 3e-7 that rows of 1e10 do not pay for": (
        Status.UNBOUNDED,
        (
            [-1.5, -(2**-38)],
            [[0, 2**-50], [2.0**36, 0]],
            [-INF, 2.0**37],
            [INF, 5 * 2.0**37],
            -INF,
            INF,
        ),
    ),
    "a row of 1e-11 that no point meets, beside bounds of 1e10": (
        Status.INFEASIBLE,
        (
            [2.0**34, -(2.0**-29)],
            [[0.125, 0]],
            -(2.0**-37),
            2.0**-37,
            [2.0**-32, 2.0**33],
            [1.5 * 2.0**-32, 2.0**33],
        ),
    ),
    "a bound of 5e-7 that a row of 1e-7 excludes": (
        Status.INFEASIBLE,
        ([-3 * 2.0**21], [[0], [-0.75]], [-INF, -(2.0**-23)], [2.0**16, INF], 2.0**-21, INF, True),
    ),
}


@pytest.mark.parametrize("name", ["highs", "ecos", "ortools", "ortools-pdlp", "clarabel", "scs"])
@pytest.mark.parametrize("kind", FAR_APART)
def test_what_a_certificate_forgives_for_being_small_is_looked_into(kind, name):
    """Engines call it optimal, and so did a certificate that takes what is small beside one for rounding."""
    status, parts = FAR_APART[kind]
    solution = solve(LinearProgram.build(*parts[:6], maximize=len(parts) > 6), make_engine(name))
    assert solution.status is status or not solution.proof
    assert solution.status is not Status.OPTIMAL
    assert (solution.point is not None) is (solution.proof == "point and ray")


@pytest.mark.parametrize("name", ["highs", "ecos"])
def test_answers_to_which_nothing_is_forgiven_take_no_further_programs(name, monkeypatch):
    """Numbers far apart alone are no doubt."""

    def never(*_):
        raise AssertionError

    monkeypatch.setattr("gavel_opt.solving._Search.farkas", never)
    monkeypatch.setattr("gavel_opt.solving._Search.direction", never)
    far = LinearProgram.build([1.0, 1e4], [[1.0, 0.0], [0.0, 1e-4]], [1.0, 1e-3], INF)
    assert solve(far, name).objective == pytest.approx(1.0 + 1e5)
