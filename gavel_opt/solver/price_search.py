r"""Contended programs: a search for the prices of the J worker types alone.

For prices p the levels at t cost :math:`\sum_i k_i C_i(F_i(t); p)`, where :math:`C_i` is the lower
convex hull of job i's points (:mod:`~gavel_opt.solver.hull`). All workers are worth
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

Only jobs near a change of edge can do so. One pass over all jobs (*survey*) finds those within a radius
of prices and t, and adds up what the others use as functions of t; the search (*settle*) runs on
those few and stops at the radius. Curved levels (finish-time fairness) are replaced by their tangents in each
survey, so surveys are steps of Newton's method.
"""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.hull import FIRST, ROUND, SECOND, THIRD, TOP, Problem, edge, line

SETTLED, AGAIN, LOST, SLACK = range(4)
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
WORTHLESS = 1e-7
"""A type whose workers are worth less than this part of all has no price."""


@compiled
def survey(
    problem: Problem,
    begin: int,
    stride: int,
    price: Floats,
    t: float,
    radius: float,
    edges: Ints,
    near: Ints,
    base: Floats,
) -> int:
    """Find each job's edge; list those near a change; add up the use of the others, ``base``.

    Returns the number of jobs in ``near``, or -1 if a level cannot be reached.
    """
    rate, use, _, _, own, curved, _ = problem
    groups, types = rate.shape
    found = 0
    base[:] = 0.0
    for i in range(begin, groups, stride):
        offset, pull = line(curved, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
        level = offset + pull * t
        room = radius * pull * abs(t)
        k = use[i]
        if not level > 0.0:
            edges[i, 0] = edges[i, 1] = 0
            if pull > 0.0 and level > -room:
                near[found] = i
                found += 1
            continue
        # mostly it is the edge from idle to the cheapest type
        a, b, rb, pb = 0, 0, 0.0, 1.0
        for j in range(types):
            if price[j] * rb < pb * rate[i, j]:
                b, rb, pb = j + 1, rate[i, j], price[j]
        if level > rb * ROUND:
            a, b = edge(i, rate, price, level)
            if b == 0:
                return -1
        edges[i, 0], edges[i, 1] = a, b
        ra, pa = 0.0, 0.0
        rb, pb = rate[i, b - 1], price[b - 1]
        if a > 0:
            ra, pa = rate[i, a - 1], price[a - 1]
        inverse = 1.0 / (rb - ra)
        far = level - ra > room and rb - level > room
        if a == 0:
            cost = pb * inverse
            for j in range(types):
                other = rate[i, j] * cost
                far = far and (j == b - 1 or price[j] - other > radius * (price[j] + other))
        else:
            for j in range(-1, types):
                r, p = 0.0, 0.0
                if j >= 0:
                    r, p = rate[i, j], price[j]
                part = (r - ra) * inverse
                above = p - pa * (1.0 - part) - pb * part
                size = p + pa * abs(1.0 - part) + pb * abs(part)
                far = far and (j == a - 1 or j == b - 1 or above > radius * size)
        if not far:
            near[found] = i
            found += 1
            continue
        k *= inverse
        base[0, b - 1] += k * (offset - ra)
        base[1, b - 1] += k * pull
        if a > 0:
            base[0, a - 1] += k * (rb - offset)
            base[1, a - 1] -= k * pull
    return found


@compiled
def settle(
    r: Floats,
    k: Floats,
    offset: Floats,
    pull: Floats,
    left: Ints,
    right: Ints,
    on: Bools,
    base: Floats,
    workers: Floats,
    price: Floats,
    given: float,
    radius: float,
    cap: float,
) -> tuple[int, float, int]:
    """Search over the listed jobs; ``price`` and ``on`` change in place.

    Parameters
    ----------
    r, k, offset, pull
        Rates by point (idle first), use, and the line of the level needed, of each listed job.
    left, right, on
        Edge of each, and which points it may mix, shape ``(jobs, J + 1)``.
    base
        What all others use: at t = 0, and for each unit of t.
    workers, price
        By type.
    given, radius, cap
        The t of the survey, how far t and prices may go, and the highest t of all.

    Returns
    -------
    outcome, t, steps
    """
    jobs, types = r.shape[0], workers.size
    p, z, y = np.zeros(types + 1), np.zeros(types + 1), np.empty(types)
    first = price.copy()
    g = np.empty(types)
    ties = np.empty((types + 1, types))  # orthonormal, the first is all ones
    raw = np.empty((types + 1, types))
    fit = np.empty((types + 1, types + 1))
    theta = np.empty(types + 1)
    who, point = np.empty(types + 1, np.int64), np.empty(types + 1, np.int64)
    weight = np.empty(types + 1)
    kink, joins = np.empty(jobs), np.empty(jobs, np.int64)
    t = given
    for step in range(STEPS + 2 * jobs):
        worth = 0.0
        for j in range(types):
            p[j + 1] = price[j]
            worth += price[j] * workers[j]
        # t at these prices, and the edges at that t
        for _ in range(50):
            head, slope = worth, 0.0
            for j in range(types):
                head -= base[0, j] * price[j]
                slope += base[1, j] * price[j]
            for s in range(jobs):
                a, b = left[s], right[s]
                if b > 0:
                    rise = k[s] * (p[b] - p[a]) / (r[s, b] - r[s, a])
                    head -= k[s] * p[a] + (offset[s] - r[s, a]) * rise
                    slope += pull[s] * rise
            if not slope > 0.0:
                return LOST, t, step
            t = min(head / slope, cap)
            same = True
            for s in range(jobs):
                level = offset[s] + pull[s] * t
                a, b = left[s], right[s]
                if (b > 0 and level >= r[s, a] and level <= r[s, b] * ROUND) or (
                    b == 0 and level <= 0.0
                ):
                    continue
                low, high = -1, -1
                for c in range(types + 1):
                    if on[s, c]:
                        if r[s, c] <= level and (low < 0 or r[s, c] > r[s, low]):
                            low = c
                        if r[s, c] > level and (high < 0 or r[s, c] < r[s, high]):
                            high = c
                if low < 0 or high < 0:
                    low = high = 0
                    if level > 0.0:
                        low, high = _edge(r, s, p, level)
                        if high == 0:
                            return LOST, t, step
                    _mix_only(on[s], low, high)
                    same = False
                if low != a or high != b:
                    left[s], right[s] = low, high
            if same:
                break
        if not math.isfinite(t):
            return LOST, t, step
        if abs(t - given) > radius * abs(given):
            return AGAIN, t, step
        # what is left of each type, times its price, and the ties
        for j in range(types):
            g[j] = (workers[j] - base[0, j] - base[1, j] * t) * price[j]
            ties[0, j] = 1.0 / math.sqrt(types)
        many = 1
        for s in range(jobs):
            a, b = left[s], right[s]
            if b == 0:
                continue
            part = (offset[s] + pull[s] * t - r[s, a]) / (r[s, b] - r[s, a])
            g[b - 1] -= k[s] * part * price[b - 1]
            if a > 0:
                g[a - 1] -= k[s] * (1.0 - part) * price[a - 1]
            for c in range(types + 1):
                if on[s, c] and c != a and c != b:
                    if many > types - 1:
                        return LOST, t, step
                    part = (r[s, c] - r[s, a]) / (r[s, b] - r[s, a])
                    for j in range(types):
                        raw[many, j] = 0.0
                    if c > 0:
                        raw[many, c - 1] = k[s] * price[c - 1]
                    raw[many, b - 1] -= k[s] * part * price[b - 1]
                    if a > 0:
                        raw[many, a - 1] -= k[s] * (1.0 - part) * price[a - 1]
                    who[many], point[many] = s, c
                    many += 1
        for n in range(1, many):
            size = 0.0
            for j in range(types):
                ties[n, j] = raw[n, j]
                size += raw[n, j] * raw[n, j]
            for m in range(n):
                dot = 0.0
                for j in range(types):
                    dot += ties[n, j] * ties[m, j]
                fit[m, n] = dot
                for j in range(types):
                    ties[n, j] -= dot * ties[m, j]
            rest_size = 0.0
            for j in range(types):
                rest_size += ties[n, j] * ties[n, j]
            if not rest_size > 1e-16 * size:
                return LOST, t, step
            fit[n, n] = math.sqrt(rest_size)
            for j in range(types):
                ties[n, j] /= fit[n, n]
        for n in range(many):
            dot = 0.0
            for j in range(types):
                dot += g[j] * ties[n, j]
            theta[n] = dot
            for j in range(types):
                g[j] -= dot * ties[n, j]
        for n in range(many - 1, 0, -1):
            for m in range(n + 1, many):
                theta[n] -= fit[n, m] * theta[m]
            theta[n] /= fit[n, n]
        missing = 0.0
        for j in range(types):
            missing = max(missing, abs(g[j]))
        if missing <= NOISE * worth or many == types:
            # supply is met: does every tied job have parts that are not negative?
            worst, job, leaves = NOISE * worth, -1, -1
            n = 1
            while n < many:
                s = who[n]
                a, b = left[s], right[s]
                level = offset[s] + pull[s] * t
                for c in range(types + 1):
                    weight[c] = 0.0
                weight[b] = (level - r[s, a]) / (r[s, b] - r[s, a])
                weight[a] = 1.0 - weight[b]
                while n < many and who[n] == s:
                    c = point[n]
                    part = (r[s, c] - r[s, a]) / (r[s, b] - r[s, a])
                    weight[c] = theta[n]
                    weight[b] -= part * theta[n]
                    weight[a] -= (1.0 - part) * theta[n]
                    n += 1
                for c in range(types + 1):
                    if on[s, c] and -weight[c] * k[s] * max(p[c], p[b]) > worst:
                        below, above = False, False
                        for m in range(types + 1):
                            if m != c and on[s, m]:
                                below = below or r[s, m] <= level
                                above = above or r[s, m] > level
                        if below and above:
                            worst, job, leaves = -weight[c] * k[s] * max(p[c], p[b]), s, c
            if job < 0:
                return SETTLED, t, step
            on[job, leaves] = False
            level = offset[job] + pull[job] * t
            low, high = -1, -1
            for c in range(types + 1):
                if on[job, c]:
                    if r[job, c] <= level and (low < 0 or r[job, c] > r[job, low]):
                        low = c
                    if r[job, c] > level and (high < 0 or r[job, c] < r[job, high]):
                        high = c
            left[job], right[job] = low, high
            continue
        # go down until t(p) would rise again
        furthest = math.inf
        falling = 0.0
        for j in range(types):
            y[j] = -g[j] / missing
            falling += -g[j] * g[j] / missing
            z[j + 1] = y[j] * price[j]
            edge_of_box = first[j] * (1.0 + radius if y[j] > 0.0 else 1.0 - radius)
            if y[j] != 0.0:
                furthest = min(furthest, (edge_of_box - price[j]) / z[j + 1])
        furthest = max(furthest, 0.0)
        for s in range(jobs):
            kink[s], joins[s] = _next(r, s, left[s], right[s], on[s], p, z, 0.0)
        length = furthest
        outcome = AGAIN
        while True:
            at, s = furthest, -1
            for m in range(jobs):
                if kink[m] < at:
                    at, s = kink[m], m
            if s < 0:
                break
            c, a, b = joins[s], left[s], right[s]
            length = at
            outcome = SETTLED
            if _mixes_more(on[s], a, b):
                on[s, c] = True
                break
            level = offset[s] + pull[s] * t
            low, high = (c, b) if r[s, c] <= level else (a, c)
            before = (level - r[s, a]) / (r[s, b] - r[s, a])
            after = (level - r[s, low]) / (r[s, high] - r[s, low])
            change = z[high] * after + z[low] * (1.0 - after)
            change -= z[b] * before + z[a] * (1.0 - before)
            if falling - k[s] * change >= 0.0:
                on[s, c] = True
                left[s], right[s] = low, high
                break
            falling -= k[s] * change
            left[s], right[s] = low, high
            _mix_only(on[s], low, high)
            outcome = AGAIN
            length = furthest
            kink[s], joins[s] = _next(r, s, low, high, on[s], p, z, at)
        for j in range(types):
            price[j] += length * z[j + 1]
        if outcome == AGAIN:
            return AGAIN, t, step
    return LOST, t, STEPS


@compiled
def _mix_only(on: Bools, low: int, high: int) -> None:
    """Leave a job the two points of its edge."""
    for c in range(on.size):
        on[c] = c in (low, high)


@compiled
def _mixes_more(on: Bools, a: int, b: int) -> bool:
    """Whether a job may mix a point that is not of its edge."""
    more = False
    for c in range(on.size):
        more = more or (on[c] and c != a and c != b)
    return more


@compiled
def _edge(r: Floats, s: int, p: Floats, level: float) -> tuple[int, int]:
    """As :func:`gavel_opt.solver.hull.edge`, with idle as a column of its own."""
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
def _next(
    r: Floats, s: int, a: int, b: int, on: Bools, p: Floats, z: Floats, begin: float
) -> tuple[float, int]:
    """Where along the direction a further point reaches the job's edge, and which."""
    best, which = math.inf, -1
    if b == 0:
        return best, which
    inverse = 1.0 / (r[s, b] - r[s, a])
    for c in range(p.size):
        if on[c]:
            continue
        part = (r[s, c] - r[s, a]) * inverse
        falls = z[c] - z[a] * (1.0 - part) - z[b] * part
        size = p[c] + p[a] * abs(1.0 - part) + p[b] * abs(part)
        if falls < -1e-9 * size:
            above = max(p[c] - p[a] * (1.0 - part) - p[b] * part, 0.0)
            at = max(-above / falls, begin)
            if at < best:
                best, which = at, c
    return best, which


@compiled
def search(
    problem: Problem,
    begin: int,
    stride: int,
    price: Floats,
    t: float,
    radius: float,
    edges: Ints,
    near: Ints,
    rounds: int,
) -> tuple[int, float, float, int, int]:
    """Survey and settle until there is an optimum, from the given prices and t.

    ``price`` and ``edges`` change in place. With a stride it is a sample that is searched.

    Returns
    -------
    outcome, t, moved, found, steps
        ``found`` jobs are in ``near``. The optimum is that of the
        tangents at a t that is the part ``moved`` of t away, at most ``NEAR_T``.
    """
    rate, use, _, workers, own, curved, cap = problem
    types = workers.size
    base = np.zeros((2, types))
    found, steps, narrow = 0, 0, radius
    for _ in range(rounds):
        worth, least = 0.0, math.inf
        for j in range(types):
            worth += price[j] * workers[j]
            least = min(least, price[j] * workers[j])
        if not least > WORTHLESS * worth:
            return SLACK, t, 0.0, 0, steps
        for j in range(types):
            price[j] /= worth
        found = survey(problem, begin, stride, price, t, radius, edges, near, base)
        if found < 0:
            return LOST, t, 0.0, 0, steps
        r, k = np.zeros((found, types + 1)), np.empty(found)
        offset, pull = np.empty(found), np.empty(found)
        left, right = np.empty(found, np.int64), np.empty(found, np.int64)
        on = np.zeros((found, types + 1), np.bool_)
        for s in range(found):
            i = near[s]
            for j in range(types):
                r[s, j + 1] = rate[i, j]
            k[s] = use[i]
            offset[s], pull[s] = line(curved, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
            left[s], right[s] = edges[i, 0], edges[i, 1]
            on[s, left[s]] = on[s, right[s]] = True
        outcome, now, more = settle(
            r, k, offset, pull, left, right, on, base, workers, price, t, radius, cap
        )
        steps += 1 + more
        if outcome == LOST:
            return LOST, now, 0.0, 0, steps
        moved = abs(now - t) / abs(now) if curved else 0.0
        t = now
        if outcome == AGAIN:
            radius = min(3.0 * radius, WIDEST)
        elif moved <= NEAR_T:
            for s in range(found):
                edges[near[s], 0], edges[near[s], 1] = left[s], right[s]
            return SETTLED, t, moved, found, steps
        else:
            radius = narrow
    return LOST, t, 0.0, 0, steps


@compiled
def guess(problem: Problem, price: Floats, edges: Ints, near: Ints) -> float:
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
        sample = Problem(rate, use, count, part, own, curved, cap)
        _, t, _, _, _ = search(sample, begin, stride, price, t, radius, edges, near, MANY)
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
