"""Pooled jobs: the same makespan as with every job by itself, from programs of another size."""

from __future__ import annotations

import numpy as np
import pytest
from objectives import remember, throughput, value
from recordings import Event, pairs_of, state_of
from test_recorded_events import feasible

from gavel_opt import Driver, make_policy
from gavel_opt.policies import finish_time, makespan
from simulator.world.job_types import DISTRIBUTED, JOB_TYPES

NAME = "min_total_duration_packed"
FAIR = "finish_time_fairness_packed"


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


def test_weights_set_pools_apart(monkeypatch):
    monkeypatch.setattr(finish_time, "POOLED_FROM", 1)
    state = cluster(2, 30, 3, multi=False)
    state.weight[::3] = 5.0
    ours = Driver(make_policy(FAIR), "highs", tie_break="none").allocate(state)
    monkeypatch.setattr(finish_time, "POOLED_FROM", 10**9)
    each = Driver(make_policy(FAIR), "highs", tie_break="none").allocate(state)

    def ratio(allocation):
        speed = throughput(
            state, state.throughputs.alone[state.key], allocation.x, pairs_of(allocation)
        )
        solo = (state.throughputs.alone[state.key] / 3 * min(1.0, 9 / 30)).sum(axis=1)
        return np.max(state.weight * state.steps_left / speed / (state.steps_left / solo))

    assert ratio(ours) == pytest.approx(ratio(each), rel=1e-8)
