"""The rounds, compiled: time, accounting, admission, selection, placement, dispatch, again and again.

An allocation is decided by whoever is handed over for that (:class:`gavel_opt.kernels.arguments.Call`),
without going back to Python; Python is asked where that one gives none, or nobody is there.

Everything here works on the records that :mod:`simulator.mechanism.records` describes and is exact: the
same operations in the same order as the reference, on the same figures.
:mod:`simulator.mechanism.mechanism` owns the arrays; :mod:`simulator.mechanism.specification` says the
same in a few pages of plain Python: read that first.

Loops stand where slices could, here and in the modules below: a kernel of slices takes numba several
times as long to compile.
"""

from __future__ import annotations

import math

from gavel_opt.kernels.arguments import Call
from gavel_opt.kernels.jit import clock, compiled
from gavel_opt.kernels.random_streams import shuffle
from simulator.mechanism.accounting import (
    admit_jobs,
    finish_round,
    reset_ledger,
    set_job_allocation,
    view_jobs,
)
from simulator.mechanism.pair_table import set_pair_allocation
from simulator.mechanism.placement import dispatch, place_entries
from simulator.mechanism.records import (
    ALLOCATE,
    DONE,
    ENOUGH,
    GO_ON,
    MORE_JOBS,
    MORE_PAIRS,
    MORE_ROUNDS,
    MORE_SEGMENTS,
    STUCK,
    World,
)
from simulator.mechanism.segments import record_placements
from simulator.mechanism.selection import select_entries

_UNSEEN = 0.2
"""Seconds of deciding after which Python has its turn, for whoever interrupts the run."""
_PATIENCE = 2
"""Rounds in a row without anybody, after which an allocation counts as stale although nobody came."""
_STUCK = 100
"""Rounds in a row without anybody, after which nothing will ever run."""


@compiled
def run_rounds(last: int, world: World, decide: Call) -> int:
    """Run up to the round of this number, or to the end of time; returns why it stopped
    (:mod:`simulator.mechanism.records`).

    ``decide`` gives the jobs of the world's views their shares, if it may be asked.
    """
    count = world.counts[0]
    while True:
        if not count.awaiting:
            outcome = _may_go_on(last, world)
            if outcome != GO_ON:
                return int(outcome)
            if not _advance_time(world):
                return MORE_JOBS
            if count.running > 0:
                finish_round(world)
            elif count.admitted == count.known and not _wait_for_nobody(world):
                return STUCK
            admit_jobs(world)
            if _allocation_due(world):
                count.awaiting = True
                prepare_allocation(world)
                if not (may_decide(world) and decided(world, decide)):
                    return ALLOCATE
        _start_round(world)
        select_entries(world)
        place_entries(world)
        dispatch(world)
        if world.rules[0].records_placements:
            record_placements(world)
        _record_round(world)


@compiled
def prepare_allocation(world: World) -> None:
    """Close everybody's accounts, and write down what the policy may see."""
    reset_ledger(world)
    view_jobs(world)


@compiled
def view(world: World) -> None:
    """Write down what the policy may see."""
    view_jobs(world)


@compiled
def _may_go_on(last: int, world: World) -> int:
    """Whether there is anything to do, and room for it."""
    count = world.counts[0]
    if count.window_left == 0:
        return DONE
    if count.rounds >= last or world.clock[0].now >= world.rules[0].until:
        return ENOUGH
    if count.recorded >= len(world.rounds):
        return MORE_ROUNDS
    # A round may come to keep a pair on each worker.
    most = len(world.candidates) + count.pairs + len(world.workers)
    if world.rules[0].packing and most > len(world.entries):
        return MORE_PAIRS
    room = world.segments.shape[1] - count.segments
    if world.rules[0].records_placements and room < len(world.workers):
        return MORE_SEGMENTS
    return GO_ON


