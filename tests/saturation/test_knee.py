"""Bisection on a verdict, intervals over seeds, bounds from throughputs, and one real knee."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gavel_opt import InputError
from simulator.cli import main
from simulator.runs.bounds import evenly_shared_rate, highest_rate
from simulator.runs.offered_load import SCALE_FACTOR_SHARES, mean_duration, offered_work
from simulator.runs.options import make_config
from simulator.studies.knee import Knee, Probe, as_text, bisect, plot
from simulator.world.job_types import DISTRIBUTED
from simulator.world.throughputs import load_throughputs
from simulator.world.workload import DrawnWorkload, DrawSettings


def prober(knee: float):
    asked = []

    def probe(rate: float) -> Probe:
        asked.append(rate)
        return Probe(rate, rate <= knee, "", None, 0.0)

    return probe, asked


class TestBisection:
    @pytest.mark.parametrize("knee", [0.3, 3.0, 4.62, 5.99, 40.0])
    def test_encloses_the_knee(self, knee):
        probe, asked = prober(knee)
        low, high = bisect(probe, 4.0, 6.0, 0.1)
        assert low <= knee < high
        assert high - low <= 0.1 + 1e-9
        assert len(asked) < 25

    def test_a_policy_without_a_knee_is_said(self):
        with pytest.raises(InputError, match="--low: no rate down to"):
            bisect(prober(0.0)[0], 1.0, 2.0, 0.1)
        with pytest.raises(InputError, match="--high: every rate up to"):
            bisect(prober(1e9)[0], 1.0, 2.0, 0.1)


class TestInterval:
    def test_students_t(self):
        knee = Knee("a", {seed: (value, value) for seed, value in enumerate([4.0, 5.0, 6.0])})
        low, high = knee.interval()
        assert knee.mean == 5.0
        assert (low, high) == pytest.approx((5 - 4.302653 / 3**0.5, 5 + 4.302653 / 3**0.5))

    def test_no_narrower_than_the_bracket(self):
        knee = Knee("a", dict.fromkeys(range(3), (4.9, 5.1)))
        assert knee.interval() == pytest.approx((4.9, 5.1))
        assert Knee("a", {0: (4.9, 5.1)}).interval() is None

    def test_table_puts_the_highest_first(self):
        knees = [Knee("low", {0: (3.9, 4.1)}), Knee("high", {0: (5.9, 6.1)})]
        lines = as_text(knees).splitlines()
        assert lines[1].split()[:2] == ["high", "6.00"]
        assert lines[1].endswith("1.50x")

    def test_plot(self, tmp_path):
        pytest.importorskip("matplotlib")
        knees = [Knee("low", {0: (3.9, 4.1), 1: (4, 4.2)}), Knee("high", {0: (5.9, 6.1)})]
        plot(knees, tmp_path / "knee.svg")
        text = (tmp_path / "knee.svg").read_text()
        assert text.startswith("<?xml")
        assert len(text) > 5000


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
        config = make_config(policy="fifo", interarrival=100.0, window=(0, 1), multi_gpu=True)
        offered = offered_work(config, measurements.keys)
        drawn = np.bincount(jobs.key, jobs.scale_factor, offered.size) / jobs.size
        np.testing.assert_allclose(offered / mean_duration(None) * 100.0, drawn, atol=0.004)
        kinds = sum(DISTRIBUTED)
        assert np.count_nonzero(offered) == 26 + 3 * kinds

    def test_fixed_duration(self):
        assert mean_duration(1800.0) == 1800.0

    def test_nothing_where_jobs_do_not_keep_arriving(self):
        config = make_config(policy="fifo", jobs=5)
        assert not offered_work(config, load_throughputs().keys).any()


class TestBounds:
    def test_papers_cluster(self):
        """No policy without space sharing can go beyond 5.84; equal time everywhere gives 4.80."""
        config = make_config(policy="fifo", rate=1.0, window=(0, 1))
        assert highest_rate(config) == pytest.approx(5.8377, abs=1e-4)
        assert evenly_shared_rate(config) == pytest.approx(4.7958, abs=1e-4)

    def test_one_type_of_worker_is_arithmetic(self):
        config = make_config(policy="fifo", rate=1.0, window=(0, 1), cluster={"v100": 10})
        assert highest_rate(config) == pytest.approx(10 * 3600 / mean_duration(None), rel=1e-9)
        assert evenly_shared_rate(config) == pytest.approx(highest_rate(config), rel=1e-9)


@pytest.mark.slow
def test_a_real_knee_lies_where_arithmetic_puts_it(tmp_path, capsys):
    """Isolated shares give every job equal time on all workers: the knee is 4.80 of 36:36:36."""
    words = ["knee", "--policy", "isolated", "--cluster", "6:6:6", "--seeds", "0", "--json"]
    words += ["--window", "4000:4200", "--precision", "0.05", "--output", str(tmp_path / "knee")]
    assert main(words) == 0
    out, err = capsys.readouterr()
    (found,) = json.loads(out)
    assert err == ""
    assert found["knee"] == pytest.approx(4.7958 / 6, rel=0.06)
    kept = (tmp_path / "knee" / "probes.json").read_text()
    assert main(words) == 0
    assert capsys.readouterr().out == out
    assert (tmp_path / "knee" / "probes.json").read_text() == kept
