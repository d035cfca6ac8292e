"""What a cluster could do at best: bounds on the job rate from throughputs alone, and their prices."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from gavel_opt import InputError, LinearProgram, solve
from gavel_opt.arrays import Floats, Ints
from simulator.runs.policy_of_run import policy_of
from simulator.runs.saturation.cheapest_types import cheapest_types
from simulator.runs.saturation.offered_load import offered_work, trace_work
from simulator.settings.config import RunConfig
from simulator.world.cluster import Cluster, make_cluster
from simulator.world.throughputs import Measurements, load_throughputs
from simulator.world.trace import read_trace
from simulator.world.units import HOUR

_SAFE = 1e-6
"""Part by which a rate must pass the bound before it counts as beyond: what the engine's answer may be off."""


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """The most that any policy could sustain, with its prices.

    Attributes
    ----------
    rate
        Jobs per hour; for a trace, multiples of the rate at which its jobs arrive.
    space_sharing
        Whether two jobs may share workers.
    worker_types, workers
        The cluster, J types.
    prices
        How much the rate would rise with one more worker of each type, shape ``(J,)``. Their sum over
        all workers is the rate.
    use
        Share of each type's workers that is busy at the bound, shape ``(J,)``.
    key_prices
        Price of a reference worker-second of work per second, by job key, shape ``(K,)``; zero for
        keys that the workload does not have. The work of one job per hour costs 1.
    work
        Reference worker-seconds per second that one job per hour (for a trace: the trace) brings, by
        job key, shape ``(K,)``.
    """

    rate: float
    space_sharing: bool
    worker_types: tuple[str, ...]
    workers: Floats
    prices: Floats
    use: Floats
    key_prices: Floats
    work: Floats
    needed: Floats

    @property
    def shares(self) -> Floats:
        """What part of the bound each worker type accounts for, shape ``(J,)``; it sums to 1."""
        return self.prices * self.workers / self.rate

    def proves_saturated(self, rate: float) -> bool:
        """Whether no policy could sustain a rate, in the unit of :attr:`rate`."""
        return rate > self.rate * (1.0 + _SAFE)


def packs(config: RunConfig) -> bool:
    """Whether a run's policy may put two jobs on the same workers."""
    return bool(policy_of(config).traits.packing)


def highest_rate(config: RunConfig, space_sharing: bool = False) -> Bound:
    r"""Solve for the highest job rate, whatever the policy does.

    .. math::

        \max \lambda \quad\text{s.t.}\quad
        \sum_j s_{kj} y_{kj} + \sum_{l, j} s_{klj} z_{klj} \ge \lambda w_k,\quad
        \sum_k y_{kj} + \sum_{k \le l} z_{klj} \le N_j,\quad y, z \ge 0

    where :math:`y_{kj}` is how many workers of type j run jobs of key k, :math:`s_{kj}` their speed
    relative to the reference type and :math:`w_k` the work of that key that one job per hour brings.
    With space sharing, :math:`z_{klj}` workers run a pair of jobs of keys k and l of the same scale
    factor, at which :math:`s_{klj}` is the speed of the one of key k. Every stable run has such y and
    z: their long-run means. Deadlines, priorities and rounds only take away from it.

    Parameters
    ----------
    config
        Cluster, throughputs and workload (a rate, whose value does not matter, or a trace).
    space_sharing
        Whether pairs of jobs may share workers.

    Raises
    ------
    InputError
        If jobs do not keep arriving, or one of them fits nowhere.
    """
    if config.trace is not None:
        measurements = load_throughputs(config.throughputs)
        cluster = make_cluster(config.cluster, config.gpus_per_server, measurements.worker_types)
        trace = read_trace(config.trace, measurements)
        bound = bound_of_jobs(trace.jobs, trace.measurements, cluster, space_sharing)
        if bound is None:
            raise InputError(f"--trace: the jobs of {config.trace} arrive all at once: no rate")
        return bound
    if config.throughputs is not None or config.interarrival is None:
        return _solved(_offer(config), space_sharing)  # the file may change
    return _highest_rate(_what_is_offered(config), space_sharing)


