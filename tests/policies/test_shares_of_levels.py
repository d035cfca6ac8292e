"""Shares that reach the levels of water filling where jobs have several worker types as fast as each other: the canonical ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.states import Drawn
from gavel_opt import Driver, make_policy
from gavel_opt.arrays import plain_array
from gavel_opt.policies.max_min import fairness_program
from gavel_opt.policies.variants import group_by_key
from gavel_opt.solver import water_filling_alone
from gavel_opt.solver.optimum import optimum
from gavel_opt.solver.prices import types_as_one
from gavel_opt.solver.prices.markets import Columns
from gavel_opt.solver.prices.types_as_one import ABOVE, NEITHER, TURNED, Ends, Parts
from gavel_opt.solver.water_filling_alone import levels_by_prices

PERF = "max_min_fairness_water_filling_perf"
SIZES = 1, 2, 4, 8


def servers(seed):
    """Models of servers of several sizes; a job that spans some is slower there. Speeds are any, or small whole numbers."""
    draws = np.random.default_rng(seed)
    types, jobs = int(draws.integers(2, 9)), int(np.exp(draws.uniform(1.5, 4.5)))
    models, kinds = int(draws.integers(1, min(types, 4) + 1)), int(draws.choice([1, 3, 8, jobs]))
    model = np.concatenate([np.arange(models), draws.integers(0, models, types - models)])
    size = draws.choice(SIZES, types)
    speed = draws.uniform(0.2, 5.0, (kinds, models))
    if draws.random() < 0.5:
        speed = np.ceil(speed)
    scale = draws.choice(SIZES, jobs, p=[0.4, 0.3, 0.2, 0.1])
    part = draws.dirichlet(np.full(types, draws.choice([1.0, 3.0, 10.0])))
    workers = np.round(part * draws.choice([0.4, 0.6, 0.8, 1.0, 1.2]) * scale.sum())
    slower = np.where(scale[:, None] > size, draws.choice([0.5, 0.8, 0.95]), 1.0)
    alone = speed[draws.integers(0, kinds, jobs)][:, model] * slower
    state = Drawn("single-GPU", jobs, seed).now
    return replace(
        state,
        key=np.arange(jobs),
        scale_factor=scale,
        weight=draws.choice([np.ones(jobs), draws.uniform(0.5, 3.0, jobs)]),
        worker_types=tuple(f"type{j}" for j in range(types)),
        workers=np.maximum(workers.astype(np.int64), 1),
        prices=None,
        throughputs=replace(state.throughputs, alone=alone, paired=None, reference=0),
    )


def program_of(state, variant="perf"):
    return fairness_program(state, group_by_key(state, variant, True), variant, True)


@pytest.mark.parametrize("variant", ["perf", "plain"])
def test_they_are_the_canonical_ones_of_the_program_that_asks_for_the_levels(variant):
    """Whatever is zero there is zero, and the rest is the centre; from types in short supply to types that nobody needs."""
    certain = 0
    for seed in range(120):
        program = program_of(servers(seed), variant)
        found = levels_by_prices(program)
        if found is None or found[1] is None:
            continue
        certain += 1
        level, shares = found
        right, proof, _ = optimum(replace(program, slope=level, probe=True), "canonical")
        assert proof.within(1e-9)
        np.testing.assert_allclose(shares.x, right.x, atol=1e-9)
        np.testing.assert_array_equal(shares.x < 1e-13, right.x < 1e-13)
    assert certain >= 108


@pytest.mark.parametrize("engine", ["structured", "highs"])
def test_levels_are_those_of_programs_one_by_one(monkeypatch, engine):
    """Also where some of the types that count as one are too few for jobs of many GPUs, and which are dearer than which must be found out."""
    asked, before = 0, 0
    for seed in range(60):
        state = servers(seed)
        rate = fairness_program(state, group_by_key(state, "perf", False), "perf", False)
        driver = Driver(make_policy(PERF), engine)
        found = driver.allocate(state).x
        with monkeypatch.context() as programs:
            programs.setattr(water_filling_alone, "levels_by_prices", lambda program: None)
            other = Driver(make_policy(PERF), engine)
            expected = other.allocate(state).x
        np.testing.assert_allclose(
            (rate.blocks.rate * found).sum(1), (rate.blocks.rate * expected).sum(1), rtol=1e-9
        )
        np.testing.assert_allclose(found, expected, atol=1e-8)
        asked, before = asked + driver.tally.programs, before + other.tally.programs
    assert asked < 0.4 * before


def test_they_hang_neither_on_what_was_answered_before_nor_on_the_order_of_jobs():
    warm = Driver(make_policy(PERF), "structured")
    for seed in range(30):
        state = servers(seed)
        found = warm.allocate(state).x
        fresh = Driver(make_policy(PERF), "structured").allocate(state).x
        np.testing.assert_array_equal(found, fresh)
        order = np.random.default_rng(seed).permutation(state.job.size)
        turned = replace(
            state,
            **{name: getattr(state, name)[order] for name in ("key", "scale_factor", "weight")},
        )
        other = Driver(make_policy(PERF), "structured").allocate(turned).x
        np.testing.assert_allclose(other, found[order], atol=1e-10)


def few_jobs(alone, scale, workers):
    """As many jobs as there are rows of speeds."""
    state, jobs = Drawn("single-GPU", len(alone)).now, len(alone)
    return replace(
        state,
        key=np.arange(jobs),
        scale_factor=np.array(scale),
        weight=np.ones(jobs),
        worker_types=tuple(f"type{j}" for j in range(len(workers))),
        workers=np.array(workers),
        prices=None,
        throughputs=replace(state.throughputs, alone=np.array(alone), paired=None, reference=0),
    )


@pytest.mark.parametrize("scarce", [1, 2])
def test_who_has_the_rest_of_the_time_on_two_types_is_in_the_midst_of_them(monkeypatch, scarce):
    """Four jobs share the fastest type, and are as fast on two others, on each of which one of the rest is faster."""
    state = few_jobs(
        [[1.0, 1.0, 3.0]] * 4 + [[2.0, 1.0, 0.5], [1.0, 2.0, 0.5]], [1] * 6, [4, 4, scarce]
    )
    driver = Driver(make_policy(PERF), "structured")
    found = driver.allocate(state).x
    np.testing.assert_allclose(found[:4], [[0.5 - scarce / 8, 0.5 - scarce / 8, scarce / 4]] * 4)
    assert driver.tally.programs == 1
    with monkeypatch.context() as programs:
        programs.setattr(water_filling_alone, "levels_by_prices", lambda program: None)
        expected = Driver(make_policy(PERF), "structured").allocate(state).x
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_who_has_just_enough_workers_leaves_others_none():
    """Four GPUs of large servers for a job of four: the others, as fast there, have nothing of these."""
    state = few_jobs([[2.0, 2.0]] * 4 + [[2.0, 0.5]], [1, 1, 1, 1, 4], [4, 6])
    found = levels_by_prices(program_of(state))
    assert found is not None
    assert found[1] is not None
    x = Driver(make_policy(PERF), "structured").allocate(state).x
    np.testing.assert_array_equal(x, [[0, 1]] * 4 + [[1, 0]])


def test_speeds_that_are_nearly_the_same_leave_it_to_a_program():
    """A ten-billionth apart, levels are told, and who runs where is not."""
    state = servers(0)
    speed = state.throughputs.alone.copy()
    speed[:, 1:] = speed[:, :1] * (1.0 - 1e-10)
    state = replace(state, throughputs=replace(state.throughputs, alone=speed))
    found = levels_by_prices(program_of(state))
    assert found is not None
    assert found[1] is None
    driver = Driver(make_policy(PERF), "structured")
    driver.allocate(state)
    assert driver.tally.max_relative_gap < 1e-10


def parts_of(places, order=()):
    """Two jobs of which the first is as fast everywhere, on parts of four types."""
    rate = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0]])
    columns = Columns(rate, np.ones(2), np.ones(2, np.int64), np.array([1.0, 2.0, 4.0, 8.0]))
    place = np.array(places)
    table = np.zeros((4, 4), np.int64)
    for a, b in order:
        table[a, b] = ABOVE
    return columns, Parts(types_as_one._on_parts(columns, place, place.max() + 1), place, table)


def test_some_types_become_a_part_that_is_dearer():
    columns, parts = parts_of([0, 0, 1, 1], [(1, 0)])
    apart = types_as_one.taken_apart(columns, parts, np.array([False, False, False, True]))
    np.testing.assert_array_equal(apart.place, [0, 0, 1, 2])
    np.testing.assert_array_equal(apart.columns.workers, [3.0, 4.0, 8.0])
    above = {(1, 0), (2, 0), (2, 1)}
    assert set(map(tuple, np.argwhere(apart.order == ABOVE).tolist())) == above
    reduced, took = types_as_one.in_order(apart)
    np.testing.assert_array_equal(reduced.rate, [[1, 0, 0], [2, 3, 4]])
    assert set(map(tuple, np.argwhere(took).tolist())) == above
    again = types_as_one.put_together(columns, apart, 0, 1)
    np.testing.assert_array_equal(again.place, [1, 1, 1, 0])
    np.testing.assert_array_equal(again.columns.rate, [[1, 1], [4, 3]])
    assert set(map(tuple, np.argwhere(again.order == ABOVE).tolist())) == {(0, 1)}


def test_a_part_that_turns_out_cheaper_is_taken_to_be_so_and_then_neither_is():
    _, parts = parts_of([0, 1, 2, 2], [(0, 1)])
    _, took = types_as_one.in_order(parts)
    free, stage = np.zeros(3, bool), np.array([1, 0, 0])
    ends = Ends(free, stage, np.ones(3))
    assert types_as_one.are_dearer(parts, took, ends)[0] == TURNED
    assert parts.order[1, 0] == ABOVE > parts.order[0, 1] > 0
    _, took = types_as_one.in_order(parts)
    stage[:2] = 0, 1
    assert types_as_one.are_dearer(parts, took, ends) == (NEITHER, 1, 0)
    stage[:2] = 1, 1
    assert types_as_one.as_dear(took, ends) == (1, 0)
    ends.price[1] = 2.0
    assert types_as_one.as_dear(took, ends) == (-1, -1)
    assert plain_array(took).sum() == 1
