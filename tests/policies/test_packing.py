"""Pairs: those that cannot help change no optimum value, those that run nowhere move the centre."""

from __future__ import annotations

import numpy as np
import pytest
from objectives import value
from recordings import pairs_of
from test_pools import cluster

from gavel_opt import Driver, InputError, ThroughputTable, make_policy
from gavel_opt.policies import packing

NAME = "max_min_fairness_packed"


def level(state) -> float:
    allocation = Driver(make_policy(NAME), "highs", tie_break="none").allocate(state)
    return value(NAME, state, allocation.x, pairs_of(allocation), {})


@pytest.mark.parametrize("seed", range(6))
def test_pairs_that_help_nowhere_change_nothing(seed, monkeypatch):
    state = cluster(seed, jobs=24, workers=2, multi=bool(seed % 2))
    few = level(state)
    all_rates = packing.pair_rows
    monkeypatch.setattr(packing, "pair_rows", lambda *given: all_rates(*given[:-1], False))
    assert few == pytest.approx(level(state), rel=1e-9)


def test_a_pair_that_helps_a_little_is_not_left_out():
    """Two jobs that run at 0.55 of their speed together: 1.1 in all, on one worker."""
    state = cluster(0, jobs=2, workers=1, multi=False)
    state.workers = np.array([0, 0, 1])
    state.key = np.array([0, 1])
    alone = np.ones((2, 3))
    paired = np.full((2, 2, 2, 3), 0.55)
    state.throughputs = ThroughputTable(alone, paired, 2)
    allocation = Driver(make_policy(NAME), "highs", tie_break="none").allocate(state)
    assert allocation.pair_x.sum() == pytest.approx(1.0)


def test_without_co_located_throughputs_the_message_says_what_to_do():
    state = cluster(0, jobs=2, workers=1, multi=False)
    state.throughputs = ThroughputTable(state.throughputs.alone, None, 2)
    with pytest.raises(InputError, match="_perf"):
        level(state)


@pytest.mark.parametrize("tie_break", ["canonical", "efficient", "none"])
def test_every_job_has_a_trace_alone_where_it_can_run(tie_break):
    """A pair without a share must not come before a job without one (workers left over)."""
    state = cluster(1, jobs=6, workers=3, multi=False)
    name = "max_min_fairness_water_filling_packed"
    x = Driver(make_policy(name), "highs", tie_break=tie_break).allocate(state).x
    rate = state.throughputs.alone[state.key]
    if tie_break == "none":
        assert (x[rate > 0] == 0.0).any()  # what the engine says, as it is
        return
    assert (x[rate > 0] > 0.0).all()
    traces = np.where(x < 1e-9, x, np.nan)
    assert np.isfinite(traces).any()
    expected = 1e-10 * rate / rate.max(axis=1, keepdims=True)
    np.testing.assert_allclose(traces[np.isfinite(traces)], expected[np.isfinite(traces)])
    plain = Driver(make_policy(name.replace("packed", "perf")), "highs").allocate(state).x
    assert (plain == 0.0).any()


def test_multi_gpu_shares_are_near_those_of_the_reference_solver():
    """Its program has pairs that run nowhere, and they keep multi-GPU jobs from sharing everything.

    Without them the mean distance is 0.066 here.
    """
    distance = []
    for seed in range(1, 6):
        state = cluster(seed, jobs=24, workers=12, multi=True)
        ours = Driver(make_policy(NAME)).allocate(state).x
        ecos = Driver(make_policy(NAME), "ecos", tie_break="none").allocate(state).x
        distance.append(np.sqrt(np.mean((ours - ecos) ** 2)))
    assert np.mean(distance) < 0.04
