r"""The pairs of a face on which nearly every two groups are one, in tiles that passes run along several at a time.

Groups that pairs join stand in a row, and each group's columns with all that follow it lie side by side, one
tile for each worker type: so what a pass reads and adds to is a stretch of an array. Columns that are not on
the face have their place too, with no weight and a share of zero. All else that
:mod:`~gavel_opt.solver.column_generation.face_columns` has is done here in the same way: a unit takes one unit
of time of both groups, and levels count downwards. ``take``, which goes along all columns alike, is the pass over a list.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.jit import compiled, unrolled
from gavel_opt.solver.column_generation.face_columns import Point, aim
from gavel_opt.solver.column_generation.pair_pricing import PairColumns

_LANES = 8
"""Partial sums of a long one, which do not wait for each other."""
_LEAST = 1e-300


class Tiles(NamedTuple):
    """The tiles, of C columns in all, of N groups.

    Attributes
    ----------
    begin
        First column of each group, with the next group on the first type; other types follow, ``(N,)``.
    many
        Groups that follow it in its row, ``(N,)``.
    use
        Workers that a unit takes, ``(N,)``.
    first, second, weight
        What a column adds to both levels, and its weight in the barrier, ``(C,)``.
    start, width
        Where the equations of the group's row of groups begin in one flat array, and how many they are, ``(N,)``.
    """

    begin: Ints
    many: Ints
    use: Floats
    first: Floats
    second: Floats
    weight: Floats
    start: Ints
    width: Ints


class RowValues(NamedTuple):
    """A value for each row: levels and time of N groups, shapes ``(N,)``, and workers, ``(J,)``."""

    level: Floats
    time: Floats
    workers: Floats

    @classmethod
    def zeros(cls, groups: int, types: int) -> RowValues:
        """Nothing in each row."""
        return cls(np.zeros(groups), np.zeros(groups), np.zeros(types))


@unrolled
@compiled
def fill_tiles(tiles: Tiles, pairs: PairColumns, marks: Bools, weight: Floats, place: Ints) -> None:
    """Write down the columns of a face.

    Parameters
    ----------
    tiles
        Gets them; of columns there is nothing yet.
    pairs, marks
        All pairs, and which of their columns are on the face and in tiles, shape ``(P, J)``.
    weight
        Of each pair.
    place
        Of each group among those in tiles.
    """
    types = marks.shape[1]
    for i in range(pairs.use.size):
        one, two = place[pairs.member[i, 0]], place[pairs.member[i, 1]]
        a, b = (0, 1) if one < two else (1, 0)
        row, along = min(one, two), abs(two - one) - 1
        for j in range(types):
            if marks[i, j]:
                at = tiles.begin[row] + j * tiles.many[row] + along
                tiles.first[at] = pairs.rate[i, a, j] * pairs.scale[pairs.member[i, a]]
                tiles.second[at] = pairs.rate[i, b, j] * pairs.scale[pairs.member[i, b]]
                tiles.weight[at] = weight[i]


@compiled
def _summed(values: Floats) -> float:
    a = b = c = d = e = f = g = h = 0.0
    whole = values.size - values.size % _LANES
    for q in range(0, whole, _LANES):
        a, b, c, d = a + values[q], b + values[q + 1], c + values[q + 2], d + values[q + 3]
        e, f, g, h = e + values[q + 4], f + values[q + 5], g + values[q + 6], h + values[q + 7]
    for q in range(whole, values.size):
        a += values[q]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@compiled
def _add_cost(
    z: Floats, own: tuple[float, float], first: Floats, second: Floats, ahead: tuple[Floats, Floats]
) -> None:
    """Add what the columns of a tile cost: own price of time and workers, and of level; and those of groups ahead."""
    time, level = own
    times, levels = ahead
    for q in range(z.size):
        z[q] += time + times[q] - first[q] * level - second[q] * levels[q]


@unrolled
@compiled
def costs_of_tiles(tiles: Tiles, nu: RowValues, z: Floats) -> None:
    """What all columns cost at prices of rows."""
    for r in range(tiles.many.size):
        many = tiles.many[r]
        ahead = nu.time[r + 1 : r + 1 + many], nu.level[r + 1 : r + 1 + many]
        for j in range(nu.workers.size):
            at = tiles.begin[r] + j * many
            to = at + many
            z[at:to] = 0.0
            own = nu.time[r] + tiles.use[r] * nu.workers[j], nu.level[r]
            _add_cost(z[at:to], own, tiles.first[at:to], tiles.second[at:to], ahead)


@compiled
def _add(total: Floats, part: Floats) -> None:
    for q in range(total.size):
        total[q] += part[q]


@compiled
def _take_off(total: Floats, part: Floats) -> None:
    for q in range(total.size):
        total[q] -= part[q]


@compiled
def _add_product(total: Floats, one: Floats, other: Floats) -> None:
    for q in range(total.size):
        total[q] += one[q] * other[q]


@compiled
def _multiply(product: Floats, one: Floats, other: Floats) -> None:
    for q in range(product.size):
        product[q] = one[q] * other[q]


@unrolled
@compiled
def assemble_tiles(
    tiles: Tiles,
    ratio: Floats,
    matrix: Floats,
    beside: tuple[Floats, Floats],
    kinds: Floats,
    room: Floats,
) -> None:
    """Add ``A D A'`` for a diagonal ``ratio``, as :func:`gavel_opt.solver.column_generation.face_columns.assemble` does.

    ``beside`` gets what is between levels, and time, and worker types, shapes ``(J, N)``, and is zero before; ``room``,
    for work, has shape ``(5, N)``.
    """
    levels, times = beside
    squares = room[4]
    squares[:] = 0.0
    for r in range(tiles.many.size):
        many, width, half, by = tiles.many[r], tiles.width[r], tiles.width[r] // 2, r + 1
        place = half - 1 - many
        row = tiles.start[r] + place * width
        right = row + place + 1
        level_row, mixed_row = (
            matrix[right : right + many],
            matrix[right + half : right + half + many],
        )
        right += half * width + half
        time_row = matrix[right : right + many]
        by_first, by_second, across = room[0, :many], room[1, :many], room[2, :many]
        for q in range(many):
            across[q] = 0.0
        for j in range(levels.shape[0]):
            at = tiles.begin[r] + j * many
            here, second = ratio[at : at + many], tiles.second[at : at + many]
            first = tiles.first[at : at + many]
            _multiply(by_first, first, here)
            _multiply(by_second, second, here)
            _add_product(squares[by : by + many], second, by_second)
            _take_off(levels[j, by : by + many], by_second)
            _add(times[j, by : by + many], here)
            _add_product(level_row, second, by_first)
            _take_off(mixed_row, by_first)
            _add(across, by_second)
            _add(time_row, here)
            levels[j, r] -= _summed(by_first)
            times[j, r] += _summed(here)
            _multiply(by_first, by_first, first)
            squares[r] += _summed(by_first)
        down = row + width + half + place
        for q in range(many):
            matrix[down + q * width] -= across[q]
    _finish_tiles(tiles, beside, squares, matrix, kinds)


@compiled
def _finish_tiles(
    tiles: Tiles, beside: tuple[Floats, Floats], squares: Floats, matrix: Floats, kinds: Floats
) -> None:
    """Add what is between a group's own two rows, and put the workers that a unit takes into what is beside."""
    levels, times = beside
    for r in range(tiles.many.size):
        width, half, use = tiles.width[r], tiles.width[r] // 2, tiles.use[r]
        place = half - 1 - tiles.many[r]
        row = tiles.start[r] + place * width
        matrix[row + place] += squares[r]
        for j in range(kinds.size):
            matrix[row + half + place] += levels[j, r]
            matrix[row + half * width + half + place] += times[j, r]
            # of each column one half comes from each of its groups
            kinds[j] += 0.5 * use * use * times[j, r]
            levels[j, r] *= use
            times[j, r] *= use


