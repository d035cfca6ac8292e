"""Settings as users give them, and the :class:`RunConfig` they make: checked before anything starts."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from gavel_opt import InputError, find_policy, unknown_name
from gavel_opt.policies.lookup import Found
from gavel_opt.policies.settings import check_settings
from simulator.files.folder_kinds import FolderKind, check_kind
from simulator.files.own_files import refuse_foreign
from simulator.files.whole_files import remove_left_behind
from simulator.settings.config import (
    DEFAULT_CLUSTER,
    GIVEN,
    SETTINGS,
    RunConfig,
    Setting,
    find_setting,
    known_settings,
)
from simulator.settings.kinds import Kind, several
from simulator.settings.saturation_rule import DEFAULT_RULE
from simulator.settings.values import (
    COUNT,
    NATURAL,
    POSITIVE,
    TIE_BREAKS,
    WINDOW,
    check_engine,
    check_policy,
    parse_entities,
    readable_file,
)
from simulator.world.cluster import SHORT_ORDER, make_cluster
from simulator.world.names import meant

RECORDINGS = ("placements", "allocations", "programs", "trace")

_DRAWN = ("multi_gpu", "multi_priority", "fixed_duration", "workload")
"""Settings of workloads that are drawn; a trace brings its own jobs."""


def add_run_arguments(
    parser: argparse.ArgumentParser,
    *,
    leave_out: Collection[str] = (),
    lists: Collection[str] = (),
) -> None:
    """Add the flags of one simulation, without those that say where results go.

    Values stay text until :func:`config_from` or :func:`values_of` reads them; what is not given is
    None.

    Parameters
    ----------
    parser
        Takes the flags.
    leave_out
        Settings, by name, that the command sets itself.
    lists
        Settings of which the command takes several values.
    """
    groups: dict[str, Any] = {}
    for name, setting in GIVEN.items():
        if name in leave_out:
            continue
        if setting.group not in groups:
            title = setting.group  # "workload: one of ..." only where there is a choice
            if "jobs" in leave_out:
                title = title.partition(":")[0]
            groups[setting.group] = parser.add_argument_group(title)
        add_setting(groups[setting.group], setting, several=name in lists)


def add_setting(
    group: Any, setting: Setting, *, several: bool = False, old: str = "", help: str | None = None
) -> None:
    """Add the flag of one setting.

    Parameters
    ----------
    group
        Of an argument parser, or the parser.
    setting
        One of :data:`~simulator.settings.config.GIVEN`.
    several
        Whether the command takes several values.
    old
        Another flag that is understood, and not shown.
    help
        In place of the setting's own.
    """
    flag, text = setting.flag, setting.help if help is None else help
    if setting.kind.switch:
        group.add_argument(flag, action="store_const", const=True, dest=setting.name, help=text)
        return
    several = several or setting.kind.together is not None
    more: dict[str, Any] = {"nargs": "+", "action": "extend"} if several else {}
    group.add_argument(flag, metavar=setting.metavar, dest=setting.name, help=text, **more)
    if old:
        group.add_argument(old, dest=setting.name, help=argparse.SUPPRESS, **more)


def no_settings(arguments: argparse.Namespace, why: str) -> None:
    """Refuse settings of a run where nothing would come of them.

    Raises
    ------
    InputError
        Naming the first.
    """
    for name, setting in GIVEN.items():
        if getattr(arguments, name, None) is not None:
            raise InputError(f"{setting.flag}: {why}")


def config_from(arguments: argparse.Namespace, **given: Any) -> RunConfig:
    """Make the configuration that the flags of :func:`add_run_arguments` describe.

    Parameters
    ----------
    arguments
        What the parser made of the command line.
    given
        Settings that the command sets itself (``policy``, ``engine``), checked as well.

    Raises
    ------
    InputError
        For the first flag that is wrong: one line naming it, what was expected, the nearest names.
    """
    settings = {setting.word: getattr(arguments, name, None) for name, setting in GIVEN.items()}
    settings |= {GIVEN[name].word: value for name, value in given.items()}
    return make_config(**settings)


def values_of(given: Any, setting: Setting) -> list[Any]:
    """Read several values of a setting, as :func:`~simulator.settings.kinds.several` tells them apart.

    Raises
    ------
    InputError
        For the first that is wrong.
    """
    words = several(given, setting.kind, setting.flag)
    return list(dict.fromkeys(setting.read(word, setting.word) for word in words))


def make_config(made: Found | None = None, /, **given: Any) -> RunConfig:
    """Check a run's settings, from the command line or from Python, and make its configuration.

    Parameters
    ----------
    made
        Makes the policy where no name can say it; ``policy`` is then only what it is called.
    given
        Fields of :class:`RunConfig`, or ``rate`` (jobs per hour) in place of ``interarrival``; by
        their names there or by their flags' (``round`` for ``round_seconds``). Values as the fields
        have them, or text as on the command line; None is not given.

    Raises
    ------
    InputError
        For the first setting that is wrong, naming the flag.
    """
    values = _read(given if made is None else {**given, "policy": None})
    policy = values["policy"] = check_policy(values.get("policy")) if made is None else made.name
    if "policy_settings" in values:
        found = find_policy(policy) if made is None else made
        own = values["policy_settings"]
        values["policy_settings"] = check_settings(policy, found.factory, own, found.fixed)
    if "cluster" not in values:
        values["cluster"] = GIVEN["cluster"].read(DEFAULT_CLUSTER, "cluster")
    cluster, servers = values["cluster"], values.get("gpus_per_server", {})
    # Names of a user's table are known only once it has been read.
    known = set(SHORT_ORDER) if "throughputs" not in values else set(cluster)
    cluster = {meant(name, known) or name: count for name, count in cluster.items()}
    servers = {meant(name, known) or name: size for name, size in servers.items()}
    make_cluster(values["cluster"], values.get("gpus_per_server", {}), known | set(servers))
    one_workload(values)
    if "rate" in values:
        values["interarrival"] = 3600.0 / values.pop("rate")
    if "interarrival" in values:
        default = GIVEN["saturation"].read(DEFAULT_RULE, "saturation")
        values.setdefault("saturation", default)  # only there is a rule by default
    values["cluster"] = {name: count for name, count in sorted(cluster.items()) if count}
    values["gpus_per_server"] = {n: size for n, size in sorted(servers.items()) if n in cluster}
    return RunConfig(**values)


def _read(given: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the settings' names, each checked on its own."""
    found: dict[str, Any] = {}
    for name in given:
        if find_setting(name) is None:
            raise unknown_name("setting", name, known_settings())
    # In the table's order, so that the first complaint does not depend on how they were given.
    for name, setting in GIVEN.items():
        for word, value in given.items():
            if value is None or find_setting(word) is not setting:
                continue
            if name in found:
                raise InputError(f"{setting.flag}: is given twice, the other time as {word!r}")
            found[name] = setting.read(value, word)
    return found


