"""Who goes first on a worker type, compiled.

By definition the order is that of share / (time received / the type's total), computed in floating
point, then deficit, share and insertion. The total grows from round to round, so everybody's priority
changes. **The kept order** is by share / (time received / half a round), the *key*, which stays as it is
while an entry waits. The two can disagree only where they are equal but for rounding. Entries of
equal share *and* equal time (*alike*) always have equal priority, whatever the total. So if no two
neighbours in the kept order are near to each other without being alike, the order is the one that the
definition gives, to the last bit. If there are such neighbours (``MIXED``), entries that are near to
each other are sorted by the definition, with this round's total, when the choice comes to them.

**Only the front is kept in order**, as far as the choice may come before the next allocation. The rest
*waits* in no order, below a *bound*: a key and a deficit that all of the front reach and nobody who waits
does. Who has run goes to the front or to the rest by its new key. When the choice comes to the bound, the
bound is lowered and those above it are sorted. Who waits may be near to the bound only if it is alike
the entry that the bound was taken from, so this one and its likes may be chosen, and others near the
bound only after it has been lowered.
"""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.kernels.jit import compiled_in_place
from simulator.mechanism import layout as at
from simulator.mechanism.layout import Entries, Orders, Spare
from simulator.mechanism.prefetch import AHEAD, prefetch

_SHORT = 40
"""So many are sorted at once before they are merged."""
_RUN = 6
"""A run that is in order as it comes is left alone from this length on."""
_MANY = 256
"""From so many on, keys are dealt into buckets before they are sorted."""
NEAR = 1.0 - 2.0**-47
"""Keys whose ratio is above this are near. Key and priority take two divisions each, so four roundings of
2**-53 are between their ratios; a key of one that stands behind may be larger by twice as many."""
CHECK = 16
"""Every so many passes it is looked at whether a front that mixes still does."""
_TINY = 1e-280
"""Below this, rounding is not relative any more."""
_SAMPLE = 48
"""Entries that a new bound is estimated from."""
_ROUNDS = 3
"""A front is made long enough for about so many rounds of all workers."""


@compiled_in_place
def _tied_ahead(packed: int, other_packed: int, j: int, entries: Entries) -> bool:
    """Whether an entry goes before another one of the same key and deficit: by share, place."""
    one = packed & at.ENTRY_MASK
    two = other_packed & at.ENTRY_MASK
    if entries.f[one, j] != entries.f[two, j]:
        return bool(entries.f[one, j] > entries.f[two, j])
    base = entries.taken.size
    if one < base and two < base:
        return bool(one < two)
    return bool(entries.i[one, at.PLACE] < entries.i[two, at.PLACE])


@compiled_in_place
def _merge(
    low: int,
    middle: int,
    high: int,
    keys: np.ndarray,
    deficits: np.ndarray,
    packed: np.ndarray,
    j: int,
    entries: Entries,
    spare: Spare,
) -> int:
    """Merge two sorted stretches that touch; returns the first place whose neighbour is another."""
    if low == middle or middle == high:
        return middle
    # Both ends that are in order already stay as they are: look for them from the middle.
    step = 1
    while middle - step > low and keys[middle - step] <= keys[middle]:
        step *= 2
    low = max(low, middle - step)
    step = 1
    while middle + step < high and keys[middle + step] >= keys[middle - 1]:
        step *= 2
    high = min(high, middle + step)
    if keys[middle - 1] > keys[middle]:
        return middle
    aside = spare.f[4]
    aside_deficits = spare.f[5]
    aside_packed = spare.i[2]
    if high - middle <= middle - low:
        size = high - middle
        for k in range(size):
            aside[k] = keys[middle + k]
            aside_deficits[k] = deficits[middle + k]
            aside_packed[k] = packed[middle + k]
        one = middle - 1
        two = size - 1
        place = high - 1
        while two >= 0:
            behind = one >= low and keys[one] <= aside[two]
            if behind and keys[one] == aside[two]:
                behind = aside_deficits[two] > deficits[one] or (
                    aside_deficits[two] == deficits[one]
                    and _tied_ahead(aside_packed[two], packed[one], j, entries)
                )
            if behind:
                keys[place] = keys[one]
                deficits[place] = deficits[one]
                packed[place] = packed[one]
                one -= 1
            else:
                keys[place] = aside[two]
                deficits[place] = aside_deficits[two]
                packed[place] = aside_packed[two]
                two -= 1
            place -= 1
        return int(place + 1)
    size = middle - low
    for k in range(size):
        aside[k] = keys[low + k]
        aside_deficits[k] = deficits[low + k]
        aside_packed[k] = packed[low + k]
    one = 0
    two = middle
    place = low
    while one < size:
        ahead = two < high and keys[two] >= aside[one]
        if ahead and keys[two] == aside[one]:
            ahead = deficits[two] > aside_deficits[one] or (
                deficits[two] == aside_deficits[one]
                and _tied_ahead(packed[two], aside_packed[one], j, entries)
            )
        if ahead:
            keys[place] = keys[two]
            deficits[place] = deficits[two]
            packed[place] = packed[two]
            two += 1
        else:
            keys[place] = aside[one]
            deficits[place] = aside_deficits[one]
            packed[place] = aside_packed[one]
            one += 1
        place += 1
    return int(low)


