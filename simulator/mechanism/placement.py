"""Workers for who was selected, and how long each runs, compiled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gavel_opt.kernels.jit import compiled
from simulator.mechanism.priority import sort_picks
from simulator.mechanism.records import Floor, World


@compiled
def place_entries(world: World) -> None:
    """Give the selected entries of each worker type their workers, largest scale factors first."""
    count = world.counts[0]
    count.running = 0
    count.used = 0
    floor = Floor(world.runs, world.rest, world.workers, world.placed)
    for visit in range(len(world.types)):
        worker_type = world.types[world.visits[visit]]
        picks = world.picks[worker_type.number]
        worker_type.first_run = count.running
        worker_type.next_worker = worker_type.first_worker
        before = count.used
        scale = _largest_below(worker_type.workers + 1, worker_type.selected, picks)
        while scale > 0:
            rest = _extend_leases(scale, worker_type, picks, world.entries, floor, count)
            if rest > 0:
                in_order = _list_rest(scale, worker_type, picks, floor.rest)
                if rest > in_order + 1:
                    sort_picks(in_order, rest, worker_type, floor.rest, world)
                _take_free_workers(rest, scale, worker_type, floor, count)
            scale = _largest_below(scale, worker_type.selected, picks)
        worker_type.stop_run = count.running
        use = (count.used - before) / worker_type.workers
        world.type_use[count.recorded, worker_type.number] = use
    world.rounds[count.recorded].utilization = count.used / len(world.workers)


@compiled
def _largest_below(limit: int, selected: int, picks: np.ndarray) -> int:
    """Largest scale factor below a limit that was selected on a type; 0 if there is none."""
    largest = 0
    for k in range(selected):
        scale = picks[k].scale
        if largest < scale < limit:
            largest = scale
    return int(largest)


@compiled
def _extend_leases(
    scale: int, worker_type: Any, picks: np.ndarray, entries: np.ndarray, floor: Floor, count: Any
) -> int:
    """Who ran on the type in the last round keeps its workers while they are all free.

    Picks that are placed are marked by an entry of -1. Returns how many are not.
    """
    rounds = count.rounds
    last = floor.placed[(rounds - 1) & 1]
    placed = floor.placed[rounds & 1]
    rest = 0
    for k in range(worker_type.selected):
        pick = picks[k]
        if pick.scale != scale:
            continue
        rest += 1
        entry = entries[pick.entry]
        if entry.ran_round != rounds - 1 or entry.ran_on != worker_type.number:
            continue
        at = entry.ran_at
        free = True
        for place in range(at, at + scale):
            free = free and floor.workers[last[place]].held_round != rounds
        if free:
            _start(floor.runs[count.running], pick.entry, worker_type.number, False, count)
            pick.entry = -1
            rest -= 1
            for place in range(scale):
                worker = last[at + place]
                floor.workers[worker].held_round = rounds
                placed[count.used + place] = worker
            count.used += scale
            count.extensions += 1
    return rest


@compiled
def _list_rest(scale: int, worker_type: Any, picks: np.ndarray, rest: np.ndarray) -> int:
    """List the picks of a scale factor that are not placed yet; how many of them are in order."""
    listed = 0
    in_order = 0
    for k in range(worker_type.selected):
        pick = picks[k]
        if pick.scale == scale and pick.entry >= 0:
            rest[listed] = pick
            listed += 1
            in_order += int(k < worker_type.in_order)
    return in_order


@compiled
def _take_free_workers(size: int, scale: int, worker_type: Any, floor: Floor, count: Any) -> None:
    """The rest take free workers in the order of their numbers, server by server."""
    rounds = count.rounds
    placed = floor.placed[rounds & 1]
    number = worker_type.next_worker
    for k in range(size):
        _start(floor.runs[count.running], floor.rest[k].entry, worker_type.number, True, count)
        used = count.used
        count.used += scale
        while used < count.used:
            worker = floor.workers[number]
            if worker.held_round != rounds:
                worker.held_before = worker.held_round
                worker.held_round = rounds
                placed[used] = number
                used += 1
            number += 1
    worker_type.next_worker = number


@compiled
def _start(run: Any, entry: int, j: int, fresh: bool, count: Any) -> None:
    """Let an entry run on the next workers of the round's list."""
    run.entry = entry
    run.on = j
    run.at = count.used
    run.fresh = fresh
    count.running += 1


@compiled
def dispatch(world: World) -> None:
    """Start what has been placed: how many steps each will run, and until when."""
    clock = world.clock[0]
    count = world.counts[0]
    base = len(world.candidates)
    latest = clock.now
    jobs = 0
    for k in range(count.running):
        run = world.runs[k]
        entry = world.entries[run.entry]
        entry.ran_round = count.rounds
        entry.ran_on = run.on
        entry.ran_at = run.at
        if run.entry < base:
            _dispatch_job(run, entry, world.speeds[entry.key, run.on], clock.now)
            jobs += 1
        else:
            one = world.entries[entry.first]
            two = world.entries[entry.second]
            speeds = world.pair_speeds[one.key, two.key]
            seconds = world.rules[0].round_seconds
            _dispatch_pair(run, one, two, speeds, seconds, clock.now)
            jobs += 2
        latest = max(latest, run.finish)
    clock.latest_finish = latest
    count.running_jobs = jobs


@compiled
def _dispatch_job(run: Any, job: Any, speed: Any, now: float) -> None:
    seconds = speed.round_seconds
    run.first_steps = speed.round_steps
    run.rank = speed.rank
    if job.steps_left < speed.round_steps:
        run.first_steps = job.steps_left
        seconds = job.steps_left / speed.steps_per_second
        run.rank = -1
    run.finish = max(now, now + seconds)


@compiled
def _dispatch_pair(
    run: Any, one: Any, two: Any, speeds: np.ndarray, seconds: float, now: float
) -> None:
    first_speed = speeds[0, run.on]
    second_speed = speeds[1, run.on]
    run.first_steps = min(math.floor(first_speed * seconds), one.steps_left)
    run.second_steps = min(math.floor(second_speed * seconds), two.steps_left)
    finish = max(now, now + run.first_steps / first_speed)
    run.finish = max(finish, now + run.second_steps / second_speed)
    run.rank = -1
