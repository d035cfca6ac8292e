"""Sentences and tables about one job in one round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.mechanism.inspection import Standing
from simulator.runs.simulation import BETWEEN_RESETS
from simulator.viewer.choice_again import Candidate, TypeQueue
from simulator.viewer.reasons import Explanation, Finding, Table
from simulator.viewer.waits import WAITED

if TYPE_CHECKING:
    from simulator.viewer.explanation import Explainer

SHOWN = 6
"""How many jobs are named in a sentence."""


class Words:
    """Sentences about one job in one round."""

    def __init__(
        self,
        explainer: Explainer,
        job: int,
        number: int,
        time: float,
        standing: Standing,
        queues: list[TypeQueue],
    ) -> None:
        self.explainer = explainer
        self.job = job
        self.number = number
        self.time = time
        self.standing = standing
        self.queues = queues
        self.kinds = explainer.simulation.cluster.worker_types
        self.row = int(np.flatnonzero((standing.first == job) & (standing.second < 0))[0])
        self.scale = int(standing.scale[self.row])

    def explanation(self, found: Finding) -> Explanation:
        """Put everything together."""
        lines = [self._job(), self._allocation()]
        if found.reason == "no allocation yet":
            lines.append(self._until_reset())
        for queue in self.queues:
            lines += self._on_type(queue, found)
        if found.reason != "ran":
            lines.append(self._next())
        return Explanation(
            self.job,
            self.number,
            found.reason,
            self._headline(found),
            lines,
            [self._table(queue) for queue in self.queues],
        )

    def _headline(self, found: Finding) -> str:
        who, when = f"Job {self.job}", f"in round {self.number} ({clock_time(self.time)})"
        if found.reason == "ran":
            assert found.on is not None
            beside = f" beside job {found.beside}" if found.beside >= 0 else ""
            listed = ", ".join(map(str, found.workers))
            many = "workers" if len(found.workers) > 1 else "worker"
            return f"{who} ran {when}: on {self.kinds[found.on]}, {many} {listed}{beside}."
        return f"{who} did not run {when}: {WAITED[found.reason]}."

    def _job(self) -> str:
        simulation = self.explainer.simulation
        name, scale = simulation.measurements.keys[int(self.standing.key[self.row])]
        arrival = float(simulation.workload.jobs.arrival[self.job])
        many = "s" if scale > 1 else ""
        return (
            f"It is {name} on {scale} worker{many}; it arrived at {clock_time(arrival)}, "
            f"{length_of_time(self.time - arrival)} before this round."
        )

    def _allocation(self) -> str:
        if not self.standing.allocated[self.row]:
            return f"Allocation: none; the last recomputation was at {clock_time(self.standing.last_reset)}."
        shares = [
            f"{kind} {share:.4g}"
            for kind, share in zip(self.kinds, self.standing.share[self.row], strict=True)
        ]
        pairs = [
            row
            for row in np.flatnonzero(self.standing.second >= 0).tolist()
            if self.job in (self.standing.first[row], self.standing.second[row])
            and self.standing.share[row].any()
        ]
        text = f"Allocation of {clock_time(self.standing.last_reset)}: {', '.join(shares)}"
        if pairs:
            with_ = [
                f"job {self.standing.first[row] + self.standing.second[row] - self.job}"
                for row in pairs[:SHOWN]
            ]
            text += f"; and shares beside {', '.join(with_)}"
        return f"{text}."

    def _until_reset(self) -> str:
        due = self.standing.last_reset + BETWEEN_RESETS
        return (
            f"The allocation is recomputed at the first round that starts at {clock_time(due)} or later "
            f"({BETWEEN_RESETS:.0f} s after the last time): {length_of_time(max(due - self.time, 0.0))} from "
            "this round."
        )

    def _on_type(self, queue: TypeQueue, found: Finding) -> list[str]:
        kind = self.kinds[queue.worker_type]
        place = queue.place_of(self.job)
        if place is None:
            return []
        mine = queue.candidates[place]
        head = f"{kind} ({queue.workers}): "
        if mine.decision == "cannot run":
            return [f"{head}it cannot run there."]
        said = []
        if mine.share > 0:
            said.append(
                f"share {mine.share:.4g} of which it has had {mine.fraction:.3%} of the type's time "
                f"since the last recomputation, so priority {mine.priority:.4g}"
            )
        elif found.reason != "no allocation yet":
            said.append(f"share 0, so priority 0{self._price(queue.worker_type)}")
        else:
            said.append("no share, so priority 0")
        before = [one for one in queue.candidates[:place] if one.decision in ("taken", "blocks")]
        if mine.decision == "full":
            said.append(
                f"all {queue.workers} were given to {len(before)} before it, the last of them "
                f"{self._named(before[-SHOWN:])}"
            )
        elif mine.decision == "too large":
            said.append(
                f"it needs {self.scale}, {mine.free} {'was' if mine.free == 1 else 'were'} left when "
                f"its turn came, after {self._named(before[-SHOWN:])}"
            )
            behind = [one for one in queue.candidates[place + 1 :] if one.decision == "taken"]
            if behind:
                said.append(f"smaller ones behind it took them: {self._named(behind[:SHOWN])}")
        elif mine.decision == "taken before":
            said.append(f"{self._taken_where(queue)}")
        elif mine.decision == "no priority":
            said.append("this policy runs no job of priority 0")
        elif mine.decision == "blocks":
            said.append(
                f"it was chosen for the {mine.free} that were left, but a job without an allocation is "
                "not placed: the workers stay empty"
            )
        else:
            said.append(f"taken as number {len(before) + 1} in the order")
        return [f"{head}{'; '.join(said)}."]

    def _taken_where(self, queue: TypeQueue) -> str:
        for other in self.queues:
            for one in other.candidates:
                if self.job in one.entry and one.decision in ("taken", "blocks"):
                    where = "here" if other is queue else f"on {self.kinds[other.worker_type]}"
                    pair = one.entry[1] >= 0
                    how = "as one of a pair" if pair else "before"
                    return f"already taken {where} {how}"
        return "already taken"

    def _price(self, j: int) -> str:
        """Which price or limit keeps its share on a type at 0."""
        prices = self.explainer.prices()
        if prices is None:
            return f" ({self.explainer.config.policy} solves no linear program that has prices)"
        place = np.flatnonzero(prices.job == self.job)
        if not place.size:
            return ""
        m = int(place[0])
        worth, cost, own = (
            float(v) for v in (prices.worth[m, j], prices.cost[m, j], prices.own[m])
        )
        short = float(prices.too_dear[m, j])
        size = max(abs(worth), abs(cost), own, 1e-12)
        kind = self.kinds[j]
        if worth <= 1e-9 * size and prices.worth[m].max() <= 1e-9 * size:
            return (
                ": at the optimum nothing is gained by giving it more than it has, for it is not among "
                "the jobs that set the objective"
            )
        parts = f"a worker there costs {float(prices.capacity[j]):.4g}"
        if own > 1e-9 * size:
            parts += f", its own time {own:.4g}, since all of it is given out"
        if short <= 1e-7 * size:
            return (
                f": the program is indifferent there (an hour is worth {worth:.4g}, {parts}), and the "
                "tie was broken for others"
            )
        return (
            f": an hour on {kind} is worth {worth:.4g} to the objective and {parts}"
            f"{f', {cost:.4g} for {self.scale}' if self.scale > 1 else ''}: too dear by {short:.4g}"
        )

    def _named(self, candidates: list[Candidate]) -> str:
        return ", ".join(
            f"{_entry(one)} (priority {one.priority:.4g}, {one.scale} worker{'s' * (one.scale > 1)})"
            for one in candidates
        )

    def _next(self) -> str:
        """When it runs next, by going on."""
        simulation = self.explainer.simulation
        mechanism = simulation.mechanism
        for _ in range(5000):
            if simulation.finished or self.explainer.over():
                break
            before = simulation.rounds
            simulation.advance(1)
            if simulation.rounds == before:
                break
            if (mechanism.placements()[:, :2] == self.job).any():
                time = float(simulation.series["time"][simulation.rounds - 1])
                return f"It ran next in round {simulation.rounds - 1}, {length_of_time(time - self.time)} later."
        return "It did not run again in the rounds that were simulated."

    def _table(self, queue: TypeQueue) -> Table:
        """The queue of a type, as far as it concerns the job."""
        place = queue.place_of(self.job)
        last_taken = max(
            (k for k, one in enumerate(queue.candidates) if one.decision == "taken"), default=-1
        )
        end = min(max(last_taken, place if place is not None else 0) + 3, len(queue.candidates))
        shown = [
            k for k in range(end) if queue.candidates[k].decision != "taken before" or k == place
        ]
        if len(shown) > 60:
            near = place if place is not None else 0
            shown = [k for k in shown if k < 20 or abs(k - near) <= 20]
        rows = []
        for k in shown:
            one = queue.candidates[k]
            rows.append(
                [
                    str(k + 1),
                    _entry(one),
                    str(one.scale),
                    f"{one.priority:.6g}",
                    f"{one.share:.4g}",
                    f"{one.fraction:.3%}",
                    f"{one.deficit:.1f}",
                    one.decision,
                ]
            )
        return Table(
            f"{self.kinds[queue.worker_type]}: the order in which entries were considered",
            ["place", "entry", "workers", "priority", "share", "of time", "deficit", "decision"],
            rows,
            shown.index(place) if place in shown else -1,
        )


def _entry(one: Candidate) -> str:
    job, other = one.entry
    return f"job {job}" if other < 0 else f"jobs {job} and {other}"


def clock_time(seconds: float) -> str:
    """A point in simulated time, to the nearest second."""
    days, rest = divmod(round(seconds), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return f"day {days} {hours:02}:{minutes:02}:{rest:02}"


def length_of_time(seconds: float) -> str:
    """Seconds, minutes or hours, whichever says it best."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.2f} h"
