"""Pairs priced in as they are needed give the optimum of the whole program, whatever they start from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from bench.cliffs import later, nearly_enough, with_deadlines
from bench.packed import states
from gavel_opt import Driver, make_policy
from gavel_opt.engines.highs import Highs
from gavel_opt.model.allocation_program import AllocationProgram, Blocks, PairBlocks
from gavel_opt.model.lowering import lower
from gavel_opt.policies import throughput_sum
from gavel_opt.solver import optimum as door
from gavel_opt.solver import packed_optimum as packed
from gavel_opt.solver.column_generation import (
    alike_groups,
    central_start,
    centre_of_pairs,
    face_columns,
    face_parts,
    joint_equations,
    kept_centre,
    restricted_master,
    rounds_of_pricing,
    tiles,
)
from gavel_opt.solver.column_generation.pair_pricing import pair_entries
from gavel_opt.solver.column_generation.restricted_master import RestrictedMaster
from gavel_opt.solver.column_generation.rounds_of_pricing import ColumnMemory
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram
from gavel_opt.solver.memory import Memory
from gavel_opt.solver.packed_optimum import packed_optimum

DEADLINES = "max_sum_throughput_normalized_by_cost_packed_SLOs"


def different_jobs(seed: int, jobs: int = 50, load: float = 8.0) -> AllocationProgram:
    """Max-min fairness of jobs that have nothing in common, some pairs of which run nowhere."""
    rng = np.random.default_rng(seed)
    types = 3
    rate = rng.uniform(0.3, 3.0, (jobs, types))
    rate[rng.random(rate.shape) < 0.1] = 0.0
    rate[:, 0] += 0.1
    scale = rng.choice([1.0, 2.0, 4.0], jobs, p=[0.7, 0.2, 0.1])
    one, two = np.triu_indices(jobs, 1)
    alike = scale[one] == scale[two]
    member = np.stack([one, two], axis=1)[alike]
    beside = rng.uniform(0.35, 0.95, (member.shape[0], 2, types))
    beside *= rng.random((member.shape[0], 1, types)) < 0.8
    beside *= (scale[member[:, 0]] < 4.0)[:, None, None]
    pairs = PairBlocks(member, rate[member] * beside, np.ones(member.shape), scale[member[:, 0]])
    workers = np.maximum(np.round(scale.sum() / load / types * np.ones(types)), 1.0)
    blocks = Blocks(rate, scale, np.ones(jobs, np.int64), workers, pairs=pairs, key=np.arange(jobs))
    return AllocationProgram(blocks, np.ones(jobs), np.zeros(jobs))


def with_reward(program: AllocationProgram, seed: int) -> AllocationProgram:
    """The largest sum of throughputs, with floors that only pairs reach together."""
    blocks = program.blocks
    assert blocks.pairs is not None
    reward = np.concatenate([blocks.rate, blocks.pairs.rate.sum(axis=1)])
    price = np.random.default_rng(seed).uniform(0.5, 2.0, blocks.types)
    level = Highs().solve(lower(program)).objective
    return AllocationProgram(
        blocks,
        np.zeros(blocks.groups),
        np.where(np.arange(blocks.groups) % 2 == 0, 0.999 * level, -np.inf),
        reward / price,
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["level", "reward"])
def test_it_is_the_optimum_of_the_whole_program(seed, kind):
    program = different_jobs(seed)
    if kind == "reward":
        program = with_reward(program, seed)
    found = packed_optimum(program, None, None)
    assert found is not None, "no vertex"
    answer, certificate, _ = found
    assert certificate.within(1e-11)
    whole = Highs().solve(lower(program))
    assert answer.objective == pytest.approx(whole.objective, rel=1e-8)
    blocks = program.blocks
    used, time = blocks.demand(answer.x)
    assert (used <= blocks.workers * (1 + 1e-11)).all()
    assert (time <= 1 + 1e-11).all()


@pytest.mark.parametrize("seed", range(4))
def test_many_groups_start_near_the_optimum_and_end_where_few_do(seed, monkeypatch):
    program = different_jobs(seed, jobs=150, load=2.6)
    found, _, pivots = _found(program)
    monkeypatch.setattr(central_start, "FROM", 100)
    near, proof, few = _found(program)
    assert proof.within(1e-11)
    assert 5 * few < pivots
    assert (near.x == found.x).all()
    assert (near.level_dual == found.level_dual).all()


def test_a_thousand_different_jobs_take_few_pivots(monkeypatch):
    pivots = []
    generate = packed.generate

    def counted(*about, **asked):
        basis, many = generate(*about, **asked)
        pivots.append(many)
        return basis, many

    monkeypatch.setattr(packed, "generate", counted)
    state = nearly_enough(central_start.FROM, 0.4)
    Driver(make_policy("max_min_fairness_packed"), "structured").allocate(state)
    assert 0 < max(pivots) < state.job.size


@pytest.mark.parametrize(("policy", "rounds"), [("max_min_fairness_packed", 1), (DEADLINES, 0)])
def test_rounds_go_on_from_central_prices_where_nearly_all_rise(policy, rounds, monkeypatch):
    """Of fewer, whose deadlines can be kept, twice as many pivots take less time."""
    asked = []

    def counted(*about):
        asked.append(about)
        return nearer(*about)

    nearer = rounds_of_pricing.nearer
    monkeypatch.setattr(rounds_of_pricing, "nearer", counted)
    whole = next(states("distinct", central_start.FROM + 80, 1))
    driver = Driver(make_policy(policy), "structured")
    for gone in (0, 80):
        driver.allocate(some(whole, np.arange(gone, central_start.FROM + gone)))
    assert len(asked) == rounds


def some(state, job):
    """A state with some of its jobs."""
    names = ("job", "key", "scale_factor", "weight", "steps_left", "age", "deadline")
    return replace(state, **{name: getattr(state, name)[job] for name in names})


def _found(program):
    found = packed_optimum(program, None, None)
    assert found is not None
    return found


def test_a_column_has_what_its_pair_adds_and_takes():
    program = different_jobs(5, jobs=9)
    blocks, pairs = program.blocks, program.blocks.pairs
    assert pairs is not None
    itself = PairBlocks(
        np.concatenate([pairs.member, [[4, 4]]]),
        np.concatenate([pairs.rate, pairs.rate[:1]]),
        np.concatenate([pairs.share, [[0.75, 0.5]]]),
        np.concatenate([pairs.use, [2.0]]),
    )
    scaled = ScaledProgram.of(replace(program, blocks=replace(blocks, pairs=itself)))
    groups, types = blocks.rate.shape
    column = np.arange(itself.use.size * types)[::-1].copy()
    rows, values = scaled.entries(column)
    found = np.zeros((column.size, 2 * groups + types))
    np.add.at(found, (np.arange(column.size)[:, None], rows), values)
    for place, (pair, kind) in enumerate(np.stack(np.divmod(column, types), axis=1)):
        expected = np.zeros(2 * groups + types)
        for side, member in enumerate(itself.member[pair]):
            share = itself.share[pair, side]
            expected[member] += share * itself.rate[pair, side, kind] * scaled.scale[member]
            expected[groups + member] += share
        expected[2 * groups + kind] = itself.use[pair]
        assert (found[place] == expected).all()
    assert (values[rows[:, 0] == rows[:, 1], 1] == 0.0).all()
    twin = pair_entries.interpreted(scaled.pairs, column)
    assert all(map(np.array_equal, twin, (rows, values)))


def test_it_is_the_point_that_the_interior_point_method_finds(monkeypatch):
    program = different_jobs(3, jobs=16)
    found = packed_optimum(program, None, None)
    assert found is not None
    monkeypatch.setattr(door, "PRICED_IN_FROM", 1000)
    answer, certificate, _ = door.optimum(program, "canonical")
    assert certificate.within(door.PROVED)
    np.testing.assert_allclose(found[0].x, answer.x, atol=1e-9)
    np.testing.assert_allclose(found[0].level_dual, answer.level_dual, atol=1e-9)


def test_few_groups_without_a_proof_are_priced_in_too(monkeypatch):
    """The interior point method's answer is refused; what its own pricing finds is not."""
    program = different_jobs(3, jobs=16)
    found = packed_optimum(program, None, None)
    assert found is not None
    monkeypatch.setattr(door, "PROVED", -1.0)
    monkeypatch.setattr(door, "PIVOTED_UP_TO", 0)
    answer, certificate, _ = door.optimum(program, "canonical")
    assert certificate.within(1e-11)
    assert answer.x.tobytes() == found[0].x.tobytes()


