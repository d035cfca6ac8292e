"""Rows and columns of a program scaled by powers of two, which changes no digit of any figure.

Solvers drop coefficients below 1e-9 or so, and judge bounds by absolute tolerances. Scaled so that
coefficients, bounds and costs lie around one, a program reaches them whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from gavel_opt.arrays import Floats, frozen_floats
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Solution

SMALL, LARGE = 1e-9, 1e12
"""Coefficients beyond these are what solvers drop or refuse."""

TINY = 1e-2
"""Bounds that are all below it are."""

WIDE = 20
"""Powers of two between the numbers of a program from which on they are far apart."""

_ROUNDS = 40
_MOST = 900
"""Largest exponent of a scale; a float's go to 1023."""

Around = Literal["middle", "largest"]

_Exponents = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    r"""A scaled program and the way back.

    With exponents ``row``, ``column``, ``size`` and ``cost`` the scaled program has the matrix
    :math:`2^{row} A\, 2^{column}`, columns :math:`x' = 2^{-column - size} x`, and costs
    :math:`2^{cost + column} c`.
    """

    program: LinearProgram
    original: LinearProgram
    row: _Exponents
    column: _Exponents
    size: int
    cost: int

    def point(self, x: Floats) -> Floats:
        """A point of the scaled program as one of the original."""
        with np.errstate(over="ignore"):  # it proves nothing there
            return np.ldexp(x, self.column + self.size)

    def direction(self, x: Floats) -> Floats:
        """A direction of the scaled program as one of the original, up to its length."""
        return np.ldexp(x, self.column)

    def multipliers(self, y: Floats) -> Floats:
        """Row multipliers of the scaled program as those of the original, up to a factor."""
        return np.ldexp(y, self.row)

    def there(self, x: Floats, row_dual: Floats) -> tuple[Floats, Floats]:
        """A point and duals of the original as those of the scaled program."""
        return (
            np.ldexp(x, -self.column - self.size),
            np.ldexp(row_dual, self.cost - self.row),
        )

    def back(self, solution: Solution) -> Solution:
        """Turn a solution of the scaled program into one of the original."""
        if solution.x is not None:
            solution.x = self.point(solution.x)
            solution.objective = self.original.objective(solution.x)
            with np.errstate(over="ignore"):
                named = float(np.ldexp(solution.named, self.size - self.cost))
            solution.named = named + self.original.offset
        if solution.row_dual is not None:
            solution.row_dual = np.ldexp(solution.row_dual, self.row - self.cost)
        return solution


def needs_scaling(program: LinearProgram) -> bool:
    """Whether a program is out of the solvers' scale.

    A coefficient is so small or so large that they drop or refuse it, or all bounds are so small that
    what they overlook (and what a certificate allows, which is absolute near zero) is no small part of them.
    """
    size = np.abs(program.a.data)
    size = size[size > 0.0]
    if size.size and (size.min() < SMALL or size.max() > LARGE):
        return True
    largest = 0.0
    for bounds in (program.row_upper, program.row_lower, program.col_upper, program.col_lower):
        finite = np.abs(bounds[np.isfinite(bounds)])
        largest = max(largest, float(finite.max(initial=0.0)))
        if largest >= TINY:
            return False
    return largest > 0.0


def is_wide(program: LinearProgram) -> bool:
    """Whether numbers of a program are so far apart that what a certificate forgives for being small may be all there is.

    That takes a column whose costs and coefficients, or a row whose bounds and coefficients, are below those of others
    by what the usual tolerance is below one.
    """
    bounds = program.row_lower, program.row_upper, program.col_lower, program.col_upper
    apart = _apart(program.a.data)
    return apart + max(_apart(program.c), _apart(np.concatenate(bounds))) >= WIDE


def _apart(values: Floats) -> int:
    """How many powers of two the largest of the values is above the smallest, of those that are neither zero nor infinite."""
    size = np.abs(values[np.isfinite(values) & (values != 0.0)])
    return int(np.frexp(size.max())[1] - np.frexp(size.min())[1]) if size.size else 0


def scaled(program: LinearProgram, around: Around = "middle") -> Scaled:
    """Scale a program: coefficients around one by rows and columns, then bounds and costs.

    Parameters
    ----------
    program
        The program.
    around
        ``"middle"`` brings the middle between the smallest and the largest coefficient of each row and
        column to one, so that none is lost; ``"largest"`` the largest, where some are next to nothing
        beside the others and would spoil those.
    """
    m, n = program.shape
    data, row_of = program.a.data, program.a.indices
    column_of = np.repeat(np.arange(n), np.diff(program.a.indptr))
    there = data != 0.0
    exponent = np.frexp(np.abs(data[there]))[1].astype(np.float64)
    row, column = np.zeros(m), np.zeros(n)
    level = _middle if around == "middle" else _largest
    for _ in range(_ROUNDS if around == "middle" else 1):
        row = -level(exponent + column[column_of[there]], row_of[there], m)
        column = -level(exponent + row[row_of[there]], column_of[there], n)
    rows, columns = _whole(row), _whole(column)
    bounds = np.concatenate(
        [
            np.ldexp(program.row_lower, rows),
            np.ldexp(program.row_upper, rows),
            np.ldexp(program.col_lower, -columns),
            np.ldexp(program.col_upper, -columns),
        ]
    )
    size = _typical(bounds)
    cost = -_typical(np.ldexp(program.c, columns))
    data = np.ldexp(data, rows[row_of] + columns[column_of])
    matrix = scipy.sparse.csc_array((data, row_of, program.a.indptr), shape=(m, n))
    matrix.has_sorted_indices = matrix.has_canonical_format = True
    changed = LinearProgram(
        c=frozen_floats(np.ldexp(program.c, columns + cost)),
        a=matrix,
        row_lower=frozen_floats(np.ldexp(program.row_lower, rows - size)),
        row_upper=frozen_floats(np.ldexp(program.row_upper, rows - size)),
        col_lower=frozen_floats(np.ldexp(program.col_lower, -columns - size)),
        col_upper=frozen_floats(np.ldexp(program.col_upper, -columns - size)),
        maximize=program.maximize,
    )
    return Scaled(changed, program, rows, columns, size, cost)


def _middle(exponent: Floats, place: NDArray[np.int32], count: int) -> Floats:
    """Middle between the smallest and the largest exponent at each place; 0 where there is none."""
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, place, exponent)
    np.maximum.at(high, place, exponent)
    low[np.isinf(low)] = high[np.isinf(high)] = 0.0
    middle: Floats = 0.5 * (low + high)
    return middle


def _largest(exponent: Floats, place: NDArray[np.int32], count: int) -> Floats:
    """Largest exponent at each place; 0 where there is none."""
    high = np.full(count, -np.inf)
    np.maximum.at(high, place, exponent)
    high[np.isinf(high)] = 0.0
    return high


def _whole(exponent: Floats) -> _Exponents:
    return np.clip(np.rint(exponent), -_MOST, _MOST).astype(np.int64)


def _typical(values: Floats) -> int:
    """Middle exponent of the values that are neither zero nor infinite."""
    size = np.abs(values[np.isfinite(values) & (values != 0.0)])
    if not size.size:
        return 0
    exponent = np.frexp(size)[1]
    return int(exponent.min() + exponent.max()) // 2
