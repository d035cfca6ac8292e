"""Ideal mode, compiled: everybody runs at exactly its shares from one event to the next.

What :mod:`simulator.mechanism.loop` is to rounds, on the same records; :mod:`simulator.mechanism.ideal` says
what it means.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.kernels.arguments import Call
from gavel_opt.kernels.jit import compiled
from simulator.mechanism.accounting import admit_jobs, close_gaps, move_entry
from simulator.mechanism.loop import decided, may_decide, prepare_allocation
from simulator.mechanism.records import (
    ALLOCATE,
    DONE,
    ENOUGH,
    LEFT,
    MORE_JOBS,
    MORE_ROUNDS,
    STUCK,
    World,
)

_PATIENCE = 100
"""Events in a row without progress before the run counts as stuck."""
_BLINK = 1e-9
"""Seconds below which nobody has anything left, where the clock can tell as little."""
_TELLS = 2.0**23, 2.0**-30
"""From so many seconds on the clock goes by more than that; what it goes by doubles with them, at most."""


@compiled
def run_events(last: int, world: World, decide: Call) -> int:
    """Run up to the event of this number; returns why it stopped (:mod:`simulator.mechanism.records`).

    ``decide`` is as for :func:`simulator.mechanism.loop.run_rounds`. Rows of ``type_use`` get the workers that are
    busy, not yet their share of all, and rounds no utilization.
    """
    count = world.counts[0]
    clock = world.clock[0]
    while True:
        if not count.awaiting:
            if count.window_left == 0:
                return DONE
            if count.rounds >= last or clock.now >= world.rules[0].until:
                return ENOUGH
            if count.recorded >= len(world.rounds):
                return MORE_ROUNDS
            _find_rates(world)
            now = _next_event(world)
            if not count.all_known and world.arrivals[count.known - 1].arrival <= now:
                return MORE_JOBS
            if count.idle_rounds > _PATIENCE:
                return STUCK
            _pass_time(now, world)
            admit_jobs(world)
            waited = clock.now >= clock.last_reset + world.rules[0].between_resets
            if count.stale and (waited or clock.last_reset == 0):
                count.awaiting = True
                prepare_allocation(world)
                if not (may_decide(world) and decided(world, decide)):
                    return ALLOCATE
        count.awaiting = False
        count.rounds += 1
        _record_event(world)


@compiled
def _find_rates(world: World) -> None:
    """Put steps per second of each job under the allocation into the scratch."""
    scratch = world.spare.scratch
    types = len(world.types)
    for slot in range(world.counts[0].active):
        job = world.entries[slot]
        rate = 0.0
        for j in range(types):
            rate += world.ledger[slot, j].share * world.speeds[job.key, j].steps_per_second
        scratch[slot].seconds = rate
    base = len(world.candidates)
    for side in range(2):  # all first jobs of pairs, then all second ones
        for entry in range(base, base + world.counts[0].pairs):
            pair = world.entries[entry]
            first = world.entries[pair.first].key
            second = world.entries[pair.second].key
            rate = 0.0
            for j in range(types):
                rate += world.ledger[entry, j].share * world.pair_speeds[first, second, side, j]
            scratch[pair.second if side else pair.first].seconds += rate


@compiled
def _next_event(world: World) -> float:
    """Time of the next arrival, completion or recomputation, at the rates in the scratch."""
    count = world.counts[0]
    clock = world.clock[0]
    now = clock.now
    event = np.inf
    more = count.admitted < count.known
    if more:
        event = max(now, world.arrivals[count.admitted].arrival)
    soonest = np.inf
    going = False
    for slot in range(count.active):
        rate = world.spare.scratch[slot].seconds
        if rate > 0.0:
            going = True
            soonest = min(soonest, world.entries[slot].steps_left / rate)
    if going:
        event = min(event, now + soonest)
    if count.stale and count.active > 0 and clock.last_reset > 0.0:
        event = min(event, max(now, clock.last_reset + world.rules[0].between_resets))
    if going or more or not count.all_known:
        count.idle_rounds = 0
    else:
        count.idle_rounds += 1
        count.stale = True
    return event if event < np.inf else now


@compiled
def _pass_time(now: float, world: World) -> None:
    """Let everybody run until ``now``, at the rates in the scratch; who has no steps left, leaves."""
    count = world.counts[0]
    elapsed = now - world.clock[0].now
    world.clock[0].now = now
    if count.active == 0:
        return
    scratch = world.spare.scratch
    blink = _blink(now)
    done = 0
    for slot in range(count.active):
        rate = scratch[slot].seconds
        job = world.entries[slot]
        ran = rate * elapsed
        if rate > 0.0 and job.steps_left - ran <= blink * rate:
            world.candidates[slot].selected_round = LEFT
            done += 1
        job.steps_left -= ran
    _weigh_shares(True, world)
    for slot in range(count.active):
        job = world.entries[slot]
        job.cost += scratch[slot].odd_seconds * elapsed / 3600.0 * job.scale
    _weigh_shares(False, world)
    for slot in range(count.active):
        job = world.entries[slot]
        job.busy += scratch[slot].odd_seconds * elapsed * job.scale
    for j in range(len(world.types)):
        worker_type = world.types[j]
        busy = _busy_workers(j, world) / worker_type.workers * elapsed
        for worker in range(worker_type.workers):
            world.workers[worker_type.first_worker + worker].busy += busy
    if done > 0:
        _retire(world)


@compiled
def _blink(now: float) -> float:
    """Seconds in which nobody has anything left.

    What rounding leaves over is no step: less than the clock can tell, which late in a run is more than a nanosecond,
    would be due at this very moment again and again.
    """
    late, tells = _TELLS
    while now >= late:
        late *= 2.0
        tells *= 2.0
    return max(_BLINK, tells)


@compiled
def _weigh_shares(in_dollars: bool, world: World) -> None:
    """Put dollars per hour, or time, that a worker of each job takes into the scratch; two that share it pay half of its time."""
    scratch = world.spare.scratch
    for slot in range(world.counts[0].active):
        scratch[slot].odd_seconds = _weight_of(slot, in_dollars, world)
    base = len(world.candidates)
    for side in range(2):
        for entry in range(base, base + world.counts[0].pairs):
            pair = world.entries[entry]
            weight = _weight_of(entry, in_dollars, world)
            if not in_dollars:
                weight /= 2.0
            scratch[pair.second if side else pair.first].odd_seconds += weight


@compiled
def _weight_of(entry: int, in_dollars: bool, world: World) -> float:
    weight = 0.0
    for j in range(len(world.types)):
        share = world.ledger[entry, j].share
        weight += share * world.types[j].price if in_dollars else share
    return weight


@compiled
def _busy_workers(j: int, world: World) -> float:
    """Workers of a type that the allocation keeps busy."""
    alone = 0.0
    for slot in range(world.counts[0].active):
        alone += world.entries[slot].scale * world.ledger[slot, j].share
    paired = 0.0
    base = len(world.candidates)
    for entry in range(base, base + world.counts[0].pairs):
        paired += world.entries[entry].scale * world.ledger[entry, j].share
    return alone + paired


@compiled
def _retire(world: World) -> None:
    """Note what became of the jobs that have left, and close the gaps."""
    count = world.counts[0]
    for slot in range(count.active):
        if world.candidates[slot].selected_round == LEFT:
            job = world.entries[slot]
            outcome = world.outcomes[job.number]
            outcome.finish = world.clock[0].now
            outcome.cost = job.cost
            outcome.busy = job.busy
            count.completed += 1
            if world.rules[0].window_start <= job.number < world.rules[0].window_end:
                count.window_left -= 1
    count.stale = True
    close_gaps(world)
    count.active = count.slots
    base = len(world.candidates)
    kept = base
    for entry in range(base, base + count.pairs):
        pair = world.entries[entry]
        first = world.spare.scratch[pair.first].number
        second = world.spare.scratch[pair.second].number
        if first >= 0 and second >= 0:
            pair.first = first
            pair.second = second
            if kept < entry:
                move_entry(kept, entry, world)
            kept += 1
    count.pairs = kept - base
    count.pairs_stale = True


@compiled
def _record_event(world: World) -> None:
    """Fill the event's row of the metrics, but for the utilization."""
    _find_rates(world)
    count = world.counts[0]
    running = 0
    for slot in range(count.active):
        running += int(world.spare.scratch[slot].seconds > 0.0)
    row = world.rounds[count.recorded]
    row.time = world.clock[0].now
    row.active = count.active
    row.running = running
    row.queued = count.active - running
    row.arrived = count.admitted
    row.completed = count.completed
    for j in range(len(world.types)):
        world.type_use[count.recorded, j] = _busy_workers(j, world)
    count.recorded += 1
