"""Accounts, compiled: who comes, what has run, and what everybody is owed at a recomputation."""

from __future__ import annotations

import numpy as np

from gavel_opt.kernels.jit import compiled_in_place
from simulator.mechanism import layout as at
from simulator.mechanism.layout import Entries, Known, Orders, Pairs, Running, Spare
from simulator.mechanism.pair_table import dead_types, slot_of
from simulator.mechanism.prefetch import AHEAD, prefetch
from simulator.mechanism.priority import take_back

_GAPS = (701, 301, 132, 57, 23, 10, 4, 1)


# a recomputation -----------------------------------------------------------------------------


@compiled_in_place
def _move(to: int, entry: int, entries: Entries) -> None:
    """Move an entry's figures to another row."""
    if to == entry:
        return
    for column in range(entries.f.shape[1]):
        entries.f[to, column] = entries.f[entry, column]
    for column in range(at.ENTRY_COLUMNS):
        entries.i[to, column] = entries.i[entry, column]


@compiled_in_place
def close_books(
    clock: np.ndarray, count: np.ndarray, type_f: np.ndarray, entries: Entries, spare: Spare
) -> None:
    """Settle what everybody should have received since the last reset, and start afresh.

    The gaps of jobs that left are closed, and pairs that are then as if they had never been kept
    are not kept any longer.
    """
    types = type_f.shape[0]
    taken = entries.taken
    base = taken.size
    half_round = clock[at.ROUND_SECONDS] / 2.0
    elapsed = clock[at.NOW] - clock[at.LAST_RESET]
    new = spare.i[1]
    same = spare.i[2]
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
            _move(kept, slot, entries)
            entries.i[kept, at.FIRST] = kept
            taken[kept] = taken[slot]
        for j in range(types):
            due = entries.f[kept, j] * elapsed
            entries.f[kept, 2 * types + j] += due - (entries.f[kept, types + j] - half_round)
            entries.f[kept, types + j] = half_round
        largest = max(largest, entries.i[kept, at.SCALE])
        kept += 1
    count[at.SLOTS] = kept
    counted = kept
    if count[at.PACKING] == 1:
        # All pairs of equal scale factor count, kept or not; sums of half rounds are exact.
        for scale in range(largest + 1):
            same[scale] = 0
        for slot in range(kept):
            scale = entries.i[slot, at.SCALE]
            counted += same[scale]
            same[scale] += 1
    for j in range(types):
        type_f[j, at.RECEIVED] = half_round * counted
    clock[at.LAST_RESET] = clock[at.NOW]
    pair = base
    end = base + count[at.PAIRS]
    while pair < end:
        first = new[entries.i[pair, at.FIRST]]
        second = new[entries.i[pair, at.SECOND]]
        entries.i[pair, at.FIRST] = first
        entries.i[pair, at.SECOND] = second
        kept_on = first >= 0 and second >= 0
        # Nothing has changed of one that had no share and did not run; there may be thousands.
        if kept_on and (
            entries.i[pair, at.ALLOCATED] == 1
            or entries.i[pair, at.RAN] >= count[at.LAST_RESET_PASS] * 64
        ):
            kept_on = entries.i[pair, at.RAN] >= count[at.PASSES] * 64
            for j in range(types):
                due = entries.f[pair, j] * elapsed
                deficit = entries.f[pair, 2 * types + j] + (
                    due - (entries.f[pair, types + j] - half_round)
                )
                entries.f[pair, 2 * types + j] = deficit
                entries.f[pair, types + j] = half_round
                kept_on = kept_on or deficit != half_round
        if kept_on:
            pair += 1
            continue
        # The last one takes its row, whose members have yet to be looked at.
        moved = True
        end -= 1
        _move(pair, end, entries)
    count[at.LAST_RESET_PASS] = count[at.PASSES]
    count[at.PAIRS] = end - base
    if moved:
        count[at.HASH_FRESH] = 0


