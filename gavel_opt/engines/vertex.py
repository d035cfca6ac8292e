r"""The vertex of an allocation program without pairs that a basis names, and its prices, compiled.

A basis says which shares are not zero and which limits are tight: the *mark* of a group has one bit for
each worker type on which it has a share, one if its level row is tight, one if its time is; ``full`` has
one bit for each worker type without a free worker.

A group's level and time are at most two equations in its shares. They give its shares from :math:`t`
and from what is left free of them (a group on two types of which only the level is tight has one
such). What remains are the equations of full worker types and of groups with more equations than
shares (who runs all the time on one type and still holds the level down): as many as there are worker
types, or one more. What they give is a candidate; whether it is an optimum is for its proof to say.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.certificate import prove
from gavel_opt.kernels.dense import solved
from gavel_opt.kernels.jit import compiled

_MOST = 12
"""Equations that may remain."""

_TIGHT = 1e-9


@compiled
def basis_of(
    rate: Floats,
    use: Floats,
    workers: Floats,
    slope: Floats,
    floor: Floats,
    reward: Floats,
    x: Floats,
    t: float,
) -> tuple[Ints, int]:
    """Read the basis off a vertex: marks of groups, shape ``(G,)``, and full worker types."""
    groups, types = rate.shape
    mark, used = np.zeros(groups, np.int64), np.zeros(types)
    for g in range(groups):
        level, time = 0.0, 0.0
        for j in range(types):
            if x[g, j] > 0.0:
                mark[g] |= 1 << j
                level += rate[g, j] * x[g, j]
                time += x[g, j]
                used[j] += use[g] * x[g, j]
        needed = floor[g] + (slope[g] * t if slope[g] > 0.0 else 0.0)
        if needed > -np.inf and abs(level - needed) <= _TIGHT * (abs(level) + abs(floor[g])):
            mark[g] |= 1 << types
        if abs(time - 1.0) <= _TIGHT:
            mark[g] |= 2 << types
    full = 0
    for j in range(types):
        if abs(used[j] - workers[j]) <= _TIGHT * workers[j]:
            full |= 1 << j
    return mark, full


@compiled
def marks_of(
    key: Ints, mark: Ints, price: Floats, keys: Ints, rate: Floats, use: Floats, floor: Floats
) -> Ints:
    """Marks of a program's groups: from before, or a new one's cheapest type at the prices of then.

    None at all, shape ``(0,)``, if too many groups are new for the basis to be any good.
    """
    groups, types = rate.shape
    new = np.empty(groups, np.int64)
    place, came = 0, 0
    for g in range(groups):
        # who stayed stands in the same order as before, mostly
        steps = 0
        while steps < key.size and key[place] != keys[g]:
            place = place + 1 if place + 1 < key.size else 0
            steps += 1
        if steps < key.size:
            new[g] = mark[place]
            continue
        came += 1
        if came > max(4, groups // 8):
            return new[:0]
        best, least = -1, np.inf
        for j in range(types):
            if rate[g, j] > 0.0 and price[j] * use[g] / rate[g, j] < least:
                best, least = j, price[j] * use[g] / rate[g, j]
        new[g] = (1 << best) | (1 << types) if best >= 0 and floor[g] > -np.inf else 0
    return new


@compiled
def vertex(
    rate: Floats,
    use: Floats,
    workers: Floats,
    slope: Floats,
    floor: Floats,
    reward: Floats,
    mark: Ints,
    full: int,
) -> tuple[Floats, Floats, Floats, tuple[float, float, float, float, float]]:
    """Find the vertex of a basis, its prices, and what they prove.

    Parameters
    ----------
    rate, use, workers, slope, floor, reward
        Of the program; ``reward`` with counts, shape ``(G, J)`` or ``(0, J)``.
    mark, full
        The basis.

    Returns
    -------
    x, level_dual, price
        Shapes ``(G, J)``, ``(G,)``, ``(J,)``; what is negative in the prices is given as zero.
    proof
        As :func:`~gavel_opt.kernels.certificate.prove` gives it; infinite residuals where these
        equations have no one solution.
    """
    groups, types = rate.shape
    x, price = np.zeros((groups, types)), np.zeros(types)
    mu, tau = np.zeros(groups), np.zeros(groups)
    nothing = (np.nan, np.nan, np.inf, np.inf, np.inf)
    matrix, given, cost = np.zeros((_MOST, _MOST)), np.zeros(_MOST), np.zeros(_MOST)
    form = np.empty((types, _MOST + 1))
    if types > _MOST:
        return x, mu, price, nothing
    rows, columns = 0, 0
    row_of = np.full(types, -1, np.int64)
    for j in range(types):
        if full >> j & 1:
            given[rows] = workers[j]
            row_of[j] = rows
            rows += 1
    capacities, level = rows, 0
    for g in range(groups):
        if slope[g] > 0.0:
            level = 1
    cost[0], columns = level, level
    for g in range(groups):
        _, _, free, over = _shares(form, rate, slope, floor, g, mark[g], columns)
        if free < 0 or rows + over > _MOST:
            return x, mu, price, nothing
        for j in range(types):
            if mark[g] >> j & 1:
                worth = reward[g, j] if reward.shape[0] else 0.0
                if row_of[j] >= 0:
                    _add(matrix, given, row_of[j], use[g], form[j], columns, free)
                if over:
                    _add(matrix, given, rows, rate[g, j], form[j], columns, free)
                cost[0] += worth * form[j, 1]
                for z in range(max(columns, 1), free):
                    cost[z] += worth * form[j, 1 + z]
        if over:
            given[rows] += floor[g]
            matrix[rows, 0] -= slope[g]
            rows += 1
        columns = free
    if rows != columns:
        return x, mu, price, nothing
    unknown = solved(matrix[:rows, :rows], given[:rows])
    dual = solved(matrix[:rows, :rows].T, cost[:rows])

    for j in range(types):
        if row_of[j] >= 0:
            price[j] = dual[row_of[j]]
    rows, columns = capacities, level
    for g in range(groups):
        first, second, free, over = _shares(form, rate, slope, floor, g, mark[g], columns)
        for j in range(types):
            if mark[g] >> j & 1:
                x[g, j] = form[j, 0]
                if columns > 0:
                    x[g, j] += form[j, 1] * unknown[0]
                for z in range(columns, free):
                    x[g, j] += form[j, 1 + z] * unknown[z]
        columns = free
        if over:
            mu[g] = -dual[rows]
            rows += 1
        if first < 0:
            continue
        spent = use[g] * price[first] - (reward[g, first] if reward.shape[0] else 0.0)
        if second >= 0:
            other = use[g] * price[second] - (reward[g, second] if reward.shape[0] else 0.0)
            mu[g] = (other - spent) / (rate[g, second] - rate[g, first])
            tau[g] = rate[g, first] * mu[g] - spent
        elif mark[g] >> (types + 1) & 1:
            tau[g] = rate[g, first] * mu[g] - spent
        else:
            mu[g] = spent / rate[g, first]
    proof = prove(rate, use, workers, slope, floor, reward, x, mu, price, tau)
    return x, np.maximum(mu, 0.0), np.maximum(price, 0.0), proof


@compiled
def _shares(
    form: Floats, rate: Floats, slope: Floats, floor: Floats, g: int, mark: int, start: int
) -> tuple[int, int, int, int]:
    """Write a group's shares as a constant, a multiple of t and free shares, numbered from ``start``.

    Returns
    -------
    first, second
        Types of the shares that its equations give, or -1.
    free
        Number after its last free share, -1 if its equations contradict each other.
    over
        1 if its level row is left over, else 0.
    """
    types = rate.shape[1]
    level, time = mark >> types & 1, mark >> (types + 1) & 1
    shares = 0
    low, high = -1, -1
    for j in range(types):
        if mark >> j & 1:
            shares += 1
            if low < 0 or rate[g, j] < rate[g, low]:
                low = j
            if high < 0 or rate[g, j] > rate[g, high]:
                high = j
    over = 0
    if level and level + time > shares:
        over, level = 1, 0
    if time > shares or (level and time and low == high):
        return -1, -1, -1, 0
    first, second = -1, -1
    if level and time:
        first, second = low, high
        if not rate[g, high] > rate[g, low]:
            return -1, -1, -1, 0
    elif level or time:
        first = high
        if level and not rate[g, high] > 0.0:
            return -1, -1, -1, 0
    free = start + shares - level - time
    if free > form.shape[1] - 1:
        return -1, -1, -1, 0
    for j in range(types):
        form[j, 0] = form[j, 1] = 0.0
        for z in range(start, free):
            form[j, 1 + z] = 0.0
    z = start
    for j in range(types):
        if mark >> j & 1 and j != first and j != second:
            form[j, 1 + z] = 1.0
            if second >= 0:
                form[second, 1 + z] = -(rate[g, j] - rate[g, low]) / (rate[g, high] - rate[g, low])
                form[first, 1 + z] = -1.0 - form[second, 1 + z]
            elif first >= 0:
                form[first, 1 + z] = -rate[g, j] / rate[g, first] if level else -1.0
            z += 1
    if second >= 0:
        run = rate[g, high] - rate[g, low]
        form[second, 0] = (floor[g] - rate[g, low]) / run
        form[second, 1] += slope[g] / run
        form[first, 0] = 1.0 - form[second, 0]
        form[first, 1] -= slope[g] / run
    elif level:
        form[first, 0] = floor[g] / rate[g, first]
        form[first, 1] += slope[g] / rate[g, first]
    elif time:
        form[first, 0] = 1.0
    return first, second, free, over


@compiled
def _add(
    matrix: Floats, given: Floats, row: int, factor: float, form: Floats, start: int, end: int
) -> None:
    given[row] -= factor * form[0]
    matrix[row, 0] += factor * form[1]
    for z in range(max(start, 1), end):
        matrix[row, z] += factor * form[1 + z]
