"""Microsoft's Philly log of 2017 (``cluster_job_log``, JSON), with ``cluster_machine_list`` if given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gavel_opt import InputError
from simulator.importers.base import (
    COMPLETED,
    FAILED,
    KILLED,
    NAIVE_TIMES,
    Imported,
    files_by_kind,
)
from simulator.importers.json_list import list_items
from simulator.importers.tables import Row, first_line, rows, seconds_of
from simulator.world.untrusted_text import read_lines, shown

WORKER_TYPE = "v100"
_STATES = {"Pass": COMPLETED, "Killed": KILLED, "Failed": FAILED}
_MACHINES = ("machineId", "number of GPUs", "single GPU mem")


def read(files: Sequence[Path]) -> Imported:
    """Read the job log, and the list of machines if there is one."""
    found = files_by_kind(files, _kind, ["cluster_job_log"])
    path = found["cluster_job_log"]
    read = Imported(
        assumed=[
            "a job's GPUs are the most that one of its attempts held; all attempts are one job whose "
            "run time gives the GPU time of them together (a retry is work that the cluster did)",
            NAIVE_TIMES,
        ]
    )
    for where, job in list_items(path):
        _add(read, job, where)
    if "cluster_machine_list" in found:
        machines = _machines(found["cluster_machine_list"])
        read.add_servers(machines, _MACHINES[0], _MACHINES[1], lambda _: "")
    return read


def _kind(path: Path) -> str:
    for _, line in read_lines(path, "import"):
        if line.strip():
            return "cluster_job_log" if line.lstrip()[0] in "[{" else "cluster_machine_list"
    raise InputError(f"{path}: empty; expected a job log or a list of machines")


def _add(read: Imported, job: Any, where: str) -> None:
    if not isinstance(job, dict) or not isinstance(job.get("attempts"), list):
        raise InputError(f"{where}: expected an object with the entry attempts, a list")
    status = job.get("status")
    if not isinstance(status, str) or status not in _STATES:
        raise InputError(f"{where}: expected status Pass, Killed or Failed, found {shown(status)}")
    name = str(job.get("jobid", ""))
    submitted = _time(job, "submitted_time", where)
    gpu_seconds, most, open_end = 0.0, 0, False
    for attempt in job["attempts"]:
        if not isinstance(attempt, dict):
            raise InputError(f"{where}: expected an object for an attempt, found {shown(attempt)}")
        start, end = _time(attempt, "start_time", where), _time(attempt, "end_time", where)
        gpus = _held(attempt, where)
        open_end = start is not None and end is None
        if start is not None and end is not None and end > start and gpus:
            gpu_seconds, most = gpu_seconds + gpus * (end - start), max(most, gpus)
    state = None if open_end else _STATES[status]
    if most == 0:  # what it asked for stands nowhere: it never ran
        read.add(name, submitted, None, 1, state=state)
    else:
        read.add(name, submitted, gpu_seconds / most, most, state=state)


def _held(attempt: dict[str, Any], where: str) -> int:
    detail = attempt.get("detail") or []
    held = 0
    for server in detail if isinstance(detail, list) else [None]:
        gpus = server.get("gpus") if isinstance(server, dict) else None
        if not isinstance(gpus, list):
            raise InputError(
                f"{where}: expected detail to be a list of servers, each with its gpus"
            )
        held += len(gpus)
    return held


def _time(entry: dict[str, Any], name: str, where: str) -> float | None:
    value = entry.get(name)
    if value is None or value == "None":
        return None
    return seconds_of(str(value), name, where)


def _machines(path: Path) -> Iterator[tuple[str, Row]]:
    if len(first_line(path)) != len(_MACHINES):
        raise InputError(f"{path}:1: expected {', '.join(_MACHINES)}")
    for place, (where, row) in enumerate(rows(path, columns=_MACHINES)):
        if place == 0 and not row[_MACHINES[1]].isdecimal():
            continue  # a header in other words
        yield where, row
