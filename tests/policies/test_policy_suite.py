"""The conformance suite for policies: ours pass, and what each case is for is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gavel_opt import POLICIES, Policy, ProgramBuilder
from gavel_opt.errors import MissingLibraryError
from gavel_opt.policies.max_min import MaxMinFairness
from gavel_opt.testing import POLICY_CASES, check_policy_case, policies, run_policy_conformance

EXAMPLES = Path(__file__).parents[2] / "docs" / "example_policies"

SHARES = ["feasible_shares", "odd_states_are_answered"]
AS_THE_REFERENCE = {
    "proportional": SHARES,  # hands every job the whole cluster in proportion
    "fifo": SHARES,  # draws one type and uses another
}

THEIRS = [f"{file}:{name}" for file, name in (
    ("guaranteed.py", "Guaranteed"),
    ("shortest_remaining.py", "ShortestRemaining"),
    ("urgent.py", "Urgent"),
)]  # fmt: skip


@pytest.mark.parametrize("name", POLICIES)
def test_our_policies(name):
    report = run_policy_conformance(name, quiet=True)
    assert [one.case for one in report.failures] == AS_THE_REFERENCE.get(name, [])


@pytest.mark.parametrize("name", THEIRS)
def test_the_examples_of_the_docs(name):
    lines = (EXAMPLES / name.partition(":")[0]).read_text().splitlines()
    assert len(lines) <= 25
    report = run_policy_conformance(f"{EXAMPLES}/{name}", quiet=True)
    assert not report.failures


class TooMuch(Policy):
    def shares(self, state):
        return np.ones((state.job.size, state.workers.size))


class FirstComesFirst(Policy):
    def shares(self, state):
        x = np.zeros((state.job.size, state.workers.size))
        x[:1, 0] = 1.0 / max(1, state.scale_factor[:1].sum())
        return x


class Forgets(Policy):
    """Counts how often it was asked, and says nothing of it in a snapshot."""

    def __init__(self):
        self.asked = 0

    def shares(self, state):
        self.asked += 1
        return np.full((state.job.size, state.workers.size), 0.001 / self.asked)


class KeepsForAll(Policy):
    asked: list[int] = []  # noqa: RUF012

    def shares(self, state):
        self.asked.append(1)
        return np.full((state.job.size, state.workers.size), 0.001 / len(self.asked))


class Writes(Policy):
    def shares(self, state):
        state.weight *= 2.0
        return np.zeros((state.job.size, state.workers.size))


class WritesElsewhere(Policy):
    """Writes into what some policies alone look at."""

    def __init__(self, where):
        self.where = where

    def shares(self, state):
        owner = state.throughputs if self.where == "paired" else state
        getattr(owner, self.where)[:] = 0
        return np.zeros((state.job.size, state.workers.size))


class OnOneType(Policy):
    """Looks at no worker counts."""

    def shares(self, state):
        x = np.zeros((state.job.size, state.workers.size))
        x[:, 0] = 1.0 / max(1, state.scale_factor.sum())
        return x


class ReadsLevels(Policy):
    """Takes what an engine leaves open for the answer: its name decides."""

    def programs(self, state, merge):
        program = ProgramBuilder(state)
        program.maximise_smallest(1.0 / program.throughput_on(program.equal_share))
        found = yield from program.solve(merge)
        return replace(found, x=found.x if merge else found.x * 0.5)


class NotAJob(Policy):
    def shares(self, state):
        return np.zeros((state.job.size + 1, state.workers.size))


@pytest.mark.parametrize(
    ("policy", "case"),
    [
        (TooMuch, "feasible_shares"),
        (FirstComesFirst, "order_of_jobs_does_not_matter"),
        (FirstComesFirst, "equal_jobs_get_equal_shares"),
        (Forgets, "snapshot_and_restore"),
        (KeepsForAll, "nothing_kept_between_runs"),
        (Writes, "state_is_not_changed"),
        (NotAJob, "odd_states_are_answered"),
        (OnOneType, "odd_states_are_answered"),
    ],
)
def test_what_is_wrong_is_found(policy, case):
    report = run_policy_conformance(policy, quiet=True)
    assert case in [one.case for one in report.failures]


@pytest.mark.parametrize("where", ["deadline", "entity", "prices", "workers", "paired"])
def test_no_part_of_a_state_may_be_written(where):
    report = run_policy_conformance(WritesElsewhere, quiet=True, where=where)
    assert "state_is_not_changed" in [one.case for one in report.failures]


def test_a_queue_that_does_not_declare_itself_is_told_the_trait():
    named = [one for one in POLICY_CASES if one.name.startswith(("order_of", "equal_jobs"))]
    for case in named:
        with pytest.raises(AssertionError, match=r"traits = gavel_opt\.Traits\(by_arrival=True\)"):
            check_policy_case(case, FirstComesFirst)


def test_a_way_around_programs_is_found(monkeypatch):
    """As the default engine did it: a subclass inherits the way around."""
    from gavel_opt import driver

    class Derived(MaxMinFairness):
        def __init__(self):
            super().__init__("derived", "perf")

        def programs(self, state, merge):
            weight = state.weight * np.where(state.key == 0, 4.0, 1.0)
            return (yield from super().programs(replace(state, weight=weight), merge))

    assert run_policy_conformance(Derived, quiet=True).passed
    around = lambda policy: getattr(policy, "variant", None)  # noqa: E731
    monkeypatch.setattr(driver, "known_variant", around)
    failed = [one.case for one in run_policy_conformance(Derived, quiet=True).failures]
    assert failed == ["every_engine_the_same", "programs_are_what_counts"]


def test_one_case_for_pytest():
    by_name = {case.name: case for case in POLICY_CASES}
    assert check_policy_case(by_name["feasible_shares"], "isolated") == ""
    assert "by arrival" in check_policy_case(by_name["equal_jobs_get_equal_shares"], "fifo")
    assert "no programs" in check_policy_case(by_name["every_engine_the_same"], "isolated")


def test_engines_are_not_compared_where_one_is_not_installed(monkeypatch):
    def missing(name):
        raise MissingLibraryError(f"engine {name!r} needs ecos")

    monkeypatch.setattr(policies, "make_engine", missing)
    case = next(one for one in POLICY_CASES if one.name == "every_engine_the_same")
    assert "ecos" in check_policy_case(case, "max_min_fairness_strategy_proof")
    assert not check_policy_case(case, "max_min_fairness_perf")
