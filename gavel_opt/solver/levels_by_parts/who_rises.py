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
from gavel_opt.solver.levels_by_parts.basis_of_stops import (
    BasisOfStops,
    what_costs,
)
from gavel_opt.solver.levels_by_parts.path_of_levels import Joined, PathOfLevels
from gavel_opt.solver.pair_simplex.columns import FIRST_SLACK, T
from gavel_opt.solver.pair_simplex.levels_from import Passed
from gavel_opt.solver.pair_simplex.levels_in_order import Ordered

_SPENT = 1e-9
"""Parts of a job's time that are nothing."""
SAME = 1e-9
"""Levels this near, relatively, are one."""
_ROOM = 1e-8
"""By which levels of those who are held may be lower in the program, relatively, so that the ends of their chains can rise: 1e-12 is what these take."""
_MOST = 0.9
"""Part of the groups: where fewer rise, others do the next time, and the last basis is nearer than what changes."""
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
    held
        Who has stopped, is in the program, and has the slack of its level in the path's basis, which stays what it is.
    of
        How many groups there are.
    """

    program: AllocationProgram
    groups: Ints
    pair: Ints
    stopped: Bools
    spent: Ints
    held: Ints
    of: int


class Risen(NamedTuple):
    """The largest level of those who rise, and the vertex at which it was found."""

    level: float
    found: Vertex


def who_rises(path: PathOfLevels, few: Ints, passed: Passed) -> WhoRises | None:
    """The program of those who rise where the path has come to with a ``few`` of its pairs; None where nobody does, or no workers are left.

    Who has stopped, or has more than that and no time left but for these, is out, if what they do is final. Who spends a part of its
    time with them has what is left as its whole time, and what it gets there as a floor below zero. Who has stopped and is not out keeps its level.
    """
    blocks, pairs, groups = path.blocks, path.pairs, path.blocks.groups
    basis = BasisOfStops.of(path, few, passed)
    out, member, share = basis.final(passed.out == 1), basis.member, basis.share
    use = np.where(basis.alone, blocks.use[basis.one], pairs.use[basis.pair]) * share
    taken = out[member].any(axis=1)
    workers = blocks.workers - np.bincount(basis.kind[taken], use[taken], minlength=blocks.types)
    time_left, had = basis.with_others(path, out)
    spent = ~out & (time_left <= _SPENT)
    rises = ~out & ~spent
    left = np.flatnonzero(rises)
    if not left.size or workers.min() <= 0.0:
        return None
    inside = np.flatnonzero(rises[pairs.member].all(axis=1))
    number, beside_left = np.cumsum(rises) - 1, time_left[pairs.member[inside]]
    rate, rate_of_pairs = _without_what_costs(path, passed, rises, inside)
    of_left = replace(
        blocks,
        rate=rate[left] * time_left[left, None],
        use=blocks.use[left] * time_left[left],
        count=blocks.count[left],
        workers=workers,
        pairs=PairBlocks(
            number[pairs.member[inside]],
            rate_of_pairs * beside_left[:, :, None],
            pairs.share[inside] / beside_left,
            pairs.use[inside],
        ),
        key=None if blocks.key is None else blocks.key[left],
        kind=None if blocks.kind is None else blocks.kind[left],
    )
    held = np.zeros(groups, dtype=bool)
    held[basis.row[passed.held == 1]] = True
    floor, stays = -had, rises & (passed.left == 0)
    floor[stays] += passed.reached[stays] * np.where(held, 1.0 - _ROOM, 1.0)[stays]
    program = AllocationProgram(of_left, 1.0 - stays[left], floor[left])
    theirs, kept = basis.in_rows_of(out), np.flatnonzero(held & stays)
    return WhoRises(program, left, inside, theirs, np.flatnonzero(spent), kept, groups)


def _without_what_costs(
    path: PathOfLevels, passed: Passed, rises: Bools, inside: Ints
) -> tuple[Floats, Floats]:
    """Rates of groups alone and of pairs, zero where those whose time has a price, or whose level had one, would pay something."""
    rate, of_pairs, groups = path.blocks.rate, path.pairs.rate[inside], path.blocks.groups
    pressed = rises & ((passed.gone[groups : 2 * groups] == 1) | (passed.left == 0))
    if pressed.any():
        theirs = np.flatnonzero(pressed[path.pairs.member[inside]].any(axis=1))
        alone, beside = what_costs(path, passed, inside[theirs])
        rate = np.where(pressed[:, None] & alone, 0.0, rate)
        of_pairs[theirs] *= ~beside[:, None]
    return rate, of_pairs


def raise_them(rising: WhoRises, memory: ColumnMemory, basis: Basis | None) -> Risen | None:
    """Raise those who rise, from a basis if there is one, else from the last one; None where that leads nowhere."""
    scaled = ScaledProgram.of(rising.program)
    key = rising.program.blocks.key
    key = rising.groups if key is None else key
    start = memory.start(scaled, key, False) if basis is None else Start(basis)
    if start is not None and rising.groups.size < _MOST * rising.of:
        start = replace(start, before=None)
    for begin in (start, None) if start is not None else (None,):
        generated = generate(scaled, begin, rising.of)
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
    surplus = whole.level[left] > whole.scarce[0] * (1.0 + SAME)
    surplus |= np.isin(left, rising.held)
    return Basis(
        True,
        inside[:groups][left],
        column,
        np.ones(column.size, dtype=bool),
        surplus,
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
    free = np.concatenate(
        [
            left[basis.surplus],
            left[basis.time] + groups,
            rising.spent,
            rising.spent + groups,
            2 * groups + np.flatnonzero(basis.workers),
        ]
    )
    # time of who is held is of no use but for that room: the slack of its level takes its place
    free = free[passed.gone[free] == 0]
    now = [
        np.array([T]),
        left[group] * types + own,
        (groups + rising.pair[column // types]) * types + column % types,
        FIRST_SLACK - free,
        FIRST_SLACK - rising.held,
    ]
    basic = np.concatenate([then, *now])
    held = np.zeros(basic.size, np.int64)
    held[: then.size] = passed.held[rising.stopped]
    held[basic.size - rising.held.size :] = 1
    return Joined(basic, held) if basic.size == passed.basic.size else None