def test_the_start_leaves_no_trace_in_the_answer():
    memory = ColumnMemory()
    full = different_jobs(5, jobs=60)
    rng = np.random.default_rng(0)
    stays = np.ones(60, dtype=bool)
    for turn in range(4):
        stays[rng.choice(np.flatnonzero(stays), 2, replace=False)] = False
        program = part_of(full, stays)
        warm = packed_optimum(program, None, memory)
        cold = packed_optimum(program, None, None)
        assert warm is not None
        assert cold is not None
        assert warm[0].x.tobytes() == cold[0].x.tobytes()
        assert warm[0].level_dual.tobytes() == cold[0].level_dual.tobytes()
        assert turn == 0 or warm[2] < 0.7 * cold[2], "a warm start that saves nothing"


def part_of(program: AllocationProgram, stays: np.ndarray) -> AllocationProgram:
    """The program of some of its jobs."""
    blocks, pairs = program.blocks, program.blocks.pairs
    assert pairs is not None
    place = np.cumsum(stays) - 1
    both = stays[pairs.member].all(axis=1)
    kept = PairBlocks(
        place[pairs.member[both]], pairs.rate[both], pairs.share[both], pairs.use[both]
    )
    part = replace(
        blocks,
        rate=blocks.rate[stays],
        use=blocks.use[stays],
        count=blocks.count[stays],
        pairs=kept,
        key=np.flatnonzero(stays),
    )
    return AllocationProgram(part, program.slope[stays], program.floor[stays])


