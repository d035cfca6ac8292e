"""Throughputs in Gavel's JSON, read."""

from __future__ import annotations

import json
import re

from gavel_opt import InputError
from simulator.world.throughputs import (
    SPEED,
    UNCONSOLIDATED,
    Key,
    Measurements,
    TableBuilder,
    refuse_two_speeds,
)
from simulator.world.untrusted_text import LARGEST, is_number, parse_json, shown

_GAVEL_KEY = re.compile(r"\('(.*)', ([1-9][0-9]{0,5})\)")


def _gavel_key(text: str) -> Key | None:
    match = _GAVEL_KEY.fullmatch(text)
    return None if match is None else (match.group(1), int(match.group(2)))


def _line_of(text: str, *path: str) -> int:
    """Line of a nested entry of a JSON text: each name found after the one before."""
    position = 0
    for depth, name in enumerate(path):
        opens = r"\{" if depth < min(2, len(path) - 1) else ""
        found = re.compile(re.escape(json.dumps(name)) + r"\s*:\s*" + opens).search(text, position)
        if found is None:
            break
        position = found.start() if depth == len(path) - 1 else found.end()
    return text.count("\n", 0, position) + 1


def parse_gavel_json(source: str, text: str, unconsolidated: bool = False) -> Measurements:
    """Parse a table, or its second set: for workers that are spread over servers.

    Raises
    ------
    InputError
        Naming file and line.
    """
    content = parse_json(text, source)

    def wrong(expected: str, *path: str) -> InputError:
        names = " ".join(shown(name)[1:-1] for name in path)
        return InputError(f"{source}:{_line_of(text, *path)}: {names}: expected {expected}")

    if not isinstance(content, dict) or not content:
        raise InputError(f"{source}:1: expected an object from worker type to its throughputs")
    builder = TableBuilder()
    # Gavel's tables hold a second set for workers spread over servers; its simulator reads none.
    columns = [name for name in content if name.endswith(UNCONSOLIDATED) == unconsolidated]
    if not columns:
        which = f" whose name ends in {UNCONSOLIDATED}" if unconsolidated else ""
        raise InputError(f"{source}:1: expected at least one worker type{which}")
    types = [column.removesuffix(UNCONSOLIDATED) for column in columns]
    for worker_type, column in zip(types, columns, strict=True):
        jobs = content[column]
        if not isinstance(jobs, dict):
            raise wrong("an object from job key to its throughputs", column)
        for name, entries in jobs.items():
            a = _gavel_key(name)
            if a is None:
                raise wrong("a job key like \"('A3C', 1)\"", column, name)
            if not isinstance(entries, dict) or "null" not in entries:
                raise wrong('an object with the entry "null", the job alone', column, name)
            for other, value in entries.items():
                path = (column, name, other)
                numbers = [value] if other == "null" else value
                if not isinstance(numbers, list) or len(numbers) != (1 if other == "null" else 2):
                    raise wrong("two numbers, this job's steps per second and the other's", *path)
                if not all(is_number(v) and 0 <= v <= LARGEST for v in numbers):
                    raise wrong(SPEED, *path)
                if other == "null":
                    builder.alone.setdefault(a, {})[worker_type] = float(value)
                    continue
                b = _gavel_key(other)
                if b is None:
                    raise wrong('"null" or a job key like "(\'A3C\', 1)"', *path)
                if b[1] == a[1]:
                    if other not in jobs:
                        raise wrong(f"an entry of its own for {other} on {column}", *path)
                    builder.paired.setdefault((a, b), {})[worker_type] = (
                        float(value[0]),
                        float(value[1]),
                    )
    if not builder.alone:
        raise InputError(f"{source}: no job types; expected at least one")
    _refuse_halves(source, builder)
    return builder.build(source, types)


def _refuse_halves(source: str, builder: TableBuilder) -> None:
    """Refuse a pair that has speeds from one side only."""
    for (a, b), speeds in builder.paired.items():
        refuse_two_speeds(source, a, b, speeds)
        missing = [name for name in speeds if name not in builder.paired.get((b, a), ())]
        if missing:
            raise InputError(
                f"{source}: {shown(a[0])} beside {shown(b[0])} with scale factor {a[1]} has speeds on "
                f"{missing[0]!r} that are missing from the other side, {shown(b[0])} beside "
                f"{shown(a[0])}; add them there"
            )
