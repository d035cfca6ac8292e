r"""The optimum of a contended program from its basis alone, with its proof.

The basis says on which edge each job runs and which jobs are tied, with which points. If every
worker type has a price, all of the optimum follows from it, in this order:

* the prices, at right angles to the ties :math:`d_i = e_c - (1 - \omega) e_a - \omega e_b`, which must
  leave them one direction;
* t, since :math:`\sum_i k_i \,\text{edge}_i(F_i(t)) = p N` has t as its only unknown;
* the shares of jobs that are not tied; and what they leave is for the tied ones.

If there are J - 1 ties the optimum is one point. Where jobs of one type are alike but for their level,
all of them are tied together, and the optimum is the weighted centre of their mixes.

Nothing here depends on how the basis was found, and all conditions are checked with room to spare:
whatever is zero has a cost, whatever is not is well above zero, ties hold to rounding. A basis with
that property is the only one, so every search that ends with an answer ends with the same bits.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.dense import cholesky, cholesky_solve, copy_into, dot
from gavel_opt.kernels.gap import LEVEL_SIZE, relative_gap
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.prices.cheapest_mix import FIRST, SECOND, THIRD, Problem, need
from gavel_opt.solver.settings import SETTINGS

TIED, APART = 1e-11, 1e-9
"""Relative distances of a point from a job's edge: below the first it is on it, above the second it is
not. Anything between is left to the interior point method."""
PROVED = 1e-10
"""Answers with a worse certificate are none."""
LEAST = 1e-10
"""A tied part worth less than this part of all workers may be zero."""
RANK = 1e-7
STEADY = 1e-6
LIMIT = 60


class Basis(NamedTuple):
    """The basis.

    Attributes
    ----------
    edges
        Points of each job's edge, slower and faster, shape ``(G, 2)``.
    jobs, points
        The tied jobs, in ascending order, and the points that each mixes, shapes ``(T,)`` and ``(T, J + 1)``.
    """

    edges: Ints
    jobs: Ints
    points: Bools


@compiled
def tied_jobs(rate: Floats, price: Floats, near: Ints, edges: Ints) -> tuple[bool, Ints, Bools]:
    """Jobs with three or more points on their edge, and the points; False if there is doubt.

    The edge of a tied job becomes that of its slowest and its fastest point.
    """
    types = rate.shape[1]
    jobs, points = np.empty_like(near), np.zeros((near.size, types + 1), np.bool_)
    many = 0
    for s in range(near.size):
        i = near[s]
        a, b = edges[i, 0], edges[i, 1]
        if b == 0:
            continue
        more = False
        on = points[many]
        low, high = -1, -1  # of types that are equally fast the first, whichever the search had
        ra, pa = _rate(rate, i, a), price[a - 1] if a > 0 else 0.0
        for c in range(types + 1):
            rc, pc = _rate(rate, i, c), price[c - 1] if c > 0 else 0.0
            above, size = distance(ra, pa, rate[i, b - 1], price[b - 1], rc, pc)
            if c in (a, b) or above <= TIED * size:
                if above < -TIED * size:
                    return False, jobs[:0], points[:0]
                on[c] = True
                more = more or (c != a and c != b)
                if low < 0 or rc < _rate(rate, i, low):
                    low = c
                if high < 0 or rc > _rate(rate, i, high):
                    high = c
            elif above < APART * size:
                return False, jobs[:0], points[:0]
        if more:
            jobs[many] = i
            edges[i, 0], edges[i, 1] = low, high
            many += 1
        else:
            on[:] = False
    return True, jobs[:many], points[:many]


@compiled
def _rate(rate: Floats, i: int, point: int) -> float:
    return rate[i, point - 1] if point > 0 else 0.0


@compiled
def distance(
    ra: float, pa: float, rb: float, pb: float, rc: float, pc: float
) -> tuple[float, float]:
    """How far point c lies above the line through a and b, and the size of its terms."""
    part = (rc - ra) / (rb - ra)
    return (
        pc - pa * (1.0 - part) - pb * part,
        pc + pa * abs(1.0 - part) + pb * abs(part),
    )


@compiled
def ties_to_prices(rate: Floats, basis: Basis, price: Floats) -> int:
    """Prices at right angles to all ties; the number of ties, or -1 if they are not the only ones."""
    types = rate.shape[1]
    table = ties_of(rate, basis)
    rows, column = table.shape[0], np.arange(types)
    for step in range(types - 1):
        if not eliminate_largest(table, column, step):
            return -1
    for n in range(types - 1, rows):
        if abs(table[n, column[types - 1]]) > 1e-10:
            return -1
    price[column[types - 1]] = 1.0
    for step in range(types - 2, -1, -1):
        value = 0.0
        for j in range(step + 1, types):
            value -= table[step, column[j]] * price[column[j]]
        price[column[step]] = value / table[step, column[step]]
    for j in range(types):
        if not price[j] > 0.0:
            return -1
    return int(rows)


@compiled
def ties_of(rate: Floats, basis: Basis) -> Floats:
    """A row for each third point on a tied job's edge: it and the edge, by worker type."""
    edges, jobs, points = basis
    types, rows, n = rate.shape[1], 0, 0
    for s in range(jobs.size):
        for c in range(types + 1):
            rows += points[s, c]
        rows -= 2
    table = np.zeros((rows, types))
    for s in range(jobs.size):
        i = jobs[s]
        a, b = edges[i, 0], edges[i, 1]
        for c in range(types + 1):
            if points[s, c] and c != a and c != b:
                ra = _rate(rate, i, a)
                part = (_rate(rate, i, c) - ra) / (rate[i, b - 1] - ra)
                if c > 0:
                    table[n, c - 1] = 1.0
                table[n, b - 1] -= part
                if a > 0:
                    table[n, a - 1] -= 1.0 - part
                n += 1
    return table


