"""``gavel-sim explain``: why a job ran or waited, from the run's own figures."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from gavel_opt import InputError
from simulator.settings.options import natural

if TYPE_CHECKING:
    from simulator.viewer.reasons import Explanation, Table


FIRST, AROUND = 8, 3
"""Rows of a queue that a terminal shows: so many first ones, and so many on both sides of the job."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim explain``."""
    parser.add_argument("folder", metavar="RUN", help="run folder")
    parser.add_argument("--job", type=natural, required=True, metavar="J", help="number of the job")
    parser.add_argument(
        "--round", type=natural, metavar="R", help="round to explain (default: its whole life)"
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON, only that")

    parser.add_argument(
        "--run-code",
        action="store_true",
        help="simulate again even a run whose policy is code from outside (file.py:Class)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Go through the run again as far as is needed, and say what was found."""
    from simulator.viewer.explanation import Explainer
    from simulator.viewer.run_folder import existing_folder, read_run

    found = read_run(existing_folder(arguments.folder))
    if not found.readable:
        raise InputError(f"{arguments.folder}: {found.message}")
    explainer = Explainer(found.config, found.tables["rounds"], arguments.run_code)
    answer = explainer.explain(arguments.job, arguments.round)
    if arguments.json:
        print(json.dumps(answer.to_json(), indent=2))
    else:
        print(as_text(answer))
    return 0


def as_text(answer: Explanation) -> str:
    """An explanation for a terminal."""
    lines = [answer.headline, *(f"  {line}" for line in answer.lines)]
    for table in answer.queues:
        lines += ["", f"  {table.title}", *_rows(table)]
    return "\n".join(lines)


def _rows(table: Table) -> list[str]:
    """The rows that matter: the first, and those around the job's own."""
    shown = [
        place
        for place in range(len(table.rows))
        if table.mine < 0 or place < FIRST or abs(place - table.mine) <= AROUND
    ]
    rows = [table.columns, *(table.rows[place] for place in shown)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(table.columns))]
    lines: list[str] = []
    last = -1
    for place, row in zip([-1, *shown], rows, strict=True):
        if lines and place > last + 1:
            lines.append("    ...")
        mark = ">" if place >= 0 and place == table.mine else " "
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(f"{mark}   {'  '.join(cells).rstrip()}")
        last = place
    if shown and shown[-1] < len(table.rows) - 1:
        lines.append("    ...")
    return lines
