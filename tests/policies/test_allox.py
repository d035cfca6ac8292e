"""AlloX places jobs where the assignment of the whole problem would."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from gavel_opt import Allocation, ClusterState, InputError, ThroughputTable, make_policy
from gavel_opt.kernels import jit, job_lines


def state_of(draw: np.random.Generator, jobs: int) -> ClusterState:
    """Jobs that nearly all wait, on few workers of up to four types; ages may hide all differences."""
    types = int(draw.integers(1, 5))
    workers = draw.integers(0, 3, types)
    workers[draw.integers(types)] += 1
    return ClusterState(
        tuple("abcd"[:types]),
        workers,
        ThroughputTable(draw.choice([0.5, 1.0, 2.0, 3.0], (3, types))),
        job=np.arange(7, 7 + jobs),
        key=draw.integers(0, 3, jobs),
        scale_factor=np.ones(jobs, dtype=np.int64),
        weight=np.ones(jobs),
        steps_left=draw.uniform(-1.0, 1e5, jobs),
        age=draw.uniform(0.0, draw.choice([1e6, 1e20]), jobs),
    )


def by_scipy(state: ClusterState) -> np.ndarray:
    """Worker type of each job, -1 if it waits, by the assignment of every job to every place of every worker."""
    oldest = np.argsort(-state.age, kind="stable")
    speed = np.repeat(state.throughputs.alone[state.key[oldest]], state.workers, axis=1)
    time = np.maximum(state.steps_left[oldest], 0.0)[:, None] / speed
    places, many = np.arange(1, oldest.size + 1), speed.shape[1]
    cost = (places[:, None] * time[:, None, :]).reshape(oldest.size, -1)
    place, worker = np.divmod(linear_sum_assignment(cost + state.age[oldest][:, None])[1], many)
    found = np.full(oldest.size, -1)
    for line in range(many):
        jobs = np.flatnonzero(worker == line)
        if jobs.size:
            first = oldest[jobs[place[jobs].argmax()]]
            found[first] = np.repeat(np.arange(state.workers.size), state.workers)[line]
    return found


@pytest.mark.parametrize("jobs", [1, 2, 9])
def test_jobs_go_where_the_assignment_puts_them(jobs: int) -> None:
    draw = np.random.default_rng(jobs)
    for _ in range(60):
        state = state_of(draw, jobs)
        found = make_policy("allox").shares(state)
        assert isinstance(found, Allocation)
        expected = by_scipy(state)
        assert (found.x.sum(axis=1) == (expected >= 0)).all()
        assert (found.x.argmax(axis=1)[expected >= 0] == expected[expected >= 0]).all()


def test_jobs_whose_workers_are_gone_wait_again() -> None:
    policy, state = make_policy("allox"), state_of(np.random.default_rng(5), 9)
    policy.restore({"type_of": [[7, 0], [8, 0], [9, 0], [10, 17], [11, -3]]})
    state.workers[:] = 0
    state.workers[0] = 2
    found = policy.shares(state)
    assert isinstance(found, Allocation)
    assert found.x.sum(axis=0)[0] == 2.0
    assert found.x[:2, 0].tolist() == [1.0, 1.0]


def test_a_job_on_several_workers_is_refused_and_nothing_is_forgotten() -> None:
    policy = make_policy("allox")
    state = state_of(np.random.default_rng(3), 4)
    policy.shares(state)
    before = policy.snapshot()
    state.scale_factor[2] = 2
    with pytest.raises(InputError, match="job 9 has scale factor 2"):
        policy.shares(state)
    assert policy.snapshot() == before


def test_one_line_of_many_jobs_needs_no_assignment(monkeypatch: pytest.MonkeyPatch) -> None:
    def assign(*_: object) -> None:
        raise AssertionError("the shortest job is first")

    draw = np.random.default_rng(11)
    for _ in range(20):
        state = state_of(draw, 80)
        state.workers[:] = 0
        state.workers[draw.integers(state.workers.size)] = 1
        state.age[:] = draw.uniform(0.0, 1e6, 80)
        with monkeypatch.context() as patched:
            patched.setattr(job_lines, "assign", assign)
            patched.setattr(jit, "_DISABLED", True)
            found = make_policy("allox").shares(state)
        assert isinstance(found, Allocation)
        expected = by_scipy(state)
        assert (found.x.sum(axis=1) == (expected >= 0)).all()
        assert (found.x.argmax(axis=1)[expected >= 0] == expected[expected >= 0]).all()
