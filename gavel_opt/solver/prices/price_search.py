r"""Contended programs: a search for the prices of the J worker types alone.

For prices p the levels at t cost :math:`\sum_i k_i C_i(F_i(t); p)`, where :math:`C_i` is the lower
convex hull of job i's points (:mod:`~gavel_opt.solver.prices.cheapest_mix`). All workers are worth
:math:`p N`; no t is possible that costs more, so

.. math::

    t(p) = \max \{t : \textstyle\sum_i k_i C_i(F_i(t); p) \le p N\}, \qquad t^* = \min_p t(p) .

In p the cost is concave and piecewise linear. At the optimum some jobs are *tied*: a third point lies
on their edge, so that their mix is free; they are what makes demand meet supply. The search keeps
prices, an edge for each job and at most J - 1 tied ones, and is a dual simplex method:

1. The tied mixes are fitted to supply. What is left is a direction of steepest descent in the logarithms
   of prices, at right angles to all ties; if nothing is left, a tied job with a negative part leaves.
2. Along the direction jobs change their edges one by one. The search goes past them as long as t(p)
   falls, and ties the one where it would not.

Only jobs near a change of edge can do so. One pass over all jobs (*linearise*) finds those within a radius
of prices and t, and adds up what the others use as functions of t; the search (*dual simplex*) runs on
those few and stops at the radius. Curved levels (finish-time fairness) are replaced by their tangents in each
linearisation, so these are steps of Newton's method.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.prices.cheapest_mix import (
    FIRST,
    ROUND,
    SECOND,
    THIRD,
    TOP,
    Problem,
    edge,
    line,
)

OPTIMAL, AGAIN, LOST, SLACK = range(4)
"""Outcomes: an optimum; the radius was reached; no end in sight; a type with no price."""

NOISE = 1e-13
"""Part of the worth of all workers that is rounding."""
SAMPLE = 128
"""Jobs of the first stage of a cold search; the next stages take four times as many each."""
AROUND = 8.0
"""The radius, in parts of one job among all."""
WIDEST = 0.5
FEW, MANY = 4, 60
"""Surveys from the prices of the last program, and from any others."""
STEPS = 400
SAME_T, NEAR_T = 1e-9, 1e-2
"""Tangents are good once t moves by less than the first part, and good for a trial within the second."""
MANY_LANES = 16
"""Types from which on products are summed in four parts."""
WORTHLESS = 1e-7
"""A type whose workers are worth less than this part of all has no price."""


class Sample(NamedTuple):
    """Which jobs are looked at: every ``stride``-th from ``begin`` on."""

    begin: int
    stride: int


class WorkingBasis(NamedTuple):
    """What the search goes by: the edge of each job, shape ``(G, 2)``, and those near a change of edge, ``(G,)``."""

    edges: Ints
    near: Ints


@compiled
def linearise(
    problem: Problem,
    sample: Sample,
    price: Floats,
    region: Region,
    basis: WorkingBasis,
    base: Floats,
) -> int:
    """Find each job's edge; list those near a change; add up the use of the others, ``base``.

    Returns the number of jobs in ``near``, or -1 if a level cannot be reached.
    """
    rate, use, _, _, own, curved, _ = problem
    t, radius, _ = region
    edges, near = basis
    types, found = rate.shape[1], 0
    base[:] = 0.0
    for i in range(sample.begin, rate.shape[0], sample.stride):
        offset, pull = line(curved, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
        level = offset + pull * t
        room = radius * pull * abs(t)
        if not level > 0.0:
            edges[i, 0] = edges[i, 1] = 0
            if pull > 0.0 and level > -room:
                near[found] = i
                found += 1
            continue
        # mostly it is the edge from idle to the cheapest type
        a, b, ra, pa, rb, pb = 0, 0, 0.0, 0.0, 0.0, 1.0
        for j in range(types):
            if price[j] * rb < pb * rate[i, j]:
                b, rb, pb = j + 1, rate[i, j], price[j]
        if level > rb * ROUND:
            a, b = edge(i, rate, price, level)
            if b == 0:
                return -1
            rb, pb = rate[i, b - 1], price[b - 1]
            if a > 0:
                ra, pa = rate[i, a - 1], price[a - 1]
        edges[i, 0], edges[i, 1] = a, b
        inverse = 1.0 / (rb - ra)
        far = level - ra > room and rb - level > room
        if a == 0:
            for j in range(types):
                other = rate[i, j] * (pb * inverse)
                far = far and (j == b - 1 or price[j] - other > radius * (price[j] + other))
        else:
            for j in range(-1, types):
                r, p = (rate[i, j], price[j]) if j >= 0 else (0.0, 0.0)
                part = (r - ra) * inverse
                above = p - pa * (1.0 - part) - pb * part
                size = p + pa * abs(1.0 - part) + pb * abs(part)
                far = far and (j == a - 1 or j == b - 1 or above > radius * size)
        if not far:
            near[found] = i
            found += 1
            continue
        k = use[i] * inverse
        base[0, b - 1] += k * (offset - ra)
        base[1, b - 1] += k * pull
        if a > 0:
            base[0, a - 1] += k * (rb - offset)
            base[1, a - 1] -= k * pull
    return found


class Near(NamedTuple):
    """Jobs near a change of edge: what is searched.

    Attributes
    ----------
    rate
        By point, idle first, shape ``(jobs, J + 1)``.
    use
        Workers that each takes.
    offset, pull
        The line of the level that each needs.
    left, right
        Edge of each.
    on
        Which points each may mix, shape ``(jobs, J + 1)``.
    """

    rate: Floats
    use: Floats
    offset: Floats
    pull: Floats
    left: Ints
    right: Ints
    on: Bools


class Ties(NamedTuple):
    """Ties from the second row on; the first stands for all prices rising alike.

    Attributes
    ----------
    job, point
        Which job may mix which third point.
    raw
        What a unit of that mix changes in the use of each type, times its price, ``(J + 1, J)``.
    direction, fit
        The same made orthonormal, and the triangle that leads back: ``raw = fit' direction``.
    part
        The mixes that come nearest to what is left of each type.
    """

    job: Ints
    point: Ints
    raw: Floats
    direction: Floats
    fit: Floats
    part: Floats


class Descent(NamedTuple):
    """A direction of prices, and where along it jobs change their edges.

    Attributes
    ----------
    price, change
        Of each point, idle first, ``(J + 1,)``.
    kink, point
        How far until a further point reaches each job's edge, and which, ``(jobs,)``.
    """

    price: Floats
    change: Floats
    kink: Floats
    point: Ints


class Region(NamedTuple):
    """Where a linearisation holds: around a t and prices within a radius, and below the highest t of all."""

    t: float
    radius: float
    cap: float


@compiled
def dual_simplex(
    near: Near, base: Floats, workers: Floats, price: Floats, region: Region
) -> tuple[int, float, int]:
    """Search over the listed jobs; ``price`` and their edges and points change in place.

    Parameters
    ----------
    near
        The listed jobs.
    base
        What all others use: at t = 0, and for each unit of t.
    workers, price
        By type.
    region
        Where the list holds.

    Returns
    -------
    outcome, t, steps
    """
    jobs, types = near.use.size, workers.size
    descent = Descent(
        np.zeros(types + 1), np.zeros(types + 1), np.empty(jobs), np.empty(jobs, np.int64)
    )
    p, left = descent.price, np.empty(types)
    ties = Ties(
        np.empty(types + 1, np.int64),
        np.empty(types + 1, np.int64),
        np.empty((types + 1, types)),
        np.empty((types + 1, types)),
        np.empty((types + 1, types + 1)),
        np.empty(types + 1),
    )
    first, t = price.copy(), region.t
    for step in range(STEPS + 2 * jobs):
        worth = 0.0
        for j in range(types):
            p[j + 1] = price[j]
            worth += price[j] * workers[j]
        found, t = _level_at(near, base, p, worth, t, region.cap)
        if not found or not math.isfinite(t):
            return LOST, t, step
        if abs(t - region.t) > region.radius * abs(region.t):
            return AGAIN, t, step
        for j in range(types):
            left[j] = (workers[j] - base[0, j] - base[1, j] * t) * price[j]
        many = _gather_ties(near, ties, p, t, left)
        if many < 0 or not _orthogonalise(ties, many):
            return LOST, t, step
        missing = _fit_to_supply(ties, many, left)
        if missing <= NOISE * worth or many == types:
            if _nobody_leaves(near, ties, many, p, t, NOISE * worth):
                return OPTIMAL, t, step
            continue
        falling, furthest = _steepest(left, missing, price, first, region.radius, descent.change)
        _next_kinks(near, descent, 0.0, 0, jobs)
        ties_one, length = _go_down(near, descent, t, falling, furthest)
        for j in range(types):
            price[j] += length * descent.change[j + 1]
        if not ties_one:
            return AGAIN, t, step
    return LOST, t, STEPS


@compiled
def _level_at(
    near: Near, base: Floats, p: Floats, worth: float, t: float, cap: float
) -> tuple[bool, float]:
    """The t at which the levels cost what the workers are worth, and the edges at that t."""
    r, k = near.rate, near.use
    for _ in range(50):
        head, slope = worth, 0.0
        for j in range(p.size - 1):
            head -= base[0, j] * p[j + 1]
            slope += base[1, j] * p[j + 1]
        for s in range(k.size):
            a, b = near.left[s], near.right[s]
            if b > 0:
                rise = k[s] * (p[b] - p[a]) / (r[s, b] - r[s, a])
                head -= k[s] * p[a] + (near.offset[s] - r[s, a]) * rise
                slope += near.pull[s] * rise
        if not slope > 0.0:
            return False, t
        t = min(head / slope, cap)
        found, same = _edges_at(near, p, t)
        if not found or same:
            return found, t
    return True, t


@compiled
def _edges_at(near: Near, p: Floats, t: float) -> tuple[bool, bool]:
    """Move jobs to the edges that their levels at t are on.

    Returns whether there are such, and whether no job had to change the points that it mixes.
    """
    r, same = near.rate, True
    for s in range(near.use.size):
        level = near.offset[s] + near.pull[s] * t
        a, b = near.left[s], near.right[s]
        if (b > 0 and level >= r[s, a] and level <= r[s, b] * ROUND) or (b == 0 and level <= 0.0):
            continue
        low, high = _around(r, near.on, s, level)
        if low < 0 or high < 0:
            low = high = 0
            if level > 0.0:
                low, high = _edge(r, s, p, level)
                if high == 0:
                    return False, False
            _mix_only(near.on, s, low, high)
            same = False
        near.left[s], near.right[s] = low, high
    return True, same


@compiled
def _around(r: Floats, on: Bools, s: int, level: float) -> tuple[int, int]:
    """Of the points that a job mixes the fastest not above its level, the slowest above; -1 if none is."""
    low, high = -1, -1
    for c in range(r.shape[1]):
        if on[s, c]:
            if r[s, c] <= level and (low < 0 or r[s, c] > r[s, low]):
                low = c
            if r[s, c] > level and (high < 0 or r[s, c] < r[s, high]):
                high = c
    return low, high


@compiled
def _gather_ties(near: Near, ties: Ties, p: Floats, t: float, left: Floats) -> int:
    """Take what jobs use, times its price, from what is ``left``, and list the ties.

    Returns how many rows they fill, or -1 if there are more than types.
    """
    r, k, types = near.rate, near.use, p.size - 1
    for j in range(types):
        ties.direction[0, j] = 1.0 / math.sqrt(types)
    many = 1
    for s in range(k.size):
        a, b = near.left[s], near.right[s]
        if b == 0:
            continue
        part = (near.offset[s] + near.pull[s] * t - r[s, a]) / (r[s, b] - r[s, a])
        left[b - 1] -= k[s] * part * p[b]
        if a > 0:
            left[a - 1] -= k[s] * (1.0 - part) * p[a]
        for c in range(types + 1):
            if near.on[s, c] and c != a and c != b:
                if many > types - 1:
                    return -1
                part = (r[s, c] - r[s, a]) / (r[s, b] - r[s, a])
                row = ties.raw[many]
                row[:] = 0.0
                if c > 0:
                    row[c - 1] = k[s] * p[c]
                row[b - 1] -= k[s] * part * p[b]
                if a > 0:
                    row[a - 1] -= k[s] * (1.0 - part) * p[a]
                ties.job[many], ties.point[many] = s, c
                many += 1
    return many


@compiled
def _orthogonalise(ties: Ties, many: int) -> bool:
    """Gram and Schmidt; False if a tie follows from the others."""
    way, fit, types = ties.direction, ties.fit, ties.raw.shape[1]
    for n in range(1, many):
        size, rest = 0.0, 0.0
        for j in range(types):
            way[n, j] = ties.raw[n, j]
            size += way[n, j] * way[n, j]
        for m in range(n):
            fit[m, n] = _take_along(way, m, way[n])
        for j in range(types):
            rest += way[n, j] * way[n, j]
        if not rest > 1e-16 * size:
            return False
        fit[n, n] = math.sqrt(rest)
        for j in range(types):
            way[n, j] /= fit[n, n]
    return True


@compiled
def _take_along(way: Floats, m: int, vector: Floats) -> float:
    """Take a direction's part out of a vector; how much that was."""
    dot, first = 0.0, 0
    if vector.size >= MANY_LANES:
        # sums side by side, which need not wait for each other
        a = b = c = d = 0.0
        for j in range(0, vector.size - 3, 4):
            a += vector[j] * way[m, j]
            b += vector[j + 1] * way[m, j + 1]
            c += vector[j + 2] * way[m, j + 2]
            d += vector[j + 3] * way[m, j + 3]
        dot, first = (a + b) + (c + d), vector.size // 4 * 4
    for j in range(first, vector.size):
        dot += vector[j] * way[m, j]
    for j in range(vector.size):
        vector[j] -= dot * way[m, j]
    return float(dot)


