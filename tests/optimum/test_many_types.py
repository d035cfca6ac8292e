"""Programs of one level with dozens of worker types: the interior point's optimum, the same bits warm and fresh."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from programs import max_min, slack
from threadpoolctl import threadpool_limits

from gavel_opt.model.allocation_program import Blocks, FinishTimeProgram
from gavel_opt.solver import optimum as module
from gavel_opt.solver.many_types import method
from gavel_opt.solver.many_types.face import optimum_at_cap
from gavel_opt.solver.many_types.path import Level
from gavel_opt.solver.memory import Memory
from gavel_opt.solver.optimum import optimum
from gavel_opt.solver.prices.shortcuts import NONE
from gavel_opt.solver.settings import FEW_GROUPS, MANY_TYPES

TYPES = MANY_TYPES + 18
GROUPS = FEW_GROUPS * TYPES + 14


def program(seed, kind, jobs_for_each_worker):
    """Jobs that run alike but for a factor, equally fast on all types, or all different."""
    rng = np.random.default_rng(seed)
    kinds = {"alike": 5, "plain": 1, "different": GROUPS}[kind]
    rate = rng.uniform(0.2, 3.0, (kinds, TYPES))[rng.integers(0, kinds, GROUPS)]
    if kind == "different":
        rate = rng.uniform(0.2, 3.0, (GROUPS, TYPES))
    if kind == "plain":
        rate = np.ones((GROUPS, TYPES))
    rate = rate * rng.uniform(0.5, 2.0, GROUPS)[:, None]
    use = rng.integers(1, 3, GROUPS).astype(float)
    each = use.sum() / jobs_for_each_worker / TYPES
    workers = np.ceil(rng.uniform(0.7, 1.3, TYPES) * each)
    blocks = Blocks(rate, use, np.ones(GROUPS, np.int64), workers)
    return replace(max_min(seed, GROUPS, TYPES), blocks=blocks)


CASES = [(kind, many) for kind in ("alike", "plain", "different") for many in (0.4, 1.1, 1.5, 4.0)]


@pytest.fixture
def answers(monkeypatch):
    """Whether each program was solved by the method, which all kinds are for here."""
    monkeypatch.setattr(method, "VERY_MANY", 0)
    seen = []

    def noted(*given):
        seen.append(solve_level(*given))
        return seen[-1]

    solve_level = method.solve_level
    monkeypatch.setattr(method, "solve_level", noted)
    return seen


def warm_and_fresh(task, memory):
    """The certified optimum, to the bit from the prices of another program, from its own, and from none."""
    again = [optimum(task, "canonical", memory)[0].x.tobytes() for _ in range(2)]
    answer, certificate, _ = optimum(task, "canonical")
    assert again == 2 * [answer.x.tobytes()]
    assert certificate.within(1e-10)
    assert slack(task, answer) > -1e-10
    return answer


@pytest.mark.parametrize(("kind", "many"), CASES)
def test_it_is_the_interior_points_optimum_warm_and_fresh(kind, many, answers, monkeypatch):
    memory = Memory()
    for seed in range(2):
        task = program(seed, kind, many)
        answer = warm_and_fresh(task, memory)
        with monkeypatch.context() as patch:
            patch.setattr(method, "by_columns", lambda given: False)
            patch.setattr(module, "solve_direct", lambda *_: NONE)
            path = optimum(task, "canonical")[0]
        assert answer.level == pytest.approx(path.level, rel=1e-10)
        np.testing.assert_allclose(answer.x, path.x, rtol=0, atol=1e-8)
    assert [solved for solved, _ in answers] == 6 * [True]
    assert {priced for _, priced in answers} <= {many > 1.0} or 1.0 < many < 2.0


@pytest.mark.parametrize("kind", ["alike", "different"])
def test_where_the_path_is_lost_the_bits_are_the_same(kind, answers, monkeypatch):
    """Another method finds the face then."""
    task = program(3, kind, 4.0)
    answer = optimum(task, "canonical")[0]
    monkeypatch.setattr(method.Point, "follow", lambda *_: (0, False))
    other = optimum(task, "canonical")[0]
    assert [solved for solved, _ in answers] == [True, False]
    assert other.x.tobytes() == answer.x.tobytes()
    assert other.level == answer.level


ODD = [
    ([[3, 0, 0, 0], [4, 0, 0, 1], [0, 2, 3, 1], [4, 1, 3, 2], [1, 0, 3, 2], [0, 3, 1, 1], [0, 3, 1, 3]], [1, 2, 2, 3]),
    ([[1, 4, 2, 0], [2, 3, 0, 2], [2, 3, 1, 2], [2, 3, 1, 1], [3, 0, 2, 2]], [1, 3, 3, 1]),
]  # fmt: skip


@pytest.mark.parametrize(("rate", "workers"), ODD)
@pytest.mark.filterwarnings("error")
def test_faces_that_are_none_are_left_without_a_word(rate, workers, answers, monkeypatch):
    """No workers are left for those who may mix, or no job has a price: numpy warned."""
    monkeypatch.setattr(module, "MANY_TYPES", 3)
    monkeypatch.setattr(module, "FEW_GROUPS", 1)
    rate = np.array(rate, dtype=float)
    one = np.ones(len(rate))
    blocks = Blocks(rate, one, one.astype(np.int64), np.array(workers, dtype=float))
    task = replace(max_min(0), blocks=blocks, slope=one, floor=0 * one)
    certificate = optimum(task, "canonical")[1]
    assert answers
    assert certificate.within(1e-10)


@pytest.mark.parametrize("apart", [1e6, 1e10, 1e14])
def test_levels_may_be_any_number_of_times_apart(apart, answers):
    """Jobs far above their level lost all but rounding of their shares, and the program went to another method."""
    task = program(0, "different", 0.4)
    far = np.arange(GROUPS) % 3 == 0
    rate = np.where(far[:, None], apart, 1.0) * task.blocks.rate
    task = replace(task, blocks=replace(task.blocks, rate=rate), floor=0 * task.floor)
    answer, certificate, _ = optimum(task, "canonical")
    assert answers == [(True, False)]
    assert certificate.within(1e-10)
    turned = replace(task.blocks, rate=rate[::-1], use=task.blocks.use[::-1])
    again = optimum(replace(task, blocks=turned, slope=task.slope[::-1]), "canonical")[0]
    np.testing.assert_allclose(again.x[::-1], answer.x, atol=1e-9)


def test_one_job_decides_and_workers_just_do():
    """Steps in prices alone come nowhere there: they gave up after 60, and steps in shares were not tried."""
    rng = np.random.default_rng(6)
    rate, one = rng.uniform(0.2, 3.0, (110, 48)), np.ones(110)
    need = 0.725 * rng.uniform(0.2, 1.0, 110) * rate.max(axis=1)
    need[0] = rate[0].max()
    rate /= need[:, None]
    program = Level(rate, one, one, np.ones(48), 0.0 * one, 1.0)
    with np.errstate(all="ignore"):
        best = optimum_at_cap(program, rate.max(axis=1))
    assert best is not None
    assert max(best.proof) < 1e-12


def test_all_may_decide_and_run_on_a_type_of_their_own(answers):
    """Nobody is left to be centred: that was an error of numpy's."""
    rng = np.random.default_rng(0)
    rate = rng.uniform(0.1, 0.5, (GROUPS, TYPES))
    own = np.arange(GROUPS) % TYPES
    rate[np.arange(GROUPS), own] = 1.0
    one = np.ones(GROUPS)
    blocks = Blocks(rate, one, one.astype(np.int64), np.full(TYPES, 4.0))
    answer, certificate, _ = optimum(
        replace(max_min(0), blocks=blocks, slope=one, floor=0 * one), "canonical"
    )
    assert answers == [(True, False)]
    assert certificate.within(1e-10)
    np.testing.assert_array_equal(answer.x, rate == 1.0)


