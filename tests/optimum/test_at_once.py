"""Programs without pairs in one compiled call: the bits of the program, or the program itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gavel_opt import ClusterState, Driver, InputError, ThroughputTable, make_engine, make_policy
from gavel_opt.kernels.groups import MANY
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.records import plain
from gavel_opt.model.cluster_state import StandingState
from gavel_opt.solver import water_filling_alone
from gavel_opt.solver.memory import Memory
from gavel_opt.solver.one_step import max_min_terms
from gavel_opt.solver.optimum import PROVED
from gavel_opt.solver.prices.levels_in_stages import NOTHING
from gavel_opt.solver.water_filling import fill_task, filled_shares


def cluster(seed, jobs=None, types=3):
    """Jobs of some keys, scale factors and weights, on a cluster from idle to crowded."""
    rng = np.random.default_rng(seed)
    n = jobs or int(rng.integers(1, 60))
    keys = int(rng.integers(1, 12))
    alone = rng.uniform(0.2, 3.0, (keys, types)) * rng.choice([0.1, 1.0, 20.0], (keys, 1))
    alone[rng.random(alone.shape) < 0.05] = 0.0
    alone[np.arange(keys), rng.integers(0, types, keys)] += 0.3
    scale = 2 ** rng.integers(0, 4, n)
    load = rng.choice([0.3, 1.0, 4.0])
    workers = np.maximum(1, rng.uniform(0.5, 1.5, types) * scale.sum() / types / load)
    return ClusterState(
        worker_types=tuple("abcde"[:types]),
        workers=workers.astype(np.int64),
        throughputs=ThroughputTable(alone),
        job=np.arange(n) * 3,
        key=rng.integers(0, keys, n),
        scale_factor=scale,
        weight=rng.choice([1.0, 1.0, 2.0, 5.0], n),
        steps_left=rng.uniform(1.0, 1e6, n),
        age=rng.uniform(0.0, 1e5, n),
    )


def both(policy, tie_break="canonical"):
    """A driver that goes in one step where it can, and one that makes the program."""
    make = make_policy(policy), "structured"
    return (
        Driver(*make, tie_break=tie_break),
        Driver(*make, tie_break=tie_break, recorder=lambda *_: None),
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["max_min_fairness", "max_min_fairness_perf"]),
    st.sampled_from(["canonical", "efficient", "none"]),
    st.sampled_from([1, 2, 3, 4]),
)
def test_the_bits_are_those_of_the_program(seed, policy, tie_break, types):
    once, twice = both(policy, tie_break)
    for step in range(3):
        state = cluster(seed + step, types=types)
        shares = once.allocate(state)
        assert shares.job is state.job
        assert shares.x.tobytes() == twice.allocate(state).x.tobytes()
    assert once.tally.max_relative_gap <= 1e-9


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["finish_time_fairness", "finish_time_fairness_perf"]),
    st.sampled_from(["canonical", "efficient", "none"]),
    st.sampled_from([1, 2, 3, 4]),
)
def test_finish_times_are_those_of_the_program(seed, policy, tie_break, types):
    """Some jobs leave, some come; the policy remembers, and the program may be asked for in between."""
    once, twice = both(policy, tie_break)
    rng = np.random.default_rng(seed)
    for step in range(4):
        state = with_room(cluster(seed + step, types=types))
        if step == 2 and state.job.size > 1:
            state.steps_left[1] = state.steps_left[0]
        if rng.random() < 0.2:
            state.steps_left[-1] = 0.0
        shares = once.allocate(state)
        assert shares.x.tobytes() == twice.allocate(state).x.tobytes()
    assert once.tally.max_relative_gap <= 1e-9
    assert once.policy.snapshot() == twice.policy.snapshot()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["min_total_duration", "min_total_duration_perf"]),
    st.sampled_from(["canonical", "efficient", "none"]),
    st.sampled_from([1, 2, 3, 4]),
)
def test_makespans_are_those_of_the_program(seed, policy, tie_break, types):
    """Jobs all different, some alike, many of one key, one that is done."""
    once, twice = both(policy, tie_break)
    rng = np.random.default_rng(seed)
    for step in range(4):
        many = 3 * MANY if step == 3 else None
        state = with_room(cluster(seed + step, jobs=many, types=types))
        if step == 1:
            state.steps_left[:] = rng.choice([5.0, 70.0, 900.0], state.job.size)
        if step == 3:
            state.key[:] = state.key[0]
            state.steps_left[1::2] = state.steps_left[::2]
        if rng.random() < 0.2:
            state.steps_left[-1] = 0.0
        assert once.allocate(state).x.tobytes() == twice.allocate(state).x.tobytes()
    assert once.tally.max_relative_gap <= 1e-9


@pytest.mark.parametrize("policy", ["min_total_duration", "min_total_duration_perf"])
def test_makespans_are_one_step_where_they_can_be(monkeypatch, policy):
    once, _ = both(policy)
    monkeypatch.setattr(once, "run_programs", lambda *_: pytest.fail("made a program"))
    for seed in range(5):
        state = with_room(cluster(seed, jobs=50))
        for column in (state.key, state.scale_factor, state.steps_left):
            column[7] = column[3]
        x = once.allocate(state).x
        assert x[7].tobytes() == x[3].tobytes()
    assert once.tally.programs == once.tally.allocations == 5


def test_a_job_that_the_plain_makespan_has_no_speed_for_is_named():
    once, _ = both("min_total_duration")
    state = with_room(cluster(3, jobs=5))
    state.throughputs.alone[state.key[2], state.throughputs.reference] = 0.0
    first = int(state.job[state.key == state.key[2]][0])
    with pytest.raises(InputError, match=f"job {first} has no throughput on"):
        once.allocate(state)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.sampled_from(["plain", "perf"]), st.sampled_from([1, 2, 3, 4]))
def test_filled_levels_are_those_of_the_programs(seed, variant, types):
    """Plain water filling may come to limits by turns, with workers short from the start or never."""
    policy = "max_min_fairness_water_filling" + ("_perf" if variant == "perf" else "")
    driver, memory = Driver(make_policy(policy), "structured"), Memory()
    for step in range(3):
        state = with_room(cluster(seed + step, types=types))
        n = state.job.size
        columns = JobColumns.with_room(n, types)
        for name in ("key", "scale_factor", "weight"):
            getattr(columns, name)[:] = getattr(state, name)
        columns.size[0] = n
        terms = max_min_terms(8, variant == "plain", "canonical", PROVED)
        standing = StandingState(columns, state.throughputs, state.workers)
        programs = driver.tally.programs
        expected = driver.allocate(state).x
        task = plain(fill_task(standing, terms, memory, once=False))
        with np.errstate(all="ignore"):  # as kernels that are interpreted have it
            filled = filled_shares.interpreted(task)
        if not filled:
            assert driver.tally.fallbacks
            continue
        assert columns.shares.tobytes() == expected.tobytes()
        assert columns.proof[3] == driver.tally.programs - programs
        assert columns.proof[:3].max() <= PROVED


@pytest.mark.parametrize("slow", [1e-3, 1e-5, 1e-6])
def test_levels_far_apart_are_those_of_programs(slow, monkeypatch):
    """Two jobs are stopped although their levels are worth next to nothing beside four others; prices of types tell nobody."""
    names = filled_shares.interpreted.__globals__
    monkeypatch.setitem(names, "levels_in_stages", lambda *_: NOTHING)
    monkeypatch.setattr(water_filling_alone, "levels_by_prices", lambda _: None)
    speeds = [[slow, 1, 0, 0]] * 4 + [[1, 0, 0, 0]] * 2 + [[0, 0, 1, 0]] * 2 + [[0, 0, 1, 1]]
    n, workers = len(speeds), np.array([3, 2, 1, 3])
    jobs = JobColumns.with_room(n, 4)
    jobs.key[:], jobs.scale_factor[:] = np.arange(n), 1
    jobs.weight[:] = [1.0, 2.0, 3.0, 4.0, 0.01, 0.02, 1.0, 1.0, 1.0]
    jobs.size[0] = n
    table = ThroughputTable(np.array(speeds, dtype=float))
    terms = max_min_terms(1, False, "canonical", PROVED)
    task = fill_task(StandingState(jobs, table, workers), terms, Memory(), once=False)
    with np.errstate(all="ignore"):
        assert filled_shares.interpreted(plain(task))
    np.testing.assert_allclose(jobs.shares[4:6, 0], [1.0 / 3.0, 2.0 / 3.0], rtol=1e-7)
    state = ClusterState(
        worker_types=tuple("acde"),
        workers=workers,
        throughputs=table,
        job=np.arange(n),
        key=np.arange(n),
        scale_factor=np.ones(n, dtype=np.int64),
        weight=jobs.weight.copy(),
        steps_left=np.ones(n),
        age=np.zeros(n),
    )
    _, driver = both("max_min_fairness_water_filling_perf")
    assert jobs.shares.tobytes() == driver.allocate(state).x.tobytes()
    assert driver.tally.programs == jobs.proof[3] > 3


def test_plain_levels_are_asked_for_in_rounds_as_in_calls():
    """The first program's shares, though everybody stops there, are others by a last bit."""
    weights = """
        0.8235418762030786 2.321180740269834 1.704943879635152 1.867992884763367
        1.7967585970066207 2.6238193774592835 2.0050851450926332 2.5928303124877647
        0.953429857973251 0.5395928976592919 2.2241254642903825 1.8686298940694437
        2.7281870384961184 1.0069893359053144 1.5472321300582523 1.8285746925899424
        0.8691060030176976 0.6257852836866047 1.0599351041785683 1.7159627547341645
        0.7151609838866517 2.7075293185860767
    """
    weight = np.array([float(each) for each in weights.split()])
    jobs = JobColumns.with_room(22, 5)
    jobs.key[:], jobs.scale_factor[:], jobs.weight[:] = np.arange(22), 1, weight
    jobs.size[0] = 22
    workers, table = np.array([2, 4, 3, 1, 3]), ThroughputTable(np.ones((22, 5)))
    terms = max_min_terms(1, True, "canonical", PROVED)
    task = fill_task(StandingState(jobs, table, workers), terms, Memory(), once=False)
    with np.errstate(all="ignore"):
        assert filled_shares.interpreted(plain(task))
    state = ClusterState(
        worker_types=tuple("abcde"),
        workers=workers,
        throughputs=table,
        job=np.arange(22),
        key=np.arange(22),
        scale_factor=np.ones(22, dtype=np.int64),
        weight=weight,
        steps_left=np.ones(22),
        age=np.zeros(22),
    )
    driver = Driver(make_policy("max_min_fairness_water_filling"), "structured")
    assert jobs.shares.tobytes() == driver.allocate(state).x.tobytes()


