"""The program with few of its pairs, in HiGHS' simplex method, whose model grows and keeps its basis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.model.allocation_program import KnownBasis
from gavel_opt.solver.column_generation.pair_pricing import Prices
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram

_PRIMAL, _DUAL = 4, 1
_DEVEX = 1
_WITHOUT = 4.0
"""What columns that do without a row of old are worth in it, beyond any level there."""
_AS_IT_IS, _USUAL = 0, 2
_TOLERANCE = 1e-9
_CENTRAL = 1e-8
"""Part of the objective that is left where the interior point method goes on to a vertex."""
_STEPS = 150
"""Steps of the interior point method at most; 20 to 60 are usual."""
_ROWS, _PRICES = 1e-4, 1e-4
"""What rows may be off, and prices in parts of a job's share, where prices are looked for that are about right."""
_CIRCLES = 10
"""Pivots for each row after which the primal method, which shifts bounds, goes round in circles: it may for ever. Up to five are usual."""
_WORTH, _LESS = 1e4, 100.0
"""What a job's share of the objective is to the solver, whose tolerances are absolute: a column that pays is then far from costing
nothing. And what it is where that is asking too much."""


class QuietHighs(highspy.Highs):
    """The solver alone: the base class prints a banner and installs callbacks."""

    def __init__(self) -> None:
        super(highspy.Highs, self).__init__()

    @classmethod
    def simplex(cls, tolerance: float, **options: float) -> QuietHighs:
        """The simplex method in one thread, on the program as it is given, to a tolerance of rows and of prices."""
        solver = cls()
        settings: dict[str, bool | float | str] = {
            "output_flag": False,
            "parallel": "off",
            "threads": 1,
            "solver": "simplex",
            "presolve": "off",
            "small_matrix_value": 1e-12,
            "primal_feasibility_tolerance": tolerance,
            "dual_feasibility_tolerance": tolerance,
            **options,
        }
        for name, value in settings.items():
            solver.setOptionValue(name, value)
        return solver


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """A basis, by what its variables mean.

    Attributes
    ----------
    level
        Whether the level t is basic.
    alone
        Shares alone, shape ``(G, J)``.
    column, pair
        Numbers of the pairs' columns that the program has, and which are basic.
    surplus, time, workers
        Slacks of the level, time and capacity rows, shapes ``(G,)``, ``(G,)``, ``(J,)``.
    """

    level: bool
    alone: Bools
    column: Ints
    pair: Bools
    surplus: Bools
    time: Bools
    workers: Bools

    @classmethod
    def known(cls, basis: KnownBasis) -> Basis:
        """A basis that comes with a program."""
        column = np.flatnonzero(basis.pair)
        every = np.ones(column.size, dtype=bool)
        return cls(True, basis.alone, column, every, basis.surplus, basis.time, basis.workers)


