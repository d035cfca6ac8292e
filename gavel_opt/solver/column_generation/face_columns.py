r"""The columns of a face as one list: shares alone, shares of pairs, and slacks of rows.

A column takes a part of the time of one or two groups, workers of one type, and adds to one or two levels;
with prices :math:`\nu` of rows (levels count downwards) it costs
:math:`a \cdot \nu = s_1 \nu_{t_1} + s_2 \nu_{t_2} + k \nu_w - r_1 \nu_{l_1} - r_2 \nu_{l_2}`. A slack is a
column with a single one. So every pass over a face is one loop.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.column_generation.pair_pricing import PairColumns, Prices, reduced_cost

LONGEST = 10.0
"""Times a share or a cost that a step counts for in the next one's second order."""


class Face(NamedTuple):
    """What is not zero on a face, and the weights of it.

    Attributes
    ----------
    rate, use
        Of groups alone, scaled.
    alone, pair
        Which shares are not zero, shapes ``(G, J)`` and ``(P, J)``.
    pairs
        The pairs.
    jobs
        Jobs of each group.
    surplus, time, workers
        Weights of slacks, 0 for those that are zero: shapes ``(G,)``, ``(G,)``, ``(J,)``.
    """

    rate: Floats
    use: Floats
    alone: Bools
    pair: Bools
    pairs: PairColumns
    jobs: Floats
    surplus: Floats
    time: Floats
    workers: Floats


class Columns(NamedTuple):
    """The columns, each entry of shape ``(C,)``.

    Attributes
    ----------
    one, two, kind
        Groups (the same twice for a group alone) and worker type.
    first, second
        What it adds to the levels of both.
    share, other
        Time that it takes of both.
    use
        Workers that it takes.
    weight
        In the barrier.
    place
        Where its share stands in an array of shape ``(G + P, J)``; -1 for pairs that idle and for slacks.
    """

    one: Ints
    two: Ints
    kind: Ints
    first: Floats
    second: Floats
    share: Floats
    other: Floats
    use: Floats
    weight: Floats
    place: Ints


class Point(NamedTuple):
    """Shares, their costs, and a step of both, each of shape ``(C,)``.

    Attributes
    ----------
    x, z
        Shares and costs, positive.
    dx, dz
        The step; before it, ``dz`` is what costs lack of those that prices give.
    """

    x: Floats
    z: Floats
    dx: Floats
    dz: Floats


class Blocks(NamedTuple):
    """Where the rows of groups stand in a matrix of a block for each set of groups that pairs join.

    Attributes
    ----------
    begin, width
        First entry, and rows, of each group's block, in one flat array.
    row
        The group's level row in its block; that of its time is as far into the block's second half.
    """

    begin: Ints
    width: Ints
    row: Ints


@compiled
def open_pairs(
    pairs: PairColumns, prices: Prices, most: float, time: Bools, workers: Bools
) -> Bools:
    """Which pairs' columns are in the face: those that cost nothing, and those that may idle there.

    Parameters
    ----------
    pairs, prices
        The program's pairs and its duals.
    most
        Costs up to this are none.
    time, workers
        Which rows have slack on the face: jobs' time, and types.
    """
    types = pairs.rate.shape[2]
    rewarded = pairs.reward.shape[0] > 0
    marks = np.zeros((pairs.use.size, types), np.bool_)
    pull = pairs.scale * prices.level
    for i in range(pairs.use.size):
        one, two = pairs.member[i, 0], pairs.member[i, 1]
        for j in range(types):
            first, second = pairs.rate[i, 0, j], pairs.rate[i, 1, j]
            reward = pairs.reward[i, j] if rewarded else 0.0
            if first == 0.0 and second == 0.0 and reward <= 0.0:
                marks[i, j] = time[one] and time[two] and workers[j]
            elif first * pairs.scale[one] > 0.0 or second * pairs.scale[two] > 0.0 or reward > 0.0:
                marks[i, j] = reduced_cost(pairs, prices, pull, i, j) - reward <= most
    return marks


