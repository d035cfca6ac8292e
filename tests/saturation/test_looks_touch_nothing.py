"""A look leaves the run as it was, so one that is not stopped has the bits of one that nobody watches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gavel_opt.policies import POLICIES
from simulator.runs.runner import execute
from simulator.runs.saturation.judge import Judge
from simulator.settings.options import make_config

SINGLE = {"cluster": "3:3:3", "rate": 0.36, "multi_gpu": False}
MULTI = {"cluster": "8:8:8", "rate": 0.43, "multi_gpu": True}
RULE = "long-queue:jobs=20,share=9,margin=9"
"""Soon, and with a margin beyond which no rate is."""


def parts(value: Any, name: str) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of everything in a snapshot, or of what a run stands on."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from parts(one, f"{name}.{key}")
    elif isinstance(value, list | tuple):
        yield name, str(len(value)).encode()
        for place, one in enumerate(value):
            yield from parts(one, f"{name}.{place}")
    elif isinstance(value, np.ndarray) and value.dtype.names is not None:
        for field in value.dtype.names:  # between them are bytes that mean nothing
            yield from parts(value[field], f"{name}.{field}")
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield name, f"{value.dtype} {value.shape}".encode() + value.tobytes()
    else:
        yield name, repr(value).encode()


def digests(simulation: Any) -> dict[str, str]:
    """A digest of each part of what a run is: its state, and the tables that its long queues share with it."""
    table, measurements = simulation.surroundings.table, simulation.measurements
    shared = {
        "alone": measurements.alone,
        "paired": measurements.paired,
        "workers": simulation.cluster.workers,
        "prices": simulation.prices,
        "table": {
            name: column
            for name in dir(table)
            if not name.startswith("__") and isinstance(column := getattr(table, name), np.ndarray)
        },
    }
    everything = {"state": simulation.snapshot(), "shared": shared}
    return {name: hashlib.sha256(held).hexdigest() for name, held in parts(everything, "run")}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Long queues measured in each look, each of which is seen to touch nothing."""
    found: list[int] = []
    look = Judge.look

    def watched(judge: Judge, simulation: Any) -> Any:
        before, already = digests(simulation), judge._measurements
        verdict = look(judge, simulation)
        after = digests(simulation)
        changed = {name for name in before | after if before.get(name) != after.get(name)}
        assert not changed, f"a look in round {simulation.rounds} changed {sorted(changed)}"
        found.append(judge._measurements - already)
        return verdict

    monkeypatch.setattr(Judge, "look", watched)
    monkeypatch.setattr(
        Judge, "_worth_looking", lambda _, run: run.arrived >= 20
    )  # also if nobody waits
    return found


def cases() -> Iterator[Any]:
    """Policies, with jobs on one worker and on several."""
    for policy in POLICIES:
        yield pytest.param(policy, SINGLE, id=f"{policy}-single")
        if policy != "allox":  # takes jobs on one worker alone
            yield pytest.param(policy, MULTI, id=f"{policy}-multi")


@pytest.mark.parametrize(("policy", "settings"), list(cases()))
def test_a_look_changes_nothing(policy: str, settings: dict[str, Any], measured: list[int]) -> None:
    """While long queues are measured, and in each bit of the run at its end."""
    given = {"policy": policy, "window": (60, 80), "seed": 3, **settings}
    judged = execute(make_config(**given, saturation=RULE))
    assert sum(measured) > 0
    free = execute(make_config(**given, saturation="off"))
    assert judged.status == free.status == "completed"
    assert judged.jct == free.jct
    assert judged.rounds.keys() == free.rounds.keys()
    for name, column in free.rounds.items():
        assert judged.rounds[name].tobytes() == column.tobytes(), name
