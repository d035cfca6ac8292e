r"""The optimal face: what is zero in every optimum, the centre of the rest, exact duals.

In every linear program with an optimum there is a strictly complementary pair of optima: each
variable is either zero in all optima, or has a reduced cost of zero in all dual optima (Goldman and
Tucker). The central path ends in such a pair, at the centre of the optimal face: the point
that maximises :math:`\sum_i w_i \log x_i` over the variables that are not zero in all optima. It is
unique, treats identical jobs alike and does not know the order of jobs.

The path method says which variables are zero; Newton's method on the face itself then finds the centre to the
last digits, with the others exactly zero.

With :math:`D = \mathrm{diag}(x^2 / w)`, Newton's step for the centre is :math:`dx = D (w / x - A^T dy)`, of the form
that the path's steps have.
"""

from __future__ import annotations

import math

from gavel_opt.kernels.dense import quotient
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.interior_point.scaling import jobs_of
from gavel_opt.solver.records import Tables
from gavel_opt.solver.settings import SETTINGS


@compiled
def save_point(tables: Tables) -> None:
    """Remember the point on the path."""
    for variables in (tables.cells, tables.rows):
        for n in range(len(variables)):
            v = variables[n]
            v.saved_x, v.saved_z = v.x, v.z
    tables.scalars[0].saved_t = tables.scalars[0].t


@compiled
def restore_point(tables: Tables) -> None:
    """Go back to the point on the path."""
    for variables in (tables.cells, tables.rows):
        for n in range(len(variables)):
            v = variables[n]
            v.x, v.z = v.saved_x, v.saved_z
    tables.scalars[0].t = tables.scalars[0].saved_t


@compiled
def restrict(tables: Tables) -> None:
    """Hold at zero what shrank by a larger part than its dual in the last step."""
    for variables in (tables.cells, tables.rows):
        for n in range(len(variables)):
            v = variables[n]
            stays = v.weight > 0.0 and v.dx * (v.z - v.dz) >= v.dz * (v.x - v.dx)
            v.face = v.weight if stays else 0.0
            if not stays:
                v.x = 0.0


@compiled
def aim_at_centre(tables: Tables) -> None:
    """Ratios and right-hand sides of Newton's method for the centre; residuals are there."""
    tables.scalars[0].t_residual = 0.0
    for variables in (tables.cells, tables.rows):
        for n in range(len(variables)):
            v = variables[n]
            on = v.face > 0.0
            v.ratio = v.x * v.x / v.face if on else 0.0
            v.rhs = quotient(v.face, v.x) if on else 0.0
            v.dual_residual = 0.0
    for i in range(len(tables.groups)):
        tables.groups[i].bend = 0.0


@compiled
def towards_centre(tables: Tables) -> float:
    """Take Newton's step, shortened to stay inside; the largest relative change asked for."""
    moved, down = 0.0, 0.0
    for variables in (tables.cells, tables.rows):
        for n in range(len(variables)):
            v = variables[n]
            if v.face > 0.0:
                part = quotient(v.dx, v.x)
                moved, down = max(moved, abs(part)), max(down, -part)
    if not math.isfinite(moved):
        return math.inf
    back = SETTINGS.newton_back
    length = back / down if down > back else 1.0
    for variables in (tables.cells, tables.rows):
        for n in range(len(variables)):
            v = variables[n]
            if v.face > 0.0:
                v.x += length * v.dx
    tables.scalars[0].t += length * tables.scalars[0].dt
    return moved


@compiled
def aim_at_duals(tables: Tables) -> None:
    """Right-hand sides for duals that vanish on the face: a least-squares step from the path's.

    Residuals are there, the ratios (and their factors) are those of the centre.
    """
    for n in range(len(tables.cells)):
        cell = tables.cells[n]
        cell.rhs = -(cell.z + cell.dual_residual)
    for n in range(len(tables.rows)):
        row = tables.rows[n]
        row.rhs = -row.z
        row.primal_residual = 0.0


@compiled
def take_duals(tables: Tables) -> None:
    """Add the step to the duals, with exact zeros where the slack is not zero."""
    for n in range(len(tables.rows)):
        row = tables.rows[n]
        row.z = 0.0 if row.face > 0.0 else row.z + row.dz


@compiled
def enter_face(tables: Tables) -> bool:
    """Make the face a program of its own: t at its value, the levels' total worth as objective.

    It starts at the face's centre, with duals that centre it for a gap of the order of the
    objective. Returns whether there is anything to gain: not where nobody runs, and nobody does where the face was lost.
    """
    scalar = tables.scalars[0]
    most = _worth_of_levels(tables)
    if not most > 0.0:
        return False
    scalar.t, scalar.level_worth, scalar.curved = 0.0, 0.0, False
    mu = 1.0 / max(jobs_of(tables.groups), 1.0)
    free = 0.0
    for n in range(len(tables.cells)):
        tables.columns[n].reward /= most
    for variables in (tables.cells, tables.rows):
        for n in range(len(variables)):
            v = variables[n]
            v.first_weight, v.first_z = v.weight, v.z
            v.weight = v.face
            v.z = quotient(mu * v.face, v.x) if v.face > 0.0 else 0.0
            free += v.face
    return free > 0.0


@compiled
def _worth_of_levels(tables: Tables) -> float:
    """Reward each share by what it adds to levels, which become floors; the reward of the centre."""
    columns, cells, combinations, groups, types, _, scalars = tables
    width, most = len(types), 0.0
    for i in range(len(groups)):
        group = groups[i]
        if not scalars[0].curved:
            group.floor += group.slope * scalars[0].t
        group.slope = group.bend = 0.0
        for j in range(width):
            column = columns[i * width + j]
            worth = 0.0
            if group.scale > 0.0:
                worth = group.jobs * group.gain * column.rate / group.scale
            column.reward = worth
            most += worth * cells[i * width + j].x
    for m in range(len(groups), len(combinations)):
        one, two = groups[combinations[m].one], groups[combinations[m].two]
        for j in range(width):
            column = columns[m * width + j]
            worth = 0.0
            if one.scale > 0.0:
                worth += one.jobs * one.gain * column.rate / one.scale
            if two.scale > 0.0:
                worth += two.jobs * two.gain * column.rate_two / two.scale
            column.reward = worth
            most += worth * cells[m * width + j].x
    return most
