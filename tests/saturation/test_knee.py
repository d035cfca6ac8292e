"""Knees from long queues: what is drawn, measured, averaged and shown."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest

from gavel_opt import InputError, find_policy
from simulator.cli import main
from simulator.runs.saturation import long_queue
from simulator.runs.saturation.bounds import highest_rate
from simulator.runs.saturation.long_queue import LongQueue, Pace, seconds_of_like_rounds
from simulator.runs.saturation.offered_load import (
    SCALE_FACTOR_SHARES,
    job_shares,
    mean_duration,
    offered_work,
    trace_work,
)
from simulator.runs.simulation import Simulation
from simulator.settings.options import make_config
from simulator.studies.knee import Knee, as_text, knee_of, plot
from simulator.world.job_types import DISTRIBUTED
from simulator.world.throughputs import load_throughputs
from simulator.world.trace import read_trace
from simulator.world.workload import DrawnWorkload, DrawSettings


def config(**settings):
    return make_config(**{"policy": "isolated", "rate": 1.0, "window": (0, 1), **settings})


def measured(rate: float, error: float = 0.0) -> Pace:
    return Pace(rate, error, 10.0, 100, 50.0)


@pytest.fixture(scope="module")
def bound():
    return highest_rate(config())


class TestInterval:
    def test_students_t(self, bound):
        knee = Knee("a", bound, {seed: measured(rate) for seed, rate in enumerate([4, 5, 6])})
        assert knee.mean == 5.0
        half = 4.302653 / 3**0.5
        assert knee.either_way == pytest.approx(half)
        assert knee.interval() == pytest.approx((5 - half, bound.rate))

    def test_is_one_of_rates_that_can_be(self, bound):
        """Two seeds that are twice as far from nothing as the other: Student has -17 to 23 jobs per hour, of 5.84."""
        knee = Knee("a", bound, {0: measured(2.0), 1: measured(4.0)})
        assert knee.interval() == (0.0, bound.rate)
        beyond = Knee("a", bound, dict.fromkeys(range(2), measured(bound.rate * 1.01, 0.1)))
        assert beyond.interval()[1] == beyond.mean

    def test_no_narrower_than_the_measurements(self, bound):
        knee = Knee("a", bound, dict.fromkeys(range(4), measured(5.0, 0.1)))
        assert knee.interval() == pytest.approx((5 - 1.95996 * 0.05, 5 + 1.95996 * 0.05))
        one = Knee("a", bound, {0: measured(5.0, 0.1)})
        assert one.interval() == pytest.approx((5 - 0.195996, 5 + 0.195996))

    def test_it_is_a_line_in_a_python_session(self, bound):
        knee = Knee("isolated", bound, {0: measured(4.0), 1: measured(5.0)})
        assert repr(knee).startswith("<Knee of isolated: 4.5 jobs per hour (95 % interval ")
        assert len(repr(knee)) < 150
        assert "not measured" in repr(Knee("isolated", bound))

    def test_table_puts_the_highest_first_beside_its_bound(self, bound):
        knees = [
            Knee("low", bound, {0: measured(4.0, 0.01)}),
            Knee("high", bound, {0: measured(5.5, 0.01)}),
        ]
        lines = as_text(knees).splitlines()
        assert lines[1].split() == ["high", "5.50", "5.48", "-", "5.52", "5.84", "1.38x"]
        assert lines[-1] == "  one seed: the intervals leave out how far seeds are apart"

    def test_table_says_which_policies_have_too_few_seeds(self, bound):
        known = Knee("known", bound, dict.fromkeys(range(2), measured(5.0, 0.01)))
        wide = [Knee(f"wide{n}", bound, {0: measured(3.0), 1: measured(4.0)}) for n in range(4)]
        assert as_text([known]).count("\n") == 1
        said = as_text([known, wide[0]]).splitlines()[-1]
        assert said == "  too few seeds to know wide0 to 10%; more of them help, as in --seed 0-3"
        assert "to know 4 of the policies to 10%" in as_text(wide)

    def test_small_rates_are_told_apart(self, bound):
        knees = [
            Knee("low", replace(bound, rate=0.3006), {0: measured(0.288, 0.001)}),
            Knee("high", replace(bound, rate=0.3006), {0: measured(0.2993, 0.001)}),
        ]
        lines = as_text(knees).splitlines()
        assert lines[1].split() == ["high", "0.299", "0.297", "-", "0.301", "0.301", "1.04x"]

    def test_plot(self, bound, tmp_path):
        pytest.importorskip("matplotlib")
        knees = [Knee("low", bound, {0: measured(4.0), 1: measured(4.1)})]
        files = plot(knees, tmp_path / "knee.svg", "a title")
        assert [file.suffix for file in files] == [".svg", ".png"]
        assert all(file.stat().st_size > 5000 for file in files)


class TestOffered:
    def test_equals_what_the_generator_draws(self):
        """A hundred thousand jobs of our own generator, mean and shares."""
        measurements = load_throughputs()
        settings = DrawSettings(seed=5, interarrival=100.0, multi_gpu=True)
        workload = DrawnWorkload(settings, measurements)
        workload.extend(100_000)
        jobs = workload.jobs
        spread = jobs.duration.std() / jobs.duration.mean() / jobs.size**0.5
        assert jobs.duration.mean() == pytest.approx(mean_duration(None), rel=4 * spread)
        for scale, share in SCALE_FACTOR_SHARES.items():
            assert np.mean(jobs.scale_factor == scale) == pytest.approx(share, abs=0.005)
        drawn = config(interarrival=100.0, multi_gpu=True, rate=None)
        offered = offered_work(drawn, measurements.keys)
        work = np.bincount(jobs.key, jobs.scale_factor, offered.size) / jobs.size
        np.testing.assert_allclose(offered / mean_duration(None) * 100.0, work, atol=0.004)
        assert np.count_nonzero(offered) == 26 + 3 * sum(DISTRIBUTED)
        assert job_shares(drawn, measurements.keys).sum() == pytest.approx(1.0)

    def test_fixed_duration(self):
        assert mean_duration(1800.0) == 1800.0

    def test_nothing_where_jobs_do_not_keep_arriving(self):
        static = make_config(policy="fifo", jobs=5)
        assert not offered_work(static, load_throughputs().keys).any()

    def test_of_a_trace(self, tmp_path):
        path = write_trace(tmp_path, [0, 3600, 7200])
        trace = read_trace(path, load_throughputs())
        work, span = trace_work(trace.jobs, trace.measurements.reference_speed("is asked for"))
        assert span == 7200.0
        assert work.sum() == pytest.approx(3 * 10_000, rel=1e-4)


def write_trace(folder, arrivals):
    """Jobs of 10,000 s each on the reference type."""
    measurements = load_throughputs()
    name, _ = measurements.keys[0]
    steps = round(10_000 * measurements.reference_speed("is asked for")[0])
    fields = (name, "c", "d", "n", 0, steps, 1, 1, -1)
    path = folder / "jobs.trace"
    path.write_text("".join("\t".join(map(str, (*fields, at))) + "\n" for at in arrivals))
    return path


class TestLongQueue:
    def test_is_there_at_once_and_as_drawn(self, bound):
        queue = LongQueue(config(seed=3), bound, 10.0, demand=4.0)
        queue.go_on(0.2)
        simulation = queue._simulation
        jobs = simulation.jobs
        assert simulation.active == pytest.approx(4 * 108, abs=5)
        assert np.count_nonzero(jobs["arrival"] == 0) >= 4 * 108
        share = np.bincount(jobs["key"][:432], minlength=len(simulation.measurements.keys)) / 432
        np.testing.assert_allclose(share, queue._share, atol=1 / 432)

    def test_a_stretch_that_takes_no_time_is_none(self, bound):
        """It ends within the round in which the last one ended: plain FIFO's pace over it was 0 / 0."""
        queue = LongQueue(config(policy="fifo"), bound, 12.0)
        queue.go_on(1.0)
        for _ in range(3):
            queue.go_on(0.001)
        assert np.isfinite(queue.rates).all()
        assert len(queue.rates) <= 2
        assert queue.pace(0).rate > 0.0

    def test_of_equal_time_on_every_worker_is_what_arithmetic_says(self, bound):
        """Isolated shares: every job spends equal time on all workers, 4.80 jobs per hour."""
        queue = LongQueue(config(), bound, 12.0)
        for _ in range(4):
            queue.go_on(3.0)
        pace = queue.pace(1)
        assert pace.rate == pytest.approx(4.7958, rel=0.01)
        assert pace.error < 0.01 * pace.rate

    def test_of_one_worker_type_is_its_bound(self):
        """On one type nothing can be placed badly: only what is lost between rounds."""
        alone = config(cluster={"v100": 30})
        bound = highest_rate(alone)
        for policy in ("max_min_fairness_perf", "fifo"):
            paces = []
            for seed in range(12):
                queue = LongQueue(replace(alone, policy=policy, seed=seed), bound, 12.0)
                for _ in range(4):
                    queue.go_on(3.0)
                paces.append(queue.pace(1).rate)
            assert bound.rate * 0.98 < np.mean(paces) <= bound.rate * (1 + 1e-9), policy

    def test_a_policy_that_matches_jobs_to_workers_comes_close_to_the_bound(self, bound):
        """What it makes of a short queue is 7 % less."""
        queue = LongQueue(config(policy="max_min_fairness_perf"), bound, 12.0)
        for _ in range(4):
            queue.go_on(3.0)
        assert 0.985 * bound.rate < queue.pace(1).rate < bound.rate

    def test_of_jobs_with_weights_is_as_long_simulations_say(self, bound):
        """Labels: 98 % of 5.806 is sustained and 102 % is not. As drawn, heavy jobs would be half the queue's work."""
        weighted = config(policy="max_min_fairness_perf", multi_priority=True)
        queue = LongQueue(weighted, bound, 16.0)
        for _ in range(4):
            queue.go_on(4.0)
        assert queue.pace(1).rate == pytest.approx(5.806, rel=0.015)
        assert knee_of(weighted, bound).rate == pytest.approx(5.806, rel=0.015)

    def test_a_queue_has_fewer_heavy_jobs_than_are_drawn(self, bound):
        """A fifth of the jobs have weight 5 and are served five times as fast: 1 of 21 that wait."""
        weighted = config(policy="max_min_fairness_perf", multi_priority=True, seed=1)
        queue = LongQueue(weighted, bound, 1.0)
        waiting = queue._simulation.workload.jobs.weight[: queue._count]
        assert np.mean(waiting == 5.0) == pytest.approx(1 / 21, abs=0.01)

    def test_where_jobs_are_served_in_order_those_that_wait_are_whole(self, bound):
        """Others have each been served a little: what is left of them is longer, as long ones are met more often."""
        lengths = {}
        for policy in ("fifo_perf", "max_min_fairness"):
            queue = LongQueue(config(policy=policy, seed=2), bound, 1.0, 5.0)
            lengths[policy] = queue._simulation.workload.jobs.duration[150:540].mean()
            assert queue.in_order == (policy == "fifo_perf")
        assert lengths["fifo_perf"] == pytest.approx(mean_duration(None), rel=0.1)
        assert lengths["max_min_fairness"] > 1.8 * mean_duration(None)

    @pytest.mark.parametrize(("seconds", "longer"), [(360, 1080), (1200, 1200), (60, 660)])
    def test_served_in_order_it_runs_the_same_in_longer_rounds(
        self, bound, monkeypatch, seconds, longer
    ):
        """Jobs keep their workers from one recomputation to the next, of which rounds are a part."""
        monkeypatch.setattr(long_queue, "needs_no_mechanism", lambda *_: False)
        paces = []
        for length in (seconds_of_like_rounds, lambda same: same):
            monkeypatch.setattr(long_queue, "seconds_of_like_rounds", length)
            asked = config(policy="fifo_perf", seed=1, round_seconds=seconds)
            queue = LongQueue(asked, bound, 40.0)
            for _ in range(4):
                queue.go_on(10.0)
            paces.append(queue.pace(1).rate)
            assert queue._config.round_seconds == length(seconds)
        assert seconds_of_like_rounds(seconds) == longer
        assert paces[0] == pytest.approx(paces[1], rel=0.002)

    def test_served_in_order_it_has_the_pace_that_a_saturated_run_has(self, bound):
        """4.999 +/- 0.005: what three runs of 40,000 jobs at 5.33 jobs per hour work off. Of half-done jobs, 5.06."""
        paces = []
        for seed in range(4):
            queue = LongQueue(config(policy="fifo_perf", seed=seed), bound, 140.0)
            for _ in range(6):
                queue.go_on(128.0 / 6)
            paces.append(queue.pace(1).rate)
        assert np.mean(paces) == pytest.approx(4.999, rel=0.01)

    def test_served_in_order_for_long_it_says_how_far_queues_are_apart(self):
        """Its stretches tell of the same luck as its jobs do: both together say half as much again."""
        own = config(policy="fifo_perf", multi_gpu=True)
        bound, paces = highest_rate(own), []
        for seed in range(16):
            queue = LongQueue(replace(own, seed=seed), bound, 250.0)
            for hours in [5.0] * 6 + [24.0] * 9:
                queue.go_on(hours)
            paces.append(queue.pace(1))
        stated = np.sqrt(np.mean([(pace.error / pace.rate) ** 2 for pace in paces]))
        apart = np.std([pace.rate for pace in paces], ddof=1) / np.mean([one.rate for one in paces])
        assert 0.9 < stated / apart < 1.35

    def test_workers_that_stay_idle_at_first_are_waited_for(self, bound):
        """Plain FIFO starts with one worker type alone in every other queue, and then took 2.6 to 3.3 at first."""
        paces = []
        for seed in range(100, 108):
            queue = LongQueue(config(policy="fifo", seed=seed), bound, 100.0)
            for _ in range(3):
                queue.go_on(3.0)
            paces.append(queue.pace(1).rate)
        assert min(paces) > 0.97 * 4.51
        assert np.mean(paces) == pytest.approx(4.51, rel=0.03)

    def test_a_worker_whose_job_ends_within_a_round_does_nothing_for_the_rest_of_it(self, bound):
        """With rounds of a day plain FIFO's queue grows at 3.0 jobs per hour; all its workers are in use all the time."""
        paces = []
        for seed in range(3):
            asked = config(policy="fifo", seed=seed, round_seconds=86_400)
            queue = LongQueue(asked, bound, 900.0)
            for _ in range(4):
                queue.go_on(200.0)
            paces.append(queue.pace(1).rate)
        assert 2.2 < np.mean(paces) < 3.0

    def test_a_queue_in_order_under_a_policy_of_any_name_is_of_the_same_jobs(self, bound):
        """It is seen after fifteen rounds, and begun anew with those whole that have had no turn."""
        by_name, seen = (
            LongQueue(config(policy="fifo_perf", seed=2), bound, 1.0, 5.0, made=made)
            for made in (None, find_policy("fifo_perf"))
        )
        assert by_name.in_order
        assert seen.in_order
        first, second = (queue._simulation.workload.jobs for queue in (by_name, seen))
        np.testing.assert_array_equal(first.key[:540], second.key[:540])
        done = second.duration[:540] * second.scale_factor[:540]
        seen.go_on(0.1)
        np.testing.assert_array_equal(seen._work[:540], done)

    def test_where_it_is_known_that_jobs_are_served_in_order_few_are_enough(self, bound):
        """Nobody is served before his turn, so that who stands far behind changes nothing but the time it takes."""
        many, few = (
            LongQueue(config(policy="fifo_perf"), bound, 1.0, demand) for demand in (5.0, None)
        )
        assert (many._count, few._count) == (540, 216)

    @pytest.mark.parametrize("demand", [3.0, 4.0, 5.0])
    def test_there_are_as_many_jobs_of_each_scale_factor_as_are_drawn(self, demand):
        """Rounded key by key there would be 3 jobs on 8 workers for 8.6 with a demand of 3, and 19 for 14 with 5."""
        own = config(policy="max_min_fairness", multi_gpu=True, seed=5)
        queue = LongQueue(own, highest_rate(own), 1.0, demand)
        scale = queue._simulation.workload.jobs.scale_factor[: queue._count]
        found = np.bincount(scale, minlength=9)[[1, 2, 4, 8]]
        np.testing.assert_allclose(found, np.array([0.7, 0.1, 0.15, 0.05]) * queue._count, atol=1.0)

    def test_stretches_that_make_up_for_each_other_are_not_apart(self):
        up_and_down = np.array([0.9, 1.06, 0.94, 1.05, 0.95])
        assert long_queue._spread(up_and_down, np.ones(5)) < 0.5 * np.std(up_and_down, ddof=1)
        settling = np.array([0.9, 0.94, 0.95, 1.05, 1.06])
        assert long_queue._spread(settling, np.ones(5)) > 1.1 * np.std(settling, ddof=1)
        draws = np.random.default_rng(1)
        for n in (3, 8):
            hours = draws.choice([1.0, 2.0, 4.0], n)
            rates = draws.standard_normal((2000, n)) / np.sqrt(hours)
            found = [long_queue._spread(one, hours) ** 2 for one in rates]
            assert np.mean(found) * hours.mean() == pytest.approx(1.0, abs=0.1)

    def test_of_a_run_at_hand_it_takes_the_tables_and_comes_out_the_same(self, bound):
        one = config(policy="gandiva", seed=4)
        run = Simulation(replace(one, seed=9))
        paces = []
        for like in (None, run):
            queue = LongQueue(one, bound, 3.0, like=like)
            for _ in range(3):
                queue.go_on(1.0)
            paces.append(queue.pace(1))
        assert queue._simulation.measurements is run.measurements
        assert paces[0] == paces[1]

    def test_deadlines_of_jobs_that_have_waited_are_over(self, bound):
        """A queue that keeps jobs for nine times their duration has those of 1.2 times in time for a part of that."""
        own = config(policy="max_sum_throughput_normalized_by_cost_perf_SLOs", seed=1)
        queue = LongQueue(own, bound, 1.0, 8.0)
        slo = queue._simulation.workload.jobs.slo
        kept_for = queue.turnover * 3600.0 / mean_duration(None)
        assert kept_for == pytest.approx(8.83, rel=0.01)
        for multiple in (1.2, 2.0, 10.0):
            found = np.mean(slo[: queue._count] == multiple)
            assert found == pytest.approx(min(1.0, multiple / kept_for) / 3, abs=0.04)
        assert slo[queue._count :].min() == 1.2

    def test_of_jobs_with_deadlines_it_is_near_the_pace_that_it_settles_at(self, bound):
        """Which is 5.58 +/- 0.04. In the first hundred hours it is 1.6 % more (six seeds), with all deadlines ahead 3.0 %."""
        paces = []
        for seed in range(3):
            own = config(policy="max_sum_throughput_normalized_by_cost_perf_SLOs", seed=seed)
            queue = LongQueue(own, bound, 100.0, 8.0)
            for _ in range(8):
                queue.go_on(12.0)
            paces.append(queue.pace(2).rate)
        assert 0.99 * 5.58 < np.mean(paces) < 1.02 * 5.58

    def test_allocations_that_take_long_stay_for_longer_at_the_same_pace(self, monkeypatch):
        own = config(policy="max_sum_throughput_normalized_by_cost_packed_SLOs", cluster="6:6:6")
        bound, paces, asked = highest_rate(own, True), [], []
        for seldom in (long_queue._SELDOM, {}):
            monkeypatch.setattr(long_queue, "_SELDOM", seldom)
            for seed in range(4):  # of two means are 1 % apart
                queue = LongQueue(replace(own, seed=seed), bound, 40.0)
                for _ in range(3):
                    queue.go_on(10.0)
                paces.append(queue.pace(1).rate)
                asked.append(queue._simulation.allocations)
        assert np.mean(paces[:4]) == pytest.approx(np.mean(paces[4:]), rel=0.01)
        assert sum(asked[:4]) < 0.5 * sum(asked[4:])

    def test_of_finish_times_in_pairs_it_is_so_long_that_late_jobs_hold_up_nobody(self):
        """With five workers per worker it comes to 0.95 of the bound, of jobs on one worker to 0.85."""
        own = config(policy="finish_time_fairness_packed", multi_gpu=True)
        bound = highest_rate(own, True)
        queue = LongQueue(own, bound, 20.0)
        for _ in range(3):
            queue.go_on(4.0)
        assert 0.985 < queue.pace(1).rate / bound.rate < 1.0

    def test_the_same_seed_gives_the_same_pace(self, bound):
        paces = []
        for _ in range(2):
            queue = LongQueue(config(seed=4), bound, 6.0)
            queue.go_on(3.0)
            queue.go_on(3.0)
            paces.append(queue.pace(0))
        assert paces[0] == paces[1]


