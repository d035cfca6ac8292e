"""From a program's own numbers to scaled ones; where to start."""

from __future__ import annotations

import math
from typing import Any

from gavel_opt.arrays import Floats
from gavel_opt.kernels.dense import quotient
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.interior_point.idle_pairs import pairs_of_jobs
from gavel_opt.solver.interior_point.predictor_corrector import bend_rows
from gavel_opt.solver.records import Tables
from gavel_opt.solver.settings import SETTINGS

START = 0.9
"""Part of the workers, at most, that shares take where the method starts; half of it with pairs."""
AHEAD = 0.3
"""How far levels are above what they must be there; an even split has the level 1."""
TAKEN_UP = 1e-12
"""Workers left over by those who decide the level, as a part of all, that are rounding: others get none."""


@compiled
def scale_program(tables: Tables) -> None:
    """Scale the tables: level rows by ``scale``, t by 1 / ``unit``, the objective by ``worth``.

    A level row is divided by its slope (or by the largest rate, where it has none), t by the level
    that an even split would give, the objective by its own size: most numbers are near 1. A group
    without a level row gets one that says ``0 >= -1``.
    """
    scalar = tables.scalars[0]
    has_level = scalar.curved
    for i in range(len(tables.groups)):
        group = tables.groups[i]
        if scalar.curved:
            group.scale = 1.0 / group.steps
        elif group.slope > 0.0:
            group.scale = 1.0 / group.slope
            has_level = True
    scalar.level_worth = 1.0 if has_level else 0.0
    demand, supply = _demand_and_supply(tables)
    scalar.unit = _level_of_even_split(tables, max(demand, supply))
    scalar.worth = 1.0 / scalar.unit
    if scalar.curved:
        scalar.worth = 1.0
    elif scalar.rewarded and not has_level:
        best = _largest_reward(tables, demand)
        scalar.worth = 1.0 / best if best > 0.0 else 1.0
    _scale_groups(tables)
    _scale_pairs(tables)


@compiled
def _demand_and_supply(tables: Tables) -> tuple[float, float]:
    """Workers that all groups take, and workers that there are."""
    demand, supply = 0.0, 0.0
    for i in range(len(tables.groups)):
        demand += tables.combinations[i].use
    for j in range(len(tables.types)):
        supply += tables.types[j].workers
    return demand, supply


@compiled
def _level_of_even_split(tables: Tables, most: float) -> float:
    """Mean over demand of the level of an even split, harmonic: slow jobs are what levels hang on."""
    columns, _, combinations, groups, types, _, _ = tables
    rated, inverse = 0.0, 0.0
    for i in range(len(groups)):
        level = 0.0
        for j in range(len(types)):
            rate = columns[i * len(types) + j].rate
            level += groups[i].scale * rate * types[j].workers / most
        if level > 0.0:
            rated += combinations[i].use
            inverse += combinations[i].use / level
    return rated / inverse if rated > 0.0 else 1.0


@compiled
def _largest_reward(tables: Tables, demand: float) -> float:
    """What the workers would bring if each did what brings most on it."""
    columns, _, combinations, groups, types, _, _ = tables
    best = 0.0
    for j in range(len(types)):
        most = 0.0
        for m in range(len(combinations)):
            reward, use = columns[m * len(types) + j].own_reward, combinations[m].use
            most = max(most, reward * groups[m].jobs / use if m < len(groups) else reward / use)
        best += most * min(types[j].workers, demand)
    return best


