"""``python -m bench report``, ``tables``, ``labels``, ``saturation``, ``knees``, ``differences``, ``viewer`` and ``programs``."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench import differences, knees, report, saturation, saturation_labels


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=report.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("report", help="measure, then write tables and plots")
    measure.add_argument("--only", nargs="+", choices=[*report.SUITES, *report.APART], default=[])
    measure.add_argument(
        "--workload", nargs="+", default=[], help="only these, by their names in specs.py"
    )
    measure.add_argument(
        "--goals", action="store_true", help="only what the table of goals needs (policies)"
    )
    commands.add_parser("tables", help="write tables and plots from the results kept")
    labels = commands.add_parser("labels", help="ground truth of saturation, by simulation alone")
    judged = commands.add_parser("saturation", help="verdicts of the default rule, or its costs")
    for command in (labels, judged):
        command.add_argument("--case", nargs="+", default=[], help="only cases named like this")
        command.add_argument("--load", nargs="+", type=float, default=[], help="only these loads")
    labels.add_argument(
        "--most-seconds",
        type=float,
        default=saturation_labels.MOST_SECONDS,
        help="CPU seconds after which a label is given up (default: %(default)g)",
    )
    judged.add_argument("--seed", nargs="+", type=int, default=[], help="only these (default 0-9)")
    judged.add_argument("--costs", action="store_true", help="measure CPU time")
    judged.add_argument(
        "--figures", action="store_true", help="compare the paper's points with and without it"
    )
    judged.add_argument(
        "--vary", action="store_true", help="halve and double its constants (--case names these)"
    )
    knees_ = commands.add_parser("knees", help="knees of all policies, into the documents")
    knees_.add_argument("--policy", nargs="+", default=[], help="only these")
    apart = commands.add_parser("differences", help="from the published curves, by experiment")
    apart.add_argument("--row", nargs="+", default=[], help="only rows named like this")
    apart.add_argument("--tables", action="store_true", help="run nothing, write what is there")
    for command, place in ((knees_, "knees"), (apart, "differences")):
        command.add_argument(
            "--output", type=Path, default=Path(place), help="default: %(default)s"
        )
        command.add_argument("--processes", type=int)
    page = commands.add_parser("viewer", help="the viewer in a headless Chromium")
    page.add_argument(
        "--runs", nargs="+", type=Path, default=[], help="run folders (default: made)"
    )
    written = commands.add_parser("programs", help="our programs as MPS files, with proven optima")
    written.add_argument("folder", type=Path)
    given = parser.parse_args()
    if given.command == "programs":
        from bench import programs

        return programs.write(given.folder)
    if given.command == "viewer":
        from bench import viewer  # needs a browser

        return viewer.run(given.runs)
    if given.command == "saturation":
        if given.figures:
            return saturation.figures(given.case, given.seed)
        if given.vary:
            return saturation.vary(given.case)
        return saturation.run(given.case, given.load, given.seed, given.costs)
    if given.command == "knees":
        return knees.run(given.policy, given.output, given.processes)
    if given.command == "differences":
        return differences.run(given.row, given.output, given.processes, given.tables)
    if given.command == "labels":
        return saturation_labels.run(given.case, given.load, given.most_seconds)
    if given.command == "tables":
        report.write()
        return 0
    only = ["policies"] if given.goals else given.only
    return report.report(only, given.workload, given.goals)
