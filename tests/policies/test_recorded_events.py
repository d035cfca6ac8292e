"""Every policy on states that the reference recorded: equal, or at least as good."""

from __future__ import annotations

from typing import Any

import pytest
from objectives import better, remember
from recordings import GOLDEN, Event, Run, golden, policy_of, same, sample

from gavel_opt import Allocation, Driver, InputError, MissingLibraryError, make_policy
from gavel_opt.engines.registry import known_engines, make_engine

EXACT = ("isolated", "fifo", "fifo_perf", "fifo_packed", "gandiva", "allox")
RUNS = sample()
GOLDEN_FILES = sorted(GOLDEN.glob("*.full.json.gz")) if GOLDEN.is_dir() else []


def answer(policy: Any, event: Event) -> Allocation:
    """Allocation of a policy that yields no program."""
    generator = policy.programs(event.state, True)
    with pytest.raises(StopIteration) as done:
        next(generator)
    return done.value.value


def runs(exact: bool) -> list[Any]:
    return [pytest.param(run, id=run.name) for run in RUNS if (run.policy in EXACT) == exact]


@pytest.fixture(params=known_engines())
def engine(request):
    try:
        return make_engine(request.param)
    except MissingLibraryError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("run", runs(exact=True))
def test_without_programs_equal_to_the_last_bit(run: Run):
    policy = make_policy(run.policy, seed=0)
    for place, event in enumerate(run.events):
        allocation = answer(policy, event)
        if event.answered:
            assert same(event, allocation), f"event {place}"


@pytest.mark.parametrize("run", runs(exact=True))
def test_a_snapshot_goes_on_where_it_was(run: Run):
    """Whatever a policy remembers survives a checkpoint between any two recomputations."""
    policy = make_policy(run.policy, seed=0)
    for event in run.events:
        fresh = make_policy(run.policy, seed=1)
        fresh.restore(policy.snapshot())
        policy = fresh
        allocation = answer(policy, event)
        if event.answered:
            assert same(event, allocation)


@pytest.mark.parametrize("run", runs(exact=False))
@pytest.mark.parametrize("grouping", [True, False], ids=["groups", "jobs"])
def test_objective_is_as_good_as_the_recorded_one(run: Run, engine, grouping: bool):
    driver = Driver(make_policy(run.policy), engine, tie_break="none", grouping=grouping)
    check(run.policy, driver, run.events)


@pytest.mark.parametrize("run", runs(exact=False))
@pytest.mark.parametrize("tie_break", ["canonical", "efficient"])
def test_breaking_ties_costs_nothing(run: Run, tie_break: str):
    check(run.policy, Driver(make_policy(run.policy), tie_break=tie_break), run.events)


def check(name: str, driver: Driver, events: list[Event]) -> None:
    past: dict[int, Any] = {}
    for place, event in enumerate(events):
        if not event.answered:
            see(driver, event)
            remember(name, event.state, past)
            continue
        allocation = driver.allocate(event.state)
        feasible(event, allocation)
        ours, theirs = better(name, event, allocation, past)
        assert ours >= theirs - 1e-6 * abs(theirs), f"event {place}"


def see(driver: Driver, event: Event) -> None:
    """Let a policy that remembers see a state, without solving anything."""
    generator = driver.policy.programs(event.state, True)
    next(generator)
    generator.close()


def feasible(event: Event, allocation: Allocation) -> None:
    """Nobody has more than all of the time, and no worker does two things at once."""
    state = event.state
    index = {int(job): i for i, job in enumerate(state.job)}
    time = allocation.x.sum(axis=1)
    used = (state.scale_factor[:, None] * allocation.x).sum(axis=0)
    for (a, b), share in zip(allocation.pair, allocation.pair_x, strict=True):
        assert a < b
        time[index[int(a)]] += share.sum()
        time[index[int(b)]] += share.sum()
        used = used + state.scale_factor[index[int(a)]] * share
    assert allocation.x.min(initial=0.0) >= 0.0
    assert time.max() <= 1.0 + 1e-6
    assert (used <= state.workers * (1.0 + 1e-6)).all()


def recordings(exact: bool) -> list[Any]:
    paths = [path for path in GOLDEN_FILES if (policy_of(path) in EXACT) == exact]
    return [pytest.param(path, id=path.name[:-13]) for path in paths]


@pytest.mark.slow
@pytest.mark.parametrize("path", recordings(exact=True))
def test_all_recorded_events_without_programs(path):
    """All events of all full recordings, where those are at hand."""
    policy = make_policy(policy_of(path), seed=0)
    for event in golden(path):
        assert same(event, answer(policy, event))


@pytest.mark.slow
@pytest.mark.parametrize("path", recordings(exact=False))
def test_all_recorded_events(path, engine):
    """All events of all full recordings, on every engine (one by ``-k ENGINE``)."""
    name = policy_of(path)
    events = [event for event in golden(path) if event.state.job.size]
    fallback = () if engine.name == "highs" else ("highs",)
    check(name, Driver(make_policy(name), engine, fallback, tie_break="none"), events)


def test_allox_refuses_wide_jobs():
    run = next(run for run in RUNS if run.name == "statm30-fifo")
    with pytest.raises(InputError, match="single-GPU"):
        next(make_policy("allox").programs(run.events[0].state, True))
