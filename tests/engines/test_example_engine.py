"""The example engine of the docs: a separate package, found by its entry point, passes the suite."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gavel_opt import LinearProgram, write_program

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "example_engine"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The package, installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("outside")
    source = folder / "source"  # a build must leave nothing beside the docs
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    try:
        __import__("hatchling")
        isolation = ["--no-build-isolation"]
    except ImportError:
        isolation = []
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *isolation]
    target = folder / "site"
    done = subprocess.run(
        [*pip, "--target", str(target), str(source)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        if isolation:
            raise AssertionError(done.stderr)
        pytest.skip("neither hatchling nor an index to take it from")
    return target


def run(site, *words, cwd=None):
    return subprocess.run(
        [*words],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=False,
    )


def test_it_is_listed(site):
    done = run(site, "gavel-opt", "engines", "--json")
    (listed,) = (e for e in json.loads(done.stdout) if e["name"] == "scipy")
    assert listed["installed"]
    assert listed["source"] == "gavel-opt-example-engine"
    assert listed["versions"] == {"gavel-opt-example-engine": "1.0.0"}
    assert "gavel-opt-example-engine 1.0.0" in run(site, "gavel-opt", "engines").stdout


def test_the_commands_of_the_page(site, tmp_path):
    """Write an engine: what follows its installation."""
    page = (DOCS / "write-an-engine.md").read_text()
    block = next(block for block in page.split("```sh\n") if block.startswith("pip install"))
    first, *commands = block.partition("```")[0].splitlines()
    assert first == "pip install ./docs/example_engine"
    model = LinearProgram.build([1.0], [[2.0]], row_lower=4.0, row_upper=float("inf"))
    write_program(model, tmp_path / "model.mps")
    for command in commands:
        words = shlex.split(command)
        if "run_conformance" in command:
            continue  # the next test asks that
        done = run(site, *words, cwd=tmp_path)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert "scipy" in done.stdout


def test_it_passes_the_suite_in_one_call(site):
    code = (
        "import sys; from gavel_opt.testing import run_conformance;"
        "sys.exit(not run_conformance('scipy').passed)"
    )
    done = run(site, sys.executable, "-c", code)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout
    assert "kept_model_is_right" in done.stdout


def test_a_simulation_runs_on_it(site):
    words = ("run", "--policy", "max_min_fairness_perf", "--jobs", "5", "--cluster", "2:2:2")
    done = run(site, "gavel-sim", *words, "--engine", "scipy", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["solve"]["programs"] > 0
    assert summary["solve"]["fallbacks"] == 0
    same = run(site, "gavel-sim", *words, "--engine", "highs", "--json")
    assert json.loads(same.stdout)["jct"] == summary["jct"]
