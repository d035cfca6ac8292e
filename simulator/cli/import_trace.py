"""``gavel-sim import``: the job log of another cluster as a trace."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gavel_opt import InputError

if TYPE_CHECKING:
    from simulator.importers.conversion import Names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim import``."""
    from simulator.files.new_file import add_force
    from simulator.importers import ALSO, SOURCES

    width = max(map(len, SOURCES))
    parser.epilog = "sources and their files:\n" + "\n".join(
        f"  {name:<{width}}  {files}" for name, files in SOURCES.items()
    )
    also = ", ".join(f"{other} is {name}" for other, name in ALSO.items())
    parser.add_argument("source", metavar="SOURCE", help=f"{', '.join(SOURCES)} ({also})")
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="its files, unpacked, in any order"
    )
    parser.add_argument("--output", metavar="TRACE", required=True, help="trace to write")
    add_force(parser)
    parser.add_argument(
        "--throughputs", metavar="FILE", help="table of job types (default: the one that ships)"
    )
    parser.add_argument(
        "--worker-type",
        metavar="TYPE",
        help="of GPUs whose type the source does not say, or the table does not have (default: v100)",
    )
    parser.add_argument(
        "--as",
        dest="named",
        metavar="NAME=TYPE",
        action="append",
        default=[],
        help="worker type for a name of the source's; repeatable",
    )
    parser.add_argument(
        "--completed-only", action="store_true", help="leave out jobs that failed or were killed"
    )
    parser.add_argument(
        "--cluster",
        metavar="COUNTS",
        help="compare the load with this cluster (v100=36,p100=36, or @alibaba)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the trace, whole or not at all, and say what was made of the source."""
    from simulator.files.new_file import new_file
    from simulator.files.whole_files import write_atomically
    from simulator.importers import source
    from simulator.importers.base import COMPLETED
    from simulator.importers.conversion import convert
    from simulator.importers.report import report
    from simulator.importers.tables import is_cut_off
    from simulator.settings.values import WORKERS
    from simulator.world.cluster import make_cluster
    from simulator.world.throughputs import load_throughputs

    reader = source(arguments.source)
    if Path(arguments.output).resolve() in [Path(file).resolve() for file in arguments.files]:
        raise InputError(
            f"--output: {arguments.output} is one of the files to read; choose another"
        )
    path = new_file(arguments.output, "--output", arguments.force)
    table = None if arguments.throughputs is None else Path(arguments.throughputs)
    measurements = load_throughputs(table)
    names = _names(arguments, measurements.worker_types, reader.WORKER_TYPE)
    cluster = None
    if arguments.cluster is not None:
        counts = WORKERS.read(arguments.cluster, "--cluster")
        made_of = make_cluster(counts, {}, measurements.worker_types)
        cluster = dict(zip(made_of.worker_types, made_of.workers.tolist(), strict=True))
    read = reader.read([Path(file) for file in arguments.files])
    read.assumed += [
        f"the last line of {file} has no end: it is taken as whole, and may have been cut off"
        for file in arguments.files
        if is_cut_off(Path(file))
    ]
    if arguments.completed_only:
        whole = [job for job in read.jobs if job.state == COMPLETED]
        read.dropped["failed or killed (--completed-only)"] += len(read.jobs) - len(whole)
        read.jobs = whole
    if cluster is not None:
        read.cluster.clear()
    made = convert(read, measurements, names)
    made.cluster = cluster or made.cluster
    if not made.text:
        why = ", ".join(f"{count:,} {reason}" for reason, count in made.dropped.most_common())
        raise InputError(f"{arguments.files[0]}: no job can be used ({why or 'none is there'})")
    write_atomically(path, made.text.encode())
    print(report(read, made, names))
    print(f"\n{path}: written. {_how_to_run(path, made.cluster, arguments.throughputs)}")
    return 0


def _names(arguments: argparse.Namespace, known: tuple[str, ...], default: str) -> Names:
    from simulator.importers.conversion import Names
    from simulator.world.names import meant, nearest
    from simulator.world.throughputs import PRESETS

    def worker_type(word: str, flag: str) -> str:
        name = meant(word, known)
        if name is None:
            newer = f"@{word.strip().lower()}" in PRESETS
            hint = "; --throughputs @newer has it" if newer else nearest(word, known)
            raise InputError(f"{flag}: unknown worker type {word!r}{hint}")
        return name

    given = {}
    for text in arguments.named:
        name, equals, word = text.partition("=")
        if not name or not equals:
            raise InputError(f"--as: expected NAME=TYPE, found {text!r}")
        given[name] = worker_type(word, "--as")
    otherwise = worker_type(arguments.worker_type or default, "--worker-type")
    return Names(known, otherwise, given)


def _how_to_run(path: Path, cluster: dict[str, int], throughputs: str | None) -> str:
    import shlex

    words = ["gavel-sim", "run", "--policy", "max_min_fairness_perf", "--trace", str(path)]
    counts = ",".join(f"{name}={count}" for name, count in sorted(cluster.items()) if count)
    words += ["--cluster", counts] if counts else []
    words += ["--throughputs", throughputs] if throughputs else []
    unsaid = "" if counts else " (the source does not say the cluster: add --cluster)"
    return f"Run it with{unsaid}:\n  {shlex.join(words)}"
