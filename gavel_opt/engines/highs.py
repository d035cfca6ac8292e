"""HiGHS through its own interface: arrays in, the model and its basis kept between programs.

Successive programs share most of their rows and columns, so the model stays in the solver: values
change in place, who arrives takes the slots of who left (:mod:`gavel_opt.engines.persistent`), and the
simplex method starts from the basis before. A start that does not end well is repeated cold before
anything is reported.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from gavel_opt.arrays import Floats
from gavel_opt.engines.persistent import PersistentProgram, Snapshot, changed_entries, grown
from gavel_opt.engines.persistent_blocks import BlockModel, Changes, PersistentBlocks
from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Capability, Options
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Solution, Stats, Status

STATUS = {
    highspy.HighsModelStatus.kOptimal: Status.OPTIMAL,
    highspy.HighsModelStatus.kInfeasible: Status.INFEASIBLE,
    highspy.HighsModelStatus.kUnbounded: Status.UNBOUNDED,
    highspy.HighsModelStatus.kUnboundedOrInfeasible: Status.INFEASIBLE_OR_UNBOUNDED,
    highspy.HighsModelStatus.kTimeLimit: Status.TIME_LIMIT,
    highspy.HighsModelStatus.kIterationLimit: Status.ITERATION_LIMIT,
    highspy.HighsModelStatus.kUnknown: Status.IMPRECISE,
}
"""Every other word of HiGHS is a numerical error."""

_FINAL = (Status.OPTIMAL, Status.INFEASIBLE, Status.UNBOUNDED, Status.TIME_LIMIT)

_PRIMAL, _DUAL = 4, 1
_DEVEX = 1
"""Steepest-edge weights cost more than a hot start's few steps (100 ms at 2,048 jobs)."""

_TIGHTEST = 1e-10
_ACCURATE = 1e-9

_SMALL = 1200
"""Rows up to which a cold simplex beats the interior point with crossover (measured)."""

_TINY = 64
"""Rows up to which a changed program is built anew rather than compared with the kept one."""


class QuietHighs(highspy.Highs):
    """The solver alone: the base class prints a banner and installs callbacks."""

    def __init__(self) -> None:
        super(highspy.Highs, self).__init__()


@dataclass(frozen=True, slots=True)
class _Way:
    """How to run the solver."""

    name: str
    solver: str = "simplex"
    presolve: str = "off"
    strategy: int = _PRIMAL
    weights: int = -1
    loose: float = 1.0


_HOT_PRIMAL = _Way("hot start, primal simplex")
_HOT_DUAL = _Way("hot start, dual simplex", strategy=_DUAL, weights=_DEVEX)
_SMALL_FIRST = _Way("primal simplex")
_LARGE_FIRST = _Way("interior point with crossover", solver="ipm", presolve="on")
_AFTERWARDS = (
    _Way("dual simplex with presolve", presolve="on", strategy=_DUAL),
    _Way("dual simplex", strategy=_DUAL),
    _Way("primal simplex, loose", presolve="on", loose=1e3),
)


