"""``gavel-sim warm-up`` on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from gavel_opt.arrays import Ints
from gavel_opt.engines import proportional_jobs
from simulator.cli import main
from simulator.cli.warm_up import RUNS, exercise
from simulator.runs.simulation import Simulation
from simulator.settings.options import make_config


def test_complaints(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["warm-up", "--processes", "0"]) == 2
    assert "--processes: 0 is too few; give 1 or more" in capsys.readouterr().err
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert main(["warm-up"]) == 2
    assert "NUMBA_DISABLE_JIT is set, so nothing is ever compiled" in capsys.readouterr().err


def test_jobs_are_pooled_in_one_of_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []
    pooled = proportional_jobs._pooled

    def counted(kind: Ints, *rest: Any) -> Any:
        called.append(kind.size)
        return pooled(kind, *rest)

    monkeypatch.setattr(proportional_jobs, "_pooled", counted)
    for settings in RUNS:
        if settings.get("engine") == "highs" and settings["policy"] == "min_total_duration_perf":
            Simulation(make_config(**settings)).advance(1)
    assert called


@pytest.mark.slow
def test_the_second_time_there_is_nothing_to_compile() -> None:
    exercise(RUNS[1])
    assert exercise(RUNS[1]) == {}
