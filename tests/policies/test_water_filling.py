"""Water filling: lexicographic, and over entities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recordings import sample, state_of
from scipy.optimize import linprog

from bench.packed import states
from bench.states import Drawn
from gavel_opt import (
    ClusterState,
    Driver,
    InputError,
    SolveFailed,
    ThroughputTable,
    make_policy,
)
from gavel_opt.policies import water_filling
from gavel_opt.policies.max_min import fairness_program
from gavel_opt.policies.rising_levels import Line, Rising
from gavel_opt.policies.variants import group_by_key
from gavel_opt.solver import water_filling_alone, water_filling_pairs
from simulator.settings.options import make_config
from simulator.studies.experiments.hierarchy import hierarchical_fairness
from simulator.studies.experiments.scaling import _one_replaced as one_replaced
from simulator.studies.experiments.scaling import state_of as figure_14
from simulator.viewer.prices import prices_of
from simulator.world.job_types import JOB_TYPES

PERF = "max_min_fairness_water_filling_perf"


def levels(state, allocation):
    rate = state.throughputs.alone[state.key]
    share = state.workers / state.workers.sum()
    return state.scale_factor * (rate * allocation.x).sum(axis=1) / (rate @ share)


def cluster(names, workers=(1, 1, 1), entity=None, weight=None):
    state = state_of(list(workers), [(i, n, 1, 1.0, 1.0, 0.0) for i, n in enumerate(names)])
    if weight is not None:
        state.weight = np.array(weight, dtype=float)
    if entity is not None:
        state.entity = np.array(entity)
    return state


def allocate(state, name=PERF, **settings):
    return Driver(make_policy(name, **settings), "highs", tie_break="none").allocate(state)


def test_heterogeneous_figure_12_ends_where_the_paper_does():
    """Total effective throughput with all 18 jobs: 10.46 (golden/paper_curves.csv)."""
    result = hierarchical_fairness(aware=True, engine="highs", tie_break="none")
    assert result.total[-1] == pytest.approx(10.459, abs=1e-3)
    assert result.total[64] == pytest.approx(10.389, abs=1e-3)  # 17 jobs


def test_entities_get_their_weights_under_contention():
    """Entities of weight 1, 2, 3; within each, jobs of weight 1 and 2."""
    last = hierarchical_fairness(aware=True, engine="highs", tie_break="none").throughput[-1]
    np.testing.assert_allclose(last / last[0], np.repeat([1, 2, 3], 6) * np.tile([1, 2], 9), 1e-6)


def test_agnostic_figure_12_with_the_canonical_optimum():
    """9.0: every job has each type in equal parts."""
    result = hierarchical_fairness(aware=False)
    assert result.total[-1] == pytest.approx(9.0, rel=2e-3)


def test_in_line_the_first_has_everything_before_the_second_has_anything():
    names = [JOB_TYPES[0]] * 6
    state = cluster(names, entity=[0, 0, 0, 1, 1, 1])
    settings = {"weights": [1, 2], "within": "fifo"}
    level = levels(state, allocate(state, "max_min_fairness_water_filling", entities=settings))
    x = allocate(state, "max_min_fairness_water_filling", entities=settings).x.sum(axis=1)
    # 3 workers: entity 1 fills two of its jobs while entity 0 fills one
    np.testing.assert_allclose(x, [1, 0, 0, 1, 1, 0], atol=1e-6)
    assert level.shape == (6,)


def test_one_in_line_one_fair():
    names = [JOB_TYPES[3]] * 5
    state = cluster(names, workers=(0, 0, 2), entity=[0, 0, 0, 1, 1])
    settings = {"weights": {"0": 1, "1": 1}, "within": {"0": "fifo"}}
    x = allocate(state, entities=settings).x.sum(axis=1)
    np.testing.assert_allclose(x, [1, 0, 0, 0.5, 0.5], atol=1e-6)


@pytest.mark.parametrize("engine", ["structured", "highs"])
def test_what_was_reached_is_kept_where_nobody_who_rises_is_stopped(engine):
    """The first job and the third share one worker: the first lost half of it to the third, as the price was no one's who rose."""
    speeds = [[0.0, 2.0, 0.0], [2.0, 2.0, 4.0], [0.0, 2.0, 0.0], [3.0, 2.0, 0.0], [3.0, 3.0, 1.0]]
    state = ClusterState(
        ("v100", "p100", "k80"),
        np.array([4, 1, 4]),
        ThroughputTable(np.array(speeds), None, 0),
        job=np.arange(5),
        key=np.arange(5),
        scale_factor=np.array([1, 2, 1, 1, 2]),
        weight=np.array([2.7, 1.3, 1.8, 2.6, 2.4]),
        steps_left=np.ones(5),
        age=np.zeros(5),
        entity=np.zeros(5, np.int64),
    )
    in_line = {"weights": [2.72916095727715], "within": "fifo"}
    x = Driver(make_policy(PERF, entities=in_line), engine).allocate(state).x
    assert x.max(axis=1) == pytest.approx([1.0, 1.0, 0.0, 1.0, 1.0])


