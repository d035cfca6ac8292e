"""What steps to a centre are made of: equations in numbers of 32 bits, columns that hold a step back, a job's own prices."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from bench.cliffs import nearly_different, with_deadlines
from gavel_opt import Driver, make_policy
from gavel_opt.solver import packed_optimum
from gavel_opt.solver.column_generation import held_columns, kept_centre
from gavel_opt.solver.column_generation.held_columns import Held
from gavel_opt.solver.column_generation.joint_equations import _Joined

ROWS = 600


def block(smallest: float) -> np.ndarray:
    """A matrix whose eigenvalues lie between this and 1, evenly in powers of ten."""
    random = np.random.default_rng(5)
    across, _ = np.linalg.qr(random.standard_normal((ROWS, ROWS)))
    return (across * np.geomspace(smallest, 1.0, ROWS)) @ across.T


@pytest.mark.parametrize(("smallest", "short"), [(1e-3, True), (1e-8, True), (1e-9, False)])
def test_equations_are_solved_in_64_bits_where_32_do_not_do(smallest: float, short: bool) -> None:
    matrix = block(smallest)
    random = np.random.default_rng(6)
    beside = random.standard_normal((2, ROWS // 2, 3))
    equations = _Joined(np.arange(ROWS // 2), ROWS // 2, 0)
    assert equations.factor(matrix.ravel().copy(), beside)
    prices = np.linalg.eigh(matrix)[1][:, 0]  # where numbers of 32 bits say least
    found = equations.solve(matrix @ prices)
    assert equations._is_short is short
    off = found - prices
    assert off @ matrix @ off <= 1e-4 * (prices @ matrix @ prices)
    matrix[np.diag_indices(ROWS)] *= 1.0 + 1e-12  # the ridge that all equations have
    exact = np.linalg.solve(matrix, equations.beside(beside))
    told = equations.beside(beside).T @ exact
    assert np.abs(equations.told - told).max() <= 1e-4 * np.abs(told).max()


def test_columns_that_hold_a_step_back_go_through_it_exactly() -> None:
    random = np.random.default_rng(7)
    many, goal = 12, 0.3
    x, z = random.uniform(0.1, 1.0, (2, many))
    ratio, weight = x / z, random.uniform(0.5, 2.0, many)
    half = random.standard_normal((many, many)) / many
    product = half @ half.T / np.linalg.norm(half * np.sqrt(ratio)[:, None], 2) ** 2
    along, across = x - 5.0 * random.uniform(0.0, x), z - 5.0 * random.uniform(0.0, z)
    none = np.zeros(many, dtype=np.int64)
    held = Held(none, none, none, *np.zeros((5, many)), weight, x, z, ratio, along, across)
    push = held_columns.pushes(held, product, goal)
    assert push is not None
    moves = product @ push
    share, cost = along + push - ratio * moves, across + moves
    assert min(along.min(), across.min()) < 0.0 < min(share.min(), cost.min())
    np.testing.assert_allclose(share * cost, goal * weight, rtol=1e-4)


@pytest.mark.parametrize("level", [1.0, 1.0 + 1e-13])
def test_a_job_whose_rows_say_the_same_has_prices_of_its_own(level: float) -> None:
    time = np.array([1.0, 1.0, 1.0])
    rows = np.stack([-level * time, time], axis=1)
    columns = kept_centre._OwnColumns(rows, np.array([0.2, 0.4, 0.7]), np.ones(3))
    found = kept_centre._own_prices(columns, np.array([0.5, 1.5]), np.array([-level, 1.0]))
    assert found is not None
    share = 1.0 / (columns.rest + rows @ found)
    assert share.sum() == pytest.approx(1.0, abs=1e-3)


LEVELS = "max_min_fairness_water_filling_packed"
DEADLINES = "max_sum_throughput_normalized_by_cost_packed_SLOs"


@pytest.mark.parametrize(
    ("name", "state"),
    [(LEVELS, partial(nearly_different, 520, 0.2)), (DEADLINES, partial(with_deadlines, 1500))],
    ids=["all levels tight", "prices far apart"],
)
def test_the_centre_is_found_at_once(
    name: str, state: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equations that were solved too roughly lost the way, and the shares were those of a vertex, after many times as long."""
    found = []

    def note(*about: Any) -> Any:
        found.append(centre(*about))
        return found[-1]

    centre = packed_optimum.centre
    monkeypatch.setattr(packed_optimum, "centre", note)
    Driver(make_policy(name), "structured").allocate(state())
    assert len(found) == 1
    assert found[0] is not None
