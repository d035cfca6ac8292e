"""What one program leaves to the next: a matter of cost, never of the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gavel_opt.arrays import Floats, Ints

if TYPE_CHECKING:
    from gavel_opt.solver.column_generation.rounds_of_pricing import ColumnMemory
    from gavel_opt.solver.pair_simplex.start import Kept
    from gavel_opt.solver.task import Task


@dataclass(slots=True)
class Memory:
    """Where the next search may start; what it finds does not depend on it.

    Attributes
    ----------
    start
        Prices and level of the last program in which all worker types had a price.
    columns
        Pairs and basis of the last packed program of many groups.
    task
        The last one that was filled.
    ray
        Prices that proved a packed program contended, and the keys of its groups.
    kept
        Prices and basis of the last packed program that the dual simplex method solved.
    at_vertex
        Whether it had the last answer that it was asked for: then it is asked first.
    """

    start: Floats = field(default_factory=lambda: np.zeros(1))
    columns: ColumnMemory | None = None
    task: Task | None = None
    ray: tuple[Ints, Floats] | None = None
    kept: Kept | None = None
    at_vertex: bool = False

    def for_types(self, types: int) -> Floats:
        """Prices and level, zero if there are none for that many worker types."""
        if self.start.size != types + 1:
            self.start = np.zeros(types + 1)
        return self.start

    def for_vertices(self, groups: int, types: int) -> Kept:
        """Room for prices and basis of so many groups, with those that are there if it had been enough."""
        from gavel_opt.solver.pair_simplex.start import kept_with_room

        if self.kept is None or self.kept.workers.size != types or self.kept.key.size < groups:
            self.kept = kept_with_room(max(32, 2 * groups), types)
        return self.kept
