"""The largest product of levels: against another solver, its own conditions, and itself without groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_at_once import cluster, with_room

from gavel_opt import Driver, SolveFailed, make_engine, make_policy
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.records import plain
from gavel_opt.model.allocation_program import Blocks, ProductProgram
from gavel_opt.model.cluster_state import StandingState
from gavel_opt.model.solution import Status
from gavel_opt.solver.one_step import max_min_terms
from gavel_opt.solver.optimum import PROVED
from gavel_opt.solver.product_optimum import product_optimum
from gavel_opt.solver.strategy_proof import strategy_proof_shares
from gavel_opt.tie_breaking import choose_product

NAME = "max_min_fairness_strategy_proof"
KINDS = ("any", "zeros", "small numbers", "proportional", "equal", "magnitudes", "alike")
seeds, kinds = st.integers(0, 10**6), st.sampled_from(KINDS)


def program(seed, kind="any", groups=None, load=None):
    """Groups of a few jobs each, on a cluster from idle to crowded; odd ones by kind."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    groups, types = groups or int(rng.integers(1, 16)), int(rng.choice([1, 2, 3, 3, 3, 5, 12]))
    rate = rng.uniform(0.5, 1.5, (groups, 1)) * rng.uniform(0.2, 5.0, (groups, types))
    if kind == "zeros":
        rate[rng.random(rate.shape) < 0.3] = 0.0
        rate[np.arange(groups), rng.integers(0, types, groups)] += 0.3
    elif kind == "small numbers":
        rate = rng.integers(1, 4, rate.shape).astype(np.float64)
    elif kind == "proportional":
        rate = rng.uniform(0.5, 2.0, (groups, 1)) * rng.uniform(0.5, 5.0, (1, types))
    elif kind == "equal":
        rate[:] = 1.0
    elif kind == "magnitudes":
        rate = 10.0 ** rng.uniform(-3.0, 3.0, rate.shape)
    elif kind == "alike":
        rate = rate[rng.integers(0, groups, groups)]
    count = rng.integers(1, rng.choice([2, 8]), groups)
    use = count * (2.0 ** rng.integers(0, rng.choice([1, 4]), groups))
    workers = np.round(
        rng.uniform(0.3, 1.5, types) * use.sum() / types / (load or rng.choice([0.3, 1.0, 5.0]))
    )
    if rng.random() < 0.1:  # exactly as many as there is work for
        workers = np.full(types, use.sum() / types)
    return ProductProgram(Blocks(rate, use, count, np.maximum(1.0, workers)))


def unmerged(blocks):
    of_job = np.repeat(np.arange(blocks.groups), blocks.count)
    use = (blocks.use / blocks.count)[of_job]
    return of_job, Blocks(blocks.rate[of_job], use, np.ones(of_job.size, np.int64), blocks.workers)


def worst_condition(blocks, answer):
    """How far levels are from what the prices alone make each group choose, relatively."""
    scale, level = blocks.use / blocks.count, blocks.levels(answer.x)
    cost, wrong = scale[:, None] * answer.capacity_dual, 0.0
    for g in range(blocks.groups):
        rate = blocks.rate[g]
        runs = answer.x[g] > 1e-9
        time = max(0.0, (rate[runs] / level[g] - cost[g, runs]).min())
        worth = rate / level[g] - cost[g] - time
        wrong = max(wrong, worth.max(), np.abs(worth[runs]).max(), time * (1.0 - answer.x[g].sum()))
    used, _ = blocks.demand(answer.x)
    left = answer.capacity_dual * (blocks.workers - used)
    return max(wrong, left.max() / blocks.count.sum())


@settings(max_examples=150, deadline=None, derandomize=True)
@given(seeds, kinds)
def test_all_conditions_of_the_optimum_hold(seed, kind):
    given_program = program(seed, kind)
    blocks = given_program.blocks
    answer, certificate = product_optimum(given_program)
    assert certificate.within(1e-11)
    assert worst_condition(blocks, answer) <= 1e-10
    used, time = blocks.demand(answer.x)
    assert answer.x.min() >= 0.0
    assert (used <= blocks.workers * (1.0 + 1e-11)).all()
    assert time.max() <= 1.0 + 1e-11


