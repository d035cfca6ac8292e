"""What a run stands on: cluster, throughputs and prices, read from its settings and held against each other."""

from __future__ import annotations

from typing import NamedTuple

from gavel_opt import InputError, Traits
from gavel_opt.arrays import Floats
from gavel_opt.model.cluster_state import ThroughputTable
from simulator.runs.workload_of_run import require_fit, workload_of
from simulator.settings.config import RunConfig
from simulator.world.cluster import Cluster, make_cluster
from simulator.world.prices import load_prices
from simulator.world.throughputs import Measurements, load_throughputs
from simulator.world.workload import Workload


class Surroundings(NamedTuple):
    """What of a run stays as it is, whatever its seed, rate and window.

    Attributes
    ----------
    measurements
        Throughputs, those that a trace brings with it included.
    cluster
        The workers, the fastest types filled first.
    prices
        Dollars per hour of each worker type, shape ``(J,)``.
    table
        The throughputs on the cluster's worker types.
    types_without_price
        Worker types that are free only since nobody gave them a price.
    """

    measurements: Measurements
    cluster: Cluster
    prices: Floats
    table: ThroughputTable
    types_without_price: list[str]


def surroundings_of(config: RunConfig, traits: Traits) -> tuple[Surroundings, Workload]:
    """Read what a configuration names, with the workload whose jobs fit it.

    Raises
    ------
    InputError
        If something in the configuration or its files is wrong, or the policy lacks what it goes by.
    """
    measurements = load_throughputs(config.throughputs)
    cluster = make_cluster(config.cluster, config.gpus_per_server, measurements.worker_types)
    columns = [measurements.worker_types.index(name) for name in cluster.worker_types]
    cluster = cluster.fastest_first(measurements.alone[:, columns])
    if traits.needs_reference:
        measurements.reference_speed(f"policy {config.policy} takes every job's speed from")
    workload, measurements = workload_of(config, measurements, traits)
    require_fit(config, workload, cluster, measurements, traits)
    types = cluster.worker_types
    prices = load_prices(config.prices, types)
    priced = zip(types, prices, strict=True)
    free = [name for name, price in priced if config.prices is None and price == 0.0]
    if free and traits.needs_prices:
        raise InputError(
            f"policy {config.policy} goes by prices, and worker type {free[0]!r} has none; give "
            "prices for all types (--prices)"
        )
    table = measurements.table(types)
    return Surroundings(measurements, cluster, prices, table, free), workload
