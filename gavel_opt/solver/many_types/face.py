r"""The optimum of a program of many worker types from its face alone, with its proof.

The face says on which types a job runs in some optimum, whether it idles or is above its level there, and which types
have no price. From it follow the prices, at right angles to all ties, the level that the workers are worth at these, the shares
of jobs with two points, and the centre of the mixes of the others (:mod:`~gavel_opt.solver.prices.recovery` has the
same for few types). All is checked with room to spare, so that a face with this property is the only one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.gap import LEVEL_SIZE, relative_gap
from gavel_opt.solver.many_types.centre import Body, centre
from gavel_opt.solver.many_types.centre_with_room import centre_with_room
from gavel_opt.solver.many_types.costs import Duals, cheapest_mixes, is_face
from gavel_opt.solver.many_types.equations import ready, rows_of
from gavel_opt.solver.many_types.path import Level
from gavel_opt.solver.many_types.shares_at_prices import Jobs

TIED, APART = 1e-11, 1e-9
"""Costs below the first part of their size are none, above the second they are some; between them there is doubt."""
LEAST = 1e-10
"""A share worth less than this part of all workers may be zero."""
PROVED = 1e-10
SAME = 1e-12
THIN = 1e-4
"""A job that does not decide the level but has less room than this makes a body too thin."""
SHORT = 1e-9
"""Levels that cost this part more than all workers are worth cannot be reached."""
REFINEMENTS = 4
ALIKE = 1 << 31
"""Ties of the same points whose parts are within one part of this are one."""


class Face(NamedTuple):
    """A face.

    Attributes
    ----------
    on
        Types on which each job runs, shape ``(G, J)``.
    idles, above
        Jobs that may be idle, and above their level, ``(G,)``.
    free
        Types of which workers may be left over, ``(J,)``.
    """

    on: Bools
    idles: Bools
    above: Bools
    free: Bools


class Optimum(NamedTuple):
    """Shares, duals of levels and capacities, level, primal and dual residual and gap."""

    x: Floats
    level_dual: Floats
    price: Floats
    t: float
    proof: tuple[float, float, float]


class _Ends(NamedTuple):
    """Slowest and fastest point of each job: type, rate; the slowest is idle (type 0, rate 0) where a job may be."""

    slow: Ints
    fast: Ints
    slow_rate: Floats
    fast_rate: Floats


def optimum_of_face(program: Level, face: Face) -> Optimum | None:
    """The centre of a face with prices, proven; None if there is doubt."""
    on, idles, above, free = face
    points = on.sum(axis=1) + idles
    if (above & ~idles).any() or above.all() or free.all() or (points < 2).any():
        return None
    ends = _ends(program.rate, face)
    price = _prices(program, face, ends)
    if price is None:
        return None
    known = _level_and_duals(program, face, ends, price)
    if known is None:
        return None
    t, lam, price = known
    need = program.floor + t
    x = _shares(program, face, ends, need, price)
    if x is None:
        return None
    proof = _proof(program, x, t, lam, price)
    return Optimum(x, lam, price, t, proof) if max(proof) <= PROVED else None


def _ends(rate: Floats, face: Face) -> _Ends:
    place = np.arange(rate.shape[0])
    fast = np.where(face.on, rate, -np.inf).argmax(axis=1)
    slow = np.where(face.on, rate, np.inf).argmin(axis=1)
    return _Ends(slow, fast, np.where(face.idles, 0.0, rate[place, slow]), rate[place, fast])


def _prices(program: Level, face: Face, ends: _Ends) -> Floats | None:
    """Prices at right angles to all ties; None if these are not the only ones, or not positive."""
    types = program.workers.size
    job, third = np.nonzero(face.on & (np.arange(types) != ends.fast[:, None]))
    tied = (face.idles[job] | (third != ends.slow[job])) & ~face.above[job]
    job, third = job[tied], third[tied]
    if not (ends.fast_rate > ends.slow_rate).all():
        return None
    reach = (ends.fast_rate - ends.slow_rate)[job]
    part = (program.rate[job, third] - ends.slow_rate[job]) / reach
    slow = np.where(face.idles, types, ends.slow)
    job, third, part = _different(job, third, part, ends.fast, slow)
    row = np.arange(job.size)
    table = np.zeros((job.size, types + 1))
    table[row, third] = 1.0
    np.add.at(table, (row, ends.fast[job]), -part)
    np.add.at(table, (row, slow[job]), part - 1.0)
    priced = np.flatnonzero(~face.free)
    solved = _null_vector(table[:, priced])
    if solved is None or not (solved > 0.0).all():
        return None
    price = np.zeros(types)
    price[priced] = solved
    return price


def _different(
    job: Ints, third: Ints, part: Floats, fast: Ints, slow: Ints
) -> tuple[Ints, Ints, Floats]:
    """Of ties that say the same, as those of jobs that run alike, the first."""
    base = int(max(slow.max(), fast.max(), third.max(initial=0))) + 1
    key = ((third * base + fast[job]) * base + slow[job]) * (2 * ALIKE)
    key += np.rint(part * ALIKE).astype(np.int64)
    first = np.unique(key, return_index=True)[1]
    first.sort()
    return job[first], third[first], part[first]


def _null_vector(table: Floats) -> Floats | None:
    """What is at right angles to all rows, with 1 at first; None if that is not the only one."""
    ties, types = table.shape
    if ties < types - 1:
        return None
    a, b = np.ascontiguousarray(table[:, 1:]), -table[:, 0]
    solved = np.zeros(types - 1)
    if types > 1:
        factor, failed = lapack.dpotrf(a.T @ a, lower=1)
        if failed:
            return None
        for _ in range(REFINEMENTS):
            solved += lapack.dpotrs(factor, a.T @ (b - a @ solved), lower=1)[0]
    return np.concatenate([np.ones(1), solved])


def _level_and_duals(
    program: Level, face: Face, ends: _Ends, price: Floats
) -> tuple[float, Floats, Floats] | None:
    """The level, the duals of levels, and prices for a unit of it; None if what is on the face is in doubt."""
    rate, use, workers = program.rate, program.use, program.workers
    above, idles = face.above, face.idles
    slow_price = np.where(idles, 0.0, price[ends.slow])
    rise = (price[ends.fast] - slow_price) / (ends.fast_rate - ends.slow_rate)
    lam = np.where(above, 0.0, use * rise)
    start = np.where(above, 0.0, use * (slow_price - ends.slow_rate * rise))
    total = float(lam.sum())
    t = float((price @ workers - start.sum() - lam @ program.floor) / total)
    if not t < program.cap:
        return None
    price, lam = price / total, lam / total
    if (price * workers < APART * (price @ workers))[~face.free].any():
        return None
    duals = Duals(price, lam, start / total)
    if not ready(is_face, face.on, rate, use, duals, (TIED, APART)):
        return None
    # idling, or a level that is not above, costs something where it is not on the face
    if (~idles & (-start <= APART * use * price[ends.fast] * total)).any():
        return None
    if (lam <= 0.0)[~above].any():
        return None
    need = program.floor + t
    room = abs(program.floor) + abs(t)
    low = need - ends.slow_rate < APART * (room + ends.slow_rate)
    high = ends.fast_rate - need < APART * (room + ends.fast_rate)
    return None if (high | (low & ~above)).any() else (t, lam, price)


def _shares(program: Level, face: Face, ends: _Ends, need: Floats, price: Floats) -> Floats | None:
    """Shares of jobs with two points, and the centre of what the others do with the workers that are left."""
    rate, use, workers = program.rate, program.use, program.workers
    on, idles, above, free = face
    x = np.zeros(rate.shape)
    mixes = (on.sum(axis=1) + idles > 2) | above
    alone, some = np.flatnonzero(~mixes), np.flatnonzero(mixes)
    part = (need - ends.slow_rate) / (ends.fast_rate - ends.slow_rate)
    x[alone, ends.fast[alone]] = part[alone]
    two = alone[~idles[alone]]
    x[two, ends.slow[two]] = 1.0 - part[two]
    if not some.size:
        return x
    most = int(on[some].sum(axis=1).max())
    if 2 * most > workers.size:
        at = np.broadcast_to(np.arange(workers.size), (some.size, workers.size))
    else:
        at = np.sort(np.argsort(~on[some], axis=1, kind="stable")[:, :most], axis=1)
    held = ~np.take_along_axis(on[some], at, 1)
    main = int(np.where(free, -1.0, price).argmax())
    jobs = rate[some], use[some], program.count[some], need[some]
    body = Body(
        *jobs, at, held, above[some], idles[some], np.ones(some.size, bool),
        workers - use @ x, free, main,
    )  # fmt: skip
    shares, steps = centre(body)
    dear = np.take_along_axis(use[some, None] * price, at, 1)
    dear = np.where(free[at], use[some, None] * price[ends.fast[some], None], dear)
    if (
        steps == 0
        or not ((shares * dear > LEAST * (price @ workers)) | held | above[some, None]).all()
    ):
        return None
    mixed = np.zeros((some.size, workers.size))
    np.put_along_axis(mixed, at, shares, 1)
    x[some] = mixed
    return x


def _proof(
    program: Level, x: Floats, t: float, lam: Floats, price: Floats
) -> tuple[float, float, float]:
    """Primal and dual residual, and the gap to what the duals bound the level by."""
    rate, use, workers = program.rate, program.use, program.workers
    need, got = program.floor + t, rows_of(rate, x)
    short = (need - got) / (abs(need) + got)
    over = (use @ x - workers) / workers
    primal = max(0.0, short.max(), x.sum(axis=1).max() - 1.0, over.max(), -x.min())
    earns = lam[:, None] * rate
    earns -= use[:, None] * price
    worth = float(price @ workers)
    bound = worth + np.maximum(earns.max(axis=1), 0.0).sum() - lam @ program.floor
    gap = relative_gap(t, float(bound), LEVEL_SIZE * worth)
    return float(primal), abs(1.0 - float(lam.sum())), gap


def cannot_reach(program: Level, price: Floats) -> bool:
    """Whether the highest level of all costs more at these prices than the workers are worth."""
    _, lam, q = cheapest(program, price, program.cap)
    cost = float(lam @ (program.floor + program.cap) - q.sum())
    return cost > (1.0 + SHORT) * float(price @ program.workers)


def cheapest(program: Level, price: Floats, t: float) -> Duals:
    """What a unit of each job's level at t costs at these prices, and a unit of its time."""
    duals = Duals(price, np.empty_like(program.use), np.empty_like(program.use))
    ready(cheapest_mixes, program.rate, program.use, program.floor + t, duals)
    return duals


