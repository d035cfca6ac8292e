"""ECOS through cvxpy, through compiled cvxpy and directly: the reference's bits, and the quirks."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streams import programs, states

from gavel_opt import make_policy
from gavel_opt.engines.protocol import Options
from gavel_opt.engines.registry import make_engine
from gavel_opt.errors import InputError
from gavel_opt.model.allocation_program import AllocationProgram
from gavel_opt.model.certificate import certify
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.lowering import lower, rated_groups
from gavel_opt.model.solution import Status

pytest.importorskip("cvxpy")
pytest.importorskip("ecos")

from gavel_opt.engines import cvxpy_cached
from gavel_opt.engines.time_limit import run_with_limit
from gavel_opt.model.answers import allocation_answer

sys.path.append(str(Path(__file__).parents[1] / "policies"))
from recordings import GOLDEN, golden, policy_of, same, sample

LAYOUTS = ("cvxpy-rebuild", "ecos")
RECORDED = (
    "max_min_fairness",
    "max_min_fairness_perf",
    "max_min_fairness_packed",
    "finish_time_fairness",
    "finish_time_fairness_perf",
    "finish_time_fairness_packed",
    "max_sum_throughput_perf",
)
RUNS = [pytest.param(run, id=run.name) for run in sample() if run.policy in RECORDED]
FILES = [path for path in sorted(GOLDEN.glob("*.full.json.gz")) if policy_of(path) in RECORDED]


def unequal(policy_name, events, engine_name):
    """How many allocations differ from the recorded ones in any bit."""
    policy, engine = make_policy(policy_name), make_engine(engine_name)
    differing = 0
    for event in events:
        if not event.state.job.size:
            continue
        generator = policy.programs(event.state, False)
        program = next(generator)
        if event.answered:
            _, answer = engine.solve_blocks(program)
            with pytest.raises(StopIteration) as done:
                generator.send(answer)
            differing += not same(event, done.value.value)
    return differing


@pytest.mark.parametrize("engine", LAYOUTS)
@pytest.mark.parametrize("run", RUNS)
def test_recorded_allocations_to_the_last_bit(run, engine):
    assert unequal(run.policy, run.events, engine) == 0


@pytest.mark.slow
@pytest.mark.parametrize("path", [pytest.param(path, id=path.name[:-13]) for path in FILES])
def test_all_recordings_to_the_last_bit(path):
    assert unequal(policy_of(path), golden(path), "ecos") == 0


def test_both_layouts_hand_ecos_the_same_numbers():
    """Jobs that cannot run on a type, rewards, floors: the same bits from both."""
    first, second = (make_engine(name) for name in LAYOUTS)
    for program in programs(25, 4, merge=False):
        rate = program.blocks.rate.copy()
        none = np.full(rate.shape[0], -np.inf)
        rate[::5, 0] = 0.0
        program = replace(program, blocks=replace(program.blocks, rate=rate))
        throughput = AllocationProgram(program.blocks, np.zeros_like(none), none, rate)
        for case in (program, throughput):
            x = [engine.solve_blocks(case)[1].x for engine in (first, second)]
            assert (x[0] == x[1]).all()


@pytest.mark.parametrize("name", ["cvxpy-rebuild", "cvxpy-cached", "ecos"])
@pytest.mark.parametrize("case", ["level", "mixed", "reward", "reward and floors"])
def test_every_form_of_an_allocation_program(name, case):
    engine, exact = make_engine(name), make_engine("highs")
    draws = np.random.default_rng(3)
    for program in programs(30, 3, merge=True):
        size = program.blocks.groups
        if case == "mixed":
            slope = np.where(draws.random(size) < 0.5, draws.uniform(0.2, 1.0, size), 0.0)
            slope[0] = 1.0
            floor = np.where(draws.random(size) < 0.5, 0.01, np.where(slope > 0.0, 0.0, -np.inf))
            program = replace(program, slope=slope, floor=floor)
        elif case.startswith("reward"):
            asked = draws.random(size) < 0.5 if case.endswith("floors") else np.zeros(size, bool)
            program = replace(
                program,
                slope=np.zeros(size),
                floor=np.where(asked, 0.02, -np.inf),
                reward=draws.random((size, 3)),
            )
        solution, answer = engine.solve_blocks(program)
        expected = exact.solve(lower(program))
        assert solution.status is Status.OPTIMAL
        assert solution.certificate.within(1e-7)
        assert answer.objective == pytest.approx(expected.objective, rel=1e-7, abs=1e-8)


def finish_time_program(seed=0):
    """Contended: prices of workers matter, not one job alone."""
    state = next(states(40, 1, seed))
    return next(make_policy("finish_time_fairness_perf").programs(state, False))


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_bound_of_finish_time_fairness_is_one(name):
    """Below the proven ratio HiGHS finds no allocation; the answer's own ratio is possible."""
    for seed in range(4):
        program = finish_time_program(seed)
        solution, answer = make_engine(name).solve_blocks(program)
        gap = solution.certificate.relative_gap
        assert gap < 1e-5
        assert answer.capacity_dual.max() > 1e-3
        rho = answer.objective
        bound = (rho * (1.0 - gap) - gap) / (1.0 + gap)
        assert _best_level(program, bound * (1.0 - 1e-9)) <= 1.0 + 1e-9
        assert _best_level(program, rho) >= 1.0 - 1e-9


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_worse_answer_has_a_gap(name, monkeypatch):
    """The certificate judges the answer, not the solver's word."""
    module = sys.modules[type(make_engine(name)).__module__]
    honest = module.finish_time_answer

    def halved(program, x, *duals):
        return honest(program, 0.5 * x, *duals)

    monkeypatch.setattr(module, "finish_time_answer", halved)
    solution, _ = make_engine(name).solve_blocks(finish_time_program())
    assert solution.certificate.relative_gap > 1e-2


