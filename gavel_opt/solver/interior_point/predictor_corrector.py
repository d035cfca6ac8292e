r"""Steps of the primal-dual interior point method (Mehrotra's predictor and corrector).

It follows the central path :math:`x z = \mu w`, where the weight w of a variable is the number of jobs
that it stands for. With the constraints :math:`A x = b`, slacks among the variables, residuals
:math:`r_p` of rows and :math:`r_d` of reduced costs, a step solves

.. math::

    A\,dx = r_p, \qquad dz = A^T dy + r_d, \qquad z\,dx + x\,dz = a - x z,

so :math:`dx = \frac{x}{z} (h - A^T dy)` with :math:`h = \frac{a}{x} - z - r_d`: ``ratio`` and ``rhs`` of
a variable. The aim a is 0 at first; then it is :math:`\mu w - dx\,dz`, which makes up for what the first
step neglects (S. Mehrotra, On the implementation of a primal-dual interior point method, 1992).
"""

from __future__ import annotations

import math

from gavel_opt.kernels.dense import quotient
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.records import Tables

SHORTEST_INVERSE = 1e-3
"""Nothing needs steps longer than 1 / this."""
TO_POLE = 0.9
"""Part of the way to the pole of a curved level that t may go."""


@compiled
def bend_rows(tables: Tables) -> None:
    """Value, slope and second derivative (times the dual) of F at t, if levels are curved.

    ``F(t) = f = 1 / (-t b - a)`` has the derivatives ``b f^2`` and ``2 b^2 f^3``.
    """
    scalar = tables.scalars[0]
    if scalar.curved:
        for i in range(len(tables.groups)):
            group = tables.groups[i]
            f = 1.0 / (-scalar.t * group.isolated - group.age)
            group.floor = f
            group.slope = group.isolated * f * f
            dual = max(tables.rows[2 * i].z, 0.0)
            group.bend = dual * 2.0 * f * f * f * (group.isolated * group.isolated)


# residuals -----------------------------------------------------------------------------------


@compiled
def residuals(tables: Tables) -> tuple[float, float, float]:
    """What is missing in each constraint; returns gap, largest residual, size of the objective."""
    bend_rows(tables)
    groups, types, rows, scalar = tables.groups, tables.types, tables.rows, tables.scalars[0]
    gap, worst = 0.0, 0.0
    for j in range(len(types)):
        row = rows[2 * len(groups) + j]
        row.primal_residual = types[j].workers - row.x
        gap += row.x * row.z
    value = abs(scalar.level_worth * scalar.t)
    gap, worst, value = _residuals_of_groups(tables, gap, worst, value)
    gap, worst, value = _residuals_of_pairs(tables, gap, worst, value)
    for i in range(len(groups)):
        level = abs(rows[2 * i].primal_residual) / (1.0 + abs(groups[i].floor))
        worst = max(worst, level, abs(rows[2 * i + 1].primal_residual))
    for j in range(len(types)):
        row = rows[2 * len(groups) + j]
        worst = max(worst, abs(row.primal_residual) / (1.0 + types[j].workers))
    return gap, max(worst, abs(scalar.t_residual)), value


@compiled
def _residuals_of_groups(
    tables: Tables, gap: float, worst: float, value: float
) -> tuple[float, float, float]:
    columns, cells, combinations, groups, types, rows, scalars = tables
    width, prices = len(types), 2 * len(groups)
    tilt = 0.0 if scalars[0].curved else scalars[0].t
    rest = scalars[0].level_worth
    for i in range(len(groups)):
        group, level, time, use = groups[i], rows[2 * i], rows[2 * i + 1], combinations[i].use
        lam, q = level.z, time.z
        reached = -group.floor - level.x - group.slope * tilt
        left = 1.0 - time.x
        rest -= group.slope * lam
        gap += level.x * lam + time.x * q
        for j in range(width):
            column, cell, price = columns[i * width + j], cells[i * width + j], rows[prices + j]
            x, z = cell.x, cell.z
            reached += column.rate * x
            left -= x
            price.primal_residual -= use * x
            missing = use * price.z + q - column.rate * lam - column.reward - z
            if cell.weight == 0.0:
                missing = 0.0
            cell.dual_residual = missing
            worst = max(worst, abs(missing))
            value += abs(column.reward * x)
            gap += x * z
        level.primal_residual = reached
        time.primal_residual = left
    scalars[0].t_residual = rest
    return gap, worst, value


