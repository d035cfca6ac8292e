"""Ideal mode: every job gets exactly its fraction of time on each worker type, without rounds.

The reference's ideal mode fails at the commit that the recordings come from, so this follows the
paper (section 7.5): between two events, arrivals and completions, each job and pair advances at the
speed of its allocation, whole and broken steps alike, and workers are busy for the time allocated.
The allocation is recomputed under the rounds' own rule, so that the difference to a run in rounds
is the mechanism's alone. An event counts as a round; nobody has a lease.
"""

from __future__ import annotations

import math

import numpy as np

from simulator.mechanism import layout as at
from simulator.mechanism.mechanism import Mechanism

_PATIENCE = 100
"""Events in a row without progress before the run counts as stuck."""


class IdealMechanism(Mechanism):
    """The mechanism that no cluster has: fractions of time come out exactly."""

    def run(self, rounds: int) -> int:
        """Run at most ``rounds`` events; returns an outcome of :mod:`simulator.mechanism.layout`."""
        count, clock = self._count, self._clock
        last = self.rounds + rounds
        while True:
            if count[at.AWAITING] == 0:
                if count[at.WINDOW_LEFT] == 0:
                    return at.DONE
                if count[at.PASSES] >= last:
                    return at.ENOUGH
                now = self._next_event()
                if not count[at.ALL_KNOWN] and self._known_f[-1, at.KNOWN_ARRIVAL] <= now:
                    return at.MORE_JOBS
                if count[at.IDLE_PASSES] > _PATIENCE:
                    return at.STUCK
                self._pass_time(now)
                self._admit_jobs()
                waited = clock[at.NOW] >= clock[at.LAST_RESET] + clock[at.BETWEEN_RESETS]
                if count[at.STALE] and (waited or clock[at.LAST_RESET] == 0):
                    count[at.AWAITING] = 1
                    self._close_books()
                    return at.ALLOCATE
            count[at.AWAITING] = 0
            count[at.PASSES] += 1
            self._note_round()

    def placements(self) -> list[tuple[int, int, int]]:
        """Nobody stands anywhere: every job is spread over all workers of a type."""
        return []

    def _rates(self) -> np.ndarray:
        """Steps per second of each active job under the allocation, shape ``(n,)``."""
        count, types, n = self._count, self._types, self.active
        alone = self._setting.table.alone
        key = self._entry_i[:n, at.KEY]
        rates: np.ndarray = np.einsum("nj,nj->n", self._entry_f[:n, :types], alone[key])
        kept = self._kept_pairs()
        if count[at.PAIRS]:
            first, second = self._entry_i[kept, at.FIRST : at.SECOND + 1].T
            speed = self._paired[key[first], key[second]]
            share = self._entry_f[kept, :types]
            np.add.at(rates, first, np.einsum("pj,pj->p", share, speed[:, 0]))
            np.add.at(rates, second, np.einsum("pj,pj->p", share, speed[:, 1]))
        return rates

    def _use(self) -> np.ndarray:
        """Workers of each type that the allocation keeps busy, shape ``(J,)``."""
        types, n, kept = self._types, self.active, self._kept_pairs()
        share, scale = self._entry_f[:, :types], self._entry_i[:, at.SCALE]
        use: np.ndarray = scale[:n] @ share[:n] + scale[kept] @ share[kept]
        return use

    def _steps_left(self) -> np.ndarray:
        steps: np.ndarray = self._entry_f[: self.active, 3 * self._types + at.STEPS_LEFT]
        return steps

    def _kept_pairs(self) -> slice:
        return slice(self._base, self._base + int(self._count[at.PAIRS]))

    def _next_event(self) -> float:
        """Time of the next arrival, completion or recomputation."""
        count, clock, n = self._count, self._clock, self.active
        now, events = float(clock[at.NOW]), []
        if self.arrived < int(count[at.KNOWN]):
            events.append(max(now, float(self._known_f[self.arrived, at.KNOWN_ARRIVAL])))
        rates = self._rates()
        going = rates > 0
        if going.any():
            events.append(now + float(np.min(self._steps_left()[going] / rates[going])))
        if count[at.STALE] and n and clock[at.LAST_RESET] > 0:
            due = float(clock[at.LAST_RESET] + clock[at.BETWEEN_RESETS])
            events.append(max(now, due))
        if going.any() or self.arrived < int(count[at.KNOWN]) or not count[at.ALL_KNOWN]:
            count[at.IDLE_PASSES] = 0
        else:
            count[at.IDLE_PASSES] += 1
            count[at.STALE] = 1
        return min(events, default=now)

    def _pass_time(self, now: float) -> None:
        """Let everybody run until ``now``; who has no steps left, leaves."""
        count, clock, types, n = self._count, self._clock, self._types, self.active
        elapsed = now - float(clock[at.NOW])
        clock[at.NOW] = now
        if n == 0:
            return
        rates = self._rates()
        steps = self._steps_left()
        # A step that rounding leaves over is no step.
        done = (rates > 0) & (steps - rates * elapsed <= 1e-9 * rates)
        steps -= rates * elapsed
        setting = self._setting
        number = self._entry_i[:n, at.NUMBER]
        scale = self._entry_i[:n, at.SCALE]
        share, kept = self._entry_f[:, :types], self._kept_pairs()
        spent, used = share[:n] @ setting.prices, share[:n].sum(axis=1)
        for side in (at.FIRST, at.SECOND):
            member = self._entry_i[kept, side]
            np.add.at(spent, member, share[kept] @ setting.prices)
            np.add.at(used, member, share[kept].sum(axis=1) / 2.0)
        cost, received = self._entry_f[:n, 3 * types + at.COST : 3 * types + at.BUSY + 1].T
        cost += spent * elapsed / 3600.0 * scale
        received += used * elapsed * scale
        busy = self._use() / setting.cluster.workers * elapsed
        self._busy += np.repeat(busy, setting.cluster.workers)
        if not done.any():
            return
        self._result[at.RESULT_FINISH, number[done]] = now
        self._result[at.RESULT_COST, number[done]] = cost[done]
        self._result[at.RESULT_BUSY, number[done]] = received[done]
        start, end = int(count[at.WINDOW_START]), int(count[at.WINDOW_END])
        left = number[done]
        count[at.COMPLETED] += left.size
        count[at.WINDOW_LEFT] -= int(np.sum((left >= start) & (left < end)))
        count[at.STALE] = 1
        self._keep(~done)

    def _keep(self, stay: np.ndarray) -> None:
        """Close the gaps of those who left."""
        count, n, kept = self._count, self.active, self._kept_pairs()
        left = int(stay.sum())
        place = np.where(stay, np.cumsum(stay) - 1, -1)
        self._entry_f[:left] = self._entry_f[:n][stay]
        self._entry_i[:left] = self._entry_i[:n][stay]
        self._entry_i[:left, at.FIRST] = np.arange(left)
        count[at.ACTIVE] = count[at.SLOTS] = left
        members = place[self._entry_i[kept, at.FIRST : at.SECOND + 1]]
        both = np.all(members >= 0, axis=1)
        to = slice(kept.start, kept.start + int(both.sum()))
        self._entry_f[to] = self._entry_f[kept][both]
        self._entry_i[to] = self._entry_i[kept][both]
        self._entry_i[to, at.FIRST : at.SECOND + 1] = members[both]
        count[at.PAIRS] = to.stop - to.start
        count[at.HASH_FRESH] = 0

    def _note_round(self) -> None:
        count, n = self._count, self.active
        used = int(count[at.RECORDED])
        if used >= len(self._metrics):
            self._make_metrics_room()
        use = self._use() if n else np.zeros(self._types)
        running = int(np.sum(self._rates() > 0)) if n else 0
        workers = self._setting.cluster.workers
        self._metrics[used] = [
            self.time,
            n,
            running,
            n - running,
            self.arrived,
            self.completed,
            math.fsum(use) / int(workers.sum()),
            *(use / workers),
        ]
        count[at.RECORDED] = used + 1
