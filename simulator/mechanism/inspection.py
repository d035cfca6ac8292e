"""What the mechanism went by when it chose the last round, for those who want to see it.

Between the choice of a round and the accounts of the next nothing changes of what the choice went by,
so it can be read when a run of rounds has come back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.mechanism import layout as at
from simulator.mechanism.mechanism import Mechanism


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
        Who runs: ``(job, partner or -1, worker)``.
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
    placed: list[tuple[int, int, int]]


def inspect(mechanism: Mechanism) -> Standing:
    """Read the standing of the last round (copies)."""
    m = mechanism
    types, base = m._types, m._base
    slots, pairs = int(m._count[at.SLOTS]), int(m._count[at.PAIRS])
    gone = m._taken == at.GONE
    kept = np.arange(base, base + pairs)
    members = m._entry_i[kept][:, [at.FIRST, at.SECOND]]
    kept = kept[~gone[members].any(axis=1)]
    rows = np.concatenate([np.flatnonzero(~gone[:slots]), kept]).astype(np.int64)
    entry_f, entry_i = m._entry_f[rows], m._entry_i[rows]
    number = m._entry_i[:, at.NUMBER]
    second = entry_i[:, at.SECOND]
    return Standing(
        first=number[entry_i[:, at.FIRST]],
        second=np.where(second >= 0, number[np.maximum(second, 0)], -1),
        key=m._entry_i[entry_i[:, at.FIRST], at.KEY],
        scale=entry_i[:, at.SCALE].copy(),
        order=entry_i[:, at.PLACE].copy(),
        allocated=entry_i[:, at.ALLOCATED] == 1,
        share=entry_f[:, :types].copy(),
        received=entry_f[:, types : 2 * types].copy(),
        deficit=entry_f[:, 2 * types : 3 * types].copy(),
        cannot_run=(entry_i[:, at.DEAD][:, None] >> np.arange(types)) & 1 == 1,
        type_time=m._type_f[:, at.RECEIVED].copy(),
        visits=m._types_now.copy(),
        time=m.time,
        last_reset=float(m._clock[at.LAST_RESET]),
        placed=m.placements(),
    )
