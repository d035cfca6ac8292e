"""Levels of jobs of few kinds, each of a weight of its own, found by programs over kinds: those of the path over groups, with shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.cliffs import later, typed
from gavel_opt import Driver, make_policy
from gavel_opt.kernels.jit import compiling_at_once
from gavel_opt.policies import water_filling
from gavel_opt.policies.max_min import fairness_program
from gavel_opt.policies.packing import kinds_of
from gavel_opt.policies.variants import group_by_key, in_own_order
from gavel_opt.solver import levels_of_kinds as of_kinds
from gavel_opt.solver import shares_of_pools
from gavel_opt.solver.column_generation.kinds_program import above, below, beyond
from gavel_opt.solver.levels_of_kinds import levels_of_kinds
from gavel_opt.solver.water_filling_pairs import ordered_levels

FILLING = "max_min_fairness_water_filling_packed"


def uneven(jobs: int, part: float):
    """Jobs of which some take two workers, and types of which there are more and fewer."""
    state, draws = typed(jobs, part), np.random.default_rng(jobs)
    scale = draws.choice([1, 1, 1, 2], jobs)
    workers = np.round(part * scale.sum() * np.array([0.5, 0.3, 0.2])).astype(np.int64)
    return replace(state, key=state.key % 6, scale_factor=scale, workers=workers)


def program_of(state):
    groups = group_by_key(state, "packed", True)
    groups = in_own_order(state, groups, state.scale_factor, state.weight)
    program = fairness_program(state, groups, "packed", True)
    return replace(program, blocks=replace(program.blocks, kind=kinds_of(state, groups.first)))


STATES = {
    "all at once": typed(256, 0.48),
    "some at their limits": typed(300, 0.75),
    "in stages": typed(400, 0.9),
    "beside itself": typed(350, 0.8),
    "several workers": uneven(500, 0.7),
}


@pytest.mark.parametrize("name", STATES)
def test_levels_are_those_of_the_path_over_groups(name):
    program = program_of(STATES[name])
    with compiling_at_once():
        found, path = levels_of_kinds(program), ordered_levels(program)
    assert found is not None
    assert path is not None
    np.testing.assert_allclose(found[0], path[0], rtol=1e-10)


@pytest.mark.parametrize("name", STATES)
def test_one_program_proves_them(name):
    state, driver = STATES[name], Driver(make_policy(FILLING))
    program = program_of(state)
    found = levels_of_kinds(program)
    assert found is not None
    level, shares = found
    np.testing.assert_allclose(program.blocks.levels(shares.x), level, rtol=1e-9)
    driver.allocate(state)
    assert driver.tally.programs == 1
    assert driver.tally.refusals == {}


@pytest.mark.parametrize("name", ["all at once", "in stages"])
def test_the_same_to_the_bit_whatever_was_solved_before_and_however_jobs_are_ordered(name):
    state, driver = STATES[name], Driver(make_policy(FILLING))
    driver.allocate(state)
    state = later(state, 1)
    warm, fresh = driver.allocate(state), Driver(make_policy(FILLING)).allocate(state)
    assert warm.x.tobytes() == fresh.x.tobytes()
    assert warm.pair_x.tobytes() == fresh.pair_x.tobytes()
    order = np.random.default_rng(1).permutation(state.job.size)
    names = ("key", "scale_factor", "weight", "steps_left", "age")
    other = replace(state, **{one: getattr(state, one)[order] for one in names}, deadline=None)
    moved = Driver(make_policy(FILLING)).allocate(other)
    assert moved.x.tobytes() == fresh.x[order].tobytes()


@pytest.mark.parametrize("wrong", ["level", "prices"])
def test_what_cannot_be_proven_is_not_believed(wrong, monkeypatch):
    state = STATES["some at their limits"]
    blocks = program_of(state).blocks

    def levels():
        driver = Driver(make_policy(FILLING))
        found = driver.allocate(state)
        total = (state.throughputs.alone[state.key] * found.x).sum(axis=1)
        one, two = np.searchsorted(state.job, found.pair).T
        speed = state.throughputs.paired[state.key[one], state.key[two]]
        np.add.at(total, one, (speed[:, 0] * found.pair_x).sum(axis=1))
        np.add.at(total, two, (speed[:, 1] * found.pair_x).sum(axis=1))
        return total, driver.tally.programs

    right, _ = levels()

    def astray(program):
        level, shares = levels_of_kinds(program)
        if wrong == "level":
            return level * np.where(np.arange(blocks.groups) == 7, 1.0 + 1e-6, 1.0), shares
        return level, replace(shares, level_dual=np.roll(shares.level_dual, 1))

    monkeypatch.setattr(of_kinds, "levels_of_kinds", astray)
    found, programs = levels()
    np.testing.assert_allclose(found, right, rtol=3e-8)
    assert (programs > 1) == (wrong == "level")


def test_many_jobs_that_workers_stop_together_have_the_levels_of_the_centre(monkeypatch):
    """Of a thousand jobs the centre takes a second, of two thousand eight."""
    state, found = typed(320, 0.38), []
    for centred in (320, 319):
        monkeypatch.setattr(water_filling, "_CENTRED", centred)
        driver = Driver(make_policy(FILLING))
        found.append(driver.allocate(state))
    assert driver.tally.programs == 1
    alone = state.throughputs.alone[state.key]
    paired = state.throughputs.paired[np.ix_(state.key, state.key)]
    level = []
    for shares in found:
        own = (shares.x * alone).sum(axis=1)
        one, two = shares.pair.T
        np.add.at(own, one, (paired[one, two, 0] * shares.pair_x).sum(axis=1))
        np.add.at(own, two, (paired[one, two, 1] * shares.pair_x).sum(axis=1))
        level.append(own / (alone.max(axis=1) * state.weight))
    np.testing.assert_allclose(level[1], level[0], rtol=1e-8)


def test_jobs_that_workers_stop_few_at_a_time_are_left_to_the_path(monkeypatch):
    state = typed(256, 0.7)
    weight = 10.0 ** np.random.default_rng(5).uniform(-3.0, 3.0, 256)
    program = program_of(replace(state, weight=weight))
    assert levels_of_kinds(program) is None
    monkeypatch.setattr(of_kinds, "SPREAD", np.inf)
    assert levels_of_kinds(program) is None


def test_where_workers_are_plenty_the_path_is_asked_at_once(monkeypatch):
    """Of 512 jobs with workers for half as many again, programs over kinds and then the path took three times as long."""
    monkeypatch.setattr(of_kinds, "KindsProgram", lambda *_: pytest.fail("asked kinds"))
    assert levels_of_kinds(program_of(typed(512, 1.5))) is None


def test_a_group_that_would_run_beside_itself_shares_that_with_others(monkeypatch):
    """Without, its kind cannot be handed out."""
    program = program_of(STATES["beside itself"])
    monkeypatch.setattr(shares_of_pools, "_with_others", lambda *given: given[3])
    assert levels_of_kinds(program) is None


def test_levels_and_shares_are_those_of_another_engine():
    state = typed(256, 0.5)
    one, other = (
        Driver(make_policy(FILLING), engine).allocate(state) for engine in ("structured", "highs")
    )
    assert one.x.tobytes() == other.x.tobytes()
    assert one.pair_x.tobytes() == other.pair_x.tobytes()


def test_kernels_compiled_and_interpreted():
    begin, want = np.array([0, 2, 4]), np.array([0.1, 0.5, 0.2, 0.9])
    size, kind, bend = np.array([1.0, 2.0, 3.0, 1.0]), np.array([0, 1, 1]), np.array([0.2, 0, 0.5])
    price = np.array([1.0, 10.0, 100.0])
    with compiling_at_once():
        found = (
            beyond(begin, want, size, kind, bend),
            above(begin, want, size, kind, bend),
            below(begin, want, kind, bend, price),
        )
    np.testing.assert_allclose(found[0], [0.6, 1.5, 0.4])
    np.testing.assert_allclose(found[1], [2.0, 4.0, 1.0])
    np.testing.assert_allclose(found[2], [0.0, 1.0, 10.0, 110.0])
    assert found[2].tobytes() == below.interpreted(begin, want, kind, bend, price).tobytes()
