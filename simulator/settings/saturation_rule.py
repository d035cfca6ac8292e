"""The setting ``--saturation``: which rule, and its parameters."""

from __future__ import annotations

import math
from collections.abc import Callable

from gavel_opt import InputError, unknown_name

DEFAULT_RULE = "long-queue"
"""The rule that measures what a long queue is worked off at (:mod:`simulator.runs.saturation.judge`)."""

PARAMETERS: dict[str, dict[str, float]] = {
    DEFAULT_RULE: {"jobs": 300.0, "hours": 2.0, "margin": 0.015, "errors": 2.5, "share": 0.02},
    "completion-rate": {
        "utilization": 0.99,
        "window": 2.0,
        "hours": 10.0,
        "jobs": 50.0,
        "ratio": 0.5,
        "rate": 0.0,
    },
    "jct-growth": {"jobs": 100.0, "windows": 3.0, "growth": 1.2, "steady": 1.1, "skip": 5.0},
    "convergence": {"batches": 20.0, "jobs": 10.0, "confidence": 0.95, "width": 0.05},
}
"""Parameters of every rule with their defaults; the rules are in :mod:`simulator.runs.saturation`."""

_WHOLE_FROM_1 = "a whole number of at least 1", lambda x: x >= 1 and x % 1 == 0
_ABOVE_0 = "above 0", lambda x: x > 0
_PART = "above 0 and at most 1", lambda x: 0 < x <= 1
_LIMITS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "long-queue share": _ABOVE_0,
    "completion-rate utilization": _PART,
    "completion-rate window": _ABOVE_0,
    "completion-rate ratio": _PART,
    "jct-growth jobs": _WHOLE_FROM_1,
    "jct-growth windows": _WHOLE_FROM_1,
    "jct-growth growth": ("at least 1", lambda x: x >= 1),
    "jct-growth steady": _ABOVE_0,
    "jct-growth skip": ("a whole number", lambda x: x % 1 == 0),
    "convergence batches": ("a whole number of at least 2", lambda x: x >= 2 and x % 1 == 0),
    "convergence jobs": _WHOLE_FROM_1,
    "convergence confidence": ("above 0 and below 1", lambda x: 0 < x < 1),
    "convergence width": _ABOVE_0,
}
"""What a parameter has to be besides a number of at least 0: otherwise its rule has no meaning, or one verdict for all."""


def parse_rule(text: str | None, continuous: bool) -> tuple[str, dict[str, float]]:
    """Parse ``RULE`` or ``RULE:NAME=VALUE,...``; None is the default.

    Parameters
    ----------
    text
        What ``--saturation`` was given.
    continuous
        Whether jobs keep arriving: only then is there a default rule.

    Raises
    ------
    InputError
        For an unknown rule or parameter, or a value that is no number.
    """
    if text is None:
        text = DEFAULT_RULE if continuous else "off"
    name, _, rest = text.partition(":")
    if name == "off":
        return "off", {}
    if name not in PARAMETERS:
        raise unknown_name("rule (--saturation)", name, ["off", *PARAMETERS])
    parameters = dict(PARAMETERS[name])
    for part in filter(None, rest.split(",")):
        key, _, value = (word.strip() for word in part.partition("="))
        if key not in parameters:
            raise unknown_name(f"parameter of --saturation {name}", key, parameters)
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or number < 0:
            raise InputError(
                f"--saturation {name}: {key}={value} is not a number of at least 0 "
                f"(default: {parameters[key]:g})"
            )
        what, holds = _LIMITS.get(f"{name} {key}", ("", bool))
        if what and not holds(number):
            raise InputError(
                f"--saturation {name}: {key}={value} is not {what} (default: {parameters[key]:g})"
            )
        parameters[key] = number
    return name, parameters
