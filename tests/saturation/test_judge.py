"""The default rule on runs near the knee, what it says, what it costs and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import simulator
from simulator.runs import checkpoint
from simulator.runs.runner import Checkpointing, execute
from simulator.runs.saturation import judge
from simulator.runs.saturation.bounds import highest_rate
from simulator.runs.saturation.judge import Judge
from simulator.runs.saturation.long_queue import Pace
from simulator.runs.saturation.own_pace import OwnPace
from simulator.runs.saturation.weighing import beyond, may_be_saturated, pooled, together, weigh
from simulator.runs.simulation import Simulation
from simulator.settings.options import make_config
from simulator.settings.saturation_rule import PARAMETERS

PARAMETER = PARAMETERS["long-queue"]
PERF = {"policy": "max_min_fairness_perf", "cluster": "36:36:36"}


def run(**settings):
    return simulator.run(**{**PERF, "window": (4000, 5000), **settings})


def pace(rate: float, error: float) -> Pace:
    return Pace(rate, error, 10.0, 500, 100.0)


@pytest.fixture(scope="module")
def bound():
    return highest_rate(make_config(policy="fifo", rate=1.0, window=(0, 1)))


class TestNearTheKnee:
    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("rate", [2.5, 2.6, 2.7])
    def test_a_policy_that_needs_a_queue_to_be_good_is_left_alone(self, rate, seed):
        """The knee is 2.77. Judged by what it did with a short queue, the policy would do 2.4."""
        found = run(multi_gpu=True, rate=rate, seed=seed, max_simulated_hours=900)
        assert found.status == "horizon"
        verdict = found.summary["saturation"]
        assert verdict["verdict"] == "sustained"
        assert verdict["figures"]["pace"] == pytest.approx(2.767, rel=0.015)

    @pytest.mark.parametrize("seed", [201, 300, 301, 302])
    def test_a_policy_that_a_queue_makes_worse_is_left_alone(self, seed):
        """Gandiva: 1.943 is sustained for 100,000 jobs, never more than 123 at once; of 145 jobs it works off 1.8."""
        settings = {"cluster": "60:0:4", "multi_gpu": True, "max_simulated_hours": 600}
        assert run(policy="gandiva", rate=1.943, seed=seed, **settings).status == "horizon"
        assert run(policy="gandiva", rate=2.12, seed=seed, **settings).status == "saturated"

    @pytest.mark.parametrize(
        ("settings", "seeds", "demand"),
        [
            ({"cluster": "6:6:6", "rate": 0.9818}, (1, 4, 6), None),
            ({"cluster": "60:0:4", "rate": 2.103, "multi_gpu": True}, (0, 3), judge.SHORTER),
            (
                {"cluster": "12:12:12", "rate": 0.793, "multi_gpu": True},
                (1, 4),
                judge.SHORTER_WORKERS / 36,
            ),
        ],
    )
    def test_queues_of_other_jobs_tell_what_one_whose_jobs_share_workers_cannot(
        self, settings, seeds, demand, monkeypatch
    ):
        """Gandiva on few workers, 1.05 of its knee: one queue was followed for long, and the run went on for thousands of jobs."""
        asked, next_queue = [], Judge._next_queue

        def noted(self, simulation, hours, demand):
            asked.append(demand)
            return next_queue(self, simulation, hours, demand)

        monkeypatch.setattr(Judge, "_next_queue", noted)
        for seed in seeds:
            asked.clear()
            found = run(policy="gandiva", seed=seed, **settings)
            assert found.status == "saturated"
            assert found.summary["jobs"]["arrived_in_all"] < 400
            assert len(asked) > 1
            assert set(asked) == {demand}

    def test_on_few_workers_a_shorter_queue_is_not_trusted_more_than_seeds_agree(self):
        """Gandiva on 64 workers: 67 jobs were worked off 7 % too slowly there, by both queues, which said 1 % of themselves."""
        settings = {"cluster": "60:0:4", "multi_gpu": True, "max_simulated_hours": 300}
        for seed in (88, 307, 466):
            found = run(policy="gandiva", rate=1.963, seed=seed, **settings)
            assert found.status == "horizon"

    @pytest.mark.parametrize(
        ("policy", "rate", "seeds"),
        [("fifo", 2.163, (0, 1, 4, 10)), ("gandiva", 2.443, (7, 15, 50))],
    )
    def test_what_a_run_leaves_open_its_long_queues_say(self, policy, rate, seeds):
        """1.05 of the knee, missed where plain FIFO's slow workers or a settled queue's error were not known."""
        for seed in seeds:
            found = run(policy=policy, multi_gpu=True, rate=rate, seed=seed)
            assert found.status == "saturated"
            assert found.summary["jobs"]["arrived_in_all"] < 500

    @pytest.mark.parametrize("seed", range(3))
    def test_just_beyond_it_is_stopped_soon(self, seed):
        """Plain max-min fairness: the knee is 4.79."""
        found = run(policy="max_min_fairness", rate=5.05, seed=seed)
        assert found.status == "saturated"
        assert found.summary["jobs"]["arrived_in_all"] < 400  # before anybody waits for long
        reason = found.summary["saturation"]["reason"]
        assert reason.startswith("5.05 jobs arrive per hour; with a long queue")
        assert "too many arrive, and the queue grows for good" in reason

    @pytest.mark.parametrize(("seed", "most"), [(0, 2500), (1, 2000), (2, 1500)])
    def test_the_own_pace_of_a_run_says_what_a_short_long_queue_cannot(self, seed, most):
        """FIFO: its jobs stay where they were put, so 20 hours of a long queue say little. The knee is 5.03."""
        found = run(policy="fifo_perf", rate=5.28, seed=seed)
        assert found.status == "saturated"
        assert found.summary["jobs"]["arrived_in_all"] < most

    def test_jobs_on_many_workers_that_are_left_behind_are_as_many_as_the_queue_drifts_to(self):
        """Plain max-min: only those on 8 workers pile up, so a queue of all kinds is worked off 4 % too fast."""
        found = run(
            policy="max_min_fairness", cluster="12:24:60", multi_gpu=True, rate=1.397, seed=2
        )
        assert found.status == "saturated"
        assert found.summary["jobs"]["arrived_in_all"] < 2000

    @pytest.mark.parametrize("seed", [1, 5])
    def test_several_queues_tell_what_one_cannot(self, seed):
        """What a queue of few and large jobs has wrong is that of its jobs: ten times as long it is as wrong."""
        found = run(
            policy="max_min_fairness", cluster="12:24:60", multi_gpu=True, rate=1.376, seed=seed
        )
        assert found.status == "saturated"
        assert found.summary["jobs"]["arrived_in_all"] < 1000

    def test_where_jobs_are_served_in_order_a_few_hours_are_not_taken_for_many(self):
        """FIFO at 0.98 of its knee: 13 hours of a long queue said 11 % too little, and that they knew it to 3 %."""
        found = run(policy="fifo_perf", multi_gpu=True, rate=2.282, seed=1, max_simulated_hours=200)
        assert found.status == "horizon"

    @pytest.mark.parametrize("seed", [6, 8])
    def test_a_run_with_a_short_queue_does_not_testify_against_a_policy_that_matches(self, seed):
        """AlloX on few workers, at 0.98 of its knee: its own pace is 7 % below that of a long queue."""
        found = run(
            policy="allox", cluster="6:6:6", rate=0.8644, seed=seed, max_simulated_hours=1200
        )
        assert found.status == "horizon"

    def test_a_run_whose_queue_is_long_is_a_long_queue(self):
        """Gandiva on few workers: a pace is not trusted to 1.5 %, a run with 10 jobs a worker was."""
        found = run(
            policy="gandiva",
            cluster="6:6:6",
            rate=0.9821,
            seed=1,
            saturation="long-queue:errors=6",
        )
        assert found.status == "saturated"
        figures = found.summary["saturation"]["figures"]
        assert figures["active"] > 5 * 18

    @pytest.mark.parametrize("seed", range(3))
    def test_the_faster_jobs_come_the_less_it_is_put_off(self, seed):
        """Gandiva needs 12 hours of a long queue, more than a share of the hours in which 5,000 jobs come."""
        found = run(policy="gandiva", rate=7.0, seed=seed)
        assert found.status == "saturated"
        assert found.summary["jobs"]["arrived_in_all"] < 400

    @pytest.mark.parametrize("seed", [2, 4, 7])
    def test_where_jobs_share_workers_a_long_queue_is_not_trusted_to_the_last(self, seed):
        """Gandiva with several workers a job: a long queue says 4 % too little until its mix has settled."""
        found = run(policy="gandiva", multi_gpu=True, rate=2.28, seed=seed, window=(700, 900))
        assert found.status == "completed"

    def test_a_run_that_is_left_alone_is_the_one_without_a_rule(self):
        """Bit for bit, though a long queue was simulated on the way."""
        settings = {"multi_gpu": True, "rate": 2.6, "seed": 1, "window": (700, 800)}
        judged = run(**settings, saturation="long-queue:share=0.1")
        free = run(**settings, saturation="off")
        assert judged.summary["saturation"]["verdict"] == "sustained"
        assert judged.jct == free.jct
        assert judged.average_jct == free.average_jct
        for name, column in free.rounds.items():
            np.testing.assert_array_equal(judged.rounds[name], column)

    def test_a_queue_in_order_does_not_run_dry(self):
        """0.98 of a knee; of as many arrivals as the run has, 200 jobs are gone within 400 hours, and so is the pace."""
        own = run(rate=2.999, policy="fifo_perf", cluster="12:24:60", seed=38, window=(400, 500))
        assert own.status == "completed"

    def test_nothing_is_measured_while_nobody_waits(self):
        found = run(rate=2.0, window=(600, 700))
        assert found.status == "completed"
        verdict = found.summary["saturation"]
        assert verdict["verdict"] == "unjudged"
        assert "no long queue was measured" in verdict["reason"]

    @pytest.mark.parametrize(
        ("policy", "rate"),
        [("gandiva", 0.888), ("fifo_perf", 0.8), ("max_min_fairness_perf", 0.92)],
    )
    def test_on_few_workers_as_many_jobs_have_to_wait_as_on_many(self, policy, rate):
        """0.95 of the knee of 18 workers, where 30 jobs wait sooner or later; a long queue would take 5 to 13 % of the time."""
        found = run(policy=policy, cluster="6:6:6", rate=rate, seed=2, window=(2700, 2800))
        assert found.rounds["queued"].max() > 27 or found.rounds["active"].max() > 18 + 27
        assert found.summary["saturation"]["verdict"] == "unjudged"
        assert "pace" not in found.summary["saturation"]["figures"]

    def test_a_crowd_is_worth_one_that_long_rounds_make_dear(self):
        """120 rounds of 1,200 s are 5 % of the hours of this run at 1.06 of its knee, which used to complete."""
        found = run(policy="gandiva", rate=5.88, seed=1, round_seconds=1200)
        assert found.status == "saturated"
        few = run(policy="gandiva", rate=5.3, seed=1, round_seconds=1200, window=(2500, 2600))
        assert few.summary["saturation"]["verdict"] == "unjudged"

    @pytest.mark.parametrize(
        ("policy", "rate", "window"),
        [("max_min_fairness", 5.3, (4000, 5000)), ("fifo_perf", 5.6, (9000, 10_000))],
    )
    def test_many_that_wait_are_worth_a_measurement_whatever_is_likely(
        self, policy, rate, window, monkeypatch
    ):
        """A tenth beyond the knee; where rounds are cheap a queue is worth it later."""
        monkeypatch.setattr(judge, "LIKELY_ON_ONE_WORKER", {policy: 9.0})
        found = run(policy=policy, rate=rate, seed=2, window=window)
        assert found.status == "saturated"
        assert found.summary["jobs"]["arrived_in_all"] > 400  # it took some until so many waited


class TestArithmetic:
    def test_beyond_the_bound_nothing_runs(self):
        found = run(rate=5.9)
        assert (found.status, found.summary["rounds"]) == ("saturated", 0)
        assert found.average_jct is None
        assert "no policy could sustain this" in found.summary["saturation"]["reason"]

    def test_policies_that_share_workers_have_a_bound_of_their_own(self):
        """5.9 is beyond what one job at a time on a worker allows, and within what pairs do."""
        config = make_config(**PERF, rate=5.9, window=(4000, 5000))
        for policy, proved in (("max_min_fairness_perf", True), ("gandiva", False)):
            given = replace(config, policy=policy)
            judge = Judge(given)
            assert (judge.before(Simulation(given)) is not None) == proved

    def test_a_few_jobs_end_by_themselves(self):
        assert run(rate=8.0, window=(100, 110)).status == "completed"

    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"multi_gpu": True},
            {"policy": "gandiva"},
            {"policy": "fifo", "rate": 1e6},
            {"ideal": True},
        ],
        ids=str,
    )
    def test_a_few_jobs_that_will_not_end_are_not_waited_for(self, settings):
        """At 1,000 jobs per hour the rule once measured after 276,000 jobs, a minute later."""
        found = run(**{"rate": 1000.0, "window": (5, 10), **settings})
        assert found.status == "saturated"
        assert found.summary["rounds"] < 1000  # an ideal round ends with each event
        assert found.summary["jobs"]["arrived_in_all"] < 1e6
        assert found.summary["makespan"] <= 0.6 * 3600
        verdict = found.summary["saturation"]
        assert verdict["simulated_hours"] == pytest.approx(found.summary["makespan"] / 3600)
        assert "no policy could sustain this" in verdict["reason"]

    def test_a_fork_of_another_run_is_judged_by_arithmetic_too(self, tmp_path):
        """Nothing is asked of it before its first round, which was another run's."""
        free = make_config(**PERF, rate=30.0, window=(400, 500), saturation="off")
        kept = Checkpointing(tmp_path / "checkpoint.npz", rounds=250)
        execute(replace(free, max_simulated_hours=26.0), checkpointing=kept)
        watched = replace(free, saturation=("long-queue", PARAMETER))
        found = execute(watched, resume=checkpoint.load(kept.path, "--resume"))
        assert found.status == "saturated"
        assert "no policy could sustain this" in found.summary["saturation"]["reason"]

    def test_sentence(self, bound):
        said = beyond(7.0, bound).reason
        assert "7 jobs arrive per hour, and the workers are enough for 5.838 at most" in said
        assert "v100 47%" in said


