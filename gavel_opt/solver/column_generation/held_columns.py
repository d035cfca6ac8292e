r"""The few columns that hold a step back, taken through it together and exactly, with the factors that are there.

Where a step would leave some tens of a hundred thousand shares or costs negative, its equations serve for all others. Prices that
push column k by :math:`u_k` more, :math:`A D A' \delta = A_K u`, move its share and cost along

.. math:: x = p + u - D G u, \qquad z = q + G u, \qquad G = A_K' (A D A')^{-1} A_K,

and :math:`x_k z_k` is to be what it is at the centre: as many unknowns as there are such columns, so that what would take a set
of equations for each fifth by which one of them may fall is a few small ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints

_STEPS = 40
_KEPT = 0.1
"""Part of itself that a step leaves of a share or a cost at least."""
_STILL = 1e-3
"""Shares and costs that change by no more, relatively, stay: the next set of equations is exact."""


class Held(NamedTuple):
    """Columns, each entry of shape ``(K,)``: as in :class:`~gavel_opt.solver.column_generation.face_columns.Columns`, and where they are.

    Attributes
    ----------
    one, two, kind, first, second, share, other, use, weight
        The columns.
    x, z, ratio
        Shares, costs, and their ratio in the equations.
    along, across
        Where the step that has been found would lead them.
    """

    one: Ints
    two: Ints
    kind: Ints
    first: Floats
    second: Floats
    share: Floats
    other: Floats
    use: Floats
    weight: Floats
    x: Floats
    z: Floats
    ratio: Floats
    along: Floats
    across: Floats

    def entries(self, groups: int, types: int) -> Floats:
        """The columns in all rows, shape ``(2 G + J, K)``."""
        found = np.zeros((2 * groups + types, self.one.size))
        column = np.arange(self.one.size)
        for row, entry in (
            (self.one, -self.first),
            (self.two, -self.second),
            (groups + self.one, self.share),
            (groups + self.two, self.other),
            (2 * groups + self.kind, self.use),
        ):
            np.add.at(found, (row, column), entry)
        return found


def together(parts: list[Held]) -> Held:
    """All of them as one."""
    return Held(*(np.concatenate(entries) for entries in zip(*parts, strict=True)))


def pushes(held: Held, product: Floats, goal: float) -> Floats | None:
    """What each column is pushed by; None where that is not found.

    Parameters
    ----------
    held
        The columns.
    product
        ``G``, shape ``(K, K)``.
    goal
        What shares times costs are to be, by weight.
    """
    # in units in which all ratios are 1
    unit = np.sqrt(held.ratio)
    product = product * unit[:, None] * unit
    x, z, goals = held.x / unit, held.z * unit, goal * held.weight
    along, across = held.along / unit, held.across * unit
    push = np.zeros(x.size)
    for _ in range(_STEPS):
        moves = product @ push
        short, dear = along + push - moves - x, across + moves - z
        right = goals - x * z - z * short - x * dear
        more = np.linalg.solve(np.diag(z) + (x - z)[:, None] * product, right)
        moves = product @ more
        dx, dz = short + more - moves, dear + moves
        push += more
        moved = max(float(np.abs(dx / x).max()), float(np.abs(dz / z).max()))
        if not np.isfinite(moved):
            return None
        if moved <= _STILL:
            found: Floats = push * unit
            return found
        x, z = np.maximum(x + dx, _KEPT * x), np.maximum(z + dz, _KEPT * z)
    return None
