"""Why a job ran or waited, exactly: from the run's own configuration, which gives the same rounds again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gavel_opt import InputError
from simulator.mechanism.inspection import Standing, inspect
from simulator.mechanism.mechanism import Mechanism
from simulator.runs.columns import Columns
from simulator.runs.config import RunConfig
from simulator.runs.policies import policy_of
from simulator.runs.simulation import BETWEEN_RESETS, Simulation
from simulator.viewer.choice import Candidate, TypeQueue, agrees, choose_again
from simulator.viewer.prices import Prices, prices_of
from simulator.viewer.resimulation import check_same_rounds, check_trusted, listened
from simulator.viewer.waits import WAITED

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

SHOWN = 6
"""How many jobs are named in a sentence."""


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


class Explainer:
    """Answers questions about one run; goes through its rounds again as far as they reach.

    Parameters
    ----------
    config
        The run.
    rounds
        Its rounds as recorded, if they were: what is simulated must equal them.
    run_code
        Whether a policy that is code from outside may be run.

    Raises
    ------
    InputError
        If the run has no rounds, or cannot be set up.
    """

    def __init__(
        self, config: RunConfig, rounds: Columns | None = None, run_code: bool = False
    ) -> None:
        check_trusted(config, run_code)
        if config.ideal:
            raise InputError(
                "explain: an --ideal run has no rounds; jobs get their shares exactly, all the time"
            )
        self.config = config
        self._recorded = rounds
        self._prices: tuple[float, Prices | None] | None = None
        self._start()

    def _start(self) -> None:
        self.simulation = Simulation(self.config)
        self._listener = listened(self.simulation)

    # questions -------------------------------------------------------------------------------

    def explain(self, job: int, number: int | None) -> Explanation:
        """Say why a job ran or waited in a round, or how it fared in all.

        Raises
        ------
        InputError
            If there is no such job or round.
        """
        if number is not None:
            self._go_to(number)
            return self._in_round(job, number)
        return self._life(job)

    def _go_to(self, number: int) -> None:
        """Stand where round ``number`` has just been chosen."""
        if self._recorded is not None and number >= self._recorded["time"].size:
            raise InputError(
                f"--round: the run has rounds 0 to {self._recorded['time'].size - 1}, not {number}"
            )
        if self.simulation.rounds > number + 1:
            self._start()
        self.simulation.advance(number + 1 - self.simulation.rounds)
        if self.simulation.rounds <= number:
            raise InputError(
                f"--round: the run has rounds 0 to {self.simulation.rounds - 1}, not {number}"
            )
        self._check()

    def _check(self) -> None:
        """The rounds so far must be those that were recorded."""
        if self._recorded is not None:
            check_same_rounds(self.simulation, self._recorded)

    def _in_round(self, job: int, number: int) -> Explanation:
        simulation = self.simulation
        jobs = simulation.workload.jobs
        time = float(simulation.series.time[number])
        if job >= simulation.arrived:
            self._known(job)
            arrival = float(jobs.arrival[job])
            return Explanation(
                job,
                number,
                "not arrived",
                f"Job {job} had not arrived in round {number}, at {_clock(time)}: it arrives "
                f"{_length(arrival - time)} later.",
            )
        # A job that finishes within the round is still there: its finish is accounted for later.
        finish = float(simulation.mechanism.results().finish[job])
        if simulation.mechanism.results().dropped[job]:
            return Explanation(
                job, number, "left", f"Job {job} had been dropped by round {number}."
            )
        if finish == finish:
            return Explanation(
                job,
                number,
                "left",
                f"Job {job} had finished by round {number}: at {_clock(finish)}, "
                f"{_length(time - finish)} before it.",
            )
        standing, queues = self._choice()
        found = _decide(job, standing, queues)
        words = _Words(self, job, number, time, standing, queues)
        return words.explanation(found)

    def _choice(self) -> tuple[Standing, list[TypeQueue]]:
        """The last round's choice, and what it went by."""
        simulation = self.simulation
        mechanism = simulation.mechanism
        assert isinstance(mechanism, Mechanism)
        standing = inspect(mechanism)
        traits = self.traits
        table = simulation.measurements.table(simulation.cluster.worker_types)
        paired = table.paired

        def pair_speeds(one: int, two: int) -> np.ndarray:
            types = simulation.cluster.workers.size
            return np.zeros((2, types)) if paired is None else paired[one, two]

        queues = choose_again(
            standing,
            simulation.cluster.workers,
            traits.packing,
            traits.skips_zero_priority,
            self.config.round_seconds / 2.0,
            pair_speeds,
        )
        if not agrees(queues, standing, simulation.cluster.first_worker):
            raise InputError(
                "explain: the round's choice rests on estimated throughputs of pairs, which are not "
                "kept; runs with --profiling-percentage or --reference-models cannot be explained"
            )
        return standing, queues

    @property
    def traits(self) -> Any:
        """What the mechanism knows of the policy."""
        listener = self._listener
        return (policy_of(self.config) if listener is None else listener.policy).traits

    def prices(self) -> Prices | None:
        """Prices of the last recomputation; None where there are none."""
        last = None if self._listener is None else self._listener.last
        if last is None:
            return None
        when = self.simulation.allocations
        if self._prices is None or self._prices[0] != when:
            self._prices = (when, prices_of(self.config, last[0], last[1]))
        return self._prices[1]

    def _known(self, job: int) -> None:
        """There must be such a job."""
        workload = self.simulation.workload
        limit = workload.limit
        if limit is not None and job >= limit:
            raise InputError(f"--job: the run has jobs 0 to {limit - 1}, not {job}")
        if job >= workload.jobs.size:
            raise InputError(
                f"--job: {self.simulation.arrived} jobs had arrived by then, and job {job} is not "
                "among the next that were drawn"
            )

    # a life ----------------------------------------------------------------------------------

    def _life(self, job: int) -> Explanation:
        """Go through all rounds of a job's life and count the reasons."""
        if self.simulation.arrived > job:
            self._start()
        simulation = self.simulation
        while simulation.arrived <= job and not simulation.finished and not self._over():
            simulation.advance(1)
        if simulation.arrived <= job:
            raise InputError(f"--job: the run has jobs 0 to {simulation.arrived - 1}, not {job}")
        stretches: list[tuple[str, int, int]] = []
        counts: dict[str, int] = {}
        first_run: int | None = None
        while True:
            number = simulation.rounds - 1
            results = simulation.mechanism.results()
            if results.finish[job] == results.finish[job] or results.dropped[job]:
                break
            standing, queues = self._choice()
            found = _decide(job, standing, queues)
            what = self._brief(found)
            if found.reason == "ran" and first_run is None:
                first_run = number
            counts[what] = counts.get(what, 0) + 1
            if stretches and stretches[-1][0] == what and stretches[-1][2] == number - 1:
                stretches[-1] = (what, stretches[-1][1], number)
            else:
                stretches.append((what, number, number))
            if simulation.finished or self._over():
                break
            before = simulation.rounds
            simulation.advance(1)
            if simulation.rounds == before:
                break
        self._check()
        return self._told(job, stretches, counts, first_run)

    def _over(self) -> bool:
        """Whether the recorded run ended here."""
        return self._recorded is not None and self.simulation.rounds >= self._recorded["time"].size

    def _brief(self, found: _Finding) -> str:
        if found.reason == "ran":
            assert found.on is not None
            kind = self.simulation.cluster.worker_types[found.on]
            beside = f" beside job {found.beside}" if found.beside >= 0 else ""
            return f"ran on {kind}{beside}"
        return f"waited: {found.reason}"

    def _told(
        self,
        job: int,
        stretches: list[tuple[str, int, int]],
        counts: Mapping[str, int],
        first_run: int | None,
    ) -> Explanation:
        simulation = self.simulation
        arrival = float(simulation.workload.jobs.arrival[job])
        finish = float(simulation.mechanism.results().finish[job])
        time = simulation.series.time
        name, scale = simulation.measurements.keys[int(simulation.workload.jobs.key[job])]
        workers = f"{scale} worker{'s' if scale > 1 else ''}"
        ran = sum(count for what, count in counts.items() if what.startswith("ran"))
        waited = sum(counts.values()) - ran
        if finish == finish:
            end = f"finished after {_length(finish - arrival)}, at {_clock(finish)}"
        elif simulation.mechanism.results().dropped[job]:
            end = "was dropped after five failed attempts"
        else:
            end = "was not finished at the end of the run"
        lines = [
            f"{name} on {workers}; arrived at {_clock(arrival)}.",
            f"Ran in {ran} rounds and waited in {waited}.",
        ]
        if first_run is not None:
            lines.append(
                f"First ran in round {first_run}, {_length(float(time[first_run]) - arrival)} after "
                "it arrived."
            )
        total = Table(
            "rounds by what happened",
            ["what", "rounds"],
            [[what, str(count)] for what, count in sorted(counts.items(), key=lambda one: -one[1])],
        )
        told = Table(
            "its life, round by round",
            ["rounds", "from", "what"],
            [
                [
                    str(first) if first == last else f"{first}-{last}",
                    _clock(float(time[first])),
                    what,
                ]
                for what, first, last in stretches
            ],
        )
        return Explanation(job, None, "life", f"Job {job} {end}.", lines, [total, told])


