"""From the last optimum to that of a program in which some groups are others, past those that left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.cliffs import nearly_enough
from gavel_opt import Driver, make_policy
from gavel_opt.solver import packed_optimum as packed
from gavel_opt.solver.column_generation import rounds_of_pricing, those_that_left
from gavel_opt.solver.column_generation.basis_factor import Factor
from gavel_opt.solver.column_generation.pair_pricing import Prices
from gavel_opt.solver.column_generation.rounds_of_pricing import (
    ColumnMemory,
    prices_of,
    program_costs,
)
from gavel_opt.solver.packed_optimum import packed_optimum
from tests.optimum.test_column_generation import different_jobs, part_of, some

EVERYBODY = 100


@pytest.fixture
def joints(monkeypatch):
    """The programs of those that are there and those that left, at any size and however many left."""
    kept, real = [], those_that_left.joint

    def spied(program, before):
        kept.append(real(program, before))
        return kept[-1]

    monkeypatch.setattr(rounds_of_pricing, "FROM", 1)
    monkeypatch.setattr(those_that_left, "_PART", 1.0)
    monkeypatch.setattr(those_that_left, "joint", spied)
    return kept


def in_turn(seed, turns=5, order=None):
    """Programs in each of which three of the jobs are others, and workers and slopes are not those of before."""
    full, rng = different_jobs(seed, jobs=EVERYBODY), np.random.default_rng(seed)
    numbers = np.arange(EVERYBODY) if order is None else order
    stays = np.zeros(EVERYBODY, dtype=bool)
    stays[numbers[:80]] = True
    for turn in range(turns):
        part = part_of(full, stays)
        blocks = replace(part.blocks, workers=part.blocks.workers + float(turn % 2))
        yield replace(part, blocks=blocks, slope=rng.uniform(0.5, 2.0, 80))
        stays[rng.choice(np.flatnonzero(stays), 3, replace=False)] = False
        stays[numbers[80 + 3 * turn : 83 + 3 * turn]] = True


@pytest.mark.parametrize("seed", [0, 3, 4])
def test_nothing_pays_at_the_last_prices(seed, joints):
    memory = ColumnMemory()
    for program in in_turn(seed, order=np.random.default_rng(seed).permutation(EVERYBODY)):
        assert packed_optimum(program, None, memory) is not None
    assert len(joints) >= 2
    for both in joints:
        assert both is not None
        assert both.program.use.size == both.groups + 3
        prices, cost, pairs = costs(both)
        assert min(float(part.min()) for part in prices) > -1e-12
        assert cost[both.program.helps].min() > -1e-12
        assert pairs.min() > -1e-12
        assert np.abs(cost[both.basis.alone]).max() < 1e-12
        assert np.abs(pairs[both.basis.pair]).max() < 1e-12


def costs(both) -> tuple[Prices, np.ndarray, np.ndarray]:
    """Prices at a joint program's basis, and what groups alone and pairs cost at them."""
    program, basis = both.program, both.basis
    factor = Factor(program, basis)
    assert factor.square
    prices = prices_of(program, factor, program_costs(program, factor, basis))
    cost = program.use[:, None] * prices.workers + prices.time[:, None]
    return (
        prices,
        cost - program.rate * prices.level[:, None],
        program.pair_costs(basis.column, prices),
    )


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_the_way_past_them_leaves_no_trace(seed, joints):
    memory = ColumnMemory()
    for program in in_turn(seed):
        cold = packed_optimum(program, None, None)
        warm = packed_optimum(program, None, memory)
        assert warm[0].x.tobytes() == cold[0].x.tobytes()
        if memory.kept[-1].only:
            assert warm[0].level_dual.tobytes() == cold[0].level_dual.tobytes()
    assert joints


def test_the_way_past_them_is_shorter(monkeypatch):
    """Three of 400 jobs are others."""
    pivots = [0, 0]
    everybody = nearly_enough(403, 0.35)
    for place, least in enumerate((rounds_of_pricing.FROM, 1000)):
        monkeypatch.setattr(rounds_of_pricing, "FROM", least)
        driver = Driver(make_policy("max_min_fairness_packed"), "structured")
        for first in (0, 3):
            with monkeypatch.context() as patch:
                patch.setattr(packed, "generate", counted(pivots, place if first else None))
                driver.allocate(some(everybody, np.arange(first, first + 400)))
    assert 0 < 2 * pivots[0] < pivots[1]


def counted(pivots, place):
    """Column generation that counts what it takes."""

    def generate(*about, **asked):
        found = rounds_of_pricing.generate(*about, **asked)
        if place is not None:
            pivots[place] += found[1]
        return found

    return generate


def test_groups_whose_coefficients_changed_left_and_came(joints):
    """A job that runs twice as fast is another, and its old columns are with those that left."""
    memory, programs = ColumnMemory(), in_turn(0)
    packed_optimum(next(programs), None, memory)
    program = next(programs)
    rate = program.blocks.rate.copy()
    rate[3] *= 2.0
    changed = replace(program, blocks=replace(program.blocks, rate=rate))
    warm = packed_optimum(changed, None, memory)
    (both,) = joints
    assert both.program.use.size == both.groups + 3 + 1
    assert warm[0].x.tobytes() == packed_optimum(changed, None, None)[0].x.tobytes()


def test_where_pairs_of_those_that_stay_changed_there_is_no_way(joints):
    memory, programs = ColumnMemory(), in_turn(2)
    packed_optimum(next(programs), None, memory)
    program = next(programs)
    pairs = program.blocks.pairs
    slower = replace(pairs, rate=pairs.rate * 0.9)
    changed = replace(program, blocks=replace(program.blocks, pairs=slower))
    warm = packed_optimum(changed, None, memory)
    assert joints == [None]
    assert warm[0].x.tobytes() == packed_optimum(changed, None, None)[0].x.tobytes()


@pytest.mark.parametrize("seed", [0, 3])
def test_a_way_that_is_too_long_is_given_up(seed, joints, monkeypatch):
    memory = ColumnMemory()
    monkeypatch.setattr(those_that_left, "_PATIENCE", 0.0)
    for program in in_turn(seed, turns=3):
        warm = packed_optimum(program, None, memory)
        assert warm[0].x.tobytes() == packed_optimum(program, None, None)[0].x.tobytes()
    assert joints
