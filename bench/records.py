"""What was measured: ``bench/results.json``, in which each record says on which machine, with what and when."""

from __future__ import annotations

import datetime
import json
import os
import platform
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"

Record = dict[str, Any]


def _identity(record: Record) -> tuple[Any, ...]:
    """What a record is of, measurements aside."""
    names = ("suite", "spec", "label", "mode", "kind", "what", "name", "policy", "run")
    jobs = record["jobs"] if record["suite"] in ("policies", "mechanism", "memory", "packed") else 0
    return (*(record.get(name) for name in names), jobs)


def keep(records: list[Record]) -> None:
    """Put new records in place of the old ones of the same measurement; the others stay as they were."""
    results = load()
    machines: dict[str, dict[str, str]] = results["machines"]
    here = this_machine()
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


def load() -> dict[str, Any]:
    """Machines and records as they are kept."""
    if not RESULTS.exists():
        return {"machines": {}, "records": []}
    found: dict[str, Any] = json.loads(RESULTS.read_text())
    return found


def _unused(machines: dict[str, dict[str, str]]) -> str:
    numbers = (number for number in range(1, len(machines) + 2) if f"m{number}" not in machines)
    return f"m{next(numbers)}"


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(item) for name, item in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def this_machine() -> dict[str, str]:
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
        "libraries": ", ".join(f"{name} {version(name)}" for name in libraries if find_spec(name)),
    }