@pytest.mark.parametrize("seed", range(3))
def test_next_time_few_types_of_each_job_are_looked_at(seed, monkeypatch):
    """Of jobs that run alike more types are tied than were looked at, so all were in the end."""
    types, groups, seen = 120, 260, []
    rng = np.random.default_rng(seed)
    kinds = rng.uniform(0.2, 3.0, (5, types))
    one, memory = np.ones(groups), Memory()

    def noted(program, at, *near):
        seen.append(at.shape[1])
        return point(program, at, *near)

    point = method.Point
    monkeypatch.setattr(method, "Point", noted)
    rate = kinds[rng.integers(0, 5, groups)] * rng.uniform(0.5, 2.0, groups)[:, None]
    for _ in range(3):
        blocks = Blocks(rate, one, one.astype(np.int64), np.ones(types))
        task = replace(max_min(0), blocks=blocks, slope=one, floor=0 * one)
        seen.clear()
        answer, certificate, _ = optimum(task, "canonical", memory)
        assert certificate.within(1e-10)
        rate = rate.copy()
        rate[:3] = kinds[rng.integers(0, 5, 3)] * rng.uniform(0.5, 2.0, 3)[:, None]
    assert seen
    assert max(seen) <= types // 2
    assert answer.x.tobytes() == optimum(task, "canonical")[0].x.tobytes()


