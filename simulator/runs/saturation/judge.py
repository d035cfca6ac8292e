"""The default rule, in one place: judges a run while it goes. Other rules look at its series (:mod:`.rules`).

The rule asks what the cluster can do under the run's policy, not what it has done so far:

1. *Before the start* a linear program says what no policy could do (:mod:`.bounds`); a rate beyond that is saturated.
2. *A look* comes once 300 jobs have come, and then at 10 to 30 % more rounds each time. It is worth measuring if the
   rate is beyond what the policy is likely to sustain, or if many jobs have waited for hours (:meth:`Judge._worth_looking`).
3. *A measurement* simulates a long queue under the same policy for 1.5 % of the hours that the run takes, and takes the pace
   at which it is worked off (:mod:`.long_queue`). It ends early if it is clear, or could not stop the run; it goes on, or others
   follow, as far as the odds that the run is saturated let it cost (:mod:`.budget`). Kinds of policies differ in what follows:

   * where a policy wastes workers and leaves some kind of job behind, a queue of the mix to which it drifts;
   * where jobs are served in order, the same queue for longer;
   * else queues of other jobs, all pooled (shorter ones under Gandiva with multi-GPU jobs);
   * where jobs share workers and it is not known what length does, a shorter queue, and the higher pace of the two.
4. *The weighing* compares the rate with that pace and its error (:mod:`.weighing`), and with the run's own pace
   where that says something (:mod:`.own_pace`). One clear answer is final; while it is not clear the run goes on, and from time to
   time is looked at again.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, get_args

import numpy as np

from gavel_opt import GavelError
from gavel_opt.policies import Found
from simulator.runs.saturation.bounds import Bound, bound_of_jobs, evenly_shared_rate, highest_rate
from simulator.runs.saturation.budget import (
    DEARER_WITH_WEIGHTS,
    error_by_queues,
    error_on_few,
    most_odds,
    odds,
    price_of_a_queue,
    price_of_a_round,
)
from simulator.runs.saturation.long_queue import (
    ANOTHER_MIX,
    DEMAND,
    USUAL_WORKERS,
    WASTES,
    LongQueue,
    Pace,
    known_in_order,
    knows_no_types,
    needs_no_mechanism,
    settled_demand,
    times_as_few,
)
from simulator.runs.saturation.own_pace import OwnPace, queue_is_long
from simulator.runs.saturation.rules import Finding, Series, Verdict, judge
from simulator.runs.saturation.weighing import (
    EARLY,
    beyond,
    finding_of,
    known_to,
    load_of,
    may_be_saturated,
    pooled,
    together,
    weigh,
)
from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig
from simulator.settings.saturation_rule import DEFAULT_RULE
from simulator.world.units import HOUR

FIRST_LOOK = 100
"""Round of the first look, or later, when enough jobs have come; later ones follow at 10 % more rounds each time."""

STRETCHES, FEWEST_STRETCHES = 6, 3
"""Stretches in which a long queue is measured, and those after which a clear answer ends it; the first is left
out, while it settles."""

MANY_STRETCHES = 4 * STRETCHES
"""Stretches of the usual length after which any number of them is enough."""

CLEAR = 2.0
"""Times the usual doubt beyond which a long queue need not be measured to its end."""

UNSETTLED, SETTLED_ERROR = 0.015, 0.010
"""Error of the pace of a queue, as a part of it, where jobs share workers: its pace is that of the jobs which run, and it takes
longer than a run has until those are the usual ones. And that of several together, or of one that has settled, at best."""

TURNED_OVER_ERROR, TURNED_OVER_ERROR_ON_ONE_WORKER = 0.022, 0.012
"""How far apart queues that are served in order are after one turnover; its root of so many times less after several."""

SHORTER, SHORTER_WORKERS = 2.0, 120.0
"""Workers that a shorter queue asks for, per worker, and at least: one of forty jobs says little."""

FEW_WORKERS = 115.0
"""The error of a shorter queue is that of a settled one, and on fewer workers larger, in proportion: few jobs that ask for several
run together, for long, and queues are as far apart after ten times the hours."""

WORSE_WHEN_LONG = ("gandiva",)
"""Policies that share workers of which it is known that their pace is lower the longer the queue where jobs ask for several
workers, so that a shorter one is measured there, and that it is not where they ask for one."""

MOST_MIXES, MOST_OF_A_KIND = 3, 12.0
"""How often a long queue may drift far to another mix of jobs, so that one of that mix is measured instead, and how many
times as many jobs of some scale factor as are drawn that has at most."""

NEAR = (0.97, 1.10)
"""Loads, by the pace of a queue, between which it may matter to which mix of jobs that drifts: the pace of all kinds of
jobs has been seen to be 7 % too fast."""

_OTHER_DRAWS = 1_000_003
"""Between the seeds of two measurements: another one is of other jobs."""

LEAST_ROUNDS, LEAST_SHARED_ROUNDS = 40, 120
"""Rounds of a long queue that say something: a queue of five workers per worker has been through eight times. Where
jobs share workers it takes longer until those run together that do so usually."""


LIKELY, LIKELY_OF_OTHERS = (
    {"fifo": 0.92, "fifo_perf": 1.02, "fifo_packed": 1.02, "gandiva": 1.01},
    0.99,
)
LIKELY_ON_ONE_WORKER = {
    "allox": 1.155,
    "gandiva": 1.15,
    "fifo_perf": 1.04,
    "fifo_packed": 1.06,
    "max_min_fairness_perf": math.inf,
    "max_min_fairness_packed": math.inf,
    "max_min_fairness_water_filling_perf": math.inf,
    "max_min_fairness_water_filling_packed": math.inf,
    "finish_time_fairness_perf": math.inf,
}
"""Part of the rate that equal shares of all workers sustain beyond which it is likely that a run is saturated, so that a long
queue is measured as soon as enough jobs have come: as far as knees are known just beyond 0.98 of the highest, and below 1.05 of
the lowest unless the bound is lower yet. The latter where no job asks for several workers: those without an end are known to come
within 1 % of the bound, and what is beyond that is proved."""

LIKELY_ON_ONE_TYPE = {"gandiva": 1.05}
"""The same of jobs on several workers where all are of one type, so that nobody can be on a wrong one: 1.06 on 30:0:0."""

WAITING, WAITING_LONGER = 0.75, 1.5
"""Below that it is measured once so many jobs wait per worker, of the usual number of workers at least, the latter where jobs are
served in order or share workers: most runs that keep up do not come to that."""

MANY_TIMES_DUE = 4.0
"""How many times the hours that say something a measurement has at first, on fewer workers more."""

USUAL_HOURS = 0.015
"""Part of the hours that a run takes for which a long queue is measured."""

RARER = 5
"""How many times as rare looks are that only ask whether it is time: each takes ten times as long as a warm one would."""


def look_after(rounds: int, times: int = 1) -> int:
    """Round of the next look: looks grow rarer as the run grows longer."""
    return rounds + max(FIRST_LOOK // 2, times * rounds // 10)


class Judge:
    """Applies a run's saturation rule to it.

    Parameters
    ----------
    config
        The run.
    made
        What makes its policy where the name in the configuration does not say it.

    Attributes
    ----------
    verdict
        The last one; None before the first.
    next_look
        Round at which to look again; None if nothing is left to look for.
    """

    def __init__(self, config: RunConfig, made: Found | None = None) -> None:
        self._config, self._made = config, made
        self._rule, self._parameters = config.saturation
        self._measured, self._measurements, self._spent = 0.0, 0, 0.0
        self._mix: np.ndarray | None = None
        self._mixes = 0
        self._doubted = False
        self._before: list[Pace] = []
        self._pace: Pace | None = None
        self._known_bound: Bound | None = None
        self._own = OwnPace()
        self.verdict: Verdict | None = None
        self.next_look: int | None = None
        if config.continuous and self._rule != "off":
            self.next_look = FIRST_LOOK

    def before(self, simulation: Simulation) -> Verdict | None:
        """Say what arithmetic proves of a run that has not begun; None if nothing.

        Of a trace it is no verdict, since a trace ends: what it offers is said in the summary.
        """
        if self._config.trace is not None:
            self.verdict = _overloaded(simulation)
            return None
        if self.next_look is None or self._rule != DEFAULT_RULE:
            return None
        if not self._proved(simulation):
            self.next_look = self._first_round_worth_it(simulation)
            return None
        if simulation.window[1] > self._parameters["jobs"]:
            self.verdict = beyond(_rate(self._config), self._bound(simulation))
        else:  # it may well end by itself
            self.next_look = min(FIRST_LOOK, self._rounds_to_a_long_queue(simulation))
        return self.verdict

    def look(self, simulation: Simulation) -> Verdict | None:
        """Look at a run between two rounds; the verdict if there is one."""
        self.next_look = look_after(simulation.rounds)
        if self._rule != DEFAULT_RULE:
            self.verdict = judge(_series_of(simulation, self._config), self._config.saturation)
        elif self._config.replay is not None:
            pass  # what was recorded is done to its end
        elif self._proved(simulation) and queue_is_long(simulation):
            found = beyond(_rate(self._config), self._bound(simulation))
            self.verdict = replace(found, time=simulation.time)
        elif self._worth_looking(simulation):
            hours = self._hours_due(simulation)
            try:
                if hours is not None:
                    self._measure(simulation, hours)
                elif not (self._own.seen or self._proved(simulation)):  # nothing is noted at looks
                    self.next_look = look_after(simulation.rounds, RARER)
                if self._pace is not None:
                    self._weigh(simulation, self._pace)
            except GavelError as wrong:
                reason = f"the pace of a long queue could not be measured: {wrong}"
                self.verdict = Verdict(self._rule, "undecided", reason, {}, simulation.time)
                self.next_look = None
        elif simulation.arrived >= self._parameters["jobs"] and not self._proved(simulation):
            self.next_look = look_after(simulation.rounds, RARER)
        return self.verdict

    def at_the_end(self, simulation: Simulation) -> None:
        """Give a run that ends without a verdict the one that costs nothing."""
        if self.verdict is not None or self.next_look is None or not simulation.rounds:
            return
        if self._rule != DEFAULT_RULE:
            self.look(simulation)
            return
        least, hours = self._parameters["jobs"], self._parameters["hours"]
        reason = (
            f"few jobs or none had waited for {hours:g} hours on end, so no long queue was measured"
        )
        if self._worth_looking(simulation) or simulation.arrived < least:
            reason = "the run was too short to spend time on the question"
        self.verdict = Verdict(self._rule, "unjudged", reason, {}, simulation.time)

    def snapshot(self) -> dict[str, Any]:
        """Everything that changes, and what it was found for, as JSON values."""
        return {
            "of": self._what_decides(),
            "next_look": self.next_look,
            "measured": self._measured,
            "measurements": self._measurements,
            "spent": self._spent,
            "mix": None if self._mix is None else self._mix.tolist(),
            "mixes": self._mixes,
            "before": [_fields(pace) for pace in self._before],
            "doubted": self._doubted,
            "seen": self._own.seen,
            "pace": None if self._pace is None else _fields(self._pace),
            "verdict": None if self.verdict is None else _fields(self.verdict),
        }

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave: the same looks and measurements follow.

        Under another rule, or another policy after a fork, everything is looked at afresh.
        """
        if memory["of"] != self._what_decides():
            return
        self.next_look = (
            None if memory["next_look"] is None else operator.index(memory["next_look"])
        )
        self._measured, self._spent = float(memory["measured"]), float(memory["spent"])
        self._measurements = operator.index(memory["measurements"])
        mix, self._mixes = memory["mix"], operator.index(memory["mixes"])
        self._mix = None if mix is None else np.array([float(value) for value in mix])
        self._doubted = bool(memory["doubted"])
        self._own.restore(memory["seen"])
        pace, verdict = memory["pace"], memory["verdict"]
        self._before = [_pace(one) for one in memory["before"]]
        self._pace = None if pace is None else _pace(pace)
        self.verdict = None if verdict is None else _verdict(**verdict)

    def _what_decides(self) -> dict[str, Any]:
        config = self._config
        names = ("policy", "engine", "tie_break", "grouping")
        return {
            "rule": self._rule,
            "parameters": dict(self._parameters),
            **{name: getattr(config, name) for name in names},
        }

    # -----------------------------------------------------------------------------------------

    @cached_property
    def _even_shares(self) -> float:
        """Jobs per hour that equal shares of all workers sustain."""
        return evenly_shared_rate(self._config)

    @property
    def _beyond_even_shares(self) -> bool:
        return _rate(self._config) > self._even_shares

    def _proved(self, simulation: Simulation) -> bool:
        """Whether no policy could sustain the rate; a program is solved only where equal shares would not."""
        if not self._beyond_even_shares:
            return False
        return self._bound(simulation).proves_saturated(_rate(self._config))

    def _rounds_to_a_long_queue(self, simulation: Simulation) -> int:
        """After how many rounds that queue is there if next to nothing leaves it."""
        jobs_a_round = _rate(self._config) * self._config.round_seconds / HOUR
        return 1 + math.ceil(DEMAND * simulation.cluster.total / jobs_a_round)

    def _first_round_worth_it(self, simulation: Simulation) -> int:
        """Round before which too few jobs have come, as far as that is known."""
        jobs, arrival = int(self._parameters["jobs"]), simulation.workload.jobs.arrival
        if self._config.ideal or not 0 < jobs <= arrival.size:
            return FIRST_LOOK
        rounds = math.ceil(float(arrival[jobs - 1]) / self._config.round_seconds)
        return max(FIRST_LOOK, rounds + 1)

    def _worth_looking(self, simulation: Simulation) -> bool:
        """Whether enough jobs have come, of which more may come than are worked off.

        A long queue says so whether jobs wait yet or not: it takes some thousand jobs until they do.
        """
        if simulation.arrived < self._parameters["jobs"]:
            return False
        return _rate(self._config) > self._likely_rate or self._crowd(simulation) >= 1.0

    @property
    def _alone(self) -> bool:
        """Whether a long queue needs no mechanism, and to ask costs little."""
        return needs_no_mechanism(self._config, self._made)

    @property
    def _likely_rate(self) -> float:
        """Jobs per hour that the policy is likely to sustain, as far as arithmetic tells."""
        name = self._known_name
        part = LIKELY.get(name, LIKELY_OF_OTHERS)
        if not self._config.multi_gpu:
            part = LIKELY_ON_ONE_WORKER.get(name, part)
        elif np.count_nonzero(list(self._config.cluster.values())) == 1:
            part = LIKELY_ON_ONE_TYPE.get(name, part)
        return part * self._even_shares

    def _crowd(self, simulation: Simulation) -> float:
        """How many times as many jobs have waited at every moment for some hours as make it worth a look; 0 for less."""
        more = self._in_order or simulation.shares_workers
        workers = max(simulation.cluster.total, USUAL_WORKERS)
        least = workers * (WAITING_LONGER if more else WAITING)
        since = simulation.time - self._parameters["hours"] * HOUR
        if since < 0 or simulation.waiting < least:
            return 0.0
        return float(simulation.waiting_since(since).min()) / least

    def _hours_due(self, simulation: Simulation) -> float | None:
        """Hours of a long queue that may be simulated now; None if not yet.

        Another measurement takes twice the hours of the one before.
        """
        due = max(self._hours_at_least(simulation), 2.0 * self._measured)
        left = self._hours_left(simulation, self._price_of_a_queue(simulation))
        enough = MANY_TIMES_DUE * times_as_few(simulation.cluster.total) * due
        return None if left < due else min(left, enough, max(due, self._usual_hours(simulation)))

    def _hours_left(self, simulation: Simulation, paid: float = 0.0) -> float:
        """Hours of a long queue for which looking may yet be spent, when so many rounds of the run have been besides."""
        rounds = HOUR / self._config.round_seconds  # in an hour
        share = self._parameters["share"] * self._odds(simulation)
        left = share * self._takes(simulation) * rounds - self._spent - paid
        return left / rounds / self._price_of_a_round(simulation)

    def _odds(self, simulation: Simulation) -> float:
        """Odds that the run is saturated: what arithmetic, its queue and the paces so far say together."""
        if self._doubted:
            return most_odds(self._in_order)
        rate, limit = _rate(self._config), 1.0 + self._parameters["margin"]
        load = None if self._pace is None else load_of(rate, self._pace)
        if load is not None and self._before and not self._in_order:
            unlike = error_by_queues(simulation.cluster.total, len(self._before))
            load = load[0], max(load[1], unlike)
        crowd, in_order = self._crowd(simulation), self._in_order
        beyond_likely, multi_gpu = rate > self._likely_rate, self._config.multi_gpu
        return odds(crowd, beyond_likely, load, limit, in_order, multi_gpu)

    def _price_of_a_queue(self, simulation: Simulation) -> float:
        seconds = self._config.round_seconds
        price = price_of_a_queue(simulation.cluster.total, seconds, self._in_order, self._alone)
        return price * self._dearer

    def _price_of_a_round(self, simulation: Simulation) -> float:
        workers = simulation.cluster.total
        price = price_of_a_round(self._known_name, workers, self._in_order, self._alone)
        return price * self._dearer

    @property
    def _dearer(self) -> float:
        """How many times as dear a long queue is as usual."""
        return DEARER_WITH_WEIGHTS if self._config.multi_priority else 1.0

    @property
    def _known_name(self) -> str:
        """The policy's name; none where it does not say what the policy is."""
        return "" if self._made is not None else self._config.policy

    def _pay(self, simulation: Simulation, hours: float) -> None:
        """Count what hours of a long queue cost."""
        self._measured += hours
        rounds = hours * HOUR / self._config.round_seconds
        self._spent += rounds * self._price_of_a_round(simulation)

    @property
    def _in_order(self) -> bool:
        """Whether the policy is known to serve jobs in order."""
        return known_in_order(self._config, self._made)

    def _hours_at_least(self, simulation: Simulation) -> float:
        """Hours of a long queue that say something."""
        rounds: float = LEAST_ROUNDS
        if simulation.shares_workers:
            rounds = LEAST_SHARED_ROUNDS * simulation.mean_scale  # jobs on more workers are fewer
        return rounds * self._config.round_seconds / HOUR

    def _usual_hours(self, simulation: Simulation) -> float:
        """Hours for which a long queue is measured."""
        return USUAL_HOURS * self._takes(simulation)

    def _takes(self, simulation: Simulation) -> float:
        """Hours that the run takes at least."""
        return max(simulation.time / HOUR, simulation.window[1] / _rate(self._config))

    def _goes_by_itself(self, simulation: Simulation) -> bool:
        """Whether the run's own pace may count before its queue is long."""
        return not simulation.shares_workers and self._wastes(simulation)

    def _wastes(self, simulation: Simulation) -> bool:
        """Whether the policy, as a long queue had it, is far from what could be done at best."""
        assert self._pace is not None
        return self._pace.rate < WASTES * self._bound(simulation).rate

    def _measure(self, simulation: Simulation, hours: float) -> None:
        """Measure a long queue for so many hours, and others while it drifts far to another mix or tells too little.

        A policy that leaves jobs on many workers behind has a queue of these alone at its limit. Where nothing is
        wasted the pace is that of the bound whatever the mix, and a queue of jobs on many workers alone has less to
        choose from than one of all kinds has. Where jobs share workers it is not known.
        """
        self._measured = 0.0
        while True:
            queue = self._measure_one(simulation, hours)
            if self._drifts(simulation, queue):
                drift = queue.settled_mix(1)
                more = drift if self._mix is None else self._mix * drift
                self._mix, self._mixes = np.minimum(more, MOST_OF_A_KIND), self._mixes + 1
                self._before, self._measured = [], 0.0  # what was measured says another thing
            elif not self._another_tells_more(simulation, queue):
                break
        if simulation.shares_workers and not self._known_to_share:
            self._ask_a_shorter_one(simulation, queue.hours)

    @property
    def _known_to_share(self) -> bool:
        """Whether it is known whether the policy does less with a long queue than with a shorter one."""
        return self._made is None and self._config.policy in WORSE_WHEN_LONG

    @property
    def _worse_when_long(self) -> bool:
        """Whether it is known to."""
        return self._known_to_share and self._config.multi_gpu

    def _ask_a_shorter_one(self, simulation: Simulation, hours: float) -> None:
        """Measure a shorter queue too, of a run that is to be stopped: the higher pace of the two stands.

        As the queue grows more jobs may share workers, and worse. A run whose queue stays short does not come to that.
        """
        assert self._pace is not None
        if finding_of(_rate(self._config), self._pace, self._parameters) != "saturated":
            return
        queue = self._next_queue(simulation, hours, SHORTER)
        for _ in range(STRETCHES):
            queue.go_on(hours / STRETCHES)
        self._pay(simulation, queue.hours)
        shorter = known_to(queue.pace(1), SETTLED_ERROR)
        if shorter.rate > self._pace.rate:
            self._pace = shorter

    def _another_tells_more(self, simulation: Simulation, queue: LongQueue) -> bool:
        """Whether it is worth while to measure a queue of other jobs at once.

        Where all jobs get their turns what a queue has wrong is that of its jobs, most of which stay. Where they are
        served in order it is as good to go on with the same one.
        """
        if queue.in_order:
            return False
        assert self._pace is not None
        rate, parameters = _rate(self._config), self._parameters
        if finding_of(rate, self._pace, parameters) != "undecided":
            return False
        left = self._hours_left(simulation, self._price_of_a_queue(simulation))
        return queue.hours <= left and may_be_saturated(rate, self._pace, parameters)

    def _drifts(self, simulation: Simulation, queue: LongQueue, clear: float = 1.0) -> bool:
        """Whether a queue drifts so many times as far as makes it another one, which may give another answer."""
        if simulation.shares_workers or not self._config.multi_gpu or queue.in_order:
            return False
        if len(self._before) > 1:  # the first one of a mix says where it drifts
            return False
        assert self._pace is not None
        load, _ = load_of(_rate(self._config), self._pace)
        least, most = NEAR
        matters = self._mixes < MOST_MIXES and least <= load <= most
        if not (matters and self._wastes(simulation)):
            return False
        return bool(queue.settled_mix(1).max() > clear * ANOTHER_MIX)

    def _measure_one(self, simulation: Simulation, hours: float) -> LongQueue:
        """Measure a long queue for so many hours, and on while it is not clear and there is a point in it.

        Looked at after so many hours, twice, four times as many, and less exactly twice between. It goes on within the
        usual hours while the rate may be beyond the margin, and beyond that as far as it may cost, unless another queue is to
        follow. Where jobs share workers it is the usual share: what such a queue has wrong while it settles is no chance,
        and a shorter queue is another one after a turnover.
        """
        rate, bound, parameters = _rate(self._config), self._bound(simulation), self._parameters
        usual = self._usual_hours(simulation)
        mix, sharing = self._mix, simulation.shares_workers
        demand = None if mix is None else settled_demand(bound)
        if self._worse_when_long:
            demand = max(SHORTER, SHORTER_WORKERS / simulation.cluster.total)
        most = max(hours, most_odds(self._in_order) * usual)
        queue = self._next_queue(simulation, most, demand)
        if queue.in_order or mix is not None:  # it takes hours until other jobs are seen
            hours = max(hours, usual)
        elif sharing:
            least = self._hours_at_least(simulation)
            usual = min(usual, queue.turnover) if self._worse_when_long else usual
            hours = min(hours, max(usual, least))
        doubtful = parameters | {"errors": CLEAR * parameters["errors"]}
        target = STRETCHES
        # until it is seen who has begun may take longer than a first stretch, which is left out in any case
        stretch = min(hours / STRETCHES, (hours - queue.begun) / (STRETCHES - 1))
        done, step = 0, 1  # in stretches of that length
        while done < target:
            part = min(step, target - done)
            queue.go_on(part * stretch)
            done += part
            if done < FEWEST_STRETCHES:
                continue  # too few to know how far they are apart
            own = queue.pace(1)
            self._pace = pace = pooled([*self._before, own])
            whole, early = done == target, known_to(pace, SETTLED_ERROR if sharing else EARLY)
            dismissed = early if sharing else known_to(pace, UNSETTLED)
            if sharing:
                self._pace = pace = known_to(pace, self._error_where_shared(simulation, queue))
            elif queue.in_order:
                least = self._error_in_order(queue)
                self._pace, dismissed = known_to(pace, least), known_to(dismissed, least)
                pace, early = self._pace, known_to(early, least)
            elif (
                finding_of(rate, pace, parameters) != "saturated"
            ):  # what is stopped has the margin
                few = error_on_few(simulation.cluster.total, len(self._before) + 1)
                self._pace, dismissed = known_to(pace, few), known_to(dismissed, few)
                pace, early = self._pace, known_to(early, few)
            if not may_be_saturated(rate, pace if whole else dismissed, parameters):
                self._pace = pace if whole else early
                break  # nothing is stopped by it, so it need not be clear
            if done < STRETCHES and sharing:
                continue
            enough = whole or (queue.in_order and done >= MANY_STRETCHES)
            seen, needed = (pace, parameters) if enough else (early, doubtful)
            if finding_of(rate, seen, needed) != "undecided":
                break
            # a queue of all kinds of jobs that is to become another says soon which one
            if (whole or mix is None) and self._drifts(simulation, queue, 1.0 if whole else CLEAR):
                break
            if whole and queue.in_order and may_be_saturated(rate, pace, parameters):
                left = self._hours_left(simulation) - queue.hours
                target = max(target, min(2 * target, done + int(left / stretch)))
                step = math.ceil((target - done) / FEWEST_STRETCHES)
        self._before.append(own)
        self._pay(simulation, queue.hours)
        return queue

    def _error_in_order(self, queue: LongQueue) -> float:
        """Part of the pace of a queue that is served in order to which it is known at best, whatever its stretches say."""
        after_one = TURNED_OVER_ERROR if self._config.multi_gpu else TURNED_OVER_ERROR_ON_ONE_WORKER
        return after_one * math.sqrt(queue.turnover / queue.hours)

    def _error_where_shared(self, simulation: Simulation, queue: LongQueue) -> float:
        """Part of the pace of this queue and those before to which it is known at best, where jobs share workers."""
        error = SETTLED_ERROR if queue.settled else UNSETTLED
        if self._worse_when_long:
            error = SETTLED_ERROR * max(1.0, FEW_WORKERS / simulation.cluster.total)
        return max(SETTLED_ERROR, error / math.sqrt(len(self._before) + 1))

    def _next_queue(self, simulation: Simulation, hours: float, demand: float | None) -> LongQueue:
        """Queue of other jobs than the one before, for so many hours at most."""
        config = replace(self._config, seed=self._config.seed + _OTHER_DRAWS * self._measurements)
        self._measurements += 1
        self._spent += self._price_of_a_queue(simulation)
        # a queue that is served in order does not drift to another mix
        arrivals, in_order = (None, None) if self._mix is None else (_rate(self._config), False)
        return LongQueue(
            config, self._bound(simulation), hours, demand, arrivals,
            self._mix, self._made, simulation, in_order,
        )  # fmt: skip

    def _bound(self, simulation: Simulation) -> Bound:
        if self._known_bound is None:
            self._known_bound = highest_rate(self._config, simulation.shares_workers)
        return self._known_bound

    def _weigh(self, simulation: Simulation, pace: Pace) -> None:
        """Weigh the rate against the pace of a long queue, and that of the run where it helps."""
        bound, rate, parameters = self._bound(simulation), _rate(self._config), self._parameters
        finding = finding_of(rate, pace, parameters)
        may_be = self._doubted or may_be_saturated(rate, pace, parameters)
        if finding == "undecided" and may_be:
            own = None  # under a policy that knows no types it changes with who runs, for weeks
            if not knows_no_types(self._config, self._made):
                by_itself = self._goes_by_itself(simulation)
                own = self._own.taken(simulation, pace, bound, by_itself)
            known = self.verdict is not None and self.verdict.figures.get("pace") == pace.rate
            if own is None and known:
                return  # nothing new is known
            if own is not None:
                pace = own[0] if own[1] else together(pace, own[0])
                finding = finding_of(rate, pace, parameters)
                self._doubted = finding_of(rate, own[0], parameters) == "saturated" != finding
        if finding != "undecided" or not (
            self._doubted or may_be_saturated(rate, pace, parameters)
        ):
            self.next_look = None
        verdict = weigh(rate, pace, bound, parameters)
        figures = {"arrived": float(simulation.arrived), "active": float(simulation.active)}
        figures |= verdict.figures
        reason, time = verdict.reason, simulation.time
        self.verdict = Verdict(self._rule, verdict.finding, reason, figures, time)


