"""Ideal mode: fractions come out exactly."""

from __future__ import annotations

import numpy as np
import pytest

from gavel_opt import Allocation, ThroughputTable, Traits
from simulator.mechanism.ideal import IdealMechanism
from simulator.mechanism.mechanism import Setting
from simulator.mechanism.records import ALLOCATE, DONE, ENOUGH
from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig
from simulator.world.cluster import Cluster
from simulator.world.jobs import JOB
from simulator.world.workload import FixedWorkload


def play(jobs, table, give, packing=False):
    """Run jobs ``(arrival, key, workers, steps)`` on two workers of one type."""
    rows = [
        (arrival, key, size, 1.0, steps, np.nan, np.nan, 0) for arrival, key, size, steps in jobs
    ]
    mechanism = IdealMechanism(
        Setting(
            cluster=Cluster(("a",), np.array([2]), np.array([1]), np.array([0])),
            table=table,
            workload=FixedWorkload(np.array(rows, JOB)),
            traits=Traits(packing=packing),
            window=(0, len(jobs)),
            seed=0,
            round_seconds=360.0,
            between_resets=1920.0,
            prices=np.array([3.6]),
        )
    )
    while (outcome := mechanism.run(1)) != DONE:
        assert outcome in (ALLOCATE, ENOUGH)
        assert mechanism.rounds < 10 * len(jobs), "the clock stands still"
        if outcome == ALLOCATE:
            state = mechanism.state(None)
            mechanism.allocate(give(state.job) if state.job.size else None)
    return mechanism


def test_a_job_runs_at_its_fraction():
    table = ThroughputTable(np.array([[2.0]]))
    mechanism = play(
        [(0.0, 0, 1, 1000.0), (0.0, 0, 2, 100.0)],
        table,
        lambda job: Allocation(job, np.full((job.size, 1), 0.25)),
    )
    outcomes = mechanism.outcomes()
    np.testing.assert_allclose(outcomes["finish"], [2000.0, 200.0])
    np.testing.assert_allclose(outcomes["busy"], [500.0, 100.0])
    np.testing.assert_allclose(outcomes["cost"], [0.5, 0.1])
    assert mechanism.utilization() == pytest.approx(600.0 / (2 * 2000.0))


def test_what_rounding_leaves_over_late_in_a_run_is_no_step():
    """After 14,000 h the clock goes by 7.5 ns: left-overs below that were due again for ever."""
    table = ThroughputTable(np.array([[0.7]]))
    jobs = [(5e7 + 1e4 * i / 3, 0, 1, 1000.0 + i / 7) for i in range(50)]
    mechanism = play(jobs, table, lambda job: Allocation(job, np.full((job.size, 1), 0.3)))
    took = mechanism.outcomes()["finish"] - np.array([job[0] for job in jobs])
    assert took.min() > 1000.0 / 0.7


def test_pairs_run_at_their_own_speeds():
    table = ThroughputTable(np.array([[2.0], [2.0]]), np.full((2, 2, 2, 1), 1.5))
    table.paired[0, 1, 1] = 0.5

    def give(job):
        both = job.size == 2
        pairs = np.array([[0, 1]]) if both else np.empty((0, 2), dtype=np.int64)
        return Allocation(job, np.full((job.size, 1), 0.5), pairs, np.full((int(both), 1), 0.5))

    mechanism = play([(0.0, 0, 1, 1750.0), (0.0, 1, 1, 5000.0)], table, give, packing=True)
    finish = mechanism.outcomes()["finish"]
    # Job 0: half alone, half beside job 1. Job 1 then waits for the next recomputation's half.
    assert finish[0] == pytest.approx(1750.0 / (0.5 * 2.0 + 0.5 * 1.5))
    before = finish[0] * (0.5 * 2.0 + 0.5 * 0.5)
    assert finish[1] == pytest.approx(finish[0] + (5000.0 - before) / (0.5 * 2.0))


def test_who_is_left_keeps_its_pairs():
    """Of three jobs that all share with each other one leaves: the pair of the others goes on, at their speeds."""
    paired = np.full((3, 3, 2, 1), 1.0)
    paired[1, 2, 0], paired[1, 2, 1] = 0.25, 0.75
    pairs = np.array([[0, 1], [0, 2], [1, 2]])
    jobs = [(1.0, 0, 1, 100.0), (1.0, 1, 1, 112.5), (1.0, 2, 1, 187.5)]

    def give(job):
        if job.size < 3:
            return Allocation(job, np.ones((job.size, 1)))
        return Allocation(job, np.zeros((3, 1)), pairs, np.full((3, 1), 0.5))

    mechanism = play(jobs, ThroughputTable(np.ones((3, 1)), paired), give, packing=True)
    # After 100 s the first is done, whose pairs end; the others have 50 and 100 left and go on together, and
    # the last one waits for the next recomputation.
    together = 100.0 / 0.375
    left = 50.0 - 0.125 * together
    outcomes = mechanism.outcomes()
    np.testing.assert_allclose(outcomes["finish"], [101.0, 1921.0 + left, 101.0 + together])
    busy = [50.0, 50.0 + 0.25 * together + left, 50.0 + 0.25 * together]
    np.testing.assert_allclose(outcomes["busy"], busy)


def test_a_new_job_waits_for_the_next_recomputation():
    table = ThroughputTable(np.array([[1.0]]))
    jobs = [(0.0, 0, 1, 1e4), (10.0, 0, 1, 100.0), (20.0, 0, 1, 100.0)]
    mechanism = play(jobs, table, lambda job: Allocation(job, np.full((job.size, 1), 0.5)))
    finish = mechanism.outcomes()["finish"]
    assert finish[1] == pytest.approx(10.0 + 200.0)
    assert finish[2] == pytest.approx(10.0 + 1920.0 + 200.0)


def test_ideal_is_near_rounds_where_nothing_is_left_over():
    """Isolated shares fill the cluster, so rounds only quantise them."""
    settings = {
        "policy": "isolated",
        "cluster": {"v100": 6, "p100": 6, "k80": 6},
        "interarrival": 3600.0,
        "window": (40, 120),
    }
    averages = []
    for ideal in (False, True):
        simulation = Simulation(RunConfig(ideal=ideal, **settings))
        while not simulation.finished:
            simulation.advance(10_000)
        averages.append(np.mean(simulation.jobs["jct"][40:120]))
    assert averages[1] == pytest.approx(averages[0], rel=0.05)
