"""scipy.optimize.linprog as an engine of gavel-opt."""

from __future__ import annotations

import math
import time

import numpy as np
import scipy
from scipy import sparse
from scipy.optimize import linprog

from gavel_opt import Capability, LinearProgram, Options, Solution, Status

_STATUS = {
    0: Status.OPTIMAL,
    1: Status.TIME_LIMIT,  # or its iteration limit, which is never reached before
    2: Status.INFEASIBLE,
    3: Status.UNBOUNDED,
}
"""Every other word of scipy is a numerical error: never guess an answer from it."""


class Scipy:
    """HiGHS as scipy ships it; builds each model afresh."""

    name = "scipy"
    capability = Capability(precision=1e-8)

    def version(self) -> str:
        """Solver and version."""
        return f"scipy.optimize.linprog of scipy {scipy.__version__}"

    def solve(self, program: LinearProgram, options: Options = Options()) -> Solution:  # noqa: B008
        """Translate, solve, read; every outcome is a status."""
        started = time.perf_counter()
        sign = -1.0 if program.maximize else 1.0
        a = sparse.csr_array(program.a)
        lower, upper = program.row_lower, program.row_upper
        equal = np.flatnonzero(lower == upper)
        below = np.flatnonzero(np.isfinite(upper) & (lower != upper))
        above = np.flatnonzero(np.isfinite(lower) & (lower != upper))
        settings: dict[str, object] = {"primal_feasibility_tolerance": 1e-9}
        settings["dual_feasibility_tolerance"] = 1e-9
        if math.isfinite(options.time_limit):
            settings["time_limit"] = options.time_limit
        translated = time.perf_counter()
        result = linprog(
            sign * program.c,
            A_ub=sparse.vstack([a[below], -a[above]]) if below.size + above.size else None,
            b_ub=np.concatenate([upper[below], -lower[above]]),
            A_eq=a[equal] if equal.size else None,
            b_eq=lower[equal] if equal.size else None,
            bounds=np.column_stack([program.col_lower, program.col_upper]),
            method="highs-ds",
            options=settings,
        )
        solved = time.perf_counter()
        solution = Solution(_STATUS.get(result.status, Status.NUMERICAL_ERROR))
        solution.stats.detail = str(result.message)
        if solution.status is Status.OPTIMAL:
            solution.x = np.asarray(result.x)
            solution.objective = program.objective(solution.x)
            # The change of the objective per unit of the row's bound, whatever the sense.
            dual = np.zeros(lower.size)
            if equal.size:
                dual[equal] = result.eqlin.marginals
            if below.size + above.size:
                marginal = result.ineqlin.marginals
                dual[below] += marginal[: below.size]
                dual[above] -= marginal[below.size :]
            solution.row_dual = sign * dual
        solution.stats.translate = translated - started
        solution.stats.solve = solved - translated
        solution.stats.read = time.perf_counter() - solved
        return solution
