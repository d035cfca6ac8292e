"""Bases from before give the next program's optimum, or nothing at all."""

from dataclasses import replace

import numpy as np
import pytest
from streams import programs

from gavel_opt.engines.last_basis import LastBases, keys_of
from gavel_opt.engines.protocol import Options
from gavel_opt.engines.registry import make_engine
from gavel_opt.engines.vertex import basis_of, marks_of, vertex
from gavel_opt.model.answers import tables
from gavel_opt.model.lowering import lower
from gavel_opt.model.solution import Status


def with_rewards(program, seed):
    """No level; the first third of the groups must reach a floor. No number of jobs fills a type."""
    blocks, size = program.blocks, program.blocks.groups
    blocks = replace(blocks, workers=blocks.workers + np.array([0.37, 0.61, 0.83]))
    worth = np.random.default_rng(seed).random((size, program.blocks.types))
    floor = np.where(np.arange(size) < size // 3, 0.01, -np.inf)
    return replace(program, blocks=blocks, slope=np.zeros(size), floor=floor, reward=worth)


def with_fixed_levels(program):
    """As water filling has it: some levels stay, the others rise from where they are."""
    size = program.blocks.groups
    fixed = np.arange(size) % 3 == 0
    return replace(program, slope=np.where(fixed, 0.0, 1.0), floor=np.where(fixed, 0.02, 0.005))


def roomy(program):
    """A worker for everybody: time is what limits jobs."""
    blocks = program.blocks
    return replace(program, blocks=replace(blocks, workers=blocks.workers * 20.0))


VARIANTS = {
    "levels": lambda program, seed: program,
    "rewards": with_rewards,
    "fixed levels": lambda program, seed: with_fixed_levels(program),
    "time": lambda program, seed: roomy(program),
    "time and rewards": lambda program, seed: roomy(with_rewards(program, seed)),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_vertex_of_an_optimal_basis_is_the_optimum(name):
    found = 0
    for seed, program in enumerate(programs(60, 12, merge=True, seed=3)):
        program = VARIANTS[name](program, seed)
        _, answer = make_engine("highs").solve_blocks(program)
        given = tables(program)
        mark, full = basis_of(*given, np.ascontiguousarray(answer.x), answer.level)
        x, level_dual, price, proof = vertex(*given, mark, full)
        if not np.isfinite(proof[2]):
            continue  # more limits are tight than make a vertex
        found += 1
        assert max(proof[2:]) < 1e-12
        assert proof[1] == pytest.approx(answer.objective, rel=1e-11)
        np.testing.assert_allclose(x, answer.x, atol=1e-9)
        np.testing.assert_allclose(level_dual, answer.level_dual, atol=1e-9)
        np.testing.assert_allclose(price, answer.capacity_dual, atol=1e-9)
    assert found >= 9


@pytest.mark.parametrize("name", ["highs", "ortools", "pulp"])
def test_most_rounds_need_no_solver(name, monkeypatch):
    engine = make_engine(name)
    asked = []
    solve = type(engine)._solve_changed
    monkeypatch.setattr(
        type(engine), "_solve_changed", lambda *args: asked.append(1) or solve(*args)
    )
    rounds = 40
    for program in programs(400, rounds, merge=True, seed=1):
        solution, answer = engine.solve_blocks(program)
        assert solution.status is Status.OPTIMAL
        assert solution.certificate.within(1e-11)
        expected = make_engine("highs").solve(lower(program)).objective
        assert answer.objective == pytest.approx(expected, rel=1e-11)
    assert len(asked) < rounds // 3


def test_a_wrong_basis_is_no_answer():
    """Whatever else changed: an answer is optimal, or there is none."""
    draws = np.random.default_rng(0)
    first = next(programs(50, 1, merge=True))
    _, answer = make_engine("highs").solve_blocks(first)
    answered = 0
    for spread in np.repeat([0.001, 0.02, 0.1, 0.5, 2.0], 10):
        known = LastBases()
        known.remember(keys_of(first), tables(first), answer)
        blocks = first.blocks
        other = replace(
            first,
            blocks=replace(
                blocks,
                rate=blocks.rate * draws.uniform(1.0, 1.0 + spread, blocks.rate.shape),
                workers=blocks.workers * draws.uniform(1.0, 1.0 + spread, blocks.types),
            ),
        )
        found, certificate = known.answer(keys_of(other), tables(other))
        if found is not None:
            answered += 1
            assert certificate.within(1e-12)
            expected = make_engine("highs").solve(lower(other)).objective
            assert found.objective == pytest.approx(expected, rel=1e-11)
    assert 3 <= answered <= 40


def test_groups_keep_their_marks_by_key():
    program = next(programs(60, 1, merge=True))
    _, answer = make_engine("highs").solve_blocks(program)
    given = tables(program)
    mark, _ = basis_of(*given, np.ascontiguousarray(answer.x), answer.level)
    order = np.random.default_rng(1).permutation(mark.size)
    keys = np.arange(mark.size) + 7
    rate, use, _, _, floor, _ = given
    price = np.median(rate, axis=0)
    turned = marks_of(keys, mark, price, keys[order], rate[order], use[order], floor)
    assert (turned == mark[order]).all()
    # groups that nobody knows get the type that is cheapest for them, and their level rows are tight
    new = keys.copy()
    new[2:7] += 1000
    guessed = marks_of(keys, mark, price, new, rate, use, floor)
    with np.errstate(divide="ignore"):
        cheapest = (price * use[:, None] / rate).argmin(axis=1)[2:7]
    assert np.unique(cheapest).size > 1
    assert (guessed[2:7] == 1 << cheapest | 1 << program.blocks.types).all()
    assert (np.delete(guessed, range(2, 7)) == np.delete(mark, range(2, 7))).all()
    assert marks_of(keys, mark, price, keys + 500, rate, use, floor).size == 0


def test_an_earlier_basis_is_found_again():
    program = next(programs(60, 1, merge=True))
    few = replace(
        program, blocks=replace(program.blocks, workers=program.blocks.workers * [1.0, 2.0, 0.3])
    )
    engine = make_engine("highs")
    for case in (program, few):
        engine.solve_blocks(case)
    for case in (program, few, program):
        assert engine.solve_blocks(case)[0].stats.detail == "a basis from before"


def test_what_never_helps_is_not_tried_for_long(monkeypatch):
    import gavel_opt.engines.vertex as compiled

    tried = []
    monkeypatch.setattr(compiled, "vertex", lambda *args: tried.append(1) or vertex(*args))
    program = next(programs(40, 1, merge=True))
    known, (keys, given) = LastBases(), (keys_of(program), tables(program))
    _, answer = make_engine("highs").solve_blocks(program)
    wrong = replace(answer, x=np.zeros_like(answer.x))
    for _ in range(100):
        assert known.answer(keys, given) == (None, None)
        known.remember(keys, given, wrong)
    assert len(tried) < 60


def test_no_time_no_answer():
    program = next(programs(40, 1, merge=True))
    engine = make_engine("highs")
    engine.solve_blocks(program)
    solution, answer = engine.solve_blocks(program, Options(time_limit=0.0))
    assert solution.status is Status.TIME_LIMIT
    assert answer is None


def test_more_worker_types_than_it_takes():
    program = next(programs(30, 1, merge=True))
    blocks = program.blocks
    wide = replace(
        program,
        blocks=replace(
            blocks, rate=np.tile(blocks.rate, (1, 5)), workers=np.tile(blocks.workers / 5.0, 5)
        ),
    )
    engine = make_engine("highs")
    expected = make_engine("highs").solve(lower(wide)).objective
    for _ in range(2):
        _, answer = engine.solve_blocks(wide)
        assert answer.objective == pytest.approx(expected, rel=1e-10)
    # uncompiled, since compiled code does not look at the bounds of arrays
    nothing = vertex.py_func(*tables(wide), np.ones(wide.blocks.groups, np.int64), (1 << 15) - 1)
    assert np.isinf(nothing[3][2])
