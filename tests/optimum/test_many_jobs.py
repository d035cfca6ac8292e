"""Programs of thousands of jobs, no two of them alike: solved, and not handed to another engine."""

from __future__ import annotations

from bench.states import Drawn
from gavel_opt import Driver, Status, make_engine, make_policy


def test_the_sum_of_throughputs_of_ten_thousand_jobs_is_proved():
    driver = Driver(make_policy("max_sum_throughput_perf"), fallback=())
    driver.allocate(Drawn("distinct", 10_000).now)
    assert driver.tally.max_relative_gap < 1e-9


def test_many_jobs_take_no_more_steps_to_the_centre_than_few():
    """Jobs far from their centre do not hold up the others: with one length for all it was 10, 17, 29, ..."""
    steps = []
    for jobs in (500, 8_000):
        policy = make_policy("min_total_duration_perf")
        program = next(policy.programs(Drawn("contended", jobs).now, True))
        solution, _ = make_engine("structured").solve_blocks(program)
        assert solution.status is Status.OPTIMAL
        steps.append(solution.stats.iterations)
    assert 0 < steps[1] <= steps[0] + 2
