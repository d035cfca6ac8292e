r"""Programs whose level one job alone decides: all the rest is the centre of a body.

No level can pass what a job reaches all of the time on its fastest type,

.. math:: t \le \min_i \max\{t : F_i(t) \le \max_j r_{ij}\} = t^*,

and in a cluster that is not full that bound is met: workers have no price, all jobs but the one that
pins the level have more than they need, and the optimal face is the body of all allocations that
give every job its level :math:`F_i(t^*)`. Its weighted centre is the minimum of

.. math::

    -\sum_i n_i \Bigl[\sum_j \log x_{ij} + \omega \log\bigl(1 - \sum_j x_{ij}\bigr)
      + \omega \log\bigl(r_i x_i - F_i\bigr)\Bigr] - \sum_j \log v_j
    \quad\text{s.t.}\quad v_j + \sum_i k_i x_{ij} = N_j

without any path to it (:math:`\omega` is ``JOB_ROWS``). Newton's method is used in its primal-dual form, in which every variable has a dual
(:math:`x z = 1`, for each of the :math:`n_i` jobs): it needs a third fewer steps than the primal form. A job's
Hessian :math:`\mathrm{diag}(z/x) + (q/u) 1 1^T + (\lambda/s) r r^T` is inverted in closed form, and only the
J prices couple jobs. The start is made of the program alone, so the answer is too.
"""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.compiled import compiled
from gavel_opt.structured.patterns import TOP, Problem, shortfall
from gavel_opt.structured.tables import JOB_ROWS

STEADY = 1e-6
"""Newton's method ends once no variable moves by more than this part of itself."""
LIMIT = 40
BACK = 0.9
PATIENCE = 6
"""Steps after which, each time, prices are asked whether there is a body at all."""
SHORT = 1e-9
"""Levels that cost this part more than all workers are worth cannot be reached."""

EACH, MORE = 5, 9
"""Numbers kept for each variable of a job, and besides them for its two rows and their inverse."""


