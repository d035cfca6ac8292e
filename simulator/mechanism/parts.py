"""The world as a plain tuple: what Python hands to kernels that are called round by round.

Numba takes 4 microseconds to look through a named tuple of thirty arrays, and one for a plain one; so the
names are given anew inside of the kernel, where that costs nothing.
"""

from __future__ import annotations

from typing import Any

from gavel_opt.kernels.jit import compiled
from simulator.mechanism.records import Queue, Spare, World


def scattered(world: World) -> tuple[Any, ...]:
    """The parts of a world, those that consist of parts in plain tuples too."""
    return tuple(tuple(part) if isinstance(part, tuple) else part for part in world)


@compiled
def gathered(parts: Any) -> World:
    """The world of which these are the parts; ``queue`` and ``spare`` are its last two."""
    return World(*parts[:-2], Queue(*parts[-2]), Spare(*parts[-1]))  # type: ignore[call-arg]
