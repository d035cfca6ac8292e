"""OR-Tools' simplex code GLOP.

A first program goes in as whole arrays. When programs follow each other (most rows and columns stay),
the model is kept in the incremental interface, where values change in place and the basis stays.
Preprocessing is off: with it GLOP calls unbounded programs infeasible, and small programs get slower.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import ortools.linear_solver.linear_solver_pb2 as linear_solver_pb2
import ortools.linear_solver.pywraplp as pywraplp
from ortools.linear_solver.python import model_builder_helper
from scipy import sparse

from gavel_opt.arrays import Floats
from gavel_opt.engines.persistent import PersistentProgram, Snapshot, changed_entries, grown
from gavel_opt.engines.persistent_blocks import BlockModel, Changes, PersistentBlocks
from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Capability, Options
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Solution, Stats, Status

_Solver = pywraplp.Solver
_Word = model_builder_helper.SolveStatus

STATUS = {
    _Word.OPTIMAL: Status.OPTIMAL,
    _Word.FEASIBLE: Status.ITERATION_LIMIT,
    _Word.INFEASIBLE: Status.INFEASIBLE,
    _Word.UNBOUNDED: Status.UNBOUNDED,
    _Word.NOT_SOLVED: Status.ITERATION_LIMIT,
    _Word.ABNORMAL: Status.NUMERICAL_ERROR,
}
"""Words of the array interface; the two limits are a time limit if the time is up."""

PERSISTENT_STATUS = {
    _Solver.OPTIMAL: Status.OPTIMAL,
    _Solver.FEASIBLE: Status.ITERATION_LIMIT,
    _Solver.INFEASIBLE: Status.INFEASIBLE,
    _Solver.UNBOUNDED: Status.UNBOUNDED,
    _Solver.NOT_SOLVED: Status.ITERATION_LIMIT,
    _Solver.ABNORMAL: Status.NUMERICAL_ERROR,
}

_TIGHT = 1e-10
_LARGEST_KEPT = 20_000
"""Entries up to which the incremental interface, filled one by one, pays."""

_COLD = ("use_dual_simplex:false", "use_dual_simplex:true")


@dataclass(slots=True)
class _Persistent:
    """A model in the incremental interface."""

    program: PersistentProgram
    solver: Any
    parameters: Any
    columns: list[Any]
    rows: list[Any]


class Glop(PersistentBlocks):
    """GLOP, whole arrays in; the model kept while programs follow each other."""

    name = "ortools"
    spare = 0.1
    capability = Capability(warm_start=True, reuse=True, allocation=True, pairs=False)

    def __init__(self) -> None:
        super().__init__()
        self._last: PersistentProgram | None = None
        self._persistent: _Persistent | None = None

    def version(self) -> str:
        """Solver and version."""
        return f"GLOP of OR-Tools {version('ortools')}"

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Solve a general program."""
        started = time.perf_counter()
        if self._model is not None:
            self.forget()
        solution, reason = self._solve_persistent(program, options, started)
        if solution is None:
            left = options.time_limit - (time.perf_counter() - started)
            solution = solve_arrays(program, options, left)
            solution.stats.detail += f"; {reason}"
        return solution

    def forget(self) -> None:
        """Keep no model: the next program is solved from scratch."""
        super().forget()
        self._last = self._persistent = None

    def _most_changes(self, slots: int) -> int:
        return 100 * slots  # all of them: a fresh model would have no basis

    def _solve_fresh(self, program: LinearProgram, options: Options) -> Solution:
        self._last = self._persistent = None
        return solve_arrays(program, options, options.time_limit)

    def _solve_changed(
        self, model: BlockModel, changes: Changes, options: Options, started: float
    ) -> Solution | None:
        if 4 * model.slots * model.types > _LARGEST_KEPT:
            return None
        reused = self._persistent is not None
        if self._persistent is None:
            # Of what is seldom optimal still, the prices mostly are: dual simplex needs fewer steps.
            settings = f"{_settings(options)} use_dual_simplex:true"
            self._persistent = _build(PersistentProgram.of(model.general()), settings)
        else:
            _apply(self._persistent, changes)
        return self._run_persistent(self._persistent, options, started, reused)

    def _solve_persistent(
        self, program: LinearProgram, options: Options, started: float
    ) -> tuple[Solution | None, str]:
        """Solve on the persistent model; None and the reason where that is not possible."""
        if program.a.nnz > _LARGEST_KEPT:
            self._last = self._persistent = None
            return None, "too large for the incremental interface"
        if self._last is None:
            self._last = PersistentProgram.of(program)
            return None, "first program"
        reused = self._persistent is not None
        following, reason = self._last.follow(program)
        if following is None:
            self._last, self._persistent = PersistentProgram.of(program), None
            return None, reason
        if self._persistent is None:
            self._persistent = _build(PersistentProgram.of(program), _settings(options))
        else:
            _change(self._persistent, following)
        self._last = self._persistent.program
        solution = self._run_persistent(self._persistent, options, started, reused)
        if solution is None:
            return None, "the persistent model had no answer"
        if solution.x is not None:
            solution.objective = program.objective(solution.x)
        return solution, ""

    def _run_persistent(
        self, persistent: _Persistent, options: Options, started: float, reused: bool
    ) -> Solution | None:
        """Solve the persistent model; None, and it is dropped, unless that gives an optimum in time."""
        loaded = time.perf_counter()
        left = options.time_limit - (loaded - started)
        if left <= 0.0:
            self._last = self._persistent = None
            return Solution(Status.TIME_LIMIT, stats=Stats(translate=loaded - started))
        # Milliseconds; 0 takes an earlier limit back.
        persistent.solver.SetTimeLimit(max(1, int(left * 1000.0)) if math.isfinite(left) else 0)
        status = PERSISTENT_STATUS.get(
            persistent.solver.Solve(persistent.parameters), Status.NUMERICAL_ERROR
        )
        solved = time.perf_counter()
        if status is not Status.OPTIMAL:
            self._last = self._persistent = None
            return None
        # One message for all values; asking variable by variable takes ten times as long.
        answer = linear_solver_pb2.MPSolutionResponse()
        persistent.solver.FillSolutionResponseProto(answer)
        x, dual = np.array(answer.variable_value), np.array(answer.dual_value)
        stats = Stats(
            translate=loaded - started,
            solve=solved - loaded,
            read=time.perf_counter() - solved,
            iterations=int(persistent.solver.iterations()),
            reused=reused,
            detail="persistent model" if reused else "model built to be kept",
        )
        program = persistent.program
        return Solution(
            status, x=x[program.columns.at], row_dual=dual[program.rows.at], stats=stats
        )


