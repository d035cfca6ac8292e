"""Programs of one level with dozens of worker types: the interior point's optimum, the same bits warm and fresh."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from programs import max_min, slack

from gavel_opt.model.allocation_program import Blocks
from gavel_opt.solver import optimum as module
from gavel_opt.solver.many_types import method
from gavel_opt.solver.memory import Memory
from gavel_opt.solver.optimum import optimum
from gavel_opt.solver.prices.shortcuts import NONE
from gavel_opt.solver.settings import FEW_GROUPS, MANY_TYPES

TYPES = MANY_TYPES + 18
GROUPS = FEW_GROUPS * TYPES + 14


def program(seed, kind, jobs_for_each_worker):
    """Jobs that run alike but for a factor, equally fast on all types, or all different."""
    rng = np.random.default_rng(seed)
    kinds = {"alike": 5, "plain": 1, "different": GROUPS}[kind]
    rate = rng.uniform(0.2, 3.0, (kinds, TYPES))[rng.integers(0, kinds, GROUPS)]
    if kind == "different":
        rate = rng.uniform(0.2, 3.0, (GROUPS, TYPES))
    if kind == "plain":
        rate = np.ones((GROUPS, TYPES))
    rate = rate * rng.uniform(0.5, 2.0, GROUPS)[:, None]
    use = rng.integers(1, 3, GROUPS).astype(float)
    each = use.sum() / jobs_for_each_worker / TYPES
    workers = np.ceil(rng.uniform(0.7, 1.3, TYPES) * each)
    blocks = Blocks(rate, use, np.ones(GROUPS, np.int64), workers)
    return replace(max_min(seed, GROUPS, TYPES), blocks=blocks)


CASES = [(kind, many) for kind in ("alike", "plain", "different") for many in (0.4, 1.1, 1.5, 4.0)]


@pytest.fixture
def answers(monkeypatch):
    """Whether each program was solved by the method, which all kinds are for here."""
    monkeypatch.setattr(method, "VERY_MANY", 0)
    seen = []

    def noted(*given):
        seen.append(method.solve_level(*given))
        return seen[-1]

    monkeypatch.setattr(module, "solve_level", noted)
    return seen


@pytest.mark.parametrize(("kind", "many"), CASES)
def test_it_is_the_interior_points_optimum_warm_and_fresh(kind, many, answers, monkeypatch):
    memory = Memory()
    for seed in range(2):
        task = program(seed, kind, many)
        # from the prices of another program, and from its own
        again = [optimum(task, "canonical", memory)[0].x.tobytes() for _ in range(2)]
        answer, certificate, _ = optimum(task, "canonical")
        assert again == 2 * [answer.x.tobytes()]
        assert certificate.within(1e-10)
        assert slack(task, answer) > -1e-10
        with monkeypatch.context() as patch:
            patch.setattr(module, "by_columns", lambda given: False)
            patch.setattr(module, "solve_direct", lambda *_: NONE)
            path = optimum(task, "canonical")[0]
        assert answer.level == pytest.approx(path.level, rel=1e-10)
        np.testing.assert_allclose(answer.x, path.x, rtol=0, atol=1e-8)
    assert [solved for solved, _ in answers] == 6 * [True]
    assert {priced for _, priced in answers} <= {many > 1.0} or 1.0 < many < 2.0


@pytest.mark.parametrize("kind", ["alike", "different"])
def test_where_the_path_is_lost_the_bits_are_the_same(kind, answers, monkeypatch):
    """Another method finds the face then."""
    task = program(3, kind, 4.0)
    answer = optimum(task, "canonical")[0]
    monkeypatch.setattr(method.Point, "follow", lambda *_: (0, False))
    other = optimum(task, "canonical")[0]
    assert [solved for solved, _ in answers] == [True, False]
    assert other.x.tobytes() == answer.x.tobytes()
    assert other.level == answer.level
