"""A Slurm cluster of one's own: ``sacct --parsable2`` (or ``--parsable``), as written to a file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gavel_opt import InputError
from simulator.importers.base import NAIVE_TIMES, Imported
from simulator.importers.job_log import end_of
from simulator.importers.tables import (
    Row,
    between,
    first_line,
    given,
    is_cut_off,
    number_of,
    require,
    rows,
)
from simulator.importers.tables import time_of as _time
from simulator.world.untrusted_text import shown

WORKER_TYPE = "v100"

_TRES = ("AllocTRES", "ReqTRES", "AllocGRES", "ReqGRES")
"""Columns that say the GPUs, the best first."""

_GPU = re.compile(r"(?:^|,)(?:gres[/:])?gpu(?::([\w.-]+))?[=:](\d+)(?=$|[,(])")
_SLICE = re.compile(r"(?<![0-9])([1-7])g\.[0-9]+gb")
_MOST_DIGITS = 7
_ELAPSED = re.compile(r"(?:(\d{1,6})-)?(?:(\d{1,2}):)?(\d{1,2}):(\d{1,2})(?:\.\d+)?")


HETEROGENEOUS = "parts of heterogeneous jobs (1234+0, 1234+1), each taken for a job of its own"
SLICES = "jobs on slices of a GPU (MIG: 1g.5gb), which are sevenths of one (quarters of an A30)"
SEVERAL_TYPES = "jobs with GPUs of several types, taken to have run on the first of them"


@dataclass(slots=True)
class _Job:
    """The lines of one JobID; their GPU time by Submit, which tells the records of Slurm's database."""

    submitted: float | None
    state: str | None
    gpus: float = 0.0
    gpu_seconds: dict[float | None, float] = field(default_factory=dict)
    gpu_type: str = ""
    oddities: set[str] = field(default_factory=set)


def read(files: Sequence[Path]) -> Imported:
    """Read the output of one ``sacct``."""
    if len(files) != 1:
        raise InputError(f"expected one file, the output of sacct, found {len(files)}")
    path = files[0]
    header = first_line(path, "|")
    require(path, header, ["JobID", "State"], "Submit")
    if not any(name in header for name in _TRES):
        raise InputError(f"{path}:1: no column {' or '.join(_TRES)}, so no GPUs are known")
    if "ElapsedRaw" not in header and "Elapsed" not in header and "End" not in header:
        raise InputError(f"{path}:1: no column ElapsedRaw, Elapsed, or Start and End: no run times")
    if is_cut_off(path):
        raise InputError(
            f"{path}: the last line has no end, so the log was cut off there; write it anew, or end the "
            "line if it is whole"
        )
    read = Imported(
        assumed=[
            "steps of a job (1234.batch, 1234.0) are left out; lines of one JobID (a requeued job, "
            "sacct --duplicates) are one job with the GPU time of all, submitted with the first; of "
            "lines with the same Submit as well (outputs that overlap) the longest counts",
            NAIVE_TIMES,
        ]
    )
    jobs: dict[str, _Job] = {}
    for where, row in rows(path, "|"):
        if "." not in row["JobID"]:
            _merge(jobs, row, where)
    for name, job in jobs.items():
        seconds = sum(job.gpu_seconds.values()) / job.gpus if job.gpus else None
        read.add(name, job.submitted, seconds, job.gpus, job.gpu_type, job.state)
    odd = Counter(what for job in jobs.values() for what in job.oddities)
    read.assumed += [f"{what}: {count:,}" for what, count in odd.items()]
    return read


def _merge(jobs: dict[str, _Job], row: Row, where: str) -> None:
    submitted, state = _time(row, "Submit", where), end_of(row["State"])
    job = jobs.setdefault(row["JobID"], _Job(submitted, state))
    if submitted is not None:
        job.submitted = submitted if job.submitted is None else min(submitted, job.submitted)
    again = submitted in job.gpu_seconds
    job.state = state or (job.state if again else None)
    gpus, types = _gpus(row, where)
    job.gpus, job.gpu_type = max(job.gpus, gpus), job.gpu_type or (types or [""])[0]
    held = gpus * max(_seconds(row, where) or 0.0, 0.0)
    job.gpu_seconds[submitted] = max(held, job.gpu_seconds.get(submitted, 0.0))
    for what, found in {
        HETEROGENEOUS: gpus and "+" in row["JobID"],
        SLICES: any(_SLICE.search(one) for one in types),
        SEVERAL_TYPES: len(set(types)) > 1,
    }.items():
        if found:
            job.oddities.add(what)


def _gpus(row: Row, where: str) -> tuple[float, list[str]]:
    """GPUs and their types: ``gres/gpu=4,gres/gpu:a100=4`` says the same four twice."""
    for column in _TRES:
        found = _GPU.findall(given(row, column))
        if any(len(count) > _MOST_DIGITS for _, count in found):
            raise InputError(f"{where}: more GPUs than there can be: {shown(row[column])}")
        if found:
            typed = [(name, int(count)) for name, count in found if name]
            plain = sum(int(count) for name, count in found if not name)
            untyped = max(plain - sum(count for _, count in typed), 0)
            gpus = untyped + sum(count * _part(name) for name, count in typed)
            return gpus, [name for name, _ in typed]
    return 0.0, []


def _part(gpu_type: str) -> float:
    """How much of a GPU one of a type is."""
    found = _SLICE.search(gpu_type.casefold())
    if found is None:
        return 1.0
    return int(found[1]) / (4 if "a30" in gpu_type.casefold() else 7)


def _seconds(row: Row, where: str) -> float | None:
    if "ElapsedRaw" in row:
        return number_of(row, "ElapsedRaw", where)
    text = given(row, "Elapsed")
    if not text:
        return between(_time(row, "Start", where), _time(row, "End", where))
    match = _ELAPSED.fullmatch(text)
    if match is None:
        raise InputError(f"{where}: expected Elapsed as 1-02:03:04, found {shown(text)}")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
