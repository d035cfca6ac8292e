"""``gavel-sim figure``: the paper's experiments, with their tables and plots."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gavel_opt import InputError, find_policy, known_policies
from gavel_opt.policies.settings import check_settings
from simulator.cli.drawing import can_draw
from simulator.cli.executor_flags import (
    SLURM,
    add_where,
    executor_of,
    hand_to_slurm,
    lists_alone,
    nothing_failed,
    require_failures,
    share_of,
)
from simulator.settings.by_policy import names_taken
from simulator.settings.config import GIVEN, RunConfig
from simulator.settings.kinds import number, several
from simulator.settings.options import add_setting, output_folder, values_of
from simulator.settings.values import POLICY, POLICY_SETTINGS
from simulator.studies.batches.batch import Failures, Task, complain, run_batch
from simulator.studies.batches.finished_elsewhere import finished_in
from simulator.studies.batches.identity import identity_of
from simulator.studies.batches.inputs_of_runs import require_inputs
from simulator.studies.batches.shards import expected_cost
from simulator.studies.batches.stores import PointStore
from simulator.studies.executors import Executor
from simulator.studies.experiments import FIGURES, find
from simulator.studies.experiments.definition import shipped
from simulator.studies.experiments.drawing import POINTS, Drawings
from simulator.studies.experiments.experiment import Choices, Experiment
from simulator.studies.experiments.times import compile_seconds, write_times, write_times_of_all
from simulator.studies.report import Section, write_report
from simulator.studies.tables import seconds

ALL = "all"
"""Names every experiment that comes with the package."""

FAILURES = "failures"
"""Folder, within the output, of tracebacks."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim figure``."""
    width = max(map(len, FIGURES))
    rows = "\n".join(f"  {name:<{width}}  {what}" for name, what in FIGURES.items())
    parser.epilog = (
        f"figures:\n{rows}\n\n"
        "Each point is kept as it finishes; the same command goes on where it stopped.\n"
        "A quick look: gavel-sim figure 9 --seed 0 --at 4 5.2 --window 400:500 --output quick\n"
        "Several figures at once get a folder each and one table of times."
    )
    parser.add_argument(
        "figure",
        metavar="FIGURE",
        nargs="*",
        help=f"one or more of: {', '.join(FIGURES)}; all; or a TOML file of your own",
    )
    parser.add_argument("--list", action="store_true", help="list the experiments and stop")
    parser.add_argument(
        "--show",
        action="store_true",
        help="print the TOML of an experiment, to be copied and changed",
    )
    what = parser.add_argument_group("what is run")
    add_setting(what, GIVEN["seed"], several=True, old="--seeds", help="seeds (default: 0-2)")
    add_setting(
        what,
        GIVEN["policy"],
        several=True,
        old="--policies",
        help="policies or curves to run (default: those of the paper)",
    )
    add_setting(
        what,
        GIVEN["policy_settings"],
        help="a setting of the policies of your own that take it, such as part=0.5",
    )
    what.add_argument(
        "--at",
        "--rate",
        metavar="X",
        nargs="+",
        action="extend",
        help="points of the horizontal axis to run, job rates or numbers of jobs (default: all)",
    )
    add_setting(
        what,
        GIVEN["window"],
        old="--jobs-window",
        help="jobs to measure (default: 4000:5000, as in the paper)",
    )
    what.add_argument(
        "--quick",
        action="store_true",
        help="the same shapes within a minute (once its code is compiled): few points, one seed",
    )
    add_setting(what, GIVEN["engine"])
    add_setting(what, GIVEN["tie_break"])
    add_setting(
        what,
        GIVEN["timeout"],
        help="wall clock that a run may take; its point is then labelled, not drawn",
    )
    where = parser.add_argument_group("where")
    where.add_argument("--output", metavar="DIR", help="default: figure-N, or figures")
    add_where(parser, where)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One experiment as it is to be run."""

    experiment: Experiment
    folder: Path
    choices: Choices
    tasks: list[Task]
    draws: bool

    def add_finished(self, known: dict[str, list[Path]]) -> None:
        """Let later experiments take the runs that they have in common with this one."""
        store = PointStore(self.folder / POINTS)
        for task in self.tasks:
            known.setdefault(store.identity(task.payload), []).append(store.path(task.name))

    @property
    def failures(self) -> Failures:
        """Why runs of it failed."""
        return Failures(self.folder / FAILURES)


def run(arguments: argparse.Namespace) -> int:
    """Carry out experiments; exit status 3 if some of their points failed."""
    if arguments.list:
        width = max(map(len, FIGURES))
        print("\n".join(f"{name:<{width}}  {what}" for name, what in FIGURES.items()))
        return 0
    arguments.figure = _figures(arguments.figure)
    if arguments.show:
        return _show(arguments.figure)
    if not arguments.figure:
        raise InputError(f"which figure? one or more of {', '.join(FIGURES)}, all, or a TOML file")
    choices = _choices(arguments)
    everything = ALL in arguments.figure
    experiments = [find(name) for name in (FIGURES if everything else arguments.figure)]
    own = own_policies(choices.policies or (), experiments, arguments.policy_settings)
    experiments = [experiment.with_own(own) for experiment in experiments]
    several = len(experiments) > 1
    default = "figures" if several else f"figure-{experiments[0].figure}"
    arguments.output = default if arguments.output is None else arguments.output
    folder = output_folder(arguments.output, "figure")
    if folder is None:
        raise InputError("--output: is required")
    draws = arguments.dry_run or can_draw()
    plans = []
    for experiment in experiments:
        place = folder / f"figure-{experiment.figure}" if several else folder
        theirs = _choices_for(experiment, experiments, choices)
        plans.append(_planned(experiment, place, theirs, arguments.quick, draws))
    tasks = [(plan, task) for plan in plans for task in plan.tasks]
    costs = [expected_cost(task.payload.get("config", task.payload)) for _, task in tasks]
    mine = share_of(arguments, tasks, costs)
    if arguments.retry_failed:
        require_failures(folder)
        mine = [(plan, task) for plan, task in mine if task.name in plan.failures.names()]
        if not mine:
            return nothing_failed()
    require_inputs(task.payload.get("config", {}) for _, task in mine)
    if arguments.dry_run:
        return _list(mine, arguments.json)
    lists_alone(arguments, "--dry-run", "points.csv of each figure")
    if arguments.executor == SLURM:
        return hand_to_slurm(arguments, folder, len(mine), "run", "report")
    started = time.perf_counter()
    elsewhere = finished_in(arguments.reuse)
    sections = {}
    with (
        closing(executor_of(arguments)) as executor,
        closing(executor_of(arguments, 1)) as alone,
        closing(Drawings(beside=several)) as drawings,
    ):
        # where time is measured nobody may be at work beside: first, while nothing is to be drawn
        for plan in sorted(plans, key=lambda plan: not plan.experiment.one_at_a_time):
            own_share = [task for owner, task in mine if owner is plan]
            who = executor
            if plan.experiment.one_at_a_time:
                drawings.wait()
                who = alone
            sections[plan.folder] = _carry_out(plan, own_share, who, elsewhere, drawings)
            plan.add_finished(elsewhere)
        drawings.wait()
    whole = [
        replace(section, pictures=drawings.of(plan.folder))
        for plan in plans
        if (section := sections[plan.folder]) is not None
    ]
    if several and len(whole) == len(plans):
        finished = zip(plans, whole, strict=True)
        table = write_times_of_all(
            folder, [(plan.experiment.figure, plan.tasks, one.batch) for plan, one in finished]
        )
        took = time.perf_counter() - started
        print(f"\n{table}\nWall clock of this command: {seconds(took)} s.")
        files = write_report(folder, [one for one in whole if one.text], arguments.quick)
        print(f"report: {' and '.join(map(str, files))}")
    return 3 if any(one.batch.failed or not one.batch.done for one in whole) else 0


def _figures(words: Sequence[str]) -> list[str]:
    """Figures with spaces or commas between them, or as a range; a file's name stays as it is."""
    parts = [
        part
        for word in words
        for part in ([word] if word.endswith(".toml") else word.replace(",", " ").split())
    ]
    found: list[str] = []
    for part in parts:
        span = re.fullmatch(r"(\d+)-(\d+)", part)
        among = range(int(span[1]), int(span[2]) + 1) if span else range(0)
        found += [one for one in FIGURES if one.isdecimal() and int(one) in among] or [part]
    return list(dict.fromkeys(found))


