"""Every policy on every engine, through a whole small run: the same digits."""

from __future__ import annotations

import pytest

import simulator
from gavel_opt import InputError, MissingLibraryError, make_policy
from gavel_opt.engines.registry import known_engines
from gavel_opt.policies import POLICIES, solves

SOLVE = [name for name in POLICIES if solves(make_policy(name))]
SMALL = {"v100": 2, "p100": 2, "k80": 2}


def mean(policy: str, engine: str) -> float:
    slos = {"slos": True} if policy.endswith("SLOs") else {}
    result = simulator.run(policy=policy, cluster=SMALL, jobs=12, engine=engine, **slos)
    assert result.summary["status"] == "completed"
    return result.average_jct


@pytest.mark.slow
@pytest.mark.parametrize("engine", known_engines())
@pytest.mark.parametrize("policy", SOLVE)
def test_every_policy_completes_with_the_same_digits(policy, engine):
    if policy.endswith("strategy_proof") and "product" not in known_engines()[engine].can:
        with pytest.raises(InputError, match="--engine structured"):
            mean(policy, engine)
        return
    try:
        assert mean(policy, engine) == mean(policy, "structured")
    except MissingLibraryError as missing:
        pytest.skip(str(missing))
