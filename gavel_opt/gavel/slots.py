"""Which slot holds what is remembered of a pair of jobs, looked up for many pairs at once."""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Ints

NONE = -1


class Slots:
    """Slots of pairs of the jobs that are there, in a square table with a place for each job.

    A dictionary of pairs would be as large, and each look at it a wait for memory.
    """

    def __init__(self) -> None:
        self._number: Ints = np.empty(0, dtype=np.int64)
        self._place: Ints = np.empty(0, dtype=np.int64)
        self._free: list[int] = []
        # its last row and column stay empty: those of jobs that are not there
        self._slot = np.full((1, 1), NONE, dtype=np.int32)

    def join(self, jobs: list[int]) -> None:
        """Take in jobs that are not there."""
        self._grow(len(jobs) - len(self._free))
        number = np.concatenate([self._number, np.array(jobs, dtype=np.int64)])
        place = np.concatenate([self._place, [self._free.pop() for _ in jobs]])
        order = np.argsort(number)
        self._number, self._place = number[order], place[order].astype(np.int64)

    def leave(self, jobs: list[int]) -> Ints:
        """Forget jobs that are there; returns the slots of their pairs, shape ``(P,)``."""
        at = np.searchsorted(self._number, jobs)
        place = self._place[at]
        found = self._slot[place]
        self._slot[place] = self._slot[:, place] = NONE
        self._free += place.tolist()
        self._number, self._place = np.delete(self._number, at), np.delete(self._place, at)
        slots: Ints = np.unique(found[found != NONE])
        return slots

    def places(self, jobs: Ints) -> Ints:
        """Place of each job, -1 for those that are not there; of the shape of ``jobs``."""
        if not self._number.size:
            return np.full(jobs.shape, NONE)
        at = np.minimum(np.searchsorted(self._number, jobs), self._number.size - 1)
        return np.where(self._number[at] == jobs, self._place[at], NONE)

    def of(self, pairs: Ints) -> Ints:
        """Slot of each pair of jobs, shape ``(P,)`` of ``(P, 2)``; -1 for those without one."""
        first, second = self.places(pairs).T
        slots: Ints = self._slot[first, second]
        return slots

    def take(self, places: Ints, slots: list[int]) -> bool:
        """Put pairs of places into slots; False if one of them is there already, or twice."""
        first, second = places.T
        if (self._slot[first, second] != NONE).any():
            return False
        self._slot[first, second] = self._slot[second, first] = slots
        return bool((self._slot[first, second] == slots).all())

    def _grow(self, more: int) -> None:
        """Make room for so many more jobs at least."""
        if more <= 0:
            return
        have = len(self._slot) - 1
        more = max(more, have // 2)
        table = np.full((have + more + 1, have + more + 1), NONE, dtype=np.int32)
        table[:have, :have] = self._slot[:have, :have]
        self._slot = table
        self._free += range(have + more - 1, have - 1, -1)
