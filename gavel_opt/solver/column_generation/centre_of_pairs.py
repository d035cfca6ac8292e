r"""The centre of an optimal face of very many pairs, where few jobs set the level and the rest has room.

Then most of the :math:`n^2/2` pairs are in some optimum. The centre has

.. math:: A x = b, \qquad z = A^T \nu, \qquad x_k z_k = \mu w_k

for some :math:`\mu` and all columns k of the face, slacks among them (:mod:`gavel_opt.solver.column_generation.face_columns`).
A predictor and corrector from outside reduces what is missing in :math:`A x = b`; it aims at no objective,
as there is none, and the smaller :math:`\mu` gets, the smaller :math:`\nu`, and nothing else. Once there is nothing
missing, :math:`\mu` stays and Newton's method goes to the centre. Steps have 2 G + J unknowns
(:mod:`gavel_opt.solver.column_generation.joint_equations`): no pair has equations of its own.

Interiors are thin, of the order of 1e-5 of a level where a single job keeps thousands from more: 12 to 20 steps
for most faces, 40 for such ones. Prices of the last centre (:mod:`gavel_opt.solver.column_generation.kept_centre`)
are three or four steps of Newton's method away; where the first are short, the way from outside is gone all the same,
but from those prices, with all shares and costs raised.

The centre does not depend on where the search began, and neither do its last bits: prices are rounded to
``BITS`` once they are found, and Newton's method goes on from there. Two ways to one centre differ by less than
1e-13 there, so it would take tens of thousands of programs until a price of one is rounded another way.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from gavel_opt.arrays import Floats
from gavel_opt.solver.column_generation.face_columns import Face, open_pairs
from gavel_opt.solver.column_generation.face_parts import Part, parts_of
from gavel_opt.solver.column_generation.joint_equations import JointEquations
from gavel_opt.solver.column_generation.kept_centre import slack_of_rows
from gavel_opt.solver.column_generation.pair_pricing import Prices
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram
from gavel_opt.solver.settings import SETTINGS

LIMIT = 80
"""Steps, after which the face has no centre."""
MOST = 60_000_000
"""Numbers in the equations, 480 MB, beyond which no centre is sought: groups of 3,800 jobs joined by pairs."""
MET = 1e-7
"""What may be missing in a row where Newton's method begins."""
BACK, NEWTON_BACK = 0.9, 0.95
"""Parts of the longest step that are taken, from outside and towards the centre."""
AGAIN, LONG, AHEAD = 2, 0.9, 0.3
"""Products that a step would bring far from their goal are corrected, up to twice, unless the step is
long already, for steps that go half as far again and a bit."""
STALE = 1e-2
"""Equations serve for further steps until a variable has moved by this part since they were factored."""
EXACT, STEADY = 1e-13, 1e-6
"""Newton's method ends once the next change of a variable would be smaller than the first part of it, or once none
is larger than the second and they get no smaller."""
FULL, FEW = 0.15, 16
"""A first step as long as this is no sign that prices of another face, or rounded ones, are too far off; after so few, steps are small."""
SHORTER, LONGER = 0.01, 0.5
"""Later steps may be shorter, to this; but one in the first half of those few is as long as the second."""
BITS = 24, 32, 40
"""Of prices: the first with which all columns still cost something."""
SHARES, COSTS = 0.1, 100.0
"""What shares and costs of prices that are too far off are raised by, in parts of what they are at an even split: the
way from there is some two thirds of that from outside. With a third or ten times of either it is longer."""
_ROOM = 1.5
"""How far beyond the least that makes them positive the first shares are raised."""


