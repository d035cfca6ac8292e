"""The structured engine finds the optimum of every kind of program, and proves it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import KINDS, finish_time, highs, max_min, plain, slack, with_pairs

from gavel_opt import Options, Status
from gavel_opt.engines.structured import Structured
from gavel_opt.errors import InputError
from gavel_opt.model.allocation_program import FinishTimeProgram
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.solver.optimum import optimum
from gavel_opt.solver.total_worth import total_worth
from gavel_opt.tie_breaking import _by_simplex, choose

seeds = st.integers(0, 2**31)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=seeds)
def test_objective_is_that_of_highs_and_comes_with_a_proof(kind, seed):
    program = KINDS[kind](seed)
    answer, certificate, _ = optimum(program, "canonical")
    assert certificate.within(1e-10)
    assert answer.objective == pytest.approx(highs(program).objective, rel=1e-9)
    assert slack(program, answer) >= -1e-11


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=seeds, types=st.integers(1, 5))
def test_any_number_of_worker_types(seed, types):
    program = max_min(seed, types=types)
    answer, certificate, _ = optimum(program, "canonical")
    assert certificate.within(1e-10)
    assert answer.objective == pytest.approx(highs(program).objective, rel=1e-9)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=seeds)
def test_duals_bound_the_optimum(seed):
    """Weak duality, from the answer's duals and the program alone."""
    program = max_min(seed)
    blocks = program.blocks
    answer, _, _ = optimum(program, "canonical")
    assert answer.level_dual.min() >= 0.0
    assert answer.capacity_dual.min() >= 0.0
    assert answer.level_dual @ program.slope == pytest.approx(1.0, rel=1e-10)
    worth = answer.level_dual[:, None] * blocks.rate - blocks.use[:, None] * answer.capacity_dual
    bound = np.maximum(worth.max(axis=1), 0.0).sum() + blocks.workers @ answer.capacity_dual
    assert bound == pytest.approx(answer.level, rel=1e-9)


def test_zeros_are_exact():
    program = max_min(3, groups=20)
    answer, _, _ = optimum(program, "canonical")
    small = answer.x[answer.x < 1e-7]
    assert small.size
    assert (small == 0.0).all()


def test_an_infeasible_program_is_never_answered():
    program = max_min(5)
    floor = np.full(program.slope.size, 10.0 * program.blocks.rate.max())
    program = replace(program, slope=np.zeros_like(floor), floor=floor, reward=program.blocks.rate)
    solution, answer = Structured().solve_blocks(program)
    assert solution.status is Status.IMPRECISE
    assert answer is None


def test_numbers_that_are_none_are_never_answered():
    program = max_min(5)
    rate = program.blocks.rate.copy()
    rate[0, 0] = np.nan
    program = replace(program, blocks=replace(program.blocks, rate=rate))
    solution, answer = Structured().solve_blocks(program)
    assert answer is None
    assert not solution.certificate.within(1.0)


def test_a_general_program_is_refused_with_advice():
    with pytest.raises(InputError, match="highs"):
        Structured().solve(LinearProgram.build([1.0], [[1.0]], 0.0, 1.0))


@pytest.mark.parametrize("kind", KINDS)
def test_history_does_not_matter(kind):
    """The same program gives the same bits, whatever was solved before."""
    engine, options = Structured(), Options(tie_break="efficient")
    program = KINDS[kind](11)
    first = engine.solve_blocks(program, options)[1]
    for seed in range(3):
        engine.solve_blocks(KINDS[kind](seed), options)
        engine.solve_blocks(plain(seed), options)
    again = engine.solve_blocks(program, options)[1]
    fresh = Structured().solve_blocks(program, options)[1]
    for answer in (again, fresh):
        assert answer.x.tobytes() == first.x.tobytes()
        assert answer.level == first.level or np.isnan(first.level)
        assert answer.level_dual.tobytes() == first.level_dual.tobytes()


def test_read_only_and_strided_arrays_are_taken():
    program = max_min(7)
    rate = np.asfortranarray(program.blocks.rate)
    rate.flags.writeable = False
    same = replace(program, blocks=replace(program.blocks, rate=rate))
    expected = optimum(program, "canonical")[0]
    assert optimum(same, "canonical")[0].x.tobytes() == expected.x.tobytes()


def test_many_different_jobs():
    program = max_min(2, groups=1500)
    answer, certificate, _ = optimum(program, "canonical")
    assert certificate.within(1e-10)
    assert answer.objective == pytest.approx(highs(program).objective, rel=1e-8)


def test_finish_time_agrees_with_its_sequence_of_level_programs():
    for seed in range(20):
        program = finish_time(seed)
        answer, certificate, _ = optimum(program, "canonical")
        assert certificate.within(1e-10)
        assert answer.level == pytest.approx(highs(program).level, rel=1e-9)


def test_a_job_that_is_nearly_done_has_an_efficient_optimum():
    """Its floor is the difference of two times of days that are apart by a tenth of a second."""
    blocks = replace(
        max_min(0, groups=1).blocks,
        rate=np.array([[2.3005199880283542, 9.052989674171888, 11.396129065315943]]),
        use=np.ones(1),
        workers=np.full(3, 36.0),
    )
    age, steps, isolated = (
        np.array([one]) for one in (604062.5975719136, 0.4260970186442137, 591951.1243247691)
    )
    program = FinishTimeProgram(blocks, age, steps, isolated)
    chosen = choose(program, highs(program), "efficient")
    assert chosen.level == pytest.approx(
        (age[0] + steps[0] / blocks.rate.max()) / isolated[0], rel=1e-12
    )
    second = total_worth(program, chosen.level, 0.0)
    slower = np.array([[np.nextafter(blocks.rate.max(), 0.0)]])
    assert second.floor[0] <= slower[0, 0]
    # the simplex method alone finds one as well
    assert _by_simplex(program, "efficient").level == pytest.approx(chosen.level, rel=1e-12)


def test_pairs_raise_the_level():
    better = 0
    for seed in range(10):
        program = max_min(seed)
        alone = optimum(program, "canonical")[0].level
        packed = optimum(with_pairs(program, seed), "canonical")[0].level
        assert packed >= alone * (1.0 - 1e-11)
        better += packed > alone * (1.0 + 1e-6)
    assert better
