"""Our own engine for allocation programs, compiled (:mod:`gavel_opt.solver`)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from importlib.metadata import version

from gavel_opt.arrays import Floats
from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Capability, Options
from gavel_opt.errors import InputError
from gavel_opt.kernels.arguments import Call
from gavel_opt.kernels.jit import clock
from gavel_opt.kernels.job_columns import NO_PAST
from gavel_opt.model.allocation_program import Answer, ProductProgram, Program
from gavel_opt.model.cluster_state import ClusterState, StandingState, ThroughputTable
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.one_program import OneProgram
from gavel_opt.model.solution import Certificate, Solution, Stats, Status
from gavel_opt.solver.finish_time import finish_time_shares, finish_time_shares_of
from gavel_opt.solver.makespan import makespan_shares, makespan_shares_of
from gavel_opt.solver.max_min import fair_shares, fair_shares_of
from gavel_opt.solver.max_min_pairs import FEW_TYPES, fair_shares_in_pairs, pair_task
from gavel_opt.solver.memory import Memory
from gavel_opt.solver.one_step import Terms, carry_out, max_min_terms, standing_task
from gavel_opt.solver.optimum import PROVED, optimum
from gavel_opt.solver.settings import MANY_TYPES
from gavel_opt.solver.water_filling import fill_task, filled_shares

_SPARE = 1e-6
"""Certificates up to this come with their answer, which is imprecise: it is for the driver to use where
nobody has a better one, as for floors that rounding has put out of reach."""


_AROUND = 5e-4
"""CPU seconds that packed programs, and those of water filling, take in plain Python around their solution."""

_INTERPRETED = 1e-3
"""CPU seconds that a program of few jobs without pairs takes in plain Python, as long as nothing is compiled."""
_OPEN = 5e-5
"""The same around programs that max-min fairness leaves open, as they count: its few that are must not have more code
read than they save."""

_AT_ONCE: dict[str, tuple[Callable[..., int], Callable[..., int]]] = {
    "max-min": (fair_shares_of, fair_shares),
    "finish-time": (finish_time_shares_of, finish_time_shares),
    "makespan": (makespan_shares_of, makespan_shares),
}
"""By objective: the kernel that solves its program for columns of jobs, and for jobs as they come and go."""


def _terms_of(
    program: OneProgram, widest: int, table: ThroughputTable, tie_break: str, tolerance: float
) -> Terms | None:
    """Terms of a program; None where it is not solved so.

    The plain variants of finish-time fairness and makespan take the reference's throughputs for all types.
    """
    if program.objective == "max-min":
        return max_min_terms(widest, program.plain, tie_break, tolerance)
    efficient = tie_break == "efficient"
    if program.objective == "makespan" and efficient:  # one job decides nearly all of these
        return None
    reference = table.reference if program.plain else -1
    return widest, reference, min(tolerance, PROVED), False, efficient


@functools.cache
def _release() -> str:
    """Of this package; each run asks for it, and it is read from a file."""
    return version("gavel-opt")


class Structured:
    """Takes allocation, finish-time and product programs as they are, pairs included.

    Every answer is the optimum that the options ask for (canonical unless efficient) with its
    certificate; one that misses it, as floors that cannot be met always do, is
    :attr:`~gavel_opt.model.solution.Status.IMPRECISE` and is for the driver to take elsewhere. Prices are
    kept from program to program, as a place to start; an answer depends on its program alone, to the
    last bit.
    """

    name = "structured"
    capability = Capability(
        distinguishes=False,
        linear=False,
        allocation=True,
        finish_time=True,
        one_step=True,
        product=True,
        pairs=True,
        tie_break=True,
    )

    def __init__(self) -> None:
        self._memory = Memory()

    def version(self) -> str:
        """Solver and version."""
        return f"gavel-opt {_release()}"

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Refuse: general programs have none of the structure.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(
            "engine 'structured' takes allocation programs only; choose highs for a general one"
        )

    def solve_blocks(
        self, program: Program, options: Options = DEFAULT_OPTIONS
    ) -> tuple[Solution, Answer | None]:
        """Solve an allocation program or a finish-time program."""
        started = clock()
        try:
            answer, certificate, iterations = optimum(program, options.tie_break, self._memory)
        except ZeroDivisionError:  # of kernels as plain Python; compiled code goes on with infinity
            return Solution(Status.NUMERICAL_ERROR, stats=Stats(solve=clock() - started)), None
        solution = Solution(
            Status.OPTIMAL if certificate.within(PROVED) else Status.IMPRECISE,
            answer.objective,
            certificate=certificate,
            stats=Stats(solve=clock() - started, iterations=iterations),
        )
        return solution, answer if certificate.within(_SPARE) else None

    def solve_product(
        self, program: ProductProgram, options: Options = DEFAULT_OPTIONS
    ) -> tuple[Solution, Answer | None]:
        """Find the largest product of levels."""
        from gavel_opt.solver.product_optimum import product_optimum  # few ask for it

        started = clock()
        answer, certificate = product_optimum(program)
        proved = certificate.within(PROVED)
        solution = Solution(
            Status.OPTIMAL if proved else Status.IMPRECISE,
            answer.objective,
            certificate=certificate,
            stats=Stats(solve=clock() - started),
        )
        return solution, answer if certificate.within(_SPARE) else None

    def solve_at_once(
        self,
        state: ClusterState,
        program: OneProgram,
        widest: int,
        options: Options = DEFAULT_OPTIONS,
    ) -> tuple[Floats, Certificate] | None:
        """Go from the jobs to their shares in one compiled call."""
        kernel, _ = _AT_ONCE[program.objective]
        terms = _terms_of(program, widest, state.throughputs, options.tie_break, math.inf)
        return None if terms is None else carry_out(kernel, program, state, terms, self._memory)

    def standing_call(
        self,
        state: StandingState,
        program: OneProgram,
        limits: tuple[int, float],
        options: Options = DEFAULT_OPTIONS,
    ) -> Call | None:
        """What does so for jobs as they come and go."""
        widest, tolerance = limits
        terms = _terms_of(program, widest, state.throughputs, options.tie_break, tolerance)
        if terms is None or state.workers.size > MANY_TYPES:
            return None
        _, shares = _AT_ONCE[program.objective]
        task = standing_task(state, program.past, terms, self._memory)
        return Call(shares, task, saves=_INTERPRETED)

    def standing_filling_call(
        self, state: StandingState, plain: bool, limits: tuple[int, float], once: bool
    ) -> Call | None:
        """What fills levels of jobs as they come and go, or only begins to."""
        if state.workers.size > MANY_TYPES:
            return None
        widest, tolerance = limits
        terms = max_min_terms(widest, plain, "canonical", min(tolerance, PROVED))
        task = fill_task(state, terms, self._memory, once)
        return Call(filled_shares, task, saves=_OPEN if once else _AROUND)

    def standing_product_call(self, state: StandingState, limits: tuple[int, float]) -> Call | None:
        """What finds strategy-proof fairness of jobs as they come and go."""
        from gavel_opt.solver.strategy_proof import strategy_proof_shares

        widest, tolerance = limits
        terms = max_min_terms(widest, False, "canonical", min(tolerance, PROVED))
        task = standing_task(state, NO_PAST, terms, self._memory)
        return Call(strategy_proof_shares, task, saves=_AROUND)

    def standing_pairs_call(self, state: StandingState, limits: tuple[int, float]) -> Call | None:
        """What solves max-min fairness with space sharing of jobs as they come and go."""
        if state.workers.size > FEW_TYPES or state.throughputs.paired is None:
            return None
        widest, tolerance = limits
        task = pair_task(state, widest, min(tolerance, PROVED), self._memory)
        return Call(fair_shares_in_pairs, task, saves=_AROUND)
