"""Our own engine for allocation programs, compiled (:mod:`gavel_opt.structured`)."""

from __future__ import annotations

import time
from importlib.metadata import version

from gavel_opt.allocation import Answer, Program
from gavel_opt.engine import DEFAULT_OPTIONS, Capability, Options
from gavel_opt.errors import InputError
from gavel_opt.program import LinearProgram
from gavel_opt.solution import Solution, Stats, Status
from gavel_opt.structured.optimum import PROVED, Memory, optimum


class Structured:
    """Takes allocation and finish-time programs as they are, pairs included.

    Every answer is the optimum that the options ask for (canonical unless efficient) with its
    certificate; one that misses it, as floors that cannot be met always do, is
    :attr:`~gavel_opt.solution.Status.IMPRECISE` and is for the driver to take elsewhere. Prices are
    kept from program to program, as a place to start; an answer depends on its program alone, to the
    last bit.
    """

    name = "structured"
    capability = Capability(
        distinguishes=False,
        linear=False,
        allocation=True,
        finish_time=True,
        pairs=True,
        tie_break=True,
    )

    def __init__(self) -> None:
        self._memory = Memory()

    def version(self) -> str:
        """Solver and version."""
        return f"gavel-opt {version('gavel-opt')}"

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
        started = time.perf_counter()
        answer, certificate, iterations = optimum(program, options.tie_break, self._memory)
        stats = Stats(solve=time.perf_counter() - started, iterations=iterations)
        good = certificate.within(PROVED)
        solution = Solution(
            Status.OPTIMAL if good else Status.IMPRECISE,
            answer.objective,
            certificate=certificate,
            stats=stats,
        )
        return solution, answer if good else None
