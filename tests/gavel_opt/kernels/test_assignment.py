"""Jobs to places in lines: scipy's assignment of the whole matrix, ties and rounding included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from gavel_opt.kernels import jit
from gavel_opt.kernels.assignment.assign import assign
from gavel_opt.kernels.assignment.few_places import assign_at_few_places
from gavel_opt.kernels.assignment.lines import Lines, find_twins


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
    own = jit.Kernel(assign_at_few_places.py_func)
    monkeypatch.setitem(own.interpreted.__globals__, "TOLERATED", 1e-19)
    draw, jobs, workers = np.random.default_rng(len(kind)), 40, np.array([1, 0, 3])
    time, age = times(draw, kind, jobs, 3), draw.uniform(0.0, 100.0, jobs)
    given = Lines.with_room(jobs, 3, 4 * jobs)
    given.time[:], given.age[:] = time, age
    find_twins(given, jobs)
    own(given, jobs, workers, jobs)
    assert given.state["tolerance"][0] == math.inf
    np.testing.assert_array_equal(given.job["column"], by_scipy(time, age, workers, jobs))


def ages(draw, kind, jobs):
    if kind == "hidden":  # what a place more costs is lost beside it, for some
        return -np.sort(-(10.0 ** draw.uniform(0.0, 20.0, jobs)))
    if kind == "few":
        return draw.choice([0.0, 360.0, 1e5 / 3.0], jobs)
    return np.zeros(jobs) if kind == "none" else -np.sort(-draw.uniform(0.0, 1e6, jobs))


def of_lengths(draw, lengths, jobs, types):
    return draw.uniform(10.0, 1e4, (lengths, types))[np.arange(jobs) % lengths]


def solved(kernel, time, age, workers):
    jobs = age.size
    places = min(jobs, 3 * -(-jobs // int(workers.sum())) + 2)
    given = Lines.with_room(jobs, workers.size, places * int(workers.sum()))
    given.time[:], given.age[:] = time, age
    kernel(given, jobs, workers, places)
    return given.job["column"], by_scipy(time, age, workers, places)


@pytest.fixture
def calls(monkeypatch):
    """A kernel of its own, and by name what two of the kernels that it calls have answered."""
    own, answers = (
        jit.Kernel(assign.py_func),
        {"assign_at_all_columns": [], "assign_at_few_places": []},
    )
    for name, kept in answers.items():

        def keep(*given, kept=kept, kernel=own.interpreted.__globals__[name]):
            kept.append(kernel(*given))
            return kept[-1]

        monkeypatch.setitem(own.interpreted.__globals__, name, keep)
    return own, answers


@pytest.mark.parametrize("kind", ["none", "few", "own"])
@pytest.mark.parametrize("workers", [(1, 0, 1), (1, 1, 1), (0, 1, 0), (3, 0, 2)])
@pytest.mark.parametrize("lengths", [1, 2, 4])
def test_jobs_of_few_lengths_have_columns_looked_at_together(kind, workers, lengths, calls):
    own, answers = calls
    draw = np.random.default_rng([lengths, *workers])
    time, age = of_lengths(draw, lengths, 60, 3), ages(draw, kind, 60)
    found, expected = solved(own, time, age, np.array(workers))
    np.testing.assert_array_equal(found, expected)
    assert answers == {"assign_at_all_columns": [True], "assign_at_few_places": []}


def test_jobs_of_a_length_whose_places_cost_the_same_by_rounding(calls):
    own, answers = calls
    for seed in range(30):
        draw = np.random.default_rng(seed)
        time, age = of_lengths(draw, 1, 30, 3), ages(draw, "hidden", 30)
        found, expected = solved(own, time, age, np.array([1 + seed % 3, seed % 2, 1]))
        np.testing.assert_array_equal(found, expected)
    given_up = answers["assign_at_all_columns"].count(False)
    assert given_up == len(answers["assign_at_few_places"]) > 10
