"""Dense equations: solutions are those of numpy, dependent rows are taken out."""

from __future__ import annotations

import numpy as np
import pytest

from gavel_opt.kernels.dense import (
    backward_row,
    cholesky,
    cholesky_solve,
    eliminate_row,
    eliminate_rows,
    forward_rows,
    solve_rows,
)


def positive(size, rank=None, seed=0):
    """A positive semidefinite matrix of a rank."""
    factor = np.random.default_rng(seed).normal(size=(size, rank or size))
    return factor @ factor.T


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_cholesky_solves(size):
    a, b = positive(size), np.arange(1.0, size + 1.0)
    factor, solution = a.copy(), b.copy()
    assert cholesky(factor, size, 0.0) == 0
    cholesky_solve(factor, solution)
    np.testing.assert_allclose(a @ solution, b, rtol=1e-8)


def test_a_row_that_follows_from_others_is_taken_out():
    a = positive(4, rank=2)
    given = a @ np.array([1.0, -2.0, 0.5, 3.0])
    factor, solution = a.copy(), given.copy()
    assert cholesky(factor, 4, 1e-12) == 2
    cholesky_solve(factor, solution)
    assert (solution == 0.0).sum() == 2
    np.testing.assert_allclose(a @ solution, given, rtol=1e-8)


def test_a_part_of_the_rows_is_factored():
    a = positive(4)
    factor = a.copy()
    assert cholesky(factor, 2, 0.0) == 0
    np.testing.assert_allclose(np.tril(factor[:2, :2]), np.linalg.cholesky(a[:2, :2]))
    np.testing.assert_array_equal(factor[2:], a[2:])


def test_rows_of_the_upper_half_solve_past_zeros():
    a = positive(6) + np.eye(6)
    a[:3, 3:], a[3:, :3] = 0.0, 0.0
    b = np.arange(6.0)
    upper, y = np.triu(a), b.copy()
    for i in range(6):
        eliminate_row(upper, i)
    np.testing.assert_allclose(upper.T @ upper, a, atol=1e-12)
    forward_rows(upper, y, 0, 6)
    for i in range(5, -1, -1):
        y[i] = backward_row(upper[i], y, i, y[i])
    np.testing.assert_allclose(a @ y, b, atol=1e-10)


def test_blocks_with_a_border_are_solved_to_the_same_bits():
    blocks, size, border = (2, 4, 1, 5), 14, 12
    a = positive(size) + 4 * size * np.eye(size)
    reach, first = np.zeros(size, np.int64), 0
    for width in blocks:
        end = first + width
        a[first:end, end:border], a[end:border, first:end] = 0.0, 0.0
        reach[first:end], first = end, end
    reach[border:] = border
    whole, y = np.triu(a), np.arange(1.0, size + 1.0)
    upper, x = whole.copy(), y.copy()
    for i in range(size):
        eliminate_row(whole, i)
    forward_rows(whole, y, 0, size)
    for i in range(size - 1, -1, -1):
        y[i] = backward_row(whole[i], y, i, y[i])
    assert eliminate_rows(upper, reach, border)
    solve_rows(upper, x, reach, border)
    np.testing.assert_array_equal(upper, whole)
    np.testing.assert_array_equal(x, y)


def test_a_pivot_that_is_not_positive_is_told():
    a = np.triu(positive(3))
    a[1, 1] = 0.0
    assert not eliminate_rows(a, np.full(3, 3), 3)
