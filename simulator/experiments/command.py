"""``gavel-sim figure``: one of the paper's experiments, with its table and its plot."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gavel_opt import InputError, unknown_name
from simulator.batch import Batch, Store, complain, run_batch
from simulator.executors import make_executor
from simulator.experiments import FIGURES, find
from simulator.experiments.experiment import Choices, Experiment
from simulator.experiments.tables import seconds, write_csv
from simulator.options import TIE_BREAKS, output_folder, positive, positive_int, window

POINTS = "points"
"""Folder, within the output, of one file a point."""

FAILURES = "failures"
"""Folder, within the output, of tracebacks."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim figure``."""
    width = max(map(len, FIGURES))
    rows = "\n".join(f"  {name:<{width}}  {what}" for name, (_, what) in FIGURES.items())
    parser.epilog = (
        f"figures:\n{rows}\n\n"
        "Each point is kept as it finishes; the same command goes on where it stopped.\n"
        "A quick look: gavel-sim figure 9 --seeds 0 --at 4 5.2 --jobs-window 400:500"
    )
    parser.add_argument("figure", metavar="FIGURE", help=f"one of: {', '.join(FIGURES)}")
    what = parser.add_argument_group("what is run")
    what.add_argument(
        "--seeds", metavar="N", nargs="+", default=["0", "1", "2"], help="default: 0 1 2"
    )
    what.add_argument(
        "--policies", metavar="NAME", nargs="+", help="curves to run (default: those of the paper)"
    )
    what.add_argument(
        "--at",
        metavar="X",
        nargs="+",
        help="points of the horizontal axis to run, job rates or numbers of jobs (default: all)",
    )
    what.add_argument(
        "--jobs-window",
        metavar="START:END",
        type=window,
        default=(4000, 5000),
        help="jobs to measure (default: 4000:5000, as in the paper)",
    )
    what.add_argument("--engine", metavar="NAME", default="auto", help="solver (default: auto)")
    what.add_argument(
        "--tie-break", metavar="NAME", default="canonical", help=f"one of: {', '.join(TIE_BREAKS)}"
    )
    what.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=positive,
        default=float("inf"),
        help="wall clock that a run may take; its point is then labelled, not drawn",
    )
    where = parser.add_argument_group("where")
    where.add_argument("--output", metavar="DIR", help="default: figure-N")
    where.add_argument(
        "--processes", metavar="N", type=positive_int, help="runs at once (default: one a core)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Carry out an experiment; exit status 3 if some of its points failed."""
    experiment = find(arguments.figure)
    choices = _choices(arguments)
    folder = output_folder(arguments.output or f"figure-{experiment.figure}")
    if folder is None:
        raise InputError("--output: is required")
    tasks = experiment.tasks(choices)
    if not tasks:
        raise InputError("--at: none of the chosen curves has a point there")
    store = Store(folder / POINTS)
    processes = 1 if experiment.one_at_a_time else arguments.processes
    executor = make_executor("local", processes)
    started = time.perf_counter()
    title = f"figure {experiment.figure}"
    batch = run_batch(
        executor, experiment.work, tasks, store.load, store.keep, title, folder / FAILURES
    )
    took = time.perf_counter() - started
    complain(batch)
    if not batch.done:
        print("gavel-sim: no point was finished, so there is nothing to show", file=sys.stderr)
        return 3
    write_times(folder, [task.name for task in tasks], batch)
    print(experiment.write(folder, choices, batch))
    cpu = sum(kept["cpu_seconds"] for kept in batch.done.values())
    fresh = len(batch.done) - batch.resumed
    print(
        f"{len(batch.done)} of {len(tasks)} runs done, {fresh} of them now in {seconds(took)} s; "
        f"{seconds(cpu)} CPU seconds for all"
    )
    _plot(experiment, folder, choices, batch)
    return 3 if batch.failed else 0


def write_times(folder: Path, names: Sequence[str], batch: Batch) -> None:
    """Write ``times.csv``: CPU and wall-clock seconds of every run, and its parts."""
    rows = []
    for name in names:
        kept = batch.done.get(name)
        if kept is None:
            continue
        row = {"run": name, "cpu_seconds": kept["cpu_seconds"]}
        row["wall_seconds"] = kept["wall_seconds"]
        row |= {f"wall_{part}": spent for part, spent in kept["result"].get("time", {}).items()}
        rows.append(row)
    total = {"run": "total"}
    for column in ("cpu_seconds", "wall_seconds"):
        total[column] = round(sum(row[column] for row in rows), 4)
    write_csv(folder / "times.csv", [*rows, total])


def _plot(experiment: Experiment, folder: Path, choices: Choices, batch: Batch) -> None:
    """Draw, if what draws is installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        print("no plot: needs matplotlib, pip install 'gavel-opt[plots]'", file=sys.stderr)
        return
    files = experiment.plot(folder, choices, batch)
    print(f"in {folder}: {', '.join(path.name for path in files)}, tables, one file a point")


def _choices(arguments: argparse.Namespace) -> Choices:
    if arguments.tie_break not in TIE_BREAKS:
        raise unknown_name("name for --tie-break:", arguments.tie_break, TIE_BREAKS)
    at = None if arguments.at is None else tuple(_numbers(arguments.at, "--at", float))
    policies = None if arguments.policies is None else tuple(_words(arguments.policies))
    seeds = tuple(int(seed) for seed in _numbers(arguments.seeds, "--seeds", int))
    return Choices(
        seeds=tuple(dict.fromkeys(seeds)),
        policies=policies,
        at=at,
        window=arguments.jobs_window,
        engine=arguments.engine,
        tie_break=arguments.tie_break,
        timeout=arguments.timeout,
    )


def _words(given: Sequence[str]) -> list[str]:
    """Split what was given with spaces, with commas, or both."""
    return [word for words in given for word in words.split(",") if word]


def _numbers(given: Sequence[str], flag: str, kind: type[int] | type[float]) -> list[float]:
    found = []
    for word in _words(given):
        try:
            value = kind(word)
        except ValueError:
            value = kind(-1)
        if not 0 <= value < float("inf"):
            what = "a whole number of at least 0" if kind is int else "a number of at least 0"
            raise InputError(f"{flag}: {word!r} is not {what}")
        found.append(value)
    if not found:
        raise InputError(f"{flag}: expected at least one value")
    return found