def _fields(kept: Pace | Verdict) -> dict[str, Any]:
    """What a checkpoint keeps of them; it is asked for at each look."""
    return {name: getattr(kept, name) for name in kept.__slots__}


def _pace(memory: Mapping[str, Any]) -> Pace:
    """A pace out of a checkpoint."""
    return Pace(**(_numbers(memory) | {"queue": int(memory["queue"])}))


def _numbers(memory: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): float(value) for name, value in memory.items()}


def _verdict(
    rule: str, finding: Finding, reason: str, figures: Mapping[str, Any], time: float
) -> Verdict:
    """A verdict out of a checkpoint."""
    if finding not in get_args(Finding):
        raise ValueError(f"state.judge.verdict is {finding!r}")
    return Verdict(str(rule), finding, str(reason), _numbers(figures), float(time))


def _rate(config: RunConfig) -> float:
    """Jobs per hour that arrive."""
    assert config.interarrival is not None
    return HOUR / config.interarrival


def _overloaded(simulation: Simulation) -> Verdict | None:
    """What is to be said of a trace that offers more than the cluster can do; None if it does not."""
    jobs = simulation.workload.jobs
    columns = {name: getattr(jobs, name) for name in ("arrival", "key", "scale_factor", "steps")}
    bound = bound_of_jobs(
        columns, simulation.measurements, simulation.cluster, simulation.shares_workers
    )
    if bound is None or not bound.proves_saturated(1.0):
        return None
    scarcest = bound.worker_types[int(bound.prices.argmax())]
    reason = (
        f"until its last job arrives the trace offers {1.0 / bound.rate:.1%} of what any policy could "
        f"do with these workers (most of all {scarcest} is missing), so jobs pile up until then"
    )
    figures = {f"offered_{name}": use / bound.rate for name, use in _named(bound)}
    return Verdict("bound", "not applicable", reason, {"offered": 1.0 / bound.rate} | figures)


def _named(bound: Bound) -> list[tuple[str, float]]:
    return list(zip(bound.worker_types, bound.use.tolist(), strict=True))


def _series_of(simulation: Simulation, config: RunConfig) -> Series:
    """What the saturation rules look at."""
    series, jobs = simulation.series, simulation.jobs
    return Series(
        time=series["time"],
        active=series["active"],
        arrived=series["arrived"],
        completed=series["completed"],
        utilization=series["utilization"],
        arrival=jobs["arrival"],
        finish=jobs["finish"],
        arrival_rate=1.0 / config.interarrival if config.interarrival else 0.0,
        window=simulation.window,
    )
