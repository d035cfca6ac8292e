"""What looking costs a run that keeps up, counted in rounds, and what is spent on one that does not."""

from __future__ import annotations

import math

import numpy as np
import pytest

import simulator
from simulator.runs.saturation.budget import (
    APART,
    MOST_ODDS,
    ODDS_BEYOND_LIKELY,
    ODDS_BEYOND_LIKELY_ON_ONE_WORKER,
    odds,
    price_of_a_queue,
    price_of_a_round,
)
from simulator.runs.saturation.long_queue import LongQueue

LIMIT = 1.015
"""Half way between 0.98 and 1.05."""


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> list[LongQueue]:
    """Long queues that were made."""
    made: list[LongQueue] = []
    begin = LongQueue.__init__

    def noted(self, *args, **settings):
        begin(self, *args, **settings)
        made.append(self)

    monkeypatch.setattr(LongQueue, "__init__", noted)
    return made


class TestARunThatKeepsUp:
    """0.98 of knees under whose policies looking took 4 to 16 % of the time: a queue made counts as many rounds as it takes."""

    @pytest.mark.parametrize(
        ("policy", "cluster", "rate", "settings"),
        [
            ("gandiva", "36:36:36", 5.494, {}),
            ("gandiva", "36:36:36", 2.280, {"multi_gpu": True}),
            ("gandiva", "6:6:6", 0.9163, {}),
            ("gandiva", "60:0:4", 1.963, {"multi_gpu": True}),
            ("fifo_perf", "36:36:36", 4.930, {}),
            ("fifo_perf", "36:36:36", 4.918, {"round_seconds": 1200}),
            ("fifo_perf", "6:6:6", 0.8261, {}),
            ("isolated", "6:6:6", 0.786, {}),
            ("finish_time_fairness", "36:36:36", 4.727, {}),
        ],
    )
    def test_pays_three_hundredths_of_its_rounds_at_most(
        self, policy, cluster, rate, settings, queues
    ):
        spent = rounds = 0.0
        in_order, workers = policy == "fifo_perf", sum(map(int, cluster.split(":")))
        seconds = settings.get("round_seconds", 360)
        for seed in (0, 1, 2):
            queues.clear()
            given = {"policy": policy, "cluster": cluster, "rate": rate, "seed": seed}
            found = simulator.run(window=(4000, 5000), **given, **settings)
            assert found.status == "completed"
            rounds += found.summary["rounds"]
            price = price_of_a_round(policy, workers, in_order, in_order)
            spent += len(queues) * price_of_a_queue(workers, seconds, in_order, in_order)
            spent += price * math.fsum(queue.hours for queue in queues) * 3600 / seconds
        assert spent <= 0.03 * rounds


class TestOdds:
    @pytest.mark.parametrize("error", [0.01, 0.02, 0.03, 0.05])
    def test_evidence_for_what_is_not_so_costs_less_than_the_share_again_on_average(self, error):
        """At 0.98, whatever the error of a measurement; at 1.05 a good one lets all be spent that may be."""
        draws = np.random.RandomState(0).standard_normal(5000)
        paid = [
            np.mean([odds(1.0, False, (load + error * z, error), LIMIT, True, True) for z in draws])
            for load in (LIMIT - APART / 2.0, LIMIT + APART / 2.0)
        ]
        assert paid[0] < 2.0
        assert paid[1] > (2.0 if error > 0.03 else 10.0)

    def test_what_speaks_for_a_hopeless_run_lets_it_cost_more(self):
        nothing = odds(0.0, False, None, LIMIT, False, True)
        assert nothing == 1.0
        assert odds(3.0, False, None, LIMIT, False, True) == 3.0
        assert odds(0.0, True, None, LIMIT, False, True) == ODDS_BEYOND_LIKELY
        assert (
            odds(0.0, True, None, LIMIT, False, False)
            == MOST_ODDS
            < ODDS_BEYOND_LIKELY_ON_ONE_WORKER
        )
        assert odds(0.0, True, (0.97, 0.015), LIMIT, False, True) == 1.0
        assert odds(0.0, False, (1.05, 0.015), LIMIT, False, True) == MOST_ODDS
        assert odds(0.0, False, (1.0, 0.0), LIMIT, False, True) == 1.0


class TestInOrder:
    @pytest.mark.parametrize("seed", [504, 517, 905])
    def test_a_queue_that_looks_lucky_at_first_is_followed(self, seed):
        """FIFO perf at 1.05: 25 hours said 0.99 and that they knew it to 1.3 %, so the run was left alone and completed."""
        found = simulator.run(
            policy="fifo_perf",
            cluster="36:36:36",
            multi_gpu=True,
            rate=1.05 * 2.329,
            seed=seed,
            window=(4000, 5000),
        )
        assert found.status == "saturated"
        assert found.summary["jobs"]["arrived_in_all"] < 600


class TestQueuesOfOtherJobs:
    @pytest.mark.parametrize("seed", [1005, 1110])
    def test_one_that_is_too_sure_of_itself_is_not_the_last(self, seed):
        """AlloX at 1.05: 81 hours said 0.99 and that they knew it to 1.4 %, where queues are 2.3 % apart, so nobody asked another."""
        found = simulator.run(
            policy="allox", cluster="6:6:6", rate=1.05 * 0.882, seed=seed, window=(4000, 5000)
        )
        assert found.status == "saturated"
