r"""The proof that an answer is optimal, from the program and the answer alone, in numpy.

Take ``min c'x`` subject to :math:`l_r \le A x \le u_r` and :math:`l_c \le x \le u_c` (a maximisation
is negated first, the offset plays no part). From an answer ``x`` and row duals ``y`` two *clean*
points are made: :math:`\hat x` is ``x`` clipped to the bounds of its columns; :math:`\hat y` is
``y`` with every multiplier set to zero that points to an infinite bound of its row (a positive one
points to the lower bound, a negative one to the upper). With :math:`z = c - A^T \hat y` the
certificate is

primal residual
    the largest of :math:`|x_j - \hat x_j| / (1 + |\hat x_j|)` over columns, and of

    .. math::

        \frac{\text{violation of row } i \text{ at } \hat x}
        {\min(1, \sum_j |a_{ij}|) + |\text{bound}_i| + \sum_j |a_{ij} \hat x_j|}

    over rows. A row is judged on its own scale: multiplying a row with small coefficients by a
    number hides nothing.

dual residual
    over columns whose reduced cost :math:`z_j` points to an infinite bound, the largest of

    .. math::

        \frac{|z_j|}{\min(1, \max |c|) + |c_j| + \sum_i |a_{ij} \hat y_i|}

    (with 1 in place of the minimum where ``c`` is zero).

relative gap
    :func:`~gavel_opt.kernels.gap.relative_gap`, :math:`|p - d| / (\min(1, \max |c|) + |p| + |d|)`, with :math:`p = c^T \hat x` and

    .. math::

        d = \sum_i \hat y_i b_i + \sum_j z_j b_j,

    each multiplier at the bound that it points to. A :math:`z_j` that points to an infinite bound is
    charged as if the bound were :math:`r = \max(1, \max_k |\hat x_k|)` away from :math:`\hat x_j`.

So ``d`` is a proven lower bound over all feasible points within ``r`` of :math:`\hat x` in the
columns without a bound (over all feasible points if the dual residual is zero), and the gap says how
far ``x`` may be above it. What is small beside 1 is forgiven: a cost of a column that is nothing beside those of others
may be paid for by nobody, and then there is no optimum far out. Where numbers are that far apart, whoever needs to know asks with a ``unit`` of 0 in
place of the 1 of every minimum, and for rays (:func:`gavel_opt.solving.solve`). With all three at zero ``x`` is optimal, by weak duality. What is not finite (a NaN, an overflow, an answer of the wrong shape) has an infinite
certificate and passes nowhere.
"""

from __future__ import annotations

import inspect
import math

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.gap import relative_gap
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Certificate

FAILED = math.inf
_gap = inspect.unwrap(relative_gap)
"""As plain Python, which is what calls it here."""
_TINY = float(np.finfo(np.float64).tiny)


def primal_residual(program: LinearProgram, x: Floats, unit: float = 1.0) -> float:
    """Largest relative violation at ``x``, as defined above, with ``unit``; infinite if ``x`` is no answer."""
    if x.shape != program.c.shape or not _is_finite(x):
        return FAILED
    clipped = np.minimum(np.maximum(x, program.col_lower), program.col_upper)
    residual = _primal(program, x, clipped, _column_of_entry(program), unit)
    return residual if math.isfinite(residual) else FAILED


def certify(program: LinearProgram, x: Floats, row_dual: Floats, unit: float = 1.0) -> Certificate:
    """Compute the certificate of ``x`` with duals ``row_dual`` (sign as in ``Solution``).

    Parameters
    ----------
    program
        The program, with bounds that do not cross.
    x, row_dual
        Shapes ``(n,)`` and ``(m,)``.
    unit
        In place of the 1 of every minimum above: with 0 nothing is forgiven for being small.

    Examples
    --------
    >>> lp = LinearProgram.build([1.0], [[1.0]], 2.0, np.inf)
    >>> certify(lp, np.array([2.0]), np.array([1.0])).within(1e-12)
    True
    >>> certify(lp, np.array([3.0]), np.array([1.0])).within(1e-12)
    False
    """
    c, y = program.c, row_dual
    if x.shape != c.shape or y.shape != program.row_lower.shape:
        return Certificate(FAILED, FAILED, FAILED)
    if not (_is_finite(x) and _is_finite(y)):
        return Certificate(FAILED, FAILED, FAILED)
    if program.maximize:
        c, y = -c, -y
    clipped = np.minimum(np.maximum(x, program.col_lower), program.col_upper)
    column = _column_of_entry(program)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite certifies nothing
        primal = _primal(program, x, clipped, column, unit)
        dual, gap = _dual_and_gap(program, c, clipped, y, column, unit)
    return Certificate(
        primal if math.isfinite(primal) else FAILED,
        dual if math.isfinite(dual) else FAILED,
        gap if math.isfinite(gap) else FAILED,
    )


