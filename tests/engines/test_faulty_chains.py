"""Faulty engines in each place of a chain, for every kind of program, of a product of levels too, and below the drop-in."""

from __future__ import annotations

from dataclasses import replace

import broken
import numpy as np
import pytest
from test_faulty_solvers import WRONG, program

from gavel_opt import ClusterState, SolveFailed, ThroughputTable, make_engine
from gavel_opt.driver import Driver
from gavel_opt.engines.protocol import Capability
from gavel_opt.gavel import get_policy
from gavel_opt.model.solution import Certificate, Solution, Status
from gavel_opt.policies import make_policy

PRODUCTS = "max_min_fairness_strategy_proof"
POLICIES = (
    *("max_min_fairness_perf", "finish_time_fairness_perf", "min_total_duration_packed"),
    *("max_min_fairness_water_filling_perf", "max_sum_throughput_normalized_by_cost_perf_SLOs"),
)


class Products(broken.Wrapped):
    """Maximises products of levels, as the baseline does, and spoils the answer in a way."""

    capability = Capability(allocation=True, product=True)

    def solve_product(self, program, options=None):
        solution, answer = make_engine("cvxpy-rebuild").solve_product(program, options)
        return self.spoiled(solution, answer)

    def spoiled(self, solution, answer):
        return solution, answer


class ProductRaises(Products):
    name = "product-raises"

    def solve_product(self, program, options=None):
        raise IndexError("list index out of range")


class ProductExits(Products):
    name = "product-exits"

    def solve_product(self, program, options=None):
        raise SystemExit(0)


class ProductNothing(Products):
    name = "product-nothing"

    def solve_product(self, program, options=None):
        return None


class ProductInfeasible(Products):
    name = "product-infeasible"

    def solve_product(self, program, options=None):
        return Solution(Status.INFEASIBLE), None


class ProductEmpty(Products):
    name = "product-empty"

    def spoiled(self, solution, answer):
        return solution, None


class ProductNotNumbers(Products):
    name = "product-not-numbers"

    def spoiled(self, solution, answer):
        return solution, replace(answer, x=answer.x * np.nan)


class ProductForges(Products):
    """Another point, with the proof of the right one."""

    name = "product-forges"

    def spoiled(self, solution, answer):
        solution.certificate = Certificate(0.0, 0.0, 0.0)
        return solution, replace(answer, x=answer.x * 0.9)


class ProductTooMuch(Products):
    """More than there is."""

    name = "product-too-much"

    def spoiled(self, solution, answer):
        return solution, replace(answer, x=answer.x * 1.5)


class ProductBelowNothing(Products):
    name = "product-below-nothing"

    def spoiled(self, solution, answer):
        return solution, replace(answer, x=answer.x - 0.1)


class ProductShape(Products):
    name = "product-shape"

    def spoiled(self, solution, answer):
        return solution, replace(answer, x=answer.x[:1])


class ProductWords(Products):
    name = "product-words"

    def spoiled(self, solution, answer):
        return solution, replace(answer, x="one")


WRONG_PRODUCTS = [
    *(ProductRaises, ProductExits, ProductNothing, ProductInfeasible, ProductEmpty),
    *(ProductNotNumbers, ProductForges, ProductTooMuch, ProductBelowNothing, ProductShape),
    ProductWords,
]


def state() -> ClusterState:
    rng = np.random.default_rng(4)
    jobs = 6
    alone = rng.uniform(1.0, 2.0, jobs)[:, None] * rng.uniform(0.5, 1.5, (jobs, 3)) * [1, 2, 4]
    beside = alone[:, None] * rng.uniform(0.3, 0.9, (jobs, jobs, 3))
    steps = rng.uniform(1e4, 1e5, jobs)
    return ClusterState(
        worker_types=("k80", "p100", "v100"),
        workers=np.array([2, 1, 1]),
        throughputs=ThroughputTable(
            alone, np.stack([beside, beside.transpose(1, 0, 2)], axis=2), 2
        ),
        job=np.arange(jobs),
        key=np.arange(jobs),
        scale_factor=np.ones(jobs, dtype=np.int64),
        weight=np.ones(jobs),
        steps_left=steps,
        age=rng.uniform(0.0, 1e5, jobs),
        deadline=9.0 * steps / alone.max(axis=1),
        prices=np.array([1.0, 2.0, 4.0]),
    )