@compiled
def eliminate_largest(table: Floats, column: Ints, step: int) -> bool:
    """Make the largest number left the pivot of a step; False if there is none."""
    rows, types = table.shape
    best, row, pick = RANK, -1, -1
    for n in range(step, rows):
        for j in range(step, types):
            if abs(table[n, column[j]]) > best:
                best, row, pick = abs(table[n, column[j]]), n, j
    if row < 0:
        return False
    column[step], column[pick] = column[pick], column[step]
    for j in range(types):
        table[step, j], table[row, j] = table[row, j], table[step, j]
    for n in range(step + 1, rows):
        factor = table[n, column[step]] / table[step, column[step]]
        for j in range(step, types):
            table[n, column[j]] -= factor * table[step, column[j]]
    return True


@compiled
def level_of(problem: Problem, edges: Ints, price: Floats, cost: Floats) -> float:
    """T where the levels cost what the workers are worth; prices become those of a unit of t.

    ``cost`` gets what a unit of each job's level costs. For curved levels this is Newton's method on
    the inverse of the cost, which is concave in the ratio, from the lowest ratio of all: it never
    passes the root, and starts where the program says.
    """
    rate, use, _, workers, own, curved, cap = problem
    types = workers.size
    worth, rise = 0.0, 0.0
    for j in range(types):
        worth += workers[j] * price[j]
    for i in range(rate.shape[0]):
        a, b = edges[i, 0], edges[i, 1]
        if b == 0:
            cost[i] = 0.0
            continue
        if a == 0:
            cost[i] = use[i] * price[b - 1] / rate[i, b - 1]
        else:
            ra, pa = rate[i, a - 1], price[a - 1]
            unit = (price[b - 1] - pa) / (rate[i, b - 1] - ra)
            cost[i] = use[i] * unit
            worth -= use[i] * (pa - ra * unit)
        if not curved:
            worth -= cost[i] * own[i, SECOND]
            rise += cost[i] * own[i, FIRST]
    t = worth / rise if rise > 0.0 else math.nan
    if curved:
        ratio = -cap
        for _ in range(LIMIT):
            total, rise = 0.0, 0.0
            for i in range(rate.shape[0]):
                part = 1.0 / (ratio * own[i, THIRD] - own[i, FIRST])
                value = cost[i] * own[i, SECOND] * part
                total += value
                rise += value * part * own[i, THIRD]
            change = total * (total - worth) / (worth * rise)
            ratio += change
            if not change > 4e-16 * ratio:
                break
        t = -ratio
    for j in range(types):
        price[j] /= rise
    for i in range(rate.shape[0]):
        cost[i] /= rise
    return t


