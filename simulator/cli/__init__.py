"""The ``gavel-sim`` command: a table of subcommands, each a module of its own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from simulator.process.interrupts import interrupts

if TYPE_CHECKING:
    from gavel_opt.cli.command_line import Command, Program

_MODULES = {
    "run": "simulator.cli.run",
    "sweep": "simulator.cli.sweep",
    "figure": "simulator.cli.figure",
    "knee": "simulator.cli.knee",
    "what-if": "simulator.cli.what_if",
    "view": "simulator.cli.view",
    "explain": "simulator.cli.explain",
    "export": "simulator.cli.export",
    "compare": "simulator.cli.compare",
    "import": "simulator.cli.import_trace",
    "throughputs": "simulator.cli.throughputs",
    "policies": "simulator.cli.policies",
    "warm-up": "simulator.cli.warm_up",
}


_SUMMARIES = {
    "run": "one simulation",
    "sweep": "many simulations, from a file or from flags with several values",
    "figure": "one of the paper's experiments",
    "knee": "the highest job rate that a policy sustains on a cluster",
    "what-if": "what another cluster or policy would change, with intervals",
    "view": "runs, sweeps and figures in the browser, or as one file",
    "explain": "why a job ran or waited, in a round or over its life",
    "export": "a run in the format of another viewer (Perfetto)",
    "compare": "two runs, or engines on the same run: what differs, and when",
    "import": "the job log of another cluster (Philly, Slurm, ...) as a trace",
    "throughputs": "check a table of throughputs, or write it in another format",
    "policies": "the policies: name, what each does, what it needs",
    "warm-up": "compile ahead what runs would compile, on all cores",
}

_GO_ON = frozenset({"sweep", "figure"})
"""Commands that keep each result as it comes."""

_GO_ON_IN_A_FOLDER = frozenset({"knee", "what-if"})
"""Those that do so with ``--output``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit status.

    Parameters
    ----------
    arguments
        The words after ``gavel-sim``; None for those of this process, which is then a command and
        answers for its signals: it ends in two seconds, with status 128 and the signal's number.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    interrupts.advice = _how_to_go_on(words)
    if arguments is None:
        interrupts.take_over("gavel-sim")
    # Only now, as all else takes time to load in which a signal may come.
    status = program().main(words)
    return interrupts.status if status == _INTERRUPTED else status


def program() -> Program:
    """Return the command with its subcommands."""
    from gavel_opt.cli.command_line import Program

    return Program(
        "gavel-sim",
        "Simulate a GPU cluster under a scheduling policy.",
        "gavel-sim run --policy max_min_fairness_perf --jobs 50",
        _SUMMARIES,
        _load,
    )


_INTERRUPTED = 130
"""Status of a program that a ``KeyboardInterrupt`` ended."""


def _load(name: str) -> Command:
    return cast("Command", importlib.import_module(_MODULES[name]))


def _how_to_go_on(words: Sequence[str]) -> str:
    """What to say of a command that a signal ends."""
    folder = any(word == "--output" or word.startswith("--output=") for word in words)
    if words and (words[0] in _GO_ON or (folder and words[0] in _GO_ON_IN_A_FOLDER)):
        return "the same command goes on where it stopped"
    if "--resume" in words[:-1]:
        return f"go on with: gavel-sim run --resume {words[words.index('--resume') + 1]}"
    if words and words[0] == "run":
        return "no summary was written; the same command starts again"
    return "the same command starts again"
