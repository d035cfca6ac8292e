"""The page's JavaScript: types and lint, and the shape that lets all modules go into one file."""

from __future__ import annotations

import re
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