def test_a_certificate_covers_the_pairs_that_never_were_in_the_program(monkeypatch):
    """Pricing that misses pairs must be found out by the proof, which goes over all of them."""
    from gavel_opt.solver.column_generation import rounds_of_pricing

    program = different_jobs(1)
    none = np.full((50, 1), -1, dtype=np.int64)
    monkeypatch.setattr(rounds_of_pricing, "paying_columns", lambda *_: (none, none * 1.0))
    assert packed_optimum(program, None, None) is None


def test_efficient_is_proven_as_well():
    program = different_jobs(2)
    answer, certificate, _ = door.optimum(program, "efficient")
    assert certificate.within(door.PROVED)
    assert answer.worth_proof is not None
    assert max(answer.worth_proof) < 1e-9


@pytest.mark.parametrize("tie_break", ["canonical", "efficient"])
@pytest.mark.parametrize("seed", range(2))
def test_the_centre_of_many_pairs_is_the_interior_point_methods(monkeypatch, seed, tie_break):
    """A job that sets the level leaves room to most pairs, those that idle among them."""
    program = different_jobs(seed, jobs=24, load=1.5)
    gain = door.gain_of(program) if tie_break == "efficient" else None
    found = packed_optimum(program, gain, None)
    assert found is not None
    if gain is None:
        assert (found[0].x > 0.0).sum() > 250, "no face of many pairs"
    monkeypatch.setattr(door, "PRICED_IN_FROM", 1000)
    answer, certificate, _ = door.optimum(program, tie_break)
    assert certificate.within(door.PROVED)
    np.testing.assert_allclose(found[0].x, answer.x, atol=2e-9)
    if gain is not None:
        assert found[0].worth_proof is not None
        assert max(found[0].worth_proof) < 1e-9


def thin_face(jobs: int = 24) -> AllocationProgram:
    """One job sets the level, at which the others leave one part in 100,000 of what workers can do."""
    program = different_jobs(3, jobs=jobs, load=1.0)
    most = packed_optimum(program, None, None)
    assert most is not None
    blocks = program.blocks
    slope = np.full(jobs, most[0].level * (1.0 - 1e-5))
    pairs = blocks.pairs
    assert pairs is not None
    rate, beside = blocks.rate.copy(), pairs.rate.copy()
    rate[0], beside[pairs.member[:, 0] == 0, 0] = 0.0, 0.0
    rate[0, 0] = most[0].level * (1.0 - 1e-5)
    # at a level of 1 the first job needs all of its time on the first type
    return AllocationProgram(
        replace(blocks, rate=rate, pairs=replace(pairs, rate=beside)), slope, np.zeros(jobs)
    )


def test_a_thin_face_has_its_centre():
    program = thin_face()
    found = packed_optimum(program, None, None)
    assert found is not None
    answer, certificate, _ = found
    assert certificate.within(1e-11)
    assert (answer.x > 0.0).sum() > 100, "no face of many pairs"


def test_a_centre_depends_on_neither_the_order_of_jobs_nor_what_was_solved_before():
    program = different_jobs(1, jobs=24, load=1.5)
    found = packed_optimum(program, None, None)
    assert found is not None
    memory = ColumnMemory()
    assert packed_optimum(part_of(program, np.arange(24) != 5), None, memory) is not None
    later = packed_optimum(program, None, memory)
    assert later is not None
    np.testing.assert_allclose(later[0].x, found[0].x, atol=1e-12)

    blocks, pairs = program.blocks, program.blocks.pairs
    assert pairs is not None
    order = np.random.default_rng(0).permutation(24)
    place = np.argsort(order)
    member = np.sort(place[pairs.member], axis=1)
    turned = place[pairs.member[:, 0]] > place[pairs.member[:, 1]]
    rate = np.where(turned[:, None, None], pairs.rate[:, ::-1], pairs.rate)
    in_order = np.lexsort(member.T[::-1])
    mixed = replace(
        blocks,
        rate=blocks.rate[order],
        use=blocks.use[order],
        pairs=replace(pairs, member=member[in_order], rate=rate[in_order], use=pairs.use[in_order]),
    )
    other = packed_optimum(AllocationProgram(mixed, program.slope, program.floor), None, None)
    assert other is not None
    np.testing.assert_allclose(other[0].x[:24], found[0].x[:24][order], atol=1e-11)
    np.testing.assert_allclose(other[0].x[24:], found[0].x[24:][in_order], atol=1e-11)


def some_leave_and_come(program: AllocationProgram, seed: int) -> Iterator[AllocationProgram]:
    """Successive programs of nearly the same jobs, which are further on each time."""
    rng = np.random.default_rng(seed)
    jobs = program.blocks.groups
    stays = np.arange(jobs) < jobs - 4
    for coming in range(jobs - 4, jobs):
        yield part_of(program, stays)
        stays[rng.choice(np.flatnonzero(stays))], stays[coming] = False, True
        program = replace(program, slope=program.slope * rng.uniform(0.97, 1.0, jobs))


