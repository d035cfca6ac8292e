"""Calls made from generated jobs, beside the shares that Gavel's own policies gave (ECOS, numpy 2, cvxpy 1.9).

Each policy has five calls in a row, between which jobs come and go, so what it remembers counts as well.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from test_gavel import JobIdPair

from gavel_opt.gavel import get_policy

TYPES = ["k80", "p100", "v100"]
SPEC = {"v100": 4, "p100": 4, "k80": 4}
COSTS = {"v100": 2.48, "p100": 1.46, "k80": 0.45}

with gzip.open(Path(__file__).with_name("recorded_calls.json.gz"), "rt") as file:
    RECORDED = {one["policy"]: one["calls"] for one in json.load(file)}


def answered(policy, name, call):
    """Shares of a recorded call, shape (jobs, types)."""
    jobs = [JobIdPair(job, None) if name.startswith("fifo") else job for job in call["jobs"]]

    def column(what):
        return dict(zip(jobs, call[what], strict=True))

    t = {job: dict(zip(TYPES, row, strict=True)) for job, row in column("throughputs").items()}
    given, named = [t, column("scale_factor")], {}
    if name.startswith(("max_min", "finish_time")):
        given.append(column("weight"))
    if name.startswith(("allox", "finish_time")):
        given.append(column("age"))
    if name.startswith(("allox", "finish_time", "min_total")):
        given.append(column("steps"))
    if "normalized" in name:
        named["instance_costs"] = COSTS
    if "SLOs" in name:
        named |= {"SLOs": column("slo"), "num_steps_remaining": column("steps")}
    shares = policy.get_allocation(*given, SPEC, **named)
    return np.array([[shares[job][kind] for kind in TYPES] for job in jobs])


def longest(call, shares, name):
    """Seconds until the last job is done."""
    rate = np.array(call["throughputs"])
    if not name.endswith("_perf"):
        rate = rate[:, [TYPES.index("v100")]]
    return float((np.array(call["steps"]) / (rate * shares).sum(axis=1)).max())


def levels(call, shares, name):
    """Normalised throughputs in ascending order."""
    rate = np.array(call["throughputs"])
    if not name.endswith("_perf"):
        rate = np.ones_like(rate)
    per_weight = np.array(call["scale_factor"]) / np.array(call["weight"])
    return np.sort((rate * shares).sum(axis=1) / rate.mean(axis=1) * per_weight)


@pytest.mark.parametrize("name", RECORDED)
def test_the_reference_s_own_optimum(name):
    """With ECOS the same shares; of makespan, which the reference bisects, a duration that is no longer.

    Water filling of the reference stopped early in these calls, with workers left over: the first level is
    the same, and the first that differs is higher.
    """
    policy = get_policy(name, solver="ECOS", seed=0)
    assert len(RECORDED[name]) == 5
    for call in RECORDED[name]:
        found, expected = answered(policy, name, call), np.array(call["shares"])
        if name.startswith("min_total"):
            ours, theirs = longest(call, found, name), longest(call, expected, name)
            assert theirs / 1.06 <= ours <= theirs * (1.0 + 1e-6)
        elif "water_filling" in name:
            ours, theirs = levels(call, found, name), levels(call, expected, name)
            assert ours[0] == pytest.approx(theirs[0], rel=1e-4)
            other = np.flatnonzero(np.abs(ours - theirs) > 1e-4 * theirs)
            assert not other.size or ours[other[0]] > theirs[other[0]]
        else:
            np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-6)
