r"""The centre of an optimal face of very many pairs, where few jobs set the level and the rest has room.

Then most of the :math:`n^2/2` pairs are in some optimum. The centre has

.. math:: A x = b, \qquad z = A^T \nu, \qquad x_k z_k = \mu w_k

for some :math:`\mu` and all columns k of the face, slacks among them (:mod:`gavel_opt.solver.column_generation.face_columns`).
Newton's method goes there with one :math:`\mu` from the first step on, as there is no objective: the smaller it is, the smaller
:math:`\nu`, and nothing else. Steps have 2 G + J unknowns
(:mod:`gavel_opt.solver.column_generation.joint_equations`): no pair has equations of its own. They are taken whole, share by
share: what a share or a cost would fall short of is left to the next step, be it nearly all of them at first or some tens of
a hundred thousand.

Interiors are thin, of the order of 1e-5 of a level where a single job keeps thousands from more: 9 to 11 sets of equations
for most faces, 14 to 20 for such ones. Prices of the last centre (:mod:`gavel_opt.solver.column_generation.kept_centre`)
are three to eight away, and twelve where there is much more room, or less: a first step of a hundredth of the way is no sign of being far off,
since few columns are all that is.

The centre does not depend on where the search began, and neither do its last bits: prices are rounded to
``BITS`` once they are found, and Newton's method goes on from there. Two ways to one centre differ by less than
1e-13 there, so it would take tens of thousands of programs until a price of one is rounded another way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.solver.blas_threads import one_thread
from gavel_opt.solver.column_generation.face_columns import Face, open_pairs
from gavel_opt.solver.column_generation.face_parts import Part, parts_of
from gavel_opt.solver.column_generation.held_columns import pushes, together
from gavel_opt.solver.column_generation.joint_equations import JointEquations
from gavel_opt.solver.column_generation.kept_centre import slack_of_rows
from gavel_opt.solver.column_generation.pair_pricing import Prices
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram
from gavel_opt.solver.settings import SETTINGS

LIMIT = 80
"""Steps, after which the face has no centre."""
MOST = 60_000_000
"""Numbers in the equations, 480 MB, beyond which no centre is sought: groups of 3,800 jobs joined by pairs."""
KEPT = 0.2
"""Part of itself that a step leaves of a share or a cost at least: a few that would be negative, of jobs alone mostly, hold
no other back, and what is missing in their rows is made good in the next step."""
AIM = 1e-3
"""Products that are aimed at from outside, in parts of those at an even split."""
NEAR = 30
"""Steps from the last centre's prices, after which the way from outside is shorter."""
STALE = 1e-2
"""Equations serve for further steps until a variable has moved by this part since they were factored."""
ROUGH = 1e-4
"""Part of a step that equations solved as they are leave open at most."""
EXACT, ENOUGH, STEADY = 1e-13, 1e-11, 1e-6
"""Newton's method ends once the next change of a variable would be smaller than the first part of it, from rounded prices,
which are the same whoever comes, than the second, or once none is larger than the third and they get no smaller."""
FEW_HELD, ROUNDS = 8, 3
"""Columns that are held back, one for so many groups at most, go through a step together; those that are held back in their
place go with them, so often."""
LONG = 5.0
"""Steps of Newton's method shorter than this are taken with what shares and costs do to each other."""
CLOSE = 0.1
"""Part by which a variable has moved up to which the next steps are sharp."""
BITS = 24, 32, 40
"""Of prices: the first with which all columns still cost something."""
ALIKE, FEWER = 1e-3, 16
"""Where a row has no more than this of its own, two ways to a centre find prices that differ by a part of 1e-11 (with half of it) to
1e-8 or so, and are rounded to fewer bits."""
_ROOM = 1.5
"""How far beyond the least that makes them positive the first shares are raised."""


def centre(
    face: Face, need: Floats, workers: Floats, near: Floats | None = None
) -> tuple[Floats, Floats] | None:
    """Shares in the centre of a face, 0 outside of it and for pairs that idle; None if it has none.

    Parameters
    ----------
    face
        The face.
    need, workers
        Right-hand sides: levels, shape ``(G,)``, and workers, ``(J,)``; all jobs have a time of 1.
    near
        Prices of rows, shape ``(2 G + J,)``, that may be near those of the centre.

    Returns
    -------
    x, nu : array
        Of groups and pairs, shape ``(G + P, J)``; prices of rows, for products of 1.
    """
    groups, types = face.rate.shape
    parts, first = parts_of(face)
    limits = np.concatenate([-need, np.ones(groups), workers])
    # where there is no such face, numbers run away
    with np.errstate(all="ignore"), one_thread():
        search = _Search(parts, JointEquations(parts, first, types, slack_of_rows(face)), limits)
        if not search.run(near):
            return None
    x: Floats = np.zeros((groups + face.pairs.use.size, types))
    for part in parts:
        part.hand_out(x)
    return x, search.nu


class _Step(NamedTuple):
    """A step of prices, how far all shares and costs can go along, and the largest relative change."""

    nu: Floats
    length: float
    moved: float


