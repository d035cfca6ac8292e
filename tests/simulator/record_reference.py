"""Run the reference's simulator on one configuration and write down what it did; needs nothing of ours.

    python record_reference.py SCHEDULER_FOLDER CONFIG_JSON OUTPUT

Called by ``beside_the_reference.py``, in a Python that has what the reference needs (cvxpy, ecos, numpy
below 2, psutil). What it starts besides (servers, an estimator that wants ``matrix_completion``) is stubbed.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
import types
import warnings
from pathlib import Path

TYPES = ("v100", "p100", "k80")
PRICES = {"v100": 0.74, "p100": 0.43, "k80": 0.135}


def stub(name, **members):
    """Put a module in the place of one that is not needed."""
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module
    return module


def scheduler_of(config):
    """The reference's scheduler, without servers, at constant prices."""
    stub("matrix_completion")
    server = types.SimpleNamespace(serve=lambda *_, **__: None)
    stub("runtime", __path__=[])
    stub("runtime.rpc", scheduler_server=server, scheduler_client=None)
    import scheduler
    import utils

    policy = utils.get_policy(config["policy"], solver="ECOS", seed=config["seed"])
    made = scheduler.Scheduler(
        policy,
        throughputs_file="simulation_throughputs.json",
        seed=config["seed"],
        time_per_iteration=config["round"],
        simulate=True,
    )
    if config["slos"]:
        made._SLOs = {}
    made._update_per_worker_type_prices = lambda: None
    add_job = made.add_job

    def add_job_at_prices(*args, **rest):
        made._per_worker_type_prices = dict(PRICES)  # workers are there by now
        return add_job(*args, **rest)

    made.add_job = add_job_at_prices
    return made


def record_shares(made):
    """Note every allocation; the list that they go to."""
    events = []
    compute = made._compute_allocation

    def noted(state=None):
        shares = compute(state)
        named = {
            "+".join(str(part) for part in job.as_tuple() if part is not None): [
                float(by_type.get(name, 0.0)) for name in TYPES
            ]
            for job, by_type in shares.items()
        }
        events.append({"t": made.get_current_timestamp(), "alloc": named})
        return shares

    made._compute_allocation = noted
    return events


def run(config):
    """What the reference makes of a configuration."""
    made = scheduler_of(config)
    events = record_shares(made)
    import utils
    from job_id_pair import JobIdPair

    workers = dict(zip(TYPES, config["cluster"], strict=True))
    servers = dict(zip(TYPES, config["servers"], strict=True))
    measured = None
    with contextlib.redirect_stdout(io.StringIO()):
        if config["trace"]:
            jobs, arrivals = utils.parse_trace(config["trace"])
            made.simulate(workers, arrivals, jobs, num_gpus_per_server=servers)
        else:
            measured = {JobIdPair(job, None) for job in range(*config["window"])}
            made.simulate(
                workers,
                lam=config["interarrival"],
                jobs_to_complete=measured,
                fixed_job_duration=config["fixed_duration"],
                generate_multi_gpu_jobs=config["multi_gpu"],
                generate_multi_priority_jobs=config["multi_priority"],
                num_total_jobs=None if config["interarrival"] else len(measured),
                num_gpus_per_server=servers,
            )
        return {
            "average_jct": float(made.get_average_jct(measured)),
            "utilization": float(made.get_cluster_utilization()),
            "simulated_time": made.get_current_timestamp(),
            "lease_extensions": made._num_lease_extensions,
            "lease_extension_opportunities": made._num_lease_extension_opportunities,
            "cost": float(made.get_total_cost()),
            "slo_violations": made.get_num_SLO_violations() if config["slos"] else None,
            "jct": {str(job): jct for job, jct in made._job_completion_times.items()},
            "events": events,
        }


if __name__ == "__main__":
    folder, given, output = sys.argv[1:]
    target = Path(output).resolve()
    warnings.simplefilter("ignore")  # cvxpy's, of every program of the reference
    logging.disable(logging.CRITICAL)
    os.chdir(folder)
    sys.path.insert(0, os.getcwd())
    target.write_text(json.dumps(run(json.loads(given))))
