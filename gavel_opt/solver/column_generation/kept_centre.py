r"""Prices of the last centre as a start for the next: a few jobs are others, and the others are further on.

At the centre each share is its weight over what it costs, :math:`x_k = w_k / (a_k \cdot \nu)`, so prices say all. A
job's are kept by what it does at its fastest: then they stay what they are when it needs less. One that is new,
or has got slack that it had not, or has been joined by another, takes what brings its own two rows in order while all others' prices stay.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.solver.column_generation.face_columns import Face

_NEW = 0.1
"""Part of the groups that may be new; where more are, the way from outside is as short."""
_SWEEPS = 2
"""How often new jobs' prices are sought, one after the other, since they are in each other's pairs."""
_ROUNDS = 30
_STILL = 1e-2
"""A job's own search ends once no cost of its columns moves by more than this part."""
_OWN = 1e-10
"""Part of a job's row of time, by its square, that its row of its level says nothing of, up to which one of both prices will do."""
_BACK = 0.9
"""Part of the way to the first cost of zero that is gone."""


class KeptCentre(NamedTuple):
    """Prices of a centre, for products of 1, by group.

    Attributes
    ----------
    key, use, jobs
        Of the groups: what they keep from program to program, workers that they take, and jobs.
    level, time, workers
        Prices of levels, of what a group does in its time at its fastest; of time; of workers.
    slack
        Which rows had slack, shape ``(2 G + J,)``.
    """

    key: Ints
    use: Floats
    jobs: Floats
    level: Floats
    time: Floats
    workers: Floats
    slack: Bools

    @classmethod
    def of(cls, face: Face, key: Ints, nu: Floats) -> KeptCentre:
        """Keep the prices ``nu`` of a face's rows."""
        groups = key.size
        level = nu[:groups] * _fastest(face)
        time, workers = nu[groups : 2 * groups], nu[2 * groups :]
        return cls(key, face.use, face.jobs, level, time, workers, slack_of_rows(face))

    def start(self, face: Face, key: Ints, need: Floats) -> Floats | None:
        """Prices of the rows of another face; None where most of its groups are new."""
        groups, types = face.rate.shape
        if self.workers.size != types:
            return None
        order = np.argsort(self.key, kind="stable")
        there = order[np.minimum(np.searchsorted(self.key, key, sorter=order), self.key.size - 1)]
        new = self.key[there] != key
        had, has = (
            slack[: 2 * many].reshape(2, many)
            for slack, many in ((self.slack, self.key.size), (slack_of_rows(face), groups))
        )
        new |= (had[:, there] != has).any(axis=0)
        if new.sum() > _NEW * groups:
            return None
        jobs = face.jobs / self.jobs[there]
        level, time = self.level[there] * jobs, self.time[there] * jobs
        for group in np.flatnonzero(new):
            alike = self.use == face.use[group]
            if not alike.any():
                return None
            level[group], time[group] = np.median(self.level[alike]), np.median(self.time[alike])
        nu = np.concatenate([level / _fastest(face), time, self.workers])
        # two jobs alike may run beside each other, which one could not
        new |= (self.jobs[there] == 1.0) & (face.jobs > 1.0)
        for _ in range(_SWEEPS):
            for group in np.flatnonzero(new):
                columns = _columns_of(face, int(group), nu)
                own = np.array([group, groups + group])
                found = _own_prices(columns, nu[own], np.array([-need[group], 1.0]))
                if found is None:
                    return None
                nu[own] = found
        return nu


def slack_of_rows(face: Face) -> Bools:
    """Which rows have slack on a face, shape ``(2 G + J,)``."""
    return np.concatenate([face.surplus, face.time, face.workers]) > 0.0


def _fastest(face: Face) -> Floats:
    most: Floats = face.rate.max(axis=1)
    return np.where(most > 0.0, most, 1.0)


class _OwnColumns(NamedTuple):
    """A group's columns: what they take of its two rows, shape ``(C, 2)``, cost besides, and weigh."""

    rows: Floats
    rest: Floats
    weight: Floats


def _columns_of(face: Face, group: int, nu: Floats) -> _OwnColumns:
    groups, pairs = face.rate.shape[0], face.pairs
    workers = nu[2 * groups :]
    kinds = np.flatnonzero(face.alone[group])
    rows = [np.stack([-face.rate[group, kinds], np.ones(kinds.size)], axis=1)]
    rest = [face.use[group] * workers[kinds]]
    weight = [np.full(kinds.size, face.jobs[group])]
    for side in (0, 1):
        index = np.flatnonzero(pairs.member[:, side] == group)
        at, kind = np.nonzero(face.pair[index])
        index = index[at]
        other, share = pairs.member[index, 1 - side], pairs.share[index]
        first = share[:, side] * pairs.rate[index, side, kind] * pairs.scale[group]
        second = share[:, 1 - side] * pairs.rate[index, 1 - side, kind] * pairs.scale[other]
        both = other == group
        if side:  # a group beside itself was there on the first side
            index, kind, other, share, first, second, both = (
                part[~both] for part in (index, kind, other, share, first, second, both)
            )
        besides = np.where(both, 0.0, share[:, 1 - side] * nu[groups + other] - second * nu[other])
        rest.append(besides + pairs.use[index] * workers[kind])
        more = np.where(both, share[:, 1 - side], 0.0)
        rows.append(np.stack([-first - np.where(both, second, 0.0), share[:, side] + more], axis=1))
        jobs = face.jobs[group] * np.where(both, 0.5 * (face.jobs[group] - 1.0), face.jobs[other])
        weight.append(np.maximum(jobs, 1.0))
    for slack, row in ((face.surplus[group], (1.0, 0.0)), (face.time[group], (0.0, 1.0))):
        if slack > 0.0:
            rows.append(np.array([row]))
            rest.append(np.zeros(1))
            weight.append(np.array([slack]))
    return _OwnColumns(np.concatenate(rows), np.concatenate(rest), np.concatenate(weight))


def _own_prices(columns: _OwnColumns, prices: Floats, limit: Floats) -> Floats | None:
    """Prices of a group's two rows with which its shares meet them; None if they are not found."""
    rows, rest, weight = columns
    prices = prices.copy()
    if (rows[:, 0] > 0.0).any() and prices[0] <= 0.0:
        prices[0] = 1e-3 / max(abs(float(limit[0])), 1.0)
    takes = rows[:, 1] > 0.0
    usual = float(np.median(np.abs(rest + rows @ prices)))
    short = (_STILL * usual - (rest + rows @ prices)[takes]) / rows[takes, 1]
    prices[1] += max(float(short.max(initial=0.0)), 0.0)
    for _ in range(_ROUNDS):
        cost = rest + rows @ prices
        if not cost.min(initial=np.inf) > 0.0:
            return None
        share = weight / cost
        square = (rows * (share / cost)[:, None]).T @ rows
        (level, both), (_, time) = square.tolist()
        off = rows.T @ share - limit
        left = level * time - both * both
        if left > _OWN * level * time:
            step = np.array([time * off[0] - both * off[1], level * off[1] - both * off[0]]) / left
        elif time > 0.0:  # one row says what the other does
            step = np.array([0.0, off[1] / time])
        else:
            return None
        change = (rows @ step) / cost
        prices += min(1.0, _BACK / max(float(-change.min(initial=0.0)), 1e-300)) * step
        if np.abs(change).max(initial=0.0) <= _STILL:
            return prices
    return None
