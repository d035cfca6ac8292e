"""The decider of ground truth on queues whose answer is known: M/M/c, and jobs as uneven as ours."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from bench.queue_labels import is_hopeless, label

SERVERS, ARRIVALS = 20, 100_000


def exponential(draws, count):
    return draws.exponential(1.0, count)


def uneven(draws, count):
    """Durations as they are drawn for the paper's jobs, of mean 1."""
    long = draws.random(count) < 0.2
    minutes = 10 ** np.where(long, 3 + draws.random(count), 1.5 + 1.5 * draws.random(count))
    return minutes / (0.2 * 3908.65 + 0.8 * 280.35)


def queue(load, seed, service):
    """Jobs in a system of first come, first served, at every hundredth arrival."""
    draws = np.random.default_rng(seed)
    arrival = np.cumsum(draws.exponential(1.0 / (load * SERVERS), ARRIVALS))
    length = service(draws, ARRIVALS)
    free, leave = [0.0] * SERVERS, np.empty(ARRIVALS)
    for job, (came, takes) in enumerate(zip(arrival.tolist(), length.tolist(), strict=True)):
        leave[job] = max(heapq.heappop(free), came) + takes
        heapq.heappush(free, leave[job])
    gone = np.searchsorted(np.sort(leave), arrival, side="right")
    return (np.arange(1, ARRIVALS + 1) - gone)[::100].astype(float)


@pytest.mark.parametrize("service", [exponential, uneven])
@pytest.mark.parametrize(
    ("load", "answer"), [(0.95, "sustained"), (0.98, "sustained"), (1.05, "saturated")]
)
def test_known_queues(load, answer, service):
    assert {label(queue(load, seed, service)) for seed in range(3)} == {answer}


@pytest.mark.slow
@pytest.mark.parametrize("service", [exponential, uneven])
@pytest.mark.parametrize(
    ("load", "answer"), [(0.95, "sustained"), (0.98, "sustained"), (1.02, "saturated"), (1.05, "saturated")]
)  # fmt: skip
def test_seldom_wrong_near_the_knee(load, answer, service):
    """Wrong at most once in twenty; what it cannot tell it says."""
    found = [label(queue(load, seed, service)) for seed in range(20)]
    wrong = {"sustained": "saturated", "saturated": "sustained"}[answer]
    assert found.count(wrong) <= 1
    assert found.count(answer) >= 14


def test_a_plain_line_and_a_plain_level():
    line = np.linspace(0.0, 500.0, 1000)
    assert label(line) == "saturated"
    assert label(100.0 + np.sin(line)) == "sustained"


LONG = 10 * 108.0
"""Jobs as of which labels may be given up at the least."""


def given_up(active):
    """At which of the looks at a run it is given up, None if at none."""
    looks = range(10, active.size + 1, 10)
    return next((end for end in looks if is_hopeless(active[:end], LONG)), None)


@pytest.mark.parametrize("service", [exponential, uneven])
@pytest.mark.parametrize(("load", "ends"), [(0.98, False), (1.10, True), (1.25, True)])
def test_only_what_is_hopeless_is_given_up(load, ends, service):
    """A queue of the paper's jobs at 0.98 comes to 450; at 1.25 a tenth of the run says enough."""
    found = [given_up(queue(load, seed, service)) for seed in range(3)]
    assert [end is not None for end in found] == [ends] * 3
    assert all(end is None or end < 1000 * 0.03 / (load - 1.0) for end in found)


@pytest.mark.slow
@pytest.mark.parametrize("service", [exponential, uneven])
@pytest.mark.parametrize("load", [0.90, 0.95, 0.98])
def test_no_sustained_load_is_given_up(load, service):
    assert all(given_up(queue(load, seed, service)) is None for seed in range(40))


def test_a_long_queue_that_comes_back_is_not_given_up():
    assert not is_hopeless(2000.0 + 100.0 * np.sin(np.arange(1000.0)), LONG)
    assert is_hopeless(np.arange(0.0, 1200.0, 2.0), LONG)
