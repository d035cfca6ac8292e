"""Runs the benchmarks and writes ``bench/README.md``'s tables and plots.

``python -m bench report`` measures everything (some ten minutes), ``--only SUITE`` a part of it;
``python -m bench tables`` writes tables and plots again from ``bench/results.json``. Each record
there says on which machine it was measured, with which versions, and when.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import cliffs, packed, tables
from bench.peers import COMPARISONS
from bench.records import Record, keep, load
from bench.specs import RUNS, SPECS
from gavel_opt import unknown_name

HERE = Path(__file__).parent
README = HERE / "README.md"
SUITES: dict[str, tuple[str, tuple[str, ...]]] = {
    "policies": (
        "bench/test_policies.py",
        tuple(spec.name for spec in SPECS if spec.sizes != (0,)),
    ),
    "streams": (
        "bench/test_policies.py",
        tuple(spec.name for spec in SPECS if spec.sizes == (0,)),
    ),
    "mechanism": ("bench/test_mechanism.py", ("",)),
    "runs": ("bench/test_runs.py", tuple(run.name for run in RUNS)),
    "peers": ("bench/test_peers.py", tuple(one.name for one in COMPARISONS)),
}
"""Suite to its file and workloads. Each workload is measured in one process, baseline and all, and
its results replace those of its last measurement."""
APART: dict[str, tuple[tuple[str, ...], Callable[[str], Iterator[Record]]]] = {
    "packed": (tuple(packed.FAMILIES), packed.records),
    "cliffs": (tuple(row.name for row in cliffs.rows()), cliffs.records),
}
"""Suites without pytest: each cell is a process with a limit of its own, and is kept as it comes."""
PATIENCE = 900.0
"""Seconds of wall clock that a workload may take; what it had by then is lost."""

NEEDS = ("pytest", "pytest_benchmark", "matplotlib")
"""What measuring and drawing needs beside the package: the extra ``dev``."""


def report(only: list[str], workloads: list[str], goals: bool = False) -> int:
    """Measure suites workload by workload, keep what each gave, and write it all down.

    Returns
    -------
    status
        0; 1 if a benchmark failed, what was measured is written nevertheless; 2 if nothing can be
        measured here. Where nothing was measured, nothing is written.
    """
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        needed = ", ".join(missing).replace("_", "-")
        print(
            f"bench: needs {needed}: pip install --editable '.[dev]'; nothing measured, nothing "
            "written",
            file=sys.stderr,
        )
        return 2
    known = {name for _, names in SUITES.values() for name in names if name}
    known |= {name for names, _ in APART.values() for name in names}
    for name in workloads:
        if name not in known:
            print(f"bench: {unknown_name('workload (--workload)', name, known)}", file=sys.stderr)
            return 2
    status = measured = 0
    for suite in only or [*SUITES, *APART]:
        names = SUITES[suite][1] if suite in SUITES else APART[suite][0]
        for name in names:
            if workloads and name not in workloads:
                continue
            if suite in APART:
                for record in APART[suite][1](name):
                    keep([record])
                    measured += 1
                continue
            records, failed = _measure(SUITES[suite][0], name, goals)
            status = max(status, int(failed))
            measured += len(records)
            if records:
                keep(records)
    if not measured:
        print("bench: nothing was measured, nothing is written", file=sys.stderr)
        return max(status, 1)
    write()
    return status


def write() -> None:
    """Write tables and plots from the results as they are."""
    results = load()
    text = README.read_text()
    for name, table in tables.all_tables(results).items():
        text = between(text, name, table)
    README.write_text(text)
    from bench import plots

    plots.draw(results["records"], HERE / "plots")


def _measure(file: str, workload: str, goals: bool) -> tuple[list[Record], bool]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmarks.json"
        command = [sys.executable, "-m", "pytest", file, "-m", "", "-p", "no:cacheprovider"]
        if workload:
            command += ["--workload", workload]
        if goals:
            command += ["--goals"]
        command += ["--benchmark-json", str(path), "--benchmark-timer", "time.process_time"]
        command += ["--benchmark-disable-gc", "--benchmark-columns", "median,rounds"]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        print(f"{file} {workload}", flush=True)
        try:
            done = subprocess.run(
                command, cwd=HERE.parent, check=False, env=os.environ | threads, timeout=PATIENCE
            )
        except subprocess.TimeoutExpired:
            print(f"{workload}: not done after {PATIENCE:.0f} s, left out", file=sys.stderr)
            return [], True
        found = json.loads(path.read_text())["benchmarks"] if path.exists() else []
    records = []
    for benchmark in found:
        stats = benchmark["stats"]
        if "suite" not in benchmark["extra_info"] or benchmark["extra_info"]["suite"] == "small":
            continue
        records.append(
            {
                **benchmark["extra_info"],
                "median": stats["median"],
                "measured": stats["rounds"],
            }
        )
    return records, done.returncode not in (0, 5)  # 5: nothing to run


def between(text: str, name: str, table: str) -> str:
    """Replace what stands between the markers of a table."""
    begin, end = f"<!-- {name} -->", f"<!-- end {name} -->"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"no markers {begin} ... {end} to put the table between")
    return f"{head}{begin}\n{table.strip()}\n{end}{tail}"
