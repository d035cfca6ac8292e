"""PuLP with HiGHS in the same process; the PuLP problem and its solver are kept.

PuLP writes rows and columns one by one and refuses to solve a problem twice, so what changes is
changed in both: in PuLP's constraints and variables, and in the solver that it built. PuLP calls a
time limit an optimum, so the outcome is the solver's own word. A ranged row becomes two constraints.
"""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pulp

from gavel_opt.arrays import Floats
from gavel_opt.engines.highs import STATUS, QuietHighs
from gavel_opt.engines.persistent import Seated, Seating, changed_entries
from gavel_opt.engines.persistent_blocks import BlockModel, Changes, KeepsBlocks
from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Capability, Options
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Solution, Stats, Status

_TIGHT = 1e-10
_USUAL = 1e-7
_LOW, _HIGH = 0, 1


class _InProcess(pulp.HiGHS):  # type: ignore[misc]  # PuLP has no types
    """PuLP's HiGHS on a solver that prints nothing."""

    def createAndConfigureSolver(self, lp: Any) -> None:
        lp.solverModel = QuietHighs()
        lp.solverModel.setOptionValue("output_flag", False)
        for option, value in self.optionsDict.items():
            lp.solverModel.setOptionValue(option, value)


@dataclass(slots=True)
class _Kept:
    """A PuLP problem in its solver.

    ``constraints[_LOW]`` and ``constraints[_HIGH]`` hold the constraint for the lower and the upper
    bound of each row, or None; an equality has the same constraint in both.
    """

    seating: Seating
    problem: Any
    interface: Any
    columns: list[Any]
    constraints: tuple[list[Any], list[Any]]
    finite: np.ndarray