@pytest.fixture
def chain(monkeypatch):
    """Makes a driver of a policy and a chain of engines, classes of faulty ones among them."""
    from gavel_opt import engine_chain

    made = {engine.name: engine for engine in (*WRONG, *WRONG_PRODUCTS)}

    def by_name(name):
        return made[name]() if name in made else make_engine(name)

    monkeypatch.setattr(engine_chain, "make_engine", by_name)

    def driver(policy, *engines):
        names = [one if isinstance(one, str) else one.name for one in engines]
        return Driver(make_policy(policy), by_name(names[0]), fallback=names[1:])

    return driver


@pytest.mark.parametrize("wrong", WRONG, ids=lambda engine: engine.name)
@pytest.mark.parametrize("policy", POLICIES)
def test_in_each_place_of_a_chain(chain, policy, wrong):
    right = chain(policy, "highs").allocate(state()).x
    other = WRONG[WRONG.index(wrong) - 1]
    for engines in ((wrong, "highs"), ("highs", wrong), (other, wrong, "highs")):
        found = chain(policy, *engines)
        np.testing.assert_array_equal(found.allocate(state()).x, right)
        assert (found.tally.fallbacks > 0) == (engines[0] != "highs")
    with pytest.raises(SolveFailed, match=wrong.name):
        chain(policy, wrong).allocate(state())


@pytest.mark.parametrize("wrong", WRONG_PRODUCTS, ids=lambda engine: engine.name)
def test_in_each_place_of_a_chain_for_products(chain, wrong):
    right = chain(PRODUCTS, "cvxpy-rebuild").allocate(state()).x
    other = WRONG_PRODUCTS[WRONG_PRODUCTS.index(wrong) - 1]
    good, linear = "cvxpy-rebuild", "highs"
    for engines in ((wrong, good), (good, wrong), (other, linear, wrong, good), (linear, good)):
        found = chain(PRODUCTS, *engines)
        np.testing.assert_array_equal(found.allocate(state()).x, right)
        assert (found.tally.fallbacks > 0) == (engines[0] is wrong or engines[0] is other)
    with pytest.raises(SolveFailed, match=rf"{wrong.name}: .*add one to --fallback"):
        chain(PRODUCTS, wrong, linear).allocate(state())


@pytest.mark.parametrize("wrong", WRONG, ids=lambda engine: engine.name)
def test_below_gavels_own_interface(wrong):
    """HiGHS is asked instead; a call without anybody else to ask fails, and leaves nothing behind for the next."""
    table = {job: {"k80": 1.0 + job, "p100": 2.0, "v100": 9.0 - job} for job in range(4)}
    ones = dict.fromkeys(table, 1)
    call = table, ones, ones, {"k80": 2, "p100": 1, "v100": 1}
    right = get_policy("max_min_fairness_perf", solver="highs").get_allocation(*call)
    policy = get_policy("max_min_fairness_perf", solver="highs")
    for chain in ([wrong(), "highs"], [wrong()], ["highs"]):
        policy.driver._chain = list(chain)
        if "highs" in chain:
            assert policy.get_allocation(*call) == right
            continue
        with pytest.raises(SolveFailed, match=wrong.name):
            policy.get_allocation(*call)


class StartsBadly(broken.Wrapped):
    """Loses digits wherever it starts from what it kept of a program."""

    name = "starts-badly"
    capability = Capability(warm_start=True)
    keeps, forgot = False, 0

    def spoil(self, program, solution):
        solution.stats.reused = self.keeps
        if self.keeps:
            solution.x[0] += 1e-3
        self.keeps = True

    def forget(self):
        self.keeps = False
        self.forgot += 1


@pytest.mark.parametrize("forgets", [True, False])
def test_digits_lost_by_the_start_are_found_from_scratch(forgets, monkeypatch):
    engine = StartsBadly()
    if not forgets:
        monkeypatch.delattr(StartsBadly, "forget")
    driver = Driver(make_policy("max_min_fairness_perf"), engine, fallback=("ortools",))
    given = program()
    answers = [driver.solve(given) for _ in range(2)]
    assert answers[0].level == pytest.approx(answers[1].level, rel=1e-9)
    assert (engine.forgot, driver.tally.fallbacks) == ((1, 0) if forgets else (0, 1))
