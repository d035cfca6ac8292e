"""Alibaba's GPU-sharing cluster of 2023: ``openb_pod_list_*.csv``, ``openb_node_list_*.csv`` if given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gavel_opt import InputError
from simulator.importers.base import COMPLETED, FAILED, Imported, files_by_kind
from simulator.importers.tables import between, first_line, given, number_of, require, rows

WORKER_TYPE = "v100"
_STATES = {"Succeeded": COMPLETED, "Running": COMPLETED, "Failed": FAILED}


def read(files: Sequence[Path]) -> Imported:
    """Read the pods, and the nodes if given."""
    found = files_by_kind(files, _kind, ["list of pods"])
    path = found["list of pods"]
    needed = ("name", "num_gpu", "gpu_milli", "pod_phase", "deletion_time", "scheduled_time")
    require(path, first_line(path), needed, "creation_time")
    read = Imported(
        assumed=[
            "a pod is a job from its scheduling to its deletion; services are among them, and a pod "
            "in the phase Running with a deletion_time is taken to have ended then",
            "a pod that may run on several GPU types is taken to have run on the first of them",
        ]
    )
    for where, row in rows(path):
        parts = (number_of(row, "gpu_milli", where) or 0) / 1000
        read.add(
            row["name"],
            number_of(row, "creation_time", where),
            between(
                number_of(row, "scheduled_time", where), number_of(row, "deletion_time", where)
            ),
            (number_of(row, "num_gpu", where) or 0) * parts,
            given(row, "gpu_spec").split("|")[0],
            _STATES.get(row["pod_phase"]),
        )
    if "list of nodes" in found:
        read.add_servers(rows(found["list of nodes"]), "sn", "gpu", lambda row: given(row, "model"))
    return read


def _kind(path: Path) -> str:
    header = first_line(path)
    if "num_gpu" in header:
        return "list of pods"
    if "gpu" in header and "model" in header:
        return "list of nodes"
    raise InputError(f"{path}:1: expected a list of pods or of nodes, by the header")
