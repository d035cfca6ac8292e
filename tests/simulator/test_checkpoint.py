"""A simulation put down and taken up again goes on to the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from recorded import HERE, config_of, expected

from gavel_opt import InputError
from simulator.mechanism.records import ALLOCATE
from simulator.runs.checkpoint import restore
from simulator.runs.simulation import Simulation


def finish(simulation: Simulation) -> Simulation:
    while not simulation.finished:
        simulation.advance(10_000)
    return simulation


CASES = {
    "gandiva": ("servers4-gandiva-s0", {}),
    "fifo": ("cont40-fifo-s0", {}),
    "isolated, shuffled": ("prio40-fifo-s0", {"policy": "isolated"}),
    "pairs": (
        "cont40-max_min_fairness_packed-s0",
        {"replay": HERE / "replays" / "cont40-max_min_fairness_packed-s0.json.gz"},
    ),
    "pairs by estimates": (
        "cont40-gandiva-s0",
        {"profiling_percentage": 0.2, "reference_models": 8},
    ),
    "ideal": ("cont40-isolated-s0", {"ideal": True}),
    "ideal, pairs": ("cont40-gandiva-s0", {"ideal": True}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rounds", [1, 97, 700])
def test_restored_run_gives_the_same_bits(case, rounds):
    name, settings = CASES[case]
    config = config_of(expected()[name], **settings)
    whole = finish(Simulation(config, record_placements=True))
    first = Simulation(config, record_placements=True)
    first.advance(rounds)
    memory = first.snapshot()
    second = Simulation(config, record_placements=True)
    second.restore(memory)
    finish(first)
    finish(second)
    for other in (first, second):
        assert other.time == whole.time
        assert other.rounds == whole.rounds
        assert other.utilization() == whole.utilization()
        assert other.mechanism.lease_extensions == whole.mechanism.lease_extensions
        np.testing.assert_array_equal(other.jobs["jct"], whole.jobs["jct"])
        np.testing.assert_array_equal(other.series["utilization"], whole.series["utilization"])
        segments = other.mechanism.segments()
        np.testing.assert_array_equal(segments, whole.mechanism.segments())


@pytest.mark.parametrize("case", ["isolated, shuffled", "pairs"])
def test_a_round_that_is_about_to_begin_has_room(case):
    """Between an allocation and its round nothing looks at room: compiled code would write past the arrays."""
    name, settings = CASES[case]
    config = config_of(expected()[name], **settings)
    whole = finish(Simulation(config, record_placements=True))
    first = Simulation(config, record_placements=True)
    first.advance(97)
    while first.mechanism.run(1) != ALLOCATE:
        pass
    first._allocate()
    second = Simulation(config, record_placements=True)
    second.restore(first.snapshot())
    world = second.mechanism.world
    count, workers = world.counts[0], len(world.workers)
    assert count["awaiting"]
    assert len(world.rounds) > count["recorded"]
    assert len(world.type_use) > count["recorded"]
    assert world.segments.shape[1] >= count["segments"] + workers
    if case == "pairs":
        assert len(world.entries) >= len(world.candidates) + count["pairs"] + workers
    finish(second)
    np.testing.assert_array_equal(second.jobs["jct"], whole.jobs["jct"])
    np.testing.assert_array_equal(second.mechanism.segments(), whole.mechanism.segments())


def test_a_fork_goes_by_the_traits_of_its_own_policy():
    run = expected()["servers4-gandiva-s0"]
    warm, fork = (Simulation(config_of(run, policy=name)) for name in ("isolated", "gandiva"))
    warm.advance(97)
    fork.restore(warm.snapshot() | {"policy": fork.driver.policy.snapshot()})
    assert fork.mechanism.world.rules["packing"].all()
    finish(fork)
    assert not np.isnan(fork.jobs["jct"][slice(*fork.window)]).any()


PLACES = [
    (part, field)
    for part, fields in {
        "jobs": ("first", "second", "number", "key", "scale", "ran_on", "ran_at"),
        "pairs": ("first", "second", "key", "scale", "ran_on", "ran_at"),
        "runs": ("entry", "on", "at", "rank"),
        "candidates": ("scale",),
        "counts": ("slots", "pairs", "running", "known", "admitted", "active", "used", "segments"),
        "segments": (0, 1, 2),
        "stream": (624,),
        "placed": (0,),
        "first_run": (0,),
        "open_segments": (0,),
    }.items()
    for field in fields
]


@pytest.mark.parametrize(("part", "field"), PLACES, ids=lambda value: str(value))
@pytest.mark.parametrize("value", [-(10**9), 10**9])
def test_a_place_that_is_none_is_refused(part, field, value):
    """Compiled code would go there: a checkpoint may be changed by somebody who makes its checksum anew."""
    name, settings = CASES["pairs"]
    config = config_of(expected()[name], **settings)
    first = Simulation(config, record_placements=True)
    first.advance(97)
    memory = first.snapshot()
    found = memory["mechanism"][part]
    if found.dtype.names is not None:
        found = found[field]
    elif part == "segments":
        found = found[:, field]
    else:
        found = found[..., field]
    found.flat[-1] = np.iinfo(found.dtype).max if abs(value) > np.iinfo(found.dtype).max else value
    with pytest.raises(InputError, match="the checkpoint is not one of this run: "):
        restore(Simulation(config, record_placements=True), memory)


@pytest.mark.parametrize("column", ["key", "scale_factor"])
def test_jobs_of_no_kind_are_refused(column):
    config = config_of(expected()["cont40-fifo-s0"])
    first = Simulation(config)
    first.advance(97)
    memory = first.snapshot()
    jobs = memory["workload"]
    jobs = jobs.get("jobs", jobs)
    jobs[column][-1] = 10**9
    with pytest.raises(InputError, match=column):
        restore(Simulation(config), memory)
