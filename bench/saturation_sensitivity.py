"""How much does the default saturation rule depend on its constants?

``python -m bench saturation --vary`` halves and doubles each of them and judges the cases on which they can act, at 0.98
and at 1.05 of the knee: how many runs get another verdict, and after how many jobs. Those that say what looking may cost are judged on
the case that each is for, on more seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from bench.saturation_cases import CASES, Case
from simulator.runs.saturation import budget, judge, long_queue, own_pace, weighing
from simulator.settings.saturation_rule import DEFAULT_RULE, PARAMETERS

LOADS = (0.98, 1.05)
SEEDS = {load: range(2) for load in LOADS}
SEEDS_OF_ONE = {0.98: range(900, 904), 1.05: range(900, 920)}
"""Where one case is judged alone."""

FACTORS = (0.5, 2.0)
AS_IT_IS = "as it is"

MANY = "many cases"

VARIED = {
    "max_min_fairness 12:24:60 multi": "ODDS_BEYOND_LIKELY MOST_ODDS APART QUEUE_MADE QUEUE_ROUND",
    "fifo 36:36:36 multi": "QUEUE_MADE_IN_ORDER QUEUE_ROUND_IN_ORDER",
    "fifo_perf 36:36:36 multi": "ODDS_BEYOND_LIKELY_IN_ORDER MOST_ODDS_IN_ORDER QUEUE_MADE_ALONE "
    "QUEUE_ROUND_ALONE TURNED_OVER_ERROR",
    "allox 6:6:6 single": "ODDS_BEYOND_LIKELY_ON_ONE_WORKER QUEUES_APART",
    MANY: "USUAL_HOURS ANOTHER_MIX WASTES margin errors share EARLY NOT_BEGUN SETTLED_DEMAND MOST_OF_A_KIND QUEUE AGREE "
    "AUTOCORRELATED UNSETTLED CLEAR",
}
"""Constants of the judge, of its long queues and of what it weighs, and parameters of the rule, by the case that they are for."""

_DECIDED_BY_ARITHMETIC = (
    "max_min_fairness_perf",
    "water_filling_perf",
    "finish_time_fairness_perf",
    "0:0:90",
)


@dataclass(frozen=True, slots=True)
class Variant:
    """A constant, what it is multiplied by, and what is judged."""

    constant: str
    factor: float
    judged: str = MANY

    @property
    def name(self) -> str:
        """As it is kept."""
        return (
            f"{self.constant} x {self.factor:g}" if self.constant else f"{AS_IT_IS}, {self.judged}"
        )


def variants() -> Iterator[Variant]:
    """Of each case the rule as it is, then its constants halved and doubled."""
    for judged, constants in VARIED.items():
        yield Variant("", 1.0, judged)
        for constant in constants.split():
            for factor in FACTORS:
                yield Variant(constant, factor, judged)


def cases() -> list[Case]:
    """Those whose verdict at 1.05 is no matter of arithmetic, without pairs, which are dear."""
    left_out = (*_DECIDED_BY_ARITHMETIC, "packed")
    return [case for case in CASES if not any(word in case.name for word in left_out)]


@contextmanager
def varied(variant: Variant) -> Iterator[None]:
    """The rule with one constant changed."""
    name = variant.constant
    with mock.patch.dict(PARAMETERS[DEFAULT_RULE]):
        if name in PARAMETERS[DEFAULT_RULE]:
            PARAMETERS[DEFAULT_RULE][name] *= variant.factor
        homes = (
            [
                module
                for module in (budget, judge, long_queue, own_pace, weighing)
                if hasattr(module, name)
            ]
            if name
            else []
        )
        before = [(module, getattr(module, name)) for module in homes]
        try:
            for module, value in before:
                setattr(module, name, value * variant.factor)
            yield
        finally:
            for module, value in before:
                setattr(module, name, value)


def table(known: dict[str, dict[str, Any]]) -> str:
    """Errors and jobs by variant."""
    lines = [
        "| judged | constant | times | wrong at 0.98 | wrong at 1.05 | jobs until it stops at 1.05 |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for variant in variants():
        runs = known.get(variant.name, {}).get("runs")
        if not runs:
            continue
        below, above = ([one for one in runs.values() if one["load"] == load] for load in LOADS)
        wrong = sum(one["ended"] == "saturated" for one in below)
        missed = sum(one["ended"] != "saturated" for one in above)
        jobs = math.fsum(one["jobs"] for one in above) / max(len(above), 1)
        name = f"`{variant.constant}`" if variant.constant else AS_IT_IS
        factor = f"{variant.factor:g}" if variant.constant else ""
        cells = [
            variant.judged,
            name,
            factor,
            f"{wrong} of {len(below)}",
            f"{missed} of {len(above)}",
            f"{jobs:,.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


Judging = Callable[[Case, float, int], list[Any]]
"""Case, jobs per hour and seed to how a run ended and how many jobs had come."""


def measure(centres: dict[str, float], judge_one: Judging, variant: Variant) -> dict[str, Any]:
    """Judge every case, load and seed under a variant."""
    one = [case for case in CASES if case.name == variant.judged]
    seeds = SEEDS_OF_ONE if one else SEEDS
    found = {}
    with varied(variant):
        for case in one or cases():
            if case.name in centres:
                for load in LOADS:
                    for seed in seeds[load]:
                        ended, jobs = judge_one(case, load * centres[case.name], seed)
                        name = f"{case.name} {load:g} {seed}"
                        found[name] = {"load": load, "ended": ended, "jobs": jobs}
    return found
