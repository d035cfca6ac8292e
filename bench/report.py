"""Runs the benchmarks and writes ``bench/README.md``'s tables and plots.

``python -m bench report`` measures everything (some ten minutes), ``--only SUITE`` a part of it;
``python -m bench tables`` writes tables and plots again from ``bench/results.json``. Each record
there says on which machine it was measured, with which versions, and when.
"""

from __future__ import annotations

import datetime
import importlib.util
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
from bench.peers import COMPARISONS
from bench.specs import RUNS, SPECS
from gavel_opt import unknown_name

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
    "peers": ("bench/test_peers.py", tuple(one.name for one in COMPARISONS)),
}
"""Suite to its file and workloads. Each workload is measured in one process, baseline and all, and
its results replace those of its last measurement."""
PATIENCE = 900.0
"""Seconds of wall clock that a workload may take; what it had by then is lost."""

NEEDS = ("pytest", "pytest_benchmark", "matplotlib")
"""What measuring and drawing needs beside the package: the extra ``dev``."""

Record = dict[str, Any]


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
    for name in workloads:
        if name not in known:
            print(f"bench: {unknown_name('workload (--workload)', name, known)}", file=sys.stderr)
            return 2
    status = measured = 0
    for suite in only or list(SUITES):
        file, names = SUITES[suite]
        for name in names:
            if not workloads or name in workloads:
                records, failed = _measure(file, name, goals)
                status = max(status, int(failed))
                measured += len(records)
                if records:
                    _keep(records)
    if not measured:
        print("bench: nothing was measured, nothing is written", file=sys.stderr)
        return max(status, 1)
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
    """Put new records in place of the old ones of the same measurement; the others stay as they were."""
    results: dict[str, Any] = {"machines": {}, "records": []}
    if RESULTS.exists():
        results = json.loads(RESULTS.read_text())
    machines: dict[str, dict[str, str]] = results["machines"]
    here = _machine()
    names = [name for name, machine in machines.items() if machine == here]
    name = names[0] if names else _unused(machines)
    machines[name] = here
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    labelled = [record | {"machine": name, "date": today} for record in records]
    new = {_identity(record) for record in labelled}
    old = [record for record in results["records"] if _identity(record) not in new]
    kept = sorted(old + labelled, key=lambda record: str(_identity(record)))
    used = {record["machine"] for record in kept}
    of_machines = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(machine)}"
        for name, machine in machines.items()
        if name in used
    )
    lines = ",\n".join(json.dumps(_short(record)) for record in kept)
    RESULTS.write_text(f'{{"machines": {{\n{of_machines}\n}}, "records": [\n{lines}\n]}}\n')


def _unused(machines: dict[str, dict[str, str]]) -> str:
    numbers = (number for number in range(1, len(machines) + 2) if f"m{number}" not in machines)
    return f"m{next(numbers)}"


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
