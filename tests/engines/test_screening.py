"""Programs answered before a solver: what is answered, what is refused, and that nobody else is asked."""

import math

import broken
import numpy as np
import pytest
from scipy import sparse

from gavel_opt.driver import Driver
from gavel_opt.engines.protocol import Capability
from gavel_opt.errors import InputError
from gavel_opt.model.allocation_program import AllocationProgram, FinishTimeProgram
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.presolve import screen, screen_blocks
from gavel_opt.model.solution import Solution, Status
from gavel_opt.policies import make_policy
from gavel_opt.testing import KNOWN
from gavel_opt.testing.blocks import make_blocks

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize("known", KNOWN, ids=lambda k: k.name)
def test_exactly_the_programs_that_need_no_solver(known):
    solution = screen(known.make())
    assert (solution is not None) is known.screened
    if solution is not None:
        assert solution.status is known.status
        if known.objective is not None:
            assert solution.objective == known.objective
            assert solution.x.tolist() == list(known.x)
            assert solution.row_dual.tolist() == [0.0] * known.make().shape[0]
            assert solution.certificate.within(0.0)
        assert solution.stats.detail.startswith("no solver needed: ")


def test_the_sentence_says_where():
    program = LinearProgram.build(
        [1, 1],
        [[1, 1], [2, 1]],
        [0, 3],
        [5, 1],
        row_names=("first", "second"),
        col_names=("x", "y"),
    )
    assert "row 'second' cross: 3 to 1" in screen(program).stats.detail
    program = LinearProgram.build([1, 1], [[1, 1]], 0, 1, [0, 7], [1, 2])
    assert "column 1 cross: 7 to 2" in screen(program).stats.detail


@pytest.mark.parametrize(
    ("says", "parts"),
    [
        ("objective coefficient of column 'y' is nan", {"c": [1, NAN]}),
        ("objective coefficient of column 'x' is -inf", {"c": [-INF, 1]}),
        ("coefficient of column 'y' in row 'second' is inf", {"a": [[1, 1], [1, INF]]}),
        ("coefficient of column 'x' in row 'first' is nan", {"a": [[NAN, 1], [1, 1]]}),
        ("lower bound of row 'second' is NaN", {"row_lower": [0, NAN]}),
        ("upper bound of row 'first' is NaN", {"row_upper": [NAN, 1]}),
        ("lower bound of column 'x' is NaN", {"col_lower": [NAN, 0]}),
        ("upper bound of column 'y' is NaN", {"col_upper": [1, NAN]}),
        ("offset of the objective is nan", {"offset": NAN}),
    ],
)
def test_what_is_no_number_is_named(says, parts):
    whole = {
        "c": [1, 1],
        "a": [[1, 1], [1, 1]],
        "row_lower": 0,
        "row_upper": 1,
        "row_names": ("first", "second"),
        "col_names": ("x", "y"),
    }
    with pytest.raises(InputError, match=says):
        screen(LinearProgram.build(**(whole | parts)))


def test_a_zero_cost_column_stays_near_zero():
    program = LinearProgram.build(
        [0, 0, 0, 0], sparse.csc_array((1, 4)), -1, 1, [-INF, 2, -INF, -1], [INF, INF, -3, 1]
    )
    assert screen(program).x.tolist() == [0, 2, -3, 0]


def blocks(**change):
    parts = {"rate": [[1.0, 2.0], [2.0, 1.0]], "workers": [1, 1]}
    return make_blocks(**(parts | change))


@pytest.mark.parametrize(
    ("says", "program"),
    [
        (
            "rate of group 1 is nan",
            AllocationProgram(blocks(rate=[[1, 2], [NAN, 1]]), np.ones(2), np.zeros(2)),
        ),
        (
            "workers of type 1 are inf",
            AllocationProgram(blocks(workers=[1, INF]), np.ones(2), np.zeros(2)),
        ),
        ("slope of group 0 is nan", AllocationProgram(blocks(), np.array([NAN, 1]), np.zeros(2))),
        (
            "steps of group 0 is inf",
            FinishTimeProgram(blocks(), np.zeros(2), np.array([INF, 1]), np.ones(2)),
        ),
    ],
)
def test_blocks_that_are_no_numbers_are_named(says, program):
    with pytest.raises(InputError, match=says):
        screen_blocks(program)


def test_floors_may_be_infinite():
    screen_blocks(AllocationProgram(blocks(), np.zeros(2), np.full(2, -INF)))


class Listening(broken.Wrapped):
    """Counts the programs that reach it."""

    asked = 0

    def solve(self, program, options=None):
        Listening.asked += 1
        return super().solve(program)


def test_the_driver_asks_no_engine_what_is_no_number():
    engine = Listening()
    driver = Driver(make_policy("max_min_fairness_perf"), engine, fallback=(), tie_break="none")
    bad = AllocationProgram(blocks(rate=[[1, 2], [NAN, 1]]), np.ones(2), np.zeros(2))
    Listening.asked = 0
    with pytest.raises(InputError, match=r"rate of group 1 is nan|row 1 is nan"):
        driver.solve(bad)
    assert Listening.asked == 0


def test_nor_an_engine_that_takes_blocks():
    class TakesBlocks(broken.Wrapped):
        capability = Capability(allocation=True)
        asked = 0

        def solve_blocks(self, program, options=None):
            TakesBlocks.asked += 1
            return Solution(Status.IMPRECISE), None

    driver = Driver(make_policy("max_min_fairness_perf"), TakesBlocks(), tie_break="none")
    with pytest.raises(InputError, match="rate of group 1 is nan"):
        driver.solve(AllocationProgram(blocks(rate=[[1, 2], [NAN, 1]]), np.ones(2), np.zeros(2)))
    assert TakesBlocks.asked == 0
    driver.solve(AllocationProgram(blocks(), np.ones(2), np.zeros(2)))
    assert TakesBlocks.asked == 1


def test_the_driver_uses_no_answer_without_a_proof():
    """An engine without duals is held to the dual program; a wrong point is refused."""
    program = AllocationProgram(blocks(), np.ones(2), np.zeros(2))

    class WrongAndWithoutDuals(broken.NoDuals):
        def spoil(self, program, solution):
            if program.maximize and program.shape[1] == 5:  # the program, not its dual
                solution.x = solution.x * 0.5
            solution.row_dual = None

    policy = make_policy("max_min_fairness_perf")
    right = Driver(policy, broken.NoDuals(), fallback=(), tie_break="none")
    assert right.solve(program).objective == pytest.approx(2.0)
    assert right.tally.max_relative_gap < 1e-9
    assert right.tally.programs == 2
    wrong = Driver(policy, WrongAndWithoutDuals(), fallback=("highs",), tie_break="none")
    assert wrong.solve(program).objective == pytest.approx(2.0)
    assert wrong.tally.fallbacks == 1


def test_statuses_have_advice():
    assert len({status.advice for status in Status}) == len(Status)
