"""Pairs of jobs that are kept, compiled: those with an allocation or a history.

All other pairs follow from their jobs (:mod:`simulator.mechanism.records`). A hash table leads from two
slots to the pair's entry. Its last place holds how often it was made anew: what was entered before counts
as nothing, so that making it anew takes as long as there are pairs, not as there is room.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gavel_opt.kernels.jit import compiled
from simulator.mechanism.records import World

_ENTRY_BITS = 32
"""Of a word of the table; above them stands which making of the table it is of."""


def empty_table(pairs: int) -> np.ndarray:
    """Room for so many pairs, at most half of it in use, and for the number of the table's makings."""
    return np.zeros((1 << int(2 * pairs).bit_length()) + 1, dtype=np.int64)


@compiled
def find_pair(first: int, second: int, entries: np.ndarray, table: np.ndarray) -> int:
    """Entry of the pair of two slots, or -1 if it is not kept; the table must be fresh."""
    size = len(table) - 1
    stamp = table[size] << _ENTRY_BITS
    place = _place_of(first, second, size)
    while table[place] >= stamp:
        entry = table[place] - stamp
        pair = entries[entry]
        if pair.first == first and pair.second == second:
            return int(entry)
        place = (place + 1) & (size - 1)
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
        ledger.cannot_run = not can_run_together(one.key, two.key, j, world.pair_speeds)
    if not count.pairs_stale:
        _enter(entry, pair, world.pair_table)
    return int(entry)


@compiled
def order_of(entry: Any, entries: np.ndarray) -> int:
    """Order of insertion of an entry: a job's own comes before its pairs with earlier jobs."""
    if entry.second < 0:
        return int(entry.number << 32)
    return pair_order(entries[entry.first], entries[entry.second])


@compiled
def pair_order(first: Any, second: Any) -> int:
    """Order of insertion of the pair of two jobs: the later one counts, then the earlier one."""
    return int((second.number << 32) + first.number + 1)


@compiled
def can_run_together(one: int, two: int, j: int, speeds: np.ndarray) -> bool:
    """Whether jobs of two keys both advance when they share a worker of type j."""
    return bool(speeds[one, two, 0, j] > 0 and speeds[one, two, 1, j] > 0)


@compiled
def set_pair_allocation(jobs: np.ndarray, shares: np.ndarray, world: World) -> bool:
    """Set the shares ``(P, J)`` of pairs of job numbers ``(P, 2)``; False if a job is not active."""
    active = world.counts[0].active
    refresh_table(len(world.candidates), world.counts[0], world.entries, world.pair_table)
    for row in range(len(jobs)):
        first = slot_of(jobs[row, 0], active, world.entries)
        second = slot_of(jobs[row, 1], active, world.entries)
        if first < 0 or second <= first:
            return False
        entry = find_pair(first, second, world.entries, world.pair_table)
        if entry < 0:
            entry = keep_pair(first, second, world)
        world.entries[entry].allocated = True
        for j in range(len(world.types)):
            world.ledger[entry, j].share = shares[row, j]
    return True


@compiled
def slot_of(number: int, active: int, entries: np.ndarray) -> int:
    """Slot of a job number, or -1 if the job is not active; no gaps may be among the jobs."""
    low = 0
    high = active
    while low < high:
        middle = (low + high) // 2
        if entries[middle].number < number:
            low = middle + 1
        else:
            high = middle
    if low < active and entries[low].number == number:
        return int(low)
    return -1


@compiled
def refresh_table(base: int, count: Any, entries: np.ndarray, table: np.ndarray) -> None:
    """Enter the pairs that are kept, whose rows start at ``base``, if the table is out of date."""
    if not count.pairs_stale:
        return
    count.pairs_stale = False
    table[len(table) - 1] += 1
    for entry in range(base, base + count.pairs):
        _enter(entry, entries[entry], table)


@compiled
def _place_of(first: int, second: int, size: int) -> int:
    """Where in a table of ``size``, a power of two, the search for a pair starts."""
    word = (first * 0x9E3779B1) ^ (second * 0x85EBCA77)
    word ^= word >> 29
    return int(word & (size - 1))


@compiled
def _enter(entry: int, pair: Any, table: np.ndarray) -> None:
    size = len(table) - 1
    stamp = table[size] << _ENTRY_BITS
    place = _place_of(pair.first, pair.second, size)
    while table[place] >= stamp:
        place = (place + 1) & (size - 1)
    table[place] = stamp + entry