def test_with_workers_to_spare_everybody_runs_where_it_is_fastest():
    """Max-min fairness would stop at the level of the slowest."""
    state = cluster(JOB_TYPES[::5], workers=(6, 6, 6))
    share = state.workers / state.workers.sum()
    rate = state.throughputs.alone[state.key]
    best = rate.max(axis=1) / (rate @ share)
    assert best.max() > 1.2 * best.min()
    np.testing.assert_allclose(levels(state, allocate(state)), best, rtol=1e-6)


def test_no_job_can_rise_without_a_lower_one_falling():
    """The definition of the lexicographic optimum, checked by a program for each job."""
    draws = np.random.default_rng(5)
    for _ in range(3):
        names = [JOB_TYPES[i] for i in draws.integers(0, 26, 6)]
        state = cluster(names, weight=draws.choice([1.0, 5.0], 6))
        allocation = allocate(state)
        rate = state.throughputs.alone[state.key]
        unit = (rate @ (state.workers / state.workers.sum())) * state.weight
        level = (rate * allocation.x).sum(axis=1) / unit
        for i in range(6):
            rows, bounds = [], []
            for m in range(6):
                time = np.zeros((6, 3))
                time[m] = 1.0
                rows.append(time.ravel())
                bounds.append(1.0)
                if m != i and level[m] <= level[i] * (1 + 1e-6):
                    keep = np.zeros((6, 3))
                    keep[m] = -rate[m] / unit[m]
                    rows.append(keep.ravel())
                    bounds.append(-level[m] * (1 - 1e-7))
            for j in range(3):
                use = np.zeros((6, 3))
                use[:, j] = 1.0
                rows.append(use.ravel())
                bounds.append(state.workers[j])
            most = np.zeros((6, 3))
            most[i] = -rate[i] / unit[i]
            best = -linprog(most.ravel(), A_ub=np.array(rows), b_ub=bounds).fun
            assert best <= level[i] * (1 + 1e-5)


def uneven(seed, jobs, load):
    """Jobs of which no two are alike, with workers for that part of them."""
    draws = np.random.default_rng(seed)
    state = Drawn("distinct", jobs, seed).now
    workers = max(1, round(load * int(state.scale_factor.sum()) / 3))
    weight = draws.uniform(0.5, 3.0, jobs)
    return replace(state, workers=np.full(3, workers), weight=weight)


def by_programs(state):
    """Levels, found one stop after the other on the whole program, with no limit known beforehand."""
    blocks = fairness_program(state, group_by_key(state, "perf", True), "perf", True).blocks
    jobs = state.job.size
    single = np.arange(jobs * 3).reshape(jobs, 3)
    whole = np.zeros((2 * jobs + 3, jobs * 3 + 1))
    level = np.full(jobs, -1.0)
    for job in range(jobs):
        whole[job, single[job]] = -blocks.rate[job]
        whole[jobs + job, single[job]] = 1.0
        whole[2 * jobs + np.arange(3), single[job]] = blocks.use[job]
    while (level < 0.0).any():
        rising = level < 0.0
        whole[:jobs, -1] = rising
        floor = np.where(rising, 0.0, -level * (1.0 - 1e-9))
        found = linprog(
            np.append(np.zeros(jobs * 3), -1.0),
            A_ub=whole,
            b_ub=np.concatenate([floor, np.ones(jobs), blocks.workers]),
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )
        level[rising & (found.ineqlin.marginals[:jobs] < -1e-7)] = -found.fun
    return level