def centre(
    face: Face, need: Floats, workers: Floats, start: Floats | None = None
) -> tuple[Floats, Floats] | None:
    """Shares in the centre of a face, 0 outside of it and for pairs that idle; None if it has none.

    Parameters
    ----------
    face
        The face.
    need, workers
        Right-hand sides: levels, shape ``(G,)``, and workers, ``(J,)``; all jobs have a time of 1.
    start
        Prices of rows, shape ``(2 G + J,)``, that may be near those of the centre.

    Returns
    -------
    x, nu : array
        Of groups and pairs, shape ``(G + P, J)``; prices of rows, for products of 1.
    """
    groups, types = face.rate.shape
    parts, first = parts_of(face)
    limits = np.concatenate([-need, np.ones(groups), workers])
    # where there is no such face, numbers run away; for equations of this size threads mostly wait
    with np.errstate(all="ignore"), _blas().limit(limits=1, user_api="blas"):
        search = _Search(parts, JointEquations(parts, first, types, slack_of_rows(face)), limits)
        if not search.run(start):
            return None
    x: Floats = np.zeros((groups + face.pairs.use.size, types))
    for part in parts:
        part.hand_out(x)
    return x, search.nu


@functools.cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


class _Step(NamedTuple):
    """A step of prices, how far shares and costs can go along, and the largest relative change."""

    nu: Floats
    primal: float
    dual: float
    moved: float


class _Search:
    """The way to the centre: where it is, and its equations."""

    def __init__(self, parts: list[Part], equations: JointEquations, limits: Floats) -> None:
        self._parts, self._equations, self._limits = parts, equations, limits
        self.nu = np.zeros(limits.size)

    def run(self, start: Floats | None) -> bool:
        """Go there, from prices that may be near it or from outside; whether it has been reached."""
        if self._equations.size > MOST:
            return False
        near = start is not None and self._equations.unique and self._from_last(start)
        if not (near or self._from_outside()):
            return False
        if not self._equations.unique:
            return True
        canonical = self._equations.canonical(self.nu)
        return any(self._from_prices(rounded(canonical, bits)) for bits in BITS) or (
            self._from_outside()
        )

    def _from_prices(self, nu: Floats) -> bool:
        """Newton's method from where these prices would be a centre's."""
        return self._stand_at(nu) and self._newton(1.0, near=True, limit=LIMIT)

    def _from_last(self, nu: Floats) -> bool:
        """The same of prices of another face; where they are too far off, the way from outside, begun there."""
        if self._from_prices(nu):
            return True
        if not self._stand_at(nu):
            return False
        even = sum(part.weight for part in self._parts) / self._equations.groups
        for part in self._parts:
            part.lift(SHARES)
            part.raise_costs(COSTS * even)
        return self._until_met()

    def _stand_at(self, nu: Floats) -> bool:
        """Go where these prices would be a centre's; False where a column would cost nothing."""
        self.nu = nu.copy()
        return min(part.stand_at(nu) for part in self._parts) > 0.0

    def _from_outside(self) -> bool:
        """The whole way, from an even split."""
        self.nu = np.zeros(self._limits.size)
        for part in self._parts:
            part.go_out()
        return self._start() and self._until_met()

    def _until_met(self) -> bool:
        """The predictor and corrector until rows are met, then Newton's method."""
        total = sum(part.weight for part in self._parts)
        held: Any = sum(part.held() for part in self._parts)
        missing = float(np.abs(held - self._limits).max())
        for count in range(LIMIT):
            mu = sum(part.product() for part in self._parts) / total
            if missing <= MET:
                found = self._newton(mu, near=False, limit=LIMIT - count)
                self.nu /= mu
                return found
            if not self._factor():
                return False
            step = self._towards(0.0, 0.0)
            left = self._product_after(min(step.primal, 1.0), min(step.dual, 1.0)) / total
            goal = min((left / mu) ** 3, 1.0) * mu
            step = self._recentred(self._towards(goal, 1.0), goal)
            if not np.isfinite(step.nu).all():
                return False
            missing *= 1.0 - self._take(step, BACK)
        return False

    def _newton(self, goal: float, near: bool, limit: int) -> bool:
        """Newton's method towards products of ``goal``; where that should be ``near``, while its steps are no shorter."""
        drift = before = np.inf
        longest = 0.0
        for count in range(limit):
            for part in self._parts:
                part.look_at_prices(self.nu)
            if drift > STALE:
                drift = 0.0
                if not self._factor():
                    return False
            else:
                for part in self._parts:
                    part.weigh()
            step = self._towards(goal, 0.0)
            moved = step.moved
            step = self._recentred(step, goal)
            if not np.isfinite(step.nu).all():
                return False
            length = min(step.primal, step.dual)
            longest = max(longest, length)
            if near and _leads_nowhere(count, length, longest, moved):
                return False
            self._take(step, NEWTON_BACK)
            drift += moved
            if moved * drift <= EXACT or 0.5 * before < moved <= STEADY:
                return True
            before = moved
        return False

    def _take(self, step: _Step, back: float) -> float:
        """Take a step, but for a part of what is left where it ends too early; how much of shares."""
        primal, dual = min(back * step.primal, 1.0), min(back * step.dual, 1.0)
        for part in self._parts:
            part.take(primal, dual)
        self.nu += dual * step.nu
        return primal

    def _factor(self) -> bool:
        for part in self._parts:
            part.weigh()
        return self._equations.factor()

    def _start(self) -> bool:
        """The shares nearest to an even split that meet all rows, raised until they are positive."""
        if not self._factor():
            return False
        prices = self._equations.solve(self._limits)
        least = min(part.begin(prices) for part in self._parts)
        for part in self._parts:
            part.lift(1.0 + _ROOM * max(-least, 0.0))
        return bool(np.isfinite(least))

    def _product_after(self, primal: float, dual: float) -> float:
        return sum(part.product_after(primal, dual) for part in self._parts)

    def _towards(self, goal: float, second: float) -> _Step:
        """The step towards products of ``goal``, with that part of the last step's second order."""
        for part in self._parts:
            part.aim(goal, second)
        return self._finished()

    def _finished(self) -> _Step:
        """The step that has begun, with the prices that it takes to meet rows."""
        total: Any = sum(part.totals() for part in self._parts)
        nu = self._equations.solve(total - self._limits)
        below_x, below_z, moved = np.max([part.walk(nu) for part in self._parts], axis=0).tolist()
        tiny = np.finfo(float).tiny
        return _Step(nu, 1.0 / max(below_x, tiny), 1.0 / max(below_z, tiny), moved)

    def _recentred(self, step: _Step, goal: float) -> _Step:
        """Correct a short step as long as that makes it longer."""
        for _ in range(AGAIN):
            if min(step.primal, step.dual) >= LONG:
                break
            primal, dual = (min(1.5 * length + AHEAD, 1.0) for length in step[1:3])
            for part in self._parts:
                part.recentre(goal, primal, dual)
            more = self._finished()
            gain = min(more.primal, 1.0) + min(more.dual, 1.0)
            better = gain >= min(step.primal, 1.0) + min(step.dual, 1.0) + 0.01
            for part in self._parts:
                part.end_recentring(better)
            if not better:
                break
            step = more._replace(nu=step.nu + more.nu)
        return step