@settings(max_examples=80, deadline=None, derandomize=True)
@given(seeds, kinds)
def test_jobs_on_their_own_get_what_their_group_gets(seed, kind):
    """Shares too, of which there may be many that are as good: to what the canonical optimum promises."""
    given_program = program(seed, kind, groups=4 + seed % 5)
    of_job, blocks = unmerged(given_program.blocks)
    grouped, alone = product_optimum(given_program)[0], product_optimum(ProductProgram(blocks))[0]
    level = given_program.blocks.levels(grouped.x)[of_job]
    np.testing.assert_allclose(blocks.levels(alone.x), level, rtol=1e-11)
    np.testing.assert_allclose(alone.x, grouped.x[of_job], atol=1e-8)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seeds, kinds)
def test_levels_do_not_depend_on_what_is_said_to_be_near(seed, kind):
    """Without a job, near the answer with it; and near one that has nothing to do with it."""
    given_program = program(seed, kind, groups=6)
    blocks = given_program.blocks
    whole = product_optimum(given_program)[0]
    count = blocks.count.copy()
    count[seed % 6] += 1
    more = replace(blocks, count=count, use=blocks.use / blocks.count * count)
    fresh = more.levels(product_optimum(ProductProgram(more))[0].x)
    swapped = whole.x[::-1].copy(), whole.capacity_dual[::-1].copy()
    for near in ((whole.x, whole.capacity_dual), swapped):
        answer, certificate = product_optimum(ProductProgram(more, near))
        assert certificate.within(1e-11)
        np.testing.assert_allclose(more.levels(answer.x), fresh, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_another_solver_finds(kind):
    """Exponential cones, where the baseline has second-order ones."""
    cp = pytest.importorskip("cvxpy")
    pytest.importorskip("clarabel")
    tight = {f"tol_{name}": 1e-11 for name in ("gap_abs", "gap_rel", "feas")}
    for seed in range(4):
        given_program = program(seed, kind)
        blocks = given_program.blocks
        x = cp.Variable(blocks.rate.shape, nonneg=True)
        best = blocks.rate.max(axis=1, keepdims=True)
        levels = cp.sum(cp.multiply(blocks.rate / best, x), axis=1)
        limits = [blocks.use @ x <= blocks.workers, cp.sum(x, axis=1) <= 1.0]
        total = blocks.count @ cp.log(levels) / blocks.count.sum()
        cp.Problem(cp.Maximize(total), limits).solve(solver=cp.CLARABEL, **tight)
        answer, _ = product_optimum(given_program)
        theirs = levels.value * best[:, 0]
        np.testing.assert_allclose(blocks.levels(answer.x), theirs, rtol=1e-5)
        mean = blocks.count @ np.log(blocks.levels(answer.x) / theirs) / blocks.count.sum()
        assert mean > -1e-9


def test_of_several_shares_it_has_the_centre():
    """Two jobs alike on two types alike, with half of their time to spare: by calculus."""
    blocks = Blocks(np.ones((1, 2)), np.array([2.0]), np.array([2]), np.array([0.5, 0.5]))
    x = product_optimum(ProductProgram(blocks))[0].x
    np.testing.assert_allclose(x, [[0.25, 0.25]], atol=1e-14)
    blocks = Blocks(np.ones((1, 2)), np.array([1.0]), np.array([1]), np.array([2.0, 9.0]))
    a, b = product_optimum(ProductProgram(blocks))[0].x[0]
    assert a + b == pytest.approx(1.0, abs=1e-14)
    # of log a + log b + log(2 - a) + log(9 - b), with a + b = 1
    assert 1 / a - 1 / (2 - a) == pytest.approx(1 / b - 1 / (9 - b), rel=1e-8)
    # time left on workers that give it nothing, beside half of a worker that is worth having
    blocks = Blocks(np.array([[1.0, 0.0]]), np.ones(1), np.ones(1, np.int64), np.array([0.5, 2.0]))
    a, b = product_optimum(ProductProgram(blocks))[0].x[0]
    assert a == pytest.approx(0.5, abs=1e-14)
    assert 1 / b == pytest.approx(0.7 / (0.5 - b) + 1 / (2 - b), rel=1e-8)


@pytest.mark.parametrize(
    ("rate", "workers"),
    [([[0.0, 0.0]], [1.0, 1.0]), ([[1.0, np.nan]], [1.0, 1.0]), ([[1.0, 2.0]], [0.0, 0.0])],
)
def test_what_has_no_answer_gets_none(rate, workers):
    blocks = Blocks(np.array(rate), np.ones(1), np.ones(1, np.int64), np.array(workers))
    solution, answer = make_engine("structured").solve_product(ProductProgram(blocks))
    assert solution.status is not Status.OPTIMAL
    assert answer is None


def test_rates_over_twelve_orders_of_magnitude_are_proved():
    """Where no exact point is found, a point of the path has its proof."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        rate = 10.0 ** rng.uniform(-6.0, 6.0, (rng.integers(1, 30), 3))
        count = rng.integers(1, 8, len(rate))
        workers = np.ceil(rng.uniform(0.3, 1.5, 3) * count.sum() / 3)
        blocks = Blocks(rate, count * 1.0, count, workers)
        answer, certificate = product_optimum(ProductProgram(blocks))
        assert certificate.within(1e-11)
        cheapest = answer.level_dual * blocks.levels(answer.x) / count
        np.testing.assert_allclose(cheapest, 1.0, atol=1e-7)


def test_an_answer_with_another_product_is_found_out():
    given_program = program(3)
    answer = product_optimum(given_program)[0]
    choose_product(given_program, answer)
    jobs = given_program.blocks.count.sum()
    with pytest.raises(SolveFailed, match="one of them is wrong"):
        choose_product(given_program, replace(answer, objective=answer.objective - 2e-6 * jobs))


@pytest.mark.parametrize("seed", range(3))
def test_engines_give_the_same_bits(seed):
    pytest.importorskip("cvxpy")
    pytest.importorskip("ecos")
    state = with_room(cluster(seed, jobs=9))
    ours, theirs = (Driver(make_policy(NAME), engine) for engine in ("structured", "cvxpy-rebuild"))
    expected = ours.allocate(state).x
    assert theirs.allocate(state).x.tobytes() == expected.tobytes()
    assert theirs.tally.tie_break > 0.0
    assert theirs.tally.fallbacks == 0
    own = Driver(make_policy(NAME), "cvxpy-rebuild", tie_break="none").allocate(state).x
    assert own.tobytes() != expected.tobytes()
    rate = state.throughputs.alone[state.key]
    np.testing.assert_allclose((rate * own).sum(axis=1), (rate * expected).sum(axis=1), rtol=1e-5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seeds, st.sampled_from([1, 2, 3, 4]))
def test_in_one_call_it_has_the_bits_of_its_programs(seed, types):
    driver = Driver(make_policy(NAME), "structured")
    for step in range(3):
        state = with_room(cluster(seed + step, types=types))
        jobs = state.job.size
        columns = JobColumns.with_room(jobs, types)
        for name in ("key", "scale_factor", "weight"):
            getattr(columns, name)[:] = getattr(state, name)
        columns.size[0] = jobs
        standing = StandingState(columns, state.throughputs, state.workers)
        programs = driver.tally.programs
        expected = driver.allocate(state).x
        call = make_engine("structured").standing_product_call(standing, (8, PROVED))
        terms = max_min_terms(8, False, "canonical", PROVED)
        assert call.given.terms[0] == np.array([terms], call.given.terms.dtype)[0]
        with np.errstate(all="ignore"):  # as kernels that are interpreted have it
            assert strategy_proof_shares.interpreted(plain(call.given))
        assert columns.shares.tobytes() == expected.tobytes()
        assert columns.proof[3] == driver.tally.programs - programs
        assert columns.proof[:3].max() <= PROVED