@compiled
def _fit_to_supply(ties: Ties, many: int, left: Floats) -> float:
    """Fit the tied mixes to what is ``left``; the largest part of it that they leave."""
    part = ties.part
    for n in range(many):
        part[n] = _take_along(ties.direction, n, left)
    for n in range(many - 1, 0, -1):
        for m in range(n + 1, many):
            part[n] -= ties.fit[n, m] * part[m]
        part[n] /= ties.fit[n, n]
    missing = 0.0
    for j in range(left.size):
        missing = max(missing, abs(left[j]))
    return missing


@compiled
def _nobody_leaves(near: Near, ties: Ties, many: int, p: Floats, t: float, worst: float) -> bool:
    """Take the point with the worst negative part out of its job's mix; True if there is none."""
    job, leaves, n = -1, -1, 1
    weight = np.empty(p.size)
    while n < many:
        s = ties.job[n]
        level = near.offset[s] + near.pull[s] * t
        n = _weights_of_mix(near, ties, n, many, level, weight)
        for c in range(p.size):
            lacks = -weight[c] * near.use[s] * max(p[c], p[near.right[s]])
            if near.on[s, c] and lacks > worst and _reaches_without(near, s, c, level):
                worst, job, leaves = lacks, s, c
    if job < 0:
        return True
    near.on[job, leaves] = False
    level = near.offset[job] + near.pull[job] * t
    near.left[job], near.right[job] = _around(near.rate, near.on, job, level)
    return False


