"""Gavel's scheduling policies as linear programs, on any solver.

>>> import gavel_opt
>>> program = gavel_opt.LinearProgram.build(
...     [1.0, 1.0], [[1.0, 2.0]], row_lower=4.0, row_upper=float("inf")
... )
>>> solution = gavel_opt.solve(program, engine="highs")
>>> solution.status.value, solution.x.tolist(), solution.objective, solution.row_dual.tolist()
('optimal', [0.0, 2.0], 2.0, [0.5])
"""

from __future__ import annotations

TYPE_CHECKING = False  # nothing is loaded before a command can answer for its signals
if TYPE_CHECKING:
    from typing import Any

    from gavel_opt.driver import Driver
    from gavel_opt.engine_chain import TIE_BREAKS, Recorder
    from gavel_opt.engines.protocol import Capability, Engine, Options
    from gavel_opt.engines.registry import known_engines, make_engine
    from gavel_opt.errors import (
        EngineFault,
        GavelError,
        InputError,
        MissingLibraryError,
        PolicyFailed,
        SolveFailed,
        unknown_name,
    )
    from gavel_opt.model.allocation_program import (
        Allocation,
        AllocationProgram,
        Answer,
        Blocks,
        FinishTimeProgram,
    )
    from gavel_opt.model.cluster_state import ClusterState, ThroughputTable
    from gavel_opt.model.files import read_program, write_program
    from gavel_opt.model.linear_program import LinearProgram
    from gavel_opt.model.solution import Certificate, Solution, Status
    from gavel_opt.policies import (
        POLICIES,
        Policy,
        Programs,
        Traits,
        find_policy,
        known_policies,
        make_policy,
    )
    from gavel_opt.policies.builder import ProgramBuilder
    from gavel_opt.policies.estimation import ThroughputEstimator
    from gavel_opt.solving import solve
    from gavel_opt.tally import Tally

_NAMES = {
    "model.allocation_program": "Allocation AllocationProgram Answer Blocks FinishTimeProgram",
    "driver": "Driver",
    "engine_chain": "TIE_BREAKS Recorder",
    "tally": "Tally",
    "engines.protocol": "Capability Engine Options",
    "errors": "EngineFault GavelError InputError MissingLibraryError PolicyFailed SolveFailed unknown_name",
    "policies.estimation": "ThroughputEstimator",
    "policies": "POLICIES Policy Programs find_policy known_policies Traits make_policy",
    "policies.builder": "ProgramBuilder",
    "model.files": "read_program write_program",
    "model.linear_program": "LinearProgram",
    "engines.registry": "known_engines make_engine",
    "model.solution": "Certificate Solution Status",
    "solving": "solve",
    "model.cluster_state": "ClusterState ThroughputTable",
}
"""What is public of each module."""

_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
"""Public name to module: loaded when first asked for, so that a command line starts at once."""


def __getattr__(name: str) -> Any:
    import importlib

    if name == "__version__":
        from importlib.metadata import version

        globals()[name] = found = version("gavel-opt")
        return found
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "POLICIES",
    "TIE_BREAKS",
    "Allocation",
    "AllocationProgram",
    "Answer",
    "Blocks",
    "Capability",
    "Certificate",
    "ClusterState",
    "Driver",
    "Engine",
    "EngineFault",
    "FinishTimeProgram",
    "GavelError",
    "InputError",
    "LinearProgram",
    "MissingLibraryError",
    "Options",
    "Policy",
    "PolicyFailed",
    "ProgramBuilder",
    "Programs",
    "Recorder",
    "Solution",
    "SolveFailed",
    "Status",
    "Tally",
    "ThroughputEstimator",
    "ThroughputTable",
    "Traits",
    "find_policy",
    "known_engines",
    "known_policies",
    "make_engine",
    "make_policy",
    "read_program",
    "solve",
    "unknown_name",
    "write_program",
]
