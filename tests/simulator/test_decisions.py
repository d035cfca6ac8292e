"""Allocations decided within the rounds are those that are asked for, and are counted like them."""

from __future__ import annotations

import numpy as np
import pytest

from gavel_opt import Allocation, ClusterState
from gavel_opt.kernels import jit
from gavel_opt.kernels.records import plain
from gavel_opt.policies.gandiva import Gandiva
from gavel_opt.policies.max_min import MaxMinFairness
from simulator.mechanism import ideal, loop, mechanism
from simulator.mechanism.records import MORE_PAIRS
from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig
from simulator.settings.options import make_config

POLICIES = (
    "max_min_fairness",
    "max_min_fairness_perf",
    "finish_time_fairness",
    "finish_time_fairness_perf",
    "max_min_fairness_water_filling",
    "max_min_fairness_water_filling_perf",
    "max_min_fairness_packed",
    "gandiva",
    "fifo",
    "fifo_perf",
    "isolated",
    "allox",
)
SMALL = {
    "cluster": "8:8:8",
    "rate": 3.0,
    "window": (5, 15),
    "seed": 1,
    "fixed_duration": 7200.0,
    "saturation": "off",
}


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decide within the rounds, which are not compiled."""
    for module, name in ((mechanism, "run_rounds"), (ideal, "run_events")):
        interpreted = getattr(module, name).interpreted
        monkeypatch.setattr(module, name, lambda *a, kernel=interpreted: kernel(*map(plain, a)))
    monkeypatch.setattr(jit, "_DISABLED", True)


def config(policy: str, **more: object) -> RunConfig:
    return make_config(policy=policy, engine="auto", **(SMALL | more))


def run(simulation: Simulation) -> tuple[int, Simulation]:
    """Run to the end; how often the allocation was asked for."""
    asked, allocate = 0, simulation._allocate

    def counted() -> None:
        nonlocal asked
        asked += 1
        allocate()

    simulation._allocate = counted  # type: ignore[method-assign]
    while not simulation.finished:
        simulation.advance(1000)
    return asked, simulation


def asked_for(settings: RunConfig) -> Simulation:
    """The same run, seen from outside."""
    simulation = Simulation(settings)
    simulation.on_allocation = lambda *_: None
    asked, _ = run(simulation)
    assert asked == simulation.allocations
    return simulation


@pytest.mark.parametrize("multi_gpu", [False, True])
@pytest.mark.parametrize("policy", POLICIES)
def test_they_are_those_that_are_asked_for(policy: str, multi_gpu: bool) -> None:
    multi_gpu = multi_gpu and policy != "allox"
    they_agree(config(policy, multi_gpu=multi_gpu, multi_priority=multi_gpu))


@pytest.mark.parametrize("seed", [3, 8, 10])
def test_they_are_where_workers_stop_all_jobs_at_once(seed: int) -> None:
    few = {"cluster": "2:2:2", "multi_priority": True, "seed": seed}
    they_agree(config("max_min_fairness_water_filling_perf", **few))


@pytest.mark.parametrize("policy", ["max_min_fairness_perf", "max_min_fairness_packed", "fifo"])
def test_they_are_in_ideal_execution(policy: str) -> None:
    they_agree(config(policy, ideal=True))


@pytest.mark.parametrize("policy", ["max_min_fairness_packed", "gandiva"])
def test_they_go_by_estimates_where_policies_see_these(policy: str) -> None:
    few = {"profiling_percentage": 0.2, "reference_models": 8}
    estimated = they_agree(config(policy, cluster="3:3:3", **few))
    _, measured = run(Simulation(config(policy, cluster="3:3:3")))
    assert not np.array_equal(estimated.jobs["finish"], measured.jobs["finish"], equal_nan=True)


def they_agree(settings: RunConfig) -> Simulation:
    asked, inside = run(Simulation(settings))
    outside = asked_for(settings)
    assert asked < 0.5 * inside.allocations
    assert inside.allocations == outside.allocations
    assert np.array_equal(inside.jobs["finish"], outside.jobs["finish"], equal_nan=True)
    solves, expected = inside.solves.columns(), outside.solves.columns()
    for name in solves:
        if name != "seconds":
            assert np.array_equal(solves[name], expected[name], equal_nan=name != "refused"), name
    assert (solves["seconds"] > 0.0).all()
    assert inside.driver is not None
    assert outside.driver is not None
    for name in ("programs", "allocations", "fallbacks", "max_relative_gap", "max_dual_residual"):
        assert getattr(inside.driver.tally, name) == getattr(outside.driver.tally, name), name
    # of those that were asked for the policy's part is in the seconds as well
    tally = inside.driver.tally
    assert 0.0 < max(tally.solve, tally.build) <= solves["seconds"].sum()
    assert inside.driver.policy.snapshot() == outside.driver.policy.snapshot()
    return inside


def test_they_go_on_where_room_for_pairs_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config("gandiva", cluster="2:2:2", rate=20.0)
    inside, outside = Simulation(settings), Simulation(settings)
    outside.on_allocation = lambda *_: None
    outside.advance(40)
    inside.advance(20)
    run_rounds, outcomes = mechanism.run_rounds, [MORE_PAIRS]
    monkeypatch.setattr(
        mechanism, "run_rounds", lambda *a: outcomes.pop() if outcomes else run_rounds(*a)
    )
    inside.advance(20)
    assert inside.rounds == outside.rounds == 40
    assert np.array_equal(inside.jobs["steps_left"], outside.jobs["steps_left"])
    assert inside.policy_memory() == outside.policy_memory()


@pytest.mark.parametrize("policy", [name for name in POLICIES if "fairness" in name])
def test_code_of_what_decides_is_looked_for(policy: str) -> None:
    """By what it would save: nobody else calls these kernels, so they would never be compiled, nor read back."""
    simulation = Simulation(config(policy))
    simulation.advance(5)
    decider = simulation._decider()
    assert decider is not None
    assert decider.saves > 0.0


def test_shares_that_are_not_proven_are_none() -> None:
    simulation = Simulation(config("max_min_fairness_perf"))
    simulation.advance(5)
    simulation.mechanism.look_again()
    assert simulation.active
    assert simulation.driver is not None
    proven = simulation._decider()
    simulation.driver.tolerance = -1.0
    refused = simulation._decider()
    assert proven is not None
    assert refused is not None
    assert (proven(), refused(), proven()) == (1, 0, 1)


class Other(MaxMinFairness):
    """A policy of a user's own."""


