r"""The centre of an optimal face whose prices are the only ones: what costs nothing at these is on the face.

Rows that have a price are equalities there, all others have slacks; then it is the centre of a body like that of
programs whose level one job sets, found by the same method (:mod:`gavel_opt.solver.prices.bottleneck_pairs`), from a start that
depends on the program alone.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.dense import cholesky, cholesky_solve
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.pair_simplex.columns import Columns, costs_at, entries_of
from gavel_opt.solver.pair_simplex.dual_simplex import Tableau, is_equality
from gavel_opt.solver.pair_simplex.only_vertex import REFINED, clear_of, on_face, take_prices
from gavel_opt.solver.prices.bottleneck_pairs import (
    LEFT,
    LIMIT,
    Body,
    Pairs,
    body_of,
    newton,
    room_for,
    take,
)
from gavel_opt.solver.prices.cheapest_mix import Given, needs_of
from gavel_opt.solver.records import Found
from gavel_opt.solver.settings import SETTINGS

LOW = 0.05
"""Where the search starts: the price of a level with room, beside that of the job's time."""


@compiled
def centre_of_face(given: Given, pairs: Pairs, columns: Columns, at: Tableau, found: Found) -> bool:
    """Put the centre in the place of a vertex; False if it is not found."""
    if not _prices_of_face(columns, at):
        return False
    take_prices(columns, at, found)
    own, _ = needs_of(given)
    none = np.full(given.rate.shape[0], -1, np.int64)
    body = body_of(given, pairs, own, found.summary[1], none)
    _keep_to_face(body, columns, at)
    prices = _start(body, columns)
    place = _fewest_first(body.one, body.two, body.weight)
    few = _in_order(body, place, _levels_left_out(columns, at))
    search = room_for(few)
    _move_rows(prices, search.prices, place, False)
    steps = newton(few, search, LIMIT)
    if steps <= 0:
        return False
    _move_rows(prices, search.prices, place, True)
    summary = found.summary
    summary[5] += steps
    summary[2] = take(body, prices, found)
    return bool(summary[2] <= SETTINGS.proved)


@compiled
def _prices_of_face(columns: Columns, at: Tableau) -> bool:
    """Have the prices from the face alone, by least squares over its columns, and not from the basis that led there."""
    groups, rows, clear = columns.jobs.size, columns.limit.size, clear_of(columns)
    place, many = np.full(rows, -1, np.int64), 0
    for k in range(rows):
        if at.y[k] > clear or is_equality(columns, k):
            place[k] = many
            many += 1
    normal, right, y = np.zeros((many, many)), np.zeros(many), np.zeros(many)
    for i in range(groups):
        if place[i] >= 0:
            right[place[i]] = columns.rise[i]
    for a in range(many):
        for b in range(many):
            normal[a, b] = right[a] * right[b]
    for c in range(at.cost.size):
        if on_face(columns, at, c, clear):
            _add_square(columns, c, place, normal)
    factor = normal.copy()
    if cholesky(factor, many, SETTINGS.face_loose) > 0:
        return False
    for _ in range(REFINED + 1):
        left = right.copy()
        for a in range(many):
            for b in range(many):
                left[a] -= normal[a, b] * y[b]
        cholesky_solve(factor, left)
        for a in range(many):
            y[a] += left[a]
    for k in range(rows):
        at.y[k] = y[place[k]] if place[k] >= 0 else 0.0
    costs_at(columns, at.y, at.cost)
    return True


@compiled
def _add_square(columns: Columns, c: int, place: Ints, normal: Floats) -> None:
    """Add a column times itself, in the rows that have a place."""
    row, value = np.empty(5, np.int64), np.empty(5)
    many = entries_of(columns, c, row, value)
    for e in range(many):
        for d in range(many):
            if place[row[e]] >= 0 and place[row[d]] >= 0:
                normal[place[row[e]], place[row[d]]] += value[e] * value[d]


@compiled
def _keep_to_face(body: Body, columns: Columns, at: Tableau) -> None:
    """Leave out what costs something, and the slacks of rows that have a price."""
    groups, types, clear = columns.jobs.size, columns.workers.size, clear_of(columns)
    for n in range(columns.one.size):
        for j in range(types):
            if not on_face(columns, at, n * types + j, clear):
                body.weight[n, j] = 0.0
    for i in range(groups):
        if columns.full[i] == 1:
            body.slack[2 * i] = body.slack[2 * i + 1] = 0.0
            continue
        if at.y[i] > clear:
            body.slack[2 * i] = 0.0
        if at.y[groups + i] > clear:
            body.slack[2 * i + 1] = 0.0
    for j in range(types):
        if at.y[2 * groups + j] > clear:
            body.slack[2 * groups + 2 + j] = 0.0