@compiled
def answer(
    problem: Problem, basis: Basis, price: Floats, cost: Floats, x: Floats, proof: Floats
) -> float:
    """The optimum of a basis, if it has the property that makes it the only one.

    Parameters
    ----------
    problem
        The program.
    basis
        The basis (:func:`tied_jobs`).
    price, cost, x, proof
        Get the duals of capacities and levels, the shares, and primal residual, dual residual and
        relative gap: infinite if the basis does not have the property.

    Returns
    -------
    t
        That of the basis, with the property or without; NaN if it has none.
    """
    types, workers = problem.workers.size, problem.workers
    proof[:] = math.inf
    if ties_to_prices(problem.rate, basis, price) < 0:
        return math.nan
    t = level_of(problem, basis.edges, price, cost)
    if not t < problem.cap:
        return t
    left, worth = workers.copy(), dot(price, workers)
    for j in range(types):
        if price[j] * workers[j] < APART * worth:
            return t
    certain, bound = _bound_by_duals(problem, basis, price, cost, worth)
    if not certain:
        return t
    certain, primal, pull, value = _share_alone(problem, basis, t, cost, left, x)
    if not certain or not share_out(problem, t, basis, price, left, x):
        return t
    primal = max(primal, _take_tied(problem, basis, t, left, x))
    for j in range(types):
        primal = max(primal, -left[j] / workers[j])
    proof[0] = primal
    if problem.curved:
        proof[1] = abs(1.0 - value)
        proof[2] = relative_gap(1.0, bound / pull, LEVEL_SIZE)
    else:
        proof[1] = abs(1.0 - pull)
        proof[2] = relative_gap(t, bound, LEVEL_SIZE * worth)
    return t


@compiled
def _bound_by_duals(
    problem: Problem, basis: Basis, price: Floats, cost: Floats, bound: float
) -> tuple[bool, float]:
    """What the duals bound the optimum by, from the workers' worth; whether each edge is the only one.

    The dual of a job's time is what makes no reduced cost negative.
    """
    rate, use, _, _, own, curved, _ = problem
    edges, jobs, points = basis
    types, following = rate.shape[1], 0
    for i in range(rate.shape[0]):
        a, b = edges[i, 0], edges[i, 1]
        tied = following < jobs.size and jobs[following] == i
        if b == 0:
            continue
        rb, pb = rate[i, b - 1], price[b - 1]
        ra, pa = (rate[i, a - 1], price[a - 1]) if a > 0 else (0.0, 0.0)
        if tied or a > 0:
            for c in range(types + 1):
                rc, pc = (rate[i, c - 1], price[c - 1]) if c > 0 else (0.0, 0.0)
                above, size = distance(ra, pa, rb, pb, rc, pc)
                on = points[following, c] if tied else (c in (a, b))
                doubt = tied and abs(above) > TIED * size if on else above < APART * size
                if doubt:
                    return False, bound
        else:
            unit = pb / rb
            for j in range(types):
                other = rate[i, j] * unit
                if j != b - 1 and price[j] - other < APART * (price[j] + other):
                    return False, bound
        following += tied
        if not curved:
            bound -= cost[i] * own[i, SECOND]
        short = 0.0
        for j in range(types):
            short = max(short, rate[i, j] * cost[i] - use[i] * price[j])
        bound += short
    return True, bound