def finish_times(seed, kind, many):
    """The same jobs, begun and of lengths of their own."""
    blocks = program(seed, kind, many).blocks
    rng = np.random.default_rng(seed)
    steps = blocks.rate.mean(axis=1) * rng.uniform(1e5, 1e6, GROUPS)
    isolated = steps / blocks.rate.mean(axis=1) * rng.uniform(2.0, 3.0, GROUPS)
    return FinishTimeProgram(blocks, rng.uniform(0, 1e4, GROUPS), steps, isolated)


@pytest.mark.parametrize("many", [0.4, 1.5, 4.0, 8.0])
@pytest.mark.parametrize("kind", ["alike", "different"])
def test_finish_times_are_the_tangents(kind, many, answers, monkeypatch):
    """The optimum of the methods of before, whose searches took 200 steps and more."""
    memory = Memory()
    for seed in range(2):
        task = finish_times(seed, kind, many)
        answer = warm_and_fresh(task, memory)
        with monkeypatch.context() as patch:
            patch.setattr(method, "by_columns", lambda given: False)
            before = optimum(task, "canonical")[0]
        assert answer.level == pytest.approx(before.level, rel=1e-11)
        np.testing.assert_allclose(answer.x, before.x, rtol=0, atol=1e-8)
        np.testing.assert_allclose(answer.level_dual, before.level_dual, rtol=1e-6, atol=1e-12)
    assert [solved for solved, _ in answers] == 6 * [True]


def test_finish_times_of_another_method_have_the_same_bits(answers, monkeypatch):
    task = finish_times(3, "different", 20.0)
    answer = optimum(task, "canonical")[0]
    monkeypatch.setattr(method.Point, "follow", lambda *_: (0, False))
    other = optimum(task, "canonical")[0]
    assert [solved for solved, _ in answers] == [True, False]
    assert other.x.tobytes() == answer.x.tobytes()
    assert other.level == answer.level


def test_how_many_threads_blas_has_is_not_told():
    """Sums over blocks have other last bits in two threads, which took five times the CPU."""
    rng = np.random.default_rng(0)
    blocks = Blocks(
        rng.uniform(0.7, 1.4, (420, 200)), np.ones(420), np.ones(420, np.int64), np.full(200, 1.0)
    )
    task = replace(max_min(0), blocks=blocks, slope=np.ones(420), floor=np.zeros(420))
    bits = set()
    for threads in (1, 2):
        with threadpool_limits(threads):
            bits.add(optimum(task, "canonical")[0].x.tobytes())
    assert len(bits) == 1


def test_few_types_load_no_linear_algebra_of_scipys():
    """It takes as long to load as half of this package."""
    code = "import sys, gavel_opt.solver.optimum, simulator.runs.runner; print('scipy.linalg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