@compiled
def _shares_after(y: Floats, x: Floats, dx: Floats, ratio: Floats, dz: Floats) -> None:
    for q in range(y.size):
        y[q] = x[q] + dx[q] - ratio[q] * dz[q]


@compiled
def _take_off_product(total: Floats, one: Floats, other: Floats) -> None:
    for q in range(total.size):
        total[q] -= one[q] * other[q]


@compiled
def _weigh(ratio: Floats, x: Floats, z: Floats) -> None:
    for q in range(ratio.size):
        ratio[q] = x[q] / z[q]


@unrolled
@compiled
def aim_tiles(
    tiles: Tiles,
    point: Point,
    ratio: Floats,
    rows: tuple[RowValues, RowValues],
    towards: tuple[float, float],
    room: Floats,
) -> None:
    """Start a step and add what shares would add up to, as :mod:`gavel_opt.solver.column_generation.face_columns` does.

    ``rows`` are prices ``nu`` and what its :func:`~gavel_opt.solver.column_generation.face_columns.add_up` returns, ``towards``
    ``goal`` and ``second`` of its :func:`~gavel_opt.solver.column_generation.face_columns.aim`. A step without second order is the first from
    where shares are: ``ratio`` and what costs lack of those at prices ``nu`` are worked out on the way.
    """
    x, z, dx, dz = point
    goal, second = towards
    nu, total = rows
    for r in range(tiles.many.size):
        many, by = tiles.many[r], r + 1
        y, product = room[0, :many], room[1, :many]
        ahead = nu.time[by : by + many], nu.level[by : by + many]
        for j in range(total.workers.size):
            at = tiles.begin[r] + j * many
            to = at + many
            if second == 0.0:
                dz[at:to] = 0.0
                own = nu.time[r] + tiles.use[r] * nu.workers[j], nu.level[r]
                _add_cost(dz[at:to], own, tiles.first[at:to], tiles.second[at:to], ahead)
                _take_off(dz[at:to], z[at:to])
                _weigh(ratio[at:to], x[at:to], z[at:to])
            aim(Point(x[at:to], z[at:to], dx[at:to], dz[at:to]), tiles.weight[at:to], goal, second)
            _shares_after(y, x[at:to], dx[at:to], ratio[at:to], dz[at:to])
            _take_off_product(total.level[by : by + many], tiles.second[at:to], y)
            _add(total.time[by : by + many], y)
            _multiply(product, tiles.first[at:to], y)
            shares = _summed(y)
            total.level[r] -= _summed(product)
            total.time[r] += shares
            total.workers[j] += tiles.use[r] * shares


