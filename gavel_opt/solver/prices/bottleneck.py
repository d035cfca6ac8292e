r"""Programs whose level one job alone decides: all the rest is the centre of a body.

No level can pass what a job reaches all of the time on its fastest type,

.. math:: t \le \min_i \max\{t : F_i(t) \le \max_j r_{ij}\} = t^*,

and in a cluster that is not full that bound is met: workers have no price, all jobs but the one that
decides the level have more than they need, and the optimal face is the body of all allocations that
give every job its level :math:`F_i(t^*)`. Its weighted centre is the minimum of

.. math::

    -\sum_i n_i \Bigl[\sum_j \log x_{ij} + \omega \log\bigl(1 - \sum_j x_{ij}\bigr)
      + \omega \log\bigl(r_i x_i - F_i\bigr)\Bigr] - \sum_j \log v_j
    \quad\text{s.t.}\quad v_j + \sum_i k_i x_{ij} = N_j

without any path to it (:math:`\omega` is ``slack_weight``). Newton's method is used in its primal-dual form, in which every variable has a dual
(:math:`x z = 1`, for each of the :math:`n_i` jobs): it needs a third fewer steps than the primal form. A job's
Hessian :math:`\mathrm{diag}(z/x) + (q/u) 1 1^T + (\lambda/s) r r^T` is inverted in closed form, and only the
J prices couple jobs. Each job takes as much of its own step as it can: with one length for all, the job
that is furthest from its centre holds up the others, the more so the more jobs there are. What workers are
left is computed afresh from the shares, so nothing is lost where jobs go different parts of their ways. The
start is made of the program alone, so the answer is too.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.dense import cholesky, cholesky_solve, copy_into
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.prices.cheapest_mix import TOP, Problem, shortfall
from gavel_opt.solver.settings import SETTINGS

STEADY, ROUNDING = 1e-6, 1e-4
"""Newton's method ends once no variable moves by more than the first part of itself, or by less than the
second and no less than in the step before: then it is rounding that moves them, in a thin body."""
LIMIT = 40
BACK = 0.9
ABOVE = 0.3
"""Where the method starts a job is above its level by about this part of it, if it has the time."""
PATIENCE = 6
"""Steps after which, each time, prices are asked whether there is a body at all."""
SHORT = 1e-9
"""Levels that cost this part more than all workers are worth cannot be reached."""

WIDE = 32
"""Jobs of a tile. Each quantity of a tile's jobs stands in one piece, and all at fixed distances, so that
the compiler works on several jobs at once; each place of a tile has sums of its own."""
X, DUAL, RATE, INVERSE, OFF, PER, STEP = range(7)
"""For each type: share and its dual, rate, 1 / x, 1 / (x z) - 1, x / z, and the step."""
NEED, USE, WEIGHT, PUSH, FREE, DUALS, PARTS, OFFS, SYSTEM, LENGTHS = 0, 1, 2, 3, 4, 5, 7, 9, 11, 14
ROWS = 16
"""For each job: its level, use, use^2 / count, use / count, whether it does not decide the level; of its two
rows (level, time) the duals, 1 / slack and 1 / (slack dual) - 1; three numbers of its inverse system; the
parts of its step that it takes, of shares and of duals."""


@compiled
def centre(problem: Problem, needs: Floats, is_bottleneck: Ints, x: Floats, price: Floats) -> int:
    """Centre of the body; the number of iterations, or 0 if there is none.

    Parameters
    ----------
    problem
        The program; the level that is decided is its highest.
    needs
        Each job's level; -inf where it needs none.
    is_bottleneck
        Jobs whose level takes all of their time (1).
    x
        Gets the centre, shape ``(G, J)``.
    price
        Gets the prices of the last step.
    """
    types = problem.workers.size
    job = _jobs_with_needs(needs, x)
    tiles = _start(problem, needs, is_bottleneck, x, job)
    prices = Prices(
        price,
        np.zeros(types),
        problem.workers.copy(),
        np.zeros(types),
        np.zeros((types, types)),
    )
    _start_prices(problem, x, prices)
    terms = 2 * types + types * (types + 1) // 2
    term, highest = np.zeros(terms * WIDE), np.zeros(WIDE)
    last = math.inf
    for iteration in range(LIMIT):
        term[:] = 0.0
        for b in range(tiles.shape[0]):
            _advance_and_factor(tiles[b], term, types)
        if not _solve_for_prices(problem.workers, term, prices):
            return 0
        if iteration > 0 and iteration % PATIENCE == 0 and _has_no_body(problem, prices.next):
            copy_into(price, prices.next)
            return 0
        highest[:] = 0.0
        for b in range(tiles.shape[0]):
            _step_of_tile(tiles[b], prices.next, highest, types)
        moved = _step_of_prices(prices)
        for n in range(WIDE):
            moved = max(moved, highest[n])
        if not math.isfinite(moved):
            return 0
        if moved <= STEADY or last <= moved <= ROUNDING:
            _take(tiles, job, x)
            return iteration + 1
        last = moved
    return 0


class Prices(NamedTuple):
    """The part of Newton's method that couples jobs, by worker type.

    Attributes
    ----------
    price, next
        Duals of the capacities, now and after a full step.
    left, change
        Workers left over, and the step.
    schur
        The equations in prices, ``(J, J)``.
    """

    price: Floats
    next: Floats
    left: Floats
    change: Floats
    schur: Floats


@compiled
def _crowded_price(counts: Ints, workers: float) -> float:
    """Price of a worker at the centre if so many jobs share that they leave nothing and need nothing."""
    return float(counts.sum() + 1) / workers


@compiled
def _start_prices(problem: Problem, x: Floats, prices: Prices) -> None:
    """Workers left over, at least a tenth, and prices that fit, or that a crowd would make."""
    workers = problem.workers
    for j in range(workers.size):
        left = workers[j]
        for i in range(x.shape[0]):
            left -= problem.use[i] * x[i, j]
        prices.left[j] = max(left, 0.1 * workers[j])
        crowded = _crowded_price(problem.counts, workers[j])
        prices.price[j] = max(1.0 / prices.left[j], crowded)


@compiled
def _solve_for_prices(workers: Floats, term: Floats, prices: Prices) -> bool:
    """Add up the jobs' terms, place by place, and solve for the next prices; False if that fails."""
    types, schur, rhs = workers.size, prices.schur, prices.next
    for j in range(types):
        missing = _sum_of_lanes(term, j)
        missing += prices.left[j] - workers[j]
        rhs[j] = _sum_of_lanes(term, types + j)
        place = 2 * types + j * (j + 1) // 2
        for m in range(j + 1):
            schur[j, m] = _sum_of_lanes(term, place + m)
        schur[j, j] += prices.left[j] / prices.price[j]
        rhs[j] += missing + 1.0 / prices.price[j]
    if cholesky(schur, types, 0.0) > 0:
        return False
    cholesky_solve(schur, rhs)
    for j in range(types):
        left, price = prices.left[j], prices.price[j]
        prices.change[j] = (1.0 / left - rhs[j]) * left / price
    return True


