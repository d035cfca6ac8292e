"""The capacity of a cluster under a policy: the pace at which a long queue is worked off.

What a policy makes of a worker while a dozen jobs are there says nothing about what it makes of it
with hundreds: policies that match jobs to workers get better as they have more to choose from. So a
simulation of its own starts with a queue of several jobs per worker, and the pace is taken there.

The queue is the one that a cluster at its limit would have: as many jobs of each key as they are
drawn, each with what is left of it when somebody looks (long jobs are met more often, half done on
average). It settles within hours, where a queue of fresh jobs takes days. Under a policy that serves jobs
one after the other (FIFO) those that wait have not begun: there they are whole, and as few will do as say
who comes next.
"""

from __future__ import annotations

import functools
import math
import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.policies import Found
from gavel_opt.policies.fifo import Fifo
from simulator.process.interrupts import interrupts
from simulator.runs.estimated_throughputs import estimates_wanted
from simulator.runs.policy_of_run import policy_of
from simulator.runs.saturation.bounds import Bound
from simulator.runs.saturation.offered_load import job_shares, mean_duration
from simulator.runs.saturation.served_in_order import ServedInOrder
from simulator.runs.saturation.types_at_random import rate_of_types_at_random
from simulator.runs.simulation import BETWEEN_RESETS, Simulation
from simulator.runs.surroundings import surroundings_of
from simulator.runs.workload_of_run import workload_of
from simulator.settings.config import RunConfig
from simulator.world.throughputs import load_throughputs
from simulator.world.units import HOUR
from simulator.world.workload import DrawnWorkload, Workload

DEMAND = 5.0
"""Workers that the queue asks for, per worker of the cluster."""

DEMAND_WITH_WEIGHTS = 10.0
"""The same where some jobs weigh more: those take what they get, and only the others are matched to workers."""

_DEAR = {"allox": 2.0, "packed": 5.0}
"""The most where a decision takes long, by what is in the policy's name: time that grows with the cube of
the queue, and pairs of jobs."""

_LONGER = {"finish_time_fairness_packed": 40.0}
"""Policies whose queue has to be longer. A job that is late says what all others are owed until it is done, which is the
sooner, beside the time that it would have taken under isolation, the more jobs there are; and two share a worker. On
36:36:36 such a queue is worked off at 0.85 of the bound with a demand of 5, and at 0.99 with 40, sooner decided."""

_SELDOM = {"packed_SLOs": 3.0}
"""How many times as long an allocation stays, where each takes long and most of the queue changes little meanwhile: the
pace moves by 0.2 % on 36:36:36 (two seeds), and by 0.7 % at most on 6:6:6 (four). Under finish-time fairness it would fall by 20 %."""


def times_as_few(workers: float) -> float:
    """Return how many times as few workers there are as usual, 1 where there are more."""
    return max(1.0, USUAL_WORKERS / workers)


def demand_of(policy: str, usual: float = DEMAND) -> float:
    """Return how many workers a long queue asks for, per worker, under a policy."""
    if policy in _LONGER:
        return _LONGER[policy]
    return min([usual, *(most for word, most in _DEAR.items() if word in policy)])


SETTLED_DEMAND, SETTLED_WORKERS = 3.0, 300.0
"""Workers that a queue asks for whose mix is settled, per worker, and at least: a shorter one turns over sooner, and
one of few jobs says little."""


def settled_demand(bound: Bound) -> float:
    """Return how many workers a queue asks for whose mix of jobs is settled, per worker."""
    return max(SETTLED_DEMAND, SETTLED_WORKERS / float(bound.workers.sum()))


SERVED_DEMAND, SERVED_JOBS = 2.0, 200.0
"""Workers that a queue asks for which is served in order, per worker, and its jobs, at least: who stands behind them
does not matter."""


FILLED = 0.95
"""Part of the workers, by their prices, from which on they count as in use."""

FILLING, MOST_FILLING, RISING = 6.0, 60.0, 3
"""Hours in which it is seen how many are, those after which it is left at that, and in how many such parts one is to be
the highest so far."""

