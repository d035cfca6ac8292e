"""Bases of programs with pairs as sparse factors, and the columns that may come in, beside dense algebra in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from programs import max_min, with_pairs

from gavel_opt.solver.pair_simplex.columns import (
    T,
    columns_of,
    costs_at,
    entries_of,
    slack_of,
)
from gavel_opt.solver.pair_simplex.factored_basis import (
    KEPT,
    keep,
    put_column,
    read_row,
    room_for_factors,
    solve,
    solve_alone,
)
from gavel_opt.solver.pair_simplex.markowitz import factorise, room_to_factor
from gavel_opt.solver.pair_simplex.open_columns import (
    GONE,
    INSIDE,
    OPEN,
    find_cheapest,
    open_columns,
    set_state,
    shut_what_costs,
)
from gavel_opt.solver.prices.bottleneck_pairs import Pairs
from gavel_opt.solver.prices.cheapest_mix import Given


def columns_for(seed, groups):
    program = with_pairs(max_min(seed, groups), seed)
    blocks, none = program.blocks, np.empty(0)
    curve = program.slope, program.floor, none, none, none
    given = Given(blocks.rate, blocks.use, blocks.count, blocks.workers, *curve)
    pairs = blocks.pairs
    return columns_of(given, Pairs(pairs.member, pairs.rate, pairs.share, pairs.use))


def dense_column(columns, variable):
    column = np.zeros(columns.limit.size)
    if variable == T:
        column[: columns.rise.size] = columns.rise
    elif variable < T:
        column[slack_of(variable)] = 1.0
    else:
        rows, values = np.empty(5, np.int64), np.empty(5)
        many = entries_of(columns, variable, rows, values)
        np.add.at(column, rows[:many], values[:many])
    return column


def drawn_basis(columns, draws):
    """A basis far from slacks, by exchanges that leave it well conditioned, with t in it."""
    groups, types = columns.jobs.size, columns.workers.size
    basic = np.array([slack_of(k) for k in range(columns.limit.size)])
    basic[:groups] = np.arange(groups) * types + columns.rate[:groups].argmax(axis=1)
    runs = np.flatnonzero(columns.runs.ravel() == 1)
    wanted = [T, *draws.permutation(runs)[: 3 * groups].tolist()]
    for variable in wanted:
        matrix = np.stack([dense_column(columns, one) for one in basic], axis=1)
        entering = np.linalg.solve(matrix, dense_column(columns, variable))
        places = [k for k in np.flatnonzero(np.abs(entering) > 0.05) if basic[k] != T]
        if variable not in basic and places:
            basic[draws.choice(places)] = variable
    return basic


@pytest.mark.parametrize(("seed", "groups"), [(0, 3), (1, 8), (2, 14), (3, 14)])
def test_factors_solve_what_the_basis_does(seed, groups):
    draws, columns = np.random.default_rng(seed), columns_for(seed, groups)
    basic, rows = drawn_basis(columns, draws), columns.limit.size
    factors, active = room_for_factors(rows), room_to_factor(rows)
    assert factorise(columns, basic, factors, active)
    found, y, part = np.zeros(rows), np.zeros(2 * rows), np.zeros(rows)
    inverse = np.linalg.inv(np.stack([dense_column(columns, one) for one in basic], axis=1))
    solve_alone(factors, columns.limit, found)
    assert not factors.work.any()
    assert found == pytest.approx(inverse @ columns.limit, rel=1e-9, abs=1e-9)
    for _ in range(12):
        matrix = np.stack([dense_column(columns, one) for one in basic], axis=1)
        inverse = np.linalg.inv(matrix)
        runs = draws.choice(np.flatnonzero(columns.runs.ravel() == 1))
        for variable in (T, slack_of(int(draws.integers(rows))), runs):
            put_column(columns, variable, factors)
            solve(factors, found)
            assert not factors.work.any()
            right = inverse @ dense_column(columns, variable)
            assert found == pytest.approx(right, rel=1e-9, abs=1e-9)
        for place in (0, rows - 1, int(draws.integers(rows))):
            read_row(factors, place, part, y)
            assert not part.any()
            assert y[:rows] == pytest.approx(inverse[place], rel=1e-9, abs=1e-9)
        fit = [k for k in np.flatnonzero(np.abs(found) > 0.05) if basic[k] != T]
        if runs in basic or not fit:
            continue
        place = int(draws.choice(fit))
        keep(factors, found, place)
        basic[place] = runs
    assert 0 < factors.many[0] < KEPT


def test_factors_are_sparse():
    columns = columns_for(2, 80)
    basic = drawn_basis(columns, np.random.default_rng(5))
    factors, active = room_for_factors(basic.size), room_to_factor(basic.size)
    assert factorise(columns, basic, factors, active)
    before = factors.many[1]
    entries = factors.lower[before] + factors.upper[before] + (basic.size - before) ** 2
    matrix = np.stack([dense_column(columns, one) for one in basic], axis=1)
    assert entries < np.count_nonzero(matrix) * 1.5 < np.count_nonzero(np.linalg.inv(matrix))


def test_a_basis_without_an_inverse_is_refused():
    columns = columns_for(1, 8)
    basic = drawn_basis(columns, np.random.default_rng(1))
    basic[0] = basic[1]
    assert not factorise(columns, basic, room_for_factors(basic.size), room_to_factor(basic.size))


@pytest.mark.parametrize("seed", range(6))
def test_the_cheapest_columns_are_found_and_what_costs_is_shut(seed):
    """Prices of a few groups, of all, and some for which many columns cost next to nothing."""
    draws, columns = np.random.default_rng(seed), columns_for(seed, 10)
    groups, types, rows = columns.jobs.size, columns.workers.size, columns.limit.size
    them, nothing = open_columns(columns), 1e-10
    y, cost = np.zeros(2 * rows), np.zeros(columns.one.size * types)
    y[:rows] = draws.uniform(0.0, 1.0, rows)
    if seed % 2 == 0:  # a set of three only
        y[3:groups] = y[groups + 3 :] = 0.0
    state = np.where(columns.runs.ravel() == 1, OPEN, GONE)
    for column in draws.choice(np.flatnonzero(state == OPEN), 5, replace=False):
        set_state(columns, them, int(column), INSIDE)
        state[column] = INSIDE
    for level in (2.0, 1.0, 1e-3, 0.0):
        y[:groups] *= level
        costs_at(columns, y, cost)
        find_cheapest(columns, them, y, nothing)
        pays = (cost < -nothing) & (state == OPEN)
        found = them.found[: them.many_found[0], 3]
        assert (state[found] == OPEN).all()
        assert found.size == np.unique(found).size
        assert pays[found].any() == pays.any()
        if pays.any():
            least = np.flatnonzero(pays)[np.argmin(cost[pays])]
            assert cost[found].min() == pytest.approx(cost[least], rel=1e-5)
        shut_what_costs(columns, them, y, nothing)
        state[(cost > nothing) & (state == OPEN)] = GONE
        assert (them.state == state).all()
        for column in np.flatnonzero(state == INSIDE)[:2]:
            set_state(columns, them, int(column), OPEN)
            state[column] = OPEN


@pytest.mark.parametrize("seed", range(4))
def test_what_costs_next_to_nothing_is_decided_in_double_precision(seed):
    """Each group has a column whose cost is far below what single precision tells, of either sign."""
    draws, columns = np.random.default_rng(seed), columns_for(seed, 10)
    groups, types, rows = columns.jobs.size, columns.workers.size, columns.limit.size
    runs = columns.runs.ravel() == 1
    y, cost, nothing = np.zeros(2 * rows), np.zeros(runs.size), 1e-10
    y[:rows] = draws.uniform(0.5, 1.0, rows)
    y[:groups] *= 1e-2
    for g in range(groups):
        costs_at(columns, y, cost)
        one, two = np.repeat(columns.one, types), np.repeat(columns.two, types)
        time = np.repeat(np.where(columns.one == g, columns.time, columns.time_two), types)
        its = runs & ((one == g) | (two == g)) & (time > 0.0)
        target = (-1e-9 if g == 4 else 1e-9) if g % 2 == 0 else 1e-11
        y[groups + g] -= ((cost[its] - target) / time[its]).min()
    costs_at(columns, y, cost)
    assert (np.abs(cost[runs]) < 1e-8).sum() >= groups // 2
    them, state = open_columns(columns), np.where(runs, OPEN, GONE)
    find_cheapest(columns, them, y, nothing)
    pays = runs & (cost < -nothing)
    found = them.found[: them.many_found[0], 3]
    assert pays.any()
    assert set(found[pays[found]].tolist()) == set(np.flatnonzero(pays).tolist())
    shut_what_costs(columns, them, y, nothing)
    state[runs & (cost > nothing)] = GONE
    assert (them.state == state).all()


@pytest.mark.parametrize("seed", range(12))
def test_what_pays_is_found_among_many_that_cost_next_to_nothing(seed):
    """All pairs cost the same but for far less than single precision tells, and one of them pays."""
    draws, columns = np.random.default_rng(seed), columns_for(seed, 12)
    groups, rows = columns.jobs.size, columns.limit.size
    paired = columns.two < groups
    columns.rate[paired] = columns.rate_two[paired] = 0.731
    columns.rate[~paired] = 0.1
    columns.time[:] = columns.use[:] = 1.0
    columns.time_two[paired] = 1.0
    columns.runs[:] = 1
    y, nothing = np.zeros(2 * rows), 1e-10
    little = draws.uniform(1e-9, 5e-9, groups)
    one = draws.choice(np.flatnonzero(paired))
    little[[columns.one[one], columns.two[one]]] = -5e-10
    y[:groups] = draws.uniform(0.5, 1.0, groups)
    y[groups : 2 * groups] = 0.731 * y[:groups] - 0.15 + little
    y[2 * groups : rows] = 0.3
    cost = np.zeros(columns.runs.size)
    costs_at(columns, y, cost)
    pays = np.flatnonzero(cost < -nothing)
    assert np.unique(pays // columns.workers.size).size == 1
    them = open_columns(columns)
    find_cheapest(columns, them, y, nothing)
    assert np.isin(pays, them.found[: them.many_found[0], 3]).any()
