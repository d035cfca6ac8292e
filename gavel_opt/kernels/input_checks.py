"""Whether what was handed over is as it should be, in one compiled pass each: jobs, and tables of numbers."""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled


@compiled
def are_ordinary(
    number: Ints, columns: tuple[Ints, Ints, Floats, Floats, Floats], limits: tuple[int, int]
) -> bool:
    """Whether numbers ascend, and each job has a row in the table, fits, has a weight, and has numbers.

    Parameters
    ----------
    number
        Numbers of the jobs, of which none need be given where their order means nothing.
    columns
        Key, scale factor, weight, steps left and age of each job, shape ``(n,)``.
    limits
        Rows of the table of throughputs, and the largest scale factor that fits.
    """
    for place in range(1, number.size):
        if not number[place - 1] < number[place]:
            return False
    key, scale, weight, steps_left, age = columns
    rows, widest = limits
    total = 0.0
    for job in range(key.size):
        if not (0 <= key[job] < rows and 0 < scale[job] <= widest and weight[job] > 0.0):
            return False
        total += 0.0 * weight[job] + 0.0 * steps_left[job] + 0.0 * age[job]
    return total == 0.0


@compiled
def all_run(alone: Floats) -> bool:
    """Whether there are throughputs, every row of them runs somewhere, and none is negative or infinite."""
    for i in range(alone.shape[0]):
        most = 0.0
        for j in range(alone.shape[1]):
            if not 0.0 <= alone[i, j] < np.inf:
                return False
            most = max(most, alone[i, j])
        if not most > 0.0:
            return False
    return alone.size > 0


@compiled
def all_finite(
    table: Floats, other: Floats, a: Floats, b: Floats, c: Floats, d: Floats, e: Floats
) -> bool:
    """Whether no value of two tables and five vectors is NaN or infinite."""
    total = 0.0
    for rows in (table, other):
        for i in range(rows.shape[0]):
            for j in range(rows.shape[1]):
                total += 0.0 * rows[i, j]
    for values in (a, b, c, d, e):
        for i in range(values.size):
            total += 0.0 * values[i]
    return bool(np.isfinite(total))