class TestCommand:
    def test_a_real_knee_lies_where_arithmetic_puts_it(self, tmp_path, capsys):
        """The knee of isolated shares is 4.80 of 36:36:36; the same command goes on where it was."""
        words = ["knee", "--policy", "isolated", "--cluster", "12:12:12", "--seeds", "0,1"]
        words += ["--json", "--output", str(tmp_path / "knee")]
        assert main(words) == 0
        out = capsys.readouterr().out
        (found,) = json.loads(out)
        assert found["knee"] == pytest.approx(4.7958 / 3, rel=0.015)
        assert found["interval"][0] < found["knee"] < found["interval"][1]
        assert found["bound"] == pytest.approx(5.8377 / 3, abs=1e-4)
        kept = (tmp_path / "knee" / "paces" / "isolated,seed=0.json").read_text()
        assert main(words) == 0
        assert capsys.readouterr().out == out
        assert (tmp_path / "knee" / "paces" / "isolated,seed=0.json").read_text() == kept

    def test_without_what_draws_there_is_the_table(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        words = ["knee", "--policy", "isolated", "--cluster", "6:6:6", "--seed", "0"]
        assert main([*words, "--output", str(tmp_path)]) == 0
        said = capsys.readouterr()
        assert "0.80" in said.out
        assert "no plot: needs matplotlib, pip install 'gavel-opt[plots]'" in said.err
        assert {path.name for path in tmp_path.iterdir()} == {"knee.json", "paces"}

    def test_table_and_pictures(self, tmp_path, capsys):
        pytest.importorskip("matplotlib")
        words = ["knee", "--policy", "isolated", "--cluster", "6:6:6", "--seed", "0"]
        assert main([*words, "--output", str(tmp_path)]) == 0
        assert "0.80" in capsys.readouterr().out
        written = {path.name for path in tmp_path.iterdir()}
        assert written == {"knee.json", "knee.svg", "knee.png", "paces"}

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--rate", "3"], "--rate: cannot be given, the rate is what knee looks for"),
            (["--window", "1:2"], "--window: cannot be given, a knee is measured without windows"),
            (["--saturation", "off"], "--saturation: cannot be given"),
            (["--multi-gpu", "--cluster", "2:2:2"], "on 4 workers fit on no worker type"),
        ],
    )
    def test_what_has_no_meaning_is_refused(self, words, said, capsys):
        assert main(["knee", "--policy", "isolated", *words]) == 2
        assert said in capsys.readouterr().err

    def test_time_that_is_over_ends_a_measurement(self, tmp_path, capsys):
        words = ["knee", "--policy", "isolated", "--cluster", "2:2:2", "--seed", "0"]
        words += ["--processes", "1", "--output", str(tmp_path)]
        assert main([*words, "--timeout", "0.001"]) == 3
        assert "its pace was not known after 0.001 s (--timeout)" in capsys.readouterr().err
        assert main([*words, "--timeout", "600"]) == 0
        (kept,) = (tmp_path / "paces").iterdir()
        written = kept.stat().st_mtime_ns
        for limit in ([], ["--timeout", "500"]):  # what is measured stands, whatever the limit
            assert main([*words, *limit]) == 0
            assert kept.stat().st_mtime_ns == written
        assert main(["knee", "--bound", "--timeout", "5"]) == 2
        assert "--timeout: cannot be combined with --bound" in capsys.readouterr().err

    def test_a_policy_that_hangs_is_ended_after_the_timeout(self, tmp_path, capsys):
        policy = "from gavel_opt import Policy\nimport time\n"
        policy += "class Hangs(Policy):\n    def shares(self, state):\n        time.sleep(600)\n"
        (tmp_path / "hangs.py").write_text(policy)
        words = ["--policy", f"{tmp_path}/hangs.py:Hangs", "isolated", "--cluster", "2:2:2"]
        words += ["--seed", "0", "--timeout", "0.5", "--output", str(tmp_path / "out")]
        began = time.monotonic()
        assert main(["knee", *words]) == 3
        assert time.monotonic() - began < 60
        assert "did not come back within 5 s of its --timeout of 0.5 s" in capsys.readouterr().err

    def test_bound_alone(self, capsys):
        assert main(["knee", "--bound", "--policy", "max_min_fairness_packed"]) == 0
        out = capsys.readouterr().out
        assert "no policy can go beyond 7.512 jobs per hour (jobs may share workers)" in out
        (line,) = [line for line in out.splitlines() if "bottleneck" in line]
        assert line.split()[0] == "v100"

    def test_bound_of_a_tiny_and_of_a_large_cluster(self, capsys):
        assert main(["knee", "--bound", "--policy", "fifo", "--cluster", "0:0:1"]) == 0
        assert "no policy can go beyond 0.0134 jobs per hour" in capsys.readouterr().out
        fast = ["--cluster", "90:0:0", "--fixed-duration", "1"]
        assert main(["knee", "--bound", "--policy", "fifo", *fast]) == 0
        assert "beyond 324,000.000 jobs per hour" in capsys.readouterr().out

    def test_bound_of_a_trace(self, tmp_path, capsys):
        """36 jobs in 10,000 s that take as long each on the slowest of 18 workers: twice too many."""
        path = write_trace(tmp_path, np.linspace(0, 10_000, 36).astype(int))
        words = ["knee", "--bound", "--trace", str(path), "--cluster", "v100=18", "--json"]
        assert main([*words, "--policy", "fifo"]) == 0
        (found,) = json.loads(capsys.readouterr().out)
        assert found["bound"] == pytest.approx(0.5, rel=0.01)
        assert found["offered_load"] == pytest.approx(1.0 / found["bound"])
        assert found["worker_types"]["v100"]["offered_load"] == pytest.approx(2.0)
        assert main(words[:-1]) == 0
        assert "the trace offers 200.0% of what the cluster can do" in capsys.readouterr().out
        assert main([*words[:-2], "v100=2"]) == 0
        assert "the trace offers 18.0 times what the cluster can do" in capsys.readouterr().out

    def test_a_run_of_such_a_trace_says_so(self, tmp_path, capsys):
        path = write_trace(tmp_path, np.linspace(0, 10_000, 36).astype(int))
        words = ["run", "--policy", "fifo", "--trace", str(path), "--cluster"]
        assert main([*words, "v100=18"]) == 0
        out = capsys.readouterr().out
        assert "fifo: completed" in out
        assert "the trace offers 200.0% of what any policy could do" in out
        assert main([*words, "v100=40"]) == 0
        assert "offers" not in capsys.readouterr().out

    def test_a_trace_needs_time(self, tmp_path, capsys):
        path = write_trace(tmp_path, [0, 0])
        assert main(["knee", "--bound", "--trace", str(path)]) == 2
        assert "arrive all at once" in capsys.readouterr().err


