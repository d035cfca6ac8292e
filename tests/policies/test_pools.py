"""Pooled jobs: the same makespan as with every job by itself, from programs of another size."""

from __future__ import annotations

import numpy as np
import pytest
from objectives import remember, throughput, value
from recordings import Event, pairs_of, state_of
from test_recorded_events import feasible

from gavel_opt import Driver, make_policy
from gavel_opt.model.allocation_program import PairBlocks
from gavel_opt.model.pools import Pools
from gavel_opt.policies import finish_time, makespan, max_min, packing
from simulator.world.job_types import DISTRIBUTED, JOB_TYPES

NAME = "min_total_duration_packed"
FAIR = "finish_time_fairness_packed"
LEVEL = "max_min_fairness_packed"


def cluster(seed: int, jobs: int, workers: int, multi: bool):
    draws = np.random.default_rng(seed)
    rows = []
    for job in range(jobs):
        place = int(draws.integers(0, 12))
        wide = multi and DISTRIBUTED[place] and draws.random() < 0.4
        steps = float(60 * 10 ** draws.uniform(1.5, 4))
        rows.append(
            (job, JOB_TYPES[place], int(draws.choice([2, 4])) if wide else 1, 1.0, steps, 0)
        )
    state = state_of([workers] * 3, rows)
    state.steps_left = state.steps_left * state.throughputs.alone[state.key, 2]
    return state


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("jobs", "workers"), [(25, 8), (50, 6), (80, 4)])
def test_the_makespan_is_that_of_every_job_by_itself(seed, jobs, workers, monkeypatch):
    state = cluster(seed, jobs, workers, multi=bool(seed % 2))
    found = []
    for least in (10**9, 1):
        monkeypatch.setattr(makespan, "POOLED_FROM", least)
        allocation = Driver(make_policy(NAME), "highs", tie_break="none").allocate(state)
        feasible(Event(state, allocation.x, {}), allocation)
        assert all(a != b for a, b in allocation.pair)
        found.append(value(NAME, state, allocation.x, pairs_of(allocation), {}))
    assert found[1] == pytest.approx(found[0], rel=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_engines_agree_on_pools_that_are_paired_with_themselves(seed, monkeypatch):
    """A pool counts as one job in the tie-break, and one job has no pairs of its own."""
    monkeypatch.setattr(makespan, "POOLED_FROM", 1)
    state = cluster(seed, 60, 4, multi=bool(seed % 2))
    found = []
    for engine, tie_break in (
        ("structured", "canonical"),
        ("highs", "none"),
        ("highs", "canonical"),
    ):
        allocation = Driver(make_policy(NAME), engine, tie_break=tie_break).allocate(state)
        found.append(value(NAME, state, allocation.x, pairs_of(allocation), {}))
    assert found[0] == pytest.approx(found[1], rel=1e-8)
    assert found[0] == found[2]


def test_one_job_that_outweighs_its_pool_is_not_paired_with_itself(monkeypatch):
    monkeypatch.setattr(makespan, "POOLED_FROM", 1)
    state = cluster(3, 4, 1, multi=False)
    state.key[:] = state.key[0]
    state.steps_left = np.array([10.0, 1.0, 1.0, 1.0]) * 1e5
    allocation = Driver(make_policy(NAME), "highs", tie_break="none").allocate(state)
    assert all(a != b for a, b in allocation.pair)
    feasible(Event(state, allocation.x, {}), allocation)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("jobs", "workers"), [(25, 8), (60, 5)])
def test_the_ratio_is_that_of_every_job_by_itself(seed, jobs, workers, monkeypatch):
    state = cluster(seed, jobs, workers, multi=bool(seed % 2))
    state.age = np.random.default_rng(seed).uniform(0, 1e5, jobs)
    past: dict = {}
    remember(FAIR, state, past)
    found = []
    for least in (10**9, 1):
        monkeypatch.setattr(finish_time, "POOLED_FROM", least)
        allocation = Driver(make_policy(FAIR), "highs", tie_break="none").allocate(state)
        feasible(Event(state, allocation.x, {}), allocation)
        found.append(value(FAIR, state, allocation.x, pairs_of(allocation), past))
    assert found[1] == pytest.approx(found[0], rel=1e-8)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("jobs", "workers"), [(45, 12), (60, 5)])
