"""Alibaba's PAI of 2020: tables of jobs, tasks and machines, with or without headers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gavel_opt import InputError
from simulator.importers.base import COMPLETED, FAILED, Imported, files_by_kind
from simulator.importers.tables import Row, between, first_line, given, number_of, rows

WORKER_TYPE = "v100"

COLUMNS = {
    "pai_job_table": ("job_name", "inst_id", "user", "status", "start_time", "end_time"),
    "pai_task_table": (
        *("job_name", "task_name", "inst_num", "status", "start_time", "end_time"),
        *("plan_cpu", "plan_mem", "plan_gpu", "gpu_type"),
    ),
    "pai_machine_spec": ("machine", "gpu_type", "cap_cpu", "cap_mem", "cap_gpu"),
}
_STATES = {"Terminated": COMPLETED, "Failed": FAILED}
_OLDER = {"MISC": "k80"}


@dataclass(slots=True)
class _Held:
    """What the tasks of a job held."""

    gpus: float = 0.0
    gpu_seconds: float = 0.0
    gpu_type: str = ""
    missing: bool = False


def read(files: Sequence[Path]) -> Imported:
    """Read jobs and tasks, and the machines if given."""
    found = files_by_kind(files, _kind, ["pai_job_table", "pai_task_table"])
    read = Imported(
        assumed=[
            "a job's GPUs are those of all its tasks (instances x plan_gpu), their type that of the "
            "first, its run time gives their GPU time",
            "gpu_type MISC (K40m, K80, M60) is taken as k80",
            "a job's start_time is its submission, as the source has it",
        ]
    )
    held: dict[str, _Held] = defaultdict(_Held)
    seen: set[tuple[str, ...]] = set()
    again = 0
    for where, row in _rows(found, "pai_task_table"):
        task = (row["job_name"], row["task_name"], row["inst_num"], row["start_time"])
        if task in seen:
            again += 1
        else:
            seen.add(task)
            _hold(held[row["job_name"]], row, where)
    if again:
        read.assumed.append(f"tasks listed more than once, counted once: {again:,} lines")
    for where, row in _rows(found, "pai_job_table"):
        one = held.get(row["job_name"], _Held())
        read.add(
            row["job_name"],
            number_of(row, "start_time", where),
            None if one.missing or not one.gpus else one.gpu_seconds / one.gpus,
            one.gpus,
            one.gpu_type,
            _STATES.get(row["status"]),
        )
    if "pai_machine_spec" in found:
        read.add_servers(_rows(found, "pai_machine_spec"), "machine", "cap_gpu", _gpu_type)
    return read


def _hold(held: _Held, row: Row, where: str) -> None:
    gpus = (number_of(row, "inst_num", where) or 0) * (number_of(row, "plan_gpu", where) or 0) / 100
    if not gpus:
        return
    seconds = between(number_of(row, "start_time", where), number_of(row, "end_time", where))
    held.missing |= seconds is None
    held.gpus += gpus
    held.gpu_seconds += gpus * max(seconds or 0.0, 0.0)
    held.gpu_type = held.gpu_type or _gpu_type(row)


def _gpu_type(row: Row) -> str:
    name = given(row, "gpu_type")
    return _OLDER.get(name, name)


def _rows(found: dict[str, Path], kind: str) -> Iterator[tuple[str, Row]]:
    return rows(found[kind], columns=COLUMNS[kind])


def _kind(path: Path) -> str:
    count = len(first_line(path))
    for kind, columns in COLUMNS.items():
        if count == len(columns):
            return kind
    expected = ", ".join(f"{kind} ({len(columns)})" for kind, columns in COLUMNS.items())
    raise InputError(f"{path}:1: {count} columns; expected {expected}")
