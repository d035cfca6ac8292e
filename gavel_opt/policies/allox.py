r"""AlloX: minimum mean completion time as an assignment of jobs to places in line.

Baseline of the paper (section 7.1); single-GPU jobs only. Job :math:`m` placed :math:`k`-th from the
end of the line of worker :math:`w` delays :math:`k` jobs, itself included:

.. math::

    \min \sum_{m,w,k} z_{mwk} \left( k\, \frac{\text{steps}_m}{\text{throughput}_{mw}}
        + \text{age}_m \right) \quad\text{s.t.}\quad
        \sum_{w,k} z_{mwk} = 1,\ \sum_m z_{mwk} \le 1,\ z \in \{0, 1\}

Only the first job of each line is placed, and it keeps its worker until it completes; the rest is
assigned anew next time. The assignment is the one that scipy finds for the reference, ties included; with
many jobs it is found with workers of a type as one (:mod:`gavel_opt.kernels.assignment`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from gavel_opt.arrays import Floats, Ints
from gavel_opt.errors import InputError
from gavel_opt.kernels.assignment import assign, lines
from gavel_opt.kernels.jit import make_ready
from gavel_opt.model.allocation_program import Allocation
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.policies.policy import Policy, Traits

_STANDSTILL = 1e-10
"""Throughput that stands for 0, so that costs stay finite."""

_MANY, _ALIKE = 64, 4
"""Waiting jobs, and free workers of a type, from which on these are taken as alike: fewer are quicker each by
itself."""


class AlloX(Policy):
    """Assignment of jobs to places in the workers' lines.

    Parameters
    ----------
    name
        The policy's name.
    alpha
        Part of the waiting jobs, the oldest, that is considered; at least one for each free worker.
    """

    traits = Traits(single_gpu_only=True, by_arrival=True)

    def __init__(self, name: str, alpha: float = 1.0, seed: int = 0) -> None:
        if not 0.0 <= alpha <= 1.0:
            raise InputError(f"alpha is {alpha}, expected 0 to 1")
        self.name = name
        self._alpha = alpha
        self._job = np.empty(0, dtype=np.int64)
        self._type = np.empty(0, dtype=np.int64)
        """Jobs that run, ascending, and on which worker type each does."""

    def shares(self, state: ClusterState) -> Allocation:
        """Return each running job's worker type as a 0/1 allocation.

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
        type_of = np.full(state.job.size, -1)
        if state.job.size:
            place = np.searchsorted(state.job, self._job)
            place[place == state.job.size] = 0
            there = state.job[place] == self._job
            type_of[place[there]] = self._type[there]
        waiting = (type_of < 0).nonzero()[0]
        if waiting.size:
            self._place(state, waiting, type_of)
        placed = (type_of >= 0).nonzero()[0]
        self._job, self._type = state.job[placed], type_of[placed]
        x = np.zeros((state.job.size, state.workers.size))
        x[placed, self._type] = 1.0
        return Allocation(state.job, x)

    def _place(self, state: ClusterState, waiting: Ints, type_of: Ints) -> None:
        """Place the first jobs of the lines of free workers, of those that wait."""
        waiting = waiting[np.argsort(-state.age[waiting], kind="stable")]
        free = state.workers - np.bincount(type_of[type_of >= 0], minlength=state.workers.size)
        worker = np.repeat(np.arange(state.workers.size), free)
        waiting = waiting[: max(int(self._alpha * waiting.size), worker.size)]
        if not worker.size:
            return
        rate = state.throughputs.alone[state.key[waiting]]
        rate = np.where(rate == 0.0, _STANDSTILL, rate)
        time = np.maximum(state.steps_left[waiting, None], 0.0) / rate
        if waiting.size == 1:
            # The first of the cheapest, as scipy takes it: at low load every second call is for one job.
            cost = np.where(free > 0, time[0] + state.age[waiting], np.inf)
            type_of[waiting] = cost.argmin()
            return
        first = heads_of_lines(time, state.age[waiting], free)
        served = first >= 0
        type_of[waiting[first[served]]] = worker[served]

    def snapshot(self) -> dict[str, Any]:
        """Return the worker type of each running job."""
        return {"type_of": np.stack([self._job, self._type], axis=1).tolist()}

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        jobs = sorted((int(job), int(kind)) for job, kind in memory["type_of"])
        self._job, self._type = np.array(jobs, dtype=np.int64).reshape(-1, 2).T


def heads_of_lines(time: Floats, age: Floats, workers: Ints) -> Ints:
    """First job in the line of each worker, or -1, in the assignment with the least total delay.

    Parameters
    ----------
    time
        Seconds that each job would take on each worker type, shape ``(m, J)``.
    age
        Seconds since arrival, shape ``(m,)``.
    workers
        Of each type, n in all, shape ``(J,)``; those of a type stand together.

    Notes
    -----
    The full problem has ``m`` places a worker, of which few are used. Columns stand place by place,
    and scipy grows shortest augmenting paths over them: a column it never reaches has no influence
    on any step. Later places of a worker cost every job more, so if the last place we keep stays
    empty everywhere, none behind it can have been reached, and leaving those out gave the same
    assignment, ties included. Otherwise the number of places is doubled.
    """
    jobs, many = time.shape[0], int(workers.sum())
    places = min(jobs, 3 * -(-jobs // many) + 2)
    while True:
        column = _assigned(time, age, workers, places)
        place, worker = np.divmod(column, many)
        if places == jobs or int(place.max()) < places - 1:
            break
        places = min(jobs, 2 * places)
    first = np.full(many, -1)
    by_place = np.argsort(place, kind="stable")
    first[worker[by_place]] = by_place  # the largest place, first to run, is written last
    return first


def _assigned(time: Floats, age: Floats, workers: Ints, places: int) -> Ints:
    """Column, place times workers plus worker, of each job: scipy's choice, whoever makes it."""
    if age.size < _MANY or workers.sum() < _ALIKE * np.count_nonzero(workers):
        each = np.repeat(time, workers, axis=1)
        cost = np.arange(1, places + 1)[None, :, None] * each[:, None, :]
        chosen: Ints = linear_sum_assignment(cost.reshape(age.size, -1) + age[:, None])[1]
        return chosen
    given = lines(time, age, workers, places)
    make_ready(assign, (given,))
    assign(given)
    column: Ints = given.job["column"].copy()
    return column
