"""The path of :mod:`~gavel_opt.solver.pair_simplex.levels_in_order` in two parts: while there are workers for all, and from there on.

As long as workers stop nobody, a stop is one of a few jobs that use up their time, alone or with their partners, and
the basis of those is final. What workers do to the others can be found in any way then, and the path goes on from there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled, compiled_apart
from gavel_opt.solver.pair_simplex.columns import Columns, T, columns_of, slack_of
from gavel_opt.solver.pair_simplex.dual_simplex import HELD, OUT
from gavel_opt.solver.pair_simplex.levels_in_order import (
    Lines,
    Ordered,
    Standing,
    factor_anew,
    go_on,
    level_of,
    make_ready,
    mark,
    rise,
    room_to_stand,
    stand_alone,
    stop,
    take_in,
    turn,
)
from gavel_opt.solver.pair_simplex.open_columns import GONE, shut_what_costs
from gavel_opt.solver.prices.bottleneck_pairs import Pairs
from gavel_opt.solver.prices.cheapest_mix import Given

ENTRIES = 64
"""Prices that are kept of all stops together, at most, for each row."""
_PLENTY = 2.0
"""Workers of each type beyond those there are, in parts of what all jobs take together."""
_RIGHT = 1e-9
"""Variables of a basis that is given may be below zero by this."""


class Passed(NamedTuple):
    """Where the path stands after some stops, all of it with room that the caller makes.

    Attributes
    ----------
    basic, value
        The variable in each place of the basis, without t, and its value, ``(R,)``.
    held
        Whether it stays what it is, the slack of a level that is final, ``(R,)``.
    gone
        Whether each row's slack is of no use any more, ``(R,)``.
    left, out
        Who has not stopped, and who has, or has more than the others and no time left that is not needed by those who have, ``(G,)``.
    limit, reached
        Right-hand sides of the level rows, and the levels that they stand for, ``(G,)``.
    begin, row, price, nothing
        The prices that are not zero of each stop, ``begin`` the first of each, ``(G + 1,)``, ``(ENTRIES R,)`` twice; and up to which costs
        were nothing, ``(G,)``.
    counts
        Stops, and who stopped first, ``(2,)``.
    level
        At the last stop, and at the next one, ``(2,)``.
    unit
        What levels are counted in, ``(1,)``.
    """

    basic: Ints
    value: Floats
    held: Ints
    gone: Ints
    left: Ints
    out: Ints
    limit: Floats
    reached: Floats
    begin: Ints
    row: Ints
    price: Floats
    nothing: Floats
    counts: Ints
    level: Floats
    unit: Floats


@compiled_apart
def levels_while_workers_last(
    given: Given, pairs: Pairs, lines: Lines, until: float, passed: Passed
) -> bool:
    """Follow the path as if there were workers for all, up to the last stop at a level of no more than ``until``.

    All rise alike. False where nobody rises beyond it, or the path goes astray.
    """
    columns = columns_of(given, pairs)
    if columns.unit == 0.0:
        return False
    passed.unit[0] = columns.unit
    groups, counts = columns.jobs.size, np.zeros(4, np.int64)
    for j in range(columns.workers.size):
        columns.limit[2 * groups + j] += _PLENTY * given.use.sum()
    at, left, level = stand_alone(columns), np.ones(groups, np.int64), 0.0
    turn(columns, lines, left)
    if not make_ready(columns, at):
        return False
    while left.any():
        _note(columns, at, left, passed)
        passed.level[0] = level
        place = take_in(columns, at)
        nothing = rise(columns, at, place, counts) if place >= 0 else -1.0
        if nothing < 0.0:
            return False
        level += _speed(columns, left) * at.value[place]
        passed.level[1] = level
        if level > until:
            return True
        if not _keep_prices(at, passed, nothing):
            return False
        chief = stop(columns, at, lines, (place, nothing), left)
        if chief < 0:
            return False
        if passed.counts[0] == 0:
            passed.counts[1] = chief
        passed.counts[0] += 1
    return False


@compiled
def _note(columns: Columns, at: Standing, left: Ints, passed: Passed) -> None:
    """Note where the path stands."""
    groups = left.size
    for k in range(at.basic.size):
        passed.basic[k], passed.value[k], passed.gone[k] = at.basic[k], at.value[k], at.gone[k]
        passed.held[k] = 1 - at.leaves[k]
    for g in range(groups):
        passed.left[g], passed.limit[g] = left[g], columns.limit[g]
        passed.reached[g] = level_of(columns, g)
        has_more = at.slack[g] != OUT
        passed.out[g] = int(left[g] == 0 or (at.gone[groups + g] == 1 and has_more))


@compiled
def _speed(columns: Columns, left: Ints) -> float:
    """How far a level rises with t."""
    for g in range(left.size):
        if left[g] == 1:
            return float(columns.rise[g] / columns.jobs[g] * columns.slope[g] * columns.unit)
    return 0.0


@compiled
def _keep_prices(at: Standing, passed: Passed, nothing: float) -> bool:
    """Keep the prices of a stop; False where there is no room."""
    stops = passed.counts[0]
    many = passed.begin[stops]
    for k in range(at.basic.size):
        if at.y[k] != 0.0:
            if many == passed.row.size:
                return False
            passed.row[many], passed.price[many] = k, at.y[k]
            many += 1
    passed.begin[stops + 1], passed.nothing[stops] = many, nothing
    return True


@compiled_apart
def levels_from(given: Given, pairs: Pairs, lines: Lines, passed: Passed, found: Ordered) -> bool:
    """Find the levels of those that are left, from a basis that has t; False where it is none, or the path goes astray."""
    columns = columns_of(given, pairs)
    if columns.unit == 0.0:
        return False
    at, left, stops, first = room_to_stand(columns), passed.left.copy(), passed.counts[0], -1
    for g in range(left.size):
        columns.limit[g] = passed.limit[g]
    turn(columns, lines, left)
    for s in range(stops):
        at.y[:] = 0.0
        for n in range(passed.begin[s], passed.begin[s + 1]):
            at.y[passed.row[n]] = passed.price[n]
        shut_what_costs(columns, at.columns, at.y, passed.nothing[s])
    place = _stand_there(columns, at, passed)
    if place < 0:
        return False
    if stops > 0:
        first, found.counts[0] = passed.counts[1], stops
    return go_on(columns, at, lines, left, (place, first, -1), found)


@compiled
def _stand_there(columns: Columns, at: Standing, passed: Passed) -> int:
    """Stand at a basis; the place of t in it, -1 where it is none, has what is of no use any more, or something is below zero there."""
    found = -1
    for place in range(at.basic.size):
        variable, held = passed.basic[place], passed.held[place] == 1
        if variable > T and at.columns.state[variable] == GONE:
            return -1
        if variable < T and passed.gone[slack_of(variable)] == 1 and not held:
            return -1
        at.basic[place], at.gone[place] = variable, passed.gone[place]
        mark(columns, at, variable, True)
        if held:
            at.leaves[place], at.slack[slack_of(variable)] = 0, HELD
        if variable == T:
            found, at.leaves[place] = place, 0
    if found < 0 or not factor_anew(columns, at):
        return -1
    for place in range(at.basic.size):
        if at.leaves[place] == 1 and at.value[place] < -_RIGHT:
            return -1
    return found
