"""``gavel-sim policies``: the policies, what each does and what it needs."""

from __future__ import annotations

import argparse
import inspect
import json
import textwrap
from typing import Any

from gavel_opt import InputError, find_policy, known_policies, make_policy
from gavel_opt.policies import solves
from gavel_opt.policies.settings import settings_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim policies``."""
    parser.add_argument("--json", action="store_true", help="print them as JSON, only that")


def run(arguments: argparse.Namespace) -> int:
    """Print the policies."""
    found = [describe(name) for name in known_policies()]
    print(json.dumps(found, indent=2) if arguments.json else as_text(found))
    return 0


def describe(name: str) -> dict[str, Any]:
    """Name, purpose and traits of a policy, as JSON values; ``error`` if its package has none such."""
    try:
        policy, made = make_policy(name), find_policy(name)
    except InputError as wrong:
        return {"name": name, "package": known_policies()[name], "error": str(wrong)}
    traits = policy.traits
    needs = {
        "prices": traits.needs_prices,
        "deadlines": traits.needs_deadlines,
        "jobs on one worker each": traits.single_gpu_only,
    }
    return {
        "name": name,
        "purpose": (inspect.getdoc(type(policy)) or "").partition("\n")[0],
        "space_sharing": traits.packing,
        "solves_programs": solves(policy),
        "needs": [need for need, wanted in needs.items() if wanted],
        "settings": settings_text(made.factory, made.fixed),
        "package": made.source,
    }


def as_text(found: list[dict[str, Any]]) -> str:
    """Table for a person: variants of one purpose together."""
    lines: list[str] = []
    purpose = None
    broken = [one for one in found if "error" in one]
    for one in found:
        if "error" in one:
            continue
        if one["purpose"] != purpose:
            purpose = one["purpose"]
            lines += ["", purpose] if lines else [purpose]
        said = ["two jobs may share a worker"] if one["space_sharing"] else []
        said += [f"needs {need}" for need in one["needs"]]
        said += [] if one["solves_programs"] else ["solves no program"]
        said += [f"--set {one['settings']}"] if one["settings"] else []
        said += [f"from {one['package']}"] if one["package"] else []
        lines.append(f"  {one['name']:<52}{', '.join(said)}".rstrip())
    if broken:
        lines += ["", "Registered by a package, and not to be had."]
        lines += [f"  {one['error']} (from {one['package']})" for one in broken]
    lines += [
        "",
        *textwrap.wrap(
            "Of a family with variants, the name alone ignores how fast a job is on which worker "
            "type; _perf and _packed do not. docs/policies.md shows each program. One of your own is "
            "--policy file.py:Class, or module:Class.",
            88,
        ),
    ]
    return "\n".join(lines)
