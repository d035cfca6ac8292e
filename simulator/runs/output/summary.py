"""What a simulation gave, read out: the summary with its means, totals and reasons, and the tables."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import gavel_opt
from gavel_opt import Tally
from gavel_opt.engines.asking import version_of
from simulator.runs.columns import Columns
from simulator.runs.output.job_metrics import missed_deadlines, presence
from simulator.runs.output.results import RunResult, Spent, Status
from simulator.runs.output.tables import job_columns, placement_columns, round_columns
from simulator.runs.saturation.rules import Verdict
from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig


def collect(
    simulation: Simulation,
    config: RunConfig,
    status: Status,
    verdict: Verdict | None,
    tally: Tally,
    spent: Spent,
    records_placements: bool,
    allocations: Columns | None = None,
) -> RunResult:
    """Read a simulation out."""
    started = time.perf_counter()
    gap_use = _use_in_gaps(simulation)
    jobs = job_columns(simulation)
    rounds = round_columns(simulation, jobs)
    placements = placement_columns(simulation) if records_placements else None
    notes = list(simulation.notes)
    if placements is not None and config.ideal:
        notes.append("--record placements has no effect: with --ideal jobs have no places")
    elif placements is not None:
        cluster = simulation.cluster
        kind = np.repeat(np.arange(len(cluster.workers)), cluster.workers)
        jobs |= presence(jobs, rounds, placements, kind, list(cluster.worker_types))
    measured = jobs["measured"]
    job, jct = jobs["job"][measured], jobs["jct"][measured]
    done = np.isfinite(jct)
    times = jct[done]
    missing = _missing(simulation, jobs)
    dropped = int(jobs["dropped"][measured].sum())
    whole = status == "completed" and not missing["jobs"]
    lacking = _lacking(int(done.sum()), missing["jobs"], dropped, status, verdict)
    engine, engine_version = _engine(simulation)
    summary: dict[str, Any] = {
        "status": status,
        "policy": config.policy,
        "engine": engine,
        "average_jct": None if lacking else _mean(times),
        "average_jct_partial": _mean(times) if lacking else None,
        "average_jct_at_least": _at_least(times, missing),
        "average_jct_reason": lacking,
        "partial": lacking is not None,
        # of those that completed early they would be too low as well
        "jct_percentiles": None if lacking else _percentiles(times),
        "finish_time_fairness_percentiles": None
        if lacking
        else _percentiles(jobs["finish_time_fairness"][measured]),
        "jobs": {
            "measured": int(done.sum()) + missing["jobs"] + dropped,
            "completed": int(done.sum()),
            "missing": missing["jobs"],
            "dropped": dropped,
            "arrived_in_all": int(jobs["job"].size),
            "completed_in_all": int(np.isfinite(jobs["jct"]).sum()),
        },
        "simulated_time": float(simulation.time),
        "makespan": float(simulation.time),
        **_use_of_workers(simulation, gap_use),
        **_of_whole_runs(
            whole,
            **_costs(simulation, jobs, gap_use),
            slo_violations=_slo_violations(simulation, jobs),
        ),
        **_of_priced_types(simulation, jobs),
        "rounds": int(simulation.rounds),
        "allocations": int(simulation.allocations),
        "lease_extensions": int(simulation.mechanism.lease_extensions),
        "lease_extension_opportunities": int(simulation.mechanism.lease_extension_opportunities),
        "notes": notes,
        "saturation": _verdict(verdict, config),
        "solve": {name: getattr(tally, name) for name in _SOLVE},
        "time": {},
        "seed": config.seed,
        "config": config.to_json(),
        "command": config.command(),
        "versions": _versions(simulation, engine_version),
        "jct": dict(zip(map(str, job[done].tolist()), times.tolist(), strict=True)),
    }
    summary["time"] = _time(tally, spent, time.perf_counter() - started)
    solves = None if simulation.driver is None else simulation.solves.columns()
    return RunResult(config, summary, jobs, rounds, placements, allocations, solves=solves)


_TINY = 1e-300


def _versions(simulation: Simulation, engine: str) -> dict[str, str]:
    """Versions of all that a result may depend on; of a policy of the user's own, its source."""
    found = {"gavel-opt": gavel_opt.__version__, "engine": engine}
    if simulation.policy_source:
        found["policy"] = simulation.policy_source
    return found | {"python": platform.python_version(), "numpy": np.__version__}


