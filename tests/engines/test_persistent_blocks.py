"""Engines that keep a model with a slot for every group answer as if they had just been made."""

from dataclasses import replace

import numpy as np
import pytest
from installed import KEEPERS, make
from streams import programs

from gavel_opt.engines.persistent_blocks import BlockModel
from gavel_opt.engines.protocol import Options
from gavel_opt.errors import InputError
from gavel_opt.model.certificate import certify
from gavel_opt.model.lowering import lower
from gavel_opt.model.solution import Status


def variants(merge):
    """Levels, then rewards, then both with floors, then the whole cluster with other workers."""
    draws = np.random.default_rng(2)
    worth = draws.random((400, 3))
    for place, program in enumerate(programs(120 if merge else 60, 32, merge, seed=4)):
        blocks, size = program.blocks, program.blocks.groups
        stage = place // 8
        if stage == 1:
            reward = worth[blocks.key % 400]
            none = np.full(size, -np.inf)
            program = replace(program, slope=np.zeros(size), floor=none, reward=reward)
        elif stage == 2:
            asked = blocks.key % 3 == 0
            program = replace(
                program,
                slope=np.where(asked, 0.0, 1.0 + 0.01 * place),
                floor=np.where(asked, np.where(blocks.key % 2 == 0, 0.01, -np.inf), 0.0),
                reward=worth[blocks.key % 400] * 1e-2,
            )
        elif stage == 3:
            program = replace(program, blocks=replace(blocks, workers=blocks.workers + place % 3))
        yield program


@pytest.mark.parametrize("merge", [True, False], ids=["groups", "jobs"])
@pytest.mark.parametrize("name", KEEPERS)
def test_a_stream_of_blocks(name, merge):
    engine, exact = make(name), make("highs")
    reused = 0
    small = lower(next(programs(20, 1, merge=False)))
    for place, program in enumerate(variants(merge)):
        solution, answer = engine.solve_blocks(program)
        general = lower(program)
        expected = exact.solve(general)
        assert solution.status is Status.OPTIMAL
        assert answer.objective == pytest.approx(expected.objective, rel=1e-9)
        assert solution.certificate.within(1e-9)
        reused += solution.stats.reused
        flat = answer.x.ravel(order="F")
        if program.has_level:
            flat = np.concatenate([[answer.level], flat])
        assert general.objective(flat) == pytest.approx(answer.objective, rel=1e-12)
        time = -np.minimum(_time_dual(program, answer), 0.0)
        row_dual = np.concatenate([-answer.level_dual[_asked(program)], answer.capacity_dual, time])
        assert certify(general, flat, row_dual).within(1e-8)
        if place == 13:  # a general program in between
            assert engine.solve(small).objective == pytest.approx(exact.solve(small).objective)
    assert reused >= 20


def _asked(program):
    return (program.slope > 0.0) | (program.floor > -np.inf)


def _time_dual(program, answer):
    """The cheapest prices of time that the other prices allow, negative."""
    blocks = program.blocks
    cost = blocks.use[:, None] * answer.capacity_dual - answer.level_dual[:, None] * blocks.rate
    if program.reward is not None:
        cost = cost - program.reward * blocks.count[:, None]
    return cost.min(axis=1)


@pytest.mark.parametrize("name", KEEPERS)
def test_after_blocks_without_an_answer(name):
    engine = make(name)
    first, second = programs(40, 2, merge=True)
    size = first.blocks.groups
    expected = make("highs").solve(lower(first)).objective
    impossible = replace(first, slope=np.zeros(size), floor=np.full(size, 1e3))
    for _ in range(2):
        assert engine.solve_blocks(first)[1].objective == pytest.approx(expected, rel=1e-9)
        solution, answer = engine.solve_blocks(impossible)
        assert solution.status is Status.INFEASIBLE
        assert answer is None
    engine.solve_blocks(first)
    assert engine.solve_blocks(second, Options(time_limit=0.0))[0].status is Status.TIME_LIMIT
    assert engine.solve(lower(first)).objective == pytest.approx(expected, rel=1e-9)
    assert engine.solve(lower(first)).objective == pytest.approx(expected, rel=1e-9)
    assert engine.solve_blocks(first)[1].objective == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", KEEPERS)
def test_without_keys_places_are_keys(name):
    engine, exact = make(name), make("highs")
    for program in programs(30, 6, merge=False):
        program = replace(program, blocks=replace(program.blocks, key=None))
        _, answer = engine.solve_blocks(program)
        expected = exact.solve(lower(program)).objective
        assert answer.objective == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", KEEPERS)
def test_pairs_and_finish_times_are_refused(name):
    program = next(programs(5, 1, merge=False))
    paired = replace(program, blocks=replace(program.blocks, pairs=object()))
    with pytest.raises(InputError, match="without pairs"):
        make(name).solve_blocks(paired)


def test_the_table_follows_the_program():
    """After every update the whole model is the one that a fresh table would give, slots aside."""
    model = None
    kept = 0
    for program in variants(merge=True):
        if model is None or model.update(program, most=10_000) is None:
            model = BlockModel.of(program, spare=4)
        else:
            kept += 1
        general, expected = model.general(), lower(program)
        slots, types, level = model.slots, model.types, int(program.has_level)
        at, every = model.at, np.arange(types)[:, None]
        columns = np.concatenate([np.arange(level), (level + every * slots + at).ravel()])
        rows = np.concatenate([at[_asked(program)], slots + np.arange(types), slots + types + at])
        assert (general.a[rows][:, columns].toarray() == expected.a.toarray()).all()
        assert (general.c[columns] == expected.c).all()
        assert (general.row_lower[rows] == expected.row_lower).all()
        assert (general.row_upper[rows] == expected.row_upper).all()
        off = np.ones(general.c.size, dtype=bool)
        off[columns] = False
        assert not general.col_upper[off].any()
        others = np.ones(slots, dtype=bool)
        others[at[_asked(program)]] = False
        assert np.isneginf(general.row_lower[:slots][others]).all()
    assert kept >= 24


def test_changes_are_all_that_changed():
    """Applied to the model before, they give the model after."""
    stream = variants(merge=False)
    model = BlockModel.of(next(stream), spare=6)
    compared = 0
    for program in stream:
        before = model.general()
        changes = model.update(program, most=10_000)
        if changes is None:
            model = BlockModel.of(program, spare=6)
            continue
        after, matrix = model.general(), before.a.toarray()
        c, upper = before.c.copy(), before.col_upper.copy()
        low, high = before.row_lower.copy(), before.row_upper.copy()
        for i, j, value in changes.entries:
            matrix[i, j] = value
        for j, cost in changes.costs:
            c[j] = cost
        for j, bound in changes.uppers:
            upper[j] = bound
        for i, least, most in changes.rows:
            low[i], high[i] = least, most
        assert (matrix == after.a.toarray()).all()
        assert (c == after.c).all()
        assert (upper == after.col_upper).all()
        assert (low == after.row_lower).all()
        assert (high == after.row_upper).all()
        compared += 1
    assert compared >= 20


def test_many_changes_go_in_as_a_whole():
    engine = make("highs")
    first, second = programs(200, 2, merge=False, most_changes=1)
    engine.solve_blocks(first)
    other = replace(second, slope=np.linspace(0.5, 1.5, second.blocks.groups))
    solution, answer = engine.solve_blocks(other)
    assert solution.stats.reused
    assert answer.objective == pytest.approx(make("highs").solve(lower(other)).objective, rel=1e-10)