@compiled
def _share_alone(
    problem: Problem, basis: Basis, t: float, cost: Floats, left: Floats, x: Floats
) -> tuple[bool, float, float, float]:
    """Shares of jobs that are not tied.

    Returns whether all levels are well within their edges, the largest violation, and what a unit of t, or
    all levels if they are curved, are worth; then the same at the ratio.
    """
    rate, use, _, _, own, curved, _ = problem
    edges, jobs, _ = basis
    following, primal, pull, value = 0, 0.0, 0.0, 0.0
    x[:] = 0.0
    for i in range(rate.shape[0]):
        a, b = edges[i, 0], edges[i, 1]
        slope, floor = own[i, FIRST], own[i, SECOND]
        level = need(curved, slope, floor, own[i, THIRD], t)
        if b == 0:
            room = abs(floor) + slope * abs(t) if slope > 0.0 else 0.0
            if level > -APART * room and (slope > 0.0 or level > 0.0):
                return False, primal, pull, value
            continue
        rb, ra = rate[i, b - 1], _rate(rate, i, a)
        room = level if curved else abs(floor) + slope * abs(t)
        if level - ra < APART * (room + ra) or rb - level < APART * (room + rb):
            return False, primal, pull, value
        if curved:
            pull += cost[i] * level
            value += cost[i] * level * level / floor * own[i, THIRD]
        else:
            pull += cost[i] * slope
        if following < jobs.size and jobs[following] == i:
            following += 1
            continue
        time = x[i, b - 1] = (level - ra) / (rb - ra)
        left[b - 1] -= use[i] * time
        got = rb * time
        if a > 0:
            slower = x[i, a - 1] = (rb - level) / (rb - ra)
            left[a - 1] -= use[i] * slower
            got += ra * slower
            time += slower
        primal = max(primal, (level - got) / (abs(level) + got), time - 1.0)
    return True, primal, pull, value


