"""Runs the benchmarks and writes ``bench/README.md``'s tables and plots.

``python -m bench report`` measures everything (some ten minutes), ``--only SUITE`` a part of it;
``python -m bench tables`` writes tables and plots again from ``bench/results.json``.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import tables
from bench.specs import RUNS, SPECS

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
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
}
"""Suite to its file and workloads. Each workload is measured in one process, baseline and all, and
its results replace those of its last measurement."""
PATIENCE = 900.0
"""Seconds of wall clock that a workload may take; what it had by then is lost."""

Record = dict[str, Any]


def report(only: list[str], workloads: list[str], goals: bool = False) -> int:
    """Measure suites workload by workload, keep what each gave, and write it all down.

    Returns
    -------
    status
        0, or 1 if a benchmark failed; what was measured is written either way.
    """
    status = 0
    for suite in only or list(SUITES):
        file, names = SUITES[suite]
        for name in names:
            if not workloads or name in workloads:
                records, failed = _measure(file, name, goals)
                status = max(status, int(failed))
                _keep(records)
    write()
    return status


def write() -> None:
    """Write tables and plots from the results as they are."""
    results = json.loads(RESULTS.read_text())
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


def _identity(record: Record) -> tuple[Any, ...]:
    """What a record is of, measurements aside."""
    names = ("suite", "spec", "label", "mode", "kind", "what", "name", "policy", "run")
    jobs = record["jobs"] if record["suite"] in ("policies", "mechanism", "memory") else 0
    return (*(record.get(name) for name in names), jobs)


def _keep(records: list[Record]) -> None:
    results: dict[str, Any] = {"records": []}
    if RESULTS.exists():
        results = json.loads(RESULTS.read_text())
    new = {_identity(record) for record in records}
    old = [record for record in results["records"] if _identity(record) not in new]
    kept = sorted(old + records, key=lambda record: str(_identity(record)))
    results = {"machine": _machine(), "records": [_short(record) for record in kept]}
    lines = ",\n".join(json.dumps(record) for record in results["records"])
    machine = json.dumps(results["machine"])
    RESULTS.write_text(f'{{"machine": {machine}, "records": [\n{lines}\n]}}\n')


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(item) for name, item in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _machine() -> dict[str, str]:
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    libraries = ("numpy", "scipy", "numba", "cvxpy", "ecos", "highspy", "ortools", "pulp")
    return {
        "processor": f"{model}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in libraries),
    }


def between(text: str, name: str, table: str) -> str:
    """Replace what stands between the markers of a table."""
    begin, end = f"<!-- {name} -->", f"<!-- end {name} -->"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"no markers {begin} ... {end} to put the table between")
    return f"{head}{begin}\n{table.strip()}\n{end}{tail}"
