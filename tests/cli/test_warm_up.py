"""``gavel-sim warm-up`` on the command line."""

from __future__ import annotations

import pytest

from simulator.cli import main
from simulator.cli.warm_up import RUNS, exercise


def test_complaints(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["warm-up", "--processes", "0"]) == 2
    assert "--processes: 0 is too few; give 1 or more" in capsys.readouterr().err
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert main(["warm-up"]) == 2
    assert "NUMBA_DISABLE_JIT is set, so nothing is ever compiled" in capsys.readouterr().err


@pytest.mark.slow
def test_the_second_time_there_is_nothing_to_compile() -> None:
    exercise(RUNS[1])
    assert exercise(RUNS[1]) == {}