@pytest.mark.parametrize("seed", range(4))
def test_a_queue_that_has_not_had_its_turns_goes_on_and_is_not_cut_short(seed):
    """With long rounds a quarter of the jobs wait after 60 hours. 2.663 is sustained, 2.744 is not."""
    own = config(policy="max_min_fairness_perf", multi_gpu=True, round_seconds=1200, seed=seed)
    assert 2.663 < knee_of(own, highest_rate(own)).rate < 2.744


def test_a_queue_whose_jobs_share_workers_settles_first():
    """5.60 is what a saturated run of Gandiva's works off. Too little settled, these seeds come to 5.52."""
    own = config(policy="gandiva")
    bound = highest_rate(own, True)
    paces = [knee_of(replace(own, seed=seed), bound).rate for seed in range(8)]
    assert np.mean(paces) == pytest.approx(5.60, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "multi_gpu", "labelled"),
    [("max_min_fairness_perf", True, 2.7667), ("max_min_fairness_perf", False, 5.8199)],
)
def test_knees_are_within_two_percent_of_what_long_simulations_say(policy, multi_gpu, labelled):
    """98 % of the second number is sustained and 102 % is not, over 100,000 jobs."""
    own = config(policy=policy, multi_gpu=multi_gpu)
    found = knee_of(own, highest_rate(own)).rate
    assert found == pytest.approx(labelled, rel=0.015)


def test_unknown_policy_is_said(capsys):
    assert main(["knee", "--policy", "isolatd"]) == 2
    assert "did you mean isolated" in capsys.readouterr().err
    with pytest.raises(InputError):
        highest_rate(make_config(policy="fifo", jobs=3))
