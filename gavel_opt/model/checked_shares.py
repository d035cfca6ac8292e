"""What a policy of the user's hands out, checked before it is used: a NaN in it would become a result."""

from __future__ import annotations

import numpy as np

from gavel_opt.errors import InputError
from gavel_opt.model.allocation_program import Allocation
from gavel_opt.model.cluster_state import ClusterState

SLACK = 1e-6
"""How much more than all of its time a job may have, for rounding."""


def check_shares(policy: str, allocation: Allocation, state: ClusterState) -> None:
    """Check that shares are numbers, of the right shape, and no more than a job's time.

    Parameters
    ----------
    policy
        Its name, for messages.
    allocation, state
        What it handed out, and for which jobs.

    Raises
    ------
    InputError
        Naming the policy, the job, the worker type and the value.
    """
    expected = (state.job.size, state.workers.size)
    if not isinstance(allocation, Allocation):
        raise InputError(
            f"policy {policy!r} gave a {type(allocation).__name__}, expected an Allocation"
        )
    shape = np.shape(allocation.x)
    if shape != expected:
        raise InputError(f"policy {policy!r}: shares have shape {shape}, expected {expected}")
    x, pair_x = np.asarray(allocation.x), np.asarray(allocation.pair_x)
    for shares, names in ((x, allocation.job), (pair_x, allocation.pair)):
        wrong = np.argwhere(~(np.isfinite(shares) & (shares >= -SLACK)))
        if wrong.size:
            row, column = wrong[0]
            job = " and ".join(str(one) for one in np.atleast_1d(names[row]))
            raise InputError(
                f"policy {policy!r}: the share of job {job} on {state.worker_types[column]} is "
                f"{shares[row, column]}, expected a number from 0 to 1"
            )
    time = x.sum(axis=1)
    for (first, second), shares in zip(allocation.pair, pair_x, strict=True):
        for job in (first, second):
            time[np.searchsorted(allocation.job, job)] += shares.sum()
    if time.size and time.max() > 1 + SLACK:
        row = int(time.argmax())
        raise InputError(
            f"policy {policy!r}: job {allocation.job[row]} has {time[row]:.6g} of its time, expected "
            "1 at most over all worker types"
        )
