r"""The optimum of a contended program from its partition alone, with its proof.

The partition says on which edge each job runs and which jobs are tied, with which points. If every
worker type has a price, all of the optimum follows from it, in this order:

* the prices, at right angles to the ties :math:`d_i = e_c - (1 - \omega) e_a - \omega e_b`, which must
  leave them one direction;
* t, since :math:`\sum_i k_i \,\text{edge}_i(F_i(t)) = p N` has t as its only unknown;
* the shares of jobs that are not tied; and what they leave is for the tied ones.

If there are J - 1 ties the optimum is one point. Where jobs of one type are alike but for their level,
all of them are tied together, and the optimum is the weighted centre of their mixes.

Nothing here depends on how the partition was found, and all conditions are checked with room to spare:
whatever is zero has a cost, whatever is not is well above zero, ties hold to rounding. A partition with
that property is the only one, so every search that ends with an answer ends with the same bits.
"""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.hull import FIRST, SECOND, THIRD, Problem, need
from gavel_opt.solver.settings import SETTINGS

TIED, APART = 1e-11, 1e-9
"""Relative distances of a point from a job's edge: below the first it is on it, above the second it is
not. Anything between is left to the interior point method."""
LEAST = 1e-10
"""A tied part worth less than this part of all workers may be zero."""
RANK = 1e-7
STEADY = 1e-6
LIMIT = 60


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
        low, high = a, b
        ra, pa = _rate(rate, i, a), price[a - 1] if a > 0 else 0.0
        for c in range(types + 1):
            rc, pc = _rate(rate, i, c), price[c - 1] if c > 0 else 0.0
            above, size = distance(ra, pa, rate[i, b - 1], price[b - 1], rc, pc)
            if c in (a, b) or above <= TIED * size:
                if above < -TIED * size:
                    return False, jobs[:0], points[:0]
                on[c] = True
                more = more or (c != a and c != b)
                if _rate(rate, i, c) < _rate(rate, i, low):
                    low = c
                if _rate(rate, i, c) > _rate(rate, i, high):
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
def ties_to_prices(rate: Floats, jobs: Ints, points: Bools, edges: Ints, price: Floats) -> int:
    """Prices at right angles to all ties; the number of ties, or -1 if they are not the only ones."""
    types = rate.shape[1]
    rows = 0
    for s in range(jobs.size):
        for c in range(types + 1):
            rows += points[s, c]
        rows -= 2
    table = np.zeros((rows, types))
    n = 0
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
    column = np.arange(types)
    for step in range(types - 1):
        best, row, pick = RANK, -1, -1
        for n in range(step, rows):
            for j in range(step, types):
                if abs(table[n, column[j]]) > best:
                    best, row, pick = abs(table[n, column[j]]), n, j
        if row < 0:
            return -1
        column[step], column[pick] = column[pick], column[step]
        for j in range(types):
            table[step, j], table[row, j] = table[row, j], table[step, j]
        for n in range(step + 1, rows):
            factor = table[n, column[step]] / table[step, column[step]]
            for j in range(step, types):
                table[n, column[j]] -= factor * table[step, column[j]]
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
    return rows


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
    problem: Problem,
    edges: Ints,
    jobs: Ints,
    points: Bools,
    price: Floats,
    cost: Floats,
    x: Floats,
    proof: Floats,
) -> float:
    """The optimum of a partition, if it has the property that makes it the only one.

    Parameters
    ----------
    problem
        The program.
    edges, jobs, points
        The partition (:func:`tied_jobs`).
    price, cost, x, proof
        Get the duals of capacities and levels, the shares, and primal residual, dual residual and
        relative gap: infinite if the partition does not have the property.

    Returns
    -------
    t
        That of the partition, with the property or without; NaN if it has none.
    """
    rate, use, _, workers, own, curved, cap = problem
    groups, types = rate.shape
    proof[:] = math.inf
    ties = ties_to_prices(rate, jobs, points, edges, price)
    if ties < 0:
        return math.nan
    t = level_of(problem, edges, price, cost)
    if not t < cap:
        return t
    left, worth = workers.copy(), 0.0
    for j in range(types):
        worth += price[j] * workers[j]
    for j in range(types):
        if price[j] * workers[j] < APART * worth:
            return t
    size = abs(t)
    bound, pull, primal, value = worth, 0.0, 0.0, 0.0
    following = 0
    for i in range(groups):
        a, b = edges[i, 0], edges[i, 1]
        level = need(curved, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
        tied = following < jobs.size and jobs[following] == i
        if b == 0:
            room = abs(own[i, SECOND]) + own[i, FIRST] * size if own[i, FIRST] > 0.0 else 0.0
            if level > -APART * room and (own[i, FIRST] > 0.0 or level > 0.0):
                return t
            for j in range(types):
                x[i, j] = 0.0
            continue
        rb, pb = rate[i, b - 1], price[b - 1]
        ra, pa = 0.0, 0.0
        if a > 0:
            ra, pa = rate[i, a - 1], price[a - 1]
        room = level if curved else abs(own[i, SECOND]) + own[i, FIRST] * size
        if level - ra < APART * (room + ra) or rb - level < APART * (room + rb):
            return t
        if curved:
            pull += cost[i] * level
            value += cost[i] * level * level / own[i, SECOND] * own[i, THIRD]
        else:
            pull += cost[i] * own[i, FIRST]
            bound -= cost[i] * own[i, SECOND]
        if tied:
            for c in range(types + 1):
                rc, pc = 0.0, 0.0
                if c > 0:
                    rc, pc = rate[i, c - 1], price[c - 1]
                above, scale = distance(ra, pa, rb, pb, rc, pc)
                if points[following, c]:
                    if abs(above) > TIED * scale:
                        return t
                elif above < APART * scale:
                    return t
            following += 1
        else:
            part = (level - ra) / (rb - ra)
            if a == 0:
                unit = price[b - 1] / rb
                for j in range(types):
                    x[i, j] = 0.0
                    other = rate[i, j] * unit
                    if j != b - 1 and price[j] - other < APART * (price[j] + other):
                        return t
            else:
                for c in range(types + 1):
                    rc, pc = 0.0, 0.0
                    if c > 0:
                        x[i, c - 1] = 0.0
                        rc, pc = rate[i, c - 1], price[c - 1]
                    above, scale = distance(ra, pa, rb, pb, rc, pc)
                    if c != a and c != b and above < APART * scale:
                        return t
                share = (rb - level) / (rb - ra)
                x[i, a - 1] = share
                left[a - 1] -= use[i] * share
            x[i, b - 1] = part
            left[b - 1] -= use[i] * part
            got, time = 0.0, 0.0
            for j in range(types):
                got += rate[i, j] * x[i, j]
                time += x[i, j]
            primal = max(primal, (level - got) / (abs(level) + got), time - 1.0)
        # the dual of time is what makes no reduced cost negative
        short = 0.0
        for j in range(types):
            short = max(short, rate[i, j] * cost[i] - use[i] * price[j])
        bound += short
    if not share_out(problem, t, edges, jobs, points, price, worth, left, x):
        return t
    for s in range(jobs.size):
        i = jobs[s]
        level = need(curved, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
        got, time = 0.0, 0.0
        for j in range(types):
            got += rate[i, j] * x[i, j]
            time += x[i, j]
            left[j] -= use[i] * x[i, j]
        primal = max(primal, (level - got) / (abs(level) + got), time - 1.0)
    for j in range(types):
        primal = max(primal, -left[j] / workers[j])
    proof[0] = primal
    if curved:
        proof[1] = abs(1.0 - value)
        proof[2] = abs(bound / pull - 1.0) / 2.1
    else:
        proof[1] = abs(1.0 - pull)
        proof[2] = abs(bound - t) / (0.1 * worth + abs(bound) + size)
    return t


@compiled
def share_out(
    problem: Problem,
    t: float,
    edges: Ints,
    jobs: Ints,
    points: Bools,
    price: Floats,
    worth: float,
    left: Floats,
    x: Floats,
) -> bool:
    """The centre of the tied jobs' mixes that use what the others left.

    Newton's method in the parts of the points between each job's slowest and fastest. One capacity
    row follows from the others, since t is what prices say: that of the type worth most.
    """
    rate, use, count, _, own, curved, _ = problem
    types = left.size
    main = 0
    for j in range(types):
        if price[j] > price[main]:
            main = j
    w = np.zeros((jobs.size, types + 1))
    move = np.zeros((jobs.size, types + 1))
    free = np.zeros((jobs.size, types + 1, types + 1))  # the inverse Hessian, reduced to points
    on, size = np.empty((jobs.size, types + 1), np.int64), np.zeros(jobs.size, np.int64)
    ways, weight = np.zeros((jobs.size, types, types + 1)), np.empty(types + 1)
    schur, price_step = np.zeros((types, types)), np.zeros(types)
    hessian, column = np.zeros((types, types)), np.zeros(types)
    along = np.zeros((types, types + 1))
    for s in range(jobs.size):
        i = jobs[s]
        a, b = edges[i, 0], edges[i, 1]
        ra, rb = _rate(rate, i, a), rate[i, b - 1]
        # the ways to mix: from each point between the slowest and the fastest to these two
        many = 0
        for c in range(types + 1):
            if points[s, c]:
                on[s, size[s]] = c
                size[s] += 1
                if c not in (a, b):
                    part = (_rate(rate, i, c) - ra) / (rb - ra)
                    ways[s, many, c] = 1.0
                    ways[s, many, b] = -part
                    ways[s, many, a] = -(1.0 - part)
                    many += 1
        # the mean of all edges that reach the level
        level = need(curved, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
        edges_found = 0.0
        for a in on[s, : size[s]]:
            for b in on[s, : size[s]]:
                ra, rb = _rate(rate, i, a), _rate(rate, i, b)
                if ra <= level and rb > level:
                    w[s, a] += (rb - level) / (rb - ra)
                    w[s, b] += (level - ra) / (rb - ra)
                    edges_found += 1.0
        for c in on[s, : size[s]]:
            w[s, c] /= edges_found
    for _ in range(LIMIT):
        for j in range(types):
            price_step[j] = left[j]
            for m in range(types):
                schur[j, m] = 0.0
        for s in range(jobs.size):
            i = jobs[s]
            k = use[i]
            mine, many = on[s, : size[s]], size[s] - 2
            for c in mine:
                if c > 0:
                    price_step[c - 1] -= k * w[s, c]
                weight[c] = (SETTINGS.slack_weight if c == 0 else 1.0) / (w[s, c] * w[s, c])
            for n in range(many):
                column[n] = 0.0
                for c in mine:
                    along[n, c] = ways[s, n, c]
                    column[n] += along[n, c] * (SETTINGS.slack_weight if c == 0 else 1.0) / w[s, c]
                for m in range(n + 1):
                    value = 0.0
                    for c in mine:
                        value += along[n, c] * along[m, c] * weight[c]
                    for q in range(m):
                        value -= hessian[n, q] * hessian[m, q]
                    if n > m:
                        hessian[n, m] = value / hessian[m, m]
                        continue
                    if not value > 0.0:
                        return False
                    hessian[n, n] = math.sqrt(value)
            # half of the inverse, applied to the ways: free = (L^-1 along)^T (L^-1 along)
            for n in range(many):
                for m in range(n):
                    factor = hessian[n, m]
                    column[n] -= factor * column[m]
                    for c in mine:
                        along[n, c] -= factor * along[m, c]
                column[n] /= hessian[n, n]
                for c in mine:
                    along[n, c] /= hessian[n, n]
            part = k * k / count[i]
            for c in mine:
                move[s, c] = 0.0
                for n in range(many):
                    move[s, c] += column[n] * along[n, c]
                if c > 0:
                    price_step[c - 1] -= k * move[s, c]
                for m in mine:
                    if m > 0:
                        value = 0.0
                        for n in range(many):
                            value += along[n, c] * along[n, m]
                        free[s, c, m] = value
                        if c > 0:
                            schur[c - 1, m - 1] += part * value
        _solve_without(schur, price_step, main)
        down, moved = 0.0, 0.0
        for s in range(jobs.size):
            i = jobs[s]
            push = use[i] / count[i]
            for c in on[s, : size[s]]:
                for m in on[s, : size[s]]:
                    if m > 0:
                        move[s, c] += push * free[s, c, m] * price_step[m - 1]
                part = move[s, c] / w[s, c]
                down, moved = max(down, -part), max(moved, abs(part))
        if not math.isfinite(moved):
            return False
        length = 0.9 / down if down > 0.9 else 1.0
        for s in range(jobs.size):
            for c in on[s, : size[s]]:
                w[s, c] += length * move[s, c]
        if moved <= STEADY:
            for s in range(jobs.size):
                i = jobs[s]
                x[i] = w[s, 1:]
                for c in on[s, : size[s]]:
                    of_point = price[c - 1] if c > 0 else price[edges[i, 1] - 1]
                    if not w[s, c] * use[i] * of_point > LEAST * worth:
                        return False
            return True
    return False


@compiled
def _solve_without(matrix: Floats, value: Floats, main: int) -> None:
    """Solve a positive definite system in place, row and column ``main`` left out (value 0)."""
    size = value.size
    value[main] = 0.0
    for j in range(size):
        matrix[j, main] = matrix[main, j] = 0.0
    matrix[main, main] = 1.0
    for j in range(size):
        for m in range(j + 1):
            rest = matrix[j, m]
            for n in range(m):
                rest -= matrix[j, n] * matrix[m, n]
            if m == j:
                matrix[j, j] = math.sqrt(rest) if rest > 0.0 else 0.0
            else:
                matrix[j, m] = rest / matrix[m, m] if matrix[m, m] > 0.0 else 0.0
    for j in range(size):
        rest = value[j]
        for m in range(j):
            rest -= matrix[j, m] * value[m]
        value[j] = rest / matrix[j, j] if matrix[j, j] > 0.0 else 0.0
    for j in range(size - 1, -1, -1):
        rest = value[j]
        for m in range(j + 1, size):
            rest -= matrix[m, j] * value[m]
        value[j] = rest / matrix[j, j] if matrix[j, j] > 0.0 else 0.0
