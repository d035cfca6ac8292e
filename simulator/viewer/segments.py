"""Who ran where, as segments: a worker had a job (and a partner) from one round to another.

What follows from them alone is computed here: how many jobs of each scale factor ran, and how often
a job kept its workers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gavel_opt.arrays import Ints
from simulator.runs.columns import Columns


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Segments in order of worker, then of first round.

    Attributes
    ----------
    worker, job, partner
        Numbers; partner -1 where the job runs alone.
    first, last
        Rounds, both included.
    """

    worker: Ints
    job: Ints
    partner: Ints
    first: Ints
    last: Ints


def read_segments(placements: Columns) -> Segments:
    """Segments of a ``placements`` table, in order of worker and round."""
    names = ("worker", "job", "partner", "first_round", "last_round")
    columns = [np.asarray(placements[name], dtype=np.int64) for name in names]
    order = np.lexsort((columns[3], columns[0]))
    return Segments(*(column[order] for column in columns))


def busy_by_scale(segments: Segments, scale: Ints, rounds: int) -> dict[int, Ints]:
    """Jobs that run in each round, by scale factor.

    Parameters
    ----------
    segments
        Who ran where.
    scale
        Scale factor by job number.
    rounds
        How many rounds there are.
    """
    found: dict[int, Ints] = {}
    for size in np.unique(scale).tolist():
        mine = scale[segments.job] == size
        jobs = np.where(segments.partner >= 0, 2, 1)[mine]
        change = np.zeros(rounds + 1, dtype=np.int64)
        np.add.at(change, segments.first[mine], jobs)
        np.add.at(change, segments.last[mine] + 1, -jobs)
        # Each of a job's workers counted it.
        found[int(size)] = np.cumsum(change)[:rounds] // size
    return found


def leaving_times(segments: Segments, jobs: Columns, rounds: Columns) -> NDArray[np.float64]:
    """When each job left, NaN while it is there; a dropped job leaves with the last round it ran in."""
    left = jobs["finish"].astype(np.float64)
    dropped = np.asarray(jobs["dropped"], dtype=bool)
    if dropped.any():
        last = np.full(left.size, -1, dtype=np.int64)
        np.maximum.at(last, segments.job, segments.last)
        time = rounds["time"]
        known = dropped & (last >= 0) & (last + 1 < time.size)
        left[known] = time[last[known] + 1]
    return left


def active_by_scale(left: NDArray[np.float64], jobs: Columns, rounds: Columns) -> dict[int, Ints]:
    """Jobs in the system in each round, by scale factor, given when each one left."""
    scale = np.asarray(jobs["scale_factor"], dtype=np.int64)
    arrived = np.asarray(rounds["arrived"], dtype=np.int64)
    found: dict[int, Ints] = {}
    for size in np.unique(scale).tolist():
        mine = scale == size
        so_far = np.concatenate([[0], np.cumsum(mine)])
        times = np.sort(left[mine & np.isfinite(left)])
        found[int(size)] = so_far[arrived] - np.searchsorted(times, rounds["time"], side="right")
    return found


def lease_counts(
    segments: Segments, left: NDArray[np.float64], jobs: Columns, rounds: Columns
) -> tuple[Ints, Ints]:
    """Extensions and opportunities for them by round, as the mechanism counts them.

    An extension: a job (or pair) that ran in the round before too, with exactly the same workers. An
    opportunity: a job (or pair) of the round before of which a part is still active.
    """
    count = int(rounds["time"].size)
    scale = np.asarray(jobs["scale_factor"], dtype=np.int64)
    time = rounds["time"]
    entry = segments.job * (int(scale.size) + 1) + segments.partner + 1
    # The workers of an entry change together or not at all within a lease: one segment of each
    # suffices, and a lease begins in every round in which one of its segments does.
    order = np.lexsort((segments.first, entry))
    start, entry = segments.first[order], entry[order]
    begins = np.ones(start.size, dtype=bool)
    begins[1:] = (start[1:] != start[:-1]) | (entry[1:] != entry[:-1])
    leases = np.zeros(count, dtype=np.int64)
    np.add.at(leases, start[begins], 1)
    share = 1.0 / scale[segments.job]
    change = np.zeros(count + 1)
    np.add.at(change, segments.first, share)
    np.add.at(change, segments.last + 1, -share)
    running = np.rint(np.cumsum(change)[:count]).astype(np.int64)
    extensions = running - leases
    # An entry is over when all of its jobs finish by the next round's start.
    done = left[segments.job]
    both = np.where(segments.partner >= 0, left[np.maximum(segments.partner, 0)], done)
    ends = np.maximum(done, both)  # NaN where one never finishes
    following = np.minimum(segments.last + 1, count - 1)
    with np.errstate(invalid="ignore"):
        over = (ends <= time[following]) & (segments.last + 1 < count)
    lost = np.zeros(count)
    np.add.at(lost, following[over], share[over])
    opportunities = np.zeros(count, dtype=np.int64)
    opportunities[1:] = running[:-1] - np.rint(lost).astype(np.int64)[1:]
    return extensions, opportunities
