"""The rounds, compiled: time, accounts, admission, choice, placement, dispatch.

Everything here works on the arrays that :mod:`simulator.layout` describes and is exact: the same
operations in the same order as the reference, on the same figures. :mod:`simulator.mechanism` owns
the arrays; ``tests/simulator/specification.py`` says the same in a few pages of plain Python.

Loops stand where slices could: a kernel of slices takes numba several times as long to compile.

**The order of the entries on a worker type** costs by those who ran, not by those who wait. By
definition it is that of share / (time received / the type's total), computed in floating point, and
the total grows from round to round. The kept order is by share / (time received / half a round), which
stays as it is while an entry waits. The two can disagree only where they are equal but for rounding.
Entries of equal share *and* equal time always have equal priority, whatever the total. So if no two
neighbours in the kept order are near to each other without being alike, the order is the one that
the definition gives, to the last bit: who is chosen is taken out, and comes back where its new time
puts it. If there are such neighbours (``MIXED``), entries that are near to each other are sorted
by the definition, with this round's total, when the choice comes to them.
"""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.compiled import compiled
from simulator import layout as at
from simulator.streams import shuffle

_SHORT = 24
"""Runs of this length are sorted by insertion before they are merged."""
_NEAR = 1.0 - 2.0**-47
"""Keys whose ratio is above this are near. Key and priority take two divisions each, so four roundings of
2**-53 are between their ratios; a key of one that stands behind may be larger by twice as many."""
_CHECK = 16
"""Every so many passes it is looked at whether an order that mixes still does."""
_TINY = 1e-280
"""Below this, rounding is not relative any more."""


# orders --------------------------------------------------------------------------------------


@compiled
def _tied_ahead(
    packed: int,
    other_packed: int,
    j: int,
    base: int,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
) -> bool:
    """Whether an entry goes before another one of the same key and deficit: by share, place."""
    one = packed & at.ENTRY_MASK
    two = other_packed & at.ENTRY_MASK
    if entry_f[one, j] != entry_f[two, j]:
        return bool(entry_f[one, j] > entry_f[two, j])
    if one < base and two < base:
        return bool(one < two)
    return bool(entry_i[one, at.PLACE] < entry_i[two, at.PLACE])


@compiled
def _merge(
    low: int,
    middle: int,
    high: int,
    keys: np.ndarray,
    deficits: np.ndarray,
    entries: np.ndarray,
    aside_f: np.ndarray,
    aside_i: np.ndarray,
    j: int,
    base: int,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
) -> None:
    """Merge two sorted stretches that touch; the shorter one is put aside."""
    backward = high - middle <= middle - low
    first = middle if backward else low
    size = high - middle if backward else middle - low
    for k in range(size):
        aside_f[0, k] = keys[first + k]
        aside_f[1, k] = deficits[first + k]
        aside_i[k] = entries[first + k]
    if backward:
        one = middle - 1
        two = size - 1
        place = high - 1
        while two >= 0:
            behind = one >= low and keys[one] <= aside_f[0, two]
            if behind and keys[one] == aside_f[0, two]:
                behind = aside_f[1, two] > deficits[one] or (
                    aside_f[1, two] == deficits[one]
                    and _tied_ahead(aside_i[two], entries[one], j, base, entry_f, entry_i)
                )
            if behind:
                keys[place] = keys[one]
                deficits[place] = deficits[one]
                entries[place] = entries[one]
                one -= 1
            else:
                keys[place] = aside_f[0, two]
                deficits[place] = aside_f[1, two]
                entries[place] = aside_i[two]
                two -= 1
            place -= 1
        return
    one = 0
    two = middle
    place = low
    while one < size:
        ahead = two < high and keys[two] >= aside_f[0, one]
        if ahead and keys[two] == aside_f[0, one]:
            ahead = deficits[two] > aside_f[1, one] or (
                deficits[two] == aside_f[1, one]
                and _tied_ahead(entries[two], aside_i[one], j, base, entry_f, entry_i)
            )
        if ahead:
            keys[place] = keys[two]
            deficits[place] = deficits[two]
            entries[place] = entries[two]
            two += 1
        else:
            keys[place] = aside_f[0, one]
            deficits[place] = aside_f[1, one]
            entries[place] = aside_i[one]
            one += 1
        place += 1


@compiled
def _sort(
    low: int,
    high: int,
    keys: np.ndarray,
    deficits: np.ndarray,
    entries: np.ndarray,
    aside_f: np.ndarray,
    aside_i: np.ndarray,
    starts: np.ndarray,
    j: int,
    base: int,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
) -> None:
    """Sort by key, deficit, share, place: merges of stretches that are in order as they come.

    Keys are compared where it is done: a call with this many arrays costs more than that.
    """
    runs = 0
    place = low
    while place < high:
        stop = place + 1
        limit = min(place + _SHORT, high)
        in_order = True
        while stop < limit or (in_order and stop < high):
            key = keys[stop]
            before = keys[stop - 1]
            if before > key or (
                before == key
                and (
                    deficits[stop - 1] > deficits[stop]
                    or (
                        deficits[stop - 1] == deficits[stop]
                        and _tied_ahead(entries[stop - 1], entries[stop], j, base, entry_f, entry_i)
                    )
                )
            ):
                stop += 1
                continue
            if stop >= limit:
                break
            in_order = False
            deficit = deficits[stop]
            packed = entries[stop]
            hole = stop
            while True:
                keys[hole] = before
                deficits[hole] = deficits[hole - 1]
                entries[hole] = entries[hole - 1]
                hole -= 1
                if hole == place:
                    break
                before = keys[hole - 1]
                if before > key or (
                    before == key
                    and (
                        deficits[hole - 1] > deficit
                        or (
                            deficits[hole - 1] == deficit
                            and _tied_ahead(entries[hole - 1], packed, j, base, entry_f, entry_i)
                        )
                    )
                ):
                    break
            keys[hole] = key
            deficits[hole] = deficit
            entries[hole] = packed
            stop += 1
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
                entries,
                aside_f,
                aside_i,
                j,
                base,
                entry_f,
                entry_i,
            )
            starts[runs - 1] = starts[runs]
            runs -= 1


