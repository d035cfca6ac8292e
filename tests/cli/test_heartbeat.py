"""Off a terminal long work says a line now and then; quick work says nothing."""

from __future__ import annotations

import time

import pytest

from simulator.cli import main
from simulator.process import heartbeat


def test_lines_come_and_stop(capsys):
    with heartbeat.heartbeat(lambda: "3 of 9", first=0.05):
        time.sleep(0.3)
    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 6
    assert all(line.startswith("gavel-sim: after 0 s: 3 of 9") for line in lines)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--policy", "fifo", "--jobs", "3000", "--cluster", "4:4:4"], "jobs measured, "),
        (
            ["sweep", "--policy", "isolated", "--jobs", "5", "--seed", "0-1", "--processes", "1"],
            "sweep, 0 of 2 runs done",
        ),
        (
            ["knee", "--policy", "isolated", "--seed", "0", "--json"],
            "knee, 0 of 1 runs done",
        ),
    ],
)
def test_commands_say_how_far_they_are(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(heartbeat, "FIRST", 0.02)
    assert main(words) == 0
    assert said in capsys.readouterr().err


def test_durations():
    assert [heartbeat.duration(s) for s in (5, 90, 119.6, 600, 3700)] == [
        "5 s",
        "1 min 30 s",
        "2 min 00 s",
        "10 min",
        "1 h 02 min",
    ]
