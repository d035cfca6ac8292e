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
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gavel_opt.kernels.jit import compiled
from simulator.mechanism.pair_table import order_of
from simulator.mechanism.records import LEFT, World

_SHORT = 40
"""So many are sorted at once before they are merged."""
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
    base = len(world.candidates)
    half_round = world.rules[0].half_round
    rows = count.slots + count.pairs
    for row in range(rows):
        slot = row if row < count.slots else row - count.slots + base
        entry = world.entries[slot]
        here = entry.allocated and (
            row >= count.slots or world.candidates[slot].selected_round != LEFT
        )
        for j in range(len(world.types)):
            key = -1.0
            if here:
                ledger = world.ledger[slot, j]
                fits = entry.scale <= world.types[j].workers
                if ledger.share > 0 and not ledger.cannot_run and fits:
                    key = _key_to_wait(ledger, half_round)
            world.queue.waiting[j, slot] = key
    for j in range(len(world.types)):
        front = world.queue.fronts[j]
        front.head = 0
        front.end = 0
        front.near_ties = False
        front.returning = 0
        front.cut_key = math.inf
        front.cut_deficit = math.inf
        front.jobs = count.slots
        front.pairs = count.pairs


@compiled
def _key_to_wait(ledger: Any, half_round: float) -> float:
    if ledger.received == half_round:
        return float(ledger.share)
    return float(ledger.share / (ledger.received / half_round))


# who has run ---------------------------------------------------------------------------------


@compiled
def requeue_runs(j: int, world: World) -> None:
    """Let what ran on a worker type come back, unless a job of it has left.

    An entry goes to the front if its new key reaches it, and is merged in later; else it waits.
    """
    worker_type = world.types[j]
    front = world.queue.fronts[j]
    waiting = world.queue.waiting[j]
    returning = world.queue.returning
    half_round = world.rules[0].half_round
    for k in range(worker_type.first_run, worker_type.stop_run):
        run = world.runs[k]
        ledger = world.ledger[run.entry, j]
        if not ledger.share > 0:
            continue
        if run.stay < 1 + int(run.pair):
            waiting[run.entry] = -1.0
            continue
        key = ledger.share / (ledger.received / half_round)
        if key <= front.cut_key * _NEAR * _NEAR or (
            key == front.cut_key
            and ledger.deficit < front.cut_deficit
            and _is_of_cut(front, ledger)
        ):
            waiting[run.entry] = key
            continue
        waiting[run.entry] = -1.0
        item = returning[worker_type.first_run + front.returning]
        item.key = key
        item.deficit = ledger.deficit
        item.entry = run.entry
        item.scale = world.entries[run.entry].scale
        front.returning += 1


@compiled
def merge_returning(j: int, world: World) -> None:
    """Merge those that ran on a worker type, and belong to its front, into it."""
    front = world.queue.fronts[j]
    if front.returning == 0:
        return
    _make_room(j, front.returning, world)
    line = world.queue.front[j]
    first = world.types[j].first_run
    for k in range(front.returning):
        line[front.end + k] = world.queue.returning[first + k]
    more = front.returning
    front.returning = 0
    _join(j, front.head, more, world)


# the selection -------------------------------------------------------------------------------


@compiled
def open_front(j: int, world: World) -> int:
    """Get a front ready for the selection; returns the place of the first entry."""
    _make_room(j, world.queue.waiting.shape[1], world)
    front = world.queue.fronts[j]
    if front.near_ties and world.counts[0].rounds % _CHECK == 0:
        front.near_ties = _has_near_ties(j, front.head, front.end, world)
    front.settled = front.head
    return int(front.head)


@compiled
def settle(j: int, place: int, world: World) -> None:
    """See to it that the entry at a place of the front is the next by this round's priorities."""
    front = world.queue.fronts[j]
    if front.near_ties and place >= front.settled:
        front.settled = _settle_near(j, place, world)


@compiled
def is_above_cut(item: Any, front: Any, ledger: Any) -> bool:
    """Whether an entry of the front goes before all that wait."""
    return bool(item.key * _NEAR > front.cut_key or _is_of_cut(front, ledger))


@compiled
def take(item: Any) -> None:
    """Take an entry out of the front; the gap stays until the front is closed."""
    item.entry = -1


