"""Alternatives side by side: means, and differences from the first with an interval over common seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulator.runs.output.summary_text import MISSED, UNDECIDED, is_undecided, is_whole
from simulator.studies.intervals import mean_and_half
from simulator.studies.tables import markdown
from simulator.world.units import HOUR


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What one alternative gave.

    Attributes
    ----------
    name
        As typed.
    results
        Summaries by seed; None for a run that failed.
    same_jobs
        Whether its runs have the jobs of the first alternative's, at the same times.
    once
        Whether all results are of one run, as nothing is drawn in it.
    """

    name: str
    results: Sequence[dict[str, Any] | None]
    same_jobs: bool = True
    once: bool = False

    @property
    def runs(self) -> Sequence[dict[str, Any] | None]:
        """The summaries, each once."""
        return self.results[:1] if self.once else self.results

    def values(self, measure: str) -> list[float | None]:
        """One number of each run; None where the run is not whole: one that was cut off did less work."""
        return [
            float(result[measure])
            if result is not None and is_whole(result) and result.get(measure) is not None
            else None
            for result in self.results
        ]

    @property
    def jobs(self) -> str:
        """Measured jobs that completed, over all runs; and of how many, where not all did."""
        counts = [result["jobs"] for result in self.runs if result is not None]
        done, all_of = (sum(one[name] for one in counts) for name in ("completed", "measured"))
        return f"{done:,}" if done == all_of else f"{done:,} of {all_of:,}"

    @property
    def counts_others(self) -> bool:
        """Whether jobs that are not measured were in its runs as well: their cost is in the runs'."""
        counts = [result["jobs"] for result in self.results if result is not None]
        return any(one.get("arrived_in_all", 0) > one["measured"] for one in counts)

    @property
    def types_without_price(self) -> set[str]:
        """Worker types for which its runs have no cost."""
        found = [result.get("types_without_price") for result in self.results if result]
        return {name for text in found if text for name in str(text).split(", ")}

    @property
    def endings(self) -> str:
        """How its runs ended, where not all completed with every measured job done, and which may be beyond the knee."""
        counts: dict[str, int] = {}
        for result in self.runs:
            ending = "failed" if result is None else str(result["status"])
            if ending == "completed" and result is not None and result.get("partial"):
                ending = "partial"
            counts[ending] = counts.get(ending, 0) + 1
        undecided = self.undecided
        if counts.keys() <= {"completed"} and not undecided:
            return ""
        said = [f"{count} of {len(self.runs)} {name}" for name, count in counts.items()]
        return ", ".join(said) + (f" ({undecided} undecided)" if undecided else "")

    @property
    def undecided(self) -> int:
        """Of how many whole runs it is undecided whether their rate can be sustained."""
        return sum(result is not None and is_undecided(result) for result in self.runs)


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference: its mean, half the width of its interval (None where all pairs are equal), the base's mean."""

    mean: float
    half: float | None
    base: float


def paired(values: Sequence[float | None], base: Sequence[float | None]) -> Difference | None:
    """Return the mean of the differences of runs that share a seed, with Student's t at 95 %.

    None unless both have a value at every seed: those that completed are the ones with less to do.
    """
    pairs = [(a, b) for a, b in zip(values, base, strict=True) if a is not None and b is not None]
    if not pairs or len(pairs) < len(values):
        return None
    differences = [a - b for a, b in pairs]
    of_base = math.fsum(b for _, b in pairs) / len(pairs)
    if len(set(pairs)) < 2:  # one pair, or seeds that draw nothing, as of a trace
        return Difference(differences[0], None, of_base)
    mean, half = mean_and_half(differences)
    return Difference(mean, half, of_base)


