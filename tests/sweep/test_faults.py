"""What can go wrong around a sweep: a reader that leaves, a folder that goes, a clock that jumps."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.studies.batches.claims import Claims

SMALL = ("--policy", "fifo", "isolated", "--cluster", "2:2:2", "--jobs", "5", "--processes", "1")
LONG = ("--policy", "isolated", "--rate", "4", "5", "--window", "40000:50000", "--processes", "1")

JUMPS = """
import sys, time
began, now, jump = time.monotonic(), time.time, float(sys.argv.pop(1))
time.time = lambda: now() + (jump if time.monotonic() - began > 0.5 else 0.0)
from simulator.cli import main
sys.exit(main())
"""


def start(*words: object, script: str | None = None, stdout: int = subprocess.PIPE):
    how = ["-m", "simulator"] if script is None else ["-c", script]
    return subprocess.Popen(
        [sys.executable, *how, *map(str, words)], stdout=stdout, stderr=subprocess.PIPE, text=True
    )


def means(folder: Path) -> dict[str, float]:
    return {
        path.parent.name: json.loads(path.read_text())["average_jct"]
        for path in folder.glob("*/summary.json")
    }


def test_a_reader_that_leaves_does_not_stop_a_sweep(tmp_path):
    """As with ``| head -1``: every run is done, and nothing hangs."""
    sweep = start("sweep", *SMALL, "--output", tmp_path)
    assert sweep.stdout is not None
    sweep.stdout.close()
    _, err = sweep.communicate(timeout=120)
    assert sweep.returncode == 0, err
    assert "Traceback" not in err
    assert len(means(tmp_path)) == 2


def test_a_folder_that_goes_away_ends_a_sweep_in_a_line(tmp_path):
    folder = tmp_path / "out"
    sweep = start("sweep", *LONG, "--output", folder)
    while not (folder / "sweep.json").exists():
        assert sweep.poll() is None
        time.sleep(0.02)
    time.sleep(1.0)
    shutil.rmtree(folder)
    sweep.send_signal(15)
    _, err = sweep.communicate(timeout=120)
    assert "Traceback" not in err
    assert sweep.returncode in (3, 128 + 15), err


def test_a_folder_that_goes_away_gets_its_plan_back(tmp_path):
    folder = tmp_path / "out"
    short = ("--policy", "isolated", "--rate", "4", "--seed", "0-1", "--window", "4000:5000")
    sweep = start("sweep", *short, "--processes", "1", "--output", folder)
    while not (folder / "sweep.json").exists():
        assert sweep.poll() is None
        time.sleep(0.02)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "sweep.json").unlink(missing_ok=True)
    _, err = sweep.communicate(timeout=120)
    assert sweep.returncode == 3
    assert f"{folder} was removed while the sweep ran; the same command makes it whole" in err
    again = start("sweep", *short, "--processes", "1", "--output", folder)
    assert again.communicate(timeout=120)[0].count("2 of 2 runs done") == 1


def test_a_failure_of_another_day_is_not_that_of_a_run_that_was_interrupted(tmp_path):
    (tmp_path / "failures").mkdir()
    for name in ("fifo", "isolated"):
        (tmp_path / f"failures/{name}.txt").write_text("its solver had no licence\n")
    with Claims(tmp_path / ".claims").take("fifo"):
        sweep = start("sweep", *SMALL, "--output", tmp_path)
        while "carried out elsewhere; waiting" not in (said := sweep.stderr.readline()):
            assert said, sweep.communicate()
    _, err = sweep.communicate(timeout=120)
    assert sweep.returncode == 0, err
    assert len(means(tmp_path)) == 2


@pytest.mark.parametrize("seconds", [-86400, 86400])
def test_a_clock_that_jumps_changes_nothing(tmp_path, seconds):
    words = ("run", "--policy", "isolated", "--cluster", "2:2:2", "--jobs", "20")
    kept = ("--checkpoint-every", "10r", "--json")
    results = []
    for place, first in enumerate((0, seconds)):
        run = start(first, *words, *kept, "--output", tmp_path / str(place), script=JUMPS)
        out, err = run.communicate(timeout=120)
        assert run.returncode == 0, err
        results.append(json.loads(out)["average_jct"])
        sweep = start(first, "sweep", *SMALL, "--output", tmp_path / f"s{place}", script=JUMPS)
        _, err = sweep.communicate(timeout=120)
        assert sweep.returncode == 0, err
    assert results[0] == results[1]
    assert means(tmp_path / "s0") == means(tmp_path / "s1")
    assert len(means(tmp_path / "s1")) == 2
