r"""Water filling with pairs: the levels of all groups, one after the other, along one path of the simplex method.

Levels rise as t in the level rows of those that have not stopped (:mod:`~gavel_opt.solver.pair_simplex.columns`), all alike or as their
entities have them, which changes at stops alone.
While t is in the basis its row of the inverse is the prices y of the program that asks for the largest t; what pays at them
is taken in, as the primal simplex method does, until nothing pays. Then

* groups whose level has a price stop: with what is scarce at y they cannot rise, whatever the others get;
* what costs something at y is of no use in any later program either, nor is a slack whose row has a price: in an
  allocation with these levels it is zero. A set of a few jobs that stop each other leaves for good so, with nearly all of its columns;
* the slack of one level that stopped takes the place of t. No column that is left has a part in that row of the
  inverse, so it stays as it is, and the slack at zero. Then t comes in again, for those that still rise.

So a stop costs as many pivots as it changes the basis, a few where few jobs stop, and where only they have prices only their pairs are looked at.
With a hundred stops each of them would be several programs, started, factorised and priced anew.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bytes, Floats, Ints
from gavel_opt.kernels.jit import compiled, compiled_apart
from gavel_opt.solver.pair_simplex.candidates import (
    Candidates,
    best_of,
    cost_them,
    follow,
    room_for_candidates,
    weigh_anew,
)
from gavel_opt.solver.pair_simplex.columns import Columns, T, columns_of, slack_of
from gavel_opt.solver.pair_simplex.dual_simplex import FREE, HELD, OUT, PIVOT
from gavel_opt.solver.pair_simplex.factored_basis import (
    KEPT,
    Factors,
    keep,
    put_column,
    read_row,
    room_for_factors,
    solve,
    solve_alone,
)
from gavel_opt.solver.pair_simplex.markowitz import Active, factorise, room_to_factor
from gavel_opt.solver.pair_simplex.open_columns import (
    INSIDE,
    OPEN,
    OpenColumns,
    cost_of,
    find_cheapest,
    open_columns,
    set_state,
    shut_what_costs,
)
from gavel_opt.solver.prices.bottleneck_pairs import Pairs
from gavel_opt.solver.prices.cheapest_mix import Given

_COSTS = 1e-10
"""Costs are something beyond this part of the dearest row's price."""
_PAYS = 1e-2
"""And what costs less than nothing pays from this part of it on: else levels end 1e-11 too low, where others have prices."""
_DOUBT = 1e-2, 1e5
"""Prices from so many times what is nothing up to so many are asked again of a basis that is factored anew: from what has entered rounding adds up."""
_LOOSE = 1e-11
"""Basic variables may fall below zero by this, so that larger coefficients can be chosen."""
_RIGHT = 1e-9
"""What a level may be off its bound, beside what this is added up from, levels as about 1: more, and the factors have lost their digits."""
_LIMIT = 100
"""Pivots at most, for each row."""
_PIVOTS = 400
"""Pivots until all columns are looked at again."""


class Lines(NamedTuple):
    """Who rises, and how fast: each entity has its weight to spend on those of its groups that have not stopped.

    Attributes
    ----------
    entity
        Of each group, ``(G,)``.
    place
        Place in the entity's line, of which the first has all; 0 for all where they rise alike, ``(G,)``.
    cost
        What a unit of level takes, ``(G,)``.
    weight
        Of each entity, ``(E,)``.
    """

    entity: Ints
    place: Ints
    cost: Floats
    weight: Floats


class Ordered(NamedTuple):
    """The answer, all of it with room that the caller makes.

    Attributes
    ----------
    level
        Of each group, ``(G,)``.
    inside
        Whether each column is in a basis that is optimal for the program that asks for all these levels, ``(C J,)``.
    slack
        Whether the slack of each row is, ``(R,)``; t is, too.
    counts
        Stops, pivots, solutions for what may enter, and passes over all columns, ``(4,)``.
    scarce
        Level of who stopped where a worker had a price for the first time, 0 for never, ``(1,)``.
    """

    level: Floats
    inside: Ints
    slack: Ints
    counts: Ints
    scarce: Floats


