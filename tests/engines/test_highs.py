"""What HiGHS was seen to do, and what the adapter does about it."""

import subprocess
import sys

import numpy as np
import pytest
from noise import without_progress
from streams import programs

from gavel_opt.engines import highs
from gavel_opt.engines.protocol import Options
from gavel_opt.engines.registry import make_engine
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.lowering import lower
from gavel_opt.model.solution import Status


def large():
    return lower(next(programs(700, 1, merge=False)))


def small():
    return lower(next(programs(20, 1, merge=False)))


def test_the_time_limit_is_for_one_program_not_for_the_life_of_the_solver():
    engine = highs.Highs()
    program = small()
    while engine._solver.getRunTime() < 0.5:
        engine._persistent = None
        engine.solve(large())
    assert engine.solve(program, Options(time_limit=0.25)).status is Status.OPTIMAL


def test_no_answer_when_the_time_is_up_and_one_afterwards():
    engine = highs.Highs()
    program = large()
    for limit in (0.0, 1e-3):
        solution = engine.solve(program, Options(time_limit=limit))
        assert solution.status is Status.TIME_LIMIT
        assert solution.x is None
        assert np.isnan(solution.objective)
    assert engine.solve(program).status is Status.OPTIMAL


def test_large_programs_start_with_the_interior_point_and_agree_with_the_simplex(monkeypatch):
    program = large()
    by_interior_point = highs.Highs().solve(program)
    assert "interior point" in by_interior_point.stats.detail
    monkeypatch.setattr(highs, "_SMALL", 10**9)
    by_simplex = highs.Highs().solve(program)
    assert by_simplex.stats.detail.startswith("primal simplex")
    assert by_interior_point.objective == pytest.approx(by_simplex.objective, rel=1e-11)


@pytest.mark.parametrize("word", [Status.NUMERICAL_ERROR, Status.INFEASIBLE, Status.UNBOUNDED])
def test_a_hot_start_that_ends_badly_is_repeated_cold(monkeypatch, word):
    engine = highs.Highs()
    first, second = (lower(p) for p in programs(60, 2, merge=False))
    engine.solve(first)
    run_once = engine._run_once
    ways = []

    def run(way, options, deadline):
        ways.append(way.name)
        return word if way.name.startswith("hot") else run_once(way, options, deadline)

    monkeypatch.setattr(engine, "_run_once", run)
    solution = engine.solve(second)
    assert solution.status is Status.OPTIMAL
    assert solution.objective == pytest.approx(highs.Highs().solve(second).objective, rel=1e-10)
    assert ways[0].startswith("hot")
    assert not ways[1].startswith("hot")


def test_an_inaccurate_optimum_is_tried_again(monkeypatch):
    engine = highs.Highs()
    answers = iter([False, True])
    monkeypatch.setattr(engine, "_is_accurate", lambda options: next(answers))
    assert engine.solve(small()).stats.detail.startswith("dual simplex")


def test_releases_that_change_row_bounds_one_by_one():
    program = small()
    other = LinearProgram.build(
        program.c,
        program.a,
        program.row_lower,
        program.row_upper * 0.5,
        program.col_lower,
        maximize=True,
    )
    plain = LinearProgram.build(
        program.c, program.a, program.row_lower, program.row_upper, program.col_lower, maximize=True
    )
    engine = highs.Highs()
    engine._solver.changeRowsBounds = None
    engine.solve(plain)
    solution = engine.solve(other)
    assert solution.stats.reused
    assert solution.objective == pytest.approx(highs.Highs().solve(other).objective, rel=1e-12)


def test_small_coefficients_are_not_dropped():
    """HiGHS drops what is below 1e-9 unless told otherwise."""
    program = LinearProgram.build([1.0], [[1e-10]], 1e-10, np.inf)
    assert highs.Highs().solve(program).objective == pytest.approx(1.0)


def test_another_number_of_threads_in_one_process():
    program = small()
    objectives = {
        highs.Highs().solve(program, Options(threads=threads)).objective for threads in (1, 2, 1)
    }
    assert len(objectives) == 1


def test_the_same_program_gives_the_same_bits():
    program = large()
    first, second = highs.Highs().solve(program), highs.Highs().solve(program)
    assert (first.x == second.x).all()
    assert (first.row_dual == second.row_dual).all()


@pytest.mark.parametrize("name", ["highs", "pulp"])
def test_nothing_is_printed(name):
    """The solver has a banner; standard output belongs to ``--json``."""
    pytest.importorskip("pulp")
    code = (
        "from gavel_opt.engines.registry import make_engine; from gavel_opt.model.linear_program import LinearProgram;"
        f"e = make_engine({name!r}); p = LinearProgram.build([1.0], [[1.0]], 2.0, 3.0);"
        "assert e.solve(p).objective == 2.0; e.version()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert without_progress(done.stderr) == ""


def test_a_model_that_highs_refuses_is_an_outcome():
    program = LinearProgram.build([1.0], [[1e20]], 1.0, np.inf)
    assert make_engine("highs").solve(program).status is Status.NUMERICAL_ERROR
