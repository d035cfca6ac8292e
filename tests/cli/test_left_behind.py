"""A command ends once its result is written, whatever a solver or a policy has left behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

POLICY = """
import atexit, multiprocessing, threading, time
from gavel_opt import Policy
{}
class Leaves(Policy):
    begun = False
    def shares(self, state):
        if not Leaves.begun:
            Leaves.begun = True
            leave()
        return state.workers / (state.workers.sum() * state.job[:, None].clip(1e9))
"""
LEFT = {
    "thread": "def leave(): threading.Thread(target=time.sleep, args=(600,), name='solver').start()",
    "process": "def leave(): multiprocessing.get_context('fork').Process(target=time.sleep, args=(30,)).start()",
    "callback": "def leave(): atexit.register(time.sleep, 600)",
    "thread that asks for another": """
def again():
    time.sleep(0.1)
    try:
        threading.Thread(target=again).start()
    except RuntimeError:  # Python 3.12 starts none while it ends
        time.sleep(600)
def leave(): threading.Thread(target=again).start()""",
}


@pytest.mark.parametrize(
    ("command", "what"), [*(("run", what) for what in LEFT), ("sweep", "thread")]
)
def test_what_is_left_behind_is_not_waited_for(tmp_path: Path, command: str, what: str) -> None:
    (tmp_path / "leaves.py").write_text(POLICY.format(LEFT[what]))
    words = [*("--policy", f"{tmp_path}/leaves.py:Leaves", "--cluster", "2:2:2", "--jobs", "3")]
    words += ["--max-simulated-hours", "1", "--output", str(tmp_path / "out")]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "simulator", command, *words],
        stdin=subprocess.DEVNULL,
        stdout=(tmp_path / "said").open("w"),
        stderr=(tmp_path / "noted").open("w"),
        timeout=120,
        check=False,
    )
    assert time.monotonic() - began < 60
    noted = (tmp_path / "noted").read_text()
    assert done.returncode == 0, noted
    assert "Traceback" not in noted
    (summary,) = (tmp_path / "out").rglob("summary.json")
    assert json.loads(summary.read_text())["status"] == "horizon"
    assert (tmp_path / "said").read_text()
    if command == "run":
        assert "note: a library left something behind that is not waited for" in noted
        assert ("(threads: solver)" in noted) == (what == "thread")