@pytest.fixture
def no_stages(monkeypatch):
    """Programs one by one, where prices of worker types alone would do (``test_levels_in_stages.py``)."""
    monkeypatch.setattr(water_filling_alone, "levels_by_prices", lambda program: None)


@pytest.mark.usefixtures("no_stages")
@pytest.mark.parametrize("engine", ["structured", "highs"])
@pytest.mark.parametrize("load", [0.5, 0.8, 1.0, 1.2, 2.0])
def test_who_is_left_after_a_stop_goes_on_without_the_workers_that_have_a_price(load, engine):
    """As many stops as there are types at most, where each job was stopped by itself: the levels of one program a stop."""
    state = uneven(7, 60, load)
    driver = Driver(make_policy(PERF), engine)
    allocation = driver.allocate(state)
    blocks = fairness_program(state, group_by_key(state, "perf", True), "perf", True).blocks
    found = (blocks.rate * allocation.x).sum(axis=1)
    np.testing.assert_allclose(found, by_programs(state), rtol=1e-6)
    assert driver.tally.programs <= 16
    assert driver.tally.fallbacks == 0


def of_six_types(seed):
    """60 jobs of weights two orders apart, on worker types that stop them at prices five apart."""
    draws = np.random.default_rng(seed)
    state = Drawn("distinct", 60, seed).now
    base = state.throughputs.alone
    alone = base[:, draws.integers(0, 3, 6)] * draws.uniform(0.7, 1.4, (base.shape[0], 6))
    workers = int(state.scale_factor.sum() * draws.uniform(0.8, 2.0))
    return replace(
        state,
        worker_types=tuple(f"type{j}" for j in range(6)),
        workers=draws.multinomial(workers, np.full(6, 1.0 / 6.0)),
        prices=None,
        throughputs=replace(state.throughputs, alone=alone, paired=None, reference=0),
        weight=10.0 ** draws.uniform(-1.0, 1.0, 60),
    )


@pytest.mark.usefixtures("no_stages")
@pytest.mark.parametrize("seed", [3, 4, 21, 127])
def test_engines_that_are_less_precise_stop_the_same_jobs(seed):
    """What an engine misses of levels of before is no sign of workers, and its prices of who has more than asked for are none."""
    state = of_six_types(seed)
    right = throughput(state, Driver(make_policy(PERF), "structured").allocate(state))
    for engine, within in (("ecos", 2e-5), ("highs", 1e-8)):
        driver = Driver(make_policy(PERF), engine, tie_break="none", fallback=())
        found = throughput(state, driver.allocate(state))
        np.testing.assert_allclose(found, right, rtol=within, err_msg=engine)


@pytest.mark.parametrize("load", [0.5, 0.9, 1.5])
@pytest.mark.parametrize("within", ["fairness", "fifo"])
def test_entities_go_on_without_them_as_well(monkeypatch, within, load):
    """Who is next in a line was stopped by a program of its own: the same levels, in a fifth of the programs."""
    state = uneven(8, 60, load)
    state = replace(state, entity=np.arange(60) % 3)
    policy = make_policy(PERF, entities={"weights": [1.0, 2.0, 3.0], "within": within})
    driver = Driver(policy, "structured", fallback=())
    found = throughput(state, driver.allocate(state))
    monkeypatch.setattr(
        water_filling, "_without_priced", lambda scarce, dearest, limit, level, blocks: limit
    )
    plain = Driver(policy, "structured", fallback=())
    one_by_one = throughput(state, plain.allocate(state))
    np.testing.assert_allclose(found, one_by_one, rtol=1e-6, atol=1e-9 * one_by_one.max())
    assert driver.tally.programs <= 30
    if within == "fifo" and load < 1.0:
        assert plain.tally.programs > 5 * driver.tally.programs


