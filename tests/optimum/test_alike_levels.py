"""Levels of many groups alike are told by pools of them: the same centre as without, proven over all pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.cliffs import later, typed
from gavel_opt import Driver, make_policy
from gavel_opt.kernels.jit import compiling_at_once
from gavel_opt.model.allocation_program import AllocationProgram
from gavel_opt.policies.reachable_levels import PooledAsk
from gavel_opt.solver import alike_levels
from gavel_opt.solver import packed_optimum as packed
from gavel_opt.solver.alike_levels import levels_of_alike
from gavel_opt.solver.column_generation import handed_out
from gavel_opt.solver.column_generation.handed_out import Mixes, hand_out, mark_rifts
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram
from gavel_opt.solver.packed_optimum import packed_optimum
from gavel_opt.solver.shares_of_pools import shares_of_groups

FILLING = "max_min_fairness_water_filling_packed"


def programs_of(state) -> list[AllocationProgram]:
    """The programs of all pools that water filling asks for."""
    asked, real = [], packed.packed_optimum

    def noted(program, *given):
        asked.append(program)
        return real(program, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "packed_optimum", noted)
        Driver(make_policy(FILLING)).allocate(state)
    return asked


def same(one, other, atol: float) -> None:
    assert np.array_equal(one.pair, other.pair)
    np.testing.assert_allclose(one.x, other.x, atol=atol)
    np.testing.assert_allclose(one.pair_x, other.pair_x, atol=atol)


@pytest.mark.parametrize("part", [0.33, 0.4, 0.45])
def test_shares_are_those_of_a_program_of_all_groups(monkeypatch, part):
    """And as many programs; the last one's centre is the only one that is sought."""
    state, found, counted, sought = typed(256, part), [], [], []
    real = packed.centre
    monkeypatch.setattr(packed, "centre", lambda *given: sought.append(1) or real(*given))
    for least in (10**9, 48):
        monkeypatch.setattr(alike_levels, "FROM", least)
        sought.clear()
        if least == 48:
            monkeypatch.setattr(packed, "_vertex", lambda *_: pytest.fail("asked of all groups"))
        driver = Driver(make_policy(FILLING))
        found.append(driver.allocate(state))
        counted.append(driver.tally.programs)
    assert len(sought) == 1
    assert counted[0] == counted[1]
    same(found[1], found[0], 1e-10)


def test_the_same_to_the_bit_whatever_was_solved_before():
    state, driver = typed(160, 0.4), Driver(make_policy(FILLING))
    driver.allocate(state)
    for call in range(2):
        state = later(state, call)
        warm, fresh = driver.allocate(state), Driver(make_policy(FILLING)).allocate(state)
        assert warm.x.tobytes() == fresh.x.tobytes()
        assert warm.pair_x.tobytes() == fresh.pair_x.tobytes()


