r"""Jobs eliminated down to the prices of worker types, for programs of many types.

A job's variables are its columns, some of the types, and the slacks of its two rows (level, time). For a diagonal
:math:`d` of columns, :math:`s` and :math:`u` of slacks, its rows' matrix is written about the mean rate :math:`\bar r = \sum
r d / (\sum d + u)`,

.. math::

    \text{time} = \sum d + u, \qquad \text{level} = \sum d (r - \bar r)^2 + u \bar r^2 + s,

sums in which nothing cancels. The jobs leave equations in the prices that are a diagonal less two products a job.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import blas, lapack

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import make_ready
from gavel_opt.solver.many_types.passes import (
    Jobs,
    Sides,
    eliminate,
    shares_at,
    take_products,
    uses_at,
)

DENSE = 3
"""Products are left to BLAS where a job has more than one column in so many of the types."""


def ready(kernel: Callable[..., Any], *given: Any) -> Any:
    """Call a kernel, compiled: a pass over so many columns takes long to interpret."""
    make_ready(kernel, given)
    return kernel(*given)


def rows_of(values: Floats, others: Floats) -> Floats:
    """Sums of products, job by job."""
    total: Floats = np.einsum("ik,ik->i", values, others)
    return total


class Columns:
    """The columns that are looked at, as many of each job, and sums over them.

    Parameters
    ----------
    rate, use
        Rates of all types, shape ``(G, J)``, and workers that a job takes, ``(G,)``.
    at
        Types of each job, ascending, shape ``(G, K)``.
    """

    def __init__(self, rate: Floats, use: Floats, at: Ints) -> None:
        groups, self.types = rate.shape
        self.at, self.use, self.each = at, use, use[:, None]
        self._all = at.shape[1] == self.types
        self.rate = rate if self._all else np.take_along_axis(rate, at, 1)
        self._type = at.ravel()
        dense = DENSE * at.shape[1] > self.types
        self._room = np.zeros((2 * groups if dense else self.types, self.types))
        self._cell = None
        if dense and not self._all:
            self._cell = (np.arange(groups)[:, None] * self.types + at).ravel()
        self._dense, self._groups = dense, groups
        self.factors = np.empty((2, *at.shape))
        if dense and self._all:
            self.factors = self._room.reshape(2, groups, self.types)

    def by_type(self, values: Floats) -> Floats:
        """Add up what columns have by type."""
        if self._all:
            total: Floats = values.sum(axis=0)
            return total
        return np.asarray(np.bincount(self._type, values.ravel(), self.types), np.float64)

    def of_type(self, values: Floats) -> Floats:
        """What each column has of its type."""
        return values[None, :] if self._all else values[self.at]

    def uses(self, x: Floats) -> Floats:
        """Workers of each type that shares take."""
        if self._all:
            used: Floats = self.use @ x
            return used
        return self.by_type(self.each * x)

    def products(self) -> Floats:
        """Minus the sum of products of each job's ``factors`` with each other, in the lower half."""
        if not self._dense:
            ready(take_products, self.at, *self.factors, self._room)
            return self._room.T
        if self._cell is not None:
            every = self._room.reshape(2, -1)
            every[:, self._cell] = self.factors.reshape(2, -1)
        product: Floats = blas.dsyrk(-1.0, self._room.T, lower=1)
        return product


class Equations:
    """The jobs eliminated.

    Parameters
    ----------
    columns
        The columns.
    d, rows, type_slack
        The diagonal of columns, ``(G, K)``; of the slacks of level and time, and 1 where the level row counts,
        ``(3, G)``; of the types' slacks, ``(J,)``.
    main
        Type whose row follows from the others, -1 if none does.
    lift
        Part of what all columns add to a type's diagonal that is added to it, where rounding takes more.
    """

    def __init__(
        self,
        columns: Columns,
        d: Floats,
        rows: Floats,
        type_slack: Floats,
        main: int = -1,
        lift: float = 0.0,
    ) -> None:
        self._main, self._columns = main, columns
        self._jobs = Jobs(columns.rate, columns.use, d)
        self._own = np.empty((3, columns.use.size))
        ready(eliminate, self._jobs, rows, self._own, *columns.factors)
        schur = columns.products()
        place = np.arange(columns.types)
        schur[place, place] += (1.0 + lift) * columns.uses(columns.each * d) + type_slack
        if main >= 0:
            schur[main, :] = schur[:, main] = 0.0
            schur[main, main] = 1.0
        self._factor, failed = lapack.dpotrf(schur, lower=1, clean=0)
        self.works = failed == 0

    def shares(self, earns: Floats, level: Floats, time: Floats) -> tuple[Floats, Floats]:
        """Shares, and duals of level and time, ``(2, G)``, with right-hand sides of columns and of rows."""
        x, duals = np.empty_like(earns), np.empty((2, level.size))
        ready(shares_at, self._jobs, self._own, Sides(earns, level, time), x, duals)
        return x, duals

    def uses(self, earns: Floats, level: Floats, time: Floats) -> tuple[Floats, Floats]:
        """Workers that these shares take, and the duals of level."""
        found = np.empty(self._columns.types), np.empty(level.size)
        ready(uses_at, self._jobs, self._columns.at, self._own, Sides(earns, level, time), found)
        return found

    def prices(self, missing: Floats) -> Floats:
        """Prices at which the shares change by what is ``missing``."""
        if self._main >= 0:
            missing = missing.copy()
            missing[self._main] = 0.0
        solved: Floats = lapack.dpotrs(self._factor, -missing, lower=1)[0]
        return solved
