"""The rounds, compiled: time, accounts, admission, choice, placement, dispatch.

Everything here works on the arrays that :mod:`simulator.layout` describes and is exact: the same
operations in the same order as the reference, on the same figures. :mod:`simulator.mechanism` owns
the arrays; ``tests/simulator/specification.py`` says the same in a few pages of plain Python.

Loops stand where slices could: a kernel of slices takes numba several times as long to compile.
"""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.compiled import compiled
from simulator import layout as at

_WORDS = 624
_SHIFT = 397
_SHORT = 24
"""Runs of this length are sorted by insertion before they are merged."""


# random numbers ------------------------------------------------------------------------------


@compiled
def _next_word(words: np.ndarray) -> int:
    """Next 32 bits of Python's generator (Mersenne twister); the last entry is its position."""
    place = words[_WORDS]
    if place >= _WORDS:
        for i in range(_WORDS):
            y = (words[i] & 0x80000000) | (words[(i + 1) % _WORDS] & 0x7FFFFFFF)
            value = words[(i + _SHIFT) % _WORDS] ^ (y >> 1)
            if y & 1:
                value ^= 0x9908B0DF
            words[i] = value
        place = 0
    y = words[place]
    words[_WORDS] = place + 1
    y ^= y >> 11
    y ^= (y << 7) & 0x9D2C5680
    y ^= (y << 15) & 0xEFC60000
    y ^= y >> 18
    return int(y & 0xFFFFFFFF)


@compiled
def shuffle(words: np.ndarray, items: np.ndarray) -> None:
    """Shuffle in place exactly as Python's ``random.Random.shuffle`` does."""
    for i in range(items.size - 1, 0, -1):
        bits = 0
        while (i + 1) >> bits:
            bits += 1
        j = _next_word(words) >> (32 - bits)
        while j > i:
            j = _next_word(words) >> (32 - bits)
        items[i], items[j] = items[j], items[i]


# orders --------------------------------------------------------------------------------------


@compiled
def _tied_before(one: int, two: int, shares: np.ndarray, places: np.ndarray) -> bool:
    """Whether entry one goes before entry two of equal priority and deficit."""
    if shares[one] != shares[two]:
        return bool(shares[one] > shares[two])
    return bool(places[one] < places[two])


@compiled
def _sort(
    keys: np.ndarray,
    entries: np.ndarray,
    size: int,
    spare_keys: np.ndarray,
    spare_entries: np.ndarray,
    shares: np.ndarray,
    deficits: np.ndarray,
    places: np.ndarray,
) -> None:
    """Sort entries by priority (their keys), deficit, share, place: short runs, then merges.

    Comparisons stand where they are made: a call with this many arrays costs more than they do.
    """
    for start in range(0, size, _SHORT):
        for place in range(start + 1, min(start + _SHORT, size)):
            key = keys[place]
            entry = entries[place]
            hole = place
            while hole > start:
                before = keys[hole - 1]
                if before > key:
                    break
                if before == key:
                    other = entries[hole - 1]
                    if deficits[other] > deficits[entry] or (
                        deficits[other] == deficits[entry]
                        and _tied_before(other, entry, shares, places)
                    ):
                        break
                keys[hole] = before
                entries[hole] = entries[hole - 1]
                hole -= 1
            keys[hole] = key
            entries[hole] = entry
    width = _SHORT
    while width < size:
        for start in range(0, size - width, 2 * width):
            middle = start + width
            end = min(middle + width, size)
            if keys[middle - 1] > keys[middle]:
                continue
            for place in range(start, middle):
                spare_keys[place] = keys[place]
                spare_entries[place] = entries[place]
            one = start
            two = middle
            place = start
            while one < middle:
                second = two < end and keys[two] >= spare_keys[one]
                if second and keys[two] == spare_keys[one]:
                    other = entries[two]
                    entry = spare_entries[one]
                    second = deficits[other] > deficits[entry] or (
                        deficits[other] == deficits[entry]
                        and _tied_before(other, entry, shares, places)
                    )
                if second:
                    keys[place] = keys[two]
                    entries[place] = entries[two]
                    two += 1
                else:
                    keys[place] = spare_keys[one]
                    entries[place] = spare_entries[one]
                    one += 1
                place += 1
        width *= 2


