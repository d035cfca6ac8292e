"""The workload of a run: made from its settings, and held against its cluster before anything starts."""

from __future__ import annotations

import math

import numpy as np

from gavel_opt import InputError, Traits
from gavel_opt.errors import counted
from gavel_opt.policies.entities import Entities
from simulator.settings.config import RunConfig
from simulator.world.cluster import Cluster
from simulator.world.throughputs import REFERENCE_TYPE, Measurements
from simulator.world.trace import read_trace
from simulator.world.units import HOUR
from simulator.world.workload import DrawnWorkload, DrawSettings, FixedWorkload, Workload


def workload_of(
    config: RunConfig, measurements: Measurements, traits: Traits
) -> tuple[Workload, Measurements]:
    """Make the workload that a configuration asks for, and the throughputs of its jobs.

    Raises
    ------
    InputError
        If it asks for none, or its trace is none.
    """
    if config.trace is not None:
        trace = read_trace(config.trace, measurements)
        require_window(config, trace.jobs["key"].size)
        return FixedWorkload(trace.jobs), trace.measurements
    if config.jobs is None and config.interarrival is None:
        raise InputError("expected a workload: --jobs, --rate or --interarrival, or --trace")
    if config.jobs is None and config.window is None:
        raise InputError("--window: expected START:END with --rate, which jobs to measure")
    return DrawnWorkload(_drawn_as(config, traits.needs_deadlines), measurements), measurements


def require_job_types(config: RunConfig, measurements: Measurements) -> None:
    """Refuse a table of throughputs without a job type that may be drawn."""
    DrawnWorkload(_drawn_as(config, needs_deadlines=False), measurements)


def _drawn_as(config: RunConfig, needs_deadlines: bool) -> DrawSettings:
    return DrawSettings(
        seed=config.seed,
        interarrival=0.0 if config.jobs is not None else config.interarrival or math.nan,
        limit=config.jobs,
        multi_gpu=config.multi_gpu,
        multi_priority=config.multi_priority,
        workload=config.workload,
        fixed_duration=config.fixed_duration,
        slos=config.slos or needs_deadlines,
        entities=max(1, len((config.entities or {}).get("weights", ()))),
    )


def notes_on_jobs(config: RunConfig, workload: Workload) -> list[str]:
    """Say what of a trace's jobs is hardly meant: all of one entity, the first after a long time of nobody."""
    if config.trace is None:
        return []
    found = []
    several = len((config.entities or {}).get("weights", ())) > 1
    if several and not workload.jobs.entity.any():
        found.append(
            "--entities: all jobs of the trace are of entity 0; the 11th column of a trace says whose a job is"
        )
    if config.entities is not None:
        known = Entities.parse(config.entities)
        others = sorted({int(one) for one in np.unique(workload.jobs.entity)} - known.weight.keys())
        if others:
            found.append(
                f"--entities: has no weight for entity {', '.join(map(str, others[:5]))}"
                f"{', ...' if len(others) > 5 else ''} of the trace: 1 is taken, shared fairly within"
            )
    first, last = workload.jobs.arrival[[0, -1]].tolist()
    if first > max(last - first, 24 * HOUR):
        found.append(
            f"--trace: nobody is there for {first / HOUR:,.0f} h, until the first job arrives, longer than "
            f"from there to the last; arrivals are seconds since the start, which makespan and utilization count from"
        )
    return found


def require_window(config: RunConfig, jobs: int) -> None:
    """Refuse a window that ends after the last of a trace's jobs."""
    if config.window is not None and config.window[1] > jobs:
        raise InputError(
            f"--window: {config.trace} has {counted(jobs, 'job')}, expected an end of {jobs:,} or less"
        )


def require_fit(
    config: RunConfig,
    workload: Workload,
    cluster: Cluster,
    measurements: Measurements,
    traits: Traits,
) -> None:
    """Refuse a workload of which a job could never run: on no worker type, or not under the policy.

    Raises
    ------
    InputError
        Naming the job.
    """
    drawn: list[int] = []
    what = str(config.trace)
    if isinstance(workload, DrawnWorkload):
        # The jobs of the window are drawn in any case; those after it cannot hold it up. A run
        # without a number of jobs has a window: the options see to it.
        workload.extend(config.jobs or config.window[1])  # type: ignore[index]
        drawn, what = workload.rows(), "the jobs drawn"
    keys, rows = measurements.keys, np.unique(workload.jobs.key).tolist()
    measurements.require([keys[row] for row in rows], cluster.worker_types)
    if traits.single_gpu_only and any(keys[row][1] > 1 for row in drawn + rows):
        raise InputError(
            f"--policy: {config.policy} takes jobs on one worker only, but {what} "
            "include jobs on several"
        )

    def first_of(bad: np.ndarray) -> str | None:
        """The first job of a row that is bad, in words."""
        if not bad.any():
            return None
        row = rows[int(np.argmax(bad))]
        number = int(np.flatnonzero(workload.jobs.key == row)[0])
        name, scale = keys[row]
        return f"job {number} of {what}, {name!r} on {scale} workers,"

    speed = measurements.speed_if_known() if traits.needs_reference else None
    if speed is not None and (job := first_of(~(speed[rows] > 0.0))):
        raise InputError(
            f"--policy: {job} has no throughput on "
            f"{REFERENCE_TYPE!r}, from which {config.policy} takes its speed on every worker "
            "type; choose the _perf variant, or give it one in --throughputs"
        )
    alone = measurements.table(cluster.worker_types).alone
    scales = np.array([keys[row][1] for row in rows], dtype=np.int64)
    fits = ((alone[rows] > 0) & (cluster.workers >= scales[:, None])).any(axis=1)
    if job := first_of(~fits):
        counts = zip(cluster.worker_types, cluster.workers.tolist(), strict=True)
        workers = ",".join(f"{name}={count}" for name, count in counts)
        raise InputError(f"--cluster: {job} fits on no worker type of {workers}")