def _show(figures: Sequence[str]) -> int:
    """Print the definition of experiments."""
    if not figures:
        raise InputError("--show: which figure? gavel-sim figure 9 --show")
    for name in figures:
        find(name)
        if name not in shipped():
            raise InputError(
                f"--show: figure {name} is more than curves over an axis and has no file to copy; "
                f"those that have: {', '.join(shipped())}"
            )
        print(shipped()[name].read_text(encoding="utf-8"), end="")
    return 0


def _list(tasks: Sequence[tuple[_Plan, Task]], as_values: bool) -> int:
    """List runs, by name or as JSON with identities and the command of each."""
    if not as_values:
        for plan, task in tasks:
            print(f"figure {plan.experiment.figure}: {task.name}")
        return 0
    found = []
    for plan, task in tasks:
        row = {"figure": plan.experiment.figure, "name": task.name}
        config = task.payload.get("config")
        if config is not None:
            row["identity"] = identity_of(config)
            row["command"] = RunConfig.from_json(config).command()
        found.append(row)
    print(json.dumps(found, indent=1))
    return 0


def _choices_for(
    experiment: Experiment, experiments: Sequence[Experiment], choices: Choices
) -> Choices:
    """Leave out the policies that only others of several experiments know."""
    if choices.policies is None or len(experiments) == 1:
        return choices
    known = {name for one in experiments for name in one.names}
    own = tuple(
        policy for policy in choices.policies if policy not in known - set(experiment.names)
    )
    if not own:
        raise InputError(
            f"--policy: figure {experiment.figure} has none of {', '.join(choices.policies)}; "
            "leave the figure out"
        )
    return replace(choices, policies=own)