@pytest.mark.parametrize("seed", range(3))
def test_a_centre_is_few_steps_from_the_last_and_has_the_same_bits(monkeypatch, seed):
    factored, real = [], joint_equations.JointEquations.factor
    monkeypatch.setattr(
        joint_equations.JointEquations, "factor", lambda self: factored.append(1) or real(self)
    )
    memory, steps = ColumnMemory(), np.zeros((4, 2))
    for turn, program in enumerate(some_leave_and_come(different_jobs(seed, 60, 1.5), seed)):
        answers = []
        for side, kept in enumerate((memory, None)):
            factored.clear()
            answers.append(packed_optimum(program, None, kept))
            steps[turn, side] = len(factored)
        warm, cold = answers
        assert warm is not None
        assert cold is not None
        assert warm[0].x.tobytes() == cold[0].x.tobytes()
    assert steps[1:, 0].max() < steps[1:, 1].min(), "a start from the last that saves nothing"
    assert steps[1:, 0].sum() < 0.6 * steps[1:, 1].sum()


HARD = {False: (12, 32, 152, 180, 395), True: (5, 14, 142, 151, 337)}
"""Seeds whose faces had other centres after another start: a level's last bit, rounding taken for a price of time (up to
0.66 of a share), and rows found to say what others do far from the centre."""


@pytest.mark.parametrize("counts", [False, True])
def test_a_centre_where_rows_say_what_others_do_has_the_same_bits(counts):
    """Prices of such rows are not the only ones: one of two ways to a centre finds others."""
    for seed in (*range(8), *HARD[counts]):
        program, memory = alike_jobs(seed, counts), ColumnMemory()
        other = replace(program, slope=program.slope * (1.0 - 1e-3 * np.arange(12)))
        for one in (other, program):
            blocks = replace(one.blocks, key=np.arange(12))
            warm = packed_optimum(replace(one, blocks=blocks), None, memory)
        cold = packed_optimum(program, None, None)
        assert warm is not None
        assert cold is not None
        assert warm[0].level == cold[0].level, f"seed {seed}"
        assert warm[0].x.tobytes() == cold[0].x.tobytes(), f"seed {seed}"


@pytest.mark.parametrize("least", [3, 1000])
def test_prices_that_are_far_from_the_centre_lead_there_too(monkeypatch, least):
    """With every second job's time ten times too dear a first step is a sixtieth of the way. In tiles, and in a list."""
    monkeypatch.setattr(face_parts, "LEAST", least)
    tried, memory = [], ColumnMemory()
    program = different_jobs(1, jobs=24, load=1.5)
    cold = packed_optimum(program, None, memory)
    near = kept_centre.KeptCentre.start
    dear = np.ones(2 * 24 + 3)
    dear[24:48:2] = 10.0
    monkeypatch.setattr(
        kept_centre.KeptCentre,
        "start",
        lambda *given: tried.append(near(*given)) or dear * tried[-1],
    )
    monkeypatch.delattr(centre_of_pairs._Search, "_from_outside")
    warm = packed_optimum(program, None, memory)
    assert len(tried) == 1
    assert warm is not None
    assert cold is not None
    assert warm[0].x.tobytes() == cold[0].x.tobytes()


def test_prices_to_start_from_are_in_proportion_to_jobs(monkeypatch):
    faces, real, memory = [], packed.centre, ColumnMemory()
    monkeypatch.setattr(
        packed, "centre", lambda face, *more: faces.append(face) or real(face, *more)
    )
    assert packed_optimum(different_jobs(1, jobs=24, load=1.5), None, memory) is not None
    (face,), last = faces, memory.centre
    assert last is not None
    jobs, times, given = np.full(24, 2.0), np.ones(2 * 24 + 3), (np.arange(24), np.ones(24))
    last = last._replace(jobs=jobs.copy())
    before = last.start(face._replace(jobs=jobs.copy()), *given)
    jobs[5], times[[5, 24 + 5]] = 4.0, 2.0
    then = last.start(face._replace(jobs=jobs), *given)
    assert before is not None
    assert then is not None
    np.testing.assert_array_equal(then, times * before)


def test_next_calls_where_one_job_sets_the_level_take_few_sets_of_equations(monkeypatch):
    """Interiors are thin there; three jobs become like others between two calls, and in the third a pair of two alike is on the face."""
    sets, real = [], joint_equations.JointEquations.factor
    monkeypatch.setattr(
        joint_equations.JointEquations, "factor", lambda self: sets.append(1) or real(self)
    )
    state = nearly_enough(300, 0.5)
    driver = Driver(make_policy("max_min_fairness_packed"), "structured")
    driver.allocate(state)
    for call in range(4):
        sets.clear()
        state = later(state, call)
        warm = driver.allocate(state)
        assert len(sets) <= 7, f"call {call}"
    cold = Driver(make_policy("max_min_fairness_packed"), "structured").allocate(state)
    assert warm.x.tobytes() == cold.x.tobytes()
    assert warm.pair_x.tobytes() == cold.pair_x.tobytes()


def test_a_step_leaves_a_part_of_each_share_and_cost():
    """And tells where it did, but for places in tiles that stay empty."""
    x, z = np.array([1.0, 1.0, 1.0, 0.0]), np.ones(4)
    dx, dz = np.array([-0.5, -0.9, 3.0, 0.0]), np.array([1.0, 0.0, -2.0, -2.0])
    point = face_columns.Point(x, z, dx, dz)
    assert face_columns.take(point, 0.25) == 2
    assert x.tolist() == [0.5, 0.25, 4.0, 0.0]
    assert z.tolist() == [2.0, 1.0, 0.25, 0.25]