@compiled
def _weights_of_mix(near: Near, ties: Ties, n: int, many: int, level: float, weight: Floats) -> int:
    """Parts of its time that the job of the ``n``-th tie spends at each point; the next job's tie."""
    r, s = near.rate, ties.job[n]
    a, b = near.left[s], near.right[s]
    weight[:] = 0.0
    weight[b] = (level - r[s, a]) / (r[s, b] - r[s, a])
    weight[a] = 1.0 - weight[b]
    while n < many and ties.job[n] == s:
        c = ties.point[n]
        part = (r[s, c] - r[s, a]) / (r[s, b] - r[s, a])
        weight[c] = ties.part[n]
        weight[b] -= part * ties.part[n]
        weight[a] -= (1.0 - part) * ties.part[n]
        n += 1
    return n


@compiled
def _reaches_without(near: Near, s: int, c: int, level: float) -> bool:
    """Whether the other points that a job mixes are on both sides of its level."""
    below, above = False, False
    for m in range(near.rate.shape[1]):
        if m != c and near.on[s, m]:
            below = below or near.rate[s, m] <= level
            above = above or near.rate[s, m] > level
    return below and above


@compiled
def _steepest(
    left: Floats, missing: float, price: Floats, first: Floats, radius: float, z: Floats
) -> tuple[float, float]:
    """The direction ``z`` in which t(p) falls fastest, how fast, and how far the region goes."""
    furthest, falling = math.inf, 0.0
    for j in range(left.size):
        y = -left[j] / missing
        falling += -left[j] * left[j] / missing
        z[j + 1] = y * price[j]
        edge_of_box = first[j] * (1.0 + radius if y > 0.0 else 1.0 - radius)
        if y != 0.0:
            furthest = min(furthest, (edge_of_box - price[j]) / z[j + 1])
    return falling, max(furthest, 0.0)


