"""What README and docs print is true: their commands run as they stand, their tables are the code's."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from documents import (
    PAGES,
    ROOT,
    columns_table,
    commands,
    inline_commands,
    python_blocks,
    settings_table,
)

import gavel_opt
from gavel_opt.cli import PROGRAM as GAVEL_OPT
from simulator.cli import main, program
from simulator.runs.columns import ABOUT

SLOW = re.compile(
    r"pip install|--window 4000:5000|\bknee\b|figure (?!.*--window)|check  model|tie-break|warm-up|all --policy|sweep\.toml"
)
"""Commands that take minutes: pytest -m slow runs them."""

BY_HAND = re.compile(
    r"python -m bench|pytest|example_engine|\bscipy\b|--executor slurm|--executor ray|--follow|sbatch"
)
"""Commands that rewrite the checkout, or need what a test has not; only parsed where that is possible."""

SERVES = re.compile(r"gavel-sim view (?!.*--export)")

YOURS = re.compile(r"\bmine\b|\bMy[A-Z]|\bmy_|\.\.\.\n")

MEASUREMENTS = sorted((ROOT / "docs/measurements").glob("*.md"))

TRACES = ROOT / "docs/example_traces"
GPUS = ROOT / "docs/example_throughputs/gpus.toml"

ANEW = "python tests/docs/documents.py writes the tables anew"

PYTHON = Path(sys.executable).parent


def environment() -> dict[str, str]:
    return os.environ | {"PATH": f"{PYTHON}{os.pathsep}{os.environ['PATH']}", "BROWSER": "true"}


@pytest.fixture
def reader(page: Path, prepared: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A folder as a reader of a page has it; runs are there unless the commands tried make their own."""
    folder = tmp_path / "reader"
    tried = slow() if request.node.get_closest_marker("slow") else quick()
    own = any(
        "--output runs/" in one and not BY_HAND.search(one) for owner, one in tried if owner == page
    )
    shutil.copytree(prepared, folder, ignore=shutil.ignore_patterns("runs") if own else None)
    return folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of a reader's own, and runs from before."""
    folder = tmp_path_factory.mktemp("prepared")
    model = gavel_opt.LinearProgram.build(
        [1.0, 1.0], [[1.0, 2.0]], row_lower=4.0, row_upper=float("inf")
    )
    gavel_opt.write_program(model, folder / "model.mps")
    (folder / "other.lp").write_text("Minimize x + y\nSubject To\n c: x + 2 y >= 4\nEnd\n")
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/experiments.md").read_text(), re.DOTALL)
    for name, text in zip(("mine.toml", "sweep.toml"), blocks, strict=True):
        (folder / name).write_text(text)
    examples = [*(ROOT / "docs/example_policies").glob("*.py"), *TRACES.iterdir(), GPUS]
    for example in examples:
        (folder / example.name).write_text(example.read_text())
    shutil.copytree(ROOT / "docs/example_policies", folder / "docs/example_policies")
    small = ("--cluster", "8:16:24", "--jobs", "30")
    # With the settings under which the pages make them: a folder of other settings is refused.
    for name, what in (("gavel", "placements"), ("a", "programs")):
        more = ("--jobs", "50", "--record", what)
        words = ["run", "--policy", "max_min_fairness_perf", *small, *more]
        assert main([*words, "--output", str(folder / "runs" / name)]) == 0
    words = ["sweep", "--policy", "isolated", *small, "--output", str(folder / "runs/figure9")]
    assert main([*words, "--processes", "1"]) == 0
    words = ["sweep", "--policy", "isolated", *small, "--output", str(folder / "runs/policies")]
    assert main([*words, "--processes", "1"]) == 0
    return folder


def quick() -> list[tuple[Path, str]]:
    return [(page, one) for page in PAGES for one in commands(page) if not SLOW.search(one)]


def slow() -> list[tuple[Path, str]]:
    return [(page, one) for page in PAGES for one in commands(page) if SLOW.search(one)]


def run_as_printed(command: str, folder: Path) -> None:
    if SERVES.search(command):
        serve(command, folder)
        return
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    differs = command.startswith("gavel-sim compare")  # exit status 1 says that runs differ
    assert done.returncode in ((0, 1) if differs else (0,)), f"{command}\n{done.stderr}"
    assert "Traceback" not in done.stderr


def serve(command: str, folder: Path) -> None:
    """A command that goes on until it is stopped: it says where, and ends with Ctrl-C."""
    words = [*shlex.split(command, comments=True), "--no-browser"]
    serving = subprocess.Popen(
        words,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert serving.stdout is not None
        line = serving.stdout.readline()
        assert "http://" in line, line
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=60) in (0, 130)
    finally:
        serving.kill()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_quick_commands_run_as_printed(page: Path, reader: Path) -> None:
    for owner, command in quick():
        if owner == page and not BY_HAND.search(command):
            run_as_printed(command, reader)


@pytest.mark.slow
@pytest.mark.parametrize(("page", "command"), slow(), ids=lambda value: str(value)[-60:])
def test_slow_commands_run_as_printed(
    page: Path, command: str, reader: Path, tmp_path: Path
) -> None:
    if BY_HAND.search(command):
        pytest.skip("by hand")
    run_as_printed(command, checkout(tmp_path) if "pip install" in command else reader)


def checkout(folder: Path) -> Path:
    """A checkout as somebody new has it, whose environment is not the one that tests run in."""
    left_out = (".*", "node_modules", "__pycache__")
    return Path(shutil.copytree(ROOT, folder / "new", ignore=shutil.ignore_patterns(*left_out)))


