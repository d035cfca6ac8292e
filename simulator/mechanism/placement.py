"""Workers for who was chosen, and how long each runs, compiled."""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.kernels.jit import compiled_in_place
from simulator.mechanism import layout as at
from simulator.mechanism.layout import Entries, Running, Spare
from simulator.mechanism.prefetch import AHEAD, prefetch
from simulator.mechanism.priority import sort_by_definition


@compiled_in_place
def place(
    j: int,
    filled: int,
    ordered: int,
    chosen: np.ndarray,
    worker: int,
    used: int,
    total: float,
    count: np.ndarray,
    entries: Entries,
    running: Running,
    pool: np.ndarray,
    last_pool: np.ndarray,
    holder: np.ndarray,
    types: int,
    spare: Spare,
) -> int:
    """Give the chosen entries of one worker type their workers, from number ``worker`` on.

    Largest scale factors first. The first ``ordered`` come in their order; the others are brought into
    it where it matters. Returns the new length of the pass's list of workers.
    """
    this = count[at.PASSES]
    last = (this - 1) * 64 + j
    run = count[at.RUNNING]
    waiting = spare.i[1]
    scale = 0
    for k in range(filled):
        scale = max(scale, chosen[k] >> at.SCALE_SHIFT)
    while scale > 0:
        smaller = 0
        rest = 0
        in_order = 0
        # Who ran on this type in the last round keeps its workers while they are all free.
        for k in range(filled):
            if k + AHEAD < filled:
                prefetch(entries.i, chosen[k + AHEAD] & at.ENTRY_MASK)
            size = chosen[k] >> at.SCALE_SHIFT
            if size != scale:
                if size < scale:
                    smaller = max(smaller, size)
                continue
            entry = chosen[k] & at.ENTRY_MASK
            extends = entries.i[entry, at.RAN] == last
            before = entries.i[entry, at.RAN_AT]
            if extends:
                for i in range(before, before + scale):
                    if holder[last_pool[i]] == this:
                        extends = False
            if not extends:
                waiting[rest] = chosen[k]
                rest += 1
                in_order += 1 if k < ordered else 0
                continue
            running.i[run, at.RUN_ENTRY] = entry
            running.i[run, at.RUN_ON] = j
            running.i[run, at.RUN_AT] = used
            run += 1
            for i in range(before, before + scale):
                holder[last_pool[i]] = this
                pool[used] = last_pool[i]
                used += 1
            count[at.EXTENSIONS] += 1
        if rest > in_order + 1:
            sort_by_definition(in_order, rest, total, waiting, j, types, entries, spare)
        # The rest take free workers in the order of their numbers, server by server.
        for k in range(rest):
            running.i[run, at.RUN_ENTRY] = waiting[k] & at.ENTRY_MASK
            running.i[run, at.RUN_ON] = j
            running.i[run, at.RUN_AT] = used
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


@compiled_in_place
def dispatch(
    clock: np.ndarray,
    count: np.ndarray,
    entries: Entries,
    running: Running,
    alone: np.ndarray,
    paired: np.ndarray,
) -> None:
    """Start what has been placed: how many steps each will run, and until when."""
    types = alone.shape[1]
    base = entries.taken.size
    steps_left = 3 * types + at.STEPS_LEFT
    now = clock[at.NOW]
    stamp = count[at.PASSES] * 64
    latest = now
    jobs = 0
    runs = count[at.RUNNING]
    for run in range(runs):
        if run + AHEAD < runs:
            prefetch(entries.f, running.i[run + AHEAD, at.RUN_ENTRY])
            prefetch(entries.i, running.i[run + AHEAD, at.RUN_ENTRY])
        entry = running.i[run, at.RUN_ENTRY]
        j = running.i[run, at.RUN_ON]
        entries.i[entry, at.RAN] = stamp + j
        entries.i[entry, at.RAN_AT] = running.i[run, at.RUN_AT]
        finish = now
        rank = -1
        if entry < base:
            key = entries.i[entry, at.KEY]
            steps = alone[key, j, at.FULL_STEPS]
            seconds = alone[key, j, at.FULL_SECONDS]
            speed = alone[key, j, at.SPEED]
            if entries.f[entry, steps_left] < steps:
                steps = entries.f[entry, steps_left]
                seconds = steps / speed
            else:
                rank = int(alone[key, j, at.RANK])
            running.f[run, at.FIRST_STEPS] = steps
            if speed > 0:
                finish = max(finish, now + seconds)
            jobs += 1
        else:
            first = entries.i[entry, at.FIRST]
            second = entries.i[entry, at.SECOND]
            for member in range(2):
                slot = first if member == 0 else second
                speed = paired[entries.i[first, at.KEY], entries.i[second, at.KEY], member, j]
                steps = min(
                    math.floor(speed * clock[at.ROUND_SECONDS]), entries.f[slot, steps_left]
                )
                running.f[run, at.FIRST_STEPS + member] = steps
                if speed > 0:
                    finish = max(finish, now + steps / speed)
                jobs += 1
        running.f[run, at.FINISH] = finish
        running.i[run, at.RUN_RANK] = rank
        latest = max(latest, finish)
    clock[at.LATEST] = latest
    count[at.RUNNING_JOBS] = jobs
