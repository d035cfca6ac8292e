"""Contended programs with pairs by a dual simplex: the same point as by the other methods, whatever it starts from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from programs import max_min, slack, with_pairs
from test_column_generation import different_jobs, part_of

from gavel_opt.engines.highs import Highs
from gavel_opt.model.allocation_program import AllocationProgram
from gavel_opt.model.lowering import lower
from gavel_opt.solver import optimum as door
from gavel_opt.solver.memory import PROGRAMS, Memory
from gavel_opt.solver.optimum import optimum
from gavel_opt.solver.pair_simplex.columns import columns_of
from gavel_opt.solver.pair_simplex.method import solve_contended
from gavel_opt.solver.pair_simplex.start import kept_with_room
from gavel_opt.solver.prices.bottleneck_pairs import Pairs
from gavel_opt.solver.prices.cheapest_mix import Given
from gavel_opt.solver.records import Found


def by_simplex(program: AllocationProgram, kept=None, solve=solve_contended):
    """What the method says itself; None where it leaves a program to others."""
    blocks, none = program.blocks, np.empty(0)
    pairs = blocks.pairs
    assert pairs is not None
    curve = program.slope, program.floor, none, none, none
    given = Given(blocks.rate, blocks.use, blocks.count, blocks.workers, *curve)
    found = Found(
        np.empty((blocks.combinations, blocks.types)),
        np.empty(blocks.groups),
        np.empty(blocks.types),
        np.empty(6),
    )
    key = np.empty(0, np.int64) if blocks.key is None else blocks.key
    kept = kept_with_room(0, blocks.types) if kept is None else kept
    terms = Pairs(pairs.member, pairs.rate, pairs.share, pairs.use)
    return found if solve(given, terms, key, kept, found) else None


def elsewhere(program, monkeypatch):
    """The optimum without this method."""
    with monkeypatch.context() as patch:
        patch.setattr(door, "PIVOTED_UP_TO", 0)
        return optimum(program, "canonical")


def in_short_supply(seed, groups=None):
    """Workers for a fifth of the jobs."""
    program = with_pairs(max_min(seed, groups), seed)
    blocks = program.blocks
    few = np.maximum(1.0, np.round(blocks.workers * 0.2 * blocks.use.sum() / blocks.workers.sum()))
    return replace(program, blocks=replace(blocks, workers=few))


def with_twins(program):
    """Each group once more, at other speed: what one of two does on a type the other can do as well."""
    blocks = program.blocks
    pairs = blocks.pairs
    groups = blocks.groups
    again = np.concatenate([np.arange(groups), np.arange(groups)])
    speed = np.repeat([1.0, 0.5], groups)
    member = np.concatenate([pairs.member, pairs.member + groups])
    rate = np.concatenate([pairs.rate, 0.5 * pairs.rate])
    pairs = replace(
        pairs,
        member=member,
        rate=rate,
        share=np.concatenate([pairs.share, pairs.share]),
        use=np.concatenate([pairs.use, pairs.use]),
    )
    twins = replace(
        blocks,
        rate=blocks.rate[again] * speed[:, None],
        use=blocks.use[again],
        count=blocks.count[again],
        pairs=pairs,
        of_job=None,
    )
    return AllocationProgram(twins, np.ones(2 * groups), np.zeros(2 * groups))


def test_it_is_the_optimum_of_the_other_methods(monkeypatch):
    taken = 0
    for seed in range(30):
        program = in_short_supply(seed, groups=2 + seed // 2)
        if not program.blocks.pairs.use.size:
            continue
        found = by_simplex(program)
        if found is None:
            continue
        taken += 1
        answer, proof, _ = elsewhere(program, monkeypatch)
        assert proof.within(1e-9)
        assert found.summary[1] == pytest.approx(answer.level, rel=1e-9)
        np.testing.assert_allclose(found.x, answer.x, rtol=1e-6, atol=1e-8)
        door_answer, certificate, _ = optimum(program, "canonical")
        assert certificate.within(1e-11)
        assert slack(program, door_answer) > -1e-11
    assert taken >= 20


def test_of_several_optima_it_is_the_centre(monkeypatch):
    taken = 0
    for seed in range(12):
        program = with_twins(in_short_supply(seed, groups=5))
        found = by_simplex(program)
        if found is None:
            continue
        taken += 1
        answer, proof, _ = elsewhere(program, monkeypatch)
        assert proof.within(1e-9)
        np.testing.assert_allclose(found.x, answer.x, rtol=1e-5, atol=1e-8)
    assert taken >= 6


def test_the_start_leaves_no_trace_in_the_answer():
    kept = kept_with_room(64, 3)
    full = different_jobs(7, jobs=40)
    rng = np.random.default_rng(1)
    warm_pivots, cold_pivots = 0.0, 0.0
    for turn in range(6):
        stays = np.ones(40, dtype=bool)
        stays[rng.choice(40, 2, replace=False)] = False
        program = part_of(full, stays)
        warm, cold = by_simplex(program, kept), by_simplex(program)
        assert warm is not None
        assert cold is not None
        for one, other in zip(warm[:3], cold[:3], strict=True):
            assert one.tobytes() == other.tobytes()
        if turn:
            warm_pivots += warm.summary[5]
            cold_pivots += cold.summary[5]
    assert warm_pivots < 0.5 * cold_pivots


def test_a_start_from_quite_another_program_does_no_harm():
    kept = kept_with_room(64, 3)
    for seed in range(4):
        program = different_jobs(seed, jobs=20 + 5 * seed, load=4.0 + seed)
        warm, cold = by_simplex(program, kept), by_simplex(program)
        assert (warm is None) == (cold is None)
        assert warm is None or warm.x.tobytes() == cold.x.tobytes()


def test_where_workers_are_for_all_it_is_left_to_others():
    """Whoever asks first: both methods would find that centre, in other bits."""
    program = in_short_supply(3, groups=6)
    assert by_simplex(program) is not None
    blocks = replace(program.blocks, workers=np.full(3, 10.0 * program.blocks.use.sum()))
    assert by_simplex(replace(program, blocks=blocks)) is None


def test_the_door_asks_it_first_where_it_had_the_last_answer(monkeypatch):
    memory = Memory()
    full = different_jobs(9, jobs=30)
    asked = []
    for name in ("_at_vertex", "_at_bottleneck"):
        plain = getattr(door, name)
        monkeypatch.setattr(
            door, name, lambda *given, name=name, plain=plain: asked.append(name) or plain(*given)
        )
    for _ in range(2):
        optimum(full, "canonical", memory)
    assert asked == ["_at_bottleneck", "_at_vertex", "_at_vertex"]


def some_full(seed, slopes=(1.0, 1.0)):
    """Jobs of which the first three are held at all that they can reach, two of them beside others at no loss."""
    program = different_jobs(seed, jobs=24, load=2.0)
    blocks = program.blocks
    pairs = blocks.pairs
    fastest = blocks.rate.max(axis=1)
    full = np.arange(24) < 3
    rate = pairs.rate.copy()
    for side in (0, 1):
        held = pairs.member[:, side] < 2
        rate[held, side] = np.minimum(
            1.25 * rate[held, side], fastest[pairs.member[held, side], None]
        )
    rng = np.random.default_rng(seed)
    slope = np.where(full, 0.0, rng.uniform(*slopes, 24))
    floor = np.where(full, fastest, 0.1 * rng.random(24))
    pairs = replace(pairs, rate=rate)
    return AllocationProgram(replace(blocks, pairs=pairs), slope, floor)


def test_groups_that_are_held_at_all_they_can_reach_have_their_time_as_a_row():
    kept, taken = kept_with_room(64, 3), 0
    for seed in range(8):
        program = some_full(seed, (0.5, 2.0))
        cold = by_simplex(program)
        if cold is None:
            continue
        taken += 1
        assert cold.summary[1] == pytest.approx(Highs().solve(lower(program)).objective, rel=1e-9)
        levels = program.blocks.levels(cold.x)
        np.testing.assert_allclose(levels[:3], program.floor[:3], rtol=1e-11)
        assert (levels >= program.floor + program.slope * cold.summary[1] - 1e-10).all()
        used, time = program.blocks.demand(cold.x)
        assert (used <= program.blocks.workers + 1e-10).all()
        assert (time <= 1.0 + 1e-11).all()
        by_simplex(replace(program, slope=np.ones(24), floor=np.zeros(24)), kept)
        for _ in range(2):
            warm = by_simplex(program, kept)
            for one, other in zip(warm[:3], cold[:3], strict=True):
                assert one.tobytes() == other.tobytes()
    assert taken >= 5


def test_two_jobs_that_are_full_may_be_a_pair():
    """Interpreted, so that no index can go astray unseen; what both are slower by is that of their one group."""
    program = some_full(1)
    blocks = program.blocks
    pairs = blocks.pairs
    twice = np.where(np.arange(24) < 1, 2, 1)
    itself = replace(
        pairs,
        member=np.concatenate([[[0, 0]], pairs.member]),
        rate=np.concatenate([0.6 * np.stack([[blocks.rate[0]] * 2]), pairs.rate]),
        share=np.concatenate([[[0.5, 0.5]], pairs.share]),
        use=np.concatenate([[1.0], pairs.use]),
    )
    both = replace(
        program,
        blocks=replace(blocks, count=twice, use=twice * blocks.use, pairs=itself, key=None),
    )
    wrapped = both.blocks.pairs
    none = np.empty(0)
    given = Given(
        both.blocks.rate,
        both.blocks.use,
        twice,
        both.blocks.workers,
        both.slope,
        both.floor,
        none,
        none,
        none,
    )
    columns = columns_of.interpreted(
        given, Pairs(wrapped.member, wrapped.rate, wrapped.share, wrapped.use)
    )
    assert (columns.lag_two[columns.two > 48] == 0.0).all()
    assert columns.lag[24].min() > 0.0
    found = by_simplex(both, solve=solve_contended.interpreted)
    assert found is not None
    assert found.summary[1] == pytest.approx(Highs().solve(lower(both)).objective, rel=1e-9)
    levels = both.blocks.levels(found.x)
    assert levels[0] == pytest.approx(both.floor[0], rel=1e-11)


def test_duals_say_what_a_lower_floor_gains():
    """By slopes that differ, beside a program that gives up that much; of a full group, whose duals are many, at most that."""
    told = 0
    for seed in range(6):
        program = some_full(seed, (0.5, 2.0))
        found = by_simplex(program)
        if found is None:
            continue
        for group in (0, 1, 2, 5, 11):
            less = 1e-4 * program.floor[group]
            floor = program.floor - np.where(np.arange(24) == group, less, 0.0)
            more = Highs().solve(lower(replace(program, floor=floor))).objective
            gained, priced = more - found.summary[1], less * found.level_dual[group]
            assert gained <= priced * (1.0 + 1e-6) + 1e-9
            if group > 2:
                assert gained == pytest.approx(priced, rel=1e-6, abs=1e-9)
            told += gained > 1e-7
    assert told >= 15


def test_the_memory_hands_on_what_is_most_alike():
    memory = Memory()
    twenty, thirty = np.arange(20), np.arange(30)
    for key in (twenty, thirty):
        kept = memory.for_vertices(key, np.zeros(key.size, dtype=bool), 3)
        kept.size[0] = key.size
        kept.key[: key.size] = key
        kept.level[: key.size] = key.size
    held = thirty < 15
    kept = memory.for_vertices(thirty, held, 3)
    assert kept.level[0] == 30.0
    kept.full[:30] = held
    kept.level[:30] = 31.0
    for key, full, level in (
        (thirty, held, 31.0),
        (thirty, ~held & False, 30.0),
        (twenty, 0 * twenty > 0, 30.0),
    ):
        assert memory.for_vertices(key, full, 3).level[0] == level
    assert memory.for_vertices(twenty + 100, 0 * twenty > 0, 3).size[0] == 0


def test_memory_keeps_the_last_rooms_only() -> None:
    memory = Memory()
    rooms = [memory.room_for_vertices(4, 3) for _ in range(PROGRAMS + 5)]
    assert list(map(id, memory.vertices)) == list(map(id, rooms[5:]))
