"""``python -m bench report``, ``tables``, ``saturation`` and ``viewer``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import report, saturation


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=report.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("report", help="measure, then write tables and plots")
    measure.add_argument("--only", nargs="+", choices=list(report.SUITES), default=[])
    measure.add_argument(
        "--workload", nargs="+", default=[], help="only these, by their names in specs.py"
    )
    measure.add_argument(
        "--goals", action="store_true", help="only what the table of goals needs (policies)"
    )
    commands.add_parser("tables", help="write tables and plots from the results kept")
    grid = commands.add_parser("saturation", help="the labelled grid of the saturation rule")
    grid.add_argument("--processes", type=int, default=1, help="runs at once (default 1)")
    page = commands.add_parser("viewer", help="the viewer in a headless Chromium")
    page.add_argument(
        "--runs", nargs="+", type=Path, default=[], help="run folders (default: made)"
    )
    given = parser.parse_args()
    if given.command == "viewer":
        from bench import viewer  # needs a browser

        return viewer.run(given.runs)
    if given.command == "saturation":
        return saturation.run(given.processes)
    if given.command == "tables":
        report.write()
        return 0
    only = ["policies"] if given.goals else given.only
    return report.report(only, given.workload, given.goals)


if __name__ == "__main__":
    sys.exit(main())
