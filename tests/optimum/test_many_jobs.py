"""Programs of thousands of jobs, no two of them alike: solved, and not handed to another engine."""

from __future__ import annotations

from bench.states import Drawn
from gavel_opt import Driver, make_policy


def test_the_sum_of_throughputs_of_ten_thousand_jobs_is_proved():
    driver = Driver(make_policy("max_sum_throughput_perf"), fallback=())
    driver.allocate(Drawn("distinct", 10_000).now)
    assert driver.tally.max_relative_gap < 1e-9
