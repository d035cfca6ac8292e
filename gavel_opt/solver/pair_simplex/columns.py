r"""The program of pairs in rows that say ``at most``, counted in jobs:

.. math::

    -\sum r X + n_i t \le -n_i f_i, \qquad \sum X \le n_i, \qquad \sum w X \le W_j,

a level and a time row for each group i of :math:`n_i` jobs, then a row for each worker type. A column X is the
time of all jobs of a group alone, or of all pairs of two groups, on one type. So no coefficient but those of
t depends on how many jobs there are, and with them no price of a job: prices and basis of the last program are
much those of this one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.prices.bottleneck_pairs import Pairs
from gavel_opt.solver.prices.cheapest_mix import Given

T = -1
"""The variable t; columns are numbered from 0, and the slack of row k is :func:`slack_of` it."""


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
    limit
        Right-hand sides, ``(R,)``.
    jobs, workers
        Jobs of each group, and workers of each type.
    unit
        What t was divided by.
    """

    one: Ints
    two: Ints
    time: Floats
    time_two: Floats
    use: Floats
    rate: Floats
    rate_two: Floats
    runs: Ints
    limit: Floats
    jobs: Floats
    workers: Floats
    unit: float


@compiled
def slack_of(row: int) -> int:
    """Number of a row's slack, and the row of such a number."""
    return -2 - row


@compiled
def columns_of(given: Given, pairs: Pairs) -> Columns:
    """Bring a program into this form; ``unit`` is zero where it is none of these."""
    groups, types = given.rate.shape
    many, rows = groups + pairs.use.size, 2 * groups + types
    unit = _level_of_even_split(given)
    columns = Columns(
        np.empty(many, np.int64),
        np.full(many, rows),
        np.ones(many),
        np.zeros(many),
        np.empty(many),
        np.zeros((many, types)),
        np.zeros((many, types)),
        np.zeros((many, types), np.int64),
        np.empty(rows),
        np.empty(groups),
        given.workers,
        unit,
    )
    if unit == 0.0:
        return columns
    for i in range(groups):
        scale, jobs = 1.0 / (given.slope[i] * unit), float(given.counts[i])
        columns.jobs[i] = jobs
        columns.limit[i], columns.limit[groups + i] = -jobs * given.floor[i] * scale, jobs
        columns.one[i], columns.use[i] = i, given.use[i] / jobs
        for j in range(types):
            columns.rate[i, j] = given.rate[i, j] * scale
            columns.runs[i, j] = columns.rate[i, j] > 0.0
    for j in range(types):
        columns.limit[2 * groups + j] = given.workers[j]
    _add_pairs(given, pairs, columns)
    return columns


@compiled
def _level_of_even_split(given: Given) -> float:
    """Mean over demand of the level of an even split, harmonic; 0 where a group has no level or runs nowhere."""
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
        level = 0.0
        for j in range(types):
            level += given.rate[i, j] * given.workers[j] / max(demand, supply)
        if not (given.slope[i] > 0.0 and given.floor[i] > -math.inf and level > 0.0):
            return 0.0
        inverse += given.use[i] * given.slope[i] / level
    return demand / inverse


@compiled
def _add_pairs(given: Given, pairs: Pairs, columns: Columns) -> None:
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
        scale = part / (given.slope[one] * columns.unit)
        scale_two = part_two / (given.slope[two] * columns.unit)
        columns.one[n], columns.use[n], columns.time[n] = one, pairs.use[m], part
        if one == two:
            columns.time[n] += part_two
        else:
            columns.two[n], columns.time_two[n] = two, part_two
        for j in range(types):
            first, second = pairs.rate[m, a, j] * scale, pairs.rate[m, b, j] * scale_two
            columns.runs[n, j] = first > 0.0 or second > 0.0
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
