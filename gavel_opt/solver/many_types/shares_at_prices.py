r"""What jobs do at prices of workers, compiled: each maximises its own part of a centre, job by job.

A job's part is :math:`w (\sum_j \log x_j + \omega \log s + \omega \log u) - k p x` with :math:`r x - s = F` and
:math:`\sum x + u = 1`. With duals :math:`\lambda, q` of its rows :math:`x_j = w / (k p_j + q - \lambda r_j)`: two unknowns a
job, found by Newton's method.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.settings import SETTINGS

NOBODY = 1e300
"""Cost of a type on which a job does not run: its share is zero but for rounding."""
LAM, Q, MEAN, TIME, LEVEL = range(5)
"""Of each job: duals of level and time; mean rate, and the matrices of both rows about it."""
PASSES = 60
BACK, NEAR = 0.9, 0.05
HASTY = 0.01
"""Decrements below which a whole step is taken."""


class Jobs(NamedTuple):
    """Jobs at a centre.

    Attributes
    ----------
    rate, runs
        Rates, and on which types a job runs, ``(G, J)``.
    use, jobs, needs
        Workers that a job takes, how many it stands for, and levels, ``(G,)``.
    free
        Whether it may be above its level and idle; the others run all of the time, whatever their level is.
    """

    rate: Floats
    runs: Bools
    use: Floats
    jobs: Floats
    needs: Floats
    free: Bools


class Own(NamedTuple):
    """One job: its rates, their costs, shares, numbers (:data:`LAM` to :data:`LEVEL`), and what it is."""

    rate: Floats
    cost: Floats
    x: Floats
    of: Floats
    jobs: float
    need: float
    free: bool


class Centre(NamedTuple):
    """Shares ``(G, J)``, numbers of each job ``(G, 5)``, and room for costs, shares and changes of one, ``(3, J)``."""

    x: Floats
    of: Floats
    room: Floats


@compiled
def settle(jobs: Jobs, price: Floats, change: Floats, enough: float, at: Centre) -> None:
    """Shares of all jobs at prices that changed by so much, each within ``enough`` of the best, by its decrement."""
    cost, new, costs_more = at.room[0], at.room[1], at.room[2]
    for i in range(at.x.shape[0]):
        use, x, of = jobs.use[i], at.x[i], at.of[i]
        for j in range(price.size):
            cost[j] = use * price[j] if jobs.runs[i, j] else NOBODY
            costs_more[j] = use * change[j]
        own = Own(jobs.rate[i], cost, x, of, jobs.jobs[i], jobs.needs[i], jobs.free[i])
        if not (of[TIME] > 0.0 and _follow(own, costs_more)):
            _begin(own)
        _settle_one(own, enough, new)


@compiled
def settle_few(jobs: Jobs, at: Ints, price: Floats, enough: float, centre: Centre) -> None:
    """The same on the types ``at`` of each job, ``(G, K)``, from duals with which all shares are positive."""
    cost, new = centre.room[0], centre.room[1]
    for i in range(at.shape[0]):
        for k in range(at.shape[1]):
            cost[k] = jobs.use[i] * price[at[i, k]]
        job = jobs.rate[i], cost, centre.x[i], centre.of[i]
        own = Own(job[0], job[1], job[2], job[3], jobs.jobs[i], jobs.needs[i], jobs.free[i])
        _settle_one(own, enough, new)


@compiled
def _begin(own: Own) -> None:
    """Duals with which all shares are positive.

    That of level is what it is with as much to spare as the fastest type gives: with no more than the need, rates that
    are many times as large would leave nothing of the costs but rounding.
    """
    rate, cost, _, of, count, _, free = own
    top, many = 0.0, 0.0
    for j in range(cost.size):
        if cost[j] < NOBODY:
            top, many = max(top, rate[j]), many + 1.0
    lam, lowest = (SETTINGS.slack_weight * count / top if free else 0.0), math.inf
    for j in range(cost.size):
        lowest = min(lowest, cost[j] - lam * rate[j])
    of[LAM], of[Q], of[MEAN] = lam, count * many + max(-lowest, 0.0), 0.0


@compiled
def _follow(own: Own, costs_more: Floats) -> bool:
    """Change the duals with the costs, as much as shares allow; whether they do."""
    rate, cost, x, of, count, _, free = own
    time, level, mean = 0.0, 0.0, of[MEAN]
    for j in range(x.size):
        falls = x[j] * x[j] * costs_more[j]
        time += falls
        level += falls * (rate[j] - mean)
    lam = level / count / of[LEVEL] if free else 0.0
    q = mean * lam - time / count / of[TIME]
    part, least = 1.0, NEAR * count
    while part > 1e-3:
        to_lam, to_q = of[LAM] + part * lam, of[Q] + part * q
        if not free or (to_lam > NEAR * of[LAM] and to_q > NEAR * of[Q]):
            short = 0
            for j in range(x.size):
                short += (cost[j] + to_q - to_lam * rate[j]) * x[j] < least
            if short == 0:
                of[LAM], of[Q] = to_lam, to_q
                return True
        part *= 0.5
    return False


@compiled
def _settle_one(own: Own, enough: float, new: Floats) -> None:
    """One job's duals and shares at its costs."""
    _, _, x, of, count, need, free = own
    slack = SETTINGS.slack_weight * count
    lam, q, part, before = 0.0, 0.0, 0.0, math.inf
    for _ in range(PASSES):
        total, above, time, mixed, level = _sums(own, new)
        u, s = (slack / of[Q], slack / of[LAM]) if free else (0.0, 0.0)
        mean = of[MEAN]
        d_u, d_s = u * u / slack, s * s / slack
        off = (mixed - d_u * mean) / (time + d_u)
        missing = 1.0 - total - u
        lacks = need - above - mean * total + s
        if lam * lacks - q * missing < -0.5 * before and part > 1e-3:
            # the best on this line is behind: half of the way back
            part *= 0.5
            of[LAM] -= part * lam
            of[Q] -= part * q
            continue
        of[MEAN], of[TIME] = mean + off, time + d_u
        of[LEVEL] = level + d_u * mean * mean + d_s - of[TIME] * off * off
        mean += off
        lam = (lacks - mean * missing) / of[LEVEL] if free else 0.0
        q = mean * lam - missing / of[TIME]
        before = lam * lacks - q * missing if free else -q * missing
        if before <= enough * count:
            break
        part = _length(own, lam, q, new) if before > HASTY * count else 1.0
        of[LAM] += part * lam
        of[Q] += part * q
    for j in range(x.size):
        x[j] = new[j]


