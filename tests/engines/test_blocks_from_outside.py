"""Answers in blocks from engines of others: their certificates are claims, and are made anew."""

import numpy as np
import pytest

from gavel_opt import SolveFailed, make_engine
from gavel_opt.driver import Driver
from gavel_opt.engines.protocol import Capability, Options
from gavel_opt.model.allocation_program import AllocationProgram, FinishTimeProgram
from gavel_opt.model.recertified import recertify
from gavel_opt.model.solution import Certificate, Solution, Status
from gavel_opt.policies import make_policy
from gavel_opt.testing.blocks import KNOWN_BLOCKS, make_blocks


class Outside:
    """Our engine under another's name; every certificate that it gives is perfect."""

    name = "outside"
    capability = Capability(allocation=True, finish_time=True)

    def version(self):
        return "outside 1.0"

    def solve(self, program, options=None):
        return Solution(Status.NUMERICAL_ERROR)

    def solve_blocks(self, program, options=None):
        solution, answer = make_engine("structured").solve_blocks(program, Options())
        solution.certificate = Certificate(0.0, 0.0, 0.0)
        self.spoil(answer)
        return solution, answer

    def spoil(self, answer):
        pass


class Short(Outside):
    """Feasible, and not optimal."""

    def spoil(self, answer):
        answer.x = answer.x * 0.9


class Beyond(Outside):
    """Better than possible."""

    def spoil(self, answer):
        answer.x = answer.x * 1.1


class Boasts(Outside):
    """The right allocation, and a wrong figure for it."""

    def spoil(self, answer):
        answer.objective += 1.0
        answer.level += 1.0


class NoPrices(Outside):
    """The right allocation without a word why."""

    def spoil(self, answer):
        answer.level_dual = np.zeros_like(answer.level_dual)
        answer.capacity_dual = np.zeros_like(answer.capacity_dual)


class WrongShape(Outside):
    """An allocation for others."""

    def spoil(self, answer):
        answer.x = answer.x[:, :1]


class NotNumbers(Outside):
    """NaN."""

    def spoil(self, answer):
        answer.x = np.full_like(answer.x, np.nan)


def level():
    blocks = make_blocks(rate=[[1.0, 2.0], [2.0, 1.0]], workers=[1, 1])
    return AllocationProgram(blocks, np.ones(2), np.zeros(2))


def ratio():
    blocks = make_blocks(rate=[[1.0, 2.0], [2.0, 1.0]], workers=[1, 1])
    return FinishTimeProgram(blocks, np.zeros(2), np.ones(2), np.ones(2))


def driver(engine, *fallback):
    policy = make_policy("max_min_fairness_perf")
    return Driver(policy, engine, fallback=fallback, tie_break="none")


@pytest.mark.parametrize("known", KNOWN_BLOCKS, ids=lambda known: known.name)
def test_right_answers_are_proven_by_what_they_hold(known):
    program = known.make()
    solution, answer = make_engine("ecos").solve_blocks(program)
    if solution.status is not Status.OPTIMAL:
        return
    found, certificate = recertify(program, answer)
    assert certificate.within(1e-7)
    assert found.objective == pytest.approx(known.objective, rel=1e-7)


@pytest.mark.parametrize("make", [level, ratio])
@pytest.mark.parametrize("engine", [Short, Beyond, WrongShape, NotNumbers])
def test_wrong_ones_are_refused(engine, make):
    chain = driver(engine(), "highs")
    right = driver("structured").solve(make()).objective
    assert chain.solve(make()).objective == pytest.approx(right)
    assert chain.tally.fallbacks == 1
    with pytest.raises(SolveFailed):
        driver(engine()).solve(make())


@pytest.mark.parametrize("engine", [Outside, Boasts, NoPrices])
def test_right_ones_are_used_with_figures_of_ours(engine):
    alone = driver(engine())
    answer = alone.solve(level())
    assert answer.objective == answer.level == pytest.approx(2.0, rel=1e-12)
    assert alone.tally.fallbacks == 0


def test_shares_without_a_program_are_asked_of_our_engines_only():
    class Door(Outside):
        capability = Capability(allocation=True, finish_time=True, one_step=True)

        def solve_at_once(self, state, program, widest, options=None):
            raise AssertionError("asked")

    assert driver(Door())._one_step is None
    assert driver("structured")._one_step is not None