_NONE: Ints = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """An optimum of another program.

    Attributes
    ----------
    program
        The program, with some of its pairs.
    basis, level
        The basis, its columns of pairs numbered as in ``program``, and the level t.
    places
        Where the groups that there are now are in it, shape ``(G,)``; -1 for those that are new.
    """

    program: ScaledProgram
    basis: Basis
    level: float
    places: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Where to start.

    Attributes
    ----------
    basis
        A basis.
    pays_nothing
        Whether no column pays at its prices: it was optimal, and only which groups have a part in the level has changed.
    free, slopes
        Groups that had a tight level row, and have none now, with the slopes that these had. They keep them, beside a
        column that does without: the basis is one all the same.
    before
        The optimum that the basis is from, where other groups have come for some of its groups.
    """

    basis: Basis
    pays_nothing: bool = False
    free: Ints = field(default_factory=lambda: _NONE)
    slopes: Floats = field(default_factory=lambda: np.empty(0))
    before: Before | None = None


class RestrictedMaster:
    """Groups alone, and those pairs' columns that it was given.

    Rows: levels, times, capacities, then times of groups that came with a pair. Columns: the level t, groups by type,
    relief from the floors (held at zero but in :meth:`relieve`), what does without rows of old, then pairs in the order
    in which they came. Where the program says so, what a group does for nothing is no column, and a row that nobody has
    anything in is not there.

    Parameters
    ----------
    program
        The whole program, scaled.
    start
        Where to start, and with which columns of pairs; None for the slacks.
    """

    def __init__(self, program: ScaledProgram, start: Start | None) -> None:
        self._free = _NONE if start is None else start.free
        if self._free.size:
            assert start is not None
            program = program.with_rows(start.free, start.slopes)
        self._program = program
        groups, types = program.rate.shape
        needed = program.helps if program.spares else np.ones((groups, types), dtype=bool)
        self._helps = np.flatnonzero(needed)
        self._first = 2 + self._helps.size + self._free.size  # of the columns of pairs
        there = np.ones(2 * groups + types, dtype=bool)
        if program.spares:
            there[: 2 * groups] = np.concatenate([program.scale > 0.0, needed.any(axis=1)])
        if start is not None:
            there[groups + program.pairs.member[start.basis.column // types]] = True
        self._rows = np.flatnonzero(there)
        self._place = np.cumsum(there) - 1  # of rows that are there
        self._place[~there] = -1
        self.column = _NONE
        self._relieving = False
        self._jobs = float(program.count.sum())
        self._worth = _WORTH * self._jobs
        # from prices at which nothing pays, the dual method; else it takes twice the iterations of the other
        dual_first = start is None or start.pays_nothing
        self._solver = QuietHighs.simplex(
            _TOLERANCE,
            simplex_scale_strategy=_scaling(program),
            simplex_strategy=_DUAL if dual_first else _PRIMAL,
            simplex_dual_edge_weight_strategy=-1 if start is None else _DEVEX,
        )
        self.usable = self._pass_alone() != highspy.HighsStatus.kError
        """Whether HiGHS takes the program: it refuses coefficients of 1e15 and beyond."""
        if self.usable and start is not None:
            self.add(start.basis.column)
        if self.usable and start is not None:
            self._set_basis(start.basis)

    def _pass_alone(self) -> highspy.HighsStatus:
        """Hand over the program without pairs, as arrays: a model of HiGHS' own takes them number by number."""
        program, inf = self._program, highspy.kHighsInf
        groups, types = program.rate.shape
        sloped = np.flatnonzero(program.slope > 0.0)
        group, kind = np.divmod(self._helps, types)
        rows = np.stack([group, groups + group, 2 * groups + kind], axis=1)
        values = np.ones(rows.shape)
        values[:, 0], values[:, 2] = program.rate[group, kind], program.use[group]
        rated = np.ones(rows.shape, dtype=bool)
        rated[:, 0] = program.scale[group] > 0.0
        relieved = np.flatnonzero((program.floor > -inf) & (program.floor != 0.0))
        columns, without = self._first, self._free.size
        has_level = program.has_level
        reward = program.reward[group, kind]
        cost = np.concatenate([[float(has_level)], reward, np.zeros(1 + without)])
        free, most = inf if has_level else 0.0, np.where(program.helps[group, kind], inf, 0.0)
        starts = sloped.size + np.concatenate([[0], np.cumsum(rated.sum(axis=1))])
        ends = starts[-1] + relieved.size + np.arange(without + 1)
        index = np.concatenate([sloped, rows[rated], relieved, self._free])
        lower = np.concatenate([program.floor, np.full(groups + types, -inf)])
        upper = np.concatenate([np.full(groups, inf), np.ones(groups), program.workers])
        return self._solver.passModel(
            columns,
            self._rows.size,
            index.size,
            int(highspy.MatrixFormat.kColwise),
            int(highspy.ObjSense.kMaximize),
            0.0,
            cost * self._worth,
            np.concatenate([[-free], np.zeros(columns - 1)]),
            np.concatenate([[free], most, [0.0], np.full(without, _WITHOUT)]),
            lower[self._rows],
            upper[self._rows],
            np.concatenate([[0], starts, ends]).astype(np.int32),
            self._place[index].astype(np.int32),
            np.concatenate(
                [
                    -program.slope[sloped],
                    values[rated],
                    program.floor[relieved],
                    np.ones(without),
                ]
            ),
            # an empty integrality array is read out of its bounds
            np.zeros(columns, dtype=np.int32),
        )

    def add(self, column: Ints) -> None:
        """Add columns of pairs."""
        many = column.size
        if not many:
            return
        rows, values = self._program.entries(column)
        at, along = np.nonzero(values)
        counts = np.bincount(at, minlength=many)
        row = rows[at, along]
        absent = row[self._place[row] < 0]
        if absent.size:
            self._add_times(np.unique(absent))
        status = self._solver.addCols(
            many,
            self._program.pair_reward(column) * (0.0 if self._relieving else self._worth),
            np.zeros(many),
            np.full(many, highspy.kHighsInf),
            at.size,
            np.concatenate([[0], np.cumsum(counts[:-1])]).astype(np.int32),
            self._place[row].astype(np.int32),
            values[at, along],
        )
        self.usable = status != highspy.HighsStatus.kError
        self.column = np.concatenate([self.column, column])

    def _add_times(self, row: Ints) -> None:
        """Add rows of the times of groups that had nothing in them."""
        self._place[row] = self._rows.size + np.arange(row.size)
        self._rows = np.concatenate([self._rows, row])
        least, none = np.full(row.size, -highspy.kHighsInf), np.zeros(row.size, dtype=np.int32)
        self._solver.addRows(row.size, least, np.ones(row.size), 0, none, none[:0], least[:0])

    def solve(self) -> Prices | None:
        """Solve; the prices, or None if the simplex method found no optimum."""
        most, infeasible = _CIRCLES * self._rows.size, highspy.HighsModelStatus.kInfeasible
        solved = self.is_solved_within(most)
        if not solved and self._solver.getModelStatus() != infeasible:
            self._worth = _LESS * self._jobs
            self._set_costs()
            self._solver.setOptionValue("simplex_strategy", _DUAL)
            solved = self.is_solved_within(most)
        self._solver.setOptionValue("simplex_strategy", _PRIMAL)
        return self.prices() if solved else None

    @property
    def pays(self) -> float:
        """Reduced costs below its negative pay, to the solver."""
        return _TOLERANCE / self._worth

    def prices(self) -> Prices:
        """The prices of the last solve."""
        groups, types = self._program.rate.shape
        dual = np.zeros(2 * groups + types)
        dual[self._rows] = np.array(self._solver.getSolution().row_dual) / self._worth
        return Prices(
            np.maximum(-dual[:groups], 0.0),
            np.maximum(dual[groups : 2 * groups], 0.0),
            np.maximum(dual[2 * groups :], 0.0),
        )

    def is_solved_within(self, pivots: int) -> bool:
        """Whether the simplex method needs no more pivots than that; it goes on from where they end."""
        self._solver.setOptionValue("simplex_iteration_limit", pivots)
        self._solver.run()
        self._solver.setOptionValue("simplex_iteration_limit", highspy.kHighsIInf)
        return bool(self._solver.getModelStatus() == highspy.HighsModelStatus.kOptimal)

    def central_prices(self, gap: float) -> Prices | None:
        """Prices that are about right, in the midst of those that are, up to a part of the objective; None if there are none."""
        dual = _PRICES * self._worth / self._jobs
        return self.prices() if self._by_interior_point(gap, _ROWS, dual, "off") else None

    def reach_vertex(self) -> bool:
        """Go to an optimal vertex through the interior, for the simplex method to go on from; whether it is reached."""
        solver = self._solver
        # where the interior leads nowhere HiGHS would start the simplex method from nothing
        solver.setOptionValue("simplex_iteration_limit", self._rows.size)
        solved = self._by_interior_point(_CENTRAL, _TOLERANCE, _TOLERANCE, "on")
        solver.setOptionValue("simplex_iteration_limit", highspy.kHighsIInf)
        if not (solved and solver.getModelStatus() == highspy.HighsModelStatus.kOptimal):
            return False
        solver.setOptionValue("simplex_strategy", _PRIMAL)
        solver.setOptionValue("simplex_dual_edge_weight_strategy", _DEVEX)
        solver.run()  # without it HiGHS crashes when it is asked for the basis
        return bool(solver.getModelStatus() == highspy.HighsModelStatus.kOptimal)

    def _by_interior_point(self, gap: float, rows: float, prices: float, crossover: str) -> bool:
        """Solve by the interior point method; whether there is a solution, proven or not."""
        solver = self._solver
        settings: tuple[tuple[str, float | str], ...] = (
            ("run_crossover", crossover),
            ("ipm_iteration_limit", _STEPS),
            ("ipm_optimality_tolerance", gap),
            ("primal_feasibility_tolerance", rows),
            ("dual_feasibility_tolerance", prices),
            ("solver", "ipx"),
        )
        for name, value in settings:
            solver.setOptionValue(name, value)
        solver.run()
        solver.setOptionValue("solver", "simplex")
        return bool(solver.getSolution().dual_valid)

    def leave_no_time(self, group: Ints) -> None:
        """Leave groups no time."""
        row = self._place[self._program.use.size + group]
        for place in row[row >= 0]:
            self._solver.changeRowBounds(int(place), -highspy.kHighsInf, 0.0)

    def relieve(self, on: bool) -> None:
        """Ask for the least part of all floors that must be given up, or for the program's objective again."""
        self._relieving = on
        self._set_costs()
        most = highspy.kHighsInf if on else 0.0
        self._solver.changeColBounds(self._helps.size + 1, 0.0, most)

    def _set_costs(self) -> None:
        """Tell the solver what columns are worth."""
        solver, program = self._solver, self._program
        relief, columns = self._helps.size + 1, solver.getNumCol()
        cost = np.zeros(columns)
        if self._relieving:
            cost[relief] = -self._worth
        else:
            cost[0] = self._worth if program.has_level else 0.0
            cost[1:relief] = program.reward.ravel()[self._helps] * self._worth
            cost[self._first :] = program.pair_reward(self.column) * self._worth
        solver.changeColsCost(columns, np.arange(columns, dtype=np.int32), cost)

    @property
    def objective(self) -> float:
        """Objective of the last solution."""
        return float(self._solver.getInfo().objective_function_value) / self._worth

    @property
    def given_up(self) -> float:
        """Part of the floors that the last solution gives up."""
        return float(self._solver.getSolution().col_value[self._helps.size + 1])

    @property
    def iterations(self) -> int:
        """Simplex iterations of the last solve."""
        return max(int(self._solver.getInfo().simplex_iteration_count), 0)

    def basis(self) -> Basis:
        """The basis of the last solve."""
        solver: Any = self._solver
        _, basic = solver.getBasicVariables()  # of row r it is -1 - r
        groups, types = self._program.rate.shape
        columns = np.zeros(solver.getNumCol(), dtype=bool)
        columns[basic[basic >= 0]] = True
        alone = np.zeros(groups * types, dtype=bool)
        alone[self._helps] = columns[1 : 1 + self._helps.size]
        rows = np.ones(2 * groups + types, dtype=bool)
        rows[self._rows] = False
        rows[self._rows[-1 - basic[basic < 0]]] = True
        rows[self._free] = True
        return Basis(
            bool(columns[0]),
            alone.reshape(groups, types),
            self.column,
            columns[self._first :],
            rows[:groups],
            rows[groups : 2 * groups],
            rows[2 * groups :],
        )

    def _set_basis(self, basis: Basis) -> None:
        kinds = highspy.HighsBasisStatus
        start = highspy.HighsBasis()
        without = np.full(
            self._free.size, 2
        )  # at their largest, so that prices stay those of before
        alone = basis.alone.ravel()[self._helps]
        columns = np.concatenate([[basis.level], alone, [0], without, basis.pair])
        rows = np.concatenate([basis.surplus, basis.time, basis.workers])[self._rows]
        of_row = np.where(self._rows < basis.surplus.size, 0, 2)
        meaning = np.array([kinds.kLower, kinds.kBasic, kinds.kUpper], dtype=object)
        start.col_status = meaning[columns.astype(np.int64)].tolist()
        start.row_status = meaning[np.where(rows, 1, of_row)].tolist()
        start.alien = True
        start.valid = True
        self._solver.setBasis(start)


def _scaling(program: ScaledProgram) -> int:
    """How HiGHS scales: not where some have no level, as with deadlines (measured); the program is scaled already."""
    return _USUAL if (program.slope > 0.0).all() else _AS_IT_IS
