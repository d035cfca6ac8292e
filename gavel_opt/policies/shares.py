r"""Equal shares without a program: proportional and isolated (paper, sections 4.1, 4.2).

With :math:`N_j` workers of type :math:`j`, :math:`n` jobs and scale factors :math:`z_m`:

.. math::

    x_{mj}^{\text{equal}} = \frac{N_j}{\sum_i N_i}, \qquad
    x_{mj}^{\text{isolated}} = \frac{N_j}{n\, z_m} \Big/ \max\Big(1, \sum_i \frac{N_i}{n\, z_m}\Big)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.model.allocation_program import Allocation
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.policies.policy import Programs, Traits


def proportional_share(workers: Ints, jobs: int) -> Floats:
    """Share of each worker type for each of ``jobs`` jobs, shape ``(J,)``.

    ``workers / jobs``, divided by the sum over types: the throughput under it normalises max-min
    fairness.
    """
    share = workers / jobs
    total: Floats = share / share.sum()
    return total


def isolated_share(workers: Ints, scale_factor: Ints) -> Floats:
    """Share of each job on each type if the cluster were split evenly, shape ``(n, J)``.

    ``workers / n / scale_factor``, each row divided by ``max(1, its sum)``.
    """
    share = (workers / scale_factor.size) / scale_factor[:, None]
    total = np.maximum(np.sum(share, axis=1), 1.0)
    split: Floats = share / total[:, None]
    return split


class _Shares:
    def __init__(self, name: str, seed: int = 0) -> None:
        self.name = name
        self.traits = Traits(shuffles=True, solves=False)

    def _share(self, state: ClusterState) -> Floats:
        raise NotImplementedError

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Yield nothing; return the shares."""
        if state.job.size == 0:
            return Allocation(state.job, np.zeros((0, state.workers.size)))
        return Allocation(state.job, self._share(state))
        yield

    def snapshot(self) -> dict[str, Any]:
        """Nothing is remembered."""
        return {}

    def restore(self, memory: dict[str, Any]) -> None:
        """Nothing is remembered."""


class Isolated(_Shares):
    """Every job gets 1/n of the cluster."""

    def _share(self, state: ClusterState) -> Floats:
        return isolated_share(state.workers, state.scale_factor)


class Proportional(_Shares):
    """Every job gets time on each type in proportion to its workers."""

    def _share(self, state: ClusterState) -> Floats:
        return np.tile(proportional_share(state.workers, state.job.size), (state.job.size, 1))
