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
    """All variables and their duals, and a step of both, ``(N,)`` each."""

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
def uses_at(jobs: Jobs, at: Ints, own: Floats, sides: Sides, found: tuple[Floats, Floats]) -> None:
    """Workers of each type that the shares of :func:`shares_at` take, ``(J,)``, and the duals of level, ``(G,)``."""
    rate, use, d = jobs
    earns, level, time = sides
    used, duals = found
    used[:] = 0.0
    for i in range(rate.shape[0]):
        mean = own[0, i]
        of_level, of_time = level[i], time[i]
        for k in range(rate.shape[1]):
            part = d[i, k] * earns[i, k]
            of_level -= rate[i, k] * part
            of_time -= part
        lam = (of_level - mean * of_time) * own[2, i]
        q = mean * lam - of_time / own[1, i]
        duals[i] = lam
        for k in range(rate.shape[1]):
            used[at[i, k]] += use[i] * (d[i, k] * (earns[i, k] + rate[i, k] * lam - q))


@compiled
def look(
    jobs: Jobs, at: Ints, price: Floats, duals: Floats, sums: tuple[Floats, Floats, Floats]
) -> None:
    """Sums over columns at shares ``d``: of rates and of shares of each job, ``(2, G)``, workers used; and what columns cost."""
    rate, use, x = jobs
    rows, used, cost = sums
    used[:] = 0.0
    for i in range(rate.shape[0]):
        level, time, lam, q = 0.0, 0.0, duals[0, i], duals[1, i]
        for k in range(rate.shape[1]):
            level += rate[i, k] * x[i, k]
            time += x[i, k]
            used[at[i, k]] += use[i] * x[i, k]
            cost[i, k] = use[i] * price[at[i, k]] - lam * rate[i, k] + q
        rows[0, i], rows[1, i] = level, time


@compiled
def longest(change: Change) -> tuple[float, float]:
    """How far ``x`` falls at most, in parts of itself, and ``z``."""
    x, z, dx, dz = change
    down, fall = 0.0, 0.0
    for n in range(x.size):
        down = max(down, -dx[n] / x[n])
        fall = max(fall, -dz[n] / z[n])
    return down, fall


@compiled
def aim(change: Change, mu: float, second: float, aims: Floats) -> None:
    """What products should change by to be ``mu``, less ``second`` times what the step before neglects."""
    x, z, dx, dz = change
    for n in range(x.size):
        aims[n] = (mu - x[n] * z[n]) - second * dx[n] * dz[n]


@compiled
def aim_nearer(change: Change, lengths: tuple[float, float], mu: float, aims: Floats) -> None:
    """What products at the end of a step should change by to be within a tenth and ten times ``mu``."""
    x, z, dx, dz = change
    for n in range(x.size):
        product = (x[n] + lengths[0] * dx[n]) * (z[n] + lengths[1] * dz[n])
        nearer = min(max(product, 0.1 * mu), 10.0 * mu) - product
        aims[n] = max(nearer, -10.0 * mu)


@compiled
def product_after(change: Change, lengths: tuple[float, float]) -> float:
    """The sum of products at the end of a step."""
    x, z, dx, dz = change
    total = 0.0
    for n in range(x.size):
        total += (x[n] + lengths[0] * dx[n]) * (z[n] + lengths[1] * dz[n])
    return total