@compiled
def _near(key: float, behind: float) -> bool:
    """Whether rounding may turn round the priorities of an entry and of one that stands behind."""
    return bool(behind >= key * _NEAR or key < _TINY)


@compiled
def _alike(one: int, two: int, j: int, types: int, entry_f: np.ndarray) -> bool:
    """Whether two entries have the same share and time received, so the same priority always."""
    return bool(
        entry_f[one, j] == entry_f[two, j] and entry_f[one, types + j] == entry_f[two, types + j]
    )


@compiled
def _mixes(
    low: int, high: int, keys: np.ndarray, entries: np.ndarray, j: int, entry_f: np.ndarray
) -> bool:
    """Whether neighbours in an order are near to each other without being alike."""
    types = (entry_f.shape[1] - at.JOB_COLUMNS) // 3
    for place in range(low + 1, high):
        if _near(keys[place - 1], keys[place]) and not _alike(
            entries[place - 1] & at.ENTRY_MASK,
            entries[place] & at.ENTRY_MASK,
            j,
            types,
            entry_f,
        ):
            return True
    return False


@compiled
def _order_anew(
    j: int,
    workers: int,
    half_round: float,
    count: np.ndarray,
    span: np.ndarray,
    order_keys: np.ndarray,
    order_entries: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    taken: np.ndarray,
    spare_f: np.ndarray,
    spare_i: np.ndarray,
) -> None:
    """Put the entries with a share of one worker type in order, all of them.

    The order that was is where this one starts from: who waited mostly keeps it.
    """
    types = (entry_f.shape[1] - at.JOB_COLUMNS) // 3
    base = taken.size
    keys = spare_f[2]
    deficits = spare_f[3]
    packed_entries = spare_i[1]
    aside_f = spare_f[4:6]
    aside_i = spare_i[2]
    starts = spare_i[3]
    listed = spare_i[4]
    for entry in range(count[at.SLOTS]):
        listed[entry] = 0
    for entry in range(base, base + count[at.PAIRS]):
        listed[entry] = 0
    size = 0
    for place in range(span[at.HEAD], span[at.END]):
        entry = order_entries[place] & at.ENTRY_MASK
        listed[entry] = 1
        share = entry_f[entry, j]
        if share > 0:
            keys[size] = share / (entry_f[entry, types + j] / half_round)
            deficits[size] = entry_f[entry, 2 * types + j]
            packed_entries[size] = order_entries[place]
            size += 1
    others = size
    for kind in range(2):
        low = 0 if kind == 0 else base
        for entry in range(low, low + count[at.SLOTS if kind == 0 else at.PAIRS]):
            share = entry_f[entry, j]
            if (
                share > 0
                and listed[entry] == 0
                and (kind == 1 or taken[entry] != at.GONE)
                and not entry_i[entry, at.DEAD] >> j & 1
                and entry_i[entry, at.SCALE] <= workers
            ):
                keys[size] = share / (entry_f[entry, types + j] / half_round)
                deficits[size] = entry_f[entry, 2 * types + j]
                packed_entries[size] = (entry_i[entry, at.SCALE] << at.SCALE_SHIFT) | entry
                size += 1
    for part in range(2):
        _sort(
            0 if part == 0 else others,
            others if part == 0 else size,
            keys,
            deficits,
            packed_entries,
            aside_f,
            aside_i,
            starts,
            j,
            base,
            entry_f,
            entry_i,
        )
    _merge(
        0,
        others,
        size,
        keys,
        deficits,
        packed_entries,
        aside_f,
        aside_i,
        j,
        base,
        entry_f,
        entry_i,
    )
    mixed = False
    for place in range(size):
        order_keys[place] = keys[place]
        order_entries[place] = packed_entries[place]
        if place > 0 and keys[place] != keys[place - 1]:
            mixed = mixed or _near(keys[place - 1], keys[place])
    # After a new allocation all times are alike, and the key is the share itself.
    if count[at.ORDER_STALE] != at.FRESH:
        mixed = _mixes(0, size, keys, packed_entries, j, entry_f)
    span[at.HEAD] = 0
    span[at.END] = size
    span[at.MIXED] = 1 if mixed else 0


@compiled
def _take_back(
    j: int,
    start: int,
    movers: int,
    span: np.ndarray,
    keys: np.ndarray,
    entries: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    base: int,
    spare_f: np.ndarray,
    spare_i: np.ndarray,
) -> None:
    """Put those who ran on a worker type back into its order."""
    types = (entry_f.shape[1] - at.JOB_COLUMNS) // 3
    moved_keys = spare_f[0]
    moved_deficits = spare_f[1]
    moved = spare_i[0]
    _sort(
        start,
        start + movers,
        moved_keys,
        moved_deficits,
        moved,
        spare_f[4:6],
        spare_i[2],
        spare_i[3],
        j,
        base,
        entry_f,
        entry_i,
    )
    head = span[at.HEAD]
    end = span[at.END]
    if end + movers > keys.size:
        for place in range(head, end):
            keys[place - head] = keys[place]
            entries[place - head] = entries[place]
        end -= head
        head = 0
    one = end - 1
    two = start + movers - 1
    place = end + movers - 1
    span[at.HEAD] = head
    span[at.END] = place + 1
    mixed = span[at.MIXED] == 1
    came = False
    while two >= start or (came and one >= head):
        if two < start:
            behind = False
        elif one < head:
            behind = True
        elif moved_keys[two] != keys[one]:
            behind = moved_keys[two] < keys[one]
        else:
            deficit = entry_f[entries[one] & at.ENTRY_MASK, 2 * types + j]
            behind = deficit > moved_deficits[two] or (
                deficit == moved_deficits[two]
                and _tied_ahead(entries[one], moved[two], j, base, entry_f, entry_i)
            )
        if behind:
            keys[place] = moved_keys[two]
            entries[place] = moved[two]
            two -= 1
        else:
            keys[place] = keys[one]
            entries[place] = entries[one]
            one -= 1
        # Neighbours that were neighbours before are known not to mix.
        if (behind or came) and place < span[at.END] - 1 and not mixed:
            mixed = _near(keys[place], keys[place + 1]) and not _alike(
                entries[place] & at.ENTRY_MASK,
                entries[place + 1] & at.ENTRY_MASK,
                j,
                types,
                entry_f,
            )
        came = behind
        place -= 1
    span[at.MIXED] = 1 if mixed else 0


