r"""Programs with pairs whose level one job sets: the centre of what is left.

A job that reaches the level with all of its time on its fastest type bounds the level of all. Where the
others reach it with workers and time to spare, that bound is the optimum and everything else is slack. Wanted is
then the centre of the body of these shares: the point that maximises :math:`\sum w \log x` subject to
:math:`A x = b`, slacks among the x. Its prices minimise

.. math:: b^T y - \sum w \log A^T y,

where :math:`x = w / A^T y`: two prices for each group and one for each worker type, however many pairs there
are. Newton's method finds them without a path. Where there is no body it tells soon: prices at which all
columns cost something and all that there is costs nothing, :math:`b^T y \le 0`, prove it (Farkas).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.dense import eliminate_rows, solve_rows
from gavel_opt.kernels.gap import LEVEL_SIZE, relative_gap
from gavel_opt.kernels.jit import compiled, compiled_apart, unrolled
from gavel_opt.solver.prices.cheapest_mix import (
    FIRST,
    SECOND,
    THIRD,
    TOP,
    Given,
    highest_level,
    need,
    needs_of,
)
from gavel_opt.solver.prices.recovery import PROVED
from gavel_opt.solver.prices.shortcuts import APART, SAME, THIN
from gavel_opt.solver.records import Found
from gavel_opt.solver.settings import SETTINGS

LIMIT = 60
"""Newton steps at most."""
STEADY = 1e-7
"""Newton's method ends once no cost changes by more than this part: what is left is of the order of its square."""
SURE = 0.3
"""Steps that change no cost by more than this part are taken whole."""
BACK = 0.9
"""Part of the way to a column that costs nothing that a step may go."""
NO_BODY = -1
"""What the search ends with where prices prove that there is no body."""
CLEARLY = 1e-9
"""A proof is below nothing by more than this part of what jobs' time costs."""
FEW, FAR = 5, 100.0
"""Steps in which prices of the last program have to prove it, and how far the search starts along them, beside
where it would."""
HALVINGS = 5
"""How often a step that goes beyond the least value along it is halved, or lengthened again by half of that."""
PULL, SPARE, LEFT = 0.3, 1.5, 0.02
"""Where the search starts: the price of a level, beside what weighs on the job's time; what a job's best
type costs, for each job; and the least part of the workers that seems left."""


class Pairs(NamedTuple):
    """As in :class:`gavel_opt.model.allocation_program.PairBlocks`."""

    member: Ints
    rate: Floats
    share: Floats
    use: Floats


class Body(NamedTuple):
    """Columns of groups alone, then of pairs, C in all, and what they add up to.

    A group takes row ``2 i`` for its level and ``2 i + 1`` for its time; a group of nobody, the last one, is
    the second of what runs alone; types follow. Levels are measured by the fastest rate of the group alone.

    Attributes
    ----------
    one, two
        The groups, ``(C,)``.
    share, other, use
        Time that a unit takes of both, and workers, ``(C,)``.
    first, second
        What it adds to both levels, ``(C, J)``.
    weight
        In the barrier, ``(C, J)``; 0 for what is zero in all optima.
    need
        Level that each group needs, ``(G + 1,)``.
    slack
        Weight of each row's slack, ``(2 G + 2 + J,)``; 0 where there is none.
    workers
        That there are, ``(J,)``.
    """

    one: Ints
    two: Ints
    share: Floats
    other: Floats
    use: Floats
    first: Floats
    second: Floats
    weight: Floats
    need: Floats
    slack: Floats
    workers: Floats


class Search(NamedTuple):
    """Where the search stands.

    Attributes
    ----------
    prices, step
        Of all rows, ``(2 G + 2 + J,)``.
    cost, change
        Of all columns, ``(C, J)``.
    matrix
        The Hessian, and its factor, upper half.
    """

    prices: Floats
    step: Floats
    cost: Floats
    change: Floats
    matrix: Floats