@compiled_in_place
def _ahead(
    one: int,
    two: int,
    keys: np.ndarray,
    deficits: np.ndarray,
    packed: np.ndarray,
    j: int,
    entries: Entries,
) -> bool:
    """Whether what stands at one place goes before what stands at another."""
    if keys[one] != keys[two]:
        return bool(keys[one] > keys[two])
    if deficits[one] != deficits[two]:
        return bool(deficits[one] > deficits[two])
    return _tied_ahead(packed[one], packed[two], j, entries)


@compiled_in_place
def _sort_few(
    low: int,
    high: int,
    keys: np.ndarray,
    deficits: np.ndarray,
    packed: np.ndarray,
    j: int,
    entries: Entries,
    spare: Spare,
) -> None:
    """Sort a few: count for each how many go before it, without a branch; then look at ties."""
    size = high - low
    aside = spare.f[4]
    aside_deficits = spare.f[5]
    aside_packed = spare.i[2]
    alike = spare.i[4]
    for k in range(size):
        aside[k] = keys[low + k]
        aside_deficits[k] = deficits[low + k]
        aside_packed[k] = packed[low + k]
        alike[k] = 0
    ties = 0
    for k in range(size):
        key = aside[k]
        deficit = aside_deficits[k]
        rank = 0
        for i in range(size):
            rank += (aside[i] > key) | ((aside[i] == key) & (aside_deficits[i] > deficit))
        place = low + rank + alike[rank]
        alike[rank] += 1
        ties += place - low - rank
        keys[place] = key
        deficits[place] = aside_deficits[k]
        packed[place] = aside_packed[k]
    if ties == 0:
        return
    for place in range(low + 1, high):
        hole = place
        while (
            hole > low
            and keys[hole] == keys[hole - 1]
            and deficits[hole] == deficits[hole - 1]
            and _tied_ahead(packed[hole], packed[hole - 1], j, entries)
        ):
            packed[hole], packed[hole - 1] = packed[hole - 1], packed[hole]
            hole -= 1


@compiled_in_place
def _sort(
    low: int,
    high: int,
    keys: np.ndarray,
    deficits: np.ndarray,
    packed: np.ndarray,
    j: int,
    entries: Entries,
    spare: Spare,
) -> None:
    """Sort by key, deficit, share, place: merges of stretches that are in order as they come."""
    starts = spare.i[3]
    runs = 0
    place = low
    while place < high:
        stop = place + 1
        while stop < high and _ahead(stop - 1, stop, keys, deficits, packed, j, entries):
            stop += 1
        if stop < high and stop - place < _RUN:
            stop = min(place + _SHORT, high)
            _sort_few(place, stop, keys, deficits, packed, j, entries, spare)
        starts[runs] = place
        runs += 1
        starts[runs] = stop
        place = stop
        # Lengths at least halve from one stretch to the next, so merges are balanced.
        while runs > 1 and (
            place == high
            or starts[runs - 1] - starts[runs - 2] < 2 * (starts[runs] - starts[runs - 1])
        ):
            _merge(
                starts[runs - 2],
                starts[runs - 1],
                starts[runs],
                keys,
                deficits,
                packed,
                j,
                entries,
                spare,
            )
            starts[runs - 1] = starts[runs]
            runs -= 1


