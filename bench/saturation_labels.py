"""Ground truth for the saturation rule: loads labelled by long simulations alone, no rule involved.

``python -m bench labels`` goes on where an earlier one stopped, keeping each result as it comes: load by
load, those near the knee first, and of each load the cheapest combinations first.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.kept_results import alone
from bench.queue_labels import is_hopeless, label
from bench.saturation_cases import CASES, Case
from simulator.files.whole_files import write_atomically
from simulator.runs.saturation.bounds import highest_rate, packs
from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig
from simulator.settings.options import make_config
from simulator.studies.knee import knee_of

RESULTS = Path(__file__).parent / "saturation_labels.json"

LOADS = (0.98, 1.02, 0.985, 1.015, 0.95, 1.05, 0.90, 1.10, 1.00, 0.80, 1.25)
"""Loads that are labelled, as multiples of the knee that a long queue says: those near it first."""

ARRIVALS = 100_000
LONGEST, LONGEST_AT_THE_KNEE = 400_000, 200_000
"""Jobs of a run; an undecided one goes on until twice as many have arrived, and twice again where there is an answer.
Under weights it takes 60,000 jobs until there are as many as usual."""

SEED = 1000
"""Of the labelling runs: other jobs than those of the verdicts."""

EVEN = 2500
"""Jobs of a block whose arrivals are stretched until it brings as much work as its rate says. Jobs are uneven: those of
a seed bring up to 3 % more than expected in their first 30,000 and 1 % in 100,000, which is the load, and not the
policy. What a cluster sustains does not depend on it."""

GIVEN_UP = 1.05
"""Load from which on a run may be given up as hopeless."""

HOPELESS = 10.0
"""Workers asked for, per worker, from which on such a run counts as saturated without going on, if its queue has left the
levels of before for good (:func:`bench.queue_labels.is_hopeless`)."""

LEAST_WORKERS = 108
"""Workers that the queue is thought to have at least: near the knee it is as long in jobs with few of them."""

_DEAR = {"allox": 3.5}
"""The same for policies whose every decision takes time that grows with the cube of the queue."""

MOST_SECONDS = 300.0
"""CPU seconds after which a run is given up, and with it the other loads of its case."""

NOTED, STEP = 100, 1000
"""Arrivals between two notes of the number of jobs in the system, and those by which runs go on."""


def config_of(case: Case, rate: float, seed: int, **settings: Any) -> RunConfig:
    """One run of a case."""
    given = {"saturation": "off", "window": (0, 1), **case.settings, **settings}
    return make_config(policy=case.policy, cluster=case.cluster, rate=rate, seed=seed, **given)


def centre_of(case: Case) -> float:
    """The knee as long queues have it, around which loads are placed: a guess that labels confirm or not."""
    config = config_of(case, 1.0, SEED)
    bound = highest_rate(config, packs(config))
    seeds = (SEED, SEED + 1)
    return math.fsum(knee_of(replace(config, seed=seed), bound).rate for seed in seeds) / len(seeds)


class TooDearError(Exception):
    """A run took more CPU time than it may."""


def label_of(case: Case, rate: float, load: float, seconds: float) -> dict[str, Any]:
    """Simulate one rate until it is clear whether the queue comes back, for so many seconds at most."""
    started = time.process_time()
    arrivals, longest = ARRIVALS, LONGEST_AT_THE_KNEE if load == 1.0 else LONGEST
    while True:
        active, hopeless = _simulate(case, rate, arrivals, started + seconds, load >= GIVEN_UP)
        found = "saturated" if hopeless else label(active)
        if found != "undecided" or arrivals >= longest:
            break
        arrivals *= 2
    return {
        "rate": round(rate, 5),
        "even": EVEN,
        "label": found,
        "arrivals": int(active.size) * NOTED,
        "at_the_end": int(active[-1]),
        "most": int(active.max()),
        "cpu": round(time.process_time() - started, 2),
    }


def _simulate(
    case: Case, rate: float, arrivals: int, until: float, may_give_up: bool
) -> tuple[np.ndarray, bool]:
    """Jobs in the system at every so many arrivals, and whether it was given up."""
    # The run would end with the last job that is measured: one that comes too late for that.
    last = arrivals + arrivals // 10
    config = config_of(case, rate, SEED, window=(last - 1, last))
    simulation = Simulation(config)
    even_out(simulation, last + 1, rate)
    workers = max(simulation.cluster.total, LEAST_WORKERS)
    hopeless = _DEAR.get(case.policy, HOPELESS) * workers / _mean_scale(config)
    rounds = math.ceil(STEP / rate * 3600.0 / config.round_seconds)
    while simulation.arrived < arrivals:
        simulation.advance(rounds)
        if (
            may_give_up
            and simulation.active > hopeless
            and is_hopeless(_active(simulation, arrivals), hopeless)
        ):
            break
        if time.process_time() > until:
            raise TooDearError
    return _active(simulation, arrivals), simulation.arrived < arrivals


def _active(simulation: Simulation, arrivals: int) -> np.ndarray:
    """Jobs in the system at every so many arrivals, up to a number of them."""
    series = simulation.series
    noted = np.arange(NOTED, min(simulation.arrived, arrivals) + 1, NOTED)
    active: np.ndarray = series["active"][np.searchsorted(series["arrived"], noted)]
    return active.astype(np.float64)


def even_out(simulation: Simulation, count: int, rate: float) -> None:
    """Draw all jobs of a run, and stretch or squeeze time so that every block of them brings the work of its rate."""
    workload, config = simulation.workload, simulation.config
    workload.extend(max(0, count - workload.jobs.size))
    jobs = workload.jobs
    prices = highest_rate(config, simulation.shares_workers).key_prices
    work = (
        prices[jobs.key] * jobs.duration * jobs.scale_factor
    )  # 3,600 of it are a job's on average
    ends = np.append(np.arange(0, jobs.size - 1, EVEN), jobs.size - 1)
    come = np.concatenate([[0.0], np.cumsum(work)])[ends] / rate
    jobs.arrival[:] = np.interp(jobs.arrival, jobs.arrival[ends], come)
    simulation.mechanism.take_jobs()


def _mean_scale(config: RunConfig) -> float:
    from simulator.runs.saturation.offered_load import SCALE_FACTOR_SHARES

    shares = SCALE_FACTOR_SHARES if config.multi_gpu else {1: 1.0}
    return math.fsum(scale * share for scale, share in shares.items())


def known() -> dict[str, Any]:
    """What has been labelled so far: case to ``centre`` and load to label."""
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return found


def expected_cost(case: Case) -> float:
    """Guess how long a label takes, in no unit: by policy, and by jobs in the system."""
    words = {
        "packed": 300.0,
        "allox": 50.0,
        "finish_time": 4.0,
        "water_filling": 4.0,
        "gandiva": 4.0,
    }
    cost = math.prod(factor for word, factor in words.items() if word in case.policy)
    return cost * (0.2 if case.cluster == "6:6:6" else 1.0)


def run(cases: list[str], loads: list[float], seconds: float = MOST_SECONDS) -> int:
    """Label what is not labelled yet."""
    wanted = [one for one in CASES if not cases or any(text in one.name for text in cases)]
    wanted.sort(key=expected_cost)
    too_dear: set[str] = set()
    for load in loads or LOADS:
        for case in wanted:
            if case.name in too_dear:
                continue
            found = known()
            entry = found.setdefault(case.name, {"labels": {}})
            if f"{load:g}" in entry["labels"]:
                continue
            if "centre" not in entry:
                entry["centre"] = round(centre_of(case), 4)
            try:
                entry["labels"][f"{load:g}"] = label_of(case, load * entry["centre"], load, seconds)
            except TooDearError:
                print(case.name, load, f"given up after {seconds:g} s", flush=True)
                too_dear.add(case.name)
                continue
            with alone(
                RESULTS
            ):  # another process may have written meanwhile: only this entry is ours
                latest = known()
                latest.setdefault(case.name, entry)["labels"] |= entry["labels"]
                latest[case.name]["centre"] = entry["centre"]
                write_atomically(RESULTS, (_text(latest) + "\n").encode())
            print(case.name, load, entry["labels"][f"{load:g}"], flush=True)
    return 0


def _text(found: dict[str, Any]) -> str:
    """One line a case."""
    rows = [f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found)]
    return "{\n" + ",\n".join(rows) + "\n}"
