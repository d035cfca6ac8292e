"""Deadlines: kept when they can be, named and given up when they cannot."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from recordings import TYPES, state_of
from scipy.optimize import linprog

from bench.cliffs import later, with_deadlines
from gavel_opt import Answer, Blocks, Driver, InputError, make_policy
from gavel_opt.policies import throughput_sum
from gavel_opt.policies.throughput_sum import _deadlines_to_keep
from simulator.world.job_types import JOB_TYPES

NAME = "max_sum_throughput_normalized_by_cost_perf_SLOs"
PACKED = "max_sum_throughput_normalized_by_cost_packed_SLOs"


def cluster(seed: int, jobs: int = 7, workers: int = 1):
    draws = np.random.default_rng(seed)
    names = [JOB_TYPES[place] for place in draws.integers(0, 26, jobs)]
    state = state_of([workers] * 3, [(i, name, 1, 1.0, 1.0, 0.0) for i, name in enumerate(names)])
    v100 = state.throughputs.alone[state.key, 2]
    state.steps_left = v100 * draws.uniform(1e3, 2e4, jobs)
    state.deadline = draws.uniform(5e3, 6e4, jobs)
    return state


def allocate(state, name: str = NAME, engine: str = "highs"):
    return Driver(make_policy(name), engine, tie_break="none").allocate(state)


def given_up(allocation) -> list[int]:
    return sorted(int(job) for note in allocation.notes for job in re.findall(r"\d+", note))


def can_meet(state, jobs) -> bool:
    """Whether these jobs can meet their deadlines together, by a program of its own."""
    n, kinds = state.job.size, len(TYPES)
    rate = state.throughputs.alone[state.key]
    rows, bounds = [], []
    for i in jobs:
        row = np.zeros((n, kinds))
        row[i] = -rate[i]
        rows.append(row.ravel())
        bounds.append(-state.steps_left[i] / state.deadline[i])
    for i in range(n):
        row = np.zeros((n, kinds))
        row[i] = 1.0
        rows.append(row.ravel())
        bounds.append(1.0)
    for j in range(kinds):
        row = np.zeros((n, kinds))
        row[:, j] = state.scale_factor
        rows.append(row.ravel())
        bounds.append(state.workers[j])
    return linprog(np.zeros(n * kinds), A_ub=np.array(rows), b_ub=bounds).status == 0


@pytest.mark.parametrize("seed", range(12))
def test_as_few_as_possible_are_given_up_and_the_others_kept(seed):
    state = cluster(seed)
    allocation = allocate(state)
    lost = given_up(allocation)
    kept = [i for i in range(state.job.size) if i not in lost]
    speed = (state.throughputs.alone[state.key] * allocation.x).sum(axis=1)
    assert (speed[kept] * state.deadline[kept] >= state.steps_left[kept] * (1 - 1e-6)).all()
    fewest = next(
        count
        for count in range(state.job.size + 1)
        if any(
            can_meet(state, [i for i in range(state.job.size) if i not in out])
            for out in itertools.combinations(range(state.job.size), count)
        )
    )
    assert len(lost) == fewest


def test_the_seeds_cover_both_cases():
    lost = [len(given_up(allocate(cluster(seed)))) for seed in range(12)]
    assert 0 in lost
    assert max(lost) >= 2


def test_a_deadline_in_the_past_is_named_and_the_job_goes_on():
    state = cluster(0, jobs=2, workers=3)
    state.deadline = np.array([-5.0, np.inf])
    allocation = allocate(state)
    assert allocation.notes == ("job 0 passed its deadline; scheduled on without it",)
    assert allocation.x[0].sum() == pytest.approx(1.0)


def test_each_job_is_named_once():
    state = cluster(0, jobs=2)
    state.deadline = np.array([-5.0, np.inf])
    driver = Driver(make_policy(NAME), "highs", tie_break="none")
    assert driver.allocate(state).notes
    assert not driver.allocate(state).notes


def test_without_deadlines_one_program_and_no_notes():
    state = cluster(0)
    state.deadline = np.full(state.job.size, np.inf)
    driver = Driver(make_policy(NAME), "highs", tie_break="none")
    assert not driver.allocate(state).notes
    assert driver.tally.programs == 1


def test_packing_keeps_at_least_as_many_deadlines():
    for seed in range(12):
        state = cluster(seed)
        alone, packed = allocate(state), allocate(state, PACKED)
        assert len(given_up(packed)) <= len(given_up(alone))


def test_prices_move_jobs_to_cheap_workers():
    state = state_of([1, 0, 1], [(0, "A3C", 1, 1.0, 1e6, 0.0)])
    dear = allocate(state, "max_sum_throughput_perf").x[0]
    cheap = allocate(state, "max_sum_throughput_normalized_by_cost_perf").x[0]
    np.testing.assert_allclose(dear, [0.0, 0.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(cheap, [1.0, 0.0, 0.0], atol=1e-9)
    state.prices = np.array([100.0, 1.0, 0.01])
    own = allocate(state, "max_sum_throughput_normalized_by_cost_perf").x[0]
    np.testing.assert_allclose(own, [0.0, 0.0, 1.0], atol=1e-9)


def test_a_price_that_is_not_positive_names_the_type():
    state = cluster(0)
    state.prices = np.array([0.1, 0.0, 0.7])
    with pytest.raises(InputError, match="p100"):
        allocate(state)


@pytest.mark.parametrize(
    ("dual", "questions", "met"),
    [
        # without prices all three are given up; two can be kept, and all, refused before, are not asked for again
        ([0.0, 0.0, 0.0], [[1, 1, 1], [0, 0, 1], [0, 1, 1]], [False, True, True]),
        # at these prices a fifth of any two can be had, so two are given up and neither is asked for again
        ([0.5, 0.5, 0.0], [[1, 1, 1], [0, 0, 1]], [False, False, True]),
    ],
)
def test_deadlines_given_up_in_vain_are_taken_back(dual, questions, met):
    blocks = Blocks(np.full((3, 1), 2.0), np.ones(3), np.ones(3, dtype=np.int64), np.array([4.0]))
    search = _deadlines_to_keep(blocks, np.ones(3, dtype=bool))
    too_little = Answer(np.zeros((3, 1)), 0.1, 0.1, np.array(dual), np.zeros(1))
    enough = Answer(np.ones((3, 1)), 2.0, 2.0, np.array(dual), np.zeros(1))
    asked = [next(search), search.send(too_little)]
    asked += [search.send(enough) for _ in questions[2:]]
    with pytest.raises(StopIteration) as done:
        search.send(enough)
    assert [one.slope.tolist() for one in asked] == questions
    assert np.isfinite(done.value.value).tolist() == met


@pytest.mark.parametrize("faster_beside", [False, True])
def test_pools_give_up_the_same_deadlines(monkeypatch, faster_beside):
    """Jobs of few types, asked in pools and each by itself: beside jobs that are of no use to others, and of some use."""
    sizes, real = [], Driver.solve
    monkeypatch.setattr(
        Driver,
        "solve",
        lambda driver, program: sizes.append(program.blocks.groups) or real(driver, program),
    )
    state = with_deadlines(120)
    kinds = np.unique(state.key)[:8]
    few = {"workers": state.workers // 2, "scale_factor": np.ones(120, dtype=np.int64)}
    state = replace(state, key=kinds[np.arange(120) % 8], **few)
    if faster_beside:
        paired = state.throughputs.paired.copy()
        paired[kinds[:2], kinds[2:4], 0] *= 3.0
        paired[kinds[2:4], kinds[:2], 1] *= 3.0
        free = np.isin(state.key, kinds[2:4])
        state = replace(
            state,
            throughputs=replace(state.throughputs, paired=paired),
            deadline=np.where(free, np.inf, state.deadline),
        )
    for call in range(4):
        state = later(state, call)
        found = []
        for times in (2, np.inf):
            monkeypatch.setattr(throughput_sum, "_TIMES_AS_FEW", times)
            sizes.clear()
            found.append(Driver(make_policy(PACKED), "structured").allocate(state))
            assert (min(sizes[:-1]) < 60) == (times == 2)
        pooled, single = found
        assert given_up(pooled)
        assert pooled.notes == single.notes
        assert np.array_equal(pooled.pair, single.pair)
        np.testing.assert_allclose(pooled.x, single.x, rtol=0.0, atol=1e-9)
        np.testing.assert_allclose(pooled.pair_x, single.pair_x, rtol=0.0, atol=1e-9)
