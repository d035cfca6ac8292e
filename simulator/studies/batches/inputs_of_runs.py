"""What many runs are made of, tried before the first starts: what is wrong with it stops nothing half-way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from simulator.runs.policy_of_run import policy_of
from simulator.runs.replay import load_replay
from simulator.runs.workload_of_run import require_job_types, require_window
from simulator.settings.config import RunConfig
from simulator.world.cluster import make_cluster
from simulator.world.prices import load_prices
from simulator.world.throughputs import Measurements, load_throughputs
from simulator.world.trace import read_trace

FILES = ("trace", "replay", "throughputs", "prices")
"""Settings that name a file which a run reads."""

_POLICY = ("policy", "policy_settings", "entities")
"""Settings of which a policy is made."""

_HELD_AGAINST = ("cluster", "gpus_per_server", "window", "multi_gpu", "workload")
"""Settings to which the contents of a file have to fit."""


def require_inputs(configs: Iterable[Mapping[str, Any]]) -> None:
    """Make each policy and read each file that runs name, as far as the two do not depend on each other.

    Parameters
    ----------
    configs
        Runs, as :meth:`simulator.settings.config.RunConfig.to_json` gives them.

    Raises
    ------
    InputError
        As a run that reads them.
    """
    distinct: dict[str, Mapping[str, Any]] = {}
    policies: dict[str, Mapping[str, Any]] = {}
    for one in configs:
        if one.get("policy") is not None:
            policies.setdefault(json.dumps([one.get(name) for name in _POLICY]), one)
        if any(one.get(name) is not None for name in FILES):
            key = json.dumps([one.get(name) for name in (*FILES, *_HELD_AGAINST)])
            distinct.setdefault(key, one)
    for one in policies.values():
        policy_of(RunConfig.from_json(dict(one)))
    tables: dict[Path | None, Measurements] = {}
    jobs: dict[tuple[Path, Path | None], int] = {}
    for one in distinct.values():
        config = RunConfig.from_json(dict(one))
        table = config.throughputs
        if table not in tables:
            tables[table] = load_throughputs(table)
        known = tables[table].worker_types
        cluster = make_cluster(config.cluster, config.gpus_per_server, known)
        if config.trace is not None:
            place = (config.trace, table)
            if place not in jobs:
                jobs[place] = read_trace(config.trace, tables[table]).jobs["key"].size
            require_window(config, jobs[place])
        elif config.interarrival is not None or config.jobs is not None:
            require_job_types(config, tables[table])
        if config.replay is not None:
            load_replay(config.replay, cluster.worker_types)
        if config.prices is not None:
            load_prices(config.prices, cluster.worker_types)