@compiled
def _order_type(
    j: int,
    total: float,
    workers: int,
    count: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    base: int,
    order: np.ndarray,
    size: int,
    spare_f: np.ndarray,
    spare_i: np.ndarray,
) -> int:
    """Bring the entries of positive priority on one worker type into order; returns how many.

    After a new allocation the list is made and sorted afresh. In between, everybody's fraction of
    the type's total shrinks alike, so those who did not run keep their order but for rounding: one
    pass of insertion checks that, and those who ran are sorted on their own and merged in.
    """
    types = entry_f.shape[0] // 3
    shares = entry_f[j]
    times = entry_f[types + j]
    deficits = entry_f[2 * types + j]
    places = entry_i[at.PLACE]
    rans = entry_i[at.RAN]
    keys = spare_f[0]
    moved_keys = spare_f[1]
    moved = spare_i[0]
    if count[at.ORDER_STALE] == 1:
        size = 0
        for kind in range(2):
            low = 0 if kind == 0 else base
            for entry in range(low, low + count[at.ACTIVE if kind == 0 else at.PAIRS]):
                if (
                    shares[entry] > 0
                    and not entry_i[at.DEAD, entry] >> j & 1
                    and entry_i[at.SCALE, entry] <= workers
                ):
                    keys[size] = shares[entry] / (times[entry] / total)
                    order[size] = entry
                    size += 1
        _sort(keys, order, size, moved_keys, moved, shares, deficits, places)
        return size
    # Jobs in the order of their slots, which is that of memory; negative if they ran.
    last = (count[at.PASSES] - 1) * 64 + j
    slot_keys = spare_f[3]
    for slot in range(count[at.ACTIVE]):
        key = shares[slot] / (times[slot] / total)
        slot_keys[slot] = -key if rans[slot] == last else key
    stayed = 0
    movers = 0
    for place in range(size):
        entry = order[place]
        if entry < base:
            key = slot_keys[entry]
        else:
            key = shares[entry] / (times[entry] / total)
            if rans[entry] == last:
                key = -key
        if key < 0:
            key = -key
            moved_keys[movers] = key
            moved[movers] = entry
            movers += 1
            continue
        hole = stayed
        while hole > 0:
            before = keys[hole - 1]
            if before > key:
                break
            if before == key:
                other = order[hole - 1]
                if deficits[other] > deficits[entry] or (
                    deficits[other] == deficits[entry]
                    and _tied_before(other, entry, shares, places)
                ):
                    break
            keys[hole] = before
            order[hole] = order[hole - 1]
            hole -= 1
        keys[hole] = key
        order[hole] = entry
        stayed += 1
    if movers > 1:
        _sort(moved_keys, moved, movers, spare_f[2], spare_i[1], shares, deficits, places)
    place = size - 1
    one = stayed - 1
    two = movers - 1
    while two >= 0:
        stays = one >= 0 and keys[one] <= moved_keys[two]
        if stays and keys[one] == moved_keys[two]:
            other = moved[two]
            entry = order[one]
            stays = deficits[other] > deficits[entry] or (
                deficits[other] == deficits[entry] and _tied_before(other, entry, shares, places)
            )
        if stays:
            order[place] = order[one]
            one -= 1
        else:
            order[place] = moved[two]
            two -= 1
        place -= 1
    return size


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
            place = _hash_place((entry_i[at.FIRST, pair] << 32) + entry_i[at.SECOND, pair], mask)
            while table[place] >= 0:
                place = (place + 1) & mask
            table[place] = pair
        count[at.HASH_FRESH] = 1
    place = _hash_place((first << 32) + second, mask)
    while table[place] >= 0:
        pair = table[place]
        if entry_i[at.FIRST, pair] == first and entry_i[at.SECOND, pair] == second:
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
    job_i: np.ndarray,
    table: np.ndarray,
    believed: np.ndarray,
) -> int:
    """Start to keep a pair that has been through a reset without an allocation."""
    base = job_i.shape[1]
    pair = base + count[at.PAIRS]
    types = believed.shape[3]
    for j in range(types):
        entry_f[j, pair] = 0.0
        # Its time started at 0, so its first reset found half a round missing.
        entry_f[types + j, pair] = half_round
        entry_f[2 * types + j, pair] = half_round
    entry_i[at.PLACE, pair] = (job_i[at.NUMBER, second] << 32) + job_i[at.NUMBER, first] + 1
    entry_i[at.SCALE, pair] = entry_i[at.SCALE, first]
    entry_i[at.FIRST, pair] = first
    entry_i[at.SECOND, pair] = second
    entry_i[at.DEAD, pair] = _dead_types(
        job_i[at.BELIEF, first], job_i[at.BELIEF, second], believed
    )
    entry_i[at.RAN, pair] = -1
    entry_i[at.RAN_AT, pair] = 0
    entry_i[at.MEASURED, pair] = 0
    count[at.PAIRS] += 1
    if count[at.HASH_FRESH] == 1:
        mask = table.size - 1
        place = _hash_place((first << 32) + second, mask)
        while table[place] >= 0:
            place = (place + 1) & mask
        table[place] = pair
    return int(pair)


