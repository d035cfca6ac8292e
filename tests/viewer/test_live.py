"""A run that goes on shows what there is so far, and leaves nothing of that when it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.runs.output import live
from simulator.runs.runner import execute
from simulator.settings.options import make_config
from simulator.viewer.library import Library
from simulator.viewer.run_folder import RunFolder, read_run
from tests.viewer.conftest import CLUSTER

CONFIG: dict[str, Any] = {
    "policy": "max_min_fairness_perf",
    "cluster": CLUSTER,
    "multi_gpu": True,
    "rate": 4.0,
    "window": (10, 30),
    "fixed_duration": 7200.0,
    "seed": 1,
}


def test_a_run_is_seen_while_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSE", 0.0)
    monkeypatch.setattr(live, "SHARE", 1e9)
    folder = tmp_path / "run"
    seen: list[RunFolder] = []
    library: list[Library] = []

    def look(progress: Any) -> None:
        if (folder / "live" / "running.json").exists():
            seen.append(read_run(folder))
            if not library:
                library.append(Library([folder]))
            library[0].part("r0", "overview")

    result = execute(make_config(**CONFIG), on_progress=look, folder=folder)
    assert {one.state for one in seen} == {"running"}
    rounds = [one.tables["rounds"]["time"].size for one in seen]
    assert rounds == sorted(rounds)
    assert 0 < rounds[0] < result.rounds["time"].size
    assert read_run(folder).state == "running"
    result.write(folder)
    assert not (folder / "live").exists()
    assert read_run(folder).state in ("finished", "partial")
    assert library[0].catalog()["runs"][0]["state"] in ("finished", "partial")


def test_a_run_that_was_killed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSE", 0.0)
    execute(make_config(**CONFIG), folder=tmp_path)
    file = tmp_path / "live" / "running.json"
    import os

    file.write_text(file.read_text().replace(f'"process": {os.getpid()}', '"process": 4194303999'))
    found = read_run(tmp_path)
    assert found.state == "stopped"
    assert "stopped before it finished" in found.message
