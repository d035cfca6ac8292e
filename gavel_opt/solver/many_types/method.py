"""Programs of one level or of finish times, many worker types and many groups: a path on few columns of each, and the optimum from its face."""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.dense import copy_into
from gavel_opt.solver.blas_threads import one_thread
from gavel_opt.solver.many_types.costs import Duals, costs, least_of_each
from gavel_opt.solver.many_types.equations import ready
from gavel_opt.solver.many_types.face import (
    Face,
    Optimum,
    cannot_reach,
    cheapest,
    optimum_at_cap,
    optimum_of_face,
)
from gavel_opt.solver.many_types.path import CLOSE, Level, Point, near_prices
from gavel_opt.solver.prices.cheapest_mix import Given
from gavel_opt.solver.records import Found

FEW, ROUNDS = 16, 6
"""Columns of each job that are looked at first, and how often others may join."""
GOALS = 1e-8, 1e-10, 1e-12
"""Gaps at which the face is tried."""
TANGENTS, DIGITS = 30, 1 << 33
"""Tangents at most, and how fine the places are where they touch: so near to each other they are the same but for rounding."""
VERY_MANY = 100
"""Types from which on jobs need not run alike for this method."""
SPARE = 1e-9
"""Time and level beyond this part are to spare."""
FIRST, ROUGHLY = 1e-2, 1e-3
"""Gaps at which few columns are looked at for the first time, and at which others may join."""
PAYS = 1e-7
"""A column that costs less by this part of what it earns would pay."""
TIED, SPARE_COLUMNS = 1e-3, 2
"""Columns that cost less than the first part are looked at, and so many more of each job."""


def by_columns(given: Given) -> bool:
    """Whether a program is for this method: of one level, with very many types, or many jobs that run alike.

    Where no two jobs run alike and types are fewer, a search with the prices alone takes less.
    """
    rate = given.rate
    if not given.slope.size:
        return bool(rate.shape[1] >= VERY_MANY and (given.steps > 0.0).all())
    if rate.shape[1] >= VERY_MANY:
        return True
    # jobs that run alike differ by a factor at most
    mark = np.einsum("ij,j->i", rate, np.cos(np.arange(rate.shape[1]))) / rate.max(axis=1)
    return bool(2 * np.unique(np.round(mark, 9)).size <= mark.size)


def solve_level(given: Given, start: Floats, found: Found) -> tuple[bool, bool]:
    """Solve a program of one level, or of finish times, for its canonical optimum.

    Parameters
    ----------
    given, start, found
        As for :func:`~gavel_opt.solver.prices.shortcuts.solve_direct`.

    Returns
    -------
    solved, priced
        Whether there is an answer, and whether all worker types have a price.
    """
    with one_thread(), np.errstate(all="ignore"):  # where there is no such face, numbers run away
        if not given.slope.size:
            return _solve_finish_times(given, start, found)
        return _solve_scaled(given, start, found)


def _solve_scaled(given: Given, start: Floats, found: Found) -> tuple[bool, bool]:
    """The same of a program of one level."""
    scaled = _scaled(given)
    if scaled is None:
        return False, False
    program, highest, scale, unit = scaled
    best, near, steps = _solve(program, highest, start[:-1], float(start[-1]) / unit)
    if best is None:
        return False, False
    _take(best, scale, unit, steps, found)
    if near is not None:
        copy_into(start[:-1], near)
        start[-1] = best.t * unit
    return True, bool((best.price > 0.0).all())


def _solve_finish_times(given: Given, start: Floats, found: Found) -> tuple[bool, bool]:
    """The same of finish times: what jobs need is convex in t, and tangents at the last optimum lead to its own.

    They touch at numbers of few digits, so the answer does not depend on where the first ones did.
    """
    top, (age, steps, isolated) = given.rate.max(axis=1), given[6:9]
    cap = float((-(age + steps / top) / isolated).min())
    if not cap < 0.0:
        return False, False
    t = min(float(start[-1]), cap) if start[0] > 0.0 else cap
    prices, many = start.copy(), 0
    for _ in range(TANGENTS):
        t = _few_digits(t)
        tangents, shift = _tangents(given, t)
        prices[-1] = shift + t
        solved, priced = _solve_scaled(tangents, prices, found)
        if not solved:
            return False, False
        many += int(found.summary[5])
        level = float(found.summary[1]) - shift
        if _few_digits(level) == t:
            copy_into(start[:-1], prices[:-1])
            start[-1] = level
            found.summary[0] = found.summary[1] = -level
            found.summary[5] = many
            return True, priced
        t = min(level, cap)
    return False, False


def _tangents(given: Given, t: float) -> tuple[Given, float]:
    """What jobs need near t, as a program of one level that is larger than t by so much."""
    part = 1.0 / (-t * given.isolated - given.age)
    level = given.steps * part
    slope, shift = level * given.isolated * part, -2.0 * t
    none = np.empty(0)
    return Given(*given[:4], slope, level - slope * (t + shift), none, none, none), shift


def _few_digits(t: float) -> float:
    """A number near t that has so few digits that others as near to it have the same."""
    part, power = math.frexp(t)
    return math.ldexp(round(part * DIGITS) / DIGITS, power)