def load(program: LinearProgram) -> Any:
    """Make a model of OR-Tools, whole arrays in."""
    model: Any = model_builder_helper.ModelBuilderHelper()
    model.fill_model_from_sparse_data(
        program.col_lower,
        program.col_upper,
        program.c,
        program.row_lower,
        program.row_upper,
        sparse.csr_matrix(program.a),
    )
    model.set_maximize(program.maximize)
    return model


def solve_arrays(program: LinearProgram, options: Options, limit: float) -> Solution:
    """Solve from scratch, whole arrays in."""
    started = time.perf_counter()
    stats = Stats()
    model = load(program)
    status = Status.NUMERICAL_ERROR
    for way in _COLD:
        solver = model_builder_helper.ModelSolverHelper("glop")
        solver.set_solver_specific_parameters(f"{_settings(options)} {way}")
        translated = time.perf_counter()
        stats.translate += translated - started
        left = limit - stats.translate - stats.solve
        if left <= 0.0:
            return Solution(Status.TIME_LIMIT, stats=stats)
        if math.isfinite(left):
            solver.set_time_limit_in_seconds(left)
        solver.solve(model)
        started = time.perf_counter()
        stats.solve += started - translated
        stats.detail = f"{solver.status_string() or solver.status().name.lower()}, {way}"
        status = STATUS.get(solver.status(), Status.NUMERICAL_ERROR)
        if status is Status.ITERATION_LIMIT and stats.translate + stats.solve >= limit:
            return Solution(Status.TIME_LIMIT, stats=stats)
        if status in (Status.OPTIMAL, Status.INFEASIBLE, Status.UNBOUNDED):
            break
    if status is not Status.OPTIMAL:
        return Solution(status, stats=stats)
    x = np.array(solver.variable_values(), dtype=np.float64)
    row_dual: Floats = np.array(solver.dual_values(), dtype=np.float64)
    stats.read = time.perf_counter() - started
    return Solution(status, program.objective(x), x, row_dual, stats=stats)