class _Search:
    """The way to the centre: where it is, and its equations."""

    def __init__(self, parts: list[Part], equations: JointEquations, limits: Floats) -> None:
        self._parts, self._equations, self._limits = parts, equations, limits
        self.nu = np.zeros(limits.size)
        self._nobody = [np.empty(0, dtype=np.int64) for _ in parts]

    def run(self, near: Floats | None) -> bool:
        """Go there, from prices that may be near it or from outside; whether it has been reached."""
        if self._equations.size > MOST:
            return False
        if not self._equations.unique:
            return self._from_outside()
        if (near is None or not self._from_prices(near, NEAR)) and not self._from_outside():
            return False
        canonical, own = self._equations.canonical(self.nu)
        tried = BITS if own > ALIKE else (FEWER, *BITS)
        starts = (rounded(canonical, bits) for bits in tried)
        return any(self._from_prices(nu, LIMIT, ENOUGH) for nu in starts) or self._from_outside()

    def _from_prices(self, nu: Floats, limit: int, exact: float = EXACT) -> bool:
        """Newton's method from where these prices would be a centre's."""
        return self._stand_at(nu) and self._newton(1.0, limit, exact)

    def _stand_at(self, nu: Floats) -> bool:
        """Go where these prices would be a centre's; False where a column would cost nothing."""
        self.nu = nu.copy()
        self._equations.begin()
        return min(part.stand_at(nu) for part in self._parts) > 0.0

    def _from_outside(self) -> bool:
        """The whole way, from an even split."""
        self.nu = np.zeros(self._limits.size)
        self._equations.begin()
        for part in self._parts:
            part.go_out()
        if not self._start():
            return False
        weight = sum(part.weight for part in self._parts)
        goal = AIM * sum(part.product() for part in self._parts) / weight
        found = self._newton(goal, LIMIT)
        self.nu /= goal
        return found

    def _newton(self, goal: float, limit: int, exact: float = EXACT) -> bool:
        """Newton's method towards products of ``goal``, until the change of a variable is ``exact``."""
        drift, before = np.inf, np.inf
        for _ in range(limit):
            anew = drift > STALE
            if anew:
                drift = 0.0
            # rough solutions lose the way where many rows have no slack
            sharp = before < CLOSE or not self._equations.unique
            step = self._towards(goal, anew, sharp)
            if step is None or not np.isfinite(step.nu).all():
                return False
            if step.length < LONG:
                more = self._beyond(goal)
                step = more._replace(nu=step.nu + more.nu)
            whole = self._nobody
            if step.length * (1.0 - KEPT) < 1.0:
                step, whole = self._with_held(step, goal)
            held = self._take(step, whole)
            drift += step.moved
            off = step.moved * max(drift, ROUGH)
            if not held and (off <= exact or 0.5 * before < step.moved <= STEADY):
                return True
            before = step.moved
        return False

    def _with_held(self, step: _Step, goal: float) -> tuple[_Step, list[Ints]]:
        """The step with the columns that it would hold back gone through it together, if they are few; and which these are."""
        most = self._equations.groups // FEW_HELD
        places = self._nobody
        for _ in range(ROUNDS):
            room, found = most, []
            for part, known in zip(self._parts, places, strict=True):
                here = np.empty(most, dtype=np.int64)
                many = part.held_back(KEPT, here)
                if many > room:
                    return step, places
                found.append(np.union1d(known, here[:many]))
                room -= found[-1].size
            if room < 0 or sum(map(len, found)) == sum(map(len, places)):
                return step, places
            held = [part.held(own) for part, own in zip(self._parts, found, strict=True)]
            all_held = together(held)
            columns = all_held.entries(self._equations.groups, self._equations.types)
            by = pushes(all_held, self._equations.products(columns), goal)
            if by is None:
                return step, places
            nu, at = self._equations.solve(columns @ by), 0
            for part, own in zip(self._parts, found, strict=True):
                part.push(own, by[at : at + own.size])
                at += own.size
            places = found
            step = self._walk(nu)._replace(nu=step.nu + nu)
        return step, places

    def _take(self, step: _Step, whole: list[Ints]) -> int:
        """Take a step, but for shares and costs that would be held back and are not ``whole``; how many would be."""
        self.nu += step.nu
        return sum(part.take(KEPT, own) for part, own in zip(self._parts, whole, strict=True))

    def _start(self) -> bool:
        """The shares nearest to an even split that meet all rows, raised until they are positive."""
        for part in self._parts:
            part.weigh()
        if not self._equations.factor():
            return False
        prices = self._equations.solve(self._limits)
        least = min(part.begin(prices) for part in self._parts)
        for part in self._parts:
            part.lift(1.0 + _ROOM * max(-least, 0.0))
        return bool(np.isfinite(least))

    def _towards(self, goal: float, anew: bool, sharp: bool) -> _Step | None:
        """The step towards products of ``goal``, with equations factored anew or those of before; None if they cannot be."""
        total = self._aim(goal)
        if anew and not self._equations.factor():
            return None
        if sharp:
            self._equations.sharpen()
        return self._meet(total)

    def _beyond(self, goal: float) -> _Step:
        """What the step is, with its second order, beyond the last one."""
        return self._meet(self._aim(goal, second=1.0))

    def _aim(self, goal: float, second: float = 0.0) -> Floats:
        total: Any = sum(part.aim(self.nu, goal, second) for part in self._parts)
        return np.asarray(total)

    def _meet(self, total: Floats) -> _Step:
        """Finish a step with the prices for which rows, that add up to ``total`` before, are met."""
        return self._walk(self._equations.solve(total - self._limits))

    def _walk(self, nu: Floats) -> _Step:
        """Finish a step with one of prices."""
        below_x, below_z, moved = np.max([part.walk(nu) for part in self._parts], axis=0).tolist()
        return _Step(nu, 1.0 / max(below_x, below_z, np.finfo(float).tiny), moved)


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
