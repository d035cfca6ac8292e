"""Runs a policy's programs on an engine: timing, certificates, fallback, ties, recording."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeGuard, cast

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.engines.asking import raised_word
from gavel_opt.engines.protocol import (
    AllocationEngine,
    Engine,
    OneStepEngine,
    Options,
    ProductEngine,
)
from gavel_opt.engines.registry import make_engine
from gavel_opt.errors import ANY_FAILURE, ON_PURPOSE, InputError, SolveFailed, unknown_name
from gavel_opt.kernels.arguments import Call
from gavel_opt.kernels.jit import clock
from gavel_opt.model.allocation_program import (
    Allocation,
    AllocationProgram,
    Answer,
    FinishTimeProgram,
    ProductProgram,
    Program,
)
from gavel_opt.model.certificate import certify
from gavel_opt.model.checked_shares import checked_shares
from gavel_opt.model.cluster_state import ClusterState, StandingState
from gavel_opt.model.finish_time import finish_time_by_levels, level_program
from gavel_opt.model.groups import expand
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.lowering import lift_answer, lower
from gavel_opt.model.odd_states import Glance, proper_part, screen_state, widened
from gavel_opt.model.presolve import screen, screen_blocks
from gavel_opt.model.recertified import recertify
from gavel_opt.model.solution import Certificate, Solution, Status
from gavel_opt.policies import Policy, solves
from gavel_opt.policies.finish_time import known_past
from gavel_opt.policies.in_columns import known_call
from gavel_opt.policies.max_min import known_variant
from gavel_opt.policies.outside import (
    blamed,
    check_program,
    has_methods_of_its_own,
    is_ours,
    started_generator,
)
from gavel_opt.solving import SECOND, certify_solution, decide
from gavel_opt.tie_breaking import alone_first, choose, worth_solved

TIE_BREAKS = ("canonical", "efficient", "none")


@dataclass(slots=True)
class Tally:
    """What the solves of a run cost and how good they were; the summary's ``solve`` and ``time``.

    Attributes
    ----------
    programs, cache_hits, fallbacks, allocations
        Programs solved; solved on a kept model; answers refused and solved elsewhere;
        recomputations.
    max_primal_residual, max_dual_residual, max_relative_gap
        The worst certificate among the answers that were used.
    build, translate, solve, read, tie_break, certify
        Seconds of wall clock by part.
    refusals
        ``"engine: reason"`` to how often.
    """

    programs: int = 0
    cache_hits: int = 0
    fallbacks: int = 0
    allocations: int = 0
    max_primal_residual: float = 0.0
    max_dual_residual: float = 0.0
    max_relative_gap: float = 0.0
    build: float = 0.0
    translate: float = 0.0
    solve: float = 0.0
    read: float = 0.0
    tie_break: float = 0.0
    certify: float = 0.0
    refusals: dict[str, int] = field(default_factory=dict)

    def worst(self, certificate: Certificate) -> None:
        """Keep the largest residuals and gap."""
        if certificate.primal_residual > self.max_primal_residual:
            self.max_primal_residual = certificate.primal_residual
        if certificate.dual_residual > self.max_dual_residual:
            self.max_dual_residual = certificate.dual_residual
        if certificate.relative_gap > self.max_relative_gap:
            self.max_relative_gap = certificate.relative_gap


Recorder = Callable[[LinearProgram, Solution], None]
"""Called with every general program an engine solved and its solution (``--record programs``), and with the
second programs of efficient optima."""


class Driver:
    """One policy on one engine, with a fallback chain.

    Parameters
    ----------
    policy
        The policy; its memory advances with each call of :meth:`allocate`.
    engine
        Name of the engine, or an engine; ``"auto"`` is ``structured``.
    fallback
        Engines to try, in order, when an answer is refused.
    tie_break
        ``"canonical"``, ``"efficient"`` or ``"none"``.
    grouping
        Whether identical jobs become one group where the engine wants that.
    options
        Handed to the engines.
    tolerance
        Certificates beyond it are refused.
    recorder
        Sees every general program and its solution.

    Raises
    ------
    InputError, MissingLibraryError
        For unknown names and missing libraries.
    """

    def __init__(
        self,
        policy: Policy,
        engine: str | Engine = "auto",
        fallback: Sequence[str] = ("highs",),
        tie_break: str = "canonical",
        grouping: bool = True,
        options: Options | None = None,
        tolerance: float = 1e-6,
        recorder: Recorder | None = None,
    ) -> None:
        if tie_break not in TIE_BREAKS:
            raise unknown_name("tie-break (--tie-break)", tie_break, TIE_BREAKS)
        if isinstance(engine, str):
            engine = make_engine("structured" if engine == "auto" else engine)
        self.policy = policy
        self.engine = engine
        self.tie_break = tie_break
        self.grouping = grouping
        self.options = replace(options or Options(), tie_break=tie_break)
        self.tolerance = tolerance
        self.recorder = recorder
        self.tally = Tally()
        self._spare: tuple[Answer, Certificate] | None = None
        self._glance = Glance()
        self._chain: list[Engine | str] = [engine, *(n for n in fallback if n != engine.name)]
        self._standing: tuple[tuple[object, ...], Call | None] | None = None
        self._one_step: OneStepEngine | None = None
        # The shares that such a step gives have no prices: from outside they could not be proven.
        if engine.capability.one_step and grouping and recorder is None and _is_ours(engine):
            self._one_step = cast(OneStepEngine, engine)

    @property
    def merges(self) -> bool:
        """Whether policies are asked for groups of identical jobs."""
        return self.tie_break != "none" or self._groups_for(self.engine)

    def allocate(self, state: ClusterState) -> Allocation:
        """Compute the allocation; what odd states mean says :mod:`gavel_opt.model.odd_states`.

        Raises
        ------
        SolveFailed
            If no engine of the chain gave a certified answer.
        InputError
            If the policy cannot take this state; the text names the job.
        """
        self.tally.allocations += 1
        # It says itself where anything is odd, or else is not for it.
        found = self._max_min(state)
        if found is not None:
            return found
        found = self._finish_time(state)
        if found is not None:
            return found
        if not self._glance.odd(state):
            return self._run_programs(state)
        screen_state(state)
        if not solves(self.policy):
            return self._run_programs(state)
        part, types = proper_part(state)
        if not part.job.size:
            return Allocation(state.job, np.zeros((state.job.size, state.workers.size)))
        return (
            self._allocate(part) if part is state else widened(self._allocate(part), state, types)
        )

    def _allocate(self, state: ClusterState) -> Allocation:
        """Compute the allocation of jobs that can all run on some type."""
        found = self._max_min(state, _ANY)
        if found is not None:
            return found
        screen_state(state)
        return self._run_programs(state)

    def _max_min(self, state: ClusterState, widest: int | None = None) -> Allocation | None:
        """Max-min fairness by an engine that makes the program itself; None where it cannot.

        Jobs of a scale factor above ``widest`` are odd; None is what runs on every type.
        """
        engine = self._one_step
        variant = None if engine is None else known_variant(self.policy)
        if engine is None or variant is None:
            return None
        widest = self._glance.widest(state) if widest is None else widest
        if widest < 0:
            return None
        started = clock()
        found = self._asked(engine.solve_max_min, state, variant == "plain", widest, self.options)
        return None if found is None else self._in_one_step(*found, state, started)

    def _finish_time(self, state: ClusterState) -> Allocation | None:
        """The same for finish-time fairness."""
        engine = self._one_step
        known = None if engine is None else known_past(self.policy, state.job.size)
        if engine is None or known is None:
            return None
        widest = self._glance.widest(state)
        if widest < 0:
            return None
        started = clock()
        found = self._asked(engine.solve_finish_time, state, *known, widest, self.options)
        return None if found is None else self._in_one_step(*found, state, started)

    def standing_call(self, state: StandingState) -> Call | None:
        """What computes allocations from within compiled code, as :meth:`allocate` does where nothing is odd.

        The call gives 1 and leaves shares and their proof in the state, or else :meth:`allocate` is to be asked.
        Whoever makes it reports to :meth:`count_calls`. It is for as long as this method gives the same one.
        None where there is no such call, for a policy that is not known to the last function among others, and
        for a driver that somebody watches or derived, which may see to its allocations itself.
        """
        engine, policy = self._one_step, self.policy
        if type(self) is not Driver or has_methods_of_its_own(self):
            return None
        if not solves(policy):
            return known_call(policy, state) if self._glance.widest(state) >= 0 else None
        if engine is None or self._leaves_traces:
            return None
        variant = known_variant(policy)
        past, plain = None, variant == "plain"
        if variant is None:
            known = known_past(policy, len(state.jobs.job))
            if known is None:
                return None
            past, plain = known
        widest = self._glance.widest(state)
        if widest < 0:
            return None
        made_of = engine, state, past, plain, widest, self.tolerance, self.options
        if self._standing is None or not all(map(operator.is_, self._standing[0], made_of)):
            limits = widest, self.tolerance
            self._standing = made_of, engine.standing_call(state, past, plain, limits, self.options)
        return self._standing[1]

    def count_calls(self, calls: int, seconds: float, worst: Certificate | None) -> None:
        """Count calls that gave allocations, what they took, and their largest residuals and gap.

        None for these where there was no program.
        """
        tally = self.tally
        tally.allocations += calls
        if worst is None:
            tally.build += seconds
            return
        tally.programs += calls
        tally.solve += seconds
        tally.worst(worst)

    def _asked(
        self, solve: Callable[..., tuple[Floats, Certificate] | None], *given: object
    ) -> tuple[Floats, Certificate] | None:
        """What an engine finds in one step; one that raises found nothing."""
        try:
            return solve(*given)
        except ON_PURPOSE:
            raise
        except ANY_FAILURE as raised:  # the programs of the policy are left
            self._refuse(self.engine, raised_word(raised))
            return None

    def _in_one_step(
        self, shares: Floats, certificate: Certificate, state: ClusterState, started: float
    ) -> Allocation | None:
        """The allocation of shares that an engine found without a program, if they are proven."""
        tally = self.tally
        tally.programs += 1
        tally.solve += clock() - started
        if not certificate.within(self.tolerance):
            return None
        tally.worst(certificate)
        return self._leave_traces(Allocation(state.job, shares), state)

    def _run_programs(self, state: ClusterState) -> Allocation:
        """Go through the programs of the policy, one after the other."""
        tally = self.tally
        started = clock()
        solved = False
        try:
            generator = started_generator(self.policy, state, self.merges)
            program = next(generator)
            while True:
                solved = True
                tally.build += clock() - started
                answer = self.solve(check_program(self.policy, program))
                started = clock()
                program = generator.send(answer)
        except StopIteration as done:
            found: Allocation = done.value
            if not is_ours(self.policy):
                packs = self.policy.traits.packing
                found = checked_shares(self.policy.name, found, state, packs)
            tally.build += clock() - started
            return self._leave_traces(found, state) if solved else found
        except ANY_FAILURE as raised:
            failed = blamed(self.policy, raised)
            if failed is None:
                raise
            raise failed from raised

    def _leave_traces(self, allocation: Allocation, state: ClusterState) -> Allocation:
        """Say where jobs go on workers that nobody has a share of, where the mechanism would choose badly."""
        return alone_first(allocation, state) if self._leaves_traces else allocation

    @property
    def _leaves_traces(self) -> bool:
        """Whether the mechanism would choose badly for workers that nobody has a share of."""
        traits, tie_break = self.policy.traits, self.tie_break
        packs = traits.packing and tie_break != "none"
        knows_speeds = tie_break == "efficient" and not traits.shuffles
        return packs or knows_speeds

    def solve(self, program: Program | ProductProgram) -> Answer:
        """Solve one program of the policy: certified, ties broken."""
        if isinstance(program, ProductProgram):
            return self._solve_product(program)
        refusals: dict[str, None] = {}
        self._spare = None
        for place, engine in enumerate(self._chain):
            if isinstance(engine, str):
                engine = self._chain[place] = make_engine(engine)
            if not _takes(engine, program):
                continue
            answer, reason = self._tried(engine, program)
            if answer is not None:
                answer, reason = self._break_ties(engine, program, answer)
            if answer is not None:
                answer, reason = self._accept_worth(program, answer)
            if answer is not None:
                return answer
            refusals[self._refuse(engine, reason)] = None
        if self._spare is not None:
            self.tally.worst(self._spare[1])
            return self._spare[0]
        if not refusals and isinstance(program, AllocationProgram) and program.limits is not None:
            raise InputError(
                f"policy {self.policy.name!r} has rows of its own ({', '.join(program.limits.names)}), "
                f"which engine {self.engine.name!r} does not take; choose another, or add one to --fallback"
            )
        limits = program.limits if isinstance(program, AllocationProgram) else None
        own = f" to a program with the rows {', '.join(limits.names)}" if limits else ""
        raise SolveFailed(
            f"no engine gave a certified answer{own} ({'; '.join(refusals)}); add one to --fallback",
            lower(_linear(program)),
        )

    def _refuse(self, engine: Engine, reason: str) -> str:
        """Count an answer that is not used."""
        self.tally.fallbacks += 1
        refusal = f"{engine.name}: {reason}"
        self.tally.refusals[refusal] = self.tally.refusals.get(refusal, 0) + 1
        return refusal

    def _break_ties(
        self, engine: Engine, program: Program, answer: Answer
    ) -> tuple[Answer | None, str]:
        """The optimum that the tie-break chooses, or None and why there is none beside this answer."""
        # probes too: the policy's next program is made of their numbers, so these must be the same
        # bits from every engine
        breaks_ties = engine.capability.tie_break and not self._expands(engine)
        if self.tie_break == "none" or breaks_ties:
            return answer, ""
        started = clock()
        try:
            try:
                return choose(program, answer, self.tie_break), ""
            except SolveFailed:
                program_within_reach = _with_reached_floors(program, answer)
                if program_within_reach is None:
                    raise
                return choose(program_within_reach, answer, self.tie_break), ""
        except SolveFailed as failed:
            return None, str(failed)
        except ON_PURPOSE:
            raise
        except ANY_FAILURE as raised:  # the next engine's answer may lie elsewhere
            return None, f"its tie-break {raised_word(raised)}"
        finally:
            self.tally.tie_break += clock() - started

    def _accept_worth(self, program: Program, answer: Answer) -> tuple[Answer | None, str]:
        """Record the second program of an efficient optimum, and ask for its proof as for any other."""
        if answer.worth_proof is None:
            return answer, ""
        certificate = Certificate(*answer.worth_proof)
        if self.recorder is not None:
            self.recorder(*worth_solved(program, answer, certificate))
        if not certificate.within(self.tolerance):
            return None, f"{Status.IMPRECISE.value} in the total worth"
        self.tally.worst(certificate)
        return answer, ""

    def _solve_product(self, program: ProductProgram) -> Answer:
        """Solve a product program on the first engine of the chain that takes such."""
        for place, engine in enumerate(self._chain):
            if isinstance(engine, str):
                engine = self._chain[place] = make_engine(engine)
            if engine.capability.product:
                product_engine = cast(ProductEngine, engine)
                try:
                    found = product_engine.solve_product(program, self.options)
                except ON_PURPOSE:
                    raise
                except ANY_FAILURE as raised:
                    raise SolveFailed(f"{engine.name} {raised_word(raised)}") from raised
                answer, reason = self._accept(*self._proven(engine, program, *found))
                if answer is None:
                    raise SolveFailed(f"{engine.name} gave no certified answer: {reason}")
                return answer
        raise InputError(
            f"policy {self.policy.name!r} needs an engine that maximises products of levels; "
            "choose --engine cvxpy-rebuild"
        )

    def _expands(self, engine: Engine) -> bool:
        """Whether an engine gets every job on its own where the policy asked for groups.

        Its answer proves the objective; the one in groups is then the tie-break's. Without a
        tie-break there would be none, so a fallback then takes the groups that the policy made.
        """
        return self.tie_break != "none" and not self._groups_for(engine)

    def _groups_for(self, engine: Engine) -> bool:
        return self.grouping and engine.capability.grouping

    def _tried(self, engine: Engine, program: Program) -> tuple[Answer | None, str]:
        """As ``_try``; an engine that raises, or answers with what makes no sense, gave no answer."""
        try:
            return self._try(engine, program)
        except ON_PURPOSE:
            raise
        except ANY_FAILURE as raised:
            return None, raised_word(raised)

    def _try(self, engine: Engine, program: Program) -> tuple[Answer | None, str]:
        """One engine's certified answer, or None and the reason."""
        can = engine.capability
        if self._expands(engine):
            program = expand(program)
        takes = can.allocation if isinstance(program, AllocationProgram) else can.finish_time
        if isinstance(program, AllocationProgram) and program.limits is not None:
            takes = False  # blocks have no place for rows of a program's own
        if takes and (can.pairs or program.blocks.pairs is None):
            screen_blocks(program)
            blocks_engine = cast(AllocationEngine, engine)  # it says so: see Capability.allocation
            found = blocks_engine.solve_blocks(program, self.options)
            solution, answer = self._proven(engine, program, *found)
            if self.recorder is not None:
                self.recorder(lower(_linear(program, solution.objective)), solution)
            if _is_general(program) and can.linear and solution.status in _VERDICTS:
                return self._general(engine, program)  # asks at the usual tolerance as well
            if can.tie_break and solution.status is Status.IMPRECISE and answer is not None:
                # It would have another engine asked; if that has no answer, this one is proven.
                if solution.certificate.within(self.tolerance):
                    self._spare = answer, solution.certificate
                answer = None
            return self._accept(solution, answer)
        if isinstance(program, FinishTimeProgram):
            return self._by_levels(engine, program)
        return self._general(engine, program)

    def _proven(
        self,
        engine: Engine,
        program: Program | ProductProgram,
        solution: Solution,
        answer: Answer | None,
    ) -> tuple[Solution, Answer | None]:
        """An answer in blocks with a certificate of ours: one from outside is a claim like any other."""
        if _is_ours(engine) or answer is None or not solution.status.has_answer:
            return solution, answer
        found = recertify(program, answer)
        if found is None:
            return replace(solution, status=Status.NUMERICAL_ERROR, certificate=Certificate()), None
        answer, certificate = found
        if isinstance(program, AllocationProgram) and not certificate.within(self.tolerance):
            # Its prices may be no proof of what is right all the same.
            general = lower(program)
            point = np.concatenate(
                [[answer.level][: int(program.has_level)], answer.x.ravel(order="F")]
            )
            duals = decide(general, make_engine(SECOND), self.options).row_dual
            if duals is not None:
                certificate = certify(general, point, duals)
        return replace(solution, objective=answer.objective, certificate=certificate), answer

    def _general(self, engine: Engine, program: AllocationProgram) -> tuple[Answer | None, str]:
        started = clock()
        general = lower(program)
        self.tally.build += clock() - started
        screened = screen(general)
        solution = decide(general, engine, self.options) if screened is None else screened
        started = clock()
        if screened is None and solution.status.has_answer:
            certify_solution(general, solution, engine, self.options)
            if solution.x is not None:
                solution.objective = general.objective(solution.x)  # whatever the engine says it is
        if self.recorder is not None:
            self.recorder(general, solution)
        self.tally.certify += clock() - started
        return self._accept(solution, lift_answer(program, solution))

    def _by_levels(self, engine: Engine, program: FinishTimeProgram) -> tuple[Answer | None, str]:
        levels = finish_time_by_levels(program)
        try:
            step = next(levels)
            while True:
                answer, reason = self._try(engine, step)
                if answer is None:
                    return None, reason
                step = levels.send(answer)
        except StopIteration as done:
            return done.value, ""

    def _accept(self, solution: Solution, answer: Answer | None) -> tuple[Answer | None, str]:
        tally, stats = self.tally, solution.stats
        tally.programs += stats.programs
        tally.cache_hits += stats.reused
        tally.translate += stats.translate
        tally.solve += stats.solve
        tally.read += stats.read
        if not solution.status.has_answer or answer is None:
            return None, solution.status.value
        if not solution.certificate.within(self.tolerance):
            return None, Status.IMPRECISE.value
        tally.worst(solution.certificate)
        return answer, ""


