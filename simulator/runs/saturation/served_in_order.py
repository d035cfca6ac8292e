"""A queue that is served in order, without the mechanism of rounds: a tenth of its time.

FIFO perf takes jobs in order of arrival, each onto its fastest type, until one fits nowhere. Nobody shares time, so that
rounds have nobody to choose and nothing to settle. (Plain FIFO hands out more workers than there are, as its reference does.) What is left is who runs (the policy's own kernel says so, as in a
run), for how many whole steps, and at what cost: the same figures to the last bit as :class:`~simulator.runs.simulation.Simulation`
has of rounds in each of which the allocation is due.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.job_lines import Ordering, place_in_order
from gavel_opt.kernels.records import by_reference
from gavel_opt.model.cluster_state import StandingState
from gavel_opt.policies.fifo import Fifo
from simulator.runs.surroundings import Surroundings
from simulator.world.workload import DrawnWorkload

FAILURES = 5
"""So many rounds in a row in which some worker has less than a step to do drop a job."""

_SPARE = 64
"""Workers that jobs in sight ask for beyond those that there are: some may fit on no type that is free, and are passed over."""

_MORE = 1.1
"""Jobs drawn, per job that should come in some time."""


@by_reference
class _Line(NamedTuple):
    """The jobs in order of arrival, and what became of them.

    Attributes
    ----------
    now
        Seconds, and from when on what runs next is paid, which while nobody runs stays, shape ``(2,)``.
    counts
        How many have arrived, how many of them are or were in sight of the policy, how many are gone, shape ``(3,)``.
    most
        Workers that those in sight ask for at most, but for the last one, shape ``(1,)``.
    arrival, key, scale
        Of each job known.
    left, cost, failures
        Steps left of each, 0 once it is gone, what it cost, and rounds in a row that it failed.
    speed, round_steps, round_seconds
        Steps per second, and steps and seconds of a whole round, by key and type, shape ``(K, J)``.
    prices
        Dollars per hour of each type, shape ``(J,)``.
    in_use, used
        Seconds that workers of each type were in use, and how many are in this round, shape ``(J,)``.
    """

    now: Floats
    counts: Ints
    most: Ints
    arrival: Floats
    key: Ints
    scale: Ints
    left: Floats
    cost: Floats
    failures: Ints
    speed: Floats
    round_steps: Floats
    round_seconds: Floats
    prices: Floats
    in_use: Floats
    used: Ints


@compiled
def serve_in_order(rounds: int, line: _Line, order: Ordering) -> None:
    """Run so many rounds; all jobs that come until then are known."""
    jobs = order.jobs
    _look_around(line, jobs)
    for _ in range(rounds):
        now = line.now[0]
        latest = now
        line.used[:] = 0
        place_in_order(order)
        for row in range(jobs.size[0]):
            for j in range(line.prices.size):
                if jobs.shares[row, j] > 0.0:
                    latest = max(latest, _run(jobs.job[row], j, line))
        for j in range(line.prices.size):
            line.in_use[j] += line.used[j] * (latest - now)
        line.now[0] = latest
        if jobs.size[0] > 0:
            line.now[1] = latest
        elif line.counts[0] < line.arrival.size:
            line.now[0] = line.arrival[line.counts[0]]
        _look_around(line, jobs)


@compiled
def _run(number: int, j: int, line: _Line) -> float:
    """Run a job on a type for a round; until when."""
    key, scale, now = line.key[number], line.scale[number], line.now[0]
    steps, seconds = line.round_steps[key, j], line.round_seconds[key, j]
    if line.left[number] < steps:
        steps = line.left[number]
        seconds = steps / line.speed[key, j]
    finish = max(now, now + seconds)
    line.used[j] += scale
    if finish > now and steps > 0 and (scale == 1 or steps >= scale):
        line.cost[number] += line.prices[j] * (finish - line.now[1]) / 3600.0 * scale
        line.left[number] -= steps
        line.failures[number] = 0
    else:
        line.failures[number] += 1
        if line.failures[number] >= FAILURES:
            line.left[number] = 0.0
    if line.left[number] <= 0:
        line.left[number] = 0.0
        line.counts[2] += 1
    return float(finish)


@compiled
def _look_around(line: _Line, jobs: JobColumns) -> None:
    """Let in who has arrived, and have those in sight of the policy who are there and may get a turn."""
    counts = line.counts
    while counts[0] < line.arrival.size and line.arrival[counts[0]] <= line.now[0]:
        counts[0] += 1
    size, workers = 0, 0
    for row in range(jobs.size[0]):
        number = jobs.job[row]
        if line.left[number] > 0.0:
            jobs.job[size], jobs.key[size] = number, jobs.key[row]
            jobs.scale_factor[size] = jobs.scale_factor[row]
            workers += jobs.scale_factor[row]
            size += 1
    while counts[1] < counts[0] and workers < line.most[0]:
        number = counts[1]
        jobs.job[size], jobs.key[size] = number, line.key[number]
        jobs.scale_factor[size] = line.scale[number]
        workers += line.scale[number]
        size += 1
        counts[1] += 1
    jobs.size[0] = size


class ServedInOrder:
    """A queue under FIFO perf, in rounds in each of which the allocation is due.

    Parameters
    ----------
    policy
        The policy, fresh.
    surroundings, workload
        Workers, throughputs and jobs.
    round_seconds
        Length of a round.
    prices
        Dollars per hour of each worker type by which costs are counted, shape ``(J,)``.

    Attributes
    ----------
    workload
        The jobs.
    rounds
        How many have been.
    """

    shares_workers = False
    finished = False

    def __init__(
        self,
        policy: Fifo,
        surroundings: Surroundings,
        workload: DrawnWorkload,
        round_seconds: float,
        prices: Floats,
    ) -> None:
        self.workload, self.rounds = workload, 0
        self._round_seconds = round_seconds
        table, workers = surroundings.table, np.array(surroundings.cluster.workers, dtype=np.int64)
        most = int(workers.sum()) + _SPARE
        self._jobs = JobColumns.with_room(most + 1, workers.size)
        _, self._order = policy.kernel_and_task(StandingState(self._jobs, table, workers))
        alone = np.ascontiguousarray(table.alone, dtype=np.float64)
        steps = np.floor(alone * round_seconds)
        seconds = np.divide(steps, alone, out=np.zeros_like(steps), where=alone > 0)
        none, nobody = np.zeros(0), np.zeros(0, dtype=np.int64)
        self._line = _Line(
            np.zeros(2), np.zeros(3, dtype=np.int64), np.array([most]),
            none, nobody, nobody, none, none, nobody,
            alone, steps, seconds, np.array(prices, dtype=np.float64),
            np.zeros(workers.size), np.zeros(workers.size, dtype=np.int64),
        )  # fmt: skip
        self._take_jobs()

    @property
    def time(self) -> float:
        """Simulated seconds."""
        return float(self._line.now[0])

    @property
    def arrived(self) -> int:
        """Jobs that have arrived."""
        return int(self._line.counts[0])

    @property
    def active(self) -> int:
        """Jobs in the system."""
        return int(self._line.counts[0] - self._line.counts[2])

    @property
    def seconds_in_use(self) -> Floats:
        """Seconds in which workers of each type were in use so far, summed over them (a copy)."""
        return self._line.in_use.copy()

    def costs(self) -> Floats:
        """What the jobs that have arrived cost so far (a copy)."""
        return self._line.cost[: self.arrived].copy()

    def parts_left(self) -> tuple[Ints, Floats]:
        """Numbers of the jobs in the system, and the part of its work that each has left."""
        left = self._line.left[: self.arrived]
        number = np.flatnonzero(left > 0.0)
        return number, left[number] / self.workload.jobs.steps[number]

    def advance(self, rounds: int) -> None:
        """Run so many rounds."""
        until = self.time + (rounds + 1) * self._round_seconds
        jobs, interarrival = self.workload.jobs, self.workload.settings.interarrival
        while float(jobs.arrival[-1]) <= until:
            missing = (until - float(jobs.arrival[-1])) / interarrival
            self.workload.extend(int(_MORE * missing) + _SPARE)
        self._take_jobs()
        serve_in_order(rounds, self._line, self._order)
        self.rounds += rounds

    def _take_jobs(self) -> None:
        """Take notice of jobs that have been drawn."""
        jobs, line = self.workload.jobs, self._line
        known = line.arrival.size
        if jobs.size == known:
            return
        new = {
            "arrival": jobs.arrival, "key": jobs.key, "scale": jobs.scale_factor, "left": jobs.steps,
            "cost": np.zeros(jobs.size), "failures": np.zeros(jobs.size, dtype=np.int64),
        }  # fmt: skip
        both = {
            name: np.concatenate([getattr(line, name), column[known:]])
            for name, column in new.items()
        }
        self._line = line._replace(**both)