@compiled
def _take_tied(problem: Problem, basis: Basis, t: float, left: Floats, x: Floats) -> float:
    """Take what tied jobs use from what is ``left``; their largest violation."""
    rate, use, _, _, own, curved, _ = problem
    primal = 0.0
    for s in range(basis.jobs.size):
        i = basis.jobs[s]
        level = need(curved, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
        got, time = 0.0, 0.0
        for j in range(left.size):
            got += rate[i, j] * x[i, j]
            time += x[i, j]
            left[j] -= use[i] * x[i, j]
        primal = max(primal, (level - got) / (abs(level) + got), time - 1.0)
    return primal


# shares of tied jobs -------------------------------------------------------------------------


class Mixes(NamedTuple):
    """Tied jobs' time, T jobs, by point, and Newton's method for its centre.

    A job's free ways to mix lead from each point between its slowest and its fastest to these two.

    Attributes
    ----------
    at, size
        The points, and how many, ``(T, J + 1)`` and ``(T,)``.
    idle
        Weight of point 0 in the barrier, ``(T,)``: it may stand for a share on a type without a price.
    part, step
        Part of its time at each point, and the step, ``(T, J + 1)``.
    way
        Ways to mix, ``(T, J, J + 1)``; times the inverse root of the Hessian in ``along``.
    hessian, slope
        Hessian in the ways, and its root, ``(T, J, J)``; slope of the barrier along them, ``(T, J)``.
    free
        Inverse Hessian, in points, ``(T, J + 1, J + 1)``.
    """

    at: Ints
    size: Ints
    idle: Floats
    part: Floats
    step: Floats
    way: Floats
    along: Floats
    hessian: Floats
    slope: Floats
    free: Floats


@compiled
def share_out(
    problem: Problem, t: float, basis: Basis, price: Floats, left: Floats, x: Floats
) -> bool:
    """The centre of the tied jobs' mixes that use what the others left.

    Newton's method in the parts of the points between each job's slowest and fastest. One capacity
    row follows from the others, since t is what prices say: that of the type worth most.
    """
    types, main = left.size, 0
    for j in range(types):
        if price[j] > price[main]:
            main = j
    mixes = _mixes(problem, t, basis)
    schur, price_step = np.zeros((types, types)), np.zeros(types)
    for _ in range(LIMIT):
        copy_into(price_step, left)
        schur[:, :] = 0.0
        _slopes(mixes)
        if not _invert_hessians(mixes):
            return False
        _equations_for_prices(problem, basis, mixes, schur, price_step)
        # without the row and column of the main type
        price_step[main] = 0.0
        for j in range(types):
            schur[j, main] = schur[main, j] = 0.0
        schur[main, main] = 1.0
        cholesky(schur, types, 0.0)
        cholesky_solve(schur, price_step)
        moved = _move(problem, basis, mixes, price_step)
        if not math.isfinite(moved):
            return False
        if moved <= STEADY:
            return _take_mixes(problem, basis, mixes, price, x)
    return False


@compiled
def _mixes(problem: Problem, t: float, basis: Basis) -> Mixes:
    """The ways to mix, and where to start: at the mean of all edges that reach the level."""
    rate, own, curved = problem.rate, problem.own, problem.curved
    jobs, types = basis.jobs.size, rate.shape[1]
    mixes = Mixes(
        np.empty((jobs, types + 1), np.int64),
        np.zeros(jobs, np.int64),
        np.full(jobs, SETTINGS.slack_weight),
        np.zeros((jobs, types + 1)),
        np.zeros((jobs, types + 1)),
        np.zeros((jobs, types, types + 1)),
        np.zeros((jobs, types, types + 1)),
        np.zeros((jobs, types, types)),
        np.zeros((jobs, types)),
        np.zeros((jobs, types + 1, types + 1)),
    )
    for s in range(jobs):
        i = basis.jobs[s]
        a, b = basis.edges[i, 0], basis.edges[i, 1]
        ra, rb, many = _rate(rate, i, a), rate[i, b - 1], 0
        if not curved and own[i, THIRD] > 0.0:
            mixes.idle[s] = own[i, THIRD]
        for c in range(types + 1):
            if basis.points[s, c]:
                mixes.at[s, mixes.size[s]] = c
                mixes.size[s] += 1
                if c != a and c != b:
                    part = (_rate(rate, i, c) - ra) / (rb - ra)
                    mixes.way[s, many, c] = 1.0
                    mixes.way[s, many, b] = -part
                    mixes.way[s, many, a] = -(1.0 - part)
                    many += 1
        level = need(curved, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
        _mean_of_edges(rate, i, level, mixes.at[s], mixes.size[s], mixes.part[s])
    return mixes


@compiled
def _mean_of_edges(rate: Floats, i: int, level: float, at: Ints, size: int, part: Floats) -> None:
    """Mean of all edges between a job's points on which it reaches its level."""
    found = 0.0
    for p in range(size):
        for q in range(size):
            a, b = at[p], at[q]
            ra, rb = _rate(rate, i, a), _rate(rate, i, b)
            if ra <= level and rb > level:
                part[a] += (rb - level) / (rb - ra)
                part[b] += (level - ra) / (rb - ra)
                found += 1.0
    for p in range(size):
        part[at[p]] /= found


@compiled
def _slopes(mixes: Mixes) -> None:
    """Slopes and Hessians of the barrier along the ways."""
    at, size, idle, part, _, way, along, hessian, slope, _ = mixes
    weight = np.empty(part.shape[1])
    for s in range(size.size):
        for p in range(size[s]):
            c = at[s, p]
            of_point = idle[s] if c == 0 else 1.0
            weight[c] = of_point / (part[s, c] * part[s, c])
        for n in range(size[s] - 2):
            slope[s, n] = 0.0
            for p in range(size[s]):
                c = at[s, p]
                along[s, n, c] = way[s, n, c]
                of_point = idle[s] if c == 0 else 1.0
                slope[s, n] += along[s, n, c] * of_point / part[s, c]
            for m in range(n + 1):
                value = 0.0
                for p in range(size[s]):
                    c = at[s, p]
                    value += along[s, n, c] * along[s, m, c] * weight[c]
                hessian[s, n, m] = value


@compiled
def _invert_hessians(mixes: Mixes) -> bool:
    """Half of each inverse, applied to ways and slopes: ``free = (L^-1 way)' (L^-1 way)``."""
    at, size, _, _, _, _, along, hessian, slope, _ = mixes
    for s in range(size.size):
        many = size[s] - 2
        if cholesky(hessian[s], many, 0.0) > 0:
            return False
        for n in range(many):
            for m in range(n):
                factor = hessian[s, n, m]
                slope[s, n] -= factor * slope[s, m]
                for p in range(size[s]):
                    along[s, n, at[s, p]] -= factor * along[s, m, at[s, p]]
            slope[s, n] /= hessian[s, n, n]
            for p in range(size[s]):
                along[s, n, at[s, p]] /= hessian[s, n, n]
    return True


@compiled
def _equations_for_prices(
    problem: Problem, basis: Basis, mixes: Mixes, schur: Floats, price_step: Floats
) -> None:
    """Steps at prices of 0; what parts, steps and prices change in the use of each type."""
    at, size, _, part, step, _, along, _, slope, free = mixes
    for s in range(size.size):
        k, many = problem.use[basis.jobs[s]], size[s] - 2
        room = k * k / problem.counts[basis.jobs[s]]
        for p in range(size[s]):
            if at[s, p] > 0:
                price_step[at[s, p] - 1] -= k * part[s, at[s, p]]
        for p in range(size[s]):
            c = at[s, p]
            step[s, c] = 0.0
            for n in range(many):
                step[s, c] += slope[s, n] * along[s, n, c]
            if c > 0:
                price_step[c - 1] -= k * step[s, c]
            for q in range(size[s]):
                m = at[s, q]
                value = 0.0
                for n in range(many):
                    value += along[s, n, c] * along[s, n, m]
                free[s, c, m] = value
                if c > 0 and m > 0:
                    schur[c - 1, m - 1] += room * value


@compiled
def _move(problem: Problem, basis: Basis, mixes: Mixes, price_step: Floats) -> float:
    """Take the step at these prices, shortened to stay inside; the largest part asked for."""
    at, size, _, part, step, _, _, _, _, free = mixes
    down, moved = 0.0, 0.0
    for s in range(size.size):
        i = basis.jobs[s]
        push = problem.use[i] / problem.counts[i]
        for p in range(size[s]):
            c = at[s, p]
            for q in range(size[s]):
                m = at[s, q]
                if m > 0:
                    step[s, c] += push * free[s, c, m] * price_step[m - 1]
            relative = step[s, c] / part[s, c]
            down, moved = max(down, -relative), max(moved, abs(relative))
    length = 0.9 / down if down > 0.9 else 1.0
    for s in range(size.size):
        for p in range(size[s]):
            part[s, at[s, p]] += length * step[s, at[s, p]]
    return float(moved)


@compiled
def _take_mixes(problem: Problem, basis: Basis, mixes: Mixes, price: Floats, x: Floats) -> bool:
    """Take the shares; False if one of them may be zero."""
    worth = dot(price, problem.workers)
    for s in range(mixes.size.size):
        i = basis.jobs[s]
        for j in range(price.size):
            x[i, j] = mixes.part[s, j + 1]
        for p in range(mixes.size[s]):
            c = mixes.at[s, p]
            of_point = price[c - 1] if c > 0 else price[basis.edges[i, 1] - 1]
            if not mixes.part[s, c] * problem.use[i] * of_point > LEAST * worth:
                return False
    return True