@compiled
def _slot_of(number: int, count: np.ndarray, job_i: np.ndarray) -> int:
    """Slot of a job number, or -1 if the job is not active."""
    low = 0
    high = count[at.ACTIVE]
    while low < high:
        middle = (low + high) // 2
        if job_i[at.NUMBER, middle] < number:
            low = middle + 1
        else:
            high = middle
    if low < count[at.ACTIVE] and job_i[at.NUMBER, low] == number:
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
    job_i: np.ndarray,
    table: np.ndarray,
    believed: np.ndarray,
) -> bool:
    """Set the allocation of pairs of job numbers ``(P, 2)``; False if a job is not active."""
    types = believed.shape[3]
    base = job_i.shape[1]
    for row in range(jobs.shape[0]):
        first = _slot_of(jobs[row, 0], count, job_i)
        second = _slot_of(jobs[row, 1], count, job_i)
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
                job_i,
                table,
                believed,
            )
        for j in range(types):
            entry_f[j, pair] = shares[row, j]
    return True


# books ---------------------------------------------------------------------------------------


@compiled
def close_books(
    clock: np.ndarray,
    count: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    base: int,
    type_time: np.ndarray,
    spare_i: np.ndarray,
) -> None:
    """Settle what everybody should have received since the last reset, and start afresh.

    Pairs that are then as if they had never been kept are not kept any longer.
    """
    types = type_time.size
    half_round = clock[at.ROUND_SECONDS] / 2.0
    elapsed = clock[at.NOW] - clock[at.LAST_RESET]
    for j in range(types):
        for kind in range(2):
            low = 0 if kind == 0 else base
            for entry in range(low, low + count[at.ACTIVE if kind == 0 else at.PAIRS]):
                due = entry_f[j, entry] * elapsed
                entry_f[2 * types + j, entry] += due - (entry_f[types + j, entry] - half_round)
                entry_f[types + j, entry] = half_round
    entries = count[at.ACTIVE]
    if count[at.PACKING] == 1:
        # All pairs of equal scale factor count, kept or not; sums of half rounds are exact.
        same = spare_i[0]
        largest = 0
        for slot in range(count[at.ACTIVE]):
            largest = max(largest, entry_i[at.SCALE, slot])
        for scale in range(largest + 1):
            same[scale] = 0
        for slot in range(count[at.ACTIVE]):
            scale = entry_i[at.SCALE, slot]
            entries += same[scale]
            same[scale] += 1
    for j in range(types):
        type_time[j] = half_round * entries
    clock[at.LAST_RESET] = clock[at.NOW]
    kept = base
    for pair in range(base, base + count[at.PAIRS]):
        history = entry_i[at.RAN, pair] >= count[at.PASSES] * 64
        for j in range(types):
            history = history or entry_f[2 * types + j, pair] != half_round
        if history:
            _move(kept, pair, entry_f, entry_i)
            kept += 1
    if kept - base != count[at.PAIRS]:
        count[at.PAIRS] = kept - base
        count[at.HASH_FRESH] = 0


@compiled
def _move(to: int, entry: int, entry_f: np.ndarray, entry_i: np.ndarray) -> None:
    """Move an entry's figures to another column."""
    if to == entry:
        return
    for row in range(entry_f.shape[0]):
        entry_f[row, to] = entry_f[row, entry]
    for row in range(at.ENTRY_ROWS):
        entry_i[row, to] = entry_i[row, entry]


# one pass: accounts and admission ------------------------------------------------------------