def crowded():
    """50 jobs on so many workers that some reach their limits and others do not."""
    run = next(run for run in sample() if run.name == "static50-max_min_fairness_packed")
    state = run.events[0].state
    return replace(state, workers=state.workers * 2 // 3)


def test_limits_of_jobs_take_no_programs_of_their_own():
    """50 jobs on 108 workers, in pairs: each runs where it is fastest, on 30 levels."""
    run = next(run for run in sample() if run.name == "static50-max_min_fairness_packed")
    policy = make_policy("max_min_fairness_water_filling_packed")
    driver = Driver(policy, "structured", fallback=())
    driver.allocate(run.events[0].state)
    assert driver.tally.programs == 1
    assert driver.tally.max_relative_gap < 1e-9


def hierarchies(jobs, seed=0):
    """Successive states of figure 14: each time one job has left and another one has come."""
    state, more = figure_14(jobs, seed, True), figure_14(jobs + 3, seed + 1000, True)
    for place in range(3):
        yield state
        state = one_replaced(state, more, place)


def throughput(state, allocation):
    """Steps per second of each job, alone and in pairs."""
    table, place = state.throughputs, {int(job): i for i, job in enumerate(state.job)}
    total = (table.alone[state.key] * allocation.x).sum(axis=1)
    for pair, share in zip(allocation.pair.tolist(), allocation.pair_x, strict=True):
        one, two = (place[job] for job in pair)
        both = (table.paired[state.key[one], state.key[two]] * share).sum(axis=1)
        total[one], total[two] = total[one] + both[0], total[two] + both[1]
    return total


ENTITIES = {"weights": [1.0, 2.0, 3.0, 1.0, 2.0], "within": "fairness"}


@pytest.mark.parametrize("seed", [0, 1])
def test_hierarchies_of_pairs_ask_for_a_time_where_levels_rise_evenly(monkeypatch, seed):
    """The same levels as by asking for levels alone, in fewer programs, and the same bits from any start.

    Program by program: so many groups are found at once otherwise.
    """
    monkeypatch.setattr(water_filling_pairs, "ordered_levels", lambda *_: None)
    policy = make_policy("max_min_fairness_water_filling_packed", entities=ENTITIES)
    driver = Driver(policy, "structured", fallback=())
    for state in hierarchies(60, seed):
        found = driver.allocate(state)
        fresh = Driver(policy, "structured", fallback=()).allocate(state)
        assert found.x.tobytes() == fresh.x.tobytes()
        assert found.pair_x.tobytes() == fresh.pair_x.tobytes()
    with monkeypatch.context() as patch:
        patch.setattr(water_filling, "_NEAR", 2.0)
        before = driver.tally.programs
        plain = Driver(policy, "structured", fallback=())
        for state in hierarchies(60, seed):
            found = plain.allocate(state)
    assert before < plain.tally.programs
    np.testing.assert_allclose(throughput(state, fresh), throughput(state, found), rtol=1e-9)


@pytest.mark.usefixtures("no_stages")
@pytest.mark.parametrize("missing", [5e-12, 1e-7])
def test_what_an_engine_misses_does_not_add_up(missing):
    """Every answer is too small by that part; the levels are no further off than one is."""
    state = crowded()
    policy = make_policy("max_min_fairness_water_filling_perf")
    driver = Driver(policy, "highs", tie_break="none")
    right = np.sort(levels(state, driver.allocate(state)))
    programs = policy.programs(state, True)
    program, many = next(programs), 1
    while True:
        answer = driver.solve(program)
        short = replace(answer, x=answer.x * (1.0 - missing), level=answer.level * (1.0 - missing))
        try:
            program, many = programs.send(short), many + 1
        except StopIteration as done:
            found = np.sort(levels(state, done.value))
            break
    assert 2 <= many < 30
    np.testing.assert_allclose(found, right, rtol=20.0 * missing + 1e-9)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": [1, 0]}, "weight of entity 1"),
        ({"weights": {"a": 1}}, "entity number"),
        ({"weights": [1], "within": "lifo"}, "fifo"),
        ({"wieghts": [1]}, "weights"),
    ],
)
def test_bad_settings_say_what_was_expected(settings, words):
    with pytest.raises(InputError, match=words):
        make_policy(PERF, entities=settings)


def test_other_policies_say_that_they_take_no_entities():
    with pytest.raises(InputError, match="'fifo' takes no entities"):
        make_policy("fifo", entities={"weights": [1, 2]})


def test_nothing_is_earlier_than_the_start():
    """A bound that is met at once left no time to look at: 512 jobs ended in a traceback."""
    level = np.array([1.0, 1.0])
    line = Line.fair(np.arange(2), level, np.array([2.0, 3.0]), np.ones(2), 1.0)
    assert Rising(level, [line]).when(np.ones(2), 2.5, 0.0) == 0.0


