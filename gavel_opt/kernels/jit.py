"""One way to compile a kernel: cached on disk, exact arithmetic, no lock held.

Nothing compiles at import. The first call of a kernel compiles it and keeps the result beside its
source (or in the user's cache folder where that cannot be written); on a terminal one line says so.
Numba keeps what it compiled until the kernel's own file changes. Kernels here also depend on modules
that they import (constants, kernels called), so those files count as well.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar, cast

import numba
from numba.core import event

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGES = ("gavel_opt", "simulator")
_logger = logging.getLogger(__name__)


def compiled(function: F) -> F:
    """Compile ``function`` at its first call, in IEEE order of operations (no fast math)."""
    return _compiled(function)


def compiled_in_place(function: F) -> F:
    """Compile as :func:`compiled` does, a function that makes no array and calls none that does.

    Then nobody needs to count who holds which array, which costs more than a short function.
    """
    return _compiled(function, _nrt=False)


def _compiled(function: F, **options: Any) -> F:
    dispatcher: Any = numba.njit(cache=True, error_model="numpy", nogil=True, **options)(function)
    # Without this attribute (another numba), only the kernel's own file is watched.
    with contextlib.suppress(AttributeError):
        file = dispatcher._cache._cache_file
        file._source_stamp = (file._source_stamp, _stamp(function.__module__))
    return cast(F, dispatcher)


@functools.cache
def _stamp(module: str) -> tuple[tuple[str, float, int], ...]:
    """State of the files that a kernel module is made of."""
    seen: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        loaded = sys.modules.get(name)
        file = getattr(loaded, "__file__", None)
        if name in seen or loaded is None or file is None:
            continue
        seen[name] = file
        for value in vars(loaded).values():
            home = value.__name__ if isinstance(value, ModuleType) else None
            if home is None:
                home = getattr(getattr(value, "py_func", value), "__module__", None)
            if isinstance(home, str) and home.partition(".")[0] in _PACKAGES:
                waiting.append(home)
    stamps = []
    for name, file in sorted(seen.items()):
        state = os.stat(file)
        stamps.append((name, state.st_mtime, state.st_size))
    return tuple(stamps)


class _Notice(event.Listener):
    """Says what is being compiled when it is not found on disk, once for each part."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def on_start(self, event: Any) -> None:
        """Numba starts to compile a function."""
        kernel = event.data.get("dispatcher") if isinstance(event.data, dict) else None
        module = getattr(getattr(kernel, "py_func", None), "__module__", "") or ""
        part = ".".join(module.split(".")[:2])
        if part.partition(".")[0] not in _PACKAGES or part in self._said:
            return
        self._said.add(part)
        text = f"compiling {part}: once only, it is kept on disk"
        if sys.stderr is not None and sys.stderr.isatty():
            print(text, file=sys.stderr, flush=True)
        else:
            _logger.info(text)

    def on_end(self, event: Any) -> None:
        """Numba is done with a function."""


_register: Callable[[str, event.Listener], None] = event.register
_register("numba:compile", _Notice())
