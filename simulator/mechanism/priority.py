"""Who goes first on a worker type, compiled: the priority queue, whose arrays are written only here.

By definition the order is that of share / (time received / the type's total), computed in floating
point, then deficit, share and insertion. The total grows from round to round, so everybody's priority
changes. **The queue** is ordered by share / (time received / half a round), the *key*, which stays as it
is while an entry waits. The two orders can disagree only where they are equal but for rounding. Entries
of equal share *and* equal time (*proportional* whatever the total is) always have equal priority. So if
no two neighbours in the queue are near to each other without that, its order is the one that the
definition gives, to the last bit. If there are such neighbours (``near_ties``), entries that are near to
each other are sorted by the definition, with this round's total, when the selection comes to them.

**Only the front is kept in order**, as far as the selection may come before the next allocation. The
rest *waits* in no order, below a *cut*: a key and a deficit that all of the front reach and nobody who
waits does. Who has run goes to the front or to the rest by its new key. When the selection comes to the
cut, the cut is lowered and those above it are sorted. Who waits may be near to the cut only if its share
and time are those of the entry that the cut was taken from, so this one and its equals may be selected,
and others near the cut only after it has been lowered.

The verbs: :func:`build_queue` after an allocation, :func:`requeue_runs` for who has run and
:func:`merge_returning` before a type is filled; then, place by place, :func:`open_front`,
:func:`settle`, :func:`is_above_cut`, :func:`take`, :func:`lower_cut` or :func:`take_all_waiting`, and :func:`close_front`.

What an entry is queued by (QUEUED) does not change while it is queued, so comparing two needs nothing else.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gavel_opt.kernels.jit import compiled
from simulator.mechanism.pair_table import order_of
from simulator.mechanism.records import LEFT, SHORT, Spare, World

_RUN = 6
"""A run that is in order as it comes is left alone from this length on."""
_MANY = 256
"""From so many on, keys are dealt into buckets before they are sorted."""
_NEAR = 1.0 - 2.0**-47
"""Keys whose ratio is above this are near. Key and priority take two divisions each, so four roundings of
2**-53 are between their ratios; a key of one that stands behind may be larger by twice as many."""
_CHECK = 16
"""Every so many rounds it is looked at whether a front with near ties still has some."""
_TINY = 1e-280
"""Below this, rounding is not relative any more."""
_SAMPLE = 48
"""Entries that a new cut is estimated from."""
_ROUNDS = 3
"""A front is made long enough for about so many rounds of all workers."""


# after an allocation -------------------------------------------------------------------------


@compiled
def build_queue(world: World) -> None:
    """Let every entry with a share wait, in no order."""
    count = world.counts[0]
    half_round = world.rules[0].half_round
    gap = len(world.candidates) - count.slots
    for row in range(count.slots + count.pairs):
        slot = row if row < count.slots else row + gap
        entry = world.entries[slot]
        here = entry.allocated and (
            row >= count.slots or world.candidates[slot].selected_round != LEFT
        )
        for j in range(len(world.types)):
            ledger = world.ledger[slot, j]
            key = -1.0
            if (
                here
                and ledger.share > 0
                and not ledger.cannot_run
                and entry.scale <= world.types[j].workers
            ):
                key = ledger.share
                if ledger.received != half_round:
                    key = ledger.share / (ledger.received / half_round)
            world.queue.waiting[j, slot] = key
    for j in range(len(world.types)):
        front = world.queue.fronts[j]
        front.head = 0
        front.end = 0
        front.half_round = half_round
        front.near_ties = False
        front.returning = 0
        front.cut_key = math.inf
        front.cut_deficit = math.inf
        front.jobs = count.slots
        front.pairs = count.pairs


@compiled
def _queue(item: Any, key: float, slot: int, ledger: Any, entries: np.ndarray) -> None:
    """Write down what an entry is queued by."""
    entry = entries[slot]
    item.key = key
    item.deficit = ledger.deficit
    item.share = ledger.share
    item.received = ledger.received
    item.order = order_of(entry, entries)
    item.entry = slot
    item.scale = entry.scale


# who has run ---------------------------------------------------------------------------------


@compiled
def requeue_runs(world: World) -> None:
    """Let what ran come back, unless a job of it has left.

    An entry goes to the front if its new key reaches it, and is merged in later; else it waits.
    """
    for j in range(len(world.types)):
        first = world.types[j].first_run
        front = world.queue.fronts[j]
        for k in range(first, world.types[j].stop_run):
            run = world.runs[k]
            ledger = world.ledger[run.entry, j]
            if not ledger.share > 0:
                continue
            key = -1.0
            if run.stay == 1 + int(run.pair):
                key = ledger.share / (ledger.received / front.half_round)
                if not _belongs_to_rest(key, ledger, front):
                    item = world.queue.returning[first + front.returning]
                    _queue(item, key, run.entry, ledger, world.entries)
                    front.returning += 1
                    key = -1.0
            world.queue.waiting[j, run.entry] = key


@compiled
def _belongs_to_rest(key: float, ledger: Any, front: Any) -> bool:
    return bool(
        key <= front.cut_key * _NEAR * _NEAR
        or (
            key == front.cut_key
            and ledger.deficit < front.cut_deficit
            and _is_of_cut(front, ledger)
        )
    )


@compiled
def merge_returning(
    first: int, front: Any, line: np.ndarray, returning: np.ndarray, spare: Spare
) -> None:
    """Merge those that ran on a worker type, and belong to its front, into it."""
    more = front.returning
    if more == 0:
        return
    _make_room(more, front, line)
    for k in range(more):
        line[front.end + k] = returning[first + k]
    front.returning = 0
    _join(front.head, more, front, line, spare)


# the selection -------------------------------------------------------------------------------


@compiled
def open_front(rounds: int, more: int, front: Any, line: np.ndarray) -> int:
    """Get a front ready for the selection, with room for more; the place of the first entry."""
    _make_room(more, front, line)
    if front.near_ties and rounds % _CHECK == 0:
        front.near_ties = _has_near_ties(front.head, front.end, line)
    front.settled = front.head
    return int(front.head)


@compiled
def settle(place: int, total: float, front: Any, line: np.ndarray, spare: Spare) -> None:
    """See to it that the entry at a place of the front is the next by this round's priorities.

    ``total`` is the time received on the type by all.
    """
    if not front.near_ties or place < front.settled:
        return
    smallest = line[place].key
    stop = place + 1
    proportional = True
    while stop < front.end and _is_near(smallest, line[stop].key):
        smallest = min(smallest, line[stop].key)
        proportional = proportional and _is_proportional(line[place], line[stop])
        stop += 1
    if not proportional:
        _key_by(total, place, stop, line)
        _sort(place, stop, line, spare)
        _key_by(front.half_round, place, stop, line)
    front.settled = stop


@compiled
def is_above_cut(item: Any, front: Any) -> bool:
    """Whether an entry of the front goes before all that wait."""
    return bool(item.key * _NEAR > front.cut_key or _is_of_cut(front, item))


@compiled
def take(item: Any) -> None:
    """Take an entry out of the front; the gap stays until the front is closed."""
    item.entry = -1


@compiled
def close_front(last: int, front: Any, line: np.ndarray) -> None:
    """Close the gaps of those that were taken, the last of them at ``last``."""
    to = last
    for place in range(last, front.head - 1, -1):
        if line[place].entry >= 0:
            if to != place:
                line[to] = line[place]
            to -= 1
    front.head = to + 1


@compiled
def lower_cut(j: int, place: int, world: World) -> None:
    """Lengthen the front by the first of those that wait; it is in use up to ``place``."""
    front = world.queue.fronts[j]
    waiting = world.queue.waiting[j]
    line = world.queue.front[j]
    pivot = _pivot(j, world)
    front.cut_key = -1.0
    front.cut_deficit = 0.0
    if pivot >= 0:
        ledger = world.ledger[pivot, j]
        front.cut_key = waiting[pivot]
        front.cut_deficit = ledger.deficit
        front.cut_share = ledger.share
        front.cut_received = ledger.received
    front.settled = place
    # Those above the cut go behind the end of the front.
    key = front.cut_key
    near = max(0.0, key * _NEAR * _NEAR)
    end = front.end
    gap = len(world.candidates) - front.jobs
    for row in range(front.jobs + front.pairs):
        entry = row if row < front.jobs else row + gap
        if waiting[entry] < near:
            continue
        ledger = world.ledger[entry, j]
        if (
            waiting[entry] == key
            and ledger.deficit < front.cut_deficit
            and _is_of_cut(front, ledger)
        ):
            continue
        _queue(line[end], waiting[entry], entry, ledger, world.entries)
        waiting[entry] = -1.0
        end += 1
    _join(place, end - front.end, front, line, world.spare)


@compiled
def _pivot(j: int, world: World) -> int:
    """Entry to cut at, so that about as many as are wanted are above it; -1 to cut nothing off.

    It is the one of that rank in a sample; who cannot be selected does not count.
    """
    front = world.queue.fronts[j]
    candidates = world.candidates
    gap = len(candidates) - front.jobs
    size = front.jobs + front.pairs
    wanted = _ROUNDS * world.types[j].workers
    if size <= 2 * wanted + _SAMPLE:
        return -1
    sample = world.spare.items
    drawn = 0
    step = size // _SAMPLE
    for row in range(step // 2, size, step):
        entry = row if row < front.jobs else row + gap
        key = world.queue.waiting[j, entry]
        if key < 0 or (
            row < front.jobs and candidates[row].selected_round >= world.counts[0].rounds
        ):
            continue
        _insert_sample(drawn, key, world.ledger[entry, j].deficit, entry, sample)
        drawn += 1
    rank = wanted // step
    if rank < drawn // 2 and sample[rank].key > _TINY:
        return int(sample[rank].entry)
    return -1


@compiled
def _insert_sample(size: int, key: float, deficit: float, entry: int, sample: np.ndarray) -> None:
    """Put one more into a sample that is in order."""
    hole = size
    while hole > 0 and (
        sample[hole - 1].key < key
        or (sample[hole - 1].key == key and sample[hole - 1].deficit < deficit)
    ):
        sample[hole] = sample[hole - 1]
        hole -= 1
    item = sample[hole]
    item.key = key
    item.deficit = deficit
    item.entry = entry


@compiled
def is_pair_waiting(
    this: int, front: Any, waiting: np.ndarray, candidates: np.ndarray, entries: np.ndarray
) -> bool:
    """Whether a pair waits whose jobs are free in this round."""
    base = len(candidates)
    for entry in range(base, base + front.pairs):
        pair = entries[entry]
        if (
            waiting[entry] >= 0
            and candidates[pair.first].selected_round < this
            and candidates[pair.second].selected_round < this
        ):
            return True
    return False


@compiled
def take_all_waiting(
    this: int,
    worker_type: Any,
    front: Any,
    waiting: np.ndarray,
    picks: np.ndarray,
    candidates: np.ndarray,
) -> bool:
    """Select all jobs that wait, in no order, if there is room for all; whether there is."""
    filled = worker_type.selected
    end = filled
    left = worker_type.left
    for slot in range(front.jobs):
        # Without a branch, which nobody could predict.
        job = candidates[slot]
        comes = int(waiting[slot] >= 0 and job.selected_round < this)
        picks[end].entry = slot
        picks[end].scale = job.scale
        end += comes
        left -= comes * job.scale
        if left < 0:
            return False
    for k in range(filled, end):
        candidates[picks[k].entry].selected_round = this
    worker_type.selected = end
    worker_type.left = left
    return True


# near ties -----------------------------------------------------------------------------------


@compiled
def _is_near(key: float, behind: float) -> bool:
    """Whether rounding may turn round the priorities of an entry and of one that stands behind."""
    return bool(behind >= key * _NEAR or key < _TINY)


@compiled
def _is_of_cut(front: Any, one: Any) -> bool:
    """Whether an entry has the share and time received of the entry that the cut was taken from."""
    return bool(one.share == front.cut_share and one.received == front.cut_received)


@compiled
def _is_proportional(one: Any, two: Any) -> bool:
    """Whether two entries have the same share and time received, so the same priority always."""
    return bool(one.share == two.share and one.received == two.received)


@compiled
def _has_near_ties(low: int, high: int, line: np.ndarray) -> bool:
    """Whether neighbours in a front are near to each other without being proportional."""
    for place in range(low + 1, high):
        one = line[place - 1]
        two = line[place]
        if _is_near(one.key, two.key) and not _is_proportional(one, two):
            return True
    return False


@compiled
def _key_by(total: float, low: int, high: int, line: np.ndarray) -> None:
    """Set the keys of some entries to their priorities at a total of the type's time."""
    for place in range(low, high):
        line[place].key = line[place].share / (line[place].received / total)


