"""Successive programs of a cluster where jobs come and go."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np

from gavel_opt import ClusterState, make_policy
from gavel_opt.model.allocation_program import AllocationProgram
from simulator.world.throughputs import load_throughputs

TYPES = ("k80", "p100", "v100")
MEASURED = load_throughputs()
TABLE = MEASURED.table(TYPES)


def states(jobs: int, rounds: int, seed: int = 0, most_changes: int = 3) -> Iterator[ClusterState]:
    """A contended cluster; after each round one to three jobs (or so) are others."""
    draws = random.Random(seed)
    active = [_job(draws) for _ in range(jobs)]
    numbers = list(range(jobs))
    arrived = jobs
    for _ in range(rounds):
        yield ClusterState(
            worker_types=TYPES,
            workers=np.full(3, max(1, jobs // 4)),
            throughputs=TABLE,
            job=np.array(numbers),
            key=np.array([row for row, _, _ in active]),
            scale_factor=np.array([scale for _, scale, _ in active]),
            weight=np.array([weight for _, _, weight in active]),
            steps_left=np.array([draws.uniform(1e3, 1e6) for _ in active]),
            age=np.zeros(len(active)),
        )
        for _ in range(draws.randint(1, most_changes)):
            gone = draws.randrange(len(active))
            del active[gone], numbers[gone]
        for _ in range(draws.randint(1, most_changes)):
            active.append(_job(draws))
            numbers.append(arrived)
            arrived += 1


def programs(
    jobs: int, rounds: int, merge: bool, seed: int = 0, most_changes: int = 3
) -> Iterator[AllocationProgram]:
    """Max-min fairness on those states."""
    policy = make_policy("max_min_fairness_perf")
    for state in states(jobs, rounds, seed, most_changes):
        yield next(policy.programs(state, merge))


def _job(draws: random.Random) -> tuple[int, int, float]:
    while True:
        scale = draws.choice([1, 1, 1, 1, 2, 4, 8])
        row = MEASURED.row(draws.choice(MEASURED.keys)[0], scale)
        if row >= 0:
            return row, scale, draws.choice([1.0, 1.0, 1.0, 5.0])
