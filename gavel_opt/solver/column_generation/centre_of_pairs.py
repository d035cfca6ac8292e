r"""The centre of an optimal face of very many pairs, where few jobs set the level and the rest has room.

Then most of the :math:`n^2/2` pairs are in some optimum. The centre has

.. math:: A x = b, \qquad z = A^T \nu, \qquad x_k z_k = \mu w_k

for some :math:`\mu` and all columns k of the face, slacks among them (:mod:`gavel_opt.solver.column_generation.face_columns`).
A predictor and corrector from outside reduces what is missing in :math:`A x = b`; it aims at no objective,
as there is none, and the smaller :math:`\mu` gets, the smaller :math:`\nu`, and nothing else. Once there is nothing
missing, :math:`\mu` stays and Newton's method goes to the centre. Steps have 2 G + J unknowns
(:mod:`gavel_opt.solver.column_generation.joint_equations`): no pair has equations of its own.

Interiors are thin, of the order of 1e-5 of a level where a single job keeps thousands from more: 12 to 20 steps
for most faces, 40 for such ones.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from gavel_opt.arrays import Floats
from gavel_opt.kernels.jit import make_ready
from gavel_opt.solver.column_generation.face_columns import (
    Columns,
    Face,
    Point,
    add_up,
    aim,
    columns_of,
    costs,
    joined,
    open_pairs,
    product_after,
    recentre,
    take,
    walk,
)
from gavel_opt.solver.column_generation.joint_equations import JointEquations
from gavel_opt.solver.column_generation.pair_pricing import Prices
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram
from gavel_opt.solver.settings import SETTINGS

STEADY = 1e-6
"""Newton's method ends once no variable moves by more than this part of itself."""
LIMIT = 80
"""Steps, after which the face has no centre."""
MOST = 60_000_000
"""Numbers in the equations, 480 MB, beyond which no centre is sought: groups of 3,800 jobs joined by pairs."""
MANY = 2000
"""Columns from which on passes are not interpreted."""
MET = 1e-7
"""What may be missing in a row where Newton's method begins."""
BACK, NEWTON_BACK = 0.9, 0.95
"""Parts of the longest step that are taken, from outside and towards the centre."""
SPREAD, AGAIN, LONG, AHEAD = 10.0, 2, 0.9, 0.3
"""Products that a step would bring further than this from their goal are corrected, up to twice, unless the step is
long already, for steps that go half as far again and a bit."""
_ROOM = 1.5
"""How far beyond the least that makes them positive the first shares are raised."""


