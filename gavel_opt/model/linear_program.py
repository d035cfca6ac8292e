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
            c = np.atleast_1d(_reals(c))
            table: Any = a if scipy.sparse.issparse(a) else _reals(a)
            if table.ndim != 2:
                raise ValueError(f"it has {table.ndim}")
            if table.dtype.kind not in "biuf":
                raise TypeError(f"it is of {table.dtype}")
            matrix = scipy.sparse.csc_array(table, dtype=np.float64, copy=True)
            offset = float(rest.pop("offset", 0.0))
        except (TypeError, ValueError) as wrong:
            raise InputError(
                f"a program is of real numbers, with a matrix of two dimensions: {wrong}"
            ) from None
        m, n = matrix.shape
        if c.shape != (n,):
            shape = "" if c.ndim == 1 else f", of shape {c.shape}"
            raise InputError(f"objective has {c.size} coefficients for {n} columns{shape}")
        maximize = rest.pop("maximize", False)
        if maximize not in (True, False):
            raise InputError(f"maximize is {maximize!r}, expected true or false")
        for what, size in (("row_names", m), ("col_names", n)):
            rest[what] = _names(rest.get(what, ()), size, what)
        if not isinstance(rest.get("name", ""), str):
            raise InputError(f"name is {rest['name']!r}, expected text")
        if not matrix.has_canonical_format:
            matrix.sum_duplicates()

        def bound(values: ArrayLike, size: int, what: str) -> Floats:
            try:
                array = _reals(values)
            except (TypeError, ValueError) as wrong:
                raise InputError(f"{what} is no array of real numbers: {wrong}") from None
            if array.ndim == 0:
                array = np.full(size, float(array))
            if array.shape != (size,):
                raise InputError(f"{what} has shape {array.shape}, expected ({size},)")
            return frozen_floats(array)

        return cls(
            c=frozen_floats(c),
            offset=offset,
            maximize=bool(maximize),
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


def require_shapes(program: LinearProgram) -> None:
    """Refuse a program that was put together by hand from what does not fit together.

    Raises
    ------
    InputError
        Naming the part.
    """
    rows, columns = program.shape if scipy.sparse.issparse(program.a) else (-1, -1)
    if rows < 0 or program.a.format != "csc":
        raise InputError("a is no csc_array; LinearProgram.build takes any matrix")
    sizes = {"c": columns, "row_lower": rows, "row_upper": rows}
    for name, size in (sizes | {"col_lower": columns, "col_upper": columns}).items():
        shape = getattr(getattr(program, name), "shape", None)
        if shape != (size,):
            found = "no array" if shape is None else f"of shape {shape}"
            raise InputError(
                f"{name} is {found}, expected ({size},); LinearProgram.build checks it"
            )


def _reals(values: ArrayLike) -> Floats:
    """A copy of what is array-like; what float64 holds in part only (complex, dates, masked) is refused."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError("some are masked")
    array = np.asarray(values)
    if array.dtype.kind not in "biufOUS":
        raise TypeError(f"found {array.dtype}")
    return np.array(array, dtype=np.float64)


def _names(names: Any, size: int, what: str) -> tuple[str, ...]:
    found = () if isinstance(names, str) else tuple(names)
    if isinstance(names, str) or not all(isinstance(name, str) for name in found):
        raise InputError(f"{what} are {names!r}, expected a list of texts")
    if found and len(found) != size:
        raise InputError(f"{what} are {len(found)} for {size}; expected one for each, or none")
    return found