def test_nobody_decides_for_a_policy_that_is_not_known() -> None:
    simulation = Simulation(config("max_min_fairness_perf"))
    assert simulation._decider() is not None
    assert simulation.driver is not None
    known = simulation.driver.policy
    simulation.driver.policy = Other("max_min_fairness_perf", "perf")
    assert simulation._decider() is None
    simulation.driver.policy = known
    assert simulation._decider() is not None
    known.programs = lambda state, merge: iter(())  # type: ignore[method-assign, assignment]
    assert simulation._decider() is None


class Reversed(Gandiva):
    """Gandiva in another order."""

    def shares(self, state: ClusterState) -> Allocation:
        return super().shares(state)


def test_nobody_decides_for_shares_that_are_not_known() -> None:
    simulation = Simulation(config("gandiva"))
    assert simulation._decider() is not None
    assert simulation.driver is not None
    known = simulation.driver.policy
    simulation.driver.policy = Reversed("gandiva")
    assert simulation._decider() is None
    simulation.driver.policy = known
    assert simulation._decider() is not None
    known.shares = lambda state: None  # type: ignore[method-assign, assignment, return-value]
    assert simulation._decider() is None


@pytest.mark.parametrize("rounds", [1, 7, 1000])
@pytest.mark.parametrize("policy", ["gandiva", "max_min_fairness"])
def test_no_round_begins_after_the_end_of_time(policy: str, rounds: int) -> None:
    simulation, until = Simulation(config(policy, rate=0.3)), 80_000.0
    while not simulation.finished and simulation.time < until:
        simulation.advance(rounds, until)
    times = simulation.series["time"]
    assert times[-1] >= until > times[-2]
    reached = simulation.rounds
    simulation.advance(rounds, until)
    assert simulation.rounds == reached


@pytest.mark.parametrize("name", ["allocate", "solve"])
def test_nobody_decides_for_a_driver_that_is_watched(name: str) -> None:
    simulation = Simulation(config("max_min_fairness_perf"))
    assert simulation._decider() is not None
    setattr(simulation.driver, name, getattr(simulation.driver, name))
    assert simulation._decider() is None


@pytest.mark.parametrize("policy", ["finish_time_fairness_packed", "proportional", "fifo_packed"])
def test_others_are_asked(policy: str) -> None:
    assert Simulation(config(policy))._decider() is None


def test_efficient_optima_leave_traces() -> None:
    assert Simulation(config("max_min_fairness_perf", tie_break="efficient"))._decider() is None
    assert Simulation(config("max_min_fairness", tie_break="efficient"))._decider() is not None


def test_a_call_is_for_columns_as_long_as_these_have_room() -> None:
    simulation = Simulation(config("finish_time_fairness_perf"))
    first = simulation._decider()
    assert simulation._decider() is first
    simulation.mechanism._grow(1000, 0)
    later = simulation._decider()
    assert later is not first
    assert later is not None
    assert later.given.jobs is simulation.mechanism.standing().jobs


def test_more_than_can_be_noted_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mechanism, "_DECISIONS", 7)
    asked, simulation = run(Simulation(config("max_min_fairness_perf")))
    assert asked >= simulation.allocations // 8 - 1
    assert simulation.solves.columns()["time"].size == simulation.allocations


def test_python_has_its_turn_where_deciding_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config("max_min_fairness_perf")
    _, whole = run(Simulation(settings))
    kernel = loop.may_decide.interpreted  # type: ignore[attr-defined]  # it is a kernel
    monkeypatch.setitem(kernel.__globals__, "_UNSEEN", 1e-9)
    asked, simulation = run(Simulation(settings))
    assert asked >= simulation.allocations // 2 - 1
    assert np.array_equal(simulation.jobs["finish"], whole.jobs["finish"], equal_nan=True)
    assert simulation.solves.columns()["time"].size == simulation.allocations == whole.allocations
