"""Whole runs of drawn settings: the same to the bit on our own solver and on two others, and none of ours refused.

A few small ones by default. The slow test draws ``GAVEL_RUNS`` (150) larger ones from ``GAVEL_SEED`` (0) on; what
differs is named by its settings, ready for :func:`simulator.run`.
"""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest

import simulator
from simulator.runs.output.difference import difference, recorded

OURS, *OTHERS = "structured", "highs", "ortools"
VARIANTS = ("", "_perf", "_packed")
BY_COST = "max_sum_throughput_normalized_by_cost"
POLICIES = [
    *("max_min_fairness" + variant for variant in VARIANTS),
    *("max_min_fairness_water_filling" + variant for variant in VARIANTS),
    *("finish_time_fairness" + variant for variant in VARIANTS),
    *("min_total_duration" + variant for variant in VARIANTS),
    *(
        "max_sum_throughput_perf",
        BY_COST + "_perf",
        BY_COST + "_perf_SLOs",
        BY_COST + "_packed_SLOs",
    ),
]


def drawn(number: int, small: bool) -> dict[str, Any]:
    """Settings of a run: any policy with programs, on a cluster of a few workers."""
    draw = Random(number)
    policy = draw.choice(POLICIES)
    found: dict[str, Any] = {"policy": policy, "seed": draw.randrange(1000)}
    if draw.random() < 0.3 and BY_COST not in policy:  # newer types have no price
        # all models run on the first; none of the others has room for them all
        types = ["v100", *draw.sample(["a100", "h100", "p100", "k80"], draw.randint(0, 3))]
        found["throughputs"] = "@newer"
    else:
        types = ["v100", "p100", "k80"]
    workers = [draw.choice([1, 2, 3, 5, 8, 10, 16]) for _ in types]
    found["cluster"] = ",".join(map("{}={}".format, types, workers))
    found["multi_gpu"] = workers[0] >= 8 and draw.random() < 0.6  # there is room for 8 GPUs
    for flag, likely in (("multi_priority", 0.3), ("ideal", 0.15)):
        found[flag] = draw.random() < likely
    if "water" in policy and draw.random() < 0.5:
        found["entities"] = draw.choice(["1:2", "1:2:3", "1:2,fifo"])
    if draw.random() < 0.4:
        found["tie_break"] = "efficient"
    if draw.random() < 0.2:
        found["round_seconds"] = draw.choice([60, 1000, 3600])
    if "packed" in policy and draw.random() < 0.3:
        found |= {"profiling_percentage": 0.3, "reference_models": 16}
    if small or draw.random() < 0.5:
        found["jobs"] = draw.choice([3, 10]) if small else draw.choice([10, 25, 40])
    else:
        # longer queues of pairs take other engines minutes
        found["rate"] = draw.choice([0.2, 0.5] if "packed" in policy else [0.2, 0.5, 1.0, 2.0])
        found |= {"window": (10, 30), "saturation": "off", "max_simulated_hours": 200}
    return found


def compare(settings: dict[str, Any]) -> None:
    ours = simulator.run(engine=OURS, **settings)
    assert not ours.summary["solve"]["fallbacks"], (settings, ours.summary["solve"]["refusals"])
    for engine in OTHERS:
        theirs = simulator.run(engine=engine, **settings)
        assert theirs.status == ours.status, settings
        parted = difference(recorded(OURS, ours), recorded(engine, theirs))
        assert parted is None, (settings, engine, parted)


@pytest.mark.parametrize("number", range(12))
def test_small_runs(number):
    compare(drawn(number, small=True))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(int(os.environ.get("GAVEL_RUNS", "150"))))
def test_larger_runs(number):
    compare(drawn(1000 + number + int(os.environ.get("GAVEL_SEED", "0")), small=False))
