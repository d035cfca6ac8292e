"""``gavel-sim knee``: the highest job rate that policies sustain, and the bound that none can pass."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavel_opt import GavelError, InputError
from simulator.cli.drawing import can_draw
from simulator.cli.executor_flags import (
    SLURM,
    add_where,
    executor_of,
    hand_to_slurm,
    require_failures,
    share_of,
)
from simulator.settings.by_policy import settings_by_policy
from simulator.settings.config import GIVEN
from simulator.settings.options import (
    add_run_arguments,
    add_setting,
    check_policy,
    config_from,
    output_folder,
    values_of,
)
from simulator.settings.values import POLICY_SETTINGS
from simulator.studies.batches.batch import Batch, Failures, Task, complain, run_batch
from simulator.studies.batches.finished_elsewhere import finished_in
from simulator.studies.batches.identity import identity_of_work
from simulator.studies.batches.inputs_of_runs import require_inputs
from simulator.studies.batches.shards import expected_cost
from simulator.studies.batches.stores import PointStore

if TYPE_CHECKING:
    from simulator.settings.config import RunConfig
    from simulator.studies.knee import Knee, Sought

_ANSWERS = ("jobs", "rate", "interarrival", "replay")
"""Settings of the workload that are what is looked for, or that leave nothing to look for."""

_IDLE = ("window", "saturation", "max_simulated_hours")
"""Settings of a run's end: a knee is measured without one."""

PACES, FAILURES = "paces", "failures"
"""Folders, within the output, of one file a measurement, and of reasons of failures."""

