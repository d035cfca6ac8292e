"""PuLP with HiGHS in the same process; the solver that PuLP built stays, a persistent model.

PuLP writes rows and columns one by one and refuses to solve a problem twice (PuLP 4 does not change a constraint
either), so what changes is changed in the solver that it built. PuLP calls a time limit an optimum, so the outcome is
the solver's own word. A ranged row becomes two constraints.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import highspy
import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.engines.highs import STATUS, QuietHighs
from gavel_opt.engines.persistent import PersistentProgram, Snapshot, changed_entries
from gavel_opt.engines.persistent_blocks import BlockModel, Changes, PersistentBlocks
from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Capability, Options
from gavel_opt.engines.pulp_problem import RowsRefused, solver_of
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Solution, Stats, Status

_TIGHT = 1e-10
_USUAL = 1e-7
_LOW, _HIGH = 0, 1


@dataclass(slots=True)
class _Persistent:
    """The solver that PuLP built for a problem.

    ``rows[_LOW]`` and ``rows[_HIGH]`` hold the solver's row for the lower and the upper bound of each
    row, or -1; an equality has the same in both. ``columns`` holds the solver's column of each column.
    """

    program: PersistentProgram
    solver: QuietHighs
    columns: Ints
    rows: Ints
    finite: np.ndarray


class Pulp(PersistentBlocks):
    """PuLP, changed in place while programs follow each other."""

    name = "pulp"
    spare = 0.0
    capability = Capability(warm_start=True, reuse=True, allocation=True, pairs=False)

    def __init__(self) -> None:
        super().__init__()
        self._persistent: _Persistent | None = None

    def version(self) -> str:
        """Solver and version."""
        return f"HiGHS {QuietHighs().version()} through PuLP {version('pulp')}"

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Solve a general program."""
        try:
            return self._solve(program, options)
        except RowsRefused as why:
            self.forget()
            return Solution(Status.NUMERICAL_ERROR, stats=Stats(detail=str(why)))

    def _solve(self, program: LinearProgram, options: Options) -> Solution:
        started = time.perf_counter()
        if self._model is not None:
            self.forget()
        reason = self._change(program)
        if reason:
            self._persistent = _build(program)
        assert self._persistent is not None
        solution = self._solve_loaded(self._persistent, reason, options, started)
        if reason or solution.status in (Status.OPTIMAL, Status.TIME_LIMIT):
            return self._with_objective(solution, program)
        persistent = self._persistent = _build(program)
        solution = self._solve_loaded(
            persistent, "the persistent model had no answer", options, started
        )
        return self._with_objective(solution, program)

    def _with_objective(self, solution: Solution, program: LinearProgram) -> Solution:
        if solution.x is not None:
            solution.objective = program.objective(solution.x)
        return solution

    def forget(self) -> None:
        """Keep no model: the next program is solved from scratch."""
        super().forget()
        self._persistent = None

    def _most_changes(self, slots: int) -> int:
        return 100 * slots  # all of them: a fresh model would have no basis

    def _solve_fresh(self, program: LinearProgram, options: Options) -> Solution:
        self._persistent = None
        return self.solve(program, options)

    def _solve_changed(
        self, model: BlockModel, changes: Changes, options: Options, started: float
    ) -> Solution | None:
        persistent = self._persistent
        if persistent is None or not all(
            _has_bounds(persistent, *change) for change in changes.rows
        ):
            return None
        for i, j, value in changes.entries:
            _set_entry(persistent, i, j, value)
        for j, cost in changes.costs:
            _set_cost(persistent, j, cost)
        for j, upper in changes.uppers:
            _set_bounds(persistent, j, 0.0, upper)
        for i, low, high in changes.rows:
            _move_bound(persistent, _LOW, i, low)
            _move_bound(persistent, _HIGH, i, high)
        solution = self._solve_loaded(persistent, "", options, started)
        return solution if solution.status in (Status.OPTIMAL, Status.TIME_LIMIT) else None

    def _solve_loaded(
        self, persistent: _Persistent, reason: str, options: Options, started: float
    ) -> Solution:
        """Solve the problem that is kept; without an answer it is kept no longer."""
        loaded = time.perf_counter()
        stats = Stats(translate=loaded - started, reused=not reason, detail=reason)
        status = _run(persistent, options, started + options.time_limit)
        solved = time.perf_counter()
        stats.solve = solved - loaded
        if not status.has_answer:
            self._persistent = None
            return Solution(status, stats=stats)
        answer = persistent.solver.getSolution()
        x = np.asarray(answer.col_value)[persistent.columns][persistent.program.columns.at]
        row_dual = _duals(persistent, np.asarray(answer.row_dual))[persistent.program.rows.at]
        stats.iterations = max(int(persistent.solver.getInfo().simplex_iteration_count), 0)
        stats.read = time.perf_counter() - solved
        return Solution(status, x=x, row_dual=row_dual, stats=stats)

    def _change(self, program: LinearProgram) -> str:
        """Change the persistent problem into ``program``; the reason where that is not possible."""
        persistent = self._persistent
        if persistent is None:
            return "first program"
        following, reason = persistent.program.follow(program)
        if following is None:
            return reason
        old, new = persistent.program.snapshot, following.snapshot
        if new.c.size != old.c.size or new.row_lower.size != old.row_lower.size:
            return "more rows or columns than the persistent model has"
        finite = _finite(new)
        alive = finite.any(axis=0)
        if (finite[:, alive] != persistent.finite[:, alive]).any() or _equal_rows_changed(old, new):
            return "a row changed its sense"
        change = changed_entries(old, new, new.row_lower.size, most=old.data.size + new.data.size)
        assert change is not None
        for i, j, value in zip(*(part.tolist() for part in change), strict=True):
            _set_entry(persistent, i, j, value)
        for j in np.flatnonzero(old.c != new.c).tolist():
            _set_cost(persistent, j, float(new.c[j]))
        differ = (old.col_lower != new.col_lower) | (old.col_upper != new.col_upper)
        for j in np.flatnonzero(differ).tolist():
            _set_bounds(persistent, j, float(new.col_lower[j]), float(new.col_upper[j]))
        for side, before, after in (
            (_LOW, old.row_lower, new.row_lower),
            (_HIGH, old.row_upper, new.row_upper),
        ):
            for i in np.flatnonzero(before != after).tolist():
                _move_bound(persistent, side, i, float(after[i]))
        persistent.program = following
        return ""


