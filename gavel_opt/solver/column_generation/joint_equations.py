"""The normal equations of a face of many pairs: dense blocks of groups that pairs join, beside worker types."""

from __future__ import annotations

from typing import NamedTuple

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
    """Rows that say what others do: ``repeats`` are the combinations ``parts``, shape ``(R, O)``, of ``others``.

    ``least`` is the least part of an other's square that those before it do not say.
    """

    repeats: Ints
    others: Ints
    parts: Floats
    least: float


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
        leader, many = np.unique(first, return_counts=True)
        by_itself = np.flatnonzero(np.isin(first, leader[many == 1]))
        begin, width = 4 * np.arange(groups), np.full(groups, 2)
        row = np.zeros(groups, dtype=np.int64)
        begin[by_itself] = 4 * np.arange(by_itself.size)
        self._sets: list[_Single | _Joined] = []
        if by_itself.size:
            self._sets.append(_Single(by_itself, groups))
        end = 4 * by_itself.size
        for one in leader[many > 1]:
            members = np.flatnonzero(first == one)
            begin[members], width[members] = end, 2 * members.size
            row[members] = np.arange(members.size)
            self._sets.append(_Joined(members, groups, end))
            end += 4 * members.size**2
        self._blocks = Blocks(begin, width, row)
        self._size = end
        self._matrix: Floats = np.empty(0)
        self._workers: Floats = np.empty(0)
        self._tight = [np.flatnonzero(~slack[one.rows]) for one in self._sets]
        self._tight_kinds = np.flatnonzero(~slack[2 * groups :])
        own = [one.rows[tight] for one, tight in zip(self._sets, self._tight, strict=True)]
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
        if self.unique:
            self._products = self._products_of_tight_rows(beside, kinds)
        for one in self._sets:
            if not one.factor(self._matrix, beside):
                return False
            schur = schur - one.across.T @ one.across
        if not np.isfinite(schur).all():
            return False
        value, vector = np.linalg.eigh(schur)
        left = np.abs(value) > _NONE * np.abs(value).max()
        self._workers = (vector[:, left] / value[left]) @ vector[:, left].T
        return True

    def _products_of_tight_rows(self, beside: Floats, kinds: Floats) -> Floats:
        """Products of the rows without slack, upper half: of all others each says something of its own."""
        many, at = self._tight_rows.size, 0
        square = np.zeros((many, many))
        workers = slice(many - self._tight_kinds.size, many)
        square[workers, workers] = np.diag(kinds[self._tight_kinds])
        for one, tight in zip(self._sets, self._tight, strict=True):
            own = slice(at, at + tight.size)
            square[own, own] = one.products(self._matrix, tight)
            square[own, workers] = one.beside(beside)[np.ix_(tight, self._tight_kinds)]
            at += tight.size
        return square

    def canonical(self, nu: Floats) -> tuple[Floats, float]:
        """Prices that cost every column the same, and are 0 for rows that say what others do.

        Which do is told by the last factors, those of the centre: on the way there rows are more alike, or less.
        With them comes the least part of a row's square that no other row says, which is 1 for rows that have nothing
        in common: rounding leaves such a row's price open by a part of 1e-16 over it.
        """
        upper = np.triu(self._products)
        repeats, others, parts, least = _repeats(upper + np.triu(upper, 1).T, self._tight_rows)
        found = nu.copy()
        found[others] += parts.T @ nu[repeats]
        found[repeats] = 0.0
        return found, least

    def solve(self, right: Floats) -> Floats:
        """Solve for right-hand sides of all rows, shape ``(2 G + J,)``."""
        groups = self._groups
        found = np.empty(right.size)
        left, halves = right[2 * groups :].copy(), []
        for one in self._sets:
            half = one.forward(right[one.rows])
            halves.append(half)
            left -= one.across.T @ half
        workers = self._workers @ left
        found[2 * groups :] = workers
        for one, half in zip(self._sets, halves, strict=True):
            found[one.rows] = one.back(half - one.across @ workers)
        return found


class _Set:
    """Rows of some groups: their block's factor L, and L's solution for their entries beside worker types.

    Parameters
    ----------
    members, groups
        The groups, of how many.
    """

    def __init__(self, members: Ints, groups: int) -> None:
        self._members = members
        self.rows: Ints = np.concatenate([members, groups + members])
        self.across: Floats = np.empty((self.rows.size, 0))

    def beside(self, beside: Floats) -> Floats:
        """Entries beside worker types, shape ``(rows, J)``."""
        return beside[:, self._members].reshape(self.rows.size, -1)


