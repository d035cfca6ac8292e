"""A simulator of a GPU cluster under a scheduling policy.

>>> import simulator
>>> result = simulator.run(policy="max_min_fairness_perf", jobs=50, seed=0)
>>> print(f"{result.average_jct:.2f} s")
57201.16 s

The same as ``gavel_sim``, should another ``simulator`` be about.
"""

from __future__ import annotations

TYPE_CHECKING = False  # nothing is loaded before a command can answer for its signals
if TYPE_CHECKING:
    from typing import Any

    from gavel_opt import InputError, SolveFailed
    from simulator.api import compare, figure, knee, run, sweep, what_if
    from simulator.runs.output.results import RunResult
    from simulator.settings.config import RunConfig

    __version__: str

_HOME = {
    "run": "simulator.api",
    "sweep": "simulator.api",
    "figure": "simulator.api",
    "knee": "simulator.api",
    "compare": "simulator.api",
    "what_if": "simulator.api",
    "RunConfig": "simulator.settings.config",
    "RunResult": "simulator.runs.output.results",
    "InputError": "gavel_opt",
    "SolveFailed": "gavel_opt",
}
"""Public name to module: loaded when first asked for, so that a command line starts at once."""


def __getattr__(name: str) -> Any:
    import importlib

    if name == "__version__":
        from importlib.metadata import version

        return version("gavel-opt")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


__all__ = [
    "InputError",
    "RunConfig",
    "RunResult",
    "SolveFailed",
    "compare",
    "figure",
    "knee",
    "run",
    "sweep",
    "what_if",
]
