"""Water filling without space sharing, all levels at once by prices of worker types: those that programs find one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.cliffs import servers
from bench.states import Drawn
from gavel_opt import Driver, make_policy
from gavel_opt.model.allocation_program import KnownShares
from gavel_opt.policies.max_min import fairness_program
from gavel_opt.policies.variants import group_by_key
from gavel_opt.solver import water_filling_alone
from gavel_opt.solver.optimum import optimum
from gavel_opt.solver.water_filling_alone import levels_by_prices

PERF = "max_min_fairness_water_filling_perf"


def drawn(seed, kind="distinct", jobs=40, types=3, spread=1.0):
    """Jobs of weights some orders apart, on types of whose workers there are few or more than enough."""
    draws = np.random.default_rng(seed)
    state = Drawn(kind, jobs, seed).now
    base = state.throughputs.alone
    column = np.arange(types) if types <= 3 else draws.integers(0, 3, types)
    alone = base[:, column] * draws.uniform(0.7, 1.4, (base.shape[0], types))
    workers = state.scale_factor.sum() * draws.choice([0.3, 0.5, 0.8, 1.0, 1.3, 2.0])
    part = draws.dirichlet(np.full(types, 3.0))
    return replace(
        state,
        worker_types=tuple(f"type{j}" for j in range(types)),
        workers=np.maximum(np.round(part * workers).astype(np.int64), 8),
        prices=None,
        throughputs=replace(state.throughputs, alone=alone, paired=None, reference=0),
        weight=10.0 ** draws.uniform(-spread, spread, jobs),
    )


def program_of(state):
    return fairness_program(state, group_by_key(state, "perf", True), "perf", True)


def by_programs(monkeypatch, state, engine, name=PERF):
    """Shares as they were found before, and how many programs that took."""
    with monkeypatch.context() as before:
        before.setattr(water_filling_alone, "levels_by_prices", lambda program: None)
        driver = Driver(make_policy(name), engine)
        return driver.allocate(state).x, driver.tally.programs


@pytest.mark.parametrize("engine", ["structured", "highs"])
@pytest.mark.parametrize("types", [2, 3, 5])
@pytest.mark.parametrize("kind", ["distinct", "single-GPU", "contended"])
def test_shares_are_those_of_programs_one_by_one(monkeypatch, kind, types, engine):
    """Jobs alike but for their weights mix types in many ways: the centre of these, with and without time to spare."""
    certain = 0
    for seed in range(8):
        state = drawn(seed, kind, types=types)
        driver = Driver(make_policy(PERF), engine)
        found = driver.allocate(state).x
        expected, programs = by_programs(monkeypatch, state, engine)
        np.testing.assert_allclose(found, expected, atol=2e-9)
        assert driver.tally.programs <= programs
        assert driver.tally.fallbacks == 0
        certain += levels_by_prices(program_of(state)) is not None
    assert certain >= 7


def test_who_uses_up_a_type_at_the_limit_leaves_the_others_what_they_reach_without():
    """Four workers of the fastest type for four jobs that are slow elsewhere: the fifth is stopped, and pays nothing."""
    state = drawn(0, jobs=5)
    alone = np.array([[1.0, 9.0], [1.0, 9.0], [1.0, 9.0], [1.0, 9.0], [6.0, 8.0]])
    state = replace(
        state,
        key=np.arange(5),
        scale_factor=np.ones(5, dtype=np.int64),
        weight=np.array([10.0, 11.0, 12.0, 13.0, 1.0]),
        worker_types=("slow", "fast"),
        workers=np.array([4, 4]),
        throughputs=replace(state.throughputs, alone=alone, paired=None),
    )
    found = levels_by_prices(program_of(state))
    assert found is not None
    np.testing.assert_allclose(found[1].x, [[0, 1]] * 4 + [[1, 0]], atol=1e-12)


@pytest.mark.parametrize("engine", ["structured", "highs"])
def test_a_limit_that_is_a_sum_is_no_less_than_the_limit(engine):
    """What the second job reaches on the other type, and what more on the fastest, add up to a bit less than its limit, 0.4."""
    state = drawn(0, jobs=3)
    state = replace(
        state,
        key=np.arange(3),
        scale_factor=np.ones(3, dtype=np.int64),
        weight=np.array([1.0, 5.0, 1.0]),
        worker_types=("slow", "fast"),
        workers=np.array([3, 1]),
        throughputs=replace(
            state.throughputs, alone=np.array([[9.1, 7.1], [0.4, 1.3], [5.4, 5.6]]), paired=None
        ),
    )
    found = Driver(make_policy(PERF), engine).allocate(state).x
    np.testing.assert_allclose(found, [[1, 0], [0, 1], [1, 0]], atol=1e-12)


def test_types_as_fast_for_everybody_are_one(monkeypatch):
    name, before = "max_min_fairness_water_filling", 0
    for seed in range(8):
        state = drawn(seed, jobs=60)
        driver = Driver(make_policy(name), "structured")
        found = driver.allocate(state).x
        expected, programs = by_programs(monkeypatch, state, "structured", name)
        np.testing.assert_allclose(found, expected, atol=2e-9)
        assert driver.tally.programs == 1
        before += programs
    assert before > 8


@pytest.mark.parametrize("engine", ["structured", "highs"])
def test_types_as_fast_for_some_count_as_one_if_that_is_as_good(monkeypatch, engine):
    """Of servers of two sizes a job of one GPU has no best one."""
    before = 0
    for seed, part in enumerate((0.01, 0.025, 0.03, 0.035, 0.05)):
        state = servers(120, part)
        weights = np.random.default_rng(seed).uniform(0.5, 3.0, 120)
        for weight in (state.weight, weights):
            state = replace(state, weight=weight)
            driver = Driver(make_policy(PERF), engine)
            found = driver.allocate(state)
            expected, programs = by_programs(monkeypatch, state, engine)
            np.testing.assert_allclose(found.x, expected, atol=5e-9)
            assert driver.tally.programs == 1
            before += programs
    assert before > 20


def test_types_as_fast_for_some_are_not_one_for_who_has_no_room_there(monkeypatch):
    """The last job takes four workers, which only the first type's servers have; it would have all of its time if the two were one."""
    state = drawn(0, jobs=5)
    alone = np.array([[2.0, 2.0]] * 4 + [[2.0, 0.5]])
    state = replace(
        state,
        key=np.arange(5),
        scale_factor=np.array([1, 1, 1, 1, 4]),
        weight=np.ones(5),
        worker_types=("large", "small"),
        workers=np.array([2, 6]),
        throughputs=replace(state.throughputs, alone=alone, paired=None),
    )
    driver = Driver(make_policy(PERF), "structured")
    found = driver.allocate(state).x
    expected, programs = by_programs(monkeypatch, state, "structured")
    np.testing.assert_allclose(found, expected, atol=2e-9)
    np.testing.assert_allclose(found[4, 0], 0.5, atol=1e-12)
    assert driver.tally.programs == 1 < programs


