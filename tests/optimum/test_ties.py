"""Which optimum: unique, blind to order and grouping, the same bits from every engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import KINDS, highs, max_min, with_pairs
from scipy.optimize import brentq

from gavel_opt import (
    ClusterState,
    Driver,
    SolveFailed,
    Status,
    ThroughputTable,
    make_policy,
    solve,
)
from gavel_opt.engines.highs import Highs
from gavel_opt.model.allocation_program import (
    Allocation,
    AllocationProgram,
    Answer,
    Blocks,
    FinishTimeProgram,
    PairBlocks,
)
from gavel_opt.model.groups import expand
from gavel_opt.model.lowering import lower
from gavel_opt.model.solution import Certificate
from gavel_opt.solver import optimum as module
from gavel_opt.solver.optimum import optimum
from gavel_opt.solver.total_worth import gain_of, total_worth
from gavel_opt.tie_breaking import TRACE, choose

seeds = st.integers(0, 2**31)


def test_the_centre_is_where_calculus_says():
    """One job, equally fast on 1 worker of one type and 3 of another: log x (1-x) y (3-y)."""
    blocks = Blocks(np.ones((1, 2)), np.ones(1), np.ones(1, np.int64), np.array([1.0, 3.0]))
    answer, _, _ = optimum(AllocationProgram(blocks, np.ones(1), np.zeros(1)), "canonical")
    y = brentq(lambda y: -1 / (1 - y) + 2 / y - 1 / (3 - y), 0.1, 0.9, xtol=1e-15)
    np.testing.assert_allclose(answer.x, [[1 - y, y]], rtol=1e-10)


@pytest.mark.parametrize("tie_break", ["canonical", "efficient"])
@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=seeds)
def test_grouped_and_ungrouped_are_the_same_point(tie_break, seed):
    program = max_min(seed)
    grouped = optimum(program, tie_break)[0]
    alone = optimum(expand(program), tie_break)[0]
    np.testing.assert_allclose(alone.x, grouped.x[program.blocks.of_job], rtol=0, atol=1e-8)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=seeds)
def test_grouped_and_ungrouped_pairs_are_the_same_point(seed):
    program = with_pairs(max_min(seed, groups=6), seed)
    grouped = optimum(program, "canonical")[0]
    full = expand(program)
    alone = optimum(full, "canonical")[0]
    of_job, groups = program.blocks.of_job, program.blocks.groups
    np.testing.assert_allclose(alone.x[: of_job.size], grouped.x[:groups][of_job], atol=1e-7)
    total = np.zeros((program.blocks.pairs.use.size, 3))
    place = {tuple(pair): i for i, pair in enumerate(program.blocks.pairs.member.tolist())}
    for (i, k), y in zip(full.blocks.pairs.member, alone.x[of_job.size :], strict=True):
        pair = tuple(sorted((int(of_job[i]), int(of_job[k]))))
        total[place[pair]] += y
    np.testing.assert_allclose(total, grouped.x[groups:], atol=1e-6)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=seeds)
def test_order_does_not_matter(seed):
    program = max_min(seed)
    blocks = program.blocks
    order = np.random.default_rng(seed).permutation(blocks.groups)
    shuffled = replace(
        program,
        blocks=replace(
            blocks, rate=blocks.rate[order], use=blocks.use[order], count=blocks.count[order]
        ),
    )
    for tie_break in ("canonical", "efficient"):
        expected = optimum(program, tie_break)[0].x[order]
        np.testing.assert_allclose(optimum(shuffled, tie_break)[0].x, expected, rtol=0, atol=1e-9)


def _state(order):
    rng = np.random.default_rng(0)
    alone = rng.uniform(1.0, 20.0, (8, 3))
    jobs = 30
    key, scale = rng.integers(0, 8, jobs), rng.choice([1, 2, 4], jobs)
    steps, age = 10 ** rng.uniform(4, 6, jobs), rng.uniform(0, 1e5, jobs)
    return ClusterState(
        ("k80", "p100", "v100"),
        np.array([8, 8, 8]),
        ThroughputTable(alone, None, 2),
        np.arange(jobs),
        key[order],
        scale[order],
        rng.choice([1.0, 5.0], jobs)[order],
        steps[order],
        age[order],
    )


def test_the_order_of_jobs_does_not_change_a_bit():
    order = np.random.default_rng(1).permutation(30)
    driver = Driver(make_policy("max_min_fairness_perf"))
    straight = driver.allocate(_state(np.arange(30))).x
    shuffled = driver.allocate(_state(order)).x
    assert shuffled.tobytes() == straight[order].tobytes()


@pytest.mark.parametrize("tie_break", ["canonical", "efficient"])
@pytest.mark.parametrize(
    "policy",
    [
        "max_min_fairness",
        "max_min_fairness_perf",
        "max_min_fairness_water_filling_perf",
        "finish_time_fairness_perf",
        "min_total_duration_perf",
        "max_sum_throughput_perf",
    ],
)
def test_engines_give_the_same_bits(policy, tie_break):
    state = _state(np.arange(30))
    expected = Driver(make_policy(policy), "structured", tie_break=tie_break).allocate(state)
    for engine in ("highs", "ortools", "ecos"):
        driver = Driver(make_policy(policy), engine, tie_break=tie_break)
        assert driver.allocate(state).x.tobytes() == expected.x.tobytes(), engine


@pytest.mark.parametrize("kind", [k for k in KINDS if "sum" not in k])
def test_efficient_keeps_the_level_and_gains(kind):
    gained = 0
    for seed in range(8):
        program = KINDS[kind](seed)
        canonical, _, _ = optimum(program, "canonical")
        efficient, certificate, _ = optimum(program, "efficient")
        assert certificate.within(1e-10)
        assert efficient.level == canonical.level
        worth = _worth(program, efficient), _worth(program, canonical)
        assert worth[0] >= worth[1] * (1.0 - 1e-10)
        gained += worth[0] > worth[1] * (1.0 + 1e-6)
    assert gained or kind in ("water filling", "plain")


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=seeds)
def test_efficient_has_the_largest_total(seed):
    """Against a second program on HiGHS, with the level given away by a millionth of a millionth."""
    program = max_min(seed)
    answer, _, _ = optimum(program, "efficient")
    total = total_worth(program, answer.level, give=1e-10)
    assert _worth(program, answer) == pytest.approx(highs(total).objective, rel=1e-7)


@pytest.mark.parametrize(
    ("rates", "workers", "best"),
    [
        ([[2.0, 5.0]], [6.0, 1.0], [[0.0, 1.0]]),  # all is tight: the face is a point
        ([[8.0]], [1.0], [[1.0]]),
        (  # the first job takes all of the last type, where three of the others would be faster
            [
                *([0.24, 1.0, 1.69], [2.7, 10.1, 9.6], [2.6, 9.7, 9.3]),
                *([10.0, 15.0, 6.6], [16.0, 51.0, 55.0], [8.5, 29.0, 39.0]),
            ],
            [1.0, 10.0, 1.0],
            [[0.0, 0.0, 1.0], *[[0.0, 1.0, 0.0]] * 5],
        ),
    ],
)
def test_who_decides_the_level_may_take_all_workers_of_a_type(rates, workers, best):
    rate = np.array(rates)
    groups = len(rate)
    blocks = Blocks(rate, np.ones(groups), np.ones(groups, np.int64), np.array(workers))
    program = AllocationProgram(
        blocks, np.ones(groups), np.zeros(groups), gain=1.0 / rate.max(axis=1)
    )
    answer, certificate, _ = optimum(program, "efficient")
    assert certificate.within(1e-9)
    np.testing.assert_allclose(answer.x, best, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", [k for k in KINDS if "sum" not in k])
def test_the_largest_total_is_proved_beyond_the_face(kind):
    """Its proof holds for all allocations with the levels reached, whatever face was searched."""
    proofs = [optimum(KINDS[kind](seed), "efficient")[0].worth_proof for seed in range(8)]
    proofs = [max(proof) for proof in proofs if proof is not None]
    assert proofs
    assert max(proofs) < (1e-6 if kind == "water filling" else 1e-10)


def test_a_face_too_small_for_the_largest_total_is_found_out(monkeypatch):
    """One share that is large in the efficient optimum is taken from the centre that the search starts at."""
    search, found_out = module._by_path, 0
    for seed in range(60):
        program = max_min(seed)
        right = optimum(program, "efficient")[0]

        def spoiled(program, gain, centre, right=right):
            x, level, level_dual = centre
            if not x.size:
                return search(program, gain, centre)
            blocks = program.blocks
            left = (blocks.rate * x).sum(axis=1)[:, None] - blocks.rate * x
            rest = (left > 1.01 * level) & (level_dual == 0.0)[:, None]
            x = np.where(rest & (right.x - x == np.where(rest, right.x - x, -1.0).max()), 0.0, x)
            return search(program, gain, (x, level, level_dual))

        monkeypatch.setattr(module, "_by_path", spoiled)
        wrong, certificate, _ = optimum(program, "efficient")
        monkeypatch.undo()
        lost = 1.0 - _worth(program, wrong) / _worth(program, right)
        if wrong.worth_proof is None or not certificate.within(1e-9) or lost < 1e-5:
            continue
        assert max(wrong.worth_proof) > 0.4 * lost
        found_out += 1
        found = wrong, certificate, 1
        monkeypatch.setattr(module, "optimum", lambda *_, found=found: found)
        mended = choose(program, wrong, "efficient")
        monkeypatch.undo()
        assert _worth(program, mended) == pytest.approx(_worth(program, right), rel=1e-7)
    assert found_out > 5


@pytest.mark.parametrize("workers", [2, 8, 400])
def test_the_efficient_optimum_leaves_a_trace_of_every_type(workers):
    """In proportion to speed, so that workers left over go where they are fast; plain policies know no speeds."""
    state = replace(_state(np.arange(30)), workers=np.full(3, workers))
    state.scale_factor = np.minimum(state.scale_factor, workers)  # wider jobs run nowhere
    rate = state.throughputs.alone[state.key]
    trace = TRACE * rate / rate.max(axis=1, keepdims=True)

    def shares(policy, tie_break):
        return Driver(make_policy(policy), tie_break=tie_break).allocate(state).x

    for policy in ("max_min_fairness_perf", "finish_time_fairness_perf", "min_total_duration_perf"):
        x = shares(policy, "efficient")
        assert (x >= trace).all(), policy
        assert (x == trace).any(), policy
    nothing = Allocation(state.job, np.zeros(rate.shape))
    plain = Driver(make_policy("max_min_fairness"), tie_break="efficient")
    assert not plain._leave_traces(nothing, state).x.any()
    assert not (shares("max_min_fairness_perf", "canonical") == trace).any()


def test_a_largest_total_without_a_proof_is_refused(monkeypatch):
    state = _state(np.arange(30))
    settings = {"fallback": ["highs"], "tie_break": "efficient"}
    expected = Driver(make_policy("max_min_fairness_perf"), "structured", **settings).allocate(
        state
    )

    def unproved(*arguments):
        answer, certificate, iterations = optimum(*arguments)
        return replace(answer, worth_proof=(0.0, 0.0, 1e-3)), certificate, iterations

    monkeypatch.setattr("gavel_opt.engines.structured.optimum", unproved)
    driver = Driver(make_policy("max_min_fairness_perf"), "structured", **settings)
    assert driver.allocate(state).x.tobytes() == expected.x.tobytes()
    assert driver.tally.refusals == {"structured: imprecise in the total worth": 1}


def _worth(program, answer):
    blocks = program.blocks
    gain = blocks.count * gain_of(program)
    groups = blocks.groups
    total = gain @ (blocks.rate * answer.x[:groups]).sum(axis=1)
    if blocks.pairs is not None:
        for side in (0, 1):
            part = (blocks.pairs.rate[:, side] * answer.x[groups:]).sum(axis=1)
            total += (gain[blocks.pairs.member[:, side]] * blocks.pairs.share[:, side]) @ part
    return total


def test_an_engine_with_another_objective_is_found_out():
    program = max_min(1)
    wrong = Answer(np.zeros((1, 3)), 1.0001 * highs(program).objective, 0.0, np.zeros(1), None)
    with pytest.raises(SolveFailed, match="wrong"):
        choose(program, wrong, "canonical")


class Rough(Highs):
    """HiGHS, whose shares are short by a little more than an objective may be off."""

    name = "rough"

    def solve_blocks(self, program, options):
        solution, answer = super().solve_blocks(program, options)
        return solution, replace(answer, x=answer.x * (1.0 - 2e-6))


def test_an_answer_with_another_objective_is_found_elsewhere():
    """Within the tolerance that was asked for, and still not within 1e-6."""
    state, loose = _state(np.arange(30)), {"tolerance": 1e-5}
    expected = Driver(make_policy("max_min_fairness_perf")).allocate(state)
    driver = Driver(make_policy("max_min_fairness_perf"), Rough(), fallback=["highs"], **loose)
    assert driver.allocate(state).x.tobytes() == expected.x.tobytes()
    assert driver.tally.fallbacks == 1
    (refusal,) = driver.tally.refusals
    assert refusal.startswith("rough: not the tie-break's objective to 1e-06")
    with pytest.raises(SolveFailed, match="one of them is wrong") as failed:
        Driver(make_policy("max_min_fairness_perf"), Rough(), fallback=[], **loose).allocate(state)
    assert solve(failed.value.program).status is Status.OPTIMAL


@pytest.mark.parametrize("tie_break", ["canonical", "efficient"])
@pytest.mark.parametrize("kind", ["max-min", "finish time", "max-min packed"])
def test_without_a_proof_the_simplex_answers(kind, tie_break, monkeypatch):
    program = KINDS[kind](1)
    proved = optimum(program, tie_break)[0]

    def unproved(program, tie_break):
        return proved, Certificate(0.0, 0.0, 1e-3), 1

    monkeypatch.setattr(module, "optimum", unproved)
    one, two = (choose(program, proved, tie_break) for _ in range(2))
    assert one.objective == pytest.approx(proved.objective, rel=1e-9)
    assert one.x.tobytes() == two.x.tobytes() != proved.x.tobytes()
    if tie_break == "efficient":
        assert _worth(program, one) == pytest.approx(_worth(program, proved), rel=1e-7)


def one_sets_the_ratio(seed):
    """Jobs equally fast in pairs, on four workers, with times left over six orders of magnitude: most need next to nothing."""
    rng = np.random.default_rng(seed)
    jobs = int(rng.integers(3, 9))
    rate = np.repeat([[1.56, 1.41]], jobs, axis=0)
    rate *= 1 if rng.random() < 0.5 else rng.uniform(0.5, 2.0, (jobs, 1))
    one, two = np.triu_indices(jobs, 1)
    pairs = PairBlocks(
        np.stack([one, two], axis=1),
        np.stack([rate[one], rate[two]], axis=1) * rng.uniform(0.3, 0.9),
        np.ones((one.size, 2)),
        np.ones(one.size),
    )
    blocks = Blocks(rate, np.ones(jobs), np.ones(jobs, np.int64), np.array([2.0, 2.0]), pairs)
    steps, solo = 10.0 ** rng.uniform(-3.0, 3.0, jobs), rate @ [0.25, 0.25]
    age = 10.0 ** rng.uniform(0.0, 4.5, jobs)
    return FinishTimeProgram(blocks, age, steps, 1e5 * steps / solo, gain=1.0 / solo)


def test_where_the_face_was_lost_nothing_is_called_efficient():
    """A path that was lost left no face, and what it had was taken for all that can be had: down to half of it."""
    proven = 0
    for seed in range(120):
        program = one_sets_the_ratio(seed)
        answer, certificate, _ = optimum(program, "efficient")
        worth = answer.worth_proof
        if not certificate.within(1e-9) or (worth and not Certificate(*worth).within(1e-6)):
            continue  # refused
        proven += 1
        assert program.gain is not None
        found = float(program.blocks.levels(answer.x) @ program.gain)
        most = Highs().solve(lower(total_worth(program, answer.level, give=1e-10))).objective
        assert found >= most * (1.0 - 1e-6), seed
    assert proven > 100
