"""What a sweep runs: settings of which some have several values, and the runs that they make.

Settings have the names of the flags of ``gavel-sim run``, without the dashes. A setting with a list
of values makes one run for each, and several lists make all combinations. In a file, tables named
``case`` take what stands above them and add or replace settings::

    cluster = "36:36:36"
    window = "4000:5000"
    seed = [0, 1, 2]

    [[case]]
    policy = ["max_min_fairness", "max_min_fairness_perf"]
    rate = [4.0, 5.2]

    [[case]]
    policy = "finish_time_fairness_perf"
    rate = 2.0
    multi-gpu = true
"""

from __future__ import annotations

import argparse
import itertools
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from gavel_opt import InputError, unknown_name
from gavel_opt.cli.command_line import Parser
from simulator.runs.config import RunConfig
from simulator.runs.options import add_run_arguments, config_from
from simulator.studies.batch import file_name

Setting: TypeAlias = "str | int | float | bool"

NO_RUNS = "no runs: give --policy and a workload, or a file of settings"


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of a sweep.

    Attributes
    ----------
    name
        Names what sets it apart from the others, fit to be the name of a folder.
    settings
        As they were written: those that differ between the runs of the sweep.
    config
        The run.
    """

    name: str
    settings: dict[str, Setting]
    config: RunConfig


def run_flags() -> dict[str, argparse.Action]:
    """Flags of ``gavel-sim run`` that describe a run: name without dashes to action."""
    parser = _run_parser()
    return {
        flag.removeprefix("--"): action
        for flag, action in parser._option_string_actions.items()
        if flag.startswith("--") and flag != "--help"
    }


def plan_from_file(path: Path) -> list[PlannedRun]:
    """Read a TOML file of settings and make its runs.

    Raises
    ------
    InputError
        One line naming the file and the setting (or the line, where the file is not TOML).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) else "not UTF-8 text"
        raise InputError(f"{path}: cannot read it: {reason}") from None
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise InputError(f"{path}: not TOML: {wrong}") from None
    cases = found.pop("case", None)
    if cases is None:
        return make_plan([(str(path), found)])
    if not (isinstance(cases, list) and all(isinstance(case, dict) for case in cases) and cases):
        raise InputError(f"{path}: case: expected tables that start with [[case]]")
    return make_plan(
        [(f"{path}: case {place}", found | case) for place, case in enumerate(cases, 1)]
    )


def make_plan(cases: list[tuple[str, Mapping[str, Any]]]) -> list[PlannedRun]:
    """Make the runs of several sets of settings, in order, each run once.

    Parameters
    ----------
    cases
        Where the settings come from, for messages (``""`` for the command line), and the settings.

    Raises
    ------
    InputError
        For the first setting that is wrong, naming it.
    """
    flags = run_flags()
    parser = _run_parser()
    made: list[tuple[dict[str, Setting], RunConfig]] = []
    seen: set[str] = set()
    for source, settings in cases:
        for combination in _combinations(source, settings, flags):
            config = _config(source, combination, flags, parser)
            identity = json.dumps(config.to_json(), sort_keys=True)
            if identity not in seen:
                seen.add(identity)
                made.append((combination, config))
    if not made:
        raise InputError(NO_RUNS)
    return _named(made)


def _combinations(
    source: str, settings: Mapping[str, Any], flags: Mapping[str, argparse.Action]
) -> Iterator[dict[str, Setting]]:
    """Yield all combinations of values; the last setting with several varies fastest."""
    choices: list[list[Setting]] = []
    for name, value in settings.items():
        if name not in flags:
            if isinstance(value, dict):
                raise InputError(
                    f"{source}: {name}: is a table; only [[case]] tables and settings are known"
                )
            raise unknown_name(f"setting in {source}:", name, ["case", *flags])
        values = value if isinstance(value, list) else [value]
        if not values:
            raise InputError(f"{source}: {name}: is an empty list; expected at least one value")
        choices.append([_value(source, name, one, flags[name]) for one in values])
    for combination in itertools.product(*choices):
        yield dict(zip(settings, combination, strict=True))


def _value(source: str, name: str, value: Any, action: argparse.Action) -> Setting:
    """Check the kind of one value."""
    switch = action.nargs == 0
    if isinstance(value, dict) and name in ("cluster", "gpus-per-server"):
        return ",".join(f"{worker}={count}" for worker, count in value.items())
    if switch != isinstance(value, bool):
        expected = "true or false" if switch else "a number or text"
        raise InputError(f"{source}: {name}: {value!r} is not {expected}")
    if not isinstance(value, str | int | float):
        raise InputError(f"{source}: {name}: {value!r} is not a number or text")
    return value


def _config(
    source: str,
    settings: Mapping[str, Setting],
    flags: Mapping[str, argparse.Action],
    parser: Parser,
) -> RunConfig:
    """Make one run through the parser of ``gavel-sim run``, so that both check alike."""
    words = []
    for name, value in settings.items():
        if flags[name].nargs == 0:
            words += [f"--{name}"] if value else []
        else:
            words.append(f"--{name}={value}")
    try:
        return config_from(parser.parse_exactly(words))
    except InputError as wrong:
        if not source:
            raise
        raise InputError(f"{source}: {str(wrong).removeprefix('--')}") from None


def _named(made: list[tuple[dict[str, Setting], RunConfig]]) -> list[PlannedRun]:
    """Name each run by the settings that are not the same in all."""
    names = list(dict.fromkeys(["policy", *(name for settings, _ in made for name in settings)]))
    first = made[0][0]
    varying = [
        name
        for name in names
        if any(
            (name in settings) != (name in first) or settings.get(name) != first.get(name)
            for settings, _ in made
        )
    ]
    planned: list[PlannedRun] = []
    taken: dict[str, int] = {}
    for settings, config in made:
        own = {name: settings[name] for name in varying if name in settings}
        parts = [("" if name == "policy" else name, value) for name, value in own.items()]
        name = file_name(parts) if parts else config.policy
        if len(name) > 150:
            name = file_name([("run", len(planned))])
        taken[name] = taken.get(name, 0) + 1
        if taken[name] > 1:  # values that differ only in what a file name cannot hold
            name = f"{name}+{taken[name]}"
        planned.append(PlannedRun(name, own, config))
    return planned


def _run_parser() -> Parser:
    parser = Parser(prog="gavel-sim run", allow_abbrev=False)
    add_run_arguments(parser)
    return parser
