"""The policy of a run, made from its configuration."""

from __future__ import annotations

from typing import Any

from gavel_opt import Policy, make_policy
from simulator.runs.config import RunConfig


def policy_of(config: RunConfig) -> Policy:
    """Make a fresh policy as the configuration says.

    Raises
    ------
    gavel_opt.InputError
        If there is none of that name, or it does not take a setting.
    """
    settings: dict[str, Any] = {} if config.entities is None else {"entities": config.entities}
    return make_policy(config.policy, config.seed, **settings)
