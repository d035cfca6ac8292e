"""Gavel's policies with Gavel's own interface, on our engines: a fork changes one import.

In place of the reference's ``from policies import allox, fifo, ...`` (``utils.py``)::

    from gavel_opt.gavel import allox, fifo, finish_time_fairness, gandiva, isolated, max_min_fairness
    from gavel_opt.gavel import max_min_fairness_water_filling, max_sum_throughput, min_total_duration

or in place of ``utils.get_policy``:

>>> from gavel_opt.gavel import get_policy
>>> policy = get_policy("max_min_fairness_perf")
>>> policy.name
'MaxMinFairness_Perf'
>>> shares = policy.get_allocation(
...     {0: {"v100": 4.0, "k80": 1.0}, 1: {"v100": 2.0, "k80": 1.0}},
...     {0: 1, 1: 1}, {0: 1, 1: 1}, {"v100": 1, "k80": 1},
... )
>>> round(shares[0]["v100"] + shares[1]["v100"], 6)
1.0
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, Signature
from types import SimpleNamespace
from typing import Any

from gavel_opt.errors import InputError, unknown_name
from gavel_opt.gavel.policies import (
    Assigned,
    FinishTime,
    FirstCome,
    Make,
    Makespan,
    Packed,
    Paired,
    Proportional,
    Shared,
    StrategyProof,
    Sum,
    WaterFilled,
    Weighted,
)
from gavel_opt.gavel.policy import GavelPolicy

_WATER = "max_min_fairness_water_filling"
_SUM = "max_sum_throughput"

POLICIES: dict[str, tuple[type[GavelPolicy], str, str]] = {
    "allox": (Assigned, "AlloX_Perf", "allox:AlloXPolicy"),
    "fifo": (FirstCome, "FIFO", "fifo:FIFOPolicy"),
    "fifo_perf": (FirstCome, "FIFO_Perf", "fifo:FIFOPolicyWithPerf"),
    "fifo_packed": (FirstCome, "FIFO_Packing", "fifo:FIFOPolicyWithPacking"),
    "finish_time_fairness": (
        FinishTime,
        "FinishTimeFairness",
        "finish_time_fairness:FinishTimeFairnessPolicy",
    ),
    "finish_time_fairness_perf": (
        FinishTime,
        "FinishTimeFairness_Perf",
        "finish_time_fairness:FinishTimeFairnessPolicyWithPerf",
    ),
    "finish_time_fairness_packed": (
        FinishTime,
        "FinishTimeFairness_Packing",
        "finish_time_fairness:FinishTimeFairnessPolicyWithPacking",
    ),
    "gandiva": (Paired, "Gandiva_Packing", "gandiva:GandivaPolicy"),
    "isolated": (Shared, "Isolated", "isolated:IsolatedPolicy"),
    "proportional": (Proportional, "Proportional", "proportional:ProportionalPolicy"),
    "max_min_fairness": (Weighted, "MaxMinFairness", "max_min_fairness:MaxMinFairnessPolicy"),
    "max_min_fairness_perf": (
        Weighted,
        "MaxMinFairness_Perf",
        "max_min_fairness:MaxMinFairnessPolicyWithPerf",
    ),
    "max_min_fairness_packed": (
        Packed,
        "MaxMinFairness_Packing",
        "max_min_fairness:MaxMinFairnessPolicyWithPacking",
    ),
    _WATER: (
        WaterFilled,
        "MaxMinFairnessWaterFilling",
        f"{_WATER}:MaxMinFairnessWaterFillingPolicy",
    ),
    f"{_WATER}_perf": (
        WaterFilled,
        "MaxMinFairnessWaterFilling_Perf",
        f"{_WATER}:MaxMinFairnessWaterFillingPolicyWithPerf",
    ),
    f"{_WATER}_packed": (
        WaterFilled,
        "MaxMinFairnessWaterFilling_Packing",
        f"{_WATER}:MaxMinFairnessWaterFillingPolicyWithPacking",
    ),
    "max_min_fairness_strategy_proof": (
        StrategyProof,
        "MaxMinFairness_Perf",
        "max_min_fairness_strategy_proof:MaxMinFairnessStrategyProofPolicyWithPerf",
    ),
    f"{_SUM}_perf": (Sum, "ThroughputSumWithPerf", f"{_SUM}:ThroughputSumWithPerf"),
    f"{_SUM}_normalized_by_cost_perf": (
        Sum,
        "ThroughputNormalizedByCostSum_Perf",
        f"{_SUM}:ThroughputNormalizedByCostSumWithPerf",
    ),
    f"{_SUM}_normalized_by_cost_perf_SLOs": (
        Sum,
        "ThroughputNormalizedByCostSum_PerfSLOs",
        f"{_SUM}:ThroughputNormalizedByCostSumWithPerfSLOs",
    ),
    f"{_SUM}_normalized_by_cost_packed_SLOs": (
        Sum,
        "ThroughputNormalizedByCostSum_PackingSLOs",
        f"{_SUM}:ThroughputNormalizedByCostSumWithPackingSLOs",
    ),
    "min_total_duration": (
        Makespan,
        "MinTotalDuration",
        "min_total_duration:MinTotalDurationPolicy",
    ),
    "min_total_duration_perf": (
        Makespan,
        "MinTotalDuration_Perf",
        "min_total_duration:MinTotalDurationPolicyWithPerf",
    ),
    "min_total_duration_packed": (
        Makespan,
        "MinTotalDuration_Packing",
        "min_total_duration:MinTotalDurationPolicyWithPacking",
    ),
}
"""Gavel's name of a policy to what makes it, its ``.name``, and ``module:Class`` in the reference."""


