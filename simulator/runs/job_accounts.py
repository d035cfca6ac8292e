"""What papers ask of single jobs beside their completion time: isolation, starts, preemptions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gavel_opt.arrays import stable_order
from simulator.runs.columns import Columns

Floats = NDArray[np.float64]


def isolation(jobs: Columns, throughputs: Floats, workers: NDArray[np.int64]) -> Columns:
    r"""Isolated time and finish-time-fairness ratio of every job (Themis; paper, section 4.2).

    With :math:`N_j` workers of type :math:`j`, :math:`N` in all, and :math:`n(t)` jobs in the
    system, an equal share of the cluster gives a job of scale factor :math:`z` the throughput

    .. math::

        r(t) = \sum_j T_j \frac{N_j}{N} \min\Big(1, \frac{N}{z\, n(t)}\Big)

    (:func:`gavel_opt.policies.shares.isolated_share`). The isolated time is the steps of the job
    divided by the mean of :math:`r` over its stay, and the ratio is its stay divided by that.

    Parameters
    ----------
    jobs
        With ``arrival``, ``finish``, ``steps`` and ``scale_factor``, shape ``(n,)``.
    throughputs
        Steps per second of each job alone on each worker type, shape ``(n, J)``.
    workers
        Workers by type, shape ``(J,)``.

    Returns
    -------
    Columns
        ``isolated_time`` in seconds and ``finish_time_fairness``; NaN for jobs that are not done.
    """
    arrival, finish, scale = jobs["arrival"], jobs["finish"], jobs["scale_factor"]
    done = np.isfinite(finish)
    events = np.concatenate([arrival, finish[done]])
    order = np.argsort(events, kind="stable")
    at = events[order]
    change = np.concatenate([np.ones(arrival.size), -np.ones(int(done.sum()))])
    present = np.maximum(np.cumsum(change[order]), 1.0)
    total = float(workers.sum())
    whole = throughputs @ (workers / total)  # throughput of a job that has the cluster's mix
    received = np.full(arrival.size, np.nan)
    for size in np.unique(scale[done]):
        # seconds of the cluster's mix that an equal share has given by each event
        share = np.minimum(1.0, total / (size * present))
        by_then = np.concatenate([[0.0], np.cumsum(share[:-1] * np.diff(at))])
        mine = np.flatnonzero(done & (scale == size))
        received[mine] = np.interp(finish[mine], at, by_then) - np.interp(
            arrival[mine], at, by_then
        )
    stay = finish - arrival
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = whole * received / jobs["steps"]
        isolated = stay / ratio
    return {"isolated_time": isolated, "finish_time_fairness": ratio}


def presence(jobs: Columns, rounds: Columns, placements: Columns, types: list[str]) -> Columns:
    """First start, preemptions and worker time by type of every job, from who ran where.

    Parameters
    ----------
    jobs, rounds, placements
        The run's tables; placements with ``worker_type``.
    types
        Worker types of the cluster.

    Returns
    -------
    Columns
        ``first_start`` (seconds, NaN for jobs that never ran), ``preemptions`` and ``time_<type>``
        (worker-seconds between the starts of rounds, cut at the job's finish).
    """
    count = jobs["job"].size
    start = rounds["time"]
    latest = np.nanmax(np.concatenate([jobs["finish"], start[-1:], [0.0]]))
    end = np.concatenate([start[1:], [latest]])
    alone = placements["partner"] < 0
    # a pair is two jobs on one worker
    job = np.concatenate([placements["job"], placements["partner"][~alone]])
    first, last, worker = (
        np.concatenate([placements[name], placements[name][~alone]])
        for name in ("first_round", "last_round", "worker")
    )
    seconds = np.maximum(np.fmin(end[last], jobs["finish"][job]) - start[first], 0.0)
    found: Columns = {}
    started = np.full(count, np.inf)
    np.minimum.at(started, job, start[first])
    found["first_start"] = np.where(np.isfinite(started), started, np.nan)
    # rounds of different jobs do not touch
    stride = start.size + 1
    order = stable_order(first, job)
    owner = job[order]
    until = np.maximum.accumulate(owner * stride + last[order])
    left = np.diff(owner, prepend=-1) == 0
    left[1:] &= (owner * stride + first[order])[1:] > until[:-1] + 1
    found["preemptions"] = np.bincount(owner[left], minlength=count).astype(np.int64)
    final = np.flatnonzero(np.diff(owner, append=-1) != 0)
    owner, last_of = owner[final], until[final] - owner[final] * stride
    gone = (last_of < start.size - 1) & ~np.isfinite(jobs["finish"][owner])
    found["preemptions"][owner[gone & ~jobs["dropped"][owner]]] += 1  # and has not come back
    of_worker = np.full(worker.max(initial=-1) + 1, "", placements["worker_type"].dtype)
    of_worker[placements["worker"]] = placements["worker_type"]
    kind = np.array([types.index(name) if name else 0 for name in of_worker.tolist()], np.int64)
    time = np.bincount(kind[worker] * count + job, seconds, len(types) * count)
    for name, of_type in zip(types, time.reshape(len(types), count), strict=True):
        found[f"time_{name}"] = of_type.astype(np.float64)
    return found
