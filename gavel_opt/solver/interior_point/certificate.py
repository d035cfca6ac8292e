r"""The certificate, computed from the program and the answer alone.

The duals are made feasible on the spot (negative ones cut off, time duals raised until no reduced
cost is negative), so their value bounds the optimum from above by weak duality, whatever the way
they were found; the gap is then an upper bound of the relative error of the objective. For
finish-time fairness the bound is that of the level program at the answer's own ratio, whose optimum
is 1 there; its relative error is not smaller than that of the ratio.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.gap import LEVEL_SIZE, relative_gap
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.interior_point.predictor_corrector import bend_rows
from gavel_opt.solver.interior_point.scaling import jobs_of
from gavel_opt.solver.records import Tables

CLEAR = 1e-11
"""Reduced costs above this part of a job's share of the objective are positive."""
MULTIPLES = 8
"""How many powers of ten of the first program's duals are tried, from 1."""


class Sums(NamedTuple):
    """Levels, time and workers at the shares, ``(G,)``, ``(G,)``, ``(J,)``; or the duals of these rows."""

    level: Floats
    time: Floats
    capacity: Floats


@compiled
def certify(tables: Tables, times: float) -> tuple[float, float, float, bool]:
    """Primal residual, dual residual and gap, all relative, and whether the face is proved too.

    The face is right if whatever it holds at zero costs something: then it is zero in all optima.

    Parameters
    ----------
    times
        If positive, the face's best point is judged among all points with the levels reached, by its own
        duals and so many times the first program's. Whatever costs something there is zero on the
        face, so these duals, taken often enough, keep it there without the face.
    """
    bend_rows(tables)
    groups, types, scalar = tables.groups, tables.types, tables.scalars[0]
    reached = Sums(np.zeros(len(groups)), np.zeros(len(groups)), np.zeros(len(types)))
    primal, value = _use_of_shares(tables, reached)
    dual = Sums(np.empty(len(groups)), np.empty(len(groups)), np.empty(len(types)))
    primal, pull = _rows(tables, times, reached, dual, primal)
    least = CLEAR * max(abs(value), 1e-300) / max(jobs_of(groups), 1.0)
    bound = 0.0
    for j in range(len(types)):
        bound += types[j].workers * dual.capacity[j]
    clear = _raise_time_duals(tables, times, dual, least)
    for i in range(len(groups)):
        bound += dual.time[i]
        if not scalar.curved:
            bound -= dual.level[i] * groups[i].floor
    residual = 0.0
    if scalar.curved:
        value = 1.0
        bound = bound / pull if pull > 0.0 else math.inf
    elif scalar.level_worth > 0.0:
        residual = abs(1.0 - pull)
    gap = relative_gap(value, bound, LEVEL_SIZE)
    if not (math.isfinite(primal) and math.isfinite(residual) and math.isfinite(gap)):
        return math.inf, math.inf, math.inf, False
    return primal, residual, gap, clear


@compiled
def certify_among_all(tables: Tables) -> tuple[float, float, float]:
    """Primal residual, dual residual and gap, of the multiple of the first duals that proves best."""
    best = math.inf, math.inf, math.inf
    times = 1.0
    for _ in range(MULTIPLES):
        primal, dual, gap, _ = certify(tables, times)
        if max(primal, dual, gap) < max(best[0], best[1], best[2]):
            best = primal, dual, gap
        times *= 10.0
    return best


@compiled
def _use_of_shares(tables: Tables, reached: Sums) -> tuple[float, float]:
    """Levels, time and workers; the largest negative share, and the objective."""
    columns, cells, combinations, groups, types, _, scalars = tables
    width, level, time, used = len(types), reached.level, reached.time, reached.capacity
    primal, value = 0.0, scalars[0].level_worth * scalars[0].t
    for i in range(len(groups)):
        use = combinations[i].use
        for j in range(width):
            column, x = columns[i * width + j], cells[i * width + j].x
            primal = max(primal, -x)
            value += column.reward * x
            used[j] += use * x
            level[i] += column.rate * x
            time[i] += x
    for m in range(len(groups), len(combinations)):
        pair = combinations[m]
        for j in range(width):
            column, x = columns[m * width + j], cells[m * width + j].x
            primal = max(primal, -x)
            value += column.reward * x
            used[j] += pair.use * x
            level[pair.one] += column.rate * x
            level[pair.two] += column.rate_two * x
            time[pair.one] += pair.time * x
            time[pair.two] += pair.time_two * x
    return primal, value


@compiled
def _rows(
    tables: Tables, times: float, reached: Sums, dual: Sums, primal: float
) -> tuple[float, float]:
    """Duals cut off at zero; the largest violation, and the coefficient of t in the duals' bound."""
    _, _, _, groups, types, rows, scalars = tables
    curved = scalars[0].curved
    tilt, pull = 0.0 if curved else scalars[0].t, 0.0
    for i in range(len(groups)):
        group = groups[i]
        need = group.floor + group.slope * tilt
        size = abs(group.floor) + abs(reached.level[i]) + 1e-9
        primal = max(primal, (need - reached.level[i]) / size, reached.time[i] - 1.0)
        dual.level[i] = _dual(rows[2 * i], times)
        dual.time[i] = _dual(rows[2 * i + 1], times)
        pull += dual.level[i] * (group.floor if curved else group.slope)
    for j in range(len(types)):
        workers = types[j].workers
        primal = max(primal, (reached.capacity[j] - workers) / max(workers, 1e-9))
        dual.capacity[j] = _dual(rows[2 * len(groups) + j], times)
    return primal, pull


@compiled
def _dual(row: Any, times: float) -> float:
    """A row's dual; a slack held at zero makes its row an equality, and the dual free."""
    if times > 0.0:
        return float(max(row.z + times * row.first_z, 0.0))
    return float(max(row.z, 0.0) if row.weight > 0.0 else row.z)


@compiled
def _raise_time_duals(tables: Tables, times: float, dual: Sums, least: float) -> bool:
    """Raise time duals until no reduced cost is negative; whether all off the face cost something."""
    columns, cells, combinations, groups, types, _, _ = tables
    width, lam, q, p = len(types), dual.level, dual.time, dual.capacity
    clear = True
    for i in range(len(groups)):
        use, short = combinations[i].use, 0.0
        for j in range(width):
            column, cell = columns[i * width + j], cells[i * width + j]
            weight = cell.first_weight if times > 0.0 else cell.weight
            if weight > 0.0:
                cost = use * p[j] + q[i] - column.rate * lam[i] - column.reward
                short = min(short, cost)
                clear = clear and (cell.face > 0.0 or cost > least * weight)
        q[i] -= short
    for m in range(len(groups), len(combinations)):
        pair, short = combinations[m], 0.0
        one, two = pair.one, pair.two
        for j in range(width):
            column, cell = columns[m * width + j], cells[m * width + j]
            weight = cell.first_weight if times > 0.0 else cell.weight
            if weight > 0.0:
                cost = pair.use * p[j] + pair.time * q[one] + pair.time_two * q[two]
                cost -= column.rate * lam[one] + column.rate_two * lam[two]
                cost -= column.reward
                short = min(short, cost)
        q[one] -= short / pair.time
    return clear
