"""The highest rate where each job has its workers to itself: a program small enough to be solved on the spot.

An engine gives the same; but to load one takes longer than a short run.
"""

from __future__ import annotations

import numpy as np

from gavel_opt import GavelError
from gavel_opt.arrays import Floats

_ENOUGH = 1e-12
"""What a job may be cheaper by, of 1, without being taken for cheaper."""

_MOST_PIVOTS = 10_000


def cheapest_types(speed: Floats, work: Floats, workers: Floats) -> tuple[float, Floats, Floats]:
    r"""Solve for the highest rate at which a cluster can do work of several keys.

    A *plan* does the work of each key on one worker type. Several plans are followed at once, each for a part of the
    jobs: the simplex method, whose basis has as many plans (or unused types) as there are types, and which looks for
    the next plan by asking where each key is done most cheaply.

    Parameters
    ----------
    speed
        Of each key on each type, shape ``(K, J)``; 0 where it does not fit, and each fits somewhere.
    work
        What a rate of 1 brings of each key, positive, shape ``(K,)``.
    workers
        Of each type, shape ``(J,)``.

    Returns
    -------
    rate, prices, used
        The highest rate, how much it rises with one more worker of each type, and how many are in use.
    """
    types = workers.size
    with np.errstate(divide="ignore"):
        needed = work[:, None] / speed
    basis: Floats = np.eye(types)  # first all types are unused
    inverse, worth = basis.copy(), np.zeros(types)
    part = workers.astype(np.float64)
    each = np.arange(work.size)
    prices = np.zeros(types)
    for _ in range(_MOST_PIVOTS):
        with np.errstate(invalid="ignore"):
            cost = np.where(speed > 0.0, prices * needed, np.inf)
        # at equal cost, as at first, where it is fastest
        cheapest = np.lexsort((needed, cost), axis=1)[:, 0]
        plan = np.bincount(cheapest, needed[each, cheapest], types)
        gain, unused = 1.0 - float(prices @ plan), -prices * plan.sum()
        if max(gain, float(unused.max())) <= _ENOUGH:
            return (
                float(part @ worth),
                np.maximum(prices, 0.0),
                basis[:, worth > 0.0] @ part[worth > 0.0],
            )
        enters = plan if gain >= unused.max() else np.eye(types)[int(unused.argmax())]
        step = inverse @ enters
        with np.errstate(divide="ignore", invalid="ignore"):
            most = np.where(step > _ENOUGH * np.abs(step).max(), part / step, np.inf)
        leaves = int(most.argmin())
        basis[:, leaves], worth[leaves] = enters, float(enters is plan)
        inverse = np.asarray(np.linalg.inv(basis), dtype=np.float64)
        part = np.maximum(inverse @ workers, 0.0)
        prices = worth @ inverse
    raise GavelError("the highest rate that the cluster could sustain was not found")
