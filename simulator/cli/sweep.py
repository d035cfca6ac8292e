"""``gavel-sim sweep``: many runs, each in a folder of its own, and one table of all.

Runs that are done are kept: the same command goes on where an earlier one stopped, and commands that
share a folder share the work. What the runs give does not depend on who carries them out; what they
cost is in a table apart.
"""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from gavel_opt import InputError
from gavel_opt.errors import counted
from simulator.cli.executor_flags import (
    SLURM,
    add_where,
    array_job,
    executor_of,
    lists_alone,
    nothing_failed,
    require_failures,
    share_of,
    typed,
)
from simulator.cli.over_seeds import say_over_seeds
from simulator.settings.config import GIVEN
from simulator.settings.options import add_run_arguments, no_settings, output_folder
from simulator.studies.batches.batch import Batch, Failures, complain
from simulator.studies.batches.finished_elsewhere import finished_in
from simulator.studies.batches.inputs_of_runs import require_inputs
from simulator.studies.batches.run_folders import tidy
from simulator.studies.batches.shards import expected_cost
from simulator.studies.sweeps.run_names import beside_earlier
from simulator.studies.sweeps.sweep import add_to_plan, carry_out_here, kept_of, write_tables_of_all
from simulator.studies.sweeps.sweep_folder import (
    FAILURES,
    PlanEntry,
    as_json,
    as_text,
    entries_of,
    read_plan,
    standing,
    write_plan,
)
from simulator.studies.sweeps.sweep_plan import PlannedRun, make_plan, plan_from_file
from simulator.world.names import nearest

FOLLOW_PAUSE = 2.0
"""Seconds between two looks of ``sweep status --follow``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim sweep``."""
    parser.epilog = (
        "Every setting of a run takes several values here, with spaces, commas or as a range (0-9,\n"
        "4:6:0.4), and all combinations are run:\n"
        "  gavel-sim sweep --policy max_min_fairness,gandiva --rate 4 5 --window 4000:5000 \\\n"
        "      --seed 0-2 --output sweep\n"
        "In a file, a setting is a flag without its dashes and a list means each of its values;\n"
        "[[case]] tables take what stands above them (docs/experiments.md).\n"
        "  gavel-sim sweep status DIR    how far it is, who runs what, what failed and why\n"
        "  gavel-sim sweep collect DIR   the tables of what is done by now"
    )
    parser.add_argument(
        "what",
        nargs="*",
        metavar="FILE.toml | status DIR | collect DIR",
        help="settings of the runs",
    )
    where = parser.add_argument_group("where")
    where.add_argument(
        "--output", metavar="DIR", default="sweep", help="folder of the results (default: sweep)"
    )
    add_where(parser, where)
    where.add_argument("--follow", action="store_true", help="with status: until all is done")
    add_run_arguments(parser, lists=GIVEN)


def run(arguments: argparse.Namespace) -> int:
    """Carry out a sweep; exit status 3 if some runs failed."""
    if arguments.what[:1] in (["status"], ["collect"]):
        no_settings(
            arguments, f"sweep {arguments.what[0]} is of all runs of the folder; drop the flag"
        )
    if arguments.what[:1] == ["status"]:
        return status(_folder(arguments.what, "status"), arguments.follow, arguments.json)
    if arguments.follow:
        raise InputError("--follow: goes with status: gavel-sim sweep status DIR --follow")
    if not arguments.dry_run:
        lists_alone(arguments, "--dry-run or status", "summary.parquet")
    if arguments.what[:1] == ["collect"]:
        return collect(_folder(arguments.what, "collect"))
    entries = entries_of(plan_of(arguments))
    folder = output_folder(arguments.output, "sweep")
    if folder is None:
        raise InputError("--output: is required")
    entries = beside_earlier(folder, entries)
    mine = share_of(arguments, entries, [expected_cost(one.config) for one in entries])
    require_inputs(one.config for one in mine)
    if arguments.dry_run:
        return _list(mine, arguments.json)
    if arguments.retry_failed:
        require_failures(folder)
        failed = set(Failures(folder / FAILURES).names())
        mine = [one for one in mine if one.name in failed]
        if not mine:
            return nothing_failed()
    if arguments.executor == SLURM:
        return _hand_to_slurm(arguments, folder, entries, mine)
    elsewhere = finished_in(arguments.reuse)
    with closing(executor_of(arguments)) as executor:
        add_to_plan(folder, entries, typed(arguments))
        batch = carry_out_here(folder, mine, executor, elsewhere)
    whole = arguments.shard is None and not arguments.retry_failed
    if not whole:
        return report(folder, mine, batch, whole=False)
    return report(folder, entries, batch, others=_write_and_say(folder, entries, batch))


