"""Who ran where, compiled: stretches of rounds in which a worker had the same job, or pair of jobs.

A segment is written down when it begins, so that they stand by first round and worker. A round touches
those of workers that are newly taken alone: when a worker's segment ended, its record still knows then.
"""

from __future__ import annotations

from gavel_opt.kernels.jit import compiled
from simulator.mechanism.records import FIRST, JOB, LAST, ON, PARTNER, World


@compiled
def record_placements(world: World) -> None:
    """Record where the round's jobs are; there is room for a segment of each worker."""
    count = world.counts[0]
    # not in the order in which types were visited: by number of the worker
    for number in range(len(world.types)):
        worker_type = world.types[number]
        for k in range(worker_type.first_run, worker_type.stop_run):
            run = world.runs[k]
            if run.fresh:
                entry = world.entries[run.entry]
                partner = -1
                if entry.second >= 0:
                    partner = world.entries[entry.second].number
                job = world.entries[entry.first].number
                for place in range(run.at, run.at + entry.scale):
                    _record_worker(world.placed[count.rounds & 1, place], job, partner, world)


@compiled
def _record_worker(worker: int, job: int, partner: int, world: World) -> None:
    """End the worker's segment and begin one, unless the same jobs took it again at once."""
    count = world.counts[0]
    segments = world.segments
    before = world.open_segments[worker]
    if before >= 0:
        last = world.workers[worker].held_before - 1
        segments[LAST, before] = last
        if (
            segments[JOB, before] == job
            and segments[PARTNER, before] == partner
            and last == count.recorded - 1
        ):
            return
    new = count.segments
    segments[ON, new] = worker
    segments[JOB, new] = job
    segments[PARTNER, new] = partner
    segments[FIRST, new] = count.recorded
    world.open_segments[worker] = new
    count.segments += 1
