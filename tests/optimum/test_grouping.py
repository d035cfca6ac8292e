"""Equal rows: against numpy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gavel_opt.grouping import group_rows


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


def test_marks_follow_the_values_not_the_place():
    table = np.random.default_rng(0).integers(0, 5, (50, 2)).astype(np.float64)
    _, first, _, mark = group_rows(table)
    _, again, _, same = group_rows(table[::-1].copy())
    assert (table[first] == table[::-1][again]).all()
    assert mark.tolist() == same.tolist()
