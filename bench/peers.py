"""Approximate contenders: what others give up of the optimum, for speed.

Each is dressed as a driver: it takes a state and gives an allocation, by solving the programs of the
policy in its own way. All are our own implementations of published methods, but for DeDe, which is
its authors' package and is measured where it is installed.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gavel_opt import (
    Allocation,
    AllocationProgram,
    Answer,
    ClusterState,
    Driver,
    FinishTimeProgram,
    make_policy,
)
from gavel_opt.model.allocation_program import Blocks, Program

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Peer:
    """A policy whose programs are answered by a method that need not reach the optimum.

    Parameters
    ----------
    policy
        Name of the policy.
    """

    def __init__(self, policy: str) -> None:
        self.policy = make_policy(policy)
        self.tally = None

    def allocate(self, state: ClusterState) -> Allocation:
        """The allocation, feasible."""
        generator = self.policy.programs(state, False)
        try:
            program = next(generator)
            while True:
                program = generator.send(self.answer(program))
        except StopIteration as done:
            allocation: Allocation = done.value
            return allocation

    def answer(self, program: Any) -> Answer:
        """A feasible answer of one program, in groups of one job each."""
        raise NotImplementedError


class Pop(Peer):
    """POP (SOSP 2021): jobs are dealt out at random to ``parts`` equal shares of the cluster.

    Each part is a program of its own, solved to its optimum on HiGHS. A job stays in its part, so
    the parts' solvers keep their models.
    """

    def __init__(self, policy: str, parts: int) -> None:
        super().__init__(policy)
        self._drivers = [
            Driver(make_policy(policy), "highs", (), tie_break="none", grouping=False)
            for _ in range(parts)
        ]

    def answer(self, program: Program) -> Answer:
        blocks = program.blocks
        key = np.arange(blocks.groups) if blocks.key is None else blocks.key
        part = _dealt(key, len(self._drivers))
        x = np.zeros((blocks.combinations, blocks.types))
        level_dual = np.zeros(blocks.groups)
        levels, prices, objective = [], [], 0.0
        for number, driver in enumerate(self._drivers):
            groups = np.flatnonzero(part == number)
            if not groups.size:
                continue
            smaller, rows = part_of(program, groups, 1.0 / len(self._drivers))
            found = driver.solve(smaller)
            x[rows] = found.x
            level_dual[groups] = found.level_dual
            levels.append(found.level)
            prices.append(found.capacity_dual)
            objective += found.objective
        worst = max if isinstance(program, FinishTimeProgram) else min
        level = worst(levels)
        return Answer(x, objective, level, level_dual, np.mean(prices, axis=0))


def _dealt(key: Any, parts: int) -> Any:
    """A part for each key: random, and the same at every call (the finaliser of splitmix64)."""
    z = key.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return (z ^ (z >> np.uint64(31))) % np.uint64(parts)


def part_of(program: Program, groups: Any, share: float) -> tuple[Program, Any]:
    """The program of some groups on a share of the workers, and its rows in the whole allocation."""
    blocks, pairs = program.blocks, program.blocks.pairs
    rows, kept_pairs = groups, None
    if pairs is not None:
        place = np.full(blocks.groups, -1)
        place[groups] = np.arange(groups.size)
        member = place[pairs.member]
        inside = np.flatnonzero((member >= 0).all(axis=1))
        kept_pairs = replace(
            pairs,
            member=member[inside],
            rate=pairs.rate[inside],
            share=pairs.share[inside],
            use=pairs.use[inside],
        )
        rows = np.concatenate([groups, blocks.groups + inside])
    smaller = Blocks(
        rate=blocks.rate[groups],
        use=blocks.use[groups],
        count=blocks.count[groups],
        workers=blocks.workers * share,
        pairs=kept_pairs,
        key=None if blocks.key is None else blocks.key[groups],
    )
    cut: dict[str, Any] = {"blocks": smaller}
    names = (
        ("age", "steps", "isolated")
        if isinstance(program, FinishTimeProgram)
        else ("slope", "floor")
    )
    for name in (*names, "gain"):
        values = getattr(program, name)
        cut[name] = None if values is None else values[groups]
    if isinstance(program, AllocationProgram) and program.reward is not None:
        cut["reward"] = program.reward[rows]
    return replace(program, **cut), rows


class Prices(Peer):
    """A price a worker type, raised where it is asked for too much, and no program at all.

    In each step every job asks for the type that is cheapest for what it brings, so much that all
    reach one level; prices follow what is asked for by powers. The mean of what was asked for, cut
    down to what there is, is the allocation. So CvxCluster (2026) and others find prices for the
    placement that they make by them; here there is nothing to place.
    """

    steps = 200

    def answer(self, program: AllocationProgram) -> Answer:
        blocks = program.blocks
        if blocks.pairs is not None or not program.has_level or (program.floor > 0.0).any():
            raise ValueError("prices are for programs of one level without pairs and floors")
        rate, use, workers = blocks.rate, blocks.use[:, None], blocks.workers
        price = 1.0 / workers
        with np.errstate(divide="ignore"):
            work = use * program.slope[:, None] / rate  # workers for one unit of the level
        row, asked = np.arange(blocks.groups), np.zeros_like(rate)
        for step in range(self.steps):
            choice = (work * price).argmin(axis=1)
            need = work[row, choice]
            demand = np.bincount(choice, need, blocks.types) / workers
            weight = 2.0 * (step + 1) / (self.steps * (self.steps + 1))
            asked[row, choice] += weight * program.slope / rate[row, choice]
            price = price * (np.maximum(demand, 1e-9) / demand.max()) ** (1.0 / (1.0 + step) ** 0.5)
            price = np.maximum(price / (price @ workers), 1e-12)
        level = min(
            float((workers / (use * asked).sum(axis=0)).min()), float(1.0 / asked.sum(axis=1).max())
        )
        return Answer(asked * level, level, level, np.zeros(blocks.groups), price)


class Dede(Peer):
    """DeDe (OSDI 2025), its authors' package: a program a job and a program a type in turns, with Ray.

    Only for objectives that are a sum over jobs, which it asks for. It stops by its own rule, after
    a step that gains less than one part in a hundred, and what it gives is cut down to what there is.

    Attributes
    ----------
    seconds
        Wall clock of the last solve; its processes, made once, and its subproblems are not in it.
    """

    seconds = float("nan")

    def answer(self, program: AllocationProgram) -> Answer:
        blocks, worth = program.blocks, program.reward
        assert worth is not None
        assert blocks.pairs is None
        with tempfile.TemporaryDirectory() as folder:
            given, found = Path(folder, "given.npz"), Path(folder, "found.npz")
            np.savez(given, worth=worth, use=blocks.use, workers=blocks.workers)
            worker = Path(__file__).with_name("dede_worker.py")
            subprocess.run(
                [os.environ[DEDE], worker, given, found], check=True, capture_output=True
            )
            with np.load(found) as file:
                share, self.seconds = np.clip(file["share"], 0.0, None), float(file["solved"])
        share /= np.maximum(share.sum(axis=1), 1.0)[:, None]
        share /= np.maximum((blocks.use @ share) / blocks.workers, 1.0)
        nothing = np.zeros(blocks.groups), np.zeros(blocks.types)
        return Answer(share, float((worth * share).sum()), float("nan"), *nothing)


DEDE = "DEDE_PYTHON"
"""Environment variable that names the interpreter of an environment with ``dede``."""


@dataclass(frozen=True)
class Comparison:
    """One workload on which peers are measured beside exact engines, in one process."""

    name: str
    policy: str
    kind: str
    sizes: tuple[int, ...]
    peers: tuple[str, ...] = ("POP-4", "POP-16")


PEERS: dict[str, Callable[[str], Peer]] = {
    "POP-4": lambda policy: Pop(policy, 4),
    "POP-16": lambda policy: Pop(policy, 16),
    "prices": Prices,
    "DeDe": Dede,
}
EXACT = ("structured", "highs")
COMPARISONS: tuple[Comparison, ...] = (
    Comparison(
        "max-min perf",
        "max_min_fairness_perf",
        "contended",
        (128, 512, 2048),
        ("POP-4", "POP-16", "prices"),
    ),
    Comparison(
        "max-min perf, every job different",
        "max_min_fairness_perf",
        "distinct",
        (128, 512, 2048),
        ("POP-4", "POP-16", "prices"),
    ),
    Comparison("finish-time fairness perf", "finish_time_fairness_perf", "contended", (128, 512)),
    Comparison("makespan perf", "min_total_duration_perf", "contended", (128, 512, 2048)),
    Comparison(
        "sum of throughputs, every job different",
        "max_sum_throughput_perf",
        "distinct",
        (32, 128, 512, 2048),
        ("POP-4", "POP-16", "DeDe"),
    ),
)


def installed(label: str) -> bool:
    """Whether a peer can be measured here."""
    return label != "DeDe" or DEDE in os.environ
