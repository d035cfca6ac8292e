"""Pairs of jobs that are kept, compiled: those with an allocation or a history.

All other pairs follow from their jobs (:mod:`simulator.mechanism.records`). A hash table leads from two
slots to the pair's entry.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.kernels.jit import compiled
from simulator.mechanism.records import World


@compiled
def find_pair(first: int, second: int, world: World) -> int:
    """Entry of the pair of two slots, or -1 if it is not kept."""
    count = world.counts[0]
    if count.pairs_stale:
        _fill_table(world)
        count.pairs_stale = False
    table = world.pair_table
    place = _place_of(first, second, len(table))
    while table[place] >= 0:
        pair = world.entries[table[place]]
        if pair.first == first and pair.second == second:
            return int(table[place])
        place = (place + 1) & (len(table) - 1)
    return -1


@compiled
def keep_pair(first: int, second: int, world: World) -> int:
    """Start to keep a pair that has been through a reset without an allocation."""
    count = world.counts[0]
    entry = len(world.candidates) + count.pairs
    count.pairs += 1
    one = world.entries[first]
    two = world.entries[second]
    pair = world.entries[entry]
    pair.first = first
    pair.second = second
    pair.number = -1
    pair.scale = one.scale
    pair.ran_round = -1
    pair.allocated = False
    for j in range(len(world.types)):
        ledger = world.ledger[entry, j]
        ledger.share = 0.0
        # Its time started at 0, so its first reset found half a round missing.
        ledger.received = world.rules[0].half_round
        ledger.deficit = world.rules[0].half_round
        ledger.cannot_run = not can_run_together(one.key, two.key, j, world)
    if not count.pairs_stale:
        _enter(entry, world)
    return int(entry)


@compiled
def pair_order(first: int, second: int, world: World) -> int:
    """Order of insertion of the pair of two slots: the later job counts, then the earlier one."""
    return int((world.entries[second].number << 32) + world.entries[first].number + 1)


@compiled
def order_of(entry: int, world: World) -> int:
    """Order of insertion of an entry: a job's own comes before its pairs with earlier jobs."""
    if entry < len(world.candidates):
        return int(world.entries[entry].number << 32)
    return pair_order(world.entries[entry].first, world.entries[entry].second, world)


@compiled
def can_run_together(one: int, two: int, j: int, world: World) -> bool:
    """Whether jobs of two keys both advance when they share a worker of type j."""
    return bool(world.pair_speeds[one, two, 0, j] > 0 and world.pair_speeds[one, two, 1, j] > 0)


@compiled
def set_pair_allocation(jobs: np.ndarray, shares: np.ndarray, world: World) -> bool:
    """Set the shares ``(P, J)`` of pairs of job numbers ``(P, 2)``; False if a job is not active."""
    for row in range(len(jobs)):
        first = slot_of(jobs[row, 0], world)
        second = slot_of(jobs[row, 1], world)
        if first < 0 or second <= first:
            return False
        entry = find_pair(first, second, world)
        if entry < 0:
            entry = keep_pair(first, second, world)
        world.entries[entry].allocated = True
        for j in range(len(world.types)):
            world.ledger[entry, j].share = shares[row, j]
    return True


@compiled
def slot_of(number: int, world: World) -> int:
    """Slot of a job number, or -1 if the job is not active; no gaps may be among the jobs."""
    low = 0
    high = world.counts[0].active
    while low < high:
        middle = (low + high) // 2
        if world.entries[middle].number < number:
            low = middle + 1
        else:
            high = middle
    if low < world.counts[0].active and world.entries[low].number == number:
        return int(low)
    return -1


@compiled
def _place_of(first: int, second: int, size: int) -> int:
    """Where in a table of ``size``, a power of two, the search for a pair starts."""
    word = (first * 0x9E3779B1) ^ (second * 0x85EBCA77)
    word ^= word >> 29
    return int(word & (size - 1))


@compiled
def _enter(entry: int, world: World) -> None:
    table = world.pair_table
    pair = world.entries[entry]
    place = _place_of(pair.first, pair.second, len(table))
    while table[place] >= 0:
        place = (place + 1) & (len(table) - 1)
    table[place] = entry


@compiled
def _fill_table(world: World) -> None:
    for place in range(len(world.pair_table)):
        world.pair_table[place] = -1
    base = len(world.candidates)
    for entry in range(base, base + world.counts[0].pairs):
        _enter(entry, world)
