"""Equal rows: against numpy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gavel_opt.kernels.groups import MANY, all_differ, clipped_shares, group_keys, group_rows
from gavel_opt.model.groups import group_jobs


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(1, 200), st.integers(1, 4), st.sampled_from([1, 2, 5, 1000]), st.integers(0, 10**6)
)
def test_groups_are_those_of_numpy(jobs, values, top, seed):
    rng = np.random.default_rng(seed)
    table = rng.integers(-top, top, (jobs, values)) / 3.0
    of_job, first, count, mark = group_rows(table)
    _, index, inverse, counts = np.unique(
        table, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    assert of_job.tolist() == inverse.ravel().tolist()
    assert first.tolist() == index.tolist()
    assert count.tolist() == counts.tolist()
    assert mark.size in (0, first.size)
    assert np.unique(mark).size == mark.size


def test_negative_zero_is_zero():
    assert group_rows(np.array([[0.0], [-0.0]]))[0].tolist() == [0, 0]


def test_jobs_told_apart_by_their_place_keep_their_own_numbers():
    """A job has left and another one has come: all others are known by what they were known by before."""
    place, width = np.arange(6), np.ones(6, dtype=np.int64)
    before, after = np.array([3, 5, 8, 9, 12, 20]), np.array([5, 8, 9, 12, 20, 21])
    for job in (before, after):
        assert group_jobs(True, place, width).keys(job).tolist() == job.tolist()
    # where jobs have types in common, so have their keys
    alike = group_jobs(True, np.array([2, 1, 2, 0, 1, 3]), width)
    assert alike.keys(before).tolist() == alike.keys(after).tolist()


def test_marks_follow_the_values_not_the_place():
    table = np.random.default_rng(0).integers(0, 5, (50, 2)).astype(np.float64)
    _, first, _, mark = group_rows(table)
    _, again, _, same = group_rows(table[::-1].copy())
    assert (table[first] == table[::-1][again]).all()
    assert mark.tolist() == same.tolist()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 200), st.sampled_from([1, 3, 30]), st.integers(0, 10**6))
def test_groups_by_key_are_those_of_the_rows(jobs, keys, seed):
    rng = np.random.default_rng(seed)
    key, scale = rng.integers(0, keys, jobs), 2 ** rng.integers(0, 3, jobs)
    weight = rng.integers(1, 4, jobs) / 3.0
    found = group_keys(key, scale, weight, keys + 2)
    expected = group_rows(np.stack([key, scale, weight], axis=1).astype(np.float64))
    for mine, other in zip(found[:3], expected[:3], strict=True):
        assert mine.tolist() == other.tolist()
    assert np.unique(found[3]).size == found[3].size == found[1].size


def test_marks_of_keys_stay_when_others_come_and_go():
    key, one = np.array([4, 1, 4, 2]), np.ones(4, dtype=np.int64)
    weight = np.array([1.0, 1.0, 5.0, -0.0])
    _, first, _, mark = group_keys(key, one, weight, 5)
    _, fewer, _, same = group_keys(key[1:], one[1:], np.array([1.0, 5.0, 0.0]), 5)
    assert first.tolist() == [1, 3, 0, 2]
    assert fewer.tolist() == [0, 2, 1]
    assert same.tolist() == mark[[0, 1, 3]].tolist()


def test_keys_shared_by_too_many_groups_are_left_to_the_rows():
    weight = np.arange(1.0, MANY + 4.0)
    zero = np.zeros(weight.size, dtype=np.int64)
    assert group_keys(zero, zero + 1, weight, 1)[1].size == 0
    assert group_keys(zero, zero + 1, np.minimum(weight, 9.0), 1)[1].size == 9


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([0, 1, 2, 17, 2**33, 2**63, 2**64 - 1]), max_size=6))
def test_values_that_all_differ(values):
    assert all_differ(np.array(values, dtype=np.uint64)) == (len(set(values)) == len(values))


def test_shares_are_handed_out_and_clipped():
    shares = clipped_shares(np.array([[-1e-12, 0.5], [0.25, 1.0 + 1e-9]]), np.array([1, 0, 1]))
    assert shares.tolist() == [[0.25, 1.0], [0.0, 0.5], [0.25, 1.0]]


def test_jobs_that_nearly_all_differ_keep_their_keys_when_one_is_like_another():
    job, kind = 100 + np.arange(20), np.arange(20.0)
    assert group_jobs(True, kind).keys(job).tolist() == job.tolist()
    kind[7] = kind[3]
    assert group_jobs(True, kind).keys(job).tolist() == np.delete(job, 7).tolist()
    few = group_jobs(True, kind % 4.0).keys
    assert few(job).tolist() == few(job + 1).tolist()
