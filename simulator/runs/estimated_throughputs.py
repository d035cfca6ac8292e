"""What policies see of a run in which co-located throughputs are estimated, not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from gavel_opt import ClusterState, InputError, ThroughputTable
from simulator.settings.config import RunConfig
from simulator.world.job_types import JOB_TYPES
from simulator.world.throughputs import Measurements


class EstimatedThroughputs:
    """Matches each job to a reference type as it arrives; the jobs themselves run as measured.

    Parameters
    ----------
    config
        Reads ``profiling_percentage``, ``reference_models`` and ``seed``.
    measurements, table
        What was measured, and the part of it that the cluster needs.

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
        self._matched = np.empty(0, dtype=np.int64)

    def show(self, state: ClusterState, arrived: np.ndarray) -> None:
        """Replace what the policy would know by what it can estimate.

        Parameters
        ----------
        state
            The state for the policy; its keys and table are replaced.
        arrived
            True keys of all jobs that have arrived, by job number; new ones are matched, in order.
        """
        new = [self._estimator.match(key) for key in arrived[self._matched.size :].tolist()]
        self._matched = np.append(self._matched, np.array(new, dtype=np.int64))
        state.key = self._matched[state.job]
        state.throughputs = self._estimator.table

    def snapshot(self) -> dict[str, Any]:
        """Return the matches so far and the state of the draws."""
        return {"matched": self._matched, "estimator": self._estimator.snapshot()}

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        self._matched = np.array(memory["matched"], dtype=np.int64)
        self._estimator.restore(memory["estimator"])


def estimates_wanted(config: RunConfig) -> bool:
    """Whether the configuration asks for estimates."""
    return config.profiling_percentage < 1.0 or config.reference_models is not None
