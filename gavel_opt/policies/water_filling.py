r"""Water filling: lexicographic max-min fairness, flat or over entities (paper, sections 4.3, 4.4).

Max-min fairness fixes the smallest normalised throughput and leaves the others to chance. Water
filling raises all levels together; jobs that cannot rise any more are fixed, and the others go on.
With entities of weight :math:`W_e`, the jobs of one that are not fixed yet split its weight
(fairness: a level rises by :math:`W_e / \sum w`, summed over them, a unit of time) or the first of them in
order of arrival has it all (FIFO: :math:`W_e / w_m`, and 0 for the jobs behind it).

A job is stopped by its own limit, all of its time where it is fastest, or by workers. How levels rise while
only limits stop them is known without a program (:mod:`~gavel_opt.policies.rising_levels`), so programs are asked
only for the time at which workers do: what part :math:`\theta` of the levels :math:`h(\tau)` of a time
:math:`\tau` can be had at once (:mod:`~gavel_opt.policies.reachable_levels`)? First of the end, at which everybody is at
the limit; if all can be had, that is all. Else the multipliers :math:`\lambda` bound the time,

.. math::

    \sum_m \lambda_m h_m(\tau) \le \theta \sum_m \lambda_m h_m(\tau_0) ,

and the equality is the next time to ask for: Newton's method, from above, which ends at the very time at
which workers stop somebody. Jobs that rise then and whose multiplier is positive are stopped: their row
is tight in every optimum (complementary slackness). The others go on from there, without the workers and partners whose
time has a price: whatever they had of it would leave less to those that are stopped, so their limit is what they reach
without. So the programs are a few for each set of jobs that workers stop together (without space sharing there are as many
sets as worker types at most), none for jobs that reach their limits, and the last one's answer is an allocation that reaches
all levels. Where workers are scarce from the start it is one.

Where all rise alike and nobody shares workers, prices of worker types alone tell all of this without a program
(:mod:`gavel_opt.solver.prices.levels_in_stages`), and where pairs stop few at a time the simplex method does
(:mod:`gavel_opt.solver.pair_simplex.levels_in_order`), or programs over kinds, where these are few
(:mod:`gavel_opt.solver.levels_of_kinds`); one program proves what they find, or programs are asked one by one. The
reference asks a mixed-integer program for each level instead, with a slack of one in 10,000.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.errors import SolveFailed
from gavel_opt.kernels.max_min_rows import (
    CROWDED,
    EXACT,
    FAR,
    FIRM,
    MARKED,
    MET,
    MOST,
    NEARLY,
    NOISE,
    PATIENCE,
    ROUNDING,
    SAME,
    SOFTER,
    STILL,
    UNSURE,
)
from gavel_opt.model.allocation_program import AllocationProgram, Answer, Blocks, best_rates
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.groups import group_jobs
from gavel_opt.policies.entities import Entities
from gavel_opt.policies.max_min import fairness_program
from gavel_opt.policies.packing import kinds_of
from gavel_opt.policies.policy import Policy, Programs
from gavel_opt.policies.reachable_levels import Allowed, Ask, Bounds, GroupedAsk, PooledAsk
from gavel_opt.policies.rising_levels import BEGUN, Rising
from gavel_opt.policies.variants import (
    AsWritten,
    ByVariant,
    Variant,
    group_by_key,
    in_own_order,
    kind_of,
    serving,
)

if TYPE_CHECKING:
    from gavel_opt.solver.levels_by_parts.own_limits_first import LevelsMemory

_NEAR = 0.9
"""Part of the levels asked for from which on they are likely to stop before the path bends again."""

_PAIRED, _PAIRED_IN_POOLS, _PAIRED_ALIKE = 2.3, 2.0, 2.2
"""Jobs for each worker up to which levels are found at once; somewhat more than can run all of the time if all are in pairs. With
fewer workers, these stop most jobs together. Third, the same where jobs are of few kinds."""

_CENTRED, _PAIRED_MANY_ALIKE = 1200, 3.2
"""Groups of few kinds up to which, where workers stop all of them together, shares are in the midst of all that reach the levels; and
jobs for each worker from which on so are those of more. Below it the midst alone takes up to eight seconds of 2,048."""

_UNPOOLED = 512
"""Groups up to which all levels are found at once although pools are fewer: program by program may take 2 to 30 times as long."""

_LEFT_OPEN = 1e-9
"""Part of levels found at once that may be missing: proofs of answers leave as much open. What can be had of them is given out."""

_TINY = 1e-300

_AtOnce = Generator[AllocationProgram, Answer, Allowed | None]


class WaterFilling(ByVariant):
    """Lexicographic max-min fairness.

    Parameters
    ----------
    name, variant
        As in :class:`~gavel_opt.policies.variants.ByVariant`.
    entities
        Weights of entities and how jobs share within each (:mod:`~gavel_opt.policies.entities`);
        None lets all jobs share as one.
    """

    plain_reads = False

    def __init__(
        self,
        name: str,
        variant: Variant,
        entities: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(name, variant)
        self.entities = None if entities is None else Entities.parse(entities)
        self._memory: LevelsMemory | None = None

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Yield a few programs for each set of jobs that workers stop together, and one to close."""
        return (yield from serving(state, state.weight > 0.0, lambda part: self._of(part, merge)))

    def _of(self, state: ClusterState, merge: bool) -> Programs:
        entities, entity = self.entities, state.entity
        alike = entities is None or entity is None
        if entities is None or entity is None:
            entities, entity = Entities(), np.zeros(state.job.size, dtype=np.int64)
            place = entity
            groups = group_by_key(state, self.variant, merge)
        else:
            place = entities.place_in_line(entity)
            columns = (state.scale_factor, state.weight, entity, place)
            groups = group_jobs(merge, kind_of(state, self.variant), *columns)
            if groups.first.size == place.size:  # places are others' in the next program
                groups = replace(groups, mark=state.job[groups.first])
        if self.variant == "packed":  # a vertex of those that reach the levels hangs on it
            groups = in_own_order(state, groups, state.scale_factor, state.weight, entity, place)
        first, count = groups.first, groups.count
        program = fairness_program(state, groups, self.variant, merge)
        limit = best_rates(program.blocks)
        whose = entity[first], place[first], state.weight[first] * count

        def rising(level: Floats, limit: Floats, done: Bools) -> Rising:
            return entities.rising(*whose, level, limit, done)

        grouped = GroupedAsk(state, groups, program)
        ask: Ask = grouped
        if merge and self.variant == "packed":
            pooled = PooledAsk(state, groups, program)
            ask = pooled if pooled.pays else ask
        use = program.blocks.use
        at_once: Callable[[], _AtOnce] | None = None
        up_to = CROWDED
        if ask.has_pairs:
            up_to = _PAIRED if ask is grouped else _PAIRED_IN_POOLS
            if ask is grouped or first.size <= _UNPOOLED:
                at_once = partial(self._at_once, grouped, program, entities.lines(*whose), limit)
            if alike and ask is not grouped:
                up_to = _PAIRED_ALIKE if first.size <= _CENTRED else _PAIRED_MANY_ALIKE
                at_once = partial(_by_kinds, grouped, program, kinds_of(state, first), at_once)
        elif alike:
            at_once = partial(_in_stages, grouped, program)
        if at_once is not None and use.sum() <= up_to * state.workers.sum():
            found = yield from at_once()
            if found is not None:
                return found.spread()
            at_once = None
        slope: Floats | None = None
        if use.sum() > state.workers.sum():
            some = limit > 0.0
            # in the one entity that shares fairly all rise alike
            slope = (
                some.astype(np.float64)
                if alike
                else rising(np.zeros(limit.size), limit, ~some).slopes()
            )
        allowed = yield from _fill(ask, rising, limit, program.blocks, slope, at_once)
        return allowed.spread()

    def _at_once(
        self,
        ask: GroupedAsk,
        program: AllocationProgram,
        lines: tuple[Ints, Ints, Floats, Floats],
        limit: Floats,
    ) -> _AtOnce:
        """Find all levels along one path of the simplex method, and ask whether they can be had; None where that is not the way.

        What stops a group there is proven on the way, that its level is reached is by the program.
        """
        # with all of its solver
        from gavel_opt.solver.levels_by_parts.own_limits_first import LevelsMemory
        from gavel_opt.solver.water_filling_pairs import ordered_levels

        if self._memory is None:
            self._memory = LevelsMemory()
        found = ordered_levels(program, lines, self._memory)
        if found is None:
            return None
        level, basis = np.where(found[0] > BEGUN * limit, found[0], 0.0), found[1]
        return _if_had((yield from (ask(level) if basis is None else ask.at(level, basis))))