@compiled_in_place
def see(
    clock: np.ndarray,
    count: np.ndarray,
    types: int,
    known_i: np.ndarray,
    entries: Entries,
    seen_f: np.ndarray,
    seen_i: np.ndarray,
) -> None:
    """Write down what a policy may see of the jobs, when no gaps are among them."""
    of_job = 3 * types
    for slot in range(count[at.ACTIVE]):
        number = entries.i[slot, at.NUMBER]
        seen_i[at.SEEN_JOB, slot] = number
        seen_i[at.SEEN_KEY, slot] = entries.i[slot, at.KEY]
        seen_i[at.SEEN_SCALE, slot] = entries.i[slot, at.SCALE]
        seen_i[at.SEEN_ENTITY, slot] = known_i[number, at.KNOWN_ENTITY]
        seen_f[at.SEEN_WEIGHT, slot] = entries.f[slot, of_job + at.WEIGHT]
        seen_f[at.SEEN_STEPS_LEFT, slot] = entries.f[slot, of_job + at.STEPS_LEFT]
        seen_f[at.SEEN_AGE, slot] = clock[at.NOW] - entries.f[slot, of_job + at.ARRIVAL]


@compiled_in_place
def give_jobs(
    jobs: np.ndarray,
    shares: np.ndarray,
    count: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    taken: np.ndarray,
) -> bool:
    """Set the allocation of job numbers, shares ``(n, J)``, and take everybody else's away.

    Returns False if a job is not active.
    """
    entries = Entries(entry_f, entry_i, taken)
    types = shares.shape[1]
    for slot in range(count[at.ACTIVE]):
        entries.i[slot, at.ALLOCATED] = 0
    for row in range(jobs.size):
        slot = row
        if row >= count[at.ACTIVE] or entries.i[row, at.NUMBER] != jobs[row]:
            slot = slot_of(jobs[row], count, entries)
            if slot < 0:
                return False
        entries.i[slot, at.ALLOCATED] = 1
        for j in range(types):
            entries.f[slot, j] = shares[row, j]
    for slot in range(count[at.ACTIVE]):
        if entries.i[slot, at.ALLOCATED] == 0:
            for j in range(types):
                entries.f[slot, j] = 0.0
    base = entries.taken.size
    for pair in range(base, base + count[at.PAIRS]):
        if entries.i[pair, at.ALLOCATED] == 1:
            entries.i[pair, at.ALLOCATED] = 0
            for j in range(types):
                entries.f[pair, j] = 0.0
    return True


# a round -------------------------------------------------------------------------------------


@compiled_in_place
def _sort_down(values: np.ndarray, size: int) -> None:
    """Sort the first values, largest first."""
    for gap in _GAPS:
        for place in range(gap, size):
            value = values[place]
            hole = place
            while hole >= gap and values[hole - gap] < value:
                values[hole] = values[hole - gap]
                hole -= gap
            values[hole] = value


