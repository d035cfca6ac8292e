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

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.dense import copy_into
from gavel_opt.kernels.jit import compiled, compiled_apart
from gavel_opt.solver.pair_simplex.columns import Columns, T, columns_of, entries_of, slack_of
from gavel_opt.solver.pair_simplex.dual_simplex import DUST, FREE, HELD, NONE, OUT, PIVOT
from gavel_opt.solver.prices.bottleneck_pairs import Pairs
from gavel_opt.solver.prices.cheapest_mix import Given

_PAYS = 1e-10
"""Costs are something beyond this part of the dearest row's price."""
_LOOSE = 1e-11
"""Basic variables may fall below zero by this, so that larger coefficients can be chosen."""
_RIGHT = 1e-9
"""What a level may be off its bound, beside what this is added up from, levels as about 1: more, and the inverse has lost its digits."""
_EACH = 2
"""Columns of each group that a pass finds, at most."""
_LIMIT = 40
"""Pivots at most, for each row."""


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
        Stops, and pivots, ``(2,)``.
    """

    level: Floats
    inside: Ints
    slack: Ints
    counts: Ints


class Standing(NamedTuple):
    """Where the method stands.

    Attributes
    ----------
    inverse
        Of the basis, by its columns: ``inverse[k]`` is what the slack of row k is in terms of the basis, ``(R, R)``. A set of few
        jobs has zeros but for its own rows in its row of the inverse, so a pivot is a few runs along these.
    basic, value
        The variable in each place of the basis, and its value, ``(R,)``.
    slack
        OUT, FREE or HELD, of each row.
    inside
        Whether each column is in the basis, ``(C J,)``; at the end, whether t is.
    y
        Prices, with zeros for nobody's row, ``(2 R,)``.
    entering
        What is to enter, in terms of the basis, ``(R,)``.
    """

    inverse: Floats
    basic: Ints
    value: Floats
    slack: Ints
    inside: Ints
    y: Floats
    entering: Floats


class Search(NamedTuple):
    """What may still come into the basis.

    Attributes
    ----------
    member, begin, many
        Combinations that each group has a part in: those of group g are ``many[g]`` from ``begin[g]`` on.
    gone, gone_row
        Columns and slacks that are of no use any more, ``(C J,)``, ``(R,)``.
    best, which
        The cheapest columns of each group in the last pass, and what they cost, ``(G, EACH)``.
    priced
        Whether a group's level or time has a price, ``(G,)``.
    """

    member: Ints
    begin: Ints
    many: Ints
    gone: Ints
    gone_row: Ints
    best: Floats
    which: Ints
    priced: Ints


@compiled_apart
def levels_in_order(given: Given, pairs: Pairs, lines: Lines, found: Ordered) -> bool:
    """Find the levels of a program in which they rise from nothing; False where it is none that this is for, or goes astray."""
    columns = columns_of(given, pairs)
    if columns.unit == 0.0:
        return False
    groups, types, rows = columns.jobs.size, columns.workers.size, columns.limit.size
    at, search = _stand_alone(columns), _search_in(columns)
    left, first, limit = np.ones(groups, np.int64), -1, _LIMIT * rows
    columns.rise[:] = 0.0
    _turn(columns, lines, left, at, at.entering)
    while True:
        place = _take_in(at, T)
        if place < 0 or not _raise(columns, at, search, place, found.counts, limit):
            return False
        chief = _stop(columns, at, search, lines, place, left)
        if chief < 0:
            return False
        first = chief if first < 0 else first
        found.counts[0] += 1
        if not left.any():
            break
    for g in range(groups):
        found.level[g] = -columns.limit[g] / columns.jobs[g] * columns.unit * columns.slope[g]
    for c in range(columns.one.size * types):
        found.inside[c] = at.inside[c]
    # t stands where it was at the first stop, when prices were a proof for all columns
    for k in range(rows):
        found.slack[k] = int(at.slack[k] != OUT and k != first)
    return True


@compiled
def _add(total: Floats, times: float, part: Floats) -> None:
    for i in range(total.size):
        total[i] += times * part[i]


@compiled
def _search_in(columns: Columns) -> Search:
    """All that runs somewhere, by group."""
    groups, types, many = columns.jobs.size, columns.workers.size, columns.one.size
    begin, count = np.zeros(groups, np.int64), np.zeros(groups, np.int64)
    for n in range(many):
        count[columns.one[n]] += 1
        if columns.two[n] < groups:
            count[columns.two[n]] += 1
    for g in range(1, groups):
        begin[g] = begin[g - 1] + count[g - 1]
    member = np.empty(begin[groups - 1] + count[groups - 1], np.int64)
    count[:] = 0
    gone = np.zeros(many * types, np.int64)
    for n in range(many):
        one, two = columns.one[n], columns.two[n]
        member[begin[one] + count[one]] = n
        count[one] += 1
        if two < groups:
            member[begin[two] + count[two]] = n
            count[two] += 1
        for j in range(types):
            gone[n * types + j] = 1 - columns.runs[n, j]
    return Search(
        member,
        begin,
        count,
        gone,
        np.zeros(columns.limit.size, np.int64),
        np.zeros((groups, _EACH)),
        np.zeros((groups, _EACH), np.int64),
        np.zeros(groups, np.int64),
    )


@compiled
def _stand_alone(columns: Columns) -> Standing:
    """Stand at levels of zero: each group alone where it is fastest, for no time yet."""
    groups, types, rows = columns.jobs.size, columns.workers.size, columns.limit.size
    at = Standing(
        np.zeros((rows, rows)),
        np.zeros(rows, np.int64),
        columns.limit.copy(),
        np.full(rows, FREE),
        np.zeros(columns.one.size * types + 1, np.int64),
        np.zeros(2 * rows),
        np.zeros(rows),
    )
    for k in range(rows):
        at.inverse[k, k] = 1.0
        at.basic[k] = slack_of(k)
    for g in range(groups):
        fastest = 0
        for j in range(types):
            if columns.rate[g, j] > columns.rate[g, fastest]:
                fastest = j
        _express(columns, at, g * types + fastest)
        _put_in(at, g, g * types + fastest, 0.0)
    at.entering[:] = 0.0
    return at


@compiled
def _express(columns: Columns, at: Standing, variable: int) -> None:
    """Express a column or a slack in terms of the basis."""
    rows, values = np.empty(5, np.int64), np.empty(5)
    if variable < T:
        rows[0], values[0], many = slack_of(variable), 1.0, 1
    else:
        many = entries_of(columns, variable, rows, values)
    at.entering[:] = 0.0
    for n in range(many):
        _add(at.entering, values[n], at.inverse[rows[n]])


@compiled
def _take_in(at: Standing, variable: int) -> int:
    """Raise a variable, expressed in the basis, until one of these is zero, and take it in at that place; -1 where nothing stops it."""
    entering, value = at.entering, at.value
    until = np.inf
    for i in range(value.size):
        if entering[i] > PIVOT and _may_leave(at, i):
            until = min(until, (max(value[i], 0.0) + _LOOSE) / entering[i])
    largest, place = PIVOT, -1
    for i in range(value.size):
        near = entering[i] > largest and max(value[i], 0.0) <= until * entering[i]
        if near and _may_leave(at, i):
            largest, place = entering[i], i
    if place >= 0:
        step = max(value[place], 0.0) / largest
        _add(value, -step, entering)
        _put_in(at, place, variable, step)
    return place


@compiled
def _may_leave(at: Standing, place: int) -> bool:
    variable = at.basic[place]
    return bool(variable > T or (variable < T and at.slack[slack_of(variable)] != HELD))


@compiled
def _put_in(at: Standing, place: int, variable: int, value: float) -> None:
    """Take a variable, expressed in the basis, into it at a place; the values of the others are there already."""
    inverse, entering = at.inverse, at.entering
    pivot = 1.0 / entering[place]
    entering[place] = 0.0
    for k in range(entering.size):
        part = inverse[k, place] * pivot
        if abs(inverse[k, place]) <= DUST:
            inverse[k, place] = 0.0
        else:
            _add(inverse[k], -part, entering)
            inverse[k, place] = part
    _mark(at, at.basic[place], 0)
    _mark(at, variable, 1)
    at.basic[place], at.value[place] = variable, value


@compiled
def _mark(at: Standing, variable: int, inside: int) -> None:
    """Note that a variable is in the basis, or that it is not."""
    if variable < T:
        at.slack[slack_of(variable)] = FREE if inside == 1 else OUT
    elif variable == T:
        at.inside[at.inside.size - 1] = inside
    else:
        at.inside[variable] = inside


@compiled
def _raise(
    columns: Columns, at: Standing, search: Search, place: int, counts: Ints, limit: int
) -> bool:
    """Take in what pays until nothing does: t, in its place, is as large as it can be."""
    while True:
        nothing = _read_prices(at, place)
        if not _pass_over(columns, at, search, nothing, False):
            return False
        entering = _cheapest(columns, at, search, nothing)
        if entering == NONE:
            return True
        while entering != NONE:
            counts[1] += 1
            _express(columns, at, entering)
            if counts[1] > limit or _take_in(at, entering) < 0:
                return False
            entering = _cheapest(columns, at, search, _read_prices(at, place))


@compiled
def _read_prices(at: Standing, place: int) -> float:
    """Read prices from the row of t; costs up to what is returned are nothing."""
    dearest = 0.0
    for k in range(at.basic.size):
        at.y[k] = at.inverse[k, place]
        dearest = max(dearest, abs(at.y[k]))
    nothing = _PAYS * dearest
    for k in range(at.basic.size):
        if abs(at.y[k]) <= 1e-3 * nothing:
            at.y[k] = 0.0
    return nothing


@compiled
def _pass_over(columns: Columns, at: Standing, search: Search, nothing: float, leave: bool) -> bool:
    """Look at all columns that have a price: for the cheapest of each group, or to let those go that cost something.

    False where one of the basis costs something: then the inverse has lost its digits.
    """
    groups, types, y, gone = columns.jobs.size, columns.workers.size, at.y, search.gone
    best, which, priced = search.best, search.which, search.priced
    everywhere = False
    for j in range(types):
        everywhere = everywhere or y[2 * groups + j] != 0.0
    for g in range(groups):
        priced[g] = int(everywhere or y[g] != 0.0 or y[groups + g] != 0.0)
        for e in range(_EACH):
            best[g, e], which[g, e] = -nothing, NONE
    right = True
    for g in range(groups):
        if priced[g] == 0:
            continue
        begin, stay = search.begin[g], 0
        for m in range(begin, begin + search.many[g]):
            n = search.member[m]
            one, two = columns.one[n], columns.two[n]
            other = two if one == g else one
            seen = other < g and priced[other] == 1
            time = columns.time[n] * y[groups + one] + columns.time_two[n] * y[groups + two]
            use, stays = columns.use[n], 0
            for j in range(types):
                c = n * types + j
                if gone[c] == 1:
                    continue
                stays = 1
                if seen:
                    continue
                cost = time + use * y[2 * groups + j]
                cost -= columns.rate[n, j] * y[one] + columns.rate_two[n, j] * y[two]
                if at.inside[c] == 1:
                    right = right and abs(cost) <= nothing
                elif leave and cost > nothing:
                    gone[c] = 1
                elif cost < best[g, _EACH - 1]:
                    _note(best[g], which[g], cost, c)
                if other < groups and at.inside[c] == 0 and cost < best[other, _EACH - 1]:
                    _note(best[other], which[other], cost, c)
            if stays == 1:
                search.member[begin + stay] = n
                stay += 1
        search.many[g] = stay
    return right


@compiled
def _note(best: Floats, which: Ints, cost: float, column: int) -> None:
    """Note a column among the cheapest, in place of the dearest of them."""
    at = best.size - 1
    while at > 0 and best[at - 1] > cost:
        best[at], which[at] = best[at - 1], which[at - 1]
        at -= 1
    best[at], which[at] = cost, column


@compiled
def _cheapest(columns: Columns, at: Standing, search: Search, nothing: float) -> int:
    """What costs least of the columns that the last pass found, and of the slacks; NONE where nothing pays."""
    groups, types, y = columns.jobs.size, columns.workers.size, at.y
    least, found = -nothing, NONE
    for g in range(groups):
        for e in range(_EACH):
            c = search.which[g, e]
            if c == NONE:
                break
            if at.inside[c] == 1:
                continue
            n, j = c // types, c % types
            one, two = columns.one[n], columns.two[n]
            cost = columns.time[n] * y[groups + one] + columns.time_two[n] * y[groups + two]
            cost += columns.use[n] * y[2 * groups + j]
            cost -= columns.rate[n, j] * y[one] + columns.rate_two[n, j] * y[two]
            if cost < least:
                least, found = cost, c
    for k in range(columns.limit.size):
        if at.slack[k] == OUT and search.gone_row[k] == 0 and y[k] < least:
            least, found = y[k], slack_of(k)
    return found


@compiled
def _stop(
    columns: Columns, at: Standing, search: Search, lines: Lines, place: int, left: Ints
) -> int:
    """Stop the groups whose level has a price, and let go what costs something; one of them, -1 where there is none."""
    nothing = _read_prices(at, place)
    if not _pass_over(columns, at, search, nothing, True):
        return -1
    y, t, chief, dearest, bound, size = at.y, at.value[place], -1, nothing, 0.0, 0.0
    for k in range(columns.limit.size):
        bound += y[k] * columns.limit[k]
        size += abs(y[k]) * max(abs(columns.limit[k]), columns.jobs[k] if k < left.size else 0.0)
        if at.slack[k] == OUT and y[k] > nothing:
            search.gone_row[k] = 1
    for g in range(left.size):
        if left[g] == 1 and columns.rise[g] > 0.0 and y[g] > dearest:
            dearest, chief = y[g], g
    if chief < 0 or abs(bound - t) > _RIGHT * size:
        return -1
    for g in range(left.size):
        columns.limit[g] -= columns.rise[g] * t
        if y[g] > nothing:  # whoever is still to begin never does
            left[g] = 0
    _express(columns, at, slack_of(chief))
    # t in terms of the basis is itself; the rest is what it changes by
    onwards = np.zeros(at.entering.size)
    _turn(columns, lines, left, at, onwards)
    onwards[place] = 0.0
    _put_in(at, place, slack_of(chief), 0.0)
    at.slack[chief] = HELD
    copy_into(at.entering, onwards)
    return chief


@compiled
def _turn(columns: Columns, lines: Lines, left: Ints, at: Standing, onwards: Floats) -> None:
    """Let those that are left rise as their entities have them, and add to ``onwards`` what that changes t by, in terms of the basis."""
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
        rise = columns.jobs[g] * (speed[g] / fastest) if speed[g] > 0.0 else 0.0
        if rise != columns.rise[g]:
            _add(onwards, rise - columns.rise[g], at.inverse[g])
            columns.rise[g] = rise
