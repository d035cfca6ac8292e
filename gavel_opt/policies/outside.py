"""Policies from outside: what goes wrong in one is said with its name and the line of its file."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Generator
from typing import Any

from gavel_opt.errors import (
    ANY_FAILURE,
    ON_PURPOSE,
    GavelError,
    InputError,
    PolicyFailed,
    in_words,
)
from gavel_opt.model.allocation_program import (
    AllocationProgram,
    FinishTimeProgram,
    ProductProgram,
    Program,
)
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.policies.policy import Policy, Programs

_OURS = "gavel_opt."


def is_ours(policy: Policy) -> bool:
    """Whether a policy is one of this package, and does what its class there says.

    One whose methods were replaced, on the object or on the class, is somebody else's.
    """
    kind = type(policy)
    if not kind.__module__.startswith(_OURS):
        return False
    if has_methods_of_its_own(policy):
        return False
    methods = (getattr(kind, name, None) for name in ("programs", "shares"))
    return all(getattr(one, "__module__", "").startswith(_OURS) for one in methods)


def has_methods_of_its_own(one: object) -> bool:
    """Whether a method was replaced on an object, which then does not do what its class says."""
    kind: Any = type(one)
    return not _methods_of(kind).isdisjoint(vars(one))


@functools.cache
def _methods_of(kind: Any) -> frozenset[str]:
    return frozenset(name for name in dir(kind) if callable(getattr(kind, name, None)))


def check_program(policy: Policy, program: object) -> Program | ProductProgram:
    """Return what a policy yields, if it is a program.

    Raises
    ------
    InputError
        If it is not.
    """
    if isinstance(program, AllocationProgram | FinishTimeProgram | ProductProgram):
        return program
    raise InputError(
        f"policy {policy.name!r}: programs yields a {type(program).__name__}, expected a program as "
        "ProgramBuilder makes it: return (yield from program.solve(merge))"
    )


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


def see_empty(policy: Policy, state: ClusterState, merge: bool) -> None:
    """Let a policy without programs see that everybody has left.

    Raises
    ------
    GavelError
        What it raises, with its line.
    """
    try:
        for _ in started_generator(policy, state, merge):
            raise AssertionError("a policy without programs yielded one")
    except ANY_FAILURE as raised:
        failed = blamed(policy, raised)
        if failed is None:
            raise
        raise failed from raised


def memory_of(policy: Policy) -> dict[str, Any]:
    """Return what a policy remembers, for a checkpoint.

    Raises
    ------
    PolicyFailed
        If its ``snapshot`` raises, or gives no dictionary.
    """
    try:
        found = policy.snapshot()
    except ANY_FAILURE as raised:
        failed = blamed(policy, raised)
        if failed is None:
            raise
        raise failed from raised
    if not isinstance(found, dict):
        raise PolicyFailed(
            f"policy {policy.name!r}: snapshot gave a {type(found).__name__}, expected a dictionary"
        )
    return found


def blamed(policy: Policy, raised: BaseException) -> GavelError | None:
    """Return what to raise in place of an exception: one line if it came from a policy's own file.

    None for what did not pass through that file. What this package refuses stays an :class:`InputError`.
    """
    if isinstance(raised, ON_PURPOSE) and not isinstance(raised, InputError):
        return None
    home = getattr(sys.modules.get(type(policy).__module__), "__file__", None)
    if home is None or type(policy).__module__.startswith(_OURS):
        return None
    if isinstance(raised, RuntimeError) and isinstance(raised.__cause__, StopIteration):
        raised = raised.__cause__  # which Python makes a RuntimeError of inside of a generator
    steps = traceback.extract_tb(raised.__traceback__)
    lines = [step.lineno for step in steps if step.filename == home]
    own_method = f"{type(policy).__qualname__}."  # which takes other arguments than it is given
    if not lines and not (isinstance(raised, TypeError) and str(raised).startswith(own_method)):
        return None
    where = f"({home}, line {lines[-1]})" if lines else f"({home})"
    if isinstance(raised, InputError):
        said = " ".join(str(raised).split())
        known = repr(policy.name) in said
        return None if known else InputError(f"policy {policy.name!r}: {said} {where}")
    return PolicyFailed(f"policy {policy.name!r} raised {in_words(raised, 2000)} {where}")
