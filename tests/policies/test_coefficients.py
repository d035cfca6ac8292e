"""Coefficients: the bits of the reference's order of operations, written out in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from gavel_opt.kernels.isolation import (
    finish_times,
    isolated_speeds,
    isolated_time,
    makespan_rows,
)
from gavel_opt.kernels.job_columns import NO_PAST, PastColumns
from gavel_opt.kernels.max_min_rows import fairness_rows

RNG = np.random.default_rng(5)
KEYS, JOBS = 11, 300
ALONE = RNG.uniform(0.01, 40.0, (KEYS, 3)) * (RNG.random((KEYS, 3)) > 0.2)
ALONE[:, 2] += 0.01
KEY = RNG.integers(0, KEYS, JOBS)
SCALE = 2 ** RNG.integers(0, 4, JOBS)
WEIGHT = RNG.choice([1.0, 5.0, 0.3], JOBS)
WORKERS = np.array([7, 36, 11])
FIRST = np.sort(RNG.choice(JOBS, 80, replace=False))


@pytest.mark.parametrize("plain", [False, True])
def test_normalised_throughput(plain):
    throughput = ALONE[KEY[FIRST]]
    if plain:
        throughput = np.ones_like(throughput)
    share = WORKERS / JOBS
    share = share / share.sum()
    inverse = (1.0 / WEIGHT[FIRST]) * (1.0 / np.sum(throughput * share, axis=1))
    expected = (throughput * inverse[:, None]) * SCALE[FIRST][:, None]
    count = np.arange(FIRST.size)
    rate, use, slope, floor, gain = fairness_rows(
        ALONE, KEY, SCALE, WEIGHT, WORKERS, FIRST, count, plain
    )
    assert (rate == expected).all()
    assert (use == count * SCALE[FIRST]).all()
    assert (slope == 1.0).all()
    assert not floor.any()
    assert (gain == WEIGHT[FIRST]).all()


@pytest.mark.parametrize("workers", [WORKERS, 20 * WORKERS], ids=["scarce", "more than time"])
@pytest.mark.parametrize("reference", [-1, 2])
def test_speed_on_the_isolated_share(reference, workers):
    throughput = ALONE[KEY[FIRST]]
    if reference >= 0:
        throughput = np.repeat(throughput[:, [reference]], 3, axis=1)
    share = (workers / JOBS) / SCALE[FIRST][:, None]
    share = share / np.maximum(np.sum(share, axis=1), 1.0)[:, None]
    speed, solo = isolated_speeds(ALONE, KEY, SCALE, workers, FIRST, reference)
    assert (speed == throughput).all()
    assert (solo == np.sum(throughput * share, axis=1)).all()


def _past(*columns):
    """What is remembered, with more room than it takes, and something of before in it."""
    return PastColumns(
        np.array([columns[0].size]), *(np.concatenate([column, column[:2]]) for column in columns)
    )


def test_time_under_isolation_follows_jobs_that_come_and_go():
    then = _past(
        np.array([0, 2, 3, 7]), np.full(4, 100.0), np.array([1.0, 3.0, 7.0, 9.0]), np.arange(4.0)
    )
    now = isolated_time(np.array([1, 2, 7, 8]), np.array([5.0, 40.0, 93.0, 1.0]), then)
    assert now.tolist() == [0.0, 1.0 + 60.0 / 3.0, 3.0 + 7.0 / 9.0, 0.0]
    assert isolated_time(np.arange(2), np.ones(2), NO_PAST).tolist() == [0, 0]


def test_finish_times_are_made_of_both():
    job, steps = np.arange(JOBS), RNG.uniform(1e3, 1e6, JOBS)
    then = _past(
        job[::3], steps[::3] + 500.0, RNG.uniform(1.0, 9.0, 100), RNG.uniform(0.0, 1e5, 100)
    )
    speed, solo, past, whole = finish_times(ALONE, KEY, SCALE, WORKERS, -1, job, steps, then)
    alone = isolated_speeds(ALONE, KEY, SCALE, WORKERS, job, -1)
    assert (speed == alone[0]).all()
    assert (solo == alone[1]).all()
    assert (past == isolated_time(job, steps, then)).all()
    assert (whole == past + steps / solo).all()


@pytest.mark.parametrize("reference", [-1, 2])
def test_makespan_rows_are_the_reference_s(reference):
    steps = RNG.uniform(1.0, 1e6, JOBS)
    rate, factor, gain = makespan_rows(ALONE, KEY, SCALE, WORKERS, FIRST, reference, steps)
    speed, solo = isolated_speeds(ALONE, KEY, SCALE, WORKERS, FIRST, reference)
    unit = np.max(steps[FIRST] / solo)
    assert factor.tobytes() == (unit / steps[FIRST]).tobytes()
    assert rate.tobytes() == (speed * factor[:, None]).tobytes()
    assert gain.tobytes() == (1.0 / (solo * factor)).tobytes()