@compiled
def _advance_time(world: World) -> bool:
    """Advance to the end of the round, or to the next arrival if nothing runs.

    Returns False, and changes nothing, if more jobs must be known first.
    """
    clock = world.clock[0]
    count = world.counts[0]
    now = clock.now
    if count.running > 0:
        now = clock.latest_finish
    elif count.admitted < count.known:
        now = world.arrivals[count.admitted].arrival
    if not count.all_known and (count.known == 0 or world.arrivals[count.known - 1].arrival <= now):
        return False
    clock.now = now
    if count.running > 0:
        count.idle_rounds = 0
        if not math.isnan(clock.round_end):
            clock.round_start = clock.round_end
        clock.round_end = now
    return True


@compiled
def _wait_for_nobody(world: World) -> bool:
    """Nobody runs and nobody will come: force a recomputation. False if that has not helped."""
    count = world.counts[0]
    world.clock[0].last_reset = 0.0
    count.idle_rounds += 1
    if count.idle_rounds > _PATIENCE:
        count.stale = True
    return bool(count.idle_rounds <= _STUCK)


@compiled
def _allocation_due(world: World) -> bool:
    """Whether somebody came or left, and the last reset is long enough ago (or there was none)."""
    clock = world.clock[0]
    return bool(
        world.counts[0].stale
        and (clock.now - clock.last_reset >= world.rules[0].between_resets or clock.last_reset == 0)
    )


@compiled
def may_decide(world: World) -> bool:
    """Whether the allocation may be decided here: there is room to note it, and Python looked for signals lately."""
    deciding = world.deciding[0]
    count = world.counts[0]
    if not deciding.allowed or count.active == 0:
        return False
    # as many pairs may be decided as there is room to say so, and the round come to keep one on each worker
    most = len(world.candidates) + count.pairs + len(world.pair_views.job) + len(world.workers)
    if world.rules[0].packing and most > len(world.entries):
        return False
    return bool(deciding.made < len(world.decisions) and deciding.seconds < _UNSEEN)


@compiled
def decided(world: World, decide: Call) -> bool:
    """Have the allocation decided and put it into force; False, and nothing is changed, if there is none."""
    started = clock()
    if decide() == 0:
        return False
    deciding = world.deciding[0]
    decision = world.decisions[deciding.made]
    deciding.made += 1
    view = world.views
    decision.time = world.clock[0].now
    decision.seconds = clock() - started
    deciding.seconds += decision.seconds
    primal, dual, gap = view.proof[0], view.proof[1], view.proof[2]
    decision.primal_residual, decision.dual_residual, decision.relative_gap = primal, dual, gap
    decision.programs = 0
    if not math.isnan(primal):
        decision.programs = int(view.proof[3])
        deciding.programs += decision.programs
        deciding.primal_residual = max(deciding.primal_residual, primal)
        deciding.dual_residual = max(deciding.dual_residual, dual)
        deciding.relative_gap = max(deciding.relative_gap, gap)
    decision.round = world.counts[0].rounds
    jobs = view.job[: view.size[0]]
    base = len(world.candidates)
    set_job_allocation(jobs, view.shares, world.entries, world.ledger, base, world.counts)
    pairs = world.pair_views.size[0]
    if pairs > 0:
        set_pair_allocation(world.pair_views.job[:pairs], world.pair_views.shares, world)
    return True


@compiled
def _start_round(world: World) -> None:
    count = world.counts[0]
    count.awaiting = False
    count.rounds += 1
    count.opportunities += count.next_opportunities
    count.next_opportunities = 0
    for visit in range(len(world.types)):
        world.visits[visit] = world.types[visit].visit
    if world.rules[0].shuffles:
        shuffle(world.stream, world.visits)


@compiled
def _record_round(world: World) -> None:
    """Fill the round's row of the metrics; utilization stands there since the placement."""
    count = world.counts[0]
    row = world.rounds[count.recorded]
    row.time = world.clock[0].now
    row.active = count.active
    row.running = count.running_jobs
    row.queued = count.active - count.running_jobs
    row.arrived = count.admitted
    row.completed = count.completed - count.dropped
    count.recorded += 1
