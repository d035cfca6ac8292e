"""The reason why a job ran or waited in a round, and what says it to a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from simulator.mechanism.inspection import Standing
from simulator.viewer.choice_again import TypeQueue

Reason = Literal[
    "not arrived",
    "left",
    "ran",
    "no allocation yet",
    "share 0",
    "outranked",
    "did not fit",
    "taken with another",
]


@dataclass(slots=True)
class Table:
    """A table of text; ``mine`` is the row of the job in question, -1 without one."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    mine: int = -1

    def to_json(self) -> dict[str, Any]:
        """What the page shows."""
        rows = [{"cells": row, "mine": place == self.mine} for place, row in enumerate(self.rows)]
        return {"title": self.title, "columns": self.columns, "rows": rows}


@dataclass(slots=True)
class Explanation:
    """Why a job ran or waited in a round, or over its life.

    Attributes
    ----------
    job, round
        Which; round None for the whole life.
    reason
        In one word.
    headline, lines
        In one sentence, and in more of them.
    queues
        What it rests on.
    """

    job: int
    round: int | None
    reason: Reason | Literal["life"]
    headline: str
    lines: list[str] = field(default_factory=list)
    queues: list[Table] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "job": self.job,
            "round": self.round,
            "reason": self.reason,
            "headline": self.headline,
            "lines": self.lines,
            "queues": [queue.to_json() for queue in self.queues],
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a job in a round: the reason, and where it ran if it did."""

    reason: Reason
    on: int | None = None
    beside: int = -1
    workers: tuple[int, ...] = ()


def decide(job: int, standing: Standing, queues: list[TypeQueue]) -> Finding:
    """Find the reason."""
    mine = standing.placed[(standing.placed[:, :2] == job).any(axis=1)].tolist()
    if mine:
        on = next(
            queue.worker_type
            for queue in queues
            for one in queue.candidates
            if job in one.entry and one.decision == "taken"
        )
        beside = mine[0][1] if mine[0][0] == job else mine[0][0]
        return Finding("ran", on, beside, tuple(worker for *_, worker in mine))
    row = int(np.flatnonzero((standing.first == job) & (standing.second < 0))[0])
    if not standing.allocated[row]:
        return Finding("no allocation yet")
    own = [
        one for queue in queues for one in queue.candidates if job in one.entry and one.share > 0
    ]
    if not own:
        return Finding("share 0")
    if any(one.decision == "too large" for one in own):
        return Finding("did not fit")
    if all(one.decision == "taken before" for one in own):
        return Finding("taken with another")
    return Finding("outranked")