@compiled
def _scale_groups(tables: Tables) -> None:
    """Scale each group's level row and columns, and set the weights of its variables."""
    columns, cells, _, groups, types, rows, scalars = tables
    scalar, width = scalars[0], len(types)
    unit = scalar.unit
    for j in range(width):
        rows[2 * len(groups) + j].weight = 1.0
    for i in range(len(groups)):
        group = groups[i]
        rows[2 * i].weight = rows[2 * i + 1].weight = SETTINGS.slack_weight * group.jobs
        row = scalar.curved or group.slope > 0.0 or group.floor > -math.inf
        if row and group.scale == 0.0:
            most = 0.0
            for j in range(width):
                most = max(most, columns[i * width + j].rate)
            group.scale = unit / most if most > 0.0 else unit
        group.scale /= unit
        if scalar.curved:
            group.age *= unit
            group.isolated *= unit
            group.slope = 1.0
        elif row:
            group.slope = group.slope * group.scale * unit
            group.floor *= group.scale
        else:
            group.scale = 0.0
            group.floor = -1.0
        for j in range(width):
            column = columns[i * width + j]
            column.rate *= group.scale
            if scalar.rewarded:
                column.reward = column.own_reward * group.jobs * scalar.worth
            # a type that neither helps the level nor pays is never used
            if column.rate > 0.0 or column.reward > 0.0:
                cells[i * width + j].weight = group.jobs


@compiled
def _scale_pairs(tables: Tables) -> None:
    """Scale the pairs' columns; a pair of a group with itself counts with the first side alone."""
    columns, cells, combinations, groups, types, _, scalars = tables
    worth, width = scalars[0].worth, len(types)
    for m in range(len(groups), len(combinations)):
        pair = combinations[m]
        one, two = groups[pair.one], groups[pair.two]
        same = pair.one == pair.two
        stands_for = pairs_of_jobs(groups, pair)
        for j in range(width):
            column = columns[m * width + j]
            first = pair.time * column.rate * one.scale
            second = pair.time_two * column.rate_two * two.scale
            if scalars[0].rewarded:
                column.reward = column.own_reward * worth
            if first > 0.0 or second > 0.0 or column.reward > 0.0:
                cells[m * width + j].weight = stands_for
            column.rate, column.rate_two = first, second
            if same:
                column.rate, column.rate_two = first + second, 0.0
        if same:
            pair.time += pair.time_two
            pair.time_two = 0.0


@compiled
def start(tables: Tables) -> None:
    """Start inside all bounds, where no variable is near zero against its weight."""
    demand, supply = _demand_and_supply(tables)
    jobs = jobs_of(tables.groups)
    with_pairs = len(tables.combinations) > len(tables.groups)
    _start_shares(tables, START * (0.5 if with_pairs else 1.0) / max(demand, supply), jobs)
    size = _start_levels(tables, jobs)
    for j in range(len(tables.types)):
        row = tables.rows[2 * len(tables.groups) + j]
        row.z = 0.5 * size / supply if supply > 0.0 else 1.0
    _start_duals(tables, size, jobs)


@compiled
def jobs_of(groups: Any) -> float:
    """How many jobs there are."""
    jobs = 0.0
    for i in range(len(groups)):
        jobs += groups[i].jobs
    return jobs


@compiled
def _start_shares(tables: Tables, part: float, jobs: float) -> None:
    """Share each type out evenly; slacks of time and capacity are what is left, of levels all."""
    columns, cells, combinations, groups, types, rows, _ = tables
    width = len(types)
    for i in range(len(groups)):
        rows[2 * i + 1].x = 1.0
    for j in range(width):
        share = part * types[j].workers
        left = types[j].workers
        for i in range(len(groups)):
            cell = cells[i * width + j]
            if cell.weight > 0.0:
                cell.x = share
                rows[2 * i].x += columns[i * width + j].rate * share
                rows[2 * i + 1].x -= share
                left -= combinations[i].use * share
        for m in range(len(groups), len(combinations)):
            pair, cell, column = combinations[m], cells[m * width + j], columns[m * width + j]
            if cell.weight > 0.0:
                y = share * cell.weight / jobs
                cell.x = y
                rows[2 * pair.one].x += column.rate * y
                rows[2 * pair.one + 1].x -= pair.time * y
                rows[2 * pair.two].x += column.rate_two * y
                rows[2 * pair.two + 1].x -= pair.time_two * y
                left -= pair.use * y
        rows[2 * len(groups) + j].x = left


