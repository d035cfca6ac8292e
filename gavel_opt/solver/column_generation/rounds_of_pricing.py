r"""Packed programs whose jobs all differ: pairs are priced in, and few of them ever are in the program.

Only some of the :math:`n^2/2` pairs are in an optimum. The restricted program has all jobs alone and the
pairs that paid so far; its prices say, in one pass over all pairs, which others would pay, and the
best of each job join it until there is none. Then nothing is left to chance:

* the basis gives shares and prices to the last digits, by a factorisation of its own;
* a pass over *all* pairs proves the prices to be a dual solution of the whole program;
* where every column outside of the basis costs something, and every row outside of it has a price, that
  optimum is the only one (whatever the simplex method went through), so it is the canonical one too, and
  its bits depend on the basis alone, which depends on the program alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.gap import LEVEL_SIZE, relative_gap
from gavel_opt.model.solution import Certificate
from gavel_opt.solver.column_generation.basis_factor import Factor
from gavel_opt.solver.column_generation.central_start import is_for, near_optimum, nearer
from gavel_opt.solver.column_generation.kept_centre import KeptCentre
from gavel_opt.solver.column_generation.needed_columns import needed_columns
from gavel_opt.solver.column_generation.pair_pricing import (
    EACH,
    Prices,
    cheap_columns,
    longest_step,
    paying_columns,
    raise_time_prices,
    room_to_idle,
)
from gavel_opt.solver.column_generation.restricted_master import (
    Basis,
    Before,
    RestrictedMaster,
    Start,
)
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram
from gavel_opt.solver.column_generation.those_that_left import without_those_that_left

ROUNDS = 100
"""Rounds at most; five to nine are usual."""
NOTHING = 1e-11
"""Basic variables up to this are zero: another basis has the same point."""
_NEARLY_ALL = 0.98
"""Part of the groups that rise in what is called nearly all."""
_PATIENCE, _MORE_PATIENCE = 0.5, 2.0
"""Pivots for each group in a round after which programs of many go on from central prices instead: nearly all who rise take up to ten
times as many. Of fewer a pivot costs less: central prices take as long as the latter."""
_MULTIPLES = 8
"""How many powers of ten of the first program's prices are tried, from 1."""
FROM = 384
"""Groups from which on the way from the last optimum leads past those that left: it is shorter in time, too."""
_SURELY = 1.0 + 1e-8
"""Times the level that is enough at which a program ends: what HiGHS says of it may be off in last digits."""
_KEPT = 0.1
"""Columns that cost up to this part of a job's share are kept for the next program."""
_MANY = 2
"""Columns that are kept for the next program for each group, at most."""
_PROGRAMS = 12
"""Programs of which a basis is kept: deadlines take up to eleven a recomputation."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Columns and basis of an earlier program, by the keys of its groups.

    Attributes
    ----------
    key
        Of the groups, shape ``(G,)``.
    program
        The program, with the pairs that were in the basis or nearly paid.
    basis
        The basis; its columns of pairs are numbered as in ``program``.
    level, prices
        The level t, and all prices.
    only
        Whether that optimum was the only one, or any would have done: else a vertex is that of a start from nothing, and a
        program much like it is likely to have several, too.
    optimal
        Whether it was an optimum at all, and not a point that reached enough.
    """

    key: Ints
    program: ScaledProgram
    basis: Basis
    level: float
    prices: Prices
    only: bool
    optimal: bool = True

    @classmethod
    def of(
        cls, program: ScaledProgram, key: Ints, found: Vertex, only: bool, optimal: bool = True
    ) -> Kept:
        """Keep a basis, and the columns that nearly paid."""
        types, basis = program.rate.shape[1], found.basis
        cost = program.pair_costs(basis.column, found.prices)
        most = _KEPT / program.count.sum()
        if cost.size > _MANY * key.size:  # many cost nothing where jobs are much alike
            most = min(most, float(np.partition(cost, _MANY * key.size)[_MANY * key.size]))
        stays = basis.pair | (cost < most)
        pair, kind = np.divmod(basis.column[stays], types)
        pair, place = np.unique(pair, return_inverse=True)
        column = place * types + kind
        return cls(
            key,
            program.with_pairs(pair),
            replace(basis, column=column, pair=basis.pair[stays]),
            found.level,
            found.prices,
            only,
            optimal,
        )

    def places(self, key: Ints) -> Ints:
        """Where other groups stand among these, shape of ``key``; -1 for those that are new."""
        if np.array_equal(self.key, key):
            return np.arange(key.size)
        order = np.argsort(self.key, kind="stable")
        place = np.minimum(np.searchsorted(self.key, key, sorter=order), self.key.size - 1)
        then: Ints = order[place]
        return np.where(self.key[then] == key, then, -1)

    def columns(self, program: ScaledProgram, places: Ints) -> tuple[Ints, Bools]:
        """Numbers that the columns have in a program, and which were basic."""
        now = np.full(self.key.size, -1)
        now[places[places >= 0]] = np.flatnonzero(places >= 0)
        pair, kind = np.divmod(self.basis.column, program.rate.shape[1])
        column = program.pair_numbers(np.sort(now[self.program.pairs.member], axis=1))[pair]
        there = column >= 0
        column = column[there] * program.rate.shape[1] + kind[there]
        return column, self.basis.pair[there]

    def start(self, program: ScaledProgram, places: Ints, more: Ints) -> Start:
        """The basis as it would be in a program that has ``more`` columns."""
        groups, types = program.rate.shape
        old, stays = self.basis, places >= 0
        moved = not np.array_equal(places, np.arange(old.surplus.size))
        then = places[stays]
        own, basic = self.columns(program, places)
        column = np.union1d(own, more)
        if moved:
            column = np.union1d(column, self._needed(program, places, column))
        none = np.zeros(groups, dtype=bool)
        alone, surplus, time = np.zeros((groups, types), dtype=bool), ~none, ~none
        alone[stays] = old.alone[then]
        surplus[stays], time[stays] = old.surplus[then], old.time[then]
        pair = np.zeros(column.size, dtype=bool)
        pair[np.searchsorted(column, own[basic])] = True
        basis = Basis(old.level, alone, column, pair, surplus, time, old.workers)
        if moved or not self._differs_in_rows(program):
            return Start(basis, before=self._before(program, places) if moved else None)
        free = np.flatnonzero(~surplus & (program.scale == 0.0))
        return Start(basis, self.optimal, free, self.program.slopes[free])

    def _needed(self, program: ScaledProgram, places: Ints, there: Ints) -> Ints:
        """Columns with which groups reach the last level that are new, or reach it with none of those that are ``there``."""
        if _kind(program) != (True, False) or not self.basis.level:
            return there[:0]
        # time and workers are worth what they were; levels by what rows are multiplied by now
        level, scale = (self.prices.level * self.program.scale)[places], program.scale
        level = np.divide(level, scale, out=np.zeros(scale.size), where=scale > 0.0)
        prices = Prices(level, self.prices.time[places], self.prices.workers)
        reached = self.level * self.program.unit / program.unit
        return needed_columns(program, prices, reached, places < 0, there)

    def _before(self, program: ScaledProgram, places: Ints) -> Before | None:
        """The optimum, if the way from it is worth going: where others have its level, some vertex of them is near."""
        alone = _kind(program) == _kind(self.program) == (True, False)
        if not (alone and self.only and self.optimal and places.size >= FROM):
            return None
        return Before(self.program, self.basis, self.level, places)

    def _differs_in_rows(self, program: ScaledProgram) -> bool:
        """Whether a program differs in nothing but in which groups have a part in the level."""
        last = self.program
        if _kind(program) != (True, False) or _kind(last) != (True, False):
            return False
        if not np.array_equal(last.speed, program.speed):
            return False
        both = (last.scale > 0.0) & (program.scale > 0.0)
        return bool((last.slopes[both] == program.slopes[both]).all())


