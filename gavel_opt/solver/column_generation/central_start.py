"""A vertex near the optimum of a program of many groups, for column generation to start from: pairs priced in at central prices.

From nothing, the simplex method takes up to a dozen pivots for each row of a program in which workers just about suffice, and its
prices, at a vertex of a program with few pairs, jump from round to round. The interior point method's are in the midst
of those that are nearly optimal, so few rounds of rough ones tell which pairs matter; a last, exact solution goes on to a vertex, and
the simplex method has little left to do.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Ints
from gavel_opt.solver.column_generation.pair_pricing import EACH, paying_columns
from gavel_opt.solver.column_generation.restricted_master import RestrictedMaster
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram

FROM = 1000
"""Groups from which on this is faster nearly everywhere (from 700 on where workers are for two of five)."""
_SOON = 1.25
"""Pivots for each group within which the simplex method solves groups alone from nothing where it does as well with pairs."""
_GAPS = 1.0, 0.3, 0.1, 0.1, 0.03, 0.01, 0.001, 0.001, 0.001
_GAPS_FROM_SOME = (0.03,)
"""Parts of the objective up to which rounds are solved, from nothing and where most pairs that matter are there: one will do then."""
_ENOUGH = 5e-3
"""Part of the objective that pairs outside may still be worth when the rounds end."""
_STAYS, _AT_LAST = 2.0, 0.3
"""Reduced costs beyond which columns are dropped again, in parts of a job's share of the objective; and after the last round."""


def near_optimum(program: ScaledProgram, alone: RestrictedMaster) -> RestrictedMaster | None:
    """The program with the pairs that matter, at an optimal vertex; None where the simplex method does as well from groups ``alone``."""
    groups = program.rate.shape[0]
    if not is_for(program) or alone.is_solved_within(round(_SOON * groups)):
        return None
    return _in_rounds(program, np.empty(0, dtype=np.int64), _GAPS)


def nearer(program: ScaledProgram, column: Ints) -> RestrictedMaster | None:
    """The same, from columns of pairs most of which matter, as those of the last program do."""
    return _in_rounds(program, column, _GAPS_FROM_SOME)


def is_for(program: ScaledProgram) -> bool:
    """Whether a program is one for which this pays."""
    return program.has_level and program.rate.shape[0] >= FROM


def _in_rounds(
    program: ScaledProgram, column: Ints, gaps: tuple[float, ...]
) -> RestrictedMaster | None:
    share = 1.0 / float(program.count.sum())
    for gap in gaps:
        master = _with(program, column)
        prices = master.central_prices(gap) if master.usable else None
        if prices is None:
            return None
        found, cost = paying_columns(program.pairs, prices, EACH, 1e-9 * share)
        enough = -float(np.minimum(cost.min(axis=1), 0.0).sum()) < _ENOUGH
        stays = program.pair_costs(column, prices) < (_AT_LAST if enough else _STAYS) * share
        column = np.union1d(column[stays], found[found >= 0])
        if enough:
            break
    master = _with(program, column)
    return master if master.reach_vertex() else None


def _with(program: ScaledProgram, column: Ints) -> RestrictedMaster:
    """The program with few of its pairs; from nothing, for the last one is the interior point method's no start."""
    master = RestrictedMaster(program, None)
    master.add(column)
    return master