def _settings(options: Options) -> str:
    tolerance = max(options.tolerance or _TIGHT, _TIGHT)
    return (
        f"use_preprocessing:false random_seed:{options.seed + 1} "
        f"primal_feasibility_tolerance:{tolerance} dual_feasibility_tolerance:{tolerance}"
    )


def _build(program: PersistentProgram, settings: str) -> _Persistent:
    """Fill the incremental interface, one row, column and entry at a time."""
    solver = _Solver.CreateSolver("GLOP")
    solver.SetSolverSpecificParametersAsString(settings)
    parameters = pywraplp.MPSolverParameters()
    parameters.SetIntegerParam(parameters.PRESOLVE, parameters.PRESOLVE_OFF)
    parameters.SetIntegerParam(parameters.INCREMENTALITY, parameters.INCREMENTALITY_ON)
    persistent = _Persistent(program, solver, parameters, [], [])
    nothing = np.empty(0)
    start = np.zeros(1, dtype=np.int32)
    none = Snapshot(nothing, nothing, nothing, nothing, nothing, start, start[:0], nothing)
    solver.Objective().SetOptimizationDirection(program.maximize)
    _write(persistent, none, program.snapshot)
    return persistent


def _apply(persistent: _Persistent, changes: Changes) -> None:
    """Change the model of an allocation program; what ``persistent.program`` holds is left behind."""
    rows, columns = persistent.rows, persistent.columns
    for i, j, value in changes.entries:
        rows[i].SetCoefficient(columns[j], value)
    objective = persistent.solver.Objective()
    for j, cost in changes.costs:
        objective.SetCoefficient(columns[j], cost)
    for j, upper in changes.uppers:
        columns[j].SetBounds(0.0, upper)
    for i, low, high in changes.rows:
        rows[i].SetBounds(low, high)


def _change(persistent: _Persistent, following: PersistentProgram) -> None:
    """Turn the persistent model into the following program."""
    _write(persistent, persistent.program.snapshot, following.snapshot)
    persistent.program = following


def _write(persistent: _Persistent, old: Snapshot, new: Snapshot) -> None:
    solver = persistent.solver
    more_rows = new.row_lower.size - old.row_lower.size
    more_columns = new.c.size - old.c.size
    persistent.rows += [solver.RowConstraint(-math.inf, math.inf, "") for _ in range(more_rows)]
    persistent.columns += [solver.NumVar(0.0, 0.0, "") for _ in range(more_columns)]
    rows, columns = persistent.rows, persistent.columns
    old = grown(old, more_rows, more_columns)
    if more_columns:
        old.indptr = np.append(old.indptr, np.repeat(old.indptr[-1:], more_columns))
    change = changed_entries(old, new, len(rows), most=old.data.size + new.data.size)
    assert change is not None
    for i, j, value in zip(*(part.tolist() for part in change), strict=True):
        rows[i].SetCoefficient(columns[j], value)
    objective = solver.Objective()
    for j in np.flatnonzero(old.c != new.c).tolist():
        objective.SetCoefficient(columns[j], float(new.c[j]))
    differ = (old.col_lower != new.col_lower) | (old.col_upper != new.col_upper)
    for j in np.flatnonzero(differ).tolist():
        columns[j].SetBounds(float(new.col_lower[j]), float(new.col_upper[j]))
    differ = (old.row_lower != new.row_lower) | (old.row_upper != new.row_upper)
    for i in np.flatnonzero(differ).tolist():
        rows[i].SetBounds(float(new.row_lower[i]), float(new.row_upper[i]))
