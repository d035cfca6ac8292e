"""What one program leaves to the next: a matter of cost, never of the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gavel_opt.arrays import Floats, Ints

if TYPE_CHECKING:
    from gavel_opt.solver.column_generation.rounds_of_pricing import ColumnMemory
    from gavel_opt.solver.pair_simplex.start import Kept

PROGRAMS = 12
"""Packed programs of which a basis is kept: hierarchies take up to twelve a recomputation."""


@dataclass(slots=True)
class Memory:
    """Where the next search may start; what it finds does not depend on it.

    Attributes
    ----------
    start
        Prices and level of the last program in which all worker types had a price.
    columns
        Pairs and basis of the last packed program of many groups.
    terms, kept_terms
        Those of the last program that was solved in one step, and the same as kernels take them.
    ray
        Prices that proved a packed program contended, and the keys of its groups.
    vertices
        Prices and bases of the last packed programs that the dual simplex method solved, newest last.
    at_vertex
        Whether it had the last answer that it was asked for: then it is asked first.
    many_optima
        How many programs of a series in a row, up to now, had several optima.
    """

    start: Floats = field(default_factory=lambda: np.zeros(1))
    columns: ColumnMemory | None = None
    terms: tuple[object, ...] = ()
    kept_terms: np.ndarray[Any, Any] = field(default_factory=lambda: np.empty(0))
    ray: tuple[Ints, Floats] | None = None
    vertices: list[Kept] = field(default_factory=list)
    at_vertex: bool = False
    many_optima: int = 0

    def begin_series(self) -> None:
        """Forget what programs of another series left."""
        self.many_optima = 0
        if self.columns is not None:
            self.columns.series = None

    def for_types(self, types: int) -> Floats:
        """Prices and level, zero if there are none for that many worker types."""
        if self.start.size != types + 1:
            self.start = np.zeros(types + 1)
        return self.start

    def for_vertices(self, key: Ints, held: Ints, types: int) -> Kept:
        """Room for prices and basis of groups of these keys, with those of the earlier program most like this one.

        Most alike is the one with most of the groups, ``held`` (without a part in the level) there as here.
        """
        from gavel_opt.solver.pair_simplex.start import copy_kept

        groups, known = key.size, set(zip(key.tolist(), held.tolist(), strict=True))
        most, best = 0, None
        for one in reversed(self.vertices):
            many = one.size[0]
            then = zip(one.key[:many].tolist(), one.full[:many].tolist(), strict=True)
            there = len(known.intersection(then))
            if there > most and one.workers.size == types:
                most, best = there, one
        room = None
        if len(self.vertices) >= PROGRAMS:
            room = self.vertices.pop(0)
        if room is None or room.workers.size != types or room.key.size < groups:
            room = self.room_for_vertices(groups, types)
        else:
            self.vertices.append(room)
        if best is not None and best is not room:
            copy_kept(best, room)
        return room

    def room_for_vertices(self, groups: int, types: int) -> Kept:
        """Room for prices and basis of so many groups, and nothing there yet."""
        from gavel_opt.solver.pair_simplex.start import kept_with_room

        self.vertices.append(kept_with_room(max(32, 2 * groups), types))
        del self.vertices[:-PROGRAMS]
        return self.vertices[-1]