@dataclass(frozen=True, slots=True)
class _Finding:
    """What became of a job in a round: the reason, and where it ran if it did."""

    reason: Reason
    on: int | None = None
    beside: int = -1
    workers: tuple[int, ...] = ()


def _decide(job: int, standing: Standing, queues: list[TypeQueue]) -> _Finding:
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
        return _Finding("ran", on, beside, tuple(worker for *_, worker in mine))
    row = int(np.flatnonzero((standing.first == job) & (standing.second < 0))[0])
    if not standing.allocated[row]:
        return _Finding("no allocation yet")
    own = [
        one for queue in queues for one in queue.candidates if job in one.entry and one.share > 0
    ]
    if not own:
        return _Finding("share 0")
    if any(one.decision == "too large" for one in own):
        return _Finding("did not fit")
    if all(one.decision == "taken before" for one in own):
        return _Finding("taken with another")
    return _Finding("outranked")


class _Words:
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

    def explanation(self, found: _Finding) -> Explanation:
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

    def _headline(self, found: _Finding) -> str:
        who, when = f"Job {self.job}", f"in round {self.number} ({_clock(self.time)})"
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
            f"It is {name} on {scale} worker{many}; it arrived at {_clock(arrival)}, "
            f"{_length(self.time - arrival)} before this round."
        )

    def _allocation(self) -> str:
        if not self.standing.allocated[self.row]:
            return f"Allocation: none; the last recomputation was at {_clock(self.standing.last_reset)}."
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
        text = f"Allocation of {_clock(self.standing.last_reset)}: {', '.join(shares)}"
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
            f"The allocation is recomputed at the first round that starts at {_clock(due)} or later "
            f"({BETWEEN_RESETS:.0f} s after the last time): {_length(max(due - self.time, 0.0))} from "
            "this round."
        )

    def _on_type(self, queue: TypeQueue, found: _Finding) -> list[str]:
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
            f"{_entry(one)} (priority {one.priority:.4g}, {one.scale})" for one in candidates
        )

    def _next(self) -> str:
        """When it runs next, by going on."""
        simulation = self.explainer.simulation
        mechanism = simulation.mechanism
        for _ in range(5000):
            if simulation.finished or self.explainer._over():
                break
            before = simulation.rounds
            simulation.advance(1)
            if simulation.rounds == before:
                break
            if (mechanism.placements()[:, :2] == self.job).any():
                time = float(simulation.series.time[simulation.rounds - 1])
                return f"It ran next in round {simulation.rounds - 1}, {_length(time - self.time)} later."
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


def _clock(seconds: float) -> str:
    """A point in simulated time, to the nearest second."""
    days, rest = divmod(round(seconds), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return f"day {days} {hours:02}:{minutes:02}:{rest:02}"


def _length(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.2f} h"
