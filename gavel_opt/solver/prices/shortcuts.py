r"""Programs whose optimum needs no path to it: those whose level one job decides, and those with a price on all types.

A level that one job decides makes everything else slack (:mod:`~gavel_opt.solver.prices.bottleneck`); where each
worker type has a price nothing is slack (:mod:`~gavel_opt.solver.prices.price_search`,
:mod:`~gavel_opt.solver.prices.recovery`). What lies between, and whatever is near a change from one to the other,
is left to the interior point method.
"""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.dense import copy_into
from gavel_opt.kernels.gap import LEVEL_SIZE, relative_gap
from gavel_opt.kernels.jit import compiled, compiled_apart, unrolled
from gavel_opt.solver.prices.bottleneck import SHORT, centre
from gavel_opt.solver.prices.cheapest_mix import (
    FIRST,
    SECOND,
    THIRD,
    TOP,
    Given,
    Problem,
    highest_level,
    mean_prices,
    need,
    needs_of,
    shortfall,
)
from gavel_opt.solver.prices.price_search import (
    AROUND,
    FEW,
    LOST,
    MANY,
    OPTIMAL,
    SAME_T,
    WIDEST,
    Region,
    Sample,
    WorkingBasis,
    guess,
    search,
)
from gavel_opt.solver.prices.recovery import PROVED, Basis, answer, tied_jobs
from gavel_opt.solver.records import Found

SAME, APART = 1e-12, 1e-9
"""Levels and rates within the first part of each other are the same, beyond the second they are not;
between the two the interior point method decides."""
THIN = 1e-4
"""A job that does not decide the level but has less room than this part makes a body too thin for sums of
these lengths."""

NONE, DOUBT, BOTTLENECK, PRICED = range(4)
"""Outcomes: not for these methods; no answer from here, perhaps from better prices; the optimum of
either kind."""


@unrolled
@compiled_apart
def solve_direct(given: Given, start: Floats, found: Found) -> int:
    """Solve a program without reward and pairs; the outcome.

    Parameters
    ----------
    given
        The program.
    start
        Prices and t to start from, shape ``(J + 1,)``; the first not positive if there are none.
        Gets those of the optimum. The answer does not depend on them.
    found
        Gets the answer.
    """
    rate, use, count, workers, _, _, age, _, _ = given
    price, curved = found.capacity_dual, age.size > 0
    groups, types = rate.shape
    demand, supply = 0.0, 0.0
    for j in range(types):
        if not workers[j] > 0.0:
            return NONE
        supply += workers[j]
    for i in range(groups):
        demand += use[i]
    own, cap = needs_of(given)
    if not math.isfinite(cap):
        return NONE
    problem = Problem(rate, use, count, workers, own, curved, cap)
    full = demand > supply
    known = start[0] > 0.0
    for j in range(types):
        price[j] = start[j]
    short = -math.inf
    if full:
        if not known:
            copy_into(price, mean_prices(rate, use, own[:, TOP]))
        short = shortfall(problem, price, cap, SHORT)
        if short != short:
            return NONE
    if short <= SHORT:
        done = _bottleneck(problem, found)
        if done != DOUBT:
            return done
    if not full:
        return NONE
    return _contended(problem, known, start, found)


@compiled
def _bottleneck(problem: Problem, found: Found) -> int:
    """Centre of the body, with the duals of the jobs that decide the level."""
    x, level_dual, price, summary = found
    rate, use, count, workers, own, curved, t = problem
    groups, types = rate.shape
    needs = np.empty(groups)
    is_bottleneck = np.zeros(groups, np.int64)
    total = 0.0
    for i in range(groups):
        first, second, third, top = own[i, FIRST], own[i, SECOND], own[i, THIRD], own[i, TOP]
        needs[i] = need(curved, first, second, third, t)
        level_dual[i] = 0.0
        above = highest_level(curved, first, second, third, top) - t
        if above <= APART * abs(t):
            if above > SAME * abs(t):
                return DOUBT
            for j in range(types):
                if rate[i, j] != top and rate[i, j] > (1.0 - APART) * top:
                    return DOUBT
            is_bottleneck[i] = 1
            level_dual[i] = count[i]
            if curved:
                total += count[i] * needs[i] * needs[i] / second * third
            else:
                total += count[i] * first
        elif needs[i] >= (1.0 - THIN) * top and needs[i] > -math.inf:
            return DOUBT
    steps = centre(problem, needs, is_bottleneck, x, price)
    if steps == 0:
        return DOUBT
    primal, bound, pull = 0.0, 0.0, 0.0
    used = np.zeros(types)
    for i in range(groups):
        level_dual[i] /= total
        got, time = 0.0, 0.0
        for j in range(types):
            got += rate[i, j] * x[i, j]
            time += x[i, j]
            used[j] += use[i] * x[i, j]
            primal = max(primal, -x[i, j])
        primal = max(primal, time - 1.0)
        if needs[i] > -math.inf:
            primal = max(primal, (needs[i] - got) / (abs(needs[i]) + got + 1e-300))
        bound += level_dual[i] * own[i, TOP]
        if is_bottleneck[i]:
            if curved:
                pull += level_dual[i] * needs[i]
            else:
                bound -= level_dual[i] * own[i, SECOND]
    for j in range(types):
        primal = max(primal, (used[j] - workers[j]) / workers[j])
        price[j] = 0.0
    gap = relative_gap(1.0, bound / pull, LEVEL_SIZE) if curved else relative_gap(t, bound, 0.0)
    if not (primal <= PROVED and gap <= PROVED):
        return DOUBT
    summary[0] = summary[1] = -t if curved else t
    summary[2], summary[3], summary[4], summary[5] = primal, 0.0, gap, steps
    return BOTTLENECK


@compiled
def _contended(problem: Problem, known: bool, start: Floats, found: Found) -> int:
    """Find the basis, from the known prices and from prices of the program's own; answer.

    Whatever basis the search comes by is tried: the proof tells whether it is the one, and if
    not, its t is a better place for tangents than theirs.
    """
    x, level_dual, price, summary = found
    groups, types = problem.rate.shape
    edges = np.zeros((groups, 2), np.int64)
    near = np.empty(groups, np.int64)
    at, proof = np.empty(types), np.empty(3)
    total = 0
    for attempt in range(2):
        if attempt == 0:
            if not known:
                continue
            t = min(float(start[types]), problem.cap)
            copy_into(at, start[:types])
            radius = min(AROUND / groups, WIDEST)
            rounds = FEW
        else:
            rounds = MANY
            t = guess(problem, at, WorkingBasis(edges, near))
            radius = min(4.0 / math.sqrt(groups), WIDEST)
        for _ in range(rounds):
            region = Region(t, radius, problem.cap)
            outcome, t, moved, many, more = search(
                problem, Sample(0, 1), at, region, WorkingBasis(edges, near), rounds
            )
            total += more
            if outcome == LOST:
                break
            if outcome != OPTIMAL:
                return DOUBT
            sure, jobs, points = tied_jobs(problem.rate, at, near[:many], edges)
            if sure:
                copy_into(price, at)
                basis = Basis(edges, jobs, points)
                level = answer(problem, basis, price, level_dual, x, proof)
                if level < problem.cap and max(proof[0], proof[1], proof[2]) <= PROVED:
                    summary[0] = summary[1] = -level if problem.curved else level
                    copy_into(summary[2:5], proof)
                    summary[5] = total
                    copy_into(start, price)
                    start[types] = level
                    return PRICED
                if math.isfinite(level):
                    t = min(level, problem.cap)
            if moved <= SAME_T:
                return NONE
    return DOUBT
