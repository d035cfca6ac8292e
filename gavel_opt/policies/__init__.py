"""Policies by name, loaded only when asked for; one family a module."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from gavel_opt.errors import InputError
from gavel_opt.policies.lookup import Found, build, find, from_packages, name_of
from gavel_opt.policies.policy import Policy, Programs, Traits, solves

POLICIES: dict[str, tuple[str, dict[str, Any]]] = {
    "isolated": ("shares:Isolated", {}),
    "proportional": ("shares:Proportional", {}),
    "fifo": ("fifo:Fifo", {"mode": "plain"}),
    "fifo_perf": ("fifo:Fifo", {"mode": "perf"}),
    "fifo_packed": ("fifo:PackedFifo", {}),
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

DRAWING = ("fifo", "gandiva")
"""Those that draw by the seed that they are given; the others ignore it."""


def make_policy(
    policy: str | type[Policy] | Callable[..., Policy], seed: int = 0, **settings: Any
) -> Policy:
    """Make a fresh policy.

    Parameters
    ----------
    policy
        One of :data:`POLICIES`, a name from the entry-point group ``gavel_opt.policies``, where a class is
        (``module:Class``, ``file.py:Class``), or the class itself (or a function that makes a policy).
    seed
        For the policies that draw (:data:`DRAWING`); the others ignore it.
    settings
        What it takes besides, e.g. ``entities`` for water filling; checked against its signature, text
        converted to what its parameters are annotated as.

    Raises
    ------
    InputError
        If no policy has this name, it cannot be loaded, or it does not take a setting.
    """
    return build(find_policy(policy), seed, settings)


def find_policy(policy: str | type[Policy] | Callable[..., Policy]) -> Found:
    """Find what makes a policy: its class, the arguments that its name stands for, where it is from.

    Raises
    ------
    InputError
        If there is no such policy.
    """
    if isinstance(policy, str):
        return find(policy, POLICIES)
    if not callable(policy):
        raise InputError(f"policy {name_of(policy)!r} is made already; expected a name or a class")
    return Found(name_of(policy), policy)


def known_policies() -> dict[str, str]:
    """All names, ours first, then those of installed packages: name to the package (ours: empty)."""
    outside = from_packages(tuple(sys.path))
    return dict.fromkeys(POLICIES, "") | {
        name: source for name, (_, source) in outside.items() if name not in POLICIES
    }


__all__ = [
    "DRAWING",
    "POLICIES",
    "Found",
    "Policy",
    "Programs",
    "Traits",
    "find_policy",
    "known_policies",
    "make_policy",
    "solves",
]
