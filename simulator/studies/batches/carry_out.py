"""One piece of work in whatever process it lands: looked up, claimed, carried out, kept.

Every executor is handed this one function. So results are written by the process that made them
(they survive whoever asked for them), and two commands that share a folder, on one machine or on
many, carry each run out once.
"""

from __future__ import annotations

import importlib
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, TypeAlias

from gavel_opt.kernels.jit import clock, compile_cpu_seconds
from simulator.studies.batches.claims import Claims
from simulator.studies.batches.long_runs import PLACE, forget_checkpoint
from simulator.studies.executors import Payload, Work

Kept: TypeAlias = "dict[str, Any]"
"""What is kept of a piece of work: its ``result`` and what it cost."""

CLAIMS = ".claims"
"""Folder, within the results', of the claims of runs on their way."""

CHECKPOINTS = ".checkpoints"
"""Folder, within the results', of the states of long runs on their way."""

ELSEWHERE = "elsewhere"
"""Key of an answer that is none: somebody else carries this out now."""


class Store(ABC):
    """A folder in which results are kept, one by one, each whole or not there.

    Parameters
    ----------
    folder
        Made when the first result is kept.
    flag
        The flag that named the folder, for messages.
    """

    def __init__(self, folder: Path, flag: str = "--output") -> None:
        self.folder = folder
        self.flag = flag

    def describe(self) -> Payload:
        """What :func:`open_store` needs to make it again in another process."""
        kind = type(self)
        return {
            "kind": f"{kind.__module__}:{kind.__qualname__}",
            "folder": str(self.folder),
            "flag": self.flag,
        }

    @abstractmethod
    def load(self, name: str, payload: Payload) -> Kept | None:
        """Return what was kept under a name, or None.

        Raises
        ------
        InputError
            If it is the result of other settings.
        """

    @abstractmethod
    def keep(self, name: str, payload: Payload, value: Any, cpu: float, wall: float) -> Kept:
        """Write a result down and return what was written."""

    @abstractmethod
    def identity(self, payload: Payload) -> str:
        """Return what decides the result, as a hash."""

    @abstractmethod
    def adopt(self, name: str, payload: Payload, found: Path) -> Kept | None:
        """Take over a result of the same identity from another place; None if it is none."""


def unit(work: Work, name: str, payload: Payload, store: Store) -> Payload:
    """Make what :func:`carry_out` takes, in JSON values alone."""
    return {
        "work": f"{work.__module__}:{work.__qualname__}",
        "name": name,
        "payload": payload,
        "store": store.describe(),
    }


def carry_out(given: Payload) -> Kept:
    """Carry out one piece of work unless it is done; return what is kept of it.

    Where another process is at it, the answer is ``{"elsewhere": who}``.

    Raises
    ------
    InputError
        If the place of the result is taken by other settings.
    """
    store, name, payload = open_store(given["store"]), given["name"], given["payload"]
    kept = store.load(name, payload)
    if kept is not None:
        return kept
    claims = Claims(store.folder / CLAIMS)
    claim = claims.take(name)
    if claim is None:
        return {ELSEWHERE: str(claims.holder(name) or "another process")}
    with claim:
        kept = store.load(name, payload)  # by who held the claim before
        if kept is not None:
            return kept
        # Whichever run comes first in a process compiles for those after it: that is no run's cost.
        cpu, wall = time.process_time() - compile_cpu_seconds(), clock()
        place = store.folder / CHECKPOINTS / f"{name}.{store.identity(payload)}.npz"
        value = named(given["work"])(payload | {PLACE: str(place)})
        spent = time.process_time() - compile_cpu_seconds() - cpu, clock() - wall
        kept = store.keep(name, payload, value, *spent)
        forget_checkpoint(place)
        return kept


def open_store(described: Payload) -> Store:
    """Make a store from what :meth:`Store.describe` said of it."""
    made: Store = named(described["kind"])(Path(described["folder"]), described["flag"])
    return made


def named(name: str) -> Any:
    """Return what ``module:name`` names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
