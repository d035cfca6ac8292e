"""Mistakes in this package's own code: the next engine answers, and nobody is left to believe that all is well."""

import numpy as np
import pytest

from gavel_opt import (
    ClusterState,
    Driver,
    EngineFault,
    Options,
    SolveFailed,
    ThroughputTable,
    make_engine,
    make_policy,
    solve,
)
from gavel_opt import engine_chain as chain
from gavel_opt.engines import highs, structured
from gavel_opt.model.linear_program import LinearProgram


def state():
    rng = np.random.default_rng(0)
    return ClusterState(
        worker_types=("k80", "v100"),
        workers=np.array([2, 2]),
        throughputs=ThroughputTable(rng.uniform(0.5, 3.0, (5, 2)), None, 1),
        job=np.arange(7),
        key=np.arange(7) % 5,
        scale_factor=np.ones(7, dtype=np.int64),
        weight=np.ones(7),
        steps_left=rng.uniform(1e4, 1e5, 7),
        age=np.zeros(7),
    )


def without_parameters():
    raise AssertionError("called with as many arguments as it has")


@pytest.mark.parametrize(
    ("function", "policy"),
    [("optimum", "max_sum_throughput_perf"), ("carry_out", "max_min_fairness_perf")],
)
def test_the_next_engine_answers_and_the_place_is_said(function, policy, monkeypatch):
    expected = Driver(make_policy(policy)).allocate(state())
    monkeypatch.setattr(structured, function, without_parameters)
    if function == "carry_out":
        monkeypatch.setattr(structured, "optimum", without_parameters)
    driver = Driver(make_policy(policy), fallback=["highs"])
    with pytest.warns(EngineFault, match=r"'structured' raised TypeError: .* in gavel_opt/.*\.py:"):
        found = driver.allocate(state())
    np.testing.assert_allclose(found.x, expected.x, rtol=0, atol=1e-9)
    assert all(
        refusal.startswith("structured: raised TypeError in gavel_opt/engines/structured.py:")
        for refusal in driver.tally.refusals
    )


def test_a_tie_break_that_is_wrong_for_every_engine_is_the_end(monkeypatch):
    monkeypatch.setattr(chain, "choose", without_parameters)
    driver = Driver(make_policy("max_min_fairness_perf"), "highs", fallback=["ortools"])
    with (
        pytest.warns(EngineFault),
        pytest.raises(SolveFailed, match="tie-break raised TypeError in"),
    ):
        driver.allocate(state())


def test_so_it_is_of_a_program_of_ones_own(monkeypatch):
    program = LinearProgram.build([1.0], [[1.0]], row_lower=2.0, row_upper=np.inf)
    monkeypatch.setattr(highs.Highs, "_load", lambda self: None)
    with pytest.warns(EngineFault, match=r"engine 'highs' raised TypeError: .* in gavel_opt/"):
        assert solve(program, "highs").status.value == "numerical_error"


def test_what_a_solver_cannot_do_is_no_mistake(monkeypatch, recwarn):
    def fails(*given):
        raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr(structured, "optimum", fails)
    driver = Driver(make_policy("max_sum_throughput_perf"), "structured", fallback=["highs"])
    driver.allocate(state())
    assert [*driver.tally.refusals] == ["structured: raised LinAlgError"]
    assert not [one for one in recwarn if one.category is EngineFault]


def test_rows_that_highs_leaves_out_are_no_answer_of_pulp():
    """It told nobody, and the rows after them stood in each other's places."""
    large = LinearProgram.build([1.0, 1.0], [[1e30, 1.0], [1.0, 1.0]], row_lower=2.0, row_upper=9.0)
    solution = make_engine("pulp").solve(large, Options())
    assert solution.status.value == "numerical_error"
    assert solution.stats.detail == "HiGHS did not take 2 rows"