def _what_is_offered(config: RunConfig) -> str:
    """What the work of one job per hour, and the cluster, depend on."""
    what = {
        "cluster": config.cluster,
        "servers": config.gpus_per_server,
        "multi_gpu": config.multi_gpu,
        "fixed": config.fixed_duration,
    }
    return json.dumps(what)


def _as_offered(what: str) -> RunConfig:
    given = json.loads(what)
    return RunConfig(
        policy="",
        cluster=given["cluster"],
        gpus_per_server=given["servers"],
        multi_gpu=given["multi_gpu"],
        fixed_duration=given["fixed"],
        interarrival=HOUR,
    )


@functools.lru_cache(maxsize=64)
def _highest_rate(what: str, space_sharing: bool) -> Bound:
    return _solved(_offer(_as_offered(what)), space_sharing)


def bound_of_jobs(
    jobs: Mapping[str, NDArray[Any]],
    measurements: Measurements,
    cluster: Cluster,
    space_sharing: bool,
) -> Bound | None:
    """Bound for jobs that are all known, as multiples of the rate at which they arrive.

    Parameters
    ----------
    jobs
        Columns ``arrival``, ``key``, ``scale_factor`` and ``steps``, in order of arrival.
    measurements, cluster
        What their keys point into, and what there is.
    space_sharing
        Whether pairs of jobs may share workers.

    Returns
    -------
    Bound or None
        None if they arrive all at once.
    """
    reference = np.nanmax(measurements.alone, axis=1)  # any would do: only ratios count
    work, span = trace_work(jobs, reference)
    if not span > 0:
        return None
    return _solved(_offered(measurements, cluster, reference, work / span), space_sharing)


def _solved(offer: _Offer, space_sharing: bool) -> Bound:
    rows = np.flatnonzero(offer.work)
    speed, work = offer.speed[rows], offer.work[rows]
    if space_sharing:
        rate, prices, used, worth = _with_pairs(offer, rows)
    else:
        rate, prices, used = cheapest_types(speed, work, offer.workers)
        with np.errstate(divide="ignore", invalid="ignore"):
            worth = np.where(speed > 0.0, prices / speed, np.inf).min(axis=1)
    key_prices = np.zeros(offer.work.size)
    key_prices[rows] = worth
    needed = np.full(offer.speed.shape, np.inf)
    np.divide(offer.work[:, None], offer.speed, out=needed, where=offer.speed > 0.0)
    return Bound(
        rate,
        space_sharing,
        offer.cluster.worker_types,
        offer.workers,
        prices,
        used / offer.workers,
        key_prices,
        offer.work,
        needed,
    )


def _with_pairs(offer: _Offer, rows: Ints) -> tuple[float, Floats, Floats, Floats]:
    """Rate, prices of types, workers in use and prices of keys where pairs of jobs may share workers."""
    program = _program(offer, rows)
    solution = solve(program, engine="highs")
    assert solution.row_dual is not None
    assert solution.x is not None
    dual, keys = np.abs(solution.row_dual), rows.size
    used = program.a[keys:] @ solution.x
    return float(solution.objective), dual[keys:], used, dual[:keys]


def _program(offer: _Offer, rows: Ints) -> LinearProgram:
    """The program: a column for every key, and pair of keys, and type where it runs, then the rate."""
    keys, types = rows.size, offer.workers.size
    key, column = np.nonzero(offer.speed[rows] > 0)
    alone = np.arange(key.size)
    one, two, where = _pairs(offer, rows)
    number = key.size + np.arange(one.size)
    speed = offer.paired[rows[one], rows[two], :, where]
    on = np.concatenate([column, where])
    columns = on.size
    # Two jobs of one key share a row: their speeds add up there.
    row = np.concatenate([key, one, two, keys + on, np.arange(keys)])
    entry = np.concatenate([alone, number, number, np.arange(columns), np.full(keys, columns)])
    value = np.concatenate(
        [
            offer.speed[rows][key, column],
            speed[:, 0],
            speed[:, 1],
            np.ones(columns),
            -offer.work[rows],
        ]
    )
    matrix = scipy.sparse.coo_array((value, (row, entry)), shape=(keys + types, columns + 1))
    objective = np.zeros(columns + 1)
    objective[-1] = 1.0
    lower = np.concatenate([np.zeros(keys), np.full(types, -np.inf)])
    upper = np.concatenate([np.full(keys, np.inf), offer.workers])
    return LinearProgram.build(
        objective, matrix.tocsc(), row_lower=lower, row_upper=upper, maximize=True
    )


