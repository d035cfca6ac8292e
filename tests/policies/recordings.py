"""Recorded runs of the reference as states and allocations, whatever file they come from.

``sample.json.gz`` holds the events that the tests carry: per run the policy, the workers of each type,
each job's (type, scale factor, weight), and per event the active jobs, their steps left and ages, and
the recorded shares that are not zero. It is written by ``take_sample.py``.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gavel_opt import Allocation, ClusterState
from simulator.world.throughputs import load_throughputs

TYPES = ("k80", "p100", "v100")
SAMPLE = Path(__file__).with_name("sample.json.gz")
GOLDEN = Path(__file__).resolve().parents[2].parent / "shared" / "golden"

Pairs = dict[tuple[int, int], np.ndarray]


@dataclass(slots=True)
class Event:
    """One recomputation: what the policy saw and what the reference answered, if that is kept."""

    state: ClusterState
    alone: np.ndarray
    pairs: Pairs
    answered: bool = True


@dataclass(slots=True)
class Run:
    """The first events of one recorded run, in order."""

    name: str
    policy: str
    events: list[Event]


_MEASURED = load_throughputs()
_TABLE = _MEASURED.table(TYPES)


def state_of(workers: list[int], jobs: list[tuple[int, str, int, float, float, float]]) -> Any:
    """Build a state from (job, type, scale factor, weight, steps left, age)."""
    return ClusterState(
        worker_types=TYPES,
        workers=np.array(workers, dtype=np.int64),
        throughputs=_TABLE,
        job=np.array([job[0] for job in jobs], dtype=np.int64),
        key=np.array([_MEASURED.row(job[1], job[2]) for job in jobs], dtype=np.int64),
        scale_factor=np.array([job[2] for job in jobs], dtype=np.int64),
        weight=np.array([job[3] for job in jobs], dtype=np.float64),
        steps_left=np.array([job[4] for job in jobs], dtype=np.float64),
        age=np.array([job[5] for job in jobs], dtype=np.float64),
    )


def sample() -> list[Run]:
    """The runs that the tests carry."""
    with gzip.open(SAMPLE) as file:
        runs = json.load(file)
    result = []
    for run in runs:
        events = []
        for event in run["events"]:
            jobs = [
                (number, *run["jobs"][str(number)], steps, age)
                for number, steps, age in zip(
                    event["jobs"], event["steps_left"], event["age"], strict=True
                )
            ]
            state = state_of(run["workers"], jobs)
            shares = {tuple(entry[:-3]): np.array(entry[-3:]) for entry in event.get("shares", [])}
            events.append(_event(state, shares, "shares" in event))
        result.append(Run(run["name"], run["policy"], events))
    return result


def golden(path: Path) -> Iterator[Event]:
    """All events of one full recording, in order."""
    with gzip.open(path) as file:
        run = json.load(file)
    workers = [run["config"]["cluster"][kind] for kind in TYPES]
    for event in run["events"]:
        jobs = [
            (job["id"], job["type"], job["sf"], job["w"], job["steps_left"], job["age"])
            for job in event["jobs"]
        ]
        shares = {
            tuple(map(int, name.split("+"))): np.array(share[::-1])
            for name, share in (event["alloc"] or {}).items()
        }
        yield _event(state_of(workers, jobs), shares)


def policy_of(path: Path) -> str:
    """Name of the policy in ``workload-policy-s0.full.json.gz``."""
    return path.name.split("-s0")[0].split("-", 2 if path.name.startswith("trace") else 1)[-1]


def _event(state: ClusterState, shares: dict[Any, np.ndarray], answered: bool = True) -> Event:
    index = {int(job): i for i, job in enumerate(state.job)}
    alone = np.zeros((state.job.size, len(TYPES)))
    pairs = {}
    for jobs, share in shares.items():
        if len(jobs) == 2:
            pairs[jobs] = share
        else:
            alone[index[jobs[0]]] = share
    return Event(state, alone, pairs, answered)


def pairs_of(allocation: Allocation) -> Pairs:
    """Shares of pairs by job numbers."""
    return {
        (int(a), int(b)): share
        for (a, b), share in zip(allocation.pair, allocation.pair_x, strict=True)
    }


def same(event: Event, allocation: Allocation) -> bool:
    """Whether an allocation is the recorded one to the last bit."""
    pairs = pairs_of(allocation)
    zero = np.zeros(len(TYPES))
    return (
        np.array_equal(allocation.x, event.alone)
        and all(np.array_equal(pairs.get(pair, zero), x) for pair, x in event.pairs.items())
        and all(pair in event.pairs or not x.any() for pair, x in pairs.items())
    )