@compiled
def sort_picks(low: int, high: int, worker_type: Any, picks: np.ndarray, world: World) -> None:
    """Sort picks by what this round's priorities are."""
    line = world.queue.returning
    for k in range(low, high):
        ledger = world.ledger[picks[k].entry, worker_type.number]
        _queue(line[k], 0.0, picks[k].entry, ledger, world.entries)
    _key_by(worker_type.received, low, high, line)
    _sort(low, high, line, world.spare)
    for k in range(low, high):
        picks[k].entry = line[k].entry


# order ---------------------------------------------------------------------------------------


@compiled
def _is_before(one: Any, two: Any) -> bool:
    """Whether one queued entry goes before another: by key, deficit, share, then insertion."""
    if one.key != two.key:
        return bool(one.key > two.key)
    if one.deficit != two.deficit:
        return bool(one.deficit > two.deficit)
    if one.share != two.share:
        return bool(one.share > two.share)
    return bool(one.order < two.order)


@compiled
def _make_room(more: int, front: Any, line: np.ndarray) -> None:
    """Move the front to the beginning of its array if so many more do not fit behind it."""
    if front.end + more > len(line):
        for place in range(front.head, front.end):
            line[place - front.head] = line[place]
        front.end -= front.head
        front.head = 0


@compiled
def _join(low: int, more: int, front: Any, line: np.ndarray, spare: Spare) -> None:
    """Sort those that stand behind the end of the front, and merge them in from ``low`` on."""
    end = front.end
    if more >= _MANY:
        _deal(end, end + more, line, spare)
    _sort(end, end + more, line, spare)
    changed = _merge(low, end, end + more, line, spare.items)
    front.end = end + more
    # Neighbours that were neighbours before are known to be no near ties.
    if not front.near_ties:
        front.near_ties = _has_near_ties(max(low, changed - 1), end + more, line)