@dataclass(slots=True)
class ColumnMemory:
    """What was kept of the last programs, newest last, of the last centre, and of a series of programs."""

    kept: list[Kept] = field(default_factory=list)
    centre: KeptCentre | None = None
    series: ColumnMemory | None = None

    def of_series(self) -> ColumnMemory:
        """What programs of the series left."""
        if self.series is None:
            self.series = ColumnMemory()
        return self.series

    def keep(self, kept: Kept) -> None:
        """Remember a program in place of the oldest."""
        self.kept.append(kept)
        del self.kept[:-_PROGRAMS]

    def start(self, program: ScaledProgram, key: Ints, probe: bool) -> Start | None:
        """The basis of the program most like this one, newer ones first; None if that is no start.

        A policy that asks several programs asks much the same ones at its next recomputation.
        """
        rows, best = program.scale > 0.0, None
        most, where = 0, {}
        for one in reversed(self.kept):
            if one.basis.workers.size != program.rate.shape[1]:
                continue
            if id(one.key) not in where:  # programs of one recomputation share it
                where[id(one.key)] = one.places(key)
            places = where[id(one.key)]
            alike = int(((places >= 0) & ((one.program.scale > 0.0)[places] == rows)).sum())
            if _kind(one.program) == _kind(program):
                alike += key.size
            if alike > most:
                most, best = alike, (one, places)
        if best is None or not (best[1] >= 0).any() or (probe and not best[0].only):
            return None
        newest, more = self.kept[-1], np.empty(0, dtype=np.int64)
        if _kind(newest.program) != _kind(program):
            own, basic = newest.columns(program, newest.places(key))
            more = own[basic]
        return best[0].start(program, best[1], more)


