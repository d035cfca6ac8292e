"""Strategy-proof fairness: against the definition, job by job."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recordings import state_of

from gavel_opt import (
    Driver,
    InputError,
    SolveFailed,
    ThroughputTable,
    make_engine,
    make_policy,
)
from simulator.world.job_types import JOB_TYPES

NAME, ENGINE = "max_min_fairness_strategy_proof", "structured"
pytest.importorskip("cvxpy")
pytest.importorskip("ecos")


@pytest.fixture(params=["structured", "cvxpy-rebuild"], autouse=True)
def engine(request, monkeypatch):
    """Every test on each engine that can."""
    monkeypatch.setitem(globals(), "ENGINE", request.param)
    return request.param


def cluster(places, workers=(1, 1, 1)):
    return state_of(
        list(workers), [(i, JOB_TYPES[p], 1, 1.0, 1.0, 0.0) for i, p in enumerate(places)]
    )


def allocate(state):
    return Driver(make_policy(NAME), ENGINE).allocate(state).x


def speed(state, x):
    return (state.throughputs.alone[state.key] * x).sum(axis=1)


def largest_product(state):
    """The allocation with the largest product of throughputs, by a program of its own."""
    import cvxpy as cp

    rate = state.throughputs.alone[state.key]
    x = cp.Variable(rate.shape, nonneg=True)
    earned = cp.sum(cp.multiply(rate / rate.max(axis=1, keepdims=True), x), axis=1)
    limits = [cp.sum(x, axis=0) <= state.workers, cp.sum(x, axis=1) <= 1]
    cp.Problem(cp.Maximize(cp.sum(cp.log(earned))), limits).solve(solver=cp.ECOS)
    return x.value


def test_fees_are_what_the_others_lose():
    places = [0, 7, 13, 13, 22]
    state = cluster(places)
    ours = speed(state, allocate(state))
    full = speed(state, largest_product(state))
    for i in range(len(places)):
        others = [m for m in range(len(places)) if m != i]
        part = cluster([places[m] for m in others])
        without = speed(part, largest_product(part))
        assert ours[i] == pytest.approx(full[i] * np.prod(full[others] / without), rel=1e-4)


def test_lying_does_not_pay():
    state = cluster([0, 7, 13, 22])
    truth = speed(state, allocate(state))
    table = state.throughputs
    for job in range(4):
        for factor in ([3.0, 1.0, 1.0], [1.0, 1.0, 3.0], [0.2, 1.0, 1.0]):
            alone = np.concatenate([table.alone, table.alone[state.key[job]][None] * factor])
            key = state.key.copy()
            key[job] = alone.shape[0] - 1
            lied = replace(state, key=key, throughputs=ThroughputTable(alone, None, 2))
            assert speed(state, allocate(lied))[job] <= truth[job] * (1 + 1e-4)


def test_identical_jobs_get_the_same():
    x = allocate(cluster([3, 3, 3, 9]))
    np.testing.assert_array_equal(x[0], x[1])
    np.testing.assert_array_equal(x[0], x[2])


def test_more_jobs_than_the_library_has_fractions_for():
    """cvxpy takes weights of denominators up to 1,024 unless told otherwise."""
    import cvxpy as cp

    count, workers = np.array([700.0, 431.0]), [300, 200, 100]
    state = cluster([0] * 700 + [7] * 431, workers)
    x = allocate(state)
    np.testing.assert_array_equal(x[0], x[699])
    np.testing.assert_array_equal(x[700], x[1130])
    rate = state.throughputs.alone[state.key[[0, 700]]]
    each = cp.Variable(rate.shape, nonneg=True)
    earned = cp.sum(cp.multiply(rate / rate.max(axis=1, keepdims=True), each), axis=1)
    limits = [count @ each <= workers, cp.sum(each, axis=1) <= 1]
    cp.Problem(cp.Maximize(count @ cp.log(earned)), limits).solve(solver=cp.ECOS)
    # Of so many jobs each takes 1/e of what it would have, as its fee.
    np.testing.assert_allclose(x[[0, 700]] * np.e, each.value, rtol=2e-3, atol=1e-6)


def test_an_engine_that_raises_is_one_line(engine, monkeypatch):
    def broken(self, program, options):
        raise ValueError("of the library")

    monkeypatch.setattr(type(make_engine(engine)), "solve_product", broken)
    with pytest.raises(SolveFailed, match=f"{engine}: raised ValueError"):
        allocate(cluster([0, 7]))


def test_a_job_alone_pays_nothing():
    np.testing.assert_allclose(allocate(cluster([3])).sum(), 1.0, rtol=1e-6)


def test_other_engines_say_which_one_can():
    driver = Driver(make_policy(NAME), "highs")
    with pytest.raises(InputError, match="--engine structured"):
        driver.allocate(cluster([0, 1]))
