"""Levels of many groups that may share workers: first those that no worker stops, then one program of the others.

While there are workers for all, levels stop where a job uses up its time, alone or with partners that make it faster; these are
few pairs, and the path along such stops is short. Then workers stop nearly all of those who are left, at once. Most pivots
of the path (:mod:`~gavel_opt.solver.pair_simplex.levels_in_order`) go into that one stop, and it is a program of its own (:mod:`~gavel_opt.solver.levels_by_parts.who_rises`).

After which stop it comes is sought from where it was the last time, or else known from the whole path. With too few of the stops before
it, its level is that of the next one; with too many, workers of those who are too high are missing, and the level is below the last one,
and below the true one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.model.allocation_program import Blocks, PairBlocks
from gavel_opt.solver.column_generation.rounds_of_pricing import ColumnMemory
from gavel_opt.solver.levels_by_parts.path_of_levels import PathOfLevels
from gavel_opt.solver.levels_by_parts.who_rises import (
    SAME,
    Risen,
    WhoRises,
    basis_along,
    joined,
    raise_them,
    who_rises,
)
from gavel_opt.solver.pair_simplex.levels_from import Passed
from gavel_opt.solver.pair_simplex.levels_in_order import Ordered

FROM, _CROWDED = 320, 1.1
"""Groups, and jobs for each worker, from which on this is faster."""
_TURNS = 4
"""Places to look at before the whole path is asked."""
_ALIKE = 0.97
"""Part of the groups that were there the last time, from which on it tells something."""
_FURTHER, _BETWEEN = 0.002, 0.15
"""How much further to go where a level was too low: relatively, and between it and one that was too high."""


@dataclass(slots=True)
class LevelsMemory:
    """Where workers stopped most groups the last time, of which groups and workers that was, and columns and basis."""

    level: float = 0.0
    key: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    workers: Floats = field(default_factory=lambda: np.empty(0))
    columns: ColumnMemory = field(default_factory=ColumnMemory)

    def level_of(self, blocks: Blocks) -> float:
        """The last level, 0 where it says nothing of these groups."""
        if blocks.key is None or not np.array_equal(self.workers, blocks.workers):
            return 0.0
        known = np.isin(blocks.key, self.key).sum()
        alike = known >= _ALIKE * max(blocks.groups, self.key.size)
        return self.level if alike else 0.0

    def keep(self, blocks: Blocks, level: float) -> None:
        """Remember a level."""
        if blocks.key is not None:
            self.level, self.key, self.workers = level, blocks.key, blocks.workers


def past_own_limits(path: PathOfLevels, memory: LevelsMemory | None) -> Ordered | None:
    """Find all levels, and a basis that reaches them; None where that is not the way.

    Parameters
    ----------
    path
        On which all rise alike.
    memory
        Where to look first. The answer does not depend on it.
    """
    blocks, pairs = path.blocks, path.pairs
    if blocks.groups < FROM or path.lines.place.any() or path.lines.weight.size > 1:
        return None
    if blocks.use.sum() < _CROWDED * blocks.workers.sum():
        return None
    memory = LevelsMemory() if memory is None else memory
    # nobody else has a use for a partner as long as there are workers for all
    faster = (pairs.rate > blocks.rate.max(axis=1)[pairs.member][:, :, None]).any(axis=(1, 2))
    few = np.flatnonzero(faster) if faster.any() else np.zeros(1, dtype=np.int64)  # one at least
    of_few = PairBlocks(pairs.member[few], pairs.rate[few], pairs.share[few], pairs.use[few])
    whole, bracket = None, _Bracket(memory.level_of(blocks))
    refused = np.zeros(2)  # nowhere yet
    for turn in range(_TURNS + 1):
        if turn == _TURNS or not bracket.is_open:
            whole = path.stops(blocks.groups)
            if whole is None or whole.scarce[0] == 0.0 or _is_between(whole.scarce, refused):
                return whole
            bracket = _Bracket(float(whole.scarce[0]))
        passed = path.while_workers_last(of_few, bracket.level)
        rising = None if passed is None else who_rises(path, few, passed)
        if passed is None or rising is None:
            bracket.lower()
        else:
            basis = None if whole is None else basis_along(whole, rising)
            risen = raise_them(rising, memory.columns, basis)
            if risen is not None and _is_between(risen.level, passed.level):
                memory.keep(blocks, risen.level)
                gone_on = _gone_on(path, few, passed, rising, risen)
                if gone_on is not None and _is_between(gone_on.scarce, passed.level):
                    return gone_on
                bracket.close()
                refused = passed.level
            else:
                bracket.narrow(passed.level, risen)
        if whole is not None:
            return whole
    return None


def _gone_on(
    path: PathOfLevels, few: Ints, passed: Passed, rising: WhoRises, risen: Risen
) -> Ordered | None:
    """Go on from where workers stop somebody first; None where there are other ways to get there, or it is no way."""
    if not (risen.found.only and risen.found.only_prices):
        return None
    there = joined(path, few, passed, rising, risen.found.basis)
    return None if there is None else path.go_on(passed, there)


def _is_between(level: float | Floats, stops: Floats) -> bool:
    """Whether a level is between the stops that it was found between."""
    return bool(stops[0] * (1.0 - SAME) <= level < stops[1] * (1.0 - SAME))


@dataclass(slots=True)
class _Bracket:
    """Where to look next for the level at which workers stop most groups.

    Attributes
    ----------
    level
        Where to look; 0 where nothing is known of it.
    low, high
        It is not below the one, and below the other.
    further
        How much further to go next, relatively.
    """

    level: float
    low: float = 0.0
    high: float = math.inf
    further: float = _FURTHER

    @property
    def is_open(self) -> bool:
        """Whether there is somewhere to look."""
        return self.level > 0.0 and self.low < self.high

    def close(self) -> None:
        """It is there, but that is no answer."""
        self.low = self.high = self.level

    def lower(self) -> None:
        """It is lower than that: nobody gets there, or there are no workers left."""
        self.high = min(self.high, self.level)
        self.level = (self.low + self.high) / 2.0

    def narrow(self, stops: Floats, risen: Risen | None) -> None:
        """It is not between these stops, for so far they have risen there; None where that is not known."""
        if risen is None:
            self.lower()
        elif risen.level < stops[0]:
            self.high, self.low = min(self.high, float(stops[0])), max(self.low, risen.level)
            self.level = self.low
        else:
            self.low = max(self.low, float(stops[1]))
            if self.high == math.inf:
                self.level, self.further = self.low * (1.0 + self.further), 2.0 * self.further
            else:
                self.level = self.low + _BETWEEN * (self.high - self.low)
