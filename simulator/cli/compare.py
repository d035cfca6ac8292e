"""``gavel-sim compare``: two run folders, or one run on several engines; what differs, from when.

Runs are compared to the last bit. Exit status 0 if they are equal, 1 if they differ, 3 if the others
are equal but an engine's run failed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavel_opt import GavelError, InputError, MissingLibraryError, known_engines
from gavel_opt.errors import counted
from simulator.settings.config import GIVEN
from simulator.settings.options import (
    add_run_arguments,
    add_setting,
    config_from,
    no_settings,
    values_of,
)

if TYPE_CHECKING:
    from simulator.runs.output.difference import Difference, Recorded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim compare``."""
    parser.usage = (
        "gavel-sim compare RUN_A RUN_B [--json]\n"
        "       gavel-sim compare --engine all|A,B,... <flags of gavel-sim run>"
    )
    parser.add_argument("folders", nargs="*", metavar="RUN", help="two run folders")
    add_setting(
        parser,
        GIVEN["engine"],
        several=True,
        old="--engines",
        help="run on each and compare with the first; or all",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON, only that")
    add_run_arguments(parser, leave_out=("engine",))


def run(arguments: argparse.Namespace) -> int:
    """Compare and print; 0 if all are equal, 1 if some differ, 3 if the rest is but some failed."""
    from simulator.runs.output.difference import difference, read_folder

    failed: list[str] = []
    if arguments.engine is not None:
        if arguments.folders:
            raise InputError("--engine: runs anew, so it cannot be combined with run folders")
        runs, skipped, failed = _on_engines(arguments)
    else:
        if len(arguments.folders) != 2:
            raise InputError(
                f"expected two run folders, or --engine; found {len(arguments.folders)}"
            )
        no_settings(arguments, "compares two runs as they are; it goes with --engine")
        runs, skipped = [read_folder(Path(folder)) for folder in arguments.folders], {}
    findings = [difference(runs[0], other) for other in runs[1:]]
    if arguments.json:
        print(json.dumps(_as_json(runs, findings, skipped), indent=2))
    else:
        print(_as_text(runs, findings, skipped))
    if any(findings):
        return 1
    return 3 if failed else 0


def _on_engines(
    arguments: argparse.Namespace,
) -> tuple[list[Recorded], dict[str, str], list[str]]:
    """Run one configuration on each engine; also which were left out and why, and whose run failed."""
    from simulator.runs.output.difference import recorded
    from simulator.runs.runner import execute

    everything = arguments.engine == ["all"]
    given = list(known_engines()) if everything else arguments.engine
    names = values_of(given, GIVEN["engine"])
    runs: list[Recorded] = []
    skipped: dict[str, str] = {}
    broken: list[str] = []
    for name in names:
        config = config_from(arguments, engine=name)
        try:
            if sys.stderr.isatty():
                print(f"running on {name} ...", file=sys.stderr)
            result = execute(config, record=("placements",))
        except MissingLibraryError as missing:
            if not everything:
                raise
            skipped[name] = str(missing)
            continue
        except GavelError as failed:
            if not everything or isinstance(failed, InputError):
                raise
            skipped[name] = f"failed: {failed}"
            broken.append(name)
            continue
        runs.append(recorded(name, result))
    if len(runs) < 2:
        reasons = "; ".join(f"{name}: {why}" for name, why in skipped.items())
        raise InputError(
            f"--engine: at least two are needed that run{': ' if reasons else ''}{reasons}"
        )
    return runs, skipped, broken


def _status(side: Recorded) -> str:
    """How a run ended, and whether its mean may yet be one of a queue that grows."""
    from simulator.runs.output.summary_text import is_undecided

    return f"{side.summary['status']}{', undecided' if is_undecided(side.summary) else ''}"


def _as_json(
    runs: list[Recorded], findings: list[Difference | None], skipped: dict[str, str]
) -> dict[str, Any]:
    return {
        "equal": not any(findings),
        "reference": runs[0].name,
        "runs": [
            {
                "name": side.name,
                "status": side.summary["status"],
                "verdict": (side.summary.get("saturation") or {}).get("verdict"),
                "average_jct": side.summary["average_jct"],
                "fallbacks": _elsewhere(side),
                "difference": None if found is None else asdict(found),
            }
            for side, found in zip(runs, [None, *findings], strict=True)
        ],
        "skipped": skipped,
    }


def _as_text(
    runs: list[Recorded], findings: list[Difference | None], skipped: dict[str, str]
) -> str:
    width = max(len(side.name) for side in runs)
    wide = max(10, *(len(_status(side)) for side in runs))
    from simulator.runs.output.summary_text import UNDECIDED

    lines = [f"  {'':<{width}}  {'mean JCT (s)':>14}  {'status':<{wide}}  against {runs[0].name}"]
    for side, found in zip(runs, [None, *findings], strict=True):
        mean = side.summary["average_jct"]
        shown = "none" if mean is None else f"{mean:,.2f}"
        if side is runs[0]:
            verdict = "-"
        elif found is None:
            verdict = "equal to the last bit"
        else:
            verdict = f"{found.jobs_differ:,} of {found.jobs:,} completion times differ"
            if not found.jobs_differ:
                verdict = "the same completion times, but not all else"
            mine, first = (int(one.jobs["job"].size) for one in (side, runs[0]))
            if mine != first:
                verdict += f"; {counted(mine, 'job')} here, {first:,} there"
        elsewhere = _elsewhere(side)
        if elsewhere:
            verdict += f"; {elsewhere:,} answers refused and found elsewhere"
        lines.append(f"  {side.name:<{width}}  {shown:>14}  {_status(side):<{wide}}  {verdict}")
    for found in findings:
        if found is None:
            continue
        when = (
            f"from round {found.round} ({found.time / 3600:,.1f} h): "
            if found.round is not None and found.time is not None
            else ""
        )
        lines.append(f"  {when}{found.what}")
    if any(_status(side).endswith("undecided") for side in runs):
        lines.append(f"  undecided: {UNDECIDED}")
    settings = _settings(runs) if len(runs) == 2 else []
    lines += [f"  setting {line}" for line in settings]
    lines += [f"  left out {name}: {why}" for name, why in skipped.items()]
    return "\n".join(lines)


def _elsewhere(side: Recorded) -> int:
    """How many of an engine's answers were refused and found along the fallback chain."""
    return int(side.summary.get("solve", {}).get("fallbacks", 0))


def _settings(runs: list[Recorded]) -> list[str]:
    """Settings in which two runs differ."""
    a, b = (side.summary["config"] for side in runs)
    return [f"{name}: {a.get(name)} and {b.get(name)}" for name in a if a.get(name) != b.get(name)]
