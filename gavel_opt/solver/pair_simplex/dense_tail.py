"""The last steps of a factorisation, where what is left has few zeros: rows and columns of a square matrix, with row interchanges.

Going through lists costs several times what arithmetic does, so from some density on zeros are cheaper than their absence.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled

MOST = 512
"""Steps at most."""


class Tail(NamedTuple):
    """Room for D steps at most.

    Attributes
    ----------
    by_row, by_column
        Multipliers below the diagonal and entries above it, and the same transposed, ``(D, D)``; the diagonal is not used.
    work
        A right-hand side, ``(D,)``.
    """

    by_row: Floats
    by_column: Floats
    work: Floats


@compiled
def room_for_tail(rows: int) -> Tail:
    """Room for a basis of so many rows."""
    most = min(rows, MOST)
    return Tail(np.zeros((most, most)), np.zeros((most, most)), np.zeros(most))


@compiled
def factor_tail(tail: Tail, row: Ints, pivot: Floats, size: Floats, singular: float) -> bool:
    """Factor the first rows and columns of ``by_row``, as many as there are pivots; False where they are singular.

    ``row`` says which row each is, and is brought into the order of the steps. ``pivot`` is filled in with one over each; one up
    to the part ``singular`` of its column's ``size`` is none. All are of shape ``(D,)``.
    """
    a, many = tail.by_row, pivot.size
    for k in range(many):
        best = k
        for i in range(k + 1, many):
            if abs(a[i, k]) > abs(a[best, k]):
                best = i
        if abs(a[best, k]) <= singular * size[k]:
            return False
        if best != k:
            row[k], row[best] = row[best], row[k]
            for j in range(many):
                a[k, j], a[best, j] = a[best, j], a[k, j]
        pivot[k] = 1.0 / a[k, k]
        for i in range(k + 1, many):
            if a[i, k] != 0.0:
                a[i, k] *= pivot[k]
                times = a[i, k]
                for j in range(k + 1, many):
                    a[i, j] -= times * a[k, j]
    for i in range(many):
        for j in range(many):
            tail.by_column[j, i] = a[i, j]
    return True


@compiled
def through_tail(tail: Tail, pivot: Floats) -> None:
    """Solve for the right-hand side in ``work``."""
    work, by_column, many = tail.work, tail.by_column, pivot.size
    for k in range(many):
        value = work[k]
        if value != 0.0:
            for i in range(k + 1, many):
                work[i] -= by_column[k, i] * value
    for k in range(many - 1, -1, -1):
        work[k] *= pivot[k]
        value = work[k]
        for i in range(k):
            work[i] -= by_column[k, i] * value


@compiled
def back_through_tail(tail: Tail, pivot: Floats) -> None:
    """Solve the transposed equations for the right-hand side in ``work``."""
    work, by_row, many = tail.work, tail.by_row, pivot.size
    for k in range(many):
        work[k] *= pivot[k]
        value = work[k]
        if value != 0.0:
            for j in range(k + 1, many):
                work[j] -= by_row[k, j] * value
    for k in range(many - 1, -1, -1):
        value = work[k]
        for j in range(k):
            work[j] -= by_row[k, j] * value