class Highs(PersistentBlocks):
    """HiGHS, with the model kept and started from the basis before."""

    name = "highs"
    spare = 0.1
    capability = Capability(warm_start=True, reuse=True, allocation=True, pairs=False)

    def __init__(self) -> None:
        super().__init__()
        self._solver = QuietHighs()
        self._persistent: PersistentProgram | None = None
        self._iterations = -1
        self._settings: dict[str, bool | int | float | str] = {}
        self._set("output_flag", False)
        self._set("parallel", "off")
        self._set("small_matrix_value", 1e-12)

    def version(self) -> str:
        """Solver and version."""
        return f"HiGHS {self._solver.version()}"

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Solve a general program, from the persistent model if it fits."""
        started = time.perf_counter()
        if self._model is not None:
            self.forget()
        try:
            way, reason = self._load(program)
        except _Refused as refused:
            return Solution(Status.NUMERICAL_ERROR, stats=Stats(detail=str(refused)))
        solution = self._solve_loaded(way, reason, options, started)
        if solution.x is not None:
            solution.objective = program.objective(solution.x)
        return solution

    def forget(self) -> None:
        """Keep no model: the next program is solved from scratch."""
        super().forget()
        self._persistent = None

    def _solve_fresh(self, program: LinearProgram, options: Options) -> Solution:
        self._persistent = None
        return self.solve(program, options)

    def _most_changes(self, slots: int) -> int:
        return 64 + slots // 4

    def _solve_changed(
        self, model: BlockModel, changes: Changes, options: Options, started: float
    ) -> Solution | None:
        if self._persistent is None:
            return None
        try:
            self._apply(model, changes)
        except _Refused:
            return None
        bounds_only = not (changes.too_many or changes.entries or changes.costs)
        way = _HOT_DUAL if bounds_only else _HOT_PRIMAL
        return self._solve_loaded(way, "", options, started)

    def _apply(self, model: BlockModel, changes: Changes) -> None:
        """Change the solver's model; many changes go in as a new matrix, with the old basis."""
        solver = self._solver
        if changes.too_many:
            basis = solver.getBasis()
            self._pass(PersistentProgram.of(model.general()).snapshot, maximize=True)
            _check(solver.setBasis(basis), "basis")
            return
        for i, j, value in changes.entries:
            solver.changeCoeff(i, j, value)
        for j, cost in changes.costs:
            solver.changeColCost(j, cost)
        for j, upper in changes.uppers:
            solver.changeColBounds(j, 0.0, upper)
        for i, low, high in changes.rows:
            solver.changeRowBounds(i, low, high)

    def _solve_loaded(
        self, way: _Way | None, reason: str, options: Options, started: float
    ) -> Solution:
        """Solve the program that the solver holds; the objective is for the caller to find."""
        persistent = self._persistent
        assert persistent is not None
        self._iterations = -1
        loaded = time.perf_counter()
        status, used = self._run(
            persistent.rows.at.size, way, options, started + options.time_limit
        )
        solved = time.perf_counter()
        stats = Stats(
            translate=loaded - started,
            solve=solved - loaded,
            iterations=self._iterations,
            reused=way is not None,
            detail=f"{used}; {reason}" if reason else used,
        )
        if not status.has_answer:
            self._persistent = None
            return Solution(status, stats=stats)
        answer = self._solver.getSolution()
        x = np.array(answer.col_value)[persistent.columns.at]
        row_dual = np.array(answer.row_dual)[persistent.rows.at]
        stats.read = time.perf_counter() - solved
        return Solution(status, x=x, row_dual=row_dual, stats=stats)

    def _load(self, program: LinearProgram) -> tuple[_Way | None, str]:
        """Bring the program into the solver: the way to start hot, or None and the reason."""
        try:
            way, reason = self._update(program)
        except _Refused as refused:
            way, reason = None, str(refused)
        if way is None:
            self._persistent = None
            self._build(program)
        return way, reason

    def _build(self, program: LinearProgram) -> None:
        self._persistent = PersistentProgram.of(program)
        self._pass(self._persistent.snapshot, program.maximize)

    def _pass(self, snapshot: Snapshot, maximize: bool) -> None:
        columns = snapshot.c.size
        status = self._solver.passModel(
            columns,
            snapshot.row_lower.size,
            snapshot.data.size,
            int(highspy.MatrixFormat.kColwise),
            int(highspy.ObjSense.kMaximize if maximize else highspy.ObjSense.kMinimize),
            0.0,
            snapshot.c,
            snapshot.col_lower,
            snapshot.col_upper,
            snapshot.row_lower,
            snapshot.row_upper,
            snapshot.indptr.astype(np.int32, copy=False),
            snapshot.indices.astype(np.int32, copy=False),
            snapshot.data,
            # An empty integrality array is read out of its bounds.
            np.zeros(columns, dtype=np.int32),
        )
        if status == highspy.HighsStatus.kError:
            raise _Refused("HiGHS refused the model")

    def _update(self, program: LinearProgram) -> tuple[_Way | None, str]:
        """Change the persistent model into ``program``, if that is worth it."""
        persistent = self._persistent
        if persistent is None:
            return None, "first program"
        following, reason = persistent.follow(program, tiny=_TINY)
        if following is None:
            return None, reason
        new = following.snapshot
        old = self._grow(persistent.snapshot, new)
        change = changed_entries(old, new, new.row_lower.size, most=32 + new.data.size // 40)
        solver = self._solver
        if change is None:
            basis = solver.getBasis()
            self._pass(new, program.maximize)
            _check(solver.setBasis(basis), "basis")
        else:
            for i, j, value in zip(*(part.tolist() for part in change), strict=True):
                solver.changeCoeff(i, j, value)
            self._change_vectors(old, new)
        self._persistent = following
        bounds_only = change is not None and not change[0].size and np.array_equal(old.c, new.c)
        return (_HOT_DUAL if bounds_only else _HOT_PRIMAL), ""

    def _grow(self, old: Snapshot, new: Snapshot) -> Snapshot:
        """Add empty rows and columns at the end; the basis stays. Returns the model as it is."""
        solver, none = self._solver, np.empty(0)
        rows = new.row_lower.size - old.row_lower.size
        columns = new.c.size - old.c.size
        larger = grown(old, rows, columns)
        start = np.empty(0, dtype=np.int32)
        if rows:
            at, free = np.zeros(rows, dtype=np.int32), np.full(rows, math.inf)
            _check(solver.addRows(rows, -free, free, 0, at, start, none), "rows")
        if columns:
            at, zero = np.zeros(columns, dtype=np.int32), np.zeros(columns)
            _check(solver.addCols(columns, zero, zero, zero, 0, at, start, none), "columns")
        return larger

    def _change_vectors(self, old: Snapshot, new: Snapshot) -> None:
        solver = self._solver
        at = np.flatnonzero(old.c != new.c).astype(np.int32)
        if at.size:
            _check(solver.changeColsCost(at.size, at, new.c[at]), "costs")
        differ = (old.col_lower != new.col_lower) | (old.col_upper != new.col_upper)
        at = np.flatnonzero(differ).astype(np.int32)
        if at.size:
            bounds = new.col_lower[at], new.col_upper[at]
            _check(solver.changeColsBounds(at.size, at, *bounds), "column bounds")
        differ = (old.row_lower != new.row_lower) | (old.row_upper != new.row_upper)
        at = np.flatnonzero(differ).astype(np.int32)
        if at.size:
            self._change_row_bounds(at, new.row_lower[at], new.row_upper[at])

    def _change_row_bounds(self, at: NDArray[np.int32], lower: Floats, upper: Floats) -> None:
        in_bulk = getattr(self._solver, "changeRowsBounds", None)
        if in_bulk is not None:
            _check(in_bulk(at.size, at, lower, upper), "row bounds")
            return
        # HiGHS before 1.11 takes them one by one.
        for row, low, high in zip(at.tolist(), lower.tolist(), upper.tolist(), strict=True):
            _check(self._solver.changeRowBounds(row, low, high), "row bounds")

    def _run(
        self, rows: int, hot: _Way | None, options: Options, deadline: float
    ) -> tuple[Status, str]:
        """Run one way after the other until the outcome is beyond doubt."""
        first = _SMALL_FIRST if rows <= _SMALL else _LARGE_FIRST
        ways = [first, *_AFTERWARDS] if hot is None else [hot, first, *_AFTERWARDS]
        best = Status.NUMERICAL_ERROR
        verdicts: set[Status] = set()
        for way in ways:
            if way is not hot and way is not ways[0]:
                self._solver.clearSolver()
            status = self._run_once(way, options, deadline)
            if status is Status.TIME_LIMIT:
                return status, way.name
            if status is Status.OPTIMAL and (self._is_accurate(options) or way.loose > 1.0):
                return status, way.name
            if status in _FINAL and status is not Status.OPTIMAL and way is not hot:
                # At tight tolerances the primal simplex method was seen to call a bounded program
                # unbounded, so a verdict without a proof needs a second way that says the same.
                if status in verdicts:
                    return status, way.name
                verdicts.add(status)
            if best is Status.NUMERICAL_ERROR:
                best = status
        return (Status.NUMERICAL_ERROR if best is Status.OPTIMAL else best), ways[-1].name

    def _run_once(self, way: _Way, options: Options, deadline: float) -> Status:
        solver = self._solver
        left = deadline - time.perf_counter()
        if left <= 0.0:
            return Status.TIME_LIMIT
        tolerance = max(options.tolerance or _TIGHTEST, _TIGHTEST) * way.loose
        self._set("solver", way.solver)
        self._set("presolve", way.presolve)
        self._set("simplex_strategy", way.strategy)
        self._set("simplex_dual_edge_weight_strategy", way.weights)
        self._set("primal_feasibility_tolerance", tolerance)
        self._set("dual_feasibility_tolerance", tolerance)
        self._set("random_seed", options.seed)
        self._set("threads", options.threads)
        # The clock runs over the life of the solver, not over one run.
        self._set("time_limit", solver.getRunTime() + left if math.isfinite(left) else math.inf)
        if solver.run() == highspy.HighsStatus.kError:
            # Another number of threads than an earlier user of this process asked for.
            highspy.Highs.resetGlobalScheduler(True)
            solver.run()
        return STATUS.get(solver.getModelStatus(), Status.NUMERICAL_ERROR)

    def _is_accurate(self, options: Options) -> bool:
        """Whether HiGHS's own figures are within tolerance."""
        info = self._solver.getInfo()
        counts = info.simplex_iteration_count, info.ipm_iteration_count
        self._iterations = sum(max(int(count), 0) for count in counts)
        enough = max(_ACCURATE, options.tolerance or 0.0)
        return (
            info.max_primal_infeasibility <= enough
            and info.max_dual_infeasibility <= enough
            and getattr(info, "primal_dual_objective_error", 0.0) <= enough
        )

    def _set(self, option: str, value: bool | int | float | str) -> None:
        if self._settings.get(option) == value:
            return
        _check(self._solver.setOptionValue(option, value), option)
        self._settings[option] = value


class _Refused(Exception):
    """HiGHS did not take a change; the model is then built afresh."""


def _check(status: highspy.HighsStatus, what: str) -> None:
    if status == highspy.HighsStatus.kError:
        raise _Refused(f"HiGHS refused: {what}")
