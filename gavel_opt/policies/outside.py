"""Policies from outside: what goes wrong in one is said with its name and the line of its file."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Generator

from gavel_opt.errors import GavelError, InputError, PolicyFailed
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.policies.policy import Policy, Programs


def started_generator(policy: Policy, state: ClusterState, merge: bool) -> Programs:
    """Ask a policy for its programs.

    Raises
    ------
    InputError
        If it gives no generator.
    """
    found = policy.programs(state, merge)
    if not isinstance(found, Generator):
        raise InputError(
            f"policy {policy.name!r}: programs gave a {type(found).__name__}, expected a generator; "
            "end it with: return (yield from program.solve(merge))"
        )
    return found


def blamed(policy: Policy, raised: Exception) -> PolicyFailed | None:
    """Return what to raise in place of an exception: one line if it came from a policy's own file.

    None for what this package raises on purpose, and for what did not pass through that file.
    """
    if isinstance(raised, GavelError):
        return None
    home = getattr(sys.modules.get(type(policy).__module__), "__file__", None)
    here = home is None or type(policy).__module__.startswith("gavel_opt.")
    steps = [] if here else traceback.extract_tb(raised.__traceback__)
    lines = [step.lineno for step in steps if step.filename == home]
    if not lines:
        return None
    said = " ".join(str(raised).split())
    return PolicyFailed(
        f"policy {policy.name!r} raised {type(raised).__name__}: {said} ({home}, line {lines[-1]})"
    )