def _leads_nowhere(count: int, length: float, longest: float, moved: float) -> bool:
    """Whether another way is shorter than on from this step, with what the longest was and how far it moves."""
    if length < (SHORTER if count else FULL):
        return True
    return (count >= FEW // 2 and longest < LONGER) or (count >= FEW and moved > STALE)


def rounded(values: Floats, bits: int) -> Floats:
    """Numbers of so many bits."""
    part, power = np.frexp(values)
    found: Floats = np.ldexp(np.round(np.ldexp(part, bits)), power - bits)
    return found


def face_of(program: ScaledProgram, prices: Prices) -> Face:
    """The face of which ``prices`` are strictly complementary duals: what costs nothing is not zero.

    Parameters
    ----------
    program, prices
        The program and its duals.
    """
    clear, dearest = program.nothing()
    cost = program.use[:, None] * prices.workers + prices.time[:, None]
    cost = cost - program.rate * prices.level[:, None] - program.reward
    time, workers = prices.time <= dearest.time, prices.workers <= dearest.workers
    row = program.scale > 0.0
    weight = SETTINGS.slack_weight * program.count
    return Face(
        rate=program.rate,
        use=program.use,
        alone=program.helps & (cost <= clear),
        pair=open_pairs(program.pairs, prices, clear, time, workers),
        pairs=program.pairs,
        jobs=program.count,
        surplus=np.where(row & (prices.level <= dearest.level), weight, 0.0),
        time=np.where(time, weight, 0.0),
        workers=workers.astype(np.float64),
    )
