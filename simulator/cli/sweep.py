"""``gavel-sim sweep``: many runs, each in a folder of its own, and one table of all.

Runs that are done are kept: the same command goes on where an earlier one stopped. What the runs
give does not depend on how many processes carry them out; what they cost is in a table apart.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gavel_opt import InputError
from simulator.runs.config import GIVEN, RunConfig
from simulator.runs.files import write_atomically
from simulator.runs.options import add_run_arguments, output_folder, positive_int
from simulator.studies.batch import Batch, Task, complain, run_batch
from simulator.studies.executors import EXECUTORS, Outcome, Payload, make_executor
from simulator.studies.sweep_plan import PlannedRun, make_plan, plan_from_file

UNFINISHED = ".unfinished"
"""Folder, within the sweep's, of runs on their way; a run moves out of it when it is whole."""

FAILURES = "failures"
"""Folder, within the sweep's, of tracebacks."""

RESULTS = (
    "status",
    "average_jct",
    "partial",
    "makespan",
    "utilization",
    "rounds",
    "allocations",
    "lease_extensions",
    "lease_extension_opportunities",
    "cost",
    "slo_violations",
)
"""What of a summary goes into the table, by its name there."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim sweep``."""
    parser.epilog = (
        "Every setting of a run takes several values here, with spaces, commas or as a range (0-9,\n"
        "4:6:0.4), and all combinations are run:\n"
        "  gavel-sim sweep --policy max_min_fairness,gandiva --rate 4 5 --window 4000:5000 \\\n"
        "      --seed 0-2 --output sweep\n"
        "In a file, a setting is a flag without its dashes and a list means each of its values;\n"
        "[[case]] tables take what stands above them (docs/experiments.md)."
    )
    parser.add_argument("file", nargs="?", metavar="FILE.toml", help="settings of the runs")
    where = parser.add_argument_group("where")
    where.add_argument(
        "--output", metavar="DIR", default="sweep", help="folder of the results (default: sweep)"
    )
    where.add_argument(
        "--processes", metavar="N", type=positive_int, help="runs at once (default: one a core)"
    )
    where.add_argument(
        "--executor", choices=list(EXECUTORS), default="local", help="default: local"
    )
    where.add_argument("--dry-run", action="store_true", help="list the runs and stop")
    add_run_arguments(parser, lists=GIVEN)


def run(arguments: argparse.Namespace) -> int:
    """Carry out a sweep; exit status 3 if some runs failed."""
    plan = plan_of(arguments)
    if arguments.dry_run:
        for planned in plan:
            print(planned.name)
        return 0
    folder = output_folder(arguments.output)
    if folder is None:
        raise InputError("--output: is required")
    executor = make_executor(arguments.executor, arguments.processes)
    tasks = [Task(one.name, _payload(one.config, folder / one.name)) for one in plan]
    batch = run_batch(executor, simulate, tasks, _load, _keep, "sweep", folder / FAILURES)
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
    if batch.done:
        write_tables(folder, plan, batch)
    return report(folder, plan, batch)


def plan_of(arguments: argparse.Namespace) -> list[PlannedRun]:
    """Make the plan from the file, the flags, or both: flags replace settings of the same name."""
    given = {
        setting.word: value
        for name, setting in GIVEN.items()
        if (value := getattr(arguments, name)) is not None
    }
    if arguments.file is None:
        return make_plan([("", given)])
    if given:
        flag = next(iter(given))
        raise InputError(
            f"--{flag}: cannot be combined with a file; write it into {arguments.file}"
        )
    return plan_from_file(Path(arguments.file))


def simulate(payload: Payload) -> dict[str, Any]:
    """Carry out one run and move its folder into place; the work of a sweep."""
    from simulator.runs.runner import execute

    folder = Path(payload["folder"])
    started = time.process_time()
    result = execute(RunConfig.from_json(payload["config"]))
    result.summary["time"].setdefault("cpu", time.process_time() - started)
    unfinished = folder.parent / UNFINISHED / folder.name
    shutil.rmtree(unfinished, ignore_errors=True)
    result.write(unfinished)
    unfinished.rename(folder)
    return _row(result.summary)


def write_tables(folder: Path, plan: Sequence[PlannedRun], batch: Batch) -> None:
    """Write ``summary.csv``, ``summary.parquet`` and ``times.csv``, runs in the plan's order."""
    from simulator.runs.results import parquet

    settings = list(dict.fromkeys(name for one in plan for name in one.settings))
    rows: list[dict[str, Any]] = []
    times: list[dict[str, Any]] = []
    for one in plan:
        row: dict[str, Any] = {"run": one.name}
        row |= {name: one.settings.get(name) for name in settings}
        found = batch.done.get(one.name)
        row |= dict.fromkeys(RESULTS) if found is None else found["result"]
        row["error"] = batch.failed.get(one.name)
        rows.append(row)
        if found is not None:
            times.append({"run": one.name} | found["time"])
    write_atomically(folder / "summary.csv", csv_of(rows))
    columns: dict[str, Any] = {name: _column([row[name] for row in rows]) for name in rows[0]}
    write_atomically(folder / "summary.parquet", parquet(columns))
    write_atomically(folder / "times.csv", csv_of(times))


def csv_of(rows: Sequence[dict[str, Any]]) -> bytes:
    """Write rows as CSV; columns are those of all rows, in the order in which they appear."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def report(folder: Path, plan: Sequence[PlannedRun], batch: Batch) -> int:
    """Say in a few lines what came of it, and return the exit status."""
    endings: dict[str, int] = {}
    for one in plan:
        if one.name in batch.done:
            status = batch.done[one.name]["result"]["status"]
            endings[status] = endings.get(status, 0) + 1
    said = ", ".join(f"{count} {status}" for status, count in sorted(endings.items()))
    before = f" ({batch.resumed} of them before)" if batch.resumed else ""
    print(f"{len(batch.done)} of {len(plan)} runs done{before}{': ' + said if said else ''}")
    if batch.done:
        print(f"table: {folder / 'summary.csv'}")
    complain(batch)
    return 3 if batch.failed else 0


def _payload(config: RunConfig, folder: Path) -> Payload:
    return {"config": config.to_json(), "folder": str(folder)}


def _load(task: Task) -> dict[str, Any] | None:
    """Find the summary of a run that is done; only whole runs are in their place."""
    folder = Path(task.payload["folder"])
    if not folder.exists():
        return None
    try:
        summary = json.loads((folder / "summary.json").read_bytes())
        theirs = summary["config"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"--output: {folder} is not a run's folder; remove it or choose another --output"
        ) from None
    ours = json.loads(json.dumps(task.payload["config"]))
    for name in ours:
        if theirs.get(name) != ours[name]:
            raise InputError(
                f"--output: {folder} holds a run with other settings ({name}: "
                f"{theirs.get(name)!r} there, {ours[name]!r} here); choose another --output"
            )
    return {"result": _row(summary), "time": summary["time"]}


def _keep(task: Task, outcome: Outcome) -> dict[str, Any]:
    """Read back what the run's process wrote."""
    kept = _load(task)
    if kept is None:
        raise InputError(f"--output: {task.payload['folder']} went away while the sweep ran")
    return kept


def _row(summary: dict[str, Any]) -> dict[str, Any]:
    return {name: summary.get(name) for name in RESULTS}


def _column(values: list[Any]) -> list[Any]:
    """One kind of value in a column: text where settings mix numbers and text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and float in kinds:
        return [None if value is None else float(value) for value in values]
    return values if len(kinds) < 2 else [None if value is None else str(value) for value in values]
