"""Accounting, compiled: who comes, what has run, and what everybody is owed at a recomputation."""

from __future__ import annotations

from typing import Any

import numpy as np

from gavel_opt.kernels.jit import compiled
from simulator.mechanism.pair_table import slot_of
from simulator.mechanism.priority import requeue_runs
from simulator.mechanism.records import LEFT, World

_FAILURES = 5
"""So many failed attempts in a row drop a job."""
_FEW = 12
"""So many times are sorted quicker than the keys of all jobs are counted through."""
_GAPS = (701, 301, 132, 57, 23, 10, 4, 1)


# a round -------------------------------------------------------------------------------------


@compiled
def finish_round(world: World) -> None:
    """Account for what ran, worker type by worker type."""
    for j in range(len(world.types)):
        _account(world.types[j], world)
    requeue_runs(world)
    ranks = len(world.speeds)
    for j in range(len(world.types)):
        _add_received(ranks, world.types[j], world.runs, world.spare.scratch)
    world.counts[0].running = 0


@compiled
def _account(worker_type: Any, world: World) -> None:
    """Account for what ran on a worker type; those of its jobs that have not left are noted."""
    count = world.counts[0]
    round_start = world.clock[0].round_start
    placed = world.placed[count.rounds & 1]
    price = worker_type.price
    opportunities = 0
    for k in range(worker_type.first_run, worker_type.stop_run):
        run = world.runs[k]
        entry = world.entries[run.entry]
        run.pair = entry.second >= 0
        run.stay = 1 + int(run.pair)
        run.execution = run.finish - round_start
        if not _succeeds(run, entry.scale):
            run.execution = 0.0
            run.rank = -1
            count.stale = True
            if not run.pair and _fails(entry):
                world.outcomes[entry.number].dropped = True
                count.dropped += 1
                _leave(entry.first, run, world)
        else:
            world.ledger[run.entry, worker_type.number].received += run.execution
            for place in range(run.at, run.at + entry.scale):
                world.workers[placed[place]].busy += run.execution
            for second in range(run.stay):
                slot = entry.second if second else entry.first
                steps = run.second_steps if second else run.first_steps
                job = world.entries[slot]
                if _advances(job, run, steps, price):
                    world.outcomes[job.number].finish = run.finish
                    _leave(slot, run, world)
            if not run.pair:
                entry.failures = 0
        opportunities += int(run.stay > 0)
    count.next_opportunities += opportunities


@compiled
def _succeeds(run: Any, scale: int) -> bool:
    """Whether an attempt counts: time has passed, and every worker's share of steps is something.

    A share is the whole quotient, or what the others leave.
    """
    return bool(
        run.execution > 0
        and (run.first_steps > 0 and (scale == 1 or run.first_steps >= scale))
        and (not run.pair or (run.second_steps > 0 and (scale == 1 or run.second_steps >= scale)))
    )


@compiled
def _advances(job: Any, run: Any, steps: float, price: float) -> bool:
    """Account for what a job ran; whether it has no steps left. A pair shares its workers' time."""
    job.cost += price * run.execution / 3600.0 * job.scale
    worker_seconds = run.execution * job.scale
    job.busy += worker_seconds / 2.0 if run.pair else worker_seconds
    job.steps_left -= steps
    return bool(job.steps_left <= 0)


@compiled
def _fails(job: Any) -> bool:
    """Count a failed attempt of a job alone; whether it is dropped."""
    job.failures += 1
    return bool(job.failures >= _FAILURES)


@compiled
def _leave(slot: int, run: Any, world: World) -> None:
    run.stay -= 1
    job = world.entries[slot]
    outcome = world.outcomes[job.number]
    outcome.cost = job.cost
    outcome.busy = job.busy
    world.candidates[slot].selected_round = LEFT
    count = world.counts[0]
    count.stale = True
    count.active -= 1
    count.completed += 1
    if world.rules[0].window_start <= job.number < world.rules[0].window_end:
        count.window_left -= 1