@pytest.mark.parametrize("page", [*PAGES, *MEASUREMENTS], ids=lambda page: page.name)
def test_every_command_is_understood(page: Path) -> None:
    """Also those within sentences, where capitals stand for something."""
    for command in [*commands(page), *inline_commands(page)]:
        words = shlex.split(re.split(r"&& |\|\|", command)[-1], comments=True)
        if words[0] not in ("gavel-sim", "gavel-opt"):
            continue
        parser = program() if words[0] == "gavel-sim" else GAVEL_OPT
        if "--help" not in words and "--version" not in words and "..." not in command:
            parser.parse(_with_values(words[1:]))


def _with_values(words: list[str]) -> list[str]:
    """Put a value where a sentence has a capital."""
    values = {"J": "3", "R": "5", "N": "3", "H": "5", "I/N": "0/2", "SECONDS": "9"}
    return [values.get(word.strip("[]"), word) for word in words]


def test_the_example_of_an_explanation_shows_a_job_that_waits(prepared: Path) -> None:
    examples = {one for page in PAGES for one in commands(page) if "explain runs/" in one}
    assert len(examples) == 2
    for command in examples:
        done = subprocess.run(
            shlex.split(command),
            cwd=prepared,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert "did not run in round 3" in done.stdout
        assert "others came before it" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_runs_as_printed(page: Path, reader: Path) -> None:
    for block in python_blocks(page):
        if "import" not in block or YOURS.search(block):
            continue  # part of a sentence, or about what the reader has written
        done = subprocess.run(
            [sys.executable, "-c", block],
            cwd=reader,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"


@pytest.mark.parametrize("name", ABOUT)
def test_every_column_is_explained(name: str) -> None:
    assert columns_table(name) in (ROOT / "docs/file-formats.md").read_text(), ANEW


def test_every_setting_is_explained() -> None:
    assert settings_table() in (ROOT / "docs/reference.md").read_text(), ANEW


def test_every_key_of_a_summary_is_explained(prepared: Path) -> None:
    import json

    text = (ROOT / "docs/file-formats.md").read_text()
    for key in json.loads((prepared / "runs/gavel/summary.json").read_text()):
        assert f"`{key}`" in text, key


def anchors(page: Path) -> set[str]:
    """Where a link into a page may lead: its headings, as mkdocs and GitHub name them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", head).strip().lower()) for head in heads}


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, *MEASUREMENTS]:
        for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", page.read_text()):
            if not target.startswith("http"):
                found = page.parent / target if target else page
                assert found.exists(), f"{page.name}: {target}"
                if anchor:
                    assert anchor in anchors(found), f"{page.name}: {target}#{anchor}"


def test_the_site_has_every_page() -> None:
    nav = (ROOT / "mkdocs.yml").read_text().partition("nav:")[2]
    for page in [*(ROOT / "docs").glob("*.md"), *MEASUREMENTS]:
        assert f": {page.relative_to(ROOT / 'docs')}" in nav, page.name


SOURCES = sorted(
    p for room in ("gavel_opt", "simulator", "bench") for p in (ROOT / room).rglob("*.py")
)


def test_files_and_folders_named_in_documents_are_there() -> None:
    named = re.compile(r"`((?:gavel_opt|gavel_sim|simulator|tests|bench|docs)/[\w./-]*)`")
    for page in [*PAGES, *MEASUREMENTS, *ROOT.glob("*.md"), *SOURCES]:
        for path in named.findall(page.read_text()):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_names_that_docstrings_refer_to_are_there() -> None:
    named = re.compile(r":(?:mod|func|class|meth|data):`~?((?:gavel_opt|simulator)\.[\w.]+)`")
    for page in SOURCES:
        for name in named.findall(page.read_text()):
            assert is_defined(name), f"{page.relative_to(ROOT)}: {name}"


def is_defined(name: str) -> bool:
    """Whether there is a module of that name, or one in which the next part of it stands."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.exists():
                inner = parts[length : length + 1]
                return not inner or bool(re.search(rf"\b{inner[0]}\b", file.read_text()))
    return False


def test_the_site_is_built_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for page in tmp_path.glob("*.html"):
        assert not re.search(r"(src|stylesheet\" href)=\"https?:", page.read_text()), page.name


def test_the_picture_of_the_rooms_has_the_order_of_the_contracts() -> None:
    picture = (ROOT / "docs/architecture.md").read_text().split("```\n")[1].splitlines()
    heads = next(line for line in picture if line.startswith("simulator/"))
    column = heads.index("gavel_opt/")
    rooms: dict[str, list[str]] = {}  # in the order in which they are drawn
    for package, lines in {
        "simulator": [line[:column] for line in picture[picture.index(heads) + 1 :]],
        "gavel_opt": [line[column:] for line in picture[picture.index(heads) + 1 :]],
    }.items():
        above = package
        for line in filter(str.strip, lines):
            name = line.split()[0]
            if line.startswith("    "):
                rooms.setdefault(above, []).append(name)
            else:
                above = f"{package}.{name}"
                rooms.setdefault(package, []).append(name)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    for contract in contracts["contracts"]:
        layers = contract.get("layers", [])
        if not layers or layers == ["simulator", "gavel_opt"]:
            continue
        within = contract.get("containers", [layers[0].partition(".")[0]])[0]
        order = {
            room.rpartition(".")[2]: place
            for place, layer in enumerate(layers)
            for room in re.split(r" [|:] ", layer)
        }
        drawn = rooms.pop(within)
        assert [order[room] for room in drawn] == sorted(order[room] for room in drawn)
        folders = {path.parent.name for path in (ROOT / within.replace(".", "/")).glob("*/*.py")}
        assert folders <= set(drawn)
        assert set(drawn) == (folders if "containers" in contract else set(order))
    assert not rooms
