"""Who runs in a round, compiled: by the order of each worker type, then whoever fits."""

from __future__ import annotations

from typing import Any

from gavel_opt.kernels.jit import compiled
from simulator.mechanism.pair_table import (
    can_run_together,
    find_pair,
    keep_pair,
    order_of,
    pair_order,
)
from simulator.mechanism.priority import (
    build_queue,
    close_front,
    is_above_cut,
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
    for visit in range(len(world.types)):
        j = world.visits[visit]
        merge_returning(j, world)
        worker_type = world.types[j]
        worker_type.selected = 0
        if free > 0:
            left = _select_in_order(j, world)
            if left > 0 and not world.rules[0].skips_zero_priority:
                _fill_up(j, left, world)
        # With pairs jobs are more than entries, and somebody counts as free who is not.
        free -= worker_type.selected


@compiled
def _select_in_order(j: int, world: World) -> int:
    """Select by the order of one worker type; returns how many workers are left."""
    worker_type = world.types[j]
    left = worker_type.workers
    place = open_front(j, world)
    last = place - 1
    front = world.queue.fronts[j]
    line = world.queue.front[j]
    picks = world.picks[j]
    candidates = world.candidates
    this = world.counts[0].rounds
    while True:
        while left > 0 and place < front.end:
            if front.near_ties:
                settle(j, place, world)
            item = line[place]
            if not is_above_cut(item, front, world.ledger[item.entry, j]):
                break
            if item.scale <= left:
                first = item.entry
                second = item.entry
                if item.entry >= len(candidates):
                    first = world.entries[item.entry].first
                    second = world.entries[item.entry].second
                if _mark(candidates[first], candidates[second], this):
                    pick = picks[worker_type.selected]
                    pick.entry = item.entry
                    pick.scale = item.scale
                    left -= item.scale
                    worker_type.selected += 1
                    last = place
                    take(item)
            place += 1
        worker_type.in_order = worker_type.selected
        if left == 0 or front.cut_key < 0:
            break
        if place == front.end:
            rest = take_all_waiting(j, left, world)
            if rest >= 0:
                left = rest
                break
        lower_cut(j, place, world)
    close_front(j, last, world)
    if worker_type.selected == worker_type.in_order:
        worker_type.in_order = worker_type.workers
    return int(left)


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
def _fill_up(j: int, left: int, world: World) -> None:
    """Fill workers that are left with entries of priority 0: largest deficit first.

    A pair that is not kept yet is kept once it is selected and may be placed. Who is selected but has no
    place in the allocation only blocks workers and jobs.
    """
    worker_type = world.types[j]
    cursor = world.cursor[0]
    heap = world.leftovers
    _list_leftovers(j, left, world)
    while left > 0:
        if not cursor.found:
            _find_next_pair(j, left, world)
        if cursor.heap > 0 and not (cursor.found and _is_ahead(cursor, heap[0])):
            entry = _pop(world)
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
            pick = world.picks[j, worker_type.selected]
            pick.entry = entry
            pick.scale = scale
            worker_type.selected += 1


@compiled
def _list_leftovers(j: int, left: int, world: World) -> None:
    """Make a heap of the entries of priority 0 that are kept, and list the jobs that are free.

    The cursor is set to look for pairs of these that are not kept.
    """
    this = world.counts[0].rounds
    cursor = world.cursor[0]
    cursor.heap = 0
    cursor.free = 0
    for slot in range(world.counts[0].slots):
        job = world.candidates[slot]
        if job.selected_round < this and job.scale <= left:
            world.scratch[cursor.free].number = slot
            cursor.free += 1
            _push(j, slot, world)
    cursor.found = False
    cursor.group = 2
    if world.rules[0].packing and cursor.free > 1:
        cursor.group = 0
        cursor.later = 1
        cursor.earlier = -1
        if cursor.free * cursor.free < world.counts[0].pairs:
            _list_pairs_of_free(j, world)
        else:
            _list_free_pairs(j, left, world)


@compiled
def _list_pairs_of_free(j: int, world: World) -> None:
    """List the pairs of jobs that are free, job by job."""
    scratch = world.scratch
    candidates = world.candidates
    for k in range(world.cursor[0].free):
        later = scratch[k].number
        for i in range(k):
            earlier = scratch[i].number
            if candidates[earlier].scale == candidates[later].scale:
                pair = find_pair(earlier, later, world)
                if pair >= 0:
                    _push(j, pair, world)


@compiled
def _list_free_pairs(j: int, left: int, world: World) -> None:
    """List the pairs that are kept and whose jobs are free."""
    this = world.counts[0].rounds
    candidates = world.candidates
    base = len(candidates)
    for entry in range(base, base + world.counts[0].pairs):
        pair = world.entries[entry]
        if (
            candidates[pair.first].selected_round < this
            and candidates[pair.second].selected_round < this
            and pair.scale <= left
        ):
            _push(j, entry, world)


@compiled
def _push(j: int, entry: int, world: World) -> None:
    """Put an entry into the heap if it has no share on the type and can run there."""
    ledger = world.ledger[entry, j]
    if ledger.cannot_run or ledger.share > 0:
        return
    heap = world.leftovers
    hole = world.cursor[0].heap
    world.cursor[0].heap += 1
    # The place behind the heap's end holds the new one.
    item = heap[world.cursor[0].heap]
    item.deficit = ledger.deficit
    item.order = order_of(entry, world)
    item.entry = entry
    while hole > 0 and _is_ahead(item, heap[(hole - 1) // 2]):
        heap[hole] = heap[(hole - 1) // 2]
        hole = (hole - 1) // 2
    heap[hole] = item


@compiled
def _pop(world: World) -> int:
    """Take the first entry out of the heap."""
    heap = world.leftovers
    entry = heap[0].entry
    world.cursor[0].heap -= 1
    size = world.cursor[0].heap
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
    scratch = world.scratch
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
            and can_run_together(one.key, two.key, j, world)
            and find_pair(first, second, world) < 0
        ):
            cursor.found = True
            cursor.first = first
            cursor.second = second
            cursor.deficit = world.rules[0].half_round if cursor.group == 0 else 0.0
            cursor.order = pair_order(first, second, world)