def _is_finite(values: Floats) -> bool:
    """Whether all are finite, and far from where a product could overflow: so are their squares."""
    with np.errstate(over="ignore"):
        return math.isfinite(np.dot(values, values))


_last_columns: tuple[np.ndarray, np.ndarray] = (np.zeros(1), np.zeros(0, dtype=np.int64))


def _column_of_entry(program: LinearProgram) -> np.ndarray:
    """Column of each entry of the matrix; kept, since successive programs share their sparsity."""
    global _last_columns
    starts, column = _last_columns
    if starts is not program.a.indptr:
        starts = program.a.indptr
        column = np.repeat(np.arange(program.c.size), np.diff(starts))
        if not starts.flags.writeable:
            _last_columns = starts, column
    return column


def _primal(
    program: LinearProgram, x: Floats, clipped: Floats, column: np.ndarray, unit: float
) -> float:
    worst = 0.0
    moved = x - clipped
    if moved.any():
        worst = float((np.abs(moved) / (1.0 + np.abs(clipped))).max())
    lower, upper = program.row_lower, program.row_upper
    m = lower.size
    if not m:
        return worst
    data, row = program.a.data, program.a.indices
    term = data * clipped[column]
    activity = np.bincount(row, term, m)
    below = lower - activity
    violation = np.maximum(below, activity - upper)
    largest = violation.max()
    if largest <= 0.0:
        return worst
    if not math.isfinite(largest):
        return FAILED
    off = np.flatnonzero(violation > 0.0)
    np.abs(term, out=term)
    scale = np.minimum(np.bincount(row, np.abs(data), m)[off], unit)
    scale += np.bincount(row, term, m)[off]
    scale += np.abs(np.where(below[off] > 0.0, lower[off], upper[off]))
    scale += _TINY
    relative = float((violation[off] / scale).max())
    return relative if not relative <= worst else worst


def _dual_and_gap(
    program: LinearProgram, c: Floats, x: Floats, y: Floats, column: np.ndarray, unit: float
) -> tuple[float, float]:
    row_bound = np.where(y > 0.0, program.row_lower, program.row_upper)
    nowhere = np.isinf(row_bound)
    if nowhere.any():
        y = np.where(nowhere, 0.0, y)
        row_bound[nowhere] = 0.0
    dual_value = float(y @ row_bound)

    term = program.a.data * y[program.a.indices]
    z = c - np.bincount(column, term, c.size)
    bound = np.where(z > 0.0, program.col_lower, program.col_upper)
    nowhere = np.isinf(bound)
    largest = float(np.abs(c).max()) if c.size else 0.0
    floor = (min(unit, largest) if largest > 0.0 else unit) or _TINY
    dual_residual = 0.0
    if nowhere.any():
        bound[nowhere] = 0.0
        wrong = np.flatnonzero(nowhere & (z != 0.0))
        if wrong.size:
            size = np.bincount(column, np.abs(term), c.size)[wrong] + np.abs(c[wrong]) + floor
            off, at = z[wrong], x[wrong]
            dual_residual = float((np.abs(off) / size).max())
            bound[wrong] = at - np.copysign(max(1.0, float(np.abs(x).max())), off)
    dual_value += float(z @ bound)
    primal_value = float(c @ x)
    return dual_residual, _gap(primal_value, dual_value, floor)