def _use_of_workers(simulation: Simulation, gaps: NDArray[np.float64]) -> dict[str, float]:
    """Share of busy time, as the reference counts it and without times in which nobody ran."""
    share = float(simulation.utilization())
    idle = float(gaps.sum()) / simulation.cluster.total / max(simulation.time, _TINY)
    return {"utilization": share, "utilization_without_gaps": share - idle}


def _costs(
    simulation: Simulation, jobs: Columns, gaps: NDArray[np.float64]
) -> dict[str, float | None]:
    """Cost of all workers; None where some have no price, beside which a mean or a difference means nothing."""
    if simulation.surroundings.types_without_price:
        return {"cost": None, "cost_without_gaps": None}
    cost = float(jobs["cost"].sum())
    return {"cost": cost, "cost_without_gaps": _cost_without_gaps(simulation, cost, gaps)}


def _of_priced_types(simulation: Simulation, jobs: Columns) -> dict[str, str | float | None]:
    types = simulation.surroundings.types_without_price
    return {
        "types_without_price": ", ".join(types) or None,
        "cost_of_priced_types": float(jobs["cost"].sum()) if types else None,
    }


def _of_whole_runs(whole: bool, **totals: float | None) -> dict[str, float | None]:
    """Totals under their names for a run that was not cut off, else null with ``..._so_far`` beside.

    A run that was cut off did less work: its totals mean nothing beside those of others.
    """
    found: dict[str, float | None] = {}
    for name, value in totals.items():
        found[name] = value if whole else None
        found[f"{name}_so_far"] = None if whole else value
    return found


def _use_in_gaps(simulation: Simulation) -> NDArray[np.float64]:
    """Worker seconds by worker type that a run is charged for times in which nobody ran.

    The reference charges a round from the end of the round before it in which somebody ran, so the time in
    which nobody was there counts as time of those who ran next (docs/mechanism.md).
    """
    none = np.zeros(len(simulation.cluster.worker_types))
    if simulation.config.ideal or not simulation.time > 0:
        return none
    rounds, type_use = simulation.mechanism.metrics()
    time, runs = rounds["time"], np.flatnonzero(rounds["running"])
    if not simulation.finished:
        runs = runs[:-1]  # the last round is not accounted for yet
    if not runs.size:
        return none
    # A round ends when the next one begins.
    ends = np.append(time, simulation.time)[runs + 1]
    gaps = time[runs] - np.concatenate([[0.0], ends[:-1]])
    used: NDArray[np.float64] = gaps @ type_use[runs]
    used *= simulation.cluster.workers
    return used


def _cost_without_gaps(
    simulation: Simulation, cost: float, gap_use: NDArray[np.float64]
) -> float | None:
    """Cost in which a round is charged from its own beginning; None where it does not follow.

    Under packing two jobs on a worker pay its whole price each, and the table of rounds does not say who was
    beside whom.
    """
    if simulation.shares_workers and gap_use.any():
        return None
    return cost - float(gap_use @ simulation.prices) / 3600.0


def _mean(values: NDArray[np.float64]) -> float | None:
    # As the reference adds: numpy's sum by pairs, in order of the jobs' numbers.
    return float(np.mean(values)) if values.size else None