class TestWeighing:
    def test_only_what_is_clear_on_both_counts(self, bound):
        """Beyond the margin by so many errors is saturated, below the pace by as many sustained."""
        for rate, error, finding in (
            (5.2, 0.005, "saturated"),
            (5.2, 0.1, "undecided"),
            (5.05, 0.005, "undecided"),
            (4.95, 0.1, "undecided"),
            (4.95, 0.005, "sustained"),
            (4.0, 0.2, "sustained"),
        ):
            assert weigh(rate, pace(5.0, error), bound, PARAMETER).finding == finding, rate

    def test_what_stretches_of_one_queue_cannot_tell_is_not_claimed(self, bound):
        """Within 3 % of the bound: 5.80 +/- 0.005 was told of a knee of 5.82, and 5.74 +/- 0.02 of one of 5.81."""
        for error, told in ((0.0025, 0.0348), (0.05, 0.05)):
            found = weigh(5.75 if error < 0.05 else 5.6, pace(5.8, error), bound, PARAMETER)
            assert found.finding == "sustained"
            assert found.figures["standard_error"] == pytest.approx(told)
            assert f"5.8 +/- {1.96 * told:.2g} (95% sure)" in found.reason
        wasteful = weigh(4.7, pace(4.8, 0.0025), bound, PARAMETER)
        assert wasteful.figures["standard_error"] == 0.0025

    @pytest.mark.parametrize("seed", [0, 4])
    def test_the_interval_that_is_told_covers_the_knee(self, seed):
        rule = "long-queue:share=0.3"
        found = run(rate=5.75, seed=seed, max_simulated_hours=1000, saturation=rule)
        figures = found.summary["saturation"]["figures"]
        assert figures["pace"] == pytest.approx(5.82, abs=1.96 * figures["standard_error"])

    def test_looks_end_when_more_could_not_show_saturation(self):
        assert may_be_saturated(5.05, pace(5.0, 0.05), PARAMETER)
        assert not may_be_saturated(5.05, pace(5.0, 0.002), PARAMETER)

    def test_two_measurements_of_one_thing_are_taken_together(self):
        found = together(pace(5.0, 0.1), pace(5.1, 0.1))
        assert found.rate == pytest.approx(5.05)
        assert found.error == pytest.approx(0.1 / 2**0.5)

    def test_long_queues_are_pooled_by_their_hours(self):
        """By their errors a short one, whose error happens to be small, would count most."""
        one, other = pace(5.0, 0.1), replace(pace(5.3, 0.01), hours=5.0)
        found = pooled([one, other])
        assert found.rate == pytest.approx(5.1)
        assert found.error == pytest.approx(np.hypot(10 * 0.1, 5 * 0.01) / 15)
        assert (found.hours, found.jobs) == (15.0, 200.0)
        assert pooled([one]) == one

    def test_what_work_has_been_worth_is_that_of_all_jobs(self):
        """Those that have left count in full, those that are there by what is done of them."""
        config = make_config(**PERF, rate=5.6, seed=1, window=(300, 400), multi_gpu=False)
        simulation = Simulation(config)
        simulation.advance(900)
        jobs = simulation.jobs
        part = 1.0 - np.maximum(jobs["steps_left"], 0.0) / jobs["steps"]
        done = jobs["duration"] * jobs["scale_factor"] * part
        assert np.isnan(jobs["finish"]).any()
        assert np.isfinite(jobs["finish"]).any()
        bound = highest_rate(config, space_sharing=False)
        worth = (bound.key_prices[jobs["key"]] * done).sum()
        assert OwnPace().worth_of_work(simulation, bound) == pytest.approx(worth, rel=1e-12)
        assert (simulation.mechanism.received("cost") == jobs["cost"]).all()

    def test_a_slower_run_does_not_count_against_its_policy(self):
        """It gets better as the queue grows: those are not two measurements of one thing."""
        queue = pace(5.0, 0.01)
        assert together(queue, pace(4.5, 0.01)) is queue


