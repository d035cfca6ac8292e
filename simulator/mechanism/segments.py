"""Who ran where, compiled: stretches of rounds in which a worker had the same job, or pair of jobs.

Each worker has an open segment, which the next round that the same jobs are there makes longer. It is
closed when others come, or they come again after a round without them.
"""

from __future__ import annotations

from gavel_opt.kernels.jit import compiled
from simulator.mechanism.records import World


@compiled
def record_placements(world: World) -> None:
    """Record where the round's jobs are; there is room for a segment of each worker."""
    count = world.counts[0]
    for k in range(count.running):
        run = world.runs[k]
        entry = world.entries[run.entry]
        job = world.entries[entry.first].number
        partner = -1
        if entry.second >= 0:
            partner = world.entries[entry.second].number
        for place in range(run.at, run.at + entry.scale):
            worker = world.placed[count.rounds & 1, place]
            here = world.open_segments[worker]
            if here.job == job and here.partner == partner and here.last == count.recorded - 1:
                here.last = count.recorded
                continue
            if here.job >= 0:
                world.segments[count.segments] = here
                count.segments += 1
            here.job = job
            here.partner = partner
            here.first = count.recorded
            here.last = count.recorded
