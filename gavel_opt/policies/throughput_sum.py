r"""Maximum sum of throughputs, per dollar, with deadlines (paper, section 4.2 and appendix).

.. math::

    \max_x \sum_m \sum_j \frac{\text{throughput}_{mj}\, x_{mj}}{\text{price}_j}
    \quad\text{s.t.}\quad
    \text{throughput}(m, x) \ge \frac{\text{steps}_m}{\text{deadline}_m}
    \quad\text{for jobs with a deadline.}

Without deadlines, one program a recomputation. With them, a program before it asks what multiple
:math:`t` of every needed rate can be had at once. Where it is below 1, the deadlines cannot all be met:
the multipliers :math:`\mu_m` of the rates (their sum is 1) say what part of the scarce workers each
deadline takes, and a set of deadlines can only be met if the others' parts add up to :math:`1 - t`. So
the deadlines with the largest parts are given up, as few as that bound allows, until the rest can be
met. A job without its deadline goes on like any other. The reference drops *all* deadlines as soon as
they cannot all be met.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gavel_opt.arrays import Bools, Floats
from gavel_opt.errors import InputError
from gavel_opt.model.allocation_program import AllocationProgram, Answer, Blocks, best_rates
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.groups import Groups
from gavel_opt.policies.packing import kinds_of, pair_blocks
from gavel_opt.policies.policy import Policy, Programs, Traits
from gavel_opt.policies.reachable_levels import PooledAsk
from gavel_opt.policies.variants import (
    blocks_of,
    group_by_type,
    group_equal,
    measured,
    reached,
)

DEFAULT_PRICES = {"v100": 0.74, "p100": 0.43, "k80": 0.135}
"""Dollars per worker and hour where the state brings none: spot prices as in the reference."""

_SLACK = 1e-9
"""Part of a needed rate that may be missing: leaves solvers an interior."""

_MISSING = 1e-6
"""Part of a needed rate that an engine may miss and the deadline still counts as met."""

_ENOUGH, _TOO_LITTLE = 1.0 + _MISSING, 1.0 - 2.0 * _MISSING
"""Parts of all needed rates from which on, and below which, the part alone says whether they can be met."""

_TIMES_AS_FEW = 2
"""Groups for each kind of jobs from which on pools are asked for."""


class ThroughputSum(Policy):
    """Maximise the sum of throughputs.

    Parameters
    ----------
    name
        The policy's name.
    prices
        Whether throughputs are divided by the price of the worker type.
    deadlines
        Whether deadlines are kept.
    packed
        Whether jobs may share workers.
    """

    def __init__(
        self,
        name: str,
        prices: bool = False,
        deadlines: bool = False,
        packed: bool = False,
        seed: int = 0,
    ) -> None:
        self.name = name
        self.traits = Traits(packing=packed, needs_prices=prices, needs_deadlines=deadlines)
        self._reported: set[int] = set()

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Yield the programs that find the deadlines to keep, if any, and then the sum's."""
        due = state.deadline if self.traits.needs_deadlines else None
        if due is not None:
            return (yield from self._with_deadlines(state, due, merge))
        groups = group_by_type(state, merge)
        blocks, reward = self._sum(state, groups, np.ones(groups.first.size), merge)
        floor = np.full(blocks.groups, -np.inf)
        answer = yield AllocationProgram(blocks, np.zeros(blocks.groups), floor, reward)
        return groups.spread(state.job, answer, blocks.pairs)

    def _with_deadlines(self, state: ClusterState, due: Floats, merge: bool) -> Programs:
        """The same where some jobs are due."""
        needed = np.zeros(state.job.size)
        late = due <= 0.0
        ahead = np.isfinite(due) & ~late
        needed[ahead] = np.maximum(state.steps_left[ahead], 0.0) / due[ahead]
        if late.any() or ahead.any():
            kinds = state.key, state.scale_factor, late.astype(np.float64)
            groups = group_equal(merge, needed, *kinds)
        else:
            groups = group_by_type(state, merge)
        first = groups.first
        needs = needed[first] > 0.0
        factor = np.ones(first.size)
        factor[needs] = 1.0 / needed[first[needs]]
        blocks, reward = self._sum(state, groups, factor, merge)
        floor = np.full(blocks.groups, -np.inf)
        if needs.any():
            pooled = _pools(state, groups, blocks) if merge else None
            floor = yield from _deadlines_to_keep(blocks, needs, pooled)
            if pooled is not None:
                blocks = replace(blocks, kind=kinds_of(state, first))
        answer = yield AllocationProgram(blocks, np.zeros(blocks.groups), floor, reward)
        allocation = groups.spread(state.job, answer, blocks.pairs)
        dropped = needs & ~np.isfinite(floor)
        if not (self._reported or late.any() or dropped.any()):
            return allocation
        return replace(allocation, notes=self._report(state, groups, late, dropped))

    def _sum(
        self, state: ClusterState, groups: Groups, factor: Floats, merge: bool
    ) -> tuple[Blocks, Floats]:
        """Blocks whose levels are in units of 1 / ``factor``, and what each group or pair is worth."""
        rate = measured(state, groups.first)
        price = prices_of(state) if self.traits.needs_prices else np.ones(state.workers.size)
        reward = rate / price
        pairs = pair_blocks(state, groups, factor, merge) if self.traits.packing else None
        if pairs is not None:
            per_second = pairs.rate / factor[pairs.member][:, :, None]
            both = per_second[:, 0] + per_second[:, 1]
            reward = np.concatenate([reward, both / price])
        return blocks_of(state, groups, rate * factor[:, None], pairs), reward

    def _report(
        self, state: ClusterState, groups: Groups, late: Bools, dropped: Bools
    ) -> tuple[str, ...]:
        """Name the jobs whose deadlines were given up, each once in its life."""
        given_up = dropped if groups.of_job is None else dropped[groups.of_job]
        notes = []
        for lost, text in (
            (late, "passed its deadline"),
            (given_up, "cannot meet its deadline beside the others'"),
        ):
            jobs = [job for job in state.job[lost].tolist() if job not in self._reported]
            self._reported.update(jobs)
            if jobs:
                names = ", ".join(map(str, jobs))
                each = f"job {names} {text}" if len(jobs) == 1 else f"jobs {names}: each {text}"
                notes.append(f"{each}; scheduled on without it")
        self._reported.intersection_update(state.job.tolist())
        return tuple(notes)

    def snapshot(self) -> dict[str, Any]:
        """Return the jobs whose deadlines were reported as given up."""
        return {"reported": sorted(self._reported)}

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        self._reported = {int(job) for job in memory["reported"]}


