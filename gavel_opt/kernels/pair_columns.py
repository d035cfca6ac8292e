"""Pairs of jobs that share workers, as compiled code takes them: one row a pair, with room for more."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints


class PairColumns(NamedTuple):
    """Pairs in arrays that stay where they are.

    Attributes
    ----------
    size
        How many there are, shape ``(1,)``; they have the first rows of the other columns.
    job
        Job numbers, the earlier job first, shape ``(room, 2)``.
    shares
        Of each pair, shape ``(room, J)``.
    """

    size: Ints
    job: Ints
    shares: Floats

    @classmethod
    def with_room(cls, pairs: int, types: int) -> PairColumns:
        """Columns without a pair."""
        job, shares = np.zeros((pairs, 2), np.int64), np.zeros((pairs, types))
        return cls(np.zeros(1, np.int64), job, shares)


NO_PAIRS = PairColumns.with_room(0, 0)
"""Where none can be."""
