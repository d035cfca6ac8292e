"""``gavel-sim compare``: two run folders, or one run on several engines; what differs, from when.

Runs are compared to the last bit. Exit status 0 if they are equal, 1 if they differ, 3 if the others
are equal but an engine's run failed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavel_opt import GavelError, InputError, MissingLibraryError, known_engines
from simulator.runs.config import GIVEN
from simulator.runs.options import add_run_arguments, add_setting, config_from, values_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from simulator.runs.columns import Columns
    from simulator.runs.results import RunResult


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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim compare``."""
    parser.usage = (
        "gavel-sim compare RUN_A RUN_B [--json]\n"
        "       gavel-sim compare --engine all|A,B,... <flags of gavel-sim run>"
    )
    parser.add_argument("folders", nargs="*", metavar="RUN", help="two run folders")
    add_setting(
        parser,
        GIVEN["engine"],
        several=True,
        old="--engines",
        help="run on each and compare with the first; or all",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON, only that")
    add_run_arguments(parser, leave_out=("engine",))


def run(arguments: argparse.Namespace) -> int:
    """Compare and print; 0 if all are equal, 1 if some differ, 3 if the rest is but some failed."""
    failed: list[str] = []
    if arguments.engine is not None:
        if arguments.folders:
            raise InputError("--engine: runs anew, so it cannot be combined with run folders")
        runs, skipped, failed = _on_engines(arguments)
    else:
        if len(arguments.folders) != 2:
            raise InputError(
                f"expected two run folders, or --engine; found {len(arguments.folders)}"
            )
        runs, skipped = [read_folder(Path(folder)) for folder in arguments.folders], {}
    findings = [difference(runs[0], other) for other in runs[1:]]
    if arguments.json:
        print(json.dumps(_as_json(runs, findings, skipped), indent=2))
    else:
        print(_as_text(runs, findings, skipped))
    if any(findings):
        return 1
    return 3 if failed else 0


def read_folder(folder: Path) -> Recorded:
    """Read a run folder.

    Raises
    ------
    InputError
        If it holds no finished run.
    """
    from simulator.runs.run_folder import read_summary, read_table

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
    import numpy as np

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
        return None
    if number is not None:
        values = [_value(side, column, number) for side in (a, b)]
        said = f"{column} is {values[0]} in {a.name} and {values[1]} in {b.name}"
        what = f"{said}; {what}" if what else said
    return Difference(number, _time_of(number, a, b), job, what, count, jobs)


def _finish_times(a: Recorded, b: Recorded) -> NDArray[np.float64]:
    """Finish times of both by job number, NaN where there is none, shape ``(2, jobs)``."""
    import numpy as np

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
    import numpy as np

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
    import numpy as np

    if a.placements is None or b.placements is None:
        return None
    sides = [_sorted(side.placements) for side in (a, b) if side.placements is not None]
    both = min(side.shape[1] for side in sides)
    differ = np.flatnonzero((sides[0][:, :both] != sides[1][:, :both]).any(axis=0))
    if not differ.size and sides[0].shape == sides[1].shape:
        return None
    place = int(differ[0]) if differ.size else both
    entries = [side[:, place] for side in sides if place < side.shape[1]]
    number, job = min((int(entry[0]), int(entry[1])) for entry in entries)
    workers = []
    for side in sides:
        mine = side[3, (side[0] == number) & ((side[1] == job) | (side[2] == job))]
        listed = ", ".join(map(str, mine.tolist()))
        workers.append(f"on worker{'s' if mine.size > 1 else ''} {listed}" if mine.size else "not")
    return number, job, f"job {job} runs {workers[0]} in {a.name} and {workers[1]} in {b.name}"


def _sorted(placements: Columns) -> NDArray[np.int64]:
    """Rows (round, job, partner, worker) in that order, shape ``(4, entries)``."""
    import numpy as np

    first = placements["first_round"]
    length = placements["last_round"] - first + 1
    which = np.repeat(np.arange(first.size), length)
    number = np.arange(which.size) - (np.cumsum(length) - length - first)[which]
    names = ("job", "partner", "worker")
    table = np.stack([number, *(placements[name][which] for name in names)])
    return table[:, np.lexsort(table[::-1])]


def _on_engines(
    arguments: argparse.Namespace,
) -> tuple[list[Recorded], dict[str, str], list[str]]:
    """Run one configuration on each engine; also which were left out and why, and whose run failed."""
    from simulator.runs.runner import execute

    everything = arguments.engine == ["all"]
    given = list(known_engines()) if everything else arguments.engine
    names = values_of(given, GIVEN["engine"])
    runs: list[Recorded] = []
    skipped: dict[str, str] = {}
    broken: list[str] = []
    for name in names:
        config = config_from(arguments, engine=name)
        try:
            if sys.stderr.isatty():
                print(f"running on {name} ...", file=sys.stderr)
            result = execute(config, placements=True)
        except MissingLibraryError as missing:
            if not everything:
                raise
            skipped[name] = str(missing)
            continue
        except GavelError as failed:
            if not everything or isinstance(failed, InputError):
                raise
            skipped[name] = f"failed: {failed}"
            broken.append(name)
            continue
        runs.append(recorded(name, result))
    if len(runs) < 2:
        reasons = "; ".join(f"{name}: {why}" for name, why in skipped.items())
        raise InputError(
            f"--engine: at least two are needed that run{': ' if reasons else ''}{reasons}"
        )
    return runs, skipped, broken


def _as_json(
    runs: list[Recorded], findings: list[Difference | None], skipped: dict[str, str]
) -> dict[str, Any]:
    return {
        "equal": not any(findings),
        "reference": runs[0].name,
        "runs": [
            {
                "name": side.name,
                "status": side.summary["status"],
                "average_jct": side.summary["average_jct"],
                "fallbacks": _elsewhere(side),
                "difference": None
                if found is None
                else {name: getattr(found, name) for name in Difference.__slots__},
            }
            for side, found in zip(runs, [None, *findings], strict=True)
        ],
        "skipped": skipped,
    }


def _as_text(
    runs: list[Recorded], findings: list[Difference | None], skipped: dict[str, str]
) -> str:
    width = max(len(side.name) for side in runs)
    lines = [f"  {'':<{width}}  {'mean JCT (s)':>14}  {'status':<10}  against {runs[0].name}"]
    for side, found in zip(runs, [None, *findings], strict=True):
        mean = side.summary["average_jct"]
        shown = "none" if mean is None else f"{mean:,.2f}"
        if side is runs[0]:
            verdict = "-"
        elif found is None:
            verdict = "equal to the last bit"
        else:
            verdict = f"{found.jobs_differ:,} of {found.jobs:,} completion times differ"
        elsewhere = _elsewhere(side)
        if elsewhere:
            verdict += f"; {elsewhere:,} answers refused and found elsewhere"
        lines.append(
            f"  {side.name:<{width}}  {shown:>14}  {side.summary['status']:<10}  {verdict}"
        )
    for found in findings:
        if found is None:
            continue
        when = (
            f"from round {found.round} ({found.time / 3600:,.1f} h): "
            if found.round is not None and found.time is not None
            else ""
        )
        lines.append(f"  {when}{found.what}")
    settings = _settings(runs) if len(runs) == 2 else []
    lines += [f"  setting {line}" for line in settings]
    lines += [f"  left out {name}: {why}" for name, why in skipped.items()]
    return "\n".join(lines)


def _elsewhere(side: Recorded) -> int:
    """How many of an engine's answers were refused and found along the fallback chain."""
    return int(side.summary.get("solve", {}).get("fallbacks", 0))


def _settings(runs: list[Recorded]) -> list[str]:
    """Settings in which two runs differ."""
    a, b = (side.summary["config"] for side in runs)
    return [f"{name}: {a.get(name)} and {b.get(name)}" for name in a if a.get(name) != b.get(name)]