@compiled
def _go_down(
    near: Near, descent: Descent, t: float, falling: float, furthest: float
) -> tuple[bool, float]:
    """Go until t(p) would rise again, and tie the job that makes it so; whether there is one, how far."""
    r, z, kink = near.rate, descent.change, descent.kink
    while True:
        at, s = furthest, -1
        for m in range(kink.size):
            if kink[m] < at:
                at, s = kink[m], m
        if s < 0:
            return False, furthest
        c, a, b = descent.point[s], near.left[s], near.right[s]
        if _mixes_more(near.on, s, a, b):
            near.on[s, c] = True
            return True, at
        level = near.offset[s] + near.pull[s] * t
        # a type on which the job is as fast as on b takes the place of b
        low, high = (c, b) if r[s, c] <= level and r[s, c] < r[s, b] else (a, c)
        before = (level - r[s, a]) / (r[s, b] - r[s, a])
        after = (level - r[s, low]) / (r[s, high] - r[s, low])
        change = z[high] * after + z[low] * (1.0 - after)
        change -= z[b] * before + z[a] * (1.0 - before)
        near.left[s], near.right[s] = low, high
        if falling - near.use[s] * change >= 0.0:
            near.on[s, c] = True
            return True, at
        falling -= near.use[s] * change
        _mix_only(near.on, s, low, high)
        _next_kinks(near, descent, at, s, s + 1)