@compiled
def _sum_of_lanes(term: Floats, m: int) -> float:
    total = 0.0
    for n in range(WIDE):
        total += term[m * WIDE + n]
    return total


@compiled
def _has_no_body(problem: Problem, price: Floats) -> bool:
    """Whether prices say that the level decided costs more than all workers are worth."""
    least = math.inf
    for j in range(price.size):
        least = min(least, price[j])
    return least > 0.0 and shortfall(problem, price, problem.cap, SHORT) > SHORT


@compiled
def _step_of_prices(prices: Prices) -> float:
    """Take as much of the step as prices and workers left allow; the largest part that these would move by."""
    moved, down, fall = 0.0, 0.0, 0.0
    for j in range(prices.price.size):
        part = prices.change[j] / prices.left[j]
        moved, down = max(moved, abs(part)), max(down, -part)
        fall = max(fall, 1.0 - prices.next[j] / prices.price[j])
    length = BACK / down if down > BACK else 1.0
    dual_length = BACK / fall if fall > BACK else 1.0
    for j in range(prices.price.size):
        prices.left[j] += length * prices.change[j]
        prices.price[j] += dual_length * (prices.next[j] - prices.price[j])
    return moved


@compiled
def _take(tiles: Floats, job: Ints, x: Floats) -> None:
    """Take the shares from the tiles, after the last step's part."""
    types = x.shape[1]
    row = (STEP + 1) * types
    for n in range(job.size):
        tile, lane = tiles[n // WIDE], n % WIDE
        length = tile[(row + LENGTHS) * WIDE + lane]
        for j in range(types):
            share = tile[(X * types + j) * WIDE + lane]
            part = tile[(STEP * types + j) * WIDE + lane]
            x[job[n], j] = share + length * part * share


@compiled
def _jobs_with_needs(needs: Floats, x: Floats) -> Ints:
    """Jobs that need a level; no shares yet for anyone."""
    job, many = np.empty(needs.size, np.int64), 0
    for i in range(needs.size):
        for j in range(x.shape[1]):
            x[i, j] = 0.0
        if needs[i] > -math.inf:
            job[many] = i
            many += 1
    return job[:many]


@compiled
def _start(problem: Problem, needs: Floats, is_bottleneck: Ints, x: Floats, job: Ints) -> Floats:
    """Where the method starts, made of the program alone: ``x`` and the tiles.

    The last tile is filled up with jobs that use no workers.
    """
    rate, use, count, workers, own, _, _ = problem
    types, many = workers.size, job.size
    price = np.empty(types)
    for j in range(types):
        price[j] = _crowded_price(count, workers[j])
    row = (STEP + 1) * types
    tiles = np.zeros(((many + WIDE - 1) // WIDE, (row + ROWS) * WIDE))
    for n in range(tiles.shape[0] * WIDE):
        i, tile, lane = job[min(n, many - 1)], tiles[n // WIDE], n % WIDE
        best, fastest, total = 0, 0.0, 0.0
        for j in range(types):
            x[i, j] = 0.0
            tile[(RATE * types + j) * WIDE + lane] = rate[i, j]
            if rate[i, j] == own[i, TOP]:
                best = j
                fastest += 1.0
        tile[(row + NEED) * WIDE + lane] = needs[i]
        if n < many:
            tile[(row + USE) * WIDE + lane] = use[i]
            tile[(row + WEIGHT) * WIDE + lane] = use[i] * use[i] / count[i]
            tile[(row + PUSH) * WIDE + lane] = use[i] / count[i]
        if is_bottleneck[i]:
            for j in range(types):
                if rate[i, j] == own[i, TOP]:
                    x[i, j] = 1.0 / fastest
                    tile[(X * types + j) * WIDE + lane] = x[i, j]
                    tile[(DUAL * types + j) * WIDE + lane] = fastest
            continue
        for j in range(types):
            if rate[i, j] > 0.0:
                x[i, j] = 1.0 / (types + SETTINGS.slack_weight + use[i] / count[i] * price[j])
                total += rate[i, j] * x[i, j]
        ask = needs[i] + ABOVE * (own[i, TOP] - needs[i]) * needs[i] / own[i, TOP]
        if total < ask:
            part = (ask - total) / (own[i, TOP] - total)
            for j in range(types):
                x[i, j] *= 1.0 - part
            x[i, best] += part
        u, s = 1.0, -needs[i]
        for j in range(types):
            u -= x[i, j]
            s += rate[i, j] * x[i, j]
            if x[i, j] > 0.0:
                tile[(X * types + j) * WIDE + lane] = x[i, j]
                tile[(DUAL * types + j) * WIDE + lane] = 1.0 / x[i, j]
        tile[(row + FREE) * WIDE + lane] = 1.0
        tile[(row + DUALS) * WIDE + lane] = SETTINGS.slack_weight / s
        tile[(row + DUALS + 1) * WIDE + lane] = SETTINGS.slack_weight / u
    return tiles


@compiled
def _advance_and_factor(tile: Floats, term: Floats, types: int) -> None:
    """Both for one tile; the compiler knows how many types there are where they are three."""
    if types == 3:
        _advance(tile, (0, 0, 0))
        _factor(tile, term, (0, 0, 0))
    else:
        _advance(tile, ())
        _factor(tile, term, ())


@compiled
def _step_of_tile(tile: Floats, price: Floats, highest: Floats, types: int) -> None:
    """The same."""
    if types == 3:
        _step(tile, price, highest, (0, 0, 0))
    else:
        _step(tile, price, highest, ())


@compiled
def _advance(tile: Floats, sized: tuple[int, ...]) -> None:
    """Take each job's part of the last step."""
    types = (tile.size // WIDE - ROWS) // (STEP + 1) if len(sized) == 0 else len(sized)
    row = (STEP + 1) * types
    for n in range(WIDE):
        length, dual_length = tile[(row + LENGTHS) * WIDE + n], tile[(row + LENGTHS + 1) * WIDE + n]
        for j in range(types):
            x, z = tile[(X * types + j) * WIDE + n], tile[(DUAL * types + j) * WIDE + n]
            off, part = tile[(OFF * types + j) * WIDE + n], tile[(STEP * types + j) * WIDE + n]
            tile[(X * types + j) * WIDE + n] = x + length * part * x
            tile[(DUAL * types + j) * WIDE + n] = z + dual_length * (off - part) * z
        for m in range(2):
            z, off = tile[(row + DUALS + m) * WIDE + n], tile[(row + OFFS + m) * WIDE + n]
            tile[(row + DUALS + m) * WIDE + n] = z + dual_length * off * z


@compiled
def _factor(tile: Floats, term: Floats, sized: tuple[int, ...]) -> None:
    """Each job's inverse system, its step at prices of 0, and its terms of the equations for prices."""
    types = (tile.size // WIDE - ROWS) // (STEP + 1) if len(sized) == 0 else len(sized)
    row = (STEP + 1) * types
    for n in range(WIDE):
        k, weight = tile[(row + USE) * WIDE + n], tile[(row + WEIGHT) * WIDE + n]
        free = tile[(row + FREE) * WIDE + n] > 0.0
        level_dual, time_dual = tile[(row + DUALS) * WIDE + n], tile[(row + DUALS + 1) * WIDE + n]
        u, s = 1.0, -tile[(row + NEED) * WIDE + n]
        for j in range(types):
            x = tile[(X * types + j) * WIDE + n]
            u -= x
            s += tile[(RATE * types + j) * WIDE + n] * x
            term[j * WIDE + n] += k * x
        part_s = 1.0 / (s * level_dual) if free else 0.0
        part_u = 1.0 / (u * time_dual) if free else 0.0
        one_s, one_u = level_dual * part_s, time_dual * part_u
        per_s, per_u = SETTINGS.slack_weight * one_s, SETTINGS.slack_weight * one_u
        a11, a12, a22, b1, b2 = s * s * part_s, 0.0, u * u * part_u, 0.0, 0.0
        tile[(row + OFFS) * WIDE + n] = SETTINGS.slack_weight * part_s - 1.0 if free else 0.0
        tile[(row + OFFS + 1) * WIDE + n] = SETTINGS.slack_weight * part_u - 1.0 if free else 0.0
        tile[(row + PARTS) * WIDE + n] = one_s
        tile[(row + PARTS + 1) * WIDE + n] = one_u
        for j in range(types):
            x, z = tile[(X * types + j) * WIDE + n], tile[(DUAL * types + j) * WIDE + n]
            r = tile[(RATE * types + j) * WIDE + n]
            part = 1.0 / (x * z) if z > 0.0 else 0.0
            per_x = z * part
            d = x * x * part
            y = d * (per_x - per_u + r * per_s)
            tile[(INVERSE * types + j) * WIDE + n] = per_x
            tile[(OFF * types + j) * WIDE + n] = part - 1.0 if z > 0.0 else 0.0
            tile[(PER * types + j) * WIDE + n] = d
            tile[(STEP * types + j) * WIDE + n] = y
            a11 += r * r * d
            a12 += r * d
            a22 += d
            b1 += r * y
            b2 += y
        part = 1.0 / (a11 * a22 - a12 * a12 if free else a22)
        i11, i12 = (a22 * part, -a12 * part) if free else (0.0, 0.0)
        i22 = a11 * part if free else part
        tile[(row + SYSTEM) * WIDE + n] = i11
        tile[(row + SYSTEM + 1) * WIDE + n] = i12
        tile[(row + SYSTEM + 2) * WIDE + n] = i22
        c1, c2 = i11 * b1 + i12 * b2, i12 * b1 + i22 * b2
        for j in range(types):
            r, d = tile[(RATE * types + j) * WIDE + n], tile[(PER * types + j) * WIDE + n]
            y = tile[(STEP * types + j) * WIDE + n] - d * (r * c1 + c2)
            tile[(STEP * types + j) * WIDE + n] = y
            term[(types + j) * WIDE + n] += k * y
            b1, b2 = d * (r * i11 + i12), d * (r * i12 + i22)
            place = 2 * types + j * (j + 1) // 2
            for m in range(j):
                r_m, d_m = tile[(RATE * types + m) * WIDE + n], tile[(PER * types + m) * WIDE + n]
                term[(place + m) * WIDE + n] -= weight * (b1 * r_m + b2) * d_m
            term[(place + j) * WIDE + n] += weight * (d - (b1 * r + b2) * d)


@compiled
def _step(tile: Floats, price: Floats, highest: Floats, sized: tuple[int, ...]) -> None:
    """Steps at these prices, in parts, and how much of its own each job takes; the largest of all."""
    types = (tile.size // WIDE - ROWS) // (STEP + 1) if len(sized) == 0 else len(sized)
    row = (STEP + 1) * types
    for n in range(WIDE):
        push = tile[(row + PUSH) * WIDE + n]
        i11, i12 = tile[(row + SYSTEM) * WIDE + n], tile[(row + SYSTEM + 1) * WIDE + n]
        i22 = tile[(row + SYSTEM + 2) * WIDE + n]
        b1, b2 = 0.0, 0.0
        for j in range(types):
            part = tile[(PER * types + j) * WIDE + n] * price[j]
            b1 += tile[(RATE * types + j) * WIDE + n] * part
            b2 += part
        c1, c2 = i11 * b1 + i12 * b2, i12 * b1 + i22 * b2
        moved, down, fall = highest[n], 0.0, 0.0
        du, ds = 0.0, 0.0
        for j in range(types):
            r, d = tile[(RATE * types + j) * WIDE + n], tile[(PER * types + j) * WIDE + n]
            dx = tile[(STEP * types + j) * WIDE + n] - push * d * (price[j] - r * c1 - c2)
            du -= dx
            ds += r * dx
            part = dx * tile[(INVERSE * types + j) * WIDE + n]
            tile[(STEP * types + j) * WIDE + n] = part
            moved, down = max(moved, abs(part)), max(down, -part)
            fall = max(fall, part - tile[(OFF * types + j) * WIDE + n])
        part = ds * tile[(row + PARTS) * WIDE + n]
        off = tile[(row + OFFS) * WIDE + n] - part
        tile[(row + OFFS) * WIDE + n] = off
        moved, down, fall = max(moved, abs(part)), max(down, -part), max(fall, -off)
        part = du * tile[(row + PARTS + 1) * WIDE + n]
        off = tile[(row + OFFS + 1) * WIDE + n] - part
        tile[(row + OFFS + 1) * WIDE + n] = off
        moved, down, fall = max(moved, abs(part)), max(down, -part), max(fall, -off)
        highest[n] = moved
        tile[(row + LENGTHS) * WIDE + n] = BACK / down if down > BACK else 1.0
        tile[(row + LENGTHS + 1) * WIDE + n] = BACK / fall if fall > BACK else 1.0
