"""A face's columns in parts, a list and tiles, each of which knows where it is and does what a step takes."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.jit import make_ready
from gavel_opt.model.allocation_program import any_type, over_types
from gavel_opt.solver.column_generation import face_columns as listed
from gavel_opt.solver.column_generation import tiles as tiled
from gavel_opt.solver.column_generation.face_columns import Blocks, Columns, Face, Point
from gavel_opt.solver.column_generation.held_columns import Held
from gavel_opt.solver.column_generation.tiles import RowValues, Tiles

MANY = 2000
"""Columns from which on passes are not interpreted."""
_FULL = 0.3
"""Part of a tile from which on it is worth its empty places."""
_LEAST = 1e-3
"""Part of itself that is left of a share or a cost that goes through a step whole, if rounding would have less left."""
LEAST = 32
"""Groups from which on there are tiles."""


class Part(Protocol):
    """Columns of a face, and where their shares and costs are."""

    @property
    def weight(self) -> float:
        """Weight of all columns in the barrier."""

    def product(self) -> float:
        """Shares times costs."""

    def weigh(self) -> None:
        """Work out shares by costs, for steps from here."""

    def assemble(self, blocks: Blocks, matrix: Floats, beside: Floats, kinds: Floats) -> None:
        """Add to the equations, as :func:`gavel_opt.solver.column_generation.face_columns.assemble` does."""

    def begin(self, nu: Floats) -> float:
        """Take what prices cost at an even split for shares; the least of them, of what is even."""

    def lift(self, by: float) -> None:
        """Raise shares by this part of an even split."""

    def go_out(self) -> None:
        """Have an even split again, and costs of 1, which no prices give."""

    def stand_at(self, nu: Floats) -> float:
        """Go where these prices would be a centre's, for products of 1; the least cost that they give."""

    def aim(self, nu: Floats, goal: float, second: float) -> Floats:
        """Start a step that has costs be what these prices give, or add to it; what rows add up to before prices move.

        Without second order it is the first from where shares are, for which these are worked out by costs.
        """

    def walk(self, nu: Floats) -> tuple[float, float, float]:
        """Finish a step."""

    def take(self, kept: float, whole: Ints) -> int:
        """Take the step, but for a part of each share and cost; how many columns that held back, or would have ``whole`` ones."""

    def held_back(self, kept: float, found: Ints) -> int:
        """How many columns :meth:`take` would hold back; the first are written down as far as there is room."""

    def held(self, places: Ints) -> Held:
        """These columns, and where the step leads them."""

    def push(self, places: Ints, by: Floats) -> None:
        """Push these columns by so much, and have the step finished once more by what :meth:`walk` gets."""

    def hand_out(self, x: Floats) -> None:
        """Write shares into an array of shape ``(G + P, J)``."""


def parts_of(face: Face) -> tuple[list[Part], Ints]:
    """The parts, and the first group of the set of groups, joined by pairs, that each is in."""
    groups = face.rate.shape[0]
    member = np.ascontiguousarray(face.pairs.member[any_type(face.pair)])
    if member.size > MANY:
        make_ready(listed.joined, (member, groups))
    first = listed.joined(member, groups)
    in_tiles = _in_tiles(face, first)
    rest = face._replace(pair=face.pair & ~in_tiles[:, None]) if in_tiles.any() else face
    slacks = sum(int((part > 0.0).sum()) for part in (face.surplus, face.time, face.workers))
    shares = int(face.alone.sum()) + int(face.pair.sum())
    # as if all shared their time alike
    even = groups / max(shares, 1)
    many = int(rest.alone.sum()) + int(rest.pair.sum())
    found: list[Part] = [_List(rest, many, slacks, even)]
    if in_tiles.any():
        found.append(_Tiles(face, first, in_tiles, even))
    return found, first