@compiled_in_place
def settle(
    clock: np.ndarray,
    count: np.ndarray,
    type_f: np.ndarray,
    entries: Entries,
    orders: Orders,
    pairs: Pairs,
    running: Running,
    pool: np.ndarray,
    busy: np.ndarray,
    result: np.ndarray,
    moved: np.ndarray,
    spare: Spare,
) -> None:
    """Account for what ran.

    Whom a front gets back stands in the first rows of the spare arrays, type by type; ``moved``
    says where each type's begin and how many they are.
    """
    types = type_f.shape[0]
    base = entries.taken.size
    of_job = 3 * types
    half_round = clock[at.ROUND_SECONDS] / 2.0
    start = clock[at.ROUND_START]
    whole = spare.f[2]
    odd = spare.f[3]
    often = spare.i[1]
    ranks = pairs.believed.shape[0]
    for rank in range(ranks):
        often[rank] = 0
    runs = count[at.RUNNING]
    pending = 0
    run = 0
    # What runs on one type stands together.
    while run < runs:
        j = running.i[run, at.RUN_ON]
        odds = 0
        mover = run
        moved[j, 0] = run
        price = type_f[j, at.PRICE]
        while run < runs and running.i[run, at.RUN_ON] == j:
            if run + AHEAD < runs:
                prefetch(entries.f, running.i[run + AHEAD, at.RUN_ENTRY])
                prefetch(entries.i, running.i[run + AHEAD, at.RUN_ENTRY])
            entry = running.i[run, at.RUN_ENTRY]
            finish = running.f[run, at.FINISH]
            execution = finish - start
            scale = entries.i[entry, at.SCALE]
            members = 1 if entry < base else 2
            # A worker's share is the whole quotient, or what the others leave: the attempt
            # fails if the smallest of them is nothing.
            succeeded = execution > 0
            for member in range(members):
                steps = running.f[run, at.FIRST_STEPS + member]
                if steps <= 0 or (scale > 1 and steps < scale):
                    succeeded = False
            alive = members
            if succeeded:
                entries.f[entry, types + j] += execution
                rank = running.i[run, at.RUN_RANK]
                if rank >= 0:
                    often[rank] += 1
                else:
                    odd[odds] = execution
                    odds += 1
                place = running.i[run, at.RUN_AT]
                for k in range(place, place + scale):
                    busy[pool[k]] += execution
            else:
                running.i[run, at.RUN_RANK] = -1
                count[at.STALE] = 1
            for member in range(members):
                slot = entries.i[entry, at.FIRST + member]
                gone = False
                if succeeded:
                    if members == 1 and count[at.FAILED] == 1:
                        entries.i[slot, at.FAILURES] = 0
                    entries.f[slot, of_job + at.COST] += price * execution / 3600.0 * scale
                    each = execution * scale if members == 1 else execution * scale / 2.0
                    entries.f[slot, of_job + at.BUSY] += each
                    steps_left = entries.f[slot, of_job + at.STEPS_LEFT]
                    steps_left -= running.f[run, at.FIRST_STEPS + member]
                    entries.f[slot, of_job + at.STEPS_LEFT] = steps_left
                    if steps_left <= 0:
                        result[at.RESULT_FINISH, entries.i[slot, at.NUMBER]] = finish
                        gone = True
                elif members == 1:
                    count[at.FAILED] = 1
                    entries.i[slot, at.FAILURES] += 1
                    if entries.i[slot, at.FAILURES] >= 5:
                        result[at.RESULT_DROPPED, entries.i[slot, at.NUMBER]] = 1.0
                        count[at.DROPPED] += 1
                        gone = True
                if gone:
                    number = entries.i[slot, at.NUMBER]
                    result[at.RESULT_COST, number] = entries.f[slot, of_job + at.COST]
                    result[at.RESULT_BUSY, number] = entries.f[slot, of_job + at.BUSY]
                    entries.taken[slot] = at.GONE
                    alive -= 1
                    count[at.STALE] = 1
                    count[at.ACTIVE] -= 1
                    count[at.COMPLETED] += 1
                    if count[at.WINDOW_START] <= number < count[at.WINDOW_END]:
                        count[at.WINDOW_LEFT] -= 1
            if members == 2 and not entries.i[entry, at.MEASURED] >> j & 1:
                one = entries.i[entries.i[entry, at.FIRST], at.KEY]
                two = entries.i[entries.i[entry, at.SECOND], at.KEY]
                entries.i[entry, at.MEASURED] |= 1 << j
                entries.i[entry, at.DEAD] &= ~(1 << j)
                entries.i[entry, at.DEAD] |= dead_types(one, two, pairs.measured) & (1 << j)
            if alive > 0:
                pending += 1
            share = entries.f[entry, j]
            if share > 0:
                if alive < members or (members == 2 and entries.i[entry, at.DEAD] >> j & 1):
                    orders.waiting[j, entry] = -1.0
                else:
                    key = share / (entries.f[entry, types + j] / half_round)
                    if take_back(j, entry, key, entries, orders):
                        spare.f[0, mover] = key
                        spare.f[1, mover] = entries.f[entry, 2 * types + j]
                        spare.i[0, mover] = (scale << at.SCALE_SHIFT) | entry
                        mover += 1
            run += 1
        moved[j, 1] = mover - moved[j, 0]
        # Latest finish first; equal finishes add equal times, so their order does not matter.
        # Ranks follow what a whole round takes; who did not run a whole one is sorted in.
        wholes = 0
        for rank in range(ranks):
            here = often[rank]
            often[rank] = wholes
            wholes += here
        for k in range(moved[j, 0], run):
            rank = running.i[k, at.RUN_RANK]
            if rank >= 0:
                whole[often[rank]] = running.f[k, at.FINISH] - start
                often[rank] += 1
        _sort_down(odd, odds)
        total = type_f[j, at.RECEIVED]
        place = 0
        for k in range(wholes):
            while place < odds and odd[place] >= whole[k]:
                total += odd[place]
                place += 1
            total += whole[k]
        while place < odds:
            total += odd[place]
            place += 1
        for rank in range(ranks):
            often[rank] = 0
        type_f[j, at.RECEIVED] = total
    count[at.RUNNING] = 0
    count[at.PENDING_OPPORTUNITIES] = pending