class _Joined(_Set):
    """Groups that pairs join, whose block begins at ``start``."""

    def __init__(self, members: Ints, groups: int, start: int) -> None:
        super().__init__(members, groups)
        self._where = slice(start, start + self.rows.size**2)
        self._lower: Floats = np.empty(0)

    def _block(self, matrix: Floats) -> Floats:
        return matrix[self._where].reshape(self.rows.size, self.rows.size)

    def products(self, matrix: Floats, tight: Ints) -> Floats:
        """Products of some rows, upper half."""
        return self._block(matrix)[np.ix_(tight, tight)]

    def factor(self, matrix: Floats, beside: Floats) -> bool:
        """Factor the block in its place; whether that could be done."""
        block = self._block(matrix)
        diagonal = np.einsum("ii->i", block)
        diagonal[:] = _ridged(diagonal)
        self._lower, failed = lapack.dpotrf(block.T, lower=1, clean=0, overwrite_a=1)
        if not failed:
            self.across = self.forward(np.asfortranarray(self.beside(beside)))
        return not failed

    def forward(self, right: Floats) -> Floats:
        """Solve with L."""
        half: Floats = lapack.dtrtrs(self._lower, right, lower=1)[0]
        return half

    def back(self, half: Floats) -> Floats:
        """Solve with L transposed."""
        found: Floats = lapack.dtrtrs(self._lower, half, lower=1, trans=1)[0]
        return found


class _Single(_Set):
    """All groups that no pair joins to others, whose blocks of two rows begin the matrix."""

    def __init__(self, members: Ints, groups: int) -> None:
        super().__init__(members, groups)
        self._lower = np.empty((3, members.size))

    def _blocks(self, matrix: Floats) -> Floats:
        return matrix[: 4 * self._members.size].reshape(-1, 4)

    def products(self, matrix: Floats, tight: Ints) -> Floats:
        """Products of some rows, upper half."""
        many = self._members.size
        level, both, _, time = self._blocks(matrix).T
        square = np.diag(np.concatenate([level, time]))
        square[np.arange(many), many + np.arange(many)] = both
        return square[np.ix_(tight, tight)]

    def factor(self, matrix: Floats, beside: Floats) -> bool:
        """Factor all blocks; whether that could be done."""
        level, both, _, time = self._blocks(matrix).T
        first = np.sqrt(_ridged(level))
        across = both / first
        left = _ridged(time) - across**2
        self._lower = np.stack([first, across, np.sqrt(np.maximum(left, 0.0))])
        if not left.min() > 0.0:
            return False
        self.across = self.forward(self.beside(beside))
        return True

    def forward(self, right: Floats) -> Floats:
        """Solve with L."""
        many = self._members.size
        first, across, last = self._lower.reshape(3, many, *[1] * (right.ndim - 1))
        half = np.empty_like(right)
        half[:many] = right[:many] / first
        half[many:] = (right[many:] - across * half[:many]) / last
        return half

    def back(self, half: Floats) -> Floats:
        """Solve with L transposed."""
        many, (first, across, last) = self._members.size, self._lower
        found = np.empty_like(half)
        found[many:] = half[many:] / last
        found[:many] = (half[:many] - across * found[many:]) / first
        return found


def _ridged(diagonal: Floats) -> Floats:
    ridged: Floats = np.where(diagonal > 0.0, diagonal * (1.0 + _RIDGE), 1.0)
    return ridged


def _repeats(square: Floats, row: Ints) -> _Repeats:
    """Which of some rows say what those before them do, by their products with each other."""
    size = np.sqrt(np.diag(square))
    size[size == 0.0] = 1.0
    square = square / size[:, None] / size
    own, least = np.empty(0, dtype=np.int64), 1.0
    for n in range(row.size):
        across = square[own, n]
        part = np.linalg.solve(square[np.ix_(own, own)], across)
        left = float(square[n, n] - across @ part)
        if left > _OWN:
            own, least = np.append(own, n), min(least, left)
    rest = np.setdiff1d(np.arange(row.size), own)
    parts = np.linalg.solve(square[np.ix_(own, own)], square[np.ix_(own, rest)]).T
    return _Repeats(row[rest], row[own], parts * size[rest][:, None] / size[own], least)
