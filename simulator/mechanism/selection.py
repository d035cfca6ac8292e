"""Who runs in a round, compiled: by the order of each worker type, then whoever fits."""

from __future__ import annotations

import numpy as np

from gavel_opt.kernels.jit import compiled_in_place
from simulator.mechanism import layout as at
from simulator.mechanism.layout import Entries, Orders, Pairs, Spare
from simulator.mechanism.pair_table import find_pair, keep_pair
from simulator.mechanism.priority import (
    CHECK,
    NEAR,
    lower_bound,
    make_room,
    mixes,
    order_near,
    take_all,
)


@compiled_in_place
def choose(
    j: int,
    workers: int,
    half_round: float,
    total: float,
    count: np.ndarray,
    entries: Entries,
    orders: Orders,
    chosen: np.ndarray,
    spare: Spare,
) -> tuple[int, int, int]:
    """Choose for one worker type; who is chosen from the front is taken out of it.

    Returns how many are chosen, how many of them in order (the others come behind in any order), and
    workers left.
    """
    make_room(j, orders.waiting.shape[1], orders)
    types = orders.bound.shape[0]
    taken = entries.taken
    base = taken.size
    this = count[at.PASSES]
    keys = orders.keys[j]
    deficits = orders.deficits[j]
    packed = orders.packed[j]
    span = orders.span[j]
    bound = orders.bound[j]
    head = span[at.HEAD]
    if (
        span[at.MIXED] == 1
        and this % CHECK == 0
        and not mixes(head, span[at.END], keys, packed, j, types, entries)
    ):
        span[at.MIXED] = 0
    left = workers
    filled = 0
    ordered = 0
    last = head - 1
    place = head
    while True:
        end = span[at.END]
        mixed = span[at.MIXED] == 1
        in_order = place
        while place < end and left > 0:
            if mixed and place == in_order:
                in_order = order_near(place, end, total, half_round, j, entries, orders, spare)
            word = packed[place]
            first = word & at.ENTRY_MASK
            if keys[place] * NEAR <= bound[at.BOUND_KEY] and not (
                entries.f[first, j] == bound[at.BOUND_SHARE]
                and entries.f[first, types + j] == bound[at.BOUND_TIME]
            ):
                break
            size = word >> at.SCALE_SHIFT
            if size <= left:
                second = -1
                if first >= base:
                    pair = first
                    first = entries.i[pair, at.FIRST]
                    second = entries.i[pair, at.SECOND]
                if taken[first] < this and (second < 0 or taken[second] < this):
                    taken[first] = this
                    if second >= 0:
                        taken[second] = this
                    left -= size
                    chosen[filled] = word
                    filled += 1
                    packed[place] = -1
                    last = place
            place += 1
        ordered = filled
        if left == 0 or bound[at.BOUND_KEY] < 0:
            break
        if place == end:
            all_of_them = take_all(j, left, filled, count, entries, orders, chosen)
            if all_of_them >= 0:
                for k in range(filled, all_of_them):
                    left -= chosen[k] >> at.SCALE_SHIFT
                filled = all_of_them
                break
        lower_bound(j, place, workers, this, count, entries, orders, spare)
    # Who was passed over closes up with the rest.
    to = last
    for place in range(last, head - 1, -1):
        if packed[place] >= 0:
            keys[to] = keys[place]
            deficits[to] = deficits[place]
            packed[to] = packed[place]
            to -= 1
    span[at.HEAD] = to + 1
    return filled, ordered, left


@compiled_in_place
def _sift(
    hole: int, size: int, deficits: np.ndarray, places: np.ndarray, entries: np.ndarray
) -> None:
    """Restore the heap below one node: largest deficit first, then first place."""
    deficit = deficits[hole]
    place = places[hole]
    entry = entries[hole]
    while True:
        child = 2 * hole + 1
        if child >= size:
            break
        if child + 1 < size and (
            deficits[child + 1] > deficits[child]
            or (deficits[child + 1] == deficits[child] and places[child + 1] < places[child])
        ):
            child += 1
        if deficit > deficits[child] or (deficit == deficits[child] and place < places[child]):
            break
        deficits[hole] = deficits[child]
        places[hole] = places[child]
        entries[hole] = entries[child]
        hole = child
    deficits[hole] = deficit
    places[hole] = place
    entries[hole] = entry


