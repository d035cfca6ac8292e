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
from gavel_opt.solver.many_types.equations import Columns, Equations, ready
from gavel_opt.solver.many_types.passes import Change, aim, aim_nearer, longest

BACK = 0.995
LIMIT = 100
CLOSE = 1e-6
"""A gap from which on the face may be told."""
LIFTS = 0.0, 1e-14, 1e-12
SLOWEST = 0.1
"""Part of the mean product that is aimed at, at least."""
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
    """Changes of shares, slacks of levels, times and workers, each with its duals as columns and rows have them; and of t."""

    pairs: tuple[tuple[Floats, Floats], ...]
    t: float


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

    def __init__(self, program: Level, at: Ints) -> None:
        self._program = program
        columns = self.columns = Columns(program.rate, program.use, at)
        workers = program.workers
        wanted = columns.uses(np.ones(at.shape))
        part = 0.7 * workers / np.maximum(wanted, 1e-300)
        self.x = np.minimum(0.7 / at.shape[1], np.broadcast_to(columns.of_type(part), at.shape))
        self.u = 1.0 - self.x.sum(axis=1)
        self.v = workers - columns.uses(self.x)
        self.s = (columns.rate * self.x).sum(axis=1) - program.floor
        self.t = float(self.s.min()) - 0.1
        self.s -= self.t
        mu = 1.0 / (1.0 / self.s).sum()
        self.lam, self.q, self.p, self.z = mu / self.s, mu / self.u, mu / self.v, mu / self.x

    def gap(self) -> float:
        """The sum of all products."""
        rows = self.u @ self.q + self.s @ self.lam + self.v @ self.p
        return float(np.vdot(self.x, self.z) + rows)

    def follow(self, goal: float) -> tuple[int, bool]:
        """Go on until gap and residuals are below a goal; steps, and whether it came there."""
        many = self.x.size + 2 * self.u.size + self.v.size
        for step in range(LIMIT):
            missing, cost, worst = self._residuals()
            gap = self.gap()
            if not np.isfinite(gap + worst):
                return step, False
            if gap <= goal * (1.0 + abs(self.t)) and worst <= goal:
                return step, True
            if not self._factor():
                return step, gap <= CLOSE * (1.0 + abs(self.t))
            d = self._towards(missing, cost, 0.0, None)
            primal, dual = self._lengths(d)
            after = 0.0
            for (x, z), (dx, dz) in zip(self._pairs(), d.pairs, strict=True):
                after += float(np.vdot(x + primal * dx, z + dual * dz))
            mu = max((after / gap) ** 3, SLOWEST) * gap / many
            d = self._towards(missing, cost, mu, d)
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
            for (x, z), (dx, dz) in zip(self._pairs(), d.pairs, strict=True):
                x += primal * dx
                z += dual * dz
            self.t += primal * d.t
        return LIMIT, False

    def _pairs(self) -> tuple[tuple[Floats, Floats], ...]:
        return (self.x, self.z), (self.s, self.lam), (self.u, self.q), (self.v, self.p)

    def _residuals(self) -> tuple[_Missing, Floats, float]:
        """What rows lack, what columns cost beyond their duals, and the largest of both."""
        program, columns = self._program, self.columns
        level = program.floor + self.t + self.s - (columns.rate * self.x).sum(axis=1)
        time = 1.0 - self.u - self.x.sum(axis=1)
        left = program.workers - self.v - columns.uses(self.x)
        cost = columns.each * columns.of_type(self.p) - self.lam[:, None] * columns.rate
        cost += self.q[:, None]
        cost -= self.z
        worst = max(abs(level).max(), abs(time).max(), (abs(left) / program.workers).max())
        worst = max(worst, cost.max(), -cost.min())
        return _Missing(level, time, left, 1.0 - float(self.lam.sum())), cost, float(worst)

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
        x, duals = self._equations.shares(np.zeros_like(self.x), ones, np.zeros(ones.size))
        self._uses = columns.uses(x)
        self._dear = self._equations.prices(-self._uses)
        self._theta = float(duals[0].sum() + self._uses @ self._dear)
        return True

    def _towards(self, missing: _Missing, cost: Floats, mu: float, before: _Step | None) -> _Step:
        """The step to products of ``mu``, less what the step before neglects."""
        aims = []
        for n, (x, z) in enumerate(self._pairs()):
            dx, dz = (x, z) if before is None else before.pairs[n]
            aims.append(np.empty_like(x))
            change = Change._make(map(np.atleast_2d, (x, z, dx, dz)))
            ready(aim, change, mu, 0.0 if before is None else 1.0, np.atleast_2d(aims[-1]))
        return self._solved(aims, aims[0] / self.x - cost, missing, cost)

    def _corrected(self, d: _Step, mu: float, primal: float, dual: float) -> _Step:
        """The step with products nearer to each other where it would lead if it were longer."""
        lengths = min(1.0, primal + REACH), min(1.0, dual + REACH)
        aims = []
        for (x, z), (dx, dz) in zip(self._pairs(), d.pairs, strict=True):
            aims.append(np.empty_like(x))
            change = Change._make(map(np.atleast_2d, (x, z, dx, dz)))
            ready(aim_nearer, change, lengths, mu, np.atleast_2d(aims[-1]))
        none = np.zeros(self.s.size)
        missing = _Missing(none, none, np.zeros(self.v.size), 0.0)
        more = self._solved(aims, aims[0] / self.x, missing, None)
        pairs = zip(d.pairs, more.pairs, strict=True)
        added = tuple((x + dx, z + dz) for (x, z), (dx, dz) in pairs)
        return _Step(added, d.t + more.t)

    def _solved(
        self, aims: list[Floats], earns: Floats, missing: _Missing, cost: Floats | None
    ) -> _Step:
        """The step of products that change by what is aimed at, and rows by what they miss."""
        columns, equations = self.columns, self._equations
        level = missing.level + aims[1] / self.lam
        time = missing.time - aims[2] / self.q
        x, duals = equations.shares(earns, level, time)
        price = equations.prices(missing.workers - aims[3] / self.p - columns.uses(x))
        dt = (missing.rest - duals[0].sum() - self._uses @ price) / self._theta
        price = price + self._dear * dt
        earns -= columns.each * columns.of_type(price)
        x, duals = equations.shares(earns, level + dt, time)
        z = aims[0] - self.z * x
        z /= self.x
        s = (aims[1] - self.s * duals[0]) / self.lam
        u = (aims[2] - self.u * duals[1]) / self.q
        v = (aims[3] - self.v * price) / self.p
        return _Step(((x, z), (s, duals[0]), (u, duals[1]), (v, price)), float(dt))

    def _lengths(self, d: _Step) -> tuple[float, float]:
        """How far shares and slacks can go, and their duals."""
        down, fall = BACK, BACK
        for (x, z), (dx, dz) in zip(self._pairs(), d.pairs, strict=True):
            change = Change._make(map(np.atleast_2d, (x, z, dx, dz)))
            ends = ready(longest, change)
            down, fall = max(down, ends[0]), max(fall, ends[1])
        return 1.0 / down, 1.0 / fall