def optimum_at_cap(program: Level, highest: Floats) -> Optimum | None:
    """The centre where jobs decide the level by being run all of the time; None if there is doubt.

    Parameters
    ----------
    highest
        The level that each job can reach, at least the program's ``cap``.
    """
    rate, cap = program.rate, program.cap
    above = highest - cap > APART * cap
    decide = ~above
    if (highest - cap > SAME * cap)[decide].any():
        return None
    top = rate.max(axis=1)
    fastest = rate == top[:, None]
    if (~fastest & (rate > (1.0 - APART) * top[:, None]))[decide].any():
        return None
    need = program.floor + cap
    # jobs that need all of their time on one type are known, and may leave nothing there for others
    known = decide & (fastest.sum(axis=1) == 1)
    x = np.where(known[:, None] & fastest, 1.0, 0.0)
    left = program.workers - program.use @ x
    taken = left <= SAME * program.workers
    if (left < -SAME * program.workers).any():
        return None
    runs = np.where(decide[:, None], fastest, rate > 0.0) & ~taken
    some = np.flatnonzero(~known)
    if (need >= (1.0 - THIN) * (rate * runs).max(axis=1))[above].any():
        return None
    if not runs[some].any(axis=1).all():
        return None
    slack = above[some]
    own = rate[some], program.use[some], program.count[some], need[some]
    jobs = Jobs(own[0], runs[some], *own[1:], slack)
    left = np.where(taken, 1.0, left)  # of those nobody runs on
    x[some], steps = centre_with_room(jobs, left, lambda price: cannot_reach(program, price))
    if steps < 0:
        every = np.broadcast_to(np.arange(rate.shape[1]), own[0].shape)
        body = Body(*own, every, ~runs[some], slack, slack, slack, left, ~taken, -1)
        x[some], steps = centre(
            body, lambda price: bool(price.min() > 0.0) and cannot_reach(program, price)
        )
    if steps == 0:
        return None
    lam = np.where(decide, program.count, 0.0)
    lam = lam / lam.sum()
    price = np.zeros(rate.shape[1])
    proof = _proof(program, x, cap, lam, price)
    return Optimum(x, lam, price, cap, proof) if max(proof) <= PROVED else None
