"""The policy of a run, made from its configuration or handed over."""

from __future__ import annotations

import copy
import inspect
from typing import Any

from gavel_opt import POLICIES, InputError, Policy, find_policy, make_policy
from gavel_opt.policies import DRAWING, Found
from gavel_opt.policies.lookup import build, name_of, require_policy
from gavel_opt.policies.settings import settings_of
from simulator.runs.estimated_throughputs import estimates_wanted
from simulator.settings.config import RunConfig


def policy_of(config: RunConfig, made: Found | None = None) -> Policy:
    """Make a fresh policy as the configuration says.

    Parameters
    ----------
    config
        The run.
    made
        What makes the policy where no name can say it.

    Raises
    ------
    gavel_opt.InputError
        If there is none of that name, or it does not take a setting.
    """
    settings: dict[str, Any] = dict(config.policy_settings)
    if config.entities is not None:
        if "entities" in settings:
            raise InputError("--entities: is given twice, the other time with --set")
        settings["entities"] = config.entities
        _check_entities(config.policy, find_policy(config.policy) if made is None else made)
    if made is not None:
        return build(made, config.seed, settings)
    return make_policy(config.policy, config.seed, **settings)


def may_draw(config: RunConfig) -> bool:
    """Whether anything in a run may depend on its seed.

    It does not for a trace under a policy of ours that draws nothing, unless worker types are visited in
    random order or throughputs are estimated. What a policy of the user's own does is not known.

    Raises
    ------
    gavel_opt.InputError
        If there is no such policy, or it does not take a setting.
    """
    drawing = config.policy in DRAWING or find_policy(config.policy).source
    if config.trace is None or drawing:
        return True
    return policy_of(config).traits.shuffles or estimates_wanted(config)


def _check_entities(name: str, found: Found) -> None:
    """Refuse ``--entities`` for a policy that has none."""
    if "entities" not in settings_of(found.factory):
        having = [one for one in POLICIES if "entities" in settings_of(find_policy(one).factory)]
        raise InputError(
            f"--entities: policy {name!r} has no entities; those that have: {', '.join(having)}"
        )


def named_policy(policy: Any) -> tuple[Any, Found | None]:
    """What a policy is called, and what makes it where its name does not say it.

    Parameters
    ----------
    policy
        A name, a class or a function that makes a policy, or a policy; copies of that are made.

    Raises
    ------
    gavel_opt.InputError
        For anything else.
    """
    if policy is None or isinstance(policy, str):
        return policy, None
    name = name_of(policy)
    factory: Any = policy
    if inspect.isclass(policy) or inspect.isfunction(policy):
        try:
            # what stands in the program that is running is found there only
            said = policy.__module__ != "__main__" and find_policy(name).factory is policy
        except InputError:
            said = False
        return name, None if said else Found(name, factory, source=UNNAMED)
    require_policy(policy, name)
    return name, Found(name, lambda: copy.deepcopy(policy), source=UNNAMED)


UNNAMED = "handed over as an object"
"""Source of a policy that no name says."""


def source_of(config: RunConfig, made: Found | None = None) -> str:
    """Where the policy is from: a file and its digest, a package; empty for ours."""
    return (find_policy(config.policy) if made is None else made).source
