"""``gavel-sim what-if``: what another cluster or policy would change, with paired differences.

Every alternative runs on the same jobs as the run that is described (common random numbers), seed by
seed, so that what is compared is the alternative and not the draw.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from gavel_opt import InputError
from simulator.cli.executor_flags import add_where, executor_of
from simulator.runs.policy_of_run import may_draw
from simulator.settings.by_policy import names_taken
from simulator.settings.config import GIVEN, WORKLOAD, RunConfig, find_setting
from simulator.settings.options import add_run_arguments, make_config, output_folder, values_of
from simulator.settings.values import POLICY_SETTINGS, WORKERS
from simulator.studies.alternatives import Outcomes, as_json, as_text
from simulator.studies.batches.batch import Batch, Task, complain, file_name, run_batch, told_apart
from simulator.studies.batches.finished_elsewhere import finished_in
from simulator.studies.batches.inputs_of_runs import require_inputs
from simulator.studies.batches.stores import PointStore
from simulator.studies.experiments.simulate import simulate
from simulator.world.names import meant

SEEDS = tuple(range(5))
"""Seeds where the command names none: an interval needs a few."""

DESCRIBED = "as described"
"""Name of the run that alternatives are set beside."""

_SET = GIVEN["policy_settings"].word

_OF_JOBS = [
    "throughputs",  # which turn durations into steps
    *(
        one.name
        for one in GIVEN.values()
        if one.group == WORKLOAD and one.name not in ("seed", "slos", "entities")
    ),
]
"""Settings that decide which jobs there are, and when they come; deadlines and owners are beside them."""

_MORE_WORKERS = re.compile(r"([A-Za-z][\w.-]*?)([+-]\d+)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim what-if``."""
    parser.epilog = (
        "An alternative is one or more changes to the run that the other flags describe:\n"
        "  v100+12                 12 workers of a type more, or fewer (v100-12)\n"
        "  policy=allox round=720  settings of gavel-sim run by name\n"
        "For example, 12 V100 more, or 24 P100?\n"
        "  gavel-sim what-if --policy max_min_fairness_perf --rate 5 --window 1000:1500 \\\n"
        "      --against v100+12 --against p100+24"
    )
    parser.add_argument(
        "--against",
        metavar="CHANGE",
        nargs="+",
        action="append",
        default=[],
        help="an alternative: changes to the run; repeat the flag for more alternatives",
    )
    where = parser.add_argument_group("where")
    where.add_argument("--output", metavar="DIR", help="keep what is run, to go on from there")
    add_where(parser, where, shares=False)
    add_run_arguments(parser, lists=("seed",))


def run(arguments: argparse.Namespace) -> int:
    """Run the alternatives and compare them; exit status 3 if some runs failed."""
    if arguments.dry_run:
        plan = _plan(arguments)[0].values()
        require_inputs(config.to_json() for runs in plan for config in runs.values())
        print("\n".join(name for runs in plan for name in runs))
        return 0
    batch, outcomes, seeds = find(arguments)
    if arguments.json:
        print(json.dumps(as_json(outcomes, seeds), indent=2))
    else:
        print(as_text(outcomes, seeds))
    return 3 if batch.failed else 0


def find(arguments: argparse.Namespace) -> tuple[Batch, list[Outcomes], Sequence[int]]:
    """Run the alternatives; what was run, the outcomes (the run as described first) and the seeds.

    Raises
    ------
    InputError
        If a setting or an alternative is wrong.
    """
    plan, seeds = _plan(arguments)
    tasks = [
        Task(name, {"config": config.to_json()})
        for runs in plan.values()
        for name, config in runs.items()
    ]
    require_inputs(task.payload["config"] for task in tasks)
    with ExitStack() as stack:
        folder = output_folder(arguments.output, "what-if")
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gavel-sim-")))
        store = PointStore(folder / "points")
        executor = stack.enter_context(closing(executor_of(arguments)))
        found = finished_in(arguments.reuse)
        batch = run_batch(executor, simulate, tasks, store, "what-if", folder / "failures", found)
    complain(batch)
    of_jobs = {name: _jobs_of(next(iter(runs.values()))) for name, runs in plan.items()}
    described = next(iter(of_jobs.values()))
    outcomes = []
    for name, runs in plan.items():
        results = [batch.done.get(task, {}).get("result") for task in runs]
        once = not may_draw(next(iter(runs.values())))
        by_seed = results * len(seeds) if once else results  # one run stands for all seeds
        outcomes.append(Outcomes(name, by_seed, of_jobs[name] == described, once))
    return batch, outcomes, seeds


def _jobs_of(config: RunConfig) -> list[Any]:
    """What decides a run's jobs, but for the seed."""
    return [getattr(config, name, None) for name in _OF_JOBS]


