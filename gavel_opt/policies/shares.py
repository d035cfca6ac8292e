r"""Equal shares without a program: proportional and isolated (paper, sections 4.1, 4.2).

With :math:`N_j` workers of type :math:`j`, :math:`n` jobs and scale factors :math:`z_m`:

.. math::

    x_{mj}^{\text{equal}} = \frac{N_j}{\sum_i N_i}, \qquad
    x_{mj}^{\text{isolated}} = \frac{N_j}{n\, z_m} \Big/ \max\Big(1, \sum_i \frac{N_i}{n\, z_m}\Big)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gavel_opt.arrays import Floats, Ints, plain_array, whole
from gavel_opt.kernels.arguments import Call
from gavel_opt.kernels.even_split import Splitting, share_evenly, split_among
from gavel_opt.kernels.jit import make_ready
from gavel_opt.model.cluster_state import ClusterState, StandingState
from gavel_opt.policies.one_kernel import AROUND, SharesInColumns
from gavel_opt.policies.policy import Policy, Traits


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


class Isolated(SharesInColumns):
    """Every job gets 1/n of the cluster."""

    traits = Traits(shuffles=True)
    long_from = 256
    saves = AROUND

    def __init__(self, name: str, seed: int = 0) -> None:
        self.name = name

    def kernel_and_task(self, state: StandingState) -> tuple[Callable[[Splitting], int], Splitting]:
        """The kernel that splits the cluster, and what it is handed."""
        return share_evenly, Splitting(state.jobs, plain_array(state.workers))

    def standing_call(self, state: StandingState) -> Call | None:
        """As elsewhere; None for more types than are summed there to the last bit as numpy sums them."""
        return super().standing_call(state) if state.workers.size <= _SUMMED else None

    def shares(self, state: ClusterState) -> Floats:  # type: ignore[override]  # no pairs, so no allocation
        """Return an even split, shape ``(n, J)``."""
        shares = np.empty((state.job.size, state.workers.size))
        given = whole(state.scale_factor), whole(state.workers), shares
        if len(shares) >= self.long_from:
            make_ready(split_among, given)
        split_among(*given)
        return shares


_SUMMED = 128
"""See :func:`gavel_opt.kernels.even_split.row_sum`."""


class Proportional(Policy):
    """Every job gets time on each type in proportion to its workers."""

    traits = Traits(shuffles=True)

    def __init__(self, name: str, seed: int = 0) -> None:
        self.name = name

    def shares(self, state: ClusterState) -> Floats:
        """Return the same row for every job, shape ``(n, J)``."""
        if not (state.job.size and state.workers.any()):
            return np.zeros((state.job.size, state.workers.size))
        shares = np.empty((state.job.size, state.workers.size))
        shares[:] = proportional_share(state.workers, state.job.size)
        return shares
