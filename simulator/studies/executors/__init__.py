"""Where many runs are carried out: the protocol, and the executors by name.

An executor takes one function and many payloads and hands back outcomes as they come. To add one,
write a class with :meth:`Executor.run` and a row in :data:`EXECUTORS`; nothing else knows which
executor runs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from gavel_opt import InputError, unknown_name

Payload: TypeAlias = "dict[str, Any]"
"""What one run needs, as JSON values, so that it can travel to any process."""

Work: TypeAlias = Callable[[Payload], Any]
"""A function at the top level of a module, which a fresh process can import by name."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one payload.

    Attributes
    ----------
    index
        Place of the payload in the sequence that was handed over.
    value
        What the function returned, or None if it failed.
    error
        Why it failed, in one line, or None.
    trace
        The traceback of a failure that is not the user's, for the log; else None.
    cpu_seconds, wall_seconds
        What it took in its process.
    died
        Whether the process died of it, again after another try.
    """

    index: int
    value: dict[str, Any] | None
    error: str | None = None
    trace: str | None = None
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    died: bool = False


class Executor(Protocol):
    """Carries out one function on many payloads."""

    def run(self, work: Work, payloads: Sequence[Payload]) -> Iterator[Outcome]:
        """Yield one outcome for each payload, in the order in which they finish.

        A payload that fails, or takes its process down with it, is an outcome with an ``error``
        and does not touch the others. Closing the iterator stops what is still running.
        """
        ...

    def close(self) -> None:
        """Give up what was kept for the next call: processes that stay warm, a cluster."""
        ...


EXECUTORS: dict[str, str] = {"local": "local:LocalExecutor", "ray": "ray:RayExecutor"}
"""Name to ``module:class`` in this package."""


def make_executor(
    name: str = "local", processes: int | None = None, address: str | None = None
) -> Executor:
    """Make an executor.

    Parameters
    ----------
    name
        One of :data:`EXECUTORS`.
    processes
        How many runs at once; None takes one for each core.
    address
        Where the cluster is, for executors that have one (``ray``).

    Raises
    ------
    InputError
        If no executor has this name, or an address is given to one that has no use for it.
    MissingLibraryError
        If what the executor needs is not installed.
    """
    if name not in EXECUTORS:
        raise unknown_name("executor", name, EXECUTORS)
    if processes is not None and (
        isinstance(processes, bool) or not isinstance(processes, int) or processes < 1
    ):
        raise InputError(f"--processes: {processes!r} is not a positive whole number")
    module, _, attribute = EXECUTORS[name].partition(":")
    make = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
    if address is not None and name != "ray":
        raise InputError(f"--ray-address: --executor {name} has no use for it; --executor ray has")
    made: Executor = make(processes) if name != "ray" else make(processes, address)
    return made


__all__ = ["EXECUTORS", "Executor", "Outcome", "Payload", "Work", "make_executor"]