@pytest.mark.parametrize("family", ["level", "reward", "alone"])
def test_programs_start_from_the_most_alike_of_those_before(family):
    """Asked in turns, each starts from its own last one."""
    memory = ColumnMemory()
    full = different_jobs(7, jobs=60)
    first, others = full, [with_reward(full, 7), part_of(full, np.arange(60) < 40)]
    cold = packed_optimum(first, None, None)
    assert cold is not None
    for program in (first, *others):
        assert packed_optimum(program, None, memory) is not None
    again = packed_optimum(
        {"level": first, "reward": others[0], "alone": others[1]}[family], None, memory
    )
    assert again is not None
    assert again[2] == 0, "a start from another program"


def without_a_part_in_the_level(program: AllocationProgram, left: np.ndarray) -> AllocationProgram:
    """The program in which only some groups have rows."""
    slope, floor = np.where(left, program.slope, 0.0), np.where(left, program.floor, -np.inf)
    return replace(program, slope=slope, floor=floor, probe=True)


@pytest.mark.parametrize("seed", [0, 2, 3, 4])
def test_where_groups_leave_the_level_the_last_basis_pays_nothing_still(seed):
    """As where deadlines are given up one after the other, and taken back."""
    full, memory = replace(different_jobs(seed, jobs=60), probe=True), ColumnMemory()
    dearest = packed_optimum(full, None, memory)
    assert dearest is not None
    order = np.argsort(-dearest[0].level_dual)
    for many in (1, 2, 5, 4):
        left = np.ones(60, dtype=bool)
        left[order[:many]] = False
        program = without_a_part_in_the_level(full, left)
        scaled = ScaledProgram.of(program)
        start = memory.start(scaled, np.arange(60), probe=True)
        assert start is not None
        assert start.pays_nothing
        assert dual_infeasibilities(RestrictedMaster(scaled, start)) == 0
        warm, cold = (packed_optimum(program, None, kept) for kept in (memory, None))
        assert warm is not None
        assert cold is not None
        assert warm[0].x.tobytes() == cold[0].x.tobytes()
        assert warm[0].level_dual.tobytes() == cold[0].level_dual.tobytes()


def test_groups_that_stand_elsewhere_do_not_keep_each_others_rows():
    """Slopes of old rows are found by place."""
    full, memory = replace(different_jobs(0, jobs=60), probe=True), ColumnMemory()
    assert packed_optimum(full, None, memory) is not None
    for key, stands in ((np.arange(60), True), (np.arange(60)[::-1].copy(), False)):
        start = memory.start(ScaledProgram.of(full), key, probe=True)
        assert start is not None
        assert start.pays_nothing is stands


def dual_infeasibilities(master: RestrictedMaster) -> int:
    """How many columns and rows pay at the basis from which a program starts."""
    master._solver.setOptionValue("simplex_iteration_limit", 0)
    master._solver.run()
    return int(master._solver.getInfo().num_dual_infeasibilities)


