"""The mechanism in plain Python: every job and every pair an entry in a dictionary. Read this first.

Slow, and meant to be read beside ``docs/mechanism.md``; nothing runs on it. The tests hold
:mod:`simulator.mechanism.mechanism` equal to it, bit for bit, on random workloads.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gavel_opt import Allocation

Entry = tuple[int, ...]
"""``(job,)`` or ``(earlier job, later job)``."""

Policy = Callable[[float, list[int]], Allocation]
"""Time and active jobs to their allocation."""


@dataclass
class Running:
    """What runs in a round: an entry on workers of type ``on``, its jobs' steps, until ``finish``."""

    entry: Entry
    on: int
    workers: list[int]
    steps: list[float]
    finish: float


@dataclass
class Cluster:
    """Workers of each type, types in the order they are visited, speeds alone and of pairs."""

    workers: list[int]
    visit_order: list[int]
    alone: np.ndarray
    paired: np.ndarray


@dataclass
class Rules:
    """What the policy asks of the mechanism, and seconds."""

    packing: bool = False
    shuffles: bool = False
    skips_zero_priority: bool = False
    round_seconds: float = 360.0
    between_resets: float = 1920.0


@dataclass
class Specification:
    """A cluster with its jobs; :meth:`run` plays until all are done."""

    cluster: Cluster
    rules: Rules
    arrival: list[float]
    key: list[int]
    scale: list[int]
    steps: list[float]
    policy: Policy
    seed: int = 0

    now: float = 0.0
    round_start: float = 0.0
    round_end: float | None = None
    last_reset: float = 0.0
    stale: bool = True
    admitted: int = 0
    extensions: int = 0
    opportunities: int = 0
    active: list[int] = field(default_factory=list)
    left: dict[int, float] = field(default_factory=dict)
    failures: dict[int, int] = field(default_factory=dict)
    finish: dict[int, float | None] = field(default_factory=dict)
    allocation: dict[Entry, list[float]] = field(default_factory=dict)
    time: list[dict[Entry, float]] = field(default_factory=list)
    deficit: list[dict[Entry, float]] = field(default_factory=list)
    type_time: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    running: list[Running] = field(default_factory=list)
    last: dict[Entry, Running] = field(default_factory=dict)
    history: list[tuple[float, list[float], dict[Entry, list[int]]]] = field(default_factory=list)

    def run(self) -> None:
        """Play until all jobs are done; a pass of the loop is a round."""
        types = range(len(self.cluster.workers))
        self.time = [{} for _ in types]
        self.deficit = [{} for _ in types]
        self.type_time = [0.0 for _ in types]
        self.busy = [0.0] * sum(self.cluster.workers)
        self.shuffler = random.Random(self.seed + 5)
        while len(self.finish) < len(self.arrival):
            self.advance_time()
            self.account()
            self.admit()
            self.recompute()
            self.start(self.choose())

    # (1) time
    def advance_time(self) -> None:
        """Move to the end of the round, or to the next arrival."""
        if self.running:
            if self.round_end is not None:
                self.round_start = self.round_end
            self.now = self.round_end = max(r.finish for r in self.running)
        elif self.admitted < len(self.arrival):
            self.now = self.arrival[self.admitted]
        else:
            self.last_reset = 0.0

    # (2) accounts, latest finish first
    def account(self) -> None:
        """Settle what ran, latest finish first."""
        for run in sorted(self.running, key=lambda r: (-r.finish, len(r.entry), r.entry)):
            execution = run.finish - self.round_start
            scale = self.scale[run.entry[0]]
            shares = []
            for steps in run.steps:
                part = steps // scale
                shares += [part] * (scale - 1) + [steps - part * (scale - 1)]
            if execution <= 0 or min(shares) <= 0:
                self.stale = True
                if len(run.entry) == 1:
                    (job,) = run.entry
                    self.failures[job] += 1
                    if self.failures[job] == 5:
                        self.leave(job, None)
                continue
            if len(run.entry) == 1:
                self.failures[run.entry[0]] = 0
            self.time[run.on][run.entry] += execution
            self.type_time[run.on] += execution
            for worker in run.workers:
                self.busy[worker] += execution
            for job, steps in zip(run.entry, run.steps, strict=True):
                self.left[job] -= steps
            for job in run.entry:
                if self.left[job] <= 0:
                    self.leave(job, run.finish)
        self.running = []

    def leave(self, job: int, finish: float | None) -> None:
        """Take a job out of all tables."""
        self.finish[job] = finish
        self.active.remove(job)
        self.stale = True
        for table in (*self.time, *self.deficit):
            for entry in [e for e in table if job in e]:
                del table[entry]

    # (3) arrivals
    def admit(self) -> None:
        """Let in who has arrived."""
        while self.admitted < len(self.arrival) and self.arrival[self.admitted] <= self.now:
            job = self.admitted
            self.admitted += 1
            self.stale = True
            self.left[job] = self.steps[job]
            self.failures[job] = 0
            partners = [i for i in self.active if self.scale[i] == self.scale[job]]
            for time, deficit in zip(self.time, self.deficit, strict=True):
                time[job,] = self.rules.round_seconds / 2
                deficit[job,] = 0.0
                if self.rules.packing:
                    for partner in partners:
                        time[partner, job] = 0.0
                        deficit[partner, job] = 0.0
            self.active.append(job)

    # (4) allocation
    def recompute(self) -> None:
        """Close the accounts and ask the policy, if it is time."""
        elapsed = self.now - self.last_reset
        if not self.stale or (elapsed < self.rules.between_resets and self.last_reset != 0):
            return
        half = self.rules.round_seconds / 2
        for j, (time, deficit) in enumerate(zip(self.time, self.deficit, strict=True)):
            self.type_time[j] = 0.0
            for entry in time:
                due = self.allocation.get(entry, [0.0] * len(self.time))[j] * elapsed
                deficit[entry] += due - (time[entry] - half)
                time[entry] = half
                self.type_time[j] += half
        self.last_reset = self.now
        self.stale = False
        given = self.policy(self.now, list(self.active))
        none = [0.0] * len(self.time)
        self.allocation = dict.fromkeys(self.time[0], none)
        for job, row in zip(given.job.tolist(), given.x.tolist(), strict=True):
            self.allocation[job,] = row
        for pair, row in zip(given.pair.tolist(), given.pair_x.tolist(), strict=True):
            self.allocation[tuple(pair)] = row

    def speeds(self, entry: Entry, j: int) -> list[float]:
        """Steps per second of each job of an entry on a type."""
        keys = [self.key[job] for job in entry]
        if len(keys) == 1:
            return [self.cluster.alone[keys[0], j]]
        return list(self.cluster.paired[keys[0], keys[1], :, j])

    def priority(self, entry: Entry, j: int) -> float:
        """Share by what part of the type's time has been received."""
        share = self.allocation.get(entry, [0.0] * len(self.time))[j]
        if share == 0 or min(self.speeds(entry, j)) == 0:
            return 0.0
        total = self.type_time[j]
        fraction = self.time[j][entry] / total if total else 0.0
        return share / fraction if fraction > 0 else share * 1e9

    # (5) choice
    def choose(self) -> list[tuple[int, list[Entry]]]:
        """Entries by priority on each type, as long as they fit."""
        order = list(self.cluster.visit_order)
        if self.rules.shuffles:
            self.shuffler.shuffle(order)
        taken: set[int] = set()
        chosen = []
        for j in order:
            free = self.cluster.workers[j]
            entries = []
            ranked = sorted(
                self.time[j],
                key=lambda e: (
                    self.priority(e, j),
                    self.deficit[j][e],
                    self.allocation.get(e, [0.0] * len(self.time))[j],
                ),
                reverse=True,
            )
            for entry in ranked:
                scale = self.scale[entry[0]]
                if (
                    free == 0
                    or taken & set(entry)
                    or min(self.speeds(entry, j)) <= 0
                    or (self.rules.skips_zero_priority and self.priority(entry, j) <= 0)
                    or scale > free
                ):
                    continue
                free -= scale
                taken |= set(entry)
                entries.append(entry)
            chosen.append((j, entries))
        return chosen

    # (6) placement and (7) dispatch
    def start(self, chosen: list[tuple[int, list[Entry]]]) -> None:
        """Workers for the entries, then their steps."""
        self.opportunities += sum(bool(set(entry) & set(self.active)) for entry in self.last)
        for j, entries in chosen:
            first = sum(self.cluster.workers[:j])
            queue = list(range(first, first + self.cluster.workers[j]))
            held: set[int] = set()
            for scale in sorted({self.scale[e[0]] for e in entries}, reverse=True):
                group = [e for e in entries if self.scale[e[0]] == scale]
                placed = {}
                for entry in group:
                    before = self.last.get(entry)
                    if before is not None and before.on == j and not held & set(before.workers):
                        placed[entry] = before.workers
                        held |= set(before.workers)
                        self.extensions += 1
                for entry in group:
                    if entry in placed or entry not in self.allocation:
                        continue
                    workers: list[int] = []
                    while len(workers) < scale:
                        worker = queue.pop(0)
                        if worker not in held:
                            workers.append(worker)
                            held.add(worker)
                    placed[entry] = workers
                for entry, workers in placed.items():
                    self.dispatch(entry, j, workers)
        self.last = {run.entry: run for run in self.running}
        self.history.append(
            (self.now, list(self.type_time), {run.entry: run.workers for run in self.running})
        )

    def dispatch(self, entry: Entry, j: int, workers: list[int]) -> None:
        """Run an entry until the round is over, or it has no steps left."""
        steps, finish = [], self.now
        for job, speed in zip(entry, self.speeds(entry, j), strict=True):
            run = min(int(speed * self.rules.round_seconds), self.left[job])
            steps.append(run)
            finish = max(finish, self.now + run / speed)
        self.running.append(Running(entry, j, workers, steps, finish))
