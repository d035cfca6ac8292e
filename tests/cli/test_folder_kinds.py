"""No command writes among the results of another, or over a file that it did not make."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import simulator
from gavel_opt import InputError
from simulator.cli import main

SMALL = ("--cluster", "2:2:2", "--jobs", "4")
COMMANDS = {
    "run": ("run", "--policy", "isolated", *SMALL),
    "sweep": ("sweep", "--policy", "isolated", *SMALL, "--processes", "1"),
    "what-if": ("what-if", "--policy", "isolated", *SMALL, "--seed", "0", "--against", "v100+1"),
    "figure": ("figure", "9", "--at", "4", "--seed", "0", "--window", "2:4", "--policy", "gandiva"),
    "knee": ("knee", "--policy", "isolated", "--cluster", "1:1:1", "--seed", "0"),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each kind; those that take long are made by hand."""
    base = tmp_path_factory.mktemp("kinds")
    for kind in ("run", "sweep", "what-if"):
        assert main([*COMMANDS[kind], "--output", str(base / kind)]) == 0
    for file in (
        "figure/points/isolated,rate=4,seed=0.json",
        "figure/points.csv",
        "knee/paces.json",
    ):
        (base / file).parent.mkdir(parents=True, exist_ok=True)
        (base / file).write_text("{}")
    return {kind: base / kind for kind in COMMANDS}


def files(folder: Path) -> dict[str, bytes]:
    return {str(one): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


@pytest.mark.parametrize("there", COMMANDS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_of_another_kind_is_refused(command, there, folders, tmp_path, capsys):
    if command == there:
        return
    folder = tmp_path / "results"
    shutil.copytree(folders[there], folder)
    before = files(folder)
    capsys.readouterr()
    assert main([*COMMANDS[command], "--output", str(folder)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"gavel-sim: --output: {folder} holds ")
    assert said.endswith("choose another folder\n")
    assert said.count("\n") == 1
    assert files(folder) == before


@pytest.mark.parametrize("kind", ["run", "sweep", "what-if"])
def test_the_same_command_goes_on_in_its_folder(kind, folders, capsys):
    assert main([*COMMANDS[kind], "--output", str(folders[kind])]) == 0


def test_from_python(folders):
    with pytest.raises(InputError, match="holds a run, and a sweep would be written among it"):
        simulator.sweep(policy="isolated", cluster="2:2:2", jobs=4, output=folders["run"])
    with pytest.raises(InputError, match="holds a sweep, and a run would be"):
        simulator.run(policy="isolated", cluster="2:2:2", jobs=4, output=folders["sweep"])


@pytest.mark.parametrize("command", ["sweep", "figure"])
def test_nothing_failed(command, folders, capsys):
    words = [*COMMANDS[command], "--output", str(folders[command]), "--retry-failed"]
    capsys.readouterr()
    assert main(words) == 0
    assert capsys.readouterr().out == "nothing failed: there is nothing to run again\n"


TRACES = Path(__file__).parents[2] / "docs/example_traces"
GPUS = Path(__file__).parents[2] / "docs/example_throughputs/gpus.toml"


@pytest.mark.parametrize(
    ("words", "suffix"),
    [
        (("import", "slurm", TRACES / "sacct.txt", "--cluster", "v100=4,p100=2"), ".trace"),
        (("throughputs", "convert", GPUS), ".csv"),
    ],
    ids=["import", "convert"],
)
def test_a_file_that_is_there_is_kept(words, suffix, tmp_path, capsys):
    path = tmp_path / f"mine{suffix}"
    path.write_text("precious")
    command = [*map(str, words), "--output", str(path)]
    assert main(command) == 2
    assert capsys.readouterr().err == (
        f"gavel-sim: --output: {path} is there; choose another name, or --force to write over it\n"
    )
    assert path.read_text() == "precious"
    assert main([*command, "--force"]) == 0
    assert path.read_text() != "precious"


def test_folders_of_knees_have_no_page_and_say_where_they_are_drawn(folders, capsys):
    assert main(["view", str(folders["knee"]), "--no-browser"]) == 2
    assert "holds knees, which are drawn in its knee.svg and knee.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("figure", "9", "10", "--at", "4", "--dry-run"), "figure 10: --at: 4 is not a point of"),
        (("compare", "one"), "expected two run folders, or --engine; found 1\n"),
        (
            ("run", "--policy", f"{GPUS}:Foo", "--jobs", "3"),
            f"(--policy): {GPUS} is not a Python file (.py)",
        ),
    ],
    ids=["point of another figure", "one folder", "no Python"],
)
def test_messages_name_what_is_wrong(words, said, capsys):
    assert main([*words]) == 2
    assert said in capsys.readouterr().err