def as_text(outcomes: Sequence[Outcomes], seeds: Sequence[int]) -> str:
    """Lay the alternatives out as a table, differences from the first."""
    base = outcomes[0]
    rows = []
    for one in outcomes:
        jct, utilization = _mean(one.values("average_jct")), _mean(one.values("utilization"))
        difference = (
            None if one is base else paired(one.values("average_jct"), base.values("average_jct"))
        )
        rows.append(
            [
                one.name,
                "" if jct is None else f"{jct / HOUR:.2f}",
                one.jobs,
                _shown(difference, HOUR),
                _percent(difference),
                "" if utilization is None else f"{utilization:.1%}",
            ]
        )
    header = ["", "mean JCT (h)", "jobs", "difference (h)", "", "utilization"]
    for title, (measure, digits) in _BESIDE.items():
        if any(value is not None for one in outcomes for value in one.values(measure)):
            header.append(title)
            for row, one in zip(rows, outcomes, strict=True):
                row.append(_with_difference(one, base, measure, digits))
    note = _note(outcomes, seeds)
    if any(one.endings for one in outcomes):
        header.append("ended")
        for row, one in zip(rows, outcomes, strict=True):
            row.append(one.endings)
        if any(not is_whole(result or {}) for one in outcomes for result in one.results):
            note += " There is a mean where all runs completed, and a difference where those of both rows did."
        if any(one.undecided for one in outcomes):
            note += f" Undecided: {UNDECIDED}."
    changed = [one.name for one in outcomes if not one.same_jobs]
    if changed:
        note += (
            f" But {' and '.join(changed)} {'change' if len(changed) > 1 else 'changes'} the jobs themselves: "
            "what is compared there is other work."
        )
    of_all = [title.removesuffix(" ($)") for title in _BESIDE if title in header]
    if of_all and any(one.counts_others for one in outcomes):
        said = " and ".join(of_all)
        note += (
            f" {said[0].upper()}{said[1:]} {'are those' if said.endswith('s') else 'is that'} of all jobs until "
            "the measured ones are done, which is not at the same time in all runs."
        )
    unpriced = {name for one in outcomes for name in one.types_without_price}
    if unpriced:
        note += f" No price is known for {', '.join(sorted(unpriced))}, so runs with them have no cost (--prices FILE)."
    return f"{markdown(header, rows)}\n{note}"


def _note(outcomes: Sequence[Outcomes], seeds: Sequence[int]) -> str:
    """Which seeds there are, and whether differences have intervals."""
    what = "ifferences from the first row, of runs on the same jobs, "
    once = [one.name for one in outcomes if one.once]
    if len(once) == len(outcomes):
        return (
            f"Each was run once, as nothing is drawn: all seeds give the same. D{what}"
            "without an interval."
        )
    several = len(seeds) > 1
    runs = {value for one in outcomes for value in one.values("average_jct") if value is not None}
    same = (
        several and bool(runs) and all(len(set(one.values("average_jct"))) < 2 for one in outcomes)
    )
    note = f"Seed{'s' if several else ''} {', '.join(map(str, seeds))}; d{what}" + (
        "without an interval: every seed gave the same."
        if same
        else "with 95 % intervals."
        if several
        else "without an interval: it takes at least two seeds, such as --seed 0-4."
    )
    if once:
        note += (
            f" Run once, as nothing is drawn there and all seeds give the same: {', '.join(once)}."
        )
    return note


def as_json(outcomes: Sequence[Outcomes], seeds: Sequence[int]) -> dict[str, Any]:
    """The same as JSON values; times in seconds."""
    base = outcomes[0]
    found = []
    for one in outcomes:
        difference = paired(one.values("average_jct"), base.values("average_jct"))
        found.append(
            {
                "name": one.name,
                "same_jobs": one.same_jobs,
                "average_jct": one.values("average_jct"),
                "cost": one.values("cost"),
                MISSED: one.values(MISSED),
                "jobs": [None if result is None else result["jobs"] for result in one.results],
                "status": [None if result is None else result["status"] for result in one.results],
                "undecided": [
                    result is not None and is_undecided(result) for result in one.results
                ],
                "difference": None if difference is None else difference.mean,
                "difference_interval": None
                if difference is None or difference.half is None
                else [difference.mean - difference.half, difference.mean + difference.half],
            }
        )
    return {"seeds": list(seeds), "alternatives": found}


_BESIDE = {"cost ($)": ("cost", ",.2f"), "missed deadlines": (MISSED, ",.4g")}
"""Columns of a mean with its difference from the first row's in brackets: what they show, and its digits."""


def _with_difference(one: Outcomes, base: Outcomes, measure: str, digits: str) -> str:
    """The mean over seeds, and by how much it differs from the first row's."""
    mean = _mean(one.values(measure))
    if mean is None:
        return ""
    difference = None if one is base else paired(one.values(measure), base.values(measure))
    return f"{mean:{digits}}" + (f" ({_shown(difference, 1.0, digits)})" if difference else "")


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean over all seeds; None where one has no value."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if len(known) == len(values) else None


def _shown(difference: Difference | None, unit: float, digits: str = ".2f") -> str:
    if difference is None:
        return ""
    text = f"{difference.mean / unit:+z{digits}}"
    return text if difference.half is None else f"{text} ± {difference.half / unit:{digits}}"


def _percent(difference: Difference | None) -> str:
    """The difference by the base's mean."""
    if difference is None or not difference.base:
        return ""
    return f"{difference.mean / difference.base:+z.1%}"
