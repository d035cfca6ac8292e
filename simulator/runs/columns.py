"""Tables as columns by name, and what each column of a run's tables holds, with its unit."""

from __future__ import annotations

from typing import Any, TypeAlias

from numpy.typing import NDArray

Columns: TypeAlias = dict[str, NDArray[Any]]

ABOUT: dict[str, dict[str, tuple[str, str]]] = {
    "jobs": {
        "job": ("", "number, in order of arrival from 0"),
        "type": ("", "job type, as in the table of throughputs"),
        "scale_factor": ("workers", "workers at once"),
        "weight": ("", "priority weight"),
        "entity": ("", "entity (organisation) of the job, from 0"),
        "steps": ("steps", "steps to run"),
        "duration": (
            "s",
            "run time alone on v100, the reference type; null where that is unknown, or it cannot run there",
        ),
        "arrival": ("s", "simulated time of arrival"),
        "finish": ("s", "simulated time at which it was done; null if it was not"),
        "jct": ("s", "job completion time: finish - arrival; null if it was not done"),
        "isolated_time": (
            "s",
            "how long it would have taken alone on an equal share of the cluster: steps divided by "
            "its mean throughput on 1/n of each worker type (less where that is more than all its time; "
            "0 on types without room for it), n the jobs in the system, over the time it was there; "
            "null if it was not done",
        ),
        "finish_time_fairness": (
            "",
            "jct / isolated_time (rho): above 1 it was worse off than alone",
        ),
        "deadline": (
            "s",
            "simulated time by which it should be done, counted from the round that let it in; null "
            "without one",
        ),
        "cost": (
            "dollar",
            "price of the time that it ran; each of two jobs on a worker pays the whole price, as in the "
            "reference",
        ),
        "dropped": (
            "",
            "whether five attempts in a row had failed: fewer steps were left than it has workers, and the "
            "reference wants a whole one for each",
        ),
        "measured": ("", "whether it counts: it is in the window"),
        "first_start": ("s", "start of its first round on workers (with --record placements)"),
        "preemptions": (
            "",
            "how often it left all its workers before it was done (with --record placements)",
        ),
        "time_*": (
            "worker s",
            "how long it held workers of one type, from round to round (with --record placements): it runs "
            "whole steps, so it may run, and pay for, a little less",
        ),
    },
    "rounds": {
        "round": ("", "number, from 0"),
        "time": ("s", "simulated time at its start"),
        "active": ("jobs", "jobs in the system"),
        "running": ("jobs", "jobs that run in the round"),
        "queued": ("jobs", "jobs that wait"),
        "arrived": ("jobs", "jobs that have arrived so far"),
        "completed": ("jobs", "jobs done so far, without those that were dropped"),
        "utilization": ("", "share of all workers that run something, 0 to 1"),
        "utilization_*": ("", "the same by worker type"),
        "mean_jct": ("s", "mean over all jobs done by then, measured or not"),
        "completions_per_hour": ("jobs/h", "over the last 10 simulated hours"),
    },
    "placements": {
        "worker": ("", "number of the worker, type by type in alphabetical order"),
        "worker_type": ("", "type of the worker"),
        "job": ("", "job that ran there"),
        "partner": ("", "job beside it on the same worker, -1 for none"),
        "first_round": ("", "first round of a stretch without a break"),
        "last_round": ("", "last round of the stretch"),
    },
    "allocations": {
        "allocation": ("", "number of the recomputation, from 0"),
        "round": ("", "round before which it was made"),
        "time": ("s", "simulated time"),
        "job": ("", "job"),
        "partner": ("", "job that shares the worker, -1 for none"),
        "worker_type": ("", "worker type"),
        "share": ("", "fraction of time, above 0; absent rows are 0"),
    },
    "solves": {
        "allocation": ("", "number of the recomputation, from 0"),
        "round": ("", "round before which it was made"),
        "time": ("s", "simulated time"),
        "programs": ("", "programs solved for it"),
        "cache_hits": ("", "of them solved on a kept model"),
        "fallbacks": ("", "answers that were refused and found on another engine"),
        "primal_residual": ("", "the largest of its certificates; null if no program was solved"),
        "dual_residual": ("", "the largest of its certificates; null if no program was solved"),
        "relative_gap": ("", "the largest of its certificates; null if no program was solved"),
        "seconds": ("s", "wall clock of the policy, from state to allocation"),
        "refused": ("", "why answers were refused: engine and reason; empty if none was"),
    },
}
"""Table to column to (unit, what it holds); a star stands for a worker type."""


def about(table: str, column: str) -> tuple[str, str] | None:
    """Return the unit of a column and what it holds, or None if nothing is known of it."""
    known = ABOUT.get(table, {})
    if column in known:
        return known[column]
    for name, found in known.items():
        if name.endswith("*") and column.startswith(name[:-1]):
            return found
    return None
