"""Small runs for the viewer's tests: one with placements, one of another policy, a packed one, a figure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.runs.runner import execute
from simulator.settings.options import make_config
from tests.viewer.browser import open_browser

CLUSTER = {"v100": 8, "p100": 8, "k80": 8}
SERVERS = {"v100": 4, "p100": 4, "k80": 8}


def record(folder: Path, **settings: Any) -> Path:
    """Carry out a run with placements and write its folder."""
    config = make_config(
        **{"cluster": CLUSTER, "gpus_per_server": SERVERS, "multi_gpu": True} | settings
    )
    execute(config, record=("placements",)).write(folder)
    return folder


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of run folders: ``gavel``, ``las``, ``packed``."""
    folder = tmp_path_factory.mktemp("runs")
    # Short jobs, a hundred rounds: kernels are interpreted in them.
    continuous = {"rate": 4.0, "window": (10, 30), "seed": 1, "fixed_duration": 7200.0}
    record(folder / "gavel", policy="max_min_fairness_perf", **continuous)
    record(folder / "las", policy="max_min_fairness", **continuous)
    record(
        folder / "packed", policy="max_min_fairness_packed", jobs=20, seed=1, fixed_duration=7200.0
    )
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as context:
        yield context
