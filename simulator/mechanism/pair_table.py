"""Pairs of jobs that are kept, compiled: those with an allocation or a history.

All other pairs follow from their jobs (:mod:`simulator.mechanism.layout`).
"""

from __future__ import annotations

import numpy as np

from gavel_opt.kernels.jit import compiled_in_place
from simulator.mechanism import layout as at
from simulator.mechanism.layout import Entries, Pairs


@compiled_in_place
def _hash_place(word: int, mask: int) -> int:
    word ^= word >> 29
    word *= 0x2545F4914F6CDD1D
    word ^= word >> 32
    return word & mask


@compiled_in_place
def find_pair(
    first: int,
    second: int,
    count: np.ndarray,
    entries: Entries,
    pairs: Pairs,
) -> int:
    """Entry of the pair of two slots, or -1 if it is not kept."""
    table = pairs.table
    base = entries.taken.size
    mask = table.size - 1
    if count[at.HASH_FRESH] == 0:
        for place in range(table.size):
            table[place] = -1
        for pair in range(base, base + count[at.PAIRS]):
            place = _hash_place(
                (entries.i[pair, at.FIRST] << 32) + entries.i[pair, at.SECOND], mask
            )
            while table[place] >= 0:
                place = (place + 1) & mask
            table[place] = pair
        count[at.HASH_FRESH] = 1
    place = _hash_place((first << 32) + second, mask)
    while table[place] >= 0:
        pair = table[place]
        if entries.i[pair, at.FIRST] == first and entries.i[pair, at.SECOND] == second:
            return int(pair)
        place = (place + 1) & mask
    return -1


@compiled_in_place
def dead_types(key_one: int, key_two: int, speeds: np.ndarray) -> int:
    """Bit set of the worker types on which two keys cannot run beside each other."""
    dead = 0
    for j in range(speeds.shape[3]):
        if speeds[key_one, key_two, 0, j] <= 0 or speeds[key_one, key_two, 1, j] <= 0:
            dead |= 1 << j
    return dead


@compiled_in_place
def keep_pair(
    first: int,
    second: int,
    half_round: float,
    count: np.ndarray,
    entries: Entries,
    pairs: Pairs,
) -> int:
    """Start to keep a pair that has been through a reset without an allocation."""
    table = pairs.table
    pair = entries.taken.size + count[at.PAIRS]
    types = pairs.believed.shape[3]
    for j in range(types):
        entries.f[pair, j] = 0.0
        # Its time started at 0, so its first reset found half a round missing.
        entries.f[pair, types + j] = half_round
        entries.f[pair, 2 * types + j] = half_round
    entries.i[pair, at.NUMBER] = -1
    entries.i[pair, at.PLACE] = (
        (entries.i[second, at.NUMBER] << 32) + entries.i[first, at.NUMBER] + 1
    )
    entries.i[pair, at.SCALE] = entries.i[first, at.SCALE]
    entries.i[pair, at.FIRST] = first
    entries.i[pair, at.SECOND] = second
    entries.i[pair, at.DEAD] = dead_types(
        entries.i[first, at.BELIEF], entries.i[second, at.BELIEF], pairs.believed
    )
    entries.i[pair, at.RAN] = -1
    entries.i[pair, at.RAN_AT] = 0
    entries.i[pair, at.MEASURED] = 0
    entries.i[pair, at.ALLOCATED] = 0
    count[at.PAIRS] += 1
    if count[at.HASH_FRESH] == 1:
        mask = table.size - 1
        place = _hash_place((first << 32) + second, mask)
        while table[place] >= 0:
            place = (place + 1) & mask
        table[place] = pair
    return int(pair)


@compiled_in_place
def slot_of(number: int, count: np.ndarray, entries: Entries) -> int:
    """Slot of a job number, or -1 if the job is not active."""
    low = 0
    high = count[at.ACTIVE]
    while low < high:
        middle = (low + high) // 2
        if entries.i[middle, at.NUMBER] < number:
            low = middle + 1
        else:
            high = middle
    if low < count[at.ACTIVE] and entries.i[low, at.NUMBER] == number:
        return int(low)
    return -1


@compiled_in_place
def give_pairs(
    jobs: np.ndarray,
    shares: np.ndarray,
    half_round: float,
    count: np.ndarray,
    entries: Entries,
    pairs: Pairs,
) -> bool:
    """Set the allocation of pairs of job numbers ``(P, 2)``; False if a job is not active."""
    types = pairs.believed.shape[3]
    for row in range(jobs.shape[0]):
        first = slot_of(jobs[row, 0], count, entries)
        second = slot_of(jobs[row, 1], count, entries)
        if first < 0 or second <= first:
            return False
        pair = find_pair(first, second, count, entries, pairs)
        if pair < 0:
            pair = keep_pair(first, second, half_round, count, entries, pairs)
        entries.i[pair, at.ALLOCATED] = 1
        for j in range(types):
            entries.f[pair, j] = shares[row, j]
    return True
