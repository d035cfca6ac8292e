"""What papers ask of single jobs beside their completion time: isolation, starts, preemptions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from simulator.mechanism.preemptions import STAY, Clocks, Stretches, add_times, follow_jobs
from simulator.runs.columns import Columns

_BLOCK = 1 << 13


ON_TIME = 1.0
"""Seconds past its deadline at which a job still counts as on time: policies with deadlines aim at the
deadline itself, and the last bits of a finish time are rounding."""


def missed_deadlines(jobs: Columns, time: float) -> Bools:
    """Return which jobs missed their deadline, or have passed it at a time without being done.

    Parameters
    ----------
    jobs
        With ``finish`` and ``deadline`` in seconds, NaN where there is none.
    time
        Simulated time in seconds.
    """
    end = np.where(np.isfinite(jobs["finish"]), jobs["finish"], time)
    late: Bools = end - jobs["deadline"] > ON_TIME
    return late


def isolation(jobs: Columns, throughputs: Floats, workers: Ints) -> Columns:
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


def presence(
    jobs: Columns, rounds: Columns, placements: Columns, kind: Ints, types: list[str]
) -> Columns:
    """First start, preemptions and worker time by type of every job, from who ran where.

    Parameters
    ----------
    jobs, rounds, placements
        The run's tables; placements by first round.
    kind
        Place in ``types`` of each worker's type.
    types
        Worker types of the cluster.

    Returns
    -------
    Columns
        ``first_start`` (seconds, NaN for jobs that never ran), ``preemptions`` and ``time_<type>``
        (worker-seconds between the starts of rounds, cut at the job's finish).
    """
    count, start = jobs["job"].size, rounds["time"]
    latest = np.nanmax(np.concatenate([jobs["finish"], start[-1:], [0.0]]))
    clocks = Clocks(start, np.concatenate([start[1:], [latest]]), jobs["finish"], kind)
    stays, times = np.zeros(count, STAY), np.zeros((len(types), count))
    stays["first"] = -1
    for block in _blocks(placements):
        follow_jobs(block, stays)
        add_times(False, block, clocks, times)
    if (placements["partner"] >= 0).any():  # two jobs on one worker
        for block in _blocks(placements):
            add_times(True, block, clocks, times)
    first = stays["first"]
    ran = first >= 0
    preemptions = stays["left"].astype(np.int64)
    gone = ran & (stays["until"] < start.size - 1) & ~np.isfinite(jobs["finish"])
    preemptions[gone & ~jobs["dropped"]] += 1  # and has not come back
    started = np.full(count, np.nan)
    started[ran] = start[first[ran]]
    found: Columns = {"first_start": started, "preemptions": preemptions}
    return found | {f"time_{name}": times[place] for place, name in enumerate(types)}


def _blocks(placements: Columns) -> Iterator[Stretches]:
    """Few at a time: a kernel that is not compiled yet may be by the next ones."""
    names = ("job", "partner", "worker", "first_round", "last_round")
    columns = [np.ascontiguousarray(placements[name], dtype=np.int32) for name in names]
    for first in range(0, columns[0].size, _BLOCK):
        yield Stretches(*(column[first : first + _BLOCK] for column in columns))
