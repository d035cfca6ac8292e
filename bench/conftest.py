"""Which benchmarks to run: those of one workload, or those that goals were set for."""

from __future__ import annotations

import pytest

from bench.harness import warm
from bench.specs import in_goals


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--workload", help="only this workload or run, by its name in specs.py")
    parser.addoption("--goals", action="store_true", help="only what goals were set for")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    workload = config.getoption("--workload")
    if workload is not None:
        items[:] = [item for item in items if _workload(item) == workload]
    if config.getoption("--goals"):
        items[:] = [
            item
            for item in items
            if hasattr(item, "callspec") and in_goals(item.callspec.params["case"])
        ]


def _workload(item: pytest.Item) -> str | None:
    call = getattr(item, "callspec", None)
    if call is None:
        return None
    if "comparison" in call.params:
        return str(call.params["comparison"].name)
    if "case" in call.params:
        return str(call.params["case"].spec.name)
    return str(call.params["run"].name) if "run" in call.params else None


@pytest.fixture(scope="session", autouse=True)
def _warm() -> None:
    warm()
