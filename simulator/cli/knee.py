"""``gavel-sim knee``: the highest job rate that policies sustain, and the bound that none can pass."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavel_opt import InputError
from simulator.runs.config import GIVEN
from simulator.runs.heartbeat import heartbeat
from simulator.runs.options import (
    add_run_arguments,
    add_setting,
    check_policy,
    config_from,
    output_folder,
    values_of,
)

if TYPE_CHECKING:
    from simulator.runs.config import RunConfig
    from simulator.runs.long_queue import Pace
    from simulator.studies.knee import Knee

_ANSWERS = ("jobs", "rate", "interarrival", "replay")
"""Settings of the workload that are what is looked for, or that leave nothing to look for."""

_IDLE = ("window", "saturation", "max_simulated_hours", "timeout")
"""Settings of a run's end: a knee is measured without one."""

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
    parser.add_argument("--output", metavar="DIR", help="folder for knees, table and plot")
    parser.add_argument("--json", action="store_true", help="print the knees as JSON, only that")
    add_run_arguments(parser, leave_out=("policy", "seed", "trace", *_ANSWERS, *_IDLE))
    for name in (*_ANSWERS, *_IDLE):  # understood, to be answered well
        parser.add_argument(GIVEN[name].flag, dest=name, help=argparse.SUPPRESS)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gave.

    Attributes
    ----------
    knees
        One a policy, in the order in which they were named.
    folder
        Where ``knee.json`` and what it rests on are, or None.
    title
        What cluster and jobs they are of.
    """

    knees: list[Knee]
    folder: Path | None
    title: str


def run(arguments: argparse.Namespace) -> int:
    """Find the knees, print and plot them."""
    if arguments.bound:
        return _bounds(arguments)
    if arguments.output is not None and not arguments.json:
        _check_plots()
    from simulator.studies.knee import as_json, as_text, plot

    found = find(arguments)
    if arguments.json:
        print(json.dumps([as_json(knee) for knee in found.knees], indent=2))
        return 0
    print(as_text(found.knees))
    if found.folder is not None:
        files = plot(found.knees, found.folder / "knee.svg", found.title)
        print(f"  written   {found.folder}/ (knee.json, {', '.join(file.name for file in files)})")
    return 0


def find(arguments: argparse.Namespace) -> Found:
    """Find the knees, and write them down if there is a folder to.

    Raises
    ------
    InputError
        If a setting is wrong.
    """
    if arguments.policy is None:
        check_policy(None)
    if arguments.trace is not None:
        raise InputError(
            "--trace: only --bound takes one, a trace has no rate that could be raised"
        )
    _check(arguments)
    policies = values_of(arguments.policy, GIVEN["policy"])
    seeds = values_of(arguments.seed or SEEDS, GIVEN["seed"])
    configs = {
        policy: config_from(arguments, policy=policy, seed=seeds[0], rate=1.0, window=(0, 1))
        for policy in policies
    }
    folder = output_folder(arguments.output, "knee")
    from simulator.studies.knee import knees

    said = [f"{len(configs)} policies, {len(seeds)} seeds"]

    def announce(policy: str, seed: int, pace: Pace) -> None:
        said.append(f"{policy}, seed {seed}: {pace.rate:.3f} jobs/hr")
        if sys.stderr.isatty():
            print(said[-1], file=sys.stderr)

    with heartbeat(lambda: said[-1]):
        found = knees(configs, seeds, folder, announce)
    return Found(found, folder, _title(next(iter(configs.values())), len(seeds)))


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
                "limits"
            )


def _bounds(arguments: argparse.Namespace) -> int:
    """Print what no policy can go beyond, without and, where policies may share, with sharing."""
    from simulator.runs.bounds import highest_rate, packs
    from simulator.studies.knee import bound_as_json, bound_as_text

    _check(arguments)
    if arguments.output is not None:
        raise InputError("--output: cannot be combined with --bound, which prints what it found")
    names = [] if arguments.policy is None else values_of(arguments.policy, GIVEN["policy"])
    seed = values_of(arguments.seed or SEEDS, GIVEN["seed"])[0]
    given: dict[str, Any] = {"policy": names[0] if names else "isolated", "seed": seed}
    if arguments.trace is None:
        given |= {"rate": 1.0, "window": (0, 1)}
    config = config_from(arguments, **given)
    sharing = sorted({packs(replace(config, policy=name)) for name in names} or {False, True})
    found = [highest_rate(config, space_sharing) for space_sharing in sharing]
    if arguments.json:
        print(json.dumps([bound_as_json(bound) for bound in found], indent=2))
        return 0
    print("\n".join(bound_as_text(bound, of_trace=config.trace is not None) for bound in found))
    return 0


def _title(config: RunConfig, seeds: int) -> str:
    cluster = ", ".join(f"{count} {name}" for name, count in config.cluster.items())
    jobs = "jobs on 1 to 8 workers" if config.multi_gpu else "jobs on one worker"
    return f"Highest sustained load: {cluster}; {jobs}; {seeds} seed{'s' if seeds > 1 else ''}"


def _check_plots() -> None:
    """Say at once, not after an hour, that plots cannot be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError(
            "--output: plots need matplotlib: pip install 'gavel-opt[plots]', or --json"
        )