@compiled
def _most(point: Point, ratio: Floats, room: Floats) -> None:
    """Raise ``room`` to the parts by which shares fall, by which costs fall, and by which either changes."""
    x, _, dx, dz = point
    down, dear, moved = room[0], room[1], room[2]
    for q in range(x.size):
        one = 1.0 / max(x[q], _LEAST)
        along, across = dx[q] * one, dz[q] * (ratio[q] * one)
        down[q] = max(down[q], -along)
        dear[q] = max(dear[q], -across)
        moved[q] = max(moved[q], max(abs(along), abs(across)))


@unrolled
@compiled
def walk_tiles(
    tiles: Tiles, point: Point, ratio: Floats, nu: RowValues, room: Floats
) -> tuple[float, float, float]:
    """Finish a step, as :func:`gavel_opt.solver.column_generation.face_columns.walk` does; ``room`` has shape ``(5, N)``."""
    x, z, dx, dz = point
    width = room.shape[1]
    room[:3] = 0.0
    for r in range(tiles.many.size):
        many = tiles.many[r]
        ahead = nu.time[r + 1 : r + 1 + many], nu.level[r + 1 : r + 1 + many]
        for j in range(nu.workers.size):
            at = tiles.begin[r] + j * many
            to = at + many
            dx_here, dz_here = dx[at:to], dz[at:to]
            own = nu.time[r] + tiles.use[r] * nu.workers[j], nu.level[r]
            _add_cost(dz_here, own, tiles.first[at:to], tiles.second[at:to], ahead)
            _take_off_product(dx_here, ratio[at:to], dz_here)
            _most(Point(x[at:to], z[at:to], dx_here, dz_here), ratio[at:to], room)
    below_x, below_z, moved = 0.0, 0.0, 0.0
    for q in range(width):
        below_x, below_z = max(below_x, room[0, q]), max(below_z, room[1, q])
        moved = max(moved, room[2, q])
    return below_x, below_z, moved


@unrolled
@compiled
def read_tiles(
    tiles: Tiles, shares: Floats, pairs: PairColumns, marks: Bools, place: Ints, x: Floats
) -> None:
    """Write shares into those of all pairs, shape ``(P, J)``, but for pairs that idle."""
    rewarded = pairs.reward.shape[0] > 0
    for i in range(pairs.use.size):
        one, two = place[pairs.member[i, 0]], place[pairs.member[i, 1]]
        row, along = min(one, two), abs(two - one) - 1
        for j in range(marks.shape[1]):
            if marks[i, j]:
                at = tiles.begin[row] + j * tiles.many[row] + along
                earns = tiles.first[at] > 0.0 or tiles.second[at] > 0.0
                if earns or (rewarded and pairs.reward[i, j] > 0.0):
                    x[i, j] = shares[at]