_DRAWN = 3
"""Jobs drawn, per job of the queue, whose durations it is made of."""


TURNS = 3.0
"""Turns that each job of a queue would have had, if all had as many, when it is seen who has begun."""

NOT_BEGUN, IN_ORDER = 0.25, 0.8
"""Part of the jobs that have had no turn until then, and how much later in the order of arrival they are than the
others (1 if all are), if jobs wait until those before them are done."""

_IN_ORDER = ("fifo", "fifo_perf")
"""Policies of which that is known beforehand: then those that do not fit on the workers at first are whole."""


_TYPES_AT_RANDOM = ("fifo",)
"""Policies that put a job on workers of any type and leave it there."""


def knows_no_types(config: RunConfig, made: Found | None) -> bool:
    """Whether a policy is known to take any type for a job, where it then stays."""
    return made is None and config.policy in _TYPES_AT_RANDOM


def seconds_of_like_rounds(seconds: int) -> int:
    """Length of longer rounds in which jobs that are served in order run as in rounds of so many seconds.

    They keep their workers from one recomputation of the allocation to the next, of which rounds are a part. A round of
    whole steps may end a little early, so what should be as long as the wait is too short for it.
    """
    between = int(BETWEEN_RESETS // seconds) + 1
    return seconds * next((n for n in range(between // 2, 1, -1) if between % n == 0), 1)


def seconds_between(seconds: int) -> int:
    """Length of a round for all that are between two recomputations of the allocation."""
    return seconds * (int(BETWEEN_RESETS // seconds) + 1)


def needs_no_mechanism(config: RunConfig, made: Found | None) -> bool:
    """Whether rounds of a queue are known to be no more than who runs, and for how many steps."""
    ours = made is None and config.policy == "fifo_perf"
    return ours and not (config.ideal or estimates_wanted(config))


def known_in_order(config: RunConfig, made: Found | None) -> bool:
    """Whether a policy is known to serve jobs in order."""
    return made is None and config.policy in _IN_ORDER


SEVERAL = 2.0
"""Turnovers after which a queue that is served in order has seen so many jobs that the luck of these is all that its
stretches tell: of 30 queues of 250 hours the paces are a third less far apart than both together say."""


SETTLED = 3.0
"""Turnovers after which stretches of a queue whose jobs share workers are as many measurements of one thing."""

WASTES = 0.88
"""Part of the bound below which a policy does not match jobs to workers. Then its pace depends on the mix of jobs in
the queue, and little on how many there are. Of those whose knees are known, the one group comes to 0.91 of the bound and
more, the other to 0.86 at most."""

ANOTHER_MIX = 1.5
"""How many times as many jobs of some scale factor make a long queue another one."""

IN_USE_KNOWN = 0.006
"""Part of the pace of a policy that takes any type for a job to which it is known at best (jobs on many workers do not get each
type quite as often as others do); its root of two times after one turnover, as workers are kept free for the jobs of one queue."""

USUAL_WORKERS = 108
"""On fewer workers fewer jobs run in an hour, and it takes more hours to see as many. Under a policy that takes any type for a job one
on eight workers keeps more of the others waiting there, and until many have had their turn a queue is worked off too fast: with
jobs on many workers by 1 to 3 % on 70 workers, 6 to 9 % on 36, 8 to 20 % on 24 (8 seeds each)."""

_LIKE_OTHERS = 3.0
"""Jobs of the usual cost that are thought to have run besides those of each key."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Jobs per hour that a long queue is worked off at.

    Attributes
    ----------
    rate
        The estimate.
    error
        Its standard error.
    hours
        Simulated hours that it rests on.
    queue
        Jobs in the system at the end.
    jobs
        How many jobs of equal length tell as much as those that ran.
    """

    rate: float
    error: float
    hours: float
    queue: int
    jobs: float


@dataclass(frozen=True, slots=True)
class _Turns:
    """What jobs have done, each of shape ``(n,)``.

    Attributes
    ----------
    done
        Work, in seconds on workers of reference.
    cost
        What their workers cost at the prices of the bound.
    in_use
        Seconds in which workers of each type were in use, summed over them, shape ``(J,)``.
    seconds
        In how long, not of this shape.
    """

    done: Floats
    cost: Floats
    in_use: Floats
    seconds: float


@dataclass(frozen=True, slots=True)
class _Costs:
    """What work cost, each but the first three of shape ``(K,)``.

    Attributes
    ----------
    earned
        What the cluster's workers in use cost.
    needed
        What the work of one job per hour costs.
    some
        Cost at the usual ratio that is thought to have been paid besides.
    of_scale, in_scale
        Cost per worth of all keys of a key's scale factor, and the cost that it rests on.
    of_key, in_key
        Cost per worth of the key, leaning to the former, and the cost that it rests on.
    """

    earned: float
    needed: float
    some: float
    of_scale: Floats
    in_scale: Floats
    of_key: Floats
    in_key: Floats


class LongQueue:
    """A cluster with a long queue, whose pace is measured in stretches.

    Parameters
    ----------
    config
        The run whose capacity is asked for. Its rate does not matter.
    bound
        What no policy can go beyond, and its prices.
    most_hours
        Simulated hours for which jobs have to keep coming.
    demand
        Workers that the queue asks for, per worker; None for what suits the policy.
    arrivals
        Jobs that arrive per hour; None for the rate of the bound, at which the queue stays long.
    mix
        How many more jobs of each key the queue has than are drawn, shape ``(K,)``; None for as many.
    made
        What makes the policy where its name in the configuration does not say it.
    like
        The run itself, or another queue's, whose tables are taken.
    in_order
        Whether jobs are served in order; None where the queue is to tell.

    Attributes
    ----------
    rates
        Jobs per hour of each stretch so far.
    turnover
        Hours in which as many jobs arrive as the queue has.
    in_order
        Whether jobs wait until those before them are done, or nearly so.
    begun
        Simulated hours after which that was seen, as far as they count as measured.
    """

    def __init__(
        self,
        config: RunConfig,
        bound: Bound,
        most_hours: float,
        demand: float | None = None,
        arrivals: float | None = None,
        mix: Floats | None = None,
        made: Found | None = None,
        like: Simulation | None = None,
        in_order: bool | None = None,
    ) -> None:
        self._bound = bound
        self._keys: Ints  # of all jobs known, and their work
        self._work: Floats
        self._books: list[_Turns]
        measurements = load_throughputs(config.throughputs) if like is None else like.measurements
        keys = measurements.keys
        self._speed = measurements.reference_speed("turns durations into steps")
        self._scale = np.array([scale for _, scale in keys], dtype=np.int64)
        self._share = job_shares(config, keys)
        if known_in_order(config, made):
            in_order = True
        elif made is None and config.policy in _LONGER:
            in_order = False  # to be told would take as many turns as there are jobs
        if demand is None:
            usual = DEMAND_WITH_WEIGHTS if config.multi_priority else DEMAND
            demand = demand_of(config.policy, usual)
            if in_order:
                jobs = SERVED_JOBS * float(self._share @ self._scale)
                demand = min(demand, max(SERVED_DEMAND, jobs / float(bound.workers.sum())))
        if mix is not None:
            self._share = self._share * mix / float(self._share @ mix)
        workers = demand * float(bound.workers.sum())
        count = max(1, round(workers / float(self._share @ self._scale)))
        arrivals = bound.rate if arrivals is None else arrivals
        self.turnover = count / arrivals
        # The run would end with the last job that is measured: one that comes too late for that.
        last = _DRAWN * count + math.ceil(1.5 * arrivals * most_hours) + 100
        self._config = replace(
            config,
            interarrival=HOUR / arrivals,
            window=(last - 1, last),
            saturation=("off", {}),
            max_simulated_hours=math.inf,
            timeout=math.inf,
        )
        if in_order and not config.ideal:
            alike = seconds_between if needs_no_mechanism(config, made) else seconds_of_like_rounds
            self._config = replace(self._config, round_seconds=alike(config.round_seconds))
        self._count = count
        if in_order is not None:
            self.in_order = in_order
            self._begin(made, None if in_order else np.zeros(count, dtype=np.bool_), like)
        else:
            self._begin(made, np.zeros(count, dtype=np.bool_), like)
            self._advance(demand * TURNS * self._config.round_seconds)
            seen = self._simulation
            assert isinstance(seen, Simulation)  # the other kind is known to be in order
            waits = seen.mechanism.received("busy")[:count] == 0.0
            self.in_order = bool(waits.mean() > NOT_BEGUN) and _how_much_later(waits) > IN_ORDER
            if self.in_order:
                self._begin(made, waits, seen)
        self.begun = self._simulation.time / HOUR
        self._due = 0.0
        self._shares_workers = self._simulation.shares_workers
        self._at_random = knows_no_types(config, made)
        self.rates: list[float] = []
        self._lengths: list[float] = []

    @property
    def hours(self) -> float:
        """Simulated hours so far."""
        return self._books[-1].seconds / HOUR

    @property
    def settled(self) -> bool:
        """Whether its jobs have turned over so often that where they began does not matter."""
        return self.hours >= SETTLED * self.turnover

    def go_on(self, hours: float) -> None:
        """Simulate another stretch.

        Raises
        ------
        gavel_opt.GavelError
            From the policy and its engines.
        simulator.process.interrupts.Interrupted
            If a signal asks for the end: what was measured is nothing then.
        """
        # of whole rounds, which must not add up
        self._due = max(self._due + hours * HOUR, self._simulation.time)
        self._advance(self._due)
        first = not self.rates
        self._books.append(self._look())
        if first and self.in_order:
            self._fill()
        if self._books[-1].seconds == self._books[-2].seconds:
            self._books.pop()  # less than is left of the round that the last stretch ended in
            return
        self.rates.append(self._rate_of_last())
        self._lengths.append(hours)

    def _fill(self) -> None:
        """Draw the first stretch out until no more workers come into use.

        Gavel's plain FIFO leaves whole types idle where all workers come free at once, as they are at the start, and
        takes two days to use them, which no cluster does that has been running.
        """
        seen = [self._in_use()]
        until = self._simulation.time + MOST_FILLING * HOUR
        while seen[-1] < FILLED and self._simulation.time < until:
            if max(seen[-RISING:]) <= max(seen[:-RISING], default=0.0):
                break
            self._due = self._simulation.time + FILLING * HOUR
            self._advance(self._due)
            self._books = [self._books[-1], self._look()]
            seen.append(self._in_use())

    def _in_use(self) -> float:
        """What part of the workers was in use since the last look but one, weighed by their prices."""
        turns = self._since(-2)
        return float(turns.cost.sum()) / turns.seconds / self._bound.rate

    def _advance(self, end: float) -> None:
        """Simulate until so many seconds have passed."""
        simulation = self._simulation
        while simulation.time < end and not simulation.finished:
            interrupts.check()  # after a signal a simulation advances no more
            left = (end - simulation.time) / self._config.round_seconds
            simulation.advance(1 if self._config.ideal else max(1, math.ceil(left)))

    def left_out(self) -> float:
        """Return the part of the jobs that were there at the start and have got no turn."""
        return float(np.mean(self._books[-1].done[: self._count] == 0.0))

    def settled_mix(self, first: int) -> Floats:
        """How many more jobs of each key the queue would have, if it stayed as it is.

        A policy that serves jobs on many workers less than their share of the work lets them pile up
        until it serves them as they come: their number grows by what they miss. Taken by scale factor,
        over all stretches from number ``first`` on.
        """
        done = self._since(first).done
        served = _sums(self._scale, self._by_key(done))
        offered = _sums(self._scale, self._bound.work)
        part = served[self._scale] / max(float(done.sum()), 1e-300)
        fair = offered[self._scale] / float(self._bound.work.sum())
        return np.clip(fair / np.maximum(part, 1e-3), 0.2, 5.0)

    def pace(self, first: int) -> Pace:
        """Take the pace over all stretches from number ``first`` on."""
        turns = self._since(first)
        parts = np.array(self.rates[first:])
        spread = _spread(parts, np.array(self._lengths[first:]))
        if self._shares_workers:
            # What a worker costs cannot be split between two jobs that share it: the value alone.
            rate, error = self._value_of(turns) / turns.seconds, spread
            if self.settled:
                error /= math.sqrt(max(parts.size, 1))
        elif self._at_random:
            rate = self._at_random_rate(turns)
            queues = turns.seconds / (self.turnover * HOUR)
            known = IN_USE_KNOWN * math.sqrt(1.0 + self._unlike_later / queues)
            error = max(spread / math.sqrt(max(parts.size, 1)), known * rate)
        else:
            costs = self._costs_of(turns)
            rate = costs.earned / turns.seconds / costs.needed
            error = rate * self._error_of(costs, turns)
            if parts.size > 1:
                apart = spread / math.sqrt(parts.size)
                long = self.in_order and turns.seconds >= SEVERAL * self.turnover * HOUR
                error = max(error, apart) if long else math.hypot(error, apart)
        jobs = equal_jobs(turns.cost)
        return Pace(rate, error, turns.seconds / HOUR, self._simulation.active, jobs)

    def _rate_of_last(self) -> float:
        """Pace of the last stretch alone, whose error nobody asks for."""
        turns = self._since(-2)
        if self._shares_workers:
            return self._value_of(turns) / turns.seconds
        if self._at_random:
            return self._at_random_rate(turns)
        costs = self._costs_of(turns)
        return costs.earned / turns.seconds / costs.needed

    @property
    def _unlike_later(self) -> float:
        """Square of what a queue has wrong after a turnover, in the error of one that has settled."""
        if not bool((self._scale[self._share > 0.0] > 1).any()):
            return 1.0
        return times_as_few(float(self._bound.workers.sum())) ** 4

    def _at_random_rate(self, turns: _Turns) -> float:
        """Pace of a policy that takes any type for a job, as far as workers were in use and did something.

        One counts as in use for the whole of a round in which its job ends, but costs only what it did.
        """
        whole = float(self._bound.prices @ turns.in_use)
        in_use = turns.in_use * (min(1.0, float(turns.cost.sum()) / whole) if whole > 0.0 else 0.0)
        return rate_of_types_at_random(self._bound.needed, in_use / turns.seconds)

    def _value_of(self, turns: _Turns) -> float:
        """What all work was worth, at the prices of the bound."""
        return float(self._bound.key_prices @ self._by_key(turns.done))

    def _costs_of(self, turns: _Turns) -> _Costs:
        """What each key cost per worth of its work, and what the work of a job per hour costs at that.

        With the prices of the bound, a cluster that wastes nothing earns its rate, and the work of a
        job per hour costs 1. What the cluster has earned, divided by what that work costs at the cost
        that each key had, is the rate that it sustains. Under a policy at its best each key costs its
        price whatever the mix of the moment, which therefore does not show.
        """
        prices = self._bound.key_prices
        worth, cost = prices * self._by_key(turns.done), self._by_key(turns.cost)
        earned = float(cost.sum())
        # Cost per worth of each scale factor, then of each key, as if some more jobs of the former
        # had run: of a key of few jobs it is known badly, and too high where slow workers keep them.
        some = _LIKE_OTHERS * earned / max(equal_jobs(turns.cost), 1.0)
        if not earned > 0:
            return _Costs(0.0, math.inf, 0.0, worth, worth, worth, worth)
        scale = self._scale
        scale_cost, scale_worth = _sums(scale, cost)[scale], _sums(scale, worth)[scale]
        in_scale = scale_cost + some
        of_scale = in_scale / (scale_worth + some * float(worth.sum()) / earned)
        in_key = cost + some
        of_key = in_key / (worth + some / of_scale)
        needed = float(self._bound.work * prices @ of_key)
        return _Costs(earned, needed, some, of_scale, in_scale, of_key, in_key)

    def _error_of(self, costs: _Costs, turns: _Turns) -> float:
        """Error of a rate, as a part of it: that of a ratio for each key, how unlike its jobs are in cost per work.

        How much of the cluster was in use adds to it, as the stretches tell (:meth:`pace`).
        """
        if not costs.earned > 0:
            return math.inf
        key, scale, cost = self._key, self._scale, turns.cost
        prices = self._bound.key_prices
        worth = prices[key] * turns.done
        # What a job's luck changes: the cost of its key, and that to which all of its scale factor lean.
        share = self._bound.work * prices * costs.of_key / costs.needed
        leaning = _sums(scale, share * costs.some / costs.in_key)[scale]
        by_key, by_scale = share / costs.in_key, leaning / costs.in_scale
        paid = by_key * costs.of_key + by_scale * costs.of_scale
        luck = (by_key + by_scale)[key] * cost - paid[key] * worth
        return math.sqrt(float((luck * luck).sum()))

    def _by_key(self, values: Floats) -> Floats:
        return _sums(self._key[: values.size], values, self._share.size)

    def _since(self, first: int) -> _Turns:
        """What the jobs have done since the end of so many stretches."""
        now, before = self._books[-1], self._books[first]
        seconds = now.seconds - before.seconds
        in_use = now.in_use - before.in_use
        return _Turns(_less(now.done, before.done), _less(now.cost, before.cost), in_use, seconds)

    def _look(self) -> _Turns:
        """What the jobs have done so far."""
        simulation = self._simulation
        jobs, n = simulation.workload.jobs, simulation.arrived
        if self._keys.size != jobs.size:
            self._keys, self._work = jobs.key.copy(), jobs.duration * jobs.scale_factor
        self._key, done = self._keys[:n], self._work[:n].copy()
        number, part = simulation.parts_left()
        done[number] *= 1.0 - part
        if isinstance(simulation, ServedInOrder):
            return _Turns(
                done, simulation.costs() * HOUR, simulation.seconds_in_use, simulation.time
            )
        rounds, used = simulation.mechanism.metrics()
        long = np.diff(rounds["time"], append=simulation.time)
        cost = simulation.mechanism.received("cost") * HOUR
        return _Turns(done, cost, (long @ used) * self._bound.workers, simulation.time)

    def _begin(self, made: Found | None, whole: Bools | None, like: Simulation | None) -> None:
        """Make the simulation with the queue in it; some of its jobs are whole, None for those that have to wait."""
        prices, prepare = self._bound.prices, functools.partial(self._queue_up, whole=whole)
        times = max([1.0, *(n for word, n in _SELDOM.items() if word in self._config.policy)])
        self._simulation: Simulation | ServedInOrder
        if needs_no_mechanism(self._config, made):
            policy = policy_of(self._config)
            assert isinstance(policy, Fifo)
            traits = policy.traits
            around = surroundings_of(self._config, traits)[0] if like is None else like.surroundings
            workload, _ = workload_of(self._config, around.measurements, traits)
            assert isinstance(workload, DrawnWorkload)  # jobs keep arriving
            prepare(workload)
            seconds = float(self._config.round_seconds)
            self._simulation = ServedInOrder(policy, around, workload, seconds, prices)
        else:
            self._simulation = Simulation(
                self._config,
                made=made,
                prices=prices,
                like=like,
                prepare=prepare,
                between_resets=times * BETWEEN_RESETS,
            )
        self._keys, self._work = np.zeros(0, dtype=np.int64), np.zeros(0)
        self._books = [_Turns(np.zeros(0), np.zeros(0), np.zeros(self._bound.workers.size), 0.0)]

    def _queue_up(self, workload: Workload, whole: Bools | None) -> None:
        """Put the queue before the jobs that arrive."""
        assert isinstance(workload, DrawnWorkload)  # jobs keep arriving
        count = self._count
        workload.extend(_DRAWN * count - workload.jobs.size)
        draws = _draws.stream
        draws.seed(self._config.seed % 2**32)
        key = _shuffled(_kinds(self._share, self._scale, count, draws), draws)
        # What is left of a job that is met at random: the longer it is the sooner it is met.
        drawn = np.sort(workload.jobs.duration[: _DRAWN * count])
        met = np.cumsum(drawn) / drawn.sum()
        place = (np.arange(count) + draws.random_sample(count)) / count
        length = drawn[np.minimum(np.searchsorted(met, place), drawn.size - 1)]
        duration = _shuffled(length, draws) * np.maximum(draws.random_sample(count), 0.01)
        if whole is None:
            whole = np.cumsum(self._scale[key]) > self._bound.workers.sum()
        many = int(whole.sum())
        place = (np.arange(many) + draws.random_sample(many)) / max(many, 1) * drawn.size
        duration[whole] = _shuffled(drawn[place.astype(np.int64)], draws)
        workload.queue_up(key, self._scale[key], duration * self._speed[key], duration)
        weight = workload.jobs.weight
        if weight.min() < weight.max():
            # A job of twice the weight is served twice as fast, so half as many of them wait.
            waits = np.cumsum(1.0 / weight[: _DRAWN * count])
            met = np.searchsorted(waits / waits[-1], (np.arange(count) + 0.5) / count)
            weight[:count] = _shuffled(weight[met], draws)
        slo = workload.jobs.slo
        if not np.isnan(slo[:count]).all():
            # A queue keeps jobs for so many times their duration on average, and those met there have passed the
            # same parts of that: the deadlines of some are over.
            mean = mean_duration(self._config.fixed_duration)
            kept_for = self.turnover * HOUR / mean
            slo[:count][kept_for * draws.random_sample(count) > slo[:count]] = 0.0


class _Draws(threading.local):
    """A stream of random numbers to be seeded: to make one takes fifty times as long."""

    def __init__(self) -> None:
        self.stream = np.random.RandomState(0)


_draws = _Draws()


def _how_much_later(these: Bools) -> float:
    """How much later some of a row are than the others, between -1 and 1: all before or all behind them."""
    place = np.arange(these.size)
    if these.all() or not these.any():
        return 0.0
    return 2.0 * float(place[these].mean() - place[~these].mean()) / these.size


def equal_jobs(cost: Floats) -> float:
    """How many jobs of equal cost tell as much as jobs of these: ``sum(c)^2 / sum(c^2)``."""
    squares = float((cost**2).sum())
    return float(cost.sum()) ** 2 / squares if squares > 0 else 0.0


def _sums(group: Ints, values: Floats, count: int = 0) -> Floats:
    """Sum of the values of each group."""
    return np.asarray(np.bincount(group, values, count), dtype=np.float64)


def _less(now: Floats, before: Floats) -> Floats:
    """How much has been added, where fewer jobs had come before."""
    change = now.copy()
    change[: before.size] -= before
    return change


def _spread(rates: Floats, hours: Floats) -> float:
    """How far the rates of stretches are apart, as if all were of their average length and none knew of the others.

    Told from every two that follow each other, where there are enough: a queue whose jobs take turns makes up in one for
    what it did too little in the one before, and one that settles does not.
    """
    n = rates.size
    if n < 2:
        return math.inf
    parts = hours / hours.mean()
    mean = float(parts @ rates) / n
    if n < _PAIRED:
        return math.sqrt(float(parts @ (rates - mean) ** 2) / (n - 1))
    both = parts[1:] + parts[:-1]
    apart = (parts[1:] * rates[1:] + parts[:-1] * rates[:-1]) / both - mean
    return math.sqrt(float(both @ apart**2) * n / ((n - 1) * (n - 2)))


_PAIRED = 5
"""Stretches from which on every two of them tell it."""


def _kinds(share: Floats, scale: Ints, count: int, draws: np.random.RandomState) -> Ints:
    """Draw keys, as many of each as its share says, but for one more or less.

    Drawn in even steps through the keys by scale factor, of which too there are as many as their shares say: of each
    key there is a job or two, and rounded one by one they would be 3 on 8 workers where 8.6 are drawn.
    """
    by_scale = np.argsort(scale, kind="stable")
    upto = np.cumsum(share[by_scale])
    place = (np.arange(count) + draws.random_sample()) / count * upto[-1]
    found: Ints = by_scale[np.minimum(np.searchsorted(upto, place), share.size - 1)]
    return found


def _shuffled(values: NDArray[Any], draws: np.random.RandomState) -> NDArray[Any]:
    return values[np.argsort(draws.random_sample(values.size), kind="stable")]
