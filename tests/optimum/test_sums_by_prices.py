"""Sums of very many groups, of which prices decide most, against the program as a whole."""

from __future__ import annotations

import numpy as np
import pytest

from gavel_opt.model.allocation_program import AllocationProgram, Blocks
from gavel_opt.solver import optimum as door
from gavel_opt.solver.optimum import optimum
from gavel_opt.solver.prices import sums_by_prices

GROUPS = 150


def program(seed: int, alike: bool, scarce: float) -> AllocationProgram:
    """A sum of groups of one to three jobs; ``alike`` makes many of the same kind, as groups of their own."""
    random = np.random.default_rng(seed)
    reward = random.lognormal(0.0, 1.0, (GROUPS, 3)) * np.array([1.0, 3.0, 5.0])
    reward[random.random((GROUPS, 3)) < 0.1] = 0.0
    count, scale = random.integers(1, 4, GROUPS), random.choice([1, 2, 4, 8], GROUPS)
    if alike:
        kind = random.integers(0, 6, GROUPS)
        reward, count, scale = reward[kind], count[kind], scale[kind]
    use = (count * scale).astype(float)
    workers = np.ceil(np.full(3, scarce * use.sum() / 3.0))
    blocks = Blocks(np.zeros((GROUPS, 3)), use, count, workers)
    return AllocationProgram(blocks, np.zeros(GROUPS), np.full(GROUPS, -np.inf), reward)


@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize("scarce", [0.3, 0.8, 1.2])
@pytest.mark.parametrize("seed", range(3))
def test_prices_decide_what_the_whole_program_does(
    seed: int, alike: bool, scarce: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = program(seed, alike, scarce)
    whole, proof, _ = optimum(asked, "canonical")
    assert proof.within(1e-11)
    monkeypatch.setattr(door, "DECIDED_FROM", 12)
    by_prices = door._by_prices(asked)
    assert by_prices is not None or alike
    found, proof, _ = optimum(asked, "canonical")
    assert proof.within(1e-11)
    assert found.objective == pytest.approx(whole.objective, rel=1e-12)
    np.testing.assert_allclose(found.x, whole.x, atol=1e-8)


def test_few_groups_are_solved_beside_those_held(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = program(1, alike=False, scarce=0.3)
    sizes = []

    def solve(few: AllocationProgram) -> door.Found:
        sizes.append(few.blocks.groups)
        return door._by_path(few, door._NONE, door._NO_CENTRE)

    found = sums_by_prices.largest_sum(asked, solve)
    assert found is not None
    assert max(sizes) <= GROUPS // 2


def test_floors_levels_and_types_without_workers_are_left_to_the_whole() -> None:
    asked = program(2, alike=False, scarce=0.3)
    assert sums_by_prices.sums_alone(asked)
    floor, slope = np.full(GROUPS, 0.1), np.ones(GROUPS)
    workers = asked.blocks.workers * np.array([1.0, 0.0, 1.0])
    empty = Blocks(asked.blocks.rate, asked.blocks.use, asked.blocks.count, workers)
    for other in (
        AllocationProgram(asked.blocks, asked.slope, floor, asked.reward),
        AllocationProgram(asked.blocks, slope, asked.floor, asked.reward),
        AllocationProgram(empty, asked.slope, asked.floor, asked.reward),
    ):
        assert not sums_by_prices.sums_alone(other)
