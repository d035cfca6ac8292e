"""The basis of those who have stopped: which of its variables are theirs, and what costs something at their prices.

Who has stopped has as many variables as rows, so what they do is final; but not at the end of a chain of partners. Prices fall from one to
the next, and the last one's are less than what counts as nothing, so whoever rises can take from those before what makes next to no
difference to the first. In these rows are more variables than rows, and what can be reached from such a variable is not final.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.solver.levels_by_parts.path_of_levels import PathOfLevels
from gavel_opt.solver.pair_simplex.columns import FIRST_SLACK
from gavel_opt.solver.pair_simplex.levels_from import Passed


class BasisOfStops(NamedTuple):
    """A basis, and the columns in it.

    Attributes
    ----------
    row
        Row of which each variable is the slack, ``(R,)``; negative where it is none.
    column
        Places of the N columns.
    alone, one, pair
        Whether a column is of a group alone, which group, and which pair, of all, ``(N,)``; any in place of either.
    member, kind
        Whose it is, ``(N, 2)``, and on which type.
    share
        Its value, for each job of a group alone.
    """

    row: Ints
    column: Ints
    alone: Bools
    one: Ints
    pair: Ints
    member: Ints
    kind: Ints
    share: Floats

    @classmethod
    def of(cls, path: PathOfLevels, few: Ints, passed: Passed) -> BasisOfStops:
        """Read the basis of a path with a ``few`` of the pairs."""
        groups, types = path.blocks.rate.shape
        column = np.flatnonzero(passed.basic >= 0)
        n, kind = np.divmod(passed.basic[column], types)
        one, pair = np.minimum(n, groups - 1), few[np.maximum(n - groups, 0)]
        alone = n < groups
        member = np.where(alone[:, None], one[:, None], path.pairs.member[pair])
        share = passed.value[column] / np.where(alone, path.blocks.count[one], 1.0)
        row = FIRST_SLACK - passed.basic
        return cls(row, column, alone, one, pair, member, kind, share)

    def in_rows_of(self, who: Bools) -> Bools:
        """Which variables are in rows of some groups, ``(R,)``."""
        groups = who.size
        theirs = (self.row >= 0) & (self.row < 2 * groups) & who[self.row % groups]
        theirs[self.column] = who[self.member].any(axis=1)
        return theirs

    def with_others(self, path: PathOfLevels, out: Bools) -> tuple[Floats, Floats]:
        """What is left of the time of those who are not out, without that with those who are, and the level that this is worth."""
        theirs = ~self.alone & out[self.member].any(axis=1) & ~out[self.member].all(axis=1)
        pair, whose = self.pair[theirs], self.member[theirs].ravel()
        time = path.pairs.share[pair] * self.share[theirs, None]
        got = (time * path.pairs.rate[pair, :, self.kind[theirs]]).ravel()
        spent, had = (np.bincount(whose, part, out.size) for part in (time.ravel(), got))
        return 1.0 - spent.astype(np.float64), had.astype(np.float64)

    def final(self, out: Bools) -> Bools:
        """Of those who are out, for whom what they do is the only way: they have as many variables as rows, ``(G,)``."""
        stay = out.copy()
        while True:
            theirs, many = self.in_rows_of(stay), 2 * int(stay.sum())
            if int(theirs.sum()) == many:
                return stay
            reached = self._reached(stay, theirs)
            if not reached.any():
                return np.zeros_like(out)
            stay &= ~reached

    def _reached(self, who: Bools, theirs: Bools) -> Bools:
        """Which of some groups others can change: from a variable more than rows, from a row to the variable that it has, and so on."""
        from scipy.sparse import csr_matrix
        from scipy.sparse.csgraph import maximum_bipartite_matching

        groups, number, place = who.size, np.cumsum(who) - 1, np.cumsum(theirs) - 1
        many, slack = int(who.sum()), np.flatnonzero(theirs & (self.row >= 0))
        whose = number[self.row[slack] % groups]
        rows, columns = [whose + many * (self.row[slack] >= groups)], [place[slack]]
        for side in range(2):
            its = np.flatnonzero(who[self.member[:, side]])
            own = number[self.member[its, side]]
            rows += [own, own + many]
            columns += 2 * [place[self.column[its]]]
        row, column = np.concatenate(rows), np.concatenate(columns)
        shape = 2 * many, int(theirs.sum())
        graph = csr_matrix((np.ones(row.size), (row, column)), shape)
        has = maximum_bipartite_matching(graph, perm_type="column")
        free = np.ones(shape[1], dtype=bool)
        free[has[has >= 0]] = False
        reached = np.zeros(shape[0], dtype=bool)
        while free.any():
            new = np.unique(row[free[column]])
            new = new[~reached[new]]
            reached[new] = True
            free[:] = False
            free[has[new]] = True
        found = np.zeros(groups, dtype=bool)
        found[np.flatnonzero(who)] = reached[:many] | reached[many:]
        return found


def what_costs(path: PathOfLevels, passed: Passed, pair: Ints) -> tuple[Bools, Bools]:
    """Which columns of groups alone, and of some pairs, cost something at the prices of a stop: ``(G, J)`` and ``(P, J)``."""
    blocks, pairs, groups = path.blocks, path.pairs, path.blocks.groups
    stops = int(passed.counts[0])
    price, end = np.zeros((stops, 2 * groups + blocks.types)), passed.begin[stops]
    stop = np.repeat(np.arange(stops), np.diff(passed.begin[: stops + 1]))
    price[stop, passed.row[:end]] = passed.price[:end]
    level, time = price[:, :groups], price[:, groups : 2 * groups]
    slope = path.given.slope * passed.unit
    rate = blocks.rate / slope[:, None]
    alone, of_pairs = np.zeros(rate.shape, dtype=bool), np.zeros((pair.size, blocks.types), bool)
    member, share = pairs.member[pair], pairs.share[pair] * blocks.count[pairs.member[pair]]
    for s in range(stops):
        cost = time[s, :, None] - rate * level[s, :, None]
        alone |= cost > passed.nothing[s]
        worth = level[s] / slope
        cost = (share * time[s, member]).sum(axis=1)[:, None]
        cost = cost - ((share * worth[member])[:, :, None] * pairs.rate[pair]).sum(axis=1)
        of_pairs |= cost > passed.nothing[s]
    return alone, of_pairs