def _kind(program: ScaledProgram) -> tuple[bool, bool]:
    return program.has_level, program.pairs.reward.shape[0] > 0


@dataclass(frozen=True, slots=True, eq=False)
class Vertex:
    """A basic solution of a scaled program, proven.

    Attributes
    ----------
    level
        The level t, 0 without one.
    alone
        Shares alone, shape ``(G, J)``.
    column, pair
        Numbers and values of the pairs' columns in the basis.
    prices
        The duals.
    surplus, time_left, workers_left
        Slacks, exact zeros where the row is not in the basis.
    certificate
        Over the whole program.
    basis, factor
        The basis, and its factorisation.
    only
        Whether it is the only optimum.
    only_prices
        Whether the prices are the only ones.
    """

    level: float
    alone: Floats
    column: Ints
    pair: Floats
    prices: Prices
    surplus: Floats
    time_left: Floats
    workers_left: Floats
    certificate: Certificate
    basis: Basis
    factor: Factor
    only: bool
    only_prices: bool


def generate(
    program: ScaledProgram,
    start: Start | None,
    of: int | None = None,
    enough: float = math.inf,
) -> tuple[Basis, int] | None:
    """Add pairs until none pays, or the level is ``enough``; the basis and how many simplex iterations it took.

    From a start, many groups go on from central prices once a round takes many pivots: more where not nearly all rise ``of`` those there
    are, in the program if no number is given.
    """
    iterations = 0
    if start is not None:
        start, iterations = without_those_that_left(program, start)
    master = RestrictedMaster(program, start)
    central = near_optimum(program, master) if start is None and master.usable else None
    master = master if central is None else central
    patient = start is None or start.pays_nothing or not is_for(program)
    rising, groups = np.count_nonzero(program.scale), program.use.size
    nearly_all = rising >= _NEARLY_ALL * (groups if of is None else of)
    most = round((_PATIENCE if nearly_all else _MORE_PATIENCE) * groups)
    relieving, pairs = False, program.pairs
    for _ in range(ROUNDS):
        if not master.usable:
            return None
        if not patient:
            patient = not master.is_solved_within(most)
            iterations += master.iterations
            central = nearer(program, master.column) if patient else None
            master = master if central is None else central
        prices = master.solve()
        iterations += master.iterations
        if prices is None and not relieving:
            # the floors may need pairs that are not there yet: which ones, prices of giving up say
            relieving, pairs = True, pairs._replace(reward=pairs.reward[:0])
            master.relieve(True)
            continue
        if prices is None:
            return None
        if relieving and master.given_up <= 0.0:
            relieving, pairs = False, program.pairs
            master.relieve(False)
            continue
        if not relieving and master.objective > enough * _SURELY:
            return master.basis(), iterations
        found, _ = paying_columns(pairs, prices, EACH, master.pays)
        new = _others(np.unique(found[found >= 0]), np.sort(master.column))
        if not new.size:
            return None if relieving else (master.basis(), iterations)
        master.add(new)
    return None


