"""Slow tests and benchmarks run only when asked for: ``pytest -m slow``, or ``-m ''`` for all."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked slow, unless the command line has a word on marks."""
    if any(str(argument).startswith("-m") for argument in config.invocation_params.args):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]
