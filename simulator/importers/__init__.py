"""Job logs of other clusters as traces: one source a module, what they share in ``base`` and ``tables``."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from gavel_opt import unknown_name
from simulator.importers.base import Imported

SOURCES = {
    "philly": "Microsoft Philly 2017: cluster_job_log [cluster_machine_list]",
    "helios": "SenseTime Helios 2020: cluster_log.csv [cluster_gpu_number.csv]",
    "pai": "Alibaba PAI 2020: pai_job_table.csv pai_task_table.csv [pai_machine_spec.csv]",
    "openb": "Alibaba 2023: openb_pod_list_*.csv [openb_node_list_*.csv]",
    "spot-gpu": "Alibaba spot GPU 2026: job_info_df.csv [node_info_df.csv]",
    "acme": "Shanghai AI Lab Acme 2023: trace_seren.csv or trace_kalos.csv",
    "slurm": "output of sacct --parsable2 with JobID,Submit,State,ElapsedRaw,AllocTRES",
}
"""Source to its files."""


ALSO = {"sacct": "slurm"}
"""Other names of sources."""


class Source(Protocol):
    """A module that reads one source."""

    WORKER_TYPE: str
    """Worker type of GPUs whose type the source does not say."""

    def read(self, files: Sequence[Path], /) -> Imported:
        """Read its files."""
        ...


def source(name: str) -> Source:
    """Return the reader of a source in :data:`SOURCES` or :data:`ALSO`.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    name = ALSO.get(name, name)
    if name not in SOURCES:
        raise unknown_name("source", name, SOURCES)
    module = importlib.import_module(f"simulator.importers.{name.replace('-', '_')}")
    return cast("Source", module)
