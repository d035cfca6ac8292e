"""Optima found without a path: the interior point's, and the same bits wherever the search starts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import finish_time, highs, makespan, max_min, slack, water_stage

from gavel_opt import Options
from gavel_opt.engines.structured import Structured
from gavel_opt.model.allocation_program import AllocationProgram, Blocks, FinishTimeProgram
from gavel_opt.solver import optimum as module
from gavel_opt.solver.memory import Memory
from gavel_opt.solver.optimum import optimum
from gavel_opt.solver.prices.shortcuts import BOTTLENECK, DOUBT, NONE, PRICED
from gavel_opt.solver.settings import MANY_TYPES

seeds = st.integers(0, 2**31)


def contended(seed, types=3, groups=None):
    """Few workers for many jobs: every type has a price."""
    program = max_min(seed, groups, types)
    blocks = program.blocks
    workers = np.maximum(1.0, np.round(blocks.use.sum() / types / 6.0)) * np.ones(types)
    return replace(program, blocks=replace(blocks, workers=workers))


def of_few_types(seed):
    """Contended, and many groups of the same speeds but for a factor: wide faces."""
    program = contended(seed, groups=40)
    rng = np.random.default_rng(seed + 3)
    rate = rng.uniform(0.2, 3.0, (5, 3))[rng.integers(0, 5, 40)]
    rate = rate * rng.uniform(0.5, 2.0, 40)[:, None]
    return replace(program, blocks=replace(program.blocks, rate=rate))


def with_floors(seed):
    """Contended, some groups with a floor and no part in the level, some with nothing."""
    program = contended(seed, groups=25)
    rng = np.random.default_rng(seed + 4)
    part = program.blocks.rate.max(axis=1) * 0.02
    kind = rng.integers(0, 4, 25)
    kind[0] = 0
    slope = np.where(kind >= 2, 0.0, rng.uniform(0.5, 2.0, 25))
    floor = np.select([kind == 1, kind == 2, kind == 3], [part, part, -np.inf], 0.0)
    return replace(program, slope=slope, floor=floor)


def late_jobs(seed):
    """Finish-time fairness, contended, of few job types."""
    program = of_few_types(seed)
    rng = np.random.default_rng(seed + 5)
    groups = program.slope.size
    steps = 10.0 ** rng.uniform(4, 6, groups)
    isolated = steps / program.blocks.rate.mean(axis=1) * rng.uniform(3, 12, groups)
    age = isolated * rng.uniform(0.0, 0.5, groups)
    return FinishTimeProgram(program.blocks, age, steps, isolated)


KINDS = {
    "max-min": max_min,
    "contended": contended,
    "few types": of_few_types,
    "floors": with_floors,
    "makespan": makespan,
    "water filling": water_stage,
    "finish time": finish_time,
    "finish time, late": late_jobs,
}


class Outcomes:
    """Which way each program was solved."""

    def __init__(self, monkeypatch):
        self.seen = Counter()
        self._solve = module.solve_direct
        monkeypatch.setattr(module, "solve_direct", self)

    def __call__(self, *given):
        outcome = self._solve(*given)
        self.seen[outcome] += 1
        return outcome


def by_path(program, monkeypatch):
    """The interior point method's answer."""
    with monkeypatch.context() as patch:
        patch.setattr(module, "solve_direct", lambda *_: NONE)
        return optimum(program, "canonical")[0]


def same(one, two):
    assert one.x.tobytes() == two.x.tobytes()
    assert (one.objective, one.level) == (two.objective, two.level)
    assert one.level_dual.tobytes() == two.level_dual.tobytes()
    assert one.capacity_dual.tobytes() == two.capacity_dual.tobytes()


@pytest.mark.parametrize("types", [61, 64, 90])
def test_as_many_worker_types_as_there_are(types):
    program = contended(3, types, 40)
    answer, certificate, _ = optimum(program, "canonical")
    assert certificate.within(1e-9)
    assert answer.objective == pytest.approx(highs(program).objective, rel=1e-9)
    assert slack(program, answer) > -1e-10


