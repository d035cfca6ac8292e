r"""Water filling of groups alike but for what they need: all levels, by programs over kinds, however many groups there are.

Groups of one kind run equally fast, alone and beside any other, and what a kind gets can be handed out to them if their needs are no
further spread out (:mod:`~gavel_opt.solver.column_generation.kinds_program`). All that have not stopped rise to one height :math:`h`,
or to their limit. At a height the program of kinds says how much further they could, in proportion to how they rise there, and its
prices :math:`\pi` say of any other

.. math:: \sum_{kx} \pi_{kx} \sum_g c_g (w_g(h) - x)^+ \le \text{worth} ,

so the last height at which this holds is the next one to ask for. Where all needs rise in proportion up to the height that is found,
nothing is left to ask: those stop who need more than a bend that has a price. The others go on, from the last basis.

Nothing rests on it: that the levels are reached is proven by shares that are handed out, over the whole program.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import make_ready
from gavel_opt.model.allocation_program import AllocationProgram, Blocks, KnownShares, best_rates
from gavel_opt.solver.column_generation.kinds_program import (
    KindsProgram,
    Reach,
    above,
    below,
    beyond,
)
from gavel_opt.solver.column_generation.pools_of_groups import blocks_of_pools
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram
from gavel_opt.solver.shares_of_pools import (
    Shares,
    given_to_pools,
    pools_of,
    shares_of_groups,
    sizes_of,
)

FROM, TIMES_AS_FEW = 256, 8
"""Groups, and groups for each kind, from which on kinds are asked: of fewer the path over groups is as fast."""
SPREAD, _LEFT = 32.0, 0.25
"""How many times as much as others most groups may need, and part of them that may go on after workers stopped some: beyond it they stop
few at a time, and the path over groups is faster."""
_TRIES = 8
"""How often what kinds get may be handed out otherwise."""
STAGED_FROM = 384
"""Groups from which on kinds are asked again once workers stopped some: of fewer the path is as fast then."""
_STAGED, _CROWDED = 1.25, 0.9
"""Jobs for each worker below which workers are likely to stop jobs in stages, and below which they do so one by one."""
_EACH = 0.4
"""Programs at most for each group."""
_FEW, _OF_FEW = 6, 1 / 6
"""Groups that are a few, and part of the kinds that may have no more: what these get often cannot be handed out."""
_SAME = 1e-12
"""Heights this near, relatively, are one."""
_ROUNDED = 2e-14
"""Part of what is needed, or of what it is worth, that is rounding."""
_AT = 1e-11
"""Needs that are this near to a bend, relatively, are at it."""
_NEAR, _TINY = 1e-10, 1e-300
"""Heights this near, relatively, have nothing between them that matters; and what is more than nothing at a height of nothing."""
_PRICED = 1e-9
"""Prices up to this part of the dearest are none."""
_TURNS = 30
"""Programs at most until workers stop somebody; three are usual."""


class _Needs:
    """What groups need, as they rise; in order of kinds."""

    def __init__(self, begin: Ints, size: Floats, rise: Floats, limit: Floats) -> None:
        self.begin, self.size, self._rise, self._limit = begin, size, rise, limit
        self._until = limit / rise
        self._stands, self.rising = np.zeros(size.size), np.ones(size.size, dtype=bool)

    @property
    def end(self) -> float:
        """The height at which all that rise are at their limit."""
        return float(self._until[self.rising].max())

    @property
    def spread(self) -> float:
        """How many times as high as others most groups are when they come to their limits."""
        until = np.sort(self._until)
        return float(until[until.size * 9 // 10] / until[until.size // 10])

    @property
    def unit(self) -> float:
        """How fast all that rise do, by job."""
        return float((self._rise * self.size)[self.rising].sum() / self.size.sum())

    def at(self, height: float) -> Floats:
        """What each needs at a height."""
        risen: Floats = np.where(
            self.rising, np.minimum(self._rise * height, self._limit), self._stands
        )
        return risen

    def beyond(self, program: KindsProgram, height: float) -> Floats:
        """What is needed beyond each bend."""
        return beyond(self.begin, self.at(height), self.size, program.kind, program.bend)

    def slopes(self, program: KindsProgram, height: float, ahead: bool) -> Floats:
        """How fast that rises there, ahead or behind."""
        rises = self.rising & (
            self._until > height if ahead else self._until >= height * (1.0 - _SAME)
        )
        return self._sums(program, height, np.where(rises, self._rise, 0.0), ahead)

    def parts(self, program: KindsProgram, height: float) -> Floats:
        """How fast it would if what all have that rise were in proportion, those at their limit too."""
        return self._sums(
            program, height, np.where(self.rising, self.at(height) / height, 0.0), False
        )

    def _sums(self, program: KindsProgram, height: float, rise: Floats, ahead: bool) -> Floats:
        want = self.at(height) * (1.0 + _AT if ahead else 1.0 - _SAME) + ahead * _TINY
        return above(self.begin, want, rise * self.size, program.kind, program.bend)

    def last(self, program: KindsProgram, reach: Reach, low: float, high: float) -> float:
        """The last height, not above ``high``, at which needs are worth no more than there is."""
        priced = np.flatnonzero(reach.price)
        kind, bend, price = program.kind[priced], program.bend[priced], reach.price[priced]

        def worth(height: float) -> float:
            return float((price * beyond(self.begin, self.at(height), self.size, kind, bend)).sum())

        most = reach.worth + _SAME * abs(reach.worth)
        bottom, top = worth(low), worth(high)
        if top <= most or bottom > most:
            return high if top <= most else low
        marks = [self._until[self.rising], np.array([low, high])]
        for k, x in zip(kind[bend > 0.0], bend[bend > 0.0], strict=True):
            groups = slice(self.begin[k], self.begin[k + 1])
            marks.append(x / self._rise[groups][self.rising[groups]])
        every = np.unique(np.concatenate(marks))
        every = every[(every >= low) & (every <= high)]
        i, k = 0, every.size - 1
        while k - i > 1:
            middle = (i + k) // 2
            value = worth(float(every[middle]))
            if value > most:
                k, top = middle, value
            else:
                i, bottom = middle, value
        part = max(reach.worth - bottom, 0.0) / (top - bottom)
        return float(every[i] + (every[k] - every[i]) * part)

    def stop(self, program: KindsProgram, stop: _Stop) -> bool:
        """Stop who is at its limit there, or needs more than a bend that has a price; whether anybody does."""
        want, price = self.at(stop.height), stop.reach.price
        prices = below(self.begin, want * (1.0 + _AT), program.kind, program.bend, price)
        stopped = prices > _PRICED * np.abs(price).max(initial=0.0)
        stopped &= stop.by_workers
        stopped |= stop.height >= self._until * (1.0 - _SAME)
        stopped &= self.rising
        self._stands = want
        self.rising = self.rising & ~stopped
        return bool(stopped.any())


def levels_of_kinds(program: AllocationProgram) -> tuple[Floats, KnownShares] | None:
    """Find the levels of all groups, which rise alike, by a method that the program's engine has no part in.

    Parameters
    ----------
    program
        With pairs, groups in an order that is their own; its slopes and floors are not looked at.

    Returns
    -------
    level
        Shape ``(G,)``.
    shares
        Optimal for the program that asks for these levels with slopes as large. None in all where kinds do not tell.
    """
    blocks, best = program.blocks, program.blocks.rate.max(axis=1)
    kind = _numbered(blocks)
    if kind is None or not (best.min() > 0.0 and blocks.workers.min() > 0.0):
        return None
    scaled, size = ScaledProgram.of(program), sizes_of(blocks)
    order = np.lexsort((-best, kind))
    pools = pools_of(order, np.diff(kind[order], prepend=-1) != 0, size, blocks.use)
    one = np.ones(pools.jobs.size)
    pooled = ScaledProgram.of(
        AllocationProgram(blocks_of_pools(blocks, scaled, pools)[0], one, 0.0 * one)
    )
    kinds = KindsProgram(pooled, pools.jobs)
    begin = np.append(np.flatnonzero(np.diff(kind[order], prepend=-1)), order.size)
    needs = _Needs(
        begin, size[order], (best.max() / best)[order], (best_rates(blocks) / best)[order]
    )
    if needs.spread > SPREAD:
        return None
    wanted = begin, needs.size, needs.size, kinds.kind, kinds.bend
    for kernel in (beyond, above):
        make_ready(kernel, wanted)
    make_ready(below, (begin, needs.size, kinds.kind, kinds.bend, kinds.bend))
    height, last, proof = 0.0, None, None
    while needs.rising.any():
        stop = _next_stop(needs, kinds, height)
        if stop is None or not needs.stop(kinds, stop):
            return None
        height, last = stop.height, stop.reach
        proof = last if stop.by_workers else proof
        left = float(needs.rising.mean())
        if left > (_LEFT if order.size >= STAGED_FROM else 0.0) or kinds.asked > _EACH * order.size:
            return None
    assert last is not None
    want, row = needs.at(height), np.empty(order.size, dtype=np.int64)
    row[order] = np.arange(order.size)
    need = want[row]
    shares = Shares(*kinds.shares(last))
    given = given_to_pools((scaled, pooled), (pools, np.lexsort((need, kind)), size), need, shares)
    handed = shares_of_groups(given, np.zeros(size.size, dtype=bool), _TRIES)
    if handed is None:
        return None
    x = np.zeros((blocks.combinations, blocks.types))
    x[: blocks.groups] = handed.alone
    x[blocks.groups :].ravel()[handed.column] = handed.pair
    return need * best, KnownShares(x, *_prices(needs, kinds, proof, want, row, best))


def _numbered(blocks: Blocks) -> Ints | None:
    """Kinds by number, in the order in which they come; None where they are not few."""
    if blocks.kind is None or blocks.groups < FROM:
        return None
    _, first, kind = np.unique(blocks.kind, return_index=True, return_inverse=True)
    crowd = _STAGED if blocks.groups < STAGED_FROM else _CROWDED
    if blocks.use.sum() < crowd * blocks.workers.sum():
        return None
    few = np.bincount(kind.ravel()) < _FEW
    if TIMES_AS_FEW * first.size > blocks.groups or few.mean() > _OF_FEW:
        return None
    rank = np.empty_like(first)
    rank[np.argsort(first)] = np.arange(first.size)
    numbered: Ints = rank[kind.ravel()]
    return numbered


class _Stop(NamedTuple):
    """The height at which somebody stops, what the program says there, and whether that proves it: else all are at their limits."""

    height: float
    reach: Reach
    by_workers: bool


def _next_stop(needs: _Needs, program: KindsProgram, low: float) -> _Stop | None:
    """Where somebody stops next; None if that is not found."""
    end = high = needs.end
    unit, height, ahead = needs.unit, low, True
    for _ in range(_TURNS):
        need, straight = needs.beyond(program, height), True
        slope = needs.slopes(program, height, ahead)
        reach = program.reach(need, slope / unit)
        if reach is None and height > low:
            # what some have at their limits is out of reach already
            slope, straight = needs.parts(program, height), False
            reach = program.reach(need, slope / unit)
        if reach is None:
            return None
        further = reach.further / unit
        high = needs.last(program, reach, low, high)
        there = max(height + further, low)
        if straight:
            want = needs.beyond(program, there)
            off = np.abs(want - (need + (there - height) * slope))
            straight = bool((off <= _ROUNDED * (want + need)).all())
            straight |= abs(there - height) <= _NEAR * height
        at = there if straight else min(there, high)
        lacks = program.bend_where_needed(reach.mass, needs.begin, needs.at(at), needs.size)
        if straight and not lacks:
            return _Stop(there, reach, True)
        top = height >= high * (1.0 - _SAME)
        if top and further >= 0.0 and not lacks:
            if height >= end * (1.0 - _SAME):
                return _Stop(height, reach, False)
            if ahead and height > low:
                return None
            ahead = True  # the way bends here, and what holds those up who rise is a bend
            continue
        at = high if further < 0.0 else at
        ahead = ahead and at == height
        height = at
    return None


def _prices(
    needs: _Needs,
    program: KindsProgram,
    reach: Reach | None,
    want: Floats,
    row: Ints,
    best: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Prices of levels, workers and time at which no more can be had in proportion of all levels."""
    if reach is None:  # who is at its limit alone
        level, time = np.zeros(row.size), np.zeros(row.size)
        one = int(np.argmax(want[row] >= 1.0))
        level[one], time[one] = 1.0 / (want[row][one] * best[one]), 1.0
        return level, np.zeros(program.types), time
    price = below(needs.begin, want, program.kind, program.bend, reach.price)
    time = below(needs.begin, want, program.kind, program.bend, reach.price * program.bend)
    time += np.repeat(reach.of_time, np.diff(needs.begin))
    worth = float((price * needs.size * want).sum())
    level = (price * needs.size / worth)[row] / best
    return level, reach.of_workers / worth, (time * needs.size / worth)[row]
