"""A run in a few lines for a person."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavel_opt.errors import counted

if TYPE_CHECKING:
    from simulator.runs.output.results import RunResult

MISSED = "slo_violations"
"""What a summary calls the jobs that missed their deadlines."""

UNDECIDED = "jobs may arrive faster than they can be served, and a mean grow with the window"
"""What the word says of a run that completed."""

_COLOURS = {
    "completed": "32",
    "saturated": "31",
    "horizon": "33",
    "timeout": "33",
    "cancelled": "33",
}

_APART = ("total", "compile")
"""Times that are no part of the total."""

_STATUS = {
    "completed": "completed",
    "converged": "stopped: the mean is known well enough (--saturation convergence)",
    "saturated": "saturated: jobs arrive faster than they leave",
    "horizon": "stopped at the limit of simulated time (--max-simulated-hours)",
    "timeout": "stopped by the clock (--timeout)",
    "cancelled": "cancelled",
}


def describe(result: RunResult, folder: Path | None, picture: Path | None = None) -> str:
    """Sum up a run."""
    found = result.summary
    solve, leases = found["solve"], found["lease_extension_opportunities"]
    rows = [("mean JCT", _mean(found))]
    if found["partial"]:
        rows += [("", line) for line in _partial(found)]
    if (ranks := found["jct_percentiles"]) is not None:
        shown = zip(("median", "99th percentile", "longest"), ("p50", "p99", "max"), strict=True)
        rows.append(("", ", ".join(f"{name} {_hours(ranks[rank])}" for name, rank in shown)))
    rows.append((_ended(found), _hours(found["makespan"])))
    rows.append(("utilization", f"{found['utilization']:.1%}"))
    kept = f", {found['lease_extensions'] / leases:.1%} of leases extended" if leases else ""
    rows.append(
        ("rounds", f"{found['rounds']:,}, {counted(found['allocations'], 'allocation')}{kept}")
    )
    if solve["programs"]:
        fallbacks = f", {solve['fallbacks']:,} found by a fallback" if solve["fallbacks"] else ""
        if solve["refusals"]:
            why, _ = max(solve["refusals"].items(), key=lambda reason: reason[1])
            fallbacks += f" ({why})"
        gap = solve["max_relative_gap"]
        worst = f"<= {gap:.0e}" if gap > 0.0 else "0"
        rows.append(
            (
                "programs",
                f"{solve['programs']:,} solved and certified to {found['config']['tolerance']:g},"
                f" gap {worst}{fallbacks}",
            )
        )
    rows.append(("cost", _cost(found)))
    late, so_far = known(found, "slo_violations")
    if late is not None:
        rows.append(("deadlines", f"{late:,} missed{so_far}"))
    verdict = found["saturation"]
    said = found["status"] != "completed" or verdict.get("verdict") == "unjudged"
    if verdict.get("figures") or (said and verdict.get("reason")):
        rows.append(("verdict", f"{verdict['verdict']}: {verdict['reason']}"))
    rows += [("note", note) for note in found["notes"]]
    compiling = found["time"]["compile"]
    beside = f", not counting {compiling:.1f} s for compiled code" if compiling >= 0.05 else ""
    rows.append(("took", f"{found['time']['total']:.2f} s{beside}"))
    if folder is not None:
        rows.append(("written", f"{folder}{os.sep}"))
    if picture is not None:
        rows.append(("queue drawn", str(picture)))
    status = _paint(_ending(found), _COLOURS[found["status"]])
    head = f"{_paint(found['policy'], '1')}{_on(found)}: {status}"
    return "\n".join([head, *(f"  {name:<12}{text}" for name, text in rows)])


def _ending(found: dict[str, Any]) -> str:
    """How the run ended; a rule that knows the mean well enough counts as completed."""
    known_well = found["status"] == "completed" and found["jobs"]["missing"]
    return _STATUS["converged" if known_well else found["status"]]


def _cost(found: dict[str, Any]) -> str:
    cost, so_far = known(found, "cost")
    if cost is None:
        types, others = found["types_without_price"], found["cost_of_priced_types"]
        rest = f"; ${others:,.2f} for the others" if others else ""
        return f"none: no price is known for {types} (--prices FILE){rest}"
    return f"${cost:,.2f}{so_far}{_gaps(found)}"


def _gaps(found: dict[str, Any]) -> str:
    """What the cost is if an empty cluster costs nothing, where that is less by a cent in the dollar."""
    (plain, _), (cost, _) = known(found, "cost_without_gaps"), known(found, "cost")
    if plain is None or not cost - plain > 0.01 * cost:
        return ""
    return f" as the reference charges it, ${plain:,.2f} without times in which nobody ran"


def short(result: RunResult) -> str:
    """Five lines for whoever looks at a result in a Python session."""
    found = result.summary
    return "\n".join(
        [
            f"{found['policy']}{_on(found)}: {_ending(found)}",
            f"  average_jct  {_mean(found)}",
            f"  {_ended(found):<11}  {found['makespan']:,.2f} s ({_hours(found['makespan'])})",
            f"  utilization  {found['utilization']:.1%} in {counted(found['rounds'], 'round')}, "
            f"{counted(found['allocations'], 'allocation')}",
            f"  more in      .summary, .jobs ({counted(result.jobs['job'].size, 'row')}), .rounds, .config",
        ]
    )


def interrupted(result: RunResult) -> str:
    """Say what there was when the user interrupted."""
    found = result.summary
    text = f"{how_far(found['rounds'], found['makespan'])}\nmean JCT {_mean(found)}"
    if found["partial"]:
        text += "".join(f"\n{line}" for line in _partial(found))
    return text


def how_far(rounds: int, seconds: float) -> str:
    """Say how far a run came that was stopped."""
    return f"stopped after {counted(rounds, 'round')} ({_hours(seconds)} simulated)"


def profile(result: RunResult) -> str:
    """Table of where the time went."""
    spent = result.summary["time"]
    total = spent["total"]
    parts = {name: seconds for name, seconds in spent.items() if name not in _APART}
    parts["rest"] = max(0.0, total - sum(parts.values()))
    parts |= {name: spent[name] for name in _APART}
    lines = ["", f"  {'part':<12}{'seconds':>10}{'share':>8}"]
    for name, seconds in parts.items():
        share = seconds / total if total > 0 else 0.0
        lines.append(f"  {name.replace('_', '-'):<12}{seconds:>10.3f}{share:>8.1%}")
    return "\n".join(lines)


def _on(found: dict[str, Any]) -> str:
    """Which engine solved, where there was something to solve."""
    return f" on {found['engine']}" if found["solve"]["programs"] else ""


def _ended(found: dict[str, Any]) -> str:
    """What the end of simulated time is called: a makespan only if everything was done by then."""
    return "makespan" if is_whole(found) else "simulated"


def is_whole(summary: Mapping[str, Any]) -> bool:
    """Whether a run went to its end and all its measured jobs were done, so that its totals mean something."""
    return summary.get("status") == "completed" and not summary.get("partial")


def is_undecided(summary: Mapping[str, Any]) -> bool:
    """Whether a run is whole and its rate may yet be one that cannot be sustained.

    Parameters
    ----------
    summary
        As in ``summary.json``, or a row of a table, where what is within another has a name with a dot.
    """
    found = summary.get("saturation")
    verdict = found.get("verdict") if isinstance(found, Mapping) else None
    verdict = verdict or summary.get("saturation.verdict")
    return is_whole(summary) and verdict == "undecided"


def known(found: dict[str, Any], name: str) -> tuple[Any, str]:
    """A total of a whole run, or that of one cut off and words that say so."""
    total, so_far = found.get(name), found.get(f"{name}_so_far")
    return (so_far, " so far") if total is None and so_far is not None else (total, "")


def _mean(found: dict[str, Any]) -> str:
    mean, jobs = found["average_jct"], found["jobs"]
    if mean is not None:
        return f"{mean:,.2f} s ({_hours(mean)}) over {counted(jobs['completed'], 'job')}"
    return f"none: {found['average_jct_reason']}"


def _partial(found: dict[str, Any]) -> list[str]:
    """What is known of a mean that there is not."""
    lines = []
    partial, bound = found["average_jct_partial"], found["average_jct_at_least"]
    if partial is not None:
        low = ", which is too low" if found["jobs"]["missing"] else ""
        lines.append(f"over those that completed{low}: {_hours(partial)}")
    if bound is not None:
        lines.append(f"over those that have arrived, at least: {_hours(bound)}")
    return lines


def _hours(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds:,.0f} s"
    return f"{seconds / 3600:,.2f} h"


def _paint(text: str, code: str) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{code}m{text}\033[0m"
