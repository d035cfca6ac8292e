"""Alibaba's spot GPUs of 2026: ``job_info_df.csv``, with ``node_info_df.csv`` if given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gavel_opt import InputError
from simulator.importers.base import Imported, files_by_kind
from simulator.importers.tables import first_line, given, number_of, require, rows

WORKER_TYPE = "v100"


def read(files: Sequence[Path]) -> Imported:
    """Read the jobs, and the nodes if given."""
    found = files_by_kind(files, _kind, ["job_info_df"])
    path = found["job_info_df"]
    needed = ("job_name", "gpu_model", "gpu_request", "worker_num", "duration")
    require(path, first_line(path), needed, "submit_time")
    read = Imported(
        assumed=[
            "gpu_request is of one instance: a job's GPUs are gpu_request x worker_num",
            "high-priority and spot jobs have the same weight; how a job ended is not in the source: "
            "all are taken as completed",
        ]
    )
    for where, row in rows(path):
        gpus = number_of(row, "gpu_request", where) or 0
        read.add(
            row["job_name"],
            number_of(row, "submit_time", where),
            number_of(row, "duration", where),
            gpus * (number_of(row, "worker_num", where) or 0),
            given(row, "gpu_model"),
        )
    if "node_info_df" in found:
        nodes = rows(found["node_info_df"])
        read.add_servers(
            nodes, "node_name", "gpu_capacity_num", lambda row: given(row, "gpu_model")
        )
    return read


def _kind(path: Path) -> str:
    header = first_line(path)
    if "gpu_request" in header:
        return "job_info_df"
    if "gpu_capacity_num" in header:
        return "node_info_df"
    raise InputError(f"{path}:1: expected job_info_df.csv or node_info_df.csv, by the header")
