"""Solve one general program on one engine, and prove what it says."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from gavel_opt.engines.asking import ask, require_engine, require_how, turn_on
from gavel_opt.engines.duality import duals_by_solving
from gavel_opt.engines.protocol import Engine, Options
from gavel_opt.engines.registry import make_engine, of_one_program
from gavel_opt.errors import InputError, MissingLibraryError
from gavel_opt.model.certificate import certify, primal_residual
from gavel_opt.model.files import read_program
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.presolve import screen
from gavel_opt.model.rays import (
    best_direction,
    farkas_ray,
    improving_ray,
    nearest_point,
    one_column,
    one_row,
)
from gavel_opt.model.scaling import Scaled, is_wide, needs_scaling, scaled
from gavel_opt.model.solution import Certificate, Solution, Status

TOLERANCE = 1e-6
"""Certificates up to this count as proof."""

USUAL = 1e-7
"""Tolerance at which precise engines are asked again for a program that they call infeasible: one that
misses by less than solvers commonly overlook, as rounded files do, has an answer with a proof."""

VERDICTS = (Status.INFEASIBLE, Status.UNBOUNDED, Status.INFEASIBLE_OR_UNBOUNDED)
_RETRIED = (*VERDICTS, Status.NUMERICAL_ERROR, Status.ITERATION_LIMIT)
"""Outcomes that another scale may change."""

SECOND = "highs"
"""Asked for a ray where the engine itself finds none."""


def solve(
    program: LinearProgram | str | Path,
    engine: str | Engine = "highs",
    options: Options | None = None,
    tolerance: float = TOLERANCE,
) -> Solution:
    """Solve ``program`` and prove the answer; the proof decides what the status is.

    An answer whose certificate is within ``tolerance`` is ``optimal`` and any other is
    ``imprecise``, whatever the engine said (its own status is then in ``solution.claim``). Likewise
    ``infeasible`` and ``unbounded`` are proven by a ray (``solution.proof``), and an engine's word that a
    proof contradicts is replaced by what is proven. Without a proof either way it stays, and
    ``solution.proof`` is empty.

    Parameters
    ----------
    program
        Any linear program, or the file of one (MPS, LP or recorded).
    engine
        Name of an engine (``"auto"`` is ``highs``), or an engine (persistent models stay with it).
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
        program = read_program(program)
    if not isinstance(program, LinearProgram):
        raise InputError(
            f"program: {program!r} is no LinearProgram; LinearProgram.build makes one, and the name "
            "of an MPS or LP file is read"
        )
    if isinstance(engine, str):
        engine = make_engine(of_one_program(engine))
    require_engine(engine)
    options = options or Options()
    require_how(options, tolerance)
    with turn_on(engine):
        return _solved(program, engine, options, tolerance)


def _solved(program: LinearProgram, engine: Engine, options: Options, tolerance: float) -> Solution:
    screened = screen(program)
    if screened is not None:
        screened.proof = "no solver needed"
        return screened
    started = time.perf_counter()
    solution = _answered(program, engine, options)
    claim = solution.status
    if claim in _RETRIED or (claim.has_answer and not solution.certificate.within(tolerance)):
        deadline = started + options.time_limit
        solution = _settled(program, solution, engine, options, tolerance, deadline)
    elif claim.has_answer:
        deadline = started + options.time_limit
        solution = _if_no_ray(program, solution, engine, options, tolerance, deadline)
    if solution.status is not claim:
        solution.claim = claim
    return solution


def answer(program: LinearProgram, engine: Engine, options: Options) -> Solution:
    """Screen, solve, certify. An engine without duals solves the dual program as well.

    The status stays the engine's own; whether the certificate is good enough is the caller's
    decision.
    """
    screened = screen(program)
    return _answered(program, engine, options) if screened is None else screened


def _answered(program: LinearProgram, engine: Engine, options: Options) -> Solution:
    solution = decide(program, engine, options)
    if solution.status.has_answer and solution.x is not None:
        certify_solution(program, solution, engine, options)
    return solution


