r"""The program of kinds: how much further levels can rise, by what all jobs of a kind get at each rate.

A kind's groups can have what they need, :math:`w_g` each, of :math:`m_r` of its jobs' time at the rate :math:`r` if and only if their
needs are no further spread out (:mod:`~gavel_opt.solver.column_generation.handed_out`): at each *bend* :math:`x`

.. math:: \sum_r m_r (r - x)^+ \ge \sum_g c_g (w_g - x)^+ .

There is a row for each kind and each of its bends that were found to matter; how many groups there are is in right-hand sides alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import highspy
import numpy as np
from scipy.linalg import lu_factor, lu_solve

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.column_generation.restricted_master import QuietHighs
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram

_PRIMAL = 4
_TOLERANCE = 1e-10
_NOTHING = 1e-12
"""Jobs up to which a column is not used."""
_LACKS = 1e-10
"""Part of what is wanted that may be missing at a bend."""


class Reach(NamedTuple):
    """What the program of kinds says.

    Attributes
    ----------
    further
        How many times the slope needs can rise.
    price, worth
        Prices of the bends, and what all time and workers are worth at them: no needs worth more can be had.
    of_time, of_workers
        Prices of the kinds' time and of workers.
    mass
        Jobs' time in each column.
    """

    further: float
    price: Floats
    worth: float
    of_time: Floats
    of_workers: Floats
    mass: Floats


class KindsProgram:
    """The program in HiGHS' simplex method, whose model gets further bends and keeps its basis.

    Columns: how much further, kinds alone, then their pairs, in jobs. Rows: time of the kinds, workers, then bends.

    Parameters
    ----------
    scaled
        The program of kinds as groups, with levels in units of what jobs do alone at their fastest.
    jobs
        Jobs of each kind.
    """

    def __init__(self, scaled: ScaledProgram, jobs: Floats) -> None:
        pairs, (kinds, types) = scaled.pairs, scaled.speed.shape
        kind, on = np.nonzero(scaled.speed > 0.0)
        pair, beside_on = np.nonzero((pairs.rate > 0.0).any(axis=1))
        self.types, self._alone, self._paired = types, (kind, on), pair * types + beside_on
        one, two = pairs.member[pair].T
        self._kind = np.append(kind, one), np.append(kind, two)
        alone = scaled.speed[kind, on]
        first, second = pairs.rate[pair, :, beside_on].T
        self._rate = np.append(alone, first), np.append(np.zeros(kind.size), second)
        self._both = np.append(np.zeros(kind.size), np.ones(pair.size))
        columns = np.arange(self._both.size)
        rows = np.zeros((kinds + types, columns.size))
        rows[self._kind[0], columns] = 1.0
        np.add.at(rows, (self._kind[1], columns), self._both)
        use = np.append(scaled.use[kind] / jobs[kind], pairs.use[pair])
        rows[kinds + np.append(on, beside_on), columns] = use
        self.jobs, self._room = jobs, np.append(jobs, scaled.workers)
        self.kind, self.bend = np.arange(kinds), np.zeros(kinds)
        rows = np.vstack([rows, self._rows_of(self.kind, self.bend)])
        self._matrix = np.hstack([np.zeros((rows.shape[0], 1)), rows])
        self._solver: Any = None
        self.asked = 0
        """How many programs were asked."""

    def _rows_of(self, kind: Ints, bend: Floats) -> Floats:
        rows = np.zeros((kind.size, self._both.size))
        for of, rate in zip(self._kind, self._rate, strict=True):
            rows += (of == kind[:, None]) * np.maximum(rate - bend[:, None], 0.0)
        return rows

    def reach(self, need: Floats, slope: Floats) -> Reach | None:
        """Ask how many times the slope can be had beyond what is needed above each bend; None where that is no vertex."""
        room, matrix = self._room.size, self._matrix
        self.asked += 1
        matrix[room:, 0] = -slope
        solver = self._solver
        if solver is None:
            solver = self._solver = self._first(need)
        else:
            for row, value in enumerate(matrix[room:, 0].tolist(), room):
                solver.changeCoeff(row, 0, value)
            rows = np.arange(room, room + need.size, dtype=np.int32)
            most = np.full(need.size, highspy.kHighsInf)
            solver.changeRowsBounds(need.size, rows, need, most)
        solver.run()
        solver.setOptionValue("simplex_strategy", _PRIMAL)
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        basic = np.sort(solver.getBasicVariables()[1])  # of row r it is -1 - r
        column, tight = basic[basic >= 0], np.ones(matrix.shape[0], dtype=bool)
        tight[-1 - basic[basic < 0]] = False
        places = np.flatnonzero(tight)
        if column.size != places.size or not column.size or column[0] != 0:
            return None
        factor = lu_factor(matrix[np.ix_(places, column)], check_finite=False)
        x, y = np.zeros(matrix.shape[1]), np.zeros(tight.size)
        x[column] = lu_solve(factor, np.append(self._room, need)[places])
        y[places] = lu_solve(factor, np.append(1.0, np.zeros(column.size - 1)), trans=1)
        if not np.isfinite([x.sum(), y.sum()]).all():
            return None
        time, workers = np.split(y[:room], [self.jobs.size])
        worth = float((y[:room] * self._room).sum())
        return Reach(float(x[0]), -y[room:], worth, time, workers, x[1:])

    def _first(self, need: Floats) -> Any:
        inf = highspy.kHighsInf
        solver = QuietHighs.simplex(
            _TOLERANCE,
            dual_simplex_cost_perturbation_multiplier=0.0,
            primal_simplex_bound_perturbation_multiplier=0.0,
        )
        rows, columns = self._matrix.shape
        column, row = np.nonzero(self._matrix.T)
        rest = np.zeros(columns - 1)
        solver.passModel(
            columns,
            rows,
            column.size,
            int(highspy.MatrixFormat.kColwise),
            int(highspy.ObjSense.kMaximize),
            0.0,
            np.append(1.0, rest),
            np.append(-inf, rest),
            np.full(columns, inf),
            np.append(np.full(self._room.size, -inf), need),
            np.append(self._room, np.full(need.size, inf)),
            np.searchsorted(column, np.arange(columns + 1)).astype(np.int32),
            row.astype(np.int32),
            self._matrix[row, column],
            np.zeros(columns, dtype=np.int32),
        )
        return solver

    def shares(self, reach: Reach) -> tuple[Floats, Ints, Floats]:
        """Shares of the kinds alone, and of pairs' columns, with their numbers."""
        many = self._alone[0].size
        alone = np.zeros((self.jobs.size, self.types))
        alone[self._alone] = reach.mass[:many]
        return alone / self.jobs[:, None], self._paired, reach.mass[many:]

    def bend_where_needed(self, mass: Floats, begin: Ints, want: Floats, size: Floats) -> bool:
        """Add bends at which groups want more than there is; whether there are such."""
        used = np.flatnonzero(mass > _NOTHING)
        beside = used[self._both[used] > 0.0]
        of = np.concatenate([self._kind[0][used], self._kind[1][beside]])
        rate = np.concatenate([self._rate[0][used], self._rate[1][beside]])
        in_order = np.lexsort((rate, of))
        of, rate, mass = of[in_order], rate[in_order], mass[np.append(used, beside)][in_order]
        new = (np.diff(of, prepend=-1) != 0) | (np.diff(rate, prepend=-1.0) > 0.0)
        kind, bend = of[new], rate[new]
        there = beyond(np.searchsorted(of, np.arange(begin.size)), rate, mass, kind, bend)
        wanted = beyond(begin, want, size, kind, bend)
        lacks = (bend > 0.0) & (wanted > there * (1.0 + _LACKS) + _NOTHING)
        for known, at in zip(self.kind, self.bend, strict=True):
            lacks &= (kind != known) | (bend != at)
        self._add(kind[lacks], bend[lacks])
        return bool(lacks.any())

    def _add(self, kind: Ints, bend: Floats) -> None:
        if not kind.size:
            return
        rows = self._rows_of(kind, bend)
        self.kind, self.bend = np.append(self.kind, kind), np.append(self.bend, bend)
        self._matrix = np.vstack([self._matrix, np.hstack([np.zeros((kind.size, 1)), rows])])
        if self._solver is not None:
            row, column = np.nonzero(rows)
            self._solver.addRows(
                kind.size,
                np.zeros(kind.size),
                np.full(kind.size, highspy.kHighsInf),
                row.size,
                np.searchsorted(row, np.arange(kind.size)).astype(np.int32),
                (column + 1).astype(np.int32),
                rows[row, column],
            )


