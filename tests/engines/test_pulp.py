"""What PuLP was seen to do, and what the adapter does about it."""

import numpy as np
import pytest
from streams import programs

from gavel_opt.engines.protocol import Options
from gavel_opt.model.certificate import certify
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.lowering import lower
from gavel_opt.model.solution import Status

pytest.importorskip("pulp")

from gavel_opt.engines.pulp_highs import Pulp


def test_columns_keep_their_places():
    """PuLP sorts columns by name: x10 before x2."""
    costs = np.arange(1.0, 31.0)
    program = LinearProgram.build(costs, np.eye(30), costs, np.inf)
    engine = Pulp()
    assert (engine.solve(program).x == costs).all()
    other = LinearProgram.build(costs[::-1], np.eye(30) * 2.0, costs * 3.0, np.inf)
    solution = engine.solve(other)
    assert solution.stats.reused
    assert solution.x == pytest.approx(costs * 1.5)
    assert certify(other, solution.x, solution.row_dual).within(1e-9)


def test_ranged_rows_are_two_constraints_and_one_dual():
    engine = Pulp()
    for cost, low, high in ((1.0, 2.0, 5.0), (-1.0, 2.0, 5.0), (-1.0, 1.0, 7.0), (1.0, 0.5, 7.0)):
        program = LinearProgram.build([cost], [[2.0]], low, high)
        solution = engine.solve(program)
        assert solution.x[0] == pytest.approx((low if cost > 0 else high) / 2.0)
        assert solution.row_dual[0] == pytest.approx(cost / 2.0)
    assert solution.stats.reused


def test_a_row_that_becomes_an_equality_means_a_fresh_problem():
    engine = Pulp()
    engine.solve(LinearProgram.build([1.0], [[1.0]], 1.0, 2.0))
    solution = engine.solve(LinearProgram.build([1.0], [[1.0]], 2.0, 2.0))
    assert not solution.stats.reused
    assert solution.stats.detail == "a row changed its sense"
    assert solution.x[0] == pytest.approx(2.0)


def test_a_time_limit_is_not_an_optimum():
    """PuLP's own status for it is "Optimal"."""
    program = lower(next(programs(500, 1, merge=False)))
    engine = Pulp()
    engine.solve(program)
    engine._persistent.solver.clearSolver()
    other = lower(next(programs(500, 1, merge=False)))
    solution = engine.solve(other, Options(time_limit=2e-3 + _translation(other)))
    assert solution.status is Status.TIME_LIMIT
    assert solution.x is None


def test_the_time_limit_is_for_one_program():
    engine = Pulp()
    first, second = (lower(p) for p in programs(300, 2, merge=False))
    engine.solve(first)
    solver = engine._persistent.solver
    spent = solver.getRunTime()
    while spent < 0.6:
        solver.setBasis()
        engine.solve(first)
        spent = solver.getRunTime()
    solver.setBasis()
    solution = engine.solve(second, Options(time_limit=0.5))
    assert solution.stats.reused
    assert solution.status is Status.OPTIMAL


def _translation(program):
    engine = Pulp()
    engine.solve(program)
    return min(engine.solve(program).stats.translate for _ in range(5))
