"""Files are whole or not there, and nothing else is left, whatever ends the writing."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import pytest

from simulator.files.whole_files import write_atomically

SMALL_RUN = ("run", "--policy", "isolated", "--cluster", "2:2:2", "--jobs", "40")

WRITES = """
import sys
from pathlib import Path
from simulator.files.whole_files import write_atomically
while True:
    for letter in b"ab":
        write_atomically(Path(sys.argv[1]), bytes([letter]) * 30_000_000)
"""


def test_a_kill_in_the_middle_of_a_write_leaves_one_whole_file(tmp_path):
    for trial in range(6):
        path = tmp_path / "file"
        writer = subprocess.Popen([sys.executable, "-c", WRITES, str(path)])
        while not path.exists():
            assert writer.poll() is None
            time.sleep(0.005)
        time.sleep(0.013 * trial)
        writer.kill()
        writer.wait()
        content = path.read_bytes()
        assert (len(content), len(set(content))) == (30_000_000, 1)
        assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_leaves_the_file_before(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            write_atomically(path, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


PROGRAMS = ("run", "--policy", "max_min_fairness_perf", "--engine", "highs", *SMALL_RUN[3:])
PROGRAMS = (*PROGRAMS, "--record", "programs")
ON_FULL_DISKS = {
    "run": (SMALL_RUN, 4000),
    "all tables": ((*SMALL_RUN, "--record", "placements,allocations,trace"), 9000),
    "program": (PROGRAMS, 2000),
    "programs, not the tables": (PROGRAMS, 6000),
    "checkpoints": ((*SMALL_RUN, "--checkpoint-every", "1r"), 4000),
    "sweep": (("sweep", *SMALL_RUN[1:], "--processes", "1"), 4000),
}


@pytest.mark.parametrize("case", ON_FULL_DISKS)
def test_a_command_on_a_full_disk_says_so_in_a_line(tmp_path, case):
    words, most = ON_FULL_DISKS[case]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    done = subprocess.run(
        [sys.executable, "-m", "simulator", *words, "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=limited,
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr
    left = [one for one in tmp_path.rglob("*") if one.name.startswith(".") and one.is_file()]
    assert not left
    assert not list(tmp_path.rglob("summary.json"))
    if words[0] == "run":
        assert not (tmp_path / "out").exists()
