"""Settings of policies that were given for several of them at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gavel_opt import find_policy
from gavel_opt.policies.settings import settings_of


def names_taken(policy: str) -> Collection[str]:
    """Names of the settings that a policy takes, without those that its own name stands for.

    Raises
    ------
    InputError
        If there is no such policy.
    """
    found = find_policy(policy)
    return settings_of(found.factory).keys() - found.fixed.keys()


def settings_by_policy(
    policies: Sequence[str], given: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Give each of several policies the settings that it takes.

    A setting that none of them takes stays with all, so that they refuse it.

    Raises
    ------
    InputError
        If there is no such policy.
    """
    takes = {policy: names_taken(policy) for policy in policies}
    idle = {name for name in given if not any(name in names for names in takes.values())}
    return {
        policy: {name: value for name, value in given.items() if name in {*names, *idle}}
        for policy, names in takes.items()
    }