@pytest.mark.parametrize("kind", [contended, max_min])
def test_few_groups_on_many_worker_types_are_not_searched(kind, monkeypatch):
    """The same optimum by the interior point method, which takes a tenth of the time there."""
    outcomes, types = Outcomes(monkeypatch), MANY_TYPES + 1
    program = kind(5, types=types, groups=12)
    answer = optimum(program, "canonical")[0]
    assert not outcomes.seen
    monkeypatch.setattr(module, "FEW_GROUPS", 0)
    searched = optimum(program, "canonical")[0]
    assert outcomes.seen
    assert answer.objective == pytest.approx(searched.objective, rel=1e-10)
    np.testing.assert_allclose(answer.x, searched.x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_interior_point_methods_optimum(kind, monkeypatch):
    outcomes = Outcomes(monkeypatch)
    for seed in range(30):
        program = KINDS[kind](seed)
        answer, certificate, _ = optimum(program, "canonical")
        expected = by_path(program, monkeypatch)
        assert certificate.within(1e-10)
        assert answer.objective == pytest.approx(expected.objective, rel=1e-9)
        assert slack(program, answer) >= -1e-11
        np.testing.assert_allclose(answer.x, expected.x, rtol=0, atol=1e-7)
    solved = outcomes.seen[BOTTLENECK] + outcomes.seen[PRICED]
    assert solved >= (10 if kind in ("max-min", "makespan", "finish time", "water filling") else 25)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=seeds, types=st.integers(1, 8))