SEEDS = "0-2"
"""Seeds if ``--seed`` does not say."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim knee``."""
    policy, seed, trace = GIVEN["policy"], GIVEN["seed"], GIVEN["trace"]
    add_setting(parser, policy, several=True, help="policies to compare (required)")
    add_setting(parser, seed, several=True, old="--seeds", help="seeds (default: 0-2)")
    parser.add_argument(
        "--bound",
        action="store_true",
        help="only what no policy can go beyond, and what one more worker of each type is worth",
    )
    add_setting(parser, trace, help="with --bound: the load that a trace offers each worker type")
    where = parser.add_argument_group("where")
    where.add_argument("--output", metavar="DIR", help="folder for knees, table and plot")
    add_where(parser, where)
    add_run_arguments(parser, leave_out=("policy", "seed", "trace", *_ANSWERS, *_IDLE))
    for name in (*_ANSWERS, *_IDLE):  # understood, to be answered well
        parser.add_argument(GIVEN[name].flag, dest=name, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Find the knees, print and plot them; exit status 3 if some could not be measured."""
    if arguments.bound:
        return _bounds(arguments)
    plan = _plan(arguments)
    tasks = plan.tasks()
    mine = share_of(arguments, tasks, [expected_cost(task.payload["knee"]) for task in tasks])
    if arguments.dry_run:
        return _list(mine, arguments.json)
    folder = output_folder(arguments.output, "knee")
    if folder is None and (
        arguments.shard or arguments.executor == SLURM or arguments.retry_failed
    ):
        raise InputError("--output: is required where several commands share the work")
    if folder is not None and arguments.retry_failed:
        require_failures(folder)
        failed = set(Failures(folder / FAILURES).names())
        mine = [task for task in mine if task.name in failed]
    if folder is not None and arguments.executor == SLURM:
        return hand_to_slurm(arguments, folder, len(mine), "measurement", "table")
    from simulator.studies.knee import as_json, as_text, write

    batch = _carry_out(arguments, mine, tasks, folder)
    complain(batch)
    missing = len(tasks) - len(batch.done) - len(batch.failed)
    if missing:
        print(
            f"{len(batch.done)} of {len(tasks)} measurements are done; the last share makes the table, "
            "and so does the command without --shard",
            file=sys.stderr if arguments.json else sys.stdout,
        )
        return 3 if batch.failed else 0
    knees = plan.knees(batch)
    status = 3 if batch.failed else 0
    if folder is not None and knees:
        write(knees, folder)
    if arguments.json:
        print(json.dumps([as_json(knee) for knee in knees], indent=2))
    elif knees:
        print(as_text(knees))
        if folder is not None:
            files = ["knee.json", *_plot(knees, folder, plan), f"{PACES}/"]
            print(f"  written   {folder}/ ({', '.join(files)})")
    return status


def find(arguments: argparse.Namespace) -> list[Knee]:
    """Find the knees, and write them down if there is a folder to.

    Raises
    ------
    GavelError
        If a setting is wrong, or a knee could not be measured.
    """
    from simulator.studies.knee import write

    plan = _plan(arguments)
    tasks, folder = plan.tasks(), output_folder(arguments.output, "knee")
    batch = _carry_out(arguments, tasks, tasks, folder)
    for name, reason in batch.failed.items():
        raise GavelError(f"{name}: {reason}")
    knees = plan.knees(batch)
    if folder is not None:
        write(knees, folder)
    return knees


def _plan(arguments: argparse.Namespace) -> Sought:
    """Check what was asked for, and say what is to be measured."""
    from simulator.runs.saturation.bounds import highest_rate
    from simulator.studies.knee import Sought

    if arguments.policy is None:
        check_policy(None)
    if arguments.trace is not None:
        raise InputError(
            "--trace: only --bound takes one, a trace has no rate that could be raised"
        )
    _check(arguments)
    policies = values_of(arguments.policy, GIVEN["policy"])
    seeds = values_of(arguments.seed or SEEDS, GIVEN["seed"])
    shared = POLICY_SETTINGS.read(arguments.policy_settings or [], "--set")
    own = settings_by_policy(policies, shared)
    configs = {
        policy: config_from(
            arguments,
            policy=policy,
            policy_settings=own[policy] or None,
            seed=seeds[0],
            rate=1.0,
            window=(0, 1),
        )
        for policy in policies
    }
    require_inputs(config.to_json() for config in configs.values())
    highest_rate(
        next(iter(configs.values()))
    )  # jobs that fit nowhere have no knee under any policy
    return Sought(configs, seeds)


def _carry_out(
    arguments: argparse.Namespace, mine: Sequence[Task], tasks: Sequence[Task], folder: Path | None
) -> Batch:
    """Measure what is not measured yet; the batch has what others have measured, too."""
    from simulator.studies.knee import measure

    elsewhere = finished_in(arguments.reuse)
    with ExitStack() as stack:
        place = folder
        if place is None:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gavel-sim-")))
        store, failures = PointStore(place / PACES), place / FAILURES
        executor = stack.enter_context(closing(executor_of(arguments)))
        batch = run_batch(executor, measure, mine, store, "knee", failures, elsewhere)
        for task in tasks:
            kept = batch.done.get(task.name) or store.load(task.name, task.payload)
            if kept is not None:
                batch.done[task.name] = kept
    return batch


def _list(tasks: Sequence[Task], as_values: bool) -> int:
    """List the measurements, by name or as JSON with their identities."""
    if as_values:
        rows = [
            {"name": one.name, "identity": identity_of_work(one.payload), "settings": one.payload}
            for one in tasks
        ]
        print(json.dumps(rows, indent=1))
    else:
        print("\n".join(task.name for task in tasks))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    for name in _ANSWERS:
        if getattr(arguments, name) is not None:
            raise InputError(
                f"{GIVEN[name].flag}: cannot be given, the rate is what knee looks for"
            )
    for name in _IDLE:
        if getattr(arguments, name) is not None:
            raise InputError(
                f"{GIVEN[name].flag}: cannot be given, a knee is measured without windows, rules and "
                "limits of simulated time"
            )


def _bounds(arguments: argparse.Namespace) -> int:
    """Print what no policy can go beyond, without and, where policies may share, with sharing."""
    from simulator.runs.saturation.bounds import highest_rate, packs
    from simulator.studies.knee import bound_as_json, bound_as_text

    _check(arguments)
    if arguments.output is not None:
        raise InputError("--output: cannot be combined with --bound, which prints what it found")
    if arguments.timeout is not None:
        raise InputError("--timeout: cannot be combined with --bound, which measures nothing")
    names = [] if arguments.policy is None else values_of(arguments.policy, GIVEN["policy"])
    seed = values_of(arguments.seed or SEEDS, GIVEN["seed"])[0]
    given: dict[str, Any] = {"policy": names[0] if names else "isolated", "seed": seed}
    if arguments.trace is None:
        given |= {"rate": 1.0, "window": (0, 1)}
    config = config_from(arguments, **given)
    require_inputs([config.to_json()])
    sharing = sorted({packs(replace(config, policy=name)) for name in names} or {False, True})
    found = [highest_rate(config, space_sharing) for space_sharing in sharing]
    of_trace = config.trace is not None
    if arguments.json:
        print(json.dumps([bound_as_json(bound, of_trace) for bound in found], indent=2))
        return 0
    print("\n".join(bound_as_text(bound, of_trace) for bound in found))
    return 0


def _title(config: RunConfig, seeds: int) -> str:
    cluster = ", ".join(f"{count} {name}" for name, count in config.cluster.items())
    jobs = "jobs on 1 to 8 workers" if config.multi_gpu else "jobs on one worker"
    return f"Highest sustained load: {cluster}; {jobs}; {seeds} seed{'s' if seeds > 1 else ''}"


def _plot(knees: Sequence[Knee], folder: Path, plan: Sought) -> list[str]:
    """Draw, if what draws is installed; names of the files."""
    from simulator.studies.knee import plot

    if not can_draw(after=True):
        return []
    title = _title(next(iter(plan.configs.values())), len(plan.seeds))
    return [file.name for file in plot(knees, folder / "knee.svg", title)]
