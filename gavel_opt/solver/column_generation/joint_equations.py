r"""The normal equations of a face of many pairs: dense blocks of groups that pairs join, beside worker types.

Blocks are factored in numbers of 32 bits, in half the time, and solved by conjugate gradients with these factors, whose residuals are
worked out in 64 bits: one step, or a few where some rows are much alike. Where that does not do, the block is factored in 64 bits.
An error that is small beside the whole, but not in a direction of its own, is what the next step of Newton's method has for a right-hand
side, so there it is seen. What is beside worker types is solved for as roughly, and made good when their prices are known.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import blas, lapack

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.solver.column_generation.face_columns import Blocks
from gavel_opt.solver.column_generation.face_parts import Part

_RIDGE = 1e-12
"""Added to each diagonal, relative: rows may say what another one says."""
_SHORT_RIDGE = 2.0**-22
"""The same in numbers of 32 bits: four times their precision."""
_FADES, _FADES_SHARP = 1e-4, 1e-18
"""A solution that is no larger than this, by the square of its length in these equations, is the last one; and where solutions are
sharpened, where a millionth of its length may be all that there is in a direction of its own."""
_GRADIENTS = 40
"""Solutions with these factors, after which they are too far off."""
_ROUGH = 4
"""The same after which rows are so much alike that further sets of equations are factored in 64 bits at once."""
_SHORT = 512
"""Rows of a block from which on that is done."""
_PANEL = 128
"""Rows that are rounded to 32 bits together."""
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
        self._kinds: Floats = np.empty(0)
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
    def types(self) -> int:
        """Worker types."""
        return self._types

    @property
    def size(self) -> int:
        """Numbers in all blocks."""
        return self._size

    @property
    def unique(self) -> bool:
        """Whether it is asked which rows say what others do, so that :meth:`canonical` prices are unique."""
        return self._tight_rows.size <= _TIGHT

    def begin(self) -> None:
        """Begin a way to the centre, whose equations depend on nothing that was factored before."""
        for one in self._sets:
            one.gradients = 0

    def sharpen(self) -> None:
        """Solve more exactly until the next factors."""
        for one in self._sets:
            one.fades = _FADES_SHARP

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
        self._kinds = kinds
        if self.unique:
            self._products = self._products_of_tight_rows(beside, kinds)
        for one in self._sets:
            one.fades, one.entries = _FADES, one.beside(beside)
            if not one.factor(self._matrix, beside):
                return False
            schur = schur - one.told
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
            square[own, own] = one.products_of(self._matrix, tight)
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
        """Solve for right-hand sides of all rows, shape ``(2 G + J,)``.

        Solutions beside worker types are rough, so with workers' prices all others are solved for afresh, and what these leave
        is once more solved for.
        """
        groups = self._groups
        found = np.empty(right.size)
        left = right[2 * groups :].copy()
        for one in self._sets:
            left -= one.across.T @ right[one.rows]
        workers = self._workers @ left
        left = right[2 * groups :] - self._kinds * workers
        for one in self._sets:
            found[one.rows] = one.solve(right[one.rows] - one.entries @ workers)
            left -= one.entries.T @ found[one.rows]
        more = self._workers @ left
        for one in self._sets:
            found[one.rows] -= one.across @ more
        found[2 * groups :] = workers + more
        return found

    def products(self, columns: Floats) -> Floats:
        """What each of some columns, shape ``(2 G + J, K)``, is worth at the prices that solve for each, shape ``(K, K)``."""
        left = columns[2 * self._groups :].copy()
        found = np.zeros((columns.shape[1], columns.shape[1]))
        for one in self._sets:
            own = columns[one.rows]
            here = np.flatnonzero(own.any(axis=0))
            if here.size:
                own = own[:, here]
                half = one.half(own)
                found[np.ix_(here, here)] += half.T @ half
                left[:, here] -= one.across.T @ own
        product: Floats = found + left.T @ self._workers @ left
        return product


class _Set:
    """Rows of some groups: their block's factor, its solution for their entries beside worker types, and what that adds up to.

    Parameters
    ----------
    members, groups
        The groups, of how many.
    """

    def __init__(self, members: Ints, groups: int) -> None:
        self._members = members
        self.rows: Ints = np.concatenate([members, groups + members])
        self.entries: Floats = np.empty((self.rows.size, 0))
        self.across: Floats = np.empty((self.rows.size, 0))
        self.told: Floats = np.empty((0, 0))
        self.gradients = 0
        self.fades = _FADES

    def beside(self, beside: Floats) -> Floats:
        """Entries beside worker types, shape ``(rows, J)``."""
        return beside[:, self._members].reshape(self.rows.size, -1)


class _Joined(_Set):
    """Groups that pairs join, whose block begins at ``start``."""

    def __init__(self, members: Ints, groups: int, start: int) -> None:
        super().__init__(members, groups)
        self._where = slice(start, start + self.rows.size**2)
        self._matrix: Floats = np.empty(0)
        self._lower: Floats = np.empty(0)
        self._short: np.ndarray[Any, np.dtype[np.float32]] = np.empty((0, 0), np.float32)
        self._is_short = True

    def _block(self, matrix: Floats) -> Floats:
        return matrix[self._where].reshape(self.rows.size, self.rows.size)

    def products_of(self, matrix: Floats, tight: Ints) -> Floats:
        """Products of some rows, upper half."""
        return self._block(matrix)[np.ix_(tight, tight)]

    def factor(self, matrix: Floats, beside: Floats) -> bool:
        """Factor the block, in its place if need be; whether that could be done."""
        self._matrix = self._block(matrix)
        diagonal = np.einsum("ii->i", self._matrix)
        diagonal[:] = _ridged(diagonal)
        right = self.beside(beside)
        short = right.shape[0] >= _SHORT and self.gradients <= _ROUGH
        if short and self._factor_short() and self._look_across_short(right):
            return True
        if not self._factor_long():
            return False
        half = self._forward(np.asfortranarray(right))
        self.told, self.across = half.T @ half, self._back(half)
        return True

    def solve(self, right: Floats) -> Floats:
        """Solve for one right-hand side; not a number where rows say what others do and the block cannot be factored."""
        if self._is_short:
            found = self._solve_short(right)
            if found is not None:
                return found[0] + found[2]
            if not self._factor_long():
                return np.full_like(right, np.nan)
        return self._back(self._forward(right))

    def half(self, right: Floats) -> Floats:
        """Solve with L for several right-hand sides, as nearly as factors are there."""
        if self._is_short and self.gradients > _ROUGH and not self._factor_long():
            return np.full_like(right, np.nan)
        if not self._is_short:
            return self._forward(np.asfortranarray(right))
        half = lapack.strtrs(self._short.T, np.asfortranarray(right, dtype=np.float32), lower=1)[0]
        found: Floats = half.astype(np.float64)
        return found

    def _factor_long(self) -> bool:
        self._is_short = False
        self._lower, failed = lapack.dpotrf(self._matrix.T, lower=1, clean=0, overwrite_a=1)
        return not failed

    def _factor_short(self) -> bool:
        many = self.rows.size
        if not self._short.size:
            self._short = np.empty((many, many), np.float32)
        for first in range(0, many, _PANEL):
            panel = slice(first, first + _PANEL)
            self._short[panel, first:] = self._matrix[panel, first:]
        diagonal = np.einsum("ii->i", self._short)
        diagonal *= 1.0 + _SHORT_RIDGE
        _, failed = lapack.spotrf(self._short.T, lower=1, clean=0, overwrite_a=1)
        self._is_short = not failed
        return self._is_short

    def _look_across_short(self, right: Floats) -> bool:
        """Solve for what is beside worker types; whether that is as good as it has to be."""
        first, left, more = np.empty((3, right.shape[1], right.shape[0]))
        for n, column in enumerate(right.T):
            solved = self._solve_short(np.ascontiguousarray(column))
            if solved is None:
                return False
            first[n], left[n], more[n] = solved
        self.across = (first + more).T
        # what is left of workers' own rows hangs on it: errors of these solutions count by their products here
        self.told = first @ right + left @ self.across
        return True

    def _solve_short(self, right: Floats) -> tuple[Floats, Floats, Floats] | None:
        """Solve by conjugate gradients with the factors of 32 bits; what that leaves, and its solution; None if that stays large.

        Of the few directions in which rows are nearly alike each takes a step.
        """
        found, left = np.zeros_like(right), right
        more = along = self._by_short(right)
        before = most = float(more @ left)
        for many in range(1, _GRADIENTS + 1):
            product = self._times(along)
            step = before / float(along @ product) if before > 0.0 else 0.0
            found, left = found + step * along, left - step * product
            more = self._by_short(left)
            size = float(more @ left)
            if size <= self.fades * most:
                self.gradients = max(self.gradients, many)
                return found, left, more
            along, before = more + size / before * along, size
        return None

    def _by_short(self, right: Floats) -> Floats:
        largest = float(np.abs(right).max())
        if not 0.0 < largest < np.inf:
            return np.zeros_like(right)
        half = (right / largest).astype(np.float32)
        half = blas.strsv(self._short.T, half, lower=1, overwrite_x=1)
        half = blas.strsv(self._short.T, half, lower=1, trans=1, overwrite_x=1)
        found: Floats = half.astype(np.float64)
        found *= largest
        return found

    def _times(self, prices: Floats) -> Floats:
        product: Floats = blas.dsymv(1.0, self._matrix.T, prices, lower=1)
        return product

    def _forward(self, right: Floats) -> Floats:
        """Solve with L."""
        half: Floats = lapack.dtrtrs(self._lower, right, lower=1)[0]
        return half

    def _back(self, half: Floats) -> Floats:
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

    def products_of(self, matrix: Floats, tight: Ints) -> Floats:
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
        half = self._forward(self.beside(beside))
        self.told, self.across = half.T @ half, self._back(half)
        return True

    def solve(self, right: Floats) -> Floats:
        """Solve for one right-hand side."""
        return self._back(self._forward(right))

    def half(self, right: Floats) -> Floats:
        """Solve with L for several right-hand sides."""
        return self._forward(right)

    def _forward(self, right: Floats) -> Floats:
        """Solve with L."""
        many = self._members.size
        first, across, last = self._lower.reshape(3, many, *[1] * (right.ndim - 1))
        half = np.empty_like(right)
        half[:many] = right[:many] / first
        half[many:] = (right[many:] - across * half[:many]) / last
        return half

    def _back(self, half: Floats) -> Floats:
        """Solve with L transposed."""
        many = self._members.size
        first, across, last = self._lower.reshape(3, many, *[1] * (half.ndim - 1))
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