def with_room(state):
    """With every job running on every type: nothing is odd."""
    state.throughputs.alone[state.throughputs.alone == 0.0] = 0.5
    return replace(state, workers=state.workers + 8)


def test_finish_times_are_one_step_where_they_can_be(monkeypatch):
    once, _ = both("finish_time_fairness_perf")
    monkeypatch.setattr(once, "run_programs", lambda *_: pytest.fail("made a program"))
    for seed in range(5):
        state = with_room(cluster(seed, jobs=50))
        state.steps_left[1] = state.steps_left[0]  # but they differ in age
        once.allocate(state)
    assert once.tally.programs == once.tally.allocations == 5


def test_jobs_alike_are_one_group_of_finish_times():
    once, twice = both("finish_time_fairness_perf")
    state = with_room(cluster(1, jobs=50))
    for column in (state.key, state.scale_factor, state.age, state.steps_left):
        column[7] = column[3]
    found = once.allocate(state)
    assert found.x.tobytes() == twice.allocate(state).x.tobytes()
    assert found.x[7].tobytes() == found.x[3].tobytes()
    assert once.tally.build > 0.0  # the program was made


@pytest.mark.parametrize("kind", ["i4", "u2", "f4"])
def test_columns_of_other_numbers_are_taken(kind):
    for policy in (
        "max_min_fairness_perf",
        "finish_time_fairness_perf",
        "min_total_duration_perf",
    ):
        state = with_room(cluster(5, jobs=40))
        state.weight[:], state.age[:] = 1.0, np.round(state.age)
        once, other = both(policy)[0], both(policy)[0]
        expected = once.allocate(state).x
        key = state.key.astype("i8" if kind == "f4" else kind)
        age = state.age.astype(kind) if kind == "i4" else state.age
        weight = state.weight.astype(kind)
        found = other.allocate(replace(state, key=key, age=age, weight=weight)).x
        assert found.tobytes() == expected.tobytes()
        assert other.tally.programs == 1


