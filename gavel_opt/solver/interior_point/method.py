"""One program, one compiled call: scale, follow the path, centre on the face, certify."""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.dense import copy_into, quotient
from gavel_opt.kernels.jit import compiled, compiled_apart
from gavel_opt.solver.interior_point.certificate import certify, certify_among_all
from gavel_opt.solver.interior_point.idle_pairs import close_idle, open_idle
from gavel_opt.solver.interior_point.kkt_alone import by_formula, factor_groups, solve_groups
from gavel_opt.solver.interior_point.kkt_pairs import factor_pairs, solve_pairs
from gavel_opt.solver.interior_point.optimal_face import (
    aim_at_centre,
    aim_at_duals,
    enter_face,
    restore_point,
    restrict,
    save_point,
    take_duals,
    towards_centre,
)
from gavel_opt.solver.interior_point.predictor_corrector import (
    aim_at,
    aim_at_zero,
    gap_after,
    longest,
    move,
    residuals,
    total_weight,
)
from gavel_opt.solver.interior_point.scaling import scale_program, stand_at, start
from gavel_opt.solver.records import Found, System, Tables
from gavel_opt.solver.settings import SETTINGS

OBJECTIVE, LEVEL, PRIMAL, DUAL, GAP, ITERATIONS, WORTH_PRIMAL, WORTH_DUAL, WORTH_GAP = range(9)


@compiled_apart
def solve_program(
    narrow: Tables,
    wide: Tables,
    centre: Floats,
    level: float,
    level_dual: Floats,
    efficient: bool,
) -> Found:
    """Solve one program (:func:`gavel_opt.solver.tables.tables_of`).

    Parameters
    ----------
    narrow, wide
        The program without pairs that only idle, and with all; the tables are used up.
    centre, level, level_dual
        A canonical optimum of a level that one job decides, from where the efficient optimum is sought; ``centre`` is
        empty if there is none.
    efficient
        Whether the efficient optimum is wanted, not the canonical one.
    """
    groups, types = len(wide.groups), len(wide.types)
    found = Found(
        np.zeros((len(wide.combinations), types)),
        np.zeros(groups),
        np.zeros(types),
        np.full(9, math.nan),
    )
    system = _room(groups, types, len(wide.combinations) > groups)
    scale_program(wide)
    for n in range(len(narrow.cells)):
        narrow.cells[n].weight = wide.cells[n].weight
    start(narrow)
    summary = found.summary
    summary[PRIMAL:WORTH_PRIMAL] = 0.0
    if centre.size > 0:
        stand_at(narrow, centre, level, level_dual)
        for i in range(groups):
            copy_into(found.x[i], centre[i])
    else:
        copy_into(summary[PRIMAL:], _optimise(narrow, wide, system, found, False))
    _take_scale_off(narrow, found)
    has_level = wide.scalars[0].level_worth > 0.0
    worst = max(summary[PRIMAL], summary[DUAL], summary[GAP])
    # the face of the first program, with the first program's duals out of the way
    if efficient and has_level and worst <= SETTINGS.answers:
        if enter_face(narrow):
            second = _optimise(narrow, wide, system, found, True)
        else:  # shares, and none on the face: the path was lost, and what the face is with it
            second = np.full(3, math.inf if _anybody_runs(found.x) else 0.0)
        for n in range(second.size):
            summary[PRIMAL + n] = max(summary[PRIMAL + n], second[n])
    reached = float(summary[LEVEL]) if has_level else 0.0
    summary[OBJECTIVE] = _with_reward(narrow, found.x, reached)
    return found


@compiled
def _anybody_runs(x: Floats) -> bool:
    for m in range(x.shape[0]):
        for j in range(x.shape[1]):
            if x[m, j] > 0.0:
                return True
    return False


@compiled
def _room(groups: int, types: int, pairs: bool) -> System:
    """Room for the normal equations."""
    n = 2 * groups + types if pairs else 0
    return System(
        np.empty((groups, 15 if by_formula(types) else 3 * types + 6)),
        np.zeros((types, types)),
        np.zeros(types),
        np.zeros(types),
        np.zeros(max(9, types + 2)),
        np.zeros((n, n)),
        np.zeros((4, n)),
        np.zeros(n, np.int64),
    )


@compiled
def _optimise(narrow: Tables, wide: Tables, system: System, found: Found, second: bool) -> Floats:
    """Follow the path to the face, go to its centre, and on along the path if that was early.

    Returns the certificate of what it ``found``: of the ``second`` program that makes the face one of its own
    the shares, else all.
    """
    total, goal = total_weight(narrow), SETTINGS.first_goal
    best, certificate = math.inf, np.full(3, math.inf)
    while True:
        iterations, lost = _follow_path(narrow, system, goal, total)
        found.summary[ITERATIONS] += iterations
        save_point(narrow)
        _go_to_face(narrow, wide, system)
        primal, dual, gap, clear = certify(narrow, 0.0)
        size = max(primal, dual, gap)
        if size <= max(SETTINGS.proved, best):
            best = min(size, best)
            certificate[0], certificate[1], certificate[2] = primal, dual, gap
            _take(narrow, found, second)
        if (best <= SETTINGS.proved and clear) or lost or goal <= SETTINGS.last_goal:
            return certificate
        restore_point(narrow)
        goal *= SETTINGS.goal_step


