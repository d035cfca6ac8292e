"""Runs a policy's programs on a chain of engines; or asks in one step, where engine and policy know each other's."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.engine_chain import EngineChain, Recorder
from gavel_opt.engines.asking import made_here, raised_word
from gavel_opt.engines.protocol import Engine, OneStepEngine, Options
from gavel_opt.errors import ANY_FAILURE, ON_PURPOSE, InputError, SolveFailed
from gavel_opt.kernels.arguments import Call
from gavel_opt.kernels.jit import clock, has_code
from gavel_opt.kernels.job_columns import NO_PAST
from gavel_opt.model.allocation_program import Allocation, Answer, ProductProgram, Program
from gavel_opt.model.checked_shares import checked_shares
from gavel_opt.model.cluster_state import ClusterState, StandingState
from gavel_opt.model.odd_states import (
    Glance,
    columns_of,
    proper_part,
    require_columns,
    screen_state,
    widened,
)
from gavel_opt.model.one_program import OneProgram
from gavel_opt.model.solution import Certificate
from gavel_opt.policies import Policy, solves, strategy_proof
from gavel_opt.policies.finish_time import known_past
from gavel_opt.policies.makespan import known_duration
from gavel_opt.policies.max_min import known_variant
from gavel_opt.policies.one_kernel import known_call
from gavel_opt.policies.outside import (
    blamed,
    check_program,
    has_methods_of_its_own,
    is_ours,
    started_generator,
)
from gavel_opt.policies.water_filling import known_filling
from gavel_opt.tie_breaking import alone_first


class Driver(EngineChain):
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
        if not isinstance(getattr(policy, "name", None), str):
            raise InputError(
                f"policy: {policy!r} is no policy; gavel_opt.make_policy('fifo') makes one of a name"
            )
        super().__init__(
            policy.name, engine, fallback, tie_break, grouping, options, tolerance, recorder
        )
        self.policy = policy
        self._glance = Glance()
        self._standing: tuple[tuple[object, ...], Call | None] | None = None
        self._wider: Call | None = None
        """What is as the standing call where that leaves programs open."""
        self._one_step: OneStepEngine | None = None
        # The shares that such a step gives have no prices: from outside they could not be proven.
        at_once = self.engine.capability.one_step and made_here(self.engine)
        if at_once and grouping and recorder is None:
            self._one_step = cast(OneStepEngine, self.engine)

    def allocate(self, state: ClusterState) -> Allocation:
        """Compute the allocation; what odd states mean says :mod:`gavel_opt.model.odd_states`.

        Raises
        ------
        SolveFailed
            If no engine of the chain gave a certified answer.
        InputError
            If the policy cannot take this state; the text names the job.
        """
        if not solves(self.policy):
            return self._without_programs(state)
        for column in (state.job, *columns_of(state)):  # before compiled code is made for them
            if type(column) is not np.ndarray or column.ndim != 1 or not column.dtype.isnative:
                require_columns(state)
        self.tally.allocations += 1
        # It says itself where anything is odd, or else is not for it.
        found = self._at_once(state)
        if found is not None:
            return found
        if not self._glance.odd(state):
            return self.run_programs(state, self.merges)
        screen_state(state)
        part, types = proper_part(state, self.policy.traits.needs_reference)
        if not part.job.size:
            return Allocation(state.job, np.zeros((state.job.size, state.workers.size)))
        return (
            self._allocate(part) if part is state else widened(self._allocate(part), state, types)
        )

    def _allocate(self, state: ClusterState) -> Allocation:
        """Compute the allocation of jobs that can all run on some type."""
        found = self._at_once(state, _ANY)
        if found is not None:
            return found
        screen_state(state)
        return self.run_programs(state, self.merges)

    def _at_once(self, state: ClusterState, widest: int | None = None) -> Allocation | None:
        """What an engine finds that makes the policy's one program itself; None where it cannot.

        Jobs of a scale factor above ``widest`` are odd; None is what runs on every type.
        """
        engine = self._one_step
        if engine is None or (program := self._one_program(state.job.size)) is None:
            return None
        if program.past is not NO_PAST:
            if widest is not None:  # it remembers all jobs, not these
                return None
            if not (state.job[1:] > state.job[:-1]).all():  # by their numbers
                return None
        widest = self._glance.widest(state) if widest is None else widest
        if widest < 0:
            return None
        started = clock()
        try:
            found = engine.solve_at_once(state, program, widest, self.options)
        except ON_PURPOSE:
            raise
        except ANY_FAILURE as raised:  # the programs of the policy are left
            self._refuse(engine.name, raised_word(engine, raised))
            return None
        return None if found is None else self._in_one_step(*found, state, started)

    def _one_program(self, jobs: int) -> OneProgram | None:
        """The one program of the policy for so many jobs, if it is known and without pairs."""
        policy = self.policy
        if (variant := known_variant(policy)) is not None:
            return _FAIR.get(variant)
        if (variant := known_duration(policy)) is not None:
            return _SHORTEST.get(variant)
        return known_past(policy, jobs)

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
        widest = self._glance.widest(state)
        if engine is None or widest < 0:
            return None
        limits = widest, self.tolerance
        made_of: tuple[object, ...]
        if known_variant(policy) == "packed":
            if self.tie_break != "canonical":
                return None
            made_of = engine, state, *limits
            if self._made_anew(made_of):
                self._standing = made_of, engine.standing_pairs_call(state, limits)
        elif self._leaves_traces:
            return None
        elif strategy_proof.is_known(policy):
            made_of = engine, state, *limits
            if self._made_anew(made_of):
                self._standing = made_of, engine.standing_product_call(state, limits)
        elif (plain := known_filling(policy)) is not None:
            made_of = engine, state, *limits, policy
            if self._made_anew(made_of):
                self._standing = (
                    made_of,
                    engine.standing_filling_call(state, plain, limits, once=False),
                )
        else:
            program = self._one_program(len(state.jobs.job))
            if program is None:
                return None
            made_of = engine, state, *limits, *program, self.options
            if self._made_anew(made_of):
                call = engine.standing_call(state, program, limits, self.options)
                self._standing = made_of, call
                self._wider = None
                if program.objective == "max-min" and self.tie_break == "canonical":
                    plain = program.plain
                    self._wider = engine.standing_filling_call(state, plain, limits, once=True)
            if self._wider is not None and has_code(self._wider):
                return self._wider
        return None if self._standing is None else self._standing[1]

    def _made_anew(self, made_of: tuple[object, ...]) -> bool:
        """Whether the standing call was made of anything else."""
        before = () if self._standing is None else self._standing[0]
        same = len(before) == len(made_of) and all(map(operator.is_, before, made_of))
        return not same

    def count_calls(
        self, calls: int, programs: int, seconds: float, worst: Certificate | None
    ) -> None:
        """Count calls that gave allocations, their programs, what they took, and their largest residuals and gap.

        None for these where there was no program.
        """
        tally = self.tally
        tally.allocations += calls
        if worst is None:
            tally.build += seconds
            return
        tally.programs += programs
        tally.solve += seconds
        tally.worst(worst)

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

    def _without_programs(self, state: ClusterState) -> Allocation:
        """The shares of a policy that solves nothing; odd states are for it to see."""
        policy, tally = self.policy, self.tally
        odd = self._glance.odd(state)
        if odd:
            require_columns(state)
        tally.allocations += 1
        if odd:
            screen_state(state)
        started = clock()
        try:
            shares = policy.shares(state)
            found = shares if isinstance(shares, Allocation) else Allocation(state.job, shares)
            if not is_ours(policy):
                found = checked_shares(policy.name, found, state, policy.traits.packing)
        except ANY_FAILURE as raised:
            failed = blamed(policy, raised)
            if failed is None:
                raise
            raise failed from raised
        tally.build += clock() - started
        return found

    def run_programs(
        self,
        state: ClusterState,
        merge: bool,
        note: Callable[[Program | ProductProgram, Answer], None] | None = None,
    ) -> Allocation:
        """Go through the programs of the policy, one after the other.

        Parameters
        ----------
        state
            One that nothing is odd about.
        merge
            Whether identical jobs become one group.
        note
            Handed each program with its answer.

        Raises
        ------
        SolveFailed, InputError
            As :meth:`allocate` does.
        """
        tally = self.tally
        started = clock()
        solved = False
        try:
            generator = started_generator(self.policy, state, merge)
            program = next(generator)
            while True:
                solved = True
                tally.build += clock() - started
                try:
                    answer = self.solve(check_program(self.policy, program))
                except SolveFailed as unproven:
                    if not is_ours(self.policy):
                        raise
                    started = clock()
                    program = generator.throw(unproven)  # which may know another way
                    continue
                if note is not None:
                    note(program, answer)
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


_ANY = 2**62
"""No scale factor is too large."""

_FAIR = {"plain": OneProgram("max-min", True), "perf": OneProgram("max-min", False)}
_SHORTEST = {"plain": OneProgram("makespan", True), "perf": OneProgram("makespan", False)}
"""The one program of a policy that remembers nothing, by its variant."""
