"""Killed anywhere, by any signal: what is finished survives, nothing is half there, and it goes on to the bits.

``GAVEL_KILLS=200`` sets how often in all.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from noise import at_rest
from pyarrow import parquet

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("GAVEL_KILLS", "200"))
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
RUN = ("--policy", "finish_time_fairness_perf", "--cluster", "6:6:6", "--rate", "1")
RUN = (*RUN, "--window", "60:160", "--saturation", "off")
FIGURE = """title = "Makespan"
what = "time to finish a batch of jobs"
axis = "jobs"
measure = "makespan"
[settings]
cluster = "2:2:2"
[[curve]]
policy = "fifo"
label = "FIFO"
at = [8, 16, 24]
[[curve]]
policy = "isolated"
label = "each by itself"
at = [8, 16, 24]
"""
SWEEP = ("--policy", "fifo", "isolated", "--cluster", "6:6:6", "--rate", "1", "--window", "60:160")
COMMANDS = {
    "run": ("run", *RUN),
    "checkpointed run": ("run", *RUN, "--checkpoint-every", "40r"),
    "sweep": ("sweep", *SWEEP, "--seed", "0-2", "--processes", "2", "--saturation", "off"),
    "figure": ("figure", "{figure}", "--seed", "0", "--processes", "2"),
    "knee": ("knee", "--policy", "isolated", "--cluster", "2:2:2", "--seed", "0"),
}


class Bench:
    """Runs one command in a folder of its own, with a folder for temporary files."""

    def __init__(self, folder: Path, words: tuple[str, ...]) -> None:
        (folder / "figure.toml").write_text(FIGURE)
        self.folder, self.scratch = folder, folder / "tmp"
        self.scratch.mkdir()
        self.words = [word.format(figure=folder / "figure.toml") for word in words]

    def start(self, output: Path, *words: object) -> subprocess.Popen[bytes]:
        given = [*self.words, "--output", output] if not words else list(words)
        return subprocess.Popen(
            [sys.executable, "-m", "simulator", *map(str, given)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(self.scratch)},
        )

    def complete(self, output: Path, *words: object) -> None:
        process = self.start(output, *words)
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err


def session(leader: int) -> list[str]:
    """Processes of a session that are there, zombies aside."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        state, _, _, its_session = rest.split()[:4]
        if int(its_session) == leader and state != "Z":
            found.append(name)
    return found


def assert_whole(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".parquet":
            parquet.read_table(path)
        elif path.suffix == ".npz":
            with np.load(path) as archive:
                assert archive.files


def finished(folder: Path) -> dict[str, int]:
    """Summaries that are there, with the times at which they were written."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*/summary.json")}


def contents(folder: Path) -> dict[str, object]:
    """What a command left, but for times and how often a run was taken up."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir() or name == "checkpoint.npz":
            continue
        found[name] = ""
        if path.suffix == ".json":
            found[name] = json.dumps(timeless(json.loads(path.read_text())), sort_keys=True)
        elif path.name == "points.csv":  # its last column is seconds
            found[name] = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
        elif path.name == "solves.parquet":
            solves = parquet.read_table(path).drop_columns(["seconds", "cache_hits"])
            found[name] = str(solves.to_pydict())
        elif path.suffix in (".csv", ".parquet") and path.stem != "times":
            found[name] = path.read_bytes()
    return found


def timeless(tree: object) -> object:
    if isinstance(tree, dict):
        # A checksum is of the times as well.
        away = {"time", "cache_hits", "cpu_seconds", "wall_seconds", "command", "checksum"}
        return {name: timeless(value) for name, value in tree.items() if name not in away}
    return [timeless(value) for value in tree] if isinstance(tree, list) else tree


@pytest.mark.parametrize("kind", COMMANDS)
def test_killed_anywhere(tmp_path, kind):
    bench = Bench(tmp_path, COMMANDS[kind])
    subprocess.run([sys.executable, "-m", "simulator", "warm-up"], check=True, timeout=1800)
    started = time.monotonic()
    bench.complete(tmp_path / "whole")
    took = time.monotonic() - started
    whole = contents(tmp_path / "whole")
    draw = random.Random(kind)
    for number in range(KILLS // len(COMMANDS)):
        output = tmp_path / f"out{number}"
        process = bench.start(output)
        assert process.stderr is not None
        time.sleep(took * draw.uniform(0.1, 1.05))
        sent = SIGNALS[number % len(SIGNALS)]
        process.send_signal(sent)
        began = time.monotonic()
        _, err = process.communicate(timeout=120)
        assert time.monotonic() - began < at_rest(3.0), err
        assert b"Traceback" not in err
        assert process.returncode in (0, -signal.SIGKILL if sent == signal.SIGKILL else 128 + sent)
        # A pool's own helper leaves when the last of the pool has.
        while left := session(process.pid):
            assert time.monotonic() - began < at_rest(10.0), left
            time.sleep(0.1)
        # Claims of processes that are gone, and what they had begun, go with the next command at the latest.
        held = {".claims", ".unfinished"}
        left = [path for path in output.rglob(".*") if not set(path.parts) & held]
        left = [path for path in left if path.name != ".checkpoints"]  # where runs go on from
        assert not left or sent == signal.SIGKILL, (number, left)
        assert_whole(output)
        there = finished(output)
        resumes = (output / "checkpoint.npz").exists() and process.returncode != 0
        if resumes:
            bench.complete(output, "run", "--resume", output)
        else:
            bench.complete(output)
        assert {path: finished(output)[path] for path in there} == there, "run again"
        assert contents(output) == whole, number
        assert not list(bench.scratch.iterdir()), number
