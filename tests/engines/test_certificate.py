"""A certificate: what it proves, and that a wrong answer cannot have one."""

import math
from dataclasses import replace

import broken
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gavel_opt.engines.protocol import Options
from gavel_opt.engines.registry import make_engine
from gavel_opt.model.certificate import certify, primal_residual
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Certificate, Status
from gavel_opt.solving import solve
from gavel_opt.testing import KNOWN

INF = math.inf
WITH_DUALS = [k for k in KNOWN if k.x is not None and k.row_dual is not None]


def simple():
    return LinearProgram.build([3, 5], [[1, 0], [0, 2], [3, 2]], -INF, [4, 12, 18], maximize=True)


@pytest.mark.parametrize("known", WITH_DUALS, ids=lambda k: k.name)
def test_known_answers_are_proven(known):
    certificate = certify(known.make(), np.array(known.x, float), np.array(known.row_dual, float))
    assert certificate.within(1e-14)


@pytest.mark.parametrize("known", WITH_DUALS, ids=lambda k: k.name)
def test_moved_answers_are_not(known):
    program = known.make()
    x, y = np.array(known.x, float), np.array(known.row_dual, float)
    assert not certify(program, x + 0.01 * np.maximum(1, abs(x)), y).within(1e-6)
    if y.any():
        assert not certify(program, x, 1.01 * y).within(1e-6)
        assert not certify(program, x, -y).within(1e-6)


@pytest.mark.parametrize("bad", [math.nan, INF, -INF, 1e300])
def test_what_is_not_finite_never_passes(bad):
    program = simple()
    x, y = np.array([2.0, 6.0]), np.array([0.0, 1.5, 1.0])
    for place in range(2):
        wrong = x.copy()
        wrong[place] = bad
        assert not certify(program, wrong, y).within(1e300 if bad != 1e300 else 1e-6)
        assert not primal_residual(program, wrong) <= 1e-6
    for place in range(3):
        wrong = y.copy()
        wrong[place] = bad
        assert not certify(program, x, wrong).within(1e-6)


@pytest.mark.parametrize("bad", [math.nan, INF])
def test_not_finite_in_a_column_without_entries(bad):
    program = LinearProgram.build([1, 0], [[1, 0]], 1, INF, 0, INF)
    assert not certify(program, np.array([1.0, bad]), np.array([1.0])).within(1e300)


def test_wrong_shapes_never_pass():
    program = simple()
    good = np.array([2.0, 6.0]), np.array([0.0, 1.5, 1.0])
    assert not certify(program, good[0][:1], good[1]).within(1e300)
    assert not certify(program, good[0], good[1][:2]).within(1e300)


def test_violations_of_each_side_in_figures():
    program = LinearProgram.build(
        [0, 0], [[2, 0], [0, 4]], [4, -INF], [INF, 8], [-INF, 0], [3, INF]
    )
    assert primal_residual(program, np.array([2.0, 2.0])) == 0.0
    # Below: 4 - 3.8 over 1 + 4 + 3.8. Above: 8.4 - 8 over 1 + 8 + 8.4. A column: 3.3 over 1 + 3.
    assert primal_residual(program, np.array([1.9, 2.0])) == pytest.approx(0.2 / 8.8)
    assert primal_residual(program, np.array([2.0, 2.1])) == pytest.approx(0.4 / 17.4)
    assert primal_residual(program, np.array([3.3, 2.0])) == pytest.approx(0.3 / 4.0)
    assert primal_residual(program, np.array([2.0, -0.1])) == pytest.approx(0.1)


def test_nan_is_not_within():
    assert not Certificate().within(INF)
    assert not Certificate(0.0, 0.0, math.nan).within(1.0)


def test_a_row_with_small_coefficients_is_judged_on_its_own_scale():
    # 1e-8 x >= 1e-8 means x >= 1; at x = 0 the violation is tiny and all of the constraint.
    program = LinearProgram.build([1], [[1e-8]], 1e-8, INF)
    assert certify(program, np.array([0.0]), np.array([0.0])).primal_residual > 0.1
    assert certify(program, np.array([1.0]), np.array([1e8])).within(1e-12)


def test_an_unbounded_column_is_not_hidden_by_large_costs():
    # The second column falls for ever; its cost is small beside the first one's.
    program = LinearProgram.build([1e6, -0.5], [[1, 0]], 1, INF)
    assert not certify(program, np.array([1.0, 0.0]), np.array([1e6])).within(1e-6)