def test_prices_do_not_depend_on_the_order_of_groups():
    """Nor does the level: sums are taken in an order of the pools' own."""
    program = programs_of(typed(160, 0.4))[-1]
    blocks, pairs = program.blocks, program.blocks.pairs
    assert pairs is not None
    order = np.random.default_rng(0).permutation(blocks.groups)
    place = np.argsort(order)
    member = place[pairs.member]
    turned = member[:, 0] > member[:, 1]
    sides = np.where(turned[:, None], [[1, 0]], [[0, 1]])
    rows = np.arange(turned.size)[:, None]
    member, rate = member[rows, sides], pairs.rate[rows, sides]
    along = np.lexsort(member.T[::-1])
    moved = replace(
        blocks,
        rate=blocks.rate[order],
        use=blocks.use[order],
        kind=blocks.kind[order],
        key=blocks.key[order],
        pairs=replace(
            pairs,
            member=member[along],
            rate=rate[along],
            share=pairs.share[rows, sides][along],
            use=pairs.use[along],
        ),
    )
    other = replace(program, blocks=moved, slope=program.slope[order], floor=program.floor[order])
    one, two = (levels_of_alike(p, ScaledProgram.of(p)) for p in (program, other))
    assert one is not None
    assert two is not None
    assert one.found.level == two.found.level
    np.testing.assert_allclose(two.prices.level, one.prices.level[order], rtol=1e-12)
    np.testing.assert_allclose(two.prices.time, one.prices.time[order], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("leaves_time", [True, False])
def test_groups_that_are_to_be_split_are_those_of_the_centre(monkeypatch, leaves_time):
    """Any optimal shares do for that, if all other groups have time left, for which they are chosen; else it is the centre that says."""
    real, nobody = packed.shares_of_groups, np.zeros_like
    if not leaves_time:
        monkeypatch.setattr(
            packed, "shares_of_groups", lambda given, idle: real(given, nobody(idle))
        )
    asked = [p for p in programs_of(typed(160, 0.45)) if p.splits is not None]
    split = 0
    for program in asked:
        centre = packed_optimum(replace(program, splits=None), None, None)
        found = packed_optimum(program, None, None)
        assert centre is not None
        assert found is not None
        assert found[1].within(1e-10)
        assert found[0].level == pytest.approx(centre[0].level, rel=1e-12)
        tight = [program.blocks.demand(answer.x)[1] > 1.0 - 1e-7 for answer, *_ in (centre, found)]
        assert np.array_equal(*(one[program.splits] for one in tight))
        split += bool((tight[1] & program.splits).any())
    assert 0 < split < len(asked)


def test_what_pools_get_is_handed_out_within_all_limits():
    program = programs_of(typed(160, 0.4))[-1]
    scaled = ScaledProgram.of(program)
    alike = levels_of_alike(program, scaled)
    assert alike is not None
    shares = shares_of_groups(alike.given, np.ones(program.blocks.groups, dtype=bool))
    assert shares is not None
    levels, time, used = scaled.taken(*shares)
    need = alike.found.level * alike.pooled.unit / scaled.unit
    np.testing.assert_allclose(levels, need, rtol=1e-9)
    assert time.max() < 1.0 + 1e-10
    assert (used < scaled.workers * (1.0 + 1e-10)).all()
    assert min(shares.alone.min(), shares.pair.min()) >= 0.0


def test_where_pools_cannot_be_handed_out_groups_are_asked(monkeypatch):
    """Pools that are never cut: their level is out of reach, prices prove no shares, and the answer is the same."""
    state = typed(160, 0.4)
    right = Driver(make_policy(FILLING)).allocate(state)
    monkeypatch.setattr(alike_levels, "mark_rifts", lambda *_: 0)
    same(Driver(make_policy(FILLING)).allocate(state), right, 1e-10)


def test_programs_with_levels_that_do_not_rise_from_nothing_are_not_for_pools():
    program = programs_of(typed(160, 0.4))[-1]
    floor, slope = program.floor.copy(), program.slope.copy()
    floor[0], slope[1] = 0.1 * program.blocks.rate[0].max(), 0.0
    nobody = replace(program.blocks, kind=None)
    for other in (
        replace(program, floor=floor),
        replace(program, slope=slope),
        replace(program, blocks=nobody),
    ):
        assert levels_of_alike(other, ScaledProgram.of(other)) is None


def mixes_of(rng: np.random.Generator) -> Mixes:
    """A pool whose rates are wider spread than what its groups want, as they are mixed of them."""
    rate, groups = np.sort(rng.uniform(0.0, 1.0, 4)), 9
    part, size = rng.dirichlet(np.full(4, 0.3), groups), rng.uniform(1.0, 3.0, groups)
    order = np.argsort(part @ rate)
    want, size, part = (part @ rate)[order], size[order], part[order]
    return Mixes(np.array([0, groups]), want, size, np.array([0, 4]), rate, size @ part)


@pytest.mark.parametrize("seed", range(50))
def test_what_is_less_spread_out_can_be_handed_out(seed):
    mixes = mixes_of(np.random.default_rng(seed))
    begins, given = np.zeros(9, dtype=bool), np.zeros((9, 4))
    with compiling_at_once():
        assert mark_rifts(mixes, begins) == 0
        assert hand_out(mixes.want, mixes.size, mixes.rate, mixes.mass, given)
    np.testing.assert_allclose(given.sum(axis=1), mixes.size, rtol=1e-8)
    np.testing.assert_allclose(given @ mixes.rate, mixes.size * mixes.want, rtol=1e-8)
    np.testing.assert_allclose(given.sum(axis=0), mixes.mass, atol=1e-7)
    again = np.zeros_like(given)
    assert hand_out.interpreted(mixes.want, mixes.size, mixes.rate, mixes.mass, again)
    assert mark_rifts.interpreted(mixes, begins) == 0
    assert again.tobytes() == given.tobytes()


def test_what_is_further_spread_out_is_cut_where_more_is_wanted_than_there_is():
    """Two rates at the ends and one between that has nearly all: those on its two sides want more of the ends."""
    want, rate = np.array([0.2, 0.3, 0.7, 0.8]), np.array([0.1, 0.5, 0.9])
    one = np.ones(4)
    mixes = Mixes(np.array([0, 4]), want, one, np.array([0, 3]), rate, np.array([0.5, 3.0, 0.5]))
    begins = np.zeros(4, dtype=bool)
    assert mark_rifts(mixes, begins) == 1
    assert begins.tolist() == [False, False, True, False]
    assert not hand_out(want, one, rate, mixes.mass, np.zeros((4, 3)))


def test_rulers_side_by_side_leave_rounding_out():
    one, other, length = handed_out.side_by_side(np.array([0.1, 0.2, 0.3]), np.array([0.3, 0.3]))
    assert (one.tolist(), other.tolist()) == ([0, 1, 2], [0, 0, 1])
    np.testing.assert_allclose(length, [0.1, 0.2, 0.3])


def test_a_pooled_program_says_what_kinds_there_are():
    state = typed(64, 0.4)
    asked = []
    program = make_policy(FILLING).programs(state, True)
    asked.append(next(program))
    assert asked[0].blocks.kind is not None
    assert np.unique(asked[0].blocks.kind).size == np.unique(state.key).size
    assert asked[0].splits is not None
    assert PooledAsk.has_pairs
