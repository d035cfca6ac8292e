"""Jobs as they come: what each asks for, and when it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gavel_opt.kernels.records import record

JOB = record(
    arrival="f8",  # seconds
    key="i8",  # row in the throughput table
    scale_factor="i8",  # workers at once
    weight="f8",  # priority
    steps="f8",  # to run
    duration="f8",  # seconds alone on the reference type, NaN if unknown
    slo="f8",  # deadline as a multiple of the duration, counted from admission; NaN without one
    entity="i8",  # entity (organisation) of the job
)


class Jobs:
    """Jobs known so far, a growing array; job numbers are their places.

    Each field of :data:`JOB` is an attribute: a view, shape ``(size,)``.

    Attributes
    ----------
    size
        How many jobs are known.
    """

    def __init__(self) -> None:
        self.size = 0
        self._room = np.zeros(64, JOB)

    @property
    def records(self) -> np.ndarray:
        """The jobs, as JOB (a view)."""
        return self._room[: self.size]

    def append(self, jobs: Mapping[str, ArrayLike] | np.ndarray) -> None:
        """Add jobs: a column for each field of JOB."""
        added = self.add(np.size(jobs["arrival"]))
        for name in _FIELDS:
            added[name] = np.reshape(jobs[name], -1)

    def add(self, count: int) -> np.ndarray:
        """Add so many jobs and return their records, to be filled (a view)."""
        first, self.size = self.size, self.size + count
        if self.size > len(self._room):
            longer = np.zeros(max(self.size, 2 * len(self._room)), JOB)
            longer[:first] = self._room[:first]
            self._room = longer
        return self._room[first : self.size]

    def __getattr__(self, name: str) -> np.ndarray:
        if name in _FIELDS:
            column: np.ndarray = self.records[name]
            return column
        raise AttributeError(name)

    def snapshot(self) -> dict[str, Any]:
        """Columns, for a checkpoint."""
        return {name: self.records[name].copy() for name in _FIELDS}

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        self.size = 0
        self.append(memory)


_FIELDS = JOB.names or ()