@compiled
def _sort(low: int, high: int, line: np.ndarray, spare: Spare) -> None:
    """Sort queued entries: merges of stretches that are in order as they come."""
    scratch = spare.scratch
    stretches = 0
    place = low
    while place < high:
        stop = place + 1
        while stop < high and _is_before(line[stop - 1], line[stop]):
            stop += 1
        if stop < high and stop - place < _RUN:
            stop = min(place + SHORT, high)
            _sort_few(place, stop, line, spare)
        scratch[stretches].number = place
        stretches += 1
        scratch[stretches].number = stop
        place = stop
        # Lengths at least halve from one stretch to the next, so merges are balanced.
        while stretches > 1:
            first = scratch[stretches - 2].number
            second = scratch[stretches - 1].number
            if place < high and second - first >= 2 * (stop - second):
                break
            _merge(first, second, stop, line, spare.items)
            stretches -= 1
            scratch[stretches].number = stop


@compiled
def _sort_few(low: int, high: int, line: np.ndarray, spare: Spare) -> None:
    """Sort a few: count for each how many go before it, without a branch; then look at ties.

    Keys and deficits stand in rows of their own for this, so that a processor compares several at once.
    """
    size = high - low
    aside = spare.items
    scratch = spare.scratch
    keys = spare.keys
    deficits = spare.deficits
    for k in range(size):
        aside[k] = line[low + k]
        keys[k] = line[low + k].key
        deficits[k] = line[low + k].deficit
        scratch[k].count = 0
    ties = 0
    for k in range(size):
        key = keys[k]
        deficit = deficits[k]
        rank = 0
        for i in range(size):
            rank += (keys[i] > key) | ((keys[i] == key) & (deficits[i] > deficit))
        same = scratch[rank].count
        scratch[rank].count = same + 1
        ties += same
        line[low + rank + same] = aside[k]
    if ties > 0:
        _insert(low, high, line, aside[0])


