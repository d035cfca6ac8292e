"""Clarabel, an interior-point method, called on arrays."""

from __future__ import annotations

import math
import time
from importlib.metadata import version
from typing import Any

import clarabel
import numpy as np
from scipy import sparse

from gavel_opt.engines.cone_form import Rows, stacked
from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Capability, Options
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Solution, Stats, Status

_Word = clarabel.SolverStatus

STATUS = {
    _Word.Solved: Status.OPTIMAL,
    _Word.AlmostSolved: Status.IMPRECISE,
    _Word.PrimalInfeasible: Status.INFEASIBLE,
    _Word.AlmostPrimalInfeasible: Status.INFEASIBLE,
    # No dual point: unbounded, or without a point as well.
    _Word.DualInfeasible: Status.INFEASIBLE_OR_UNBOUNDED,
    _Word.AlmostDualInfeasible: Status.INFEASIBLE_OR_UNBOUNDED,
    _Word.MaxIterations: Status.ITERATION_LIMIT,
    _Word.MaxTime: Status.TIME_LIMIT,
    _Word.InsufficientProgress: Status.IMPRECISE,
}
"""Every other word of Clarabel is a numerical error."""

_TIGHT, _USUAL = 1e-10, 1e-8


class Clarabel:
    """Clarabel on arrays, from scratch each time."""

    name = "clarabel"
    capability = Capability(distinguishes=False, precision=1e-7)

    def version(self) -> str:
        """Solver and version."""
        return f"Clarabel {version('clarabel')}"

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Solve a general program: ranged rows are split, equalities stand apart."""
        started = time.perf_counter()
        solution = _solve(program, options, options.tolerance or _TIGHT, started)
        # What breaks down at tight tolerances is mostly solved at its usual ones.
        if solution.status is Status.NUMERICAL_ERROR and options.tolerance is None:
            again = _solve(program, options, _USUAL, started)
            again.stats.solve += solution.stats.solve
            return again
        return solution


def _solve(
    program: LinearProgram, options: Options, tolerance: float, limit_from: float
) -> Solution:
    started = time.perf_counter()
    rows = Rows.of(program)
    cone = rows.cone(program)
    matrix, side, equal = stacked(cone)
    columns = cone.c.size
    left = options.time_limit - (time.perf_counter() - limit_from)
    settings = _settings(options, tolerance, left)
    if settings is None:
        return Solution(Status.TIME_LIMIT, stats=Stats(translate=time.perf_counter() - started))
    cones = [clarabel.ZeroConeT(equal)] if equal else []
    cones.append(clarabel.NonnegativeConeT(side.size - equal))
    nothing = sparse.csc_matrix((columns, columns))
    solver = clarabel.DefaultSolver(nothing, cone.c, matrix, side, cones, settings)
    translated = time.perf_counter()
    raw = solver.solve()
    solved = time.perf_counter()
    stats = Stats(
        translate=translated - started,
        solve=solved - translated,
        iterations=int(raw.iterations),
        detail=str(raw.status),
    )
    status = STATUS.get(raw.status, Status.NUMERICAL_ERROR)
    if not status.has_answer:
        return Solution(status, stats=stats)
    x = np.array(raw.x)[: program.shape[1]]
    z = np.array(raw.z)
    row_dual = rows.duals(z[equal:], z[:equal], -1.0 if program.maximize else 1.0)
    stats.read = time.perf_counter() - solved
    return Solution(status, program.objective(x), x, row_dual, stats=stats)


def _settings(options: Options, tolerance: float, left: float) -> Any:
    if left <= 0.0:
        return None
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = options.threads
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    if math.isfinite(left):
        settings.time_limit = left
    return settings
