"""Reads a simulation out: columns for the tables."""

from __future__ import annotations

import numpy as np

from simulator.runs.columns import Columns
from simulator.runs.output.job_metrics import isolation
from simulator.runs.simulation import Simulation
from simulator.world.units import HOUR

_OF_JOBS = ("scale_factor", "weight", "entity", "steps", "duration", "arrival", "finish", "jct")
_OF_ROUNDS = ("active", "running", "queued", "arrived", "completed", "utilization")
"""Columns that a simulation has as they are, in order."""

RATE_WINDOW = 10 * HOUR
"""Simulated seconds over which the completion rate of a round is taken."""


def job_columns(simulation: Simulation) -> Columns:
    """One entry a job that has arrived, in order of arrival."""
    jobs = simulation.jobs
    number = np.arange(jobs["arrival"].size)
    names = np.array([name for name, _ in simulation.measurements.keys], dtype=np.str_)
    start, end = simulation.window
    columns: Columns = {
        "job": number,
        "type": names[jobs["key"]] if jobs["key"].size else np.array([], dtype=np.str_),
        **{name: jobs[name] for name in _OF_JOBS},
        "isolated_time": np.full(number.size, np.nan),
        "finish_time_fairness": np.full(number.size, np.nan),
        "deadline": jobs["deadline"],
        "cost": jobs["cost"],
        "dropped": jobs["dropped"],
        "measured": (number >= start) & (number < end),
    }
    cluster = simulation.cluster
    alone = simulation.measurements.table(cluster.worker_types).alone[jobs["key"]]
    # a job does not fit on a type with fewer workers than it needs
    fits = jobs["scale_factor"][:, None] <= cluster.workers[None, :]
    throughputs = np.where(fits, np.nan_to_num(alone), 0.0)
    return columns | isolation(columns, throughputs, cluster.workers)


def placement_columns(simulation: Simulation) -> Columns:
    """Who ran where: one entry a stretch of rounds in which a worker had the same job, or pair.

    By first round and worker; the partner is -1 for a job alone.
    """
    cluster = simulation.cluster
    worker, job, partner, first, last = simulation.mechanism.segments()
    types = np.repeat(np.array(cluster.worker_types, dtype=np.str_), cluster.workers)
    return {
        "worker": worker,
        "worker_type": types[worker],
        "job": job,
        "partner": partner,
        "first_round": first,
        "last_round": last,
    }


def round_columns(simulation: Simulation, jobs: Columns) -> Columns:
    """One entry a round.

    ``mean_jct`` is over all jobs done by the start of the round, ``completions_per_hour`` over the
    last 10 simulated hours.
    """
    series = simulation.series
    time = series["time"]
    done = np.isfinite(jobs["jct"])
    order = np.argsort(jobs["finish"][done], kind="stable")
    finish = jobs["finish"][done][order]
    total = np.concatenate([[0.0], np.cumsum(jobs["jct"][done][order])])
    by_then = np.searchsorted(finish, time, side="right")
    before = np.searchsorted(finish, time - RATE_WINDOW, side="right")
    hours = np.minimum(time, RATE_WINDOW) / HOUR
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_jct = np.where(by_then > 0, total[by_then] / by_then, np.nan)
        rate = np.where(hours > 0, (by_then - before) / hours, np.nan)
    columns: Columns = {
        "round": np.arange(time.size),
        "time": time,
        **{name: series[name] for name in _OF_ROUNDS},
    }
    for place, name in enumerate(simulation.cluster.worker_types):
        columns[f"utilization_{name}"] = series["utilization_by_type"][:, place]
    return columns | {"mean_jct": mean_jct, "completions_per_hour": rate}
