r"""The largest sum for very many groups: the prices of workers decide most of them.

With neither a level nor floors only worker types couple groups. At prices :math:`p` of their workers each group
takes the type :math:`j` with the largest :math:`n w_j - k p_j` all of the time, or nothing if that is negative, and at
the optimal prices all but about as many groups as there are types have a single answer. So prices
are found from few groups: first from every so-manieth; then, with each group held that those prices decide by far,
from every so-manieth of the others; until the others are few enough to be a program of their own, with the
workers that those held leave. Then a pass over all groups says whether its prices decide those held as they
are. If so, these prices are optimal for all, a group that is held does the same in every optimum, as whatever else
it could do costs something, and the others' optimal face, its centre included, is the whole program's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.gap import LEVEL_SIZE, relative_gap
from gavel_opt.model.allocation_program import AllocationProgram, Blocks
from gavel_opt.solver.records import Found

_FIRST, _FEW = 500, 1000
"""Groups at most of the first program, and of the others, or up to twice as many."""
_LEAST = 6
"""None of them has more than one group in so many."""
_FOR_EACH = 4
"""Groups of a program for each worker type, at least: so many prices are not found from fewer."""
_NARROWER = 4
"""Once there are prices from a few of the groups not held, one in so many of these is not held next."""
_TURNS = 16
"""Prices that are tried, at most."""
_DECIDED = 1e-9
"""Part of a group's largest reward that whatever else it does must cost, for the group to be held."""

Solve = Callable[[AllocationProgram], Found]


class _Groups:
    """The groups of a program, in the numbers that it has."""

    def __init__(self, program: AllocationProgram) -> None:
        blocks, reward = program.blocks, program.reward
        assert reward is not None
        self._program = program
        self.use, self.workers = blocks.use, blocks.workers
        self._earns: Floats = reward * blocks.count[:, None]

    def choices(self, price: Floats) -> tuple[Ints, Floats]:
        """What each group does at these prices, J for nothing, and what it costs to do otherwise, ``(G,)``."""
        types = self.workers.size
        value = np.zeros((self.use.size, types + 1))
        value[:, :types] = np.where(
            self._earns > 0.0, self._earns - self.use[:, None] * price, -np.inf
        )
        best: Ints = value.argmax(axis=1)
        value.partition(types - 1, axis=1)
        return best, value[:, types] - value[:, types - 1]

    def shares(self, best: Ints) -> Floats:
        """The shares of what each group does, shape ``(G, J)``."""
        return np.eye(self.workers.size + 1)[best, :-1]

    def nearest(self, loss: Floats, many: int) -> Bools:
        """The ``many`` groups that the smallest change of prices makes do otherwise."""
        near = np.zeros(loss.size, dtype=bool)
        change = loss / self.use
        near[np.argpartition(change, many)[:many] if many < loss.size else slice(None)] = True
        return near

    def differ(self, best: Ints, price: Floats) -> Bools:
        """Groups that do something else at these prices, or could as well."""
        now, loss = self.choices(price)
        same: Bools = (now == best) & (loss > _DECIDED * self._earns.max(axis=1))
        return ~same

    def part(self, some: Ints, workers: Floats) -> AllocationProgram:
        """The program of some groups."""
        program, blocks = self._program, self._program.blocks
        assert program.reward is not None
        few = Blocks(blocks.rate[some], blocks.use[some], blocks.count[some], workers)
        return AllocationProgram(
            few, program.slope[some], program.floor[some], program.reward[some]
        )

    def portion(self, some: Ints, of: Bools) -> float:
        """What part of the workers that groups can take some can take."""
        return float(self.use[some].sum() / self.use[of].sum())

    def whole(self, x: Floats, price: Floats, iterations: float) -> Found:
        """An answer of all groups, with its certificate."""
        value = float((self._earns * x).sum())
        over = (self.use @ x - self.workers) / self.workers
        primal = max(-x.min(), x.sum(axis=1).max() - 1.0, over.max(), 0.0)
        # with time duals that leave no reduced cost negative, prices bound the optimum
        time = self._earns - self.use[:, None] * price
        bound = float(price @ self.workers + time.max(axis=1, initial=0.0).sum())
        gap = relative_gap(value, bound, LEVEL_SIZE * max(value, 1e-300))
        summary = np.array([value, np.nan, primal, 0.0, gap, iterations])
        return Found(x, np.zeros(self.use.size), price, summary)


def sums_alone(program: AllocationProgram) -> bool:
    """Whether a program has neither a level nor floors, pairs or types without workers, but a reward."""
    blocks = program.blocks
    alone = program.reward is not None and blocks.pairs is None and not program.has_level
    return alone and not (program.floor > 0.0).any() and bool((blocks.workers > 0.0).all())


def largest_sum(program: AllocationProgram, solve: Solve) -> Found | None:
    """Solve a program that :func:`sums_alone`; None where prices do not decide enough of it.

    Parameters
    ----------
    program
        The program.
    solve
        Solves such a program of few groups for the centre of its optimal face.

    Returns
    -------
    Found or None
        The canonical optimum with its certificate over all groups.
    """
    groups = _Groups(program)
    everybody = groups.use.size
    few = min(_FEW, everybody // _LEAST)
    if few < _FOR_EACH * groups.workers.size:
        return None
    left = np.ones(everybody, dtype=bool)
    some = np.arange(0, everybody, everybody // min(_FIRST, few))
    found = solve(groups.part(some, groups.workers * groups.portion(some, left)))
    iterations, many = float(found.summary[5]), everybody // _NARROWER
    wrong = np.zeros(everybody, dtype=bool)
    for _ in range(_TURNS):
        if not np.isfinite(found.capacity_dual).all():
            return None
        best, loss = groups.choices(found.capacity_dual)
        many = max(many, few)
        left = wrong | groups.nearest(loss, many)
        x = groups.shares(best)
        workers = groups.workers - (groups.use * ~left) @ x
        if not (workers > 0.0).all():  # some were held too soon
            many *= 2
            few += few // 2
            continue
        many //= _NARROWER
        some = np.flatnonzero(left)
        stride = 1 if wrong.any() else max(some.size // few, 1)
        some = some[::stride]
        found = solve(groups.part(some, workers * groups.portion(some, left)))
        iterations += float(found.summary[5])
        if stride > 1:
            continue
        price = np.maximum(found.capacity_dual, 0.0)
        otherwise = groups.differ(best, price) & ~left
        if not otherwise.any():
            x[some] = found.x
            return groups.whole(x, price, iterations)
        wrong |= otherwise
    return None
