"""The engine protocol: what an adapter of a solver must offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from gavel_opt.arrays import Floats
from gavel_opt.kernels.arguments import Call
from gavel_opt.model.allocation_program import (
    AllocationProgram,
    Answer,
    FinishTimeProgram,
    ProductProgram,
)
from gavel_opt.model.cluster_state import ClusterState, StandingState
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.one_program import OneProgram
from gavel_opt.model.solution import Certificate, Solution


@dataclass(frozen=True, slots=True)
class Capability:
    """What an engine can do; tests and the driver ask this, never an engine's name.

    Attributes
    ----------
    duals
        Gives row duals.
    warm_start
        A resolve starts from the answer before.
    reuse
        Keeps its model between programs of equal structure.
    distinguishes
        Tells infeasible from unbounded.
    linear
        Takes any :class:`LinearProgram`.
    allocation
        Takes an :class:`AllocationProgram` as it is (:class:`AllocationEngine`).
    finish_time
        Takes a :class:`FinishTimeProgram` as it is.
    one_step
        Makes the programs of some policies itself (:class:`OneStepEngine`).
    product
        Takes a :class:`ProductProgram` (:class:`ProductEngine`).
    pairs
        Takes blocks with pairs, where it takes blocks at all.
    grouping
        Wants identical jobs merged into groups; the baseline does not, to cost what the
        reference costs.
    tie_break
        Answers with the optimum that ``Options.tie_break`` asks for; for all others the driver
        finds it after the solve.
    isolate
        The library may hang without heeding a time limit, or take the process down: the engine runs
        in a process of its own (:mod:`gavel_opt.engines.own_process`) and then takes general programs.
    precision
        Relative accuracy that its certified answers reach; the driver never asks for more.
    """

    duals: bool = True
    warm_start: bool = False
    reuse: bool = False
    distinguishes: bool = True
    linear: bool = True
    allocation: bool = False
    finish_time: bool = False
    one_step: bool = False
    product: bool = False
    pairs: bool = True
    grouping: bool = True
    tie_break: bool = False
    isolate: bool = False
    precision: float = 1e-9


@dataclass(frozen=True, slots=True)
class Options:
    """How to solve.

    Attributes
    ----------
    time_limit
        Seconds of wall clock for one program.
    tolerance
        Feasibility and optimality tolerance to ask of the solver; None for what suits it best.
    seed, threads
        Pinned, so that the same program gives the same bits.
    tie_break
        Which of several optima: ``"canonical"``, ``"efficient"`` or ``"none"`` (the engine's own).
    """

    time_limit: float = float("inf")
    tolerance: float | None = None
    seed: int = 0
    threads: int = 1
    tie_break: str = "none"


DEFAULT_OPTIONS = Options()


@runtime_checkable
class Engine(Protocol):
    """An adapter of one solver. May keep models between calls; one thread at a time."""

    name: str
    capability: Capability

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Solve a general program. Every outcome is a status; exceptions are for misuse only."""
        ...

    def version(self) -> str:
        """Solver and version: ``"HiGHS 1.10.0"``."""
        ...


@runtime_checkable
class KeepingEngine(Engine, Protocol):
    """An engine that starts from what it keeps of the last program (``capability.warm_start``)."""

    def forget(self) -> None:
        """Keep nothing: the next program is solved from scratch."""
        ...


@runtime_checkable
class AllocationEngine(Engine, Protocol):
    """An engine that also takes blocks as they are (``capability.allocation``)."""

    def solve_blocks(
        self, program: AllocationProgram | FinishTimeProgram, options: Options = DEFAULT_OPTIONS
    ) -> tuple[Solution, Answer | None]:
        """Solve an allocation program; the solution's ``x`` may be None, the answer holds it."""
        ...


@runtime_checkable
class OneStepEngine(Engine, Protocol):
    """An engine that goes from the jobs to their shares in one step (``capability.one_step``).

    Shares have the shape ``(n, J)``, within [0, 1], and the same bits as from the program itself; with them
    comes their certificate. None if the program must be made first.
    """

    def solve_at_once(
        self,
        state: ClusterState,
        program: OneProgram,
        widest: int,
        options: Options = DEFAULT_OPTIONS,
    ) -> tuple[Floats, Certificate] | None:
        """Solve the program that a policy would make of the state.

        Parameters
        ----------
        state
            The cluster now.
        program
            Which one.
        widest
            Largest scale factor that a job may have.

        Returns
        -------
        Shares and certificate; None also where anything is odd: a job has no weight, or a scale factor that is not
        positive or above ``widest``.
        """
        ...

    def standing_call(
        self,
        state: StandingState,
        program: OneProgram,
        limits: tuple[int, float],
        options: Options = DEFAULT_OPTIONS,
    ) -> Call | None:
        """The same for jobs that come and go in columns, to be called from within compiled code.

        Parameters
        ----------
        state
            The jobs; the call gives them shares of the same bits.
        program
            As above.
        limits
            Largest scale factor that a job may have, and what the proof has to reach.

        Returns
        -------
        What gives 1 if the shares are proven; if not, whatever the call has done matters to no other one. None
        where the program must be made.
        """
        ...

    def standing_filling_call(
        self, state: StandingState, plain: bool, limits: tuple[int, float], once: bool
    ) -> Call | None:
        """The same of water filling, of jobs that share as one; ``once`` of max-min fairness, and never left open."""
        ...

    def standing_product_call(self, state: StandingState, limits: tuple[int, float]) -> Call | None:
        """The same of strategy-proof fairness."""
        ...

    def standing_pairs_call(self, state: StandingState, limits: tuple[int, float]) -> Call | None:
        """The same of max-min fairness with space sharing, the canonical optimum.

        The call gives pairs of jobs their shares too, in the same order, and traces of shares to jobs alone
        (:func:`gavel_opt.tie_breaking.alone_first`).
        """
        ...


@runtime_checkable
class ProductEngine(Engine, Protocol):
    """An engine that maximises a product of levels (``capability.product``)."""

    def solve_product(
        self, program: ProductProgram, options: Options = DEFAULT_OPTIONS
    ) -> tuple[Solution, Answer | None]:
        """Solve a product program; the solution's ``x`` may be None, the answer holds it."""
        ...
