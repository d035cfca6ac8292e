"""The page's JavaScript: types and lint, and the shape that lets all modules go into one file."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from simulator.viewer.page import STATIC, exported_page, static_files

TOOLS = Path(__file__).parent / "javascript"
MODULES = sorted(file.name for file in STATIC.glob("*.js"))


@pytest.mark.skipif(
    not (TOOLS / "node_modules").exists(), reason="the linters are not installed (npm ci)"
)
@pytest.mark.parametrize("command", ["types", "lint"])
def test_types_and_lint(command: str) -> None:
    found = subprocess.run(
        ["npm", "run", "--silent", command], cwd=TOOLS, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("name", MODULES)
def test_modules_import_and_export_in_the_one_way_that_the_export_reads(name: str) -> None:
    text = (STATIC / name).read_text(encoding="utf-8")
    for line in re.findall(r"^import .*", text, re.MULTILINE):
        assert line.startswith("import {"), line
    for line in re.findall(r"^export .*", text, re.MULTILINE):
        assert re.match(r"export (async )?(function|class|const) \w+", line), line
    assert "innerHTML" not in text
    assert "eval(" not in text
    assert text.startswith("// "), "every module says what it draws"


def test_the_export_holds_every_module_and_nothing_from_elsewhere() -> None:
    page = exported_page({"catalog": b"{}"}).decode()
    assert page.count("module_") > len(MODULES)
    assert not re.search(r"^(import|export) ", page, re.MULTILINE)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_the_library_is_pinned_and_has_its_licence() -> None:
    library = static_files()["vendor/uPlot.iife.min.js"]
    assert b"uPlot (v1.6.32)" in library[:80]
    assert "MIT License" in (STATIC / "vendor" / "uPlot.LICENSE").read_text()


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_a_batch_has_no_growth_of_its_queue() -> None:
    """All jobs are there at once; the queue only gets shorter."""
    code = f"""
    import {{ growth }} from {json.dumps((STATIC / "metrics.js").as_uri())};
    const columns = {{ "rounds/active": Array.from({{ length: 50 }}, (_, round) => 50 - round) }};
    const run = {{ time: Array.from({{ length: 50 }}, (_, round) => 360 * round), end: 18000, rounds: 50,
      need: (name) => columns[name], roundAt: (seconds) => Math.floor(seconds / 360) }};
    columns["jobs/arrival"] = [0, 0, 0];
    const batch = growth(run);
    columns["jobs/arrival"] = [0, 0, 360];
    console.log(JSON.stringify([batch, growth(run).perDay]));
    """
    words = ["node", "--input-type=module", "--eval", code]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == [None, pytest.approx(-240.0)]
