"""The program of those who rise while others have stopped: a smaller one, in which these have no part but for what they use."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.model.allocation_program import AllocationProgram, PairBlocks
from gavel_opt.solver.column_generation.restricted_master import Basis, Start
from gavel_opt.solver.column_generation.rounds_of_pricing import (
    ColumnMemory,
    Kept,
    Vertex,
    generate,
    vertex,
)
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram
from gavel_opt.solver.levels_by_parts.path_of_levels import Joined, PathOfLevels
from gavel_opt.solver.pair_simplex.columns import FIRST_SLACK, T
from gavel_opt.solver.pair_simplex.levels_from import Passed
from gavel_opt.solver.pair_simplex.levels_in_order import Ordered

_SPENT = 1e-9
"""Parts of a job's time that are nothing."""
SAME = 1e-9
"""Levels this near, relatively, are one."""
_NEARLY_ALL = 0.98
"""Where fewer of the groups rise, others rise the next time, and the last basis is nearer than what changes."""
_PROVED = 1e-9
"""Certificates beyond it are none."""


class WhoRises(NamedTuple):
    """The program of those who rise.

    Attributes
    ----------
    program
        Of these groups alone.
    groups, pair
        Which groups and pairs these are.
    stopped
        Of the path's basis, which variables are in rows of those who have stopped, ``(R,)``.
    spent
        Groups that have not stopped, and spend all of their time with those who have.
    is_final
        Whether what those who have stopped do is the only way.
    of
        How many groups there are.
    """

    program: AllocationProgram
    groups: Ints
    pair: Ints
    stopped: Bools
    spent: Ints
    is_final: bool
    of: int


class Risen(NamedTuple):
    """The largest level of those who rise, and the vertex at which it was found."""

    level: float
    found: Vertex


def who_rises(path: PathOfLevels, few: Ints, passed: Passed) -> WhoRises | None:
    """The program of those who rise where the path has come to with a ``few`` of its pairs; None where nobody does, or no workers are left.

    Who has stopped, or has no time left but for these, is out. Who spends a part of its time with them has what is left as its
    whole time, and what it gets there as a floor below zero.
    """
    blocks, pairs, (groups, types) = path.blocks, path.pairs, path.blocks.rate.shape
    out, basic = passed.out == 1, passed.basic
    column = np.flatnonzero(basic >= 0)
    n, kind = np.divmod(basic[column], types)
    one, pair = np.minimum(n, groups - 1), few[np.maximum(n - groups, 0)]
    alone = n < groups
    member = np.where(alone[:, None], one[:, None], pairs.member[pair])
    taken = out[member].any(axis=1)
    row = FIRST_SLACK - basic[basic < 0]
    stopped = np.zeros(basic.size, dtype=bool)
    stopped[column[taken]] = True
    stopped[basic < 0] = (row < 2 * groups) & out[np.minimum(row, 2 * groups - 1) % groups]
    share = passed.value[column] / np.where(alone, blocks.count[one], 1.0)
    use = np.where(alone, blocks.use[one], pairs.use[pair]) * share
    workers = blocks.workers - np.bincount(kind[taken], use[taken], minlength=types)
    beside = taken & ~alone & ~out[member].all(axis=1)
    time = pairs.share[pair[beside]] * share[beside, None]
    whose, got = member[beside].ravel(), time * pairs.rate[pair[beside], :, kind[beside]]
    time_left = 1.0 - np.bincount(whose, time.ravel(), minlength=groups)
    had: Floats = np.bincount(whose, got.ravel(), minlength=groups).astype(np.float64)
    spent = ~out & (time_left <= _SPENT)
    rises = ~out & ~spent
    left = np.flatnonzero(rises)
    if not left.size or workers.min() <= 0.0:
        return None
    inside = np.flatnonzero(rises[pairs.member].all(axis=1))
    number, beside_left = np.cumsum(rises) - 1, time_left[pairs.member[inside]]
    of_left = replace(
        blocks,
        rate=blocks.rate[left] * time_left[left, None],
        use=blocks.use[left] * time_left[left],
        count=blocks.count[left],
        workers=workers,
        pairs=PairBlocks(
            number[pairs.member[inside]],
            pairs.rate[inside] * beside_left[:, :, None],
            pairs.share[inside] / beside_left,
            pairs.use[inside],
        ),
        key=None if blocks.key is None else blocks.key[left],
        kind=None if blocks.kind is None else blocks.kind[left],
    )
    program = AllocationProgram(of_left, np.ones(left.size), -had[left])
    is_final = int(stopped.sum()) == 2 * int(out.sum())
    return WhoRises(program, left, inside, stopped, np.flatnonzero(spent), is_final, groups)


def raise_them(rising: WhoRises, memory: ColumnMemory, basis: Basis | None) -> Risen | None:
    """Raise those who rise, from a basis if there is one, else from the last one; None where that leads nowhere."""
    scaled = ScaledProgram.of(rising.program)
    key = rising.program.blocks.key
    key = rising.groups if key is None else key
    start = memory.start(scaled, key, False) if basis is None else Start(basis)
    patient = rising.groups.size < _NEARLY_ALL * rising.of
    if start is not None and patient:
        start = replace(start, before=None)
    for begin in (start, None) if start is not None else (None,):
        generated = generate(scaled, begin, patient)
        found = None if generated is None else vertex(scaled, generated[0])
        if found is not None and found.certificate.within(_PROVED):
            memory.keep(Kept.of(scaled, key, found, True))
            return Risen(found.level * scaled.unit, found)
    return None


def basis_along(whole: Ordered, rising: WhoRises) -> Basis:
    """What the whole path had in its basis of those who rise where workers stopped somebody first."""
    groups, types = whole.level.size, rising.program.blocks.rate.shape[1]
    inside, slack, left = whole.inside.reshape(-1, types) == 1, whole.slack == 1, rising.groups
    column = np.flatnonzero(inside[groups:][rising.pair])
    return Basis(
        True,
        inside[:groups][left],
        column,
        np.ones(column.size, dtype=bool),
        whole.level[left] > whole.scarce[0] * (1.0 + SAME),
        slack[groups : 2 * groups][left],
        slack[2 * groups :],
    )


def joined(
    path: PathOfLevels, few: Ints, passed: Passed, rising: WhoRises, basis: Basis
) -> Joined | None:
    """A basis of those who rise beside that of those who have stopped; None where they do not make one."""
    (groups, types), left = path.blocks.rate.shape, rising.groups
    then = passed.basic[rising.stopped]
    n, kind = np.divmod(then, types)
    of_pairs = (few[np.maximum(n - groups, 0)] + groups) * types + kind
    then = np.where((then >= 0) & (n >= groups), of_pairs, then)
    group, own = np.nonzero(basis.alone)
    column = np.sort(basis.column[basis.pair])  # bits hang on the order
    free = [
        left[basis.surplus],
        left[basis.time] + groups,
        rising.spent,
        rising.spent + groups,
        2 * groups + np.flatnonzero(basis.workers),
    ]
    now = [
        np.array([T]),
        left[group] * types + own,
        (groups + rising.pair[column // types]) * types + column % types,
        FIRST_SLACK - np.concatenate(free),
    ]
    basic = np.concatenate([then, *now])
    held = np.zeros(basic.size, np.int64)
    held[: then.size] = passed.held[rising.stopped]
    return Joined(basic, held) if basic.size == passed.basic.size else None