@compiled
def close_front(j: int, last: int, world: World) -> None:
    """Close the gaps of those that were taken, the last of them at ``last``."""
    front = world.queue.fronts[j]
    line = world.queue.front[j]
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
    pivot = _pivot(j, world)
    front = world.queue.fronts[j]
    waiting = world.queue.waiting[j]
    front.cut_key = -1.0
    front.cut_deficit = 0.0
    if pivot >= 0:
        ledger = world.ledger[pivot, j]
        front.cut_key = waiting[pivot]
        front.cut_deficit = ledger.deficit
        front.cut_share = ledger.share
        front.cut_received = ledger.received
    front.settled = place
    _join(j, place, _raise(j, world), world)


@compiled
def _raise(j: int, world: World) -> int:
    """Put the waiting entries that are above the cut behind the end of the front; how many."""
    front = world.queue.fronts[j]
    waiting = world.queue.waiting[j]
    key = front.cut_key
    near = max(0.0, key * _NEAR * _NEAR)
    line = world.queue.front[j]
    end = front.end
    gap = len(world.candidates) - front.jobs
    for row in range(front.jobs + front.pairs):
        entry = row if row < front.jobs else row + gap
        if waiting[entry] < near:
            continue
        ledger = world.ledger[entry, j]
        deficit = ledger.deficit
        if waiting[entry] == key and deficit < front.cut_deficit and _is_of_cut(front, ledger):
            continue
        item = line[end]
        item.key = waiting[entry]
        item.deficit = deficit
        item.entry = entry
        item.scale = world.entries[entry].scale
        waiting[entry] = -1.0
        end += 1
    return int(end - front.end)