def vertex(program: ScaledProgram, basis: Basis) -> Vertex | None:
    """Shares, prices and proof of a basis; None where it is none."""
    groups, types = program.rate.shape
    try:
        factor = Factor(program, basis)
    except RuntimeError:  # singular
        return None
    if not factor.square:
        return None
    limits = limits_of(program)
    values = factor.solve(limits[factor.tight])
    level = int(basis.level)
    t = float(values[0]) if level else 0.0
    alone = np.zeros((groups, types))
    alone[factor.group, factor.kind] = values[level : level + factor.group.size]
    pair = values[level + factor.group.size :]
    left = factor.whole @ values
    left[:groups] -= np.where(program.floor > -np.inf, program.floor, -1.0)
    left[groups:] = limits[groups:] - left[groups:]
    left[factor.tight] = 0.0
    prices = prices_of(program, factor, program_costs(program, factor, basis))
    basic = [values[level:], left[:groups][basis.surplus], left[groups : 2 * groups][basis.time]]
    least = min(
        (float(part.min()) for part in (*basic, left[2 * groups :][basis.workers]) if part.size),
        default=1.0,
    )
    clear, dearest = program.nothing()
    cost = program.use[:, None] * prices.workers + prices.time[:, None]
    cost = cost - program.rate * prices.level[:, None] - program.reward
    outside = program.helps & ~basis.alone
    rows = np.concatenate(prices) > np.concatenate(dearest)
    cheap, _ = cheap_columns(program.pairs, prices, clear)
    only = bool(
        (cost[outside] > clear).all()
        and rows[factor.tight].all()
        and not _others(cheap, factor.column).size
    )
    time_left, workers_left = left[groups : 2 * groups], left[2 * groups :]
    if only and (workers_left > NOTHING).any():
        only = not room_to_idle(program.pairs, time_left, workers_left)
    return Vertex(
        level=t,
        alone=alone,
        column=factor.column,
        pair=pair,
        prices=prices,
        surplus=left[:groups],
        time_left=time_left,
        workers_left=workers_left,
        certificate=certify(program, t, alone, factor.column, pair, prices),
        basis=basis,
        factor=factor,
        only=only,
        only_prices=least > NOTHING,
    )


def _others(column: Ints, known: Ints) -> Ints:
    """The columns that are not known; both ascend."""
    if not known.size:
        return column
    place = np.minimum(np.searchsorted(known, column), known.size - 1)
    others: Ints = column[known[place] != column]
    return others


def limits_of(program: ScaledProgram) -> Floats:
    """Right-hand sides of all rows, shape ``(2 G + J,)``."""
    return np.concatenate([program.floor, np.ones(program.floor.size), program.workers])


def complementary_prices(program: ScaledProgram, found: Vertex) -> Prices:
    """Optimal prices at which basic variables that are zero cost something, where there are such prices.

    Prices go half as far as they can along the direction in which one such variable's cost rises and those
    of all other basic variables stay nothing; then along the next one's.
    """
    factor, basis = found.factor, found.basis
    level, groups = int(basis.level), found.surplus.size
    values = np.concatenate([found.alone[factor.group, factor.kind], found.pair])
    prices = found.prices
    for k in level + np.flatnonzero(values <= NOTHING):
        costs = np.zeros(level + values.size)
        costs[k] = 1.0
        prices = _half_way(program, basis, prices, prices_of(program, factor, costs))
    left = np.concatenate([found.surplus, found.time_left, found.workers_left])
    loose = np.concatenate([basis.surplus, basis.time, basis.workers])
    for row in np.flatnonzero(loose & (left <= NOTHING)):
        sign = -1.0 if row < groups else 1.0
        column = factor.whole[[row]].toarray()[0]
        step = np.concatenate(prices_of(program, factor, -sign * column))
        step[row] = 1.0
        parts = Prices(step[:groups], step[groups : 2 * groups], step[2 * groups :])
        prices = _half_way(program, basis, prices, parts)
    return prices


def _half_way(program: ScaledProgram, basis: Basis, prices: Prices, step: Prices) -> Prices:
    """Go half as far along a step as prices stay optimal."""
    least = 1e-9 * max(float(np.abs(part).max(initial=0.0)) for part in step)
    longest = longest_step(program.pairs, prices, step, least)
    cost = program.use[:, None] * prices.workers + prices.time[:, None]
    cost = cost - program.rate * prices.level[:, None] - program.reward
    change = program.use[:, None] * step.workers + step.time[:, None]
    change = change - program.rate * step.level[:, None]
    falls = program.helps & ~basis.alone & (change < -least)
    longest = min(longest, float((cost[falls] / -change[falls]).min(initial=np.inf)))
    for price, part in zip(prices, step, strict=True):
        falls = part < -least
        longest = min(longest, float((price[falls] / -part[falls]).min(initial=np.inf)))
    if not 0.0 < longest < np.inf:
        return prices
    return Prices(*(a + 0.5 * longest * b for a, b in zip(prices, step, strict=True)))