@unrolled
@compiled_apart
def centre_at_bottleneck(given: Given, pairs: Pairs, ray: Floats, found: Found) -> bool:
    """Solve a program without reward; False if it is not one of these, or too near to another one.

    Parameters
    ----------
    given, pairs
        The program.
    ray
        Prices that may prove that there is no body, ``(2 G + 2 + J,)``, those of groups a job; zero if there are
        none. Gets those that proved it. The answer does not depend on them.
    found
        Gets the answer.
    """
    own, t = needs_of(given)
    if not math.isfinite(t):
        return False
    for j in range(given.workers.size):
        if not given.workers[j] > 0.0:
            return False
    fastest = np.full(own.shape[0], -1, np.int64)
    if not _find_bottleneck(given, pairs, own, t, fastest):
        return False
    body = body_of(given, pairs, own, t, fastest)
    search = room_for(body)
    _start_prices(body, given.counts, search.prices)
    steps = 0
    if _goes_along(body, ray, given.counts, search.prices):
        steps = newton(body, search, FEW)
    if steps != NO_BODY:
        _start_prices(body, given.counts, search.prices)
        steps = newton(body, search, LIMIT)
    _keep_ray(steps, search.prices, ray, given.counts)
    if steps <= 0:
        return False
    primal = take(body, search.prices, found)
    gap = _duals(given, own, t, fastest, found)
    if not (primal <= PROVED and gap <= PROVED):
        return False
    summary = found.summary
    summary[0] = summary[1] = -t if given.age.size > 0 else t
    summary[2], summary[3], summary[4], summary[5] = primal, 0.0, gap, steps
    return True


@compiled
def _find_bottleneck(given: Given, pairs: Pairs, own: Floats, t: float, fastest: Ints) -> bool:
    """Fill in the fastest type of each group that sets the level; False where something is too near."""
    curved = given.age.size > 0
    for i in range(own.shape[0]):
        first, second, third, top = own[i, FIRST], own[i, SECOND], own[i, THIRD], own[i, TOP]
        above = highest_level(curved, first, second, third, top) - t
        if above > APART * abs(t):
            if need(curved, first, second, third, t) >= (1.0 - THIN) * top:
                return False
        else:
            fastest[i] = _fastest_type(given.rate, i, top)
            if above > SAME * abs(t) or fastest[i] < 0:
                return False
    for m in range(pairs.use.size):
        for side in range(2):
            i = pairs.member[m, side]
            if fastest[i] >= 0 and _largest(pairs.rate[m, side]) > (1.0 - APART) * own[i, TOP]:
                return False
    return True


@compiled
def _fastest_type(rate: Floats, i: int, top: float) -> int:
    """The type on which a group reaches ``top``; -1 if there are two, or nearly."""
    fastest = -1
    for j in range(rate.shape[1]):
        if rate[i, j] > (1.0 - APART) * top:
            if fastest >= 0:
                return -1
            fastest = j
    return fastest


@compiled
def _largest(rates: Floats) -> float:
    largest = 0.0
    for j in range(rates.size):
        largest = max(largest, rates[j])
    return largest


# the body ------------------------------------------------------------------------------------