def _write_and_say(folder: Path, entries: Sequence[PlanEntry], batch: Batch) -> int:
    """Write the tables and say what they hold; how many of its runs are of other commands."""
    plan, means = write_tables_of_all(folder, entries, batch)
    if means:
        say_over_seeds(folder, means)
    return len(plan) - len({one.identity for one in entries})


def status(folder: Path, follow: bool, as_values: bool) -> int:
    """Say how far a sweep is; exit status 1 while it is not done."""
    entries = read_plan(folder)
    while True:
        found = standing(folder, entries)
        if as_values:
            print(json.dumps(as_json(found), indent=2), flush=True)
        else:
            print(as_text(folder, found, entries), flush=True)
        done = len(found.done) + len(found.failed) == found.total
        if done or not follow:
            return 0 if len(found.done) == found.total else 1
        time.sleep(FOLLOW_PAUSE)


def collect(folder: Path) -> int:
    """Write the tables of what is done; exit status 1 if something is missing."""
    entries = read_plan(folder)
    batch = kept_of(folder, entries)
    tidy(folder)
    _write_and_say(folder, entries, batch)
    report(folder, entries, batch)
    return 0 if len(batch.done) == len(entries) else 1


def plan_of(arguments: argparse.Namespace) -> list[PlannedRun]:
    """Make the plan from the file, the flags, or both: flags replace settings of the same name."""
    given = {
        setting.word: value
        for name, setting in GIVEN.items()
        if (value := getattr(arguments, name)) is not None
    }
    if len(arguments.what) > 1:
        if not Path(arguments.what[0]).exists():
            word = arguments.what[0]
            raise InputError(f"sweep: unknown word {word!r}{nearest(word, ('status', 'collect'))}")
        raise InputError(
            f"{arguments.what[1]}: one file of settings at a time; or: status DIR, collect DIR"
        )
    if not arguments.what:
        return make_plan([("", given)])
    if given:
        flag = next(iter(given))
        raise InputError(
            f"--{flag}: cannot be combined with a file; write it into {arguments.what[0]}"
        )
    return plan_from_file(Path(arguments.what[0]))


def report(
    folder: Path,
    entries: Sequence[PlanEntry],
    batch: Batch,
    whole: bool = True,
    others: int = 0,
) -> int:
    """Say in a few lines what came of it, and return the exit status."""
    endings: dict[str, int] = {}
    for one in entries:
        if one.name in batch.done:
            ending = batch.done[one.name]["result"]["status"]
            endings[ending] = endings.get(ending, 0) + 1
    said = ", ".join(f"{count} {ending}" for ending, count in sorted(endings.items()))
    before = f" ({batch.resumed} of them before)" if batch.resumed else ""
    print(f"{len(batch.done)} of {len(entries)} runs done{before}{': ' + said if said else ''}")
    if not whole:
        print(f"gavel-sim sweep collect {shlex.quote(str(folder))} makes the tables of all shares")
    elif batch.done:
        beside = f", with {counted(others, 'run')} of earlier commands" if others else ""
        print(f"table: {folder / 'summary.csv'}{beside}")
    complain(batch)
    return 3 if batch.failed else 0


def _hand_to_slurm(
    arguments: argparse.Namespace,
    folder: Path,
    entries: Sequence[PlanEntry],
    mine: Sequence[PlanEntry],
) -> int:
    """Hand the plan to Slurm, and say how to see what becomes of it."""
    job = array_job(arguments, folder, len(mine))
    if arguments.print_script:
        print(job.script(), end="")
        return 0
    write_plan(folder, entries, typed(arguments))
    print(f"job {job.submit()}: {counted(len(mine), 'run')} in {counted(job.tasks, 'array task')}")
    print(f"  gavel-sim sweep status {shlex.quote(str(folder))} --follow")
    print(f"  gavel-sim sweep collect {shlex.quote(str(folder))}")
    return 0


def _list(entries: Sequence[PlanEntry], as_values: bool) -> int:
    """List the runs, by name or as JSON."""
    if not as_values:
        for one in entries:
            print(one.name)
        return 0
    found = [
        {
            "name": one.name,
            "identity": one.identity,
            "settings": one.settings,
            "command": one.command,
        }
        for one in entries
    ]
    print(json.dumps(found, indent=1))
    return 0


def _folder(words: Sequence[str], what: str) -> Path:
    if len(words) != 2:
        raise InputError(f"sweep {what}: expected one folder: gavel-sim sweep {what} DIR")
    folder = Path(words[1])
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    return folder


__all__ = ["add_arguments", "run"]
