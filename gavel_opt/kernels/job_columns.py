"""Jobs as compiled code takes them, and where it leaves their shares: one row a job, with room for more."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints


class JobColumns(NamedTuple):
    """Jobs that come and go in arrays that stay where they are.

    Attributes
    ----------
    size
        How many jobs there are, shape ``(1,)``; they have the first rows of all other columns.
    job, key, scale_factor, entity, weight, steps_left, age
        As in :class:`gavel_opt.model.cluster_state.ClusterState`, shape ``(room,)``.
    shares
        What an engine gives them, shape ``(room, J)``, within [0, 1].
    proof
        Primal and dual residual and gap of these shares, the largest of all programs that were solved for them, and how
        many these were, shape ``(4,)``; NaN where there was none.
    """

    size: Ints
    job: Ints
    key: Ints
    scale_factor: Ints
    entity: Ints
    weight: Floats
    steps_left: Floats
    age: Floats
    shares: Floats
    proof: Floats

    @classmethod
    def with_room(cls, jobs: int, types: int) -> JobColumns:
        """Columns without a job."""
        size = np.zeros(1, np.int64)
        job, key, scale_factor, entity = np.zeros((4, jobs), np.int64)
        weight, steps_left, age = np.zeros((3, jobs))
        shares, proof = np.zeros((jobs, types)), np.zeros(4)
        return cls(size, job, key, scale_factor, entity, weight, steps_left, age, shares, proof)


class PastColumns(NamedTuple):
    """What finish-time fairness remembers of the jobs of its last recomputation, in order of job number.

    Attributes
    ----------
    size
        How many there were, shape ``(1,)``; they have the first rows of the other columns.
    job, steps
        Job numbers, and steps that were left, shape ``(room,)``.
    alone
        Steps per second under isolation from then on.
    time
        Seconds under isolation so far.
    """

    size: Ints
    job: Ints
    steps: Floats
    alone: Floats
    time: Floats

    @classmethod
    def with_room(cls, jobs: int) -> PastColumns:
        """Columns without a job."""
        steps, alone, time = np.zeros((3, jobs))
        return cls(np.zeros(1, np.int64), np.zeros(jobs, np.int64), steps, alone, time)


NO_PAST = PastColumns.with_room(0)
"""For what remembers nothing."""
