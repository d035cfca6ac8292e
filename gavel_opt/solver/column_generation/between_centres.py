r"""Where between two centres another is: prices of one face with more room, and of one with less.

Where jobs that do not set the level have little left over, prices of levels and workers are many times what they are
elsewhere, and at a centre with something in between they are nearly a sum of both, :math:`\nu = a \nu_1 + b \nu_2`.
Of all such sums the one is sought with the least :math:`b \cdot \nu - \sum_k w_k \log(a_k \cdot \nu)`, which is least of all prices at
the centre: two unknowns, a pass over the columns for each of Newton's steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.jit import compiled, make_ready

_STEPS = 12
_NEAR = 1.0
"""Newton's method ends where its step would lower the sum by no more: the columns are many."""
_BACK = 0.9
"""Part of the way to the first cost of zero that is gone."""
_MANY = 2000
"""Columns from which on passes are not interpreted."""


class Between(NamedTuple):
    """Columns, by weight, and what they cost at two centres' prices, each of shape ``(C,)``."""

    weight: Floats
    one: Floats
    other: Floats

    @property
    def least(self) -> tuple[float, float]:
        """The least cost at either."""
        there = self.weight > 0.0
        one, other = self.one[there], self.other[there]
        return float(one.min(initial=np.inf)), float(other.min(initial=np.inf))


@compiled
def _slopes(columns: Between, mix: Floats, found: Floats) -> None:
    """Add the slopes and curvatures of the sum of logarithms to ``found``: of one, other, one twice, both, other twice."""
    weight, one, other = columns
    for n in range(weight.size):
        if weight[n] > 0.0:
            cost = mix[0] * one[n] + mix[1] * other[n]
            first, second = one[n] / cost, other[n] / cost
            found[0] += weight[n] * first
            found[1] += weight[n] * second
            found[2] += weight[n] * first * first
            found[3] += weight[n] * first * second
            found[4] += weight[n] * second * second


@compiled
def _falls(columns: Between, mix: Floats, step: Floats) -> float:
    """The largest part of itself by which a cost falls."""
    weight, one, other = columns
    most = 0.0
    for n in range(weight.size):
        if weight[n] > 0.0:
            cost = mix[0] * one[n] + mix[1] * other[n]
            most = max(most, -(step[0] * one[n] + step[1] * other[n]) / cost)
    return most


def nearest_mix(parts: list[Between], values: Floats) -> Floats:
    """How much of the one prices and of the other, shape ``(2,)``.

    Parameters
    ----------
    parts
        All columns; they cost something at both.
    values
        What rows' limits cost at the one, and at the other.
    """
    mix = np.full(2, 0.5)
    for part in parts:
        if part.weight.size > _MANY:
            make_ready(_falls, (part, mix, mix))
    for _ in range(_STEPS):
        slope, square = _bent(parts, mix, values)
        square[[0, 1], [0, 1]] *= 1.0 + 1e-12
        step = np.asarray(np.linalg.solve(square, slope), dtype=np.float64)
        falls = max(_falls(part, mix, step) for part in parts)
        mix += min(1.0, _BACK / max(falls, 1e-300)) * step
        if slope @ step <= _NEAR:
            break
    return mix


def fall_of_sum(parts: list[Between], values: Floats) -> float:
    """How far the sum seems to fall from both prices together, twice, if there may be more of either and less of the other."""
    (one, other), ((own, both), (_, others)) = (
        found.tolist() for found in _bent(parts, np.ones(2), values)
    )
    left = own * others - both * both
    return (
        (others * one * one - 2.0 * both * one * other + own * other * other) / left
        if left
        else 0.0
    )


def _bent(parts: list[Between], mix: Floats, values: Floats) -> tuple[Floats, Floats]:
    """The sum's slope, shape ``(2,)``, and how it bends, ``(2, 2)``."""
    found = np.zeros(5)
    for part in parts:
        if part.weight.size > _MANY:
            make_ready(_slopes, (part, mix, found))
        _slopes(part, mix, found)
    return found[:2] - values, np.array([[found[2], found[3]], [found[3], found[4]]])
