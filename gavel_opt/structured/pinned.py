r"""Programs whose level one job alone decides: all the rest is the centre of a body.

No level can pass what a job reaches all of the time on its fastest type,

.. math:: t \le \min_i \max\{t : F_i(t) \le \max_j r_{ij}\} = t^*,

and in a cluster that is not full that bound is met: workers have no price, all jobs but the one that
pins the level have more than they need, and the optimal face is the body of all allocations that
give every job its level :math:`F_i(t^*)`. Its analytic centre is a minimum of

.. math::

    -\sum_i n_i \Bigl[\sum_j \log x_{ij} + \log\bigl(1 - \sum_j x_{ij}\bigr)
      + \log\bigl(r_i x_i - F_i\bigr)\Bigr] - \sum_j \log v_j
    \quad\text{s.t.}\quad v_j + \sum_i k_i x_{ij} = N_j

without any path to it: Newton's method, in which a job's Hessian
:math:`n_i [\mathrm{diag}(x^{-2}) + u^{-2} 1 1^T + s^{-2} r r^T]` is inverted in closed form and only
the J prices couple jobs. The start is made of the program alone, so the answer is too.
"""

from __future__ import annotations

import math

from gavel_opt.arrays import Floats, Ints
from gavel_opt.compiled import compiled
from gavel_opt.structured.patterns import Curve, shortfall

STEADY = 1e-6
"""Newton's method ends once no variable moves by more than this part of itself."""
LIMIT = 40
BACK = 0.9
PATIENCE = 5
"""Steps before prices are asked whether there is a body at all."""
SHORT = 1e-9
"""Levels that cost this part more than all workers are worth cannot be reached."""


