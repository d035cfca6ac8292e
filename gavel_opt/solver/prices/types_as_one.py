"""Worker types that count as one for the levels of water filling: parts of all types, and which part is dearer than another.

Types that are a job's fastest alike, and then those on which most jobs are as fast, are one part, on which each job is as fast as on the
faster. Nobody has less so. Some types of a part may have too few workers for those who are as fast nowhere else (jobs of many GPUs, of which
large servers alone have enough). They become a part of their own, which is taken to be dearer than the rest: then nobody runs there who is as
fast on the rest. If prices say the same, these are the levels; if they say the contrary, the other part is taken to be dearer; and if they
say the contrary of that, too, neither is, and the two are one part again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.prices.markets import Columns, two_fastest
from gavel_opt.solver.prices.recovery import APART

WAS_ABOVE, ABOVE = 1, 2
"""A part was taken to be dearer than another, and is."""
DEARER, TURNED, NEITHER = range(3)
"""What parts are that were taken to be dearer than others: no cheaper; cheaper, so the others are taken to be dearer now; and were before, so
neither is."""


class Parts(NamedTuple):
    """Groups on parts of the worker types.

    Attributes
    ----------
    columns
        The groups, on which each is as fast as on the fastest type of a part.
    place
        The part that each type is in, shape ``(J,)``.
    order
        ABOVE where a part is taken to be dearer than another, ``(J, J)``.
    """

    columns: Columns
    place: Ints
    order: Ints


class Ends(NamedTuple):
    """How types end: whether they never have a price, else the stage in which they have one, and which, shape ``(J,)``."""

    is_free: Bools
    stage: Ints
    price: Floats


@compiled
def types_apart(columns: Columns) -> Parts:
    """The groups, with types of one speed for everybody as one."""
    types = columns.workers.size
    leader = np.arange(types)
    for j in range(types):
        for k in range(j):
            if leader[j] == j and leader[k] == k and _same_speeds(columns.rate, k, j):
                _follow(leader, j, k)
    return _with_leaders(columns, leader)


@compiled
def types_as_one(apart: Parts) -> Parts:
    """The groups, with types that are the fastest of some job alike, or as fast for most jobs, as one."""
    columns = apart.columns
    groups, types = columns.rate.shape
    everywhere, leader, some = np.ones(types, np.bool_), np.arange(types), False
    for g in range(groups):
        at, best, second = two_fastest(columns.rate[g], everywhere)
        if second < best * (1.0 - APART) or best <= 0.0:
            continue
        some = True
        for j in range(types):
            if columns.rate[g, j] >= best * (1.0 - APART):
                _follow(leader, leader[j], leader[at])
    if not some:
        return apart
    for j in range(types):
        for k in range(j):
            if 2 * _as_fast(columns.rate, j, k) >= groups:
                _follow(leader, leader[j], leader[k])
    fewer = _with_leaders(columns, leader)
    return Parts(fewer.columns, fewer.place[apart.place], apart.order)


@compiled
def _with_leaders(columns: Columns, leader: Ints) -> Parts:
    """The groups on the types that lead themselves, of which those that follow are part."""
    types = leader.size
    place, many = np.empty(types, np.int64), 0
    for j in range(types):
        if leader[j] == j:
            place[j] = many
            many += 1
    for j in range(types):
        place[j] = place[leader[j]]
    order = np.zeros((types, types), np.int64)
    return Parts(columns if many == types else _on_parts(columns, place, many), place, order)


@compiled
def _on_parts(columns: Columns, place: Ints, many: int) -> Columns:
    """The groups on so many parts, on which each job is as fast as on the fastest type there."""
    rate, workers = np.zeros((columns.use.size, many)), np.zeros(many)
    for j in range(place.size):
        workers[place[j]] += columns.workers[j]
        for g in range(columns.use.size):
            rate[g, place[j]] = max(rate[g, place[j]], columns.rate[g, j])
    return Columns(rate, columns.use, columns.counts, workers)


@compiled
def _as_fast(rate: Floats, one: int, other: int) -> int:
    """How many jobs are as fast on one type as on another."""
    many = 0
    for g in range(rate.shape[0]):
        high, low = max(rate[g, one], rate[g, other]), min(rate[g, one], rate[g, other])
        many += int(low >= high * (1.0 - APART))
    return many


@compiled
def _follow(leader: Ints, one: int, other: int) -> None:
    """Have those that follow one leader follow another."""
    for j in range(leader.size):
        if leader[j] == one:
            leader[j] = other


@compiled
def _same_speeds(rate: Floats, one: int, other: int) -> bool:
    g = 0
    while g < rate.shape[0] and rate[g, one] == rate[g, other]:
        g += 1
    return bool(g == rate.shape[0])


# parts that are dearer than others --------------------------------------------------------------


@compiled
def taken_apart(columns: Columns, parts: Parts, short: Bools) -> Parts:
    """Make the types that are ``short`` of workers a part of its own, dearer than the rest of the one that they were in."""
    many, place, order, split = parts.columns.workers.size, parts.place.copy(), parts.order, 0
    for j in range(place.size):
        if short[j]:
            split = place[j]
            place[j] = many
    for a in range(many):
        order[a, many], order[many, a] = order[a, split], order[split, a]
    order[many, split] = ABOVE
    return Parts(_on_parts(columns, place, many + 1), place, order)


@compiled
def put_together(columns: Columns, parts: Parts, one: int, other: int) -> Parts:
    """Make two parts one; what is known of the other holds for it."""
    last, place, order = parts.columns.workers.size - 1, parts.place.copy(), parts.order
    for j in range(place.size):
        if place[j] == one:
            place[j] = other
    for j in range(place.size):
        if place[j] == last:
            place[j] = one
    for a in range(last + 1):
        order[one, a], order[a, one] = order[last, a], order[a, last]
    for a in range(last + 1):
        order[last, a], order[a, last] = 0, 0
    order[one, one] = 0
    return Parts(_on_parts(columns, place, last), place, order)


@compiled
def in_order(parts: Parts) -> tuple[Columns, Bools]:
    """The groups on parts, nobody on one who is as fast on a part that is taken to be cheaper; and which took somebody away so, ``(P, P)``."""
    every, many = parts.columns.rate, parts.columns.workers.size
    rate, took = every.copy(), np.zeros((many, many), np.bool_)
    for a in range(many):
        for b in range(many):
            if parts.order[a, b] != ABOVE:
                continue
            for g in range(rate.shape[0]):
                if 0.0 < every[g, a] * (1.0 - APART) <= every[g, b]:
                    rate[g, a], took[a, b] = 0.0, True
    return Columns(rate, parts.columns.use, parts.columns.counts, parts.columns.workers), took


@compiled
def are_dearer(parts: Parts, took: Bools, ends: Ends) -> tuple[int, int, int]:
    """Whether parts are no cheaper than those that took somebody away from them; an outcome, and two of which neither is dearer."""
    many, order, outcome = took.shape[0], parts.order, DEARER
    for a in range(many):
        for b in range(many):
            if not took[a, b]:
                continue
            same = ends.stage[a] == ends.stage[b] and ends.price[a] >= ends.price[b]
            sooner = ends.is_free[b] or ends.stage[a] < ends.stage[b]
            if not ends.is_free[a] and (sooner or same):
                continue
            if order[b, a] != 0:
                return NEITHER, a, b
            order[a, b], order[b, a] = WAS_ABOVE, ABOVE
            outcome = TURNED
    return outcome, -1, -1


@compiled
def as_dear(took: Bools, ends: Ends) -> tuple[int, int]:
    """A part that is no dearer than one that took somebody away from it, who may run on both; -1 if there is none."""
    for a in range(took.shape[0]):
        for b in range(took.shape[0]):
            together = not ends.is_free[b] and ends.stage[a] == ends.stage[b]
            same = 0.0 < ends.price[a] <= ends.price[b] * (1.0 + APART)
            if took[a, b] and together and same:
                return a, b
    return -1, -1