@compiled
def _order_near(
    place: int,
    end: int,
    total: float,
    half_round: float,
    keys: np.ndarray,
    entries: np.ndarray,
    j: int,
    base: int,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    spare_f: np.ndarray,
    spare_i: np.ndarray,
) -> int:
    """Sort the entries that are near to the one at ``place`` by the definition of priority.

    Returns where they end.
    """
    types = (entry_f.shape[1] - at.JOB_COLUMNS) // 3
    smallest = keys[place]
    stop = place + 1
    first = entries[place] & at.ENTRY_MASK
    alike = True
    while stop < end and _near(smallest, keys[stop]):
        smallest = min(smallest, keys[stop])
        alike = alike and _alike(first, entries[stop] & at.ENTRY_MASK, j, types, entry_f)
        stop += 1
    if alike:
        return int(stop)
    for k in range(place, stop):
        entry = entries[k] & at.ENTRY_MASK
        keys[k] = entry_f[entry, j] / (entry_f[entry, types + j] / total)
        spare_f[3, k] = entry_f[entry, 2 * types + j]
    _sort(
        place,
        stop,
        keys,
        spare_f[3],
        entries,
        spare_f[4:6],
        spare_i[2],
        spare_i[3],
        j,
        base,
        entry_f,
        entry_i,
    )
    for k in range(place, stop):
        entry = entries[k] & at.ENTRY_MASK
        keys[k] = entry_f[entry, j] / (entry_f[entry, types + j] / half_round)
    return int(stop)


# pairs ---------------------------------------------------------------------------------------


@compiled
def _hash_place(word: int, mask: int) -> int:
    word ^= word >> 29
    word *= 0x2545F4914F6CDD1D
    word ^= word >> 32
    return word & mask


@compiled
def _find_pair(
    first: int,
    second: int,
    count: np.ndarray,
    entry_i: np.ndarray,
    base: int,
    table: np.ndarray,
) -> int:
    """Entry of the pair of two slots, or -1 if it is not kept."""
    mask = table.size - 1
    if count[at.HASH_FRESH] == 0:
        for place in range(table.size):
            table[place] = -1
        for pair in range(base, base + count[at.PAIRS]):
            place = _hash_place((entry_i[pair, at.FIRST] << 32) + entry_i[pair, at.SECOND], mask)
            while table[place] >= 0:
                place = (place + 1) & mask
            table[place] = pair
        count[at.HASH_FRESH] = 1
    place = _hash_place((first << 32) + second, mask)
    while table[place] >= 0:
        pair = table[place]
        if entry_i[pair, at.FIRST] == first and entry_i[pair, at.SECOND] == second:
            return int(pair)
        place = (place + 1) & mask
    return -1


@compiled
def _dead_types(key_one: int, key_two: int, speeds: np.ndarray) -> int:
    """Bit set of the worker types on which two keys cannot run beside each other."""
    dead = 0
    for j in range(speeds.shape[3]):
        if speeds[key_one, key_two, 0, j] <= 0 or speeds[key_one, key_two, 1, j] <= 0:
            dead |= 1 << j
    return dead


@compiled
def _keep_pair(
    first: int,
    second: int,
    half_round: float,
    count: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    base: int,
    table: np.ndarray,
    believed: np.ndarray,
) -> int:
    """Start to keep a pair that has been through a reset without an allocation."""
    pair = base + count[at.PAIRS]
    types = believed.shape[3]
    for j in range(types):
        entry_f[pair, j] = 0.0
        # Its time started at 0, so its first reset found half a round missing.
        entry_f[pair, types + j] = half_round
        entry_f[pair, 2 * types + j] = half_round
    entry_i[pair, at.NUMBER] = -1
    entry_i[pair, at.PLACE] = (entry_i[second, at.NUMBER] << 32) + entry_i[first, at.NUMBER] + 1
    entry_i[pair, at.SCALE] = entry_i[first, at.SCALE]
    entry_i[pair, at.FIRST] = first
    entry_i[pair, at.SECOND] = second
    entry_i[pair, at.DEAD] = _dead_types(
        entry_i[first, at.BELIEF], entry_i[second, at.BELIEF], believed
    )
    entry_i[pair, at.RAN] = -1
    entry_i[pair, at.RAN_AT] = 0
    entry_i[pair, at.MEASURED] = 0
    count[at.PAIRS] += 1
    if count[at.HASH_FRESH] == 1:
        mask = table.size - 1
        place = _hash_place((first << 32) + second, mask)
        while table[place] >= 0:
            place = (place + 1) & mask
        table[place] = pair
    return int(pair)


@compiled
def _slot_of(number: int, count: np.ndarray, entry_i: np.ndarray) -> int:
    """Slot of a job number, or -1 if the job is not active."""
    low = 0
    high = count[at.ACTIVE]
    while low < high:
        middle = (low + high) // 2
        if entry_i[middle, at.NUMBER] < number:
            low = middle + 1
        else:
            high = middle
    if low < count[at.ACTIVE] and entry_i[low, at.NUMBER] == number:
        return int(low)
    return -1


