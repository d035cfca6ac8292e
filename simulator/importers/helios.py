"""SenseTime's Helios of 2020: ``cluster_log.csv``, with ``cluster_gpu_number.csv`` if given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gavel_opt import InputError
from simulator.importers.base import Imported, files_by_kind
from simulator.importers.job_log import read_log
from simulator.importers.tables import first_line, number_of, rows

WORKER_TYPE = "v100"


def read(files: Sequence[Path]) -> Imported:
    """Read the log of one cluster, and how many GPUs it had."""
    found = files_by_kind(files, _kind, ["cluster_log"])
    read = read_log(found["cluster_log"], "")
    if "cluster_gpu_number" in found:
        path = found["cluster_gpu_number"]
        most = max((number_of(row, "total", where) or 0 for where, row in rows(path)), default=0)
        read.cluster[""] = int(most)
        read.assumed.append("the cluster is as large as on its largest day")
    return read


def _kind(path: Path) -> str:
    header = first_line(path)
    if "date" in header and "total" in header:
        return "cluster_gpu_number"
    if "job_id" in header:
        return "cluster_log"
    raise InputError(f"{path}:1: expected cluster_log.csv or cluster_gpu_number.csv, by the header")
