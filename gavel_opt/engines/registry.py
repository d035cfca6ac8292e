"""Engines by name, loaded only when asked for.

Engines from outside register under the entry-point group ``gavel_opt.engines``.
"""

from __future__ import annotations

import functools
import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gavel_opt.errors import (
    ANY_FAILURE,
    ON_PURPOSE,
    InputError,
    MissingLibraryError,
    in_words,
    unknown_name,
)

if TYPE_CHECKING:  # names are listed without loading what engines need
    from gavel_opt.engines.protocol import Engine

GROUP = "gavel_opt.engines"

ISOLATED = "isolated:"
"""Before the name of an engine: in a process of its own."""


_ANY = ("duals", "distinguishes", "linear", "pairs")
_BLOCKS_KEPT = ("duals", "distinguishes", "linear", "allocation", "warm_start", "reuse", "grouping")


@dataclass(frozen=True, slots=True)
class Entry:
    """One engine, as far as it is known without loading it.

    Attributes
    ----------
    path
        ``"module:Class"``.
    libraries
        Distributions that it needs, the solver first.
    solver
        What solves.
    can
        Names of the capabilities that are true; empty for engines from outside.
    source
        Distribution that an engine from outside comes from.
    """

    path: str
    libraries: tuple[str, ...] = ()
    solver: str = ""
    can: tuple[str, ...] = ()
    source: str = ""


BUILT_IN: dict[str, Entry] = {
    "cvxpy-rebuild": Entry(
        "gavel_opt.engines.cvxpy_rebuild:CvxpyRebuild",
        ("ecos", "cvxpy"),
        "ECOS",
        (*_ANY, "allocation", "finish_time", "product"),
    ),
    "cvxpy-cached": Entry(
        "gavel_opt.engines.cvxpy_cached:CvxpyCached",
        ("ecos", "cvxpy"),
        "ECOS",
        ("duals", "distinguishes", "linear", "allocation", "reuse", "grouping"),
    ),
    "ecos": Entry(
        "gavel_opt.engines.ecos_direct:EcosDirect",
        ("ecos",),
        "ECOS",
        (*_ANY, "allocation", "finish_time"),
    ),
    "highs": Entry(
        "gavel_opt.engines.highs:Highs",
        ("highspy",),
        "HiGHS",
        _BLOCKS_KEPT,
    ),
    "pulp": Entry(
        "gavel_opt.engines.pulp_highs:Pulp",
        ("highspy", "pulp"),
        "HiGHS",
        _BLOCKS_KEPT,
    ),
    "ortools": Entry(
        "gavel_opt.engines.ortools_glop:Glop",
        ("ortools",),
        "GLOP",
        _BLOCKS_KEPT,
    ),
    "ortools-pdlp": Entry(
        "gavel_opt.engines.ortools_pdlp:Pdlp",
        ("ortools",),
        "PDLP",
        (*_ANY, "grouping"),
    ),
    "clarabel": Entry(
        "gavel_opt.engines.clarabel_direct:Clarabel",
        ("clarabel",),
        "Clarabel",
        ("duals", "linear", "pairs", "grouping"),
    ),
    "scs": Entry(
        "gavel_opt.engines.scs_direct:Scs",
        ("scs",),
        "SCS",
        ("duals", "linear", "pairs", "grouping"),
    ),
    "structured": Entry(
        "gavel_opt.engines.structured:Structured",
        ("numba",),
        "own kernels",
        (
            "duals",
            "pairs",
            "allocation",
            "finish_time",
            "product",
            "one_step",
            "grouping",
            "tie_break",
        ),
    ),
}


def known_engines() -> dict[str, Entry]:
    """All engine names with where they live: ours first, then those from entry points."""
    return BUILT_IN | _from_outside(tuple(sys.path))


@functools.cache
def _from_outside(path: tuple[str, ...]) -> dict[str, Entry]:
    """Engines from entry points of the packages on ``path``, Python's own.

    Looking through all installed packages takes 10 ms, and a run asks three times.
    """
    from importlib.metadata import entry_points

    found: dict[str, Entry] = {}
    for point in entry_points(group=GROUP):
        source = point.dist.name if point.dist is not None else ""
        if point.name not in BUILT_IN:
            found.setdefault(point.name, Entry(point.value, source=source))
    return found


def is_known(name: str) -> bool:
    """Whether there is an engine of this name, in a process of its own or not."""
    return name.removeprefix(ISOLATED) in known_engines()


def _check_parts(name: str, entry: Entry, engine: object) -> None:
    from gavel_opt.engines.protocol import Capability

    missing = [part for part in ("solve", "version") if not callable(getattr(engine, part, None))]
    if not isinstance(getattr(engine, "name", None), str):
        missing.insert(0, "name")
    if not isinstance(getattr(engine, "capability", None), Capability):
        missing.append("capability (a gavel_opt.Capability)")
    if missing:
        raise InputError(
            f"engine {name!r} of package {entry.source} ({entry.path}) has no {' and no '.join(missing)}"
        )


def of_one_program(name: str) -> str:
    """Name of the engine that solves a single program: ``auto`` is ``highs`` there."""
    return "highs" if name == "auto" else name


def make_engine(name: str, isolate: bool | None = None) -> Engine:
    """Make a fresh engine.

    Parameters
    ----------
    name
        Its name; ``isolated:NAME`` is the engine NAME in a process of its own.
    isolate
        Whether it gets such a process; None leaves that to the name and to what the engine declares.

    Raises
    ------
    InputError
        If no engine has this name, or one from outside cannot be made.
    MissingLibraryError
        If its library is not installed; the text says which one.
    """
    known = known_engines()
    if name.startswith(ISOLATED):
        name, isolate = name.removeprefix(ISOLATED), True
    if name not in known:
        raise unknown_name("engine", name, known)
    entry = known[name]
    module, _, attribute = entry.path.partition(":")
    try:
        engine: Engine = getattr(importlib.import_module(module), attribute)()
    except ImportError as missing:
        library = missing.name or str(missing)
        if library.startswith("gavel_opt"):
            raise
        raise MissingLibraryError(
            f"engine {name!r} needs {library}: pip install {library}"
        ) from missing
    except ON_PURPOSE:
        raise
    except ANY_FAILURE as broken:
        if not entry.source:
            raise
        raise InputError(
            f"engine {name!r} of package {entry.source} cannot be made ({entry.path}): {in_words(broken)}"
        ) from broken
    if entry.source:
        _check_parts(name, entry, engine)
    if isolate is None:
        isolate = engine.capability.isolate
    if not isolate:
        return engine
    if not engine.capability.linear:
        raise InputError(
            f"engine {name!r} takes allocation programs only, and a process of its own general ones"
        )
    from gavel_opt.engines.own_process import Isolated

    return Isolated(name, engine)
