"""A chain of engines: the next one is asked where an answer has no certificate, and what is taken is counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from gavel_opt.engines.asking import (
    checked_stats,
    lent,
    made_here,
    raised_word,
    require_engine,
    require_how,
)
from gavel_opt.engines.protocol import (
    AllocationEngine,
    Engine,
    KeepingEngine,
    Options,
    ProductEngine,
)
from gavel_opt.engines.registry import make_engine
from gavel_opt.errors import (
    ANY_FAILURE,
    ON_PURPOSE,
    GavelError,
    InputError,
    MissingLibraryError,
    SolveFailed,
    unknown_name,
)
from gavel_opt.kernels.jit import clock
from gavel_opt.model.allocation_program import (
    AllocationProgram,
    Answer,
    FinishTimeProgram,
    ProductProgram,
    Program,
)
from gavel_opt.model.certificate import certify
from gavel_opt.model.finish_time import finish_time_by_levels, level_program
from gavel_opt.model.groups import expand
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.lowering import lift_answer, lower
from gavel_opt.model.presolve import screen, screen_blocks
from gavel_opt.model.recertified import recertify
from gavel_opt.model.solution import Certificate, Solution, Status
from gavel_opt.solving import SECOND, certify_solution, decide
from gavel_opt.tally import Tally
from gavel_opt.tie_breaking import choose, choose_product, worth_solved

TIE_BREAKS = ("canonical", "efficient", "none")

Recorder = Callable[[LinearProgram, Solution], None]
"""Called with every general program an engine solved and its solution (``--record programs``), and with the
second programs of efficient optima."""


class EngineChain:
    """An engine, and those that are asked in its place when its answer is refused.

    Parameters
    ----------
    asker
        Name of the policy whose programs these are.
    engine, fallback, tie_break, grouping, options, tolerance, recorder
        As in :class:`gavel_opt.driver.Driver`.

    Raises
    ------
    InputError, MissingLibraryError
        For unknown names and missing libraries.
    """

    def __init__(
        self,
        asker: str,
        engine: str | Engine,
        fallback: Sequence[str],
        tie_break: str,
        grouping: bool,
        options: Options | None,
        tolerance: float,
        recorder: Recorder | None,
    ) -> None:
        if tie_break not in TIE_BREAKS:
            raise unknown_name("tie-break (--tie-break)", tie_break, TIE_BREAKS)
        if isinstance(engine, str):
            engine = make_engine("structured" if engine == "auto" else engine)
        require_engine(engine)
        require_how(options or Options(), tolerance)
        if isinstance(fallback, str):
            raise InputError(f"fallback: {fallback!r} is no list of engines, such as ['highs']")
        self.asker = asker
        self.engine = engine
        self.tie_break = tie_break
        self.grouping = grouping
        self.options = replace(options or Options(), tie_break=tie_break)
        self.tolerance = tolerance
        self.recorder = recorder
        self.tally = Tally()
        self._spare: tuple[Answer, Certificate] | None = None
        self._solved: list[tuple[LinearProgram, Solution]] = []
        self._chain: list[Engine | str] = [engine, *(n for n in fallback if n != engine.name)]

    @property
    def merges(self) -> bool:
        """Whether policies are asked for groups of identical jobs."""
        return self.tie_break != "none" or self._groups_for(self.engine)

    def solve(self, program: Program | ProductProgram) -> Answer:
        """Solve one program of the policy: certified, ties broken."""
        if self.recorder is not None and isinstance(program, AllocationProgram):
            program = replace(program, enough=math.inf)  # what is recorded is an optimum
        refusals: dict[str, None] = {}
        asked = False
        self._spare = None
        for engine in self._members(refusals):
            if not _takes(engine, program):
                continue
            asked = True
            self._solved.clear()
            try:
                answer = self._answer_of(engine, program)
            except _Refused as why:
                reason = str(why)
            except ON_PURPOSE:
                raise
            except ANY_FAILURE as raised:
                reason = raised_word(engine, raised)
            else:
                self._record()
                return answer
            self._record()
            refusals[self._refuse(engine.name, reason)] = None
        if self._spare is not None and not isinstance(program, ProductProgram):
            try:
                return self._last_resort(program, *self._spare)
            except _Refused as why:
                refusals[f"{self.engine.name}: {why}"] = None
        raise self._no_answer(program, refusals, asked)

    def _last_resort(self, program: Program, answer: Answer, certificate: Certificate) -> Answer:
        """What is made of an answer that is proven to the tolerance and no further, where nobody has a better one.

        The optimum is the one that every engine's answer would have led to; where there is no such one, its own
        shares will do, but not for the efficient optimum, whose total worth nobody has looked at.
        """
        self.tally.worst(certificate)
        if self.tie_break == "none":
            return answer
        try:
            return self._accept_worth(program, self._chosen(program, answer))
        except _Refused:
            if self.tie_break == "efficient" and not _is_probe(program):
                raise
        return answer

    def _record(self) -> None:
        """Hand on what an engine solved, where what the recorder raises is no failure of the engine."""
        if self.recorder is not None:
            for program, solution in self._solved:
                self.recorder(program, solution)

    def _answer_of(self, engine: Engine, program: Program | ProductProgram) -> Answer:
        """One engine's answer; from scratch if its start, the last program's basis, cost it its certificate."""
        try:
            return self._ask(engine, program)
        except _Imprecise as refused:
            if not (refused.reused and isinstance(engine, KeepingEngine)):
                raise
            engine.forget()
        return self._ask(engine, program)

    def _ask(self, engine: Engine, program: Program | ProductProgram) -> Answer:
        """One engine's certified answer, ties broken."""
        if isinstance(program, ProductProgram):
            found = cast(ProductEngine, engine).solve_product(lent(engine, program), self.options)
            return self._canonical(
                engine, program, self._accept(*self._proven(engine, program, *found))
            )
        answer = self._break_ties(engine, program, self._try(engine, program))
        return self._accept_worth(program, answer)

    def _canonical(self, engine: Engine, program: ProductProgram, answer: Answer) -> Answer:
        """The answer of which every engine's shares are the same bits; levels are the only ones anyhow."""
        if self.tie_break == "none" or engine.capability.tie_break:
            return answer
        started = clock()
        try:
            return choose_product(program, answer)
        except SolveFailed as failed:
            raise _Refused(str(failed)) from None
        finally:
            self.tally.tie_break += clock() - started

    def _no_answer(
        self, program: Program | ProductProgram, refusals: dict[str, None], asked: bool
    ) -> GavelError:
        """What is said where no engine of the chain gave an answer, or none takes the program."""
        if isinstance(program, ProductProgram):
            if not asked:
                return InputError(
                    f"policy {self.asker!r} needs an engine that maximises products of levels; "
                    "choose --engine structured, or add it to --fallback"
                )
            own, general = " to a product of levels", None
        else:
            limits = program.limits if isinstance(program, AllocationProgram) else None
            if limits is not None and not refusals:
                return InputError(
                    f"policy {self.asker!r} has rows of its own ({', '.join(limits.names)}), "
                    f"which engine {self.engine.name!r} does not take; choose another, or add one to --fallback"
                )
            own = f" to a program with the rows {', '.join(limits.names)}" if limits else ""
            general = lower(_linear(program))
        return SolveFailed(
            f"no engine gave a certified answer{own} ({'; '.join(refusals)}); add one to --fallback",
            general,
        )

    def _members(self, refusals: dict[str, None]) -> Iterator[Engine]:
        """The engines in order, each made when it is its turn; one that cannot be made is passed over."""
        for place, member in enumerate(self._chain):
            if isinstance(member, str):
                try:
                    engine = self._chain[place] = make_engine(member)
                except (InputError, MissingLibraryError) as missing:
                    refusals[self._refuse(member, str(missing))] = None
                    continue
            else:
                engine = member
            yield engine

    def _refuse(self, engine: str, reason: str) -> str:
        """Count an answer that is not used."""
        self.tally.fallbacks += 1
        refusal = f"{engine}: {reason}"
        self.tally.refusals[refusal] = self.tally.refusals.get(refusal, 0) + 1
        return refusal

    def _break_ties(self, engine: Engine, program: Program, answer: Answer) -> Answer:
        """The optimum that the tie-break chooses."""
        # probes too: the policy's next program is made of their numbers, so these must be the same
        # bits from every engine
        breaks_ties = engine.capability.tie_break and not self._expands(engine)
        if self.tie_break == "none" or breaks_ties:
            return answer
        return self._chosen(program, answer)

    def _chosen(self, program: Program, answer: Answer) -> Answer:
        """The same of an answer that is any optimum."""
        started = clock()
        try:
            try:
                return choose(program, answer, self.tie_break)
            except SolveFailed:
                program_within_reach = _with_reached_floors(program, answer)
                if program_within_reach is None:
                    raise
                return choose(program_within_reach, answer, self.tie_break)
        except SolveFailed as failed:
            raise _Refused(str(failed)) from None
        except ON_PURPOSE:
            raise
        except ANY_FAILURE as raised:  # the next engine's answer may lie elsewhere
            raise _Refused(f"its tie-break {raised_word(None, raised)}") from None
        finally:
            self.tally.tie_break += clock() - started

    def _accept_worth(self, program: Program, answer: Answer) -> Answer:
        """Record the second program of an efficient optimum, and ask for its proof as for any other."""
        if answer.worth_proof is None:
            return answer
        certificate = Certificate(*answer.worth_proof)
        if self.recorder is not None:
            self._solved.append(worth_solved(program, answer, certificate))
        if not certificate.within(self.tolerance):
            raise _Refused(f"{Status.IMPRECISE.value} in the total worth")
        self.tally.worst(certificate)
        return answer

    def _expands(self, engine: Engine) -> bool:
        """Whether an engine gets every job on its own where the policy asked for groups.

        Its answer proves the objective; the one in groups is then the tie-break's. Without a
        tie-break there would be none, so a fallback then takes the groups that the policy made.
        """
        return self.tie_break != "none" and not self._groups_for(engine)

    def _groups_for(self, engine: Engine) -> bool:
        return self.grouping and engine.capability.grouping

    def _try(self, engine: Engine, program: Program) -> Answer:
        """One engine's certified answer."""
        can = engine.capability
        if self._expands(engine):
            program = expand(program)
        takes = can.allocation if isinstance(program, AllocationProgram) else can.finish_time
        if isinstance(program, AllocationProgram) and program.limits is not None:
            takes = False  # blocks have no place for rows of a program's own
        if takes and (can.pairs or program.blocks.pairs is None):
            screen_blocks(program)
            blocks_engine = cast(AllocationEngine, engine)  # it says so: see Capability.allocation
            found = blocks_engine.solve_blocks(lent(engine, program), self.options)
            solution, answer = self._proven(engine, program, *found)
            if self.recorder is not None:
                self._solved.append((lower(_linear(program, solution.objective)), solution))
            if (
                solution.status in _VERDICTS
                and can.linear
                and isinstance(program, AllocationProgram)
            ):
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
        if made_here(engine):
            return solution, answer
        solution = Solution(
            solution.status, solution.objective, stats=checked_stats(solution.stats)
        )
        if answer is None or not solution.status.has_answer:
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

    def _general(self, engine: Engine, program: AllocationProgram) -> Answer:
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
            self._solved.append((general, solution))
        self.tally.certify += clock() - started
        return self._accept(solution, lift_answer(program, solution))

    def _by_levels(self, engine: Engine, program: FinishTimeProgram) -> Answer:
        levels = finish_time_by_levels(program)
        try:
            step = next(levels)
            while True:
                step = levels.send(self._try(engine, step))
        except StopIteration as done:
            found: Answer = done.value
            return found

    def _accept(self, solution: Solution, answer: Answer | None) -> Answer:
        """Count what an answer cost; it is one if its certificate is good enough."""
        tally, stats = self.tally, solution.stats
        tally.programs += stats.programs
        tally.cache_hits += stats.reused
        tally.translate += stats.translate
        tally.solve += stats.solve
        tally.read += stats.read
        if not solution.status.has_answer or answer is None:
            raise _Refused(solution.status.value)
        proof = solution.certificate
        if not proof.within(self.tolerance):
            raise _Imprecise(stats.reused)
        tally.worst(proof)
        answer.error = max(proof.primal_residual, proof.dual_residual, proof.relative_gap)
        return answer


class _Refused(GavelError):
    """An engine's answer is not used; the text is the reason."""


class _Imprecise(_Refused):
    """An answer without the certificate that was asked for; ``reused`` says whether a kept model gave it."""

    def __init__(self, reused: bool) -> None:
        super().__init__(Status.IMPRECISE.value)
        self.reused = reused


_VERDICTS = (Status.INFEASIBLE, Status.INFEASIBLE_OR_UNBOUNDED)


def _is_probe(program: Program) -> bool:
    """Whether nobody takes the program's shares."""
    return isinstance(program, AllocationProgram) and program.probe


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


def _takes(engine: Engine, program: Program | ProductProgram) -> bool:
    """Whether an engine takes the program in any form."""
    if isinstance(program, ProductProgram):
        return engine.capability.product
    own_rows = isinstance(program, AllocationProgram) and program.limits is not None
    return engine.capability.linear or not own_rows


def _linear(program: Program, ratio: float = math.nan) -> AllocationProgram:
    """A finish-time program as the linear program that proves ``ratio``, or else that starts the search."""
    if isinstance(program, AllocationProgram):
        return program
    if bool((ratio * program.isolated > program.age).all()):
        return level_program(program, ratio)
    return next(finish_time_by_levels(program))