def one_workload(values: Mapping[str, Any]) -> None:
    """Check that there is exactly one workload, and that its window fits.

    Parameters
    ----------
    values
        Settings that are given, by name.

    Raises
    ------
    InputError
        Naming the flags.
    """
    workloads = ("jobs", "rate", "interarrival", "trace")
    given = [name for name in workloads if name in values]
    if not given:
        raise InputError(
            "no workload: give --jobs N, --rate JOBS_PER_HOUR with --window START:END, or --trace"
        )
    if len(given) > 1:
        raise InputError(f"--{given[1]}: cannot be combined with --{given[0]}; give one workload")
    window = values.get("window")
    if window is None and given[0] in ("rate", "interarrival"):
        raise InputError(
            f"--{given[0]}: needs --window START:END, the jobs to measure (the paper: 4000:5000)"
        )
    if window is not None and window[1] > values.get("jobs", window[1]):
        raise InputError(f"--window: ends at job {window[1]}, but --jobs is {values['jobs']}")
    if "trace" in values:
        for name in _DRAWN:
            if values.get(name):
                raise InputError(
                    f"{SETTINGS[name].flag}: draws jobs, but --trace brings its own; "
                    "drop one of them"
                )


def recordings(words: list[str] | None) -> frozenset[str]:
    """Parse what ``--record`` was given, several times, with commas or with spaces.

    Raises
    ------
    InputError
        For an unknown recording.
    """
    names = [name for word in words or [] for name in word.replace(",", " ").split()]
    for name in names:
        if name not in RECORDINGS:
            raise unknown_name("recording (--record)", name, RECORDINGS)
    if words and not names:
        raise InputError(f"--record: expected one or more of {', '.join(RECORDINGS)}")
    return frozenset(names)


def place(text: str) -> str:
    """Read the name of a file or folder for argparse; an empty one would be the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r} names nothing")
    return text


_PARTS = ("live", "programs", "points", "paces", "failures")
"""Folders within that of a command in which it writes files one by one."""


def output_folder(text: str | Path | None, kind: FolderKind) -> Path | None:
    """Check that a folder of results can be written, leaving nothing behind.

    Parameters
    ----------
    text
        As given; None is.
    kind
        What is to be written there.

    Raises
    ------
    InputError
        If it cannot, or holds results of another kind.
    """
    if text is None:
        return None
    try:
        folder = Path(text)
    except TypeError:
        raise InputError(f"--output: {text!r} is not the name of a folder") from None
    if not str(text).strip() or "\0" in str(text):
        raise InputError(f"--output: {str(text)!r} is not the name of a folder")
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise InputError(f"--output: {nearest} is not a folder")
    try:
        with tempfile.TemporaryFile(dir=nearest):
            longest = os.pathconf(nearest, "PC_NAME_MAX")
    except OSError as wrong:
        raise InputError(f"--output: cannot write in {nearest}: {wrong.strerror}") from None
    # Said now, and not when a run of hours is written.
    for name in folder.parts:
        if len(os.fsencode(name)) > longest:
            raise InputError(
                f"--output: {name[:20]}... has {len(name)} characters, and a name takes {longest} bytes"
            )
    check_kind(folder, kind)
    if kind != "run":  # of which each file is known by what stands in it
        refuse_foreign(folder, kind)
    for place in (folder, *(folder / part for part in _PARTS)):
        remove_left_behind(place)
    return folder


def argument(kind: Kind) -> Any:
    """Return what argparse calls to read one value of a kind, for flags that are no settings."""

    def parse(text: str) -> Any:
        try:
            return kind.read(text, "")
        except InputError as wrong:
            raise argparse.ArgumentTypeError(str(wrong).removeprefix(": ")) from None

    return parse


positive, positive_int, natural, window = map(argument, (POSITIVE, COUNT, NATURAL, WINDOW))

__all__ = [
    "DEFAULT_CLUSTER",
    "RECORDINGS",
    "TIE_BREAKS",
    "add_run_arguments",
    "add_setting",
    "argument",
    "check_engine",
    "check_policy",
    "config_from",
    "make_config",
    "natural",
    "no_settings",
    "one_workload",
    "output_folder",
    "parse_entities",
    "place",
    "positive",
    "positive_int",
    "readable_file",
    "recordings",
    "values_of",
    "window",
]
