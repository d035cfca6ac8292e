r"""How levels rise while nothing but a job's own limit stops it: the path of water filling.

An entity of weight :math:`W` spends :math:`W` a unit of time on its jobs: their levels, times weight and
count, rise by so much in all. Where it shares fairly, all that are not at their limit stand at one
height; where it serves a line, the first that is not at its limit takes everything. Both are piecewise
linear in time and known without any program.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.max_min_rows import SAME

BEGUN = 1e-9
"""A job next in line begins once it has this part: less is rounding, and asking for it makes rows of 1e11."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Groups of one entity, their levels as functions of time.

    Attributes
    ----------
    member
        Indices of the groups, in the order in which they come to their limits.
    start, limit
        Levels at time 0 and in the end.
    reached
        Time at which each is at its limit.
    begins
        Time at which each starts to rise; zero for all where they share fairly.
    height
        Where they share fairly, the common height at the times ``reached``.
    """

    member: Ints
    start: Floats
    limit: Floats
    reached: Floats
    begins: Floats
    height: Floats | None

    @classmethod
    def fair(cls, member: Ints, level: Floats, limit: Floats, cost: Floats, weight: float) -> Line:
        """All rise together; ``cost`` is weight times count of each group."""
        order = np.argsort(limit[member], kind="stable")
        member = member[order]
        start, limit = level[member], limit[member]
        behind = np.cumsum(cost[member][::-1])[::-1]
        floor = float(start.min())
        steps = np.diff(limit, prepend=floor)
        return cls(
            member, start, limit, np.cumsum(steps * behind) / weight, np.zeros(member.size), limit
        )

    @classmethod
    def in_turn(
        cls, member: Ints, level: Floats, limit: Floats, cost: Floats, weight: float
    ) -> Line:
        """One after the other, in the order given."""
        start, limit = level[member], limit[member]
        reached = np.cumsum((limit - start) * cost[member]) / weight
        return cls(member, start, limit, reached, np.append(0.0, reached[:-1]), None)

    def levels(self, time: float) -> Floats:
        """Levels of the members at a time."""
        if self.height is not None:
            floor = float(self.start.min())
            height = np.interp(time, np.append(0.0, self.reached), np.append(floor, self.height))
            fair: Floats = np.maximum(np.minimum(height, self.limit), self.start)
            return fair
        length = self.reached - self.begins
        part = np.divide(
            time - self.begins, length, out=np.full(length.size, 1.0), where=length > 0.0
        )
        part = np.where(part > BEGUN, np.minimum(part, 1.0), 0.0)
        level: Floats = self.start + part * (self.limit - self.start)
        return level


class Rising:
    """Levels of all groups as functions of time.

    Parameters
    ----------
    level
        Levels at time 0, shape ``(G,)``; those that do not rise keep theirs.
    lines
        The groups that rise, by entity.
    """

    def __init__(self, level: Floats, lines: list[Line]) -> None:
        self._level = level
        self._lines = lines
        times = [np.zeros(1), *(line.reached for line in lines)]
        self._times: Floats = np.unique(np.concatenate(times))

    @property
    def end(self) -> float:
        """The time from which on all are at their limits."""
        return float(self._times[-1])

    def levels(self, time: float) -> Floats:
        """Levels at a time, shape ``(G,)``."""
        level = self._level.copy()
        for line in self._lines:
            level[line.member] = line.levels(time)
        return level

    def bend_before(self, time: float) -> float:
        """The last time before a time, or 0, at which some level begins to rise otherwise."""
        return float(self._times[max(int(np.searchsorted(self._times, time)) - 1, 0)])

    def slopes(self) -> Floats:
        """How fast each level rises at first, shape ``(G,)``."""
        slope: Floats = np.zeros(self._level.size)
        if self._times.size > 1:
            first = float(self._times[1])
            slope = (self.levels(first) - self._level) / first
        return slope

    def rises(self, time: float) -> Bools:
        """Groups that rise just before a time, shape ``(G,)``."""
        rises = np.zeros(self._level.size, dtype=bool)
        for line in self._lines:
            begun = (line.begins < time) | (line.begins <= 0.0)
            rises[line.member] = begun & (time <= line.reached)
        return rises

    def when(self, price: Floats, worth: float, latest: float) -> float:
        """The last time, not after ``latest``, at which levels are worth at most ``worth``."""
        known = self._times[self._times < latest]
        low, high = 0, known.size  # worth is not reached at known[low], and is at known[high]
        if not high:
            return 0.0
        if worth_of(price, self._level) >= worth:
            return self._idle(price, worth, latest)
        while high - low > 1:
            middle = (low + high) // 2
            if worth_of(price, self.levels(float(known[middle]))) >= worth:
                high = middle
            else:
                low = middle
        begin = float(known[low])
        end = float(known[high]) if high < known.size else latest
        before, after = (worth_of(price, self.levels(time)) for time in (begin, end))
        if not after > worth:
            return end
        return begin + (end - begin) * (worth - before) / (after - before)

    def _idle(self, price: Floats, worth: float, latest: float) -> float:
        """The time at which the first level begins to rise whose price is more than rounding, 0 if that is not before ``latest``."""
        until = latest
        for line in self._lines:
            counts = price[line.member] * (line.limit - line.start) > SAME * worth
            until = float(np.min(line.begins, where=counts, initial=until))
        return until if until < latest else 0.0


def worth_of(price: Floats, level: Floats) -> float:
    """Levels by their prices, added up from the first to the last, as compiled code does, whatever the machine's BLAS."""
    return float(np.cumsum(price * level)[-1])


__all__ = ["BEGUN", "Line", "Rising", "worth_of"]