@compiled
def centre(
    problem: Problem,
    needs: Floats,
    pinned: Ints,
    x: Floats,
    price: Floats,
    sized: tuple[int, ...],
) -> int:
    """Centre of the body; the number of iterations, or 0 if there is none.

    Parameters
    ----------
    problem
        The program; the level that is pinned is its highest.
    needs
        Each job's level; -inf where it needs none.
    pinned
        Jobs whose level takes all of their time (1).
    x
        Gets the centre, shape ``(G, J)``.
    price
        Gets the prices of the last step.
    sized
        J numbers, so that the compiler knows how many, or none.
    """
    rate, use, count, workers, own, _, t = problem
    groups = rate.shape[0]
    types = rate.shape[1] if len(sized) == 0 else len(sized)
    # a job's numbers share cache lines: dual, inverse, 1 / (x z) - 1, x / z and step of each variable,
    # then dual, inverse and 1 / (s lam) - 1 of level and time, and the inverse of their equations
    inv, off, dia, mov, row = types, 2 * types, 3 * types, 4 * types, EACH * types
    w = np.zeros((groups, EACH * types + MORE))
    v, missing, change = workers.copy(), workers.copy(), workers.copy()
    schur, rhs, next_price = np.zeros((types, types)), np.zeros(types), np.zeros(types)
    load = 0.0
    for i in range(groups):
        load += use[i]
    for i in range(groups):
        best, many, total = 0, 0.0, 0.0
        for j in range(types):
            x[i, j] = 0.0
            if rate[i, j] == own[i, TOP]:
                best = j
                many += 1.0
        if needs[i] == -math.inf:
            continue
        if pinned[i]:
            for j in range(types):
                if rate[i, j] == own[i, TOP]:
                    x[i, j], w[i, j] = 1.0 / many, many
            continue
        for j in range(types):
            if rate[i, j] > 0.0:
                x[i, j] = min(1.0 / (types + 1), 0.9 * workers[j] / load)
                total += rate[i, j] * x[i, j]
        ask = needs[i] + 0.1 * (own[i, TOP] - needs[i])
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
                w[i, j] = 1.0 / x[i, j]
        w[i, row], w[i, row + 1] = JOB_ROWS / s, JOB_ROWS / u
    for j in range(types):
        left = workers[j]
        for i in range(groups):
            left -= use[i] * x[i, j]
        v[j] = max(left, 0.1 * workers[j])
        price[j] = 1.0 / v[j]
    for iteration in range(LIMIT):
        for j in range(types):
            missing[j] = v[j] - workers[j]
            rhs[j] = 0.0
            for m in range(types):
                schur[j, m] = 0.0
        for i in range(groups):
            if needs[i] == -math.inf:
                continue
            k = use[i]
            weight = k * k / count[i]
            u, s = 1.0, -needs[i]
            for j in range(types):
                xj = x[i, j]
                u -= xj
                s += rate[i, j] * xj
                missing[j] += k * xj
            a11, a12, a22, b1, b2 = 0.0, 0.0, 0.0, 0.0, 0.0
            per_s, per_u = 0.0, 0.0
            if not pinned[i]:
                per_s, per_u = JOB_ROWS / s, JOB_ROWS / u
                a11, a22 = s / w[i, row], u / w[i, row + 1]
                w[i, row + 4] = per_s / w[i, row] - 1.0
                w[i, row + 5] = per_u / w[i, row + 1] - 1.0
                w[i, row + 2], w[i, row + 3] = 1.0 / s, 1.0 / u
            for j in range(types):
                xj, zj, r = x[i, j], w[i, j], rate[i, j]
                if zj > 0.0:
                    part = 1.0 / (xj * zj)
                    per_x = zj * part
                    d = xj * xj * part
                    y = d * (per_x - per_u + r * per_s)
                    w[i, inv + j] = per_x
                    w[i, off + j] = part - 1.0
                    w[i, dia + j] = d
                    w[i, mov + j] = y
                    a11 += r * r * d
                    a12 += r * d
                    a22 += d
                    b1 += r * y
                    b2 += y
            i11, i12, i22 = 0.0, 0.0, 0.0
            if pinned[i]:
                i22 = 1.0 / a22
            else:
                part = 1.0 / (a11 * a22 - a12 * a12)
                i11, i12, i22 = a22 * part, -a12 * part, a11 * part
            w[i, row + 6], w[i, row + 7], w[i, row + 8] = i11, i12, i22
            c1, c2 = i11 * b1 + i12 * b2, i12 * b1 + i22 * b2
            for j in range(types):
                r, d = rate[i, j], w[i, dia + j]
                y = w[i, mov + j] - d * (r * c1 + c2)
                w[i, mov + j] = y
                rhs[j] += k * y
                b1, b2 = d * (r * i11 + i12), d * (r * i12 + i22)
                for m in range(j):
                    schur[j, m] -= weight * (b1 * rate[i, m] + b2) * w[i, dia + m]
                schur[j, j] += weight * (d - (b1 * r + b2) * d)
        for j in range(types):
            schur[j, j] += v[j] / price[j]
            rhs[j] += missing[j] + 1.0 / price[j]
        if not _solve(schur, rhs, next_price):
            return 0
        if iteration > 0 and iteration % PATIENCE == 0:
            least = math.inf
            for j in range(types):
                least = min(least, next_price[j])
            if least > 0.0 and shortfall(problem, next_price, t, SHORT) > SHORT:
                price[:] = next_price
                return 0
        moved, down, fall = 0.0, 0.0, 0.0
        for j in range(types):
            change[j] = (1.0 / v[j] - next_price[j]) * v[j] / price[j]
            part = change[j] / v[j]
            moved, down = max(moved, abs(part)), max(down, -part)
            fall = max(fall, 1.0 - next_price[j] / price[j])
        for i in range(groups):
            if needs[i] == -math.inf:
                continue
            push = use[i] / count[i]
            b1, b2 = 0.0, 0.0
            for j in range(types):
                part = w[i, dia + j] * next_price[j]
                b1 += rate[i, j] * part
                b2 += part
            c1 = w[i, row + 6] * b1 + w[i, row + 7] * b2
            c2 = w[i, row + 7] * b1 + w[i, row + 8] * b2
            du, ds = 0.0, 0.0
            for j in range(types):
                r = rate[i, j]
                dx = w[i, mov + j] - push * w[i, dia + j] * (next_price[j] - r * c1 - c2)
                du -= dx
                ds += r * dx
                part = dx * w[i, inv + j]
                w[i, mov + j] = part
                moved, down = max(moved, abs(part)), max(down, -part)
                fall = max(fall, part - w[i, off + j])
            if not pinned[i]:
                part = ds * w[i, row + 2]
                moved, down = max(moved, abs(part)), max(down, -part)
                w[i, row + 4] -= part
                fall = max(fall, -w[i, row + 4])
                part = du * w[i, row + 3]
                moved, down = max(moved, abs(part)), max(down, -part)
                w[i, row + 5] -= part
                fall = max(fall, -w[i, row + 5])
        if not math.isfinite(moved):
            return 0
        length = BACK / down if down > BACK else 1.0
        dual_length = BACK / fall if fall > BACK else 1.0
        for j in range(types):
            v[j] += length * change[j]
            price[j] += dual_length * (next_price[j] - price[j])
        for i in range(groups):
            for j in range(types):
                part = w[i, mov + j]
                x[i, j] += length * part * x[i, j]
                w[i, j] += dual_length * (w[i, off + j] - part) * w[i, j]
            for n in range(2):
                w[i, row + n] += dual_length * w[i, row + 4 + n] * w[i, row + n]
        if moved <= STEADY:
            return iteration + 1
    return 0


@compiled
def _solve(matrix: Floats, value: Floats, solution: Floats) -> bool:
    """Solve a positive definite system given by its lower half, which is lost."""
    size = value.size
    for j in range(size):
        for m in range(j + 1):
            rest = matrix[j, m]
            for n in range(m):
                rest -= matrix[j, n] * matrix[m, n]
            if m < j:
                matrix[j, m] = rest / matrix[m, m]
            elif rest > 0.0:
                matrix[j, j] = math.sqrt(rest)
            else:
                return False
    for j in range(size):
        rest = value[j]
        for m in range(j):
            rest -= matrix[j, m] * solution[m]
        solution[j] = rest / matrix[j, j]
    for j in range(size - 1, -1, -1):
        rest = solution[j]
        for m in range(j + 1, size):
            rest -= matrix[m, j] * solution[m]
        solution[j] = rest / matrix[j, j]
    return True
