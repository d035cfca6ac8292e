"""The factorised matrix of a basis, and what it gives to the last digits."""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from gavel_opt.arrays import Floats
from gavel_opt.solver.column_generation.restricted_master import Basis
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram

_SPLIT = 2.0**27 + 1.0


class Factor:
    """The factorised matrix of a basis: its columns, in the rows without a basic slack."""

    def __init__(self, program: ScaledProgram, basis: Basis) -> None:
        groups, types = program.rate.shape
        group, kind = np.nonzero(basis.alone)
        column = np.sort(basis.column[basis.pair])
        self.group, self.kind, self.column = group, kind, column
        self.tight = np.flatnonzero(~np.concatenate([basis.surplus, basis.time, basis.workers]))
        level = int(basis.level)
        sloped = np.flatnonzero(program.slope > 0.0) if level else np.empty(0, dtype=np.int64)
        rows, values = program.entries(column)
        # a pair of a group with itself has each of its rows once
        once = np.ones(rows.shape, dtype=bool)
        once[:, 1] = once[:, 3] = rows[:, 0] != rows[:, 1]
        single = np.stack([group, groups + group, 2 * groups + kind], axis=1)
        ones = np.ones(group.size)
        at = np.stack([program.rate[group, kind], ones, program.use[group]], axis=1)
        entries = np.concatenate([-program.slope[sloped], at.ravel(), values[once]])
        row = np.concatenate([sloped, single.ravel(), rows[once]])
        many = np.concatenate([[sloped.size] * level, np.full(group.size, 3), once.sum(axis=1)])
        end = np.concatenate([[0], np.cumsum(many)]).astype(np.int64)
        size = many.size
        self.whole = sparse.csc_array((entries, row, end), shape=(2 * groups + types, size))
        place = np.full(2 * groups + types, -1)
        place[self.tight] = np.arange(self.tight.size)
        row = place[row]
        there = row >= 0
        end = np.concatenate([[0], np.cumsum(there)])[end]
        self.matrix = sparse.csc_array(
            (entries[there], row[there].astype(np.int32), end.astype(np.int32)),
            shape=(self.tight.size, size),
        )
        self.square = self.tight.size == size
        self._lu: Any = linalg.splu(self.matrix) if self.square and size else None

    def solve(self, right: Floats) -> Floats:
        """Values of the basic variables for a right-hand side of the tight rows."""
        return self._refined(self.matrix, right, "N")

    def exactly(self, right: Floats) -> Floats:
        """What :meth:`solve` finds, rounded once: what is missing is summed without an error.

        A basic variable that has one value at all bases of a face has the same bits at each.
        """
        if self._lu is None:
            return np.zeros(0)
        by_row = sparse.csr_array(self.matrix)
        parts = [self._lu.solve(right)]
        for _ in range(2):
            missing = _missing(by_row, right, parts)
            parts.append(self._lu.solve(missing))
        return np.array([math.fsum(value) for value in zip(*parts, strict=True)])

    def solve_transposed(self, cost: Floats) -> Floats:
        """Duals of the tight rows for costs of the basic variables."""
        return self._refined(self.matrix.T, cost, "T")

    def _refined(self, matrix: Any, right: Floats, trans: Literal["N", "T"]) -> Floats:
        if self._lu is None:
            return np.zeros(0)
        found: Floats = self._lu.solve(right, trans)
        for _ in range(2):
            found += self._lu.solve(right - matrix @ found, trans)
        return found


def _missing(matrix: Any, right: Floats, parts: list[Floats]) -> Floats:
    """``right - matrix @ sum(parts)``, each row rounded once."""
    terms = []
    for part in parts:
        times = part[matrix.indices]
        product = matrix.data * times
        (a, b), (c, d) = _halves(matrix.data), _halves(times)
        terms += [-product, product - a * c - a * d - b * c - b * d]
    rows = np.stack(terms, axis=1).tolist()
    ends = matrix.indptr.tolist()
    return np.array(
        [
            math.fsum((limit, *itertools.chain.from_iterable(rows[start:end])))
            for limit, start, end in zip(right.tolist(), ends, ends[1:], strict=False)
        ]
    )


def _halves(values: Floats) -> tuple[Floats, Floats]:
    """Two numbers of 26 bits each, whose products have no rounding error."""
    high = values * _SPLIT
    high = high - (high - values)
    return high, values - high