@compiled
def _residuals_of_pairs(
    tables: Tables, gap: float, worst: float, value: float
) -> tuple[float, float, float]:
    columns, cells, combinations, groups, types, rows, _ = tables
    width, prices = len(types), 2 * len(groups)
    for m in range(len(groups), len(combinations)):
        pair = combinations[m]
        level, time = rows[2 * pair.one], rows[2 * pair.one + 1]
        level_two, time_two = rows[2 * pair.two], rows[2 * pair.two + 1]
        cost = pair.time * time.z + pair.time_two * time_two.z
        for j in range(width):
            column, cell, price = columns[m * width + j], cells[m * width + j], rows[prices + j]
            x, z = cell.x, cell.z
            level.primal_residual += column.rate * x
            level_two.primal_residual += column.rate_two * x
            time.primal_residual -= pair.time * x
            time_two.primal_residual -= pair.time_two * x
            price.primal_residual -= pair.use * x
            missing = pair.use * price.z + cost - column.reward - z
            missing -= column.rate * level.z + column.rate_two * level_two.z
            if cell.weight == 0.0:
                missing = 0.0
            cell.dual_residual = missing
            worst = max(worst, abs(missing))
            value += abs(column.reward * x)
            gap += x * z
    return gap, worst, value


# what each variable does, cells first, then rows ---------------------------------------------


@compiled
def aim_at_zero(tables: Tables) -> None:
    """Ratios at the point, and right-hand sides that aim at a gap of zero.

    Inverses are kept, 0 for what is held at zero: divisions are what an iteration costs most.
    """
    for variables in (tables.cells, tables.rows):
        for n in range(len(variables)):
            v = variables[n]
            on = v.weight > 0.0
            v.inverse_x = quotient(1.0, v.x) if on else 0.0
            v.inverse_z = quotient(1.0, v.z) if on else 0.0
            v.ratio = v.x * v.inverse_z
            v.rhs = -v.z - v.dual_residual


@compiled
def aim_at(tables: Tables, mu: float, second: float) -> None:
    """Right-hand sides that aim at ``mu``, less the part ``second`` of the last step's second order."""
    for variables in (tables.cells, tables.rows):
        for n in range(len(variables)):
            v = variables[n]
            aim = mu * v.weight - second * v.dx * v.dz
            v.rhs = aim * v.inverse_x - v.z - v.dual_residual


@compiled
def longest(tables: Tables) -> tuple[float, float]:
    """How far the step can go before a primal, a dual variable turns negative."""
    primal, dual = SHORTEST_INVERSE, SHORTEST_INVERSE
    for variables in (tables.cells, tables.rows):
        for n in range(len(variables)):
            v = variables[n]
            primal = max(primal, -v.dx * v.inverse_x)
            dual = max(dual, -v.dz * v.inverse_z)
    scalar = tables.scalars[0]
    if scalar.curved:
        for i in range(len(tables.groups)):
            group = tables.groups[i]
            room = -scalar.t * group.isolated - group.age
            primal = max(primal, scalar.dt * group.isolated / (TO_POLE * room))
    return 1.0 / primal, 1.0 / dual


@compiled
def gap_after(tables: Tables, primal: float, dual: float) -> float:
    """Gap after steps of these lengths."""
    gap = 0.0
    for variables in (tables.cells, tables.rows):
        for n in range(len(variables)):
            v = variables[n]
            if v.weight > 0.0:
                gap += (v.x + primal * v.dx) * (v.z + dual * v.dz)
    return max(gap, 0.0)


@compiled
def move(tables: Tables, primal: float, dual: float) -> None:
    """Take the step; ``dx`` and ``dz`` become the changes, for :func:`restrict`.

    The dual of a row whose slack is held at zero is free, so it moves.
    """
    for n in range(len(tables.cells)):
        v = tables.cells[n]
        if v.weight > 0.0:
            v.dx *= primal
            v.dz *= dual
            v.x += v.dx
            v.z += v.dz
    for n in range(len(tables.rows)):
        v = tables.rows[n]
        v.dx *= primal
        v.dz *= dual
        if v.weight > 0.0:
            v.x += v.dx
        v.z += v.dz
    tables.scalars[0].t += primal * tables.scalars[0].dt


@compiled
def total_weight(tables: Tables) -> float:
    """Sum of all weights: what the gap is divided by to give mu."""
    total, slacks = 0.0, 2 * len(tables.groups)
    for n in range(len(tables.cells)):
        total += tables.cells[n].weight
    for n in range(0, slacks, 2):
        total += tables.rows[n].weight + tables.rows[n + 1].weight
    for n in range(slacks, len(tables.rows)):
        total += tables.rows[n].weight
    return total if total > 0.0 and math.isfinite(total) else 1.0
