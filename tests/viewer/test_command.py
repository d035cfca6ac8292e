"""``gavel-sim view`` as a user runs it."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from simulator.cli import main
from simulator.viewer.library import Library, NotThereError
from tests.cli.sim import start_gavel_sim


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_prints_its_address_and_stops_with_the_terminal(
    runs: Path, number: signal.Signals
) -> None:
    process = start_gavel_sim("view", "--no-browser", runs / "gavel")
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert b"<title>gavel-sim view</title>" in answer.read()
        asked = time.monotonic()
        process.send_signal(number)
        assert process.wait(10) == 0
        assert time.monotonic() - asked < 5
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()


def test_what_cannot_be_shown_is_one_line(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    run = str(runs / "gavel")
    for words, complaint in (
        ([str(tmp_path / "none")], "no such folder"),
        ([str(runs / "gavel" / "summary.json")], "is a file"),
        ([run, "--export", str(tmp_path)], "expected FILE.html"),
        ([run, "--export", str(tmp_path / "none" / "x.html")], "expected a file"),
        ([run, "--export", str(tmp_path / "x.html"), "--follow"], "--follow"),
        ([], "DIR"),
    ):
        assert main(["view", *words]) == 2, words
        said = capsys.readouterr().err
        assert complaint in said
        assert said.count("\n") == 1
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "checkpoint.npz").touch()
    assert main(["view", str(tmp_path / "killed")]) == 2
    assert f"gavel-sim run --resume {tmp_path / 'killed'}" in capsys.readouterr().err
    assert main(["view", str(tmp_path / "empty")]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "gavel-sim: empty: the folder is empty: no run has written into it yet"
    ]
    assert not (tmp_path / "x.html").exists()


def test_a_hostile_summary_is_damage_and_no_traceback(runs: Path, tmp_path: Path) -> None:
    summary = json.loads((runs / "gavel" / "summary.json").read_text())
    for number, config in enumerate(
        (
            {"cluster": {"v100": "many"}},
            {"cluster": {"v100": 10**15}},
            {"cluster": [1, 2]},
            {"cluster": {"v100": 8}, "gpus_per_server": {"v100": 0}},
            {},
        )
    ):
        folder = tmp_path / str(number)
        shutil.copytree(runs / "gavel", folder)
        (folder / "summary.json").write_text(json.dumps(summary | {"config": config}))
        library = Library([folder])
        library.catalog()
        for part in ("overview", "placements"):
            with contextlib.suppress(NotThereError):
                library.part("r0", part)
