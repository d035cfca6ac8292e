"""Packed water filling of many different jobs: the stops that no worker has a part in first, then one program of the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_levels_in_order import NAME, all_different

from bench.packed import states
from gavel_opt import Driver, ThroughputTable, make_policy
from gavel_opt.kernels.jit import compiling_at_once
from gavel_opt.policies.max_min import fairness_program
from gavel_opt.policies.variants import group_by_key, in_own_order
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram
from gavel_opt.solver.levels_by_parts import own_limits_first, who_rises
from gavel_opt.solver.levels_by_parts.own_limits_first import LevelsMemory
from gavel_opt.solver.levels_by_parts.path_of_levels import PathOfLevels
from gavel_opt.solver.water_filling_pairs import ordered_levels


@pytest.fixture
def of_few(monkeypatch):
    """Where few groups are asked so, too; how often the path was gone on."""
    monkeypatch.setattr(own_limits_first, "FROM", 2)
    gone_on, whole = [], PathOfLevels.go_on

    def noted(path, passed, joined):
        found = whole(path, passed, joined)
        gone_on.append(found is not None)
        return found

    monkeypatch.setattr(PathOfLevels, "go_on", noted)
    return gone_on


def program_of(state):
    """As the policy has it."""
    groups, alike = group_by_key(state, "packed", True), np.zeros(state.job.size, dtype=np.int64)
    groups = in_own_order(state, groups, state.scale_factor, state.weight, alike, alike)
    return fairness_program(state, groups, "packed", True)


def of(state, jobs):
    """Some jobs of a state."""
    jobs = np.asarray(jobs)
    names = ("job", "key", "scale_factor", "weight", "steps_left", "age", "deadline")
    own = {name: getattr(state, name) for name in names}
    return replace(
        state, **{name: None if own[name] is None else own[name][jobs] for name in names}
    )


def same(one, other) -> bool:
    """Whether levels and basis are the same to the bit."""
    parts = ("alone", "pair", "surplus", "time", "workers")
    return bool(
        (one[0] == other[0]).all()
        and all((getattr(one[1], part) == getattr(other[1], part)).all() for part in parts)
    )


@pytest.mark.parametrize("load", [0.5, 0.6, 0.7, 0.85])
@pytest.mark.parametrize(("seed", "jobs"), [(1, 50), (2, 64), (3, 90)])
def test_levels_are_those_of_the_whole_path(seed, jobs, load, of_few, monkeypatch):
    program = program_of(all_different(seed, jobs, load))
    level, _ = ordered_levels(program)
    assert of_few == [True]
    monkeypatch.setattr(own_limits_first, "FROM", 10**9)
    assert level == pytest.approx(ordered_levels(program)[0], rel=1e-11)


@pytest.mark.parametrize("load", [0.5, 0.6, 0.75])
def test_the_answer_does_not_depend_on_where_it_is_looked_for(load, of_few, monkeypatch):
    """From the whole path, from the last state, in which a job was not there yet, or from anywhere."""
    state, warm = all_different(4, 70, load), LevelsMemory()
    before = of(state, np.delete(np.arange(70), [20]))
    ordered_levels(program_of(before), None, warm)
    program, level, whole = program_of(state), warm.level, PathOfLevels.stops
    assert level > 0.0
    fresh = ordered_levels(program)
    asked = []
    monkeypatch.setattr(
        PathOfLevels, "stops", lambda path, most: asked.append(most) or whole(path, most)
    )
    assert same(ordered_levels(program, None, warm), fresh)
    assert not asked
    for wrong in (0.3, 0.9, 0.99, 1.01, 1.1, 5.0):
        warm.level = wrong * level
        assert same(ordered_levels(program, None, warm), fresh)
    assert all(of_few)


def test_drivers_give_the_same_bits_warm_and_fresh(of_few):
    state = all_different(6, 80, 0.6)
    driver = Driver(make_policy(NAME), "structured")
    for jobs in (range(77), range(3, 80), range(1, 78)):
        part = of(state, list(jobs))
        warm = driver.allocate(part)
        fresh = Driver(make_policy(NAME), "structured").allocate(part)
        assert (warm.x == fresh.x).all()
        assert (warm.pair_x == fresh.pair_x).all()
    assert len(of_few) == 6


def test_engines_agree(of_few):
    state = all_different(4, 60, 0.7)
    one, other = (
        Driver(make_policy(NAME), engine).allocate(state) for engine in ("structured", "highs")
    )
    assert (one.x == other.x).all()
    assert (one.pair_x == other.pair_x).all()


def test_a_basis_that_is_none_is_not_gone_on_from(of_few, monkeypatch):
    """Then the whole path's answer is the answer."""
    program = program_of(all_different(2, 64, 0.6))
    right = ordered_levels(program)[0]
    joined = who_rises.joined

    def astray(*task):
        there = joined(*task)
        there.basic[-1] = there.basic[-2]
        return there

    monkeypatch.setattr(own_limits_first, "joined", astray)
    assert ordered_levels(program)[0] == pytest.approx(right, rel=1e-11)
    assert of_few == [True, False]


RIGHT = [1.2473533419, 1.4219152762, 1.5354913298, 1.5354913298]


def with_pairs(state, change):
    """The same with other speeds in pairs."""
    table = state.throughputs
    paired = change(table.alone, table.paired.copy())
    return replace(state, throughputs=ThroughputTable(table.alone, paired, table.reference))


