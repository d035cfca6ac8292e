"""A program that nobody can solve is kept, wherever that happens, and the message says where."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

from gavel_opt import Driver, SolveFailed, read_program
from simulator.settings.options import make_config
from simulator.studies import knee
from simulator.studies.experiments import hierarchy, scaling

SCALING = {"policy": "max_min_fairness_perf", "jobs": 8, "seed": 0}
HIERARCHY = {"policy": hierarchy.AWARE, "within": "fairness"}


@pytest.mark.parametrize(
    ("work", "payload"), [(scaling.measure, SCALING), (hierarchy.allocate, HIERARCHY)]
)
def test_of_figures(work, payload, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    strict = functools.partial(Driver, tolerance=1e-300)
    monkeypatch.setattr(f"{work.__module__}.Driver", strict)
    with pytest.raises(SolveFailed, match="gavel-opt check") as failed:
        work(payload | {"engine": "highs", "tie_break": "none"})
    assert kept(failed.value).parent == tmp_path


def test_of_knees(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    config = make_config(
        policy="max_min_fairness_perf", cluster="2:2:2", rate=1.0, window=(0, 1),
        engine="highs", tolerance=1e-300,
    )  # fmt: skip
    with pytest.raises(SolveFailed, match="gavel-opt check") as failed:
        knee.measure({"knee": config.to_json()})
    assert kept(failed.value).parent == tmp_path


def kept(failed):
    """File that a message names."""
    (path,) = re.findall(r"gavel-opt check (.*) asks all engines", str(failed))
    read_program(path)
    return Path(path)