@compiled
def _sums(own: Own, new: Floats) -> tuple[float, float, float, float, float]:
    """Shares, and sums of them and of their squares by rates about the mean."""
    rate, cost, _, of, count, _, _ = own
    lam, q, mean = of[LAM], of[Q], of[MEAN]
    for j in range(new.size):
        new[j] = count / (cost[j] + q - lam * rate[j])
    total, above, time, mixed, level = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(new.size):
        x = new[j]
        off = (rate[j] - mean) * x
        total += x
        above += off
        time += x * x
        mixed += x * off
        level += off * off
    return total, above, time / count, mixed / count, level / count


@compiled
def _length(own: Own, lam: float, q: float, new: Floats) -> float:
    """How much of a step leaves shares and slacks positive."""
    rate, _, _, of, count, _, free = own
    down = 0.0
    for j in range(new.size):
        down = max(down, (lam * rate[j] - q) * new[j])
    down /= count
    if free:
        down = max(down, -q / of[Q], -lam / of[LAM])
    return BACK / down if down > BACK else 1.0


@compiled
def eliminate(jobs: Jobs, at: Centre, factors: Floats, sums: Floats) -> None:
    """Workers used, the diagonal of the equations in prices, ``(2, J)``, and factors of what they are less, ``(2, G, J)``."""
    sums[:, :] = 0.0
    for i in range(at.x.shape[0]):
        rate, x, use, of = jobs.rate[i], at.x[i], jobs.use[i], at.of[i]
        one, two, used, own = factors[0, i], factors[1, i], sums[0], sums[1]
        part, mean = use / jobs.jobs[i], of[MEAN]
        first = part / math.sqrt(of[LEVEL]) if jobs.free[i] else 0.0
        second = part / math.sqrt(of[TIME])
        for j in range(x.size):
            d = x[j] * x[j]
            one[j] = first * d * (rate[j] - mean)
            two[j] = second * d
        for j in range(x.size):
            used[j] += use * x[j]
            own[j] += use * part * x[j] * x[j]