def _planned(
    experiment: Experiment, folder: Path, choices: Choices, quick: bool, draws: bool
) -> _Plan:
    """Plan an experiment; what is wrong with the choices is said with the figure's name."""
    if quick:
        choices = experiment.quick(choices)
    try:
        tasks = experiment.tasks(choices)
        if not tasks:
            raise InputError("--at: none of the chosen curves has a point there")
    except InputError as wrong:
        raise InputError(f"figure {experiment.figure}: {wrong}") from None
    return _Plan(experiment, folder, choices, tasks, draws)


def _carry_out(
    plan: _Plan,
    mine: Sequence[Task],
    executor: Executor,
    elsewhere: Mapping[str, Sequence[Path]],
    drawings: Drawings,
) -> Section | None:
    """Run what is missing of one experiment and report on it; None while others have shares of it."""
    experiment, folder, tasks = plan.experiment, plan.folder, plan.tasks
    choices = plan.choices
    store = PointStore(folder / POINTS)
    started = time.perf_counter()
    title = f"figure {experiment.figure}"
    batch = run_batch(executor, experiment.work, mine, store, title, folder / FAILURES, elsewhere)
    took = time.perf_counter() - started
    if len(mine) < len(tasks):
        for task in tasks:
            kept = batch.done.get(task.name) or store.load(task.name, task.payload)
            if kept is not None and task.name not in batch.done:
                batch.done[task.name] = kept
                batch.resumed += 1
        if len(batch.done) + len(batch.failed) < len(tasks):
            complain(batch)
            print(
                f"{title}: {len(batch.done)} of {len(tasks)} runs are done; the last share makes "
                "the report, and so does the command without --shard"
            )
            return None
    complain(batch)
    if not batch.done:
        print(f"gavel-sim: {title}: no point was finished, nothing to show", file=sys.stderr)
        return Section(experiment, choices, batch, folder, "", ())
    write_times(folder, [task.name for task in tasks], batch)
    text = experiment.write(folder, choices, batch)
    print(text)
    cpu = sum(kept["cpu_seconds"] for kept in batch.done.values())
    fresh, compiling = len(batch.done) - batch.resumed, compile_seconds(batch)
    print(
        f"{len(batch.done)} of {len(tasks)} runs done, {fresh} of them now in {seconds(took)} s; "
        f"{seconds(cpu)} CPU seconds for all"
        + (f", not counting {seconds(compiling)} s for compiled code" if compiling >= 0.05 else "")
    )
    if plan.draws:
        drawings.draw(experiment, folder, choices, batch)
    return Section(experiment, choices, batch, folder, text, ())


def own_policies(
    policies: Sequence[str], experiments: Sequence[Experiment], words: list[str] | None
) -> dict[str, dict[str, Any]]:
    """Policies of the user's among those that were asked for, each with the settings that it takes.

    Raises
    ------
    InputError
        For a setting that none of them takes, or a policy that cannot be found.
    """
    known = {name for experiment in experiments for name in experiment.names}
    own = {
        policy: find_policy(policy)
        for policy in policies
        if policy not in known and (":" in policy or known_policies().get(policy))
    }
    given = POLICY_SETTINGS.read(words or [], "--set")
    takes = {policy: names_taken(policy) for policy in own}
    for name in given:
        if not any(name in names for names in takes.values()):
            raise InputError(f"--set: no policy of your own among --policy takes {name}")
    return {
        policy: check_settings(
            policy, found.factory, {n: v for n, v in given.items() if n in takes[policy]}
        )
        for policy, found in own.items()
    }


def _choices(arguments: argparse.Namespace) -> Choices:
    given = {
        name: GIVEN[name].read(value, name)
        for name in ("window", "engine", "tie_break", "timeout")
        if (value := getattr(arguments, name)) is not None
    }
    if arguments.seed is not None:
        given["seeds"] = tuple(values_of(arguments.seed, GIVEN["seed"]))
    if arguments.policy is not None:  # the experiment knows the names of its curves
        given["policies"] = tuple(several(arguments.policy, POLICY, "--policy"))
    if arguments.at is not None:
        given["at"] = tuple(AXIS.read(x, "--at") for x in several(arguments.at, AXIS, "--at"))
    return Choices(**given)


AXIS = number("a number of at least 0", lambda value: value >= 0)
"""A point of a figure's horizontal axis."""
