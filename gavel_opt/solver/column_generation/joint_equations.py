"""The normal equations of a face of many pairs: dense blocks of groups that pairs join, beside worker types."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import lapack

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.solver.column_generation.face_columns import Blocks
from gavel_opt.solver.column_generation.face_parts import Part

_RIDGE = 1e-12
"""Added to each diagonal, relative: rows may say what another one says."""
_NONE = 1e-13
"""Worker types' rows that have no more left, relatively, say what others say."""
_OWN = 1e-8
"""The same of rows without slack among themselves."""
_TIGHT = 64
"""Rows without slack beyond which it is not asked which say what others say."""


class _Repeats(NamedTuple):
    """Rows that say what others do: ``repeats`` are the combinations ``parts``, shape ``(R, O)``, of ``others``."""

    repeats: Ints
    others: Ints
    parts: Floats


class JointEquations:
    """``A D A'`` of a face, factored anew for each diagonal D.

    Parameters
    ----------
    parts, types
        The face's columns, and how many worker types there are.
    first
        The first group of the set of groups, joined by pairs, that each is in.
    slack
        Which rows have slack, shape ``(2 G + J,)``, and so say what no other does.
    """

    def __init__(self, parts: list[Part], first: Ints, types: int, slack: Bools) -> None:
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
        rows = [np.concatenate([members, groups + members]) for members in self._members]
        self._tight = [np.flatnonzero(~slack[row]) for row in rows]
        self._tight_kinds = np.flatnonzero(~slack[2 * groups :])
        own = [row[tight] for row, tight in zip(rows, self._tight, strict=True)]
        self._tight_rows = np.concatenate([*own, 2 * groups + self._tight_kinds])
        self._products: Floats = np.empty(0)

    @property
    def groups(self) -> int:
        """Groups of the face."""
        return self._groups

    @property
    def size(self) -> int:
        """Numbers in all blocks."""
        return self._size

    @property
    def unique(self) -> bool:
        """Whether it is asked which rows say what others do, so that :meth:`canonical` prices are unique."""
        return self._tight_rows.size <= _TIGHT

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
        if self.unique:
            self._products = self._products_of_tight_rows(beside, kinds)
        for members, start in zip(self._members, self._starts, strict=True):
            block = self._block(members, start)
            rows = 2 * members.size
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

    def _block(self, members: Ints, start: int) -> Floats:
        rows = 2 * members.size
        return self._matrix[start : start + rows * rows].reshape(rows, rows)

    def _products_of_tight_rows(self, beside: Floats, kinds: Floats) -> Floats:
        """Products of the rows without slack, upper half: of all others each says something of its own."""
        many, at = self._tight_rows.size, 0
        square = np.zeros((many, many))
        workers = slice(many - self._tight_kinds.size, many)
        square[workers, workers] = np.diag(kinds[self._tight_kinds])
        for members, start, tight in zip(self._members, self._starts, self._tight, strict=True):
            own = slice(at, at + tight.size)
            square[own, own] = self._block(members, start)[np.ix_(tight, tight)]
            across = beside[:, members].reshape(2 * members.size, -1)
            square[own, workers] = across[np.ix_(tight, self._tight_kinds)]
            at += tight.size
        return square

    def canonical(self, nu: Floats) -> Floats:
        """Prices that cost every column the same, and are 0 for rows that say what others do.

        Which do is told by the last factors, those of the centre: on the way there rows are more alike, or less.
        """
        upper = np.triu(self._products)
        repeats, others, parts = _repeats(upper + np.triu(upper, 1).T, self._tight_rows)
        found = nu.copy()
        found[others] += parts.T @ nu[repeats]
        found[repeats] = 0.0
        return found

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


def _repeats(square: Floats, row: Ints) -> _Repeats:
    """Which of some rows say what those before them do, by their products with each other."""
    size = np.sqrt(np.diag(square))
    size[size == 0.0] = 1.0
    square = square / size[:, None] / size
    own = np.empty(0, dtype=np.int64)
    for n in range(row.size):
        across = square[own, n]
        part = np.linalg.solve(square[np.ix_(own, own)], across)
        if square[n, n] - across @ part > _OWN:
            own = np.append(own, n)
    rest = np.setdiff1d(np.arange(row.size), own)
    parts = np.linalg.solve(square[np.ix_(own, own)], square[np.ix_(own, rest)]).T
    return _Repeats(row[rest], row[own], parts * size[rest][:, None] / size[own])