@compiled
def _add_received(ranks: int, worker_type: Any, runs: np.ndarray, scratch: np.ndarray) -> None:
    """Add the times of what ran on a type to the type's, latest finish first.

    Equal finishes add equal times, so their order does not matter. All jobs of a key that ran a whole
    round finish together, and ranks follow what a whole round takes: they are counted. The others, and
    failed attempts with a time of 0, are sorted in; and all of them where they are few.
    """
    first = worker_type.first_run
    stop = worker_type.stop_run
    if first == stop:
        return
    if stop - first <= _FEW:
        ranks = 0
    for rank in range(ranks):
        scratch[rank].count = 0
    odds = 0
    for k in range(first, stop):
        if ranks > 0 and runs[k].rank >= 0:
            scratch[runs[k].rank].count += 1
        else:
            scratch[odds].odd_seconds = runs[k].execution
            odds += 1
    wholes = 0
    for rank in range(ranks):
        here = scratch[rank].count
        scratch[rank].count = wholes
        wholes += here
    for k in range(first, stop):
        rank = runs[k].rank
        if ranks > 0 and rank >= 0:
            scratch[scratch[rank].count].seconds = runs[k].execution
            scratch[rank].count += 1
    _sort_down(odds, scratch)
    total = worker_type.received
    odd = 0
    for k in range(wholes):
        while odd < odds and scratch[odd].odd_seconds >= scratch[k].seconds:
            total += scratch[odd].odd_seconds
            odd += 1
        total += scratch[k].seconds
    for k in range(odd, odds):
        total += scratch[k].odd_seconds
    worker_type.received = total


@compiled
def _sort_down(size: int, scratch: np.ndarray) -> None:
    """Sort the odd times, largest first."""
    for gap in _GAPS:
        for place in range(gap, size):
            value = scratch[place].odd_seconds
            hole = place
            while hole >= gap and scratch[hole - gap].odd_seconds < value:
                scratch[hole].odd_seconds = scratch[hole - gap].odd_seconds
                hole -= gap
            scratch[hole].odd_seconds = value


@compiled
def admit_jobs(world: World) -> None:
    """Let in every job that has arrived."""
    count = world.counts[0]
    now = world.clock[0].now
    while count.admitted < count.known and world.arrivals[count.admitted].arrival <= now:
        number = count.admitted
        slot = count.slots
        arrival = world.arrivals[number]
        job = world.entries[slot]
        job.steps_left = arrival.steps
        job.cost = 0.0
        job.busy = 0.0
        job.first = slot
        job.second = -1
        job.number = number
        job.key = arrival.key
        job.scale = arrival.scale_factor
        job.ran_round = -1
        job.failures = 0
        job.allocated = False
        for j in range(len(world.types)):
            ledger = world.ledger[slot, j]
            ledger.share = 0.0
            ledger.received = world.rules[0].half_round
            ledger.deficit = 0.0
            ledger.cannot_run = not world.speeds[arrival.key, j].steps_per_second > 0
        world.candidates[slot].selected_round = -1
        world.candidates[slot].scale = job.scale
        world.outcomes[number].deadline = now + arrival.slo * arrival.duration
        count.slots += 1
        count.active += 1
        count.admitted += 1
        count.stale = True


# a recomputation -----------------------------------------------------------------------------


@compiled
def reset_ledger(world: World) -> None:
    """Settle what everybody should have received since the last reset, and start afresh.

    The gaps of jobs that left are closed, and pairs that are then as if they had never been kept
    are not kept any longer.
    """
    clock = world.clock[0]
    count = world.counts[0]
    elapsed = clock.now - clock.last_reset
    moved = close_gaps(world)
    half_round = world.rules[0].half_round
    for slot in range(count.slots):
        for j in range(len(world.types)):
            _close_entry(world.ledger[slot, j], elapsed, half_round)
    total = half_round * _count_entries(world)
    for j in range(len(world.types)):
        world.types[j].received = total
    if _drop_pairs(elapsed, world) or moved:
        count.pairs_stale = True
    clock.last_reset = clock.now
    count.rounds_at_reset = count.rounds


@compiled
def _close_entry(ledger: Any, elapsed: float, half_round: float) -> bool:
    """Close an account; whether it is other than one that has never been kept."""
    ledger.deficit += ledger.share * elapsed - (ledger.received - half_round)
    ledger.received = half_round
    return bool(ledger.deficit != half_round)


