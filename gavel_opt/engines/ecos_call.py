"""A cone program handed to ECOS, and what ECOS says of it."""

from __future__ import annotations

import time
from typing import Any

import ecos

from gavel_opt.engines.cone_form import Cone
from gavel_opt.engines.protocol import Options
from gavel_opt.engines.time_limit import run_with_limit
from gavel_opt.model.solution import Stats, Status

STATUS = {
    0: Status.OPTIMAL,
    1: Status.INFEASIBLE,
    2: Status.UNBOUNDED,
    10: Status.IMPRECISE,
    11: Status.INFEASIBLE,
    12: Status.UNBOUNDED,
    -1: Status.ITERATION_LIMIT,
}
"""Every other exit flag of ECOS is a numerical error."""


def run_cone(
    cone: Cone, options: Options, started: float, tolerance: float | None = None
) -> tuple[Status, dict[str, Any], Stats]:
    """Solve; the translation is what has passed since ``started``."""
    settings: dict[str, Any] = {"verbose": False}
    if tolerance is not None:
        settings |= {"abstol": tolerance, "reltol": tolerance, "feastol": tolerance}
    rows = cone.h.size - 3 * cone.cones
    dims = {"l": rows, "q": [3] * cone.cones, "e": 0}
    translated = time.perf_counter()

    def solve() -> dict[str, Any]:
        if cone.a is None:
            answer: dict[str, Any] = ecos.solve(cone.c, cone.g, cone.h, dims, **settings)
        else:
            answer = ecos.solve(cone.c, cone.g, cone.h, dims, cone.a, cone.b, **settings)
        return answer

    stats = Stats(translate=translated - started)
    try:
        raw = run_with_limit(solve, started + options.time_limit - translated)
    except (ValueError, ArithmeticError) as error:
        stats.detail = str(error)
        return Status.NUMERICAL_ERROR, {}, stats
    stats.solve = time.perf_counter() - translated
    if raw is None:
        return Status.TIME_LIMIT, {}, stats
    stats.iterations = int(raw["info"]["iter"])
    stats.detail = str(raw["info"]["infostring"])
    return STATUS.get(raw["info"]["exitFlag"], Status.NUMERICAL_ERROR), raw, stats
