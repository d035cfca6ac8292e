"""Engines that keep a model answer as if they had just been made."""

import numpy as np
import pytest
from installed import KEEPERS, make
from streams import programs

from gavel_opt.engines.persistent import (
    PersistentProgram,
    changed_entries,
    reassign_slots,
    take_snapshot,
)
from gavel_opt.engines.protocol import DEFAULT_OPTIONS
from gavel_opt.model.certificate import certify
from gavel_opt.model.linear_program import KINDS, LinearProgram
from gavel_opt.model.lowering import lower
from gavel_opt.model.solution import Status


@pytest.mark.parametrize("merge", [False, True], ids=["jobs", "groups"])
@pytest.mark.parametrize("name", KEEPERS)
def test_a_stream_of_programs(name, merge):
    kept = make(name)
    reused = 0
    for program in programs(60, 30, merge):
        general = lower(program)
        solution = kept.solve(general)
        fresh = make(name).solve(general)
        assert solution.status is fresh.status is Status.OPTIMAL
        assert solution.objective == pytest.approx(fresh.objective, rel=1e-9, abs=1e-12)
        assert certify(general, solution.x, solution.row_dual).within(1e-9)
        reused += solution.stats.reused
    assert reused >= 24


@pytest.mark.parametrize("name", KEEPERS)
def test_values_of_every_kind_change_in_place(name):
    """Costs, coefficients and bounds of all sorts, without keys: the sparsity says what fits."""
    kept = make(name)
    draws = np.random.default_rng(5)
    a = draws.uniform(0.5, 2.0, (6, 14)) * (draws.random((6, 14)) < 0.7)
    # ranged, two-sided, equal, free on one side
    lower_bound = np.array([1.0, -np.inf, 2.0, 0.5, 1.0, 0.0])
    upper_bound = np.array([9.0, 8.0, 2.0, np.inf, 7.0, 6.0])
    for _ in range(12):
        program = LinearProgram.build(
            draws.uniform(-1.0, 2.0, 14),
            np.where(a != 0.0, a * draws.uniform(0.8, 1.2, a.shape), 0.0),
            lower_bound * draws.uniform(0.8, 1.2),
            upper_bound * 1.0,
            0.0,
            draws.uniform(1.0, 3.0, 14),
        )
        rows = program.row_lower.copy()
        rows[2] = upper_bound[2]
        program = LinearProgram.build(
            program.c, program.a, rows, program.row_upper, 0.0, program.col_upper
        )
        solution, fresh = kept.solve(program), make("highs").solve(program)
        assert solution.status is fresh.status
        if solution.status is Status.OPTIMAL:
            assert solution.objective == pytest.approx(fresh.objective, rel=1e-9, abs=1e-9)
            assert certify(program, solution.x, solution.row_dual).within(1e-9)


@pytest.mark.parametrize("name", KEEPERS)
def test_after_programs_without_an_answer(name):
    kept = make(name)
    good = LinearProgram.build([1.0, 1.0], [[1.0, 2.0]], 2.0, np.inf)
    for other, expected in (
        (LinearProgram.build([-1.0, -1.0], [[1.0, 2.0]], 2.0, np.inf), Status.UNBOUNDED),
        (LinearProgram.build([1.0, 1.0], [[1.0, 2.0]], 2.0, np.inf, 0.0, 0.5), Status.INFEASIBLE),
        (LinearProgram.build([1.0, 1.0], [[1.0, 2.0]], -np.inf, 2.0, maximize=True), None),
    ):
        assert kept.solve(good).objective == pytest.approx(1.0)
        status = kept.solve(other).status
        assert status is (expected or Status.OPTIMAL)
        assert kept.solve(good).objective == pytest.approx(1.0)


@pytest.mark.parametrize("name", KEEPERS)
def test_same_entries_but_another_row(name):
    """A last row without entries changes neither indices nor starts of the matrix."""
    kept = make(name)
    two = LinearProgram.build([1.0], [[1.0], [0.0]], [1.0, -1.0], [2.0, 1.0])
    one = LinearProgram.build([1.0], [[1.0]], 1.5, 2.0)
    for program in (two, one, two):
        solution = kept.solve(program)
        assert solution.row_dual.shape == (program.shape[0],)
        assert certify(program, solution.x, solution.row_dual).within(1e-9)


def test_slots_pass_from_owner_to_owner():
    """Followed for thirty rounds, the kept values are the program's own."""
    slotted = None
    most = 0
    for program in programs(40, 30, merge=False, seed=3):
        general = lower(program)
        following = None
        if slotted is not None:
            following, reason = slotted.follow(general)
            assert following is not None, reason
        slotted = following or PersistentProgram.of(general)
        snapshot = slotted.snapshot
        dense = np.zeros((snapshot.row_lower.size, snapshot.c.size))
        column = np.repeat(np.arange(snapshot.c.size), np.diff(snapshot.indptr))
        dense[snapshot.indices, column] = snapshot.data
        rows, columns = slotted.rows, slotted.columns
        assert (dense[np.ix_(rows.at, columns.at)] == general.a.toarray()).all()
        assert np.count_nonzero(dense) == np.count_nonzero(general.a.data)
        assert (snapshot.c[columns.at] == general.c).all()
        assert (snapshot.row_upper[rows.at] == general.row_upper).all()
        assert (rows.key[rows.at] == general.row_keys).all()
        assert not snapshot.col_upper[columns.empty].any()
        assert np.isinf(snapshot.row_upper[rows.empty]).all()
        most = max(most, program.blocks.groups)
        assert dense.shape == (2 * most + 3, 3 * most + 1)


def test_changes_say_what_differs():
    first, second = (lower(p) for p in programs(12, 2, merge=False, seed=8))
    slotted = PersistentProgram.of(first)
    following, _ = slotted.follow(second)
    old, new = slotted.snapshot, following.snapshot
    rows, m = new.row_lower.size, new.c.size
    if old.c.size < m or old.row_lower.size < rows:
        pytest.fail("the seed was chosen so that nobody needs a new slot")
    i, j, value = changed_entries(old, new, rows, most=10_000)

    def dense(snapshot):
        table = np.zeros((rows, m))
        table[snapshot.indices, np.repeat(np.arange(m), np.diff(snapshot.indptr))] = snapshot.data
        return table

    table = dense(old)
    table[i, j] = value
    assert (table == dense(new)).all()
    assert len(i) == np.count_nonzero(dense(old) != dense(new))
    assert changed_entries(old, new, rows, most=len(i) - 1) is None


def test_a_key_that_stands_twice_is_not_kept():
    program = LinearProgram.build(
        [1.0, 1.0],
        np.eye(2),
        1.0,
        2.0,
        row_keys=np.array([0, KINDS]),
        col_keys=np.array([0, KINDS]),
    )
    slotted = PersistentProgram.of(program)
    twice = np.array([KINDS, KINDS])
    assert reassign_slots((slotted.rows, slotted.columns), (twice, twice)) is None
    assert take_snapshot(program, slotted.rows, slotted.columns).data is program.a.data


def test_most_owners_new_means_a_fresh_model():
    engine = make("highs")
    first, second = programs(60, 2, merge=False, most_changes=40, seed=2)
    engine.solve(lower(first), DEFAULT_OPTIONS)
    solution = engine.solve(lower(second))
    assert not solution.stats.reused
    assert "came or went" in solution.stats.detail
