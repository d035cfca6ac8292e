"""What a cluster could do at best: bounds on the job rate from throughputs alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gavel_opt import LinearProgram, solve
from simulator.runs.config import RunConfig
from simulator.runs.offered_load import offered_work
from simulator.world.cluster import make_cluster
from simulator.world.throughputs import load_throughputs

_HOUR = 3600.0


def highest_rate(config: RunConfig) -> float:
    r"""Jobs per hour that no policy can go beyond without space sharing.

    .. math::

        \max \lambda \quad\text{s.t.}\quad \sum_j s_{kj} y_{kj} \ge \lambda w_k,\quad
        \sum_k y_{kj} \le N_j,\quad y \ge 0

    where :math:`y_{kj}` is how many workers of type j run jobs of key k, :math:`s_{kj}` their speed
    relative to the reference type and :math:`w_k` the work of that key that one job per second
    brings. Every stable run has such a y: its long-run mean.
    """
    speed, work, workers = _drawn(config)
    keys, types = speed.shape
    columns = keys * types
    a = np.zeros((keys + types, columns + 1))
    lower = np.full(keys + types, -np.inf)
    upper = np.full(keys + types, np.inf)
    for key in range(keys):
        a[key, key * types : (key + 1) * types] = speed[key]
        a[key, -1] = -work[key]
        lower[key] = 0.0
    for column in range(types):
        a[keys + column, column:columns:types] = 1.0
        upper[keys + column] = workers[column]
    c = np.zeros(columns + 1)
    c[-1] = 1.0
    program = LinearProgram.build(c, a, row_lower=lower, row_upper=upper, maximize=True)
    return float(solve(program, engine="highs").objective)


def evenly_shared_rate(config: RunConfig) -> float:
    """Jobs per hour that fill the cluster if every job spends equal time on every worker."""
    speed, work, workers = _drawn(config)
    mean_speed = (speed * workers).sum(axis=1) / workers.sum()
    return float(workers.sum() / (work / mean_speed).sum())


def _drawn(
    config: RunConfig,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Relative speed, shape ``(K, J)``, work per second at a job per hour, ``(K,)``, workers."""
    measurements = load_throughputs(config.throughputs)
    cluster = make_cluster(config.cluster, config.gpus_per_server, measurements.worker_types)
    work = offered_work(replace(config, interarrival=_HOUR), measurements.keys)
    rows = np.flatnonzero(work)
    columns = [measurements.worker_types.index(name) for name in cluster.worker_types]
    alone = np.nan_to_num(measurements.alone[rows][:, columns])
    # A job does not fit on a type with fewer workers than it needs.
    scale = np.array([measurements.keys[row][1] for row in rows])
    alone[scale[:, None] > cluster.workers[None, :]] = 0.0
    reference = measurements.reference_speed("turns the duration of a drawn job into steps")
    speed = alone / reference[rows][:, None]
    return speed, work[rows], cluster.workers.astype(np.float64)
