r"""What part of given levels can be had at once: the one question that water filling asks.

.. math::

    \max\ \theta \quad\text{s.t.}\quad \text{level}_g(x) \ge \theta\, \text{asked}_g

has an interior whatever is asked for, so no answer rests on floors that rounding may put out of reach. Its
multipliers :math:`\lambda` bound all levels that can be had: :math:`\sum_g \lambda_g\, \text{level}_g \le
\theta \sum_g \lambda_g\, \text{asked}_g`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from gavel_opt.arrays import Bools, Floats
from gavel_opt.kernels.max_min_rows import MARKED, SAME
from gavel_opt.model.allocation_program import (
    Allocation,
    AllocationProgram,
    Answer,
    KnownBasis,
    KnownShares,
)
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.groups import Groups
from gavel_opt.model.odd_states import widened
from gavel_opt.model.pools import Pools
from gavel_opt.policies.packing import co_located, kinds_of, pooled_blocks
from gavel_opt.policies.rising_levels import Rising, worth_of
from gavel_opt.policies.variants import measured

_MORE = 1.1
"""As many groups as this for each pool are about as few."""
_FEWER = 2
"""Groups for each pool from which on pools are asked for in their place."""
_DIGITS = 11
"""Of the logarithm of what jobs need: the same if they differ no sooner."""


@dataclass(frozen=True, slots=True, eq=False)
class Allowed:
    """What can be had of the levels asked for.

    Attributes
    ----------
    part
        The largest multiple of all of them.
    price
        Multipliers of the groups' levels, shape ``(G,)``.
    workers
        Multipliers of the worker types, shape ``(J,)``.
    spread
        Makes the allocation that reaches that part.
    of_series
        Whether that allocation is one of several, and which hangs on what was asked before.
    error
        What the part may be off by: an engine's tolerance.
    """

    part: float
    price: Floats
    workers: Floats
    spread: Callable[[], Allocation]
    of_series: bool = False
    error: float = 0.0


class Bounds:
    """What was found to bound all levels that can be had, whichever were asked for: what they are worth at the prices of then.

    Parameters
    ----------
    unit
        What makes prices of groups comparable: limit by worker taken, shape ``(G,)``.
    """

    def __init__(self, unit: Floats) -> None:
        self._unit = unit
        self._found: list[Allowed] = []
        self._worth: list[float] = []
        self._marked: list[Bools] = []

    def keep(self, allowed: Allowed, asked: Floats, held: Floats | None = None) -> float:
        """Keep a bound; the most that levels can be worth at its prices. ``held`` is what was in question of those asked for, if not all."""
        if held is None or held is asked:
            worth = allowed.part * worth_of(allowed.price, asked)
        else:
            worth = worth_of(allowed.price, asked) - (1.0 - allowed.part) * worth_of(
                allowed.price, held
            )
        self._found.append(allowed)
        self._worth.append(worth)
        cost = allowed.price * self._unit
        self._marked.append(cost >= MARKED * cost.max())
        return worth

    def end_of(self, path: Rising, level: Floats) -> tuple[float, Allowed | None]:
        """The time at which the first bound is met, on a path that starts from ``level``; the path's end without one.

        A bound in which next to nothing is what still rises says nothing of that: it is met at once, and prices that are
        rounding would stop all that have one.
        """
        time, scarce = path.end, None
        worth = np.array(self._worth)
        price = np.stack([found.price for found in self._found]) if self._found else worth[:, None]
        marked = np.stack(self._marked) if self._marked else price > 0.0
        for _ in range(worth.size):
            there = path.levels(time)
            counts = (marked & (there > level)).any(axis=1)
            counts &= price @ (there - level) > SAME * worth
            beyond = np.where(counts, price @ there / worth, 0.0)
            first = int(beyond.argmax())
            earlier = path.when(price[first], self._worth[first], time)
            if not (beyond[first] > 1.0 and earlier < time):
                break
            time, scarce = earlier, self._found[first]
        return time, scarce


class Ask(Protocol):
    """Yields programs for the levels asked for, shape ``(G,)``, and returns what can be had.

    Attributes
    ----------
    has_pairs
        Whether jobs may share workers: then workers stop few at a time, and it can ask how long levels can rise.
    """

    has_pairs: bool

    def __call__(
        self, asked: Floats, series: int | None = None, closing: bool = False
    ) -> Generator[AllocationProgram, Answer, Allowed]:
        """Ask; any allocation will do in a series, of which so many programs came before, and but where it may be ``closing``."""
        ...

    def held(self, asked: Floats, slope: Floats) -> Generator[AllocationProgram, Answer, Allowed]:
        """Ask for levels of which no more than a ``slope`` is in question: ``part`` is that of the slope, and the rest is to be kept."""
        ...

    def until(
        self, level: Floats, slope: Floats, series: int | None = None
    ) -> Generator[AllocationProgram, Answer, Allowed] | None:
        """Ask how long levels can rise with a slope, which is ``part`` then; None where that is not the better question."""
        ...


class GroupedAsk:
    """One program over the groups."""

    def __init__(self, state: ClusterState, groups: Groups, program: AllocationProgram) -> None:
        self._state = state
        self._groups = groups
        self._program = replace(program, probe=True)
        # programs without pairs have a short way to levels
        self.has_pairs = program.blocks.pairs is not None

    def __call__(
        self, asked: Floats, series: int | None = None, closing: bool = False
    ) -> Generator[AllocationProgram, Answer, Allowed]:
        """Ask."""
        return self._of(asked, np.where(asked > 0.0, 0.0, -np.inf), series, closing=closing)

    def held(self, asked: Floats, slope: Floats) -> Generator[AllocationProgram, Answer, Allowed]:
        """Ask, where whoever is asked for has a row that the rest of it keeps."""
        return self._of(slope, np.where(asked > 0.0, asked - slope, -np.inf), None)

    def at(
        self, level: Floats, near: KnownBasis | KnownShares
    ) -> Generator[AllocationProgram, Answer, Allowed]:
        """Ask for levels that are all of what can be had, with a basis or shares that say so."""
        return self._of(level, np.zeros(level.size), None, near)

    def until(
        self, level: Floats, slope: Floats, series: int | None = None
    ) -> Generator[AllocationProgram, Answer, Allowed] | None:
        """Ask for a time, if those that do not rise can have their limits at once: else there may be none, not even one of before."""
        blocks = self._program.blocks
        full = slope <= 0.0
        rate = blocks.rate[full]
        if (rate.max(axis=1) < level[full]).any():
            return None  # a limit that takes a partner, whom others need too
        needed = np.bincount(rate.argmax(axis=1), blocks.use[full], blocks.workers.size)
        fits = bool((needed <= blocks.workers).all())
        return self._of(slope, level, series) if fits else None

    def _of(
        self,
        slope: Floats,
        floor: Floats,
        series: int | None,
        near: KnownBasis | KnownShares | None = None,
        closing: bool = False,
    ) -> Generator[AllocationProgram, Answer, Allowed]:
        series = series if self.has_pairs else None
        program = replace(
            self._program,
            slope=slope,
            floor=floor,
            series=series,
            near=near,
            probe=not (closing and self.has_pairs),
        )
        answer = yield program

        def spread() -> Allocation:
            return self._groups.spread(self._state.job, answer, program.blocks.pairs)

        return _allowed(answer, _without_rounding(program, answer), spread)


class PooledAsk:
    """Programs over pools of groups whose jobs run equally fast, whatever their weights and entities.

    Pairs of types in place of pairs of groups, exactly (:mod:`gavel_opt.model.pools`).

    Parameters
    ----------
    state, groups, program
        The jobs, their groups, and a program of these.
    served_only
        Whether groups of which nothing is asked for get nothing.
    """

    has_pairs = True

    def __init__(
        self,
        state: ClusterState,
        groups: Groups,
        program: AllocationProgram,
        served_only: bool = False,
    ) -> None:
        of_job = np.arange(state.job.size) if groups.of_job is None else groups.of_job
        self._state = state
        self._of_job = of_job
        self._count = groups.count
        first = groups.first
        self._speed = measured(state, first)
        best = self._speed.max(axis=1)
        # throughput that a unit of a group's level stands for
        self._unit = best / program.blocks.rate.max(axis=1)
        self._apart = np.zeros(first.size, dtype=bool)
        self._key = kinds_of(state, first)
        # groups are called what pools of them are: by a job
        blocks = replace(program.blocks, key=state.job[first])
        self._grouped = GroupedAsk(state, groups, replace(program, blocks=blocks))
        self._enough, self._too_little = program.enough, program.too_little
        self._served_only = served_only and _best_alone(state)
        self._pools = 0

    @property
    def pays(self) -> bool:
        """Whether there are far fewer pools than groups: else groups alike are few, and programs of pools as large as others."""
        return bool(_FEWER * np.unique(self._key).size <= self._key.size)

    def __call__(
        self, asked: Floats, series: int | None = None, closing: bool = False
    ) -> Generator[AllocationProgram, Answer, Allowed]:
        """Ask; pools whose largest jobs would need more than all of the time are taken apart."""
        state, of_job = self._state, self._of_job
        some = asked > 0.0
        need = np.where(some, asked * self._unit, 1.0)
        # where nobody is faster beside another, those of whom nothing is asked for are in nobody's way, and of no use
        job = np.flatnonzero(some[of_job]) if self._served_only else np.arange(of_job.size)
        of_job = of_job[job]
        nobody = np.zeros(job.size, dtype=bool)
        while True:
            alike = np.round(np.log(need), _DIGITS)
            telling = np.where(some, np.where(self._apart, alike, np.inf), -np.inf)
            kind = np.unique(np.stack([self._key, telling]), axis=1, return_inverse=True)[1]
            pools = Pools.of(kind.ravel()[of_job], need[of_job], nobody)
            first = pools.first
            wants = some[of_job[first]]
            factor = np.where(wants, 1.0 / need[of_job[first]], 1.0)
            blocks, pairs = pooled_blocks(state, replace(pools, first=job[first]), factor)
            self._pools = first.size
            program = AllocationProgram(
                blocks,
                slope=wants.astype(np.float64),
                floor=np.where(wants, 0.0, -np.inf),
                gain=pools.size,
                probe=not closing,
                enough=self._enough,
                too_little=self._too_little,
                series=series,
                splits=pools.mixed,
            )
            answer = yield program
            series = None if series is None else series + 1
            leave = pools.limited(answer.x, pairs)
            if not leave.any():
                break
            self._apart[of_job[leave]] = True
        per_job = _without_rounding(program, answer) / pools.size * factor
        price = np.zeros(need.size)
        np.add.at(price, of_job, per_job[pools.of_job])

        def spread() -> Allocation:
            found = pools.spread(state.job[job], answer.x, pairs)
            return found if job.size == state.job.size else widened(found, state)

        return _allowed(answer, price * self._unit, spread)

    def held(self, asked: Floats, slope: Floats) -> Generator[AllocationProgram, Answer, Allowed]:
        """Ask in groups."""
        return self._grouped.held(asked, slope)

    def until(
        self, level: Floats, slope: Floats, series: int | None = None
    ) -> Generator[AllocationProgram, Answer, Allowed] | None:
        """Ask in groups, if these are about as few as the last pools."""
        few = level.size <= _MORE * self._pools
        return self._grouped.until(level, slope, series) if few else None


def _allowed(answer: Answer, price: Floats, spread: Callable[[], Allocation]) -> Allowed:
    return Allowed(
        answer.level, price, answer.capacity_dual, spread, answer.of_series, answer.error
    )


def _without_rounding(program: AllocationProgram, answer: Answer) -> Floats:
    """Multipliers of the groups' levels, shape ``(G,)``: none of who has more beyond its due, in part, than the multiplier says.

    One of the two is rounding (complementary slackness), and engines that stop inside of the optimal face give both.
    """
    due = np.maximum(program.floor + program.slope * answer.level, 0.0)
    above = program.blocks.levels(answer.x) - due
    price: Floats = np.where(answer.level_dual * due * due > above, answer.level_dual, 0.0)
    return price


def _best_alone(state: ClusterState) -> bool:
    """Whether no job of these is faster beside another than alone."""
    kinds = np.unique(state.key)
    paired = co_located(state.throughputs)[np.ix_(kinds, kinds)][:, :, 0]
    return bool((paired <= state.throughputs.alone[kinds][:, None]).all())
