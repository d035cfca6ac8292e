"""What ruff's rules (pyproject.toml) do not see: arrays of pickled objects."""

from __future__ import annotations

import ast
from pathlib import Path

import gavel_opt
import simulator


def test_no_array_is_unpickled():
    for package in (gavel_opt, simulator):
        for path in Path(str(package.__file__)).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                    assert isinstance(node.value, ast.Constant), path
                    assert node.value.value is False, path
