"""Level rows of max-min fairness, in one compiled pass.

In the reference's order of operations: one unit in the last place in a coefficient moves a mean JCT by a
third of a percent. Sums over worker types run from the first to the last.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled

SAME = 1e-12
"""Levels this close together, relatively, are the same: this and what follows say when water filling stops."""
MARKED = 1e-4
"""Who pays for time more than this part of the dearest worker's is stopped by workers. Others wait for a later
turn: multipliers of engines are not quite zero where they should be."""
ROUNDING = 1e-7
"""Where less than ``NEARLY`` is missing, prices of all who rise below this part of the dearest of all say nothing of them:
levels of before are out of reach by rounding, and nobody who rises is stopped."""
MET, NEARLY, STILL = 1e-11, 1e-6, 1e-8
"""Levels can be had if all but the first part of them can; after some turns the second will do, if the last turn moved the
time by no more than the third: what is missing then is an engine's tolerance."""
UNSURE = 10.0
"""Times the error of an answer that may be missing besides: levels of every stop before were found to that error too."""
NOISE, FAR = 1e-10, 1e-5
"""Those who rise are far from all others where their levels are worth less than the second part of all at the prices of a program: what can be
had is a part of all levels, and says next to nothing of theirs. Below the first part prices are rounding."""
FIRM, SOFTER, EXACT = 1e-4, 10.0, 1e-15
"""Then no more than the first part of all other levels is in question, or so many times that where no engine proves such a program; these
levels are exact to the third."""
CROWDED = 3.0
"""Times the workers that there are, if jobs without pairs would take more, the first program is likely to be all."""
PATIENCE, MOST = 5, 60
"""Turns after which less precision will do, and after which there is no end in sight."""


@compiled
def fairness_rows(
    alone: Floats,
    key: Ints,
    scale: Ints,
    weight: Floats,
    workers: Ints,
    first: Ints,
    count: Ints,
    plain: bool,
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    r"""Level rows of max-min fairness: normalised throughputs (paper, section 4.1) that rise alike.

    .. math::

        \frac{z_m\, \text{throughput}_{mj}}
             {w_m\, \sum_i \text{throughput}_{mi}\, N_i / \sum_h N_h}

    Parameters
    ----------
    alone
        Steps per second, shape ``(keys, J)``.
    key, scale, weight
        Of each job, shape ``(n,)``.
    workers
        Of each type, shape ``(J,)``.
    first, count
        First job, and number of jobs, of each group, shape ``(G,)``.
    plain
        Take every throughput as 1.

    Returns
    -------
    rate
        The coefficients, shape ``(G, J)``.
    use
        Workers that a group takes, shape ``(G,)``.
    slope, floor, gain
        Ones, zeros and weights, shape ``(G,)``.
    """
    types = workers.size
    share = np.empty(types)
    total = 0.0
    for j in range(types):
        share[j] = workers[j] / key.size
        total += share[j]
    for j in range(types):
        share[j] /= total
    rate, use = np.empty((first.size, types)), np.empty(first.size)
    slope, floor, gain = np.ones(first.size), np.zeros(first.size), np.empty(first.size)
    for g in range(first.size):
        job = first[g]
        row = alone[key[job]]
        use[g], gain[g] = count[g] * scale[job], weight[job]
        equal = 0.0
        for j in range(types):
            equal += (1.0 if plain else row[j]) * share[j]
        inverse = (1.0 / weight[job]) * (1.0 / equal)
        for j in range(types):
            rate[g, j] = ((1.0 if plain else row[j]) * inverse) * scale[job]
    return rate, use, slope, floor, gain
