"""What experiments took: seconds by run, and by figure and policy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from simulator.studies.batches.batch import Batch, Task
from simulator.studies.tables import markdown, seconds, write_csv, write_text


def compile_seconds(batch: Batch) -> float:
    """Seconds of wall clock that the processes of a batch spent on compiled code."""
    return math.fsum(
        kept["result"].get("time", {}).get("compile", 0.0) for kept in batch.done.values()
    )


def write_times(folder: Path, names: Sequence[str], batch: Batch) -> None:
    """Write ``times.csv``: CPU and wall-clock seconds of every run, and its parts."""
    rows = []
    for name in names:
        kept = batch.done.get(name)
        if kept is None:
            continue
        row = {"run": name, "cpu_seconds": kept["cpu_seconds"]}
        row["wall_seconds"] = kept["wall_seconds"]
        row |= {f"wall_{part}": spent for part, spent in kept["result"].get("time", {}).items()}
        rows.append(row)
    total = {"run": "total"}
    for column in ("cpu_seconds", "wall_seconds"):
        total[column] = round(sum(row[column] for row in rows), 4)
    write_csv(folder / "times.csv", [*rows, total])


def write_times_of_all(folder: Path, figures: Sequence[tuple[str, Sequence[Task], Batch]]) -> str:
    """Write ``times.md``, CPU seconds of several figures by policy, and return its table."""
    spent: dict[tuple[str, str], list[float]] = {}
    for figure, tasks, batch in figures:
        for task in tasks:
            if task.name in batch.done:
                settings = task.payload.get("config", task.payload)
                row = spent.setdefault((figure, settings["policy"]), [])
                row.append(batch.done[task.name]["cpu_seconds"])
    rows = [
        [figure, policy, str(len(cpu)), seconds(sum(cpu)), seconds(max(cpu))]
        for (figure, policy), cpu in spent.items()
    ]
    every = [one for cpu in spent.values() for one in cpu]
    rows.append(["all", "", str(len(every)), seconds(sum(every)), seconds(max(every, default=0.0))])
    compiling = sum(compile_seconds(batch) for *_, batch in figures)
    rows.append(["compiled code (wall clock)", "", "", seconds(compiling), ""])
    table = markdown(["figure", "policy", "runs", "CPU seconds", "slowest run"], rows)
    write_text(folder / "times.md", f"# CPU time\n\n{table}")
    return table
