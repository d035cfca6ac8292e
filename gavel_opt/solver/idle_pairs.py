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

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.tables import (
    FACE,
    FACE_U,
    FACE_V,
    JOBS,
    REWARD,
    U,
    V,
    W,
    X,
    Z,
)

START = 0.9
"""Part of a slack, at most, that idle pairs take where the search for the centre starts."""


@compiled
def pairs_of_jobs(g: Floats, one: int, two: int) -> float:
    """How many pairs of jobs a pair of groups stands for; one, for a pool that counts as one job."""
    if one == two:
        return float(max(0.5 * g[JOBS, one] * (g[JOBS, one] - 1.0), 1.0))
    return float(g[JOBS, one] * g[JOBS, two])


@compiled
def open_idle(
    c: Floats,
    wide: Floats,
    g: Floats,
    t: Floats,
    use: Floats,
    member: Ints,
    pair_rate: Floats,
    pair_time: Floats,
) -> bool:
    """Copy the face into ``wide``, which has all pairs, and open what may idle on it.

    Returns whether anything may; if so, the slacks make room for it.
    """
    groups, types, inside = g.shape[1], t.shape[1], c.shape[1]
    opened = False
    time, used = np.zeros(groups), np.zeros(types)
    for i in range(member.shape[0]):
        one, two, m = member[i, 0], member[i, 1], groups + i
        stands_for = pairs_of_jobs(g, one, two)
        for j in range(types):
            wide[X, m, j] = wide[W, m, j] = wide[FACE, m, j] = 0.0
            if not _idle(wide, pair_rate, i, m, j):
                continue
            if g[FACE_U, one] > 0.0 and g[FACE_U, two] > 0.0 and t[FACE_V, j] > 0.0:
                opened = True
                price = use[m] * t[FACE_V, j] / t[V, j]
                price += pair_time[0, i] * g[FACE_U, one] / g[U, one]
                price += pair_time[1, i] * g[FACE_U, two] / g[U, two]
                y = stands_for / price
                wide[X, m, j] = y
                wide[W, m, j] = wide[FACE, m, j] = stands_for
                time[one] += pair_time[0, i] * y
                time[two] += pair_time[1, i] * y
                used[j] += use[m] * y
    if not opened:
        return False
    for i in range(groups):
        time[i] = START * g[U, i] / max(time[i], g[U, i]) if g[U, i] > 0.0 else 0.0
    for j in range(types):
        used[j] = START * t[V, j] / max(used[j], t[V, j]) if t[V, j] > 0.0 else 0.0
    for i in range(member.shape[0]):
        one, two, m = member[i, 0], member[i, 1], groups + i
        for j in range(types):
            if wide[X, m, j] > 0.0:
                wide[X, m, j] *= min(time[one], time[two], used[j])
                _take(wide[X, m, j], i, m, j, g, t, use, member, pair_time)
    for m in range(inside):
        for j in range(types):
            if m < groups or not _idle(wide, pair_rate, m - groups, m, j):
                wide[X, m, j], wide[W, m, j] = c[X, m, j], c[W, m, j]
                wide[FACE, m, j], wide[REWARD, m, j] = c[FACE, m, j], c[REWARD, m, j]
                wide[Z, m, j] = c[Z, m, j]
    return True


@compiled
def close_idle(
    c: Floats,
    wide: Floats,
    g: Floats,
    t: Floats,
    use: Floats,
    member: Ints,
    pair_rate: Floats,
    pair_time: Floats,
) -> None:
    """Copy the shares back; what idled is left over again."""
    groups, types, inside = g.shape[1], t.shape[1], c.shape[1]
    for m in range(groups):
        for j in range(types):
            c[X, m, j] = wide[X, m, j]
    for i in range(member.shape[0]):
        m = groups + i
        for j in range(types):
            if _idle(wide, pair_rate, i, m, j):
                if wide[X, m, j] > 0.0:
                    _take(-wide[X, m, j], i, m, j, g, t, use, member, pair_time)
            elif m < inside:
                c[X, m, j] = wide[X, m, j]


@compiled
def _idle(wide: Floats, pair_rate: Floats, i: int, m: int, j: int) -> bool:
    """Whether a pair earns nothing on a type, neither level nor reward."""
    return bool(
        pair_rate[0, i, j] == 0.0 and pair_rate[1, i, j] == 0.0 and wide[REWARD, m, j] <= 0.0
    )


@compiled
def _take(
    y: float,
    i: int,
    m: int,
    j: int,
    g: Floats,
    t: Floats,
    use: Floats,
    member: Ints,
    pair_time: Floats,
) -> None:
    """Take the time and the workers of ``y`` from what is left."""
    g[U, member[i, 0]] -= pair_time[0, i] * y
    g[U, member[i, 1]] -= pair_time[1, i] * y
    t[V, j] -= use[m] * y


__all__ = ["close_idle", "open_idle", "pairs_of_jobs"]