def test_a_small_dual_without_a_bound_is_charged_over_the_reach_of_the_answer():
    # z = -1e-8 on a column that could go as far as its neighbour already is.
    program = LinearProgram.build([1.0, 1.0], [[1, 0], [1, 1]], [1e9, -INF], [INF, INF])
    certificate = certify(program, np.array([1e9, 0.0]), np.array([1.0, 0.0]))
    assert certificate.within(1e-12)
    tilted = replace(program, c=np.array([1.0, -1e-3]))
    certificate = certify(tilted, np.array([1e9, 0.0]), np.array([1.0, 0.0]))
    assert certificate.relative_gap > 1e-4


def test_a_tiny_objective_is_not_proven_by_being_tiny():
    program = LinearProgram.build([-1e-9], [[1]], -INF, 1)
    assert not certify(program, np.array([0.5]), np.array([-1e-9])).within(1e-6)
    assert certify(program, np.array([1.0]), np.array([-1e-9])).within(1e-12)


def test_the_offset_hides_no_gap():
    program = replace(simple(), offset=1e12)
    assert not certify(program, np.array([2.0, 5.9]), np.array([0, 1.5, 1])).within(1e-6)


def test_multipliers_of_rows_without_bounds_count_for_nothing():
    program = LinearProgram.build([1], [[1], [1]], [2, -INF], [INF, INF])
    assert certify(program, np.array([2.0]), np.array([1.0, 0.0])).within(1e-14)
    # Half the price on a row that asks for nothing proves half of nothing.
    assert not certify(program, np.array([2.0]), np.array([0.5, 0.5])).within(1e-3)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9))
def test_whoever_passes_is_optimal(seed):
    """Random points and duals: a certificate within 1e-6 means the objective is right."""
    rng = np.random.default_rng(seed)
    program = random_program(rng)
    best = solve(program)
    if best.status is not Status.OPTIMAL:
        return
    x = best.x + rng.choice([0.0, 1e-9, 1e-4, 0.3]) * rng.normal(size=best.x.size)
    y = best.row_dual + rng.choice([0.0, 1e-9, 1e-4, 0.3]) * rng.normal(size=best.row_dual.size)
    if certify(program, x, y).within(1e-6):
        assert program.objective(x) == pytest.approx(best.objective, rel=1e-5, abs=1e-5)
    if np.abs(program.objective(x) - best.objective) > 1e-2 * (1 + abs(best.objective)):
        assert not certify(program, x, y).within(1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_duals_from_the_dual_program_prove_the_same(seed):
    program = random_program(np.random.default_rng(seed))
    with_duals, without = solve(program), solve(program, broken.NoDuals())
    assert with_duals.status is without.status
    if with_duals.status is Status.OPTIMAL:
        assert with_duals.certificate.within(1e-9)
        assert without.certificate.within(1e-9)
        assert without.row_dual is not None
        # One more for the dual, unless the program needed no solver at all.
        assert without.stats.programs == (2 if program.a.data.any() else 1)


def test_the_certificate_decides_the_status():
    program = simple()
    wrong = solve(program, broken.WrongPoint())
    assert wrong.status is Status.IMPRECISE
    assert wrong.claim is Status.OPTIMAL

    class Modest(broken.Wrapped):
        def spoil(self, program, solution):
            solution.status = Status.IMPRECISE

    right = solve(program, Modest())
    assert right.status is Status.OPTIMAL
    assert right.claim is Status.IMPRECISE


def test_an_engine_without_duals_whose_dual_fails_proves_nothing():
    class Half(broken.NoDuals):
        calls = 0

        def solve(self, program, options=Options()):  # noqa: B008
            Half.calls += 1
            if Half.calls > 1:
                return broken.OutOfTime().solve(program)
            return super().solve(program, options)

    assert solve(simple(), Half()).status is Status.IMPRECISE


def random_program(rng):
    m, n = rng.integers(1, 7, 2)
    a = np.round(rng.normal(size=(m, n)) * 3)
    inside = np.round(rng.normal(size=n) * 3)
    activity = a @ inside

    def bounds(around, size, share):
        low = np.where(rng.random(size) < share, around - rng.integers(0, 3, size), -INF)
        high = np.where(rng.random(size) < share, around + rng.integers(0, 3, size), INF)
        return low, high

    return LinearProgram.build(
        np.round(rng.normal(size=n) * 3),
        a,
        *bounds(activity, m, 0.6),
        *bounds(inside, n, 0.7),
        maximize=bool(rng.random() < 0.5),
        offset=float(rng.integers(-3, 4)),
    )


def test_highs_is_proven_where_it_is_right():
    rng = np.random.default_rng(0)
    statuses = [solve(random_program(rng), make_engine("highs")).status for _ in range(40)]
    assert statuses.count(Status.OPTIMAL) > 20
    assert Status.IMPRECISE not in statuses
