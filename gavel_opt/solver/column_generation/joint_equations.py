"""The normal equations of a face of many pairs: dense blocks of groups that pairs join, beside worker types."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import lapack

from gavel_opt.arrays import Floats, Ints
from gavel_opt.solver.column_generation.face_columns import Blocks
from gavel_opt.solver.column_generation.face_parts import Part

_RIDGE = 1e-12
"""Added to each diagonal, relative: rows may say what another one says."""
_NONE = 1e-13
"""Worker types' rows that have no more left, relatively, say what others say."""


class JointEquations:
    """``A D A'`` of a face, factored anew for each diagonal D.

    Parameters
    ----------
    parts, types
        The face's columns, and how many worker types there are.
    first
        The first group of the set of groups, joined by pairs, that each is in.
    """

    def __init__(self, parts: list[Part], first: Ints, types: int) -> None:
        self._parts, self._groups, self._types = parts, first.size, types
        groups = first.size
        self._members = [np.flatnonzero(first == one) for one in np.unique(first)]
        begin, row, width = (np.empty(groups, dtype=np.int64) for _ in range(3))
        self._starts, end = [], 0
        for members in self._members:
            begin[members], width[members] = end, 2 * members.size
            row[members] = np.arange(members.size)
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

    def factor(self) -> bool:
        """Factor for the ratios that columns have now; whether that could be done."""
        groups, types = self._groups, self._types
        if not self._matrix.size:
            self._matrix = np.empty(self._size)
        self._matrix.fill(0.0)
        beside, kinds = np.zeros((2, groups, types)), np.zeros(types)
        for part in self._parts:
            part.assemble(self._blocks, self._matrix, beside, kinds)
        schur: Floats = np.diag(kinds)
        self._factors = []
        for members, start in zip(self._members, self._starts, strict=True):
            rows = 2 * members.size
            block = self._matrix[start : start + rows * rows].reshape(rows, rows)
            diagonal = np.einsum("ii->i", block)
            diagonal[:] = np.where(diagonal > 0.0, diagonal * (1.0 + _RIDGE), 1.0)
            lower, failed = lapack.dpotrf(block.T, lower=1, clean=0, overwrite_a=1)
            if failed:
                return False
            across = np.asfortranarray(beside[:, members].reshape(rows, types))
            half, _ = lapack.dtrtrs(lower, across, lower=1)
            schur = schur - half.T @ half
            self._factors.append((lower, half))
        if not np.isfinite(schur).all():
            return False
        value, vector = np.linalg.eigh(schur)
        left = np.abs(value) > _NONE * np.abs(value).max()
        self._workers = (vector[:, left] / value[left]) @ vector[:, left].T
        return True

    def solve(self, right: Floats) -> Floats:
        """Solve for right-hand sides of all rows, shape ``(2 G + J,)``."""
        groups = self._groups
        found = np.empty(right.size)
        left, halves = right[2 * groups :].copy(), []
        for members, (lower, across) in zip(self._members, self._factors, strict=True):
            rows = np.concatenate([right[members], right[groups + members]])
            half, _ = lapack.dtrtrs(lower, rows, lower=1)
            halves.append(half)
            left -= across.T @ half
        workers = self._workers @ left
        found[2 * groups :] = workers
        for members, half, (lower, across) in zip(
            self._members, halves, self._factors, strict=True
        ):
            rows, _ = lapack.dtrtrs(lower, half - across @ workers, lower=1, trans=1)
            found[members], found[groups + members] = rows[: members.size], rows[members.size :]
        return found
