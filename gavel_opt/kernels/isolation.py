"""Speeds and times of jobs on an equal share of the cluster, and what levels are made of these, in one compiled pass each.

All of it in the reference's order of operations: one unit in the last place in a coefficient moves a
mean JCT by a third of a percent. Sums over worker types run from the first to the last.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.job_columns import PastColumns


@compiled
def isolated_speeds(
    alone: Floats, key: Ints, scale: Ints, workers: Ints, first: Ints, reference: int
) -> tuple[Floats, Floats]:
    """Steps per second of jobs by worker type, and on their isolated shares.

    The isolated share of a job is ``workers / n / scale``, divided by ``max(1, its sum)``.

    Parameters
    ----------
    alone, key, scale, workers, first
        As for :func:`gavel_opt.kernels.max_min_rows.fairness_rows`.
    reference
        Worker type whose column stands for all types, as the plain variants of finish-time fairness
        and of minimum total duration have it in the reference (handing them the measured speeds
        would make them aware of performance); -1 for every type's own.

    Returns
    -------
    speed, solo
        Shapes ``(G, J)`` and ``(G,)``.
    """
    types = workers.size
    widest = 0
    for g in range(first.size):
        widest = max(widest, scale[first[g]])
    # by scale factor, of which there are few
    share = np.full((widest + 1, types), -1.0)
    speed, solo = np.empty((first.size, types)), np.empty(first.size)
    for g in range(first.size):
        job = first[g]
        part = share[scale[job]]
        if types > 0 and part[0] < 0.0:
            total = 0.0
            for j in range(types):
                part[j] = (workers[j] / key.size) / scale[job]
                total += part[j]
            total = max(total, 1.0)
            for j in range(types):
                part[j] /= total
        earned = 0.0
        for j in range(types):
            speed[g, j] = alone[key[job], j if reference < 0 else reference]
            earned += speed[g, j] * part[j]
        solo[g] = earned
    return speed, solo


@compiled
def isolated_time(job: Ints, steps_left: Floats, past: PastColumns) -> Floats:
    """Seconds under isolation so far: those of then, and the steps done since at the speed of then.

    Job numbers ascend, now and then; jobs that were not there then are at 0.
    """
    time, known = np.zeros(job.size), past.size[0]
    then = 0
    for now in range(job.size):
        while then < known and past.job[then] < job[now]:
            then += 1
        if then < known and past.job[then] == job[now]:
            done = past.steps[then] - steps_left[now]
            time[now] = past.time[then] + done / past.alone[then]
    return time


@compiled
def finish_times(
    alone: Floats,
    key: Ints,
    scale: Ints,
    workers: Ints,
    reference: int,
    job: Ints,
    steps_left: Floats,
    past: PastColumns,
) -> tuple[Floats, Floats, Floats, Floats]:
    """All that ratios of finish times are made of: :func:`isolated_speeds` and :func:`isolated_time`.

    Returns
    -------
    speed, solo
        Of every job, shapes ``(n, J)`` and ``(n,)``.
    time, whole
        Seconds under isolation, so far and in all, shape ``(n,)``.
    """
    speed, solo = isolated_speeds(alone, key, scale, workers, np.arange(job.size), reference)
    time = isolated_time(job, steps_left, past)
    whole = np.empty(job.size)
    for i in range(job.size):
        whole[i] = time[i] + steps_left[i] / solo[i]
    return speed, solo, time, whole


@compiled
def makespan_rows(
    alone: Floats,
    key: Ints,
    scale: Ints,
    workers: Ints,
    first: Ints,
    reference: int,
    steps_left: Floats,
) -> tuple[Floats, Floats, Floats]:
    r"""Level rows of minimum total duration (paper, section 4.2): :math:`T_0 / T` for each job.

    Parameters
    ----------
    alone, key, scale, workers, first, reference
        As for :func:`isolated_speeds`.
    steps_left
        Of each job, shape ``(n,)``.

    Returns
    -------
    rate
        Steps per second times ``factor``, shape ``(G, J)``.
    factor
        Makespan under isolation by steps, shape ``(G,)``.
    gain
        What a unit of level is worth: that of the isolated share, inverted, shape ``(G,)``.
    """
    rate, solo = isolated_speeds(alone, key, scale, workers, first, reference)
    unit = 0.0
    for g in range(first.size):
        longest = steps_left[first[g]] / solo[g]
        if not longest <= unit:
            unit = longest
    factor, gain = np.empty(first.size), np.empty(first.size)
    for g in range(first.size):
        factor[g] = unit / steps_left[first[g]]
        gain[g] = 1.0 / (solo[g] * factor[g])
        for j in range(workers.size):
            rate[g, j] *= factor[g]
    return rate, factor, gain
