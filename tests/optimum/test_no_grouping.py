"""Grouping is a matter of cost: switched off, or refused by an engine, it changes no allocation."""

import numpy as np
import pytest

from gavel_opt import ClusterState, Driver, ThroughputTable, make_engine, make_policy
from gavel_opt.model.solution import Solution, Status

POLICIES = [
    "max_min_fairness",
    "max_min_fairness_perf",
    "max_min_fairness_packed",
    "max_min_fairness_water_filling_perf",
    "max_min_fairness_water_filling_packed",
    "finish_time_fairness_perf",
    "min_total_duration_perf",
    "max_sum_throughput_perf",
]


def state():
    """Twelve jobs of four kinds, unlike ones first, so that groups and jobs differ in order."""
    rng = np.random.default_rng(5)
    key = np.array([3, 0, 2, 1, 0, 3, 1, 2, 0, 0, 1, 3])
    alone = rng.uniform(0.5, 2.0, (4, 3))
    paired = rng.uniform(0.55, 0.9, (4, 4, 1, 3)) * alone[:, None, None, :]
    beside = np.concatenate([paired, paired.transpose(1, 0, 2, 3)], axis=2)
    n = key.size
    return ClusterState(
        worker_types=("a", "b", "c"),
        workers=np.array([2, 2, 3]),
        throughputs=ThroughputTable(alone, beside),
        job=np.arange(n) * 2 + 1,
        key=key,
        scale_factor=np.ones(n, dtype=np.int64),
        weight=np.ones(n),
        steps_left=np.full(n, 1e4),
        age=np.full(n, 600.0),
    )


def received(allocation, jobs):
    """Time of each job on each type, alone and in pairs."""
    total = allocation.x.copy()
    for (one, two), share in zip(allocation.pair, allocation.pair_x, strict=True):
        total[np.searchsorted(jobs, [one, two])] += share
    return total


class Refuses:
    """An engine that takes groups and has no answer."""

    name = "refuses"

    def __init__(self):
        self.inner = make_engine("highs")
        self.capability = self.inner.capability

    def version(self):
        return "refuses"

    def solve(self, program, options):
        return Solution(Status.NUMERICAL_ERROR, np.nan)

    def solve_blocks(self, program, options):
        return self.solve(program, options), None


@pytest.mark.parametrize("engine", ["structured", "highs", "ecos"])
@pytest.mark.parametrize("tie_break", ["canonical", "efficient"])
@pytest.mark.parametrize("policy", POLICIES)
def test_switched_off_it_changes_nothing(policy, tie_break, engine):
    given = state()
    with_groups = Driver(make_policy(policy), tie_break=tie_break).allocate(given)
    driver = Driver(make_policy(policy), engine, tie_break=tie_break, grouping=False)
    without = driver.allocate(given)
    assert driver.tally.fallbacks == 0
    np.testing.assert_allclose(
        received(without, given.job), received(with_groups, given.job), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("fallback", ["structured", "ecos"])
@pytest.mark.parametrize("tie_break", ["canonical", "none"])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_fallback_answers_what_the_policy_asked(policy, tie_break, fallback):
    given = state()
    driver = Driver(make_policy(policy), Refuses(), fallback=[fallback], tie_break=tie_break)
    allocation = driver.allocate(given)
    assert driver.tally.fallbacks > 0
    time = received(allocation, given.job)
    assert (time.sum(axis=1) <= 1.0 + 1e-6).all()
    for kind in range(4):  # identical jobs, one group: one answer
        alike = time[given.key == kind]
        assert np.ptp(alike.sum(axis=1)) <= 1e-6
    used = allocation.x.sum(axis=0)
    if allocation.pair.size:
        used = used + allocation.pair_x.sum(axis=0)
    assert (used <= given.workers + 1e-6).all()
    if tie_break == "canonical":
        expected = Driver(make_policy(policy)).allocate(given)
        np.testing.assert_allclose(time, received(expected, given.job), rtol=0, atol=1e-9)