@compiled
def give_pairs(
    jobs: np.ndarray,
    shares: np.ndarray,
    half_round: float,
    count: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    base: int,
    table: np.ndarray,
    believed: np.ndarray,
) -> bool:
    """Set the allocation of pairs of job numbers ``(P, 2)``; False if a job is not active."""
    types = believed.shape[3]
    for row in range(jobs.shape[0]):
        first = _slot_of(jobs[row, 0], count, entry_i)
        second = _slot_of(jobs[row, 1], count, entry_i)
        if first < 0 or second <= first:
            return False
        pair = _find_pair(first, second, count, entry_i, base, table)
        if pair < 0:
            pair = _keep_pair(
                first,
                second,
                half_round,
                count,
                entry_f,
                entry_i,
                base,
                table,
                believed,
            )
        for j in range(types):
            entry_f[pair, j] = shares[row, j]
    return True


# books ---------------------------------------------------------------------------------------


@compiled
def _move(to: int, entry: int, entry_f: np.ndarray, entry_i: np.ndarray) -> None:
    """Move an entry's figures to another row."""
    if to == entry:
        return
    for column in range(entry_f.shape[1]):
        entry_f[to, column] = entry_f[entry, column]
    for column in range(at.ENTRY_COLUMNS):
        entry_i[to, column] = entry_i[entry, column]


@compiled
def close_books(
    clock: np.ndarray,
    count: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    taken: np.ndarray,
    order_entries: np.ndarray,
    span: np.ndarray,
    type_f: np.ndarray,
    spare_i: np.ndarray,
) -> None:
    """Settle what everybody should have received since the last reset, and start afresh.

    The gaps of jobs that left are closed, and pairs that are then as if they had never been kept
    are not kept any longer.
    """
    types = type_f.shape[0]
    base = taken.size
    half_round = clock[at.ROUND_SECONDS] / 2.0
    elapsed = clock[at.NOW] - clock[at.LAST_RESET]
    new = spare_i[1]
    same = spare_i[2]
    largest = 0
    kept = 0
    moved = False
    for slot in range(count[at.SLOTS]):
        if taken[slot] == at.GONE:
            new[slot] = -1
            moved = True
            continue
        new[slot] = kept
        if kept != slot:
            _move(kept, slot, entry_f, entry_i)
            entry_i[kept, at.FIRST] = kept
            taken[kept] = taken[slot]
        for j in range(types):
            due = entry_f[kept, j] * elapsed
            entry_f[kept, 2 * types + j] += due - (entry_f[kept, types + j] - half_round)
            entry_f[kept, types + j] = half_round
        largest = max(largest, entry_i[kept, at.SCALE])
        kept += 1
    count[at.SLOTS] = kept
    entries = kept
    if count[at.PACKING] == 1:
        # All pairs of equal scale factor count, kept or not; sums of half rounds are exact.
        for scale in range(largest + 1):
            same[scale] = 0
        for slot in range(kept):
            scale = entry_i[slot, at.SCALE]
            entries += same[scale]
            same[scale] += 1
    for j in range(types):
        type_f[j, at.RECEIVED] = half_round * entries
    clock[at.LAST_RESET] = clock[at.NOW]
    kept = base
    for pair in range(base, base + count[at.PAIRS]):
        first = new[entry_i[pair, at.FIRST]]
        second = new[entry_i[pair, at.SECOND]]
        new[pair] = -1
        if first < 0 or second < 0:
            moved = True
            continue
        history = entry_i[pair, at.RAN] >= count[at.PASSES] * 64
        for j in range(types):
            due = entry_f[pair, j] * elapsed
            deficit = entry_f[pair, 2 * types + j] + (due - (entry_f[pair, types + j] - half_round))
            entry_f[pair, 2 * types + j] = deficit
            entry_f[pair, types + j] = half_round
            history = history or deficit != half_round
        if not history:
            moved = True
            continue
        new[pair] = kept
        _move(kept, pair, entry_f, entry_i)
        entry_i[kept, at.FIRST] = first
        entry_i[kept, at.SECOND] = second
        kept += 1
    count[at.PAIRS] = kept - base
    if not moved:
        return
    count[at.HASH_FRESH] = 0
    for j in range(types):
        end = span[j, at.HEAD]
        for place in range(span[j, at.HEAD], span[j, at.END]):
            packed = order_entries[j, place]
            entry = new[packed & at.ENTRY_MASK]
            if entry >= 0:
                order_entries[j, end] = packed - (packed & at.ENTRY_MASK) + entry
                end += 1
        span[j, at.END] = end


@compiled
def see(
    clock: np.ndarray,
    count: np.ndarray,
    known_i: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    seen_f: np.ndarray,
    seen_i: np.ndarray,
) -> None:
    """Write down what a policy may see of the jobs, when no gaps are among them."""
    of_job = entry_f.shape[1] - at.JOB_COLUMNS
    for slot in range(count[at.ACTIVE]):
        number = entry_i[slot, at.NUMBER]
        seen_i[at.SEEN_JOB, slot] = number
        seen_i[at.SEEN_KEY, slot] = entry_i[slot, at.KEY]
        seen_i[at.SEEN_SCALE, slot] = entry_i[slot, at.SCALE]
        seen_i[at.SEEN_ENTITY, slot] = known_i[number, at.KNOWN_ENTITY]
        seen_f[at.SEEN_WEIGHT, slot] = entry_f[slot, of_job + at.WEIGHT]
        seen_f[at.SEEN_STEPS_LEFT, slot] = entry_f[slot, of_job + at.STEPS_LEFT]
        seen_f[at.SEEN_AGE, slot] = clock[at.NOW] - entry_f[slot, of_job + at.ARRIVAL]


# one pass: accounts and admission ------------------------------------------------------------


