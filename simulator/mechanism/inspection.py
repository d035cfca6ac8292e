"""What the mechanism went by when it chose the last round, for those who want to see it.

Between the choice of a round and the accounts of the next nothing changes of what the choice went by,
so it can be read when a run of rounds has come back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.mechanism.mechanism import Mechanism
from simulator.mechanism.records import LEFT


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Jobs and pairs with what they have received, as of the last round that was chosen.

    An entry is a job, or a pair that is kept; M of them, jobs first, in order of job number.

    Attributes
    ----------
    first, second
        Job numbers, shape ``(M,)``; second -1 for a job alone.
    key, scale
        Key (of the first) and scale factor, shape ``(M,)``.
    order
        Ties go to the smaller, shape ``(M,)``.
    allocated
        Whether the job was there at the last recomputation, or the pair has a share, shape ``(M,)``.
    share, received, deficit
        By worker type, shape ``(M, J)``; seconds since the last reset.
    cannot_run
        Whether a job of the entry has no throughput on the type that way, shape ``(M, J)``.
    type_time
        Seconds received on each type since the last reset, by all, shape ``(J,)``.
    visits
        Worker types in the order in which the round filled them, shape ``(J,)``.
    time, last_reset
        Simulated seconds at the start of the round, and at the last recomputation.
    placed
        Who runs: job, partner or -1, worker; shape ``(n, 3)``.
    """

    first: np.ndarray
    second: np.ndarray
    key: np.ndarray
    scale: np.ndarray
    order: np.ndarray
    allocated: np.ndarray
    share: np.ndarray
    received: np.ndarray
    deficit: np.ndarray
    cannot_run: np.ndarray
    type_time: np.ndarray
    visits: np.ndarray
    time: float
    last_reset: float
    placed: np.ndarray


def inspect(mechanism: Mechanism) -> Standing:
    """Read the standing of the last round (copies)."""
    world = mechanism.world
    count, base = world.counts[0], len(world.candidates)
    gone = world.candidates["selected_round"] == LEFT
    kept = np.arange(base, base + count["pairs"])
    pairs = world.entries[kept]
    kept = kept[~(gone[pairs["first"]] | gone[pairs["second"]])]
    rows = np.concatenate([np.flatnonzero(~gone[: count["slots"]]), kept]).astype(np.int64)
    entries, ledger = world.entries[rows], world.ledger[rows]
    number = world.entries["number"].astype(np.int64)
    first, second = number[entries["first"]], number[np.maximum(entries["second"], 0)]
    paired = entries["second"] >= 0
    return Standing(
        first=first,
        second=np.where(paired, second, -1),
        key=world.entries["key"][entries["first"]].astype(np.int64),
        scale=entries["scale"].astype(np.int64),
        order=np.where(paired, (second << 32) + first + 1, first << 32),
        allocated=entries["allocated"].copy(),
        share=ledger["share"].copy(),
        received=ledger["received"].copy(),
        deficit=ledger["deficit"].copy(),
        cannot_run=ledger["cannot_run"].copy(),
        type_time=world.types["received"].copy(),
        visits=world.visits.copy(),
        time=mechanism.time,
        last_reset=float(world.clock["last_reset"][0]),
        placed=mechanism.placements(),
    )