@compiled
def columns_of(face: Face, many: int) -> Columns:
    """List the ``many`` columns of a face: groups alone, pairs, slacks of levels, of time, of workers."""
    groups, types = face.rate.shape
    pairs, columns = face.pairs, _room(many)
    n = 0
    for i in range(groups):
        for j in range(types):
            if face.alone[i, j]:
                columns.one[n] = columns.two[n] = i
                columns.kind[n], columns.place[n] = j, i * types + j
                columns.first[n], columns.share[n] = face.rate[i, j], 1.0
                columns.use[n], columns.weight[n] = face.use[i], face.jobs[i]
                n += 1
    rewarded = pairs.reward.shape[0] > 0
    for i in range(pairs.use.size):
        one, two = pairs.member[i, 0], pairs.member[i, 1]
        for j in range(types):
            if not face.pair[i, j]:
                continue
            columns.one[n], columns.two[n], columns.kind[n] = one, two, j
            columns.first[n] = pairs.share[i, 0] * pairs.rate[i, 0, j] * pairs.scale[one]
            columns.second[n] = pairs.share[i, 1] * pairs.rate[i, 1, j] * pairs.scale[two]
            columns.share[n], columns.other[n] = pairs.share[i, 0], pairs.share[i, 1]
            columns.use[n], columns.weight[n] = pairs.use[i], _stands_for(face, one, two)
            reward = pairs.reward[i, j] if rewarded else 0.0
            if columns.first[n] > 0.0 or columns.second[n] > 0.0 or reward > 0.0:
                columns.place[n] = (groups + i) * types + j
            n += 1
    for i in range(groups):
        if face.surplus[i] > 0.0:
            columns.one[n] = columns.two[n] = i
            columns.first[n], columns.weight[n] = -1.0, face.surplus[i]
            n += 1
    for i in range(groups):
        if face.time[i] > 0.0:
            columns.one[n] = columns.two[n] = i
            columns.share[n], columns.weight[n] = 1.0, face.time[i]
            n += 1
    for j in range(types):
        if face.workers[j] > 0.0:
            columns.kind[n], columns.use[n], columns.weight[n] = j, 1.0, face.workers[j]
            n += 1
    return columns


@compiled
def _room(many: int) -> Columns:
    return Columns(
        np.zeros(many, np.int64),
        np.zeros(many, np.int64),
        np.zeros(many, np.int64),
        np.zeros(many),
        np.zeros(many),
        np.zeros(many),
        np.zeros(many),
        np.zeros(many),
        np.zeros(many),
        np.full(many, -1, np.int64),
    )


@compiled
def _stands_for(face: Face, one: int, two: int) -> float:
    """How many pairs of jobs a pair of groups stands for."""
    if one == two:
        return float(max(0.5 * face.jobs[one] * (face.jobs[one] - 1.0), 1.0))
    return float(face.jobs[one] * face.jobs[two])


@compiled
def joined(member: Ints, groups: int) -> Ints:
    """The first group of the set of groups, joined by pairs ``(P, 2)``, that each is in, shape ``(G,)``."""
    least = np.arange(groups)
    for n in range(member.shape[0]):
        one, two = member[n, 0], member[n, 1]
        while least[one] != one:
            least[one] = least[least[one]]
            one = least[one]
        while least[two] != two:
            least[two] = least[least[two]]
            two = least[two]
        least[max(one, two)] = min(one, two)
    for i in range(groups):
        least[i] = least[least[i]]
    return least


@compiled
def _cost(columns: Columns, nu: Floats, groups: int, n: int) -> float:
    """What a column costs at prices of rows."""
    one, two = columns.one[n], columns.two[n]
    cost = columns.share[n] * nu[groups + one] + columns.other[n] * nu[groups + two]
    cost += columns.use[n] * nu[2 * groups + columns.kind[n]]
    return float(cost - columns.first[n] * nu[one] - columns.second[n] * nu[two])


@compiled
def costs(columns: Columns, nu: Floats, groups: int) -> Floats:
    """What all columns cost, shape ``(C,)``."""
    found = np.empty(columns.one.size)
    for n in range(found.size):
        found[n] = _cost(columns, nu, groups, n)
    return found


@compiled
def add_up(columns: Columns, point: Point, rows: int, groups: int) -> Floats:
    """What shares would add up to in each row after a step that has begun, shape ``(rows,)``.

    Without what the step of prices does, but for what costs lack.
    """
    x, z, dx, dz = point
    total = np.zeros(rows)
    for n in range(x.size):
        one, two = columns.one[n], columns.two[n]
        y = x[n] + dx[n] - x[n] / z[n] * dz[n]
        total[one] -= columns.first[n] * y
        total[two] -= columns.second[n] * y
        total[groups + one] += columns.share[n] * y
        total[groups + two] += columns.other[n] * y
        total[2 * groups + columns.kind[n]] += columns.use[n] * y
    return total


