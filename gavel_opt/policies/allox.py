r"""AlloX: minimum mean completion time as an assignment of jobs to places in line.

Baseline of the paper (section 7.1); single-GPU jobs only. Job :math:`m` placed :math:`k`-th from the
end of the line of worker :math:`w` delays :math:`k` jobs, itself included:

.. math::

    \min \sum_{m,w,k} z_{mwk} \left( k\, \frac{\text{steps}_m}{\text{throughput}_{mw}}
        + \text{age}_m \right) \quad\text{s.t.}\quad
        \sum_{w,k} z_{mwk} = 1,\ \sum_m z_{mwk} \le 1,\ z \in \{0, 1\}

Only the first job of each line is placed, and it keeps its worker until it completes; the rest is
assigned anew next time. The assignment is the one that scipy finds for the reference, ties included, found
with workers of a type as one (:mod:`gavel_opt.kernels.assignment`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gavel_opt.arrays import plain_array
from gavel_opt.errors import InputError
from gavel_opt.kernels.assignment.lines import Lines
from gavel_opt.kernels.job_lines import Placing, place_in_lines
from gavel_opt.model.cluster_state import ClusterState, StandingState
from gavel_opt.policies.one_kernel import KeepsTypes
from gavel_opt.policies.policy import Traits


class AlloX(KeepsTypes):
    """Assignment of jobs to places in the workers' lines.

    Parameters
    ----------
    name
        The policy's name.
    alpha
        Part of the waiting jobs, the oldest, that is considered; at least one for each free worker.
    """

    traits = Traits(single_gpu_only=True, by_arrival=True)
    long_from = 64

    def __init__(self, name: str, alpha: float = 1.0, seed: int = 0) -> None:
        super().__init__()
        if not 0.0 <= alpha <= 1.0:
            raise InputError(f"alpha is {alpha}, expected 0 to 1")
        self.name = name
        self._alpha = alpha
        self._wanted = np.zeros(1, np.int64)

    def kernel_and_task(self, state: StandingState) -> tuple[Callable[[Placing], int], Placing]:
        """The kernel that places jobs, and what it is handed."""
        room, workers = len(state.jobs.key), plain_array(state.workers)
        placed = self._room_for(room)
        columns = max(3 * room + 5 * int(workers.sum()), int(self._wanted[0]))
        return place_in_lines, Placing(
            state.jobs,
            plain_array(np.asarray(state.throughputs.alone, dtype=np.float64)),
            workers,
            np.array([self._alpha]),
            placed,
            Lines.with_room(room, workers.size, columns),
            self._wanted,
        )

    def make_room(self, state: ClusterState) -> None:
        """Have longer lines.

        Raises
        ------
        InputError
            If a job needs more than one worker.
        """
        wide = state.scale_factor != 1
        if wide.any():
            at = int(wide.argmax())
            raise InputError(
                f"policy 'allox' places single-GPU jobs only, but job {state.job[at]} has "
                f"scale factor {state.scale_factor[at]}; leave out --multi-gpu"
            )
        self.forget_calls()