@compiled
def _levels_left_out(columns: Columns, at: Tableau) -> Ints:
    """Groups whose level rows are left out: one, which with t given follows from all others that have a price; and full groups'."""
    groups, dearest, most = columns.jobs.size, 0, 0.0
    without = np.zeros(groups + 1, np.int64)
    for i in range(groups):
        without[i] = columns.full[i]
        if columns.rise[i] * at.y[i] > most:
            dearest, most = i, columns.rise[i] * at.y[i]
    without[dearest] = 1
    return without


@compiled
def _fewest_first(one: Ints, two: Ints, weight: Floats) -> Ints:
    """Places of groups, nobody's last, by the pairs on the face that they are in: equations fill up less so."""
    groups = two[0]
    pairs, place = np.zeros(groups + 1, np.int64), np.full(groups + 1, groups)
    for n in range(groups, one.size):
        if _is_used(weight, n):
            pairs[one[n]] += 1
            pairs[two[n]] += 1
    for i in range(groups):
        place[i] = 0
        for other in range(groups):
            place[i] += pairs[other] < pairs[i] or (pairs[other] == pairs[i] and other < i)
    return place


@compiled
def _is_used(weight: Floats, n: int) -> bool:
    """Whether a combination is on the face at all."""
    used = False
    for j in range(weight.shape[1]):
        used = used or weight[n, j] > 0.0
    return used


@compiled
def _in_order(body: Body, place: Ints, without: Ints) -> Body:
    """The same with groups at their places, without levels of some and the pairs that are not on the face."""
    groups, types = place.size - 1, body.workers.size
    many = groups
    for n in range(groups, body.one.size):
        many += _is_used(body.weight, n)
    one, two = np.empty(many, np.int64), np.empty(many, np.int64)
    share, other, use = np.empty(many), np.empty(many), np.empty(many)
    first, second = np.empty((many, types)), np.empty((many, types))
    weight = np.empty((many, types))
    need, slack = np.zeros(groups + 1), np.zeros(body.slack.size)
    _move_rows(body.slack, slack, place, False)
    for i in range(groups):
        need[place[i]] = 0.0 if without[i] == 1 else body.need[i]
    last = groups
    for n in range(body.one.size):
        to, a, b = last, body.one[n], body.two[n]
        if n < groups:
            to = place[n]
        elif _is_used(body.weight, n):
            last += 1
        else:
            continue
        turned = place[a] > place[b]
        use[to], one[to], two[to] = body.use[n], place[a], place[b]
        share[to], other[to] = body.share[n], body.other[n]
        if turned:
            one[to], two[to], share[to], other[to] = place[b], place[a], other[to], share[to]
        for j in range(types):
            own = 0.0 if without[a] == 1 else body.first[n, j]
            their = 0.0 if without[b] == 1 else body.second[n, j]
            first[to, j] = their if turned else own
            second[to, j] = own if turned else their
            weight[to, j] = body.weight[n, j]
    return Body(one, two, share, other, use, first, second, weight, need, slack, body.workers)


@compiled
def _move_rows(rows: Floats, few: Floats, place: Ints, back: bool) -> None:
    """Move what there is for each row to where its group is, or back."""
    for k in range(rows.size):
        to = 2 * place[k // 2] + k % 2 if k < 2 * place.size else k
        if back:
            rows[k] = few[to]
        else:
            few[to] = rows[k]


@compiled
def _start(body: Body, columns: Columns) -> Floats:
    """Prices at which each job's time costs what would be of it, and little else costs anything."""
    groups, types = columns.jobs.size, columns.workers.size
    kinds, prices = 2 * groups + 2, np.zeros(body.slack.size)
    for n in range(body.one.size):
        total = 0.0
        for j in range(types):
            total += body.weight[n, j]
        part = 1.0 if n < groups else 0.5
        prices[2 * body.one[n] + 1] += part * total
        prices[2 * body.two[n] + 1] += part * total
    for i in range(groups):
        prices[2 * i + 1] += SETTINGS.slack_weight * columns.jobs[i]
        if body.slack[2 * i] > 0.0:
            prices[2 * i] = LOW * prices[2 * i + 1]
    prices[kinds - 1] = 0.0
    for j in range(types):
        if body.slack[kinds + j] > 0.0:
            prices[kinds + j] = 1.0 / (LEFT * columns.workers[j])
    return prices