def settled(given: Given, found: Found) -> Found:
    """Another method's optimum with the bits that :func:`solve_level` gives, worked out from its face; as it is where there is doubt.

    So the answer does not depend on whether the path came to the face.
    """
    level = float(found.summary[1])
    shift, sign = 0.0, 1.0
    if not given.slope.size:
        sign = -1.0
        given, shift = _tangents(given, _few_digits(-level))
    scaled = _scaled(given)
    if scaled is None:
        return found
    program, _, scale, unit = scaled
    x, price = found.x, found.capacity_dual
    idles = x.sum(axis=1) < 1.0 - SPARE
    need = program.floor + (sign * level + shift) / unit
    above = (program.rate * x).sum(axis=1) > need + SPARE * abs(need)
    face = Face((x > 0.0) & (program.rate > 0.0), idles, above, price <= 0.0)
    with one_thread(), np.errstate(all="ignore"):
        best = optimum_of_face(program, face)
    if best is not None:
        _take(best, scale, unit, int(found.summary[5]), found)
        found.summary[:2] = sign * (found.summary[:2] - shift)
    return found


def _scaled(given: Given) -> tuple[Level, Floats, Floats, float] | None:
    """The program with rows of slope 1 and the highest level 1; each job's own, and what rows and level are multiplied by."""
    rate, use, count, workers, slope, floor = given[:6]
    if not (slope.size and (slope > 0.0).all() and (workers > 0.0).all()):
        return None
    highest = (rate.max(axis=1) - floor) / slope
    unit = float(highest.min())
    if not (np.isfinite(highest).all() and unit > 0.0):
        return None
    scale = 1.0 / (slope * unit)
    jobs = rate * scale[:, None], use, count.astype(np.float64), workers, floor * scale
    return Level(*jobs, 1.0), highest / unit, scale, unit


def _take(best: Optimum, scale: Floats, unit: float, steps: int, found: Found) -> None:
    """Take an optimum in the numbers that the program has."""
    found.x[:] = best.x
    copy_into(found.level_dual, best.level_dual * scale * unit)
    copy_into(found.capacity_dual, best.price * unit)
    found.summary[:6] = best.t * unit, best.t * unit, *best.proof, steps


def _solve(
    program: Level, highest: Floats, last: Floats, t: float
) -> tuple[Optimum | None, Floats | None, int]:
    """The optimum, prices near its own, and steps; None if there is no proof of any."""
    rate, use, workers = program.rate, program.use, program.workers
    full = float(use.sum()) > float(workers.sum())
    best, known = None, bool(last[0] > 0.0)
    price = last if known else ((use / rate.max(axis=1))[:, None] * rate).sum(axis=0)
    if not (full and cannot_reach(program, price)):
        best = optimum_at_cap(program, highest)
        if best is not None:
            return best, None, 0
    groups, types = rate.shape
    nobody, everybody = np.zeros(groups, bool), np.ones(groups, bool)
    if full and (rate == rate[:, :1]).all():
        # one speed on all types: all of them are on the face
        face = Face(np.ones(rate.shape, bool), everybody, nobody, np.zeros(types, bool))
        best = optimum_of_face(program, face)
        if best is not None:
            return best, None, 0
    every = np.broadcast_to(np.arange(types), rate.shape)
    point = whole = None
    steps = 0
    if not known:
        whole = Point(program, every)
        steps, _ = whole.follow(FIRST)
        price, t = whole.p, whole.t
    if types >= 2 * FEW:
        point, more = _on_few(program, price, t)
        steps += more
        if point is not None:
            best, more = _at_face(program, highest, point)
            steps += more
    if best is None:
        point = whole or Point(program, every)
        best, more = _at_face(program, highest, point)
        steps += more
    return best, None if point is None else np.maximum(point.p, 1e-12), steps


def _at_face(program: Level, highest: Floats, point: Point) -> tuple[Optimum | None, int]:
    """Go on along the path until what is on the face can be told."""
    steps, groups, rate = 0, program.use.size, program.rate
    for goal in GOALS:
        more, fine = point.follow(goal)
        steps += more
        if point.gap() > CLOSE * (1.0 + abs(point.t)):
            break
        free = point.v > point.p * program.workers**2
        if free.all():
            return optimum_at_cap(program, highest), steps
        on = np.zeros(rate.shape, bool)
        np.put_along_axis(on, point.columns.at, point.x > point.z * groups, 1)
        on &= rate > 0.0
        face = Face(on, point.u > point.q * groups, point.s > point.lam * groups, free)
        best = optimum_of_face(program, face)
        if best is not None or not fine:
            return best, steps
    return None, steps


def _on_few(program: Level, price: Floats, t: float) -> tuple[Point | None, int]:
    """Follow the path on the columns that cost least, until no other would pay; None if that is no use."""
    rate, use = program.rate, program.use
    steps, many, cost = 0, FEW, np.empty(rate.shape)
    kept = rate == rate.max(axis=1)[:, None]
    kept &= kept.sum(axis=1)[:, None] == 1
    for _ in range(ROUNDS):
        near = near_prices(cheapest(program, price, t), t)
        ready(costs, rate, use, near.duals, cost)
        cost[kept] = -1.0
        wanted = int((cost < TIED).sum(axis=1).max()) + SPARE_COLUMNS
        many = max(many, wanted)
        if 2 * many > program.workers.size:
            break
        at = np.empty((use.size, many), np.int64)
        ready(least_of_each, cost, at)
        for start in (near, None):
            point = Point(program, at, start)
            more, fine = point.follow(ROUGHLY)
            steps += more
            if fine:
                break
        for goal, least in ((ROUGHLY, ROUGHLY), (GOALS[0], PAYS)):
            more, fine = point.follow(goal)
            steps += more
            if not fine:
                return None, steps
            ready(costs, rate, use, Duals(point.p, point.lam, point.q), cost)
            pays = cost < -least
            if pays.any():
                break
        else:
            return point, steps
        kept = pays
        kept[np.arange(use.size)[:, None], at] |= point.x > point.z * use.size
        price, t = point.p, point.t
    return None, steps
