"""``gavel-sim throughputs``: check a table of throughputs, or write it in another format."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from gavel_opt import InputError
from simulator.world.throughputs import (
    Measurements,
    load_throughputs,
    load_unconsolidated,
    preset_file,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim throughputs``."""
    from simulator.files.new_file import add_force

    parser.add_argument("action", choices=("check", "convert"), help="check or convert")
    parser.add_argument("file", metavar="FILE", help="TOML, Gavel's JSON, our CSV, or @newer")
    parser.add_argument(
        "--output", metavar="OUT", help="convert: file to write, .toml, .json or .csv"
    )
    add_force(parser)
    parser.add_argument(
        "--unconsolidated",
        action="store_true",
        help="of Gavel's JSON, the columns for workers spread over servers",
    )


def run(arguments: argparse.Namespace) -> int:
    """Read the table, and say what is in it or write it."""
    if (arguments.output is None) == (arguments.action == "convert"):
        missing = arguments.action == "convert"
        raise InputError(
            "convert: expected --output FILE" if missing else "--output is of convert, not of check"
        )
    output = None
    if arguments.output is not None:
        output = _output(arguments.output, arguments.force)
    path = preset_file(arguments.file)
    load = load_unconsolidated if arguments.unconsolidated else load_throughputs
    if output is None:
        print(described(load(path), path))
        return 0
    return _convert(load(path), output)


def _output(text: str, force: bool) -> Path:
    """Check where a table is to be written."""
    from simulator.files.new_file import new_file
    from simulator.world.throughput_writers import WRITERS

    if Path(text).suffix not in WRITERS:
        raise InputError(f"--output: {text}: expected a name that ends in {', '.join(WRITERS)}")
    return new_file(text, "--output", force)


def _convert(table: Measurements, output: Path) -> int:
    from simulator.files.whole_files import write_atomically
    from simulator.world.throughput_writers import WRITERS

    write_atomically(output, WRITERS[output.suffix](table).encode())
    print(f"{output}: {_size(table)}")
    return 0


def described(table: Measurements, path: Path) -> str:
    """Text for a person: what is in a table, and what of it is derived from where."""
    lines = [f"{path}: {_size(table)}"]
    width = max(10, *map(len, table.worker_types))
    found: dict[str, int] = {}
    for column, worker_type in enumerate(table.worker_types):
        speeds = table.alone[:, column]
        pairs = int(np.triu(table.paired[..., column].any(axis=2)).sum())
        found[worker_type] = pairs
        unknown = int(np.isnan(speeds).sum())
        lines.append(
            f"  {worker_type:<{width}} {int((speeds > 0).sum()):>4} run alone, {pairs:>5} pairs"
            + (f", {unknown} not said alone (0 means that it cannot run)" if unknown else "")
        )
    if path.suffix == ".toml":
        from simulator.world.throughput_toml import derived_of, without_pairs
        from simulator.world.untrusted_text import read_text

        text = read_text(path)
        lacking = without_pairs(str(path), text, found)
        for one in derived_of(str(path), text):
            own = "".join(f", {family} {factor:g}" for family, factor in one.factors.items())
            lines += [
                f"{one.name}: {one.factor:g} times {one.relative_to}{own}",
                f"  derived, not measured here: {one.source}",
            ]
            if one.name in lacking:
                lines.append(f"  no pairs, as there are none on {one.relative_to}")
    return "\n".join(lines)


def _size(table: Measurements) -> str:
    return (
        f"{len({name for name, _ in table.keys})} job types, {len(table.keys)} with their scale "
        f"factors, on {len(table.worker_types)} worker types"
    )
