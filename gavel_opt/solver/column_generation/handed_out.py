r"""What a pool gets, handed out to its groups, of which each has to come to a mean rate of its own.

A pool's time is a mass at each rate, a group's a mass with a mean: what it needs. They fit if the second are no further
spread out than the first, at each rate :math:`x`,

.. math:: \sum_g c_g (w_g - x)^+ \le \sum_k m_k (r_k - x)^+ ,

(Strassen). Then each group, from the slowest on, can be given a stretch of what is left, without a gap, and the others still fit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.jit import compiled

_FURTHER = 1e-9
"""Part by which groups may be further spread out."""
_NOTHING = 1e-10
"""Part of a group's time that is rounding."""
_SLIVER = 1e-14
"""Part of a ruler that is rounding."""


class Mixes(NamedTuple):
    """Pools, and what their time is made of.

    Attributes
    ----------
    begin
        First group of each pool, and the end, shape ``(P + 1,)``.
    want, size
        Mean rate of each group, ascending within a pool, and its jobs, shape ``(G,)``.
    start
        First rate of each pool, and the end, shape ``(P + 1,)``.
    rate, mass
        Rates of each pool, ascending, and the time of its jobs at each, shape ``(K,)``.
    """

    begin: Ints
    want: Floats
    size: Floats
    start: Ints
    rate: Floats
    mass: Floats


@compiled
def mark_rifts(mixes: Mixes, begins: Bools) -> int:
    """Mark groups at which a pool is to be cut in two, since on both sides of a rate more is wanted than there is; how many."""
    rifts = 0
    for p in range(mixes.begin.size - 1):
        begin, end = mixes.begin[p], mixes.begin[p + 1]
        for k in range(mixes.start[p], mixes.start[p + 1]):
            rate, wanted, there, at = mixes.rate[k], 0.0, 0.0, end
            while at > begin and mixes.want[at - 1] > rate:
                at -= 1
                wanted += mixes.size[at] * (mixes.want[at] - rate)
            for m in range(k + 1, mixes.start[p + 1]):
                there += mixes.mass[m] * (mixes.rate[m] - rate)
            if begin < at < end and wanted > there * (1.0 + _FURTHER):
                rifts += not begins[at]
                begins[at] = True
    return rifts


@compiled
def hand_out(want: Floats, size: Floats, rate: Floats, mass: Floats, given: Floats) -> bool:
    """Fill in what each group of a pool is given at each rate, shape ``(G, K)``; False where they do not fit."""
    left, fit = mass.copy(), True
    for g in range(want.size):
        fit = fit and _give(want[g], size[g], rate, left, given[g])
    return fit


@compiled
def _give(want: float, size: float, rate: Floats, left: Floats, given: Floats) -> bool:
    """Give a group a stretch of what is left whose mean is what it wants."""
    least = -_NOTHING * size
    for i in range(rate.size):
        if left[i] + least >= size and abs(rate[i] - want) <= _NOTHING * want:
            given[i] = size
            left[i] = max(left[i] - size, 0.0)
            return True
        between, worth = 0.0, 0.0
        for k in range(i + 1, rate.size):
            rest = size - between
            upper = (size * want - worth - rate[i] * rest) / (rate[k] - rate[i])
            lower = rest - upper
            if least <= min(lower, upper, left[i] - lower, left[k] - upper):
                given[i], given[k] = max(lower, 0.0), max(upper, 0.0)
                for m in range(i + 1, k):
                    given[m], left[m] = left[m], 0.0
                left[i], left[k] = max(left[i] - lower, 0.0), max(left[k] - upper, 0.0)
                return True
            between += left[k]
            worth += rate[k] * left[k]
    return False


def side_by_side(one: Floats, other: Floats) -> tuple[Ints, Ints, Floats]:
    """Two rulers in pieces: which piece of the one lies beside which of the other, and for how long."""
    ends, other_ends = np.cumsum(one), np.cumsum(other)
    marks = np.union1d(ends, other_ends)
    length = np.diff(marks, prepend=0.0)
    counts = length > _SLIVER * marks[-1:].sum()
    middle = (marks - 0.5 * length)[counts]
    i = np.minimum(np.searchsorted(ends, middle), one.size - 1)
    k = np.minimum(np.searchsorted(other_ends, middle), other.size - 1)
    return i, k, length[counts]


__all__ = ["Mixes", "hand_out", "mark_rifts", "side_by_side"]
