"""Gandiva: draws are those of Python's own ``random.sample``, shares those of numpy, copies by themselves."""

from __future__ import annotations

import copy
import random
from dataclasses import replace

import numpy as np

from gavel_opt import ClusterState, ThroughputTable, make_policy
from gavel_opt.kernels.even_split import split_evenly
from gavel_opt.kernels.random_pairs import two_below
from gavel_opt.kernels.random_streams import stream, words_of
from gavel_opt.policies.shares import isolated_share


def test_two_numbers_are_drawn_as_sample_draws_them():
    ours, theirs = stream(5), random.Random(5)
    for n in [*range(2, 70), 1000, 4096] * 20:
        assert list(two_below(n, ours)) == theirs.sample(range(n), 2)
    assert (ours == words_of(theirs)).all()


def test_the_cluster_is_split_as_numpy_splits_it():
    draw = np.random.default_rng(1)
    for types in [*range(1, 40), 127, 128]:
        workers, scale = draw.integers(1, 100, types), int(draw.integers(1, 9))
        share = np.empty(types)
        split_evenly(workers, 37, scale, share)
        assert (share == isolated_share(workers, np.full(37, scale))[0]).all()


def thirty():
    jobs = 30
    return ClusterState(
        ("a", "b"),
        np.array([3, 4]),
        ThroughputTable(np.ones((2, 2)), np.full((2, 2, 2, 2), 0.8)),
        job=np.arange(jobs),
        key=np.arange(jobs) % 2,
        scale_factor=np.ones(jobs, dtype=np.int64),
        weight=np.ones(jobs),
        steps_left=np.ones(jobs),
        age=np.zeros(jobs),
    )


def test_a_job_has_one_partner_whatever_is_remembered():
    policy = make_policy("gandiva")
    known = [[0, 0], *([0, other] for other in range(1, 30)), [3, 900], *[[1, 2]] * 40]
    policy.restore(policy.snapshot() | {"partner": known})
    found = policy.shares(thirty())
    assert found.pair.shape == (15, 2)
    assert np.unique(found.pair).size == 30


def test_a_copy_goes_on_by_itself():
    policy, state = make_policy("gandiva"), thirty()
    first = policy.shares(state)
    assert first.pair.shape == (15, 2)
    columns = ("job", "key", "scale_factor", "weight", "steps_left", "age")
    left = replace(state, **{name: getattr(state, name)[:21] for name in columns})
    other = copy.deepcopy(policy)
    before = other.snapshot()
    found = policy.shares(left)
    assert other.snapshot() == before != policy.snapshot()
    again = other.shares(left)
    assert np.array_equal(found.pair, again.pair)
    assert np.array_equal(found.x, again.x)
    assert other.snapshot() == policy.snapshot()
