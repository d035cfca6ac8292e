"""Recorded reference runs: what they must come out as, and running them."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from take_golden import REPLAYS, RUNS, digest

from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig

HERE = Path(__file__).parent
__all__ = ["HERE", "REPLAYS", "RUNS", "config_of", "expected", "held_to", "run_all"]


@cache
def expected() -> dict[str, Any]:
    """Runs by name."""
    runs: dict[str, Any] = json.loads(gzip.decompress((HERE / "golden.json.gz").read_bytes()))
    return runs


def config_of(run: dict[str, Any], trace: Path | None = None, **settings: Any) -> RunConfig:
    """Configuration of a recorded run."""
    recorded = run["config"]
    window = recorded.get("window")
    given: dict[str, Any] = {
        "policy": recorded["policy"],
        "cluster": recorded["cluster"],
        "gpus_per_server": recorded["gpus_per_server"],
        "seed": recorded["seed"],
        "round_seconds": recorded["round_s"],
        "multi_gpu": recorded["multi_gpu"],
        "multi_priority": recorded["multi_priority"],
        "engine": "highs",
        "tie_break": "none",
        "grouping": False,
    }
    if "trace" in recorded:
        given["trace"] = trace
    elif recorded["lam"] == 0:
        given["jobs"] = window[1]
    else:
        given |= {"interarrival": recorded["lam"], "window": tuple(window)}
    return RunConfig(**(given | settings))


def run_all(config: RunConfig) -> tuple[Simulation, list[Any]]:
    """Run to the end; the simulation, and who ran where round by round."""
    rounds: list[Any] = []

    simulation = Simulation(config)
    while not simulation.finished:
        before = simulation.rounds
        simulation.advance(1)
        if simulation.rounds > before:
            who: dict[str, list[int]] = {}
            for job, partner, worker in simulation.mechanism.placements().tolist():
                who.setdefault(f"{job}" if partner < 0 else f"{job}+{partner}", []).append(worker)
            rounds.append([simulation.time, who])
    return simulation, rounds


def held_to(run: dict[str, Any], config: RunConfig) -> None:
    """Assert that a run comes out as recorded, to the last bit."""
    simulation, rounds = run_all(config)
    jct = simulation.jobs["jct"]
    done = {str(job): jct[job] for job in np.flatnonzero(~np.isnan(jct))}
    assert done == run["jct"]
    assert simulation.utilization() == run["utilization"]
    assert simulation.time == run["end_time"]
    assert simulation.rounds == run["rounds"]
    assert simulation.allocations == run["allocations"]
    leases = [
        simulation.mechanism.lease_extensions,
        simulation.mechanism.lease_extension_opportunities,
    ]
    assert leases == run["leases"]
    assert digest(rounds[: run["recorded_rounds"]]) == run["placements"]