_is_as_here = AsWritten(WaterFilling)


def known_filling(policy: Policy) -> bool | None:
    """Whether a policy is the plain variant of this module's, exactly, for jobs that share as one; None where it is not the perf one either.

    As for :func:`gavel_opt.policies.max_min.known_variant`.
    """
    if not _is_as_here(policy) or policy.entities is not None or policy.variant == "packed":
        return None
    return policy.variant == "plain"


def _in_stages(ask: GroupedAsk, program: AllocationProgram) -> _AtOnce:
    """Find all levels without pairs by prices of worker types, and have their shares proven; None where that leaves doubt."""
    from gavel_opt.solver.water_filling_alone import levels_by_prices  # with all of its solver

    found = levels_by_prices(program)
    if found is None:
        return None
    level, shares = found
    return _if_had((yield from (ask(level) if shares is None else ask.at(level, shares))))


def _by_kinds(
    ask: GroupedAsk, program: AllocationProgram, kind: Ints, otherwise: Callable[[], _AtOnce] | None
) -> _AtOnce:
    """Find all levels of jobs of few kinds by programs over kinds, and have their shares proven; ``otherwise`` where that is not the way."""
    from gavel_opt.solver.levels_of_kinds import levels_of_kinds  # with all of its solver

    found = levels_of_kinds(replace(program, blocks=replace(program.blocks, kind=kind)))
    allowed = None if found is None else _if_had((yield from ask.at(*found)))
    if allowed is None and otherwise is not None:
        allowed = yield from otherwise()
    return allowed


