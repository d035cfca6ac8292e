"""What compiling costs is no run's cost."""

from __future__ import annotations

import time
from pathlib import Path

from gavel_opt.kernels import jit
from simulator.studies.batches.carry_out import carry_out, unit
from simulator.studies.batches.stores import PointStore


def compiles(payload: dict[str, float]) -> dict[str, float]:
    """Work that compiles, as far as the clocks can tell, and is done."""
    with jit._timed():
        until = time.process_time() + payload["seconds"]
        while time.process_time() < until:
            pass
    return {}


def test_compiling_is_not_counted(tmp_path: Path) -> None:
    kept = carry_out(unit(compiles, "one", {"seconds": 0.3}, PointStore(tmp_path)))
    assert kept["cpu_seconds"] < 0.1
    assert kept["wall_seconds"] < 0.2