@compiled
def _settle(
    clock: np.ndarray,
    count: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    job_i: np.ndarray,
    steps_left: np.ndarray,
    run_f: np.ndarray,
    run_i: np.ndarray,
    pool: np.ndarray,
    busy: np.ndarray,
    type_time: np.ndarray,
    prices: np.ndarray,
    paired: np.ndarray,
    result: np.ndarray,
    spare_f: np.ndarray,
    spare_i: np.ndarray,
) -> bool:
    """Account for what ran; returns whether a job left."""
    types = type_time.size
    start = clock[at.ROUND_START]
    received = spare_f[0]
    often = spare_i[0]
    last = spare_i[1, : paired.shape[0]]
    left = False
    pending = 0
    for j in range(types):
        for key in range(last.size):
            last[key] = -1
        values = 0
        for run in range(count[at.RUNNING]):
            if run_i[at.RUN_ON, run] != j:
                continue
            entry = run_i[at.RUN_ENTRY, run]
            finish = run_f[at.FINISH, run]
            execution = finish - start
            scale = entry_i[at.SCALE, entry]
            members = 1 if entry_i[at.SECOND, entry] < 0 else 2
            # A worker's share is the whole quotient, or what the others leave: the attempt
            # fails if the smallest of them is nothing.
            succeeded = execution > 0
            for member in range(members):
                steps = run_f[at.FIRST_STEPS + member, run]
                if steps <= 0 or (scale > 1 and steps < scale):
                    succeeded = False
            alive = members
            if succeeded:
                entry_f[types + j, entry] += execution
                # Times come in few sizes: one for each key, but for jobs that finish.
                key = job_i[at.KEY, entry_i[at.FIRST, entry]]
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
                place = run_i[at.RUN_AT, run]
                for k in range(place, place + scale):
                    busy[pool[k]] += execution
            else:
                count[at.STALE] = 1
            for member in range(members):
                slot = entry_i[at.FIRST + member, entry]
                number = job_i[at.NUMBER, slot]
                gone = False
                if succeeded:
                    if members == 1:
                        job_i[at.FAILURES, slot] = 0
                    result[at.RESULT_COST, number] += prices[j] * execution / 3600.0 * scale
                    result[at.RESULT_BUSY, number] += execution * scale / members
                    steps_left[slot] -= run_f[at.FIRST_STEPS + member, run]
                    if steps_left[slot] <= 0:
                        result[at.RESULT_FINISH, number] = finish
                        gone = True
                elif members == 1:
                    job_i[at.FAILURES, slot] += 1
                    if job_i[at.FAILURES, slot] >= 5:
                        result[at.RESULT_DROPPED, number] = 1.0
                        count[at.DROPPED] += 1
                        gone = True
                if gone:
                    alive -= 1
                    left = True
                    job_i[at.GONE, slot] = 1
                    count[at.COMPLETED] += 1
                    if count[at.WINDOW_START] <= number < count[at.WINDOW_END]:
                        count[at.WINDOW_LEFT] -= 1
            if members == 2 and not entry_i[at.MEASURED, entry] >> j & 1:
                one = job_i[at.KEY, entry_i[at.FIRST, entry]]
                two = job_i[at.KEY, entry_i[at.SECOND, entry]]
                entry_i[at.MEASURED, entry] |= 1 << j
                entry_i[at.DEAD, entry] &= ~(1 << j)
                entry_i[at.DEAD, entry] |= _dead_types(one, two, paired) & (1 << j)
            if alive > 0:
                pending += 1
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
        for place in range(values):
            for _ in range(often[place]):
                type_time[j] += received[place]
    count[at.RUNNING] = 0
    count[at.PENDING_OPPORTUNITIES] = pending
    return left


