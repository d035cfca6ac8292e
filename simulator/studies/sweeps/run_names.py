"""Names for runs that are to stand in a sweep's folder beside those of earlier commands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulator.settings.config import SETTINGS, find_setting
from simulator.studies.batches.batch import file_name
from simulator.studies.batches.identity import IRRELEVANT
from simulator.studies.sweeps.sweep_folder import PLAN, PlanEntry, read_plan
from simulator.studies.sweeps.sweep_tables import as_configured

LONGEST = 150
"""Characters of a name; a longer one gets a number instead."""


def beside_earlier(folder: Path, entries: Sequence[PlanEntry]) -> list[PlanEntry]:
    """Rename runs of which the folder's plan has other ones under the same names.

    A run's name holds what differs within its own command, so that another command may come to the same
    name. A run that is in the plan keeps the name that it has there; where another run has the name, the
    settings in which the two differ go into the new names.

    Parameters
    ----------
    folder
        Of the sweep; it need not be there.
    entries
        Runs as their own command named them.

    Raises
    ------
    InputError
        If the plan cannot be read.
    """
    if not (folder / PLAN).exists():
        return list(entries)
    planned = read_plan(folder)
    there = {one.name: one for one in planned}
    known = {_settled(one): one.name for one in planned}  # of files or code that may have changed
    known |= {one.identity: one.name for one in planned}
    apart: list[str] = []
    while more := _differing(_named(entries, apart), there, apart):
        apart += more
    found: list[PlanEntry] = []
    taken = set(there)
    for one in _named(entries, apart):
        name = known.get(one.identity) or known.get(_settled(one))
        if name is None:
            name, number = one.name, 2
            while name in taken:
                name, number = f"{one.name}+{number}", number + 1
        taken.add(name)
        found.append(replace(one, name=name))
    return found


def _named(entries: Sequence[PlanEntry], apart: Sequence[str]) -> list[PlanEntry]:
    """Put settings into the names of runs, where these do not have them."""
    found = []
    for one in entries:
        own = {setting.word for name in one.settings if (setting := find_setting(name))}
        words = [word for word in apart if word not in own]
        configured: Mapping[str, Any] = as_configured(one) if words else {}
        added = {word: configured[word] for word in words if configured[word] is not None}
        before = [("", value) for word, value in added.items() if word == "policy"]
        after = [(word, value) for word, value in added.items() if word != "policy"]
        name = file_name([*before, ("", one.name), *after])
        name = name if len(name) <= LONGEST else one.name
        found.append(replace(one, name=name, settings=added | one.settings))
    return found


def _differing(
    entries: Sequence[PlanEntry], there: Mapping[str, PlanEntry], apart: Sequence[str]
) -> list[str]:
    """Settings, besides some, in which runs differ from other ones of their names; the policy first."""
    words: set[str] = set()
    for one in entries:
        other = there.get(one.name)
        if other is not None:
            ours = json.loads(json.dumps(one.config))
            names = [name for name in ours if ours[name] != other.config.get(name)]
            words |= {SETTINGS[name].word for name in names if name not in IRRELEVANT}
    return sorted(words - set(apart), key=lambda word: (word != "policy", word))


def _settled(one: PlanEntry) -> str:
    """What a run is by its settings alone."""
    deciding = {name: value for name, value in one.config.items() if name not in IRRELEVANT}
    return json.dumps(deciding, sort_keys=True)