@compiled
def _follow_path(tables: Tables, system: System, goal: float, total: float) -> tuple[int, bool]:
    """Follow the path until gap and residuals are below a goal; iterations, and whether that failed."""
    tables.scalars[0].loose = SETTINGS.path_loose
    paired = len(tables.combinations) > len(tables.groups)
    limit = SETTINGS.pairs_path_limit if paired else SETTINGS.path_limit
    for iteration in range(limit):
        gap, worst, value = residuals(tables)
        if not (math.isfinite(gap) and math.isfinite(worst)):
            return iteration, True
        if gap <= goal * (1.0 + value) and worst <= goal:
            return iteration, False
        aim_at_zero(tables)
        _factor(tables, system)
        primal, dual = _solve(tables, system)
        left = quotient(gap_after(tables, min(primal, 1.0), min(dual, 1.0)), gap)
        aim_at(tables, left * left * left * gap / total, 1.0)
        primal, dual = _solve(tables, system)
        if min(primal, dual) < SETTINGS.shy:
            aim_at(tables, SETTINGS.middle * gap / total, 0.0)
            primal, dual = _solve(tables, system)
        back = SETTINGS.back
        move(tables, min(back * primal, 1.0), min(back * dual, 1.0))
    return limit, True


@compiled
def _go_to_face(narrow: Tables, wide: Tables, system: System) -> None:
    """Hold at zero what is zero in all optima; go to the centre of the others, with its duals.

    Back to the path if there is no centre.
    """
    restrict(narrow)
    narrow.scalars[0].loose = SETTINGS.face_loose
    idles = open_idle(narrow, wide)
    tables = wide if idles else narrow
    moved = math.inf
    for _ in range(SETTINGS.limit):
        residuals(tables)
        aim_at_centre(tables)
        _factor(tables, system)
        _solve(tables, system)
        moved = towards_centre(tables)
        if moved <= SETTINGS.steady or moved == math.inf:
            break
    if not moved <= SETTINGS.steady:
        restore_point(narrow)
        return
    residuals(tables)
    aim_at_duals(tables)
    _solve(tables, system)
    take_duals(tables)
    if idles:
        close_idle(narrow, wide)


@compiled
def _factor(tables: Tables, system: System) -> None:
    """Factor the normal equations, with the structure that there is without pairs or with them."""
    if len(tables.combinations) > len(tables.groups):
        factor_pairs(tables, system)
    else:
        factor_groups(tables, system)


@compiled
def _solve(tables: Tables, system: System) -> tuple[float, float]:
    """Solve for a step with these factors; how far it can go."""
    if len(tables.combinations) > len(tables.groups):
        solve_pairs(tables, system)
    else:
        solve_groups(tables, system)
    return longest(tables)


@compiled
def _take(tables: Tables, found: Found, second: bool) -> None:
    """Take the shares, and of the first program duals and level too."""
    groups, width, rows = len(tables.groups), len(tables.types), tables.rows
    for m in range(len(tables.combinations)):
        for j in range(width):
            found.x[m, j] = tables.cells[m * width + j].x
    if second:
        primal, dual, gap = certify_among_all(tables)
        found.summary[WORTH_PRIMAL], found.summary[WORTH_DUAL] = primal, dual
        found.summary[WORTH_GAP] = gap
        return
    for i in range(groups):
        found.level_dual[i] = rows[2 * i].z
    for j in range(width):
        found.capacity_dual[j] = rows[2 * groups + j].z
    found.summary[LEVEL] = tables.scalars[0].t


@compiled
def _take_scale_off(tables: Tables, found: Found) -> None:
    """Give level and duals as the program has its numbers."""
    scalar = tables.scalars[0]
    if scalar.curved:
        found.summary[LEVEL] = -found.summary[LEVEL]
    elif scalar.level_worth > 0.0:
        found.summary[LEVEL] *= scalar.unit
    else:
        found.summary[LEVEL] = math.nan
    for i in range(len(tables.groups)):
        found.level_dual[i] *= tables.groups[i].scale / scalar.worth
    for j in range(len(tables.types)):
        found.capacity_dual[j] /= scalar.worth


@compiled
def _with_reward(tables: Tables, x: Floats, value: float) -> float:
    """The value, and the reward of all jobs and pairs, as the program has it."""
    columns, groups, width = tables.columns, tables.groups, len(tables.types)
    if tables.scalars[0].rewarded:
        for m in range(len(tables.combinations)):
            for j in range(width):
                each = columns[m * width + j].own_reward * x[m, j]
                value += each * (groups[m].jobs if m < len(groups) else 1.0)
    return value
