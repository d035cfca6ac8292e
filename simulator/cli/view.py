"""``gavel-sim view``: runs, sweeps and figures in the browser, or as one file."""

from __future__ import annotations

import argparse
import sys
import threading
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from gavel_opt import InputError
from simulator.process.interrupts import interrupts

if TYPE_CHECKING:
    from simulator.viewer.library import Library


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim view``."""
    from simulator.files.new_file import add_force

    parser.add_argument(
        "folders", nargs="+", metavar="DIR", help="folders of runs, of a sweep or of a figure"
    )
    parser.add_argument(
        "--export", metavar="FILE.html", help="write one file that needs no server, and stop"
    )
    add_force(parser)
    parser.add_argument(
        "--no-why",
        action="store_true",
        help="with --export: leave out why jobs waited, for which runs are gone through again",
    )
    parser.add_argument(
        "--follow", action="store_true", help="show what a run or a sweep writes as it goes"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="print the address and open nothing"
    )

    parser.add_argument(
        "--run-code",
        action="store_true",
        help="simulate again even a run whose policy is code from outside (file.py:Class)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted, or write the file."""
    from simulator.files.new_file import new_file
    from simulator.files.own_files import is_signed
    from simulator.viewer.library import Library
    from simulator.viewer.run_folder import existing_folder

    if arguments.export is not None and arguments.follow:
        raise InputError("--export: writes what there is now, so it cannot be given with --follow")
    page = None
    if arguments.export is not None:
        if Path(arguments.export).suffix.lower() not in (".html", ".htm"):
            raise InputError(
                f"--export: {arguments.export} is no name of a page; expected FILE.html"
            )
        page = new_file(arguments.export, "--export", arguments.force, is_signed)
    library = Library([existing_folder(text) for text in arguments.folders], arguments.run_code)
    found = library.catalog()
    messages = [f"{one['label']}: {one['message']}" for one in found["runs"] if one["message"]]
    if not (found["studies"] or arguments.follow or any(one["readable"] for one in found["runs"])):
        messages = messages or [f"{arguments.folders[0]}: nothing to show there"]
        raise InputError("; ".join(messages))
    for message in messages:
        print(f"gavel-sim: {message}", file=sys.stderr)
    if page is not None:
        return _export(library, page, not arguments.no_why)
    return _serve(library, arguments.follow, not arguments.no_browser)


def _export(library: Library, path: Path, why: bool) -> int:
    from simulator.process.heartbeat import heartbeat
    from simulator.viewer.export_file import write_export

    with heartbeat(lambda: "going through the runs again for why jobs waited (--no-why)"):
        size = write_export(library, path, why)
    print(f"{path}: {size / 1e6:.1f} MB, opens in any browser without a network")
    return 0


def _serve(library: Library, follow: bool, browser: bool) -> int:
    from simulator.viewer.server import ViewerServer

    server = ViewerServer(library, follow)
    print(server.address, flush=True)
    if sys.stderr.isatty():
        print("gavel-sim: interrupt (Ctrl-C) stops the viewer", file=sys.stderr)

    if browser and not webbrowser.open(server.address):
        print("gavel-sim: no browser could be started; open the address above", file=sys.stderr)
    with server, interrupts.deferred():
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        while interrupts.pending is None:
            time.sleep(0.1)
        interrupts.act()
        server.shutdown()
    return 0
