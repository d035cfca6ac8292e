"""OR-Tools' first-order method PDLP, whole arrays in.

At its default tolerances its objective is wrong in the sixth digit, so they are tightened. It can take
long to see that a program has no optimum; presolving sees most such programs at once.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
from ortools.linear_solver.python import model_builder_helper
from ortools.pdlp import solve_log_pb2

from gavel_opt.arrays import Floats
from gavel_opt.engines.ortools_glop import load
from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Capability, Options
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Solution, Stats, Status

STATUS = {
    solve_log_pb2.TERMINATION_REASON_OPTIMAL: Status.OPTIMAL,
    solve_log_pb2.TERMINATION_REASON_PRIMAL_INFEASIBLE: Status.INFEASIBLE,
    solve_log_pb2.TERMINATION_REASON_DUAL_INFEASIBLE: Status.INFEASIBLE_OR_UNBOUNDED,
    solve_log_pb2.TERMINATION_REASON_PRIMAL_OR_DUAL_INFEASIBLE: Status.INFEASIBLE_OR_UNBOUNDED,
    solve_log_pb2.TERMINATION_REASON_TIME_LIMIT: Status.TIME_LIMIT,
    solve_log_pb2.TERMINATION_REASON_ITERATION_LIMIT: Status.ITERATION_LIMIT,
}
"""PDLP's own word (the interface's says "not solved" of most of these); others are numerical."""

_TIGHT = 1e-9
_MOST_ITERATIONS = 1_000_000


class Pdlp:
    """PDLP with tight tolerances."""

    name = "ortools-pdlp"
    capability = Capability(precision=1e-6)

    def version(self) -> str:
        """Solver and version."""
        return f"PDLP of OR-Tools {version('ortools')}"

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Solve a general program from scratch."""
        solution = _solve(program, options, options.time_limit, presolve=True)
        if solution.status in (Status.INFEASIBLE_OR_UNBOUNDED, Status.ITERATION_LIMIT):
            return _told_apart(program, options, solution)
        return solution


def _told_apart(program: LinearProgram, options: Options, solution: Solution) -> Solution:
    """Find out whether there is any point at all.

    Without costs the dual program has a point, so what cannot be both must be infeasible.
    """
    anywhere = replace(program, c=np.zeros_like(program.c))
    left = options.time_limit - solution.stats.translate - solution.stats.solve
    found = _solve(anywhere, options, left, presolve=True)
    solution.stats.translate += found.stats.translate
    solution.stats.solve += found.stats.solve
    if found.status in (Status.INFEASIBLE, Status.INFEASIBLE_OR_UNBOUNDED):
        solution.status = Status.INFEASIBLE
    elif found.status is Status.TIME_LIMIT:
        solution.status = found.status
    elif found.status is Status.OPTIMAL and solution.status is Status.INFEASIBLE_OR_UNBOUNDED:
        solution.status = Status.UNBOUNDED
    return solution


def _solve(program: LinearProgram, options: Options, limit: float, presolve: bool) -> Solution:
    started = time.perf_counter()
    model = load(program)
    solver: Any = model_builder_helper.ModelSolverHelper("pdlp")
    solver.set_solver_specific_parameters(_settings(options, presolve))
    translated = time.perf_counter()
    stats = Stats(translate=translated - started)
    left = limit - stats.translate
    if left <= 0.0:
        return Solution(Status.TIME_LIMIT, stats=stats)
    if math.isfinite(left):
        solver.set_time_limit_in_seconds(left)
    solver.solve(model)
    solved = time.perf_counter()
    stats.solve = solved - translated
    log = solve_log_pb2.SolveLog.FromString(solver.response().solver_specific_info)
    reason = log.termination_reason
    stats.detail = solve_log_pb2.TerminationReason.Name(reason).removeprefix("TERMINATION_REASON_")
    stats.iterations = int(log.iteration_count)
    status = STATUS.get(reason, Status.NUMERICAL_ERROR)
    if status is not Status.OPTIMAL:
        return Solution(status, stats=stats)
    x = np.array(solver.variable_values(), dtype=np.float64)
    row_dual: Floats = np.array(solver.dual_values(), dtype=np.float64)
    stats.read = time.perf_counter() - solved
    return Solution(status, program.objective(x), x, row_dual, stats=stats)


def _settings(options: Options, presolve: bool) -> str:
    tolerance = options.tolerance or _TIGHT
    criteria = f"eps_optimal_absolute:{tolerance} eps_optimal_relative:{tolerance}"
    return (
        f"num_threads:{options.threads} presolve_options {{ use_glop:{str(presolve).lower()} }} "
        f"termination_criteria {{ simple_optimality_criteria {{ {criteria} }} "
        f"iteration_limit:{_MOST_ITERATIONS} }}"
    )
