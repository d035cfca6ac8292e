"""``gavel-sim export``: a run in the format of another viewer."""

from __future__ import annotations

import argparse
import sys

from gavel_opt import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim export``."""
    from simulator.files.new_file import add_force

    parser.add_argument("folder", metavar="RUN", help="run folder")
    parser.add_argument(
        "--perfetto",
        metavar="FILE",
        help="write a trace for https://ui.perfetto.dev: a track a GPU, counters, instants",
    )
    add_force(parser)
    parser.add_argument(
        "--run-code",
        action="store_true",
        help="simulate again even a run whose policy is code from outside (file.py:Class)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the file, whole or not at all."""
    from simulator.files.new_file import new_file
    from simulator.files.own_files import is_signed
    from simulator.files.whole_files import write_atomically
    from simulator.viewer.resimulation import RECORDED, completed
    from simulator.viewer.run_folder import existing_folder, read_run

    if arguments.perfetto is None:
        raise InputError("expected what to write: --perfetto FILE")
    path = new_file(arguments.perfetto, "--perfetto", arguments.force, is_signed)
    found = read_run(existing_folder(arguments.folder))
    if not found.readable:
        raise InputError(f"{arguments.folder}: {found.message}")

    from simulator.viewer.perfetto_trace import perfetto_trace

    if not set(RECORDED) <= set(found.tables):
        print(
            "gavel-sim: not all of it was recorded (--record), so it is simulated again",
            file=sys.stderr,
        )
    content = perfetto_trace(completed(found, arguments.run_code))
    write_atomically(path, content)
    print(f"{path}: {len(content) / 1e6:.1f} MB; open it at https://ui.perfetto.dev")
    return 0