class Pulp(KeepsBlocks):
    """PuLP, changed in place while programs follow each other."""

    name = "pulp"
    spare = 0.0
    capability = Capability(warm_start=True, reuse=True, allocation=True, pairs=False)

    def __init__(self) -> None:
        super().__init__()
        self._kept: _Kept | None = None

    def version(self) -> str:
        """Solver and version."""
        return f"HiGHS {QuietHighs().version()} through PuLP {version('pulp')}"

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Solve a general program."""
        started = time.perf_counter()
        if self._model is not None:
            self._model = self._kept = None
        reason = self._change(program)
        if reason:
            self._kept = _build(program)
        assert self._kept is not None
        solution = self._solve_loaded(self._kept, reason, options, started)
        if reason or solution.status in (Status.OPTIMAL, Status.TIME_LIMIT):
            return self._with_objective(solution, program)
        kept = self._kept = _build(program)
        solution = self._solve_loaded(kept, "the kept model had no answer", options, started)
        return self._with_objective(solution, program)

    def _with_objective(self, solution: Solution, program: LinearProgram) -> Solution:
        if solution.x is not None:
            solution.objective = program.objective(solution.x)
        return solution

    def _most_changes(self, slots: int) -> int:
        return 100 * slots  # all of them: a fresh model would have no basis

    def _solve_fresh(self, program: LinearProgram, options: Options) -> Solution:
        self._kept = None
        return self.solve(program, options)

    def _solve_changed(
        self, model: BlockModel, changes: Changes, options: Options, started: float
    ) -> Solution | None:
        kept = self._kept
        if kept is None or not all(_has_bounds(kept, *change) for change in changes.rows):
            return None
        for i, j, value in changes.entries:
            _set_entry(kept, i, j, value)
        for j, cost in changes.costs:
            _set_cost(kept, j, cost)
        for j, upper in changes.uppers:
            _set_bounds(kept, j, 0.0, upper)
        for i, low, high in changes.rows:
            _move_bound(kept, _LOW, i, low)
            _move_bound(kept, _HIGH, i, high)
        solution = self._solve_loaded(kept, "", options, started)
        return solution if solution.status in (Status.OPTIMAL, Status.TIME_LIMIT) else None

    def _solve_loaded(self, kept: _Kept, reason: str, options: Options, started: float) -> Solution:
        """Solve the problem that is kept; without an answer it is kept no longer."""
        loaded = time.perf_counter()
        stats = Stats(translate=loaded - started, reused=not reason, detail=reason)
        status = _run(kept, options, started + options.time_limit)
        solved = time.perf_counter()
        stats.solve = solved - loaded
        if not status.has_answer:
            self._kept = None
            return Solution(status, stats=stats)
        kept.interface.findSolutionValues(kept.problem)
        x = np.array([column.varValue for column in kept.columns])[kept.seating.columns.at]
        row_dual = _duals(kept)[kept.seating.rows.at]
        info = kept.problem.solverModel.getInfo()
        stats.iterations = max(int(info.simplex_iteration_count), 0)
        stats.read = time.perf_counter() - solved
        return Solution(status, x=x, row_dual=row_dual, stats=stats)

    def _change(self, program: LinearProgram) -> str:
        """Change the kept problem into ``program``; the reason where that is not possible."""
        kept = self._kept
        if kept is None:
            return "first program"
        following, reason = kept.seating.follow(program)
        if following is None:
            return reason
        old, new = kept.seating.seated, following.seated
        if new.c.size != old.c.size or new.row_lower.size != old.row_lower.size:
            return "more rows or columns than the kept model has"
        finite = _finite(new)
        alive = finite.any(axis=0)
        if (finite[:, alive] != kept.finite[:, alive]).any() or _equal_rows_changed(old, new):
            return "a row changed its sense"
        solver = kept.problem.solverModel
        change = changed_entries(old, new, new.row_lower.size, most=old.data.size + new.data.size)
        assert change is not None
        for i, j, value in zip(*(part.tolist() for part in change), strict=True):
            for constraint in _parts(kept, i):
                _expression(constraint)[kept.columns[j]] = value
                solver.changeCoeff(constraint.index, kept.columns[j].index, value)
        sign = -1.0 if following.maximize else 1.0
        for j in np.flatnonzero(old.c != new.c).tolist():
            kept.problem.objective[kept.columns[j]] = float(new.c[j])
            solver.changeColCost(kept.columns[j].index, sign * float(new.c[j]))
        differ = (old.col_lower != new.col_lower) | (old.col_upper != new.col_upper)
        for j in np.flatnonzero(differ).tolist():
            low, high = float(new.col_lower[j]), float(new.col_upper[j])
            kept.columns[j].lowBound, kept.columns[j].upBound = _or_none(low), _or_none(high)
            solver.changeColBounds(kept.columns[j].index, low, high)
        for side, before, after in (
            (_LOW, old.row_lower, new.row_lower),
            (_HIGH, old.row_upper, new.row_upper),
        ):
            for i in np.flatnonzero(before != after).tolist():
                _move_bound(kept, side, i, float(after[i]))
        kept.seating = following
        return ""


def _build(program: LinearProgram) -> _Kept:
    """Write the problem in PuLP and let PuLP build its solver."""
    with warnings.catch_warnings():
        # PuLP 3 says of each variable that PuLP 4 will make it in another way.
        warnings.simplefilter("ignore", DeprecationWarning)
        return _written(Seating.of(program))


def _written(seating: Seating) -> _Kept:
    seated = seating.seated
    sense = pulp.LpMaximize if seating.maximize else pulp.LpMinimize
    problem = pulp.LpProblem("program", sense)
    columns = [
        pulp.LpVariable(f"x{j}", _or_none(low), _or_none(high))
        for j, (low, high) in enumerate(
            zip(seated.col_lower.tolist(), seated.col_upper.tolist(), strict=True)
        )
    ]
    # Columns in no row would be missing, so all of them are named in the objective.
    problem += pulp.LpAffineExpression(list(zip(columns, seated.c.tolist(), strict=True)))
    order = np.argsort(seated.indices, kind="stable")
    column = np.repeat(np.arange(len(columns)), np.diff(seated.indptr))[order].tolist()
    value = seated.data[order].tolist()
    starts = np.searchsorted(seated.indices[order], np.arange(seated.row_lower.size + 1)).tolist()
    low_side: list[Any] = []
    high_side: list[Any] = []
    for i, (low, high) in enumerate(
        zip(seated.row_lower.tolist(), seated.row_upper.tolist(), strict=True)
    ):
        span = range(starts[i], starts[i + 1])
        terms = [(columns[column[k]], value[k]) for k in span]
        equal = low == high
        low_side.append(
            _constraint(problem, terms, pulp.LpConstraintEQ if equal else pulp.LpConstraintGE, low)
        )
        high_side.append(
            low_side[-1] if equal else _constraint(problem, terms, pulp.LpConstraintLE, high)
        )
    interface = _InProcess(msg=False)
    interface.createAndConfigureSolver(problem)
    interface.buildSolverModel(problem)
    return _Kept(seating, problem, interface, columns, (low_side, high_side), _finite(seated))


def _constraint(
    problem: Any, terms: list[tuple[Any, float]], sense: int, bound: float
) -> Any | None:
    if not math.isfinite(bound):
        return None
    constraint = pulp.LpConstraint(pulp.LpAffineExpression(terms), sense, rhs=bound)
    problem.addConstraint(constraint)
    return constraint


def _run(kept: _Kept, options: Options, deadline: float) -> Status:
    """Run the solver that PuLP built; its own word is the outcome."""
    solver = kept.problem.solverModel
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
        kept.interface.callSolver(kept.problem)
        status = STATUS.get(solver.getModelStatus(), Status.NUMERICAL_ERROR)
        if status in (Status.OPTIMAL, Status.TIME_LIMIT) or status in verdicts:
            break
        # A verdict without a proof needs a second run that says the same: at tight tolerances the
        # primal simplex method was seen to call a bounded program unbounded.
        if status in (Status.INFEASIBLE, Status.UNBOUNDED):
            verdicts.add(status)
        solver.clearSolver()
    return status


def _duals(kept: _Kept) -> Floats:
    """Sum of the duals of each row's constraints; PuLP minimises what is to be maximised."""
    sign = -1.0 if kept.seating.maximize else 1.0
    low, high = kept.constraints
    duals = [
        (a.pi if a is not None else 0.0) + (b.pi if b is not None and b is not a else 0.0)
        for a, b in zip(low, high, strict=True)
    ]
    return sign * np.array(duals)