@compiled
def body_of(given: Given, pairs: Pairs, own: Floats, t: float, fastest: Ints) -> Body:
    """Scale the program, and leave out what those that set the level do not use."""
    groups, types = given.rate.shape
    many = groups + pairs.use.size
    body = Body(
        np.empty(many, np.int64),
        np.full(many, groups),
        np.ones(many),
        np.zeros(many),
        np.empty(many),
        np.zeros((many, types)),
        np.zeros((many, types)),
        np.zeros((many, types)),
        np.zeros(groups + 1),
        np.zeros(2 * groups + 2 + types),
        given.workers,
    )
    for j in range(types):
        body.slack[2 * groups + 2 + j] = 1.0
    scale = np.zeros(groups)
    for i in range(groups):
        level = need(given.age.size > 0, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
        body.one[i], body.use[i] = i, given.use[i]
        if fastest[i] >= 0:
            body.weight[i, fastest[i]] = given.counts[i]
            continue
        body.slack[2 * i] = body.slack[2 * i + 1] = SETTINGS.slack_weight * given.counts[i]
        body.need[i] = -1.0
        if level > -math.inf:
            scale[i] = 1.0 / own[i, TOP]
            body.need[i] = level * scale[i]
        for j in range(types):
            body.first[i, j] = given.rate[i, j] * scale[i]
            if body.first[i, j] > 0.0:
                body.weight[i, j] = given.counts[i]
    _add_pairs(body, given.counts, pairs, scale, fastest)
    return body


@compiled
def _add_pairs(body: Body, count: Ints, pairs: Pairs, scale: Floats, fastest: Ints) -> None:
    """Pairs of groups that are not the bottleneck, the smaller first; of one with itself the first side has all."""
    groups, types = count.size, body.workers.size
    for m in range(pairs.use.size):
        n = groups + m
        a, b = 0, 1
        if pairs.member[m, 0] > pairs.member[m, 1]:
            a, b = 1, 0
        one, two = pairs.member[m, a], pairs.member[m, b]
        body.one[n], body.use[n] = one, pairs.use[m]
        if fastest[one] >= 0 or fastest[two] >= 0:
            continue
        body.share[n] = pairs.share[m, a]
        if one == two:
            body.share[n] += pairs.share[m, b]
            weight = max(0.5 * count[one] * (count[one] - 1.0), 1.0)
        else:
            body.two[n], body.other[n] = two, pairs.share[m, b]
            weight = count[one] * count[two]
        for j in range(types):
            first = pairs.share[m, a] * pairs.rate[m, a, j] * scale[one]
            second = pairs.share[m, b] * pairs.rate[m, b, j] * scale[two]
            body.weight[n, j] = weight
            body.first[n, j] = first + second if one == two else first
            body.second[n, j] = 0.0 if one == two else second


@compiled
def room_for(body: Body) -> Search:
    """Room for the search."""
    groups, types = body.need.size - 1, body.workers.size
    rows = 2 * groups + 2 + types
    return Search(
        np.zeros(rows),
        np.zeros(rows),
        np.zeros(body.weight.shape),
        np.zeros(body.weight.shape),
        np.zeros((rows, rows)),
    )


@compiled
def _start_prices(body: Body, counts: Ints, prices: Floats) -> None:
    """Prices at which what is best for a job alone costs about what it is worth, and all else more."""
    groups, types = body.need.size - 1, body.workers.size
    load = np.zeros(groups + 1)
    for n in range(body.one.size):
        total = 0.0
        for j in range(types):
            total += body.weight[n, j]
        part = 1.0 if n < groups else 0.5
        load[body.one[n]] += part * total
        load[body.two[n]] += part * total
    demand, supply = 0.0, body.workers.sum()
    for i in range(groups):
        demand += body.use[i]
        level = 0.0
        if body.slack[2 * i] > 0.0:
            level = PULL * load[i] / (1.0 - body.need[i])
        prices[2 * i], prices[2 * i + 1] = level, level + SPARE * counts[i]
    left = max(1.0 - demand / supply, LEFT)
    for j in range(types):
        prices[2 * groups + 2 + j] = 1.0 / (left * body.workers[j])


# Newton's method -----------------------------------------------------------------------------


@compiled
def newton(body: Body, search: Search, limit: int) -> int:
    """Find the prices of the centre; the number of steps.

    Or 0 where the search ends without, and :data:`NO_BODY` where prices prove that there is none.
    """
    a, step, rows = search.matrix, search.step, search.step.size
    reach, kinds = _reach(body, rows), 2 * body.need.size
    for iteration in range(limit):
        if not _assemble(body, search):
            return 0
        if not eliminate_rows(a, reach, kinds):
            return 0
        solve_rows(a, step, reach, kinds)
        moved, down = _walk(body, search)
        if not math.isfinite(moved):
            return 0
        if _proves_no_body(body, search, down):
            for i in range(rows):
                search.prices[i] = search.prices[i] * down + step[i]
            return NO_BODY
        length = min(1.0, BACK / down) if down > 0.0 else 1.0
        if moved > SURE:
            length = _shortened(body, search, length)
        for i in range(rows):
            search.prices[i] += length * step[i]
        if moved <= STEADY:
            return iteration + 1
    return 0


@compiled
def _reach(body: Body, rows: int) -> Ints:
    """Up to where each row of the Hessian's factor may have more than zeros, beside its last columns, the types.

    Groups of other scale factors form no pairs, and meet in the types alone.
    """
    reach, kinds = np.empty(rows, np.int64), 2 * body.need.size
    for row in range(rows):
        reach[row] = min(row // 2 * 2 + 2, kinds)
    for n in range(body.one.size):
        if body.two[n] < body.need.size - 1:
            first, last = min(body.one[n], body.two[n]), max(body.one[n], body.two[n])
            reach[2 * first] = max(reach[2 * first], 2 * last + 2)
    end = 0
    for row in range(kinds):
        end = max(end, reach[row])
        reach[row] = end
    return reach


@compiled
def _assemble(body: Body, search: Search) -> bool:
    """Costs, Hessian and minus the slope; False where a column costs nothing."""
    a, kinds = search.matrix, 2 * body.need.size
    a[:, :] = 0.0
    if not (_add_slacks(body, search) and _add_columns(body, search)):
        return False
    # rows of nobody, and of levels that one job's time gives
    for row in range(kinds):
        if a[row, row] == 0.0:
            a[row, row] = 1.0
    return True


@compiled
def _add_slacks(body: Body, search: Search) -> bool:
    """Begin with the slacks of all rows; False where one costs nothing."""
    a, step, y = search.matrix, search.step, search.prices
    kinds = 2 * body.need.size
    step[:] = 0.0
    for i in range(body.need.size - 1):
        step[2 * i], step[2 * i + 1] = body.need[i], -1.0
        for row in (2 * i, 2 * i + 1):
            if body.slack[row] > 0.0:
                if not y[row] > 0.0:
                    return False
                slack = body.slack[row] / y[row]
                step[row] += slack
                a[row, row] = slack / y[row]
    for j in range(body.workers.size):
        row = kinds + j
        step[row] = -body.workers[j]
        if body.slack[row] > 0.0:
            if not y[row] > 0.0:
                return False
            step[row] += body.slack[row] / y[row]
            a[row, row] = body.slack[row] / (y[row] * y[row])
    return True


@compiled
def _add_columns(body: Body, search: Search) -> bool:
    """Add what shares at these prices use, and how that would change; False where a column costs nothing."""
    a, step, y, cost = search.matrix, search.step, search.prices, search.cost
    types = body.workers.size
    kinds = 2 * body.need.size
    for n in range(body.one.size):
        u, v, s, o, k = 2 * body.one[n], 2 * body.two[n], body.share[n], body.other[n], body.use[n]
        time = s * y[u + 1] + o * y[v + 1]
        x0 = x1 = x2 = d0 = d1 = d2 = d11 = d12 = d22 = 0.0
        for j in range(types):
            weight = body.weight[n, j]
            if weight == 0.0:
                continue
            r, q = body.first[n, j], body.second[n, j]
            z = time + k * y[kinds + j] - r * y[u] - q * y[v]
            if not z > 0.0:
                return False
            cost[n, j] = z
            x = weight / z
            d = x / z
            x0, x1, x2 = x0 + x, x1 + r * x, x2 + q * x
            d0, d1, d2 = d0 + d, d1 + r * d, d2 + q * d
            d11, d12, d22 = d11 + r * r * d, d12 + r * q * d, d22 + q * q * d
            w = kinds + j
            step[w] += k * x
            a[u, w] -= r * k * d
            a[u + 1, w] += s * k * d
            a[v, w] -= q * k * d
            a[v + 1, w] += o * k * d
            a[w, w] += k * k * d
        step[u] -= x1
        step[u + 1] += s * x0
        step[v] -= x2
        step[v + 1] += o * x0
        a[u, u] += d11
        a[u, u + 1] -= s * d1
        a[u + 1, u + 1] += s * s * d0
        a[v, v] += d22
        a[v, v + 1] -= o * d2
        a[v + 1, v + 1] += o * o * d0
        a[u, v] += d12
        a[u, v + 1] -= o * d1
        a[u + 1, v] -= s * d2
        a[u + 1, v + 1] += s * o * d0
    return True


@compiled
def _walk(body: Body, search: Search) -> tuple[float, float]:
    """What a step of prices changes costs by: the largest change, and the largest fall, relative."""
    y, dy, types = search.prices, search.step, body.workers.size
    kinds = 2 * body.need.size
    moved, down = 0.0, 0.0
    for n in range(body.one.size):
        u, v = 2 * body.one[n], 2 * body.two[n]
        time = body.share[n] * dy[u + 1] + body.other[n] * dy[v + 1]
        for j in range(types):
            if body.weight[n, j] == 0.0:
                continue
            change = time + body.use[n] * dy[kinds + j]
            change -= body.first[n, j] * dy[u] + body.second[n, j] * dy[v]
            search.change[n, j] = change
            part = change / search.cost[n, j]
            moved, down = max(moved, abs(part)), max(down, -part)
    for row in range(y.size):
        if body.slack[row] > 0.0:
            part = dy[row] / y[row]
            moved, down = max(moved, abs(part)), max(down, -part)
    return moved, down


@compiled
def _shortened(body: Body, search: Search, length: float) -> float:
    """The length of a step, or near where the value is least along it if that is not as far."""
    if _slope(body, search, length) <= 0.0:
        return length
    short, far = 0.0, length
    for _ in range(HALVINGS):
        middle = 0.5 * (short + far)
        if _slope(body, search, middle) > 0.0:
            far = middle
        else:
            short = middle
    return 0.5 * (short + far)


@compiled
def _slope(body: Body, search: Search, length: float) -> float:
    """How fast the value rises along the step, that far."""
    y, dy, types = search.prices, search.step, body.workers.size
    kinds = 2 * body.need.size
    slope = 0.0
    for i in range(body.need.size - 1):
        slope += dy[2 * i + 1] - body.need[i] * dy[2 * i]
        for row in (2 * i, 2 * i + 1):
            if body.slack[row] > 0.0:
                slope -= body.slack[row] * dy[row] / (y[row] + length * dy[row])
    for j in range(types):
        row = kinds + j
        rise = body.workers[j] * dy[row]
        if body.slack[row] > 0.0:
            rise -= body.slack[row] * dy[row] / (y[row] + length * dy[row])
        slope += rise
    for n in range(body.one.size):
        for j in range(types):
            if body.weight[n, j] > 0.0:
                change = search.change[n, j]
                slope -= body.weight[n, j] * change / (search.cost[n, j] + length * change)
    return float(slope)


# where there is no body ----------------------------------------------------------------------


@compiled
def _proves_no_body(body: Body, search: Search, down: float) -> bool:
    """Whether prices prove it as far along the step as all costs are positive, one over ``down``."""
    y, dy, kinds = search.prices, search.step, 2 * body.need.size
    worth, size = 0.0, 0.0
    for i in range(body.need.size - 1):
        time = down * y[2 * i + 1] + dy[2 * i + 1]
        worth += time - body.need[i] * (down * y[2 * i] + dy[2 * i])
        size += abs(time)
    for j in range(body.workers.size):
        worth += body.workers[j] * (down * y[kinds + j] + dy[kinds + j])
    return bool(worth < -CLEARLY * size)


@compiled
def _keep_ray(steps: int, prices: Floats, ray: Floats, counts: Ints) -> None:
    """Keep prices that prove that there is no body, those of groups a job."""
    ray[:] = 0.0
    if steps == NO_BODY:
        for row in range(ray.size):
            jobs = counts[row // 2] if row < 2 * counts.size else 1.0
            ray[row] = prices[row] / jobs


@compiled
def _goes_along(body: Body, ray: Floats, counts: Ints, prices: Floats) -> bool:
    """Go far from where the search starts along prices that proved it for another program, if there are any."""
    y, types, kinds = ray.copy(), body.workers.size, 2 * body.need.size
    for row in range(2 * counts.size):
        y[row] = max(y[row] * counts[row // 2], 0.0)
    # raise those of time until no column costs less than nothing
    for n in range(body.one.size):
        u, v = 2 * body.one[n], 2 * body.two[n]
        time, short = body.share[n] * y[u + 1] + body.other[n] * y[v + 1], 0.0
        for j in range(types):
            if body.weight[n, j] > 0.0:
                cost = time + body.use[n] * y[kinds + j]
                short = min(short, cost - body.first[n, j] * y[u] - body.second[n, j] * y[v])
        y[u + 1] -= short / body.share[n]
    along, size = 0.0, 0.0
    for i in range(counts.size):
        along, size = along + y[2 * i + 1], size + prices[2 * i + 1]
    if not (ray[ray.size - 1] > 0.0 and along > 0.0):
        return False
    for row in range(ray.size):
        prices[row] += FAR * size / along * y[row]
    return True


# the answer ----------------------------------------------------------------------------------


@compiled
def take(body: Body, y: Floats, found: Found) -> float:
    """Take the shares, but for pairs that only idle; the largest violation."""
    types, kinds = body.workers.size, 2 * body.need.size
    used, x = np.zeros(y.size), found.x
    for n in range(body.one.size):
        u, v, k = 2 * body.one[n], 2 * body.two[n], body.use[n]
        time = body.share[n] * y[u + 1] + body.other[n] * y[v + 1]
        for j in range(types):
            r, q = body.first[n, j], body.second[n, j]
            x[n, j] = 0.0
            runs = r > 0.0 or q > 0.0 or n < body.need.size - 1
            if body.weight[n, j] > 0.0 and runs:
                x[n, j] = body.weight[n, j] / (time + k * y[kinds + j] - r * y[u] - q * y[v])
                used[u] += r * x[n, j]
                used[v] += q * x[n, j]
                used[u + 1] += body.share[n] * x[n, j]
                used[v + 1] += body.other[n] * x[n, j]
                used[kinds + j] += k * x[n, j]
    primal = 0.0
    for i in range(body.need.size - 1):
        lacks = (body.need[i] - used[2 * i]) / (abs(body.need[i]) + used[2 * i] + 1e-300)
        primal = max(primal, lacks, used[2 * i + 1] - 1.0)
        if body.slack[2 * i] == 0.0:
            primal = max(primal, -lacks)
        if body.slack[2 * i + 1] == 0.0:
            primal = max(primal, 1.0 - used[2 * i + 1])
    for j in range(types):
        over = used[kinds + j] / body.workers[j] - 1.0
        primal = max(primal, over if body.slack[kinds + j] > 0.0 else abs(over))
    return primal


@compiled
def _duals(given: Given, own: Floats, t: float, fastest: Ints, found: Found) -> float:
    """Duals of the jobs that set the level, and the gap that they leave."""
    curved, total, bound, pull = given.age.size > 0, 0.0, 0.0, 0.0
    for i in range(fastest.size):
        found.level_dual[i] = given.counts[i] if fastest[i] >= 0 else 0.0
        if fastest[i] >= 0 and curved:
            level = need(curved, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
            total += given.counts[i] * level * level / own[i, SECOND] * own[i, THIRD]
        elif fastest[i] >= 0:
            total += given.counts[i] * own[i, FIRST]
    for i in range(fastest.size):
        found.level_dual[i] /= total
        bound += found.level_dual[i] * own[i, TOP]
        if fastest[i] >= 0 and curved:
            level = need(curved, own[i, FIRST], own[i, SECOND], own[i, THIRD], t)
            pull += found.level_dual[i] * level
        elif fastest[i] >= 0:
            bound -= found.level_dual[i] * own[i, SECOND]
    for j in range(given.workers.size):
        found.capacity_dual[j] = 0.0
    return relative_gap(1.0, bound / pull, LEVEL_SIZE) if curved else relative_gap(t, bound, 0.0)
