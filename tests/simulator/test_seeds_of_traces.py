"""Whether a run depends on its seed: said by a rule, and held against runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import simulator
from gavel_opt import POLICIES
from simulator.runs.policy_of_run import may_draw
from simulator.settings.options import make_config

DRAW = {
    *("isolated", "proportional", "fifo", "gandiva", "max_min_fairness"),
    *("max_min_fairness_water_filling", "finish_time_fairness", "min_total_duration"),
}
"""Policies that draw at random, or under which worker types are visited in random order."""

EXAMPLES = Path(__file__).parents[2] / "docs/example_policies"
OWN = f"{EXAMPLES}/shortest_remaining.py:ShortestRemaining"


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trace") / "jobs.trace"
    kinds = ("ResNet-18 (batch size 64)", "LM (batch size 20)", "Recommendation (batch size 512)")
    path.write_text(
        "".join(
            f"{kinds[n % 3]}\t-\t-\t-\t0\t{30_000 + 7_000 * n}\t1\t1.0\t{-1 if n % 2 else 3}\t{n * 400}\n"
            for n in range(9)
        )
    )
    return path


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_what_is_said_to_draw_nothing_does_not(policy: str, trace: Path) -> None:
    given = {"policy": policy, "cluster": "1:1:2", "trace": str(trace)}
    assert may_draw(make_config(**given)) == (policy in DRAW)
    if policy not in DRAW:
        first, second = (simulator.run(seed=seed, **given) for seed in (0, 1))
        assert simulator.compare(first, second) is None


@pytest.mark.parametrize(
    "given",
    [
        {"jobs": 4},
        {"rate": 1.0, "window": "0:4"},
        {"trace": "example", "profiling_percentage": 0.5},
        {"trace": "example", "policy": OWN},
    ],
)
def test_what_may_draw(given: dict[str, object]) -> None:
    assert may_draw(make_config(**{"policy": "max_min_fairness_packed", **given}))
