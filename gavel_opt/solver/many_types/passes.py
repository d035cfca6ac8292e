"""Passes over the columns of all jobs, compiled: what each job's elimination is made of."""

from __future__ import annotations

import math
from typing import NamedTuple

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled


class Jobs(NamedTuple):
    """Rates of the jobs' columns ``(G, K)``, workers ``(G,)``, and the diagonal, ``(G, K)``."""

    rate: Floats
    use: Floats
    d: Floats


class Sides(NamedTuple):
    """Right-hand sides of columns, ``(G, K)``, and of the rows of level and time, ``(G,)``."""

    earns: Floats
    level: Floats
    time: Floats


class Change(NamedTuple):
    """Variables and their duals, and a step of both, of two dimensions each."""

    x: Floats
    z: Floats
    dx: Floats
    dz: Floats


@compiled
def take_products(at: Ints, one: Floats, two: Floats, into: Floats) -> None:
    """Minus the sum of products of each job's columns with each other, in the upper half of ``into``."""
    into[:, :] = 0.0
    for i in range(at.shape[0]):
        for k in range(at.shape[1]):
            first, second, row = one[i, k], two[i, k], into[at[i, k]]
            for m in range(k, at.shape[1]):
                row[at[i, m]] -= first * one[i, m] + second * two[i, m]


@compiled
def eliminate(jobs: Jobs, rows: Floats, own: Floats, one: Floats, two: Floats) -> None:
    """Each job's rows, and its two products.

    Parameters
    ----------
    jobs
        The jobs.
    rows
        The diagonal of the slacks of level and time, and 1 where the level row counts, ``(3, G)``.
    own
        Gets the mean rate, the matrix of the time row, and the inverse of that of the level row, ``(3, G)``.
    one, two
        Get the factors of the products, ``(G, K)``.
    """
    rate, use, d = jobs
    columns = rate.shape[1]
    for i in range(rate.shape[0]):
        time, mean = rows[1, i], 0.0
        for k in range(columns):
            time += d[i, k]
            mean += rate[i, k] * d[i, k]
        mean /= time
        level = rows[1, i] * mean * mean + rows[0, i]
        for k in range(columns):
            off = rate[i, k] - mean
            level += d[i, k] * off * off
        inverse = 1.0 / level if rows[2, i] > 0.0 else 0.0
        own[0, i], own[1, i], own[2, i] = mean, time, inverse
        first, second = use[i] * math.sqrt(inverse), use[i] / math.sqrt(time)
        for k in range(columns):
            one[i, k] = first * (d[i, k] * (rate[i, k] - mean))
            two[i, k] = second * d[i, k]


@compiled
def shares_at(jobs: Jobs, own: Floats, sides: Sides, x: Floats, duals: Floats) -> None:
    """Each job's shares ``x``, and the duals of level and time, ``(2, G)``."""
    rate, _, d = jobs
    earns, level, time = sides
    columns = rate.shape[1]
    for i in range(rate.shape[0]):
        mean = own[0, i]
        of_level, of_time = level[i], time[i]
        for k in range(columns):
            part = d[i, k] * earns[i, k]
            of_level -= rate[i, k] * part
            of_time -= part
        lam = (of_level - mean * of_time) * own[2, i]
        q = mean * lam - of_time / own[1, i]
        duals[0, i], duals[1, i] = lam, q
        for k in range(columns):
            x[i, k] = d[i, k] * (earns[i, k] + rate[i, k] * lam - q)


@compiled
def longest(change: Change) -> tuple[float, float]:
    """How far ``x`` falls at most, in parts of itself, and ``z``."""
    x, z, dx, dz = change
    down, fall = 0.0, 0.0
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            down = max(down, -dx[i, k] / x[i, k])
            fall = max(fall, -dz[i, k] / z[i, k])
    return down, fall


@compiled
def aim(change: Change, mu: float, second: float, aims: Floats) -> None:
    """What products should change by to be ``mu``, less ``second`` times what the step before neglects."""
    x, z, dx, dz = change
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            aims[i, k] = (mu - x[i, k] * z[i, k]) - second * dx[i, k] * dz[i, k]


@compiled
def aim_nearer(change: Change, lengths: tuple[float, float], mu: float, aims: Floats) -> None:
    """What products at the end of a step should change by to be within a tenth and ten times ``mu``."""
    x, z, dx, dz = change
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            product = (x[i, k] + lengths[0] * dx[i, k]) * (z[i, k] + lengths[1] * dz[i, k])
            nearer = min(max(product, 0.1 * mu), 10.0 * mu) - product
            aims[i, k] = max(nearer, -10.0 * mu)
