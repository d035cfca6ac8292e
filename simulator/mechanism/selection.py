"""Who runs in a round, compiled: by the order of each worker type, then whoever fits."""

from __future__ import annotations

from typing import Any

import numpy as np

from gavel_opt.kernels.jit import compiled
from simulator.mechanism.pair_table import (
    can_run_together,
    find_pair,
    keep_pair,
    order_of,
    pair_order,
    refresh_table,
)
from simulator.mechanism.priority import (
    build_queue,
    close_front,
    is_above_cut,
    is_pair_waiting,
    lower_cut,
    merge_returning,
    open_front,
    settle,
    take,
    take_all_waiting,
)
from simulator.mechanism.records import World


@compiled
def select_entries(world: World) -> None:
    """Select for each worker type, in the order of this round's visits."""
    count = world.counts[0]
    if count.queue_stale:
        build_queue(world)
        count.queue_stale = False
    free = count.active
    queue = world.queue
    for visit in range(len(world.types)):
        worker_type = world.types[world.visits[visit]]
        front = queue.fronts[worker_type.number]
        line = queue.front[worker_type.number]
        first = worker_type.first_run
        merge_returning(first, front, line, queue.returning, world.spare)
        worker_type.selected = 0
        worker_type.left = worker_type.workers
        if free > 0:
            _select_in_order(worker_type.number, world)
            if worker_type.left > 0 and not world.rules[0].skips_zero_priority:
                _fill_up(worker_type.number, world)
        # With pairs jobs are more than entries, and somebody counts as free who is not.
        free -= worker_type.selected


@compiled
def _select_in_order(j: int, world: World) -> None:
    """Select by the order of one worker type."""
    worker_type = world.types[j]
    front = world.queue.fronts[j]
    line = world.queue.front[j]
    waiting = world.queue.waiting[j]
    picks = world.picks[j]
    candidates = world.candidates
    this = world.counts[0].rounds
    place = open_front(this, len(waiting), front, line)
    last = place - 1
    while True:
        while worker_type.left > 0 and place < front.end:
            settle(place, worker_type.received, front, line, world.spare)
            if not is_above_cut(line[place], front):
                break
            if _select(line[place], this, worker_type, picks, candidates, world.entries):
                take(line[place])
                last = place
            place += 1
        worker_type.in_order = worker_type.selected
        if worker_type.left == 0 or front.cut_key < 0:
            break
        if (
            place == front.end
            and not is_pair_waiting(this, front, waiting, candidates, world.entries)
            and take_all_waiting(this, worker_type, front, waiting, picks, candidates)
        ):
            break
        lower_cut(j, place, world)
    close_front(last, front, line)
    if worker_type.selected == worker_type.in_order:
        worker_type.in_order = worker_type.workers


@compiled
def _select(
    item: Any,
    this: int,
    worker_type: Any,
    picks: np.ndarray,
    candidates: np.ndarray,
    entries: np.ndarray,
) -> bool:
    """Select a queued entry if the workers that are left are enough and its jobs are free."""
    if item.scale > worker_type.left:
        return False
    first = item.entry
    second = item.entry
    if item.entry >= len(candidates):
        first = entries[item.entry].first
        second = entries[item.entry].second
    if not _mark(candidates[first], candidates[second], this):
        return False
    _add_pick(item.entry, item.scale, worker_type, picks)
    worker_type.left -= item.scale
    return True


@compiled
def _add_pick(entry: int, scale: int, worker_type: Any, picks: np.ndarray) -> None:
    pick = picks[worker_type.selected]
    pick.entry = entry
    pick.scale = scale
    worker_type.selected += 1


@compiled
def _mark(one: Any, two: Any, this: int) -> bool:
    """Mark two jobs, or one given twice, as selected in this round; False if one was already."""
    if one.selected_round >= this or two.selected_round >= this:
        return False
    one.selected_round = this
    two.selected_round = this
    return True


# workers that are left over ------------------------------------------------------------------


@compiled
def _fill_up(j: int, world: World) -> None:
    """Fill workers that are left with entries of priority 0: largest deficit first.

    A pair that is not kept yet is kept once it is selected and may be placed. Who is selected but has no
    place in the allocation only blocks workers and jobs.
    """
    worker_type = world.types[j]
    cursor = world.cursor[0]
    heap = world.leftovers
    left = worker_type.left
    _list_leftovers(j, world)
    while left > 0:
        if cursor.group < 2 and not cursor.found:
            _find_next_pair(j, left, world)
        if cursor.heap > 0 and not (cursor.found and _is_ahead(cursor, heap[0])):
            entry = _pop(heap, cursor)
            first = world.entries[entry].first
            second = world.entries[entry].second
        elif cursor.found:
            cursor.found = False
            entry = -1
            first = cursor.first
            second = cursor.second
        else:
            break
        scale = world.candidates[first].scale
        if scale > left:
            continue
        other = second if second >= 0 else first
        if not _mark(world.candidates[first], world.candidates[other], world.counts[0].rounds):
            continue
        left -= scale
        if world.entries[max(first, second)].allocated:
            if entry < 0:
                entry = keep_pair(first, second, world)
            _add_pick(entry, scale, worker_type, world.picks[j])


