r"""Pairs of jobs that run nowhere together: columns of the centre, and of nothing else.

The reference's programs have a column for every two jobs of equal scale factor on every worker type,
whether the two can run there together or not. One that earns nothing is idle time of both jobs and
of their workers. It changes no optimum value, but it changes the centre: with many of them, jobs are
kept from taking all the time and all the workers that nobody needs, and keep what serves them best.

Such a column is positive in some optimum exactly where all three slacks are: the time left of both
jobs and the workers left of the type. So the path does without; the columns are opened once the face
is known, and only the centre is found with them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.records import Tables

START = 0.9
"""Part of a slack, at most, that idle pairs take where the search for the centre starts."""


@compiled
def pairs_of_jobs(groups: Any, pair: Any) -> float:
    """How many pairs of jobs a pair of groups stands for; one, for a pool that counts as one job."""
    jobs = groups[pair.one].jobs
    if pair.one == pair.two:
        return float(max(0.5 * jobs * (jobs - 1.0), 1.0))
    return float(jobs * groups[pair.two].jobs)


@compiled
def open_idle(narrow: Tables, wide: Tables) -> bool:
    """Copy the face into ``wide``, which has all pairs, and open what may idle on it.

    Returns whether anything may; if so, the slacks make room for it.
    """
    time, used = np.zeros(len(wide.groups)), np.zeros(len(wide.types))
    if not _want_room(wide, time, used):
        return False
    _make_room(wide, time, used)
    alone = len(wide.groups) * len(wide.types)
    for place in range(len(narrow.cells)):
        if place < alone or not _is_idle(wide.columns[place]):
            now, cell = narrow.cells[place], wide.cells[place]
            cell.x, cell.z, cell.weight, cell.face = now.x, now.z, now.weight, now.face
    return True


@compiled
def _want_room(wide: Tables, time: Floats, used: Floats) -> bool:
    """Give each idle pair what it would take at the slacks' prices; add up time and workers."""
    groups, width = wide.groups, len(wide.types)
    opened = False
    for m in range(len(groups), len(wide.combinations)):
        pair = wide.combinations[m]
        stands_for = pairs_of_jobs(groups, pair)
        one, two = wide.rows[2 * pair.one + 1], wide.rows[2 * pair.two + 1]
        for j in range(width):
            cell, capacity = wide.cells[m * width + j], wide.rows[2 * len(groups) + j]
            cell.x = cell.weight = cell.face = 0.0
            if not _is_idle(wide.columns[m * width + j]):
                continue
            if one.face > 0.0 and two.face > 0.0 and capacity.face > 0.0:
                opened = True
                price = pair.use * capacity.face / capacity.x
                price += pair.time * one.face / one.x
                price += pair.time_two * two.face / two.x
                cell.x = stands_for / price
                cell.weight = cell.face = stands_for
                time[pair.one] += pair.time * cell.x
                time[pair.two] += pair.time_two * cell.x
                used[j] += pair.use * cell.x
    return opened


@compiled
def _make_room(wide: Tables, time: Floats, used: Floats) -> None:
    """Shrink the idle pairs' shares until all slacks hold them, and take them from there."""
    groups, width = len(wide.groups), len(wide.types)
    for i in range(groups):
        left = wide.rows[2 * i + 1].x
        time[i] = START * left / max(time[i], left) if left > 0.0 else 0.0
    for j in range(width):
        left = wide.rows[2 * groups + j].x
        used[j] = START * left / max(used[j], left) if left > 0.0 else 0.0
    for m in range(groups, len(wide.combinations)):
        pair = wide.combinations[m]
        for j in range(width):
            cell = wide.cells[m * width + j]
            if cell.x > 0.0:
                cell.x *= min(time[pair.one], time[pair.two], used[j])
                _take(cell.x, pair, 2 * groups + j, wide.rows)


@compiled
def close_idle(narrow: Tables, wide: Tables) -> None:
    """Copy the shares back; what idled is left over again."""
    groups, width = len(wide.groups), len(wide.types)
    for place in range(groups * width):
        narrow.cells[place].x = wide.cells[place].x
    for m in range(groups, len(wide.combinations)):
        for j in range(width):
            place = m * width + j
            x = wide.cells[place].x
            if _is_idle(wide.columns[place]):
                if x > 0.0:
                    _take(-x, wide.combinations[m], 2 * groups + j, wide.rows)
            elif place < len(narrow.cells):
                narrow.cells[place].x = x


@compiled
def _is_idle(column: Any) -> bool:
    """Whether a pair earns nothing on a type, neither level nor reward."""
    return bool(column.rate == 0.0 and column.rate_two == 0.0 and column.own_reward <= 0.0)


@compiled
def _take(x: float, pair: Any, capacity: int, rows: Any) -> None:
    """Take the time and the workers of ``x`` from what is left."""
    rows[2 * pair.one + 1].x -= pair.time * x
    rows[2 * pair.two + 1].x -= pair.time_two * x
    rows[capacity].x -= pair.use * x


__all__ = ["close_idle", "open_idle", "pairs_of_jobs"]
