"""An allocation program without pairs, as compiled code takes it."""

from __future__ import annotations

from typing import NamedTuple

from gavel_opt.arrays import Floats


class BlockTables(NamedTuple):
    """What such a program is made of, of G groups on J worker types.

    Attributes
    ----------
    rate
        Level coefficients, shape ``(G, J)``.
    use
        Workers that a group takes at a time, shape ``(G,)``.
    workers
        Of each type, shape ``(J,)``.
    slope, floor
        Of level rows, shape ``(G,)``.
    reward
        Objective coefficients, counts included, shape ``(G, J)``; ``(0, J)`` where there are none.
    """

    rate: Floats
    use: Floats
    workers: Floats
    slope: Floats
    floor: Floats
    reward: Floats