@compiled
def beyond(begin: Ints, want: Floats, size: Floats, kind: Ints, bend: Floats) -> Floats:
    """How much groups want beyond each bend of a kind, whose groups follow each other."""
    found = np.zeros(kind.size)
    for k in range(kind.size):
        total = 0.0
        for g in range(begin[kind[k]], begin[kind[k] + 1]):
            if want[g] > bend[k]:
                total += size[g] * (want[g] - bend[k])
        found[k] = total
    return found


@compiled
def above(begin: Ints, want: Floats, value: Floats, kind: Ints, bend: Floats) -> Floats:
    """Values of the groups that want more than each bend of a kind, added up."""
    found = np.zeros(kind.size)
    for k in range(kind.size):
        total = 0.0
        for g in range(begin[kind[k]], begin[kind[k] + 1]):
            if want[g] > bend[k]:
                total += value[g]
        found[k] = total
    return found


@compiled
def below(begin: Ints, want: Floats, kind: Ints, bend: Floats, price: Floats) -> Floats:
    """Prices of the bends of its kind that each group wants more than, added up."""
    found = np.zeros(want.size)
    for k in range(kind.size):
        for g in range(begin[kind[k]], begin[kind[k] + 1]):
            if want[g] > bend[k]:
                found[g] += price[k]
    return found


__all__ = ["KindsProgram", "Reach", "above", "below", "beyond"]
