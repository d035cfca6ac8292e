"""Policy calls: every contender on every workload of :mod:`bench.specs`."""

from __future__ import annotations

from typing import Any

import pytest

from bench.harness import Calls
from bench.specs import Case, cases


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.id, marks=() if case.smoke else (pytest.mark.slow,))
        for case in cases()
    ],
)
def test_policy_call(case: Case, benchmark: Any) -> None:
    calls = Calls(case)

    def setup() -> tuple[tuple[Any], dict[str, Any]]:
        return (calls.prepare(),), {}

    rounds = calls.rounds() if benchmark.enabled else 1
    calls.tallies.clear()
    benchmark.pedantic(lambda call: call(), setup=setup, rounds=rounds)
    benchmark.extra_info.update(
        suite="policies",
        spec=case.spec.name,
        label=case.label,
        jobs=case.jobs or int(calls.source.now.job.size),
        mode=case.mode,
        value=calls.check(),
        parts=calls.parts(),
    )
