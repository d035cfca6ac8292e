r"""The program of one level, on a path to its optimum.

    max t   subject to   rate x - t - s = floor,   time(x) + u = 1,   use(x) + v = workers

A predictor and corrector as in :mod:`~gavel_opt.solver.interior_point.predictor_corrector`, on some of the columns.
Columns are many, so one of them is always in the way: products are kept near to each other (J. Gondzio, Multiple centrality corrections, 1996).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.solver.many_types.costs import Duals
from gavel_opt.solver.many_types.equations import Columns, Equations, ready, rows_of
from gavel_opt.solver.many_types.passes import (
    Change,
    Jobs,
    aim,
    aim_nearer,
    longest,
    look,
    product_after,
)
from gavel_opt.solver.many_types.shares_at_prices import LAM, Centre, Q, settle_few
from gavel_opt.solver.many_types.shares_at_prices import Jobs as Centred

NEAR, SETTLED = 0.01, 1e-3
"""Gap at which a path starts near prices, as a part of the level, and how near to what they make each job is."""
HOPE = 8
"""Steps in which gap and residuals must be halved."""
BACK = 0.995
LIMIT = 100
CLOSE = 1e-6
"""A gap from which on the face may be told."""
LIFTS = 0.0, 1e-14, 1e-12
SLOWEST, FASTEST, FAST_FROM = 0.1, 0.01, 1e-3
"""Part of the mean product that is aimed at, at least; the same from a gap on at which whole steps are the rule."""
CORRECTIONS, LONG, REACH, WORTH_IT = 3, 0.9, 0.3, 1.02
"""Corrections at most; a step this long needs none; how much longer than a step they look; what one must gain."""


@dataclass(frozen=True)
class Level:
    """A program of one level, whose rows have slope 1.

    Attributes
    ----------
    rate, use, count, workers, floor
        Shapes ``(G, J)``, ``(G,)``, ``(G,)``, ``(J,)``, ``(G,)``.
    cap
        The t beyond which some job would need more than all of its time.
    """

    rate: Floats
    use: Floats
    count: Floats
    workers: Floats
    floor: Floats
    cap: float


class _Missing(NamedTuple):
    """What rows lack, those of levels, times, workers, and that of t."""

    level: Floats
    time: Floats
    workers: Floats
    rest: float


class _Step(NamedTuple):
    """Changes of all variables and of all duals, and of t."""

    x: Floats
    z: Floats
    t: float


class Near(NamedTuple):
    """Prices, duals of levels and times, and a level, to start near."""

    duals: Duals
    t: float


def near_prices(duals: Duals, t: float) -> Near:
    """What costs least at prices, for a unit of the level."""
    unit = 1.0 / float(duals.level.sum())
    return Near(Duals(duals.price * unit, duals.level * unit, duals.time * unit), t)


class Point:
    """A point on the path: all products are the same where it starts.

    Parameters
    ----------
    program, at
        The program, and the types that are looked at of each job, shape ``(G, K)``.

    Attributes
    ----------
    x, s, u, v, t
        Shares, what levels have to spare, time and workers left, and the level.
    z, lam, q, p
        Their duals.
    """

    def __init__(self, program: Level, at: Ints, near: Near | None = None) -> None:
        self._program, self._shape = program, at.shape
        columns = self.columns = Columns(program.rate, program.use, at)
        groups, self._many = at.shape[0], at.size
        many = at.size + 2 * groups + columns.types
        self._all, self._duals = np.empty(many), np.empty(many)
        self.x, self.s, self.u, self.v = self._parts(self._all)
        self.z, self.lam, self.q, self.p = self._parts(self._duals)
        self._cost, self._rows, self._used = (
            np.empty(at.shape), np.empty((2, groups)), np.empty(columns.types),
        )  # fmt: skip
        if near is None:
            self._start()
        else:
            self._start_near(near)

    def _start(self) -> None:
        """Start with a part of the workers on each job."""
        columns, workers = self.columns, self._program.workers
        wanted = columns.uses(np.ones(self._shape))
        part = 0.7 * workers / np.maximum(wanted, 1e-300)
        self.x[:] = np.minimum(0.7 / self._shape[1], columns.of_type(part))
        self.u[:] = 1.0 - self.x.sum(axis=1)
        self.v[:] = workers - columns.uses(self.x)
        self.s[:] = rows_of(columns.rate, self.x) - self._program.floor
        self.t = float(self.s.min()) - 0.1
        self.s -= self.t
        self._duals[:] = 1.0 / (1.0 / self.s).sum() / self._all

    def _start_near(self, near: Near) -> None:
        """Start with what each job does near these prices and this level."""
        program, columns, (groups, few) = self._program, self.columns, self._shape
        (price, lam, q), self.t = near
        mu = NEAR * abs(self.t) / self._all.size
        cost = columns.each * columns.of_type(price) - lam[:, None] * columns.rate
        of, every = np.zeros((groups, 5)), np.ones(self._shape, bool)
        of[:, LAM], of[:, Q] = lam + mu, np.maximum(q, -cost.min(axis=1)) + few * mu
        of[:, Q] += mu * columns.rate.max(axis=1)
        need = program.floor + self.t
        jobs = Centred(columns.rate, every, columns.use, np.full(groups, mu), need, every[:, 0])
        room = Centre(self.x, of, np.empty((3, few)))
        ready(settle_few, jobs, columns.at, price, SETTLED, room)
        self.p[:] = np.maximum(price, mu / program.workers)
        self.z[:], self.lam[:], self.q[:] = mu / self.x, of[:, LAM], of[:, Q]
        self.s[:], self.u[:], self.v[:] = mu / self.lam, mu / self.q, mu / self.p

    def _parts(self, values: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Of all values those of columns, levels, times and workers."""
        x, groups = self._many, self._shape[0]
        return (
            values[:x].reshape(self._shape),
            values[x : x + groups],
            values[x + groups : x + 2 * groups],
            values[x + 2 * groups :],
        )

    def gap(self) -> float:
        """The sum of all products."""
        return float(self._all @ self._duals)

    def follow(self, goal: float) -> tuple[int, bool]:
        """Go on until gap and residuals are below a goal; steps, and whether it came there."""
        began = np.inf
        for step in range(LIMIT):
            missing, worst = self._residuals()
            gap = self.gap()
            if not np.isfinite(gap + worst):
                return step, False
            if gap <= goal * (1.0 + abs(self.t)) and worst <= goal:
                return step, True
            if step % HOPE == 0:
                if gap + worst > 0.5 * began:
                    return step, False
                began = gap + worst
            if not self._factor():
                return step, gap <= CLOSE * (1.0 + abs(self.t))
            d = self._towards(missing, 0.0, None)
            after = ready(product_after, self._change(d), self._lengths(d))
            least = FASTEST if gap <= FAST_FROM * (1.0 + abs(self.t)) else SLOWEST
            mu = max((after / gap) ** 3, least) * gap / self._all.size
            d = self._towards(missing, mu, d)
            primal, dual = self._lengths(d)
            for _ in range(CORRECTIONS):
                if min(primal, dual) > LONG:
                    break
                better = self._corrected(d, mu, primal, dual)
                longer = self._lengths(better)
                if min(longer) < WORTH_IT * min(primal, dual):
                    break
                d, (primal, dual) = better, longer
            primal, dual = min(1.0, BACK * primal), min(1.0, BACK * dual)
            self._all += primal * d.x
            self._duals += dual * d.z
            self.t += primal * d.t
        return LIMIT, False

    def _change(self, d: _Step | None) -> Change:
        if d is None:
            return Change(self._all, self._duals, self._all, self._duals)
        return Change(self._all, self._duals, d.x, d.z)

    def _residuals(self) -> tuple[_Missing, float]:
        """What rows lack, and the largest of that and of what columns cost beyond their duals, which is kept."""
        program, columns, cost = self._program, self.columns, self._cost
        jobs = Jobs(columns.rate, columns.use, self.x)
        many, groups = self._many, self._shape[0]
        duals = self._duals[many : many + 2 * groups].reshape(2, groups)
        ready(look, jobs, columns.at, self.p, duals, (self._rows, self._used, cost))
        level = program.floor + self.t + self.s - self._rows[0]
        time = 1.0 - self.u - self._rows[1]
        left = program.workers - self.v - self._used
        cost -= self.z
        worst = max(abs(level).max(), abs(time).max(), (abs(left) / program.workers).max())
        worst = max(worst, cost.max(), -cost.min())
        return _Missing(level, time, left, 1.0 - float(self.lam.sum())), float(worst)

    def _factor(self) -> bool:
        """Eliminate the jobs; and what a unit of t changes."""
        columns, ones = self.columns, np.ones(self.s.size)
        rows = np.stack([self.s / self.lam, self.u / self.q, ones])
        for lift in LIFTS:
            d, slack = self.x / self.z, self.v / self.p
            self._equations = Equations(columns, d, rows, slack, lift=lift)
            if self._equations.works:
                break
        else:
            return False
        self._uses, duals = self._equations.uses(np.zeros_like(self.x), ones, np.zeros(ones.size))
        self._dear = self._equations.prices(-self._uses)
        self._theta = float(duals.sum() + self._uses @ self._dear)
        return True

    def _towards(self, missing: _Missing, mu: float, before: _Step | None) -> _Step:
        """The step to products of ``mu``, less what the step before neglects."""
        aims = np.empty_like(self._all)
        ready(aim, self._change(before), mu, 0.0 if before is None else 1.0, aims)
        earns = self._parts(aims)[0] / self.x
        earns -= self._cost
        return self._solved(aims, earns, missing)

    def _corrected(self, d: _Step, mu: float, primal: float, dual: float) -> _Step:
        """The step with products nearer to each other where it would lead if it were longer."""
        lengths = min(1.0, primal + REACH), min(1.0, dual + REACH)
        aims, none = np.empty_like(self._all), np.zeros(self.s.size)
        ready(aim_nearer, self._change(d), lengths, mu, aims)
        missing = _Missing(none, none, np.zeros(self.v.size), 0.0)
        more = self._solved(aims, self._parts(aims)[0] / self.x, missing)
        return _Step(d.x + more.x, d.z + more.z, d.t + more.t)

    def _solved(self, aims: Floats, earns: Floats, missing: _Missing) -> _Step:
        """The step of products that change by what is aimed at, and rows by what they miss."""
        columns, equations, many = self.columns, self._equations, self._many
        _, of_level, of_time, of_workers = self._parts(aims)
        level = missing.level + of_level / self.lam
        time = missing.time - of_time / self.q
        used, duals = equations.uses(earns, level, time)
        price = equations.prices(missing.workers - of_workers / self.p - used)
        dt = (missing.rest - duals.sum() - self._uses @ price) / self._theta
        price = price + self._dear * dt
        earns -= columns.each * columns.of_type(price)
        x, z = np.empty_like(aims), np.empty_like(aims)
        x_of, z_of = self._parts(x), self._parts(z)
        x_of[0][:], (z_of[1][:], z_of[2][:]) = equations.shares(earns, level + dt, time)
        z_of[3][:] = price
        z[:many] = (aims[:many] - self._duals[:many] * x[:many]) / self._all[:many]
        x[many:] = (aims[many:] - self._all[many:] * z[many:]) / self._duals[many:]
        return _Step(x, z, float(dt))

    def _lengths(self, d: _Step) -> tuple[float, float]:
        """How far shares and slacks can go, and their duals."""
        down, fall = ready(longest, self._change(d))
        return 1.0 / max(BACK, down), 1.0 / max(BACK, fall)
