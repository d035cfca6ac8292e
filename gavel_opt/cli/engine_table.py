"""The engines as a table, from names and versions alone: no solver is loaded."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from gavel_opt.engines.registry import Entry, known_engines

_WORDS = {
    "linear": "any program",
    "allocation": "blocks",
    "finish_time": "finish-time",
    "product": "products",
    "duals": "duals",
    "distinguishes": "tells infeasible from unbounded",
    "reuse": "keeps its model",
    "warm_start": "warm start",
    "tie_break": "breaks ties",
}
"""Capability to what the table says; the others matter to the driver only."""


def describe_engines() -> list[dict[str, Any]]:
    """Name, solver, versions, what is missing and capabilities of every engine."""
    return [_describe(name, entry) for name, entry in known_engines().items()]


def _describe(name: str, entry: Entry) -> dict[str, Any]:
    versions, missing = {}, []
    for library in entry.libraries:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            missing.append(library)
    if entry.source:
        versions[entry.source] = version(entry.source)
    return {
        "name": name,
        "solver": entry.solver or entry.source,
        "versions": versions,
        "installed": not missing,
        "missing": missing,
        "install": " ".join(["pip install", *missing]) if missing else "",
        "capabilities": list(entry.can),
        "source": entry.source or "gavel-opt",
    }


def engine_table() -> Any:
    """A table for a person."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("engine", "solver", "installed"):
        table.add_column(column, no_wrap=True)
    table.add_column("capabilities")
    for engine in describe_engines():
        versions = ", ".join(f"{library} {v}" for library, v in engine["versions"].items())
        solver = engine["solver"] + (f" ({versions})" if versions else "")
        state = (
            "[green]yes[/]" if engine["installed"] else f"[yellow]{escape(engine['install'])}[/]"
        )
        words = ", ".join(_WORDS[c] for c in _WORDS if c in engine["capabilities"])
        table.add_row(engine["name"], escape(solver), state, words or "declared by the engine")
    return table
