"""The ``gavel-sim`` command: a table of subcommands, each a module of its own."""

from __future__ import annotations

import importlib
from typing import cast

from gavel_opt.cli.command_line import Command, Program

_MODULES = {
    "run": "simulator.cli.run",
    "sweep": "simulator.cli.sweep",
    "figure": "simulator.cli.figure",
    "knee": "simulator.studies.knee",
    "compare": "simulator.cli.compare",
}


def _load(name: str) -> Command:
    return cast(Command, importlib.import_module(_MODULES[name]))


main = Program(
    "gavel-sim",
    "Simulate a GPU cluster under a scheduling policy.",
    "gavel-sim run --policy max_min_fairness_perf --jobs 50",
    {
        "run": "one simulation",
        "sweep": "many simulations, from a file or from flags with several values",
        "figure": "one of the paper's experiments",
        "knee": "the highest job rate that a policy sustains on a cluster",
        "compare": "two runs, or engines on the same run: what differs, and when",
    },
    _load,
).main