@compiled
def _mix_only(on: Bools, s: int, low: int, high: int) -> None:
    """Leave a job the two points of its edge."""
    for c in range(on.shape[1]):
        on[s, c] = c in (low, high)


@compiled
def _mixes_more(on: Bools, s: int, a: int, b: int) -> bool:
    """Whether a job may mix a point that is not of its edge."""
    more = False
    for c in range(on.shape[1]):
        more = more or (on[s, c] and c != a and c != b)
    return more


@compiled
def _edge(r: Floats, s: int, p: Floats, level: float) -> tuple[int, int]:
    """As :func:`gavel_opt.solver.prices.cheapest_mix.edge`, with idle as a column of its own."""
    a = 0
    while True:
        b = 0
        for c in range(1, p.size):
            if r[s, c] > r[s, a] and (
                b == 0 or (p[c] - p[a]) * (r[s, b] - r[s, a]) < (p[b] - p[a]) * (r[s, c] - r[s, a])
            ):
                b = c
        if b == 0 or level <= r[s, b] * ROUND:
            return a, b
        a = b


@compiled
def _next_kinks(near: Near, descent: Descent, begin: float, first: int, stop: int) -> None:
    """Where from ``begin`` on a further point reaches the edges of jobs ``first`` to ``stop``, and which."""
    r, p, z = near.rate, descent.price, descent.change
    kink, point = descent.kink, descent.point
    for s in range(first, stop):
        a, b = near.left[s], near.right[s]
        kink[s], point[s] = math.inf, -1
        if b == 0:
            continue
        inverse = 1.0 / (r[s, b] - r[s, a])
        for c in range(p.size):
            if near.on[s, c]:
                continue
            part = (r[s, c] - r[s, a]) * inverse
            falls = z[c] - z[a] * (1.0 - part) - z[b] * part
            size = p[c] + p[a] * abs(1.0 - part) + p[b] * abs(part)
            if falls < -1e-9 * size:
                above = max(p[c] - p[a] * (1.0 - part) - p[b] * part, 0.0)
                at = max(-above / falls, begin)
                if at < kink[s]:
                    kink[s], point[s] = at, c


@compiled
def search(
    problem: Problem,
    sample: Sample,
    price: Floats,
    region: Region,
    basis: WorkingBasis,
    rounds: int,
) -> tuple[int, float, float, int, int]:
    """Linearise and go on with the dual simplex until there is an optimum, from the given prices and t.

    ``price`` and the edges change in place. With a stride it is a sample that is searched.

    Returns
    -------
    outcome, t, moved, found, steps
        ``found`` jobs are near a change of edge. The optimum is that of the
        tangents at a t that is the part ``moved`` of t away, at most ``NEAR_T``.
    """
    types = problem.workers.size
    base = np.zeros((2, types))
    t, radius, steps = region.t, region.radius, 0
    for _ in range(rounds):
        if not _one_for_all(price, problem.workers):
            return SLACK, t, 0.0, 0, steps
        here = Region(t, radius, problem.cap)
        found = linearise(problem, sample, price, here, basis, base)
        if found < 0:
            return LOST, t, 0.0, 0, steps
        near = _jobs_near(problem, basis, t, found)
        outcome, now, more = dual_simplex(near, base, problem.workers, price, here)
        steps += 1 + more
        if outcome == LOST:
            return LOST, now, 0.0, 0, steps
        moved = abs(now - t) / abs(now) if problem.curved else 0.0
        t = now
        if outcome == AGAIN:
            radius = min(3.0 * radius, WIDEST)
        elif moved <= NEAR_T:
            for s in range(found):
                i = basis.near[s]
                basis.edges[i, 0], basis.edges[i, 1] = near.left[s], near.right[s]
            return OPTIMAL, t, moved, found, steps
        else:
            radius = region.radius
    return LOST, t, 0.0, 0, steps


