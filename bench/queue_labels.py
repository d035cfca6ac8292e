"""Does a queue come back, or does it grow? Decided from a long simulation alone, without any rule.

The number of jobs in a sustained system returns again and again to where it was; in a saturated one
it leaves every level for good. Nothing is assumed of the policy, the jobs or the cluster. A run of which that is past
doubt long before its end need not go on (:func:`is_hopeless`).
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


def is_hopeless(active: NDArray[np.float64], long: float) -> bool:
    """Whether what has been seen of a run says that its queue will not come back.

    It says so as if the run had ended (:func:`label`), and the queue is so long that chance makes none like it: after
    as many jobs as wait then, the queue of a sustained load would have been worked off many times.

    Parameters
    ----------
    active
        As for :func:`label`, as far as it has come.
    long
        Jobs in the system that no sustained load is thought to see.
    """
    return active.size >= _FEWEST and bool(active[-1] > long) and label(active) == "saturated"


_FEWEST = 40
"""Moments to be seen before a run is given up: 4,000 arrivals as labels are made."""