class Standing(NamedTuple):
    """Where the method stands.

    Attributes
    ----------
    factors, active
        Of the basis, and room to make them.
    basic, value, leaves
        The variable in each place of the basis, its value, and whether it may leave, ``(R,)``.
    ratio
        Room for how far each place lets something be raised, ``(R,)``.
    slack
        OUT, FREE or HELD, of each row.
    gone
        Whether each row's slack is of no use any more, ``(R,)``.
    columns
        What may still come in.
    y, part
        Prices, with zeros for nobody's row, ``(2 R,)``, and room to read them, ``(R,)``.
    entering
        What is to enter, in terms of the basis, ``(R,)``.
    candidates
        What may enter until the next pass over all columns.
    """

    factors: Factors
    active: Active
    basic: Ints
    value: Floats
    leaves: Bytes
    ratio: Floats
    slack: Ints
    gone: Ints
    columns: OpenColumns
    y: Floats
    part: Floats
    entering: Floats
    candidates: Candidates


@compiled_apart
def levels_in_order(given: Given, pairs: Pairs, lines: Lines, stops: int, found: Ordered) -> bool:
    """Find the levels of a program in which they rise from nothing; False where it is none that this is for, or goes astray.

    After so many ``stops`` those that are left are where they were when they last rose.
    """
    columns = columns_of(given, pairs)
    if columns.unit == 0.0:
        return False
    at, left = stand_alone(columns), np.ones(columns.jobs.size, np.int64)
    turn(columns, lines, left)
    return make_ready(columns, at) and go_on(columns, at, lines, left, (-1, -1, stops), found)


@compiled
def go_on(
    columns: Columns,
    at: Standing,
    lines: Lines,
    left: Ints,
    begin: tuple[int, int, int],
    found: Ordered,
) -> bool:
    """Go along the path from where the method stands; False where it goes astray.

    ``begin`` is the place of t in the basis, -1 where it is about to come in, who stopped first, -1 for nobody, and
    how many stops there are at most.
    """
    place, first, stops = begin
    groups, types, rows = columns.jobs.size, columns.workers.size, columns.limit.size
    while True:
        place = take_in(columns, at) if place < 0 else place
        nothing = rise(columns, at, place, found.counts) if place >= 0 else -1.0
        if nothing < 0.0:
            return False
        chief = stop(columns, at, lines, (place, nothing), left)
        if chief < 0:
            return False
        first = chief if first < 0 else first
        if found.scarce[0] == 0.0 and _has_price(at, 2 * groups, nothing):
            found.scarce[0] = level_of(columns, chief)
        found.counts[0] += 1
        if found.counts[0] == stops or not left.any():
            break
        place = -1
    for g in range(groups):
        found.level[g] = level_of(columns, g)
    for c in range(columns.one.size * types):
        found.inside[c] = int(at.columns.state[c] == INSIDE)
    # t stands where it was at the first stop, when prices were a proof for all columns
    for k in range(rows):
        found.slack[k] = int(at.slack[k] != OUT and k != first)
    return True


@compiled
def _has_price(at: Standing, begin: int, nothing: float) -> bool:
    """Whether a row from there on has a price."""
    has = False
    for k in range(begin, at.basic.size):
        has = has or at.y[k] > nothing
    return has


@compiled
def level_of(columns: Columns, g: int) -> float:
    """The level that a group has reached at the last stop."""
    return float(-columns.limit[g] / columns.jobs[g] * columns.unit * columns.slope[g])


@compiled
def room_to_stand(columns: Columns) -> Standing:
    """Room for a program: no basis yet, and nothing of it gone."""
    rows, them = columns.limit.size, open_columns(columns)
    return Standing(
        room_for_factors(rows),
        room_to_factor(rows),
        np.zeros(rows, np.int64),
        columns.limit.copy(),
        np.ones(rows, np.int8),
        np.zeros(rows),
        np.full(rows, OUT),
        np.zeros(rows, np.int64),
        them,
        np.zeros(2 * rows),
        np.zeros(rows),
        np.zeros(rows),
        room_for_candidates(them, rows),
    )


@compiled
def stand_alone(columns: Columns) -> Standing:
    """Stand at levels of zero: each group alone where it is fastest, for no time yet."""
    groups, types, at = columns.jobs.size, columns.workers.size, room_to_stand(columns)
    for k in range(columns.limit.size):
        at.basic[k], at.slack[k] = slack_of(k), FREE
    for g in range(groups):
        fastest = 0
        for j in range(types):
            if columns.rate[g, j] > columns.rate[g, fastest]:
                fastest = j
        at.basic[g] = g * types + fastest
        set_state(columns, at.columns, at.basic[g], INSIDE)
        at.slack[g], at.value[g] = OUT, 0.0
    return at