def _plan(arguments: argparse.Namespace) -> tuple[dict[str, dict[str, RunConfig]], Sequence[int]]:
    """Runs by name of each alternative, the run as described first, and the seeds.

    An alternative in which nothing is drawn is one run, of the first seed.
    """
    if not arguments.against:
        raise InputError("--against: which alternatives? such as --against v100+12 policy=allox")
    given = {
        setting.word: value
        for name, setting in GIVEN.items()
        if name != "seed" and (value := getattr(arguments, name)) is not None
    }
    seeds = SEEDS if arguments.seed is None else values_of(arguments.seed, GIVEN["seed"])
    base = make_config(**given)
    variants: dict[str, dict[str, Any]] = {DESCRIBED: given}
    for changes in arguments.against:
        name = " ".join(changes)
        variants[name] = _changed(name, given, _changes(changes, base), base)
    plan: dict[str, dict[str, RunConfig]] = {}
    named = told_apart("base" if name == DESCRIBED else name for name in variants)
    for (name, settings), own in zip(variants.items(), named.values(), strict=True):
        runs = {
            file_name([("", own), ("seed", seed)]): make_config(**settings, seed=seed)
            for seed in seeds
        }
        first = next(iter(runs))
        plan[name] = runs if may_draw(runs[first]) else {first: runs[first]}
    return plan, seeds


def _changed(
    name: str, given: Mapping[str, Any], changes: dict[str, Any], base: RunConfig
) -> dict[str, Any]:
    """Put an alternative's changes into the run's settings; those of the policy go by name.

    Another policy leaves out the settings of the described one's that it does not take.
    """
    own = dict(base.policy_settings)
    if "policy" in changes:
        takes = names_taken(changes["policy"])
        dropped = [one for one in own if one not in takes]
        own = {one: value for one, value in own.items() if one in takes}
        if dropped:
            said = f"{', '.join(dropped)} (--set) left out: {changes['policy']} does not take"
            print(
                f"gavel-sim: --against {name}: {said} {'it' if len(dropped) == 1 else 'them'}",
                file=sys.stderr,
            )
    own |= POLICY_SETTINGS.read(changes.pop(_SET, []), "--set")
    return {**given, **changes, _SET: own or None}


def _changes(words: Sequence[str], base: RunConfig) -> dict[str, Any]:
    """Read the changes of one alternative.

    Raises
    ------
    InputError
        Naming the change.
    """
    settings: dict[str, Any] = {}
    workers: list[tuple[str, int]] = []
    for word in one_by_one(words):
        more = _MORE_WORKERS.fullmatch(word)
        if more is not None:
            workers.append((more[1], int(more[2])))
            continue
        name, equals, value = word.partition("=")
        setting = find_setting(name)
        if not equals or setting is None:
            near = difflib.get_close_matches(name, [known.word for known in GIVEN.values()], 1)
            hint = (
                f"did you mean {near[0]}=...?"
                if near and equals
                else "expected v100+12, or a setting such as policy=allox (of the policy: set=NAME=VALUE)"
            )
            raise InputError(f"--against: cannot read {word!r}; {hint}")
        if setting.name == "seed":
            raise InputError("--against: seed: all alternatives have the same seeds; see --seed")
        if setting.kind.switch and value.lower() not in ("true", "false"):
            raise InputError(f"--against: {word}: expected {name}=true or {name}=false")
        if setting.word == _SET:
            settings.setdefault(_SET, []).append(value)
        elif setting.word in settings:
            raise InputError(f"--against: {word}: {name} is given twice in one alternative")
        else:
            settings[setting.word] = value if not setting.kind.switch else value.lower() == "true"
    if workers:
        given = settings.get("cluster")
        cluster = dict(base.cluster) if given is None else WORKERS.read(given, "--cluster")
        for kind, count in workers:
            _add_workers(cluster, kind, count)
        settings["cluster"] = cluster
    return settings


def one_by_one(words: Sequence[str]) -> list[str]:
    """Changes with commas between them as with spaces; a comma within a value stays."""
    found: list[str] = []
    for word in words:
        for place, part in enumerate(word.split(",")):
            begins = _MORE_WORKERS.fullmatch(part) or find_setting(part.partition("=")[0])
            if place and not begins:
                found[-1] += f",{part}"
            else:
                found.append(part)
    return found


def _add_workers(cluster: dict[str, int], name: str, more: int) -> None:
    """Change the number of workers of one type, which may be one that the cluster did not have."""
    known = meant(name, cluster)
    if known is None and more < 0:
        raise InputError(
            f"--against: {name}{more:+d}: the cluster has no {name}; it has {', '.join(cluster)}"
        )
    kind = name.lower() if known is None else known
    if cluster.get(kind, 0) + more < 0:
        raise InputError(f"--against: {name}{more:+d}: the cluster has {cluster[kind]} {kind}")
    cluster[kind] = cluster.get(kind, 0) + more


__all__ = ["add_arguments", "find", "run"]