def test_any_number_of_worker_types_under_contention(seed, types):
    program = contended(seed, types)
    answer, certificate, _ = optimum(program, "canonical")
    assert certificate.within(1e-10)
    assert answer.objective == pytest.approx(highs(program).objective, rel=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(kind=st.sampled_from(sorted(KINDS)), seed=seeds, draw=seeds)
def test_the_start_does_not_change_a_bit(kind, seed, draw):
    program = KINDS[kind](seed)
    expected = optimum(program, "canonical")[0]
    rng = np.random.default_rng(draw)
    starts = [np.append(10.0 ** rng.uniform(-3, 3, 3), expected.level * rng.uniform(0.5, 2.0))]
    if expected.capacity_dual.min() > 0.0:
        level = -expected.level if isinstance(program, FinishTimeProgram) else expected.level
        near = expected.capacity_dual * rng.uniform(0.95, 1.05, 3)
        starts += [np.append(near, level), np.append(expected.capacity_dual, level)]
    for start in starts:
        same(optimum(program, "canonical", Memory(start))[0], expected)


def test_where_the_search_began_is_not_told_by_which_of_equally_fast_types_it_had():
    """Jobs tied to two types that are as fast and dear to them: either could be the slow or the fast end of their edge."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        program = contended(seed, 6, 40)
        rate = rng.choice([1.0, 2.0], (40, 6))
        program = replace(program, blocks=replace(program.blocks, rate=rate))
        expected = optimum(program, "canonical")[0]
        for _ in range(3):
            start = Memory(np.append(10.0 ** rng.uniform(-1, 1, 6), expected.level))
            same(optimum(program, "canonical", start)[0], expected)


@pytest.mark.parametrize("kind", ["contended", "floors", "finish time, late"])
def test_a_stream_solved_warm_is_the_stream_solved_cold(kind, monkeypatch):
    """Each time one job is another one, as between rounds of a run."""
    outcomes = Outcomes(monkeypatch)
    engine, options = Structured(), Options(tie_break="canonical")
    program = KINDS[kind](4)
    for seed in range(38):
        blocks, rng = program.blocks, np.random.default_rng(seed)
        rate = blocks.rate.copy()
        rate[seed % blocks.groups] *= rng.uniform(0.8, 1.25, 3)
        changes = {"blocks": replace(blocks, rate=rate)}
        if isinstance(program, FinishTimeProgram):
            changes["age"] = program.age + 360.0
        program = replace(program, **changes)
        same(engine.solve_blocks(program, options)[1], optimum(program, "canonical")[0])
    assert outcomes.seen[PRICED] == 76


def test_one_look_at_all_jobs_is_mostly_enough_from_one_round_to_the_next():
    """Prices hardly move, and the answer finds t on the curve itself."""
    engine, options = Structured(), Options(tie_break="canonical")
    program = late_jobs(4)
    steps = []
    for round_of_run in range(30):
        program = replace(program, age=program.age + 360.0, steps=program.steps * 0.999)
        solution, _ = engine.solve_blocks(program, options)
        if round_of_run > 0:
            steps.append(solution.stats.iterations)
    assert np.median(steps) <= 6
    assert max(steps) <= 20


@pytest.mark.parametrize("types", [1, 2, 3, 4])
@pytest.mark.parametrize("groups", [1, 31, 32, 33, 70])
def test_a_body_of_any_size(groups, types, monkeypatch):
    """Jobs are centred in tiles of 32: less than one, one, and more."""
    outcomes = Outcomes(monkeypatch)
    program = max_min(groups, groups, types)
    workers = np.full(types, program.blocks.use.sum() + 1.0)
    program = replace(
        program,
        blocks=replace(program.blocks, workers=workers),
        slope=np.append(20.0, np.ones(groups - 1)),
    )
    answer, certificate, _ = optimum(program, "canonical")
    assert outcomes.seen == {BOTTLENECK: 1}
    assert certificate.within(1e-10)
    np.testing.assert_allclose(answer.x, by_path(program, monkeypatch).x, rtol=0, atol=1e-8)


def test_a_thin_body_is_centred_as_well_as_numbers_allow(monkeypatch):
    """The level that one job pins takes all but a ten-thousandth of the workers."""
    outcomes = Outcomes(monkeypatch)
    program = replace(max_min(1, 130), slope=np.append(8.0, np.ones(129)))

    def with_workers(part):
        blocks = program.blocks
        workers = part * blocks.use.sum() * np.array([0.3, 0.4, 0.3])
        return replace(program, blocks=replace(blocks, workers=workers))

    pinned_level = optimum(with_workers(2.0), "canonical")[0].level
    too_few, enough = 0.0, 2.0
    for _ in range(40):
        part = (too_few + enough) / 2.0
        if optimum(with_workers(part), "canonical")[0].level < pinned_level * (1.0 - 1e-9):
            too_few = part
        else:
            enough = part
    outcomes.seen.clear()
    for room in (1e-2, 1e-3, 1e-4):
        thin = with_workers(enough * (1.0 + room))
        answer, certificate, steps = optimum(thin, "canonical")
        assert certificate.within(1e-10)
        assert steps < 25
        np.testing.assert_allclose(answer.x, by_path(thin, monkeypatch).x, rtol=0, atol=1e-7)
    assert outcomes.seen == {BOTTLENECK: 3}


def test_many_jobs_in_stages(monkeypatch):
    """More jobs than a sample, none alike."""
    outcomes = Outcomes(monkeypatch)
    program = contended(5, groups=6000)
    answer, certificate, _ = optimum(program, "canonical")
    assert outcomes.seen == {PRICED: 1}
    assert certificate.within(1e-10)
    assert ((answer.x > 0.0).sum(axis=1) > 1).sum() == 2
    memory = Memory(np.append(answer.capacity_dual * [0.9, 1.0, 1.1], answer.level))
    same(optimum(program, "canonical", memory)[0], answer)


def test_prices_that_the_search_does_not_find_come_from_the_path(monkeypatch):
    """The path's prices are a start like any other, and the answer is the search's."""
    program = of_few_types(3)
    expected = optimum(program, "canonical")[0]
    solve = module.solve_direct
    calls = []

    def doubtful(*given):
        calls.append(given)
        return DOUBT if len(calls) == 1 else solve(*given)

    monkeypatch.setattr(module, "solve_direct", doubtful)
    same(optimum(program, "canonical")[0], expected)
    assert len(calls) == 2


@pytest.mark.parametrize("kind", ["contended", "few types", "floors", "finish time, late"])
def test_where_all_types_have_a_price_efficient_is_canonical(kind):
    program = KINDS[kind](2)
    canonical = optimum(program, "canonical")[0]
    assert canonical.capacity_dual.min() > 0.0
    same(optimum(program, "efficient")[0], canonical)


def test_plain_speeds(monkeypatch):
    """All types alike to each job: everything is tied."""
    outcomes = Outcomes(monkeypatch)
    for seed in range(10):
        program = contended(seed)
        rate = np.repeat(program.blocks.rate.max(axis=1)[:, None], 3, axis=1)
        program = replace(program, blocks=replace(program.blocks, rate=rate))
        answer, certificate, _ = optimum(program, "canonical")
        assert certificate.within(1e-10)
        np.testing.assert_allclose(answer.x, by_path(program, monkeypatch).x, rtol=0, atol=1e-8)
    assert outcomes.seen == {PRICED: 9, BOTTLENECK: 1}


def test_types_on_which_every_job_is_as_fast_do_not_lose_the_search(monkeypatch):
    """An edge between two of them has no length: the search went on with what is no number, for 200 times as long."""
    draws = np.random.default_rng(1)
    rate = np.repeat(draws.uniform(0.2, 3.0, (200, 1)), 3, axis=1)
    # everybody can have just what is asked for, some of them all of the time
    asked = np.minimum(rate[:, 0], np.quantile(rate[:, 0], 0.7))
    use = draws.choice([1.0, 2.0, 4.0], 200)
    workers = np.full(3, (use * asked / rate[:, 0]).sum() / 3.0)
    blocks = Blocks(rate, use, np.ones(200), workers)
    outcomes = Outcomes(monkeypatch)
    answer, certificate, _ = optimum(AllocationProgram(blocks, asked, np.zeros(200)), "canonical")
    assert answer.level == pytest.approx(1.0, rel=1e-9)
    assert certificate.within(1e-9)
    assert outcomes.seen[DOUBT] == 0