@compiled
def centre(
    rate: Floats,
    use: Floats,
    count: Ints,
    workers: Floats,
    curve: Curve,
    t: float,
    needs: Floats,
    top: Floats,
    pinned: Ints,
    x: Floats,
    work: Floats,
    price: Floats,
) -> int:
    """Centre of the body; the number of iterations, or 0 if there is none.

    Parameters
    ----------
    rate, use, count, workers, curve, t
        The program's, and the level that is pinned.
    needs
        Each job's level; -inf where it needs none.
    top
        The largest rate of each job.
    pinned
        Jobs whose level takes all of their time (1).
    x
        Gets the centre, shape ``(G, J)``.
    work
        Shape ``(G, 2 J + J (J + 1) / 2)``: what is kept between the two passes of a step.
    price
        Gets the prices of the last step.
    """
    groups, types = rate.shape
    load = 0.0
    for i in range(groups):
        load += use[i]
    v, missing = workers.copy(), workers.copy()
    schur, step = workers.repeat(types).reshape(types, types), workers.copy()
    for i in range(groups):
        best = 0
        many = 0
        total = 0.0
        for j in range(types):
            if rate[i, j] == top[i]:
                best = j
                many += 1
        if pinned[i]:
            for j in range(types):
                x[i, j] = 1.0 / many if rate[i, j] == top[i] else 0.0
            continue
        for j in range(types):
            x[i, j] = min(1.0 / (types + 1), 0.7 * workers[j] / load)
            if rate[i, j] == 0.0 or needs[i] == -math.inf:
                x[i, j] = 0.0
            total += rate[i, j] * x[i, j]
        if needs[i] > -math.inf:
            ask = needs[i] + 0.3 * (top[i] - needs[i])
            if total < ask:
                part = (ask - total) / (top[i] - total)
                for j in range(types):
                    x[i, j] *= 1.0 - part
                x[i, best] += part
    for j in range(types):
        left = workers[j]
        for i in range(groups):
            left -= use[i] * x[i, j]
        v[j] = max(left, 0.05 * workers[j])
    for iteration in range(LIMIT):
        for j in range(types):
            missing[j] = workers[j] - v[j]
            step[j] = 0.0
            for m in range(types):
                schur[j, m] = 0.0
        for i in range(groups):
            k = use[i]
            for j in range(types):
                missing[j] -= k * x[i, j]
            w = k * k / count[i]
            if pinned[i]:
                # only the time row holds, as an equality, among the fastest types
                time, push = 0.0, 0.0
                for j in range(types):
                    d = x[i, j] * x[i, j]
                    time += d
                    push += x[i, j]
                for j in range(types):
                    d = x[i, j] * x[i, j]
                    g = d * push / time - x[i, j]
                    work[i, j] = g
                    step[j] += k * g
                    for m in range(j + 1):
                        value = -d * x[i, m] * x[i, m] / time
                        if m == j:
                            value += d
                        work[i, types + j * (j + 1) // 2 + m] = value
                        schur[j, m] += w * value
                continue
            u, s = 1.0, -needs[i]
            m11, m12, m22 = 0.0, 0.0, 0.0
            g1, g2 = 0.0, 0.0
            has = needs[i] > -math.inf
            for j in range(types):
                xj, r = x[i, j], rate[i, j]
                d = xj * xj
                u -= xj
                s += r * xj
                m22 += d
                m12 += r * d
                m11 += r * r * d
            if not has:
                s, m12, m11 = 1.0, 0.0, 0.0
            # gradient / n = -1/x + 1/u - r/s; times the inverse of the diagonal part: -x + d (1/u - r/s)
            iu, is_ = 1.0 / u, (1.0 / s if has else 0.0)
            for j in range(types):
                xj, r = x[i, j], rate[i, j]
                y = xj * xj * (iu - r * is_) - xj
                g1 += r * y
                g2 += y
            if not has:
                g1 = 0.0
            a11, a22 = m11 + s * s, m22 + u * u
            inverse = 1.0 / (a11 * a22 - m12 * m12)
            i11, i12, i22 = a22 * inverse, -m12 * inverse, a11 * inverse
            c1, c2 = i11 * g1 + i12 * g2, i12 * g1 + i22 * g2
            for j in range(types):
                xj, r = x[i, j], rate[i, j] if has else 0.0
                d = xj * xj
                g = d * (iu - r * is_) - xj - d * (r * c1 + c2)
                work[i, j] = g
                step[j] += k * g
                b1, b2 = d * (r * i11 + i12), d * (r * i12 + i22)
                for m in range(j + 1):
                    xm, rm = x[i, m], rate[i, m] if has else 0.0
                    value = -(b1 * rm + b2) * xm * xm
                    if m == j:
                        value += d
                    work[i, types + j * (j + 1) // 2 + m] = value
                    schur[j, m] += w * value
        for j in range(types):
            schur[j, j] += v[j] * v[j]
            price[j] = v[j] - missing[j] - step[j]
        for j in range(types):
            for m in range(j + 1):
                value = schur[j, m]
                for n in range(m):
                    value -= schur[j, n] * schur[m, n]
                if m == j:
                    if not value > 0.0:
                        return 0
                    schur[j, j] = math.sqrt(value)
                else:
                    schur[j, m] = value / schur[m, m]
        for j in range(types):
            value = price[j]
            for m in range(j):
                value -= schur[j, m] * price[m]
            price[j] = value / schur[j, j]
        for j in range(types - 1, -1, -1):
            value = price[j]
            for m in range(j + 1, types):
                value -= schur[m, j] * price[m]
            price[j] = value / schur[j, j]
        if iteration >= PATIENCE:
            least = math.inf
            for j in range(types):
                least = min(least, price[j])
            if least > 0.0 and shortfall(rate, use, workers, curve, price, t) > SHORT:
                return 0
        moved, down = 0.0, 0.0
        for j in range(types):
            step[j] = v[j] - v[j] * v[j] * price[j]
            part = step[j] / v[j]
            moved, down = max(moved, abs(part)), max(down, -part)
        for i in range(groups):
            weight = use[i] / count[i]
            u, s, du, ds = 1.0, -needs[i], 0.0, 0.0
            has = needs[i] > -math.inf
            for j in range(types):
                dx = -work[i, j]
                for m in range(types):
                    high, low = max(j, m), min(j, m)
                    dx -= weight * work[i, types + high * (high + 1) // 2 + low] * price[m]
                work[i, types + types * (types + 1) // 2 + j] = dx
                if x[i, j] > 0.0:
                    part = dx / x[i, j]
                    moved, down = max(moved, abs(part)), max(down, -part)
                u -= x[i, j]
                s += rate[i, j] * x[i, j]
                du -= dx
                ds += rate[i, j] * dx
            if pinned[i]:
                continue
            part = du / u
            moved, down = max(moved, abs(part)), max(down, -part)
            if has:
                part = ds / s
                moved, down = max(moved, abs(part)), max(down, -part)
        if not math.isfinite(moved):
            return 0
        length = BACK / down if down > BACK else 1.0
        for j in range(types):
            v[j] += length * step[j]
        for i in range(groups):
            for j in range(types):
                x[i, j] += length * work[i, types + types * (types + 1) // 2 + j]
        if moved <= STEADY:
            return iteration + 1
    return 0