@compiled
def _pivot(j: int, world: World) -> int:
    """Entry to cut at, so that about as many as are wanted are above it; -1 to cut nothing off.

    It is the one of that rank in a sample; who cannot be selected does not count.
    """
    front = world.queue.fronts[j]
    waiting = world.queue.waiting[j]
    candidates = world.candidates
    gap = len(candidates) - front.jobs
    size = front.jobs + front.pairs
    wanted = _ROUNDS * world.types[j].workers
    if size <= 2 * wanted + _SAMPLE:
        return -1
    sample = world.queue.aside
    drawn = 0
    step = size // _SAMPLE
    for row in range(step // 2, size, step):
        entry = row if row < front.jobs else row + gap
        if waiting[entry] < 0 or (
            row < front.jobs and candidates[row].selected_round >= world.counts[0].rounds
        ):
            continue
        key = waiting[entry]
        deficit = world.ledger[entry, j].deficit
        hole = drawn
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
        drawn += 1
    rank = wanted // step
    if rank < drawn // 2 and sample[rank].key > _TINY:
        return int(sample[rank].entry)
    return -1


@compiled
def take_all_waiting(j: int, left: int, world: World) -> int:
    """Select all that wait, in no order, if there is room for all.

    Returns how many workers are left then; -1, and nothing is selected, if not all have room.
    """
    this = world.counts[0].rounds
    front = world.queue.fronts[j]
    waiting = world.queue.waiting[j]
    candidates = world.candidates
    base = len(candidates)
    # Entries that share a job are in each other's way.
    for entry in range(base, base + front.pairs):
        pair = world.entries[entry]
        if (
            waiting[entry] >= 0
            and candidates[pair.first].selected_round < this
            and candidates[pair.second].selected_round < this
        ):
            return -1
    picks = world.picks[j]
    filled = world.types[j].selected
    end = filled
    for slot in range(front.jobs):
        # Without a branch, which nobody could predict.
        job = candidates[slot]
        comes = int(waiting[slot] >= 0 and job.selected_round < this)
        picks[end].entry = slot
        picks[end].scale = job.scale
        end += comes
        left -= comes * job.scale
        if left < 0:
            return -1
    for k in range(filled, end):
        candidates[picks[k].entry].selected_round = this
    world.types[j].selected = end
    return left


# near ties -----------------------------------------------------------------------------------


@compiled
def _is_near(key: float, behind: float) -> bool:
    """Whether rounding may turn round the priorities of an entry and of one that stands behind."""
    return bool(behind >= key * _NEAR or key < _TINY)


@compiled
def _is_of_cut(front: Any, ledger: Any) -> bool:
    """Whether an entry has the share and time received of the entry that the cut was taken from."""
    return bool(ledger.share == front.cut_share and ledger.received == front.cut_received)


@compiled
def _proportional(one: Any, two: Any) -> bool:
    """Whether two accounts have the same share and time received, so the same priority always."""
    return bool(one.share == two.share and one.received == two.received)


@compiled
def _has_near_ties(j: int, low: int, high: int, world: World) -> bool:
    """Whether neighbours in a front are near to each other without being proportional."""
    line = world.queue.front[j]
    for place in range(low + 1, high):
        one = line[place - 1]
        two = line[place]
        if _is_near(one.key, two.key) and not _proportional(
            world.ledger[one.entry, j], world.ledger[two.entry, j]
        ):
            return True
    return False


@compiled
def _settle_near(j: int, place: int, world: World) -> int:
    """Sort the entries that are near to the one at ``place`` by this round's priority.

    Returns where they end.
    """
    front = world.queue.fronts[j]
    line = world.queue.front[j]
    smallest = line[place].key
    stop = place + 1
    proportional = True
    while stop < front.end and _is_near(smallest, line[stop].key):
        smallest = min(smallest, line[stop].key)
        proportional = proportional and _proportional(
            world.ledger[line[place].entry, j], world.ledger[line[stop].entry, j]
        )
        stop += 1
    if not proportional:
        _key_by(j, place, stop, world.types[j].received, line, world)
        _sort(j, place, stop, line, world)
        _key_by(j, place, stop, world.rules[0].half_round, line, world)
    return int(stop)


@compiled
def _key_by(j: int, low: int, high: int, total: float, line: np.ndarray, world: World) -> None:
    """Set the keys of some entries to their priorities at a total of the type's time."""
    for place in range(low, high):
        ledger = world.ledger[line[place].entry, j]
        line[place].key = ledger.share / (ledger.received / total)


@compiled
def sort_picks(j: int, low: int, high: int, picks: np.ndarray, world: World) -> None:
    """Sort picks by what this round's priorities are."""
    line = world.queue.returning
    for k in range(low, high):
        line[k].entry = picks[k].entry
        line[k].scale = picks[k].scale
        line[k].deficit = world.ledger[picks[k].entry, j].deficit
    _key_by(j, low, high, world.types[j].received, line, world)
    _sort(j, low, high, line, world)
    for k in range(low, high):
        picks[k].entry = line[k].entry


# order ---------------------------------------------------------------------------------------


@compiled
def _is_before(one: Any, two: Any) -> bool:
    """Whether one queued entry goes before another by key and deficit."""
    return bool(one.key > two.key or (one.key == two.key and one.deficit > two.deficit))


@compiled
def _is_tied(one: Any, two: Any) -> bool:
    return bool(one.key == two.key and one.deficit == two.deficit)


@compiled
def _breaks_tie(j: int, one: int, two: int, world: World) -> bool:
    """Whether one entry goes before another of the same key and deficit: by share, insertion."""
    share = world.ledger[one, j].share
    other = world.ledger[two, j].share
    if share != other:
        return bool(share > other)
    base = len(world.candidates)
    if one < base and two < base:
        return bool(one < two)
    return order_of(one, world) < order_of(two, world)


@compiled
def _make_room(j: int, more: int, world: World) -> None:
    """Move the front to the beginning of its array if so many more do not fit behind it."""
    front = world.queue.fronts[j]
    line = world.queue.front[j]
    if front.end + more > len(line):
        for place in range(front.head, front.end):
            line[place - front.head] = line[place]
        front.end -= front.head
        front.head = 0


@compiled
def _join(j: int, low: int, more: int, world: World) -> None:
    """Sort those that stand behind the end of the front, and merge them in from ``low`` on."""
    front = world.queue.fronts[j]
    line = world.queue.front[j]
    end = front.end
    if more >= _MANY:
        _deal(end, end + more, line, world)
    _sort(j, end, end + more, line, world)
    changed = _merge(j, low, end, end + more, line, world)
    front.end = end + more
    # Neighbours that were neighbours before are known to be no near ties.
    if not front.near_ties:
        front.near_ties = _has_near_ties(j, max(low, changed - 1), end + more, world)


@compiled
def _sort(j: int, low: int, high: int, line: np.ndarray, world: World) -> None:
    """Sort queued entries: merges of stretches that are in order as they come."""
    starts = world.scratch
    stretches = 0
    place = low
    while place < high:
        stop = place + 1
        while stop < high and (
            _is_before(line[stop - 1], line[stop])
            or (
                _is_tied(line[stop - 1], line[stop])
                and _breaks_tie(j, line[stop - 1].entry, line[stop].entry, world)
            )
        ):
            stop += 1
        if stop < high and stop - place < _RUN:
            stop = min(place + _SHORT, high)
            _sort_few(j, place, stop, line, world)
        starts[stretches].number = place
        stretches += 1
        starts[stretches].number = stop
        place = stop
        # Lengths at least halve from one stretch to the next, so merges are balanced.
        while stretches > 1:
            first = starts[stretches - 2].number
            second = starts[stretches - 1].number
            if place < high and second - first >= 2 * (stop - second):
                break
            _merge(j, first, second, stop, line, world)
            stretches -= 1
            starts[stretches].number = stop


@compiled
def _sort_few(j: int, low: int, high: int, line: np.ndarray, world: World) -> None:
    """Sort a few: count for each how many go before it, without a branch; then look at ties."""
    size = high - low
    aside = world.queue.aside
    scratch = world.scratch
    for k in range(size):
        aside[k] = line[low + k]
        scratch[k].count = 0
    ties = 0
    for k in range(size):
        key = aside[k].key
        deficit = aside[k].deficit
        rank = 0
        for i in range(size):
            other = aside[i]
            rank += (other.key > key) | ((other.key == key) & (other.deficit > deficit))
        same = scratch[rank].count
        scratch[rank].count = same + 1
        ties += same
        line[low + rank + same] = aside[k]
    if ties > 0:
        _insert(j, low, high, line, world)


@compiled
def _insert(j: int, low: int, high: int, line: np.ndarray, world: World) -> None:
    """Sort entries that are nearly in order."""
    spare = world.queue.aside[0]
    for place in range(low + 1, high):
        hole = place
        while hole > low and (
            _is_before(line[hole], line[hole - 1])
            or (
                _is_tied(line[hole], line[hole - 1])
                and _breaks_tie(j, line[hole].entry, line[hole - 1].entry, world)
            )
        ):
            world.queue.aside[0] = line[hole]
            line[hole] = line[hole - 1]
            line[hole - 1] = spare
            hole -= 1


@compiled
def _merge(j: int, low: int, middle: int, high: int, line: np.ndarray, world: World) -> int:
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
        return _merge_down(j, low, middle, high, line, world)
    _merge_up(j, low, middle, high, line, world)
    return low


@compiled
def _merge_down(j: int, low: int, middle: int, high: int, line: np.ndarray, world: World) -> int:
    """Merge from the end, the second stretch put aside."""
    aside = world.queue.aside
    for k in range(high - middle):
        aside[k] = line[middle + k]
    one = middle - 1
    two = high - middle - 1
    place = high - 1
    while two >= 0:
        if one >= low and (
            _is_before(aside[two], line[one])
            or (
                _is_tied(aside[two], line[one])
                and _breaks_tie(j, aside[two].entry, line[one].entry, world)
            )
        ):
            line[place] = line[one]
            one -= 1
        else:
            line[place] = aside[two]
            two -= 1
        place -= 1
    return place + 1


@compiled
def _merge_up(j: int, low: int, middle: int, high: int, line: np.ndarray, world: World) -> None:
    """Merge from the beginning, the first stretch put aside."""
    aside = world.queue.aside
    size = middle - low
    for k in range(size):
        aside[k] = line[low + k]
    one = 0
    two = middle
    place = low
    while one < size:
        if two < high and (
            _is_before(line[two], aside[one])
            or (
                _is_tied(line[two], aside[one])
                and _breaks_tie(j, line[two].entry, aside[one].entry, world)
            )
        ):
            line[place] = line[two]
            two += 1
        else:
            line[place] = aside[one]
            one += 1
        place += 1


@compiled
def _deal(low: int, high: int, line: np.ndarray, world: World) -> None:
    """Bring many into order roughly: into buckets by key, eight to a bucket if keys are even."""
    aside = world.queue.aside
    buckets = world.scratch
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