@compiled
def close_gaps(world: World) -> bool:
    """Move jobs up into the rows of those that left; where each slot is now stands in the scratch."""
    count = world.counts[0]
    gaps = 0
    for slot in range(count.slots):
        if world.candidates[slot].selected_round == LEFT:
            world.spare.scratch[slot].number = -1
            gaps += 1
            continue
        world.spare.scratch[slot].number = slot - gaps
        if gaps > 0:
            move_entry(slot - gaps, slot, world)
            world.entries[slot - gaps].first = slot - gaps
            world.candidates[slot - gaps] = world.candidates[slot]
    count.slots -= gaps
    return gaps > 0


@compiled
def move_entry(to: int, entry: int, world: World) -> None:
    """Move an entry to another row."""
    world.entries[to] = world.entries[entry]
    for j in range(len(world.types)):
        world.ledger[to, j] = world.ledger[entry, j]


@compiled
def _count_entries(world: World) -> int:
    """Jobs, and with packing all pairs of equal scale factor, kept or not.

    Half a round for each is what a type starts with; sums of half rounds are exact.
    """
    slots = world.counts[0].slots
    counted = slots
    if world.rules[0].packing:
        scratch = world.spare.scratch
        for slot in range(slots):
            scratch[world.candidates[slot].scale].count = 0
        for slot in range(slots):
            same = scratch[world.candidates[slot].scale]
            counted += same.count
            same.count += 1
    return int(counted)


@compiled
def _drop_pairs(elapsed: float, world: World) -> bool:
    """Settle the pairs that are kept, and give up those without a history; whether any was."""
    count = world.counts[0]
    base = len(world.candidates)
    entry = base
    end = base + count.pairs
    while entry < end:
        pair = world.entries[entry]
        pair.first = world.spare.scratch[pair.first].number
        pair.second = world.spare.scratch[pair.second].number
        keep = pair.first >= 0 and pair.second >= 0
        # Nothing has changed of one that had no share and did not run; there may be thousands.
        if keep and (pair.allocated or pair.ran_round >= count.rounds_at_reset):
            keep = pair.ran_round >= count.rounds
            for j in range(len(world.types)):
                differs = _close_entry(world.ledger[entry, j], elapsed, world.rules[0].half_round)
                keep = keep or differs
        if keep:
            entry += 1
        else:
            # The last one takes its row, whose members have yet to be looked at.
            end -= 1
            if entry != end:
                move_entry(entry, end, world)
    dropped = count.pairs - (end - base)
    count.pairs -= dropped
    return bool(dropped > 0)


@compiled
def view_jobs(world: World) -> None:
    """Write down what a policy may see of the jobs, when no gaps are among them."""
    active = world.counts[0].active
    now = world.clock[0].now
    view = world.views
    view.size[0] = active
    for slot in range(active):
        job = world.entries[slot]
        arrival = world.arrivals[job.number]
        view.job[slot] = job.number
        shown = len(world.shown_keys) > 0
        view.key[slot] = world.shown_keys[job.number] if shown else job.key
        view.scale_factor[slot] = job.scale
        view.entity[slot] = arrival.entity
        view.weight[slot] = arrival.weight
        view.steps_left[slot] = job.steps_left
        view.age[slot] = now - arrival.arrival


@compiled
def set_job_allocation(
    jobs: np.ndarray,
    shares: np.ndarray,
    entries: np.ndarray,
    ledger: np.ndarray,
    base: int,
    counts: np.ndarray,
) -> bool:
    """Put the shares ``(n, J)`` of job numbers into force, and take everybody else's away.

    Pairs stand from row ``base`` on. Returns False if a job is not active.
    """
    active = counts[0].active
    types = shares.shape[1]
    for slot in range(active):
        entries[slot].allocated = False
    for row in range(len(jobs)):
        slot = row
        if row >= active or entries[row].number != jobs[row]:
            slot = slot_of(jobs[row], active, entries)
            if slot < 0:
                return False
        entries[slot].allocated = True
        for j in range(types):
            ledger[slot, j].share = shares[row, j]
    for slot in range(active):
        if not entries[slot].allocated:
            for j in range(types):
                ledger[slot, j].share = 0.0
    for pair in range(base, base + counts[0].pairs):
        if entries[pair].allocated:
            entries[pair].allocated = False
            for j in range(types):
                ledger[pair, j].share = 0.0
    counts[0].queue_stale = True
    counts[0].stale = False
    return True