def _if_had(allowed: Allowed) -> Allowed | None:
    """What can be had if that is all that was asked for, to what answers are proven to; else None."""
    return allowed if allowed.part >= 1.0 - _LEFT_OPEN - UNSURE * allowed.error else None


def _fill(
    ask: Ask,
    rising: Callable[[Floats, Floats, Bools], Rising],
    limit: Floats,
    blocks: Blocks,
    slope: Floats | None,
    at_once: Callable[[], _AtOnce] | None,
) -> Generator[AllocationProgram, Answer, Allowed]:
    """Find the levels of all groups, and an allocation that reaches them.

    Where workers are scarce, what rises first, with ``slope``, is asked for as if there were no limits, and often
    that is all; else everybody's limit is. What is left may be found ``at_once``.
    """
    level, done, use = np.zeros(limit.size), limit <= 0.0, blocks.use
    allowed: Allowed | None = None
    bounds, closely, series = Bounds(limit / use), _Closely(ask), 0
    if slope is not None:
        slope /= max(float(slope.max()), _TINY)
        allowed = yield from ask(slope, closing=True)
        bounds.keep(allowed, slope)
        level = np.minimum(slope * allowed.part, limit)
        cost = allowed.price * limit / use
        dearest = _dearest(cost, slope > 0.0)
        done |= _stopped(cost, slope > 0.0, dearest)
        if not done.all():
            limit = _without_priced(allowed, dearest, limit, level, blocks)
            done |= level >= limit * (1.0 - SAME)
    if at_once is not None and not done.all():
        found = yield from at_once()
        if found is not None:
            return found
    for _ in range(limit.size + PATIENCE):
        if allowed is not None and done.all():
            break
        path = rising(level, limit, done)
        time, scarce = bounds.end_of(path, level) if ask.has_pairs else (path.end, None)
        fell, short, had, closely.firm = math.inf, 1.0, 1.0, 1.0
        for turn in range(MOST):
            asked = path.levels(time)
            allowed = yield from closely(asked, path, time, series)
            series += 1
            had = allowed.part
            still = turn >= PATIENCE and fell <= STILL * time
            if allowed.part >= 1.0 - (NEARLY if still else closely.overlooks(allowed.error)):
                break
            if closely.has_to(allowed.price * asked, path, time):
                continue
            scarce, short = allowed, allowed.part
            earlier = path.when(scarce.price, bounds.keep(scarce, asked, closely.held), time)
            if not earlier < time:
                break
            time, fell = earlier, time - earlier
            bend = path.bend_before(time)
            straight = (
                _straight(ask, path, bend, time, limit, series) if scarce.part >= _NEAR else None
            )
            if straight is not None:
                allowed = yield from straight
                series += 1
                if bend + allowed.part >= bend:
                    time = min(bend + allowed.part, time)
                    asked, scarce = path.levels(time), replace(allowed, part=1.0)
                    bounds.keep(scarce, asked)
                    short = had = 1.0
                    break
                # these prices are of the bend; nobody has come to the bound of later there
                time, fell = bend, time - bend
                scarce, short = replace(allowed, part=1.0), 1.0
        level = asked
        if scarce is None:
            break
        cost, rises = scarce.price * limit / use, path.rises(time)
        dearest = _dearest(cost, rises, short if closely.firm == 1.0 else 0.0)
        stopped = _stopped(cost, rises, dearest)
        limit = _without_priced(scarce, dearest, limit, level, blocks)
        done |= stopped | (level >= limit * (1.0 - SAME))
        if not stopped.any():
            # levels of before are out of reach by rounding, or nobody who rises pays
            level = closely.lowered(asked, min(short if short >= 1.0 - NEARLY else had, 1.0))
    assert allowed is not None
    if allowed.of_series:
        allowed = yield from ask(level)
    return allowed


