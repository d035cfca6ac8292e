"""First in, first out and even splits: asked by themselves, and from within compiled code, they say the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gavel_opt import ClusterState, Driver, ThroughputTable, make_policy
from gavel_opt.kernels import jit
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.pair_columns import PairColumns
from gavel_opt.model.cluster_state import StandingState

COLUMNS = ("job", "key", "scale_factor", "weight", "steps_left", "age")


def later_states():
    """States of jobs that come and go, with a type that loses workers on the way."""
    draw = np.random.default_rng(3)
    table = ThroughputTable(draw.uniform(0.0, 1.0, (9, 3)).round(1) + 0.1)
    job, workers = np.arange(0), np.array([9, 12, 8])
    for call in range(40):
        stay = job[draw.random(job.size) < 0.8]
        job = np.concatenate([stay, 1000 * call + np.arange(draw.integers(0, 12))])
        if call == 20:
            workers = np.array([9, 8, 8])
        columns = job % 9, 2 ** (job % 4), *np.ones((3, job.size))
        yield ClusterState(("a", "b", "c"), workers, table, job, *columns)


@pytest.mark.parametrize("name", ["fifo", "fifo_perf", "isolated"])
def test_asked_by_itself_it_says_what_it_says_from_within(name):
    alone, within = Driver(make_policy(name)), make_policy(name)
    seen = calls = None
    for state in later_states():
        if not state.job.size:
            continue
        if seen is None or (seen.workers != state.workers).any():
            columns = JobColumns.with_room(400, 3)
            seen = StandingState(columns, state.throughputs, state.workers)
        calls = within.standing_call(seen)
        for column in COLUMNS:
            getattr(seen.jobs, column)[: state.job.size] = getattr(state, column)
        seen.jobs.size[0] = state.job.size
        assert calls() == 1
        assert (alone.allocate(state).x == seen.jobs.shares[: state.job.size]).all()
        assert alone.policy.snapshot() == within.snapshot()


@pytest.mark.parametrize("name", ["fifo", "fifo_perf", "isolated", "proportional"])
def test_columns_of_other_types_mean_the_same(name):
    here, there = Driver(make_policy(name)), Driver(make_policy(name))
    for state in later_states():
        narrow = {column: getattr(state, column).astype(np.int32) for column in COLUMNS[:3]}
        for column in narrow.values():
            column.flags.writeable = False
        other = replace(state, workers=state.workers.astype(np.int16), **narrow)
        assert (here.allocate(state).x == there.allocate(other).x).all()


@pytest.mark.parametrize("name", ["fifo", "fifo_perf", "isolated"])
def test_nothing_is_copied_for_a_call_by_itself(name):
    policy = make_policy(name)
    policy.shares(next(state for state in later_states() if state.job.size))
    assert policy._own is None


@pytest.mark.parametrize("name", ["fifo", "fifo_perf", "isolated", "allox", "gandiva"])
def test_rounds_come_to_have_code_though_it_is_asked_by_itself_before(name):
    policy, state = make_policy(name), next(one for one in later_states() if one.job.size)
    seen = StandingState(
        JobColumns.with_room(80, 3),
        state.throughputs,
        state.workers,
        PairColumns.with_room(40, 3),
    )
    call = policy.standing_call(seen)
    with jit.compiling_at_once():
        Driver(policy).allocate(replace(state, scale_factor=state.scale_factor * 0 + 1))
        assert jit.has_code(policy.standing_call(seen))
    assert call is policy.standing_call(seen)