def get_policy(
    policy_name: str,
    solver: str | None = None,
    seed: int | None = None,
    priority_reweighting_policies: Mapping[Any, str] | None = None,
    num_threads: int | None = None,
    *,
    tie_break: str | None = None,
) -> Any:
    """Make a policy as Gavel's ``utils.get_policy`` does.

    Parameters
    ----------
    policy_name
        One of :data:`POLICIES`, or ``allox_alpha=A``.
    solver
        ``"ECOS"`` takes ECOS's own optimum, as Gavel does, to the same bits; one of our engines, or None
        (ours), the canonical optimum, which does not depend on the engine.
    seed
        For FIFO and Gandiva; None is 0.
    priority_reweighting_policies
        Of water filling: entity to ``"fairness"`` or ``"fifo"``.
    num_threads
        Taken and not used: the fork of POP has it.
    tie_break
        ``"canonical"``, ``"efficient"`` or ``"none"``, in place of what the solver implies.

    Returns
    -------
    GavelPolicy
        With ``name`` and ``get_allocation``, whose arguments are those of the reference's policy of the
        name; ``driver`` is the :class:`~gavel_opt.Driver` behind it, with its ``tally``.

    Raises
    ------
    InputError
        For a name that Gavel does not have, or a solver that we do not have.
    """
    del num_threads
    if not isinstance(policy_name, str):
        raise InputError(f"policy_name is {policy_name!r}, expected a text")
    rest: dict[str, Any] = {"solver": solver, "seed": seed, "tie_break": tie_break}
    name, _, alpha = policy_name.partition("_alpha=")
    if name == "allox" and alpha:
        try:
            rest["alpha"] = float(alpha)
        except ValueError:
            raise InputError(f"policy {policy_name!r}: {alpha!r} is not a number") from None
    elif ":" in policy_name:
        raise InputError(
            f"policy {policy_name!r}: only Gavel's policies have names here; one of your own goes to "
            "gavel_opt.make_policy, or to gavel-sim run --policy"
        )
    elif policy_name not in POLICIES:
        raise unknown_name("policy", policy_name, POLICIES)
    else:
        name = policy_name
    make, reference, _ = POLICIES[name]
    if make is WaterFilled:
        rest["priority_reweighting_policies"] = priority_reweighting_policies
    return make(name, reference, **rest)


_MODES = {"base": "fifo", "perf": "fifo_perf", "packing": "fifo_packed"}
"""What ``FIFOPolicy(mode=...)`` is; each has a class of its own as well."""

_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "allox": ("alpha",),
    "fifo": ("mode", "seed", "packing_threshold"),
    "fifo_perf": ("packing",),
    "fifo_packed": ("packing_threshold",),
    "gandiva": ("seed",),
    "isolated": (),
    "proportional": (),
    **dict.fromkeys(
        (_WATER, f"{_WATER}_perf", f"{_WATER}_packed"), ("priority_reweighting_policies",)
    ),
}
"""What the reference's classes take, in their order."""

_ARGUMENTS_OF_SOLVING = ("solver", "num_threads")
"""Those of the others; the second is of POP's fork."""


def _maker(name: str) -> Make:
    """A class of the reference: makes the policy of one name, with that class's arguments in their order."""
    parameters = [
        Parameter(one, Parameter.POSITIONAL_OR_KEYWORD, default=None)
        for one in _ARGUMENTS.get(name, _ARGUMENTS_OF_SOLVING)
    ]
    signature = Signature([*parameters, Parameter("settings", Parameter.VAR_KEYWORD)])

    def make(*given: Any, **named: Any) -> GavelPolicy:
        settings = signature.bind(*given, **named).arguments
        settings |= settings.pop("settings", {})
        chosen = name
        mode = settings.pop("mode", None)
        if mode is not None:
            if mode not in _MODES:
                raise unknown_name("mode", mode, _MODES)
            chosen = _MODES[mode]
        if chosen in (
            "fifo",
            "fifo_perf",
        ):  # the reference takes these there and does not look at them
            for one in ("packing", "packing_threshold"):
                settings.pop(one, None)
        kind, reference, _ = POLICIES[chosen]
        return kind(chosen, reference, **settings)

    make.__name__ = POLICIES[name][2].partition(":")[2]
    make.__doc__ = f"Make Gavel's {name}."
    vars(make)["__signature__"] = signature
    return make


def _modules() -> dict[str, SimpleNamespace]:
    found: dict[str, SimpleNamespace] = {}
    for name, (_, _, home) in POLICIES.items():
        module, _, attribute = home.partition(":")
        setattr(found.setdefault(module, SimpleNamespace()), attribute, _maker(name))
    return found


allox: Any
fifo: Any
finish_time_fairness: Any
gandiva: Any
isolated: Any
proportional: Any
max_min_fairness: Any
max_min_fairness_strategy_proof: Any
max_min_fairness_water_filling: Any
max_sum_throughput: Any
min_total_duration: Any
globals().update(_modules())

__all__ = ["POLICIES", "GavelPolicy", "get_policy", *_modules()]