def _in_tiles(face: Face, first: Ints) -> Bools:
    """Pairs, shape ``(P,)``, of sets of groups of which so many are joined that tiles are nearly full."""
    pairs, groups = face.pairs, first.size
    one, two = pairs.member.T
    here = any_type(face.pair)
    plain = ~any_type(pairs.share != 1.0) & (one != two)
    size = np.bincount(first, minlength=groups)
    columns = np.bincount(first[one], over_types(face.pair.view(np.int8)) * plain, groups)
    room = 0.5 * size * (size - 1) * face.pair.shape[1]
    full = (size >= LEAST) & (columns >= _FULL * room)
    which, use, all_take = first[one], pairs.use, np.zeros(groups)
    all_take[which[here]] = use[here]
    full[which[here & (use != all_take[which])]] = False
    found: Bools = here & plain & full[which]
    return found


def _make_ready(point: Point) -> None:
    """Have compiled code for what goes along all columns alike."""
    make_ready(listed.take, (point, 0.0))
    make_ready(listed.held_back, (point, 0.0, np.zeros(0, dtype=np.int64)))


def _take(point: Point, kept: float, whole: Ints) -> int:
    """Take a step: these columns' whole, of all others but a part."""
    x, z, dx, dz = point
    shares, costs = x[whole], z[whole]
    after = (
        np.maximum(shares + dx[whole], _LEAST * shares),
        np.maximum(costs + dz[whole], _LEAST * costs),
    )
    held = listed.take(point, kept)
    x[whole], z[whole] = after
    return held


class _List:
    """Groups alone, slacks, and pairs of which few are there."""

    def __init__(self, face: Face, shares: int, slacks: int, even: float) -> None:
        many = shares + slacks
        if many > MANY:
            make_ready(listed.columns_of, (face, many))
        self.columns: Columns = listed.columns_of(face, many)
        self._groups, self._types = face.rate.shape
        first = np.ones(many)
        first[:shares] = even
        self._point = Point(first, np.ones(many), np.zeros(many), np.zeros(many))
        self._ratio, self._even = first, first.copy()
        if many > MANY:
            self._make_ready()

    def _make_ready(self) -> None:
        columns, point, groups, rows = self.columns, self._point, self._groups, self._rows
        make_ready(listed.costs, (columns, np.zeros(rows), groups))
        make_ready(listed.add_up, (columns, point, rows, groups))
        make_ready(listed.walk, (columns, point, np.zeros(rows), groups))
        make_ready(listed.aim, (point, columns.weight, 0.0, 0.0))
        _make_ready(point)

    @property
    def _rows(self) -> int:
        return int(2 * self._groups + self._types)

    @property
    def weight(self) -> float:
        return float(self.columns.weight.sum())

    def product(self) -> float:
        return float(self._point.x @ self._point.z)

    def weigh(self) -> None:
        self._ratio = self._point.x / self._point.z

    def assemble(self, blocks: Blocks, matrix: Floats, beside: Floats, kinds: Floats) -> None:
        given = self.columns, self._ratio, blocks, matrix, beside, kinds
        if self._ratio.size > MANY:
            make_ready(listed.assemble, given)
        listed.assemble(*given)

    def begin(self, nu: Floats) -> float:
        cost = listed.costs(self.columns, nu, self._groups)
        self._point.x[:] = self._even * cost
        return float(cost.min(initial=np.inf))

    def lift(self, by: float) -> None:
        self._point.x[:] += self._even * by

    def go_out(self) -> None:
        self._point.x[:], self._point.z[:] = self._even, 1.0

    def stand_at(self, nu: Floats) -> float:
        self._point.z[:] = listed.costs(self.columns, nu, self._groups)
        np.divide(self.columns.weight, self._point.z, out=self._point.x)
        return float(self._point.z.min(initial=np.inf))

    def aim(self, nu: Floats, goal: float, second: float) -> Floats:
        if not second:
            self._point.dz[:] = listed.costs(self.columns, nu, self._groups) - self._point.z
            self.weigh()
        listed.aim(self._point, self.columns.weight, goal, second)
        return listed.add_up(self.columns, self._point, self._rows, self._groups)

    def walk(self, nu: Floats) -> tuple[float, float, float]:
        found: tuple[float, float, float] = listed.walk(self.columns, self._point, nu, self._groups)
        return found

    def take(self, kept: float, whole: Ints) -> int:
        return _take(self._point, kept, whole)

    def held_back(self, kept: float, found: Ints) -> int:
        return int(listed.held_back(self._point, kept, found))

    def held(self, places: Ints) -> Held:
        x, z, dx, dz = (part[places] for part in self._point)
        c = self.columns
        which = c.one[places], c.two[places], c.kind[places]
        adds = c.first[places], c.second[places], c.share[places], c.other[places], c.use[places]
        own = *which, *adds, c.weight[places]
        return Held(*own, x, z, self._ratio[places], x + dx, z + dz)

    def push(self, places: Ints, by: Floats) -> None:
        self._point.dx[:] += self._ratio * self._point.dz
        self._point.dx[places] += by

    def hand_out(self, x: Floats) -> None:
        shares = self.columns.place >= 0
        x.ravel()[self.columns.place[shares]] = self._point.x[shares]


