"""Why every job waited, over a whole run: for a page that has no simulator to ask.

The reasons are those of :mod:`simulator.viewer.explanation`, found for all jobs of a round at once: of
entries with a share, what stood before them in the order of their worker type, and what was left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gavel_opt import InputError
from simulator.mechanism.inspection import Standing, inspect
from simulator.mechanism.mechanism import Mechanism
from simulator.runs.columns import Columns
from simulator.runs.simulation import Simulation
from simulator.viewer.choice import priorities
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
    open_: dict[int, tuple[int, int]] = {}
    done: list[tuple[int, int, int, int]] = []
    last = -1
    for number in waiting.tolist():
        simulation.advance(number + 1 - simulation.rounds)
        if simulation.rounds != number + 1:
            break
        assert isinstance(simulation.mechanism, Mechanism)
        found = reasons(inspect(simulation.mechanism), simulation.cluster)
        now: dict[int, tuple[int, int]] = {}
        for job, reason in found:
            before = open_.pop(job, None) if last == number - 1 else None
            if before is not None and before[0] == reason:
                now[job] = before
            else:
                if before is not None:
                    done.append((job, before[1], last, before[0]))
                now[job] = (reason, number)
        done += [(job, first, last, reason) for job, (reason, first) in open_.items()]
        open_, last = now, number
    done += [(job, first, last, reason) for job, (reason, first) in open_.items()]
    simulation.advance(max(0, int(recorded["time"].size) - simulation.rounds))
    check_same_rounds(simulation, recorded)
    table = np.array(sorted(done), dtype=np.int64).reshape(-1, 4)
    return dict(zip(("job", "first", "last", "reason"), table.T, strict=True))


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


def reasons(standing: Standing, cluster: Cluster) -> list[tuple[int, int]]:
    """Each job that waits in a round with its reason's place in :data:`REASONS`, in order of job."""
    placed = np.array(standing.placed, dtype=np.int64).reshape(-1, 3)
    kind_of = {}
    for job, partner, kind in zip(
        *placed[:, :2].T.tolist(), _type_of(placed[:, 2], cluster).tolist(), strict=True
    ):
        kind_of[job] = kind
        if partner >= 0:
            kind_of[partner] = kind
    rows = np.flatnonzero(standing.second < 0).tolist()
    waiting = {job: row for row in rows if (job := int(standing.first[row])) not in kind_of}
    decisions: dict[int, set[str]] = {job: set() for job in waiting}
    running = {(job, partner) for job, partner, _ in standing.placed}
    visited: set[int] = set()
    for j in standing.visits.tolist():
        _decide_on_type(standing, j, int(cluster.workers[j]), running, kind_of, visited, decisions)
        visited.add(j)
    return [
        (job, REASONS.index(_reason(bool(standing.allocated[row]), decisions[job])))
        for job, row in sorted(waiting.items())
    ]


def _decide_on_type(
    standing: Standing,
    j: int,
    workers: int,
    running: set[tuple[int, int]],
    kind_of: dict[int, int],
    visited: set[int],
    decisions: dict[int, set[str]],
) -> None:
    """Go through the entries with a share on one type; those without come behind them all."""
    with_share = np.flatnonzero(standing.share[:, j] > 0)
    priority, _ = priorities(standing, j)
    ranked = with_share[
        np.lexsort(
            (
                standing.order[with_share],
                -standing.share[with_share, j],
                -standing.deficit[with_share, j],
                -priority[with_share],
            )
        )
    ]
    free = workers
    taken: set[int] = set()
    for row in ranked.tolist():
        entry = (int(standing.first[row]), int(standing.second[row]))
        scale = int(standing.scale[row])
        if entry in running and kind_of[entry[0]] == j:
            free -= scale
            taken |= set(entry)
            continue
        mine = [job for job in entry if job in decisions]
        if not mine:
            continue
        if any(job in taken or kind_of.get(job) in visited for job in entry if job >= 0):
            decision = "taken before"
        elif standing.cannot_run[row, j]:
            decision = "cannot run"
        else:
            decision = "too large" if 0 < free < scale else "full"
        for job in mine:
            decisions[job].add(decision)


def _reason(allocated: bool, decisions: set[str]) -> str:
    if not allocated:
        return "no allocation yet"
    if not decisions:
        return "share 0"
    if "too large" in decisions:
        return "did not fit"
    return "taken with another" if decisions == {"taken before"} else "outranked"


def _type_of(workers: NDArray[np.int64], cluster: Cluster) -> NDArray[np.int64]:
    return np.searchsorted(cluster.first_worker, workers, side="right") - 1
