"""What levels are made of, job by job, in one compiled pass each.

All of it in the reference's order of operations: one unit in the last place in a coefficient moves a
mean JCT by a third of a percent. Sums over worker types run from the first to the last.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.isolation import isolated_speeds
from gavel_opt.kernels.jit import compiled


@compiled
def makespan_rows(
    alone: Floats,
    key: Ints,
    scale: Ints,
    workers: Ints,
    first: Ints,
    reference: int,
    steps_left: Floats,
) -> tuple[Floats, Floats, Floats]:
    r"""Level rows of minimum total duration (paper, section 4.2): :math:`T_0 / T` for each job.

    Parameters
    ----------
    alone, key, scale, workers, first, reference
        As for :func:`~gavel_opt.kernels.isolation.isolated_speeds`.
    steps_left
        Of each job, shape ``(n,)``.

    Returns
    -------
    rate
        Steps per second times ``factor``, shape ``(G, J)``.
    factor
        Makespan under isolation by steps, shape ``(G,)``.
    gain
        What a unit of level is worth: that of the isolated share, inverted, shape ``(G,)``.
    """
    rate, solo = isolated_speeds(alone, key, scale, workers, first, reference)
    unit = 0.0
    for g in range(first.size):
        longest = steps_left[first[g]] / solo[g]
        if not longest <= unit:
            unit = longest
    factor, gain = np.empty(first.size), np.empty(first.size)
    for g in range(first.size):
        factor[g] = unit / steps_left[first[g]]
        gain[g] = 1.0 / (solo[g] * factor[g])
        for j in range(workers.size):
            rate[g, j] *= factor[g]
    return rate, factor, gain
