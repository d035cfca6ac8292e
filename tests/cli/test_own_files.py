"""No command writes over, or removes, a file that it did not write."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import simulator
from gavel_opt import InputError
from simulator.cli import main
from simulator.files import whole_files
from simulator.runs.output import live

RUN = ("run", "--policy", "isolated", "--cluster", "2:2:2", "--jobs", "4")
SWEEP = ("sweep", "--policy", "isolated", "--cluster", "2:2:2", "--jobs", "4", "--processes", "1")
FIGURE = ("figure", "9", "--at", "4", "--seed", "0", "--window", "2:4", "--policy", "gandiva")
KNEE = ("knee", "--policy", "isolated", "--cluster", "1:1:1", "--seed", "0")
MINE = "precious"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        *(
            (RUN, f"{table}.parquet")
            for table in ("jobs", "rounds", "placements", "allocations", "solves")
        ),
        (RUN, "live/jobs.parquet"),
        (RUN, "workload.trace"),
        (RUN, "checkpoint.npz"),
        (RUN, "unsolved.npz"),
        (RUN, "programs/program-000001.npz"),
        (RUN, "summary.json"),
        (SWEEP, "summary.csv"),
        (SWEEP, "summary.parquet"),
        (SWEEP, "times.csv"),
        (FIGURE, "points.csv"),
        (FIGURE, "jct.md"),
        (FIGURE, "figure-9.png"),
        (FIGURE, "report.md"),
        (KNEE, "knee.json"),
        (KNEE, "knee.svg"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_file_of_the_users_own_is_left_alone(words, name, tmp_path, capsys):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(MINE)
    assert main([*words, "--output", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"gavel-sim: --output: {path} is ")
    assert "choose another folder, or " in said
    assert said.count("\n") == 1
    assert path.read_text() == MINE
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == [path]


def test_force_is_for_those_who_mean_it_and_ours_is_known_again(tmp_path, capsys):
    (tmp_path / "jobs.parquet").write_text(MINE)
    (tmp_path / "live").mkdir()
    (tmp_path / "live/notes.txt").write_text(MINE)
    assert main([*RUN, "--output", str(tmp_path), "--record", "trace", "--force"]) == 0
    assert (tmp_path / "live/notes.txt").read_text() == MINE
    (tmp_path / "summary.json").unlink()  # as a kill leaves it
    assert main([*RUN, "--output", str(tmp_path), "--record", "trace"]) == 0
    assert (tmp_path / "summary.json").exists()


def test_what_a_kill_leaves_is_ours_wherever_it_comes(tmp_path, monkeypatch):
    """After each step at which a run moves or removes a file, those that show it on its way included."""
    monkeypatch.setattr(live, "PAUSE", 0.0)
    monkeypatch.setattr(live, "SHARE", 1e-9)  # once a run
    monkeypatch.setattr(whole_files, "runs_here", lambda process: False)
    words = [*RUN, "--fixed-duration", "9000", "--checkpoint-every", "10r"]
    words += ["--record", "placements", "trace", "allocations"]
    for steps in range(1, 200):
        out = tmp_path / str(steps)
        try:
            with killed_after(steps):
                assert main([*words, "--output", str(out)]) == 0
            break
        except Killed:
            assert main([*words, "--output", str(out)]) == 0, list(out.rglob("*"))
            assert not (out / "live").exists()
            assert not list(out.rglob(".*"))  # what was being written is no file's name yet
    assert steps > 10


class Killed(BaseException):
    """In place of the end of the process: from then on no file is moved or removed."""


@contextlib.contextmanager
def killed_after(steps: int) -> Iterator[None]:
    """Raise :class:`Killed` after so many files were moved or removed, and at each that comes then."""
    done = itertools.count(1)

    def dying(step: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            number = next(done)
            if number > steps:
                raise Killed
            found = step(*given, **named)
            if number == steps:
                raise Killed
            return found

        return counted

    with pytest.MonkeyPatch.context() as patch:
        for name in ("replace", "unlink", "rmdir"):
            patch.setattr(Path, name, dying(getattr(Path, name)))
        yield


def test_from_python(tmp_path: Path) -> None:
    (tmp_path / "rounds.parquet").write_text(MINE)
    with pytest.raises(
        InputError, match=r"rounds.parquet is there and was not written by gavel-sim"
    ):
        simulator.run(policy="isolated", cluster="2:2:2", jobs=4, output=tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/times.csv").write_text(MINE)
    with pytest.raises(InputError, match=r"times.csv is there"):
        simulator.sweep(policy="isolated", cluster="2:2:2", jobs=4, output=tmp_path / "sub")


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_picture_of_the_users_own_is_left_alone(suffix, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"q.{suffix}"
    path.write_text(MINE)
    command = [*RUN, "--plot-queue", str(path)]
    assert main(command) == 2
    assert capsys.readouterr().err == (
        f"gavel-sim: --plot-queue: {path} is there; choose another name, or --force to write over it\n"
    )
    assert path.read_text() == MINE
    assert main([*command, "--force"]) == 0
    assert main(command) == 0  # ours is drawn anew


def test_a_page_or_a_trace_of_the_users_own_is_left_alone(tmp_path, capsys):
    pytest.importorskip("perfetto")
    run = tmp_path / "run"
    assert main([*RUN, "--output", str(run)]) == 0
    for words, name, text in (
        (
            ["view", str(run), "--no-why", "--export"],
            "mine.html",
            "<!doctype html><p>gavel-sim is precious",
        ),
        (["export", str(run), "--perfetto"], "mine", "\ngavel-sim"),
    ):
        path = tmp_path / name
        path.write_text(text)
        assert main([*words, str(path)]) == 2
        assert (
            "is there; choose another name, or --force to write over it" in capsys.readouterr().err
        )
        assert path.read_text() == text
        for more in (["--force"], []):
            assert main([*words, str(path), *more]) == 0