@compiled
def _settle(
    clock: np.ndarray,
    count: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    taken: np.ndarray,
    run_f: np.ndarray,
    run_i: np.ndarray,
    pool: np.ndarray,
    busy: np.ndarray,
    type_f: np.ndarray,
    paired: np.ndarray,
    result: np.ndarray,
    moved: np.ndarray,
    spare_f: np.ndarray,
    spare_i: np.ndarray,
) -> None:
    """Account for what ran.

    Whom an order gets back stands in the first rows of the spare arrays, type by type; ``moved``
    says where each type's begin and how many they are.
    """
    types = type_f.shape[0]
    base = taken.size
    of_job = 3 * types
    half_round = clock[at.ROUND_SECONDS] / 2.0
    start = clock[at.ROUND_START]
    moved_keys = spare_f[0]
    moved_deficits = spare_f[1]
    moved_entries = spare_i[0]
    received = spare_f[2]
    often = spare_i[1]
    last = spare_i[2, : paired.shape[0]]
    running = count[at.RUNNING]
    pending = 0
    run = 0
    # What runs on one type stands together.
    while run < running:
        j = run_i[run, at.RUN_ON]
        for key in range(last.size):
            last[key] = -1
        values = 0
        mover = run
        moved[j, 0] = run
        while run < running and run_i[run, at.RUN_ON] == j:
            entry = run_i[run, at.RUN_ENTRY]
            finish = run_f[run, at.FINISH]
            execution = finish - start
            scale = entry_i[entry, at.SCALE]
            members = 1 if entry < base else 2
            # A worker's share is the whole quotient, or what the others leave: the attempt
            # fails if the smallest of them is nothing.
            succeeded = execution > 0
            for member in range(members):
                steps = run_f[run, at.FIRST_STEPS + member]
                if steps <= 0 or (scale > 1 and steps < scale):
                    succeeded = False
            alive = members
            if succeeded:
                entry_f[entry, types + j] += execution
                # Times come in few sizes: one for each key, but for jobs that finish.
                key = entry_i[entry_i[entry, at.FIRST], at.KEY]
                value = last[key]
                if value < 0 or received[value] != execution:
                    value = 0
                    while value < values and received[value] != execution:
                        value += 1
                    if value == values:
                        received[value] = execution
                        often[value] = 0
                        values += 1
                    last[key] = value
                often[value] += 1
                place = run_i[run, at.RUN_AT]
                for k in range(place, place + scale):
                    busy[pool[k]] += execution
            else:
                count[at.STALE] = 1
            for member in range(members):
                slot = entry_i[entry, at.FIRST + member]
                gone = False
                if succeeded:
                    if members == 1 and count[at.FAILED] == 1:
                        entry_i[slot, at.FAILURES] = 0
                    entry_f[slot, of_job + at.COST] += (
                        type_f[j, at.PRICE] * execution / 3600.0 * scale
                    )
                    entry_f[slot, of_job + at.BUSY] += execution * scale / members
                    steps_left = entry_f[slot, of_job + at.STEPS_LEFT]
                    steps_left -= run_f[run, at.FIRST_STEPS + member]
                    entry_f[slot, of_job + at.STEPS_LEFT] = steps_left
                    if steps_left <= 0:
                        result[at.RESULT_FINISH, entry_i[slot, at.NUMBER]] = finish
                        gone = True
                elif members == 1:
                    count[at.FAILED] = 1
                    entry_i[slot, at.FAILURES] += 1
                    if entry_i[slot, at.FAILURES] >= 5:
                        result[at.RESULT_DROPPED, entry_i[slot, at.NUMBER]] = 1.0
                        count[at.DROPPED] += 1
                        gone = True
                if gone:
                    number = entry_i[slot, at.NUMBER]
                    result[at.RESULT_COST, number] = entry_f[slot, of_job + at.COST]
                    result[at.RESULT_BUSY, number] = entry_f[slot, of_job + at.BUSY]
                    taken[slot] = at.GONE
                    alive -= 1
                    count[at.STALE] = 1
                    count[at.ACTIVE] -= 1
                    count[at.COMPLETED] += 1
                    if count[at.WINDOW_START] <= number < count[at.WINDOW_END]:
                        count[at.WINDOW_LEFT] -= 1
            if members == 2 and not entry_i[entry, at.MEASURED] >> j & 1:
                one = entry_i[entry_i[entry, at.FIRST], at.KEY]
                two = entry_i[entry_i[entry, at.SECOND], at.KEY]
                entry_i[entry, at.MEASURED] |= 1 << j
                entry_i[entry, at.DEAD] &= ~(1 << j)
                entry_i[entry, at.DEAD] |= _dead_types(one, two, paired) & (1 << j)
            if alive > 0:
                pending += 1
            share = entry_f[entry, j]
            if (
                alive == members
                and share > 0
                and (members == 1 or not entry_i[entry, at.DEAD] >> j & 1)
            ):
                moved_keys[mover] = share / (entry_f[entry, types + j] / half_round)
                moved_deficits[mover] = entry_f[entry, 2 * types + j]
                moved_entries[mover] = (scale << at.SCALE_SHIFT) | entry
                mover += 1
            run += 1
        moved[j, 1] = mover - moved[j, 0]
        # Latest finish first; equal finishes add equal times, so their order does not matter.
        for place in range(1, values):
            execution = received[place]
            times = often[place]
            hole = place
            while hole > 0 and received[hole - 1] < execution:
                received[hole] = received[hole - 1]
                often[hole] = often[hole - 1]
                hole -= 1
            received[hole] = execution
            often[hole] = times
        total = type_f[j, at.RECEIVED]
        for place in range(values):
            for _ in range(often[place]):
                total += received[place]
        type_f[j, at.RECEIVED] = total
    count[at.RUNNING] = 0
    count[at.PENDING_OPPORTUNITIES] = pending