def slower(alone, paired):
    """Nobody is faster beside another than alone."""
    beside = np.stack(np.broadcast_arrays(alone[:, None], alone[None]), axis=2)
    return np.minimum(paired, 0.9 * beside)


def as_fast(alone, paired):
    """Every third is as fast beside every second as alone, to the bit."""
    paired[::3, ::2, 0] = alone[::3, None]
    paired[::2, ::3, 1] = alone[None, ::3]
    return paired


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("change", [slower, as_fast], ids=["slower", "as fast"])
def test_pairs_that_make_nobody_faster(change, seed, of_few, monkeypatch):
    """No such pair was an IndexError; who has stopped and can share at no loss is in no program of those who rise."""
    state = with_pairs(all_different(seed, 50, 0.55 + 0.02 * seed), change)
    program = program_of(state)
    level, basis = ordered_levels(program)
    for wrong in (0.8, 0.95, 1.05):
        warm = LevelsMemory()
        warm.keep(program.blocks, wrong * float(np.median(level)))
        found = ordered_levels(program, None, warm)
        assert same(found, (level, basis))
    with monkeypatch.context() as patch:
        patch.setattr(own_limits_first, "FROM", 10**9)
        assert level == pytest.approx(ordered_levels(program)[0], rel=1e-9)


def test_where_none_of_those_who_rise_can_share_the_last_basis_is_no_start():
    """They had pairs in the last program: looking for these among none was an IndexError."""
    program = program_of(all_different(2, 30, 0.6))
    scaled = ScaledProgram.of(program).with_pairs(np.empty(0, dtype=np.int64))
    assert (scaled.pair_numbers(np.array([[0, 1], [2, 5]])) == -1).all()


def test_nobody_stops_for_prices_at_which_something_still_pays(monkeypatch):
    """A level ended 1e-11 below where it stops, and others had prices there: those in place 235 had 1.42005, the last 1.53414."""
    whole, draws, jobs, new = (
        next(states("distinct", 1120)),
        np.random.default_rng(2),
        np.arange(700),
        700,
    )
    workers = np.full(3, round(0.6 * int(whole.scale_factor[:700].sum()) / 3))
    for _ in range(3):
        gone = draws.choice(700, 140, replace=False)
        jobs = np.concatenate([np.delete(jobs, gone), np.arange(new, new + 140)])
        new += 140
    program = program_of(of(replace(whole, workers=workers), jobs))
    for groups in (2, 10**9):
        monkeypatch.setattr(own_limits_first, "FROM", groups)
        with compiling_at_once():
            level = np.sort(ordered_levels(program)[0])
        assert level[[0, 235, 400, 699]] == pytest.approx(RIGHT, rel=1e-8)


def with_a_chain(seed: int):
    """Each of four jobs is a little faster beside the next, which loses half: prices fall to a 500th, and to next to nothing at a fifth that can do more."""
    draws, others = np.random.default_rng(seed), 60
    jobs = others + 5
    beside = np.zeros((jobs, jobs, 1))
    beside[5:, 5:, 0] = draws.uniform(0.5, 0.8, (others, others))
    for one in range(4):
        beside[one, one + 1], beside[one + 1, one] = 1.001, 0.5
    beside[4, 5], beside[5, 4] = 1.2, 0.6
    weight = np.concatenate(
        [[1.0], np.full(3, 1.0 / 1.0002), [1.0], draws.uniform(0.4, 0.8, others)]
    )
    paired = np.stack([beside, beside.transpose(1, 0, 2)], axis=2)
    return replace(
        all_different(seed, jobs, 0.6),
        worker_types=("v100",),
        workers=np.array([32]),
        throughputs=ThroughputTable(np.ones((jobs, 1)), paired, 0),
        scale_factor=np.ones(jobs, dtype=np.int64),
        weight=weight,
    )


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_who_has_stopped_at_prices_that_end_in_nothing_is_gone_on_from(seed, of_few, monkeypatch):
    """What they do is not final: the fifth rises, and takes from those before; the whole path was asked each time."""
    state, warm = with_a_chain(seed), LevelsMemory()
    program = program_of(state)
    ordered_levels(program_of(of(state, range(64))), None, warm)
    level, basis = ordered_levels(program)
    with monkeypatch.context() as patch:
        patch.setattr(PathOfLevels, "stops", None)
        assert same(ordered_levels(program, None, warm), (level, basis))
    assert of_few == [True, True, True]
    with monkeypatch.context() as patch:
        patch.setattr(own_limits_first, "FROM", 10**9)
        assert level == pytest.approx(ordered_levels(program)[0], rel=1e-11)


def test_where_it_was_refused_is_not_looked_at_again(of_few, monkeypatch):
    """Once with the last state's basis was followed by once with the whole path's, and by the same answer."""
    state, warm = all_different(4, 70, 0.6), LevelsMemory()
    ordered_levels(program_of(of(state, range(69))), None, warm)
    whole, raised, looked = own_limits_first.raise_them, [], PathOfLevels.stops
    monkeypatch.setattr(own_limits_first, "joined", lambda *task: None)
    monkeypatch.setattr(
        own_limits_first, "raise_them", lambda *task: raised.append("look") or whole(*task)
    )
    monkeypatch.setattr(
        PathOfLevels, "stops", lambda path, most: raised.append("whole") or looked(path, most)
    )
    program = program_of(state)
    found = ordered_levels(program, None, warm)
    assert raised == ["look", "whole"]
    assert same(found, ordered_levels(program))