def _best_level(program, ratio):
    need = program.steps / (ratio * program.isolated - program.age)
    assert (need > 0.0).all()
    level = AllocationProgram(program.blocks, slope=need, floor=np.zeros(need.size))
    return make_engine("highs").solve(lower(level)).objective


@pytest.mark.parametrize("name", ["cvxpy-rebuild", "ecos"])
def test_infeasible_both_ways_is_infeasible(name):
    """ECOS calls it unbounded."""
    program = LinearProgram.build(
        [-1.0, -1.0, 0.0],
        [[1.0, -1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
        [-np.inf, 2.0, -np.inf],
        [1.0, np.inf, 1.0],
    )
    assert make_engine(name).solve(program).status is Status.INFEASIBLE


@pytest.mark.parametrize("name", ["cvxpy-rebuild", "cvxpy-cached", "ecos"])
def test_general_programs_with_every_kind_of_row(name):
    program = LinearProgram.build(
        [1.0, 2.0, -1.0, 0.5],
        [[1.0, 1.0, 1.0, 0.0], [1.0, -1.0, 0.0, 2.0], [0.0, 1.0, 1.0, 1.0]],
        [3.0, -2.0, -np.inf],
        [3.0, 2.0, 4.0],
        [0.0, -np.inf, 0.5, 1.0],
        [np.inf, 5.0, 0.5, np.inf],
    )
    solution = make_engine(name).solve(program)
    expected = make_engine("highs").solve(program)
    assert solution.objective == pytest.approx(expected.objective, abs=1e-7)
    assert certify(program, solution.x, solution.row_dual).within(1e-7)


@pytest.mark.parametrize("name", ["cvxpy-rebuild", "cvxpy-cached", "ecos"])
def test_time_limit(name):
    """ECOS knows none, so it is left alone when the time is up."""
    program = next(programs(400, 1, merge=False))
    engine = make_engine(name)
    for limit in (0.0, 1e-3):
        solution, answer = engine.solve_blocks(program, Options(time_limit=limit))
        assert solution.status is Status.TIME_LIMIT
        assert answer is None
    assert engine.solve_blocks(program, Options(time_limit=60.0))[0].status is Status.OPTIMAL


def test_a_failure_inside_the_limit_is_raised():
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run_with_limit(fail, 10.0)


def test_compiled_problems_are_hit():
    engine = make_engine("cvxpy-cached")
    baseline = make_engine("cvxpy-rebuild")
    reused = 0
    for program in programs(40, 30, merge=False):
        solution, answer = engine.solve_blocks(program)
        reused += solution.stats.reused
        _, expected = baseline.solve_blocks(program)
        assert answer.objective == pytest.approx(expected.objective, rel=1e-8)
        assert solution.certificate.within(1e-8)
    assert reused >= 27


def test_room_grows_in_steps_and_wastes_at_most_a_quarter():
    rooms = [cvxpy_cached.capacity_for(groups) for groups in range(1, 5000)]
    assert all(room >= groups for groups, room in enumerate(rooms, start=1))
    assert all(room <= 1.25 * groups + 16 for groups, room in enumerate(rooms, start=1))
    assert rooms == sorted(rooms)
    assert len(set(rooms)) < 40


def test_cvxpys_own_substitution_where_the_places_cannot_be_learnt(monkeypatch):
    monkeypatch.setattr(cvxpy_cached, "_learn", lambda compiled, values: None)
    engine, exact = make_engine("cvxpy-cached"), make_engine("highs")
    for program in programs(20, 3, merge=True):
        solution, answer = engine.solve_blocks(program)
        assert solution.certificate.within(1e-7)
        assert answer.objective == pytest.approx(exact.solve(lower(program)).objective, rel=1e-8)


def test_places_are_checked_before_they_are_used(monkeypatch):
    """If a number were two parameters added, the check would see it."""
    program = next(programs(20, 1, merge=True))
    kind = cvxpy_cached._Kind(20, 3, True, False)
    compiled = cvxpy_cached._compile(kind)
    values = cvxpy_cached._values(program, kind)
    assert cvxpy_cached._learn(compiled, values) is not None
    data = cvxpy_cached._data

    def entangled(compiled, values):
        found = data(compiled, values)
        found["h"] = found["h"] + values[0] * values[1]
        return found

    monkeypatch.setattr(cvxpy_cached, "_data", entangled)
    assert cvxpy_cached._learn(compiled, values) is None


def test_cached_refuses_what_its_capability_rules_out():
    with pytest.raises(InputError, match="without pairs"):
        make_engine("cvxpy-cached").solve_blocks(finish_time_program())


def test_the_proof_of_blocks_is_the_proof_of_the_lowered_program():
    """Whatever the point: good, bad, infeasible, or no number at all."""
    draws = np.random.default_rng(11)
    for place, program in enumerate(programs(15, 60, merge=True)):
        size = program.blocks.groups
        kind = place % 4
        if kind == 1:
            slope = np.where(draws.random(size) < 0.5, draws.random(size), 0.0)
            slope[0] = 0.5
            asked = (slope > 0.0) | (draws.random(size) < 0.5)
            floor = np.where(asked, draws.uniform(-0.1, 0.1, size), -np.inf)
            program = replace(program, slope=slope, floor=floor)
        elif kind == 2:
            program = replace(
                program,
                slope=np.zeros(size),
                floor=np.where(draws.random(size) < 0.5, 0.1, -np.inf),
                reward=draws.random((size, 3)) * 10.0 ** draws.integers(-3, 4),
            )
        elif kind == 3:
            program = replace(program, reward=draws.random((size, 3)))
        x = draws.normal(0.05, 0.1, (size, 3))
        if place % 3 == 0:
            x = np.maximum(x, 0.0)
        duals = (
            draws.normal(0.1, 0.2, size),
            draws.normal(0.1, 0.2, 3),
            draws.normal(0.1, 0.2, size),
        )
        answer, proof = allocation_answer(program, x, *duals)
        general, rated = lower(program), rated_groups(program)
        flat = x.ravel(order="F")
        if program.has_level:
            flat = np.concatenate([[answer.level], flat])
        row_dual = np.concatenate([-duals[0][rated], duals[1], duals[2]])
        expected = certify(general, flat, row_dual)
        assert proof.primal_residual == pytest.approx(expected.primal_residual, rel=1e-10)
        assert proof.dual_residual == pytest.approx(expected.dual_residual, rel=1e-10)
        assert proof.relative_gap == pytest.approx(expected.relative_gap, rel=1e-10)
        assert answer.objective == pytest.approx(general.objective(flat), rel=1e-12)
        for array in (x, *duals):
            for odd in (np.nan, np.inf):
                kept = array.flat[0]
                array.flat[0] = odd
                assert not allocation_answer(program, x, *duals)[1].within(1e300)
                array.flat[0] = kept