_VERDICTS = (Status.INFEASIBLE, Status.INFEASIBLE_OR_UNBOUNDED)


def _is_general(program: Program) -> TypeGuard[AllocationProgram]:
    return isinstance(program, AllocationProgram)


def _with_reached_floors(program: Program, answer: Answer) -> AllocationProgram | None:
    """The program with the floors that a proven answer meets, where rounding put some out of reach."""
    if not isinstance(program, AllocationProgram):
        return None
    blocks = program.blocks
    used, spent = blocks.demand(answer.x)
    over = max(float((used / blocks.workers).max(initial=0.0)), float(spent.max(initial=0.0)), 1.0)
    rise = program.slope * answer.level if program.has_level else 0.0
    reached = (blocks.levels(answer.x) / over - rise) * (1.0 - _ROUNDING)
    return replace(program, floor=np.minimum(program.floor, reached))


_ROUNDING = 1e-12
_ANY = 2**62
"""No scale factor is too large."""


def _is_ours(engine: Engine) -> bool:
    """Whether an engine is of this package, where certificates are computed from the program."""
    return type(engine).__module__.startswith("gavel_opt.")


def _takes(engine: Engine, program: Program) -> bool:
    """Whether an engine takes the program in any form."""
    own_rows = isinstance(program, AllocationProgram) and program.limits is not None
    return engine.capability.linear or not own_rows


def _linear(program: Program, ratio: float = math.nan) -> AllocationProgram:
    """A finish-time program as the linear program that proves ``ratio``, or else that starts the search."""
    if isinstance(program, AllocationProgram):
        return program
    if bool((ratio * program.isolated > program.age).all()):
        return level_program(program, ratio)
    return next(finish_time_by_levels(program))
