"""What a policy of the user's hands out, checked before it is used: a NaN in it would become a result.

Compiled code reads these arrays, so their types and shapes are made sure of here as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.errors import InputError
from gavel_opt.model.allocation_program import Allocation
from gavel_opt.model.cluster_state import ClusterState

SLACK = 1e-6
"""How much more than all of its time a job may have, for rounding."""


def checked_shares(
    policy: str, allocation: Allocation, state: ClusterState, packs: bool
) -> Allocation:
    """Return an allocation whose shares are numbers, of the right shape, and no more than a job's time.

    Parameters
    ----------
    policy
        Its name, for messages.
    allocation, state
        What it handed out, and for which jobs.
    packs
        Whether it says that jobs may share workers.

    Returns
    -------
    Allocation
        The same, in arrays of the types that it should have.

    Raises
    ------
    InputError
        Naming the policy, the job, the worker type and the value.
    """
    if not isinstance(allocation, Allocation):
        raise InputError(
            f"policy {policy!r} gave a {type(allocation).__name__}, expected an Allocation"
        )
    jobs, types = state.job.size, state.workers.size
    x = _numbers(policy, "shares", allocation.x, (jobs, types))
    job = _whole(policy, "jobs", allocation.job, (jobs,))
    order = np.argsort(job, kind="stable")
    job, x = job[order], x[order]
    if not np.array_equal(job, state.job):
        raise InputError(
            f"policy {policy!r}: its allocation is not of the jobs that are there, each once (state.job)"
        )
    pair, pair_x = allocation.pair, allocation.pair_x
    if np.size(pair) or np.size(pair_x):
        pairs = np.shape(pair)[:1] or (0,)
        pair = _whole(policy, "pairs", pair, (*pairs, 2))
        pair_x = _numbers(policy, "shares of pairs", pair_x, (*pairs, types))
    if pair.size and not packs:
        raise InputError(
            f"policy {policy!r} gave pairs of jobs, which only a policy with "
            "traits = Traits(packing=True) may"
        )
    _check_pairs(policy, pair, job)
    _check_widths(policy, pair, pair_x, state)
    for shares, names in ((x, job), (pair_x, pair)):
        wrong = np.argwhere(~(np.isfinite(shares) & (shares >= -SLACK)))
        if wrong.size:
            row, column = wrong[0]
            named = " and ".join(str(one) for one in np.atleast_1d(names[row]))
            raise InputError(
                f"policy {policy!r}: the share of job {named} on {state.worker_types[column]} is "
                f"{shares[row, column]}, expected a number from 0 to 1"
            )
    time = x.sum(axis=1)
    for side in pair.T:
        np.add.at(time, np.searchsorted(job, side), pair_x.sum(axis=1))
    if time.size and time.max() > 1 + SLACK:
        row = int(time.argmax())
        raise InputError(
            f"policy {policy!r}: job {job[row]} has {time[row]:.6g} of its time, expected "
            "1 at most over all worker types"
        )
    return Allocation(job, x, pair, pair_x, allocation.notes)


def _check_pairs(policy: str, pair: Ints, job: Ints) -> None:
    """Check that pairs are of two jobs that are there, the smaller first, and none stands twice."""
    known = np.isin(pair, job).all(axis=1) & (pair[:, 0] < pair[:, 1])
    if not known.all():
        one, other = pair[int(np.argmin(known))].tolist()
        raise InputError(
            f"policy {policy!r}: the pair of jobs {one} and {other} is not of two jobs that are there, "
            "the smaller number first"
        )
    if np.unique(pair, axis=0).shape != pair.shape:
        raise InputError(f"policy {policy!r}: a pair of jobs stands twice in its allocation")


def _check_widths(policy: str, pair: Ints, pair_x: Floats, state: ClusterState) -> None:
    """Check that jobs that share workers take as many: the mechanism has no such pair, and would run neither."""
    width = state.scale_factor[np.searchsorted(state.job, pair)].reshape(-1, 2)
    wrong = (width[:, 0] != width[:, 1]) & (pair_x > 0.0).any(axis=1)
    if wrong.any():
        at = int(np.argmax(wrong))
        (one, other), (first, second) = pair[at].tolist(), width[at].tolist()
        raise InputError(
            f"policy {policy!r}: the pair of jobs {one} and {other} has a share, but they take {first} and "
            f"{second} workers; only jobs of equal scale factor share workers"
        )


def _numbers(policy: str, what: str, values: Any, shape: tuple[int, ...]) -> Floats:
    """An array of floats of a shape."""
    array = _array(policy, what, values, shape)
    # Text, complex numbers, times and objects are no shares, and what is masked is no number.
    if array.dtype.kind not in "fiub" or np.ma.is_masked(values):
        raise InputError(
            f"policy {policy!r}: {what} are of type {array.dtype}"
            f"{', some of them masked' if np.ma.is_masked(values) else ''}, expected numbers (float64)"
        )
    return np.ascontiguousarray(array, dtype=np.float64)


def _whole(policy: str, what: str, values: Any, shape: tuple[int, ...]) -> Ints:
    """An array of whole numbers of a shape."""
    array = _array(policy, what, values, shape)
    if array.size and array.dtype.kind not in "iu":
        raise InputError(
            f"policy {policy!r}: {what} are of type {array.dtype}, expected numbers of jobs (int64)"
        )
    return np.ascontiguousarray(array, dtype=np.int64)


def _array(policy: str, what: str, values: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):
        raise InputError(f"policy {policy!r}: {what} are no array of shape {shape}") from None
    if array.shape != shape:
        raise InputError(f"policy {policy!r}: {what} have shape {array.shape}, expected {shape}")
    return array
