"""Workers for who was selected, and how long each runs, compiled."""

from __future__ import annotations

import math
from typing import Any

from gavel_opt.kernels.jit import compiled
from simulator.mechanism.priority import sort_picks
from simulator.mechanism.records import World


@compiled
def place_entries(world: World) -> None:
    """Give the selected entries of each worker type their workers, largest scale factors first."""
    count = world.counts[0]
    count.running = 0
    count.used = 0
    for visit in range(len(world.types)):
        j = world.visits[visit]
        worker_type = world.types[j]
        worker_type.first_run = count.running
        worker_type.next_worker = worker_type.first_worker
        before = count.used
        scale = _largest_below(worker_type.workers + 1, j, world)
        while scale > 0:
            _extend_leases(j, scale, world)
            _take_free_workers(j, scale, world)
            scale = _largest_below(scale, j, world)
        worker_type.stop_run = count.running
        world.type_use[count.recorded, j] = (count.used - before) / worker_type.workers
    world.rounds[count.recorded].utilization = count.used / len(world.workers)


@compiled
def _largest_below(limit: int, j: int, world: World) -> int:
    """Largest scale factor below a limit that was selected on a type; 0 if there is none."""
    largest = 0
    for k in range(world.types[j].selected):
        scale = world.picks[j, k].scale
        if largest < scale < limit:
            largest = scale
    return int(largest)


@compiled
def _extend_leases(j: int, scale: int, world: World) -> None:
    """Who ran on the type in the last round keeps its workers while they are all free.

    Picks that are placed are marked by an entry of -1.
    """
    count = world.counts[0]
    last = world.placed[(count.rounds - 1) & 1]
    placed = world.placed[count.rounds & 1]
    for k in range(world.types[j].selected):
        pick = world.picks[j, k]
        if pick.scale != scale:
            continue
        entry = world.entries[pick.entry]
        if entry.ran_round != count.rounds - 1 or entry.ran_on != j:
            continue
        free = True
        for place in range(entry.ran_at, entry.ran_at + scale):
            free = free and world.workers[last[place]].held_round != count.rounds
        if free:
            _start(world.runs[count.running], pick.entry, j, count)
            pick.entry = -1
            for place in range(entry.ran_at, entry.ran_at + scale):
                world.workers[last[place]].held_round = count.rounds
                placed[count.used] = last[place]
                count.used += 1
            count.extensions += 1


@compiled
def _take_free_workers(j: int, scale: int, world: World) -> None:
    """The rest take free workers in the order of their numbers, server by server."""
    count = world.counts[0]
    worker_type = world.types[j]
    placed = world.placed[count.rounds & 1]
    rest, in_order = _list_rest(j, scale, world)
    if rest > in_order + 1:
        sort_picks(j, in_order, rest, world.rest, world)
    for k in range(rest):
        _start(world.runs[count.running], world.rest[k].entry, j, count)
        enough = count.used + scale
        while count.used < enough:
            worker = world.workers[worker_type.next_worker]
            if worker.held_round != count.rounds:
                worker.held_round = count.rounds
                placed[count.used] = worker_type.next_worker
                count.used += 1
            worker_type.next_worker += 1


@compiled
def _list_rest(j: int, scale: int, world: World) -> tuple[int, int]:
    """List the picks of a scale factor that are not placed yet; how many, how many in order."""
    rest = 0
    in_order = 0
    for k in range(world.types[j].selected):
        pick = world.picks[j, k]
        if pick.scale == scale and pick.entry >= 0:
            world.rest[rest] = pick
            rest += 1
            in_order += int(k < world.types[j].in_order)
    return rest, in_order


@compiled
def _start(run: Any, entry: int, j: int, count: Any) -> None:
    """Let an entry run on the next workers of the round's list."""
    run.entry = entry
    run.on = j
    run.at = count.used
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
            _dispatch_pair(k, world)
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
def _dispatch_pair(k: int, world: World) -> None:
    run = world.runs[k]
    pair = world.entries[run.entry]
    one = world.entries[pair.first]
    two = world.entries[pair.second]
    seconds = world.rules[0].round_seconds
    first_speed = world.pair_speeds[one.key, two.key, 0, run.on]
    second_speed = world.pair_speeds[one.key, two.key, 1, run.on]
    run.first_steps = min(math.floor(first_speed * seconds), one.steps_left)
    run.second_steps = min(math.floor(second_speed * seconds), two.steps_left)
    now = world.clock[0].now
    finish = max(now, now + run.first_steps / first_speed)
    run.finish = max(finish, now + run.second_steps / second_speed)
    run.rank = -1