class _Tiles:
    """Pairs of which nearly all are there."""

    def __init__(self, face: Face, first: Ints, in_tiles: Bools, even: float) -> None:
        pairs, groups = face.pairs, first.size
        self._shape, types = (groups, face.pair.shape[1]), face.pair.shape[1]
        there = np.zeros(groups, dtype=bool)
        there[first[pairs.member[in_tiles, 0]]] = True
        order = np.argsort(first, kind="stable")
        self._order = order[there[first[order]]]
        one, two = pairs.member.T
        size = np.bincount(first, minlength=groups)[first[self._order]]
        row = np.arange(size.size)
        place = np.zeros(groups, dtype=np.int64)
        place[self._order] = row
        along = row - place[first[self._order]]
        use = np.zeros(groups)
        use[first[one[in_tiles]]] = pairs.use[in_tiles]
        columns = (size - 1 - along) * types
        none = np.zeros((3, int(columns.sum())))
        self._tiles = Tiles(
            begin=np.cumsum(columns) - columns,
            many=size - 1 - along,
            use=use[first[self._order]],
            first=none[0],
            second=none[1],
            weight=none[2],
            start=np.zeros_like(size),
            width=2 * size,
        )
        self._marks, self._place = face.pair & in_tiles[:, None], place
        self._pairs = pairs
        filled = pairs, self._marks, face.jobs[one] * face.jobs[two], place
        if columns.sum() > MANY:
            make_ready(tiled.fill_tiles, (self._tiles, *filled))
        tiled.fill_tiles(self._tiles, *filled)
        weight = self._tiles.weight
        self._even = np.where(weight > 0.0, even, 0.0)
        many = weight.size
        self._point = Point(self._even.copy(), np.ones(many), *np.zeros((2, many)))
        self._ratio = np.zeros(many)
        self._room = np.zeros((5, size.size))
        if many > MANY:
            self._make_ready()

    def _make_ready(self) -> None:
        tiles, point, ratio, room = self._tiles, self._point, self._ratio, self._room
        values = RowValues.zeros(room.shape[1], self._shape[1])
        beside, kinds = tuple(np.zeros((2, self._shape[1], room.shape[1]))), room[0]
        make_ready(tiled.costs_of_tiles, (tiles, values, point.dz))
        make_ready(tiled.assemble_tiles, (tiles, ratio, room[0], beside, kinds, room))
        make_ready(tiled.aim_tiles, (tiles, point, ratio, (values, values), (0.0, 0.0), room))
        make_ready(tiled.walk_tiles, (tiles, point, ratio, values, room))
        _make_ready(point)
        x = np.zeros(self._marks.shape)
        make_ready(tiled.read_tiles, (tiles, point.x, self._pairs, self._marks, self._place, x))

    def _own(self, nu: Floats) -> RowValues:
        """Values of the groups that have tiles, of those of all rows."""
        groups = self._shape[0]
        return RowValues(nu[self._order], nu[groups + self._order], nu[2 * groups :].copy())

    @property
    def weight(self) -> float:
        return float(self._tiles.weight.sum())

    def product(self) -> float:
        return float(self._point.x @ self._point.z)

    def weigh(self) -> None:
        np.divide(self._point.x, self._point.z, out=self._ratio)

    def assemble(self, blocks: Blocks, matrix: Floats, beside: Floats, kinds: Floats) -> None:
        tiles = self._tiles._replace(start=blocks.begin[self._order])
        levels, times = np.zeros((2, self._shape[1], self._order.size))
        tiled.assemble_tiles(tiles, self._ratio, matrix, (levels, times), kinds, self._room)
        beside[0, self._order] += levels.T
        beside[1, self._order] += times.T

    def begin(self, nu: Floats) -> float:
        tiled.costs_of_tiles(self._tiles, self._own(nu), self._point.dz)
        self._point.x[:] = self._even * self._point.dz
        return float(self._point.dz[self._even > 0.0].min(initial=np.inf))

    def lift(self, by: float) -> None:
        self._point.x[:] += self._even * by

    def go_out(self) -> None:
        self._point.x[:], self._point.z[:] = self._even, 1.0

    def stand_at(self, nu: Floats) -> float:
        tiled.costs_of_tiles(self._tiles, self._own(nu), self._point.z)
        self._point.z[self._tiles.weight == 0.0] = np.inf
        least = float(self._point.z.min(initial=np.inf))
        self._point.z[self._tiles.weight == 0.0] = 1.0
        np.divide(self._tiles.weight, self._point.z, out=self._point.x)
        return least

    def aim(self, nu: Floats, goal: float, second: float) -> Floats:
        groups, types = self._shape
        own = RowValues.zeros(self._order.size, types)
        given = self._tiles, self._point, self._ratio, (self._own(nu), own)
        tiled.aim_tiles(*given, (float(goal), float(second)), self._room)
        found = np.zeros(2 * groups + types)
        found[self._order], found[groups + self._order] = own.level, own.time
        found[2 * groups :] = own.workers
        return found

    def walk(self, nu: Floats) -> tuple[float, float, float]:
        found: tuple[float, float, float] = tiled.walk_tiles(
            self._tiles, self._point, self._ratio, self._own(nu), self._room
        )
        return found

    def take(self, kept: float, whole: Ints) -> int:
        return _take(self._point, kept, whole)

    def held_back(self, kept: float, found: Ints) -> int:
        return int(listed.held_back(self._point, kept, found))

    def held(self, places: Ints) -> Held:
        x, z, dx, dz = (part[places] for part in self._point)
        tiles = self._tiles
        rows = np.flatnonzero(tiles.many)
        row = rows[np.searchsorted(tiles.begin[rows], places, side="right") - 1]
        kind, along = np.divmod(places - tiles.begin[row], tiles.many[row])
        ones = np.ones(places.size)
        pair = self._order[row], self._order[row + 1 + along]
        adds = tiles.first[places], tiles.second[places], ones, ones, tiles.use[row]
        own = *pair, kind, *adds, tiles.weight[places]
        return Held(*own, x, z, self._ratio[places], x + dx, z + dz)

    def push(self, places: Ints, by: Floats) -> None:
        self._point.dx[:] += self._ratio * self._point.dz
        self._point.dx[places] += by

    def hand_out(self, x: Floats) -> None:
        tiled.read_tiles(
            self._tiles, self._point.x, self._pairs, self._marks, self._place, x[self._shape[0] :]
        )
