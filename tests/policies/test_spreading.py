"""Spreads of a pair of groups over pairs of jobs: equal totals, few pairs, no job with itself."""

from __future__ import annotations

import numpy as np
import pytest

from gavel_opt.spreading import between, between_each, within


@pytest.mark.parametrize("first", [1, 2, 3, 7, 12])
@pytest.mark.parametrize("second", [1, 2, 5, 8])
def test_between_two_groups(first, second):
    i, k, part = between(first, second)
    np.testing.assert_allclose(np.bincount(i, part), np.full(first, 1 / first))
    np.testing.assert_allclose(np.bincount(k, part), np.full(second, 1 / second))
    assert i.size <= first + second - 1
    assert (part > 0).all()


@pytest.mark.parametrize("jobs", [2, 3, 4, 5, 6, 9, 10])
def test_within_a_group(jobs):
    i, k, part = within(jobs)
    assert (i < k).all()
    assert k.max() < jobs
    total = np.bincount(i, part, jobs) + np.bincount(k, part, jobs)
    np.testing.assert_allclose(total, np.full(jobs, 2 / jobs))
    assert part.sum() == pytest.approx(1.0)
    assert i.size <= jobs // 2 + 2


def test_all_pairs_at_once_are_one_after_the_other_to_the_last_bit():
    sizes = [(1, 1), (1, 7), (7, 1), (2, 3), (3, 3), (6, 4), (4, 6), (13, 5), (12, 8), (1, 1)]
    which, i, k, part = between_each(*np.array(sizes).T)
    one_by_one = [between(m, n) for m, n in sizes]
    assert which.tolist() == [p for p, found in enumerate(one_by_one) for _ in found[0]]
    for found, place in ((i, 0), (k, 1), (part, 2)):
        assert found.tolist() == np.concatenate([one[place] for one in one_by_one]).tolist()


def test_no_pairs_at_once():
    empty = np.empty(0, dtype=np.int64)
    assert all(found.size == 0 for found in between_each(empty, empty))