@compiled
def make_ready(columns: Columns, at: Standing) -> bool:
    """Factor the first basis, and express t in it; False where it has no factors."""
    if not factorise(columns, at.basic, at.factors, at.active):
        return False
    put_column(columns, T, at.factors)
    solve(at.factors, at.entering)
    return True


@compiled
def take_in(columns: Columns, at: Standing) -> int:
    """Raise t until something of the basis is zero, and take it in at that place; -1 where nothing stops it."""
    place = _what_leaves(at)
    return place if place >= 0 and _put_in(columns, at, place, T) else -1


@compiled
def _what_leaves(at: Standing) -> int:
    """The place of what is zero first, or nearly so, where what is to enter is raised; -1 where nothing is."""
    ratio, value, entering, until = at.ratio, at.value, at.entering, np.inf
    for i in range(value.size):
        ratio[i] = (max(value[i], 0.0) + _LOOSE) / entering[i] if entering[i] > PIVOT else np.inf
    for i in range(value.size):
        if ratio[i] < until and at.leaves[i] == 1:
            until = ratio[i]
    largest, place = PIVOT, -1
    for i in range(value.size):
        if value[i] <= until * entering[i] and entering[i] > largest and at.leaves[i] == 1:
            largest, place = entering[i], i
    return place


@compiled
def _put_in(columns: Columns, at: Standing, place: int, variable: int) -> bool:
    """Raise what is to enter until what is in a place is zero, and take it in there. False where factors fail."""
    entering, value = at.entering, at.value
    step = max(value[place], 0.0) / entering[place]
    for i in range(value.size):
        value[i] -= step * entering[i]
    mark(columns, at, at.basic[place], False)
    mark(columns, at, variable, True)
    at.basic[place], at.value[place], at.leaves[place] = variable, step, int(variable != T)
    return keep(at.factors, entering, place) < KEPT or factor_anew(columns, at)


@compiled
def factor_anew(columns: Columns, at: Standing) -> bool:
    """Factor the basis, and work its values out from what there is; False where it has no factors."""
    if not factorise(columns, at.basic, at.factors, at.active):
        return False
    solve_alone(at.factors, columns.limit, at.value)
    return True


@compiled
def mark(columns: Columns, at: Standing, variable: int, inside: bool) -> None:
    """Note that a variable is in the basis, or that it is not."""
    if variable < T:
        at.slack[slack_of(variable)] = FREE if inside else OUT
    elif variable > T:
        set_state(columns, at.columns, variable, INSIDE if inside else OPEN)


@compiled_apart
def rise(columns: Columns, at: Standing, place: int, counts: Ints) -> float:
    """Take in what pays until nothing does: t, in its place, is as large as it can be.

    Costs up to what is returned are nothing at the last prices; -1 where digits are lost or there is no end.
    """
    while True:
        nothing = _read_prices(at, place)
        if not _is_right(columns, at, place, nothing):
            if not factor_anew(columns, at):
                return -1.0
            nothing = _read_prices(at, place)
            if not _is_right(columns, at, place, nothing):
                return -1.0
        counts[3] += 1
        find_cheapest(columns, at.columns, at.y, _PAYS * nothing)
        since = before = counts[1]
        weigh_anew(at.candidates, at.columns, at.slack, at.gone)
        # what pays by its price alone, not once expressed in the basis, does so by rounding
        while counts[1] < since + _PIVOTS:
            cost_them(at.candidates, at.columns, at.y)
            most = place, since + _PIVOTS
            if not _take_in_these(columns, at, most, _PAYS * nothing, counts):
                return -1.0
            if counts[1] == before:
                break
            before = counts[1]
            nothing = _read_prices(at, place)
        if counts[1] == since:
            if not (at.factors.many[0] > 0 and _in_doubt(at, nothing)):
                return nothing
            if not factor_anew(columns, at):
                return -1.0


@compiled
def _in_doubt(at: Standing, nothing: float) -> bool:
    """Whether a price is so small that it may be rounding, or more than it seems."""
    doubt = False
    for k in range(at.basic.size):
        doubt = doubt or _DOUBT[0] * nothing < abs(at.y[k]) < _DOUBT[1] * nothing
    return doubt