@compiled
def _remove(
    count: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    job_i: np.ndarray,
    steps_left: np.ndarray,
    order: np.ndarray,
    order_size: np.ndarray,
    new: np.ndarray,
) -> None:
    """Close the gaps of jobs that left, in all arrays."""
    base = job_i.shape[1]
    kept = 0
    for slot in range(count[at.ACTIVE]):
        if job_i[at.GONE, slot]:
            new[slot] = -1
            continue
        new[slot] = kept
        if kept != slot:
            _move(kept, slot, entry_f, entry_i)
            entry_i[at.FIRST, kept] = kept
            steps_left[kept] = steps_left[slot]
            for row in range(at.JOB_ROWS):
                job_i[row, kept] = job_i[row, slot]
        kept += 1
    count[at.ACTIVE] = kept
    kept = base
    for pair in range(base, base + count[at.PAIRS]):
        first = new[entry_i[at.FIRST, pair]]
        second = new[entry_i[at.SECOND, pair]]
        if first < 0 or second < 0:
            new[pair] = -1
            continue
        new[pair] = kept
        _move(kept, pair, entry_f, entry_i)
        entry_i[at.FIRST, kept] = first
        entry_i[at.SECOND, kept] = second
        kept += 1
    count[at.PAIRS] = kept - base
    count[at.HASH_FRESH] = 0
    for j in range(order.shape[0]):
        kept = 0
        for place in range(order_size[j]):
            entry = new[order[j, place]]
            if entry >= 0:
                order[j, kept] = entry
                kept += 1
        order_size[j] = kept


@compiled
def admit(
    clock: np.ndarray,
    count: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    job_i: np.ndarray,
    steps_left: np.ndarray,
    arrival: np.ndarray,
    key: np.ndarray,
    scale: np.ndarray,
    steps: np.ndarray,
    allowance: np.ndarray,
    belief: np.ndarray,
    alone: np.ndarray,
    result: np.ndarray,
) -> None:
    """Let in every job that has arrived."""
    types = alone.shape[1]
    now = clock[at.NOW]
    number = count[at.ADMITTED]
    while number < count[at.KNOWN] and arrival[number] <= now:
        slot = count[at.ACTIVE]
        dead = 0
        for j in range(types):
            entry_f[j, slot] = 0.0
            entry_f[types + j, slot] = clock[at.ROUND_SECONDS] / 2.0
            entry_f[2 * types + j, slot] = 0.0
            if not alone[key[number], j] > 0:
                dead |= 1 << j
        entry_i[at.PLACE, slot] = number << 32
        entry_i[at.SCALE, slot] = scale[number]
        entry_i[at.FIRST, slot] = slot
        entry_i[at.SECOND, slot] = -1
        entry_i[at.DEAD, slot] = dead
        entry_i[at.RAN, slot] = -1
        entry_i[at.RAN_AT, slot] = 0
        entry_i[at.MEASURED, slot] = 0
        job_i[at.NUMBER, slot] = number
        job_i[at.KEY, slot] = key[number]
        job_i[at.FAILURES, slot] = 0
        job_i[at.ALLOCATED, slot] = 0
        job_i[at.TAKEN, slot] = -1
        job_i[at.BELIEF, slot] = belief[number]
        job_i[at.GONE, slot] = 0
        steps_left[slot] = steps[number]
        result[at.RESULT_DEADLINE, number] = now + allowance[number]
        count[at.ACTIVE] = slot + 1
        count[at.STALE] = 1
        number += 1
    count[at.ADMITTED] = number


# one pass: choice ----------------------------------------------------------------------------