@compiled_in_place
def admit(
    clock: np.ndarray,
    count: np.ndarray,
    known: Known,
    entries: Entries,
    alone: np.ndarray,
    result: np.ndarray,
) -> None:
    """Let in every job that has arrived."""
    types = alone.shape[1]
    of_job = 3 * types
    now = clock[at.NOW]
    number = count[at.ADMITTED]
    while number < count[at.KNOWN] and known.f[number, at.KNOWN_ARRIVAL] <= now:
        slot = count[at.SLOTS]
        key = known.i[number, at.KNOWN_KEY]
        dead = 0
        for j in range(types):
            entries.f[slot, j] = 0.0
            entries.f[slot, types + j] = clock[at.ROUND_SECONDS] / 2.0
            entries.f[slot, 2 * types + j] = 0.0
            if not alone[key, j, at.SPEED] > 0:
                dead |= 1 << j
        entries.f[slot, of_job + at.STEPS_LEFT] = known.f[number, at.KNOWN_STEPS]
        entries.f[slot, of_job + at.ARRIVAL] = known.f[number, at.KNOWN_ARRIVAL]
        entries.f[slot, of_job + at.WEIGHT] = known.f[number, at.KNOWN_WEIGHT]
        entries.f[slot, of_job + at.COST] = 0.0
        entries.f[slot, of_job + at.BUSY] = 0.0
        entries.i[slot, at.FIRST] = slot
        entries.i[slot, at.SECOND] = -1
        entries.i[slot, at.RAN] = -1
        entries.i[slot, at.RAN_AT] = 0
        entries.i[slot, at.NUMBER] = number
        entries.i[slot, at.KEY] = key
        entries.i[slot, at.SCALE] = known.i[number, at.KNOWN_SCALE]
        entries.i[slot, at.FAILURES] = 0
        entries.i[slot, at.DEAD] = dead
        entries.i[slot, at.MEASURED] = 0
        entries.i[slot, at.PLACE] = number << 32
        entries.i[slot, at.ALLOCATED] = 0
        entries.i[slot, at.BELIEF] = known.i[number, at.KNOWN_BELIEF]
        entries.taken[slot] = -1
        result[at.RESULT_DEADLINE, number] = now + known.f[number, at.KNOWN_ALLOWANCE]
        count[at.SLOTS] = slot + 1
        count[at.ACTIVE] += 1
        count[at.STALE] = 1
        number += 1
    count[at.ADMITTED] = number
