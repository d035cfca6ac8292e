r"""Proofs that a program has no point, or no bound; from the program and a ray alone, in numpy.

**Infeasible** (Farkas): row multipliers ``y`` and :math:`z = -A^T y` give
:math:`y^T A x + z^T x = 0` for all ``x``, while every point has

.. math:: y^T A x + z^T x \ge s = \sum_i y_i b_i + \sum_j z_j b_j,

each multiplier at the bound that it points to (a positive one to the lower). If ``s > 0`` there is no
point. A multiplier of a row that points to an infinite bound is set to zero first; a :math:`z_j` that
does must be rounding error of its sum.

**Unbounded**: a feasible point, and a direction ``d`` that leaves every finite bound alone or moves
away from it, and along which the objective improves.

Both allow for :data:`ROUNDING` of the sums that should be zero and ask for :data:`MARGIN` of those that
should not. The programs that such rays come from, where a solver gives none, are here, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import scipy

from gavel_opt.arrays import Bools, Floats, frozen_floats
from gavel_opt.model.linear_program import LinearProgram

ROUNDING = 1e-11
"""Largest part of the sum of its terms that a sum may have that should be zero."""

MARGIN = 1e-9
"""Smallest part of the sum of its terms that a sum must have that should not be zero."""

_NEAR_ZERO = 1e-6
_DENSE = 2_000_000
_POLISHES = 3


def farkas_ray(program: LinearProgram, y: Floats) -> Floats | None:
    """The multipliers, cleaned of rounding, if they prove that there is no point; else None.

    Parameters
    ----------
    program
        The program, with bounds that do not cross.
    y
        Row multipliers, shape ``(m,)``; positive ones point to lower bounds.
    """
    if y.shape != program.row_lower.shape or not np.isfinite(y).all() or not y.any():
        return None
    a = scipy.sparse.csc_array(program.a)
    half_open = np.isinf(program.col_lower) | np.isinf(program.col_upper)
    y = _towards_bounds(y / np.abs(y).max(), program.row_lower, program.row_upper)
    for _ in range(_POLISHES + 1):
        z = -(a.T @ y)
        size = abs(a).T @ np.abs(y)
        wrong = np.isinf(np.where(z > 0.0, program.col_lower, program.col_upper)) & (z != 0.0)
        if (np.abs(z[wrong]) <= ROUNDING * size[wrong]).all():
            z = np.where(wrong, 0.0, z)
            return y if _is_above_zero(program, y, z) else None
        near = half_open & (np.abs(z) <= _NEAR_ZERO * size)
        moved = _polished(a.T, y, z, wrong | near)
        if moved is None:
            return None
        y = _towards_bounds(moved, program.row_lower, program.row_upper)
    return None


def one_row(program: LinearProgram) -> Floats:
    """Multipliers of the row that its columns, within their bounds, miss by most in part; zero where none is missed."""
    row, entry = program.a.indices, program.a.data
    column = np.repeat(np.arange(program.c.size), np.diff(program.a.indptr))
    rising, there, m = entry > 0.0, entry != 0.0, program.row_lower.size
    y = np.zeros(m)
    missed = np.zeros(m)
    for sign, bound, at in (
        (
            -1.0,
            program.row_upper,
            np.where(rising, program.col_lower[column], program.col_upper[column]),
        ),
        (
            1.0,
            program.row_lower,
            np.where(rising, program.col_upper[column], program.col_lower[column]),
        ),
    ):
        term = np.where(there, entry * np.where(there, at, 0.0), 0.0)
        bounded = np.isfinite(bound) & np.isfinite(np.bincount(row, np.abs(term), m))
        beyond = np.where(bounded, sign * (bound - np.bincount(row, term, m)), 0.0)
        size = np.bincount(row, np.abs(term), m) + np.where(bounded, np.abs(bound), 0.0)
        part = np.divide(beyond, size, out=np.zeros(m), where=beyond > 0.0)
        y = np.where(part > missed, sign, y)
        missed = np.maximum(part, missed)
    return np.where(np.arange(m) == missed.argmax(), y, 0.0) if m else y


def one_column(program: LinearProgram) -> Floats:
    """The direction along one column that improves the objective and that no bound of it or of its rows ends; zero where there is none."""
    row, entry = program.a.indices, program.a.data
    column = np.repeat(np.arange(program.c.size), np.diff(program.a.indptr))
    d = np.sign(program.c) * (1.0 if program.maximize else -1.0)
    move = entry * d[column]
    ends = np.where(move > 0.0, program.row_upper[row], program.row_lower[row])
    closed = np.bincount(column, (move != 0.0) & np.isfinite(ends), d.size) > 0.0
    closed |= np.isfinite(np.where(d > 0.0, program.col_upper, program.col_lower))
    free = np.flatnonzero(~closed & (d != 0.0))[:1]
    return np.where(np.isin(np.arange(d.size), free), d, 0.0)


def _towards_bounds(multiplier: Floats, lower: Floats, upper: Floats) -> Floats:
    bound = np.where(multiplier > 0.0, lower, upper)
    return np.where(np.isinf(bound), 0.0, multiplier)


def _is_above_zero(program: LinearProgram, y: Floats, z: Floats) -> bool:
    """Whether the bound ``s`` is positive, beyond rounding."""
    multiplier = np.concatenate([y, z])
    lower = np.concatenate([program.row_lower, program.col_lower])
    upper = np.concatenate([program.row_upper, program.col_upper])
    bound = np.where(multiplier > 0.0, lower, upper)
    terms = multiplier * np.where(multiplier == 0.0, 0.0, bound)
    with np.errstate(invalid="ignore", over="ignore"):
        total, size = float(terms.sum()), float(np.abs(terms).sum())
    return bool(np.isfinite(size)) and total > MARGIN * size


def improving_ray(program: LinearProgram, d: Floats) -> Floats | None:
    """The direction, cleaned of rounding, if the objective improves along it for ever; else None.

    Parameters
    ----------
    program
        The program.
    d
        Direction, shape ``(n,)``.
    """
    if d.shape != program.c.shape or not np.isfinite(d).all() or not d.any():
        return None
    a = scipy.sparse.csr_array(program.a)
    closed = np.isfinite(program.row_lower) | np.isfinite(program.row_upper)
    d = _in_cone(d / np.abs(d).max(), program.col_lower, program.col_upper)
    for _ in range(_POLISHES + 1):
        move = a @ d
        size = abs(a) @ np.abs(d)
        wrong = ((move < 0.0) & np.isfinite(program.row_lower)) | (
            (move > 0.0) & np.isfinite(program.row_upper)
        )
        if (np.abs(move[wrong]) <= ROUNDING * size[wrong]).all():
            terms = program.c * d
            gain = float(terms.sum()) * (1.0 if program.maximize else -1.0)
            return d if gain > MARGIN * float(np.abs(terms).sum()) else None
        near = closed & (np.abs(move) <= _NEAR_ZERO * size)
        moved = _polished(a, d, -move, wrong | near)
        if moved is None:
            return None
        d = _in_cone(moved, program.col_lower, program.col_upper)
    return None


def _in_cone(d: Floats, lower: Floats, upper: Floats) -> Floats:
    """Without what leads to a finite bound."""
    d = np.where(np.isfinite(lower), np.maximum(d, 0.0), d)
    return np.where(np.isfinite(upper), np.minimum(d, 0.0), d)


def _polished(matrix: Any, vector: Floats, missing: Floats, chosen: Bools) -> Floats | None:
    """The vector nearest to ``vector`` on its support for which ``chosen`` sums are as they should be."""
    support = np.flatnonzero(np.abs(vector) > _NEAR_ZERO * ROUNDING)
    rows = np.flatnonzero(chosen)
    if not support.size or not rows.size:
        return None
    part: Any = scipy.sparse.csr_array(matrix)[rows][:, support]
    if part.shape[0] * part.shape[1] <= _DENSE:
        step = np.linalg.lstsq(part.toarray(), missing[rows], rcond=None)[0]
    else:
        step = scipy.sparse.linalg.lsqr(part, missing[rows], atol=0.0, btol=1e-15, iter_lim=500)[0]
    if not np.isfinite(step).all():
        return None
    polished = np.zeros_like(vector)
    polished[support] = vector[support] + step
    return polished


def nearest_point(program: LinearProgram) -> LinearProgram:
    """The program whose optimum misses the rows by least in sum; it has a point and an optimum.

    Its columns are those of ``program``, then what is missing to lower and to upper bounds of rows.
    Where its optimum is not zero its row duals are multipliers for :func:`farkas_ray`.
    """
    m, n = program.shape
    low = np.flatnonzero(np.isfinite(program.row_lower))
    high = np.flatnonzero(np.isfinite(program.row_upper))
    eye = scipy.sparse.eye_array(m, format="csc")
    return LinearProgram.build(
        np.concatenate([np.zeros(n), np.ones(low.size + high.size)]),
        scipy.sparse.hstack([program.a, eye[:, low], -eye[:, high]], format="csc"),
        program.row_lower,
        program.row_upper,
        np.concatenate([program.col_lower, np.zeros(low.size + high.size)]),
        np.concatenate([program.col_upper, np.full(low.size + high.size, np.inf)]),
    )


def best_direction(program: LinearProgram) -> LinearProgram:
    """The program whose optimum is the direction along which the objective improves most, in a box."""
    return replace(
        program,
        offset=0.0,
        row_lower=_closed(program.row_lower, -np.inf),
        row_upper=_closed(program.row_upper, np.inf),
        col_lower=_closed(program.col_lower, -1.0),
        col_upper=_closed(program.col_upper, 1.0),
        row_keys=None,
        col_keys=None,
    )


def _closed(bound: Floats, otherwise: float) -> Floats:
    return frozen_floats(np.where(np.isfinite(bound), 0.0, otherwise))
