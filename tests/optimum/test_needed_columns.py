"""Pairs that new groups bring to a next program: those with which they reach the last level at the least cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from bench.cliffs import nearly_enough
from gavel_opt import Driver, make_policy
from gavel_opt.solver import packed_optimum as packed
from gavel_opt.solver.column_generation.needed_columns import _beyond, needed_columns
from gavel_opt.solver.column_generation.pair_pricing import Prices
from gavel_opt.solver.column_generation.rounds_of_pricing import ColumnMemory
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram
from gavel_opt.solver.levels_by_parts import who_rises
from tests.optimum.test_column_generation import different_jobs, some

JOBS = 400


@pytest.mark.parametrize("seed", range(20))
def test_the_cheapest_mix_is_that_of_a_linear_program(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reached, cost = rng.uniform(0.0, 2.0, 40), rng.uniform(0.0, 3.0, 40)
    needed = float(rng.uniform(0.2, 0.99) * reached.max())
    found = linprog(cost, -reached[None], [-needed], np.ones((1, 40)), [1.0], bounds=(0.0, None))
    idle = linprog(
        np.append(cost, 0.0), -np.append(reached, 0.0)[None], [-needed], np.ones((1, 41)), [1.0]
    )
    beyond = _beyond(reached, cost, needed)
    assert beyond.min() > -1e-12
    used = np.flatnonzero(idle.x[:40] > 1e-9)
    assert idle.fun <= found.fun
    np.testing.assert_allclose(beyond[used], 0.0, atol=1e-12)


def test_where_nothing_reaches_it_what_reaches_most_comes_first() -> None:
    reached = np.array([0.2, 0.9, 0.5])
    np.testing.assert_allclose(_beyond(reached, np.ones(3), 2.0), [0.7, 0.0, 0.4])


def test_who_is_new_or_has_lost_its_partners_brings_columns() -> None:
    program = different_jobs(3, jobs=40)
    rate = program.blocks.rate.copy()
    rate[[5, 9]] *= 0.05
    program = replace(program, blocks=replace(program.blocks, rate=rate))
    scaled = ScaledProgram.of(program)
    memory = ColumnMemory()
    assert packed.packed_optimum(program, None, memory) is not None
    (kept,) = memory.kept
    there = np.empty(0, dtype=np.int64)
    nobody = np.zeros(40, dtype=bool)
    short = scaled.rate.max(axis=1) < kept.level
    assert np.flatnonzero(short).tolist() == [5, 9]
    found = needed_columns(scaled, kept.prices, kept.level, nobody, there)
    member = scaled.pairs.member[found // 3]
    assert (short[member].sum(axis=1) == 1).all()
    assert short[member].any(axis=0).any()
    new = nobody.copy()
    new[np.flatnonzero(~short)[0]] = True
    # what they would have to pay is not looked at
    other = Prices(kept.prices.level + new, kept.prices.time + 7.0 * new, kept.prices.workers)
    more = needed_columns(scaled, other, kept.level, new, there)
    theirs = new[scaled.pairs.member[more // 3]].any(axis=1)
    assert 0 < theirs.sum() <= 8
    assert np.isin(found[~new[member].any(axis=1)], more).all()
    assert not needed_columns(scaled, kept.prices, 0.0, nobody, there).size
    everybody = np.ones(40, dtype=bool)
    assert not needed_columns(scaled, kept.prices, kept.level, everybody, there).size


def test_a_new_job_that_needs_a_partner_holds_nobody_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the columns that it brings, one of these states takes 759 pivots for 176."""
    pivots: list[int] = []
    generate = who_rises.generate

    def counted(*about):
        found = generate(*about)
        pivots[-1] += found[1]
        return found

    monkeypatch.setattr(who_rises, "generate", counted)
    driver = Driver(make_policy("max_min_fairness_water_filling_packed"), "structured")
    for state in in_turn():
        pivots.append(0)
        driver.allocate(state)
    assert 0 < max(pivots[1:]) < JOBS


def in_turn(turns: int = 4, change: int = 3):
    """States in each of which three of 400 jobs are others, and workers for 46 %."""
    everybody = nearly_enough(JOBS + change * turns, 0.46)
    size = int(everybody.scale_factor[:JOBS].sum())
    everybody = replace(everybody, workers=np.full(3, round(0.46 * size / 3)))
    now, rng = np.arange(JOBS), np.random.default_rng(6)
    for turn in range(turns + 1):
        yield some(everybody, now)
        gone = rng.choice(JOBS, change, replace=False)
        new = JOBS + change * turn + np.arange(change)
        now = np.concatenate([np.delete(now, gone), new])
