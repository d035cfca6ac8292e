r"""The weighted centre where workers of every type may be left over, from the prices of these workers alone.

At prices each job knows its shares (:mod:`~gavel_opt.solver.many_types.shares_at_prices`), and prices are right where
:math:`p_j` times the workers left over is 1: Newton's method in J unknowns, convex, a third of the steps of one in all
shares. Its equations are solved by conjugate gradients, for which they are factored now and then.
It starts from the body alone, so the answer does not depend on how the body was found.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import blas, lapack

from gavel_opt.arrays import Floats
from gavel_opt.solver.many_types.equations import ready
from gavel_opt.solver.many_types.shares_at_prices import Centre, Jobs, eliminate, settle

LIMIT, PATIENCE = 60, 4
FAR = 12
"""Steps after which a decrement above the number of groups is no progress: workers are so scarce that shares are better steps."""
STEADY, ROUNDING = 1e-17, 1e-10
"""Decrement of a last step; below the second one that does not fall is rounding."""
SURE = 1e-24
"""Decrement at which a job's shares are what prices make them."""
ROUGHLY = 0.001
"""The same where prices are far off, and the part of the prices' decrement to come that jobs may miss."""
LEAST_LEFT = 0.1
"""Workers are taken to leave at least this part of what prices say."""
BEHIND, TRIES, SMALL = 0.3, 4, 1e-9
"""A step is shortened where its end falls this part as fast as its beginning rises, so often at most; none so small."""
LOWEST = 1e-3
"""Prices that a step would leave less than this part of themselves fall by a factor instead."""
LOOSE, TIGHT, ITERATIONS, EARLY = 0.02, 1e-7, 10, 3
"""Errors of the equations, at most and at least; iterations after which they are factored."""


def centre_with_room(
    jobs: Jobs, workers: Floats, hopeless: Callable[[Floats], bool]
) -> tuple[Floats, int]:
    """Shares ``(G, J)``, and how many steps that took; none if there is no centre, -1 if there may be one.

    Prices are asked now and then whether it is ``hopeless``.
    """
    groups, types = jobs.rate.shape
    search = _Search(jobs, workers)
    step, begins, decrement, last = np.zeros(types), 0.0, np.inf, False
    for steps in range(1, LIMIT + 1):
        beyond = search.go(step, begins, min(decrement, decrement**2) / max(groups, 1))
        if last:
            return np.where(jobs.runs, search.at.x, 0.0), steps
        if steps % PATIENCE == 0 and hopeless(search.price):
            return search.at.x, 0
        if steps >= FAR and decrement > groups:
            break
        change = search.towards(beyond, 0.1 * np.sqrt(decrement))
        before, decrement = decrement, float(beyond @ change)
        if not decrement >= 0.0:
            break
        last = decrement <= STEADY or before <= decrement <= ROUNDING
        falls = np.minimum(1.0 + change / search.price, 1.0)
        step = np.where(falls < LOWEST, (1.0 / (2.0 - falls) - 1.0) * search.price, change)
        begins = float(beyond @ step)
    return search.at.x, -1


class _Search:
    """Prices, what jobs do at them, and the equations there.

    Parameters
    ----------
    jobs, workers
        The body.

    Attributes
    ----------
    price, at
        Prices, and what jobs do.
    """

    def __init__(self, jobs: Jobs, workers: Floats) -> None:
        groups, types = jobs.rate.shape
        self._jobs, self._workers = jobs, workers
        self.price = (float(jobs.jobs.sum()) + 1.0) / workers
        self.at = Centre(np.zeros((groups, types)), np.zeros((groups, 5)), np.empty((3, types)))
        self._factors, self._sums = np.zeros((2, groups, types)), np.empty((2, types))
        self._factor: Floats | None = None

    def go(self, step: Floats, begins: float, exact: float) -> Floats:
        """Take a step along which the value falls as ``begins`` says, or what of it is best; workers beyond those there are."""
        enough = max(SURE, min(1.0, exact) * ROUGHLY)
        beyond = self._settle(step, enough)
        for _ in range(TRIES):
            ends = float(beyond @ step)
            if not ends < -BEHIND * begins or begins < SMALL:
                break
            part = begins / (begins - ends)
            back, step, begins = (part - 1.0) * step, part * step, part * begins
            beyond = self._settle(back, enough)
        return beyond

    def _settle(self, change: Floats, enough: float) -> Floats:
        self.price = self.price + change
        ready(settle, self._jobs, self.price, change, enough, self.at)
        ready(eliminate, self._jobs, self.at, self._factors, self._sums)
        beyond: Floats = self._sums[0] - self._workers + 1.0 / self.price
        return beyond

    def towards(self, beyond: Floats, error: float) -> Floats:
        """Prices' change at which nothing is beyond what there is, but for a part; no numbers where that fails."""
        left = np.maximum(self._workers - self._sums[0], LEAST_LEFT / self.price)
        own = self._sums[1] + left / self.price
        table, unit = self._factors.reshape(-1, own.size), 1.0 / np.sqrt(own)
        side = unit * beyond
        rest, solved = side, np.zeros(own.size)
        along = eased = self._eased(rest)
        size = first = rest @ eased
        if first == 0.0:
            return solved
        goal = np.clip(error, TIGHT, LOOSE) ** 2
        for n in range(1, ITERATIONS + 1):
            product = along - unit * (table.T @ (table @ (unit * along)))
            part = size / (along @ product)
            solved = solved + part * along
            rest = rest - part * product
            eased = self._eased(rest)
            before, size = size, rest @ eased
            if size <= goal * first:
                break
            if n == ITERATIONS or (n >= EARLY and (size / first) ** ITERATIONS > goal**n):
                solved = self._factored(table * unit, side)
                break
            along = eased + size / before * along
        change: Floats = unit * solved
        return change

    def _factored(self, table: Floats, side: Floats) -> Floats:
        """Factor the equations, and solve them; no numbers where that fails."""
        equations = blas.dsyrk(-1.0, table.T, lower=1)
        equations[np.diag_indices(side.size)] += 1.0
        self._factor, failed = lapack.dpotrf(equations, lower=1, clean=0)
        return np.full(side.size, np.nan) if failed else self._eased(side)

    def _eased(self, side: Floats) -> Floats:
        """Equations factored before, or none, solved."""
        if self._factor is None:
            return side
        solved: Floats = lapack.dpotrs(self._factor, side, lower=1)[0]
        return solved
