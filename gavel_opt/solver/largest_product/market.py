r"""A product program as its kernels take it, and a point of it.

For each job of a group with levels :math:`v = \sum_j r_j x_j`, and prices :math:`p` of workers, :math:`\tau` of its
time, the conditions of the optimum are

.. math::

    \frac{r_j}{v} \le k p_j + \tau \quad (= \text{where } x_j > 0), \qquad
    \tau > 0 \Rightarrow \sum_j x_j = 1, \qquad
    p_j > 0 \Rightarrow \sum_g n_g k_g x_{gj} = N_j,

so a job's share of all that is spent, :math:`k p^T x + \tau`, is one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled


class Market(NamedTuple):
    """What is shared, and by whom.

    Attributes
    ----------
    rate
        Of each group by type, its largest being 1, shape ``(G, J)``.
    scale, jobs
        Workers that a job takes, and jobs, of each group, shape ``(G,)``.
    workers
        Of each type, shape ``(J,)``.
    """

    rate: Floats
    scale: Floats
    jobs: Floats
    workers: Floats


class Point(NamedTuple):
    """Shares, what is left, and prices of both.

    Attributes
    ----------
    x, z
        Share of each job of a group by type, and what a unit of it would cost more than it is worth, ``(G, J)``.
    left, time
        What is left of each job's time, and its price, ``(G,)``.
    free, price
        Workers that are left of each type, and the price of one, ``(J,)``.
    level, worth
        Of each group, and of a unit of it: one over the level in the end, ``(G,)``.
    """

    x: Floats
    z: Floats
    left: Floats
    time: Floats
    free: Floats
    price: Floats
    level: Floats
    worth: Floats


@compiled
def room_for_point(groups: int, types: int) -> Point:
    """A point of zeros."""
    return Point(
        np.zeros((groups, types)),
        np.zeros((groups, types)),
        np.zeros(groups),
        np.zeros(groups),
        np.zeros(types),
        np.zeros(types),
        np.zeros(groups),
        np.zeros(groups),
    )


@compiled
def market_of(rate: Floats, use: Floats, count: Ints, workers: Floats) -> Market:
    """Scale each group's rates to a largest of 1, which adds a number to the objective; no groups where that cannot be."""
    groups, types = rate.shape
    scaled, scale, jobs = np.empty((groups, types)), np.empty(groups), np.empty(groups)
    for j in range(types):
        if not 0.0 < workers[j] < np.inf:
            groups = 0
    for g in range(groups):
        most = 0.0
        for j in range(types):
            most = max(most, rate[g, j])
        if not (0.0 < most < np.inf and count[g] > 0 and use[g] > 0.0):
            groups = 0
            break
        jobs[g] = count[g]
        scale[g] = use[g] / jobs[g]
        for j in range(types):
            scaled[g, j] = rate[g, j] / most
    return Market(scaled[:groups], scale[:groups], jobs[:groups], workers)
