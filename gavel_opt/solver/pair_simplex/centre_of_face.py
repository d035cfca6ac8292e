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
    Search,
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
    search = room_for(body)
    _start(body, columns, search)
    steps = newton(_without_dearest_level(body, columns, at), search, LIMIT)
    if steps <= 0:
        return False
    summary = found.summary
    summary[5] += steps
    summary[2] = take(body, search, found)
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
def _without_dearest_level(body: Body, columns: Columns, at: Tableau) -> Body:
    """Leave out a level row: with t given, it follows from all other rows that have a price; and those of full groups."""
    groups, dearest, most = columns.jobs.size, 0, 0.0
    for i in range(groups):
        if columns.rise[i] * at.y[i] > most:
            dearest, most = i, columns.rise[i] * at.y[i]
    first, second, need = body.first.copy(), body.second.copy(), body.need.copy()
    need[dearest] = 0.0
    for i in range(groups):
        if columns.full[i] == 1:
            need[i] = 0.0
    for n in range(body.one.size):
        for j in range(columns.workers.size):
            if body.one[n] == dearest or columns.full[body.one[n]] == 1:
                first[n, j] = 0.0
            if body.two[n] == dearest or (body.two[n] < groups and columns.full[body.two[n]] == 1):
                second[n, j] = 0.0
    return Body(
        body.one,
        body.two,
        body.share,
        body.other,
        body.use,
        first,
        second,
        body.weight,
        need,
        body.slack,
        body.workers,
    )


@compiled
def _start(body: Body, columns: Columns, search: Search) -> None:
    """Prices at which each job's time costs what would be of it, and little else costs anything."""
    groups, types, prices = columns.jobs.size, columns.workers.size, search.prices
    kinds = 2 * groups + 2
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
