"""The builder of allocation programs: the same programs as by hand, rows of its own, errors that name the row."""

from __future__ import annotations

import numpy as np
import pytest

from gavel_opt import Driver, InputError, Policy, ProgramBuilder, SolveFailed, Traits, make_policy
from gavel_opt.testing import policy_states, run_policy_conformance

STATES = list(policy_states(2))
DRAW = {"k80": 100.0, "p100": 200.0, "v100": 300.0}
WATTS = np.array(list(DRAW.values()))


class Fairness(Policy):
    """Max-min fairness, said in the builder's terms."""

    def __init__(self, pairs: bool = False):
        self.pairs = pairs
        self.traits = Traits(packing=pairs)

    def programs(self, state, merge):
        program = ProgramBuilder(state, pairs=self.pairs)
        equal = program.throughput_on(program.equal_share)
        with np.errstate(divide="ignore"):
            program.maximise_smallest(state.scale_factor / (state.weight * equal))
        return (yield from program.solve(merge))


class Capped(Fairness):
    """The same, with a cap on the power."""

    def __init__(self, watts: float = 1500.0, pairs: bool = False):
        super().__init__(pairs)
        self.watts = watts

    def programs(self, state, merge):
        program = ProgramBuilder(state, pairs=self.pairs)
        equal = program.throughput_on(program.equal_share)
        program.maximise_smallest(state.scale_factor / (state.weight * equal))
        watts = [DRAW[kind] for kind in state.worker_types]  # types without workers are not shown
        program.limit("power", state.scale_factor[:, None] * watts, at_most=self.watts)
        return (yield from program.solve(merge))


def power(found, state):
    used = state.scale_factor @ found.x
    if found.pair.size:
        first = np.searchsorted(state.job, found.pair[:, 0])
        used = used + state.scale_factor[first] @ found.pair_x
    return float(used @ WATTS)


@pytest.mark.parametrize(
    ("pairs", "name"), [(False, "max_min_fairness_perf"), (True, "max_min_fairness_packed")]
)
def test_it_says_what_the_built_in_policy_says(pairs, name):
    for state in STATES:
        ours = Driver(Fairness(pairs), "highs").allocate(state)
        theirs = Driver(make_policy(name), "highs").allocate(state)
        assert np.allclose(ours.x, theirs.x, atol=1e-7)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("engine", ["auto", "highs", "ecos", "cvxpy-rebuild"])
def test_rows_of_its_own_hold_on_every_engine(engine, pairs):
    state = STATES[4]
    free = Driver(Fairness(pairs), engine).allocate(state)
    found = Driver(Capped(pairs=pairs), engine).allocate(state)
    assert power(free, state) > 1600.0
    assert power(found, state) == pytest.approx(1500.0, rel=1e-6)
    reference = Driver(Capped(pairs=pairs), "highs").allocate(state)
    assert np.allclose(found.x, reference.x, atol=1e-9)


@pytest.mark.parametrize("tie_break", ["canonical", "efficient", "none"])
def test_rows_of_its_own_under_each_tie_break(tie_break):
    for state in STATES:
        found = Driver(Capped(), tie_break=tie_break).allocate(state)
        assert power(found, state) <= 1500.0 * (1.0 + 1e-6)


@pytest.mark.parametrize("policy", [Fairness, Capped])
def test_it_makes_policies_that_pass_the_suite(policy):
    report = run_policy_conformance(policy, quiet=True)
    assert not report.failures


def test_an_engine_alone_that_takes_no_rows_says_so():
    with pytest.raises(InputError, match=r"rows of its own \(power\).*'structured' does not take"):
        Driver(Capped(), "structured", fallback=()).allocate(STATES[2])


def test_rows_that_clash_are_named():
    class Clash(Policy):
        def programs(self, state, merge):
            program = ProgramBuilder(state)
            program.maximise_sum()
            program.at_least(0.9 * program.throughput_on(program.isolated_share))
            program.limit("power", WATTS, at_most=1.0)
            return (yield from program.solve(merge))

    with pytest.raises(SolveFailed, match=r"to a program with the rows power \(highs: infeasible"):
        Driver(Clash()).allocate(STATES[4])


def builder():
    return ProgramBuilder(STATES[1])


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda b: b.maximise_smallest([1.0, 2.0]), r"factor: has shape \(2,\), expected \(4,\)"),
        (lambda b: b.maximise_smallest(-1.0), "factor: of job 0 is -1, expected 0 or more"),
        (lambda b: b.maximise_smallest(slope=0.0), "slope: is 0 for all jobs"),
        (lambda b: b.maximise_sum([1.0, np.nan, 1.0, 1.0]), "weight: of job 1 is nan"),
        (lambda b: b.maximise_sum(cost=[1.0, 0.0, 1.0]), "cost: expected a positive number"),
        (lambda b: b.limit("power", np.ones((2, 2))), r"row 'power': has shape \(2, 2\)"),
        (lambda b: b.limit("power", [1.0, np.inf, 1.0]), "row 'power': of job 0 on 'p100' is inf"),
        (
            lambda b: b.limit("power", 1.0, at_most=1, at_least=2),
            "'power': at least 2 and at most 1",
        ),
        (
            lambda b: b.limit("power", 1.0, at_least=99),
            "'power': expected 99 to inf, but .* 0 to 4",
        ),
        (lambda b: b.build(True), "nothing to maximise"),
        (lambda b: ProgramBuilder(STATES[1], pairs=True, throughput=1.0), "with pairs"),
    ],
)
def test_errors_name_the_row(use, said):
    with pytest.raises(InputError, match=said):
        use(builder())


def test_a_floor_that_is_out_of_reach_names_the_job():
    program = builder()
    program.maximise_sum()
    program.at_least([0.0, 0.0, 1e9, 0.0])
    with pytest.raises(InputError, match=r"floor of job \d+ is a level of 1e\+09, but it reaches"):
        program.build(True)


def test_a_row_twice():
    program = builder()
    program.limit("power", 1.0, at_most=3.0)
    with pytest.raises(InputError, match="row 'power': there is one of that name"):
        program.limit("power", 1.0, at_most=3.0)
