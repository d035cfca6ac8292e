"""A round's choice once more, with the reasons: who came before whom, and who did not fit.

The rules are those of ``docs/mechanism.md``, in the order of its text: worker types one by one; on each,
entries by priority, deficit and share, largest first; an entry is taken if none of its jobs is, if it can
run there, and if it fits in what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.mechanism.inspection import Standing

Entry = tuple[int, int]
"""Job, and the job beside it or -1."""

Decision = Literal[
    "taken", "blocks", "too large", "taken before", "cannot run", "no priority", "full"
]
"""``blocks``: taken, but has no allocation yet, so the workers stay empty."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry in the queue of a worker type.

    Attributes
    ----------
    entry, scale
        Who, and how many workers it needs.
    priority, deficit, share
        What it is sorted by: share / fraction of the time received, seconds owed, share of time.
    fraction
        Of the time that the type has given since the last reset.
    decision
        What became of it, and ``free`` workers at that point.
    """

    entry: Entry
    scale: int
    priority: float
    deficit: float
    share: float
    fraction: float
    decision: Decision
    free: int


@dataclass(frozen=True, slots=True)
class TypeQueue:
    """The queue of one worker type in the order in which it was gone through.

    Attributes
    ----------
    worker_type
        Its index.
    workers, left
        How many there are, and how many nobody was found for.
    candidates
        In order.
    """

    worker_type: int
    workers: int
    left: int
    candidates: tuple[Candidate, ...]

    def place_of(self, job: int) -> int | None:
        """Place of a job's own entry in the queue."""
        for place, one in enumerate(self.candidates):
            if one.entry == (job, -1):
                return place
        return None


Speeds = Callable[[int, int], np.ndarray]
"""Keys of two jobs to the speeds of both beside each other, shape ``(2, J)``."""


def choose_again(
    standing: Standing,
    workers: np.ndarray,
    packing: bool,
    skips_zero_priority: bool,
    half_round: float,
    pair_speeds: Speeds,
) -> list[TypeQueue]:
    """Go through a round's choice again.

    Parameters
    ----------
    standing
        What the choice went by.
    workers
        Of each type, shape ``(J,)``.
    packing, skips_zero_priority
        As in :class:`gavel_opt.Traits`.
    half_round
        Seconds that an entry has received at the start.
    pair_speeds
        Speeds of two keys beside each other, for pairs that are not kept.
    """
    table = _with_all_pairs(standing, half_round, pair_speeds) if packing else standing
    allocated = {
        int(job): bool(there)
        for job, other, there in zip(
            standing.first, standing.second, standing.allocated, strict=True
        )
        if other < 0
    }
    taken: set[int] = set()
    queues = []
    for j in table.visits.tolist():
        priority, fraction = priorities(table, j)
        ranked = np.lexsort((table.order, -table.share[:, j], -table.deficit[:, j], -priority))
        free, found = int(workers[j]), []
        for row in ranked.tolist():
            entry = (int(table.first[row]), int(table.second[row]))
            jobs = {job for job in entry if job >= 0}
            scale = int(table.scale[row])
            decision: Decision
            if jobs & taken:
                decision = "taken before"
            elif table.cannot_run[row, j]:
                decision = "cannot run"
            elif skips_zero_priority and priority[row] <= 0:
                decision = "no priority"
            elif free == 0:
                decision = "full"
            elif scale > free:
                decision = "too large"
            else:
                decision = "taken" if all(allocated[job] for job in jobs) else "blocks"
            found.append(
                Candidate(
                    entry,
                    scale,
                    float(priority[row]),
                    float(table.deficit[row, j]),
                    float(table.share[row, j]),
                    float(fraction[row]),
                    decision,
                    free,
                )
            )
            if decision in ("taken", "blocks"):
                free -= scale
                taken |= jobs
        queues.append(TypeQueue(j, int(workers[j]), free, tuple(found)))
    return queues


def agrees(queues: list[TypeQueue], standing: Standing, first_worker: np.ndarray) -> bool:
    """Whether a choice made again is the one that was made."""
    ours = {
        (one.entry, queue.worker_type)
        for queue in queues
        for one in queue.candidates
        if one.decision == "taken"
    }
    theirs = {
        ((job, partner), int(np.searchsorted(first_worker, worker, side="right")) - 1)
        for job, partner, worker in standing.placed.tolist()
    }
    return ours == theirs


def priorities(table: Standing, j: int) -> tuple[np.ndarray, np.ndarray]:
    """Priority of each entry on a worker type, and its fraction of the time received there."""
    share, total = table.share[:, j], float(table.type_time[j])
    fraction = table.received[:, j] / total if total else np.zeros(share.size)
    return priority_of(share, fraction, table.cannot_run[:, j]), fraction


def priority_of(share: np.ndarray, fraction: np.ndarray, cannot_run: np.ndarray) -> np.ndarray:
    """Priority on a type from the share, the fraction of the time received, and what cannot run."""
    with np.errstate(divide="ignore", invalid="ignore"):
        priority = np.where(fraction > 0, share / fraction, share * 1e9)
    found: np.ndarray = np.where((share == 0) | cannot_run, 0.0, priority)
    return found


def _with_all_pairs(standing: Standing, half_round: float, pair_speeds: Speeds) -> Standing:
    """The same with the pairs that are not kept: without a share, they may fill what is left."""
    alone = np.flatnonzero(standing.second < 0)
    kept = set(zip(standing.first.tolist(), standing.second.tolist(), strict=True))
    rows: list[tuple[int, int, int, int, int, bool]] = []
    deficits: list[float] = []
    cannot: list[np.ndarray] = []
    for later_place, later in enumerate(alone.tolist()):
        for earlier in alone[:later_place].tolist():
            one, two = int(standing.first[earlier]), int(standing.first[later])
            if standing.scale[earlier] != standing.scale[later] or (one, two) in kept:
                continue
            there = bool(standing.allocated[later])
            rows.append(
                (
                    one,
                    two,
                    standing.key[earlier],
                    standing.scale[earlier],
                    (two << 32) + one + 1,
                    there,
                )
            )
            deficits.append(half_round if there else 0.0)
            speeds = pair_speeds(int(standing.key[earlier]), int(standing.key[later]))
            cannot.append(np.any(speeds <= 0, axis=0))
    if not rows:
        return standing
    types = standing.share.shape[1]
    more = np.array([row[:5] for row in rows], dtype=np.int64)
    nothing = np.zeros((len(rows), types))
    return Standing(
        first=np.concatenate([standing.first, more[:, 0]]),
        second=np.concatenate([standing.second, more[:, 1]]),
        key=np.concatenate([standing.key, more[:, 2]]),
        scale=np.concatenate([standing.scale, more[:, 3]]),
        order=np.concatenate([standing.order, more[:, 4]]),
        allocated=np.concatenate([standing.allocated, [row[5] for row in rows]]),
        share=np.concatenate([standing.share, nothing]),
        received=np.concatenate([standing.received, nothing]),
        deficit=np.concatenate(
            [standing.deficit, np.repeat(np.array(deficits)[:, None], types, 1)]
        ),
        cannot_run=np.concatenate([standing.cannot_run, np.array(cannot)]),
        type_time=standing.type_time,
        visits=standing.visits,
        time=standing.time,
        last_reset=standing.last_reset,
        placed=standing.placed,
    )
