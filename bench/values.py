"""What an allocation is worth, and what it could be worth at most: checks of every benchmark.

Values are computed from states and allocations in the paper's terms, not by the policies' code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.states import isolated_speed
from gavel_opt import (
    Allocation,
    AllocationProgram,
    Answer,
    ClusterState,
    Driver,
    FinishTimeProgram,
    make_policy,
)

FEASIBLE = 1e-5
"""What a constraint may be missed by, relatively: ECOS's own tolerance, with room."""
EQUAL = 1e-6
"""Relative difference from the best value."""


def check_feasible(state: ClusterState, allocation: Allocation) -> None:
    """Assert that nobody has more than all of the time, and no worker is taken twice."""
    time = allocation.x.sum(axis=1)
    used = state.scale_factor @ allocation.x
    assert np.array_equal(allocation.job, state.job)
    assert allocation.x.min() >= -FEASIBLE
    if allocation.pair.size:
        assert allocation.pair_x.min() >= -FEASIBLE
        place = np.searchsorted(state.job, allocation.pair)
        for side in (0, 1):
            np.add.at(time, place[:, side], allocation.pair_x.sum(axis=1))
        used = used + state.scale_factor[place[:, 0]] @ allocation.pair_x
    assert time.max() <= 1.0 + FEASIBLE
    assert (used <= state.workers * (1.0 + FEASIBLE)).all()


def speeds(state: ClusterState, allocation: Allocation, plain: bool = False) -> np.ndarray:
    """Steps per second of each job (or, for plain policies, share of time)."""
    table = state.throughputs
    alone = table.alone[state.key]
    total = (allocation.x * (np.ones_like(alone) if plain else alone)).sum(axis=1)
    if allocation.pair.size:
        place = np.searchsorted(state.job, allocation.pair)
        assert table.paired is not None
        together = table.paired[state.key[place[:, 0]], state.key[place[:, 1]]]
        for side in (0, 1):
            np.add.at(total, place[:, side], (together[:, side] * allocation.pair_x).sum(axis=1))
    return total


def value(
    policy: str, state: ClusterState, allocation: Allocation, past: np.ndarray | None
) -> np.ndarray:
    """The policy's objective, to be maximised; where no number says all, all levels, sorted."""
    plain = policy in ("max_min_fairness", "max_min_fairness_water_filling")
    speed = speeds(state, allocation, plain)
    if policy.startswith("max_min"):
        alone = state.throughputs.alone[state.key]
        rate = np.ones_like(alone) if plain else alone
        equal = rate @ (state.workers / state.workers.sum())
        level = speed * state.scale_factor / (state.weight * equal)
        return level.min(keepdims=True) if _is_one_program(policy) else np.sort(level)
    if policy.startswith("finish_time"):
        assert past is not None
        fair = past + state.steps_left / isolated_speed(state)
        return -np.max((state.age + state.steps_left / speed) / fair, keepdims=True)
    if policy.startswith("min_total"):
        return -np.max(state.steps_left / speed, keepdims=True)
    if policy == "max_sum_throughput_perf":
        return speed.sum(keepdims=True)
    raise ValueError(f"no value for policy {policy!r}")


def _is_one_program(policy: str) -> bool:
    return "water" not in policy and not policy.endswith("strategy_proof")


def past_of(driver: Driver) -> np.ndarray | None:
    """Time under isolation that the policy knows of, in order of job number."""
    memory = driver.policy.snapshot()
    return np.asarray(memory["time"]) if "time" in memory else None


class Witness(Driver):
    """A driver that keeps the last program and its answer."""

    program: AllocationProgram | FinishTimeProgram
    answer: Answer

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._one_step = None  # there is a program to keep only where it is made

    def solve(self, program: Any) -> Answer:
        self.program, self.answer = program, super().solve(program)
        return self.answer


def check(
    policy: str,
    engine: str,
    state: ClusterState,
    allocation: Allocation,
    driver: Driver,
    tolerance: float = EQUAL,
) -> float:
    """Assert that the allocation is feasible and as good as can be; returns its value (or its mean).

    What can be reached is told by a bound computed here, from prices, where the program has no
    pairs and is one; else by an engine of another family.
    """
    check_feasible(state, allocation)
    past = past_of(driver)
    found = value(policy, state, allocation, past)
    bounded = "packed" not in policy and _is_one_program(policy)
    other, tie_break = "structured", "canonical"
    if engine == "structured":
        tie_break = "none"
        if policy.endswith(
            "strategy_proof"
        ):  # of groups, which only a tie-break asks the baseline for
            other, tie_break = "cvxpy-rebuild", "canonical"
        elif not bounded:
            other = "highs"
    witness = Witness(make_policy(policy), other, tie_break=tie_break)
    witness.policy.restore(driver.policy.snapshot())
    best = value(policy, state, witness.allocate(state), past)
    np.testing.assert_allclose(found, best, rtol=tolerance, atol=1e-12)
    if bounded:
        slack = missing(witness.program, witness.answer)
        assert -tolerance <= slack <= tolerance, f"{slack:g} below the bound"
    return float(found.mean())


def missing(program: AllocationProgram | FinishTimeProgram, answer: Answer) -> float:
    """How far the answer's level may be below the best one, relatively, by weak duality.

    Any prices of workers and multipliers of jobs, not negative, bound what an allocation can reach:
    all workers at their prices, and for each job the best that its time is worth beyond them.
    """
    blocks = program.blocks
    assert blocks.pairs is None
    lam, price = np.maximum(answer.level_dual, 0.0), np.maximum(answer.capacity_dual, 0.0)
    worth = lam[:, None] * blocks.rate - blocks.use[:, None] * price
    if isinstance(program, FinishTimeProgram):
        floor = program.steps / (answer.level * program.isolated - program.age)
        time = np.maximum(worth.max(axis=1), 0.0).sum()
        return float((price @ blocks.workers + time) / (lam @ floor) - 1.0)
    if program.reward is not None:
        worth = worth + blocks.count[:, None] * program.reward[: blocks.groups]
    # A group's time is that of each of its jobs: x is theirs, rate and use the group's.
    bound = price @ blocks.workers + np.maximum(worth.max(axis=1), 0.0).sum()
    if program.has_level:
        lam_sum = lam @ program.slope
        bound, reached = bound / lam_sum, answer.level
    else:
        reached = answer.objective
    return float(bound / reached - 1.0)
