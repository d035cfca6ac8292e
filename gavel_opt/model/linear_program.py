"""The general linear program: what every engine takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from gavel_opt.arrays import Floats, Ints, frozen_floats
from gavel_opt.errors import InputError

KINDS = 64
"""Rows or columns that one owner can have; see ``LinearProgram.row_keys``."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearProgram:
    r"""A linear program with ranged rows; arrays are read-only.

    .. math::

        \min\ (\text{or}\ \max)\quad c^T x + \text{offset}
        \quad\text{s.t.}\quad l_r \le A x \le u_r,\quad l_c \le x \le u_c

    Attributes
    ----------
    c
        Objective coefficients, shape ``(n,)``.
    a
        Constraint matrix, ``scipy.sparse.csc_array`` of shape ``(m, n)``, canonical format.
    row_lower, row_upper
        Bounds of the rows, shape ``(m,)``; infinite where there is none.
    col_lower, col_upper
        Bounds of the columns, shape ``(n,)``; infinite where there is none.
    maximize
        Sense of the objective.
    offset
        Constant added to the objective.
    name, row_names, col_names
        For files and messages; may be empty.
    row_keys, col_keys
        What each row and column *is*, shapes ``(m,)`` and ``(n,)``, or None: the number of its
        owner (a job, a group, a pair, or -1 for the program itself) times :data:`KINDS`, plus
        which of the owner's rows or columns it is. An engine that keeps its model compares the
        keys of successive programs to learn who came and went; no key stands twice.
    """

    c: Floats
    a: Any
    row_lower: Floats
    row_upper: Floats
    col_lower: Floats
    col_upper: Floats
    maximize: bool = False
    offset: float = 0.0
    name: str = ""
    row_names: tuple[str, ...] = ()
    col_names: tuple[str, ...] = ()
    row_keys: Ints | None = None
    col_keys: Ints | None = None

    @classmethod
    def build(
        cls,
        c: ArrayLike,
        a: Any,
        row_lower: ArrayLike,
        row_upper: ArrayLike,
        col_lower: ArrayLike = 0.0,
        col_upper: ArrayLike = np.inf,
        **rest: Any,
    ) -> LinearProgram:
        """Make a program from anything array-like; scalars stand for a whole bound vector.

        Raises
        ------
        InputError
            If shapes do not fit together.
        """
        try:
            c = np.atleast_1d(np.asarray(c, dtype=np.float64))
            table: Any = a if scipy.sparse.issparse(a) else np.asarray(a, dtype=np.float64)
            if table.ndim != 2:
                raise ValueError(f"it has {table.ndim}")
            matrix = scipy.sparse.csc_array(table, dtype=np.float64)
        except (TypeError, ValueError) as wrong:
            raise InputError(
                f"a program is of real numbers, with a matrix of two dimensions: {wrong}"
            ) from None
        m, n = matrix.shape
        if c.shape != (n,):
            raise InputError(f"objective has {c.size} coefficients for {n} columns")
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()

        def bound(values: ArrayLike, size: int, what: str) -> Floats:
            try:
                array = np.asarray(values, dtype=np.float64)
            except (TypeError, ValueError) as wrong:
                raise InputError(f"{what} is no array of real numbers: {wrong}") from None
            if array.ndim == 0:
                array = np.full(size, float(array))
            if array.shape != (size,):
                raise InputError(f"{what} has shape {array.shape}, expected ({size},)")
            return frozen_floats(array)

        return cls(
            c=frozen_floats(c),
            a=matrix,
            row_lower=bound(row_lower, m, "row_lower"),
            row_upper=bound(row_upper, m, "row_upper"),
            col_lower=bound(col_lower, n, "col_lower"),
            col_upper=bound(col_upper, n, "col_upper"),
            **rest,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        m, n = self.a.shape
        return int(m), int(n)

    def objective(self, x: Floats) -> float:
        """Value of the objective at ``x``."""
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # of what is not finite no certificate holds
            return float(self.c @ x) + self.offset
