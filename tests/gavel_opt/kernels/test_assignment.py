"""Jobs to places in lines: scipy's assignment of the whole matrix, ties and rounding included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from gavel_opt.kernels import jit
from gavel_opt.kernels.assignment import Lines, assign


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs compile it as a part of another kernel."""
    monkeypatch.setattr(jit, "_DISABLED", True)


def by_scipy(time, age, workers, places):
    each = np.repeat(time, workers, axis=1)
    cost = np.arange(1, places + 1)[None, :, None] * each[:, None, :]
    return linear_sum_assignment(cost.reshape(age.size, -1) + age[:, None])[1]


def times(draw, kind, jobs, types):
    if kind == "ties":
        return draw.integers(0, 4, (jobs, types)).astype(float)
    if kind == "proportional":  # equal but for rounding
        return draw.integers(0, 3, (jobs, 1)) * draw.choice([1.0, 1.0 / 3.0, 0.7], (1, types))
    if kind == "lost in rounding":  # beside the age
        return draw.uniform(0.0, 1e-12, (jobs, types))
    if kind == "equal in eleven digits":
        return draw.integers(1, 3, (jobs, types)) * draw.uniform(1.0, 1.0 + 1e-11, (jobs, types))
    if kind == "far apart":
        return draw.lognormal(0.0, 4.0, (jobs, types))
    if kind == "twins":
        return draw.uniform(0.1, 3.0, (3, types))[draw.integers(0, 3, jobs)]
    return draw.uniform(0.0, 10.0, (jobs, types))


KINDS = [
    "ties",
    "proportional",
    "lost in rounding",
    "equal in eleven digits",
    "far apart",
    "any",
    "twins",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(40))
def test_columns_are_those_of_scipy(kind, seed):
    draw = np.random.default_rng([seed, len(kind)])
    jobs, types = int(draw.integers(1, 40)), int(draw.integers(1, 4))
    workers = draw.integers(0, 9, types)
    workers[0] += 1
    time, age = times(draw, kind, jobs, types), draw.choice([0.0, 100.0, 1e5 / 3.0], jobs)
    if kind == "twins":
        age[:] = age[0]
    places = min(jobs, 3 * -(-jobs // int(workers.sum())) + 2)
    given = Lines.with_room(jobs + 2, types, places * int(workers.sum()) + 3)
    for _ in range(2):  # what is left of a call does not matter to the next one
        given.time[:jobs], given.age[:jobs] = time, age
        assign(given, jobs, workers, places)
    found = given.job["column"][:jobs]
    np.testing.assert_array_equal(found, by_scipy(time, age, workers, places))


@pytest.mark.parametrize("kind", KINDS)
def test_all_places_are_looked_at_where_rounding_is_not_small(kind, monkeypatch):
    own = jit.Kernel(assign.py_func)
    monkeypatch.setitem(own.interpreted.__globals__, "TOLERATED", 1e-19)
    draw, jobs, workers = np.random.default_rng(len(kind)), 40, np.array([1, 0, 3])
    time, age = times(draw, kind, jobs, 3), draw.uniform(0.0, 100.0, jobs)
    given = Lines.with_room(jobs, 3, 4 * jobs)
    given.time[:], given.age[:] = time, age
    own(given, jobs, workers, jobs)
    assert given.state["tolerance"][0] == math.inf
    np.testing.assert_array_equal(given.job["column"], by_scipy(time, age, workers, jobs))
