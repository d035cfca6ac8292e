"""Examples in docstrings run and give what they say."""

from __future__ import annotations

import doctest
import importlib
import re

import pytest
from documents import ROOT

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("gavel_opt", "gavel_sim", "simulator")
    for path in (ROOT / package).rglob("*.py")
    if re.search(r"^ *>>> ", path.read_text(), re.MULTILINE)
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


def test_no_example_is_skipped() -> None:
    for package in ("gavel_opt", "gavel_sim", "simulator"):
        for path in (ROOT / package).rglob("*.py"):
            assert "doctest: +SKIP" not in path.read_text(), path