@compiled
def _insert(low: int, high: int, line: np.ndarray, held: Any) -> None:
    """Sort entries that are nearly in order."""
    for place in range(low + 1, high):
        hole = place
        while hole > low and _is_before(line[hole], line[hole - 1]):
            _copy(held, line[hole])
            line[hole] = line[hole - 1]
            line[hole - 1] = held
            hole -= 1


@compiled
def _copy(to: Any, item: Any) -> None:
    to.key = item.key
    to.deficit = item.deficit
    to.share = item.share
    to.received = item.received
    to.order = item.order
    to.entry = item.entry
    to.scale = item.scale


@compiled
def _merge(low: int, middle: int, high: int, line: np.ndarray, aside: np.ndarray) -> int:
    """Merge two sorted stretches that touch; returns the first place whose neighbour is another."""
    if low == middle or middle == high:
        return middle
    # Both ends that are in order already stay as they are: look for them from the middle.
    step = 1
    while middle - step > low and line[middle - step].key <= line[middle].key:
        step *= 2
    low = max(low, middle - step)
    step = 1
    while middle + step < high and line[middle + step].key >= line[middle - 1].key:
        step *= 2
    high = min(high, middle + step)
    if line[middle - 1].key > line[middle].key:
        return middle
    if high - middle <= middle - low:
        return _merge_down(low, middle, high, line, aside)
    _merge_up(low, middle, high, line, aside)
    return low


