"""``--output`` of a finished run: the same settings find it there, others do not write over it."""

from __future__ import annotations

import json

import pytest

import simulator
from gavel_opt import InputError
from simulator.cli import main
from simulator.files.whole_files import claimed

WORDS = ("run", "--policy", "isolated", "--cluster", "2:2:2", "--jobs", "4")


@pytest.fixture
def folder(tmp_path, capsys):
    assert main([*WORDS, "--output", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    return tmp_path / "out"


def test_the_same_settings_find_the_result(folder, capsys):
    written = (folder / "summary.json").stat().st_mtime_ns
    assert main([*WORDS, "--output", str(folder), "--json"]) == 0
    out, err = capsys.readouterr()
    assert out == (folder / "summary.json").read_text()
    assert f"was in {folder} already; --force runs them again" in err
    assert (folder / "summary.json").stat().st_mtime_ns == written
    assert main([*WORDS, "--output", str(folder), "--force"]) == 0
    assert (folder / "summary.json").stat().st_mtime_ns > written
    assert capsys.readouterr().err == ""


def test_other_settings_do_not_write_over_it(folder, capsys):
    before = (folder / "summary.json").read_bytes()
    assert main([*WORDS, "--seed", "1", "--output", str(folder)]) == 2
    assert "other settings (seed: 0 there, 1 here); choose" in capsys.readouterr().err
    with pytest.raises(InputError, match="seed: 0 there, 2 here"):
        simulator.run(policy="isolated", cluster="2:2:2", jobs=4, seed=2, output=folder)
    assert (folder / "summary.json").read_bytes() == before
    assert main([*WORDS, "--seed", "1", "--output", str(folder), "--force"]) == 0
    assert json.loads((folder / "summary.json").read_text())["seed"] == 1


@pytest.mark.parametrize("content", ["{}", "[1]", "my notes", '{"config": 3, "status": ""}', ""])
def test_a_users_own_summary_is_left_alone(tmp_path, capsys, content):
    (tmp_path / "summary.json").write_text(content)
    assert main([*WORDS, "--output", str(tmp_path)]) == 2
    assert "is not a run's" in capsys.readouterr().err
    assert (tmp_path / "summary.json").read_text() == content


def test_what_was_not_recorded_is_run_for(folder, capsys):
    assert main([*WORDS, "--output", str(folder), "--record", "placements"]) == 0
    assert (folder / "placements.parquet").exists()
    assert "already" not in capsys.readouterr().err


def test_a_file_that_changed_makes_another_run_which_is_not_written_over_the_first(
    tmp_path, capsys
):
    trace, out = tmp_path / "a.trace", tmp_path / "out"
    words = ("run", "--policy", "isolated", "--cluster", "2:2:2", "--trace", str(trace))
    words = (*words, "--output", str(out))
    line = "A3C\t\t\t\t0\t{}\t1\t1\t-1\t0\n"
    trace.write_text(line.format(1000))
    assert main(list(words)) == 0
    before = (out / "summary.json").read_bytes()
    trace.write_text(line.format(2000))
    assert main(list(words)) == 2
    said = f"made from files that have changed since (--trace {trace}); choose another folder"
    assert said in capsys.readouterr().err
    assert (out / "summary.json").read_bytes() == before
    assert main([*words, "--force"]) == 0
    assert "already" not in capsys.readouterr().err


def test_two_commands_do_not_write_into_one_folder(tmp_path, capsys):
    out = tmp_path / "out"
    with claimed(out):
        assert main([*WORDS, "--output", str(out)]) == 2
        assert "another command is writing into" in capsys.readouterr().err
    assert not out.exists()
    assert main([*WORDS, "--output", str(out)]) == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "'' is not the name of a folder"),
        ("  ", "is not the name of a folder"),
        ("x" * 300, "has 300 characters, and a name takes"),
        ("a/" + "ü" * 200 + "/b", "has 200 characters, and a name takes"),
    ],
)
def test_a_name_that_no_folder_has_is_refused_before_the_run(
    tmp_path, capsys, monkeypatch, name, said
):
    """An empty one wrote into the current folder; a long one lost the run when it was written."""
    monkeypatch.chdir(tmp_path)
    assert main([*WORDS, "--output", name]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
