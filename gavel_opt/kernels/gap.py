"""The relative gap between an objective and a bound of it, the one that every certificate states."""

from __future__ import annotations

from gavel_opt.kernels.jit import compiled

LEVEL_SIZE = 0.1
"""The unit of our solver's proofs, where the level of an even split is 1."""


@compiled
def relative_gap(value: float, bound: float, unit: float) -> float:
    """How far a bound is from the objective, as a part of both and of ``unit``.

    Parameters
    ----------
    value, bound
        The objective, and what bounds it.
    unit
        The size of an objective below which errors count as they are, not as parts of it.
    """
    return abs(value - bound) / (unit + abs(value) + abs(bound))