def _missing(simulation: Simulation, jobs: Columns) -> dict[str, Any]:
    """Measured jobs without a completion time, and how long those that arrived have waited."""
    start, end = simulation.window
    mask = jobs["measured"]
    open_jobs = mask & ~np.isfinite(jobs["jct"]) & ~jobs["dropped"]
    not_arrived = end - start - int(mask.sum())
    ages = simulation.time - jobs["arrival"][open_jobs]
    return {"jobs": int(open_jobs.sum()) + not_arrived, "ages": ages}


_ENDINGS: dict[Status, str] = {
    "completed": "the run was stopped",
    "saturated": "the run was stopped as saturated",
    "horizon": "simulated time was limited (--max-simulated-hours)",
    "timeout": "wall clock was limited (--timeout)",
    "cancelled": "the run was interrupted",
}


def _lacking(
    completed: int, missing: int, dropped: int, status: Status, verdict: Verdict | None
) -> str | None:
    """Why there is no mean over all measured jobs; None if there is one."""
    measured = completed + missing + dropped
    said = []
    if missing:
        ending = _ENDINGS[status]
        if status == "completed" and verdict is not None:
            ending += f": {verdict.finding}"
        has = "has" if missing == 1 else "have"
        said.append(f"{missing:,} of {measured:,} measured jobs {has} not completed; {ending}")
    if dropped:
        said.append(
            f"{dropped:,} of {measured:,} measured jobs {'was' if dropped == 1 else 'were'} dropped after five "
            "failed attempts: fewer steps left than workers"
        )
    return "; ".join(said) or (None if measured else "no job was measured")


def _at_least(times: NDArray[np.float64], missing: Mapping[str, Any]) -> float | None:
    """Lower bound of the mean over all measured jobs that have arrived.

    A job that is not finished will have taken at least its age so far. Null if the mean is whole.
    """
    if not missing["jobs"]:
        return None
    known = np.concatenate([times, missing["ages"]])
    return _mean(known)


def _percentiles(times: NDArray[np.float64]) -> dict[str, float] | None:
    if not times.size:
        return None
    ranks = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
    found = np.percentile(times, list(ranks.values())).tolist()
    return dict(zip(ranks, found, strict=True))


def _verdict(verdict: Verdict | None, config: RunConfig) -> dict[str, Any]:
    rule, parameters = config.saturation
    found: dict[str, Any] = {"rule": rule, "parameters": dict(parameters)}
    if rule == "off" and verdict is None:
        return found | {"verdict": "off"}
    if not config.continuous and verdict is None:
        return found | {"verdict": "not applicable", "reason": "jobs do not keep arriving"}
    if verdict is None:
        return found | {"verdict": "unjudged", "reason": "too early to tell"}
    return found | {
        "verdict": verdict.finding,
        "reason": verdict.reason,
        "figures": dict(verdict.figures),
        "simulated_hours": verdict.time / 3600.0,
    }


_SOLVE = (
    "programs",
    "cache_hits",
    "fallbacks",
    "max_primal_residual",
    "max_dual_residual",
    "max_relative_gap",
    "refusals",
)
_SOLVER_PARTS = ("build", "translate", "solve", "read", "tie_break", "certify")


def _engine(simulation: Simulation) -> tuple[str, str]:
    """Name and version of what solved."""
    driver = simulation.driver
    if driver is None:
        return "replay", str(simulation.config.replay)
    return driver.engine.name, version_of(driver.engine)


def _slo_violations(simulation: Simulation, jobs: Columns) -> int | None:
    """Jobs that missed their deadline or have passed it; None where no job has one."""
    if not np.isfinite(jobs["deadline"]).any():
        return None
    return int(missed_deadlines(jobs, simulation.time).sum())


def _time(tally: Tally, spent: Spent, collecting: float) -> dict[str, float]:
    """Seconds by part."""
    return {
        **{part: float(getattr(tally, part)) for part in _SOLVER_PARTS},
        "start": spent.starting,
        "mechanism": spent.mechanism,
        "metrics": collecting + spent.judging,
        "output": spent.saving,
        "compile": spent.compiling,
        "total": spent.total + collecting,
    }