@compiled_in_place
def _deal(
    low: int,
    high: int,
    keys: np.ndarray,
    deficits: np.ndarray,
    packed: np.ndarray,
    spare: Spare,
) -> None:
    """Bring many into order roughly: into buckets by key, eight to a bucket if keys are even."""
    aside = spare.f[4]
    aside_deficits = spare.f[5]
    aside_packed = spare.i[2]
    starts = spare.i[3]
    largest = keys[low]
    smallest = keys[low]
    for k in range(low, high):
        largest = max(largest, keys[k])
        smallest = min(smallest, keys[k])
    buckets = (high - low) // 8
    factor = (buckets - 1) / (largest - smallest)
    if not math.isfinite(factor):
        return
    for bucket in range(buckets + 1):
        starts[bucket] = 0
    for k in range(low, high):
        starts[int((largest - keys[k]) * factor) + 1] += 1
    for bucket in range(buckets):
        starts[bucket + 1] += starts[bucket]
    for k in range(low, high):
        bucket = int((largest - keys[k]) * factor)
        place = starts[bucket]
        starts[bucket] = place + 1
        aside[place] = keys[k]
        aside_deficits[place] = deficits[k]
        aside_packed[place] = packed[k]
    for k in range(high - low):
        keys[low + k] = aside[k]
        deficits[low + k] = aside_deficits[k]
        packed[low + k] = aside_packed[k]


@compiled_in_place
def _near(key: float, behind: float) -> bool:
    """Whether rounding may turn round the priorities of an entry and of one that stands behind."""
    return bool(behind >= key * NEAR or key < _TINY)


@compiled_in_place
def _alike(one: int, two: int, j: int, types: int, entries: Entries) -> bool:
    """Whether two entries have the same share and time received, so the same priority always."""
    return bool(
        entries.f[one, j] == entries.f[two, j]
        and entries.f[one, types + j] == entries.f[two, types + j]
    )


@compiled_in_place
def mixes(
    low: int,
    high: int,
    keys: np.ndarray,
    packed: np.ndarray,
    j: int,
    types: int,
    entries: Entries,
) -> bool:
    """Whether neighbours in an order are near to each other without being alike."""
    many = high - low >= _MANY
    for place in range(low + 1, high):
        if many and place + AHEAD < high:
            prefetch(entries.f, packed[place + AHEAD] & at.ENTRY_MASK)
        if _near(keys[place - 1], keys[place]) and not _alike(
            packed[place - 1] & at.ENTRY_MASK, packed[place] & at.ENTRY_MASK, j, types, entries
        ):
            return True
    return False


@compiled_in_place
def order_near(
    place: int,
    end: int,
    total: float,
    half_round: float,
    j: int,
    entries: Entries,
    orders: Orders,
    spare: Spare,
) -> int:
    """Sort the entries that are near to the one at ``place`` by the definition of priority.

    Returns where they end.
    """
    types = orders.bound.shape[0]
    keys = orders.keys[j]
    packed = orders.packed[j]
    smallest = keys[place]
    stop = place + 1
    first = packed[place] & at.ENTRY_MASK
    alike = True
    while stop < end and _near(smallest, keys[stop]):
        prefetch(entries.f, packed[min(stop + AHEAD, end - 1)] & at.ENTRY_MASK)
        smallest = min(smallest, keys[stop])
        alike = alike and _alike(first, packed[stop] & at.ENTRY_MASK, j, types, entries)
        stop += 1
    if alike:
        return int(stop)
    for k in range(place, stop):
        entry = packed[k] & at.ENTRY_MASK
        keys[k] = entries.f[entry, j] / (entries.f[entry, types + j] / total)
    _sort(place, stop, keys, orders.deficits[j], packed, j, entries, spare)
    for k in range(place, stop):
        entry = packed[k] & at.ENTRY_MASK
        keys[k] = entries.f[entry, j] / (entries.f[entry, types + j] / half_round)
    return int(stop)


@compiled_in_place
def sort_by_definition(
    low: int,
    high: int,
    total: float,
    packed: np.ndarray,
    j: int,
    types: int,
    entries: Entries,
    spare: Spare,
) -> None:
    """Sort entries by what this round's priorities are."""
    keys = spare.f[0]
    deficits = spare.f[1]
    for k in range(low, high):
        entry = packed[k] & at.ENTRY_MASK
        keys[k] = entries.f[entry, j] / (entries.f[entry, types + j] / total)
        deficits[k] = entries.f[entry, 2 * types + j]
    _sort(low, high, keys, deficits, packed, j, entries, spare)


# the front and who waits ---------------------------------------------------------------------


