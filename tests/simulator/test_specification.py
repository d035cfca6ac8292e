"""The compiled mechanism equals the plain specification, bit for bit, on random workloads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gavel_opt import Allocation, ThroughputTable, Traits
from gavel_opt.kernels.jit import compiling_at_once
from gavel_opt.kernels.records import plain as plain_records
from simulator.mechanism import mechanism as owner
from simulator.mechanism import specification as plain
from simulator.mechanism.mechanism import Mechanism, Setting
from simulator.mechanism.records import ALLOCATE, DONE, ENOUGH
from simulator.world.cluster import Cluster
from simulator.world.jobs import JOB
from simulator.world.workload import FixedWorkload

KEYS = 4


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> Iterator[None]:
    """What is held to the specification here is the compiled code."""
    with compiling_at_once():
        yield


@dataclass
class Case:
    seed: int
    types: int
    jobs: int
    packing: bool
    shuffles: bool
    skips_zero: bool
    scales: tuple[int, ...]
    round_seconds: float
    dense: float
    near: bool = False
    """Shares a unit in the last place apart, and times that make up for the others: 3/8 after three
    half rounds is worth what 1/8 is after one, but for rounding."""
    crowd: bool = False
    """Many short jobs that come almost at once, so that most of them wait."""


cases = st.builds(
    Case,
    seed=st.integers(0, 2**20),
    types=st.integers(1, 3),
    jobs=st.integers(1, 14),
    packing=st.booleans(),
    shuffles=st.booleans(),
    skips_zero=st.booleans(),
    scales=st.sampled_from([(1,), (1, 2), (1, 2, 4), (2, 3)]),
    round_seconds=st.sampled_from([360.0, 720.0, 77.0]),
    dense=st.sampled_from([0.1, 0.5, 1.0]),
)


class World:
    """A random cluster, its jobs and a policy that gives random shares, the same to both sides."""

    def __init__(self, case: Case) -> None:
        self.case = case
        draw = np.random.default_rng(case.seed)
        types = case.types
        self.workers = draw.integers(max(case.scales), 7, types)
        self.visits = draw.permutation(types)
        self.alone = draw.uniform(0.01, 30.0, (KEYS, types))
        self.alone[draw.random((KEYS, types)) < 0.3] = 0.0
        # So slow that a round has no whole step: the attempt fails.
        self.alone[draw.random((KEYS, types)) < 0.1] = 0.002
        self.alone[:, 0] = np.maximum(self.alone[:, 0], 0.02)
        if case.near:
            self.alone = 2.0 ** draw.integers(-1, 2, (KEYS, types))
        self.paired = draw.uniform(0.01, 20.0, (KEYS, KEYS, 2, types))
        self.paired[draw.random(self.paired.shape) < 0.15] = 0.0
        self.scale = draw.choice(case.scales, case.jobs)
        self.key = draw.integers(0, KEYS, case.jobs)
        gaps = draw.exponential(900.0, case.jobs) * (draw.random(case.jobs) < 0.6)
        if case.near:
            gaps = np.floor(gaps / 16.0)
        if case.crowd:
            gaps /= 64.0
        self.arrival = np.cumsum(gaps) - gaps[0]
        speed = self.alone[self.key, 0]
        self.steps = np.ceil(draw.lognormal(6.0 if case.crowd else 7.5, 1.5, case.jobs) * speed)
        # Some jobs have a fraction of a step, some fewer steps than workers (they fail).
        self.steps += (draw.random(case.jobs) < 0.5) * 0.375
        self.steps[draw.random(case.jobs) < 0.05] = 1.0

    def policy(self, time: float, jobs: list[int]) -> Allocation:
        draw = np.random.default_rng([self.case.seed, len(jobs), int(time * 1000)])
        types, n = self.case.types, len(jobs)
        # Few distinct values, so that priorities tie; zeros, so that leftovers are filled.
        x = draw.integers(0, 4, (n, types)) / 8.0
        x[draw.random((n, types)) > self.case.dense] = 0.0
        if self.case.near:
            x *= 1.0 + draw.integers(0, 3, x.shape) * 2.0**-52
        if self.case.skips_zero:
            x[:, 0] = np.maximum(x[:, 0], 0.125)
        if not self.case.packing:
            return Allocation(np.array(jobs, dtype=np.int64), x)
        pairs = [
            (a, b)
            for place, a in enumerate(jobs)
            for b in jobs[place + 1 :]
            if self.scale[a] == self.scale[b] and draw.random() < 0.4 * self.case.dense
        ]
        y = draw.integers(0, 4, (len(pairs), types)) / 16.0
        used = np.flatnonzero(y.any(axis=1))
        return Allocation(
            np.array(jobs, dtype=np.int64),
            x,
            np.array(pairs, dtype=np.int64).reshape(-1, 2)[used],
            y[used],
        )

    def specification(self) -> plain.Specification:
        case = self.case
        world = plain.Specification(
            plain.Cluster(self.workers.tolist(), self.visits.tolist(), self.alone, self.paired),
            plain.Rules(case.packing, case.shuffles, case.skips_zero, case.round_seconds),
            self.arrival.tolist(),
            self.key.tolist(),
            self.scale.tolist(),
            self.steps.tolist(),
            self.policy,
            case.seed,
        )
        return world

    def mechanism(self) -> Mechanism:
        case = self.case
        rows = [
            (self.arrival[i], self.key[i], self.scale[i], 1.0, self.steps[i], math.nan, math.nan, 0)
            for i in range(case.jobs)
        ]
        return Mechanism(
            Setting(
                cluster=Cluster(
                    tuple(f"t{j}" for j in range(case.types)),
                    self.workers.astype(np.int64),
                    np.ones(case.types, dtype=np.int64),
                    self.visits.astype(np.int64),
                ),
                table=ThroughputTable(self.alone, self.paired),
                workload=FixedWorkload(np.array(rows, JOB)),
                traits=Traits(
                    packing=case.packing,
                    shuffles=case.shuffles,
                    skips_zero_priority=case.skips_zero,
                ),
                window=(0, case.jobs),
                seed=case.seed,
                round_seconds=case.round_seconds,
                between_resets=1920.0,
                prices=np.zeros(case.types),
                records_placements=True,
            )
        )

    def play(self, mechanism: Mechanism, rounds: int) -> list[tuple[float, list[float], dict]]:
        """Run until the end or for some rounds; who ran where, round by round."""
        history = []
        while len(history) < rounds:
            before = mechanism.rounds
            outcome = mechanism.run(1)
            if mechanism.rounds > before:
                who: dict[tuple[int, ...], list[int]] = {}
                for job, partner, worker in mechanism.placements():
                    who.setdefault((job,) if partner < 0 else (job, partner), []).append(worker)
                history.append((mechanism.time, mechanism.type_time(), who))
            if outcome == ALLOCATE:
                jobs = mechanism.state(None).job.tolist()
                mechanism.allocate(self.policy(mechanism.time, jobs))
            elif outcome == DONE:
                break
            assert outcome in (ALLOCATE, ENOUGH)
        return history


def recorded(mechanism: Mechanism) -> list[dict[tuple[int, ...], list[int]]]:
    """Who ran where, round by round, from what the mechanism recorded; workers in order of number."""
    rounds: list[dict[tuple[int, ...], list[int]]] = [{} for _ in range(mechanism.rounds)]
    for worker, job, partner, first, last in mechanism.segments().T.tolist():
        for who in rounds[first : last + 1]:
            who.setdefault((job,) if partner < 0 else (job, partner), []).append(worker)
    return rounds


def check(case: Case) -> Mechanism:
    """Play a case on both sides and compare all there is."""
    world = World(case)
    spec = world.specification()
    spec.run()
    mechanism = world.mechanism()
    history = world.play(mechanism, 10**9)
    assert history == spec.history
    assert mechanism.time == spec.now
    assert mechanism.lease_extensions == spec.extensions
    assert mechanism.lease_extension_opportunities == spec.opportunities
    outcomes = mechanism.outcomes()
    for job, finish in spec.finish.items():
        assert outcomes["dropped"][job] == (finish is None)
        assert finish is None or outcomes["finish"][job] == finish
    placed = [
        {entry: sorted(workers) for entry, workers in who.items()} for _, _, who in spec.history
    ]
    assert [{e: sorted(w) for e, w in who.items()} for who in recorded(mechanism)] == placed
    begun = [(first, worker) for worker, _, _, first, _ in mechanism.segments().T.tolist()]
    assert begun == sorted(begun)
    assert mechanism.utilization() == float(np.mean(np.array(spec.busy) / spec.now))
    return mechanism


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(cases)
@example(Case(7, 2, 14, True, False, False, (1,), 360.0, 0.1))
@example(Case(8, 2, 14, True, False, False, (1,), 360.0, 0.1))
def test_compiled_equals_specification(case: Case) -> None:
    check(case)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.builds(
        Case,
        seed=st.integers(0, 2**20),
        types=st.integers(1, 3),
        jobs=st.sampled_from([12, 30, 60]),
        packing=st.just(False),
        shuffles=st.booleans(),
        skips_zero=st.booleans(),
        scales=st.sampled_from([(1,), (1, 2, 4)]),
        round_seconds=st.sampled_from([360.0, 77.0]),
        dense=st.sampled_from([0.5, 1.0]),
        near=st.just(True),
    )
)
def test_near_ties_among_many_waiting_jobs(case: Case) -> None:
    check(case)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases)
def test_near_ties_among_pairs(case: Case) -> None:
    check(replace(case, packing=True, near=True))


@settings(max_examples=16, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.builds(
        Case,
        seed=st.integers(0, 2**20),
        types=st.integers(1, 2),
        jobs=st.sampled_from([110, 150]),
        packing=st.just(False),
        shuffles=st.booleans(),
        skips_zero=st.just(False),
        scales=st.sampled_from([(1,), (1, 2, 4)]),
        round_seconds=st.just(360.0),
        dense=st.sampled_from([0.5, 1.0]),
        near=st.booleans(),
        crowd=st.just(True),
    )
)
def test_most_jobs_wait_in_no_order(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("seed", range(6))
def test_interpreted_kernels_equal_the_specification(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("run_rounds", "set_job_allocation", "set_pair_allocation"):
        kernel = getattr(owner, name).interpreted
        monkeypatch.setattr(owner, name, lambda *a, k=kernel: k(*map(plain_records, a)))
    check(Case(seed, 1 + seed % 3, 14, seed % 2 == 1, seed > 3, False, (1, 2), 360.0, 0.5))
    check(Case(seed, 2, 110, False, False, False, (1, 2, 4), 360.0, 0.5, crowd=True))