def centre(face: Face, need: Floats, workers: Floats) -> Floats | None:
    """Shares in the centre of a face, 0 outside of it and for pairs that idle; None if it has none.

    Parameters
    ----------
    face
        The face.
    need, workers
        Right-hand sides: levels, shape ``(G,)``, and workers, ``(J,)``; all jobs have a time of 1.

    Returns
    -------
    array or None
        Of groups and pairs, shape ``(G + P, J)``.
    """
    groups, types = face.rate.shape
    slacks = sum(int((part > 0.0).sum()) for part in (face.surplus, face.time, face.workers))
    many = int(face.alone.sum()) + int(face.pair.sum()) + slacks
    if many > MANY:
        make_ready(columns_of, (face, many))
    columns = columns_of(face, many)
    if many > MANY:
        make_ready(joined, (columns, groups))
    limits = np.concatenate([-need, np.ones(groups), workers])
    # where there is no such face, numbers run away; for equations of this size threads mostly wait
    with np.errstate(all="ignore"), _blas().limit(limits=1, user_api="blas"):
        found = _Search(columns, limits, groups, types, many - slacks).run()
    if found is None:
        return None
    x: Floats = np.zeros((groups + face.pairs.use.size) * types)
    shares = columns.place >= 0
    x[columns.place[shares]] = found[shares]
    return x.reshape(-1, types)


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

    def __init__(
        self, columns: Columns, limits: Floats, groups: int, types: int, shares: int
    ) -> None:
        self._columns, self._limits = columns, limits
        self._groups, self._types = groups, types
        self._equations = JointEquations(columns, groups, types)
        many = columns.weight.size
        # as if all shared their time alike
        first = np.ones(many)
        first[:shares] = groups / max(shares, 1)
        self._point = Point(first, np.ones(many), np.zeros(many), np.zeros(many))
        self._nu = np.zeros(limits.size)
        self._lack = -self._point.z
        if many > MANY:
            self._make_ready()

    def _make_ready(self) -> None:
        """Have compiled code for every pass."""
        columns, point, groups = self._columns, self._point, self._groups
        make_ready(costs, (columns, self._nu, groups))
        make_ready(add_up, (columns, point, self._lack, self._limits.size, groups))
        make_ready(aim, (point, columns.weight, 0.0, 0.0))
        make_ready(walk, (columns, point, self._lack, self._nu, groups))
        make_ready(recentre, (point, columns.weight, 0.0, 0.0, 0.0, SPREAD))
        make_ready(product_after, (point, 0.0, 0.0))
        make_ready(take, (point, 0.0, 0.0))
        self._equations.make_ready()

    def run(self) -> Floats | None:
        """Go there."""
        if self._equations.size > MOST or not self._start():
            return None
        point, weight = self._point, self._columns.weight
        still = point._replace(z=np.ones_like(point.z))
        begins = add_up(
            self._columns, still, np.zeros_like(point.z), self._limits.size, self._groups
        )
        missing = float(np.abs(begins - self._limits).max())
        total, goal, aimed = float(weight.sum()), 0.0, 0.0
        for _ in range(LIMIT):
            if goal > 0.0 or missing <= MET:
                self._lack = costs(self._columns, self._nu, self._groups) - point.z
            if not self._equations.factor(point.x / point.z):
                return None
            mu = float(point.x @ point.z) / total
            if goal == 0.0 and missing <= MET:
                goal = mu
            if goal > 0.0:
                aimed, back = goal, NEWTON_BACK
                step = self._towards(goal, 0.0)
            else:
                step = self._towards(0.0, 0.0)
                left = product_after(point, min(step.primal, 1.0), min(step.dual, 1.0)) / total
                aimed, back = min((left / mu) ** 3, 1.0) * mu, BACK
                step = self._towards(aimed, 1.0)
            moved = step.moved
            step = self._recentred(step, aimed)
            if not np.isfinite(step.nu).all():
                return None
            primal, dual = min(back * step.primal, 1.0), min(back * step.dual, 1.0)
            take(point, primal, dual)
            self._nu += dual * step.nu
            self._lack *= 1.0 - dual
            missing *= 1.0 - primal
            if goal > 0.0 and moved <= STEADY:
                return point.x
        return None

    def _start(self) -> bool:
        """The shares nearest to an even split that meet all rows, raised until they are positive."""
        x, z, _, _ = self._point
        if not self._equations.factor(x / z):
            return False
        even = x.copy()
        x[:] = even * costs(self._columns, self._equations.solve(self._limits), self._groups)
        x += even * (1.0 + _ROOM * max(-float((x / even).min()), 0.0))
        return bool(np.isfinite(x).all())

    def _row_totals(self) -> Floats:
        """What rows add up to where the step that has begun leads, before prices move."""
        point, groups = self._point, self._groups
        return add_up(self._columns, point, self._lack, self._limits.size, groups)

    def _towards(self, goal: float, second: float) -> _Step:
        """The step towards products of ``goal``, with that part of the last step's second order."""
        aim(self._point, self._columns.weight, goal, second)
        return self._finished()

    def _finished(self) -> _Step:
        """The step that has begun in ``dx``, with the prices that it takes to meet rows."""
        nu = self._equations.solve(self._row_totals() - self._limits)
        below_x, below_z, moved = walk(self._columns, self._point, self._lack, nu, self._groups)
        tiny = np.finfo(float).tiny
        return _Step(nu, 1.0 / max(below_x, tiny), 1.0 / max(below_z, tiny), moved)

    def _recentred(self, step: _Step, goal: float) -> _Step:
        """Correct a short step as long as that makes it longer."""
        _, _, dx, dz = self._point
        lack = self._lack
        for _ in range(AGAIN):
            if min(step.primal, step.dual) >= LONG:
                break
            before = dx.copy()
            primal, dual = (min(1.5 * length + AHEAD, 1.0) for length in step[1:3])
            self._lack = recentre(self._point, self._columns.weight, goal, primal, dual, SPREAD)
            better = self._finished()
            gain = min(better.primal, 1.0) + min(better.dual, 1.0)
            if gain < min(step.primal, 1.0) + min(step.dual, 1.0) + 0.01:
                dx[:], dz[:] = before, self._lack
                break
            step = better._replace(nu=step.nu + better.nu)
        self._lack = lack
        return step


def face_of(program: ScaledProgram, prices: Prices, clear: float) -> Face:
    """The face of which ``prices`` are strictly complementary duals: what costs nothing is not zero.

    Parameters
    ----------
    program, prices
        The program and its duals.
    clear
        Reduced costs up to this are none, and prices of rows up to a thousandth of it.
    """
    dearest = 1e-3 * clear
    cost = program.use[:, None] * prices.workers + prices.time[:, None]
    cost = cost - program.rate * prices.level[:, None] - program.reward
    time, workers = prices.time <= dearest, prices.workers <= dearest
    row = program.scale > 0.0
    weight = SETTINGS.slack_weight * program.count
    return Face(
        rate=program.rate,
        use=program.use,
        alone=program.helps & (cost <= clear),
        pair=open_pairs(program.pairs, prices, clear, time, workers),
        pairs=program.pairs,
        jobs=program.count,
        surplus=np.where(row & (prices.level <= dearest), weight, 0.0),
        time=np.where(time, weight, 0.0),
        workers=workers.astype(np.float64),
    )