def _pairs(offer: _Offer, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """Pairs of keys and the type on which sharing beats taking turns."""
    scale = offer.scale[rows]
    alone = offer.speed[rows]
    one, two = np.triu_indices(rows.size)
    same = scale[one] == scale[two]
    one, two = one[same], two[same]
    both = offer.paired[rows[one], rows[two]]
    with np.errstate(divide="ignore", invalid="ignore"):
        turns = np.nan_to_num(both[:, 0] / alone[one]) + np.nan_to_num(both[:, 1] / alone[two])
    pair, where = np.nonzero((turns > 1.0) & (alone[one] > 0) & (alone[two] > 0))
    return one[pair], two[pair], where


def evenly_shared_rate(config: RunConfig) -> float:
    """Jobs per hour that fill the cluster if every job spends equal time on every worker it fits on."""
    if config.throughputs is not None:
        return _even_rate(replace(config, interarrival=HOUR, trace=None))  # the file may change
    return _even_rate_of(_what_is_offered(config))


@functools.lru_cache(maxsize=64)
def _even_rate_of(what: str) -> float:
    return _even_rate(_as_offered(what))


def _even_rate(config: RunConfig) -> float:
    offer = _offer(config)
    rows = np.flatnonzero(offer.work)
    fits = offer.speed[rows] > 0
    room = (fits * offer.workers).sum(axis=1)
    mean_speed = (offer.speed[rows] * offer.workers).sum(axis=1) / room
    return float(offer.workers.sum() / (offer.work[rows] / mean_speed).sum())


@dataclass(frozen=True, slots=True, eq=False)
class _Offer:
    """What there is to do, and with what.

    Attributes
    ----------
    cluster, workers
        The cluster, and its workers as floats.
    speed
        Of each key on each type, relative to the reference type, shape ``(K, J)``; 0 where it does not fit.
    paired
        The same of two keys that share workers, shape ``(K, K, 2, J)``.
    scale
        Scale factor of each key, shape ``(K,)``.
    work
        Reference worker-seconds per second of each key, shape ``(K,)``.
    """

    cluster: Cluster
    workers: Floats
    speed: Floats
    paired: Floats
    scale: Ints
    work: Floats


def _offer(config: RunConfig) -> _Offer:
    if config.interarrival is None:
        raise InputError("--bound: jobs have to keep arriving; expected --rate or --trace")
    measurements = load_throughputs(config.throughputs)
    cluster = make_cluster(config.cluster, config.gpus_per_server, measurements.worker_types)
    reference = measurements.reference_speed("turns the duration of a drawn job into steps")
    work = offered_work(replace(config, interarrival=HOUR), measurements.keys)
    return _offered(measurements, cluster, reference, work)


def _offered(
    measurements: Measurements, cluster: Cluster, reference: Floats, work: Floats
) -> _Offer:
    speed, paired, scale = _speeds(measurements, cluster, reference)
    homeless = np.flatnonzero((work > 0) & ~(speed > 0).any(axis=1))
    if homeless.size:
        name, workers = measurements.keys[int(homeless[0])]
        raise InputError(f"--cluster: jobs {name!r} on {workers} workers fit on no worker type")
    return _Offer(cluster, cluster.workers.astype(np.float64), speed, paired, scale, work)


def _speeds(
    measurements: Measurements, cluster: Cluster, reference: Floats
) -> tuple[Floats, Floats, Ints]:
    columns = [measurements.worker_types.index(name) for name in cluster.worker_types]
    scale = np.array([scale for _, scale in measurements.keys], dtype=np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        per = 1.0 / reference
        speed = np.nan_to_num(measurements.alone[:, columns] * per[:, None], posinf=0.0)
        paired = measurements.paired[:, :, :, columns].copy()
        paired[:, :, 0] *= per[:, None, None]
        paired[:, :, 1] *= per[None, :, None]
    speed[scale[:, None] > cluster.workers[None, :]] = 0.0
    return speed, np.nan_to_num(paired, posinf=0.0), scale