@compiled
def assemble(
    columns: Columns, ratio: Floats, blocks: Blocks, matrix: Floats, beside: Floats, kinds: Floats
) -> None:
    """Add ``A D A'`` for a diagonal ``ratio``.

    Parameters
    ----------
    columns, ratio
        The columns, and their entries of D.
    blocks, matrix
        The part among groups, upper halves.
    beside, kinds
        The part between a group's two rows and worker types, shape ``(2, G, J)``, and between types, of which only
        a type with itself, shape ``(J,)``.
    """
    for n in range(ratio.size):
        one, two, j, d = columns.one[n], columns.two[n], columns.kind[n], ratio[n]
        a, s, k = -columns.first[n], columns.share[n], columns.use[n]
        begin, width, u = blocks.begin[one], blocks.width[one], blocks.row[one]
        half = width // 2
        level, time = begin + u * width, begin + (half + u) * width + half
        matrix[level + u] += a * a * d
        matrix[level + half + u] += a * s * d
        matrix[time + u] += s * s * d
        beside[0, one, j] += a * k * d
        beside[1, one, j] += s * k * d
        kinds[j] += k * k * d
        o = columns.other[n]
        if o == 0.0:
            continue
        b, v = -columns.second[n], blocks.row[two]
        other_level, other_time = begin + v * width, begin + (half + v) * width + half
        matrix[other_level + v] += b * b * d
        matrix[other_level + half + v] += b * o * d
        matrix[other_time + v] += o * o * d
        beside[0, two, j] += b * k * d
        beside[1, two, j] += o * k * d
        matrix[level + half + v] += a * o * d
        matrix[other_level + half + u] += b * s * d
        if u == v:
            matrix[level + u] += 2.0 * a * b * d
            matrix[time + u] += 2.0 * s * o * d
        elif u < v:
            matrix[level + v] += a * b * d
            matrix[time + v] += s * o * d
        else:
            matrix[other_level + u] += a * b * d
            matrix[other_time + u] += s * o * d


@compiled
def aim(point: Point, weight: Floats, goal: float, second: float) -> None:
    """Start a step towards ``x z = goal w``.

    ``second`` is the part of ``dx dz``, of the step before, that is taken into account, as far as that one may go.
    """
    x, z, dx, dz = point
    if second == 0.0:
        for n in range(x.size):
            dx[n] = goal * weight[n] / z[n] - x[n]
        return
    for n in range(x.size):
        along = min(max(dx[n], -x[n]), LONGEST * x[n])
        product = second * along * min(max(dz[n], -z[n]), LONGEST * z[n])
        dx[n] = (goal * weight[n] - product) / z[n] - x[n]


@compiled
def walk(columns: Columns, point: Point, nu: Floats, groups: int) -> tuple[float, float, float]:
    """Finish a step that has begun with a step ``nu`` of prices.

    Parameters
    ----------
    columns, point
        The columns; the step so far, in place.
    nu
        Step of the prices of rows.
    groups
        How many there are.

    Returns
    -------
    primal, dual
        One over the longest step that keeps shares, and costs, from being negative.
    moved
        The largest change of a share or a cost, relative.
    """
    x, z, dx, dz = point
    primal, dual, moved = 0.0, 0.0, 0.0
    for n in range(x.size):
        change = dz[n] + _cost(columns, nu, groups, n)
        share = dx[n] - x[n] / z[n] * change
        dx[n], dz[n] = share, change
        along, across = share / x[n], change / z[n]
        primal, dual = max(primal, -along), max(dual, -across)
        moved = max(moved, abs(along), abs(across))
    return primal, dual, moved


@compiled
def take(point: Point, kept: float) -> int:
    """Take a step, but leave each share and each cost at least that part of itself; how many columns that held back."""
    x, z, dx, dz = point
    held = 0
    for n in range(x.size):
        along, across = x[n] + dx[n], z[n] + dz[n]
        held += x[n] > 0.0 and (along < kept * x[n] or across < kept * z[n])
        x[n], z[n] = max(along, kept * x[n]), max(across, kept * z[n])
    return held


@compiled
def held_back(point: Point, kept: float, found: Ints) -> int:
    """How many columns :func:`take` would hold back; the first of them are written down as far as there is room."""
    x, z, dx, dz = point
    held = 0
    for n in range(x.size):
        if x[n] > 0.0 and (x[n] + dx[n] < kept * x[n] or z[n] + dz[n] < kept * z[n]):
            if held < found.size:
                found[held] = n
            held += 1
    return held
