"""Water filling of jobs that share as one, from the jobs to their shares in one compiled call; and max-min fairness.

What :mod:`gavel_opt.policies.water_filling` does with programs, in the same order of operations and by the same solver,
and so with the same bits: how levels rise (:mod:`gavel_opt.policies.rising_levels`) where all rise alike, and what of
them can be had at once. Max-min fairness is the first of its questions, and nothing else: here it has an answer where
:mod:`gavel_opt.solver.max_min` leaves it open, at the price of more code to read.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.dense import copy_into, dot
from gavel_opt.kernels.groups import sorted_rows
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.job_columns import NO_PAST
from gavel_opt.kernels.max_min_rows import (
    CROWDED,
    EXACT,
    FAR,
    FIRM,
    MARKED,
    MET,
    MOST,
    NEARLY,
    NOISE,
    PATIENCE,
    ROUNDING,
    SAME,
    STILL,
    UNSURE,
)
from gavel_opt.kernels.records import by_reference
from gavel_opt.model.cluster_state import StandingState
from gavel_opt.solver.interior_point.method import solve_program
from gavel_opt.solver.max_min import columns_of, fairness_given
from gavel_opt.solver.memory import Memory
from gavel_opt.solver.one_step import Terms, standing_task
from gavel_opt.solver.prices.cheapest_mix import Given
from gavel_opt.solver.prices.levels_in_stages import (
    NOTHING,
    SHARES,
    all_stop_at_first,
    crowd,
    levels_in_stages,
    no_levels,
)
from gavel_opt.solver.prices.markets import Columns
from gavel_opt.solver.prices.shortcuts import BOTTLENECK, DOUBT, PRICED, solve_direct
from gavel_opt.solver.prices.types_as_one import types_apart
from gavel_opt.solver.records import Found, Tables
from gavel_opt.solver.tables import room_for_tables
from gavel_opt.solver.task import Task


@by_reference
class FillTask(NamedTuple):
    """What there is to do.

    Attributes
    ----------
    task
        The jobs and their program.
    room, blank
        Tables of the interior point method with room for a group a job, and with a record of zeros each.
    once
        Whether max-min fairness is all that is wanted, shape ``(1,)``.
    """

    task: Task
    room: Tables
    blank: Tables
    once: Ints


def fill_task(state: StandingState, terms: Terms, memory: Memory, once: bool) -> FillTask:
    """A task with the jobs that are there when it is carried out."""
    types = state.workers.size
    room, blank = (room_for_tables(jobs, types) for jobs in (len(state.jobs.key), 1))
    return FillTask(
        standing_task(state, NO_PAST, terms, memory), room, blank, np.array([once], np.int64)
    )


class Rise(NamedTuple):
    """How levels rise while nothing but a group's own limit stops it.

    Attributes
    ----------
    level, limit
        At time 0 and in the end, shape ``(G,)``.
    member
        Groups that rise, in the order in which they come to their limits, shape ``(m,)``.
    knots, heights
        Time 0 and the times at which these do, and how high all that rise stand then, shape ``(m + 1,)``.
    times
        Those times, each once; empty if they are in no order.
    """

    level: Floats
    limit: Floats
    member: Ints
    knots: Floats
    heights: Floats
    times: Floats


class Filling(NamedTuple):
    """Where water filling stands.

    Attributes
    ----------
    limit, cost
        Of each group: largest level, by its own limit and on the worker types that are left to it, and weight of all
        its jobs, shape ``(G,)``.
    level, done, asked
        Levels, whether they are final, and the levels last asked for.
    held
        What was in question of the levels last asked for, shape ``(G,)``.
    price, workers, part
        Multipliers of the levels that could not be had, last, of the worker types then, shape ``(J,)``, and the part
        that could, and how much was in question of levels of those who do not rise, ``(2,)``.
    """

    limit: Floats
    cost: Floats
    level: Floats
    done: Ints
    asked: Floats
    held: Floats
    price: Floats
    workers: Floats
    part: Floats


@compiled
def filled_shares(fill: FillTask) -> int:
    """Group the jobs, raise their levels and hand out the shares.

    Returns 0 unless every program on the way gave a proven optimum, or where max-min fairness has none to start from.
    """
    task = fill.task
    rates = task.alone, task.workers
    of_job, first, given = fairness_given(columns_of(task), rates, task.terms)
    groups, types = given.rate.shape
    if groups == 0:
        return 0
    proof, shares = task.jobs.proof, task.jobs.shares
    for k in range(proof.size):
        proof[k] = 0.0
    found = Found(np.empty((groups, types)), np.empty(groups), np.empty(types), np.empty(6))
    filling = _begin(given, first, task)
    if fill.once[0]:
        proven = _ask(filling, given, found, fill)
    else:
        times = crowd(_columns(given))
        at_once = 1.0 < times <= CROWDED and _all_at_first(given, found, fill)
        at_once = at_once or (times <= CROWDED and _in_stages(filling, given, found, fill))
        proven = at_once or _fill(_begin(given, first, task), given, found, fill)
    if not proven:
        return 0
    for job in range(of_job.size):
        for j in range(types):
            shares[job, j] = min(max(found.x[of_job[job], j], 0.0), 1.0)
    return 1


@compiled
def _begin(given: Given, first: Ints, task: Task) -> Filling:
    """Levels of zero."""
    groups, types = given.rate.shape
    limit, cost = np.empty(groups), np.empty(groups)
    for g in range(groups):
        limit[g] = given.rate[g, 0]
        for j in range(1, types):
            limit[g] = max(limit[g], given.rate[g, j])
        cost[g] = task.jobs.weight[first[g]] * given.counts[g]
    level, done, price = np.zeros(groups), np.zeros(groups, np.int64), np.zeros(groups)
    asked, held, part = np.ones(groups), np.ones(groups), np.zeros(2)
    part[1] = 1.0
    return Filling(limit, cost, level, done, asked, held, price, np.zeros(types), part)


@compiled
def _columns(given: Given) -> Columns:
    return Columns(given.rate, given.use, given.counts, given.workers)


@compiled
def _all_at_first(given: Given, found: Found, fill: FillTask) -> bool:
    """Whether workers stop all jobs together, as is soon known from the last prices; levels, and shares that reach them."""
    columns, (groups, types) = _columns(given), given.rate.shape
    if types_apart(columns).columns.workers.size < types:
        return False  # shares are those of the program that asks for the levels
    levels = no_levels(groups, types)
    if not all_stop_at_first(columns, fill.task.start, levels):
        return False
    for g in range(groups):
        copy_into(found.x[g], levels.x[g])
    return _is_proven(levels.proof, fill.task)


@compiled
def _stop_first(filling: Filling, given: Given, found: Found) -> int:
    """Stop those who pay where all had risen alike; how many are left, -1 without prices."""
    for g in range(filling.level.size):
        filling.level[g] = min(filling.asked[g] * found.summary[1], filling.limit[g])
        filling.price[g] = found.level_dual[g]
    copy_into(filling.workers, found.capacity_dual)
    return int(_stop(np.ones(filling.level.size, np.int64), filling, given, found.summary[1]))


@compiled
def _in_stages(filling: Filling, given: Given, found: Found, fill: FillTask) -> bool:
    """Find all levels by prices of types, and shares that reach them; whether that is certain."""
    groups, types = given.rate.shape
    levels = no_levels(groups, types)
    outcome = levels_in_stages(_columns(given), levels)
    if outcome == SHARES:
        for g in range(groups):
            copy_into(found.x[g], levels.x[g])
        return _is_proven(levels.proof, fill.task)
    if outcome == NOTHING:
        return False
    copy_into(filling.asked, levels.level)
    copy_into(filling.held, levels.level)
    if not _ask(filling, given, found, fill):
        return False
    error = max(found.summary[2], found.summary[3], found.summary[4])
    return bool(found.summary[1] >= 1.0 - MET - UNSURE * error)


@compiled
def _is_proven(parts: Floats, task: Task) -> bool:
    """Count a program and keep the worst of its certificate; whether that will do."""
    proof, good = task.jobs.proof, True
    proof[3] += 1.0
    for k in range(3):
        proof[k] = max(proof[k], parts[k])
        good = good and parts[k] <= task.terms[0].tolerance
    return good


@compiled
def _fill(filling: Filling, given: Given, found: Found, fill: FillTask) -> bool:
    """Find the levels of all groups, and shares that reach them; whether all was proven."""
    groups = filling.level.size
    level, asked = filling.level, filling.asked
    times, left = crowd(_columns(given)), groups
    if times > 1.0:  # what rises first is asked for as if there were no limits: all alike
        if not _ask(filling, given, found, fill):
            return False
        left = _stop_first(filling, given, found)
        if left > 0 and times > CROWDED and _in_stages(filling, given, found, fill):
            return True
    for _ in range(groups + PATIENCE):
        if left <= 0:
            return left == 0
        rise = _rise_from(filling)
        if rise.times.size < 2:
            return False
        outcome, time = _climb(rise, filling, given, found, fill)
        if outcome == LOST:
            return False
        copy_into(level, asked)
        if outcome == REACHED:
            return True
        rises = np.zeros(groups, np.int64)
        for k in range(rise.member.size):
            rises[rise.member[k]] = int(time <= rise.knots[k + 1])
        left = _stop(rises, filling, given, found.summary[1])
    return True


LOST, REACHED, SHORT = range(3)
"""A program was not proven; all levels asked for can be had; they cannot."""


@compiled
def _climb(
    rise: Rise, filling: Filling, given: Given, found: Found, fill: FillTask
) -> tuple[int, float]:
    """Ask for the time at which workers stop somebody: an outcome, and the time."""
    time, outcome = rise.times[rise.times.size - 1], REACHED
    fell, firm = math.inf, 1.0
    filling.part[1] = 1.0
    for turn in range(MOST):
        _levels_at(time, rise, filling.asked)
        _hold(time, rise, firm, filling)
        if not _ask(filling, given, found, fill):
            return LOST, time
        part = found.summary[1]
        still = turn >= PATIENCE and fell <= STILL * time
        error = max(found.summary[2], found.summary[3], found.summary[4])
        missing = MET + (1.0 / firm - 1.0) * EXACT + UNSURE * error
        if part >= 1.0 - (NEARLY if still else missing):
            break
        if firm > FIRM and _are_far(time, rise, filling.asked, found.level_dual):
            firm = filling.part[1] = FIRM
            continue
        outcome = SHORT
        copy_into(filling.price, found.level_dual)
        copy_into(filling.workers, found.capacity_dual)
        filling.part[0] = part
        if firm == 1.0:
            worth = part * dot(filling.price, filling.asked)
        else:
            worth = dot(filling.price, filling.asked)
            worth -= (1.0 - part) * dot(filling.price, filling.held)
        earlier = _when(rise, filling.price, worth, time)
        if not earlier < time:
            break
        fell = time - earlier
        time = earlier
    return outcome, time


@compiled
def _hold(time: float, rise: Rise, firm: float, filling: Filling) -> None:
    """Put no more than a part of the levels of those who do not rise at a time in question."""
    copy_into(filling.held, filling.asked)
    if firm == 1.0:
        return
    for g in range(filling.held.size):
        filling.held[g] = firm * filling.asked[g]
    for k in range(rise.member.size):
        if time <= rise.knots[k + 1]:
            filling.held[rise.member[k]] = filling.asked[rise.member[k]]


@compiled
def _are_far(time: float, rise: Rise, asked: Floats, price: Floats) -> bool:
    """Whether levels of those who rise are worth next to nothing beside those of all others."""
    worth, of_rising = np.zeros(asked.size), 0.0
    for k in range(rise.member.size):
        if time <= rise.knots[k + 1]:
            worth[rise.member[k]] = price[rise.member[k]] * asked[rise.member[k]]
    for g in range(asked.size):
        of_rising += worth[g]
    of_all = dot(price, asked)
    return bool(NOISE * of_all < of_rising < FAR * of_all)


@compiled
def _stop(rises: Ints, filling: Filling, given: Given, had: float) -> int:
    """Take groups as done that workers keep from rising, or that are at their limits; how many are left, -1 without prices.

    Limits come down to what can be reached on the worker types that have no price, and levels of before that are out of
    reach, by rounding, to what can be had; ``had`` is what part could of those asked for last.
    """
    level, limit, done = filling.level, filling.limit, filling.done
    groups, types = given.rate.shape
    cost = np.empty(groups)
    dearest, of_all, priced, stopped, left = 0.0, 0.0, False, False, 0
    for g in range(groups):
        cost[g] = filling.price[g] * limit[g] / given.use[g]
        priced = priced or cost[g] != 0.0
        of_all = max(of_all, cost[g])
        if rises[g]:
            dearest = max(dearest, cost[g])
    part, firm = filling.part[0], filling.part[1]
    if firm == 1.0 and 1.0 - NEARLY <= part < 1.0 and dearest <= ROUNDING * of_all:
        dearest = 0.0
    for g in range(groups):
        if rises[g] and cost[g] >= MARKED * dearest and dearest > 0.0:
            done[g], stopped = 1, True
    for g in range(groups):
        free = limit[g] if dearest <= 0.0 else 0.0
        for j in range(types):
            if filling.workers[j] < MARKED * dearest:
                free = max(free, given.rate[g, j])
        limit[g] = max(min(limit[g], free), level[g])
        if level[g] >= limit[g] * (1.0 - SAME):
            done[g] = 1
        left += 1 - done[g]
    if not stopped and part > 0.0:
        part = min(part if part >= 1.0 - NEARLY else had, 1.0)
        for g in range(groups):
            level[g] = filling.asked[g] * part
            if firm != 1.0:
                level[g] = filling.asked[g] - (1.0 - part) * filling.held[g]
    return left if priced else -1


@compiled
def _ask(filling: Filling, given: Given, found: Found, fill: FillTask) -> bool:
    """Ask what part of levels can be had at once: what is ``found``, and whether it is proven."""
    task = fill.task
    types, start = given.workers.size, task.start
    _ask_for(filling, given)
    outcome = solve_direct(given, start, found)
    if outcome != PRICED and outcome != BOTTLENECK:
        tables = _tables_of(given, fill)
        nobody = np.empty(0)
        path = solve_program(tables, tables, np.empty((0, 0)), 0.0, nobody, False)
        again = outcome == DOUBT
        for j in range(types):
            again = again and path.capacity_dual[j] > 0.0
        if again:  # it has prices after all
            copy_into(start, path.capacity_dual)
            start[types] = path.summary[1]
            again = solve_direct(given, start, found) == PRICED
        if not again:
            _take(path, found)
    if not _is_proven(found.summary[2:5], task):
        return False
    _clear_rounding(given, found)
    return True


@compiled
def _ask_for(filling: Filling, given: Given) -> None:
    """Make the program that of the levels asked for."""
    for g in range(filling.asked.size):
        given.slope[g] = filling.held[g]
        given.floor[g] = filling.asked[g] - filling.held[g] if filling.asked[g] > 0.0 else -math.inf


@compiled
def _clear_rounding(given: Given, found: Found) -> None:
    """Take prices as none of groups that have more beyond their due, in part, than the price says."""
    for g in range(given.slope.size):
        due = max(given.floor[g] + given.slope[g] * found.summary[1], 0.0)
        if not found.level_dual[g] * due * due > dot(given.rate[g], found.x[g]) - due:
            found.level_dual[g] = 0.0


@compiled
def _take(path: Found, found: Found) -> None:
    for g in range(path.level_dual.size):
        copy_into(found.x[g], path.x[g])
    copy_into(found.level_dual, path.level_dual)
    copy_into(found.capacity_dual, path.capacity_dual)
    for k in range(found.summary.size):
        found.summary[k] = path.summary[k]


@compiled
def _tables_of(given: Given, fill: FillTask) -> Tables:
    """Tables of a program, as :func:`gavel_opt.solver.tables.tables_of` makes them."""
    groups, types = given.rate.shape
    room, blank = fill.room, fill.blank
    shares = groups * types
    tables = Tables(
        room.columns[:shares],
        room.cells[:shares],
        room.combinations[:groups],
        room.groups[:groups],
        room.types[:types],
        room.rows[: 2 * groups + types],
        room.scalars[:1],
    )
    tables.scalars[0] = blank.scalars[0]
    for place in range(shares):
        tables.columns[place] = blank.columns[0]
        tables.cells[place] = blank.cells[0]
    for place in range(2 * groups + types):
        tables.rows[place] = blank.rows[0]
    for g in range(groups):
        tables.combinations[g] = blank.combinations[0]
        tables.combinations[g].use = given.use[g]
        tables.groups[g] = blank.groups[0]
        tables.groups[g].jobs = given.counts[g]
        tables.groups[g].slope = given.slope[g]
        tables.groups[g].floor = given.floor[g]
        for j in range(types):
            tables.columns[g * types + j].rate = given.rate[g, j]
    for j in range(types):
        tables.types[j] = blank.types[0]
        tables.types[j].workers = given.workers[j]
    return tables


# how levels rise ---------------------------------------------------------------------------------


@compiled
def _rise_from(filling: Filling) -> Rise:
    """How the levels of groups that are not done rise from where they are: all stand at one height."""
    limit, level = filling.limit, filling.level
    rows = np.empty((limit.size, 1))
    for g in range(limit.size):
        rows[g, 0] = limit[g]
    order = sorted_rows(rows)
    many, floor = 0, math.inf
    member = np.empty(order.size, np.int64)
    for place in range(order.size):
        if not filling.done[order[place]]:
            member[many] = order[place]
            floor = min(floor, level[order[place]])
            many += 1
    knots, heights, times = np.zeros(many + 1), np.empty(many + 1), np.zeros(many + 1)
    behind, total = np.empty(many), 0.0
    for k in range(many - 1, -1, -1):
        total += filling.cost[member[k]]
        behind[k] = total
    heights[0] = floor
    last, ordered = 0, True
    for k in range(many):
        heights[k + 1] = limit[member[k]]
        knots[k + 1] = knots[k] + (heights[k + 1] - heights[k]) * behind[k]
        if knots[k + 1] > knots[k]:
            last += 1
            times[last] = knots[k + 1]
        elif knots[k + 1] != knots[k]:
            ordered = False
    return Rise(level, limit, member[:many], knots, heights, times[: last + 1 if ordered else 0])


@compiled
def _levels_at(time: float, rise: Rise, found: Floats) -> None:
    """Levels at a time, shape ``(G,)``."""
    copy_into(found, rise.level)
    knots, heights, many = rise.knots, rise.heights, rise.member.size
    at, end = 0, many + 1  # the last knot that is not later
    while end - at > 1:
        middle = (at + end) // 2
        if knots[middle] <= time:
            at = middle
        else:
            end = middle
    height = heights[at]
    if at < many and knots[at] != time:
        slope = (heights[at + 1] - heights[at]) / (knots[at + 1] - knots[at])
        height = slope * (time - knots[at]) + heights[at]
    for k in range(many):
        g = rise.member[k]
        found[g] = max(min(height, rise.limit[g]), rise.level[g])


@compiled
def _when(rise: Rise, price: Floats, worth: float, latest: float) -> float:
    """The last time, not after ``latest``, at which levels are worth at most ``worth``."""
    times, low, high = rise.times, 0, 0  # worth is not reached at times[low], and is at times[high]
    while high < times.size and times[high] < latest:
        high += 1
    known, level = high, np.empty(price.size)
    if dot(price, rise.level) >= worth:
        return 0.0
    while high - low > 1:
        middle = (low + high) // 2
        _levels_at(times[middle], rise, level)
        if dot(price, level) >= worth:
            high = middle
        else:
            low = middle
    begin, end = times[low], times[high] if high < known else latest
    _levels_at(begin, rise, level)
    before = dot(price, level)
    _levels_at(end, rise, level)
    after = dot(price, level)
    if not after > worth:
        return end
    return float(begin + (end - begin) * (worth - before) / (after - before))
