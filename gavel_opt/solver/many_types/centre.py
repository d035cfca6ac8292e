r"""The weighted centre of an optimal face of many worker types.

Newton's method in its primal-dual form, :math:`x z = w` for every variable, as at a bottleneck
(:mod:`~gavel_opt.solver.prices.bottleneck`). It starts from the face alone, so the answer does not depend on how the face
was found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.solver.many_types.equations import Columns, Equations, rows_of
from gavel_opt.solver.settings import SETTINGS

STEADY, ROUNDING = 1e-6, 1e-4
LIMIT, PATIENCE = 60, 6
BACK = 0.9
ABOVE = 0.3


@dataclass(frozen=True)
class Body:
    """Jobs that may mix, and what there is for them.

    Attributes
    ----------
    rate, use, count, needs
        Rates ``(G, J)``, workers that a job takes, jobs, and levels, ``(G,)``.
    at, held
        Types of each job, ``(G, K)``, and which of them are but there to fill up.
    above, idles
        Whether a job may be above its level, and whether it may be idle.
    levelled
        Whether its level says something that its time does not.
    workers, left_over
        Workers that others leave, and of which types some may be left over, ``(J,)``.
    main
        A type whose row follows from the others, or -1.
    """

    rate: Floats
    use: Floats
    count: Floats
    needs: Floats
    at: Ints
    held: Bools
    above: Bools
    idles: Bools
    levelled: Bools
    workers: Floats
    left_over: Bools
    main: int


def centre(body: Body, hopeless: Callable[[Floats], bool] | None = None) -> tuple[Floats, int]:
    """Shares of each job's types, shape ``(G, K)``, and how many steps that took; none if there is no centre.

    Prices are asked now and then whether it is ``hopeless``.
    """
    columns = Columns(body.rate, body.use, body.at)
    rate, each, held = columns.rate, columns.each, body.held
    above, idles, levelled, over = body.above, body.idles, body.levelled, body.left_over
    used_at_all = columns.by_type(np.where(held, 0.0, 1.0)) > 0.0
    weight = np.where(held, 0.0, body.count[:, None])
    slack = SETTINGS.slack_weight * body.count
    x, s, u = _start(body, rate)
    z = weight / x
    z_s, z_u = np.where(above, slack, 0.0) / s, np.where(idles, slack, 0.0) / u
    left = np.where(
        over,
        np.maximum(body.workers - columns.uses(np.where(held, 0.0, x)), 0.1 * body.workers),
        1.0,
    )
    crowded = (body.count.sum() + 1.0) / body.workers
    z_left = np.where(over, np.maximum(1.0 / left, crowded), 0.0)
    last = np.inf
    for step in range(LIMIT):
        d = np.where(held, 0.0, x / z)
        d_s, d_u = np.where(above, s / z_s, 0.0), np.where(idles, u / z_u, 0.0)
        d_left = np.where(over, left / z_left, 0.0)
        idle_rows = np.where(used_at_all, 0.0, 1.0)
        rows = np.stack([d_s, d_u, np.where(levelled, 1.0, 0.0)])
        equations = Equations(columns, d, rows, d_left + idle_rows, body.main)
        if not equations.works:
            return x, 0
        earns = weight / x
        shares = np.where(held, 0.0, x)
        level = body.needs - rows_of(rate, shares) + np.where(above, s, 0.0)
        level += np.where(above, slack / np.where(above, z_s, 1.0), 0.0)
        time = 1.0 - shares.sum(axis=1) - np.where(idles, u, 0.0)
        time -= np.where(idles, slack / np.where(idles, z_u, 1.0), 0.0)
        change, _ = equations.shares(earns, level, time)
        missing = body.workers - columns.uses(shares) - np.where(over, left, 0.0)
        missing -= np.where(over, 1.0 / np.where(over, z_left, 1.0), 0.0)
        missing -= columns.uses(change)
        price = equations.prices(np.where(used_at_all, missing, 0.0))
        if hopeless is not None and step % PATIENCE == PATIENCE - 1 and hopeless(price):
            return x, 0
        earns -= each * columns.of_type(price)
        dx, (lam, q) = equations.shares(earns, level, time)
        part, part_s = dx / x, d_s * (slack / s - lam) / s
        part_u, part_left = d_u * (slack / u - q) / u, d_left * (1.0 / left - price) / left
        down = np.maximum(np.maximum(-part.min(axis=1), -part_s), -part_u)
        moved = max(abs(part).max(), abs(part_s).max(), abs(part_u).max(), abs(part_left).max())
        if not np.isfinite(moved):
            return x, 0
        length = np.where(down > BACK, BACK / np.maximum(down, BACK), 1.0)
        # duals after a full step: x (z + dz) + z dx = w
        off = weight / x - z * part
        off_s = np.where(above, slack / s - z_s * part_s, z_s)
        off_u = np.where(idles, slack / u - z_u * part_u, z_u)
        off_left = np.where(over, 1.0 / left - z_left * part_left, z_left)
        fall = np.where(held, 0.0, 1.0 - off / z).max(axis=1)
        fall = np.maximum(fall, np.where(above, 1.0 - off_s / z_s, 0.0))
        fall = np.maximum(fall, np.where(idles, 1.0 - off_u / z_u, 0.0))
        fall_left = np.where(over, 1.0 - off_left / z_left, 0.0)
        dual = np.where(fall > BACK, BACK / np.maximum(fall, BACK), 1.0)
        x *= 1.0 + length[:, None] * part
        s *= 1.0 + length * part_s
        u *= 1.0 + length * part_u
        down_left, fall_left = -part_left.min(), fall_left.max()
        left *= 1.0 + (BACK / down_left if down_left > BACK else 1.0) * part_left
        z += dual[:, None] * (off - z)
        z_s += dual * (off_s - z_s)
        z_u += dual * (off_u - z_u)
        z_left += (BACK / fall_left if fall_left > BACK else 1.0) * (off_left - z_left)
        if moved <= STEADY or last <= moved <= ROUNDING:
            return np.where(held, 0.0, x), step + 1
        last = moved
    return x, 0


def _start(body: Body, rate: Floats) -> tuple[Floats, Floats, Floats]:
    """Shares that reach the levels, and slacks of level and time: 1 where there are none."""
    on, needs = ~body.held, body.needs
    many = on.sum(axis=1)
    # at a level: those not above it, idle too, and those above it, in equal parts
    low, high = on & (rate <= needs[:, None]), on & (rate > needs[:, None])
    lows = low.sum(axis=1) + body.idles
    highs = np.maximum(high.sum(axis=1), 1)
    slow = (rate * low).sum(axis=1) / np.maximum(lows, 1)
    fast = (rate * high).sum(axis=1) / highs
    part = np.where(body.levelled, (needs - slow) / (fast - slow), 1.0)
    each = np.where(high, (part / highs)[:, None], ((1.0 - part) / np.maximum(lows, 1))[:, None])
    fixed = ~body.levelled & ~body.idles
    each[fixed] = 1.0 / many[fixed, None]
    u = np.where(body.idles, (1.0 - part) / np.maximum(lows, 1), 1.0)
    s = np.ones(needs.size)
    if body.above.any():
        some = body.above
        crowded = (body.count.sum() + 1.0) / body.workers
        price = (body.use / body.count)[some, None] * crowded[body.at[some]]
        x = np.where(on[some], 1.0 / (body.workers.size + SETTINGS.slack_weight + price), 0.0)
        reach, top = rows_of(rate[some], x), np.where(on[some], rate[some], 0.0).max(axis=1)
        need = needs[some]
        ask = need + ABOVE * (top - need) * need / top
        short = np.clip((ask - reach) / (top - reach), 0.0, None)
        x *= (1.0 - short)[:, None]
        best = np.where(on[some], rate[some], 0.0).argmax(axis=1)
        x[np.arange(best.size), best] += short
        each[some] = x
        u[some] = 1.0 - x.sum(axis=1)
        s[some] = rows_of(rate[some], x) - need
    each[body.held] = 1.0
    return each, s, u