def _expression(constraint: Any) -> Any:
    """The coefficients: PuLP 3 keeps them in the constraint, PuLP 2's constraint is them."""
    return getattr(constraint, "expr", constraint)


def _parts(kept: _Kept, row: int) -> list[Any]:
    low, high = kept.constraints[_LOW][row], kept.constraints[_HIGH][row]
    parts = [low] if low is not None else []
    return parts if high is None or high is low else [*parts, high]


def _set_entry(kept: _Kept, row: int, column: int, value: float) -> None:
    variable = kept.columns[column]
    for constraint in _parts(kept, row):
        _expression(constraint)[variable] = value
        kept.problem.solverModel.changeCoeff(constraint.index, variable.index, value)


def _set_cost(kept: _Kept, column: int, cost: float) -> None:
    """PuLP minimises what is to be maximised."""
    variable = kept.columns[column]
    kept.problem.objective[variable] = cost
    sign = -1.0 if kept.seating.maximize else 1.0
    kept.problem.solverModel.changeColCost(variable.index, sign * cost)


def _set_bounds(kept: _Kept, column: int, low: float, high: float) -> None:
    variable = kept.columns[column]
    variable.lowBound, variable.upBound = _or_none(low), _or_none(high)
    kept.problem.solverModel.changeColBounds(variable.index, low, high)


def _has_bounds(kept: _Kept, row: int, low: float, high: float) -> bool:
    """Whether a row has a constraint for each of its finite bounds."""
    parts = kept.constraints[_LOW][row], kept.constraints[_HIGH][row]
    finite = math.isfinite(low), math.isfinite(high)
    return all(part is not None or not needed for part, needed in zip(parts, finite, strict=True))


def _move_bound(kept: _Kept, side: int, row: int, bound: float) -> None:
    """Move the bound of one constraint, in PuLP and in the solver; infinite switches it off."""
    constraint = kept.constraints[side][row]
    if constraint is None:
        return
    constraint.changeRHS(bound)
    low = bound if constraint.sense != pulp.LpConstraintLE else -math.inf
    high = bound if constraint.sense != pulp.LpConstraintGE else math.inf
    kept.problem.solverModel.changeRowBounds(constraint.index, low, high)


def _finite(seated: Seated) -> np.ndarray:
    """Which bounds of the rows are finite, shape ``(2, m)``."""
    return np.isfinite(np.stack([seated.row_lower, seated.row_upper]))


def _equal_rows_changed(old: Seated, new: Seated) -> bool:
    """Whether a row became an equality or stopped being one."""
    was, is_ = old.row_lower == old.row_upper, new.row_lower == new.row_upper
    return bool((was != is_).any())


def _or_none(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None