@pytest.mark.parametrize("policy", [LEVEL, FAIR])
def test_weights_set_no_pools_apart(policy, seed, jobs, workers, monkeypatch):
    """Pools hold jobs of any weight, and the value is that of every job by itself."""
    state = cluster(seed, jobs, workers, multi=bool(seed % 2))
    state.weight = np.random.default_rng(seed).uniform(0.2, 5.0, jobs)
    state.age = np.random.default_rng(seed).uniform(0, 1e5, jobs)
    past: dict = {}
    if policy == FAIR:
        remember(FAIR, state, past)
    found, programs = [], []
    for least in (10**9, 1):
        monkeypatch.setattr(max_min, "POOLED_FROM", least)
        monkeypatch.setattr(finish_time, "POOLED_FROM", least)
        driver = Driver(make_policy(policy), "highs", tie_break="none")
        with monkeypatch.context() as patch:
            patch.setattr(packing, "pair_rows", counted(packing.pair_rows, groups := []))
            allocation = driver.allocate(state)
        programs.append(groups[0])
        feasible(Event(state, allocation.x, {}), allocation)
        assert all(a != b for a, b in allocation.pair)
        found.append(value(policy, state, allocation.x, pairs_of(allocation), past))
    assert found[1] == pytest.approx(found[0], rel=1e-8)
    # but for a job that outweighs its pool, types of jobs are what there is
    assert programs[1] < programs[0] == jobs


@pytest.mark.parametrize("seed", range(3))
def test_shares_are_of_the_program_of_the_smallest_ratio(seed, monkeypatch):
    """One asked at another ratio may have a vertex that reaches the smallest, and a centre that does not: 22.23 for 21.98 of 1,030 jobs."""
    asked, ask_pools = [], finish_time.ask_pools

    def seen(*given, **more):
        found = yield from ask_pools(*given, **more)
        asked.append(found)
        return found

    monkeypatch.setattr(finish_time, "ask_pools", seen)
    state = cluster(seed, 80, 12, multi=False)
    state.age = np.random.default_rng(seed).uniform(0, 1e5, 80)
    Driver(make_policy(FAIR), "structured").allocate(state)
    assert not asked[-1].program.probe
    assert asked[-1].answer.level == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("workers", [8, 20, 60])
@pytest.mark.parametrize("policy", [LEVEL, NAME, FAIR])
def test_jobs_of_one_key_on_other_numbers_of_workers_are_no_pool(policy, workers, monkeypatch):
    state = cluster(0, 60, workers, multi=False)
    state.scale_factor = np.where(np.arange(60) % 2, 2, 1)
    if policy == LEVEL:  # else jobs differ in their steps
        state.weight = np.random.default_rng(0).uniform(0.3, 3.0, 60)
    past: dict = {}
    if policy == FAIR:
        remember(FAIR, state, past)
    found = []
    for least in (10**9, 1):
        for module in (max_min, makespan, finish_time):
            monkeypatch.setattr(module, "POOLED_FROM", least)
        allocation = Driver(make_policy(policy), "highs", tie_break="none").allocate(state)
        feasible(Event(state, allocation.x, {}), allocation)
        found.append(value(policy, state, allocation.x, pairs_of(allocation), past))
    assert found[1] == pytest.approx(found[0], rel=1e-8)


