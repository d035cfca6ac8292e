"""What GLOP and PDLP were seen to do, and what the adapters do about it."""

import numpy as np
import pytest
from streams import programs

from gavel_opt.engines.protocol import Options
from gavel_opt.model.certificate import certify
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.lowering import lower
from gavel_opt.model.solution import Status

pytest.importorskip("ortools")

from gavel_opt.engines import ortools_glop, ortools_pdlp

ENGINES = [ortools_glop.Glop, ortools_pdlp.Pdlp]

UNBOUNDED = LinearProgram.build([-1.0, 0.0], [[1.0, -1.0]], -np.inf, 1.0)
INFEASIBLE = LinearProgram.build(
    [1.0, 1.0], [[1.0, 1.0], [1.0, 1.0]], [3.0, -np.inf], [np.inf, 2.0]
)
BOTH = LinearProgram.build(
    [-1.0, -1.0, 0.0],
    [[1.0, -1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
    [-np.inf, 2.0, -np.inf],
    [1.0, np.inf, 1.0],
)


@pytest.mark.parametrize("make", ENGINES)
@pytest.mark.parametrize(
    ("program", "status"),
    [
        (UNBOUNDED, Status.UNBOUNDED),
        (INFEASIBLE, Status.INFEASIBLE),
        (BOTH, Status.INFEASIBLE),
    ],
    ids=["unbounded", "infeasible", "both"],
)
def test_unbounded_is_told_from_infeasible(make, program, status):
    """GLOP with preprocessing calls both infeasible; PDLP's interface says "not solved"."""
    assert make().solve(program).status is status


@pytest.mark.parametrize("make", ENGINES)
def test_time_limit(make):
    program = lower(next(programs(600, 1, merge=False)))
    engine = make()
    for limit in (0.0, 2e-3):
        solution = engine.solve(program, Options(time_limit=limit))
        assert solution.status is Status.TIME_LIMIT
        assert solution.x is None
    assert engine.solve(lower(next(programs(20, 1, merge=False)))).status is Status.OPTIMAL


def test_pdlp_is_right_to_six_digits():
    """At its default tolerances it is not."""
    for merge in (False, True):
        for program in programs(200, 3, merge):
            general = lower(program)
            exact = ortools_glop.Glop().solve(general)
            solution = ortools_pdlp.Pdlp().solve(general)
            assert solution.objective == pytest.approx(exact.objective, rel=1e-7)
            assert certify(general, solution.x, solution.row_dual).within(1e-6)


def test_glop_builds_the_kept_model_when_programs_follow():
    engine = ortools_glop.Glop()
    details = [engine.solve(lower(p)).stats.detail for p in programs(40, 4, merge=False)]
    assert "first program" in details[0]
    assert details[1:] == ["model built to be kept", "persistent model", "persistent model"]


def test_glop_takes_arrays_where_the_model_is_too_large_to_fill(monkeypatch):
    monkeypatch.setattr(ortools_glop, "_LARGEST_KEPT", 10)
    engine = ortools_glop.Glop()
    for program in programs(40, 3, merge=False):
        solution = engine.solve(lower(program))
        assert solution.status is Status.OPTIMAL
        assert not solution.stats.reused
        assert "too large" in solution.stats.detail


def test_glop_leaves_a_kept_model_that_fails(monkeypatch):
    engine = ortools_glop.Glop()
    stream = [lower(p) for p in programs(40, 4, merge=False)]
    for program in stream[:3]:
        engine.solve(program)
    monkeypatch.setattr(ortools_glop, "PERSISTENT_STATUS", {})
    solution = engine.solve(stream[3])
    assert solution.status is Status.OPTIMAL
    assert "persistent model had no answer" in solution.stats.detail
    fresh = ortools_glop.Glop().solve(stream[3])
    assert solution.objective == pytest.approx(fresh.objective, rel=1e-10)
