r"""The program of pairs in rows that say ``at most``, counted in jobs:

.. math::

    -\sum r X + n_i t \le -n_i f_i, \qquad \sum X \le n_i, \qquad \sum w X \le W_j,

a level and a time row for each group i of :math:`n_i` jobs, then a row for each worker type. A column X is the
time of all jobs of a group alone, or of all pairs of two groups, on one type. So no coefficient but those of
t depends on how many jobs there are, and with them no price of a job: prices and basis of the last program are
much those of this one.

A group whose floor is all that it can reach, and which has no part in the level, is *full*: it has only the
columns in which it is at its fastest, no level row, and :math:`\sum X = n_i`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bytes, Floats, Ints, SmallInts
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.prices.bottleneck_pairs import Pairs
from gavel_opt.solver.prices.cheapest_mix import Given

SAME = 1e-12
"""Rates this near, relatively, are one."""
T, FIRST_SLACK = -1, -2
"""The variable t; columns are numbered from 0, and the slack of row k is :func:`slack_of` it, from that of the first downwards."""


class Columns(NamedTuple):
    """Columns of groups alone, then of pairs: C combinations on J types, R = 2 G + J rows.

    Vectors over rows have 2 R places, zero from R on: R stands for the rows of nobody, the second of a group alone.

    Attributes
    ----------
    one, two
        Level rows of both groups, ``(C,)``; their time rows are G further on.
    time, time_two, use
        Coefficients in the time rows and in a type's, ``(C,)``.
    rate, rate_two
        Coefficients in the level rows, but for their sign, ``(C, J)``.
    runs
        Whether a column earns anything, ``(C, J)``; others are never used.
    lag, lag_two
        What a full group's time in a column is less than at its fastest, ``(C, J)``; ``(0, J)`` if no group is full.
    limit
        Right-hand sides, ``(R,)``.
    jobs, workers
        Jobs of each group, and workers of each type.
    rise, slope
        Coefficients of t in the level rows, and of a job in the program's own, ``(G,)``; of full groups 0, and the
        largest rate.
    full
        Whether each group is full, ``(G,)``.
    unit
        What t was divided by.
    """

    one: SmallInts
    two: SmallInts
    time: Floats
    time_two: Floats
    use: Floats
    rate: Floats
    rate_two: Floats
    runs: Bytes
    lag: Floats
    lag_two: Floats
    limit: Floats
    jobs: Floats
    workers: Floats
    rise: Floats
    slope: Floats
    full: Ints
    unit: float


@compiled
def slack_of(row: int) -> int:
    """Number of a row's slack, and the row of such a number."""
    return FIRST_SLACK - row


@compiled
def columns_of(given: Given, pairs: Pairs) -> Columns:
    """Bring a program into this form; ``unit`` is zero where it is none of these."""
    groups, types = given.rate.shape
    many, rows = groups + pairs.use.size, 2 * groups + types
    full, fastest = np.zeros(groups, np.int64), _fastest_rates(given, pairs)
    unit = _level_of_even_split(given, fastest, full)
    lagging = many if full.sum() > 0 else 0
    columns = Columns(
        np.empty(many, np.int32),
        np.full(many, rows, np.int32),
        np.ones(many),
        np.zeros(many),
        np.empty(many),
        np.zeros((many, types)),
        np.zeros((many, types)),
        np.zeros((many, types), np.int8),
        np.zeros((lagging, types)),
        np.zeros((lagging, types)),
        np.empty(rows),
        np.empty(groups),
        given.workers,
        np.zeros(groups),
        np.ones(groups),
        full,
        unit,
    )
    if unit == 0.0:
        return columns
    for i in range(groups):
        jobs = float(given.counts[i])
        columns.jobs[i], columns.limit[i], columns.limit[groups + i] = jobs, 1.0, jobs
        columns.one[i], columns.use[i] = i, given.use[i] / jobs
        if full[i] == 1:
            columns.slope[i] = fastest[i]
            for j in range(types):
                columns.lag[i, j] = 1.0 - given.rate[i, j] / fastest[i]
                columns.runs[i, j] = columns.lag[i, j] <= SAME
            continue
        columns.rise[i], columns.slope[i] = jobs, given.slope[i]
        scale = 1.0 / (given.slope[i] * unit)
        columns.limit[i] = -jobs * given.floor[i] * scale
        for j in range(types):
            columns.rate[i, j] = given.rate[i, j] * scale
            columns.runs[i, j] = columns.rate[i, j] > 0.0
    for j in range(types):
        columns.limit[2 * groups + j] = given.workers[j]
    _add_pairs(given, pairs, columns, fastest)
    return columns