@compiled
def _choose(
    j: int,
    left: int,
    count: np.ndarray,
    entry_i: np.ndarray,
    taken: np.ndarray,
    order: np.ndarray,
    size: int,
    chosen: np.ndarray,
) -> tuple[int, int]:
    """Choose from the order of one worker type; returns how many, and workers left."""
    this = count[at.PASSES]
    filled = 0
    for place in range(size):
        if left == 0:
            break
        entry = order[place]
        first = entry_i[at.FIRST, entry]
        second = entry_i[at.SECOND, entry]
        if (
            taken[first] == this
            or entry_i[at.SCALE, entry] > left
            or (second >= 0 and taken[second] == this)
            or entry_i[at.DEAD, entry] >> j & 1
        ):
            continue
        taken[first] = this
        if second >= 0:
            taken[second] = this
        left -= entry_i[at.SCALE, entry]
        chosen[filled] = entry
        filled += 1
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
    job_i: np.ndarray,
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
    base = job_i.shape[1]
    this = count[at.PASSES]
    taken = job_i[at.TAKEN]
    free = spare_i[0]
    places = spare_i[1]
    entries = spare_i[2]
    deficits = spare_f[0]
    waiting = 0
    size = 0
    for slot in range(count[at.ACTIVE]):
        if taken[slot] != this and entry_i[at.SCALE, slot] <= left:
            free[waiting] = slot
            waiting += 1
            if not entry_i[at.DEAD, slot] >> j & 1 and not entry_f[j, slot] > 0:
                deficits[size] = entry_f[2 * types + j, slot]
                places[size] = entry_i[at.PLACE, slot]
                entries[size] = slot
                size += 1
    packing = count[at.PACKING] == 1 and waiting > 1
    if packing:
        for pair in range(base, base + count[at.PAIRS]):
            if (
                taken[entry_i[at.FIRST, pair]] != this
                and taken[entry_i[at.SECOND, pair]] != this
                and entry_i[at.SCALE, pair] <= left
                and not entry_f[j, pair] > 0
                and not entry_i[at.DEAD, pair] >> j & 1
            ):
                deficits[size] = entry_f[2 * types + j, pair]
                places[size] = entry_i[at.PLACE, pair]
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
            if (job_i[at.ALLOCATED, second] == 1) != (group == 0) or taken[second] == this:
                earlier = later  # nothing more in this row
                continue
            if (
                taken[first] != this
                and entry_i[at.SCALE, first] == entry_i[at.SCALE, second]
                and entry_i[at.SCALE, first] <= left
                and believed[job_i[at.BELIEF, first], job_i[at.BELIEF, second], 0, j] > 0
                and believed[job_i[at.BELIEF, first], job_i[at.BELIEF, second], 1, j] > 0
                and _find_pair(first, second, count, entry_i, base, table) < 0
            ):
                pending = True
                deficit = half_round if group == 0 else 0.0
                place = (job_i[at.NUMBER, second] << 32) + job_i[at.NUMBER, first] + 1
        kept = size > 0 and not (
            pending and (deficit > deficits[0] or (deficit == deficits[0] and place < places[0]))
        )
        if kept:
            entry = entries[0]
            first = entry_i[at.FIRST, entry]
            second = entry_i[at.SECOND, entry]
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
            taken[first] == this
            or (second >= 0 and taken[second] == this)
            or entry_i[at.SCALE, first] > left
        ):
            continue
        left -= entry_i[at.SCALE, first]
        taken[first] = this
        if second >= 0:
            taken[second] = this
        if job_i[at.ALLOCATED, first if second < 0 else second] == 0:
            continue
        if entry < 0:
            entry = _keep_pair(
                first,
                second,
                half_round,
                count,
                entry_f,
                entry_i,
                job_i,
                table,
                believed,
            )
        chosen[filled] = entry
        filled += 1
    return filled


# one pass: placement and dispatch ------------------------------------------------------------


@compiled
def _dispatch(
    entry: int,
    j: int,
    place: int,
    clock: np.ndarray,
    count: np.ndarray,
    entry_i: np.ndarray,
    job_i: np.ndarray,
    steps_left: np.ndarray,
    run_f: np.ndarray,
    run_i: np.ndarray,
    alone: np.ndarray,
    paired: np.ndarray,
) -> None:
    """Start an entry on its workers: how many steps it will run, and until when."""
    run = count[at.RUNNING]
    now = clock[at.NOW]
    entry_i[at.RAN, entry] = count[at.PASSES] * 64 + j
    entry_i[at.RAN_AT, entry] = place
    run_i[at.RUN_ENTRY, run] = entry
    run_i[at.RUN_ON, run] = j
    run_i[at.RUN_AT, run] = place
    first = entry_i[at.FIRST, entry]
    second = entry_i[at.SECOND, entry]
    finish = now
    for member in range(1 if second < 0 else 2):
        slot = first if member == 0 else second
        if second < 0:
            speed = alone[job_i[at.KEY, first], j]
        else:
            speed = paired[job_i[at.KEY, first], job_i[at.KEY, second], member, j]
        steps = min(math.floor(speed * clock[at.ROUND_SECONDS]), steps_left[slot])
        run_f[at.FIRST_STEPS + member, run] = steps
        if speed > 0:
            finish = max(finish, now + steps / speed)
        count[at.RUNNING_JOBS] += 1
    run_f[at.FINISH, run] = finish
    count[at.RUNNING] = run + 1


