"""Spreads of a pair of groups over pairs of jobs: equal totals, few pairs, no job with itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gavel_opt.kernels.spreading import NOTHING, spread_over_jobs

sizes = st.integers(1, 12)


def spread(count, member, y):
    """Spread over groups whose jobs stand in order, and give back each job's place in its group."""
    count = np.array(count)
    of_job = np.repeat(np.arange(count.size), count)
    pair, pair_y = spread_over_jobs(of_job, count, np.array(member), np.array(y))
    return pair, pair_y[:, 0]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sizes, sizes)
def test_between_two_groups(first, second):
    pair, part = spread([first, second], [[0, 1]], [[1.0]])
    np.testing.assert_allclose(np.bincount(pair[:, 0], part), np.full(first, 1 / first))
    np.testing.assert_allclose(np.bincount(pair[:, 1] - first, part), np.full(second, 1 / second))
    assert len(pair) <= first + second - 1
    assert (part > 0).all()


@pytest.mark.parametrize("jobs", [2, 3, 4, 5, 6, 9, 10])
def test_within_a_group(jobs):
    pair, part = spread([jobs], [[0, 0]], [[1.0]])
    assert (pair[:, 0] < pair[:, 1]).all()
    total = np.bincount(pair.ravel(), np.repeat(part, 2), jobs)
    np.testing.assert_allclose(total, np.full(jobs, 2 / jobs))
    assert part.sum() == pytest.approx(1.0)
    assert len(pair) <= jobs // 2 + 2


def test_pairs_of_many_groups_stand_in_order_of_jobs_each_with_its_own_time():
    of_job, count = np.array([1, 0, 2, 1, 0, 2, 2]), np.array([2, 2, 3])
    member = np.array([[0, 1], [2, 2], [0, 2], [1, 2]])
    y = np.array([[0.5, 0.0], [0.0, 0.75], [NOTHING, 0.0], [0.0, 2 * NOTHING]])
    pair, pair_y = spread_over_jobs(of_job, count, member, y)
    words = [tuple(sorted(two)) for two in pair.tolist()]
    assert words == sorted(set(words)) == [tuple(two) for two in pair.tolist()]
    for p, (one, two) in enumerate(member.tolist()):
        here = [{of_job[a], of_job[b]} == {one, two} for a, b in words]
        expected = y[p] if y[p].max() > NOTHING else np.zeros(2)
        np.testing.assert_allclose(pair_y[here].sum(axis=0), expected)


def test_no_pairs():
    pair, pair_y = spread_over_jobs(
        np.zeros(3, int), np.array([3]), np.empty((0, 2), int), np.empty((0, 3))
    )
    assert pair.shape == (0, 2)
    assert pair_y.shape == (0, 3)
