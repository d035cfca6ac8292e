"""Dense equations: a Cholesky factorisation of few rows and of many, and elimination with pivots; and small lists of numbers."""

from __future__ import annotations

import math

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled


@compiled
def copy_into(target: Floats, source: Floats) -> None:
    """Copy a vector: assigning to a slice would compile what words its errors too, seconds of CPU."""
    for n in range(source.size):
        target[n] = source[n]


@compiled
def put_among_least(numbers: Ints, values: Floats, number: int, value: float) -> float:
    """Put a number, by its value, in place of the last of some that ascend; the value below which the next one must be."""
    at = values.size - 1
    while at > 0 and values[at - 1] > value:
        values[at], numbers[at] = values[at - 1], numbers[at - 1]
        at -= 1
    values[at], numbers[at] = value, number
    return float(values[-1])


@compiled
def cholesky(a: Floats, size: int, loose: float) -> int:
    """Factor the first ``size`` rows of a positive semidefinite matrix, in its lower half: ``a = L L'``.

    The upper half becomes ``L'``, so that all loops run along rows. A row whose pivot is no more than the
    part ``loose`` of its diagonal depends on those before it; it is taken out of the equations, and its
    unknown is zero.

    Returns
    -------
    int
        How many rows were taken out.
    """
    out = 0
    for j in range(size):
        full = a[j, j]
        value = full
        for n in range(j):
            factor = a[j, n] / a[n, n] if a[n, n] > 0.0 else 0.0
            a[j, n] = a[n, j] = factor
            for m in range(n + 1, j):
                a[j, m] -= factor * a[n, m]
            value -= factor * factor
        if value > loose * full:
            a[j, j] = math.sqrt(value)
        else:
            a[j, j] = 0.0
            out += 1
    return out


@compiled
def cholesky_solve(a: Floats, b: Floats) -> None:
    """Solve with the factor of :func:`cholesky`, of all rows; ``b`` becomes the solution."""
    size = b.size
    for j in range(size):
        value = b[j]
        for m in range(j):
            value -= a[j, m] * b[m]
        b[j] = value / a[j, j] if a[j, j] > 0.0 else 0.0
    for j in range(size - 1, -1, -1):
        value = b[j]
        for m in range(j + 1, size):
            value -= a[j, m] * b[m]
        b[j] = value / a[j, j] if a[j, j] > 0.0 else 0.0


# many rows, most of them zero ----------------------------------------------------------------


@compiled
def eliminate_row(a: Floats, i: int) -> float:
    """Step ``i`` of the factorisation ``a = U' U`` by rows of the upper half, past zeros.

    Returns
    -------
    float
        One over the pivot's root.
    """
    n = a.shape[0]
    a[i, i] = math.sqrt(a[i, i])
    inverse = 1.0 / a[i, i]
    for j in range(i + 1, n):
        a[i, j] *= inverse
    for r in range(i + 1, n):
        times = a[i, r]
        if times != 0.0:
            for j in range(r, n):
                a[r, j] -= times * a[i, j]
    return float(inverse)


@compiled
def eliminate_rows(a: Floats, reach: Ints, border: int) -> bool:
    """Factor ``a = U' U`` by rows of the upper half, of which row ``i`` has zeros from ``reach[i]`` up to ``border``.

    What is not zero is as :func:`eliminate_row` has it, to the bit. A row reaches no further than those after
    it that it meets. Returns False where a pivot is not positive.
    """
    n = a.shape[0]
    for i in range(n):
        if not a[i, i] > 0.0:
            return False
        end, edge = reach[i], max(border, i + 1)
        a[i, i] = math.sqrt(a[i, i])
        inverse = 1.0 / a[i, i]
        for j in range(i + 1, end):
            a[i, j] *= inverse
        for j in range(edge, n):
            a[i, j] *= inverse
        for r in range(i + 1, end):
            times = a[i, r]
            if times != 0.0:
                for j in range(r, end):
                    a[r, j] -= times * a[i, j]
                for j in range(edge, n):
                    a[r, j] -= times * a[i, j]
        for r in range(edge, n):
            times = a[i, r]
            for j in range(r, n):
                a[r, j] -= times * a[i, j]
    return True


@compiled
def solve_rows(a: Floats, b: Floats, reach: Ints, border: int) -> None:
    """Solve with the factor of :func:`eliminate_rows`; ``b`` becomes the solution."""
    n = b.size
    for i in range(n):
        value = b[i] = b[i] / a[i, i]
        for j in range(i + 1, reach[i]):
            b[j] -= a[i, j] * value
        for j in range(max(border, i + 1), n):
            b[j] -= a[i, j] * value
    for i in range(n - 1, -1, -1):
        value = b[i]
        for j in range(i + 1, reach[i]):
            value -= a[i, j] * b[j]
        for j in range(max(border, i + 1), n):
            value -= a[i, j] * b[j]
        b[i] = value / a[i, i]


@compiled
def forward_rows(a: Floats, b: Floats, begin: int, end: int) -> None:
    """Solve with rows ``begin`` to ``end`` of ``U'``; rows without a pivot are taken out."""
    for i in range(begin, end):
        if a[i, i] > 0.0:
            b[i] /= a[i, i]
            value = b[i]
            if value != 0.0:
                for j in range(i + 1, b.size):
                    b[j] -= a[i, j] * value
        else:
            b[i] = 0.0


@compiled
def backward_row(row: Floats, b: Floats, i: int, value: float) -> float:
    """Unknown ``i`` of an equation whose later unknowns are known."""
    for j in range(i + 1, b.size):
        value -= row[j] * b[j]
    return float(value / row[i])


@compiled
def dot(a: Floats, b: Floats) -> float:
    """Sum of products, added up from the first to the last."""
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@compiled
def quotient(value: float, by: float) -> float:
    """Divide as compiled code does, where plain Python refuses to: by zero it is infinite, or NaN."""
    return value / by if by != 0.0 else value * math.inf