def decide(program: LinearProgram, engine: Engine, options: Options) -> Solution:
    """Solve; a verdict of infeasible must hold at the usual tolerance as well.

    A program with coefficients that solvers drop is scaled first.
    """
    if needs_scaling(program):
        change = scaled(program)
        return change.back(_decided(change.program, engine, options))
    return _decided(program, engine, options)


def _decided(program: LinearProgram, engine: Engine, options: Options) -> Solution:
    started = time.perf_counter()
    solution = ask(engine, program, options)
    infeasible = solution.status in (Status.INFEASIBLE, Status.INFEASIBLE_OR_UNBOUNDED)
    if not infeasible or options.tolerance is not None or engine.capability.precision >= USUAL:
        return solution
    left = options.time_limit - (time.perf_counter() - started)
    if left <= 0.0:
        return solution
    again = ask(engine, program, replace(options, tolerance=USUAL, time_limit=left))
    return again if again.status is Status.OPTIMAL else solution


def certify_solution(
    program: LinearProgram, solution: Solution, engine: Engine, options: Options
) -> None:
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
        if needs_scaling(program):  # what is nothing on one scale may be all on the other
            change = scaled(program)
            if x.shape == program.c.shape and solution.row_dual.shape == program.row_lower.shape:
                there = certify(change.program, *change.there(x, solution.row_dual))
                solution.certificate = solution.certificate.worst(there)


def _call_optimal(program: LinearProgram, solution: Solution) -> None:
    """Take the point that the certificate is of: within all bounds of columns.

    What is beyond a bound by next to nothing is worth much where its cost is large.
    """
    solution.status, solution.proof = Status.OPTIMAL, "certificate"
    if solution.x is not None:
        within = np.clip(solution.x, program.col_lower, program.col_upper)
        if (within != solution.x).any():
            solution.x = within
            solution.objective = program.objective(within)


def _if_no_ray(
    program: LinearProgram,
    solution: Solution,
    engine: Engine,
    options: Options,
    tolerance: float,
    deadline: float,
) -> Solution:
    """A proven answer as the optimum, unless its proof forgives what a ray refutes.

    What is small beside one is forgiven. Where numbers are many orders of magnitude apart that may be a row which no
    point can meet, or a column with a price that nothing pays for.
    """
    missed = cost = 0.0
    if solution.x is not None and solution.row_dual is not None and is_wide(program):
        strict = certify(program, solution.x, solution.row_dual, unit=0.0)
        missed, cost = strict.primal_residual, strict.dual_residual
    if missed <= tolerance and cost <= tolerance:
        _call_optimal(program, solution)
        return solution
    assert solution.x is not None
    search = _Search(program, engine, options, tolerance, deadline)
    if missed > tolerance and _is_decided(solution, Status.INFEASIBLE, search.farkas()):
        return solution
    point = np.clip(solution.x, program.col_lower, program.col_upper)
    if cost > tolerance and _is_decided(solution, Status.UNBOUNDED, search.direction(), point):
        return solution
    _call_optimal(program, solution)
    return solution


def _is_decided(
    solution: Solution, status: Status, ray: np.ndarray | None, point: np.ndarray | None = None
) -> bool:
    """Whether there is a ray, which then proves the status."""
    if ray is None:
        return False
    solution.status, solution.proof = status, _PROOFS[status]
    solution.ray, solution.point = ray, point
    return True


_PROOFS = {Status.INFEASIBLE: "Farkas ray", Status.UNBOUNDED: "point and ray"}


# Statuses that are no answer ------------------------------------------------------------------


def _settled(
    program: LinearProgram,
    solution: Solution,
    engine: Engine,
    options: Options,
    tolerance: float,
    deadline: float,
) -> Solution:
    """What can be proven of a program for which an engine gave no proven answer."""
    claim = solution.status
    for change in _other_scales(program):
        left = _until(options, deadline)
        if left.time_limit <= 0.0:
            break
        again = _solved_there(program, change, engine, left)
        if again is not None and again.certificate.within(tolerance):
            return _if_no_ray(program, again, engine, options, tolerance, deadline)
    if claim not in VERDICTS:
        if claim.has_answer:
            solution.status = Status.IMPRECISE
        return solution
    search = _Search(program, engine, options, tolerance, deadline)
    if _is_decided(solution, Status.INFEASIBLE, search.farkas()) or search.point is None:
        return solution
    if _is_decided(solution, Status.UNBOUNDED, search.direction(), search.point):
        return solution
    if claim is Status.INFEASIBLE or search.bounded:
        solution.status = Status.NUMERICAL_ERROR
        why = "a point meets every row and bound"
        if claim is not Status.INFEASIBLE:
            why += ", and none is beyond all bounds"
        solution.stats.detail = f"{claim.value} is refuted: {why}"
        solution.point = search.point
    return solution


