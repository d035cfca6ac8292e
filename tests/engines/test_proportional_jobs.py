"""Groups of one kind are solved together, and the whole program's optimum comes out."""

from dataclasses import replace

import numpy as np
import pytest
from streams import states

from gavel_opt import make_policy
from gavel_opt.engines.proportional_jobs import ProportionalGroups
from gavel_opt.engines.protocol import Options
from gavel_opt.engines.registry import make_engine
from gavel_opt.model.finish_time import level_program
from gavel_opt.model.lowering import lower
from gavel_opt.model.solution import Status


def makespans(jobs, rounds, seed=0):
    """Jobs of one to three days, so that it is the workers who limit them, not time."""
    policy = make_policy("min_total_duration_perf")
    for state in states(jobs, rounds, seed):
        days = 1.0 + 2.0 * (state.job * 37 % 101) / 101
        steps = days * 86400.0 * state.throughputs.alone[state.key].max(axis=1)
        yield next(policy.programs(replace(state, steps_left=steps), merge=True))


def levels(jobs, rounds, seed=0):
    """What finish-time fairness asks at a ratio that the jobs can just not have."""
    policy = make_policy("finish_time_fairness_perf")
    for state in states(jobs, rounds, seed):
        program = next(policy.programs(state, merge=True))
        yield level_program(program, 0.8)


def one_pool(program):
    return ProportionalGroups.of(program, np.zeros(program.blocks.groups, dtype=bool))


@pytest.mark.parametrize("stream", [makespans, levels])
@pytest.mark.parametrize("name", ["highs", "ortools", "pulp"])
def test_the_optimum_is_that_of_all_groups(name, stream):
    engine = make_engine(name)
    for program in stream(200, 5, seed=2):
        assert one_pool(program).first.size < 100
        solution, answer = engine.solve_blocks(program)
        assert solution.certificate.within(1e-10)
        expected = make_engine("highs").solve(lower(program)).objective
        assert answer.objective == pytest.approx(expected, rel=1e-10)
        assert answer.level == pytest.approx(answer.objective)
        used, time = program.blocks.demand(answer.x)
        assert (used <= program.blocks.workers * (1.0 + 1e-9)).all()
        assert (time <= 1.0 + 1e-9).all()


def test_who_needs_all_of_the_time_leaves_its_pool():
    """One job with a thousand times the work of the others of its type holds all down."""
    policy = make_policy("min_total_duration_perf")
    state = next(states(200, 1))
    common = np.bincount(state.key).argmax()
    longest = int(np.flatnonzero(state.key == common)[3])
    steps = state.steps_left.copy()
    steps[longest] *= 1e3
    # two more are alike, so that jobs are merged into groups
    alike = np.flatnonzero(state.key == common)[:2]
    steps[alike] = steps[alike[0]]
    state = replace(state, steps_left=steps)
    program = next(policy.programs(state, merge=True))
    engine = make_engine("highs")
    solution, answer = engine.solve_blocks(program)
    assert program.blocks.groups == 199
    assert solution.stats.programs > 1
    assert solution.certificate.within(1e-10)
    group = program.blocks.of_job[longest]
    assert answer.x[group].sum() == pytest.approx(1.0)
    assert answer.x[group].max() == pytest.approx(1.0)
    # and is known to do so in the next round
    later = next(policy.programs(replace(state, steps_left=steps * 0.99), merge=True))
    solution, answer = engine.solve_blocks(later)
    assert solution.stats.programs == 1
    assert solution.certificate.within(1e-10)


def test_jobs_limited_by_workers_are_in_the_test():
    for program in makespans(200, 5, seed=2):
        _, answer = make_engine("highs").solve_blocks(program)
        assert (answer.capacity_dual > 0.0).all()
        assert (answer.level_dual > 0.0).sum() > 50


def test_different_uses_in_one_pool():
    program = next(makespans(150, 1))
    blocks = program.blocks
    use = blocks.use * np.random.default_rng(0).uniform(0.2, 3.0, blocks.groups)
    program = replace(program, blocks=replace(blocks, use=use))
    _, answer = make_engine("highs").solve_blocks(program)
    expected = make_engine("highs").solve(lower(program)).objective
    assert answer.objective == pytest.approx(expected, rel=1e-10)


def test_what_is_not_pooled():
    program = next(makespans(150, 1))
    blocks, size = program.blocks, program.blocks.groups
    assert one_pool(program) is not None
    assert one_pool(replace(program, floor=np.full(size, 0.1))) is None
    assert one_pool(replace(program, reward=np.ones_like(blocks.rate))) is None
    assert one_pool(replace(program, slope=np.where(np.arange(size) == 3, 0.0, 1.0))) is None
    assert one_pool(replace(program, blocks=replace(blocks, kind=None))) is None
    assert one_pool(replace(program, blocks=replace(blocks, kind=np.arange(size)))) is None
    assert (
        one_pool(replace(program, blocks=replace(blocks, rate=np.zeros_like(blocks.rate)))) is None
    )
    assert one_pool(next(makespans(60, 1))) is None


def test_the_time_limit_holds():
    program = next(makespans(150, 1))
    engine = make_engine("highs")
    solution, answer = engine.solve_blocks(program, Options(time_limit=0.0))
    assert solution.status is Status.TIME_LIMIT
    assert answer is None
