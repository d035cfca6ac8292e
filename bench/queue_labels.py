"""Does a queue come back, or does it grow? Decided from a long simulation alone, without any rule.

The number of jobs in a sustained system returns again and again to where it was; in a saturated one
it leaves every level for good. Nothing is assumed of the policy, the jobs or the cluster.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Label: TypeAlias = Literal["sustained", "saturated", "undecided"]


def label(active: NDArray[np.float64]) -> Label:
    """Decide from the number of jobs in the system at evenly spaced moments.

    Sustained if the last quarter comes back to what was usual (the median) in the first half;
    saturated if it never comes back even to the most that the first half saw. A longer run decides
    what is undecided, unless the load is at the knee itself, where no run would.

    Parameters
    ----------
    active
        Jobs in the system, from an empty one on, shape ``(n,)``; at least 8 of them.
    """
    half, quarter = active[: active.size // 2], active[3 * active.size // 4 :]
    lowest = quarter.min()
    if lowest <= np.median(half):
        return "sustained"
    return "saturated" if lowest > half.max() else "undecided"
