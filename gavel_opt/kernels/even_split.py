"""The cluster split evenly, to the last bit as numpy splits it."""

from __future__ import annotations

from typing import NamedTuple

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.records import by_reference

_LANES = 8


@compiled
def split_evenly(workers: Ints, parts: int, scale: int, share: Floats) -> None:
    """Share of each type of one in so many parts: ``workers / parts / scale``, divided by ``max(1, its sum)``."""
    for j in range(share.size):
        share[j] = (workers[j] / parts) / scale
    total = max(row_sum(share), 1.0)
    for j in range(share.size):
        share[j] /= total


@compiled
def row_sum(row: Floats) -> float:
    """Sum of up to 128 numbers in the order of numpy's: in eight lanes where there are as many numbers."""
    size = row.size
    whole = size - size % _LANES
    total = 0.0
    if whole > 0:
        lane = row[:_LANES].copy()
        for first in range(_LANES, whole, _LANES):
            for k in range(_LANES):
                lane[k] += row[first + k]
        low = (lane[0] + lane[1]) + (lane[2] + lane[3])
        total = low + ((lane[4] + lane[5]) + (lane[6] + lane[7]))
    for k in range(whole, size):
        total += row[k]
    return total


@by_reference
class Splitting(NamedTuple):
    """What there is to do.

    Attributes
    ----------
    jobs
        The jobs; get their shares.
    workers
        Of each type, shape ``(J,)``.
    """

    jobs: JobColumns
    workers: Ints


@compiled
def share_evenly(task: Splitting) -> int:
    """Give every job an even part; always 1."""
    size = task.jobs.size[0]
    split_among(task.jobs.scale_factor[:size], task.workers, task.jobs.shares)
    return 1


@compiled
def split_among(scale_factor: Ints, workers: Ints, shares: Floats) -> None:
    """Give the jobs of these scale factors an even part each: the first rows of the shares."""
    size = scale_factor.size
    for job in range(size):
        split_evenly(workers, size, scale_factor[job], shares[job])