def _build(program: LinearProgram) -> _Persistent:
    slotted = PersistentProgram.of(program)
    solver = solver_of(slotted.snapshot, slotted.maximize)
    return _Persistent(slotted, *solver, _finite(slotted.snapshot))


def _run(persistent: _Persistent, options: Options, deadline: float) -> Status:
    """Run the solver that PuLP built; its own word is the outcome."""
    solver = persistent.solver
    tolerance = max(options.tolerance or _TIGHT, _TIGHT)
    settings: dict[str, Any] = {
        "parallel": "off",
        "threads": options.threads,
        "random_seed": options.seed,
        "small_matrix_value": 1e-12,
    }
    status = Status.NUMERICAL_ERROR
    verdicts: set[Status] = set()
    # Primal simplex, then dual; what both leave open is settled with presolve at usual tolerances.
    for strategy, presolve, loosest in ((4, "off", 0.0), (1, "off", 0.0), (1, "on", _USUAL)):
        left = deadline - time.perf_counter()
        if left <= 0.0:
            return Status.TIME_LIMIT
        settings["simplex_strategy"] = strategy
        settings["presolve"] = presolve
        for side in ("primal", "dual"):
            settings[f"{side}_feasibility_tolerance"] = max(tolerance, loosest)
        # The clock runs over the life of the solver, not over one run.
        settings["time_limit"] = solver.getRunTime() + left if math.isfinite(left) else math.inf
        for option, setting in settings.items():
            solver.setOptionValue(option, setting)
        solver.run()
        status = STATUS.get(solver.getModelStatus(), Status.NUMERICAL_ERROR)
        if status in (Status.OPTIMAL, Status.TIME_LIMIT) or status in verdicts:
            break
        # A verdict without a proof needs a second run that says the same: at tight tolerances the
        # primal simplex method was seen to call a bounded program unbounded.
        if status in (Status.INFEASIBLE, Status.UNBOUNDED):
            verdicts.add(status)
        solver.clearSolver()
    return status


def _duals(persistent: _Persistent, dual: Floats) -> Floats:
    """Sum of the duals of each row's constraints."""
    sign = _sign(persistent)
    low, high = persistent.rows
    both = (high >= 0) & (high != low)
    found = np.zeros(low.size)
    found[low >= 0] = dual[low[low >= 0]]
    found[both] += dual[high[both]]
    return sign * found


def _set_entry(persistent: _Persistent, row: int, column: int, value: float) -> None:
    for part in {*persistent.rows[:, row].tolist()} - {-1}:
        persistent.solver.changeCoeff(part, persistent.columns[column], value)


def _set_cost(persistent: _Persistent, column: int, cost: float) -> None:
    persistent.solver.changeColCost(persistent.columns[column], _sign(persistent) * cost)


def _sign(persistent: _Persistent) -> float:
    """-1 where the solver minimises what is to be maximised, as PuLP had it do before 4.2."""
    _, sense = persistent.solver.getObjectiveSense()
    maximizes = sense == highspy.ObjSense.kMaximize
    return 1.0 if maximizes == persistent.program.maximize else -1.0


def _set_bounds(persistent: _Persistent, column: int, low: float, high: float) -> None:
    persistent.solver.changeColBounds(persistent.columns[column], low, high)


def _has_bounds(persistent: _Persistent, row: int, low: float, high: float) -> bool:
    """Whether a row has a constraint for each of its finite bounds."""
    finite = math.isfinite(low), math.isfinite(high)
    parts = persistent.rows[:, row].tolist()
    return all(part >= 0 or not needed for part, needed in zip(parts, finite, strict=True))


def _move_bound(persistent: _Persistent, side: int, row: int, bound: float) -> None:
    """Move the bound of one constraint; infinite switches it off."""
    low_row, high_row = persistent.rows[:, row].tolist()
    part = (low_row, high_row)[side]
    if part < 0:
        return
    equal = low_row == high_row
    low = bound if side == _LOW or equal else -math.inf
    high = bound if side == _HIGH or equal else math.inf
    persistent.solver.changeRowBounds(part, low, high)


def _finite(snapshot: Snapshot) -> np.ndarray:
    """Which bounds of the rows are finite, shape ``(2, m)``."""
    return np.isfinite(np.stack([snapshot.row_lower, snapshot.row_upper]))


def _equal_rows_changed(old: Snapshot, new: Snapshot) -> bool:
    """Whether a row became an equality or stopped being one."""
    was, is_ = old.row_lower == old.row_upper, new.row_lower == new.row_upper
    return bool((was != is_).any())
