"""Ideal mode: every job gets exactly its fraction of time on each worker type, without rounds.

The reference's ideal mode fails at the commit that the recordings come from, so this follows the
paper (section 7.5): between two events, arrivals and completions, each job and pair advances at the
speed of its allocation, whole and broken steps alike, and workers are busy for the time allocated.
The allocation is recomputed under the rounds' own rule, so that the difference to a run in rounds
is the mechanism's alone. An event counts as a round; nobody has a lease.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gavel_opt.kernels.arguments import Call
from simulator.mechanism.loop import admit, prepare_allocation
from simulator.mechanism.mechanism import Mechanism
from simulator.mechanism.records import ALLOCATE, DONE, ENOUGH, MORE_JOBS, STUCK

_PATIENCE = 100
"""Events in a row without progress before the run counts as stuck."""


class IdealMechanism(Mechanism):
    """The mechanism that no cluster has: fractions of time come out exactly."""

    def run(
        self, rounds: int, decider: Callable[[], Call | None] | None = None, until: float = math.inf
    ) -> int:
        """Run at most ``rounds`` events; returns an outcome of :mod:`simulator.mechanism.records`.

        Every allocation is asked for.
        """
        count, clock = self._count, self._clock
        last = self.rounds + rounds
        while True:
            if not count.awaiting:
                if count.window_left == 0:
                    return DONE
                if count.rounds >= last or self.time >= until:
                    return ENOUGH
                now = self._next_event()
                if not count.all_known and self._world.arrivals["arrival"][-1] <= now:
                    return MORE_JOBS
                if count.idle_rounds > _PATIENCE:
                    return STUCK
                self._pass_time(now)
                admit(self._world)
                waited = clock.now >= self._next_reset()
                if count.stale and (waited or clock.last_reset == 0):
                    count.awaiting = True
                    prepare_allocation(self._world)
                    return ALLOCATE
            count.awaiting = False
            count.rounds += 1
            self._record_round()

    def placements(self) -> np.ndarray:
        """Nobody stands anywhere: every job is spread over all workers of a type."""
        return np.zeros((0, 3), dtype=np.int64)

    # views of the active jobs and of the pairs that are kept ----------------------------------

    def _jobs(self) -> np.ndarray:
        return self._world.entries[: self.active]

    def _pairs(self) -> np.ndarray:
        return self._world.entries[self._base : self._base + self._count.pairs]

    def _job_shares(self) -> np.ndarray:
        shares: np.ndarray = self._world.ledger["share"][: self.active]
        return shares

    def _pair_shares(self) -> np.ndarray:
        shares: np.ndarray = self._world.ledger["share"][self._base :][: self._count.pairs]
        return shares

    def _rates(self) -> np.ndarray:
        """Steps per second of each active job under the allocation, shape ``(n,)``."""
        key, pairs = self._jobs()["key"], self._pairs()
        alone = self._setting.table.alone
        rates: np.ndarray = np.einsum("nj,nj->n", self._job_shares(), alone[key])
        first, second = pairs["first"], pairs["second"]
        speed = self._world.pair_speeds[key[first], key[second]]
        share = self._pair_shares()
        np.add.at(rates, first, np.einsum("pj,pj->p", share, speed[:, 0]))
        np.add.at(rates, second, np.einsum("pj,pj->p", share, speed[:, 1]))
        return rates

    def _use(self) -> np.ndarray:
        """Workers of each type that the allocation keeps busy, shape ``(J,)``."""
        use: np.ndarray = self._jobs()["scale"] @ self._job_shares()
        use += self._pairs()["scale"] @ self._pair_shares()
        return use

    def _next_reset(self) -> float:
        return float(self._clock.last_reset + self._setting.between_resets)

    def _next_event(self) -> float:
        """Time of the next arrival, completion or recomputation."""
        count, now, events = self._count, self.time, []
        more = self.arrived < count.known
        if more:
            arrival = self._world.arrivals["arrival"][self.arrived]
            events.append(max(now, float(arrival)))
        rates = self._rates()
        going = rates > 0
        if going.any():
            left = self._jobs()["steps_left"][going] / rates[going]
            events.append(now + float(np.min(left)))
        if count.stale and self.active and self._clock.last_reset > 0:
            events.append(max(now, self._next_reset()))
        if going.any() or more or not count.all_known:
            count.idle_rounds = 0
        else:
            count.idle_rounds += 1
            count.stale = True
        return min(events, default=now)

    def _pass_time(self, now: float) -> None:
        """Let everybody run until ``now``; who has no steps left, leaves."""
        elapsed = now - self.time
        self._clock.now = now
        if self.active == 0:
            return
        rates, jobs = self._rates(), self._jobs()
        # What rounding leaves over is no step: less than the clock can tell, which late in a run is more
        # than a nanosecond, would be due at this very moment again and again.
        blink = max(1e-9, math.ulp(now))
        done = (rates > 0) & (jobs["steps_left"] - rates * elapsed <= blink * rates)
        jobs["steps_left"] -= rates * elapsed
        cluster, prices = self._setting.cluster, self._setting.prices
        shares, pair_shares = self._job_shares(), self._pair_shares()
        spent, used = shares @ prices, shares.sum(axis=1)
        for side in ("first", "second"):
            member = self._pairs()[side]
            np.add.at(spent, member, pair_shares @ prices)
            np.add.at(used, member, pair_shares.sum(axis=1) / 2.0)
        jobs["cost"] += spent * elapsed / 3600.0 * jobs["scale"]
        jobs["busy"] += used * elapsed * jobs["scale"]
        busy = self._use() / cluster.workers * elapsed
        self._world.workers["busy"] += np.repeat(busy, cluster.workers)
        if done.any():
            self._retire(done, now)

    def _retire(self, done: np.ndarray, now: float) -> None:
        """Note what became of the jobs that are done, and close the gaps."""
        count, left, outcomes = self._count, self._jobs()[done], self._world.outcomes
        number = left["number"]
        outcomes["finish"][number] = now
        outcomes["cost"][number] = left["cost"]
        outcomes["busy"][number] = left["busy"]
        start, end = self._setting.window
        count.completed += number.size
        count.window_left -= int(np.sum((number >= start) & (number < end)))
        count.stale = True
        self._keep(~done)

    def _keep(self, stay: np.ndarray) -> None:
        """Close the gaps of those who left."""
        world, count, n, base = self._world, self._count, self.active, self._base
        left = int(stay.sum())
        place = np.where(stay, np.cumsum(stay) - 1, -1)
        first, second = place[self._pairs()["first"]], place[self._pairs()["second"]]
        both = (first >= 0) & (second >= 0)
        pairs = int(both.sum())
        for array in (world.entries, world.ledger):
            array[:left] = array[:n][stay]
            array[base : base + pairs] = array[base : base + count.pairs][both]
        world.candidates[:left] = world.candidates[:n][stay]
        world.entries["first"][:left] = np.arange(left)
        world.entries["first"][base : base + pairs] = first[both]
        world.entries["second"][base : base + pairs] = second[both]
        count.active = count.slots = left
        count.pairs = pairs
        count.pairs_stale = True

    def _record_round(self) -> None:
        count, n = self._count, self.active
        recorded = count.recorded
        if recorded >= len(self._world.rounds):
            self._make_metrics_room()
        use = self._use()
        running = int(np.sum(self._rates() > 0))
        workers = self._setting.cluster.workers
        row = self._world.rounds[recorded]
        row["time"], row["active"], row["running"] = self.time, n, running
        row["queued"], row["arrived"], row["completed"] = n - running, self.arrived, self.completed
        row["utilization"] = math.fsum(use) / int(workers.sum())
        self._world.type_use[recorded] = use / workers
        count.recorded = recorded + 1
