"""A run is carried out once, however many processes share its folder."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.studies.batches.claims import Claims

TAKE = """
import sys, time
from pathlib import Path
from simulator.studies.batches.claims import Claims
claims = Claims(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
taken = [name for name in sys.argv[2:] if claims.take(name) is not None]
print(*taken, flush=True)
sys.stdin.readline()
"""


def test_a_claim_is_taken_once_and_given_up(tmp_path: Path) -> None:
    claims = Claims(tmp_path / "claims")
    claim = claims.take("a")
    assert claim is not None
    assert claims.take("a") is None
    assert Claims(tmp_path / "claims").take("a") is None
    holder = claims.holder("a")
    assert holder is not None
    assert holder.process == os.getpid()
    assert claims.names() == ["a"]
    claim.release()
    assert claims.names() == []
    assert claims.take("a") is not None


def test_eight_processes_share_twenty_claims_without_one_taken_twice(tmp_path: Path) -> None:
    names = [f"run-{place}" for place in range(20)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE, str(tmp_path), *names],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    try:
        for one in processes:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in processes:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        taken: list[str] = []
        for one in processes:
            assert one.stdout is not None
            taken += one.stdout.readline().split()
        assert sorted(taken) == sorted(names)
    finally:
        for one in processes:
            one.kill()
            one.wait()


@pytest.mark.parametrize("asked_for", [True, False])
def test_the_claim_of_a_process_that_is_gone_is_taken_over(asked_for: bool, tmp_path: Path) -> None:
    """Also before its parent has asked how it ended, as one that Ray lost may stand for a while."""
    if not (asked_for or Path("/proc/self/stat").exists()):
        pytest.skip("nothing says who has ended")
    claims = Claims(tmp_path)
    claims.take("a")
    path = claims.path("a")
    found = json.loads(path.read_text())
    gone = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, gone.pid, os.WEXITED | (0 if asked_for else os.WNOWAIT))
    path.write_text(json.dumps(found | {"process": gone.pid}))
    taken = claims.take("a")
    gone.wait()
    assert taken is not None
    assert taken.held


def test_a_claim_of_another_machine_lasts_as_long_as_it_is_touched(tmp_path: Path) -> None:
    claims = Claims(tmp_path, lease=30.0)
    claims.take("a")
    path = claims.path("a")
    found = json.loads(path.read_text())
    path.write_text(json.dumps(found | {"host": "elsewhere", "token": "theirs"}))
    assert claims.take("a") is None
    old = time.time() - 31.0
    os.utime(path, (old, old))
    assert claims.take("a") is not None


def test_a_torn_claim_counts_by_its_age_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # it may be half written
    claims = Claims(tmp_path, lease=30.0)
    claims.path("a").write_text('{"host": "els')
    old = time.time() - 31.0
    os.utime(claims.path("a"), (old, old))
    assert claims.take("a") is not None


def test_a_held_claim_is_kept_alive(tmp_path: Path) -> None:
    claims = Claims(tmp_path, lease=0.6)
    claim = claims.take("a")
    assert claim is not None
    with claim:
        signs, until = set(), time.monotonic() + 60.0
        while len(signs) < 4:  # a busy machine may be late with one of them
            assert time.monotonic() < until
            assert claims.holder("a") is not None
            signs.add(claims.path("a").stat().st_mtime_ns)
            time.sleep(0.02)
    assert claims.names() == []


def test_a_claim_that_could_not_be_written_holds_nobody_up(tmp_path, monkeypatch):
    """A disk that is full makes the file and takes no content: that claim would be nobody's for a lease."""

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    claims = Claims(tmp_path / "claims")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        claims.take("run")
    monkeypatch.undo()
    claim = claims.take("run")
    assert claim is not None
    assert claim.held
