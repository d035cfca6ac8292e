"""What is asked of max-min and finish-time fairness in one compiled call: jobs, throughputs, workers and terms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.job_columns import JobColumns, PastColumns
from gavel_opt.kernels.records import by_reference, record

TERMS = record(
    widest="i8",  # largest scale factor that a job may have
    reference="i8",  # worker type whose throughputs stand for all, -1 for every type's own
    tolerance="f8",  # of the proof
    plain="?",  # every throughput counts as 1
    efficient="?",  # whether the efficient optimum is wanted
)


class Into(NamedTuple):
    """Where shares go, and what proves them, as :class:`~gavel_opt.kernels.job_columns.JobColumns` has both."""

    shares: Floats
    proof: Floats


@by_reference
class Task(NamedTuple):
    """What there is to do for jobs that come and go.

    Attributes
    ----------
    jobs
        The jobs; get their shares.
    alone, workers
        Throughputs by key, shape ``(keys, J)``, and workers of each type, shape ``(J,)``.
    terms
        TERMS, one.
    start
        Prices and level to start from, as for :func:`~gavel_opt.solver.prices.shortcuts.solve_direct`.
    past
        What finish-time fairness remembers.
    """

    jobs: JobColumns
    alone: Floats
    workers: Ints
    terms: np.ndarray
    start: Floats
    past: PastColumns