@compiled
def _place(
    j: int,
    filled: int,
    chosen: np.ndarray,
    worker: int,
    used: int,
    clock: np.ndarray,
    count: np.ndarray,
    entry_i: np.ndarray,
    job_i: np.ndarray,
    steps_left: np.ndarray,
    run_f: np.ndarray,
    run_i: np.ndarray,
    pool: np.ndarray,
    last_pool: np.ndarray,
    holder: np.ndarray,
    alone: np.ndarray,
    paired: np.ndarray,
    waiting: np.ndarray,
) -> int:
    """Give the chosen entries of one worker type their workers, from number ``worker`` on.

    Largest scale factors first. Returns the new length of the pass's list of workers.
    """
    this = count[at.PASSES]
    last = (this - 1) * 64 + j
    scale = 0
    for place in range(filled):
        scale = max(scale, entry_i[at.SCALE, chosen[place]])
    while scale > 0:
        smaller = 0
        rest = 0
        # Who ran on this type in the last round keeps its workers while they are all free.
        for place in range(filled):
            entry = chosen[place]
            size = entry_i[at.SCALE, entry]
            if size != scale:
                if size < scale:
                    smaller = max(smaller, size)
                continue
            extends = entry_i[at.RAN, entry] == last
            if extends:
                before = entry_i[at.RAN_AT, entry]
                for k in range(before, before + scale):
                    if holder[last_pool[k]] == this:
                        extends = False
            if not extends:
                waiting[rest] = entry
                rest += 1
                continue
            for k in range(scale):
                kept = last_pool[before + k]
                holder[kept] = this
                pool[used + k] = kept
            count[at.EXTENSIONS] += 1
            _dispatch(
                entry,
                j,
                used,
                clock,
                count,
                entry_i,
                job_i,
                steps_left,
                run_f,
                run_i,
                alone,
                paired,
            )
            used += scale
        # The rest take free workers in the order of their numbers, server by server.
        for place in range(rest):
            start = used
            while used - start < scale:
                if holder[worker] != this:
                    holder[worker] = this
                    pool[used] = worker
                    used += 1
                worker += 1
            _dispatch(
                waiting[place],
                j,
                start,
                clock,
                count,
                entry_i,
                job_i,
                steps_left,
                run_f,
                run_i,
                alone,
                paired,
            )
        scale = smaller
    return used


# the loop ------------------------------------------------------------------------------------


