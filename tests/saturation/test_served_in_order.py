"""A queue that is served in order has the figures of a run to the last bit, without its mechanism."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulator.runs.saturation import long_queue
from simulator.runs.saturation.bounds import highest_rate
from simulator.runs.saturation.long_queue import LongQueue, seconds_between
from simulator.runs.saturation.served_in_order import FAILURES, ServedInOrder
from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig
from simulator.settings.options import make_config
from simulator.world.workload import DrawnWorkload


def config(**settings: Any) -> RunConfig:
    return make_config(policy="fifo_perf", rate=1.0, window=(0, 1), **settings)


def both(
    own: RunConfig, monkeypatch: pytest.MonkeyPatch, arrivals: float | None
) -> tuple[ServedInOrder, Simulation, np.ndarray]:
    """The same queue without the mechanism and with it, in the same rounds."""
    bound = highest_rate(own)
    without = LongQueue(own, bound, 300.0, arrivals=arrivals)
    monkeypatch.setattr(long_queue, "needs_no_mechanism", lambda *_: False)
    monkeypatch.setattr(long_queue, "seconds_of_like_rounds", seconds_between)
    mechanism = LongQueue(own, bound, 300.0, arrivals=arrivals)
    assert isinstance(without._simulation, ServedInOrder)
    assert isinstance(mechanism._simulation, Simulation)
    return without._simulation, mechanism._simulation, bound.workers


@pytest.mark.parametrize(
    ("settings", "arrivals"),
    [
        ({"seed": 1}, None),
        ({"multi_gpu": True, "seed": 2}, None),
        ({"multi_gpu": True, "seed": 3, "cluster": "12:12:12"}, None),
        ({"multi_gpu": True, "seed": 4, "cluster": "60:0:4", "multi_priority": True}, None),
        ({"seed": 5, "round_seconds": 1200}, None),
        ({"seed": 6, "cluster": "1:1:1"}, 0.02),
    ],
)
def test_it_has_the_figures_of_a_run(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], arrivals: float | None
) -> None:
    """Steps left, costs and times of all jobs after 500 rounds, also where the queue runs dry (the last)."""
    without, mechanism, workers = both(config(**settings), monkeypatch, arrivals)
    mechanism.advance(1)  # of the last round it says what has been before
    for rounds in (1, 9, 90, 400):
        without.advance(rounds)
        mechanism.advance(rounds)
        assert (without.time, without.arrived, without.active) == (
            mechanism.time,
            mechanism.arrived,
            mechanism.active,
        )
        for mine, its in zip(without.parts_left(), mechanism.parts_left(), strict=True):
            np.testing.assert_array_equal(mine, its)
        np.testing.assert_array_equal(without.costs(), mechanism.mechanism.received("cost"))
        seen, used = mechanism.mechanism.metrics()
        in_use = np.diff(seen["time"], append=mechanism.time) @ used * workers
        np.testing.assert_allclose(without.seconds_in_use, in_use, rtol=1e-12)
    assert (seen["running"] == 0).any() == (arrivals is not None)


def test_jobs_with_less_than_a_step_for_each_worker_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a run, after five rounds; otherwise they would stay for good."""
    queue_up = LongQueue._queue_up

    def with_short_ones(self: LongQueue, workload: DrawnWorkload, whole: Any) -> None:
        queue_up(self, workload, whole)
        workload.jobs.steps[::20] = 1.5

    monkeypatch.setattr(LongQueue, "_queue_up", with_short_ones)
    without, mechanism, _ = both(config(multi_gpu=True, seed=7), monkeypatch, None)
    without.advance(150)
    mechanism.advance(151)
    dropped = mechanism.mechanism._count.dropped
    assert int((without._line.failures >= FAILURES).sum()) == dropped > 0
    assert without.active == mechanism.active


def test_it_has_the_pace_of_rounds_as_they_are() -> None:
    """Half a percent at most beside rounds of 360 s with the mechanism, over 200 hours of the same jobs."""
    own = config(seed=8)
    bound, paces = highest_rate(own), []
    for needs in (long_queue.needs_no_mechanism, lambda *_: False):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(long_queue, "needs_no_mechanism", needs)
            patched.setattr(long_queue, "seconds_of_like_rounds", lambda same: same)
            queue = LongQueue(own, bound, 200.0)
            for _ in range(5):
                queue.go_on(40.0)
            paces.append(queue.pace(1).rate)
    assert paces[0] == pytest.approx(paces[1], rel=0.005)
    assert paces[0] != paces[1]
