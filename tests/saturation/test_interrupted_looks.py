"""A signal that comes while a long queue is measured: nothing hangs, and the run goes on from before the look."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from simulator.process.interrupts import Interrupted, interrupts
from simulator.runs.checkpoint import load
from simulator.runs.runner import Checkpointing, execute
from simulator.runs.saturation.long_queue import LongQueue
from simulator.settings.options import make_config

SETTINGS: dict[str, Any] = {
    "policy": "isolated",
    "cluster": "12:12:12",
    "rate": 1.9,
    "window": (30, 400),
    "seed": 1,
}


def test_a_run_goes_on_from_before_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, path = make_config(**SETTINGS), tmp_path / "checkpoint.npz"
    measured, calls = LongQueue.go_on, []

    def go_on(queue: LongQueue, hours: float) -> None:
        calls.append(hours)
        if len(calls) == stop:
            interrupts.pending = signal.SIGINT
        measured(queue, hours)

    monkeypatch.setattr(LongQueue, "go_on", go_on)
    stop = 0
    whole = execute(config).summary
    assert len(calls) > 1
    for stop in (1, len(calls)):
        calls.clear()
        with pytest.raises(Interrupted):
            execute(config, checkpointing=Checkpointing(path, rounds=10**9))
        assert stop <= len(calls) <= stop + 1  # a stretch may have passed already
        stop = 0
        again = execute(config, resume=load(path, "--resume")).summary
        assert (again["jct"], again["rounds"]) == (whole["jct"], whole["rounds"])
        assert again["saturation"] == whole["saturation"]