@compiled
def run_rounds(
    rounds: int,
    clock: np.ndarray,
    count: np.ndarray,
    workers: np.ndarray,
    visits: np.ndarray,
    words: np.ndarray,
    arrival: np.ndarray,
    key: np.ndarray,
    scale: np.ndarray,
    steps: np.ndarray,
    allowance: np.ndarray,
    belief: np.ndarray,
    result: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    job_i: np.ndarray,
    steps_left: np.ndarray,
    table: np.ndarray,
    order: np.ndarray,
    order_size: np.ndarray,
    chosen: np.ndarray,
    run_f: np.ndarray,
    run_i: np.ndarray,
    pools: np.ndarray,
    holder: np.ndarray,
    busy: np.ndarray,
    type_time: np.ndarray,
    prices: np.ndarray,
    alone: np.ndarray,
    paired: np.ndarray,
    believed: np.ndarray,
    metrics: np.ndarray,
    spare_f: np.ndarray,
    spare_i: np.ndarray,
) -> int:
    """Run at most ``rounds`` rounds; returns why it stopped (:mod:`simulator.layout`, outcomes)."""
    types = workers.size
    base = job_i.shape[1]
    last_round = count[at.PASSES] + rounds
    types_now = np.empty(types, dtype=np.int64)
    chosen_size = np.empty(types, dtype=np.int64)
    while True:
        if count[at.AWAITING] == 0:
            if count[at.WINDOW_LEFT] == 0:
                return at.DONE
            if count[at.PASSES] >= last_round or count[at.RECORDED] >= metrics.shape[0]:
                return at.ENOUGH
            if count[at.PACKING] == 1 and base + count[at.PAIRS] + holder.size > entry_i.shape[1]:
                return at.MORE_PAIRS
            # Advance time to the end of the round, or to the next arrival if nothing runs.
            running = count[at.RUNNING]
            now = clock[at.NOW]
            if running > 0:
                now = run_f[at.FINISH, 0]
                for run in range(1, running):
                    now = max(now, run_f[at.FINISH, run])
            elif count[at.ADMITTED] < count[at.KNOWN]:
                now = arrival[count[at.ADMITTED]]
            if count[at.ALL_KNOWN] == 0 and (
                count[at.KNOWN] == 0 or arrival[count[at.KNOWN] - 1] <= now
            ):
                return at.MORE_JOBS
            clock[at.NOW] = now
            if running > 0:
                if not math.isnan(clock[at.ROUND_END]):
                    clock[at.ROUND_START] = clock[at.ROUND_END]
                clock[at.ROUND_END] = now
                count[at.IDLE_PASSES] = 0
                left = _settle(
                    clock,
                    count,
                    entry_f,
                    entry_i,
                    job_i,
                    steps_left,
                    run_f,
                    run_i,
                    pools[count[at.PASSES] & 1],
                    busy,
                    type_time,
                    prices,
                    paired,
                    result,
                    spare_f,
                    spare_i,
                )
                if left:
                    count[at.STALE] = 1
                    _remove(
                        count,
                        entry_f,
                        entry_i,
                        job_i,
                        steps_left,
                        order,
                        order_size,
                        spare_i[0],
                    )
            elif count[at.ADMITTED] == count[at.KNOWN]:
                # Nobody runs and nobody will come: force a recomputation.
                clock[at.LAST_RESET] = 0.0
                count[at.IDLE_PASSES] += 1
                if count[at.IDLE_PASSES] > 2:
                    count[at.STALE] = 1
                if count[at.IDLE_PASSES] > 100:
                    return at.STUCK
            admit(
                clock,
                count,
                entry_f,
                entry_i,
                job_i,
                steps_left,
                arrival,
                key,
                scale,
                steps,
                allowance,
                belief,
                alone,
                result,
            )
            if count[at.STALE] == 1 and (
                clock[at.NOW] - clock[at.LAST_RESET] >= clock[at.BETWEEN_RESETS]
                or clock[at.LAST_RESET] == 0
            ):
                count[at.AWAITING] = 1
                return at.ALLOCATE
        count[at.AWAITING] = 0
        count[at.PASSES] += 1
        this = count[at.PASSES]
        for j in range(types):
            types_now[j] = visits[j]
        if count[at.SHUFFLES] == 1:
            shuffle(words, types_now)
        count[at.OPPORTUNITIES] += count[at.PENDING_OPPORTUNITIES]
        count[at.PENDING_OPPORTUNITIES] = 0
        count[at.RUNNING] = 0
        count[at.RUNNING_JOBS] = 0
        for visit in range(types):
            j = types_now[visit]
            order_size[j] = _order_type(
                j,
                type_time[j],
                workers[j],
                count,
                entry_f,
                entry_i,
                base,
                order[j],
                order_size[j],
                spare_f,
                spare_i,
            )
            filled, left_over = _choose(
                j,
                workers[j],
                count,
                entry_i,
                job_i[at.TAKEN],
                order[j],
                order_size[j],
                chosen[j],
            )
            if left_over > 0 and count[at.SKIPS_ZERO] == 0:
                filled = _choose_rest(
                    j,
                    left_over,
                    filled,
                    clock[at.ROUND_SECONDS] / 2.0,
                    count,
                    entry_f,
                    entry_i,
                    job_i,
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
                first_worker += workers[i]
            before = used
            used = _place(
                j,
                chosen_size[j],
                chosen[j],
                first_worker,
                used,
                clock,
                count,
                entry_i,
                job_i,
                steps_left,
                run_f,
                run_i,
                pools[this & 1],
                pools[1 - (this & 1)],
                holder,
                alone,
                paired,
                spare_i[0],
            )
            row[at.METRIC_UTILIZATION + 1 + j] = (used - before) / workers[j]
        row[at.METRIC_TIME] = clock[at.NOW]
        row[at.METRIC_ACTIVE] = count[at.ACTIVE]
        row[at.METRIC_RUNNING] = count[at.RUNNING_JOBS]
        row[at.METRIC_QUEUED] = count[at.ACTIVE] - count[at.RUNNING_JOBS]
        row[at.METRIC_ARRIVED] = count[at.ADMITTED]
        row[at.METRIC_COMPLETED] = count[at.COMPLETED]
        row[at.METRIC_UTILIZATION] = used / holder.size
        count[at.RECORDED] += 1
