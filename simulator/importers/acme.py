"""Shanghai AI Lab's Acme of 2023: ``trace_seren.csv`` or ``trace_kalos.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gavel_opt import InputError
from simulator.importers.base import Imported
from simulator.importers.job_log import read_log
from simulator.importers.tables import first_line

WORKER_TYPE = "v100"

GPUS = {"Seren": 2288, "Kalos": 2416}
"""A100s of its clusters: 286 and 302 servers of 8 (Hu et al., NSDI 2024, table 1)."""


def read(files: Sequence[Path]) -> Imported:
    """Read the log of one cluster."""
    if len(files) != 1:
        raise InputError(
            f"expected one file, trace_seren.csv or trace_kalos.csv, found {len(files)}"
        )
    read = read_log(files[0], "a100")
    name = "Kalos" if "mem_per_pod_GB" in first_line(files[0]) else "Seren"
    read.cluster["a100"] = GPUS[name]
    read.assumed.append(
        f"it is {name} (by the columns), {GPUS[name]:,} A100s (Hu et al., NSDI 2024)"
    )
    return read