@compiled_in_place
def choose_rest(
    j: int,
    left: int,
    filled: int,
    half_round: float,
    count: np.ndarray,
    entries: Entries,
    pairs: Pairs,
    chosen: np.ndarray,
    spare: Spare,
) -> int:
    """Fill workers that are left with entries of priority 0: largest deficit first.

    A pair that is not kept yet is kept once it is chosen and may be placed. Who is chosen but has
    no place in the allocation only blocks workers and jobs. Returns how many are chosen now.
    """
    types = pairs.believed.shape[3]
    believed = pairs.believed
    entry_f = entries.f
    entry_i = entries.i
    taken = entries.taken
    base = taken.size
    this = count[at.PASSES]
    free = spare.i[1]
    places = spare.i[2]
    heap = spare.i[3]
    deficits = spare.f[2]
    waiting = 0
    size = 0
    for slot in range(count[at.SLOTS]):
        if taken[slot] < this and entry_i[slot, at.SCALE] <= left:
            free[waiting] = slot
            waiting += 1
            if not entry_i[slot, at.DEAD] >> j & 1 and not entry_f[slot, j] > 0:
                deficits[size] = entry_f[slot, 2 * types + j]
                places[size] = entry_i[slot, at.PLACE]
                heap[size] = slot
                size += 1
    packing = count[at.PACKING] == 1 and waiting > 1
    if packing and waiting * waiting < count[at.PAIRS]:
        for later in range(1, waiting):
            for earlier in range(later):
                if entry_i[free[earlier], at.SCALE] == entry_i[free[later], at.SCALE]:
                    pair = find_pair(free[earlier], free[later], count, entries, pairs)
                    if (
                        pair >= 0
                        and not entry_f[pair, j] > 0
                        and not entry_i[pair, at.DEAD] >> j & 1
                    ):
                        deficits[size] = entry_f[pair, 2 * types + j]
                        places[size] = entry_i[pair, at.PLACE]
                        heap[size] = pair
                        size += 1
    elif packing:
        for pair in range(base, base + count[at.PAIRS]):
            if (
                taken[entry_i[pair, at.FIRST]] < this
                and taken[entry_i[pair, at.SECOND]] < this
                and entry_i[pair, at.SCALE] <= left
                and not entry_f[pair, j] > 0
                and not entry_i[pair, at.DEAD] >> j & 1
            ):
                deficits[size] = entry_f[pair, 2 * types + j]
                places[size] = entry_i[pair, at.PLACE]
                heap[size] = pair
                size += 1
    for hole in range(size // 2 - 1, -1, -1):
        _sift(hole, size, deficits, places, heap)
    # Pairs that are not kept come in two groups: those that have been through a reset with a
    # deficit of half a round, the others with none. Within a group: in order of insertion.
    group = 0 if packing else 2
    later = 1
    earlier = -1
    pending = False
    deficit = 0.0
    place = 0
    while left > 0:
        while group < 2 and not pending:
            earlier += 1
            if earlier >= later:
                later += 1
                earlier = 0
            if later >= waiting:
                group += 1
                later = 1
                earlier = -1
                continue
            first = free[earlier]
            second = free[later]
            if (entry_i[second, at.ALLOCATED] == 1) != (group == 0) or taken[second] >= this:
                earlier = later  # nothing more in this row
                continue
            if (
                taken[first] < this
                and entry_i[first, at.SCALE] == entry_i[second, at.SCALE]
                and entry_i[first, at.SCALE] <= left
                and believed[entry_i[first, at.BELIEF], entry_i[second, at.BELIEF], 0, j] > 0
                and believed[entry_i[first, at.BELIEF], entry_i[second, at.BELIEF], 1, j] > 0
                and find_pair(first, second, count, entries, pairs) < 0
            ):
                pending = True
                deficit = half_round if group == 0 else 0.0
                place = (entry_i[second, at.NUMBER] << 32) + entry_i[first, at.NUMBER] + 1
        kept = size > 0 and not (
            pending and (deficit > deficits[0] or (deficit == deficits[0] and place < places[0]))
        )
        if kept:
            entry = heap[0]
            first = entry_i[entry, at.FIRST]
            second = entry_i[entry, at.SECOND]
            size -= 1
            deficits[0] = deficits[size]
            places[0] = places[size]
            heap[0] = heap[size]
            _sift(0, size, deficits, places, heap)
        elif pending:
            pending = False
            entry = -1
            first = free[earlier]
            second = free[later]
        else:
            break
        if (
            taken[first] >= this
            or (second >= 0 and taken[second] >= this)
            or entry_i[first, at.SCALE] > left
        ):
            continue
        left -= entry_i[first, at.SCALE]
        taken[first] = this
        if second >= 0:
            taken[second] = this
        if entry_i[first if second < 0 else second, at.ALLOCATED] == 0:
            continue
        if entry < 0:
            entry = keep_pair(first, second, half_round, count, entries, pairs)
        chosen[filled] = (entry_i[first, at.SCALE] << at.SCALE_SHIFT) | entry
        filled += 1
    return filled
