"""Whether tables hold nothing but numbers, in one compiled pass."""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.jit import compiled


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


@compiled
def quotient(value: float, by: float) -> float:
    """Divide as compiled code does, where plain Python refuses to: by zero it is infinite, or NaN."""
    return value / by if by != 0.0 else value * np.inf
