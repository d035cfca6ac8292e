"""Where two runs part: compared to the last bit, rounds, placements and completion times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gavel_opt import InputError
from simulator.runs.columns import Columns
from simulator.runs.output.read_back import read_summary, read_table

if TYPE_CHECKING:
    from simulator.runs.output.results import RunResult


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """One side of a comparison.

    Attributes
    ----------
    name
        Folder or engine.
    summary
        As in ``summary.json``.
    jobs, rounds, placements
        Columns of the tables; the last may be missing.
    """

    name: str
    summary: dict[str, Any]
    jobs: Columns
    rounds: Columns
    placements: Columns | None


_TOLD = (
    *("status", "average_jct", "average_jct_partial", "average_jct_at_least", "jct_percentiles"),
    *("finish_time_fairness_percentiles", "makespan", "utilization", "cost", "cost_so_far"),
    *("slo_violations", "slo_violations_so_far", "jobs"),
)
"""What a summary tells of rounds and jobs, which may differ where these do not: other jobs measured, other prices."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two runs part.

    Attributes
    ----------
    round, time
        First round that differs and its simulated seconds; None if all rounds are equal.
    job
        First job that differs then.
    what
        One sentence.
    jobs_differ
        How many completion times differ, or exist on one side only.
    jobs
        How many jobs there are, on the side that has more.
    """

    round: int | None
    time: float | None
    job: int | None
    what: str
    jobs_differ: int
    jobs: int


def read_folder(folder: Path) -> Recorded:
    """Read a run folder.

    Raises
    ------
    InputError
        If it holds no finished run.
    """
    summary = read_summary(folder)
    rounds, placements = read_table(folder, "rounds"), None
    if (folder / "placements.parquet").exists():
        placements = read_table(folder, "placements")
        first, last = placements["first_round"], placements["last_round"]
        if not ((first <= last) & (first >= 0) & (last < rounds["round"].size)).all():
            raise InputError(f"{folder}/placements.parquet: rounds that are not in rounds.parquet")
    return Recorded(str(folder), summary, read_table(folder, "jobs"), rounds, placements)


def recorded(name: str, result: RunResult) -> Recorded:
    """Take a run that is in memory as one side."""
    return Recorded(name, result.summary, result.jobs, result.rounds, result.placements)


def difference(a: Recorded, b: Recorded) -> Difference | None:
    """Find where two runs part; None if they are equal to the last bit.

    With placements on both sides, the first round in which a job has other workers; otherwise the
    first round whose counts or times differ, and the first job to finish at another time.
    """
    number: int | None
    job: int | None
    late = _finish_times(a, b)
    differ = np.flatnonzero(~_same(*late))
    count, jobs = int(differ.size), late.shape[1]
    placed = _first_placement(a, b)
    if placed is not None:
        number, job, what = placed
        return Difference(number, _time_of(number, a, b), job, what, count, jobs)
    if differ.size:
        with np.errstate(invalid="ignore"):
            earliest = np.nan_to_num(np.fmin(*late[:, differ]), nan=np.inf)
        job = int(differ[np.argmin(earliest)])
        ends = [
            f"finishes at {end!r} s" if end == end else "does not finish"
            for end in late[:, job].tolist()
        ]
        what = f"job {job} {ends[0]} in {a.name} and {ends[1]} in {b.name}"
    else:
        job, what = None, ""
    number, column = _first_round(a, b)
    if number is None and job is None:
        told = next((name for name in _TOLD if a.summary.get(name) != b.summary.get(name)), None)
        if told is None:
            return None
        values = [side.summary.get(told) for side in (a, b)]
        what = f"{told} is {values[0]} in {a.name} and {values[1]} in {b.name}, of the same rounds"
        return Difference(None, None, None, what, count, jobs)
    if number is not None:
        values = [_value(side, column, number) for side in (a, b)]
        said = f"{column} is {values[0]} in {a.name} and {values[1]} in {b.name}"
        what = f"{said}; {what}" if what else said
    return Difference(number, _time_of(number, a, b), job, what, count, jobs)


def _finish_times(a: Recorded, b: Recorded) -> NDArray[np.float64]:
    """Finish times of both by job number, NaN where there is none, shape ``(2, jobs)``."""
    longest = max(side.jobs["job"].size for side in (a, b))
    found = np.full((2, longest), np.nan)
    for row, side in zip(found, (a, b), strict=True):
        row[side.jobs["job"]] = side.jobs["finish"].astype(np.float64)
    return found


def _same(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
    """Entry by entry, NaN equal to NaN."""
    same: NDArray[np.bool_] = (x == y) | ((x != x) & (y != y))
    return same


def _first_round(a: Recorded, b: Recorded) -> tuple[int | None, str]:
    """First round in which a common column differs, and the column."""
    first: int | None = None
    name = ""
    rounds = [side.rounds["round"].size for side in (a, b)]
    both = min(rounds)
    for column in a.rounds:
        if column not in b.rounds:
            continue
        differ = np.flatnonzero(~_same(a.rounds[column][:both], b.rounds[column][:both]))
        if differ.size and (first is None or differ[0] < first):
            first, name = int(differ[0]), column
    if first is None and rounds[0] != rounds[1]:
        return both, "round"
    return first, name


def _value(side: Recorded, column: str, number: int) -> str:
    values = side.rounds[column]
    return repr(values[number].item()) if number < values.size else "over"


def _time_of(number: int | None, a: Recorded, b: Recorded) -> float | None:
    if number is None:
        return None
    for side in (a, b):
        if number < side.rounds["time"].size:
            return float(side.rounds["time"][number])
    return None


def _first_placement(a: Recorded, b: Recorded) -> tuple[int, int, str] | None:
    """First round and job with other workers, where both sides recorded placements."""
    if a.placements is None or b.placements is None:
        return None
    clusters = [side.summary["config"]["cluster"] for side in (a, b)]
    kinds = None if clusters[0] == clusters[1] else sorted({*clusters[0], *clusters[1]})
    sides = [_sorted(side.placements, kinds) for side in (a, b) if side.placements is not None]
    both = min(side.shape[1] for side in sides)
    differ = np.flatnonzero((sides[0][:, :both] != sides[1][:, :both]).any(axis=0))
    if not differ.size and sides[0].shape == sides[1].shape:
        return None
    place = int(differ[0]) if differ.size else both
    entries = [side[:, place] for side in sides if place < side.shape[1]]
    number, job = min((int(entry[0]), int(entry[1])) for entry in entries)
    said = [
        f"{_runs(side, number, job, kinds)} in {name}"
        for name, side in zip((a.name, b.name), sides, strict=True)
    ]
    return number, job, f"job {job} {' and '.join(said)}"


def _runs(placed: NDArray[np.int64], number: int, job: int, kinds: Sequence[str] | None) -> str:
    """Where a job runs in a round, and beside whom."""
    mine = placed[1:, (placed[0] == number) & ((placed[1] == job) | (placed[2] == job))]
    if not mine.size:
        return "does not run"
    partner = int(mine[1, 0] if mine[0, 0] == job else mine[0, 0])
    beside = f" beside job {partner}" if partner >= 0 else ""
    if kinds is not None:
        names = [kinds[kind] for kind in mine[2].tolist()]
        listed = " and ".join(f"{names.count(name)} {name}" for name in dict.fromkeys(names))
        return f"runs on {listed}{beside}"
    listed = ", ".join(map(str, mine[2].tolist()))
    return f"runs on worker{'s' if mine.shape[1] > 1 else ''} {listed}{beside}"


def _sorted(placements: Columns, kinds: Sequence[str] | None) -> NDArray[np.int64]:
    """Rows (round, job, partner, worker) in that order, shape ``(4, entries)``.

    With ``kinds``, of two clusters, the place of the worker's type among them stands for the worker, whose number
    means another one there.
    """
    first = placements["first_round"]
    length = placements["last_round"] - first + 1
    which = np.repeat(np.arange(first.size), length)
    number = np.arange(which.size) - (np.cumsum(length) - length - first)[which]
    names = ("job", "partner", "worker")
    rows = [placements[name][which] for name in names]
    if kinds is not None:
        rows[-1] = np.searchsorted(kinds, placements["worker_type"].astype(np.str_))[which]
    table = np.stack([number, *rows])
    return table[:, np.lexsort(table[::-1])]
