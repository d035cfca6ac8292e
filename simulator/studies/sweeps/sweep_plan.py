"""What a sweep runs: settings of which some have several values, and the runs that they make.

Settings have the names of the flags of ``gavel-sim run``, without the dashes. A setting with a list
of values makes one run for each, and several lists make all combinations. In a file, tables named
``case`` take what stands above them and add or replace settings::

    cluster = "36:36:36"
    window = "4000:5000"
    seed = [0, 1, 2]                 # or "0-2"

    [[case]]
    policy = ["max_min_fairness", "max_min_fairness_perf"]
    rate = "4:5.2:0.4"               # 4, 4.4, 4.8, 5.2

    [[case]]
    policy = "finish_time_fairness_perf"
    rate = 2.0
    multi-gpu = true
"""

from __future__ import annotations

import itertools
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from gavel_opt import InputError, unknown_name
from simulator.settings.by_policy import settings_by_policy
from simulator.settings.config import GIVEN, RunConfig, Setting, find_setting, known_settings
from simulator.settings.kinds import several
from simulator.settings.options import make_config
from simulator.settings.values import POLICY_SETTINGS
from simulator.studies.batches.batch import file_name
from simulator.world.untrusted_text import read_text

Value: TypeAlias = "str | int | float | bool | dict[str, int]"
"""What a user writes for a setting."""

MOST_RUNS = 100_000
"""Runs of a sweep; as many folders."""

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
    settings: dict[str, Value]
    config: RunConfig


def plan_from_file(path: Path) -> list[PlannedRun]:
    """Read a TOML file of settings and make its runs.

    Raises
    ------
    InputError
        One line naming the file and the setting (or the line, where the file is not TOML).
    """
    text = read_text(path)
    try:
        found = tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{path}: not TOML: nested too deeply") from None
    except ValueError as wrong:  # TOML's own is one; another is a number of thousands of digits
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
    made: list[tuple[dict[str, Value], RunConfig]] = []
    seen: set[str] = set()
    chosen = [_choices(source, settings) for source, settings in cases]
    counts = [math.prod(map(len, choices.values())) for choices in chosen]
    if sum(counts) > MOST_RUNS:
        source = cases[0][0].rpartition(": case ")[0] if len(cases) > 1 else cases[0][0]
        where = f"{source}: " if source else ""
        raise InputError(f"{where}makes {sum(counts):,} runs; expected {MOST_RUNS:,} at most")
    for (source, _), choices in zip(cases, chosen, strict=True):
        for values in itertools.product(*choices.values()):  # the last setting varies fastest
            combination = _own_settings(source, choices, dict(zip(choices, values, strict=True)))
            config = _config(source, combination)
            identity = json.dumps(config.to_json(), sort_keys=True)
            if identity not in seen:
                seen.add(identity)
                made.append((combination, config))
    if not made:
        raise InputError(NO_RUNS)
    return _named(made)


def _choices(source: str, settings: Mapping[str, Any]) -> dict[str, list[Value]]:
    """Return the values of every setting."""
    choices: dict[str, list[Value]] = {}
    for name, given in settings.items():
        setting = find_setting(name)
        if setting is None:
            if isinstance(given, dict):
                wrong = f"{name}: is a table; only [[case]] tables and settings are known"
                raise _located(source, InputError(wrong))
            raise unknown_name(
                f"setting in {source}:" if source else "setting", name, ["case", *known_settings()]
            )
        choices[name] = _values(source, name, given, setting)
    return choices


def _values(source: str, name: str, given: Any, setting: Setting) -> list[Value]:
    """Tell the values of one setting apart and check that they are of its kind."""
    if isinstance(given, list) and not given:
        wrong = f"{setting.flag}: is an empty list; expected at least one value"
        raise _located(source, InputError(wrong))
    try:
        values = several(given, setting.kind, setting.flag)
        for place, value in enumerate(values):
            checked = setting.read(value, name)
            if isinstance(value, dict | list | tuple | range):  # names of runs are made of text
                values[place] = setting.kind.write(checked) or value
    except InputError as refused:
        raise _located(source, refused) from None
    return values


def _own_settings(
    source: str, choices: Mapping[str, Sequence[Value]], combination: dict[str, Value]
) -> dict[str, Value]:
    """Leave out the settings that another of several policies is to have."""
    name = next((word for word in choices if find_setting(word) is _SETTINGS), None)
    policies = [str(policy) for policy in choices.get("policy", ())]
    if name is None or len(policies) < 2:
        return combination
    try:
        given = POLICY_SETTINGS.read(combination[name], _SETTINGS.flag)
        own = settings_by_policy(policies, given)[str(combination["policy"])]
    except InputError as wrong:
        raise _located(source, wrong) from None
    rest = {word: value for word, value in combination.items() if word != name or own}
    return rest | ({name: POLICY_SETTINGS.write(own) or ""} if own else {})


_SETTINGS = GIVEN["policy_settings"]


def _config(source: str, settings: Mapping[str, Value]) -> RunConfig:
    """Make one run, checked as ``gavel-sim run`` does."""
    try:
        return make_config(**settings)
    except InputError as wrong:
        raise _located(source, wrong) from None


def _located(source: str, wrong: InputError) -> InputError:
    """Say in which file a setting is wrong."""
    return InputError(f"{source}: {str(wrong).removeprefix('--')}") if source else wrong


def _named(made: list[tuple[dict[str, Value], RunConfig]]) -> list[PlannedRun]:
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
        name = file_name(parts or [("", config.policy)])
        if len(name) > 150:
            name = file_name([("run", len(planned))])
        taken[name] = taken.get(name, 0) + 1
        if taken[name] > 1:  # values that differ only in what a file name cannot hold
            name = f"{name}+{taken[name]}"
        planned.append(PlannedRun(name, own, config))
    return planned
