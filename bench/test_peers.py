"""Peers: time of a policy call, and the fraction of the optimum that it reaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.harness import Calls
from bench.peers import COMPARISONS, EXACT, PEERS, Comparison, Pop, installed
from bench.specs import SMOKE, Case, Spec
from bench.states import Drawn
from bench.values import check_feasible, past_of, value
from gavel_opt import Driver, make_policy


class PeerCalls(Calls):
    """Calls of a peer, whose answers are feasible and not optimal."""

    def fresh(self) -> Any:
        if self.case.label in EXACT:
            return super().fresh()
        peer = PEERS[self.case.label](self.case.spec.policy)
        if "time" in peer.policy.snapshot():
            memory = self.source.memory()
            assert memory is not None
            peer.policy.restore(memory)
        return peer

    def fraction(self) -> float:
        """What the last allocation reaches of the optimum; for ratios and durations its inverse."""
        last = self.last
        assert last is not None
        assert last.allocation is not None
        check_feasible(last.state, last.allocation)
        policy = self.case.spec.policy
        best = Driver(make_policy(policy), "structured")
        best.policy.restore(last.driver.policy.snapshot())
        past = past_of(last.driver)
        found = value(policy, last.state, last.allocation, past).mean()
        most = value(policy, last.state, best.allocate(last.state), past).mean()
        part = float(found / most if most > 0.0 else most / found)
        assert 0.0 < part <= 1.0 + 1e-6
        return part


def _cases() -> list[Any]:
    return [
        pytest.param(
            comparison,
            label,
            jobs,
            id=f"{comparison.name}-{label}-{jobs}".replace(" ", "_").replace(",", ""),
            marks=() if jobs <= SMOKE and label != "DeDe" else (pytest.mark.slow,),
        )
        for comparison in COMPARISONS
        for jobs in comparison.sizes
        for label in (*EXACT, *comparison.peers)
        if label != "DeDe" or jobs <= SMOKE
    ]


@pytest.mark.parametrize(("comparison", "label", "jobs"), _cases())
def test_peer(comparison: Comparison, label: str, jobs: int, benchmark: Any) -> None:
    if not installed(label):
        pytest.skip(f"{label} is not here: see bench/README.md")
    spec = Spec(comparison.name, comparison.policy, comparison.kind)
    calls = PeerCalls(Case(spec, label, jobs, "next"))

    def setup() -> tuple[tuple[Any], dict[str, Any]]:
        return (calls.prepare(),), {}

    rounds = calls.rounds() if benchmark.enabled and label != "DeDe" else 1
    benchmark.pedantic(lambda call: call(), setup=setup, rounds=rounds)
    benchmark.extra_info.update(
        suite="peers",
        spec=comparison.name,
        label=label,
        jobs=jobs,
        fraction=calls.fraction(),
        seconds=getattr(calls.last.driver if calls.last else None, "seconds", None),
    )


@pytest.mark.parametrize("policy", ["max_min_fairness_perf", "max_sum_throughput_perf"])
def test_one_part_is_the_whole_program(policy: str) -> None:
    state = Drawn("distinct", 24).now
    whole = Driver(make_policy(policy), "structured").allocate(state)
    found = Pop(policy, 1).allocate(state)
    np.testing.assert_allclose(
        value(policy, state, found, None), value(policy, state, whole, None), rtol=1e-6
    )
