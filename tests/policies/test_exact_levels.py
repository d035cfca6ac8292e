"""Water filling against the lexicographic optimum in rational arithmetic, without any rounding."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import ONE, ZERO, least

from gavel_opt import ClusterState, Driver, ThroughputTable, make_policy
from gavel_opt.model.groups import expand
from gavel_opt.model.solution import Status
from gavel_opt.policies.max_min import fairness_program
from gavel_opt.policies.variants import group_by_key

TYPES = 3
STATED = 1e-9
"""Relative difference of a level that is allowed, of the default engine."""


def draw(seed: int, packed: bool) -> ClusterState:
    """Up to five jobs of three or four types, with weights from 1e-4 to 1e4."""
    random = np.random.default_rng(seed)
    jobs = int(random.integers(2, 4 if packed else 6))
    scales = random.choice([1, 1, 2, 4], 4) if seed % 2 else np.ones(4, dtype=np.int64)
    workers = random.integers(4, 7, TYPES) if seed % 2 else random.integers(1, 3, TYPES)
    alone = random.choice([0.5, 1.0, 1.5, 3.0], (4, TYPES)) * random.uniform(0.3, 30.0, (4, 1))
    alone *= random.random((4, TYPES)) < 0.9
    alone[:, 0] = np.maximum(alone[:, 0], 0.2)
    share = random.uniform(0.3, 0.9, (4, 4, TYPES))
    same = scales[:, None] == scales
    sides = [alone[:, None] * share, alone[None] * share.transpose(1, 0, 2)]
    paired = np.stack(sides, axis=2) * same[:, :, None, None]
    key = random.integers(0, 4, jobs)
    exponent = random.choice([0.0, 0.0, 1.0, 4.0]) if seed % 3 else 4.0
    return ClusterState(
        worker_types=("a", "b", "c"),
        workers=workers,
        throughputs=ThroughputTable(alone, paired if packed else None),
        job=np.arange(jobs),
        key=key,
        scale_factor=scales[key],
        weight=10.0 ** np.round(random.uniform(-exponent, exponent, jobs), 2),
        steps_left=np.ones(jobs),
        age=np.zeros(jobs),
    )


class Exact:
    """The program of max-min fairness of a state, each job by itself, in fractions."""

    def __init__(self, state: ClusterState, variant: str) -> None:
        groups = group_by_key(state, variant, merge=True)
        blocks = expand(fairness_program(state, groups, variant, merge=True)).blocks
        self.jobs = blocks.groups
        columns = blocks.combinations * blocks.types
        self.level = [[ZERO] * columns for _ in range(self.jobs)]
        time = [[ZERO] * columns for _ in range(self.jobs)]
        used = [[ZERO] * columns for _ in range(blocks.types)]
        for j in range(blocks.types):
            for g in range(self.jobs):
                column = g * blocks.types + j
                self.level[g][column] = Fraction(float(blocks.rate[g, j]))
                time[g][column] = ONE
                used[j][column] = Fraction(float(blocks.use[g]))
            if blocks.pairs is None:
                continue
            for p, members in enumerate(blocks.pairs.member):
                column = (self.jobs + p) * blocks.types + j
                used[j][column] = Fraction(float(blocks.pairs.use[p]))
                for side, g in enumerate(members):
                    self.level[g][column] = Fraction(float(blocks.pairs.rate[p, side, j]))
                    time[g][column] = ONE
        self.rows = [(1, row, ONE) for row in time]
        self.rows += [
            (1, row, Fraction(int(workers)))
            for row, workers in zip(used, blocks.workers, strict=True)
        ]

    def most(self, costs, floors, rises=()):
        """Largest value with the floors kept; ``rises`` are above the last column as well."""
        rows = [(sense, [*row, ZERO], side) for sense, row, side in self.rows]
        rows += [
            (-1, [*level, -ONE if g in rises else ZERO], floor)
            for g, (level, floor) in enumerate(zip(self.level, floors, strict=True))
        ]
        status, value = least([-cost for cost in costs], rows)
        assert status is Status.OPTIMAL
        return -value

    def levels(self) -> list[Fraction]:
        """Levels of the lexicographic optimum."""
        floors = [ZERO] * self.jobs
        rising = set(range(self.jobs))
        nothing = [ZERO] * len(self.level[0])
        while rising:
            below = [ZERO if g in rising else floors[g] for g in range(self.jobs)]
            height = self.most([*nothing, ONE], below, rising)
            for g in rising:
                floors[g] = height
            stopped = {g for g in rising if self.most([*self.level[g], ZERO], floors) == height}
            assert stopped
            rising -= stopped
        return floors


def reached(state: ClusterState, exact: Exact, allocation) -> list[Fraction]:
    """Levels of an allocation, and that it is feasible to the last digits."""
    table = {tuple(pair): row for pair, row in zip(allocation.pair, allocation.pair_x, strict=True)}
    x = [Fraction(float(value)) for value in allocation.x.ravel()]
    columns = len(exact.level[0])
    if columns > len(x):
        same = state.scale_factor[:, None] == state.scale_factor
        pairs = [(a, b) for a in range(exact.jobs) for b in range(a + 1, exact.jobs) if same[a, b]]
        for pair in pairs:
            x += [Fraction(float(value)) for value in table.get(pair, np.zeros(TYPES))]
    assert len(x) == columns
    for _, row, side in exact.rows:
        assert sum(a * b for a, b in zip(row, x, strict=True)) <= side * (1 + Fraction(1, 10**9))
    return [sum(a * b for a, b in zip(row, x, strict=True)) for row in exact.level]


@pytest.mark.parametrize("seed", range(40))
def test_levels_are_those_of_rational_arithmetic(seed):
    state = draw(seed, packed=False)
    driver = Driver(make_policy("max_min_fairness_water_filling_perf"), "structured", fallback=())
    exact = Exact(state, "perf")
    found, right = reached(state, exact, driver.allocate(state)), exact.levels()
    for ours, level in zip(found, right, strict=True):
        assert abs(ours - level) <= STATED * level


@pytest.mark.parametrize("seed", range(20))
def test_packed_levels_are_those_of_rational_arithmetic(seed):
    state = draw(100 + seed, packed=True)
    driver = Driver(make_policy("max_min_fairness_water_filling_packed"))
    exact = Exact(state, "packed")
    found, right = reached(state, exact, driver.allocate(state)), exact.levels()
    for ours, level in zip(found, right, strict=True):
        assert abs(ours - level) <= STATED * level


def test_weights_over_eighteen_orders_of_magnitude():
    """Nobody is short; the trace of every worker type, 1e-10 of the time, is much for who has a share of 1e-5."""
    trace = Fraction(1.001e-10)
    for seed in (0, 8, 11, 12):
        for packed in (False, True):
            state, random = draw(seed, packed), np.random.default_rng(seed)
            state.weight = 10.0 ** np.round(random.uniform(-9.0, 9.0, state.job.size), 2)
            variant = "packed" if packed else "perf"
            driver = Driver(make_policy(f"max_min_fairness_water_filling_{variant}"))
            exact = Exact(state, variant)
            found, right = reached(state, exact, driver.allocate(state)), exact.levels()
            for ours, level, rate in zip(found, right, exact.level, strict=True):
                above = STATED * level + trace * sum(rate) * packed
                assert -STATED * level <= ours - level <= above