@compiled_in_place
def list_afresh(
    half_round: float,
    workers: np.ndarray,
    count: np.ndarray,
    entries: Entries,
    orders: Orders,
) -> None:
    """Let every entry with a share wait, in no order."""
    types = workers.size
    base = entries.taken.size
    count[at.LISTED] = count[at.SLOTS]
    count[at.LISTED_PAIRS] = count[at.PAIRS]
    for kind in range(2):
        low = 0 if kind == 0 else base
        for entry in range(low, low + count[at.SLOTS if kind == 0 else at.PAIRS]):
            if entries.i[entry, at.ALLOCATED] == 0 or (
                kind == 0 and entries.taken[entry] == at.GONE
            ):
                for j in range(types):
                    orders.waiting[j, entry] = -1.0
                continue
            size = entries.i[entry, at.SCALE]
            dead = entries.i[entry, at.DEAD]
            orders.sizes[entry] = size
            for j in range(types):
                share = entries.f[entry, j]
                key = -1.0
                if share > 0 and not dead >> j & 1 and size <= workers[j]:
                    key = share
                    if entries.f[entry, types + j] != half_round:
                        key = share / (entries.f[entry, types + j] / half_round)
                    orders.waiting_deficits[j, entry] = entries.f[entry, 2 * types + j]
                orders.waiting[j, entry] = key
    for j in range(types):
        orders.span[j, at.HEAD] = 0
        orders.span[j, at.END] = 0
        orders.span[j, at.MIXED] = 0
        orders.bound[j, at.BOUND_KEY] = math.inf
        orders.bound[j, at.BOUND_DEFICIT] = math.inf


@compiled_in_place
def take_back(
    j: int,
    entry: int,
    key: float,
    entries: Entries,
    orders: Orders,
) -> bool:
    """Whether an entry that has run belongs to the front with its new key; if not, it waits."""
    types = orders.bound.shape[0]
    bound = orders.bound[j, at.BOUND_KEY]
    if key <= bound * NEAR * NEAR:
        orders.waiting[j, entry] = key
        orders.waiting_deficits[j, entry] = entries.f[entry, 2 * types + j]
        return False
    if (
        key == bound
        and entries.f[entry, 2 * types + j] < orders.bound[j, at.BOUND_DEFICIT]
        and entries.f[entry, j] == orders.bound[j, at.BOUND_SHARE]
        and entries.f[entry, types + j] == orders.bound[j, at.BOUND_TIME]
    ):
        orders.waiting[j, entry] = key
        return False
    orders.waiting[j, entry] = -1.0
    return True


@compiled_in_place
def make_room(j: int, more: int, orders: Orders) -> None:
    """Move the front to the beginning of its arrays if so many more do not fit behind it."""
    keys = orders.keys[j]
    deficits = orders.deficits[j]
    packed = orders.packed[j]
    head = orders.span[j, at.HEAD]
    end = orders.span[j, at.END]
    if end + more > keys.size:
        for place in range(head, end):
            keys[place - head] = keys[place]
            deficits[place - head] = deficits[place]
            packed[place - head] = packed[place]
        orders.span[j, at.HEAD] = 0
        orders.span[j, at.END] = end - head


@compiled_in_place
def merge_back(
    j: int, start: int, movers: int, entries: Entries, orders: Orders, spare: Spare
) -> None:
    """Put those who ran on a worker type back into its front, from the spare arrays."""
    make_room(j, movers, orders)
    end = orders.span[j, at.END]
    for k in range(movers):
        orders.keys[j, end + k] = spare.f[0, start + k]
        orders.deficits[j, end + k] = spare.f[1, start + k]
        orders.packed[j, end + k] = spare.i[0, start + k]
    _join(j, orders.span[j, at.HEAD], movers, entries, orders, spare)


@compiled_in_place
def _join(j: int, low: int, more: int, entries: Entries, orders: Orders, spare: Spare) -> None:
    """Sort those who stand behind the end of the front, and merge them in from ``low`` on."""
    keys = orders.keys[j]
    deficits = orders.deficits[j]
    packed = orders.packed[j]
    end = orders.span[j, at.END]
    if more >= _MANY:
        _deal(end, end + more, keys, deficits, packed, spare)
    _sort(end, end + more, keys, deficits, packed, j, entries, spare)
    changed = _merge(low, end, end + more, keys, deficits, packed, j, entries, spare)
    orders.span[j, at.END] = end + more
    # Neighbours that were neighbours before are known not to mix.
    if orders.span[j, at.MIXED] == 0 and mixes(
        max(low, changed - 1), end + more, keys, packed, j, orders.bound.shape[0], entries
    ):
        orders.span[j, at.MIXED] = 1