@compiled
def _start_levels(tables: Tables, jobs: float) -> float:
    """Find t below all levels, which stand as slacks, and their duals; the size of the objective."""
    _, _, _, groups, _, rows, scalars = tables
    scalar = scalars[0]
    if scalar.curved:
        worst = 0.0
        for i in range(len(groups)):
            worst = max(
                worst, quotient(groups[i].age + quotient(1.5, rows[2 * i].x), groups[i].isolated)
            )
        scalar.t = -worst
        bend_rows(tables)
    else:
        scalar.t = math.inf
        for i in range(len(groups)):
            group = groups[i]
            if group.slope > 0.0:
                scalar.t = min(scalar.t, (rows[2 * i].x - group.floor) / group.slope - AHEAD)
        if scalar.t == math.inf:
            scalar.t = 0.0
    sloped, size = 0.0, 0.0
    for i in range(len(groups)):
        sloped += groups[i].jobs * groups[i].slope
    for i in range(len(groups)):
        group, level = groups[i], rows[2 * i]
        level.x -= group.floor
        if not scalar.curved:
            least = AHEAD if group.slope == 0.0 else 0.0
            level.x = max(level.x - group.slope * scalar.t, least)
        level.z = group.jobs / (sloped if sloped > 0.0 else jobs)
        size += level.z * group.floor
    return size if scalar.curved else 1.0


@compiled
def _start_duals(tables: Tables, size: float, jobs: float) -> None:
    """Time duals and reduced costs that fit the prices and are well above zero."""
    columns, cells, combinations, groups, types, rows, _ = tables
    width, prices = len(types), 2 * len(groups)
    for i in range(len(groups)):
        use, lam, q = combinations[i].use, rows[2 * i].z, 0.0
        for j in range(width):
            column = columns[i * width + j]
            q = max(q, column.rate * lam + column.reward - use * rows[prices + j].z)
        q = q + 0.5 * size * groups[i].jobs / jobs
        rows[2 * i + 1].z = q
        for j in range(width):
            column, cell = columns[i * width + j], cells[i * width + j]
            if cell.weight > 0.0:
                cell.z = use * rows[prices + j].z + q - column.rate * lam - column.reward
    for m in range(len(groups), len(combinations)):
        pair = combinations[m]
        cost = pair.time * rows[2 * pair.one + 1].z + pair.time_two * rows[2 * pair.two + 1].z
        for j in range(width):
            column, cell = columns[m * width + j], cells[m * width + j]
            if cell.weight > 0.0:
                z = pair.use * rows[prices + j].z + cost - column.reward
                z -= column.rate * rows[2 * pair.one].z + column.rate_two * rows[2 * pair.two].z
                cell.z = max(z, 0.3 * size * cell.weight / (jobs * jobs))


@compiled
def stand_at(tables: Tables, x: Floats, level: float, level_dual: Floats) -> None:
    """Put a centre into the tables: ``x`` at ``level``, decided by the groups with a dual."""
    columns, cells, combinations, groups, types, rows, scalars = tables
    scalar, width = scalars[0], len(types)
    scalar.t = -level if scalar.curved else level / scalar.unit
    bend_rows(tables)
    for j in range(width):
        row = rows[2 * len(groups) + j]
        row.x, row.z, row.face = types[j].workers, 0.0, row.weight
        left = types[j].workers
        for i in range(len(groups)):
            if level_dual[i] > 0.0:
                left -= combinations[i].use * x[i, j]
        if left <= TAKEN_UP * types[j].workers:
            row.x = row.face = 0.0
    for i in range(len(groups)):
        group, levels, time = groups[i], rows[2 * i], rows[2 * i + 1]
        s, u = -group.floor - (0.0 if scalar.curved else group.slope * scalar.t), 1.0
        decides = level_dual[i] > 0.0
        for j in range(width):
            cell = cells[i * width + j]
            row = rows[2 * len(groups) + j]
            cell.x = x[i, j] if decides or row.face > 0.0 else 0.0
            cell.face = cell.weight if cell.x > 0.0 else 0.0
            s += columns[i * width + j].rate * cell.x
            u -= cell.x
            if row.face > 0.0:
                row.x -= combinations[i].use * cell.x
        levels.z = level_dual[i] * scalar.worth / group.scale if decides else 0.0
        time.z = 0.0
        levels.x, time.x = (0.0, 0.0) if decides else (s, u)
        levels.face = 0.0 if decides else levels.weight
        time.face = 0.0 if decides else time.weight