def nearly_tied(seed: int, apart: float, jobs: int = 60) -> AllocationProgram:
    """Jobs of which half are as fast as others of them, alone and in pairs, but for a part of their speed."""
    program, rng = different_jobs(seed, jobs), np.random.default_rng(100 + seed)
    blocks, pairs = program.blocks, program.blocks.pairs
    assert pairs is not None
    like = np.where(np.arange(jobs) < jobs // 2, np.arange(jobs), rng.integers(0, jobs // 2, jobs))
    number = {tuple(member): k for k, member in enumerate(pairs.member.tolist())}
    member, rate, use = [], [], []
    for one, two in combinations(range(jobs), 2):
        as_those = tuple(sorted((int(like[one]), int(like[two]))))
        if as_those in number:
            pair = number[as_those]
            turned = like[one] > like[two]
            member.append((one, two))
            rate.append(pairs.rate[pair, ::-1] if turned else pairs.rate[pair])
            use.append(pairs.use[pair])
    place, speed = np.array(member), np.array(rate)
    speed *= 1.0 + apart * rng.standard_normal(speed.shape)
    alone = blocks.rate[like] * (1.0 + apart * rng.standard_normal(blocks.rate.shape))
    both = PairBlocks(place, speed, np.ones(place.shape), np.array(use))
    return replace(program, blocks=replace(blocks, rate=alone, use=blocks.use[like], pairs=both))


@pytest.mark.parametrize("apart", [3e-13, 1e-12, 1e-11])
@pytest.mark.parametrize("seed", range(2))
def test_near_ties_are_decided_alike_from_wherever(seed, apart):
    """Columns that pay by less than counts as nothing were left out: 41 of 48 such answers were others, by up to 0.24."""
    program, rng = nearly_tied(seed, apart), np.random.default_rng(seed)
    fresh = packed_optimum(program, None, None)
    assert fresh is not None
    for many in (30, 54, 57):
        memory = ColumnMemory()
        packed_optimum(
            part_of(program, np.isin(np.arange(60), rng.permutation(60)[:many])), None, memory
        )
        warm = packed_optimum(program, None, memory)
        assert warm is not None
        assert warm[0].x.tobytes() == fresh[0].x.tobytes()


@pytest.mark.parametrize("seed", range(3))
def test_near_ties_are_decided_alike_by_whichever_method(seed):
    """A vertex at whose prices a column pays by a little is left to the next method; what is left are last digits."""
    program, rng = nearly_tied(seed, 1e-12), np.random.default_rng(seed)
    fresh, _, _ = door.optimum(program, "canonical")
    for many in (30, 54, 57):
        memory = Memory()
        door.optimum(
            part_of(program, np.isin(np.arange(60), rng.permutation(60)[:many])),
            "canonical",
            memory,
        )
        warm, _, _ = door.optimum(program, "canonical", memory)
        np.testing.assert_allclose(warm.x, fresh.x, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_where_the_primal_method_goes_round_in_circles_the_dual_one_goes_on(monkeypatch, seed):
    """Its limit is one pivot here: a start from nothing is by the dual method, and all rounds after it have to change."""
    program, methods = different_jobs(seed), []
    expected = packed_optimum(program, None, None)
    real = RestrictedMaster.is_solved_within

    def soon(master, pivots):
        primal = master._solver.getOptionValue("simplex_strategy")[1] == restricted_master._PRIMAL
        methods.append("primal" if primal else "dual")
        return real(master, 1 if primal else pivots)

    monkeypatch.setattr(RestrictedMaster, "is_solved_within", soon)
    found = packed_optimum(program, None, None)
    assert methods[:3] == ["dual", "primal", "dual"]
    assert found is not None
    assert expected is not None
    assert found[0].x.tobytes() == expected[0].x.tobytes()
    assert found[0].level_dual.tobytes() == expected[0].level_dual.tobytes()


@pytest.mark.parametrize(
    ("asked", "only_prices", "vertices"),
    [
        ({"enough": 1.01}, False, 2),
        ({"enough": 0.99}, False, 1),
        ({"too_little": 1.01}, False, 2),
        ({"too_little": 1.01}, True, 1),
        ({"too_little": 0.99}, True, 2),
    ],
)
def test_where_a_level_is_enough_any_optimum_is(monkeypatch, asked, only_prices, vertices):
    """A vertex of several is looked for again from nothing, unless its level, or the only prices, are all that is asked for."""
    found, real = [], packed.vertex
    program = replace(different_jobs(5, jobs=60), probe=True)
    memory = ColumnMemory()
    first = packed_optimum(program, None, memory)
    assert first is not None
    monkeypatch.setattr(
        packed,
        "vertex",
        lambda *of: (
            found.append(replace(real(*of), only=False, only_prices=only_prices)) or found[-1]
        ),
    )
    levels = {name: part * first[0].level for name, part in asked.items()}
    again = packed_optimum(replace(program, **levels), None, memory)
    assert again is not None
    assert len(found) == vertices


@pytest.mark.parametrize("seed", [0, 2, 5])
def test_shares_that_reach_enough_are_answer_and_proof(seed):
    """No pairs come for more than that; what is kept is a start, though no optimum."""
    program, cold = replace(different_jobs(seed, jobs=60), probe=True), packed_optimum
    best = cold(program, None, None)
    assert best is not None
    asked, memory = replace(program, enough=0.5 * best[0].level), ColumnMemory()
    found = cold(asked, None, memory)
    assert found is not None
    answer, proof, pivots = found
    assert pivots < 0.6 * best[2]
    assert asked.enough <= answer.level < 0.9 * best[0].level
    assert proof.within(1e-12)
    assert program.blocks.levels(answer.x).min() >= asked.enough
    used, time = program.blocks.demand(answer.x)
    assert (used <= program.blocks.workers + 1e-9).all()
    assert time.max() <= 1.0 + 1e-12
    again = cold(program, None, memory)
    assert again is not None
    assert again[1].within(1e-9)
    assert again[0].level == pytest.approx(best[0].level, rel=1e-12)
    assert again[2] < best[2]
    beyond = cold(replace(program, enough=1.01 * best[0].level), None, None)
    assert beyond is not None
    assert beyond[0].level_dual.tobytes() == best[0].level_dual.tobytes()


def test_what_ends_once_it_is_enough_agrees_with_other_engines_and_is_recorded_whole():
    """A probe that reached enough has no optimum's objective: not to be taken for a mistake of HiGHS', nor for an optimum."""
    state = next(states("distinct", 130))
    recorded = []
    answers = [
        Driver(make_policy(DEADLINES), engine, recorder=recorder).allocate(state)
        for engine, recorder in (
            ("structured", None),
            ("highs", None),
            ("structured", lambda *solved: recorded.append(solved)),
        )
    ]
    for answer in answers[1:]:
        assert answer.x.tobytes() == answers[0].x.tobytes()
        assert answer.pair_x is not None
        assert answers[0].pair_x is not None
        assert answer.pair_x.tobytes() == answers[0].pair_x.tobytes()
    assert len(recorded) > 2
    for program, solution in recorded:
        assert solution.objective == pytest.approx(Highs().solve(program).objective, rel=1e-9)


def test_deadlines_of_much_alike_jobs_start_from_the_last_ones(monkeypatch):
    """Jobs of few types have many optima with the only prices: which deadlines go does not depend on the start."""
    monkeypatch.setattr(throughput_sum, "_TIMES_AS_FEW", np.inf)  # not in pools
    state, driver = with_deadlines(90), Driver(make_policy(DEADLINES), "structured")
    driver.allocate(state)
    cold, real = [], packed.generate
    monkeypatch.setattr(
        packed,
        "generate",
        lambda program, start, **asked: cold.append(start is None) or real(program, start, **asked),
    )
    for call in range(3):
        state = later(state, call)
        cold.clear()
        warm = driver.allocate(state)
        assert len(cold) >= 3
        assert not any(cold)
        fresh = Driver(make_policy(DEADLINES), "structured").allocate(state)
        assert warm.x.tobytes() == fresh.x.tobytes()
        assert warm.pair_x is not None
        assert fresh.pair_x is not None
        assert warm.pair_x.tobytes() == fresh.pair_x.tobytes()


@pytest.mark.parametrize("seed", range(3))
def test_the_centre_is_the_same_with_pairs_in_tiles_and_in_a_list(monkeypatch, seed):
    """Sets of some tens of groups and of few, pairs that idle, and places in tiles that stay empty."""
    program = different_jobs(seed, jobs=30, load=1.5)
    pairs = program.blocks.pairs
    assert pairs is not None
    there = np.arange(pairs.use.size) % 7 > 0
    columns = pairs.member, pairs.rate, pairs.share, pairs.use
    fewer = PairBlocks(*(column[there] for column in columns))
    program = replace(program, blocks=replace(program.blocks, pairs=fewer))
    found, filled, real = [], [], tiles.fill_tiles
    monkeypatch.setattr(tiles, "fill_tiles", lambda *given: filled.append(given) or real(*given))
    for least in (3, 1000):
        monkeypatch.setattr(face_parts, "LEAST", least)
        one = packed_optimum(program, None, None)
        assert one is not None
        found.append(one[0].x)
    assert len(filled) == 1
    there = filled[0][0].weight > 0.0
    assert 100 < there.sum() < there.size, "all is in the list, or no place is empty"
    np.testing.assert_allclose(found[0], found[1], rtol=0.0, atol=1e-12)


def test_without_a_centre_the_vertex_is_that_of_a_cold_start(monkeypatch):
    """Where passes do not suffice for the centre: proven all the same, and the same whoever asks."""
    monkeypatch.setattr(centre_of_pairs, "LIMIT", 0)
    program = different_jobs(0, jobs=24, load=1.5)
    assert packed_optimum(program, None, None) is None, (
        "few groups are for the interior point method"
    )
    monkeypatch.setattr(packed, "VERTEX_FROM", 2)
    memory = ColumnMemory()
    answers = [packed_optimum(program, None, memory) for _ in range(2)]
    answers.append(packed_optimum(program, None, None))
    for found in answers:
        assert found is not None
        assert found[1].within(1e-11)
        assert found[0].x.tobytes() == answers[0][0].x.tobytes()


def test_where_a_warm_vertex_does_not_tell_the_face_a_cold_one_does(monkeypatch):
    """As the prices of one of 2,400 vertices of a run with deadlines did not: another engine was asked."""
    program = different_jobs(0, jobs=24, load=1.5)
    fresh = packed_optimum(program, None, None)
    memory, asked, real = ColumnMemory(), [], packed.centre
    packed_optimum(program, None, memory)

    def fails_once(*given):
        asked.append(given)
        return None if len(asked) == 1 else real(*given)

    monkeypatch.setattr(packed, "centre", fails_once)
    found = packed_optimum(program, None, memory)
    assert len(asked) == 2
    assert fresh is not None
    assert found is not None
    assert found[0].x.tobytes() == fresh[0].x.tobytes()


def alike_jobs(seed: int, counts: bool) -> AllocationProgram:
    """Jobs of three types that need different amounts, or are several alike: optima by the dozen."""
    rng = np.random.default_rng(seed)
    groups, kinds = 12, 3
    kind, scale = rng.integers(0, kinds, groups), rng.choice([1.0, 2.0], groups)
    count = rng.integers(1, 4, groups) if counts else np.ones(groups, np.int64)
    one, two = np.triu_indices(groups)
    there = (scale[one] == scale[two]) & ((one != two) | (count[one] >= 2))
    one, two = one[there], two[there]
    rate = rng.uniform(0.3, 3.0, (kinds, 3))[kind]
    beside = rng.uniform(0.3, 0.9, (kinds, kinds, 3)) * (rng.random((kinds, kinds, 1)) < 0.8)
    both = [rate[one] * beside[kind[one], kind[two]], rate[two] * beside[kind[two], kind[one]]]
    share = np.stack([1.0 / count[one], 1.0 / count[two]], axis=1)
    pairs = PairBlocks(np.stack([one, two], axis=1), np.stack(both, axis=1), share, scale[one])
    workers = np.maximum(np.round(np.full(3, (scale * count).sum() / 9.0)), 2.0)
    blocks = Blocks(rate, scale * count, count, workers, pairs=pairs)
    return AllocationProgram(blocks, rng.uniform(0.3, 3.0, groups), np.zeros(groups))


@pytest.mark.parametrize("counts", [False, True])
def test_where_many_optima_are_alike_it_has_their_centre(monkeypatch, counts):
    for seed in range(6):
        program = alike_jobs(seed, counts)
        found = packed_optimum(program, None, None)
        assert found is not None, f"no centre, seed {seed}"
        monkeypatch.setattr(door, "PRICED_IN_FROM", 1000)
        answer, certificate, _ = door.optimum(program, "canonical")
        assert certificate.within(door.PROVED)
        np.testing.assert_allclose(found[0].x, answer.x, atol=2e-9)


def alike_sum(seed: int, counts: bool) -> AllocationProgram:
    """The largest sum of what such jobs do, levels in units of their own, most of them with a floor."""
    rng = np.random.default_rng(seed)
    program = alike_jobs(seed, counts)
    blocks, pairs = program.blocks, program.blocks.pairs
    assert pairs is not None
    reward = np.concatenate([blocks.rate, pairs.rate.sum(axis=1)]) / np.array([1.0, 0.6, 0.3])
    unit = rng.uniform(0.1, 10.0, blocks.groups)
    floor = rng.uniform(0.02, 0.08, blocks.groups) * blocks.rate.max(axis=1)
    floor[rng.random(blocks.groups) < 0.2] = -np.inf
    pairs = replace(pairs, rate=pairs.rate * unit[pairs.member][:, :, None])
    telling = np.column_stack([blocks.rate, blocks.use / blocks.count])
    kind = np.unique(telling, axis=0, return_inverse=True)[1].ravel()
    blocks = replace(blocks, rate=blocks.rate * unit[:, None], pairs=pairs, kind=kind)
    return AllocationProgram(blocks, np.zeros(unit.size), floor * unit, reward)


@pytest.mark.parametrize("counts", [False, True])
def test_where_groups_are_alike_pools_tell_the_prices(monkeypatch, counts):
    """Without a program of all groups the answer is the centre of all optima, as the interior point method finds it."""
    monkeypatch.setattr(alike_groups, "FROM", 2)
    monkeypatch.setattr(alike_groups, "TIMES_AS_FEW", 1)
    monkeypatch.setattr(packed, "_vertex", lambda *_: pytest.fail("asked of all groups"))
    monkeypatch.setattr(door, "PRICED_IN_FROM", 1000)
    for seed in range(8):
        program = alike_sum(seed, counts)
        found = packed_optimum(program, None, None)
        assert found is not None, f"seed {seed}"
        assert found[1].within(1e-12)
        answer, certificate, _ = door.optimum(program, "canonical")
        assert certificate.within(door.PROVED)
        np.testing.assert_allclose(found[0].x, answer.x, atol=1e-10, err_msg=f"seed {seed}")


def test_deadlines_of_many_jobs_alike_are_asked_of_pools(monkeypatch):
    """The same shares as without, and the same to the bit whatever was solved before."""
    told, real = [], packed.prices_of_alike
    monkeypatch.setattr(
        packed, "prices_of_alike", lambda *given: told.append(real(*given)) or told[-1]
    )
    monkeypatch.setattr(alike_groups, "TIMES_AS_FEW", 1)
    state, driver = with_deadlines(200), Driver(make_policy(DEADLINES), "structured")
    driver.allocate(state)
    for call in range(2):
        state = later(state, call)
        monkeypatch.setattr(alike_groups, "FROM", 1000)
        alone = Driver(make_policy(DEADLINES), "structured").allocate(state)
        assert told[-1] is None
        monkeypatch.setattr(alike_groups, "FROM", 100)
        warm = driver.allocate(state)
        assert told[-1] is not None
        fresh = Driver(make_policy(DEADLINES), "structured").allocate(state)
        assert warm.x.tobytes() == fresh.x.tobytes()
        assert warm.pair_x.tobytes() == fresh.pair_x.tobytes()
        assert np.array_equal(warm.pair, alone.pair)
        np.testing.assert_allclose(warm.x, alone.x, atol=1e-9)
        np.testing.assert_allclose(warm.pair_x, alone.pair_x, atol=1e-9)


def test_prices_leave_a_pair_that_only_may_be_used(monkeypatch):
    """The job that sets the level runs best beside one other, and a second best costs something."""
    program = different_jobs(4, jobs=16, load=1.0)
    pairs = program.blocks.pairs
    assert pairs is not None
    slope = np.ones(16)
    slope[0] = 40.0
    rate = pairs.rate.copy()
    beside = np.flatnonzero(pairs.member[:, 0] == 0)[:2]
    best = program.blocks.rate[0].argmax()
    rate[beside, 0, best] = program.blocks.rate[0].max() * np.array([1.2, 1.1])
    rate[beside, 1, best] = 0.1
    blocks = replace(program.blocks, pairs=replace(pairs, rate=rate))
    program = AllocationProgram(blocks, slope, np.zeros(16))
    found = packed_optimum(program, None, None)
    assert found is not None
    monkeypatch.setattr(door, "PRICED_IN_FROM", 1000)
    answer, certificate, _ = door.optimum(program, "canonical")
    assert certificate.within(door.PROVED)
    np.testing.assert_allclose(found[0].x, answer.x, atol=2e-9)
