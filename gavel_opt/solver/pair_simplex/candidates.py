"""What may enter a basis until the next pass over all columns: what the last pass found, and the slacks, with reference weights.

A weight estimates how far the basis moves for a unit of a variable (Devex: Harris, 1973), and begins as 1 at each pass. Of those that
pay, the one that pays most for how far it moves enters: where many jobs differ, two thirds of the pivots are left of what the cheapest takes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.pair_simplex.columns import T, slack_of
from gavel_opt.solver.pair_simplex.dual_simplex import NONE, OUT
from gavel_opt.solver.pair_simplex.open_columns import OPEN, OpenColumns


class Candidates(NamedTuple):
    """The slacks of R rows, then up to F columns.

    Attributes
    ----------
    variable
        Which variable each is, NONE where it cannot enter, ``(R + F,)``.
    cost, weight
        What it costs, and its weight, ``(R + F,)``.
    row
        A row of the inverse, as prices are, ``(2 R,)``.
    """

    variable: Ints
    cost: Floats
    weight: Floats
    row: Floats


@compiled
def room_for_candidates(them: OpenColumns, rows: int) -> Candidates:
    """Room for what passes find."""
    many = rows + them.found.shape[0]
    return Candidates(np.full(many, NONE), np.zeros(many), np.ones(many), np.zeros(2 * rows))


@compiled
def weigh_anew(candidates: Candidates, them: OpenColumns, slack: Ints, gone: Ints) -> None:
    """Take slacks that are OUT and not ``gone``, both ``(R,)``, and what the last pass found."""
    variable, rows = candidates.variable, slack.size
    for k in range(rows):
        variable[k] = slack_of(k) if slack[k] == OUT and gone[k] == 0 else NONE
    for f in range(them.many_found[0]):
        column = them.found[f, 3]
        variable[rows + f] = column if them.state[column] == OPEN else NONE
    for n in range(rows + them.many_found[0]):
        candidates.weight[n] = 1.0


@compiled
def cost_them(candidates: Candidates, them: OpenColumns, y: Floats) -> None:
    """What all of them cost at prices, ``(2 R,)``."""
    cost, rows = candidates.cost, y.size // 2
    for k in range(rows):
        cost[k] = y[k]
    for f in range(them.many_found[0]):
        cost[rows + f] = _times_row(them, f, y)


@compiled
def _times_row(them: OpenColumns, f: int, row: Floats) -> float:
    """A column that was found times a row."""
    found, part, groups = them.found[f], them.part[f], them.own.size
    one, two, j = found[0], found[1], found[2]
    entry = (
        part[0] * row[groups + one] + part[1] * row[groups + two] + part[2] * row[2 * groups + j]
    )
    return float(entry - (part[3] * row[one] + part[4] * row[two]))


@compiled
def best_of(candidates: Candidates, them: OpenColumns, nothing: float) -> int:
    """Which of those that cost less than nothing pays most for how far it moves; -1 where none does."""
    cost, weight, most, best = candidates.cost, candidates.weight, 0.0, -1
    for n in range(candidates.row.size // 2 + them.many_found[0]):
        pays = cost[n] < -nothing and cost[n] * cost[n] > most * weight[n]
        if pays and candidates.variable[n] != NONE:
            most, best = cost[n] * cost[n] / weight[n], n
    return best


@compiled
def follow(
    candidates: Candidates,
    them: OpenColumns,
    entering: int,
    leaving: int,
    pivot: tuple[float, float],
) -> None:
    """Bring costs and weights up to date where one enters and a variable leaves, by the ``row`` of the inverse of its place.

    The ``pivot`` is the entry of what enters in that row, and in that of t.
    """
    cost, weight, row = candidates.cost, candidates.weight, candidates.row
    rows, times = row.size // 2, pivot[1] / pivot[0]
    of_entering = weight[entering] / (pivot[0] * pivot[0])
    for n in range(rows + them.many_found[0]):
        entry = row[n] if n < rows else _times_row(them, n - rows, row)
        cost[n] -= times * entry
        weight[n] = max(weight[n], entry * entry * of_entering)
    candidates.variable[entering] = NONE
    if leaving < T:
        k = slack_of(leaving)
        candidates.variable[k], cost[k], weight[k] = leaving, -times, max(of_entering, 1.0)
