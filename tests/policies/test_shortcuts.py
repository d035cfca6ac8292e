"""The way around ``programs`` is for the policy it was made for, and for no other."""

from __future__ import annotations

import types
from dataclasses import replace

import numpy as np
import pytest

from gavel_opt import ClusterState, Driver, ThroughputTable, make_policy
from gavel_opt.policies import max_min
from gavel_opt.policies.makespan import MinTotalDuration, known_duration
from gavel_opt.policies.max_min import MaxMinFairness, known_variant


def cluster(jobs=12):
    n = np.arange(jobs)
    return ClusterState(
        worker_types=("a", "b"),
        workers=np.array([3, 2]),
        throughputs=ThroughputTable(np.array([[1.0, 2.0], [3.0, 1.0], [1.0, 1.5]])),
        job=n,
        key=n % 3,
        scale_factor=np.ones(jobs, dtype=np.int64),
        weight=np.ones(jobs),
        steps_left=np.full(jobs, 100.0),
        age=np.zeros(jobs),
    )


def first_job_counts_four(state):
    weight = state.weight.copy()
    weight[0] = 4.0
    return replace(state, weight=weight)


class Derived(MaxMinFairness):
    def programs(self, state, merge):
        return (yield from super().programs(first_job_counts_four(state), merge))


class DerivedLater(Derived):
    pass


class PassesOn:
    """Has every attribute of the policy inside, also those that nobody thought of."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def programs(self, state, merge):
        return (yield from self._inner.programs(first_job_counts_four(state), merge))


def replaced():
    policy = make_policy("max_min_fairness_perf")
    own = policy.programs

    def programs(self, state, merge):
        return (yield from own(first_job_counts_four(state), merge))

    policy.programs = types.MethodType(programs, policy)
    return policy


OTHERS = {
    "derived": lambda: Derived("mine", "perf"),
    "derived twice": lambda: DerivedLater("mine", "perf"),
    "passes on": lambda: PassesOn(make_policy("max_min_fairness_perf")),
    "replaced": replaced,
}


@pytest.mark.parametrize("tie_break", ["canonical", "efficient", "none"])
@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_another_policy_is_asked_for_its_programs(make, tie_break):
    state = cluster()
    expected = Driver(make_policy("max_min_fairness_perf"), tie_break=tie_break).allocate(
        first_job_counts_four(state)
    )
    found = Driver(make(), tie_break=tie_break).allocate(state)
    assert found.x.tobytes() == expected.x.tobytes()
    plain = Driver(make_policy("max_min_fairness_perf"), tie_break=tie_break).allocate(state)
    assert found.x.tobytes() != plain.x.tobytes()


def test_a_method_replaced_while_the_driver_is_there():
    state = cluster()
    driver = Driver(make_policy("max_min_fairness_perf"))
    before = driver.allocate(state).x
    driver.policy.programs = replaced().programs
    assert driver.allocate(state).x.tobytes() != before.tobytes()


def test_a_method_replaced_in_the_class(monkeypatch):
    own = MaxMinFairness.programs
    monkeypatch.setattr(
        MaxMinFairness,
        "programs",
        lambda self, state, merge: own(self, first_job_counts_four(state), merge),
    )
    assert known_variant(make_policy("max_min_fairness_perf")) is None


def test_a_makespan_of_other_jobs_is_asked_for_its_programs():
    class WithoutTheFirst(MinTotalDuration):
        def programs(self, state, merge):
            steps = np.where(state.job == 0, 0.0, state.steps_left)
            return (yield from super().programs(replace(state, steps_left=steps), merge))

    state = replace(cluster(), steps_left=100.0 + np.arange(12))
    assert not Driver(WithoutTheFirst("mine", "perf")).allocate(state).x[0].any()
    assert Driver(make_policy("min_total_duration_perf")).allocate(state).x[0].any()


def test_the_policies_that_it_was_made_for_take_it():
    assert known_variant(make_policy("max_min_fairness")) == "plain"
    assert known_variant(make_policy("max_min_fairness_perf")) == "perf"
    assert known_variant(make_policy("max_min_fairness_packed")) == "packed"
    assert known_variant(make_policy("max_min_fairness_water_filling_perf")) is None
    assert max_min.known_variant(make_policy("fifo")) is None
    assert known_duration(make_policy("min_total_duration")) == "plain"
    assert known_duration(make_policy("min_total_duration_packed")) == "packed"
    assert known_duration(make_policy("max_min_fairness")) is None
