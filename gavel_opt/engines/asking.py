"""Asking an engine: what it raises or hands back in a wrong shape is an outcome, not the end."""

from __future__ import annotations

import numpy as np

from gavel_opt.engines.protocol import Engine, Options
from gavel_opt.errors import ANY_FAILURE, ON_PURPOSE
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Solution, Stats, Status

_LONGEST = 200


def ask(engine: Engine, program: LinearProgram, options: Options) -> Solution:
    """Solve on an engine; an exception or an answer of the wrong shape is a numerical error.

    Raises
    ------
    GavelError
        What the engine raises on purpose: misuse.
    """
    try:
        solution = engine.solve(program, options)
    except ON_PURPOSE:
        raise
    except ANY_FAILURE as raised:
        return broken(raised_word(raised), str(raised))
    if not isinstance(solution, Solution) or not isinstance(solution.status, Status):
        return broken(f"answered with a {type(solution).__name__}")
    shapes = program.c.shape, program.row_lower.shape
    for what, shape in zip(("x", "row_dual"), shapes, strict=True):
        values = getattr(solution, what)
        if values is None:
            continue
        try:
            array = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            return broken(f"{what} is no array of numbers")
        if array.shape != shape:
            return broken(f"{what} has shape {array.shape}, expected {shape}")
        setattr(solution, what, array)
    if solution.status.has_answer and solution.x is None:
        return broken(f"says {solution.status.value} without an answer")
    return solution


def raised_word(raised: BaseException) -> str:
    """What is said of an engine that raised: the same of the same kind of exception."""
    return f"raised {type(raised).__name__}"


def broken(what: str, more: str = "") -> Solution:
    """The outcome of a solve that was none."""
    words = f"{what}: {' '.join(more.split())[:_LONGEST]}" if more else what
    return Solution(Status.NUMERICAL_ERROR, stats=Stats(detail=words))