@compiled
def admit(
    clock: np.ndarray,
    count: np.ndarray,
    known_f: np.ndarray,
    known_i: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    taken: np.ndarray,
    alone: np.ndarray,
    result: np.ndarray,
) -> None:
    """Let in every job that has arrived."""
    types = alone.shape[1]
    of_job = 3 * types
    now = clock[at.NOW]
    number = count[at.ADMITTED]
    while number < count[at.KNOWN] and known_f[number, at.KNOWN_ARRIVAL] <= now:
        slot = count[at.SLOTS]
        key = known_i[number, at.KNOWN_KEY]
        dead = 0
        for j in range(types):
            entry_f[slot, j] = 0.0
            entry_f[slot, types + j] = clock[at.ROUND_SECONDS] / 2.0
            entry_f[slot, 2 * types + j] = 0.0
            if not alone[key, j, at.SPEED] > 0:
                dead |= 1 << j
        entry_f[slot, of_job + at.STEPS_LEFT] = known_f[number, at.KNOWN_STEPS]
        entry_f[slot, of_job + at.ARRIVAL] = known_f[number, at.KNOWN_ARRIVAL]
        entry_f[slot, of_job + at.WEIGHT] = known_f[number, at.KNOWN_WEIGHT]
        entry_f[slot, of_job + at.COST] = 0.0
        entry_f[slot, of_job + at.BUSY] = 0.0
        entry_i[slot, at.FIRST] = slot
        entry_i[slot, at.SECOND] = -1
        entry_i[slot, at.RAN] = -1
        entry_i[slot, at.RAN_AT] = 0
        entry_i[slot, at.NUMBER] = number
        entry_i[slot, at.KEY] = key
        entry_i[slot, at.SCALE] = known_i[number, at.KNOWN_SCALE]
        entry_i[slot, at.FAILURES] = 0
        entry_i[slot, at.DEAD] = dead
        entry_i[slot, at.MEASURED] = 0
        entry_i[slot, at.PLACE] = number << 32
        entry_i[slot, at.ALLOCATED] = 0
        entry_i[slot, at.BELIEF] = known_i[number, at.KNOWN_BELIEF]
        taken[slot] = -1
        result[at.RESULT_DEADLINE, number] = now + known_f[number, at.KNOWN_ALLOWANCE]
        count[at.SLOTS] = slot + 1
        count[at.ACTIVE] += 1
        count[at.STALE] = 1
        number += 1
    count[at.ADMITTED] = number


# one pass: choice ----------------------------------------------------------------------------


@compiled
def _choose(
    j: int,
    left: int,
    half_round: float,
    total: float,
    this: int,
    span: np.ndarray,
    keys: np.ndarray,
    entries: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    taken: np.ndarray,
    chosen: np.ndarray,
    spare_f: np.ndarray,
    spare_i: np.ndarray,
) -> tuple[int, int]:
    """Choose from the order of one worker type, and take out who is chosen.

    Returns how many are chosen, and workers left.
    """
    base = taken.size
    head = span[at.HEAD]
    end = span[at.END]
    if (
        span[at.MIXED] == 1
        and this % _CHECK == 0
        and not _mixes(head, end, keys, entries, j, entry_f)
    ):
        span[at.MIXED] = 0
    mixed = span[at.MIXED] == 1
    in_order = head
    filled = 0
    last = head - 1
    place = head
    while place < end and left > 0:
        if mixed and place == in_order:
            in_order = _order_near(
                place,
                end,
                total,
                half_round,
                keys,
                entries,
                j,
                base,
                entry_f,
                entry_i,
                spare_f,
                spare_i,
            )
        packed = entries[place]
        size = packed >> at.SCALE_SHIFT
        if size <= left:
            first = packed & at.ENTRY_MASK
            second = -1
            if first >= base:
                pair = first
                first = entry_i[pair, at.FIRST]
                second = entry_i[pair, at.SECOND]
            if taken[first] < this and (second < 0 or taken[second] < this):
                taken[first] = this
                if second >= 0:
                    taken[second] = this
                left -= size
                chosen[filled] = packed
                filled += 1
                entries[place] = -1
                last = place
        place += 1
    # Who was passed over closes up with the rest.
    to = last
    for place in range(last, head - 1, -1):
        if entries[place] >= 0:
            keys[to] = keys[place]
            entries[to] = entries[place]
            to -= 1
    span[at.HEAD] = to + 1
    return filled, left


@compiled
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


@compiled
def _choose_rest(
    j: int,
    left: int,
    filled: int,
    half_round: float,
    count: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    taken: np.ndarray,
    table: np.ndarray,
    believed: np.ndarray,
    chosen: np.ndarray,
    spare_f: np.ndarray,
    spare_i: np.ndarray,
) -> int:
    """Fill workers that are left with entries of priority 0: largest deficit first.

    A pair that is not kept yet is kept once it is chosen and may be placed. Who is chosen but has
    no place in the allocation only blocks workers and jobs. Returns how many are chosen now.
    """
    types = believed.shape[3]
    base = taken.size
    this = count[at.PASSES]
    free = spare_i[1]
    places = spare_i[2]
    entries = spare_i[3]
    deficits = spare_f[2]
    waiting = 0
    size = 0
    for slot in range(count[at.SLOTS]):
        if taken[slot] < this and entry_i[slot, at.SCALE] <= left:
            free[waiting] = slot
            waiting += 1
            if not entry_i[slot, at.DEAD] >> j & 1 and not entry_f[slot, j] > 0:
                deficits[size] = entry_f[slot, 2 * types + j]
                places[size] = entry_i[slot, at.PLACE]
                entries[size] = slot
                size += 1
    packing = count[at.PACKING] == 1 and waiting > 1
    if packing:
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
                entries[size] = pair
                size += 1
    for hole in range(size // 2 - 1, -1, -1):
        _sift(hole, size, deficits, places, entries)
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
                and _find_pair(first, second, count, entry_i, base, table) < 0
            ):
                pending = True
                deficit = half_round if group == 0 else 0.0
                place = (entry_i[second, at.NUMBER] << 32) + entry_i[first, at.NUMBER] + 1
        kept = size > 0 and not (
            pending and (deficit > deficits[0] or (deficit == deficits[0] and place < places[0]))
        )
        if kept:
            entry = entries[0]
            first = entry_i[entry, at.FIRST]
            second = entry_i[entry, at.SECOND]
            size -= 1
            deficits[0] = deficits[size]
            places[0] = places[size]
            entries[0] = entries[size]
            _sift(0, size, deficits, places, entries)
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
            entry = _keep_pair(
                first,
                second,
                half_round,
                count,
                entry_f,
                entry_i,
                base,
                table,
                believed,
            )
        chosen[filled] = (entry_i[first, at.SCALE] << at.SCALE_SHIFT) | entry
        filled += 1
    return filled


