"""SCS, a first-order method (ADMM), called on arrays; tight tolerances take it many steps."""

from __future__ import annotations

import io
import math
import sys
import threading
import time
from contextlib import redirect_stdout
from typing import Any, TextIO

import numpy as np
import scs

from gavel_opt.engines.cone_form import Rows, stacked
from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Capability, Options
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Solution, Stats, Status

STATUS = {
    1: Status.OPTIMAL,
    2: Status.ITERATION_LIMIT,
    -1: Status.INFEASIBLE_OR_UNBOUNDED,  # no dual point
    -2: Status.INFEASIBLE,
    -6: Status.INFEASIBLE_OR_UNBOUNDED,
    -7: Status.INFEASIBLE,
}
"""Every other word of SCS is a numerical error."""

_TIGHT = 1e-9
_MOST_ITERATIONS = 400_000


class _OthersOnly(io.TextIOBase):
    """What other threads print; SCS prints some errors from this one, whatever ``verbose`` is."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._unheard = threading.get_ident()

    def write(self, text: str) -> int:
        if threading.get_ident() == self._unheard or self._stream is None:
            return len(text)
        return self._stream.write(text)

    def flush(self) -> None:
        if self._stream is not None:
            self._stream.flush()


class Scs:
    """SCS on arrays, from scratch each time."""

    name = "scs"
    capability = Capability(distinguishes=False, precision=1e-6)

    def version(self) -> str:
        """Solver and version."""
        return f"SCS {scs.__version__}"

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Solve a general program: ranged rows are split, equalities stand apart."""
        started = time.perf_counter()
        rows = Rows.of(program)
        cone = rows.cone(program)
        matrix, side, equal = stacked(cone)
        left = options.time_limit - (time.perf_counter() - started)
        if left <= 0.0:
            return Solution(Status.TIME_LIMIT, stats=Stats(translate=time.perf_counter() - started))
        tolerance = options.tolerance or _TIGHT
        settings: dict[str, Any] = {
            "verbose": False,
            "eps_abs": tolerance,
            "eps_rel": tolerance,
            "eps_infeas": tolerance,
            "max_iters": _MOST_ITERATIONS,
        }
        if math.isfinite(left):
            settings["time_limit_secs"] = left
        data = {"A": matrix, "b": side, "c": cone.c}
        solver = scs.SCS(data, {"z": equal, "l": side.size - equal}, **settings)
        translated = time.perf_counter()
        with redirect_stdout(_OthersOnly(sys.stdout)):
            raw = solver.solve()
        solved = time.perf_counter()
        info = raw["info"]
        stats = Stats(
            translate=translated - started,
            solve=solved - translated,
            iterations=int(info["iter"]),
            detail=str(info["status"]),
        )
        status = STATUS.get(info["status_val"], Status.NUMERICAL_ERROR)
        if "time_limit" in stats.detail or (
            status is Status.ITERATION_LIMIT and solved - started >= options.time_limit
        ):
            status = Status.TIME_LIMIT
        if not status.has_answer:
            return Solution(status, stats=stats)
        x = np.array(raw["x"])[: program.shape[1]]
        y = np.array(raw["y"])
        row_dual = rows.duals(y[equal:], y[:equal], -1.0 if program.maximize else 1.0)
        stats.read = time.perf_counter() - solved
        return Solution(status, program.objective(x), x, row_dual, stats=stats)
