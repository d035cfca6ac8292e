"""Policies by name, loaded only when asked for; one family a module."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from gavel_opt.errors import InputError, unknown_name
from gavel_opt.policies.policy import Policy, Programs, Traits

_PACKAGE = "gavel_opt.policies"

POLICIES: dict[str, tuple[str, dict[str, Any]]] = {
    "isolated": ("shares:Isolated", {}),
    "proportional": ("shares:Proportional", {}),
    "fifo": ("fifo:Fifo", {"mode": "plain"}),
    "fifo_perf": ("fifo:Fifo", {"mode": "perf"}),
    "fifo_packed": ("fifo:Fifo", {"mode": "packed"}),
    "gandiva": ("gandiva:Gandiva", {}),
    "allox": ("allox:AlloX", {}),
    "max_min_fairness": ("max_min:MaxMinFairness", {"variant": "plain"}),
    "max_min_fairness_perf": ("max_min:MaxMinFairness", {"variant": "perf"}),
    "max_min_fairness_packed": ("max_min:MaxMinFairness", {"variant": "packed"}),
    "max_min_fairness_water_filling": ("water_filling:WaterFilling", {"variant": "plain"}),
    "max_min_fairness_water_filling_perf": ("water_filling:WaterFilling", {"variant": "perf"}),
    "max_min_fairness_water_filling_packed": ("water_filling:WaterFilling", {"variant": "packed"}),
    "finish_time_fairness": ("finish_time:FinishTimeFairness", {"variant": "plain"}),
    "finish_time_fairness_perf": ("finish_time:FinishTimeFairness", {"variant": "perf"}),
    "finish_time_fairness_packed": ("finish_time:FinishTimeFairness", {"variant": "packed"}),
    "min_total_duration": ("makespan:MinTotalDuration", {"variant": "plain"}),
    "min_total_duration_perf": ("makespan:MinTotalDuration", {"variant": "perf"}),
    "min_total_duration_packed": ("makespan:MinTotalDuration", {"variant": "packed"}),
    "max_sum_throughput_perf": ("throughput_sum:ThroughputSum", {}),
    "max_sum_throughput_normalized_by_cost_perf": (
        "throughput_sum:ThroughputSum",
        {"prices": True},
    ),
    "max_sum_throughput_normalized_by_cost_perf_SLOs": (
        "throughput_sum:ThroughputSum",
        {"prices": True, "deadlines": True},
    ),
    "max_sum_throughput_normalized_by_cost_packed_SLOs": (
        "throughput_sum:ThroughputSum",
        {"prices": True, "deadlines": True, "packed": True},
    ),
    "max_min_fairness_strategy_proof": ("strategy_proof:StrategyProof", {}),
}
"""Name to (module:class, arguments)."""


def make_policy(name: str, seed: int = 0, **settings: Any) -> Policy:
    """Make a fresh policy.

    Parameters
    ----------
    name
        One of :data:`POLICIES`.
    seed
        For the policies that draw (FIFO, Gandiva); the others ignore it.
    settings
        What a family takes besides, e.g. ``entities`` for water filling.

    Raises
    ------
    InputError
        If no policy has this name, or it does not take a setting.
    """
    if name not in POLICIES:
        raise unknown_name("policy", name, POLICIES)
    path, arguments = POLICIES[name]
    module, _, attribute = path.partition(":")
    family = getattr(importlib.import_module(f"{_PACKAGE}.{module}"), attribute)
    unknown = sorted(set(settings) - set(inspect.signature(family).parameters))
    if unknown:
        raise InputError(
            f"policy {name!r} takes no {unknown[0]} (--{unknown[0].replace('_', '-')}); leave it out "
            f"or choose another policy"
        )
    policy: Policy = family(name=name, seed=seed, **arguments, **settings)
    return policy


__all__ = ["POLICIES", "Policy", "Programs", "Traits", "make_policy"]
