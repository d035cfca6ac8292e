"""From the basis of the last program to one of a program in which some groups are others: only right-hand sides change.

Where groups leave, their basic columns leave with them, and what is left of the basis is feasible in no sense. So
they stay for one more program: with the columns that they had, no time, and level rows that the level may pass.
Groups that are new come with the slacks of their rows, which have no price; and at that no pair of theirs pays, for
its other group runs no faster than alone. Slopes only scale rows. So nothing pays at the prices of before, and the dual
simplex method goes from the one optimum to the other. Where it ends those that left have nothing, and the program
does without them.

Then pairs of the new groups pay, and thousands may. None of them did before, so the dual method starts once more
where it did, with them: from where it ended the primal one would take several times the pivots.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gavel_opt.arrays import Bools, Ints
from gavel_opt.solver.column_generation.pair_pricing import (
    EACH,
    PairColumns,
    Prices,
    paying_columns,
)
from gavel_opt.solver.column_generation.restricted_master import (
    Basis,
    Before,
    RestrictedMaster,
    Start,
)
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram

_PASS = 1.1
"""How far the level may go beyond that of before where groups left, as its multiple: far beyond, there is far to go."""
_PART = 0.025
"""Part of the groups that may be others: where more are, this is as long a way as any."""
_FEW = 30
"""Columns that the primal method takes on in fewer pivots than a start from the last optimum takes."""
_PATIENCE = 1.5
"""Pivots for each group from the last optimum, after which this is not the way."""
_STARTS = 4
"""Starts from the last optimum, at most: two are usual."""


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """A program of the groups that there are, and after them those that left; with few of the pairs.

    Attributes
    ----------
    program
        The program; pairs are those that the last one kept, then others.
    basis
        The last basis in it: no column pays at its prices.
    number
        What pairs are in the new program, -1 where a group left.
    groups
        Groups that there are.
    """

    program: ScaledProgram
    basis: Basis
    number: Ints
    groups: int

    def master(self) -> RestrictedMaster:
        """The program at its basis, for the dual simplex method."""
        master = RestrictedMaster(self.program, Start(self.basis, pays_nothing=True))
        if master.usable:
            master.leave_no_time(np.arange(self.groups, self.program.use.size))
        return master

    def prices(self, prices: Prices) -> Prices:
        """The prices without those of groups that left."""
        now = self.groups
        return Prices(prices.level[:now].copy(), prices.time[:now].copy(), prices.workers)

    def columns(self, column: Ints) -> Ints:
        """What columns of pairs are in the new program, -1 where a group left."""
        types = self.program.rate.shape[1]
        pair = self.number[column // types]
        return np.where(pair >= 0, pair * types + column % types, -1)

    def with_columns(self, program: ScaledProgram, more: Ints) -> Joint:
        """The same with further columns of the new program."""
        types = program.rate.shape[1]
        new = np.setdiff1d(more // types, self.number)
        number = np.concatenate([self.number, new])
        order = np.argsort(number, kind="stable")
        place = order[np.searchsorted(number, more // types, sorter=order)]
        own, all_pairs = self.program.pairs, program.pairs
        pairs = PairColumns(
            np.concatenate([own.member, all_pairs.member[new]]),
            np.concatenate([own.rate, all_pairs.rate[new]]),
            np.concatenate([own.share, all_pairs.share[new]]),
            np.concatenate([own.use, all_pairs.use[new]]),
            own.reward,
            own.scale,
        )
        basis = replace(
            self.basis,
            column=np.concatenate([self.basis.column, place * types + more % types]),
            pair=np.concatenate([self.basis.pair, np.zeros(more.size, dtype=bool)]),
        )
        return Joint(replace(self.program, pairs=pairs), basis, number, self.groups)

    def start(self, found: Basis, known: Ints) -> Start:
        """A basis of this program as a start of the new one, which has the columns ``known`` too."""
        now, own = self.groups, self.columns(found.column)
        column = np.union1d(own[own >= 0], known)
        pair = np.zeros(column.size, dtype=bool)
        pair[np.searchsorted(column, own[found.pair & (own >= 0)])] = True
        alone, surplus, time = found.alone[:now], found.surplus[:now], found.time[:now]
        return Start(Basis(found.level, alone, column, pair, surplus, time, found.workers))


def without_those_that_left(program: ScaledProgram, start: Start) -> tuple[Start, int]:
    """A better start, where there is one, and the pivots that it took."""
    both = None if start.before is None else joint(program, start.before)
    if both is None:
        return start, 0
    needed = np.setdiff1d(start.basis.column, both.columns(both.basis.column))
    both = both.with_columns(program, needed)
    pivots = 0
    for _ in range(_STARTS):
        master = both.master()
        solved = master.usable and master.is_solved_within(round(_PATIENCE * program.use.size))
        pivots += master.iterations
        if not solved:
            break
        start = both.start(master.basis(), start.basis.column)
        found, _ = paying_columns(program.pairs, both.prices(master.prices()), EACH, master.pays)
        new = np.setdiff1d(found[found >= 0], both.columns(both.basis.column))
        if new.size <= _FEW:
            break
        both = both.with_columns(program, new)
    return start, pivots


def joint(program: ScaledProgram, before: Before) -> Joint | None:
    """The program of both; None where more is different than some of the groups."""
    last, basis = before.program, before.basis
    stays = _stay(program, before)
    groups, then = stays.size, before.places[stays]
    left = np.ones(last.use.size, dtype=bool)
    left[then] = False
    away = np.flatnonzero(left)
    if away.size > _PART * groups or last.spares != program.spares:
        return None
    now = np.empty(last.use.size, dtype=np.int64)
    now[then], now[away] = np.flatnonzero(stays), groups + np.arange(away.size)
    passed = np.where(last.slope[away] > 0.0, abs(before.level), 1.0) * _PASS
    pairs, number = _pairs(program, last, now)
    known = number >= 0
    same = np.array_equal(pairs.rate[known], program.pairs.rate[number[known]])
    if not (same and np.array_equal(pairs.share[known], program.pairs.share[number[known]])):
        return None
    scale = np.concatenate([program.scale, last.scale[away]])
    speed = np.concatenate([program.speed, last.speed[away]])
    both = replace(
        program,
        speed=speed,
        rate=speed * scale[:, None],
        slope=np.concatenate([program.slope, last.slope[away]]),
        floor=np.concatenate([program.floor, np.where(scale[groups:] > 0.0, -passed, -np.inf)]),
        reward=np.concatenate([program.reward, last.reward[away]]),
        helps=np.concatenate([program.helps, last.helps[away]]),
        use=np.concatenate([program.use, last.use[away]]),
        count=np.concatenate([program.count, last.count[away]]),
        pairs=pairs._replace(scale=scale),
        scale=scale,
    )
    old, new = np.concatenate([then, away]), np.concatenate([np.flatnonzero(stays), now[away]])
    alone = np.zeros(both.rate.shape, dtype=bool)
    surplus, time = np.ones(both.use.size, dtype=bool), np.ones(both.use.size, dtype=bool)
    alone[new], surplus[new], time[new] = basis.alone[old], basis.surplus[old], basis.time[old]
    return Joint(both, replace(basis, alone=alone, surplus=surplus, time=time), number, groups)


def _pairs(program: ScaledProgram, last: ScaledProgram, now: Ints) -> tuple[PairColumns, Ints]:
    """The pairs of the last program with groups numbered as they are now, and what they are in the new one."""
    pairs = last.pairs
    member = now[pairs.member]
    turned = member[:, 0] > member[:, 1]
    rate, share = pairs.rate.copy(), pairs.share.copy()
    rate[turned], share[turned] = rate[turned, ::-1], share[turned, ::-1]
    member.sort(axis=1)
    inside: Bools = np.all(member < program.use.size, axis=1)
    number = program.pair_numbers(np.where(inside[:, None], member, -1))
    return pairs._replace(member=member, rate=rate, share=share), number


def _stay(program: ScaledProgram, before: Before) -> Bools:
    """Groups that have the coefficients of before, but for their slopes: these scale rows, and what all prices are worth."""
    stays, last = before.places >= 0, before.program
    now, then = np.flatnonzero(stays), before.places[stays]
    same: Bools = (program.speed[now] == last.speed[then]).all(axis=1)
    same &= program.use[now] == last.use[then]
    same &= (program.slope[now] > 0.0) == (last.slope[then] > 0.0)
    same &= (program.scale[now] > 0.0) == (last.scale[then] > 0.0)
    stays[now[~same]] = False
    return stays