def test_it_is_one_step_where_it_can_be():
    for tie_break, steps in (("canonical", 20), ("efficient", 1)):
        once, _ = both("max_min_fairness_perf", tie_break)
        calls = 0
        for seed in range(20):
            built = once.tally.build
            once.allocate(cluster(seed, jobs=50))
            calls += once.tally.build == built
        assert calls >= 0.8 * steps
        assert once.tally.programs == once.tally.allocations == 20


def test_more_groups_than_can_be_found_by_key_are_a_program():
    state = cluster(1, jobs=3 * MANY)
    state.key[:] = 0
    state.weight = 1.0 + np.arange(state.job.size) / 7.0
    once, twice = both("max_min_fairness_perf")
    assert once.allocate(state).x.tobytes() == twice.allocate(state).x.tobytes()
    assert once.tally.build > 0.0


def test_columns_that_may_not_be_written_to_are_taken():
    state = cluster(2)
    expected = both("max_min_fairness_perf")[0].allocate(state).x
    for column in (state.key, state.weight, state.throughputs.alone, state.workers):
        column.flags.writeable = False
    assert both("max_min_fairness_perf")[0].allocate(state).x.tobytes() == expected.tobytes()


@pytest.mark.parametrize("engine", ["structured", "highs"])
def test_what_is_wrong_with_a_state_is_said(engine):
    state = cluster(3, jobs=5)
    driver = Driver(make_policy("max_min_fairness_perf"), engine)
    rows = state.throughputs.alone.shape[0]
    with pytest.raises(InputError, match=rf"job 6 has key {rows}, but .* has {rows} rows"):
        driver.allocate(replace(state, key=np.array([0, 0, rows, 0, 0])))
    with pytest.raises(InputError, match="job 3 has key -1"):
        driver.allocate(replace(state, key=np.array([0, -1, 0, 0, 0])))
    with pytest.raises(InputError, match="5 jobs, but 4 values in 'weight'"):
        driver.allocate(replace(state, weight=np.ones(4)))
    with pytest.raises(InputError, match="job 0 has weight nan, expected 0 or more"):
        driver.allocate(replace(state, weight=np.full(5, np.nan)))


def test_only_the_engine_that_says_so_is_asked():
    able = [name for name in ("structured", "highs") if make_engine(name).capability.one_step]
    assert able == ["structured"]
    driver = Driver(make_policy("max_min_fairness_perf"), "structured", grouping=False)
    driver.allocate(cluster(4))
    assert driver.tally.build > 0.0