@compiled
def _merge_down(low: int, middle: int, high: int, line: np.ndarray, aside: np.ndarray) -> int:
    """Merge from the end, the second stretch put aside."""
    for k in range(high - middle):
        aside[k] = line[middle + k]
    one = middle - 1
    two = high - middle - 1
    place = high - 1
    while two >= 0:
        if one >= low and _is_before(aside[two], line[one]):
            line[place] = line[one]
            one -= 1
        else:
            line[place] = aside[two]
            two -= 1
        place -= 1
    return place + 1


@compiled
def _merge_up(low: int, middle: int, high: int, line: np.ndarray, aside: np.ndarray) -> None:
    """Merge from the beginning, the first stretch put aside."""
    size = middle - low
    for k in range(size):
        aside[k] = line[low + k]
    one = 0
    two = middle
    place = low
    while one < size:
        if two < high and _is_before(line[two], aside[one]):
            line[place] = line[two]
            two += 1
        else:
            line[place] = aside[one]
            one += 1
        place += 1


@compiled
def _deal(low: int, high: int, line: np.ndarray, spare: Spare) -> None:
    """Bring many into order roughly: into buckets by key, eight to a bucket if keys are even."""
    aside = spare.items
    buckets = spare.scratch
    largest = line[low].key
    smallest = line[low].key
    for k in range(low, high):
        largest = max(largest, line[k].key)
        smallest = min(smallest, line[k].key)
    many = (high - low) // 8
    if not largest > smallest:
        return
    factor = (many - 1) / (largest - smallest)
    if not math.isfinite(factor):
        return
    for bucket in range(many + 1):
        buckets[bucket].number = 0
    for k in range(low, high):
        buckets[int((largest - line[k].key) * factor) + 1].number += 1
    for bucket in range(many):
        buckets[bucket + 1].number += buckets[bucket].number
    for k in range(low, high):
        bucket = int((largest - line[k].key) * factor)
        aside[buckets[bucket].number] = line[k]
        buckets[bucket].number += 1
    for k in range(high - low):
        line[low + k] = aside[k]