class _Closely:
    """Asks for levels, and for those of who rises closely where they are worth next to nothing beside those of all others.

    Attributes
    ----------
    firm
        How much of the levels of who does not rise is in question: 1 in the beginning of each path.
    held
        What was in question of the levels last asked for, shape ``(G,)``.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._firmest = 1.0 if ask.has_pairs else FIRM
        self.firm = 1.0
        self.held: Floats = np.empty(0)

    def __call__(
        self, asked: Floats, path: Rising, time: float, series: int
    ) -> Generator[AllocationProgram, Answer, Allowed]:
        """Ask, less closely where no engine proves an answer."""
        while self.firm < 1.0:
            self.held = np.where(path.rises(time), asked, self.firm * asked)
            try:
                return (yield from self._ask.held(asked, self.held))
            except SolveFailed:
                self.firm = self._firmest = min(self.firm * SOFTER, 1.0)
        self.held = asked
        return (yield from self._ask(asked, series))

    def overlooks(self, error: float) -> float:
        """The part that may be missing of what is in question, where an answer is off by so much."""
        return MET + (1.0 / self.firm - 1.0) * EXACT + UNSURE * error

    def has_to(self, worth: Floats, path: Rising, time: float) -> bool:
        """Whether to ask for the same once more, closely, as that is what levels at a time are worth."""
        if self.firm <= self._firmest:
            return False
        of_rising = float(np.cumsum(np.where(path.rises(time), worth, 0.0))[-1])
        of_all = float(np.cumsum(worth)[-1])
        if not NOISE * of_all < of_rising < FAR * of_all:
            return False
        self.firm = self._firmest
        return True

    def lowered(self, asked: Floats, part: float) -> Floats:
        """Levels if a part can be had of what was in question."""
        if self.firm == 1.0:
            return asked * part
        less: Floats = asked - (1.0 - part) * self.held
        return less


def _straight(
    ask: Ask, path: Rising, bend: float, time: float, limit: Floats, series: int
) -> Generator[AllocationProgram, Answer, Allowed] | None:
    """Ask how long after a bend workers stop somebody, if levels rise until then as they do from there to a time.

    None where somebody is neither at the limit nor rising: then prices are never the only ones.
    """
    if not (ask.has_pairs and time > bend):
        return None
    begin, end = path.levels(bend), path.levels(time)
    full = begin >= limit * (1.0 - SAME)
    slope = np.where(full, 0.0, (end - begin) / (time - bend))
    if not (full | (slope > 0.0)).all():
        return None
    return ask.until(np.where(full, limit, begin), slope, series)


def _without_priced(
    scarce: Allowed, dearest: float, limit: Floats, level: Floats, blocks: Blocks
) -> Floats:
    """What groups can reach by what those that are stopped leave them: time that has no price.

    With a partner, what a worker costs is at most what the partner's level is worth beyond its time.
    """
    if not dearest > 0.0:
        return limit
    little = MARKED * dearest
    cost = np.where(scarce.workers >= little, scarce.workers, 0.0)
    free = np.where(cost > 0.0, 0.0, blocks.rate).max(axis=1)
    pairs = blocks.pairs
    if pairs is not None:
        worth = scarce.price[:, None] * blocks.rate - blocks.use[:, None] * cost
        time = np.maximum(worth.max(axis=1), 0.0)
        for side in (0, 1):
            partner = pairs.member[:, 1 - side]
            earns = scarce.price[partner, None] * pairs.rate[:, 1 - side] - time[partner, None]
            paid = pairs.use[:, None] * cost - pairs.share[:, 1 - side, None] * earns
            reach = np.where(paid >= pairs.use[:, None] * little, 0.0, pairs.rate[:, side])
            np.maximum.at(free, pairs.member[:, side], reach.max(axis=1))
    left: Floats = np.maximum(np.minimum(limit, free), level)
    return left


def _dearest(cost: Floats, rises: Bools, short: float = 0.0) -> float:
    """What the dearest of those who rise pays for a worker; 0 if that is rounding."""
    dearest = float(np.max(cost, where=rises, initial=0.0))
    nearly = 1.0 - NEARLY <= short < 1.0
    return 0.0 if nearly and dearest <= ROUNDING * cost.max() else dearest


def _stopped(cost: Floats, rises: Bools, dearest: float) -> Bools:
    """Groups that workers keep from rising; ``cost`` is what a group's limit costs, by worker it takes."""
    if not cost.any():
        raise SolveFailed(
            "water filling reads duals, which this engine does not give; choose another"
        )
    stopped: Bools = rises & (cost >= MARKED * dearest) & (dearest > 0.0)
    return stopped
