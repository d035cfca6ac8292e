"""Measures one case: CPU time of whole policy calls, state in, allocation out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.specs import CONTENDERS, NOTHING_KEPT, REFERENCE, Case
from bench.states import Drawn, Source, source
from bench.values import EQUAL, check, check_feasible, value
from gavel_opt import Allocation, ClusterState, Driver, Tally, make_policy

PARTS = ("build", "translate", "solve", "read", "certify", "tie_break")
BUDGET = 0.6
"""CPU seconds that a case may take, about, apart from its first call."""
MOST_ROUNDS, FEWEST_ROUNDS = 40, 3
LONG = 3.0
"""Calls above this many seconds are measured once."""

LOOSE = 1e-5
"""What the answers of solvers at their own, loose tolerances may be off by, relatively."""


@dataclass
class Called:
    """One measured call."""

    driver: Any
    state: ClusterState
    allocation: Allocation | None = None


class Calls:
    """Successive policy calls of a case, each prepared outside of the measured time.

    First solves are calls of fresh drivers on one state. Next rounds are calls of one driver on the
    states of a walk, after one call that is not measured.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.source: Source = source(case.spec.kind, case.jobs, case.spec.policy)
        self.last: Called | None = None
        self.tallies: list[tuple[Tally, Tally]] = []
        self._driver = self.fresh()
        if case.mode == "next" and case.label not in NOTHING_KEPT:
            self._driver.allocate(self.source.now)

    def fresh(self) -> Any:
        """A new driver, whose policy remembers what it would by now."""
        spec = self.case.spec
        if self.case.label == REFERENCE:
            from bench.reference import REFERENCES

            return REFERENCES[spec.policy]()
        contender = CONTENDERS[self.case.label]
        driver = Driver(make_policy(spec.policy), contender.engine, **contender.settings)
        if "time" in driver.policy.snapshot():
            memory = self.source.memory()
            assert memory is not None
            driver.policy.restore(memory)
        return driver

    def rounds(self) -> int:
        """How often to measure, by the time of one call that is not measured."""
        call = self.prepare()
        started = time.process_time()
        call()
        took = max(time.process_time() - started, 1e-5)
        if took > LONG:
            return 1
        return max(FEWEST_ROUNDS, min(MOST_ROUNDS, int(BUDGET / took), self.source.left))

    def prepare(self) -> Callable[[], None]:
        """Make the next call ready."""
        if self.case.mode == "first":
            called = Called(self.fresh(), self.source.now)
        else:
            called = Called(self._driver, self.source.advance())
        if called.driver.tally is not None:
            self.tallies.append((called.driver.tally, _copy(called.driver.tally)))
        self.last = called
        allocate, state = called.driver.allocate, called.state

        def call() -> None:
            called.allocation = allocate(state)

        return call

    def check(self) -> float:
        """Assert that the last answer is right; returns its value."""
        case, last = self.case, self.last
        assert last is not None
        assert last.allocation is not None
        policy, state, allocation = case.spec.policy, last.state, last.allocation
        if case.label == REFERENCE:
            # The makespan of a bisection is up to 5 % long; nothing else is let off.
            check_feasible(state, allocation)
            best = Driver(make_policy(policy), "structured").allocate(state)
            found = value(policy, state, allocation, None)
            most = 0.051 if policy.startswith("min_total") else 1e-4
            assert abs(found / value(policy, state, best, None) - 1.0).max() <= most
            return float(found.mean())
        loose = CONTENDERS[case.label].settings.get("tolerance", EQUAL) > EQUAL
        engine = CONTENDERS[case.label].engine
        return check(policy, engine, state, allocation, last.driver, LOOSE if loose else EQUAL)

    def parts(self) -> dict[str, float]:
        """Mean wall-clock seconds of a call by part, and what the driver counted."""
        if not self.tallies:
            return {}
        calls = len(self.tallies)
        ends = {id(now): now for now, _ in self.tallies}
        starts: dict[int, Tally] = {}
        for now, before in self.tallies:
            starts.setdefault(id(now), before)
        found = {}
        for name in (*PARTS, "programs", "cache_hits", "fallbacks"):
            total = sum(getattr(ends[i], name) - getattr(starts[i], name) for i in ends)
            found[name] = total / calls
        return found


def _copy(tally: Tally) -> Tally:
    copy = Tally()
    for name in (*PARTS, "programs", "cache_hits", "fallbacks"):
        setattr(copy, name, getattr(tally, name))
    return copy


def warm() -> None:
    """Load the compiled code, so that no measured call does."""
    for policy in ("max_min_fairness_perf", "finish_time_fairness_perf"):
        state = Drawn("single-GPU", 8).now
        Driver(make_policy(policy), "structured").allocate(state)
