"""One file for a library: everything that its page could ask the server for."""

from __future__ import annotations

from pathlib import Path

from simulator.runs.files import write_atomically
from simulator.viewer.library import PARTS, Library
from simulator.viewer.page import exported_page, json_part


def write_export(library: Library, path: Path) -> int:
    """Write the file, whole or not at all, and return its size in bytes."""
    catalog = library.catalog() | {"follow": False, "server": False}
    parts = {"catalog": json_part(catalog)}
    for run in catalog["runs"]:
        if run["readable"]:
            for part in PARTS:
                if part == "overview" or run[part]:
                    parts[f"run/{run['id']}/{part}"] = library.part(run["id"], part)
    content = exported_page(parts)
    write_atomically(path, content)
    return len(content)
