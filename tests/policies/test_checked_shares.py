"""Shares of a policy of the user's are checked before they are used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import simulator
from gavel_opt import InputError, Policy


class Given(Policy):
    """Gives every job what it was made with."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def shares(self, state: Any) -> Any:
        if isinstance(self.value, tuple):
            return np.ones(self.value)
        return np.full((state.job.size, state.workers.size), self.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (7.0, "has 21 of its time"),
        (-1.0, "is -1.0, expected a number from 0 to 1"),
        (float("nan"), "is nan, expected a number from 0 to 1"),
        ((3, 2), r"shares have shape \(3, 2\), expected \(12, 3\)"),
    ],
)
def test_what_is_no_share_is_refused(value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        simulator.run(policy=Given(value), cluster="4:4:4", jobs=12)


def test_a_nan_is_no_setting() -> None:
    with pytest.raises(InputError, match="packing_threshold"):
        simulator.run(
            policy="fifo_packed",
            policy_settings={"packing_threshold": float("nan")},
            cluster="2:2:2",
            jobs=3,
        )