@compiled
def _list_leftovers(j: int, world: World) -> None:
    """Make a heap of the entries of priority 0 that are kept, and list the jobs that are free.

    The cursor is set to look for pairs of these that are not kept.
    """
    this = world.counts[0].rounds
    left = world.types[j].left
    cursor = world.cursor[0]
    cursor.heap = 0
    cursor.free = 0
    for slot in range(world.counts[0].slots):
        job = world.candidates[slot]
        if job.selected_round < this and job.scale <= left:
            world.spare.scratch[cursor.free].number = slot
            cursor.free += 1
            _push(slot, world.ledger[slot, j], world.entries, world.leftovers, cursor)
    cursor.found = False
    cursor.group = 2
    if world.rules[0].packing and cursor.free > 1:
        cursor.group = 0
        cursor.later = 1
        cursor.earlier = -1
        base = len(world.candidates)
        refresh_table(base, world.counts[0], world.entries, world.pair_table)
        if cursor.free * cursor.free < world.counts[0].pairs:
            _list_pairs_of_free(j, world)
        else:
            _list_free_pairs(j, world)


@compiled
def _list_pairs_of_free(j: int, world: World) -> None:
    """List the pairs of jobs that are free, job by job."""
    cursor = world.cursor[0]
    candidates = world.candidates
    for k in range(cursor.free):
        later = world.spare.scratch[k].number
        for i in range(k):
            earlier = world.spare.scratch[i].number
            if candidates[earlier].scale == candidates[later].scale:
                pair = find_pair(earlier, later, world.entries, world.pair_table)
                if pair >= 0:
                    _push(pair, world.ledger[pair, j], world.entries, world.leftovers, cursor)


@compiled
def _list_free_pairs(j: int, world: World) -> None:
    """List the pairs that are kept and whose jobs are free."""
    this = world.counts[0].rounds
    candidates = world.candidates
    base = len(candidates)
    for entry in range(base, base + world.counts[0].pairs):
        pair = world.entries[entry]
        if (
            candidates[pair.first].selected_round < this
            and candidates[pair.second].selected_round < this
            and pair.scale <= world.types[j].left
        ):
            _push(entry, world.ledger[entry, j], world.entries, world.leftovers, world.cursor[0])


@compiled
def _push(slot: int, ledger: Any, entries: np.ndarray, heap: np.ndarray, cursor: Any) -> None:
    """Put an entry into the heap if it has no share on the type and can run there."""
    if ledger.cannot_run or ledger.share > 0:
        return
    hole = cursor.heap
    cursor.heap += 1
    # The place behind the heap's end holds the new one.
    item = heap[cursor.heap]
    item.deficit = ledger.deficit
    item.order = order_of(entries[slot], entries)
    item.entry = slot
    while hole > 0 and _is_ahead(item, heap[(hole - 1) // 2]):
        heap[hole] = heap[(hole - 1) // 2]
        hole = (hole - 1) // 2
    heap[hole] = item


@compiled
def _pop(heap: np.ndarray, cursor: Any) -> int:
    """Take the first entry out of the heap."""
    entry = heap[0].entry
    cursor.heap -= 1
    size = cursor.heap
    last = heap[size]
    hole = 0
    child = 1
    while child < size:
        if child + 1 < size and _is_ahead(heap[child + 1], heap[child]):
            child += 1
        if _is_ahead(last, heap[child]):
            break
        heap[hole] = heap[child]
        hole = child
        child = 2 * hole + 1
    heap[hole] = last
    return int(entry)


@compiled
def _is_ahead(one: Any, two: Any) -> bool:
    """Whether one goes before another: largest deficit first, then first in order of insertion."""
    return bool(one.deficit > two.deficit or (one.deficit == two.deficit and one.order < two.order))


@compiled
def _find_next_pair(j: int, left: int, world: World) -> None:
    """Move the cursor to the next pair that is not kept, could run and whose jobs are free.

    They come in two groups: those that have been through a reset with a deficit of half a round, the
    others with none. Within a group: in order of insertion.
    """
    this = world.counts[0].rounds
    scratch = world.spare.scratch
    cursor = world.cursor[0]
    while cursor.group < 2 and not cursor.found:
        cursor.earlier += 1
        if cursor.earlier >= cursor.later:
            cursor.later += 1
            cursor.earlier = 0
        if cursor.later >= cursor.free:
            cursor.group += 1
            cursor.later = 1
            cursor.earlier = -1
            continue
        first = scratch[cursor.earlier].number
        second = scratch[cursor.later].number
        two = world.entries[second]
        if two.allocated != (cursor.group == 0) or (
            world.candidates[second].selected_round >= this
        ):
            cursor.earlier = cursor.later  # nothing more in this row
            continue
        one = world.entries[first]
        if (
            world.candidates[first].selected_round < this
            and one.scale == two.scale
            and one.scale <= left
            and can_run_together(one.key, two.key, j, world.pair_speeds)
            and find_pair(first, second, world.entries, world.pair_table) < 0
        ):
            cursor.found = True
            cursor.first = first
            cursor.second = second
            cursor.deficit = world.rules[0].half_round if cursor.group == 0 else 0.0
            cursor.order = pair_order(one, two)