@compiled
def _fastest_rates(given: Given, pairs: Pairs) -> Floats:
    """The largest rate of each group, alone or in a pair."""
    groups, types = given.rate.shape
    fastest = np.zeros(groups)
    for i in range(groups):
        for j in range(types):
            fastest[i] = max(fastest[i], given.rate[i, j])
    for m in range(pairs.use.size):
        for side in range(2):
            i = pairs.member[m, side]
            for j in range(types):
                fastest[i] = max(fastest[i], pairs.rate[m, side, j])
    return fastest


@compiled
def _level_of_even_split(given: Given, fastest: Floats, full: Ints) -> float:
    """Mean over demand of the level of an even split, harmonic; 0 where a group has no level or runs nowhere, or all are full.

    Notes which groups are full.
    """
    groups, types = given.rate.shape
    demand, supply = 0.0, 0.0
    for i in range(groups):
        demand += given.use[i]
    for j in range(types):
        if not given.workers[j] > 0.0:
            return 0.0
        supply += given.workers[j]
    inverse = 0.0
    for i in range(groups):
        if given.slope[i] == 0.0 and abs(given.floor[i] - fastest[i]) <= SAME * fastest[i]:
            full[i] = 1
            continue
        level = 0.0
        for j in range(types):
            level += given.rate[i, j] * given.workers[j] / max(demand, supply)
        if not (given.slope[i] > 0.0 and given.floor[i] > -math.inf and level > 0.0):
            return 0.0
        inverse += given.use[i] * given.slope[i] / level
    return demand / inverse if inverse > 0.0 else 0.0


@compiled
def _add_pairs(given: Given, pairs: Pairs, columns: Columns, fastest: Floats) -> None:
    """Pairs, the smaller group first; of one with itself the first rows have all."""
    groups, types = given.rate.shape
    for m in range(pairs.use.size):
        n = groups + m
        a, b = 0, 1
        if pairs.member[m, 0] > pairs.member[m, 1]:
            a, b = 1, 0
        one, two = pairs.member[m, a], pairs.member[m, b]
        part, part_two = (
            pairs.share[m, a] * columns.jobs[one],
            pairs.share[m, b] * columns.jobs[two],
        )
        full, full_two = columns.full[one] == 1, columns.full[two] == 1
        scale = 0.0 if full else part / (given.slope[one] * columns.unit)
        scale_two = 0.0 if full_two else part_two / (given.slope[two] * columns.unit)
        columns.one[n], columns.use[n], columns.time[n] = one, pairs.use[m], part
        if one == two:
            columns.time[n] += part_two
        else:
            columns.two[n], columns.time_two[n] = two, part_two
        for j in range(types):
            first, second = pairs.rate[m, a, j] * scale, pairs.rate[m, b, j] * scale_two
            columns.runs[n, j] = full or full_two or first > 0.0 or second > 0.0
            lag, lag_two = 0.0, 0.0
            if full:
                lag = part * (1.0 - pairs.rate[m, a, j] / fastest[one])
            if full_two:
                lag_two = part_two * (1.0 - pairs.rate[m, b, j] / fastest[two])
            if max(lag, lag_two) > SAME:
                columns.runs[n, j] = 0
            if full or full_two:
                columns.lag[n, j] = lag + lag_two if one == two else lag
                columns.lag_two[n, j] = 0.0 if one == two else lag_two
            columns.rate[n, j] = first + second if one == two else first
            columns.rate_two[n, j] = 0.0 if one == two else second


@compiled
def costs_at(columns: Columns, y: Floats, cost: Floats) -> None:
    """Fill in what columns cost at prices ``y``, shape ``(2 R,)``, or how that changes along a step of them."""
    groups, types = columns.jobs.size, columns.workers.size
    for n in range(columns.one.size):
        one, two = columns.one[n], columns.two[n]
        level, level_two = y[one], y[two]
        time = columns.time[n] * y[groups + one] + columns.time_two[n] * y[groups + two]
        for j in range(types):
            price = time + columns.use[n] * y[2 * groups + j]
            cost[n * types + j] = (
                price - columns.rate[n, j] * level - columns.rate_two[n, j] * level_two
            )


@compiled
def entries_of(columns: Columns, column: int, rows: Ints, values: Floats) -> int:
    """Fill in rows and coefficients of a column, up to five; how many there are."""
    groups, types = columns.jobs.size, columns.workers.size
    n, j = column // types, column % types
    one, two = columns.one[n], columns.two[n]
    rows[0], values[0] = one, -columns.rate[n, j]
    rows[1], values[1] = groups + one, columns.time[n]
    rows[2], values[2] = 2 * groups + j, columns.use[n]
    if two >= 2 * groups + types:
        return 3
    rows[3], values[3] = two, -columns.rate_two[n, j]
    rows[4], values[4] = groups + two, columns.time_two[n]
    return 5
