"""What policies see of a run in which co-located throughputs are estimated, not known."""

from __future__ import annotations

import numpy as np

from gavel_opt import InputError, ThroughputTable
from simulator.settings.config import RunConfig
from simulator.world.job_types import JOB_TYPES
from simulator.world.throughputs import Measurements


class EstimatedThroughputs:
    """Matches each job to a reference type as it becomes known; the jobs themselves run as measured.

    Parameters
    ----------
    config
        Reads ``profiling_percentage``, ``reference_models`` and ``seed``.
    measurements, table
        What was measured, and the part of it that the cluster needs.

    Attributes
    ----------
    table
        What policies see.

    Raises
    ------
    InputError
        If the numbers are out of range, or nothing was measured to start from.
    """

    def __init__(
        self, config: RunConfig, measurements: Measurements, table: ThroughputTable
    ) -> None:
        from gavel_opt import ThroughputEstimator  # brings scipy's linear algebra, which takes time

        rows = [measurements.row(name, 1) for name in JOB_TYPES]
        types = np.array([row for row in rows if row >= 0], dtype=np.int64)
        if not types.size:
            raise InputError(
                f"{measurements.source}: none of the paper's job types to estimate from; "
                "leave out --profiling-percentage and --reference-models"
            )
        references = config.reference_models
        self._estimator = ThroughputEstimator(
            table,
            types,
            types.size if references is None else references,
            config.profiling_percentage,
            config.seed + 4,
        )
        self.table = self._estimator.table
        self._matched = np.empty(0, dtype=np.int64)

    def keys(self, true: np.ndarray) -> np.ndarray:
        """Keys in :attr:`table` of all jobs known so far.

        Parameters
        ----------
        true
            Their true keys, by job number; new ones are matched, in order.
        """
        new = [self._estimator.match(key) for key in true[self._matched.size :].tolist()]
        self._matched = np.append(self._matched, np.array(new, dtype=np.int64))
        return self._matched


def estimates_wanted(config: RunConfig) -> bool:
    """Whether the configuration asks for estimates."""
    return config.profiling_percentage < 1.0 or config.reference_models is not None
