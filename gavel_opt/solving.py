"""Solve one general program on one engine, with a certificate."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

from gavel_opt.engines.duality import duals_by_solving
from gavel_opt.engines.protocol import Engine, Options
from gavel_opt.engines.registry import make_engine
from gavel_opt.errors import InputError
from gavel_opt.model.certificate import certify, primal_residual
from gavel_opt.model.files import read_program
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.presolve import screen
from gavel_opt.model.solution import Certificate, Solution, Status

TOLERANCE = 1e-6
"""Certificates up to this count as proof."""

USUAL = 1e-7
"""Tolerance at which precise engines are asked again for a program that they call infeasible: one that
misses by less than solvers commonly overlook, as rounded files do, has an answer with a proof."""


def solve(
    program: LinearProgram | str | Path,
    engine: str | Engine = "highs",
    options: Options | None = None,
    tolerance: float = TOLERANCE,
) -> Solution:
    """Solve ``program`` and certify the answer; the certificate decides what ``optimal`` means.

    An answer whose certificate is within ``tolerance`` is ``optimal`` and any other is
    ``imprecise``, whatever the engine said (its own status is then in ``solution.claim``).

    Parameters
    ----------
    program
        Any linear program, or the file of one (MPS, LP or recorded).
    engine
        Name of an engine, or an engine (kept models stay with it).
    options
        Time limit, tolerance of the solver.
    tolerance
        Largest primal residual, dual residual and relative gap of a proof.

    Raises
    ------
    InputError, MissingLibraryError
        For an unknown engine, one whose library is missing, coefficients that are no numbers, a file
        that cannot be read, or something that is no linear program.
    """
    if isinstance(program, str | Path):
        program = read_program(Path(program))
    if not isinstance(program, LinearProgram):
        raise InputError(
            f"program: {program!r} is no LinearProgram; LinearProgram.build makes one, and the name "
            "of an MPS or LP file is read"
        )
    if isinstance(engine, str):
        engine = make_engine(engine)
    solution = answer(program, engine, options or Options())
    if solution.status.has_answer:
        proven = solution.certificate.within(tolerance)
        status = Status.OPTIMAL if proven else Status.IMPRECISE
        if status is not solution.status:
            solution.claim, solution.status = solution.status, status
    return solution


def answer(program: LinearProgram, engine: Engine, options: Options) -> Solution:
    """Screen, solve, certify. An engine without duals solves the dual program as well.

    The status stays the engine's own; whether the certificate is good enough is the caller's
    decision.
    """
    screened = screen(program)
    if screened is not None:
        return screened
    solution = decide(program, engine, options)
    if solution.status.has_answer and solution.x is not None:
        prove(program, solution, engine, options)
    return solution


def decide(program: LinearProgram, engine: Engine, options: Options) -> Solution:
    """Solve; a verdict of infeasible must hold at the usual tolerance as well."""
    started = time.perf_counter()
    solution = engine.solve(program, options)
    infeasible = solution.status in (Status.INFEASIBLE, Status.INFEASIBLE_OR_UNBOUNDED)
    if not infeasible or options.tolerance is not None or engine.capability.precision >= USUAL:
        return solution
    left = options.time_limit - (time.perf_counter() - started)
    if left <= 0.0:
        return solution
    again = engine.solve(program, replace(options, tolerance=USUAL, time_limit=left))
    return again if again.status is Status.OPTIMAL else solution


def prove(program: LinearProgram, solution: Solution, engine: Engine, options: Options) -> None:
    """Fill in the certificate of an answer, and its row duals if the engine gave none."""
    x = solution.x
    if x is None:
        return
    if solution.row_dual is None:
        solution.row_dual, dual = duals_by_solving(program, engine, options)
        solution.stats.programs += 1
        solution.stats.translate += dual.stats.translate
        solution.stats.solve += dual.stats.solve
        solution.stats.read += dual.stats.read
    if solution.row_dual is None:
        residual = primal_residual(program, x)
        solution.certificate = Certificate(residual, math.nan, math.nan)
    else:
        solution.certificate = certify(program, x, solution.row_dual)