# one pass: placement and dispatch ------------------------------------------------------------


@compiled
def _place(
    j: int,
    filled: int,
    chosen: np.ndarray,
    worker: int,
    used: int,
    count: np.ndarray,
    entry_i: np.ndarray,
    run_i: np.ndarray,
    pool: np.ndarray,
    last_pool: np.ndarray,
    holder: np.ndarray,
    waiting: np.ndarray,
) -> int:
    """Give the chosen entries of one worker type their workers, from number ``worker`` on.

    Largest scale factors first. Returns the new length of the pass's list of workers.
    """
    this = count[at.PASSES]
    last = (this - 1) * 64 + j
    run = count[at.RUNNING]
    scale = 0
    for place in range(filled):
        scale = max(scale, chosen[place] >> at.SCALE_SHIFT)
    while scale > 0:
        smaller = 0
        rest = 0
        # Who ran on this type in the last round keeps its workers while they are all free.
        for place in range(filled):
            size = chosen[place] >> at.SCALE_SHIFT
            if size != scale:
                if size < scale:
                    smaller = max(smaller, size)
                continue
            entry = chosen[place] & at.ENTRY_MASK
            extends = entry_i[entry, at.RAN] == last
            before = entry_i[entry, at.RAN_AT]
            if extends:
                for k in range(before, before + scale):
                    if holder[last_pool[k]] == this:
                        extends = False
            if not extends:
                waiting[rest] = entry
                rest += 1
                continue
            run_i[run, at.RUN_ENTRY] = entry
            run_i[run, at.RUN_ON] = j
            run_i[run, at.RUN_AT] = used
            run += 1
            for k in range(before, before + scale):
                holder[last_pool[k]] = this
                pool[used] = last_pool[k]
                used += 1
            count[at.EXTENSIONS] += 1
        # The rest take free workers in the order of their numbers, server by server.
        for place in range(rest):
            run_i[run, at.RUN_ENTRY] = waiting[place]
            run_i[run, at.RUN_ON] = j
            run_i[run, at.RUN_AT] = used
            run += 1
            enough = used + scale
            while used < enough:
                if holder[worker] != this:
                    holder[worker] = this
                    pool[used] = worker
                    used += 1
                worker += 1
        scale = smaller
    count[at.RUNNING] = run
    return used


@compiled
def _dispatch(
    clock: np.ndarray,
    count: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    run_f: np.ndarray,
    run_i: np.ndarray,
    base: int,
    alone: np.ndarray,
    paired: np.ndarray,
) -> None:
    """Start what has been placed: how many steps each will run, and until when."""
    types = alone.shape[1]
    steps_left = 3 * types + at.STEPS_LEFT
    now = clock[at.NOW]
    stamp = count[at.PASSES] * 64
    latest = now
    jobs = 0
    for run in range(count[at.RUNNING]):
        entry = run_i[run, at.RUN_ENTRY]
        j = run_i[run, at.RUN_ON]
        entry_i[entry, at.RAN] = stamp + j
        entry_i[entry, at.RAN_AT] = run_i[run, at.RUN_AT]
        finish = now
        if entry < base:
            key = entry_i[entry, at.KEY]
            steps = alone[key, j, at.FULL_STEPS]
            seconds = alone[key, j, at.FULL_SECONDS]
            speed = alone[key, j, at.SPEED]
            if entry_f[entry, steps_left] < steps:
                steps = entry_f[entry, steps_left]
                seconds = steps / speed
            run_f[run, at.FIRST_STEPS] = steps
            if speed > 0:
                finish = max(finish, now + seconds)
            jobs += 1
        else:
            first = entry_i[entry, at.FIRST]
            second = entry_i[entry, at.SECOND]
            for member in range(2):
                slot = first if member == 0 else second
                speed = paired[entry_i[first, at.KEY], entry_i[second, at.KEY], member, j]
                steps = min(math.floor(speed * clock[at.ROUND_SECONDS]), entry_f[slot, steps_left])
                run_f[run, at.FIRST_STEPS + member] = steps
                if speed > 0:
                    finish = max(finish, now + steps / speed)
                jobs += 1
        run_f[run, at.FINISH] = finish
        latest = max(latest, finish)
    clock[at.LATEST] = latest
    count[at.RUNNING_JOBS] = jobs


# the loop ------------------------------------------------------------------------------------


