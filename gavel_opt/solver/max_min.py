"""Max-min fairness from the jobs to their shares in one compiled call.

What grouping, program, solution and spreading do one after the other (:mod:`gavel_opt.kernels.groups`,
:mod:`gavel_opt.kernels.rows`, :mod:`~gavel_opt.solver.shortcuts`), by the same functions and so with the same
bits. In a simulation a solve takes 10 microseconds; going back and forth between Python and compiled code
for each of these steps would cost three times that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gavel_opt.arrays import Floats, Ints, plain_array
from gavel_opt.kernels.finite import all_finite
from gavel_opt.kernels.groups import clipped_shares, group_keys
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.rows import fairness_rows
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.solution import Certificate
from gavel_opt.solver.hull import Given
from gavel_opt.solver.one_step import proven_shares
from gavel_opt.solver.optimum import Memory
from gavel_opt.solver.records import Found
from gavel_opt.solver.shortcuts import NONE, solve_direct


def max_min_optimum(
    state: ClusterState, plain: bool, widest: int, tie_break: str, memory: Memory
) -> tuple[Floats, Certificate] | None:
    """Solve max-min fairness over the jobs of a state; None if its program must be made for that.

    Returns
    -------
    shares, certificate
        Shares of shape ``(n, J)``; and what proves them.
    """
    types = state.workers.size
    given: tuple[Any, ...] = (
        plain_array(state.throughputs.alone),
        plain_array(state.key),
        plain_array(state.scale_factor),
        plain_array(state.weight),
        plain_array(state.workers),
        plain,
        widest,
        memory.for_types(types),
    )
    return proven_shares(fair_shares, given, types, tie_break)


@compiled
def fair_shares(
    alone: Floats,
    key: Ints,
    scale: Ints,
    weight: Floats,
    workers: Ints,
    plain: bool,
    widest: int,
    start: Floats,
) -> tuple[int, Floats, Floats]:
    """Group the jobs, make the program, solve it and hand out the shares.

    Parameters
    ----------
    alone, key, scale, weight, workers, plain
        As for :func:`gavel_opt.kernels.rows.fairness_rows`.
    widest
        Largest scale factor that a job may have.
    start
        Prices and level to start from, as for :func:`~gavel_opt.solver.shortcuts.solve_direct`.

    Returns
    -------
    outcome
        Of ``solve_direct``. Nothing else is to be used unless that is an optimum; it is none where
        groups cannot be found by key, a job has no weight or its scale factor is not positive or too
        large, or the columns are not what they should be.
    shares
        Of each job, shape ``(n, J)``, within [0, 1].
    summary
        Objective, level, certificate and iterations, shape ``(6,)``.
    """
    types, rows = workers.size, alone.shape[0]
    summary = np.empty(6)
    nobody = np.empty((0, types))
    if not key.size == scale.size == weight.size:
        return NONE, nobody, summary
    for job in range(key.size):
        if not (0 <= key[job] < rows and 0 < scale[job] <= widest and weight[job] > 0.0):
            return NONE, nobody, summary
    kind = scale if plain else key
    most = rows
    if plain:
        most = 0
        for job in range(kind.size):
            most = max(most, kind[job] + 1)
    of_job, first, count, _ = group_keys(kind, scale, weight, most)
    groups = first.size
    if groups == 0:
        return NONE, nobody, summary
    rate, use, slope, floor, _ = fairness_rows(
        alone, key, scale, weight, workers, first, count, plain
    )
    none = np.empty(0)
    if not all_finite(rate, nobody, none, none, none, none, none):
        return NONE, nobody, summary
    x, level_dual, price = np.empty((groups, types)), np.empty(groups), np.empty(types)
    given = Given(rate, use, count, workers.astype(np.float64), slope, floor, none, none, none)
    outcome = solve_direct(given, start, Found(x, level_dual, price, summary))
    return outcome, clipped_shares(x, of_job), summary
