"""A headline of the paper beside what came out, with an interval over common seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.studies.experiments.simulate import Point
from simulator.studies.intervals import mean_and_half


@dataclass(frozen=True, slots=True)
class Claim:
    """A headline of the paper: how many times as large one curve is as another at a point.

    Attributes
    ----------
    text
        What is compared.
    slower, faster
        Curves: the first is divided by the second.
    at
        Place on the axis.
    published
        The paper's number.
    unit
        ``x`` for a ratio, else what the number is in.
    differs
        Why ours is another number, where that is known.
    """

    text: str
    slower: str
    faster: str
    at: float
    published: float
    unit: str = "x"
    differs: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A claim beside what came out.

    Attributes
    ----------
    claim
        The claim.
    ours
        Our number; None where a point is missing or not whole.
    interval
        Of the ratio at 95 %, from the ratios of runs that share a seed; None with fewer than three.
    """

    claim: Claim
    ours: float | None
    interval: tuple[float, float] | None

    def __str__(self) -> str:
        unit = self.claim.unit
        published = f"{self.claim.published:g}{unit} published"
        if self.ours is None:
            return f"{self.claim.text}: no value here, {published}"
        within = ""
        if self.interval is not None:
            within = f" ({self.interval[0]:.2f} to {self.interval[1]:.2f})"
        return f"{self.claim.text}: {self.ours:.2f}{unit} here{within}, {published}"

    @property
    def agrees(self) -> bool | None:
        """Whether the paper's number is within a tenth of ours, or within the interval."""
        if self.ours is None:
            return None
        published = self.claim.published
        if self.interval is not None and self.interval[0] <= published <= self.interval[1]:
            return True
        return abs(self.ours - published) <= 0.1 * max(abs(published), 1e-9) or (
            self.claim.unit == "%" and abs(self.ours - published) <= 5.0
        )

    @property
    def verdict(self) -> str:
        """What to call it, in a word or two; empty where ours is missing."""
        if self.ours is None:
            return ""
        if self.agrees:
            return "agrees"
        if self.claim.unit == " s" and 0.0 < self.ours < self.claim.published:
            return f"{self.claim.published / self.ours:,.0f} times less"
        return "differs"


def compared(claim: Claim, slow: Point | None, fast: Point | None) -> Comparison:
    """Divide one point by another, seed by seed."""
    if slow is None or fast is None or not slow.mean or not fast.mean:
        return Comparison(claim, None, None)
    ratios = [a / b for a, b in zip(slow.values, fast.values, strict=True) if a and b]
    return Comparison(claim, slow.mean / fast.mean, paired_interval(ratios))


def paired_interval(ratios: Sequence[float]) -> tuple[float, float] | None:
    """Return an interval for a ratio from paired runs: Student's t on the logarithms."""
    if len(ratios) < 3:
        return None
    mean, half = mean_and_half([math.log(ratio) for ratio in ratios])
    return math.exp(mean - half), math.exp(mean + half)