def prices_of(state: ClusterState) -> Floats:
    """Dollars per hour of each worker type, shape ``(J,)``.

    Raises
    ------
    InputError
        If a worker type has no price, or one that is not positive.
    """
    if state.prices is not None:
        price = state.prices
    else:
        missing = [kind for kind in state.worker_types if kind not in DEFAULT_PRICES]
        if missing:
            raise InputError(
                f"worker type {missing[0]!r} has no price; give prices for all types (--prices)"
            )
        price = np.array([DEFAULT_PRICES[kind] for kind in state.worker_types])
    for kind, value in zip(state.worker_types, price, strict=True):
        if not 0.0 < value < np.inf:
            raise InputError(f"price of worker type {kind!r} is {value}, expected above 0")
    return price


@dataclass(frozen=True, slots=True, eq=False)
class _Reached:
    """What part of all needed rates can be had at once, the multipliers of the rates, and floors if that is all of them."""

    part: float
    price: Floats
    floor: Floats | None


def _pools(state: ClusterState, groups: Groups, blocks: Blocks) -> PooledAsk | None:
    """Pools of jobs that run equally fast, where that makes a much smaller program."""
    kinds = np.unique(state.key[groups.first]).size
    if blocks.pairs is None or _TIMES_AS_FEW * kinds > blocks.groups:
        return None
    every = _needed_rates(blocks, np.ones(blocks.groups, dtype=bool))
    return PooledAsk(state, groups, every, served_only=True)


def _asked(
    blocks: Blocks, kept: Bools, pooled: PooledAsk | None
) -> Generator[AllocationProgram, Answer, _Reached]:
    """Ask whether deadlines can be met together: of pools first, whose shares are asked for only where rounding decides."""
    if pooled is not None:
        allowed = yield from pooled(kept.astype(np.float64))
        if allowed.part < _TOO_LITTLE:
            return _Reached(allowed.part, allowed.price, None)
        if allowed.part >= _ENOUGH:
            floor = np.where(kept, 1.0 - _SLACK, -np.inf)
            return _Reached(allowed.part, allowed.price, floor)
    answer = yield _needed_rates(blocks, kept)
    return _Reached(answer.level, answer.level_dual, _met(blocks, kept, answer))


def _deadlines_to_keep(
    blocks: Blocks, needs: Bools, pooled: PooledAsk | None = None
) -> Generator[AllocationProgram, Answer, Floats]:
    """Find a set of deadlines that can be met together; levels are in units of the needed rate.

    Prices at which some rates cannot be had bound what part of any others can: such are not asked for.

    Returns the floor of each group, -inf without a deadline or where it was given up.
    """
    most = best_rates(blocks)
    kept: Bools = np.logical_and(needs, most >= 1.0)
    floor = np.full(blocks.groups, -np.inf)
    dropped: list[int] = []
    refused, bounds = kept, list[_Reached]()
    while kept.any():
        found = yield from _asked(blocks, kept, pooled)
        if found.floor is not None:
            floor = found.floor
            break
        part = np.where(kept, found.price, 0.0)
        if part.any():
            bounds.append(replace(found, price=part / part.sum()))
        else:  # an engine without duals
            part = np.where(kept, blocks.use / most, 0.0)
            part /= part.sum()
        # prices are the same from every basis but for their last bits
        order = np.argsort(-np.round(part / blocks.count, 12), kind="stable")
        relief = np.cumsum(part[order])
        enough = int(np.searchsorted(relief, 1.0 - found.part, side="left")) + 1
        drop = order[:enough]
        drop = drop[kept[drop]]
        refused = kept
        kept = kept.copy()
        kept[drop] = False
        dropped.extend(drop.tolist())
    for group in reversed(dropped):  # the bound may have asked for too many
        more = kept.copy()
        more[group] = True
        too_many = any(one.part < _TOO_LITTLE * one.price[more].sum() for one in bounds)
        if too_many or np.array_equal(more, refused):  # known already
            break
        found = yield from _asked(blocks, more, pooled)
        if found.floor is None:
            break
        kept, floor = more, found.floor
    return floor


def _met(blocks: Blocks, kept: Bools, answer: Answer) -> Floats | None:
    """Floors that the answer shows can be kept, or None if some deadline cannot be met."""
    if answer.level < _TOO_LITTLE:  # which is proven, and there are very many pairs to add up
        return None
    level = reached(blocks, answer.x)
    if not (level[kept] >= 1.0 - _MISSING).all():
        return None
    floor: Floats = np.where(kept, np.minimum(level, 1.0) * (1.0 - _SLACK), -np.inf)
    return floor


def _needed_rates(blocks: Blocks, kept: Bools) -> AllocationProgram:
    return AllocationProgram(
        blocks,
        slope=kept.astype(np.float64),
        floor=np.where(kept, 0.0, -np.inf),
        probe=True,
        enough=_ENOUGH,
        too_little=_TOO_LITTLE,
    )
