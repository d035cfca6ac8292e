"""Results of benchmarks to which several processes add."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from bench import saturation

WRITERS, ENTRIES = 3, 15


def add(file: Path, writer: int) -> None:
    saturation.RESULTS = file
    for entry in range(ENTRIES):
        saturation.keep("verdicts", f"case {writer}", f"{entry}", {"0": ["saturated", entry]})


def test_two_at_once_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kept.json"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=add, args=(file, writer)) for writer in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60.0)
    monkeypatch.setattr(saturation, "RESULTS", file)
    kept = saturation.read()["verdicts"]
    assert {case: len(loads) for case, loads in kept.items()} == {
        f"case {writer}": ENTRIES for writer in range(WRITERS)
    }
    assert [one.name for one in tmp_path.iterdir()] == ["kept.json"]
