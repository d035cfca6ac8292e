"""The normal equations of a face of many pairs: dense blocks of groups that pairs join, beside worker types."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import lapack

from gavel_opt.arrays import Floats
from gavel_opt.kernels.jit import make_ready
from gavel_opt.solver.column_generation.face_columns import Blocks, Columns, assemble, joined

_RIDGE = 1e-12
"""Added to each diagonal, relative: rows may say what another one says."""
_NONE = 1e-13
"""Worker types' rows that have no more left, relatively, say what others say."""


class JointEquations:
    """``A D A'`` of a face, factored anew for each diagonal D.

    Parameters
    ----------
    columns, groups, types
        The columns and the size of the program.
    """

    def __init__(self, columns: Columns, groups: int, types: int) -> None:
        self._columns, self._groups, self._types = columns, groups, types
        first = joined(columns, groups)
        self._members = [np.flatnonzero(first == one) for one in np.unique(first)]
        begin, row, width = (np.empty(groups, dtype=np.int64) for _ in range(3))
        self._starts, end = [], 0
        for members in self._members:
            begin[members], width[members] = end, 2 * members.size
            row[members] = 2 * np.arange(members.size)
            self._starts.append(end)
            end += 4 * members.size**2
        self._blocks = Blocks(begin, width, row)
        self._size = end
        self._matrix: Floats = np.empty(0)
        self._factors: list[tuple[Any, Any]] = []
        self._workers: Floats = np.empty(0)

    @property
    def size(self) -> int:
        """Numbers in all blocks."""
        return self._size

    def make_ready(self) -> None:
        """Have compiled code for large ones."""
        kinds = np.zeros(self._types)
        beside = np.zeros((self._groups, 2, self._types))
        ratio = self._columns.weight
        make_ready(assemble, (self._columns, ratio, self._blocks, self._matrix, beside, kinds))

    def factor(self, ratio: Floats) -> bool:
        """Factor for a diagonal, shape ``(C,)``; whether that could be done."""
        groups, types = self._groups, self._types
        if not self._matrix.size:
            self._matrix = np.empty(self._size)
        self._matrix.fill(0.0)
        beside, kinds = np.zeros((groups, 2, types)), np.zeros(types)
        assemble(self._columns, ratio, self._blocks, self._matrix, beside, kinds)
        schur: Floats = np.diag(kinds)
        self._factors = []
        for members, start in zip(self._members, self._starts, strict=True):
            rows = 2 * members.size
            block = self._matrix[start : start + rows * rows].reshape(rows, rows)
            diagonal = np.einsum("ii->i", block)
            diagonal[:] = np.where(diagonal > 0.0, diagonal * (1.0 + _RIDGE), 1.0)
            upper, failed = lapack.dpotrf(block.T, lower=0, clean=0, overwrite_a=1)
            if failed:
                return False
            across = np.asfortranarray(beside[members].reshape(rows, types))
            half, _ = lapack.dtrtrs(upper, across, lower=0, trans=1)
            schur = schur - half.T @ half
            self._factors.append((upper, half))
        if not np.isfinite(schur).all():
            return False
        workers: Any = np.linalg.pinv(schur, rcond=_NONE, hermitian=True)
        self._workers = workers
        return True

    def solve(self, right: Floats) -> Floats:
        """Solve for right-hand sides of all rows, shape ``(2 G + J,)``."""
        groups = self._groups
        found = np.empty(right.size)
        left, halves = right[2 * groups :].copy(), []
        for members, (upper, across) in zip(self._members, self._factors, strict=True):
            rows = np.stack([right[members], right[groups + members]], axis=1).ravel()
            half, _ = lapack.dtrtrs(upper, rows, lower=0, trans=1)
            halves.append(half)
            left -= across.T @ half
        workers = self._workers @ left
        found[2 * groups :] = workers
        for members, half, (upper, across) in zip(
            self._members, halves, self._factors, strict=True
        ):
            rows, _ = lapack.dtrtrs(upper, half - across @ workers, lower=0)
            rows = rows.reshape(-1, 2)
            found[members], found[groups + members] = rows[:, 0], rows[:, 1]
        return found
