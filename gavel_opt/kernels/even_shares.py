"""Every job's even part of the cluster, in one compiled pass."""

from __future__ import annotations

from typing import NamedTuple

from gavel_opt.arrays import Ints
from gavel_opt.kernels.even_split import split_evenly
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.records import by_reference


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
    jobs = task.jobs
    size = jobs.size[0]
    for job in range(size):
        split_evenly(task.workers, size, jobs.scale_factor[job], jobs.shares[job])
    return 1
