"""The path along which levels rise in a program with pairs: all of it, while workers last, and from there on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Ints, plain_array
from gavel_opt.kernels.jit import look_for_code, make_ready
from gavel_opt.model.allocation_program import Blocks, PairBlocks, best_rates
from gavel_opt.solver.pair_simplex.levels_from import (
    ENTRIES,
    Passed,
    levels_from,
    levels_while_workers_last,
)
from gavel_opt.solver.pair_simplex.levels_in_order import Lines, Ordered, levels_in_order
from gavel_opt.solver.prices.bottleneck_pairs import Pairs
from gavel_opt.solver.prices.cheapest_mix import Given

_INTERPRETED = 20
"""Groups up to which it is not worth waiting for compiled code."""


class Joined(NamedTuple):
    """A basis, and which of its variables are slacks of levels that are final; both of shape ``(R,)``."""

    basic: Ints
    held: Ints


@dataclass(frozen=True, slots=True, eq=False)
class PathOfLevels:
    """A program as the compiled path reads it.

    Attributes
    ----------
    blocks, pairs
        Groups, and pairs.
    given
        Groups, for compiled code.
    lines
        How levels rise.
    """

    blocks: Blocks
    pairs: PairBlocks
    given: Given
    lines: Lines

    @classmethod
    def of(cls, blocks: Blocks, pairs: PairBlocks, lines: Lines | None) -> PathOfLevels:
        """A path on which all rise alike, if no ``lines`` are given."""
        groups, none = blocks.groups, np.empty(0)
        nobody = np.zeros(groups, np.int64)
        shared = blocks.rate, blocks.use, blocks.count, blocks.workers
        given = map(plain_array, (*shared, best_rates(blocks), np.zeros(groups), *[none] * 3))
        if lines is None:
            lines = Lines(nobody, nobody, np.ones(groups), np.ones(1))
        return cls(blocks, pairs, Given._make(given), Lines._make(map(plain_array, lines)))

    def stops(self, most: int) -> Ordered | None:
        """All levels after so many stops at most; None where the path goes astray."""
        found = self._room()
        task = self.given, _plain(self.pairs), self.lines, most, found
        if self.blocks.groups > _INTERPRETED:
            make_ready(levels_in_order, task)
        else:
            look_for_code(levels_in_order)
        return found if levels_in_order(*task) else None

    def while_workers_last(self, pairs: PairBlocks, level: float) -> Passed | None:
        """Follow the path up to a level as if there were workers for all; None where nobody gets beyond it.

        As long as there are, ``pairs`` that make nobody faster can be left out.
        """
        groups, types = self.blocks.rate.shape
        rows = 2 * groups + types
        passed = Passed(
            basic=np.zeros(rows, np.int64),
            value=np.zeros(rows),
            held=np.zeros(rows, np.int64),
            gone=np.zeros(rows, np.int64),
            left=np.zeros(groups, np.int64),
            out=np.zeros(groups, np.int64),
            limit=np.zeros(groups),
            reached=np.zeros(groups),
            begin=np.zeros(groups + 1, np.int64),
            row=np.zeros(ENTRIES * rows, np.int64),
            price=np.zeros(ENTRIES * rows),
            nothing=np.zeros(groups),
            counts=np.zeros(2, np.int64),
            level=np.zeros(2),
            unit=np.zeros(1),
        )
        task = self.given, _plain(pairs), self.lines, float(level), passed
        make_ready(levels_while_workers_last, task)
        return passed if levels_while_workers_last(*task) else None

    def go_on(self, passed: Passed, joined: Joined) -> Ordered | None:
        """Go on from where the path stands, at a basis that has t; None where it goes astray."""
        found, there = self._room(), passed._replace(basic=joined.basic, held=joined.held)
        task = self.given, _plain(self.pairs), self.lines, there, found
        make_ready(levels_from, task)
        return found if levels_from(*task) else None

    def _room(self) -> Ordered:
        """Room for levels and a basis."""
        groups, types = self.blocks.rate.shape
        return Ordered(
            np.zeros(groups),
            np.zeros(self.blocks.combinations * types, np.int64),
            np.zeros(2 * groups + types, np.int64),
            np.zeros(4, np.int64),
            np.zeros(1),
        )


def _plain(pairs: PairBlocks) -> Pairs:
    return Pairs._make(map(plain_array, (pairs.member, pairs.rate, pairs.share, pairs.use)))
