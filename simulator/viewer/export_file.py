"""One file for a library: everything that its page could ask the server for."""

from __future__ import annotations

from pathlib import Path

from gavel_opt import GavelError
from simulator.files.whole_files import write_atomically
from simulator.viewer.library import PARTS, Library
from simulator.viewer.page import exported_page, json_part


def write_export(library: Library, path: Path, why: bool = True) -> int:
    """Write the file, whole or not at all, and return its size in bytes.

    Parameters
    ----------
    library
        What is to be in it.
    path
        The file.
    why
        Whether the reasons for which jobs waited are found out, for which runs are gone through again.
    """
    catalog = library.catalog() | {"follow": False, "server": False}
    parts: dict[str, bytes] = {}
    for run in catalog["runs"]:
        if not run["readable"]:
            continue
        for part in PARTS:
            if part == "overview" or run[part]:
                parts[f"run/{run['id']}/{part}"] = library.part(run["id"], part)
        try:
            if not why:
                run["why"] = "--no-why"
            else:
                parts[f"run/{run['id']}/waits"] = library.waits(run["id"])
                run["waits"] = True
        except GavelError as wrong:
            run["why"] = str(wrong)
    content = exported_page({"catalog": json_part(catalog), **parts})
    write_atomically(path, content)
    return len(content)
