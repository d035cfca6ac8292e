"""An allocation program with pairs, brought near 1; its pairs stay as they are and are scaled as they are read."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.model.allocation_program import AllocationProgram
from gavel_opt.solver.column_generation.pair_pricing import PairColumns, Prices, pair_entries

CLEAR = 1e-11
"""Reduced costs above this part of a job's share of the objective are positive."""


@dataclass(frozen=True, slots=True, eq=False)
class ScaledProgram:
    """Level rows divided by their slope (or largest rate), t by the level of an even split.

    Attributes
    ----------
    speed
        What groups alone add to their levels, not scaled, shape ``(G, J)``.
    rate, slope, floor
        Of the level rows, shapes ``(G, J)``, ``(G,)``, ``(G,)``; the floor is -inf where there is no row.
    reward
        Objective of groups, shape ``(G, J)``, counts included.
    helps
        Which shares alone earn anything; the others are never used.
    use, workers
        Workers that a unit takes, shape ``(G,)``, and that there are, ``(J,)``.
    count
        Jobs of each group.
    pairs
        The pairs.
    scale, unit, worth
        What level rows were multiplied by, what t was divided by, what the objective was multiplied by.
    has_level
        Whether there is a level t.
    spares
        Whether rows and columns in which nobody has a part are spared the solver. Where many optima will do, another of
        them comes out: so only in programs with deadlines, of which that one is not asked for.
    """

    speed: Floats
    rate: Floats
    slope: Floats
    floor: Floats
    reward: Floats
    helps: Bools
    use: Floats
    workers: Floats
    count: Floats
    pairs: PairColumns
    scale: Floats
    unit: float
    worth: float
    has_level: bool
    spares: bool

    @classmethod
    def of(cls, program: AllocationProgram) -> ScaledProgram:
        """Scale a program."""
        blocks, slope = program.blocks, program.slope
        pairs = blocks.pairs
        assert pairs is not None
        groups, types = blocks.rate.shape
        has_level = program.has_level
        sloped = slope > 0.0
        scale = np.divide(1.0, slope, out=np.zeros(groups), where=sloped)
        demand = float(blocks.use.sum())
        split = blocks.workers / max(demand, float(blocks.workers.sum()))
        even = (blocks.rate @ split) * scale
        rated = even > 0.0
        unit = 1.0
        if rated.any():
            unit = float(blocks.use[rated].sum() / (blocks.use[rated] / even[rated]).sum())
        held = ~sloped & (program.floor > -np.inf)
        largest = blocks.rate.max(axis=1, initial=0.0)
        scale[held] = np.where(largest[held] > 0.0, unit / np.maximum(largest[held], 1e-300), unit)
        scale /= unit
        reward, worth = np.zeros((groups, types)), 1.0 / unit
        pair_reward = np.empty((0, types))
        if program.reward is not None:
            reward = program.reward[:groups] * blocks.count[:, None]
            pair_reward = program.reward[groups:]
            if not has_level:
                per_worker = np.concatenate(
                    [reward / blocks.use[:, None], pair_reward / pairs.use[:, None]]
                ).max(axis=0)
                best = float(per_worker @ np.minimum(blocks.workers, demand))
                worth = 1.0 / best if best > 0.0 else 1.0
            reward, pair_reward = reward * worth, pair_reward * worth
        rate = blocks.rate * scale[:, None]
        return cls(
            speed=blocks.rate,
            rate=rate,
            slope=slope * scale * unit,
            floor=np.where(
                sloped | held, program.floor * np.where(scale > 0.0, scale, 1.0), -np.inf
            ),
            reward=reward,
            helps=(rate > 0.0) | (reward > 0.0),
            use=blocks.use,
            workers=blocks.workers,
            count=blocks.count.astype(np.float64),
            pairs=PairColumns(
                np.ascontiguousarray(pairs.member),
                np.ascontiguousarray(pairs.rate),
                np.ascontiguousarray(pairs.share),
                np.ascontiguousarray(pairs.use),
                np.ascontiguousarray(pair_reward),
                scale,
            ),
            scale=scale,
            unit=unit,
            worth=worth,
            has_level=has_level,
            spares=program.enough < math.inf or (program.reward is not None and bool(held.any())),
        )

    @property
    def slopes(self) -> Floats:
        """Slopes as they were before they were scaled, shape ``(G,)``."""
        unscaled = np.zeros(self.slope.size)
        return np.divide(self.slope, self.scale * self.unit, unscaled, where=self.scale > 0.0)

    def with_rows(self, group: Ints, slopes: Floats) -> ScaledProgram:
        """The same with level rows of further groups, of such slopes and without floors."""
        scale, slope, floor = self.scale.copy(), self.slope.copy(), self.floor.copy()
        scale[group] = 1.0 / (slopes * self.unit)
        slope[group], floor[group] = 1.0, 0.0
        rate = self.speed * scale[:, None]
        return replace(
            self,
            rate=rate,
            slope=slope,
            floor=floor,
            helps=(rate > 0.0) | (self.reward > 0.0),
            pairs=self.pairs._replace(scale=scale),
            scale=scale,
        )

    def with_pairs(self, pair: Ints) -> ScaledProgram:
        """The same with those of its pairs alone."""
        pairs = self.pairs
        reward = pairs.reward[pair] if pairs.reward.shape[0] else pairs.reward
        return replace(
            self,
            pairs=PairColumns(
                pairs.member[pair],
                pairs.rate[pair],
                pairs.share[pair],
                pairs.use[pair],
                reward,
                pairs.scale,
            ),
        )

    def nothing(self) -> tuple[float, Prices]:
        """Reduced costs up to which a column costs nothing, and prices up to which a row has none.

        A row's price is what its slack costs, so it counts for as much of the row as a share takes: with less,
        rounding of a price that is 0 would be one, and say that there is no slack.
        """
        clear = CLEAR / float(self.count.sum())
        groups, types = self.rate.shape
        level = clear / np.maximum(self.rate.max(axis=1, initial=0.0), 1.0)
        workers = np.full(types, clear / max(float(self.use.max(initial=0.0)), 1.0))
        return clear, Prices(level, np.full(groups, clear), workers)

    def entries(self, column: Ints) -> tuple[Ints, Floats]:
        """Rows and coefficients of pairs' columns: :func:`~gavel_opt.solver.column_generation.pair_pricing.pair_entries`."""
        return pair_entries(self.pairs, column)

    def pair_reward(self, column: Ints) -> Floats:
        """Objective of pairs' columns."""
        if not self.pairs.reward.shape[0]:
            return np.zeros(column.size)
        pair, kind = np.divmod(column, self.rate.shape[1])
        reward: Floats = self.pairs.reward[pair, kind]
        return reward

    def pair_costs(self, column: Ints, prices: Prices) -> Floats:
        """Reduced costs of pairs' columns."""
        rows, values = self.entries(column)
        dual = np.concatenate([-prices.level, prices.time, prices.workers])
        cost: Floats = (values * dual[rows]).sum(axis=1) - self.pair_reward(column)
        return cost

    def pair_numbers(self, member: Ints) -> Ints:
        """Which pair two groups are, shape ``(pairs, 2)``, the smaller first; -1 for none."""
        groups = self.rate.shape[0]
        word = self.pairs.member[:, 0] * groups + self.pairs.member[:, 1]
        sought = member[:, 0] * groups + member[:, 1]
        if not word.size:
            return np.full(sought.size, -1)
        order = None if _ascends(word) else np.argsort(word, kind="stable")
        place = np.minimum(np.searchsorted(word, sought, sorter=order), word.size - 1)
        found = place if order is None else order[place]
        number: Ints = np.where((member[:, 0] >= 0) & (word[found] == sought), found, -1)
        return number

    def taken(self, alone: Floats, column: Ints, pair: Floats) -> tuple[Floats, Floats, Floats]:
        """Levels reached, time and workers taken, shapes ``(G,)``, ``(G,)``, ``(J,)``."""
        groups, types = self.rate.shape
        rows, values = self.entries(column)
        total = np.bincount(
            rows.ravel(), (values * pair[:, None]).ravel(), minlength=2 * groups + types
        )
        levels = (self.rate * alone).sum(axis=1) + total[:groups]
        return (
            levels,
            alone.sum(axis=1) + total[groups : 2 * groups],
            self.use @ alone + total[2 * groups :],
        )


def _ascends(word: Ints) -> bool:
    return bool((word[1:] >= word[:-1]).all())