def test_prices_of_pools_are_those_of_levels_of_jobs_with_weights(monkeypatch):
    """What the search bounds the ratio by: together they price what all jobs need at 1."""
    monkeypatch.setattr(finish_time, "POOLED_FROM", 1)
    search, worth = finish_time.finish_time_by_levels, []

    def noted(program):
        asked = search(program)
        step = next(asked)
        while True:
            answer = yield step
            worth.append(answer.level_dual @ step.slope)
            try:
                step = asked.send(answer)
            except StopIteration as done:
                return done.value

    monkeypatch.setattr(finish_time, "finish_time_by_levels", noted)
    state = cluster(1, 60, 5, multi=True)
    state.weight = np.random.default_rng(1).uniform(0.2, 5.0, 60)
    Driver(make_policy(FAIR), "structured").allocate(state)
    assert worth == pytest.approx(np.ones(len(worth)), rel=1e-8)
    assert worth


def counted(function, groups):
    """Writes down of how many groups each call is."""

    def noted(alone, paired, key, *others):
        groups.append(key.size)
        return function(alone, paired, key, *others)

    return noted


@pytest.mark.parametrize("jobs", [96, 97, 128, 140])
@pytest.mark.parametrize("workers", [4, 60])
def test_what_pools_hold_is_the_same_by_any_way(jobs, workers):
    """The compiled call leaves to the policy what that pools; engines agree, and warm with fresh."""
    state = cluster(5, jobs, workers, multi=True)
    state.weight = np.random.default_rng(5).uniform(0.2, 5.0, jobs)
    driver = Driver(make_policy(LEVEL), "structured")
    first, again = driver.allocate(state), driver.allocate(state)
    others = [
        Driver(make_policy(LEVEL), engine, tie_break=tie_break).allocate(state)
        for engine, tie_break in (("highs", "canonical"), ("ortools", "none"))
    ]
    assert (first.x == again.x).all()
    levels = [
        value(LEVEL, state, allocation.x, pairs_of(allocation), {})
        for allocation in (first, *others)
    ]
    assert levels == pytest.approx([levels[0]] * 3, rel=1e-8)


def test_the_total_worth_of_pools_is_that_of_every_job_by_itself(monkeypatch):
    found = []
    for seed in range(4):
        state = cluster(seed, 40, 12, multi=bool(seed % 2))
        state.weight = np.random.default_rng(seed).uniform(0.2, 5.0, 40)
        for least in (10**9, 1):
            monkeypatch.setattr(max_min, "POOLED_FROM", least)
            driver = Driver(make_policy(LEVEL), "highs", tie_break="efficient")
            allocation = driver.allocate(state)
            alone = state.throughputs.alone[state.key]
            speed = throughput(state, alone, allocation.x, pairs_of(allocation))
            found.append(float((state.scale_factor * speed / alone.mean(axis=1)).sum()))
    assert found[1::2] == pytest.approx(found[::2], rel=1e-7)


@pytest.mark.parametrize("key", [np.arange(7), np.array([3, 1, 3, 1, 0, 3, 1])])
def test_pairs_stand_in_order_of_jobs(key):
    job = np.array([2, 3, 5, 7, 11, 13, 17])
    need = np.array([1.0, 0.8, 0.9, 1.0, 1.0, 0.8, 0.9])
    pools = Pools.of(key, need, np.zeros(7, dtype=bool))
    groups = pools.first.size
    member = np.stack(np.triu_indices(groups, 1), axis=1)
    pairs = PairBlocks(member, *(np.ones((len(member), 2, 3)[:n]) for n in (3, 2, 1)))
    shares = np.random.default_rng(1).uniform(0.0, 0.1, (groups + len(member), 3))
    found = pools.spread(job, shares, pairs)
    words = [tuple(two) for two in found.pair.tolist()]
    assert words == sorted(set(words))
    for (one, two), share in zip(words, found.pair_x, strict=True):
        a, b = pools.of_job[np.searchsorted(job, [one, two])]
        of_both = (member == sorted((a, b))).all(axis=1)
        whole = shares[groups:][of_both][0]
        assert (share <= whole * (1 + 1e-12)).all()
        if groups == job.size:
            assert (share == whole).all()