def program_costs(program: ScaledProgram, factor: Factor, basis: Basis) -> Floats:
    """Objective of the basic columns."""
    level = [1.0 if program.has_level else 0.0] if basis.level else []
    single = program.reward[factor.group, factor.kind]
    return np.concatenate([level, single, program.pair_reward(factor.column)])


def prices_of(program: ScaledProgram, factor: Factor, costs: Floats) -> Prices:
    """Duals of all rows for costs of the basic columns; zero where a slack is basic."""
    groups, types = program.rate.shape
    dual = np.zeros(2 * groups + types)
    dual[factor.tight] = factor.solve_transposed(costs)
    return Prices(-dual[:groups], dual[groups : 2 * groups], dual[2 * groups :])


def certify(
    program: ScaledProgram, t: float, alone: Floats, column: Ints, pair: Floats, prices: Prices
) -> Certificate:
    """Residuals and gap over all pairs, as :func:`gavel_opt.solver.interior_point.certificate.certify` has them."""
    levels, time, used = program.taken(alone, column, pair)
    floor = np.where(program.floor > -np.inf, program.floor, -1.0)
    need = floor + program.slope * t
    least = min(float(alone.min(initial=0.0)), float(pair.min(initial=0.0)))
    over = (used - program.workers) / np.maximum(program.workers, 1e-9)
    short = (need - levels) / (np.abs(floor) + np.abs(levels) + 1e-9)
    primal = max(
        -least, short.max(initial=0.0), time.max(initial=0.0) - 1.0, over.max(initial=0.0), 0.0
    )
    duals = _dual_solution(program, prices, np.zeros(floor.size))
    value = float((program.reward * alone).sum() + program.pair_reward(column) @ pair)
    dual = 0.0
    if program.has_level:
        value += t
        dual = abs(1.0 - float(program.slope @ duals.level))
    return _certificate(primal, dual, value, _bound(program, duals, floor))


def certify_worth(program: ScaledProgram, found: Vertex, gain: Floats) -> Certificate:
    """Prove that the only optimum has the largest total worth of all points with its level.

    The worth is a sum over levels, so its dual solutions are prices of levels beside what levels are worth;
    and with the first program's prices, taken often enough, nothing leaves the optimum.
    """
    levels, _, _ = program.taken(found.alone, found.column, found.pair)
    row = program.scale > 0.0
    worth = np.divide(program.count * gain, program.scale, out=np.zeros(row.size), where=row)
    total = float(worth @ levels)
    if not total > 0.0:
        return found.certificate
    worth /= total
    floor = np.where(program.floor > -np.inf, program.floor, -1.0) + program.slope * found.level
    costs = found.factor.whole[: worth.size].T @ worth
    costs[: int(found.basis.level)] = 0.0
    own = prices_of(program, found.factor, costs)
    primal, best = found.certificate.primal_residual, None
    for power in range(_MULTIPLES):
        prices = Prices(*(a + 10.0**power * b for a, b in zip(own, found.prices, strict=True)))
        duals = _dual_solution(program, prices, worth)
        proof = _certificate(primal, 0.0, 1.0, _bound(program, duals, floor))
        if best is None or proof.relative_gap < best.relative_gap:
            best = proof
    assert best is not None
    return best


def _dual_solution(program: ScaledProgram, prices: Prices, worth: Floats) -> Prices:
    """Prices made feasible: none negative, and no reduced cost where a unit of level earns ``worth``."""
    level, time, workers = (np.maximum(part, 0.0) for part in prices)
    pull = Prices(level + worth, time, workers)
    cost = program.use[:, None] * workers + time[:, None]
    cost = cost - program.rate * pull.level[:, None] - program.reward
    time -= np.where(program.helps, cost, 0.0).min(axis=1, initial=0.0)
    raise_time_prices(program.pairs, pull)
    return Prices(level, time, workers)


def _bound(program: ScaledProgram, duals: Prices, floor: Floats) -> float:
    return float(program.workers @ duals.workers + duals.time.sum() - duals.level @ floor)


def _certificate(primal: float, dual: float, value: float, bound: float) -> Certificate:
    gap = relative_gap(bound, value, LEVEL_SIZE)
    if not np.isfinite([primal, dual, gap]).all():
        return Certificate(np.inf, np.inf, np.inf)
    return Certificate(float(primal), dual, gap)
