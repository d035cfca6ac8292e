"""Where a plan is carried out: the flags that sweep, figure and knee share."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from gavel_opt import InputError
from gavel_opt.errors import counted
from simulator.settings.options import place, positive_int
from simulator.studies.batches.shards import deal, parse_shard
from simulator.studies.batches.slurm import ArrayJob, tasks_for, this_command
from simulator.studies.executors import EXECUTORS, Executor, make_executor

SLURM = "slurm"
"""An executor that hands the whole command on, to be carried out later."""

Item = TypeVar("Item")


def add_where(parser: argparse.ArgumentParser, where: Any, *, shares: bool = True) -> None:
    """Add the flags that say who carries out a plan.

    Parameters
    ----------
    parser
        Takes the flags of clusters.
    where
        A group of the parser's.
    shares
        Whether the plan can be dealt to several commands.
    """
    where.add_argument(
        "--processes", metavar="N", type=positive_int, help="runs at once (default: one a core)"
    )
    where.add_argument(
        "--executor",
        choices=[*EXECUTORS, SLURM] if shares else list(EXECUTORS),
        default="local",
        help="default: local",
    )
    where.add_argument(
        "--reuse",
        metavar="DIR",
        nargs="+",
        action="extend",
        default=[],
        type=lambda text: Path(place(text)),
        help="take runs that are finished in these folders of runs, sweeps or figures from there",
    )
    where.add_argument("--dry-run", action="store_true", help="list the runs and stop")
    where.add_argument("--json", action="store_true", help="lists, tables and status as JSON")
    cluster = parser.add_argument_group("on a cluster")
    cluster.add_argument(
        "--ray-address",
        metavar="A",
        help="--executor ray: a running cluster, or auto (default: start one)",
    )
    if not shares:
        return
    where.add_argument(
        "--shard",
        metavar="I/N",
        help="carry out share I (from 0) of N; the same command elsewhere the rest",
    )
    where.add_argument(
        "--retry-failed", action="store_true", help="carry out the runs that failed, and only those"
    )
    cluster.add_argument(
        "--tasks",
        metavar="N",
        type=positive_int,
        help="--executor slurm: array tasks (default: by runs)",
    )
    cluster.add_argument(
        "--sbatch",
        metavar="OPTION",
        action="append",
        default=[],
        help="--executor slurm: an option of sbatch, such as --sbatch=--partition=short; repeatable",
    )
    cluster.add_argument(
        "--print-script", action="store_true", help="--executor slurm: show the script and stop"
    )


def share_of(
    arguments: argparse.Namespace, items: Sequence[Item], costs: Sequence[float]
) -> Sequence[Item]:
    """Return what of a plan this command carries out."""
    if arguments.shard is None:
        return items
    if arguments.executor == SLURM:
        raise InputError("--shard: with --executor slurm the array tasks are the shares")
    shard, shards = parse_shard(arguments.shard)
    return deal(items, costs, shards)[shard]


def lists_alone(arguments: argparse.Namespace, lists: str, table: str) -> None:
    """Refuse ``--json`` where what comes out are files and not a list.

    Raises
    ------
    InputError
        Saying what it goes with, and which file has the results.
    """
    if arguments.json:
        raise InputError(f"--json: goes with {lists}; for a program the results are in {table}")


def require_failures(folder: Path) -> None:
    """Refuse ``--retry-failed`` where nothing was ever carried out.

    Raises
    ------
    InputError
        Naming the folder.
    """
    if not folder.is_dir():
        raise InputError(f"--retry-failed: {folder} is no folder in which runs could have failed")


def nothing_failed() -> int:
    """Say that ``--retry-failed`` has nothing to do; the exit status."""
    print("nothing failed: there is nothing to run again")
    return 0


def executor_of(arguments: argparse.Namespace, at_most: int | None = None) -> Executor:
    """Make the executor that was asked for; ``at_most`` bounds how many runs go on at once.

    Raises
    ------
    InputError
        If there is none, or a flag is of another one: ``--print-script`` would run what was to be shown.
    """
    for flag in _OF_SLURM:
        if getattr(arguments, flag[2:].replace("-", "_"), None):
            raise InputError(
                f"{flag}: --executor {arguments.executor} has no use for it; --executor {SLURM} has"
            )
    processes = arguments.processes if at_most is None else at_most
    return make_executor(arguments.executor, processes, arguments.ray_address)


def array_job(arguments: argparse.Namespace, folder: Path, runs: int) -> ArrayJob:
    """Make the Slurm job that carries out a number of runs of this command."""
    if arguments.ray_address is not None:
        raise InputError(f"--ray-address: --executor {SLURM} has no use for it; --executor ray has")
    return ArrayJob(
        command=[*this_command(), *typed(arguments)],
        folder=folder,
        tasks=tasks_for(runs, arguments.tasks),
        processes=arguments.processes or 1,
        options=arguments.sbatch,
    )


def hand_to_slurm(
    arguments: argparse.Namespace, folder: Path, tasks: int, of: str, makes: str
) -> int:
    """Hand tasks (runs, measurements) to Slurm; the same command without it then makes what they are for."""
    job = array_job(arguments, folder, tasks)
    if arguments.print_script:
        print(job.script(), end="")
        return 0
    print(f"job {job.submit()}: {counted(tasks, of)} in {counted(job.tasks, 'array task')}")
    print(f"when they are done, the {makes}: gavel-sim {shlex.join(typed(arguments))}")
    return 0


_OF_SLURM = ("--tasks", "--sbatch", "--print-script")
_WITH_VALUE = ("--executor", "--ray-address", "--tasks", "--sbatch", "--processes")
_ALONE = ("--print-script", "--dry-run", "--json", "--follow")


def typed(arguments: argparse.Namespace) -> list[str]:
    """Return the command as typed, without what says where it is carried out."""
    words, kept = list(arguments.words), []
    while words:
        word = words.pop(0)
        flag, equals, _ = word.partition("=")
        if flag in _WITH_VALUE:
            if not equals and words:
                words.pop(0)
        elif word not in _ALONE:
            kept.append(word)
    return kept