@compiled_in_place
def lower_bound(
    j: int,
    place: int,
    workers: int,
    this: int,
    count: np.ndarray,
    entries: Entries,
    orders: Orders,
    spare: Spare,
) -> None:
    """Lengthen the front by the first of those who wait; it is in use up to ``place``."""
    types = orders.bound.shape[0]
    base = entries.taken.size
    waiting = orders.waiting[j]
    deficits = orders.waiting_deficits[j]
    slots = count[at.LISTED]
    size = slots + count[at.LISTED_PAIRS]
    wanted = _ROUNDS * workers
    key = -1.0
    deficit = 0.0
    pivot = -1
    if size > 2 * wanted + _SAMPLE:
        # The best of a sample, as many as are wanted of all; who cannot be chosen does not count.
        sample_f = spare.f[2]
        deficits_f = spare.f[3]
        sample_i = spare.i[1]
        drawn = 0
        step = size // _SAMPLE
        for number in range(step // 2, size, step):
            entry = number if number < slots else base + number - slots
            if waiting[entry] < 0 or (entry < base and entries.taken[entry] >= this):
                continue
            hole = drawn
            while hole > 0 and (
                sample_f[hole - 1] < waiting[entry]
                or (sample_f[hole - 1] == waiting[entry] and deficits_f[hole - 1] < deficits[entry])
            ):
                sample_f[hole] = sample_f[hole - 1]
                deficits_f[hole] = deficits_f[hole - 1]
                sample_i[hole] = sample_i[hole - 1]
                hole -= 1
            sample_f[hole] = waiting[entry]
            deficits_f[hole] = deficits[entry]
            sample_i[hole] = entry
            drawn += 1
        rank = wanted // step
        if rank < drawn // 2 and sample_f[rank] > _TINY:
            key = sample_f[rank]
            deficit = deficits_f[rank]
            pivot = sample_i[rank]
    orders.bound[j, at.BOUND_KEY] = key
    orders.bound[j, at.BOUND_DEFICIT] = deficit
    if pivot >= 0:
        orders.bound[j, at.BOUND_SHARE] = entries.f[pivot, j]
        orders.bound[j, at.BOUND_TIME] = entries.f[pivot, types + j]
    near = max(0.0, key * NEAR * NEAR)
    end = orders.span[j, at.END]
    to = end
    for kind in range(2):
        low = 0 if kind == 0 else base
        for entry in range(low, low + count[at.LISTED if kind == 0 else at.LISTED_PAIRS]):
            if waiting[entry] < near:
                continue
            if (
                waiting[entry] == key
                and deficits[entry] < deficit
                and _alike(entry, pivot, j, types, entries)
            ):
                continue
            orders.keys[j, to] = waiting[entry]
            orders.deficits[j, to] = deficits[entry]
            orders.packed[j, to] = (orders.sizes[entry] << at.SCALE_SHIFT) | entry
            waiting[entry] = -1.0
            prefetch(entries.f, entry)
            to += 1
    _join(j, place, to - end, entries, orders, spare)


@compiled_in_place
def take_all(
    j: int,
    left: int,
    filled: int,
    count: np.ndarray,
    entries: Entries,
    orders: Orders,
    chosen: np.ndarray,
) -> int:
    """Choose all who wait, in no order, if there is room for all.

    Returns how many are chosen now; -1 if not all have room.
    """
    taken = entries.taken
    this = count[at.PASSES]
    waiting = orders.waiting[j]
    base = taken.size
    # Entries that share a job are in each other's way.
    for pair in range(base, base + count[at.LISTED_PAIRS]):
        if (
            waiting[pair] >= 0
            and taken[entries.i[pair, at.FIRST]] < this
            and taken[entries.i[pair, at.SECOND]] < this
        ):
            return -1
    all_of_them = filled
    for entry in range(count[at.LISTED]):
        # Without a branch, which nobody could predict.
        size = orders.sizes[entry]
        comes = int(waiting[entry] >= 0 and taken[entry] < this)
        chosen[all_of_them] = (size << at.SCALE_SHIFT) | entry
        all_of_them += comes
        left -= comes * size
        if left < 0:
            return -1
    for k in range(filled, all_of_them):
        taken[chosen[k] & at.ENTRY_MASK] = this
    return all_of_them
