"""What is written down of measurements: each with its machine, and nothing where nothing was measured."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import plots, records, report
from bench.__main__ import main

OLD = {"processor": "an older one", "python": "3.11.0", "libraries": "numpy 2.0"}
README = Path(__file__).parents[2] / "bench" / "README.md"
SHOWN = "\n".join(
    f"<!-- {name} -->\n<!-- end {name} -->"
    for name in re.findall(r"<!-- (?!end )(.+?) -->", README.read_text(encoding="utf-8"))
)


def record(jobs: int, seconds: float) -> dict[str, object]:
    return {
        **{"suite": "mechanism", "kind": "live", "jobs": jobs, "gpus": jobs // 4},
        **{"per_job_round": seconds, "per_round": seconds, "median": seconds, "measured": 3},
    }


@pytest.fixture
def bench_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    results = {
        "machines": {"m1": OLD},
        "records": [record(n, 1.0) | {"machine": "m1", "date": "2026-01-02"} for n in (100, 200)],
    }
    (tmp_path / "results.json").write_text(json.dumps(results))
    (tmp_path / "README.md").write_text(SHOWN)
    monkeypatch.setattr(records, "RESULTS", tmp_path / "results.json")
    for name, path in (("README", "README.md"), ("HERE", "")):
        monkeypatch.setattr(report, name, tmp_path / path)
    monkeypatch.setattr(plots, "draw", lambda records, folder: None)
    return tmp_path


def test_a_new_number_relabels_no_old_one(bench_folder, monkeypatch):
    monkeypatch.setattr(report, "_measure", lambda *_: ([record(100, 2.0)], False))
    assert report.report(["mechanism"], []) == 0
    found = json.loads((bench_folder / "results.json").read_text())
    by_jobs = {one["jobs"]: one for one in found["records"]}
    assert by_jobs[200] == record(200, 1.0) | {"machine": "m1", "date": "2026-01-02"}
    new = by_jobs[100]
    assert new["median"] == 2.0
    assert new["date"] > "2026-01-02"
    assert found["machines"]["m1"] == OLD
    assert found["machines"][new["machine"]] == records.this_machine()
    text = (bench_folder / "README.md").read_text()
    assert "an older one" in text
    assert "| 2026-01-02 | 1 of mechanism |" in text


def test_a_machine_without_records_is_not_listed(bench_folder, monkeypatch):
    both = [record(n, 2.0) for n in (100, 200)]
    monkeypatch.setattr(report, "_measure", lambda *_: (both, False))
    assert report.report(["mechanism"], []) == 0
    found = json.loads((bench_folder / "results.json").read_text())
    assert list(found["machines"].values()) == [records.this_machine()]


def test_nothing_measured_nothing_written(bench_folder, monkeypatch, capsys):
    before = {path: path.read_bytes() for path in bench_folder.iterdir()}
    monkeypatch.setattr(report, "_measure", lambda *_: ([], True))
    assert report.report(["mechanism"], []) == 1
    assert "nothing was measured, nothing is written" in capsys.readouterr().err
    monkeypatch.setattr(report, "NEEDS", ("no_such_module",))
    assert report.report([], []) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "needs no-such-module: pip install" in said
    monkeypatch.undo()
    assert report.report([], ["max-min prf"]) == 2
    assert "did you mean max-min perf" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in bench_folder.iterdir()} == before


def test_every_record_kept_says_where_and_when():
    found = json.loads((Path(report.__file__).parent / "results.json").read_text())
    assert all(one["machine"] in found["machines"] and one["date"] for one in found["records"])


def test_the_viewer_needs_a_browser_and_says_so(monkeypatch, capsys):
    for name in ("bench.viewer", "tests.viewer.browser"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in [*sys.modules, "playwright"]:
        if name.partition(".")[0] == "playwright":
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(sys, "argv", ["bench", "viewer"])
    assert main() == 2
    assert "bench: needs playwright: " in capsys.readouterr().err


@pytest.mark.parametrize("command", ["report", "tables", "labels", "viewer"])
def test_without_what_it_needs_it_says_so_in_a_line(command):
    """``-S`` leaves out whatever is installed."""
    words = [sys.executable, "-S", "-m", "bench", command]
    done = subprocess.run(words, cwd=README.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "bench: needs numpy: pip install --editable '.[dev]'; nothing measured, nothing written\n"
    )