@compiled
def _one_for_all(price: Floats, workers: Floats) -> bool:
    """Divide prices by what all workers are worth; False if some type is worth nothing."""
    worth, least = 0.0, math.inf
    for j in range(price.size):
        worth += price[j] * workers[j]
        least = min(least, price[j] * workers[j])
    if not least > WORTHLESS * worth:
        return False
    for j in range(price.size):
        price[j] /= worth
    return True


@compiled
def _jobs_near(problem: Problem, basis: WorkingBasis, t: float, found: int) -> Near:
    """The jobs near a change of edge; each mixes the points of the edge that it is on."""
    rate, use, _, _, own, curved, _ = problem
    types = rate.shape[1]
    near = Near(
        np.zeros((found, types + 1)),
        np.empty(found),
        np.empty(found),
        np.empty(found),
        np.empty(found, np.int64),
        np.empty(found, np.int64),
        np.zeros((found, types + 1), np.bool_),
    )
    for s in range(found):
        i = basis.near[s]
        for j in range(types):
            near.rate[s, j + 1] = rate[i, j]
        near.use[s] = use[i]
        near.offset[s], near.pull[s] = line(curved, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
        near.left[s], near.right[s] = basis.edges[i, 0], basis.edges[i, 1]
        near.on[s, near.left[s]] = near.on[s, near.right[s]] = True
    return near


@compiled
def guess(problem: Problem, price: Floats, basis: WorkingBasis) -> float:
    """Prices from samples of growing size, and a t to go with them; made of the program alone."""
    rate, use, count, workers, own, curved, cap = problem
    groups, types = rate.shape
    for j in range(types):
        price[j] = 0.0
    stride = max(groups // SAMPLE, 1)
    begin = stride // 2
    for i in range(begin, groups, stride):
        fastest = own[i, TOP]
        for j in range(types):
            price[j] += use[i] * rate[i, j] / fastest if fastest > 0.0 else 0.0
    t = first_level(problem, price, begin, stride)
    demand = 0.0
    for i in range(groups):
        demand += use[i]
    part = workers.copy()
    radius = WIDEST
    while stride > 1:
        taken = 0.0
        for i in range(begin, groups, stride):
            taken += use[i]
        for j in range(types):
            part[j] = workers[j] * taken / demand
        part_of_all = Problem(rate, use, count, part, own, curved, cap)
        sample, region = Sample(begin, stride), Region(t, radius, cap)
        _, t, _, _, _ = search(part_of_all, sample, price, region, basis, MANY)
        radius = min(radius, 2.0 / math.sqrt(groups / stride))
        stride //= 4
        begin = stride // 2
    return t


@compiled
def first_level(problem: Problem, price: Floats, begin: int, stride: int) -> float:
    """A t that a sample's share of the workers could pay for if time were no limit."""
    rate, use, _, workers, own, curved, cap = problem
    groups, types = rate.shape
    demand, taken, worth = 0.0, 0.0, 0.0
    for i in range(groups):
        demand += use[i]
    for i in range(begin, groups, stride):
        taken += use[i]
    for j in range(types):
        worth += price[j] * workers[j] * taken / demand
    t = cap
    for _ in range(30):
        cost, rise = 0.0, 0.0
        for i in range(begin, groups, stride):
            cheapest = math.inf
            for j in range(types):
                if rate[i, j] > 0.0:
                    cheapest = min(cheapest, price[j] / rate[i, j])
            offset, pull = line(curved, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
            if cheapest < math.inf and offset + pull * t > 0.0:
                cost += use[i] * (offset + pull * t) * cheapest
                rise += use[i] * pull * cheapest
        if not rise > 0.0 or cost <= worth:
            break
        change = (cost - worth) / rise
        if curved:
            change *= cost / worth
        t -= change
        if change <= 1e-3 * abs(t):
            break
    return min(t, cap)