@compiled
def run_rounds(
    rounds: int,
    clock: np.ndarray,
    count: np.ndarray,
    cluster: np.ndarray,
    words: np.ndarray,
    known_f: np.ndarray,
    known_i: np.ndarray,
    result: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    taken: np.ndarray,
    table: np.ndarray,
    order_keys: np.ndarray,
    order_entries: np.ndarray,
    span: np.ndarray,
    chosen: np.ndarray,
    run_f: np.ndarray,
    run_i: np.ndarray,
    pools: np.ndarray,
    holder: np.ndarray,
    busy: np.ndarray,
    type_f: np.ndarray,
    alone: np.ndarray,
    paired: np.ndarray,
    believed: np.ndarray,
    metrics: np.ndarray,
    seen_f: np.ndarray,
    seen_i: np.ndarray,
    spare_f: np.ndarray,
    spare_i: np.ndarray,
) -> int:
    """Run at most ``rounds`` rounds; returns why it stopped (:mod:`simulator.layout`, outcomes)."""
    types = cluster.shape[1]
    base = taken.size
    half_round = clock[at.ROUND_SECONDS] / 2.0
    last_round = count[at.PASSES] + rounds
    types_now = np.empty(types, dtype=np.int64)
    chosen_size = np.empty(types, dtype=np.int64)
    moved = np.zeros((types, 2), dtype=np.int64)
    while True:
        if count[at.AWAITING] == 0:
            if count[at.WINDOW_LEFT] == 0:
                return at.DONE
            if count[at.PASSES] >= last_round or count[at.RECORDED] >= metrics.shape[0]:
                return at.ENOUGH
            if count[at.PACKING] == 1 and base + count[at.PAIRS] + holder.size > entry_i.shape[0]:
                return at.MORE_PAIRS
            # Advance time to the end of the round, or to the next arrival if nothing runs.
            running = count[at.RUNNING]
            now = clock[at.NOW]
            if running > 0:
                now = clock[at.LATEST]
            elif count[at.ADMITTED] < count[at.KNOWN]:
                now = known_f[count[at.ADMITTED], at.KNOWN_ARRIVAL]
            if count[at.ALL_KNOWN] == 0 and (
                count[at.KNOWN] == 0 or known_f[count[at.KNOWN] - 1, at.KNOWN_ARRIVAL] <= now
            ):
                return at.MORE_JOBS
            clock[at.NOW] = now
            for j in range(types):
                moved[j, 1] = 0
            if running > 0:
                if not math.isnan(clock[at.ROUND_END]):
                    clock[at.ROUND_START] = clock[at.ROUND_END]
                clock[at.ROUND_END] = now
                count[at.IDLE_PASSES] = 0
                _settle(
                    clock,
                    count,
                    entry_f,
                    entry_i,
                    taken,
                    run_f,
                    run_i,
                    pools[count[at.PASSES] & 1],
                    busy,
                    type_f,
                    paired,
                    result,
                    moved,
                    spare_f,
                    spare_i,
                )
            elif count[at.ADMITTED] == count[at.KNOWN]:
                # Nobody runs and nobody will come: force a recomputation.
                clock[at.LAST_RESET] = 0.0
                count[at.IDLE_PASSES] += 1
                if count[at.IDLE_PASSES] > 2:
                    count[at.STALE] = 1
                if count[at.IDLE_PASSES] > 100:
                    return at.STUCK
            admit(clock, count, known_f, known_i, entry_f, entry_i, taken, alone, result)
            if count[at.STALE] == 1 and (
                clock[at.NOW] - clock[at.LAST_RESET] >= clock[at.BETWEEN_RESETS]
                or clock[at.LAST_RESET] == 0
            ):
                count[at.AWAITING] = 1
                close_books(
                    clock, count, entry_f, entry_i, taken, order_entries, span, type_f, spare_i
                )
                see(clock, count, known_i, entry_f, entry_i, seen_f, seen_i)
                return at.ALLOCATE
        count[at.AWAITING] = 0
        count[at.PASSES] += 1
        this = count[at.PASSES]
        for j in range(types):
            types_now[j] = cluster[at.VISITS, j]
        if count[at.SHUFFLES] == 1:
            shuffle(words, types_now)
        count[at.OPPORTUNITIES] += count[at.PENDING_OPPORTUNITIES]
        count[at.PENDING_OPPORTUNITIES] = 0
        count[at.RUNNING] = 0
        for visit in range(types):
            j = types_now[visit]
            if count[at.ORDER_STALE] > 0:
                _order_anew(
                    j,
                    cluster[at.WORKERS, j],
                    half_round,
                    count,
                    span[j],
                    order_keys[j],
                    order_entries[j],
                    entry_f,
                    entry_i,
                    taken,
                    spare_f,
                    spare_i,
                )
            elif moved[j, 1] > 0:
                _take_back(
                    j,
                    moved[j, 0],
                    moved[j, 1],
                    span[j],
                    order_keys[j],
                    order_entries[j],
                    entry_f,
                    entry_i,
                    base,
                    spare_f,
                    spare_i,
                )
            filled, left_over = _choose(
                j,
                cluster[at.WORKERS, j],
                half_round,
                type_f[j, at.RECEIVED],
                this,
                span[j],
                order_keys[j],
                order_entries[j],
                entry_f,
                entry_i,
                taken,
                chosen[j],
                spare_f,
                spare_i,
            )
            if left_over > 0 and count[at.SKIPS_ZERO] == 0:
                filled = _choose_rest(
                    j,
                    left_over,
                    filled,
                    half_round,
                    count,
                    entry_f,
                    entry_i,
                    taken,
                    table,
                    believed,
                    chosen[j],
                    spare_f,
                    spare_i,
                )
            chosen_size[j] = filled
        count[at.ORDER_STALE] = 0
        row = metrics[count[at.RECORDED]]
        used = 0
        for visit in range(types):
            j = types_now[visit]
            first_worker = 0
            for i in range(j):
                first_worker += cluster[at.WORKERS, i]
            before = used
            used = _place(
                j,
                chosen_size[j],
                chosen[j],
                first_worker,
                used,
                count,
                entry_i,
                run_i,
                pools[this & 1],
                pools[1 - (this & 1)],
                holder,
                spare_i[1],
            )
            row[at.METRIC_UTILIZATION + 1 + j] = (used - before) / cluster[at.WORKERS, j]
        _dispatch(clock, count, entry_f, entry_i, run_f, run_i, base, alone, paired)
        row[at.METRIC_TIME] = clock[at.NOW]
        row[at.METRIC_ACTIVE] = count[at.ACTIVE]
        row[at.METRIC_RUNNING] = count[at.RUNNING_JOBS]
        row[at.METRIC_QUEUED] = count[at.ACTIVE] - count[at.RUNNING_JOBS]
        row[at.METRIC_ARRIVED] = count[at.ADMITTED]
        row[at.METRIC_COMPLETED] = count[at.COMPLETED]
        row[at.METRIC_UTILIZATION] = used / holder.size
        count[at.RECORDED] += 1
