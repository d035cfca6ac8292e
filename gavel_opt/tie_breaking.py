r"""One optimum among several, the same bits whichever engine proved it.

``canonical``
    A weighted centre of the optimal face: the end of the weighted central path of the program with one
    row for each job. Unique, the same for identical jobs, blind to the order of jobs.
``efficient``
    Among the optima, the one with the largest total normalised throughput; where that leaves a
    choice, the same centre of the face.

Both are derived from the program alone, with the compiled kernels of :mod:`gavel_opt.solver`;
what the engine contributes is an independent proof of the objective, and the two must agree.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gavel_opt.errors import SolveFailed
from gavel_opt.model.allocation_program import (
    Allocation,
    AllocationProgram,
    Answer,
    ProductProgram,
    Program,
)
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.lowering import lift_answer, lower
from gavel_opt.model.solution import Certificate, Solution, Status

AGREES = 1e-6
"""Largest relative difference between an engine's objective and the one derived here."""

GIVE = 1e-10
"""Part of the level that the efficient optimum of the simplex may give away, for feasibility."""

TRACE = 1e-10
"""Least share of a job alone, on the type where it is fastest, where such traces are left."""


def choose(program: Program, answer: Answer, tie_break: str) -> Answer:
    """Return the canonical or the efficient optimum of ``program``.

    Parameters
    ----------
    program
        The grouped program.
    answer
        What an engine proved.
    tie_break
        ``"canonical"`` or ``"efficient"``.

    Raises
    ------
    SolveFailed
        If the engine's objective and the one derived here differ: one of them is wrong.
    """
    from gavel_opt.solver.optimum import PROVED, optimum

    if isinstance(program, AllocationProgram) and program.limits is not None:
        chosen = _by_simplex(program, tie_break)  # the kernels know no rows of a program's own
    else:
        chosen, certificate, _ = optimum(program, tie_break)
        worth = chosen.worth_proof
        if not (
            certificate.within(PROVED) and (worth is None or Certificate(*worth).within(AGREES))
        ):
            chosen = _by_simplex(program, tie_break)
    # beyond what is enough nobody asked
    enough = program.enough if isinstance(program, AllocationProgram) else math.inf
    ours, theirs = min(chosen.objective, enough), min(answer.objective, enough)
    if not math.isclose(ours, theirs, rel_tol=AGREES, abs_tol=AGREES * 1e-3):
        raise SolveFailed(f"not the tie-break's objective to {AGREES:g}: one of them is wrong")
    return chosen


def choose_product(program: ProductProgram, answer: Answer) -> Answer:
    """Return the canonical optimum of a product program: its levels are the only ones, and all worth the same.

    Raises
    ------
    SolveFailed
        If the engine's objective and the one derived here differ: one of them is wrong.
    """
    from gavel_opt.solver.product_optimum import product_optimum

    chosen, certificate = product_optimum(program)
    jobs = float(program.blocks.count.sum())
    if not (
        certificate.within(AGREES) and abs(chosen.objective - answer.objective) <= AGREES * jobs
    ):
        raise SolveFailed(f"not the tie-break's objective to {AGREES:g}: one of them is wrong")
    return chosen


def worth_solved(
    program: Program, answer: Answer, certificate: Certificate
) -> tuple[LinearProgram, Solution]:
    """Write the second program of an efficient optimum, and its solution, in the general form."""
    second = lower(_most_worth(program, answer.level, give=0.0))
    x = answer.x.ravel(order="F")
    return second, Solution(Status.OPTIMAL, second.objective(x), x, certificate=certificate)


def _most_worth(program: Program, level: float, give: float) -> AllocationProgram:
    """The second program of an efficient optimum, with the rows of the first."""
    from gavel_opt.solver.total_worth import total_worth

    second = total_worth(program, level, give)
    return (
        replace(second, limits=program.limits) if isinstance(program, AllocationProgram) else second
    )


def alone_first(allocation: Allocation, state: ClusterState) -> Allocation:
    """Give every job a trace of each worker type alone, in proportion to its speed there.

    The mechanism hands out the workers that nobody has a share of, and among entries without a share it
    goes by deficit. That prefers pairs, which were never served: they would take workers from jobs that
    run better alone. And it knows no speeds, while the efficient optimum leaves most entries without a
    share. Interior point methods like the reference's leave such traces everywhere.
    """
    rate = state.throughputs.alone[state.key] * (state.workers > 0)
    trace = TRACE * rate / rate.max(axis=1, keepdims=True)
    return replace(allocation, x=np.maximum(allocation.x, trace))


def _by_simplex(program: Program, tie_break: str) -> Answer:
    """Answer of a fresh HiGHS: the same whoever asks, where the kernels miss their own proof."""
    from gavel_opt.engines.highs import Highs
    from gavel_opt.model.certificate import certify
    from gavel_opt.model.finish_time import finish_time_by_levels

    def solve(step: AllocationProgram) -> tuple[Answer, Certificate]:
        general = lower(step)
        solution = Highs().solve(general)
        answer = lift_answer(step, solution)
        if answer is None or solution.x is None or solution.row_dual is None:
            raise SolveFailed(f"the tie-break found no optimum ({solution.status.value})")
        proof = certify(general, solution.x, solution.row_dual)
        if not proof.within(AGREES):
            raise SolveFailed("the tie-break proved no optimum")
        return answer, proof

    if isinstance(program, AllocationProgram):
        answer, _ = solve(program)
    else:
        steps = finish_time_by_levels(program)
        step = next(steps)
        while True:
            try:
                step = steps.send(solve(step)[0])
            except StopIteration as done:
                answer = done.value
                break
    if tie_break == "efficient" and not math.isnan(answer.level):
        second, proof = solve(_most_worth(program, answer.level, GIVE))
        figures = proof.primal_residual, proof.dual_residual, proof.relative_gap
        answer = replace(answer, x=second.x, worth_proof=figures)
    return answer