class TestCheckpoint:
    def config(self):
        rule = "long-queue:share=0.1"
        return make_config(**PERF, rate=5.6, seed=1, window=(1500, 1600), saturation=rule)

    def test_a_resumed_run_is_judged_alike(self, tmp_path):
        config = self.config()
        whole = execute(config)
        kept = Checkpointing(tmp_path / "checkpoint.npz", rounds=1500)
        first = execute(replace(config, max_simulated_hours=200.0), checkpointing=kept)
        assert first.status == "horizon"
        again = execute(config, resume=checkpoint.load(kept.path, "--resume"))
        assert again.summary["saturation"] == whole.summary["saturation"]
        assert again.jct == whole.jct

    def test_another_rule_looks_afresh(self, tmp_path):
        config = self.config()
        kept = Checkpointing(tmp_path / "checkpoint.npz", rounds=1500)
        execute(replace(config, max_simulated_hours=200.0), checkpointing=kept)
        other = replace(config, saturation=("completion-rate", PARAMETERS["completion-rate"]))
        again = execute(other, resume=checkpoint.load(kept.path, "--resume"))
        assert again.summary["saturation"]["rule"] == "completion-rate"


class TestLooksAreFew:
    """A run that completes costs little more than one that nobody watches."""

    def test_the_first_is_when_enough_jobs_have_come(self):
        simulation = Simulation(make_config(**PERF, rate=5.0, window=(4000, 5000)))
        judge = Judge(simulation.config)
        judge.before(simulation)
        assert judge.next_look is not None
        simulation.advance(judge.next_look - 2)
        assert simulation.arrived < PARAMETER["jobs"]
        simulation.advance(2)
        assert simulation.arrived >= PARAMETER["jobs"]

    @pytest.mark.parametrize(("policy", "load"), [("max_min_fairness", 0.9), ("gandiva", 0.9)])
    def test_a_queue_is_left_once_nothing_would_be_stopped_by_it(self, policy, load):
        """A tenth below the knee three stretches of six say so, whether jobs share workers or not."""
        knee = {"max_min_fairness": 4.80, "gandiva": 5.53}[policy]
        whole, half = (self._hours(policy, rate * knee) for rate in (1.0, load))
        assert half == pytest.approx(whole * 2 / 5, rel=0.2)

    def _hours(self, policy, rate):
        """Hours of the first long queue."""
        config = make_config(policy=policy, cluster="36:36:36", rate=rate, window=(4000, 5000))
        simulation, judge = Simulation(config), Judge(config)
        simulation.advance(1200)
        judge._measure_one(simulation, 16.0)
        return judge._before[0].hours