@compiled
def _take_in_these(
    columns: Columns, at: Standing, until: tuple[int, int], nothing: float, counts: Ints
) -> bool:
    """Take in of the candidates what pays, up to a number of pivots; False where there is no end.

    ``until`` is the place of t, and that number.
    """
    (place, most), them, entering = until, at.candidates, at.entering
    while counts[1] < most:
        best = best_of(them, at.columns, nothing)
        if best < 0:
            break
        variable = them.variable[best]
        put_column(columns, variable, at.factors)
        counts[2] += 1
        solve(at.factors, entering)
        if entering[place] >= -nothing:
            them.cost[best] = 0.0
            continue
        counts[1] += 1
        leaves = _what_leaves(at)
        if leaves < 0 or counts[1] > _LIMIT * at.basic.size:
            return False
        read_row(at.factors, leaves, at.part, them.row)
        follow(them, at.columns, best, at.basic[leaves], (entering[leaves], entering[place]))
        if not _put_in(columns, at, leaves, variable):
            return False
    return True


@compiled
def _read_prices(at: Standing, place: int) -> float:
    """Read prices from the row of t; costs up to what is returned are nothing."""
    dearest = 0.0
    read_row(at.factors, place, at.part, at.y)
    for k in range(at.basic.size):
        dearest = max(dearest, abs(at.y[k]))
    nothing = _COSTS * dearest
    for k in range(at.basic.size):
        if abs(at.y[k]) <= 1e-3 * nothing:
            at.y[k] = 0.0
    return nothing


@compiled
def _is_right(columns: Columns, at: Standing, place: int, nothing: float) -> bool:
    """Whether all columns of the basis cost nothing, and t is what its bound says; if not, digits are lost."""
    groups, types, y = columns.jobs.size, columns.workers.size, at.y
    right, bound, size = True, 0.0, 0.0
    for k in range(at.basic.size):
        column = at.basic[k]
        if column > T:
            cost = cost_of(columns, y, column // types, column % types)
            right = right and abs(cost) <= nothing
        bound += y[k] * columns.limit[k]
        size += abs(y[k]) * max(abs(columns.limit[k]), columns.jobs[k] if k < groups else 0.0)
    return bool(right and abs(bound - at.value[place]) <= _RIGHT * size)


@compiled_apart
def stop(columns: Columns, at: Standing, lines: Lines, risen: tuple[int, float], left: Ints) -> int:
    """Stop the groups whose level has a price, and let go what costs something; one of them, -1 where there is none."""
    place, nothing = risen
    shut_what_costs(columns, at.columns, at.y, nothing)
    y, t, chief, dearest = at.y, at.value[place], -1, nothing
    for k in range(columns.limit.size):
        if at.slack[k] == OUT and y[k] > nothing:
            at.gone[k] = 1
    for g in range(left.size):
        if left[g] == 1 and columns.rise[g] > 0.0 and y[g] > dearest:
            dearest, chief = y[g], g
    if chief < 0:
        return -1
    for g in range(left.size):
        columns.limit[g] -= columns.rise[g] * t
        if y[g] > nothing:  # whoever is still to begin never does
            left[g] = 0
    put_column(columns, slack_of(chief), at.factors)
    solve(at.factors, at.entering)
    at.value[place] = 0.0
    if not _put_in(columns, at, place, slack_of(chief)):
        return -1
    at.slack[chief], at.leaves[place] = HELD, 0
    turn(columns, lines, left)
    put_column(columns, T, at.factors)
    solve(at.factors, at.entering)
    # nobody who is left has a price
    at.entering[place] = 0.0
    return chief


@compiled
def turn(columns: Columns, lines: Lines, left: Ints) -> None:
    """Let those that are left rise as their entities have them."""
    entities = lines.weight.size
    total, front = np.zeros(entities), np.full(entities, -1)
    for g in range(left.size):
        e = lines.entity[g]
        if left[g] == 1:
            total[e] += lines.cost[g]
            if front[e] < 0 or lines.place[g] < lines.place[front[e]]:
                front[e] = g
    speed, fastest = np.zeros(left.size), 0.0
    for g in range(left.size):
        e = lines.entity[g]
        if left[g] == 1 and lines.place[g] == 0:
            speed[g] = lines.weight[e] / total[e]
        elif front[e] == g:
            speed[g] = lines.weight[e] / lines.cost[g]
        speed[g] /= columns.slope[g]
        fastest = max(fastest, speed[g])
    for g in range(left.size):
        columns.rise[g] = columns.jobs[g] * (speed[g] / fastest) if speed[g] > 0.0 else 0.0
