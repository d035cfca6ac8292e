"""Why every job waited, over a whole run: for a page that has no simulator to ask.

The reasons are those of :mod:`simulator.viewer.reasons`, found for all jobs of a round at once: of
entries with a share, what stood before them in the order of their worker type, and what was left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gavel_opt import InputError
from gavel_opt.arrays import Bools, Ints
from simulator.mechanism.inspection import Standing, inspect
from simulator.mechanism.mechanism import Mechanism
from simulator.runs.columns import Columns
from simulator.runs.simulation import Simulation
from simulator.viewer.choice_again import priority_of
from simulator.viewer.column_file import pack
from simulator.viewer.resimulation import check_same_rounds, check_trusted
from simulator.viewer.run_folder import RunFolder
from simulator.world.cluster import Cluster

WAITED = {
    "no allocation yet": "it has no allocation yet, since it arrived after the last recomputation",
    "share 0": "its share is 0 on every worker type",
    "outranked": "others came before it on every worker type on which it has a share",
    "did not fit": "it did not fit in what was left when its turn came",
    "taken with another": "the pairs that it is in lost a member to another pair",
}
"""Reason to the end of a sentence."""

REASONS = tuple(WAITED)
_PLACE = {reason: place for place, reason in enumerate(REASONS)}

_TAKEN_BEFORE, _CANNOT_RUN, _TOO_LARGE, _FULL = 1, 2, 4, 8
"""What may keep a job from running on a type."""

_NONE = np.zeros(0, dtype=np.int64)

_BATCH = 100_000
"""Entries and workers in use that are gone through at once."""

MOST_LOOKED_AT = 10_000_000
"""Jobs and workers, summed over rounds in which a job waits, that are gone through: about a minute."""


def waits(run: RunFolder, run_code: bool = False) -> Columns:
    """Stretches of rounds in which a job waited for one reason.

    Returns
    -------
    dict
        ``job``, ``reason`` (place in :data:`REASONS`), ``first`` and ``last`` round, in order of job
        and round.

    Raises
    ------
    InputError
        If the run cannot be carried out again, gives other rounds, or is too large.
    """
    config, recorded = run.config, run.tables["rounds"]
    check_trusted(config, run_code)
    if config.ideal:
        raise InputError("an --ideal run has no rounds")
    if config.profiling_percentage < 1 or config.reference_models is not None:
        raise InputError("estimated throughputs of pairs are not kept")
    waiting = np.flatnonzero(recorded["queued"] > 0)
    workers = sum(config.cluster.values())
    if int(recorded["active"][waiting].sum()) + workers * waiting.size > MOST_LOOKED_AT:
        raise InputError("the run is too large to go through all rounds in which jobs wait")
    simulation = Simulation(config)
    found, batch, size = [], [], 0
    for number in waiting.tolist():
        simulation.advance(number + 1 - simulation.rounds)
        if simulation.rounds != number + 1:
            break
        assert isinstance(simulation.mechanism, Mechanism)
        standing = inspect(simulation.mechanism)
        batch.append((number, standing))
        size += standing.first.size + len(standing.placed)
        if size > _BATCH:
            found.append(reasons(batch, simulation.cluster))
            batch, size = [], 0
    found.append(reasons(batch, simulation.cluster))
    simulation.advance(max(0, int(recorded["time"].size) - simulation.rounds))
    check_same_rounds(simulation, recorded)
    return stretches(*(np.concatenate(column) for column in zip(*found, strict=True)))


def stretches(number: Ints, job: Ints, reason: Ints) -> Columns:
    """Join rounds in which a job waits for one reason, one after the other, to what :func:`waits` returns."""
    order = np.lexsort((number, job))
    number, job, reason = number[order], job[order], reason[order]
    begins = np.ones(job.size, dtype=bool)
    begins[1:] = (
        (job[1:] != job[:-1]) | (reason[1:] != reason[:-1]) | (number[1:] != number[:-1] + 1)
    )
    ends = np.append(begins[1:], True)[: job.size]
    return {
        "job": job[begins],
        "first": number[begins],
        "last": number[ends],
        "reason": reason[begins],
    }


def packed(found: Columns, jobs: int) -> bytes:
    """Pack what :func:`waits` found, job by job.

    ``gap`` is the number of rounds since the job's last stretch ended, ``rounds`` how many more than
    one it lasts.
    """
    gap = found["first"].copy()
    same = found["job"][1:] == found["job"][:-1]
    gap[1:][same] -= found["last"][:-1][same] + 1
    columns = {
        "count": np.bincount(found["job"], minlength=jobs),
        "gap": gap,
        "rounds": found["last"] - found["first"],
        "reason": found["reason"],
    }
    return pack({"reasons": list(WAITED.values())}, columns)


def reasons(rounds: Sequence[tuple[int, Standing]], cluster: Cluster) -> tuple[Ints, Ints, Ints]:
    """Find who waits in some rounds, and why: round, job, and the reason's place in :data:`REASONS`.

    Entries of all rounds stand in one table, so that a hundred rounds cost little more than one.
    """
    if not rounds:
        return _NONE, _NONE, _NONE
    standings = [standing for _, standing in rounds]
    table = _Entries(standings, cluster)
    found = _decisions(table, standings, cluster)
    row = np.flatnonzero((table.second < 0) & (table.ran_on < 0))
    bits = found[row]
    allocated = np.concatenate([one.allocated for one in standings])[row].astype(bool)
    reason = np.select(
        [~allocated, bits == 0, bits & _TOO_LARGE > 0, bits == _TAKEN_BEFORE],
        [
            _PLACE["no allocation yet"],
            _PLACE["share 0"],
            _PLACE["did not fit"],
            _PLACE["taken with another"],
        ],
        _PLACE["outranked"],
    )
    numbers = np.array([number for number, _ in rounds], dtype=np.int64)
    return numbers[table.round[row]], table.first[row], reason.astype(np.int64)


class _Entries:
    """Jobs and pairs of several rounds, one behind the other.

    Attributes
    ----------
    round, first, second, scale
        Place of the round, jobs (second -1 for a job alone), workers that it needs; shape ``(M,)``.
    own, other
        Rows of the two jobs alone, shape ``(M,)``; both the same for a job alone.
    runs
        Whether the entry itself runs, shape ``(M,)``.
    ran_on
        Worker type on which the job runs, alone or not, -1 for none; of rows of jobs alone.
    """

    def __init__(self, standings: Sequence[Standing], cluster: Cluster) -> None:
        sizes = [one.first.size for one in standings]
        self.round = np.repeat(np.arange(len(sizes)), sizes)
        self.first, self.second, self.scale = (
            np.concatenate([getattr(one, name) for one in standings])
            for name in ("first", "second", "scale")
        )
        alone = np.flatnonzero(self.second < 0)
        self._jobs = int(self.first.max(initial=0)) + 1
        keys = self.round[alone] * self._jobs + self.first[alone]
        order = np.argsort(keys)
        self._alone, self._keys = alone[order], keys[order]
        self.own = self._row_of(self.round, self.first)
        self.other = self._row_of(self.round, np.where(self.second < 0, self.first, self.second))

        placed = np.concatenate([one.placed for one in standings])
        at = np.repeat(np.arange(len(sizes)), [len(one.placed) for one in standings])
        kind = np.searchsorted(cluster.first_worker, placed[:, 2], side="right") - 1
        self.ran_on = np.full(self.first.size, -1)
        partner = np.full(self.first.size, -1)
        paired = placed[:, 1] >= 0
        own = self._row_of(at, placed[:, 0])
        other = self._row_of(at[paired], placed[paired, 1])
        self.ran_on[own], partner[own] = kind, placed[:, 1]
        self.ran_on[other] = kind[paired]
        self.runs = (self.ran_on[self.own] >= 0) & (partner[self.own] == self.second)
        self.runs[other] = False

    def _row_of(self, at: Ints, job: Ints) -> Ints:
        """Rows of jobs alone."""
        found: Ints = self._alone[np.searchsorted(self._keys, at * self._jobs + job)]
        return found


def _decisions(table: _Entries, standings: Sequence[Standing], cluster: Cluster) -> Ints:
    """What kept each job that waits from running, on all types on which it has a share, as bits; shape ``(M,)``.

    Entries without a share come behind all that have one.
    """
    share, received, deficit, cannot = (
        np.concatenate([getattr(one, name) for one in standings])
        for name in ("share", "received", "deficit", "cannot_run")
    )
    given = np.array([one.type_time for one in standings])
    visit = np.argsort(np.array([one.visits for one in standings]), axis=1)
    row, kind = np.nonzero(share > 0)
    taken = table.runs[row] & (table.ran_on[table.own[row]] == kind)
    idle = table.ran_on < 0
    matters = taken | idle[table.own[row]] | idle[table.other[row]]
    row, kind, taken = row[matters], kind[matters], taken[matters]
    at = table.round[row]
    total = given[at, kind]
    fraction = np.divide(received[row, kind], total, out=np.zeros(row.size), where=total != 0)
    priority = priority_of(share[row, kind], fraction, cannot[row, kind])
    order = np.concatenate([one.order for one in standings])[row]
    queue = at * given.shape[1] + kind
    ranked = np.lexsort((order, -share[row, kind], -deficit[row, kind], -priority, queue))
    row, kind, at, queue, taken = (one[ranked] for one in (row, kind, at, queue, taken))

    scale = table.scale[row]
    before = np.cumsum(scale * taken) - scale * taken
    begins = np.append(True, queue[1:] != queue[:-1])[: queue.size]
    free = cluster.workers[kind] - (before - before[begins][np.cumsum(begins) - 1])
    taken_at = np.full(table.first.size, row.size)
    for member in (table.own, table.other):
        taken_at[member[row[taken]]] = np.flatnonzero(taken)

    def earlier(job: Ints) -> Bools:
        ran_on = table.ran_on[job]
        sooner = visit[at, ran_on] < visit[at, kind]
        here = (ran_on == kind) & (taken_at[job] < np.arange(row.size))
        found: Bools = (ran_on >= 0) & (sooner | here)
        return found

    jobs = table.own[row], table.other[row]
    decision = np.select(
        [earlier(jobs[0]) | earlier(jobs[1]), cannot[row, kind] > 0, (free > 0) & (free < scale)],
        [_TAKEN_BEFORE, _CANNOT_RUN, _TOO_LARGE],
        _FULL,
    )
    found = np.zeros(table.first.size, dtype=np.int64)
    for job in jobs:
        np.bitwise_or.at(found, job[~taken], decision[~taken])
    return found
