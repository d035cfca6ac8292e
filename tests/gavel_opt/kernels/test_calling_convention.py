"""Whether numba's functions are called as they are to be: tried where its version is not known."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from gavel_opt.kernels import calling_convention, compiling
from gavel_opt.kernels.jit import compiled


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    compiling.check_convention.cache_clear()
    yield
    compiling.check_convention.cache_clear()


def test_it_holds_for_the_numba_at_hand() -> None:
    assert calling_convention.holds()


def test_another_result_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = compiling._entry

    def another(*given: Any) -> str:
        # a function that is through says 5, not 0
        text, count = re.subn(r"(icmp eq i32 \S+), 0\n", r"\1, 5\n", entry(*given))
        assert count == 1
        return text

    monkeypatch.setattr(compiling, "_entry", another)
    with pytest.raises(RuntimeError, match="came back with status"):
        calling_convention.holds()


def test_a_known_version_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("tried"))
    monkeypatch.setattr(compiling, "numba_version", lambda: compiling.SEEN_FROM)
    compiling.check_convention()


@pytest.mark.parametrize("status", [0, 1, -11])
def test_an_unknown_version_is_tried_in_another_process(
    status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        tried.append(command[1:])
        words = "compiled code gives something else" if status == 1 else ""
        return subprocess.CompletedProcess(command, status, "", words)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(compiling, "numba_version", lambda: compiling.SEEN_BEFORE)
    kernel: Any = compiled(_doubled)
    kernel._spent = 10.0
    assert kernel(4) == kernel(4) == 8
    assert tried == [["-m", "gavel_opt.kernels.calling_convention"]]
    note = capsys.readouterr().err
    why = "something else" if status == 1 else "exit status -11"
    assert (why in note and "stays interpreted" in note) == (status != 0)
    assert note.count("stays interpreted") == (status != 0)


def _doubled(number: int) -> int:
    return 2 * number
