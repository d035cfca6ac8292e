"""The one call: a contended program with pairs."""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Ints
from gavel_opt.kernels.jit import compiled, compiled_apart
from gavel_opt.solver.pair_simplex.centre_of_face import centre_of_face
from gavel_opt.solver.pair_simplex.columns import Columns, columns_of
from gavel_opt.solver.pair_simplex.dual_simplex import Tableau, pivot_to_optimum, tableau_for
from gavel_opt.solver.pair_simplex.only_vertex import NEITHER, ONE_OF_MANY, ONLY, WRONG, vertex_of
from gavel_opt.solver.pair_simplex.start import (
    Kept,
    keep,
    kept_with_room,
    start_from,
    start_from_nothing,
)
from gavel_opt.solver.prices.bottleneck_pairs import Pairs
from gavel_opt.solver.prices.cheapest_mix import Given
from gavel_opt.solver.records import Found

LIMIT = 10
"""Pivots at most, for each row."""


@compiled
def _from_there(columns: Columns, at: Tableau, limit: int, found: Found) -> int:
    """Go on from where the method stands, with a basis made afresh; as ``vertex_of``."""
    groups = columns.jobs.size
    number, here = np.arange(groups), kept_with_room(groups, columns.workers.size)
    keep(columns, number, at, here)
    if not start_from(columns, number, here, at) or pivot_to_optimum(columns, at, limit) < 0:
        return NEITHER
    return vertex_of(columns, at, found)


@compiled_apart
def solve_contended(given: Given, pairs: Pairs, key: Ints, kept: Kept, found: Found) -> bool:
    """Solve a program without reward; False if it has several prices, or is none of these.

    Parameters
    ----------
    given, pairs
        The program.
    key
        Numbers by which groups are known to the next program, ``(G,)``; empty if there are none.
    kept
        Where to start, kept from program to program. The answer does not depend on it.
    found
        Gets the answer.
    """
    columns = columns_of(given, pairs)
    if columns.unit == 0.0:
        return False
    at = tableau_for(columns)
    limit, pivots = LIMIT * columns.limit.size, -1
    if start_from(columns, key, kept, at):
        pivots = pivot_to_optimum(columns, at, limit)
    if pivots < 0:
        start_from_nothing(columns, at)
        pivots = pivot_to_optimum(columns, at, limit)
    outcome = WRONG if pivots < 0 else vertex_of(columns, at, found)
    if outcome == WRONG:  # on a long way the inverse of a basis loses its digits
        outcome = _from_there(columns, at, limit, found)
    keep(columns, key, at, kept)
    found.summary[5] = pivots
    if outcome != ONE_OF_MANY:
        return bool(outcome == ONLY)
    return bool(centre_of_face(given, pairs, columns, at, found))