def test_a_job_with_two_fastest_types_is_in_the_midst_of_them(monkeypatch):
    """All are at their limits, but where it runs is not told by prices."""
    state = drawn(0, jobs=8)
    alone = np.tile([1.0, 2.0, 3.0], (8, 1))
    alone[0] = 1.0, 3.0, 3.0
    table = replace(state.throughputs, alone=alone, paired=None)
    state = replace(state, key=np.arange(8), workers=np.full(3, 64), throughputs=table)
    x = Driver(make_policy(PERF), "structured").allocate(state).x
    assert x[0, 0] == 0.0 < x[0, 1] < 0.9 < x[0, 1:].sum()
    expected, _ = by_programs(monkeypatch, state, "structured")
    np.testing.assert_allclose(x, expected, atol=1e-9)


def test_who_may_mix_leaves_no_free_type_to_chance(monkeypatch):
    """Two kinds of jobs share two scarce types in any way, and what they have of these tells how much each leaves of its own."""
    state = drawn(0, jobs=20)
    alone = np.tile([1.0, 0.5, 3.0, 2.0], (20, 1))
    alone[10:, :2] = 0.5, 1.0
    state = replace(
        state,
        key=np.arange(20),
        scale_factor=np.ones(20, dtype=np.int64),
        weight=np.ones(20),
        worker_types=("one", "other", "fast", "faster"),
        workers=np.array([40, 40, 3, 3]),
        throughputs=replace(state.throughputs, alone=alone, paired=None),
    )
    assert levels_by_prices(program_of(state)) is None
    found = Driver(make_policy(PERF), "structured").allocate(state).x
    np.testing.assert_allclose(found, by_programs(monkeypatch, state, "structured")[0], atol=1e-9)
    alone[10:, :2] = 1.0, 0.5  # of one kind, all leave as much of the same
    found = levels_by_prices(program_of(state))
    assert found is not None
    np.testing.assert_allclose(found[1].x[:, 2:], 0.15, atol=1e-12)


def test_the_order_of_jobs_is_of_no_account():
    for seed in range(5):
        state = drawn(seed)
        order = np.random.default_rng(seed).permutation(state.job.size)
        turned = replace(
            state,
            **{name: getattr(state, name)[order] for name in ("key", "scale_factor", "weight")},
        )
        one, other = (
            Driver(make_policy(PERF), "structured").allocate(each).x for each in (state, turned)
        )
        np.testing.assert_allclose(other, one[order], atol=1e-11)


def test_shares_that_a_program_comes_with_are_proven():
    program = program_of(drawn(1))
    found = levels_by_prices(program)
    assert found is not None
    level, shares = found
    asked = replace(program, slope=level, floor=np.zeros(level.size), probe=True)
    right, _, _ = optimum(replace(asked, near=shares), "canonical")
    assert right.x is shares.x
    wrong = KnownShares(shares.x * (1.0 - 1e-6), shares.level_dual, shares.capacity_dual)
    other, proof, _ = optimum(replace(asked, near=wrong), "canonical")
    assert proof.within(1e-9)
    np.testing.assert_allclose(other.x, shares.x, atol=1e-8)


@pytest.mark.parametrize("load", [0.5, 0.8, 1.0, 1.3])
@pytest.mark.parametrize("kind", ["distinct", "single-GPU"])
def test_1700_jobs_of_weights_of_their_own_take_one_program(kind, load):
    """Eight programs, each of them left to the interior point method, or a second and answers that were refused."""
    state = Drawn(kind, 1700).now
    workers = np.full(3, round(load * state.scale_factor.sum() / 3))
    weight = np.random.default_rng(3).uniform(0.5, 3.0, 1700)
    driver = Driver(make_policy(PERF), "structured")
    driver.allocate(replace(state, workers=workers, weight=weight))
    assert driver.tally.programs == 1
    assert driver.tally.max_relative_gap < 1e-10
