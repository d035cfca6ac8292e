"""What a user's policy writes into the state that it is shown changes nothing of the cluster."""

from __future__ import annotations

from typing import Any

import pytest

import simulator
from gavel_opt import InputError
from gavel_opt.policies.max_min import MaxMinFairness

SMALL: dict[str, Any] = {
    "cluster": "2:2:2",
    "rate": 4,
    "window": (1, 5),
    "fixed_duration": 7200.0,
    "prices": None,
}


class Writes(MaxMinFairness):
    """Halves, in place, what it is shown under a name."""

    def __init__(self, seed: int = 0, what: str = "", part: float = 0.5) -> None:
        super().__init__("writes", "perf")
        self.what, self.part = what, part

    def programs(self, state: Any, merge: bool) -> Any:
        found = yield from super().programs(state, merge)
        for part in (state, state.throughputs):
            for name in {self.what} - {""}:
                column = getattr(part, name, None)
                if column is not None:
                    column[:] = column // 2
        return found


@pytest.mark.parametrize("ideal", [False, True])
@pytest.mark.parametrize(
    "what", ["alone", "paired", "workers", "steps_left", "weight", "age", "key", "scale_factor"]
)
def test_the_cluster_stays_what_it_is(what: str, ideal: bool) -> None:
    expected = simulator.run(policy=Writes(), ideal=ideal, **SMALL)
    found = simulator.run(policy=Writes(what=what), ideal=ideal, **SMALL)
    assert found.summary["jct"] == expected.summary["jct"]
    assert found.summary["cost"] == expected.summary["cost"]


@pytest.mark.parametrize("what", ["alone", "key"])
def test_estimates_stay_what_they_are(what: str) -> None:
    few = {"profiling_percentage": 0.2, "reference_models": 8}
    expected = simulator.run(policy=Writes(), **few, **SMALL)
    assert (
        simulator.run(policy=Writes(what=what), **few, **SMALL).summary["jct"]
        == (expected.summary["jct"])
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_settings_that_no_result_can_hold_are_refused(value: float) -> None:
    """They were told of by a traceback when the run was over."""
    with pytest.raises(InputError, match=r"part|finite"):
        simulator.run(policy=Writes, policy_settings={"part": value}, **SMALL)
    with pytest.raises(InputError, match=r"setting 'part' of policy .* expected a number"):
        simulator.run(policy=Writes, policy_settings=f"part={value}", **SMALL)


class Takes(MaxMinFairness):
    """Takes anything."""

    def __init__(self, seed: int = 0, word: Any = "") -> None:
        super().__init__("takes", "perf")
        assert isinstance(word, str)


@pytest.mark.parametrize("word", ["nan", "inf", "2026-11-27", "07:30:00"])
def test_words_that_are_no_json_stay_words(word: str) -> None:
    found = simulator.run(policy=Takes, policy_settings=f"word={word}", **SMALL)
    assert found.summary["config"]["policy_settings"] == {"word": word}