def _other_scales(program: LinearProgram) -> Iterator[Scaled | None]:
    """Scales other than the one that the program was solved on; None for its own."""
    if needs_scaling(program):
        yield None
    else:
        change = scaled(program)
        if change.row.any() or change.column.any() or change.size or change.cost:
            yield change
    if needs_scaling(program):
        yield scaled(program, "largest")


def _solved_there(
    program: LinearProgram, change: Scaled | None, engine: Engine, options: Options
) -> Solution | None:
    """The answer that the engine gives on another scale, certified on the program itself."""
    if change is None:
        solution = _decided(program, engine, options)
    else:
        solution = change.back(_decided(change.program, engine, options))
    if not solution.status.has_answer or solution.x is None:
        return None
    certify_solution(program, solution, engine, options)
    return solution


def _until(options: Options, deadline: float) -> Options:
    return replace(options, time_limit=max(deadline - time.perf_counter(), 0.0))


class _Search:
    """Looks for rays: on the engine itself, then on HiGHS, each answer checked on the program itself."""

    def __init__(
        self,
        program: LinearProgram,
        engine: Engine,
        options: Options,
        tolerance: float,
        deadline: float,
    ) -> None:
        self.program = program
        self.engine = engine
        self.options = options
        self.tolerance = tolerance
        self.deadline = deadline
        self.scaled = scaled(program)
        self.point: np.ndarray | None = None
        self.bounded = False

    def farkas(self) -> np.ndarray | None:
        """Multipliers that prove that there is no point; a point, if one turns up, in ``point``."""
        ray = farkas_ray(self.program, one_row(self.program))
        if ray is not None:
            return ray
        nearest = nearest_point(self.scaled.program)
        columns = self.program.c.size
        for solution in self._solutions(nearest):
            if solution.row_dual is not None:
                y = self.scaled.multipliers(solution.row_dual)
                ray = farkas_ray(self.program, y)
                if ray is not None:
                    return ray
            if solution.x is not None:
                x = self.scaled.point(solution.x[:columns])
                clipped = np.clip(x, self.program.col_lower, self.program.col_upper)
                if primal_residual(self.program, clipped) <= self.tolerance:
                    self.point = clipped
                    return None
        return None

    def direction(self) -> np.ndarray | None:
        """A direction that proves that there is no bound; ``bounded`` if there is certainly none."""
        ray = improving_ray(self.program, one_column(self.program))
        if ray is not None:
            return ray
        for solution in self._solutions(best_direction(self.scaled.program)):
            if solution.x is None:
                continue
            ray = improving_ray(self.program, self.scaled.direction(solution.x))
            if ray is not None:
                return ray
            # The box is one wide, so an optimum that is nothing is proven to be nothing.
            nothing = self.tolerance * max(1.0, float(np.abs(self.scaled.program.c).max()))
            if solution.certificate.within(self.tolerance) and abs(solution.objective) <= nothing:
                self.bounded = True
                return None
        return None

    def _solutions(self, program: LinearProgram) -> list[Solution]:
        """Answers of the engine and of the second one, as they are asked for."""
        found = []
        for engine in self._engines():
            options = _until(self.options, self.deadline)
            if options.time_limit <= 0.0:
                break
            solution = answer(program, engine, options)
            if solution.status.has_answer:
                found.append(solution)
                if solution.certificate.within(self.tolerance):
                    break
        return found

    def _engines(self) -> list[Engine]:
        if self.engine.name == SECOND:
            return [make_engine(SECOND)]  # a fresh one: the persistent model stays as it is
        try:
            return [self.engine, make_engine(SECOND)]
        except MissingLibraryError:
            return [self.engine]