@pytest.mark.parametrize(("late", "asks"), [(1e-11, False), (1e-6, True)])
def test_who_has_hardly_begun_asks_for_nothing(late, asks):
    """In a line the next begins where the one before is at its limit; what rounding gives it would be a row of 1e11."""
    line = Line.in_turn(np.arange(2), np.zeros(2), np.array([1.0, 2.0]), np.ones(2), 1.0)
    assert line.levels(1.0 + 2.0 * late)[1] == pytest.approx(2.0 * late if asks else 0.0, rel=1e-6)
    assert line.levels(1.0)[0] == 1.0


def test_jobs_that_are_fastest_beside_another_are_not_asked_for_at_their_limits():
    """Which takes a partner whom others need: asked how long the others can rise, all engines said infeasible."""
    packed = "max_min_fairness_water_filling_packed"
    walk = states("distinct", 10, seed=81)
    for state in [next(walk) for _ in range(5)][3:]:
        ours = Driver(make_policy(packed))
        found, theirs = ours.allocate(state), Driver(make_policy(packed), "highs").allocate(state)
        assert not ours.tally.fallbacks
        assert found.x.tobytes() == theirs.x.tobytes()
        assert found.pair_x.tobytes() == theirs.pair_x.tobytes()


def far_apart(slow):
    """Four jobs that get next to nothing from the first type and use it all the same; two that run on it alone, and reach more."""
    speeds = [[slow, 1.0]] * 4 + [[1.0, 0.0]] * 2
    return ClusterState(
        ("a", "c"),
        np.array([3, 2]),
        ThroughputTable(np.array(speeds), None),
        job=np.arange(6),
        key=np.arange(6),
        scale_factor=np.ones(6, np.int64),
        weight=np.array([1.0, 2.0, 3.0, 4.0, 0.01, 0.02]),
        steps_left=np.ones(6),
        age=np.zeros(6),
        entity=np.zeros(6, np.int64),
    )


@pytest.mark.parametrize("slow", [1e-4, 1e-6, 1e-7, 1e-8])
@pytest.mark.parametrize("engine", ["structured", "highs", "ecos", "ortools"])
def test_who_is_worth_next_to_nothing_beside_others_is_stopped_where_it_should_be(slow, engine):
    """The levels of the last two are so little of what all levels are worth that no part of all levels told of theirs: they had all of their time."""
    policy = make_policy(PERF, entities={"weights": [1.0]})  # which are asked for by programs
    x = Driver(policy, engine).allocate(far_apart(slow)).x
    level = np.array([1.0, 2.0, 3.0, 4.0])
    height = (2.0 + 2.0 * slow) / level.sum()  # c is used up, and all of the time
    on_c = (height * level - slow) / (1.0 - slow)
    np.testing.assert_allclose(x[:4], np.column_stack([1.0 - on_c, on_c]), atol=1e-9)
    np.testing.assert_allclose(x[4:, 0], [1.0 / 3.0, 2.0 / 3.0], rtol=1e-7)


def test_levels_that_no_engine_proves_so_closely_are_asked_for_more_loosely(monkeypatch):
    """And in the end as all others are."""
    asked = []
    answer = Driver.solve

    def refuses(driver, program):
        firm = program.floor.max() > 0.0
        asked.append(firm)
        if firm and asked.count(True) <= refused:
            raise SolveFailed("not proven")
        return answer(driver, program)

    monkeypatch.setattr(Driver, "solve", refuses)
    for refused in (1, 2, 10):
        asked.clear()
        policy = make_policy(PERF, entities={"weights": [1.0]})
        x = Driver(policy, "structured").allocate(far_apart(1e-6)).x
        assert asked.count(True) > min(refused, 3)
        np.testing.assert_allclose(x[4:, 0], [1.0 / 3.0, 2.0 / 3.0], rtol=1e-2)
        asked.clear()
        prices = prices_of(make_config(policy=PERF, entities="1", jobs=6), {}, far_apart(1e-6))
        assert prices is not None  # whoever explains the shares asks as they were asked for
        assert asked.count(True) > min(refused, 3)
